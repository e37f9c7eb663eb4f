//! The demo merchant in every dialect, through the real Workers: RSA signatures
//! are made by the runtime's own `WebCrypto`.

use crate::merchant_calls::data;
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};
use testkit::demo::{Kind, MERCHANTS};
use tests::live::{Answer, Live, Receiver, Shop, send, wait_for};
use wechatpay::Secret;
use wechatpay::rsa::PrivateKey;
use wechatpay::v3::notify::Notice;
use wechatpay::v3::sign::{PROBE_PREFIX, answer_message};
use wechatpay::v3::{Region, Signature};

/// One system for the tests that do not change how WeChat behaves.
static LIVE: LazyLock<Live> = LazyLock::new(|| Live::start("dialects"));

/// What WeChat signs with in the sandbox, and what it does not.
const PLATFORM_KEY: &str = include_str!("../../sandbox/src/keys/platform_1.key.pem");
const UNRELATED_KEY: &str = include_str!("../../sandbox/src/keys/platform_3.key.pem");

fn kind(id: &str) -> Kind {
    *MERCHANTS.iter().find(|kind| kind.id == id).unwrap()
}

/// A merchant of the kind `demo-v3`, under another name.
fn v3(live: &Live, id: &str) -> (Shop, Value) {
    live.shop_of(kind("demo-v3"), &json!({ "id": id }))
}

fn seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

#[test]
fn each_dialect_is_paid_delivered_queried_and_refunded() {
    thread::scope(|scope| {
        for kind in MERCHANTS {
            scope.spawn(move || whole_life(kind));
        }
    });
}

fn whole_life(kind: Kind) {
    let id = kind.id;
    let (shop, account) = LIVE.shop_of(kind, &json!({}));
    let merchant = Receiver::good();
    let number = format!("LIFE-{id}");
    let made = shop.native(&number, Some(&merchant.url));
    assert_eq!(shop.state(&number), "NOTPAY", "{id}");
    LIVE.scan(&made["code_url"]);
    let document = wait_for("the delivery", || merchant.received().first().cloned());
    let checked = shop.call("POST", "/v1/checksign", document).json();
    assert_eq!(checked["data"]["valid"], true, "{id}: {checked}");
    let query = format!("/v1/order?out_trade_no={number}");
    let order = data(&shop, "GET", &query, &Value::Null);
    assert_eq!(order["trade_state"], "SUCCESS", "{id}: {order}");
    assert_eq!(order["fee_type"], account["fee_type"], "{id}: {order}");
    let counters = shop.report()["counters"].clone();
    assert_eq!(counters["notice_taken"], 1, "{id}: {counters}");

    let refund = format!("BACK-{id}");
    let asked = json!({"out_trade_no": number, "total_fee": 150, "refund_fee": 50,
                       "out_refund_no": refund});
    let refunded = data(&shop, "POST", "/v1/refund", &asked);
    assert_eq!(refunded["refund_status"], "PROCESSING", "{id}: {refunded}");
    let path = format!("/sandbox/refunds/{}/{refund}", kind.mch_id);
    let mut ended = json!({"status": "SUCCESS"});
    if let Some(at) = kind.sub_merchant {
        ended["sub_mch_id"] = account["sub_merchants"][at]["sub_mch_id"].clone();
    }
    let ended = LIVE.control(&path, &ended);
    let refunds = format!("/v1/refund?out_trade_no={number}");
    wait_for("the refund's end", || {
        let refunds = data(&shop, "GET", &refunds, &Value::Null);
        let status = &refunds["refunds"][0]["refund_status"];
        assert!(
            status == "PROCESSING" || status == "SUCCESS",
            "{id}: {refunds}; {ended}"
        );
        (status == "SUCCESS").then_some(())
    });
    assert_eq!(shop.state(&number), "REFUND", "{id}");
}

#[test]
fn each_payment_without_a_notice_is_found_by_a_query() {
    let live = Live::start("queries");
    live.control("/sandbox/faults", &json!({"hold_notices": true}));
    thread::scope(|scope| {
        for kind in MERCHANTS {
            let live = &live;
            scope.spawn(move || {
                let (shop, _) = live.shop_of(kind, &json!({}));
                let number = format!("QUERY-{}", kind.id);
                let made = shop.native(&number, None);
                live.scan(&made["code_url"]);
                wait_for(kind.id, || (shop.state(&number) == "SUCCESS").then_some(()));
                let counters = shop.report()["counters"].clone();
                assert_eq!(counters["notice_taken"], Value::Null, "{counters}");
            });
        }
    });
}

