//! A payload that is being written: chunks in any order, from several writers, checked, sealed, written once each.

use std::fs::{File, OpenOptions, remove_file};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use carnet_protocol::digest::Digest;
use carnet_protocol::payload::ChunkList;
use rayon::prelude::*;

use super::cipher::{Cipher, HEADER, TAG, sealed_offset, sealed_size};
use super::{ChunkBuf, PayloadRef, PayloadStore, PayloadStoreError, RecordKey, StagingId, blocking, staging_location, sync_folder};

/// A staging file. Cheap to clone; every clone may write.
#[derive(Clone)]
pub struct StagedPayload {
    inner: Arc<Inner>,
}

struct Inner {
    store: PayloadStore,
    id: StagingId,
    what: PayloadRef,
    list: ChunkList,
    cipher: Cipher,
    file: File,
    path: PathBuf,
    held: Mutex<Vec<bool>>,
}

/// What [`PayloadStore::resume`] found.
pub enum Resumed {
    /// The transfer goes on from here; [`StagedPayload::missing`] says with which chunks.
    Staged(StagedPayload),
    /// The payload is durable under its final name already: only the caller's transaction is missing.
    Stored,
    /// There is nothing to go on from, or nothing that the record's key opens. Begin again, with a new intent.
    Nothing,
}

/// What became of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It was missing, and is there now (durable only after [`StagedPayload::finish`]).
    New,
    /// It was there already; it was not even looked at.
    Again,
}

impl StagedPayload {
    pub(super) fn create(
        store: PayloadStore,
        id: StagingId,
        record: Digest,
        index: u32,
        list: ChunkList,
        key: &RecordKey,
    ) -> Result<Self, PayloadStoreError> {
        let what = PayloadRef { record, index, size: list.size(), root: list.root() };
        let path = store.staging_path(id);
        let io = |source| PayloadStoreError::io("begin", &path, source);
        let (cipher, header) = Cipher::create(&what, list.geometry(), key)?;
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path).map_err(io)?;
        file.write_all_at(&header, 0).map_err(io)?;
        let held = Mutex::new(vec![false; list.geometry().count() as usize]);
        Ok(Self { inner: Arc::new(Inner { store, id, what, list, cipher, file, path, held }) })
    }

    pub(super) fn resume(
        store: PayloadStore,
        id: StagingId,
        record: Digest,
        index: u32,
        list: ChunkList,
        key: &RecordKey,
    ) -> Result<Resumed, PayloadStoreError> {
        let what = PayloadRef { record, index, size: list.size(), root: list.root() };
        let path = store.staging_path(id);
        let io = |source| PayloadStoreError::io("resume", &path, source);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return stored(&store, what, key),
            Err(error) => return Err(io(error)),
        };
        let mut header = [0; HEADER];
        let cipher = match file.read_exact_at(&mut header, 0) {
            Ok(()) => Cipher::open(&what, list.geometry(), key, &header).ok(),
            // Begun a moment ago by another process, or cut off by a crash: not ours to remove. The collector knows which.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Resumed::Nothing),
            Err(error) => return Err(io(error)),
        };
        let Some(cipher) = cipher else {
            // The header did not survive the power cut, so no chunk can be opened. They can all be fetched again.
            tracing::warn!(record = %record, index, "a partial payload cannot be opened and is discarded");
            remove_file(&path).map_err(io)?;
            return Ok(Resumed::Nothing);
        };
        let resumed = Inner { store, id, what, list, cipher, file, path, held: Mutex::new(Vec::new()) };
        let good: Result<Vec<bool>, _> = (0..resumed.list.geometry().count()).into_par_iter().map(|chunk| resumed.is_good(chunk)).collect();
        let held = Mutex::new(good?);
        Ok(Resumed::Staged(Self { inner: Arc::new(Inner { held, ..resumed }) }))
    }

    /// The staging file's name.
    pub fn id(&self) -> StagingId {
        self.inner.id
    }

    /// Buffers of one chunk, to fill for [`StagedPayload::write`].
    pub fn pool(&self) -> super::ChunkPool {
        self.inner.store.pool().clone()
    }

    /// The payload that this becomes.
    pub fn what(&self) -> PayloadRef {
        self.inner.what
    }

    /// The chunk list against which chunks are checked.
    pub fn list(&self) -> &ChunkList {
        &self.inner.list
    }

    /// The chunks that are still to come, as ranges in ascending order.
    pub fn missing(&self) -> Vec<Range<u32>> {
        let mut ranges: Vec<Range<u32>> = Vec::new();
        for (index, held) in (0..).zip(self.inner.held().iter()) {
            match ranges.last_mut() {
                _ if *held => {}
                Some(last) if last.end == index => last.end += 1,
                _ => ranges.push(index..index + 1),
            }
        }
        ranges
    }

    /// How many chunks are still to come.
    pub fn missing_count(&self) -> u32 {
        self.inner.held().iter().filter(|held| !**held).count() as u32
    }

    /// Checks, seals and writes one chunk on the blocking pool. A chunk that is not the signed one is refused, and harms nothing.
    pub async fn write(&self, index: u32, chunk: ChunkBuf) -> Result<Written, PayloadStoreError> {
        let staged = self.clone();
        blocking(move || staged.write_blocking(index, chunk)).await
    }

    /// [`StagedPayload::write`] on this thread: a mebibyte hashed, sealed and copied to the page cache, about a millisecond.
    pub fn write_blocking(&self, index: u32, chunk: ChunkBuf) -> Result<Written, PayloadStoreError> {
        if self.inner.held().get(index as usize) == Some(&true) {
            return Ok(Written::Again);
        }
        self.inner.list.check(index, &chunk)?;
        self.write_hashed(index, chunk)
    }

    /// As [`StagedPayload::write_blocking`], for a chunk of the very bytes in memory that the chunk list was just made of: they are
    /// not hashed a second time.
    pub(crate) fn write_hashed(&self, index: u32, mut chunk: ChunkBuf) -> Result<Written, PayloadStoreError> {
        let Inner { cipher, file, path, .. } = &*self.inner;
        let tag = cipher.seal(index, &mut chunk);
        chunk.push_tag(&tag);
        // Two writers of one chunk write the same bytes to the same place: see the module `cipher`.
        file.write_all_at(&chunk, sealed_offset(index)).map_err(|source| PayloadStoreError::io("write", path, source))?;
        let before = self.inner.held().get_mut(index as usize).is_none_or(|held| std::mem::replace(held, true));
        Ok(if before { Written::Again } else { Written::New })
    }

    /// Makes the whole payload durable under its final name. May be called again if it failed for want of room or rights.
    pub async fn finish(&self) -> Result<PayloadRef, PayloadStoreError> {
        let missing = self.missing_count();
        if missing > 0 {
            return Err(PayloadStoreError::Unfinished { missing });
        }
        let staged = self.clone();
        blocking(move || staged.inner.sync()).await?;
        let Inner { store, id, what, .. } = &*self.inner;
        match store.publish(*id, what.record, what.index).await {
            // Two processes may have resumed the same file. Whoever published it had synced it, whole.
            Err(_) if !self.inner.path.exists() && store.holds(what.record, what.index) => Ok(*what),
            published => published.map(|()| *what),
        }
    }

    /// Removes the staging file. The caller ends the intent after.
    pub async fn abandon(self) -> Result<(), PayloadStoreError> {
        self.inner.store.delete(staging_location(self.inner.id)).await
    }
}

