//! The body of a request: `application/x-www-form-urlencoded`, UTF-8.
//!
//! ```text
//! service=ionline.unified.trade.query&mch_id=10085…&out_trade_no=…&sign=…
//! ```
//!
//! Values are signed unencoded and percent-encoded here.

use crate::common::Fields;
use crate::common::fields::{MAX_FIELDS, is_name};
use crate::common::xml::MAX_BYTES;
use crate::uri::{decode, encode};
use thiserror::Error;

/// The body's media type.
pub const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// Why bytes are not a form.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FormError {
    /// More than [`MAX_BYTES`].
    #[error("the form is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// Bytes or escapes that are no UTF-8, or an escape that is cut short.
    #[error("the form is not percent-encoded UTF-8")]
    NotUtf8,
    /// More than [`MAX_FIELDS`].
    #[error("the form has more than {MAX_FIELDS} fields")]
    TooManyFields,
    /// A name longer than any, or with other characters.
    #[error("a field's name is too long or has a character that no name has")]
    BadName,
    /// The same name twice, which two readers could read differently.
    #[error("the field {name} occurs more than once")]
    DuplicateField {
        /// The repeated name.
        name: String,
    },
}

/// The form with these fields, in their order.
pub fn write(fields: &Fields) -> String {
    let pairs: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    pairs.join("&")
}

/// Reads a form.
pub fn read(bytes: &[u8]) -> Result<Fields, FormError> {
    if bytes.len() > MAX_BYTES {
        return Err(FormError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| FormError::NotUtf8)?;
    let mut fields = Fields::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name).ok_or(FormError::NotUtf8)?;
        let value = decode(value).ok_or(FormError::NotUtf8)?;
        if !is_name(&name) {
            return Err(FormError::BadName);
        }
        if fields.get(&name).is_some() {
            return Err(FormError::DuplicateField { name });
        }
        if fields.len() == MAX_FIELDS {
            return Err(FormError::TooManyFields);
        }
        fields.push(&name, value);
    }
    Ok(fields)
}
