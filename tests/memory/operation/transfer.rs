//! A deployment is moved to another one, step by step: nothing is lost, doubled or
//! served by both.

use crate::fixtures;
use gateway::runtime::StorageFault;
use serde_json::{Value, json};
use tests::memory::{ADMIN_TOKEN, GATEWAY, Memory, SHOP_NOTIFY, Shop};

fn shards() -> impl Iterator<Item = String> {
    (0..64).map(|number| format!("registry-{number:02}"))
}

/// A step that must be taken; its data.
#[track_caller]
fn step(world: &Memory, body: &Value) -> Value {
    let (status, answer) = world.admin("/export", body);
    assert_eq!(status, 200, "{body}: {answer}");
    answer["data"].clone()
}

/// The code of a refused step.
#[track_caller]
fn refused(answer: (u16, Value)) -> (u16, String) {
    let (status, answer) = answer;
    (
        status,
        answer["code"].as_str().unwrap_or_default().to_owned(),
    )
}

fn begin(world: &Memory) -> String {
    let begun = step(world, &json!({"step": "begin"}));
    assert_eq!(begun["public_url"], GATEWAY);
    begun["export"].as_str().unwrap().to_owned()
}

fn objects(world: &Memory) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for shard in shards() {
        let listed = step(world, &json!({"step": "objects", "object": shard}));
        assert_eq!(listed["after"], Value::Null);
        for name in listed["objects"].as_array().unwrap() {
            let name = name.as_str().unwrap().to_owned();
            if !all.contains(&name) {
                all.push(name);
            }
        }
    }
    all
}

