//! The packages with which the payer's client starts the payment.
//!
//! ```text
//! JSAPI, Mini Program  appId\ntimeStamp\nnonceStr\nprepay_id=…\n     paySign, signType RSA
//! APP                  appid\ntimestamp\nnoncestr\nprepayid\n         sign
//! ```
//!
//! Signed with the merchant's private key. `signType` itself is not signed. The
//! packages are those of v2; in APP's, `package` is `Sign=WXPay` here too.

use crate::common::invoke::{APP_PACKAGE, App, Jsapi};

use crate::rsa::{PrivateKey, PublicKey, Rsa, RsaError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The `signType` of a JSAPI package.
pub const SIGN_TYPE: &str = "RSA";

/// The text that `paySign` signs.
pub fn jsapi_message(appid: &str, time_stamp: &str, nonce_str: &str, package: &str) -> Vec<u8> {
    format!("{appid}\n{time_stamp}\n{nonce_str}\n{package}\n").into_bytes()
}

/// The text that an APP package's `sign` signs.
pub fn app_message(appid: &str, timestamp: &str, noncestr: &str, prepayid: &str) -> Vec<u8> {
    format!("{appid}\n{timestamp}\n{noncestr}\n{prepayid}\n").into_bytes()
}

/// Signs the package that starts a JSAPI payment. `appid` is
/// [`payer_appid`](order::Account::payer_appid).
pub async fn jsapi(
    appid: &str,
    prepay_id: &str,
    timestamp_s: i64,
    nonce_str: &str,
    key: &PrivateKey,
    rsa: &impl Rsa,
) -> Result<Jsapi, RsaError> {
    let time_stamp = timestamp_s.to_string();
    let package = format!("prepay_id={prepay_id}");
    let message = jsapi_message(appid, &time_stamp, nonce_str, &package);
    Ok(Jsapi {
        app_id: appid.to_owned(),
        time_stamp,
        nonce_str: nonce_str.to_owned(),
        package,
        sign_type: SIGN_TYPE.to_owned(),
        pay_sign: BASE64.encode(rsa.rsa_sign(key, &message).await?),
    })
}

/// Signs the package that starts an APP payment. `mchid` is the merchant's, or
/// the sub-merchant's where there is one.
pub async fn app(
    appid: &str,
    mchid: &str,
    prepay_id: &str,
    timestamp_s: i64,
    nonce_str: &str,
    key: &PrivateKey,
    rsa: &impl Rsa,
) -> Result<App, RsaError> {
    let timestamp = timestamp_s.to_string();
    let message = app_message(appid, &timestamp, nonce_str, prepay_id);
    Ok(App {
        appid: appid.to_owned(),
        partnerid: mchid.to_owned(),
        prepayid: prepay_id.to_owned(),
        package: APP_PACKAGE.to_owned(),
        noncestr: nonce_str.to_owned(),
        timestamp,
        sign: BASE64.encode(rsa.rsa_sign(key, &message).await?),
    })
}

/// Checks a JSAPI package as WeChat does.
pub async fn verify_jsapi(
    package: &Jsapi,
    key: &PublicKey,
    rsa: &impl Rsa,
) -> Result<bool, RsaError> {
    let message = jsapi_message(
        &package.app_id,
        &package.time_stamp,
        &package.nonce_str,
        &package.package,
    );
    if package.sign_type != SIGN_TYPE {
        return Ok(false);
    }
    match BASE64.decode(&package.pay_sign) {
        Ok(signature) => rsa.rsa_verify(key, &message, &signature).await,
        Err(_) => Ok(false),
    }
}

/// Checks an APP package as WeChat does.
pub async fn verify_app(package: &App, key: &PublicKey, rsa: &impl Rsa) -> Result<bool, RsaError> {
    let message = app_message(
        &package.appid,
        &package.timestamp,
        &package.noncestr,
        &package.prepayid,
    );
    match BASE64.decode(&package.sign) {
        Ok(signature) if package.package == APP_PACKAGE => {
            rsa.rsa_verify(key, &message, &signature).await
        }
        _ => Ok(false),
    }
}
