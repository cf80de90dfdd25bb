//! The median edge detector of LOCO-I (JPEG-LS, ITU-T T.87 A.4.2) over one strip of rows, with the residual folded
//! to an unsigned number. Implements spec/10-image.md, IMG-006 and IMG-007.

/// What is expected of a sample from its left, upper and upper left neighbour.
///
/// An edge above or to the left is followed; elsewhere the three span a plane.
fn median(left: i32, up: i32, corner: i32) -> i32 {
    let (low, high) = if left < up { (left, up) } else { (up, left) };
    // Equals T.87's three cases: the middle one of left, up and left + up - corner.
    (left + up - corner).clamp(low, high)
}

/// Residual to unsigned: 0, -1, 1, -2, 2 ... become 0, 1, 2, 3, 4 ..., all modulo 2^bits.
fn fold(sample: u16, expected: i32, bits: u32) -> u16 {
    let shift = 32 - bits;
    // The shift pair reduces modulo 2^bits into the signed range.
    let residual = (i32::from(sample) - expected) << shift >> shift;
    ((residual << 1) ^ (residual >> 31)) as u16
}

/// The inverse of [`fold`]; any `folded` below 2^bits gives a sample below 2^bits.
fn unfold(folded: u16, expected: i32, mask: u16) -> u16 {
    let folded = i32::from(folded);
    let residual = (folded >> 1) ^ -(folded & 1);
    (expected + residual) as u16 & mask
}

/// Writes the folded residuals of one strip's `samples` (whole rows of `width`) to `folded`, of the same length.
pub(super) fn to_residuals(samples: &[u16], width: usize, stored_bits: u8, folded: &mut [u16]) {
    let bits = u32::from(stored_bits);
    let mut above: Option<&[u16]> = None;
    for (row, out) in samples.chunks_exact(width).zip(folded.chunks_exact_mut(width)) {
        match above {
            None => {
                let mut left = 0;
                for (&sample, out) in row.iter().zip(out) {
                    *out = fold(sample, left, bits);
                    left = i32::from(sample);
                }
            }
            Some(above) => {
                let mut left = i32::from(above[0]);
                let mut corner = left;
                for ((&sample, &up), out) in row.iter().zip(above).zip(out) {
                    let up = i32::from(up);
                    *out = fold(sample, median(left, up, corner), bits);
                    left = i32::from(sample);
                    corner = up;
                }
            }
        }
        above = Some(row);
    }
}

/// Turns folded residuals into the samples of one strip, in place. The inverse of [`to_residuals`].
pub(super) fn to_samples(strip: &mut [u16], width: usize, stored_bits: u8) {
    let mask = u16::MAX >> (16 - stored_bits);
    let (first, _) = strip.split_at_mut(width);
    let mut left = 0;
    for sample in first {
        *sample = unfold(*sample, left, mask);
        left = i32::from(*sample);
    }
    for start in (width..strip.len()).step_by(width) {
        let (done, rest) = strip.split_at_mut(start);
        let above = &done[start - width..];
        let mut left = i32::from(above[0]);
        let mut corner = left;
        for (sample, &up) in rest[..width].iter_mut().zip(above) {
            let up = i32::from(up);
            *sample = unfold(*sample, median(left, up, corner), mask);
            left = i32::from(*sample);
            corner = up;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn folds_small_residuals_to_small_numbers() {
        let fold_all = |bits| [0, -1, 1, -2, 2].map(|r| fold((100 + r) as u16, 100, bits));
        assert_eq!(fold_all(16), [0, 1, 2, 3, 4]);
        assert_eq!(fold_all(8), [0, 1, 2, 3, 4]);
        // Around the end of the range: 255 after 0 is a step of -1 modulo 256.
        assert_eq!(fold(255, 0, 8), 1);
        assert_eq!(fold(0, 255, 8), 2);
        assert_eq!(fold(0, 32768, 16), 65535);
    }

    #[test]
    fn median_is_the_three_cases_of_t87() {
        for a in 0..12 {
            for b in 0..12 {
                for c in 0..12 {
                    let (low, high) = (a.min(b), a.max(b));
                    let expected = if c >= high {
                        low
                    } else if c <= low {
                        high
                    } else {
                        a + b - c
                    };
                    assert_eq!(median(a, b, c), expected);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn round_trip(bits in 8_u8..=16, width in 1_usize..20, rows in 1_usize..10, seed in any::<u64>()) {
            let mut state = seed | 1;
            let samples: Vec<u16> = (0..width * rows).map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 40) as u16 & (u16::MAX >> (16 - bits))
            }).collect();
            let mut strip = vec![0; samples.len()];
            to_residuals(&samples, width, bits, &mut strip);
            prop_assert!(strip.iter().all(|&r| r <= u16::MAX >> (16 - bits)));
            to_samples(&mut strip, width, bits);
            prop_assert_eq!(strip, samples);
        }
    }
}
