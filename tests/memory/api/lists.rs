//! Lists: the rows of each filter, their order, pages, and CSV.

use crate::checkout::links::{buy, link, pay as pay_link};
use crate::notice_fixture::order;
use serde_json::{Value, json};
use std::time::Instant;
use tests::memory::{Memory, START_MS, Shop};

/// The answer of a list or another call.
pub fn get(shop: &Shop, path: &str) -> Value {
    let (status, answer) = shop.call("GET", path, "");
    assert_eq!(status, 200, "{path}: {answer}");
    answer["data"].clone()
}

/// The numbers of a list's orders.
pub fn numbers(orders: &Value) -> Vec<String> {
    let orders = orders.as_array().unwrap().iter();
    orders
        .map(|order| order["out_trade_no"].as_str().unwrap().to_owned())
        .collect()
}

fn found(shop: &Shop, filters: &str) -> Vec<String> {
    numbers(&get(shop, &format!("/v1/orders?limit=100&{filters}"))["orders"])
}

fn jsapi(shop: &Shop, number: &str, fee: i64, currency: &str) {
    let openid = sandbox::Payer::Alice.openid("wx5a11d0b0c0ffee01");
    shop.order(&json!({
        "out_trade_no": number, "body": "Tea", "total_fee": fee, "fee_type": currency,
        "trade_type": "JSAPI", "open_id": openid,
    }));
}

/// Orders `A1` to `A3`, one a second; `A1` is paid and half refunded.
fn few() -> (Memory, Shop) {
    let world = Memory::default();
    let shop = world.shop("demo");
    let first = order(&shop, "A1");
    world.scan(&first["code_url"]);
    world.advance(1);
    order(&shop, "A2");
    world.advance(1);
    order(&shop, "A3");
    let refund = json!({"out_trade_no": "A1", "refund_fee": 75, "out_refund_no": "R1"});
    let (status, answer) = shop.call("POST", "/v1/refund", refund.to_string());
    assert_eq!(status, 200, "{answer}");
    world.advance(30);
    (world, shop)
}

#[test]
fn orders_are_listed_newest_first_in_the_new_form() {
    let (_world, shop) = few();
    let orders = get(&shop, "/v1/orders")["orders"].clone();
    assert_eq!(numbers(&orders), ["A3", "A2", "A1"]);
    let paid = &orders[2];
    assert_eq!(paid["amount"], 150);
    assert_eq!(paid["currency"], "HKD");
    assert_eq!(paid["refunded_amount"], 75);
    assert_eq!(paid["state"], "REFUND");
    assert_eq!(paid["created_at_ms"], START_MS);
    assert_eq!(paid["paid_at_ms"], START_MS);
    assert_eq!(orders[0]["paid_at_ms"], Value::Null);
    assert_eq!(orders[0]["waiting"], true);
    let refunds = get(&shop, "/v1/refunds")["refunds"].clone();
    assert_eq!(refunds[0]["out_refund_no"], "R1");
    assert_eq!(refunds[0]["state"], "SUCCESS");
    assert_eq!(refunds[0]["amount"], 75);
    let deliveries = get(&shop, "/v1/deliveries?out_trade_no=A1")["deliveries"].clone();
    assert_eq!(deliveries[0]["state"], "acknowledged");
    assert_eq!(deliveries[0]["created_at_ms"], START_MS);
}

