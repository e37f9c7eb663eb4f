//! `GET /v1/timeline`: everything that happened to one purchase.

use super::Access;
use crate::Gateway;
use crate::book::Call;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::message::{query_once, success};
use crate::runtime::{Request, Response, Runtime};
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl<R: Runtime> Gateway<R> {
    /// `GET /v1/timeline?out_trade_no=…`: of an order, or of a checkout with all
    /// its attempts, oldest first. SECRET, like the audit, which it shows.
    pub(crate) async fn get_timeline(&self, request: &Request) -> Result<Response, ApiError> {
        let context = self.caller(request, Access::Secret).await?;
        let sent = query_once(request)?;
        if let Some(name) = sent.keys().find(|name| *name != "out_trade_no") {
            let fields = Fields::of_query(BTreeMap::new());
            return Err(fields.invalid(name, "is not known here: send out_trade_no"));
        }
        let number = Fields::of_query(sent).out_trade_no()?;
        let call = Call::Timeline(number);
        let events: Vec<Value> = self.book(&context.merchant.id, call).await?;
        Ok(success(json!({ "events": events })))
    }
}
