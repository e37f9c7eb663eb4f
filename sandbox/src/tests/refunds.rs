//! Refunds: accepted, refused, settled, queried, reported by notices.

use super::*;
use wechatpay::v2::refund_notify;

const REFUND: &str = "/secapi/pay/refund";
const DAY_MS: i64 = 86_400_000;

/// A paid order of HKD 8.88.
fn paid(bench: &mut Bench, payer: &str) {
    bench.order(|_| {});
    let body = json!({
        "mch_id": MCH_ID, "out_trade_no": "9900000000", "payer": payer, "action": "pay",
    });
    assert_eq!(bench.control("/sandbox/pay", &body)["ok"], true);
    let due = bench.sandbox.due(bench.now_ms);
    acknowledge(bench, &due[0].id);
}

fn acknowledge(bench: &mut Bench, id: &str) {
    let outcome = Outcome::Answered {
        status: 200,
        body: refund_notify::ACK_OK.into(),
    };
    bench.sandbox.sent(id, &outcome, bench.now_ms);
}

fn refund_fields(out_refund_no: &str, refund_fee: &str) -> Fields {
    ids()
        .with("out_trade_no", "9900000000")
        .with("out_refund_no", out_refund_no)
        .with("total_fee", "888")
        .with("refund_fee", refund_fee)
        .with("notify_url", "http://127.0.0.1:9000/refunded")
}

fn refund(bench: &mut Bench, out_refund_no: &str, refund_fee: &str) -> Fields {
    bench.call(REFUND, refund_fields(out_refund_no, refund_fee))
}

fn refunds_of(bench: &mut Bench) -> Fields {
    let by = ids().with("out_trade_no", "9900000000");
    bench.call("/pay/refundquery", by)
}

#[test]
fn partial_refunds_never_exceed_the_payment() {
    let mut bench = Bench::new();
    paid(&mut bench, "alice");
    let first = refund(&mut bench, "r1", "300");
    assert_eq!(refused(&first).0, "done", "{first:?}");
    for (field, value) in [
        ("refund_fee", "300"),
        ("total_fee", "888"),
        ("fee_type", "HKD"),
        ("cash_fee", "817"),
        ("cash_refund_fee", "276"),
        ("rate", "92000000"),
    ] {
        assert_eq!(first.get(field), Some(value), "{field}");
    }
    let refund_id = first.get("refund_id").unwrap().to_owned();
    assert_eq!(refund_id.len(), 28);
    assert!(refund_id.starts_with("50000"));
    assert_eq!(bench.query("9900000000").get("trade_state"), Some("REFUND"));

    let again = refund(&mut bench, "r1", "300");
    assert_eq!(again.get("refund_id"), Some(refund_id.as_str()), "r4");
    let other = refund(&mut bench, "r1", "301");
    assert_eq!(refused(&other), ("signed", "INVALID_REQUEST".into()));
    let over = refund(&mut bench, "r2", "589");
    assert_eq!(refused(&over), ("signed", "REFUND_FEE_INVALID".into()));

    let last = refund(&mut bench, "r2", "588");
    // The two partial charges add up to the whole, with every rounding.
    assert_eq!(last.get("cash_refund_fee"), Some("541"));
    let none = refund(&mut bench, "r3", "1");
    assert_eq!(refused(&none), ("signed", "ERROR".into()));
    assert_eq!(none.get("err_code_des"), Some("订单已全额退款"));

    let told = refunds_of(&mut bench);
    assert_eq!(told.get("refund_count"), Some("2"));
    assert_eq!(told.get("refund_fee_0"), Some("300"));
    assert_eq!(told.get("refund_fee_1"), Some("588"));
    assert_eq!(told.get("refund_status_1"), Some("PROCESSING"));
}

