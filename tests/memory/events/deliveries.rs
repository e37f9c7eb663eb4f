//! Deliveries of events: signed as Standard Webhooks defines it, in order, repeated
//! for three days, and what a failing endpoint causes.

use super::endpoints::{EVENTS_URL, endpoint, endpoint_at};
use super::written::{all_events, named};
use crate::api::lists::get;
use crate::notice_fixture::order;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use std::collections::BTreeMap;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};
use testkit::paths;
use tests::memory::Received;
use tests::memory::{Memory, SHOP_NOTIFY, Shop};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// What an address has received of events.
fn received_at(world: &Memory, url: &str) -> Vec<Received> {
    let received = world.received().into_iter();
    received.filter(|received| received.url == url).collect()
}

pub fn received(world: &Memory) -> Vec<Received> {
    received_at(world, EVENTS_URL)
}

fn body(received: &Received) -> Value {
    serde_json::from_str(&received.body).unwrap()
}

/// Whether a signature is what the independent library computes.
pub fn is_signed(received: &Received, secret: &str) -> bool {
    let header = |name: &str| received.headers[name].to_str().unwrap();
    let time = header("webhook-timestamp").parse().unwrap();
    let webhook = Webhook::new(secret).unwrap();
    let signed = webhook.sign(header("webhook-id"), time, received.body.as_bytes());
    let signed = signed.unwrap();
    header("webhook-signature")
        .split(' ')
        .any(|one| one == signed)
}

/// Whether the independent package for JavaScript accepts a delivery with this body.
fn is_verified_in_javascript(received: &Received, secret: &str, body: &str) -> bool {
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let header = |name: &str| received.headers[name].to_str().unwrap().to_owned();
    let headers: BTreeMap<&str, String> = names.map(|name| (name, header(name))).into();
    let argument = json!({"secret": secret, "headers": headers, "body": body});
    let node = match paths::node_directory() {
        Some(directory) => directory.join("node"),
        None => "node".into(),
    };
    let ran = Command::new(node)
        .arg(paths::root().join("tests/memory/events/verify.cjs"))
        .arg(argument.to_string())
        .output();
    ran.unwrap().status.success()
}

pub fn pay(world: &Memory, shop: &Shop, number: &str) {
    world.scan(&order(shop, number)["code_url"]);
    world.advance(1);
}

fn delivery_of(shop: &Shop, number: &str) -> Value {
    let list = get(shop, &format!("/v1/deliveries?out_trade_no={number}"));
    let list = list["deliveries"].as_array().unwrap().clone();
    let event = list
        .into_iter()
        .find(|delivery| delivery["endpoint"].is_string());
    event.unwrap()
}

#[test]
fn an_event_is_signed_as_standard_webhooks_defines_and_equals_the_listed_one() {
    let world = Memory::default();
    // The library compares the timestamp with the machine's clock.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    world.advance(i64::try_from(now.as_secs()).unwrap() - world.now() / 1000);
    let shop = world.shop("demo");
    let (id, secret) = endpoint(&shop, &[]);
    pay(&world, &shop, "A1");
    let sent = received(&world);
    assert_eq!(sent.len(), 1);
    let listed = all_events(&shop).remove(0);
    assert_eq!(body(&sent[0]), listed);
    assert_eq!(
        sent[0].headers["webhook-id"],
        listed["id"].as_str().unwrap()
    );
    assert!(is_signed(&sent[0], &secret));
    assert!(!is_signed(
        &sent[0],
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
    ));
    // The package for JavaScript accepts it too.
    assert!(is_verified_in_javascript(&sent[0], &secret, &sent[0].body));
    let changed = sent[0].body.replace("150", "151");
    assert!(!is_verified_in_javascript(&sent[0], &secret, &changed));
    // WeChat's notice is still forwarded.
    assert_eq!(received_at(&world, SHOP_NOTIFY).len(), 1);
    let delivery = delivery_of(&shop, "A1");
    assert_eq!(delivery["state"], "acknowledged");
    assert_eq!(delivery["endpoint"], id);
    assert_eq!(delivery["event"], listed["id"]);
    let whole = get(&shop, &format!("/v1/deliveries/{}", delivery["id"]));
    let attempt = &whole["attempts_made"][0];
    assert_eq!(
        (&attempt["status"], &attempt["answer"]),
        (&json!(200), &json!("success"))
    );
}

