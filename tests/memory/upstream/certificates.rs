//! The certificates that merchants present to WeChat: the client certificate of
//! v2's refunds and reverses, one for each `mch_id`, and the API certificate
//! that v3 signs with.

use crate::fixtures::{self, body, order, pay};
use serde_json::{Value, json};
use tests::memory::{Memory, Shop, Upstream, registry_of};

fn binding(name: &str) -> Value {
    json!({"client_certificate": {"binding": name}})
}

/// Changes a merchant's settings; status and answer.
fn patch(world: &Memory, shop: &Shop, change: &Value) -> (u16, Value) {
    let answer = world.change_merchant(&shop.id, change);
    // Every isolate has the change after half a minute.
    world.advance(31);
    answer
}

fn with(world: &Memory, id: &str, change: &Value) -> Shop {
    let mut body = body(world, id);
    let fields = body.as_object_mut().unwrap();
    fields.extend(change.as_object().unwrap().clone());
    world.shop_with(id, &body)
}

fn refund(shop: &Shop) -> (u16, Value) {
    let body = json!({"out_trade_no": "N1", "refund_fee": 100, "out_refund_no": "R1"});
    shop.call("POST", "/v1/refund", body.to_string())
}

fn refunds(shop: &Shop) -> Value {
    let (_, answer) = shop.call("GET", "/v1/refund?out_trade_no=N1", "");
    answer["data"]["refunds"].clone()
}

fn quick_pay(world: &Memory, shop: &Shop, behaviour: &str) -> (u16, Value) {
    let code = world.control(
        "/sandbox/paycode",
        &json!({"payer": "alice", "behaviour": behaviour}),
    );
    let body = json!({"out_trade_no": "Q1", "body": "One cup", "total_fee": 1200,
                      "auth_code": code["auth_code"]});
    shop.call("POST", "/v1/micropay", body.to_string())
}

fn unusable(subject: &str) -> Vec<(String, String)> {
    vec![("CERTIFICATE_UNUSABLE".to_owned(), subject.to_owned())]
}

fn certificate_check(shop: &Shop, name: &str) -> (Value, String) {
    let (_, found) = shop.call("GET", "/v1/doctor", "");
    let checks = found["data"]["checks"].as_array().unwrap().clone();
    let check = checks.into_iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("no {name}: {found}"));
    assert!(check["ok"] != false || found["data"]["healthy"] == false);
    let says = check["says"].as_str().unwrap().to_owned();
    (check["ok"].clone(), says)
}

#[test]
fn refund_and_quick_pay_without_client_certificate_are_refused_before_anything_is_written() {
    for certificate in [json!(null), json!({"binding": "WECHATPAY_MTLS_NOWHERE"})] {
        let world = Memory::default();
        let shop = with(&world, "demo", &json!({"client_certificate": certificate}));
        pay(&world, &shop, "N1");
        world.advance(1);

        let (status, answer) = refund(&shop);
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!("CLIENT_CERTIFICATE_MISSING")),
            "{answer}"
        );
        assert_eq!(answer["field"], "client_certificate", "{answer}");
        assert_eq!(refunds(&shop), json!([]));
        assert_eq!(shop.status("N1")["trade_state"], "SUCCESS");

        let (status, answer) = quick_pay(&world, &shop, "pays");
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!("CLIENT_CERTIFICATE_MISSING")),
            "{answer}"
        );
        assert_eq!(shop.call("GET", "/v1/order?out_trade_no=Q1", "").0, 404);
        let calls = world.upstream_calls();
        let taking = ["/pay/micropay", "/secapi/pay/refund"];
        assert!(
            !calls.iter().any(|path| taking.contains(&path.as_str())),
            "{calls:?}"
        );
        assert_eq!(shop.alarms(), unusable("1900000109"));

        // The setting that names the missing binding can be corrected.
        assert_eq!(patch(&world, &shop, &binding("WECHATPAY_MTLS")).0, 200);
        assert_eq!(refund(&shop).0, 200);
        assert_eq!(quick_pay(&world, &shop, "pays").0, 200);
    }
}

