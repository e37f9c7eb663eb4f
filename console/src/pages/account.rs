//! The person's own account: second factor, password, and where they are signed
//! in.

use leptos::prelude::*;

use crate::api::{self, Done, OpenSession, RecoveryCodes, Session, Sessions, Totp};
use crate::app::{App, Who, app};
use crate::browser;
use crate::json::object;
use crate::live::{Live, live};
use crate::texts::{self as x, t};
use crate::ui::{
    Act, Built, Field, Part, button, copy_button, dy, failed, form, head, loading, time, to_copy,
};
use checkout::fill;

pub(crate) fn page() -> Part {
    let app = app();
    let session = app.session();
    view! {
        {head(t(x::ACCOUNT).to_owned(), ().built())}
        <section class="card">{second_factor(app, &session)}</section>
        <section class="card">{password()}</section>
        <section class="card">{sessions()}</section>
    }
    .built()
}

/// Requests `me` again, because the person's rights have changed.
fn ask_again(app: App) {
    browser::spawn(async move {
        if let Ok(session) = api::get::<Session>("/console/api/me").await {
            app.who.set(Who::Person(Box::new(session)));
        }
    });
}

fn second_factor(app: App, session: &Session) -> Part {
    let is_on = session.person.second_factor == "on";
    let needed = session.person.second_factor == "needed";
    let password = RwSignal::new(String::new());
    let code = RwSignal::new(String::new());
    let begun = RwSignal::new(None::<Totp>);
    let codes = RwSignal::new(None::<Vec<String>>);
    let act = Act::new();
    let begin = move || {
        let mut body = object! { "password": password.get_untracked() };
        if is_on {
            body.set("code", &code.get_untracked().trim());
        }
        act.run(api::post::<Totp>("/console/api/totp", &body), move |totp| {
            code.set(String::new());
            begun.set(Some(totp));
            browser::after(0, || browser::focus("totp-code"));
        });
    };
    let confirm = move || {
        let body = object! { "code": code.get_untracked().trim() };
        act.run(
            api::post::<RecoveryCodes>("/console/api/totp/confirm", &body),
            move |made| codes.set(Some(made.recovery_codes)),
        );
    };
    let left = session.person.recovery_codes_left.unwrap_or_default();
    let now = match (is_on, needed) {
        (true, _) => fill(t(x::SECOND_FACTOR_ON), &[("n", &left.to_string())]),
        (_, true) => t(x::SECOND_FACTOR_NEEDED).to_owned(),
        _ => t(x::SECOND_FACTOR_OFF).to_owned(),
    };
    let inside = move || {
        if let Some(codes) = codes.get() {
            let all = codes.join("\n");
            return view! {
                <p>{t(x::RECOVERY_CODES_SAY)}</p>
                <pre class="codes">{all.clone()}</pre>
                <div class="actions-row">
                    {copy_button(x::COPY, all)}
                    <button type="button" class="button" on:click=move |_| ask_again(app)>{t(x::DONE)}</button>
                </div>
            }
            .built();
        }
        if let Some(totp) = begun.get() {
            let picture = format!(
                "data:image/svg+xml,{}",
                crate::address::encode(&totp.qr_svg)
            );
            return form(
                confirm,
                view! {
                    <p>{t(x::TOTP_SAYS)}</p>
                    <img class="qr" src=picture alt=t(x::TOTP_CODE_ALT)/>
                    <p class="quiet">{t(x::TOTP_BY_HAND)} " " <a href=totp.otpauth>{t(x::TOTP_OPEN)}</a></p>
                    {to_copy(&totp.secret)}
                    {Field::new("totp-code", x::CODE, code).mode("numeric").complete("one-time-code").view()}
                    {act.problem()}
                    {act.submit(x::CONFIRM)}
                }
                .built(),
            );
        }
        form(
            begin,
            view! {
                {Field::new("totp-password", x::PASSWORD, password).kind("password").complete("current-password").view()}
                {is_on.then(|| Field::new("totp-code", x::CODE, code).complete("one-time-code")
                    .hint(x::CODE_HINT).view())}
                {act.problem()}
                {act.submit(if is_on { x::CHANGE_SECOND_FACTOR } else { x::SET_UP_SECOND_FACTOR })}
            }
            .built(),
        )
    };
    view! {
        <h2>{t(x::SECOND_FACTOR)}</h2>
        <p class:notice=needed>{now}</p>
        {dy(inside)}
    }
    .built()
}

