//! `/v1/delivery`: the deliveries to the merchant.

use crate::auth::idempotency::idempotency_key;
use crate::auth::keys::{Access, caller};
use crate::book::{Delivery, command};
use crate::http::error::{ApiError, Code};
use crate::http::fields::{Fields, LARGEST};
use crate::http::message::success;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use serde_json::json;

/// `GET /v1/delivery[?out_trade_no=…]`: the latest hundred, newest first.
/// SECRET.
pub async fn get_deliveries<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let fields = Fields::of_query_string(request, &["out_trade_no"])?;
    let number = match fields.is_there("out_trade_no") {
        true => Some(fields.out_trade_no()?),
        false => None,
    };
    let call = command::Deliveries(number);
    let deliveries: Vec<Delivery> = cx.book(&context.merchant.id, call).await?;
    serde_json::to_value(deliveries)
        .map(|deliveries| success(json!({ "deliveries": deliveries })))
        .map_err(ApiError::internal)
}

/// `POST /v1/delivery` with `{"id": …}`: sends it again, now, and on the whole
/// schedule until it is acknowledged. SECRET.
pub async fn resend_delivery<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let once = idempotency_key(request)?;
    let fields = Fields::read(request.body())?;
    let id = fields
        .whole("id", 1..=LARGEST)?
        .ok_or_else(|| fields.missing("id"))?;
    let sent = cx.book_once(&context.merchant.id, command::Resend(id), once);
    let delivery: Delivery = sent.await?;
    serde_json::to_value(delivery)
        .map(success)
        .map_err(ApiError::internal)
}

/// `GET /v1/deliveries/{id}`: a delivery of a notice or an event, with every attempt:
/// its time, how long it took, the answer's status and its first kilobyte. SECRET.
pub async fn get_delivery<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    Fields::of_query_string(request, &[])?;
    let number = id.parse().ok().filter(|number| *number > 0);
    let number = number.ok_or_else(|| ApiError::of(Code::DeliveryNotFound))?;
    let call = command::FindDelivery(number);
    Ok(success(cx.book(&context.merchant.id, call).await?))
}
