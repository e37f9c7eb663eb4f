//! `cargo xtask bench`: the program of the crate `bench` (`docs/bench.md`).

use std::process::Command;

use testkit::{Result, paths};

use crate::step;

/// Runs the benchmarks with these arguments.
///
/// # Errors
///
/// The program cannot be compiled, or a measurement failed; its own message has
/// been printed.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut command = Command::new("cargo");
    command
        .current_dir(paths::root())
        // The load and the stub are optimised, so that they take little of the
        // time that is measured.
        .args(["run", "--quiet", "--profile", "simulate"])
        .args(["--package", "bench", "--"])
        .args(arguments);
    step::show("measure", &mut command, "see the message above")
}
