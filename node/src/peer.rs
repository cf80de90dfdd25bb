//! Partners: QUIC between nodes. Implements the carrier of spec/04-wire.md.
//!
//! ```text
//! tls        who may connect: pinned roots, node certificates, no resumption
//! transport  windows, streams, ages, all bounded
//! link       one connection: hello both ways, then requests either way
//! answer     the server's end of a request: gate, handling, frames out
//! feed       the client's end for records: pull, judge, store, move the cursor
//! fetch      the client's end for payloads: chunks over several streams into a staging file
//! federation accepts and dials, keeps one link a partner alive
//! ```

pub mod answer;
pub mod federation;
pub mod feed;
pub mod fetch;
pub mod link;
pub mod tls;
pub mod transport;

pub use federation::Federation;
pub use link::{Link, LinkError};
