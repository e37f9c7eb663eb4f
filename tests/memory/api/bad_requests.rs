//! Bad requests: each gets its status, its stable code and its field; nothing
//! is stored and nothing is sent to WeChat.

use serde_json::{Value, json};
use tests::memory::{ADMIN_TOKEN, GATEWAY, Memory};

fn good() -> Value {
    json!({
        "out_trade_no": "9900000000",
        "body": "Demo Order",
        "total_fee": "150",
        "fee_type": "HKD",
        "open_id": "o3OAhO5yVZ7xAakJ3c5e13OAhO-M",
        "trade_type": "JSAPI",
        "notify_url": "https://shop.example.com/notify",
        "attach": "A1",
    })
}

#[test]
fn every_field_of_an_order_is_checked_by_name() {
    let world = Memory::new(false);
    let shop = world.shop("demo");
    let long = "x".repeat(129);
    let wide = "汉".repeat(43);
    let number = "9".repeat(33);
    let table = [
        ("out_trade_no", json!(null), "FIELD_MISSING"),
        ("out_trade_no", json!(""), "FIELD_MISSING"),
        ("out_trade_no", json!(number), "FIELD_INVALID"),
        ("out_trade_no", json!("a b"), "FIELD_INVALID"),
        ("out_trade_no", json!("订单"), "FIELD_INVALID"),
        ("out_trade_no", json!(1.5), "FIELD_INVALID"),
        ("out_trade_no", json!(1e30), "FIELD_INVALID"),
        ("out_trade_no", json!(["1"]), "FIELD_INVALID"),
        ("out_trade_no", json!({"a": 1}), "FIELD_INVALID"),
        ("body", json!(null), "FIELD_MISSING"),
        ("body", json!(""), "FIELD_MISSING"),
        ("body", json!(long), "FIELD_INVALID"),
        ("body", json!(wide), "FIELD_INVALID"),
        ("body", json!("a\u{0}b"), "FIELD_INVALID"),
        ("body", json!(true), "FIELD_INVALID"),
        ("total_fee", json!(null), "FIELD_MISSING"),
        ("total_fee", json!(""), "FIELD_MISSING"),
        ("total_fee", json!(0), "AMOUNT_INVALID"),
        ("total_fee", json!("0"), "AMOUNT_INVALID"),
        ("total_fee", json!(-1), "AMOUNT_INVALID"),
        ("total_fee", json!("-1"), "AMOUNT_INVALID"),
        ("total_fee", json!(1.5), "AMOUNT_INVALID"),
        ("total_fee", json!("1.50"), "AMOUNT_INVALID"),
        ("total_fee", json!("1,50"), "AMOUNT_INVALID"),
        ("total_fee", json!(2_147_483_648_u64), "AMOUNT_INVALID"),
        ("total_fee", json!("99999999999999999999"), "AMOUNT_INVALID"),
        ("total_fee", json!([150]), "AMOUNT_INVALID"),
        ("fee_type", json!("USD"), "CURRENCY_NOT_ALLOWED"),
        ("fee_type", json!("hkd"), "CURRENCY_NOT_ALLOWED"),
        ("fee_type", json!("XXX"), "CURRENCY_NOT_ALLOWED"),
        ("trade_type", json!(null), "FIELD_MISSING"),
        ("trade_type", json!("native"), "TRADE_TYPE_UNKNOWN"),
        ("trade_type", json!("MICROPAY"), "TRADE_TYPE_UNKNOWN"),
        ("open_id", json!(null), "OPEN_ID_MISSING"),
        ("open_id", json!(""), "OPEN_ID_MISSING"),
        ("open_id", json!(long), "FIELD_INVALID"),
        (
            "notify_url",
            json!("http://127.0.0.1/"),
            "NOTIFY_URL_REFUSED",
        ),
        (
            "notify_url",
            json!("https://127.0.0.1/"),
            "NOTIFY_URL_REFUSED",
        ),
        (
            "notify_url",
            json!("https://169.254.169.254/"),
            "NOTIFY_URL_REFUSED",
        ),
        ("notify_url", json!("notify"), "NOTIFY_URL_REFUSED"),
        ("attach", json!(long), "FIELD_INVALID"),
    ];
    for (field, value, code) in table {
        let mut body = good();
        body[field] = value.clone();
        let (status, answer) = shop.call("POST", "/v1/order", body.to_string());
        assert_eq!(status, 400, "{field}={value}: {answer}");
        assert_eq!(answer["code"], code, "{field}={value}: {answer}");
        assert_eq!(answer["field"], field, "{field}={value}: {answer}");
        assert_eq!(answer["status"], "fail");
        assert_eq!(answer["Code"], "FAIL");
        assert_eq!(answer["data"], json!(null));
        assert!(
            answer["message"].as_str().unwrap().ends_with('.'),
            "{answer}"
        );
    }
    assert_eq!(world.upstream_calls(), Vec::<String>::new());
    assert_eq!(
        shop.call("GET", "/v1/order?out_trade_no=9900000000", "").0,
        404
    );
}

