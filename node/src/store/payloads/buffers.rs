//! Buffers of one sealed chunk, used again and again: a fresh mebibyte costs 256 page faults and as many zeroed pages.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use carnet_protocol::payload::CHUNK;

use super::cipher::TAG;

/// Room for a chunk and its tag.
const ROOM: usize = CHUNK + TAG;

/// Where buffers come from and go back to. Cheap to clone. Bounds what is kept, not what is taken: who takes bounds that.
#[derive(Clone)]
pub struct ChunkPool {
    home: Arc<Home>,
}

struct Home {
    free: Mutex<Vec<Box<[u8]>>>,
    keep: usize,
}

impl ChunkPool {
    /// A pool that keeps at most `keep` buffers that nobody uses.
    pub fn new(keep: usize) -> Self {
        Self { home: Arc::new(Home { free: Mutex::new(Vec::new()), keep }) }
    }

    /// An empty buffer with room for one chunk.
    pub fn take(&self) -> ChunkBuf {
        let free = self.home.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = free.unwrap_or_else(|| vec![0; ROOM].into_boxed_slice());
        ChunkBuf { bytes, len: 0, home: Arc::clone(&self.home) }
    }
}

/// A chunk's bytes, at most 1 MiB (and 16 bytes of tag inside this module). Returns to its pool when dropped.
pub struct ChunkBuf {
    bytes: Box<[u8]>,
    len: usize,
    home: Arc<Home>,
}

impl ChunkBuf {
    /// Appends `more`, or gives back `false` and changes nothing if the chunk would grow past 1 MiB.
    #[must_use]
    pub fn extend(&mut self, more: &[u8]) -> bool {
        self.append(more, CHUNK)
    }

    /// Makes the buffer `len` bytes long, at most 1 MiB, for a reader to fill. What is in it then is of no meaning.
    pub fn set_len(&mut self, len: usize) {
        self.len = len.min(CHUNK);
    }

    /// Empties the buffer.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) fn push_tag(&mut self, tag: &[u8; TAG]) {
        let fits = self.append(tag, ROOM);
        debug_assert!(fits, "a chunk is at most 1 MiB, and there is room for its tag");
    }

    pub(super) fn set_sealed_len(&mut self, len: usize) {
        self.len = len.min(ROOM);
    }

    fn append(&mut self, more: &[u8], limit: usize) -> bool {
        let end = self.len + more.len();
        if end > limit {
            return false;
        }
        self.bytes[self.len..end].copy_from_slice(more);
        self.len = end;
        true
    }
}

impl Deref for ChunkBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl DerefMut for ChunkBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }
}

impl AsRef<[u8]> for ChunkBuf {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for ChunkBuf {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut free = self.home.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < self.home.keep {
            free.push(bytes);
        }
    }
}
