//! Requests: every one is signed by the requester and names recipient, nonce and expiry.

use minicbor::{Decode, Encode};

use crate::cbor::Raw;
use crate::digest::Digest;
use crate::identifier::Country;
use crate::limits::MAX_NAME;
use crate::payload::MAX_CHUNKS;
use crate::reason::{Fault, Reason};
use crate::time::Timestamp;

/// Records in one page of a feed.
pub const MAX_FEED_PAGE: u32 = 256;
/// Bytes of all bodies of an answer with records (`WIRE-031`): the requester judges a page before it keeps any of it.
pub const MAX_PAGE_BYTES: usize = 32 * 1024 * 1024;
/// Seconds that a request may live: long enough for a slow clock, short enough that the nonces seen can be remembered.
pub const MAX_LIFETIME: i64 = 300;
/// Ranges of chunks in one request.
pub const MAX_RANGES: usize = 256;

/// A request, as its maker states it.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Request {
    /// Protocol version.
    #[n(0)]
    pub version: u32,
    /// Random; never used twice.
    #[n(1)]
    pub nonce: Digest,
    /// Who asks.
    #[n(2)]
    pub from: Country,
    /// Which of its nodes.
    #[n(3)]
    pub node: String,
    /// Who is asked. A request to one administration is worth nothing at another.
    #[n(4)]
    pub to: Country,
    /// From then on it is worth nothing.
    #[n(5)]
    pub expires: Timestamp,
    /// The verb.
    #[n(6)]
    pub verb: String,
    /// Its arguments.
    #[n(7)]
    pub body: Raw,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Records released to the requester after sequence `after`.
    Feed {
        /// The cursor.
        after: u64,
        /// At most so many records.
        limit: u32,
    },
    /// One record.
    Record(Digest),
    /// Chunks of a payload.
    Payload(PayloadBody),
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct FeedBody {
    #[n(1)]
    after: u64,
    #[n(2)]
    limit: u32,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct RecordBody {
    #[n(1)]
    record: Digest,
}

/// Which chunks of which payload.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PayloadBody {
    /// The record.
    #[n(1)]
    pub record: Digest,
    /// Index of its payload.
    #[n(2)]
    pub payload: u32,
    /// Whether the list of chunk hashes is wanted too.
    #[n(3)]
    pub list: bool,
    /// The chunks, in the order wanted.
    #[n(4)]
    pub ranges: Vec<ChunkRange>,
}

/// `count` chunks from `first` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct ChunkRange {
    /// Index of the first chunk.
    #[n(0)]
    pub first: u32,
    /// How many; at least one.
    #[n(1)]
    pub count: u32,
}

impl Asked {
    /// Verb and arguments.
    pub fn to_parts(&self) -> (&'static str, Raw) {
        match self {
            Self::Feed { after, limit } => ("feed", Raw::of(&FeedBody { after: *after, limit: *limit })),
            Self::Record(record) => ("record", Raw::of(&RecordBody { record: *record })),
            Self::Payload(body) => ("payload", Raw::of(body)),
        }
    }
}

impl Request {
    /// Reads a request from deterministic CBOR and checks structure and limits.
    ///
    /// # Errors
    /// `wire.structure`, `wire.version`, `request.limit`; the requester is at fault.
    pub fn decode(payload: &[u8]) -> Result<Self, Fault> {
        let request: Request = minicbor::decode(payload).map_err(malformed)?;
        if request.version != super::PROTOCOL_VERSION {
            return Err(Fault::new(Reason::WireVersion, "the request's version is not spoken here"));
        }
        if request.node.is_empty() || request.node.len() > MAX_NAME {
            return Err(Fault::new(Reason::WireStructure, "a node's name has 1 to 256 bytes"));
        }
        request.asked()?;
        Ok(request)
    }

    /// What it asks for, within limits.
    ///
    /// # Errors
    /// As [`Request::decode`].
    pub fn asked(&self) -> Result<Asked, Fault> {
        let bytes = self.body.bytes();
        match self.verb.as_str() {
            "feed" => {
                let body: FeedBody = minicbor::decode(bytes).map_err(malformed)?;
                limited("records", body.limit.into(), MAX_FEED_PAGE.into())?;
                Ok(Asked::Feed { after: body.after, limit: body.limit })
            }
            "record" => minicbor::decode(bytes).map_err(malformed).map(|body: RecordBody| Asked::Record(body.record)),
            "payload" => {
                let body: PayloadBody = minicbor::decode(bytes).map_err(malformed)?;
                limited("ranges", body.ranges.len() as u64, MAX_RANGES as u64)?;
                for range in &body.ranges {
                    let end = u64::from(range.first) + u64::from(range.count);
                    if range.count == 0 || end > u64::from(MAX_CHUNKS) {
                        return Err(Fault::new(Reason::RequestLimit, "a range has at least one chunk and ends within the largest payload"));
                    }
                }
                Ok(Asked::Payload(body))
            }
            _ => Err(Fault::new(Reason::WireStructure, "an unknown verb")),
        }
    }
}

fn malformed(error: minicbor::decode::Error) -> Fault {
    Fault::new(Reason::WireStructure, error.to_string())
}

fn limited(what: &str, count: u64, limit: u64) -> Result<(), Fault> {
    if count <= limit { Ok(()) } else { Err(Fault::new(Reason::RequestLimit, format!("{count} {what}; the limit is {limit}"))) }
}
