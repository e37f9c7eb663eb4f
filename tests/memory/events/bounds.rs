//! Limits on the effects of a merchant's endpoint: the number of stored rows, the end of each
//! alarm, and its secret, which is neither shown nor lost.

use super::deliveries::{is_signed, pay, received};
use super::endpoints::{EVENTS_URL, endpoint, endpoint_at};
use super::written::all_events;
use crate::api::lists::get;
use crate::checkout::links::{buy, link, pay as pay_link};
use serde_json::{Value, json};
use tests::memory::{Memory, Shop};

const DAY: i64 = 86_400;
/// A day, and the longest pause between two attempts of one delivery.
const LONG_ENOUGH: i64 = DAY + 15 * 3_600;

fn post(shop: &Shop, path: &str, body: &Value) -> (u16, Value) {
    let (status, answer) = shop.call("POST", path, body.to_string());
    let code = answer["code"].clone();
    (
        status,
        if code.is_null() {
            answer["data"].clone()
        } else {
            code
        },
    )
}

fn count(world: &Memory, table: &str) -> i64 {
    let count = world.value("demo", &format!("SELECT count(*) FROM {table}"));
    count.parse().unwrap()
}

/// More attempts than one slice has, in a book without an event.
#[test]
fn old_attempts_are_removed_where_no_event_is_left() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (id, _) = endpoint(&shop, &[]);
    let attempts = format!(
        "INSERT INTO delivery_attempts(delivery, at_ms, duration_ms, status, answer)
         WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1700)
         SELECT n, {}, 1, 500, 'x' FROM n",
        world.now()
    );
    let disk = world.database("demo");
    disk.connection().execute(&attempts, []).unwrap();
    // Any call sets the alarm.
    let change = json!({"description": "till"}).to_string();
    shop.call("PATCH", &format!("/v1/endpoints/{id}"), change);
    world.advance(89 * DAY);
    assert_eq!(count(&world, "delivery_attempts"), 1700);
    world.advance(DAY + 60);
    assert_eq!(count(&world, "delivery_attempts"), 0);
}

/// A delivery that begins again late does not keep its event.
#[test]
fn a_delivery_that_is_sent_again_keeps_no_event_longer() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (id, _) = endpoint(&shop, &["order.paid"]);
    world.endpoint_is_down(EVENTS_URL, true);
    pay(&world, &shop, "A1");
    let delivery = world.value("demo", "SELECT id FROM event_deliveries");
    let again = json!({"id": delivery.parse::<i64>().unwrap()});
    world.advance(89 * DAY);
    assert_eq!(post(&shop, "/v1/delivery", &again).0, 200);
    let resend = format!("/v1/endpoints/{id}/resend");
    world.advance(DAY + 3_700);
    assert_eq!(count(&world, "events WHERE subject = 'A1'"), 0);
    assert_eq!(count(&world, "event_deliveries"), 0);
    let gone = post(&shop, "/v1/delivery", &again);
    assert_eq!(gone, (404, json!("DELIVERY_NOT_FOUND")));
    let (_, resent) = post(&shop, &resend, &json!({"since_ms": 0}));
    assert_eq!(resent["resent"], 0);
}

#[test]
fn many_tests_of_an_endpoint_that_is_down_are_one_event() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (id, _) = endpoint(&shop, &[]);
    world.endpoint_is_down(EVENTS_URL, true);
    let test = || post(&shop, &format!("/v1/endpoints/{id}/test"), &json!({})).1;
    let first = test();
    for _ in 0..20 {
        world.advance(1);
        assert_eq!(test(), first);
    }
    world.advance(1);
    assert!(received(&world).len() >= 20, "each sends at once");
    assert_eq!(all_events(&shop).len(), 1);
    world.endpoint_is_down(EVENTS_URL, false);
    assert_eq!(test(), first);
    world.advance(1);
    assert_ne!(test(), first, "the earlier one is acknowledged");
}

