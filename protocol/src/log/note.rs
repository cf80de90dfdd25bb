//! Signed notes (C2SP signed-note): a text, an empty line, signature lines.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};

use crate::digest::Digest;
use crate::reason::{Fault, Reason};

/// Longest note, in bytes (`LOG-012`): the 16 signatures that C2SP has every verifier accept, of nearly 5 kB each when they are
/// to withstand quantum computers.
pub const MAX_NOTE: usize = 128 * 1024;
/// Signature lines that are read; a witness adds one each (`LOG-012`).
pub const MAX_NOTE_SIGNATURES: usize = 32;

/// The signature type of plain Ed25519 in a note's key id.
const ED25519_TYPE: u8 = 0x01;
/// What every signature line begins with: an em dash and a space.
const MARK: &str = "\u{2014} ";

/// A note taken apart; no signature is checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The key's name.
    pub name: String,
    /// The first four bytes of SHA-256(name || 0x0A || type || key).
    pub key_id: [u8; 4],
    /// The signature.
    pub signature: Vec<u8>,
}

/// The key id of an Ed25519 key in notes.
pub fn key_id(name: &str, public: &[u8]) -> [u8; 4] {
    let digest = Digest::of_parts(&[name.as_bytes(), b"\n", &[ED25519_TYPE], public]);
    [digest.0[0], digest.0[1], digest.0[2], digest.0[3]]
}

/// A note over `text` (which ends in a line break; `LOG-012`) with one signature by the key `public` called `name`.
pub fn sign_note(text: &str, name: &str, public: &[u8], sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let blob = [key_id(name, public).as_slice(), &sign(text.as_bytes())].concat();
    format!("{text}\n{MARK}{name} {}\n", STANDARD.encode(blob)).into_bytes()
}

