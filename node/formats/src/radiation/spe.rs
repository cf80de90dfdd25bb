//! IAEA SPE: sections that begin with `$NAME:`, as MAESTRO, GammaVision and many handhelds write them.

use carnet_protocol::spectrum::{Calibration, Detector, MAX_CHANNELS, MAX_COEFFICIENTS, Measurement, Pair, SpectrumView};

use super::builder::{Builder, coefficients};
use super::n42_2012::on_earth;
use super::text::{Moment, channels, moment, number, numbers, short};
use crate::{Format, FormatError};

/// The spectrum of an SPE file.
pub(super) fn decode(bytes: &[u8]) -> Result<SpectrumView, FormatError> {
    let mut builder = Builder::default();
    let mut measurement = Measurement { sample: 1, ..Measurement::default() };
    let (mut fit, mut full, mut detector) = (None, None, Detector::default());
    for Section { name, body, at } in sections(bytes) {
        let bad = |offset: usize, what: &str| FormatError::malformed(Format::Spe, at + offset, format!("{what}, in ${name}"));
        match name {
            "SPEC_ID" => measurement.title = short(body).filter(|title| !title.starts_with("No sample description")),
            "SPEC_REM" => {
                detector.description = lines(body).find_map(|(_, line)| line.strip_prefix(b"DETDESC#").and_then(short));
            }
            "DATE_MEA" => {
                let start = first_line(body).and_then(date);
                (measurement.start, measurement.local_time) = (start.map(|moment| moment.millis), start.is_some());
            }
            "MEAS_TIM" => {
                let times = numbers(body, 8).map_err(|fault| bad(fault.at, fault.what))?;
                let [live, real, ..] = times[..] else { return Err(bad(0, "live and real time are not both there")) };
                (measurement.live_time, measurement.real_time) = (Some(live), Some(real));
                if live.value() < 0.0 || real.value() < 0.0 {
                    return Err(bad(0, "a time is negative"));
                }
            }
            "DATA" => {
                let (offset, bounds) =
                    lines(body).find(|(_, line)| !line.is_empty()).ok_or_else(|| bad(0, "there is no range of channels"))?;
                let bounds: Vec<usize> =
                    numbers(bounds, 2).map_err(|f| bad(offset + f.at, f.what))?.iter().map(|b| b.value() as usize).collect();
                let [first, last] = bounds[..] else { return Err(bad(offset, "the range of channels is not two numbers")) };
                let rest = offset + lines(body).find(|(_, line)| !line.is_empty()).map_or(0, |(_, line)| line.len());
                if last < first || last - first >= MAX_CHANNELS as usize {
                    return Err(bad(offset, "the range of channels is empty or too large"));
                }
                let row = channels(&body[rest..], false).map_err(|fault| bad(rest + fault.at, fault.what))?;
                if row.as_ref().map_or(0, |row| row.len()) != last - first + 1 {
                    return Err(bad(rest, "the number of counts is not that of the range of channels"));
                }
                measurement.gamma = row;
            }
            "ENER_FIT" => fit = numbers(first_line(body).unwrap_or(b""), MAX_COEFFICIENTS).ok().and_then(coefficients),
            "MCA_CAL" => {
                // The number of coefficients, and on the next line they themselves, which a unit may follow.
                let count = first_line(body).and_then(number).map_or(0, |count| count.value().clamp(0.0, MAX_COEFFICIENTS as f64) as usize);
                let (offset, line) = lines(body).filter(|(_, line)| !line.is_empty()).nth(1).unwrap_or((0, b""));
                let tokens = line.split(u8::is_ascii_whitespace).filter(|token| !token.is_empty()).take(count);
                let values: Option<Vec<_>> = tokens.map(number).collect();
                full = coefficients(values.ok_or_else(|| bad(offset, "a coefficient is not a number"))?);
            }
            "GPS" => {
                let after = |label: &[u8]| lines(body).find_map(|(_, line)| line.strip_prefix(label)).and_then(number);
                measurement.position =
                    after(b"Lat=").zip(after(b"Lon=")).map(|(latitude, longitude)| Pair(latitude, longitude)).filter(on_earth);
            }
            _ => {}
        }
    }
    if measurement.gamma.is_none() {
        return Err(FormatError::malformed(Format::Spe, bytes.len(), "there is no $DATA section"));
    }
    if let Some(polynomial) = full.or(fit) {
        measurement.calibration = Some(builder.calibration(b"", Calibration { polynomial: Some(polynomial), ..Calibration::default() })?);
    }
    if detector != Detector::default() {
        measurement.detector = Some(builder.detector(b"")?);
        builder.view.detectors = vec![detector];
    }
    builder.push(measurement)?;
    Ok(builder.view)
}