/// A full book makes no endpoint and no test, and an endpoint can still be taken away.
#[test]
fn a_nearly_full_object_refuses_what_fills_it() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (id, _) = endpoint(&shop, &[]);
    world.databases_have(9_600_000_000);
    let path = format!("/v1/endpoints/{id}");
    let full = (507, json!("STORAGE_FULL"));
    for (path, body) in [
        ("/v1/endpoints".to_owned(), json!({"url": EVENTS_URL})),
        (format!("{path}/rotate"), json!({})),
        (format!("{path}/test"), json!({})),
        (format!("{path}/resend"), json!({"since_ms": 0})),
    ] {
        assert_eq!(post(&shop, &path, &body), full, "{path}");
    }
    let change = |change: Value| shop.call("PATCH", &path, change.to_string()).0;
    assert_eq!(change(json!({"description": "x"})), 507);
    assert_eq!(change(json!({"active": false})), 200);
    assert_eq!(shop.call("DELETE", &path, "").0, 200);
}

#[test]
fn a_failing_endpoint_that_is_switched_off_has_no_alarm() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (id, _) = endpoint(&shop, &[]);
    let path = format!("/v1/endpoints/{id}");
    let switch = |active: bool| {
        let change = json!({ "active": active }).to_string();
        assert_eq!(shop.call("PATCH", &path, change).0, 200);
    };
    world.endpoint_is_down(EVENTS_URL, true);
    pay(&world, &shop, "A1");
    world.advance(LONG_ENOUGH);
    assert_eq!(shop.alarm_names(), ["ENDPOINT_FAILING"]);
    switch(false);
    assert_eq!(shop.alarm_names(), [] as [&str; 0]);
    let resend = post(&shop, &format!("{path}/resend"), &json!({"since_ms": 0}));
    assert_eq!(resend, (409, json!("ENDPOINT_OFF")));
    switch(true);
    world.advance(3_600);
    assert_eq!(shop.alarm_names(), [] as [&str; 0]);
    // It fails for another day.
    pay(&world, &shop, "A2");
    world.advance(LONG_ENOUGH);
    let alarms = shop.alarm_names();
    assert!(
        alarms.contains(&"ENDPOINT_FAILING".to_owned()),
        "{alarms:?}"
    );
}

/// An address may have a secret in its path: other endpoints do not receive it.
#[test]
fn a_failing_endpoint_is_reported_to_others_without_its_path() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let failing = "https://hooks.example.com/services/T0P/s3cret?key=s3cret";
    let (id, _) = endpoint_at(&shop, failing, &["order.paid"]);
    endpoint(&shop, &["delivery.failing"]);
    world.endpoint_is_down(failing, true);
    pay(&world, &shop, "A1");
    world.advance(LONG_ENOUGH);
    let sent = received(&world);
    let body: Value = serde_json::from_str(&sent[0].body).unwrap();
    assert_eq!(body["object"]["id"], id);
    assert_eq!(body["object"]["url"], "https://hooks.example.com");
    assert!(!sent[0].body.contains("s3cret"), "{}", sent[0].body);
    assert!(!get(&shop, "/v1/events").to_string().contains("s3cret"));
}

/// An answer that shows a secret may be lost: the next rotation keeps the secret that
/// the receiver has.
#[test]
fn a_secret_stays_valid_when_two_rotations_follow() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (id, first) = endpoint(&shop, &[]);
    let rotate = || {
        let (_, rotated) = post(&shop, &format!("/v1/endpoints/{id}/rotate"), &json!({}));
        rotated["secret"].as_str().unwrap().to_owned()
    };
    let secrets = [first, rotate(), rotate()];
    pay(&world, &shop, "A1");
    let sent = received(&world).remove(0);
    for secret in &secrets {
        assert!(is_signed(&sent, secret));
    }
    for _ in 0..10 {
        rotate();
    }
    pay(&world, &shop, "A2");
    let sent = received(&world).pop().unwrap();
    let signed = sent.headers["webhook-signature"].to_str().unwrap();
    assert_eq!(signed.split(' ').count(), 5);
    world.advance(DAY);
    pay(&world, &shop, "A3");
    let sent = received(&world).pop().unwrap();
    let signed = sent.headers["webhook-signature"].to_str().unwrap();
    assert_eq!(signed.split(' ').count(), 1);
}

