//! `cargo xtask test`: every check that must pass before a change lands.
//!
//! With a filter it runs only the tests whose names contain it, on what is
//! built, without the checks of format, lints and deployment.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use testkit::{
    Failure, Result,
    demo::wipe,
    demo_system::DemoSystem,
    http::text,
    paths::{self, Browser},
    workerd::free_ports,
};

use crate::{
    build, dev, image, openapi,
    part::{Part, target_directory},
    setup, step,
    tools::{self, WASM},
};

/// The packages that run on WebAssembly.
const WASM_PACKAGES: [&str; 4] = ["edge", "sandbox", "app", "console"];

/// The packages that decide about money. They use no runtime, so that their
/// tests run anywhere.
const CORES: [&str; 3] = ["order", "wechatpay", "checkout"];

/// The WebAssembly target on which tests run unchanged, under Node.js.
const WASI: &str = "wasm32-wasip1";

/// Runs the checks, the fastest first and the tests last.
///
/// # Errors
///
/// The first check that failed, or the tests.
pub fn run(filter: Option<&str>) -> Result<()> {
    setup::for_parts(&Part::ALL)?;
    setup::target(WASI)?;
    let browser = setup::browser()?;
    // The test of licences reads, offline, the manifests of every platform's
    // dependencies.
    step::run(
        "fetch the dependencies of every platform",
        cargo().args(["fetch", "--locked"]),
        "connect to crates.io, or run `cargo fetch --locked` where it can be reached",
    )?;
    if filter.is_none() {
        setup::linters()?;
        lint()?;
    }
    build::run(&Part::ALL)?;
    if filter.is_none() {
        deploy_dry_run()?;
        openapi::schemathesis()?;
        image::check()?;
    }
    tests(filter, &browser)
}

fn lint() -> Result<()> {
    step::show(
        "check the formatting",
        cargo().args(["fmt", "--all", "--check"]),
        "run `cargo fmt --all`",
    )?;
    let lint = |step: &str, selected: &mut dyn Iterator<Item = &str>| {
        let mut clippy = cargo();
        clippy
            .arg("clippy")
            .args(selected)
            .args(["--", "-D", "warnings"]);
        step::show(step, &mut clippy, "repair what clippy says above")
    };
    lint(
        "lint for this machine",
        &mut ["--workspace", "--all-targets"].into_iter(),
    )?;
    let packages = WASM_PACKAGES
        .iter()
        .flat_map(|package| ["--package", package]);
    lint(
        "lint for WebAssembly",
        &mut ["--target", WASM].into_iter().chain(packages),
    )?;
    for (what, project) in [
        ("the Mini Program kit", "tests/miniprogram/jsconfig.json"),
        ("the embedded button", "tests/embed/jsconfig.json"),
        ("the Worker's script", "edge/jsconfig.json"),
    ] {
        step::show(
            &format!("check the types of {what}"),
            tools::command("node")?
                .arg("node_modules/typescript/bin/tsc")
                .args(["--project", project]),
            "repair what tsc says above",
        )?;
    }
    openapi::check()
}

/// Checks the deployment as far as that is possible without Cloudflare.
fn deploy_dry_run() -> Result<()> {
    let out = target_directory()?.join("xtask/deploy");
    step::run(
        "try a deployment (dry run)",
        tools::command(paths::npm_program("wrangler"))?
            .args(["deploy", "--dry-run", "--outdir"])
            .arg(out)
            .env("CI", "true"),
        "see wrangler's message above, and wrangler.toml",
    )?;
    Ok(())
}

/// Runs every package's tests on this machine, and the core packages' on
/// WebAssembly too: they are deployed there, with 32-bit addresses. Both run
/// even when one fails.
fn tests(filter: Option<&str>, browser: &Browser) -> Result<()> {
    let mut counts = Counts::default();

    let mut wasm = tools::command("cargo")?;
    // Node 20's fast calls into WASI damage the heap of a program whose memory
    // has grown: the program passes, and Node ends with a segmentation fault.
    let runner = [
        "node",
        "--no-warnings",
        "--no-turbo-fast-api-calls",
        &paths::root().join("xtask/wasi.mjs").to_string_lossy(),
    ]
    .map(|word| format!("{word:?}"))
    .join(", ");
    wasm.args(["test", "--no-fail-fast", "--lib", "--tests"])
        .args([
            "--target",
            WASI,
            "--config",
            &format!("target.{WASI}.runner = [{runner}]"),
        ])
        .args(CORES.iter().flat_map(|package| ["--package", package]))
        .args(filter);
    let on_wasm = counted(
        "pass the cores' tests on WebAssembly",
        &mut wasm,
        &mut counts,
    );

    let on_this_machine = |selected: &[&str]| -> Result<Command> {
        let mut command = cargo();
        command
            .args(["test", "--no-fail-fast", "--workspace"])
            .args(selected)
            .args(filter)
            .env("WECEIVE_ROOT", paths::root())
            .env("WECEIVE_WORKERD", paths::workerd()?)
            .env("WECEIVE_CHROMIUM", &browser.chromium)
            .env("WECEIVE_CHROMEDRIVER", &browser.chromedriver);
        Ok(command)
    };
    let in_workerd = counted("pass the tests", &mut on_this_machine(&[])?, &mut counts);
    let in_native = counted(
        "pass the HTTP tests with the native program in place of workerd",
        on_this_machine(&["--test", "http"])?.env("WECEIVE_RUNTIME", "native"),
        &mut counts,
    );

    let mini_program = mini_program(filter, &mut counts);

    let outcome = on_wasm.and(in_workerd).and(in_native).and(mini_program);
    let outcome = outcome.and_then(|()| match filter {
        Some(name) if counts == Counts::default() => Err(Failure::new(
            "find a test",
            format!("no test has {name:?} in its name"),
            "list them with `cargo test --workspace -- --list`",
        )),
        _ => Ok(()),
    });
    // When something did not compile, there is nothing to count.
    if outcome.is_ok() || counts.failed > 0 {
        println!("\n{counts}");
    }
    outcome
}

