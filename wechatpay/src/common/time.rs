//! WeChat's clock: China Standard Time (UTC+8, no summer time), written as
//!
//! ```text
//! 20091225091010        25 December 2009, 09:10:10
//! yyyyMMddHHmmss
//! 2009-12-25 09:10:10   the same, in refunds and statements
//! 20091225              the whole day
//! yyyyMMdd
//! ```
//!
//! WeChat Pay v2 manual, section 4.2 (3).

use std::fmt;
use thiserror::Error;

const CHINA_OFFSET_SECONDS: i64 = 8 * 3600;
const DAY_SECONDS: i64 = 86_400;
/// `00000101000000` and `99991231235959`, China time, as Unix seconds.
const FIRST_SECOND: i64 = -62_167_219_200 - CHINA_OFFSET_SECONDS;
const LAST_SECOND: i64 = 253_402_300_799 - CHINA_OFFSET_SECONDS;
/// A day's statement is available from 10:00 on the next day (9.6, S1).
const STATEMENT_READY_SECONDS: i64 = DAY_SECONDS + 10 * 3600;

/// The text is not a time in the form `yyyyMMddHHmmss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a time is 14 digits, yyyyMMddHHmmss, and exists in the calendar")]
pub struct TimeError;

/// The text is not a day in the form `yyyyMMdd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a date is 8 digits, yyyyMMdd, and exists in the calendar")]
pub struct DateError;

/// A day in China: from midnight to midnight, UTC+8. Displays as `yyyyMMdd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    days: i64,
}

impl Date {
    /// The day in China of a time in Unix milliseconds. A year that needs more
    /// than four digits is limited, as [`china`] does.
    pub fn of(unix_ms: i64) -> Self {
        let unix_seconds = unix_ms.div_euclid(1000).clamp(FIRST_SECOND, LAST_SECOND);
        let days = (unix_seconds + CHINA_OFFSET_SECONDS).div_euclid(DAY_SECONDS);
        Self { days }
    }

    /// Reads `yyyyMMdd`.
    pub fn parse(text: &str) -> Result<Self, DateError> {
        if text.len() != 8 {
            return Err(DateError);
        }
        let midnight_ms = parse_china(&format!("{text}000000")).map_err(|_| DateError)?;
        Ok(Self::of(midnight_ms))
    }

    /// The day's first moment, Unix milliseconds.
    pub const fn start_ms(self) -> i64 {
        (self.days * DAY_SECONDS - CHINA_OFFSET_SECONDS) * 1000
    }

    /// The next day's first moment, Unix milliseconds.
    pub const fn end_ms(self) -> i64 {
        self.start_ms() + DAY_SECONDS * 1000
    }

    /// When the day's statement is ready: 10:00 on the next day (S1). Unix
    /// milliseconds.
    pub const fn statement_ready_ms(self) -> i64 {
        self.start_ms() + STATEMENT_READY_SECONDS * 1000
    }

    /// The day before; the first day of the year 0 has none and is its own.
    #[must_use]
    pub fn previous(self) -> Self {
        Self::of(self.start_ms() - 1)
    }

    /// The day after; the last day of the year 9999 has none and is its own.
    #[must_use]
    pub fn next(self) -> Self {
        Self::of(self.end_ms())
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of(self.days);
        write!(f, "{year:04}{month:02}{day:02}")
    }
}

