//! The Carnet protocol: all that another implementation must reproduce.
//!
//! No sockets, no clock, no files, no async: bytes and time come in as arguments, bytes and decisions go out.
//! The way of a statement through this crate is
//! `bytes -> Signed<Record> -> Verified<Record>`; nothing past the door takes anything but `Verified`.

pub mod cbor;
pub mod digest;
pub mod identifier;
pub mod image;
pub mod limits;
pub mod log;
pub mod merkle;
pub mod package;
pub mod payload;
pub mod pki;
pub mod reason;
pub mod record;
pub mod series;
pub mod session;
pub mod signed;
pub mod spectrum;
pub mod time;
pub mod wire;

// The tests of this folder and those beside it share one fixture, which speaks of this crate by its name.
#[cfg(test)]
extern crate self as carnet_protocol;
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod fixture;
