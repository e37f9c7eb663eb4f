//! The merchant's further calls through the real Worker: refunds and reverses
//! over TLS with a client certificate, Quick Pay, statements, products.

use super::LIVE;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tests::live::{Live, Receiver, Shop, send, wait_for};
use wechatpay::common::Date;

/// An answer that must be a success; its `data`.
pub(crate) fn data(shop: &Shop, method: &str, path: &str, body: &Value) -> Value {
    let body = match body.is_null() {
        true => String::new(),
        false => body.to_string(),
    };
    let answer = shop.call(method, path, body);
    assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
    answer.json()["data"].clone()
}

fn paycode(live: &Live, behaviour: &str) -> Value {
    let body = json!({"payer": "alice", "behaviour": behaviour});
    live.control("/sandbox/paycode", &body)["auth_code"].clone()
}

#[test]
fn a_refund_with_the_client_certificate_of_another_merchant_is_refused_by_wechat() {
    let binding = |name: &str| json!({"client_certificate": {"binding": name}});
    let shop = LIVE.shop("misbound", &binding("WECHATPAY_MTLS_1900000110"));
    let made = shop.native("M1", None);
    LIVE.scan(&made["code_url"]);
    wait_for("the payment", || {
        (shop.state("M1") == "SUCCESS").then_some(())
    });
    let asked = json!({"out_trade_no": "M1", "refund_fee": 50});
    let refund = data(&shop, "POST", "/v1/refund", &asked);
    assert_eq!(refund["refund_status"], "ASKED", "{refund}");
    assert_eq!(refund["err_code"], "CLIENT_CERTIFICATE_REFUSED", "{refund}");
    let doctor = data(&shop, "GET", "/v1/doctor", &Value::Null);
    assert_eq!(doctor["healthy"], false, "{doctor}");
    assert!(
        doctor.to_string().contains("certificate not match"),
        "{doctor}"
    );

    // A binding that the deployment does not have.
    let shop = LIVE.shop("unbound", &binding("WECHATPAY_MTLS_1900000999"));
    let made = shop.native("M2", None);
    LIVE.scan(&made["code_url"]);
    wait_for("the payment", || {
        (shop.state("M2") == "SUCCESS").then_some(())
    });
    let asked = json!({"out_trade_no": "M2", "refund_fee": 50});
    let refused = shop.call("POST", "/v1/refund", asked.to_string());
    assert_eq!(refused.json()["code"], "CLIENT_CERTIFICATE_MISSING");
}

/// How long the deployment of the next test cannot start, in seconds. Run it
/// manually with `WECEIVE_OUTAGE_SECONDS=200`, which is longer than the runtime
/// repeats a failed alarm.
fn outage() -> Duration {
    let seconds = std::env::var("WECEIVE_OUTAGE_SECONDS").ok();
    let seconds = seconds.map_or(20, |seconds| seconds.parse().unwrap());
    Duration::from_secs(seconds)
}

/// The timer is a delivery's second attempt, 15 seconds after the first; a
/// book that cannot start sets its alarm again after a minute.
#[test]
fn a_timer_due_during_an_outage_fires_without_a_request() {
    let live = Live::start("outage");
    let merchant = Receiver::start(vec![(500, "", Duration::ZERO)]);
    let shop = live.shop("demo", &json!({}));
    let made = shop.native("1", Some(&merchant.url));
    live.scan(&made["code_url"]);
    wait_for("the first attempt", || {
        (merchant.received().len() == 1).then_some(())
    });
    live.crash_and_misconfigure();
    std::thread::sleep(outage());
    let log = live.crash_and_restart(Duration::ZERO);
    // The native program refuses to start at all.
    let refusals = ["the book cannot start", "the variable MASTER_KEY"];
    assert!(
        refusals.iter().any(|refusal| log.contains(refusal)),
        "{log}"
    );
    assert_eq!(merchant.received().len(), 1, "not while it could not start");
    // No request is sent to the gateway meanwhile.
    wait_for("the second attempt", || {
        (merchant.received().len() == 2).then_some(())
    });
    assert_eq!(shop.report()["alarms"], json!([]));
}

