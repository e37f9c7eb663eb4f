//! The header `Idempotency-Key`.

use crate::http::error::{ApiError, Code};
use crate::merchants::idempotency::{IdempotencyKey, answer_unreadable, key_reused};
use crate::merchants::registry::command::{FindKept, Kept, KeptAnswer, Once};
use crate::merchants::seal::fingerprint;
use crate::merchants::shards::ask;
use crate::observe::RequestContext;
use crate::route;
use crate::runtime::{Request, Runtime};
use crate::services::Services;
use serde_json::Value;

const HEADER: &str = "idempotency-key";
const LONGEST: usize = 255;

/// The request's key, where its route keeps answers. Call this after
/// [`caller`](crate::auth::keys::caller), because the key belongs to the recorded caller.
///
/// The draft's form is a text in quotation marks; many clients send it without.
pub fn idempotency_key(request: &Request) -> Result<Option<IdempotencyKey>, ApiError> {
    let found = route::find(request.method(), request.uri().path());
    if !found.route().is_some_and(|route| route.keeps_answers) {
        return Ok(None);
    }
    let mut values = request.headers().get_all(HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let is_key = |key: &&str| {
        let in_key = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        (1..=LONGEST).contains(&key.len()) && key.bytes().all(in_key)
    };
    let text = value.to_str().ok().map(|text| {
        let inside = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        inside.unwrap_or(text)
    });
    let text = text.filter(is_key).filter(|_| values.next().is_none());
    let text = text.ok_or_else(|| {
        let code = Code::IdempotencyKeyInvalid;
        ApiError::field(code, HEADER, code.advice())
    })?;
    let RequestContext { who, call, .. } = RequestContext::current();
    let query = request.uri().query().unwrap_or_default();
    let body = String::from_utf8_lossy(request.body());
    Ok(Some(IdempotencyKey {
        key: fingerprint(&format!("{who}\n{call}\n{text}")),
        request: fingerprint(&format!("{query}\n{body}")),
    }))
}

/// The data of an answer that a merchant's shard keeps, and when what it shows
/// expires.
pub type KeptData = (Value, Option<i64>);

/// The answer that the merchant's shard keeps under this key, where there is one.
pub async fn kept_in_shard<R: Runtime>(
    cx: &Services<R>,
    merchant: &str,
    once: Option<&IdempotencyKey>,
) -> Result<Option<KeptData>, ApiError> {
    let Some(key) = once else {
        return Ok(None);
    };
    let find = FindKept {
        id: merchant.to_owned(),
        key: key.clone(),
    };
    open_kept(cx, merchant, once, ask(&cx.runtime, find).await?)
}

/// The answer that the shard gave instead of executing a request again.
pub fn repeated<R: Runtime>(
    cx: &Services<R>,
    merchant: &str,
    once: Option<&IdempotencyKey>,
    answer: KeptAnswer,
) -> Result<KeptData, ApiError> {
    open_kept(cx, merchant, once, answer)?
        .ok_or_else(|| ApiError::internal("the registry repeats a request without a key"))
}

fn open_kept<R: Runtime>(
    cx: &Services<R>,
    merchant: &str,
    once: Option<&IdempotencyKey>,
    answer: KeptAnswer,
) -> Result<Option<KeptData>, ApiError> {
    match (answer, once) {
        (KeptAnswer::OfAnother, _) => Err(key_reused()),
        (KeptAnswer::Kept(kept), Some(key)) => {
            let Kept {
                sealed,
                expires_at_ms,
            } = kept;
            let text = cx
                .config
                .master_key
                .open(&sealed_for(merchant, key), &sealed);
            let text = text.map_err(|_| answer_unreadable())?;
            let data = serde_json::from_str(&text);
            let data = data.map_err(|error| ApiError::unreadable("kept answer", &error))?;
            Ok(Some((data, expires_at_ms)))
        }
        (KeptAnswer::None | KeptAnswer::Kept(_), _) => Ok(None),
    }
}

/// A request's key with its answer, which has a secret and is sealed.
pub fn once_in_shard<R: Runtime>(
    cx: &Services<R>,
    merchant: &str,
    once: Option<&IdempotencyKey>,
    data: &Value,
) -> Result<Option<Once>, ApiError> {
    let Some(key) = once else {
        return Ok(None);
    };
    let mut nonce = [0; 12];
    cx.runtime.random(&mut nonce);
    let name = sealed_for(merchant, key);
    let sealed = cx.config.master_key.seal(&name, &data.to_string(), nonce);
    Ok(Some(Once {
        key: key.clone(),
        sealed: sealed.map_err(ApiError::internal)?,
    }))
}

/// The name under which an answer is sealed: it opens for no other request.
fn sealed_for(merchant: &str, key: &IdempotencyKey) -> String {
    format!("kept/{merchant}/{}", key.key)
}
