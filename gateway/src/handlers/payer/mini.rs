//! `/mini/…`: a checkout that is paid in the merchant's Mini Program, with the
//! kit in `miniprogram/`.
//!
//! ```text
//! GET  /mini/status?s=ID                the state of the purchase
//! POST /mini/order?s=ID   {"code":…}    the same, and the package to pay with
//! POST /mini/check?s=ID                 queries WeChat, then as status
//! ```
//!
//! The code is `wx.login`'s; it is exchanged for the payer's openid here, and
//! neither the openid nor WeChat's session key is returned. No cookie
//! authenticates these calls, so cross-site requests gain nothing.

use super::for_payer;
use super::{Visit, visit};
use crate::auth::oauth::mini_payer;
use crate::book::{CheckoutFacts, Offer, PrepareCheckout};
use crate::http::client::client_ip;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::message::json;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use checkout::{State, format_amount};
use order::TradeType;
use serde_json::Value;
use serde_json::json;

/// `wx.login`'s codes have 32 characters.
const MAX_CODE_BYTES: usize = 128;

/// `GET /mini/status`.
pub async fn mini_status<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let visit = visit(cx, request, false).await?;
    Ok(json(200, &mini_view(cx, &visit, &visit.facts)))
}

/// `POST /mini/check`. The result of `wx.requestPayment` is not authenticated,
/// so WeChat is queried in every case.
pub async fn mini_check<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let visit = visit(cx, request, true).await?;
    Ok(json(200, &mini_view(cx, &visit, &visit.facts)))
}

/// `POST /mini/order`. A purchase that is no longer open is answered as by
/// status, and uses no code.
pub async fn mini_order<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let code = Fields::read(request.body())?.required("code", MAX_CODE_BYTES)?;
    let visit = visit(cx, request, false).await?;
    if visit.facts.state != State::Open {
        return Ok(json(200, &mini_view(cx, &visit, &visit.facts)));
    }
    let context = &visit.context;
    let payer = mini_payer(cx, context, code).await?;
    let prepare = PrepareCheckout {
        id: visit.facts.checkout.id.clone(),
        trade_type: TradeType::Jsapi,
        openid: Some(payer.openid),
        appid: Some(payer.appid.clone()),
        payer_ip: client_ip(request),
    };
    let call = prepare;
    let offer = cx.book(&context.merchant.id, call).await;
    let prepayment = match offer.map_err(for_payer)? {
        Offer::NotOpen(facts) => return Ok(json(200, &mini_view(cx, &visit, &facts))),
        Offer::Pay { prepayment, .. } => prepayment,
    };
    let upstream = cx.upstream(context);
    let package = upstream.jsapi(&prepayment, &payer.appid).await?;
    let mut answer = mini_view(cx, &visit, &visit.facts);
    if let Some(answer) = answer.as_object_mut() {
        // The appid is the Mini Program's own, as WeChat has it.
        let payment = json!({
            "timeStamp": package.time_stamp,
            "nonceStr": package.nonce_str,
            "package": package.package,
            "signType": package.sign_type,
            "paySign": package.pay_sign,
        });
        answer.insert("payment".to_owned(), payment);
    }
    Ok(json(200, &answer))
}

/// The purchase for the payer; the amount is text in the payer's language.
fn mini_view<R: Runtime>(cx: &Services<R>, visit: &Visit, facts: &CheckoutFacts) -> Value {
    let purchase = &facts.checkout.purchase;
    let (state, paid_at_ms) = match facts.state {
        State::Open => ("open", None),
        State::Confirming => ("confirming", None),
        State::Paid { paid_at_ms } | State::PartlyRefunded { paid_at_ms } => {
            ("paid", Some(paid_at_ms))
        }
        State::Refunded { paid_at_ms } => ("refunded", Some(paid_at_ms)),
        State::Expired => ("expired", None),
        State::Closed => ("closed", None),
        State::Failed => ("failed", None),
    };
    // An earlier version of the kit knows `paid`, and no partial refund.
    let partly_refunded = matches!(facts.state, State::PartlyRefunded { .. });
    json!({
        "partly_refunded": partly_refunded,
        "merchant": visit.context.merchant.name,
        "description": purchase.body,
        "amount": format_amount(purchase.money, visit.lang),
        "out_trade_no": purchase.out_trade_no.as_str(),
        "state": state,
        "paid_at_ms": paid_at_ms,
        "now_ms": cx.runtime.now_ms(),
        "expires_at_ms": facts.checkout.expires_at_ms,
        "lang": visit.lang.tag(),
        "is_test": cx.config.is_test,
    })
}
