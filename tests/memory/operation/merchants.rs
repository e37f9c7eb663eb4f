//! The operator's merchants: listed, read, corrected, suspended and resumed.

use crate::checkout::links::{buy, link};
use crate::checkout::sign_in::{Browser, DESKTOP};
use crate::fixtures::order;
use ::checkout::{Lang, Problem, texts};
use serde_json::{Value, json};
use tests::memory::{ADMIN_TOKEN, GATEWAY, Memory, SHOP_NOTIFY};

fn admin(world: &Memory, method: &str, path: &str, body: &Value) -> (u16, Value) {
    world.admin_as(method, path, ADMIN_TOKEN, body)
}

fn audit(world: &Memory) -> String {
    let (_, audit) = admin(
        world,
        "GET",
        "/merchants/demo/audit?of=credentials",
        &json!({}),
    );
    audit.to_string()
}

/// A change that changes nothing is accepted, and is no entry of the audit; one with a
/// note is.
#[test]
fn a_change_of_nothing_is_not_in_the_audit() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let before = audit(&world);
    let name = admin(&world, "GET", "/merchants/demo", &json!({})).1["data"]["name"].clone();
    for body in [json!({}), json!({ "name": name })] {
        let (status, answer) = admin(&world, "PATCH", "/merchants/demo", &body);
        assert_eq!(status, 200, "{answer}");
    }
    for path in ["/v1/brand", "/v1/settings"] {
        assert_eq!(shop.call("PATCH", path, "{}").0, 200, "{path}");
    }
    assert_eq!(audit(&world), before);
    let noted = json!({"note": "checked by telephone"});
    assert_eq!(admin(&world, "PATCH", "/merchants/demo", &noted).0, 200);
    assert!(audit(&world).contains("checked by telephone"));
}

const SUSPENDED: &str = "MERCHANT_SUSPENDED";

