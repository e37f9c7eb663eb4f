//! The lines of a checkout, and the settings of its merchant that can be
//! changed.

use crate::checkout::sign_in::{Browser, DESKTOP};
use crate::fixtures::body;
use serde_json::{Value, json};
use tests::memory::{ADMIN_TOKEN, Memory, Shop};

fn made(shop: &Shop, change: &Value) -> (u16, Value) {
    let mut body = json!({"out_trade_no": "1", "body": "Oolong", "total_fee": 8800});
    let fields = body.as_object_mut().unwrap();
    fields.extend(change.as_object().unwrap().clone());
    shop.call("POST", "/v1/checkout", body.to_string())
}

#[test]
fn lines_add_up_to_the_amount_or_are_refused_by_name() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let line = |quantity: Value, unit: Value| json!({"name": "Tea", "quantity": quantity, "unit_amount": unit});
    let long = "x".repeat(257);
    for (lines, code, field) in [
        (
            json!([line(json!(2), json!(4401))]),
            "LINES_MISMATCH",
            "lines",
        ),
        (
            json!([line(json!(1), json!(8799))]),
            "LINES_MISMATCH",
            "lines",
        ),
        (
            json!([line(json!(0), json!(8800))]),
            "FIELD_INVALID",
            "lines[0].quantity",
        ),
        (
            json!([line(json!(1), json!(0))]),
            "FIELD_INVALID",
            "lines[0].unit_amount",
        ),
        (
            json!([line(json!(1), json!(-1))]),
            "FIELD_INVALID",
            "lines[0].unit_amount",
        ),
        (
            json!([line(json!(1), json!("88.00"))]),
            "FIELD_INVALID",
            "lines[0].unit_amount",
        ),
        (
            json!([line(json!(99_999), json!(2_147_483_647))]),
            "AMOUNT_INVALID",
            "lines[0].quantity",
        ),
        (
            json!([{"unit_amount": 8800}]),
            "FIELD_MISSING",
            "lines[0].name",
        ),
        (
            json!([line(json!(1), json!(8800)), {"name": "x"}]),
            "FIELD_MISSING",
            "lines[1].unit_amount",
        ),
        (
            json!([{"name": long, "unit_amount": 8800}]),
            "FIELD_INVALID",
            "lines[0].name",
        ),
        (
            json!([{"name": "a\nb", "unit_amount": 8800}]),
            "FIELD_INVALID",
            "lines[0].name",
        ),
        (json!(["Tea"]), "FIELD_INVALID", "lines"),
        (json!({"name": "Tea"}), "FIELD_INVALID", "lines"),
        (
            json!(vec![line(json!(1), json!(1)); 51]),
            "FIELD_INVALID",
            "lines",
        ),
    ] {
        let (status, answer) = made(&shop, &json!({ "lines": lines }));
        assert_eq!(
            (status, &answer["code"]),
            (400, &json!(code)),
            "{lines}: {answer}"
        );
        assert_eq!(answer["field"], field, "{lines}: {answer}");
    }
    for metadata in [
        json!("text"),
        json!({"name": ["list"]}),
        json!({"name": "x".repeat(501)}),
        json!({"x".repeat(41): "text"}),
        Value::Object((0..21).map(|n| (n.to_string(), json!("x"))).collect()),
    ] {
        let (status, answer) = made(&shop, &json!({ "metadata": metadata }));
        assert_eq!(
            (status, &answer["code"]),
            (400, &json!("FIELD_INVALID")),
            "{answer}"
        );
        assert!(
            answer["field"].as_str().unwrap().starts_with("metadata"),
            "{answer}"
        );
    }
}

#[test]
fn lines_and_metadata_are_returned_and_the_payer_sees_the_lines() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let lines = json!([
        {"name": "Oolong <b>", "quantity": 2, "unit_amount": "4000"},
        {"name": "Postage", "unit_amount": 800},
    ]);
    let change = json!({"lines": lines, "metadata": {"shelf": "the-merchants-secret-shelf"}});
    let (status, answer) = made(&shop, &change);
    assert_eq!(status, 200, "{answer}");
    let url = answer["data"]["url"].clone();
    assert_eq!(
        made(&shop, &change).1["data"]["url"],
        url,
        "the same checkout"
    );
    let (status, other) = made(&shop, &json!({ "lines": lines }));
    assert_eq!(
        (status, &other["field"]),
        (409, &json!("metadata")),
        "{other}"
    );
    let (_, other) = made(&shop, &json!({"metadata": change["metadata"]}));
    assert_eq!(other["field"], "lines", "{other}");

    let (_, found) = shop.call("GET", "/v1/checkout?out_trade_no=1", "");
    assert_eq!(
        found["data"]["lines"],
        json!([
            {"name": "Oolong <b>", "quantity": 2, "unit_amount": "4000"},
            {"name": "Postage", "quantity": 1, "unit_amount": "800"},
        ])
    );
    assert_eq!(found["data"]["metadata"], change["metadata"]);
    assert_eq!(found["data"]["state"], "open");
    assert_eq!(found["data"]["attempts"], json!([]));
    let (status, missing) = shop.call("GET", "/v1/checkout?out_trade_no=2", "");
    assert_eq!((status, &missing["code"]), (404, &json!("ORDER_NOT_FOUND")));
    let other = world.shop("other");
    assert_eq!(other.call("GET", "/v1/checkout?out_trade_no=1", "").0, 404);

    let (status, _, html) = Browser::new(&world, DESKTOP).get(url.as_str().unwrap());
    assert_eq!(status, 200);
    let row = "<dt>Oolong &lt;b&gt; <small>2 × HK$40.00</small></dt><dd>HK$80.00</dd>";
    assert!(html.contains(row), "{html}");
    assert!(html.contains("<dt>Postage</dt><dd>HK$8.00</dd>"), "{html}");
    assert!(!html.contains("Oolong <b>") && !html.contains("secret-shelf"));
}

