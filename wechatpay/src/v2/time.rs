//! WeChat's clock: China Standard Time (UTC+8, no summer time), written as
//!
//! ```text
//! 20091225091010      25 December 2009, 09:10:10
//! yyyyMMddHHmmss
//! ```
//!
//! Seed 002, section 4.2 (3).

use thiserror::Error;

const CHINA_OFFSET_SECONDS: i64 = 8 * 3600;
const DAY_SECONDS: i64 = 86_400;
/// `00000101000000` and `99991231235959`, China time, as Unix seconds.
const FIRST_SECOND: i64 = -62_167_219_200 - CHINA_OFFSET_SECONDS;
const LAST_SECOND: i64 = 253_402_300_799 - CHINA_OFFSET_SECONDS;

/// The text is not a moment in the form `yyyyMMddHHmmss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a time is 14 digits, yyyyMMddHHmmss, and exists in the calendar")]
pub struct TimeError;

/// A moment (Unix time in milliseconds) as WeChat writes it; parts of a second
/// are cut off. A year that four digits cannot hold is pinned to the nearest
/// that they can.
pub fn china(unix_ms: i64) -> String {
    let unix_seconds = unix_ms.div_euclid(1000).clamp(FIRST_SECOND, LAST_SECOND);
    let seconds = unix_seconds + CHINA_OFFSET_SECONDS;
    let (year, month, day) = date_of(seconds.div_euclid(DAY_SECONDS));
    let of_day = seconds.rem_euclid(DAY_SECONDS);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
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
    // A month of 13 or a 30 February comes back as another date.
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
    fn times_go_both_ways() {
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
    fn every_day_of_four_centuries_goes_both_ways() {
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
    fn what_is_no_time_is_refused() {
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
