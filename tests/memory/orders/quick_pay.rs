//! Quick Pay: the password is waited for, a missing answer is queried, the
//! reverse is repeated until it is confirmed, and money is never taken twice.

use serde_json::{Value, json};
use tests::memory::{Memory, SHOP_NOTIFY, Shop, Upstream};

fn code(world: &Memory, payer: &str, behaviour: &str) -> String {
    let body = json!({"payer": payer, "behaviour": behaviour});
    let code = world.control("/sandbox/paycode", &body);
    code["auth_code"].as_str().unwrap().to_owned()
}

fn micropay(shop: &Shop, number: &str, auth_code: &str) -> (u16, Value) {
    let body = json!({"out_trade_no": number, "body": "One cup", "total_fee": 1200,
                      "auth_code": auth_code, "notify_url": SHOP_NOTIFY});
    shop.call("POST", "/v1/micropay", body.to_string())
}

fn count(world: &Memory, path: &str) -> usize {
    let calls = world.upstream_calls();
    calls.iter().filter(|called| *called == path).count()
}

fn at_wechat(world: &Memory, number: &str) -> Value {
    let url = format!("https://sandbox.example.com/sandbox/orders/1900000109/{number}");
    let answer = world.at_wechat(&http::Request::get(url).body(Vec::new()).unwrap());
    serde_json::from_slice(answer.body()).unwrap()
}

#[test]
fn a_code_that_pays_at_once_takes_money_once() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let auth_code = code(&world, "alice", "pays");
    let (status, answer) = micropay(&shop, "1", &auth_code);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"]["trade_state"], "SUCCESS");
    assert_eq!(answer["data"]["trade_type"], "MICROPAY");
    world.advance(1);
    assert_eq!(world.received().len(), 1, "delivered like any payment");
    assert!(
        !world.stored_text().contains(&auth_code),
        "the code is not kept"
    );

    // Q2: the same number takes money once, with any code.
    let second = code(&world, "bob", "pays");
    assert_eq!(
        micropay(&shop, "1", &second).1["data"]["trade_state"],
        "SUCCESS"
    );
    assert_eq!(count(&world, "/pay/micropay"), 1);
}

#[test]
fn q5_a_password_is_waited_for() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (status, answer) = micropay(&shop, "1", &code(&world, "alice", "password"));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"]["trade_state"], "USERPAYING");
    world.advance(6);
    let paid =
        json!({"mch_id": "1900000109", "out_trade_no": "1", "payer": "alice", "action": "pay"});
    world.control("/sandbox/faults", &json!({"hold_notices": true}));
    world.control("/sandbox/pay", &paid);
    world.advance(5);
    assert_eq!(shop.status("1")["trade_state"], "SUCCESS", "found by query");
    assert_eq!(count(&world, "/secapi/pay/reverse"), 0);
}

#[test]
fn q6_q7_a_password_that_never_comes_is_reversed() {
    let world = Memory::default();
    let shop = world.shop("demo");
    micropay(&shop, "1", &code(&world, "alice", "password"));
    world.advance(29);
    assert_eq!(shop.status("1")["trade_state"], "USERPAYING");
    assert_eq!(count(&world, "/secapi/pay/reverse"), 0);
    world.advance(120);
    assert_eq!(shop.status("1")["trade_state"], "REVOKED");
    assert_ne!(at_wechat(&world, "1")["trade_state"], "SUCCESS");
    assert_eq!(world.received(), []);
}

#[test]
fn q4_a_missing_answer_is_queried_and_never_repeated() {
    for lost in [
        Upstream::LosesAnswer,
        Upstream::Answers502,
        Upstream::LosesRequest,
    ] {
        let world = Memory::default();
        let shop = world.shop("demo");
        let auth_code = code(&world, "alice", "pays");
        // The query before it succeeds.
        world.upstream([Upstream::Works, lost]);
        let (status, answer) = micropay(&shop, "1", &auth_code);
        assert_eq!(status, 200, "{lost:?}: {answer}");
        assert_eq!(answer["data"]["trade_state"], "USERPAYING", "{lost:?}");
        world.advance(180);
        assert_eq!(count(&world, "/pay/micropay"), 1, "{lost:?}: sent once");
        let expect = match lost {
            Upstream::LosesAnswer => "SUCCESS",
            _ => "REVOKED",
        };
        assert_eq!(shop.status("1")["trade_state"], expect, "{lost:?}");
    }
}

#[test]
fn q3_a_code_that_is_refused_takes_nothing() {
    for (behaviour, err_code) in [
        ("expired", "AUTHCODEEXPIRE"),
        ("used", "AUTH_CODE_ERROR"),
        ("insufficient", "NOTENOUGH"),
        ("unsupported_card", "NOTSUPORTCARD"),
    ] {
        let world = Memory::default();
        let shop = world.shop("demo");
        let (status, answer) = micropay(&shop, "1", &code(&world, "alice", behaviour));
        assert_eq!(status, 422, "{behaviour}: {answer}");
        assert_eq!(answer["code"], "UPSTREAM_REFUSED", "{behaviour}");
        let got = answer["message"]["err_code"].as_str().unwrap();
        assert!(
            got == err_code || behaviour == "unsupported_card" && got.starts_with("NOTSUP"),
            "{behaviour}: {got}"
        );
        assert_eq!(shop.status("1")["trade_state"], "PAYERROR", "{behaviour}");
    }
}

#[test]
fn the_merchant_reverses_a_paid_quick_pay() {
    let world = Memory::default();
    let shop = world.shop("demo");
    micropay(&shop, "1", &code(&world, "alice", "pays"));
    let reverse = |number: &str| {
        let body = json!({ "out_trade_no": number }).to_string();
        shop.call("POST", "/v1/reverse", body)
    };
    assert_eq!(reverse("1").1["code"], "REVERSE_TOO_SOON");
    world.advance(16);
    let (status, answer) = reverse("1");
    assert_eq!(status, 200, "{answer}");
    world.advance(60);
    assert_eq!(shop.status("1")["trade_state"], "REVOKED");
    assert_eq!(reverse("1").1["code"], "ORDER_REVERSED");
    assert_eq!(reverse("2").1["code"], "ORDER_NOT_FOUND");
    let native = json!({"out_trade_no": "3", "body": "x", "total_fee": 1, "trade_type": "NATIVE"});
    shop.order(&native);
    assert_eq!(reverse("3").1["code"], "NOT_QUICK_PAY");
}

#[test]
fn q1_a_text_that_is_no_payment_code_is_refused() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for bad in [
        "",
        "13465072086636139",
        "1346507208663613950",
        "093465072086636139",
        "163465072086636139",
        "13465072086636139x",
        "１３４６５０７２０８６６３６１３９５",
    ] {
        let (status, answer) = micropay(&shop, "1", bad);
        assert_eq!(status, 400, "{bad}: {answer}");
        assert_eq!(answer["field"], "auth_code", "{bad}");
    }
    assert_eq!(world.upstream_calls(), Vec::<String>::new());
    assert_eq!(shop.call("GET", "/v1/order?out_trade_no=1", "").0, 404);
}
