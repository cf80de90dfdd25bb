//! GADRAS PCF: records of a fixed number of 256-byte blocks, one a spectrum, counts as binary32. Little-endian.

use carnet_protocol::spectrum::{Calibration, MAX_CHANNELS, Measurement, MeasurementClass, Pair, SpectrumView};

use super::builder::{Builder, coefficients, not_negative, real, row};
use super::text::{Moment, moment, month, short};
use crate::{Format, FormatError};

/// Bytes of a block, and of a spectrum's header.
const BLOCK: usize = 256;
/// Bytes of the table of deviation pairs.
const DEVIATIONS: usize = 4 * 8 * 8 * 20 * 2 * 2;
/// Pairs of one detector in that table.
const PAIRS: usize = 20;

/// The spectra of a PCF file.
pub(super) fn decode(bytes: &[u8]) -> Result<SpectrumView, FormatError> {
    let bad = |at: usize, what: &str| FormatError::malformed(Format::Pcf, at, what);
    let Some(header) = bytes.get(..BLOCK) else { return Err(bad(bytes.len(), "the file ends inside its header")) };
    let record = BLOCK * usize::from(u16::from_le_bytes([header[0], header[1]]));
    if record == 0 {
        return Err(bad(0, "a record has no blocks"));
    }
    let mut builder = Builder::default();
    if header.get(2..5) == Some(b"DHS") {
        let of = &mut builder.view.instrument;
        (of.class, of.maker, of.model, of.serial) =
            (field(header, 92, 28), field(header, 120, 28), field(header, 148, 18), field(header, 166, 18));
    }
    let table = Deviations::of(bytes);
    let (mut at, mut number, mut energies) = (if table.is_some() { 2 * BLOCK + DEVIATIONS } else { BLOCK }, 0u32, None);
    while at + BLOCK <= bytes.len() {
        number += 1;
        let spectrum = &bytes[at..at + BLOCK];
        let float = |offset: usize| {
            f64::from(f32::from_le_bytes([spectrum[offset], spectrum[offset + 1], spectrum[offset + 2], spectrum[offset + 3]]))
        };
        let count = i32::from_le_bytes([spectrum[252], spectrum[253], spectrum[254], spectrum[255]]);
        if count < 0 || count as usize > MAX_CHANNELS as usize + 1 {
            return Err(bad(at + 252, "the number of channels is negative or too large"));
        }
        let count = count as usize;
        if count == 0 {
            at += record;
            continue;
        }
        let Some(data) = bytes.get(at + BLOCK..at + BLOCK + 4 * count) else {
            return Err(bad(at, "the file ends before a spectrum's channels do"));
        };
        let factor = Some(float(220)).filter(|factor| *factor > 1.0 && factor.is_finite()).unwrap_or(1.0);
        let values: Vec<f64> = data.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]])) * factor).collect();
        if let Some(channel) = values.iter().position(|value| !value.is_finite()) {
            return Err(bad(at + BLOCK + 4 * channel, "a count is not a finite number"));
        }
        let title = title(spectrum);
        let ascend = !values.windows(2).any(|pair| pair[0] > pair[1]);
        if number == 1 && ascend && count > 2 && title.as_deref().is_some_and(|title| title.eq_ignore_ascii_case("energy")) {
            energies = Some(values.into_iter().map(real).collect::<Vec<_>>());
            at += record;
            continue;
        }
        let terms: Vec<f64> = (0..5).map(|term| float(224 + 4 * term)).collect();
        let name = title.as_deref().and_then(detector_name);
        let deviations = table.as_ref().and_then(|table| table.pairs(name.unwrap_or("Aa1")));
        let mut calibration = match &energies {
            Some(boundaries) => Calibration { boundaries: Some(boundaries.clone()), ..Calibration::default() },
            None if terms.iter().all(|term| term.is_finite()) => {
                Calibration { full_range: coefficients(terms.iter().copied().map(real).collect()), ..Calibration::default() }
            }
            None => Calibration::default(),
        };
        let mut measurement = Measurement {
            sample: title.as_deref().and_then(sample).unwrap_or(number),
            gamma: Some(row(values)?),
            ..Measurement::default()
        };
        if calibration != Calibration::default() {
            calibration.deviations = deviations;
            let mut key = spectrum[224..244].to_vec();
            key.extend_from_slice(name.unwrap_or("").as_bytes());
            measurement.calibration = match builder.known_calibration(&key) {
                Some(index) => Some(index),
                None => Some(builder.calibration(&key, calibration)?),
            };
        }
        if let Some(name) = name {
            measurement.detector = Some(builder.detector(name.as_bytes())?);
        }
        measurement.class = title.as_deref().map_or(MeasurementClass::NotSpecified, class);
        let start = vax_time(&spectrum[180..203]);
        (measurement.start, measurement.local_time) = (start.map(|moment| moment.millis), start.is_some());
        (measurement.live_time, measurement.real_time) = (not_negative(float(204)), not_negative(float(208)));
        measurement.neutrons = not_negative(float(248)).filter(|neutrons| neutrons.value() > 0.0);
        measurement.title = title;
        builder.push(measurement)?;
        at += record;
    }
    if builder.view.measurements.is_empty() {
        return Err(bad(bytes.len(), "there is no spectrum"));
    }
    // Titles name the background; what stands beside one is what was inspected.
    let measurements = &mut builder.view.measurements;
    if measurements.iter().any(|m| m.class == MeasurementClass::Background) {
        let unsaid = measurements.iter_mut().filter(|m| m.class == MeasurementClass::NotSpecified);
        unsaid.for_each(|m| m.class = MeasurementClass::Foreground);
    }
    Ok(builder.view)
}

