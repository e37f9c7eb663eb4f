//! `GET /v1/timeline`: everything that happened to one purchase.

use crate::auth::keys::{Access, caller};
use crate::book::command;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::message::{query_once, success};
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `GET /v1/timeline?out_trade_no=…`: the timeline of an order, or of a
/// checkout with all its attempts, oldest first. SECRET, like the audit, which
/// is part of it.
pub async fn get_timeline<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let sent = query_once(request)?;
    if let Some(name) = sent.keys().find(|name| *name != "out_trade_no") {
        let fields = Fields::of_query(BTreeMap::new());
        return Err(fields.invalid(name, "is not known here: send out_trade_no"));
    }
    let number = Fields::of_query(sent).out_trade_no()?;
    let call = command::Timeline(number);
    let events: Vec<Value> = cx.book(&context.merchant.id, call).await?;
    Ok(success(json!({ "events": events })))
}
