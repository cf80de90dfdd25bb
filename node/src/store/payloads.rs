//! Payloads at rest: sealed, durable, readable from any chunk.
//!
//! The way of a payload in: `PayloadStore::stage -> StagedPayload::write (any order, several writers) -> finish`; each chunk is
//! checked against the signed root, sealed in place, written once. The way out: `PayloadStore::read -> Reader::stream`.
//! Under [`SMALL_PAYLOAD`] bytes a payload is sealed by the same code into a database blob ([`seal_small`], [`open_small`]).
//!
//! ```text
//! <store>/staging/<32 hex digits>            being written; named by its intent row
//! <store>/payloads/ab/<record>-<index>       durable; `ab` is the first byte of the record's id
//! ```
//!
//! # What is durable when
//! 1. The caller commits an intent row that names the [`StagingId`], then calls [`PayloadStore::stage`].
//! 2. Chunks are written without fsync. After `kill -9` the page cache still has them; after a power cut some are gone.
//!    [`PayloadStore::resume`] finds out which are good by opening and hashing each, so there is no bitmap to keep, to sync,
//!    or to believe: a flipped byte, a hole and a chunk that never came are the same case, and cost that chunk alone.
//! 3. [`StagedPayload::finish`] syncs the file, renames it, and syncs both folders. `object_store`'s rename (0.14.2, local,
//!    `with_fsync`) syncs the folders but never the file itself, which it takes for durable: so the file is synced here, before.
//!    It also syncs a new parent folder only for the caller that made it, so all 256 are made and synced when the store opens.
//! 4. Then the caller commits record, log entry and the end of the intent in one transaction.
//!
//! A crash between 3 and 4 leaves a payload with an intent: `resume` answers [`Resumed::Stored`] and the caller goes on with 4.
//! A failed fsync is final: the kernel may have dropped the pages and call them clean, so that a second fsync would lie. The
//! staging file is removed and the transfer starts again.

mod buffers;
mod cipher;
mod collect;
mod error;
mod keys;
mod reader;
mod staged;
mod staging_id;

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use carnet_protocol::digest::Digest;
use carnet_protocol::payload::ChunkList;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStoreExt, path::Path as Location};

pub use buffers::{ChunkBuf, ChunkPool};
pub use cipher::{HEADER, SMALL_PAYLOAD, TAG, open_small, seal_small, small_size};
pub use collect::Candidates;
pub use error::PayloadStoreError;
pub use keys::{KeyError, NodeKey, RecordKey, WRAPPED_KEY, WrappedKey};
pub use reader::{READ_AHEAD, Reader};
pub use staged::{Resumed, StagedPayload, Written};
pub use staging_id::StagingId;

/// Which payload of which record, and what it must be. All of it is bound into the payload's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PayloadRef {
    /// The id of the record that owns the payload. No two records share one.
    pub record: Digest,
    /// The payload's place among the record's payloads, from zero.
    pub index: u32,
    /// Length in bytes.
    pub size: u64,
    /// Tree root, as the record names it.
    pub root: Digest,
}

/// The folder of sealed payloads. Cheap to clone.
#[derive(Clone)]
pub struct PayloadStore {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    objects: LocalFileSystem,
    pool: ChunkPool,
}