impl SignedNote {
    /// Reads a note.
    ///
    /// # Errors
    /// `log.checkpoint`: not UTF-8, control characters, no signature, a malformed line, too long.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let wrong = |detail: &str| Fault::new(Reason::LogCheckpoint, detail);
        if bytes.len() > MAX_NOTE {
            return Err(wrong("the note is longer than 128 KiB"));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| wrong("the note is not UTF-8"))?;
        if note.bytes().any(|c| c < b' ' && c != b'\n') {
            return Err(wrong("the note has control characters"));
        }
        let at = note.rfind("\n\n").ok_or_else(|| wrong("the note has no signatures"))?;
        let (text, lines) = (&note[..=at], &note[at + 2..]);
        let lines = lines.strip_suffix('\n').ok_or_else(|| wrong("the note does not end with a line break"))?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == MAX_NOTE_SIGNATURES {
                return Err(wrong("the note has more than 32 signatures"));
            }
            signatures.push(NoteSignature::parse(line).ok_or_else(|| wrong("a signature line is malformed"))?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text that is signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Checks the signature of the Ed25519 key `public` called `name`. Lines of other keys are passed over, as C2SP says.
    ///
    /// # Errors
    /// `log.signature` if there is no such line, or its signature does not verify.
    pub fn verify(&self, name: &str, public: &[u8]) -> Result<(), Fault> {
        let id = key_id(name, public);
        let mut lines = self.signatures.iter().filter(|line| line.name == name && line.key_id == id).peekable();
        if lines.peek().is_none() {
            return Err(Fault::new(Reason::LogSignature, "the note is not signed by this key"));
        }
        let key = UnparsedPublicKey::new(&ED25519, public);
        if lines.all(|line| key.verify(self.text.as_bytes(), &line.signature).is_ok()) {
            return Ok(());
        }
        Err(Fault::new(Reason::LogSignature, "the note's signature does not verify"))
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Option<Self> {
        let (name, blob) = line.strip_prefix(MARK)?.split_once(' ')?;
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c == '+') {
            return None;
        }
        let blob = STANDARD.decode(blob).ok()?;
        let (key_id, signature) = blob.split_first_chunk::<4>()?;
        (!signature.is_empty()).then(|| Self { name: name.to_owned(), key_id: *key_id, signature: signature.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::super::Checkpoint;
    use super::*;

    fn checkpoint() -> (Vec<u8>, Ed25519KeyPair) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let checkpoint = Checkpoint { origin: "carnet.example/nl/1".into(), size: 5, root: Digest::of(b"root") };
        (checkpoint.sign(pair.public_key().as_ref(), |text| pair.sign(text).as_ref().to_vec()), pair)
    }

    #[test]
    fn a_checkpoint_comes_back_from_its_note() {
        let (note, pair) = checkpoint();
        let public = pair.public_key().as_ref();
        let open = Checkpoint::open(&note, "carnet.example/nl/1", public).unwrap();
        assert_eq!((open.size, open.root), (5, Digest::of(b"root")));
        assert_eq!(Checkpoint::open(&note, "carnet.example/nl/2", public).unwrap_err().reason, Reason::LogOrigin);
        assert_eq!(Checkpoint::open(&note, "carnet.example/nl/1", &[1; 32]).unwrap_err().reason, Reason::LogSignature);
        // A witness's line beside ours is passed over.
        let witnessed = [note.as_slice(), "\u{2014} witness AAAAAAAA\n".as_bytes()].concat();
        assert!(Checkpoint::open(&witnessed, "carnet.example/nl/1", public).is_ok());
    }

    #[test]
    fn no_changed_byte_passes() {
        let (note, pair) = checkpoint();
        for at in 0..note.len() {
            for flip in [1, 0x20, 0x80] {
                let mut changed = note.clone();
                changed[at] ^= flip;
                let opened = Checkpoint::open(&changed, "carnet.example/nl/1", pair.public_key().as_ref());
                assert!(opened.is_err(), "byte {at} changed by {flip}");
            }
            assert!(Checkpoint::open(&note[..at], "carnet.example/nl/1", pair.public_key().as_ref()).is_err());
        }
    }

    #[test]
    fn limits_hold_at_their_edge() {
        let (note, pair) = checkpoint();
        let public = pair.public_key().as_ref();
        let opens = |note: &[u8]| Checkpoint::open(note, "carnet.example/nl/1", public).is_ok();
        let line = "\u{2014} witness AAAAAAAA\n".as_bytes();
        let full = [note.as_slice(), &line.repeat(MAX_NOTE_SIGNATURES - 1)].concat();
        assert!(opens(&full) && !opens(&[full.as_slice(), line].concat()));

        // The name of the second line is as long as there is room for.
        let head = [note.as_slice(), "\u{2014} ".as_bytes()].concat();
        let tail = b" AAAAAAAA\n";
        let long = |total: usize| [head.as_slice(), &vec![b'w'; total - head.len() - tail.len()], tail].concat();
        assert!(opens(&long(MAX_NOTE)) && !opens(&long(MAX_NOTE + 1)));
    }

    #[test]
    fn a_text_is_three_lines_and_more_none_empty() {
        let root = STANDARD.encode([0; 32]);
        let good = |text: String| Checkpoint::from_text(&text).is_ok();
        assert!(good(format!("a\n1\n{root}\n")) && good(format!("a\n1\n{root}\nmore\n")));
        for bad in [
            format!("a\n1\n{root}"),
            format!("a\n1\n{root}\n\n"),
            format!("a\n1\n{root}\n\nmore\n"),
            format!("\n1\n{root}\n"),
            format!("https://a\n1\n{root}\n"),
            format!("a\n1\n{}\n", STANDARD.encode([0; 33])),
            format!("a\n1\n{}\n", root.trim_end_matches('=')),
            // The last character has bits that no byte uses: another spelling of the same root.
            format!("a\n1\n{}B=\n", &root[..42]),
            "a\n1\n".to_owned(),
        ] {
            assert!(!good(bad.clone()), "{bad:?}");
        }
    }

    #[test]
    fn the_example_of_c2sp_is_read() {
        // C2SP tlog-checkpoint: a note by another implementation, under a key that the text does not give.
        let note = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} example.com/behind-the-sofa \
                    Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
        let note = SignedNote::parse(note.as_bytes()).unwrap();
        let checkpoint = Checkpoint::from_text(note.text()).unwrap();
        assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("example.com/behind-the-sofa", 20_852_163));
        assert_eq!((note.signatures().len(), note.signatures()[0].signature.len()), (1, 64));
        assert_eq!(note.signatures()[0].key_id, [0x03, 0x3d, 0xe0, 0xae]);
    }

    #[test]
    fn sizes_have_one_spelling() {
        for (line, good) in
            [("0", true), ("18446744073709551615", true), ("01", false), ("+1", false), ("", false), ("18446744073709551616", false)]
        {
            let text = format!("a\n{line}\n{}\n", STANDARD.encode([0; 32]));
            assert_eq!(Checkpoint::from_text(&text).is_ok(), good, "{line}");
        }
    }
}
