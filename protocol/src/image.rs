//! Image planes, their obligatory lossless coding and their sample digest. Implements spec/10-image.md.
//!
//! One plane is one energy channel of one view: `width x height` unsigned samples of 8 to 16 stored bits.
//! The way of a plane: `samples -> Plane -> coding::encode -> payload bytes -> coding::PlaneReader -> Plane`.
//! Whatever the coding, [`Plane::sample_digest`] names the samples themselves, so that a partner who
//! transcodes can still prove that it holds the same image.

pub mod coding;
mod digest;
mod predictor;

pub use digest::{SAMPLE_DIGEST_DOMAIN, SampleDigester};

use crate::digest::Digest;

/// The most samples one plane may have (spec/10, IMG-001): 2^28, half a GiB in memory.
pub const MAX_SAMPLES: u64 = 1 << 28;
/// The longest side of a plane in samples (IMG-001). A train of a kilometre at one millimetre a sample fits.
pub const MAX_SIDE: u32 = 1 << 20;
/// The fewest stored bits of a sample (IMG-002).
pub const MIN_STORED_BITS: u8 = 8;
/// The most stored bits of a sample (IMG-002).
pub const MAX_STORED_BITS: u8 = 16;

/// Why a width, height, bit depth and samples do not make a plane.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaneError {
    /// A side is zero or longer than [`MAX_SIDE`], or the product is over [`MAX_SAMPLES`].
    #[error("a plane of {width} x {height} samples: each side is 1 to {MAX_SIDE}, and all samples together at most {MAX_SAMPLES}")]
    Dimensions {
        /// Samples a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The number of stored bits is outside 8 to 16.
    #[error("{0} stored bits a sample: a plane has {MIN_STORED_BITS} to {MAX_STORED_BITS}")]
    StoredBits(u8),
    /// The number of samples is not width times height.
    #[error("{found} samples where width times height is {expected}")]
    SampleCount {
        /// Width times height.
        expected: u64,
        /// Samples that were handed over.
        found: u64,
    },
    /// A sample does not fit the stored bits.
    #[error("sample {index} is {value}, which {stored_bits} stored bits cannot hold")]
    SampleTooLarge {
        /// Position in row-major order.
        index: u64,
        /// The sample.
        value: u16,
        /// The plane's stored bits.
        stored_bits: u8,
    },
}

/// The shape of a plane, checked: each side 1 to [`MAX_SIDE`], at most [`MAX_SAMPLES`] samples, 8 to 16 stored bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    width: u32,
    height: u32,
    stored_bits: u8,
}

impl Shape {
    /// Checks a shape against IMG-001 and IMG-002, before anything is allocated for it.
    pub fn new(width: u32, height: u32, stored_bits: u8) -> Result<Self, PlaneError> {
        let sides = 1..=MAX_SIDE;
        let samples = u64::from(width) * u64::from(height);
        if !sides.contains(&width) || !sides.contains(&height) || samples > MAX_SAMPLES {
            return Err(PlaneError::Dimensions { width, height });
        }
        if !(MIN_STORED_BITS..=MAX_STORED_BITS).contains(&stored_bits) {
            return Err(PlaneError::StoredBits(stored_bits));
        }
        Ok(Self { width, height, stored_bits })
    }

    /// Samples a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Significant bits of a sample, 8 to 16.
    pub fn stored_bits(&self) -> u8 {
        self.stored_bits
    }

    /// Width times height, at most [`MAX_SAMPLES`].
    pub fn samples(&self) -> usize {
        self.width as usize * self.height as usize
    }

    /// The largest value that the stored bits hold.
    pub fn max_value(&self) -> u16 {
        u16::MAX >> (MAX_STORED_BITS - self.stored_bits)
    }
}

/// One energy channel of one view: samples in row-major order from the top left, each below `2^stored_bits`.
#[derive(Clone, PartialEq, Eq)]
pub struct Plane {
    shape: Shape,
    samples: Vec<u16>,
}

impl Plane {
    /// A plane of `shape` over `samples`, which must be as many as the shape says and fit its stored bits.
    pub fn new(shape: Shape, samples: Vec<u16>) -> Result<Self, PlaneError> {
        if samples.len() != shape.samples() {
            return Err(PlaneError::SampleCount { expected: shape.samples() as u64, found: samples.len() as u64 });
        }
        let max = shape.max_value();
        if let Some(index) = samples.iter().position(|&sample| sample > max) {
            return Err(PlaneError::SampleTooLarge { index: index as u64, value: samples[index], stored_bits: shape.stored_bits });
        }
        Ok(Self { shape, samples })
    }

    /// Width, height and stored bits.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Samples a row.
    pub fn width(&self) -> u32 {
        self.shape.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.shape.height
    }

    /// Significant bits of a sample, 8 to 16.
    pub fn stored_bits(&self) -> u8 {
        self.shape.stored_bits
    }

    /// All samples, row-major from the top left.
    pub fn samples(&self) -> &[u16] {
        &self.samples
    }

    /// The samples without the plane around them.
    pub fn into_samples(self) -> Vec<u16> {
        self.samples
    }

    /// The digest of the canonical samples (IMG-010): the same for every lossless coding of this plane.
    pub fn sample_digest(&self) -> Digest {
        let mut digester = SampleDigester::new(self.shape);
        digester.update(&self.samples);
        digester.finish()
    }
}

// By hand: a derived Debug would print up to 2^28 samples into a log.
impl std::fmt::Debug for Plane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plane").field("shape", &self.shape).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn shapes_are_bounded_at_the_edge() {
        assert!(Shape::new(1, 1, 8).is_ok());
        assert!(Shape::new(MAX_SIDE, 256, 16).is_ok());
        assert!(Shape::new(MAX_SIDE, 257, 16).is_err());
        assert!(Shape::new(1 << 14, 1 << 14, 16).is_ok());
        assert!(Shape::new(1 << 14, (1 << 14) + 1, 16).is_err());
        assert!(Shape::new(MAX_SIDE + 1, 1, 16).is_err());
        assert!(Shape::new(0, 1, 16).is_err());
        assert!(Shape::new(1, 0, 16).is_err());
        assert!(Shape::new(1, 1, 7).is_err());
        assert!(Shape::new(1, 1, 17).is_err());
    }

    #[test]
    fn samples_must_fit() {
        let shape = Shape::new(2, 1, 10).unwrap();
        assert!(Plane::new(shape, vec![0, 1023]).is_ok());
        assert_eq!(Plane::new(shape, vec![0, 1024]).unwrap_err(), PlaneError::SampleTooLarge { index: 1, value: 1024, stored_bits: 10 });
        assert_eq!(Plane::new(shape, vec![0]).unwrap_err(), PlaneError::SampleCount { expected: 2, found: 1 });
    }
}