impl PayloadStore {
    /// Opens the store in `folder`, and makes what is missing of it, durably. Blocks; call it at start-up.
    pub fn open(folder: &Path) -> Result<Self, PayloadStoreError> {
        let io = |doing| move |source| PayloadStoreError::io(doing, folder, source);
        make_folder(folder).map_err(io("make the store's folder"))?;
        make_folder(&folder.join(STAGING)).map_err(io("make the staging folder"))?;
        let payloads = folder.join(PAYLOADS);
        make_folder(&payloads).map_err(io("make the payload folder"))?;
        // They are never removed, so that once all are there one listing says so; asking for each costs every command a millisecond.
        if fs::read_dir(&payloads).map_err(io("list the payload folders"))?.count() < 256 {
            for byte in 0..=u8::MAX {
                make_folder(&payloads.join(format!("{byte:02x}"))).map_err(io("make a payload folder"))?;
            }
        }
        for made in [&payloads, folder, folder.parent().unwrap_or(folder)] {
            sync_folder(made).map_err(io("make the store's folders durable"))?;
        }
        let objects = LocalFileSystem::new_with_prefix(folder)
            .map_err(|source| PayloadStoreError::objects("open the store", folder, source))?
            .with_fsync(true);
        let inner = Inner { folder: folder.to_owned(), objects, pool: ChunkPool::new(POOLED_CHUNKS) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Buffers of one chunk, for who fills them for [`StagedPayload::write`].
    pub fn pool(&self) -> &ChunkPool {
        &self.inner.pool
    }

    /// Begins a staging file. The intent row that names `id` must be committed before.
    pub async fn stage(
        &self,
        id: StagingId,
        record: Digest,
        index: u32,
        list: ChunkList,
        key: &RecordKey,
    ) -> Result<StagedPayload, PayloadStoreError> {
        let (store, key) = (self.clone(), key.clone());
        blocking(move || StagedPayload::create(store, id, record, index, list, &key)).await
    }

    /// Takes up a transfer that an intent row speaks of, in whatever state it was left. Opens and hashes what is there.
    pub async fn resume(
        &self,
        id: StagingId,
        record: Digest,
        index: u32,
        list: ChunkList,
        key: &RecordKey,
    ) -> Result<Resumed, PayloadStoreError> {
        let (store, key) = (self.clone(), key.clone());
        blocking(move || StagedPayload::resume(store, id, record, index, list, &key)).await
    }

    /// Opens a durable payload for reading.
    pub async fn read(&self, what: PayloadRef, key: &RecordKey) -> Result<Reader, PayloadStoreError> {
        let (store, key) = (self.clone(), key.clone());
        blocking(move || Reader::open(&store, what, &key)).await
    }

    /// Whether the record's payload `index` is there under its final name.
    pub fn holds(&self, record: Digest, index: u32) -> bool {
        self.payload_path(record, index).is_file()
    }

    /// Removes a durable payload, durably; that it is gone already is no error. Erasure is the destruction of the record's
    /// key; this only gives the room back.
    pub async fn remove(&self, record: Digest, index: u32) -> Result<(), PayloadStoreError> {
        self.delete(payload_location(record, index)).await
    }

    /// The staging files that are there now, for [`Candidates::collect`]. Ask for them *before* the live intents are read.
    pub async fn staging_candidates(&self) -> Result<Candidates, PayloadStoreError> {
        let store = self.clone();
        blocking(move || Candidates::list(store)).await
    }

    async fn delete(&self, location: Location) -> Result<(), PayloadStoreError> {
        match self.inner.objects.delete(&location).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(PayloadStoreError::objects("remove", &self.inner.folder.join(location.as_ref()), source)),
        }
    }

    async fn publish(&self, id: StagingId, record: Digest, index: u32) -> Result<(), PayloadStoreError> {
        let (from, to) = (staging_location(id), payload_location(record, index));
        let renamed = self.inner.objects.rename(&from, &to).await;
        renamed.map_err(|source| PayloadStoreError::objects("publish", &self.payload_path(record, index), source))
    }

    fn staging_path(&self, id: StagingId) -> PathBuf {
        self.inner.folder.join(staging_location(id).as_ref())
    }

    fn payload_path(&self, record: Digest, index: u32) -> PathBuf {
        self.inner.folder.join(payload_location(record, index).as_ref())
    }
}

const STAGING: &str = "staging";
const PAYLOADS: &str = "payloads";
/// Chunk buffers kept for re-use: 16 MiB, of the 96 MiB that a transfer may take.
const POOLED_CHUNKS: usize = 16;

fn staging_location(id: StagingId) -> Location {
    Location::from(format!("{STAGING}/{id}"))
}

fn payload_location(record: Digest, index: u32) -> Location {
    Location::from(format!("{PAYLOADS}/{:02x}/{record}-{index}", record.0[0]))
}

fn make_folder(path: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// Runs work that waits for the disk, or for a mebibyte of arithmetic, off the threads that serve the network.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, PayloadStoreError> + Send + 'static) -> Result<T, PayloadStoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| PayloadStoreError::ShuttingDown)?
}

#[cfg(test)]
mod tests;
