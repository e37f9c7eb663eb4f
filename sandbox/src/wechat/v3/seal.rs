//! WeChat's signature on an answer or a notice, and wrong signatures on
//! request.

use crate::moment::Moment;
use crate::wechat::accounts::Merchant;
use crate::wechat::faults::Forgery;
use crate::wechat::rsa::Rsa;
use wechatpay::v3::sign::{PROBE_PREFIX, Signature, answer_message};

/// An unknown serial number.
const NO_SERIAL: &str = "5A11D0B0C0FFEE01FFFFFFFFFFFFFFFFFFFFFFFF";

/// The offset of a skewed clock: one second more than is accepted.
const SKEW_S: i64 = 301;

/// The four `Wechatpay-*` headers for a body. `wanted` is the request's
/// `Wechatpay-Serial`.
pub(super) fn headers(
    rsa: Rsa,
    merchant: &Merchant,
    wanted: Option<&str>,
    body: &[u8],
    forgery: Option<Forgery>,
    moment: &mut Moment<'_>,
) -> Vec<(String, String)> {
    let percent = moment.percent();
    let signer = merchant.platform.signer(&merchant.mch_id, wanted, percent);
    let Some(signer) = signer.filter(|_| forgery != Some(Forgery::NoSignature)) else {
        return Vec::new();
    };
    let nonce = moment.alphanumeric(32);
    let now_s = moment.caller_ms.div_euclid(1000);
    let timestamp_s = match forgery {
        Some(Forgery::ClockSkew) => now_s - SKEW_S,
        _ => now_s,
    };
    let mut signature = (rsa.sign)(&signer.key, &answer_message(timestamp_s, &nonce, body));
    if forgery == Some(Forgery::BadSignature)
        && let Some(first) = signature.first_mut()
    {
        *first ^= 1;
    }
    let signed = Signature {
        timestamp_s,
        nonce,
        serial: match forgery {
            Some(Forgery::WrongSerial) => NO_SERIAL.to_owned(),
            _ => signer.serial,
        },
        signature,
    };
    signed
        .to_headers()
        .into_iter()
        .map(|(name, value)| match (name, forgery) {
            ("Wechatpay-Signature", Some(Forgery::Signtest)) => {
                (name.to_owned(), format!("{PROBE_PREFIX}{value}"))
            }
            _ => (name.to_owned(), value),
        })
        .chain([(
            "Wechatpay-Signature-Type".to_owned(),
            "WECHATPAY2-SHA256-RSA2048".to_owned(),
        )])
        .collect()
}

/// Inserts the first name of an object a second time, with another value before
/// it.
pub(super) fn double_a_key(body: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(body).into_owned();
    if let Some(rest) = text.strip_prefix('{')
        && let Some((name, _)) = rest.split_once(':')
    {
        *body = format!("{{{name}:\"\",{rest}").into_bytes();
    }
}
