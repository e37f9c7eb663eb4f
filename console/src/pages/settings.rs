//! The shop's brand, which payers see, and the shop's own settings.

use leptos::prelude::*;

use crate::api::{self, Brand, Image, Session, Settings};
use crate::app::{App, Who, app};
use crate::browser;
use crate::json::{Object, object};
use crate::money;
use crate::texts::{self as x, Text, t};
use crate::ui::{Act, Built, Field, Part, button, dy, failed, form, head, loading, nothing};
use crate::words;

pub(crate) fn page() -> Part {
    let app = app();
    let session = app.session();
    let brand = RwSignal::new(None);
    browser::spawn(async move {
        let found = api::get::<Brand>("/v1/brand").await;
        let _ = brand.try_set(Some(found));
    });
    view! {
        {head(t(x::SETTINGS).to_owned(), ().built())}
        {session.may("settings").then(shop)}
        {dy(move || match brand.get() {
            None => loading(),
            Some(Err(failure)) => failed(&failure),
            Some(Ok(found)) => brand_form(app, &session, found),
        })}
    }
    .built()
}

/// Asks for the session again, which has the merchant's name and brand.
fn refresh(app: App) {
    browser::spawn(async move {
        if let Ok(session) = api::get::<Session>("/console/api/me").await {
            app.who.set(Who::Person(Box::new(session)));
        }
    });
}

fn shop() -> Part {
    let found = RwSignal::new(None);
    browser::spawn(async move {
        let answer = api::get::<Settings>("/v1/settings").await;
        let _ = found.try_set(Some(answer));
    });
    dy(move || match found.get() {
        None => loading(),
        // A server of an earlier version has no settings to change.
        Some(Err(failure)) if failure.code() == "NOT_FOUND" => nothing(),
        Some(Err(failure)) => failed(&failure),
        Some(Ok(settings)) => shop_form(&settings),
    })
}

fn shop_form(settings: &Settings) -> Part {
    let app = app();
    let name = RwSignal::new(settings.name.clone());
    let zone = RwSignal::new(settings.time_zone.clone());
    let currency = app.session().merchant.currency;
    let limit = settings.retype_refunds_from;
    let limit = RwSignal::new(
        limit
            .map(|limit| money::plain(limit, &currency))
            .unwrap_or_default(),
    );
    let problem = RwSignal::new(None);
    let act = Act::new();
    let send = move || {
        let written = limit.get_untracked();
        let limit = match written.trim() {
            "" => None,
            written => match money::read(written, &currency) {
                Ok(limit) => Some(limit),
                Err(wrong) => return problem.set(Some(words::entry(wrong))),
            },
        };
        let body = object! {
            "name": name.get_untracked().trim(),
            "time_zone": zone.get_untracked().trim(),
            "retype_refunds_from": limit,
        };
        act.run(api::patch::<Settings>("/v1/settings", &body), move |_| {
            app.says(x::SAVED);
            refresh(app);
        });
    };
    view! {
        <section class="card">
            <h2>{t(x::SHOP)}</h2>
            {form(send, view! {
                {Field::new("shop-name", x::SHOP_NAME, name).view()}
                {Field::new("shop-zone", x::TIME_ZONE, zone).hint(x::TIME_ZONE_HINT).view()}
                {Field::new("shop-limit", x::RETYPE_FROM, limit).mode("decimal").hint(x::RETYPE_FROM_HINT).problem(problem).view()}
                {act.problem()}
                {act.submit(x::SAVE)}
            }.built())}
        </section>
    }
    .built()
}

fn brand_form(app: App, session: &Session, brand: Brand) -> Part {
    let may = session.may("settings");
    let text = |value: &Option<String>| RwSignal::new(value.clone().unwrap_or_default());
    let fields: [(
        &'static str,
        &'static str,
        Text,
        RwSignal<String>,
        &'static str,
    ); 5] = [
        ("brand-phone", "phone", x::PHONE, text(&brand.phone), "tel"),
        ("brand-mail", "mail", x::MAIL, text(&brand.mail), "email"),
        (
            "brand-wechat",
            "wechat",
            x::WECHAT_ID,
            text(&brand.wechat),
            "text",
        ),
        (
            "brand-terms",
            "terms_url",
            x::TERMS_URL,
            text(&brand.terms_url),
            "url",
        ),
        (
            "brand-privacy",
            "privacy_url",
            x::PRIVACY_URL,
            text(&brand.privacy_url),
            "url",
        ),
    ];
    let colour = RwSignal::new(brand.colour.clone().unwrap_or_else(|| "#067a3c".to_owned()));
    let has_colour = RwSignal::new(brand.colour.is_some());
    let logo = RwSignal::new(brand.logo_url.clone());
    let act = Act::new();
    let send = move || {
        let mut body = Object::default();
        for (_, member, _, value, _) in fields {
            let value = value.get_untracked();
            let value = Some(value.trim()).filter(|value| !value.is_empty());
            body.set(member, &value);
        }
        let colour = has_colour.get_untracked().then(|| colour.get_untracked());
        body.set("colour", &colour);
        act.run(api::patch::<Brand>("/v1/brand", &body), move |_| {
            app.says(x::SAVED);
            refresh(app);
        });
    };
    let picture = Act::new();
    let choose = move || {
        let Some(file) = browser::chosen_file("brand-logo") else {
            return;
        };
        picture.run(
            async move {
                let image: Image = api::upload("/v1/images?purpose=logo", file).await?;
                api::patch::<Brand>("/v1/brand", &object! { "logo": image.id }).await
            },
            move |brand: Brand| {
                logo.set(brand.logo_url);
                app.says(x::SAVED);
                refresh(app);
            },
        );
    };
    let remove = move || {
        picture.run(
            async move { api::patch::<Brand>("/v1/brand", &object! { "logo": None::<bool> }).await },
            move |brand: Brand| {
                logo.set(brand.logo_url);
                refresh(app);
            },
        );
    };
    view! {
        <section class="card">
            <h2>{t(x::WHAT_PAYERS_SEE)}</h2>
            <div class="field">
                <label for="brand-logo">{t(x::LOGO)}</label>
                {dy(move || logo.get().map(|url| view! { <img class="logo" src=url alt=t(x::LOGO)/> }))}
                <input id="brand-logo" type="file" accept="image/png,image/jpeg,image/webp" disabled=!may
                    on:change=move |_| choose()/>
                <p class="note">{t(x::IMAGE_RULE)}</p>
                {picture.problem()}
                {dy(move || (may && logo.get().is_some())
                    .then(|| button(x::REMOVE, "button second small", picture, remove)))}
            </div>
            {form(send, view! {
                {crate::ui::tick("brand-has-colour", t(x::OWN_COLOUR).to_owned(), has_colour)}
                {dy(move || has_colour.get().then(|| view! {
                    <div class="field"><label for="brand-colour">{t(x::COLOUR)}</label>
                        <input id="brand-colour" type="color" prop:value=colour
                            on:input=move |event| colour.set(event_target_value(&event))/></div>
                }))}
                {fields.map(|(id, _, label, value, kind)| {
                    Field::new(id, label, value).kind(kind).mode(kind).view()
                }).collect_view()}
                {act.problem()}
                {may.then(|| act.submit(x::SAVE))}
            }.built())}
        </section>
    }
    .built()
}
