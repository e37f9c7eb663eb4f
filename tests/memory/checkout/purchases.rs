//! A purchase keeps one payment, with every combination of paid attempts; and
//! each end of a refund is delivered to the merchant, in order.

use crate::checkout::sign_in::{Browser, DESKTOP, WECHAT, call, checkout, with_secret};
use serde_json::{Value, json};
use testkit::demo::MERCHANTS;
use tests::memory::{GATEWAY, Memory, Received, SHOP_NOTIFY, Shop, Upstream};
use wechatpay::Secret;
use wechatpay::common::refund::Status;
use wechatpay::v2::refund_notify::{Notice, NoticeError};

const REFUNDS: &str = "https://shop.example.com/refunds";

/// The demo merchant of this dialect, with a URL for refunds.
fn shop(world: &Memory, id: &str) -> (Shop, Secret) {
    let kind = *MERCHANTS.iter().find(|kind| kind.id == id).unwrap();
    let account = world.account(kind.mch_id);
    let mut body = kind.admin_body(&account, "https://shop.example.com");
    body["refund_notify_url"] = json!(REFUNDS);
    let key = Secret::new(body["api_key"].as_str().unwrap());
    (world.shop_with(kind.id, &body), key)
}

/// A checkout's address, with a URL for the notice of its payment.
fn checkout_with_notify_url(shop: &Shop, number: &str) -> String {
    let body = json!({"out_trade_no": number, "body": "Oolong", "total_fee": 8800,
                      "notify_url": SHOP_NOTIFY});
    let (status, answer) = shop.call("POST", "/v1/checkout", body.to_string());
    assert_eq!(status, 200, "{answer}");
    let url = answer["data"]["url"].as_str().unwrap();
    url.strip_prefix(GATEWAY).unwrap().to_owned()
}

/// The same purchase opened on a desktop, then in WeChat: returns a code and a
/// package, both of which can be paid.
fn two_ways(world: &Memory, page: &str) -> (Value, Value) {
    let (status, desktop) = Browser::new(world, DESKTOP).post(&call(page, "order"));
    assert_eq!(status, 200, "{desktop}");
    let mut phone = Browser::new(world, WECHAT);
    let mut url = page.to_owned();
    for _ in 0..3 {
        url = phone.get(&url).1;
    }
    let (status, prepared) = phone.post(&call(page, "order"));
    assert_eq!(status, 200, "{prepared}");
    (desktop["qr"]["code_url"].clone(), prepared["jsapi"].clone())
}

/// A purchase that is paid in WeChat and then by its code, while `hinder`
/// prevents the refund.
pub fn paid_twice(world: &Memory, hinder: impl Fn(&Memory)) -> Shop {
    let (shop, _) = shop(world, "demo");
    let page = checkout_with_notify_url(&shop, "1");
    let (code_url, package) = two_ways_by_a_wrong_answer(world, &page);
    bridge(world, &package);
    world.advance(2);
    world.scan_as("bob", &code_url);
    // The second payment is confirmed; then its refund is requested.
    world.send_notices();
    hinder(world);
    shop
}

/// The same in v2, where WeChat says that it closed the first attempt, and did
/// not.
fn two_ways_by_a_wrong_answer(world: &Memory, page: &str) -> (Value, Value) {
    let lie = json!({"path": "/pay/closeorder", "code": "ORDERCLOSED", "times": 1});
    world.control("/sandbox/faults", &json!({ "fail_next": lie }));
    two_ways(world, page)
}

fn bridge(world: &Memory, package: &Value) {
    let call = json!({"payer": "alice", "package": package, "action": "pay"});
    let said = world.control("/sandbox/bridge", &call);
    assert_eq!(said["err_msg"], "get_brand_wcpay_request:ok", "{said}");
}

fn found(shop: &Shop, number: &str) -> Value {
    let path = format!("/v1/checkout?out_trade_no={number}");
    let (status, answer) = shop.call("GET", &path, "");
    assert_eq!(status, 200, "{answer}");
    answer["data"].clone()
}

