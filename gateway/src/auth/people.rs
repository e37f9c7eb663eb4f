//! People in the console: the cookie of a session, and what its person may do.
//!
//! ```text
//! weceive_console = merchant's id "." 40 random letters and digits
//! request ─▶ own origin ─▶ directory: whose session ─▶ require_right: what the role permits
//! ```
//!
//! A session replaces a merchant's keys: [`caller`](crate::auth::keys::caller) accepts it where
//! there is no key, and the right that the route needs takes the place of the key's scope. The
//! directory remembers sessions as it does named keys, so what is changed or ended takes effect
//! within 30 seconds.

use crate::auth::keys::authenticate;
use crate::http::error::{ApiError, Code};
use crate::http::message::{cookie, free_text, header_text};
use crate::http::rate_limit::Rate;
use crate::merchants::directory::MerchantContext;
use crate::merchants::people::{LONGEST_MS, Person, SignedIn};
use crate::merchants::registry::people::NewSession;
use crate::merchants::seal::fingerprint;
use crate::observe::labels::Limit;
use crate::observe::{self, Actor};
use crate::route::{self, Right};
use crate::runtime::{Request, Runtime};
use crate::services::Services;
use http::Method;
use std::rc::Rc;

/// The random characters of a session's cookie and of an invitation's token.
const SECRET_LENGTH: usize = 40;
/// The most characters of a browser's User-Agent that are stored.
const BROWSER_LENGTH: usize = 200;
/// How long a browser is known after a sign-in: a year.
const KNOWN_SECONDS: i64 = 366 * 86_400;
/// The purpose of the token in the cookie of a known browser.
const KNOWN: &str = "known browser";

/// The name of the session's cookie. With the prefix `__Host-` a browser accepts the cookie only
/// over https and sends it to this host only.
fn cookie_name<R: Runtime>(cx: &Services<R>) -> &'static str {
    match cx.config.is_https() {
        true => "__Host-weceive_console",
        false => "weceive_console",
    }
}

/// Whether the request carries a session.
pub fn has_session<R: Runtime>(cx: &Services<R>, request: &Request) -> bool {
    cookie(request, cookie_name(cx)).is_some()
}

/// The merchant's id in a token, and the token's fingerprint.
pub fn parts(token: &str) -> Option<(&str, String)> {
    let (id, _) = token.split_once('.')?;
    Some((id, fingerprint(token)))
}

/// A new token of this merchant: 40 letters and digits are 238 bits.
pub fn new_token<R: Runtime>(cx: &Services<R>, merchant: &str) -> String {
    format!("{merchant}.{}", cx.random_text(SECRET_LENGTH))
}

/// A new session: its token, and what the registry stores of it.
pub fn new_session<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    merchant: &str,
) -> (String, NewSession) {
    let token = new_token(cx, merchant);
    let browser = free_text(request, "user-agent").unwrap_or_default();
    let kept = browser.chars().filter(|c| !c.is_control());
    let session = NewSession {
        fingerprint: fingerprint(&token),
        browser: kept.take(BROWSER_LENGTH).collect(),
    };
    (token, session)
}

/// The cookie with this session; an empty one deletes it.
pub fn session_cookie<R: Runtime>(cx: &Services<R>, token: &str) -> String {
    let seconds = if token.is_empty() {
        0
    } else {
        LONGEST_MS / 1000
    };
    strict_cookie(cx, cookie_name(cx), token, "/", seconds)
}

