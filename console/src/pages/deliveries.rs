//! Deliveries to the shop's own programs, and the endpoints that receive them.

use leptos::prelude::*;

use crate::address::{Address, Page};
use crate::api::{self, Deliveries, Delivery, Done, Endpoint, Endpoints, Result};
use crate::app::app;
use crate::browser;
use crate::json::object;
use crate::live::{Live, live};
use crate::texts::{self as x, Text, t};
use crate::ui::{
    Act, Built, Field, Part, badge, button, dialog, dy, failed, form, head, loading, moment, tick,
    time, to_copy,
};
use crate::words;
use checkout::fill;

const EVERY_MS: i32 = 8_000;

/// The types of events, as `POST /v1/endpoints` takes them.
const EVENTS: [&str; 12] = [
    "order.paid",
    "order.closed",
    "order.expired",
    "order.refunded_elsewhere",
    "order.duplicate_payment",
    "refund.accepted",
    "refund.succeeded",
    "refund.failed",
    "checkout.expired",
    "link.sold_out",
    "alarm.raised",
    "delivery.failing",
];

/// A new `Idempotency-Key`.
fn once() -> String {
    format!("console-{}", browser::random_text(20))
}

pub(crate) fn page() -> Part {
    let app = app();
    let session = app.session();
    let (builds, resends) = (session.may("build"), session.may("resend"));
    let endpoints = live(EVERY_MS, || api::get::<Endpoints>("/v1/endpoints"));
    let state = move || app.address.with(|address| address.filter("state"));
    let list = live(EVERY_MS, move || {
        let filter = match state().as_str() {
            "" => String::new(),
            state => format!("&state={}", crate::address::encode(state)),
        };
        async move { api::get::<Deliveries>(&format!("/v1/deliveries?limit=50{filter}")).await }
    });
    let adds = RwSignal::new(false);
    let tab = move |value: &'static str, label: Text| {
        view! {
            <button type="button" class="tab" aria-pressed=move || (state() == value).to_string()
                on:click=move |_| app.filters(Address::of(Page::Deliveries).with("state", value))>{t(label)}</button>
        }
    };
    view! {
        {head(t(x::DELIVERIES).to_owned(), builds.then(|| view! {
            <button type="button" class="button second small" on:click=move |_| adds.set(true)>{t(x::ADD_ENDPOINT)}</button>
        }).built())}
        <section>
            <h2>{t(x::ENDPOINTS)}</h2>
            {dy(move || endpoints.failure.get().map(|failure| failed(&failure)))}
            {dy(move || match endpoints.data.get() {
                None => loading(),
                Some(found) if found.endpoints.is_empty() => view! { <p class="empty">{t(x::NO_ENDPOINTS)}</p> }.built(),
                Some(found) => view! {
                    <ul class="cards">{found.endpoints.into_iter()
                        .map(|endpoint| card(endpoint, builds, resends, endpoints)).collect_view()}</ul>
                }.built(),
            })}
        </section>
        <section>
            <h2>{t(x::SENT)}</h2>
            <div class="tabs">
                {tab("", x::ALL)}{tab("waiting", x::WAITING)}{tab("given_up", x::GIVEN_UP)}{tab("acknowledged", x::ACKNOWLEDGED)}
            </div>
            {dy(move || list.failure.get().map(|failure| failed(&failure)))}
            {dy(move || match list.data.get() {
                None => loading(),
                Some(found) if found.deliveries.is_empty() => view! { <p class="empty">{t(x::NOTHING_SENT)}</p> }.built(),
                Some(found) => view! {
                    <ul class="rows">{found.deliveries.iter()
                        .map(|delivery| row(delivery, resends, move || list.again())).collect_view()}</ul>
                }.built(),
            })}
        </section>
        {dy(move || adds.get().then(|| add(move || adds.set(false), endpoints)))}
    }
    .built()
}

