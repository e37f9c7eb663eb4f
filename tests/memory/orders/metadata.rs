//! `metadata` of orders: stored, listed, part of the terms, never sent to WeChat.

use crate::api::lists::get;
use crate::checkout::sign_in::{Browser, DESKTOP, call};
use crate::fixtures::{each, order};
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, Shop};

fn with(number: &str, metadata: &Value) -> Value {
    let mut body = order(number);
    body["metadata"] = metadata.clone();
    body
}

fn make(shop: &Shop, path: &str, body: &Value) -> (u16, Value) {
    shop.call("POST", path, body.to_string())
}

fn listed(shop: &Shop, number: &str) -> Value {
    get(shop, &format!("/v1/orders?q={number}"))["orders"][0]["metadata"].clone()
}

fn quick_pay(world: &Memory, number: &str, metadata: &Value) -> Value {
    let asked = json!({"payer": "alice", "behaviour": "pays"});
    let code = world.control("/sandbox/paycode", &asked)["auth_code"].clone();
    json!({"out_trade_no": number, "body": "One cup", "total_fee": 1200, "auth_code": code,
           "metadata": metadata})
}

#[test]
fn an_orders_metadata_is_listed_and_wechat_does_not_get_it() {
    each(|world, kind, shop| {
        let metadata = json!({"shelf": "the-merchants-secret-shelf", "茶": "a & b"});
        let mut paths = vec![("/v1/order", with("M1", &metadata))];
        if kind.dialect != "ionline" {
            paths.push(("/v1/micropay", quick_pay(world, "M2", &metadata)));
        }
        for (path, body) in &paths {
            let (status, answer) = make(shop, path, body);
            assert_eq!(status, 200, "{} {path}: {answer}", kind.id);
            let number = body["out_trade_no"].as_str().unwrap();
            assert_eq!(listed(shop, number), metadata, "{} {path}", kind.id);
            // The documented call has WeChat's names.
            assert_eq!(shop.status(number).get("metadata"), None);
        }
        for exchange in world.exchanges() {
            assert!(!exchange.body.contains("secret-shelf"), "{}", kind.id);
        }
        assert!(!world.log_text().contains("secret-shelf"), "{}", kind.id);
    });
}

#[test]
fn the_same_order_with_other_metadata_is_refused_by_name() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let metadata = json!({"shelf": "7"});
    for (path, body) in [
        ("/v1/order", with("M1", &metadata)),
        ("/v1/micropay", quick_pay(&world, "M2", &metadata)),
    ] {
        let (_, first) = make(&shop, path, &body);
        assert_eq!(make(&shop, path, &body).1, first, "{path}");
        for other in [json!({"shelf": "8"}), json!({}), json!(null)] {
            let mut changed = body.clone();
            changed["metadata"] = other.clone();
            let (status, answer) = make(&shop, path, &changed);
            assert_eq!(
                (status, &answer["code"], &answer["field"]),
                (
                    409,
                    &json!("ORDER_EXISTS_WITH_DIFFERENT_TERMS"),
                    &json!("metadata")
                ),
                "{path} {other}: {answer}"
            );
        }
    }
    // No metadata, an empty object and an empty text are equal.
    let (_, first) = make(&shop, "/v1/order", &order("M3"));
    for same in [json!({}), json!(null), json!({"shelf": ""})] {
        assert_eq!(
            make(&shop, "/v1/order", &with("M3", &same)).1["data"],
            first["data"],
            "{same}"
        );
    }
    assert_eq!(listed(&shop, "M3"), json!({}));
}

#[test]
fn wrong_metadata_is_refused_before_wechat_is_asked() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for metadata in [
        json!("text"),
        json!([]),
        json!({"name": ["list"]}),
        json!({"name": {"more": "x"}}),
        json!({"name": "x".repeat(501)}),
        json!({"x".repeat(41): "text"}),
        json!({"a\u{7}": "text"}),
        json!({"name": "two\nlines"}),
        Value::Object((0..21).map(|n| (n.to_string(), json!("x"))).collect()),
    ] {
        for (path, body) in [
            ("/v1/order", with("M1", &metadata)),
            ("/v1/micropay", quick_pay(&world, "M2", &metadata)),
        ] {
            let (status, answer) = make(&shop, path, &body);
            assert_eq!(
                (status, &answer["code"]),
                (400, &json!("FIELD_INVALID")),
                "{path} {metadata}: {answer}"
            );
            let field = answer["field"].as_str().unwrap();
            assert!(field.starts_with("metadata"), "{field}");
        }
    }
    assert_eq!(world.upstream_calls(), [""; 0]);
    let most: Value = (0..20)
        .map(|n| (format!("{n:040}"), json!("x".repeat(500))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert_eq!(make(&shop, "/v1/order", &with("M1", &most)).0, 200);
    assert_eq!(listed(&shop, "M1"), most);
}

#[test]
fn a_row_of_csv_has_metadata_as_json() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.order(&with("M1", &json!({"shelf": "7, \"left\""})));
    let answer = shop.answer("GET", "/v1/orders?format=csv", "");
    let text = String::from_utf8(answer.body().clone()).unwrap();
    let lines: Vec<_> = text.split("\r\n").collect();
    assert!(lines[0].ends_with(",expires_at_ms,metadata"), "{text}");
    let cell = r#","{""shelf"":""7, \""left\""""}""#;
    assert!(lines[1].ends_with(cell), "{text}");
}

#[test]
fn an_attempt_is_listed_with_its_checkouts_metadata() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let body = json!({"out_trade_no": "BASKET", "body": "Oolong", "total_fee": 300,
                      "metadata": {"shelf": "7"}});
    let (_, made) = make(&shop, "/v1/checkout", &body);
    let url = made["data"]["url"].as_str().unwrap();
    let page = url.strip_prefix(GATEWAY).unwrap();
    let (status, prepared) = Browser::new(&world, DESKTOP).post(&call(page, "order"));
    assert_eq!(status, 200, "{prepared}");
    assert_eq!(listed(&shop, "BASKET"), json!({"shelf": "7"}));
}
