//! Orders that were changed by a person on the merchant platform, or by another
//! system of the merchant; cancelled refunds; delayed reverses.

use crate::fixtures;
use serde_json::{Value, json};
use tests::memory::{Memory, SHOP_NOTIFY, Shop, Upstream};

fn by_hand(world: &Memory, kind: &testkit::demo::Kind, number: &str, change: &str) {
    let orders = world.orders_at_wechat();
    let mut orders = orders.as_array().unwrap().iter();
    let order = orders.find(|o| o["out_trade_no"] == number).unwrap();
    let path = format!(
        "/sandbox/orders/{}/{number}",
        order["mch_id"].as_str().unwrap()
    );
    let mut body = json!({ "by_hand": change });
    if !order["sub_mch_id"].is_null() {
        body["sub_mch_id"] = order["sub_mch_id"].clone();
    }
    let done = world.control(&path, &body);
    assert_eq!(done["out_trade_no"], number, "{}", kind.id);
}

#[test]
fn a_payment_found_with_its_refund_is_shown_refunded_and_not_delivered() {
    fixtures::each(|world, kind, shop| {
        world.lose_notices(true);
        fixtures::pay(world, shop, "1");
        by_hand(world, &kind, "1", "refund");
        world.advance(120);
        let status = shop.status("1");
        assert_eq!(status["trade_state"], "REFUND", "{}", kind.id);
        assert!(status["transaction_id"].is_string(), "{}", kind.id);
        assert_eq!(world.received(), [], "{}", kind.id);
        assert_eq!(shop.alarm_names(), ["CHANGED_ELSEWHERE"], "{}", kind.id);
    });
}

#[test]
fn refresh_shows_what_was_done_to_a_paid_order_elsewhere() {
    fixtures::each(|world, kind, shop| {
        fixtures::pay(world, shop, "1");
        world.advance(1);
        assert_eq!(shop.status("1")["trade_state"], "SUCCESS", "{}", kind.id);
        by_hand(world, &kind, "1", "refund");
        world.advance(11);
        let asked = world.upstream_calls().len();
        assert_eq!(shop.status("1")["trade_state"], "SUCCESS", "{}", kind.id);
        assert_eq!(world.upstream_calls().len(), asked, "{}", kind.id);
        assert_eq!(shop.refresh("1")["trade_state"], "REFUND", "{}", kind.id);
        assert_eq!(shop.alarm_names(), ["CHANGED_ELSEWHERE"], "{}", kind.id);
        assert_eq!(shop.status("1")["trade_state"], "REFUND", "{}", kind.id);
    });
}

#[test]
fn refresh_queries_at_most_once_in_ten_seconds() {
    let world = Memory::default();
    let shop = world.shop("demo");
    fixtures::pay(&world, &shop, "1");
    world.advance(60);
    let gateway = world.upstream_calls().len();
    shop.refresh("1");
    assert_eq!(world.upstream_calls().len(), gateway + 1);
    let (status, answer) = shop.call("GET", "/v1/order?out_trade_no=1&refresh=2", "");
    assert_eq!((status, &answer["field"]), (400, &json!("refresh")));
}

fn micropay(world: &Memory, shop: &Shop, number: &str, behaviour: &str) -> (u16, Value) {
    let asked = json!({"payer": "alice", "behaviour": behaviour});
    let code = world.control("/sandbox/paycode", &asked)["auth_code"].clone();
    let body = json!({"out_trade_no": number, "body": "One cup", "total_fee": 1200,
                      "auth_code": code, "notify_url": SHOP_NOTIFY});
    shop.call("POST", "/v1/micropay", body.to_string())
}

