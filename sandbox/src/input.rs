//! JSON that testers send to the control calls, read field by field, so that
//! a mistake is answered with the field's name.

use crate::web::{self, Answer};
use http::StatusCode;
use serde_json::{Map, Value};

/// What is wrong with a control call's input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadInput {
    field: Option<String>,
    message: String,
}

impl BadInput {
    pub(crate) fn new(field: &str, message: impl Into<String>) -> Self {
        Self {
            field: Some(field.to_owned()),
            message: message.into(),
        }
    }
}

impl From<BadInput> for Answer {
    fn from(bad: BadInput) -> Self {
        web::refusal(
            StatusCode::BAD_REQUEST,
            if bad.field.is_some() {
                "BAD_FIELD"
            } else {
                "BAD_JSON"
            },
            bad.field.as_deref(),
            bad.message,
        )
    }
}

/// A JSON object whose fields are taken one by one. Fields that are left at the
/// end are unknown, and refused, so that a misspelt field is noticed.
pub(crate) struct Input {
    fields: Map<String, Value>,
    /// The path of the object itself, such as `sub_merchants[0].`.
    path: String,
}

impl Input {
    pub(crate) fn read(body: &[u8]) -> Result<Self, BadInput> {
        let whole = |message: String| BadInput {
            field: None,
            message,
        };
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self {
                fields: Map::new(),
                path: String::new(),
            });
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self {
                fields,
                path: String::new(),
            }),
            Ok(_) => Err(whole("send a JSON object".into())),
            Err(error) => Err(whole(format!(
                "send a JSON object; this is not JSON: {error}"
            ))),
        }
    }

    pub(crate) fn name(&self, field: &str) -> String {
        format!("{}{field}", self.path)
    }

    pub(crate) fn bad(&self, field: &str, message: impl Into<String>) -> BadInput {
        BadInput::new(&self.name(field), message)
    }

    fn take(&mut self, field: &str) -> Option<Value> {
        self.fields.remove(field).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&mut self, field: &str) -> Result<Option<String>, BadInput> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.bad(field, "send a string")),
        }
    }

    pub(crate) fn required_text(&mut self, field: &str) -> Result<String, BadInput> {
        self.text(field)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| self.bad(field, "this field is required"))
    }

    pub(crate) fn integer(&mut self, field: &str) -> Result<Option<i64>, BadInput> {
        match self.take(field) {
            None => Ok(None),
            Some(value) => value
                .as_i64()
                .map(Some)
                .ok_or_else(|| self.bad(field, "send an integer")),
        }
    }

    pub(crate) fn boolean(&mut self, field: &str) -> Result<Option<bool>, BadInput> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(self.bad(field, "send true or false")),
        }
    }

    pub(crate) fn texts(&mut self, field: &str) -> Result<Option<Vec<String>>, BadInput> {
        let Some(value) = self.take(field) else {
            return Ok(None);
        };
        let texts = value.as_array().and_then(|list| {
            list.iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
        });
        match texts {
            Some(texts) => Ok(Some(texts)),
            None => Err(self.bad(field, "send a list of strings")),
        }
    }

    pub(crate) fn objects(&mut self, field: &str) -> Result<Option<Vec<Self>>, BadInput> {
        let Some(value) = self.take(field) else {
            return Ok(None);
        };
        let Value::Array(list) = value else {
            return Err(self.bad(field, "send a list of objects"));
        };
        let mut objects = Vec::new();
        for (index, item) in list.into_iter().enumerate() {
            match item {
                Value::Object(fields) => objects.push(Self {
                    fields,
                    path: format!("{}{field}[{index}].", self.path),
                }),
                _ => return Err(self.bad(field, "send a list of objects")),
            }
        }
        Ok(Some(objects))
    }

    pub(crate) fn object(&mut self, field: &str) -> Result<Option<Self>, BadInput> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self {
                fields,
                path: format!("{}{field}.", self.path),
            })),
            Some(_) => Err(self.bad(field, "send an object")),
        }
    }

    /// The raw value of a field, for the one caller that checks its type.
    pub(crate) fn value(&mut self, field: &str) -> Option<Value> {
        self.take(field)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Refuses unknown fields.
    pub(crate) fn finish(self) -> Result<(), BadInput> {
        match self.fields.keys().next() {
            None => Ok(()),
            Some(field) => Err(self.bad(field, "there is no such field")),
        }
    }
}
