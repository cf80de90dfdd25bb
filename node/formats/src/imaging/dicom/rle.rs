//! RLE lossless (PS3.5 annex G): byte planes, most significant first, each packed by runs.

use super::FORMAT;
use crate::imaging::ImageFault;

/// Unpacks one frame of `pixels` pixels with `bands` samples of `bytes_each` (1 or 2) bytes: interleaved samples.
pub(super) fn decode(data: &[u8], pixels: usize, bands: usize, bytes_each: usize) -> Result<Vec<u16>, ImageFault> {
    let bad = |what: &str| ImageFault::Malformed { format: FORMAT, offset: None, what: format!("RLE frame: {what}") };
    let word = |index: usize| data.get(index * 4..index * 4 + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
    let segments = bands * bytes_each;
    if word(0) != Some(segments) || segments > 15 {
        return Err(bad("the number of segments is not bands times bytes a sample"));
    }
    let mut starts = Vec::with_capacity(segments + 1);
    for segment in 0..segments {
        starts.push(word(1 + segment).ok_or_else(|| bad("a short header"))?);
    }
    starts.push(data.len());
    // A run of 128 takes two bytes: a larger promise is a lie, found before memory is reserved for it.
    if pixels * segments > data.len() * 64 {
        return Err(bad("less data than the image has samples"));
    }
    let mut samples = vec![0_u16; pixels * bands];
    for segment in 0..segments {
        let (band, byte) = (segment / bytes_each, segment % bytes_each);
        let shift = 8 * (bytes_each - 1 - byte);
        let packed = data.get(starts[segment]..starts[segment + 1]).ok_or_else(|| bad("segments out of order"))?;
        let mut places = samples.iter_mut().skip(band).step_by(bands);
        let (mut at, mut left) = (0, pixels);
        while left > 0 {
            let control = *packed.get(at).ok_or_else(|| bad("a segment ends early"))?;
            at += 1;
            let (count, run) = match control {
                0..=127 => (usize::from(control) + 1, false),
                128 => continue,
                129..=255 => (257 - usize::from(control), true),
            };
            let source = packed.get(at..at + if run { 1 } else { count }).ok_or_else(|| bad("a segment ends early"))?;
            at += source.len();
            for index in 0..count.min(left) {
                let value = source[if run { 0 } else { index }];
                if let Some(place) = places.next() {
                    *place |= u16::from(value) << shift;
                }
            }
            left -= count.min(left);
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn header(starts: &[u32]) -> Vec<u8> {
        let mut header = vec![0; 64];
        header[..4].copy_from_slice(&(starts.len() as u32).to_le_bytes());
        for (index, start) in starts.iter().enumerate() {
            header[4 + index * 4..8 + index * 4].copy_from_slice(&start.to_le_bytes());
        }
        header
    }

    #[test]
    fn unpacks_runs_and_literals_of_two_byte_planes() {
        let mut data = header(&[64, 67]);
        data.extend([0xfd, 0x01, 128]); // four times 1, then a byte that does nothing
        data.extend([3, 10, 20, 30, 40]);
        assert_eq!(decode(&data, 4, 1, 2).unwrap(), [0x10a, 0x114, 0x11e, 0x128]);
        assert!(decode(&data, 5, 1, 2).is_err());
        assert!(decode(&data, 1 << 28, 1, 2).is_err());
        assert!(decode(&data, 4, 1, 1).is_err());
        assert!(decode(&data[..66], 4, 1, 2).is_err());
    }
}
