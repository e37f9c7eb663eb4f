//! Every parser that the network reaches, given malformed bytes.
//!
//! A *target* is a function of bytes that must not panic, and that asserts
//! invariants (a round trip, no `INTERNAL`). The same targets run
//!
//! * in the test command: every input of the corpus, and a fixed number that a
//!   seed makes from them at random;
//! * for any time with `cargo xtask fuzz` ([`hunt`]);
//! * under libFuzzer with `cargo +nightly fuzz run TARGET`, from `fuzz/`.
//!
//! | file | target |
//! |---|---|
//! | `wire.rs` | messages of WeChat and browsers, by their own readers |
//! | `door.rs` | requests to the whole gateway, and WeChat's answers to its own |
//! | `refold.rs` | documents that share one signature |
//! | `mutate.rs` | inputs made from inputs |

mod door;
mod mutate;
mod refold;
mod wire;

use memory_runtime::random::Random;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// One target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// Runs an input, and panics if an invariant is broken.
    pub run: fn(&[u8]),
    /// How many random inputs the test command makes.
    pub tries: u64,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    target("v2_xml", wire::v2_xml, 1_500),
    target("v2_notice", wire::v2_notice, 300),
    target("refold", refold::refold, 3_000),
    target("v2_bill", wire::v2_bill, 500),
    target("v3_json", wire::v3_json, 1_500),
    target("v3_notice", wire::v3_notice, 150),
    target("v3_signature", wire::v3_signature, 1_500),
    target("v3_certificates", wire::v3_certificates, 250),
    target("pem", wire::pem, 500),
    target("ionline", wire::ionline, 600),
    target("oauth", wire::oauth, 1_500),
    target("payer", wire::payer, 600),
    target("times", wire::times, 1_500),
    target("api", door::request, 25),
    target("pages", door::request, 25),
    target("notify", door::request, 25),
    target("admin", door::request, 15),
    target("answers_v2", door::answers_v2, 12),
    target("answers_v3", door::answers_v3, 6),
    target("answers_ionline", door::answers_ionline, 6),
];

const fn target(name: &'static str, run: fn(&[u8]), tries: u64) -> Target {
    Target { name, run, tries }
}

/// The longest input that is made: one byte more than any reader accepts.
const LONGEST: usize = 64 * 1024 + 1;

impl Target {
    /// The target with this name.
    pub fn named(name: &str) -> Option<Self> {
        TARGETS.iter().copied().find(|target| target.name == name)
    }

    /// The stored inputs, by name.
    pub fn corpus(self) -> Vec<(String, Vec<u8>)> {
        let directory = root().join("fuzz/corpus").join(self.name);
        let mut inputs: Vec<(String, Vec<u8>)> = fs::read_dir(&directory)
            .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
            .map(|entry| {
                let path = entry.expect("an entry").path();
                let name = path.file_name().expect("a name").to_string_lossy();
                (name.into_owned(), fs::read(&path).expect("an input"))
            })
            .collect();
        inputs.sort();
        inputs
    }

    /// The gateway's status for each input of the corpus, for the targets that
    /// are requests.
    pub fn statuses(self) -> Vec<(String, Option<u16>)> {
        let answer = |input: &[u8]| door::answer(input).map(|answer| answer.status().as_u16());
        let corpus = self.corpus().into_iter();
        corpus.map(|(name, input)| (name, answer(&input))).collect()
    }

    /// Runs every input of the corpus.
    pub fn replay(self) -> Result<usize, String> {
        let corpus = self.corpus();
        for (name, input) in &corpus {
            self.take(input, &format!("the corpus's {name}"))?;
        }
        Ok(corpus.len())
    }

    /// Runs random inputs until `enough` says so; returns how many.
    pub fn hunt(self, seed: u64, enough: impl Fn(u64) -> bool) -> Result<u64, String> {
        let corpus: Vec<Vec<u8>> = self.corpus().into_iter().map(|(_, input)| input).collect();
        let random = Random::of(seed, 7);
        let mut n = 0;
        while !enough(n) {
            let mut input = mutate::one(&random, &corpus);
            input.truncate(LONGEST);
            self.take(&input, &format!("input {n} of seed {seed}"))?;
            n += 1;
        }
        Ok(n)
    }

    fn take(self, input: &[u8], which: &str) -> Result<(), String> {
        panic::catch_unwind(AssertUnwindSafe(|| (self.run)(input))).map_err(|_| {
            let text = input.escape_ascii();
            format!("{} does not take {which}:\n{text}", self.name)
        })
    }
}

/// Runs all targets, or one, for a second each in turn, until the time is over.
///
/// # Errors
///
/// The input that broke an invariant.
pub fn hunt(name: Option<&str>, seed: u64, seconds: u64) -> Result<u64, String> {
    let targets: Vec<Target> = match name {
        Some(name) => vec![Target::named(name).ok_or(format!("there is no target {name}"))?],
        None => TARGETS.to_vec(),
    };
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut inputs = 0;
    for round in 0.. {
        for target in &targets {
            if Instant::now() >= until {
                return Ok(inputs);
            }
            let turn = (Instant::now() + Duration::from_secs(1)).min(until);
            inputs += target.hunt(seed + round, |_| Instant::now() >= turn)?;
        }
    }
    Ok(inputs)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