/// A time (Unix milliseconds) as WeChat writes it; fractions of a second are
/// cut off. A year that needs more than four digits is limited to the nearest
/// that does not.
pub fn china(unix_ms: i64) -> String {
    let (year, month, day, of_day) = parts_of(unix_ms);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// Year, month and day in China, and the second of the day.
fn parts_of(unix_ms: i64) -> (i64, i64, i64, i64) {
    let unix_seconds = unix_ms.div_euclid(1000).clamp(FIRST_SECOND, LAST_SECOND);
    let seconds = unix_seconds + CHINA_OFFSET_SECONDS;
    let (year, month, day) = date_of(seconds.div_euclid(DAY_SECONDS));
    (year, month, day, seconds.rem_euclid(DAY_SECONDS))
}

/// [`china`] in the form that refunds and statements use,
/// `yyyy-MM-dd HH:mm:ss`.
pub fn china_spaced(unix_ms: i64) -> String {
    let (year, month, day, of_day) = parts_of(unix_ms);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// Reads `yyyy-MM-dd HH:mm:ss` in China time to Unix time in milliseconds.
pub fn parse_china_spaced(text: &str) -> Result<i64, TimeError> {
    let marks = [(4, b'-'), (7, b'-'), (10, b' '), (13, b':'), (16, b':')];
    let bytes = text.as_bytes();
    if bytes.len() != 19 || marks.iter().any(|(at, mark)| bytes.get(*at) != Some(mark)) {
        return Err(TimeError);
    }
    let digits: String = text.split(['-', ' ', ':']).collect();
    parse_china(&digits)
}

/// Reads `yyyyMMddHHmmss` in China time to Unix time in milliseconds.
pub fn parse_china(text: &str) -> Result<i64, TimeError> {
    if text.len() != 14 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(TimeError);
    }
    let part = |from: usize, to: usize| -> Result<i64, TimeError> {
        text.get(from..to)
            .and_then(|digits| digits.parse().ok())
            .ok_or(TimeError)
    };
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    if hour > 23 || minute > 59 || second > 59 {
        return Err(TimeError);
    }
    let days = days_of(year, month, day);
    // A month of 13 or a 30 February gives another date.
    if date_of(days) != (year, month, day) {
        return Err(TimeError);
    }
    let seconds = days * DAY_SECONDS + hour * 3600 + minute * 60 + second;
    Ok((seconds - CHINA_OFFSET_SECONDS) * 1000)
}

/// Days since 1970-01-01. Years are counted from March, so that the leap day
/// is the last of the year, and in eras of 400 years, which all have the same
/// number of days.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days_of`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let of_year = day_of_era - (365 * of_era + of_era / 4 - of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_round_trip() {
        for (unix_ms, text) in [
            (0, "19700101080000"),
            (-1, "19700101075959"),
            // The manual's own example, 9.1.
            (1_261_703_410_000, "20091225091010"),
            // 4.2 (3): midnight in London is eight in the morning in Beijing.
            (1_415_664_000_000, "20141111080000"),
            (951_753_600_000, "20000229000000"),
            (4_107_513_599_000, "21000228235959"),
        ] {
            assert_eq!(china(unix_ms), text);
            assert_eq!(
                parse_china(text),
                Ok(unix_ms.div_euclid(1000) * 1000),
                "{text}"
            );
        }
    }

    #[test]
    fn spaced_times_round_trip() {
        // The manual's own example, 9.5.
        let text = "2016-07-25 15:26:26";
        assert_eq!(parse_china_spaced(text), parse_china("20160725152626"));
        assert_eq!(china_spaced(parse_china_spaced(text).unwrap()), text);
        for text in [
            "",
            "2016-07-25",
            "2016-07-25T15:26:26",
            "2016-7-25 15:26:260",
            "2016-02-30 15:26:26",
            "2016-07-25 15:26:2é",
            "20160725-15:26:26 -",
            "2016--7-25 15:26:26",
        ] {
            assert_eq!(parse_china_spaced(text), Err(TimeError), "{text}");
        }
    }

    /// 4.2 (3) and S1: a day is a day in China, and its statement is ready at
    /// ten on the next.
    #[test]
    fn a_day_begins_and_ends_at_midnight_in_china() {
        let day = Date::parse("20141111").unwrap();
        assert_eq!(day.to_string(), "20141111");
        assert_eq!(china(day.start_ms()), "20141111000000");
        assert_eq!(china(day.end_ms()), "20141112000000");
        assert_eq!(china(day.statement_ready_ms()), "20141112100000");
        for (unix_ms, expect) in [
            (day.start_ms() - 1, day.previous()),
            (day.start_ms(), day),
            (day.end_ms() - 1, day),
            (day.end_ms(), day.next()),
        ] {
            assert_eq!(Date::of(unix_ms), expect);
        }
        assert_eq!(Date::of(i64::MIN).to_string(), "00000101");
        assert_eq!(Date::of(i64::MAX).to_string(), "99991231");
        assert_eq!(Date::of(i64::MAX).next(), Date::of(i64::MAX));
        for text in ["", "2014111", "201411111", "2014-1-1", "20140230", "２０"] {
            assert_eq!(Date::parse(text), Err(DateError), "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_round_trips() {
        for day in 0..146_097 {
            let unix_ms = day * DAY_SECONDS * 1000;
            assert_eq!(parse_china(&china(unix_ms)), Ok(unix_ms));
        }
    }

    #[test]
    fn years_beyond_four_digits_are_pinned() {
        assert_eq!(china(i64::MIN), "00000101000000");
        assert_eq!(china(i64::MAX), "99991231235959");
    }

    #[test]
    fn malformed_times_are_refused() {
        for text in [
            "",
            "2009122509101",
            "200912250910100",
            "2009-12-25 0910",
            "20091325091010",
            "20090025091010",
            "20090230091010",
            "20090200091010",
            "21000229000000",
            "20091225241010",
            "20091225096010",
            "20091225091060",
            "+2009122509101",
            "２００９１",
        ] {
            assert_eq!(parse_china(text), Err(TimeError), "{text}");
        }
    }
}
