//! The two codings of a row of numbers: whole counts and reals. `SPEC-020` to `SPEC-031`.
//!
//! A quarter-second sample of a germanium portal has 16,384 channels and fifty counts, so a zero carries its run length.
//! Both codings have one spelling for every row, and their length is known before anything is allocated.

use super::{ViewError, limit, rule};

/// The largest count: 2^53 - 1, so that every count is exact in binary64 (`SPEC-022`).
pub const MAX_COUNT: u64 = (1 << 53) - 1;

/// Whole counts: unsigned LEB128, in which a 0 is followed by the length of its run (`SPEC-020`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    pub(super) length: u32,
    pub(super) bytes: Vec<u8>,
}

/// Writes [`Counts`] from left to right, merging runs of zeros and keeping to a length.
#[derive(Debug, Default)]
pub struct CountsWriter {
    length: u64,
    zeros: u64,
    largest: u64,
    bytes: Vec<u8>,
}

impl CountsWriter {
    /// An empty row.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty row with room for `bytes` coded bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// Entries written so far.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Appends one count.
    #[inline]
    pub fn push(&mut self, count: u64) {
        if count == 0 {
            return self.push_zeros(1);
        }
        self.end_run();
        self.length = self.length.saturating_add(1);
        self.largest = self.largest.max(count);
        leb(&mut self.bytes, count);
    }

    /// Appends `run` zeros without writing them one by one.
    #[inline]
    pub fn push_zeros(&mut self, run: u64) {
        self.zeros = self.zeros.saturating_add(run);
        self.length = self.length.saturating_add(run);
    }

    /// The finished row.
    ///
    /// # Errors
    /// More than `max` entries, or a count above [`MAX_COUNT`].
    pub fn finish(mut self, max: u32) -> Result<Counts, ViewError> {
        self.end_run();
        let length = u32::try_from(self.length).unwrap_or(u32::MAX);
        self.bytes.shrink_to_fit();
        if length > max {
            return Err(limit("entries of a row", u64::from(max)));
        }
        if self.largest > MAX_COUNT {
            return Err(limit("a count", MAX_COUNT));
        }
        Ok(Counts { length, bytes: self.bytes })
    }

    #[inline]
    fn end_run(&mut self) {
        if self.zeros > 0 {
            self.bytes.push(0);
            leb(&mut self.bytes, self.zeros);
            self.zeros = 0;
        }
    }
}

impl Counts {
    /// The row of `counts`.
    ///
    /// # Errors
    /// As [`CountsWriter::finish`].
    pub fn of(counts: &[u64], max: u32) -> Result<Self, ViewError> {
        let mut writer = CountsWriter::new();
        counts.iter().for_each(|count| writer.push(*count));
        writer.finish(max)
    }

    /// Checks that `bytes` are the one spelling of a row of `length` counts.
    ///
    /// # Errors
    /// The rule broken; nothing is expanded.
    pub fn check(length: u32, bytes: Vec<u8>, max: u32) -> Result<Self, ViewError> {
        if length > max {
            return Err(limit("entries of a row", u64::from(max)));
        }
        let (mut at, mut seen, mut after_run) = (0, 0u64, false);
        while at < bytes.len() {
            let count = read_leb(&bytes, &mut at)?;
            if count != 0 {
                seen += 1;
                after_run = false;
                if count > MAX_COUNT {
                    return Err(limit("a count", MAX_COUNT));
                }
                continue;
            }
            if after_run {
                return Err(rule("SPEC-024", "a run of zeros follows a run of zeros"));
            }
            let run = read_leb(&bytes, &mut at)?;
            if run == 0 {
                return Err(rule("SPEC-023", "a run of zeros is empty"));
            }
            seen = seen.saturating_add(run);
            after_run = true;
            if seen > u64::from(length) {
                break;
            }
        }
        if seen != u64::from(length) {
            return Err(rule("SPEC-025", "the row does not have the length it declares"));
        }
        Ok(Self { length, bytes })
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.length as usize
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The coded bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The runs, as `(count, how many times)`: a zero run once, every other count with 1.
    pub fn runs(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            // The bytes were written or checked by this module, so reading them again does not fail.
            let count = read_leb(&self.bytes, &mut at).ok()?;
            if count != 0 {
                return Some((count, 1));
            }
            read_leb(&self.bytes, &mut at).ok().map(|run| (0, run))
        })
    }

    /// Every entry, in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.runs().flat_map(|(count, times)| std::iter::repeat_n(count, times as usize))
    }

    /// The sum of all entries; saturates.
    pub fn total(&self) -> u64 {
        self.runs().fold(0, |sum: u64, (count, _)| sum.saturating_add(count))
    }
}

/// Numbers that are not all whole counts: little-endian binary32 or binary64, one after another (`SPEC-026`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reals {
    values: Vec<f64>,
}

