//! `POST`, `GET` and `DELETE /v1/refund` (WeCeive API, "Request Refund").

use super::{Reach, cashier, refuse_others};
use crate::auth::keys::{Access, caller, refuse_key_alone};
use crate::book::{NewRefund, Refunded, command};
use crate::handlers::answers::refund_data;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::message::{query_once, success};
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use order::Money;
use serde_json::{Value, json};

/// Returns money to the payer (WeCeive API, "Request Refund"). BASIC. The
/// fields may be in the query string or in the body; that section shows both.
///
/// Without `out_refund_no` the same amount again is the same refund.
pub async fn create_refund<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Basic).await?;
    refuse_key_alone(cx, request, &context).await?;
    let body = match request.body().is_empty() {
        true => None,
        false => Some(Fields::read(request.body())?),
    };
    // Some clients send `{}` with every POST.
    let fields = match body.filter(|fields| fields.names().next().is_some()) {
        Some(fields) => fields,
        None => Fields::of_query(query_once(request)?),
    };
    let whole = 1..=Money::MAX_MINOR;
    let longest = cx.upstream(&context).max_out_refund_no();
    let out_refund_no = fields.text("out_refund_no", longest)?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-|*@".contains(&b);
    if out_refund_no
        .as_ref()
        .is_some_and(|text| !text.bytes().all(allowed))
    {
        return Err(fields.invalid(
            "out_refund_no",
            "may hold only digits, letters and the marks _ - | * @",
        ));
    }
    let new = NewRefund {
        out_trade_no: fields.out_trade_no()?,
        out_refund_no,
        total_fee: fields.whole("total_fee", whole.clone())?,
        refund_fee: fields
            .whole("refund_fee", whole)?
            .ok_or_else(|| fields.missing("refund_fee"))?,
        reason: fields.refund_reason(cx.upstream(&context).signs_joined_reason())?,
        at_most: cashier(&context).map(|person| person.refund_limit.unwrap_or(0)),
    };
    refuse_others(cx, &context, &new.out_trade_no, Reach::Own).await?;
    let refunded: Refunded = cx
        .book(&context.merchant.id, command::CreateRefund(new))
        .await?;
    Ok(success(refund_data(&refunded)))
}

/// Cancels a refund that WeChat has not accepted. SECRET. While that is not
/// certain, `refund_status` stays `ASKED`, and the order's timer queries.
pub async fn cancel_refund<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let fields = Fields::of_query_string(request, &["out_trade_no", "out_refund_no"])?;
    let call = command::CancelRefund {
        out_trade_no: fields.out_trade_no()?,
        out_refund_no: fields.required("out_refund_no", 64)?,
    };
    refuse_others(cx, &context, &call.out_trade_no, Reach::Own).await?;
    let refunded: Refunded = cx.book(&context.merchant.id, call).await?;
    Ok(success(refund_data(&refunded)))
}

/// The refunds of an order, or one of them. SECRET.
pub async fn get_refunds<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let fields = Fields::of_query_string(request, &["out_trade_no", "out_refund_no"])?;
    let number = fields.out_trade_no()?;
    refuse_others(cx, &context, &number, Reach::Today).await?;
    let wanted = fields.text("out_refund_no", 64)?;
    let refunds: Vec<Refunded> = cx
        .book(&context.merchant.id, command::FindRefunds(number))
        .await?;
    let refunds: Vec<Value> = refunds
        .iter()
        .filter(|r| wanted.as_ref().is_none_or(|w| *w == r.refund.out_refund_no))
        .map(refund_data)
        .collect();
    Ok(success(json!({ "refunds": refunds })))
}
