//! JPEG (ITU-T T.81): baseline and progressive by the `image` crate, lossless by our own decoder.

use std::io::Cursor;

use image::{ColorType, ImageDecoder, Limits, codecs::jpeg::JpegDecoder};

use super::bounds::{self, MAX_IMAGE_SAMPLES};
use super::guard::guarded;
use super::{DecodedImage, ImageFormat, Meaning, jpeg_lossless, raster};
use crate::imaging::ImageFault;

const FORMAT: &str = "JPEG";
/// What the decoder may hold besides the pixels: coefficients of a progressive image are two bytes a sample.
const SCRATCH: u64 = MAX_IMAGE_SAMPLES * 2;

/// Decodes a JPEG file. Values are for display, but for lossless JPEG, which nobody uses for display.
pub(super) fn decode(bytes: &[u8]) -> Result<DecodedImage, ImageFault> {
    let (shape, bands, pixels, meaning) = if frame_header(bytes)?.process == LOSSLESS {
        let frame = jpeg_lossless::Frame::open(bytes)?;
        let shape = bounds::shape(FORMAT, frame.width(), frame.height(), frame.precision().max(8), frame.components() as u32, 1)?;
        (shape, frame.components(), frame.decode()?, Meaning::Raw)
    } else {
        let (shape, bands, pixels) = lossy(bytes)?;
        (shape, bands, pixels, Meaning::Display)
    };
    let channels = raster::channels(FORMAT, shape, bands, &pixels, meaning)?;
    Ok(raster::image(ImageFormat::Jpeg, vec![raster::view("main".to_owned(), channels)], Vec::new()))
}

/// Pixels of a baseline or progressive JPEG: shape, bands (1 or 3), interleaved samples.
pub(super) fn lossy(bytes: &[u8]) -> Result<(carnet_protocol::image::Shape, usize, Vec<u16>), ImageFault> {
    let header = frame_header(bytes)?;
    if header.process == LOSSLESS || header.precision != 8 {
        return Err(ImageFault::Unsupported {
            format: FORMAT,
            what: format!("process {:#04x} with {} bits a sample", header.process, header.precision),
        });
    }
    // Before the decoder sees the file at all.
    let shape = bounds::shape(FORMAT, header.width, header.height, 8, u32::from(header.components), 1)?;
    bounds::worth(FORMAT, shape.samples() as u64 * u64::from(header.components), bytes.len())?;
    ends(bytes, header.at)?;
    guarded(FORMAT, || {
        let mut decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(error)?;
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_IMAGE_SAMPLES * 2 + SCRATCH);
        decoder.set_limits(limits).map_err(error)?;
        let (width, height) = decoder.dimensions();
        let bands = match decoder.color_type() {
            ColorType::L8 => 1,
            ColorType::Rgb8 => 3,
            other => {
                return Err(ImageFault::Unsupported { format: FORMAT, what: format!("{other:?} pixels") });
            }
        };
        let shape = bounds::shape(FORMAT, width, height, 8, bands, 1)?;
        let mut buffer = vec![0; decoder.total_bytes() as usize];
        decoder.read_image(&mut buffer).map_err(error)?;
        Ok((shape, bands as usize, buffer.into_iter().map(u16::from).collect()))
    })
}

/// SOF3: lossless, sequential, Huffman.
const LOSSLESS: u8 = 0xc3;

struct FrameHeader {
    at: usize,
    process: u8,
    precision: u8,
    width: u32,
    height: u32,
    components: u8,
}

/// The first frame header of a JPEG stream, found by walking its marker segments.
fn frame_header(bytes: &[u8]) -> Result<FrameHeader, ImageFault> {
    let bad = |at: usize, what: &str| ImageFault::Malformed { format: FORMAT, offset: Some(at as u64), what: what.to_owned() };
    let mut at = 2;
    loop {
        let Some(&[0xff, marker]) = bytes.get(at..at + 2) else {
            return Err(bad(at, "no marker where one is due before the frame header"));
        };
        match marker {
            0xff => at += 1, // fill byte
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let Some(&[_, _, precision, h1, h0, w1, w0, components]) = bytes.get(at + 2..at + 10) else {
                    return Err(bad(at, "the frame header is cut short"));
                };
                return Ok(FrameHeader {
                    at,
                    process: marker,
                    precision,
                    width: u32::from(u16::from_be_bytes([w1, w0])),
                    height: u32::from(u16::from_be_bytes([h1, h0])),
                    components,
                });
            }
            0xd9 | 0xda => return Err(bad(at, "the scan begins before a frame header")),
            0x01 | 0xd0..=0xd8 => at += 2,
            _ => {
                let Some(&[l1, l0]) = bytes.get(at + 2..at + 4) else {
                    return Err(bad(at, "a marker segment is cut short"));
                };
                at += 2 + usize::from(u16::from_be_bytes([l1, l0])).max(2);
            }
        }
    }
}

/// Refuses a file that was cut off on its way. The decoder would fill what is missing with grey, and the grey would be signed.
/// Within coded samples 0xff is always followed by zero or a restart, so the marker is found nowhere but at the end.
fn ends(bytes: &[u8], frame: usize) -> Result<(), ImageFault> {
    if bytes[frame..].windows(2).rev().any(|pair| pair == [0xff, 0xd9]) {
        return Ok(());
    }
    let what = "the file ends in the middle of the image: it was cut off on its way, take it from its source again";
    Err(ImageFault::Malformed { format: FORMAT, offset: Some(bytes.len() as u64), what: what.to_owned() })
}

fn error(error: image::ImageError) -> ImageFault {
    match error {
        image::ImageError::Limits(_) => ImageFault::Limit { what: "samples of all planes of an image", limit: MAX_IMAGE_SAMPLES },
        image::ImageError::Unsupported(what) => ImageFault::Unsupported { format: FORMAT, what: what.to_string() },
        other => ImageFault::Malformed { format: FORMAT, offset: None, what: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_file_that_was_cut_off_is_refused() {
        let mut bytes = Vec::new();
        let pixels: Vec<u8> = (0..64 * 64u32).map(|n| (n * n / 7) as u8).collect();
        image::codecs::jpeg::JpegEncoder::new(&mut bytes).encode(&pixels, 64, 64, image::ExtendedColorType::L8).unwrap();
        assert!(decode(&bytes).is_ok());
        // What follows the end is not the image's.
        let longer = [&bytes[..], b"from the camera"].concat();
        assert!(decode(&longer).is_ok());
        for length in [bytes.len() - 1, bytes.len() * 3 / 4] {
            assert!(matches!(decode(&bytes[..length]), Err(ImageFault::Malformed { .. })), "{length} of {}", bytes.len());
        }
    }
}
