//! APIv3: which keys are accepted, which merchant a notice belongs to, and the
//! answers to wrong credentials.

use crate::fixtures::{body, order, pay, shop};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, Shop};
use wechatpay::Secret;
use wechatpay::rsa::PrivateKey;
use wechatpay::v3::gcm::Sealed;
use wechatpay::v3::sign::answer_message;

const PEAK: &str = "1900000111";
const FERRY: &str = "1900000112";

fn platform(world: &Memory, mch_id: &str, change: &Value) {
    world.control(&format!("/sandbox/merchants/{mch_id}"), change);
}

fn downloads(world: &Memory) -> usize {
    let calls = world.upstream_calls();
    calls
        .iter()
        .filter(|path| path.ends_with("/certificates"))
        .count()
}

fn forgery(world: &Memory, forgery: &str, on: &str, times: u32) {
    let forgery = json!({"forge_next": {"forgery": forgery, "on": on, "times": times}});
    world.control("/sandbox/faults", &forgery);
}

fn counters(shop: &Shop) -> Value {
    shop.report()["counters"].clone()
}

// Which keys are accepted.

#[test]
fn g9_certificates_are_downloaded_twice_a_day() {
    let world = Memory::default();
    let shop = shop(&world, "demo-v3");
    for number in ["K1", "K2", "K3"] {
        pay(&world, &shop, number);
        world.advance(1);
        assert_eq!(shop.status(number)["trade_state"], "SUCCESS");
    }
    assert_eq!(downloads(&world), 1);
    world.advance(13 * 60 * 60);
    shop.order(&order("K4"));
    assert_eq!(downloads(&world), 2);
}

#[test]
fn g9_a_new_certificate_is_downloaded_when_it_signs() {
    let world = Memory::default();
    let shop = shop(&world, "demo-v3");
    pay(&world, &shop, "K1");
    world.advance(120);
    // It can be downloaded with the old one, then signs, and the old one is
    // removed.
    for (number, expected) in [("K2", 1), ("K3", 2), ("K4", 2)] {
        let rotate = json!({"rotate_platform_certificate": true});
        platform(&world, "1900000109", &rotate);
        pay(&world, &shop, number);
        world.advance(120);
        assert_eq!(shop.status(number)["trade_state"], "SUCCESS", "{number}");
        assert_eq!(downloads(&world), expected, "{number}");
    }
    assert_eq!(counters(&shop)["notice_taken"], 4);
}

#[test]
fn unknown_serials_cause_one_download_per_minute() {
    let world = Memory::default();
    let shop = shop(&world, "demo-v3");
    shop.order(&order("K1"));
    world.advance(61);
    let before = downloads(&world);
    for serial in [
        "5157F09EFDC096DE15EBE81A47057A7232F1B8E1",
        "AB",
        "PUB_KEY_ID_1",
    ] {
        let (status, _) = notice(&world, "demo-v3", serial);
        assert_eq!(status, 401, "{serial}");
    }
    assert_eq!(downloads(&world), before + 1);
    assert_eq!(counters(&shop)["notice_unknown_serial"], 3);
}

/// A notice under a signature that names this key.
fn notice(world: &Memory, id: &str, serial: &str) -> (u16, Value) {
    let request = http::Request::post(format!("{GATEWAY}/notify/v3/{id}"))
        .header("wechatpay-timestamp", (world.now() / 1000).to_string())
        .header("wechatpay-nonce", "abcdefgh")
        .header("wechatpay-serial", serial)
        .header("wechatpay-signature", "c2lnbmF0dXJl")
        .body(b"{}".to_vec())
        .unwrap();
    let answer = world.send(request);
    let body = serde_json::from_slice(answer.body()).unwrap();
    (answer.status().as_u16(), body)
}

