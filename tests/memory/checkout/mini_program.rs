//! Payments in a Mini Program: `wx.login`, the package, and the checks of the
//! server.

use serde_json::{Value, json};
use testkit::demo::{Kind, MERCHANTS};
use tests::memory::{GATEWAY, Memory, SHOP_NOTIFY, Shop};

/// A merchant with a Mini Program.
struct Mini {
    world: Memory,
    shop: Shop,
    appid: String,
}

impl Mini {
    /// `change` as in the admin call.
    fn of(kind: Kind, change: &Value) -> Self {
        let world = Memory::default();
        let account = world.account(kind.mch_id);
        let mut body = kind.admin_body(&account, "https://shop.example.com");
        let appid = body["mini_program"]["appid"].as_str().unwrap().to_owned();
        let fields = body.as_object_mut().unwrap();
        fields.extend(change.as_object().unwrap().clone());
        fields.retain(|_, value| !value.is_null());
        let shop = world.shop_with(kind.id, &body);
        Self { world, shop, appid }
    }

    fn demo() -> Self {
        Self::of(MERCHANTS[0], &json!({}))
    }

    /// A checkout's id.
    fn session(&self, number: &str) -> String {
        let body = json!({"out_trade_no": number, "body": "Two cups", "total_fee": 123_450,
                          "notify_url": SHOP_NOTIFY});
        let (status, answer) = self.shop.call("POST", "/v1/checkout", body.to_string());
        assert_eq!(status, 200, "{answer}");
        let url = answer["data"]["url"].as_str().unwrap();
        url.split_once("s=").unwrap().1.to_owned()
    }

    fn login(&self, appid: &str) -> String {
        let asked = json!({"payer": "alice", "appid": appid});
        let answer = self.world.control("/sandbox/login", &asked);
        answer["code"].as_str().unwrap().to_owned()
    }

    fn send(&self, method: &str, call: &str, body: &str) -> (u16, Value) {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{GATEWAY}/mini/{call}"))
            .header("content-type", "application/json")
            .body(body.as_bytes().to_vec())
            .unwrap();
        let answer = self.world.send(request);
        let json = serde_json::from_slice(answer.body()).unwrap();
        (answer.status().as_u16(), json)
    }

    fn order(&self, session: &str, code: &str) -> (u16, Value) {
        let body = json!({ "code": code }).to_string();
        self.send("POST", &format!("order?s={session}"), &body)
    }

    /// The argument of `wx.requestPayment`.
    fn payment(&self, session: &str) -> Value {
        let (status, answer) = self.order(session, &self.login(&self.appid));
        assert_eq!(
            (status, &answer["state"]),
            (200, &json!("open")),
            "{answer}"
        );
        answer["payment"].clone()
    }

    /// `wx.requestPayment`: WeChat adds the Mini Program's own appid.
    fn request_payment(&self, payment: &Value, action: &str) -> Value {
        let mut package = payment.clone();
        package["appId"] = json!(self.appid);
        let asked = json!({"payer": "alice", "package": package, "action": action});
        self.world.try_control("/sandbox/bridge", &asked)
    }

    fn state(&self, session: &str) -> String {
        let (_, view) = self.send("GET", &format!("status?s={session}"), "");
        view["state"].as_str().unwrap().to_owned()
    }

    fn check(&self, session: &str) -> String {
        let (_, view) = self.send("POST", &format!("check?s={session}"), "{}");
        view["state"].as_str().unwrap().to_owned()
    }
}

fn each(check: impl Fn(&Mini, Kind)) {
    for kind in MERCHANTS {
        check(&Mini::of(kind, &json!({})), kind);
    }
}

