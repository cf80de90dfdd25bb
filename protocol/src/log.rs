//! The transparency log: its checkpoints and proofs. Implements spec/03-log.md.
//!
//! Entry = SHA-256 of a record's signed bytes; leaf = SHA-256(0x00 || entry). Only a node's own records are entries of its log.
//! A checkpoint is a C2SP signed note with the log's Ed25519 key; a [`LogProof`] travels beside a record and changes nothing in it.

mod checkpoint;
mod note;
mod origin;
mod proof;

pub use checkpoint::Checkpoint;
pub use note::{MAX_NOTE, MAX_NOTE_SIGNATURES, NoteSignature, SignedNote, key_id, sign_note};
pub use origin::{MAX_ORIGIN, is_origin};
pub use proof::LogProof;
