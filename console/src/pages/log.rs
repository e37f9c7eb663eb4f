//! Who changed what.

use leptos::prelude::*;

use crate::address::{Address, Page, encode};
use crate::api::{self, Audit, Entry};
use crate::app::app;
use crate::browser;
use crate::live::live;
use crate::texts::{self as x, Text, t};
use crate::ui::{Act, Built, Part, dy, failed, head, icon, loading, moment, time};
use crate::words;

const EVERY_MS: i32 = 15_000;

fn path(of: &str, subject: &str) -> String {
    let of = if of.is_empty() { "money" } else { of };
    match subject {
        "" => format!("/v1/audit?of={of}&limit=50"),
        subject => format!("/v1/audit?of={of}&limit=50&subject={}", encode(subject)),
    }
}

pub(crate) fn page() -> Part {
    let app = app();
    let filter = move |name: &'static str| app.address.with(|address| address.filter(name));
    let asked = Memo::new(move |_| path(&filter("of"), &filter("subject")));
    let first = live(EVERY_MS, move || {
        let path = asked.get();
        async move { api::get::<Audit>(&path).await }
    });
    let older = RwSignal::new(Vec::<Entry>::new());
    let before = RwSignal::new(None::<i64>);
    Effect::new(move |_| {
        asked.get();
        older.set(Vec::new());
        before.set(None);
    });
    let more = Act::new();
    let load_more = move || {
        let next = before.get_untracked().or_else(|| {
            let first = first.data.get_untracked()?;
            first.entries.last().map(|entry| entry.id)
        });
        let Some(next) = next else {
            return;
        };
        let path = format!("{}&before={next}", asked.get_untracked());
        let read = async move { api::get::<Audit>(&path).await };
        more.run(read, move |page: Audit| {
            before.set(page.before.or(Some(0)));
            older.update(|older| older.extend(page.entries));
        });
    };
    let tab = move |value: &'static str, label: Text| {
        view! {
            <button type="button" class="tab" aria-pressed=move || (filter("of") == value).to_string()
                on:click=move |_| app.filters(Address::of(Page::Log).with("of", value))>{t(label)}</button>
        }
    };
    let typed = RwSignal::new(filter("subject"));
    let search = move |written: String| {
        typed.set(written.clone());
        browser::after(300, move || {
            if typed.try_get_untracked().as_ref() == Some(&written) {
                let changed = app
                    .address
                    .with_untracked(|address| address.with("subject", written.trim()));
                app.filters(changed);
            }
        });
    };
    view! {
        {head(t(x::LOG).to_owned(), ().built())}
        <div class="tabs">{tab("", x::LOG_MONEY)}{tab("credentials", x::LOG_CREDENTIALS)}</div>
        <div class="search">
            {icon("M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM16 16l5 5")}
            <input type="search" aria-label=t(x::LOG_SUBJECT) placeholder=t(x::LOG_SUBJECT) autocomplete="off"
                prop:value=typed on:input=move |event| search(event_target_value(&event))/>
        </div>
        {dy(move || first.failure.get().map(|failure| failed(&failure)))}
        {dy(move || match first.data.get() {
            None => loading(),
            Some(page) if page.entries.is_empty() => view! { <p class="empty">{t(x::NOTHING_FOUND)}</p> }.built(),
            Some(page) => {
                let known = page.entries.last().map_or(0, |entry| entry.id);
                let rest = older.get().into_iter().filter(|entry| entry.id < known);
                let all: Vec<Entry> = page.entries.iter().cloned().chain(rest).collect();
                let has_more = match before.get() {
                    None => page.before.is_some(),
                    Some(before) => before > 0,
                };
                view! {
                    <ol class="timeline">{all.iter().map(entry).collect_view()}</ol>
                    {has_more.then(|| view! {
                        <button type="button" class="button second" class:busy=more.busy
                            on:click=move |_| load_more()>{t(x::LOAD_MORE)}</button>
                    })}
                }.built()
            }
        })}
        {more.problem()}
    }
    .built()
}

fn entry(entry: &Entry) -> Part {
    let person = entry.person.as_ref().map(|person| person.name.as_str());
    let who = words::actor(&entry.who, person);
    view! {
        <li class="step">
            <p><strong>{who}</strong> " " <span>{words::what(&entry.what, app().lang.get_untracked())}</span></p>
            <p class="quiet"><time title=time(entry.at_ms)>{moment(entry.at_ms)}</time>
                <span class="number">{entry.subject.clone()}</span></p>
            {(!entry.evidence.is_empty()).then(|| view! { <p class="evidence" lang="en">{entry.evidence.clone()}</p> })}
            {(!entry.request_id.is_empty()).then(|| view! {
                <p class="quiet number">{t(x::REQUEST)} " " {entry.request_id.clone()}</p>
            })}
        </li>
    }
    .built()
}
