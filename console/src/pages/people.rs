//! The shop's staff: who may do what, and invitations.

use leptos::prelude::*;

use crate::api::{self, Done, OneTimeLink, OpenInvitation, People, Person};
use crate::app::app;
use crate::json::{Object, object};
use crate::live::{Live, live};
use crate::money;
use crate::texts::{self as x, t};
use crate::ui::{
    Act, Built, Field, Part, badge, choice, dialog, dy, failed, form, head, loading,
    money as shown, time, to_copy,
};
use crate::words;
use checkout::fill;

/// What is open in front of the page.
#[derive(Clone, PartialEq)]
enum Open {
    Nothing,
    Invite,
    Change(Person),
    Remove(Person),
    Reset(Person),
}

fn roles() -> Vec<(String, String)> {
    let role = |name: &str| (name.to_owned(), t(words::role(name)).to_owned());
    words::ROLES.into_iter().map(role).collect()
}

pub(crate) fn page() -> Part {
    let list = live(15_000, || api::get::<People>("/console/api/people"));
    let open = RwSignal::new(Open::Nothing);
    let close = move || open.set(Open::Nothing);
    view! {
        {head(t(x::PEOPLE).to_owned(), view! {
            <button type="button" class="button small" on:click=move |_| open.set(Open::Invite)>{t(x::INVITE)}</button>
        }.built())}
        {dy(move || list.failure.get().map(|failure| failed(&failure)))}
        {dy(move || match list.data.get() {
            None => loading(),
            Some(found) => view! {
                <ul class="cards">{found.people.into_iter().map(|person| card(person, open)).collect_view()}</ul>
                {(!found.invitations.is_empty()).then(|| view! {
                    <section><h2>{t(x::INVITATIONS)}</h2>
                        <ul class="rows">{found.invitations.into_iter().map(|open| invitation(open, list)).collect_view()}</ul>
                    </section>
                })}
            }.built(),
        })}
        {dy(move || match open.get() {
            Open::Nothing => None,
            Open::Invite => Some(invite(close, list)),
            Open::Change(person) => Some(change(&person, close, list)),
            Open::Remove(person) => Some(remove(&person, close, list)),
            Open::Reset(person) => Some(reset(&person, close)),
        })}
    }
    .built()
}

fn card(person: Person, open: RwSignal<Open>) -> Part {
    let state = match person.is_off {
        true => badge("off", t(x::OFF)),
        false => ().built(),
    };
    let factor = match person.second_factor.as_str() {
        "on" => badge("good", t(x::SECOND_FACTOR)),
        "needed" => badge("wait", t(x::SECOND_FACTOR_MISSING)),
        _ => ().built(),
    };
    let currency = app().session().merchant.currency;
    let limit = person
        .refund_limit
        .filter(|limit| *limit > 0)
        .map(|limit| fill(t(x::REFUNDS_UP_TO), &[("amount", &shown(limit, &currency))]));
    let seen = person.signed_in_at_ms.map_or_else(
        || t(x::NEVER_SIGNED_IN).to_owned(),
        |at_ms| fill(t(x::SIGNED_IN_AT), &[("time", &time(at_ms))]),
    );
    let [changed, reset, removed] = [(); 3].map(|()| person.clone());
    view! {
        <li class="card">
            <p class="top"><strong>{person.name.clone()}</strong>{state}{factor}
                {person.you.then(|| badge("", t(x::YOU)))}</p>
            <p>{t(words::role(&person.role))} {limit.map(|limit| view! { <span class="quiet">" · " {limit}</span> })}</p>
            <p class="quiet"><span class="number">{person.login.clone()}</span> " · " {seen}</p>
            {(!person.you).then(|| view! {
                <div class="actions-row">
                    <button type="button" class="button second small" on:click=move |_| open.set(Open::Change(changed.clone()))>{t(x::CHANGE)}</button>
                    <button type="button" class="button second small" on:click=move |_| open.set(Open::Reset(reset.clone()))>{t(x::RESET)}</button>
                    <button type="button" class="button second small" on:click=move |_| open.set(Open::Remove(removed.clone()))>{t(x::REMOVE)}</button>
                </div>
            })}
        </li>
    }
    .built()
}