fn strict_cookie<R: Runtime>(
    cx: &Services<R>,
    name: &str,
    value: &str,
    path: &str,
    seconds: i64,
) -> String {
    let secure = if cx.config.is_https() { "; Secure" } else { "" };
    format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// The cookie by which this browser is known for a login from now on.
pub fn known_cookie<R: Runtime>(cx: &Services<R>, login: &str) -> String {
    let token = cx
        .config
        .master_key
        .token(KNOWN, &(login, cx.random_text(22)));
    let name = known_name(cx, login);
    strict_cookie(cx, &name, &token, "/console/", KNOWN_SECONDS)
}

/// The browser's own name, where it is known for this login; else empty.
pub fn known_browser<R: Runtime>(cx: &Services<R>, request: &Request, login: &str) -> String {
    let token = cookie(request, &known_name(cx, login));
    let read = token.and_then(|token| cx.config.master_key.read_token(KNOWN, token));
    let known = read.filter(|(of, _): &(String, String)| of == login);
    known.map(|(_, browser)| browser).unwrap_or_default()
}

fn known_name<R: Runtime>(cx: &Services<R>, login: &str) -> String {
    let alias = cx.config.master_key.alias(KNOWN, login);
    format!("weceive_known_{}", alias.get(..16).unwrap_or_default())
}

/// Refuses a call that another site's page makes in a person's browser. Browsers
/// name the page's origin with every call that is not a plain read.
pub fn require_own_origin<R: Runtime>(cx: &Services<R>, request: &Request) -> Result<(), ApiError> {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    match reads || header_text(request, "origin") == Some(cx.config.public_url.as_str()) {
        true => Ok(()),
        false => Err(ApiError::of(Code::ForeignOrigin)),
    }
}

/// Removes the request's session from this isolate's cache: it has ended or changed.
pub fn forget_session<R: Runtime>(cx: &Services<R>, request: &Request) {
    let token = cookie(request, cookie_name(cx));
    if let Some((id, print)) = token.and_then(parts) {
        cx.directory.forget_session(id, &print);
    }
}

/// The merchant of the person whose session the request carries.
pub async fn session_holder<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Rc<MerchantContext>, ApiError> {
    require_own_origin(cx, request)?;
    let found = async {
        let needed = || ApiError::of(Code::SignInNeeded);
        let token = cookie(request, cookie_name(cx)).ok_or_else(needed)?;
        let (id, print) = parts(token).ok_or_else(needed)?;
        let (directory, key) = (&cx.directory, &cx.config.master_key);
        let found = directory.by_session(&cx.runtime, key, (id, &print)).await?;
        // The cached session may have ended meanwhile.
        let now_ms = cx.runtime.now_ms();
        let is_valid = |context: &Rc<MerchantContext>| {
            let signed_in = context.signed_in.as_ref();
            signed_in.is_some_and(|signed_in| now_ms < signed_in.session.ends_at_ms())
        };
        found.filter(is_valid).ok_or_else(needed)
    };
    let context = authenticate(cx, request, "session", found).await?;
    if let Some(SignedIn { person, .. }) = &context.signed_in {
        observe::set_actor(Actor::Person(person.id.clone()));
        let rate = Rate::of_key(cx.config.api_calls_per_second);
        cx.limit(Limit::Key, &person.id, rate)?;
    }
    Ok(context)
}

/// The person who makes a call of the console, where the role permits it.
pub async fn person<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<(Rc<MerchantContext>, SignedIn), ApiError> {
    let context = session_holder(cx, request).await?;
    let signed_in = context.signed_in.clone();
    let signed_in = signed_in.ok_or_else(|| ApiError::of(Code::SignInNeeded))?;
    require_right(request, &signed_in.person)?;
    Ok((context, signed_in))
}

/// Refuses a call that the person's role does not permit. A route without a right
/// is refused to everyone.
pub fn require_right(request: &Request, person: &Person) -> Result<(), ApiError> {
    let found = route::find(request.method(), request.uri().path());
    match found.route().and_then(|route| route.right) {
        Some(right) if person.is_granted(right) && person.is_withheld(right) => {
            Err(ApiError::of(Code::SecondFactorNeeded))
        }
        Some(right) if person.is_granted(right) => Ok(()),
        Some(right) => Err(lacks_right(right)),
        None => Err(ApiError::of(Code::RightMissing)),
    }
}

fn lacks_right(right: Right) -> ApiError {
    let why = format!("Your role does not have the right {}.", right.name());
    ApiError::new(Code::RightMissing, why)
}
