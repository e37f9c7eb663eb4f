//! The body of an answer: one flat JSON object.
//!
//! ```text
//! {"status":"0","result_code":"0","mch_id":"10085…","total_fee":10,"sign":"…"}
//! ```
//!
//! It is parsed as strictly as v3's messages ([`Document`]). A value is text,
//! or a whole number that is signed as its digits; `null` is an absent field.
//! An unused field may have any other value, which is signed as its text in the
//! message: no payment is refused for it.

use super::payment::USED_BY_IONLINE;
use crate::common::Fields;
use crate::common::fields::{MAX_FIELDS, is_name};
use crate::common::json::{self, Document};
use crate::common::payment::USED_FIELDS;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use thiserror::Error;

/// Why bytes are not a flat JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JsonError {
    /// Not a JSON object whose names occur once.
    #[error(transparent)]
    Document(#[from] json::JsonError),
    /// More than [`MAX_FIELDS`].
    #[error("the message has more than {MAX_FIELDS} fields")]
    TooManyFields,
    /// A name longer than any, or with other characters.
    #[error("a field's name is too long or has a character that no name has")]
    BadName,
    /// Neither text nor a whole number, in a field that is used.
    #[error("the field {name} is neither text nor a whole number")]
    NotText {
        /// The field.
        name: String,
    },
}

/// The object with these fields, every value as text.
pub fn write(fields: &Fields) -> String {
    let object: serde_json::Map<_, _> = fields
        .iter()
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect();
    Value::Object(object).to_string()
}

/// Reads an object's fields.
pub fn read(bytes: &[u8]) -> Result<Fields, JsonError> {
    let members = Document::parse(bytes)?.into_fields();
    // As the values stand in the message. `Document` has read the same bytes.
    let texts: BTreeMap<String, &RawValue> =
        serde_json::from_slice(bytes).map_err(|_| json::JsonError::Syntax)?;
    if members.len() > MAX_FIELDS {
        return Err(JsonError::TooManyFields);
    }
    let mut fields = Fields::new();
    for (name, value) in members {
        if !is_name(&name) {
            return Err(JsonError::BadName);
        }
        match value {
            Value::Null => {}
            Value::String(text) => fields.push(&name, text),
            Value::Number(number) => fields.push(&name, number.to_string()),
            _ if USED_FIELDS.contains(&name.as_str())
                || USED_BY_IONLINE.contains(&name.as_str()) =>
            {
                return Err(JsonError::NotText { name });
            }
            _ => fields.push(&name, texts.get(&name).map_or("", |text| text.get())),
        }
    }
    Ok(fields)
}