#[test]
fn while_a_secret_changes_both_sign_and_after_a_day_only_the_new_one() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (id, first) = endpoint(&shop, &[]);
    let (_, rotated) = shop.call("POST", &format!("/v1/endpoints/{id}/rotate"), "");
    let second = rotated["data"]["secret"].as_str().unwrap().to_owned();
    pay(&world, &shop, "A1");
    let sent = received(&world).remove(0);
    assert!(is_signed(&sent, &first) && is_signed(&sent, &second));
    world.advance(DAY);
    pay(&world, &shop, "A2");
    let sent = received(&world).pop().unwrap();
    assert!(!is_signed(&sent, &first) && is_signed(&sent, &second));
}

#[test]
fn an_endpoint_receives_its_types_only_and_nothing_while_it_is_off() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (id, _) = endpoint(&shop, &["order.closed"]);
    let (other, _) = endpoint_at(&shop, "https://shop.example.com/paid", &["order.paid"]);
    let paid = || received_at(&world, "https://shop.example.com/paid").len();
    pay(&world, &shop, "A1");
    assert_eq!((received(&world).len(), paid()), (0, 1));
    let path = format!("/v1/endpoints/{other}");
    shop.call("PATCH", &path, json!({"active": false}).to_string());
    pay(&world, &shop, "A2");
    assert_eq!(paid(), 1);
    let (_, refused) = shop.call("POST", &format!("{path}/test"), "");
    assert_eq!(refused["code"], "ENDPOINT_OFF");
    let (status, tested) = shop.call("POST", &format!("/v1/endpoints/{id}/test"), "");
    assert_eq!(status, 200, "{tested}");
    world.advance(1);
    let sent = received(&world);
    assert_eq!(sent.len(), 1);
    assert_eq!(body(&sent[0])["type"], "test");
    assert_eq!(body(&sent[0])["id"], tested["data"]["event"]);
    let whole = get(
        &shop,
        &format!("/v1/deliveries/{}", tested["data"]["delivery"]),
    );
    assert_eq!(whole["state"], "acknowledged");
    for (filters, n) in [
        (format!("endpoint={id}"), 1),
        (format!("endpoint={other}"), 1),
        ("endpoint=we_unknown".to_owned(), 0),
        ("type=order.paid".to_owned(), 1),
        ("type=test".to_owned(), 1),
        ("type=order.closed".to_owned(), 0),
        (format!("endpoint={other}&type=order.paid&q=A1"), 1),
        (format!("endpoint={other}&type=order.paid&q=A2"), 0),
        (format!("endpoint={id}&type=order.paid"), 0),
    ] {
        let found = get(&shop, &format!("/v1/deliveries?{filters}"))["deliveries"].clone();
        assert_eq!(found.as_array().unwrap().len(), n, "{filters}: {found}");
    }
}

