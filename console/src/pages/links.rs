//! Payment links, with their codes and sheets.

use leptos::prelude::*;

use crate::address::{Address, Page, encode};
use crate::api::{self, Link, LinkMade, Links, Orders, Result};
use crate::app::app;
use crate::browser;
use crate::json::object;
use crate::live::{Live, live};
use crate::money;
use crate::pages::orders;
use crate::texts::{self as x, Text, t};
use crate::ui::{
    Act, Built, Field, Part, badge, button, choice, dialog, dy, failed, form, head, loading,
    money as shown, tick, time, to_copy,
};
use crate::words;
use checkout::fill;

const EVERY_MS: i32 = 8_000;

/// The address that payers open.
fn address_of(id: &str) -> String {
    format!("{}/pay/?l={}", browser::origin(), encode(id))
}

async fn all() -> Result<Links> {
    api::get("/v1/links?limit=100").await
}

pub(crate) fn page() -> Part {
    let app = app();
    let may = app.session().may("links");
    let list = live(EVERY_MS, all);
    let makes = RwSignal::new(false);
    let only_active = RwSignal::new(true);
    view! {
        {head(t(x::LINKS).to_owned(), may.then(|| view! {
            <button type="button" class="button small" on:click=move |_| makes.set(true)>{t(x::NEW_LINK)}</button>
        }).built())}
        {dy(move || list.failure.get().map(|failure| failed(&failure)))}
        {dy(move || match list.data.get() {
            None => loading(),
            Some(found) if found.links.is_empty() => empty(may, makes),
            Some(found) => {
                let off = found.links.iter().filter(|link| !link.active).count();
                let links = found.links.into_iter().filter(|link| link.active || !only_active.get());
                view! {
                    {(off > 0).then(|| tick("only-active", t(x::ONLY_ACTIVE).to_owned(), only_active))}
                    <ul class="cards">{links.map(|link| card(&link)).collect_view()}</ul>
                }.built()
            }
        })}
        {dy(move || makes.get().then(|| edit(None, move || makes.set(false), list)))}
    }
    .built()
}

/// The page without a link: its one button opens the form, so the first link takes three taps.
fn empty(may: bool, makes: RwSignal<bool>) -> Part {
    view! {
        <div class="empty">
            <h2>{t(x::FIRST_LINK)}</h2>
            <ol class="steps"><li>{t(x::FIRST_LINK_1)}</li><li>{t(x::FIRST_LINK_2)}</li><li>{t(x::FIRST_LINK_3)}</li></ol>
            {may.then(|| view! {
                <button type="button" class="button" on:click=move |_| makes.set(true)>{t(x::NEW_LINK)}</button>
            })}
        </div>
    }
    .built()
}

fn price(link: &Link) -> String {
    let of = |amount: Option<i64>| amount.map(|amount| shown(amount, &link.currency));
    match (of(link.amount), of(link.min_amount), of(link.max_amount)) {
        (Some(amount), ..) => amount,
        (None, min, max) => {
            let least = min.unwrap_or_else(|| shown(1, &link.currency));
            let values = [
                ("min", least.as_str()),
                ("max", max.as_deref().unwrap_or("–")),
            ];
            fill(t(x::PAYER_ENTERS_FROM_TO), &values)
        }
    }
}

fn state(link: &Link) -> (&'static str, Text) {
    let left = link.stock.map(|stock| stock - link.sold - link.held);
    let expired = link
        .expires_at_ms
        .is_some_and(|at_ms| at_ms < browser::now_ms());
    match left {
        _ if !link.active => ("off", x::OFF),
        _ if expired => ("off", x::EXPIRED),
        Some(..=0) => ("wait", x::SOLD_OUT),
        _ => ("good", x::ON),
    }
}

fn numbers(link: &Link) -> Part {
    let number = |label: Text, value: String| {
        view! { <div><dt>{t(label)}</dt><dd>{value}</dd></div> }
    };
    let left = link
        .stock
        .map(|stock| (stock - link.sold - link.held).max(0));
    view! {
        <dl class="numbers">
            {number(x::SOLD, link.sold.to_string())}
            {number(x::HELD, link.held.to_string())}
            {number(x::LEFT, left.map_or_else(|| "∞".to_owned(), |left| left.to_string()))}
        </dl>
    }
    .built()
}

