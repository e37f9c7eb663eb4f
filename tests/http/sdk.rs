//! A third-party SDK pointed at the sandbox.

use crate::LIVE;
use std::process::Command;
use testkit::paths;

/// The SDK signs each request and verifies each answer and notice, of v2 and of
/// APIv3: see `sdk.cjs`.
#[test]
fn an_independent_sdk_makes_payments_in_the_sandbox() {
    let node = match paths::node_directory() {
        Some(directory) => directory.join("node"),
        None => "node".into(),
    };
    let run = std::process::id().to_string();
    let ran = Command::new(node)
        .arg(paths::root().join("tests/http/sdk.cjs"))
        .args([LIVE.sandbox(), run])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
}
