//! Two ends without a socket: a responder that answers from memory, a requester that keeps what passes its door, and between them
//! a link that may cut, drop, double, swap or change frames.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;

use carnet_protocol::cbor;
use carnet_protocol::digest::Digest;
use carnet_protocol::package::ChunkListMessage;
use carnet_protocol::payload::{CHUNK, ChunkList, PayloadHasher};
use carnet_protocol::reason::{Fault, Reason};
use carnet_protocol::record::{Content, Opening, Record, Release};
use carnet_protocol::session::{Arrival, ChunkStep, FeedPull, FeedStep, Gate, PayloadPull};
use carnet_protocol::signed::Verified;
use carnet_protocol::time::Timestamp;
use carnet_protocol::wire::{Asked, ChunkRange, End, Frame, FrameKind, Group, PayloadBody, Refusal};
use minicbor::bytes::ByteVec;

use crate::common::{Administration, NOW, payload};

/// The node that has something: NL, asked by BE.
pub struct Responder {
    pub nl: Administration,
    pub be: Administration,
    pub gate: Gate,
    /// In the order of the feed: sequence 1 is the first.
    pub feed: Vec<(Verified<Record>, Group)>,
    /// Not released to BE.
    pub hidden: Verified<Record>,
    pub bytes: Vec<u8>,
    pub list: ChunkList,
    /// Chunks sent, all answers together.
    pub chunks_sent: usize,
}

impl Responder {
    pub fn new() -> Self {
        let (nl, be) = (Administration::new("NL", 1), Administration::new("BE", 10));
        let bytes: Vec<u8> = (0..3 * CHUNK + 5).map(|n| (n / 11) as u8).collect();
        let opening = Opening::of_text(Digest([9; 32]), "consignor", "Example Trading Ltd");
        let mut first = nl.record(1, &["BE"]);
        first.payloads = vec![payload("plane", "application/octet-stream", &bytes), payload("native", "text/plain", b"")];
        first.commitments = vec![opening.commitment()];
        let records: Vec<Verified<Record>> =
            [first, nl.record(2, &["BE", "FR"]), nl.record(3, &["BE"])].iter().map(|record| nl.verified(record)).collect();
        let mut groups = nl.groups(&records);
        groups[0].openings = vec![cbor::encode(&opening)];
        let list = PayloadHasher::hash(&bytes).unwrap().1;
        Self {
            gate: Gate::new(nl.country, be.country),
            hidden: nl.verified(&nl.record(4, &["FR"])),
            feed: records.into_iter().zip(groups).collect(),
            nl,
            be,
            bytes,
            list,
            chunks_sent: 0,
        }
    }

    /// The frames of an answer.
    pub fn answer(&mut self, request: &[u8], now: Timestamp) -> Vec<Frame> {
        let refused = |reason| vec![Frame::of(FrameKind::Refusal, &Refusal::new(reason))];
        let asked = match self.gate.admit(request, self.be.trust(), now) {
            Ok(request) => request.statement().asked().unwrap(),
            Err(fault) => return refused(fault.reason),
        };
        match asked {
            Asked::Feed { after, limit } => {
                let (after, limit) = (after as usize, limit as usize);
                let page = self.feed.iter().skip(after).take(limit);
                let mut frames: Vec<Frame> = page.flat_map(|(_, group)| group.clone().into_frames()).collect();
                let cursor = (after + limit).min(self.feed.len()) as u64;
                frames.push(Frame::of(FrameKind::End, &End { cursor: Some(cursor), head: Some(self.feed.len() as u64) }));
                frames
            }
            Asked::Record(id) => match self.feed.iter().find(|(record, _)| record.id() == id) {
                Some((_, group)) => {
                    let mut frames = group.clone().into_frames();
                    frames.push(Frame::of(FrameKind::End, &End::default()));
                    frames
                }
                // The same whether it exists or not.
                None => refused(Reason::NotAvailable),
            },
            Asked::Payload(body) if body.record == self.feed[0].0.id() && body.payload == 0 => self.chunks(&body),
            Asked::Payload(_) => refused(Reason::NotAvailable),
        }
    }

    fn chunks(&mut self, body: &PayloadBody) -> Vec<Frame> {
        let mut frames = Vec::new();
        if body.list {
            let message =
                ChunkListMessage { record: body.record, payload: 0, size: self.list.size(), hashes: ByteVec::from(self.list.to_bytes()) };
            frames.push(Frame::of(FrameKind::ChunkList, &message));
        }
        for index in body.ranges.iter().flat_map(|range| range.first..range.first + range.count) {
            let chunk = self.bytes.chunks(CHUNK).nth(index as usize).unwrap();
            frames.push(Frame::new(FrameKind::Chunk, [&index.to_be_bytes(), chunk].concat()));
            self.chunks_sent += 1;
        }
        frames.push(Frame::of(FrameKind::End, &End::default()));
        frames
    }
}

