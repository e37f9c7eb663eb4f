//! The parts that are built, and where their files are.

use std::{path::PathBuf, process::Command};

use serde_json::Value;
use testkit::{Failure, Result, paths};

use crate::build_cache::{Stamp, files_below};

/// A part that can be built alone.
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
    /// All parts, in the order in which they are built.
    pub const ALL: [Self; 3] = [Self::Page, Self::Edge, Self::Sandbox];

    /// The part with this name: `page`, `edge`, `sandbox`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    /// Its name, which is the name of its crate if it has one.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Edge => "edge",
            Self::Sandbox => "sandbox",
        }
    }

    /// The files of it that are sent to a payer or uploaded to Cloudflare.
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

    /// The directory in which it is built.
    #[must_use]
    pub fn directory(self) -> PathBuf {
        let root = paths::root();
        match self {
            Self::Page => root.join("dist"),
            Self::Edge | Self::Sandbox => root.join(self.name()).join("build"),
        }
    }

    /// The record of the inputs from which it was made.
    ///
    /// # Errors
    ///
    /// An input cannot be read.
    pub fn stamp(self, inputs: &[PathBuf]) -> Result<Stamp> {
        Stamp::new(self.beside("stamp")?, self.directory(), inputs)
    }

    /// Our own file about this part, next to cargo's results.
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

/// The directory of cargo's results.
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
