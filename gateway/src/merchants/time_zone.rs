//! Time zones by their IANA names, from data in the program, because the
//! runtime has none.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// The time zone of a merchant that has not set one: WeChat's own times are
/// China's.
pub const USUAL: &str = "Asia/Shanghai";

/// The time zone with this name, in exactly this spelling.
pub fn find(name: &str) -> Option<TimeZone> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    (zone.iana_name() == Some(name)).then_some(zone)
}

/// The day of this moment in the time zone with this name, and when it began, Unix
/// milliseconds.
pub fn today(name: &str, now_ms: i64) -> Option<(String, i64)> {
    let now = Timestamp::from_millisecond(now_ms).ok()?;
    let day = now.to_zoned(find(name)?).start_of_day().ok()?;
    Some((day.date().to_string(), day.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_zone_is_known_by_its_exact_name() {
        for name in [
            "Asia/Shanghai",
            "Asia/Hong_Kong",
            "America/New_York",
            "Asia/Kathmandu",
            "UTC",
        ] {
            assert!(find(name).is_some(), "{name}");
        }
        for name in [
            "",
            "asia/shanghai",
            "Asia/Nowhere",
            "+08:00",
            "../etc/passwd",
            "Local",
        ] {
            assert!(find(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_of_its_time_zone() {
        // 2026-03-08 07:30 UTC: in New York before the clocks go forward.
        let now_ms = 1_772_955_000_000;
        for (zone, day, begun_minutes_ago) in [
            ("UTC", "2026-03-08", 450),
            ("Asia/Shanghai", "2026-03-08", 930),
            ("America/New_York", "2026-03-08", 150),
        ] {
            let (found, from_ms) = today(zone, now_ms).unwrap();
            assert_eq!(found, day, "{zone}");
            assert_eq!(now_ms - from_ms, begun_minutes_ago * 60_000);
        }
        assert_eq!(today("Asia/Nowhere", now_ms), None);
    }
}