#[test]
fn a_suspended_merchant_sells_nothing_and_loses_nothing() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.control(
        "/sandbox/merchants/1900000109",
        &json!({"native_callback_url": format!("{GATEWAY}/notify/v2/demo/native")}),
    );
    shop.paid("paid", 150);
    let code_url = shop.order(&order("open"))["code_url"].clone();
    let checkout = json!({"out_trade_no": "C1", "body": "Oolong", "total_fee": 1});
    let (_, made) = shop.call("POST", "/v1/checkout", checkout.to_string());
    let page = made["data"]["url"].as_str().unwrap().to_owned();
    let sold = link(&shop, json!({"total_fee": 1}));
    let bought = buy(&world, &sold, "&quantity=1");
    let product = json!({"product_id": "tea", "body": "Tea", "total_fee": 1});
    let product =
        shop.call("POST", "/v1/product", product.to_string()).1["data"]["code_url"].clone();
    let named = json!({"name": "till", "scopes": ["orders:write"]}).to_string();
    let named = shop.call("POST", "/v1/keys", named).1["data"]["key"].clone();

    let (status, answer) = world.admin("/merchants/demo/suspend", &json!({"note": "fraud"}));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"]["suspended_at_ms"], world.now());
    let since = world.now();
    world.advance(1);
    let (_, again) = world.admin("/merchants/demo/suspend", &json!({}));
    assert_eq!(again["data"]["suspended_at_ms"], since, "it stays as it is");

    // Nothing is sold: not by the API with any key, under a known number, by an open page, by a
    // link, or by a product's code.
    let asked = world.upstream_calls().len();
    let quick = json!({"out_trade_no": "Q", "body": "x", "total_fee": 1,
                       "auth_code": "134650720866361395"});
    for (path, body) in [
        ("/v1/order", order("new")),
        ("/v1/order", order("open")),
        ("/v1/micropay", quick),
        (
            "/v1/checkout",
            json!({"out_trade_no": "C2", "body": "x", "total_fee": 1}),
        ),
        ("/v1/checkout", checkout),
    ] {
        let (status, answer) = shop.call("POST", path, body.to_string());
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!(SUSPENDED)),
            "{path} {body}"
        );
    }
    let request = http::Request::post(format!("{GATEWAY}/v1/order"))
        .header("api-key", named.as_str().unwrap())
        .body(order("new").to_string().into_bytes());
    assert_eq!(world.send(request.unwrap()).status(), 409);
    for page in [&page, &format!("{GATEWAY}{bought}")] {
        let mut browser = Browser::new(&world, DESKTOP);
        assert_eq!(browser.get(page).0, 200);
        let (status, answer) = browser.post(&page.replacen("/pay/?", "/pay/order?", 1));
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!(SUSPENDED)),
            "{page}"
        );
    }
    for (lang, sentence) in [
        (Lang::En, "This merchant isn’t taking payments"),
        (Lang::ZhHans, "商户暂停收款"),
        (Lang::ZhHant, "商戶暫停收款"),
    ] {
        let problem = Problem::from_code(SUSPENDED);
        assert_eq!(texts(lang).problem(problem).heading, sentence);
    }
    let shown = http::Request::get(sold["url"].as_str().unwrap()).header("user-agent", DESKTOP);
    let shown = world.send(shown.body(Vec::new()).unwrap());
    let html = String::from_utf8_lossy(shown.body()).into_owned();
    assert!(
        !html.contains("name=\"once\""),
        "the link's form is shown: {html}"
    );
    let scan = json!({"code_url": product, "payer": "alice", "action": "pay"});
    assert_ne!(world.try_control("/sandbox/scan", &scan)["ok"], true);
    assert_eq!(world.upstream_calls().len(), asked, "WeChat was called");

    // Earlier sales are still processed.
    let received = world.received().len();
    world.pay(&code_url);
    let get = |number: &str| {
        let path = format!("/v1/order?out_trade_no={number}");
        shop.call("GET", &path, "").1["data"]["trade_state"].clone()
    };
    assert_eq!(get("open"), "SUCCESS");
    assert_eq!(world.received().len(), received + 1, "delivered");
    let refund = json!({"out_trade_no": "paid", "refund_fee": 1}).to_string();
    assert_eq!(shop.call("POST", "/v1/refund", refund).0, 200);
    assert_eq!(get("paid"), "REFUND");
    assert_eq!(shop.call("GET", "/v1/orders", "").0, 200);
    assert_eq!(shop.call("GET", "/v1/checkout?out_trade_no=C1", "").0, 200);

    let (status, answer) = world.admin("/merchants/demo/resume", &json!({"note": "cleared"}));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"]["suspended_at_ms"], Value::Null);
    assert_eq!(
        shop.call("POST", "/v1/order", order("new").to_string()).0,
        200
    );
    let audit = audit(&world);
    for what in ["merchant suspended", "fraud", "merchant resumed", "cleared"] {
        assert_eq!(audit.matches(what).count(), 1, "{what}: {audit}");
    }
}

/// A book and an isolate that have cached the merchant apply it within 30 seconds.
#[test]
fn a_suspension_reaches_what_remembers_the_merchant() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.order(&order("1"));
    let _held = world.hold_book("demo");
    shop.order(&order("2"));
    assert_eq!(world.admin("/merchants/demo/suspend", &json!({})).0, 200);
    world.advance(31);
    let (_, answer) = shop.call("POST", "/v1/order", order("3").to_string());
    assert_eq!(answer["code"], SUSPENDED);
}

