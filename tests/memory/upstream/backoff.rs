//! Calls that WeChat refuses as too frequent: the call is paused, nothing is
//! lost, and a long pause raises an alarm.

use crate::fixtures::{self, each, order_by};
use serde_json::{Value, json};
use testkit::demo::Kind;
use tests::memory::{GATEWAY, Memory, SHOP_NOTIFY, Shop, Upstream};

/// The next `times` requests to a path of WeChat's are refused with this code.
fn refuse(world: &Memory, path: &str, code: &str, times: u32) {
    let fail = json!({"fail_next": {"path": path, "code": code, "times": times}});
    let answer = world.try_control("/sandbox/faults", &fail);
    assert_ne!(answer["status"], "fail", "{path} {code}: {answer}");
}

fn count(world: &Memory, path: &str) -> usize {
    let calls = world.upstream_calls();
    calls.iter().filter(|called| called.contains(path)).count()
}

fn too_often(shop: &Shop, call: &str) -> Value {
    shop.report()["counters"][format!("upstream_too_often:{call}")].clone()
}

fn alarms(shop: &Shop) -> Vec<String> {
    let alarms = shop.report()["alarms"].clone();
    let subject = |alarm: &Value| alarm["subject"].as_str().unwrap().to_owned();
    let alarms = alarms.as_array().unwrap();
    let ours = alarms.iter().filter(|a| a["name"] == "UPSTREAM_TOO_OFTEN");
    ours.map(subject).collect()
}

fn refund(shop: &Shop, number: &str, name: &str) -> (u16, Value) {
    let body = json!({"out_trade_no": number, "out_refund_no": name, "refund_fee": 500});
    shop.call("POST", "/v1/refund", body.to_string())
}

fn refund_status(shop: &Shop, number: &str) -> Value {
    let path = format!("/v1/refund?out_trade_no={number}");
    let (status, answer) = shop.call("GET", &path, "");
    assert_eq!(status, 200, "{answer}");
    answer["data"]["refunds"][0]["refund_status"].clone()
}

/// The path of refunds for this kind of merchant at WeChat, and the dialect's
/// code for "too often".
fn refunds_of(kind: Kind) -> (&'static str, &'static str) {
    match (kind.dialect, kind.id) {
        ("v2", _) => ("/secapi/pay/refund", "FREQUENCY_LIMITED"),
        ("v3", "lantern-v3") => ("POST /v3/refund/domestic/refunds", "FREQUENCY_LIMITED"),
        ("v3", _) => ("POST /v3/global/refunds", "RATE_LIMITED"),
        _ => ("ionline.unified.trade.refund", "FREQUENCY_LIMITED"),
    }
}

#[test]
fn refunds_refused_as_too_frequent_are_repeated_and_none_is_lost() {
    each(|world, kind, shop| {
        let (path, code) = refunds_of(kind);
        for number in ["B1", "B2", "B3"] {
            fixtures::paid(world, shop, number);
        }
        refuse(world, path, code, 1);
        let before = world.upstream_calls().len();
        for number in ["B1", "B2", "B3"] {
            let (status, answer) = refund(shop, number, &format!("R-{number}"));
            assert_eq!(status, 200, "{}: {answer}", kind.id);
            assert_eq!(answer["data"]["refund_status"], "ASKED", "{}", kind.id);
            let waits = answer["data"]["err_code"].as_str().unwrap();
            assert!([code, "FREQUENCY_LIMITED"].contains(&waits), "{answer}");
        }
        let asked = world.upstream_calls().len() - before;
        assert_eq!(asked, 1, "{}: the others were not sent", kind.id);
        assert_eq!(too_often(shop, "refund"), 1, "{}", kind.id);
        world.advance(3600);
        for number in ["B1", "B2", "B3"] {
            assert_eq!(refund_status(shop, number), "SUCCESS", "{}", kind.id);
        }
        assert_eq!(alarms(shop), [""; 0], "{}", kind.id);
    });
}