fn at(world: &Memory, url: &str) -> Vec<Received> {
    let received = world.received().into_iter();
    received.filter(|received| received.url == url).collect()
}

/// What must hold when nothing is due any more: the purchase keeps `kept`, and
/// `back` was refunded in full, once, and was not reported as a sale.
fn settled(world: &Memory, shop: &Shop, key: &Secret, kept: &str, back: &str) {
    let checkout = found(shop, "1");
    assert_eq!(checkout["state"], "paid", "{checkout}");
    for attempt in checkout["attempts"].as_array().unwrap() {
        let number = attempt["out_trade_no"].as_str().unwrap();
        let refunds = attempt["refunds"].as_array().unwrap();
        if number == kept {
            assert_eq!(attempt["trade_state"], "SUCCESS", "{attempt}");
            assert_eq!(attempt["duplicate_of"], Value::Null, "{attempt}");
            assert_eq!(refunds.len(), 0, "{attempt}");
        } else {
            assert_eq!(number, back);
            assert_eq!(attempt["trade_state"], "REFUND", "{attempt}");
            assert_eq!(attempt["duplicate_of"], kept, "{attempt}");
            assert_eq!(attempt["paid_besides"], kept, "{attempt}");
            assert_eq!(refunds.len(), 1, "{attempt}");
            assert_eq!(refunds[0]["refund_status"], "SUCCESS", "{attempt}");
            assert_eq!(refunds[0]["refund_fee"], "8800", "{attempt}");
            let named = refunds[0]["out_refund_no"].as_str().unwrap();
            assert_eq!(named, format!("{back}-TWICE"));
        }
    }
    let at_wechat = world.refunds_at_wechat();
    assert_eq!(at_wechat.as_array().unwrap().len(), 1, "{at_wechat}");
    assert_eq!(at_wechat[0]["out_trade_no"], back, "{at_wechat}");

    // The merchant's number means the payment that is kept.
    let order = shop.status("1");
    assert_eq!(order["out_trade_no"], kept);
    assert_eq!(order["trade_state"], "SUCCESS");

    // One sale was delivered, and one refund: of another payment than the
    // sale's.
    let [sale] = &at(world, SHOP_NOTIFY)[..] else {
        panic!("{:?}", world.received());
    };
    let sale = wechatpay::common::Fields::parse(sale.body.as_bytes()).unwrap();
    assert_eq!(sale.get("out_trade_no"), Some(kept));
    let [refund_notice] = &at(world, REFUNDS)[..] else {
        panic!("{:?}", world.received());
    };
    let refund_notice = Notice::read(refund_notice.body.as_bytes(), key)
        .unwrap()
        .refund;
    assert_eq!(refund_notice.out_trade_no, back);
    assert_eq!(refund_notice.out_refund_no, format!("{back}-TWICE"));
    assert_eq!(
        (refund_notice.total_fee, refund_notice.refund_fee),
        (8800, 8800)
    );
    assert_eq!(refund_notice.refund_status, Status::Success);
    assert_ne!(
        Some(&*refund_notice.transaction_id),
        sale.get("transaction_id")
    );
    assert!(refund_notice.refund_id.is_some());

    let report = shop.report();
    assert_eq!(report["counters"]["purchase_paid_twice"], 1);
    assert_eq!(report["counters"]["order:SUCCESS"], 2);
    assert_eq!(report["alarms"], json!([]), "no action is needed");
}

#[test]
fn ionline_a_second_payment_from_another_device_is_refunded() {
    for phone_first in [false, true] {
        let world = Memory::default();
        let (shop, key) = shop(&world, "night-ionline");
        let page = checkout_with_notify_url(&shop, "1");
        let (code_url, package) = two_ways(&world, &page);
        match phone_first {
            true => bridge(&world, &package),
            false => world.scan_as("bob", &code_url),
        }
        world.advance(2);
        match phone_first {
            true => world.scan_as("bob", &code_url),
            false => bridge(&world, &package),
        }
        world.advance(2);
        // Written with the payment, and requested at once.
        let asked = world.refunds_at_wechat();
        assert_eq!(asked.as_array().unwrap().len(), 1, "{asked}");
        world.advance(4 * 24 * 3600);
        let (kept, back) = if phone_first {
            ("1-2", "1")
        } else {
            ("1", "1-2")
        };
        settled(&world, &shop, &key, kept, back);
    }
}

