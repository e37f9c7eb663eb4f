//! Installs what is missing: the WebAssembly target, the npm tools, the cargo
//! tools, a browser.

use std::{env, fs, path::PathBuf, process::Command, thread};

use testkit::{
    Failure, Result,
    paths::{self, Browser},
};

use crate::{
    build_cache::fingerprint,
    module,
    part::Part,
    step,
    tools::{self, CARGO_TOOLS, CargoTool, WASM},
};

/// Installs what every command needs: the target, and the tools that build and
/// run the system.
///
/// # Errors
///
/// Something could not be installed; the failure says how to install it by hand.
pub fn all() -> Result<()> {
    target(WASM)?;
    npm()?;
    CARGO_TOOLS.iter().try_for_each(cargo_tool)
}

/// Installs what the build of `parts` needs.
///
/// Fast when nothing is missing: it looks at a few files and starts no program
/// but `rustc`. Where a tool is missing, it compiles the parts while the tools
/// are installed: both take minutes, the end of each on one core only, and the
/// tools are first used when the parts are compiled.
///
/// # Errors
///
/// As [`all`]; or a part does not compile.
pub fn for_parts(parts: &[Part]) -> Result<()> {
    target(WASM)?;
    let mut missing = Vec::new();
    for tool in CARGO_TOOLS {
        let needed = parts.iter().any(|part| part.is_built_with(&tool));
        if needed && !tool.path()?.exists() {
            missing.push(tool);
        }
    }
    if missing.is_empty() {
        return npm();
    }
    thread::scope(|scope| {
        let compiling = scope.spawn(|| {
            let packages = parts.iter().rev().flat_map(|part| part.packages());
            packages
                .map(module::compile)
                .try_for_each(|compiled| compiled.map(|_| ()))
        });
        let installed = npm().and_then(|()| missing.iter().try_for_each(cargo_tool));
        let compiled = compiling.join().unwrap_or(Ok(()));
        installed.and(compiled)
    })
}

/// Installs a target of the compiler.
///
/// # Errors
///
/// As [`all`].
pub fn target(triple: &str) -> Result<()> {
    if toolchain()?.join("lib/rustlib").join(triple).is_dir() {
        return Ok(());
    }
    step::run(
        &format!("add the target {triple}"),
        Command::new("rustup")
            .args(["target", "add", triple])
            .current_dir(paths::root()),
        "install the target for your Rust toolchain: with rustup, by the command above; else from your distribution",
    )?;
    Ok(())
}

/// Installs `rustfmt` and `clippy`, which only the tests need.
///
/// # Errors
///
/// As [`all`].
pub fn linters() -> Result<()> {
    let present = |tool: &str| {
        let said = Command::new("cargo")
            .args([tool, "--version"])
            .current_dir(paths::root())
            .output();
        said.is_ok_and(|output| output.status.success())
    };
    if present("fmt") && present("clippy") {
        return Ok(());
    }
    step::run(
        "add rustfmt and clippy",
        Command::new("rustup")
            .args(["component", "add", "rustfmt", "clippy"])
            .current_dir(paths::root()),
        "install rustfmt and clippy for your Rust toolchain",
    )?;
    Ok(())
}

/// The directory of the compiler.
fn toolchain() -> Result<PathBuf> {
    let advice = "install Rust with rustup";
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .current_dir(paths::root())
        .output()
        .map_err(|error| Failure::new("find the Rust compiler", error, advice))?;
    if !output.status.success() {
        return Err(Failure::new(
            "find the Rust compiler",
            String::from_utf8_lossy(&output.stderr),
            advice,
        ));
    }
    Ok(PathBuf::from(
        String::from_utf8_lossy(&output.stdout).trim(),
    ))
}

/// Installs the tools in `node_modules`, exactly those of `package-lock.json`.
fn npm() -> Result<()> {
    let root = paths::root();
    let wanted = fingerprint(
        ["package.json", "package-lock.json"]
            .map(|file| root.join(file))
            .to_vec(),
    )?;
    let stamp = root.join("node_modules/.weceive-lock");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    step::run(
        "install the npm tools",
        Command::new("npm").arg("ci").current_dir(root),
        "install Node.js 18 or newer with npm; behind a proxy or a mirror, set npm's `registry`",
    )?;
    fs::write(&stamp, wanted).map_err(|error| {
        Failure::new(
            "note that the npm tools are installed",
            error,
            "make node_modules writable",
        )
    })?;
    node()
}

/// Fails when neither npm nor the machine has a Node.js that is new enough for
/// `wrangler`.
fn node() -> Result<()> {
    const OLDEST: (u32, u32) = (22, 12);
    let said = Command::new("node")
        .arg("--version")
        .env("PATH", search_path())
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let mut numbers = said
        .trim()
        .trim_start_matches('v')
        .split('.')
        .map_while(|n| n.parse().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= OLDEST {
        return Ok(());
    }
    Err(Failure::new(
        "find a Node.js for wrangler",
        format!(
            "node --version says {:?}; 22.12 is the oldest that works",
            said.trim()
        ),
        "install Node.js 24",
    ))
}

fn search_path() -> std::ffi::OsString {
    let machine = env::var_os("PATH").unwrap_or_default();
    let directories = paths::node_directory()
        .into_iter()
        .chain(env::split_paths(&machine));
    env::join_paths(directories).unwrap_or(machine.clone())
}

/// Installs a program from crates.io, built once for each version and user.
fn cargo_tool(tool: &CargoTool) -> Result<()> {
    if tool.path()?.exists() {
        return Ok(());
    }
    // Most are not optimised: that would take much longer than it could ever
    // save.
    let profile = if tool.optimised { "release" } else { "dev" };
    step::run(
        &format!(
            "install {} {}, some minutes once",
            tool.package, tool.version
        ),
        Command::new("cargo")
            .args([
                "install",
                tool.package,
                "--version",
                tool.version,
                "--profile",
                profile,
                "--locked",
            ])
            .arg("--root")
            .arg(tool.home()?)
            .arg("--target-dir")
            .arg(tools::cache()?.join("target"))
            .current_dir(paths::root())
            // The tools run on this machine and are built with the installed
            // compiler, independent of the target of the caller's build.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("CARGO_BUILD_TARGET")
            .env_remove("RUSTFLAGS"),
        "see the end of the compiler's output above: it needs a C compiler and a connection to crates.io",
    )?;
    Ok(())
}

/// Installs the load generator of the benchmarks; returns its path.
///
/// # Errors
///
/// As [`all`].
pub fn load_generator() -> Result<PathBuf> {
    cargo_tool(&tools::OHA)?;
    tools::OHA.path()
}

/// Finds Chromium and its driver; on Debian as root, installs them.
///
/// # Errors
///
/// There is no browser, and it could not be installed.
pub fn browser() -> Result<Browser> {
    if let Ok(found) = paths::browser() {
        return Ok(found);
    }
    if paths::on_path("apt-get").is_some() && is_root() {
        let apt = |arguments: &[&str]| {
            let mut command = Command::new("apt-get");
            command
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive");
            command
        };
        step::run(
            "update the list of Debian packages",
            &mut apt(&["update"]),
            paths::INSTALL_BROWSER,
        )?;
        step::run(
            "install Chromium and chromedriver",
            &mut apt(&[
                "install",
                "--yes",
                "--no-install-recommends",
                "chromium",
                "chromium-driver",
            ]),
            paths::INSTALL_BROWSER,
        )?;
    }
    paths::browser()
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
