//! Packages: one file, `.uff`, with records and their payloads, for exchange by any medium. Implements spec/02-package.md, `PKG-*`.
//!
//! A package holds the wire's own frames in one canonical order, so it is written and read forward, in one pass, in bounded memory:
//!
//! ```text
//! header  log-key*  { record openings? proof { chunk-list chunk* }* }*  trailer
//! ```
//!
//! Log keys ascend by the digest of their body, records by their id, payloads by their index, chunks by theirs. A payload that
//! was not released is simply not there. The trailer counts everything and digests all bytes before it.

mod read;
mod write;

pub use read::{Item, PackageError, Reader};
pub use write::Writer;

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::digest::Digest;

/// The name in the first frame.
const FORMAT: &str = "carnet-uff";
/// The version in the first frame.
const VERSION: u32 = 1;

/// The first frame.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Header {
    #[n(0)]
    format: String,
    #[n(1)]
    version: u32,
}

impl Header {
    fn current() -> Self {
        Self { format: FORMAT.to_owned(), version: VERSION }
    }
}

/// The list of chunk hashes before a payload's chunks, in a package and in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ChunkListMessage {
    /// The record that the payload belongs to.
    #[n(1)]
    pub record: Digest,
    /// Its index there.
    #[n(2)]
    pub payload: u32,
    /// Its size in bytes.
    #[n(3)]
    pub size: u64,
    /// The chunk hashes, 32 bytes each.
    #[n(4)]
    pub hashes: ByteVec,
}

/// The last frame, and what a reader knows when it is through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Trailer {
    /// Records in the package.
    #[n(1)]
    pub records: u64,
    /// Payloads in the package.
    #[n(2)]
    pub payloads: u64,
    /// SHA-256 of all bytes before the trailer's frame.
    #[n(3)]
    pub digest: Digest,
}