#[test]
fn a_migration_to_the_public_key_loses_nothing_at_any_share() {
    for percent in [1, 50, 99, 100] {
        let world = Memory::default();
        let (account, mut body) = (world.account("1900000109"), body(&world, "demo-v3"));
        let platform_keys = &account["v3"]["platform"];
        body["wechatpay_public_key_id"] = platform_keys["public_key_id"].clone();
        body["wechatpay_public_key"] = platform_keys["public_key"].clone();
        let shop = world.shop_with("demo-v3", &body);
        platform(
            &world,
            "1900000109",
            &json!({"public_key_percent": percent}),
        );
        for n in 0..10 {
            let number = format!("M{n}");
            pay(&world, &shop, &number);
            world.advance(1);
            assert_eq!(
                shop.status(&number)["trade_state"],
                "SUCCESS",
                "{percent} %"
            );
        }
        assert_eq!(counters(&shop)["notice_taken"], 10, "{percent} %");
    }
}

#[test]
fn a_merchant_with_the_public_key_alone_needs_no_certificates() {
    let world = Memory::default();
    let shop = shop(&world, "lantern-v3");
    pay(&world, &shop, "K1");
    world.advance(1);
    assert_eq!(shop.status("K1")["trade_state"], "SUCCESS");
    assert!(downloads(&world) <= 1, "a refusal is remembered");
}

// Rejected messages.

#[test]
fn g3_g5_a_notice_without_wechats_signature_changes_nothing() {
    for (name, counter) in [
        ("BAD_SIGNATURE", "notice_bad_signature"),
        ("SIGNTEST", "notice_probe"),
        ("WRONG_SERIAL", "notice_unknown_serial"),
        ("CLOCK_SKEW", "notice_stale"),
        ("DUPLICATE_KEYS", "notice_bad_field"),
        ("OTHER_AMOUNT", "notice_other_amount"),
        ("OTHER_CURRENCY", "notice_other_currency"),
        ("OTHER_MERCHANT", "notice_other_merchant"),
        ("UNKNOWN_EVENT", "notice_unknown_event"),
        ("NONCE_LENGTH", "notice_not_opened"),
        ("CUT_CIPHERTEXT", "notice_not_opened"),
    ] {
        let world = Memory::default();
        let shop = shop(&world, "demo-v3");
        let made = shop.order(&order("L1"));
        forgery(&world, name, "notice", 1);
        world.scan(&made["code_url"]);
        world.advance(1);
        assert_eq!(world.received(), [], "{name}: nothing is delivered");
        let seen = counters(&shop);
        assert_eq!(seen[counter], 1, "{name}: {seen}");
        assert_eq!(seen["order:SUCCESS"], Value::Null, "{name}: {seen}");
        // It was rejected, so WeChat sends it again, this time correctly.
        world.advance(15);
        assert_eq!(world.received().len(), 1, "{name}");
        assert_eq!(counters(&shop)["notice_taken"], 1, "{name}");
    }
}

/// One of Tencent's guides says that some networks drop the headers.
#[test]
fn a_notice_without_headers_triggers_a_query() {
    let world = Memory::default();
    let shop = shop(&world, "demo-v3");
    let made = shop.order(&order("L2"));
    forgery(&world, "NO_SIGNATURE", "notice", 1);
    world.scan(&made["code_url"]);
    world.advance(1);
    assert_eq!(
        counters(&shop)["notice_hint_confirmed"],
        1,
        "{}",
        counters(&shop)
    );
    assert_eq!(shop.status("L2")["trade_state"], "SUCCESS");
    assert!(
        world
            .upstream_calls()
            .iter()
            .any(|path| path.ends_with("/out-trade-no/L2"))
    );

    // A sender without the APIv3 key cannot even trigger a query.
    let before = world.upstream_calls().len();
    let forged = http::Request::post(format!("{GATEWAY}/notify/v3/demo-v3"))
        .body(b"{\"id\":\"1\"}".to_vec())
        .unwrap();
    assert_eq!(world.send(forged).status(), 401);
    assert_eq!(counters(&shop)["notice_not_signed"], 1);
    assert_eq!(world.upstream_calls().len(), before);
}

