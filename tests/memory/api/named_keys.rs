//! Named keys: what each scope permits, and what no named key can do.

use crate::checkout::links::link;
use crate::checkout::sign_in::DESKTOP;
use gateway::route::{Audience, ROUTES, Scope};
use gateway::runtime::Request;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::memory::{GATEWAY, Memory, Shop, registry_of};

fn request(call: (&str, &str), headers: &[(&str, &str)], body: &str) -> Request {
    let (method, path) = call;
    let mut request = http::Request::builder()
        .method(method)
        .uri(format!("{GATEWAY}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.as_bytes().to_vec()).unwrap()
}

fn send(world: &Memory, call: (&str, &str), headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let answer = world.send(request(call, headers, body));
    let json = serde_json::from_slice(answer.body()).unwrap_or_default();
    (answer.status().as_u16(), json)
}

/// A named key of this shop: its text and its id.
fn key(shop: &Shop, scopes: &[Scope]) -> (String, String) {
    let scopes: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
    let body = json!({"name": "a key", "scopes": scopes});
    let (status, made) = shop.call("POST", "/v1/keys", body.to_string());
    assert_eq!(status, 200, "{made}");
    let text = |name: &str| made["data"][name].as_str().unwrap().to_owned();
    (text("key"), text("id"))
}

fn works(world: &Memory, key: &str) -> bool {
    let get = ("GET", "/v1/orders");
    send(world, get, &[("api-key", key)], "").0 == 200
}

/// One case for each call of a merchant and each scope.
#[test]
fn every_call_is_permitted_by_its_scope_and_by_no_other() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let keys = Scope::ALL.map(|scope| (scope, key(&shop, &[scope]).0));
    let gateway = world.gateway();
    let mut cases = 0;
    for route in ROUTES.iter().filter(|r| r.audience == Audience::Merchant) {
        let needed = route.scopes;
        for (scope, key) in &keys {
            let call = (route.method.as_str(), route.path);
            let asked = world.upstream_calls().len();
            let answer = world.send_to(&gateway, request(call, &[("api-key", key)], ""));
            let status = answer.status().as_u16();
            let text = String::from_utf8_lossy(answer.body()).into_owned();
            let about = format!("{call:?} with {}: {status} {text}", scope.name());
            if let Some(needed) = needed.iter().find(|needed| *needed != scope) {
                let json: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(status, 403, "{about}");
                assert_eq!(world.upstream_calls().len(), asked, "{about}");
                assert_eq!(json["code"], "SCOPE_MISSING", "{about}");
                let why = format!("This key does not have the scope {}.", needed.name());
                assert_eq!(json["message"], json!(why), "{about}");
            } else if route.path == "/v1/token" && call.0 == "POST" {
                assert!(text.contains("A token has every scope"), "{about}");
            } else {
                assert!(!text.contains("SCOPE_MISSING") && status != 401, "{about}");
            }
            cases += 1;
        }
    }
    assert!(cases >= 34 * 6, "{cases}");
    let all = key(&shop, &Scope::ALL).0;
    let body = json!({"out_trade_no": "1", "body": "x", "total_fee": 1, "trade_type": "NATIVE"});
    let order = ("POST", "/v1/order");
    let answer = send(&world, order, &[("api-key", &all)], &body.to_string());
    assert_eq!(answer.0, 200, "{answer:?}");
}

#[test]
fn a_key_makes_no_key_with_more_scopes_and_none_that_outlives_it() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let body = json!({"name": "boss", "scopes": ["keys", "links"], "expires_in_seconds": 3600});
    let (_, boss) = shop.call("POST", "/v1/keys", body.to_string());
    let boss = boss["data"]["key"].as_str().unwrap().to_owned();
    let boss = [("api-key", boss.as_str())];
    let post = ("POST", "/v1/keys");
    for more in [json!(["refunds"]), json!(["links", "refunds"])] {
        let body = json!({"name": "x", "scopes": more}).to_string();
        let (status, answer) = send(&world, post, &boss, &body);
        assert_eq!((status, &answer["code"]), (403, &json!("SCOPE_MISSING")));
        assert!(answer["message"].as_str().unwrap().contains("refunds"));
    }
    let body = json!({"name": "x", "scopes": ["links", "keys"], "expires_in_seconds": 7200});
    let (status, made) = send(&world, post, &boss, &body.to_string());
    assert_eq!(status, 200, "{made}");
    assert_eq!(made["data"]["expires_at_ms"], world.now() + 3_600_000);
    let by = made["data"]["made_by"].as_str().unwrap();
    let (_, list) = shop.call("GET", "/v1/keys", "");
    let names: Vec<&Value> = list["data"]["keys"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 2, "{list}");
    let boss_id = names[1]["id"].as_str().unwrap();
    assert_eq!(by, format!("key {boss_id}"));
    // A key of a key of a key ends with the first.
    let child = made["data"]["key"].as_str().unwrap().to_owned();
    let body = json!({"name": "y", "scopes": ["links"]}).to_string();
    let (_, grandchild) = send(&world, post, &[("api-key", &child)], &body);
    assert_eq!(
        grandchild["data"]["expires_at_ms"],
        made["data"]["expires_at_ms"]
    );
    let path = format!("/v1/keys?id={boss_id}");
    assert_eq!(shop.call("DELETE", &path, "").0, 200);
    assert_eq!(
        shop.call("GET", "/v1/keys", "").1["data"]["keys"],
        json!([])
    );
    let links = ("GET", "/v1/links");
    for key in [&child, grandchild["data"]["key"].as_str().unwrap()] {
        let (status, answer) = send(&world, links, &[("api-key", key)], "");
        assert_eq!((status, &answer["code"]), (401, &json!("API_KEY_UNKNOWN")));
    }
    let (_, audit) = shop.call("GET", "/v1/audit?of=credentials", "");
    assert_eq!(audit.to_string().matches(" revoked").count(), 3, "{audit}");
}

