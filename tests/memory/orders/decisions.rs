//! An operator's decision about an order whose payment at WeChat does not match
//! it: always on a verified answer of WeChat, and with the end of the alarm.

use crate::checkout::purchases;
use crate::fixtures;
use crate::notice_fixture::{NoticeFixture, fixture, order};
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, SHOP_NOTIFY, Shop, Upstream};

pub fn decide(world: &Memory, shop: &Shop, number: &str, decision: &str) -> (u16, Value) {
    let body = json!({"out_trade_no": number, "decision": decision, "note": "looked at it"});
    world.admin(&format!("/merchants/{}/decide", shop.id), &body)
}

fn settle(world: &Memory, shop: &Shop, name: &str, subject: &str) {
    let body = json!({"name": name, "subject": subject, "note": "done"});
    let path = format!("/merchants/{}/alarms", shop.id);
    let (status, answer) = world.admin(&path, &body);
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn a_prepaid_order_paid_with_another_attach_is_paid_and_raises_an_alarm() {
    for (id, what) in [
        ("demo", "attach"),
        ("harbour", "attach"),
        ("demo-v3", "/attach"),
        ("night-ionline", "attach"),
    ] {
        let fixture = fixture(id);
        fixture.world.lose_notices(true);
        fixture.answer_queries_with(what, &json!("x"));
        let status = fixture.shop.status("N1");
        assert_eq!(status["trade_state"], "SUCCESS", "{id}: {status}");
        assert_eq!(fixture.shop.alarm_names(), ["OTHER_ATTACH"], "{id}");
        fixture.world.advance(1);
        assert_eq!(fixture.world.received().len(), 1, "{id}: delivered once");
        settle(&fixture.world, &fixture.shop, "OTHER_ATTACH", "N1");
        fixture.world.advance(11);
        assert_eq!(fixture.shop.refresh("N1")["trade_state"], "SUCCESS", "{id}");
        assert_eq!(fixture.shop.alarm_names(), [""; 0], "{id}: raised once");
        assert_eq!(fixture.world.received().len(), 1, "{id}: delivered once");
    }
}

/// The difference, and the order's values after acceptance.
const DIFFERENT: [(&str, &str, &str, &str, &str); 7] = [
    ("demo", "total_fee", "151", "OTHER_AMOUNT", "total_fee"),
    ("harbour", "total_fee", "1", "OTHER_AMOUNT", "total_fee"),
    ("demo", "fee_type", "CNY", "OTHER_CURRENCY", "fee_type"),
    (
        "demo",
        "trade_type",
        "APP",
        "OTHER_TRADE_TYPE",
        "trade_type",
    ),
    (
        "demo-v3",
        "/amount/total",
        "151",
        "OTHER_AMOUNT",
        "total_fee",
    ),
    (
        "peak-v3",
        "/amount/total",
        "149",
        "OTHER_AMOUNT",
        "total_fee",
    ),
    (
        "night-ionline",
        "total_fee",
        "151",
        "OTHER_AMOUNT",
        "total_fee",
    ),
];

fn different(row: &(&str, &str, &str, &str, &str)) -> NoticeFixture {
    let (id, what, value, alarm, _) = row;
    let fixture = fixture(id);
    fixture.world.lose_notices(true);
    let value = match what.starts_with("/amount/total") {
        true => json!(value.parse::<i64>().unwrap()),
        false => json!(value),
    };
    fixture.answer_queries_with(what, &value);
    assert_eq!(
        fixture.shop.status("N1")["trade_state"],
        "NOTPAY",
        "{row:?}"
    );
    assert_eq!(fixture.shop.alarm_names(), [*alarm], "{row:?}");
    fixture
}

#[test]
fn an_accepted_payment_gives_the_order_wechats_values() {
    for row in &DIFFERENT {
        let (.., value, _, shown) = row;
        let fixture = different(row);
        let (status, answer) = decide(&fixture.world, &fixture.shop, "N1", "accept");
        assert_eq!(status, 200, "{row:?}: {answer}");
        assert_eq!(answer["data"]["trade_state"], "SUCCESS", "{row:?}");
        assert_eq!(answer["data"][shown], **value, "{row:?}");
        assert_eq!(
            fixture.shop.alarm_names(),
            [""; 0],
            "{row:?}: the alarm ends"
        );
        fixture.world.advance(1);
        let [delivery] = &fixture.world.received()[..] else {
            panic!("{row:?}: one delivery")
        };
        assert!(delivery.body.contains(value), "{row:?}: {}", delivery.body);
        fixture.world.advance(11);
        assert_eq!(fixture.shop.refresh("N1")["trade_state"], "SUCCESS");
        assert_eq!(
            fixture.shop.alarm_names(),
            [""; 0],
            "{row:?}: nothing differs now"
        );
        // The same decision again finds that it was executed.
        let (status, answer) = decide(&fixture.world, &fixture.shop, "N1", "accept");
        assert_eq!(status, 200, "{row:?}: {answer}");
        assert_eq!(fixture.world.received().len(), 1, "{row:?}");
        let audit = fixture.shop.call("GET", "/v1/audit?subject=N1", "").1;
        assert!(audit.to_string().contains("looked at it"), "{audit}");
    }
}

#[test]
fn refunds_of_an_accepted_payment_stay_within_what_wechat_took() {
    let fixture = different(&DIFFERENT[0]);
    decide(&fixture.world, &fixture.shop, "N1", "accept");
    let refund = json!({"out_trade_no": "N1", "refund_fee": 152, "out_refund_no": "R1"});
    let (status, answer) = fixture.shop.call("POST", "/v1/refund", refund.to_string());
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("REFUND_EXCEEDS_PAID"))
    );
    let refund = json!({"out_trade_no": "N1", "refund_fee": 151, "out_refund_no": "R1"});
    let (status, _) = fixture.shop.call("POST", "/v1/refund", refund.to_string());
    assert_eq!(status, 200);
}