#[test]
fn reverse_without_client_certificate_is_refused_and_changes_nothing() {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo");
    assert_eq!(quick_pay(&world, &shop, "pays").0, 200);
    assert_eq!(
        patch(&world, &shop, &json!({"client_certificate": null})).0,
        200
    );
    let number = json!({"out_trade_no": "Q1"}).to_string();
    let (status, answer) = shop.call("POST", "/v1/reverse", number.clone());
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("CLIENT_CERTIFICATE_MISSING"))
    );
    assert_eq!(shop.status("Q1")["trade_state"], "SUCCESS");
    let unknown = json!({"out_trade_no": "Q2"}).to_string();
    assert_eq!(shop.call("POST", "/v1/reverse", unknown).0, 404);
    // The same Quick Pay again is answered with its current state.
    assert_eq!(
        quick_pay(&world, &shop, "pays").1["data"]["trade_state"],
        "SUCCESS"
    );
    patch(&world, &shop, &binding("WECHATPAY_MTLS"));
    assert_eq!(shop.call("POST", "/v1/reverse", number).0, 200);
    assert_eq!(shop.status("Q1")["trade_state"], "REVOKED");
}

#[test]
fn refund_with_a_wrong_or_expired_client_certificate_waits_with_its_reason_and_an_alarm() {
    for (id, mch_id, wrong, right) in [
        (
            "demo",
            "1900000109",
            "WECHATPAY_MTLS_1900000110",
            "WECHATPAY_MTLS",
        ),
        (
            "demo",
            "1900000109",
            "WECHATPAY_MTLS_EXPIRED",
            "WECHATPAY_MTLS",
        ),
        // An institution's certificate serves its sub-merchants.
        (
            "harbour",
            "1900000110",
            "WECHATPAY_MTLS",
            "WECHATPAY_MTLS_1900000110",
        ),
        (
            "harbour",
            "1900000110",
            "WECHATPAY_MTLS_1900000111",
            "WECHATPAY_MTLS_1900000110",
        ),
    ] {
        let world = Memory::default();
        let shop = with(&world, id, &binding(wrong));
        pay(&world, &shop, "N1");
        world.advance(1);
        let (status, answer) = refund(&shop);
        assert_eq!(status, 200, "{answer}");
        let waits = refunds(&shop)[0].clone();
        assert_eq!(waits["refund_status"], "ASKED", "{wrong}: {waits}");
        assert_eq!(
            waits["err_code"], "CLIENT_CERTIFICATE_REFUSED",
            "{wrong}: {waits}"
        );
        assert_eq!(shop.alarms(), unusable(mch_id), "{wrong}");
        assert_eq!(world.refunds_at_wechat(), json!([]));

        let (ok, says) = certificate_check(&shop, "client_certificate");
        assert_eq!(ok, false, "{says}");
        assert!(
            says.contains(mch_id) && says.contains("client_certificate"),
            "{says}"
        );

        patch(&world, &shop, &binding(right));
        world.advance(3 * 3600);
        let refunded = refunds(&shop)[0].clone();
        assert_eq!(refunded["refund_status"], "SUCCESS", "{refunded}");
        let (ok, says) = certificate_check(&shop, "client_certificate");
        assert_eq!(ok, true, "{says}");
    }
}

#[test]
fn a_reverse_with_another_merchants_client_certificate_raises_an_alarm_and_ends_when_it_is_corrected()
 {
    let world = Memory::default();
    let shop = with(&world, "demo", &binding("WECHATPAY_MTLS_1900000110"));
    assert_eq!(quick_pay(&world, &shop, "password").0, 200);
    world.advance(120);
    let standing = shop.alarms();
    assert!(
        standing.contains(&unusable("1900000109")[0]),
        "{standing:?}"
    );
    patch(&world, &shop, &binding("WECHATPAY_MTLS"));
    world.advance(3600);
    assert_eq!(shop.status("Q1")["trade_state"], "REVOKED");
}

