//! Refund: returns a payment, whole or in parts.
//!
//! ```text
//! POST /v3/global/refunds
//!   the ids; transaction_id | out_trade_no; out_refund_no
//!   amount{refund,total,currency} [reason] [notify_url] [source]
//! answer                                        accepted, not yet returned
//!   id out_refund_no create_time
//!   amount{refund,currency,payer_refund,payer_currency,exchange_rate}
//!
//! POST /v3/refund/domestic/refunds              mainland
//!   [sub_mchid]; the same, and funds_account for source
//! answer
//!   refund_id out_refund_no transaction_id out_trade_no channel
//!   user_received_account status create_time [success_time] amount{…}
//! ```
//!
//! The number makes the request idempotent: after any failure it is repeated
//! under the *same* `out_refund_no` (R4), and its result is
//! [queried](super::refundquery). WeChat Pay APIv3 Global manual, "Refund API".

use crate::common::refund::{Channel, FundsSource, OutRefundNo, Status};
use crate::common::{OrderNumber, Problem, Text};

use super::answer::AnswerError;
use super::field::FieldError;
use super::json::{Object, set};
use super::keyring::Verified;
use super::merchant::Merchant;
use super::payment::{check_echo, either, exchange_rate};
use super::prepay::{as_str, read_out_trade_no};
use super::region::Region;
use super::request::{Incoming, Outgoing, RequestError};
use super::time;
use crate::common::json::Document;
use crate::common::prepay::NotifyUrl;
use order::{Money, RefundState};
use serde_json::{Map, Value, json};

/// A request to return money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that received the payment. The mainland reads it from the
    /// signature, except for an institution's merchant.
    pub merchant: Merchant,
    /// The order's number.
    pub by: OrderNumber,
    /// The merchant's number for this refund.
    pub out_refund_no: OutRefundNo,
    /// The amounts of the refund and of the order.
    pub amounts: Amounts,
    /// The URL that receives the [notice](super::refund_notify).
    pub notify_url: Option<NotifyUrl>,
    /// Why, as the payer reads it.
    pub reason: Option<Text<80>>,
    /// Which of the merchant's funds pay for it.
    pub source: Option<FundsSource>,
}

/// The amounts of a refund and of its order: one currency, the first at most
/// the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amounts {
    refund: Money,
    total: Money,
}

impl Amounts {
    /// `refund` of an order of `total`.
    pub fn new(refund: Money, total: Money) -> Result<Self, FieldError> {
        if refund.currency() != total.currency() {
            Err(FieldError::new("amount.currency", Problem::UnknownValue))
        } else if refund.amount_minor() > total.amount_minor() {
            Err(FieldError::new("amount.refund", Problem::OutOfRange))
        } else {
            Ok(Self { refund, total })
        }
    }

    /// The refunded amount.
    pub const fn refund(self) -> Money {
        self.refund
    }

    /// The whole order.
    pub const fn total(self) -> Money {
        self.total
    }
}

impl Request {
    /// The request to send.
    pub fn outgoing(&self, region: Region) -> Outgoing {
        let mut fields = Map::new();
        let (path, source) = match region {
            Region::Global => {
                self.merchant.push(&mut fields);
                ("/v3/global/refunds", "source")
            }
            Region::Mainland => {
                set(
                    &mut fields,
                    "sub_mchid",
                    self.merchant.sub_mch_id.as_deref(),
                );
                ("/v3/refund/domestic/refunds", "funds_account")
            }
        };
        match &self.by {
            OrderNumber::TransactionId(id) => set(&mut fields, "transaction_id", Some(id.as_str())),
            OrderNumber::OutTradeNo(number) => {
                set(&mut fields, "out_trade_no", Some(number.as_str()))
            }
        }
        set(
            &mut fields,
            "out_refund_no",
            Some(self.out_refund_no.as_str()),
        );
        set(&mut fields, "reason", as_str(&self.reason));
        set(
            &mut fields,
            "notify_url",
            self.notify_url.as_ref().map(NotifyUrl::as_str),
        );
        set(
            &mut fields,
            source,
            self.source.map(|source| source_name(source, region)),
        );
        let amount = json!({
            "refund": self.amounts.refund.amount_minor(),
            "total": self.amounts.total.amount_minor(),
            "currency": self.amounts.total.currency().code(),
        });
        set(&mut fields, "amount", Some(amount));
        Outgoing::post(path.to_owned(), fields)
    }

