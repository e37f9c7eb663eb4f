//! Query refund: the status of one refund, or of all refunds of an order.
//!
//! ```text
//! GET /v3/global/refunds/out-refund-no/{out_refund_no}?mchid=… | ?sp_mchid=…&sub_mchid=…
//! GET /v3/global/refunds/id/{refund_id}?…
//! GET /v3/global/refunds?out_trade_no=… | transaction_id=…&offset=…&count=…&…
//! GET /v3/refund/domestic/refunds/{out_refund_no}[?sub_mchid=…]           mainland
//! answer
//!   one refund, or
//!   id out_trade_no amount{total,currency,payer_total,payer_currency}
//!   data[] total_num current_total_num
//! ```
//!
//! A refusal with [`ResourceNotExists`](super::ErrorCode::ResourceNotExists) or
//! [`RefundNotExist`](super::ErrorCode::RefundNotExist) means that WeChat has
//! no such refund. WeChat Pay APIv3 Global manual, "Query Refund API".

use super::answer::AnswerError;
use super::field::FieldError;
use super::json::set;
use super::keyring::Verified;
use super::merchant::Merchant;
use super::payment::{check_echo, either};
use super::prepay::parse_out_trade_no;
use super::refund::{In, Refund};
use super::region::Region;
use super::request::{Incoming, Outgoing, RequestError};
use crate::common::OrderNumber;
use crate::common::json::Document;
use crate::common::refund::OutRefundNo;
use crate::common::{Problem, Text};
use crate::uri;
use order::Money;
use serde_json::{Map, Value};

/// The most refunds that one answer lists.
pub const MAX_COUNT: u32 = 20;

/// A query of one refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that received the payment.
    pub merchant: Merchant,
    /// Which refund.
    pub by: Lookup,
}

/// The number by which a refund is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// WeChat's number. Only Global.
    RefundId(Text<32>),
    /// The merchant's number.
    OutRefundNo(OutRefundNo),
}

impl Request {
    /// The request to send. The mainland looks up by the merchant's number
    /// only: [`Problem::OtherRegion`].
    pub fn outgoing(&self, region: Region) -> Result<Outgoing, FieldError> {
        let ids = self.merchant.to_query();
        let path = match (&self.by, region) {
            (Lookup::RefundId(id), Region::Global) => {
                format!("/v3/global/refunds/id/{}?{ids}", uri::encode(id.as_str()))
            }
            (Lookup::OutRefundNo(number), Region::Global) => {
                let number = uri::encode(number.as_str());
                format!("/v3/global/refunds/out-refund-no/{number}?{ids}")
            }
            (Lookup::OutRefundNo(number), Region::Mainland) => {
                let number = uri::encode(number.as_str());
                let sub_mch_id = self.merchant.sub_mch_id.as_deref();
                let query = sub_mch_id.map(|id| format!("?sub_mchid={}", uri::encode(id)));
                let query = query.unwrap_or_default();
                format!("/v3/refund/domestic/refunds/{number}{query}")
            }
            (Lookup::RefundId(_), Region::Mainland) => {
                return Err(FieldError::new("refund_id", Problem::OtherRegion));
            }
        };
        Ok(Outgoing::get(path))
    }

    /// Reads a request.
    pub fn read(request: &Incoming<'_>) -> Result<Self, RequestError> {
        let out_refund_no = |number: &str| OutRefundNo::new(number).map(Lookup::OutRefundNo);
        let missing = || FieldError::new("out_refund_no", Problem::Missing);
        if request.region == Region::Mainland {
            let number = request.segment_after("refunds")?.ok_or_else(missing)?;
            let sub_mch_id = request.optional_param("sub_mchid")?;
            return Ok(Self {
                merchant: Merchant::signer(request, sub_mch_id),
                by: out_refund_no(&number).map_err(FieldError::from)?,
            });
        }
        // The merchant's number is looked for first: it may be the text `id`.
        let by = match request.segment_after("out-refund-no")? {
            Some(number) => out_refund_no(&number),
            None => {
                let id = request.segment_after("id")?.ok_or_else(missing)?;
                Text::new("refund_id", &id).map(Lookup::RefundId)
            }
        };
        let by = by.map_err(FieldError::from)?;
        Ok(Self {
            merchant: Merchant::read_query(request)?,
            by,
        })
    }
}

/// Reads the verified answer to `request`: it must be about that refund.
pub fn read_answer(verified: Verified<'_>, request: &Request) -> Result<Refund, AnswerError> {
    let document = Document::parse(verified.bytes())?;
    let refund = Refund::read(&document.root(), In::Query)?;
    let (field, same) = match &request.by {
        Lookup::RefundId(id) => ("refund_id", refund.refund_id == id.as_str()),
        Lookup::OutRefundNo(number) => ("out_refund_no", refund.out_refund_no == number.as_str()),
    };
    if same {
        Ok(refund)
    } else {
        Err(AnswerError::Mismatched { field })
    }
}

