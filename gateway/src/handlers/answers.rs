//! Parts of answers that several endpoints share: an order and a refund, in the
//! names of the API.

use crate::book::Refunded;
use crate::http::error::ApiError;
use crate::http::message::texts;
use crate::merchants::brand;
use crate::merchants::merchant::Merchant;
use crate::merchants::registry::people::PeopleNames;
use crate::merchants::shards::ask;
use crate::observe::Actor;
use crate::runtime::Runtime;
use crate::services::Services;
use order::{Order, Payment, RefundStatus};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The documented answer: WeChat's own names, every value a text, and `attach`
/// an empty list where there is none.
pub(crate) fn status_data(order: &Order) -> Value {
    let terms = order.terms();
    let paid = order.paid().map(|paid| &paid.payment);
    let duplicate_of = order.duplicate_of().map(ToString::to_string);
    let of = |field: fn(&Payment) -> Option<String>| paid.and_then(field);
    let mut data = texts([
        ("out_trade_no", Some(terms.out_trade_no.to_string())),
        ("trade_state", Some(order.trade_state().to_owned())),
        ("trade_type", Some(terms.trade_type.as_str().to_owned())),
        ("total_fee", Some(terms.money.amount_minor().to_string())),
        ("fee_type", Some(terms.money.currency().code().to_owned())),
        ("openid", of(|p| p.openid.clone())),
        ("is_subscribe", of(|p| p.is_subscribe.clone())),
        ("bank_type", of(|p| p.bank_type.clone())),
        ("transaction_id", of(|p| Some(p.transaction_id.clone()))),
        ("time_end", of(|p| Some(p.time_end.clone()))),
        ("sub_openid", of(|p| p.sub_openid.clone())),
        ("sub_is_subscribe", of(|p| p.sub_is_subscribe.clone())),
        ("cash_fee", of(|p| p.cash_fee.map(|fee| fee.to_string()))),
        ("cash_fee_type", of(|p| p.cash_fee_type.clone())),
        ("rate", of(|p| p.rate.clone())),
        ("duplicate_of", duplicate_of.clone()),
        // The earlier name, which the next version removes.
        ("paid_besides", duplicate_of),
    ]);
    // The merchant's own text. WeChat may shorten or change it in its copy.
    let attach = terms
        .attach
        .clone()
        .map_or_else(|| json!([]), Value::String);
    data.insert("attach".to_owned(), attach);
    Value::Object(data)
}

/// WeChat's names, every value a text. `refund_status` is WeChat's, or `ASKED`
/// while WeChat has not accepted the request yet; then `err_code` gives the
/// reason.
pub(crate) fn refund_data(refunded: &Refunded) -> Value {
    let Refunded {
        out_trade_no,
        transaction_id,
        total,
        refund,
    } = refunded;
    let status = match refund.status {
        RefundStatus::Asked => "ASKED",
        RefundStatus::Processing => "PROCESSING",
        RefundStatus::Success => "SUCCESS",
        RefundStatus::Closed => "REFUNDCLOSE",
        RefundStatus::Abnormal => "CHANGE",
    };
    Value::Object(texts([
        ("out_trade_no", Some(out_trade_no.to_string())),
        ("transaction_id", transaction_id.clone()),
        ("out_refund_no", Some(refund.out_refund_no.clone())),
        ("refund_id", refund.refund_id.clone()),
        ("refund_fee", Some(refund.money.amount_minor().to_string())),
        (
            "refund_fee_type",
            Some(refund.money.currency().code().to_owned()),
        ),
        ("total_fee", Some(total.amount_minor().to_string())),
        ("refund_status", Some(status.to_owned())),
        ("reason", refund.reason.clone()),
        ("err_code", refund.err_code.clone()),
        (
            "cancel_requested",
            refund.cancel_asked.then(|| "true".to_owned()),
        ),
    ]))
}

/// The brand, with the addresses of its images.
pub(crate) fn brand_data<R: Runtime>(cx: &Services<R>, merchant: &Merchant) -> Value {
    let mut data = brand::settings(&merchant.brand);
    if let Some(data) = data.as_object_mut() {
        let shown = cx.config.brand(merchant);
        data.insert("logo_url".to_owned(), shown.logo.into());
        data.insert("mark_url".to_owned(), shown.mark.into());
    }
    data
}

/// The names of the people among these actors, by the actor: also of people who were
/// removed. What is stored of a person is the id.
pub(crate) async fn names<R: Runtime>(
    cx: &Services<R>,
    merchant: &str,
    mut who: impl Iterator<Item = String>,
) -> Result<BTreeMap<String, String>, ApiError> {
    if !who.any(|who| matches!(Actor::from(who), Actor::Person(_))) {
        return Ok(BTreeMap::new());
    }
    let id = merchant.to_owned();
    let names = ask(&cx.runtime, PeopleNames { id }).await?.into_iter();
    Ok(names
        .map(|(id, name)| (Actor::Person(id).to_string(), name))
        .collect())
}
