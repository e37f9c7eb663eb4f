//! Invitations: one-time links by which a person joins a merchant's staff, or sets
//! a new password.

use super::account::require_secrets;
use super::{
    login, lost_right, name, new_password, refuse_unknown, role_and_limit, sealed, signed_in,
};
use crate::auth::keys::admin;
use crate::auth::password;
use crate::auth::people::{new_session, new_token, parts, person, require_own_origin};
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::success;
use crate::merchants::directory::MerchantContext;
use crate::merchants::people::{Invitation, Person, Secrets, is_same_name};
use crate::merchants::registry::people::{
    FindInvitation, FindPerson, Invite, Invited, Join, Joined, NewInvitation, NewSession, SetAnew,
    Staff, StartSession, Withdraw,
};
use crate::merchants::seal::{fingerprint, short};
use crate::merchants::shards::{ask, merchants_of_login};
use crate::observe::{self, Actor, RequestContext};
use crate::route::Role;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use serde_json::{Value, json};
use std::rc::Rc;

/// The longest token that is read.
const LONGEST_TOKEN: usize = 128;
/// The usual and the longest validity of a link, in hours.
const USUAL_HOURS: i64 = 72;
const MOST_HOURS: i64 = 168;
const HOUR_MS: i64 = 60 * 60 * 1000;
/// The length of a person's id.
const ID_LENGTH: usize = 12;

/// An invitation that can be used, and its merchant.
struct Open {
    merchant: Rc<MerchantContext>,
    fingerprint: String,
    invited: Invited,
}

/// The invitation of the field `token`. An unknown, used, withdrawn or expired token gets the same
/// answer.
async fn open<R: Runtime>(cx: &Services<R>, fields: &Fields) -> Result<Open, ApiError> {
    let token = fields.required("token", LONGEST_TOKEN)?;
    let gone = || {
        ApiError::field(
            Code::InvitationNotFound,
            "token",
            Code::InvitationNotFound.advice(),
        )
    };
    let (id, fingerprint) = parts(&token).ok_or_else(gone)?;
    let (directory, key) = (&cx.directory, &cx.config.master_key);
    let merchant = directory.by_id(&cx.runtime, key, id).await?;
    let merchant = merchant.ok_or_else(gone)?;
    let find = FindInvitation {
        id: id.to_owned(),
        fingerprint: fingerprint.clone(),
    };
    let invited = *ask(&cx.runtime, find).await?.ok_or_else(gone)?;
    Ok(Open {
        merchant,
        fingerprint,
        invited,
    })
}

/// `POST /console/api/invitation {token}`: what the link is for. The token is in
/// the body, so that no log of a proxy has it.
pub async fn view_invitation<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    require_own_origin(cx, request)?;
    let fields = Fields::read(request.body())?;
    let Open {
        merchant, invited, ..
    } = open(cx, &fields).await?;
    let Invited { invitation, person } = invited;
    let person = person.as_ref();
    Ok(success(json!({
        "kind": if person.is_some() { "reset" } else { "join" },
        "role": person.map_or(invitation.role, |person| person.role),
        "refund_limit": person.map_or(invitation.refund_limit, |person| person.refund_limit),
        "login": person.map(|person| &person.login),
        "name": person.map(|person| &person.name),
        "merchant": {"id": merchant.merchant.id, "name": merchant.merchant.name},
        "expires_at_ms": invitation.expires_at_ms,
    })))
}

