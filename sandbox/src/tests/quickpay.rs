//! Quick Pay: codes, passwords, reversals.

use super::*;

const MICROPAY: &str = "/pay/micropay";

fn code(bench: &mut Bench, payer: &str, behaviour: &str) -> String {
    let mut body = json!({"payer": payer});
    if !behaviour.is_empty() {
        body["behaviour"] = behaviour.into();
    }
    let made = bench.control("/sandbox/paycode", &body);
    made["auth_code"].as_str().unwrap().to_owned()
}

fn quick(auth_code: &str, total_fee: &str) -> Fields {
    ids()
        .with("body", "Southern store-Super market")
        .with("out_trade_no", "till-1")
        .with("total_fee", total_fee)
        .with("fee_type", "HKD")
        .with("spbill_create_ip", "8.8.8.8")
        .with("auth_code", auth_code)
}

fn state(bench: &mut Bench) -> String {
    let told = bench.query("till-1");
    let state = told.get("trade_state").or(told.get("err_code"));
    state.unwrap().to_owned()
}

fn reverse(bench: &mut Bench) -> (String, String, String) {
    let answer = bench.call("/secapi/pay/reverse", ids().with("out_trade_no", "till-1"));
    let (level, code) = refused(&answer);
    let recall = answer.get("recall").unwrap_or_default().to_owned();
    (level.to_owned(), code, recall)
}

fn is(level: &str, code: &str, recall: &str) -> (String, String, String) {
    (level.into(), code.into(), recall.into())
}

fn sheet(bench: &mut Bench, payer: &str, action: &str) -> Value {
    let body = json!({
        "mch_id": MCH_ID, "out_trade_no": "till-1", "payer": payer, "action": action,
    });
    bench.control("/sandbox/pay", &body)
}

#[test]
fn each_behaviour_of_a_pay_code_has_its_answer() {
    for (payer, behaviour, total_fee, code_said, state_after) in [
        ("alice", "", "888", "", "SUCCESS"),
        // 108,695 Hong Kong cents are 99,999.4 fen, and one more 100,000.
        ("bob", "", "108696", "", "SUCCESS"),
        ("bob", "", "108697", "USERPAYING", "USERPAYING"),
        ("bob", "pays", "200000", "", "SUCCESS"),
        ("bob", "password", "1", "USERPAYING", "USERPAYING"),
        ("alice", "expired", "1", "AUTHCODEEXPIRE", "ORDERNOTEXIST"),
        ("alice", "used", "1", "AUTH_CODE_ERROR", "ORDERNOTEXIST"),
        ("alice", "insufficient", "1", "NOTENOUGH", "PAYERROR"),
        ("carol", "", "888", "NOTENOUGH", "PAYERROR"),
        ("carol", "pays", "888", "NOTENOUGH", "PAYERROR"),
        (
            "alice",
            "unsupported_card",
            "1",
            "NOTSUPPORTCARD",
            "PAYERROR",
        ),
        ("alice", "bank_error", "1", "BANKERROR", "SUCCESS"),
    ] {
        let mut bench = Bench::new();
        let auth_code = code(&mut bench, payer, behaviour);
        assert_eq!(auth_code.len(), 18);
        assert!(("10".."16").contains(&auth_code.get(..2).unwrap()));
        let answer = bench.call(MICROPAY, quick(&auth_code, total_fee));
        assert_eq!(refused(&answer).1, code_said, "{payer} {behaviour}");
        assert_eq!(state(&mut bench), state_after, "{payer} {behaviour}");
        if code_said.is_empty() {
            assert_eq!(answer.get("trade_type"), Some("MICROPAY"));
            assert_eq!(answer.get("total_fee"), Some(total_fee));
            let again = bench.call(MICROPAY, quick(&auth_code, total_fee));
            assert_eq!(refused(&again), ("signed", "ORDERPAID".into()));
        }
        assert_eq!(bench.sandbox.next_due_ms(), None, "no notice");
    }
}

#[test]
fn a_silent_code_pays_without_an_answer() {
    let mut bench = Bench::new();
    let auth_code = code(&mut bench, "alice", "silent");
    let xml = quick(&auth_code, "5")
        .sealed(&Secret::new(KEY), SignType::Md5)
        .to_xml();
    let answer = bench.ask(Method::POST, MICROPAY, xml.as_bytes());
    assert_eq!(answer.status(), 504);
    assert_eq!(state(&mut bench), "SUCCESS");
}