#[test]
fn merchants_are_listed_in_pages_and_read_without_secrets() {
    let world = Memory::default();
    let mut made: Vec<String> = Vec::new();
    for n in 0..7 {
        made.push(world.shop(&format!("shop-{n}")).id);
    }
    let mut seen = Vec::new();
    let mut path = "/merchants?limit=3".to_owned();
    loop {
        let (status, page) = admin(&world, "GET", &path, &json!({}));
        assert_eq!(status, 200, "{page}");
        let merchants = page["data"]["merchants"].as_array().unwrap();
        assert!(merchants.len() <= 3);
        seen.extend(
            merchants
                .iter()
                .map(|m| m["id"].as_str().unwrap().to_owned()),
        );
        match page["data"]["after"].as_str() {
            Some(after) => path = format!("/merchants?limit=3&after={after}"),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen, made);
    let (status, one) = admin(&world, "GET", "/merchants/shop-3", &json!({}));
    assert_eq!(status, 200, "{one}");
    assert_eq!(one["data"]["mch_id"], "1900000109");
    assert_eq!(one["data"]["fee_type"], "HKD");
    let text = one.to_string();
    for secret in [
        "sealed",
        "weceive-sandbox-demo-key",
        "whsec_",
        "fingerprint",
    ] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    for (path, code, field) in [
        ("/merchants?limit=0", "FIELD_INVALID", json!("limit")),
        ("/merchants?limit=101", "FIELD_INVALID", json!("limit")),
        ("/merchants?after=A%20B", "FIELD_INVALID", json!("after")),
        ("/merchants?state=x", "FIELD_INVALID", json!("state")),
        ("/merchants/nobody", "MERCHANT_NOT_FOUND", Value::Null),
    ] {
        let (_, answer) = admin(&world, "GET", path, &json!({}));
        assert_eq!(
            (&answer["code"], &answer["field"]),
            (&json!(code), &field),
            "{path}"
        );
    }
    for (method, path) in [
        ("GET", "/merchants"),
        ("GET", "/merchants/shop-3"),
        ("POST", "/merchants/shop-3/suspend"),
        ("POST", "/merchants/shop-3/resume"),
    ] {
        let (status, _) = world.admin_as(method, path, "not the token", &json!({}));
        assert_eq!(status, 401, "{method} {path}");
    }
    for path in ["/merchants/nobody/suspend", "/merchants/nobody/resume"] {
        assert_eq!(
            world.admin(path, &json!({})).1["code"],
            "MERCHANT_NOT_FOUND"
        );
    }
}

#[test]
fn what_was_entered_wrongly_is_corrected_and_orders_keep_their_terms() {
    let world = Memory::default();
    let shop = world.shop_with(
        "demo",
        &json!({"app_secret": "the-secret-of-the-first-app"}),
    );
    let code_url = shop.order(&order("1"))["code_url"].clone();
    for (field, value) in [
        ("mch_id", json!("1900000110")),
        ("sub_mch_id", json!("1")),
        ("dialect", json!("v3")),
        ("sign_type", json!("HMAC-SHA256")),
        ("id", json!("other")),
        ("suspended_at_ms", json!(1)),
        ("fee_type", Value::Null),
        ("appid", Value::Null),
        ("sub_appid", json!("wx0000000000000001")),
        ("answers", json!("both")),
        ("app_secret", json!("alone")),
    ] {
        let (status, answer) = world.change_merchant("demo", &json!({field: value}));
        assert_eq!((status, &answer["field"]), (400, &json!(field)), "{answer}");
    }
    let change = json!({"appid": "wx0000000000000002", "fee_type": "USD", "answers": "flat"});
    let (status, answer) = world.change_merchant("demo", &change);
    assert_eq!(status, 200, "{answer}");
    let (_, now) = admin(&world, "GET", "/merchants/demo", &json!({}));
    assert_eq!(now["data"]["appid"], "wx0000000000000002");
    assert_eq!(now["data"]["answers"], "flat");
    assert_eq!(now["data"]["fee_type"], "USD");
    let audit = audit(&world);
    assert!(
        audit.contains("settings changed: appid, fee_type, answers, app_secret"),
        "{audit}"
    );
    // The order that was made with the first appid is paid, found and refunded.
    world.pay(&code_url);
    let (_, order) = shop.call("GET", "/v1/order?out_trade_no=1&refresh=1", "");
    assert_eq!(order["data"]["trade_state"], "SUCCESS", "{order}");
    assert_eq!(
        world
            .received()
            .iter()
            .filter(|r| r.url == SHOP_NOTIFY)
            .count(),
        1
    );
    let refund = json!({"out_trade_no": "1", "refund_fee": 1}).to_string();
    let (status, refunded) = shop.call("POST", "/v1/refund", refund);
    assert_eq!(status, 200, "{refunded}");
    // The account is found under its new appid.
    let sibling = Memory::merchant_body("sibling", &json!({"appid": "wx0000000000000002"}));
    let (_, sibling) = world.admin("/merchants", &sibling);
    assert!(
        sibling["data"]["warnings"][0]
            .as_str()
            .unwrap()
            .contains("demo"),
        "{sibling}"
    );
}
