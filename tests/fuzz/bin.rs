//! Fuzzes for a while: what `cargo xtask fuzz` starts.
//!
//! ```text
//! fuzz --seconds N [--seed S] [--target NAME]
//! ```

#![allow(clippy::print_stdout, reason = "it is a program for the terminal")]

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| -> Option<&String> {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    let number = |name: &str| value(name).and_then(|number| number.parse().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = number("--seed").unwrap_or_else(|| now.map_or(2, |now| now.as_secs()));
    let seconds = number("--seconds").unwrap_or(60);
    println!("seed {seed}");
    match tests::fuzz::hunt(value("--target").map(String::as_str), seed, seconds) {
        Ok(inputs) => {
            println!("{inputs} inputs taken");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}
