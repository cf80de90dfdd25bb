//! Naming a payload while its bytes pass by: one pass, no copy, 32 bytes of memory a mebibyte.

use ring::digest::{Context, SHA256};

use super::geometry::{CHUNK, Geometry, MAX_PAYLOAD, TooLarge};
use super::{ChunkList, LEAF, PayloadName};
use crate::digest::Digest;

/// Takes a payload's bytes in pieces of any length; gives its name and chunk list.
pub struct PayloadHasher {
    flat: Context,
    chunk: Context,
    in_chunk: usize,
    size: u64,
    hashes: Vec<Digest>,
}

impl PayloadHasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Self {
        Self { flat: Context::new(&SHA256), chunk: leaf_context(), in_chunk: 0, size: 0, hashes: Vec::new() }
    }

    /// Takes the next bytes. A piece that would lead past the limit is refused whole and changes nothing.
    pub fn update(&mut self, mut bytes: &[u8]) -> Result<(), TooLarge> {
        let size = self.size.saturating_add(bytes.len() as u64);
        if size > MAX_PAYLOAD {
            return Err(TooLarge(size));
        }
        self.size = size;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.in_chunk));
            // Both digests take the same short piece, so that the second finds it in the cache.
            self.flat.update(now);
            self.chunk.update(now);
            self.in_chunk += now.len();
            if self.in_chunk == CHUNK {
                self.end_chunk();
            }
            bytes = later;
        }
        Ok(())
    }

    /// The name and chunk list of all that was seen.
    pub fn finish(mut self) -> Result<(PayloadName, ChunkList), TooLarge> {
        if self.in_chunk > 0 {
            self.end_chunk();
        }
        let chunks = ChunkList::computed(Geometry::new(self.size)?, self.hashes);
        Ok((PayloadName { size: self.size, root: chunks.root(), sha256: Digest::finish(self.flat) }, chunks))
    }

    /// The name and chunk list of bytes that are all in memory.
    pub fn hash(bytes: &[u8]) -> Result<(PayloadName, ChunkList), TooLarge> {
        let mut hasher = Self::new();
        hasher.update(bytes)?;
        hasher.finish()
    }

    /// As [`PayloadHasher::hash`], for bytes whose SHA-256 the caller has computed already: a pass less over them.
    pub fn hash_chunks(bytes: &[u8], sha256: Digest) -> Result<(PayloadName, ChunkList), TooLarge> {
        let geometry = Geometry::new(bytes.len() as u64)?;
        let chunks = ChunkList::computed(geometry, bytes.chunks(CHUNK).map(super::chunk_hash).collect());
        Ok((PayloadName { size: geometry.size(), root: chunks.root(), sha256 }, chunks))
    }

    fn end_chunk(&mut self) {
        let done = std::mem::replace(&mut self.chunk, leaf_context());
        self.hashes.push(Digest::finish(done));
        self.in_chunk = 0;
    }
}

impl Default for PayloadHasher {
    fn default() -> Self {
        Self::new()
    }
}

fn leaf_context() -> Context {
    let mut context = Context::new(&SHA256);
    context.update(&[LEAF]);
    context
}
