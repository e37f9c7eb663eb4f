//! The fields of a JSON message, read by name and type.
//!
//! An empty text and `null` are an absent field.

use super::field::FieldError;
use super::time;
use crate::common::json::{Document, MAX_BYTES};
use crate::common::{Problem, Text};
use order::{Currency, Money};
use serde_json::{Map, Value};

impl Document {
    /// The object, to read fields from.
    pub fn root(&self) -> Object<'_> {
        Object {
            fields: self.fields(),
            path: String::new(),
        }
    }
}

/// An object within a message, and its path.
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

    /// Reads a text with a function of the shared types, and names the field as
    /// it is named here.
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

    /// An amount in the currency in the field `currency`: CNY if it is absent,
    /// as only in mainland messages.
    pub(crate) fn money(&self, amount: &str) -> Result<Money, FieldError> {
        let currency = match self.optional_text("currency", 16)? {
            None => Currency::Cny,
            Some(code) => Currency::from_code(code)
                .ok_or_else(|| self.error("currency", Problem::UnknownValue))?,
        };
        Money::new(self.int(amount)?, currency).map_err(|_| self.error(amount, Problem::OutOfRange))
    }

    /// A text that is only displayed: absent if it is not a text.
    pub(crate) fn shown(&self, name: &str) -> Option<String> {
        self.owned(name).ok().flatten()
    }

    /// A number that is only displayed: absent if it is not a 64-bit integer.
    pub(crate) fn shown_int(&self, name: &str) -> Option<i64> {
        self.optional_int(name).ok().flatten()
    }

    /// An object whose fields are only displayed.
    pub(crate) fn shown_object(&self, name: &str) -> Option<Self> {
        self.optional_object(name).ok().flatten()
    }

    /// An owned text, if there is one, without a limit of its own.
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
