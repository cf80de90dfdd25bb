//! The node of one customs administration.
//!
//! It keeps, shares and proves evidence about goods. The way of a scan, top to bottom:
//!
//! ```text
//! ingest   decode a vendor's file          -> protocol::record   build, sign
//! store    payload durable, then record and log entry in one transaction, then the acknowledgement
//! peer     tell those it is released to    -> partner's peer: fetch, each record and chunk verified as it arrives
//! officer  outcome                          -> back to the origin
//! ```
//!
//! `protocol` decides what is true; this crate moves bytes, keeps them and talks to people.

pub mod cli;
pub mod clock;
pub mod config;
pub mod export;
pub mod home;
pub mod http;
pub mod identity;
pub mod ingest;
pub mod node;
pub mod peer;
pub mod store;
pub mod trust;
pub mod verify;
