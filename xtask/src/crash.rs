//! `cargo xtask crash`: the real gateway, killed under load (`docs/crash-testing.md`).

use std::process::Command;

use testkit::{Result, paths};

use crate::{build, part::Part, step};

/// The duration when the command line names none.
const SECONDS: u64 = 60;

/// The options of the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The seed that decides what the clients do.
    pub seed: Option<u64>,
    /// How long the gateway is loaded and killed, in seconds.
    pub seconds: Option<u64>,
}

/// Kills the gateway under load, and compares WeChat's records with the
/// gateway's.
///
/// # Errors
///
/// An invariant was broken; which one has been printed.
pub fn run(options: Options) -> Result<()> {
    build::run(&Part::ALL)?;
    let mut command = Command::new("cargo");
    command.current_dir(paths::root());
    command.args([
        "run",
        "--quiet",
        "--package",
        "tests",
        "--bin",
        "crash",
        "--",
    ]);
    command.args(arguments(options));
    step::show(
        "kill the gateway under load",
        &mut command,
        "each line above is something that did not hold",
    )
}

fn arguments(options: Options) -> [String; 4] {
    let seed = options.seed.unwrap_or(1).to_string();
    let seconds = options.seconds.unwrap_or(SECONDS).to_string();
    ["--seed".to_owned(), seed, "--seconds".to_owned(), seconds]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_become_arguments_of_the_test() {
        let run = |seed, seconds| arguments(Options { seed, seconds }).join(" ");
        assert_eq!(run(None, None), "--seed 1 --seconds 60");
        assert_eq!(run(Some(7), Some(600)), "--seed 7 --seconds 600");
    }
}
