//! The gateway: the HTTP API, merchants and their sealed credentials, the book
//! of orders, notices, deliveries and timers, and the sign-in that finds a
//! payer's openid.
//!
//! Everything is generic over a small [`Runtime`](runtime::Runtime) and
//! [`Storage`](runtime::Storage), so the whole gateway runs on the Workers runtime
//! (crate `edge`) and natively in memory (crate `tests`).
//!
//! Not in scope: what a payment is and what may happen to it (crate `order`),
//! WeChat's wire formats (crate `wechatpay`), the page (crates `checkout` and
//! `app`), and the runtime.
//!
//! To find an endpoint, search for its path in the table of [`route`]s.

mod app;
mod auth;
pub mod board;
pub mod book;
mod cache;
pub mod config;
mod handlers;
pub mod http;
pub mod merchants;
pub mod observe;
pub mod reconcile;
mod render;
pub mod reports;
pub mod route;
pub mod runtime;
mod services;
mod store;
pub mod transfer;
mod upstream;

pub use app::{Gateway, OPENAPI};
