//! `POST`, `GET` and `DELETE /v1/refund` (seed 000, "Request Refund").

use super::Access;
use crate::Gateway;
use crate::book::{Call, NewRefund, Refunded};
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::message::{query, query_once, success, texts};
use crate::runtime::{Request, Response, Runtime};
use order::{Money, RefundStatus};
use serde_json::{Value, json};

impl<R: Runtime> Gateway<R> {
    /// Returns money to the payer. BASIC, as the seed has it. The fields may
    /// stand in the query string or in the body; the seed shows both.
    ///
    /// Without `out_refund_no` the same amount again is the same refund.
    pub(crate) async fn create_refund(&self, request: &Request) -> Result<Response, ApiError> {
        let context = self.caller(request, Access::Basic).await?;
        self.refuse_key_alone(request, &context).await?;
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
        let longest = self.upstream(&context).max_out_refund_no();
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
        };
        let refunded: Refunded = self
            .book(&context.merchant.id, Call::CreateRefund(new))
            .await?;
        Ok(success(refund_data(&refunded)))
    }

    /// Cancels a refund that WeChat has not taken. SECRET. While that is not
    /// certain, `refund_status` stays `ASKED`, and the order's timer goes on.
    pub(crate) async fn cancel_refund(&self, request: &Request) -> Result<Response, ApiError> {
        let context = self.caller(request, Access::Secret).await?;
        let fields = Fields::of_query(query_once(request)?);
        let call = Call::CancelRefund {
            out_trade_no: fields.out_trade_no()?,
            out_refund_no: fields.required("out_refund_no", 64)?,
        };
        let refunded: Refunded = self.book(&context.merchant.id, call).await?;
        Ok(success(refund_data(&refunded)))
    }

    /// The refunds of an order, or one of them. SECRET.
    pub(crate) async fn get_refunds(&self, request: &Request) -> Result<Response, ApiError> {
        let context = self.caller(request, Access::Secret).await?;
        let fields = Fields::of_query(query(request));
        let number = fields.out_trade_no()?;
        let wanted = fields.text("out_refund_no", 64)?;
        let refunds: Vec<Refunded> = self
            .book(&context.merchant.id, Call::FindRefunds(number))
            .await?;
        let refunds: Vec<Value> = refunds
            .iter()
            .filter(|r| wanted.as_ref().is_none_or(|w| *w == r.refund.out_refund_no))
            .map(refund_data)
            .collect();
        Ok(success(json!({ "refunds": refunds })))
    }
}

/// WeChat's names, every value a text. `refund_status` is WeChat's, or `ASKED`
/// while WeChat has not taken the request yet; then `err_code` says why.
pub(super) fn refund_data(refunded: &Refunded) -> Value {
    let Refunded {
        out_trade_no,
        transaction_id,
        total,
        refund,
    } = refunded;
    let status = match refund.status {
        RefundStatus::Asked => "ASKED",
        RefundStatus::Processing => "PROCESSING",
        RefundStatus::Success => "SUCCESS",
        RefundStatus::Closed => "REFUNDCLOSE",
        RefundStatus::Abnormal => "CHANGE",
    };
    Value::Object(texts([
        ("out_trade_no", Some(out_trade_no.to_string())),
        ("transaction_id", transaction_id.clone()),
        ("out_refund_no", Some(refund.out_refund_no.clone())),
        ("refund_id", refund.refund_id.clone()),
        ("refund_fee", Some(refund.money.amount_minor().to_string())),
        (
            "refund_fee_type",
            Some(refund.money.currency().code().to_owned()),
        ),
        ("total_fee", Some(total.amount_minor().to_string())),
        ("refund_status", Some(status.to_owned())),
        ("err_code", refund.err_code.clone()),
        (
            "cancel_requested",
            refund.cancel_asked.then(|| "true".to_owned()),
        ),
    ]))
}