/// The table of deviation pairs behind the header: by column, panel and analyser, as in the detector name `Aa1` (panel, column, analyser).
struct Deviations<'a> {
    table: &'a [u8],
    compressed: bool,
}

impl<'a> Deviations<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let label = bytes.get(BLOCK..2 * BLOCK)?;
        if !label.starts_with(b"DeviationPairsInFile") {
            return None;
        }
        Some(Self {
            table: bytes.get(2 * BLOCK..2 * BLOCK + DEVIATIONS)?,
            compressed: label.starts_with(b"DeviationPairsInFileCompressed"),
        })
    }

    fn pairs(&self, name: &str) -> Option<Vec<Pair>> {
        let [panel, column, analyser] = name.as_bytes().try_into().ok()?;
        let (panel, column, analyser) = (panel.to_ascii_lowercase() - b'a', column.to_ascii_lowercase() - b'a', analyser - b'1');
        let size = if self.compressed { 2 } else { 4 };
        let first = ((usize::from(column) * 8 + usize::from(panel)) * 8 + usize::from(analyser)) * PAIRS * 2 * size;
        let bytes = self.table.get(first..first + PAIRS * 2 * size)?;
        let values: Vec<f64> = match size {
            2 => bytes.chunks_exact(2).map(|b| f64::from(i16::from_le_bytes([b[0], b[1]]))).collect(),
            _ => bytes.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect(),
        };
        let last = values.chunks(2).rposition(|pair| pair[0] != 0.0 || pair[1] != 0.0)?;
        Some(values.chunks(2).take(last + 1).map(|pair| Pair(real(pair[0]), real(pair[1]))).collect())
    }
}

/// The title: the first 60 bytes, or what stands between bytes of 255.
fn title(spectrum: &[u8]) -> Option<String> {
    let whole = &spectrum[..180];
    let text = match whole.strip_prefix(&[0xff]) {
        Some(rest) => rest.split(|byte| *byte == 0xff).next().unwrap_or(rest),
        None => &whole[..60],
    };
    short(text.split(|byte| *byte == 0).next().unwrap_or(text))
}

fn field(header: &[u8], at: usize, length: usize) -> Option<String> {
    short(header.get(at..at + length)?.split(|byte| *byte == 0).next()?)
}

