//! A merchant's people, for its owners.

use super::account::require_secrets;
use super::{lost_right, name, refuse_unknown, role_and_limit, second_factor};
use crate::auth::people::person;
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::success;
use crate::merchants::people::{Invitation, Person};
use crate::merchants::registry::people::{
    ChangePerson, Changed, PersonSettings, RemovePerson, Staff, StaffFacts,
};
use crate::merchants::shards::ask;
use crate::route::Role;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use serde_json::{Value, json};

/// `GET /console/api/people`: the people in the order in which they joined, and the
/// invitations that can be used, newest first.
pub async fn get_people<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let (context, signed_in) = person(cx, request).await?;
    Fields::of_query_string(request, &[])?;
    let id = context.merchant.id.clone();
    let StaffFacts {
        people,
        invitations,
    } = *ask(&cx.runtime, Staff { id }).await?;
    let you = &signed_in.person.id;
    let people: Vec<Value> = people.iter().map(|of| person_data(of, you)).collect();
    let invitations: Vec<Value> = invitations.iter().map(invitation_data).collect();
    Ok(success(
        json!({ "people": people, "invitations": invitations }),
    ))
}

/// `PATCH /console/api/people/{id} {role?, refund_limit?, is_off?, name?, password?, code?}`: a
/// field that is not sent stays. A person becomes an owner, also again after being switched off,
/// only with the caller's own password and code. It takes effect within 30 seconds everywhere.
/// Links that the person has made end where it may not invite any more.
pub async fn change_person<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let (context, signed_in) = person(cx, request).await?;
    let fields = Fields::read(request.body())?;
    let known = ["role", "refund_limit", "is_off", "name", "password", "code"];
    refuse_unknown(&fields, &known)?;
    let merchant = context.merchant.id.clone();
    let call = Staff {
        id: merchant.clone(),
    };
    let staff = ask(&cx.runtime, call).await?;
    let before = staff.people.iter().find(|person| person.id == id);
    let before = before.ok_or_else(|| ApiError::of(Code::PersonNotFound))?;
    let usual = (before.role, before.refund_limit);
    let (role, refund_limit) = role_and_limit(&fields, Some(usual))?;
    let settings = PersonSettings {
        name: name(&fields)?.unwrap_or_else(|| before.name.clone()),
        role,
        refund_limit,
        is_off: fields.flag_or("is_off", before.is_off)?,
    };
    let you = &signed_in.person.id;
    let is_other_owner = |of: &&Person| of.id != *you && of.role == Role::Owner && !of.is_off;
    if id == you && staff.people.iter().any(|of| is_other_owner(&of)) {
        let own = PersonSettings::of(before);
        for (field, is_other) in [
            ("role", settings.role != own.role),
            ("refund_limit", settings.refund_limit != own.refund_limit),
            ("is_off", settings.is_off != own.is_off),
        ] {
            if is_other {
                let problem = "is not changed by the person itself: ask another owner";
                return Err(fields.error(Code::RightMissing, field, problem));
            }
        }
    }
    let is_owner = |role: Role, is_off: bool| role == Role::Owner && !is_off;
    if !is_owner(before.role, before.is_off) && is_owner(settings.role, settings.is_off) {
        require_secrets(cx, &context, &signed_in, &fields).await?;
    }
    let change = ChangePerson {
        id: merchant,
        person: id.to_owned(),
        settings,
        by: Some(you.clone()),
    };
    match ask(&cx.runtime, change).await? {
        Changed::Refused => Err(lost_right(cx, request).await),
        other => changed(other).map(|person| success(person_data(&person, you))),
    }
}

/// `DELETE /console/api/people/{id}`: the sign-in ends, within 30 seconds everywhere.
/// The audit keeps the name. Keys that the person has made stay; invitations end.
pub async fn remove_person<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let (context, signed_in) = person(cx, request).await?;
    let remove = RemovePerson {
        id: context.merchant.id.clone(),
        person: id.to_owned(),
        by: Some(signed_in.person.id),
    };
    match ask(&cx.runtime, remove).await? {
        Changed::Refused => Err(lost_right(cx, request).await),
        other => changed(other).map(|_| success(json!({}))),
    }
}

fn changed(changed: Changed) -> Result<Box<Person>, ApiError> {
    match changed {
        Changed::Done(person) => Ok(person),
        Changed::NotFound => Err(ApiError::of(Code::PersonNotFound)),
        Changed::LastOwner => Err(ApiError::of(Code::LastOwner)),
        Changed::Refused => Err(ApiError::of(Code::RightMissing)),
        Changed::NameTaken => Err(ApiError::field(
            Code::NameTaken,
            "name",
            Code::NameTaken.advice(),
        )),
    }
}

fn person_data(person: &Person, you: &str) -> Value {
    json!({
        "id": person.id,
        "login": person.login,
        "name": person.name,
        "role": person.role,
        "refund_limit": person.refund_limit,
        "second_factor": second_factor(person),
        "is_off": person.is_off,
        "made_at_ms": person.made_at_ms,
        "signed_in_at_ms": person.signed_in_at_ms,
        "you": person.id == you,
    })
}

fn invitation_data(invitation: &Invitation) -> Value {
    let is_reset = invitation.person.is_some();
    json!({
        "id": invitation.id,
        "kind": if is_reset { "reset" } else { "join" },
        "role": invitation.role,
        "refund_limit": invitation.refund_limit,
        "name": invitation.name,
        "person": invitation.person,
        "made_by": invitation.made_by,
        "made_at_ms": invitation.made_at_ms,
        "expires_at_ms": invitation.expires_at_ms,
    })
}
