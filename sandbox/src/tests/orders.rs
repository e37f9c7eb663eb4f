//! Orders: made, repeated, paid, closed, expired; for a direct merchant and for
//! a sub-merchant.

use super::*;

#[test]
fn the_same_terms_give_the_same_prepayment() {
    let mut bench = Bench::new();
    let first = bench.order(|_| {});
    assert_eq!(refused(&first).0, "done");
    let prepay_id = first.get("prepay_id").unwrap().to_owned();
    assert_eq!(prepay_id.len(), 36);
    assert!(prepay_id.starts_with("wx20231115061320"));
    let code_url = first.get("code_url").unwrap();
    assert!(code_url.starts_with("weixin://wxpay/bizpayurl?pr="));
    assert_eq!(code_url.len(), "weixin://wxpay/bizpayurl?pr=".len() + 7);

    bench.now_ms += 2 * 3600 * 1000 - 1;
    let again = bench.order(|fields| {
        fields.set("nonce_str", "another");
        fields.set("time_expire", "20231115161820");
        fields.set("spbill_create_ip", "8.8.4.4");
    });
    assert_eq!(again.get("prepay_id"), Some(prepay_id.as_str()));

    for (field, value) in [
        ("total_fee", "889"),
        ("fee_type", "CNY"),
        ("body", "Other"),
        ("attach", "x"),
        ("notify_url", "http://127.0.0.1:9001/"),
        ("trade_type", "APP"),
    ] {
        let other = bench.order(|fields| fields.set(field, value));
        assert_eq!(
            refused(&other),
            ("signed", "OUT_TRADE_NO_USED".into()),
            "{field}"
        );
        assert_eq!(other.get("err_code_des"), Some("201 商户订单号重复"));
    }

    bench.now_ms += 1;
    let renewed = bench.order(|_| {});
    assert_eq!(refused(&renewed).0, "done");
    assert_ne!(renewed.get("prepay_id"), Some(prepay_id.as_str()));
}

#[test]
fn a_currency_left_out_is_cny() {
    let mut bench = Bench::new();
    let first = bench.order(|fields| {
        fields.remove("fee_type");
    });
    let again = bench.order(|fields| fields.set("fee_type", "CNY"));
    assert_eq!(first.get("prepay_id"), again.get("prepay_id"));
}

#[test]
fn an_order_is_paid_once_and_notified() {
    let mut bench = Bench::new();
    let made = bench.order(|fields| {
        fields.set("attach", "a b+c");
        fields.set("device_info", "WEB");
    });
    assert_eq!(made.get("device_info"), Some("WEB"));
    let unpaid = bench.query("9900000000");
    assert_eq!(unpaid.get("trade_state"), Some("NOTPAY"));
    assert_eq!(unpaid.get("attach"), Some("a b+c"));
    assert_eq!(unpaid.get("transaction_id"), None);

    let code_url = made.get("code_url").unwrap().to_owned();
    let scan = |action: &str| json!({"code_url": code_url, "payer": "alice", "action": action});
    let cancelled = bench.control("/sandbox/scan", &scan("cancel"));
    assert_eq!(cancelled["err_msg"], "get_brand_wcpay_request:cancel");
    let failed = bench.control("/sandbox/scan", &scan("fail"));
    assert_eq!(failed["err_msg"], "get_brand_wcpay_request:fail");
    assert_eq!(bench.query("9900000000").get("trade_state"), Some("NOTPAY"));
    let paid = bench.control("/sandbox/scan", &scan("pay"));
    assert_eq!(paid["err_msg"], "get_brand_wcpay_request:ok");
    assert_eq!(paid["order"]["trade_state"], "SUCCESS");
    let twice = bench.control("/sandbox/scan", &scan("pay"));
    assert_eq!(twice["reason"], "ORDERPAID");

    let told = bench.query("9900000000");
    for (field, value) in [
        ("trade_state", "SUCCESS"),
        ("trade_type", "NATIVE"),
        ("total_fee", "888"),
        ("fee_type", "HKD"),
        ("cash_fee", "817"),
        ("cash_fee_type", "CNY"),
        ("rate", "92000000"),
        ("bank_type", "CFT"),
        ("is_subscribe", "Y"),
        ("openid", &alice()),
        ("attach", "a b+c"),
        ("device_info", "WEB"),
        ("time_end", "20231115061320"),
    ] {
        assert_eq!(told.get(field), Some(value), "{field}");
    }
    let transaction_id = told.get("transaction_id").unwrap().to_owned();
    assert_eq!(transaction_id.len(), 28);
    assert!(
        transaction_id.starts_with("42000") && transaction_id.bytes().all(|b| b.is_ascii_digit())
    );
    let by_id = bench.call(
        "/pay/orderquery",
        ids().with("transaction_id", transaction_id),
    );
    assert_eq!(by_id.get("out_trade_no"), Some("9900000000"));

    assert_eq!(
        refused(&bench.order(|_| {})),
        ("signed", "ORDERPAID".into())
    );
    assert_eq!(
        refused(&bench.close("9900000000")),
        ("signed", "ORDERPAID".into())
    );

    let due = bench.sandbox.due(bench.now_ms);
    assert_eq!(due.len(), 1, "one payment, one notice");
    let notice = Notice::read(due[0].body.as_bytes(), &Secret::new(KEY), SignType::Md5).unwrap();
    assert_eq!(due[0].url, "http://127.0.0.1:9000/notify");
    assert_eq!(notice.payment.out_trade_no, "9900000000");
    assert_eq!(notice.payment.money.amount_minor(), 888);
    assert_eq!(notice.device_info.as_deref(), Some("WEB"));
}

