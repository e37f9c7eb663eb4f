//! The payer's side: the bridge, the scanner, the H5 page.

use super::*;

#[test]
fn the_bridge_refuses_by_name() {
    let mut bench = Bench::new();
    let package = jsapi_order(&mut bench);
    let with = |name: &str, value: Value| {
        let mut package = package.clone();
        package[name] = value;
        package
    };
    let resigned = |name: &str, value: &str| {
        let fields = ["appId", "timeStamp", "nonceStr", "package", "signType"]
            .into_iter()
            .fold(Fields::new(), |fields, name| {
                fields.with(name, package[name].as_str().unwrap())
            })
            .with(name, value);
        let sign = fields.sign(&Secret::new(KEY), SignType::Md5);
        let mut package = package.clone();
        package[name] = value.into();
        package["paySign"] = sign.into();
        package
    };
    let missing = {
        let mut package = package.clone();
        package.as_object_mut().unwrap().remove("nonceStr");
        package
    };
    for (package, payer, reason) in [
        (missing, "alice", "MISSING_PARAMETER"),
        (with("appId", json!("")), "alice", "MISSING_PARAMETER"),
        (
            with("timeStamp", json!(1_700_000_000)),
            "alice",
            "NOT_A_STRING",
        ),
        (with("timeStamp", json!("now")), "alice", "TIMESTAMP_FORMAT"),
        (
            with("nonceStr", json!("n".repeat(33))),
            "alice",
            "NONCE_TOO_LONG",
        ),
        (
            with("package", json!("prepay_id=")),
            "alice",
            "PACKAGE_FORMAT",
        ),
        (with("package", json!("wx123")), "alice", "PACKAGE_FORMAT"),
        (
            with("package", json!("prepay_id=wx1")),
            "alice",
            "UNKNOWN_PREPAY_ID",
        ),
        (
            resigned("appId", "wx5a11d0b0c0ffee02"),
            "alice",
            "APPID_MISMATCH",
        ),
        (
            with("signType", json!("HMAC-SHA256")),
            "alice",
            "SIGN_TYPE_MISMATCH",
        ),
        (
            with("paySign", json!("0".repeat(32))),
            "alice",
            "PAY_SIGN_MISMATCH",
        ),
        (with("nonceStr", json!("m")), "alice", "PAY_SIGN_MISMATCH"),
        (package.clone(), "bob", "PAYER_MISMATCH"),
    ] {
        let body = json!({"payer": payer, "package": package, "action": "pay"});
        let verdict = bench.control("/sandbox/bridge", &body);
        assert_eq!(verdict["reason"], reason, "{verdict}");
        assert_eq!(verdict["ok"], false);
        assert_eq!(verdict["err_msg"], "get_brand_wcpay_request:fail");
        assert_ne!(verdict["err_desc"], "");
    }
    assert_eq!(bench.query("9900000000").get("trade_state"), Some("NOTPAY"));

    let shown = bench.control(
        "/sandbox/bridge",
        &json!({"payer": "alice", "package": package}),
    );
    assert_eq!(shown["sheet"]["merchant"], "Demo Tea House");
    assert_eq!(shown["sheet"]["amount"], "HK$8.88");

    let pay = json!({"payer": "alice", "package": package, "action": "pay"});
    bench.now_ms += 2 * 3600 * 1000;
    assert_eq!(bench.control("/sandbox/bridge", &pay)["reason"], "EXPIRED");
    bench.now_ms -= 1;
    assert_eq!(bench.control("/sandbox/bridge", &pay)["ok"], true);
    assert_eq!(
        bench.control("/sandbox/bridge", &pay)["reason"],
        "ORDERPAID"
    );
}

#[test]
fn the_bridge_checks_the_page_and_the_trade_type() {
    let mut bench = Bench::new();
    let directory = "http://127.0.0.1:8787/pay/";
    bench.control(
        "/sandbox/merchants/1900000109",
        &json!({"jsapi_directories": [directory]}),
    );
    let package = jsapi_order(&mut bench);
    let ask = |page_url: &str| json!({"payer": "alice", "package": package, "page_url": page_url});
    let verdict = bench.control("/sandbox/bridge", &ask("http://127.0.0.1:8787/"));
    assert_eq!(verdict["reason"], "DIRECTORY_NOT_REGISTERED");
    let verdict = bench.control("/sandbox/bridge", &ask("http://127.0.0.1:8787/pay/?s=1"));
    assert_eq!(verdict["ok"], true);

    // In the phone the page's address is mapped back first.
    let mut on_page = |path: &str| {
        let body = json!({"package": package, "page_url":
            format!("http://p8787-alice.phone.localhost:8788{path}")});
        let request = Request::post("http://p8787-alice.phone.localhost:8788/__phone/bridge")
            .header("host", "p8787-alice.phone.localhost:8788")
            .body(body.to_string().into_bytes())
            .unwrap();
        let answer = bench.send(&request);
        serde_json::from_slice::<Value>(answer.body()).unwrap()
    };
    assert_eq!(on_page("/pay/?s=1")["ok"], true);
    assert_eq!(on_page("/other/")["reason"], "DIRECTORY_NOT_REGISTERED");

    let native = bench.order(|fields| fields.set("out_trade_no", "native"));
    let key = Secret::new(KEY);
    let prepay_id = native.get("prepay_id").unwrap();
    let package = invoke::jsapi(APPID, prepay_id, 1, "n", &key, SignType::Md5);
    let verdict = bench.control(
        "/sandbox/bridge",
        &json!({"payer": "alice", "package": package, "page_url": directory}),
    );
    assert_eq!(verdict["reason"], "TRADE_TYPE_MISMATCH");
}

