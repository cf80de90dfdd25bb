//! Frames: `type u8 | length u32 big-endian | body`.

use crate::limits::{MAX_OPENINGS, MAX_RECORD, MAX_REQUEST};
use crate::log::MAX_NOTE;
use crate::payload::{CHUNK, MAX_CHUNKS};
use crate::reason::{Fault, Reason};

/// Bytes of a frame before its body.
pub const FRAME_HEADER: usize = 5;
/// Longest body of a chunk frame: the chunk's index and its bytes.
pub const MAX_CHUNK_FRAME: usize = 4 + CHUNK;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal, $limit:expr;)*) => {
        /// What a frame carries.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FrameKind { $($(#[doc = $doc])* $name,)* }

        impl FrameKind {
            /// Every kind.
            pub const ALL: &'static [FrameKind] = &[$(FrameKind::$name,)*];

            /// The type byte (`WIRE-003`).
            pub const fn code(self) -> u8 {
                match self { $(FrameKind::$name => $code,)* }
            }

            /// The longest body (`WIRE-004`).
            pub const fn limit(self) -> usize {
                match self { $(FrameKind::$name => $limit,)* }
            }

            fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(FrameKind::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    /// The first frame of a connection, each way.
    Hello = 0x01, 1 << 20;
    /// The sender's release feed for the receiver has grown.
    Advance = 0x02, 64;
    /// A signed request.
    Request = 0x03, MAX_REQUEST;
    /// The request is refused.
    Refusal = 0x04, 1024;
    /// The answer is complete.
    End = 0x05, 64;
    /// The first frame of a package.
    PackageHeader = 0x10, 64;
    /// The certificate chain of a log's key.
    LogKey = 0x11, 32 * 1024;
    /// A record's signed bytes.
    Record = 0x12, MAX_RECORD;
    /// Openings of the record before.
    Openings = 0x13, MAX_OPENINGS + 4096;
    /// Proof that the record before is in its maker's log.
    Proof = 0x14, MAX_NOTE + 4096;
    /// Size and chunk hashes of a payload.
    ChunkList = 0x15, 32 * MAX_CHUNKS as usize + 128;
    /// One chunk of a payload: its index (u32) and its bytes.
    Chunk = 0x16, MAX_CHUNK_FRAME;
    /// The last frame of a package.
    Trailer = 0x1f, 128;
}

/// A frame's first five bytes, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// What the body is.
    pub kind: FrameKind,
    /// The body's length in bytes, within the kind's limit.
    pub length: usize,
}

impl FrameHeader {
    /// Reads a header. An unknown type and a length beyond the type's limit end the stream: nothing after them can be trusted.
    ///
    /// # Errors
    /// `wire.frame`; the peer is at fault.
    pub fn parse(bytes: [u8; FRAME_HEADER]) -> Result<Self, Fault> {
        let [code, length @ ..] = bytes;
        let length = u32::from_be_bytes(length) as usize;
        let Some(kind) = FrameKind::from_code(code) else {
            return Err(Fault::new(Reason::WireFrame, format!("unknown frame type 0x{code:02x}")));
        };
        if length > kind.limit() {
            return Err(Fault::new(Reason::WireFrame, format!("a {kind:?} frame of {length} bytes; the limit is {}", kind.limit())));
        }
        Ok(Self { kind, length })
    }

    /// The five bytes.
    pub fn to_bytes(self) -> [u8; FRAME_HEADER] {
        let length = (self.length as u32).to_be_bytes();
        [self.kind.code(), length[0], length[1], length[2], length[3]]
    }
}

/// A whole frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What the body is.
    pub kind: FrameKind,
    /// The body.
    pub body: Vec<u8>,
}

impl Frame {
    /// A frame around an encoded message.
    pub fn of<T: minicbor::Encode<()>>(kind: FrameKind, message: &T) -> Self {
        Self { kind, body: crate::cbor::encode(message) }
    }

    /// A frame around bytes. The caller keeps them within the kind's limit.
    pub fn new(kind: FrameKind, body: Vec<u8>) -> Self {
        debug_assert!(body.len() <= kind.limit(), "a {kind:?} frame of {} bytes", body.len());
        Self { kind, body }
    }

    /// Header and body.
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = FrameHeader { kind: self.kind, length: self.body.len() }.to_bytes();
        [header.as_slice(), &self.body].concat()
    }

    /// The frame at the start of `bytes` and how long it is, or `None` if more bytes are needed.
    ///
    /// # Errors
    /// As [`FrameHeader::parse`], before any of the body is waited for.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Fault> {
        let Some((header, rest)) = bytes.split_first_chunk::<FRAME_HEADER>() else { return Ok(None) };
        let header = FrameHeader::parse(*header)?;
        let Some(body) = rest.get(..header.length) else { return Ok(None) };
        Ok(Some((Self { kind: header.kind, body: body.to_vec() }, FRAME_HEADER + header.length)))
    }

    /// The message in the body, which must be deterministic CBOR.
    ///
    /// # Errors
    /// `cbor.*`, `wire.structure`.
    pub fn message<T: for<'b> minicbor::Decode<'b, ()>>(&self) -> Result<T, Fault> {
        crate::cbor::scan(&self.body)?;
        minicbor::decode(&self.body).map_err(|error| Fault::new(Reason::WireStructure, error.to_string()))
    }

    /// The frame itself if it is of `kind`.
    ///
    /// # Errors
    /// `wire.order`.
    pub fn expect(self, kind: FrameKind) -> Result<Self, Fault> {
        if self.kind == kind {
            return Ok(self);
        }
        Err(Fault::new(Reason::WireOrder, format!("a {:?} frame where {kind:?} belongs", self.kind)))
    }
}

/// Header and index of a chunk frame, so that the chunk's bytes need not be copied behind them.
pub fn chunk_frame_prefix(index: u32, length: usize) -> [u8; FRAME_HEADER + 4] {
    let mut prefix = [0; FRAME_HEADER + 4];
    prefix[..FRAME_HEADER].copy_from_slice(&FrameHeader { kind: FrameKind::Chunk, length: 4 + length }.to_bytes());
    prefix[FRAME_HEADER..].copy_from_slice(&index.to_be_bytes());
    prefix
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn lengths_are_bounded_at_the_edge() {
        for kind in FrameKind::ALL {
            let header = FrameHeader { kind: *kind, length: kind.limit() };
            assert_eq!(FrameHeader::parse(header.to_bytes()), Ok(header));
            let beyond = FrameHeader { length: kind.limit() + 1, ..header };
            assert_eq!(FrameHeader::parse(beyond.to_bytes()).unwrap_err().reason, Reason::WireFrame);
        }
        assert_eq!(FrameHeader::parse([0xee, 0, 0, 0, 0]).unwrap_err().reason, Reason::WireFrame);
    }

    #[test]
    fn a_frame_waits_for_its_bytes() {
        let frame = Frame::new(FrameKind::End, vec![0xa0]);
        let bytes = frame.to_bytes();
        for cut in 0..bytes.len() {
            assert_eq!(Frame::parse(&bytes[..cut]).unwrap(), None);
        }
        assert_eq!(Frame::parse(&bytes).unwrap(), Some((frame, bytes.len())));
    }
}
