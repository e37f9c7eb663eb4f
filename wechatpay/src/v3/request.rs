//! Requests to send, and received ones.

use super::field::FieldError;
use super::region::Region;
use crate::common::Problem;
use crate::common::json::{Document, JsonError};
use crate::uri;
use std::fmt;
use thiserror::Error;

/// A request to send, without its `Authorization`.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path and query as they are sent, and as they are signed.
    pub path_and_query: String,
    /// Empty for `GET`.
    pub body: String,
}

impl Outgoing {
    pub(crate) fn get(path_and_query: String) -> Self {
        Self {
            method: "GET",
            path_and_query,
            body: String::new(),
        }
    }

    pub(crate) fn post(path: String, body: serde_json::Map<String, serde_json::Value>) -> Self {
        Self {
            method: "POST",
            path_and_query: path,
            body: serde_json::Value::Object(body).to_string(),
        }
    }
}

/// A body can contain a payer's payment code, which takes money: it is not
/// printed.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path_and_query)
    }
}

/// A received request, with its `Authorization` verified.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// By its path: [`Region::of_path`].
    pub region: Region,
    /// The signer: that of the verified `Authorization`.
    pub mchid: &'a str,
    /// Without the query.
    pub path: &'a str,
    /// The part after `?`; may be empty.
    pub query: &'a str,
    /// The raw body.
    pub body: &'a [u8],
}

/// Why a request cannot be read: WeChat's `PARAM_ERROR`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    /// The body is not a v3 message.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A field is not as the manual says.
    #[error("{0}")]
    Field(#[from] FieldError),
}

impl Incoming<'_> {
    /// The body.
    pub(crate) fn document(&self) -> Result<Document, JsonError> {
        Document::parse(self.body)
    }

    /// The decoded segment of the path after the one that is `name`.
    pub(crate) fn segment_after(&self, name: &str) -> Result<Option<String>, FieldError> {
        let mut segments = self.path.split('/').skip_while(|segment| *segment != name);
        match segments.nth(1) {
            None | Some("") => Ok(None),
            Some(segment) => uri::decode(segment)
                .map(Some)
                .ok_or_else(|| FieldError::new(name, Problem::BadFormat)),
        }
    }

    /// A parameter of the query; an empty one counts as absent.
    pub(crate) fn optional_param(&self, name: &str) -> Result<Option<String>, FieldError> {
        uri::single(self.query, name)
            .map(|value| value.filter(|value| !value.is_empty()))
            .map_err(|()| FieldError::new(name, Problem::BadFormat))
    }

    pub(crate) fn param(&self, name: &str) -> Result<String, FieldError> {
        self.optional_param(name)?
            .ok_or_else(|| FieldError::new(name, Problem::Missing))
    }

    pub(crate) fn int_param(&self, name: &str) -> Result<i64, FieldError> {
        let value = self.param(name)?;
        if !value.bytes().all(|b| b.is_ascii_digit()) {
            return Err(FieldError::new(name, Problem::NotANumber));
        }
        value
            .parse()
            .map_err(|_| FieldError::new(name, Problem::OutOfRange))
    }
}
