//! Every dependency has an allowed licence, and comes from one registry.
//! `deny.toml` has the same rules for `cargo deny`.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::root;

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The licences of `deny.toml`.
fn allowed() -> Vec<String> {
    let text = fs::read_to_string(root().join("deny.toml")).unwrap();
    let (_, rest) = text.split_once("[licenses]\nallow = [").unwrap();
    let (list, _) = rest.split_once(']').unwrap();
    list.split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Whether the allowed licences satisfy an SPDX expression; `AND` binds more
/// tightly than `OR`, and a slash is the older way to write `OR`.
fn is_met(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    let spaced = spaced.replace('/', " OR ").replace(" WITH ", "_WITH_");
    let mut words = spaced.split_whitespace().peekable();
    let met = any(&mut words, allowed);
    assert_eq!(words.next(), None, "{expression}");
    met
}

type Words<'w> = std::iter::Peekable<std::str::SplitWhitespace<'w>>;

fn any(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut met = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, allowed);
    }
    met
}

fn all(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut Words<'_>, allowed: &[String]) -> bool {
    match words.next().unwrap() {
        "(" => {
            let met = any(words, allowed);
            assert_eq!(words.next(), Some(")"));
            met
        }
        name => allowed.contains(&name.replace("_WITH_", " WITH ")),
    }
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    let allowed = ["MIT", "ISC", "A WITH B"].map(str::to_owned);
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(GPL-3.0 OR MIT) AND ISC", true),
        ("GPL-3.0 OR MIT AND BSL-1.0", false),
        ("A WITH B", true),
        ("A WITH C OR ISC", true),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression}");
    }
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let allowed = allowed();
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let mut seen = BTreeSet::new();
    // The built dependencies: for this machine, and for the Worker and the
    // page.
    for platform in [host.unwrap(), "wasm32-unknown-unknown"] {
        let output = Command::new("cargo")
            .current_dir(root())
            .args(["metadata", "--format-version", "1", "--offline", "--locked"])
            .args(["--filter-platform", platform])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        for package in metadata["packages"].as_array().unwrap() {
            let name = package["name"].as_str().unwrap();
            let Some(source) = package["source"].as_str() else {
                continue;
            };
            assert_eq!(source, REGISTRY, "{name}");
            let licence = package["license"].as_str().unwrap_or("none");
            assert!(is_met(licence, &allowed), "{name} is under {licence}");
            seen.insert(name.to_owned());
        }
    }
    assert!(seen.len() > 100, "{}", seen.len());
}

/// Also of other platforms: everything in the lock file.
#[test]
fn everything_locked_comes_from_the_registry() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let sources = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = "));
    let mut found = 0;
    for source in sources {
        found += 1;
        assert_eq!(source, format!("\"{REGISTRY}\""));
    }
    assert!(found > 100, "{found}");
}
