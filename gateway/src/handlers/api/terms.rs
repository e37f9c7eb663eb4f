//! What a request says of a payment, read by the rules of the merchant's
//! upstream.

use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::runtime::Runtime;
use crate::upstream::Upstream;
use order::{Currency, Money};

/// What is bought, as a request names it. `max` is at most
/// [`Upstream::max_body`].
pub(super) fn body<R: Runtime>(
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

/// The merchant's own text that a request names.
pub(super) fn attach<R: Runtime>(
    upstream: &Upstream<'_, R>,
    fields: &Fields,
) -> Result<Option<String>, ApiError> {
    fields.signed_text("attach", upstream.max_attach())
}

/// The amount that a request names.
pub(super) fn money<R: Runtime>(
    upstream: &Upstream<'_, R>,
    fields: &Fields,
) -> Result<Money, ApiError> {
    fields.money(currency(upstream, fields)?)
}

/// The currency that a request names, or else the settlement currency.
pub(super) fn currency<R: Runtime>(
    upstream: &Upstream<'_, R>,
    fields: &Fields,
) -> Result<Currency, ApiError> {
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
