//! `POST /v1/checksign` (seed 000, "Check Callback Sign").

use super::Access;
use crate::Gateway;
use crate::error::{ApiError, Code};
use crate::http::success;
use crate::world::{Request, Response, World};
use order::Account;
use serde_json::json;
use wechatpay::v2::Fields;

impl<W: World> Gateway<W> {
    /// The sign that a notice should carry, by the merchant's API key or the
    /// one before it, and whether it does. SECRET.
    pub(crate) async fn checksign(&self, request: &Request) -> Result<Response, ApiError> {
        let known = self.caller(request, Access::Secret).await?;
        let fields = Fields::parse(request.body()).map_err(|error| {
            ApiError::new(
                Code::XmlInvalid,
                format!("The body is not a notice: {error}."),
            )
        })?;
        if fields.get_nonempty("sign").is_none() {
            return Err(ApiError::field(
                Code::SignMissing,
                "sign",
                Code::SignMissing.advice(),
            ));
        }
        let credentials = &known.credentials;
        let previous = credentials.previous_api_key(self.world.now_ms());
        let checked = fields.check_sign(&credentials.api_key);
        let before = previous.map(|key| fields.check_sign(key));
        let checked = match before {
            Some(Ok(before)) if before.holds() => Ok(before),
            _ => checked,
        }
        .map_err(|_| {
            ApiError::field(
                Code::XmlInvalid,
                "sign_type",
                "The field sign_type must be MD5 or HMAC-SHA256.",
            )
        })?;
        let sign = match checked.holds() || is_about(&fields, &known.merchant.account) {
            true => checked.computed.as_str(),
            false => "",
        };
        Ok(success(json!({ "sign": sign, "valid": checked.holds() })))
    }
}

/// Whether a document can be about nobody but this merchant. Only then is its
/// sign told where it carries another: an institution's merchants share a key,
/// and one could have a document signed that speaks of another.
fn is_about(fields: &Fields, account: &Account) -> bool {
    let has_own_key = account.sub_mch_id.is_none();
    let ours = [
        ("appid", Some(account.appid.as_str())),
        ("mch_id", Some(account.mch_id.as_str())),
        ("sub_appid", account.sub_appid.as_deref()),
        ("sub_mch_id", account.sub_mch_id.as_deref()),
    ];
    let names_nobody_else = ours.into_iter().all(|(name, ours)| {
        let named = fields.get_nonempty(name);
        let may_be_absent = has_own_key || name.ends_with("appid");
        named == ours || named.is_none() && may_be_absent
    });
    // `&` could be the border of another field.
    let unfolded = |(name, value): (&str, &str)| !name.contains(['&', '=']) && !value.contains('&');
    names_nobody_else && fields.iter().all(unfolded)
}
