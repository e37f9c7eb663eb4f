//! The HTTP parts that every endpoint needs: messages, fields, addresses,
//! refusals and rate limits.

pub(crate) mod address;
pub(crate) mod client;
pub(crate) mod csv;
pub mod error;
pub(crate) mod fields;
pub mod message;
pub(crate) mod rate_limit;
