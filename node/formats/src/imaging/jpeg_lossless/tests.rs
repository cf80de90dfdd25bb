#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use proptest::prelude::*;

/// Codes samples by T.81 annex H, with a flat Huffman table: 5-bit codes for the 17 categories.
pub(in crate::imaging) fn encode(
    samples: &[u16],
    width: usize,
    bands: usize,
    precision: u8,
    predictor: u8,
    restart_rows: usize,
) -> Vec<u8> {
    let height = samples.len() / width / bands;
    let mut out = vec![0xff, 0xd8, 0xff, 0xc4, 0, 19 + 17, 0];
    out.extend((1..=16).map(|length| if length == 5 { 17 } else { 0 }));
    out.extend(0..17);
    let [h1, h0] = (height as u16).to_be_bytes();
    let [w1, w0] = (width as u16).to_be_bytes();
    out.extend([0xff, 0xc3, 0, 8 + 3 * bands as u8, precision, h1, h0, w1, w0, bands as u8]);
    out.extend((1..=bands as u8).flat_map(|id| [id, 0x11, 0]));
    if restart_rows > 0 {
        let [r1, r0] = ((restart_rows * width) as u16).to_be_bytes();
        out.extend([0xff, 0xdd, 0, 4, r1, r0]);
    }
    out.extend([0xff, 0xda, 0, 6 + 2 * bands as u8, bands as u8]);
    out.extend((1..=bands as u8).flat_map(|id| [id, 0]));
    out.extend([predictor, 0, 0]);

    let (mut ahead, mut count) = (0_u64, 0);
    let stride = width * bands;
    let mut fresh_row = 0;
    for y in 0..height {
        if restart_rows > 0 && y > 0 && y % restart_rows == 0 {
            flush(&mut out, &mut ahead, &mut count);
            out.extend([0xff, 0xd0 + ((y / restart_rows - 1) % 8) as u8]);
            fresh_row = y;
        }
        for index in 0..stride {
            let here = y * stride + index;
            let at = |index: usize| i32::from(samples[index]);
            let expected = match (y == fresh_row, index < bands) {
                (true, true) => 1 << (precision - 1),
                (true, false) => at(here - bands),
                (false, true) => at(here - stride),
                (false, false) => {
                    let (a, b, c) = (at(here - bands), at(here - stride), at(here - stride - bands));
                    [a, b, c, a + b - c, a + ((b - c) >> 1), b + ((a - c) >> 1), (a + b) >> 1][usize::from(predictor) - 1]
                }
            };
            let difference = (at(here) - expected) as i16;
            let category = if difference == i16::MIN { 16 } else { 16 - difference.unsigned_abs().leading_zeros() };
            put(&mut out, &mut ahead, &mut count, u64::from(category), 5);
            if category > 0 && category < 16 {
                let low = if difference < 0 { difference.wrapping_sub(1) } else { difference };
                put(&mut out, &mut ahead, &mut count, u64::from(low as u16) & ((1 << category) - 1), category);
            }
        }
    }
    flush(&mut out, &mut ahead, &mut count);
    out.extend([0xff, 0xd9]);
    out
}

fn put(out: &mut Vec<u8>, ahead: &mut u64, count: &mut u32, value: u64, bits: u32) {
    *ahead = *ahead << bits | value;
    *count += bits;
    while *count >= 8 {
        *count -= 8;
        let byte = (*ahead >> *count) as u8;
        out.push(byte);
        if byte == 0xff {
            out.push(0);
        }
    }
}

fn flush(out: &mut Vec<u8>, ahead: &mut u64, count: &mut u32) {
    let padding = (8 - *count % 8) % 8;
    put(out, ahead, count, (1 << padding) - 1, padding);
    (*ahead, *count) = (0, 0);
}

fn noise(seed: u64, count: usize, bits: u8) -> Vec<u16> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) as u16 & (u16::MAX >> (16 - bits))
    };
    (0..count).map(|_| next()).collect()
}

proptest! {
    #[test]
    fn every_predictor_depth_and_restart_is_exact(
        predictor in 1_u8..=7, precision in 2_u8..=16, bands in 1_usize..=3, width in 1_usize..12, height in 1_usize..12,
        restart_rows in 0_usize..4, seed in any::<u64>(),
    ) {
        let samples = noise(seed, width * height * bands, precision);
        let bytes = encode(&samples, width, bands, precision, predictor, restart_rows);
        let frame = Frame::open(&bytes).unwrap();
        prop_assert_eq!((frame.width(), frame.height(), frame.precision()), (width as u32, height as u32, precision));
        prop_assert_eq!(frame.decode().unwrap(), samples);
    }

    #[test]
    fn mutated_streams_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = encode(&noise(7, 300, 12), 20, 1, 12, 1, 3);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = Frame::open(&bytes).and_then(|frame| frame.decode());
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(Frame::open(&bytes).and_then(|frame| frame.decode()).is_err() || bytes.len() > 300);
    }
}

#[test]
fn a_header_alone_reserves_nothing() {
    let mut bytes = encode(&[1, 2, 3, 4], 2, 1, 16, 1, 0);
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc3]).unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    let error = Frame::open(&bytes).unwrap().decode().unwrap_err();
    assert!(error.to_string().contains("less data"), "{error}");
}

#[test]
fn other_processes_are_refused_by_name() {
    let mut bytes = encode(&[1, 2, 3, 4], 2, 1, 16, 1, 0);
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc3]).unwrap();
    bytes[frame + 1] = 0xc0;
    assert!(matches!(Frame::open(&bytes), Err(ImageFault::Unsupported { .. })));
}