impl Reals {
    /// Checks that `bytes` are the one spelling of `length` reals.
    ///
    /// # Errors
    /// The rule broken.
    pub fn check(length: u32, bytes: &[u8], max: u32) -> Result<Self, ViewError> {
        if length > max {
            return Err(limit("entries of a row", u64::from(max)));
        }
        let length = length as usize;
        // Both products are far below 2^64: length has 32 bits.
        let values: Vec<f64> = if bytes.len() == length * 4 {
            bytes.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect()
        } else if bytes.len() == length * 8 {
            bytes.chunks_exact(8).map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]])).collect()
        } else {
            return Err(rule("SPEC-026", "a row of reals has 4 or 8 bytes an entry"));
        };
        if values.iter().any(|value| !value.is_finite()) {
            return Err(rule("SPEC-027", "an entry is not finite"));
        }
        if values.iter().any(|value| *value == 0.0 && value.is_sign_negative()) {
            return Err(rule("SPEC-028", "an entry is a negative zero"));
        }
        if values.iter().all(|value| whole(*value).is_some()) {
            return Err(rule("SPEC-030", "every entry is a whole count, so the row must be coded as counts"));
        }
        let reals = Self { values };
        if reals.width() * length != bytes.len() {
            return Err(rule("SPEC-029", "binary64 is used where binary32 keeps every entry"));
        }
        Ok(reals)
    }

    /// The entries.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The coded bytes.
    pub fn bytes(&self) -> Vec<u8> {
        match self.width() {
            4 => self.values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect(),
            _ => self.values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }

    fn width(&self) -> usize {
        let exact = |value: &f64| f64::from(*value as f32).to_bits() == value.to_bits();
        if self.values.iter().all(exact) { 4 } else { 8 }
    }
}

/// A row of numbers in the coding that its values call for.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// Every entry is a whole count.
    Counts(Counts),
    /// At least one entry is not.
    Reals(Reals),
}

