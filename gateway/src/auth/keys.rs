//! Authenticates programs and operators: api-keys, api-tokens and `ADMIN_TOKEN`.
//!
//! ```text
//! caller ─▶ directory: which merchant has the key ─▶ authenticate: limit of wrong keys
//!    │                                                  └─▶ record_caller: log, audit, limit per key
//!    ├────▶ require_scope: what a named key may do
//!    └────▶ people: whose session it is, and what the role permits
//! ```
//!
//! Every call of a merchant begins with [`caller`], so this is the one place where
//! scopes and roles are enforced. Which scope and which right a call needs is in the
//! table of routes.

use crate::auth::people::{forget_session, has_session, require_right, session_holder};
use crate::http::address::origin;
use crate::http::client::network;
use crate::http::error::{ApiError, Code};
use crate::http::message::header_text;
use crate::http::rate_limit::{CREDENTIALS, FLOOD, Rate, WRONG_KEYS};
use crate::merchants::directory::MerchantContext;
use crate::merchants::seal::{fingerprint, short};
use crate::observe::labels::Limit;
use crate::observe::{self, Actor, Counter};
use crate::route::{self, Scope};
use crate::runtime::{Request, Runtime};
use crate::services::Services;
use std::future::Future;
use std::rc::Rc;
use wechatpay::Secret;

/// What a call demands of its caller (WeCeive API, "Authentication").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The header `api-key`, or `api-token`, or both.
    Basic,
    /// `api-key` and `api-secret`; or `api-token`, alone or beside `api-key`
    /// (the older API's "Authentication").
    Secret,
    /// `api-key` and `api-secret`.
    Keys,
}

/// What a named key has behind `test_` or `live_`; other keys have no second `_`.
const NAMED: &str = "key_";

/// Whether this is a named key, by its form.
fn is_named(api_key: &str) -> bool {
    ["live_", "test_"].into_iter().any(|prefix| {
        let rest = api_key.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.starts_with(NAMED))
    })
}

/// A new named key: 40 letters and digits are 238 bits, so it needs no secret
/// beside it.
pub fn new_named_key<R: Runtime>(cx: &Services<R>) -> Secret {
    let prefix = cx.config.key_prefix();
    Secret::new(format!("{prefix}{}{}", NAMED, cx.random_text(40)))
}

/// The merchant that calls, where its key may make this call.
pub async fn caller<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    access: Access,
) -> Result<Rc<MerchantContext>, ApiError> {
    let context = key_holder(cx, request, access).await?;
    match &context.signed_in {
        Some(signed_in) => require_right(request, &signed_in.person)?,
        None => require_scope(request, &context)?,
    }
    Ok(context)
}

/// As [`caller`], with the keys looked up again: for calls that make something which
/// outlives its maker's key. A key that was revoked is cached for some seconds.
pub async fn caller_now<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    access: Access,
) -> Result<Rc<MerchantContext>, ApiError> {
    caller(cx, request, access).await?;
    for name in ["api-key", "api-token"] {
        if let Some(text) = header_text(request, name) {
            cx.directory.forget(text);
        }
    }
    forget_session(cx, request);
    caller(cx, request, access).await
}

/// Limits how often a merchant's keys and tokens are made and revoked.
pub fn limit_credentials<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
) -> Result<(), ApiError> {
    cx.limit(Limit::Credentials, &context.merchant.id, CREDENTIALS)
}

/// Refuses a call that a named key has no scope for. A route without a scope is
/// refused to every named key.
fn require_scope(request: &Request, context: &MerchantContext) -> Result<(), ApiError> {
    let Some(key) = &context.named_key else {
        return Ok(());
    };
    let found = route::find(request.method(), request.uri().path());
    let needed = found.route().map_or(&[][..], |route| route.scopes);
    let missing = needed.iter().find(|scope| !key.scopes.contains(scope));
    match missing {
        Some(scope) => Err(lacks_scope(*scope)),
        None if needed.is_empty() => Err(ApiError::of(Code::ScopeMissing)),
        None => Ok(()),
    }
}

/// The refusal of a call that a named key has no scope for.
pub fn lacks_scope(scope: Scope) -> ApiError {
    let why = format!("This key does not have the scope {}.", scope.name());
    ApiError::new(Code::ScopeMissing, why)
}

/// The merchant whose keys, token or session a request carries.
async fn key_holder<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    access: Access,
) -> Result<Rc<MerchantContext>, ApiError> {
    let Some(api_key) = header_text(request, "api-key") else {
        let has_token = request.headers().contains_key("api-token");
        if !has_token && has_session(cx, request) {
            return session_holder(cx, request).await;
        }
        return match access {
            Access::Basic | Access::Secret => token_holder(cx, request).await,
            Access::Keys => Err(ApiError::of(Code::ApiKeyMissing)),
        };
    };
    refuse_other_kind(cx, "api-key", api_key)?;
    if is_named(api_key) {
        return named_key_holder(cx, request, api_key).await;
    }
    let context = async {
        cx.directory
            .by_api_key(&cx.runtime, &cx.config.master_key, api_key)
            .await?
            .ok_or_else(|| ApiError::of(Code::ApiKeyUnknown))
    };
    let context = authenticate(cx, request, "api-key", context).await?;
    if access != Access::Keys && uses_token(request) {
        let holder = token_holder(cx, request).await?;
        return match holder.merchant.id == context.merchant.id {
            true => Ok(holder),
            false => Err(ApiError::field(
                Code::ApiTokenUnknown,
                "api-token",
                "The api-token is not one of this api-key's merchant.",
            )),
        };
    }
    if access != Access::Basic {
        check_secret(cx, request, &context, api_key).await?;
    }
    let print = fingerprint(api_key);
    record_caller(cx, "key", &print, &print)?;
    Ok(context)
}

