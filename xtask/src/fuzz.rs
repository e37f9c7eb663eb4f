//! `cargo xtask fuzz`: gives malformed bytes to the parsers of external input
//! (`docs/fuzzing.md`).

use std::process::Command;

use testkit::{Result, paths};

use crate::step;

/// The options of the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The seed that decides the inputs. Without it, every run chooses another
    /// one.
    pub seed: Option<u64>,
    /// The duration in seconds; a minute by default.
    pub seconds: Option<u64>,
}

/// Fuzzes every target, one after the other.
///
/// # Errors
///
/// A target panicked on an input, which has been printed.
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
    fn the_options_become_arguments_of_the_test() {
        let run = |seed, seconds| arguments(Options { seed, seconds }).join(" ");
        assert_eq!(run(None, None), "");
        assert_eq!(run(Some(7), Some(600)), "--seed 7 --seconds 600");
    }
}