#[test]
fn each_filter_selects_its_rows_and_filters_combine() {
    let (_world, shop) = few();
    jsapi(&shop, "B1", 700, "CNY");
    let transaction = get(&shop, "/v1/orders?state=REFUND")["orders"][0]["transaction_id"].clone();
    let transaction = transaction.as_str().unwrap();
    let refund_id = get(&shop, "/v1/refunds")["refunds"][0]["refund_id"].clone();
    let payer = get(&shop, "/v1/orders?state=REFUND")["orders"][0]["openid"].clone();
    let payer = payer.as_str().unwrap();
    let second = START_MS + 1_000;
    let third = START_MS + 2_000;
    for (filters, expected) in [
        ("", &["B1", "A3", "A2", "A1"][..]),
        ("state=NOTPAY", &["B1", "A3", "A2"]),
        ("state=REFUND", &["A1"]),
        ("state=CLOSED", &[]),
        ("waiting=true", &["B1", "A3", "A2"]),
        ("currency=CNY", &["B1"]),
        ("currency=JPY", &[]),
        ("trade_type=JSAPI", &["B1"]),
        ("trade_type=NATIVE&state=NOTPAY", &["A3", "A2"]),
        ("amount_from=700&amount_to=700", &["B1"]),
        ("amount_from=150&amount_to=699", &["A3", "A2", "A1"]),
        ("amount_from=151", &["B1"]),
        ("amount_to=150&state=NOTPAY&currency=HKD", &["A3", "A2"]),
        (&format!("created_from_ms={second}"), &["B1", "A3", "A2"]),
        (
            &format!("created_from_ms={second}&created_to_ms={third}"),
            &["A2"],
        ),
        (&format!("created_to_ms={second}"), &["A1"]),
        (&format!("paid_from_ms={START_MS}"), &["A1"]),
        (&format!("paid_to_ms={START_MS}"), &[]),
        (
            &format!("paid_from_ms={START_MS}&created_from_ms={second}"),
            &[],
        ),
        (&format!("openid={payer}&state=REFUND"), &["A1"]),
        ("openid=o-another", &[]),
        ("q=A", &["A3", "A2", "A1"]),
        ("q=A2", &["A2"]),
        ("q=a", &["A3", "A2", "A1"]),
        ("q=r1", &["A1"]),
        ("q=a&state=NOTPAY", &["A3", "A2"]),
        ("q=c", &[]),
        ("q=R1", &["A1"]),
        ("q=A&state=NOTPAY", &["A3", "A2"]),
        (&format!("q={transaction}"), &["A1"]),
        (&format!("q={}", &transaction[..12]), &["A1"]),
        (&format!("q={}", refund_id.as_str().unwrap()), &["A1"]),
        ("q=%25", &[]),
    ] {
        assert_eq!(found(&shop, filters), expected, "{filters}");
    }
    for (path, list, n) in [
        ("/v1/refunds?state=SUCCESS", "refunds", 1),
        ("/v1/refunds?state=ASKED", "refunds", 0),
        ("/v1/refunds?out_trade_no=A1&currency=HKD", "refunds", 1),
        ("/v1/refunds?out_trade_no=A2", "refunds", 0),
        ("/v1/refunds?q=A1", "refunds", 1),
        ("/v1/refunds?waiting=true", "refunds", 0),
        ("/v1/deliveries?state=acknowledged", "deliveries", 1),
        ("/v1/deliveries?state=given_up", "deliveries", 0),
        ("/v1/deliveries?waiting=true", "deliveries", 0),
        ("/v1/deliveries?q=A1", "deliveries", 1),
    ] {
        let rows = get(&shop, path)[list].as_array().unwrap().len();
        assert_eq!(rows, n, "{path}");
    }
}

#[test]
fn a_cursor_continues_after_the_page_while_rows_are_added() {
    let world = Memory::default();
    let shop = world.shop("demo");
    // Several in one millisecond, and then one a second.
    for n in 0..25 {
        order(&shop, &format!("P{n:02}"));
        if n % 5 == 4 {
            world.advance(1);
        }
    }
    for filters in [
        "",
        "&state=NOTPAY",
        "&currency=HKD&trade_type=NATIVE",
        "&q=P",
    ] {
        let mut seen = Vec::new();
        let mut after = String::new();
        let mut made = 0;
        loop {
            let page = get(&shop, &format!("/v1/orders?limit=4{filters}{after}"));
            seen.extend(numbers(&page["orders"]));
            order(&shop, &format!("LATER{made}{}", filters.len()));
            made += 1;
            match page["after"].as_str() {
                Some(token) => after = format!("&after={token}"),
                None => break,
            }
        }
        let old: Vec<_> = seen
            .iter()
            .filter(|number| number.starts_with('P'))
            .collect();
        let expected: Vec<_> = (0..25).rev().map(|n| format!("P{n:02}")).collect();
        assert_eq!(old, expected.iter().collect::<Vec<_>>(), "{filters}");
    }
}