/// One `$NAME:` and what follows it.
struct Section<'a> {
    name: &'a str,
    body: &'a [u8],
    at: usize,
}

fn sections(bytes: &[u8]) -> impl Iterator<Item = Section<'_>> {
    let begins = |at: usize| bytes[at] == b'$' && (at == 0 || matches!(bytes[at - 1], b'\n' | b'\r' | 0xbf));
    let mut next = (0..bytes.len()).find(|at| begins(*at));
    std::iter::from_fn(move || {
        let start = next?;
        next = (start + 1..bytes.len()).find(|at| begins(*at));
        let end = next.unwrap_or(bytes.len());
        let line = bytes[start..end].iter().position(|byte| matches!(byte, b'\r' | b'\n')).map_or(end, |length| start + length);
        let name = bytes[start + 1..line].trim_ascii();
        let name = std::str::from_utf8(name).unwrap_or("").trim_end_matches(':');
        Some(Section { name, body: &bytes[line..end], at: line })
    })
}

/// The lines of `body` without white space around them, each with its offset.
fn lines(body: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    body.split(|byte| *byte == b'\n').map(move |line| {
        let offset = at + line.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        at += line.len() + 1;
        (offset, line.trim_ascii())
    })
}

fn first_line(body: &[u8]) -> Option<&[u8]> {
    lines(body).map(|(_, line)| line).find(|line| !line.is_empty())
}

/// A date as `07/11/2018 00:00:00`, month first.
fn date(line: &[u8]) -> Option<Moment> {
    let line = std::str::from_utf8(line).ok()?;
    let (date, time) = line.split_once(' ')?;
    let parse = |text: &str, at: char| text.trim().split(at).map(|part| part.trim().parse::<i64>().ok()).collect::<Option<Vec<_>>>();
    let [month, day, year] = parse(date, '/')?[..] else { return None };
    let [hour, minute, second] = parse(time, ':')?[..] else { return None };
    moment((year, month, day), (hour, minute, second as f64), None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const FILE: &[u8] =
        b"$SPEC_ID:\r\nA barrel\r\n$SPEC_REM:\r\nDET# 1\r\nDETDESC# NaI\r\n$DATE_MEA:\r\n07/11/2018 10:00:00\r\n$MEAS_TIM:\r\n296 300\r\n\
        $DATA:\r\n0 3\r\n  0\r\n  5\r\n  7\r\n  1\r\n$ENER_FIT:\r\n1.0 2.0\r\n$MCA_CAL:\r\n3\r\n1.0E+000 2.0E+000 3.0E-003 keV\r\n";

    #[test]
    fn reads_a_file() {
        let view = decode(FILE).unwrap();
        let m = &view.measurements[0];
        assert_eq!(m.gamma.as_ref().unwrap().to_vec(), [0., 5., 7., 1.]);
        assert_eq!((m.live_time.unwrap().value(), m.real_time.unwrap().value()), (296., 300.));
        assert_eq!(view.calibrations[0].polynomial.as_ref().unwrap()[2].value(), 0.003);
        assert_eq!((m.title.as_deref(), m.start, m.local_time), (Some("A barrel"), Some(1_531_303_200_000), true));
        assert_eq!(view.detectors[0].description.as_deref(), Some("NaI"));
    }

    #[test]
    fn names_what_is_wrong() {
        for (bad, place) in [
            (&b"$SPEC_ID:\nx\n"[..], 12),
            (b"$DATA:\n0 3\n1\n2\n", 10),
            (b"$DATA:\n3 0\n1\n", 7),
            (b"$DATA:\n0 1\n1\nx\n", 13),
            (b"$DATA:\n0 99999999\n", 7),
            (b"$MEAS_TIM:\n5\n$DATA:\n0 0\n1\n", 10),
        ] {
            assert!(matches!(decode(bad), Err(FormatError::Malformed { at, .. }) if at == place), "{:?}", decode(bad));
        }
    }
}
