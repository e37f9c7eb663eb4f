//! One order: its money first, then what happened, with the evidence, and what
//! can be done about it.

use leptos::prelude::*;

use crate::address::{Page, encode};
use crate::api::{
    self, Deliveries, Delivery, Order, Orders, Payment, Receipt, Refund, Refunds, Result, Session,
    Step, Timeline,
};
use crate::app::{App, app};
use crate::browser;
use crate::json::object;
use crate::live::{Live, live};
use crate::pages::deliveries;
use crate::pages::orders;
use crate::pages::refund::refund;
use crate::texts::{self as x, Text, t};
use crate::ui::{
    Act, Built, Part, badge, dialog, dy, failed, form, head, loading, moment, money, time,
};
use crate::words;
use checkout::fill;

/// How often an open order is loaded again, ms.
const EVERY_MS: i32 = 4_000;

/// Everything that is known about an order.
#[derive(Clone, Debug, PartialEq)]
struct Whole {
    order: Option<Order>,
    /// The other orders of its purchase.
    others: Vec<Order>,
    refunds: Vec<Refund>,
    deliveries: Vec<Delivery>,
    steps: Vec<Step>,
}

async fn read(number: String, looks: bool) -> Result<Whole> {
    let named = encode(&number);
    let found: Orders = api::get(&format!("/v1/orders?limit=100&q={named}")).await?;
    let mut orders = found.orders;
    let of_purchase = |order: &Order| order.purchase.as_deref() == Some(number.as_str());
    let at = orders
        .iter()
        .position(|order| order.out_trade_no == number)
        .or_else(|| {
            orders
                .iter()
                .position(|order| of_purchase(order) && order.paid_at_ms.is_some())
        })
        .or_else(|| orders.iter().position(of_purchase))
        // The number of a transaction or of a refund.
        .or((orders.len() == 1).then_some(0));
    let Some(order) = at.map(|at| orders.remove(at)) else {
        return Ok(Whole {
            order: None,
            others: Vec::new(),
            refunds: Vec::new(),
            deliveries: Vec::new(),
            steps: Vec::new(),
        });
    };
    let number = encode(&order.out_trade_no);
    if let Some(purchase) = &order.purchase {
        let all: Orders = api::get(&format!("/v1/orders?limit=100&q={}", encode(purchase))).await?;
        orders = all.orders;
        orders.retain(|other| {
            other.purchase == order.purchase && other.out_trade_no != order.out_trade_no
        });
    } else {
        orders.clear();
    }
    let refunds: Refunds =
        api::get(&format!("/v1/refunds?limit=100&out_trade_no={number}")).await?;
    let (mut deliveries, mut steps) = (Vec::new(), Vec::new());
    if looks {
        let list: Deliveries =
            api::get(&format!("/v1/deliveries?limit=100&out_trade_no={number}")).await?;
        deliveries = list.deliveries;
        let timeline: Timeline = api::get(&format!("/v1/timeline?out_trade_no={number}")).await?;
        steps = timeline.events;
    }
    Ok(Whole {
        order: Some(order),
        others: orders,
        refunds: refunds.refunds,
        deliveries,
        steps,
    })
}

/// An action that the person must confirm.
#[derive(Clone, Copy, PartialEq)]
enum Asks {
    Nothing,
    Refund,
    Close,
    Reverse,
}

pub(crate) fn page(number: &str) -> Part {
    let app = app();
    let session = app.session();
    let looks = session.may("look");
    let wanted = number.to_owned();
    let whole = live(EVERY_MS, move || read(wanted.clone(), looks));
    let asks = RwSignal::new(Asks::Nothing);
    view! {
        {head(number.to_owned(), view! {
            <a class="button second small" href=Page::Orders.href()>{t(x::ALL_ORDERS)}</a>
        }.built())}
        {dy(move || whole.failure.get().map(|failure| failed(&failure)))}
        {dy(move || match whole.data.get() {
            None => loading(),
            Some(Whole { order: None, .. }) => view! {
                <p class="empty">{t(x::ORDER_NOT_FOUND)}</p>
            }.built(),
            Some(Whole { order: Some(order), others, refunds, deliveries, steps }) => view! {
                {summary(&order)}
                {actions(app, &session, &order, whole, asks)}
                {facts(&order)}
                {refund_list(&refunds)}
                {attempts(&others)}
                {delivery_list(&session, &deliveries, whole)}
                {timeline(&steps)}
            }.built(),
        })}
        {dy(move || {
            // Every signal is read first, because only signals that are read
            // are followed.
            let asked = asks.get();
            let order = whole.data.get_untracked().and_then(|whole| whole.order)?;
            let close = move || asks.set(Asks::Nothing);
            match asked {
                Asks::Nothing => None,
                Asks::Refund => Some(refund(order, close, move || whole.again())),
                Asks::Close => Some(confirm(&order, "/v1/close", x::CLOSE_ORDER, x::CLOSE_SAYS, close, whole)),
                Asks::Reverse => Some(confirm(&order, "/v1/reverse", x::REVERSE, x::REVERSE_SAYS, close, whole)),
            }
        })}
    }
    .built()
}