#[test]
fn a_payment_that_differs_is_rejected_and_raises_no_further_alarm() {
    for row in &DIFFERENT {
        let fixture = different(row);
        let (status, answer) = decide(&fixture.world, &fixture.shop, "N1", "reject");
        assert_eq!(status, 200, "{row:?}: {answer}");
        assert_eq!(answer["data"]["trade_state"], "CLOSED", "{row:?}");
        assert_eq!(
            fixture.shop.alarm_names(),
            [""; 0],
            "{row:?}: the alarm ends"
        );
        let calls = fixture.world.upstream_calls().len();
        fixture.world.advance(3 * 3600);
        assert_eq!(
            fixture.world.upstream_calls().len(),
            calls,
            "{row:?}: at rest"
        );
        assert_eq!(
            fixture.shop.refresh("N1")["trade_state"],
            "CLOSED",
            "{row:?}"
        );
        assert_eq!(
            fixture.shop.alarm_names(),
            [""; 0],
            "{row:?}: the decision is permanent"
        );
        assert_eq!(
            fixture.world.received(),
            [],
            "{row:?}: nothing is delivered"
        );
        // The decision can be changed, on WeChat's answer at that time.
        let (status, answer) = decide(&fixture.world, &fixture.shop, "N1", "accept");
        assert_eq!(status, 200, "{row:?}: {answer}");
        assert_eq!(answer["data"]["trade_state"], "SUCCESS", "{row:?}");
    }
}

#[test]
fn a_notice_of_a_rejected_payment_is_acknowledged_without_an_alarm() {
    let fixture = different(&DIFFERENT[0]);
    decide(&fixture.world, &fixture.shop, "N1", "reject");
    let mut fields = fixture.fields();
    fields.set("total_fee", "151");
    let xml = fields.sealed(&fixture.key, fixture.sign_type()).to_xml();
    assert_eq!(fixture.send(xml), 200);
    assert_eq!(fixture.shop.alarm_names(), [""; 0]);
    assert_eq!(fixture.shop.status("N1")["trade_state"], "CLOSED");
}

