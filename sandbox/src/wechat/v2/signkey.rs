//! The key of WeChat's own v2 sandbox.
//!
//! Client libraries in sandbox mode first request a key and then send
//! everything below another path. Here that key is the merchant's own, so a
//! library works in either mode.
//!
//! ```text
//! POST …/getsignkey    mch_id nonce_str sign    (signed with the API key)
//! answer               return_code return_msg mch_id sandbox_signkey    (unsigned)
//! ```

use super::call::parse;
use super::refusal::{Refusal, words};
use crate::web::Request;
use crate::wechat::state::WeChat;
use wechatpay::common::{Fields, SignType};
use wechatpay::v2::ErrorCode;

/// The prefixes of the calls in WeChat's own sandbox, before `/pay/…`.
pub(super) const PREFIXES: [&str; 2] = ["/sandboxnew", "/xdc/apiv2sandbox"];

/// The older and the newer path of the call for its key.
pub(super) const PATHS: [&str; 2] = [
    "/sandboxnew/pay/getsignkey",
    "/xdc/apiv2getsignkey/sign/getsignkey",
];

pub(super) fn answer(wechat: &WeChat, request: &Request) -> Result<Fields, Refusal> {
    let fields = parse(request)?;
    for name in ["mch_id", "nonce_str", "sign"] {
        fields.required(name)?;
    }
    let Some(merchant) = fields.get("mch_id").and_then(|id| wechat.merchants.get(id)) else {
        return Err(Refusal::from_code(ErrorCode::MchidNotExist));
    };
    let sign_type = fields.sign_type_in_use().unwrap_or_default();
    let signed = [sign_type, SignType::Md5]
        .into_iter()
        .any(|sign_type| fields.verify(&merchant.secret(), sign_type).is_ok());
    if !signed {
        return Err(Refusal::unsigned(
            ErrorCode::SignError,
            words(&ErrorCode::SignError),
            "the signature does not match",
        ));
    }
    Ok(Fields::new()
        .with("return_code", "SUCCESS")
        .with("return_msg", "ok")
        .with("mch_id", merchant.mch_id.as_str())
        .with("sandbox_signkey", merchant.key.as_str()))
}
