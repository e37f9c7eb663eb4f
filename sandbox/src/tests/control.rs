//! Sandbox modes, OAuth, storage, control calls, and malformed requests.

use super::*;

#[test]
fn a_library_in_sandbox_mode_is_served() {
    let mut bench = Bench::new();
    let ask = |key: &str| {
        let fields = Fields::new().with("mch_id", MCH_ID).with("nonce_str", "n");
        fields.sealed(&Secret::new(key), SignType::Md5).to_xml()
    };
    for path in [
        "/sandboxnew/pay/getsignkey",
        "/xdc/apiv2getsignkey/sign/getsignkey",
    ] {
        let answer = bench.post(path, ask(KEY).as_bytes());
        assert_eq!(answer.get("sandbox_signkey"), Some(KEY));
        let answer = bench.post(path, ask("another").as_bytes());
        assert_eq!(refused(&answer), ("unsigned", "SIGNERROR".into()));
    }
    let made = bench.call("/sandboxnew/pay/unifiedorder", order_fields());
    assert_eq!(refused(&made).0, "done");
    let query = ids().with("out_trade_no", "9900000000");
    let told = bench.call("/xdc/apiv2sandbox/pay/orderquery", query);
    assert_eq!(told.get("trade_state"), Some("NOTPAY"));
}

#[test]
fn a_mini_programs_login_gives_an_openid_once() {
    let mut bench = Bench::new();
    let mini = "wx5a11d0b0c0ffee11";
    let secret = "5ec3e7000000000000000000c0ffee11";
    let login = |bench: &mut Bench, appid: &str| {
        let body = json!({"payer": "carol", "appid": appid}).to_string();
        let answer = bench.ask(Method::POST, "/sandbox/login", body.as_bytes());
        serde_json::from_slice::<Value>(answer.body()).unwrap()
    };
    let ask = |bench: &mut Bench, call: &str, appid: &str, secret: &str, code: &Value| {
        let code = code.as_str().unwrap();
        let path = format!(
            "/sns/{call}={code}&appid={appid}&secret={secret}&grant_type=authorization_code"
        );
        let answer = bench.ask(Method::GET, &path, b"");
        serde_json::from_slice::<Value>(answer.body()).unwrap()
    };
    let session = "jscode2session?js_code";
    // An official account is not a Mini Program.
    assert_eq!(login(&mut bench, APPID)["code"], "NOT_FOUND");

    let code = login(&mut bench, mini)["code"].clone();
    for (call, appid, secret, errcode) in [
        (session, APPID, APP_SECRET, 40013),
        (session, mini, "wrong", 40125),
        // A code of another Mini Program, and a code for the other call.
        (
            session,
            "wx5a11d0b0c0ffee12",
            "5ec3e7000000000000000000c0ffee12",
            40029,
        ),
        ("oauth2/access_token?code", mini, secret, 40029),
    ] {
        let answer = ask(&mut bench, call, appid, secret, &code);
        assert_eq!(answer["errcode"], errcode, "{call} {appid}");
    }
    let answer = ask(&mut bench, session, mini, secret, &code);
    assert_eq!(answer["openid"], Payer::Carol.openid(mini));
    assert!(answer["session_key"].is_string());
    let again = ask(&mut bench, session, mini, secret, &code);
    assert_eq!(again["errcode"], 40163);

    let late = login(&mut bench, mini)["code"].clone();
    bench.now_ms += 5 * 60 * 1000;
    let answer = ask(&mut bench, session, mini, secret, &late);
    assert_eq!(answer["errcode"], 40029);
}

