//! Items kept as the bytes they came in.

use minicbor::{Decode, Decoder, Encode, Encoder};

use super::scan_prefix;
use crate::reason::Fault;

/// One CBOR item, as its bytes. What a later version put there survives reading and writing.
#[derive(Clone, PartialEq, Eq)]
pub struct Raw(Vec<u8>);

impl Raw {
    /// The encoding of `value`.
    pub fn of<T: Encode<()>>(value: &T) -> Self {
        Self(super::encode(value))
    }

    /// The item's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Raw({} bytes)", self.0.len())
    }
}

impl<C> Encode<C> for Raw {
    fn encode<W: minicbor::encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.writer_mut().write_all(&self.0).map_err(minicbor::encode::Error::write)
    }
}

impl<'b, C> Decode<'b, C> for Raw {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let start = d.position();
        d.skip()?;
        Ok(Self(d.input()[start..d.position()].to_vec()))
    }
}

/// The raw key and value of a map's entry.
pub type Field<'a> = (&'a [u8], &'a [u8]);

/// The raw keys and values of a map, in order. `bytes` must begin with a deterministic map.
///
/// # Errors
/// As [`scan_prefix`]; anything but a map gives an empty list.
pub fn map_fields(bytes: &[u8]) -> Result<Vec<Field<'_>>, Fault> {
    scan_prefix(bytes)?;
    let mut decoder = Decoder::new(bytes);
    // The item was just scanned: a definite map, or something else.
    let Ok(Some(count)) = decoder.map() else { return Ok(Vec::new()) };
    let mut at = decoder.position();
    let mut fields = Vec::new();
    for _ in 0..count {
        let value_at = at + scan_prefix(&bytes[at..])?;
        let end = value_at + scan_prefix(&bytes[value_at..])?;
        fields.push((&bytes[at..value_at], &bytes[value_at..end]));
        at = end;
    }
    Ok(fields)
}

/// The raw value of the field with the small unsigned `key` (0 to 23) in a map.
///
/// # Errors
/// As [`map_fields`].
pub fn field(bytes: &[u8], key: u8) -> Result<Option<&[u8]>, Fault> {
    Ok(map_fields(bytes)?.into_iter().find(|(found, _)| *found == [key]).map(|(_, value)| value))
}

/// The raw items of an array, in order; empty for anything else.
///
/// # Errors
/// As [`scan_prefix`].
pub fn array_items(bytes: &[u8]) -> Result<Vec<&[u8]>, Fault> {
    scan_prefix(bytes)?;
    let mut decoder = Decoder::new(bytes);
    let Ok(Some(count)) = decoder.array() else { return Ok(Vec::new()) };
    let mut at = decoder.position();
    let mut items = Vec::new();
    for _ in 0..count {
        let end = at + scan_prefix(&bytes[at..])?;
        items.push(&bytes[at..end]);
        at = end;
    }
    Ok(items)
}
