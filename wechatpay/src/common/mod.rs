//! The parts that the dialects share: v2, v3 and iOnline import from here and
//! never from one another.
//!
//! ```text
//! a value        field           a flat message   fields over xml, sign
//! a moment       time            a JSON message   json
//! an outcome     error           an order         order_number
//! parts of calls prepay invoke micropay reverse refund settlement bill payment
//! ```

pub mod bill;
pub mod error;
pub mod field;
pub mod fields;
pub mod invoke;
pub mod json;
pub mod micropay;
mod order_number;
pub(crate) mod payment;
pub mod prepay;
pub mod refund;
pub mod reverse;
pub mod settlement;
pub mod sign;
pub mod time;
pub mod xml;

pub use error::ErrorCode;
pub use field::{FieldError, Problem, Text};
pub use fields::Fields;
pub use order_number::OrderNumber;
pub use sign::{SignError, SignType};
pub use time::Date;
pub use xml::XmlError;

pub(crate) use order_number::read_out_trade_no;

/// The header by which a sandbox says that it is not WeChat.
pub const SANDBOX_HEADER: &str = "x-wechat-sandbox";
