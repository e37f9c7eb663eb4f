//! WeChat Pay v2: flat XML documents, signed with the merchant's API key.
//!
//! The document, its signature, its values, its clock and its error codes are
//! in [`common`](crate::common). [`answer`] is the envelope of every answer.
//! Above it one file per message:
//!
//! ```text
//! payment       prepay invoke notify   micropay reverse   native shorturl
//! afterwards    query close            refund refundquery refund_notify
//! accounting    bill settlement exchange report
//! ```
//!
//! WeChat Pay v2 manual, sections 4 to 6 and 9 to 11.

pub mod answer;
pub mod bill;
pub mod close;
pub mod ecb;
pub mod exchange;
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

pub use crate::common::ErrorCode;
