//! The parts that are built, and where their files are.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use testkit::{Failure, Result, paths};

use crate::{
    build_cache::{Stamp, files_below},
    tools::CargoTool,
};

/// A package that is compiled to WebAssembly.
#[derive(Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// Which of its targets.
    pub selected: &'static str,
}

/// The checkout page, and the page on another host.
pub const APP: Package = Package {
    name: "app",
    selected: "--bins",
};

/// The program of `/tools/sign`.
pub const EXPLAINER: Package = Package {
    name: "explainer",
    selected: "--lib",
};

/// The console.
pub const CONSOLE: Package = Package {
    name: "console",
    selected: "--bins",
};

/// The gateway's Worker.
pub const EDGE: Package = Package {
    name: "edge",
    selected: "--lib",
};

/// The sandbox's Worker.
pub const SANDBOX: Package = Package {
    name: "sandbox",
    selected: "--lib",
};

/// A part that can be built alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The checkout page.
    Page,
    /// The console. Its files are beside the page's, and are named `console…`.
    Console,
    /// The gateway's Worker.
    Edge,
    /// The sandbox's Worker.
    Sandbox,
}

impl Part {
    /// All parts, in the order in which they are built:
    /// trunk empties the directory that the page shares with the console.
    pub const ALL: [Self; 4] = [Self::Page, Self::Console, Self::Edge, Self::Sandbox];

    /// What is compiled for it.
    #[must_use]
    pub fn packages(self) -> &'static [Package] {
        match self {
            Self::Page => &[APP, EXPLAINER],
            Self::Console => &[CONSOLE],
            Self::Edge => &[EDGE],
            Self::Sandbox => &[SANDBOX],
        }
    }

    /// Whether a tool is needed to build it.
    #[must_use]
    pub fn is_built_with(self, tool: &CargoTool) -> bool {
        match tool.package {
            "trunk" => self == Self::Page,
            "worker-build" => matches!(self, Self::Edge | Self::Sandbox),
            _ => true,
        }
    }

    /// The part with this name: `page`, `console`, `edge`, `sandbox`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    /// Its name, which is the name of its crate if it has one.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Console => "console",
            Self::Edge => "edge",
            Self::Sandbox => "sandbox",
        }
    }

    /// The files of it that are sent to a payer or uploaded to Cloudflare.
    #[must_use]
    pub fn files(self) -> Vec<PathBuf> {
        let sent: &[&str] = match self {
            Self::Page => &["html", "css", "js", "wasm"],
            Self::Console => &["html", "css", "js", "wasm", "txt"],
            Self::Edge | Self::Sandbox => &["index.js", "index_bg.wasm"],
        };
        let mut files = files_below(&self.directory());
        files.retain(|file| self.has(file));
        files.retain(|file| sent.iter().any(|end| file.to_string_lossy().ends_with(end)));
        files
    }

    /// The directory in which it is built.
    #[must_use]
    pub fn directory(self) -> PathBuf {
        let root = paths::root();
        match self {
            Self::Page | Self::Console => root.join("dist"),
            Self::Edge | Self::Sandbox => root.join(self.name()).join("build"),
        }
    }

    /// Whether a file of its directory is its own.
    fn has(self, file: &Path) -> bool {
        let name = file.file_name().map(|name| name.to_string_lossy());
        let is_consoles = name.is_some_and(|name| name.starts_with("console"));
        match self {
            Self::Page => !is_consoles,
            Self::Console => is_consoles,
            Self::Edge | Self::Sandbox => true,
        }
    }

    /// The record of the inputs from which it was made.
    ///
    /// # Errors
    ///
    /// An input cannot be read.
    pub fn stamp(self, inputs: &[PathBuf]) -> Result<Stamp> {
        let results = move || {
            let mut files = files_below(&self.directory());
            files.retain(|file| self.has(file));
            files
        };
        Stamp::new(self.beside("stamp")?, results, inputs)
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