fn summary(order: &Order) -> Part {
    let (kind, state) = words::order_state(&order.state, order.refunded_amount, order.amount);
    let refunded = (order.refunded_amount > 0).then(|| {
        let values = [
            ("amount", money(order.refunded_amount, &order.currency)),
            (
                "kept",
                money(order.amount - order.refunded_amount, &order.currency),
            ),
        ];
        let values = values
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        fill(t(x::REFUNDED_AND_KEPT), &values)
    });
    view! {
        <section class="card money">
            <p class="quiet">{order.body.clone()}</p>
            <p class="big amount">{money(order.amount, &order.currency)}</p>
            <p>{badge(kind, t(state))} " "
                <span class="quiet">{order.paid_at_ms.map_or_else(|| time(order.created_at_ms), time)}</span></p>
            {refunded.map(|refunded| view! { <p>{refunded}</p> })}
            {order.duplicate_of.clone().map(|kept| view! {
                <p class="notice">{fill(t(x::DUPLICATE_OF), &[("number", &kept)])}</p>
            })}
        </section>
    }
    .built()
}

fn actions(
    app: App,
    session: &Session,
    order: &Order,
    whole: Live<Whole>,
    asks: RwSignal<Asks>,
) -> Part {
    let is_paid = ["SUCCESS", "REFUND"].contains(&order.state.as_str());
    let is_open = ["NOTPAY", "USERPAYING"].contains(&order.state.as_str());
    let is_quick_pay = order.trade_type == "MICROPAY";
    let query = Act::new();
    let receipt = Act::new();
    let number = order.out_trade_no.clone();
    let ask = {
        let path = format!("/v1/order?refresh=1&out_trade_no={}", encode(&number));
        move || {
            let path = path.clone();
            query.run(api::get::<Payment>(&path), move |_| {
                app.says(x::WECHAT_ANSWERED);
                whole.again();
            });
        }
    };
    let copy_receipt = move || {
        let body = object! { "out_trade_no": number };
        receipt.run(api::post::<Receipt>("/v1/receipt", &body), move |made| {
            if let Some(url) = made.receipt_url {
                browser::copy(url, move |done| {
                    app.says(if done { x::COPIED } else { x::NOT_COPIED });
                });
            }
        });
    };
    let asking = move |what: Asks, label: Text, class: &'static str| {
        view! {
            <button type="button" class=class on:click=move |_| asks.set(what)>{t(label)}</button>
        }
    };
    view! {
        <div class="actions-row">
            {(is_paid && session.may("refund") && order.refunded_amount < order.amount)
                .then(|| asking(Asks::Refund, x::REFUND, "button"))}
            {(is_quick_pay && (is_open || order.state == "SUCCESS") && session.may("undo"))
                .then(|| asking(Asks::Reverse, x::REVERSE, "button second"))}
            {(is_open && !is_quick_pay && session.may("undo"))
                .then(|| asking(Asks::Close, x::CLOSE_ORDER, "button second"))}
            <button type="button" class="button second" class:busy=query.busy
                on:click=move |_| ask()>{t(x::ASK_WECHAT)}</button>
            {(is_paid && session.may("sell")).then(|| view! {
                <button type="button" class="button second" class:busy=receipt.busy
                    on:click=move |_| copy_receipt()>{t(x::COPY_RECEIPT)}</button>
            })}
        </div>
        {query.problem()}
        {receipt.problem()}
    }
    .built()
}

/// Asks the person to confirm an action that cannot be undone, and shows the
/// amount.
fn confirm(
    order: &Order,
    path: &'static str,
    label: Text,
    says: Text,
    close: impl Fn() + Copy + Send + 'static,
    whole: Live<Whole>,
) -> Part {
    let app = app();
    let act = Act::new();
    let number = order.out_trade_no.clone();
    let amount = money(order.amount, &order.currency);
    let says = fill(t(says), &[("amount", &amount), ("number", &number)]);
    let send = move || {
        let body = object! { "out_trade_no": number };
        act.run(api::post::<Payment>(path, &body), move |_| {
            app.says(x::DONE);
            whole.again();
            close();
        });
    };
    dialog(
        t(label).to_owned(),
        close,
        form(
            send,
            view! {
                <p>{says}</p>
                {act.problem()}
                {act.submit_as(t(label).to_owned(), "button danger")}
            }
            .built(),
        ),
    )
}