#[test]
fn reasons_to_refuse_a_refund() {
    let mut bench = Bench::new();
    let unknown = refund(&mut bench, "r1", "1");
    assert_eq!(refused(&unknown), ("signed", "ORDERNOTEXIST".into()));
    bench.order(|_| {});
    let unpaid = refund(&mut bench, "r1", "1");
    assert_eq!(refused(&unpaid), ("signed", "TRADE_STATE_ERROR".into()));
    bench.pay("9900000000");
    for (field, value, level, code) in [
        ("refund_fee", "889", "unsigned", "PARAM_ERROR"),
        ("refund_fee", "0", "unsigned", "PARAM_ERROR"),
        ("total_fee", "887", "signed", "PARAM_ERROR"),
        ("refund_fee_type", "USD", "signed", "PARAM_ERROR"),
        ("refund_account", "MINE", "unsigned", "PARAM_ERROR"),
        ("notify_url", "ftp://x/", "unsigned", "PARAM_ERROR"),
        ("out_refund_no", "", "unsigned", "LACK_PARAMS"),
        ("transaction_id", "4200", "signed", "INVALID_TRANSACTIONID"),
    ] {
        let mut fields = refund_fields("r1", "1");
        fields.set(field, value);
        let answer = bench.call(REFUND, fields);
        assert_eq!(refused(&answer), (level, code.to_owned()), "{field}");
    }
    let poor = json!({"funds": {"HKD": 99}});
    bench.control("/sandbox/merchants/1900000109", &poor);
    let answer = refund(&mut bench, "r1", "100");
    assert_eq!(refused(&answer), ("signed", "NOTENOUGH".into()));
    bench.control(
        "/sandbox/merchants/1900000109",
        &json!({"funds": {"HKD": 5000}}),
    );
    assert_eq!(refused(&refund(&mut bench, "r1", "100")).0, "done");
    assert_eq!(
        bench.look("/sandbox/merchants")["merchants"][0]["funds"],
        json!({"HKD": 4900})
    );
    bench.now_ms += 365 * DAY_MS;
    let late = refund(&mut bench, "r2", "1");
    assert_eq!(refused(&late), ("signed", "TRADE_OVERDUE".into()), "r1");
}

#[test]
fn r3_an_order_has_at_most_fifty_refunds() {
    let mut bench = Bench::new();
    paid(&mut bench, "alice");
    for n in 0..50 {
        let answer = refund(&mut bench, &format!("r{n}"), "1");
        assert_eq!(refused(&answer).0, "done", "{n}");
        bench.now_ms += 1000;
    }
    let more = refund(&mut bench, "r50", "1");
    assert_eq!(refused(&more), ("signed", "INVALID_REQUEST".into()));
    let by = |offset: &str| {
        ids()
            .with("out_trade_no", "9900000000")
            .with("offset", offset)
    };
    let page = bench.call("/pay/refundquery", by("45"));
    assert_eq!(page.get("total_refund_count"), Some("50"));
    assert_eq!(page.get("refund_count"), Some("5"));
    assert_eq!(page.get("out_refund_no_0"), Some("r45"));
    let beyond = bench.call("/pay/refundquery", by("50"));
    assert_eq!(refused(&beyond), ("signed", "REFUNDNOTEXIST".into()));
}

#[test]
fn a_refund_settles_and_is_notified() {
    for (payer, after_ms, account) in [
        ("alice", 20_000, "支付用户零钱"),
        ("bob", 3 * DAY_MS, "招商银行信用卡7788"),
    ] {
        let mut bench = Bench::new();
        paid(&mut bench, payer);
        refund(&mut bench, "r1", "888");
        assert_eq!(bench.sandbox.next_due_ms(), Some(bench.now_ms + after_ms));
        bench.now_ms += after_ms - 1;
        assert!(bench.sandbox.due(bench.now_ms).is_empty());
        let told = refunds_of(&mut bench);
        assert_eq!(told.get("refund_status_0"), Some("PROCESSING"));
        bench.now_ms += 1;
        let due = bench.sandbox.due(bench.now_ms);
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].url, "http://127.0.0.1:9000/refunded");
        let notice =
            refund_notify::Notice::read(due[0].body.as_bytes(), &Secret::new(KEY)).unwrap();
        assert_eq!(notice.refund.out_refund_no, "r1");
        assert_eq!(notice.refund.refund_status.as_str(), "SUCCESS");
        assert_eq!(notice.refund.refund_recv_accout.as_deref(), Some(account));
        let told = refunds_of(&mut bench);
        assert_eq!(told.get("refund_status_0"), Some("SUCCESS"));
        assert_eq!(told.get("refund_recv_accout_0"), Some(account));
        assert!(told.get("refund_success_time_0").is_some());
        acknowledge(&mut bench, &due[0].id);
        assert_eq!(bench.sandbox.next_due_ms(), None);
    }
}

