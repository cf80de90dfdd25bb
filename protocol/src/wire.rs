//! What goes over a stream between two nodes, and into a package. Implements spec/04-wire.md.
//!
//! Everything is a frame: a type, a length, a body. The frames assume nothing but an ordered stream of bytes, so QUIC, another
//! carrier and a file in a diplomatic bag look the same to a reader.

mod frame;
mod group;
mod hello;
mod request;

pub use frame::{FRAME_HEADER, Frame, FrameHeader, FrameKind, MAX_CHUNK_FRAME, chunk_frame_prefix};
pub use group::{Group, Groups};
pub use hello::{Advance, End, Hello, LogKey, MAX_CRLS, PROTOCOL_VERSION, Refusal};
pub use request::{Asked, ChunkRange, MAX_FEED_PAGE, MAX_LIFETIME, MAX_PAGE_BYTES, MAX_RANGES, PayloadBody, Request};