#[test]
fn ionline_each_device_keeps_its_attempt() {
    let world = Memory::default();
    let (shop, _) = shop(&world, "night-ionline");
    let page = checkout_with_notify_url(&shop, "1");
    let mut desktop = Browser::new(&world, DESKTOP);
    let (_, first) = desktop.post(&call(&page, "order"));
    let (code_url, package) = two_ways(&world, &page);
    assert_eq!(first["qr"]["code_url"], code_url);
    let (_, again) = desktop.post(&call(&page, "order"));
    assert_eq!(again["qr"]["code_url"], code_url, "the same, not a third");
    assert_eq!(found(&shop, "1")["attempts"].as_array().unwrap().len(), 2);
    bridge(&world, &package);
    world.advance(1);
    // A payer who opens the page now is not asked to pay.
    let (_, over) = desktop.post(&call(&page, "order"));
    assert!(over["not_open"]["state"]["paid"].is_object(), "{over}");
    world.advance(3 * 3600);
    let attempts = found(&shop, "1")["attempts"].clone();
    assert_eq!(attempts[0]["trade_state"], "CLOSED", "{attempts}");
    assert_eq!(attempts[1]["trade_state"], "SUCCESS", "{attempts}");
}

#[test]
fn ionline_cancelling_a_purchase_ends_every_attempt() {
    let world = Memory::default();
    let (shop, _) = shop(&world, "night-ionline");
    let page = checkout_with_notify_url(&shop, "1");
    let _ = two_ways(&world, &page);
    let close = json!({"out_trade_no": "1"}).to_string();
    assert_eq!(shop.call("POST", "/v1/close", close).0, 200);
    world.advance(3 * 3600);
    let attempts = found(&shop, "1")["attempts"].clone();
    for attempt in attempts.as_array().unwrap() {
        assert_eq!(attempt["trade_state"], "CLOSED", "{attempts}");
    }
}

#[test]
fn a_late_payment_of_a_closed_attempt_is_refunded() {
    for id in ["demo", "harbour"] {
        let world = Memory::default();
        let (shop, key) = shop(&world, id);
        let page = checkout_with_notify_url(&shop, "1");
        let (code_url, package) = two_ways_by_a_wrong_answer(&world, &page);
        bridge(&world, &package);
        world.advance(2);
        assert_eq!(found(&shop, "1")["state"], "paid");
        world.scan_as("bob", &code_url);
        world.advance(4 * 24 * 3600);
        settled(&world, &shop, &key, "1-2", "1");
    }
}

/// The payment that was written first is kept, because the merchant may already
/// have its delivery.
#[test]
fn the_payment_that_is_known_first_is_kept() {
    let world = Memory::default();
    let (shop, key) = shop(&world, "demo");
    let page = checkout_with_notify_url(&shop, "1");
    let (code_url, package) = two_ways_by_a_wrong_answer(&world, &page);
    world.lose_notices(true);
    world.scan_as("bob", &code_url);
    world.advance(3);
    world.lose_notices(false);
    bridge(&world, &package);
    world.advance(4 * 24 * 3600);
    settled(&world, &shop, &key, "1-2", "1");
}

#[test]
fn repeated_notices_change_nothing() {
    let world = Memory::default();
    let (shop, key) = shop(&world, "demo");
    world.control("/sandbox/faults", &json!({"duplicate_notices": 3}));
    let page = checkout_with_notify_url(&shop, "1");
    let (code_url, package) = two_ways_by_a_wrong_answer(&world, &page);
    bridge(&world, &package);
    world.scan_as("bob", &code_url);
    world.advance(4 * 24 * 3600);
    settled(&world, &shop, &key, "1-2", "1");
    let counters = &shop.report()["counters"];
    assert_eq!(counters["notice_taken"], 2, "{counters}");
    assert_eq!(counters["notice_duplicate"], 6, "{counters}");
}

