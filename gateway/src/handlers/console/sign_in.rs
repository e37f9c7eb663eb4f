//! Signing in to the console, and out.

use super::{login, me, opened, sealed, signed_in};
use crate::auth::keys::{authenticate, is_past_limit};
use crate::auth::people::{
    forget_session, has_session, known_browser, new_session, person, require_own_origin,
    session_cookie,
};
use crate::auth::{password, totp};
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::{set, success};
use crate::merchants::people::Secrets;
use crate::merchants::registry::people::{
    ChangeSecrets, EndSessions, FindPerson, Recognised, StartSession, StoredPerson, TrySignIn,
};
use crate::merchants::shards::{ask, merchants_of_login};
use crate::observe::{self, Actor};
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use ::http::header;
use serde_json::json;

/// The longest code that is read: a recovery code, with spaces or hyphens that people add.
const LONGEST_CODE: usize = 32;

/// The name of the limit of wrong sign-ins of an address.
const LIMITED: &str = "sign-in";

/// A sign-in that was checked.
struct Checked {
    merchant: String,
    found: StoredPerson,
    /// The secrets afterwards: without the recovery code that was used.
    after: Option<Secrets>,
    /// The time step of the code that was used.
    step: Option<i64>,
}

/// `POST /console/api/sign-in {login, password, code?}`. The answer and the work are
/// the same for an unknown login. Wrong sign-ins are counted by address, and by login: separately
/// for each browser in which the person has signed in before, and together for all other browsers,
/// so that an attacker cannot lock a person out of a known browser.
pub async fn sign_in<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    require_own_origin(cx, request)?;
    let fields = Fields::read(request.body())?;
    let login = login(&fields)?;
    let given = fields.required("password", password::LONGEST)?;
    let code = fields.text("code", LONGEST_CODE)?;
    let browser = known_browser(cx, request, &login);
    // A hash costs more than a look-up of a key.
    if browser.is_empty() && is_past_limit(cx, request, LIMITED) {
        return Err(ApiError::of(Code::TooManySignIns));
    }
    let checked = check(cx, &login, &given, code.as_deref(), &browser);
    let checked = authenticate(cx, request, LIMITED, checked).await;
    let checked = checked.map_err(|error| match error.code {
        Code::TooManyWrongKeys => ApiError::of(Code::TooManySignIns),
        _ => error,
    })?;
    let Some(checked) = checked else {
        return Err(ApiError::of(Code::CodeNeeded));
    };
    let Checked {
        merchant,
        found,
        after,
        step,
    } = checked;
    let person = found.person;
    observe::set_actor(Actor::Person(person.id.clone()));
    let (token, session) = new_session(cx, request, &merchant);
    let fingerprint = session.fingerprint.clone();
    let codes_left = after
        .as_ref()
        .and_then(|after| i64::try_from(after.codes.len()).ok())
        .unwrap_or(person.codes_left);
    let after = match after {
        Some(after) => sealed(cx, &merchant, &person.id, &after)?,
        None => found.sealed.clone(),
    };
    let start = StartSession {
        id: merchant.clone(),
        person: person.id,
        secrets: [found.sealed, after],
        codes_left,
        step,
        session,
    };
    if !ask(&cx.runtime, start).await? {
        // The code was used by another sign-in, or the password was changed.
        let code = code.map_or(Code::SignInRefused, |_| Code::CodeWrong);
        return Err(ApiError::of(code));
    }
    recognised(cx, &login, &browser, false).await?;
    if code.is_some() {
        recognised(cx, &login, &browser, true).await?;
    }
    signed_in(cx, &merchant, &token, &fingerprint).await
}

