//! Vendor and standard file formats in, Carnet views out. Pure functions over bytes: no files, no network, no clock.
//!
//! `bytes, name -> sniff -> Format -> decoder -> view (carnet-protocol)`. A decoder believes nothing: every size is bounded before it is
//! used, and what cannot be read is refused with its place, never guessed. The native bytes stay with the caller, verbatim.

pub mod declaration;
mod error;
pub mod imaging;
pub mod radiation;
mod sniff;

pub use error::FormatError;
pub use sniff::{Format, sniff};
