//! The doctor: problems of a merchant's settings, in words.

use crate::fixtures::body;
use serde_json::{Value, json};
use testkit::demo::MERCHANTS;
use tests::memory::{Memory, Upstream};

/// The checks of this merchant after a change of its settings.
fn examined(world: &Memory, id: &str, change: &Value) -> Value {
    let mut body = body(world, id);
    let fields = body.as_object_mut().unwrap();
    fields.extend(change.as_object().unwrap().clone());
    let shop = world.shop_with(id, &body);
    let (status, answer) = shop.call("GET", "/v1/doctor", "");
    assert_eq!(status, 200, "{answer}");
    answer["data"].clone()
}

fn check<'a>(found: &'a Value, name: &str) -> (&'a Value, &'a str) {
    let checks = found["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("no {name} in {found}"));
    (&check["ok"], check["says"].as_str().unwrap())
}

#[test]
fn every_demo_merchant_is_healthy() {
    for kind in MERCHANTS {
        let world = Memory::new(false);
        let found = examined(&world, kind.id, &json!({}));
        assert_eq!(found["healthy"], true, "{}: {found}", kind.id);
        for name in ["keys", "appid", "notify_url"] {
            assert_eq!(check(&found, name).0, true, "{}: {found}", kind.id);
        }
        if kind.dialect == "v3" {
            assert_eq!(check(&found, "clock").0, true, "{}", kind.id);
            assert_eq!(check(&found, "certificates").0, true, "{}", kind.id);
        }
        let (_, says) = check(&found, "jsapi_directory");
        assert!(says.contains("https://pay.example.com/pay/"), "{says}");
    }
}

#[test]
fn a_wrong_key_is_the_only_failed_check() {
    for (id, change) in [
        ("demo", json!({"api_key": "x".repeat(32)})),
        ("harbour", json!({"api_key": "x".repeat(32)})),
        ("night-ionline", json!({"api_key": "x".repeat(32)})),
        ("demo-v3", json!({"api_key": "x".repeat(32)})),
        ("demo-v3", json!({"serial_no": "ABCDEF"})),
    ] {
        let world = Memory::default();
        let found = examined(&world, id, &change);
        assert_eq!(found["healthy"], false, "{id}: {found}");
        let (ok, says) = check(&found, "keys");
        assert_eq!(ok, false, "{id}: {found}");
        assert!(says.len() > 20 && says.ends_with('.'), "{id}: {says}");
        assert!(
            !found.to_string().contains("xxxxxxxx"),
            "{id}: a key is shown"
        );
    }
}

#[test]
fn each_other_problem_is_explained_in_words() {
    let world = Memory::default();
    let found = examined(&world, "demo", &json!({"appid": "wx5a11d0b0c0ffee03"}));
    assert_eq!(check(&found, "keys").0, false, "{found}");
    assert!(check(&found, "keys").1.contains("appid"), "{found}");

    let world = Memory::default();
    let found = examined(&world, "demo", &json!({"app_secret": "wrong"}));
    let (ok, says) = check(&found, "app_secret");
    assert_eq!(ok, false, "{found}");
    assert!(says.contains("app secret is wrong"), "{says}");

    let world = Memory::default();
    world.upstream([Upstream::LosesRequest; 3]);
    let found = examined(&world, "demo", &json!({}));
    assert!(
        check(&found, "keys").1.contains("does not answer"),
        "{found}"
    );
}

#[test]
fn a_wrong_clock_is_found() {
    let world = Memory::default();
    let forgery = json!({"forge_next": {"forgery": "CLOCK_SKEW", "on": "answer", "times": 9}});
    world.control("/sandbox/faults", &forgery);
    let found = examined(&world, "demo-v3", &json!({}));
    let (ok, says) = check(&found, "clock");
    assert_eq!(ok, false, "{found}");
    assert!(says.contains("301 seconds behind"), "{says}");
}

#[test]
fn the_doctors_order_is_closed_and_cannot_be_paid() {
    let world = Memory::default();
    examined(&world, "demo", &json!({}));
    let orders = world.orders_at_wechat();
    let [order] = orders.as_array().unwrap().as_slice() else {
        panic!("{orders}");
    };
    assert_eq!(order["trade_state"], "CLOSED", "{order}");
}

#[test]
fn a_differing_clock_fails_its_check_and_not_the_appids() {
    for id in ["demo", "demo-v3", "night-ionline"] {
        let world = Memory::default();
        world.control("/sandbox/time", &json!({"advance_seconds": 86_400}));
        let shop = world.shop_with(id, &body(&world, id));
        let examine = || shop.call("GET", "/v1/doctor", "").1["data"].clone();
        let found = examine();
        assert_eq!(found["healthy"], false, "{id}: {found}");
        assert_eq!(check(&found, "appid").0, true, "{id}: {found}");
        let (ok, says) = check(&found, "clock");
        assert_eq!(ok, false, "{id}: {says}");
        assert!(says.contains("{\"ahead_seconds\": 0}"), "{id}: {says}");
        let clocks = found["checks"].as_array().unwrap().iter();
        assert_eq!(clocks.filter(|check| check["name"] == "clock").count(), 1);

        // The clock is set back, and a payment works again.
        world.control("/sandbox/time", &json!({"ahead_seconds": 0}));
        world.advance(61);
        let found = examine();
        assert_eq!(found["healthy"], true, "{id}: {found}");
    }
}

#[test]
fn a_refused_appid_is_not_reported_as_a_clock() {
    let world = Memory::default();
    let granted = json!({"trade_types": ["JSAPI"]});
    world.control("/sandbox/merchants/1900000109", &granted);
    let found = examined(&world, "demo", &json!({}));
    assert_eq!(check(&found, "appid").0, false, "{found}");
    assert!(!found.to_string().contains("ahead_seconds"), "{found}");
}
