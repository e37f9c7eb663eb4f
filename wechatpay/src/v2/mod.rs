//! WeChat Pay v2: flat XML documents, signed with the merchant's API key.
//!
//! From the bottom up: [`xml`] is the document, [`sign`] its signature,
//! [`field`] the types of its values, [`time`] its clock and [`error`] its
//! error codes. [`answer`] is the envelope every answer comes in. Above them
//! one file per message: [`prepay`], [`query`], [`close`], [`notify`], and
//! [`invoke`] for what the payer's client is handed.
//!
//! Seed 002, sections 4 and 9.

pub mod answer;
pub mod close;
pub mod error;
pub mod field;
pub mod invoke;
pub mod notify;
mod payment;
pub mod prepay;
pub mod query;
pub mod sign;
pub mod time;
pub mod xml;

pub use error::ErrorCode;
pub use field::{FieldError, Problem, Text};
pub use sign::{SignError, SignType};
pub use xml::{Fields, XmlError};