#[test]
fn the_doctor_proves_the_client_certificate_by_a_call_that_moves_nothing() {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo");
    assert_eq!(certificate_check(&shop, "client_certificate").0, true);
    assert!(
        world
            .upstream_calls()
            .contains(&"/secapi/pay/refund".to_owned())
    );
    assert_eq!(world.refunds_at_wechat(), json!([]));

    let missing = with(&world, "harbour", &json!({"client_certificate": null}));
    let (ok, says) = certificate_check(&missing, "client_certificate");
    assert_eq!(ok, false, "{says}");
    assert!(says.contains("client_certificate"), "{says}");
}

#[test]
fn client_certificate_names_one_binding_and_no_other_service() {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo");
    for wrong in [
        json!("WECHATPAY_MTLS"),
        json!({}),
        json!({"binding": 1}),
        json!({"binding": ""}),
        json!({"binding": "WECHATPAY"}),
        json!({"binding": "MASTER_KEY"}),
        json!({"binding": "BOOK"}),
        json!({"binding": "WECHATPAY_MTLS_"}),
        json!({"binding": "WECHATPAY_MTLSX"}),
        json!({"binding": "WECHATPAY_MTLS_a"}),
        json!({"binding": "WECHATPAY_MTLS_1 "}),
        json!({"binding": format!("WECHATPAY_MTLS_{}", "1".repeat(60))}),
        json!({"binding": "WECHATPAY_MTLS", "private_key": "x"}),
    ] {
        let (status, answer) = patch(&world, &shop, &json!({ "client_certificate": wrong }));
        assert_eq!(
            (status, &answer["code"]),
            (400, &json!("FIELD_INVALID")),
            "{wrong}: {answer}"
        );
    }
    for id in ["demo-v3", "night-ionline"] {
        let shop = fixtures::shop(&world, id);
        let (status, answer) = patch(&world, &shop, &binding("WECHATPAY_MTLS"));
        assert_eq!(
            (status, &answer["field"]),
            (400, &json!("client_certificate")),
            "{answer}"
        );
    }
}

/// A merchant that was stored before the setting existed is read, and has no
/// certificate until one is named.
#[test]
fn a_merchant_of_an_earlier_version_is_read_without_client_certificate() {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo");
    let older = "UPDATE merchants SET json = json_remove(json, '$.client_certificate')";
    world.sql(&registry_of("demo"), older).unwrap();
    shop.order(&order("N1"));
    let (_, answer) = quick_pay(&world, &shop, "pays");
    assert_eq!(answer["code"], "CLIENT_CERTIFICATE_MISSING", "{answer}");
}

const SERIAL_NO: &str = "5A11D0B0C0FFEE0000000000000000000000E001";
/// Of the sandbox's merchant 1900000109, and expired on 10 January 2026.
const UNTIL_10_JANUARY: &str = "-----BEGIN CERTIFICATE-----\n\
MIICsTCCAZkCFFoR0LDA/+4AAAAAAAAAAAAAAOABMA0GCSqGSIb3DQEBCwUAMBUx\n\
EzARBgNVBAMMCjE5MDAwMDAxMDkwHhcNMjYwMTAxMDAwMDAwWhcNMjYwMTEwMDAw\n\
MDAwWjAVMRMwEQYDVQQDDAoxOTAwMDAwMTA5MIIBIjANBgkqhkiG9w0BAQEFAAOC\n\
AQ8AMIIBCgKCAQEAk4gw3AyUwBAvDOzj7qTapu+nQvEEYGYeBk7yrxd+GtcfPtHL\n\
dTz7sBn/YnkyBkyFDZXbaTf0OourCTSnFMM53LqLnoQ8LXNKw1IEXfldeWOBTsdP\n\
m0jfA7jGN7l0fXYObDxXkK4sKt2rqPniHKVR7rxuBxtwN7TtextGBgTuOCyhJo8o\n\
sxkGfg7ijkQiQQ+ITV9+saFJZL2vud1z6dvWl6pcjLgwDpHz06KmH8DyDBCdyTBd\n\
4X6byf8mj2Bi+IgJPS1oazFJQowvK9vMENCQ5u+UjhVzDjypjpvBNtH/qEfiOIe/\n\
m/bxaqkZBWw+ReFOuAAr8yy8HaI0jr6w94SYqwIDAQABMA0GCSqGSIb3DQEBCwUA\n\
A4IBAQCNPr8SKqiBjGwNMb8unmAoBJI3t3ay5fJst44o648j41xPMyz39aaMZuVq\n\
IoBSKxs6Ayfth2vHvfU9hUcT+kMzsto7vhYl4q/V8FLQ40vYerSOl557gnDuBJ6V\n\
m2WNX+J69I7A4Y8V7Xr/ZTygRCc7xOzl3lQg4pwdUJ5RSkhnQte81L0uE13eZVi+\n\
VetNkRJqYn7/Rra2gmn4y4jIE1ksqNs/faaNDkUfM5AHfpscAwxmkCc12YmmlPw0\n\
v2XWo746r+rhAEsepMwvnBPo6jswsCWxeop63vgxIbaglGnOyjV4wv8cucPXHhrW\n\
VVdThbQZ2CDQoJyQBx2xUaduL9D3\n\
-----END CERTIFICATE-----\n\n";

