//! `GET /v1/timeline`: everything that happened to one purchase.

use crate::auth::keys::{Access, caller};
use crate::book::command;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::message::success;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use serde_json::{Value, json};

/// `GET /v1/timeline?out_trade_no=…`: the timeline of an order, or of a
/// checkout with all its attempts, oldest first. SECRET, like the audit, which
/// is part of it.
pub async fn get_timeline<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let number = Fields::of_query_string(request, &["out_trade_no"])?.out_trade_no()?;
    let call = command::Timeline(number);
    let events: Vec<Value> = cx.book(&context.merchant.id, call).await?;
    Ok(success(json!({ "events": events })))
}
