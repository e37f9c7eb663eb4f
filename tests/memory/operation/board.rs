//! The board: alarms and numbers of all merchants without waking their books,
//! and timers that continue although the runtime has lost them.

use gateway::reports;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tests::memory::{ADMIN_TOKEN, GATEWAY, Memory, SHOP_NOTIFY, Shop};

fn get(world: &Memory, path: &str) -> http::Response<Vec<u8>> {
    let request = http::Request::get(format!("{GATEWAY}{path}"));
    let request = request.header("authorization", format!("Bearer {ADMIN_TOKEN}"));
    let answer = world.send(request.body(Vec::new()).unwrap());
    assert_eq!(answer.status(), 200, "{path}");
    answer
}

fn alarms(world: &Memory, after: &str) -> Value {
    let answer = get(world, &format!("/admin/alarms?after={after}"));
    let answer: Value = serde_json::from_slice(answer.body()).unwrap();
    answer["data"].clone()
}

fn metrics(world: &Memory, after: &str) -> (String, Option<String>) {
    let answer = get(world, &format!("/metrics?after={after}"));
    let link = answer.headers().get("link");
    let link = link.map(|link| link.to_str().unwrap().to_owned());
    (String::from_utf8(answer.into_body()).unwrap(), link)
}

fn sample<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
}

fn order(shop: &Shop, number: &str) -> Value {
    let order = json!({"out_trade_no": number, "body": "Tea", "total_fee": 150,
                       "trade_type": "NATIVE", "notify_url": SHOP_NOTIFY});
    let (status, answer) = shop.call("POST", "/v1/order", order.to_string());
    assert_eq!(status, 200, "{answer}");
    answer["data"]["code_url"].clone()
}

/// A report as the book of this merchant would make it.
fn report(world: &Memory, merchant: &str, alarms: usize, due_in_ms: Option<i64>) {
    let raised = |n: usize| {
        json!({"name": "ORDER_UNKNOWN", "says": "", "to_do": "", "subject": n.to_string(),
               "times": 1, "last_at_ms": 1})
    };
    let mut standing = BTreeMap::new();
    if alarms > 0 {
        standing.insert("ORDER_UNKNOWN", alarms);
    }
    let call = json!({"Report": {
        "merchant": merchant, "at_ms": world.now(), "due_ms": due_in_ms.map(|ms| world.now() + ms),
        "numbers": {"counters": {"order:NOTPAY": 1}, "orders_waiting": 1, "deliveries_waiting": 0,
                    "alarms": (0..alarms.min(100)).map(raised).collect::<Vec<_>>(),
                    "standing": standing},
    }});
    let call: reports::Call = serde_json::from_value(call).unwrap();
    let answer = world.ask_board(&call);
    assert!(matches!(answer, reports::Answer::Done), "{answer:?}");
}

