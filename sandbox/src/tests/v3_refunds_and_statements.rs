//! APIv3: Quick Pay, refunds, statements, settlements, the self-test.

use super::v3::*;
use super::*;
use wechatpay::v3::bill;

fn pay_code(bench: &mut Bench, body: &Value) -> String {
    let code = bench.control("/sandbox/paycode", body);
    code["auth_code"].as_str().unwrap().to_owned()
}

fn quick_pay(auth_code: &str, number: &str) -> Value {
    global_order(|body| {
        body["trade_type"] = "MICROPAY".into();
        body["out_trade_no"] = number.into();
        body["payer"] = json!({"auth_code": auth_code});
    })
}

const MICROPAY: (&str, &str) = ("POST", "/v3/global/micropay/transactions/pay");

fn refund(bench: &mut Bench, number: &str, amount: i64, more: &Value) -> Told {
    let mut body = json!({
        "appid": APPID, "mchid": MCH_ID,
        "out_trade_no": "V3-0001", "out_refund_no": number,
        "amount": {"refund": amount, "total": 888, "currency": "HKD"},
    });
    let fields = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(fields);
    ask(bench, MCH_ID, ("POST", "/v3/global/refunds"), &body)
}

#[test]
fn a_quick_pay_is_paid_or_reversed_in_each_region() {
    let mut bench = Bench::new();
    let code = pay_code(&mut bench, &json!({"payer": "alice"}));
    let paid = ask(&mut bench, MCH_ID, MICROPAY, &quick_pay(&code, "Q-00001"));
    assert_eq!(
        (paid.status, &paid.json["trade_state"]),
        (200, &json!("SUCCESS"))
    );
    let again = ask(&mut bench, MCH_ID, MICROPAY, &quick_pay(&code, "Q-00002"));
    assert_eq!((again.status, again.code()), (400, "AUTH_CODE_ERROR"));
    let bad = ask(&mut bench, MCH_ID, MICROPAY, &quick_pay("99", "Q-00003"));
    assert_eq!((bad.status, bad.code()), (400, "AUTH_CODE_INVALID"));

    let code = pay_code(
        &mut bench,
        &json!({"payer": "bob", "behaviour": "password"}),
    );
    let body = mainland_order(|body| {
        body["out_trade_no"] = "Q-00004".into();
        body["payer"] = json!({"auth_code": code});
        body["scene_info"] = json!({"store_info": {"id": "1"}});
    });
    let codepay = ("POST", "/v3/pay/transactions/codepay");
    let asked = ask(&mut bench, MCH_ID, codepay, &body);
    assert_eq!((asked.status, asked.code()), (202, "USERPAYING"));

    let reverse = ("POST", "/v3/pay/transactions/out-trade-no/Q-00004/reverse");
    let ids = json!({"appid": APPID, "mchid": MCH_ID});
    let early = ask(&mut bench, MCH_ID, reverse, &ids);
    assert_eq!((early.status, early.code()), (400, "INVALID_REQUEST"));
    bench.now_ms += 15_000;
    let asked = ask(&mut bench, MCH_ID, reverse, &ids);
    assert_eq!((asked.status, asked.code()), (202, "USERPAYING"));
    let done = ask(&mut bench, MCH_ID, reverse, &ids);
    assert_eq!(done.json["out_trade_no"], "Q-00004", "{}", done.json);

    let reverse = "/v3/global/micropay/transactions/out-trade-no/Q-00001/reverse";
    let done = ask(
        &mut bench,
        MCH_ID,
        ("POST", reverse),
        &json!({"mchid": MCH_ID}),
    );
    assert_eq!(done.status, 204);
    let query = format!("/v3/global/transactions/out-trade-no/Q-00001?mchid={MCH_ID}");
    let asked = ask(&mut bench, MCH_ID, ("GET", &query), &Value::Null);
    assert_eq!(asked.json["trade_state"], "REVOKED");
}

