//! The list of orders: filters in the address, one box for any number, and the
//! file of exactly what is shown.

use leptos::prelude::*;

use crate::address::{Address, Page, query};
use crate::api::{self, Order, Orders, Result};
use crate::app::{App, app};
use crate::browser;
use crate::live::live;
use crate::texts::{self as x, t};
use crate::ui::{
    Act, Built, Part, badge, choice, dy, failed, head, icon, loading, moment, money, time,
};
use crate::words;
use checkout::fill;

/// How often an open list is loaded again, ms.
const EVERY_MS: i32 = 8_000;
/// The rows of a page.
const LIMIT: usize = 30;
/// How many pages without enough rows are read in a row: a page compares at most
/// 1,000 orders with the filters.
const ROUNDS: usize = 20;

/// The filters of the address as parameters of `GET /v1/orders`. Days are those
/// of the shop's time zone.
fn parameters(address: &Address, time_zone: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in &address.filters {
        let day = |later_ms: i64| {
            let begins = browser::day_begins_ms(value, time_zone)?;
            Some((begins + later_ms).to_string())
        };
        let pair = match name.as_str() {
            "q" | "state" | "trade_type" | "link" | "currency" => {
                Some((name.as_str(), value.clone()))
            }
            "from" => day(0).map(|at_ms| ("created_from_ms", at_ms)),
            "to" => day(86_400_000).map(|at_ms| ("created_to_ms", at_ms)),
            _ => None,
        };
        pairs.extend(pair.map(|(name, value)| (name.to_owned(), value)));
    }
    pairs
}

/// One page of the list, which may have been read in several steps.
async fn read(
    mut pairs: Vec<(String, String)>,
    after: Option<String>,
    limit: usize,
) -> Result<Orders> {
    pairs.push(("limit".to_owned(), limit.to_string()));
    let mut page = Orders {
        orders: Vec::new(),
        after,
    };
    for _ in 0..ROUNDS {
        let mut pairs = pairs.clone();
        pairs.extend(page.after.take().map(|after| ("after".to_owned(), after)));
        let next: Orders = api::get(&format!("/v1/orders?{}", query(&pairs))).await?;
        page.orders.extend(next.orders);
        page.after = next.after;
        if page.orders.len() >= limit || page.after.is_none() {
            break;
        }
    }
    Ok(page)
}

/// The latest orders, for the first page.
pub(crate) async fn latest() -> Result<Orders> {
    read(Vec::new(), None, 20).await
}

/// The rows of a new first page, before those that were shown and are older.
fn merged(shown: &[Order], first: Vec<Order>) -> Vec<Order> {
    let Some(oldest_ms) = first.last().map(|order| order.created_at_ms) else {
        return Vec::new();
    };
    let older = shown.iter().filter(|order| {
        order.created_at_ms < oldest_ms
            && !first
                .iter()
                .any(|new| new.out_trade_no == order.out_trade_no)
    });
    let older: Vec<Order> = older.cloned().collect();
    first.into_iter().chain(older).collect()
}

