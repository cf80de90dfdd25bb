//! Reading a durable payload: one read and one decryption a chunk, both into the same buffer.
//!
//! The file is read by position on its own descriptor, not by `object_store`'s ranges: those open the file, allocate and
//! zero-fill for every range, and cost 0.15 CPU seconds a GiB before anything is decrypted, where reading and decrypting
//! here takes 0.18 (`examples/bench_payloads.rs`). A store that is not a local folder would read ranges instead.

use std::fs::File;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use carnet_protocol::payload::Geometry;
use futures_util::{Stream, StreamExt, stream};

use super::cipher::{Cipher, HEADER, TAG, sealed_offset, sealed_size};
use super::{ChunkBuf, ChunkPool, PayloadRef, PayloadStore, PayloadStoreError, RecordKey, blocking};

/// Chunks that a stream reads ahead of who takes them: enough to hide the disk, and 4 MiB of memory.
pub const READ_AHEAD: usize = 4;

/// An open payload. Cheap to clone; clones may read at the same time. Goes on working when the payload is removed meanwhile.
#[derive(Clone)]
pub struct Reader {
    inner: Arc<Inner>,
}

struct Inner {
    file: File,
    path: PathBuf,
    cipher: Cipher,
    pool: ChunkPool,
}

impl Reader {
    pub(super) fn open(store: &PayloadStore, what: PayloadRef, key: &RecordKey) -> Result<Self, PayloadStoreError> {
        let path = store.payload_path(what.record, what.index);
        let place = || path.display().to_string();
        let geometry = Geometry::new(what.size).map_err(|_| PayloadStoreError::Format { place: place() })?;
        let io = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => PayloadStoreError::NotFound { record: what.record, index: what.index },
            _ => PayloadStoreError::io("read", &path, source),
        };
        let file = File::open(&path).map_err(io)?;
        let (expected, found) = (sealed_size(geometry), file.metadata().map_err(io)?.len());
        if found >= HEADER as u64 {
            let mut header = [0; HEADER];
            file.read_exact_at(&mut header, 0).map_err(io)?;
            let cipher = Cipher::open(&what, geometry, key, &header).map_err(|fault| fault.at(place()))?;
            if found == expected {
                let pool = store.pool().clone();
                return Ok(Self { inner: Arc::new(Inner { file, path, cipher, pool }) });
            }
        }
        let whole = (found.saturating_sub(HEADER as u64) / (sealed_offset(1) - sealed_offset(0))).min(u64::from(geometry.count()));
        Err(PayloadStoreError::Truncated { place: place(), expected, found, chunk: whole as u32 })
    }

    /// Size and chunks of the payload.
    pub fn geometry(&self) -> Geometry {
        self.inner.cipher.geometry()
    }

    /// Chunk `index`, read and decrypted on this thread. Blocks for about a quarter of a millisecond, or for the disk.
    pub fn chunk_blocking(&self, index: u32) -> Result<ChunkBuf, PayloadStoreError> {
        let Inner { file, path, cipher, pool } = &*self.inner;
        let missing = PayloadStoreError::NoSuchChunk { chunk: index, count: cipher.geometry().count() };
        let length = cipher.geometry().len_of(index).ok_or(missing)?;
        let mut buffer = pool.take();
        buffer.set_sealed_len(length + TAG);
        file.read_exact_at(&mut buffer, sealed_offset(index)).map_err(|source| PayloadStoreError::io("read", path, source))?;
        match cipher.unseal(index, &mut buffer) {
            Some(length) => buffer.set_len(length),
            None => return Err(PayloadStoreError::ChunkCorrupt { place: path.display().to_string(), chunk: index }),
        }
        Ok(buffer)
    }

    /// Chunk `index`, read and decrypted on the blocking pool. The buffer returns to its pool when the last `Bytes` is dropped.
    pub fn chunk(&self, index: u32) -> impl Future<Output = Result<Bytes, PayloadStoreError>> + Send + use<> {
        let reader = self.clone();
        blocking(move || reader.chunk_blocking(index).map(Bytes::from_owner))
    }

    /// The chunks `range` in order, at most [`READ_AHEAD`] of them read before they are asked for.
    pub fn stream(&self, range: Range<u32>) -> impl Stream<Item = Result<Bytes, PayloadStoreError>> + Send + use<> {
        let reader = self.clone();
        stream::iter(range).map(move |index| reader.chunk(index)).buffered(READ_AHEAD)
    }
}
