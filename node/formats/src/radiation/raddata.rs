//! `RADDATA://G0/`: a spectrum in an address, as handhelds show it in a QR code. After "Spectra in a URI" (Sandia, SAND2023-04007O).
//!
//! `address -> percent decoding -> base45 or base64url -> zlib -> fields and StreamVByte counts with zero runs`. One address a line; a
//! spectrum in several addresses is joined if all of them are there.

use std::io::Read;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use carnet_protocol::spectrum::{
    Calibration, MAX_CHANNELS, MAX_COEFFICIENTS, MAX_PAIRS, Measurement, MeasurementClass, Pair, SpectrumView,
};

use super::builder::{Builder, coefficients, not_negative};
use super::n42_2012::on_earth;
use super::streamvbyte;
use super::text::{RowBuilder, iso_time, number, numbers, short};
use crate::{Format, FormatError};

/// Bytes of a file of addresses. A QR code holds 3 kB; an address in a file may hold more.
const MAX_FILE: usize = 4 * 1024 * 1024;
/// Bytes that one address may unpack to: 16 spectra of 65,536 channels of 4 bytes, and their fields.
const MAX_UNPACKED: u64 = 5 * 1024 * 1024;

/// Bits of the encoding options.
mod option {
    pub const NO_DEFLATE: u8 = 0x01;
    pub const NO_BASE: u8 = 0x02;
    pub const TEXT_COUNTS: u8 = 0x04;
    pub const NO_ZERO_RUNS: u8 = 0x08;
    pub const BASE64: u8 = 0x10;
    /// Written by older software in mail addresses; says nothing about the data.
    pub const MAIL: u8 = 0x20;
    pub const WAVELET: u8 = 0x40;
}

/// One address, unpacked.
struct Address {
    options: u8,
    parts: usize,
    part: usize,
    spectra: usize,
    crc: Option<u16>,
    packed: Vec<u8>,
    data: Vec<u8>,
}

