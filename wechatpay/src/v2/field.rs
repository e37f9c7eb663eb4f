//! The types of field values, and what can be wrong with one.
//!
//! ```text
//! String(128)   Text<128>: 1..=128 bytes of UTF-8, characters that XML carries
//! Int           decimal digits, no sign
//! String(14)    yyyyMMddHHmmss, China time
//! refund_id_$n  one field of several: refund_id_0, refund_id_1, …
//! ```
//!
//! The manual says `String(128)` and not of what. Bytes is the stricter reading:
//! what fits in bytes also fits in characters, so WeChat does not refuse for its
//! length what was taken here.
//!
//! An empty field is an absent one, for the signature and so for reading.

use super::time::{self, Date};
use super::xml::{Fields, is_xml_char};
use order::{Currency, Money};
use serde::Serialize;
use std::fmt;
use thiserror::Error;

/// A field that is not as the manual says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{field} {problem}")]
pub struct FieldError {
    /// The field, by WeChat's name.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a field. Reads as the end of a sentence that begins with
/// the field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// Required, and not there.
    #[error("is missing")]
    Missing,
    /// Required, and there but empty.
    #[error("is empty")]
    Empty,
    /// Longer than the manual allows.
    #[error("is longer than {max_bytes} bytes of UTF-8")]
    TooLong {
        /// The most it may have.
        max_bytes: usize,
    },
    /// Not decimal digits.
    #[error("is not a whole number in decimal digits")]
    NotANumber,
    /// A number outside what WeChat takes.
    #[error("is a number outside the allowed range")]
    OutOfRange,
    /// Not one of the listed values.
    #[error("is not one of the values that WeChat lists")]
    UnknownValue,
    /// Not in the field's format: a time, an address, a URL, JSON.
    #[error("is not in the format of this field")]
    BadFormat,
    /// A character that XML cannot carry or that the field does not take.
    #[error("holds a character that this field cannot carry")]
    BadCharacter,
    /// Of a signature: a value holds `&`, so that the same text is signed for
    /// other fields, too.
    #[error("could be the signature of other fields too")]
    Ambiguous,
    /// Another type of JSON value than the manual says (v3).
    #[error("is not {expected}")]
    WrongType {
        /// The type that the manual says.
        expected: &'static str,
    },
    /// Two fields that must say the same do not (v3).
    #[error("says something else than {other}")]
    Contradicts {
        /// The other field's name.
        other: &'static str,
    },
    /// Something that WeChat offers only in the other region (v3).
    #[error("is not offered in this region")]
    OtherRegion,
}

impl Problem {
    /// This problem, in that field.
    pub const fn of(self, field: &'static str) -> FieldError {
        FieldError {
            field,
            problem: self,
        }
    }
}

/// Text that fits a field of the manual's type `String(MAX_BYTES)`: not empty,
/// at most `MAX_BYTES` bytes of UTF-8, no character that XML cannot carry.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Text<const MAX_BYTES: usize>(String);