#[test]
fn q1_q2_a_code_is_18_digits_for_one_order_in_a_minute() {
    let mut bench = Bench::new();
    for scanned in [
        "28763300240119952",
        "161234567890123456",
        "091234567890123456",
        "12345678901234567x",
        "121234567890123456",
    ] {
        let answer = bench.call(MICROPAY, quick(scanned, "1"));
        assert_eq!(refused(&answer), ("signed", "AUTH_CODE_INVALID".into()));
    }
    let answer = bench.call(MICROPAY, quick("", "1"));
    assert_eq!(refused(&answer), ("unsigned", "LACK_PARAMS".into()));

    let late = code(&mut bench, "alice", "");
    bench.now_ms += 60_000;
    let answer = bench.call(MICROPAY, quick(&late, "1"));
    assert_eq!(refused(&answer), ("signed", "AUTHCODEEXPIRE".into()));

    let once = code(&mut bench, "alice", "");
    let answer = bench.call(MICROPAY, quick(&once, "1"));
    assert_eq!(refused(&answer).0, "done");
    let mut second = quick(&once, "1");
    second.set("out_trade_no", "till-2");
    let answer = bench.call(MICROPAY, second);
    assert_eq!(refused(&answer), ("signed", "AUTH_CODE_ERROR".into()));
}

#[test]
fn a_quick_pay_is_retried_by_the_same_payer_on_the_same_terms() {
    let mut bench = Bench::new();
    let no = code(&mut bench, "bob", "unsupported_card");
    bench.call(MICROPAY, quick(&no, "5"));
    let others = code(&mut bench, "alice", "");
    let answer = bench.call(MICROPAY, quick(&others, "5"));
    assert_eq!(refused(&answer), ("signed", "BUYER_MISMATCH".into()));
    let next = code(&mut bench, "bob", "");
    let answer = bench.call(MICROPAY, quick(&next, "6"));
    assert_eq!(refused(&answer), ("signed", "OUT_TRADE_NO_USED".into()));
    let answer = bench.order(|fields| fields.set("out_trade_no", "till-1"));
    assert_eq!(refused(&answer), ("signed", "OUT_TRADE_NO_USED".into()));
    let answer = bench.call(MICROPAY, quick(&next, "5"));
    assert_eq!(refused(&answer).0, "done");
}

#[test]
fn the_payer_enters_or_refuses_the_password() {
    for (action, said, state_after) in [
        ("pay", "ok", "SUCCESS"),
        ("cancel", "cancel", "NOTPAY"),
        ("fail", "fail", "PAYERROR"),
    ] {
        let mut bench = Bench::new();
        let auth_code = code(&mut bench, "bob", "password");
        bench.call(MICROPAY, quick(&auth_code, "5"));
        let waiting = "/sandbox/orders?trade_state=USERPAYING&payable=1&payer=bob";
        let found = bench.look(waiting);
        assert_eq!(found["orders"][0]["out_trade_no"], "till-1");
        let again = bench.call(MICROPAY, quick(&auth_code, "5"));
        assert_eq!(refused(&again), ("signed", "USERPAYING".into()));
        let closed = bench.close("till-1");
        assert_eq!(refused(&closed), ("signed", "USERPAYING".into()));
        let wrong = sheet(&mut bench, "alice", "pay");
        assert_eq!(wrong["reason"], "PAYER_MISMATCH");
        let told = sheet(&mut bench, "bob", action);
        assert_eq!(told["err_msg"], format!("get_brand_wcpay_request:{said}"));
        assert_eq!(state(&mut bench), state_after);
        assert_eq!(bench.look(waiting)["orders"], json!([]));
        let over = sheet(&mut bench, "bob", "pay");
        let reason = if action == "pay" {
            "ORDERPAID"
        } else {
            "NOT_ASKED"
        };
        assert_eq!(over["reason"], reason);
    }
}

