//! The merchant's API under `/v1/`: one file per resource, one function per
//! call. Reads the request, asks the merchant's book, writes the answer.

pub mod account;
pub mod checkout;
pub mod checksign;
pub mod close;
pub mod delivery;
pub mod link;
pub mod lists;
pub mod micropay;
pub mod order;
pub mod product;
pub mod refund;
pub mod statement;
mod terms;
pub mod timeline;
pub mod token;
pub mod totals;

use crate::http::address::NotifyTargets;
use crate::http::error::ApiError;
use crate::http::fields::{CHOICE_BYTES, Fields};
use crate::merchants::directory::MerchantContext;
use crate::runtime::Runtime;
use crate::services::Services;
use ::checkout::Lang;
use wechatpay::common::time::Date;

/// Where this merchant's notices may be sent on to.
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
