//! `/console/api/`: what a merchant's staff needs in addition to the merchant's API: to
//! join, to sign in, and to manage one's sign-in and other people. The console does everything else
//! by the merchant's API.

pub mod account;
pub mod invitation;
pub mod people;
pub mod sign_in;

use crate::auth::password;
use crate::auth::people::{forget_session, known_cookie, person, session_cookie};
use crate::handlers::answers::brand_data;
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::{set, success};
use crate::merchants::directory::MerchantContext;
use crate::merchants::people::{Person, Secrets, Session};
use crate::merchants::time_zone;
use crate::route::{Right, Role};
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use ::http::header;
use order::{Currency, Money};
use serde_json::{Value, json};

/// Why a call is refused whose person has lost the right since the session was
/// remembered: the next call is refused for the same reason.
async fn lost_right<R: Runtime>(cx: &Services<R>, request: &Request) -> ApiError {
    forget_session(cx, request);
    match person(cx, request).await {
        Err(error) => error,
        Ok(_) => ApiError::of(Code::RightMissing),
    }
}

/// The longest login, in characters.
const LONGEST_LOGIN: usize = 64;
const SHORTEST_LOGIN: usize = 3;
/// The longest name of a person, in bytes.
const LONGEST_NAME: usize = 64;

/// The field `login`, in lower case.
fn login(fields: &Fields) -> Result<String, ApiError> {
    const NAME: &str = "login";
    let login = fields.required(NAME, LONGEST_LOGIN)?.to_ascii_lowercase();
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".@_+-".contains(&b);
    match login.len() >= SHORTEST_LOGIN && login.bytes().all(allowed) {
        true => Ok(login),
        false => Err(fields.invalid(
            NAME,
            "must have 3 to 64 of the letters a to z, digits and . @ _ + -",
        )),
    }
}

/// The field `name`: the person's name, for other people.
fn name(fields: &Fields) -> Result<Option<String>, ApiError> {
    let name = fields.text("name", LONGEST_NAME)?;
    // Such a character makes one name look like another.
    if name
        .as_ref()
        .is_some_and(|name| name.chars().any(is_invisible))
    {
        return Err(fields.invalid("name", "must not hold characters that are not shown"));
    }
    let trimmed = name.map(|name| name.trim().to_owned());
    Ok(trimmed.filter(|name| !name.is_empty()))
}

/// Characters of no width, and those that change the direction of a text (Unicode 16,
/// section 23.2, general category Cf).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// The field `name`: a new password for the person with this login.
fn new_password(fields: &Fields, name: &str, login: &str) -> Result<String, ApiError> {
    let new = fields.required(name, password::LONGEST)?;
    match password::problem(&new, login) {
        Some(problem) => Err(fields.invalid(name, problem)),
        None => Ok(new),
    }
}

/// The fields `role` and `refund_limit`, which only a cashier has.
fn role_and_limit(
    fields: &Fields,
    before: Option<(Role, Option<i64>)>,
) -> Result<(Role, Option<i64>), ApiError> {
    let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
    let wrong = || fields.invalid("role", &format!("must be one of {}", names.join(", ")));
    let role = match (fields.text("role", 16)?, before) {
        (Some(name), _) => Role::named(&name).ok_or_else(wrong)?,
        (None, Some((role, _))) => role,
        (None, None) => return Err(fields.missing("role")),
    };
    let sent = fields.whole("refund_limit", 0..=Money::MAX_MINOR)?;
    if sent.is_some_and(|limit| limit > 0) && role != Role::Cashier {
        return Err(fields.invalid("refund_limit", "belongs to the role cashier"));
    }
    let kept = before.and_then(|(_, limit)| limit);
    let limit = match fields.names().any(|name| name == "refund_limit") {
        true => sent,
        false => kept,
    };
    Ok((role, limit.filter(|_| role == Role::Cashier)))
}

/// Refuses fields that the call does not take: an ignored one would look like one
/// that has an effect.
fn refuse_unknown(fields: &Fields, known: &[&str]) -> Result<(), ApiError> {
    match fields.names().find(|name| !known.contains(name)) {
        Some(name) => Err(fields.invalid(name, "is not one that the call takes")),
        None => Ok(()),
    }
}

