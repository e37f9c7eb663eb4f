//! Checks `openapi.json` beside the Rust tests: a linter, the types that clients make from it, and schemathesis, which
//! sends a running gateway good and bad requests that it makes from the document.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use testkit::{
    Failure, Result,
    demo::wipe,
    demo_system::DemoSystem,
    http::text,
    paths::{self, on_path},
    workerd::free_ports,
};

use crate::{dev, step, tools};

/// The document.
const DOCUMENT: &str = "gateway/src/openapi.json";

/// The step that needs Python.
const SCHEMATHESIS: &str = "hold the API against openapi.json with schemathesis";

/// Lints the document, and compiles a client over the types made from it.
///
/// # Errors
///
/// The linter has a finding, or the client does not compile.
pub fn check() -> Result<()> {
    step::show(
        "lint openapi.json",
        tools::command("node")?.arg("tests/openapi/lint.mjs"),
        "repair what the linter says above",
    )?;
    let types = paths::root().join("target/openapi/api.d.ts");
    step::run(
        "make types from openapi.json",
        tools::command("node")?
            .args(["node_modules/openapi-typescript/bin/cli.js", DOCUMENT, "-o"])
            .arg(types),
        "see openapi-typescript's message above",
    )?;
    step::show(
        "compile a client with the types of openapi.json",
        tools::command("node")?
            .arg("node_modules/typescript/bin/tsc")
            .args(["--project", "tests/openapi/jsconfig.json"]),
        "repair what tsc says above",
    )
}

/// Sends generated requests to the real Worker. Left out, by name, where there is no Python: only this step needs it.
///
/// # Errors
///
/// The gateway answered otherwise than the document says; or schemathesis could not be installed or started.
pub fn schemathesis() -> Result<()> {
    let Some(python) = python() else {
        eprintln!(
            "– {SCHEMATHESIS}: left out, because there is no python3 (3.10 or newer) with venv and pip"
        );
        return Ok(());
    };
    let program = installed(&python)?;
    let directory = dev::directory("schemathesis");
    wipe(&directory)?;
    let DemoSystem {
        running,
        demo,
        system,
    } = DemoSystem::start(directory, free_ports()?, None)?;
    let shop = demo.merchants.first();
    let key = |name| shop.map_or("", |shop| text(&shop.gateway, name));
    let headers = [
        format!("api-key: {}", key("/api-key")),
        format!("api-secret: {}", key("/api-secret")),
        // Under the name that schemathesis leaves out when it tries a call without it.
        format!("Authorization: Bearer {}", system.admin_token),
    ];
    let root = paths::root();
    // schemathesis stores failed cases there: each run begins without them.
    let memory = root.join("target/openapi/schemathesis");
    wipe(&memory)?;
    let made = fs::create_dir_all(&memory);
    made.map_err(|error| {
        Failure::new(
            "make a directory for schemathesis",
            error,
            "make target/ writable",
        )
    })?;
    let mut command = Command::new(program);
    command
        .current_dir(memory)
        .env("SCHEMATHESIS_HOOKS", root.join("tests/openapi/hooks.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg("--config-file")
        .arg(root.join("tests/openapi/schemathesis.toml"))
        .args(["run", "--no-color"])
        .arg(root.join(DOCUMENT))
        .args(["--url", running.gateway()]);
    for header in &headers {
        command.args(["--header", header]);
    }
    step::show(
        SCHEMATHESIS,
        &mut command,
        "see the requests above: either the gateway or openapi.json is wrong",
    )
}

/// A Python that can make virtual environments.
fn python() -> Option<PathBuf> {
    const ABLE: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))";
    let python = on_path("python3")?;
    let tried = Command::new(&python).args(["-c", ABLE]).output();
    tried
        .is_ok_and(|output| output.status.success())
        .then_some(python)
}

/// The program, in a virtual environment of its own for each list of packages.
fn installed(python: &Path) -> Result<PathBuf> {
    let list = paths::root().join("tests/openapi/requirements.txt");
    let wanted = crate::build_cache::fingerprint(vec![list.clone()])?;
    let home = tools::cache()?.join(format!("schemathesis-{wanted}"));
    let (program, ready) = (home.join("bin/schemathesis"), home.join("ready"));
    if ready.exists() {
        return Ok(program);
    }
    step::run(
        "make a virtual environment for schemathesis",
        Command::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(&home),
        "install Python's venv (on Debian: python3-venv)",
    )?;
    step::run(
        "install schemathesis",
        Command::new(home.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--no-input", "--no-deps"])
            .arg("--requirement")
            .arg(&list),
        "see pip's message above; behind a proxy or a mirror, set PIP_INDEX_URL",
    )?;
    fs::write(&ready, "").map_err(|error| {
        Failure::new(
            "note that schemathesis is installed",
            error,
            "make the tools' cache writable",
        )
    })?;
    Ok(program)
}
