//! Helpers that the suites of whole payments share.
//!
//! * `memory/`: the gateway and the sandbox as values, under a simulated
//!   clock: [`memory`].
//! * `fuzz/`: parsers given malformed bytes: [`fuzz`].
//! * `simulation/`: the same, driven by a seed: a package of its own.
//! * `http/`: the real Workers in `workerd`: [`live`], listening: [`socket`];
//!   killed under load: [`crash`], over a network that misbehaves: [`faulty_proxy`].
//! * `browser/`: the pages in a real Chromium.
//! * `architecture/`: the rules of the architecture; the documents:
//!   [`documents`].
//!
//! Every answer in memory is compared with `openapi.json`: [`description`].

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper of tests stops at the first thing that is not as it should be"
)]

pub mod certificates;
pub mod crash;
pub mod description;
pub mod documents;
pub mod faulty_proxy;
pub mod fuzz;
pub mod live;
pub mod memory;
pub mod plans;
pub mod rsa;
pub mod socket;
mod statement;
mod time;
mod traffic;
