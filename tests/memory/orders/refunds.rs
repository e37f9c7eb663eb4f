//! Refunds: written before they are requested at WeChat, never made twice,
//! settled by WeChat's answer to a query.

use serde_json::{Value, json};
use tests::memory::{Memory, Shop, Upstream};

fn refund(shop: &Shop, body: &Value) -> (u16, Value) {
    shop.call("POST", "/v1/refund", body.to_string())
}

fn refunds(shop: &Shop, number: &str) -> Vec<Value> {
    let path = format!("/v1/refund?out_trade_no={number}");
    let (status, answer) = shop.call("GET", &path, "");
    assert_eq!(status, 200, "{answer}");
    answer["data"]["refunds"].as_array().unwrap().clone()
}

fn refunds_at_wechat(world: &Memory) -> Vec<Value> {
    let request = http::Request::get("https://sandbox.example.com/sandbox/refunds");
    let answer = world.at_wechat(&request.body(Vec::new()).unwrap());
    let answer: Value = serde_json::from_slice(answer.body()).unwrap();
    answer["refunds"].as_array().unwrap().clone()
}

fn asked(world: &Memory) -> usize {
    let calls = world.upstream_calls();
    calls
        .iter()
        .filter(|path| *path == "/secapi/pay/refund")
        .count()
}

#[test]
fn a_refund_in_the_query_string_is_made_as_documented() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1500);
    let path = "/v1/refund?out_trade_no=1&total_fee=1500&refund_fee=500";
    let (status, answer) = shop.call("POST", path, "");
    assert_eq!(status, 200, "{answer}");
    let data = answer["data"].clone();
    assert_eq!(data["refund_status"], "PROCESSING");
    assert_eq!(data["refund_fee"], "500");
    assert_eq!(data["total_fee"], "1500");
    assert!(data["refund_id"].as_str().unwrap().len() >= 20);

    // Again: the same refund, without a call to WeChat.
    assert_eq!(shop.call("POST", path, "").1["data"], data);
    assert_eq!(asked(&world), 1);
    assert_eq!(shop.status("1")["trade_state"], "REFUND");

    // WeChat settles it, and the timer or the notice finds that.
    world.advance(3600);
    assert_eq!(refunds(&shop, "1")[0]["refund_status"], "SUCCESS");
}

#[test]
fn r3_partial_refunds_never_exceed_what_was_paid() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1500);
    let ask = |number: &str, fee: i64| {
        refund(
            &shop,
            &json!({"out_trade_no": "1", "out_refund_no": number, "refund_fee": fee}),
        )
    };
    assert_eq!(ask("A", 1000).0, 200);
    let (status, answer) = ask("B", 400);
    assert_eq!((status, &answer["code"]), (429, &json!("REFUND_TOO_SOON")));
    world.advance(61);
    let (status, answer) = ask("B", 501);
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("REFUND_EXCEEDS_PAID"))
    );
    assert_eq!(answer["field"], "refund_fee");
    let (status, answer) = ask("A", 999);
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("REFUND_EXISTS_WITH_DIFFERENT_TERMS"))
    );
    assert_eq!(ask("B", 500).0, 200);
    world.advance(61);
    assert_eq!(ask("C", 1).1["code"], "REFUND_EXCEEDS_PAID");
    assert_eq!(asked(&world), 2);
    world.advance(3600);
    let states: Vec<_> = refunds(&shop, "1")
        .iter()
        .map(|refund| refund["refund_status"].clone())
        .collect();
    assert_eq!(states, ["SUCCESS", "SUCCESS"]);
}

/// A caller with the api-key can give a refund any free number.
#[test]
fn a_refund_without_a_number_is_made_though_another_orders_refund_has_its_usual_one() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1500);
    shop.paid("2", 1500);
    let taken = json!({"out_trade_no": "2", "out_refund_no": "1-R500", "refund_fee": 500});
    assert_eq!(refund(&shop, &taken).0, 200);
    for _ in 0..2 {
        let (status, answer) = refund(&shop, &json!({"out_trade_no": "1", "refund_fee": 500}));
        assert_eq!(
            (status, &answer["data"]["out_refund_no"]),
            (200, &json!("1-R500-2")),
            "{answer}"
        );
    }
    world.advance(3600);
    assert_eq!(refunds(&shop, "1").len(), 1);
    assert_eq!(refunds_at_wechat(&world).len(), 2);
}

