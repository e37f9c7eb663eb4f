//! WeChat Pay v2: flat XML documents, signed with the merchant's API key.
//!
//! From the bottom up: [`xml`] is the document, [`sign`] its signature,
//! [`field`] the types of its values, [`time`] its clock and [`error`] its
//! error codes. [`answer`] is the envelope every answer comes in. Above them
//! one file per message:
//!
//! ```text
//! to be paid    prepay invoke notify   micropay reverse   native shorturl
//! after that    query close            refund refundquery refund_notify
//! book-keeping  bill settlement exchange report
//! ```
//!
//! Seed 002, sections 4 to 6 and 9 to 11.

pub mod answer;
pub mod bill;
pub mod close;
pub mod ecb;
pub mod error;
pub mod exchange;
pub mod field;
pub mod invoke;
pub mod micropay;
pub mod native;
pub mod notify;
pub(crate) mod payment;
pub mod prepay;
pub mod query;
pub mod refund;
pub mod refund_notify;
pub mod refundquery;
pub mod report;
pub mod reverse;
pub mod settlement;
pub mod shorturl;
pub mod sign;
pub mod time;
pub mod xml;

pub use error::ErrorCode;
pub use field::{FieldError, Problem, Text};
pub use sign::{SignError, SignType};
pub use xml::{Fields, XmlError};