#[test]
fn a_close_that_is_too_frequent_is_sent_later() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for number in ["C1", "C2"] {
        shop.order(&fixtures::order(number));
    }
    refuse(&world, "/pay/closeorder", "FREQUENCY_LIMITED", 1);
    for number in ["C1", "C2"] {
        let body = json!({ "out_trade_no": number }).to_string();
        shop.call("POST", "/v1/close", body);
    }
    assert_eq!(count(&world, "/pay/closeorder"), 1, "the second waits");
    world.advance(3600);
    for number in ["C1", "C2"] {
        assert_eq!(shop.status(number)["trade_state"], "CLOSED");
    }
    assert_eq!(too_often(&shop, "close"), 1);
}

fn auth_code(world: &Memory, behaviour: &str) -> String {
    let asked = json!({"payer": "alice", "behaviour": behaviour});
    let code = world.control("/sandbox/paycode", &asked);
    code["auth_code"].as_str().unwrap().to_owned()
}

fn micropay(world: &Memory, shop: &Shop, number: &str, behaviour: &str) -> (u16, Value) {
    let body = json!({"out_trade_no": number, "body": "One cup", "total_fee": 1200,
                      "auth_code": auth_code(world, behaviour), "notify_url": SHOP_NOTIFY});
    shop.call("POST", "/v1/micropay", body.to_string())
}

#[test]
fn a_reverse_that_is_too_frequent_is_sent_until_it_is_made() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (status, answer) = micropay(&world, &shop, "Q1", "pays");
    assert_eq!(status, 200, "{answer}");
    world.advance(20);
    refuse(&world, "/secapi/pay/reverse", "FREQUENCY_LIMITED", 2);
    let body = json!({"out_trade_no": "Q1"}).to_string();
    shop.call("POST", "/v1/reverse", body.clone());
    shop.call("POST", "/v1/reverse", body);
    assert_eq!(count(&world, "/secapi/pay/reverse"), 1, "the second waits");
    world.advance(3600);
    assert_eq!(shop.status("Q1")["trade_state"], "REVOKED");
    assert_eq!(too_often(&shop, "reverse"), 2);
    let calls = count(&world, "/secapi/pay/reverse");
    assert_eq!(calls, 3, "two refusals and the reverse");
}

#[test]
fn a_quick_pay_is_refused_unsent_and_unwritten_while_they_are_too_frequent() {
    let world = Memory::default();
    let shop = world.shop("demo");
    refuse(&world, "/pay/micropay", "FREQUENCY_LIMITED", 1);
    let (status, answer) = micropay(&world, &shop, "Q1", "pays");
    assert_eq!(status, 502, "{answer}");
    assert_eq!(answer["message"]["err_code"], "FREQUENCY_LIMITED");
    let (status, answer) = micropay(&world, &shop, "Q2", "pays");
    assert_eq!(
        (status, &answer["code"]),
        (429, &json!("UPSTREAM_TOO_OFTEN")),
        "{answer}"
    );
    assert_eq!(count(&world, "/pay/micropay"), 1);
    let (status, _) = shop.call("GET", "/v1/order?out_trade_no=Q2", "");
    assert_eq!(status, 404, "nothing was written");
    world.advance(1);
    let (status, answer) = micropay(&world, &shop, "Q2", "pays");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"]["trade_state"], "SUCCESS");
}

#[test]
fn a_statement_is_not_asked_for_while_they_are_too_frequent() {
    each(|world, kind, shop| {
        if kind.dialect == "ionline" {
            return;
        }
        let fault = match (kind.dialect, kind.id) {
            ("v2", _) => "/pay/downloadbill",
            (_, "lantern-v3") => "GET /v3/bill/tradebill",
            _ => "GET /v3/global/statements",
        };
        let path = fault.trim_start_matches("GET ");
        fixtures::paid(world, shop, "S1");
        world.advance(24 * 3600);
        refuse(world, fault, "FREQUENCY_LIMITED", 1);
        // The pause of a statement is in the isolate.
        let gateway = world.gateway();
        let ask = || {
            let request = http::Request::get(format!("{GATEWAY}/v1/statement?bill_date=20260102"))
                .header("api-key", &shop.api_key)
                .header("api-secret", &shop.api_secret)
                .body(Vec::new())
                .unwrap();
            let answer = world.send_to(&gateway, request);
            let body: Value = serde_json::from_slice(answer.body()).unwrap();
            (answer.status().as_u16(), body)
        };
        let (status, answer) = ask();
        assert_eq!(status, 502, "{}: {answer}", kind.id);
        let sent = count(world, path);
        let (status, answer) = ask();
        assert_eq!(
            (status, &answer["code"]),
            (429, &json!("UPSTREAM_TOO_OFTEN"))
        );
        assert_eq!(count(world, path), sent, "{}", kind.id);
        world.advance(5);
        assert_eq!(ask().0, 200, "{}", kind.id);
    });
}

