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

/// The target of a program that needs no library of the machine.
const STATIC: &str = "x86_64-unknown-linux-musl";

/// Builds the page, the console and the program, and prints where the program is. A static one runs on every Linux machine with this
/// processor, and in an image without anything else.
///
/// # Errors
///
/// Something did not compile or link.
pub fn run(is_static: bool) -> Result<()> {
    setup::all()?;
    build::run(&[Part::Page, Part::Console])?;
    let mut command = Command::new("cargo");
    command
        .args(["build", "--profile", PROFILE, "--package", "weceive"])
        .current_dir(paths::root());
    let mut directory = target_directory()?;
    let mut advice = "repair what the compiler says above; it needs a C compiler";
    if is_static {
        setup::target(STATIC)?;
        command.args(["--target", STATIC]);
        directory.push(STATIC);
        advice = "repair what the compiler says above; it needs a C compiler for musl (Debian: `apt-get install musl-tools`)";
    }
    step::run(
        "compile weceive, some minutes at first",
        &mut command,
        advice,
    )?;
    let program = directory.join(PROFILE).join("weceive");
    println!(
        "\n  {program}\n  {program} dev    tries everything on this machine",
        program = paths::shown(&program)
    );
    Ok(())
}
