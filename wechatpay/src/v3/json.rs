//! JSON, read once and strictly.
//!
//! Refused, each under its own name: more than [`MAX_BYTES`], more than
//! [`MAX_DEPTH`] levels, a name twice in one object (readers differ in which
//! one they believe), a number that is not a 64-bit integer (no amount in v3
//! is one, and a fraction of a cent must not be rounded), and anything but an
//! object at the root.
//!
//! An empty text and `null` are an absent field.

use super::field::{FieldError, Problem, Text};
use super::time;
use order::{Currency, Money};
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::fmt;
use thiserror::Error;

/// The longest message that is read.
pub const MAX_BYTES: usize = 64 * 1024;

/// The most objects and lists within each other. WeChat's have five.
pub const MAX_DEPTH: usize = 16;

/// Why bytes are not a v3 message.
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
    /// A fraction, or an integer that does not fit 64 bits.
    #[error("the message has a number that is not a 64-bit integer")]
    NotAnInteger,
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
        let found = RefCell::new(None);
        let strict = Strict {
            found: &found,
            depth: 0,
        };
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let value = strict
            .deserialize(&mut reader)
            .and_then(|value| reader.end().map(|()| value))
            .map_err(|error| found.take().unwrap_or_else(|| unnamed(&error)))?;
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(JsonError::NotAnObject),
        }
    }

    /// The object, to read fields from.
    pub fn root(&self) -> Object<'_> {
        Object {
            fields: &self.0,
            path: String::new(),
        }
    }

    /// The object itself.
    pub fn into_fields(self) -> Map<String, Value> {
        self.0
    }
}

