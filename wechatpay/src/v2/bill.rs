//! Download transaction history: a day's statement (seed 002, section 9.6;
//! checklist S1 to S3).
//!
//! ```text
//! POST /pay/downloadbill
//!   appid mch_id [sub_appid sub_mch_id] [device_info] nonce_str sign [sign_type]
//!   bill_date yyyyMMdd   [bill_type ALL SUCCESS REFUND REVOKED]   [tar_type GZIP]
//! answer: a table, plain or in gzip
//!   交易时间,公众账号ID,商户号,…                          the header: columns by name
//!   `2021-01-28 17:07:11,`wx81be…,`1601959334,…           a row: back-ticks before values
//!   总交易单数,应结订单总金额,退款总金额,…                the totals' header
//!   `1,`0.01,`0.00,…                                      the totals
//! or else XML: return_code FAIL, return_msg
//! ```
//!
//! A merchant's columns depend on its country, its contract and the year, so
//! they are found by name, in either language; those that are not known are
//! passed over. Values are not quoted: a comma in a product's name does no
//! harm between back-ticks. Amounts are in the currency's *main* unit.
//!
//! A statement is not signed. It shows what to query, and is held against the
//! book; nothing is settled by it.

mod column;
mod decimal;
mod reader;

pub use column::{Column, Language, Total};
pub use decimal::Decimal;
pub use reader::{Entry, MAX_LINE_BYTES, OddRow, Reader, Summary, Totals};

use super::answer::{push_account, read_account};
use super::error::ErrorCode;
use super::field::{FieldError, Problem, Text};
use super::prepay::read_sign_type;
use super::sign::SignType;
use super::time::{self, Date};
use super::xml::{Fields, XmlError};
use crate::Secret;
use decimal::main_units;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use order::{Account, Currency, Payment};
use reader::Cells;
use std::io::{Read, Write};
use thiserror::Error;

/// Where to send the request.
pub const PATH: &str = "/pay/downloadbill";

/// For how many days statements can be had: 3 months.
pub const KEPT_DAYS: i64 = 90;

/// The largest statement that [`Bill::read`] reads, in bytes, after inflating.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// A request for one day's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whose statement it is.
    pub account: Account,
    /// Only this terminal's orders.
    pub device_info: Option<Text<32>>,
    /// The day. Its statement is ready at
    /// [`Date::statement_ready_ms`].
    pub bill_date: Date,
    /// Which orders.
    pub bill_type: BillType,
    /// Whether the answer is to be in gzip.
    pub gzip: bool,
    /// Unpredictable text, from outside.
    pub nonce_str: Text<32>,
    /// How this request is signed. Its answer is not.
    pub sign_type: SignType,
}

/// Which orders a statement lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BillType {
    /// All of them: the default.
    #[default]
    All,
    /// Payments.
    Success,
    /// Refunds.
    Refund,
    /// Payments that were reversed.
    Revoked,
    /// Refunds from a merchant's recharged balance.
    RechargeRefund,
}

impl BillType {
    /// Every type.
    pub const ALL: [Self; 5] = [
        Self::All,
        Self::Success,
        Self::Refund,
        Self::Revoked,
        Self::RechargeRefund,
    ];

    /// WeChat's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Success => "SUCCESS",
            Self::Refund => "REFUND",
            Self::Revoked => "REVOKED",
            Self::RechargeRefund => "RECHARGE_REFUND",
        }
    }

    /// The type with this exact name. Another one is what WeChat calls
    /// [`InvalidBillType`](ErrorCode::InvalidBillType).
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == name)
    }

    /// Whether a statement of this type lists the row. Refunds from a recharged
    /// balance cannot be told from others by their state, so none is listed.
    pub fn lists(self, state: RowState) -> bool {
        match self {
            Self::All => true,
            Self::RechargeRefund => false,
            Self::Success => state == RowState::Success,
            Self::Refund => state == RowState::Refund,
            Self::Revoked => state == RowState::Revoked,
        }
    }
}

