//! What is built, and where it lies.

use std::{path::PathBuf, process::Command};

use serde_json::Value;
use testkit::{Failure, Result, paths};

use crate::build_cache::{Stamp, files_below};

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
    #[must_use]
    pub fn directory(self) -> PathBuf {
        let root = paths::root();
        match self {
            Self::Page => root.join("dist"),
            Self::Edge | Self::Sandbox => root.join(self.name()).join("build"),
        }
    }

    /// What it was made of, remembered.
    ///
    /// # Errors
    ///
    /// An input cannot be read.
    pub fn stamp(self, inputs: &[PathBuf]) -> Result<Stamp> {
        Stamp::new(self.beside("stamp")?, self.directory(), inputs)
    }

    /// A file of ours about this part, beside cargo's own results.
    ///
    /// # Errors
    ///
    /// As [`target_directory`].
    pub fn beside(self, extension: &str) -> Result<PathBuf> {
        Ok(target_directory()?
            .join("xtask")
            .join(self.name())
            .with_extension(extension))
    }
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
