//! Writing a package forward.

use std::io::{self, Write};

use minicbor::bytes::ByteVec;
use ring::digest::{Context, SHA256};

use super::{ChunkListMessage, Header, Trailer};
use crate::digest::Digest;
use crate::payload::ChunkList;
use crate::record::Record;
use crate::signed::Verified;
use crate::wire::{Frame, FrameKind, Group, LogKey, chunk_frame_prefix};

/// Writes frames in the canonical order. The caller brings records in ascending order of their ids; anything else is its own error.
#[derive(Debug)]
pub struct Writer<W> {
    sink: W,
    digest: DebugContext,
    last: Option<Digest>,
    records: u64,
    payloads: u64,
}

/// ring's context has no Debug of its own.
struct DebugContext(Context);

impl std::fmt::Debug for DebugContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Context")
    }
}

impl<W: Write> Writer<W> {
    /// Begins a package. The log keys are put in order and said once each.
    ///
    /// # Errors
    /// The sink's.
    pub fn new(sink: W, mut logs: Vec<LogKey>) -> io::Result<Self> {
        let mut writer = Self { sink, digest: DebugContext(Context::new(&SHA256)), last: None, records: 0, payloads: 0 };
        writer.frame(&Frame::of(FrameKind::PackageHeader, &Header::current()))?;
        logs.sort_by_key(|log| Digest::of(&crate::cbor::encode(log)));
        logs.dedup();
        for log in &logs {
            writer.frame(&Frame::of(FrameKind::LogKey, log))?;
        }
        Ok(writer)
    }

    /// Writes a record with its openings and its proof.
    ///
    /// # Errors
    /// The sink's; `InvalidInput` if the record's id does not follow the last one.
    pub fn record(&mut self, record: &Verified<Record>, openings: Vec<Vec<u8>>, proof: Vec<u8>) -> io::Result<()> {
        if self.last.is_some_and(|last| last >= record.id()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "records of a package must ascend by id"));
        }
        self.last = Some(record.id());
        self.records += 1;
        let group = Group { record: record.bytes().to_vec(), openings, proof };
        group.into_frames().iter().try_for_each(|frame| self.frame(frame))
    }

    /// Begins a payload of the record just written; all its chunks follow by [`Writer::chunk`].
    ///
    /// # Errors
    /// The sink's.
    pub fn payload(&mut self, record: Digest, payload: u32, list: &ChunkList) -> io::Result<()> {
        self.payloads += 1;
        let message = ChunkListMessage { record, payload, size: list.size(), hashes: ByteVec::from(list.to_bytes()) };
        self.frame(&Frame::of(FrameKind::ChunkList, &message))
    }

    /// Writes the next chunk.
    ///
    /// # Errors
    /// The sink's.
    pub fn chunk(&mut self, index: u32, chunk: &[u8]) -> io::Result<()> {
        self.bytes(&chunk_frame_prefix(index, chunk.len()))?;
        self.bytes(chunk)
    }

    /// Writes the trailer and gives the sink back; making it durable is the caller's part.
    ///
    /// # Errors
    /// The sink's.
    pub fn finish(mut self) -> io::Result<(W, Trailer)> {
        let trailer = Trailer { records: self.records, payloads: self.payloads, digest: Digest::finish(self.digest.0.clone()) };
        self.sink.write_all(&Frame::of(FrameKind::Trailer, &trailer).to_bytes())?;
        self.sink.flush()?;
        Ok((self.sink, trailer))
    }

    fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        self.bytes(&frame.to_bytes())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.0.update(bytes);
        self.sink.write_all(bytes)
    }
}
