//! `cargo xtask fuzz`: the parsers of external input, given malformed bytes (`docs/fuzzing.md`).

use std::process::Command;

use testkit::{Result, paths};

use crate::step;

/// What to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Decides the inputs; another each time where nothing is said.
    pub seed: Option<u64>,
    /// How long; a minute where nothing is said.
    pub seconds: Option<u64>,
}

/// Fuzzes every target in turn.
///
/// # Errors
///
/// A target did not take an input, which has been shown.
pub fn run(options: Options) -> Result<()> {
    let mut command = Command::new("cargo");
    command.current_dir(paths::root());
    command.args(["run", "--quiet", "--profile", "simulate"]);
    command.args(["--package", "tests", "--bin", "fuzz", "--"]);
    command.args(arguments(options));
    step::show(
        "fuzz",
        &mut command,
        "the input above broke its target: keep it in fuzz/corpus, and mend the reader",
    )
}

fn arguments(options: Options) -> Vec<String> {
    [("--seed", options.seed), ("--seconds", options.seconds)]
        .into_iter()
        .filter_map(|(name, value)| Some([name.to_owned(), value?.to_string()]))
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_run() {
        let run = |seed, seconds| arguments(Options { seed, seconds }).join(" ");
        assert_eq!(run(None, None), "");
        assert_eq!(run(Some(7), Some(600)), "--seed 7 --seconds 600");
    }
}