#[test]
fn a_body_that_is_no_json_object_is_refused() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for body in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"\"x\"",
        b"<xml/>",
        b"{\"body\":\"\xff\"}",
        b"{\"total_fee\":1,\"total_fee\":2}",
    ] {
        let (status, answer) = shop.call("POST", "/v1/order", body);
        assert_eq!(
            (status, &answer["code"]),
            (400, &json!("BODY_NOT_JSON")),
            "{answer}"
        );
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(shop.call("POST", "/v1/order", deep).0, 400);
    let (status, answer) = shop.call("POST", "/v1/order", vec![b' '; 70_000]);
    assert_eq!((status, &answer["code"]), (413, &json!("BODY_TOO_LARGE")));
}

#[test]
fn missing_and_wrong_keys_are_refused_and_rotated_ones_expire() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let call = |method: &str, path: &str, headers: &[(&str, &str)]| {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{GATEWAY}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = world.send(request.body(good().to_string().into_bytes()).unwrap());
        let json: Value = serde_json::from_slice(answer.body()).unwrap();
        (
            answer.status().as_u16(),
            json["code"].as_str().unwrap_or("").to_owned(),
        )
    };
    let (key, secret) = (shop.api_key.as_str(), shop.api_secret.as_str());
    let get = "/v1/order?out_trade_no=1";
    for (method, path, headers, expect) in [
        ("POST", "/v1/order", vec![], (401, "API_KEY_MISSING")),
        (
            "POST",
            "/v1/order",
            vec![("api-key", "x")],
            (401, "API_KEY_UNKNOWN"),
        ),
        (
            "POST",
            "/v1/order",
            vec![("api-key", secret)],
            (401, "API_KEY_UNKNOWN"),
        ),
        (
            "GET",
            get,
            vec![("api-key", key)],
            (401, "API_SECRET_MISSING"),
        ),
        (
            "GET",
            get,
            vec![("api-key", key), ("api-secret", "x")],
            (401, "API_SECRET_WRONG"),
        ),
        (
            "GET",
            get,
            vec![("api-key", key), ("api-secret", key)],
            (401, "API_SECRET_WRONG"),
        ),
        (
            "GET",
            get,
            vec![("api-key", key), ("api-secret", secret)],
            (404, "ORDER_NOT_FOUND"),
        ),
        (
            "POST",
            "/v1/checksign",
            vec![("api-key", key)],
            (401, "API_SECRET_MISSING"),
        ),
        (
            "DELETE",
            "/v1/order",
            vec![("api-key", key)],
            (405, "METHOD_NOT_ALLOWED"),
        ),
        (
            "GET",
            "/v1/checksign",
            vec![("api-key", key)],
            (405, "METHOD_NOT_ALLOWED"),
        ),
        (
            "GET",
            "/v2/order",
            vec![("api-key", key)],
            (404, "NOT_FOUND"),
        ),
        (
            "POST",
            "/admin/merchants",
            vec![],
            (401, "ADMIN_TOKEN_WRONG"),
        ),
        (
            "POST",
            "/admin/merchants",
            vec![("authorization", "Bearer x")],
            (401, "ADMIN_TOKEN_WRONG"),
        ),
    ] {
        let got = call(method, path, &headers);
        assert_eq!(
            (got.0, got.1.as_str()),
            expect,
            "{method} {path} {headers:?}"
        );
    }

    let rotate = |body: &'static str| {
        let answer = world.send(
            http::Request::post(format!("{GATEWAY}/admin/merchants/demo/rotate"))
                .header("authorization", format!("Bearer {ADMIN_TOKEN}"))
                .body(body.as_bytes().to_vec())
                .unwrap(),
        );
        let json: Value = serde_json::from_slice(answer.body()).unwrap();
        json["data"]["api-key"].as_str().unwrap().to_owned()
    };
    let second = rotate("");
    let works = |key: &str| call("POST", "/v1/order", &[("api-key", key)]).1 != "API_KEY_UNKNOWN";
    assert!(
        works(key) && works(&second),
        "two keys live during a rotation"
    );
    world.advance(24 * 3600 + 1);
    assert!(
        !works(key) && works(&second),
        "the old key ends after a day"
    );
    let third = rotate(r#"{"revoke":true}"#);
    assert!(
        !works(&second) && works(&third),
        "a revoked key ends at once"
    );
}