/// Closes everything and reads it: the export's id, and its lines.
fn export(world: &Memory) -> (String, Vec<String>) {
    let export = begin(world);
    let mut all: Vec<String> = shards().collect();
    let close = |object: &String| {
        step(
            world,
            &json!({"step": "close", "export": export, "object": object}),
        );
    };
    all.iter().for_each(close);
    let others = objects(world);
    others.iter().for_each(close);
    all.extend(others);
    let mut lines = Vec::new();
    for object in &all {
        let mut cursor = Value::Null;
        loop {
            let page =
                json!({"step": "page", "export": export, "object": object, "cursor": cursor});
            let page = step(world, &page);
            lines.push(page["line"].as_str().unwrap().to_owned());
            cursor = page["cursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
    }
    (export, lines)
}

fn write(world: &Memory, line: &str) -> (u16, Value) {
    world.admin("/import", &json!({"line": line}))
}

fn release(world: &Memory, export: &str) -> Value {
    step(world, &json!({"step": "release", "export": export}))["release"].clone()
}

#[track_caller]
fn activate(world: &Memory, release: &Value) {
    for shard in shards() {
        let (status, answer) =
            world.admin("/import", &json!({"release": release, "object": shard}));
        assert_eq!(
            (status, &answer["data"]["after"]),
            (200, &Value::Null),
            "{answer}"
        );
    }
}

/// Two merchants with one account, and a third.
fn filled(world: &Memory) -> Vec<Shop> {
    let shops: Vec<Shop> = ["demo", "demo-v3", "lantern-v3"]
        .map(|id| fixtures::shop(world, id))
        .into();
    for (at, shop) in shops.iter().enumerate() {
        for number in 0..12 {
            let order = json!({
                "out_trade_no": format!("{at}-{number}"), "body": "Tea", "total_fee": 150,
                "trade_type": "NATIVE", "notify_url": SHOP_NOTIFY, "attach": "x".repeat(100),
            });
            let made = shop.order(&order);
            if number % 2 == 0 {
                world.scan(&made["code_url"]);
            }
        }
        world.advance(2);
        let refund = json!({"out_trade_no": format!("{at}-0"), "refund_fee": 50, "out_refund_no": format!("R-{at}")});
        let (status, answer) = shop.call("POST", "/v1/refund", refund.to_string());
        assert_eq!(status, 200, "{answer}");
        let link = json!({"body": "Tea", "total_fee": 150, "stock": 4});
        assert_eq!(shop.call("POST", "/v1/link", link.to_string()).0, 200);
        let checkout = json!({"out_trade_no": "C", "body": "Tea", "total_fee": 150});
        assert_eq!(
            shop.call("POST", "/v1/checkout", checkout.to_string()).0,
            200
        );
    }
    shops
}

fn seen(shop: &Shop) -> Vec<(&'static str, Value)> {
    [
        "/v1/orders",
        "/v1/refunds",
        "/v1/checkouts",
        "/v1/links",
        "/v1/deliveries",
        "/v1/events",
        "/v1/alarms",
        "/v1/audit",
        "/v1/keys",
        "/v1/settings",
        "/v1/totals?from=2026-01-01&to=2026-12-31",
    ]
    .into_iter()
    .map(|path| {
        let (status, answer) = shop.call("GET", path, "");
        assert_eq!(status, 200, "{path}: {answer}");
        (path, answer["data"].clone())
    })
    .collect()
}

#[test]
fn a_move_keeps_every_row_also_where_each_page_is_sent_twice() {
    let (here, there) = (Memory::default(), Memory::default());
    let shops = filled(&here);
    let before: Vec<_> = shops.iter().map(seen).collect();
    let (export, lines) = export(&here);
    assert!(lines.len() > 64 + 3, "{}", lines.len());
    for line in &lines {
        let (status, first) = write(&there, line);
        assert_eq!(status, 200, "{first}");
        let (status, again) = write(&there, line);
        assert_eq!((status, &again["data"]), (200, &first["data"]), "{again}");
    }
    // Nothing is served before the release.
    let (status, answer) = shops[0].at(&there).call("GET", "/v1/orders", "");
    assert_eq!(
        (status, &answer["code"]),
        (503, &json!("DEPLOYMENT_CLOSED"))
    );
    let release = release(&here, &export);
    activate(&there, &release);
    activate(&there, &release);
    for (shop, before) in shops.iter().zip(&before) {
        let shop = shop.at(&there);
        for ((path, before), (_, after)) in before.iter().zip(seen(&shop)) {
            assert_eq!(&after, before, "{path} of {}", shop.id);
        }
        // Triggers and numbers are those of a book: a new order is listed and summed.
        let audit = shop.call("GET", "/v1/audit", "").1["data"].clone();
        let number = format!("NEW-{}", shop.id);
        shop.order(&fixtures::order(&number));
        let listed =
            shop.call("GET", &format!("/v1/orders?q={number}"), "").1["data"]["orders"].clone();
        assert_eq!(listed[0]["out_trade_no"], json!(number), "{listed}");
        assert_ne!(shop.call("GET", "/v1/audit", "").1["data"], audit);
        assert!(
            there.sql(&shop.id, "DELETE FROM audit").is_err(),
            "the audit is append-only"
        );
    }
    // The timers run: without WeChat's orders here, the queries have no answer.
    let waiting = |world: &Memory| {
        let request = http::Request::get(format!("{GATEWAY}/metrics"))
            .header("authorization", format!("Bearer {ADMIN_TOKEN}"));
        let answer = world.send(request.body(Vec::new()).unwrap());
        String::from_utf8(answer.into_body()).unwrap()
    };
    there.advance(300);
    assert!(
        waiting(&there).contains("weceive_merchants 3"),
        "{}",
        waiting(&there)
    );
}

#[test]
fn a_line_that_is_changed_left_out_or_of_another_deployment_is_refused() {
    let here = Memory::default();
    let shops = filled(&here);
    // More than two pages.
    for number in 0..400 {
        shops[0].order(&fixtures::order(&format!("MORE-{number}")));
    }
    let (export, lines) = export(&here);
    let there = Memory::default();
    let (json, mac) = lines[0].split_once('.').unwrap();
    let swapped = format!("{json}.{}", lines[1].split_once('.').unwrap().1);
    let cut = json.get(4..).unwrap();
    for wrong in [&swapped, &format!("{cut}.{mac}"), ".", "e30.e30", "line"] {
        assert_eq!(
            refused(write(&there, wrong)),
            (400, "IMPORT_DAMAGED".to_owned()),
            "{wrong}"
        );
    }
    assert_eq!(
        refused(write(&there, "")),
        (400, "FIELD_MISSING".to_owned())
    );
    // Of an object with several pages the second is not taken first, and the
    // third not after the first.
    assert_eq!(write(&there, &lines[0]).1["data"]["next"], Value::Null);
    let book: Vec<&String> = lines
        .iter()
        .filter(|line| object_of(line) == "book/demo")
        .collect();
    assert!(book.len() > 2, "{}", book.len());
    assert_eq!(write(&there, book[1]).1["data"]["next"], json!(0));
    assert_eq!(write(&there, book[0]).1["data"]["next"], json!(1));
    assert_eq!(write(&there, book[2]).1["data"]["next"], json!(1));
    // What is not complete is not served.
    let release = release(&here, &export);
    let (status, answer) = there.admin(
        "/import",
        &json!({"release": release, "object": "registry-01"}),
    );
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("IMPORT_INCOMPLETE")),
        "{answer}"
    );
    let forged = json!({"release": "e30.c2ln", "object": "registry-00"});
    assert_eq!(
        refused(there.admin("/import", &forged)),
        (400, "FIELD_INVALID".to_owned())
    );
    // Another key, another kind of deployment, merchants of its own.
    let other = Memory::default();
    other.deploy(&[("MASTER_KEY", &"7".repeat(64))]);
    assert_eq!(
        refused(write(&other, &lines[0])),
        (400, "IMPORT_DAMAGED".to_owned())
    );
    let elsewhere = Memory::default();
    elsewhere.deploy(&[("PUBLIC_URL", "https://other.example.com")]);
    let (status, answer) = write(&elsewhere, &lines[0]);
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("IMPORT_ELSEWHERE")),
        "{answer}"
    );
    assert!(
        answer["message"].as_str().unwrap().contains("PUBLIC_URL"),
        "{answer}"
    );
    let used = Memory::default();
    let mine = used.shop("demo");
    assert_eq!(
        refused(write(&used, &lines[0])),
        (409, "IMPORT_NOT_EMPTY".to_owned())
    );
    for line in lines.iter().skip(1) {
        let (_, answer) = write(&used, line);
        // A later line is answered with the number of the first.
        let is_refused = answer["code"] == "IMPORT_INCOMPLETE" || answer["data"]["next"] == 0;
        assert!(is_refused, "{answer}");
    }
    let order = fixtures::order("STILL").to_string();
    assert_eq!(mine.call("POST", "/v1/order", order).0, 200, "it serves");
}

