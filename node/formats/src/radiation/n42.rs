//! N42.42: finds out the version by the root element and hands over.

use carnet_protocol::cbor::Real;
use carnet_protocol::spectrum::{Category, MeasurementClass, SpectrumView};

use super::text::BadNumber;
use super::xml::{Step, Tag, Xml};
use super::{n42_2006, n42_2012};
use crate::{Format, FormatError};

/// Decodes an N42.42 file of either version.
pub(super) fn decode(bytes: &[u8]) -> Result<SpectrumView, FormatError> {
    let mut xml = Xml::new(bytes);
    loop {
        match xml.step()? {
            Step::Start(Tag::N42InstrumentData, _) => return n42_2006::decode(xml),
            Step::Start(Tag::RadInstrumentData, _) => return n42_2012::decode(xml),
            // Some instruments wrap the 2006 document in an <Event>.
            Step::Start(..) | Step::End(..) => {}
            Step::Done => {
                return Err(FormatError::malformed(Format::N42, xml.at(), "there is neither N42InstrumentData nor RadInstrumentData"));
            }
        }
    }
}

/// Places a fault of a text that was just read.
pub(super) fn in_text(xml: &Xml<'_>, fault: BadNumber, element: &str) -> FormatError {
    FormatError::malformed(Format::N42, xml.text_at + fault.at, format!("{}, in {element}", fault.what))
}

/// A duration that must be one if it is there.
pub(super) fn duration(xml: &Xml<'_>, element: &str) -> Result<Option<Real>, FormatError> {
    if xml.text.trim_ascii().is_empty() {
        return Ok(None);
    }
    match super::text::seconds(&xml.text) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(FormatError::malformed(Format::N42, xml.text_at, format!("{element} is not a duration"))),
    }
}

/// Whether the compression of channel data is counted zeroes; its name has been spelled in several ways.
pub(super) fn counted_zeroes(name: &[u8]) -> Result<bool, FormatError> {
    let name = name.trim_ascii();
    if name.is_empty() || name.eq_ignore_ascii_case(b"None") {
        return Ok(false);
    }
    if name.eq_ignore_ascii_case(b"CountedZeroes") || name.eq_ignore_ascii_case(b"CountedZeros") {
        return Ok(true);
    }
    Err(FormatError::unsupported(Format::N42, "a compression other than CountedZeroes"))
}

/// The measurement class of either version's code.
pub(super) fn class(code: &[u8]) -> MeasurementClass {
    match &code.trim_ascii().to_ascii_lowercase()[..] {
        b"foreground" | b"item" => MeasurementClass::Foreground,
        b"background" => MeasurementClass::Background,
        b"calibration" => MeasurementClass::Calibration,
        b"intrinsicactivity" => MeasurementClass::IntrinsicActivity,
        b"stabilization" => MeasurementClass::Stabilization,
        _ => MeasurementClass::NotSpecified,
    }
}

/// The detector category of either version's code, where one is named in it.
pub(super) fn category(code: &[u8]) -> Option<Category> {
    let code = code.to_ascii_lowercase();
    let holds = |word: &[u8]| code.windows(word.len()).any(|window| window == word);
    Some(if holds(b"neutron") {
        Category::Neutron
    } else if holds(b"gamma") {
        Category::Gamma
    } else if holds(b"alpha") {
        Category::Alpha
    } else if holds(b"beta") {
        Category::Beta
    } else if holds(b"x-ray") {
        Category::XRay
    } else {
        return None;
    })
}

/// True or false as XML Schema writes them.
pub(super) fn boolean(text: &[u8]) -> Option<bool> {
    match &text.trim_ascii().to_ascii_lowercase()[..] {
        b"1" | b"true" => Some(true),
        b"0" | b"false" => Some(false),
        _ => None,
    }
}