#[test]
fn g2_an_unverified_answer_is_unknown() {
    for name in [
        "BAD_SIGNATURE",
        "NO_SIGNATURE",
        "WRONG_SERIAL",
        "CLOCK_SKEW",
    ] {
        let world = Memory::default();
        let shop = shop(&world, "demo-v3");
        shop.order(&order("A0"));
        forgery(&world, name, "answer", 1);
        let (status, answer) = shop.call("POST", "/v1/order", order("A1").to_string());
        assert_eq!(
            (status, &answer["code"]),
            (502, &json!("UPSTREAM_UNVERIFIED")),
            "{name}"
        );
        // The same request again is the same order.
        world.advance(61);
        shop.order(&order("A1"));
    }
}

#[test]
fn i1_i2_i3_an_institutions_notices_go_to_the_merchant_they_name() {
    let world = Memory::default();
    let peak = shop(&world, "peak-v3");
    let ferry = shop(&world, "ferry-v3");
    // Each of the two has an order; the notices are sent to the other's
    // address.
    pay(&world, &peak, "I1");
    let sent = world.take_notices();
    let [sent] = &sent[..] else {
        panic!("{sent:?}")
    };
    let mut request = http::Request::post(format!("{GATEWAY}/notify/v3/ferry-v3"));
    for (name, value) in &sent.headers {
        request = request.header(name, value);
    }
    let request = request.body(sent.body.clone().into_bytes()).unwrap();
    assert_eq!(world.send(request).status(), 204);
    assert_eq!(counters(&peak)["notice_taken"], 1);
    assert_eq!(counters(&ferry)["notice_taken"], Value::Null);
    assert_eq!(peak.status("I1")["trade_state"], "SUCCESS");
    let (status, _) = ferry.call("GET", "/v1/order?out_trade_no=I1", "");
    assert_eq!(status, 404, "another merchant's is not visible");

    // An unknown sub-merchant: stored, and an alarm is raised.
    let made = peak.order(&order("I2"));
    forgery(&world, "UNKNOWN_SUB_MCHID", "notice", 1);
    world.scan(&made["code_url"]);
    world.advance(1);
    let report = peak.report();
    assert_eq!(report["strays"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["strays"][0]["out_trade_no"], "I2");
    assert_eq!(report["alarms"][0]["name"], "SUB_MERCHANT_UNKNOWN");
    assert_ne!(report["strays"][0]["account"]["sub_mch_id"], PEAK);
    assert_ne!(report["strays"][0]["account"]["sub_mch_id"], FERRY);
}

#[test]
fn i3_a_refund_of_an_unknown_sub_merchant_is_stored() {
    let world = Memory::default();
    let peak = shop(&world, "peak-v3");
    pay(&world, &peak, "I3");
    world.advance(1);
    let refund = json!({"out_trade_no": "I3", "refund_fee": 500, "out_refund_no": "B3"});
    assert_eq!(peak.call("POST", "/v1/refund", refund.to_string()).0, 200);
    forgery(&world, "UNKNOWN_SUB_MCHID", "notice", 1);
    let end = json!({"status": "SUCCESS", "sub_mch_id": PEAK});
    world.control("/sandbox/refunds/1900000110/B3", &end);
    world.send_notices();
    let report = peak.report();
    let stray = &report["strays"][0];
    assert_eq!(stray["out_refund_no"], "B3", "{report}");
    assert_eq!(stray["money"]["amount_minor"], 500, "{report}");
    assert_ne!(stray["sub_mch_id"], PEAK);
    assert_eq!(report["counters"]["refund_notice_stray"], 1);
    assert_eq!(report["alarms"][0]["name"], "SUB_MERCHANT_UNKNOWN");
}

#[test]
fn r2_a_refunds_notice_is_confirmed_by_query() {
    for (status, told) in [
        ("SUCCESS", "SUCCESS"),
        ("REFUNDCLOSE", "REFUNDCLOSE"),
        ("CHANGE", "CHANGE"),
    ] {
        let world = Memory::default();
        let shop = shop(&world, "peak-v3");
        pay(&world, &shop, "R2");
        world.advance(1);
        let refund = json!({"out_trade_no": "R2", "refund_fee": 500, "out_refund_no": "B2"});
        let (code, answer) = shop.call("POST", "/v1/refund", refund.to_string());
        assert_eq!(code, 200, "{answer}");
        let path = "/sandbox/refunds/1900000110/B2";
        let end = json!({"status": status, "sub_mch_id": PEAK});
        world.control(path, &end);
        world.send_notices();
        assert_eq!(
            counters(&shop)["refund_notice_taken"],
            1,
            "{status}: {}",
            counters(&shop)
        );
        let (_, answer) = shop.call("GET", "/v1/refund?out_trade_no=R2", "");
        assert_eq!(
            answer["data"]["refunds"][0]["refund_status"], told,
            "{answer}"
        );
    }
}

#[test]
fn notices_under_the_previous_apiv3_key_are_accepted_for_a_day() {
    let world = Memory::default();
    let shop = shop(&world, "demo-v3");
    pay(&world, &shop, "R1");
    let sent = world.take_notices();
    let [sent] = &sent[..] else {
        panic!("{sent:?}")
    };
    let new_key = "weceive-sandbox-v3-demo-key-0099";
    platform(&world, "1900000109", &json!({"apiv3_key": new_key}));
    let (status, answer) = world.admin("/merchants/demo-v3/rotate", &json!({"api_key": new_key}));
    assert_eq!(status, 200, "{answer}");
    let mut request = http::Request::post(&sent.url);
    for (name, value) in &sent.headers {
        request = request.header(name, value);
    }
    let request = request.body(sent.body.clone().into_bytes()).unwrap();
    assert_eq!(world.send(request).status(), 204);
}

// Wrong credentials.

#[test]
fn an_invalid_key_is_refused_when_it_is_entered() {
    let world = Memory::default();
    let account = world.account("1900000109");
    let v3 = &account["v3"];
    let pem = v3["private_key"].as_str().unwrap();
    let cut = &pem[..pem.len() / 2];
    let other = world.account("1900000110")["v3"]["certificate"].clone();
    for (field, value, code, wrong) in [
        ("private_key", json!("hello"), "KEY_INVALID", "private_key"),
        ("private_key", json!(cut), "KEY_INVALID", "private_key"),
        (
            "private_key",
            v3["certificate"].clone(),
            "KEY_INVALID",
            "private_key",
        ),
        (
            "private_key",
            v3["public_key"].clone(),
            "KEY_INVALID",
            "private_key",
        ),
        ("private_key", Value::Null, "FIELD_INVALID", "serial_no"),
        ("serial_no", Value::Null, "FIELD_MISSING", "serial_no"),
        ("serial_no", json!("xyz"), "FIELD_INVALID", "serial_no"),
        ("certificate", json!(pem), "KEY_INVALID", "certificate"),
        ("certificate", other, "KEY_INVALID", "certificate"),
        ("api_key", json!("short"), "FIELD_INVALID", "api_key"),
        (
            "merchant_category_code",
            Value::Null,
            "FIELD_MISSING",
            "merchant_category_code",
        ),
        ("region", json!("moon"), "FIELD_INVALID", "region"),
        ("dialect", json!("v4"), "FIELD_INVALID", "dialect"),
        ("dialect", json!("v2"), "FIELD_INVALID", "serial_no"),
        (
            "wechatpay_public_key",
            v3["public_key"].clone(),
            "FIELD_MISSING",
            "wechatpay_public_key_id",
        ),
        (
            "wechatpay_public_key_id",
            json!("PUB_KEY_ID_1"),
            "FIELD_MISSING",
            "wechatpay_public_key",
        ),
    ] {
        let mut body = body(&world, "demo-v3");
        body[field] = value.clone();
        if value == "v2" {
            // Of these, only the key's number is asked about here: in v2 a private key
            // belongs to the client certificate.
            body["region"].take();
            body["merchant_category_code"].take();
        }
        let (_, answer) = world.admin("/merchants", &body);
        assert_eq!(
            (answer["code"].as_str(), answer["field"].as_str()),
            (Some(code), Some(wrong)),
            "{field} = {value}: {answer}"
        );
        let text = answer.to_string();
        assert!(
            !text.contains(&pem[60..90]),
            "{field}: the answer repeats the key"
        );
    }
    // The merchant's own public key instead of WeChat Pay's.
    let mut body = body(&world, "demo-v3");
    body["wechatpay_public_key_id"] = json!("PUB_KEY_ID_0119000001092024110100000000");
    body["wechatpay_public_key"] = v3["public_key"].clone();
    let (_, answer) = world.admin("/merchants", &body);
    assert_eq!(answer["field"], "wechatpay_public_key", "{answer}");
}

#[test]
fn a_signature_that_wechat_does_not_accept_is_explained() {
    let world = Memory::default();
    let mut body = body(&world, "demo-v3");
    // Another merchant's key under this serial number.
    body["private_key"] = world.account("1900000113")["v3"]["private_key"].clone();
    let shop = world.shop_with("demo-v3", &body);
    let (status, answer) = shop.call("POST", "/v1/order", order("S1").to_string());
    assert_eq!(status, 502, "{answer}");
    let message = &answer["message"];
    assert_eq!(message["code"], "SIGN_ERROR", "{answer}");
    assert!(
        message["detail"]["sign_information"].is_object(),
        "{answer}"
    );
    let difference = message["difference"].as_str().unwrap();
    assert!(
        difference.contains("Nothing differs: the private key"),
        "{difference}"
    );
}

/// One merchant's own keys once verified a notice that named another merchant
/// of the same institution.
#[test]
fn a_notice_is_accepted_only_under_the_keys_of_the_merchant_it_names() {
    let world = Memory::default();
    let peak = shop(&world, "peak-v3");
    // A merchant with keys of its own under the institution's number.
    let mut body = body(&world, "peak-v3");
    body["id"] = json!("mallory");
    body["sub_mch_id"] = json!("1900000999");
    body["sub_appid"] = Value::Null;
    body["api_key"] = json!("mallory's-own-apiv3-key-00000001");
    let lantern = world.account("1900000113");
    body["wechatpay_public_key_id"] = json!("PUB_KEY_ID_MALLORY");
    body["wechatpay_public_key"] = lantern["v3"]["public_key"].clone();
    world.shop_with("mallory", &body);
    peak.order(&order("F1"));

    let key = PrivateKey::from_pem(lantern["v3"]["private_key"].as_str().unwrap()).unwrap();
    let account = world.account("1900000110");
    let payment = json!({
        "sp_appid": account["appid"], "sp_mchid": "1900000110",
        "sub_appid": account["sub_merchants"][0]["sub_appid"], "sub_mchid": PEAK,
        "out_trade_no": "F1", "transaction_id": "4200000000000000000000000001",
        "trade_type": "NATIVE", "trade_state": "SUCCESS", "bank_type": "OTHERS",
        "success_time": "2026-01-02T11:04:05+08:00",
        "payer": {"sp_openid": "o1"},
        "amount": {"total": 3000, "currency": "USD", "payer_total": 3000, "payer_currency": "USD"},
    });
    let secret = Secret::new("mallory's-own-apiv3-key-00000001");
    let sealed = Sealed::seal(
        payment.to_string().as_bytes(),
        "0123456789ab",
        "transaction",
        &secret,
    );
    let mut resource = sealed.unwrap().to_json();
    resource["original_type"] = json!("transaction");
    let notice = json!({
        "id": "1", "create_time": "2026-01-02T11:04:05+08:00", "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS", "summary": "", "resource": resource,
    })
    .to_string();
    let timestamp_s = world.now() / 1000;
    let signature = tests::rsa::sign(&key, &answer_message(timestamp_s, "n", notice.as_bytes()));
    let request = http::Request::post(format!("{GATEWAY}/notify/v3/mallory"))
        .header("wechatpay-timestamp", timestamp_s.to_string())
        .header("wechatpay-nonce", "n")
        .header("wechatpay-serial", "PUB_KEY_ID_MALLORY")
        .header("wechatpay-signature", BASE64.encode(signature.unwrap()))
        .body(notice.into_bytes())
        .unwrap();
    assert_eq!(world.send(request).status(), 401);
    assert_eq!(peak.status("F1")["trade_state"], "NOTPAY");
    assert_eq!(world.received(), []);
}

/// A key whose private numbers do not belong together can be parsed like any
/// other.
#[test]
fn a_private_key_that_cannot_sign_is_refused_when_it_is_entered() {
    let world = Memory::default();
    let mut body = body(&world, "demo-v3");
    let pem = body["private_key"].as_str().unwrap();
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let mut der = BASE64.decode(base64).unwrap();
    // In the middle of the private exponent.
    der[500] ^= 0x55;
    let damaged = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64.encode(der)
    );
    body["private_key"] = json!(damaged);
    let (status, answer) = world.admin("/merchants", &body);
    assert_eq!(
        (status, &answer["code"]),
        (400, &json!("KEY_INVALID")),
        "{answer}"
    );
    assert_eq!(answer["field"], "private_key");
}

