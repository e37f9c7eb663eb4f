//! Load at a fixed rate, by [oha](https://github.com/hatoo/oha). The time of a
//! request is counted from when it was due and not from when a connection was
//! free for it, so that a pause of the gateway is in the figures.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    process::Command,
    time::Duration,
};

use serde_json::Value;
use testkit::{Failure, Result};
use xtask::{setup, step};

use super::load::Sample;

/// The number of bodies, of which oha chooses one for each request: so many that
/// it hardly chooses one twice.
pub const BODIES: u32 = 100_000;
/// The number of connections.
const CONNECTIONS: &str = "16";

/// Sends POST requests at a rate, each with one line of the file `bodies`.
///
/// # Errors
///
/// oha failed, or an answer was not 200.
pub fn run(
    url: &str,
    api_key: &str,
    rate: u32,
    lasting: Duration,
    bodies: &Path,
) -> Result<Sample> {
    let mut command = Command::new(setup::load_generator()?);
    command
        .args(["--no-tui", "--output-format", "json"])
        .args(["-c", CONNECTIONS, "-q", &rate.to_string()])
        .args(["-z", &format!("{}ms", lasting.as_millis())])
        .args([
            "--latency-correction",
            "--wait-ongoing-requests-after-deadline",
        ])
        .args(["-m", "POST", "-T", "application/json"])
        .args(["-H", &format!("api-key: {api_key}")])
        .arg("-Z")
        .arg(bodies)
        .arg(url);
    let failed = |said: &dyn std::fmt::Display| {
        Failure::new(
            format!("make {rate} orders a second"),
            said,
            "see the logs in target/xtask/bench",
        )
    };
    let printed = step::run("measure at a rate", &mut command, "see oha's message above")?;
    let report: Value = serde_json::from_str(&printed).map_err(|error| failed(&error))?;
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_f64);
    let answers = report
        .get("statusCodeDistribution")
        .and_then(Value::as_object);
    let count = match answers.map(|answers| (answers.len(), answers.get("200"))) {
        Some((1, Some(count))) => count.as_u64().and_then(|count| usize::try_from(count).ok()),
        _ => None,
    };
    let sample = count.and_then(|count| {
        Some(Sample {
            count,
            per_second: number("/summary/requestsPerSec")?,
            p50_ms: number("/latencyPercentiles/p50")? * 1000.0,
            p99_ms: number("/latencyPercentiles/p99")? * 1000.0,
            cpu_ms: f64::NAN,
        })
    });
    sample.ok_or_else(|| failed(&printed))
}

/// Writes the bodies, one a line.
///
/// # Errors
///
/// The file cannot be written.
pub fn write(file: &Path, bodies: impl Iterator<Item = String>) -> Result<()> {
    let written = || -> std::io::Result<()> {
        let mut out = BufWriter::new(File::create(file)?);
        for body in bodies {
            writeln!(out, "{body}")?;
        }
        out.flush()
    };
    written().map_err(|error| {
        Failure::new(
            "write the bodies of the requests",
            error,
            "see whether the disk is full",
        )
    })
}
