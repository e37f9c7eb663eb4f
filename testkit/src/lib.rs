//! Starts the system on one machine, for `cargo xtask dev`, the tests and the benchmarks alike.
//!
//! | file | what it does |
//! |---|---|
//! | [`workerd`] | starts and stops the gateway and the sandbox in `workerd`; `testkit/workerd/*.capnp` describes them |
//! | [`demo`] | the demo merchants and the demo shop of a fresh system |
//! | [`demo_system`] | both together: what `cargo xtask dev` runs |
//! | [`child_guard`] | child processes that are killed when the parent exits |
//! | [`http`] | a JSON client for loopback |
//! | [`paths`] | where the repository, the pinned npm tools and a browser are |
//! | [`failure`] | errors that say what was being done and what to do now |
//!
//! The gateway in memory is the crate `testkit/runtime`: it needs the gateway, and `cargo xtask` does not.

pub mod child_guard;
pub mod demo;
pub mod demo_system;
pub mod failure;
pub mod http;
pub mod paths;
pub mod workerd;

pub use failure::{Failure, Result};