/// The other secrets are sealed under the new key, and the answer names the merchant with one that
/// is not.
#[test]
fn a_secret_that_does_not_open_hinders_no_other() {
    let world = Memory::default();
    let (one, two) = (world.shop("demo"), world.shop("two"));
    let (broken, _) = endpoint(&one, &[]);
    let (_, secret) = endpoint_at(&one, "https://shop.example.com/b", &[]);
    endpoint(&two, &[]);
    let disk = world.database("demo");
    let sql = "UPDATE endpoints SET secret = 'x' WHERE id = ?";
    assert_eq!(disk.connection().execute(sql, [&broken]).unwrap(), 1);
    let (old, new) = ("7b".repeat(32), "a1".repeat(32));
    world.deploy(&[("MASTER_KEY", &new), ("MASTER_KEY_PREVIOUS", &old)]);
    let (status, answer) = world.admin("/reseal", &json!({}));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"]["failed"], json!(["demo"]));
    world.deploy(&[("MASTER_KEY", &new)]);
    pay(&world, &one, "A1");
    let sent = world.received();
    let sent = sent.iter().find(|sent| sent.url.ends_with("/b")).unwrap();
    assert!(is_signed(sent, &secret));
}

/// An unreadable row does not prevent a payment of the same link from being written.
#[test]
fn an_unreadable_sale_hinders_no_other_sale_of_its_link() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = link(&shop, json!({"total_fee": 100, "stock": 3}));
    pay_link(&world, &buy(&world, &link, ""));
    let disk = world.database("demo");
    for sql in [
        "UPDATE orders SET json = 'x'",
        "UPDATE checkouts SET json = 'x'",
    ] {
        assert_eq!(disk.connection().execute(sql, []).unwrap(), 1, "{sql}");
    }
    pay_link(&world, &buy(&world, &link, ""));
    let paid = "SELECT count(*) FROM events WHERE type = 'order.paid'";
    assert_eq!(world.value("demo", paid), "2");
}

/// A receiver that works again gets everything at once, not after the pauses.
#[test]
fn what_failed_is_sent_again_by_one_call_before_its_pause_is_over() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (id, _) = endpoint(&shop, &["order.paid"]);
    world.endpoint_is_down(EVENTS_URL, true);
    for number in ["A1", "A2", "A3"] {
        pay(&world, &shop, number);
    }
    world.advance(12 * 3_600);
    world.endpoint_is_down(EVENTS_URL, false);
    let before = received(&world).len();
    let resend = format!("/v1/endpoints/{id}/resend");
    let (status, resent) = post(&shop, &resend, &json!({"since_ms": 0}));
    assert_eq!((status, &resent["resent"]), (200, &json!(3)), "{resent}");
    world.advance(1);
    assert_eq!(received(&world).len(), before + 3);
    let acknowledged = get(&shop, "/v1/deliveries?state=acknowledged&limit=100");
    let to_endpoint = acknowledged["deliveries"].as_array().unwrap().iter();
    assert_eq!(to_endpoint.filter(|d| d["endpoint"] == id).count(), 3);
}

/// Endpoints that were never tried, and hang, leave a connection to the notices.
#[test]
fn new_endpoints_that_hang_delay_no_notice() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for n in 0..4 {
        let url = format!("https://shop.example.com/hangs{n}");
        endpoint_at(&shop, &url, &["order.paid"]);
        world.endpoint_takes(&url, 9_000);
    }
    pay(&world, &shop, "A1");
    for number in ["A2", "A3"] {
        pay(&world, &shop, number);
        let list = get(&shop, &format!("/v1/deliveries?out_trade_no={number}"));
        let list = list["deliveries"].as_array().unwrap();
        let notice = list.iter().find(|d| d["endpoint"].is_null()).unwrap();
        assert_eq!(notice["state"], "acknowledged", "{number}");
        assert_eq!(notice["subject"], number);
    }
}

/// A delivery is about a number, or about something else.
#[test]
fn a_delivery_about_no_order_has_no_order_number() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (id, _) = endpoint(&shop, &[]);
    post(&shop, &format!("/v1/endpoints/{id}/test"), &json!({}));
    world.advance(1);
    pay(&world, &shop, "A1");
    let list = get(&shop, "/v1/deliveries?limit=100");
    let list = list["deliveries"].as_array().unwrap().clone();
    let of = |subject: &str| {
        let mut all = list.iter().filter(|d| d["subject"] == subject);
        all.find(|d| d["endpoint"] == id.as_str()).unwrap().clone()
    };
    assert_eq!(of(&id)["out_trade_no"], Value::Null);
    assert_eq!(of("A1")["out_trade_no"], "A1");
    let csv = shop.answer("GET", "/v1/deliveries?format=csv", "");
    let csv = String::from_utf8(csv.body().clone()).unwrap();
    assert!(csv.lines().next().unwrap().ends_with(",event,subject"));
}