#[test]
fn no_decision_changes_anything_without_a_verified_answer() {
    for decision in ["accept", "reject"] {
        let fixture = different(&DIFFERENT[0]);
        fixture.world.upstream([Upstream::LosesRequest; 9]);
        let (status, answer) = decide(&fixture.world, &fixture.shop, "N1", decision);
        assert_eq!(status, 503, "{answer}");
        fixture.world.drop_upstream();
        let forged = fixture.fields().with("trade_state", "SUCCESS");
        let forged = forged.sealed(&wechatpay::Secret::new("x".repeat(32)), fixture.sign_type());
        fixture.world.answer_with(forged.to_xml().into_bytes());
        let (status, answer) = decide(&fixture.world, &fixture.shop, "N1", decision);
        assert_eq!(
            (status, &answer["code"]),
            (502, &json!("UPSTREAM_UNVERIFIED"))
        );
        assert_eq!(fixture.shop.status("N1")["trade_state"], "NOTPAY");
        assert_eq!(
            fixture.shop.alarm_names(),
            ["OTHER_AMOUNT"],
            "it still stands"
        );
    }
}

#[test]
fn a_matching_payment_is_applied_and_cannot_be_rejected() {
    fixtures::each(|world, kind, shop| {
        world.lose_notices(true);
        fixtures::pay(world, shop, "1");
        let (status, answer) = decide(world, shop, "1", "reject");
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!("NOTHING_TO_DECIDE"))
        );
        assert_eq!(shop.status("1")["trade_state"], "SUCCESS", "{}", kind.id);
        let (status, answer) = decide(world, shop, "1", "reject");
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!("NOTHING_TO_DECIDE"))
        );
        assert_eq!(shop.status("1")["trade_state"], "SUCCESS", "{}", kind.id);
    });
}

#[test]
fn there_is_nothing_to_decide_about_an_unpaid_order() {
    let world = Memory::default();
    let shop = world.shop("demo");
    order(&shop, "N1");
    for decision in ["accept", "reject", "refund"] {
        let (status, answer) = decide(&world, &shop, "N1", decision);
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!("NOTHING_TO_DECIDE"))
        );
        let (status, answer) = decide(&world, &shop, "N2", decision);
        assert_eq!((status, &answer["code"]), (404, &json!("ORDER_NOT_FOUND")));
    }
    let (status, answer) = decide(&world, &shop, "N1", "pay");
    assert_eq!((status, &answer["field"]), (400, &json!("decision")));
    let body = json!({"out_trade_no": "N1", "decision": "accept"});
    let (status, answer) = world.admin("/merchants/demo/decide", &body);
    assert_eq!((status, &answer["field"]), (400, &json!("note")));
    assert_eq!(shop.status("N1")["trade_state"], "NOTPAY");
}

#[test]
fn a_decision_needs_the_operators_token() {
    let fixture = different(&DIFFERENT[0]);
    let body = json!({"out_trade_no": "N1", "decision": "accept", "note": "x"});
    let (key, secret) = (&fixture.shop.api_key, &fixture.shop.api_secret);
    for headers in [
        vec![],
        vec![("api-key", key.as_str()), ("api-secret", secret.as_str())],
        vec![("authorization", "Bearer wrong")],
    ] {
        let mut request = http::Request::post(format!("{GATEWAY}/admin/merchants/demo/decide"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = fixture
            .world
            .send(request.body(body.to_string().into_bytes()).unwrap());
        assert_eq!(answer.status(), 401);
    }
    assert_eq!(fixture.shop.status("N1")["trade_state"], "NOTPAY");
}

#[test]
fn another_orders_payment_cannot_be_accepted_and_is_rejected() {
    for id in ["demo", "harbour", "demo-v3", "night-ionline"] {
        let fixture = fixture(id);
        assert!(fixture.send_it(), "{id}");
        order(&fixture.shop, "N2");
        let name = match fixture.kind.dialect {
            "v3" => "/out_trade_no",
            _ => "out_trade_no",
        };
        fixture.answer_queries_with(name, &json!("N2"));
        assert_eq!(fixture.shop.status("N2")["trade_state"], "NOTPAY", "{id}");
        assert_eq!(fixture.shop.alarm_names(), ["OTHER_TRANSACTION"], "{id}");
        let (status, answer) = decide(&fixture.world, &fixture.shop, "N2", "accept");
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!("PAYMENT_IS_ANOTHERS")),
            "{id}"
        );
        assert_eq!(fixture.shop.status("N2")["trade_state"], "NOTPAY", "{id}");
        let (status, answer) = decide(&fixture.world, &fixture.shop, "N2", "reject");
        assert_eq!(status, 200, "{id}: {answer}");
        assert_eq!(answer["data"]["trade_state"], "CLOSED", "{id}");
        fixture.world.advance(3 * 3600);
        fixture.shop.refresh("N2");
        assert_eq!(fixture.shop.alarm_names(), [""; 0], "{id}");
    }
}

