//! `/v1/endpoints`: the addresses that receive events. All calls need the secret.

use crate::auth::idempotency::idempotency_key;
use crate::auth::keys::{Access, caller, caller_now};
use crate::book::{
    EndpointChange, EventType, NewEndpoint, NewSecret, Resent, SEALED_SECRET, SECRET_PREFIX,
    command,
};
use crate::http::address::endpoint_url;
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::success;
use crate::merchants::idempotency::answer_unreadable;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// The longest description, in bytes.
const LONGEST: usize = 200;
/// How long the previous secret stays valid: a day.
const PREVIOUS_MS: i64 = 86_400_000;
/// The largest time: integers cross into JavaScript as 53 bits.
const LARGEST: i64 = (1 << 53) - 1;

/// `POST /v1/endpoints`: makes an endpoint. Its secret is shown only in this answer.
pub async fn create_endpoint<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller_now(cx, request, Access::Secret).await?;
    let once = idempotency_key(request)?;
    let merchant = &context.merchant.id;
    let kept = cx.kept_reply::<command::CreateEndpoint>(merchant, once.as_ref());
    if let Some(made) = kept.await? {
        return Ok(success(with_secret(cx, made)?));
    }
    let fields = Fields::read(request.body())?;
    let url = endpoint_url(&fields, "url", cx.config.development)?;
    let url = url.ok_or_else(|| fields.missing("url"))?;
    let id = format!("ep_{}", cx.random_text(20));
    let new = NewEndpoint {
        url,
        events: event_types(&fields)?,
        description: fields.text("description", LONGEST)?,
        secret: new_secret(cx, &id)?,
        id,
    };
    let call = command::CreateEndpoint(new);
    let made: Value = cx.book_once(merchant, call, once).await?;
    Ok(success(with_secret(cx, made)?))
}

/// `GET /v1/endpoints`: every endpoint, the oldest first.
pub async fn get_endpoints<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    Fields::of_query_string(request, &[])?;
    let call = command::Endpoints(None);
    let endpoints: Vec<Value> = cx.book(&context.merchant.id, call).await?;
    Ok(success(json!({ "endpoints": endpoints })))
}

/// `GET /v1/endpoints/{id}`: one endpoint.
pub async fn get_endpoint<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    Fields::of_query_string(request, &[])?;
    let call = command::Endpoints(Some(id.to_owned()));
    let endpoints: Vec<Value> = cx.book(&context.merchant.id, call).await?;
    let endpoint = endpoints.into_iter().next();
    Ok(success(endpoint.ok_or_else(|| {
        ApiError::internal("the book gave no endpoint")
    })?))
}

/// `PATCH /v1/endpoints/{id}`: changes the fields that are sent; `null` restores a default.
pub async fn change_endpoint<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let context = caller_now(cx, request, Access::Secret).await?;
    let fields = Fields::read(request.body())?;
    let is_sent = |name: &str| fields.names().any(|sent| sent == name);
    if is_sent("url") {
        return Err(fields.invalid("url", "cannot be changed: make another endpoint"));
    }
    let change = EndpointChange {
        id: id.to_owned(),
        active: match fields.is_there("active") {
            true => Some(fields.flag("active")?),
            false => None,
        },
        events: match is_sent("events") {
            true => Some(event_types(&fields)?),
            false => None,
        },
        description: match is_sent("description") {
            true => Some(fields.text("description", LONGEST)?.unwrap_or_default()),
            false => None,
        },
    };
    let call = command::ChangeEndpoint(change);
    Ok(success(cx.book(&context.merchant.id, call).await?))
}

/// `DELETE /v1/endpoints/{id}`: removes an endpoint; its waiting deliveries are given up.
pub async fn delete_endpoint<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    Fields::of_query_string(request, &[])?;
    let call = command::DeleteEndpoint(id.to_owned());
    cx.book(&context.merchant.id, call).await?;
    Ok(success(json!({})))
}

