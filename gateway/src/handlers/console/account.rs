//! A person's own sign-in: the password, the second factor, the sessions.

use super::{new_password, opened, sealed, session_data, signed_in as answer_signed_in};
use crate::auth::people::{new_session, person};
use crate::auth::{password, totp};
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::{set, success};
use crate::merchants::directory::MerchantContext;
use crate::merchants::people::{Secrets, SignedIn};
use crate::merchants::registry::people::{
    ChangeSecrets, EndSessions, FindPerson, Recognised, Sessions, TrySignIn,
};
use crate::merchants::seal::fingerprint;
use crate::merchants::shards::ask;
use crate::render::qr::{Picture, QrCodeEcc};
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use ::http::header;
use serde_json::{Value, json};

/// How long a second factor can be confirmed after its secret was shown.
const BEGUN_MS: i64 = 15 * 60 * 1000;
/// The longest code that is read.
const LONGEST_CODE: usize = 32;

/// A person's secrets as they are stored, opened.
struct OwnSecrets {
    before: String,
    secrets: Secrets,
}

/// The secrets of the person who calls.
async fn own<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    signed_in: &SignedIn,
) -> Result<OwnSecrets, ApiError> {
    let (id, person) = (&context.merchant.id, &signed_in.person);
    let find = FindPerson {
        id: id.clone(),
        login: person.login.clone(),
    };
    let found = ask(&cx.runtime, find).await?;
    let found = found.filter(|found| found.person.id == person.id);
    let found = found.ok_or_else(|| ApiError::of(Code::SignInNeeded))?;
    Ok(OwnSecrets {
        secrets: opened(cx, id, &person.id, &found.sealed)?,
        before: found.sealed,
    })
}

/// Runs a check of a password, or of a `code`. Wrong ones are counted by session, as wrong sign-ins
/// are, because a thief of the session could guess.
async fn limited<R: Runtime, T>(
    cx: &Services<R>,
    signed_in: &SignedIn,
    code: bool,
    check: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    let (login, browser) = (&signed_in.person.login, &signed_in.session.id);
    let attempt = TrySignIn {
        login: login.clone(),
        browser: browser.clone(),
        code,
    };
    if !ask(&cx.runtime, attempt).await? {
        return Err(ApiError::of(Code::TooManySignIns));
    }
    let checked = check.await?;
    let recognised = Recognised {
        login: login.clone(),
        browser: browser.clone(),
        code,
    };
    ask(&cx.runtime, recognised).await?;
    Ok(checked)
}

/// The person's secrets, where the field `password` is the person's own.
async fn confirmed<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    signed_in: &SignedIn,
    fields: &Fields,
) -> Result<OwnSecrets, ApiError> {
    const NAME: &str = "password";
    let given = fields.required(NAME, password::LONGEST)?;
    limited(cx, signed_in, false, async {
        let own = own(cx, context, signed_in).await?;
        match password::is_right(Some(&own.secrets.password), &given)? {
            true => Ok(own),
            false => Err(ApiError::field(
                Code::PasswordWrong,
                NAME,
                Code::PasswordWrong.advice(),
            )),
        }
    })
    .await
}

/// The field `code`, as an authenticator program or the list of recovery codes shows it.
fn code(fields: &Fields) -> Result<String, ApiError> {
    Ok(totp::without_spaces(
        &fields.required("code", LONGEST_CODE)?,
    ))
}

/// The time step of the field `code`, which the second factor must confirm.
async fn step<R: Runtime>(
    cx: &Services<R>,
    signed_in: &SignedIn,
    secret: &str,
    fields: &Fields,
) -> Result<i64, ApiError> {
    let code = code(fields)?;
    limited(cx, signed_in, true, async {
        let step = totp::step_of(secret, &code, cx.runtime.now_ms())?;
        step.ok_or_else(wrong_code)
    })
    .await
}

/// Uses up a recovery code that is the field `code`.
async fn use_recovery_code<R: Runtime>(
    cx: &Services<R>,
    signed_in: &SignedIn,
    secrets: &mut Secrets,
    fields: &Fields,
) -> Result<(), ApiError> {
    let code = totp::as_shown(&code(fields)?);
    limited(cx, signed_in, true, async {
        match secrets.use_code(&code) {
            true => Ok(()),
            false => Err(wrong_code()),
        }
    })
    .await
}

