//! Vendor and standard file formats in, Carnet views out. Pure functions over bytes.

pub mod error;
pub mod imaging;

pub use error::FormatError;
