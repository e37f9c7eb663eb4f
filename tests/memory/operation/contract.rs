//! The interfaces that an operator's tools and a merchant's programs read: the
//! text of `/metrics`, the log lines of a request, and the methods of each
//! path. These are contracts: a line in `contract/` changes only together with
//! a note in CHANGELOG.md.

use gateway::route::ROUTES;
use serde_json::json;
use std::fmt::Write;
use tests::memory::{ADMIN_TOKEN, GATEWAY, Memory, SHOP_NOTIFY};

/// On a difference the test prints the gateway's whole current text.
fn same(file: &str, text: &str, expected: &str) {
    assert!(text == expected, "contract/{file} differs from:\n{text}");
}

/// A merchant with a paid and refunded order and a rejected notice, and three
/// calls with ids of their own.
fn day() -> Memory {
    let world = Memory::default();
    let shop = world.shop("demo");
    let send = |method: &str, path: &str, id: &str, headers: &[(&str, &str)], body: String| {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{GATEWAY}{path}"))
            .header("x-request-id", id)
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        world.send(request.body(body.into_bytes()).unwrap())
    };
    let keys = [
        ("api-key", shop.api_key.as_str()),
        ("api-secret", shop.api_secret.as_str()),
    ];
    let order = json!({"out_trade_no": "1", "body": "Tea", "total_fee": 150,
                       "trade_type": "NATIVE", "notify_url": SHOP_NOTIFY});
    let made = send(
        "POST",
        "/v1/order",
        "id-of-an-order",
        &keys,
        order.to_string(),
    );
    let made: serde_json::Value = serde_json::from_slice(made.body()).unwrap();
    let scan = json!({"code_url": made["data"]["code_url"], "payer": "alice", "action": "pay"});
    world.control("/sandbox/scan", &scan);
    world.advance(1);
    let refund = json!({"out_trade_no": "1", "refund_fee": 50});
    send(
        "POST",
        "/v1/refund",
        "id-of-a-refund",
        &keys,
        refund.to_string(),
    );
    send(
        "GET",
        "/v1/order",
        "id-of-a-refusal",
        &[("api-key", "live_x")],
        String::new(),
    );
    send(
        "POST",
        "/notify/v2/demo",
        "id-of-a-notice",
        &[],
        "<xml></xml>".to_owned(),
    );
    send(
        "GET",
        "/pay/status?s=demo.x",
        "id-of-a-quiet-call",
        &[],
        String::new(),
    );
    world.advance(300);
    world
}

#[test]
fn the_text_of_the_metrics_is_unchanged() {
    let world = day();
    let request = http::Request::get(format!("{GATEWAY}/metrics"))
        .header("authorization", format!("Bearer {ADMIN_TOKEN}"))
        .body(Vec::new());
    let answer = world.send(request.unwrap());
    let text = String::from_utf8(answer.into_body()).unwrap();
    // The size of a database depends on the version of SQLite.
    let is_size = |line: &&str| line.starts_with("weceive_storage_bytes{");
    let lines = text.lines().filter(|line| !is_size(line));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    same("metrics.txt", &text, include_str!("contract/metrics.txt"));
}

#[test]
fn the_log_lines_of_a_request_are_unchanged() {
    let world = day();
    // A refund's number and a key's fingerprint are random.
    let text: String = world
        .log_text()
        .lines()
        .filter(|line| line.contains("\"request\":\"id-of-"))
        .map(|line| {
            let (before, who) = line.split_once("\"who\":\"key ").unwrap_or((line, ""));
            match who.split_once('"') {
                Some((_, after)) => format!("{before}\"who\":\"key …\"{after}\n"),
                None => format!("{line}\n"),
            }
        })
        .collect();
    same("log.txt", &text, include_str!("contract/log.txt"));
}

/// Every path refuses a method that it does not have, also one that HTTP does
/// not know, with the allowed methods.
#[test]
fn the_methods_of_each_path_are_unchanged() {
    let world = Memory::default();
    let mut paths: Vec<&str> = ROUTES.iter().map(|route| route.path).collect();
    paths.dedup();
    let mut text = String::new();
    for path in paths {
        let concrete: String = path
            .split('/')
            .map(|part| if part.starts_with('{') { "demo" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for method in ["TRACE", "QUERY"] {
            let request = http::Request::builder()
                .method(method)
                .uri(format!("{GATEWAY}{concrete}"))
                .body(Vec::new());
            let answer = world.send(request.unwrap());
            let allow = answer
                .headers()
                .get("allow")
                .map(|allow| allow.to_str().unwrap());
            let (status, allow) = (answer.status().as_u16(), allow.unwrap_or("-"));
            writeln!(text, "{method} {path} {status} {allow}").unwrap();
        }
    }
    same("methods.txt", &text, include_str!("contract/methods.txt"));
}