impl Request {
    /// The request's fields, not signed yet.
    pub fn to_fields(&self) -> Fields {
        let mut fields = Fields::new();
        push_account(&mut fields, &self.account);
        fields.push_some("device_info", self.device_info.as_ref().map(Text::as_str));
        fields.push("nonce_str", self.nonce_str.as_str());
        fields.push_some("sign_type", self.sign_type.unless_default());
        fields.push("bill_date", self.bill_date.to_string());
        fields.push("bill_type", self.bill_type.as_str());
        fields.push_some("tar_type", self.gzip.then_some("GZIP"));
        fields
    }

    /// The document to send.
    pub fn to_xml(&self, key: &Secret) -> String {
        self.to_fields().sealed(key, self.sign_type).to_xml()
    }

    /// Reads a request, whose signature is the caller's to verify.
    pub fn read(fields: &Fields) -> Result<Self, FieldError> {
        let bill_type = match fields.get_nonempty("bill_type") {
            None => BillType::default(),
            Some(_) => fields.one_of("bill_type", BillType::parse)?,
        };
        let gzip = match fields.get_nonempty("tar_type") {
            None => false,
            Some("GZIP") => true,
            Some(_) => return Err(Problem::UnknownValue.of("tar_type")),
        };
        Ok(Self {
            account: read_account(fields)?,
            device_info: fields.optional_text("device_info")?,
            bill_date: fields.date("bill_date")?,
            bill_type,
            gzip,
            nonce_str: fields.text("nonce_str")?,
            sign_type: read_sign_type(fields)?,
        })
    }
}

/// Why bytes are not a statement.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BillError {
    /// WeChat has none to give. Not signed.
    #[error("WeChat gives no statement: {return_msg}")]
    Refused {
        /// What it says, as a code where it is a known one:
        /// [`NoBillExist`](ErrorCode::NoBillExist) for a day with no payments
        /// (S2), [`BillCreating`](ErrorCode::BillCreating) before it is ready.
        code: ErrorCode,
        /// WeChat's words.
        return_msg: String,
    },
    /// XML, and not a v2 document.
    #[error("the answer is not a v2 document: {0}")]
    Xml(#[from] XmlError),
    /// Not gzip, or cut short.
    #[error("the statement cannot be inflated")]
    Gzip,
    /// More than [`MAX_BYTES`], after inflating.
    #[error("the statement has more than {MAX_BYTES} bytes")]
    TooLarge,
    /// A line of more than [`MAX_LINE_BYTES`].
    #[error("line {line} of the statement has more than {MAX_LINE_BYTES} bytes")]
    LineTooLong {
        /// The line, counted from 1.
        line: usize,
    },
    /// Bytes that are no UTF-8.
    #[error("the statement is not valid UTF-8")]
    NotUtf8,
    /// The first line has none of a statement's columns.
    #[error("the statement does not begin with a header")]
    NoHeader,
    /// A column that a statement cannot do without.
    #[error("the statement has no column {column}")]
    MissingColumn {
        /// The column, by WeChat's name in messages.
        column: &'static str,
    },
    /// The same column twice.
    #[error("the statement has the column {column} twice")]
    DuplicateColumn {
        /// The column, by WeChat's name in messages.
        column: &'static str,
    },
    /// More or fewer values than columns.
    #[error("line {line} of the statement has {values} values for {columns} columns")]
    WrongWidth {
        /// The line, counted from 1.
        line: usize,
        /// How many values it has.
        values: usize,
        /// How many columns the header has.
        columns: usize,
    },
    /// A value that is not as its column wants it.
    #[error("line {line} of the statement: {error}")]
    Value {
        /// The line, counted from 1.
        line: usize,
        /// Which column, and what is wrong.
        error: FieldError,
    },
    /// It ends without totals: cut short.
    #[error("the statement ends without its totals")]
    NoTotals,
    /// It goes on after the totals.
    #[error("the statement goes on after its totals, in line {line}")]
    TrailingContent {
        /// The line, counted from 1.
        line: usize,
    },
    /// The rows do not add up to what the statement says.
    #[error("the {total} is {stated} in the statement and {counted} in its rows")]
    TotalsDisagree {
        /// Which total.
        total: &'static str,
        /// What the last line says.
        stated: Decimal,
        /// What the rows give.
        counted: Decimal,
    },
}

