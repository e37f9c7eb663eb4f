//! Common parts of prepayments: the payer, the address of the notice, and how
//! long a prepayment can be used.

use super::field::{FieldError, Problem, Text};
use order::Account;

/// How long `prepay_id` and `code_url` can be used: 2 hours.
pub const PREPAY_SECONDS: i64 = 2 * 3600;

/// How long `mweb_url` can be used: 5 minutes.
pub const MWEB_URL_SECONDS: i64 = 5 * 60;

/// The payer of a JSAPI payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payer {
    /// `openid`, under the account's `appid`.
    Openid(Text<128>),
    /// `sub_openid`, under the account's `sub_appid`.
    SubOpenid(Text<128>),
}

/// An absolute `http` or `https` URL of at most 256 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyUrl(Text<256>);

impl NotifyUrl {
    /// Checks a URL. A query is accepted, because WeChat accepts it; v2's
    /// unified order has a warning for it.
    pub fn new(url: &str) -> Result<Self, FieldError> {
        let text = Text::new("notify_url", url)?;
        let rest = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"))
            .ok_or(Problem::BadFormat.of("notify_url"))?;
        let has_host = !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':']);
        if has_host && url.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err(Problem::BadFormat.of("notify_url"))
        }
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Payer {
    /// The payer of an `account`, by the `openid` that belongs to its
    /// [`payer_appid`](Account::payer_appid): with a `sub_appid` that is the
    /// `sub_openid`.
    pub fn of(account: &Account, openid: &str) -> Result<Self, FieldError> {
        match account.sub_appid {
            None => Text::new("openid", openid).map(Self::Openid),
            Some(_) => Text::new("sub_openid", openid).map(Self::SubOpenid),
        }
    }

    /// The openid itself.
    pub fn openid(&self) -> &str {
        match self {
            Self::Openid(openid) | Self::SubOpenid(openid) => openid.as_str(),
        }
    }
}