    /// Reads a request.
    pub fn read(request: &Incoming<'_>) -> Result<Self, RequestError> {
        let document = request.document()?;
        let root = document.root();
        let (merchant, source) = match request.region {
            Region::Global => (Merchant::read(&root)?, "source"),
            Region::Mainland => {
                let sub_mch_id = root.optional_text("sub_mchid", 32)?.map(str::to_owned);
                (Merchant::signer(request, sub_mch_id), "funds_account")
            }
        };
        let by = match root.optional_limited("transaction_id")? {
            Some(id) => OrderNumber::TransactionId(id),
            None => OrderNumber::OutTradeNo(read_out_trade_no(&root)?),
        };
        let amount = root.object("amount")?;
        let source = match root.has(source) {
            false => None,
            true => Some(root.one_of(source, |name| {
                FundsSource::ALL
                    .into_iter()
                    .find(|source| source_name(*source, request.region) == name)
            })?),
        };
        let notify_url = match root.has("notify_url") {
            false => None,
            true => Some(root.parsed("notify_url", 256, NotifyUrl::new)?),
        };
        Ok(Self {
            merchant,
            by,
            out_refund_no: root.parsed("out_refund_no", 256, OutRefundNo::new)?,
            amounts: Amounts::new(amount.money("refund")?, amount.money("total")?)?,
            notify_url,
            reason: root.optional_limited("reason")?,
            source,
        })
    }
}

/// One refund at WeChat. Which of these fields it says depends on
/// the region and on the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// WeChat's number.
    pub refund_id: String,
    /// The merchant's number.
    pub out_refund_no: String,
    /// WeChat's number for the payment.
    pub transaction_id: Option<String>,
    /// The merchant's number for the order.
    pub out_trade_no: Option<String>,
    /// Its status. Global's answer to a refund request has none: the refund was
    /// accepted.
    pub status: Option<Status>,
    /// The channel of the refund.
    pub channel: Option<Channel>,
    /// Who gets it, for display.
    pub recv_account: Option<String>,
    /// Which of the merchant's funds pay for it, by WeChat's word.
    pub fund_source: Option<String>,
    /// When it was taken, Unix milliseconds.
    pub create_time_ms: Option<i64>,
    /// When it was completed, Unix milliseconds.
    pub success_time_ms: Option<i64>,
    /// How much goes back.
    pub money: Money,
    /// The whole order, in the same currency.
    pub total: Option<i64>,
    /// What the payer was charged, in the minor unit of `payer_currency`.
    pub payer_total: Option<i64>,
    /// What the payer gets back, in the minor unit of `payer_currency`.
    pub payer_refund: Option<i64>,
    /// The currency the payer was charged in.
    pub payer_currency: Option<String>,
    /// The exchange rate to CNY times 10^8.
    pub rate: Option<i64>,
}

/// The message that reports a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum In {
    /// The answer to the request for it.
    Answer,
    /// The answer to a query about it.
    Query,
    /// A list of the order's refunds.
    List,
    /// A notice.
    Notice,
}

impl Refund {
    /// Reads the verified answer to `request`.
    pub fn read_answer(verified: Verified<'_>, request: &Request) -> Result<Self, AnswerError> {
        let document = Document::parse(verified.bytes())?;
        let root = document.root();
        match &request.by {
            OrderNumber::TransactionId(id) => check_echo(&root, "transaction_id", id.as_str())?,
            OrderNumber::OutTradeNo(number) => check_echo(&root, "out_trade_no", number.as_str())?,
        }
        let refund = Self::read(&root, In::Answer)?;
        if refund.out_refund_no != request.out_refund_no.as_str() {
            let field = "out_refund_no";
            Err(AnswerError::Mismatched { field })
        } else if refund.money != request.amounts.refund {
            let field = "amount.refund";
            Err(AnswerError::Mismatched { field })
        } else {
            Ok(refund)
        }
    }

    /// The event for the order's state machine.
    pub fn state(&self) -> RefundState {
        self.status
            .unwrap_or(Status::Processing)
            .state(&self.refund_id)
    }

    /// The body of an answer.
    pub fn to_json(&self, message: In, region: Region) -> String {
        Value::Object(self.write(message, region)).to_string()
    }