/// A day's statement, whose totals agree with its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// The rows, in WeChat's order.
    pub rows: Vec<Row>,
    /// The rows that cannot be read. Where there are some, the totals are not
    /// compared.
    pub odd: Vec<OddRow>,
    /// The totals, as they are stated.
    pub totals: Vec<(Total, Decimal)>,
}

/// What a row tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowState {
    /// A payment.
    Success,
    /// A refund: the payment has a row of its own, on its day.
    Refund,
    /// A payment that was reversed.
    Revoked,
}

impl RowState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Success, Self::Refund, Self::Revoked];

    /// WeChat's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Refund => "REFUND",
            Self::Revoked => "REVOKED",
        }
    }

    /// The state with this exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }
}

/// One payment, or one refund with the payment it is of. Amounts are in the
/// smallest unit of their currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When it was paid, Unix milliseconds.
    pub trade_time_ms: i64,
    /// The application.
    pub appid: Option<String>,
    /// The merchant.
    pub mch_id: Option<String>,
    /// The sub-merchant.
    pub sub_mch_id: Option<String>,
    /// The terminal.
    pub device_info: Option<String>,
    /// WeChat's number for the payment.
    pub transaction_id: String,
    /// The merchant's number for the order.
    pub out_trade_no: String,
    /// The payer.
    pub openid: Option<String>,
    /// How it was paid: a [`TradeType`](order::TradeType)'s name, or one that
    /// came later.
    pub trade_type: Option<String>,
    /// What the row tells.
    pub trade_state: RowState,
    /// WeChat's name for the payer's bank.
    pub bank_type: Option<String>,
    /// The order's currency.
    pub fee_type: Currency,
    /// The order's amount. In the row of a refund it is mostly 0.
    pub total_fee: i64,
    /// What was paid by coupon.
    pub coupon_fee: Option<i64>,
    /// The refund.
    pub refund: Option<RowRefund>,
    /// What was bought.
    pub body: Option<String>,
    /// The merchant's own data.
    pub attach: Option<String>,
    /// What WeChat keeps, in the main unit.
    pub poundage: Option<Decimal>,
    /// WeChat's share, such as `0.60%`.
    pub rate: Option<String>,
    /// The order's amount before coupons.
    pub order_fee: Option<i64>,
    /// A note on WeChat's share.
    pub rate_remark: Option<String>,
    /// The currency the payer was charged in.
    pub cash_fee_type: Option<Currency>,
    /// What the payer was charged.
    pub cash_fee: Option<i64>,
    /// The currency of the payout.
    pub settlement_fee_type: Option<Currency>,
    /// What is paid out.
    pub settlement_fee: Option<i64>,
    /// The exchange rate to CNY times 10^8.
    pub exchange_rate: Option<String>,
}

/// The refund in a row. Amounts are in the smallest unit of their currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowRefund {
    /// WeChat's number.
    pub refund_id: String,
    /// The merchant's number.
    pub out_refund_no: String,
    /// The refund's currency, where it is said: the order's.
    pub refund_fee_type: Option<Currency>,
    /// What goes back.
    pub refund_fee: i64,
    /// What was asked to go back, before coupons.
    pub apply_refund_fee: Option<i64>,
    /// What goes back as coupons.
    pub coupon_refund_fee: Option<i64>,
    /// The way of the refund, such as `ORIGINAL`.
    pub refund_type: Option<String>,
    /// Where it stands, such as `SUCCESS`.
    pub refund_status: Option<String>,
    /// When it was asked for, Unix milliseconds.
    pub apply_time_ms: Option<i64>,
    /// When it was done, Unix milliseconds.
    pub success_time_ms: Option<i64>,
    /// The exchange rate to CNY times 10^8.
    pub exchange_rate: Option<String>,
    /// The currency the payer gets back.
    pub cash_refund_fee_type: Option<Currency>,
    /// What the payer gets back.
    pub cash_refund_fee: Option<i64>,
    /// The currency of the payout.
    pub settlement_fee_type: Option<Currency>,
    /// What is taken off the payout.
    pub settlement_fee: Option<i64>,
}

