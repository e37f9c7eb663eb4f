//! Builds the checkout page (`dist/`) and the two Workers (`edge/build/`, `sandbox/build/`).
//!
//! What to recompile is cargo's decision. What follows — bindings, optimising, bundling — is skipped when cargo's
//! result and everything else that goes in are as they were.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use testkit::{demo::wipe, paths};

use crate::{
    Failure, Result,
    build_cache::{Stamp, files_below},
    size, step,
    tools::{self, WASM},
    wasm::{with_short_names, without_names},
};

/// What can be built by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The checkout page.
    Page,
    /// The gateway's Worker.
    Edge,
    /// The sandbox's Worker.
    Sandbox,
}

impl Part {
    /// Everything, in the order in which it is built.
    pub const ALL: [Self; 3] = [Self::Page, Self::Edge, Self::Sandbox];

    /// The part with this name: `page`, `edge`, `sandbox`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    /// Its name, which is its crate's where it has one.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Edge => "edge",
            Self::Sandbox => "sandbox",
        }
    }

    /// What a payer or Cloudflare is sent of it.
    #[must_use]
    pub fn files(self) -> Vec<PathBuf> {
        let sent: &[&str] = match self {
            Self::Page => &["html", "css", "js", "wasm"],
            Self::Edge | Self::Sandbox => &["index.js", "index_bg.wasm"],
        };
        let mut files = files_below(&self.directory());
        files.retain(|file| sent.iter().any(|end| file.to_string_lossy().ends_with(end)));
        files
    }

    /// Where it is built.
    fn directory(self) -> PathBuf {
        let root = paths::root();
        match self {
            Self::Page => root.join("dist"),
            Self::Edge | Self::Sandbox => root.join(self.name()).join("build"),
        }
    }

    fn stamp(self, inputs: &[PathBuf]) -> Result<Stamp> {
        Stamp::new(self.beside("stamp")?, self.directory(), inputs)
    }

    /// A file of ours about this part, beside cargo's own results.
    fn beside(self, extension: &str) -> Result<PathBuf> {
        Ok(target_directory()?
            .join("xtask")
            .join(self.name())
            .with_extension(extension))
    }
}

/// Builds `parts` and prints how big they are.
///
/// # Errors
///
/// Something did not compile or link.
pub fn run(parts: &[Part]) -> Result<()> {
    for part in parts {
        match part {
            Part::Page => page()?,
            Part::Edge | Part::Sandbox => worker(*part)?,
        }
    }
    size::print(parts)
}

/// Builds a Worker.
fn worker(part: Part) -> Result<()> {
    let directory = part.name();
    let inputs = [
        compile(directory, &["--lib"])?,
        paths::root().join(directory).join("Cargo.toml"),
    ];
    let bundle = format!("bundle {directory}");
    if part.stamp(&inputs)?.is_current() {
        step::unchanged(&bundle);
        return Ok(());
    }
    step::run(
        &bundle,
        // Not optimised again: `wasm-opt -Oz` takes twenty seconds to make it larger as it is sent.
        tools::command(tools::WORKER_BUILD.path()?)?.args([directory, "--release", "--no-opt"]),
        "see worker-build's message above",
    )?;
    set_names_aside(part)?;
    part.stamp(&inputs)?.write()
}

/// Takes the functions' names out of a Worker's module, where they are a quarter of what is sent.
///
/// They stay in `target/xtask/ROOM.named.wasm`: a stack trace's `wasm-function[123]` is function 123 there.
fn set_names_aside(part: Part) -> Result<()> {
    let module = part.directory().join("index_bg.wasm");
    let failed = |said: &dyn std::fmt::Display| {
        Failure::new(
            format!("take the names out of {}", paths::shown(&module)),
            said,
            "see whether the disk is full",
        )
    };
    let named = fs::read(&module).map_err(|error| failed(&error))?;
    let nameless =
        without_names(&named).ok_or_else(|| failed(&"it is not a WebAssembly module"))?;
    let kept = part.beside("named.wasm")?;
    kept.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&kept, &named))
        .and_then(|()| fs::write(&module, nameless))
        .map_err(|error| failed(&error))
}

