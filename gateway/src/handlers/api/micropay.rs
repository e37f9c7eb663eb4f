//! `POST /v1/micropay` and `POST /v1/reverse`: Quick Pay, where the merchant
//! scans the payer's code (WeChat Pay v2 manual, section 5).

use super::{Reach, cashier, notify_targets, refuse_others};
use crate::auth::keys::{Access, caller, refusal_for, refuse_foreign_addresses};
use crate::book::command;
use crate::handlers::answers::status_data;
use crate::http::address;
use crate::http::client::client_ip;
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::success;
use crate::merchants::directory::MerchantContext;
use crate::route::Right;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use crate::upstream::QuickPay;
use order::{Order, OutTradeNo, Terms, TradeType};

/// Takes a payment. BASIC. Answers the order's state: `SUCCESS`, or
/// `USERPAYING` while the payer enters the password or the outcome is unknown;
/// then the caller polls `GET /v1/order` every few seconds. After 30 seconds
/// the order is reversed. After a refusal by WeChat (a code that expired or was
/// used, insufficient funds) a new number *and* a new code are needed
/// (checklist Q3).
///
/// The same number never takes money twice: a repeated call answers the order's
/// state.
pub async fn micropay<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Basic).await?;
    let fields = Fields::read(request.body())?;
    let upstream = cx.upstream(&context);
    let terms = Terms {
        out_trade_no: fields.out_trade_no()?,
        account: context.merchant.account.clone(),
        body: super::body(&upstream, &fields, upstream.max_body())?,
        money: super::money(&upstream, &fields)?,
        trade_type: TradeType::Micropay,
        openid: None,
        attach: super::attach(&upstream, &fields)?,
        notify_url: address::notify_url(&fields, "notify_url", notify_targets(cx, &context))?,
        metadata: fields.metadata()?,
        expires_at_ms: cx.runtime.now_ms(),
    };
    let addresses = [("notify_url", &terms.notify_url)];
    refuse_foreign_addresses(cx, request, &context, &addresses).await?;
    let auth_code = fields.required("auth_code", 32)?;
    let well_formed = auth_code.len() == 18
        && auth_code.bytes().all(|b| b.is_ascii_digit())
        && ("10".."16").contains(&auth_code.get(..2).unwrap_or_default());
    if !well_formed {
        return Err(fields.invalid("auth_code", "must be 18 digits that begin with 10 to 15"));
    }
    let new = QuickPay {
        terms,
        auth_code,
        till_ip: client_ip(request),
    };
    let call = command::QuickPay(Box::new(new));
    let order: Order = match cx.book(&context.merchant.id, call).await {
        Ok(order) => order,
        Err(error) => return Err(refusal_for(cx, request, &context, error).await),
    };
    Ok(success(status_data(&order)))
}

/// Reverses a Quick Pay order, 15 seconds to 7 days after it was made. SECRET.
/// While WeChat has not confirmed it, `trade_state` is `USERPAYING`, and the
/// order's timer repeats the reverse.
pub async fn reverse_order<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let number = Fields::read(request.body())?.out_trade_no()?;
    refuse_others(cx, &context, &number, Reach::Own).await?;
    refuse_return(cx, &context, &number).await?;
    let order: Order = cx
        .book(&context.merchant.id, command::Reverse(number))
        .await?;
    Ok(success(status_data(&order)))
}

/// Refuses to return a payment for a cashier above the limit. While the result of a
/// Quick Pay is not known, the cashier who began it must be able to end it.
async fn refuse_return<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    number: &OutTradeNo,
) -> Result<(), ApiError> {
    let Some(person) = cashier(context) else {
        return Ok(());
    };
    let find = command::FindOrder {
        out_trade_no: number.clone(),
        refresh: false,
    };
    let order: Order = cx.book(&context.merchant.id, find).await?;
    if order.paid().is_none() {
        return Ok(());
    }
    let money = order.terms().money;
    // The limit is an amount of the merchant's currency.
    let limit = match person.refund_limit {
        Some(limit) if money.currency() == context.merchant.currency => limit,
        _ => 0,
    };
    if money.amount_minor() > limit {
        let why = "The payment is more than you may return.";
        return Err(ApiError::new(Code::RefundAboveLimit, why));
    }
    match person.is_withheld(Right::Refund) {
        true => Err(ApiError::of(Code::SecondFactorNeeded)),
        false => Ok(()),
    }
}
