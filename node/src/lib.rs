//! Placeholder header, replaced by the room's contract.
pub mod store;
