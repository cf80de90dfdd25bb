//! The schema-free scanner.

use crate::reason::{Fault, Reason};

/// How deep items may be nested (`CBOR-009`). Deep enough for every kind of record twice over.
pub const MAX_DEPTH: usize = 16;

/// Checks that `bytes` are exactly one deterministic CBOR item.
///
/// # Errors
/// The first departure from deterministic encoding, with its place.
pub fn scan(bytes: &[u8]) -> Result<(), Fault> {
    let end = scan_prefix(bytes)?;
    if end != bytes.len() {
        return Err(Fault::at(Reason::CborTrailing, end as u64, "bytes follow the item"));
    }
    Ok(())
}

/// Checks that `bytes` begin with one deterministic CBOR item and says where it ends.
///
/// # Errors
/// As [`scan`].
pub fn scan_prefix(bytes: &[u8]) -> Result<usize, Fault> {
    let mut scanner = Scanner { bytes, at: 0 };
    scanner.item(0)?;
    Ok(scanner.at)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The head of an item: major type, additional information and argument.
struct Head {
    major: u8,
    info: u8,
    argument: u64,
}

impl Scanner<'_> {
    fn fault(&self, at: usize, reason: Reason, detail: &str) -> Fault {
        Fault::at(reason, at as u64, detail)
    }

    fn item(&mut self, depth: usize) -> Result<(), Fault> {
        let start = self.at;
        if depth > MAX_DEPTH {
            return Err(self.fault(start, Reason::CborDepth, "items are nested deeper than 16"));
        }
        let head = self.head()?;
        match head.major {
            0 | 1 => Ok(()),
            2 => self.take(head.argument, start).map(drop),
            3 => {
                let text = self.take(head.argument, start)?;
                match std::str::from_utf8(text) {
                    Ok(_) => Ok(()),
                    Err(_) => Err(self.fault(start, Reason::CborUtf8, "a text is not valid UTF-8")),
                }
            }
            4 => {
                self.room_for(head.argument, start)?;
                (0..head.argument).try_for_each(|_| self.item(depth + 1))
            }
            5 => {
                self.room_for(head.argument.saturating_mul(2), start)?;
                self.entries(head.argument, depth)
            }
            6 => Err(self.fault(start, Reason::CborTag, "tags are not allowed here")),
            _ => self.simple_or_float(&head, start),
        }
    }

    fn entries(&mut self, count: u64, depth: usize) -> Result<(), Fault> {
        let mut previous: Option<(usize, usize)> = None;
        for _ in 0..count {
            let start = self.at;
            match self.bytes.get(start).map(|byte| byte >> 5) {
                Some(0 | 1 | 3) | None => {}
                Some(_) => return Err(self.fault(start, Reason::CborKeyType, "a map key is neither an integer nor a text")),
            }
            self.item(depth + 1)?;
            let key = &self.bytes[start..self.at];
            if let Some((from, to)) = previous {
                match self.bytes[from..to].cmp(key) {
                    std::cmp::Ordering::Less => {}
                    std::cmp::Ordering::Equal => return Err(self.fault(start, Reason::CborKeyDuplicate, "a map key occurs twice")),
                    std::cmp::Ordering::Greater => return Err(self.fault(start, Reason::CborKeyOrder, "map keys are not in order")),
                }
            }
            previous = Some((start, self.at));
            self.item(depth + 1)?;
        }
        Ok(())
    }

    fn head(&mut self) -> Result<Head, Fault> {
        let start = self.at;
        let first = self.take(1, start)?[0];
        let (major, info) = (first >> 5, first & 0x1f);
        let argument = match info {
            0..=23 => u64::from(info),
            24..=27 => {
                let width = 1usize << (info - 24);
                let argument = self.take(width as u64, start)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                let least = [24, 1 << 8, 1 << 16, 1 << 32][usize::from(info - 24)];
                // For major type 7 the argument is a float's bits or a simple value, judged apart.
                if major != 7 && argument < least {
                    return Err(self.fault(start, Reason::CborNotShortest, "an integer or length is not in its shortest form"));
                }
                argument
            }
            31 => return Err(self.fault(start, Reason::CborIndefinite, "indefinite lengths are not allowed")),
            _ => return Err(self.fault(start, Reason::CborReserved, "a reserved additional information value is used")),
        };
        Ok(Head { major, info, argument })
    }

    fn simple_or_float(&self, head: &Head, start: usize) -> Result<(), Fault> {
        let shortest = match head.info {
            20..=22 => return Ok(()),
            25 => {
                let value = half::f16::from_bits(head.argument as u16);
                !value.is_nan() || head.argument == 0x7e00
            }
            26 => {
                let value = f32::from_bits(head.argument as u32);
                !value.is_nan() && half::f16::from_f32(value).to_f32().to_bits() != value.to_bits()
            }
            27 => {
                let value = f64::from_bits(head.argument);
                !value.is_nan() && f64::from(value as f32).to_bits() != value.to_bits()
            }
            _ => return Err(self.fault(start, Reason::CborSimple, "only false, true and null are allowed")),
        };
        if shortest {
            return Ok(());
        }
        Err(self.fault(start, Reason::CborFloat, "a floating-point number is not in its shortest form, or not the one NaN"))
    }

    /// Every item takes at least one byte, so a count larger than what is left is a lie, found before any loop.
    fn room_for(&self, items: u64, start: usize) -> Result<(), Fault> {
        if items > (self.bytes.len() - self.at) as u64 {
            return Err(self.fault(start, Reason::CborTruncated, "a list or map says it has more items than there are bytes"));
        }
        Ok(())
    }

    fn take(&mut self, count: u64, start: usize) -> Result<&[u8], Fault> {
        let left = self.bytes.len() - self.at;
        if count > left as u64 {
            return Err(self.fault(start, Reason::CborTruncated, "the bytes end before the item does"));
        }
        let from = self.at;
        self.at += count as usize;
        Ok(&self.bytes[from..self.at])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn reason(hex: &str) -> Option<Reason> {
        let bytes: Vec<u8> = hex.split_whitespace().map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
        scan(&bytes).err().map(|fault| fault.reason)
    }

    #[test]
    fn takes_what_is_deterministic() {
        for good in [
            "00",
            "17",
            "18 18",
            "19 01 00",
            "38 18",
            "40",
            "43 01 02 03",
            "60",
            "62 c3 bc",
            "80",
            "82 01 02",
            "a0",
            "a2 01 02 03 04",
            "a2 03 04 20 05",
            "a2 18 18 00 60 00",
            "f4",
            "f5",
            "f6",
            "f9 3c 00",
            "f9 7e 00",
            "fa 47 c3 50 00",
            "fb 3f f1 99 99 99 99 99 9a",
            "f9 7c 00",
            "f9 80 00",
        ] {
            assert_eq!(reason(good), None, "{good}");
        }
    }

    #[test]
    fn names_what_is_not() {
        for (bad, why) in [
            ("18 01", Reason::CborNotShortest),
            ("19 00 ff", Reason::CborNotShortest),
            ("1a 00 00 ff ff", Reason::CborNotShortest),
            ("1b 00 00 00 00 ff ff ff ff", Reason::CborNotShortest),
            ("58 01 00", Reason::CborNotShortest),
            ("9f ff", Reason::CborIndefinite),
            ("5f ff", Reason::CborIndefinite),
            ("bf ff", Reason::CborIndefinite),
            ("ff", Reason::CborIndefinite),
            ("a2 03 00 01 00", Reason::CborKeyOrder),
            ("a2 01 00 01 00", Reason::CborKeyDuplicate),
            ("a1 80 00", Reason::CborKeyType),
            ("a1 f4 00", Reason::CborKeyType),
            ("a1 41 00 00", Reason::CborKeyType),
            ("61 ff", Reason::CborUtf8),
            ("c0 00", Reason::CborTag),
            ("f7", Reason::CborSimple),
            ("f0", Reason::CborSimple),
            ("f8 20", Reason::CborSimple),
            ("fa 3f 80 00 00", Reason::CborFloat),
            ("fb 3f f0 00 00 00 00 00 00", Reason::CborFloat),
            ("f9 7e 01", Reason::CborFloat),
            ("fa 7f c0 00 00", Reason::CborFloat),
            ("fb 7f f8 00 00 00 00 00 00", Reason::CborFloat),
            ("", Reason::CborTruncated),
            ("42 00", Reason::CborTruncated),
            ("9b ff ff ff ff ff ff ff ff", Reason::CborTruncated),
            ("bb ff ff ff ff ff ff ff ff", Reason::CborTruncated),
            ("5b ff ff ff ff ff ff ff ff", Reason::CborTruncated),
            ("00 00", Reason::CborTrailing),
            ("1c", Reason::CborReserved),
            ("a1 01", Reason::CborTruncated),
        ] {
            assert_eq!(reason(bad), Some(why), "{bad}");
        }
    }

    #[test]
    fn depth_is_bounded_at_the_edge() {
        let nested = |depth: usize| [vec![0x81; depth], vec![0x00]].concat();
        assert!(scan(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(scan(&nested(MAX_DEPTH + 1)).unwrap_err().reason, Reason::CborDepth);
        assert_eq!(scan(&nested(1_000_000)).unwrap_err().reason, Reason::CborDepth);
    }
}