/// Builds the checkout page.
fn page() -> Result<()> {
    let root = paths::root();
    let mut inputs = vec![compile("app", &["--bin", "app"])?, root.join("Trunk.toml")];
    inputs.extend(
        ["app", "public"]
            .iter()
            .flat_map(|directory| files_below(&root.join(directory))),
    );
    // Those are in the compiled module.
    inputs.retain(|path| path.extension().is_none_or(|extension| extension != "rs"));

    if Part::Page.stamp(&inputs)?.is_current() {
        step::unchanged("bundle the page");
        return Ok(());
    }
    // trunk publishes all bindings that it finds here, those of earlier versions of the page too.
    wipe(&target_directory()?.join("wasm-bindgen"))?;
    step::run(
        "bundle the page",
        tools::command(tools::TRUNK.path()?)?.args(["build", "--release", "--offline"]),
        "see trunk's message above",
    )?;
    shorten_names()?;
    minify(&Part::Page.directory())?;
    Part::Page.stamp(&inputs)?.write()
}

/// Gives short names to what the page's module and its script have of each other, in place.
fn shorten_names() -> Result<()> {
    let failed = |said: &dyn std::fmt::Display| {
        Failure::new(
            "shorten the names between the page's module and its script",
            said,
            "see whether a new wasm-bindgen writes another form",
        )
    };
    let files = Part::Page.files();
    let ending = |end: &str| files.iter().find(|f| f.to_string_lossy().ends_with(end));
    let Some(module) = ending("_bg.wasm") else {
        return Err(failed(&"there is no module"));
    };
    let script = PathBuf::from(module.to_string_lossy().replace("_bg.wasm", ".js"));
    let read = fs::read(module).and_then(|bytes| Ok((bytes, fs::read_to_string(&script)?)));
    let (bytes, text) = read.map_err(|error| failed(&error))?;
    let (bytes, text) =
        with_short_names(&bytes, &text).ok_or_else(|| failed(&"an unknown form"))?;
    fs::write(module, bytes)
        .and_then(|()| fs::write(&script, text))
        .map_err(|error| failed(&error))
}

/// Makes the page's JavaScript and CSS small, in place.
///
/// Their names say which content they had before this, which is as good: the same content is minified to the same.
fn minify(dist: &Path) -> Result<()> {
    let mut files = files_below(dist);
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "js" || extension == "css")
    });
    step::run(
        "minify the page",
        tools::command(paths::esbuild()?)?
            .args(&files)
            .args([
                "--minify",
                "--allow-overwrite",
                "--charset=utf8",
                "--log-level=warning",
            ])
            .arg(format!("--outdir={}", dist.display()))
            .arg(format!("--outbase={}", dist.display())),
        "see esbuild's message above",
    )?;
    Ok(())
}

/// Compiles a package to WebAssembly, as trunk and worker-build will ask for it; returns where the module is.
fn compile(package: &str, selected: &[&str]) -> Result<PathBuf> {
    step::run(
        &format!("compile {package}"),
        Command::new("cargo")
            .args(["build", "--release", "--target", WASM, "--package", package])
            .args(selected)
            .current_dir(paths::root()),
        "repair what the compiler says above",
    )?;
    Ok(target_directory()?
        .join(WASM)
        .join("release")
        .join(package)
        .with_extension("wasm"))
}

/// Where cargo puts its results.
///
/// # Errors
///
/// `cargo metadata` failed: a `Cargo.toml` cannot be read.
pub fn target_directory() -> Result<PathBuf> {
    let failed = |said: &dyn std::fmt::Display| {
        Failure::new(
            "ask cargo for its target directory",
            said,
            "run `cargo metadata --no-deps` to see more",
        )
    };
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(paths::root())
        .output()
        .map_err(|error| failed(&error))?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| failed(&String::from_utf8_lossy(&output.stderr)))?;
    metadata
        .get("target_directory")
        .and_then(Value::as_str)
        .map(PathBuf::from)
        .ok_or_else(|| failed(&"it names none"))
}
