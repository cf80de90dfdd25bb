//! A list of counted zeroes, as N42.42 has them, coded as it comes. `SPEC-020` to `SPEC-025`.
//!
//! That list and ours differ only in how a number is written, so nothing is expanded and hardly a branch is taken: this is what the
//! import of a portal's file spends its time on.

use super::MAX_COUNT;
use super::counts::Counts;

/// What the number before was. A zero is followed by the length of its run.
type Before = u8;
const COUNT: Before = 0;
const ZERO: Before = 1;
const RUN: Before = 2;

/// What up to four digits of a list are, by what was before them and which of them are zero.
#[derive(Clone, Copy)]
struct Step {
    /// The bytes that are lengths of runs, as a mask.
    runs: u32,
    /// How many are counts.
    counts: u8,
    /// What the last of them was.
    before: Before,
    /// Whether a zero stands where our one spelling has none: after a zero or after a run.
    odd: bool,
}

/// Indexed by `before << 7 | how many << 4 | zeros`, bit n of the zeros for digit n. Of the 512 places 384 are used.
static STEPS: [Step; 512] = steps();

const fn steps() -> [Step; 512] {
    let mut steps = [Step { runs: 0, counts: 0, before: COUNT, odd: false }; 512];
    let mut at = 0;
    while at < steps.len() {
        let (mut step, many, zeros) = (Step { runs: 0, counts: 0, before: (at >> 7) as u8, odd: false }, at >> 4 & 7, at & 15);
        let mut digit = 0;
        while digit < many && digit < 4 {
            let zero = zeros >> digit & 1 == 1;
            if step.before == ZERO {
                step.odd |= zero;
                step.runs |= 0xff << (8 * digit);
                step.before = RUN;
            } else if zero {
                step.odd |= step.before == RUN;
                step.before = ZERO;
            } else {
                step.counts += 1;
                step.before = COUNT;
            }
            digit += 1;
        }
        steps[at] = step;
        at += 1;
    }
    steps
}

/// Takes the numbers of a list of counted zeroes one by one, or four at a time.
#[derive(Debug)]
pub struct CountedWriter {
    bytes: Vec<u8>,
    at: usize,
    length: u64,
    before: Before,
    odd: bool,
}

impl CountedWriter {
    /// A writer for a list whose decimal text has `text` bytes. Coded it takes no more: a number of d digits and its separator have
    /// more than d bytes, and 7 bits hold more than two digits.
    pub fn new(text: usize) -> Self {
        Self { bytes: vec![0; text + 16], at: 0, length: 0, before: COUNT, odd: false }
    }

    /// The next numbers of the list, `many` of them, at most four, each below ten: the low bytes of `digits`, the first in the lowest.
    /// What the other bytes hold, each below 16, does not matter.
    #[inline]
    pub fn push_digits(&mut self, digits: u32, many: usize) {
        let many = many & 7;
        // The high bit of each byte that is not zero, gathered into four bits.
        let not_zero = (digits.wrapping_add(0x7f7f_7f7f) & 0x8080_8080) >> 7;
        let zeros = not_zero.wrapping_mul(0x1020_4080) >> 28 ^ 15;
        let step = STEPS[usize::from(self.before & 3) << 7 | many << 4 | zeros as usize];
        self.odd |= step.odd;
        self.before = step.before;
        self.length += u64::from(step.counts) + u64::from((digits & step.runs).wrapping_mul(0x0101_0101) >> 24);
        match self.bytes.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut::<4>()) {
            Some(place) => *place = digits.to_le_bytes(),
            // More numbers than were announced.
            None => self.odd = true,
        }
        self.at += many;
    }

    /// The next number of the list.
    #[inline]
    pub fn push(&mut self, number: u64) {
        let (zero, after_zero) = (number == 0, self.before == ZERO);
        self.odd |= zero && self.before != COUNT;
        // In arithmetic, since whether a number is a run cannot be foreseen either. 2^32 is past every limit, and 2^32 such cannot come.
        let run = u64::from(after_zero).wrapping_neg();
        self.length += number.min(1 << 32) & run | u64::from(!zero) & !run;
        self.before = (RUN * u8::from(after_zero)) | (u8::from(zero) & u8::from(!after_zero));
        let Some(place) = self.bytes.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut::<8>()) else {
            self.odd = true;
            return;
        };
        if number < 1 << 14 {
            // Two bytes are written and one or both of them kept: whether a run is longer than 127 cannot be foreseen.
            let more = number > 0x7f;
            place[0] = (number & 0x7f) as u8 | u8::from(more) << 7;
            place[1] = (number >> 7) as u8;
            self.at += 1 + usize::from(more);
            return;
        }
        self.odd |= number > MAX_COUNT;
        let (mut rest, mut used) = (number.min(MAX_COUNT), 0);
        // Seven bits a byte: 53 bits end within eight.
        for byte in place {
            used += 1;
            *byte = rest as u8 & 0x7f | u8::from(rest > 0x7f) << 7;
            rest >>= 7;
            if rest == 0 {
                break;
            }
        }
        self.at += used;
    }

    /// The row, if the list was in the one spelling and has at most `max` entries; else it must be read with care.
    pub fn finish(self, max: u32) -> Option<Counts> {
        let length = u32::try_from(self.length).ok().filter(|length| *length <= max)?;
        (!self.odd && self.before != ZERO).then(|| Counts { length, bytes: self.bytes[..self.at].to_vec() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    const MAX: u32 = 1 << 16;

    fn numbers() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec(prop_oneof![Just(0u64), 0u64..5, 0u64..20_000, 0..=MAX_COUNT + 5], 0..30)
    }

    proptest! {
        #[test]
        fn counted_lists_become_the_one_spelling_or_nothing(list in numbers()) {
            let mut writer = CountedWriter::new(list.len() * 6);
            list.iter().for_each(|number| writer.push(*number));
            if let Some(row) = writer.finish(MAX) {
                prop_assert_eq!(Counts::check(row.length, row.bytes.clone(), MAX).unwrap(), row);
            }
        }

        #[test]
        fn four_at_a_time_and_one_by_one_are_the_same(list in prop::collection::vec(prop_oneof![Just(0u64), 0u64..10], 0..30), many in 1usize..5, rest in 0u32..16) {
            let (mut one, mut four) = (CountedWriter::new(64), CountedWriter::new(64));
            list.iter().for_each(|number| one.push(*number));
            for digits in list.chunks(many) {
                let word = (0..4).map(|at| digits.get(at).map_or(rest, |digit| *digit as u32) << (8 * at)).sum();
                four.push_digits(word, digits.len());
            }
            prop_assert_eq!(one.finish(MAX), four.finish(MAX));
        }
    }

    #[test]
    fn more_than_announced_is_not_taken() {
        let mut writer = CountedWriter::new(0);
        (0..20).for_each(|_| writer.push_digits(0x0101_0101, 4));
        assert_eq!(writer.finish(MAX), None);
    }
}
