//! The developer's commands: `cargo xtask dev`, `build`, `test`, `bench`, `sandbox`,
//! `simulate`, `crash`, `fuzz`, `native`.
//!
//! In scope: getting the pinned tools, building the page and the two Workers, and starting what the other crates do:
//! the system of `testkit`, the tests, the simulation, the benchmarks of `bench`. Not in scope: anything that a
//! merchant's deployment runs.
//!
//! | file | what it does |
//! |---|---|
//! | [`setup`] | installs what is missing, and only that |
//! | [`tools`] | the tools from crates.io: which, which versions, where they are |
//! | [`build`], [`build_cache`], [`part`], [`size`], [`wasm`] | the page and the Workers: made when something changed, and measured |
//! | [`dev`], [`sandbox`], [`test`], [`simulate`], [`crash`], [`fuzz`], [`bench`], [`native`] | the commands |
//! | [`step`] | progress |

#![allow(
    clippy::print_stdout,
    reason = "results are for the terminal and for scripts"
)]

pub mod bench;
pub mod build;
pub mod build_cache;
pub mod crash;
pub mod dev;
pub mod fuzz;
pub mod native;
pub mod part;
pub mod sandbox;
pub mod setup;
pub mod simulate;
pub mod size;
pub mod step;
pub mod test;
pub mod tools;
pub mod wasm;
