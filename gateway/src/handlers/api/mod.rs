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
pub mod refund;
pub mod statement;
pub mod timeline;
pub mod token;
pub mod totals;

use crate::http::address::NotifyTargets;
use crate::http::error::{ApiError, Code};
use crate::http::fields::{CHOICE_BYTES, Fields};
use crate::merchants::directory::MerchantContext;
use crate::runtime::Runtime;
use crate::services::Services;
use crate::upstream::Upstream;
use ::checkout::Lang;
use ::order::{Currency, Money};
use wechatpay::common::time::Date;

/// The URLs that this merchant's notices may be forwarded to.
pub fn notify_targets<R: Runtime>(cx: &Services<R>, context: &MerchantContext) -> NotifyTargets {
    NotifyTargets::of(context.merchant.http_notify_url, cx.config.development)
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
            .ok_or_else(|| fields.invalid("lang", "must be en, zh-Hans or zh-Hant")),
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