/// Requires the caller's own password again, in the field `password`, and the second factor's
/// `code` where there is one: for what would outlive a session that a thief has.
pub(super) async fn require_secrets<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    signed_in: &SignedIn,
    fields: &Fields,
) -> Result<(), ApiError> {
    let own = confirmed(cx, context, signed_in, fields).await?;
    let Some(secret) = own.secrets.totp.clone() else {
        return Ok(());
    };
    let step = step(cx, signed_in, &secret, fields).await?;
    let used = ChangeSecrets {
        step: Some(step),
        ..change(cx, context, signed_in, own)?
    };
    match ask(&cx.runtime, used).await? {
        true => Ok(()),
        false => Err(wrong_code()),
    }
}

fn wrong_code() -> ApiError {
    ApiError::field(Code::CodeWrong, "code", Code::CodeWrong.advice())
}

/// The change of the caller's secrets.
fn change<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    signed_in: &SignedIn,
    own: OwnSecrets,
) -> Result<ChangeSecrets, ApiError> {
    let (id, person) = (context.merchant.id.clone(), &signed_in.person);
    let after = sealed(cx, &id, &person.id, &own.secrets)?;
    let codes_left = i64::try_from(own.secrets.codes.len()).unwrap_or(0);
    Ok(ChangeSecrets {
        id,
        person: person.id.clone(),
        secrets: [own.before, after],
        factor: (own.secrets.totp.is_some(), codes_left),
        step: None,
        what: String::new(),
        session: None,
    })
}

/// `POST /console/api/password {password, new_password, code?}`: every other session ends,
/// and this one gets another cookie. Where there is a second factor, its code is needed: the
/// new session has its own limit of wrong codes, and a thief could begin it again and again.
pub async fn change_password<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let (context, signed_in) = person(cx, request).await?;
    let fields = Fields::read(request.body())?;
    let new = new_password(&fields, "new_password", &signed_in.person.login)?;
    let mut own = confirmed(cx, &context, &signed_in, &fields).await?;
    let used = match &own.secrets.totp {
        Some(secret) => Some(step(cx, &signed_in, secret, &fields).await?),
        None => None,
    };
    let mut salt = [0; password::SALT_BYTES];
    cx.runtime.random(&mut salt);
    own.secrets.password = password::hash(&new, salt)?;
    let (token, session) = new_session(cx, request, &context.merchant.id);
    let print = session.fingerprint.clone();
    let change = ChangeSecrets {
        what: "password changed".to_owned(),
        step: used,
        session: Some(session),
        ..change(cx, &context, &signed_in, own)?
    };
    match ask(&cx.runtime, change).await? {
        true => answer_signed_in(cx, &context.merchant.id, &token, &print).await,
        false => Err(used.map_or_else(changed_meanwhile, |_| wrong_code())),
    }
}

fn changed_meanwhile() -> ApiError {
    ApiError::internal("a concurrent call changed the person's secrets")
}

/// `POST /console/api/totp {password, code?}`: a secret for a new second factor,
/// which works once it is confirmed. Where there is one, its code is needed, or a recovery code,
/// which is used up: a person who has signed in with one on a new phone can go on.
pub async fn begin_totp<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let (context, signed_in) = person(cx, request).await?;
    let fields = Fields::read(request.body())?;
    let mut own = confirmed(cx, &context, &signed_in, &fields).await?;
    let (mut used, mut what) = (None, String::new());
    let is_on = own.secrets.totp.is_some();
    if let Some(secret) = &own.secrets.totp {
        if totp::is_time_code(&code(&fields)?) {
            used = Some(step(cx, &signed_in, secret, &fields).await?);
        } else {
            use_recovery_code(cx, &signed_in, &mut own.secrets, &fields).await?;
            let left = own.secrets.codes.len();
            what = format!("a new second factor begun with a recovery code, {left} left");
        }
    }
    let mut bytes = [0; totp::SECRET_BYTES];
    cx.runtime.random(&mut bytes);
    let secret = totp::secret_text(bytes);
    let address = totp::address(&secret, &context.merchant.name, &signed_in.person.login)?;
    own.secrets.begun = Some((secret.clone(), cx.runtime.now_ms() + BEGUN_MS));
    let change = ChangeSecrets {
        step: used,
        what,
        ..change(cx, &context, &signed_in, own)?
    };
    if !ask(&cx.runtime, change).await? {
        return Err(if is_on {
            wrong_code()
        } else {
            changed_meanwhile()
        });
    }
    let picture = Picture::new(&address, QrCodeEcc::Medium);
    let picture = picture.and_then(|picture| picture.svg(None));
    let picture = picture.ok_or_else(|| ApiError::internal("an address is too long for a code"))?;
    Ok(success(json!({
        "secret": secret,
        "otpauth": address,
        "qr_svg": picture,
    })))
}