#[test]
fn another_merchants_payment_cannot_be_accepted_and_is_rejected() {
    let fixture = fixture("demo");
    let sibling = fixtures::body_as(&fixture.world, "demo", "sibling");
    let sibling = fixture.world.shop_with("sibling", &sibling);
    fixture.world.advance(31);
    assert!(fixture.send_it());
    order(&sibling, "N2");
    // WeChat returns the payment of the other merchant's order.
    fixture.answer_queries_with("out_trade_no", &json!("N2"));
    assert_eq!(sibling.status("N2")["trade_state"], "NOTPAY");
    assert_eq!(sibling.alarm_names(), ["OTHER_TRANSACTION"]);
    let (status, answer) = decide(&fixture.world, &sibling, "N2", "accept");
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("PAYMENT_IS_ANOTHERS"))
    );
    let (status, answer) = decide(&fixture.world, &sibling, "N2", "reject");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"]["trade_state"], "CLOSED");
    fixture.world.advance(3600);
    sibling.refresh("N2");
    assert_eq!(sibling.alarm_names(), [""; 0]);
}

fn micropay(world: &Memory, shop: &Shop, number: &str) {
    let asked = json!({"payer": "alice", "behaviour": "password"});
    let code = world.control("/sandbox/paycode", &asked)["auth_code"].clone();
    let body = json!({"out_trade_no": number, "body": "Tea", "total_fee": 1200,
                      "auth_code": code, "notify_url": SHOP_NOTIFY});
    assert_eq!(shop.call("POST", "/v1/micropay", body.to_string()).0, 200);
}

/// A query's verified answer about the Quick Pay `Q1`.
fn quick_pay_is_paid(fixture: &NoticeFixture, changes: &[(&str, &str)]) {
    let mut fields = fixture.fields().with("trade_state", "SUCCESS");
    for (name, value) in [
        ("out_trade_no", "Q1"),
        ("total_fee", "1200"),
        ("trade_type", "MICROPAY"),
        ("transaction_id", "4200000000000000000000000099"),
    ]
    .iter()
    .chain(changes)
    {
        fields.set(name, *value);
    }
    let answer = fields.sealed(&fixture.key, fixture.sign_type()).to_xml();
    fixture.world.answer_with(answer.into_bytes());
}

#[test]
fn a_quick_pay_with_another_attach_is_not_paid_until_it_is_accepted() {
    for changes in [&[("attach", "x")][..], &[("trade_type", "NATIVE")]] {
        let fixture = fixture("demo");
        fixture.world.lose_notices(true);
        micropay(&fixture.world, &fixture.shop, "Q1");
        quick_pay_is_paid(&fixture, changes);
        assert_eq!(fixture.shop.refresh("Q1")["trade_state"], "PAYERROR");
        assert_eq!(fixture.shop.alarm_names(), ["NUMBER_TAKEN"]);
        let (status, answer) = decide(&fixture.world, &fixture.shop, "Q1", "accept");
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["data"]["trade_state"], "SUCCESS");
        assert_eq!(fixture.shop.alarm_names(), [""; 0]);
        fixture.world.advance(3600);
        assert_eq!(fixture.shop.refresh("Q1")["trade_state"], "SUCCESS");
        assert_eq!(fixture.shop.alarm_names(), [""; 0]);
    }
}