#[test]
fn q6_q7_a_reverse_refunds_or_closes_in_every_state() {
    for (behaviour, state_before, funds_before) in [
        ("", "SUCCESS", json!({"HKD": 5})),
        ("insufficient", "PAYERROR", json!({})),
    ] {
        let mut bench = Bench::new();
        let auth_code = code(&mut bench, "alice", behaviour);
        bench.call(MICROPAY, quick(&auth_code, "5"));
        let funds =
            |bench: &mut Bench| bench.look("/sandbox/merchants")["merchants"][0]["funds"].clone();
        assert_eq!(funds(&mut bench), funds_before);
        bench.now_ms += 14_999;
        assert_eq!(
            reverse(&mut bench),
            is("signed", "INVALID_REQUEST", "Y"),
            "not within 15 seconds"
        );
        assert_eq!(state(&mut bench), state_before);
        bench.now_ms += 1;
        assert_eq!(reverse(&mut bench), is("done", "", "N"));
        assert_eq!(state(&mut bench), "REVOKED");
        assert_eq!(funds(&mut bench)["HKD"].as_i64().unwrap_or_default(), 0);
        assert_eq!(reverse(&mut bench), is("done", "", "N"), "and again");
        let next = code(&mut bench, "alice", "");
        let answer = bench.call(MICROPAY, quick(&next, "5"));
        assert_eq!(refused(&answer), ("signed", "ORDERREVERSED".into()));
    }
}

#[test]
fn a_reverse_while_the_payer_decides_answers_recall() {
    for then in ["", "pay"] {
        let mut bench = Bench::new();
        let auth_code = code(&mut bench, "bob", "password");
        bench.call(MICROPAY, quick(&auth_code, "5"));
        bench.now_ms += 30_000;
        assert_eq!(reverse(&mut bench), is("signed", "USERPAYING", "Y"));
        if !then.is_empty() {
            assert_eq!(sheet(&mut bench, "bob", then)["ok"], true);
        }
        bench.now_ms += 5_000;
        assert_eq!(reverse(&mut bench), is("done", "", "N"));
        assert_eq!(state(&mut bench), "REVOKED");
        assert_eq!(sheet(&mut bench, "bob", "pay")["reason"], "ORDERCLOSED");
    }
}

#[test]
fn reasons_to_refuse_a_reverse() {
    let mut bench = Bench::new();
    assert_eq!(reverse(&mut bench), is("signed", "ORDERNOTEXIST", "N"));
    let unknown = ids().with("transaction_id", "4200");
    let answer = bench.call("/secapi/pay/reverse", unknown);
    assert_eq!(answer.get("err_code"), Some("INVALID_TRANSACTIONID"));
    bench.order(|fields| fields.set("out_trade_no", "till-1"));
    bench.now_ms += 20_000;
    assert_eq!(reverse(&mut bench), is("signed", "INVALID_REQUEST", "N"));

    let mut bench = Bench::new();
    let auth_code = code(&mut bench, "alice", "");
    bench.call(MICROPAY, quick(&auth_code, "5"));
    bench.now_ms += 7 * 86_400_000;
    assert_eq!(reverse(&mut bench), is("signed", "INVALID_REQUEST", "N"));
    let partly = ids()
        .with("out_trade_no", "till-1")
        .with("out_refund_no", "r1")
        .with("total_fee", "5")
        .with("refund_fee", "2");
    assert_eq!(refused(&bench.call("/secapi/pay/refund", partly)).0, "done");
    assert_eq!(reverse(&mut bench), is("signed", "TRADE_STATE_ERROR", "N"));
}

#[test]
fn every_answer_to_a_reverse_has_the_exchange_rate() {
    let mut bench = Bench::new();
    let auth_code = code(&mut bench, "alice", "");
    let paid = bench.call(MICROPAY, quick(&auth_code, "888"));
    assert_eq!(refused(&paid).0, "done");
    for (after_ms, level) in [(0, "signed"), (15_000, "done"), (0, "done")] {
        bench.now_ms += after_ms;
        let answer = bench.call("/secapi/pay/reverse", ids().with("out_trade_no", "till-1"));
        assert_eq!(refused(&answer).0, level);
        assert_eq!(answer.get("rate"), Some("92000000"), "{answer:?}");
    }
    let unknown = bench.call("/secapi/pay/reverse", ids().with("out_trade_no", "none"));
    assert_eq!(unknown.get("rate"), None);
}