#[test]
fn a_refund_is_requested_until_it_is_made_and_made_once() {
    for fault in [
        Upstream::LosesRequest,
        Upstream::LosesAnswer,
        Upstream::Answers502,
    ] {
        let world = Memory::default();
        let (shop, key) = shop(&world, "demo");
        let page = checkout_with_notify_url(&shop, "1");
        let (code_url, package) = two_ways_by_a_wrong_answer(&world, &page);
        bridge(&world, &package);
        world.advance(2);
        world.scan_as("bob", &code_url);
        world.upstream([fault; 6]);
        world.advance(4 * 24 * 3600);
        settled(&world, &shop, &key, "1-2", "1");
    }
}

#[test]
fn a_missing_certificate_raises_an_alarm_that_says_what_to_do() {
    let world = Memory::default();
    let (shop, key) = shop(&world, "demo");
    let page = checkout_with_notify_url(&shop, "1");
    let (code_url, package) = two_ways_by_a_wrong_answer(&world, &page);
    bridge(&world, &package);
    world.advance(2);
    world.scan_as("bob", &code_url);
    world.send_notices();
    world.upstream([Upstream::LosesRequest; 300]);
    world.advance(3600);
    let report = shop.report();
    let alarm = &report["alarms"][0];
    assert_eq!(alarm["subject"], "1", "{report}");
    assert_eq!(alarm["name"], "SECOND_PAYMENT_WAITS", "{report}");
    for words in ["paid twice", "client_certificate", "top up"] {
        assert!(alarm.to_string().contains(words), "{alarm}");
    }
    // The refund was not given up.
    let refund = &found(&shop, "1")["attempts"][0]["refunds"][0];
    assert_eq!(refund["refund_status"], "ASKED", "{refund}");
    world.advance(30 * 24 * 3600);
    let refund = &found(&shop, "1")["attempts"][0]["refunds"][0];
    assert_eq!(refund["refund_status"], "SUCCESS", "{refund}");
    let [refund_notice] = &at(&world, REFUNDS)[..] else {
        panic!("{:?}", world.received());
    };
    assert!(Notice::read(refund_notice.body.as_bytes(), &key).is_ok());
}

#[test]
fn a_permanently_failed_refund_raises_an_alarm() {
    let world = Memory::default();
    let (shop, key) = shop(&world, "demo");
    let page = checkout_with_notify_url(&shop, "1");
    let (code_url, package) = two_ways_by_a_wrong_answer(&world, &page);
    bridge(&world, &package);
    world.advance(2);
    let refuse = json!({"path": "/secapi/pay/refund", "code": "USER_ACCOUNT_ABNORMAL", "times": 1});
    world.control("/sandbox/faults", &json!({ "fail_next": refuse }));
    world.scan_as("bob", &code_url);
    world.advance(60);
    let report = shop.report();
    assert_eq!(report["alarms"][0]["name"], "SECOND_PAYMENT_KEPT");
    assert_eq!(report["alarms"][0]["subject"], "1");
    let [refund_notice] = &at(&world, REFUNDS)[..] else {
        panic!("{:?}", world.received());
    };
    let refund_notice = Notice::read(refund_notice.body.as_bytes(), &key)
        .unwrap()
        .refund;
    assert_eq!(refund_notice.refund_status, Status::RefundClose);
    assert_eq!(refund_notice.refund_id, None, "WeChat never had it");
}