/// What has no name of its own: [`Strict`] takes every value but a number that
/// is no 64-bit integer, and all else is the reader's, and syntax.
fn unnamed(error: &serde_json::Error) -> JsonError {
    if error.is_data() {
        JsonError::NotAnInteger
    } else {
        JsonError::Syntax
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    /// The reason for a refusal, which serde's errors carry only as a text.
    found: &'a RefCell<Option<JsonError>>,
    depth: usize,
}

impl Strict<'_> {
    fn refuse<E: serde::de::Error>(self, reason: JsonError) -> E {
        self.found.replace(Some(reason));
        E::custom("")
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH {
            return Err(self.refuse(JsonError::TooDeep));
        }
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value without fractions")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value)
            .map(Value::from)
            .map_err(|_| self.refuse(JsonError::NotAnInteger))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut fields = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if fields.contains_key(&name) {
                self.found.replace(Some(JsonError::DuplicateKey(name)));
                return Err(A::Error::custom(""));
            }
            let value = entries.next_value_seed(inner)?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

/// An object within a message, and where it is.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    fields: &'a Map<String, Value>,
    path: String,
}

impl<'a> Object<'a> {
    /// This problem, in that field of this object.
    pub fn error(&self, name: &str, problem: Problem) -> FieldError {
        FieldError::new(format!("{}{name}", self.path), problem)
    }

    /// Whether the field is there with a value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A text of `1..=max_bytes` bytes.
    pub fn text(&self, name: &str, max_bytes: usize) -> Result<&'a str, FieldError> {
        self.optional_text(name, max_bytes)?
            .ok_or_else(|| self.missing(name))
    }

    /// A text, where there is one.
    pub fn optional_text(
        &self,
        name: &str,
        max_bytes: usize,
    ) -> Result<Option<&'a str>, FieldError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= max_bytes => Ok(Some(text)),
            Some(Value::String(_)) => Err(self.error(name, Problem::TooLong { max_bytes })),
            Some(_) => Err(self.wrong_type(name, "a text")),
        }
    }

    /// A text in the type that both dialects share.
    pub(crate) fn limited<const MAX: usize>(&self, name: &str) -> Result<Text<MAX>, FieldError> {
        self.optional_limited(name)?
            .ok_or_else(|| self.missing(name))
    }

    pub(crate) fn optional_limited<const MAX: usize>(
        &self,
        name: &str,
    ) -> Result<Option<Text<MAX>>, FieldError> {
        self.optional_text(name, MAX)?
            .map(|text| Text::new("", text).map_err(|error| self.error(name, error.problem)))
            .transpose()
    }

    /// Reads a text with a function of the types that both dialects share,
    /// and names the field as it is named here.
    pub(crate) fn parsed<T, E: Into<FieldError>>(
        &self,
        name: &str,
        max_bytes: usize,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, FieldError> {
        parse(self.text(name, max_bytes)?).map_err(|error| self.error(name, error.into().problem))
    }

    /// A text that `known` recognizes.
    pub(crate) fn one_of<T>(
        &self,
        name: &str,
        known: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, FieldError> {
        known(self.text(name, 64)?).ok_or_else(|| self.error(name, Problem::UnknownValue))
    }

    /// A 64-bit integer.
    pub fn int(&self, name: &str) -> Result<i64, FieldError> {
        self.optional_int(name)?.ok_or_else(|| self.missing(name))
    }

    /// A 64-bit integer, where there is one.
    pub fn optional_int(&self, name: &str) -> Result<Option<i64>, FieldError> {
        self.get(name)
            .map(|value| {
                value
                    .as_i64()
                    .ok_or_else(|| self.wrong_type(name, "a whole number"))
            })
            .transpose()
    }

    /// An object.
    pub fn object(&self, name: &str) -> Result<Self, FieldError> {
        self.optional_object(name)?
            .ok_or_else(|| self.missing(name))
    }

    /// An object, where there is one.
    pub fn optional_object(&self, name: &str) -> Result<Option<Self>, FieldError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self {
                fields,
                path: format!("{}{name}.", self.path),
            })),
            Some(_) => Err(self.wrong_type(name, "an object")),
        }
    }

    /// A list of objects.
    pub fn objects(&self, name: &str) -> Result<Vec<Self>, FieldError> {
        let items = match self.get(name) {
            None => return Err(self.missing(name)),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(self.wrong_type(name, "a list")),
        };
        let object = |(n, item): (usize, &'a Value)| match item {
            Value::Object(fields) => Ok(Self {
                fields,
                path: format!("{}{name}[{n}].", self.path),
            }),
            _ => Err(self.wrong_type(&format!("{name}[{n}]"), "an object")),
        };
        items.iter().enumerate().map(object).collect()
    }

    /// A moment (RFC 3339), Unix milliseconds.
    pub fn time_ms(&self, name: &str) -> Result<i64, FieldError> {
        self.optional_time_ms(name)?
            .ok_or_else(|| self.missing(name))
    }

    /// A moment, where there is one.
    pub fn optional_time_ms(&self, name: &str) -> Result<Option<i64>, FieldError> {
        self.optional_text(name, 64)?
            .map(|text| time::parse_rfc3339(text).map_err(|_| self.error(name, Problem::BadFormat)))
            .transpose()
    }

    /// An amount in the currency that `currency` says: CNY where it says none,
    /// which only mainland messages do.
    pub(crate) fn money(&self, amount: &str) -> Result<Money, FieldError> {
        let currency = match self.optional_text("currency", 16)? {
            None => Currency::Cny,
            Some(code) => Currency::from_code(code)
                .ok_or_else(|| self.error("currency", Problem::UnknownValue))?,
        };
        Money::new(self.int(amount)?, currency).map_err(|_| self.error(amount, Problem::OutOfRange))
    }

    /// An owned text, where there is one, of any length that a message holds.
    pub(crate) fn owned(&self, name: &str) -> Result<Option<String>, FieldError> {
        Ok(self.optional_text(name, MAX_BYTES)?.map(str::to_owned))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields
            .get(name)
            .filter(|value| !value.is_null() && value.as_str() != Some(""))
    }

    fn missing(&self, name: &str) -> FieldError {
        let problem = match self.fields.get(name) {
            Some(Value::String(_)) => Problem::Empty,
            _ => Problem::Missing,
        };
        self.error(name, problem)
    }

    fn wrong_type(&self, name: &str, expected: &'static str) -> FieldError {
        self.error(name, Problem::WrongType { expected })
    }
}

/// Writes a field, where there is a value for it.
pub(crate) fn set(fields: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}