/// The spectra of a file of addresses.
pub(super) fn decode(bytes: &[u8]) -> Result<SpectrumView, FormatError> {
    if bytes.len() > MAX_FILE {
        return Err(FormatError::Limit { what: "bytes of a RADDATA file", limit: MAX_FILE as u64 });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut builder = Builder::default();
    let mut waiting: Vec<Address> = Vec::new();
    let (mut at, mut sample) = (0, 0);
    for line in bytes.split(|byte| *byte == b'\n') {
        let start = at;
        at += line.len() + 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let address = unpack(line.trim_ascii()).map_err(|fault| fault.at(start))?;
        if address.parts > 1 {
            waiting.push(address);
            continue;
        }
        sample += 1;
        spectra(&mut builder, &address.data, &address, &[], sample).map_err(|fault| fault.at(start))?;
    }
    if !waiting.is_empty() {
        sample += 1;
        join(&mut builder, waiting, sample).map_err(|fault| fault.at(0))?;
    }
    if builder.view.measurements.is_empty() {
        return Err(FormatError::malformed(Format::RadData, bytes.len(), "there is no address"));
    }
    Ok(builder.view)
}

/// A fault in an address, before its place in the file is known.
enum Fault {
    Malformed(&'static str),
    Unsupported(&'static str),
    Other(FormatError),
}

impl Fault {
    fn at(self, at: usize) -> FormatError {
        match self {
            Self::Malformed(what) => FormatError::malformed(Format::RadData, at, what),
            Self::Unsupported(what) => FormatError::unsupported(Format::RadData, what),
            Self::Other(error) => error,
        }
    }
}

impl From<&'static str> for Fault {
    fn from(what: &'static str) -> Self {
        Self::Malformed(what)
    }
}

impl From<FormatError> for Fault {
    fn from(error: FormatError) -> Self {
        Self::Other(error)
    }
}

fn unpack(line: &[u8]) -> Result<Address, Fault> {
    let prefixes: [&[u8]; 4] = [b"RADDATA://G0/", b"INTERSPEC://G0/", b"RADDATA:G0/", b"INTERSPEC:G0/"];
    let rest = prefixes.iter().find_map(|prefix| {
        let head = line.get(..prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then(|| &line[prefix.len()..])
    });
    let rest = rest.ok_or(Fault::Unsupported("an address of another generation than G0"))?;
    let slash =
        rest.iter().position(|byte| *byte == b'/').filter(|at| matches!(at, 3 | 4)).ok_or("the options are not three or four digits")?;
    let mut digits = [0u8; 4];
    for (digit, byte) in digits[4 - slash..].iter_mut().zip(rest) {
        *digit = char::from(*byte).to_digit(16).ok_or("an option is not a hexadecimal digit")? as u8;
    }
    let [high, low, addresses, last] = digits;
    let options = high << 4 | low;
    let known = option::NO_DEFLATE | option::NO_BASE | option::TEXT_COUNTS | option::NO_ZERO_RUNS | option::BASE64 | option::MAIL;
    if options & option::WAVELET != 0 {
        return Err(Fault::Unsupported("lossy (wavelet) compression, which does not keep the counts,"));
    }
    if options & !known != 0 {
        return Err(Fault::Unsupported("an unknown encoding option"));
    }
    let parts = usize::from(addresses) + 1;
    let (part, spectra) = if parts > 1 { (usize::from(last), 1) } else { (0, usize::from(last) + 1) };
    if part >= parts {
        return Err("the address has a higher number than there are".into());
    }
    let mut body = &rest[slash + 1..];
    let mut crc = None;
    if parts > 1 {
        let end = body.iter().take(6).position(|byte| *byte == b'/').ok_or("the checksum of a spectrum in several addresses is missing")?;
        let digits = std::str::from_utf8(&body[..end]).ok().and_then(|digits| digits.parse().ok());
        crc = Some(digits.ok_or("the checksum is not a number of 16 bits")?);
        body = &body[end + 1..];
    }
    let packed = percent_decoded(body);
    let mut data = packed.clone();
    if options & option::BASE64 != 0 {
        data = base64url(&data).ok_or("the data is not base64url")?;
    } else if options & option::NO_BASE == 0 {
        data = base45(&data).ok_or("the data is not base45")?;
    }
    if options & option::NO_DEFLATE == 0 {
        let mut unpacked = Vec::new();
        let mut reader = flate2::read::ZlibDecoder::new(&data[..]).take(MAX_UNPACKED + 1);
        reader.read_to_end(&mut unpacked).map_err(|_| "the data is not a zlib stream")?;
        if unpacked.len() as u64 > MAX_UNPACKED {
            return Err(FormatError::Limit { what: "bytes that an address unpacks to", limit: MAX_UNPACKED }.into());
        }
        data = unpacked;
    }
    Ok(Address { options, parts, part, spectra, crc, packed, data })
}

/// Joins the addresses of one spectrum.
fn join(builder: &mut Builder, mut addresses: Vec<Address>, sample: u32) -> Result<(), Fault> {
    addresses.sort_by_key(|address| address.part);
    let complete = addresses.len() == addresses[0].parts
        && addresses.iter().enumerate().all(|(number, a)| a.part == number && a.parts == addresses[0].parts);
    if !complete {
        return Err(Fault::Unsupported(
            "a spectrum in several addresses of which some are missing (put all of them into one file, one a line)",
        ));
    }
    let sum = crc16(addresses.iter().flat_map(|address| &address.packed));
    if addresses.iter().any(|address| address.crc != Some(sum)) {
        return Err("the checksum of the addresses does not match".into());
    }
    let mut more = Vec::new();
    for address in &addresses[1..] {
        if address.options & option::TEXT_COUNTS != 0 {
            more.extend(text_counts(&address.data)?);
        } else {
            let (counts, end) = streamvbyte::decode(&address.data)?;
            if end != address.data.len() {
                return Err("bytes follow the channel data".into());
            }
            more.extend(counts);
        }
    }
    let first = &addresses[0];
    spectra(builder, &first.data, first, &more, sample)
}

/// Reads the spectra in `data`, whose counts `more` continue.
fn spectra(builder: &mut Builder, data: &[u8], address: &Address, more: &[u32], sample: u32) -> Result<(), Fault> {
    let mut rest = data;
    let mut shared: Option<Measurement> = None;
    for number in 0..address.spectra {
        let end = find(rest, b" S:").ok_or("there are no channel counts")?;
        let (fields, counts) = (&rest[..end], &rest[end + 3..]);
        let (mut values, after) = if address.options & option::TEXT_COUNTS != 0 {
            let end = find(counts, b":0A:").unwrap_or(counts.len());
            (text_counts(&counts[..end])?, &counts[end..])
        } else {
            let (values, end) = streamvbyte::decode(counts)?;
            (values, &counts[end..])
        };
        values.extend_from_slice(more);
        let measurement = measured(builder, fields, &values, address.options, shared.as_ref(), sample)?;
        shared.get_or_insert_with(|| measurement.clone());
        builder.push(measurement)?;
        if number + 1 < address.spectra {
            rest = after.strip_prefix(b":0A:").ok_or("there are fewer spectra than the address declares")?;
        } else if after.len() > 4 || after.iter().any(|byte| *byte != 0) {
            return Err("bytes follow the last spectrum".into());
        }
    }
    Ok(())
}

fn measured(
    builder: &mut Builder,
    fields: &[u8],
    values: &[u32],
    options: u8,
    shared: Option<&Measurement>,
    sample: u32,
) -> Result<Measurement, Fault> {
    let list = |letter: u8, most: usize| -> Result<Vec<_>, Fault> {
        let text = field(fields, letter)
            .map(|text| text.iter().map(|byte| if matches!(byte, b',' | b'$') { b' ' } else { *byte }).collect::<Vec<_>>());
        numbers(&text.unwrap_or_default(), most).map_err(|_| "a field is not a list of numbers".into())
    };
    let mut measurement = Measurement { sample, ..Measurement::default() };
    measurement.class = match field(fields, b'I') {
        Some(b"F") => MeasurementClass::Foreground,
        Some(b"B") => MeasurementClass::Background,
        Some(b"C") => MeasurementClass::Calibration,
        Some(b"I") => MeasurementClass::IntrinsicActivity,
        None => MeasurementClass::NotSpecified,
        Some(_) => return Err("the measurement class is not F, B, C or I".into()),
    };
    let times = list(b'T', 2)?;
    let [real_time, live_time] = times[..] else { return Err("real and live time are not both there".into()) };
    (measurement.real_time, measurement.live_time) = (not_negative(real_time.value()), not_negative(live_time.value()));
    if let Some(polynomial) = coefficients(list(b'C', MAX_COEFFICIENTS)?) {
        let deviations: Vec<Pair> = list(b'D', 2 * MAX_PAIRS)?.chunks_exact(2).map(|pair| Pair(pair[0], pair[1])).collect();
        let deviations = (!deviations.is_empty()).then_some(deviations);
        let calibration = Calibration { polynomial: Some(polynomial), deviations, ..Calibration::default() };
        let key = [field(fields, b'C').unwrap_or_default(), b"\0", field(fields, b'D').unwrap_or_default()].concat();
        measurement.calibration = match builder.known_calibration(&key) {
            Some(index) => Some(index),
            None => Some(builder.calibration(&key, calibration)?),
        };
    } else {
        measurement.calibration = shared.and_then(|shared| shared.calibration);
    }
    let text = |letter: u8| field(fields, letter).and_then(|text| short(&text_field(text, options)));
    let instrument = &mut builder.view.instrument;
    instrument.model = text(b'M').or(instrument.model.take());
    instrument.serial = text(b'E').or(instrument.serial.take());
    measurement.title = text(b'O');
    measurement.neutrons = field(fields, b'N').and_then(number).filter(|neutrons| neutrons.value() >= 0.0);
    if let Some(start) = field(fields, b'P').and_then(iso_time) {
        (measurement.start, measurement.local_time) = (Some(start.millis), start.local);
    }
    if let [latitude, longitude] = list(b'G', 2)?[..] {
        measurement.position = Some(Pair(latitude, longitude)).filter(on_earth);
    } else {
        measurement.position = shared.and_then(|shared| shared.position);
    }
    measurement.gamma = expand(values, options & option::NO_ZERO_RUNS == 0)?.finish()?;
    if measurement.gamma.is_none() {
        return Err("a spectrum has no channels".into());
    }
    Ok(measurement)
}

/// Expands zero runs: a zero is followed by its length, except a last one.
fn expand(values: &[u32], zero_runs: bool) -> Result<RowBuilder, &'static str> {
    let mut row = RowBuilder::new();
    let mut values = values.iter().copied().peekable();
    while let Some(value) = values.next() {
        if value != 0 || !zero_runs {
            row.push_whole(u64::from(value))?;
            continue;
        }
        match values.next() {
            Some(0) => return Err("a run of zeros is empty"),
            Some(run) => row.push_zeros(u64::from(run))?,
            None => row.push_whole(0)?,
        }
    }
    Ok(row)
}

/// The value of the field with `letter`: up to a space, a capital and a colon.
fn field(fields: &[u8], letter: u8) -> Option<&[u8]> {
    let key = [b' ', letter, b':'];
    let start = if fields.starts_with(&key[1..]) { 2 } else { find(fields, &key)? + 3 };
    let rest = &fields[start..];
    let end = rest.windows(3).position(|window| matches!(window, [b' ', b'A'..=b'Z', b':'])).unwrap_or(rest.len());
    Some(&rest[..end]).filter(|value| !value.is_empty())
}

/// A text field; where nothing else is encoded, its characters are percent-encoded once more.
fn text_field(text: &[u8], options: u8) -> Vec<u8> {
    let plain = option::NO_DEFLATE | option::NO_BASE | option::TEXT_COUNTS;
    if options & plain == plain { percent_decode(text) } else { text.to_vec() }
}

fn text_counts(text: &[u8]) -> Result<Vec<u32>, &'static str> {
    let counts: Option<Vec<u32>> = text
        .split(|byte| matches!(byte, b',' | b'$' | b' '))
        .filter(|token| !token.is_empty())
        .take(2 * MAX_CHANNELS as usize)
        .map(|token| std::str::from_utf8(token).ok()?.parse().ok())
        .collect();
    counts.ok_or("a count is not a whole number")
}

fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    bytes.windows(word.len()).position(|window| window == word)
}

