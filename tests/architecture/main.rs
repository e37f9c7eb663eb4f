//! The rules of the architecture (ARCHITECTURE.md, "Invariants"), and of a tidy
//! tree.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it should be"
)]

mod docs;
mod documents;
mod floors;
mod licences;
mod modules;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every crate, and the crates that it may import.
const MAY_IMPORT: [(&str, &[&str]); 19] = [
    ("order", &[]),
    ("wechatpay", &["order"]),
    ("checkout", &["order"]),
    ("explain", &["wechatpay"]),
    ("explain/page", &["explain", "wechatpay"]),
    ("gateway", &["order", "wechatpay", "checkout"]),
    ("edge", &["gateway"]),
    ("sandbox", &["order", "wechatpay"]),
    ("app", &["checkout", "order"]),
    ("console", &["checkout", "order"]),
    ("console/texts", &[]),
    ("demo", &[]),
    (
        "server",
        &[
            "demo",
            "explain",
            "gateway",
            "order",
            "sandbox",
            "wechatpay",
        ],
    ),
    ("testkit", &["demo"]),
    ("testkit/runtime", &["gateway"]),
    ("xtask", &["testkit"]),
    ("bench", &["testkit", "xtask"]),
    (
        "tests",
        &[
            "order",
            "wechatpay",
            "checkout",
            "gateway",
            "sandbox",
            "testkit",
        ],
    ),
    (
        "tests/simulation",
        &["gateway", "order", "sandbox", "wechatpay"],
    ),
];

/// Crates without a clock, randomness, network or files.
const PURE: [&str; 4] = ["order", "wechatpay", "checkout", "explain"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn files_below(room: &str, ending: &str) -> Vec<PathBuf> {
    fn walk(directory: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["target", "build", "node_modules", "dist"].contains(&name.as_str()) {
                    walk(&path, ending, found);
                }
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(room), ending, &mut found);
    assert!(!found.is_empty(), "{room} has no {ending} files");
    found
}

/// The names in a manifest's `[dependencies]` and similar tables, without those
/// of tests.
fn dependencies(room: &str) -> Vec<String> {
    let manifest = fs::read_to_string(root().join(room).join("Cargo.toml")).unwrap();
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]") && !line.contains("dev-");
        } else if inside && let Some(name) = line.split(['.', ' ', '=']).next() {
            names.push(name.to_owned());
        }
    }
    names
}

#[test]
fn crates_import_only_what_they_may() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, members) = manifest.split_once("members = [").unwrap();
    let (members, _) = members.split_once(']').unwrap();
    let names = members.split(',').map(|name| name.trim().trim_matches('"'));
    let members: BTreeSet<&str> = names.filter(|name| !name.is_empty()).collect();
    let listed = MAY_IMPORT.map(|(room, _)| room);
    assert_eq!(members, BTreeSet::from(listed), "the crates");
    let rooms: Vec<&str> = MAY_IMPORT.iter().map(|(room, _)| *room).collect();
    for (room, may) in MAY_IMPORT {
        for name in dependencies(room) {
            if rooms.contains(&name.as_str()) {
                assert!(may.contains(&name.as_str()), "{room} imports {name}");
            }
        }
    }
}

#[test]
fn the_runtime_is_named_only_at_the_edges() {
    for (room, _) in MAY_IMPORT {
        let names = dependencies(room);
        let has = |name: &str| names.iter().any(|found| found == name);
        assert_eq!(has("worker"), ["edge", "sandbox"].contains(&room), "{room}");
        assert!(
            !has("web-sys") || ["app", "console"].contains(&room),
            "{room}"
        );
        assert_eq!(has("leptos"), ["app", "console"].contains(&room), "{room}");
        for rsa in ["rsa", "openssl", "ring"] {
            // The keys of the sandbox, of tests and of benchmarks are public, so
            // nothing can leak.
            let may = ["sandbox", "tests"].contains(&room) && rsa == "rsa"
                || ["bench", "server"].contains(&room) && rsa == "ring";
            assert!(!has(rsa) || may, "{room} has {rsa}: RSA is the runtime's");
        }
    }
}