fn object_of(line: &str) -> String {
    use base64::Engine;
    let json = line.split_once('.').unwrap().0;
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(json)
        .unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    json["object"].as_str().unwrap().to_owned()
}

#[test]
fn a_closed_deployment_refuses_everything_and_opens_again_until_its_release() {
    let world = Memory::default();
    let shops = filled(&world);
    let before: Vec<_> = shops.iter().map(seen).collect();
    let (first, lines) = export(&world);
    // The same export continues.
    assert_eq!(begin(&world), first);
    let paid = |number: &str| {
        let order = fixtures::order(number).to_string();
        shops[0].call("POST", "/v1/order", order)
    };
    let closed = |answer: (u16, Value)| {
        assert_eq!(refused(answer), (503, "DEPLOYMENT_CLOSED".to_owned()));
    };
    closed(paid("X"));
    closed(world.admin("/merchants", &Memory::merchant_body("new", &json!({}))));
    closed(shops[1].call("GET", "/v1/order?out_trade_no=1-1", ""));
    // Also after each object was opened again, in the middle of the day.
    world.deploy(&[]);
    closed(paid("X"));
    let calls = world.upstream_calls().len();
    world.advance(3600);
    assert_eq!(world.upstream_calls().len(), calls, "no timer runs");
    // It opens again, and that export is over.
    step(&world, &json!({"step": "reopen"}));
    let release = json!({"step": "release", "export": first});
    assert_eq!(
        refused(world.admin("/export", &release)),
        (409, "EXPORT_ENDED".to_owned())
    );
    let mut all: Vec<String> = shards().collect();
    all.reverse();
    let shards = all.split_off(0);
    for object in objects(&world).into_iter().chain(shards) {
        step(&world, &json!({"step": "reopen", "object": object}));
    }
    assert_eq!(
        refused(world.admin("/export", &release)),
        (409, "EXPORT_ENDED".to_owned())
    );
    let page = json!({"step": "page", "export": first, "object": "registry-00"});
    assert_eq!(
        refused(world.admin("/export", &page)),
        (409, "EXPORT_ENDED".to_owned())
    );
    for (shop, before) in shops.iter().zip(&before) {
        let orders = |seen: &[(&str, Value)]| seen[0].1["orders"].as_array().unwrap().len();
        assert_eq!(orders(&seen(shop)), orders(before));
    }
    assert_eq!(paid("AGAIN").0, 200);
    // A second export, and its release.
    let (second, _) = export(&world);
    assert_ne!(first, second);
    self::release(&world, &second);
    for body in [
        json!({"step": "reopen"}),
        json!({"step": "reopen", "object": "book/demo"}),
    ] {
        assert_eq!(
            refused(world.admin("/export", &body)),
            (409, "EXPORT_RELEASED".to_owned())
        );
    }
    assert_eq!(
        refused(world.admin("/export", &json!({"step": "begin"}))),
        (409, "EXPORT_RELEASED".to_owned())
    );
    // It takes an import back, in place of what it had.
    for line in &lines {
        assert_eq!(write(&world, line).0, 200);
    }
}

