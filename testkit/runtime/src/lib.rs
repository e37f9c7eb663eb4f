//! The gateway's runtime in memory, as the memory tests and the simulation share it: objects on real SQLite, their
//! databases and alarms, and the faults of each statement.
//!
//! Two drivers decide what happens when. The memory tests (`tests/src/memory`) move the clock by hand and script
//! every fault; the simulation (`tests/simulation`) draws order, delay and faults from a seed.
//!
//! | file | what it has |
//! |---|---|
//! | [`objects`] | the objects: their names, how each is opened and called |
//! | [`storage`] | SQLite with one transaction for each poll; a driver may refuse any statement |
//! | [`contract`] | the checks that every runtime's storage passes |
//! | [`messages`] | the client certificate that a request presents, and answers that the drivers share |
//! | [`random`] | random numbers that a seed repeats |

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of tests stops at the first thing that is not as it should be"
)]

pub mod contract;
pub mod messages;
pub mod objects;
pub mod random;
pub mod storage;

use gateway::config::Config;
use std::rc::Rc;

/// 2026-01-02 03:04:05 UTC: any constant time.
pub const START_MS: i64 = 1_767_323_045_000;
/// The gateway's own origin.
pub const GATEWAY: &str = "https://pay.example.com";
/// The sandbox's origin.
pub const SANDBOX: &str = "https://sandbox.example.com";
/// The token of the admin calls.
pub const ADMIN_TOKEN: &str = "the-admin-token-of-the-tests";

/// A deployment's settings, with these variables set in addition.
#[must_use]
pub fn config(variables: &[(&str, &str)]) -> Rc<Config> {
    let config = Config::read(|name| {
        let set = variables.iter().find(|(set, _)| *set == name);
        Some(match (set, name) {
            (Some((_, value)), _) => (*value).to_owned(),
            (None, "PUBLIC_URL") => GATEWAY.to_owned(),
            (None, "MASTER_KEY") => "7b".repeat(32),
            (None, "ADMIN_TOKEN") => ADMIN_TOKEN.to_owned(),
            _ => return None,
        })
    });
    Rc::new(config.expect("settings that are complete"))
}
