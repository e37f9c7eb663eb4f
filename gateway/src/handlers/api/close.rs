//! `POST /v1/close` (WeChat Pay v2 manual, section 9.3).

use super::{Reach, refuse_others};
use crate::auth::keys::{Access, caller};
use crate::book::command;
use crate::handlers::answers::status_data;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::message::success;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use order::Order;
use serde_json::json;

/// Closes an unpaid order or checkout, after a query at WeChat, and answers its
/// state. SECRET. While WeChat has not confirmed the close, `trade_state` is
/// still `NOTPAY`, and the order's timer repeats the close.
pub async fn close_order<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let number = Fields::read(request.body())?.out_trade_no()?;
    refuse_others(cx, &context, &number, Reach::Own).await?;
    let call = command::CloseOrder(number.clone());
    let order: Option<Order> = cx.book(&context.merchant.id, call).await?;
    Ok(success(match order {
        Some(order) => status_data(&order),
        // A checkout without an attempt.
        None => json!({"out_trade_no": number, "trade_state": "CLOSED", "attach": []}),
    }))
}