#[test]
fn a_page_that_compares_many_rows_is_short_and_the_next_continues() {
    let world = Memory::default();
    let shop = world.shop("demo");
    order(&shop, "RARE");
    jsapi(&shop, "FIRST", 9, "CNY");
    copy_orders(&world, "RARE", 2_500);
    let mut seen = Vec::new();
    let mut after = String::new();
    let mut pages = 0;
    loop {
        let page = get(
            &shop,
            &format!("/v1/orders?state=NOTPAY&amount_to=100{after}"),
        );
        seen.extend(numbers(&page["orders"]));
        pages += 1;
        match page["after"].as_str() {
            Some(token) => after = format!("&after={token}"),
            None => break,
        }
    }
    assert_eq!(seen, ["FIRST"]);
    assert!((2..=4).contains(&pages), "{pages}");
    // Rows that an index finds are returned at once, and so are those with a
    // prefix that few numbers have.
    for filters in [
        "currency=CNY&state=NOTPAY",
        "amount_from=9&amount_to=9",
        "q=FIR",
        "trade_type=JSAPI",
    ] {
        let page = get(&shop, &format!("/v1/orders?{filters}"));
        assert_eq!(numbers(&page["orders"]), ["FIRST"], "{filters}");
    }
    // More numbers have this prefix than are sorted at once: the list's order
    // is followed.
    for q in ["COPY", "copy"] {
        let page = get(&shop, &format!("/v1/orders?q={q}&limit=3"));
        assert_eq!(numbers(&page["orders"]).len(), 3, "{q}");
        assert!(page["after"].is_string(), "{q}");
    }
}

/// Copies an order of the book, with its rows of the index, `n` times.
fn copy_orders(world: &Memory, number: &str, n: i64) {
    world
        .sql(
            "demo",
            &format!(
                "BEGIN;
                 WITH RECURSIVE counted(i) AS
                    (SELECT 1 UNION ALL SELECT i + 1 FROM counted WHERE i < {n})
                 INSERT INTO orders(out_trade_no, json, listed)
                 SELECT printf('COPY-%07d', i), json, 1 FROM counted, orders
                 WHERE out_trade_no = '{number}';
                 WITH RECURSIVE counted(i) AS
                    (SELECT 1 UNION ALL SELECT i + 1 FROM counted WHERE i < {n})
                 INSERT INTO listed(list, key, at_ms, state, waiting, moved_at_ms, amount,
                    currency, trade_type, openid)
                 SELECT 1, printf('COPY-%07d', i), at_ms + i, state, waiting, moved_at_ms + i,
                    amount, currency, trade_type, openid FROM counted, listed
                 WHERE list = 1 AND key = '{number}';
                 INSERT INTO numbers SELECT 1, key, n FROM listed
                 WHERE list = 1 AND key LIKE 'COPY-%';
                 COMMIT;"
            ),
        )
        .unwrap();
}

/// Each list call costs the same with a thousand and with 200,000 orders. The
/// time is printed and not compared: the query plans of every statement in
/// every test show that none reads a growing table.
#[test]
fn a_list_call_reads_no_more_of_a_large_book() {
    let took = |n: i64| {
        let world = Memory::default();
        let shop = world.shop("demo");
        let made = order(&shop, "ONE");
        world.scan(&made["code_url"]);
        copy_orders(&world, "ONE", n);
        let paths = [
            "/v1/orders",
            "/v1/orders?state=SUCCESS&amount_from=100&amount_to=200",
            "/v1/orders?state=NOTPAY",
            "/v1/orders?paid_from_ms=1",
            "/v1/orders?q=COPY-0000",
            "/v1/orders?amount_from=1&amount_to=2",
            "/v1/totals?from=2026-01-01&to=2026-01-31",
        ];
        paths.map(|path| {
            get(&shop, path);
            let begun = Instant::now();
            for _ in 0..5 {
                get(&shop, path);
            }
            (path, begun.elapsed())
        })
    };
    for ((path, few), (_, many)) in took(1_000).into_iter().zip(took(200_000)) {
        let ratio = many.as_micros() * 100 / few.as_micros().max(1);
        println!("{path}: {few:?} with 1,000 orders, {many:?} with 200,000: {ratio} %");
    }
}