pub(crate) fn page() -> Part {
    let app = app();
    let zone = app.session().merchant.time_zone;
    let asked = {
        let zone = zone.clone();
        Memo::new(move |_| app.address.with(|address| parameters(address, &zone)))
    };
    let first = live(EVERY_MS, move || read(asked.get(), None, LIMIT));
    // What was loaded with `More`, and where the next page begins.
    let rows = RwSignal::new(Vec::<Order>::new());
    let after = RwSignal::new(None::<String>);
    Effect::new(move |before: Option<Vec<(String, String)>>| {
        let question = asked.get();
        let is_same = before.as_ref() == Some(&question);
        if !is_same {
            rows.set(Vec::new());
        }
        question
    });
    Effect::new(move |_| {
        let Some(page) = first.data.get() else {
            return;
        };
        let known = rows.get_untracked();
        let next = merged(&known, page.orders);
        if next.len() <= LIMIT.max(20) || known.is_empty() {
            after.set(page.after);
        }
        rows.set(next);
    });
    let more = Act::new();
    let export = Act::new();
    let load_more = move || {
        let cursor = after.get_untracked();
        let pairs = asked.get_untracked();
        let question = pairs.clone();
        more.run(
            async move { read(pairs, cursor, LIMIT).await },
            move |page: Orders| {
                if asked.get_untracked() == question {
                    after.set(page.after);
                    rows.update(|rows| rows.extend(page.orders));
                }
            },
        );
    };
    let save = move || {
        let mut pairs = asked.get_untracked();
        pairs.push(("format".to_owned(), "csv".to_owned()));
        let path = format!("/v1/orders?{}", query(&pairs));
        let name = format!("orders-{}.csv", app.session().today.day);
        export.run(
            async move { api::download(&path, &name).await },
            move |()| app.says(x::SAVED),
        );
    };
    view! {
        {head(t(x::ORDERS).to_owned(), view! {
            <button type="button" class="button second small" class:busy=export.busy
                on:click=move |_| save()>{t(x::EXPORT)}</button>
        }.built())}
        {filters(app)}
        {export.problem()}
        {dy(move || first.failure.get().map(|failure| failed(&failure)))}
        {dy(move || {
            let rows = rows.get();
            if rows.is_empty() {
                if first.loading.get() && first.data.with(|page| page.as_ref().is_none_or(|page| page.orders.is_empty())) {
                    return loading();
                }
                return empty(app);
            }
            list(&rows)
        })}
        {more.problem()}
        {dy(move || after.get().is_some().then(|| view! {
            <button type="button" class="button second" class:busy=more.busy
                on:click=move |_| load_more()>{t(x::LOAD_MORE)}</button>
        }))}
    }
    .built()
}

fn empty(app: App) -> Part {
    let filtered = app.address.with(|address| !address.filters.is_empty());
    let may = app.session();
    view! {
        <div class="empty">
            <p>{t(if filtered { x::NOTHING_FOUND } else { x::NO_ORDERS })}</p>
            {if filtered {
                view! {
                    <button type="button" class="button second" on:click=move |_| {
                        app.filters(Address::of(Page::Orders));
                    }>{t(x::CLEAR_FILTERS)}</button>
                }.built()
            } else if may.may("links") {
                view! { <a class="button" href=Page::Links.href()>{t(x::FIRST_LINK)}</a> }.built()
            } else {
                ().built()
            }}
        </div>
    }
    .built()
}

fn filters(app: App) -> Part {
    let filter = move |name: &'static str| move || app.address.with(|address| address.filter(name));
    let set = move |name: &str, value: &str| {
        app.filters(
            app.address
                .with_untracked(|address| address.with(name, value)),
        );
    };
    let options = |first: crate::texts::Text, known: &[(&str, crate::texts::Text)]| {
        let all = (String::new(), t(first).to_owned());
        let known = known
            .iter()
            .map(|(value, label)| ((*value).to_owned(), t(*label).to_owned()));
        std::iter::once(all).chain(known).collect::<Vec<_>>()
    };
    // The list is requested when the person stops typing, and not at each
    // letter.
    let typed = RwSignal::new(filter("q")());
    let timer = RwSignal::new(0);
    let search = move |written: String| {
        typed.set(written);
        browser::forget_timer(timer.get_untracked());
        timer.set(browser::after(200, move || {
            if let Some(written) = typed.try_get_untracked() {
                set("q", written.trim());
            }
        }));
    };
    let count = move || {
        let active = app.address.with(|address| {
            address
                .filters
                .iter()
                .filter(|(name, _)| name != "q")
                .count()
        });
        (active > 0).then(|| active.to_string())
    };
    view! {
        <search class="filters">
            <div class="search">
                {icon("M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM16 16l5 5")}
                <input type="search" id="search" aria-label=t(x::SEARCH) placeholder=t(x::SEARCH)
                    autocomplete="off" autocapitalize="off" spellcheck="false" enterkeyhint="search"
                    prop:value=typed
                    on:input=move |event| search(event_target_value(&event))/>
            </div>
            <details>
                <summary>{t(x::FILTERS)} {dy(move || count().map(|n| view! { <span class="count">{n}</span> }))}</summary>
                <div class="fields">
                    {choice("state", x::STATE, filter("state"), options(x::ANY, &words::ORDER_STATES),
                        move |value| set("state", &value))}
                    {choice("trade-type", x::WAY_TO_PAY, filter("trade_type"), options(x::ANY, &words::TRADE_TYPES),
                        move |value| set("trade_type", &value))}
                    {day("from", x::FROM_DAY, filter("from"), move |value| set("from", &value))}
                    {day("to", x::TO_DAY, filter("to"), move |value| set("to", &value))}
                </div>
            </details>
        </search>
    }
    .built()
}

