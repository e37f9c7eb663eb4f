//! The dialog for a refund: amount, reason, and its effect.

use leptos::prelude::*;

use crate::api::{self, Order, RefundMade};
use crate::app::app;
use crate::browser;
use crate::json::object;
use crate::money;
use crate::texts::{self as x, t};
use crate::ui::{Act, Built, Field, Part, dialog, dy, form, money as shown};
use crate::words;
use checkout::fill;

/// The dialog. `done` is called when the server has accepted the refund.
pub(crate) fn refund(
    order: Order,
    close: impl Fn() + Copy + Send + 'static,
    done: impl Fn() + Copy + Send + 'static,
) -> Part {
    let app = app();
    let left = order.amount - order.refunded_amount;
    let currency = order.currency.clone();
    let amount = RwSignal::new(money::plain(left, &currency));
    let again = RwSignal::new(String::new());
    let reason = RwSignal::new(String::new());
    let amount_problem = RwSignal::new(None);
    let again_problem = RwSignal::new(None);
    let act = Act::new();
    // One number for each opening of the dialog: a click that is repeated after
    // an answer was lost is the same refund.
    let number = format!("C{}", browser::random_text(20));
    let limit = app.session().merchant.retype_refunds_from;
    let limit = limit.unwrap_or_else(|| money::large_from(&currency));
    let read = {
        let currency = currency.clone();
        move || {
            let amount = money::read(&amount.get(), &currency).map_err(words::entry)?;
            if amount > left {
                return Err(t(x::REFUND_EXCEEDS));
            }
            Ok(amount)
        }
    };
    let must_repeat = {
        let read = read.clone();
        Memo::new(move |_| read().is_ok_and(|amount| amount >= limit))
    };
    let send = {
        let (read, order, currency) = (read.clone(), order.clone(), currency.clone());
        move || {
            let amount = match untrack(&read) {
                Ok(amount) => amount,
                Err(problem) => {
                    amount_problem.set(Some(problem));
                    browser::focus("refund-amount");
                    return;
                }
            };
            let repeated = money::read(&again.get_untracked(), &currency);
            if must_repeat.get_untracked() && repeated != Ok(amount) {
                again_problem.set(Some(t(x::AMOUNTS_DIFFER)));
                browser::focus("refund-again");
                return;
            }
            let mut body = object! {
                "out_trade_no": order.out_trade_no,
                "refund_fee": amount,
                "out_refund_no": number,
            };
            let why = reason.get_untracked();
            if !why.trim().is_empty() {
                body.set("reason", &why.trim());
            }
            act.run(
                api::post::<RefundMade>("/v1/refund", &body),
                move |made: RefundMade| {
                    app.says(match made.refund_status.as_str() {
                        "SUCCESS" => x::REFUND_DONE,
                        _ => x::REFUND_ON_ITS_WAY,
                    });
                    done();
                    close();
                },
            );
        }
    };
    let says = {
        let (read, currency) = (read.clone(), currency.clone());
        move || {
            read().ok().map(|amount| {
                let values = [
                    ("amount", shown(amount, &currency)),
                    ("paid", shown(order.amount, &currency)),
                    ("kept", shown(left - amount, &currency)),
                ];
                let values = values
                    .each_ref()
                    .map(|(name, value)| (*name, value.as_str()));
                fill(t(x::REFUND_SAYS), &values)
            })
        }
    };
    let label = {
        let currency = currency.clone();
        move || match read() {
            Ok(amount) => fill(
                t(x::REFUND_AMOUNT),
                &[("amount", &shown(amount, &currency))],
            ),
            Err(_) => t(x::REFUND).to_owned(),
        }
    };
    let (whole, half) = (
        money::plain(left, &currency),
        money::plain(left / 2, &currency),
    );
    dialog(
        t(x::REFUND).to_owned(),
        close,
        form(
            send,
            view! {
                {Field::new("refund-amount", x::AMOUNT, amount).mode("decimal").problem(amount_problem).view()}
                <p class="quick">
                    <button type="button" class="button second small" on:click=move |_| amount.set(whole.clone())>
                        {t(x::WHOLE)}</button>
                    {(left > 1).then(|| view! {
                        <button type="button" class="button second small" on:click=move |_| amount.set(half.clone())>
                            {t(x::HALF)}</button>
                    })}
                </p>
                {Field::new("refund-reason", x::REASON, reason).hint(x::REASON_HINT).view()}
                {dy(move || must_repeat.get().then(|| {
                    Field::new("refund-again", x::AMOUNT_AGAIN, again).mode("decimal")
                        .hint(x::AMOUNT_AGAIN_HINT).problem(again_problem).view()
                }))}
                <p class="says" role="status">{says}</p>
                {act.problem()}
                <button type="submit" class="button danger" class:busy=act.busy>{label}</button>
            }
            .built(),
        ),
    )
}
