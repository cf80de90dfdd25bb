//! The limits of image files, each checked before anything is allocated. Quoted in spec/10-image.md, "Limits".

use carnet_protocol::image::{MAX_SAMPLES, PlaneError, Shape};

use crate::imaging::ImageFault;

/// The most samples of all planes of one image together: those of one largest plane, half a GiB.
pub const MAX_IMAGE_SAMPLES: u64 = MAX_SAMPLES;
/// The most planes (views times channels) of one image: a record names at most 1,024 payloads, and each plane is one.
pub const MAX_PLANES: u32 = 1000;
/// The most channels of one view.
pub const MAX_CHANNELS: u32 = 8;
/// The most samples of one JPEG 2000 frame: its decoder holds several 32-bit numbers a sample, here a GiB in all.
pub const MAX_JPEG2000_SAMPLES: u64 = 1 << 26;
/// The most samples that a file may claim for each of its bytes, beyond [`FREE_SAMPLES`]: twice what the densest coding
/// here reaches (deflate, 1,032 to 1), so that a small file cannot cost half a GiB.
pub const MAX_EXPANSION: u64 = 2048;
/// Samples that a file of any size may claim: an empty slice of a volume is coded in a hundred bytes.
pub const FREE_SAMPLES: u64 = 1 << 20;
/// How deep DICOM sequences may nest.
pub const MAX_DICOM_DEPTH: usize = 16;
/// The most bytes that a deflated DICOM data set may inflate to: a largest image and its header.
pub const MAX_INFLATED: u64 = (1 << 29) + (1 << 24);
/// The most bytes of a text value that are kept.
pub const MAX_TEXT: usize = 1024;

/// The shape of one plane of an image with `views` views of `channels` channels, if the whole is within the limits.
pub(super) fn shape(
    format: &'static str,
    width: u32,
    height: u32,
    stored_bits: u8,
    channels: u32,
    views: u32,
) -> Result<Shape, ImageFault> {
    let shape = Shape::new(width, height, stored_bits).map_err(|error| match error {
        PlaneError::Dimensions { .. } if width != 0 && height != 0 => {
            ImageFault::Limit { what: "samples of one image plane", limit: MAX_SAMPLES }
        }
        other => ImageFault::Malformed { format, offset: None, what: other.to_string() },
    })?;
    if views == 0 || channels == 0 {
        return Err(ImageFault::Malformed { format, offset: None, what: "an image without frames".to_owned() });
    }
    if channels > MAX_CHANNELS {
        return Err(ImageFault::Limit { what: "channels of one view", limit: u64::from(MAX_CHANNELS) });
    }
    if u64::from(views) * u64::from(channels) > u64::from(MAX_PLANES) {
        return Err(ImageFault::Limit { what: "planes of one image", limit: u64::from(MAX_PLANES) });
    }
    // At most 2^28 * 1000: no overflow.
    if shape.samples() as u64 * u64::from(views) * u64::from(channels) > MAX_IMAGE_SAMPLES {
        return Err(ImageFault::Limit { what: "samples of all planes of an image", limit: MAX_IMAGE_SAMPLES });
    }
    Ok(shape)
}

/// Refuses `coded_bytes` bytes that claim more `samples` than any coding puts into them.
pub(super) fn worth(format: &'static str, samples: u64, coded_bytes: usize) -> Result<(), ImageFault> {
    // Both factors are far below 2^53: no overflow.
    if samples > FREE_SAMPLES + MAX_EXPANSION * coded_bytes as u64 {
        return Err(ImageFault::Malformed { format, offset: None, what: "less data than the image has samples".to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_at_the_edge() {
        let ok = |w, h, c, v| shape("test", w, h, 16, c, v).is_ok();
        assert!(ok(1 << 14, 1 << 14, 1, 1));
        assert!(!ok(1 << 14, (1 << 14) + 1, 1, 1));
        assert!(ok(1, 1, 1, MAX_PLANES));
        assert!(!ok(1, 1, 1, MAX_PLANES + 1));
        assert!(ok(1, 1, 2, MAX_PLANES / 2));
        assert!(!ok(1, 1, 3, MAX_PLANES / 2));
        assert!(ok(1 << 12, 1 << 12, 1, 16));
        assert!(!ok(1 << 12, 1 << 12, 1, 17));
        assert!(ok(1, 1, MAX_CHANNELS, 1));
        assert!(!ok(1, 1, MAX_CHANNELS + 1, 1));
        assert!(!ok(0, 1, 1, 1));
        assert!(!ok(1, 1, 1, 0));
    }

    #[test]
    fn expansion_is_bounded_at_the_edge() {
        assert!(worth("test", FREE_SAMPLES, 0).is_ok());
        assert!(worth("test", FREE_SAMPLES + 1, 0).is_err());
        assert!(worth("test", FREE_SAMPLES + MAX_EXPANSION, 1).is_ok());
        assert!(worth("test", FREE_SAMPLES + MAX_EXPANSION + 1, 1).is_err());
    }
}