/// Percent-decodes an address if it is encoded: encoded ones have none of the characters that encoding replaces.
fn percent_decoded(body: &[u8]) -> Vec<u8> {
    let encoded = !body.iter().any(|byte| matches!(byte, b' ' | b'$' | b'+' | b':' | b'/' | b','));
    if encoded { percent_decode(body) } else { body.to_vec() }
}

fn percent_decode(body: &[u8]) -> Vec<u8> {
    let digit = |at: usize| body.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut decoded, mut at) = (Vec::with_capacity(body.len()), 0);
    while at < body.len() {
        match (body[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high << 4 | low) as u8);
                at += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&base64::alphabet::URL_SAFE, config).decode(text).ok()
}

/// Base45 (RFC 9285).
fn base45(text: &[u8]) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 45] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    let mut bytes = Vec::with_capacity(text.len() * 2 / 3 + 1);
    for group in text.chunks(3) {
        let mut value = 0u32;
        for byte in group.iter().rev() {
            value = value * 45 + ALPHABET.iter().position(|letter| *letter == byte.to_ascii_uppercase())? as u32;
        }
        match (group.len(), value) {
            (3, 0..=0xffff) => bytes.extend((value as u16).to_be_bytes()),
            (2, 0..=0xff) => bytes.push(value as u8),
            _ => return None,
        }
    }
    Some(bytes)
}

/// CRC-16/ARC.
fn crc16<'b>(bytes: impl Iterator<Item = &'b u8>) -> u16 {
    bytes.fold(0, |crc, byte| (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xa001 } else { crc >> 1 }))
}

#[cfg(test)]
#[path = "raddata_tests.rs"]
mod tests;