#[test]
fn a_key_of_another_serial_number_is_named_when_it_is_used() {
    let change = json!({ "id": "wrong-key", "private_key": UNRELATED_KEY });
    let (shop, _) = LIVE.shop_of(kind("demo-v3"), &change);
    let order = json!({"out_trade_no": "WRONG-KEY", "body": "Demo Order", "total_fee": "150",
                       "trade_type": "NATIVE"});
    let answer = shop.call("POST", "/v1/order", order.to_string());
    let answer = (answer.status, answer.json());
    assert_eq!(answer.0, 502, "{answer:?}");
    assert_eq!(answer.1["code"], "UPSTREAM_REFUSED", "{answer:?}");
    let told = &answer.1["message"];
    assert_eq!(told["err_code"], "SIGN_ERROR", "{told}");
    let difference = told["difference"].as_str().unwrap();
    assert!(
        difference.starts_with("Nothing differs: the private key is not"),
        "{told}"
    );
}

#[test]
fn an_invalid_key_is_refused_at_entry() {
    let account = LIVE.account("1900000109");
    let good = account["v3"]["private_key"].as_str().unwrap();
    let half = &good[..good.len() / 2];
    for (name, field, value) in [
        ("no-pem", "private_key", "not a key"),
        ("cut", "private_key", half),
        (
            "a-certificate",
            "private_key",
            account["v3"]["certificate"].as_str().unwrap(),
        ),
        ("a-private-one", "wechatpay_public_key", good),
    ] {
        let mut body = kind("demo-v3").admin_body(&account, &LIVE.sandbox());
        body["id"] = name.into();
        body["wechatpay_public_key_id"] = match field {
            "private_key" => Value::Null,
            _ => "PUB_KEY_ID_0119000001092024110100000000".into(),
        };
        body[field] = value.into();
        let answer = LIVE.try_make(&body);
        let told = answer.json();
        assert_eq!(
            (answer.status, &told["code"]),
            (400, &json!("KEY_INVALID")),
            "{name}: {told}"
        );
        assert!(told.to_string().contains(field), "{name}: {told}");
        assert!(!told.to_string().contains("PRIVATE KEY"), "{name}: {told}");
    }
}

#[test]
fn certificates_are_downloaded_once_for_many_orders() {
    let live = Live::start("certificates-once");
    let (shop, account) = v3(&live, "demo");
    shop.native("C0", None);

    // A repeated request is refused, and counted.
    let path = "/v3/global/certificates";
    let count = json!({"path": format!("GET {path}"), "code": "SYSTEM_ERROR", "times": 1000});
    live.control("/sandbox/faults", &json!({ "fail_next": count }));
    let merchant = Receiver::good();
    thread::scope(|scope| {
        for thread in 0..4 {
            let (shop, live, merchant) = (&shop, &live, &merchant);
            scope.spawn(move || {
                for n in 0..5 {
                    let made = shop.native(&format!("C{thread}-{n}"), Some(&merchant.url));
                    live.scan(&made["code_url"]);
                }
            });
        }
    });
    wait_for("the deliveries", || {
        (merchant.received().len() == 20).then_some(())
    });
    let jsapi = json!({"out_trade_no": "C-JSAPI", "body": "Demo Order", "total_fee": "150",
                       "trade_type": "JSAPI", "open_id": account["openids"]["alice"]});
    let jsapi = data(&shop, "POST", "/v1/order", &jsapi);
    assert_eq!(jsapi["jsapi"]["signType"], "RSA");
    let faults = send(
        "GET",
        &format!("{}/sandbox/faults", live.sandbox()),
        &[],
        "",
    )
    .json();
    assert_eq!(faults["fail_next"][0]["times"], 1000, "{faults}");
}

#[test]
fn every_message_is_signed_once_and_every_key_imported_once() {
    let counted = bench::count().unwrap_or_else(|failure| panic!("{failure}"));
    let (orders, notices) = (counted.by_orders, counted.by_notices);
    assert!(counted.orders > 0 && counted.notices > 0, "{counted:?}");
    // An order: the request, and the package that opens the payment sheet.
    // Further requests to WeChat on a slow machine (the query of a timer that
    // has become due, certificates) are signed once, too.
    let (asked, answered) = counted.exchanged_for_orders;
    assert!(asked >= counted.orders, "{counted:?}");
    assert_eq!(orders.signatures, asked + counted.orders, "{counted:?}");
    assert_eq!(orders.verifications, answered, "{counted:?}");
    let (asked, answered) = counted.exchanged_for_notices;
    assert_eq!(notices.signatures, asked, "{counted:?}");
    let verified = counted.notices + answered;
    assert_eq!(notices.verifications, verified, "{counted:?}");
    // The merchant's own, to sign and, when it was entered, to try it; and
    // WeChat's.
    assert_eq!(counted.imports, 3, "{counted:?}");
}