#[test]
fn the_pure_crates_have_no_clock_no_randomness_and_no_io() {
    for room in PURE {
        for path in files_below(&format!("{room}/src"), ".rs") {
            let text = fs::read_to_string(&path).unwrap();
            for word in [
                "SystemTime",
                "Instant::",
                "std::fs",
                "std::net::Tcp",
                "getrandom",
                " rand::",
            ] {
                let is_word = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric());
                let mut found = text.match_indices(word);
                let found = found.any(|(at, _)| is_word(at));
                assert!(!found, "{}: {word}", path.display());
            }
            // The caller signs and verifies with RSA, and there is no other
            // await.
            assert!(
                ["wechatpay", "explain"].contains(&room) || !text.contains("async fn"),
                "{}: async",
                path.display()
            );
            for (at, _) in text.match_indices(".await") {
                let call = text[..at].rsplit([';', '{', '}']).next().unwrap();
                let waits_for_rsa = call.contains("rsa");
                assert!(waits_for_rsa, "{}: {call}.await", path.display());
            }
        }
    }
}

#[test]
fn money_is_never_a_float() {
    for room in ["order", "wechatpay", "checkout", "gateway", "sandbox"] {
        for path in files_below(&format!("{room}/src"), ".rs") {
            let text = fs::read_to_string(&path).unwrap();
            for word in ["f32", "f64"] {
                let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
                assert!(!words.any(|w| w == word), "{}: {word}", path.display());
            }
        }
    }
}

/// Whether a file of the gateway may hold SQL: a `store.rs`, or a file in a
/// directory `store`.
fn is_store(path: &Path) -> bool {
    path.ends_with("store.rs") || path.iter().any(|part| part == "store")
}

#[test]
fn sql_is_only_in_the_store_files() {
    let mut found = 0;
    for path in files_below("gateway/src", ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        let holds_sql = [
            ".exec(",
            "\"SELECT ",
            "\"INSERT ",
            "\"UPDATE ",
            "\"DELETE FROM ",
            "\"CREATE ",
        ]
        .iter()
        .any(|sign| text.contains(sign));
        let name = path.strip_prefix(root()).unwrap().to_string_lossy();
        assert!(is_store(&path) || !holds_sql, "{name} holds SQL");
        found += usize::from(holds_sql);
    }
    assert!(found > 15, "this test no longer finds the statements");
}

/// In the book there is no await between a read and its write: the functions
/// that open a transaction are not `async` inside it.
#[test]
fn no_transaction_contains_an_await() {
    let mut transactions = 0;
    for path in files_below("gateway/src", ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        for (at, _) in text.match_indices("atomically(|| {") {
            transactions += 1;
            let mut depth = 0;
            let body: String = text[at..]
                .chars()
                .skip_while(|c| *c != '{')
                .take_while(|c| {
                    depth += i32::from(*c == '{') - i32::from(*c == '}');
                    depth > 0
                })
                .collect();
            assert!(!body.contains(".await"), "{}", path.display());
        }
    }
    assert!(
        transactions >= 4,
        "this test no longer finds the transactions"
    );
}

/// Comparisons that name a secret and compare none of its bytes.
const NOT_OF_BYTES: [&str; 3] = [
    // A `Secret` compares in constant time.
    "is_some_and(|key| *key != old.api_key)",
    "(given.as_ref() == Some(token)) | holds",
    // A field's name.
    "*name != \"sign\"",
];

/// Comparisons without an operator, which stop at a difference, too.
const HIDDEN: [&str; 9] = [
    ".eq(",
    ".ne(",
    ".cmp(",
    ".partial_cmp(",
    ".eq_ignore_ascii_case(",
    ".starts_with(",
    ".ends_with(",
    ".contains(",
    "matches!(",
];

/// The text between braces and semicolons, each on one line, without its
/// comments.
fn statements(code: &str) -> Vec<String> {
    let lines = code.lines().map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| !line.starts_with("//")).collect();
    let code = lines.join(" ");
    code.split([';', '{', '}']).map(str::to_owned).collect()
}

