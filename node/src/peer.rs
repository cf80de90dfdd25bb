//! Partners: QUIC between nodes. Implements the carrier of spec/04-wire.md.
//!
//! ```text
//! tls        who may connect: pinned roots, node certificates, no resumption
//! transport  windows, streams, ages, all bounded
//! ```

pub mod tls;
pub mod transport;
