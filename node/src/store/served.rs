//! A payload on its way out, wherever its bytes are.

use std::ops::Range;

use bytes::Bytes;
use carnet_protocol::payload::{CHUNK, ChunkList};
use futures_util::stream::{self, BoxStream, StreamExt as _};

use super::payloads::{PayloadStoreError, Reader};

/// A payload that may be served.
pub struct ServedPayload {
    /// Its chunk hashes.
    pub list: ChunkList,
    /// Its bytes.
    pub bytes: Served,
}

/// Where a served payload's bytes are.
pub enum Served {
    /// In memory: a small one.
    Inline(Bytes),
    /// In the payload store.
    Stored(Reader),
}

impl ServedPayload {
    /// The chunks `range`, opened and verified, with a bounded read-ahead.
    pub fn chunks(&self, range: Range<u32>) -> BoxStream<'static, Result<Bytes, PayloadStoreError>> {
        match &self.bytes {
            Served::Stored(reader) => reader.stream(range).boxed(),
            Served::Inline(bytes) => {
                let bytes = bytes.clone();
                let chunk = move |index: u32| {
                    let from = (index as usize * CHUNK).min(bytes.len());
                    Ok(bytes.slice(from..(from + CHUNK).min(bytes.len())))
                };
                stream::iter(range.map(chunk)).boxed()
            }
        }
    }
}