/// A day passes at once: the refund settles, and all ten attempts of its notice
/// become due, each at its own time.
#[test]
fn a_refund_notice_keeps_its_schedule_over_a_jump() {
    let mut bench = Bench::new();
    paid(&mut bench, "alice");
    refund(&mut bench, "r1", "888");
    bench.control("/sandbox/time", &json!({"advance_seconds": 86_400}));
    for _ in 0..10 {
        let due = bench.sandbox.due(bench.now_ms);
        assert_eq!(due.len(), 1);
        let outcome = Outcome::Failed("no".into());
        bench.sandbox.sent(&due[0].id, &outcome, bench.now_ms);
    }
    assert_eq!(bench.sandbox.next_due_ms(), None);
    let log = bench.look("/sandbox/notices?out_trade_no=9900000000");
    let attempts = log["notices"][0]["attempts"].as_array().unwrap().clone();
    let at = |n: usize| attempts[n]["due_ms"].as_i64().unwrap() - bench.now_ms;
    assert_eq!((at(0), at(1), at(9)), (20_000, 35_000, 11_060_000));
}

#[test]
fn a_tester_ends_a_refund() {
    for (status, funds, again) in [
        ("SUCCESS", 0, "ERROR"),
        ("REFUNDCLOSE", 888, ""),
        ("CHANGE", 888, "ERROR"),
    ] {
        let mut bench = Bench::new();
        paid(&mut bench, "bob");
        refund(&mut bench, "r1", "888");
        let path = format!("/sandbox/refunds/{MCH_ID}/r1");
        let bad = bench.control(&path, &json!({"status": "PROCESSING"}));
        assert_eq!(bad["field"], "status");
        let ended = bench.control(&path, &json!({"status": status}));
        assert_eq!(ended["refund_status"], status);
        assert_eq!(bench.look(&path)["refund_status"], status);
        let twice = bench.control(&path, &json!({"status": "REFUNDCLOSE"}));
        assert_eq!(twice["code"], "OVER");
        let told = refunds_of(&mut bench);
        assert_eq!(told.get("refund_status_0"), Some(status));
        assert_eq!(bench.sandbox.due(bench.now_ms).len(), 1, "it is told");
        let merchants = bench.look("/sandbox/merchants");
        assert_eq!(merchants["merchants"][0]["funds"]["HKD"], funds);
        let next = refund(&mut bench, "r2", "888");
        assert_eq!(refused(&next).1, again, "{status}");
    }
}

#[test]
fn a_refund_query_takes_each_number() {
    let mut bench = Bench::new();
    let nothing = refunds_of(&mut bench);
    assert_eq!(refused(&nothing), ("signed", "REFUNDNOTEXIST".into()));
    paid(&mut bench, "alice");
    let one = refund(&mut bench, "r1", "1");
    refund(&mut bench, "r2", "2");
    for (field, count) in [
        ("refund_id", "1"),
        ("out_refund_no", "1"),
        ("transaction_id", "2"),
        ("out_trade_no", "2"),
    ] {
        let by = ids().with(field, one.get(field).unwrap());
        let told = bench.call("/pay/refundquery", by);
        assert_eq!(told.get("refund_count"), Some(count), "{field}");
        assert_eq!(told.get("out_refund_no_0"), Some("r1"), "{field}");
    }
    for (field, code) in [
        ("refund_id", "REFUNDNOTEXIST"),
        ("out_refund_no", "REFUNDNOTEXIST"),
        ("transaction_id", "INVALID_TRANSACTIONID"),
        ("out_trade_no", "REFUNDNOTEXIST"),
    ] {
        let told = bench.call("/pay/refundquery", ids().with(field, "404"));
        assert_eq!(refused(&told), ("signed", code.into()), "{field}");
    }
}