fn card(link: &Link) -> Part {
    let (kind, state) = state(link);
    view! {
        <li class="card"><a class="whole" href=Page::Links.href_of(&link.id)>
            <p class="top"><strong>{link.body.clone()}</strong>{badge(kind, t(state))}</p>
            <p class="amount">{price(link)}</p>
            {numbers(link)}
            {link.last_sold_at_ms.map(|at_ms| view! {
                <p class="quiet">{fill(t(x::LAST_SOLD), &[("time", &time(at_ms))])}</p>
            })}
        </a></li>
    }
    .built()
}

/// One link: its code in large, and its orders.
pub(crate) fn one(id: &str) -> Part {
    let app = app();
    let session = app.session();
    let may = session.may("links");
    let list = live(EVERY_MS, all);
    let wanted = id.to_owned();
    let link = Memo::new(move |_| {
        let found = list.data.get()?.links;
        found.into_iter().find(|link| link.id == wanted)
    });
    let sales = {
        let path = format!("/v1/orders?limit=20&link={}", encode(id));
        live(EVERY_MS, move || {
            let path = path.clone();
            api::get::<Orders>(&path)
        })
    };
    let changes = RwSignal::new(false);
    let all_sales = Address::of(Page::Orders).with("link", id).write();
    view! {
        {dy(move || list.failure.get().map(|failure| failed(&failure)))}
        {dy(move || match link.get() {
            None if list.data.with(Option::is_none) => loading(),
            None => view! { <h1 id="title" tabindex="-1">{t(x::LINK)}</h1><p class="empty">{t(x::LINK_NOT_FOUND)}</p> }.built(),
            Some(link) => {
                let (kind, state) = state(&link);
                let expires = link.expires_at_ms.map(|at_ms| fill(t(x::UNTIL), &[("time", &time(at_ms))]));
                view! {
                    {head(link.body.clone(), may.then(|| view! {
                        <button type="button" class="button second small" on:click=move |_| changes.set(true)>{t(x::CHANGE)}</button>
                    }).built())}
                    <section class="card link">
                        <p>{badge(kind, t(state))} " " {expires}</p>
                        <p class="big amount">{price(&link)}</p>
                        {numbers(&link)}
                        {switch(&link, may, list)}
                    </section>
                    {codes(&link)}
                }.built()
            }
        })}
        <section>
            <h2>{t(x::WHO_BOUGHT)}</h2>
            {dy(move || match sales.data.get() {
                None => loading(),
                Some(page) if page.orders.is_empty() => view! { <p class="empty">{t(x::NOT_SOLD_YET)}</p> }.built(),
                Some(page) => orders::list(&page.orders),
            })}
            <p><a href=all_sales>{t(x::ALL_OF_LINK)}</a></p>
        </section>
        {dy(move || changes.get().then(|| edit(link.get_untracked(), move || changes.set(false), list)))}
    }
    .built()
}

fn switch(link: &Link, may: bool, list: Live<Links>) -> Part {
    let act = Act::new();
    let body = object! { "id": link.id, "active": !link.active };
    let label = if link.active {
        x::SWITCH_OFF
    } else {
        x::SWITCH_ON
    };
    let click = move || {
        let body = body.clone();
        act.run(api::post::<LinkMade>("/v1/link", &body), move |_| {
            app().says(x::SAVED);
            list.again();
        });
    };
    view! {
        {may.then(|| button(label, "button second small", act, click))}
        {act.problem()}
    }
    .built()
}

/// The code, its files, the address, and the sheet to print.
fn codes(link: &Link) -> Part {
    let qr = format!("/pay/qr?l={}", encode(&link.id));
    let svg = format!("{qr}&format=svg&logo=1");
    let png = format!("{qr}&format=png&size=1024&logo=1");
    let sheet = format!("/pay/sheet?l={}", encode(&link.id));
    let paper = RwSignal::new("a6".to_owned());
    let papers = [
        ("a6", x::PAPER_A6),
        ("a5", x::PAPER_A5),
        ("a4", x::PAPER_A4),
        ("tent", x::PAPER_TENT),
    ];
    let papers = papers
        .map(|(value, label)| (value.to_owned(), t(label).to_owned()))
        .to_vec();
    let alt = fill(t(x::LINK_CODE_ALT), &[("what", &link.body)]);
    let name = |ending: &str| format!("{}.{ending}", link.id);
    view! {
        <section class="card code-card">
            <img class="qr" src=svg.clone() alt=alt width="220" height="220"/>
            <div>
                {to_copy(&address_of(&link.id))}
                <div class="actions-row">
                    <a class="button second small" href=png download=name("png")>"PNG"</a>
                    <a class="button second small" href=svg download=name("svg")>"SVG"</a>
                </div>
                <div class="print">
                    {choice("paper", x::SHEET, move || paper.get(), papers, move |value| paper.set(value))}
                    <a class="button second small" target="_blank" rel="noopener"
                        href=move || format!("{sheet}&paper={}", paper.get())>{t(x::PRINT)}</a>
                </div>
            </div>
        </section>
    }
    .built()
}

