//! Checkpoints: origin, size and root as the text of a note (C2SP tlog-checkpoint).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::note::{SignedNote, sign_note};
use super::origin::is_origin;
use crate::digest::Digest;
use crate::reason::{Fault, Reason};

/// The state of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name: a schema-less URL.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Digest,
}

impl Checkpoint {
    /// The text that is signed: three lines.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.as_bytes()))
    }

    /// The checkpoint as a note with one signature, made by `sign` over the text with the key `public` (Ed25519, 32 bytes).
    pub fn sign(&self, public: &[u8], sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
        sign_note(&self.text(), &self.origin, public, sign)
    }

    /// Reads a note's text (`LOG-010`). Extension lines after the root are allowed, may not be empty, and are covered by the
    /// signature; none means anything here.
    ///
    /// # Errors
    /// `log.checkpoint`.
    pub fn from_text(text: &str) -> Result<Self, Fault> {
        let wrong = |detail: &str| Fault::new(Reason::LogCheckpoint, detail);
        let text = text.strip_suffix('\n').ok_or_else(|| wrong("the last line is not ended"))?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(wrong("a checkpoint has three lines: origin, size, root"));
        };
        if lines.any(str::is_empty) {
            return Err(wrong("an extension line is empty"));
        }
        if !is_origin(origin) {
            return Err(wrong("the origin is a URL without its scheme, of 1 to 128 letters, digits and ._-/:"));
        }
        let canonical = size == "0" || (!size.starts_with('0') && size.bytes().all(|c| c.is_ascii_digit()));
        let size = size.parse().ok().filter(|_| canonical).ok_or_else(|| wrong("the size is a decimal number without leading zeros"))?;
        let root = STANDARD
            .decode(root)
            .ok()
            .and_then(|bytes| Digest::from_slice(&bytes))
            .ok_or_else(|| wrong("the root is 32 bytes in base64"))?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// Opens a note: reads it and checks that the log's key `public` signed it.
    ///
    /// # Errors
    /// `log.checkpoint`, `log.origin` if it is of another log than `origin`, `log.signature`.
    pub fn open(note: &[u8], origin: &str, public: &[u8]) -> Result<Self, Fault> {
        let note = SignedNote::parse(note)?;
        let checkpoint = Self::from_text(note.text())?;
        if checkpoint.origin != origin {
            return Err(Fault::new(Reason::LogOrigin, "the checkpoint is of another log"));
        }
        note.verify(origin, public)?;
        Ok(checkpoint)
    }
}
