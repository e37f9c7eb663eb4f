//! The console: the pages of a shop's staff.
//!
//! In scope: the pages, their texts in three languages, the address after `#`,
//! and calls of the public API with the session's cookie. `browser` is the only
//! module that uses the browser; `address`, `money`, `texts` and `words` are pure
//! and tested natively.
//!
//! Not in scope: every decision about money or permissions. What a role may not
//! do is refused by the server; the console only leaves out what would be refused.

mod address;
mod api;
mod app;
mod browser;
mod json;
mod live;
mod money;
mod outside;
mod pages;
mod part;
mod shell;
mod texts;
mod ui;
mod words;

pub use shell::start;