/// `POST /console/api/accept {token, login, name, password}`: joins, and is signed
/// in; by a link for a person `{token, password}` sets a new password. On a developer's
/// machine `{token}` alone signs that person in and changes nothing.
pub async fn accept_invitation<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    require_own_origin(cx, request)?;
    let fields = Fields::read(request.body())?;
    let Open {
        merchant,
        fingerprint,
        invited,
    } = open(cx, &fields).await?;
    let gone = || {
        ApiError::field(
            Code::InvitationNotFound,
            "token",
            Code::InvitationNotFound.advice(),
        )
    };
    let id = merchant.merchant.id.clone();
    let (token, session) = new_session(cx, request, &id);
    let print = session.fingerprint.clone();
    if let Some(person) = invited.person {
        refuse_unknown(&fields, &["token", "password"])?;
        if cx.config.development && !fields.has("password") {
            return enter(cx, (&id, &invited.invitation.id), person, (&token, session)).await;
        }
        let sealed = new_secrets(cx, &fields, (&id, &person.id), &person.login)?;
        observe::set_actor(Actor::Person(person.id.clone()));
        let set = SetAnew {
            id: id.clone(),
            invitation: fingerprint,
            person: person.id,
            sealed,
            session,
        };
        return match ask(&cx.runtime, set).await? {
            true if person.is_off => Err(ApiError::of(Code::SignInRefused)),
            true => signed_in(cx, &id, &token, &print).await,
            false => Err(gone()),
        };
    }
    refuse_unknown(&fields, &["token", "login", "name", "password"])?;
    let login = login(&fields)?;
    let name = name(&fields)?.ok_or_else(|| fields.missing("name"))?;
    new_password(&fields, "password", &login)?;
    refuse_taken(cx, &id, &login, &name).await?;
    let person = cx.random_text(ID_LENGTH);
    let sealed = new_secrets(cx, &fields, (&id, &person), &login)?;
    observe::set_actor(Actor::Person(person.clone()));
    let join = Join {
        id: id.clone(),
        invitation: fingerprint,
        person,
        login,
        name,
        sealed,
        session,
    };
    match ask(&cx.runtime, join).await? {
        Joined::Done => signed_in(cx, &id, &token, &print).await,
        Joined::Gone => Err(gone()),
        Joined::LoginTaken => Err(taken(Code::LoginTaken, "login")),
        Joined::NameTaken => Err(taken(Code::NameTaken, "name")),
    }
}

fn taken(code: Code, field: &'static str) -> ApiError {
    ApiError::field(code, field, code.advice())
}

/// Refuses a login or a name that another person has before the password is hashed: the link
/// stays, and its holder could have hashes made without end. [`Join`] looks again.
async fn refuse_taken<R: Runtime>(
    cx: &Services<R>,
    merchant: &str,
    login: &str,
    name: &str,
) -> Result<(), ApiError> {
    let id = merchant.to_owned();
    let staff = ask(&cx.runtime, Staff { id }).await?;
    if staff.people.iter().any(|of| is_same_name(&of.name, name)) {
        return Err(taken(Code::NameTaken, "name"));
    }
    // After the name: with a name that is taken, the link would tell for any number of logins
    // which are free.
    for id in merchants_of_login(&cx.runtime, login).await? {
        let login = login.to_owned();
        if ask(&cx.runtime, FindPerson { id, login }).await?.is_some() {
            return Err(taken(Code::LoginTaken, "login"));
        }
    }
    Ok(())
}

/// Signs in the person whom a link names, without password and second factor. The link
/// is used up. Only where `DEVELOPMENT` is set: the demo shop's people are opened so.
async fn enter<R: Runtime>(
    cx: &Services<R>,
    (merchant, invitation): (&str, &str),
    person: Person,
    (token, session): (&str, NewSession),
) -> Result<Response, ApiError> {
    let withdraw = Withdraw {
        id: merchant.to_owned(),
        invitation: invitation.to_owned(),
        by: None,
    };
    let is_mine = ask(&cx.runtime, withdraw).await?;
    let find = FindPerson {
        id: merchant.to_owned(),
        login: person.login,
    };
    let found = ask(&cx.runtime, find).await?.filter(|_| is_mine);
    let found = found.ok_or_else(|| ApiError::of(Code::InvitationNotFound))?;
    observe::set_actor(Actor::Person(person.id.clone()));
    let print = session.fingerprint.clone();
    let start = StartSession {
        id: merchant.to_owned(),
        person: person.id,
        secrets: [found.sealed.clone(), found.sealed],
        codes_left: found.person.codes_left,
        step: None,
        session,
    };
    match ask(&cx.runtime, start).await? {
        true => signed_in(cx, merchant, token, &print).await,
        false => Err(ApiError::of(Code::SignInRefused)),
    }
}