#[test]
fn partial_refunds_are_queried_and_notified() {
    let mut bench = Bench::new();
    ask(&mut bench, MCH_ID, NATIVE, &global_order(|_| {}));
    let early = refund(&mut bench, "R1", 100, &json!({}));
    assert_eq!((early.status, early.code()), (400, "TRADE_STATE_ERROR"));
    bench.pay("V3-0001");
    bench.sandbox.due(bench.now_ms);

    let with_url = json!({"notify_url": "http://127.0.0.1:9000/refund"});
    let made = refund(&mut bench, "R1", 100, &with_url);
    assert_eq!(made.status, 200, "{}", made.json);
    assert_eq!(made.json["amount"]["refund"], 100);
    let again = refund(&mut bench, "R1", 100, &with_url);
    assert_eq!(again.json["id"], made.json["id"]);
    let other = refund(&mut bench, "R1", 101, &json!({}));
    assert_eq!((other.status, other.code()), (400, "INVALID_REQUEST"));
    let second = refund(&mut bench, "R2", 788, &json!({}));
    assert_eq!(second.status, 200);
    let more = refund(&mut bench, "R3", 1, &json!({}));
    assert_eq!((more.status, more.code()), (400, "INVALID_REQUEST"));

    let one = format!("/v3/global/refunds/out-refund-no/R1?mchid={MCH_ID}");
    let one = ask(&mut bench, MCH_ID, ("GET", &one), &Value::Null);
    assert_eq!(one.json["status"], "PROCESSING");
    let id = one.json["id"].as_str().unwrap();
    let by_id = format!("/v3/global/refunds/id/{id}?mchid={MCH_ID}");
    let by_id = ask(&mut bench, MCH_ID, ("GET", &by_id), &Value::Null);
    assert_eq!(by_id.json, one.json);
    let mainland = ask(
        &mut bench,
        MCH_ID,
        ("GET", "/v3/refund/domestic/refunds/R1"),
        &Value::Null,
    );
    assert_eq!(mainland.json["refund_id"], one.json["id"]);
    let page = |offset: u8| {
        format!("/v3/global/refunds?out_trade_no=V3-0001&count=1&offset={offset}&mchid={MCH_ID}")
    };
    for (offset, number) in [(0, "R1"), (1, "R2")] {
        let all = ask(&mut bench, MCH_ID, ("GET", &page(offset)), &Value::Null);
        assert_eq!(all.json["total_num"], 2, "{}", all.json);
        assert_eq!(all.json["data"][0]["out_refund_no"], number);
    }
    let none = format!("/v3/global/refunds/out-refund-no/none?mchid={MCH_ID}");
    let none = ask(&mut bench, MCH_ID, ("GET", &none), &Value::Null);
    assert_eq!((none.status, none.code()), (404, "RESOURCE_NOT_EXISTS"));

    bench.now_ms += 20_000;
    let due = bench.sandbox.due(bench.now_ms);
    let due: Vec<_> = due
        .iter()
        .filter(|it| it.url.ends_with("/refund"))
        .collect();
    assert_eq!(due.len(), 1);
    let json: Value = serde_json::from_str(&due[0].body).unwrap();
    assert_eq!(json["event_type"], "REFUND.SUCCESS");
    assert_eq!(json["resource"]["original_type"], "refund");
}

#[test]
fn a_refund_number_requests_a_faulty_refund_notice() {
    let mut bench = Bench::new();
    ask(&mut bench, MCH_ID, NATIVE, &global_order(|_| {}));
    bench.pay("V3-0001");
    bench.sandbox.due(bench.now_ms);
    let with_url = json!({"notify_url": "http://127.0.0.1:9000/refund"});
    refund(&mut bench, "R_FAULT_UNKNOWN_EVENT@notice", 100, &with_url);
    bench.now_ms += 20_000;
    for expected in ["SANDBOX.UNKNOWN", "REFUND.SUCCESS"] {
        let due = bench.sandbox.due(bench.now_ms);
        let due = due.iter().find(|it| it.url.ends_with("/refund")).unwrap();
        let json: Value = serde_json::from_str(&due.body).unwrap();
        assert_eq!(json["event_type"], expected);
        let outcome = Outcome::Failed("refused".into());
        bench.sandbox.sent(&due.id, &outcome, bench.now_ms);
        bench.now_ms += 15_000;
    }
}

