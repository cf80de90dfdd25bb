//! The coding that every implementation must support: median predictor, byte planes, zstd, strip by strip.
//! Implements spec/10-image.md, IMG-003 to IMG-009.
//!
//! `Plane -> encode -> header, strip table, one zstd frame a strip -> PlaneReader -> strips of samples -> Plane`.
//! Strips are independent, so a reader may decode some of them, several at once, or all in bounded memory.

use super::predictor::{to_residuals, to_samples};
use super::{Plane, PlaneError, SampleDigester, Shape};
use crate::digest::Digest;

/// The media type of a payload in this coding.
pub const MEDIA_TYPE: &str = "application/carnet-plane";
/// The four bytes that such a payload begins with.
pub const MAGIC: &[u8; 4] = b"CPLN";
/// The version of the coding that this module reads and writes.
pub const VERSION: u8 = 1;
/// Bytes before the strip table (IMG-003).
pub const HEADER_LEN: usize = 20;
/// The most samples one strip may have (IMG-004): 2 MiB decoded.
pub const MAX_STRIP_SAMPLES: usize = 1 << 20;

/// How many samples the encoder puts into a strip: half a MiB decoded, small enough for many strips at once and large
/// enough that the frame overhead is nothing.
const STRIP_SAMPLES: usize = 1 << 18;
/// On these residuals level 9 gains at most 2 % over level 1, for a fifth of the speed; often it loses.
const ZSTD_LEVEL: i32 = 1;
/// A strip table entry: the length of one frame, u32.
const ENTRY_LEN: usize = 4;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Why a payload is not a plane in this coding. Whoever made the payload is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodingError {
    /// The payload does not begin with the magic bytes.
    #[error("not a carnet plane: the payload does not begin with CPLN")]
    Magic,
    /// The payload is of another version.
    #[error("plane coding version {0} is unknown here (known: {VERSION}); a newer release may read it")]
    Version(u8),
    /// The two reserved header bytes are not zero.
    #[error("the reserved bytes of the plane header are not zero")]
    Reserved,
    /// The payload ends before its header and strip table do.
    #[error("the plane payload ends within its header: {needed} bytes needed, {found} there")]
    Truncated {
        /// Bytes that header and strip table take.
        needed: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The shape in the header is not allowed.
    #[error(transparent)]
    Shape(#[from] PlaneError),
    /// The rows of a strip are zero, more than the plane has, or too many samples.
    #[error("strips of {0} rows: a strip has 1 row to all rows of the plane, and at most {MAX_STRIP_SAMPLES} samples")]
    StripRows(u32),
    /// A frame's length in the strip table is zero or more than the strip can need.
    #[error("strip {strip} claims a frame of {length} bytes where at most {limit} can be needed")]
    FrameLength {
        /// Number of the strip, from 0.
        strip: u32,
        /// The claim.
        length: u32,
        /// The most bytes that the strip can need.
        limit: u64,
    },
    /// The lengths in the strip table do not add up to the payload.
    #[error("the strip table says {expected} bytes and the payload has {found}: cut short or followed by more")]
    Length {
        /// Header, table and frames.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// A strip is not one zstd frame with the content size that the header implies.
    #[error("strip {strip}: {what}")]
    Frame {
        /// Number of the strip, from 0.
        strip: u32,
        /// What is wrong with the frame.
        what: &'static str,
    },
    /// There is no strip of this number.
    #[error("no strip {0} in this plane")]
    NoSuchStrip(u32),
}

/// Why a plane could not be encoded: the compressor failed, which is lack of memory.
#[derive(Debug, thiserror::Error)]
#[error("zstd could not compress a strip ({0}); the machine may be short of memory")]
pub struct EncodeError(#[from] std::io::Error);

/// The payload of `plane` in this coding.
pub fn encode(plane: &Plane) -> Result<Vec<u8>, EncodeError> {
    let width = plane.width() as usize;
    let rows = (STRIP_SAMPLES / width).clamp(1, plane.height() as usize);
    encode_with_strips(plane, rows as u32)
}

/// As [`encode`], with strips of `rows` rows, which is 1 to the plane's height and at most [`MAX_STRIP_SAMPLES`].
fn encode_with_strips(plane: &Plane, rows: u32) -> Result<Vec<u8>, EncodeError> {
    let (width, bits) = (plane.width() as usize, plane.stored_bits());
    let strip_len = rows as usize * width;
    let count = plane.height().div_ceil(rows) as usize;

    let mut payload = Vec::with_capacity(HEADER_LEN + count * ENTRY_LEN + plane.samples().len());
    payload.extend_from_slice(MAGIC);
    payload.extend_from_slice(&[VERSION, bits, 0, 0]);
    payload.extend_from_slice(&plane.width().to_be_bytes());
    payload.extend_from_slice(&plane.height().to_be_bytes());
    payload.extend_from_slice(&rows.to_be_bytes());
    payload.resize(HEADER_LEN + count * ENTRY_LEN, 0);

    let mut zstd = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
    let mut folded = vec![0; strip_len.min(plane.samples().len())];
    let mut bytes = Vec::with_capacity(folded.len() * 2);
    for (index, strip) in plane.samples().chunks(strip_len).enumerate() {
        let folded = &mut folded[..strip.len()];
        to_residuals(strip, width, bits, folded);
        bytes.clear();
        bytes.extend(folded.iter().map(|&residual| residual as u8));
        if bits > 8 {
            bytes.extend(folded.iter().map(|&residual| (residual >> 8) as u8));
        }
        let frame = zstd.compress(&bytes)?;
        let entry = HEADER_LEN + index * ENTRY_LEN;
        payload[entry..entry + ENTRY_LEN].copy_from_slice(&(frame.len() as u32).to_be_bytes());
        payload.extend_from_slice(&frame);
    }
    Ok(payload)
}

/// The most bytes that a frame of `raw` decoded bytes may take (IMG-008). zstd's own bound is below it.
fn frame_limit(raw: usize) -> u64 {
    raw as u64 + raw as u64 / 128 + 64
}

/// A payload whose header and strip table are checked, and whose strips are decoded when asked for.
#[derive(Clone, Debug)]
pub struct PlaneReader<'a> {
    shape: Shape,
    strip_rows: u32,
    /// Where each frame begins, and last where the payload ends.
    starts: Vec<usize>,
    payload: &'a [u8],
}

impl<'a> PlaneReader<'a> {
    /// Checks everything about `payload` that can be checked without decompressing: after this, every strip's size,
    /// coded and decoded, is known and bounded, and not one byte is left over.
    pub fn open(payload: &'a [u8]) -> Result<Self, CodingError> {
        let Some((header, _)) = payload.split_first_chunk::<HEADER_LEN>() else {
            let seen = payload.len().min(MAGIC.len());
            if payload[..seen] != MAGIC[..seen] {
                return Err(CodingError::Magic);
            }
            return Err(CodingError::Truncated { needed: HEADER_LEN as u64, found: payload.len() as u64 });
        };
        if !header.starts_with(MAGIC) {
            return Err(CodingError::Magic);
        }
        if header[4] != VERSION {
            return Err(CodingError::Version(header[4]));
        }
        if header[6] != 0 || header[7] != 0 {
            return Err(CodingError::Reserved);
        }
        let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let shape = Shape::new(word(8), word(12), header[5])?;
        let strip_rows = word(16);
        // No overflow: the first two conditions bound both factors by MAX_SIDE.
        if strip_rows == 0 || strip_rows > shape.height() || strip_rows as usize * shape.width() as usize > MAX_STRIP_SAMPLES {
            return Err(CodingError::StripRows(strip_rows));
        }

        let count = shape.height().div_ceil(strip_rows) as usize;
        let table_end = HEADER_LEN + count * ENTRY_LEN;
        let Some(table) = payload.get(HEADER_LEN..table_end) else {
            return Err(CodingError::Truncated { needed: table_end as u64, found: payload.len() as u64 });
        };
        let mut reader = Self { shape, strip_rows, starts: Vec::with_capacity(count + 1), payload };
        let mut end = table_end as u64;
        for (strip, entry) in table.chunks_exact(ENTRY_LEN).enumerate() {
            let strip = strip as u32;
            let length = u32::from_be_bytes([entry[0], entry[1], entry[2], entry[3]]);
            let limit = frame_limit(reader.raw_len(strip));
            if length == 0 || u64::from(length) > limit {
                return Err(CodingError::FrameLength { strip, length, limit });
            }
            // At most 2^20 strips of under 2^22 bytes each: neither the sum nor a 64-bit usize overflows.
            reader.starts.push(end as usize);
            end += u64::from(length);
        }
        if end != payload.len() as u64 {
            return Err(CodingError::Length { expected: end, found: payload.len() as u64 });
        }
        reader.starts.push(payload.len());
        Ok(reader)
    }

    /// The plane's shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Rows of every strip but the last, which may have fewer.
    pub fn strip_rows(&self) -> u32 {
        self.strip_rows
    }

    /// How many strips there are, at least one.
    pub fn strips(&self) -> u32 {
        (self.starts.len() - 1) as u32
    }

    /// The samples of strip number `strip`: whole rows, at most [`MAX_STRIP_SAMPLES`].
    pub fn strip(&self, strip: u32) -> Result<Vec<u16>, CodingError> {
        let mut samples = Vec::new();
        StripDecoder::new(self)?.decode_onto(strip, &mut samples)?;
        Ok(samples)
    }

    /// The whole plane. Memory grows with the strips that decode well, so a header alone reserves nothing.
    pub fn decode(&self) -> Result<Plane, CodingError> {
        let mut decoder = StripDecoder::new(self)?;
        let mut samples = Vec::new();
        for strip in 0..self.strips() {
            decoder.decode_onto(strip, &mut samples)?;
        }
        Ok(Plane { shape: self.shape, samples })
    }

    /// The sample digest (IMG-010), in the memory of one strip.
    pub fn sample_digest(&self) -> Result<Digest, CodingError> {
        let mut decoder = StripDecoder::new(self)?;
        let mut digester = SampleDigester::new(self.shape);
        let mut samples = Vec::new();
        for strip in 0..self.strips() {
            samples.clear();
            decoder.decode_onto(strip, &mut samples)?;
            digester.update(&samples);
        }
        Ok(digester.finish())
    }

    /// Samples of strip number `strip`, which exists.
    fn strip_len(&self, strip: u32) -> usize {
        let rows = self.strip_rows.min(self.shape.height() - strip * self.strip_rows);
        rows as usize * self.shape.width() as usize
    }

    /// Decompressed bytes of strip number `strip`, which exists.
    fn raw_len(&self, strip: u32) -> usize {
        self.strip_len(strip) * if self.shape.stored_bits() > 8 { 2 } else { 1 }
    }
}

/// One decompressor and its buffer, used again for each strip.
struct StripDecoder<'r, 'a> {
    reader: &'r PlaneReader<'a>,
    zstd: zstd::bulk::Decompressor<'static>,
    bytes: Vec<u8>,
}

impl<'r, 'a> StripDecoder<'r, 'a> {
    fn new(reader: &'r PlaneReader<'a>) -> Result<Self, CodingError> {
        let zstd =
            zstd::bulk::Decompressor::new().map_err(|_| CodingError::Frame { strip: 0, what: "no memory for a zstd decompressor" })?;
        Ok(Self { reader, zstd, bytes: Vec::new() })
    }

    /// Decodes strip number `strip` and appends its samples.
    fn decode_onto(&mut self, strip: u32, samples: &mut Vec<u16>) -> Result<(), CodingError> {
        let reader = self.reader;
        if strip >= reader.strips() {
            return Err(CodingError::NoSuchStrip(strip));
        }
        let bad = |what| CodingError::Frame { strip, what };
        let frame = &reader.payload[reader.starts[strip as usize]..reader.starts[strip as usize + 1]];
        let raw_len = reader.raw_len(strip);
        check_frame(frame, raw_len).map_err(bad)?;

        self.bytes.resize(raw_len, 0);
        let written = self.zstd.decompress_to_buffer(frame, self.bytes.as_mut_slice()).map_err(|_| bad("the zstd frame is damaged"))?;
        if written != raw_len {
            return Err(bad("the zstd frame decodes to fewer bytes than the strip has"));
        }

        let start = samples.len();
        if reader.shape.stored_bits() > 8 {
            let (low, high) = self.bytes.split_at(raw_len / 2);
            samples.extend(low.iter().zip(high).map(|(&low, &high)| u16::from_be_bytes([high, low])));
        } else {
            samples.extend(self.bytes.iter().map(|&byte| u16::from(byte)));
        }
        let max = reader.shape.max_value();
        if samples[start..].iter().any(|&residual| residual > max) {
            return Err(bad("a residual is larger than the stored bits allow"));
        }
        to_samples(&mut samples[start..], reader.shape.width() as usize, reader.shape.stored_bits());
        Ok(())
    }
}

/// Refuses all that zstd would take and the coding does not: skippable frames, several frames, dictionaries, an
/// unknown or another content size (IMG-008).
fn check_frame(frame: &[u8], raw_len: usize) -> Result<(), &'static str> {
    if !frame.starts_with(&ZSTD_MAGIC) {
        return Err("the strip is not a zstd frame");
    }
    match zstd::zstd_safe::get_frame_content_size(frame) {
        Ok(Some(size)) if size == raw_len as u64 => {}
        Ok(Some(_)) => return Err("the zstd frame's content size is not the strip's"),
        Ok(None) | Err(_) => return Err("the zstd frame does not say its content size"),
    }
    if zstd::zstd_safe::get_dict_id_from_frame(frame).is_some() {
        return Err("the zstd frame wants a dictionary");
    }
    match zstd::zstd_safe::find_frame_compressed_size(frame) {
        Ok(length) if length == frame.len() => Ok(()),
        Ok(_) => Err("bytes follow the zstd frame within its strip"),
        Err(_) => Err("the zstd frame is cut short"),
    }
}

#[cfg(test)]
mod tests;
