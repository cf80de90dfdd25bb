//! Numbers, durations and times out of bytes, without an allocation a token.

use carnet_protocol::cbor::Real;
use carnet_protocol::spectrum::{CountsWriter, MAX_CHANNELS, MAX_TEXT, Row};

use super::counted;
use super::digits::whole_numbers;

/// What is wrong with a list of numbers, and where in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadNumber {
    pub at: usize,
    pub what: &'static str,
}

/// One token of a list of numbers.
enum Token {
    Whole(u64),
    Real(f64),
}

/// Walks over the numbers in `text`, which white space separates.
struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl Tokens<'_> {
    fn next(&mut self) -> Result<Option<Token>, BadNumber> {
        let text = self.text;
        while self.at < text.len() && text[self.at].is_ascii_whitespace() {
            self.at += 1;
        }
        let start = self.at;
        let mut value = 0u64;
        // Fifteen digits cannot overflow, and are below 2^53.
        while self.at < text.len() && self.at - start < 15 && text[self.at].is_ascii_digit() {
            value = value * 10 + u64::from(text[self.at] - b'0');
            self.at += 1;
        }
        match text.get(self.at) {
            None if self.at == start => return Ok(None),
            None => return Ok(Some(Token::Whole(value))),
            Some(byte) if self.at > start && byte.is_ascii_whitespace() => return Ok(Some(Token::Whole(value))),
            Some(_) => {}
        }
        let end = text[start..].iter().position(u8::is_ascii_whitespace).map_or(text.len(), |length| start + length);
        self.at = end;
        match real(&text[start..end]) {
            Some(value) => Ok(Some(Token::Real(value))),
            None => Err(BadNumber { at: start, what: "a value is not a finite number" }),
        }
    }
}

/// The finite number that `token` spells.
fn real(token: &[u8]) -> Option<f64> {
    // Words such as "nan" and "inf" are numbers to Rust and not to us.
    if token.len() > 64 || !token.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E')) {
        return None;
    }
    std::str::from_utf8(token).ok()?.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// Collects channels, as counts for as long as they are whole.
pub(super) struct RowBuilder {
    counts: CountsWriter,
    reals: Option<Vec<f64>>,
}

impl RowBuilder {
    pub fn new() -> Self {
        Self { counts: CountsWriter::new(), reals: None }
    }

    pub fn push(&mut self, value: f64) -> Result<(), &'static str> {
        if value >= 0.0 && value <= carnet_protocol::spectrum::MAX_COUNT as f64 && value.fract() == 0.0 {
            return self.push_whole(value as u64);
        }
        if self.reals.is_none() {
            let counts = std::mem::take(&mut self.counts).finish(MAX_CHANNELS).map_err(|_| TOO_MANY)?;
            self.reals = Some(Row::Counts(counts).to_vec());
        }
        self.push_real(value)
    }

    pub fn push_whole(&mut self, value: u64) -> Result<(), &'static str> {
        if self.reals.is_some() {
            return self.push_real(value as f64);
        }
        self.counts.push(value);
        if self.counts.len() > u64::from(MAX_CHANNELS) { Err(TOO_MANY) } else { Ok(()) }
    }

    pub fn push_zeros(&mut self, run: u64) -> Result<(), &'static str> {
        match &mut self.reals {
            Some(reals) if run <= u64::from(MAX_CHANNELS) && reals.len() as u64 + run <= u64::from(MAX_CHANNELS) => {
                reals.resize(reals.len() + run as usize, 0.0);
                Ok(())
            }
            Some(_) => Err(TOO_MANY),
            None => {
                self.counts.push_zeros(run);
                if self.counts.len() > u64::from(MAX_CHANNELS) { Err(TOO_MANY) } else { Ok(()) }
            }
        }
    }

    fn push_real(&mut self, value: f64) -> Result<(), &'static str> {
        let reals = self.reals.get_or_insert_default();
        reals.push(value);
        if reals.len() > MAX_CHANNELS as usize { Err(TOO_MANY) } else { Ok(()) }
    }

    /// The row, if it has any channel.
    pub fn finish(self) -> Result<Option<Row>, &'static str> {
        let row = match self.reals {
            Some(reals) => Row::of(reals, MAX_CHANNELS).map_err(|_| TOO_MANY)?,
            None => Row::Counts(self.counts.finish(MAX_CHANNELS).map_err(|_| TOO_MANY)?),
        };
        Ok((!row.is_empty()).then_some(row))
    }
}

