//! The dialect in which an order was made. It decides the form, the schedule
//! and the acknowledgement of the order's notices.

use serde::{Deserialize, Serialize};
use wechatpay::common::SignType;
use wechatpay::ionline;
use wechatpay::v2;
use wechatpay::v3;

/// How long the notices of v2 orders are repeated. Tencent's v2 pages differ:
/// the manual of this API (section 9.7) and the current pages for mainland
/// merchants, which have APIv3's schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoticeSchedule {
    /// 15 s … 1 h, in all 3 h 4 min.
    #[default]
    Manual,
    /// 15 s … 6 h, in all 24 h 4 min.
    Day,
}

impl NoticeSchedule {
    pub(crate) const ALL: [Self; 2] = [Self::Manual, Self::Day];

    /// The name in control calls.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Day => "day",
        }
    }
}

/// How the order was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "dialect")]
pub(crate) enum Dialect {
    /// WeChat Pay v2, with this sign type.
    V2 { sign_type: SignType },
    /// APIv3 for merchants outside of mainland China.
    V3Global,
    /// APIv3 for merchants in mainland China.
    V3Mainland,
    /// iOnline.
    Ionline,
}

impl Dialect {
    /// The name in control calls.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::V2 { .. } => "v2",
            Self::V3Global => "v3-global",
            Self::V3Mainland => "v3-mainland",
            Self::Ionline => "ionline",
        }
    }

    /// The required `signType` of a payment package for such an order. iOnline
    /// signs its packages itself, with MD5.
    pub(crate) const fn package_sign_type(self) -> &'static str {
        match self {
            Self::V2 { sign_type } => sign_type.as_str(),
            Self::V3Global | Self::V3Mainland => v3::invoke::SIGN_TYPE,
            Self::Ionline => SignType::Md5.as_str(),
        }
    }

    /// The pauses between a notice's attempts. There is one attempt more than
    /// there are pauses. The merchant's `schedule` is for v2.
    pub(crate) const fn retry_seconds(self, schedule: NoticeSchedule) -> &'static [u32] {
        match self {
            Self::V2 { .. } => match schedule {
                NoticeSchedule::Manual => &v2::notify::RETRY_SECONDS,
                NoticeSchedule::Day => &v3::notify::RETRY_SECONDS,
            },
            Self::V3Global | Self::V3Mainland => &v3::notify::RETRY_SECONDS,
            Self::Ionline => &ionline::notify::RETRY_SECONDS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: Dialect = Dialect::V2 {
        sign_type: SignType::Md5,
    };

    #[test]
    fn notices_are_repeated_for_the_documented_time() {
        let sum =
            |dialect: Dialect, schedule| -> u32 { dialect.retry_seconds(schedule).iter().sum() };
        assert_eq!(sum(V2, NoticeSchedule::Manual), 11_040);
        assert_eq!(sum(V2, NoticeSchedule::Day), 24 * 3600 + 4 * 60);
        for schedule in NoticeSchedule::ALL {
            assert_eq!(sum(Dialect::V3Global, schedule), 24 * 3600 + 4 * 60);
            assert_eq!(sum(Dialect::Ionline, schedule), 3 * 3600);
        }
    }
}
