//! The checks of a request, before and during the parsing by its call.

use super::*;

#[test]
fn a_request_is_refused_for_its_form() {
    let sealed = |fields: Fields| fields.sealed(&Secret::new(KEY), SignType::Md5).to_xml();
    let good = sealed(order_fields());
    let as_other = |name: &str, value: &str| sealed(order_fields().with(name, value));
    let without = |name: &str| {
        let mut fields = order_fields();
        fields.remove(name);
        sealed(fields)
    };
    let mut gbk = good.clone().into_bytes();
    gbk.extend([0xC4, 0xE3]);
    let mut unsigned = order_fields().with("sign", "x");
    unsigned.remove("sign");
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "POST_DATA_EMPTY"),
        (b" \n ".to_vec(), "POST_DATA_EMPTY"),
        (gbk, "NOT_UTF8"),
        (
            b"<?xml version=\"1.0\" encoding=\"GBK\"?><xml><a>1</a></xml>".to_vec(),
            "NOT_UTF8",
        ),
        (b"{\"appid\":1}".to_vec(), "XML_FORMAT_ERROR"),
        (b"<xml><appid>1</xml>".to_vec(), "XML_FORMAT_ERROR"),
        (
            b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><xml><a>&e;</a></xml>".to_vec(),
            "XML_FORMAT_ERROR",
        ),
        (b"<xml><a>1</a><a>2</a></xml>".to_vec(), "XML_FORMAT_ERROR"),
        (b"<xml></xml>".to_vec(), "LACK_PARAMS"),
        (without("appid").into(), "LACK_PARAMS"),
        (without("mch_id").into(), "LACK_PARAMS"),
        (without("nonce_str").into(), "LACK_PARAMS"),
        (unsigned.to_xml().into(), "LACK_PARAMS"),
        (without("body").into(), "LACK_PARAMS"),
        (without("out_trade_no").into(), "LACK_PARAMS"),
        (without("total_fee").into(), "LACK_PARAMS"),
        (without("spbill_create_ip").into(), "LACK_PARAMS"),
        (without("notify_url").into(), "LACK_PARAMS"),
        (without("trade_type").into(), "LACK_PARAMS"),
        (as_other("body", "").into(), "LACK_PARAMS"),
        (as_other("trade_type", "JSAPI").into(), "LACK_PARAMS"),
        (as_other("trade_type", "MWEB").into(), "LACK_PARAMS"),
        (as_other("mch_id", "1900000999").into(), "MCHID_NOT_EXIST"),
        (
            as_other("appid", "wx0000000000000000").into(),
            "APPID_NOT_EXIST",
        ),
        (
            as_other("appid", "wx5a11d0b0c0ffee02").into(),
            "APPID_MCHID_NOT_MATCH",
        ),
        (
            order_fields().with("sign", "0".repeat(32)).to_xml().into(),
            "SIGNERROR",
        ),
        (good.replace("888", "1").into(), "SIGNERROR"),
        (
            order_fields()
                .sealed(&Secret::new("another key"), SignType::Md5)
                .to_xml()
                .into(),
            "SIGNERROR",
        ),
        (
            // HMAC must be declared.
            order_fields()
                .sealed(&Secret::new(KEY), SignType::HmacSha256)
                .to_xml()
                .into(),
            "SIGNERROR",
        ),
        (as_other("sign_type", "md5").into(), "PARAM_ERROR"),
        (as_other("sign_type", "RSA").into(), "PARAM_ERROR"),
        (as_other("nonce_str", &"x".repeat(33)).into(), "PARAM_ERROR"),
        (as_other("body", &"x".repeat(129)).into(), "PARAM_ERROR"),
        (as_other("attach", &"x".repeat(129)).into(), "PARAM_ERROR"),
        (
            as_other("out_trade_no", &"9".repeat(33)).into(),
            "PARAM_ERROR",
        ),
        (as_other("out_trade_no", "a b").into(), "PARAM_ERROR"),
        (as_other("total_fee", "0").into(), "PARAM_ERROR"),
        (as_other("total_fee", "-1").into(), "PARAM_ERROR"),
        (as_other("total_fee", "1.5").into(), "PARAM_ERROR"),
        (as_other("total_fee", "2147483648").into(), "PARAM_ERROR"),
        (as_other("fee_type", "XXX").into(), "PARAM_ERROR"),
        (as_other("fee_type", "hkd").into(), "PARAM_ERROR"),
        (
            as_other("spbill_create_ip", "localhost").into(),
            "PARAM_ERROR",
        ),
        (as_other("notify_url", "ftp://x/").into(), "PARAM_ERROR"),
        (as_other("trade_type", "native").into(), "PARAM_ERROR"),
        (as_other("trade_type", "MICROPAY").into(), "PARAM_ERROR"),
        (as_other("time_expire", "2023-11-15").into(), "PARAM_ERROR"),
    ];
    let mut bench = Bench::new();
    for (body, code) in cases {
        let answer = bench.post("/pay/unifiedorder", &body);
        let sent = String::from_utf8_lossy(&body);
        assert_eq!(refused(&answer), ("unsigned", code.to_owned()), "{sent}");
    }
    let orders = bench.look("/sandbox/orders");
    assert_eq!(orders, json!({ "orders": [] }), "nothing was stored");

    let answer = bench.ask(Method::GET, "/pay/unifiedorder", good.as_bytes());
    let answer = Fields::parse(answer.body()).unwrap();
    assert_eq!(refused(&answer), ("unsigned", "REQUIRE_POST_METHOD".into()));
    assert_eq!(bench.ask(Method::POST, "/pay/nothing", b"").status(), 404);
    let huge = vec![b' '; MAX_BODY_BYTES + 1];
    assert_eq!(
        bench.ask(Method::POST, "/pay/unifiedorder", &huge).status(),
        413
    );
}