#[test]
fn oauth_gives_an_openid_once() {
    let mut bench = Bench::new();
    let authorize = "/connect/oauth2/authorize?appid=wx5a11d0b0c0ffee01&redirect_uri=http%3A%2F%2F127.0.0.1%3A8787%2Fback%3Fx%3D1&response_type=code&scope=snsapi_base&state=s%201";
    let outside = bench.ask(Method::GET, authorize, b"");
    assert!(String::from_utf8_lossy(outside.body()).contains("Open this link in WeChat"));
    let code = |bench: &mut Bench| {
        let request = Request::get(format!("http://127.0.0.1:8788{authorize}"))
            .header("x-sandbox-payer", "bob")
            .body(Vec::new())
            .unwrap();
        let answer = bench.send(&request);
        assert_eq!(answer.status(), 302);
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        let code = location
            .strip_prefix("http://127.0.0.1:8787/back?x=1&code=")
            .unwrap();
        code.strip_suffix("&state=s%201").unwrap().to_owned()
    };
    let token = |bench: &mut Bench, appid: &str, secret: &str, code: &str| {
        let path = format!(
            "/sns/oauth2/access_token?appid={appid}&secret={secret}&code={code}&grant_type=authorization_code"
        );
        let answer = bench.ask(Method::GET, &path, b"");
        assert_eq!(
            answer.headers()["content-type"],
            "text/plain; charset=utf-8"
        );
        serde_json::from_slice::<Value>(answer.body()).unwrap()
    };
    let first = code(&mut bench);
    let other = "wx5a11d0b0c0ffee02";
    for (appid, secret, code, errcode) in [
        ("wx0000000000000000", APP_SECRET, first.as_str(), 40013),
        (APPID, "wrong", first.as_str(), 40125),
        (APPID, APP_SECRET, "never", 40029),
        (
            other,
            "5ec3e7000000000000000000c0ffee02",
            first.as_str(),
            40029,
        ),
        (APPID, APP_SECRET, "", 41008),
    ] {
        assert_eq!(token(&mut bench, appid, secret, code)["errcode"], errcode);
    }
    let answer = token(&mut bench, APPID, APP_SECRET, &first);
    assert_eq!(answer["openid"], Payer::Bob.openid(APPID));
    assert_eq!(answer["scope"], "snsapi_base");
    assert_eq!(
        token(&mut bench, APPID, APP_SECRET, &first)["errcode"],
        40163
    );

    let late = code(&mut bench);
    bench.now_ms += 5 * 60 * 1000;
    assert_eq!(
        token(&mut bench, APPID, APP_SECRET, &late)["errcode"],
        40029
    );
}

#[test]
fn stored_rows_load_to_the_same_state() {
    let mut bench = Bench::new();
    bench.order(|_| {});
    bench.pay("9900000000");
    bench.order(|fields| fields.set("out_trade_no", "second"));
    bench.control(
        "/sandbox/merchants",
        &json!({"name": "New", "mch_id": "1600000000"}),
    );
    let refund = ids()
        .with("out_trade_no", "9900000000")
        .with("out_refund_no", "r1")
        .with("total_fee", "888")
        .with("refund_fee", "1");
    bench.call("/secapi/pay/refund", refund);
    bench.control(
        "/sandbox/paycode",
        &json!({"payer": "bob", "behaviour": "pays"}),
    );
    let long_url = "weixin://wxpay/bizpayurl?pr=x";
    bench.call("/tools/shorturl", ids().with("long_url", long_url));
    bench.control("/sandbox/time", &json!({"advance_seconds": 10}));
    let rows: Vec<(String, String)> = bench
        .sandbox
        .take_changes()
        .into_iter()
        .filter_map(|(key, json)| Some((key, json?)))
        .collect();
    assert!(bench.sandbox.take_changes().is_empty(), "written once");
    bench.query("second");
    assert!(
        bench.sandbox.take_changes().is_empty(),
        "a query changes nothing"
    );

    let paths = [
        "/sandbox/orders",
        "/sandbox/refunds",
        "/sandbox/notices",
        "/sandbox/merchants",
        "/sandbox/time",
    ];
    let before: Vec<Value> = paths.iter().map(|path| bench.look(path)).collect();
    bench.sandbox = Sandbox::load(settings(), rows.clone()).unwrap();
    let after: Vec<Value> = paths.iter().map(|path| bench.look(path)).collect();
    assert_eq!(before, after);
    assert!(
        bench.sandbox.take_changes().is_empty(),
        "nothing to write back"
    );
    assert_eq!(
        bench.sandbox.due(bench.now_ms).len(),
        1,
        "the notice is still due"
    );

    bench.now_ms += 10_000;
    assert_eq!(bench.sandbox.next_due_ms(), Some(bench.now_ms));
    bench.sandbox.due(bench.now_ms);
    assert_eq!(
        bench.look("/sandbox/refunds")["refunds"][0]["refund_status"],
        "SUCCESS"
    );

    bench.control("/sandbox/reset", &json!({}));
    let deleted = bench.sandbox.take_changes();
    let is_gone = |key: &str| deleted.iter().any(|(k, json)| k == key && json.is_none());
    for (key, _) in rows.iter().filter(|(key, _)| !key.starts_with("world/")) {
        assert!(is_gone(key) || key.starts_with("merchant/19"), "{key}");
    }
}

