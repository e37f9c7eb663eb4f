//! Compiles crates to WebAssembly, and binds them to their scripts.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use testkit::{Failure, Result, paths};

use crate::{
    lean::without_messages,
    part::{Package, Part, target_directory},
    step,
    tools::{self, WASM},
};

/// What the oldest supported browsers have.
pub(crate) const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-multivalue",
];

/// Compiles a package to WebAssembly with the options that trunk and
/// worker-build use; returns the path of the module.
pub(crate) fn compile(package: &Package) -> Result<PathBuf> {
    step::run(
        &format!("compile {}", package.name),
        Command::new("cargo")
            .args(["build", "--release", "--target", WASM])
            .args(["--package", package.name, package.selected])
            .current_dir(paths::root()),
        "repair what the compiler says above",
    )?;
    Ok(target_directory()?
        .join(WASM)
        .join("release")
        .join(package.name)
        .with_extension("wasm"))
}

/// Binds a module to its script, without what no browser uses
/// ([`lean`](crate::lean)). Returns the directory with `NAME_bg.wasm` and
/// `NAME.js`.
pub(crate) fn bind(part: Part, name: &str, compiled: &Path) -> Result<PathBuf> {
    let failed = |said: &dyn std::fmt::Display| {
        Failure::new(
            format!("leave out of {name} what no browser uses"),
            said,
            "see whether the compiler names functions in another way",
        )
    };
    let directory = part.beside("lean")?;
    let input = directory.join(name).with_extension("wasm");
    let whole = fs::read(compiled).map_err(|error| failed(&error))?;
    let lean = without_messages(&whole).ok_or_else(|| failed(&"an unknown form"))?;
    fs::create_dir_all(&directory)
        .and_then(|()| fs::write(&input, lean))
        .map_err(|error| failed(&error))?;
    step::run(
        &format!("bind {name} to its script"),
        tools::command(tools::WASM_BINDGEN.path()?)?
            .args(["--target=web", "--no-typescript"])
            .arg(format!("--out-name={name}"))
            .arg(format!("--out-dir={}", directory.display()))
            .arg(&input),
        "see wasm-bindgen's message above",
    )?;
    Ok(directory)
}
