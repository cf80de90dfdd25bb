//! PNG (ISO/IEC 15948), 8 and 16 bit.

use std::io::Cursor;

use image::{ColorType, ImageDecoder, Limits, codecs::png::PngDecoder};

use super::bounds::{self, MAX_IMAGE_SAMPLES};
use super::guard::guarded;
use super::{DecodedImage, ImageFormat, Meaning, raster};
use crate::imaging::ImageFault;

const FORMAT: &str = "PNG";
/// What the decoder may hold besides the pixels: its inflate window, palettes and text chunks.
const SCRATCH: u64 = 1 << 24;

/// Decodes a PNG. Grey of 16 bits is taken as raw values, all else as values for display.
pub(super) fn decode(bytes: &[u8]) -> Result<DecodedImage, ImageFault> {
    let (shape, bands, alpha, pixels) = guarded(FORMAT, || {
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_IMAGE_SAMPLES * 2 + SCRATCH);
        let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits).map_err(error)?;
        let (width, height) = decoder.dimensions();
        let (bits, bands, alpha) = match decoder.color_type() {
            ColorType::L8 => (8, 1, 0),
            ColorType::La8 => (8, 1, 1),
            ColorType::Rgb8 => (8, 3, 0),
            ColorType::Rgba8 => (8, 3, 1),
            ColorType::L16 => (16, 1, 0),
            ColorType::La16 => (16, 1, 1),
            ColorType::Rgb16 => (16, 3, 0),
            ColorType::Rgba16 => (16, 3, 1),
            other => {
                return Err(ImageFault::Unsupported { format: FORMAT, what: format!("{other:?} pixels") });
            }
        };
        let shape = bounds::shape(FORMAT, width, height, bits, bands + alpha, 1)?;
        bounds::worth(FORMAT, shape.samples() as u64 * u64::from(bands + alpha), bytes.len())?;
        // The shape bounds it: at most 2^28 samples of two bytes.
        let mut buffer = vec![0; decoder.total_bytes() as usize];
        decoder.read_image(&mut buffer).map_err(error)?;
        let pixels = if bits == 16 { raster::from_native_pairs(&buffer) } else { buffer.into_iter().map(u16::from).collect() };
        Ok((shape, bands as usize, alpha as usize, pixels))
    })?;

    let mut notes = Vec::new();
    let pixels = if alpha == 1 {
        notes.push("the transparency of the PNG was left out".to_owned());
        let colour = |pixel: &[u16]| pixel[..bands].to_vec();
        pixels.chunks_exact(bands + 1).flat_map(colour).collect()
    } else {
        pixels
    };
    let meaning = if shape.stored_bits() == 16 && bands == 1 { Meaning::Raw } else { Meaning::Display };
    let channels = raster::channels(FORMAT, shape, bands, &pixels, meaning)?;
    Ok(raster::image(ImageFormat::Png, vec![raster::view("main".to_owned(), channels)], notes))
}

fn error(error: image::ImageError) -> ImageFault {
    match error {
        image::ImageError::Limits(_) => ImageFault::Limit { what: "samples of all planes of an image", limit: MAX_IMAGE_SAMPLES },
        image::ImageError::Unsupported(what) => ImageFault::Unsupported { format: FORMAT, what: what.to_string() },
        other => ImageFault::Malformed { format: FORMAT, offset: None, what: other.to_string() },
    }
}
