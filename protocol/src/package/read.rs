//! Reading a package forward.

use std::io::{self, Read};

use ring::digest::{Context, SHA256};

use super::{ChunkListMessage, FORMAT, Header, Trailer, VERSION};
use crate::digest::Digest;
use crate::payload::ChunkList;
use crate::reason::{Fault, Reason};
use crate::record::Record;
use crate::signed::Signed;
use crate::wire::{FRAME_HEADER, Frame, FrameHeader, FrameKind, Group, Groups, LogKey};

/// What a package holds, in order. Nothing of it is verified but order, encoding, chunk hashes and the trailer.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "items are handed over one at a time, never kept in lists")]
pub enum Item {
    /// The chain of a log's key.
    LogKey(LogKey),
    /// A record with what travels beside it; `at` is where its frame begins.
    Record {
        /// Byte offset of the record's frame.
        at: u64,
        /// The record.
        signed: Signed<Record>,
        /// Its openings, encoded.
        openings: Vec<Vec<u8>>,
        /// Its log proof, encoded.
        proof: Vec<u8>,
    },
    /// A payload begins: of the last record, with the size and root that the record names.
    Payload {
        /// Its index in the record.
        index: u32,
        /// Its chunk hashes, which have the root that the record names.
        list: ChunkList,
    },
    /// The next chunk of the payload; it has its hash.
    Chunk {
        /// Its index in the payload.
        index: u32,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// The package is complete.
    End(Trailer),
}

/// Why a package cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The package breaks a rule; its maker, or the way it came, is at fault.
    #[error("{0}")]
    Fault(#[from] Fault),
    /// The medium cannot be read.
    #[error("the package cannot be read at byte {at}: {source}; try another copy or another drive")]
    Read {
        /// Where.
        at: u64,
        /// Why.
        source: io::Error,
    },
}

enum State {
    Start,
    Logs { last: Option<Digest> },
    Records,
    Payload { list: ChunkList, next: u32 },
    Over,
}

/// Reads frames in the canonical order and nothing else. Memory is bounded by the largest frame, whatever the package's size.
pub struct Reader<R> {
    source: R,
    at: u64,
    digest: Context,
    state: State,
    record: Option<(Signed<Record>, Option<u32>)>,
    records: u64,
    payloads: u64,
}

impl<R: Read> Reader<R> {
    /// Reads a package from its first byte.
    pub fn new(source: R) -> Self {
        let digest = Context::new(&SHA256);
        Self { source, at: 0, digest, state: State::Start, record: None, records: 0, payloads: 0 }
    }

    /// The next item, or `None` after [`Item::End`].
    ///
    /// # Errors
    /// The first rule that the package breaks, with the byte where the offending frame begins. After an error the reader is done.
    #[allow(clippy::should_implement_trait, reason = "an iterator invites going on after an error")]
    pub fn next(&mut self) -> Result<Option<Item>, PackageError> {
        let step = self.step();
        if step.is_err() {
            self.state = State::Over;
        }
        step
    }

    fn step(&mut self) -> Result<Option<Item>, PackageError> {
        let state = std::mem::replace(&mut self.state, State::Over);
        match state {
            State::Over => Ok(None),
            State::Start => {
                self.header()?;
                self.state = State::Logs { last: None };
                self.step()
            }
            State::Logs { last } => {
                let (at, frame) = self.frame()?;
                if frame.kind != FrameKind::LogKey {
                    return self.record_or_end(at, frame);
                }
                let digest = Digest::of(&frame.body);
                if last.is_some_and(|last| last >= digest) {
                    return Err(Fault::at(Reason::PackageOrder, at, "log keys must ascend by digest").into());
                }
                self.state = State::Logs { last: Some(digest) };
                Ok(Some(Item::LogKey(frame.message().map_err(|fault| placed(fault, at))?)))
            }
            State::Payload { list, next } => self.chunk(list, next).map(Some),
            State::Records => {
                let (at, frame) = self.frame()?;
                if frame.kind == FrameKind::ChunkList {
                    return self.payload(at, &frame).map(Some);
                }
                self.record_or_end(at, frame)
            }
        }
    }

    fn header(&mut self) -> Result<(), PackageError> {
        let not_one = |at: u64| Fault::at(Reason::PackageHeader, at, "not a Carnet package");
        let (at, frame) = self.frame().map_err(|error| match error {
            PackageError::Fault(fault) => PackageError::Fault(Fault { reason: Reason::PackageHeader, ..fault }),
            read @ PackageError::Read { .. } => read,
        })?;
        let header: Header = match frame.kind {
            FrameKind::PackageHeader => frame.message().map_err(|_| not_one(at))?,
            _ => return Err(not_one(at).into()),
        };
        if header.format != FORMAT {
            return Err(not_one(at).into());
        }
        if header.version != VERSION {
            return Err(Fault::at(Reason::PackageHeader, at, "the package's version is not 1; a newer program wrote it").into());
        }
        Ok(())
    }

    fn record_or_end(&mut self, at: u64, frame: Frame) -> Result<Option<Item>, PackageError> {
        match frame.kind {
            FrameKind::Record => self.record(at, frame).map(Some),
            FrameKind::Trailer => self.trailer(at, &frame).map(Some),
            kind => Err(Fault::at(Reason::PackageOrder, at, format!("a {kind:?} frame where a record or the trailer belongs")).into()),
        }
    }