#[test]
fn a_mini_program_pays_in_every_dialect() {
    each(|mini, kind| {
        let id = kind.id;
        let session = mini.session("M1");
        let (status, view) = mini.send("GET", &format!("status?s={session}&lang=zh-TW"), "");
        assert_eq!(status, 200, "{id}");
        assert_eq!(view["state"], "open", "{id}");
        assert_eq!(view["lang"], "zh-Hant", "{id}");
        let amount = view["amount"].as_str().unwrap();
        assert!(amount.ends_with("1,234.50"), "{id}: {amount}");

        let payment = mini.payment(&session);
        let names: Vec<_> = payment.as_object().unwrap().keys().collect();
        assert_eq!(
            names,
            ["timeStamp", "nonceStr", "package", "signType", "paySign"],
            "{id}"
        );
        assert!(payment["timeStamp"].is_string(), "{id}");
        // Again with another code: the same prepayment.
        assert_eq!(
            mini.payment(&session)["package"],
            payment["package"],
            "{id}"
        );

        // A client's claim does not make it paid.
        assert_eq!(mini.check(&session), "open", "{id}");
        let said = mini.request_payment(&payment, "pay");
        assert_eq!(said["ok"], true, "{id}: {said}");
        mini.world.advance(1);
        assert_eq!(mini.state(&session), "paid", "{id}");

        let counters = &mini.shop.report()["counters"];
        assert_eq!(counters["notice_taken"], 1, "{id}: {counters}");
        assert_eq!(mini.world.received().len(), 1, "{id}");
        assert_eq!(mini.shop.status("M1")["trade_state"], "SUCCESS", "{id}");
    });
}

#[test]
fn j1_a_payment_whose_notice_is_lost_is_found_under_the_mini_programs_appid() {
    each(|mini, kind| {
        let session = mini.session("M2");
        let payment = mini.payment(&session);
        mini.world.lose_notices(true);
        mini.request_payment(&payment, "pay");
        assert_eq!(mini.check(&session), "paid", "{}", kind.id);

        let refund = json!({"out_trade_no": "M2", "total_fee": 123_450, "refund_fee": 450,
                            "out_refund_no": "R2"});
        let (status, answer) = mini.shop.call("POST", "/v1/refund", refund.to_string());
        assert_eq!(status, 200, "{}: {answer}", kind.id);
    });
}

#[test]
fn an_abandoned_payment_is_closed() {
    each(|mini, kind| {
        let session = mini.session("M3");
        let payment = mini.payment(&session);
        let said = mini.request_payment(&payment, "cancel");
        assert_eq!(said["err_msg"], "get_brand_wcpay_request:cancel");
        assert_eq!(mini.check(&session), "open", "{}", kind.id);
        mini.world.advance(3 * 60 * 60);
        assert_eq!(mini.state(&session), "expired", "{}", kind.id);
        let said = mini.request_payment(&payment, "pay");
        assert_eq!(said["ok"], false, "{}: {said}", kind.id);
    });
}

#[test]
fn j1_the_package_is_valid_in_its_mini_program_only() {
    let mini = Mini::demo();
    let session = mini.session("M4");
    let mut package = mini.payment(&session);
    package["appId"] = json!("wx5a11d0b0c0ffee01");
    let asked = json!({"payer": "alice", "package": package, "action": "pay"});
    let said = mini.world.try_control("/sandbox/bridge", &asked);
    assert_eq!(said["reason"], "APPID_MISMATCH");
}