/// `POST /v1/endpoints/{id}/rotate`: a new secret, shown only in this answer. For a
/// day deliveries are signed with both.
pub async fn rotate_endpoint<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let context = caller_now(cx, request, Access::Secret).await?;
    let once = idempotency_key(request)?;
    let call = command::RotateEndpoint(NewSecret {
        id: id.to_owned(),
        secret: new_secret(cx, id)?,
        previous_until_ms: cx.runtime.now_ms() + PREVIOUS_MS,
    });
    let rotated: Value = cx.book_once(&context.merchant.id, call, once).await?;
    Ok(success(with_secret(cx, rotated)?))
}

/// `POST /v1/endpoints/{id}/test`: sends an event of the type `test`, at once.
pub async fn test_endpoint<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let once = idempotency_key(request)?;
    let call = command::TestEndpoint(id.to_owned());
    let sent = cx.book_once(&context.merchant.id, call, once);
    Ok(success(sent.await?))
}

/// `POST /v1/endpoints/{id}/resend` with `{"since_ms": …}`: sends the failed deliveries since then
/// again.
pub async fn resend_failed<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let once = idempotency_key(request)?;
    let fields = Fields::read(request.body())?;
    let since_ms = fields
        .whole("since_ms", 0..=LARGEST)?
        .ok_or_else(|| fields.missing("since_ms"))?;
    let call = command::ResendFailed {
        endpoint: id.to_owned(),
        since_ms,
    };
    let resent: Resent = cx.book_once(&context.merchant.id, call, once).await?;
    Ok(success(
        json!({"resent": resent.resent, "more": resent.more}),
    ))
}

/// The types in `events`; none for all.
fn event_types(fields: &Fields) -> Result<Vec<EventType>, ApiError> {
    if !fields.is_there("events") {
        return Ok(Vec::new());
    }
    let all = EventType::ALL.iter().copied();
    let all: Vec<EventType> = all.filter(|kind| *kind != EventType::Test).collect();
    let mut types = Vec::new();
    for name in fields.texts("events")? {
        let kind = all.iter().copied().find(|kind| kind.name() == name);
        let kind = kind.ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|kind| kind.name()).collect();
            let problem = format!("may have only {}", names.join(", "));
            fields.invalid("events", &problem)
        })?;
        if types.contains(&kind) {
            return Err(fields.invalid("events", "names a type twice"));
        }
        types.push(kind);
    }
    match types.is_empty() {
        true => Err(ApiError::field(
            Code::FieldInvalid,
            "events",
            "The field events must name a type; without events all types are sent.",
        )),
        false => Ok(types),
    }
}

/// A new secret (Standard Webhooks, "Signature scheme": `whsec_` and 24 bytes in
/// base64), sealed under the endpoint's id.
fn new_secret<R: Runtime>(cx: &Services<R>, id: &str) -> Result<String, ApiError> {
    let (mut key, mut nonce) = ([0; 24], [0; 12]);
    cx.runtime.random(&mut key);
    cx.runtime.random(&mut nonce);
    let secret = format!("{SECRET_PREFIX}{}", BASE64.encode(key));
    let sealed = cx.config.master_key.seal(id, &secret, nonce);
    sealed.map_err(ApiError::internal)
}

/// The endpoint with its secret, which the book's reply has sealed.
fn with_secret<R: Runtime>(cx: &Services<R>, mut endpoint: Value) -> Result<Value, ApiError> {
    let no_secret = || ApiError::internal("the book gave no endpoint with a secret");
    let members = endpoint.as_object_mut().ok_or_else(no_secret)?;
    let sealed = members.remove(SEALED_SECRET).ok_or_else(no_secret)?;
    let id = members.get("id").and_then(Value::as_str);
    let opened = id.zip(sealed.as_str()).map(|(id, sealed)| {
        let opened = cx.config.master_key.open(id, sealed);
        opened.map_err(|_| answer_unreadable())
    });
    let secret = opened.ok_or_else(no_secret)??;
    members.insert("secret".to_owned(), json!(secret));
    Ok(endpoint)
}
