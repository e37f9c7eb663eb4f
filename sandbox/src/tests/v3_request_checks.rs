//! The checks of an APIv3 request, in WeChat's order.

use super::v3::*;
use super::*;

fn sent_with_change(bench: &mut Bench, change: impl FnOnce(&mut Request<Vec<u8>>)) -> Told {
    let mut request = request(bench, MCH_ID, NATIVE, &global_order(|_| {}));
    change(&mut request);
    send(bench, &request)
}

fn set(request: &mut Request<Vec<u8>>, name: &'static str, value: &str) {
    let value = http::HeaderValue::from_str(value).unwrap();
    request.headers_mut().insert(name, value);
}

fn authorization(request: &Request<Vec<u8>>) -> String {
    request.headers()["authorization"]
        .to_str()
        .unwrap()
        .to_owned()
}

#[test]
fn authentication_is_checked_before_the_request() {
    let mut bench = Bench::new();
    let without = sent_with_change(&mut bench, |request| {
        request.headers_mut().remove("authorization");
    });
    assert_eq!((without.status, without.code()), (401, "SIGN_ERROR"));
    assert!(without.signature().is_err(), "no merchant to sign for");

    for (from, to, field) in [
        ("WECHATPAY2-SHA256-RSA2048", "Bearer", "authorization"),
        ("nonce_str=", "nonce=", "authorization"),
        ("mchid=\"1900000109\"", "mchid=\"1900000999\"", "mchid"),
        ("serial_no=\"5A", "serial_no=\"5B", "serial_no"),
        ("n0nce", "n1nce", "signature"),
    ] {
        let told = sent_with_change(&mut bench, |request| {
            let good = authorization(request);
            assert!(good.contains(from));
            set(request, "authorization", &good.replace(from, to));
        });
        assert_eq!((told.status, told.code()), (401, "SIGN_ERROR"), "{from}");
        assert_eq!(told.json["detail"]["field"], field, "{}", told.json);
    }
    let late = request(&mut bench, MCH_ID, NATIVE, &global_order(|_| {}));
    bench.now_ms += 301_000;
    let late = send(&mut bench, &late);
    assert_eq!(late.json["detail"]["field"], "timestamp");
}

#[test]
fn a_wrong_signature_is_answered_with_what_would_have_been_signed() {
    let mut bench = Bench::new();
    let told = sent_with_change(&mut bench, |request| request.body_mut().push(b' '));
    let information = &told.json["detail"]["sign_information"];
    assert_eq!(information["method"], "POST");
    assert_eq!(information["url"], NATIVE.1);
    let text = information["truncated_sign_message"].as_str().unwrap();
    assert!(
        text.starts_with("POST\n/v3/global/transactions/native\n"),
        "{text}"
    );
    assert!(information["sign_message_length"].as_i64().unwrap() > 200);
    assert!(told.signature().is_ok(), "the merchant is known");
}

#[test]
fn each_required_header_is_checked() {
    let mut bench = Bench::new();
    for (name, value, status) in [
        ("accept", "", 400),
        ("user-agent", "", 400),
        ("accept", "text/html", 406),
        ("content-type", "text/xml", 415),
        ("wechatpay-serial", "PUB_KEY_ID_0", 400),
    ] {
        let told = sent_with_change(&mut bench, |request| set(request, name, value));
        assert_eq!(
            (told.status, told.code()),
            (status, "PARAM_ERROR"),
            "{name}"
        );
    }
    for (name, value) in [
        ("accept", "*/*"),
        ("content-type", "application/json; charset=utf-8"),
        (
            "wechatpay-serial",
            "5A11D0B0C0FFEE0170000000000000000000BB01",
        ),
    ] {
        let told = sent_with_change(&mut bench, |request| set(request, name, value));
        assert_eq!(told.status, 200, "{name}: {}", told.json);
    }
}