#[test]
fn checkouts_and_their_orders_are_found_by_the_link_that_they_were_bought_through() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let made = link(&shop, json!({"total_fee": 900}));
    let id = made["id"].as_str().unwrap();
    let sold = pay_link(&world, &buy(&world, &made, ""));
    buy(&world, &made, "");
    let (status, _) = shop.call(
        "POST",
        "/v1/checkout",
        json!({"out_trade_no": "OWN", "body": "Tea", "total_fee": 1}).to_string(),
    );
    assert_eq!(status, 200);
    assert_eq!(found(&shop, &format!("link={id}")), [sold.as_str()]);
    assert_eq!(
        found(&shop, &format!("link={id}&state=SUCCESS")),
        [sold.as_str()]
    );
    let of = |filters: &str| {
        let data = get(&shop, &format!("/v1/checkouts?{filters}"));
        numbers(&data["checkouts"]).len()
    };
    assert_eq!(of(&format!("link={id}")), 2);
    assert_eq!(of("state=paid"), 1);
    assert_eq!(of("state=open"), 2);
    assert_eq!(of(&format!("q={sold}")), 1);
    assert_eq!(of("state=open&amount_to=1"), 1);
    let paid = get(&shop, "/v1/checkouts?state=paid")["checkouts"][0].clone();
    assert_eq!(paid["link"], id);
    assert_eq!(paid["attempts"], 1);
    assert_eq!(
        paid["paid_at_ms"],
        get(&shop, "/v1/orders")["orders"][0]["paid_at_ms"]
    );
    assert_eq!(of(&format!("paid_from_ms={START_MS}")), 1);
    let links = get(&shop, "/v1/links?active=true")["links"].clone();
    assert_eq!(links[0]["id"], id);
    assert_eq!(links[0]["sold"], 1);
    for (filters, n) in [
        ("amount_from=900&amount_to=900", 1),
        ("amount_from=901", 0),
        ("amount_to=899", 0),
        ("amount_to=900&active=true", 1),
    ] {
        let found = get(&shop, &format!("/v1/links?{filters}"))["links"].clone();
        assert_eq!(found.as_array().unwrap().len(), n, "{filters}");
    }
    assert_eq!(get(&shop, "/v1/links?active=false")["links"], json!([]));
    let (status, _) = shop.call(
        "POST",
        "/v1/close",
        json!({"out_trade_no": "OWN"}).to_string(),
    );
    assert!(status == 200 || status == 404, "{status}");
    assert_eq!(of("state=closed"), 1);
    // The unpaid purchase is removed, from the list too.
    world.advance(3 * 3_600);
    assert_eq!(of(&format!("link={id}")), 1);
    assert_eq!(of("state=expired"), 0);
}

