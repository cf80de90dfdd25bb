//! ORTEC CHN: a header of 32 bytes, counts of 32 bits, and 512 bytes of calibration and descriptions. Little-endian.

use carnet_protocol::spectrum::{Calibration, Detector, MAX_CHANNELS, Measurement, SpectrumView};

use super::builder::{Builder, coefficients, real};
use super::text::{RowBuilder, moment, month, short};
use crate::{Format, FormatError};

/// Bytes before the counts.
const HEADER: usize = 32;
/// Ticks of the clock a second.
const TICKS: f64 = 50.0;

/// The spectrum of a CHN file.
pub(super) fn decode(bytes: &[u8]) -> Result<SpectrumView, FormatError> {
    let bad = |at: usize, what: &str| FormatError::malformed(Format::Chn, at, what);
    let Some(header) = bytes.get(..HEADER) else { return Err(bad(bytes.len(), "the file ends inside its header")) };
    if word(header, 0) != 0xffff {
        return Err(bad(0, "the file does not begin with -1"));
    }
    let mut count = usize::from(word(header, 30));
    if count == 0 {
        // Files of 65,536 channels cannot say so in 16 bits.
        count = bytes.len().saturating_sub(HEADER + 512) / 4;
    }
    if count == 0 || count > MAX_CHANNELS as usize {
        return Err(bad(30, "the number of channels is 0 or too large"));
    }
    let end = HEADER + 4 * count;
    let Some(data) = bytes.get(HEADER..end) else { return Err(bad(bytes.len(), "the file ends before its channels do")) };
    let (real_time, live_time) = (f64::from(double_word(header, 8)) / TICKS, f64::from(double_word(header, 12)) / TICKS);
    let mut row = RowBuilder::new();
    for (channel, bytes) in data.chunks_exact(4).enumerate() {
        let value = double_word(bytes, 0);
        row.push_whole(u64::from(time_in_channel(channel, value, live_time, real_time))).map_err(|what| bad(HEADER + 4 * channel, what))?;
    }
    let mut builder = Builder::default();
    let mut measurement = Measurement {
        sample: 1,
        start: start(header),
        real_time: Some(real(real_time)),
        live_time: Some(real(live_time)),
        gamma: row.finish().map_err(|what| bad(HEADER, what))?,
        ..Measurement::default()
    };
    measurement.local_time = measurement.start.is_some();
    let trailer = &bytes[end..];
    if let Some(calibration) = calibration(trailer) {
        measurement.calibration = Some(builder.calibration(b"", calibration)?);
    }
    if let Some(description) = counted_text(trailer, 256) {
        measurement.detector = Some(builder.detector(b"")?);
        builder.view.detectors = vec![Detector { description: Some(description), ..Detector::default() }];
    }
    measurement.title = counted_text(trailer, 320);
    builder.push(measurement)?;
    Ok(builder.view)
}

/// The count of a channel. Multichannel analysers of both large makers may keep live and real time in the first two channels; such a
/// value is no count.
pub(super) fn time_in_channel(channel: usize, value: u32, live_time: f64, real_time: f64) -> u32 {
    let is_time = |time: f64| value > 0 && (f64::from(value) == time.floor() || f64::from(value) == (time * TICKS).round());
    if channel < 2 && (is_time(live_time) || is_time(real_time)) { 0 } else { value }
}

fn calibration(trailer: &[u8]) -> Option<Calibration> {
    let kind = word(trailer.get(..2)?, 0) as i16;
    let terms = match kind {
        -102 => 3,
        -101 | 1 => 2,
        _ => return None,
    };
    let values: Vec<f64> =
        trailer.get(4..4 + 4 * terms)?.chunks_exact(4).map(|bytes| f64::from(f32::from_bits(double_word(bytes, 0)))).collect();
    if values.iter().any(|value| !value.is_finite()) || (values[0] == 0.0 && values[1] == 1.0) {
        return None;
    }
    let full_range = values[1] > 1000.0;
    let terms = coefficients(values.into_iter().map(real).collect())?;
    // A slope of thousands of keV is the range of all channels, not of one.
    Some(if full_range {
        Calibration { full_range: Some(terms), ..Calibration::default() }
    } else {
        Calibration { polynomial: Some(terms), ..Calibration::default() }
    })
}

/// A text of up to 63 bytes after its length.
fn counted_text(trailer: &[u8], at: usize) -> Option<String> {
    let length = usize::from(*trailer.get(at)?);
    if length > 63 { None } else { short(trailer.get(at + 1..at + 1 + length)?) }
}

/// `DDMMMYYC` at 16, `HHMM` at 24, seconds at 6; `C` is 1 in this century.
fn start(header: &[u8]) -> Option<i64> {
    let two = |at: usize| -> Option<i64> { std::str::from_utf8(&header[at..at + 2]).ok()?.trim().parse().ok() };
    let century = if header[23] == b'0' { 1900 } else { 2000 };
    let second = two(6)? as f64;
    Some(moment((century + two(21)?, month(&header[18..21])?, two(16)?), (two(24)?, two(26)?, second), None)?.millis)
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn double_word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    /// A small valid file.
    fn file() -> Vec<u8> {
        let mut bytes = vec![0xff, 0xff, 1, 0, 1, 0];
        bytes.extend(b"07");
        bytes.extend(1000u32.to_le_bytes());
        bytes.extend(900u32.to_le_bytes());
        bytes.extend(b"11Jul1811015");
        bytes.extend([0, 0, 4, 0]);
        [18u32, 5, 0, 70_000].iter().for_each(|count| bytes.extend(count.to_le_bytes()));
        bytes.extend((-102i16).to_le_bytes());
        bytes.extend([0, 0]);
        [1.5f32, 3.0, 0.0].iter().for_each(|term| bytes.extend(term.to_le_bytes()));
        bytes.resize(HEADER + 16 + 512, 0);
        bytes[HEADER + 16 + 256..][..4].copy_from_slice(b"\x03NaI");
        bytes
    }

    #[test]
    fn reads_a_file() {
        let view = decode(&file()).unwrap();
        let m = &view.measurements[0];
        assert_eq!(m.gamma.as_ref().unwrap().to_vec(), [0., 5., 0., 70_000.], "the first channel holds the live time");
        assert_eq!((m.live_time.unwrap().value(), m.real_time.unwrap().value()), (18.0, 20.0));
        assert_eq!(m.start, Some(1_531_304_107_000));
        assert_eq!(view.calibrations[0].polynomial.as_ref().unwrap()[0].value(), 1.5);
        assert_eq!(view.detectors[0].description.as_deref(), Some("NaI"));
    }

    #[test]
    fn names_what_is_wrong() {
        let cut = &file()[..40];
        assert!(matches!(decode(cut), Err(FormatError::Malformed { at: 40, .. })));
        assert!(matches!(decode(&[0xff, 0xff, 0]), Err(FormatError::Malformed { at: 3, .. })));
    }

    proptest! {
        #[test]
        fn changed_and_cut_files_are_safe(at in any::<prop::sample::Index>(), byte in any::<u8>(), end in any::<prop::sample::Index>()) {
            let mut bytes = file();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            for bytes in [&bytes[..], &bytes[..end.index(bytes.len())]] {
                if let Ok(view) = decode(bytes) {
                    let mut view = view;
                    view.version = carnet_protocol::spectrum::VERSION;
                    prop_assert!(view.to_cbor().is_ok());
                }
            }
        }
    }
}
