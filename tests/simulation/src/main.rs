//! Runs seeds of the simulation; `cargo xtask simulate` starts this program.
//!
//! ```text
//! simulate --seed N              this seed, with its history
//! simulate --seed N --seeds M    M seeds from this one on, on every core
//! ```

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "it is a program for the terminal"
)]

use simulation::Total;
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| -> Option<u64> {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse().ok()
    };
    let first = number("--seed").unwrap_or(0);
    let Some(seeds) = number("--seeds") else {
        return one(first);
    };
    let began = Instant::now();
    let mut shown = Instant::now();
    let progress = |total: &Total| {
        if shown.elapsed() > Duration::from_secs(5) {
            shown = Instant::now();
            println!("  {}", total.in_words(began.elapsed()));
        }
    };
    match simulation::run_many(first..first + seeds, progress) {
        Ok(total) => {
            println!("{}", total.in_words(began.elapsed()));
            ExitCode::SUCCESS
        }
        Err((_, failure)) => {
            println!("{failure}");
            println!(
                "CAUGHT invariant={} seed={} seeds={}",
                failure.broken.invariant,
                failure.seed,
                failure.seed - first + 1
            );
            ExitCode::FAILURE
        }
    }
}

fn one(seed: u64) -> ExitCode {
    match simulation::run_with_history(seed) {
        Ok(summary) => {
            println!("{}", summary.history.join("\n"));
            println!(
                "seed {seed} holds: {} orders, {} paid, {} refunds, {} steps in {} s of its time",
                summary.orders,
                summary.paid,
                summary.refunds,
                summary.steps,
                summary.elapsed_ms / 1000
            );
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}