impl Inner {
    fn held(&self) -> std::sync::MutexGuard<'_, Vec<bool>> {
        // Nothing panics while the lock is held; a flag per chunk cannot be half-changed anyway.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether chunk `index` is on the disk as it must be.
    fn is_good(&self, index: u32) -> Result<bool, PayloadStoreError> {
        let Some(length) = self.list.geometry().len_of(index) else { return Ok(false) };
        let mut buffer = self.store.pool().take();
        buffer.set_sealed_len(length + TAG);
        match self.read_chunk(index, length, &mut buffer) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(source) => return Err(PayloadStoreError::io("resume", &self.path, source)),
        }
        Ok(self.cipher.unseal(index, &mut buffer).is_some_and(|plain| self.list.check(index, &buffer[..plain]).is_ok()))
    }

    /// Reads a sealed chunk, unless its tag is a hole in the file: a sparse file of 64 GiB is then judged in a moment.
    fn read_chunk(&self, index: u32, length: usize, buffer: &mut ChunkBuf) -> io::Result<bool> {
        let mut tag = [0; TAG];
        self.file.read_exact_at(&mut tag, sealed_offset(index) + length as u64)?;
        if tag == [0; TAG] {
            return Ok(false);
        }
        self.file.read_exact_at(buffer, sealed_offset(index))?;
        Ok(true)
    }

    fn sync(&self) -> Result<(), PayloadStoreError> {
        // A resumed file may be longer than it must be only if someone else wrote to it.
        let trimmed = self.file.set_len(sealed_size(self.list.geometry()));
        trimmed.map_err(|source| PayloadStoreError::io("finish", &self.path, source))?;
        self.file.sync_all().map_err(|source| {
            // See the module `payloads`: after a failed fsync the page cache is not to be believed.
            let _ = remove_file(&self.path);
            PayloadStoreError::SyncFailed { path: self.path.clone(), source }
        })
    }
}

/// The staging file is gone: was it published before the crash? If so, what the crash may have left undone is done again.
fn stored(store: &PayloadStore, what: PayloadRef, key: &RecordKey) -> Result<Resumed, PayloadStoreError> {
    let path = store.payload_path(what.record, what.index);
    match super::Reader::open(store, what, key) {
        Ok(_) => {}
        Err(PayloadStoreError::NotFound { .. }) => return Ok(Resumed::Nothing),
        Err(error) => return Err(error),
    }
    let folders = [path.parent(), Some(&store.inner.folder.join(super::STAGING))].into_iter().flatten().try_for_each(sync_folder);
    folders.map_err(|source| PayloadStoreError::io("make durable", &path, source))?;
    Ok(Resumed::Stored)
}
