//! Time as a number, and its text. There is no clock here: who calls says what time it is. Implements spec/01-record.md.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};

/// Seconds in a minute.
pub const MINUTE: i64 = 60;
/// Seconds in an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Seconds in a day. UTC's leap seconds are not counted, as in POSIX.
pub const DAY: i64 = 24 * HOUR;

/// Days from 0000-03-01 to 1970-01-01 in the Gregorian calendar carried backwards.
const EPOCH_DAYS: i64 = 719_468;
/// Days in 400 years, after which the Gregorian calendar repeats.
const ERA_DAYS: i64 = 146_097;

/// A moment: whole seconds since 1970-01-01T00:00:00Z, leap seconds not counted. Encoded as a plain CBOR integer.
///
/// Its text is RFC 3339 in UTC for the years 0000 to 9999, and `@` with the number of seconds outside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] pub i64);

impl Timestamp {
    /// The moment `seconds` later, or earlier if negative. Stops at the ends of the range: a deadline never wraps into the past.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this moment; negative if `earlier` is in fact later. Stops at the ends of the range.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment of a UTC calendar date and time, if there is such a date. Months and days count from 1.
    pub fn from_utc(year: i64, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Option<Self> {
        let real_date = (0..=9999).contains(&year) && (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
        if !real_date || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = days_from_civil(year, i64::from(month), i64::from(day));
        Some(Self(days * DAY + i64::from(hour) * HOUR + i64::from(minute) * MINUTE + i64::from(second)))
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Years begin in March here, so that the leap day is a year's last and month lengths follow (153 m + 2) / 5.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - EPOCH_DAYS
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH_DAYS;
    let (era, day_of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // -62167219200 is 0000-01-01T00:00:00Z, 253402300799 is 9999-12-31T23:59:59Z.
        if !(-62_167_219_200..=253_402_300_799).contains(&self.0) {
            return write!(f, "@{}", self.0);
        }
        let (days, second) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (second / HOUR, second / MINUTE % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// A text that is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a time must look like 2026-11-24T09:30:00Z or 2026-11-24T10:30:00+01:00 (RFC 3339)")]
pub struct NotATime;

impl FromStr for Timestamp {
    type Err = NotATime;

    /// Reads RFC 3339 with any offset. A fraction of a second is cut off; a leap second counts as the second after it.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        parse(text.as_bytes()).ok_or(NotATime)
    }
}

fn number(text: &[u8]) -> Option<i64> {
    let digits = !text.is_empty() && text.len() <= 4 && text.iter().all(u8::is_ascii_digit);
    digits.then(|| text.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let (head, tail) = text.split_at_checked(19)?;
    let marks = head[4] == b'-' && head[7] == b'-' && matches!(head[10], b'T' | b't' | b' ') && head[13] == b':' && head[16] == b':';
    if !marks {
        return None;
    }
    // Two digits always fit in a byte.
    let two = |at: usize| number(&head[at..at + 2]).map(|value| value as u8);
    let (year, second) = (number(&head[..4])?, two(17)?);
    let leap = second == 60;
    let local = Timestamp::from_utc(year, two(5)?, two(8)?, two(11)?, two(14)?, if leap { 59 } else { second })?;
    let moment = local.plus(i64::from(leap)).plus(-offset(fraction(tail)?)?);
    // Leap seconds are only ever put at the end of a UTC day.
    (!leap || moment.0.rem_euclid(DAY) == 0).then_some(moment)
}

/// Steps over `.123`, if it is there.
fn fraction(tail: &[u8]) -> Option<&[u8]> {
    let Some(rest) = tail.strip_prefix(b".") else { return Some(tail) };
    let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    (1..=18).contains(&digits).then(|| &rest[digits..])
}

/// Seconds by which local time is ahead of UTC.
fn offset(tail: &[u8]) -> Option<i64> {
    let (sign, rest) = match tail {
        b"Z" | b"z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    if rest.len() != 5 || rest[2] != b':' {
        return None;
    }
    let (hours, minutes) = (number(&rest[..2])?, number(&rest[3..])?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * HOUR + minutes * MINUTE))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_000_000_000, "2001-09-09T01:46:40Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-62_167_219_200, "0000-01-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Timestamp(seconds).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp(seconds)));
        }
        assert_eq!(Timestamp(253_402_300_800).to_string(), "@253402300800");
        assert_eq!(Timestamp(i64::MIN).to_string(), format!("@{}", i64::MIN));
    }

    #[test]
    fn offsets_fractions_and_leap_seconds() {
        let noon = Timestamp::from_utc(2026, 11, 24, 12, 0, 0).unwrap();
        for same in ["2026-11-24T12:00:00.999Z", "2026-11-24t13:00:00+01:00", "2026-11-24 06:30:00-05:30", "2026-11-24T12:00:00-00:00"] {
            assert_eq!(same.parse(), Ok(noon), "{same}");
        }
        // RFC 3339, section 5.8: a leap second, and the same one in Pacific time.
        let after = Timestamp::from_utc(1991, 1, 1, 0, 0, 0).unwrap();
        assert_eq!("1990-12-31T23:59:60Z".parse(), Ok(after));
        assert_eq!("1990-12-31T15:59:60-08:00".parse(), Ok(after));
    }

    #[test]
    fn refuses_what_is_no_time() {
        for bad in [
            "",
            "2026-11-24",
            "2026-11-24T12:00:00",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-11-24T24:00:00Z",
            "2026-11-24T12:60:00Z",
            "2026-11-24T12:00:61Z",
            "2026-11-24T12:00:60Z",
            "2026-11-24T12:00:00.Z",
            "2026-11-24T12:00:00+1:00",
            "2026-11-24T12:00:00+24:00",
            "2026-11-24T12:00:00ZZ",
            "+026-11-24T12:00:00Z",
            "2026-11-24T12:00:0éZ",
        ] {
            assert_eq!(bad.parse::<Timestamp>(), Err(NotATime), "{bad}");
        }
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        assert_eq!(Timestamp(5).plus(-DAY), Timestamp(5 - 86_400));
        assert_eq!(Timestamp(i64::MAX).plus(1), Timestamp(i64::MAX));
        assert_eq!(Timestamp(i64::MAX).since(Timestamp(-1)), i64::MAX);
    }

    #[test]
    fn is_a_plain_integer_in_cbor() {
        let bytes = crate::cbor::encode(&Timestamp(-1));
        assert_eq!(bytes, [0x20]);
        assert_eq!(minicbor::decode::<Timestamp>(&bytes).unwrap(), Timestamp(-1));
    }

    proptest! {
        #[test]
        fn text_comes_back(seconds in -62_167_219_200i64..=253_402_300_799) {
            prop_assert_eq!(Timestamp(seconds).to_string().parse(), Ok(Timestamp(seconds)));
        }

        #[test]
        fn any_text_is_judged_without_panic(text in "\\PC{0,40}") {
            let _ = text.parse::<Timestamp>();
        }
    }
}
