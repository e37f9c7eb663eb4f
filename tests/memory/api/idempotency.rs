//! `Idempotency-Key`: one request has one effect and one answer for a day.

use crate::events::endpoints::endpoint;
use gateway::route::{Audience, ROUTES};
use gateway::runtime::Request;
use http::Method;
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, SHOP_NOTIFY, Shop, registry_of};

const DAY_S: i64 = 24 * 60 * 60;

fn request(shop: &Shop, path: &str, key: &str, body: &str) -> Request {
    http::Request::post(format!("{GATEWAY}{path}"))
        .header("api-key", &shop.api_key)
        .header("api-secret", &shop.api_secret)
        .header("idempotency-key", key)
        .body(body.as_bytes().to_vec())
        .unwrap()
}

fn sent(world: &Memory, request: Request) -> (u16, Value) {
    let answer = world.send(request);
    let json = serde_json::from_slice(answer.body()).unwrap();
    (answer.status().as_u16(), json)
}

fn post(world: &Memory, shop: &Shop, path: &str, key: &str, body: &str) -> (u16, Value) {
    sent(world, request(shop, path, key, body))
}

/// Two bodies for each route that keeps answers.
fn bodies(path: &str) -> [String; 2] {
    let both = match path {
        "/v1/checkout" => [
            json!({"out_trade_no": "C1", "body": "x", "total_fee": 1}),
            json!({"out_trade_no": "C2", "body": "x", "total_fee": 1}),
        ],
        "/v1/link" => [1, 2].map(|fee| json!({"body": "x", "total_fee": fee})),
        "/v1/product" => {
            [1, 2].map(|fee| json!({"product_id": "tea", "body": "x", "total_fee": fee}))
        }
        "/v1/endpoints" => ["a", "b"].map(
            |name| json!({"url": format!("https://shop.example.com/{name}"), "description": name}),
        ),
        "/v1/keys" => ["a", "b"].map(
            |name| json!({"name": name, "scopes": ["orders:read"], "expires_in_seconds": 600}),
        ),
        "/v1/token" => [600, 700].map(|seconds| json!({ "expires_in_seconds": seconds })),
        "/v1/delivery" => [json!({"id": 1}), json!({"id": "1"})],
        "/v1/reconciliation/{id}" => ["a", "b"].map(|note| json!({ "note": note })),
        "/v1/endpoints/{id}/resend" => [0, 1].map(|since| json!({ "since_ms": since })),
        // These read no body.
        "/v1/endpoints/{id}/rotate" | "/v1/endpoints/{id}/test" => [json!({}), json!({"a": 1})],
        other => panic!("a route without a body here: {other}"),
    };
    both.map(|body| body.to_string())
}

/// The answer's `data` without the code of a product, which is signed anew.
fn compared((status, mut answer): (u16, Value)) -> (u16, Value) {
    if let Some(data) = answer["data"].as_object_mut() {
        data.remove("code_url");
    }
    (status, answer)
}

fn links(shop: &Shop) -> usize {
    let (_, listed) = shop.call("GET", "/v1/link", "");
    listed["data"]["links"].as_array().unwrap().len()
}

fn kept(world: &Memory, object: &str) -> i64 {
    let disk = world.database(object);
    let table = match object {
        "demo" => "kept",
        _ => "kept_answers",
    };
    let sql = format!("SELECT count(*) FROM {table}");
    let row = disk.connection().query_row(&sql, [], |row| row.get(0));
    row.unwrap()
}