/// One delivery with its last result; its attempts are loaded when it is opened.
pub(crate) fn row(
    delivery: &Delivery,
    may: bool,
    done: impl Fn() + Copy + Send + Sync + 'static,
) -> Part {
    let (kind, state) = words::delivery_state(&delivery.state);
    let id = delivery.id;
    let act = Act::new();
    let attempts = RwSignal::new(None::<Result<Delivery>>);
    let what = delivery
        .event
        .clone()
        .map_or_else(|| "notify_url".to_owned(), |_| t(x::EVENT).to_owned());
    let again = move || {
        act.run(send_again(id), move |_| {
            app().says(x::SENT_AGAIN);
            done();
        });
    };
    let opened = move || {
        browser::spawn(async move {
            let found = api::get(&format!("/v1/deliveries/{id}")).await;
            let _ = attempts.try_set(Some(found));
        });
    };
    let next = delivery
        .next_at_ms
        .filter(|_| delivery.state == "waiting")
        .map(|at_ms| {
            view! { <span>{fill(t(x::NEXT_AT), &[("time", &moment(at_ms))])}</span> }
        });
    view! {
        <li><details class="row-details" on:toggle=move |_| opened()>
            <summary class="row">
                <span class="what"><strong>{delivery.url.clone()}</strong>
                    <span class="quiet number">{what} " · " {delivery.out_trade_no.clone()}</span></span>
                <span class="when quiet"><time>{moment(delivery.created_at_ms)}</time>{next}</span>
                <span class="how-much">{badge(kind, t(state))}
                    <span class="quiet">{fill(t(x::ATTEMPTS_MADE), &[("n", &delivery.attempts.to_string())])}</span></span>
            </summary>
            <div class="inside">
                {delivery.last_result.clone().map(|said| view! { <p class="quiet" lang="en">{said}</p> })}
                {dy(move || match attempts.get() {
                    None => ().built(),
                    Some(Err(failure)) => failed(&failure),
                    Some(Ok(found)) => attempt_list(&found),
                })}
                {(!delivery.out_trade_no.is_empty()).then(|| view! {
                    <a href=Page::Orders.href_of(&delivery.out_trade_no)>{t(x::TO_ORDER)}</a>
                })}
                {may.then(|| button(x::SEND_AGAIN, "button second small", act, again))}
                {act.problem()}
            </div>
        </details></li>
    }
    .built()
}

fn attempt_list(delivery: &Delivery) -> Part {
    let attempts = delivery.attempts_made.iter().map(|attempt| {
        let status = attempt
            .status
            .map_or_else(|| "–".to_owned(), |status| status.to_string());
        view! {
            <li><strong>{status}</strong> " " <span class="quiet">{moment(attempt.at_ms)} " · "
                {format!("{} ms", attempt.duration_ms)}</span>
                <code>{attempt.answer.clone()}</code></li>
        }
    });
    view! { <ol class="attempts">{attempts.collect_view()}</ol> }.built()
}

/// Sends a delivery again.
async fn send_again(id: i64) -> Result<Done> {
    api::post_once("/v1/delivery", &object! { "id": id }, &once()).await
}