#[test]
fn what_is_in_flight_when_its_book_is_closed_continues_afterwards() {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo");
    let export = begin(&world);
    let close = json!({"step": "close", "export": export, "object": "book/demo"});
    // Only the book is closed, in the middle of a Quick Pay.
    let request = http::Request::post(format!("{GATEWAY}/admin/export"))
        .header("authorization", format!("Bearer {ADMIN_TOKEN}"))
        .body(close.to_string().into_bytes())
        .unwrap();
    world.during_next("/pay/micropay", request);
    let code = world.control("/sandbox/paycode", &json!({"payer": "alice"}))["auth_code"].clone();
    let sale = json!({"out_trade_no": "Q", "body": "Tea", "total_fee": 150, "auth_code": code});
    let (status, answer) = shop.call("POST", "/v1/micropay", sale.to_string());
    assert!(status >= 500, "{answer}");
    world.advance(3600);
    step(&world, &json!({"step": "reopen"}));
    step(&world, &json!({"step": "reopen", "object": "book/demo"}));
    step(&world, &json!({"step": "reopen", "object": "registry-00"}));
    world.advance(60);
    // The payment that WeChat took is known; it is not made twice.
    let state = shop.status("Q");
    assert_eq!(state["trade_state"], "SUCCESS", "{state}");
    let sent = world
        .upstream_calls()
        .into_iter()
        .filter(|path| path == "/pay/micropay");
    assert_eq!(sent.count(), 1);
}

#[test]
fn a_refused_statement_leaves_an_import_that_can_be_repeated() {
    let here = Memory::default();
    let shops = filled(&here);
    let before = seen(&shops[0]);
    let (export, lines) = export(&here);
    let there = Memory::default();
    let mut refusals = 0;
    for (at, line) in lines.iter().enumerate() {
        // Each page of a book fails in several places.
        let is_book = object_of(line) == "book/demo";
        let places: &[u64] = if is_book {
            &[1, 5, 9, 14, 40, 77]
        } else {
            &[7]
        };
        for nth in places {
            there.refuse_statement(*nth + u64::try_from(at % 3).unwrap());
            let (status, _) = write(&there, line);
            refusals += usize::from(!there.call_off_refusal() && status != 200);
        }
        let (status, answer) = write(&there, line);
        assert_eq!(status, 200, "{answer}");
    }
    assert!(refusals > 20, "{refusals}");
    let release = release(&here, &export);
    activate(&there, &release);
    let shop = shops[0].at(&there);
    for ((path, before), (_, after)) in before.iter().zip(seen(&shop)) {
        assert_eq!(&after, before, "{path}");
    }
}

