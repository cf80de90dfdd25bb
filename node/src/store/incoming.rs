//! A payload on its way in: a staging file for a large one, memory for a small one.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use carnet_protocol::digest::Digest;
use carnet_protocol::payload::ChunkList;

use super::catalogue::PayloadPlace;
use super::payloads::{ChunkBuf, PayloadRef, PayloadStoreError, RecordKey, StagedPayload, StagingId, seal_small};

/// Where chunks go. Cheap to clone; every clone may write.
#[derive(Clone)]
pub struct Incoming(Arc<Inner>);

enum Inner {
    Staged(StagedPayload),
    Stored(StagingId, ChunkList),
    Small { record: Digest, index: u32, list: ChunkList, key: RecordKey, bytes: Mutex<Option<Vec<u8>>> },
}

impl Incoming {
    /// Into a staging file.
    pub fn staged(staged: StagedPayload) -> Self {
        Self(Arc::new(Inner::Staged(staged)))
    }

    /// Durable already: an earlier attempt ended between the file and the catalogue.
    pub fn stored(id: StagingId, list: ChunkList) -> Self {
        Self(Arc::new(Inner::Stored(id, list)))
    }

    /// Into memory, and from there into the record's row.
    pub fn small(record: Digest, index: u32, list: ChunkList, key: RecordKey) -> Self {
        // Nothing is asked for when there is nothing.
        let bytes = Mutex::new((list.geometry().count() == 0).then(Vec::new));
        Self(Arc::new(Inner::Small { record, index, list, key, bytes }))
    }

    /// The chunks that are still to come.
    pub fn missing(&self) -> Vec<Range<u32>> {
        match &*self.0 {
            Inner::Staged(staged) => staged.missing(),
            Inner::Stored(..) => Vec::new(),
            Inner::Small { list, .. } => (list.geometry().count() > 0).then_some(0..1).into_iter().collect(),
        }
    }

    /// Checks and writes one chunk on this thread. Blocks.
    ///
    /// # Errors
    /// A chunk that is not the one that the list names, or a disk that fails.
    pub fn write(&self, index: u32, chunk: ChunkBuf) -> Result<(), PayloadStoreError> {
        match &*self.0 {
            Inner::Staged(staged) => staged.write_blocking(index, chunk).map(drop),
            Inner::Stored(..) => Ok(()),
            Inner::Small { list, bytes, .. } => {
                list.check(index, &chunk)?;
                *bytes.lock().unwrap_or_else(PoisonError::into_inner) = Some(chunk.to_vec());
                Ok(())
            }
        }
    }

    /// Makes it durable; says where it is and which intent ends with that.
    ///
    /// # Errors
    /// Chunks that are still missing, or a disk that does not sync.
    pub async fn finish(&self) -> Result<(PayloadPlace, Option<String>), PayloadStoreError> {
        match &*self.0 {
            Inner::Staged(staged) => {
                staged.finish().await?;
                Ok((PayloadPlace::Stored(staged.list().to_bytes()), Some(staged.id().to_string())))
            }
            Inner::Stored(id, list) => Ok((PayloadPlace::Stored(list.to_bytes()), Some(id.to_string()))),
            Inner::Small { record, index, list, key, bytes } => {
                let held = bytes.lock().unwrap_or_else(PoisonError::into_inner);
                let bytes = held.as_deref().ok_or(PayloadStoreError::Unfinished { missing: 1 })?;
                let what = PayloadRef { record: *record, index: *index, size: list.size(), root: list.root() };
                Ok((PayloadPlace::Inline(seal_small(&what, key, bytes)?), None))
            }
        }
    }
}
