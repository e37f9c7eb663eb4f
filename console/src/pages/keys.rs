//! Named keys for programs.

use leptos::prelude::*;

use crate::address::encode;
use crate::api::{self, Done, Key, Keys};
use crate::app::app;
use crate::browser;
use crate::json::object;
use crate::live::{Live, live};
use crate::texts::{self as x, Text, t};
use crate::ui::{
    Act, Built, Field, Part, choice, dialog, dy, failed, form, head, loading, tick, time, to_copy,
};
use checkout::fill;

/// The scopes, as `POST /v1/keys` takes them.
const SCOPES: [(&str, Text); 6] = [
    ("orders:read", x::SCOPE_ORDERS_READ),
    ("orders:write", x::SCOPE_ORDERS_WRITE),
    ("refunds", x::SCOPE_REFUNDS),
    ("links", x::SCOPE_LINKS),
    ("reports", x::SCOPE_REPORTS),
    ("keys", x::SCOPE_KEYS),
];

pub(crate) fn page() -> Part {
    let list = live(15_000, || api::get::<Keys>("/v1/keys"));
    // The key whose name and scopes the new one has.
    let makes = RwSignal::new(None::<Option<Key>>);
    let ends = RwSignal::new(None::<Key>);
    view! {
        {head(t(x::KEYS).to_owned(), view! {
            <button type="button" class="button small" on:click=move |_| makes.set(Some(None))>{t(x::NEW_KEY)}</button>
        }.built())}
        <p class="quiet">{t(x::KEYS_SAY)}</p>
        {dy(move || list.failure.get().map(|failure| failed(&failure)))}
        {dy(move || match list.data.get() {
            None => loading(),
            Some(found) if found.keys.is_empty() => view! { <p class="empty">{t(x::NO_KEYS)}</p> }.built(),
            Some(found) => view! {
                <ul class="cards">{found.keys.into_iter().map(|key| card(key, makes, ends)).collect_view()}</ul>
            }.built(),
        })}
        {dy(move || makes.get().map(|like| make(like.as_ref(), move || makes.set(None), list)))}
        {dy(move || ends.get().map(|key| end(&key, move || ends.set(None), list)))}
    }
    .built()
}

fn card(key: Key, makes: RwSignal<Option<Option<Key>>>, ends: RwSignal<Option<Key>>) -> Part {
    let scopes = key.scopes.iter().map(|scope| {
        let known = SCOPES.iter().find(|(name, _)| name == scope);
        let label = known.map_or_else(|| scope.clone(), |(_, text)| t(*text).to_owned());
        view! { <li class="badge">{label}</li> }
    });
    let used = key.last_used_at_ms.map_or_else(
        || t(x::NEVER_USED).to_owned(),
        |at_ms| fill(t(x::USED_AT), &[("time", &time(at_ms))]),
    );
    let expires = key
        .expires_at_ms
        .map(|at_ms| fill(t(x::UNTIL), &[("time", &time(at_ms))]));
    let made = fill(
        t(x::MADE_BY),
        &[("who", &key.made_by), ("time", &time(key.made_at_ms))],
    );
    let (rolled, ended) = (key.clone(), key.clone());
    view! {
        <li class="card">
            <p><strong>{key.name.clone()}</strong></p>
            <ul class="badges">{scopes.collect_view()}</ul>
            <p class="quiet">{used} {expires.map(|expires| format!(" · {expires}"))}</p>
            <p class="quiet">{made}</p>
            <div class="actions-row">
                <button type="button" class="button second small"
                    on:click=move |_| makes.set(Some(Some(rolled.clone())))>{t(x::ROLL)}</button>
                <button type="button" class="button second small"
                    on:click=move |_| ends.set(Some(ended.clone()))>{t(x::REVOKE)}</button>
            </div>
        </li>
    }
    .built()
}

fn make(like: Option<&Key>, close: impl Fn() + Copy + Send + 'static, list: Live<Keys>) -> Part {
    let name = RwSignal::new(like.map(|key| key.name.clone()).unwrap_or_default());
    let scopes = SCOPES.map(|(scope, label)| {
        let on = like.is_some_and(|key| key.scopes.iter().any(|has| has == scope));
        (scope, label, RwSignal::new(on))
    });
    let ends = RwSignal::new(String::new());
    let made = RwSignal::new(None::<String>);
    let act = Act::new();
    let once = format!("console-{}", browser::random_text(20));
    let rolls = like.is_some();
    let send = move || {
        let chosen = scopes.iter().filter(|(_, _, on)| on.get_untracked());
        let chosen: Vec<&str> = chosen.map(|(scope, ..)| *scope).collect();
        let mut body = object! { "name": name.get_untracked().trim(), "scopes": chosen };
        if let Ok(days) = ends.get_untracked().parse::<i64>() {
            body.set("expires_in_seconds", &(days * 86_400));
        }
        let once = once.clone();
        act.run(
            api::post_once::<Key>("/v1/keys", &body, &once),
            move |key| {
                made.set(key.key);
                list.again();
            },
        );
    };
    let durations = [
        ("", x::NO_END),
        ("30", x::DAYS_30),
        ("90", x::DAYS_90),
        ("365", x::DAYS_365),
    ];
    let inside = move || match made.get() {
        Some(key) => view! {
            <p>{t(x::SECRET_ONCE)}</p>
            {to_copy(&key)}
            {rolls.then(|| view! { <p>{t(x::ROLL_SAYS)}</p> })}
            <button type="button" class="button" on:click=move |_| close()>{t(x::DONE)}</button>
        }
        .built(),
        None => {
            let durations = durations.map(|(value, label)| (value.to_owned(), t(label).to_owned()));
            form(
                send.clone(),
                view! {
                    {Field::new("key-name", x::KEY_NAME, name).hint(x::KEY_NAME_HINT).view()}
                    <fieldset><legend>{t(x::SCOPES)}</legend>
                        {scopes.map(|(scope, label, on)| tick(scope, t(label).to_owned(), on)).collect_view()}
                    </fieldset>
                    {choice("key-ends", x::VALID, move || ends.get(), durations.to_vec(), move |value| ends.set(value))}
                    {act.problem()}
                    {act.submit(x::MAKE_KEY)}
                }
                .built(),
            )
        }
    };
    dialog(
        t(if rolls { x::ROLL } else { x::NEW_KEY }).to_owned(),
        close,
        dy(inside),
    )
}

fn end(key: &Key, close: impl Fn() + Copy + Send + 'static, list: Live<Keys>) -> Part {
    let app = app();
    let act = Act::new();
    let path = format!("/v1/keys?id={}", encode(&key.id));
    let says = fill(t(x::REVOKE_SAYS), &[("name", &key.name)]);
    let send = move || {
        let path = path.clone();
        act.run(api::delete::<Done>(&path), move |_| {
            app.says(x::DONE);
            list.again();
            close();
        });
    };
    dialog(
        t(x::REVOKE).to_owned(),
        close,
        form(
            send,
            view! {
                <p>{says}</p>
                {act.problem()}
                {act.submit_as(t(x::REVOKE).to_owned(), "button danger")}
            }
            .built(),
        ),
    )
}