#[test]
fn a_quick_pay_revoked_elsewhere_is_shown_revoked() {
    for id in ["demo", "demo-v3"] {
        let world = Memory::default();
        let shop = fixtures::shop(&world, id);
        let (_, answer) = micropay(&world, &shop, "1", "pays");
        assert_eq!(answer["data"]["trade_state"], "SUCCESS", "{answer}");
        by_hand(&world, &fixtures::kind(id), "1", "revoke");
        world.advance(11);
        assert_eq!(shop.refresh("1")["trade_state"], "REVOKED", "{id}");
        assert_eq!(shop.alarm_names(), ["CHANGED_ELSEWHERE"], "{id}");
        let refund = json!({"out_trade_no": "1", "refund_fee": 1200}).to_string();
        assert_eq!(
            shop.call("POST", "/v1/refund", refund).1["code"],
            "ORDER_NOT_PAID"
        );
    }
}

#[test]
fn an_order_closed_elsewhere_is_shown_closed() {
    for id in ["demo", "demo-v3"] {
        let world = Memory::default();
        let shop = fixtures::shop(&world, id);
        shop.order(&fixtures::order("1"));
        by_hand(&world, &fixtures::kind(id), "1", "close");
        world.advance(40);
        assert_eq!(shop.status("1")["trade_state"], "CLOSED", "{id}");
    }
}

#[test]
fn a_quick_pay_is_not_success_on_another_systems_payment_of_the_same_amount() {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo");
    let sibling = world.shop_with("sibling", &fixtures::body_as(&world, "demo", "sibling"));
    for (number, made) in [("1", "paid"), ("2", "open"), ("3", "by Quick Pay")] {
        match made {
            "by Quick Pay" => {
                assert_eq!(micropay(&world, &sibling, number, "pays").0, 200);
            }
            _ => {
                let order = json!({"out_trade_no": number, "body": "One cup", "total_fee": 1200,
                                   "trade_type": "NATIVE"});
                let made_there = sibling.order(&order);
                if made == "paid" {
                    world.scan_as("bob", &made_there["code_url"]);
                }
            }
        }
        let before = world.received().len();
        let (status, answer) = micropay(&world, &shop, number, "pays");
        assert_eq!(status, 409, "{made}: {answer}");
        assert_eq!(
            answer["code"], "ORDER_EXISTS_WITH_DIFFERENT_TERMS",
            "{made}"
        );
        assert_eq!(answer["field"], "out_trade_no", "{made}");
        world.advance(60);
        let calls = world.upstream_calls();
        assert!(!calls.contains(&"/secapi/pay/reverse".to_owned()), "{made}");
        let sales = world.received().len() - before;
        assert!(
            sales <= 1,
            "{made}: only the sibling's own sale is delivered"
        );
        assert_eq!(
            shop.call("GET", &format!("/v1/order?out_trade_no={number}"), "")
                .0,
            404
        );
    }
}

#[test]
fn a_quick_pay_is_not_sent_when_wechat_cannot_be_queried() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.upstream([Upstream::LosesRequest; 3]);
    let (status, answer) = micropay(&world, &shop, "1", "pays");
    assert_eq!(
        (status, &answer["code"]),
        (503, &json!("UPSTREAM_UNAVAILABLE"))
    );
    assert!(!world.upstream_calls().contains(&"/pay/micropay".to_owned()));
    assert_eq!(
        micropay(&world, &shop, "1", "pays").1["data"]["trade_state"],
        "SUCCESS"
    );
}

fn waiting_refund(world: &Memory, shop: &Shop, mch_id: &str) {
    fixtures::pay(world, shop, "1");
    world.advance(1);
    let path = format!("/sandbox/merchants/{mch_id}");
    world.control(&path, &json!({"funds": {"HKD": 0}}));
    let refund = json!({"out_trade_no": "1", "out_refund_no": "R1", "refund_fee": 3000});
    let (status, answer) = shop.call("POST", "/v1/refund", refund.to_string());
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"]["refund_status"], "ASKED");
}

fn cancel(shop: &Shop, refund: &str) -> (u16, Value) {
    let path = format!("/v1/refund?out_trade_no=1&out_refund_no={refund}");
    shop.call("DELETE", &path, "")
}