#[test]
fn a_refund_whose_answer_is_lost_is_made_once() {
    for lost in [
        Upstream::LosesAnswer,
        Upstream::LosesRequest,
        Upstream::Answers502,
    ] {
        let world = Memory::default();
        let shop = world.shop("demo");
        shop.paid("1", 1500);
        world.upstream([lost; 3]);
        let body = json!({"out_trade_no": "1", "out_refund_no": "A", "refund_fee": 1500});
        let (status, answer) = refund(&shop, &body);
        assert_eq!(status, 200, "{lost:?}: {answer}");
        assert_eq!(
            answer["data"]["refund_status"], "ASKED",
            "accepted, and not forgotten"
        );
        world.advance(3600);
        let known = refunds(&shop, "1");
        assert_eq!(known.len(), 1);
        assert_eq!(known[0]["refund_status"], "SUCCESS", "{lost:?}");
        assert_eq!(refunds_at_wechat(&world).len(), 1, "{lost:?}: made once");
    }
}

#[test]
fn r4_a_refund_with_too_little_balance_is_repeated_under_the_same_number() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1500);
    world.control(
        "/sandbox/faults",
        &json!({"fail_next": {"path": "/secapi/pay/refund", "code": "NOTENOUGH", "times": 2}}),
    );
    let body = json!({"out_trade_no": "1", "out_refund_no": "A", "refund_fee": 1500});
    let (status, answer) = refund(&shop, &body);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"]["refund_status"], "ASKED");
    assert_eq!(answer["data"]["err_code"], "NOTENOUGH");
    world.advance(3600);
    assert_eq!(refunds(&shop, "1")[0]["refund_status"], "SUCCESS");
    assert_eq!(asked(&world), 3);
}

#[test]
fn a_refund_that_wechat_refuses_permanently_is_answered_as_documented() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1500);
    world.control(
        "/sandbox/faults",
        &json!({"fail_next": {"path": "/secapi/pay/refund", "code": "USER_ACCOUNT_ABNORMAL", "times": 1}}),
    );
    let body = json!({"out_trade_no": "1", "refund_fee": 1500});
    let (status, answer) = refund(&shop, &body);
    assert_eq!(status, 422);
    assert_eq!(answer["Code"], "FAIL");
    assert_eq!(answer["message"]["err_code"], "USER_ACCOUNT_ABNORMAL");
    assert_eq!(answer["data"], json!(null));
    assert_eq!(refunds(&shop, "1")[0]["refund_status"], "REFUNDCLOSE");
    assert_eq!(
        shop.status("1")["trade_state"],
        "SUCCESS",
        "nothing was returned"
    );
}

#[test]
fn a_refusal_after_a_lost_answer_does_not_forget_the_refund_that_was_made() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1500);
    // The first request takes effect and its answer is lost; the next host
    // refuses permanently.
    world.upstream([Upstream::LosesAnswer]);
    let refuse = json!({"path": "/secapi/pay/refund", "code": "USER_ACCOUNT_ABNORMAL", "times": 1});
    let body = json!({"out_trade_no": "1", "out_refund_no": "A", "refund_fee": 1500});
    world.after_next_upstream_call("/sandbox/faults", &json!({ "fail_next": refuse }));
    let (status, answer) = refund(&shop, &body);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["data"]["refund_status"], "PROCESSING",
        "found by query"
    );
    world.advance(3600);
    assert_eq!(refunds(&shop, "1")[0]["refund_status"], "SUCCESS");
}

