//! The checkout page.
//!
//! In scope: what happens on the page ([`flow`]), what the payer sees of it
//! ([`screen`]), how that is drawn (`page`), and the only place that touches
//! the browser (`browser`).
//!
//! Not in scope: what to do in which environment, the texts and the messages,
//! which are shared with the server and live in `checkout`; and any knowledge
//! of WeChat's wire formats.

mod browser;
mod ear;
pub mod flow;
mod json;
mod page;
pub mod screen;
#[cfg(test)]
mod tests;

pub use page::start;
