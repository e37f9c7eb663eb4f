//! `cargo xtask simulate`: the whole system under simulation (`docs/simulation.md`).
//!
//! With `--mutants` it makes known mistakes in a copy of the sources, one by
//! one, and checks that the simulation finds each.

pub mod mutants;
pub mod pattern;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use testkit::{Failure, Result, paths};

use crate::{build_cache, part, step};
use mutants::{Change, MUTANTS, Mutant};
use pattern::{Source, has_tokens};

/// The number of seeds when the command line names none.
const SEEDS: u64 = 10_000;

/// The number of seeds within which a mistake must be found.
const SEEDS_FOR_A_MUTANT: u64 = 30_000;

/// Directories that are not copied.
const NOT_SOURCES: [&str; 5] = ["target", "node_modules", ".git", "build", "dist"];

/// The options of the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The first seed. Without `seeds` it is the only one, and its events are
    /// printed.
    pub seed: Option<u64>,
    /// The number of seeds.
    pub seeds: Option<u64>,
}

/// Runs seeds, or one seed.
///
/// # Errors
///
/// A seed broke an invariant; its history has been printed.
pub fn run(options: Options) -> Result<()> {
    let mut command = cargo(paths::root());
    command.args(["run", "--quiet", "--profile", "simulate"]);
    command.args(["--package", "simulation", "--bin", "simulate", "--"]);
    command.args(arguments(options));
    step::show(
        "simulate",
        &mut command,
        "read the history above: it ends with what is broken",
    )
}

/// Visits every state of the model of an order (`order/tests/model/`), within
/// larger bounds than the tests have time for.
///
/// # Errors
///
/// A rule is broken; the steps that led there have been printed.
pub fn explore() -> Result<()> {
    let mut command = cargo(paths::root());
    command.args(["test", "--quiet", "--profile", "simulate"]);
    command.args(["--package", "order", "--test", "model"]);
    command.args(["--", "--nocapture"]);
    command.env("WECEIVE_EXPLORE_WIDER", "1");
    step::show(
        "explore",
        &mut command,
        "read the story above: its last line names the rule that is broken",
    )
}

fn arguments(options: Options) -> Vec<String> {
    let seeds = match options {
        Options {
            seed: None,
            seeds: None,
        } => Some(SEEDS),
        Options { seeds, .. } => seeds,
    };
    [("--seed", options.seed), ("--seeds", seeds)]
        .into_iter()
        .filter_map(|(name, value)| Some([name.to_owned(), value?.to_string()]))
        .flatten()
        .collect()
}

/// Makes each mistake whose name contains `filter`, and runs seeds until one of
/// them fails. Prints a table.
///
/// # Errors
///
/// No seed found a mistake, a mistake does not compile, or its pattern does not
/// fit the sources; or a seed fails without any mistake.
pub fn mutants(filter: &str) -> Result<()> {
    let place = part::target_directory()?.join("mutants");
    let sources = place.join("sources");
    copy(paths::root(), &sources)?;
    let binary = compile(&sources, &place, "the sources as they are")?;
    let (held, said) = seeds(&binary, 2_000)?;
    if !held {
        println!("{said}");
        return Err(Failure::new(
            "begin with sources that hold",
            "a seed fails without any mistake made",
            "repair that first: `cargo xtask simulate`",
        ));
    }
    println!("| mistake | invariant | after seeds |\n|---|---|---|");
    let mut missed = Vec::new();
    for mutant in MUTANTS.iter().filter(|mutant| mutant.name.contains(filter)) {
        apply(mutant, &sources)?;
        let binary = compile(&sources, &place, mutant.name);
        let caught = binary.and_then(|binary| seeds(&binary, SEEDS_FOR_A_MUTANT));
        copy(paths::root(), &sources)?;
        let (_, said) = caught?;
        let caught = said.lines().find_map(|line| line.strip_prefix("CAUGHT "));
        let Some(caught) = caught else {
            println!(
                "| {} | none | not within {SEEDS_FOR_A_MUTANT} |",
                mutant.name
            );
            missed.push(mutant.name);
            continue;
        };
        let of = |name: &str| {
            let word = caught.split(' ').find_map(|word| word.strip_prefix(name));
            word.unwrap_or_default().to_owned()
        };
        println!(
            "| {} | {} | {} |",
            mutant.name,
            of("invariant="),
            of("seeds=")
        );
    }
    match missed[..] {
        [] => Ok(()),
        _ => Err(Failure::new(
            "catch every mistake",
            format!("not caught: {}", missed.join("; ")),
            "the simulation must learn to see it",
        )),
    }
}