/// An order's events wait for the one before; another order's do not.
#[test]
fn an_orders_events_are_delivered_in_order() {
    let world = Memory::default();
    let shop = world.shop("demo");
    endpoint(&shop, &[]);
    let bare = json!({
        "out_trade_no": "A1", "body": "Tea", "total_fee": 150, "trade_type": "NATIVE",
    });
    let made = shop.order(&bare);
    world.merchant_answers([(500, "down"), (302, "elsewhere")]);
    world.scan(&made["code_url"]);
    world.advance(1);
    let refund = json!({"out_trade_no": "A1", "refund_fee": 50, "out_refund_no": "R1"});
    assert_eq!(shop.call("POST", "/v1/refund", refund.to_string()).0, 200);
    world.advance(1);
    assert_eq!(received(&world).len(), 1);
    world.advance(HOUR);
    let seqs: Vec<i64> = received(&world)
        .iter()
        .map(|sent| body(sent)["seq"].as_i64().unwrap())
        .collect();
    assert_eq!(seqs, [1, 1, 1, 2, 3]);
    let list = get(&shop, "/v1/deliveries?out_trade_no=A1&state=acknowledged");
    let first = list["deliveries"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    let whole = get(&shop, &format!("/v1/deliveries/{}", first["id"]));
    let statuses: Vec<&Value> = whole["attempts_made"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| &attempt["status"])
        .collect();
    assert_eq!(statuses, [&json!(500), &json!(302), &json!(200)]);
}

/// Five orders' events wait for an endpoint that is down for four days: attempts are few, an alarm
/// and an event report it after a day, and after three days each event is given up. What was given
/// up is sent again by one call.
#[test]
fn an_endpoint_that_is_down_is_probed_rarely_and_reported_and_recovers() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (id, _) = endpoint(&shop, &["order.paid"]);
    endpoint_at(
        &shop,
        "https://shop.example.com/watch",
        &["delivery.failing"],
    );
    let start_ms = world.now();
    let bare = |number: &str| {
        let body = json!({
            "out_trade_no": number, "body": "Tea", "total_fee": 150, "trade_type": "NATIVE",
        });
        shop.order(&body)
    };
    let orders: Vec<Value> = (0..5).map(|n| bare(&format!("A{n}"))).collect();
    world.endpoint_is_down(EVENTS_URL, true);
    for made in &orders {
        world.scan(&made["code_url"]);
    }
    world.advance(2 * HOUR);
    let early = received(&world).len();
    assert!((3..=12).contains(&early), "{early}");
    assert_eq!(shop.alarm_names(), [] as [&str; 0]);
    world.advance(23 * HOUR);
    assert_eq!(shop.alarm_names(), ["ENDPOINT_FAILING"]);
    let watch = received_at(&world, "https://shop.example.com/watch");
    assert_eq!(watch.len(), 1);
    assert_eq!(body(&watch[0])["subject"], id);
    let after_a_day = received(&world).len();
    world.advance(DAY);
    let probes = received(&world).len() - after_a_day;
    // Each of the five is repeated after ten hours at most.
    assert!((10..=25).contains(&probes), "{probes}");
    let found = get(&shop, &format!("/v1/endpoints/{id}"));
    assert!(found["paused_until_ms"].is_i64(), "{found}");
    world.advance(2 * DAY);
    assert_eq!(delivery_of(&shop, "A0")["state"], "given_up");
    let mut alarms = shop.alarm_names();
    alarms.sort();
    assert_eq!(alarms, ["ENDPOINT_FAILING", "EVENT_GIVEN_UP"]);
    world.endpoint_is_down(EVENTS_URL, false);
    let resend = json!({ "since_ms": start_ms }).to_string();
    let (status, resent) = shop.call("POST", &format!("/v1/endpoints/{id}/resend"), resend);
    assert_eq!(
        (status, &resent["data"]["resent"]),
        (200, &json!(5)),
        "{resent}"
    );
    world.advance(10);
    for number in 0..5 {
        let delivery = delivery_of(&shop, &format!("A{number}"));
        assert_eq!(delivery["state"], "acknowledged", "{number}");
    }
    assert_eq!(shop.alarm_names(), ["EVENT_GIVEN_UP"]);
}

/// A slow endpoint delays neither another endpoint nor the forward of a notice.
#[test]
fn a_failing_endpoint_delays_no_other() {
    let world = Memory::default();
    let shop = world.shop("demo");
    endpoint(&shop, &[]);
    endpoint_at(&shop, "https://shop.example.com/good", &[]);
    world.endpoint_is_down(EVENTS_URL, true);
    for number in 0..10 {
        pay(&world, &shop, &format!("A{number}"));
    }
    world.advance(30);
    let good = received_at(&world, "https://shop.example.com/good");
    let kinds: Vec<_> = good.iter().map(|sent| body(sent)["type"].clone()).collect();
    assert_eq!(
        kinds.iter().filter(|kind| **kind == "order.paid").count(),
        10
    );
    assert_eq!(received_at(&world, SHOP_NOTIFY).len(), 10);
}

