//! Query settled funds: the amounts that WeChat paid out to the merchant, and
//! those that it has not paid out yet. Only Global has it.
//!
//! ```text
//! GET /v3/global/settle/settlements?[sub_mchid=…&]settle_state=SETTLED|UNSETTLE
//!     [&settle_start_date=yyyyMMdd&settle_end_date=yyyyMMdd]&offset=…&limit=…
//! answer
//!   total_count offset limit
//!   data[]  batch_id settlement_date trade_start_date trade_end_date
//!           amount{settled,unsettle,currency,pay,refund,net,fee}
//! ```
//!
//! For display only. WeChat Pay APIv3 Global manual, "Query Settlement API".

use crate::common::settlement::{Limit, Record, UseTag};

use super::answer::AnswerError;
use super::field::FieldError;
use super::json::{Object, set};
use super::keyring::Verified;
use super::merchant::Merchant;
use super::request::{Incoming, Outgoing, RequestError};
use crate::common::json::Document;
use crate::common::{Date, Problem};
use crate::uri;
use order::Currency;
use serde_json::{Map, Value, json};

/// A query of settlements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that the query is about.
    pub merchant: Merchant,
    /// Paid out, or not yet.
    pub settle_state: UseTag,
    /// The requested days, if there are any.
    pub dates: Option<(Date, Date)>,
    /// How many records to skip.
    pub offset: u32,
    /// How many records to answer.
    pub limit: Limit,
}

impl Request {
    /// The request to send.
    pub fn outgoing(&self) -> Outgoing {
        let sub_mch_id = self.merchant.sub_mch_id.as_deref();
        let sub = sub_mch_id.map(|id| format!("sub_mchid={}&", uri::encode(id)));
        let dates = self
            .dates
            .map(|(from, to)| format!("&settle_start_date={from}&settle_end_date={to}"));
        Outgoing::get(format!(
            "/v3/global/settle/settlements?{}settle_state={}{}&offset={}&limit={}",
            sub.unwrap_or_default(),
            state_name(self.settle_state),
            dates.unwrap_or_default(),
            self.offset,
            self.limit.get(),
        ))
    }

    /// Reads a request.
    pub fn read(request: &Incoming<'_>) -> Result<Self, RequestError> {
        let settle_state = request.param("settle_state")?;
        let date = |name: &'static str| {
            let day = request.optional_param(name)?.map(|day| Date::parse(&day));
            let problem = FieldError::new(name, Problem::BadFormat);
            day.transpose().map_err(|_| problem)
        };
        let dates = match (date("settle_start_date")?, date("settle_end_date")?) {
            (None, None) => None,
            (Some(from), Some(to)) if from <= to => Some((from, to)),
            (Some(_), Some(_)) => {
                return Err(FieldError::new("settle_end_date", Problem::OutOfRange).into());
            }
            (None, _) => return Err(FieldError::new("settle_start_date", Problem::Missing).into()),
            (_, None) => return Err(FieldError::new("settle_end_date", Problem::Missing).into()),
        };
        let unknown = FieldError::new("settle_state", Problem::UnknownValue);
        let limit = Limit::new(request.int_param("limit")?);
        Ok(Self {
            merchant: Merchant::signer(request, request.optional_param("sub_mchid")?),
            settle_state: UseTag::ALL
                .into_iter()
                .find(|state| state_name(*state) == settle_state)
                .ok_or(unknown)?,
            dates,
            offset: u32::try_from(request.int_param("offset")?)
                .map_err(|_| FieldError::new("offset", Problem::OutOfRange))?,
            limit: limit.map_err(FieldError::from)?,
        })
    }
}

/// The merchant's settlements at WeChat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The records, in WeChat's order.
    pub records: Vec<Record>,
    /// The number of all records.
    pub total_count: i64,
}

impl Answer {
    /// Reads the verified answer.
    pub fn read(verified: Verified<'_>) -> Result<Self, AnswerError> {
        let document = Document::parse(verified.bytes())?;
        let root = document.root();
        let data = match root.has("data") {
            false => Vec::new(),
            true => root.objects("data")?,
        };
        Ok(Self {
            records: data.iter().map(read_record).collect::<Result<_, _>>()?,
            total_count: root.int("total_count")?,
        })
    }

    /// The body of the answer to `request`.
    pub fn to_json(&self, request: &Request) -> String {
        let data: Vec<Value> = self.records.iter().map(write_record).collect();
        json!({
            "data": data,
            "total_count": self.total_count,
            "offset": request.offset,
            "limit": request.limit.get(),
        })
        .to_string()
    }
}

const fn state_name(state: UseTag) -> &'static str {
    match state {
        UseTag::Settled => "SETTLED",
        UseTag::Outstanding => "UNSETTLE",
    }
}

fn read_record(item: &Object<'_>) -> Result<Record, FieldError> {
    let amount = item.object("amount")?;
    let date = |name| {
        item.optional_text(name, 32)?
            .map(|day| {
                Date::parse(&day.replace('-', "")).map_err(|_| item.error(name, Problem::BadFormat))
            })
            .transpose()
    };
    Ok(Record {
        fbatchno: item.owned("batch_id")?,
        date_settlement: date("settlement_date")?,
        date_start: date("trade_start_date")?,
        date_end: date("trade_end_date")?,
        settlement_fee: amount.int("settled")?,
        unsettlement_fee: amount.int("unsettle")?,
        settlementfee_type: amount.one_of("currency", Currency::from_code)?,
        pay_fee: amount.int("pay")?,
        refund_fee: amount.int("refund")?,
        pay_net_fee: amount.int("net")?,
        poundage_fee: amount.int("fee")?,
    })
}

fn write_record(record: &Record) -> Value {
    let day = |date: Option<Date>| date.map(|date| date.to_string());
    let mut fields = Map::new();
    set(&mut fields, "batch_id", record.fbatchno.as_deref());
    set(&mut fields, "settlement_date", day(record.date_settlement));
    set(&mut fields, "trade_start_date", day(record.date_start));
    set(&mut fields, "trade_end_date", day(record.date_end));
    let amount = json!({
        "settled": record.settlement_fee,
        "unsettle": record.unsettlement_fee,
        "currency": record.settlementfee_type.code(),
        "pay": record.pay_fee,
        "refund": record.refund_fee,
        "net": record.pay_net_fee,
        "fee": record.poundage_fee,
    });
    set(&mut fields, "amount", Some(amount));
    Value::Object(fields)
}
