//! The packages with which the payer's client starts the payment. Each dialect
//! signs them in its own way.

use serde::{Deserialize, Serialize};

/// The argument of `WeixinJSBridge` and `wx.requestPayment`. Serializes with
/// their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Jsapi {
    /// The application whose openid the prepayment was made for.
    pub app_id: String,
    /// Unix seconds, as a string.
    pub time_stamp: String,
    /// Unpredictable text.
    pub nonce_str: String,
    /// `prepay_id=…`.
    pub package: String,
    /// The request's sign type.
    pub sign_type: String,
    /// The signature over the five above.
    pub pay_sign: String,
}

/// The argument of WeChat's SDK in a mobile app. Serializes with its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// The application.
    pub appid: String,
    /// The merchant id.
    pub partnerid: String,
    /// The prepayment.
    pub prepayid: String,
    /// `Sign=WXPay`.
    pub package: String,
    /// Unpredictable text.
    pub noncestr: String,
    /// Unix seconds, as a string.
    pub timestamp: String,
    /// The signature over the six above.
    pub sign: String,
}

/// The value of an APP package's `package`. The v2 manual spells it
/// `Sign=WXPAY`; WeChat's SDK takes only this.
pub const APP_PACKAGE: &str = "Sign=WXPay";

impl Jsapi {
    /// The prepayment that `package` names.
    pub fn prepay_id(&self) -> Option<&str> {
        self.package
            .strip_prefix("prepay_id=")
            .filter(|id| !id.is_empty())
    }
}