impl Bill {
    /// A statement of these rows, with their totals.
    pub fn of(rows: Vec<Row>) -> Self {
        let totals = Total::ALL
            .iter()
            .map(|total| (*total, sum(*total, rows.iter())))
            .collect();
        Self {
            rows,
            odd: Vec::new(),
            totals,
        }
    }

    /// Reads the answer's body: a table, the same in gzip, or a refusal. What may
    /// be long is read with a [`Reader`].
    pub fn read(bytes: &[u8]) -> Result<Self, BillError> {
        Self::read_ending(bytes, Totals::Required)
    }

    /// The same, for a statement that may have no totals.
    pub fn read_ending(bytes: &[u8], totals: Totals) -> Result<Self, BillError> {
        let inflated;
        let bytes = if bytes.starts_with(&[0x1F, 0x8B]) {
            inflated = inflate(bytes)?;
            &inflated
        } else {
            bytes
        };
        if bytes.len() > MAX_BYTES {
            return Err(BillError::TooLarge);
        }
        let (mut rows, mut odd) = (Vec::new(), Vec::new());
        let mut each = |entry| match entry {
            Entry::Row(row) => rows.push(*row),
            Entry::Odd(row) => odd.push(row),
        };
        let mut reader = Reader::new(totals);
        reader.push(bytes, &mut each)?;
        let totals = reader.finish(&mut each)?.totals;
        Ok(Self { rows, odd, totals })
    }

    /// The table, as WeChat sends it: with a byte order mark and back-ticks.
    /// The totals are those that the columns give.
    pub fn to_csv(&self, columns: &[Column], language: Language) -> String {
        let totals: Vec<_> = Total::ALL
            .iter()
            // No statement that is met has the sum of coupons.
            .filter(|total| **total != Total::CouponFee)
            .filter(|total| total.column().is_none_or(|c| columns.contains(&c)))
            .collect();
        let names = columns.iter().map(|c| c.name(language).to_owned());
        let mut out = format!("\u{FEFF}{}\r\n", joined(names, ""));
        for row in &self.rows {
            let values = columns.iter().map(|column| row.cell(*column));
            out.push_str(&joined(values, "`"));
            out.push_str("\r\n");
        }
        let names = totals.iter().map(|total| total.name(language).to_owned());
        out.push_str(&joined(names, ""));
        out.push_str("\r\n");
        let values = totals.iter().map(|total| {
            let number = sum(**total, self.rows.iter());
            match total {
                Total::Count => self.rows.len().to_string(),
                Total::Poundage => number.to_long(),
                _ => number.to_string(),
            }
        });
        out.push_str(&joined(values, "`"));
        out.push_str("\r\n");
        out
    }
}

/// The answer when there is no statement: `return_code` `FAIL`, and the code
/// as its message. It is never signed.
pub fn refusal(code: &ErrorCode) -> Fields {
    super::answer::communication_failure(code.code())
}

/// A statement in gzip, for a request that wants it so.
#[expect(clippy::expect_used, reason = "writing to memory does not fail")]
pub fn gzip(csv: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(csv.as_bytes())
        .and_then(|()| encoder.finish())
        .expect("a Vec takes every byte")
}

