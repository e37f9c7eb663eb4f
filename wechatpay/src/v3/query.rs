//! Query order: the state of an order at WeChat.
//!
//! ```text
//! GET …/transactions/id/{transaction_id}?mchid=…  |  ?sp_mchid=…&sub_mchid=…
//! GET …/transactions/out-trade-no/{out_trade_no}?…
//! answer
//!   trade_state  SUCCESS REFUND                                the payment's fields
//!                NOTPAY CLOSED REVOKED USERPAYING PAYERROR     out_trade_no, attach
//!   [trade_state_desc]
//! ```
//!
//! The paths begin as those of [`prepay`](super::prepay).

use crate::common::{OrderNumber, Problem, Text};

use super::answer::AnswerError;
use super::field::FieldError;
use super::json::{Object, set};
use super::keyring::Verified;
use super::merchant::Merchant;
use super::payment::{self, check_account, check_echo, read_state, state_name};
use super::prepay::{parse_out_trade_no, transactions};
use super::region::Region;
use super::request::{Incoming, Outgoing, RequestError};
use crate::common::json::Document;
use crate::uri;
use order::{Account, TradeState};
use serde_json::{Map, Value};

/// A query of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that the order belongs to.
    pub merchant: Merchant,
    /// The order's number.
    pub by: OrderNumber,
}

impl Request {
    /// The request to send.
    pub fn outgoing(&self, region: Region) -> Outgoing {
        let base = transactions(region, self.merchant.sub_mch_id.is_some());
        Outgoing::get(format!(
            "{base}{}?{}",
            segments(&self.by),
            self.merchant.to_query()
        ))
    }

    /// Reads a request.
    pub fn read(request: &Incoming<'_>) -> Result<Self, RequestError> {
        Ok(Self {
            merchant: Merchant::read_query(request)?,
            by: read_by(request)?,
        })
    }
}

/// `/id/…` or `/out-trade-no/…`.
pub(crate) fn segments(by: &OrderNumber) -> String {
    match by {
        OrderNumber::TransactionId(id) => format!("/id/{}", uri::encode(id.as_str())),
        OrderNumber::OutTradeNo(number) => {
            format!("/out-trade-no/{}", uri::encode(number.as_str()))
        }
    }
}

/// The merchant's number is looked for first: it may be the text `id`.
pub(crate) fn read_by(request: &Incoming<'_>) -> Result<OrderNumber, FieldError> {
    if let Some(number) = request.segment_after("out-trade-no")? {
        return parse_out_trade_no(&number).map(OrderNumber::OutTradeNo);
    }
    match request.segment_after("id")? {
        Some(id) => Ok(OrderNumber::TransactionId(Text::new(
            "transaction_id",
            &id,
        )?)),
        None => Err(FieldError::new("out_trade_no", Problem::Missing)),
    }
}

/// The state of the order at WeChat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its state, with the payment where there is one.
    pub state: TradeState,
    /// The merchant's number.
    pub out_trade_no: Option<String>,
    /// The merchant's own data.
    pub attach: Option<String>,
    /// WeChat's text for the state.
    pub trade_state_desc: Option<String>,
}

impl Answer {
    /// Reads the verified answer about an order of `account`. A refusal with
    /// [`OrderNotExist`](super::ErrorCode::OrderNotExist) means that WeChat has
    /// no such order.
    ///
    /// Only `SUCCESS` and `REFUND` contain a payment, and it must be complete.
    pub fn read(
        verified: Verified<'_>,
        by: &OrderNumber,
        account: &Account,
    ) -> Result<Self, AnswerError> {
        let document = Document::parse(verified.bytes())?;
        let root = document.root();
        check_account(&root, account)?;
        match by {
            OrderNumber::OutTradeNo(number) => check_echo(&root, "out_trade_no", number.as_str())?,
            OrderNumber::TransactionId(id) => check_transaction_id(&root, id.as_str())?,
        }
        Ok(Self {
            state: read_state(&root, account)?,
            out_trade_no: root.owned("out_trade_no")?,
            attach: root.shown("attach"),
            trade_state_desc: root.shown("trade_state_desc"),
        })
    }

    /// The body, about an order of `account`.
    pub fn to_json(&self, account: &Account, region: Region) -> String {
        let mut fields = Map::new();
        match &self.state {
            TradeState::Success(paid) | TradeState::Refund(paid) => {
                payment::write(&mut fields, paid, region);
            }
            _ => {
                Merchant::from(account).push(&mut fields);
                set(&mut fields, "out_trade_no", self.out_trade_no.as_deref());
                set(&mut fields, "attach", self.attach.as_deref());
            }
        }
        set(&mut fields, "trade_state", Some(state_name(&self.state)));
        set(
            &mut fields,
            "trade_state_desc",
            self.trade_state_desc.as_deref(),
        );
        Value::Object(fields).to_string()
    }
}

fn check_transaction_id(root: &Object<'_>, expected: &str) -> Result<(), AnswerError> {
    if !root.has("id") && !root.has("transaction_id") {
        return Ok(());
    }
    if payment::read_transaction_id(root)? == expected {
        Ok(())
    } else {
        let field = "transaction_id";
        Err(AnswerError::Mismatched { field })
    }
}
