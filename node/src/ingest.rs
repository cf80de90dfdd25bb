//! Files in, drafts out: decode what a vendor wrote, keep what he wrote.
//!
//! ```text
//! path -> bytes (bounded) -> sniff -> decoder -> view -> Draft { decoded payloads, native file verbatim }
//! ```
//!
//! The decoded view can be shared as the record's handling says. The native file stays at home unless the sharer says otherwise:
//! it may hold what the decoded view leaves out.

mod declaration;
mod image;
mod spectrum;
pub mod synthetic;

use std::path::{Path, PathBuf};

use carnet_formats::Format;
use carnet_formats::imaging::ImageFault;
use carnet_protocol::digest::Digest;
use carnet_protocol::record::{Content, Handling, Image};

use crate::node::{Draft, DraftPayload, Source};

/// Largest file that is decoded. Larger ones can be carried opaque.
pub const MAX_FILE: u64 = 2 << 30;

/// What the officer says of a file, beyond what it says itself.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// The inspection that it belongs to.
    pub inspection: String,
    /// Who may have it.
    pub handling: Handling,
    /// Whether the native file goes where the decoded view goes.
    pub share_native: bool,
    /// Containers that it shows or that were measured.
    pub containers: Vec<String>,
    /// Whether it is carried as it is, without being decoded.
    pub opaque: bool,
}

/// Why a file is refused. Nothing of it is stored; the file stays where it is.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// It is too large to decode.
    #[error("{0} bytes; files up to 2 GiB are decoded. `--opaque` carries larger ones as they are")]
    TooLarge(u64),
    /// It is empty.
    #[error("the file is empty")]
    Empty,
    /// No decoder takes it.
    #[error(transparent)]
    Format(#[from] carnet_formats::FormatError),
    /// It is an image that cannot be read.
    #[error(transparent)]
    Image(#[from] ImageFault),
    /// Its samples cannot be coded.
    #[error("the image cannot be coded: {0}")]
    Plane(#[from] carnet_protocol::image::coding::EncodeError),
    /// It holds something that one record cannot.
    #[error("{0}")]
    Content(String),
}

/// A file that was read and hashed, not decoded yet.
#[derive(Debug)]
pub struct NativeFile {
    path: PathBuf,
    /// SHA-256 of its bytes: by it a second import is found.
    pub sha256: Digest,
    bytes: Option<Vec<u8>>,
}

impl NativeFile {
    /// Reads a file and hashes it; one that will be carried opaque is hashed without being held. Blocks.
    ///
    /// # Errors
    /// A file that cannot be read, is empty, or is too large to decode.
    pub fn read(path: &Path, opaque: bool) -> Result<Self, IngestError> {
        let size = std::fs::metadata(path)?.len();
        if size == 0 {
            return Err(IngestError::Empty);
        }
        if opaque {
            let mut context = ring::digest::Context::new(&ring::digest::SHA256);
            let mut file = std::fs::File::open(path)?;
            let mut buffer = vec![0; 1 << 20];
            loop {
                match std::io::Read::read(&mut file, &mut buffer)? {
                    0 => break,
                    more => context.update(&buffer[..more]),
                }
            }
            return Ok(Self { path: path.to_owned(), sha256: Digest::finish(context), bytes: None });
        }
        if size > MAX_FILE {
            return Err(IngestError::TooLarge(size));
        }
        // The bound holds for what is read, not for what the folder said a moment ago.
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(std::fs::File::open(path)?, MAX_FILE + 1), &mut bytes)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(IngestError::TooLarge(bytes.len() as u64));
        }
        Ok(Self { path: path.to_owned(), sha256: Digest::of(&bytes), bytes: Some(bytes) })
    }

    /// Decodes it into a draft. Arithmetic only.
    ///
    /// # Errors
    /// Why no decoder takes it, with its place in the file.
    pub fn into_draft(self, wishes: Wishes) -> Result<Draft, IngestError> {
        let sha256 = self.sha256;
        let name = self.path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let Some(bytes) = self.bytes else { return Ok(opaque(self.path, wishes).native(sha256)) };
        let format = carnet_formats::sniff(&bytes, name.as_deref()).ok_or(carnet_formats::FormatError::Unknown)?;
        let handling = native_handling(&wishes);
        let draft = match format {
            format if format.is_image() => image::draft(&bytes, name.as_deref(), wishes)?,
            format if format.is_radiation() => spectrum::draft(&bytes, name.as_deref(), format, wishes)?,
            Format::DeclarationCsv | Format::DeclarationJson => declaration::draft(&bytes, name.as_deref(), wishes)?,
            _ => return Err(carnet_formats::FormatError::Unknown.into()),
        };
        // The native file verbatim, next to the decoded view.
        let source = Source::Hashed(bytes.into(), sha256);
        let native = DraftPayload { role: "native".into(), media: format.media_type().into(), source, handling };
        Ok(draft.payload(native).native(sha256))
    }
}

/// At home, unless the sharer says otherwise.
fn native_handling(wishes: &Wishes) -> Option<Handling> {
    (!wishes.share_native).then(|| Handling { releasable_to: Vec::new(), ..wishes.handling.clone() })
}

/// A file that is carried as it is: a vendor's own format, or a UFF file of the WCO.
fn opaque(path: PathBuf, wishes: Wishes) -> Draft {
    let content = Image {
        synthetic: false,
        projected: false,
        acquired: None,
        source: "opaque".into(),
        views: Vec::new(),
        containers: wishes.containers.clone(),
    };
    let payload = DraftPayload {
        role: "native".into(),
        media: "application/octet-stream".into(),
        source: Source::File(path),
        handling: native_handling(&wishes),
    };
    Draft::new(wishes.inspection, Content::Image(content)).handling(wishes.handling).payload(payload)
}

/// A text of a file as a record takes it: without control characters, cut to `limit` bytes at a character's edge, nothing if empty.
fn tidy(text: &str, limit: usize) -> Option<String> {
    let mut tidy: String = text.chars().filter(|c| !c.is_control()).collect();
    let mut end = tidy.len().min(limit);
    while !tidy.is_char_boundary(end) {
        end -= 1;
    }
    tidy.truncate(end);
    let tidy = tidy.trim();
    (!tidy.is_empty()).then(|| tidy.to_owned())
}