/// A few bytes can inflate to gigabytes, so the size is capped while it grows.
fn inflate(bytes: &[u8]) -> Result<Vec<u8>, BillError> {
    let mut inflated = Vec::new();
    let cap = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    GzDecoder::new(bytes)
        .take(cap.saturating_add(1))
        .read_to_end(&mut inflated)
        .map_err(|_| BillError::Gzip)?;
    Ok(inflated)
}

/// What the XML says instead. WeChat puts the code into `return_msg`, or into
/// a field of its own.
fn read_refusal(text: &str) -> Result<BillError, BillError> {
    let fields = Fields::parse(text.as_bytes())?;
    if fields.get("return_code") == Some("SUCCESS") {
        return Ok(BillError::NoHeader);
    }
    let said = ["return_msg", "err_code", "error_code"].map(|name| fields.get_nonempty(name));
    let known = said
        .iter()
        .flatten()
        .map(|words| ErrorCode::from_code(words))
        .find(|code| !matches!(code, ErrorCode::Unknown(_)));
    let [return_msg, err_code, error_code] = said;
    let as_it_came = error_code.or(err_code).or(return_msg).unwrap_or_default();
    Ok(BillError::Refused {
        code: known.unwrap_or_else(|| ErrorCode::Unknown(as_it_came.to_owned())),
        return_msg: return_msg.unwrap_or_default().to_owned(),
    })
}

impl Cells<'_, Column> {
    fn required(&self, column: Column) -> Result<String, FieldError> {
        let value = self.get(column).ok_or(Problem::Empty.of(column.field()))?;
        Ok(value.to_owned())
    }

    fn owned(&self, column: Column) -> Option<String> {
        self.get(column).map(str::to_owned)
    }

    /// A number or a name, for which `0` stands where there is none.
    fn unless_zero(&self, column: Column) -> Option<String> {
        self.owned(column).filter(|value| value != "0")
    }

    fn currency(&self, column: Column) -> Result<Option<Currency>, FieldError> {
        self.unless_zero(column)
            .map(|code| Currency::from_code(&code).ok_or(Problem::UnknownValue.of(column.field())))
            .transpose()
    }

    fn decimal(&self, column: Column) -> Result<Option<Decimal>, FieldError> {
        self.get(column)
            .map(|value| Decimal::parse(value).ok_or(Problem::BadFormat.of(column.field())))
            .transpose()
    }

    fn amount(&self, column: Column, currency: Currency) -> Result<Option<i64>, FieldError> {
        self.decimal(column)?
            .map(|decimal| {
                decimal
                    .to_minor(currency)
                    .ok_or(Problem::BadFormat.of(column.field()))
            })
            .transpose()
    }

    fn time_ms(&self, column: Column) -> Result<Option<i64>, FieldError> {
        self.unless_zero(column)
            .map(|value| read_time(&value).ok_or(Problem::BadFormat.of(column.field())))
            .transpose()
    }
}

/// `2021-01-28 17:07:11`. The manuals' samples lack the space, and some have
/// the colons in full width.
fn read_time(value: &str) -> Option<i64> {
    let is_mark = |c: char| matches!(c, '-' | ' ' | ':' | '：');
    let digits: String = value.chars().filter(|c| !is_mark(*c)).collect();
    time::parse_china(&digits).ok()
}

impl Row {
    /// The row of a payment. What the statement adds to it (what WeChat keeps,
    /// the payout, what was bought) is left open.
    pub fn of(payment: &Payment) -> Result<Self, FieldError> {
        let bad_time = Problem::BadFormat.of("time_end");
        let cash_fee_type = payment.cash_fee_type.as_deref();
        let unknown = Problem::UnknownValue.of("cash_fee_type");
        Ok(Self {
            trade_time_ms: time::parse_china(&payment.time_end).map_err(|_| bad_time)?,
            appid: Some(payment.account.appid.clone()),
            mch_id: Some(payment.account.mch_id.clone()),
            sub_mch_id: payment.account.sub_mch_id.clone(),
            device_info: None,
            transaction_id: payment.transaction_id.clone(),
            out_trade_no: payment.out_trade_no.clone(),
            openid: payment.openid.clone(),
            trade_type: Some(payment.trade_type.as_str().to_owned()),
            trade_state: RowState::Success,
            bank_type: payment.bank_type.clone(),
            fee_type: payment.money.currency(),
            total_fee: payment.money.amount_minor(),
            coupon_fee: Some(0),
            refund: None,
            body: None,
            attach: payment.attach.clone(),
            poundage: None,
            rate: None,
            order_fee: Some(payment.money.amount_minor()),
            rate_remark: None,
            cash_fee_type: cash_fee_type
                .map(|code| Currency::from_code(code).ok_or(unknown))
                .transpose()?,
            cash_fee: payment.cash_fee,
            settlement_fee_type: None,
            settlement_fee: None,
            exchange_rate: payment.rate.clone(),
        })
    }

