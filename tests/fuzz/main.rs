//! Every fuzz target runs its corpus, and inputs made from it at random, the
//! same in every run.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it should be"
)]

use std::fs;
use std::path::Path;
use tests::fuzz::{TARGETS, Target};

/// The seed of the test command; `cargo xtask fuzz` begins with others.
const SEED: u64 = 1;

#[test]
fn every_target_runs_its_corpus() {
    for target in TARGETS {
        let inputs = target
            .replay()
            .unwrap_or_else(|failure| panic!("{failure}"));
        assert!(inputs >= 2, "{} has hardly a corpus", target.name);
    }
}

/// An input that the first check refuses tests nothing after it.
#[test]
fn requests_of_the_corpus_pass_authentication() {
    for (name, well) in [("api", 13), ("pages", 8), ("notify", 4), ("admin", 7)] {
        let statuses = Target::named(name).unwrap().statuses();
        for (input, status) in &statuses {
            let status = status.unwrap_or_else(|| panic!("{name}'s {input} is no request"));
            // An alarm that was not raised is not found.
            let is_found = status != 404 || (name, input.as_str()) == ("admin", "alarms");
            // Deliberately signed wrongly.
            let is_let_in = status != 401 || (name, input.as_str()) == ("notify", "v3");
            assert!(is_found && is_let_in, "{name}'s {input}: {status}");
        }
        let good = |status: Option<u16>| status.is_some_and(|status| status < 400);
        let ends_well = statuses.iter().filter(|(_, status)| good(*status)).count();
        assert!(ends_well >= well, "{name}: {statuses:?}");
        if name == "notify" {
            // Signed, and about an unknown or unconfirmed payment.
            let compared = statuses.iter().filter(|(_, status)| *status == Some(409));
            assert!(compared.count() >= 2, "{statuses:?}");
        }
    }
}

#[test]
fn every_target_runs_random_inputs() {
    std::thread::scope(|scope| {
        // One thread per core of a machine with two.
        for half in 0..2 {
            scope.spawn(move || {
                for target in TARGETS.iter().skip(half).step_by(2) {
                    let tried = target.hunt(SEED, |n| n >= target.tries);
                    tried.unwrap_or_else(|failure| panic!("{failure}"));
                }
            });
        }
    });
}

/// A target that is missing in one of the two lists would not be run
/// everywhere; and a corpus is to be used, not only stored.
#[test]
fn targets_corpora_and_libfuzzers_list_are_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let mut bytes = 0;
    for target in TARGETS {
        let name = target.name;
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        let source = fs::read_to_string(root.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(source.contains(&format!("\"{name}\"")), "{name}");
        bytes += target
            .corpus()
            .iter()
            .map(|(_, input)| input.len())
            .sum::<usize>();
    }
    let document = fs::read_to_string(root.join("../docs/fuzzing.md")).unwrap();
    for target in TARGETS {
        let row = format!("`{}`", target.name);
        assert!(document.contains(&row), "docs/fuzzing.md lacks {row}");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
    assert_eq!(
        fs::read_dir(root.join("corpus")).unwrap().count(),
        TARGETS.len()
    );
    assert!(bytes < 128 * 1024, "{bytes} bytes of corpora");
}

/// A failure prints its input, which is the same each time.
#[test]
fn a_target_that_breaks_shows_its_input() {
    let target = Target {
        run: |input| assert!(!input.starts_with(b"<xml>") || !input.ends_with(&[0xff])),
        ..Target::named("v2_xml").unwrap()
    };
    let shown = || target.hunt(SEED, |n| n >= 200_000).unwrap_err();
    assert!(shown().ends_with("\\xff"), "{}", shown());
    assert_eq!(shown(), shown());
}
