//! The packages with which the payer's client starts the payment.
//!
//! ```text
//! JSAPI, Mini Program  appId timeStamp nonceStr package=prepay_id=… signType paySign
//!                      paySign signs the other five       (WeChat Pay v2 manual, section 7.7)
//! APP                  appid partnerid prepayid package=Sign=WXPay noncestr timestamp sign
//!                      sign signs the other six           (WeChat Pay v2 manual, section 8.5)
//! ```
//!
//! Names are case-sensitive, and every value is a string: iOS fails on a
//! `timeStamp` that is a number.

use crate::Secret;
use crate::common::invoke::{APP_PACKAGE, App, Jsapi};
use crate::common::sign::same;
use crate::common::{Fields, SignError, SignType};

/// Signs the package that starts a JSAPI payment. `appid` is
/// [`payer_appid`](order::Account::payer_appid); `sign_type` is the
/// prepayment's.
pub fn jsapi(
    appid: &str,
    prepay_id: &str,
    timestamp_s: i64,
    nonce_str: &str,
    key: &Secret,
    sign_type: SignType,
) -> Jsapi {
    let mut package = Jsapi {
        app_id: appid.to_owned(),
        time_stamp: timestamp_s.to_string(),
        nonce_str: nonce_str.to_owned(),
        package: format!("prepay_id={prepay_id}"),
        sign_type: sign_type.as_str().to_owned(),
        pay_sign: String::new(),
    };
    package.pay_sign = package.signed_fields().sign(key, sign_type);
    package
}

/// Signs the package that starts an APP payment. `sign_type` is the
/// prepayment's; the package does not carry it.
pub fn app(
    appid: &str,
    mch_id: &str,
    prepay_id: &str,
    timestamp_s: i64,
    nonce_str: &str,
    key: &Secret,
    sign_type: SignType,
) -> App {
    let mut package = App {
        appid: appid.to_owned(),
        partnerid: mch_id.to_owned(),
        prepayid: prepay_id.to_owned(),
        package: APP_PACKAGE.to_owned(),
        noncestr: nonce_str.to_owned(),
        timestamp: timestamp_s.to_string(),
        sign: String::new(),
    };
    package.sign = package.signed_fields().sign(key, sign_type);
    package
}

impl Jsapi {
    /// Checks `paySign` by the package's own `signType`, as WeChat does; a
    /// type that v2 does not have is [`SignError::WrongType`].
    pub fn verify(&self, key: &Secret) -> Result<(), SignError> {
        let sign_type = SignType::parse(&self.sign_type).ok_or(SignError::WrongType)?;
        compare(&self.pay_sign, &self.signed_fields().sign(key, sign_type))
    }

    fn signed_fields(&self) -> Fields {
        Fields::new()
            .with("appId", self.app_id.as_str())
            .with("timeStamp", self.time_stamp.as_str())
            .with("nonceStr", self.nonce_str.as_str())
            .with("package", self.package.as_str())
            .with("signType", self.sign_type.as_str())
    }
}

impl App {
    /// Checks `sign` by the prepayment's sign type.
    pub fn verify(&self, key: &Secret, sign_type: SignType) -> Result<(), SignError> {
        compare(&self.sign, &self.signed_fields().sign(key, sign_type))
    }

    fn signed_fields(&self) -> Fields {
        Fields::new()
            .with("appid", self.appid.as_str())
            .with("partnerid", self.partnerid.as_str())
            .with("prepayid", self.prepayid.as_str())
            .with("package", self.package.as_str())
            .with("noncestr", self.noncestr.as_str())
            .with("timestamp", self.timestamp.as_str())
    }
}

fn compare(given: &str, computed: &str) -> Result<(), SignError> {
    if given.is_empty() {
        Err(SignError::Missing)
    } else if same(given, computed) {
        Ok(())
    } else {
        Err(SignError::Mismatch)
    }
}