#[test]
fn a_statement_is_signed_or_linked_by_region() {
    let mut bench = Bench::new();
    let day = "20231115";
    let global = format!("/v3/global/statements?date={day}&mchid={MCH_ID}");
    ask(&mut bench, MCH_ID, NATIVE, &global_order(|_| {}));
    bench.pay("V3-0001");
    let early = ask(&mut bench, MCH_ID, ("GET", &global), &Value::Null);
    assert_eq!((early.status, early.code()), (400, "STATEMENT_CREATING"));
    // Signatures use the caller's clock.
    bench.control("/sandbox/time", &json!({"advance_seconds": 2 * 86_400}));

    let asked = request(&mut bench, MCH_ID, ("GET", &global), &Value::Null);
    let answer = send(&mut bench, &asked);
    let sha1 = futures_executor::block_on(bill::verified_hash(
        answer.status,
        |name| answer.headers.get(name)?.to_str().ok(),
        &answer.body,
        &keyring(&mut bench, MCH_ID),
        bench.now_ms,
        &Toy,
    ));
    assert_eq!(sha1.unwrap(), bill::sha1_hex(&answer.body));
    let table = wechatpay::common::bill::Bill::read(&answer.body).unwrap();
    assert_eq!(table.rows.len(), 1);

    let link = "/v3/bill/tradebill?bill_date=2023-11-15&bill_type=ALL&tar_type=GZIP";
    let link = ask(&mut bench, MCH_ID, ("GET", link), &Value::Null);
    assert_eq!(link.json["hash_type"], "SHA1", "{}", link.json);
    let url = link.json["download_url"].as_str().unwrap();
    let path = url.strip_prefix("http://127.0.0.1:8788").unwrap();
    let packed = request(&mut bench, MCH_ID, ("GET", path), &Value::Null);
    assert!(send(&mut bench, &packed).body.starts_with(&[0x1F, 0x8B]));
    let plain = path.replace("&tartype=gzip", "");
    let plain = request(&mut bench, MCH_ID, ("GET", &plain), &Value::Null);
    let plain = send(&mut bench, &plain);
    assert_eq!(link.json["hash_value"], bill::sha1_hex(&plain.body));

    let empty = format!("/v3/global/statements?date=20231114&mchid={MCH_ID}");
    let empty = ask(&mut bench, MCH_ID, ("GET", &empty), &Value::Null);
    assert_eq!((empty.status, empty.code()), (400, "NO_STATEMENT_EXIST"));
    let settled = "/v3/global/settle/settlements?settle_state=SETTLED\
        &settle_start_date=20231116&settle_end_date=20231116&offset=0&limit=5";
    let settled = ask(&mut bench, MCH_ID, ("GET", settled), &Value::Null);
    assert_eq!(settled.json["total_count"], 1, "{}", settled.json);
    assert_eq!(settled.json["data"][0]["amount"]["pay"], 888);
}

/// The payment is of 15 November 2023 in China.
#[test]
fn statements_are_kept_180_days_by_global_and_90_by_the_mainland_the_last_included() {
    let global = format!("/v3/global/statements?date=20231115&mchid={MCH_ID}");
    let mainland = "/v3/bill/tradebill?bill_date=2023-11-15&bill_type=ALL".to_owned();
    for (path, kept_days) in [(global, 180), (mainland, 90)] {
        let mut bench = Bench::new();
        ask(&mut bench, MCH_ID, NATIVE, &global_order(|_| {}));
        bench.pay("V3-0001");
        let wait = |days: i64| json!({"advance_seconds": days * 86_400});
        bench.control("/sandbox/time", &wait(kept_days));
        let asked = request(&mut bench, MCH_ID, ("GET", &path), &Value::Null);
        assert_eq!(send(&mut bench, &asked).status, 200, "{path}");
        bench.control("/sandbox/time", &wait(1));
        let late = ask(&mut bench, MCH_ID, ("GET", &path), &Value::Null);
        assert_eq!(
            (late.status, late.code()),
            (400, "INVALID_REQUEST"),
            "{path}"
        );
    }
}

#[test]
fn the_echo_call_returns_the_message() {
    let mut bench = Bench::new();
    let call = ("POST", "/v3/security/echo");
    let told = ask(
        &mut bench,
        MCH_ID,
        call,
        &json!({"echo_message": "hello 你好"}),
    );
    assert_eq!(told.json["echo_message"], "hello 你好");
}
