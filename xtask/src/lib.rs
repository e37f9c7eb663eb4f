//! The developer's commands: `cargo xtask dev`, `build`, `test`, `bench`, `sandbox`,
//! `simulate`, `crash`, `fuzz`, `native`.
//!
//! In scope: installing the pinned tools, building the page, the console and the two
//! Workers, and starting what the other crates provide: the system of
//! `testkit`, the tests, the simulation, the benchmarks of `bench`. Not in
//! scope: anything that a merchant's deployment runs.
//!
//! | file | what it does |
//! |---|---|
//! | [`setup`] | installs the tools that are missing |
//! | [`tools`] | the tools from crates.io: their versions and where they are installed |
//! | [`build`], [`console`], [`build_cache`], [`part`], [`size`], [`wasm`], [`lean`], `module` | build the pages and the Workers when an input has changed, and measure them |
//! | [`dev`], [`sandbox`], [`test`], [`simulate`], [`crash`], [`fuzz`], [`bench`], [`native`] | the commands |
//! | [`image`] | the files of the container image, and a trial of the image |
//! | [`openapi`] | lints `openapi.json`, makes types of it and sends requests that are generated from it |
//! | [`step`] | shows the progress |

#![allow(
    clippy::print_stdout,
    reason = "results are for the terminal and for scripts"
)]

pub mod bench;
pub mod build;
pub mod build_cache;
pub mod console;
pub mod crash;
pub mod dev;
pub mod fuzz;
pub mod image;
pub mod lean;
mod module;
pub mod native;
pub mod openapi;
pub mod part;
pub mod sandbox;
pub mod setup;
pub mod simulate;
pub mod size;
pub mod step;
pub mod test;
pub mod tools;
pub mod wasm;
