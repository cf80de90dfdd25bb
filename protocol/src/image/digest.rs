//! The canonical sample digest. Implements spec/10-image.md, IMG-010.

use super::Shape;
use crate::digest::Digest;

/// The domain of the sample digest: 16 ASCII bytes, so that no encoded payload or record hashes to the same value
/// by design.
pub const SAMPLE_DIGEST_DOMAIN: &[u8; 16] = b"carnet-samples-1";

/// How many bytes are gathered before they are hashed: a page, so that a plane is never copied whole.
const BLOCK: usize = 4096;

/// The sample digest of a plane that is seen a few rows at a time.
pub struct SampleDigester {
    context: ring::digest::Context,
    block: Vec<u8>,
}

impl SampleDigester {
    /// Starts the digest of a plane of `shape`. The caller hands over exactly its samples, in row-major order.
    pub fn new(shape: Shape) -> Self {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        context.update(SAMPLE_DIGEST_DOMAIN);
        context.update(&shape.width().to_be_bytes());
        context.update(&shape.height().to_be_bytes());
        context.update(&[shape.stored_bits()]);
        Self { context, block: Vec::with_capacity(BLOCK) }
    }

    /// Takes the next samples.
    pub fn update(&mut self, samples: &[u16]) {
        for part in samples.chunks(BLOCK / 2) {
            self.block.clear();
            self.block.extend(part.iter().flat_map(|sample| sample.to_be_bytes()));
            self.context.update(&self.block);
        }
    }

    /// The digest of the shape and all samples taken.
    pub fn finish(self) -> Digest {
        Digest::finish(self.context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::image::Plane;

    #[test]
    fn is_sha256_of_domain_shape_and_big_endian_samples() {
        let shape = Shape::new(3, 1, 12).unwrap();
        let plane = Plane::new(shape, vec![0, 1, 0x0abc]).unwrap();
        let mut bytes = SAMPLE_DIGEST_DOMAIN.to_vec();
        bytes.extend([0, 0, 0, 3, 0, 0, 0, 1, 12, 0, 0, 0, 1, 0x0a, 0xbc]);
        assert_eq!(plane.sample_digest(), Digest::of(&bytes));
    }

    #[test]
    fn same_samples_in_another_shape_differ() {
        let digest = |w, h, bits| Plane::new(Shape::new(w, h, bits).unwrap(), vec![7; 6]).unwrap().sample_digest();
        assert_ne!(digest(2, 3, 16), digest(3, 2, 16));
        assert_ne!(digest(2, 3, 16), digest(2, 3, 12));
    }
}