#[test]
fn every_route_that_keeps_answers_repeats_them_and_refuses_another_body() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (endpoint, _) = endpoint(&shop, &[]);
    let order = json!({"out_trade_no": "1", "body": "x", "total_fee": 1, "trade_type": "NATIVE",
                       "notify_url": SHOP_NOTIFY});
    world.scan(&shop.order(&order)["code_url"]);
    world.advance(60);
    let difference = r#"INSERT INTO differences(id, day, kind, number, state, json)
        VALUES(1, 20260102, 4, 'row 1', 'open', '{"reason": "unreadable"}')"#;
    world.sql("demo", difference).unwrap();
    let routes = ROUTES.iter().filter(|route| route.keeps_answers);
    let mut checked = 0;
    for route in routes {
        assert_eq!(
            (&route.method, route.audience),
            (&Method::POST, Audience::Merchant)
        );
        let [body, other] = bodies(route.path);
        let id = match route.path.contains("reconciliation") {
            true => "1",
            false => &endpoint,
        };
        let path = route.path.replace("{id}", id);
        let call = |key: &str, body: &str| compared(post(&world, &shop, &path, key, body));
        let first = call("k-1", &body);
        assert_eq!(first.0, 200, "{first:?}");
        world.advance(DAY_S - 60);
        assert_eq!(call("k-1", &body), first, "{}", route.path);
        // The draft's form, in quotation marks, is the same key.
        assert_eq!(call("\"k-1\"", &body), first, "{}", route.path);
        let (status, refused) = call("k-1", &other);
        let expected = (
            422,
            &json!("IDEMPOTENCY_KEY_REUSED"),
            &json!("idempotency-key"),
        );
        assert_eq!((status, &refused["code"], &refused["field"]), expected);
        assert_eq!(call("k-1", &body), first, "{}", route.path);
        if ["/v1/link", "/v1/keys", "/v1/token", "/v1/endpoints"].contains(&route.path) {
            assert_ne!(call("k-2", &body).1["data"]["id"], first.1["data"]["id"]);
        }
        // After a day the key is free.
        world.advance(120);
        let again = call("k-1", &other);
        assert_eq!(again.0, 200, "{again:?}");
        checked += 1;
    }
    assert_eq!(checked, 11, "routes that keep answers");
}

/// Another caller's key is another key, within a merchant and among merchants:
/// one caller learns nothing of another's request.
#[test]
fn a_key_belongs_to_its_caller_and_its_path() {
    let world = Memory::default();
    let (shop, other) = (world.shop("demo"), world.shop("other"));
    let [body, changed] = bodies("/v1/link");
    let first = post(&world, &shop, "/v1/link", "k", &body);
    let foreign = post(&world, &other, "/v1/link", "k", &changed);
    assert_eq!(foreign.0, 200, "{foreign:?}");
    assert_ne!(foreign.1["data"]["id"], first.1["data"]["id"]);
    let named = json!({"name": "x", "scopes": ["links"]}).to_string();
    let named = shop.call("POST", "/v1/keys", named).1["data"]["key"].clone();
    let by_named = http::Request::post(format!("{GATEWAY}/v1/link"))
        .header("api-key", named.as_str().unwrap())
        .header("idempotency-key", "k")
        .body(changed.clone().into_bytes());
    let by_named = sent(&world, by_named.unwrap());
    assert_eq!(by_named.0, 200, "{by_named:?}");
    assert_ne!(by_named.1["data"]["id"], first.1["data"]["id"]);
    let checkout = bodies("/v1/checkout")[0].clone();
    let elsewhere = post(&world, &shop, "/v1/checkout", "k", &checkout);
    assert_eq!(elsewhere.0, 200, "another path: {elsewhere:?}");
    // The api-key alone does not get the answer to a call with the secret.
    let change = json!({"id": first.1["data"]["id"], "active": false}).to_string();
    assert_eq!(post(&world, &shop, "/v1/link", "change", &change).0, 200);
    let mut alone = request(&shop, "/v1/link", "change", &change);
    alone.headers_mut().remove("api-secret");
    assert_eq!(sent(&world, alone).1["code"], "API_SECRET_MISSING");
}