#[test]
fn a_closed_order_stays_closed() {
    let mut bench = Bench::new();
    assert_eq!(
        refused(&bench.close("9900000000")),
        ("signed", "ORDERNOTEXIST".into())
    );
    assert_eq!(
        refused(&bench.query("9900000000")),
        ("signed", "ORDERNOTEXIST".into())
    );
    bench.order(|_| {});
    assert_eq!(refused(&bench.close("9900000000")).0, "done");
    assert_eq!(
        refused(&bench.close("9900000000")),
        ("signed", "ORDERCLOSED".into())
    );
    assert_eq!(bench.query("9900000000").get("trade_state"), Some("CLOSED"));
    assert_eq!(
        refused(&bench.order(|_| {})),
        ("signed", "ORDERCLOSED".into())
    );
    assert_eq!(bench.pay("9900000000")["reason"], "ORDERCLOSED");
}

#[test]
fn another_merchants_order_does_not_exist() {
    let mut bench = Bench::new();
    bench.order(|_| {});
    bench.pay("9900000000");
    let paid = bench.query("9900000000");
    let other = bench.control(
        "/sandbox/merchants",
        &json!({"appid": APPID, "key": "another-key"}),
    );
    let transaction_id = paid.get("transaction_id").unwrap();
    let xml = Fields::new()
        .with("appid", APPID)
        .with("mch_id", other["mch_id"].as_str().unwrap())
        .with("nonce_str", "n")
        .with("transaction_id", transaction_id)
        .sealed(&Secret::new("another-key"), SignType::Md5)
        .to_xml();
    let answer = bench.post("/pay/orderquery", xml.as_bytes());
    assert_eq!(answer.get("err_code"), Some("ORDERNOTEXIST"));
}

#[test]
fn an_expired_order_cannot_be_paid_and_is_not_closed_by_itself() {
    let mut bench = Bench::new();
    let made = bench.order(|fields| fields.set("time_expire", "20231115062320"));
    let code_url = made.get("code_url").unwrap().to_owned();
    bench.now_ms += 600_000;
    let scan = json!({"code_url": code_url, "payer": "bob", "action": "pay"});
    assert_eq!(bench.control("/sandbox/scan", &scan)["reason"], "EXPIRED");
    assert_eq!(bench.query("9900000000").get("trade_state"), Some("NOTPAY"));
    assert_eq!(
        refused(&bench.order(|_| {})),
        ("signed", "ORDERCLOSED".into())
    );
    assert_eq!(refused(&bench.close("9900000000")).0, "done");
}

#[test]
fn an_institution_answers_in_hmac_for_its_sub_merchant() {
    let mut bench = Bench::new();
    let (appid, sub_appid) = ("wx5a11d0b0c0ffee02", "wx5a11d0b0c0ffee03");
    let key = Secret::new("weceive-sandbox-inst-key-0000002");
    let fields = |sub_mch_id: &str| {
        let mut fields = order_fields();
        fields.set("appid", appid);
        fields.set("mch_id", "1900000110");
        fields.set("sign_type", "HMAC-SHA256");
        fields.set("fee_type", "USD");
        fields.set("sub_mch_id", sub_mch_id);
        fields.set("sub_appid", sub_appid);
        fields.set("trade_type", "JSAPI");
        fields.set("sub_openid", Payer::Bob.openid(sub_appid));
        fields
    };
    let mut send = |path: &str, fields: Fields| {
        let xml = fields.sealed(&key, SignType::HmacSha256).to_xml();
        let answer = bench.post(path, xml.as_bytes());
        if answer.get("return_code") == Some("SUCCESS") {
            assert_eq!(answer.verify(&key, SignType::HmacSha256), Ok(()));
        }
        answer
    };
    let no_sub = {
        let mut fields = fields("1900000111");
        fields.remove("sub_mch_id");
        send("/pay/unifiedorder", fields)
    };
    assert_eq!(no_sub.get("err_code"), Some("LACK_PARAMS"));
    let unknown = send("/pay/unifiedorder", fields("1900000999"));
    assert_eq!(unknown.get("err_code"), Some("PARAM_ERROR"));
    let unbound = send("/pay/unifiedorder", fields("1900000112"));
    assert_eq!(unbound.get("err_code"), Some("APPID_MCHID_NOT_MATCH"));
    let made = send("/pay/unifiedorder", fields("1900000111"));
    assert_eq!(made.get("sub_mch_id"), Some("1900000111"));
    assert_eq!(made.get("sub_appid"), Some(sub_appid));

    let package = invoke::jsapi(
        sub_appid,
        made.get("prepay_id").unwrap(),
        1_700_000_000,
        "nonce",
        &key,
        SignType::HmacSha256,
    );
    let body = json!({"payer": "bob", "package": package, "action": "pay"});
    let paid = bench.control("/sandbox/bridge", &body);
    assert_eq!(paid["err_msg"], "get_brand_wcpay_request:ok", "{paid}");
    let due = bench.sandbox.due(bench.now_ms);
    let notice = Notice::read(due[0].body.as_bytes(), &key, SignType::HmacSha256).unwrap();
    assert_eq!(notice.payment.openid, Some(Payer::Bob.openid(appid)));
    assert_eq!(
        notice.payment.sub_openid,
        Some(Payer::Bob.openid(sub_appid))
    );
    assert_eq!(notice.payment.sub_is_subscribe.as_deref(), Some("N"));
}
