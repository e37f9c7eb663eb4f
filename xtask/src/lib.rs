//! The developer's commands: `cargo xtask dev`, `build`, `test`, `bench`, `sandbox`.
//!
//! In scope: getting the pinned tools, building the page and the two Workers, running them in one `workerd`
//! process, and filling a fresh one with a shop that can be tried. Not in scope: anything that a merchant's
//! deployment runs.
//!
//! It is a library as well as a program, so that the tests and the benchmarks start the system with the same
//! [`workerd::Workerd`] as the developer does, and what they measure is what was tried by hand.
//!
//! | file | what it does |
//! |---|---|
//! | [`setup`] | installs what is missing, and only that |
//! | [`tools`] | which tools, which versions, where they are |
//! | [`build`], [`build_cache`], [`size`], [`wasm`] | the page and the Workers: made when something changed, and measured |
//! | [`workerd`] | starts and stops the system; `xtask/workerd/*.capnp` describes it |
//! | [`demo`] | the merchants and the shop of a fresh system |
//! | [`dev`], [`sandbox`], [`test`], [`simulate`], [`crash`], [`fuzz`], [`bench`] | the commands |
//! | [`step`], [`failure`], [`child_guard`], [`http`] | progress, errors that teach, children that never outlive us, JSON over loopback |

#![allow(
    clippy::print_stdout,
    reason = "results are for the terminal and for scripts"
)]

pub mod bench;
pub mod build;
pub mod build_cache;
pub mod child_guard;
pub mod crash;
pub mod demo;
pub mod dev;
pub mod failure;
pub mod fuzz;
pub mod http;
pub mod sandbox;
pub mod setup;
pub mod simulate;
pub mod size;
pub mod step;
pub mod test;
pub mod tools;
pub mod wasm;
pub mod workerd;

pub use failure::{Failure, Result};
