//! The pages in a real Chromium, against the real Workers in `workerd`.
//!
//! Each test has a system and a browser of its own. Pictures of the main
//! states are kept in `target/screenshots/`, to be looked at.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it should be"
)]

mod accessibility;
mod bridges;
mod browser;
mod desktop;
mod dialects;
mod embed;
mod environment_matrix;
mod environments;
mod languages;
mod layout;
mod links;
mod native;
mod network;
mod no_javascript;
mod repeat_visits;
mod shop;
mod test_system;
mod unsupported;
mod wechat;

use browser::Browser;
use test_system::TestSystem;

/// A bridge of WeChat's whose answers are a test's to give.
const BRIDGE: &str = include_str!("bridge.js");

/// A fresh system and a fresh browser. In the end there must be no complaint:
/// no error in the console, no breach of a policy, nothing that was judged
/// wrong on the way.
fn visit(run: impl FnOnce(&TestSystem, &Browser)) {
    let system = TestSystem::start();
    let browser = Browser::start();
    run(&system, &browser);
    browser.has_nothing_to_complain_about();
}