#[test]
fn refund_queries_of_timers_wait_while_they_are_too_frequent() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for number in ["T1", "T2"] {
        fixtures::paid(&world, &shop, number);
    }
    world.lose_notices(true);
    refuse(&world, "/pay/refundquery", "FREQUENCY_LIMITED", 1);
    for number in ["T1", "T2"] {
        assert_eq!(refund(&shop, number, &format!("R-{number}")).0, 200);
    }
    world.advance(3600);
    for number in ["T1", "T2"] {
        assert_eq!(refund_status(&shop, number), "SUCCESS");
    }
    assert_eq!(too_often(&shop, "query_refund"), 1);
}

#[test]
fn refusals_as_too_frequent_for_five_minutes_raise_an_alarm_with_the_call() {
    let world = Memory::default();
    let shop = world.shop("demo");
    fixtures::paid(&world, &shop, "L1");
    refuse(&world, "/secapi/pay/refund", "FREQUENCY_LIMITED", 8);
    assert_eq!(refund(&shop, "L1", "R1").0, 200);
    world.advance(8 * 3600);
    assert_eq!(alarms(&shop), ["refund"]);
    assert_eq!(refund_status(&shop, "L1"), "SUCCESS", "and it is made");
}

/// The answers of WeChat's servers instead of a document with a code.
#[test]
fn an_unsigned_refusal_as_too_frequent_is_understood() {
    const WORDS: &str = "<xml><return_code><![CDATA[FAIL]]></return_code>\
                         <return_msg><![CDATA[频率限制]]></return_msg></xml>";
    for (id, status, body) in [
        ("demo", 200, WORDS),
        ("demo", 429, "Too Many Requests"),
        ("demo-v3", 429, "Too Many Requests"),
        (
            "demo-v3",
            429,
            r#"{"code":"RATE_LIMITED","message":"too fast"}"#,
        ),
        ("night-ionline", 429, "Too Many Requests"),
    ] {
        let world = Memory::default();
        let shop = fixtures::shop(&world, id);
        fixtures::paid(&world, &shop, "U1");
        world.upstream([Upstream::Proxy(
            status,
            body,
            "5157F09EFDC096DE15EBE81A47057A72",
        )]);
        let (code, answer) = refund(&shop, "U1", "R1");
        assert_eq!(code, 200, "{id}: {answer}");
        assert_eq!(too_often(&shop, "refund"), 1, "{id} {status} {body}");
        world.advance(3600);
        assert_eq!(refund_status(&shop, "U1"), "SUCCESS", "{id} {status}");
    }
}

#[test]
fn a_callers_query_is_sent_while_timers_wait_and_ends_the_pause() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for number in ["1", "2"] {
        shop.order(&order_by(number, "NATIVE"));
    }
    refuse(&world, "/pay/orderquery", "FREQUENCY_LIMITED", 1);
    world.advance(31);
    assert_eq!(count(&world, "/pay/orderquery"), 1, "one was refused");
    assert_eq!(shop.status("2")["trade_state"], "NOTPAY");
    assert_eq!(count(&world, "/pay/orderquery"), 2, "the caller's was sent");
}

#[test]
fn a_pause_survives_a_restart_of_the_object() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for number in ["O1", "O2"] {
        fixtures::paid(&world, &shop, number);
    }
    refuse(&world, "/secapi/pay/refund", "FREQUENCY_LIMITED", 1);
    refund(&shop, "O1", "R1");
    // Each call opens the object again.
    refund(&shop, "O2", "R2");
    assert_eq!(count(&world, "/secapi/pay/refund"), 1);
}
