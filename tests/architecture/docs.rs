//! Compares the documents with the code.

use gateway::http::error::{Code, Fault};
use gateway::observe::alarm::Alarm;
use std::fs;

use super::root;

fn error_table() -> String {
    let mut table =
        String::from("| code | status | whose fault | what to do |\n|---|---|---|---|\n");
    for code in Code::ALL {
        let fault = match code.fault() {
            Fault::Caller => "yours",
            Fault::Upstream => "WeChat's or the network's",
            Fault::Gateway => "ours",
        };
        let (name, status, advice) = (code.name(), code.status(), code.advice());
        table.push_str(&format!("| `{name}` | {status} | {fault} | {advice} |\n"));
    }
    table
}

/// On a difference the test prints the table to put there.
#[test]
fn the_error_table_equals_the_codes() {
    let document = fs::read_to_string(root().join("docs/api.md")).unwrap();
    let (_, rest) = document.split_once("compares them -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- /errors -->").unwrap();
    assert!(
        table == error_table(),
        "docs/api.md should say:\n{}",
        error_table()
    );
}

/// Every alarm of the code has a row that says what to do. On a difference the
/// test prints the table to put there.
#[test]
fn the_alarm_table_equals_the_alarms() {
    let mut table = String::from("| alarm | what has happened | what to do |\n|---|---|---|\n");
    for alarm in Alarm::ALL {
        let (name, says, to_do) = (alarm.name(), alarm.says(), alarm.to_do());
        assert_eq!(Alarm::named(name), Some(*alarm));
        assert!(says.ends_with('.') && to_do.ends_with('.'), "{name}");
        table.push_str(&format!("| `{name}` | {says} | {to_do} |\n"));
    }
    let document = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (_, rest) = document.split_once("compares them -->\n").unwrap();
    let (stands, _) = rest.split_once("<!-- /alarms -->").unwrap();
    assert!(stands == table, "docs/operations.md should say:\n{table}");
}

/// The tables of limits have the code's values.
#[test]
fn the_limits_in_the_documents_equal_the_codes() {
    let document = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let number = |text: &str| text.replace(',', "");
    for (file, constant, rows) in [
        (
            "gateway/src/route.rs",
            "MAX_BODY_BYTES: usize = 64 * 1024",
            "| 64 KiB, and 2 MiB of an image",
        ),
        (
            "edge/src/message.rs",
            "DISCARD_AT_MOST: usize = 16 * 1024 * 1024",
            "at most 16 MiB are read and discarded",
        ),
        (
            "edge/src/message.rs",
            "PATIENCE: Duration = Duration::from_secs(30)",
            "| receiving a request's body | 30 s",
        ),
        (
            "wechatpay/src/common/xml.rs",
            "MAX_BYTES: usize = 64 * 1024",
            "| XML (v2) | 64 KiB",
        ),
        (
            "wechatpay/src/common/fields.rs",
            "MAX_FIELDS: usize = 256",
            "256 fields",
        ),
        (
            "wechatpay/src/common/fields.rs",
            "MAX_NAME_BYTES: usize = 64",
            "names of 64 bytes",
        ),
        (
            "wechatpay/src/common/json.rs",
            "MAX_DEPTH: usize = 16",
            "64 KiB, 16 levels",
        ),
        (
            "gateway/src/upstream/statement.rs",
            "MAX_STATEMENT_BYTES: usize = 256 * 1024 * 1024",
            "| a statement | 256 MiB",
        ),
        (
            "wechatpay/src/common/bill/error.rs",
            "MAX_LINE_BYTES: usize = 64 * 1024",
            "lines of 64 KiB",
        ),
        (
            "wechatpay/src/common/bill/header.rs",
            "MAX_COLUMNS: usize = 128",
            "128 columns",
        ),
        (
            "gateway/src/merchants/credentials.rs",
            "MAX_PEM_BYTES: usize = 16 * 1024",
            "| a PEM text | 16 KiB |",
        ),
        (
            "gateway/src/book/mod.rs",
            "DUE_AT_ONCE: usize = 100",
            "| 100 timers",
        ),
        (
            "gateway/src/book/connections.rs",
            "const AT_ONCE: usize = 5;",
            "| 5, of which at most 4 to WeChat",
        ),
        (
            "gateway/src/book/connections.rs",
            "CALLS_AT_ONCE: usize = 4",
            "at most 4 to WeChat and 2 to merchants",
        ),
        (
            "gateway/src/book/connections.rs",
            "DELIVERIES_AT_ONCE: usize = 2",
            "and 2 to merchants",
        ),
        (
            "gateway/src/book/orders.rs",
            "LONGEST_CHAIN: usize = 60",
            "one order | 60 |",
        ),
        (
            "order/src/refund.rs",
            "MAX_REFUNDS: usize = 50",
            "refunds of one order | 50 |",
        ),
        (
            "gateway/src/book/checkouts.rs",
            "MAX_ATTEMPTS: usize = 99",
            "one checkout | 99 |",
        ),
        (
            "gateway/src/http/rate_limit.rs",
            "WRONG_KEYS: Rate = Rate { per_minute: 10, at_most: 20,",
            "what is wrong | 10 | 20 |",
        ),
        (
            "gateway/src/http/rate_limit.rs",
            "FLOOD: Rate = Rate { per_minute: 600, at_most: 600,",
            "without a check of the key | 600 | 600 |",
        ),
        (
            "gateway/src/http/rate_limit.rs",
            "MUTATIONS: Rate = Rate { per_minute: 1_200, at_most: 400,",
            "codes | 1200 | 400 |",
        ),
        (
            "gateway/src/http/rate_limit.rs",
            "PAGES: Rate = Rate { per_minute: 12_000, at_most: 4_000,",
            "pages of payers | 12000 | 4000 |",
        ),
        (
            "gateway/src/http/rate_limit.rs",
            "CHECKOUT: Rate = Rate { per_minute: 60, at_most: 60,",
            "`check` | 60 | 60 |",
        ),
        (
            "gateway/src/http/rate_limit.rs",
            "PEAK_SECONDS: i64 = 20",
            "20 seconds' worth",
        ),
        (
            "gateway/src/book/links.rs",
            "HELD_BY_ONE: i64 = 5",
            "at least 5, or",
        ),
        (
            "gateway/src/handlers/admin/metrics.rs",
            "MERCHANTS: i64 = 200",
            "lists 200 merchants",
        ),
        (
            "gateway/src/handlers/admin/merchants.rs",
            "RESEALED_AT_ONCE: i64 = 100",
            "of 100 merchants",
        ),
        (
            "gateway/src/merchants/registry/people.rs",
            "WRONG_AT_ONCE: i64 = 10",
            "| 1 in 6 minutes | 10 |",
        ),
        (
            "gateway/src/merchants/registry/people.rs",
            "WRONG_APART_MS: i64 = 6 * 60 * 1000",
            "| 1 in 6 minutes | 10 |",
        ),
        (
            "gateway/src/config.rs",
            "return Ok(300)",
            "(300 unless set)",
        ),
        (
            "gateway/src/runtime.rs",
            "Self::Ionline | Self::Weixin => 5_000",
            "or OAuth | 5 s |",
        ),
        (
            "gateway/src/runtime.rs",
            "Self::Statement => 10_000",
            "a statement | 10 s |",
        ),
        (
            "gateway/src/runtime.rs",
            "Self::Assets => 2_000",
            "own files | 2 s, 8 MiB |",
        ),
    ] {
        let source = fs::read_to_string(root().join(file)).unwrap();
        let source = source.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(source.contains(constant), "{file} has no {constant}");
        assert!(
            number(&document).contains(&number(rows)),
            "docs/operations.md does not say {rows}"
        );
    }
}