/// Names of secrets and of what proves them.
const SECRETS: [&str; 14] = [
    "admin_token",
    "api_key",
    "api_secret",
    "computed",
    "digest",
    "expose",
    "fingerprint",
    "hmac",
    "mac",
    "secret",
    "secret_fingerprint",
    "sign",
    "signature",
    "token",
];

/// The statements in which part of a secret's name is next to `==` or `!=`, or
/// an exposed secret is compared without an operator.
fn compared(code: &str) -> Vec<String> {
    let by_operator = |statement: &str| {
        let sides: Vec<&str> = statement
            .split("==")
            .flat_map(|part| part.split("!="))
            .collect();
        sides.windows(2).any(|pair| {
            let left = pair[0].split_whitespace().next_back();
            let right = pair[1].split_whitespace().next();
            left.into_iter()
                .chain(right)
                .flat_map(|side| side.split(|c: char| !c.is_alphanumeric() && c != '_'))
                .any(|word| SECRETS.contains(&word))
        })
    };
    let hidden = |statement: &str| {
        statement.contains(".expose()") && HIDDEN.iter().any(|word| statement.contains(word))
    };
    let mut statements = statements(code);
    statements.retain(|statement| by_operator(statement) || hidden(statement));
    statements
}

/// `==` stops at the first byte that differs, so its duration reveals how many
/// were right. This test reads words: it finds a secret that is compared under
/// one of the names above, or in the statement that exposes it; not one that
/// was given another name before.
#[test]
fn secrets_are_compared_by_their_type() {
    let (mut constant_time, mut allowed) = (0, 0);
    for room in ["order", "wechatpay", "checkout", "gateway", "edge"] {
        for path in files_below(&format!("{room}/src"), ".rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            constant_time += code.matches(".ct_eq(").count();
            for statement in compared(code) {
                let fine = NOT_OF_BYTES.iter().any(|fine| statement.contains(fine));
                assert!(fine, "{}: {statement}", path.display());
                allowed += 1;
            }
        }
    }
    assert_eq!(
        allowed,
        NOT_OF_BYTES.len(),
        "this list is longer than it need be"
    );
    assert!(
        constant_time >= 5,
        "this test no longer finds the comparisons"
    );
}

#[test]
fn a_secret_that_is_compared_is_found() {
    for bad in [
        "if given == api_key { }",
        "let same = given\n    != known.api_secret;",
        "given\n    // why\n    == secret.expose()",
        "secret.expose().eq(given)",
        "given.ne(\n  key.expose(),\n)",
        "matches!(key.expose(), \"x\")",
        "key\n  .expose()\n  .starts_with(given)",
    ] {
        assert_eq!(compared(bad).len(), 1, "{bad}");
    }
    for fine in [
        "given.ct_eq(&secret)",
        "mac.update(key.expose().as_bytes()); a == b",
        "// token == given",
    ] {
        assert_eq!(compared(fine), [""; 0], "{fine}");
    }
}

#[test]
fn files_stay_readable() {
    for (room, _) in MAY_IMPORT {
        for path in files_below(room, ".rs") {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines <= 1000, "{} has {lines} lines", path.display());
        }
    }
}

/// Words without a use in this project's terms. Most of them hide the subject
/// of a sentence: name the caller, payer, operator or attacker, and use the
/// field's term (CONTRIBUTING.md, "Prose").
const WORDS_NOT_USED: [&str; 48] = [
    "anybody",
    "befall",
    "befalls",
    "believe",
    "believed",
    "believes",
    "besides",
    "clothes",
    "crumbs",
    "deed",
    "deeds",
    "dress",
    "dressed",
    "ear",
    "ears",
    "everybody",
    "hear",
    "heard",
    "hears",
    "heed",
    "heeds",
    "hush",
    "leash",
    "liar",
    "lied",
    "lives",
    "meddle",
    "meddles",
    "misfortune",
    "mood",
    "nobody",
    "somebody",
    "spoil",
    "spoils",
    "spoilt",
    "stranger",
    "strangers",
    "town",
    "twin",
    "twins",
    "vouch",
    "vouched",
    "vouches",
    "weather",
    "whatever",
    "whence",
    "whoever",
    "whomever",
];