#[test]
fn alarms_and_metrics_of_a_thousand_merchants_come_in_pages_and_wake_no_book() {
    let world = Memory::default();
    for n in 0..1000 {
        report(&world, &format!("m{n:04}"), n % 3, None);
    }
    let (mut after, mut seen, mut pages) = (String::new(), 0, 0);
    loop {
        let page = alarms(&world, &after);
        assert_eq!(page["standing"], 999);
        seen += page["alarms"].as_array().unwrap().len();
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((seen, pages), (999, 4));

    let (mut after, mut merchants, mut pages) = (String::new(), BTreeSet::new(), 0);
    loop {
        let (text, link) = metrics(&world, &after);
        assert_eq!(sample(&text, "weceive_merchants"), Some("1000"));
        assert_eq!(sample(&text, "weceive_merchants_listed"), Some("200"));
        let name = "weceive_alarms_standing{alarm=\"ORDER_UNKNOWN\"}";
        assert_eq!(sample(&text, name), Some("999"));
        for line in text.lines().filter(|line| line.starts_with("weceive_up{")) {
            assert!(line.ends_with(" 1"), "{line}");
            assert!(merchants.insert(line.to_owned()), "{line} twice");
        }
        pages += 1;
        let next = text.lines().find_map(|line| line.strip_prefix("# next: "));
        assert_eq!(link, next.map(|next| format!("<{next}>; rel=\"next\"")));
        match next.and_then(|next| next.strip_prefix("/metrics?after=")) {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((merchants.len(), pages), (1000, 5));
    for n in 0..1000 {
        assert_eq!(world.calls_to(&format!("m{n:04}")), 0);
    }
}

#[test]
fn alarms_beyond_a_merchants_hundred_are_counted_where_they_are_not_listed() {
    let world = Memory::default();
    report(&world, "demo", 340, None);
    let page = alarms(&world, "");
    assert_eq!(page["alarms"].as_array().unwrap().len(), 100);
    assert_eq!(
        (&page["standing"], &page["not_listed"]),
        (&json!(340), &json!({"demo": 240}))
    );
    report(&world, "demo", 0, None);
    let page = alarms(&world, "");
    assert_eq!(
        (&page["alarms"], &page["standing"], &page["not_listed"]),
        (&json!([]), &json!(0), &json!({}))
    );
}

#[test]
fn a_report_that_was_made_earlier_does_not_replace_a_later_one() {
    let world = Memory::default();
    let made_ms = world.now();
    world.advance(1);
    report(&world, "demo", 2, None);
    let old = json!({"Report": {"merchant": "demo", "at_ms": made_ms, "due_ms": null, "numbers":
        {"counters": {}, "orders_waiting": 0, "deliveries_waiting": 0, "alarms": []}}});
    world.ask_board(&serde_json::from_value(old).unwrap());
    assert_eq!(alarms(&world, "")["standing"], 2);
}

#[test]
fn an_alarm_is_on_the_board_when_the_call_that_raised_it_ends() {
    let world = Memory::default();
    let shop = world.shop("demo");
    order(&shop, "1");
    raise(&world, &shop);
    let page = alarms(&world, "");
    assert_eq!(page["alarms"][0]["name"], "ROW_UNREADABLE");
    let settled = json!({"name": "ROW_UNREADABLE", "subject": "1", "note": "x"});
    assert_eq!(world.admin("/merchants/demo/alarms", &settled).0, 200);
    assert_eq!(alarms(&world, "")["alarms"], json!([]));
}

/// Raises an alarm: the stored order cannot be read.
fn raise(world: &Memory, shop: &Shop) {
    world
        .sql(
            &shop.id,
            "UPDATE orders SET json = '{}' WHERE out_trade_no = '1'",
        )
        .unwrap();
    assert_eq!(shop.call("GET", "/v1/order?out_trade_no=1", "").0, 500);
}

#[test]
fn a_report_that_is_lost_is_sent_again_by_the_books_timer() {
    let world = Memory::default();
    let shop = world.shop("demo");
    order(&shop, "1");
    world.unreachable(&["/board"]);
    raise(&world, &shop);
    // Reports that fail delay nothing else, and are not repeated at once.
    let before = world
        .log_text()
        .matches("the object did not answer")
        .count();
    world.advance(600);
    let after = world
        .log_text()
        .matches("the object did not answer")
        .count();
    assert!((5..=25).contains(&(after - before)), "{before} {after}");
    world.unreachable(&[]);
    assert_eq!(alarms(&world, "")["alarms"], json!([]));
    world.advance(61);
    assert_eq!(alarms(&world, "")["alarms"][0]["name"], "ROW_UNREADABLE");
}

#[test]
fn numbers_are_reported_within_two_minutes_and_a_busy_book_reports_no_more_often() {
    let world = Memory::default();
    let shop = world.shop("demo");
    order(&shop, "1");
    world.advance(1);
    let before = world.calls_to("/board");
    for n in 2..62 {
        order(&shop, &n.to_string());
        world.advance(1);
    }
    assert!(world.calls_to("/board") - before <= 1);
    world.advance(121);
    let (text, _) = metrics(&world, "");
    let name = "weceive_orders_total{merchant=\"demo\",state=\"NOTPAY\"}";
    assert_eq!(sample(&text, name), Some("61"));
    // When nothing changes any more, nothing is reported.
    world.advance(24 * 3600);
    let before = world.calls_to("/board");
    world.advance(24 * 3600);
    assert_eq!(world.calls_to("/board"), before);
}

/// A deployment could not start for some minutes: the runtime has lost every
/// alarm.
#[test]
fn a_book_whose_alarm_the_runtime_lost_is_called_and_its_timers_continue() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let code_url = order(&shop, "1");
    world.advance(2);
    let scan = json!({"code_url": code_url, "payer": "alice", "action": "pay"});
    world.lose_notices(true);
    world.control("/sandbox/scan", &scan);
    world.lose_alarms();
    world.advance(180);
    assert_eq!(world.received().len(), 0);
    // The cron trigger, or the first request that an isolate answers.
    world.wake_board();
    world.advance(400);
    assert_eq!(
        world.received().len(),
        1,
        "the payment was learned by a query"
    );
}

#[test]
fn a_book_that_does_not_answer_is_listed_as_silent_and_called_again() {
    let world = Memory::default();
    let shop = world.shop("demo");
    order(&shop, "1");
    world.advance(1);
    world.unreachable(&["demo"]);
    world.advance(900);
    let page = alarms(&world, "");
    assert_eq!(
        (&page["silent"], &page["silent_in_all"]),
        (&json!(["demo"]), &json!(1))
    );
    let (text, _) = metrics(&world, "");
    assert_eq!(sample(&text, "weceive_up{merchant=\"demo\"}"), Some("0"));
    assert_eq!(sample(&text, "weceive_merchants_silent"), Some("1"));
    let overdue = sample(&text, "weceive_timer_overdue_seconds{merchant=\"demo\"}");
    assert!(overdue.unwrap().parse::<i64>().unwrap() > 600);
    world.unreachable(&[]);
    world.advance(301);
    assert_eq!(alarms(&world, "")["silent"], json!([]));
    let (text, _) = metrics(&world, "");
    assert_eq!(sample(&text, "weceive_up{merchant=\"demo\"}"), Some("1"));
}

/// Books of an earlier version have reported nothing, and have no row on the
/// board.
#[test]
fn the_first_time_every_merchant_of_the_registry_is_called() {
    let world = Memory::default();
    let shops: Vec<Shop> = (0..120).map(|n| world.shop(&format!("m{n:03}"))).collect();
    order(&shops[0], "1");
    order(&shops[119], "2");
    world.downgrade_registry();
    world.lose_alarms();
    world.sql("/board", "DELETE FROM board").unwrap();
    world.sql("/board", "DELETE FROM totals").unwrap();
    world.sql("/board", "DELETE FROM facts").unwrap();
    world
        .sql("m119", "DELETE FROM facts WHERE name = 'reporting'")
        .unwrap();
    world.wake_board();
    world.advance(2);
    let (text, _) = metrics(&world, "");
    assert_eq!(sample(&text, "weceive_merchants"), Some("120"));
    for n in 0..120 {
        let name = format!("weceive_up{{merchant=\"m{n:03}\"}}");
        assert_eq!(sample(&text, &name), Some("1"), "{name}");
    }
}

/// The book's own timer sends the report, because the merchant may never call
/// again.
#[test]
fn a_report_is_sent_later_whichever_statement_is_refused() {
    for held in [false, true] {
        for nth in 1.. {
            assert!(nth < 200, "endless");
            let world = Memory::default();
            let shop = world.shop("demo");
            order(&shop, "1");
            raise(&world, &shop);
            // Nothing else sets the book's alarm.
            world
                .sql(&shop.id, "UPDATE orders SET due_at_ms = NULL")
                .unwrap();
            world.lose_alarms();
            let book = held.then(|| world.hold_book("demo"));
            world.refuse_statement(nth);
            let settled = json!({"name": "ROW_UNREADABLE", "subject": "1", "note": "x"});
            let (status, _) = world.admin("/merchants/demo/alarms", &settled);
            if world.call_off_refusal() {
                break;
            }
            if status == 200 {
                world.advance(600);
                let standing = &alarms(&world, "")["alarms"];
                assert_eq!(standing, &json!([]), "held {held}, statement {nth}");
            }
            drop(book);
        }
    }
}
