//! The types of field values, and what can be wrong with one.
//!
//! ```text
//! String(128)   Text<128>: 1..=128 bytes of UTF-8, characters that XML carries
//! Int           decimal digits, no sign
//! String(14)    yyyyMMddHHmmss, China time
//! refund_id_$n  one field of several: refund_id_0, refund_id_1, …
//! ```
//!
//! The manual's `String(128)` has no unit. Bytes are the stricter reading: a
//! text that fits in bytes also fits in characters, so WeChat never refuses the
//! length of a text that is accepted here.
//!
//! An empty field counts as absent, in the signature and when it is read.

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
        /// The limit.
        max_bytes: usize,
    },
    /// Not decimal digits.
    #[error("is not a whole number in decimal digits")]
    NotANumber,
    /// A number outside the range that WeChat accepts.
    #[error("is a number outside the allowed range")]
    OutOfRange,
    /// Not one of the listed values.
    #[error("is not one of the values that WeChat lists")]
    UnknownValue,
    /// Not in the field's format: a time, an address, a URL, JSON.
    #[error("is not in the format of this field")]
    BadFormat,
    /// A character that XML cannot represent or that the field does not allow.
    #[error("holds a character that this field cannot carry")]
    BadCharacter,
    /// A value contains `&`, so the same signed text could belong to other
    /// fields.
    #[error("is valid for other fields too")]
    Ambiguous,
    /// Another type of JSON value than the manual says (v3).
    #[error("is not {expected}")]
    WrongType {
        /// The type that the manual says.
        expected: &'static str,
    },
    /// Two fields that must be equal differ (v3).
    #[error("contradicts {other}")]
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
    /// Checks a value for `field`, the name in a [`FieldError`].
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

/// Whether XML 1.0 allows the character.
pub(crate) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}