    fn read(cells: &Cells<'_, Column>) -> Result<Self, FieldError> {
        let missing_time = Problem::Empty.of(Column::TradeTime.field());
        let missing_total = Problem::Empty.of(Column::TotalFee.field());
        let unknown_state = Problem::UnknownValue.of(Column::TradeState.field());
        let fee_type = cells.currency(Column::FeeType)?.unwrap_or(Currency::Cny);
        let cash_fee_type = cells.currency(Column::CashFeeType)?;
        let settlement_fee_type = cells.currency(Column::SettlementFeeType)?;
        let state = cells.required(Column::TradeState)?;
        Ok(Self {
            trade_time_ms: cells.time_ms(Column::TradeTime)?.ok_or(missing_time)?,
            appid: cells.owned(Column::Appid),
            mch_id: cells.owned(Column::MchId),
            sub_mch_id: cells.unless_zero(Column::SubMchId),
            device_info: cells.owned(Column::DeviceInfo),
            transaction_id: cells.required(Column::TransactionId)?,
            out_trade_no: cells.required(Column::OutTradeNo)?,
            openid: cells.owned(Column::Openid),
            trade_type: cells.owned(Column::TradeType),
            trade_state: RowState::parse(&state).ok_or(unknown_state)?,
            bank_type: cells.owned(Column::BankType),
            fee_type,
            total_fee: cells
                .amount(Column::TotalFee, fee_type)?
                .ok_or(missing_total)?,
            coupon_fee: cells.amount(Column::CouponFee, fee_type)?,
            refund: RowRefund::read(cells, fee_type, cash_fee_type)?,
            body: cells.owned(Column::Body),
            attach: cells.owned(Column::Attach),
            poundage: cells.decimal(Column::Poundage)?,
            rate: cells.owned(Column::Rate),
            order_fee: cells.amount(Column::OrderFee, fee_type)?,
            rate_remark: cells.owned(Column::RateRemark),
            cash_fee_type,
            cash_fee: cells.amount(Column::CashFee, cash_fee_type.unwrap_or(Currency::Cny))?,
            settlement_fee_type,
            settlement_fee: cells.amount(
                Column::SettlementFee,
                settlement_fee_type.unwrap_or(fee_type),
            )?,
            exchange_rate: cells.unless_zero(Column::ExchangeRate),
        })
    }

