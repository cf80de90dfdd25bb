//! Payloads: heavy bytes, named by what they are. Implements spec/02-package.md, section "Payloads" (`PAY-…`).
//!
//! The way of a payload: `bytes -> PayloadHasher -> PayloadName + ChunkList` at its maker;
//! `(size, root) + untrusted hashes -> ChunkList -> check each chunk as it arrives` at who receives it.
//! There is no way to a [`ChunkList`] that has not been held against its root.

use crate::digest::Digest;
use crate::merkle::root_of;
use crate::reason::Reason;

mod geometry;
mod hasher;

pub use geometry::{CHUNK, Geometry, MAX_CHUNKS, MAX_PAYLOAD, TooLarge};
pub use hasher::PayloadHasher;

/// Bytes of one entry in the wire form of a chunk list.
pub const HASH_LEN: usize = 32;

/// What a payload is called: its size, its tree root (authoritative) and its flat digest (`PAY-001`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PayloadName {
    /// Length in bytes.
    pub size: u64,
    /// RFC 9162 tree head over the chunks (`PAY-004`).
    pub root: Digest,
    /// SHA-256 of the bytes, which any tool can check (`PAY-007`).
    pub sha256: Digest,
}

/// The hash of one chunk, a leaf of the payload's tree: SHA-256(0x00 || chunk) (`PAY-003`).
pub fn chunk_hash(chunk: &[u8]) -> Digest {
    Digest::of_parts(&[&[LEAF], chunk])
}

/// The hashes of all chunks of one payload, held against its root: 32 bytes a mebibyte, at most 2 MiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkList {
    geometry: Geometry,
    root: Digest,
    hashes: Vec<Digest>,
}

/// Why a chunk list is not taken. The maker of the list is at fault, except for [`ChunkListError::TooLarge`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkListError {
    /// The size named in the record is past the limit (`PAY-002`).
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The list is not as long as the size asks for (`PAY-005`).
    #[error("the chunk list has {found} bytes where a payload of {size} bytes needs {expected}: the sender is at fault, ask another")]
    Length {
        /// The payload's size in bytes.
        size: u64,
        /// Bytes that the list must have.
        expected: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// The list does not lead to the root that the signed record names (`PAY-005`).
    #[error("the chunk list leads to root {found}, not to the record's {expected}: the sender is at fault, ask another")]
    Root {
        /// The root that the record names.
        expected: Digest,
        /// The root that the list leads to.
        found: Digest,
    },
}

/// Why a chunk is not taken (`PAY-006`). Who sent the chunk is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The payload has no chunk of that index.
    #[error("chunk {index} of a payload of {count} chunks: the sender is at fault")]
    Index {
        /// The index that was named, from zero.
        index: u32,
        /// Chunks that the payload has.
        count: u32,
    },
    /// The chunk has another length than its place gives it.
    #[error("chunk {index} has {found} bytes instead of {expected}: the sender is at fault")]
    Length {
        /// The chunk, from zero.
        index: u32,
        /// Bytes that it must have.
        expected: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// The chunk's bytes are not those that the record's maker signed for.
    #[error("chunk {index} is not the chunk that was signed for: it was changed on its way or at the sender, fetch it again")]
    Hash {
        /// The chunk, from zero.
        index: u32,
    },
}

impl ChunkListError {
    /// The registered reason code.
    pub fn reason(&self) -> Reason {
        match self {
            Self::TooLarge(_) => Reason::PayloadTooLarge,
            Self::Length { .. } | Self::Root { .. } => Reason::PayloadRoot,
        }
    }
}

impl ChunkError {
    /// The registered reason code.
    pub fn reason(&self) -> Reason {
        Reason::PayloadChunk
    }
}

impl ChunkList {
    /// The list whose wire form is `bytes` (hash after hash), held against the size and root of a signed record.
    /// The length is judged before anything is copied. A size that is wrong within the last chunk passes here, since a
    /// root says nothing about the last chunk's length; no chunk will then pass [`ChunkList::check`] in its place.
    pub fn from_bytes(size: u64, root: Digest, bytes: &[u8]) -> Result<Self, ChunkListError> {
        let geometry = Geometry::new(size)?;
        let expected = geometry.count() as usize * HASH_LEN;
        if bytes.len() != expected {
            return Err(ChunkListError::Length { size, expected, found: bytes.len() });
        }
        let hashes: Vec<Digest> = bytes.chunks_exact(HASH_LEN).filter_map(Digest::from_slice).collect();
        let found = root_of(&hashes);
        if found != root {
            return Err(ChunkListError::Root { expected: root, found });
        }
        Ok(Self { geometry, root, hashes })
    }

    /// The wire form: hash after hash, in the order of the chunks.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|hash| hash.0).collect()
    }

    /// The payload's length in bytes.
    pub fn size(&self) -> u64 {
        self.geometry.size()
    }

    /// The root to which this list leads.
    pub fn root(&self) -> Digest {
        self.root
    }

    /// Where the chunks lie.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The hashes, in the order of the chunks.
    pub fn hashes(&self) -> &[Digest] {
        &self.hashes
    }

    /// Whether `chunk` is the payload's chunk `index`: index, then length, then hash (`PAY-006`).
    pub fn check(&self, index: u32, chunk: &[u8]) -> Result<(), ChunkError> {
        let count = self.geometry.count();
        let (Some(expected), Some(hash)) = (self.geometry.len_of(index), self.hashes.get(index as usize)) else {
            return Err(ChunkError::Index { index, count });
        };
        if chunk.len() != expected {
            return Err(ChunkError::Length { index, expected, found: chunk.len() });
        }
        if chunk_hash(chunk) != *hash { Err(ChunkError::Hash { index }) } else { Ok(()) }
    }

    /// A list that was made from the bytes themselves, whose root is therefore right.
    fn computed(geometry: Geometry, hashes: Vec<Digest>) -> Self {
        Self { geometry, root: root_of(&hashes), hashes }
    }
}

/// RFC 9162 2.1.1: the prefix of a leaf's hash.
const LEAF: u8 = 0;

#[cfg(test)]
mod tests;