#[test]
fn alarms_are_listed_by_name_and_leave_the_list_when_settled() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.call("GET", "/v1/order?out_trade_no=X", "");
    world
        .sql(
            "demo",
            "INSERT INTO alarms VALUES('ORDER_UNKNOWN', 'N 1', 1, 5), ('PAID_TWICE', 'N2', 2, 7);
             UPDATE alarms SET times = 2, last_at_ms = 9 WHERE subject = 'N 1';",
        )
        .unwrap();
    let alarms = get(&shop, "/v1/alarms")["alarms"].clone();
    assert_eq!(alarms[0]["subject"], "N 1");
    assert_eq!(alarms[0]["times"], 2);
    assert_eq!(alarms[0]["last_at_ms"], 9);
    assert!(alarms[0]["to_do"].as_str().unwrap().ends_with('.'));
    assert_eq!(alarms[1]["name"], "PAID_TWICE");
    let n = |filters: &str| {
        get(&shop, &format!("/v1/alarms?{filters}"))["alarms"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(n("name=PAID_TWICE"), 1);
    assert_eq!(n("q=N%201"), 1);
    assert_eq!(n("last_from_ms=8"), 1);
    let settled = json!({"name": "PAID_TWICE", "subject": "N2", "note": "returned"});
    let (status, answer) = world.admin("/merchants/demo/alarms", &settled);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(n(""), 1);
}

#[test]
fn csv_has_exactly_the_filtered_rows() {
    let (world, shop) = few();
    shop.order(&json!({
        "out_trade_no": "-5", "body": "=HYPERLINK(\"x\"),茶", "total_fee": 150,
        "trade_type": "NATIVE", "attach": "@SUM(A1)",
    }));
    copy_orders(&world, "A2", 250);
    let answer = shop.answer("GET", "/v1/orders?state=NOTPAY&format=csv", "");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(
        answer.headers()["content-disposition"],
        "attachment; filename=\"orders.csv\""
    );
    let text = String::from_utf8(answer.body().clone()).unwrap();
    let text = text.strip_prefix('\u{feff}').expect("a byte order mark");
    let lines: Vec<_> = text.split("\r\n").collect();
    assert!(
        lines[0].starts_with("out_trade_no,state,amount,currency,"),
        "{}",
        lines[0]
    );
    // A2, A3, -5 and the copies of A2; and nothing after the last line break.
    assert_eq!(lines.len(), 1 + 253 + 1);
    assert_eq!(lines[254], "");
    let odd = lines
        .iter()
        .find(|line| line.contains("HYPERLINK"))
        .unwrap();
    assert!(odd.starts_with("\"'-5\",NOTPAY,150,HKD,0,NATIVE,"), "{odd}");
    assert!(
        odd.contains(",\"'=HYPERLINK(\"\"x\"\"),茶\",\"'@SUM(A1)\","),
        "{odd}"
    );
    for list in ["refunds", "checkouts", "links", "deliveries", "alarms"] {
        let path = format!("/v1/{list}?format=csv");
        let answer = shop.answer("GET", &path, "");
        assert_eq!(answer.status(), 200, "{path}");
        let text = String::from_utf8(answer.body().clone()).unwrap();
        let rows = get(&shop, &format!("/v1/{list}"))[list].clone();
        let rows = rows.as_array().unwrap();
        assert_eq!(text.matches("\r\n").count(), rows.len() + 1, "{list}");
        if let Some(row) = rows.first() {
            let header = text
                .trim_start_matches('\u{feff}')
                .split("\r\n")
                .next()
                .unwrap();
            let mut columns: Vec<_> = header.split(',').collect();
            columns.sort_unstable();
            let members: Vec<_> = row
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            let mut members = members;
            members.sort_unstable();
            assert_eq!(columns, members, "{list}");
        }
    }
}

#[test]
fn an_invalid_list_parameter_is_refused_by_name() {
    let (world, shop) = few();
    let other = world.shop("other");
    let token = |shop: &Shop, path: &str| {
        let after = get(shop, path)["after"].clone();
        after.as_str().map(str::to_owned)
    };
    let cursor = token(&shop, "/v1/orders?limit=1").unwrap();
    let filtered = token(&shop, "/v1/orders?limit=1&state=NOTPAY").unwrap();
    let orders = |rest: &str| format!("/v1/orders?{rest}");
    for (path, code, field) in [
        (orders("status=PAID"), "FIELD_INVALID", "status"),
        (orders("state=PAID"), "FIELD_INVALID", "state"),
        (orders("state=notpay"), "FIELD_INVALID", "state"),
        (
            orders("state=NOTPAY&state=CLOSED"),
            "FIELD_INVALID",
            "state",
        ),
        (orders("limit=0"), "FIELD_INVALID", "limit"),
        (orders("limit=101"), "FIELD_INVALID", "limit"),
        (orders("limit=ten"), "FIELD_INVALID", "limit"),
        (
            orders("created_from_ms=2&created_to_ms=2"),
            "FIELD_INVALID",
            "created_to_ms",
        ),
        (
            orders("created_from_ms=-1"),
            "FIELD_INVALID",
            "created_from_ms",
        ),
        (
            orders("created_from_ms=2026-01-01"),
            "FIELD_INVALID",
            "created_from_ms",
        ),
        (
            orders("created_from_ms=99999999999999999999"),
            "FIELD_INVALID",
            "created_from_ms",
        ),
        (
            orders("paid_from_ms=9&paid_to_ms=1"),
            "FIELD_INVALID",
            "paid_to_ms",
        ),
        (
            orders("amount_from=9&amount_to=8"),
            "FIELD_INVALID",
            "amount_to",
        ),
        (orders("amount_from=1.5"), "FIELD_INVALID", "amount_from"),
        (orders("amount_to=0"), "FIELD_INVALID", "amount_to"),
        (orders("currency=hkd"), "FIELD_INVALID", "currency"),
        (orders("trade_type=H5"), "FIELD_INVALID", "trade_type"),
        (orders("waiting=false"), "FIELD_INVALID", "waiting"),
        (orders("format=xml"), "FIELD_INVALID", "format"),
        (orders("format=csv&limit=5"), "FIELD_INVALID", "limit"),
        (
            orders(&format!("format=csv&after={cursor}")),
            "FIELD_INVALID",
            "after",
        ),
        (
            orders(&format!("q={}", "x".repeat(129))),
            "FIELD_INVALID",
            "q",
        ),
        (orders("q=%00"), "FIELD_INVALID", "q"),
        (orders("after=1"), "CURSOR_INVALID", "after"),
        (
            orders(&format!("after={cursor}x")),
            "CURSOR_INVALID",
            "after",
        ),
        (
            orders(&format!("after={filtered}")),
            "CURSOR_INVALID",
            "after",
        ),
        (
            orders(&format!("after={cursor}&state=NOTPAY")),
            "CURSOR_INVALID",
            "after",
        ),
        (
            format!("/v1/refunds?after={cursor}"),
            "CURSOR_INVALID",
            "after",
        ),
        (
            format!("/v1/deliveries?after={cursor}"),
            "CURSOR_INVALID",
            "after",
        ),
        (
            "/v1/refunds?trade_type=NATIVE".to_owned(),
            "FIELD_INVALID",
            "trade_type",
        ),
        (
            "/v1/refunds?out_trade_no=a%20b".to_owned(),
            "FIELD_INVALID",
            "out_trade_no",
        ),
        (
            "/v1/checkouts?state=SUCCESS".to_owned(),
            "FIELD_INVALID",
            "state",
        ),
        ("/v1/links?active=1".to_owned(), "FIELD_INVALID", "active"),
        (
            "/v1/deliveries?state=lost".to_owned(),
            "FIELD_INVALID",
            "state",
        ),
        (
            "/v1/deliveries?type=order.made".to_owned(),
            "FIELD_INVALID",
            "type",
        ),
        (orders("endpoint=we_x"), "FIELD_INVALID", "endpoint"),
        (
            "/v1/alarms?name=NO_SUCH".to_owned(),
            "FIELD_INVALID",
            "name",
        ),
        ("/v1/alarms?state=x".to_owned(), "FIELD_INVALID", "state"),
    ] {
        let (status, answer) = shop.call("GET", &path, "");
        assert_eq!(status, 400, "{path}: {answer}");
        assert_eq!(answer["code"], code, "{path}: {answer}");
        assert_eq!(answer["field"], field, "{path}: {answer}");
        assert!(
            answer["message"].as_str().unwrap().ends_with('.'),
            "{path}: {answer}"
        );
    }
    // Another merchant's cursor is refused.
    let path = format!("/v1/orders?after={cursor}");
    let (status, answer) = other.call("GET", &path, "");
    assert_eq!(
        (status, &answer["code"]),
        (400, &json!("CURSOR_INVALID")),
        "{answer}"
    );
    assert_eq!(
        numbers(&get(&other, "/v1/orders")["orders"]),
        Vec::<String>::new()
    );
    // The size of a page may change from one to the next.
    assert_eq!(
        numbers(&get(&shop, &format!("{path}&limit=100"))["orders"]),
        ["A2", "A1"]
    );
}

/// Lists contain payers' openids and purchases: the api-key alone, which
/// merchants have put into pages and apps, is refused.
#[test]
fn the_api_key_alone_lists_nothing() {
    let (world, shop) = few();
    for path in [
        "/v1/orders",
        "/v1/orders?format=csv",
        "/v1/refunds",
        "/v1/checkouts",
        "/v1/links",
        "/v1/deliveries",
        "/v1/alarms",
        "/v1/totals?from=2026-01-01&to=2026-01-02",
        "/v1/timeline?out_trade_no=A1",
    ] {
        let asked = |keys: &[(&str, &str)]| {
            let mut request = http::Request::get(format!("{}{path}", tests::memory::GATEWAY));
            for (name, value) in keys {
                request = request.header(*name, *value);
            }
            world
                .send(request.body(Vec::new()).unwrap())
                .status()
                .as_u16()
        };
        let (key, secret) = (shop.api_key.as_str(), shop.api_secret.as_str());
        assert_eq!(asked(&[]), 401, "{path}");
        assert_eq!(asked(&[("api-key", key)]), 401, "{path}");
        assert_eq!(
            asked(&[("api-key", key), ("api-secret", "wrong")]),
            401,
            "{path}"
        );
        assert_eq!(
            asked(&[("api-key", key), ("api-secret", secret)]),
            200,
            "{path}"
        );
        let (_, token) = shop.call("POST", "/v1/token", "");
        let token = token["data"]["api-token"].as_str().unwrap().to_owned();
        assert_eq!(asked(&[("api-token", &token)]), 200, "{path}");
    }
}
