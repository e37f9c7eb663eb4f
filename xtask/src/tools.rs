//! The tools, their versions, and where cargo installs them.
//!
//! Three come from crates.io. They are in a cache of the user, one directory
//! for each version, so that a fresh clone finds what an earlier one installed.
//! The others come from npm and are in `node_modules`; `package.json` has their
//! versions.

use std::{env, ffi::OsString, path::PathBuf, process::Command};

use testkit::{Failure, Result, paths};

use crate::step;

/// A program that `cargo install` builds.
pub struct CargoTool {
    /// The package's name on crates.io.
    pub package: &'static str,
    /// The program's name.
    pub program: &'static str,
    /// The exact version.
    pub version: &'static str,
    /// Whether it is compiled with optimisation.
    pub optimised: bool,
}

/// Builds the checkout page. 0.22 needs a newer compiler than `rust-version`.
pub const TRUNK: CargoTool = CargoTool {
    package: "trunk",
    program: "trunk",
    version: "0.21.14",
    optimised: false,
};

/// Must be exactly the version of the crate `wasm-bindgen` in `Cargo.toml`; a test compares them.
pub const WASM_BINDGEN: CargoTool = CargoTool {
    package: "wasm-bindgen-cli",
    program: "wasm-bindgen",
    version: "0.2.129",
    optimised: false,
};

/// Builds the Workers. Must be exactly the version of the crate `worker` in `Cargo.toml`; a test compares them.
pub const WORKER_BUILD: CargoTool = CargoTool {
    package: "worker-build",
    program: "worker-build",
    version: "0.8.7",
    optimised: false,
};

/// The load generator of `cargo xtask bench`, which alone installs it.
pub const OHA: CargoTool = CargoTool {
    package: "oha",
    program: "oha",
    version: "1.16.0",
    optimised: true,
};

/// Those that every command needs, the fastest to build first.
pub const CARGO_TOOLS: [CargoTool; 3] = [WASM_BINDGEN, WORKER_BUILD, TRUNK];

/// The target that the page and the Workers are compiled to.
pub const WASM: &str = "wasm32-unknown-unknown";

/// The directory in which clones share tools: `$XDG_CACHE_HOME/weceive`, or
/// `~/.cache/weceive`.
///
/// # Errors
///
/// Neither `XDG_CACHE_HOME` nor `HOME` is set.
pub fn cache() -> Result<PathBuf> {
    let set = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("XDG_CACHE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("weceive"))
        .ok_or_else(|| {
            Failure::new(
                "find a place for the tools",
                "neither XDG_CACHE_HOME nor HOME is set",
                "set XDG_CACHE_HOME to a directory that may be written",
            )
        })
}

impl CargoTool {
    /// The directory for `cargo install --root`.
    ///
    /// # Errors
    ///
    /// As [`cache`].
    pub fn home(&self) -> Result<PathBuf> {
        Ok(cache()?.join(format!("{}-{}", self.package, self.version)))
    }

    /// The path of the installed program.
    ///
    /// # Errors
    ///
    /// As [`cache`].
    pub fn path(&self) -> Result<PathBuf> {
        Ok(self.home()?.join("bin").join(self.program))
    }
}

/// A command whose `PATH` begins with the pinned tools.
///
/// # Errors
///
/// As [`cache`].
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Result<Command> {
    let mut command = Command::new(program);
    command
        .current_dir(paths::root())
        .env("PATH", path()?)
        // Without these variables, worker-build would download the programs.
        .env("WASM_BINDGEN_BIN", WASM_BINDGEN.path()?)
        .env("WASM_OPT_BIN", paths::npm_program("wasm-opt"))
        .env("ESBUILD_BIN", paths::esbuild()?)
        .env("WRANGLER_SEND_METRICS", "false");
    Ok(command)
}

/// Runs the pinned `wrangler`, with a Node.js that is new enough for it.
///
/// # Errors
///
/// `wrangler` failed.
pub fn wrangler(arguments: &[String]) -> Result<()> {
    step::show(
        "run wrangler",
        command(paths::npm_program("wrangler"))?.args(arguments),
        "see wrangler's message above",
    )
}

/// `PATH`, with the pinned tools first.
fn path() -> Result<OsString> {
    let mut directories = Vec::from_iter(paths::node_directory());
    directories.push(paths::root().join("node_modules/.bin"));
    for tool in &CARGO_TOOLS {
        directories.push(tool.home()?.join("bin"));
    }
    directories.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    env::join_paths(directories).map_err(|error| {
        Failure::new(
            "put the tools on the PATH",
            error,
            "remove the directory with that name from PATH",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The version of a crate in `Cargo.toml`, as in `worker = { version =
    /// "=0.8.7", … }`.
    fn pinned(manifest: &str, name: &str) -> String {
        let line = manifest
            .lines()
            .find(|line| line.split(" = ").next() == Some(name))
            .unwrap_or_else(|| panic!("{name} is not in Cargo.toml"));
        let (_, version) = line.split_once("\"=").expect("an exact version");
        version.split('"').next().unwrap().to_owned()
    }

    #[test]
    fn the_tools_have_the_versions_of_their_crates() {
        let manifest = std::fs::read_to_string(paths::root().join("Cargo.toml")).unwrap();
        assert_eq!(WASM_BINDGEN.version, pinned(&manifest, "wasm-bindgen"));
        assert_eq!(WORKER_BUILD.version, pinned(&manifest, "worker"));
    }

    #[test]
    fn trunk_uses_the_installed_versions() {
        let trunk = std::fs::read_to_string(paths::root().join("Trunk.toml")).unwrap();
        let npm = std::fs::read_to_string(paths::root().join("package.json")).unwrap();
        assert!(trunk.contains(&format!("wasm_bindgen = \"{}\"", WASM_BINDGEN.version)));
        let npm: serde_json::Value = serde_json::from_str(&npm).unwrap();
        let binaryen = npm["devDependencies"]["binaryen"].as_str().unwrap();
        let major = binaryen.split('.').next().unwrap();
        assert!(trunk.contains(&format!("wasm_opt = \"version_{major}\"")));
    }

    #[test]
    fn every_npm_package_is_pinned_without_a_registry_address() {
        let npm = std::fs::read_to_string(paths::root().join("package.json")).unwrap();
        let npm: serde_json::Value = serde_json::from_str(&npm).unwrap();
        for group in ["devDependencies", "optionalDependencies"] {
            for (name, version) in npm[group].as_object().unwrap() {
                let version = version.as_str().unwrap();
                assert!(
                    version.chars().all(|c| c.is_ascii_digit() || c == '.'),
                    "{name} {version}"
                );
            }
        }
        let lock = std::fs::read_to_string(paths::root().join("package-lock.json")).unwrap();
        assert!(!lock.contains("\"resolved\""));
    }
}