/// The file below `root` that a change concerns, and its text after the change.
///
/// # Errors
///
/// The pattern does not fit exactly once in its crate.
pub fn changed(root: &Path, change: &Change) -> Result<(PathBuf, String)> {
    let mut places = Vec::new();
    for path in build_cache::files_below(&root.join(change.directory).join("src")) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        if !has_tokens(&text, change.find) {
            continue;
        }
        let found = Source::new(&text).find(change.find);
        let changed: Vec<String> = found
            .iter()
            .map(|found| found.replaced(&text, change.replace))
            .collect();
        places.extend(changed.into_iter().map(|text| (path.clone(), text)));
    }
    match <[_; 1]>::try_from(places) {
        Ok([place]) => Ok(place),
        Err(places) => Err(Failure::new(
            "make a mistake on purpose",
            format!(
                "fits {} times in {}/src: {}",
                places.len(),
                change.directory,
                change.find
            ),
            "change the pattern in xtask/src/simulate/mutants.rs to what the sources say now",
        )),
    }
}

fn apply(mutant: &Mutant, sources: &Path) -> Result<()> {
    for change in mutant.changes {
        let (path, text) = changed(sources, change)?;
        write(&path, &text)?;
    }
    Ok(())
}

fn compile(sources: &Path, place: &Path, what: &str) -> Result<PathBuf> {
    let target = place.join("target");
    let mut command = cargo(sources);
    command.args(["build", "--quiet", "--profile", "simulate"]);
    command.args(["--package", "simulation", "--bin", "simulate"]);
    command.arg("--target-dir").arg(&target);
    // Many small codegen units: a mistake changes few of them, and only those
    // are compiled again.
    command.env("CARGO_PROFILE_SIMULATE_CODEGEN_UNITS", "256");
    step::run(
        &format!("compile: {what}"),
        &mut command,
        "see the compiler's message above",
    )?;
    Ok(target.join("simulate/simulate"))
}

/// Runs seeds: whether all passed, and what the program printed.
fn seeds(binary: &Path, seeds: u64) -> Result<(bool, String)> {
    let mut command = Command::new(binary);
    command.args(["--seed", "0", "--seeds", &seeds.to_string()]);
    let output = command.output().map_err(|error| not_read(binary, &error))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((output.status.success(), said))
}

/// Copies only the files that differ, so that cargo compiles only those again.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(|error| not_read(to, &error))?;
    for entry in fs::read_dir(from).map_err(|error| not_read(from, &error))? {
        let path = entry.map_err(|error| not_read(from, &error))?.path();
        let Some(name) = path.file_name() else {
            continue;
        };
        let copied = to.join(name);
        if path.is_dir() {
            if !NOT_SOURCES.iter().any(|not| name == *not) {
                copy(&path, &copied)?;
            }
            continue;
        }
        let bytes = fs::read(&path).map_err(|error| not_read(&path, &error))?;
        if fs::read(&copied).ok().as_ref() != Some(&bytes) {
            fs::write(&copied, bytes).map_err(|error| not_read(&copied, &error))?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| not_read(path, &error))
}

fn not_read(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        format!("work with {}", paths::shown(path)),
        error,
        "see that it is there and may be written",
    )
}

fn cargo(directory: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(directory);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_fits_the_sources() {
        let mut wrong = Vec::new();
        for mutant in MUTANTS {
            for change in mutant.changes {
                match changed(paths::root(), change) {
                    Ok((path, text)) => assert_ne!(fs::read_to_string(path).unwrap(), text),
                    Err(failure) => wrong.push(format!("{}: {failure}", mutant.name)),
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    }

    #[test]
    fn the_options_become_arguments_of_the_test() {
        let run = |seed, seeds| arguments(Options { seed, seeds }).join(" ");
        assert_eq!(run(None, None), "--seeds 10000");
        assert_eq!(run(Some(7), None), "--seed 7");
        assert_eq!(run(Some(7), Some(3)), "--seed 7 --seeds 3");
    }
}
