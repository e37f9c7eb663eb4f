//! The reason of a refund: sent in each dialect that has a field for it, part
//! of the refund's terms, and shown with the refund.

use crate::api::lists::get;
use crate::checkout::purchases;
use crate::fixtures::{each, pay, shop};
use serde_json::{Value, json};
use tests::memory::{Memory, Shop, Upstream};
use wechatpay::common::Fields;

const REASON: &str = "茶涼了: one cup was cold";

fn refund(shop: &Shop, about: &Value) -> (u16, Value) {
    shop.call("POST", "/v1/refund", about.to_string())
}

fn about(reason: &Value) -> Value {
    json!({"out_trade_no": "R1", "refund_fee": 500, "out_refund_no": "back-1", "reason": reason})
}

/// The bodies of the refund requests that WeChat received.
fn requests(world: &Memory) -> Vec<String> {
    let is_refund = |path: &str, body: &str| {
        [
            "/secapi/pay/refund",
            "/v3/global/refunds",
            "/v3/refund/domestic/refunds",
        ]
        .contains(&path)
            || body.contains("ionline.unified.trade.refund")
                && !body.contains("ionline.unified.trade.refundquery")
    };
    let exchanges = world.exchanges().into_iter();
    exchanges
        .filter(|sent| is_refund(&sent.path_and_query, &sent.body))
        .map(|sent| sent.body)
        .collect()
}

/// The reason in a request.
fn reason_in(dialect: &str, body: &str) -> Option<String> {
    match dialect {
        "v2" => {
            let fields = Fields::parse(body.as_bytes()).unwrap();
            fields.get("refund_desc").map(str::to_owned)
        }
        "v3" => {
            let body: Value = serde_json::from_str(body).unwrap();
            body["reason"].as_str().map(str::to_owned)
        }
        _ => {
            assert!(!body.contains("cold"), "{body}");
            None
        }
    }
}

#[test]
fn each_dialect_sends_the_reason_in_its_own_field_and_the_gateway_shows_it() {
    each(|world, kind, shop| {
        pay(world, shop, "R1");
        world.advance(1);
        let (status, answer) = refund(shop, &about(&json!(REASON)));
        assert_eq!(status, 200, "{}: {answer}", kind.id);
        assert_eq!(answer["data"]["reason"], REASON, "{}", kind.id);

        let has_field = kind.dialect != "ionline";
        let expected = has_field.then(|| REASON.to_owned());
        let sent = requests(world);
        assert_eq!(sent.len(), 1, "{}", kind.id);
        assert_eq!(reason_in(kind.dialect, &sent[0]), expected, "{}", kind.id);
        assert_eq!(
            world.refunds_at_wechat()[0]["reason"],
            json!(expected),
            "{}",
            kind.id
        );

        world.advance(4 * 24 * 3600);
        let found = get(shop, "/v1/refund?out_trade_no=R1")["refunds"][0].clone();
        assert_eq!(
            (&found["refund_status"], &found["reason"]),
            (&json!("SUCCESS"), &json!(REASON)),
            "{}",
            kind.id
        );
        assert_eq!(get(shop, "/v1/refunds")["refunds"][0]["reason"], REASON);
        let csv = shop.answer("GET", "/v1/refunds?format=csv", "");
        let csv = String::from_utf8(csv.body().clone()).unwrap();
        let lines: Vec<_> = csv.split("\r\n").collect();
        assert!(lines[0].ends_with(",created_at_ms,reason"), "{csv}");
        assert!(lines[1].ends_with(&format!(",{REASON}")), "{csv}");
        let currency = found["refund_fee_type"].as_str().unwrap();
        let asked = format!("refund back-1 ASKED, 500 {currency}, reason: {REASON}");
        for path in ["/v1/timeline?out_trade_no=R1", "/v1/audit?subject=R1"] {
            let text = get(shop, path).to_string();
            assert_eq!(text.matches(&asked).count(), 1, "{}: {text}", kind.id);
            assert_eq!(text.matches(REASON).count(), 1, "{}: {text}", kind.id);
        }
        assert!(
            !world.log_text().contains(REASON),
            "{}: in the log",
            kind.id
        );
    });
}

/// WeChat compares a repeated request, so each repetition has the same fields.
#[test]
fn a_repeated_request_has_the_same_reason() {
    each(|world, kind, shop| {
        pay(world, shop, "R1");
        world.advance(1);
        world.upstream([Upstream::LosesRequest; 3]);
        let (status, answer) = refund(shop, &about(&json!(REASON)));
        assert_eq!(
            (status, &answer["data"]["refund_status"]),
            (200, &json!("ASKED")),
            "{}: {answer}",
            kind.id
        );
        world.advance(3600);
        let (status, again) = refund(shop, &about(&json!(REASON)));
        assert_eq!((status, &again["data"]["reason"]), (200, &json!(REASON)));
        assert_ne!(again["data"]["refund_status"], "ASKED", "{}", kind.id);
        let sent = requests(world);
        assert!(!sent.is_empty(), "{}", kind.id);
        for body in sent {
            let expected = (kind.dialect != "ionline").then(|| REASON.to_owned());
            assert_eq!(reason_in(kind.dialect, &body), expected, "{}", kind.id);
        }
        assert_eq!(world.refunds_at_wechat().as_array().unwrap().len(), 1);
    });
}