#[test]
fn a_malformed_key_is_refused_and_makes_nothing() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let [body, _] = bodies("/v1/link");
    let refused = |request: Request| {
        let (status, answer) = sent(&world, request);
        let expected = (
            400,
            &json!("IDEMPOTENCY_KEY_INVALID"),
            &json!("idempotency-key"),
        );
        assert_eq!((status, &answer["code"], &answer["field"]), expected);
    };
    let long = "k".repeat(256);
    for key in [
        "",
        "\"\"",
        "a b",
        "a\"b",
        "a\\b",
        "\"a",
        "schlüssel",
        long.as_str(),
    ] {
        refused(request(&shop, "/v1/link", key, &body));
    }
    let mut twice = request(&shop, "/v1/link", "k", &body);
    twice
        .headers_mut()
        .append("idempotency-key", "k".parse().unwrap());
    refused(twice);
    assert_eq!(links(&shop), 0);
    assert_eq!(post(&world, &shop, "/v1/link", &long[1..], &body).0, 200);
    // A route that has a number of the caller's does not read the header.
    let order = json!({"out_trade_no": "1", "body": "x", "total_fee": 1, "trade_type": "NATIVE"});
    assert_eq!(
        post(&world, &shop, "/v1/order", "a b", &order.to_string()).0,
        200
    );
}

#[test]
fn a_refusal_is_not_kept() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let wrong = json!({"body": "x", "total_fee": 0}).to_string();
    assert_eq!(
        post(&world, &shop, "/v1/link", "k", &wrong).1["code"],
        "AMOUNT_INVALID"
    );
    world.databases_have(9_600_000_000);
    let [body, _] = bodies("/v1/link");
    assert_eq!(
        post(&world, &shop, "/v1/link", "k", &body).1["code"],
        "STORAGE_FULL"
    );
    world.databases_have(0);
    assert_eq!(world.admin("/merchants/demo/suspend", &json!({})).0, 200);
    let checkout = bodies("/v1/checkout")[0].clone();
    let suspended = post(&world, &shop, "/v1/checkout", "k", &checkout);
    assert_eq!(suspended.1["code"], "MERCHANT_SUSPENDED");
    assert_eq!(world.admin("/merchants/demo/resume", &json!({})).0, 200);
    for (path, body) in [("/v1/link", &body), ("/v1/checkout", &checkout)] {
        let first = post(&world, &shop, path, "k", body);
        assert_eq!(first.0, 200, "{first:?}");
        // A repetition makes nothing, so it is answered by a full object too.
        world.databases_have(9_600_000_000);
        assert_eq!(post(&world, &shop, path, "k", body), first);
        world.databases_have(0);
    }
}

/// What a list of a merchant has, by its path and the member of its answer.
fn listed(shop: &Shop, path: &str, name: &str) -> usize {
    let (_, listed) = shop.call("GET", path, "");
    listed["data"][name].as_array().unwrap().len()
}

/// The routes that make something, with the list that shows it.
const MADE: [(&str, &str); 4] = [
    ("/v1/link", "links"),
    ("/v1/endpoints", "endpoints"),
    ("/v1/keys", "keys"),
    ("/v1/token", "tokens"),
];

/// The answer is written with what it is about: a database that refuses any
/// statement leaves both or neither.
#[test]
fn a_refused_statement_leaves_what_is_made_and_its_key_or_neither() {
    for (path, name) in MADE {
        for nth in 1.. {
            let world = Memory::default();
            let shop = world.shop("demo");
            shop.order(&json!({"out_trade_no": "1", "body": "x", "total_fee": 1,
                               "trade_type": "NATIVE"}));
            let [body, _] = bodies(path);
            world.refuse_statement(nth);
            let first = post(&world, &shop, path, "k", &body);
            let is_over = world.call_off_refusal();
            assert!(listed(&shop, path, name) <= 1, "{path} {nth}");
            let again = post(&world, &shop, path, "k", &body);
            assert_eq!(again.0, 200, "{path} {nth}: {again:?}");
            let made = listed(&shop, path, name);
            assert_eq!(made, 1, "{path} made twice after statement {nth}");
            if first.0 == 200 {
                assert_eq!(again, first, "{path} {nth}");
            }
            if is_over {
                assert!(nth > 3, "{path}: so few statements");
                break;
            }
        }
    }
}