/// The words of a text that are not used; and references to the source
/// documents by number, which have names in docs/contract-coverage.md.
fn words_not_used(text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let by_number = |pair: &&[&str]| {
        let number = pair[1].strip_prefix("00").unwrap_or_default();
        pair[0] == "seed" && number.len() == 1
    };
    let numbers = words
        .windows(2)
        .filter(by_number)
        .map(|pair| pair.join(" "));
    let used = words.iter().filter(|word| WORDS_NOT_USED.contains(word));
    used.map(|word| (*word).to_owned()).chain(numbers).collect()
}

#[test]
fn a_word_that_is_not_used_is_found() {
    for (text, found) in [
        ("Whoever calls, nobody waits.", vec!["whoever", "nobody"]),
        ("fn a_notice_reaches_nobody", vec!["nobody"]),
        (
            "The page's ear hears (Seed 002, section 5).",
            vec!["ear", "hears", "seed 002"],
        ),
        ("A year, a near miss, seed 7 and seed 0021.", vec![]),
    ] {
        assert_eq!(words_not_used(text), found, "{text}");
    }
    let code = "Failure::NotBelieved(\"\\\"nobody\"); self.heard('\"') // in a comment";
    let names = words_of_names(&code_of(code));
    assert_eq!(words_not_used(&names), ["believed", "heard"]);
}

/// Code without its comments, and without the texts in quotation marks, which
/// can be stored or sent names. The lines keep their numbers.
fn code_of(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let left_out = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(raw) = rest.strip_prefix("r#\"") {
            let end = raw.find("\"#").unwrap_or(raw.len());
            (end + 5).min(rest.len())
        } else if rest.starts_with("'\"'") {
            3
        } else if next == '"' {
            end_of_text(rest)
        } else {
            0
        };
        let (text, after) = rest.split_at(left_out.max(next.len_utf8()));
        match left_out {
            0 => code.push(next),
            _ => code.extend(text.chars().filter(|letter| *letter == '\n')),
        }
        rest = after;
    }
    code
}

/// Where the text ends that the quotation mark begins.
fn end_of_text(code: &str) -> usize {
    let mut is_escaped = false;
    for (at, letter) in code.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The names in code, in words: `NotBelieved` is `not believed`.
fn words_of_names(code: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    for letter in code.chars() {
        if letter.is_ascii_uppercase() && before.is_ascii_lowercase() {
            words.push(' ');
        }
        words.push(if letter == '_' { ' ' } else { letter });
        before = letter;
    }
    words
}

/// In the documents, in the comments of the sources, and in names.
#[test]
fn the_prose_names_who_does_what() {
    let mut found = Vec::new();
    let mut look = |place: String, text: &str| {
        for word in words_not_used(text) {
            found.push(format!("{place}: {word}: {}", text.trim()));
        }
    };
    for document in tests::documents::all() {
        for (at, line) in document.text.lines().enumerate() {
            // Code is between backticks.
            let prose: String = line.split('`').step_by(2).collect();
            look(format!("{}:{}", document.name, at + 1), &prose);
        }
    }
    for (room, _) in MAY_IMPORT {
        for path in files_below(room, ".rs") {
            let source = fs::read_to_string(&path).unwrap();
            for (at, line) in source.lines().enumerate() {
                if let Some((_, comment)) = line.split_once("//") {
                    let prose: String = comment.split('`').step_by(2).collect();
                    look(format!("{}:{}", path.display(), at + 1), &prose);
                }
            }
            for (at, line) in words_of_names(&code_of(&source)).lines().enumerate() {
                look(format!("{}:{}", path.display(), at + 1), line);
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_source_file_begins_by_saying_what_it_is() {
    let mut without = BTreeMap::new();
    for (room, _) in MAY_IMPORT {
        for path in files_below(room, ".rs") {
            let text = fs::read_to_string(&path).unwrap();
            if !text.starts_with("//!") {
                without.insert(path, ());
            }
        }
    }
    assert!(without.is_empty(), "{without:?}");
}
