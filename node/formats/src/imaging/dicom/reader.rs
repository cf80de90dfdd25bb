//! The data set of a DICOM part 10 file (PS3.5, PS3.10), read without recursion.
//!
//! `bytes -> DataSet::read -> elements by tag`. Our own reader, because the general one at hand (dicom-object 0.10) builds a
//! tree by recursion: 400 kB of nested sequences overflow the stack, which ends the process and no handler can catch. Values
//! stay slices of the file; only the elements in [`wanted`] are kept, so that memory does not grow with the file.

use std::collections::BTreeMap;

use super::super::bounds::MAX_DICOM_DEPTH;
use super::{FORMAT, tags};
use crate::imaging::ImageFault;

const UNDEFINED: u32 = u32::MAX;
const ITEM: u32 = 0xfffe_e000;
const ITEM_END: u32 = 0xfffe_e00d;
const SEQUENCE_END: u32 = 0xfffe_e0dd;

/// The value of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Bytes, little endian.
    Bytes(&'a [u8]),
    /// Encapsulated pixel data: its fragments, the offset table first.
    Fragments(Vec<&'a [u8]>),
}

/// One element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// Value representation; absent in implicit data sets.
    pub(super) vr: Option<[u8; 2]>,
    pub(super) value: Value<'a>,
}

/// The elements of a data set that the decoder looks at.
#[derive(Debug, Default)]
pub(super) struct DataSet<'a> {
    top: BTreeMap<u32, Element<'a>>,
    /// First occurrence of an element within sequences, at any depth.
    nested: BTreeMap<u32, Element<'a>>,
}

impl<'a> DataSet<'a> {
    /// The element `tag` of the data set itself.
    pub(super) fn get(&self, tag: u32) -> Option<&Element<'a>> {
        self.top.get(&tag)
    }

    /// The element `tag`, else its first occurrence within a sequence, such as the functional groups of a volume.
    pub(super) fn anywhere(&self, tag: u32) -> Option<&Element<'a>> {
        self.top.get(&tag).or_else(|| self.nested.get(&tag))
    }

    /// Reads the data set in `bytes` from `start`; `explicit` tells how value representations are written.
    /// Ends with the pixel data, or with the bytes.
    pub(super) fn read(bytes: &'a [u8], start: usize, explicit: bool) -> Result<Self, ImageFault> {
        let mut set = Self::default();
        let mut reader = Reader { bytes, at: start };
        // Open sequences and items, innermost last.
        let mut open: Vec<Level> = Vec::new();
        loop {
            while open.last().is_some_and(|level| level.end.is_some_and(|end| reader.at >= end)) {
                open.pop();
            }
            if reader.at >= bytes.len() {
                return Ok(set);
            }
            let at = reader.at;
            let end = open.iter().rev().find_map(|level| level.end).unwrap_or(bytes.len());
            let explicit_here = open.last().map_or(explicit, |level| level.explicit);
            if let Some(tag) = reader.peek_tag()
                && open.is_empty()
                && tags::WIDE_PIXELS.contains(&tag)
            {
                // Such pixels are refused whatever they are, and vendors write their lengths in ways of their own.
                set.top.insert(tag, Element { vr: None, value: Value::Bytes(&[]) });
                return Ok(set);
            }
            let header = reader.header(explicit_here, end)?;
            let level_end = match header.length {
                UNDEFINED => None,
                length => Some(reader.at + length as usize),
            };
            if level_end.is_some_and(|level_end| level_end > end) {
                return Err(bad(at, &format!("element {} is longer than what holds it", name(header.tag))));
            }
            let level = Level { end: level_end, explicit: explicit_here, item: header.tag == ITEM };
            match header.tag {
                ITEM | ITEM_END | SEQUENCE_END => match (header.tag, open.last().map(|level| level.item)) {
                    (ITEM, Some(false)) => push(&mut open, level, at)?,
                    (ITEM_END, Some(true)) | (SEQUENCE_END, Some(false)) => {
                        open.pop();
                    }
                    _ => return Err(bad(at, "an item or delimiter out of place")),
                },
                tags::PIXEL_DATA if open.is_empty() => {
                    let value = match level_end {
                        None => Value::Fragments(reader.fragments()?),
                        Some(end) => Value::Bytes(&bytes[reader.at..end]),
                    };
                    set.top.entry(header.tag).or_insert(Element { vr: header.vr, value });
                    return Ok(set);
                }
                // Pixel data within a sequence is an icon: its fragments are read over.
                tags::PIXEL_DATA if level_end.is_none() => {
                    reader.fragments()?;
                }
                tag if header.vr == Some(*b"SQ") || level_end.is_none() || is_known_sequence(tag, header.vr) => {
                    // PS3.5 6.2.2: an UN of undefined length holds an implicit data set.
                    let explicit = explicit_here && header.vr != Some(*b"UN");
                    push(&mut open, Level { explicit, ..level }, at)?;
                }
                tag => {
                    let end = level_end.unwrap_or(reader.at);
                    if wanted(tag) {
                        let map = if open.is_empty() { &mut set.top } else { &mut set.nested };
                        let value = Value::Bytes(&bytes[reader.at..end]);
                        map.entry(tag).or_insert(Element { vr: header.vr, value });
                    }
                    reader.at = end;
                }
            }
        }
    }
}

