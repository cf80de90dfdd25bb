//! What two nodes do with each other, without a socket and without a clock. Implements spec/04-wire.md, `SES-*`.
//!
//! Every machine here is fed frames and time and says what to do next; a carrier (QUIC in `carnet`, a pair of queues in the tests)
//! moves the bytes. The way of a record at the receiver:
//! `frames -> FeedPull -> Group -> Arrival::judge -> Verified<Record>, openings, proof`.

mod arrival;
mod feed;
mod gate;
mod pull;

pub use arrival::{Arrival, Permission, check_proof};
pub use feed::{FeedPull, FeedStep};
pub use gate::{Gate, MAX_NONCES};
pub use pull::{ChunkStep, PayloadPull};