#[test]
fn a_merchants_refund_with_the_same_number_is_not_changed() {
    let world = Memory::default();
    let (shop, _) = shop(&world, "demo");
    let data = shop.order(
        &json!({"out_trade_no": "other", "body": "x", "total_fee": 1,
                                  "trade_type": "NATIVE"}),
    );
    world.scan_as("bob", &data["code_url"]);
    world.advance(1);
    let refund = json!({"out_trade_no": "other", "out_refund_no": "1-TWICE", "refund_fee": 1});
    assert_eq!(shop.call("POST", "/v1/refund", refund.to_string()).0, 200);

    let page = checkout_with_notify_url(&shop, "1");
    let (code_url, package) = two_ways_by_a_wrong_answer(&world, &page);
    bridge(&world, &package);
    world.advance(2);
    world.scan_as("bob", &code_url);
    world.advance(4 * 24 * 3600);
    let back = found(&shop, "1")["attempts"][0].clone();
    assert_eq!(back["refunds"][0]["out_refund_no"], "1-TWICE_", "{back}");
    assert_eq!(back["refunds"][0]["refund_status"], "SUCCESS", "{back}");
    let mut back: Vec<i64> = world
        .refunds_at_wechat()
        .as_array()
        .unwrap()
        .iter()
        .map(|refund| refund["refund_fee"].as_i64().unwrap())
        .collect();
    back.sort_unstable();
    assert_eq!(back, [1, 8800]);
}

#[test]
fn a_merchant_without_a_refund_url_gets_no_refund_delivery() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "1");
    let (code_url, package) = two_ways_by_a_wrong_answer(&world, &page);
    bridge(&world, &package);
    world.advance(2);
    world.scan_as("bob", &code_url);
    world.advance(4 * 24 * 3600);
    assert_eq!(world.received(), []);
    let back = &found(&shop, "1")["attempts"][0]["refunds"][0];
    assert_eq!(back["refund_status"], "SUCCESS", "{back}");
}

/// The bank ends the only refund.
fn bank(world: &Memory, status: &str) {
    let refund = &world.refunds_at_wechat()[0];
    let text = |name: &str| refund[name].as_str().unwrap().to_owned();
    let path = format!(
        "/sandbox/refunds/{}/{}",
        text("mch_id"),
        text("out_refund_no")
    );
    let sub = refund["sub_mch_id"].as_str();
    let sub = sub.map_or_else(String::new, |sub| format!("?sub_mch_id={sub}"));
    world.control(&format!("{path}{sub}"), &json!({ "status": status }));
}