#[test]
fn a_named_key_ends_with_its_time_its_revocation_and_a_revoking_rotation() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let read = [Scope::OrdersRead];
    let (plain, plain_id) = key(&shop, &read);
    let body = json!({"name": "short", "scopes": ["orders:read"], "expires_in_seconds": "60"});
    let (_, short) = shop.call("POST", "/v1/keys", body.to_string());
    let short = short["data"]["key"].as_str().unwrap();
    // One isolate, which remembers both keys.
    let gateway = world.gateway();
    let still = |key: &str| {
        let call = request(("GET", "/v1/orders"), &[("api-key", key)], "");
        world.send_to(&gateway, call).status() == 200
    };
    world.advance(50);
    assert!(still(short) && still(&plain));
    world.advance(11);
    assert!(!still(short), "what is remembered does not outlive the key");
    assert!(still(&plain));
    assert_eq!(
        shop.call("DELETE", &format!("/v1/keys?id={plain_id}"), "")
            .0,
        200
    );
    assert!(!works(&world, &plain), "another isolate");
    world.advance(31);
    assert!(!still(&plain), "every isolate within 30 seconds");

    let (kept, _) = key(&shop, &read);
    assert_eq!(world.admin("/merchants/demo/rotate", &json!({})).0, 200);
    world.advance(25 * 3600);
    assert!(works(&world, &kept), "a rotation leaves named keys");
    assert_eq!(
        world
            .admin("/merchants/demo/rotate", &json!({"revoke": true}))
            .0,
        200
    );
    assert!(!works(&world, &kept));
}

