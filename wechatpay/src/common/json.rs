//! A strict JSON parser.
//!
//! It refuses, each with its own error: more than [`MAX_BYTES`], more than
//! [`MAX_DEPTH`] levels, a name twice in one object (parsers differ in which
//! value they use), and anything but an object at the root.
//!
//! A number that is not a 64-bit integer (a fraction, `100.0`, more than 2^63)
//! is kept as its text. WeChat may add such a field to any message, and a
//! message is not refused for an unused field. A field that is used must have
//! its type: no amount is read from such a number, and nothing is rounded.
//!
//! An empty text and `null` are an absent field.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::fmt;
use thiserror::Error;

/// The longest message that is read.
pub const MAX_BYTES: usize = 64 * 1024;

/// The most objects and lists within each other. WeChat's have five.
pub const MAX_DEPTH: usize = 16;

/// Why bytes are not a JSON message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JsonError {
    /// More than [`MAX_BYTES`].
    #[error("the message is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// Not JSON, or not UTF-8.
    #[error("the message is not JSON")]
    Syntax,
    /// JSON, but no object.
    #[error("the message is not a JSON object")]
    NotAnObject,
    /// A name that occurs twice in one object.
    #[error("the message has {0} twice")]
    DuplicateKey(String),
    /// More than [`MAX_DEPTH`] levels.
    #[error("the message has more than {MAX_DEPTH} levels")]
    TooDeep,
}

/// A message: the object at the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document(Map<String, Value>);

impl Document {
    /// Reads a message.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        if bytes.len() > MAX_BYTES {
            return Err(JsonError::TooLong);
        }
        let raw: &RawValue = from_text(bytes)?;
        match read_value(raw.get(), MAX_DEPTH)? {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(JsonError::NotAnObject),
        }
    }

    /// The object itself.
    pub fn into_fields(self) -> Map<String, Value> {
        self.0
    }

    pub(crate) const fn fields(&self) -> &Map<String, Value> {
        &self.0
    }
}

fn from_text<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, JsonError> {
    serde_json::from_slice(text).map_err(|_| JsonError::Syntax)
}

/// Reads one value. `serde_json` would round a fraction and refuse a number
/// that fits none of its types, so numbers are read here, from their text.
fn read_value(text: &str, levels_left: usize) -> Result<Value, JsonError> {
    let inside = || levels_left.checked_sub(1).ok_or(JsonError::TooDeep);
    match text.as_bytes() {
        [b'{', ..] => {
            let levels_left = inside()?;
            let Members(members) = from_text(text.as_bytes())?;
            let mut fields = Map::new();
            for (name, value) in members {
                if fields.contains_key(&name) {
                    return Err(JsonError::DuplicateKey(name));
                }
                fields.insert(name, read_value(value.get(), levels_left)?);
            }
            Ok(Value::Object(fields))
        }
        [b'[', ..] => {
            let levels_left = inside()?;
            let items: Vec<&RawValue> = from_text(text.as_bytes())?;
            let items = items
                .into_iter()
                .map(|item| read_value(item.get(), levels_left));
            items.collect::<Result<_, _>>().map(Value::Array)
        }
        [b'-' | b'0'..=b'9', ..] => Ok(match text.parse::<i64>() {
            Ok(number) => Value::from(number),
            Err(_) => Value::String(text.to_owned()),
        }),
        _ => from_text(text.as_bytes()),
    }
}

/// An object's members in their order, names that occur twice included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct AllMembers;

        impl<'de> Visitor<'de> for AllMembers {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut entries: A,
            ) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = entries.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        reader.deserialize_map(AllMembers)
    }
}