/// Said of a spectrum with more channels than the view takes.
pub(super) const TOO_MANY: &str = "a spectrum has more than 65536 channels";

/// The channels in `text`.
///
/// With `counted_zeroes`, a zero is followed by the number of zeros it stands for. As real files have it, a zero before another zero and
/// a zero at the end stand for themselves.
pub(super) fn channels(text: &[u8], counted_zeroes: bool) -> Result<Option<Row>, BadNumber> {
    match quick_channels(text, counted_zeroes) {
        Some(row) => Ok(row),
        None => careful_channels(text, counted_zeroes),
    }
}

/// The channels in `text` if they are whole numbers of few digits, few enough, and their zeroes counted in the ordinary way; nearly all
/// are. Nothing is said of what is wrong.
fn quick_channels(text: &[u8], counted_zeroes: bool) -> Option<Option<Row>> {
    let counts = if counted_zeroes {
        counted::channels(text)?
    } else {
        let mut counts = CountsWriter::new();
        whole_numbers(text, |value| counts.push(value))?;
        counts.finish(MAX_CHANNELS).ok()?
    };
    Some((!counts.is_empty()).then_some(Row::Counts(counts)))
}

fn careful_channels(text: &[u8], counted_zeroes: bool) -> Result<Option<Row>, BadNumber> {
    let mut tokens = Tokens { text, at: 0 };
    let mut row = RowBuilder::new();
    let mut zero_before = false;
    loop {
        let token = tokens.next()?;
        let fault = |what| BadNumber { at: tokens.at, what };
        let Some(token) = token else { break };
        let zero = matches!(token, Token::Whole(0) | Token::Real(0.0));
        if counted_zeroes && zero_before && !zero {
            let run = match token {
                Token::Whole(run) => run,
                Token::Real(run) if run >= 1.0 && run.fract() == 0.0 => run as u64,
                Token::Real(_) => return Err(fault("a number of zeros is not a whole number")),
            };
            row.push_zeros(run).map_err(fault)?;
            zero_before = false;
            continue;
        }
        if counted_zeroes && zero {
            if zero_before {
                row.push_whole(0).map_err(fault)?;
            }
            zero_before = true;
            continue;
        }
        match token {
            Token::Whole(value) => row.push_whole(value),
            Token::Real(value) => row.push(value),
        }
        .map_err(fault)?;
    }
    let fault = |what| BadNumber { at: text.len(), what };
    if zero_before {
        row.push_whole(0).map_err(fault)?;
    }
    row.finish().map_err(fault)
}

/// The numbers in `text`, at most `most` of them.
pub(super) fn numbers(text: &[u8], most: usize) -> Result<Vec<Real>, BadNumber> {
    let mut tokens = Tokens { text, at: 0 };
    let mut values = Vec::new();
    while let Some(token) = tokens.next()? {
        if values.len() == most {
            return Err(BadNumber { at: tokens.at, what: "a list has too many numbers" });
        }
        let value = match token {
            Token::Whole(value) => value as f64,
            Token::Real(value) => value,
        };
        // Tokens are finite.
        values.push(Real::new(value).unwrap_or_default());
    }
    Ok(values)
}

/// The one number in `text`, which a unit may follow.
pub(super) fn number(text: &[u8]) -> Option<Real> {
    let token = text.split(u8::is_ascii_whitespace).find(|token| !token.is_empty())?;
    real(token).and_then(Real::new)
}

