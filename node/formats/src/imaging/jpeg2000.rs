//! JPEG 2000 (ITU-T T.800) codestreams, as DICOM carries them (transfer syntaxes .90 and .91).
//!
//! The decoder is another's, pure Rust without unsafe code. It reserves memory from the headers, so [`survey`] walks
//! the codestream first and refuses what would make it reserve more than the image is worth: small tiles, small
//! precincts and small code blocks multiply its bookkeeping.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::bounds::MAX_JPEG2000_SAMPLES;
use super::guard::guarded;
use crate::imaging::ImageFault;

const FORMAT: &str = "JPEG 2000";
/// The most tiles. T.800 allows 65,535; scanners make one, or some hundreds.
const MAX_TILES: u64 = 4096;
/// The smallest precinct side is 2 to this power, but in the lowest resolutions, which are small themselves.
const MIN_PRECINCT_EXPONENT: u8 = 5;
/// The smallest code block has 2 to this power samples, 16 x 16.
const MIN_BLOCK_EXPONENT: u8 = 8;

/// What a codestream says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Survey {
    /// Samples a row.
    pub(super) width: u32,
    /// Rows.
    pub(super) height: u32,
    /// Samples a pixel.
    pub(super) components: u16,
    /// Bits of a sample.
    pub(super) precision: u8,
    /// Whether samples are two's complement.
    pub(super) signed: bool,
}

fn bad(at: usize, what: &str) -> ImageFault {
    ImageFault::Malformed { format: FORMAT, offset: Some(at as u64), what: what.to_owned() }
}

fn unsupported(what: &str) -> ImageFault {
    ImageFault::Unsupported { format: FORMAT, what: what.to_owned() }
}

/// The raw codestream in `bytes`: some writers wrap it in a JP2 file although DICOM forbids it.
fn codestream(bytes: &[u8]) -> Result<&[u8], ImageFault> {
    if bytes.starts_with(&[0xff, 0x4f]) {
        return Ok(bytes);
    }
    let start = bytes.windows(4).take(4096).position(|window| window == [0xff, 0x4f, 0xff, 0x51]);
    match start {
        Some(start) if bytes.get(4..8) == Some(b"jP  ") => Ok(&bytes[start..]),
        _ => Err(bad(0, "no start of codestream")),
    }
}

/// Walks all marker segments of a codestream, checks what they make a decoder reserve, and returns the image's shape.
pub(super) fn survey(bytes: &[u8]) -> Result<Survey, ImageFault> {
    let word = |at: usize| bytes.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]])).ok_or_else(|| bad(at, "cut short"));
    let long = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).ok_or_else(|| bad(at, "cut short"));
    let mut survey = None;
    let mut at = 2;
    // The end of the tile-part whose header is being read, if it is one.
    let mut tile_part_end = None;
    while at + 2 <= bytes.len() {
        let marker = word(at)?;
        match marker {
            0xff93 => {
                // Start of data: on to the next tile-part, past the data.
                at = tile_part_end.take().ok_or_else(|| bad(at, "data outside a tile-part"))?;
                continue;
            }
            0xffd9 => break,
            _ => {}
        }
        let length = usize::from(word(at + 2)?);
        let body = bytes.get(at + 4..at + 2 + length).ok_or_else(|| bad(at, "a marker segment is cut short"))?;
        match marker {
            0xff51 if survey.is_none() => survey = Some(size(at, &long, body)?),
            0xff51 => return Err(bad(at, "two size segments")),
            0xff90 => {
                let part_length = long(at + 6)? as usize;
                let end = if part_length == 0 { bytes.len() } else { at + part_length };
                if end <= at + 12 && part_length != 0 {
                    return Err(bad(at, "a tile-part shorter than its header"));
                }
                tile_part_end = Some(end.min(bytes.len()));
            }
            // Coding style, default: Scod, SGcod (4), then SPcod.
            0xff52 => coding_style(at, body.first().copied().unwrap_or(0), body.get(5..).unwrap_or(&[]))?,
            // Coding style of a component: Ccoc (1 or 2), Scoc, then SPcoc.
            0xff53 => {
                let wide = survey.is_some_and(|s: Survey| s.components > 256);
                let index = if wide { 2 } else { 1 };
                coding_style(at, body.get(index).copied().unwrap_or(0), body.get(index + 1..).unwrap_or(&[]))?;
            }
            _ => {}
        }
        at += 2 + length;
    }
    survey.ok_or_else(|| bad(0, "no size segment"))
}