#[test]
fn a_payer_without_money_cannot_pay() {
    let mut bench = Bench::new();
    let made = bench.order(|_| {});
    let scan = json!({"code_url": made.get("code_url"), "payer": "carol", "action": "pay"});
    assert_eq!(bench.control("/sandbox/scan", &scan)["reason"], "NOTENOUGH");
    assert_eq!(bench.query("9900000000").get("trade_state"), Some("NOTPAY"));
    let made = bench.order(|fields| {
        fields.set("out_trade_no", "cheap");
        fields.set("total_fee", "100");
    });
    let scan = json!({"code_url": made.get("code_url"), "payer": "carol", "action": "pay"});
    assert_eq!(bench.control("/sandbox/scan", &scan)["ok"], true);
}

#[test]
fn h5_is_paid_on_its_own_page() {
    let mut bench = Bench::new();
    let made = bench.order(|fields| {
        fields.set("trade_type", "MWEB");
        fields.set("scene_info", r#"{"h5_info":{"type":"Wap"}}"#);
    });
    let mweb_url = made.get("mweb_url").unwrap().to_owned();
    let path = mweb_url
        .strip_prefix("http://127.0.0.1:8788")
        .unwrap()
        .to_owned();
    let page = bench.ask(Method::GET, &path, b"");
    assert!(String::from_utf8_lossy(page.body()).contains("HK$8.88"));
    let (path, query) = path.split_once('?').unwrap();
    let form = format!("{query}&payer=bob&redirect_url=http%3A%2F%2F127.0.0.1%3A1%2Fback");
    let answer = bench.ask(Method::POST, path, form.as_bytes());
    assert_eq!(answer.headers()["location"], "http://127.0.0.1:1/back");
    assert_eq!(
        bench.query("9900000000").get("trade_state"),
        Some("SUCCESS")
    );
}

/// An APP order, and the package that its app hands to WeChat's SDK.
fn app_order(bench: &mut Bench) -> Value {
    let made = bench.order(|fields| fields.set("trade_type", "APP"));
    let prepay_id = made.get("prepay_id").unwrap();
    let key = Secret::new(KEY);
    let package = invoke::app(
        APPID,
        MCH_ID,
        prepay_id,
        1_700_000_000,
        "n",
        &key,
        SignType::Md5,
    );
    serde_json::to_value(package).unwrap()
}

fn in_the_app(bench: &mut Bench, package: &Value, action: &str) -> Value {
    let mut body = json!({"payer": "alice", "package": package});
    if !action.is_empty() {
        body["action"] = action.into();
    }
    bench.control("/sandbox/app", &body)
}

#[test]
fn an_app_pays_with_its_package_and_reads_0_minus_1_or_minus_2() {
    let mut bench = Bench::new();
    let package = app_order(&mut bench);
    let shown = in_the_app(&mut bench, &package, "");
    assert_eq!(shown["sheet"]["amount_minor"], 888, "{shown}");
    assert_eq!(shown["errCode"], Value::Null);
    for (action, err_code, state) in [
        ("cancel", -2, "NOTPAY"),
        ("fail", -1, "NOTPAY"),
        ("pay", 0, "SUCCESS"),
        ("pay", -1, "SUCCESS"),
    ] {
        let said = in_the_app(&mut bench, &package, action);
        assert_eq!(said["errCode"], err_code, "{action}: {said}");
        assert_eq!(bench.query("9900000000").get("trade_state"), Some(state));
    }
}

#[test]
fn an_app_package_is_verified_as_the_app_would() {
    for (field, value, reason) in [
        ("appid", json!("wx5a11d0b0c0ffee02"), "APPID_MISMATCH"),
        ("partnerid", json!("1900000110"), "PARTNER_MISMATCH"),
        ("prepayid", json!("wx1"), "UNKNOWN_PREPAY_ID"),
        ("package", json!("Sign=WXPAY"), "PACKAGE_FORMAT"),
        ("noncestr", json!("n".repeat(33)), "NONCE_TOO_LONG"),
        ("noncestr", json!("other"), "SIGN_MISMATCH"),
        ("timestamp", json!("soon"), "TIMESTAMP_FORMAT"),
        ("timestamp", json!(1_700_000_000), "NOT_A_STRING"),
        ("sign", json!("0"), "SIGN_MISMATCH"),
        ("sign", Value::Null, "MISSING_PARAMETER"),
    ] {
        let mut bench = Bench::new();
        let mut package = app_order(&mut bench);
        package[field] = value.clone();
        let said = in_the_app(&mut bench, &package, "pay");
        assert_eq!(said["reason"], reason, "{field}={value}: {said}");
        assert_eq!(said["errCode"], -1);
        assert_eq!(bench.query("9900000000").get("trade_state"), Some("NOTPAY"));
    }
}

#[test]
fn an_app_package_starts_no_other_kind_of_order() {
    let mut bench = Bench::new();
    let made = bench.order(|_| {});
    let prepay_id = made.get("prepay_id").unwrap();
    let key = Secret::new(KEY);
    let package = invoke::app(APPID, MCH_ID, prepay_id, 1, "n", &key, SignType::Md5);
    let said = in_the_app(&mut bench, &serde_json::to_value(package).unwrap(), "pay");
    assert_eq!(said["reason"], "TRADE_TYPE_MISMATCH", "{said}");
}