/// A query of all refunds of an order. Only Global has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The account that received the payment.
    pub merchant: Merchant,
    /// Which order.
    pub by: OrderNumber,
    /// How many refunds to skip.
    pub offset: u32,
    /// How many to list.
    pub count: Count,
}

/// How many refunds to list: `1..=20`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(u32);

impl Count {
    /// Checks a number.
    pub fn new(count: i64) -> Result<Self, FieldError> {
        u32::try_from(count)
            .ok()
            .filter(|count| (1..=MAX_COUNT).contains(count))
            .map(Self)
            .ok_or_else(|| FieldError::new("count", Problem::OutOfRange))
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl PageRequest {
    /// The request to send.
    pub fn outgoing(&self) -> Outgoing {
        let (name, number) = match &self.by {
            OrderNumber::TransactionId(id) => ("transaction_id", id.as_str()),
            OrderNumber::OutTradeNo(number) => ("out_trade_no", number.as_str()),
        };
        Outgoing::get(format!(
            "/v3/global/refunds?{name}={}&count={}&offset={}&{}",
            uri::encode(number),
            self.count.get(),
            self.offset,
            self.merchant.to_query()
        ))
    }

    /// Reads a request.
    pub fn read(request: &Incoming<'_>) -> Result<Self, RequestError> {
        let by = match request.optional_param("transaction_id")? {
            Some(id) => Text::new("transaction_id", &id)
                .map(OrderNumber::TransactionId)
                .map_err(FieldError::from)?,
            None => {
                parse_out_trade_no(&request.param("out_trade_no")?).map(OrderNumber::OutTradeNo)?
            }
        };
        Ok(Self {
            merchant: Merchant::read_query(request)?,
            by,
            offset: u32::try_from(request.int_param("offset")?)
                .map_err(|_| FieldError::new("offset", Problem::OutOfRange))?,
            count: Count::new(request.int_param("count")?)?,
        })
    }
}

/// A part of the refunds of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// WeChat's number for the payment.
    pub transaction_id: String,
    /// The merchant's number for the order.
    pub out_trade_no: String,
    /// The order's amount.
    pub money: Money,
    /// What the payer was charged, in the minor unit of `payer_currency`.
    pub payer_total: Option<i64>,
    /// The currency the payer was charged in.
    pub payer_currency: Option<String>,
    /// The refunds, in WeChat's order.
    pub refunds: Vec<Refund>,
    /// The number of the order's refunds.
    pub total_num: i64,
}

impl Page {
    /// Reads the verified answer to `request`.
    pub fn read(verified: Verified<'_>, request: &PageRequest) -> Result<Self, AnswerError> {
        let document = Document::parse(verified.bytes())?;
        let root = document.root();
        let amount = root.object("amount")?;
        let refunds = root.objects("data")?;
        let page = Self {
            transaction_id: either(&root, "transaction_id", "id")?,
            out_trade_no: root.text("out_trade_no", 32)?.to_owned(),
            money: amount.money("total")?,
            payer_total: amount.shown_int("payer_total"),
            payer_currency: amount.shown("payer_currency"),
            refunds: refunds
                .iter()
                .map(|refund| Refund::read(refund, In::List))
                .collect::<Result<_, _>>()?,
            total_num: root.int("total_num")?,
        };
        match &request.by {
            OrderNumber::OutTradeNo(number) => check_echo(&root, "out_trade_no", number.as_str())?,
            OrderNumber::TransactionId(id) if page.transaction_id != id.as_str() => {
                let field = "transaction_id";
                return Err(AnswerError::Mismatched { field });
            }
            OrderNumber::TransactionId(_) => {}
        }
        Ok(page)
    }

    /// The body, about an order of this merchant.
    pub fn to_json(&self, merchant: &Merchant) -> String {
        let mut amount = Map::new();
        set(&mut amount, "total", Some(self.money.amount_minor()));
        set(&mut amount, "currency", Some(self.money.currency().code()));
        set(&mut amount, "payer_total", self.payer_total);
        set(
            &mut amount,
            "payer_currency",
            self.payer_currency.as_deref(),
        );
        let refunds = self.refunds.iter();
        let data = refunds.map(|refund| Value::Object(refund.write(In::List, Region::Global)));

        let mut fields = Map::new();
        set(&mut fields, "id", Some(self.transaction_id.as_str()));
        merchant.push_mchids(&mut fields);
        set(
            &mut fields,
            "out_trade_no",
            Some(self.out_trade_no.as_str()),
        );
        set(&mut fields, "amount", Some(amount));
        set(&mut fields, "data", Some(data.collect::<Value>()));
        set(&mut fields, "total_num", Some(self.total_num));
        set(&mut fields, "current_total_num", Some(self.refunds.len()));
        Value::Object(fields).to_string()
    }
}
