//! `pay_info`: the package that starts the payment, signed by WeChat for the
//! acquirer (iOnline description, sections 2.1 and 2.2).
//!
//! ```text
//! "pay_info": "{\"appId\":\"wx…\",\"timeStamp\":\"1395712654\",\"nonceStr\":\"…\",
//!               \"package\":\"prepay_id=…\",\"signType\":\"MD5\",\"paySign\":\"…\"}"
//! ```
//!
//! The key of `paySign` is the acquirer's, so it cannot be verified here; a
//! package whose form WeChat would refuse is refused before it reaches a page.
//! Members other than the six are dropped. The manual's own sample has a space
//! before the digits of `timeStamp`, which is kept, because `paySign` covers
//! it.

use crate::common::invoke::Jsapi;
use crate::common::json::{Document, JsonError};
use serde_json::{Value, json};
use thiserror::Error;

/// Why a `pay_info` must not reach a page. Reads as the end of a sentence
/// that begins with `pay_info`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PayInfoError {
    /// Not a JSON object whose names occur once.
    #[error("cannot be read: {0}")]
    Malformed(#[from] JsonError),
    /// One of the six is not there.
    #[error("has no {field}")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// One of the six is not a string: iOS fails on a number.
    #[error("has a {field} that is not a string")]
    NotAString {
        /// Its name.
        field: &'static str,
    },
    /// One of the six is empty.
    #[error("has an empty {field}")]
    Empty {
        /// Its name.
        field: &'static str,
    },
    /// `appId` is not the request's `sub_appid`, which the openid belongs to.
    #[error("is for another application")]
    OtherApp,
    /// `timeStamp` is not decimal digits, with or without spaces before them.
    #[error("has a timeStamp that is not Unix seconds")]
    BadTimeStamp,
    /// `package` is not `prepay_id=…`.
    #[error("has a package that is not prepay_id=…")]
    BadPackage,
    /// `signType` is not one of WeChat's.
    #[error("has a signType that WeChat does not have")]
    UnknownSignType,
}

/// WeChat's sign types of a package.
pub const SIGN_TYPES: [&str; 3] = ["MD5", "HMAC-SHA256", "RSA"];

/// Whether `pay_info` names its application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AppId {
    /// `WeixinJSBridge` requires it.
    Required,
    /// `wx.requestPayment` has its own.
    Optional,
}

/// Reads and checks a package for the application `sub_appid`.
pub(crate) fn read(pay_info: &str, sub_appid: &str, app_id: AppId) -> Result<Jsapi, PayInfoError> {
    let members = Document::parse(pay_info.as_bytes())?.into_fields();
    let text = |field: &'static str| match members.get(field) {
        None => Err(PayInfoError::Missing { field }),
        Some(Value::String(text)) if text.is_empty() => Err(PayInfoError::Empty { field }),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(PayInfoError::NotAString { field }),
    };
    let package = Jsapi {
        app_id: match text("appId") {
            Err(PayInfoError::Missing { .. }) if app_id == AppId::Optional => sub_appid.to_owned(),
            given => given?,
        },
        time_stamp: text("timeStamp")?,
        nonce_str: text("nonceStr")?,
        package: text("package")?,
        sign_type: text("signType")?,
        pay_sign: text("paySign")?,
    };
    if package.app_id != sub_appid {
        Err(PayInfoError::OtherApp)
    } else if !is_time_stamp(&package.time_stamp) {
        Err(PayInfoError::BadTimeStamp)
    } else if package.prepay_id().is_none() {
        Err(PayInfoError::BadPackage)
    } else if !SIGN_TYPES.contains(&package.sign_type.as_str()) {
        Err(PayInfoError::UnknownSignType)
    } else {
        Ok(package)
    }
}

fn is_time_stamp(text: &str) -> bool {
    let digits = text.trim_start_matches(' ');
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// The package as text, with all six members.
pub(crate) fn write(package: &Jsapi) -> String {
    json!({
        "appId": package.app_id,
        "timeStamp": package.time_stamp,
        "nonceStr": package.nonce_str,
        "package": package.package,
        "signType": package.sign_type,
        "paySign": package.pay_sign,
    })
    .to_string()
}
