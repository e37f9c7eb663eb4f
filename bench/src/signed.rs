//! WeChat's signed documents, as WeChat writes them: the answer to a unified
//! order of v2 and its notice, and what the stub signs for APIv3.
//!
//! Implemented here, without crate `wechatpay`: a signature of an independent implementation shows that the gateway
//! verifies it.

use md5::{Digest, Md5};
use serde_json::{Value, json};

/// The merchant's appid.
pub const APPID: &str = "wx5a11d0b0c0ffee01";
/// The merchant's number at WeChat.
pub const MCH_ID: &str = "1900000109";
/// The key with which the merchant and WeChat sign in v2.
pub const KEY: &str = "weceive-bench-key-00000000000001";
/// The key with which notices of APIv3 are encrypted.
pub const APIV3_KEY: &str = "weceive-bench-apiv3-key-00000001";
/// The serial number of the certificate of [`PRIVATE_KEY`]. No one asks for the
/// certificate.
pub const SERIAL_NO: &str = "5A11D0B0C0FFEE01";
/// The key with which the merchant signs in APIv3.
pub const PRIVATE_KEY: &str = include_str!("../../sandbox/src/keys/merchant_1900000109.key.pem");
/// The name of the key with which the stub signs.
pub const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000001092024110100000000";
/// The public half of that key.
pub const PUBLIC_KEY: &str = include_str!("../../sandbox/src/keys/public_key.pub.pem");
/// The key with which the stub signs.
pub const STUB_KEY: &str = include_str!("../../sandbox/src/keys/public_key.key.pem");
/// The payer.
pub const OPENID: &str = "oBench6rLq0Tz9Xw3uVb5Nc8YdKf";
/// The amount, in cents.
pub const TOTAL_FEE: &str = "8800";
/// The merchant's currency.
pub const FEE_TYPE: &str = "HKD";

/// The answer to every unified order by JSAPI. Of the order it repeats only the
/// merchant.
#[must_use]
pub fn prepaid() -> String {
    document(&[
        ("return_code", "SUCCESS"),
        ("return_msg", "OK"),
        ("appid", APPID),
        ("mch_id", MCH_ID),
        ("nonce_str", "IITRi8Iabbblz1Jc7YqXw2Kd3Lm4Np5Q"),
        ("result_code", "SUCCESS"),
        ("trade_type", "JSAPI"),
        ("prepay_id", "wx2018032814031291ad3ec6a30612345678"),
    ])
}

/// The notice that the order with this number was paid.
#[must_use]
pub fn notice(out_trade_no: &str) -> String {
    document(&[
        ("return_code", "SUCCESS"),
        ("appid", APPID),
        ("mch_id", MCH_ID),
        ("nonce_str", "5d2b6c2a8db53831f7eda20af46e531c"),
        ("result_code", "SUCCESS"),
        ("openid", OPENID),
        ("is_subscribe", "N"),
        ("trade_type", "JSAPI"),
        ("bank_type", "CFT"),
        ("total_fee", TOTAL_FEE),
        ("fee_type", FEE_TYPE),
        ("cash_fee", TOTAL_FEE),
        ("cash_fee_type", FEE_TYPE),
        ("transaction_id", &format!("4200{out_trade_no}")),
        ("out_trade_no", out_trade_no),
        ("time_end", "20260401120000"),
    ])
}

/// The content of APIv3's notice that the order with this number was paid, for
/// the stub to encrypt and sign.
#[must_use]
pub fn transaction(out_trade_no: &str) -> Value {
    let total: i64 = TOTAL_FEE.parse().unwrap_or_default();
    json!({
        "appid": APPID,
        "mchid": MCH_ID,
        "out_trade_no": out_trade_no,
        "id": format!("4200{out_trade_no}"),
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "Paid",
        "bank_type": "CFT",
        "success_time": "2026-04-01T12:00:00+08:00",
        "payer": { "openid": OPENID },
        "amount": {
            "total": total,
            "currency": FEE_TYPE,
            "payer_total": total,
            "payer_currency": FEE_TYPE,
        },
    })
}

/// A document of these fields and their signature.
fn document(fields: &[(&str, &str)]) -> String {
    let sign = sign(fields, KEY);
    let leaves = fields.iter().copied().chain([("sign", sign.as_str())]);
    let leaves = leaves.map(|(name, value)| format!("<{name}><![CDATA[{value}]]></{name}>"));
    format!("<xml>{}</xml>", leaves.collect::<String>())
}

/// MD5 over the fields in the order of their names; none of them is empty
/// (WeChat Pay v2 manual, section 4.3.1).
fn sign(fields: &[(&str, &str)], key: &str) -> String {
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    fields.push(("key", key));
    let pairs: Vec<String> = fields.iter().map(|(n, v)| format!("{n}={v}")).collect();
    let hash = Md5::digest(pairs.join("&"));
    hash.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the manual.
    #[test]
    fn the_signature_of_the_manuals_example_is_reproduced() {
        let fields = [
            ("appid", "wxd930ea5d5a258f4f"),
            ("mch_id", "10000100"),
            ("device_info", "1000"),
            ("body", "test"),
            ("nonce_str", "ibuaiVcKdpRxkhJA"),
        ];
        let sign = sign(&fields, "192006250b4c09247ec02edce69f6a2d");
        assert_eq!(sign, "9A0A8659F005D6984697E2CA0A9CF3B7");
    }
}