/// A refusal about the gateway's request, not about the order, does not end a
/// reverse.
#[test]
fn q7_a_reverse_continues_when_the_settings_are_corrected() {
    let world = Memory::default();
    let shop = shop(&world, "demo-v3");
    let asked = json!({"payer": "alice", "behaviour": "password"});
    let code = world.control("/sandbox/paycode", &asked)["auth_code"].clone();
    let body =
        json!({"out_trade_no": "Q7", "body": "One cup", "total_fee": 1200, "auth_code": code});
    let (_, answer) = shop.call("POST", "/v1/micropay", body.to_string());
    assert_eq!(answer["data"]["trade_state"], "USERPAYING", "{answer}");
    let path = "POST /v3/global/micropay/transactions/out-trade-no/{out_trade_no}/reverse";
    let fault = json!({"fail_next": {"path": path, "code": "NO_AUTH", "times": 1}});
    let answer = world.try_control("/sandbox/faults", &fault);
    assert_ne!(answer["status"], "fail", "{answer}");
    world.advance(5 * 60);
    assert_eq!(shop.status("Q7")["trade_state"], "REVOKED");
}

#[test]
fn p3_an_amount_in_another_currency_is_refused_where_no_currency_is_sent() {
    let world = Memory::default();
    let shop = shop(&world, "night-ionline");
    let mut yuan = order("C1");
    yuan["fee_type"] = json!("CNY");
    let (status, answer) = shop.call("POST", "/v1/order", yuan.to_string());
    assert_eq!(
        (status, &answer["code"]),
        (400, &json!("CURRENCY_NOT_ALLOWED")),
        "{answer}"
    );
    for field in ["sub_mch_id", "sub_appid"] {
        let mut body = body(&world, "night-ionline");
        body["id"] = json!("sub");
        body[field] = json!("1900000111");
        let (_, answer) = world.admin("/merchants", &body);
        assert_eq!(answer["field"], field, "{answer}");
    }
}

/// A checkout's order was once closed in the book before iOnline's own expiry,
/// and could be paid there.
#[test]
fn an_ionline_order_is_open_for_as_long_as_it_can_be_paid() {
    let world = Memory::default();
    let shop = shop(&world, "night-ionline");
    let made = shop.order(&order("T1"));
    let (status, _) = shop.call(
        "POST",
        "/v1/close",
        json!({"out_trade_no": "T1"}).to_string(),
    );
    assert_eq!(status, 200);
    world.lose_notices(true);
    world.advance(90 * 60);
    assert_eq!(shop.status("T1")["trade_state"], "NOTPAY", "not closed yet");
    world.scan(&made["code_url"]);
    world.advance(60 * 60);
    assert_eq!(shop.status("T1")["trade_state"], "SUCCESS");
}