/// The nonce of the lines' style allows only that style.
/// A host's strict policy has no nonce, so the style sheet has the rules.
#[test]
fn a_page_with_lines_has_no_style_of_its_own() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let with = json!({"lines": [{"name": "Oolong", "unit_amount": 8800}]});
    let without = json!({"out_trade_no": "2"});
    for (change, has_lines) in [(with, true), (without, false)] {
        let (_, answer) = made(&shop, &change);
        let request = http::Request::get(answer["data"]["url"].as_str().unwrap())
            .header("user-agent", DESKTOP)
            .body(Vec::new())
            .unwrap();
        let page = world.send(request);
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        let html = String::from_utf8_lossy(page.body()).into_owned();
        let styles = policy.split("style-src ").nth(1).unwrap();
        assert_eq!(styles.split(';').next().unwrap(), "'self'");
        assert!(!html.contains("<style"), "{html}");
        assert_eq!(html.contains("class=\"lines\""), has_lines);
    }
}

fn secret_check(shop: &Shop) -> Option<Value> {
    let (_, answer) = shop.call("GET", "/v1/doctor", "");
    let checks = answer["data"]["checks"].as_array().unwrap();
    let check = checks.iter().find(|c| c["name"] == "mini_program_secret");
    check.map(|check| check["ok"].clone())
}

#[test]
fn a_mini_program_is_given_to_a_merchant_later_and_the_doctor_tries_its_secret() {
    let world = Memory::default();
    let own = body(&world, "demo");
    let mut without = own.clone();
    for name in ["mini_program", "mini_program_secret"] {
        assert!(without.as_object_mut().unwrap().remove(name).is_some());
    }
    let shop = world.shop_with("demo", &without);
    assert_eq!(secret_check(&shop), None);
    for (change, found) in [
        (json!({"mini_program": own["mini_program"]}), json!(false)),
        (json!({"mini_program_secret": "f".repeat(32)}), json!(false)),
        (
            json!({"mini_program_secret": own["mini_program_secret"]}),
            json!(true),
        ),
        // A field that is not sent is unchanged.
        (json!({"name": "Another Tea House"}), json!(true)),
    ] {
        let (status, answer) = world.change_merchant("demo", &change);
        assert_eq!(status, 200, "{answer}");
        assert!(!answer.to_string().contains(&"f".repeat(32)), "{answer}");
        world.advance(61);
        assert_eq!(secret_check(&shop), Some(found), "{change}");
    }
    let (_, answer) = world.change_merchant("demo", &json!({"mini_program": null}));
    assert_eq!(answer["data"]["mini_program"], Value::Null);
    assert_eq!(answer["data"]["name"], "Another Tea House");
    world.advance(61);
    assert_eq!(secret_check(&shop), None);
}

#[test]
fn wrong_changes_of_a_merchant_are_refused_by_name() {
    let world = Memory::new(false);
    world.shop("demo");
    for (id, token, change, status, code, field) in [
        ("demo", "wrong", json!({}), 401, "ADMIN_TOKEN_WRONG", ""),
        (
            "nobody",
            ADMIN_TOKEN,
            json!({}),
            404,
            "MERCHANT_NOT_FOUND",
            "",
        ),
        (
            "demo",
            ADMIN_TOKEN,
            json!({"mch_id": "1"}),
            400,
            "FIELD_INVALID",
            "mch_id",
        ),
        (
            "demo",
            ADMIN_TOKEN,
            json!({"name": null}),
            400,
            "FIELD_MISSING",
            "name",
        ),
        (
            "demo",
            ADMIN_TOKEN,
            json!({"mini_program_secret": "x"}),
            400,
            "FIELD_MISSING",
            "mini_program",
        ),
        (
            "demo",
            ADMIN_TOKEN,
            json!({"refund_notify_url": "https://10.0.0.1/"}),
            400,
            "NOTIFY_URL_REFUSED",
            "refund_notify_url",
        ),
    ] {
        let (got, answer) = world.admin_as("PATCH", &format!("/merchants/{id}"), token, &change);
        assert_eq!(
            (got, &answer["code"]),
            (status, &json!(code)),
            "{change}: {answer}"
        );
        assert_eq!(answer["field"].as_str().unwrap_or(""), field, "{change}");
    }
}