#[test]
fn concurrent_repetitions_make_one() {
    for (path, name) in MADE {
        let world = Memory::default();
        let shop = world.shop("demo");
        let [body, _] = bodies(path);
        let all = (0..8).map(|_| request(&shop, path, "k", &body)).collect();
        let answers = world.send_all(all);
        let first = answers[0].body();
        for answer in &answers {
            assert_eq!(
                (answer.status().as_u16(), answer.body()),
                (200, first),
                "{path}"
            );
        }
        assert_eq!(listed(&shop, path, name), 1, "{path}");
    }
}

/// An answer with a secret is repeated with it, and nothing stored shows it. It is
/// removed after a day.
#[test]
fn an_answer_with_a_secret_is_kept_sealed_and_removed() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (endpoint, _) = endpoint(&shop, &[]);
    let rotate = format!("/v1/endpoints/{endpoint}/rotate");
    let calls = [
        ("/v1/keys", bodies("/v1/keys")[0].clone(), "key"),
        ("/v1/token", bodies("/v1/token")[0].clone(), "api-token"),
        (
            "/v1/endpoints",
            bodies("/v1/endpoints")[0].clone(),
            "secret",
        ),
        (&rotate, String::new(), "secret"),
    ];
    let mut answers = Vec::new();
    for (path, body, name) in &calls {
        let answer = post(&world, &shop, path, "k", body);
        let secret = answer.1["data"][*name].as_str().unwrap().to_owned();
        assert!(secret.len() > 30, "{path}");
        assert_eq!(answer.1["data"]["sealed_secret"], Value::Null);
        answers.push((answer, secret));
    }
    let stored = world.stored_text();
    let log = world.log_text();
    for (_, secret) in &answers {
        let inner = secret.rsplit('_').next().unwrap();
        assert!(!stored.contains(inner) && !log.contains(inner), "{secret}");
    }
    // The keys and tokens in the answers work, also those in a repeated answer.
    let named = answers[0].1.clone();
    let by_named = http::Request::get(format!("{GATEWAY}/v1/orders")).header("api-key", &named);
    assert_eq!(sent(&world, by_named.body(Vec::new()).unwrap()).0, 200);
    // While the master key changes, the earlier one opens them; afterwards nothing does.
    let keys = [
        ("MASTER_KEY", "8c".repeat(32)),
        ("MASTER_KEY_PREVIOUS", "7b".repeat(32)),
    ];
    world.deploy(&[(keys[0].0, &keys[0].1), (keys[1].0, &keys[1].1)]);
    for ((path, body, _), (answer, _)) in calls.iter().zip(&answers) {
        assert_eq!(post(&world, &shop, path, "k", body), *answer, "{path}");
    }
    assert_eq!(world.admin("/reseal", &json!({})).0, 200);
    world.deploy(&[(keys[0].0, &keys[0].1)]);
    for (path, body, _) in &calls {
        let (status, refused) = post(&world, &shop, path, "k", body);
        assert_eq!(
            (status, &refused["code"]),
            (422, &json!("IDEMPOTENCY_KEY_REUSED")),
            "{path}"
        );
        assert!(
            refused["message"].as_str().unwrap().contains("MASTER_KEY"),
            "{refused}"
        );
    }
    let shard = registry_of("demo");
    assert_eq!((kept(&world, "demo"), kept(&world, &shard)), (2, 2));
    world.advance(DAY_S + 10);
    assert_eq!(kept(&world, "demo"), 0);
    // The registry has no timer: the next call that keeps an answer removes them.
    assert_eq!(post(&world, &shop, "/v1/token", "k2", &calls[1].1).0, 200);
    assert_eq!(kept(&world, &shard), 1);
}

/// Kept replies are removed after a day, by the book's alarm.
#[test]
fn kept_replies_are_removed_after_a_day() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let [link, _] = bodies("/v1/link");
    for n in 0..3 {
        assert_eq!(
            post(&world, &shop, "/v1/link", &format!("k{n}"), &link).0,
            200
        );
    }
    assert_eq!(kept(&world, "demo"), 3);
    world.advance(DAY_S - 10);
    assert_eq!(kept(&world, "demo"), 3);
    world.advance(20);
    assert_eq!(kept(&world, "demo"), 0);
}