#[test]
fn refund_and_quick_pay_with_an_expired_v3_certificate_are_refused_by_name() {
    let world = Memory::default();
    let account = world.account("1900000109")["v3"].clone();
    let (public_key, private_key) = (&account["public_key"], &account["private_key"]);
    let at_wechat = json!({"serial_no": SERIAL_NO, "public_key": public_key});
    world.control("/sandbox/merchants/1900000109", &at_wechat);
    let entered = json!({"certificate": UNTIL_10_JANUARY, "serial_no": SERIAL_NO,
                         "private_key": private_key});
    let shop = with(&world, "demo-v3", &entered);
    pay(&world, &shop, "N1");
    world.advance(1);
    assert_eq!(shop.status("N1")["trade_state"], "SUCCESS");
    world.advance(10 * 24 * 3600);
    for (status, answer) in [refund(&shop), quick_pay(&world, &shop, "pays")] {
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!("CERTIFICATE_EXPIRED")),
            "{answer}"
        );
    }
    assert_eq!(refunds(&shop), json!([]));
    assert_eq!(shop.call("GET", "/v1/order?out_trade_no=Q1", "").0, 404);
    assert_eq!(shop.alarms(), unusable(SERIAL_NO));
    let (ok, says) = certificate_check(&shop, "certificates");
    assert_eq!(ok, false, "{says}");
    assert!(says.contains("expired at 2026-01-10"), "{says}");
}

#[test]
fn a_v3_certificate_that_wechat_does_not_know_raises_an_alarm_with_its_serial_number() {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo-v3");
    pay(&world, &shop, "N1");
    world.advance(1);
    let account = world.account("1900000109")["v3"].clone();
    let serial_no = account["serial_no"].as_str().unwrap().to_owned();
    let key = account["public_key"].clone();
    let at_wechat = json!({"serial_no": "5A11D0B0C0FFEE00", "public_key": key});
    world.control("/sandbox/merchants/1900000109", &at_wechat);

    assert_eq!(refund(&shop).0, 200);
    let waits = refunds(&shop)[0].clone();
    assert_eq!(waits["refund_status"], "ASKED", "{waits}");
    assert_eq!(waits["err_code"], "SIGN_ERROR", "{waits}");
    assert_eq!(shop.alarms(), unusable(&serial_no));
    let (ok, says) = certificate_check(&shop, "keys");
    assert_eq!(ok, false, "{says}");

    let at_wechat = json!({"serial_no": serial_no, "public_key": key});
    world.control("/sandbox/merchants/1900000109", &at_wechat);
    world.advance(3 * 3600);
    assert_eq!(refunds(&shop)[0]["refund_status"], "SUCCESS");
}

