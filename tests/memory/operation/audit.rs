//! The audit: every change to money and to credentials, with the caller, the
//! evidence and the request; and no row can be removed.

use crate::checkout::sign_in::DESKTOP;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tests::memory::{ADMIN_TOKEN, GATEWAY, Memory, SHOP_NOTIFY, Shop, registry_of};

fn text<'v>(entry: &'v Value, name: &str) -> &'v str {
    entry[name].as_str().unwrap()
}

pub fn hmac_sha256(key: &str, message: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    let mac = mac.chain_update(message).finalize().into_bytes();
    mac.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A paid order, made under a request id of the caller's own.
fn paid_order(world: &Memory, shop: &Shop, number: &str, request_id: &str) {
    let order = json!({"out_trade_no": number, "body": "Demo Order", "total_fee": 150,
                       "trade_type": "NATIVE", "notify_url": SHOP_NOTIFY});
    let answer = world.send(
        http::Request::post(format!("{GATEWAY}/v1/order"))
            .header("api-key", &shop.api_key)
            .header("x-request-id", request_id)
            .body(order.to_string().into_bytes())
            .unwrap(),
    );
    assert_eq!(answer.headers()["x-request-id"], request_id);
    let made: Value = serde_json::from_slice(answer.body()).unwrap();
    world.scan(&made["data"]["code_url"]);
    world.advance(1);
}

#[test]
fn each_change_of_money_has_its_caller_and_evidence() {
    let world = Memory::default();
    let shop = world.shop("demo");
    paid_order(&world, &shop, "1", "the-order-s-own-request");
    let refund = json!({"out_trade_no": "1", "out_refund_no": "R", "refund_fee": 50});
    assert_eq!(shop.call("POST", "/v1/refund", refund.to_string()).0, 200);
    world.advance(3600);
    // Requested, and then left until it expires.
    shop.order(
        &json!({"out_trade_no": "2", "body": "Demo Order", "total_fee": 150,
                       "trade_type": "NATIVE"}),
    );
    world.advance(3 * 3600);
    let link = json!({"body": "Oolong", "total_fee": 8800, "stock": 3});
    assert_eq!(shop.call("POST", "/v1/link", link.to_string()).0, 200);
    let product = json!({"product_id": "p", "body": "Oolong", "total_fee": 1});
    assert_eq!(shop.call("POST", "/v1/product", product.to_string()).0, 200);

    let mut told = Vec::new();
    for entry in shop.audit("money").iter().rev() {
        let who = text(entry, "who").split(' ').next().unwrap();
        let evidence = text(entry, "evidence");
        let (evidence, transaction) = evidence
            .split_once(": transaction ")
            .unwrap_or((evidence, ""));
        assert_eq!(
            transaction.is_empty(),
            !text(entry, "what").contains("SUCCESS, 150"),
            "{entry}"
        );
        told.push(format!(
            "{} | {} | {who} | {} | {evidence}",
            text(entry, "subject").split('.').next().unwrap(),
            text(entry, "what"),
            text(entry, "call"),
        ));
    }
    assert_eq!(
        told,
        [
            "1 | order NOTPAY, 150 HKD, NATIVE | key | POST /v1/order | ",
            "1 | order SUCCESS, 150 HKD, NATIVE | wechat | POST /notify/v2/demo | WeChat's answer to a query",
            "1 | refund R ASKED, 50 HKD | key | POST /v1/refund | ",
            "1 | refund R PROCESSING, 50 HKD | key | POST /v1/refund | WeChat's answer about the refund",
            "1 | refund R SUCCESS, 50 HKD | wechat | POST /notify/v2/demo/refund | WeChat's answer about the refund",
            "2 | order NOTPAY, 150 HKD, NATIVE | key | POST /v1/order | ",
            "2 | order CLOSING, 150 HKD, NATIVE | timer | timer 2 | WeChat's answer to a query: NOTPAY",
            "2 | order CLOSED, 150 HKD, NATIVE | timer | timer 2 | WeChat's answer to the close: Closed",
            "demo | link on, 8800 to 8800 HKD a piece, to 1 at once, stock 3 | key | POST /v1/link | ",
            "p | product, 1 HKD | key | POST /v1/product | ",
        ]
    );
}

#[test]
fn a_request_s_id_follows_its_order_to_the_delivery() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.merchant_answers([(500, "")]);
    paid_order(&world, &shop, "1", "from-the-shop-0001");
    world.advance(3600);
    let received = world.received();
    assert_eq!(received.len(), 2, "sent again");
    assert!(
        received
            .iter()
            .all(|one| one.request_id == "from-the-shop-0001")
    );
    let lines: Vec<Value> = world
        .log_text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["request"] == "from-the-shop-0001")
        .collect();
    let says: Vec<&str> = lines.iter().map(|line| text(line, "says")).collect();
    for said in [
        "order NOTPAY",
        "answered",
        "delivery waiting",
        "delivery acknowledged",
    ] {
        assert!(
            says.iter().any(|says| says.starts_with(said)),
            "{said}: {says:?}"
        );
    }
    // Requests of a payer's page or of WeChat have ids of their own.
    let paid = &shop.audit("money")[0];
    assert_eq!(text(paid, "what"), "order SUCCESS, 150 HKD, NATIVE");
    assert_eq!(text(paid, "request_id").len(), 22, "{paid}");
}