/// The database refuses a statement at several places of every step, the answer
/// of every step is lost once, and the objects are opened again in between.
#[test]
fn a_move_that_fails_in_each_step_is_continued_and_both_never_serve() {
    let (here, there) = (Memory::default(), Memory::default());
    let shop = fixtures::shop(&here, "demo");
    let mut accepted: Vec<String> = Vec::new();
    let mut probes = 0;
    // Which of the two accepts a new order.
    let mut serving = || {
        probes += 1;
        let number = format!("P-{probes}");
        let order = fixtures::order(&number).to_string();
        let statuses = [&shop, &shop.at(&there)]
            .map(|shop| shop.call("POST", "/v1/order", order.clone()).0 == 200);
        if statuses.contains(&true) {
            accepted.push(number);
        }
        statuses
    };
    let (mut steps, mut refusals) = (0, 0);
    let mut take = |world: &Memory, path: &str, body: &Value| {
        steps += 1;
        for nth in [1, 2, 3, 5] {
            world.refuse_statement_by(nth + steps % 3, StorageFault::DiskFull);
            let (status, answer) = world.admin(path, body);
            let refused = !world.call_off_refusal();
            assert!(status == 200 || refused, "{body}: {answer}");
            refusals += usize::from(refused && status != 200);
            world.deploy(&[]);
        }
        let taken = [(); 2].map(|()| world.admin(path, body));
        let [_, (status, answer)] = taken;
        assert_eq!(status, 200, "{body}: {answer}");
        answer["data"].clone()
    };
    assert_eq!(serving(), [true, false]);
    let begun = take(&here, "/export", &json!({"step": "begin"}));
    let export = &begun["export"];
    assert_eq!(serving(), [true, false]);
    let mut all: Vec<String> = shards().collect();
    for at in 0.. {
        if at == 64 {
            all.extend(objects(&here));
        }
        let Some(object) = all.get(at) else {
            break;
        };
        let close = json!({"step": "close", "export": export, "object": object});
        take(&here, "/export", &close);
        assert!(!serving()[1]);
    }
    assert_eq!(serving(), [false, false]);
    for object in &all {
        let mut cursor = Value::Null;
        loop {
            let page =
                json!({"step": "page", "export": export, "object": object, "cursor": cursor});
            let page = take(&here, "/export", &page);
            take(&there, "/import", &json!({"line": page["line"]}));
            cursor = page["cursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!(serving(), [false, false]);
    }
    let released = json!({"step": "release", "export": export});
    let released = take(&here, "/export", &released);
    assert_eq!(serving(), [false, false]);
    for shard in shards() {
        let activate = json!({"release": released["release"], "object": shard});
        take(&there, "/import", &activate);
        assert!(!serving()[0]);
    }
    assert_eq!(serving(), [false, true]);
    assert!(refusals > 200, "{refusals}");
    // Every order that either of them has accepted is there.
    for number in accepted {
        let timeline = format!("/v1/timeline?out_trade_no={number}");
        let (status, answer) = shop.at(&there).call("GET", &timeline, "");
        assert_eq!(status, 200, "{number}: {answer}");
    }
}

#[test]
fn a_wrong_step_is_named() {
    let world = Memory::default();
    for (body, code, field) in [
        (json!({}), "FIELD_MISSING", "step"),
        (json!({"step": "open"}), "FIELD_INVALID", "step"),
        (
            json!({"step": "close", "export": "x"}),
            "FIELD_MISSING",
            "object",
        ),
        (
            json!({"step": "close", "object": "book/demo"}),
            "FIELD_MISSING",
            "export",
        ),
        (
            json!({"step": "close", "export": "x", "object": "registry-64"}),
            "FIELD_INVALID",
            "object",
        ),
        (
            json!({"step": "close", "export": "x", "object": "book/../x"}),
            "FIELD_INVALID",
            "object",
        ),
        (
            json!({"step": "close", "export": "x", "object": "claims/1/123"}),
            "FIELD_INVALID",
            "object",
        ),
        (
            json!({"step": "objects", "object": "book/demo"}),
            "FIELD_INVALID",
            "object",
        ),
        (
            json!({"step": "objects", "object": "registry-00", "after": "A/"}),
            "FIELD_INVALID",
            "after",
        ),
        (
            json!({"step": "page", "export": "x", "object": "registry-00", "cursor": "e30.e30"}),
            "FIELD_INVALID",
            "cursor",
        ),
    ] {
        let (status, answer) = world.admin("/export", &body);
        assert_eq!(
            (status, &answer["code"], &answer["field"]),
            (400, &json!(code), &json!(field)),
            "{body}: {answer}"
        );
    }
    for (body, code) in [
        (json!({}), "FIELD_MISSING"),
        (json!({"line": "a", "release": "b"}), "FIELD_MISSING"),
        (json!({"lines": []}), "FIELD_INVALID"),
        (json!([]), "BODY_NOT_JSON"),
    ] {
        let (status, answer) = world.admin("/import", &body);
        assert_eq!(
            (status, &answer["code"]),
            (400, &json!(code)),
            "{body}: {answer}"
        );
    }
    let (status, answer) = world.admin_as("POST", "/export", "wrong-token-of-a-test", &json!({}));
    assert_eq!(
        (status, &answer["code"]),
        (401, &json!("ADMIN_TOKEN_WRONG"))
    );
}
