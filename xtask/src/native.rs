//! `cargo xtask native`: the gateway, the sandbox and the command line as one program, with the page inside.

use std::{path::PathBuf, process::Command};

use testkit::{Result, paths};

use crate::{
    build,
    part::{Part, target_directory},
    setup, step,
};

/// The profile of the program: fast rather than small.
const PROFILE: &str = "native";

/// What to do where a static program does not compile.
const MUSL: &str = "repair what the compiler says above; it needs a C compiler for musl (Debian: `apt-get install musl-tools`)";

/// The target of a program that needs no library of the machine.
const STATIC: &str = "x86_64-unknown-linux-musl";

/// Builds the page, the console and the program, and prints where the program is. A static one runs on every Linux machine with this
/// processor, and in an image without anything else.
///
/// # Errors
///
/// Something did not compile or link.
pub fn run(is_static: bool) -> Result<()> {
    build::run(&[Part::Page, Part::Console])?;
    build(is_static)?;
    println!(
        "\n  {program}\n  {program} dev    tries everything on this machine",
        program = paths::shown(&program(is_static)?)
    );
    Ok(())
}

/// The path of the program, whether or not it is built.
///
/// # Errors
///
/// As [`target_directory`].
pub fn program(is_static: bool) -> Result<PathBuf> {
    let mut directory = target_directory()?;
    if is_static {
        directory.push(STATIC);
    }
    Ok(directory.join(PROFILE).join("weceive"))
}

/// Builds the static program without optimisation; returns its path.
///
/// # Errors
///
/// Something did not compile or link.
pub fn build_for_trial() -> Result<PathBuf> {
    setup::target(STATIC)?;
    step::run(
        "compile weceive for the image, some minutes at first",
        Command::new("cargo")
            .args(["build", "--package", "weceive", "--target", STATIC])
            .current_dir(paths::root()),
        MUSL,
    )?;
    Ok(target_directory()?.join(STATIC).join("debug/weceive"))
}

/// Builds the program alone; the page and the console must be built.
///
/// # Errors
///
/// Something did not compile or link.
pub fn build(is_static: bool) -> Result<()> {
    let mut command = Command::new("cargo");
    command
        .args(["build", "--profile", PROFILE, "--package", "weceive"])
        .current_dir(paths::root());
    let mut advice = "repair what the compiler says above; it needs a C compiler";
    if is_static {
        setup::target(STATIC)?;
        command.args(["--target", STATIC]);
        advice = MUSL;
    }
    step::run(
        "compile weceive, some minutes at first",
        &mut command,
        advice,
    )?;
    Ok(())
}
