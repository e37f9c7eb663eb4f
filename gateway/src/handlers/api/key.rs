//! `/v1/keys`: named keys, each with scopes of its own.

use crate::auth::idempotency::{idempotency_key, kept_in_shard, once_in_shard, repeated};
use crate::auth::keys::{
    Access, caller, caller_now, lacks_scope, limit_credentials, new_named_key,
};
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::{header_text, success};
use crate::merchants::people::Person;
use crate::merchants::registry::NamedKey;
use crate::merchants::registry::command::{AddNamedKey, NamedKeys, NewKey, RevokeNamedKey};
use crate::merchants::seal::{fingerprint, short};
use crate::merchants::shards::ask;
use crate::observe::RequestContext;
use crate::route::Scope;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use serde_json::{Value, json};

const MAX_NAME_BYTES: usize = 64;
/// Ten years.
const LONGEST_SECONDS: i64 = 10 * 366 * 86_400;

/// `POST /v1/keys`: makes a named key, shown this once. SECRET, without tokens: a
/// token that makes keys would never end. A named key makes none with a scope that
/// it does not have, and none that outlives it.
pub async fn create_key<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller_now(cx, request, Access::Keys).await?;
    let id = context.merchant.id.as_str();
    let once = idempotency_key(request)?;
    if let Some((data, expires_at_ms)) = kept_in_shard(cx, id, once.as_ref()).await? {
        return Ok(success(until(data, expires_at_ms)));
    }
    limit_credentials(cx, &context)?;
    let fields = Fields::read(request.body())?;
    let name = fields.required("name", MAX_NAME_BYTES)?;
    let scopes = scopes(&fields)?;
    let seconds = fields.whole("expires_in_seconds", 60..=LONGEST_SECONDS)?;
    if let Some(signed_in) = &context.signed_in {
        refuse_beyond(&fields, &signed_in.person, &scopes)?;
    }
    let mut parent = None;
    if let Some(key) = &context.named_key {
        if let Some(scope) = scopes.iter().find(|scope| !key.scopes.contains(scope)) {
            return Err(lacks_scope(*scope));
        }
        parent = header_text(request, "api-key").map(fingerprint);
    }
    let now_ms = cx.runtime.now_ms();
    let secret = new_named_key(cx);
    let print = fingerprint(secret.expose());
    let key = NamedKey {
        id: short(&print).to_owned(),
        name,
        scopes,
        made_by: RequestContext::current().who.to_string(),
        made_at_ms: now_ms,
        expires_at_ms: seconds.map(|seconds| now_ms + seconds * 1000),
        used_at_ms: None,
    };
    let mut data = key_data(&key);
    if let Some(data) = data.as_object_mut() {
        data.insert("key".to_owned(), secret.expose().into());
    }
    let add = AddNamedKey {
        id: id.to_owned(),
        fingerprint: print,
        key,
        parent,
        once: once_in_shard(cx, id, once.as_ref(), &data)?,
    };
    match ask(&cx.runtime, add).await? {
        NewKey::Made(expires_at_ms) => Ok(success(until(data, expires_at_ms))),
        NewKey::Before(kept) => {
            let (data, expires_at_ms) = repeated(cx, id, once.as_ref(), kept)?;
            Ok(success(until(data, expires_at_ms)))
        }
        // The caller's key has ended since this isolate cached it.
        NewKey::NotFound => Err(ApiError::of(Code::ApiKeyUnknown)),
        NewKey::Full => Err(ApiError::of(Code::TooManyKeys)),
    }
}

/// Refuses a key that a person makes and that could do more than the person. One who
/// makes keys may connect the shop's program: see [`Role::gives`].
fn refuse_beyond(fields: &Fields, person: &Person, scopes: &[Scope]) -> Result<(), ApiError> {
    match scopes.iter().find(|scope| !person.role.gives(**scope)) {
        Some(scope) => {
            let name = scope.name();
            let problem = format!("must not hold {name}: your role cannot do what it permits");
            Err(fields.error(Code::RightMissing, "scopes", &problem))
        }
        None => Ok(()),
    }
}

/// A key's data with its expiry, which may be earlier than the request asked for.
fn until(mut data: Value, expires_at_ms: Option<i64>) -> Value {
    if let Some(data) = data.as_object_mut() {
        data.insert("expires_at_ms".to_owned(), expires_at_ms.into());
    }
    data
}

/// `GET /v1/keys`: the valid named keys, newest first, without their texts.
/// SECRET, without tokens.
pub async fn get_keys<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Keys).await?;
    Fields::of_query_string(request, &[])?;
    let id = context.merchant.id.clone();
    let keys = ask(&cx.runtime, NamedKeys { id }).await?;
    let keys: Vec<Value> = keys.iter().map(key_data).collect();
    Ok(success(json!({ "keys": keys })))
}

/// `DELETE /v1/keys?id=…`: the key ends, and with it the keys that were made with
/// it, within 30 seconds everywhere. SECRET, without tokens.
pub async fn revoke_key<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Keys).await?;
    limit_credentials(cx, &context)?;
    let fields = Fields::of_query_string(request, &["id"])?;
    let revoke = RevokeNamedKey {
        id: context.merchant.id.clone(),
        key: fields.required("id", 16)?,
    };
    match ask(&cx.runtime, revoke).await? {
        true => Ok(success(json!({}))),
        false => Err(ApiError::field(
            Code::NamedKeyNotFound,
            "id",
            "This merchant has no such key.",
        )),
    }
}

/// The field `scopes`: at least one, each once.
fn scopes(fields: &Fields) -> Result<Vec<Scope>, ApiError> {
    const NAME: &str = "scopes";
    let names: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    let problem = format!("must be a list of {}, each once", names.join(", "));
    let mut scopes = Vec::new();
    for name in fields.texts(NAME)? {
        match Scope::named(&name) {
            Some(scope) if !scopes.contains(&scope) => scopes.push(scope),
            _ => return Err(fields.invalid(NAME, &problem)),
        }
    }
    match scopes.is_empty() {
        true => Err(fields.missing(NAME)),
        false => {
            scopes.sort();
            Ok(scopes)
        }
    }
}

fn key_data(key: &NamedKey) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "scopes": key.scopes,
        "made_by": key.made_by,
        "made_at_ms": key.made_at_ms,
        "expires_at_ms": key.expires_at_ms,
        "last_used_at_ms": key.used_at_ms,
    })
}