#[test]
fn a_wrong_field_is_named_with_its_value() {
    let mut bench = Bench::new();
    for (change, field, value) in [
        (
            global_order(|body| body["amount"]["total"] = "888".into()),
            "amount.total",
            json!("888"),
        ),
        (
            global_order(|body| body["amount"]["currency"] = "XXX".into()),
            "amount.currency",
            json!("XXX"),
        ),
        (
            global_order(|body| body["description"] = Value::Null),
            "description",
            Value::Null,
        ),
        (
            global_order(|body| body["trade_type"] = "JSAPI".into()),
            "trade_type",
            json!("JSAPI"),
        ),
    ] {
        let told = ask(&mut bench, MCH_ID, NATIVE, &change);
        assert_eq!((told.status, told.code()), (400, "PARAM_ERROR"));
        assert_eq!(told.json["detail"]["field"], field, "{}", told.json);
        assert_eq!(told.json["detail"]["value"], value);
        assert!(told.json["detail"]["issue"].is_string());
    }
    let query = ("GET", "/v3/global/transactions/out-trade-no/1");
    let told = ask(&mut bench, MCH_ID, query, &Value::Null);
    assert_eq!(told.json["detail"]["field"], "mchid", "{}", told.json);
    assert_eq!(told.json["detail"]["location"], "query");
}

#[test]
fn the_request_is_checked_after_its_form() {
    let mut bench = Bench::new();
    let jsapi = ("POST", "/v3/global/transactions/jsapi");
    let of_jsapi = |change: &dyn Fn(&mut Value)| {
        global_order(|body| {
            body["trade_type"] = "JSAPI".into();
            body["payer"] = json!({"openid": alice()});
            change(body);
        })
    };
    for (call, body, status, code) in [
        (
            NATIVE,
            global_order(|body| body["mchid"] = PUBLIC_KEY_SHOP.into()),
            400,
            "PARAM_ERROR",
        ),
        (
            NATIVE,
            global_order(|body| body["appid"] = "wx5a11d0b0c0ffee02".into()),
            400,
            "APPID_MCHID_NOT_MATCH",
        ),
        (
            NATIVE,
            global_order(|body| body["amount"]["currency"] = "XXX".into()),
            400,
            "PARAM_ERROR",
        ),
        (
            NATIVE,
            global_order(|body| body["time_expire"] = "2023-11-15T06:13:50+08:00".into()),
            400,
            "PARAM_ERROR",
        ),
        (
            jsapi,
            of_jsapi(&|body| body["payer"]["openid"] = "oNobody".into()),
            400,
            "PARAM_ERROR",
        ),
        (
            jsapi,
            of_jsapi(&|body| {
                let other = Payer::Alice.openid("wx5a11d0b0c0ffee02");
                body["payer"]["openid"] = other.into();
            }),
            400,
            "OPENID_MISMATCH",
        ),
    ] {
        let told = ask(&mut bench, MCH_ID, call, &body);
        assert_eq!((told.status, told.code()), (status, code), "{}", told.json);
    }
    ask(&mut bench, MCH_ID, NATIVE, &global_order(|_| {}));
    let other = global_order(|body| body["description"] = "Oolong".into());
    let told = ask(&mut bench, MCH_ID, NATIVE, &other);
    assert_eq!((told.status, told.code()), (403, "OUT_TRADE_NO_USED"));
    let gone = ("GET", "/v3/global/nothing");
    let request = request(&mut bench, MCH_ID, gone, &Value::Null);
    assert_eq!(send(&mut bench, &request).status, 404);
}

#[test]
fn json_is_parsed_strictly() {
    let mut bench = Bench::new();
    let key = credentials(&mut bench, MCH_ID)["private_key"].clone();
    let key = wechatpay::rsa::PrivateKey::from_pem(key.as_str().unwrap()).unwrap();
    for body in ["", "[]", "{", r#"{"a":1,"a":2}"#, r#"{"a":1.5}"#] {
        let mut request = request(&mut bench, MCH_ID, NATIVE, &Value::Null);
        let now_s = bench.now_ms / 1000;
        let message = format!("POST\n{}\n{now_s}\nn0nce\n{body}\n", NATIVE.1);
        let good = authorization(&request);
        let (head, _) = good.split_once("signature=").unwrap();
        use base64::Engine as _;
        let signature = base64::engine::general_purpose::STANDARD
            .encode(crate::wechat::rsa::sign(&key, message.as_bytes()));
        set(
            &mut request,
            "authorization",
            &format!("{head}signature=\"{signature}\""),
        );
        *request.body_mut() = body.as_bytes().to_vec();
        let told = send(&mut bench, &request);
        assert_eq!((told.status, told.code()), (400, "PARAM_ERROR"), "{body}");
    }
}
