//! Download transaction history: a day's statement (WeChat Pay v2 manual,
//! section 9.6; checklist S1 to S3).
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
//! ignored. Values are not quoted: between back-ticks a comma in a product's
//! name is harmless. Amounts are in the currency's *main* unit.
//!
//! A statement is not signed. It is compared with the stored orders and shows
//! which to query; it changes no order.

mod column;
mod decimal;
mod error;
mod header;
mod reader;
mod row;

pub use column::{Column, Language, Total};
pub use decimal::Decimal;
pub use error::{BillError, MAX_BYTES, MAX_LINE_BYTES};
pub use reader::{Entry, OddRow, Reader, Summary, Totals};
pub use row::{Row, RowRefund, RowState};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use row::sum_of;
use std::io::{Read, Write};

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

    /// WeChat's name for it.
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
    /// [`InvalidBillType`](crate::common::ErrorCode::InvalidBillType).
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == name)
    }

    /// Whether a statement of this type lists the row. The state of a refund
    /// does not show whether it was made from a recharged balance, so the list
    /// of those is empty.
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

/// How many days WeChat keeps statements: 3 months.
pub const KEPT_DAYS: i64 = 90;

/// A day's statement, whose totals agree with its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// The rows, in WeChat's order.
    pub rows: Vec<Row>,
    /// The rows that cannot be read. If there are any, the totals are not
    /// compared.
    pub odd: Vec<OddRow>,
    /// The totals as the statement gives them.
    pub totals: Vec<(Total, Decimal)>,
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

    /// Reads the answer's body: a table, the same in gzip, or a refusal. Use a
    /// [`Reader`] for a statement that may be long.
    pub fn read(bytes: &[u8]) -> Result<Self, BillError> {
        Self::read_ending(bytes, Totals::Required)
    }

    /// As [`Bill::read`], for a statement that may have no totals.
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
    /// The totals are the sums of the columns.
    pub fn to_csv(&self, columns: &[Column], language: Language) -> String {
        let totals: Vec<_> = Total::ALL
            .iter()
            // No known statement has the sum of coupons.
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

/// A statement in gzip, for a request with `tar_type=GZIP`.
#[expect(clippy::expect_used, reason = "writing to memory does not fail")]
pub fn gzip(csv: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(csv.as_bytes())
        .and_then(|()| encoder.finish())
        .expect("a Vec takes every byte")
}

/// A few bytes can inflate to gigabytes, so the size is limited while it grows.
fn inflate(bytes: &[u8]) -> Result<Vec<u8>, BillError> {
    let mut inflated = Vec::new();
    let cap = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    GzDecoder::new(bytes)
        .take(cap.saturating_add(1))
        .read_to_end(&mut inflated)
        .map_err(|_| BillError::Gzip)?;
    Ok(inflated)
}

fn sum<'a>(total: Total, rows: impl Iterator<Item = &'a Row>) -> Decimal {
    rows.filter_map(|row| sum_of(total, row)).sum()
}

/// Values on one line, each after the mark. A value must not contain the mark
/// after a comma, nor a line feed.
fn joined(values: impl Iterator<Item = String>, mark: &str) -> String {
    let marked: Vec<_> = values
        .map(|value| {
            let flat = value.replace(['\r', '\n'], " ").replace('`', "'");
            format!("{mark}{flat}")
        })
        .collect();
    marked.join(",")
}