#[test]
fn a_quick_pay_with_a_refused_reverse_and_another_payment_can_be_decided() {
    for (decision, state) in [("accept", "SUCCESS"), ("reject", "PAYERROR")] {
        let fixture = fixture("demo");
        fixture.world.lose_notices(true);
        micropay(&fixture.world, &fixture.shop, "Q1");
        let refuse = json!({"path": "/secapi/pay/reverse", "code": "NOAUTH", "times": 9});
        fixture
            .world
            .control("/sandbox/faults", &json!({ "fail_next": refuse }));
        fixture.world.advance(120);
        assert_eq!(fixture.shop.alarm_names(), ["REVERSE_REFUSED"]);
        quick_pay_is_paid(&fixture, &[("total_fee", "1100")]);
        fixture.world.advance(600);
        let both = ["OTHER_AMOUNT", "REVERSE_REFUSED"];
        let mut standing = fixture.shop.alarm_names();
        standing.sort();
        assert_eq!(standing, both);
        let (status, answer) = decide(&fixture.world, &fixture.shop, "Q1", decision);
        assert_eq!(status, 200, "{answer}");
        fixture.world.advance(600);
        assert_eq!(
            fixture.shop.status("Q1")["trade_state"],
            state,
            "{decision}"
        );
        assert!(
            !fixture
                .shop
                .alarm_names()
                .contains(&"OTHER_AMOUNT".to_owned())
        );
    }
}

#[test]
fn a_second_payment_whose_refund_failed_is_refunded_again() {
    let world = Memory::default();
    let shop = purchases::paid_twice(&world, |world| {
        let refuse = json!({"path": "/secapi/pay/refund", "code": "USER_ACCOUNT_ABNORMAL"});
        world.control("/sandbox/faults", &json!({ "fail_next": refuse }));
    });
    world.advance(3600);
    assert_eq!(shop.alarm_names(), ["SECOND_PAYMENT_KEPT"]);
    let (status, answer) = decide(&world, &shop, "1", "refund");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(shop.alarm_names(), [""; 0]);
    world.advance(4 * 24 * 3600);
    let (status, answer) = decide(&world, &shop, "1", "refund");
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("NOTHING_TO_DECIDE"))
    );
    let counters = shop.report()["counters"].clone();
    assert_eq!(counters["refund:SUCCESS"], 1, "returned once: {counters}");
    assert_eq!(shop.alarm_names(), [""; 0]);
}

#[test]
fn a_second_payment_is_refunded_again_though_another_refund_has_its_usual_number() {
    let world = Memory::default();
    let shop = purchases::paid_twice(&world, |world| {
        let refuse = json!({"path": "/secapi/pay/refund", "code": "USER_ACCOUNT_ABNORMAL"});
        world.control("/sandbox/faults", &json!({ "fail_next": refuse }));
    });
    world.advance(3600);
    let total_fee = shop.status("1")["total_fee"].clone();
    let usual = format!("1-R{}", total_fee.as_str().unwrap());
    let taken = json!({"out_trade_no": "1", "out_refund_no": usual, "refund_fee": 1});
    let (status, answer) = shop.call("POST", "/v1/refund", taken.to_string());
    assert_eq!(
        (status, &answer["data"]["out_trade_no"]),
        (200, &json!("1-2")),
        "of the payment that is kept: {answer}"
    );
    let (status, answer) = decide(&world, &shop, "1", "refund");
    assert_eq!(status, 200, "{answer}");
    world.advance(4 * 24 * 3600);
    let counters = shop.report()["counters"].clone();
    assert_eq!(counters["refund:SUCCESS"], 2, "{counters}");
    assert_eq!(shop.alarm_names(), [""; 0]);
}