#[test]
fn a_code_works_once_for_five_minutes_in_its_own_mini_program() {
    let mini = Mini::demo();
    let session = mini.session("M5");
    let refused = |code: &str| {
        let (status, answer) = mini.order(&session, code);
        assert_eq!(status, 400, "{answer}");
        answer["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(refused("no-such-code"), "LOGIN_CODE_REFUSED");

    let used = mini.login(&mini.appid);
    assert_eq!(mini.order(&session, &used).0, 200);
    assert_eq!(refused(&used), "LOGIN_CODE_REFUSED");
    assert!(
        mini.world.log_text().contains("40163"),
        "WeChat's own number"
    );

    let old = mini.login(&mini.appid);
    mini.world.advance(5 * 60);
    assert_eq!(refused(&old), "LOGIN_CODE_REFUSED");

    // A code of the institution's Mini Program, which is not this merchant's.
    assert_eq!(
        refused(&mini.login("wx5a11d0b0c0ffee12")),
        "LOGIN_CODE_REFUSED"
    );

    for (body, code, field) in [
        ("{}", "FIELD_MISSING", "code"),
        (r#"{"code":""}"#, "FIELD_MISSING", "code"),
        (r#"{"code":[]}"#, "FIELD_INVALID", "code"),
        ("code", "BODY_NOT_JSON", ""),
    ] {
        let (status, answer) = mini.send("POST", &format!("order?s={session}"), body);
        assert_eq!((status, &answer["code"]), (400, &json!(code)), "{body}");
        assert_eq!(answer["field"].as_str().unwrap_or_default(), field);
    }
    let too_long = "c".repeat(129);
    assert_eq!(refused(&too_long), "FIELD_INVALID");
}

#[test]
fn a_closed_session_uses_no_code() {
    let mini = Mini::demo();
    for session in ["", "x", "demo_x", "demo_00000000000000000000000000"] {
        let code = mini.login(&mini.appid);
        let (status, answer) = mini.order(session, &code);
        assert_eq!(
            (status, &answer["code"]),
            (404, &json!("SESSION_NOT_FOUND")),
            "{session}"
        );
    }

    let not_open = |session: &str, state: &str| {
        let code = mini.login(&mini.appid);
        let (status, answer) = mini.order(session, &code);
        assert_eq!((status, &answer["state"]), (200, &json!(state)), "{answer}");
        assert!(answer.get("payment").is_none(), "{answer}");
        let open = mini.session(&format!("{session:.4}{state}"));
        assert_eq!(mini.order(&open, &code).0, 200, "the code is still good");
    };
    let paid = mini.session("M6");
    mini.request_payment(&mini.payment(&paid), "pay");
    mini.world.advance(1);
    not_open(&paid, "paid");

    let closed = mini.session("M7");
    let close = json!({"out_trade_no": "M7"}).to_string();
    assert_eq!(mini.shop.call("POST", "/v1/close", close).0, 200);
    not_open(&closed, "closed");

    let expired = mini.session("M8");
    mini.world.advance(3 * 60 * 60);
    not_open(&expired, "expired");
}

#[test]
fn a_code_is_refused_for_another_merchants_session() {
    let mini = Mini::demo();
    let kind = *MERCHANTS.iter().find(|kind| kind.id == "harbour").unwrap();
    let account = mini.world.account(kind.mch_id);
    let body = kind.admin_body(&account, "https://shop.example.com");
    let theirs = Mini {
        world: mini.world.clone(),
        shop: mini.world.shop_with(kind.id, &body),
        appid: body["mini_program"]["appid"].as_str().unwrap().to_owned(),
    };
    let session = theirs.session("M9");
    let (_, answer) = mini.order(&session, &mini.login(&mini.appid));
    assert_eq!(answer["code"], "LOGIN_CODE_REFUSED");
    assert_eq!(mini.order(&session, &mini.login(&theirs.appid)).0, 200);
}

#[test]
fn a_merchant_without_a_mini_program_says_so() {
    for change in [
        json!({"mini_program": null, "mini_program_secret": null}),
        json!({"mini_program_secret": null}),
    ] {
        let mini = Mini::of(MERCHANTS[0], &change);
        let session = mini.session("M10");
        let (status, answer) = mini.order(&session, &mini.login(&mini.appid));
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!("MINI_PROGRAM_NOT_SET"))
        );
        // Its state can still be read.
        assert_eq!(mini.state(&session), "open");
    }
}

#[test]
fn a_mini_programs_settings_are_entered_by_name() {
    let world = Memory::default();
    let account = world.account(MERCHANTS[0].mch_id);
    let make = |mini_program: Value, secret: Value| {
        let mut body = MERCHANTS[0].admin_body(&account, "https://shop.example.com");
        body["mini_program"] = mini_program;
        body["mini_program_secret"] = secret;
        let (status, answer) = world.admin("/merchants", &body);
        (status, answer["code"].clone(), answer["field"].clone())
    };
    for (mini_program, secret, code, field) in [
        (json!({}), json!("s"), "FIELD_MISSING", "mini_program.appid"),
        (
            json!({"appid": "wx 1"}),
            json!("s"),
            "FIELD_INVALID",
            "mini_program.appid",
        ),
        (json!("wx1"), json!("s"), "FIELD_INVALID", "mini_program"),
        (json!(null), json!("s"), "FIELD_MISSING", "mini_program"),
        (
            json!({"appid": "wx1"}),
            json!("s".repeat(65)),
            "FIELD_INVALID",
            "mini_program_secret",
        ),
    ] {
        let expect = (400, json!(code), json!(field));
        assert_eq!(make(mini_program, secret), expect);
    }

    // Without a Mini Program there is no secret to change.
    world.shop("plain");
    let secret = json!({"mini_program_secret": "5a11d0b0c0ffee015a11d0b0c0ffee01"});
    let (status, answer) = world.admin("/merchants/plain/rotate", &secret);
    assert_eq!(
        (status, &answer["field"]),
        (400, &json!("mini_program_secret"))
    );
}

#[test]
fn a_wrong_secret_has_a_name_and_can_be_entered_again() {
    let wrong = "0".repeat(32);
    let mini = Mini::of(MERCHANTS[0], &json!({"mini_program_secret": wrong}));
    let session = mini.session("M11");
    let code = mini.login(&mini.appid);
    let (status, answer) = mini.order(&session, &code);
    assert_eq!(
        (status, &answer["code"]),
        (502, &json!("MINI_PROGRAM_REFUSED"))
    );

    let account = mini.world.account(MERCHANTS[0].mch_id);
    let right = account["mini_program"]["app_secret"].clone();
    let secret = json!({"mini_program_secret": right});
    let (status, _) = mini.world.admin("/merchants/demo/rotate", &secret);
    assert_eq!(status, 200);
    mini.payment(&session);
    for kept in [mini.world.stored_text(), mini.world.log_text()] {
        assert!(!kept.contains(right.as_str().unwrap()), "sealed at rest");
        assert!(!kept.contains("session_key"), "never kept");
    }
}

#[test]
fn a_code_on_the_desktop_gives_way_to_the_mini_program() {
    let mini = Mini::demo();
    let session = mini.session("M12");
    let request = http::Request::post(format!("{GATEWAY}/pay/order?s={session}"))
        .header("content-type", "application/json")
        .header("user-agent", crate::checkout::sign_in::DESKTOP)
        .body(b"{}".to_vec())
        .unwrap();
    let answer = mini.world.send(request);
    let prepared: Value = serde_json::from_slice(answer.body()).unwrap();
    let code_url = &prepared["qr"]["code_url"];
    assert!(code_url.is_string(), "{prepared}");

    let payment = mini.payment(&session);
    let scan = json!({"code_url": code_url, "payer": "bob", "action": "pay"});
    let said = mini.world.try_control("/sandbox/scan", &scan);
    assert_eq!(said["reason"], "ORDERCLOSED");
    mini.request_payment(&payment, "pay");
    mini.world.advance(1);
    assert_eq!(mini.state(&session), "paid");
}

#[test]
fn wechats_own_text_is_not_shown_to_the_payer() {
    let mini = Mini::demo();
    let session = mini.session("M13");
    let fail = json!({"fail_next": {"path": "/pay/unifiedorder", "code": "NOAUTH"}});
    mini.world.control("/sandbox/faults", &fail);
    let (status, answer) = mini.order(&session, &mini.login(&mini.appid));
    assert_eq!((status, &answer["code"]), (502, &json!("UPSTREAM_REFUSED")));
    assert!(answer["message"].is_string(), "{answer}");
}

#[test]
fn each_call_has_one_method() {
    let mini = Mini::demo();
    for (method, call, allow) in [
        ("POST", "status", "GET"),
        ("GET", "order", "POST"),
        ("GET", "check", "POST"),
    ] {
        let (status, answer) = mini.send(method, call, "{}");
        assert_eq!(
            (status, &answer["code"]),
            (405, &json!("METHOD_NOT_ALLOWED")),
            "{allow}"
        );
    }
}
