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
        .args(["run", "--quiet", "--package", "bench", "--"])
        .args(arguments);
    step::show("measure", &mut command, "see the message above")
}