#[test]
fn one_merchant_never_sees_anothers_order() {
    let world = Memory::default();
    let (a, b) = (world.shop("a"), world.shop("b"));
    a.order(&json!({"out_trade_no": "1", "body": "x", "total_fee": 1, "trade_type": "NATIVE"}));
    let (status, answer) = b.call("GET", "/v1/order?out_trade_no=1", "");
    assert_eq!((status, &answer["code"]), (404, &json!("ORDER_NOT_FOUND")));
}

#[test]
fn checksign_names_the_error_of_a_document() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for (body, code) in [
        ("", "XML_INVALID"),
        ("{}", "XML_INVALID"),
        ("<xml><a>1</a></xml>", "SIGN_MISSING"),
        ("<xml><sign>A</sign><sign>B</sign></xml>", "XML_INVALID"),
        (
            "<xml><sign>A</sign><sign_type>SHA1</sign_type></xml>",
            "XML_INVALID",
        ),
        (
            "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><xml><sign>&e;</sign></xml>",
            "XML_INVALID",
        ),
    ] {
        let (status, answer) = shop.call("POST", "/v1/checksign", body);
        assert_eq!(
            (status, &answer["code"]),
            (400, &json!(code)),
            "{body}: {answer}"
        );
    }
    let (status, answer) = shop.call(
        "POST",
        "/v1/checksign",
        "<xml><a>1</a><sign>00</sign></xml>",
    );
    assert_eq!(status, 200);
    assert_eq!(answer["data"]["valid"], false);
    assert_eq!(answer["data"]["sign"], "");
}

#[test]
fn checkouts_are_idempotent_and_checked() {
    let world = Memory::new(false);
    let shop = world.shop("demo");
    let body = json!({"out_trade_no": "C1", "body": "Oolong", "total_fee": 8800});
    let make = |body: &Value| shop.call("POST", "/v1/checkout", body.to_string());
    let (status, first) = make(&body);
    assert_eq!(status, 200, "{first}");
    assert_eq!(
        make(&body).1,
        first,
        "the same purchase is the same checkout"
    );
    for (field, value, status, code) in [
        (
            "total_fee",
            json!(1),
            409,
            "ORDER_EXISTS_WITH_DIFFERENT_TERMS",
        ),
        ("out_trade_no", json!("9".repeat(30)), 400, "FIELD_INVALID"),
        ("expires_in_seconds", json!(60), 400, "FIELD_INVALID"),
        ("expires_in_seconds", json!(100_000), 400, "FIELD_INVALID"),
        (
            "success_url",
            json!("javascript:alert(1)"),
            400,
            "FIELD_INVALID",
        ),
        (
            "cancel_url",
            json!("http://shop.example.com/"),
            400,
            "FIELD_INVALID",
        ),
        ("lang", json!("fr"), 400, "FIELD_INVALID"),
    ] {
        let mut other = body.clone();
        other[field] = value.clone();
        let (got, answer) = make(&other);
        assert_eq!(
            (got, &answer["code"]),
            (status, &json!(code)),
            "{field}={value}: {answer}"
        );
    }
    // The number belongs to the checkout now, and to its attempts.
    let order =
        json!({"out_trade_no": "C1", "body": "Oolong", "total_fee": 8800, "trade_type": "NATIVE"});
    assert_eq!(shop.call("POST", "/v1/order", order.to_string()).0, 409);
}