fn password() -> Part {
    let app = app();
    let old = RwSignal::new(String::new());
    let new = RwSignal::new(String::new());
    let code = RwSignal::new(String::new());
    let is_on = app.session().person.second_factor == "on";
    let act = Act::new();
    let send = move || {
        let mut body =
            object! { "password": old.get_untracked(), "new_password": new.get_untracked() };
        if is_on {
            body.set("code", &code.get_untracked().trim());
        }
        act.run(
            api::post::<Done>("/console/api/password", &body),
            move |_| {
                old.set(String::new());
                new.set(String::new());
                code.set(String::new());
                app.says(x::PASSWORD_CHANGED);
            },
        );
    };
    view! {
        <h2>{t(x::PASSWORD)}</h2>
        {form(send, view! {
            {Field::new("old-password", x::PASSWORD_NOW, old).kind("password").complete("current-password").view()}
            {Field::new("new-password", x::NEW_PASSWORD, new).kind("password").complete("new-password")
                .hint(x::PASSWORD_RULE).view()}
            {is_on.then(|| Field::new("password-code", x::CODE, code).mode("numeric").complete("one-time-code").view())}
            {act.problem()}
            {act.submit(x::CHANGE_PASSWORD)}
        }.built())}
    }
    .built()
}

fn sessions() -> Part {
    let app = app();
    let list = live(30_000, || api::get::<Sessions>("/console/api/sessions"));
    let act = Act::new();
    let end_others = move || {
        act.run(api::delete::<Done>("/console/api/sessions"), move |_| {
            app.says(x::DONE);
            list.again();
        });
    };
    view! {
        <h2>{t(x::SESSIONS)}</h2>
        {dy(move || list.failure.get().map(|failure| failed(&failure)))}
        {dy(move || match list.data.get() {
            None => loading(),
            Some(found) => {
                let several = found.sessions.len() > 1;
                view! {
                    <ul class="rows">{found.sessions.into_iter()
                        .map(|session| one(session, list, act)).collect_view()}</ul>
                    {several.then(|| button(x::END_OTHERS, "button second", act, end_others))}
                }.built()
            }
        })}
        {act.problem()}
    }
    .built()
}

fn one(session: OpenSession, list: Live<Sessions>, act: Act) -> Part {
    let path = format!("/console/api/sessions/{}", session.id);
    let end = move || {
        let path = path.clone();
        act.run(api::delete::<Done>(&path), move |_| list.again());
    };
    view! {
        <li class="row">
            <span class="what"><strong>{browser_name(&session.browser)}</strong>
                <span class="quiet">{fill(t(x::USED_AT), &[("time", &time(session.used_at_ms))])}</span></span>
            <span class="how-much">{match session.current {
                true => view! { <span class="badge good">{t(x::THIS_BROWSER)}</span> }.built(),
                false => button(x::END, "button second small", act, end),
            }}</span>
        </li>
    }
    .built()
}

/// The browser and the system of a User-Agent, as people call them.
fn browser_name(user_agent: &str) -> String {
    let first = |known: &[(&'static str, &'static str)]| {
        let found = known.iter().find(|(sign, _)| user_agent.contains(sign));
        found.map(|(_, name)| *name)
    };
    let browser = first(&[
        ("MicroMessenger", "WeChat"),
        ("Edg", "Edge"),
        ("Firefox", "Firefox"),
        ("FxiOS", "Firefox"),
        ("Chrome", "Chrome"),
        ("CriOS", "Chrome"),
        ("Safari", "Safari"),
    ]);
    let system = first(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("HarmonyOS", "HarmonyOS"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} · {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        // A User-Agent may be long.
        (None, None) => user_agent.chars().take(60).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_has_the_name_that_people_use() {
        let wechat = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 MicroMessenger/8.0.47";
        assert_eq!(browser_name(wechat), "WeChat · iPhone");
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36 Edg/131.0";
        assert_eq!(browser_name(edge), "Edge · Windows");
        assert_eq!(browser_name("curl/8"), "curl/8");
    }
}
