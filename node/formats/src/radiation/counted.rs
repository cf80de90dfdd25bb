//! Lists of counted zeroes, quickly: a portal's file is three megabytes of them.
//!
//! Nine numbers in ten have one digit, and no branch predictor foresees where the others stand. So a list is read in steps that are all
//! alike: bytes are sorted into digits and white space 64 at a time, then each step takes up to four numbers of one digit and one of any
//! length, with one load each and no branch on what they are.

use carnet_protocol::spectrum::{CountedWriter, Counts, MAX_CHANNELS};

use super::digits::{eight_digits, four_digits};

/// Bytes that are sorted at once.
const WINDOW: usize = 64;
/// A window and the load that begins at its last byte.
const REACH: usize = WINDOW + 8;

/// The channels in `text`, if they are whole numbers below 10^8, few enough, and their zeroes counted in the ordinary way; nearly all are.
/// Nothing is said of what is wrong.
pub(super) fn channels(text: &[u8]) -> Option<Counts> {
    if !text.iter().fold(true, |plain, byte| plain & (byte.is_ascii_digit() | matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))) {
        return None;
    }
    let mut counts = CountedWriter::new(text.len());
    let read = read(text, &mut counts)?;
    // What is left is shorter than a window, and is read before white space.
    let mut last = [b' '; 2 * REACH];
    let rest = &text[read..];
    last.get_mut(..rest.len())?.copy_from_slice(rest);
    self::read(&last, &mut counts)?;
    counts.finish(MAX_CHANNELS)
}

/// Reads as much of `text` as whole windows hold, and says how much that is; None at a number that is too long.
fn read(text: &[u8], counts: &mut CountedWriter) -> Option<usize> {
    let mut base = 0;
    while let Some(window) = text.get(base..).and_then(|rest| rest.first_chunk::<REACH>()) {
        let digits = digits(window);
        let mut at = 0;
        // The eight bytes that a step begins with lie within the window.
        while at <= WINDOW - 8 {
            // Digit, white space, and so on: how many such pairs come first. Bit 8 ends the search.
            let singles = (((digits >> at ^ 0x55) | 0x100).trailing_zeros() / 2) as usize;
            counts.push_digits(squeezed(word(window, at)), singles);
            at += 2 * singles;
            let rest = digits.checked_shr(at as u32).unwrap_or(0);
            if rest == 0 {
                at = WINDOW;
                break;
            }
            at += rest.trailing_zeros() as usize;
            let length = (!(digits >> at)).trailing_zeros() as usize;
            if at + length >= WINDOW {
                // The number may go on behind the window: the next one begins with it.
                break;
            }
            let word = word(window, at);
            counts.push(match length {
                1..=4 => four_digits((word as u32) << (32 - 8 * length) & 0x0f0f_0f0f),
                5..=8 => eight_digits(word << (64 - 8 * length) & 0x0f0f_0f0f_0f0f_0f0f),
                _ => return None,
            });
            // With the white space behind it, so that the next step begins with a digit.
            at += length + 1;
        }
        if at == 0 {
            return None;
        }
        base += at;
    }
    Some(base)
}

/// The eight bytes at `at`, which is below 64.
#[inline]
fn word(window: &[u8; REACH], at: usize) -> u64 {
    let at = at & (WINDOW - 1);
    window[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// One bit a byte, set for digits. Of digits and white space, digits alone have the bit 0x10.
#[inline]
fn digits(window: &[u8; REACH]) -> u64 {
    (0..8).fold(0, |bits, place| {
        let ones = word(window, 8 * place) >> 4 & 0x0101_0101_0101_0101;
        bits | (ones.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * place)
    })
}

/// The values of the digits at bytes 0, 2, 4 and 6.
#[inline]
fn squeezed(word: u64) -> u32 {
    let digits = word & 0x000f_000f_000f_000f;
    let pairs = (digits | digits >> 8) & 0x0000_ffff_0000_ffff;
    (pairs | pairs >> 16) as u32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn read(text: &str) -> Option<Vec<u64>> {
        channels(text.as_bytes()).map(|counts| counts.iter().collect())
    }

    #[test]
    fn numbers_of_every_length_at_every_place() {
        for length in 1..=8 {
            for before in 0..150 {
                let number = 12_345_678 % 10u64.pow(length);
                let text = format!("{}{number}{}7", "1 ".repeat(before / 2), " ".repeat(1 + before % 2));
                let mut expected = vec![1; before / 2];
                expected.extend([number, 7]);
                assert_eq!(read(&text), Some(expected), "{text}");
            }
        }
    }

    #[test]
    fn what_is_odd_is_left_to_careful_reading() {
        assert_eq!(read("1 0 3\n2"), Some(vec![1, 0, 0, 0, 2]));
        assert_eq!(read("1 00 3\n2"), Some(vec![1, 0, 0, 0, 2]));
        assert_eq!(read(" \n "), Some(vec![]));
        assert_eq!(read(""), Some(vec![]));
        for odd in ["1.5", "-1", "0 0 3", "0", "1 0 2 0 3", "123456789", "1\u{a0}2", "0 65537"] {
            assert_eq!(read(odd), None, "{odd}");
        }
        assert_eq!(read(&" ".repeat(1000)), Some(vec![]));
        assert_eq!(read(&"1".repeat(100)), None);
    }
}