/// Reads a SIZ segment at `at`, whose body begins two bytes after its length.
fn size(at: usize, long: &dyn Fn(usize) -> Result<u32, ImageFault>, body: &[u8]) -> Result<Survey, ImageFault> {
    let [x1, y1, x0, y0, tw, th, tx, ty] = {
        let mut fields = [0; 8];
        for (index, field) in fields.iter_mut().enumerate() {
            *field = long(at + 6 + 4 * index)?;
        }
        fields
    };
    let &[c1, c0] = body.get(34..36).ok_or_else(|| bad(at, "a short size segment"))? else {
        return Err(bad(at, "a short size segment"));
    };
    let components = u16::from_be_bytes([c1, c0]);
    let each = body.get(36..).unwrap_or(&[]);
    if components == 0 || each.len() != 3 * usize::from(components) {
        return Err(bad(at, "a size segment of the wrong length"));
    }
    if x1 <= x0 || y1 <= y0 || tw == 0 || th == 0 || tx > x0 || ty > y0 {
        return Err(bad(at, "an empty image or tile grid"));
    }
    let (width, height) = (x1 - x0, y1 - y0);
    if u64::from(width) * u64::from(height) * u64::from(components) > MAX_JPEG2000_SAMPLES {
        return Err(ImageFault::Limit { what: "samples of a JPEG 2000 frame", limit: MAX_JPEG2000_SAMPLES });
    }
    let tiles = u64::from((x1 - tx).div_ceil(tw)) * u64::from((y1 - ty).div_ceil(th));
    if tiles > MAX_TILES {
        return Err(ImageFault::Limit { what: "tiles of a JPEG 2000 frame", limit: MAX_TILES });
    }
    if each.chunks_exact(3).any(|component| component != [each[0], 1, 1]) {
        return Err(unsupported("components of differing depth or resolution"));
    }
    Ok(Survey { width, height, components, precision: (each[0] & 0x7f) + 1, signed: each[0] & 0x80 != 0 })
}

/// Checks the parameters of a coding style: levels, code block width and height, style, transform, precincts.
fn coding_style(at: usize, style: u8, parameters: &[u8]) -> Result<(), ImageFault> {
    let &[levels, block_width, block_height, _, _, ref precincts @ ..] = parameters else {
        return Err(bad(at, "a short coding style"));
    };
    if levels > 32 {
        return Err(bad(at, "more than 32 decompositions"));
    }
    if block_width > 8 || block_height > 8 || block_width + block_height + 4 > 12 {
        return Err(bad(at, "a code block larger than the standard allows"));
    }
    if block_width + block_height + 4 < MIN_BLOCK_EXPONENT {
        return Err(unsupported("code blocks of under 256 samples"));
    }
    if style & 1 != 0 {
        // The first is the lowest resolution's; a small precinct is in proportion there, and one level up.
        for (resolution, &exponents) in precincts.iter().enumerate() {
            let least = (exponents & 15).min(exponents >> 4);
            if least < MIN_PRECINCT_EXPONENT && !(resolution < 2 && levels >= 3 && least >= 3) {
                return Err(unsupported("precincts of under 32 samples a side"));
            }
        }
    }
    Ok(())
}

/// Decodes a codestream whose shape the caller has seen by [`shape_of`] and checked: interleaved samples.
pub(super) fn decode(bytes: &[u8]) -> Result<(Survey, Vec<u16>), ImageFault> {
    let bytes = codestream(bytes)?;
    let survey = survey(bytes)?;
    if survey.precision > 16 {
        return Err(unsupported("samples of more than 16 bits"));
    }
    if survey.signed {
        return Err(unsupported("signed samples"));
    }
    let samples = guarded(FORMAT, || {
        let settings = DecodeSettings { resolve_palette_indices: false, strict: true, target_resolution: None };
        let image = Image::new(bytes, &settings).map_err(|error| bad(0, &error.to_string()))?;
        let mut context = DecoderContext::default();
        let decoded = image.decode(&mut context).map_err(|error| bad(0, &error.to_string()))?;
        let components = decoded.components();
        let pixels = survey.width as usize * survey.height as usize;
        if components.len() != usize::from(survey.components) || components.iter().any(|component| component.samples().len() < pixels) {
            return Err(bad(0, "the decoder found another shape than the header"));
        }
        let high = f32::from(u16::MAX >> (16 - survey.precision));
        let mut samples = vec![0; pixels * components.len()];
        for (band, component) in components.iter().enumerate() {
            let places = samples.iter_mut().skip(band).step_by(components.len());
            for (place, &value) in places.zip(component.samples()) {
                // Exact for the reversible transform: its values are whole numbers below 2^24. The irreversible one
                // overshoots at edges and is clamped, as every decoder does.
                *place = value.round().clamp(0.0, high) as u16;
            }
        }
        Ok(samples)
    })?;
    Ok((survey, samples))
}

/// The shape of a frame, for the checks before [`decode`].
pub(super) fn shape_of(bytes: &[u8]) -> Result<Survey, ImageFault> {
    survey(codestream(bytes)?)
}
