//! The pages in a real Chromium, against the real Workers in `workerd`.
//!
//! Each test has a system and a browser of its own. Pictures of the main states
//! are stored in `target/screenshots/`, to be checked by people.

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
mod console;
mod console_demo;
mod console_money;
mod desktop;
mod dialects;
mod embed;
mod environment_matrix;
mod environments;
mod failures;
mod hosted;
mod languages;
mod layout;
mod links;
mod native;
mod network;
mod no_javascript;
mod paper;
mod phone;
mod reference;
mod repeat_visits;
mod shop;
mod sign_tool;
mod states;
mod test_system;
mod unsupported;
mod wechat;

use browser::Browser;
use test_system::TestSystem;

/// A replacement of WeChat's bridge, whose answers the test gives.
const BRIDGE: &str = include_str!("bridge.js");

/// Runs a test with a new system and a new browser. At the end there must be no
/// error in the console, no violation of a policy, and no failed visual check.
fn visit(run: impl FnOnce(&TestSystem, &Browser)) {
    let system = TestSystem::start();
    let browser = Browser::start();
    run(&system, &browser);
    browser.has_nothing_to_complain_about();
}
