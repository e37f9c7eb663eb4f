//! Signing in, and joining from an invitation.

use leptos::prelude::*;

use crate::address::{Address, Page};
use crate::api::{self, Invitation, Session};
use crate::app::{Who, app};
use crate::browser;
use crate::json::object;
use crate::outside::outside;
use crate::texts::{self as x, t};
use crate::ui::{Act, Built, Field, Part, dy, failed, form, loading};
use crate::words;
use checkout::fill;

/// Login and password, then the code where the person has a second factor.
pub(crate) fn sign_in() -> Part {
    let app = app();
    browser::set_title(t(x::SIGN_IN));
    let login = RwSignal::new(String::new());
    let password = RwSignal::new(String::new());
    let code = RwSignal::new(String::new());
    let needs_code = RwSignal::new(false);
    let act = Act::new();
    let send = move || {
        let body = if needs_code.get_untracked() {
            object! { "login": login.get_untracked().trim(), "password": password.get_untracked(),
            "code": code.get_untracked().trim() }
        } else {
            object! { "login": login.get_untracked().trim(), "password": password.get_untracked() }
        };
        let task = api::post::<Session>("/console/api/sign-in", &body);
        act.attempt(task, move |answer| match answer {
            Ok(session) => {
                app.who.set(Who::Person(Box::new(session)));
                Ok(())
            }
            Err(failure) if failure.code() == "CODE_NEEDED" => {
                needs_code.set(true);
                browser::after(0, || browser::focus("code"));
                Ok(())
            }
            Err(failure) => Err(failure),
        });
    };
    outside(
        view! {
            <h1>{t(x::SIGN_IN)}</h1>
            {form(send, view! {
                <div hidden=move || needs_code.get()>
                    {Field::new("login", x::LOGIN, login).complete("username").mode("email").view()}
                    {Field::new("password", x::PASSWORD, password).kind("password")
                        .complete("current-password").view()}
                </div>
                {dy(move || needs_code.get().then(|| view! {
                    <p>{t(x::CODE_NEEDED)}</p>
                    {Field::new("code", x::CODE, code).mode("numeric").complete("one-time-code")
                        .hint(x::CODE_HINT).view()}
                }))}
                {act.problem()}
                {act.submit(x::SIGN_IN)}
                {dy(move || needs_code.get().then(|| view! {
                    <button type="button" class="plain" on:click=move |_| {
                        needs_code.set(false);
                        act.failure.set(None);
                    }>{t(x::BACK)}</button>
                }))}
            }.built())}
            <p class="quiet">{t(x::NO_LOGIN)}</p>
        }
        .built(),
    )
}

/// The page of an invitation, or of a link that resets a password. On a developer's
/// machine such a link also signs its person in (`?enter=1`).
pub(crate) fn join() -> Part {
    let app = app();
    browser::set_title(t(x::JOIN));
    let (token, enters) = app
        .address
        .with_untracked(|address| (address.id.clone(), !address.filter("enter").is_empty()));
    let found = RwSignal::new(None);
    let asked = object! { "token": token };
    browser::spawn(async move {
        if enters {
            match api::post::<Session>("/console/api/accept", &asked).await {
                Ok(session) => {
                    app.filters(Address::of(Page::Today));
                    app.who.set(Who::Person(Box::new(session)));
                }
                Err(failure) => _ = found.try_set(Some(Err(failure))),
            }
            return;
        }
        let answer = api::post::<Invitation>("/console/api/invitation", &asked).await;
        let _ = found.try_set(Some(answer));
    });
    outside(dy(move || match found.get() {
        None => loading(),
        Some(Ok(invitation)) => invited(&token, &invitation),
        Some(Err(failure)) => view! {
            <h1>{t(x::JOIN)}</h1>
            {failed(&failure)}
            <a class="button second" href=Page::Today.href()>{t(x::TO_SIGN_IN)}</a>
        }
        .built(),
    }))
}

fn invited(token: &str, invitation: &Invitation) -> Part {
    let app = app();
    let resets = invitation.kind == "reset";
    let login = RwSignal::new(invitation.login.clone().unwrap_or_default());
    let name = RwSignal::new(invitation.name.clone().unwrap_or_default());
    let password = RwSignal::new(String::new());
    let act = Act::new();
    let token = token.to_owned();
    let send = move || {
        let body = match resets {
            true => object! { "token": token, "password": password.get_untracked() },
            false => object! { "token": token, "password": password.get_untracked(),
            "login": login.get_untracked().trim(), "name": name.get_untracked().trim() },
        };
        let task = api::post::<Session>("/console/api/accept", &body);
        act.run(task, move |session| {
            // The token is used up; the history forgets it.
            app.filters(Address::of(Page::Today));
            app.who.set(Who::Person(Box::new(session)));
        });
    };
    let title = match resets {
        true => t(x::NEW_PASSWORD).to_owned(),
        false => fill(t(x::JOIN_SHOP), &[("shop", &invitation.merchant.name)]),
    };
    view! {
        <h1>{title}</h1>
        <p>{fill(t(x::YOUR_ROLE), &[("role", t(words::role(&invitation.role)))])}
            " " {t(words::role_may(&invitation.role))}</p>
        {form(send, view! {
            {(!resets).then(|| view! {
                {Field::new("name", x::YOUR_NAME, name).complete("name").view()}
                {Field::new("login", x::LOGIN, login).complete("username").mode("email")
                    .hint(x::LOGIN_RULE).view()}
            })}
            {Field::new("password", x::PASSWORD, password).kind("password")
                .complete("new-password").hint(x::PASSWORD_RULE).view()}
            {act.problem()}
            {act.submit(if resets { x::SAVE } else { x::JOIN })}
        }.built())}
    }
    .built()
}