    /// The value of a column, without its back-tick.
    fn cell(&self, column: Column) -> String {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let amount = |amount: Option<i64>, currency: Currency| {
            amount.map_or_else(String::new, |minor| main_units(minor, currency))
        };
        let code = |currency: Option<Currency>| currency.map_or("", Currency::code).to_owned();
        let settled = self.settlement_fee_type.unwrap_or(self.fee_type);
        let charged = self.cash_fee_type.unwrap_or(Currency::Cny);
        match column {
            Column::TradeTime => time::china_spaced(self.trade_time_ms),
            Column::Appid => text(&self.appid),
            Column::MchId => text(&self.mch_id),
            Column::SubMchId => self.sub_mch_id.clone().unwrap_or_else(|| "0".to_owned()),
            Column::DeviceInfo => text(&self.device_info),
            Column::TransactionId => self.transaction_id.clone(),
            Column::OutTradeNo => self.out_trade_no.clone(),
            Column::Openid => text(&self.openid),
            Column::TradeType => text(&self.trade_type),
            Column::TradeState => self.trade_state.as_str().to_owned(),
            Column::BankType => text(&self.bank_type),
            Column::FeeType => self.fee_type.code().to_owned(),
            Column::TotalFee => main_units(self.total_fee, self.fee_type),
            Column::CouponFee => amount(self.coupon_fee, self.fee_type),
            Column::Body => text(&self.body),
            Column::Attach => text(&self.attach),
            Column::Poundage => self.poundage.map_or_else(String::new, Decimal::to_long),
            Column::Rate => text(&self.rate),
            Column::OrderFee => amount(self.order_fee, self.fee_type),
            Column::RateRemark => text(&self.rate_remark),
            Column::CashFeeType => code(self.cash_fee_type),
            Column::CashFee => amount(self.cash_fee, charged),
            Column::SettlementFeeType => code(self.settlement_fee_type),
            Column::SettlementFee => amount(self.settlement_fee, settled),
            Column::ExchangeRate => text(&self.exchange_rate),
            _ => match &self.refund {
                Some(refund) => refund.cell(column, self.fee_type, charged),
                None => no_refund(column, self.fee_type),
            },
        }
    }
}

/// What stands in a refund's columns where there is none.
fn no_refund(column: Column, fee_type: Currency) -> String {
    match column {
        Column::RefundId | Column::OutRefundNo => "0".to_owned(),
        Column::RefundFee | Column::CouponRefundFee | Column::ApplyRefundFee => {
            main_units(0, fee_type)
        }
        _ => String::new(),
    }
}

impl RowRefund {
    /// A row that names no refund has none, regardless of its amounts.
    fn read(
        cells: &Cells<'_, Column>,
        fee_type: Currency,
        cash_fee_type: Option<Currency>,
    ) -> Result<Option<Self>, FieldError> {
        let refund_id = cells.unless_zero(Column::RefundId);
        let out_refund_no = cells.unless_zero(Column::OutRefundNo);
        if refund_id.is_none() && out_refund_no.is_none() {
            return Ok(None);
        }
        let missing_fee = Problem::Empty.of(Column::RefundFee.field());
        let refund_fee_type = cells.currency(Column::RefundFeeType)?;
        let cash_refund_fee_type = cells.currency(Column::CashRefundFeeType)?;
        let settlement_fee_type = cells.currency(Column::RefundSettlementFeeType)?;
        let currency = refund_fee_type.unwrap_or(fee_type);
        let returned = cash_refund_fee_type.or(cash_fee_type);
        Ok(Some(Self {
            refund_id: refund_id.unwrap_or_default(),
            out_refund_no: out_refund_no.unwrap_or_default(),
            refund_fee_type,
            refund_fee: cells
                .amount(Column::RefundFee, currency)?
                .ok_or(missing_fee)?,
            apply_refund_fee: cells.amount(Column::ApplyRefundFee, currency)?,
            coupon_refund_fee: cells.amount(Column::CouponRefundFee, currency)?,
            refund_type: cells.owned(Column::RefundType),
            refund_status: cells.owned(Column::RefundStatus),
            apply_time_ms: cells.time_ms(Column::RefundApplyTime)?,
            success_time_ms: cells.time_ms(Column::RefundSuccessTime)?,
            exchange_rate: cells.unless_zero(Column::RefundExchangeRate),
            cash_refund_fee_type,
            cash_refund_fee: cells
                .amount(Column::CashRefundFee, returned.unwrap_or(Currency::Cny))?,
            settlement_fee_type,
            settlement_fee: cells.amount(
                Column::RefundSettlementFee,
                settlement_fee_type.unwrap_or(fee_type),
            )?,
        }))
    }