impl<const MAX_BYTES: usize> Text<MAX_BYTES> {
    /// Checks a value for `field`, the name that a [`FieldError`] will carry.
    pub fn new(field: &'static str, value: &str) -> Result<Self, FieldError> {
        if value.is_empty() {
            Err(Problem::Empty.of(field))
        } else if value.len() > MAX_BYTES {
            let max_bytes = MAX_BYTES;
            Err(Problem::TooLong { max_bytes }.of(field))
        } else if !value.chars().all(is_xml_char) {
            Err(Problem::BadCharacter.of(field))
        } else {
            Ok(Self(value.to_owned()))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX_BYTES: usize> fmt::Debug for Text<MAX_BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MAX_BYTES: usize> fmt::Display for Text<MAX_BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX_BYTES: usize> From<Text<MAX_BYTES>> for String {
    fn from(text: Text<MAX_BYTES>) -> Self {
        text.0
    }
}

impl Fields {
    /// A required field's value.
    pub fn required(&self, field: &'static str) -> Result<&str, FieldError> {
        match self.get(field) {
            None => Err(Problem::Missing.of(field)),
            Some("") => Err(Problem::Empty.of(field)),
            Some(value) => Ok(value),
        }
    }

    pub(crate) fn text<const MAX: usize>(
        &self,
        field: &'static str,
    ) -> Result<Text<MAX>, FieldError> {
        Text::new(field, self.required(field)?)
    }

    pub(crate) fn optional_text<const MAX: usize>(
        &self,
        field: &'static str,
    ) -> Result<Option<Text<MAX>>, FieldError> {
        self.get_nonempty(field)
            .map(|value| Text::new(field, value))
            .transpose()
    }

    /// A required value that `known` recognizes.
    pub(crate) fn one_of<T>(
        &self,
        field: &'static str,
        known: impl Fn(&str) -> Option<T>,
    ) -> Result<T, FieldError> {
        known(self.required(field)?).ok_or(Problem::UnknownValue.of(field))
    }

    pub(crate) fn int(&self, field: &'static str) -> Result<i64, FieldError> {
        parse_int(field, self.required(field)?)
    }

    pub(crate) fn optional_int(&self, field: &'static str) -> Result<Option<i64>, FieldError> {
        self.get_nonempty(field)
            .map(|value| parse_int(field, value))
            .transpose()
    }

    /// A number that is only shown to people: absent where it is no number. No
    /// payment or refund is lost over its form.
    pub(crate) fn shown_int(&self, field: &'static str) -> Option<i64> {
        self.optional_int(field).ok().flatten()
    }

    pub(crate) fn optional_time_ms(&self, field: &'static str) -> Result<Option<i64>, FieldError> {
        self.get_nonempty(field)
            .map(|value| time::parse_china(value).map_err(|_| Problem::BadFormat.of(field)))
            .transpose()
    }

    /// `yyyy-MM-dd HH:mm:ss`.
    pub(crate) fn optional_spaced_time_ms(
        &self,
        field: &'static str,
    ) -> Result<Option<i64>, FieldError> {
        self.get_nonempty(field)
            .map(|value| time::parse_china_spaced(value).map_err(|_| Problem::BadFormat.of(field)))
            .transpose()
    }

    /// `yyyyMMdd`.
    pub(crate) fn date(&self, field: &'static str) -> Result<Date, FieldError> {
        Date::parse(self.required(field)?).map_err(|_| Problem::BadFormat.of(field))
    }

    pub(crate) fn optional_date(&self, field: &'static str) -> Result<Option<Date>, FieldError> {
        match self.get_nonempty(field) {
            None => Ok(None),
            Some(_) => self.date(field).map(Some),
        }
    }

    /// An amount that something was charged or refunded: at least 1.
    pub(crate) fn fee(&self, field: &'static str) -> Result<i64, FieldError> {
        check_fee(field, self.int(field)?)
    }

    pub(crate) fn optional_currency(
        &self,
        field: &'static str,
    ) -> Result<Option<Currency>, FieldError> {
        self.get_nonempty(field)
            .map(|code| Currency::from_code(code).ok_or(Problem::UnknownValue.of(field)))
            .transpose()
    }

    pub(crate) fn owned(&self, field: &str) -> Option<String> {
        self.get_nonempty(field).map(str::to_owned)
    }

    /// The fields of the `n`th of several, each with `_n` at its name's end.
    pub(crate) fn nth(&self, n: usize) -> Nth<'_> {
        Nth { fields: self, n }
    }
}

/// One of several: reads the field that the manual calls `refund_id_$n`, and
/// names it so in an error.
#[derive(Clone, Copy)]
pub(crate) struct Nth<'a> {
    fields: &'a Fields,
    n: usize,
}

impl<'a> Nth<'a> {
    pub(crate) fn get(self, field: &'static str) -> Option<&'a str> {
        self.fields.get(&nth_name(field, self.n))
    }

    pub(crate) fn get_nonempty(self, field: &'static str) -> Option<&'a str> {
        self.get(field).filter(|value| !value.is_empty())
    }

    pub(crate) fn required(self, field: &'static str) -> Result<&'a str, FieldError> {
        match self.get(field) {
            None => Err(Problem::Missing.of(field)),
            Some("") => Err(Problem::Empty.of(field)),
            Some(value) if value.contains('&') => Err(Problem::Ambiguous.of(field)),
            Some(value) => Ok(value),
        }
    }

    pub(crate) fn fee(self, field: &'static str) -> Result<i64, FieldError> {
        check_fee(field, parse_int(field, self.required(field)?)?)
    }

    /// As [`Fields::shown_int`].
    pub(crate) fn shown_int(self, field: &'static str) -> Option<i64> {
        parse_int(field, self.get_nonempty(field)?).ok()
    }

    pub(crate) fn owned(self, field: &'static str) -> Option<String> {
        self.get_nonempty(field).map(str::to_owned)
    }
}

/// `refund_id_$n` with its number.
pub(crate) fn nth_name(field: &str, n: usize) -> String {
    field.replace("$n", &n.to_string())
}

fn check_fee(field: &'static str, fee: i64) -> Result<i64, FieldError> {
    if (1..=Money::MAX_MINOR).contains(&fee) {
        Ok(fee)
    } else {
        Err(Problem::OutOfRange.of(field))
    }
}

fn parse_int(field: &'static str, value: &str) -> Result<i64, FieldError> {
    if !value.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Problem::NotANumber.of(field));
    }
    value.parse().map_err(|_| Problem::OutOfRange.of(field))
}
