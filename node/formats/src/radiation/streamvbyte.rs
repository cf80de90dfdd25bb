//! StreamVByte with the number of integers before it, as `RADDATA` uses it: two bits a number say how many bytes it has.

/// The numbers at the start of `bytes`, and the bytes they take.
pub(super) fn decode(bytes: &[u8]) -> Result<(Vec<u32>, usize), &'static str> {
    let cut = "the channel data is cut off";
    let count = bytes.get(..2).map(|count| usize::from(u16::from_le_bytes([count[0], count[1]]))).ok_or(cut)?;
    let mut at = 2 + count.div_ceil(4);
    let widths = bytes.get(2..at).ok_or(cut)?;
    let mut values = Vec::with_capacity(count);
    for place in 0..count {
        let width = usize::from(widths[place / 4] >> (2 * (place % 4)) & 3) + 1;
        let value = bytes.get(at..at + width).ok_or(cut)?;
        values.push(value.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte)));
        at += width;
    }
    Ok((values, at))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn reads_every_width() {
        let bytes = [5, 0, 0b11_10_01_00, 0, 7, 1, 2, 1, 2, 3, 1, 2, 3, 4, 9, 99];
        assert_eq!(decode(&bytes).unwrap(), (vec![7, 0x0201, 0x03_0201, 0x0403_0201, 9], 15));
        assert!(decode(&bytes[..14]).is_err() && decode(&bytes[..3]).is_err() && decode(&[]).is_err());
    }
}