/// The document has a heading for each path of the API.
#[test]
fn every_path_of_the_api_is_described() {
    let document = fs::read_to_string(root().join("docs/api.md")).unwrap();
    for route in gateway::route::ROUTES {
        let described = !route.path.starts_with("/v1/") || document.contains(route.path);
        assert!(described, "{} is not in docs/api.md", route.path);
    }
}

/// The table of mistakes has the mistakes of the simulation, in their order.
#[test]
fn the_mistakes_in_the_documents_are_those_that_are_made() {
    let made: Vec<&str> = xtask::simulate::mutants::MUTANTS
        .iter()
        .map(|mutant| mutant.name)
        .collect();
    let document = fs::read_to_string(root().join("docs/simulation.md")).unwrap();
    let (_, table) = document
        .split_once("| mistake | invariant | after seeds |\n")
        .unwrap();
    let rows = table
        .lines()
        .skip(1)
        .map_while(|line| line.strip_prefix("| "));
    let listed: Vec<&str> = rows.filter_map(|row| row.split(" | ").next()).collect();
    assert_eq!(listed, made, "docs/simulation.md");
}

/// The items of Tencent's checklist, by letter.
const CHECKLIST: [(char, u32); 8] = [
    ('G', 10),
    ('Q', 7),
    ('P', 8),
    ('J', 5),
    ('H', 4),
    ('I', 4),
    ('R', 4),
    ('S', 3),
];

/// Each item has a row, and each row a test whose name begins with the item.
#[test]
fn every_item_of_the_checklist_has_a_test_with_its_name() {
    let document = fs::read_to_string(root().join("docs/checklist.md")).unwrap();
    for (letter, last) in CHECKLIST {
        for number in 1..=last {
            let item = format!("{letter}{number}");
            let row = document
                .lines()
                .find(|line| line.starts_with(&format!("| **{item}** |")))
                .unwrap_or_else(|| panic!("{item} has no row"));
            let item = item.to_ascii_lowercase();
            let mut tests = row.split('`').skip(1).step_by(2);
            assert!(
                tests.any(|name| name.split('_').any(|part| part == item)),
                "{item} has no test that names it"
            );
        }
    }
}