#[test]
fn a_named_key_is_of_its_merchant_and_is_sent_alone() {
    let world = Memory::default();
    let (shop, other) = (world.shop("demo"), world.shop("other"));
    let (text, id) = key(&shop, &Scope::ALL);
    let own = ("api-key", text.as_str());
    let get = ("GET", "/v1/orders");
    let token = shop.call("POST", "/v1/token", "").1["data"]["api-token"].clone();
    for (header, value) in [
        ("api-secret", shop.api_secret.as_str()),
        ("api-secret", ""),
        ("api-token", token.as_str().unwrap()),
    ] {
        let (status, answer) = send(&world, get, &[own, (header, value)], "");
        assert_eq!(
            (status, &answer["code"], &answer["field"]),
            (401, &json!("API_SECRET_WRONG"), &json!(header))
        );
    }
    // Another merchant can neither see nor end the key.
    assert_eq!(
        other.call("GET", "/v1/keys", "").1["data"]["keys"],
        json!([])
    );
    let delete = format!("/v1/keys?id={id}");
    let (status, answer) = other.call("DELETE", &delete, "");
    assert_eq!(
        (status, &answer["code"]),
        (404, &json!("NAMED_KEY_NOT_FOUND"))
    );
    assert!(works(&world, &text));
    let link = json!({"body": "x", "total_fee": 1}).to_string();
    assert_eq!(send(&world, ("POST", "/v1/link"), &[own], &link).0, 200);
    assert_eq!(
        other.call("GET", "/v1/link", "").1["data"]["links"],
        json!([])
    );
    // A token makes, lists and ends none.
    let token = [("api-token", token.as_str().unwrap())];
    for call in [get_keys(), ("POST", "/v1/keys"), ("DELETE", "/v1/keys")] {
        let (status, answer) = send(&world, call, &token, "");
        assert_eq!(
            (status, &answer["code"]),
            (401, &json!("API_KEY_MISSING")),
            "{call:?}"
        );
    }
    // Nor does the api-key alone.
    let alone = [("api-key", shop.api_key.as_str())];
    assert_eq!(
        send(&world, get_keys(), &alone, "").1["code"],
        "API_SECRET_MISSING"
    );
    // A guess is limited like every wrong key.
    let wrong = format!("{text}x");
    let guess = || send(&world, get, &[("api-key", wrong.as_str())], "").1["code"].clone();
    assert_eq!(guess(), "API_KEY_UNKNOWN");
    assert!(!world.log_text().contains(&text), "the key is in the log");
}

const fn get_keys() -> (&'static str, &'static str) {
    ("GET", "/v1/keys")
}

/// The key is stored as a fingerprint in a table of its own: a version that does
/// not know named keys finds none.
#[test]
fn named_keys_are_no_rows_of_the_pairs_and_their_text_is_not_stored() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (text, id) = key(&shop, &[Scope::Reports]);
    let disk = world.database(&registry_of("demo"));
    let one = |sql: &str| -> String {
        let row = disk.connection().query_row(sql, [], |row| row.get(0));
        row.unwrap()
    };
    assert_eq!(one("SELECT CAST(count(*) AS TEXT) FROM keys"), "1");
    let stored =
        one("SELECT concat_ws('/', fingerprint, name, scopes, parent, made_by) FROM named_keys");
    assert!(
        stored.starts_with(&id) && stored.contains("/reports"),
        "{stored}"
    );
    assert!(!stored.contains(&text), "{stored}");
}

#[test]
fn the_last_use_is_written_once_an_hour() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (text, _) = key(&shop, &[Scope::OrdersRead]);
    let used = || shop.call("GET", "/v1/keys", "").1["data"]["keys"][0]["last_used_at_ms"].clone();
    assert_eq!(used(), Value::Null);
    let first = world.now();
    assert!(works(&world, &text));
    assert_eq!(used(), json!(first));
    world.advance(3599);
    assert!(works(&world, &text));
    assert_eq!(used(), json!(first));
    world.advance(1);
    assert!(works(&world, &text));
    assert_eq!(used(), json!(world.now()));
}