/// The file meta information: from byte 132, always explicit. Returns its elements and where the data set begins.
pub(super) fn read_meta(bytes: &[u8]) -> Result<(BTreeMap<u32, &[u8]>, usize), ImageFault> {
    let mut reader = Reader { bytes, at: 132 };
    let mut meta = BTreeMap::new();
    while reader.bytes.get(reader.at..reader.at + 2) == Some(&[2, 0]) {
        let at = reader.at;
        let header = reader.header(true, bytes.len())?;
        let value = (header.length != UNDEFINED)
            .then(|| bytes.get(reader.at..reader.at.checked_add(header.length as usize)?))
            .flatten()
            .ok_or_else(|| bad(at, "a meta element is cut short"))?;
        reader.at += value.len();
        if header.tag == tags::TRANSFER_SYNTAX {
            meta.insert(header.tag, value);
        }
    }
    Ok((meta, reader.at))
}

/// An open sequence or item.
#[derive(Clone, Copy)]
struct Level {
    /// Where it ends, if its length is defined.
    end: Option<usize>,
    explicit: bool,
    item: bool,
}

fn push(open: &mut Vec<Level>, level: Level, at: usize) -> Result<(), ImageFault> {
    // A sequence and its item are two levels of ours.
    if open.len() >= 2 * MAX_DICOM_DEPTH {
        return Err(bad(at, "sequences are nested too deeply"));
    }
    open.push(level);
    Ok(())
}

/// Sequences that implicit data sets do not mark as such, and whose contents are wanted.
fn is_known_sequence(tag: u32, vr: Option<[u8; 2]>) -> bool {
    vr.is_none() && matches!(tag, 0x5200_9229 | 0x5200_9230 | 0x0028_9110)
}

/// The elements that are kept.
fn wanted(tag: u32) -> bool {
    tags::KEPT.contains(&tag) || tags::PERSONAL.iter().any(|&(personal, _)| personal == tag)
}

fn name(tag: u32) -> String {
    format!("({:04x},{:04x})", tag >> 16, tag & 0xffff)
}

fn bad(at: usize, what: &str) -> ImageFault {
    ImageFault::Malformed { format: FORMAT, offset: Some(at as u64), what: what.to_owned() }
}

/// Group and element, each little endian in the file.
fn tag_of([g0, g1, e0, e1]: [u8; 4]) -> u32 {
    u32::from_be_bytes([g1, g0, e1, e0])
}

struct Header {
    tag: u32,
    vr: Option<[u8; 2]>,
    length: u32,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Takes the next `N` bytes, which must lie before `end`.
    fn take<const N: usize>(&mut self, end: usize) -> Result<[u8; N], ImageFault> {
        let taken = self.bytes[..end].get(self.at..).and_then(|rest| rest.first_chunk::<N>());
        let taken = taken.ok_or_else(|| bad(self.at, "an element header is cut short"))?;
        self.at += N;
        Ok(*taken)
    }

    /// The tag of the next element.
    fn peek_tag(&self) -> Option<u32> {
        self.bytes.get(self.at..)?.first_chunk().copied().map(tag_of)
    }

    /// The next element's tag, representation and length; `at` is then at its value.
    fn header(&mut self, explicit: bool, end: usize) -> Result<Header, ImageFault> {
        let [g0, g1, e0, e1] = self.take(end)?;
        let tag = tag_of([g0, g1, e0, e1]);
        if !explicit || tag >> 16 == 0xfffe {
            return Ok(Header { tag, vr: None, length: u32::from_le_bytes(self.take(end)?) });
        }
        let vr: [u8; 2] = self.take(end)?;
        let length = match &vr {
            b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT" | b"UV" => {
                let [_, _] = self.take(end)?;
                u32::from_le_bytes(self.take(end)?)
            }
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => u32::from(u16::from_le_bytes(self.take(end)?)),
            _ => return Err(bad(self.at - 2, "no value representation where one is due")),
        };
        Ok(Header { tag, vr: Some(vr), length })
    }

    /// The fragments of encapsulated pixel data, up to and over its delimiter.
    fn fragments(&mut self) -> Result<Vec<&'a [u8]>, ImageFault> {
        let mut fragments = Vec::new();
        loop {
            let at = self.at;
            let header = self.header(false, self.bytes.len())?;
            if header.tag == SEQUENCE_END {
                return Ok(fragments);
            }
            let value = (header.tag == ITEM)
                .then(|| self.bytes.get(self.at..self.at.checked_add(header.length as usize)?))
                .flatten()
                .ok_or_else(|| bad(at, "a pixel fragment is cut short or out of place"))?;
            self.at += value.len();
            fragments.push(value);
        }
    }
}

#[cfg(test)]
mod tests;