/// A day of the shop's time zone.
fn day(
    id: &'static str,
    label: crate::texts::Text,
    value: impl Fn() -> String + Send + Sync + 'static,
    chosen: impl Fn(String) + 'static,
) -> Part {
    view! {
        <div class="field">
            <label for=id>{t(label)}</label>
            <input id=id type="date" prop:value=value
                on:change=move |event| chosen(event_target_value(&event))/>
        </div>
    }
    .built()
}

/// Rows of orders, each a link to its page.
pub(crate) fn list(orders: &[Order]) -> Part {
    let row = |order: &Order| {
        let (kind, state) = words::order_state(&order.state, order.refunded_amount, order.amount);
        let refunded =
            (order.refunded_amount > 0 && order.refunded_amount < order.amount).then(|| {
                let amount = money(order.refunded_amount, &order.currency);
                fill(t(x::OF_IT_REFUNDED), &[("amount", &amount)])
            });
        view! {
            <li><a class="row" href=Page::Orders.href_of(&order.out_trade_no)>
                <span class="what"><strong>{order.body.clone()}</strong>
                    <span class="quiet number">{order.out_trade_no.clone()}</span></span>
                <span class="when quiet"><time title=time(order.created_at_ms)>{moment(order.created_at_ms)}</time>
                    <span>{words::trade_type(&order.trade_type)}</span></span>
                <span class="how-much"><strong class="amount">{money(order.amount, &order.currency)}</strong>
                    {badge(kind, t(state))}
                    {refunded.map(|refunded| view! { <span class="quiet">{refunded}</span> })}</span>
            </a></li>
        }
    };
    view! { <ul class="rows">{orders.iter().map(row).collect_view()}</ul> }.built()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(number: &str, created_at_ms: i64) -> Order {
        let text = format!(
            r#"{{"out_trade_no":"{number}","purchase":null,"state":"SUCCESS","amount":1,"currency":"HKD",
            "refunded_amount":0,"trade_type":"NATIVE","body":"","openid":null,"transaction_id":null,
            "link":null,"waiting":false,"duplicate_of":null,"created_at_ms":{created_at_ms},
            "paid_at_ms":null,"expires_at_ms":0}}"#
        );
        crate::json::read(&text).unwrap()
    }

    fn numbers(orders: &[Order]) -> String {
        orders
            .iter()
            .map(|order| order.out_trade_no.as_str())
            .collect()
    }

    #[test]
    fn a_new_first_page_loses_no_row_that_it_pushed_out() {
        let shown = [order("d", 4), order("c", 3), order("b", 2), order("a", 1)];
        let first = vec![order("f", 6), order("e", 5), order("d", 4)];
        assert_eq!(numbers(&merged(&shown, first)), "fedcba");
    }

    #[test]
    fn a_row_that_no_longer_fits_the_filters_is_gone() {
        let shown = [order("d", 4), order("c", 3), order("b", 2), order("a", 1)];
        let first = vec![order("d", 4), order("b", 2)];
        assert_eq!(numbers(&merged(&shown, first)), "dba");
        assert_eq!(numbers(&merged(&shown, Vec::new())), "");
    }
}