#[test]
fn a_wrong_request_for_a_key_is_refused_by_field_and_stores_nothing() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for (body, code, field) in [
        (json!({"scopes": ["links"]}), "FIELD_MISSING", "name"),
        (json!({"name": "x"}), "FIELD_MISSING", "scopes"),
        (
            json!({"name": "x", "scopes": []}),
            "FIELD_MISSING",
            "scopes",
        ),
        (
            json!({"name": "x", "scopes": "links"}),
            "FIELD_INVALID",
            "scopes",
        ),
        (
            json!({"name": "x", "scopes": ["admin"]}),
            "FIELD_INVALID",
            "scopes",
        ),
        (
            json!({"name": "x", "scopes": ["links", "links"]}),
            "FIELD_INVALID",
            "scopes",
        ),
        (
            json!({"name": "x".repeat(65), "scopes": ["links"]}),
            "FIELD_INVALID",
            "name",
        ),
        (
            json!({"name": "a\nb", "scopes": ["links"]}),
            "FIELD_INVALID",
            "name",
        ),
        (
            json!({"name": "x", "scopes": ["links"], "expires_in_seconds": 59}),
            "FIELD_INVALID",
            "expires_in_seconds",
        ),
    ] {
        let (status, answer) = shop.call("POST", "/v1/keys", body.to_string());
        assert_eq!(
            (status, &answer["code"], &answer["field"]),
            (400, &json!(code), &json!(field)),
            "{body}"
        );
    }
    assert_eq!(
        shop.call("GET", "/v1/keys", "").1["data"]["keys"],
        json!([])
    );
    let ids: BTreeSet<String> = (0..100).map(|_| key(&shop, &[Scope::Links]).1).collect();
    assert_eq!(ids.len(), 100);
    let body = json!({"name": "x", "scopes": ["links"]}).to_string();
    let (status, answer) = shop.call("POST", "/v1/keys", body.clone());
    assert_eq!((status, &answer["code"]), (409, &json!("TOO_MANY_KEYS")));
    let first = ids.first().unwrap();
    assert_eq!(
        shop.call("DELETE", &format!("/v1/keys?id={first}"), "").0,
        200
    );
    assert_eq!(shop.call("POST", "/v1/keys", body).0, 200);
}

/// A key of the other kind of deployment is refused by name, before anything is
/// looked up. A merchant does not move to another kind of upstream.
#[test]
fn test_and_live_keys_and_merchants_are_never_mixed() {
    let world = Memory::default();
    world.deploy(&[("UPSTREAM", "sandbox")]);
    let shop = world.shop("demo");
    assert!(shop.api_key.starts_with("test_"), "{}", shop.api_key);
    let (named, _) = key(&shop, &[Scope::OrdersRead]);
    assert!(named.starts_with("test_key_"), "{named}");
    let token = shop.call("POST", "/v1/token", "").1["data"]["api-token"].clone();
    let token = token.as_str().unwrap();
    assert!(token.starts_with("test_"), "{token}");
    let get = ("GET", "/v1/orders");
    let refused = |header: &str, text: &str| {
        let (status, answer) = send(&world, get, &[(header, text)], "");
        let expected = (401, &json!("API_KEY_OF_OTHER_KIND"), &json!(header));
        assert_eq!((status, &answer["code"], &answer["field"]), expected);
        assert!(!answer.to_string().contains(text));
    };
    refused("api-key", "live_AAAAAAAAAAAAAAAAAAAAAA");
    refused("api-key", &named.replacen("test_", "live_", 1));
    refused("api-token", &token.replacen("test_", "live_", 1));
    assert!(works(&world, &named));
    let health = || {
        let request = http::Request::get(format!("{GATEWAY}/healthz"));
        let answer = world.send(request.body(Vec::new()).unwrap());
        String::from_utf8_lossy(answer.body()).into_owned()
    };
    assert!(health().contains("test deployment"), "{}", health());
    let order = json!({"out_trade_no": "1", "body": "x", "total_fee": 1, "trade_type": "NATIVE"});
    shop.order(&order);
    // The same store, connected to WeChat.
    world.deploy(&[]);
    assert_eq!(health(), "ok\n");
    let asked = world.upstream_calls().len();
    refused("api-key", &shop.api_key);
    refused("api-key", &named);
    refused("api-token", token);
    let page = http::Request::get(format!("{GATEWAY}/notify/v2/demo"));
    assert_eq!(world.send(page.body(Vec::new()).unwrap()).status(), 405);
    let notice = http::Request::post(format!("{GATEWAY}/notify/v2/demo"));
    let notice = world.send(notice.body(b"<xml></xml>".to_vec()).unwrap());
    assert_eq!(notice.status(), 409, "the merchant is of the sandbox");
    world.advance(600);
    assert_eq!(
        world.upstream_calls().len(),
        asked,
        "WeChat was asked about it"
    );
    // Connected to the sandbox again, it works.
    world.deploy(&[("UPSTREAM", "sandbox")]);
    assert_eq!(shop.call("GET", "/v1/order?out_trade_no=1", "").0, 200);
}

