//! Interleaved pixels of general-purpose formats to channels.

use carnet_protocol::image::{Plane, Shape};

use super::{Channel, DecodedImage, Geometry, ImageFormat, Instrument, Meaning, Polarity, Rescale, SINGLE, View};
use crate::imaging::ImageFault;

/// Names of the three channels of a colour image.
const COLOURS: [&str; 3] = ["red", "green", "blue"];

/// Splits interleaved `pixels` of `bands` samples each into channels.
///
/// Three bands that are equal in every pixel are a grey image in a colour file, and become one channel. Three bands
/// that differ stay red, green and blue: what a colour meant is the vendor's secret, and a weighted sum would look
/// like a measurement. An alpha band is not a measurement and is not handed over. Other counts are numbered.
pub(super) fn channels(
    format: &'static str,
    shape: Shape,
    bands: usize,
    pixels: &[u16],
    meaning: Meaning,
) -> Result<Vec<Channel>, ImageFault> {
    let grey = bands == 3 && pixels.chunks_exact(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]);
    let kept = if grey { 1 } else { bands };
    (0..kept)
        .map(|band| {
            let samples = pixels.iter().skip(band).step_by(bands).copied().collect();
            let energy = match kept {
                1 => SINGLE.to_owned(),
                3 => COLOURS[band].to_owned(),
                _ => format!("band {}", band + 1),
            };
            Ok(Channel {
                energy,
                peak_kv: None,
                meaning,
                polarity: Polarity::HighIsWhite,
                rescale: None,
                plane: plane(format, shape, samples)?,
            })
        })
        .collect()
}

/// A plane, or the refusal of a file whose decoder gave other samples than its header promised.
pub(super) fn plane(format: &'static str, shape: Shape, samples: Vec<u16>) -> Result<Plane, ImageFault> {
    Plane::new(shape, samples).map_err(|error| ImageFault::Malformed { format, offset: None, what: error.to_string() })
}

/// An image of these views and nothing else known.
pub(super) fn image(format: ImageFormat, views: Vec<View>, notes: Vec<String>) -> DecodedImage {
    DecodedImage { format, views, instrument: Instrument::default(), acquired: None, subject: None, personal: Vec::new(), notes }
}

/// A view of these channels and unknown geometry.
pub(super) fn view(name: String, channels: Vec<Channel>) -> View {
    View { name, channels, geometry: Geometry::default() }
}

/// Native-endian byte pairs, as the image decoders fill their buffers, to samples.
pub(super) fn from_native_pairs(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_ne_bytes([pair[0], pair[1]])).collect()
}

/// Two's complement samples of `stored_bits` bits to unsigned ones, by flipping the sign bit, and the rescale that
/// undoes it: `value = sample - 2^(stored_bits - 1)`.
pub(super) fn unsign(samples: &mut [u16], stored_bits: u8, rescale: Option<Rescale>) -> Rescale {
    let sign = 1_u16 << (stored_bits - 1);
    for sample in samples {
        *sample ^= sign;
    }
    let Rescale { slope, intercept } = rescale.unwrap_or(Rescale { slope: 1.0, intercept: 0.0 });
    Rescale { slope, intercept: intercept - slope * f64::from(sign) }
}