#[test]
fn the_same_refund_with_another_reason_is_refused_by_name() {
    for number in [json!("back-1"), json!(null)] {
        for (first, other) in [
            (json!(REASON), json!("sold out")),
            (json!(REASON), json!(null)),
            (json!(null), json!(REASON)),
        ] {
            let world = Memory::default();
            let shop = shop(&world, "demo");
            pay(&world, &shop, "R1");
            world.advance(1);
            let about = |reason: &Value| {
                json!({"out_trade_no": "R1", "refund_fee": 500, "out_refund_no": number,
                       "reason": reason})
            };
            let (status, made) = refund(&shop, &about(&first));
            assert_eq!(status, 200, "{made}");
            let (status, answer) = refund(&shop, &about(&other));
            assert_eq!(
                (status, &answer["code"], &answer["field"]),
                (
                    409,
                    &json!("REFUND_EXISTS_WITH_DIFFERENT_TERMS"),
                    &json!("reason")
                ),
                "{first} {other}: {answer}"
            );
            assert_eq!(refund(&shop, &about(&first)).1["data"], made["data"]);
            assert_eq!(made["data"].get("reason"), first.as_str().map(|_| &first));
            assert_eq!(requests(&world).len(), 1);
        }
    }
}

#[test]
fn a_reason_that_wechat_refuses_is_refused_before_anything_is_stored() {
    each(|world, kind, shop| {
        pay(world, shop, "R1");
        world.advance(1);
        let ampersand = json!("tea & cake");
        let mut wrong = vec![
            json!("x".repeat(81)),
            // 81 bytes, 27 characters.
            json!("茶".repeat(27)),
            json!("two\nlines"),
            json!("\u{ffff}"),
            json!(["list"]),
            json!(true),
        ];
        if kind.dialect == "v2" {
            wrong.push(ampersand.clone());
        }
        for reason in wrong {
            let (status, answer) = refund(shop, &about(&reason));
            assert_eq!(
                (status, &answer["code"], &answer["field"]),
                (400, &json!("FIELD_INVALID"), &json!("reason")),
                "{} {reason}: {answer}",
                kind.id
            );
        }
        assert_eq!(requests(world), [""; 0], "{}", kind.id);
        assert_eq!(get(shop, "/v1/refunds")["refunds"], json!([]));
        // The longest reason, and one that another dialect's signature does not
        // allow.
        let longest = match kind.dialect {
            "v2" => json!("茶".repeat(26)),
            _ => ampersand,
        };
        let (status, answer) = refund(shop, &about(&longest));
        assert_eq!(
            (status, &answer["data"]["reason"]),
            (200, &longest),
            "{}: {answer}",
            kind.id
        );
    });
}

#[test]
fn a_reason_may_be_in_the_query_string_and_an_empty_one_is_none() {
    let world = Memory::default();
    let shop = shop(&world, "demo");
    pay(&world, &shop, "R1");
    world.advance(1);
    let path = "/v1/refund?out_trade_no=R1&refund_fee=1&reason=";
    let (status, answer) = shop.call("POST", path, "");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"].get("reason"), None);
    assert_eq!(
        get(&shop, "/v1/refunds")["refunds"][0]["reason"],
        json!(null)
    );
    world.advance(61);
    let path = "/v1/refund?out_trade_no=R1&refund_fee=2&reason=sold%20out";
    let (status, answer) = shop.call("POST", path, "");
    assert_eq!(
        (status, &answer["data"]["reason"]),
        (200, &json!("sold out")),
        "{answer}"
    );
    assert_eq!(reason_in("v2", &requests(&world)[0]), None);
    assert_eq!(
        reason_in("v2", &requests(&world)[1]),
        Some("sold out".to_owned())
    );
}

#[test]
fn an_operators_refund_of_a_second_payment_has_the_operators_reason() {
    let world = Memory::default();
    let shop = purchases::paid_twice(&world, |world| {
        let refuse = json!({"path": "/secapi/pay/refund", "code": "USER_ACCOUNT_ABNORMAL"});
        world.control("/sandbox/faults", &json!({ "fail_next": refuse }));
    });
    world.advance(3600);
    let decide = |decision: &str, reason: &str| {
        let body = json!({"out_trade_no": "1", "decision": decision, "note": "looked at it",
                          "reason": reason});
        world.admin("/merchants/demo/decide", &body)
    };
    for (decision, reason) in [("accept", "x"), ("reject", "x"), ("refund", "a & b")] {
        let (status, answer) = decide(decision, reason);
        assert_eq!(
            (status, &answer["code"], &answer["field"]),
            (400, &json!("FIELD_INVALID"), &json!("reason")),
            "{decision}: {answer}"
        );
    }
    let (status, answer) = decide("refund", "paid twice");
    assert_eq!(status, 200, "{answer}");
    let latest = world.refunds_at_wechat()[0].clone();
    assert_eq!(latest["reason"], "paid twice");
    let listed = get(&shop, "/v1/refunds?out_trade_no=1");
    assert_eq!(listed["refunds"][0]["reason"], "paid twice");
}
