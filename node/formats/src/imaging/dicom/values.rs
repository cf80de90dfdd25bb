//! Element values to text and numbers.

use super::super::bounds::MAX_TEXT;
use super::reader::{DataSet, Element, Value};
use super::tags;

fn bytes<'a>(element: &Element<'a>) -> &'a [u8] {
    match element.value {
        Value::Bytes(bytes) => bytes,
        Value::Fragments(_) => &[],
    }
}

/// Text of the element `tag` of the data set itself, trimmed, without control characters, at most [`MAX_TEXT`]
/// characters; none if empty. UTF-8 and Latin-1 are read as such. Letters of another repertoire become a replacement
/// character: the native file keeps them.
pub(super) fn text(set: &DataSet<'_>, tag: u32) -> Option<String> {
    let bytes = bytes(set.get(tag)?);
    let bytes = &bytes[..bytes.len().min(MAX_TEXT)];
    let repertoire = set.get(tags::CHARACTER_SET).map_or(&[][..], self::bytes).trim_ascii();
    let text: String = if repertoire == b"ISO_IR 100" {
        bytes.iter().map(|&byte| char::from(byte)).collect()
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    };
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Text that says something: vendors fill mandatory fields with `unknown`.
pub(super) fn known_text(set: &DataSet<'_>, tag: u32) -> Option<String> {
    text(set, tag).filter(|text| !text.eq_ignore_ascii_case("unknown"))
}

/// The numbers of an element anywhere in the data set: binary by its representation, else text separated by `\`.
/// None if there is none, or one of them is not finite.
pub(super) fn numbers(set: &DataSet<'_>, tag: u32) -> Option<Vec<f64>> {
    /// Nothing that is read here has more values.
    const MAX_VALUES: usize = 8;
    let element = set.anywhere(tag)?;
    let bytes = bytes(element);
    let numbers: Vec<f64> = match element.vr.as_ref().map(|vr| &vr[..]) {
        Some(b"US") => bytes.chunks_exact(2).map(|b| f64::from(u16::from_le_bytes([b[0], b[1]]))).collect(),
        Some(b"SS") => bytes.chunks_exact(2).map(|b| f64::from(i16::from_le_bytes([b[0], b[1]]))).collect(),
        Some(b"UL") => bytes.as_chunks().0.iter().map(|b| f64::from(u32::from_le_bytes(*b))).collect(),
        Some(b"FL") => bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        Some(b"FD") => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        None if is_binary(tag) => bytes.chunks_exact(2).map(|b| f64::from(u16::from_le_bytes([b[0], b[1]]))).collect(),
        _ => {
            let text = std::str::from_utf8(bytes.get(..MAX_TEXT.min(bytes.len()))?).ok()?;
            let parse = |part: &str| part.trim_matches(|c: char| c.is_whitespace() || c == '\0').parse().ok();
            text.split('\\').map(parse).collect::<Option<_>>()?
        }
    };
    let lawful = !numbers.is_empty() && numbers.len() <= MAX_VALUES && numbers.iter().all(|n: &f64| n.is_finite());
    lawful.then_some(numbers)
}

/// Elements of group 0028 that are two-byte binary numbers in an implicit data set.
fn is_binary(tag: u32) -> bool {
    matches!(
        tag,
        tags::SAMPLES_PER_PIXEL
            | tags::PLANAR
            | tags::ROWS
            | tags::COLUMNS
            | tags::BITS_ALLOCATED
            | tags::BITS_STORED
            | tags::HIGH_BIT
            | tags::PIXEL_REPRESENTATION
    )
}

/// A whole, non-negative number of the data set itself.
pub(super) fn whole(set: &DataSet<'_>, tag: u32) -> Option<u32> {
    set.get(tag)?;
    match numbers(set, tag)?[..] {
        [number, ..] if number >= 0.0 && number <= f64::from(u32::MAX) && number.fract() == 0.0 => Some(number as u32),
        _ => None,
    }
}

/// One number above zero.
pub(super) fn positive(set: &DataSet<'_>, tag: u32) -> Option<f64> {
    numbers(set, tag)?.first().copied().filter(|&number| number > 0.0)
}
