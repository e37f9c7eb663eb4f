//! Endpoints: made, listed, changed, rotated and deleted; what is refused.

use crate::api::lists::get;
use serde_json::{Value, json};
use tests::memory::{Memory, Shop};

/// Where events go in these tests.
pub const EVENTS_URL: &str = "https://shop.example.com/events";

/// Makes an endpoint for these types; for all where there is none. Its id and its
/// secret.
pub fn endpoint(shop: &Shop, types: &[&str]) -> (String, String) {
    endpoint_at(shop, EVENTS_URL, types)
}

pub fn endpoint_at(shop: &Shop, url: &str, types: &[&str]) -> (String, String) {
    let mut body = json!({ "url": url });
    if !types.is_empty() {
        body["events"] = json!(types);
    }
    let (status, answer) = shop.call("POST", "/v1/endpoints", body.to_string());
    assert_eq!(status, 200, "{answer}");
    let text = |name: &str| answer["data"][name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

fn code(shop: &Shop, method: &str, path: &str, body: &Value) -> (u16, String, String) {
    let (status, answer) = shop.call(method, path, body.to_string());
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    (status, text("code"), text("field"))
}

#[test]
fn an_endpoint_is_made_listed_changed_and_deleted_and_its_secret_shown_once() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (id, secret) = endpoint(&shop, &["order.paid"]);
    assert!(secret.starts_with("whsec_"), "{secret}");
    let path = format!("/v1/endpoints/{id}");
    let listed = get(&shop, "/v1/endpoints")["endpoints"][0].clone();
    assert_eq!(listed, get(&shop, &path));
    for (name, value) in [
        ("url", json!(EVENTS_URL)),
        ("events", json!(["order.paid"])),
        ("active", json!(true)),
        ("description", Value::Null),
        ("failures", json!(0)),
    ] {
        assert_eq!(listed[name], value, "{name}");
    }
    let change = json!({"active": false, "events": null, "description": "till"});
    let (status, changed) = shop.call("PATCH", &path, change.to_string());
    assert_eq!(status, 200, "{changed}");
    assert_eq!(changed["data"]["active"], false);
    assert_eq!(changed["data"]["events"], Value::Null);
    let (_, changed) = shop.call("PATCH", &path, json!({"active": true}).to_string());
    assert_eq!(changed["data"]["description"], "till");
    let (status, rotated) = shop.call("POST", &format!("{path}/rotate"), "");
    assert_eq!(status, 200, "{rotated}");
    let second = rotated["data"]["secret"].as_str().unwrap().to_owned();
    assert_ne!(second, secret);
    // Neither is shown again, logged, or stored as it is.
    let disk = world.database("demo");
    let sql = "SELECT secret || previous_secret FROM endpoints";
    let stored: String = disk
        .connection()
        .query_row(sql, [], |row| row.get(0))
        .unwrap();
    for secret in [&secret, &second] {
        for path in ["/v1/endpoints", &path, "/v1/events", "/v1/audit"] {
            assert!(
                !get(&shop, path).to_string().contains(secret.as_str()),
                "{path}"
            );
        }
        assert!(!stored.contains(secret.as_str()));
    }
    assert_eq!(shop.call("DELETE", &path, "").0, 200);
    for (method, path) in [
        ("GET", path.clone()),
        ("DELETE", path.clone()),
        ("POST", format!("{path}/rotate")),
        ("POST", format!("{path}/test")),
    ] {
        let found = code(&shop, method, &path, &json!({}));
        assert_eq!(
            (found.0, found.1.as_str()),
            (404, "ENDPOINT_NOT_FOUND"),
            "{method} {path}"
        );
    }
}

#[test]
fn what_is_wrong_is_refused_by_name_and_nothing_is_stored() {
    let world = Memory::new(false);
    let shop = world.shop("demo");
    let mut cases = vec![(json!({}), "FIELD_MISSING", "url")];
    for url in [
        "http://shop.example.com/events",
        "https://127.0.0.1/",
        "https://10.0.0.1/events",
        "https://[::1]/",
        "https://169.254.169.254/latest",
        "https://metadata.google.internal/",
        "https://localhost/",
        "https://shop.example.com:22/",
        "https://user:pass@shop.example.com/",
        "https://shop.example.com/#x",
        "ftp://shop.example.com/",
        "x",
    ] {
        cases.push((json!({ "url": url }), "NOTIFY_URL_REFUSED", "url"));
    }
    for events in [
        json!([]),
        json!(["order.made"]),
        json!(["test"]),
        json!(["order.paid", "order.paid"]),
        json!("order.paid"),
        json!([1]),
    ] {
        let body = json!({"url": EVENTS_URL, "events": events});
        cases.push((body, "FIELD_INVALID", "events"));
    }
    let body = json!({"url": EVENTS_URL, "description": "x".repeat(201)});
    cases.push((body, "FIELD_INVALID", "description"));
    for (body, expected, field) in cases {
        let found = code(&shop, "POST", "/v1/endpoints", &body);
        assert_eq!(
            (found.1.as_str(), found.2.as_str()),
            (expected, field),
            "{body}"
        );
    }
    assert_eq!(get(&shop, "/v1/endpoints")["endpoints"], json!([]));
    let (id, _) = endpoint(&shop, &[]);
    let path = format!("/v1/endpoints/{id}");
    for (body, field) in [
        (json!({"url": EVENTS_URL}), "url"),
        (json!({"active": "yes"}), "active"),
        (json!({"events": []}), "events"),
    ] {
        let found = code(&shop, "PATCH", &path, &body);
        assert_eq!(
            (found.1.as_str(), found.2.as_str()),
            ("FIELD_INVALID", field),
            "{body}"
        );
    }
    let found = code(&shop, "POST", &format!("{path}/resend"), &json!({}));
    assert_eq!(found.1, "FIELD_MISSING");
    for _ in 1..16 {
        endpoint(&shop, &[]);
    }
    let body = json!({ "url": EVENTS_URL });
    assert_eq!(
        code(&shop, "POST", "/v1/endpoints", &body).1,
        "TOO_MANY_ENDPOINTS"
    );
    assert_eq!(
        get(&shop, "/v1/endpoints")["endpoints"]
            .as_array()
            .unwrap()
            .len(),
        16
    );
}

#[test]
fn another_merchants_endpoint_is_not_found() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let other = world.shop("other");
    let (id, _) = endpoint(&other, &[]);
    let path = format!("/v1/endpoints/{id}");
    for (method, path, body) in [
        ("GET", path.clone(), json!({})),
        ("PATCH", path.clone(), json!({"active": false})),
        ("DELETE", path.clone(), json!({})),
        ("POST", format!("{path}/rotate"), json!({})),
        ("POST", format!("{path}/test"), json!({})),
        ("POST", format!("{path}/resend"), json!({"since_ms": 0})),
    ] {
        let found = code(&shop, method, &path, &body);
        assert_eq!(
            (found.0, found.1.as_str()),
            (404, "ENDPOINT_NOT_FOUND"),
            "{method} {path}"
        );
    }
    assert_eq!(get(&other, &path)["active"], true);
    assert_eq!(get(&shop, "/v1/endpoints")["endpoints"], json!([]));
}