/// A paid order of this merchant, and a refund of it.
fn refunded(world: &Memory, shop: &Shop) {
    let data = shop.order(&json!({"out_trade_no": "R1", "body": "x", "total_fee": 150,
                                  "trade_type": "NATIVE", "notify_url": SHOP_NOTIFY}));
    world.scan_as("bob", &data["code_url"]);
    world.advance(1);
    let refund = json!({"out_trade_no": "R1", "out_refund_no": "r1", "refund_fee": 50});
    let (status, answer) = shop.call("POST", "/v1/refund", refund.to_string());
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn each_end_of_a_refund_is_delivered_in_every_dialect() {
    for kind in MERCHANTS {
        let world = Memory::default();
        let (shop, key) = shop(&world, kind.id);
        refunded(&world, &shop);
        bank(&world, "SUCCESS");
        world.advance(600);
        let [refund_notice] = &at(&world, REFUNDS)[..] else {
            panic!("{}: {:?}", kind.id, world.received());
        };
        let notice = Notice::read(refund_notice.body.as_bytes(), &key).unwrap();
        let account = world.account(kind.mch_id);
        if kind.dialect != "ionline" {
            assert_eq!(notice.account.mch_id, account["mch_id"], "{}", kind.id);
        }
        let refund_of_notice = notice.refund;
        assert_eq!(refund_of_notice.out_trade_no, "R1", "{}", kind.id);
        assert_eq!(refund_of_notice.out_refund_no, "r1", "{}", kind.id);
        assert_eq!(
            (refund_of_notice.total_fee, refund_of_notice.refund_fee),
            (150, 50)
        );
        assert_eq!(
            refund_of_notice.refund_status,
            Status::Success,
            "{}",
            kind.id
        );
        let paid = shop.status("R1");
        assert_eq!(
            paid["transaction_id"], refund_of_notice.transaction_id,
            "{}",
            kind.id
        );

        // Only the merchant's key decrypts it, and only unchanged.
        let read = |body: &str, key| Notice::read(body.as_bytes(), key);
        let other = Secret::new("another-key-of-32-characters-000");
        assert_eq!(read(&refund_notice.body, &other), Err(NoticeError::Sealed));
        let (before, rest) = refund_notice.body.split_once("<req_info>").unwrap();
        let start = rest.find(|c: char| c.is_ascii_lowercase()).unwrap();
        let mut forged = rest.to_owned();
        forged.replace_range(start..=start, "A");
        let forged = format!("{before}<req_info>{forged}");
        assert!(read(&forged, &key).is_err(), "{}", kind.id);
    }
}

#[test]
fn a_banks_refusal_is_delivered_as_change() {
    let world = Memory::default();
    let (shop, key) = shop(&world, "demo");
    refunded(&world, &shop);
    bank(&world, "CHANGE");
    world.advance(3600);
    let [refund_notice] = &at(&world, REFUNDS)[..] else {
        panic!("{:?}", world.received());
    };
    let refund_notice = Notice::read(refund_notice.body.as_bytes(), &key).unwrap();
    assert_eq!(refund_notice.refund.refund_status, Status::Change);
}

fn deliveries(shop: &Shop) -> Vec<Value> {
    let (status, answer) = shop.call("GET", "/v1/delivery?out_trade_no=R1", "");
    assert_eq!(status, 200, "{answer}");
    answer["data"]["deliveries"].as_array().unwrap().clone()
}

#[test]
fn the_deliveries_of_an_order_are_sent_in_order() {
    let world = Memory::default();
    let (shop, _) = shop(&world, "demo");
    // The merchant does not acknowledge the payment's notice for a while.
    world.merchant_answers(std::iter::repeat_n((500, ""), 6));
    refunded(&world, &shop);
    bank(&world, "SUCCESS");
    world.advance(600);
    let listed = deliveries(&shop);
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert_eq!(listed[0]["out_refund_no"], "r1");
    assert_eq!(listed[0]["attempts"], 0, "it waits for the one before it");
    assert_eq!(listed[0]["state"], "waiting");
    assert_eq!(listed[1]["out_refund_no"], Value::Null);
    assert_eq!(at(&world, REFUNDS), []);
    world.advance(6 * 3600);
    for delivery in deliveries(&shop) {
        assert_eq!(delivery["state"], "acknowledged", "{delivery}");
    }
    let received = world.received();
    assert_eq!(received.last().unwrap().url, REFUNDS);
    assert_eq!(received.len(), 8, "{received:?}");
    // The next order's documents waited for no other request.
    let [payment, refund] = [&received[received.len() - 2], received.last().unwrap()];
    assert_eq!(payment.url, SHOP_NOTIFY);
    assert_eq!(refund.at_ms, payment.at_ms, "as soon as it was taken");
}

#[test]
fn the_next_delivery_is_sent_after_one_is_given_up() {
    let world = Memory::default();
    let (shop, _) = shop(&world, "demo");
    world.merchant_answers(std::iter::repeat_n((500, ""), 16));
    refunded(&world, &shop);
    bank(&world, "SUCCESS");
    world.advance(25 * 3600);
    let listed = deliveries(&shop);
    assert_eq!(listed[1]["state"], "given_up", "{listed:?}");
    assert_eq!(listed[0]["state"], "acknowledged", "{listed:?}");

    // After the earlier one is sent again, the order is kept.
    world.merchant_answers([(500, "")]);
    for nth in [1, 0] {
        let body = json!({"id": listed[nth]["id"]}).to_string();
        let (status, answer) = shop.call("POST", "/v1/delivery", body);
        assert_eq!((status, &answer["data"]["state"]), (200, &json!("waiting")));
    }
    let before = world.received().len();
    world.advance(24 * 3600);
    let again: Vec<String> = world.received()[before..]
        .iter()
        .map(|received| received.url.clone())
        .collect();
    assert_eq!(again, [SHOP_NOTIFY, SHOP_NOTIFY, REFUNDS]);
}
