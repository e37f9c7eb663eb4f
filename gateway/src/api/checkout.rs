//! `POST /v1/checkout`: a page to send one payer to, for one purchase.

use super::Access;
use crate::Gateway;
use crate::address;
use crate::book::{Call, Checkout, MAX_CHECKOUT_NUMBER, NewCheckout, Purchase};
use crate::error::{ApiError, Code};
use crate::fields::Fields;
use crate::http::success;
use crate::world::{Request, Response, World};
use checkout::Lang;
use serde_json::json;

/// How long a checkout can be paid when the merchant does not say.
const DEFAULT_SECONDS: i64 = 30 * 60;
/// WeChat takes no order that lives for five minutes or less (seed 002,
/// section 9.1, `time_expire`), and one is made when the payer asks.
const SHORTEST_SECONDS: i64 = 6 * 60;
/// No longer than a prepayment.
const LONGEST_SECONDS: i64 = 2 * 60 * 60;

impl<W: World> Gateway<W> {
    /// Makes a checkout and answers its address. BASIC.
    pub(crate) async fn create_checkout(&self, request: &Request) -> Result<Response, ApiError> {
        let known = self.caller(request, Access::Basic).await?;
        let fields = Fields::read(request.body())?;
        let out_trade_no = fields.out_trade_no()?;
        if out_trade_no.as_str().len() > MAX_CHECKOUT_NUMBER {
            return Err(fields.invalid(
                "out_trade_no",
                &format!("must have at most {MAX_CHECKOUT_NUMBER} characters for a checkout"),
            ));
        }
        let lang = page_lang(&fields)?;
        let seconds = fields
            .whole("expires_in_seconds", SHORTEST_SECONDS..=LONGEST_SECONDS)?
            .unwrap_or(DEFAULT_SECONDS);
        let new = NewCheckout {
            id: format!("{}.{}", known.merchant.id, self.random_text(22)),
            purchase: Purchase {
                out_trade_no,
                body: fields.required("body", known.merchant.dialect.max_body())?,
                money: known.merchant.money(&fields)?,
                notify_url: address::notify_url(&fields, self.config.development)?,
                success_url: address::page_url(&fields, "success_url", self.config.development)?,
                cancel_url: address::page_url(&fields, "cancel_url", self.config.development)?,
                lang,
                attach: fields.text("attach", 128)?,
            },
            expires_at_ms: self.world.now_ms() + seconds * 1000,
        };
        let checkout: Checkout = self
            .book(&known.merchant.id, Call::OpenCheckout(Box::new(new)))
            .await?;
        Ok(success(json!({
            "id": checkout.id,
            "url": self.config.checkout_url(&checkout.id),
            "out_trade_no": checkout.purchase.out_trade_no,
            "expires_at": checkout.expires_at_ms / 1000,
        })))
    }

    /// The merchant's id in a checkout's id.
    pub(crate) fn merchant_of(checkout_id: &str) -> Result<&str, ApiError> {
        checkout_id
            .split_once('.')
            .map(|(merchant, _)| merchant)
            .ok_or_else(|| ApiError::of(Code::SessionNotFound))
    }
}

/// `lang`: the page's language, where the merchant chooses it.
pub(super) fn page_lang(fields: &Fields) -> Result<Option<Lang>, ApiError> {
    match fields.text("lang", 16)? {
        None => Ok(None),
        Some(tag) => Lang::from_tag(&tag)
            .map(Some)
            .ok_or_else(|| fields.invalid("lang", "must be en, zh-Hans or zh-Hant")),
    }
}