#[test]
fn a_missing_field_is_named() {
    let mut bench = Bench::new();
    let mut fields = order_fields();
    fields.remove("notify_url");
    let answer = bench.call("/pay/unifiedorder", fields);
    assert_eq!(answer.get("return_msg"), Some("缺少参数 notify_url"));
    let answer = bench.call("/pay/orderquery", ids());
    assert_eq!(answer.get("err_code"), Some("LACK_PARAMS"));
    assert_eq!(answer.get("return_msg"), Some("缺少参数 out_trade_no"));
    let answer = bench.order(|fields| fields.set("total_fee", "1.5"));
    assert!(answer.get("return_msg").unwrap().contains("total_fee"));
}

#[test]
fn a_document_is_read_as_libraries_write_it() {
    let mut bench = Bench::new();
    let signed = order_fields()
        .with("profit_sharing", "N")
        .sealed(&Secret::new(KEY), SignType::Md5);
    let mut pretty = String::from("<xml>\r\n");
    for (name, value) in signed.iter() {
        pretty += &format!("\t<{name}>\n\t\t<![CDATA[{value}]]>\n\t</{name}>\r\n");
    }
    pretty += "</xml>\n";
    for head in [
        "",
        "\u{feff}",
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n",
        "<?xml version='1.0' encoding='utf-8'?>",
    ] {
        let answer = bench.post("/pay/unifiedorder", format!("{head}{pretty}").as_bytes());
        assert_eq!(refused(&answer).0, "done", "{head}");
    }
}

#[test]
fn j1_an_openid_belongs_to_its_appid() {
    let mut bench = Bench::new();
    let mut jsapi = |openid: String| {
        bench.order(|fields| {
            fields.set("trade_type", "JSAPI");
            fields.set("openid", openid);
        })
    };
    let others = jsapi(Payer::Alice.openid("wx5a11d0b0c0ffee02"));
    assert_eq!(refused(&others), ("unsigned", "PARAM_ERROR".into()));
    assert_eq!(others.get("return_msg"), Some("appid and openid not match"));
    let nobodys = jsapi("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".into());
    assert_eq!(nobodys.get("return_msg"), Some("无效的openid"));
    assert_eq!(refused(&jsapi(alice())).0, "done");
}

#[test]
fn a_request_is_refused_for_what_it_asks() {
    let mut bench = Bench::new();
    let answer = bench.order(|fields| fields.set("fee_type", "USD"));
    assert_eq!(refused(&answer), ("signed", "PARAM_ERROR".into()));
    bench.control(
        "/sandbox/merchants/1900000109",
        &json!({"trade_types": ["JSAPI"]}),
    );
    let answer = bench.order(|_| {});
    assert_eq!(refused(&answer), ("signed", "NOAUTH".into()));
    bench.control(
        "/sandbox/merchants/1900000109",
        &json!({"trade_types": ["NATIVE"]}),
    );
    let answer = bench.order(|fields| fields.set("sub_mch_id", "1900000111"));
    assert_eq!(refused(&answer), ("signed", "PARAM_ERROR".into()));
    // 2023-11-15 06:13:20 China time is the current time of the test.
    let answer = bench.order(|fields| fields.set("time_expire", "20231115061819"));
    assert_eq!(refused(&answer), ("unsigned", "PARAM_ERROR".into()));
    let answer = bench.order(|fields| fields.set("time_expire", "20231115061820"));
    assert_eq!(refused(&answer).0, "done");
}

#[test]
fn a_report_needs_no_appid_and_names_the_right_one_if_any() {
    let report = || {
        let mut fields = ids()
            .with(
                "interface_url",
                "https://api.mch.weixin.qq.com/pay/orderquery",
            )
            .with("execute_time", "12")
            .with("return_code", "SUCCESS")
            .with("result_code", "SUCCESS")
            .with("user_ip", "8.8.8.8");
        fields.remove("appid");
        fields
    };
    let mut bench = Bench::new();
    let told = bench.call("/payitil/report", report());
    assert_eq!(told.get("return_code"), Some("SUCCESS"), "{told:?}");
    let kept = bench.look("/sandbox/reports");
    assert_eq!(kept["reports"][0]["fields"]["user_ip"], "8.8.8.8");
    let other = report().with("appid", "wx5a11d0b0c0ffee02");
    let told = bench.call("/payitil/report", other);
    assert_eq!(refused(&told), ("unsigned", "APPID_MCHID_NOT_MATCH".into()));
    let mut order = order_fields();
    order.remove("appid");
    let told = bench.call("/pay/unifiedorder", order);
    assert_eq!(refused(&told), ("unsigned", "LACK_PARAMS".into()));
}
