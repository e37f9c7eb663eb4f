//! Starts the system on one machine, for `cargo xtask dev`, the tests and the benchmarks alike.
//!
//! | file | what it does |
//! |---|---|
//! | [`workerd`] | starts and stops the gateway and the sandbox in `workerd`; `testkit/workerd/*.capnp` describes them |
//! | [`native`] | the native program in its place |
//! | [`demo_system`] | the same with the demo merchants: what `cargo xtask dev` runs |
//! | [`child_guard`] | child processes that are killed when the parent exits |
//! | [`paths`] | where the repository, the pinned npm tools and a browser are |
//!
//! The merchants, a JSON client for loopback and the errors are of the crate `demo`, which `weceive dev` uses too.
//! The gateway in memory is the crate `testkit/runtime`: it needs the gateway, and `cargo xtask` does not.

pub mod child_guard;
pub mod demo_system;
pub mod native;
pub mod paths;
pub mod workerd;

pub use demo::{self, Failure, Result, http};