/// `POST /console/api/totp/confirm {code}`: from now on the second factor is needed.
/// The recovery codes are shown this once. The session gets another cookie, so that
/// no isolate remembers it without the second factor, and every other one ends.
pub async fn confirm_totp<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let (context, signed_in) = person(cx, request).await?;
    let fields = Fields::read(request.body())?;
    let mut own = own(cx, &context, &signed_in).await?;
    let now_ms = cx.runtime.now_ms();
    let begun = own.secrets.begun.take();
    let begun = begun.filter(|(_, until_ms)| now_ms < *until_ms);
    let (secret, _) = begun.ok_or_else(|| ApiError::of(Code::TotpNotBegun))?;
    let step = step(cx, &signed_in, &secret, &fields).await?;
    let codes = new_codes(cx);
    own.secrets.totp = Some(secret);
    own.secrets.codes = codes.iter().map(|code| fingerprint(code)).collect();
    let (token, session) = new_session(cx, request, &context.merchant.id);
    let print = session.fingerprint.clone();
    let change = ChangeSecrets {
        step: Some(step),
        what: "second factor set up".to_owned(),
        session: Some(session),
        ..change(cx, &context, &signed_in, own)?
    };
    if !ask(&cx.runtime, change).await? {
        return Err(wrong_code());
    }
    let signed_in = answer_signed_in(cx, &context.merchant.id, &token, &print).await?;
    let mut response = success(json!({ "recovery_codes": codes }));
    for cookie in signed_in.headers().get_all(header::SET_COOKIE) {
        let cookie = cookie.to_str().unwrap_or_default();
        set(&mut response, header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `POST /console/api/recovery-codes {password, code}`: new ones; the earlier ones
/// end.
pub async fn new_recovery_codes<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let (context, signed_in) = person(cx, request).await?;
    let fields = Fields::read(request.body())?;
    let mut own = confirmed(cx, &context, &signed_in, &fields).await?;
    let secret = own.secrets.totp.clone();
    let secret = secret.ok_or_else(|| ApiError::of(Code::TotpNotBegun))?;
    let step = step(cx, &signed_in, &secret, &fields).await?;
    let codes = new_codes(cx);
    own.secrets.codes = codes.iter().map(|code| fingerprint(code)).collect();
    let change = ChangeSecrets {
        step: Some(step),
        what: "new recovery codes made".to_owned(),
        ..change(cx, &context, &signed_in, own)?
    };
    match ask(&cx.runtime, change).await? {
        true => Ok(success(json!({ "recovery_codes": codes }))),
        false => Err(wrong_code()),
    }
}

fn new_codes<R: Runtime>(cx: &Services<R>) -> Vec<String> {
    let code = |_| {
        let mut bytes = [0; 10];
        cx.runtime.random(&mut bytes);
        totp::recovery_code(bytes)
    };
    (0..totp::RECOVERY_CODES).map(code).collect()
}

/// `GET /console/api/sessions`: the browsers in which the person is signed in.
pub async fn get_sessions<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let (context, signed_in) = person(cx, request).await?;
    Fields::of_query_string(request, &[])?;
    let call = Sessions {
        id: context.merchant.id.clone(),
        person: signed_in.person.id,
    };
    let sessions = ask(&cx.runtime, call).await?;
    let sessions: Vec<Value> = sessions
        .iter()
        .map(|session| {
            let mut data = session_data(session);
            if let Some(data) = data.as_object_mut() {
                let is_current = session.id == signed_in.session.id;
                data.insert("current".to_owned(), is_current.into());
            }
            data
        })
        .collect();
    Ok(success(json!({ "sessions": sessions })))
}

/// `DELETE /console/api/sessions/{id}`: ends one of the person's sessions, within 30
/// seconds everywhere.
pub async fn end_session<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    match end(cx, request, Some(id)).await? {
        0 => Err(ApiError::of(Code::ConsoleSessionNotFound)),
        _ => Ok(success(json!({}))),
    }
}

/// `DELETE /console/api/sessions`: ends all of them but the caller's.
pub async fn end_sessions<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let ended = end(cx, request, None).await?;
    Ok(success(json!({ "ended": ended })))
}

async fn end<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    only: Option<&str>,
) -> Result<i64, ApiError> {
    let (context, signed_in) = person(cx, request).await?;
    let end = EndSessions {
        id: context.merchant.id.clone(),
        person: signed_in.person.id,
        only: only.map(str::to_owned),
        but: match only {
            Some(_) => None,
            None => Some(signed_in.session.id),
        },
    };
    ask(&cx.runtime, end).await
}