#[test]
fn refund_and_reverse_need_the_client_certificate_and_have_it() {
    let live = Live::start("certificate");
    // Without a certificate, as an SDK on the plain port would call: the
    // account is strict.
    for path in ["/secapi/pay/refund", "/secapi/pay/reverse"] {
        let url = format!("{}{path}", live.sandbox());
        let refused = send("POST", &url, &[], "<xml><mch_id>1900000109</mch_id></xml>");
        assert_eq!(refused.status, 400, "{}", refused.text());
        assert!(refused.text().contains("No required SSL certificate"));
    }

    let shop = live.shop("demo", &json!({}));
    let made = shop.native("1", None);
    live.scan(&made["code_url"]);
    wait_for("the payment", || {
        (shop.state("1") == "SUCCESS").then_some(())
    });
    let asked = json!({"out_trade_no": "1", "total_fee": 150, "refund_fee": 50});
    let refund = data(&shop, "POST", "/v1/refund", &asked);
    assert_eq!(refund["refund_status"], "PROCESSING", "{refund}");
    assert_eq!(shop.state("1"), "REFUND");
    // The sandbox settles it; its notice triggers a query, which ends the
    // refund.
    live.control("/sandbox/time", &json!({"advance_seconds": 60}));
    wait_for("the refund's end", || {
        let refunds = data(&shop, "GET", "/v1/refund?out_trade_no=1", &Value::Null);
        (refunds["refunds"][0]["refund_status"] == "SUCCESS").then_some(())
    });

    let quick = json!({"out_trade_no": "Q1", "body": "One cup", "total_fee": 1200,
                       "auth_code": paycode(&live, "pays")});
    assert_eq!(
        data(&shop, "POST", "/v1/micropay", &quick)["trade_state"],
        "SUCCESS"
    );
    let reverse = json!({"out_trade_no": "Q1"});
    let early = shop.call("POST", "/v1/reverse", reverse.to_string());
    assert_eq!(early.json()["code"], "REVERSE_TOO_SOON");
    // WeChat counts the 15 seconds too, by its own clock.
    let reversed = wait_for("a reverse that is not too soon", || {
        let answer = shop.call("POST", "/v1/reverse", reverse.to_string());
        (answer.status == 200).then(|| answer.json()["data"].clone())
    });
    assert!(["USERPAYING", "REVOKED"].contains(&reversed["trade_state"].as_str().unwrap()));
    wait_for("the reverse's end", || {
        (shop.state("Q1") == "REVOKED").then_some(())
    });
}

#[test]
fn a_quick_pay_waits_for_the_password() {
    let shop = LIVE.shop("till", &json!({}));
    let merchant = Receiver::good();
    let quick = json!({"out_trade_no": "T1", "body": "One cup", "total_fee": 1200,
                       "auth_code": paycode(&LIVE, "password"), "notify_url": merchant.url});
    assert_eq!(
        data(&shop, "POST", "/v1/micropay", &quick)["trade_state"],
        "USERPAYING"
    );
    let pay =
        json!({"mch_id": "1900000109", "out_trade_no": "T1", "payer": "alice", "action": "pay"});
    LIVE.control("/sandbox/pay", &pay);
    wait_for("the order's own timer", || {
        merchant.received().first().cloned()
    });
    assert_eq!(shop.state("T1"), "SUCCESS");
    let expired = json!({"out_trade_no": "T2", "body": "One cup", "total_fee": 1200,
                         "auth_code": paycode(&LIVE, "expired")});
    let answer = shop.call("POST", "/v1/micropay", expired.to_string());
    assert_eq!(answer.status, 422);
    assert_eq!(answer.json()["message"]["err_code"], "AUTHCODEEXPIRE");
}

#[test]
fn account_data_and_product_codes_are_answered() {
    let shop = LIVE.shop("account", &json!({}));
    let app =
        json!({"out_trade_no": "A1", "body": "Demo Order", "total_fee": 150, "trade_type": "APP"});
    let made = data(&shop, "POST", "/v1/order", &app);
    assert_eq!(made["app"]["package"], "Sign=WXPay");
    let close = json!({"out_trade_no": "A1"});
    assert_eq!(
        data(&shop, "POST", "/v1/close", &close)["trade_state"],
        "CLOSED"
    );

    let rate = data(&shop, "GET", "/v1/exchange_rate?fee_type=HKD", &Value::Null);
    assert_eq!(rate["fee_type"], "HKD");
    let settled = data(&shop, "GET", "/v1/settlement", &Value::Null);
    assert!(settled["records"].is_array());
    // A day before this sandbox was started has no payments.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now_ms = i64::try_from(now.as_millis()).unwrap();
    let day = Date::of(now_ms - 3 * 24 * 3600 * 1000);
    let path = format!("/v1/statement?bill_date={day}");
    let statement = data(&shop, "GET", &path, &Value::Null);
    assert_eq!(statement["rows"], json!([]));
    let long = json!({"long_url": "weixin://wxpay/bizpayurl?pr=F2EDdjR"});
    let short = data(&shop, "POST", "/v1/shorturl", &long);
    assert!(
        short["short_url"]
            .as_str()
            .unwrap()
            .starts_with("weixin://wxpay/s/")
    );

    let callback = format!("{}/notify/v2/account/native", LIVE.gateway());
    LIVE.control(
        "/sandbox/merchants/1900000109",
        &json!({ "native_callback_url": callback }),
    );
    let product = json!({"product_id": "oolong", "body": "Oolong", "total_fee": 8800});
    let product = data(&shop, "POST", "/v1/product", &product);
    LIVE.scan(&product["code_url"]);
    let png = shop.call("GET", "/v1/product?product_id=oolong&format=png", "");
    assert!(png.body.starts_with(b"\x89PNG"));

    let token = data(&shop, "POST", "/v1/token", &Value::Null)["api-token"].clone();
    let headers = [("api-token", token.as_str().unwrap())];
    let url = format!("{}/v1/delivery", LIVE.gateway());
    assert_eq!(send("GET", &url, &headers, "").status, 200);
    let again = shop.call("POST", "/v1/delivery", r#"{"id":99}"#);
    assert_eq!(again.json()["code"], "DELIVERY_NOT_FOUND");
    let openapi = send("GET", &format!("{}/openapi.json", LIVE.gateway()), &[], "");
    assert_eq!(openapi.json()["openapi"], "3.1.0");
}
