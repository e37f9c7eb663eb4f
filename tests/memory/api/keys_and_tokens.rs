//! The rights of an api-key alone, and of tokens.

use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, Shop};

/// A call with these headers: status and JSON.
fn send(world: &Memory, call: (&str, &str), headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let (method, path) = call;
    let mut request = http::Request::builder()
        .method(method)
        .uri(format!("{GATEWAY}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = world.send(request.body(body.as_bytes().to_vec()).unwrap());
    let json = serde_json::from_slice(answer.body()).unwrap();
    (answer.status().as_u16(), json)
}

#[test]
fn require_secret_asks_for_the_secret_on_refunds_and_foreign_addresses() {
    let world = Memory::default();
    let shop = world.shop_with("demo", &json!({"require_secret": true}));
    shop.paid("1", 150);
    let token = shop.call("POST", "/v1/token", "").1["data"]["api-token"].clone();
    let token = token.as_str().unwrap();
    let key = [("api-key", shop.api_key.as_str())];
    let both = [key[0], ("api-secret", shop.api_secret.as_str())];
    let wrong = [key[0], ("api-secret", "wrong")];
    let refund = ("POST", "/v1/refund");
    let body = r#"{"out_trade_no":"1","refund_fee":1}"#;
    assert_eq!(
        send(&world, refund, &key, body).1["code"],
        "API_SECRET_MISSING"
    );
    // The refusal does not reveal which numbers exist.
    let unknown = r#"{"out_trade_no":"9","refund_fee":1}"#;
    assert_eq!(
        send(&world, refund, &key, unknown).1["code"],
        "API_SECRET_MISSING"
    );
    assert_eq!(
        send(&world, refund, &wrong, body).1["code"],
        "API_SECRET_WRONG"
    );
    assert_eq!(world.refunds_at_wechat(), json!([]));
    assert_eq!(send(&world, refund, &both, body).0, 200);
    world.advance(120);
    let body = r#"{"out_trade_no":"1","refund_fee":2}"#;
    assert_eq!(send(&world, refund, &[("api-token", token)], body).0, 200);

    let bodies = [
        (
            "/v1/order",
            json!({"body": "x", "total_fee": 1, "trade_type": "NATIVE"}),
        ),
        ("/v1/checkout", json!({"body": "x", "total_fee": 1})),
        ("/v1/link", json!({"body": "x", "total_fee": 1})),
    ];
    let mut n = 0;
    for (path, body) in bodies {
        for field in ["notify_url", "success_url", "cancel_url"] {
            if path == "/v1/order" && field != "notify_url" {
                continue;
            }
            for (address, is_own) in [
                ("https://shop.example.com/x", true),
                ("https://evil.example/x", false),
                ("https://shop.example.com.evil.example/x", false),
                ("https://shop.example.com:8443/x", false),
            ] {
                n += 1;
                let mut body = body.clone();
                body["out_trade_no"] = json!(format!("N{n}"));
                body[field] = json!(address);
                let body = body.to_string();
                let (status, answer) = send(&world, ("POST", path), &key, &body);
                match is_own {
                    true => assert_eq!(status, 200, "{answer}"),
                    false => assert_eq!(
                        (status, &answer["code"], &answer["field"]),
                        (401, &json!("API_SECRET_MISSING"), &json!(field)),
                        "{path} {address}"
                    ),
                }
                assert_eq!(
                    send(&world, ("POST", path), &both, &body).0,
                    200,
                    "{path} {body}"
                );
            }
        }
    }
    let (_, found) = shop.call("GET", "/v1/doctor", "");
    let check = |found: &Value| {
        let mut checks = found["data"]["checks"].as_array().unwrap().iter();
        checks
            .find(|check| check["name"] == "require_secret")
            .unwrap()["ok"]
            .clone()
    };
    assert_eq!(check(&found), true);
    let (_, found) = world.shop("other").call("GET", "/v1/doctor", "");
    assert_eq!(check(&found), Value::Null, "recommended");
}

#[test]
fn the_api_key_alone_does_not_get_the_differing_term() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let key = [("api-key", shop.api_key.as_str())];
    for (path, mut body) in [
        (
            "/v1/order",
            json!({"out_trade_no": "1", "body": "x", "total_fee": 150, "trade_type": "NATIVE"}),
        ),
        (
            "/v1/checkout",
            json!({"out_trade_no": "2", "body": "x", "total_fee": 150}),
        ),
    ] {
        assert_eq!(send(&world, ("POST", path), &key, &body.to_string()).0, 200);
        body["total_fee"] = json!(151);
        let (status, answer) = send(&world, ("POST", path), &key, &body.to_string());
        assert_eq!(status, 409);
        assert_eq!(answer["code"], "ORDER_EXISTS_WITH_DIFFERENT_TERMS");
        assert_eq!(answer["field"], Value::Null, "{answer}");
        assert!(!answer.to_string().contains("total_fee"), "{answer}");
        let (_, answer) = shop.call("POST", path, body.to_string());
        assert_eq!(answer["field"], "total_fee", "{answer}");
    }
}

#[test]
fn the_key_alone_is_not_shown_a_links_attach_and_notify_url() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let body = json!({"body": "x", "total_fee": 1, "attach": "table 7",
                      "notify_url": "https://shop.example.com/hidden"});
    let key = [("api-key", shop.api_key.as_str())];
    for (method, body) in [("POST", body.to_string()), ("GET", String::new())] {
        let (status, answer) = send(&world, (method, "/v1/link"), &key, &body);
        assert_eq!(status, 200, "{answer}");
        let answer = answer.to_string();
        assert!(
            !answer.contains("table 7") && !answer.contains("hidden"),
            "{answer}"
        );
    }
    let (_, answer) = shop.call("GET", "/v1/link", "");
    assert_eq!(answer["data"]["links"][0]["attach"], "table 7");
}