#[test]
fn a_waiting_refund_can_be_cancelled_and_is_not_made_when_funds_return() {
    for (id, mch_id) in [
        ("demo", "1900000109"),
        ("demo-v3", fixtures::kind("demo-v3").mch_id),
    ] {
        let world = Memory::default();
        let shop = fixtures::shop(&world, id);
        waiting_refund(&world, &shop, mch_id);
        assert_eq!(cancel(&shop, "R2").1["code"], "REFUND_NOT_FOUND", "{id}");
        let (status, answer) = cancel(&shop, "R1");
        assert_eq!(status, 200, "{id}: {answer}");
        assert_eq!(
            answer["data"]["refund_status"], "REFUNDCLOSE",
            "{id}: {answer}"
        );
        assert_eq!(answer["data"]["cancel_requested"], "true", "{id}");
        // Cancelled again, and the same refund requested again.
        assert_eq!(cancel(&shop, "R1").0, 200, "{id}");
        let same = json!({"out_trade_no": "1", "out_refund_no": "R1", "refund_fee": 3000});
        let (status, answer) = shop.call("POST", "/v1/refund", same.to_string());
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!("REFUND_CANCELLED")),
            "{id}"
        );
        // The funds return.
        let path = format!("/sandbox/merchants/{mch_id}");
        world.control(&path, &json!({"funds": {"HKD": 1_000_000}}));
        world.advance(24 * 3600);
        assert_eq!(world.refunds_at_wechat(), json!([]), "{id}");
        assert_eq!(shop.status("1")["trade_state"], "SUCCESS", "{id}");
        // The next refund is not too soon.
        let next = json!({"out_trade_no": "1", "refund_fee": 3000});
        let (status, answer) = shop.call("POST", "/v1/refund", next.to_string());
        assert_eq!(status, 200, "{id}: {answer}");
    }
}

#[test]
fn a_cancelled_refund_waits_for_requests_that_may_still_arrive() {
    let world = Memory::default();
    let shop = world.shop("demo");
    fixtures::pay(&world, &shop, "1");
    world.advance(1);
    // The request is lost, as far as the gateway knows: at each host.
    world.upstream([Upstream::LosesRequest; 3]);
    let refund = json!({"out_trade_no": "1", "out_refund_no": "R1", "refund_fee": 3000});
    let (_, answer) = shop.call("POST", "/v1/refund", refund.to_string());
    assert_eq!(answer["data"]["refund_status"], "ASKED", "{answer}");
    world.drop_upstream();
    let (status, answer) = cancel(&shop, "R1");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"]["refund_status"], "ASKED", "{answer}");
    world.advance(180);
    let (_, answer) = shop.call("GET", "/v1/refund?out_trade_no=1", "");
    let refund = &answer["data"]["refunds"][0];
    assert_eq!(refund["refund_status"], "REFUNDCLOSE", "{answer}");
    assert_eq!(world.refunds_at_wechat(), json!([]));
}

#[test]
fn a_refund_that_wechat_has_taken_cannot_be_cancelled() {
    let world = Memory::default();
    let shop = world.shop("demo");
    fixtures::pay(&world, &shop, "1");
    world.advance(1);
    world.upstream([Upstream::LosesAnswer; 3]);
    let refund = json!({"out_trade_no": "1", "out_refund_no": "R1", "refund_fee": 3000});
    let (_, answer) = shop.call("POST", "/v1/refund", refund.to_string());
    assert_eq!(answer["data"]["refund_status"], "ASKED", "{answer}");
    world.drop_upstream();
    let (status, answer) = cancel(&shop, "R1");
    assert_eq!((status, &answer["code"]), (409, &json!("REFUND_TAKEN")));
    world.advance(4 * 24 * 3600);
    let (_, answer) = shop.call("GET", "/v1/refund?out_trade_no=1", "");
    assert_eq!(
        answer["data"]["refunds"][0]["refund_status"], "SUCCESS",
        "{answer}"
    );
}

