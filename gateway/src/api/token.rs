//! `/v1/token`: api-tokens, which stand for both keys (seed 001,
//! "Authentication").

use super::Access;
use crate::Gateway;
use crate::directory::ask;
use crate::error::{ApiError, Code};
use crate::fields::Fields;
use crate::http::success;
use crate::registry::{Answer, Call};
use crate::seal::fingerprint;
use crate::world::{Request, Response, World};
use serde_json::json;

/// How long a token works when its merchant does not say: a day.
const DEFAULT_SECONDS: i64 = 24 * 60 * 60;
/// A token for longer would be a key.
const LONGEST_SECONDS: i64 = 365 * DEFAULT_SECONDS;

impl<W: World> Gateway<W> {
    /// `POST /v1/token`: issues a token, shown this once. Only for who has both
    /// keys: a token that makes tokens would never end.
    pub(crate) async fn create_token(&self, request: &Request) -> Result<Response, ApiError> {
        let known = self.caller(request, Access::Keys).await?;
        let seconds = match request.body().is_empty() {
            true => None,
            false => {
                let fields = Fields::read(request.body())?;
                fields.whole("expires_in_seconds", 60..=LONGEST_SECONDS)?
            }
        };
        let token = self.random_text(40);
        let expires_at_ms = self.world.now_ms() + seconds.unwrap_or(DEFAULT_SECONDS) * 1000;
        let call = Call::AddToken {
            id: known.merchant.id.clone(),
            fingerprint: fingerprint(&token),
            expires_at_ms,
        };
        match ask(&self.world, call).await? {
            Answer::Done => Ok(success(json!({
                "api-token": token,
                "expires_at": expires_at_ms / 1000,
            }))),
            Answer::Full => Err(ApiError::of(Code::TooManyTokens)),
            _ => Err(ApiError::internal(
                "the registry gave another kind of answer",
            )),
        }
    }

    /// `DELETE /v1/token` with `{"api-token": …}`: the token ends, within 30
    /// seconds everywhere. Only for who has both keys.
    pub(crate) async fn revoke_token(&self, request: &Request) -> Result<Response, ApiError> {
        let known = self.caller(request, Access::Keys).await?;
        let token = Fields::read(request.body())?.required("api-token", 128)?;
        let call = Call::RevokeToken {
            id: known.merchant.id.clone(),
            fingerprint: fingerprint(&token),
        };
        match ask(&self.world, call).await? {
            Answer::Done => Ok(success(json!({}))),
            Answer::NotFound => Err(ApiError::field(
                Code::ApiTokenUnknown,
                "api-token",
                "This merchant has no such api-token.",
            )),
            _ => Err(ApiError::internal(
                "the registry gave another kind of answer",
            )),
        }
    }
}
