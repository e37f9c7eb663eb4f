//! `POST /v1/checksign` (seed 000, "Check Callback Sign").

use super::Access;
use crate::Gateway;
use crate::error::{ApiError, Code};
use crate::http::success;
use crate::world::{Request, Response, World};
use serde_json::json;
use wechatpay::v2::Fields;

impl<W: World> Gateway<W> {
    /// The sign that a notice should carry, by the merchant's API key, and
    /// whether it does. SECRET.
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
        let checked = fields.check_sign(&known.credentials.api_key).map_err(|_| {
            ApiError::field(
                Code::XmlInvalid,
                "sign_type",
                "The field sign_type must be MD5 or HMAC-SHA256.",
            )
        })?;
        Ok(success(json!({
            "sign": checked.computed,
            "valid": checked.holds(),
        })))
    }
}