#[test]
fn an_api_key_beside_an_api_token_is_accepted_as_documented() {
    let world = Memory::default();
    let (shop, other) = (world.shop("demo"), world.shop("other"));
    shop.paid("1", 150);
    let token = shop.call("POST", "/v1/token", "").1["data"]["api-token"].clone();
    let token = ("api-token", token.as_str().unwrap());
    let get = ("GET", "/v1/order?out_trade_no=1");
    let key = ("api-key", shop.api_key.as_str());
    assert_eq!(send(&world, get, &[key, token], "").0, 200);
    assert_eq!(send(&world, get, &[token], "").0, 200);
    let foreign = [("api-key", other.api_key.as_str()), token];
    assert_eq!(
        send(&world, get, &foreign, "").1["code"],
        "API_TOKEN_UNKNOWN"
    );
    let unknown = [("api-key", "live_x"), token];
    assert_eq!(send(&world, get, &unknown, "").1["code"], "API_KEY_UNKNOWN");
    let wrong = [key, ("api-token", "x")];
    assert_eq!(send(&world, get, &wrong, "").1["code"], "API_TOKEN_UNKNOWN");
    // A token makes no token, with any other header.
    let issue = ("POST", "/v1/token");
    assert_eq!(
        send(&world, issue, &[key, token], "").1["code"],
        "API_SECRET_MISSING"
    );
}

#[test]
fn a_token_expires_with_the_key_that_it_was_made_with() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 150);
    let year = r#"{"expires_in_seconds":31536000}"#;
    let token = shop.call("POST", "/v1/token", year).1["data"]["api-token"].clone();
    let works = |token: &Value| {
        let token = [("api-token", token.as_str().unwrap())];
        send(&world, ("GET", "/v1/order?out_trade_no=1"), &token, "").0 == 200
    };
    assert!(works(&token));
    assert_eq!(world.admin("/merchants/demo/rotate", &json!({})).0, 200);
    // A token that is made with an expiring key expires with it.
    let (_, late) = shop.call("POST", "/v1/token", year);
    assert_eq!(late["data"]["expires_at"], world.now() / 1000 + 24 * 3600);
    let late = late["data"]["api-token"].clone();
    world.advance(23 * 3600);
    assert!(works(&token) && works(&late));
    world.advance(3601);
    assert!(!works(&token) && !works(&late));
    assert_eq!(shop.call("POST", "/v1/token", year).0, 401);
}

#[test]
fn tokens_are_listed_and_revoked_without_their_text() {
    let world = Memory::default();
    let (shop, other) = (world.shop("demo"), world.shop("other"));
    let (_, first) = shop.call("POST", "/v1/token", "");
    let (_, second) = shop.call("POST", "/v1/token", "");
    let list = |shop: &Shop| shop.call("GET", "/v1/token", "").1["data"]["tokens"].clone();
    let listed = list(&shop);
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(listed[0]["id"], second["data"]["id"]);
    assert_eq!(listed[1]["expires_at"], first["data"]["expires_at"]);
    let text = first["data"]["api-token"].as_str().unwrap();
    assert!(!listed.to_string().contains(text));
    assert_eq!(list(&other), json!([]));
    let end = json!({"id": first["data"]["id"]}).to_string();
    assert_eq!(
        other.call("DELETE", "/v1/token", end.clone()).0,
        401,
        "not another's"
    );
    assert_eq!(shop.call("DELETE", "/v1/token", end).0, 200);
    assert_eq!(list(&shop).as_array().unwrap().len(), 1);
    let token = [("api-token", text)];
    let get = ("GET", "/v1/order?out_trade_no=1");
    assert_eq!(send(&world, get, &token, "").1["code"], "API_TOKEN_UNKNOWN");
    let token = [("api-token", second["data"]["api-token"].as_str().unwrap())];
    assert_eq!(send(&world, get, &token, "").1["code"], "ORDER_NOT_FOUND");
    assert_eq!(send(&world, ("GET", "/v1/token"), &token, "").0, 401);
}