/// Seconds of an ISO 8601 duration (`PT1M51.5S`) or of a plain number.
pub(super) fn seconds(text: &[u8]) -> Option<Real> {
    let text = text.trim_ascii();
    let Some(rest) = text.strip_prefix(b"P") else {
        return number(text).filter(|value| value.value() >= 0.0);
    };
    let (mut total, mut parts, mut in_time, mut start) = (0.0, 0, false, 0);
    for (at, byte) in rest.iter().enumerate() {
        let unit = match (byte, in_time) {
            (b'T', false) if start == at => {
                (in_time, start) = (true, at + 1);
                continue;
            }
            (b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E', _) => continue,
            (b'Y', false) => 31_557_600.0,
            (b'M', false) => 2_629_800.0,
            (b'D', false) => 86_400.0,
            (b'H', true) => 3600.0,
            (b'M', true) => 60.0,
            (b'S', true) => 1.0,
            _ => return None,
        };
        let value = real(&rest[start..at])?;
        total = if parts == 0 { value * unit } else { total + value * unit };
        (parts, start) = (parts + 1, at + 1);
    }
    // "PT1200.0" occurs: seconds without their letter.
    if in_time && start < rest.len() && parts == 0 {
        (total, parts, start) = (real(&rest[start..])?, 1, rest.len());
    }
    if parts == 0 || start != rest.len() || total < 0.0 {
        return None;
    }
    Real::new(total)
}

/// A point in time: milliseconds since the Unix epoch, and whether no zone was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub millis: i64,
    pub local: bool,
}

/// The time of a date and time of day, if there is such a date.
pub(super) fn moment(date: (i64, i64, i64), time: (i64, i64, f64), zone_minutes: Option<i64>) -> Option<Moment> {
    let ((year, month, day), (hour, minute, second)) = (date, time);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let in_month = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    let fits = (1800..=9999).contains(&year) && (1..=in_month).contains(&day) && (0..24).contains(&hour) && (0..60).contains(&minute);
    if !fits || !(0.0..61.0).contains(&second) {
        return None;
    }
    // Days since 1970-01-01 of the proleptic Gregorian calendar, the year counted from March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let minutes = days * 1440 + hour * 60 + minute - zone_minutes.unwrap_or(0);
    Some(Moment { millis: minutes * 60_000 + (second * 1000.0).round() as i64, local: zone_minutes.is_none() })
}

/// An ISO 8601 date and time, extended (`2010-01-24T00:08:24.078Z`) or basic (`20131226T211500`).
pub(super) fn iso_time(text: &[u8]) -> Option<Moment> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    let (date, time) = text.split_once(['T', ' '])?;
    let digits: Vec<i64> = if date.contains('-') {
        date.splitn(3, '-').map(|part| part.parse().ok()).collect::<Option<_>>()?
    } else {
        [date.get(..4)?, date.get(4..6)?, date.get(6..)?].iter().map(|part| part.parse().ok()).collect::<Option<_>>()?
    };
    let [year, month, day] = digits[..] else { return None };
    let time = time.trim();
    let (clock, zone) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => (&time[..at], Some(zone_minutes(&time[at..])?)),
        None => (time, None),
    };
    let (hour, minute, second) = if clock.contains(':') {
        let mut parts = clock.splitn(3, ':');
        (parts.next()?, parts.next()?, parts.next().unwrap_or("0"))
    } else {
        (clock.get(..2)?, clock.get(2..4)?, clock.get(4..).filter(|rest| !rest.is_empty()).unwrap_or("0"))
    };
    moment((year, month, day), (hour.parse().ok()?, minute.parse().ok()?, real(second.as_bytes())?), zone)
}

fn zone_minutes(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits: String = zone[1..].chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = (digits.get(..2)?, digits.get(2..).filter(|rest| !rest.is_empty()).unwrap_or("0"));
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && (0..60).contains(&minutes)).then_some(sign * (hours * 60 + minutes))
}