#[test]
fn addresses_for_the_payer_are_stored_as_they_are_parsed() {
    let world = Memory::new(false);
    let shop = world.shop("demo");
    let body = json!({"out_trade_no": "C1", "body": "Oolong", "total_fee": 8800,
                      "success_url": "HTTPS://Shop.Example.com:443/a/../b c#/paid",
                      "cancel_url": "https://shop.example.com"});
    let (status, answer) = shop.call("POST", "/v1/checkout", body.to_string());
    assert_eq!(status, 200, "{answer}");
    let (_, found) = shop.call("GET", "/v1/checkout?out_trade_no=C1", "");
    let data = &found["data"];
    assert_eq!(data["success_url"], "https://shop.example.com/b%20c#/paid");
    assert_eq!(data["cancel_url"], "https://shop.example.com/");
    for address in [
        "https:shop.example.com",
        " https://shop.example.com/",
        "https:\\\\a.example",
    ] {
        for (path, number) in [("/v1/checkout", "C2"), ("/v1/link", "")] {
            let body = json!({"out_trade_no": number, "body": "Oolong", "total_fee": 8800,
                              "success_url": address});
            let (status, answer) = shop.call("POST", path, body.to_string());
            assert_eq!(
                (status, &answer["field"]),
                (400, &json!("success_url")),
                "{path} {address}: {answer}"
            );
        }
    }
}

#[test]
fn an_openid_is_checked_for_its_form() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for openid in ["o&x", "o x", "<o>", "ö"] {
        let body = json!({"out_trade_no": "1", "body": "Tea", "total_fee": 150,
                          "trade_type": "JSAPI", "open_id": openid});
        let (status, answer) = shop.call("POST", "/v1/order", body.to_string());
        assert_eq!(
            (status, &answer["code"], &answer["field"]),
            (400, &json!("FIELD_INVALID"), &json!("open_id")),
            "{openid}"
        );
    }
    assert_eq!(world.upstream_calls(), Vec::<String>::new());
}

/// The answer names the valid values, or their form, and not a length in bytes.
#[test]
fn a_wrong_choice_or_date_is_answered_with_the_valid_ones() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = json!({"body": "Oolong", "total_fee": 8800}).to_string();
    let (_, made) = shop.call("POST", "/v1/link", link);
    let link = made["data"]["id"].as_str().unwrap();
    let qr = |query: &str| format!("/pay/qr?l={link}&{query}");
    for (method, path, body, field, right) in [
        (
            "GET",
            "/v1/order?out_trade_no=N1&refresh=yes".to_owned(),
            "",
            "refresh",
            "1",
        ),
        (
            "GET",
            "/v1/exchange_rate?date=2026-01-31".to_owned(),
            "",
            "date",
            "20260131",
        ),
        (
            "GET",
            "/v1/statement?bill_date=2026-01-31".to_owned(),
            "",
            "bill_date",
            "20260131",
        ),
        (
            "GET",
            "/v1/statement?bill_date=20260131&format=excel".to_owned(),
            "",
            "format",
            "csv",
        ),
        (
            "GET",
            "/v1/settlement?date_start=2026-01-01&date_end=2026-01-31".to_owned(),
            "",
            "date_start",
            "20260131",
        ),
        (
            "GET",
            "/v1/settlement?usetag=settled".to_owned(),
            "",
            "usetag",
            "1",
        ),
        ("GET", qr("format=image/png"), "", "format", "png"),
        ("GET", qr("level=medium"), "", "level", "L, M, Q or H"),
        ("GET", qr("logo=true"), "", "logo", "1"),
        (
            "GET",
            format!("/pay/sheet?l={link}&paper=letter"),
            "",
            "paper",
            "a6, a5, a4 or tent",
        ),
        (
            "POST",
            "/v1/shorturl".to_owned(),
            r#"{"long_url":"https://a.example/"}"#,
            "long_url",
            "weixin://",
        ),
        (
            "POST",
            "/v1/order".to_owned(),
            r#"{"out_trade_no":"N1","body":"x","total_fee":1,"trade_type":"NATIVE OR JSAPI OR APP"}"#,
            "trade_type",
            "NATIVE, JSAPI or APP",
        ),
    ] {
        let (status, answer) = shop.call(method, &path, body);
        assert_eq!(
            (status, &answer["field"]),
            (400, &json!(field)),
            "{path}: {answer}"
        );
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(right), "{path}: {message}");
        assert!(!message.contains("bytes"), "{path}: {message}");
    }
}