/// A detector's name in a title, as `Aa1` or `Det=Aa1`.
fn detector_name(title: &str) -> Option<&str> {
    title.split([' ', '=', ',']).find(|word| matches!(word.as_bytes(), [b'A'..=b'H' | b'a'..=b'h', b'a'..=b'd', b'1'..=b'8']))
}

/// The sample number in a title, as `Survey 12` or `Sample 12`.
fn sample(title: &str) -> Option<u32> {
    let mut words = title.split_whitespace();
    words.find(|word| word.eq_ignore_ascii_case("survey") || word.eq_ignore_ascii_case("sample"))?;
    words.next()?.parse().ok()
}

fn class(title: &str) -> MeasurementClass {
    let title = title.to_ascii_lowercase();
    [
        ("background", MeasurementClass::Background),
        ("calibration", MeasurementClass::Calibration),
        ("intrinsic", MeasurementClass::IntrinsicActivity),
        ("foreground", MeasurementClass::Foreground),
    ]
    .into_iter()
    .find(|(word, _)| title.contains(word))
    .map_or(MeasurementClass::NotSpecified, |(_, class)| class)
}

/// `19-Sep-2014 14:12:01.62` or `2014-Sep-19 14:12:01.62`.
fn vax_time(text: &[u8]) -> Option<Moment> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let (date, time) = text.split_once(' ')?;
    let parts: Vec<&str> = date.split('-').collect();
    let [first, name, last] = parts[..] else { return None };
    let (first, last): (i64, i64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let (year, day) = if first > 31 { (first, last) } else { (last, first) };
    let clock: Vec<f64> = time.trim().split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hour, minute, second] = clock[..] else { return None };
    moment((year, month(name.as_bytes())?, day), (hour as i64, minute as i64, second), None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    /// A small valid file: one background of 64 channels with a fraction of a count.
    fn file() -> Vec<u8> {
        let mut bytes = vec![2, 0];
        bytes.extend(b"DHS");
        bytes.resize(BLOCK, b' ');
        let mut spectrum = vec![b' '; 180];
        spectrum[..26].copy_from_slice(b"Background Sample 3 Det=Bb");
        spectrum[26] = b'2';
        spectrum.extend(b"19-Sep-2014 14:12:01.62 ");
        [90f32, 100., 0., 0., 1., 1., 3000., 0., 0., 0., 0., 7.].iter().for_each(|value| spectrum.extend(value.to_le_bytes()));
        spectrum.extend(64i32.to_le_bytes());
        (0..64).for_each(|channel| spectrum.extend((channel as f32 * 0.5).to_le_bytes()));
        bytes.extend(spectrum);
        bytes
    }

    #[test]
    fn reads_a_file() {
        let view = decode(&file()).unwrap();
        let m = &view.measurements[0];
        assert_eq!(m.gamma.as_ref().unwrap().total(), 1008.0);
        assert_eq!((m.sample, m.class, view.detectors[0].name.as_str()), (3, MeasurementClass::Background, "Bb2"));
        assert_eq!((m.live_time.unwrap().value(), m.real_time.unwrap().value(), m.neutrons.unwrap().value()), (90.0, 100.0, 7.0));
        assert_eq!(view.calibrations[0].edges(64).unwrap()[64], 3001.0);
        assert_eq!(m.start, Some(1_411_135_921_620));
    }

    #[test]
    fn names_what_is_wrong() {
        let file = file();
        assert!(matches!(decode(&file[..600]), Err(FormatError::Malformed { at: 256, .. })));
        assert!(matches!(decode(&file[..300]), Err(FormatError::Malformed { at: 300, .. })));
        let mut huge = file.clone();
        huge[BLOCK + 252..BLOCK + 256].copy_from_slice(&i32::MAX.to_le_bytes());
        assert!(matches!(decode(&huge), Err(FormatError::Malformed { at: 508, .. })));
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