    fn record(&mut self, at: u64, frame: Frame) -> Result<Item, PackageError> {
        let signed = Signed::<Record>::parse(&frame.body).map_err(|fault| within(fault, at))?;
        if let Some((last, _)) = &self.record {
            match last.id().cmp(&signed.id()) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => return Err(Fault::at(Reason::PackageDuplicate, at, "a record occurs twice").into()),
                std::cmp::Ordering::Greater => return Err(Fault::at(Reason::PackageOrder, at, "records must ascend by id").into()),
            }
        }
        let mut groups = Groups::default();
        let mut group = groups.push(frame).map_err(|fault| placed(fault, at))?;
        while group.is_none() {
            let (at, frame) = self.frame()?;
            group = groups.push(frame).map_err(|fault| match fault.reason {
                Reason::WireOrder => Fault::at(Reason::PackageOrder, at, fault.detail),
                _ => placed(fault, at),
            })?;
        }
        let Some(Group { openings, proof, .. }) = group else { unreachable!("the loop ends with a group") };
        self.records += 1;
        self.record = Some((signed.clone(), None));
        self.state = State::Records;
        Ok(Item::Record { at, signed, openings, proof })
    }

    fn payload(&mut self, at: u64, frame: &Frame) -> Result<Item, PackageError> {
        let message: ChunkListMessage = frame.message().map_err(|fault| placed(fault, at))?;
        let orphan = || Fault::at(Reason::PackageOrphan, at, "a payload that the record before it does not have");
        let (signed, last) = self.record.as_mut().ok_or_else(orphan)?;
        if message.record != signed.id() {
            return Err(orphan().into());
        }
        let named = signed.claimed().payload(message.payload).ok_or_else(orphan)?;
        if last.is_some_and(|last| last >= message.payload) {
            return Err(Fault::at(Reason::PackageOrder, at, "payloads of a record must ascend").into());
        }
        if named.size != message.size {
            return Err(Fault::at(Reason::PayloadRoot, at, "the payload has another size than its record names").into());
        }
        let list = ChunkList::from_bytes(message.size, named.root, &message.hashes)
            .map_err(|error| Fault::at(error.reason(), at, error.to_string()))?;
        *last = Some(message.payload);
        self.payloads += 1;
        let index = message.payload;
        self.after_chunk(list.clone(), 0);
        Ok(Item::Payload { index, list })
    }

    fn chunk(&mut self, list: ChunkList, next: u32) -> Result<Item, PackageError> {
        let (at, frame) = self.frame()?;
        if frame.kind != FrameKind::Chunk {
            return Err(Fault::at(Reason::PackageOrder, at, format!("a {:?} frame where chunk {next} belongs", frame.kind)).into());
        }
        let Some((index, bytes)) = frame.body.split_first_chunk::<4>() else {
            return Err(Fault::at(Reason::WireFrame, at, "a chunk frame without an index").into());
        };
        if u32::from_be_bytes(*index) != next {
            return Err(
                Fault::at(Reason::PackageOrder, at, format!("chunk {} where chunk {next} belongs", u32::from_be_bytes(*index))).into()
            );
        }
        list.check(next, bytes).map_err(|error| Fault::at(error.reason(), at, error.to_string()))?;
        let bytes = bytes.to_vec();
        self.after_chunk(list, next + 1);
        Ok(Item::Chunk { index: next, bytes })
    }

    fn after_chunk(&mut self, list: ChunkList, next: u32) {
        self.state = if next < list.geometry().count() { State::Payload { list, next } } else { State::Records };
    }

    fn trailer(&mut self, at: u64, frame: &Frame) -> Result<Item, PackageError> {
        let wrong = |detail: &str| Fault::at(Reason::PackageTrailer, at, detail);
        // The frame's own bytes are already in the running digest, so the one before them was kept.
        let trailer: Trailer = frame.message().map_err(|fault| placed(fault, at))?;
        if trailer.records != self.records || trailer.payloads != self.payloads {
            return Err(wrong("the trailer counts other records or payloads than there are").into());
        }
        if trailer.digest != Digest::finish(self.digest.clone()) {
            return Err(wrong("the trailer's digest is not that of the bytes before it").into());
        }
        let mut more = [0];
        loop {
            match self.source.read(&mut more) {
                Ok(0) => break,
                Ok(_) => return Err(Fault::at(Reason::PackageTrailer, self.at, "bytes follow the trailer").into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(PackageError::Read { at: self.at, source }),
            }
        }
        self.state = State::Over;
        Ok(Item::End(trailer))
    }

    /// The next frame and where it begins. All but the trailer's bytes go into the running digest.
    fn frame(&mut self) -> Result<(u64, Frame), PackageError> {
        let at = self.at;
        let mut header = [0; FRAME_HEADER];
        self.fill(&mut header, at)?;
        let parsed = FrameHeader::parse(header).map_err(|fault| placed(fault, at))?;
        let mut body = vec![0; parsed.length];
        self.fill(&mut body, at)?;
        if parsed.kind != FrameKind::Trailer {
            self.digest.update(&header);
            self.digest.update(&body);
        }
        Ok((at, Frame { kind: parsed.kind, body }))
    }

    fn fill(&mut self, buffer: &mut [u8], frame_at: u64) -> Result<(), PackageError> {
        match self.source.read_exact(buffer) {
            Ok(()) => {
                self.at += buffer.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(Fault::at(Reason::PackageTruncated, frame_at, "the package ends in the frame that begins here, before its trailer")
                    .into())
            }
            Err(source) => Err(PackageError::Read { at: self.at, source }),
        }
    }
}

/// The fault of a frame, placed at the frame.
fn placed(fault: Fault, at: u64) -> Fault {
    Fault { at: Some(at), ..fault }
}

/// The fault of a byte within a frame's body.
fn within(fault: Fault, frame_at: u64) -> Fault {
    let body = frame_at + FRAME_HEADER as u64;
    Fault { at: Some(body + fault.at.unwrap_or(0)), ..fault }
}
