//! Persistence: what the node keeps, and in what order it becomes durable.

pub mod payloads;