#[test]
fn bad_control_input_is_answered_with_the_field() {
    let mut bench = Bench::new();
    for (path, body, code, field) in [
        (
            "/sandbox/merchants",
            json!({"fee_type": "hkd"}),
            "BAD_FIELD",
            json!("fee_type"),
        ),
        (
            "/sandbox/merchants",
            json!({"mch_id": 5}),
            "BAD_FIELD",
            json!("mch_id"),
        ),
        (
            "/sandbox/merchants",
            json!({"trade_types": ["X"]}),
            "BAD_FIELD",
            json!("trade_types"),
        ),
        (
            "/sandbox/merchants",
            json!({"nmae": "x"}),
            "BAD_FIELD",
            json!("nmae"),
        ),
        (
            "/sandbox/merchants",
            json!({"sub_merchants": [{"sub_appid": "x"}]}),
            "BAD_FIELD",
            json!("sub_merchants[0].sub_appid"),
        ),
        (
            "/sandbox/merchants",
            json!({"mch_id": MCH_ID}),
            "EXISTS",
            json!("mch_id"),
        ),
        ("/sandbox/merchants", json!([]), "BAD_JSON", Value::Null),
        ("/sandbox/merchants/1", json!({}), "NOT_FOUND", Value::Null),
        (
            "/sandbox/scan",
            json!({"payer": "alice"}),
            "BAD_FIELD",
            json!("code_url"),
        ),
        (
            "/sandbox/scan",
            json!({"code_url": "x", "payer": "eve"}),
            "BAD_FIELD",
            json!("payer"),
        ),
        (
            "/sandbox/bridge",
            json!({"payer": "alice"}),
            "BAD_FIELD",
            json!("package"),
        ),
        (
            "/sandbox/time",
            json!({"advance_seconds": -1}),
            "BAD_FIELD",
            json!("advance_seconds"),
        ),
        (
            "/sandbox/faults",
            json!({"duplicate_notices": 99}),
            "BAD_FIELD",
            json!("duplicate_notices"),
        ),
        (
            "/sandbox/faults",
            json!({"fail_next": {"path": "/x"}}),
            "BAD_FIELD",
            json!("fail_next.path"),
        ),
        (
            "/sandbox/faults",
            json!({"require_certificate": "yes"}),
            "BAD_FIELD",
            json!("require_certificate"),
        ),
        (
            "/sandbox/paycode",
            json!({"payer": "alice", "behaviour": "explodes"}),
            "BAD_FIELD",
            json!("behaviour"),
        ),
        (
            "/sandbox/paycode",
            json!({"payer": "alice", "amount": 1}),
            "BAD_FIELD",
            json!("amount"),
        ),
        (
            "/sandbox/refunds/1900000109/r",
            json!({"status": "SUCCESS"}),
            "NOT_FOUND",
            Value::Null,
        ),
        (
            "/sandbox/refunds/1900000109/r",
            json!({"status": "success"}),
            "BAD_FIELD",
            json!("status"),
        ),
        (
            "/sandbox/merchants/1900000109",
            json!({"native_callback_url": "weixin://x"}),
            "BAD_FIELD",
            json!("native_callback_url"),
        ),
        (
            "/sandbox/merchants/1900000109",
            json!({"funds": {"hkd": 1}}),
            "BAD_FIELD",
            json!("funds.hkd"),
        ),
        (
            "/sandbox/shop",
            json!({"api_base": "x"}),
            "BAD_FIELD",
            json!("api_base"),
        ),
        ("/sandbox/nothing", json!({}), "NOT_FOUND", Value::Null),
    ] {
        let answer = bench.control(path, &body);
        assert_eq!(answer["code"], code, "{path} {body}: {answer}");
        assert_eq!(answer["field"], field, "{path} {body}: {answer}");
    }
    let answer = bench.ask(Method::DELETE, "/sandbox/time", b"");
    assert_eq!(answer.status(), 405);
    let answer = bench.ask(Method::POST, "/sandbox/time", b"{");
    assert_eq!(answer.status(), 400);
}