fn facts(order: &Order) -> Part {
    let fact = |label: Text, value: Option<String>| {
        value.filter(|value| !value.is_empty()).map(|value| {
            view! { <div><dt>{t(label)}</dt><dd>{value}</dd></div> }
        })
    };
    let answers = order.metadata.iter().map(|(name, value)| {
        view! { <div><dt>{name.clone()}</dt><dd>{value.clone()}</dd></div> }
    });
    let answers = answers.collect_view();
    view! {
        <section class="card"><dl class="facts">
            {fact(x::OUT_TRADE_NO, Some(order.out_trade_no.clone()))}
            {fact(x::PURCHASE, order.purchase.clone())}
            {fact(x::TRANSACTION_ID, order.transaction_id.clone())}
            {fact(x::WAY_TO_PAY, Some(words::trade_type(&order.trade_type).to_owned()))}
            {fact(x::PAYER, order.openid.clone())}
            {fact(x::MADE_AT, Some(time(order.created_at_ms)))}
            {fact(x::PAID_AT, order.paid_at_ms.map(time))}
            {fact(x::EXPIRES_AT, order.waiting.then(|| time(order.expires_at_ms)))}
            {answers}
            {order.link.clone().map(|link| view! {
                <div><dt>{t(x::LINK)}</dt><dd><a href=Page::Links.href_of(&link)>{link.clone()}</a></dd></div>
            })}
        </dl></section>
    }
    .built()
}

fn refund_list(refunds: &[Refund]) -> Part {
    if refunds.is_empty() {
        return ().built();
    }
    let row = |refund: &Refund| {
        let (kind, state) = words::refund_state(&refund.state);
        let number = refund.out_refund_no.clone();
        view! {
            <li class="row">
                <span class="what"><strong>{refund.reason.clone().unwrap_or_else(|| t(x::NO_REASON).to_owned())}</strong>
                    <span class="quiet number">{number}</span></span>
                <span class="when quiet">{moment(refund.created_at_ms)}
                    {refund.error_code.clone().map(|code| view! { <span>{code}</span> })}</span>
                <span class="how-much"><strong class="amount">{money(-refund.amount, &refund.currency)}</strong>
                    {badge(kind, t(state))}</span>
            </li>
        }
    };
    view! {
        <section><h2>{t(x::REFUNDS)}</h2><ul class="rows">{refunds.iter().map(row).collect_view()}</ul></section>
    }
    .built()
}

fn attempts(others: &[Order]) -> Part {
    if others.is_empty() {
        return ().built();
    }
    view! { <section><h2>{t(x::ATTEMPTS)}</h2>{orders::list(others)}</section> }.built()
}

fn delivery_list(session: &Session, list: &[Delivery], whole: Live<Whole>) -> Part {
    if list.is_empty() {
        return ().built();
    }
    let may = session.may("resend");
    let rows = list
        .iter()
        .map(|delivery| deliveries::row(delivery, may, move || whole.again()));
    view! {
        <section><h2>{t(x::DELIVERIES)}</h2><ul class="rows">{rows.collect_view()}</ul></section>
    }
    .built()
}

fn timeline(steps: &[Step]) -> Part {
    if steps.is_empty() {
        return ().built();
    }
    let step = |step: &Step| {
        let who = step.who.clone().map(|who| words::actor(&who, None));
        let evidence = step
            .evidence
            .clone()
            .filter(|evidence| !evidence.is_empty());
        view! {
            <li class=format!("step {}", step.kind)>
                <p><strong>{words::step(&step.kind)}</strong> " " <span>{words::what(&step.what, app().lang.get_untracked())}</span></p>
                <p class="quiet"><time>{moment(step.at_ms)}</time>
                    {who.map(|who| view! { <span>{who}</span> })}
                    <span class="number">{step.out_trade_no.clone()}</span></p>
                {evidence.map(|evidence| view! { <p class="evidence" lang="en">{evidence}</p> })}
                {step.request_id.clone().map(|id| view! { <p class="quiet number">{t(x::REQUEST)} " " {id}</p> })}
            </li>
        }
    };
    view! {
        <section><h2>{t(x::TIMELINE)}</h2><ol class="timeline">{steps.iter().map(step).collect_view()}</ol></section>
    }
    .built()
}