/// The secrets of a person with a new password and no second factor, sealed.
fn new_secrets<R: Runtime>(
    cx: &Services<R>,
    fields: &Fields,
    (merchant, person): (&str, &str),
    login: &str,
) -> Result<String, ApiError> {
    let given = new_password(fields, "password", login)?;
    let mut salt = [0; password::SALT_BYTES];
    cx.runtime.random(&mut salt);
    let secrets = Secrets {
        password: password::hash(&given, salt)?,
        totp: None,
        begun: None,
        codes: Vec::new(),
    };
    sealed(cx, merchant, person, &secrets)
}

/// `POST /admin/merchants/{id}/invitations`: the operator invites a merchant's first
/// owner, or anyone; with `login` a link by which that person sets a new password.
pub async fn invite_for<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    let (directory, key) = (&cx.directory, &cx.config.master_key);
    let merchant = directory.by_id(&cx.runtime, key, id).await?;
    let merchant = merchant.ok_or_else(|| ApiError::of(Code::MerchantNotFound))?;
    let fields = match request.body().is_empty() {
        true => Fields::of_query(Default::default()),
        false => Fields::read(request.body())?,
    };
    if !fields.has("login") {
        let made = invite(cx, &merchant, &fields, Some((Role::Owner, None)), None).await?;
        return made.ok_or_else(|| ApiError::of(Code::RightMissing));
    }
    let login = login(&fields)?;
    refuse_unknown(&fields, &["login"])?;
    let id = merchant.merchant.id.clone();
    let find = FindPerson { id, login };
    let found = ask(&cx.runtime, find).await?;
    let found = found.ok_or_else(|| ApiError::of(Code::PersonNotFound))?;
    let made = reset_link(cx, &merchant.merchant.id, &found.person, None).await?;
    made.ok_or_else(|| ApiError::of(Code::RightMissing))
}

/// `POST /console/api/invitations {role, refund_limit?, name?, expires_in_hours?, password?,
/// code?}`: an owner invites a person. Another owner is invited only with the own password and
/// code: a stolen session would make its thief an owner.
pub async fn invite_person<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let (context, signed_in) = person(cx, request).await?;
    let fields = Fields::read(request.body())?;
    if fields.text("role", LONGEST_TOKEN)?.as_deref() == Some(Role::Owner.name()) {
        require_secrets(cx, &context, &signed_in, &fields).await?;
    }
    match invite(cx, &context, &fields, None, Some(signed_in.person.id)).await? {
        Some(answer) => Ok(answer),
        None => Err(lost_right(cx, request).await),
    }
}

/// `DELETE /console/api/invitations/{id}`.
pub async fn withdraw_invitation<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let (context, signed_in) = person(cx, request).await?;
    let withdraw = Withdraw {
        id: context.merchant.id.clone(),
        invitation: id.to_owned(),
        by: Some(signed_in.person.id),
    };
    match ask(&cx.runtime, withdraw).await? {
        true => Ok(success(json!({}))),
        false => Err(ApiError::of(Code::InvitationNotFound)),
    }
}

