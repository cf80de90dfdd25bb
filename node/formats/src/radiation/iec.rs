//! IEC 61455 (1455): records of 70 characters that begin with `A004`; 58 of header, then five channels a record.

use carnet_protocol::spectrum::{Calibration, MAX_CHANNELS, Measurement, Pair, SpectrumView};

use super::builder::{Builder, coefficients};
use super::text::{RowBuilder, moment, number, short};
use crate::{Format, FormatError};

/// Records before the counts.
const HEADER: usize = 58;

/// The spectrum of an IEC 61455 file.
pub(super) fn decode(bytes: &[u8]) -> Result<SpectrumView, FormatError> {
    let mut builder = Builder::default();
    let mut measurement = Measurement { sample: 1, ..Measurement::default() };
    let mut row = RowBuilder::new();
    let mut points: Vec<Pair> = Vec::new();
    let (mut at, mut declared, mut read, mut title) = (0, 0, 0, Vec::new());
    for (record, line) in bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).enumerate() {
        let bad = |what: &str| FormatError::malformed(Format::Iec, at, format!("{what}, in record {}", record + 1));
        let Some(body) = line.strip_prefix(b"A004") else { return Err(bad("a record does not begin with A004")) };
        let fields: Vec<&[u8]> = body.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).take(8).collect();
        match record + 1 {
            2 => {
                let values: Option<Vec<_>> = fields.iter().map(|field| number(field).filter(|value| value.value() >= 0.0)).collect();
                let Some([live, real, count, ..]) = values.as_deref() else {
                    return Err(bad("times and number of channels are not all there"));
                };
                (measurement.live_time, measurement.real_time) = (Some(*live), Some(*real));
                declared = count.value() as usize;
                if declared == 0 || declared > MAX_CHANNELS as usize {
                    return Err(bad("the number of channels is 0 or too large"));
                }
            }
            3 => {
                measurement.start = start(&fields);
                measurement.local_time = measurement.start.is_some();
            }
            4 => {
                let terms: Option<Vec<_>> = body.trim_ascii_end().chunks(15).map(number).collect();
                if let Some(polynomial) = coefficients(terms.ok_or_else(|| bad("a coefficient is not a number"))?) {
                    let calibration = Calibration { polynomial: Some(polynomial), ..Calibration::default() };
                    measurement.calibration = Some(builder.calibration(b"", calibration)?);
                }
            }
            6..=9 => title.extend([body.trim_ascii(), b" "].concat()),
            // Energies and channels of the lines that the calibration was made with.
            11..=22 => {
                let values: Vec<_> = fields.iter().filter_map(|field| number(field)).collect();
                let pairs = values.chunks_exact(2).map(|pair| Pair(pair[1], pair[0]));
                points.extend(pairs.filter(|pair| pair.0.value() != 0.0 || pair.1.value() != 0.0));
            }
            1..=HEADER => {}
            _ => {
                let values: Option<Vec<_>> = fields.iter().map(|field| number(field)).collect();
                let values = values.ok_or_else(|| bad("a count is not a number"))?;
                if values.first().is_none_or(|channel| channel.value() != read as f64) {
                    return Err(bad("the record's first channel is not the next one"));
                }
                for value in values.iter().skip(1).take(declared - read) {
                    row.push(value.value()).map_err(&bad)?;
                    read += 1;
                }
            }
        }
        at += line.len() + 1;
    }
    if declared == 0 || read < declared {
        return Err(FormatError::malformed(Format::Iec, bytes.len(), "the file ends before its channels do"));
    }
    measurement.title = short(&title);
    points.sort_by(|a, b| a.0.value().total_cmp(&b.0.value()));
    if measurement.calibration.is_none() && points.len() > 1 {
        measurement.calibration = Some(builder.calibration(b"points", Calibration { points: Some(points), ..Calibration::default() })?);
    }
    measurement.gamma = row.finish().map_err(|what| FormatError::malformed(Format::Iec, bytes.len(), what))?;
    builder.push(measurement)?;
    Ok(builder.view)
}

/// The start. Its two numbers may be day and month in either order: it is kept only if one order alone is possible.
fn start(fields: &[&[u8]]) -> Option<i64> {
    let parse = |field: Option<&&[u8]>, at: char| {
        let text = std::str::from_utf8(field?).ok()?;
        text.split(at).map(|part| part.parse::<i64>().ok()).collect::<Option<Vec<_>>>()
    };
    let ([first, second, year], [hour, minute, sec]) =
        (parse(fields.first(), '/')?.try_into().ok()?, parse(fields.get(1), ':')?.try_into().ok()?);
    let year = if year < 70 {
        year + 2000
    } else if year < 100 {
        year + 1900
    } else {
        year
    };
    let (as_month, as_day) =
        (moment((year, first, second), (hour, minute, sec as f64), None), moment((year, second, first), (hour, minute, sec as f64), None));
    match (as_month, as_day) {
        (Some(a), Some(b)) if a == b => Some(a.millis),
        (Some(only), None) | (None, Some(only)) => Some(only.millis),
        _ => None,
    }
}