/// Two endpoints that accept every event after nine seconds delay neither another
/// endpoint nor the forward of notices.
#[test]
fn endpoints_that_answer_slowly_delay_no_other() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let good_url = "https://shop.example.com/good";
    for path in ["slow1", "slow2"] {
        let url = format!("https://shop.example.com/{path}");
        endpoint_at(&shop, &url, &["order.paid"]);
        world.endpoint_takes(&url, 9_000);
    }
    endpoint_at(&shop, good_url, &["order.paid"]);
    for number in 0..20 {
        world.scan(&order(&shop, &format!("A{number}"))["code_url"]);
    }
    world.advance(500);
    assert_eq!(received_at(&world, SHOP_NOTIFY).len(), 20);
    assert_eq!(received_at(&world, good_url).len(), 20);
    // In the order of arrival: each slow one before the last of the others took nine
    // seconds.
    let sent = world.received();
    let last_fast = sent.iter().rposition(|one| !one.url.contains("slow"));
    let before = sent.iter().take(last_fast.unwrap());
    let slow = before.filter(|one| one.url.contains("slow")).count();
    assert!(slow <= 6, "{slow} slow ones came before");
    for path in ["slow1", "slow2"] {
        let url = format!("https://shop.example.com/{path}");
        assert_eq!(received_at(&world, &url).len(), 20);
    }
}

#[test]
fn only_the_first_kilobyte_of_an_answer_is_kept() {
    let world = Memory::default();
    let shop = world.shop("demo");
    endpoint(&shop, &["order.paid"]);
    let long: &'static str = Box::leak("ä".repeat(5_000).into_boxed_str());
    let made = shop.order(&json!({
        "out_trade_no": "A1", "body": "Tea", "total_fee": 150, "trade_type": "NATIVE",
    }));
    world.merchant_answers([(200, long)]);
    world.scan(&made["code_url"]);
    world.advance(1);
    let delivery = delivery_of(&shop, "A1");
    assert_eq!(delivery["state"], "acknowledged");
    let whole = get(&shop, &format!("/v1/deliveries/{}", delivery["id"]));
    let answer = whole["attempts_made"][0]["answer"].as_str().unwrap();
    assert_eq!(answer.chars().count(), 512);
}

/// The id of a delivery names one of either kind.
#[test]
fn one_delivery_is_sent_again() {
    let world = Memory::default();
    let shop = world.shop("demo");
    endpoint(&shop, &["order.paid"]);
    pay(&world, &shop, "A1");
    let id = delivery_of(&shop, "A1")["id"].clone();
    let (status, answer) = shop.call("POST", "/v1/delivery", json!({ "id": id }).to_string());
    assert_eq!(status, 200, "{answer}");
    world.advance(1);
    let sent = received(&world);
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].headers["webhook-id"], sent[1].headers["webhook-id"]);
    assert_eq!(named(&all_events(&shop)).len(), 1);
}

#[test]
fn what_waits_for_a_deleted_endpoint_is_given_up() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (id, _) = endpoint(&shop, &["order.paid"]);
    world.endpoint_is_down(EVENTS_URL, true);
    pay(&world, &shop, "A1");
    assert_eq!(delivery_of(&shop, "A1")["state"], "waiting");
    assert_eq!(
        shop.call("DELETE", &format!("/v1/endpoints/{id}"), "").0,
        200
    );
    let delivery = delivery_of(&shop, "A1");
    assert_eq!(delivery["state"], "given_up");
    let again = json!({ "id": delivery["id"] }).to_string();
    let (_, answer) = shop.call("POST", "/v1/delivery", again);
    assert_eq!(answer["code"], "ENDPOINT_NOT_FOUND");
    world.advance(4 * DAY);
    assert_eq!(shop.alarm_names(), [] as [&str; 0]);
}