#[test]
fn bad_refunds_are_refused_by_name() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let open = json!({"out_trade_no": "open", "body": "x", "total_fee": 1, "trade_type": "NATIVE"});
    shop.order(&open);
    shop.paid("1", 1500);
    for (body, status, code, field) in [
        (
            json!({"refund_fee": 1}),
            400,
            "FIELD_MISSING",
            "out_trade_no",
        ),
        (
            json!({"out_trade_no": "1"}),
            400,
            "FIELD_MISSING",
            "refund_fee",
        ),
        (
            json!({"out_trade_no": "1", "refund_fee": 0}),
            400,
            "FIELD_INVALID",
            "refund_fee",
        ),
        (
            json!({"out_trade_no": "1", "refund_fee": -1}),
            400,
            "FIELD_INVALID",
            "refund_fee",
        ),
        (
            json!({"out_trade_no": "1", "refund_fee": "1.5"}),
            400,
            "FIELD_INVALID",
            "refund_fee",
        ),
        (
            json!({"out_trade_no": "1", "refund_fee": 1501}),
            409,
            "REFUND_EXCEEDS_PAID",
            "refund_fee",
        ),
        (
            json!({"out_trade_no": "1", "refund_fee": 1, "total_fee": 1499}),
            409,
            "ORDER_EXISTS_WITH_DIFFERENT_TERMS",
            "total_fee",
        ),
        (
            json!({"out_trade_no": "1", "refund_fee": 1, "out_refund_no": "a b"}),
            400,
            "FIELD_INVALID",
            "out_refund_no",
        ),
        (
            json!({"out_trade_no": "2", "refund_fee": 1}),
            404,
            "ORDER_NOT_FOUND",
            "",
        ),
        (
            json!({"out_trade_no": "open", "refund_fee": 1}),
            409,
            "ORDER_NOT_PAID",
            "",
        ),
    ] {
        let (got, answer) = refund(&shop, &body);
        assert_eq!(
            (got, &answer["code"]),
            (status, &json!(code)),
            "{body}: {answer}"
        );
        assert_eq!(answer["field"].as_str().unwrap_or(""), field, "{body}");
    }
    assert_eq!(asked(&world), 0);
    let other = world.shop("other");
    assert_eq!(
        refund(&other, &json!({"out_trade_no": "1", "refund_fee": 1})).0,
        404
    );
}

/// A refund that the payer's account did not accept is settled on the merchant
/// platform: a query or a notice reports it to the book, and the merchant gets
/// another delivery.
#[test]
fn an_abnormal_refund_that_is_settled_elsewhere_follows_wechat() {
    for (id, by_notice) in [
        ("demo", false),
        ("demo", true),
        ("demo-v3", false),
        ("demo-v3", true),
    ] {
        let fixture = crate::notice_fixture::fixture(id);
        assert!(fixture.send_it(), "{id}");
        let change = json!({"refund_notify_url": "https://shop.example.com/refunds"});
        fixture.shop.change(&change);
        let about = json!({"out_trade_no": "N1", "refund_fee": 100, "out_refund_no": "R1"});
        assert_eq!(refund(&fixture.shop, &about).0, 200);
        let path = format!("/sandbox/refunds/{}/R1", fixture.kind.mch_id);
        fixture.world.control(&path, &json!({"status": "CHANGE"}));
        fixture.world.advance(60);
        let status = |shop: &Shop| {
            let (_, answer) = shop.call("GET", "/v1/audit?subject=N1", "");
            answer["data"].to_string().contains("refund R1 SUCCESS")
        };
        assert_eq!(refunds(&fixture.shop, "N1")[0]["refund_status"], "CHANGE");
        let told = fixture.world.received().len();
        fixture.world.lose_notices(!by_notice);
        fixture.world.control(&path, &json!({"status": "SUCCESS"}));
        fixture.world.advance(60);
        if !by_notice {
            assert!(!status(&fixture.shop), "{id}: no query was sent");
            let now = refunds(&fixture.shop, "N1")[0].clone();
            assert_eq!(now["refund_status"], "SUCCESS", "{id}");
        }
        assert!(status(&fixture.shop), "{id} by notice {by_notice}");
        fixture.world.advance(1);
        assert_eq!(
            fixture.world.received().len(),
            told + 1,
            "{id}: told of the end"
        );
    }
}
