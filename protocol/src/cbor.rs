//! Deterministic CBOR (RFC 8949, section 4.2.1), checked on the bytes as they came. Implements spec/01-record.md, `CBOR-*`.
//!
//! A typed decoder cannot check determinism: it takes `18 01` for 1 and drops fields that it does not know. So the door is a
//! scanner without a schema, over the original bytes; those bytes are what is hashed, stored and served. The typed view comes after.

mod raw;
mod real;
mod scan;

pub use raw::{Field, Raw, array_items, field, map_fields};
pub use real::Real;
pub use scan::{MAX_DEPTH, scan, scan_prefix};

/// The encoding of `value`. All our types write definite lengths, ascending keys and shortest forms.
pub fn encode<T: minicbor::Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    // A Vec never fails to take bytes, and our Encode implementations raise no errors of their own.
    match minicbor::encode(value, &mut bytes) {
        Ok(()) => bytes,
        Err(never) => unreachable!("writing to memory failed: {never}"),
    }
}