/// Runs the tests of the Mini Program kit in WeChat's simulator, with a gateway
/// and a sandbox of their own.
fn mini_program(filter: Option<&str>, counts: &mut Counts) -> Result<()> {
    let directory = dev::directory("miniprogram");
    wipe(&directory)?;
    let DemoSystem { running, demo, .. } = DemoSystem::start(directory, free_ports()?, None)?;
    let merchants: Vec<Value> = demo
        .merchants
        .iter()
        .map(|merchant| {
            let entered = merchant
                .kind
                .admin_body(&merchant.account, running.sandbox());
            json!({
                "id": merchant.kind.id,
                "api_key": text(&merchant.gateway, "/api-key"),
                "appid": text(&entered, "/mini_program/appid"),
            })
        })
        .collect();

    let mut node = tools::command("node")?;
    node.args(["--test", "--test-reporter=spec"]);
    if let Some(name) = filter {
        node.args(["--test-name-pattern", name]);
    }
    node.args(["tests/miniprogram/*.test.js", "tests/embed/*.test.js"])
        .env("WECEIVE_GATEWAY", running.gateway())
        .env("WECEIVE_SANDBOX", running.sandbox())
        .env("WECEIVE_MERCHANTS", Value::from(merchants).to_string());
    counted(
        "pass the tests of the Mini Program kit and the embedded button",
        &mut node,
        counts,
    )
}

/// Runs tests, shows their output at once, and counts them.
fn counted(step: &str, command: &mut Command, counts: &mut Counts) -> Result<()> {
    let typed = step::shown(command);
    let failed = |said: String| Failure {
        step: step.to_owned(),
        command: Some(typed.clone()),
        said,
        advice: "see the failures above; run one by its name with `cargo xtask test NAME`"
            .to_owned(),
    };
    let not_run = |error: std::io::Error| failed(error.to_string());

    eprintln!("\n· {step}: {typed}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(not_run)?;
    for line in child
        .stdout
        .take()
        .into_iter()
        .flat_map(|out| BufReader::new(out).lines())
    {
        let line = line.map_err(not_run)?;
        println!("{line}");
        counts.read(&line);
    }
    let status = child.wait().map_err(not_run)?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(step::ended(status)))
    }
}

/// The numbers of tests over all packages.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    /// Adds the numbers of cargo's line `test result: ok. 12 passed; 0 failed;
    /// 1 ignored; …` or of Node.js's line `ℹ pass 12`. Any other line adds
    /// nothing.
    fn read(&mut self, line: &str) {
        let mut words = line.strip_prefix("ℹ ").unwrap_or_default().split(' ');
        if let (Some(what), Some(Ok(count))) = (words.next(), words.next().map(str::parse::<u64>)) {
            match what {
                "pass" => self.passed += count,
                "fail" => self.failed += count,
                "skipped" => self.ignored += count,
                _ => {}
            }
            return;
        }
        let Some(result) = line.trim().strip_prefix("test result: ") else {
            return;
        };
        for part in result.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(count), Some(what)) = (
                words.next().and_then(|n| n.parse::<u64>().ok()),
                words.next(),
            ) else {
                continue;
            };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.ignored > 0 {
            write!(f, ", {} skipped", self.ignored)?;
        }
        Ok(())
    }
}

fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(paths::root());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_all_packages_are_added() {
        let mut counts = Counts::default();
        counts.read("running 3 tests");
        counts.read("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s");
        for line in [
            "ℹ tests 7",
            "ℹ pass 4",
            "ℹ fail 1",
            "ℹ skipped 2",
            "ℹ duration_ms 12.5",
        ] {
            counts.read(line);
        }
        counts.read("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s");
        assert_eq!(
            counts,
            Counts {
                passed: 19,
                failed: 3,
                ignored: 3
            }
        );
        assert_eq!(counts.to_string(), "19 passed, 3 failed, 3 skipped");
    }
}