/// Each row of the threat model names a test.
#[test]
fn every_attack_of_the_threat_model_has_a_test() {
    let document = fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| attack |");
    let rows: Vec<&str> = document.lines().filter(is_row).collect();
    assert!(rows.len() > 70, "this test no longer finds the rows");
    for row in rows {
        let [_, _, tests] = row.trim_matches('|').split(" | ").collect::<Vec<_>>()[..] else {
            panic!("not three columns: {row}");
        };
        assert!(
            tests.split('`').skip(1).step_by(2).any(is_a_test),
            "no test: {row}"
        );
    }
}

fn is_a_test(name: &str) -> bool {
    let may = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    // The one field with a name as long as a test's.
    name.len() > 16 && name.bytes().all(may) && name != "refund_notify_url"
}

/// The name of a suite in the documents, and its directory.
const PLACES: [(&str, &str); 12] = [
    ("memory", "tests/memory"),
    ("http", "tests/http"),
    ("browser", "tests/browser"),
    ("architecture", "tests/architecture"),
    ("fuzzing", "tests/fuzz"),
    ("simulation", "tests/simulation"),
    ("order", "order"),
    ("wechatpay", "wechatpay"),
    ("checkout", "checkout"),
    ("gateway", "gateway"),
    ("sandbox", "sandbox"),
    ("app", "app"),
];

/// The tests of a source: functions under `#[test]` that are not ignored.
pub(crate) fn tests_of(source: &str) -> Vec<&str> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let is_above = |line: &&&str| line.starts_with("#[") || line.starts_with("//");
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some((name, _)) = line
            .strip_prefix("fn ")
            .and_then(|rest| rest.split_once('('))
        else {
            continue;
        };
        let above: Vec<&&str> = lines[..at].iter().rev().take_while(is_above).collect();
        let has = |attribute: &str| above.iter().any(|line| line.starts_with(attribute));
        if has("#[test]") && !has("#[ignore") && !has("#[cfg(any())") {
            found.push(name);
        }
    }
    found
}

/// Each test that a document names, with its suite: the word before it in its
/// cell, which also applies to those after a comma.
fn named_in(document: &str) -> Vec<(Option<&'static str>, &str)> {
    let mut named = Vec::new();
    for line in document.lines() {
        let mut place = None;
        for (at, piece) in line.split('`').enumerate() {
            if at % 2 == 1 {
                if is_a_test(piece) {
                    named.push((place, piece));
                }
                continue;
            }
            if piece.contains([';', '|', '.']) {
                place = None;
            }
            let last = piece.rsplit([';', '|', '.']).next().unwrap_or_default();
            for word in last.split(|c: char| !c.is_ascii_alphabetic()) {
                let known = PLACES.iter().find(|(name, _)| *name == word);
                place = known.map(|(_, folder)| *folder).or(place);
            }
        }
    }
    named
}

#[test]
fn a_documents_tests_are_read_with_their_places() {
    let row = "| order | x `a_name_that_is_long_enough` | memory `the_first_test_of_it`, \
               `the_second_test_of_it`; http `the_third_test_of_it`; `the_fourth_test_of_it` |";
    let memory = Some("tests/memory");
    assert_eq!(
        named_in(row),
        [
            (None, "a_name_that_is_long_enough"),
            (memory, "the_first_test_of_it"),
            (memory, "the_second_test_of_it"),
            (Some("tests/http"), "the_third_test_of_it"),
            (None, "the_fourth_test_of_it"),
        ]
    );
    let source = "#[test]\nfn one() {}\nfn two() {}\n/// x\n#[test]\n#[ignore = \"slow\"]\nfn three() {}\n\
                  #[cfg(test)]\n// x\n#[test]\n#[should_panic]\nfn four() {}";
    assert_eq!(tests_of(source), ["one", "four"]);
}

/// Every test that a document names exists in the suite that the document
/// gives.
#[test]
fn every_test_that_the_documents_name_exists() {
    let mut tests = Vec::new();
    for (_, folder) in PLACES {
        for path in super::files_below(folder, ".rs") {
            let source = fs::read_to_string(path).unwrap();
            let found = tests_of(&source).into_iter();
            tests.extend(found.map(|name| (folder, name.to_owned())));
        }
    }
    let mut named = 0;
    for document in [
        "contract-coverage",
        "checklist",
        "threat-model",
        "crash-testing",
        "fuzzing",
    ] {
        let path = root().join(format!("docs/{document}.md"));
        for (place, name) in named_in(&fs::read_to_string(path).unwrap()) {
            named += 1;
            let is_there = |(folder, test): &(&str, String)| {
                test == name && place.is_none_or(|place| place == *folder)
            };
            assert!(
                tests.iter().any(is_there),
                "docs/{document}.md: no test in {} is called {name}",
                place.unwrap_or("any crate")
            );
        }
    }
    assert!(named > 200, "this test no longer finds the names");
}
