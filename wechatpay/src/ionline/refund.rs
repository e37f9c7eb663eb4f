//! Refund: returns a payment, whole or in parts.
//!
//! ```text
//! service ionline.unified.trade.refund  mch_id nonce_str sign_type sign
//!   transaction_id | out_trade_no  out_refund_no  total_fee refund_fee  op_user_id
//! answer                                        accepted, not yet returned
//!   transaction_id out_trade_no out_refund_no refund_id refund_fee
//! ```
//!
//! The number makes the request idempotent: after any failure it is repeated
//! under the *same* `out_refund_no`, and its result is
//! [queried](super::refundquery). There is no notice about a refund.

use crate::common::refund::Amounts;
use crate::common::{FieldError, Fields, OrderNumber, Text};

use super::answer::{self, check_echo};
use super::error::AnswerError;
use super::payment::read_money;
use super::query::check_by;
use super::request::{self, Service};
use crate::Secret;
use order::{Currency, RefundState};

/// A request to return money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The MID: who was paid.
    pub mch_id: Text<32>,
    /// The order's number.
    pub by: OrderNumber,
    /// The merchant's number for this refund.
    pub out_refund_no: Text<32>,
    /// The amounts of the refund and of the order. The currency is the
    /// merchant's and is not sent.
    pub amounts: Amounts,
    /// A nonce, from the caller.
    pub nonce_str: Text<32>,
}

impl Request {
    /// The request's fields, not signed yet. This family of gateways requires
    /// an operator: the merchant's id is sent.
    pub fn to_fields(&self) -> Fields {
        let mut fields = request::start(Service::Refund, &self.mch_id, &self.nonce_str);
        self.by.write(&mut fields);
        fields.push("out_refund_no", self.out_refund_no.as_str());
        fields.push("total_fee", self.amounts.total_fee().to_string());
        fields.push("refund_fee", self.amounts.refund_fee().to_string());
        fields.push("op_user_id", self.mch_id.as_str());
        fields
    }

    /// The form to send.
    pub fn to_form(&self, key: &Secret) -> String {
        request::to_form(self.to_fields(), key)
    }

    /// Reads a request of a merchant with this currency. The caller verifies
    /// its signature; `op_user_id` is ignored.
    pub fn read(fields: &Fields, currency: Currency) -> Result<Self, FieldError> {
        let (mch_id, nonce_str) = request::read(fields, &[Service::Refund])?;
        let amounts = Amounts::new(
            read_money(fields, "refund_fee", currency)?,
            read_money(fields, "total_fee", currency)?,
        )?;
        Ok(Self {
            mch_id,
            by: OrderNumber::read(fields)?,
            out_refund_no: fields.text("out_refund_no")?,
            amounts,
            nonce_str,
        })
    }
}

/// iOnline has accepted the refund. A query shows whether the money was
/// returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// iOnline's number for the payment.
    pub transaction_id: String,
    /// The merchant's number for the order.
    pub out_trade_no: String,
    /// iOnline's number for the refund.
    pub refund_id: String,
}

impl Answer {
    /// Reads the answer to `request`. See [`answer::read`] for what is checked
    /// before.
    pub fn read(bytes: &[u8], request: &Request, key: &Secret) -> Result<Self, AnswerError> {
        let fields = answer::read(bytes, request.mch_id.as_str(), key)?;
        check_by(&request.by, &fields)?;
        check_echo(&fields, "out_refund_no", request.out_refund_no.as_str())?;
        for (field, fee) in [
            ("refund_fee", request.amounts.refund_fee()),
            ("total_fee", request.amounts.total_fee()),
        ] {
            check_echo(&fields, field, &fee.to_string())?;
        }
        Ok(Self {
            transaction_id: fields.required("transaction_id")?.to_owned(),
            out_trade_no: fields.required("out_trade_no")?.to_owned(),
            refund_id: fields.required("refund_id")?.to_owned(),
        })
    }

    /// The event for the order's state machine.
    pub fn state(&self) -> RefundState {
        RefundState::Processing {
            refund_id: self.refund_id.clone(),
        }
    }

    /// The answer's fields to `request`, not signed yet: then
    /// [`answer::to_json`].
    pub fn to_fields(&self, request: &Request, nonce_str: &str) -> Fields {
        answer::success(request.mch_id.as_str(), nonce_str)
            .with("transaction_id", self.transaction_id.as_str())
            .with("out_trade_no", self.out_trade_no.as_str())
            .with("out_refund_no", request.out_refund_no.as_str())
            .with("refund_id", self.refund_id.as_str())
            .with("refund_fee", request.amounts.refund_fee().to_string())
    }
}