/// The same for a request of the payer's own page.
#[test]
fn a_page_s_request_id_follows_its_order_to_the_delivery() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let checkout = json!({"out_trade_no": "1", "body": "Tea", "total_fee": 150,
                          "notify_url": SHOP_NOTIFY});
    let (_, made) = shop.call("POST", "/v1/checkout", checkout.to_string());
    let page = text(&made["data"], "url");
    let answer = world.send(
        http::Request::post(page.replace("/pay/?", "/pay/order?"))
            .header("user-agent", DESKTOP)
            .header("content-type", "application/json")
            .header("x-request-id", "from-the-page-0002")
            .body(b"{}".to_vec())
            .unwrap(),
    );
    assert_eq!(answer.headers()["x-request-id"], "from-the-page-0002");
    let prepared: Value = serde_json::from_slice(answer.body()).unwrap();
    world.scan(&prepared["qr"]["code_url"]);
    world.advance(1);
    let [received] = &world.received()[..] else {
        panic!("{:?}", world.received())
    };
    assert_eq!(received.request_id, "from-the-page-0002");
    let made = shop.audit("money").pop().unwrap();
    assert_eq!(text(&made, "call"), "POST /pay/order", "{made}");
    assert_eq!(text(&made, "request_id"), "from-the-page-0002", "{made}");
}

#[test]
fn each_change_of_credentials_has_its_caller_and_no_secret() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (_, token) = shop.call("POST", "/v1/token", "");
    let token = token["data"]["api-token"].as_str().unwrap().to_owned();
    let revoke = json!({"api-token": token});
    assert_eq!(shop.call("DELETE", "/v1/token", revoke.to_string()).0, 200);
    let change =
        json!({"api_key": "another-key-of-thirty-2-letters!", "new_delivery_secret": true});
    let (status, rotated) = world.admin("/merchants/demo/rotate", &change);
    assert_eq!(status, 200, "{rotated}");
    let entries = shop.audit("credentials");
    let told: Vec<String> = entries
        .iter()
        .rev()
        .map(|entry| {
            let who = text(entry, "who").split(' ').next().unwrap();
            let words: Vec<&str> = text(entry, "what").split(' ').collect();
            format!("{who}: {} {}", words[0], words[words.len().min(3) - 1])
        })
        .collect();
    assert_eq!(
        told,
        [
            "admin: merchant v2",
            "key: api-token issued",
            "key: api-token revoked",
            "admin: api-key made,",
            "admin: entered: delivery_secret"
        ],
        "{entries:?}"
    );
    let all = format!("{entries:?}") + world.log_text().as_str();
    for secret in [
        token.as_str(),
        shop.api_key.as_str(),
        shop.api_secret.as_str(),
        text(&rotated["data"], "api-key"),
        text(&rotated["data"], "api-secret"),
        text(&rotated["data"], "delivery_secret"),
        "another-key-of-thirty-2-letters!",
        ADMIN_TOKEN,
    ] {
        assert!(!all.contains(secret));
    }
}

#[test]
fn no_row_of_the_audit_is_changed_or_removed() {
    let world = Memory::default();
    let shop = world.shop("demo");
    paid_order(&world, &shop, "1", "a-request-of-the-test");
    let before = (shop.audit("money"), shop.audit("credentials"));
    assert!(before.0.len() >= 2 && !before.1.is_empty());
    for object in ["demo", &registry_of("demo")] {
        for sql in [
            "UPDATE audit SET who = 'nobody'",
            "DELETE FROM audit",
            "DELETE FROM audit WHERE id = 1",
            "INSERT OR REPLACE INTO audit VALUES(1, 0, '', '', '', '', '', '')",
            "REPLACE INTO audit VALUES(1, 0, '', '', '', '', '', '')",
        ] {
            let error = world.sql(object, sql).unwrap_err();
            assert!(error.contains("append-only"), "{sql}: {error}");
        }
    }
    assert_eq!((shop.audit("money"), shop.audit("credentials")), before);
}

