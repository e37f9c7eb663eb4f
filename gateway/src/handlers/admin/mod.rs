//! `/admin/…` and `/metrics`: what the deployment's operator calls.

pub mod merchants;
pub mod operator;
