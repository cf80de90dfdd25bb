//! Pulling chunks: the answer to `payload`, each chunk held against its hash on arrival.

use crate::digest::Digest;
use crate::package::ChunkListMessage;
use crate::payload::ChunkList;
use crate::reason::{Fault, Reason};
use crate::record::PayloadRef;
use crate::wire::{ChunkRange, End, Frame, FrameKind, Refusal};

/// What a frame of the answer led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkStep {
    /// The list of chunk hashes came and has the root that the record names.
    List,
    /// The answer is complete.
    End,
    /// The partner refuses.
    Refused(Refusal),
}

/// The requester's end of one answer with chunks.
#[derive(Debug)]
pub struct PayloadPull {
    record: Digest,
    payload: u32,
    size: u64,
    root: Digest,
    list: Option<ChunkList>,
    ranges: std::collections::VecDeque<ChunkRange>,
    over: bool,
}

impl PayloadPull {
    /// The answer to a request for `ranges` of a payload. Without a `list` from an earlier answer, the list comes first.
    pub fn new(record: Digest, payload: u32, named: &PayloadRef, list: Option<ChunkList>, ranges: &[ChunkRange]) -> Self {
        Self { record, payload, size: named.size, root: named.root, list, ranges: ranges.iter().copied().collect(), over: false }
    }

    /// Takes a frame that is not a chunk.
    ///
    /// # Errors
    /// `wire.order`, `payload.root`, `cbor.*`; the partner is at fault.
    pub fn frame(&mut self, frame: Frame) -> Result<ChunkStep, Fault> {
        if self.over {
            return Err(Fault::new(Reason::WireOrder, "a frame after the end of the answer"));
        }
        match frame.kind {
            FrameKind::ChunkList if self.list.is_none() => {
                let message: ChunkListMessage = frame.message()?;
                if message.record != self.record || message.payload != self.payload || message.size != self.size {
                    return Err(Fault::new(Reason::PayloadRoot, "the chunk list is of another payload than was asked for"));
                }
                let list = ChunkList::from_bytes(self.size, self.root, &message.hashes)
                    .map_err(|error| Fault::new(error.reason(), error.to_string()))?;
                self.list = Some(list);
                Ok(ChunkStep::List)
            }
            FrameKind::Refusal => {
                self.over = true;
                Refusal::read(&frame).map(ChunkStep::Refused)
            }
            FrameKind::End if self.ranges.is_empty() && self.list.is_some() => {
                frame.message::<End>()?;
                self.over = true;
                Ok(ChunkStep::End)
            }
            kind => Err(Fault::new(Reason::WireOrder, format!("a {kind:?} frame where a chunk or the end belongs"))),
        }
    }

    /// The list of chunk hashes, once it came.
    pub fn list(&self) -> Option<&ChunkList> {
        self.list.as_ref()
    }

    /// Index and length of the chunk that must come next: what a reader may make room for.
    pub fn expected(&self) -> Option<(u32, usize)> {
        let first = self.ranges.front()?.first;
        let length = self.list.as_ref()?.geometry().len_of(first)?;
        Some((first, length))
    }

    /// Takes the next chunk's bytes, which are good once this returns.
    ///
    /// # Errors
    /// `wire.order` if it is not the one expected, `payload.chunk` if it does not have its hash; the partner is at fault.
    pub fn chunk(&mut self, index: u32, bytes: &[u8]) -> Result<(), Fault> {
        self.accept(index, bytes.len())?;
        let Some(list) = &self.list else { unreachable!("without a list nothing is accepted") };
        list.check(index, bytes).map_err(|error| Fault::new(error.reason(), error.to_string()))
    }

    /// Takes the next chunk's place and length alone, for a caller whose store holds each chunk against the list as it writes
    /// it: hashing a mebibyte twice is a third of a transfer's cost.
    ///
    /// # Errors
    /// `wire.order` if it is not the one expected, `payload.chunk` if it has another length than its place (`PAY-006`).
    pub fn accept(&mut self, index: u32, length: usize) -> Result<(), Fault> {
        match self.expected() {
            Some((expected, whole)) if expected == index && whole == length => {}
            Some((expected, whole)) if expected == index => {
                return Err(Fault::new(Reason::PayloadChunk, format!("chunk {index} has {length} bytes instead of {whole}")));
            }
            _ => return Err(Fault::new(Reason::WireOrder, format!("chunk {index} was not asked for, or not now"))),
        }
        if let Some(range) = self.ranges.front_mut() {
            range.first += 1;
            range.count -= 1;
            if range.count == 0 {
                self.ranges.pop_front();
            }
        }
        Ok(())
    }
}
