//! Persistence: what the node keeps, and in what order it becomes durable.
//!
//! The order is one: payload bytes are synced to disk, then record, log entry and checkpoint commit in one transaction of the
//! [`catalogue`], then the caller is told. Whatever was acknowledged survives `kill -9` and the loss of power.

pub mod catalogue;
pub mod incoming;
pub mod openings;
pub mod payloads;
pub mod served;

pub use catalogue::Catalogue;
