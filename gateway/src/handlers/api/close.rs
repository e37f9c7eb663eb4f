//! `POST /v1/close` (seed 002, section 9.3).

use super::Access;
use super::order::status_data;
use crate::Gateway;
use crate::book::Call;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::message::success;
use crate::runtime::{Request, Response, Runtime};
use order::Order;
use serde_json::json;

impl<R: Runtime> Gateway<R> {
    /// Closes an order or a checkout that is not paid, after asking WeChat, and
    /// answers how it stands. SECRET. While WeChat has not confirmed the
    /// close, `trade_state` is still `NOTPAY`, and the order's timer goes on.
    pub(crate) async fn close_order(&self, request: &Request) -> Result<Response, ApiError> {
        let context = self.caller(request, Access::Secret).await?;
        let number = Fields::read(request.body())?.out_trade_no()?;
        let call = Call::CloseOrder(number.clone());
        let order: Option<Order> = self.book(&context.merchant.id, call).await?;
        Ok(success(match order {
            Some(order) => status_data(&order),
            // A checkout without an attempt.
            None => json!({"out_trade_no": number, "trade_state": "CLOSED", "attach": []}),
        }))
    }
}