/// Refuses a key or token of the other kind of deployment before it is looked up:
/// a `test_` key must not work with WeChat, nor a `live_` key with the sandbox. Keys of earlier
/// versions have no prefix and pass.
fn refuse_other_kind<R: Runtime>(
    cx: &Services<R>,
    header: &str,
    text: &str,
) -> Result<(), ApiError> {
    let (own, other) = match cx.config.is_test {
        true => ("test_", "live_"),
        false => ("live_", "test_"),
    };
    match text.starts_with(other) {
        true => Err(ApiError::field(
            Code::ApiKeyOfOtherKind,
            header,
            format!("This key begins with {other}, and this deployment's keys with {own}."),
        )),
        false => Ok(()),
    }
}

/// The merchant whose named key the request carries. The key replaces a pair of keys: its scopes,
/// not a secret, decide what it may do.
async fn named_key_holder<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    api_key: &str,
) -> Result<Rc<MerchantContext>, ApiError> {
    let context = async {
        let found = cx
            .directory
            .by_named_key(&cx.runtime, &cx.config.master_key, api_key)
            .await?;
        // The cached key may have expired meanwhile.
        let now_ms = cx.runtime.now_ms();
        let is_valid = |context: &Rc<MerchantContext>| {
            let key = context.named_key.as_ref();
            key.is_some_and(|key| key.expires_at_ms.is_none_or(|at_ms| now_ms < at_ms))
        };
        found
            .filter(is_valid)
            .ok_or_else(|| ApiError::of(Code::ApiKeyUnknown))
    };
    let context = authenticate(cx, request, "api-key", context).await?;
    for other in ["api-secret", "api-token"] {
        if request.headers().contains_key(other) {
            let why = format!("A named key is sent alone: leave out the header {other}.");
            return Err(ApiError::field(Code::ApiSecretWrong, other, why));
        }
    }
    // All named keys and tokens of a merchant share one limit.
    record_caller(cx, "key", &fingerprint(api_key), &context.merchant.id)?;
    Ok(context)
}

/// Checks the api-secret against the api-key that found the merchant.
async fn check_secret<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    context: &MerchantContext,
    api_key: &str,
) -> Result<(), ApiError> {
    let checked = async {
        let secret = header_text(request, "api-secret")
            .ok_or_else(|| ApiError::of(Code::ApiSecretMissing))?;
        match context.has_secret(secret) {
            true => Ok(()),
            false => Err(ApiError::of(Code::ApiSecretWrong)),
        }
    };
    authenticate(cx, request, &fingerprint(api_key), checked).await
}

/// Whether the caller of a BASIC call, authenticated by [`caller`], sends more
/// than the api-key, or a named key, or a session. A wrong api-secret is refused as in every call.
pub async fn has_shown_secret<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    context: &MerchantContext,
) -> Result<bool, ApiError> {
    // Roles and scopes say what these may see.
    let is_ranked = context.named_key.is_some() || context.signed_in.is_some();
    if uses_token(request) || is_ranked {
        return Ok(true);
    }
    match (
        header_text(request, "api-key"),
        header_text(request, "api-secret"),
    ) {
        (Some(api_key), Some(_)) => check_secret(cx, request, context, api_key)
            .await
            .map(|()| true),
        _ => Ok(false),
    }
}

/// Refuses a BASIC call that pays money out with the api-key alone, where the
/// merchant's `require_secret` demands the secret for such calls.
pub async fn refuse_key_alone<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    context: &MerchantContext,
) -> Result<(), ApiError> {
    match context.merchant.require_secret && !has_shown_secret(cx, request, context).await? {
        true => Err(ApiError::of(Code::ApiSecretMissing)),
        false => Ok(()),
    }
}

/// Refuses a BASIC call that names an address outside the merchant's registered
/// origins, where the merchant's `require_secret` demands the secret for such
/// calls.
pub async fn refuse_foreign_addresses<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    context: &MerchantContext,
    addresses: &[(&str, &Option<String>)],
) -> Result<(), ApiError> {
    if !context.merchant.require_secret {
        return Ok(());
    }
    let is_foreign = |address: &str| {
        origin(address).is_none_or(|origin| !context.merchant.redirect_origins.contains(&origin))
    };
    let foreign = addresses
        .iter()
        .find(|(_, address)| address.as_deref().is_some_and(is_foreign));
    match foreign {
        Some((field, _)) if !has_shown_secret(cx, request, context).await? => Err(ApiError::field(
            Code::ApiSecretMissing,
            field,
            format!(
                "The field {field} leads outside this merchant's redirect_origins: \
                     the header api-secret is needed for that."
            ),
        )),
        _ => Ok(()),
    }
}