/// The person, where login, password and code are right; `None` where only the code
/// is missing.
async fn check<R: Runtime>(
    cx: &Services<R>,
    login: &str,
    given: &str,
    code: Option<&str>,
    browser: &str,
) -> Result<Option<Checked>, ApiError> {
    attempt(cx, login, browser, false).await?;
    let mut ids = merchants_of_login(&cx.runtime, login).await?;
    if ids.is_empty() {
        // An unknown login costs as many calls as any other.
        ids.push(login.to_owned());
    }
    let mut found = None;
    for id in ids {
        let find = FindPerson {
            id: id.clone(),
            login: login.to_owned(),
        };
        if let Some(person) = ask(&cx.runtime, find).await? {
            let secrets = opened(cx, &id, &person.person.id, &person.sealed)?;
            found = Some((id, *person, secrets));
            break;
        }
    }
    let refused = || ApiError::of(Code::SignInRefused);
    let hash = found.as_ref().map(|(_, _, secrets)| &secrets.password);
    let is_right = password::is_right(hash, given)?;
    let (merchant, found, mut secrets) = found.filter(|_| is_right).ok_or_else(refused)?;
    if found.person.is_off {
        return Err(refused());
    }
    let mut checked = Checked {
        merchant,
        found,
        after: None,
        step: None,
    };
    let code = code.map(totp::without_spaces);
    match (&secrets.totp, &code) {
        (None, _) => {}
        (Some(_), None) => {
            recognised(cx, login, browser, false).await?;
            return Ok(None);
        }
        (Some(_), Some(_)) => attempt(cx, login, browser, true).await?,
    }
    match (&secrets.totp, code) {
        (None, _) | (Some(_), None) => {}
        (Some(secret), Some(code)) if totp::is_time_code(&code) => {
            checked.step = totp::step_of(secret, &code, cx.runtime.now_ms())?;
            if checked.step.is_none() {
                return Err(wrong_code(cx, &checked).await?);
            }
        }
        (Some(_), Some(code)) => {
            if !secrets.use_code(&totp::as_shown(&code)) {
                return Err(wrong_code(cx, &checked).await?);
            }
            checked.after = Some(secrets);
        }
    }
    Ok(Some(checked))
}

/// Writes a wrong code after a right password to the audit: the caller may be guessing.
async fn wrong_code<R: Runtime>(cx: &Services<R>, checked: &Checked) -> Result<ApiError, ApiError> {
    let StoredPerson { person, sealed } = &checked.found;
    let note = ChangeSecrets {
        id: checked.merchant.clone(),
        person: person.id.clone(),
        secrets: [sealed.clone(), sealed.clone()],
        factor: (person.has_totp, person.codes_left),
        step: None,
        what: "a right password with a wrong code".to_owned(),
        session: None,
    };
    ask(&cx.runtime, note).await?;
    Ok(ApiError::of(Code::CodeWrong))
}

/// Counts a sign-in, or a `code`, as a wrong one until it is [`recognised`].
async fn attempt<R: Runtime>(
    cx: &Services<R>,
    login: &str,
    browser: &str,
    code: bool,
) -> Result<(), ApiError> {
    let attempt = TrySignIn {
        login: login.to_owned(),
        browser: browser.to_owned(),
        code,
    };
    match ask(&cx.runtime, attempt).await? {
        true => Ok(()),
        false => Err(ApiError::of(Code::TooManySignIns)),
    }
}

/// Tells the login's shard that the sign-in, or its `code`, was not a wrong one.
async fn recognised<R: Runtime>(
    cx: &Services<R>,
    login: &str,
    browser: &str,
    code: bool,
) -> Result<(), ApiError> {
    let recognised = Recognised {
        login: login.to_owned(),
        browser: browser.to_owned(),
        code,
    };
    ask(&cx.runtime, recognised).await
}

/// `POST /console/api/sign-out`: ends the session and deletes its cookie.
pub async fn sign_out<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    require_own_origin(cx, request)?;
    if has_session(cx, request) {
        match person(cx, request).await {
            Ok((context, signed_in)) => {
                let end = EndSessions {
                    id: context.merchant.id.clone(),
                    person: signed_in.person.id,
                    only: Some(signed_in.session.id.clone()),
                    but: None,
                };
                ask(&cx.runtime, end).await?;
                forget_session(cx, request);
            }
            // The session has ended already.
            Err(error) if error.code == Code::SignInNeeded => {}
            Err(error) => return Err(error),
        }
    }
    let mut response = success(json!({}));
    set(&mut response, header::SET_COOKIE, &session_cookie(cx, ""));
    Ok(response)
}

/// `GET /console/api/me`.
pub async fn get_me<R: Runtime>(cx: &Services<R>, request: &Request) -> Result<Response, ApiError> {
    let (context, _) = person(cx, request).await?;
    Fields::of_query_string(request, &[])?;
    me(cx, &context)
}