fn card(endpoint: Endpoint, builds: bool, resends: bool, list: Live<Endpoints>) -> Part {
    let (kind, state) = match endpoint.failing_since_ms {
        _ if !endpoint.active => ("off", x::OFF),
        Some(_) => ("bad", x::FAILING),
        None => ("good", x::WORKS),
    };
    let id = endpoint.id.clone();
    let act = Act::new();
    let secret = RwSignal::new(None::<String>);
    let asks_delete = RwSignal::new(false);
    let path = format!("/v1/endpoints/{id}");
    let call = {
        let path = path.clone();
        move |what: &'static str, said: Text| {
            let (path, once) = (format!("{path}/{what}"), once());
            // The time from which deliveries are still stored.
            let body = match what {
                "resend" => object! { "since_ms": browser::now_ms() - 90 * 86_400_000 },
                _ => object! {},
            };
            act.run(api::post_once::<Done>(&path, &body, &once), move |_| {
                app().says(said);
                list.again();
            });
        }
    };
    let rotate = {
        let path = format!("{path}/rotate");
        move || {
            let (path, once) = (path.clone(), once());
            act.run(
                async move { api::post_once::<Endpoint>(&path, &object! {}, &once).await },
                move |made| {
                    secret.set(made.secret);
                },
            );
        }
    };
    let switch = {
        let (path, active) = (path.clone(), !endpoint.active);
        move || {
            let path = path.clone();
            let body = object! { "active": active };
            act.run(api::patch::<Endpoint>(&path, &body), move |_| list.again());
        }
    };
    let delete = move || {
        let path = path.clone();
        act.run(api::delete::<Done>(&path), move |_| {
            asks_delete.set(false);
            list.again();
        });
    };
    let (test, resend) = (call.clone(), call);
    let events = endpoint
        .events
        .clone()
        .map_or_else(|| t(x::ALL_EVENTS).to_owned(), |list| list.join(", "));
    let url = endpoint.url.clone();
    let active = endpoint.active;
    view! {
        <li class="card">
            <p><strong class="number">{endpoint.url.clone()}</strong> " " {badge(kind, t(state))}</p>
            {endpoint.description.clone().map(|said| view! { <p>{said}</p> })}
            <p class="quiet">{events}</p>
            {endpoint.failing_since_ms.map(|at_ms| view! {
                <p class="notice bad">{fill(t(x::FAILING_SINCE), &[("time", &time(at_ms)),
                    ("n", &endpoint.failures.to_string())])}</p>
            })}
            <div class="actions-row">
                {(resends && active).then(|| button(x::SEND_TEST, "button second small", act, move || test("test", x::TEST_SENT)))}
                {(resends && active).then(|| button(x::RESEND_ALL, "button second small", act, move || resend("resend", x::SENT_AGAIN)))}
                {builds.then(|| button(x::NEW_SECRET, "button second small", act, rotate))}
                {builds.then(|| button(if active { x::SWITCH_OFF } else { x::SWITCH_ON }, "button second small", act, switch))}
                {builds.then(|| button(x::DELETE, "button second small", act, move || asks_delete.set(true)))}
            </div>
            {act.problem()}
            {dy(move || secret.get().map(|secret| view! {
                <p>{t(x::SECRET_ONCE)}</p>{to_copy(&secret)}
            }))}
            {dy(move || asks_delete.get().then(|| {
                let delete = delete.clone();
                dialog(t(x::DELETE).to_owned(), move || asks_delete.set(false), form(delete, view! {
                    <p>{fill(t(x::DELETE_ENDPOINT_SAYS), &[("url", &url)])}</p>
                    {act.problem()}
                    {act.submit_as(t(x::DELETE).to_owned(), "button danger")}
                }.built()))
            }))}
        </li>
    }
    .built()
}

fn add(close: impl Fn() + Copy + Send + 'static, list: Live<Endpoints>) -> Part {
    let url = RwSignal::new(String::new());
    let description = RwSignal::new(String::new());
    let all = RwSignal::new(true);
    let chosen = EVENTS.map(|name| (name, RwSignal::new(name == "order.paid")));
    let secret = RwSignal::new(None::<String>);
    let act = Act::new();
    let once = once();
    let send = move || {
        let mut body = object! { "url": url.get_untracked().trim() };
        if !description.get_untracked().trim().is_empty() {
            body.set("description", &description.get_untracked().trim());
        }
        if !all.get_untracked() {
            let chosen = chosen.iter().filter(|(_, on)| on.get_untracked());
            let names: Vec<&str> = chosen.map(|(name, _)| *name).collect();
            body.set("events", &names);
        }
        let once = once.clone();
        act.run(
            api::post_once::<Endpoint>("/v1/endpoints", &body, &once),
            move |made| {
                secret.set(made.secret);
                list.again();
            },
        );
    };
    let inside = move || {
        match secret.get() {
        Some(secret) => view! {
            <p>{t(x::SECRET_ONCE)}</p>
            {to_copy(&secret)}
            <button type="button" class="button" on:click=move |_| close()>{t(x::DONE)}</button>
        }
        .built(),
        None => form(
            send.clone(),
            view! {
                {Field::new("endpoint-url", x::URL, url).kind("url").mode("url").hint(x::URL_RULE).view()}
                {Field::new("endpoint-name", x::DESCRIPTION, description).view()}
                {tick("endpoint-all", t(x::ALL_EVENTS).to_owned(), all)}
                {dy(move || (!all.get()).then(|| chosen.map(|(name, on)| tick(name, name.to_owned(), on)).collect_view()))}
                {act.problem()}
                {act.submit(x::ADD_ENDPOINT)}
            }
            .built(),
        ),
    }
    };
    dialog(t(x::ADD_ENDPOINT).to_owned(), close, dy(inside))
}