/// A body that was corrupted in transit is refused like a wrong key.
#[test]
fn a_v3_signature_that_is_refused_once_raises_no_alarm() {
    let account = |world: &Memory| world.account("1900000109")["v3"].clone();
    for (times, is_alarm) in [(1, false), (2, true)] {
        let world = Memory::default();
        let shop = fixtures::shop(&world, "demo-v3");
        let serial_no = account(&world)["serial_no"].as_str().unwrap().to_owned();
        pay(&world, &shop, "N1");
        world.advance(1);
        let path = "POST /v3/global/refunds";
        let fault = json!({"path": path, "code": "SIGN_ERROR", "times": times});
        world.control("/sandbox/faults", &json!({ "fail_next": fault }));
        assert_eq!(refund(&shop).0, 200);
        let found = refunds(&shop)[0].clone();
        assert_eq!(found["err_code"] == "SIGN_ERROR", is_alarm, "{found}");
        match is_alarm {
            true => assert_eq!(shop.alarms(), unusable(&serial_no)),
            false => assert_eq!(shop.alarms(), []),
        }
        world.advance(3 * 3600);
        assert_eq!(refunds(&shop)[0]["refund_status"], "SUCCESS", "{times}");
    }
    // A Quick Pay is sent once. The query after it decides.
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo-v3");
    let path = "POST /v3/global/micropay/transactions/pay";
    let fault = json!({"path": path, "code": "SIGN_ERROR", "times": 1});
    world.control("/sandbox/faults", &json!({ "fail_next": fault }));
    quick_pay(&world, &shop, "pays");
    let calls = world.upstream_calls();
    let quick_pays = calls.iter().filter(|call| call.contains("/micropay/"));
    assert_eq!(quick_pays.count(), 1, "{calls:?}");
    world.advance(3600);
    assert_eq!(shop.alarms(), []);
}

/// An unsigned answer of WeChat is about the certificate only with the
/// documented text, and only for a call that presents it.
#[test]
fn only_the_documented_words_refuse_the_client_certificate() {
    let fail = |said: &str| {
        let xml = format!(
            "<xml><return_code><![CDATA[FAIL]]></return_code>\
             <return_msg><![CDATA[{said}]]></return_msg></xml>"
        );
        &*xml.leak()
    };
    for (said, is_refused) in [
        ("certificate not match", true),
        ("Certificate not match", true),
        ("请先下载证书", false),
        ("商户号的证书序列号参数格式错误", false),
        ("the certificate not match policy of today is off", false),
        ("系统繁忙", false),
    ] {
        let world = Memory::default();
        let shop = fixtures::shop(&world, "demo");
        pay(&world, &shop, "N1");
        world.advance(1);
        world.upstream([Upstream::Proxy(200, fail(said), "x")]);
        refund(&shop);
        let refused = refunds(&shop)[0]["err_code"] == "CLIENT_CERTIFICATE_REFUSED";
        assert_eq!(refused, is_refused, "{said}");
        let raised = shop.alarms() == unusable("1900000109");
        assert_eq!(raised, is_refused, "{said}");

        // An answer to a call without the certificate is not about it.
        let world = Memory::default();
        let shop = fixtures::shop(&world, "demo");
        world.upstream([Upstream::Proxy(200, fail(said), "x")]);
        shop.call("POST", "/v1/order", order("N1").to_string());
        assert_ne!(shop.alarms(), unusable("1900000109"), "{said}");
        // Text about the merchant means that payers cannot pay.
        let is_about_merchant = said.contains("商户");
        let expected =
            is_about_merchant.then(|| ("PAYMENTS_REFUSED".to_owned(), "1900000109".to_owned()));
        assert_eq!(shop.alarms(), Vec::from_iter(expected), "{said}");
    }
}

#[test]
fn an_answer_under_a_public_key_that_was_never_entered_raises_an_alarm_that_names_it() {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo-v3");
    let percent = json!({"public_key_percent": 100});
    world.control("/sandbox/merchants/1900000109", &percent);
    let (status, _) = shop.call("POST", "/v1/order", order("N1").to_string());
    assert_eq!(status, 502);
    let platform = world.account("1900000109")["v3"]["platform"].clone();
    let id = platform["public_key_id"].as_str().unwrap();
    assert_eq!(
        shop.alarms(),
        [("PUBLIC_KEY_UNKNOWN".to_owned(), id.to_owned())]
    );
}