/// The audit row and the change are written together, or neither is.
#[test]
fn a_change_that_cannot_be_audited_is_not_made() {
    let world = Memory::default();
    let shop = world.shop("demo");
    paid_order(&world, &shop, "1", "a-request-of-the-test");
    world.import_shards();
    // A pointer is written before its row, and has no effect without the row.
    let stored_text = || world.stored_text_but(&["pointers"]);
    for object in ["demo", &registry_of("demo")] {
        let refuse =
            "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END";
        world.sql(object, refuse).unwrap();
    }
    let stored = stored_text();
    let order = json!({"out_trade_no": "2", "body": "Demo Order", "total_fee": 150,
                       "trade_type": "NATIVE"});
    let refund = json!({"out_trade_no": "1", "refund_fee": 50});
    let link = json!({"body": "Oolong", "total_fee": 8800});
    for (path, body) in [
        ("/v1/order", order.to_string()),
        ("/v1/refund", refund.to_string()),
        ("/v1/link", link.to_string()),
        ("/v1/token", String::new()),
    ] {
        let (status, answer) = shop.call("POST", path, body);
        assert_eq!(
            (status, &answer["code"]),
            (500, &json!("INTERNAL")),
            "{path}"
        );
    }
    assert_eq!(world.admin("/merchants/demo/rotate", &json!({})).0, 500);
    let changed: Vec<&str> = stored.lines().collect();
    let now = stored_text();
    let now: Vec<&str> = now
        .lines()
        .filter(|line| !line.contains("upstream_"))
        .collect();
    let changed: Vec<&str> = changed
        .into_iter()
        .filter(|line| !line.contains("upstream_"))
        .collect();
    assert_eq!(now, changed);
}

#[test]
fn the_audit_is_read_in_pages_by_its_owner_and_the_operator() {
    let world = Memory::default();
    let (shop, other) = (world.shop("demo"), world.shop("other"));
    for number in ["1", "2", "3"] {
        shop.order(
            &json!({"out_trade_no": number, "body": "Demo Order", "total_fee": 150,
                           "trade_type": "NATIVE"}),
        );
    }
    let page = |query: &str| shop.call("GET", &format!("/v1/audit?{query}"), "").1["data"].clone();
    let first = page("limit=2");
    let subjects = |page: &Value| -> Vec<String> {
        let entries = page["entries"].as_array().unwrap().iter();
        entries
            .map(|entry| text(entry, "subject").to_owned())
            .collect()
    };
    assert_eq!(subjects(&first), ["3", "2"]);
    let rest = page(&format!("limit=2&before={}", first["before"]));
    assert_eq!(
        (subjects(&rest), &rest["before"]),
        (vec!["1".to_owned()], &Value::Null)
    );
    assert_eq!(subjects(&page("subject=2")), ["2"]);
    assert!(other.audit("money").is_empty());
    assert_eq!(other.audit("credentials").len(), 1);
    for (query, field) in [
        ("of=all", "of"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("before=x", "before"),
    ] {
        let (status, answer) = shop.call("GET", &format!("/v1/audit?{query}"), "");
        assert_eq!((status, &answer["field"]), (400, &json!(field)), "{answer}");
    }
    let asked = |token: &str| {
        let request = http::Request::get(format!("{GATEWAY}/admin/merchants/demo/audit?subject=1"))
            .header("authorization", format!("Bearer {token}"));
        let answer = world.send(request.body(Vec::new()).unwrap());
        let json: Value = serde_json::from_slice(answer.body()).unwrap();
        (answer.status().as_u16(), json)
    };
    assert_eq!(asked("a-token-of-nobody").0, 401);
    assert_eq!(subjects(&asked(ADMIN_TOKEN).1["data"]), ["1"]);
}

/// During the rotation, verification with either secret succeeds.
#[test]
fn the_delivery_secret_rotates_without_downtime() {
    let world = Memory::default();
    let mut shop = world.shop("demo");
    let holds = |secret: &str, signature: &str, body: &str| {
        let time = signature
            .split(',')
            .next()
            .unwrap()
            .trim_start_matches("t=");
        let mac = hmac_sha256(secret, &format!("{time}.{body}"));
        signature
            .split(',')
            .any(|part| part.strip_prefix("v1=") == Some(&mac))
    };
    let old = text(&shop.made, "delivery_secret").to_owned();
    let (_, rotated) = world.admin(
        "/merchants/demo/rotate",
        &json!({"new_delivery_secret": true}),
    );
    let new = text(&rotated["data"], "delivery_secret").to_owned();
    paid_order(&world, &shop, "1", "a-request-of-the-test");
    world.advance(86_400);
    let key = text(&rotated["data"], "api-key");
    shop.api_key = key.to_owned();
    paid_order(&world, &shop, "2", "a-request-of-the-test");
    let both = world
        .received()
        .iter()
        .map(|one| [&old, &new].map(|secret| holds(secret, &one.signature, &one.body)))
        .collect::<Vec<_>>();
    assert_eq!(both, [[true, true], [false, true]]);
}