    pub(crate) fn read(root: &Object<'_>, message: In) -> Result<Self, FieldError> {
        let amount = root.object("amount")?;
        let (status, required) = match message {
            In::Answer => ("status", false),
            In::Query | In::List => ("status", true),
            In::Notice => ("refund_status", true),
        };
        let status = match required || root.has(status) {
            false => None,
            true => Some(root.one_of(status, parse_status)?),
        };
        // A refund is not refused for the form of fields that are only
        // displayed.
        let shown = |name, other| root.shown(name).or(root.shown(other));
        let exchange = amount.shown_object("exchange_rate");
        let rate = exchange.and_then(|exchange| exchange.shown_int("rate"));
        Ok(Self {
            refund_id: either(root, "refund_id", "id")?,
            out_refund_no: root.text("out_refund_no", 64)?.to_owned(),
            transaction_id: root.owned("transaction_id")?,
            out_trade_no: root.owned("out_trade_no")?,
            status,
            channel: root.shown("channel").map(|name| Channel::from_name(&name)),
            recv_account: shown("recv_account", "user_received_account"),
            fund_source: shown("fund_source", "funds_account"),
            create_time_ms: root.optional_time_ms("create_time").ok().flatten(),
            success_time_ms: root.optional_time_ms("success_time").ok().flatten(),
            money: amount.money("refund")?,
            total: amount.optional_int("total")?,
            payer_total: amount.shown_int("payer_total"),
            payer_refund: amount.shown_int("payer_refund"),
            payer_currency: amount.shown("payer_currency"),
            rate,
        })
    }

    /// Only the fields that the region's manual lists for this message.
    pub(crate) fn write(&self, message: In, region: Region) -> Map<String, Value> {
        let global = region == Region::Global;
        let brief = global && message == In::Answer;
        let notice = message == In::Notice;
        let mut fields = Map::new();
        let id = if global && !notice { "id" } else { "refund_id" };
        set(&mut fields, id, Some(self.refund_id.as_str()));
        set(
            &mut fields,
            "out_refund_no",
            Some(self.out_refund_no.as_str()),
        );
        if !notice {
            set(
                &mut fields,
                "create_time",
                self.create_time_ms.map(time::rfc3339),
            );
        }
        if !brief {
            if message != In::List {
                set(
                    &mut fields,
                    "transaction_id",
                    self.transaction_id.as_deref(),
                );
                set(&mut fields, "out_trade_no", self.out_trade_no.as_deref());
            }
            let status = if notice { "refund_status" } else { "status" };
            let (recv_account, fund_source) = match region {
                Region::Global => ("recv_account", "fund_source"),
                Region::Mainland => ("user_received_account", "funds_account"),
            };
            set(
                &mut fields,
                status,
                self.status.map(|status| status_name(status, region)),
            );
            if !notice {
                let channel = self.channel.as_ref().map(Channel::as_str);
                set(&mut fields, "channel", channel);
            }
            set(&mut fields, recv_account, self.recv_account.as_deref());
            set(&mut fields, fund_source, self.fund_source.as_deref());
            set(
                &mut fields,
                "success_time",
                self.success_time_ms.map(time::rfc3339),
            );
        }
        set(
            &mut fields,
            "amount",
            Some(self.write_amount(message, region)),
        );
        fields
    }

    fn write_amount(&self, message: In, region: Region) -> Map<String, Value> {
        let mut amount = Map::new();
        set(&mut amount, "refund", Some(self.money.amount_minor()));
        if region == Region::Mainland || message == In::Notice {
            set(&mut amount, "total", self.total);
            set(&mut amount, "payer_total", self.payer_total);
        }
        set(&mut amount, "currency", Some(self.money.currency().code()));
        set(&mut amount, "payer_refund", self.payer_refund);
        match region {
            Region::Global => {
                set(
                    &mut amount,
                    "payer_currency",
                    self.payer_currency.as_deref(),
                );
                set(&mut amount, "exchange_rate", self.rate.map(exchange_rate));
            }
            // There are no coupons here.
            Region::Mainland if message != In::Notice => {
                set(
                    &mut amount,
                    "settlement_refund",
                    Some(self.money.amount_minor()),
                );
                set(&mut amount, "settlement_total", self.total);
                set(&mut amount, "discount_refund", Some(0));
            }
            Region::Mainland => {}
        }
        amount
    }
}

fn parse_status(name: &str) -> Option<Status> {
    match name {
        "CLOSED" => Some(Status::RefundClose),
        "ABNORMAL" => Some(Status::Change),
        other => Status::parse(other),
    }
}

const fn status_name(status: Status, region: Region) -> &'static str {
    match (status, region) {
        (Status::RefundClose, Region::Mainland) => "CLOSED",
        (Status::Change, _) => "ABNORMAL",
        (other, _) => other.as_str(),
    }
}

const fn source_name(source: FundsSource, region: Region) -> &'static str {
    match (source, region) {
        (FundsSource::Unsettled, Region::Mainland) => "UNSETTLED",
        (FundsSource::Recharge, Region::Mainland) => "AVAILABLE",
        (other, Region::Global) => other.as_str(),
    }
}
