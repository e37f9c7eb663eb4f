//! Why bytes are not a statement, and the refusal that WeChat sends instead.

use super::decimal::Decimal;
use crate::common::error::ErrorCode;
use crate::common::field::FieldError;
use crate::common::fields::Fields;
use crate::common::xml::XmlError;
use thiserror::Error;

/// The largest statement that [`Bill::read`](super::Bill::read) reads, in
/// bytes, after inflating.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The longest line that is read, and the longest refusal.
pub const MAX_LINE_BYTES: usize = 64 * 1024;

/// Why bytes are not a statement.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BillError {
    /// WeChat has none to give. Not signed.
    #[error("WeChat gives no statement: {return_msg}")]
    Refused {
        /// The refusal, as a code if it is a known one:
        /// [`NoBillExist`](ErrorCode::NoBillExist) for a day without payments
        /// (S2), [`BillCreating`](ErrorCode::BillCreating) before the statement
        /// is ready.
        code: ErrorCode,
        /// WeChat's text.
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
    /// Bytes that are not UTF-8.
    #[error("the statement is not valid UTF-8")]
    NotUtf8,
    /// The first line has none of a statement's columns.
    #[error("the statement does not begin with a header")]
    NoHeader,
    /// A required column is missing.
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
    /// A value that is not valid for its column.
    #[error("line {line} of the statement: {error}")]
    Value {
        /// The line, counted from 1.
        line: usize,
        /// Which column, and what is wrong.
        error: FieldError,
    },
    /// It ends without totals, so it is incomplete.
    #[error("the statement ends without its totals")]
    NoTotals,
    /// It continues after the totals.
    #[error("the statement goes on after its totals, in line {line}")]
    TrailingContent {
        /// The line, counted from 1.
        line: usize,
    },
    /// The rows do not add up to the stated totals.
    #[error("the {total} is {stated} in the statement and {counted} in its rows")]
    TotalsDisagree {
        /// Which total.
        total: &'static str,
        /// The stated total.
        stated: Decimal,
        /// The sum of the rows.
        counted: Decimal,
    },
}

/// The refusal in the XML. WeChat puts the code into `return_msg`, or into a
/// field of its own.
pub(super) fn read_refusal(text: &str) -> Result<BillError, BillError> {
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
