//! Two nodes in one process, over loopback: what the doors between them let through, and when they close.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "support/maker.rs"]
mod maker;

#[path = "exchange/doors.rs"]
mod doors;
#[path = "exchange/node.rs"]
mod node;
#[path = "exchange/taking.rs"]
mod taking;
#[path = "exchange/trust.rs"]
mod trust;