/// Every request gets an answer. Inputs that resemble valid ones reach further
/// than random ones.
#[test]
fn no_request_causes_a_panic() {
    let mut bench = Bench::new();
    let made = jsapi_order(&mut bench);
    let good = order_fields()
        .sealed(&Secret::new(KEY), SignType::Md5)
        .to_xml();
    let seeds = [
        good,
        json!({"payer": "alice", "package": made, "action": "pay"}).to_string(),
        json!({"sub_merchants": [{"sub_appid": "wx1"}], "fee_type": "HKD"}).to_string(),
        json!({"advance_seconds": 31_622_400, "fail_next": {"path": "/pay/x"}}).to_string(),
        "product=1&id=0000000001&on=1&prepay_id=%".to_owned(),
    ];
    let paths = [
        "/pay/unifiedorder",
        "/pay/orderquery",
        "/pay/closeorder",
        "/pay/micropay",
        "/secapi/pay/reverse",
        "/secapi/pay/refund",
        "/pay/refundquery",
        "/pay/downloadbill",
        "/payitil/report",
        "/tools/shorturl",
        "/pay/settlementquery",
        "/pay/queryexchagerate",
        "/sandbox/paycode",
        "/sandbox/refunds/1900000109/r",
        "/sandboxnew/pay/getsignkey",
        "/sandbox/merchants",
        "/sandbox/merchants/1900000109",
        "/sandbox/scan",
        "/sandbox/bridge",
        "/sandbox/pay",
        "/sandbox/time",
        "/sandbox/faults",
        "/sandbox/shop",
        "/shop/checkout",
        "/shop/notify",
        "/shop/inbox",
        "/sandbox/orders/a/%ff|?limit=x",
        "/shop/thanks?no=%3Cb",
        "/cgi-bin/mmpayweb-bin/checkmweb",
        "/connect/oauth2/authorize?appid=%",
        "/sns/oauth2/access_token?",
        "/sns/jscode2session?appid=%",
        "/sandbox/login",
        "/v3/global/transactions/native",
        "/v3/pay/transactions/out-trade-no/%ff/close",
        "/v3/billdownload/file?token=..",
    ];
    let mut state = 7_u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..4000 {
        let mut body = seeds[next(seeds.len())].clone().into_bytes();
        for _ in 0..next(4) {
            let at = next(body.len());
            body[at] = u8::try_from(next(256)).unwrap();
        }
        body.truncate(next(body.len() * 2).min(body.len()));
        let path = paths[next(paths.len())];
        let method = [Method::POST, Method::GET][next(2)].clone();
        let answer = bench.ask(method, path, &body);
        assert!(
            answer.status().as_u16() < 500 || path == "/shop/checkout",
            "{path}"
        );
    }
}

#[test]
fn moved_time_warns_and_returns_to_the_real_time() {
    let mut bench = Bench::new();
    let moved = bench.control("/sandbox/time", &json!({"advance_seconds": 86_400}));
    assert_eq!(moved["ahead_seconds"], 86_400);
    let warning = moved["warning"].as_str().unwrap();
    assert!(warning.contains("{\"ahead_seconds\": 0}"), "{warning}");
    let bad = bench.control("/sandbox/time", &json!({"ahead_seconds": 5}));
    assert_eq!(bad["field"], "ahead_seconds", "{bad}");
    let back = bench.control("/sandbox/time", &json!({"ahead_seconds": 0}));
    assert_eq!(back["ahead_seconds"], 0);
    assert_eq!(back["now_ms"], bench.now_ms);
    assert_eq!(back["warning"], Value::Null);
    assert_eq!(bench.look("/sandbox/time"), back);
}