#[test]
fn a_merchants_first_orders_may_be_concurrent() {
    let live = Live::start("first-orders");
    let (shop, _) = v3(&live, "demo");
    // The merchant is cached before WeChat's keys are.
    assert_eq!(shop.state("NONE"), "");
    thread::scope(|scope| {
        for n in 0..16 {
            let shop = &shop;
            scope.spawn(move || shop.native(&format!("FIRST{n}"), None));
        }
    });
}

#[test]
fn wechats_signing_key_may_change() {
    let live = Live::start("rotation");
    let (shop, _) = v3(&live, "demo");
    let pay = |number: &str| {
        let merchant = Receiver::good();
        let made = shop.native(number, Some(&merchant.url));
        live.scan(&made["code_url"]);
        wait_for("the delivery", || merchant.received().first().cloned());
        let counters = shop.report()["counters"].clone();
        assert_eq!(counters["notice_unknown_serial"], Value::Null, "{counters}");
    };
    // The next certificate is listed before it signs.
    let turn = || {
        let turned = json!({"rotate_platform_certificate": true});
        live.control("/sandbox/merchants/1900000109", &turned);
    };
    turn();
    pay("FIRST");
    turn();
    pay("SECOND");
}

/// The headers and the body of a notice, and its signing key.
pub(crate) struct Forgery {
    serial: String,
    key: &'static str,
    timestamp_s: i64,
    body: String,
    /// The change after signing.
    then: fn(&mut Vec<(String, String)>, &mut String),
}

impl Forgery {
    fn send(&self, merchant: &str) -> Answer {
        let (headers, body) = self.written();
        notify(merchant, &headers, body)
    }

    pub(crate) fn written(&self) -> (Vec<(String, String)>, String) {
        let key = PrivateKey::from_pem(self.key).unwrap();
        let nonce = "5K8264ILTKCH16CQ2502SI8ZNMTM67VS";
        let message = answer_message(self.timestamp_s, nonce, self.body.as_bytes());
        let signed = Signature {
            timestamp_s: self.timestamp_s,
            nonce: nonce.to_owned(),
            serial: self.serial.clone(),
            signature: tests::rsa::sign(&key, &message).unwrap(),
        };
        let headers = signed.to_headers().into_iter();
        let mut headers: Vec<_> = headers.map(|(n, v)| (n.to_owned(), v)).collect();
        let mut body = self.body.clone();
        (self.then)(&mut headers, &mut body);
        (headers, body)
    }
}

fn notify(merchant: &str, headers: &[(String, String)], body: String) -> Answer {
    let url = format!("{}/notify/v3/{merchant}", LIVE.gateway());
    let mut headers: Vec<_> = headers
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    headers.push(("content-type", "application/json"));
    send("POST", &url, &headers, body)
}

/// A notice that `number` was paid, as WeChat would send it now, under this
/// APIv3 key.
pub(crate) fn paid(account: &Value, number: &str, amount: i64, key: &str) -> Forgery {
    let payment = order::Payment {
        account: order::Account {
            appid: account["appid"].as_str().unwrap().to_owned(),
            mch_id: account["mch_id"].as_str().unwrap().to_owned(),
            sub_appid: None,
            sub_mch_id: None,
        },
        out_trade_no: number.to_owned(),
        transaction_id: format!("4200{number}"),
        money: order::Money::new(amount, order::Currency::Hkd).unwrap(),
        trade_type: order::TradeType::Native,
        openid: None,
        sub_openid: None,
        is_subscribe: None,
        sub_is_subscribe: None,
        bank_type: None,
        cash_fee: None,
        cash_fee_type: None,
        rate: None,
        attach: None,
        time_end: "20260102110500".to_owned(),
    };
    let notice = Notice {
        id: format!("EV-{number}"),
        payment,
    };
    let now_s = seconds();
    let sealed = notice.seal(
        Region::Global,
        now_s * 1000,
        "fdasfsadsadf",
        &Secret::new(key),
    );
    let platform = &account["v3"]["platform"]["certificates"][0];
    assert_eq!(platform["signs"], true, "{platform}");
    Forgery {
        serial: platform["serial_no"].as_str().unwrap().to_owned(),
        key: PLATFORM_KEY,
        timestamp_s: now_s,
        body: sealed.unwrap().to_json(),
        then: |_, _| {},
    }
}

