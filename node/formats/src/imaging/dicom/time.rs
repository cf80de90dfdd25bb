//! DICOM dates and times (PS3.5 6.2: DA, TM, DT) to seconds since the Unix epoch.

use super::super::Acquired;

/// `date` is `YYYYMMDD`, `time` is `HH`, `HHMM` or `HHMMSS` and may go on with a fraction, which is dropped; `zone`
/// is `+HHMM` or `-HHMM`. None if any of it is no such thing.
pub(crate) fn seconds(date: &str, time: &str, zone: Option<&str>) -> Option<Acquired> {
    let number = |text: &str| -> Option<u8> { text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten() };
    let year = i32::from(number(date.get(..2)?)?) * 100 + i32::from(number(date.get(2..4)?)?);
    let month = time::Month::try_from(number(date.get(4..6)?)?).ok()?;
    let day = number(date.get(6..8)?)?;
    let date = time::Date::from_calendar_date(year, month, day).ok()?;
    // A leap second is the second before it.
    let part = |from: usize| time.get(from..from + 2).map_or(Some(0), number);
    let clock = time::Time::from_hms(part(0)?, part(2)?, part(4)?.min(59)).ok()?;
    let local = time::PrimitiveDateTime::new(date, clock).assume_utc().unix_timestamp();
    let offset = zone.map(|zone| {
        let (sign, digits) = match zone.split_at_checked(1)? {
            ("+", digits) => (1, digits),
            ("-", digits) => (-1, digits),
            _ => return None,
        };
        let (hours, minutes) = (number(digits.get(..2)?)?, number(digits.get(2..4)?)?);
        Some(sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
    });
    let offset = offset.flatten();
    Some(Acquired { seconds: local - offset.unwrap_or(0), zone_known: offset.is_some() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_files_hold() {
        let at = |seconds, zone_known| Some(Acquired { seconds, zone_known });
        assert_eq!(seconds("19700102", "000001", None), at(86401, false));
        assert_eq!(seconds("20040826", "185059.000000", Some("-0400")), at(1_093_560_659, true));
        assert_eq!(seconds("20101005", "12", Some("+0130")), at(1_286_274_600, true));
        assert_eq!(seconds("20101005", "120060", None), at(1_286_280_059, false));
        for (date, time) in [("20101305", "12"), ("2010", "12"), ("20100230", "1"), ("20101005", "25"), ("é0101005", "")] {
            let result = seconds(date, time, None);
            assert!(result.is_none() || time.len() < 2, "{date} {time}");
        }
    }
}
