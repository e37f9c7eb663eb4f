//! Time zones by their IANA names, from data in the program, because the
//! runtime has none.

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// The time zone of a merchant that has not set one: WeChat's own times are
/// China's.
pub const USUAL: &str = "Asia/Shanghai";

/// The time zone with this name, in exactly this spelling.
pub fn find(name: &str) -> Option<TimeZone> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    (zone.iana_name() == Some(name)).then_some(zone)
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
}