/// `POST /console/api/people/{id}/reset {password, code?}`: a link by which the person sets a
/// new password, made only with the caller's own. The second factor ends when the link is
/// used, and not before.
pub async fn reset_person<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let (context, signed_in) = person(cx, request).await?;
    // A stolen session would become a password. The own one is changed with it.
    if id == signed_in.person.id {
        let why = "The own password is changed with the present one: POST /console/api/password.";
        return Err(ApiError::new(Code::RightMissing, why));
    }
    let fields = Fields::read(request.body())?;
    refuse_unknown(&fields, &["password", "code"])?;
    require_secrets(cx, &context, &signed_in, &fields).await?;
    let merchant = &context.merchant.id;
    let call = Staff {
        id: merchant.clone(),
    };
    let staff = ask(&cx.runtime, call).await?;
    let of = staff.people.iter().find(|person| person.id == id);
    let of = of.ok_or_else(|| ApiError::of(Code::PersonNotFound))?;
    match reset_link(cx, merchant, of, Some(signed_in.person.id)).await? {
        Some(answer) => Ok(answer),
        None => Err(lost_right(cx, request).await),
    }
}

/// Makes a link by which a person sets a new password. `None` where `by` may not make
/// one any more.
async fn reset_link<R: Runtime>(
    cx: &Services<R>,
    merchant: &str,
    of: &Person,
    by: Option<String>,
) -> Result<Option<Response>, ApiError> {
    let now_ms = cx.runtime.now_ms();
    let invitation = Invitation {
        id: String::new(),
        role: of.role,
        refund_limit: of.refund_limit,
        name: None,
        person: Some(of.id.clone()),
        made_by: RequestContext::current().who.to_string(),
        made_at_ms: now_ms,
        expires_at_ms: now_ms + USUAL_HOURS * HOUR_MS,
    };
    let data = made(cx, merchant, invitation, by).await?;
    Ok(data.map(success))
}

/// Makes an invitation. Only this answer has its link. `None` where `by` may not invite
/// any more.
async fn invite<R: Runtime>(
    cx: &Services<R>,
    merchant: &MerchantContext,
    fields: &Fields,
    usual: Option<(Role, Option<i64>)>,
    by: Option<String>,
) -> Result<Option<Response>, ApiError> {
    let mut known = vec!["role", "refund_limit", "name", "expires_in_hours"];
    if by.is_some() {
        known.extend(["password", "code"]);
    }
    refuse_unknown(fields, &known)?;
    let (role, refund_limit) = role_and_limit(fields, usual)?;
    let name = name(fields)?;
    let hours = fields.whole("expires_in_hours", 1..=MOST_HOURS)?;
    let invitation = Invitation {
        id: String::new(),
        role,
        refund_limit,
        name,
        person: None,
        made_by: RequestContext::current().who.to_string(),
        made_at_ms: cx.runtime.now_ms(),
        expires_at_ms: cx.runtime.now_ms() + hours.unwrap_or(USUAL_HOURS) * HOUR_MS,
    };
    let data = made(cx, &merchant.merchant.id, invitation, by).await?;
    Ok(data.map(success))
}

/// Stores an invitation, and returns the answer for the person who made it. `None` where `by` may
/// not invite any more.
async fn made<R: Runtime>(
    cx: &Services<R>,
    merchant: &str,
    invitation: Invitation,
    by: Option<String>,
) -> Result<Option<Value>, ApiError> {
    let token = new_token(cx, merchant);
    let print = fingerprint(&token);
    let invitation = Invitation {
        id: short(&print).to_owned(),
        ..invitation
    };
    let data = json!({
        "id": invitation.id,
        "url": format!("{}/console/#/join/{token}", cx.config.public_url),
        "role": invitation.role,
        "refund_limit": invitation.refund_limit,
        "expires_at_ms": invitation.expires_at_ms,
    });
    let invite = Invite {
        id: merchant.to_owned(),
        fingerprint: print,
        invitation,
        by,
    };
    match ask(&cx.runtime, invite).await? {
        NewInvitation::Done => Ok(Some(data)),
        NewInvitation::Refused => Ok(None),
        NewInvitation::Full => Err(ApiError::of(Code::TooManyPeople)),
        NewInvitation::NotFound => Err(ApiError::of(Code::PersonNotFound)),
    }
}
