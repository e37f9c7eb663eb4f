//! The program of `cargo xtask bench`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let options = bench::Options {
        quick: has("--quick"),
        only_page: has("--page"),
        only_load: has("--load"),
        only_profile: has("--profile"),
    };
    match bench::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n✗ {failure}");
            ExitCode::FAILURE
        }
    }
}