    fn cell(&self, column: Column, fee_type: Currency, charged: Currency) -> String {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let amount = |amount: Option<i64>, currency: Currency| {
            amount.map_or_else(String::new, |minor| main_units(minor, currency))
        };
        let code = |currency: Option<Currency>| currency.map_or("", Currency::code).to_owned();
        let moment = |ms: Option<i64>| ms.map_or_else(String::new, time::china_spaced);
        let number = |number: &str| if number.is_empty() { "0" } else { number }.to_owned();
        let currency = self.refund_fee_type.unwrap_or(fee_type);
        let returned = self.cash_refund_fee_type.unwrap_or(charged);
        let settled = self.settlement_fee_type.unwrap_or(fee_type);
        match column {
            Column::RefundId => number(&self.refund_id),
            Column::OutRefundNo => number(&self.out_refund_no),
            Column::RefundFeeType => code(self.refund_fee_type),
            Column::RefundFee => main_units(self.refund_fee, currency),
            Column::ApplyRefundFee => amount(self.apply_refund_fee, currency),
            Column::CouponRefundFee => amount(self.coupon_refund_fee, currency),
            Column::RefundType => text(&self.refund_type),
            Column::RefundStatus => text(&self.refund_status),
            Column::RefundApplyTime => moment(self.apply_time_ms),
            Column::RefundSuccessTime => moment(self.success_time_ms),
            Column::RefundExchangeRate => text(&self.exchange_rate),
            Column::CashRefundFeeType => code(self.cash_refund_fee_type),
            Column::CashRefundFee => amount(self.cash_refund_fee, returned),
            Column::RefundSettlementFeeType => code(self.settlement_fee_type),
            Column::RefundSettlementFee => amount(self.settlement_fee, settled),
            _ => String::new(),
        }
    }
}

impl Total {
    /// The column whose sum it is.
    const fn column(self) -> Option<Column> {
        match self {
            Self::Count => None,
            Self::TotalFee => Some(Column::TotalFee),
            Self::RefundFee => Some(Column::RefundFee),
            Self::CouponFee => Some(Column::CouponFee),
            Self::CouponRefundFee => Some(Column::CouponRefundFee),
            Self::Poundage => Some(Column::Poundage),
            Self::OrderFee => Some(Column::OrderFee),
            Self::ApplyRefundFee => Some(Column::ApplyRefundFee),
        }
    }
}

fn sum<'a>(total: Total, rows: impl Iterator<Item = &'a Row>) -> Decimal {
    rows.filter_map(|row| sum_of(total, row)).sum()
}

/// What a row adds to a total.
fn sum_of(total: Total, row: &Row) -> Option<Decimal> {
    let refund = row.refund.as_ref();
    let in_order = |amount: i64| Decimal::from_minor(amount, row.fee_type);
    let in_refund = |amount: i64| {
        let currency = refund.and_then(|r| r.refund_fee_type);
        Decimal::from_minor(amount, currency.unwrap_or(row.fee_type))
    };
    match total {
        Total::Count => Some(Decimal::ONE),
        Total::TotalFee => Some(in_order(row.total_fee)),
        Total::CouponFee => row.coupon_fee.map(in_order),
        Total::OrderFee => row.order_fee.map(in_order),
        Total::Poundage => row.poundage,
        Total::RefundFee => refund.map(|r| in_refund(r.refund_fee)),
        Total::CouponRefundFee => refund.and_then(|r| r.coupon_refund_fee).map(in_refund),
        Total::ApplyRefundFee => refund.and_then(|r| r.apply_refund_fee).map(in_refund),
    }
}

/// Values on one line, each behind its mark. A value cannot hold the mark
/// after a comma, nor the line's end.
fn joined(values: impl Iterator<Item = String>, mark: &str) -> String {
    let marked: Vec<_> = values
        .map(|value| {
            let flat = value.replace(['\r', '\n'], " ").replace('`', "'");
            format!("{mark}{flat}")
        })
        .collect();
    marked.join(",")
}
