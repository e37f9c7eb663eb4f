//! The merchant's API under `/v1/`: one file per resource, one function per
//! call. Each reads the request, calls the merchant's book, and writes the
//! answer.

pub mod account;
pub mod brand;
pub mod checkout;
pub mod checksign;
pub mod close;
pub mod delivery;
pub mod endpoint;
pub mod event;
pub mod image;
pub mod key;
pub mod link;
pub mod lists;
pub mod micropay;
pub mod order;
pub mod product;
pub mod receipt;
pub mod reconciliation;
pub mod refund;
pub mod settings;
pub mod statement;
pub mod timeline;
pub mod token;
pub mod totals;

use crate::book::{EventType, Range, command};
use crate::http::address::NotifyTargets;
use crate::http::error::{ApiError, Code};
use crate::http::fields::{CHOICE_BYTES, Fields};
use crate::merchants::directory::MerchantContext;
use crate::merchants::merchant::Merchant;
use crate::merchants::people::Person;
use crate::merchants::registry::command::ById;
use crate::merchants::shards::ask;
use crate::merchants::time_zone;
use crate::observe::Actor;
use crate::route::Role;
use crate::runtime::Runtime;
use crate::services::Services;
use crate::upstream::Upstream;
use ::checkout::Lang;
use ::order::{Currency, Money, OutTradeNo};
use wechatpay::common::time::Date;

/// The URLs that this merchant's notices may be forwarded to.
pub fn notify_targets<R: Runtime>(cx: &Services<R>, context: &MerchantContext) -> NotifyTargets {
    NotifyTargets::of(context.merchant.http_notify_url, cx.config.development)
}

/// The merchant as the registry has it at this moment.
async fn merchant_now<R: Runtime>(cx: &Services<R>, id: &str) -> Result<Merchant, ApiError> {
    let found = ask(&cx.runtime, ById { id: id.to_owned() }).await?;
    let found = found.ok_or_else(|| ApiError::of(Code::MerchantNotFound))?;
    Ok(found.merchant)
}

/// The orders that a cashier's call may concern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Orders that the cashier has made.
    Own,
    /// Those, and all orders of today.
    Today,
}

/// The cashier who calls, if one does: see [`refuse_others`].
fn cashier(context: &MerchantContext) -> Option<&Person> {
    let person = context
        .signed_in
        .as_ref()
        .map(|signed_in| &signed_in.person);
    person.filter(|person| person.role == Role::Cashier)
}

/// When today began in the merchant's time zone, Unix milliseconds, and its date.
fn today<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
) -> Result<(String, i64), ApiError> {
    time_zone::today(&context.merchant.time_zone, cx.runtime.now_ms())
        .ok_or_else(|| ApiError::internal("the merchant's time zone is unknown"))
}

/// Refuses a cashier's call about an order or a checkout outside of `reach`.
/// The first audit entry of an order names the person who made it.
async fn refuse_others<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    number: &OutTradeNo,
    reach: Reach,
) -> Result<(), ApiError> {
    let Some(person) = cashier(context) else {
        return Ok(());
    };
    let first = command::FirstChange(number.as_str().to_owned());
    let first = cx.book(&context.merchant.id, first).await?;
    let (_, today_ms) = today(cx, context)?;
    let is_reached = first.is_some_and(|(at_ms, who)| {
        let is_own = who == Actor::Person(person.id.clone()).to_string();
        is_own || reach == Reach::Today && today_ms <= at_ms
    });
    match is_reached {
        true => Ok(()),
        false => Err(ApiError::of(Code::NotYourOrder)),
    }
}

pub(crate) fn day(fields: &Fields, name: &str, text: &str) -> Result<Date, ApiError> {
    Date::parse(text).map_err(|_| fields.invalid(name, "must be a day like 20260131"))
}

/// `lang`: the page's language, where the merchant chooses it.
pub(crate) fn page_lang(fields: &Fields) -> Result<Option<Lang>, ApiError> {
    match fields.text("lang", CHOICE_BYTES)? {
        None => Ok(None),
        Some(tag) => Lang::from_tag(&tag)
            .map(Some)
            .ok_or_else(|| fields.invalid("lang", "must be en, zh-Hans, zh-Hant, ja, ko or th")),
    }
}

/// The description of the purchase in a request. `max` is at most
/// [`Upstream::max_body`].
fn body<R: Runtime>(
    upstream: &Upstream<'_, R>,
    fields: &Fields,
    max: usize,
) -> Result<String, ApiError> {
    let body = match upstream.signs_joined_body() {
        true => fields.signed_text("body", max)?,
        false => fields.text("body", max)?,
    };
    body.ok_or_else(|| fields.missing("body"))
}

/// The merchant's own text in a request.
fn attach<R: Runtime>(
    upstream: &Upstream<'_, R>,
    fields: &Fields,
) -> Result<Option<String>, ApiError> {
    fields.signed_text("attach", upstream.max_attach())
}

/// The amount in a request.
fn money<R: Runtime>(upstream: &Upstream<'_, R>, fields: &Fields) -> Result<Money, ApiError> {
    fields.money(currency(upstream, fields)?)
}

/// The currency in a request, or else the settlement currency.
fn currency<R: Runtime>(upstream: &Upstream<'_, R>, fields: &Fields) -> Result<Currency, ApiError> {
    let currency = fields
        .currency()?
        .unwrap_or(upstream.context.merchant.currency);
    match upstream.currencies() {
        Some(allowed) if !allowed.contains(&currency) => {
            let codes: Vec<&str> = allowed.into_iter().map(Currency::code).collect();
            let problem = format!(
                "is not one this merchant's account has: send {}",
                codes.join(" or ")
            );
            Err(fields.error(Code::CurrencyNotAllowed, "fee_type", &problem))
        }
        _ => Ok(currency),
    }
}

/// The longest value of a list's filter, in bytes.
const LONGEST_FILTER: usize = 128;

/// The type of events with this name.
fn event_type(fields: &Fields, name: &str) -> Result<EventType, ApiError> {
    EventType::named(name).ok_or_else(|| {
        let names: Vec<&str> = EventType::ALL.iter().map(|kind| kind.name()).collect();
        fields.invalid("type", &format!("must be one of {}", names.join(", ")))
    })
}

/// A range whose end is at least `least` after its beginning.
fn range(
    fields: &Fields,
    from: &str,
    to: &str,
    values: std::ops::RangeInclusive<i64>,
    least: i64,
) -> Result<Range, ApiError> {
    let range = Range {
        from: fields.whole(from, values.clone())?,
        to: fields.whole(to, values)?,
    };
    match (range.from, range.to) {
        (Some(begin), Some(end)) if end < begin + least => {
            let word = if least == 0 { "at least" } else { "more than" };
            Err(fields.invalid(to, &format!("must be {word} {from}")))
        }
        _ => Ok(range),
    }
}