#[test]
fn a_notice_under_a_public_key_that_was_never_entered_raises_an_alarm_that_names_it() {
    for id in ["demo-v3", "lantern-v3", "peak-v3"] {
        let world = Memory::default();
        let kind = fixtures::kind(id);
        let path = format!("/sandbox/merchants/{}", kind.mch_id);
        let percent = |percent: i64| {
            world.control(&path, &json!({"public_key_percent": percent}));
        };
        // A merchant with WeChat's certificates only.
        percent(0);
        let shop = fixtures::shop(&world, id);
        let made = shop.order(&fixtures::order("N1"));
        world.scan(&made["code_url"]);
        percent(100);
        let notice = world.take_notices().remove(0);
        // The answers are signed under a certificate, so only the notice names
        // the key.
        percent(0);
        let send = |body: &str| {
            let mut request = http::Request::post(&notice.url);
            for (name, value) in &notice.headers {
                request = request.header(name, value);
            }
            let request = request.body(body.as_bytes().to_vec()).unwrap();
            world.send(request).status().as_u16()
        };
        let name = "wechatpay-serial";
        let header = |(header, _): &&(String, String)| header.eq_ignore_ascii_case(name);
        let (_, serial) = notice.headers.iter().find(header).unwrap();
        let account = world.account(kind.mch_id);
        assert_eq!(*serial, account["v3"]["platform"]["public_key_id"]);
        assert!(serial.starts_with("PUB_KEY_ID_"), "{id}: {serial}");
        // The header alone, with a resource that cannot be decrypted, proves no
        // sender.
        let opened = notice
            .body
            .replacen("\"ciphertext\":\"", "\"ciphertext\":\"A", 1);
        assert!(opened != notice.body && send(&opened) >= 400, "{id}");
        assert_eq!(shop.alarms(), [], "{id}");
        assert!(send(&notice.body) >= 400, "{id}: not believed");
        let expected = [("PUBLIC_KEY_UNKNOWN".to_owned(), serial.clone())];
        assert_eq!(shop.alarms(), expected, "{id}");
    }
}

#[test]
fn the_same_account_for_two_merchants_is_warned_of_at_entry_and_by_the_doctor() {
    let world = Memory::default();
    let first = fixtures::shop(&world, "demo");
    assert!(first.made["warnings"].is_null(), "{}", first.made);
    let second = world.shop_with("sibling", &fixtures::body_as(&world, "demo", "sibling"));
    let warning = second.made["warnings"][0].as_str().unwrap();
    assert!(warning.contains("demo"), "{warning}");
    for (shop, other) in [(&first, "sibling"), (&second, "demo")] {
        let (ok, says) = certificate_check(shop, "account");
        assert!(ok.is_null() && says.contains(other), "{says}");
    }
    // Sub-merchants of one institution share its mch_id and appid.
    fixtures::shop(&world, "peak-v3");
    let ferry = fixtures::shop(&world, "ferry-v3");
    assert!(ferry.made["warnings"].is_null(), "{}", ferry.made);
}

/// In memory as on Workers a certificate is a binding's.
#[test]
fn a_v2_client_certificate_is_refused_by_a_runtime_that_presents_none() {
    let world = Memory::default();
    let account = world.account("1900000109")["v3"].clone();
    let (certificate, key) = (&account["certificate"], &account["private_key"]);
    let shop = with(&world, "demo", &json!({}));
    let path = format!("/merchants/{}/rotate", shop.id);
    for (entered, field, says) in [
        (
            json!({"certificate": certificate, "private_key": key}),
            "certificate",
            "bindings only",
        ),
        (json!({"private_key": key}), "private_key", "certificate"),
        (
            json!({"certificate": certificate}),
            "certificate",
            "private_key",
        ),
        (
            json!({"certificate": certificate, "private_key": key, "serial_no": SERIAL_NO}),
            "serial_no",
            "v3",
        ),
    ] {
        let (status, answer) = world.admin(&path, &entered);
        assert_eq!((status, &answer["field"]), (400, &json!(field)), "{answer}");
        assert!(
            answer["message"].as_str().unwrap().contains(says),
            "{answer}"
        );
    }
    let of_ionline = fixtures::shop(&world, "night-ionline");
    let path = format!("/merchants/{}/rotate", of_ionline.id);
    let entered = json!({"certificate": certificate, "private_key": key});
    let (status, answer) = world.admin(&path, &entered);
    assert_eq!(
        (status, &answer["code"]),
        (400, &json!("FIELD_INVALID")),
        "{answer}"
    );
}
