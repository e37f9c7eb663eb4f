//! `POST /v1/checksign` (WeCeive API, "Check Callback Sign").

use crate::auth::keys::{Access, caller};
use crate::http::error::{ApiError, Code};
use crate::http::message::success;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use order::Account;
use serde_json::json;
use wechatpay::common::Fields;

/// Whether a notice has the right sign, by the merchant's API key or the
/// previous one. SECRET.
///
/// The sign is returned where it is right; otherwise `sign` is empty, which is
/// the sign of no document. The computed sign is never returned: with it, a
/// caller could sign any document as WeChat's notice, or as this merchant's
/// request to WeChat.
pub async fn checksign<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let fields = Fields::parse(request.body()).map_err(|error| {
        ApiError::new(
            Code::XmlInvalid,
            format!("The body is not a notice: {error}."),
        )
    })?;
    let Some(given) = fields.get_nonempty("sign") else {
        return Err(ApiError::field(
            Code::SignMissing,
            "sign",
            Code::SignMissing.advice(),
        ));
    };
    let mut holds = false;
    for key in context.credentials.api_keys(cx.runtime.now_ms()) {
        let checked = fields.check_sign(key).map_err(|_| {
            ApiError::field(
                Code::XmlInvalid,
                "sign_type",
                "The field sign_type must be MD5 or HMAC-SHA256.",
            )
        })?;
        holds |= checked.holds();
    }
    let valid =
        holds && fields.unambiguous().is_ok() && names_no_other(&fields, &context.merchant.account);
    let sign = if valid { given } else { "" };
    Ok(success(json!({ "sign": sign, "valid": valid })))
}

/// Whether a document names this merchant and no other. Its applications are
/// not compared: a merchant may have several. An institution's merchants share
/// a key, so the sign of another merchant's document is valid, too. A direct
/// merchant's document may repeat its `mch_id` as `sub_mch_id` (WeChat Pay v2
/// manual, section 9.7).
fn names_no_other(fields: &Fields, account: &Account) -> bool {
    let mch_id = Some(account.mch_id.as_str());
    let named = |name: &str| fields.get_nonempty(name);
    match account.sub_mch_id.as_deref() {
        Some(sub_mch_id) => named("mch_id") == mch_id && named("sub_mch_id") == Some(sub_mch_id),
        None => ["mch_id", "sub_mch_id"]
            .into_iter()
            .all(|name| named(name).is_none_or(|named| Some(named) == mch_id)),
    }
}