/// A person's secrets, sealed.
fn sealed<R: Runtime>(
    cx: &Services<R>,
    merchant: &str,
    person: &str,
    secrets: &Secrets,
) -> Result<String, ApiError> {
    let mut nonce = [0; 12];
    cx.runtime.random(&mut nonce);
    let sealed = secrets.seal(merchant, person, &cx.config.master_key, nonce);
    sealed.map_err(ApiError::internal)
}

/// A person's secrets, opened.
fn opened<R: Runtime>(
    cx: &Services<R>,
    merchant: &str,
    person: &str,
    sealed: &str,
) -> Result<Secrets, ApiError> {
    Secrets::open(merchant, person, &cx.config.master_key, sealed).map_err(ApiError::internal)
}

/// The answer to a sign-in: who the person is, with the session's cookie.
async fn signed_in<R: Runtime>(
    cx: &Services<R>,
    merchant: &str,
    token: &str,
    fingerprint: &str,
) -> Result<Response, ApiError> {
    let (directory, key) = (&cx.directory, &cx.config.master_key);
    let found = directory
        .by_session(&cx.runtime, key, (merchant, fingerprint))
        .await?;
    let context = found.ok_or_else(|| ApiError::of(Code::SignInNeeded))?;
    let mut response = me(cx, &context)?;
    set(
        &mut response,
        header::SET_COOKIE,
        &session_cookie(cx, token),
    );
    if let Some(signed_in) = &context.signed_in {
        let known = known_cookie(cx, &signed_in.person.login);
        set(&mut response, header::SET_COOKIE, &known);
    }
    Ok(response)
}

/// Who is signed in, at which merchant, and what works for the person now.
fn me<R: Runtime>(cx: &Services<R>, context: &MerchantContext) -> Result<Response, ApiError> {
    let signed_in = context.signed_in.as_ref();
    let signed_in = signed_in.ok_or_else(|| ApiError::of(Code::SignInNeeded))?;
    let (person, session, merchant) = (&signed_in.person, &signed_in.session, &context.merchant);
    let currencies = cx.upstream(context).currencies();
    let currencies = currencies.map(|all| all.into_iter().map(Currency::code).collect::<Vec<_>>());
    let now_ms = cx.runtime.now_ms();
    let (day, from_ms) = time_zone::today(&merchant.time_zone, now_ms)
        .ok_or_else(|| ApiError::internal("the merchant's time zone is unknown"))?;
    let can = Right::ALL.iter().filter(|right| {
        **right != Right::Account && person.is_granted(**right) && !person.is_withheld(**right)
    });
    let can: Vec<&str> = can.map(|right| right.name()).collect();
    Ok(success(json!({
        "person": {
            "id": person.id,
            "login": person.login,
            "name": person.name,
            "role": person.role,
            "refund_limit": person.refund_limit,
            "second_factor": second_factor(person),
            "recovery_codes_left": person.codes_left,
        },
        "can": can,
        "merchant": {
            "id": merchant.id,
            "name": merchant.name,
            "currency": merchant.currency.code(),
            "currencies": currencies,
            "time_zone": merchant.time_zone,
            "dialect": merchant.dialect.name(),
            "suspended": merchant.suspended_at_ms.is_some(),
            "brand": brand_data(cx, merchant),
            "retype_refunds_from": merchant.retype_refunds_from,
        },
        "is_test": cx.config.is_test,
        "today": {"day": day, "from_ms": from_ms},
        "session": session_data(session),
    })))
}

/// `on`; `needed` where rights wait for it; else `off`.
fn second_factor(person: &Person) -> &'static str {
    match (person.has_totp, person.needs_totp()) {
        (true, _) => "on",
        (false, true) => "needed",
        (false, false) => "off",
    }
}

fn session_data(session: &Session) -> Value {
    json!({
        "id": session.id,
        "browser": session.browser,
        "signed_in_at_ms": session.signed_in_at_ms,
        "used_at_ms": session.used_at_ms,
        "ends_at_ms": session.ends_at_ms(),
    })
}