#[test]
fn a_refused_refund_does_not_make_the_next_too_soon() {
    let world = Memory::default();
    let shop = world.shop("demo");
    fixtures::pay(&world, &shop, "1");
    world.advance(1);
    let refuse = json!({"path": "/secapi/pay/refund", "code": "USER_ACCOUNT_ABNORMAL"});
    world.control("/sandbox/faults", &json!({ "fail_next": refuse }));
    let refund = |number: &str| {
        let body = json!({"out_trade_no": "1", "out_refund_no": number, "refund_fee": 3000});
        shop.call("POST", "/v1/refund", body.to_string())
    };
    assert_eq!(refund("R1").1["code"], "UPSTREAM_REFUSED");
    let (status, answer) = refund("R2");
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn a_payment_that_cannot_be_reversed_is_found_and_refunded() {
    for (id, path) in [
        ("demo", "/secapi/pay/reverse"),
        (
            "demo-v3",
            "POST /v3/global/micropay/transactions/out-trade-no/{out_trade_no}/reverse",
        ),
    ] {
        let world = Memory::default();
        let shop = fixtures::shop(&world, id);
        let (_, answer) = micropay(&world, &shop, "1", "password");
        assert_eq!(answer["data"]["trade_state"], "USERPAYING", "{answer}");
        let code = if id == "demo" {
            "SYSTEMERROR"
        } else {
            "SYSTEM_ERROR"
        };
        let fail = json!({"path": path, "code": code, "times": 999});
        world.control("/sandbox/faults", &json!({ "fail_next": fail }));
        world.advance(40);
        let mch_id = fixtures::kind(id).mch_id;
        let pay = json!({"mch_id": mch_id, "out_trade_no": "1", "payer": "alice", "action": "pay"});
        world.control("/sandbox/pay", &pay);
        world.advance(600);
        assert_eq!(shop.alarm_names(), ["REVERSE_WAITS"], "{id}");
        let status = shop.status("1");
        assert_eq!(status["trade_state"], "USERPAYING", "{id}: {status}");
        let refund = json!({"out_trade_no": "1", "refund_fee": 1200}).to_string();
        let (status, answer) = shop.call("POST", "/v1/refund", refund);
        assert_eq!(status, 200, "{id}: {answer}");
        assert_eq!(
            answer["data"]["refund_status"], "PROCESSING",
            "{id}: {answer}"
        );
        assert_eq!(shop.status("1")["trade_state"], "REFUND", "{id}");
        assert_eq!(world.received(), [], "{id}: it is no sale");
    }
}

#[test]
fn a_reverse_whose_answer_was_lost_and_whose_next_is_refused_ends_revoked() {
    let world = Memory::default();
    let shop = world.shop("demo");
    micropay(&world, &shop, "1", "pays");
    world.advance(16);
    // It takes effect, and no host's answer arrives.
    world.upstream([Upstream::LosesAnswer; 3]);
    let reverse = json!({"out_trade_no": "1"}).to_string();
    let (_, answer) = shop.call("POST", "/v1/reverse", reverse);
    assert_eq!(answer["data"]["trade_state"], "USERPAYING", "{answer}");
    world.drop_upstream();
    let refuse = json!({"path": "/secapi/pay/reverse", "code": "NOAUTH", "times": 9});
    world.control("/sandbox/faults", &json!({ "fail_next": refuse }));
    world.advance(60);
    assert_eq!(shop.status("1")["trade_state"], "REVOKED");
    assert_eq!(shop.alarm_names(), ["REVERSE_REFUSED"]);
}

#[test]
fn a_failed_quick_pay_is_reversed_at_wechat() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (status, answer) = micropay(&world, &shop, "1", "insufficient");
    assert_eq!(status, 422, "{answer}");
    assert_eq!(shop.status("1")["trade_state"], "PAYERROR");
    world.advance(60);
    assert_eq!(shop.status("1")["trade_state"], "PAYERROR");
    assert_eq!(world.orders_at_wechat()[0]["trade_state"], "REVOKED");
    assert_eq!(shop.alarm_names(), Vec::<String>::new());
}