impl Row {
    /// The row of `values`; counts if all of them are whole, not negative and at most [`MAX_COUNT`]. A negative zero becomes zero.
    ///
    /// # Errors
    /// More than `max` entries, or an entry that is not finite.
    pub fn of(mut values: Vec<f64>, max: u32) -> Result<Self, ViewError> {
        if values.len() > max as usize {
            return Err(limit("entries of a row", u64::from(max)));
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(rule("SPEC-027", "an entry is not finite"));
        }
        let mut writer = CountsWriter::new();
        let all_whole = values.iter().all(|value| match whole(*value) {
            Some(count) => {
                writer.push(count);
                true
            }
            None => false,
        });
        if all_whole {
            return writer.finish(max).map(Self::Counts);
        }
        // Adding zero turns a negative zero into a zero and leaves all else alone.
        values.iter_mut().for_each(|value| *value += 0.0);
        Ok(Self::Reals(Reals { values }))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        match self {
            Self::Counts(counts) => counts.len(),
            Self::Reals(reals) => reals.values.len(),
        }
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All entries as binary64. Counts are exact.
    pub fn to_vec(&self) -> Vec<f64> {
        match self {
            Self::Counts(counts) => {
                let mut values = Vec::with_capacity(counts.len());
                for (count, times) in counts.runs() {
                    values.resize(values.len() + times as usize, count as f64);
                }
                values
            }
            Self::Reals(reals) => reals.values.clone(),
        }
    }

    /// The sum of all entries.
    pub fn total(&self) -> f64 {
        match self {
            Self::Counts(counts) => counts.total() as f64,
            Self::Reals(reals) => reals.values.iter().sum(),
        }
    }
}

/// The count that `value` is, if it is whole, not negative and small enough.
fn whole(value: f64) -> Option<u64> {
    (value >= 0.0 && value <= MAX_COUNT as f64 && value.fract() == 0.0).then_some(value as u64)
}

#[inline]
fn leb(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Reads one shortest LEB128 number of at most 8 bytes (56 bits).
fn read_leb(bytes: &[u8], at: &mut usize) -> Result<u64, ViewError> {
    let mut value = 0u64;
    for place in 0..8 {
        let Some(byte) = bytes.get(*at).copied() else {
            return Err(rule("SPEC-021", "a number is cut off"));
        };
        *at += 1;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            if byte == 0 && place > 0 {
                return Err(rule("SPEC-021", "a number is not in its shortest form"));
            }
            return Ok(value);
        }
    }
    Err(rule("SPEC-021", "a number has more than 8 bytes"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    const MAX: u32 = 1 << 16;

    #[test]
    fn worked_example() {
        // Quoted in spec/11-spectrum.md.
        let row = Counts::of(&[22, 5, 0, 0, 2, 1, 0, 300, 4, 0, 0, 0, 0, 0, 0, 0, 0, 1], MAX).unwrap();
        assert_eq!(row.bytes(), [0x16, 0x05, 0x00, 0x02, 0x02, 0x01, 0x00, 0x01, 0xac, 0x02, 0x04, 0x00, 0x08, 0x01]);
        assert_eq!((row.len(), row.total()), (18, 335));
        let chapter = include_str!("../../../spec/11-spectrum.md");
        let quoted = chapter.lines().find(|line| line.starts_with("16 05 |")).unwrap();
        let quoted: Vec<u8> =
            quoted.split([' ', '|']).filter(|pair| !pair.is_empty()).map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
        assert_eq!(quoted, row.bytes());
    }

    #[test]
    fn every_second_spelling_is_refused() {
        for (length, bytes, broken) in [
            (1, vec![0x85, 0x00], "SPEC-021"),
            (1, vec![0x85], "SPEC-021"),
            (1, vec![0x00], "SPEC-021"),
            (1, vec![0xff; 9], "SPEC-021"),
            (1, vec![0x00, 0x00], "SPEC-023"),
            (2, vec![0x00, 0x01, 0x00, 0x01], "SPEC-024"),
            (2, vec![0x05], "SPEC-025"),
            (1, vec![0x05, 0x05], "SPEC-025"),
            (9, vec![0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], "SPEC-025"),
        ] {
            let error = Counts::check(length, bytes.clone(), MAX).unwrap_err();
            assert!(matches!(error, ViewError::Rule { rule, .. } if rule == broken), "{bytes:?}: {error}");
        }
        assert!(Counts::check(0, vec![], MAX).unwrap().is_empty());
    }

    #[test]
    fn bounds_hold_at_the_edge() {
        let mut writer = CountsWriter::new();
        writer.push_zeros(u64::from(MAX));
        assert_eq!(writer.finish(MAX).unwrap().len(), MAX as usize);
        let mut writer = CountsWriter::new();
        writer.push_zeros(u64::from(MAX) + 1);
        assert!(matches!(writer.finish(MAX), Err(ViewError::Limit { .. })));
        assert!(Counts::of(&[MAX_COUNT], MAX).is_ok());
        assert!(matches!(Counts::of(&[MAX_COUNT + 1], MAX), Err(ViewError::Limit { .. })));
        let mut over = Vec::new();
        leb(&mut over, MAX_COUNT + 1);
        assert!(matches!(Counts::check(1, over, MAX), Err(ViewError::Limit { .. })));
    }

    #[test]
    fn reals_have_one_spelling() {
        let half = Row::of(vec![0.5, -0.0, 2.0], MAX).unwrap();
        let Row::Reals(reals) = &half else { unreachable!() };
        assert_eq!(reals.bytes().len(), 12);
        assert_eq!(Reals::check(3, &reals.bytes(), MAX).unwrap(), *reals);
        let wide: Vec<u8> = [0.5f64, 0.0, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert!(matches!(Reals::check(3, &wide, MAX), Err(ViewError::Rule { rule: "SPEC-029", .. })));
        let whole: Vec<u8> = [1f32, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert!(matches!(Reals::check(2, &whole, MAX), Err(ViewError::Rule { rule: "SPEC-030", .. })));
        let nan: Vec<u8> = f32::NAN.to_le_bytes().to_vec();
        assert!(matches!(Reals::check(1, &nan, MAX), Err(ViewError::Rule { rule: "SPEC-027", .. })));
        let negative_zero: Vec<u8> = [-0.0f32, 0.5].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert!(matches!(Reals::check(2, &negative_zero, MAX), Err(ViewError::Rule { rule: "SPEC-028", .. })));
        assert!(Row::of(vec![f64::INFINITY], MAX).is_err());
    }

    proptest! {
        #[test]
        fn counts_come_back(counts in prop::collection::vec(prop_oneof![Just(0u64), 0u64..300, 0..=MAX_COUNT], 0..200)) {
            let row = Counts::of(&counts, MAX).unwrap();
            prop_assert_eq!(row.iter().collect::<Vec<_>>(), counts);
            prop_assert_eq!(Counts::check(row.length, row.bytes.clone(), MAX).unwrap(), row);
        }

        #[test]
        fn what_is_accepted_is_the_one_spelling(length in 0u32..40, bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(row) = Counts::check(length, bytes.clone(), MAX) {
                prop_assert_eq!(Counts::of(&row.iter().collect::<Vec<_>>(), MAX).unwrap().bytes, bytes);
            }
        }

        #[test]
        fn rows_come_back(values in prop::collection::vec(-1e6f64..1e6, 1..50)) {
            let row = Row::of(values.clone(), MAX).unwrap();
            prop_assert_eq!(row.to_vec(), values);
        }
    }
}
