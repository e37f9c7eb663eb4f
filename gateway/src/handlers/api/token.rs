//! `/v1/token`: api-tokens, which replace both keys (older WeCeive API,
//! "Authentication").

use crate::auth::idempotency::{idempotency_key, kept_in_shard, once_in_shard, repeated};
use crate::auth::keys::{Access, caller, limit_credentials};
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::{header_text, success};
use crate::merchants::registry::command::{AddToken, EndToken, NewToken, RevokeToken, Tokens};
use crate::merchants::seal::{fingerprint, short};
use crate::merchants::shards::ask;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use serde_json::{Value, json};

/// How long a token is valid when its merchant does not set it: a day.
const DEFAULT_SECONDS: i64 = 24 * 60 * 60;
/// The longest validity of a token; a longer one would equal a key.
const LONGEST_SECONDS: i64 = 365 * DEFAULT_SECONDS;

/// `POST /v1/token`: issues a token, which is shown only in this answer. It
/// expires with the api-key that it is made with, or earlier. Only for a caller
/// with both keys: a token that makes tokens could be renewed for ever.
pub async fn create_token<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Keys).await?;
    if context.named_key.is_some() {
        let why = "A token has every scope: make it with the merchant's api-key and api-secret.";
        return Err(ApiError::new(Code::ScopeMissing, why));
    }
    let id = context.merchant.id.as_str();
    let once = idempotency_key(request)?;
    if let Some((data, expires_at_ms)) = kept_in_shard(cx, id, once.as_ref()).await? {
        return Ok(success(until(data, expires_at_ms)));
    }
    limit_credentials(cx, &context)?;
    let seconds = match request.body().is_empty() {
        true => None,
        false => {
            let fields = Fields::read(request.body())?;
            fields.whole("expires_in_seconds", 60..=LONGEST_SECONDS)?
        }
    };
    let token = format!("{}{}", cx.config.key_prefix(), cx.random_text(40));
    let expires_at_ms = cx.runtime.now_ms() + seconds.unwrap_or(DEFAULT_SECONDS) * 1000;
    let print = fingerprint(&token);
    let data = json!({"api-token": token, "id": short(&print)});
    let add = AddToken {
        id: id.to_owned(),
        fingerprint: print,
        expires_at_ms,
        key_fingerprint: header_text(request, "api-key").map(fingerprint),
        once: once_in_shard(cx, id, once.as_ref(), &data)?,
    };
    match ask(&cx.runtime, add).await? {
        NewToken::Issued(expires_at_ms) => Ok(success(until(data, Some(expires_at_ms)))),
        NewToken::Before(kept) => {
            let (data, expires_at_ms) = repeated(cx, id, once.as_ref(), kept)?;
            Ok(success(until(data, expires_at_ms)))
        }
        // The key has expired since this isolate read it.
        NewToken::NotFound => Err(ApiError::of(Code::ApiKeyUnknown)),
        NewToken::Full => Err(ApiError::of(Code::TooManyTokens)),
    }
}

/// A token's data with its end.
fn until(mut data: Value, expires_at_ms: Option<i64>) -> Value {
    if let Some(data) = data.as_object_mut() {
        let expires_at = expires_at_ms.map(|at_ms| at_ms / 1000);
        data.insert("expires_at".to_owned(), expires_at.into());
    }
    data
}

/// `GET /v1/token`: the valid tokens, newest first, without their texts.
/// Only for a caller with both keys.
pub async fn get_tokens<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Keys).await?;
    Fields::of_query_string(request, &[])?;
    let list = Tokens {
        id: context.merchant.id.clone(),
    };
    let tokens: Vec<_> = ask(&cx.runtime, list)
        .await?
        .iter()
        .map(|token| {
            json!({
                "id": token.id,
                "issued_at": token.issued_at_ms.map(|at_ms| at_ms / 1000),
                "expires_at": token.expires_at_ms / 1000,
                "api_key": token.api_key,
            })
        })
        .collect();
    Ok(success(json!({ "tokens": tokens })))
}

/// `DELETE /v1/token` with `{"api-token": …}`, or with the `id` that `GET`
/// lists: revokes the token, within 30 seconds everywhere. Only for a caller
/// with both keys.
pub async fn revoke_token<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Keys).await?;
    limit_credentials(cx, &context)?;
    let fields = Fields::read(request.body())?;
    let id = context.merchant.id.clone();
    let (field, revoked) = match (fields.text("api-token", 128)?, fields.text("id", 16)?) {
        (Some(token), _) => {
            let fingerprint = fingerprint(&token);
            let revoke = RevokeToken { id, fingerprint };
            ("api-token", ask(&cx.runtime, revoke).await?)
        }
        (None, Some(token)) => ("id", ask(&cx.runtime, EndToken { id, token }).await?),
        (None, None) => return Err(fields.missing("api-token")),
    };
    match revoked {
        true => Ok(success(json!({}))),
        false => Err(ApiError::field(
            Code::ApiTokenUnknown,
            field,
            "This merchant has no such api-token.",
        )),
    }
}
