//! Canberra CNF: a table of 48-byte entries points at blocks for acquisition, sample and channels. Little-endian, VAX floats.
//!
//! The maker publishes no description; this follows what open readers (xylib, becquerel) found, and reads only what they agree on.

use carnet_protocol::spectrum::{Calibration, MAX_CHANNELS, Measurement, SpectrumView};

use super::builder::{Builder, coefficients, real};
use super::chn::time_in_channel;
use super::text::{RowBuilder, short};
use crate::{Format, FormatError};

/// First entry of the table, and distance of entries.
const TABLE: (usize, usize) = (112, 48);
/// Where the table is looked for.
const TABLE_END: usize = 128 * 1024;
/// Seconds from 17 November 1858 to the Unix epoch.
const VAX_EPOCH: f64 = 3_506_716_800.0;

/// The spectrum of a CNF file.
pub(super) fn decode(bytes: &[u8]) -> Result<SpectrumView, FormatError> {
    let bad = |at: usize, what: &str| FormatError::malformed(Format::Cnf, at, what);
    let (mut acquisition, mut encoder, mut sample, mut channels) = (0, 0, 0, 0);
    for at in (TABLE.0..TABLE_END.min(bytes.len())).step_by(TABLE.1) {
        let Some(entry) = bytes.get(at..at + 14) else { break };
        if !((entry[1] == 0x20 && entry[2] == 0x01) || entry[1] == 0 || entry[2] == 0) {
            continue;
        }
        let offset = integer(entry, 10, 4) as usize;
        match entry[0] {
            0 if acquisition == 0 => acquisition = offset,
            0 => encoder = offset,
            1 if sample == 0 => sample = offset,
            5 if channels == 0 => channels = offset,
            _ => {}
        }
        if acquisition != 0 && sample != 0 && channels != 0 {
            break;
        }
    }
    let block = |at: usize, kind: u8| bytes.get(at..at.saturating_add(512)).filter(|block| block.starts_with(&[kind, 0x20])).map(|_| at);
    let acquisition = block(acquisition, 0).ok_or_else(|| bad(TABLE.0, "there is no acquisition block"))?;
    let channels = block(channels, 5).ok_or_else(|| bad(TABLE.0, "there is no channel block"))?;
    let encoder = if encoder == 0 { acquisition } else { encoder };
    // Both blocks have 512 bytes, so the offsets inside them that follow exist.
    let (calibration_at, times_at) = (integer(bytes, acquisition + 34, 2) as usize, integer(bytes, acquisition + 36, 2) as usize);
    let pulse_height = acquisition + 48 + 128;
    if bytes.get(pulse_height..pulse_height + 3) != Some(b"PHA") {
        return Err(FormatError::unsupported(Format::Cnf, "an acquisition other than pulse height analysis"));
    }
    let count = 256 * integer(bytes, pulse_height + 10, 2) as usize;
    if count == 0 || count > MAX_CHANNELS as usize {
        return Err(bad(pulse_height + 10, "the number of channels is 0 or too large"));
    }
    let times = acquisition + 48 + times_at + 1;
    let Some(clocks) = bytes.get(times..times + 24) else { return Err(bad(acquisition + 36, "the times lie outside the file")) };
    let start = integer(clocks, 0, 8) as f64 / 1e7 - VAX_EPOCH;
    let (real_time, live_time) = (!integer(clocks, 8, 8) as f64 / 1e7, !integer(clocks, 16, 8) as f64 / 1e7);
    let Some(data) = bytes.get(channels + 512..channels + 512 + 4 * count) else {
        return Err(bad(channels, "the file ends before its channels do"));
    };
    let mut row = RowBuilder::new();
    for (channel, value) in data.chunks_exact(4).enumerate() {
        let value = time_in_channel(channel, integer(value, 0, 4) as u32, live_time, real_time);
        row.push_whole(u64::from(value)).map_err(|what| bad(channels, what))?;
    }
    let mut builder = Builder::default();
    let mut measurement = Measurement { sample: 1, gamma: row.finish().map_err(|what| bad(channels, what))?, ..Measurement::default() };
    // Clocks that never ran read as centuries.
    let plausible = |time: f64| (0.0..1e9).contains(&time);
    measurement.real_time = plausible(real_time).then(|| real(real_time));
    measurement.live_time = plausible(live_time).then(|| real(live_time));
    measurement.start = (-1e9..1e10).contains(&start).then_some((start * 1000.0).round() as i64).filter(|start| *start != 0);
    measurement.local_time = measurement.start.is_some();
    measurement.title =
        block(sample, 1).and_then(|at| bytes.get(at + 48..at + 112)).and_then(|name| short(name.split(|byte| *byte == 0).next()?));
    let first = encoder + 48 + 32;
    if let Some(polynomial) = terms(bytes, first + calibration_at).or_else(|| terms(bytes, first)) {
        measurement.calibration = Some(builder.calibration(b"", Calibration { polynomial: Some(polynomial), ..Calibration::default() })?);
    }
    builder.push(measurement)?;
    Ok(builder.view)
}

fn terms(bytes: &[u8], at: usize) -> Option<Vec<carnet_protocol::cbor::Real>> {
    let terms = bytes.get(at.checked_add(36)?..at.checked_add(52)?)?.chunks_exact(4).map(vax_float).collect::<Option<Vec<f64>>>()?;
    coefficients(terms.into_iter().map(real).collect()).filter(|terms| terms[1].value() != 0.0)
}

/// A VAX F float: words of 16 bits, each little-endian, the high one first; the hidden bit is one half.
fn vax_float(bytes: &[u8]) -> Option<f64> {
    let bits = u32::from(bytes[1]) << 24 | u32::from(bytes[0]) << 16 | u32::from(bytes[3]) << 8 | u32::from(bytes[2]);
    let (negative, exponent, fraction) = (bits >> 31 == 1, (bits >> 23 & 0xff) as i32, bits & 0x7f_ffff);
    match (exponent, negative) {
        (0, false) => Some(0.0),
        (0, true) => None,
        _ => {
            let value = f64::from(fraction | 0x80_0000) / f64::from(1u32 << 24) * 2f64.powi(exponent - 128);
            Some(if negative { -value } else { value })
        }
    }
}

fn integer(bytes: &[u8], at: usize, width: usize) -> u64 {
    bytes.iter().skip(at).take(width).rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn vax_floats() {
        assert_eq!(vax_float(&[0x80, 0x40, 0, 0]).unwrap(), 1.0);
        assert_eq!(vax_float(&[0x80, 0xc0, 0, 0]).unwrap(), -1.0);
        assert_eq!(vax_float(&[0x20, 0x41, 0, 0]).unwrap(), 2.5);
        assert_eq!(vax_float(&[0; 4]).unwrap(), 0.0);
        assert!(vax_float(&[0, 0x80, 0, 0]).is_none());
    }
}
