//! Kills the real gateway under load: what `cargo xtask crash` starts.
//!
//! ```text
//! crash --seed N --seconds M
//! ```

#![allow(clippy::print_stdout, reason = "it is a program for the terminal")]

use std::process::ExitCode;
use tests::crash::{self, Options};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| -> Option<u64> {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse().ok()
    };
    let options = Options {
        seed: number("--seed").unwrap_or(1),
        seconds: number("--seconds").unwrap_or(60),
    };
    println!("seed {}, {} s of crashes", options.seed, options.seconds);
    match crash::run("crash", options) {
        Ok(total) => {
            println!("it holds: {total}");
            ExitCode::SUCCESS
        }
        Err(broken) => {
            println!("{}", broken.join("\n"));
            ExitCode::FAILURE
        }
    }
}
