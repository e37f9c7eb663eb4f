//! The checkout page.
//!
//! In scope: the state machine of the page ([`flow`]), what the payer sees
//! ([`screen`]), the rendering (`page`), the page on another host (`host`), and the only module that uses the
//! browser (`browser`).
//!
//! Not in scope: the choice of payment method, the texts and the messages,
//! which are shared with the server and live in `checkout`; WeChat's wire
//! formats.

#[cfg(target_arch = "wasm32")]
mod allocator;
mod browser;
mod effect;
pub mod flow;
mod host;
mod json;
mod live;
mod page;
pub mod screen;
#[cfg(test)]
mod tests;

pub use page::{start, start_on_another_host};
