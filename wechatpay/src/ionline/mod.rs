//! iOnline Pay: an acquirer's gateway in front of WeChat Pay.
//!
//! ```text
//! request  POST /gateway/, a form routed by `service`     [`request`] over [`form`]
//! answer   a flat JSON object, signed                     [`answer`] over [`json`]
//! notice   POST notify_url, a v2 XML document, signed     [`notify`]; answered `success`
//! ```
//!
//! The signature is v2's MD5 ([`crate::common::sign`]) over the values in all
//! three. One file per message:
//!
//! ```text
//! payment  prepay payinfo notify      afterwards  query refund refundquery
//! ```
//!
//! Two values are not in the messages and come from the merchant's
//! configuration, a [`Merchant`]: the currency, and for a QR code the
//! application. In messages the application is `sub_appid`; `appid` is the
//! acquirer's own and is ignored.
//!
//! The iOnline description describes the payment. The public manual of iOnline
//! adds the query, the refund's query and the notice; where it says nothing,
//! this dialect follows the family of gateways that iOnline belongs to, which
//! share its names.

pub mod answer;
pub mod error;
pub mod form;
pub mod json;
mod merchant;
pub mod notify;
pub mod payinfo;
mod payment;
pub mod prepay;
pub mod query;
pub mod refund;
pub mod refundquery;
pub mod request;

pub use crate::common::ErrorCode;
pub use error::AnswerError;
pub use merchant::Merchant;
pub use request::Service;

/// The URL of iOnline's gateway.
pub const GATEWAY_URL: &str = "https://pay.ionlinepay.com/gateway/";

/// The path of [`GATEWAY_URL`].
pub const PATH: &str = "/gateway/";