fn invitation(open: OpenInvitation, list: Live<People>) -> Part {
    let act = Act::new();
    let path = format!("/console/api/invitations/{}", open.id);
    let withdraw = move || {
        let path = path.clone();
        act.run(api::delete::<Done>(&path), move |_| list.again());
    };
    let name = open
        .name
        .unwrap_or_else(|| t(words::role(&open.role)).to_owned());
    let kind = if open.kind == "reset" {
        x::RESET
    } else {
        x::INVITE
    };
    view! {
        <li class="row">
            <span class="what"><strong>{name}</strong>
                <span class="quiet">{t(kind)} " · " {t(words::role(&open.role))} " · "
                    {fill(t(x::UNTIL), &[("time", &time(open.expires_at_ms))])}</span></span>
            <span class="how-much">
                <button type="button" class="button second small" class:busy=act.busy
                    on:click=move |_| withdraw()>{t(x::WITHDRAW)}</button></span>
            {act.problem()}
        </li>
    }
    .built()
}

/// The own password and code, which the server asks for again where an owner or a new
/// password is made.
#[derive(Clone, Copy)]
struct Secrets {
    password: RwSignal<String>,
    code: RwSignal<String>,
}

impl Secrets {
    fn new() -> Self {
        Self {
            password: RwSignal::new(String::new()),
            code: RwSignal::new(String::new()),
        }
    }

    fn fields(self) -> Part {
        let has_code = app().session().person.second_factor == "on";
        view! {
            <p>{t(x::OWN_SECRETS_SAY)}</p>
            {Field::new("own-password", x::OWN_PASSWORD, self.password).kind("password").complete("current-password").view()}
            {has_code.then(|| Field::new("own-code", x::OWN_CODE, self.code).mode("numeric").complete("one-time-code").view())}
        }
        .built()
    }

    fn add_to(self, body: &mut Object) {
        body.set("password", &self.password.get_untracked());
        body.set("code", &self.code.get_untracked().trim());
    }
}

/// A role, and a cashier's limit for refunds.
#[derive(Clone, Copy)]
struct Role {
    role: RwSignal<String>,
    limit: RwSignal<String>,
    problem: RwSignal<Option<&'static str>>,
    was_owner: bool,
    secrets: Secrets,
}

impl Role {
    fn new(role: &str, limit: Option<i64>) -> Self {
        let currency = app().session().merchant.currency;
        let limit = limit.filter(|limit| *limit > 0);
        let limit = limit.map(|limit| money::plain(limit, &currency));
        Self {
            role: RwSignal::new(role.to_owned()),
            limit: RwSignal::new(limit.unwrap_or_default()),
            problem: RwSignal::new(None),
            was_owner: false,
            secrets: Secrets::new(),
        }
    }

    /// Whether the person becomes an owner.
    fn makes_owner(self) -> bool {
        self.role.get() == "owner" && !self.was_owner
    }

    fn fields(self) -> Part {
        view! {
            {choice("role", x::ROLE, move || self.role.get(), roles(), move |role| self.role.set(role))}
            <p class="quiet" role="status">{dy(move || t(words::role_may(&self.role.get())))}</p>
            {dy(move || (self.role.get() == "cashier").then(|| {
                Field::new("refund-limit", x::REFUND_LIMIT, self.limit).mode("decimal")
                    .hint(x::REFUND_LIMIT_HINT).problem(self.problem).view()
            }))}
            {dy(move || self.makes_owner().then(|| self.secrets.fields()))}
        }
        .built()
    }

    /// The members of a request; `None` where the limit is no amount.
    fn read(self) -> Option<Object> {
        let role = self.role.get_untracked();
        let written = self.limit.get_untracked();
        let limit = match written.trim() {
            limit if role != "cashier" || limit.is_empty() || limit == "0" => None,
            limit => match money::read(limit, &app().session().merchant.currency) {
                Ok(limit) => Some(limit),
                Err(problem) => {
                    self.problem.set(Some(words::entry(problem)));
                    return None;
                }
            },
        };
        let mut body = object! { "role": role, "refund_limit": limit };
        if role == "owner" && !self.was_owner {
            self.secrets.add_to(&mut body);
        }
        Some(body)
    }
}

