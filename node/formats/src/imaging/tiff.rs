//! TIFF 6 and BigTIFF: grey of 8 and 16 bits, colour, several bands. Each page is a view.

use std::io::Cursor;

use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;

use super::bounds::{self, MAX_IMAGE_SAMPLES, MAX_PLANES, MAX_TEXT};
use super::guard::guarded;
use super::{Acquired, DecodedImage, ImageFormat, Instrument, Meaning, raster};
use crate::imaging::ImageFault;

const FORMAT: &str = "TIFF";
/// The most bytes of one directory value: strip offsets of the tallest image, 8 bytes each.
const MAX_DIRECTORY_VALUE: usize = 1 << 23;

/// Decodes a TIFF. Grey and multi-band images of 16 bits are taken as raw values, all else as values for display.
pub(super) fn decode(bytes: &[u8]) -> Result<DecodedImage, ImageFault> {
    guarded(FORMAT, || pages(bytes))
}

fn pages(bytes: &[u8]) -> Result<DecodedImage, ImageFault> {
    let mut limits = Limits::default();
    // Of each page; what all pages take together is counted below.
    limits.decoding_buffer_size = MAX_IMAGE_SAMPLES as usize * 2;
    limits.intermediate_buffer_size = MAX_IMAGE_SAMPLES as usize * 2;
    limits.ifd_value_size = MAX_DIRECTORY_VALUE;
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(error)?.with_limits(limits);

    let mut image = raster::image(ImageFormat::Tiff, Vec::new(), Vec::new());
    let text = |decoder: &mut Decoder<Cursor<&[u8]>>, tag| {
        let value = decoder.find_tag(tag).ok().flatten()?.into_string().ok()?;
        let value: String = value.trim().chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
        (!value.is_empty()).then_some(value)
    };
    image.instrument = Instrument {
        maker: text(&mut decoder, Tag::Make),
        model: text(&mut decoder, Tag::Model),
        software: text(&mut decoder, Tag::Software),
        ..Instrument::default()
    };
    image.acquired = text(&mut decoder, Tag::DateTime).as_deref().and_then(date_time);
    for (name, tag) in [("Artist", Tag::Artist), ("HostComputer", Tag::HostComputer), ("ImageDescription", Tag::ImageDescription)] {
        image.personal.extend(text(&mut decoder, tag).map(|value| (name.to_owned(), value)));
    }

    let (mut page, mut total) = (1, 0);
    loop {
        // Bit 0 of NewSubfileType marks a thumbnail of another page.
        let reduced = matches!(decoder.find_tag_unsigned::<u32>(Tag::NewSubfileType), Ok(Some(kind)) if kind & 1 == 1);
        if reduced {
            image.notes.push(format!("page {page}, a thumbnail, was left out"));
        } else {
            total = read_page(&mut decoder, bytes.len(), page, total, &mut image)?;
        }
        if page > MAX_PLANES || planes(&image) > MAX_PLANES as usize {
            return Err(ImageFault::Limit { what: "planes of one image", limit: u64::from(MAX_PLANES) });
        }
        if !decoder.more_images() {
            break;
        }
        decoder.next_image().map_err(error)?;
        page += 1;
    }
    match image.views.as_mut_slice() {
        [] => return Err(malformed("no page but thumbnails")),
        [only] => "main".clone_into(&mut only.name),
        _ => {}
    }
    Ok(image)
}

/// Planes until now, each of which becomes a payload.
fn planes(image: &DecodedImage) -> usize {
    image.views.iter().map(|view| view.channels.len()).sum()
}

/// Decodes the current page onto `image` and returns the samples of all pages until now, which were `total`.
fn read_page(
    decoder: &mut Decoder<Cursor<&[u8]>>,
    file_bytes: usize,
    page: u32,
    total: u64,
    image: &mut DecodedImage,
) -> Result<u64, ImageFault> {
    let (width, height) = decoder.dimensions().map_err(error)?;
    let (bits, bands, alpha) = match decoder.colortype().map_err(error)? {
        ColorType::Gray(bits) => (bits, 1, 0),
        ColorType::GrayA(bits) => (bits, 1, 1),
        ColorType::RGB(bits) => (bits, 3, 0),
        ColorType::RGBA(bits) => (bits, 3, 1),
        ColorType::Multiband { bit_depth, num_samples } => (bit_depth, num_samples, 0),
        other => return Err(unsupported(format!("{other:?} pixels"))),
    };
    if bits != 8 && bits != 16 {
        return Err(unsupported(format!("{bits} bits a sample; 8 and 16 are read")));
    }
    let shape = bounds::shape(FORMAT, width, height, bits, u32::from(bands + alpha), 1)?;
    let total = total + shape.samples() as u64 * u64::from(bands + alpha);
    if total > MAX_IMAGE_SAMPLES {
        return Err(ImageFault::Limit { what: "samples of all planes of an image", limit: MAX_IMAGE_SAMPLES });
    }
    bounds::worth(FORMAT, total, file_bytes)?;
    let (bands, alpha) = (usize::from(bands), usize::from(alpha));
    let pixels: Vec<u16> = match decoder.read_image().map_err(error)? {
        DecodingResult::U8(samples) => samples.into_iter().map(u16::from).collect(),
        DecodingResult::U16(samples) => samples,
        _ => {
            return Err(unsupported("signed, 32-bit or floating-point samples".to_owned()));
        }
    };
    if pixels.len() != shape.samples() * (bands + alpha) {
        return Err(unsupported("bands in planes of their own".to_owned()));
    }
    let pixels = if alpha == 1 {
        image.notes.push(format!("the transparency of page {page} was left out"));
        pixels.chunks_exact(bands + 1).flat_map(|pixel| pixel[..bands].to_vec()).collect()
    } else {
        pixels
    };
    let meaning = if bits == 16 && bands != 3 { Meaning::Raw } else { Meaning::Display };
    let channels = raster::channels(FORMAT, shape, bands, &pixels, meaning)?;
    image.views.push(raster::view(format!("page {page}"), channels));
    Ok(total)
}

/// `YYYY:MM:DD HH:MM:SS`, without a zone.
fn date_time(text: &str) -> Option<Acquired> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    super::dicom::time::seconds(digits.get(..8)?, digits.get(8..14)?, None)
}

fn malformed(what: &str) -> ImageFault {
    ImageFault::Malformed { format: FORMAT, offset: None, what: what.to_owned() }
}

fn unsupported(what: String) -> ImageFault {
    ImageFault::Unsupported { format: FORMAT, what }
}

fn error(error: tiff::TiffError) -> ImageFault {
    match error {
        tiff::TiffError::LimitsExceeded => ImageFault::Limit { what: "samples of all planes of an image", limit: MAX_IMAGE_SAMPLES },
        tiff::TiffError::UnsupportedError(what) => unsupported(what.to_string()),
        other => malformed(&other.to_string()),
    }
}
