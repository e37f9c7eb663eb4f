//! `cargo xtask native`: the gateway, the sandbox and the command line as one program, with the page inside.

use std::process::Command;

use testkit::{Result, paths};

use crate::{
    build,
    part::{Part, target_directory},
    setup, step,
};

/// The profile of the program: fast rather than small.
const PROFILE: &str = "native";

/// Builds the page and the program, and prints where the program is.
///
/// # Errors
///
/// Something did not compile or link.
pub fn run() -> Result<()> {
    setup::all()?;
    build::run(&[Part::Page])?;
    step::run(
        "compile weceive, some minutes at first",
        Command::new("cargo")
            .args(["build", "--profile", PROFILE, "--package", "weceive"])
            .current_dir(paths::root()),
        "repair what the compiler says above; it needs a C compiler",
    )?;
    let program = target_directory()?.join(PROFILE).join("weceive");
    println!(
        "\n  {program}\n  {program} dev    tries everything on this machine",
        program = paths::shown(&program)
    );
    Ok(())
}
