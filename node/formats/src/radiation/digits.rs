//! Whole numbers out of text, eight bytes at a time.

/// Every byte of a word.
const fn every(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Calls `each` with the numbers in `text`, which are whole, below 10^7 and separated by white space; None at the first that is not.
///
/// A portal's file is three megabytes of short numbers whose lengths no branch predictor can guess. So bytes are sorted into digits and
/// white space 64 at a time, and each number is read backwards from its last digit in one load.
pub(super) fn whole_numbers(text: &[u8], mut each: impl FnMut(u64)) -> Option<()> {
    let mut padded = [b' '; 64];
    for base in (0..text.len()).step_by(64) {
        let block: &[u8; 64] = match text[base..].first_chunk() {
            Some(block) => block,
            None => {
                padded[..text.len() - base].copy_from_slice(&text[base..]);
                &padded
            }
        };
        let mut digits = 0u64;
        for (place, word) in block.chunks_exact(8).enumerate() {
            let word = u64::from_le_bytes(word.first_chunk().copied().unwrap_or_default());
            let not_white = (word.wrapping_add(every(0x5f)) | word) & every(0x80);
            if not_white & others(word) != 0 || word & every(0x80) != 0 {
                return None;
            }
            // Gathers the eight high bits into one byte.
            digits |= ((not_white >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * place);
        }
        let after = text.get(base + 64).is_some_and(u8::is_ascii_digit);
        let mut ends = digits & !(digits >> 1 | u64::from(after) << 63);
        while ends != 0 {
            let end = base + ends.trailing_zeros() as usize + 1;
            ends &= ends - 1;
            // Most numbers have one digit: then the byte before it is white space.
            if end > 1 && text[end - 2] <= b' ' {
                each(u64::from(text[end - 1] & 0x0f));
                continue;
            }
            let word = match end.checked_sub(8).and_then(|start| text.get(start..end)).and_then(|word| word.first_chunk::<8>()) {
                Some(word) => *word,
                None => {
                    let mut word = [b' '; 8];
                    word[8 - end..].copy_from_slice(&text[..end]);
                    word
                }
            };
            let word = u64::from_le_bytes(word);
            // High bits up to the byte before the number; at least one, or the number is too long.
            let before = others(word);
            if before == 0 {
                return None;
            }
            let outside = 64 - before.leading_zeros();
            let digits = (word ^ every(b'0')) >> outside << outside;
            each(if outside >= 32 { four_digits((digits >> 32) as u32) } else { eight_digits(digits) });
        }
    }
    Some(())
}

/// The high bits of the bytes of an ASCII `word` that are no digits.
fn others(word: u64) -> u64 {
    (word ^ every(b'0')).wrapping_add(every(0x76)) & every(0x80)
}

/// The number whose four decimal digits are the bytes of `digits`, the first in the lowest byte.
pub(super) fn four_digits(digits: u32) -> u64 {
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00ff_00ff;
    u64::from((pairs.wrapping_mul(100) + (pairs >> 16)) & 0xffff)
}

/// The number whose eight decimal digits are the bytes of `digits`, the first in the lowest byte.
pub(super) fn eight_digits(digits: u64) -> u64 {
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours * 10_000 + (fours >> 32)) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn eight_digits_are_a_number(number in 0u64..100_000_000) {
            let text = format!("{number:08}");
            let digits = u64::from_le_bytes(text.as_bytes().try_into().unwrap()) ^ 0x3030_3030_3030_3030;
            prop_assert_eq!(eight_digits(digits), number);
            let list = format!("{} 5", number % 10_000_000);
            prop_assert!(whole_numbers(list.as_bytes(), |_| ()).is_some());
        }
    }
}