/// The pages of a test deployment say so, in each language; those of others do not.
#[test]
fn the_pages_of_a_test_deployment_say_test() {
    for (upstream, is_test) in [("sandbox", true), ("wechat", false)] {
        let world = Memory::default();
        world.deploy(&[("UPSTREAM", upstream)]);
        let shop = world.shop("demo");
        let made = link(&shop, json!({"total_fee": 900}));
        let checkout = json!({"out_trade_no": "C1", "body": "x", "total_fee": 1}).to_string();
        let checkout = shop.call("POST", "/v1/checkout", checkout).1["data"]["url"].clone();
        for url in [&made["url"], &checkout] {
            for lang in ["en", "zh-Hans", "zh-Hant"] {
                let url = format!("{}&lang={lang}", url.as_str().unwrap());
                let request = http::Request::get(url).header("user-agent", DESKTOP);
                let page = world.send(request.body(Vec::new()).unwrap());
                let html = String::from_utf8_lossy(page.body()).into_owned();
                assert_eq!(
                    html.contains("<p class=\"test\">"),
                    is_test,
                    "{lang}: {html}"
                );
            }
        }
    }
}

/// A merchant that a version without kinds has made belongs to the kind of the
/// deployment that gives it new keys. The operator's calls refuse one of the other
/// kind too.
#[test]
fn a_merchant_of_an_earlier_version_gets_its_kind_with_its_next_keys() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let registry = registry_of("demo");
    let sql = "UPDATE merchants SET json = json_remove(json, '$.is_test')";
    world.sql(&registry, sql).unwrap();
    world.advance(60);
    world.deploy(&[("UPSTREAM", "sandbox")]);
    let (status, answer) = shop.call("GET", "/v1/orders", "");
    assert_eq!(
        (status, &answer["code"]),
        (401, &json!("API_KEY_OF_OTHER_KIND"))
    );
    let (status, rotated) = world.admin("/merchants/demo/rotate", &json!({}));
    assert_eq!(status, 200, "{rotated}");
    let key = rotated["data"]["api-key"].as_str().unwrap();
    assert!(key.starts_with("test_"), "{key}");
    let stored = "SELECT json_extract(json, '$.is_test') FROM merchants";
    assert_eq!(world.value(&registry, stored), "1");
    world.advance(60);
    world.deploy(&[]);
    for call in ["rotate", "suspend"] {
        let (status, answer) = world.admin(&format!("/merchants/demo/{call}"), &json!({}));
        let expected = (409, &json!("MERCHANT_OF_OTHER_KIND"));
        assert_eq!((status, &answer["code"]), expected, "{call}");
    }
}

