//! Chains made for the occasion, right and wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod chains;
mod keys;
mod lists;
mod maker;