/// How an answer came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    Whole,
    Cut,
    Refused(String),
    Fault(Reason),
}

/// The node that asks: BE.
#[derive(Default)]
pub struct Requester {
    pub cursor: u64,
    pub held: BTreeMap<Digest, Arrival>,
    pub list: Option<ChunkList>,
    pub chunks: BTreeMap<u32, Vec<u8>>,
    nonce: u8,
}

impl Requester {
    pub fn ask(&mut self, be: &Administration, asked: &Asked) -> Vec<u8> {
        self.nonce += 1;
        be.request("NL", self.nonce, asked)
    }

    /// Takes an answer to `feed` or `record`.
    pub fn records(&mut self, from: &Responder, frames: Vec<Frame>, after: u64, limit: u32) -> Came {
        let mut pull = FeedPull::new(after, limit);
        for frame in frames {
            let step = match pull.frame(frame) {
                Ok(step) => step,
                Err(fault) => return Came::Fault(fault.reason),
            };
            match step {
                FeedStep::More => {}
                FeedStep::Group(group) => match self.judge(from, &group) {
                    Ok(arrival) => drop(self.held.insert(arrival.record.id(), arrival)),
                    Err(fault) => return Came::Fault(fault.reason),
                },
                FeedStep::End(end) => {
                    self.cursor = end.cursor.unwrap_or(self.cursor);
                    return Came::Whole;
                }
                FeedStep::Refused(refusal) => return Came::Refused(refusal.reason),
            }
        }
        Came::Cut
    }

    pub fn judge(&self, from: &Responder, group: &Group) -> Result<Arrival, Fault> {
        Arrival::judge(group, from.nl.trust(), &from.nl.log, from.be.country, NOW, |id| self.release_of(id))
    }

    fn release_of(&self, id: Digest) -> Option<Release> {
        self.held.values().find_map(|arrival| match arrival.record.statement().view() {
            Ok(Content::Release(release)) if release.record == id => Some(release),
            _ => None,
        })
    }

    /// Chunks that are not held, as ranges.
    pub fn missing(&self, count: u32) -> Vec<ChunkRange> {
        (0..count).filter(|index| !self.chunks.contains_key(index)).map(|first| ChunkRange { first, count: 1 }).collect()
    }

    pub fn ask_payload(&mut self, from: &Responder, count: u32) -> (Vec<u8>, PayloadPull) {
        let record = &from.feed[0].0;
        let ranges = self.missing(count);
        let body = PayloadBody { record: record.id(), payload: 0, list: self.list.is_none(), ranges: ranges.clone() };
        let request = self.ask(&from.be, &Asked::Payload(body));
        (request, PayloadPull::new(record.id(), 0, record.statement().payload(0).unwrap(), self.list.clone(), &ranges))
    }

    /// Takes an answer to `payload`.
    pub fn payload(&mut self, pull: &mut PayloadPull, frames: Vec<Frame>) -> Came {
        for frame in frames {
            if frame.kind == FrameKind::Chunk {
                let index = u32::from_be_bytes(frame.body[..4].try_into().unwrap());
                if let Err(fault) = pull.chunk(index, &frame.body[4..]) {
                    return Came::Fault(fault.reason);
                }
                self.chunks.insert(index, frame.body[4..].to_vec());
                continue;
            }
            match pull.frame(frame) {
                Ok(ChunkStep::List) => self.list = pull.list().cloned(),
                Ok(ChunkStep::End) => return Came::Whole,
                Ok(ChunkStep::Refused(refusal)) => return Came::Refused(refusal.reason),
                Err(fault) => return Came::Fault(fault.reason),
            }
        }
        Came::Cut
    }
}

/// Sends frames as bytes and takes them apart again; the stream ends after `bytes` of them.
pub fn link(frames: Vec<Frame>, bytes: usize) -> Vec<Frame> {
    let stream: Vec<u8> = frames.iter().flat_map(Frame::to_bytes).collect();
    let stream = &stream[..bytes.min(stream.len())];
    let (mut came, mut at) = (Vec::new(), 0);
    while let Some((frame, length)) = Frame::parse(&stream[at..]).unwrap() {
        came.push(frame);
        at += length;
    }
    came
}