#[test]
fn forged_notices_change_nothing() {
    // WeChat knows of no payment: the notice alone is accepted.
    let alone = json!({"id": "forged", "confirm_notices_from": 1000});
    let (shop, account) = LIVE.shop_of(kind("demo-v3"), &alone);
    let merchant = Receiver::good();
    shop.native("FORGED", Some(&merchant.url));
    let key = account["v3"]["apiv3_key"].as_str().unwrap();
    let true_one = || paid(&account, "FORGED", 150, key);
    let mut expected = Vec::new();
    let mut check = |name: &str, counted: &'static str, status: u16, forgery: Forgery| {
        let answer = forgery.send("forged");
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        assert_eq!(shop.state("FORGED"), "NOTPAY", "{name}");
        expected.push(counted);
    };
    check(
        "an unknown serial number",
        "notice_unknown_serial",
        401,
        Forgery {
            serial: "5A11D0B0C0FFEE01FFFFFFFFFFFFFFFFFFFFFFFF".to_owned(),
            ..true_one()
        },
    );
    check(
        "another's key under WeChat's serial number",
        "notice_bad_signature",
        401,
        Forgery {
            key: UNRELATED_KEY,
            ..true_one()
        },
    );
    check(
        "signed six minutes ago",
        "notice_stale",
        401,
        Forgery {
            timestamp_s: seconds() - 360,
            ..true_one()
        },
    );
    check(
        "a probe",
        "notice_probe",
        401,
        Forgery {
            then: |headers, _| headers[3].1.insert_str(0, PROBE_PREFIX),
            ..true_one()
        },
    );
    check(
        "no headers, and not under the merchant's key",
        "notice_not_signed",
        401,
        Forgery {
            then: |headers, _| headers.clear(),
            ..paid(&account, "FORGED", 150, "weceive-sandbox-v3-inst-key-0002")
        },
    );
    check(
        "signed, and not under the merchant's key",
        "notice_not_opened",
        400,
        paid(&account, "FORGED", 150, "weceive-sandbox-v3-inst-key-0002"),
    );
    check(
        "another amount",
        "notice_other_amount",
        409,
        paid(&account, "FORGED", 1, key),
    );

    let tampered = Forgery {
        then: |_, body| *body = body.replace("TRANSACTION.SUCCESS", "TRANSACTION.SUCCESs"),
        ..true_one()
    };
    assert_eq!(tampered.send("forged").status, 401);
    // With the merchant's key and no signature: WeChat is queried, and knows of
    // no payment.
    let hint = Forgery {
        then: |headers, _| headers.clear(),
        ..true_one()
    };
    hint.send("forged");
    assert_eq!(shop.state("FORGED"), "NOTPAY");
    assert!(merchant.received().is_empty());
    // An isolate reports refused notices to a book every ten seconds, with the
    // next one.
    wait_for("the counters", || {
        let stale = Forgery {
            timestamp_s: seconds() - 360,
            ..true_one()
        };
        assert_eq!(stale.send("forged").status, 401);
        std::thread::sleep(std::time::Duration::from_millis(500));
        let counters = shop.report()["counters"].clone();
        let all = expected
            .iter()
            .all(|name| counters[*name].as_i64() >= Some(1));
        (all && counters["notice_bad_signature"] == 2).then_some(())
    });

    assert_eq!(true_one().send("forged").status, 204);
    assert_eq!(shop.state("FORGED"), "SUCCESS");
}

#[test]
fn fifty_identical_notices_are_one_payment() {
    // WeChat knows of no payment: the notice alone is accepted.
    let alone = json!({"id": "fifty", "confirm_notices_from": 1000});
    let (shop, account) = LIVE.shop_of(kind("demo-v3"), &alone);
    let merchant = Receiver::good();
    shop.native("FIFTY", Some(&merchant.url));
    let key = account["v3"]["apiv3_key"].as_str().unwrap();
    let (headers, body) = paid(&account, "FIFTY", 150, key).written();
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                let answer = notify("fifty", &headers, body.clone());
                assert_eq!(answer.status, 204, "{}", answer.text());
            });
        }
    });
    wait_for("the delivery", || merchant.received().first().cloned());
    let counters = shop.report()["counters"].clone();
    assert_eq!(counters["notice_taken"], 1, "{counters}");
    assert_eq!(counters["notice_duplicate"], 49, "{counters}");
    assert_eq!(merchant.received().len(), 1);
}