/// The refusal as its caller may see it: it names the differing term only to a
/// caller that may read the order.
pub async fn refusal_for<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    context: &MerchantContext,
    error: ApiError,
) -> ApiError {
    let may_read = match &context.named_key {
        Some(key) => key.scopes.contains(&Scope::OrdersRead),
        None => has_shown_secret(cx, request, context)
            .await
            .unwrap_or(false),
    };
    let hides = error.code == Code::OrderExistsWithDifferentTerms && !may_read;
    match hides {
        true => ApiError::of(error.code),
        false => error,
    }
}

/// Records the authenticated caller and applies its rate limit. `limited` is
/// the name of the limit's bucket.
fn record_caller<R: Runtime>(
    cx: &Services<R>,
    kind: &str,
    fingerprint: &str,
    limited: &str,
) -> Result<(), ApiError> {
    let credential = format!("{kind} {}", short(fingerprint));
    observe::set_actor(Actor::Credential(credential));
    let rate = Rate::of_key(cx.config.api_calls_per_second);
    cx.limit(Limit::Key, limited, rate)
}

/// The merchant whose api-token the request carries. The token replaces both
/// keys.
async fn token_holder<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Rc<MerchantContext>, ApiError> {
    let token =
        header_text(request, "api-token").ok_or_else(|| ApiError::of(Code::ApiKeyMissing))?;
    refuse_other_kind(cx, "api-token", token)?;
    let context = async {
        cx.directory
            .by_token(&cx.runtime, &cx.config.master_key, token)
            .await?
            .ok_or_else(|| ApiError::of(Code::ApiTokenUnknown))
    };
    let context = authenticate(cx, request, "api-token", context).await?;
    // All tokens of a merchant share one limit.
    record_caller(cx, "token", &fingerprint(token), &context.merchant.id)?;
    Ok(context)
}

/// Checks a key that a caller sends, and limits wrong keys by network address.
/// Past the limit a wrong key is answered with 429 instead of the reason; a
/// right key still passes, because its owner may use the same address. In a
/// flood of wrong keys no key is checked. Without a client address no
/// per-address limit applies.
pub async fn authenticate<R: Runtime, T>(
    cx: &Services<R>,
    request: &Request,
    key: &str,
    check: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    let Some(address) = network(request) else {
        return check.await;
    };
    let now_ms = cx.runtime.now_ms();
    let name = wrong(key, &address);
    let flood = format!("flood of {name}");
    let refused = || {
        cx.counters.count(Counter::Limited(Limit::WrongKeys));
        Err(ApiError::of(Code::TooManyWrongKeys))
    };
    if !cx.limits.is_left(&flood, now_ms) {
        return refused();
    }
    match check.await {
        Err(error) if error.code.status() == 401 => {
            cx.limits.take(flood, FLOOD, now_ms);
            match cx.limits.take(name, WRONG_KEYS, now_ms) {
                true => Err(error),
                false => refused(),
            }
        }
        checked => checked,
    }
}

/// The bucket of wrong keys of an address.
fn wrong(key: &str, address: &str) -> String {
    format!("wrong {key} {address}")
}

/// Whether the sender's address is past the limit of wrong keys, so that a check of
/// its key that costs much is not made.
pub fn is_past_limit<R: Runtime>(cx: &Services<R>, request: &Request, key: &str) -> bool {
    let now_ms = cx.runtime.now_ms();
    let is_past = |address: String| !cx.limits.is_left(&wrong(key, &address), now_ms);
    let is_past = network(request).is_some_and(is_past);
    if is_past {
        cx.counters.count(Counter::Limited(Limit::WrongKeys));
    }
    is_past
}

/// Authenticates the operator by `ADMIN_TOKEN`.
pub async fn admin<R: Runtime>(cx: &Services<R>, request: &Request) -> Result<(), ApiError> {
    let checked = async { is_admin(cx, request) };
    authenticate(cx, request, "admin", checked).await
}

fn is_admin<R: Runtime>(cx: &Services<R>, request: &Request) -> Result<(), ApiError> {
    let given = header_text(request, "authorization")
        .and_then(|text| text.strip_prefix("Bearer "))
        .map(Secret::new);
    // Every token is compared, so that the time does not reveal which one
    // matched.
    let tokens = cx.config.admin_tokens.iter();
    let holds = tokens.fold(false, |holds, token| {
        (given.as_ref() == Some(token)) | holds
    });
    if holds {
        observe::set_actor(Actor::Operator);
        Ok(())
    } else {
        Err(ApiError::of(Code::AdminTokenWrong))
    }
}

/// Whether the api-token authenticates the request. A request with both keys
/// ignores it.
fn uses_token(request: &Request) -> bool {
    let has = |name| header_text(request, name).is_some();
    has("api-token") && !(has("api-key") && has("api-secret"))
}