/// Makes a link, or changes one.
fn edit(link: Option<Link>, close: impl Fn() + Copy + Send + 'static, list: Live<Links>) -> Part {
    let app = app();
    let currency = link.as_ref().map_or_else(
        || app.session().merchant.currency,
        |link| link.currency.clone(),
    );
    let written = |amount: Option<i64>| {
        amount
            .map(|amount| money::plain(amount, &currency))
            .unwrap_or_default()
    };
    let body = RwSignal::new(
        link.as_ref()
            .map(|link| link.body.clone())
            .unwrap_or_default(),
    );
    let open = RwSignal::new(link.as_ref().is_some_and(|link| link.amount.is_none()));
    let amount = RwSignal::new(written(
        link.as_ref()
            .and_then(|link| link.amount.or(link.max_amount)),
    ));
    let stock = link
        .as_ref()
        .and_then(|link| link.stock)
        .map(|stock| stock.to_string());
    let stock = RwSignal::new(stock.unwrap_or_default());
    let question = RwSignal::new(String::new());
    let amount_problem = RwSignal::new(None);
    let body_problem = RwSignal::new(None);
    let stock_problem = RwSignal::new(None);
    let act = Act::new();
    let once = format!("console-{}", browser::random_text(20));
    let id = link.as_ref().map(|link| link.id.clone());
    let is_new = id.is_none();
    let send = {
        let currency = currency.clone();
        move || {
            if body.get_untracked().trim().is_empty() {
                body_problem.set(Some(t(x::FIELD_MISSING)));
                return browser::focus("link-body");
            }
            let price = match money::read(&amount.get_untracked(), &currency) {
                Ok(price) => price,
                Err(problem) => {
                    amount_problem.set(Some(words::entry(problem)));
                    return browser::focus("link-amount");
                }
            };
            let pieces = stock.get_untracked();
            let pieces = match pieces.trim() {
                "" => None,
                pieces => match pieces.parse::<u32>() {
                    Ok(pieces) => Some(i64::from(pieces)),
                    Err(_) => {
                        stock_problem.set(Some(t(x::WHOLE_NUMBER)));
                        return browser::focus("link-stock");
                    }
                },
            };
            let mut sent = object! { "body": body.get_untracked().trim(), "fee_type": currency, "stock": pieces };
            let (set, unset) = match open.get_untracked() {
                true => ("max_fee", "total_fee"),
                false => ("total_fee", "max_fee"),
            };
            sent.set(set, &price);
            if let Some(id) = &id {
                sent.set("id", id);
                sent.set(unset, &None::<i64>);
            }
            let asked = question.get_untracked();
            if !asked.trim().is_empty() {
                let field = object! { "name": "answer", "label": asked.trim(), "type": "text", "required": true };
                sent.set("fields", &vec![field]);
            }
            let once = once.clone();
            act.run(
                api::post_once::<LinkMade>("/v1/link", &sent, &once),
                move |made: LinkMade| {
                    app.says(x::SAVED);
                    list.again();
                    close();
                    if is_new {
                        browser::go(&Page::Links.href_of(&made.id));
                    }
                },
            );
        }
    };
    dialog(
        t(if is_new { x::NEW_LINK } else { x::CHANGE }).to_owned(),
        close,
        form(
            send,
            view! {
                {Field::new("link-body", x::WHAT_IS_SOLD, body).problem(body_problem).view()}
                {tick("link-open", t(x::PAYER_ENTERS).to_owned(), open)}
                {dy(move || Field::new("link-amount", if open.get() { x::AT_MOST } else { x::PRICE }, amount)
                    .mode("decimal").problem(amount_problem).view())}
                <details>
                    <summary>{t(x::MORE_OPTIONS)}</summary>
                    {Field::new("link-stock", x::STOCK, stock).mode("numeric").hint(x::STOCK_HINT).problem(stock_problem).view()}
                    {Field::new("link-question", x::QUESTION, question).hint(x::QUESTION_HINT).view()}
                </details>
                {act.problem()}
                {act.submit(if is_new { x::MAKE_LINK } else { x::SAVE })}
            }
            .built(),
        ),
    )
}
