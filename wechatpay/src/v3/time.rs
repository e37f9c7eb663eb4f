//! Times in v3: RFC 3339, written in China time.
//!
//! ```text
//! 2018-06-08T10:34:56+08:00
//! 2018-06-08T02:34:56.123Z      read too; fractions of a second are cut off
//! ```

use crate::common::time as china;
use thiserror::Error;

const CHINA_OFFSET_MINUTES: i64 = 8 * 60;

/// The text is not a time in the form of RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a time is yyyy-MM-ddTHH:mm:ss with an offset like +08:00, and exists in the calendar")]
pub struct TimeError;

/// A time (Unix milliseconds) as WeChat writes it.
pub fn rfc3339(unix_ms: i64) -> String {
    china::china_spaced(unix_ms).replace(' ', "T") + "+08:00"
}

/// Reads a time to Unix milliseconds, with any offset.
pub fn parse_rfc3339(text: &str) -> Result<i64, TimeError> {
    let (moment, rest) = text.split_at_checked(19).ok_or(TimeError)?;
    let (day, of_day) = moment.split_once(['T', 't']).ok_or(TimeError)?;
    let local_ms = china::parse_china_spaced(&format!("{day} {of_day}")).map_err(|_| TimeError)?;
    let offset = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if offset.len() == fraction.len() {
                return Err(TimeError);
            }
            offset
        }
    };
    let minutes = offset_minutes(offset).ok_or(TimeError)?;
    Ok(local_ms + (CHINA_OFFSET_MINUTES - minutes) * 60_000)
}

fn offset_minutes(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let two_digits = |part: &str, below: i64| {
        let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        let number = part.parse::<i64>().ok().filter(|_| digits)?;
        (number < below).then_some(number)
    };
    Some(sign * (two_digits(hours, 24)? * 60 + two_digits(minutes, 60)?))
}
