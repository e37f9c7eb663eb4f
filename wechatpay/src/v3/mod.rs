//! WeChat Pay v3: JSON over HTTP's own methods and status codes, signed with
//! RSA. WeChat Pay Global and mainland WeChat Pay are one dialect with two
//! tables of paths: see [`Region`].
//!
//! From the bottom up: [`json`] reads fields of a document, [`sign`] is its
//! signature and [`keyring`] the keys that verify it, [`gcm`] its encrypted
//! parts, [`field`] and [`time`] the types of its values and [`error`] its
//! error codes. [`answer`] says what an answer proves, [`request`] what a
//! request is. Above them one file per message:
//!
//! ```text
//! payment       prepay invoke notify   micropay reverse
//! afterwards    query close            refund refundquery refund_notify
//! accounting    bill settlement        certificates echo
//! ```
//!
//! WeChat Pay APIv3 Global manual, and Tencent's manuals for the two regions.

pub mod answer;
pub mod bill;
pub mod certificates;
pub mod close;
pub mod echo;
pub mod error;
pub mod field;
pub mod gcm;
pub mod invoke;
pub mod json;
pub mod keyring;
mod merchant;
pub mod micropay;
pub mod notify;
mod payment;
pub mod prepay;
pub mod query;
pub mod refund;
pub mod refund_notify;
pub mod refundquery;
mod region;
pub mod request;
pub mod reverse;
pub mod settlement;
pub mod sign;
pub mod time;

pub use error::ErrorCode;
pub use field::FieldError;
pub use keyring::{Keyring, Verified, VerifyError};
pub use merchant::Merchant;
pub use region::Region;
pub use request::{Incoming, Outgoing, RequestError};
pub use sign::{Authorization, Signature, SignatureError};