/// An isolate caches a key for half a minute. What outlives the key is made only after
/// a look at the registry.
#[test]
fn a_key_that_was_revoked_and_is_still_cached_makes_nothing_that_outlives_it() {
    let world = Memory::default();
    let mut shop = world.shop("demo");
    let (text, id) = key(&shop, &[Scope::Keys, Scope::OrdersRead]);
    let gateway = world.gateway();
    let endpoint = json!({"url": "https://shop.example.com/events"}).to_string();
    let another = json!({"name": "y", "scopes": ["orders:read"]}).to_string();
    let named = [("api-key", text.as_str())];
    let pair = [
        ("api-key", shop.api_key.as_str()),
        ("api-secret", shop.api_secret.as_str()),
    ];
    let code = |call, headers: &[(&str, &str)], body: &str| {
        let answer = world.send_to(&gateway, request(call, headers, body));
        let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        (answer.status().as_u16(), json["code"].clone())
    };
    for headers in [&named[..], &pair[..]] {
        assert_eq!(code(get_keys(), headers, "").0, 200, "it is cached");
    }
    let path = format!("/v1/keys?id={id}");
    assert_eq!(shop.call("DELETE", &path, "").0, 200);
    let (_, rotated) = world.admin("/merchants/demo/rotate", &json!({"revoke": true}));
    for headers in [&named[..], &pair[..]] {
        for (call, body) in [
            (("POST", "/v1/endpoints"), &endpoint),
            (("POST", "/v1/keys"), &another),
        ] {
            let refused = code(call, headers, body);
            assert_eq!(refused, (401, json!("API_KEY_UNKNOWN")), "{call:?}");
        }
    }
    assert_eq!(rotated["data"]["endpoints"], json!([]));
    let new = |name: &str| rotated["data"][name].as_str().unwrap().to_owned();
    (shop.api_key, shop.api_secret) = (new("api-key"), new("api-secret"));
    let (_, made) = shop.call("POST", "/v1/endpoints", endpoint);
    let made = made["data"]["id"].clone();
    let (_, rotated) = world.admin("/merchants/demo/rotate", &json!({"revoke": true}));
    assert_eq!(rotated["data"]["endpoints"][0]["id"], made);
    let (_, rotated) = world.admin("/merchants/demo/rotate", &json!({}));
    assert_eq!(rotated["data"].get("endpoints"), None);
}

/// Keys are in an object that other merchants share, and each leaves an entry of the
/// audit.
#[test]
fn a_merchant_makes_and_revokes_keys_at_a_limited_rate() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let gateway = world.gateway();
    let headers = [
        ("api-key", shop.api_key.as_str()),
        ("api-secret", shop.api_secret.as_str()),
    ];
    let send = |call: (&str, &str), body: &str| {
        let answer = world.send_to(&gateway, request(call, &headers, body));
        let json: Value = serde_json::from_slice(answer.body()).unwrap();
        (answer.status().as_u16(), json)
    };
    let body = json!({"name": "x", "scopes": ["links"]}).to_string();
    for _ in 0..40 {
        let (status, made) = send(("POST", "/v1/keys"), &body);
        assert_eq!(status, 200, "{made}");
        let path = format!("/v1/keys?id={}", made["data"]["id"].as_str().unwrap());
        assert_eq!(send(("DELETE", &path), "").0, 200);
        assert_eq!(send(("POST", "/v1/token"), "").0, 200);
    }
    let limited = (429, json!("RATE_LIMITED"));
    let (status, answer) = send(("POST", "/v1/keys"), &body);
    assert_eq!((status, answer["code"].clone()), limited);
    let (status, answer) = send(("DELETE", "/v1/token"), "{}");
    assert_eq!((status, answer["code"].clone()), limited);
    assert_eq!(send(get_keys(), "").0, 200, "reading is not limited by it");
    world.advance(1);
    assert_eq!(send(("POST", "/v1/keys"), &body).0, 200);
}