#[test]
fn a_certificate_is_required_when_it_is_switched_on() {
    let mut bench = Bench::new();
    paid(&mut bench, "alice");
    let lenient = json!({"strict": false});
    bench.control(&format!("/sandbox/merchants/{MCH_ID}"), &lenient);
    bench.control("/sandbox/faults", &json!({"require_certificate": true}));
    let xml = refund_fields("r1", "1")
        .sealed(&Secret::new(KEY), SignType::Md5)
        .to_xml();
    let mut send = |path: &str, certificate: Option<&str>| {
        let mut request = Request::post(format!("http://127.0.0.1:8788{path}"));
        if let Some(value) = certificate {
            request = request.header("x-sandbox-client-certificate", value);
        }
        let request = request.body(xml.clone().into_bytes()).unwrap();
        let answer = bench.send(&request);
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        (answer.status().as_u16(), body)
    };
    for path in [REFUND, "/secapi/pay/reverse"] {
        let (status, body) = send(path, None);
        assert_eq!(status, 400);
        assert!(body.contains("No required SSL certificate was sent"));
        assert_eq!(send(path, Some("none")).0, 400);
        let (status, body) = send(path, Some("expired"));
        assert_eq!(status, 400);
        assert!(body.contains("The SSL certificate error"));
        // The certificate of another merchant is refused as WeChat does:
        // unsigned, without a code.
        let another = "<xml><return_code><![CDATA[FAIL]]></return_code>\
                       <return_msg><![CDATA[certificate not match]]></return_msg></xml>";
        assert_eq!(send(path, Some("1900000110")), (200, another.to_owned()));
        let (status, body) = send(path, Some("1900000109"));
        assert!(status == 200 && !body.contains("not match"), "{body}");
    }
    assert_eq!(send("/pay/refundquery", None).0, 200);
}

#[test]
fn an_institution_refunds_for_its_sub_merchant() {
    let mut bench = Bench::new();
    let key = Secret::new("weceive-sandbox-inst-key-0000002");
    let fields = |sub_mch_id: &str| {
        Fields::new()
            .with("appid", "wx5a11d0b0c0ffee02")
            .with("mch_id", "1900000110")
            .with("sub_mch_id", sub_mch_id)
            .with("nonce_str", "n")
            .with("sign_type", "HMAC-SHA256")
            .with("out_trade_no", "9900000000")
    };
    let mut send = |path: &str, fields: Fields| {
        let xml = fields.sealed(&key, SignType::HmacSha256).to_xml();
        let answer = bench.post(path, xml.as_bytes());
        assert_eq!(answer.verify(&key, SignType::HmacSha256), Ok(()));
        if path == "/pay/unifiedorder" {
            let pay = json!({
                "mch_id": "1900000110", "sub_mch_id": "1900000111",
                "out_trade_no": "9900000000", "payer": "alice", "action": "pay",
            });
            assert_eq!(bench.control("/sandbox/pay", &pay)["ok"], true);
        }
        answer
    };
    let order = fields("1900000111")
        .with("body", "Books")
        .with("total_fee", "1750")
        .with("fee_type", "USD")
        .with("spbill_create_ip", "8.8.8.8")
        .with("notify_url", "http://127.0.0.1:9000/notify")
        .with("trade_type", "NATIVE")
        .with("product_id", "books");
    send("/pay/unifiedorder", order);
    let refund = |sub_mch_id: &str| {
        fields(sub_mch_id)
            .with("out_refund_no", "r1")
            .with("total_fee", "1750")
            .with("refund_fee", "1750")
    };
    let others = send(REFUND, refund("1900000112"));
    assert_eq!(others.get("err_code"), Some("ORDERNOTEXIST"));
    let own = send(REFUND, refund("1900000111"));
    assert_eq!(own.get("result_code"), Some("SUCCESS"));
    assert_eq!(own.get("sub_mch_id"), Some("1900000111"));
    let told = send("/pay/refundquery", fields("1900000111"));
    assert_eq!(told.get("refund_status_0"), Some("PROCESSING"));
    let others = send("/pay/refundquery", fields("1900000112"));
    assert_eq!(others.get("err_code"), Some("REFUNDNOTEXIST"));
}