fn invite(close: impl Fn() + Copy + Send + 'static, list: Live<People>) -> Part {
    let role = Role::new("cashier", None);
    let name = RwSignal::new(String::new());
    let made = RwSignal::new(None::<OneTimeLink>);
    let act = Act::new();
    let send = move || {
        let Some(mut body) = role.read() else {
            return;
        };
        let note = name.get_untracked();
        if !note.trim().is_empty() {
            body.set("name", &note.trim());
        }
        act.run(
            api::post::<OneTimeLink>("/console/api/invitations", &body),
            move |link| {
                made.set(Some(link));
                list.again();
            },
        );
    };
    let inside = move || match made.get() {
        Some(link) => one_time(&link, x::INVITATION_SAYS, close),
        None => form(
            send,
            view! {
                {Field::new("invite-name", x::NAME, name).hint(x::INVITE_NAME_HINT).view()}
                {role.fields()}
                {act.problem()}
                {act.submit(x::MAKE_INVITATION)}
            }
            .built(),
        ),
    };
    dialog(t(x::INVITE).to_owned(), close, dy(inside))
}

fn one_time(
    link: &OneTimeLink,
    says: crate::texts::Text,
    close: impl Fn() + Copy + Send + 'static,
) -> Part {
    view! {
        <p>{fill(t(says), &[("time", &time(link.expires_at_ms))])}</p>
        {to_copy(&link.url)}
        <button type="button" class="button" on:click=move |_| close()>{t(x::DONE)}</button>
    }
    .built()
}

fn change(person: &Person, close: impl Fn() + Copy + Send + 'static, list: Live<People>) -> Part {
    let app = app();
    let role = Role {
        was_owner: person.role == "owner" && !person.is_off,
        ..Role::new(&person.role, person.refund_limit)
    };
    let off = RwSignal::new(person.is_off);
    let act = Act::new();
    let path = format!("/console/api/people/{}", person.id);
    let send = move || {
        let Some(mut body) = role.read() else {
            return;
        };
        body.set("is_off", &off.get_untracked());
        let path = path.clone();
        act.run(api::patch::<Person>(&path, &body), move |_| {
            app.says(x::SAVED);
            list.again();
            close();
        });
    };
    dialog(
        person.name.clone(),
        close,
        form(
            send,
            view! {
                {role.fields()}
                {crate::ui::tick("person-off", t(x::PERSON_OFF).to_owned(), off)}
                {act.problem()}
                {act.submit(x::SAVE)}
            }
            .built(),
        ),
    )
}

fn remove(person: &Person, close: impl Fn() + Copy + Send + 'static, list: Live<People>) -> Part {
    let app = app();
    let act = Act::new();
    let path = format!("/console/api/people/{}", person.id);
    let says = fill(t(x::REMOVE_SAYS), &[("name", &person.name)]);
    let send = move || {
        let path = path.clone();
        act.run(api::delete::<Done>(&path), move |_| {
            app.says(x::DONE);
            list.again();
            close();
        });
    };
    dialog(
        t(x::REMOVE).to_owned(),
        close,
        form(
            send,
            view! {
                <p>{says}</p>
                {act.problem()}
                {act.submit_as(t(x::REMOVE).to_owned(), "button danger")}
            }
            .built(),
        ),
    )
}

fn reset(person: &Person, close: impl Fn() + Copy + Send + 'static) -> Part {
    let made = RwSignal::new(None::<OneTimeLink>);
    let act = Act::new();
    let secrets = Secrets::new();
    let path = format!("/console/api/people/{}/reset", person.id);
    let says = fill(t(x::RESET_SAYS), &[("name", &person.name)]);
    let send = move || {
        let mut body = object! {};
        secrets.add_to(&mut body);
        act.run(api::post::<OneTimeLink>(&path, &body), move |link| {
            made.set(Some(link));
        });
    };
    let inside = move || match made.get() {
        Some(link) => one_time(&link, x::RESET_LINK_SAYS, close),
        None => form(
            send.clone(),
            view! {
                <p>{says.clone()}</p>
                {secrets.fields()}
                {act.problem()}
                {act.submit(x::MAKE_RESET)}
            }
            .built(),
        ),
    };
    dialog(t(x::RESET).to_owned(), close, dy(inside))
}