/// The number of an English month, by its first three letters.
pub(super) fn month(name: &[u8]) -> Option<i64> {
    let name = name.get(..3)?.to_ascii_lowercase();
    let months = [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
    months.iter().position(|month| name == month[..]).map(|at| at as i64 + 1)
}

/// A short text of the view: valid UTF-8, no control characters, single spaces at most where lines broke, cut to the view's limit. None if empty.
pub(super) fn short(text: &[u8]) -> Option<String> {
    let text = text.trim_ascii();
    let mut clean: String =
        String::from_utf8_lossy(&text[..text.len().min(MAX_TEXT)]).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    while clean.len() > MAX_TEXT {
        clean.pop();
    }
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    fn row(text: &str, counted: bool) -> Vec<f64> {
        channels(text.as_bytes(), counted).unwrap().map(|row| row.to_vec()).unwrap_or_default()
    }

    #[test]
    fn counted_zeroes_with_their_traps() {
        assert_eq!(row("22 5 0 1 2 1 0 2 3 4 0 8 1", true), [22., 5., 0., 2., 1., 0., 0., 3., 4., 0., 0., 0., 0., 0., 0., 0., 0., 1.]);
        assert_eq!(row("0 0 3 7", true), [0., 0., 0., 0., 7.], "a zero before a zero stands for itself");
        assert_eq!(row("7 0", true), [7., 0.], "so does a last one");
        assert_eq!(row("0 0", true), [0., 0.]);
        assert_eq!(row("0.0 2.0 1.05562e+06", true), [0., 0., 1_055_620.]);
        assert_eq!(row("0 3\n 1\t2.5 -1 0", false), [0., 3., 1., 2.5, -1., 0.]);
        assert_eq!(row("2.5 0 2", true), [2.5, 0., 0.]);
        assert!(row("  ", true).is_empty());
        for bad in ["0 2.5", "0 -3", "1 x", "nan", "inf", "1e999", "0 65537", "0 99999999999999", "0 1e300", "1,2", "12345678901234x"] {
            assert!(channels(bad.as_bytes(), true).is_err(), "{bad}");
        }
        assert_eq!(row("0 65536", true).len(), 65536);
        assert_eq!(row("123456789012345678", false), [123_456_789_012_345_678.0]);
    }

    proptest! {
        #[test]
        fn quick_and_careful_reading_agree(
            numbers in prop::collection::vec(prop_oneof![Just("0".to_owned()), Just("1.5".into()), "[0-9]{1,16}", Just("x".into())], 0..40),
            white in "[ \n\t]{1,2}",
            counted in any::<bool>(),
        ) {
            let text = numbers.join(&white);
            if let Some(row) = quick_channels(text.as_bytes(), counted) {
                prop_assert_eq!(careful_channels(text.as_bytes(), counted), Ok(row));
            }
        }
    }

    #[test]
    fn durations() {
        for (text, value) in [
            ("PT0.250S", 0.25),
            ("PT1M51.5S", 111.5),
            (" P1DT2H ", 93_600.0),
            ("296.5", 296.5),
            ("PT7200.000000S", 7200.0),
            ("PT1200.0", 1200.0),
        ] {
            assert_eq!(seconds(text.as_bytes()).unwrap().value(), value, "{text}");
        }
        for bad in ["", "PT", "P", "PTS", "P5", "PT-5", "PT-5S", "-3", "PT${x}S", "PT5H3", "PT1X"] {
            assert!(seconds(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn times() {
        let utc = |millis| Some(Moment { millis, local: false });
        assert_eq!(iso_time(b"2010-01-24T00:08:24.078Z"), utc(1_264_291_704_078));
        assert_eq!(iso_time(b"2010-01-23T17:08:24.078-07:00"), utc(1_264_291_704_078));
        assert_eq!(iso_time(b"1970-01-01T00:00:00Z"), utc(0));
        assert_eq!(iso_time(b"2020-02-29T00:00:00Z"), utc(1_582_934_400_000));
        assert_eq!(iso_time(b"20131226T211500"), Some(Moment { millis: 1_388_092_500_000, local: true }));
        for bad in ["", "2010", "2011-02-29T00:00:00Z", "2010-13-01T00:00:00Z", "2010-01-01T24:00:00Z", "x-y-zT1", "2010-01-01Té"] {
            assert_eq!(iso_time(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn short_texts_are_clean() {
        assert_eq!(short(b" a\nb \0 "), Some("a b".into()));
        assert_eq!(short(b"\xff"), Some("\u{fffd}".into()));
        assert_eq!(short(b" \n"), None);
        assert!(short(&[0xff; 5000]).unwrap().len() <= MAX_TEXT);
    }
}
