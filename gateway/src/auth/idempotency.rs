//! The header `Idempotency-Key`.

use crate::http::error::{ApiError, Code};
use crate::merchants::idempotency::IdempotencyKey;
use crate::merchants::seal::fingerprint;
use crate::observe::RequestContext;
use crate::route;
use crate::runtime::Request;

const HEADER: &str = "idempotency-key";
const LONGEST: usize = 255;

/// The request's key, where its route keeps answers. It belongs to the caller,
/// whom [`caller`](crate::auth::keys::caller) has recorded: so call this after it.
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
