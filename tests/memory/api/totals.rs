//! What was paid and refunded, by the days and months of the merchant's time zone.

use crate::api::lists::get;
use crate::notice_fixture::order;
use serde_json::{Value, json};
use tests::memory::{Memory, Shop};

fn refund(shop: &Shop, number: &str, fee: i64, refund_no: &str) {
    let body = json!({"out_trade_no": number, "refund_fee": fee, "out_refund_no": refund_no});
    let (status, answer) = shop.call("POST", "/v1/refund", body.to_string());
    assert_eq!(status, 200, "{answer}");
}

/// `(period, currency, paid, count, refunded, count, net)` of each row.
fn rows(data: &Value) -> Vec<(String, String, [i64; 5])> {
    let row = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let names = [
            "paid_amount",
            "paid_count",
            "refunded_amount",
            "refunded_count",
            "net_amount",
        ];
        (
            text("period"),
            text("currency"),
            names.map(|name| row[name].as_i64().unwrap()),
        )
    };
    data["totals"].as_array().unwrap().iter().map(row).collect()
}

/// 2026-01-02 03:04:05 UTC is 11:04 in Shanghai, and 22:04 of the day before in New
/// York.
#[test]
fn a_day_is_a_day_of_the_merchants_time_zone() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.scan(&order(&shop, "T1")["code_url"]);
    world.advance(1);
    refund(&shop, "T1", 40, "TR1");
    world.advance(20 * 3_600);
    world.scan(&order(&shop, "T2")["code_url"]);
    world.advance(1);
    let path = "/v1/totals?from=2026-01-01&to=2026-01-31&by=day";
    let data = get(&shop, path);
    assert_eq!(data["time_zone"], "Asia/Shanghai");
    let hkd = |day: &str, amounts| (day.to_owned(), "HKD".to_owned(), amounts);
    assert_eq!(
        rows(&data),
        [
            hkd("2026-01-02", [150, 1, 40, 1, 110]),
            hkd("2026-01-03", [150, 1, 0, 0, 150])
        ]
    );
    assert_eq!(data["sums"][0]["net_amount"], 260);
    assert_eq!(data["totals"][0]["from_ms"], 1_767_283_200_000_i64);
    let zone = json!({"time_zone": "America/New_York"});
    assert_eq!(world.change_merchant("demo", &zone).0, 200);
    world.advance(31);
    let data = get(&shop, path);
    assert_eq!(
        rows(&data),
        [
            hkd("2026-01-01", [150, 1, 40, 1, 110]),
            hkd("2026-01-02", [150, 1, 0, 0, 150])
        ]
    );
    let data = get(&shop, "/v1/totals?from=2025-12-01&to=2026-02-01&by=month");
    assert_eq!(rows(&data), [hkd("2026-01", [300, 2, 40, 1, 260])]);
    let data = get(&shop, "/v1/totals?from=2026-01-02&to=2026-01-02&by=month");
    assert_eq!(rows(&data), [hkd("2026-01", [150, 1, 0, 0, 150])]);
    assert_eq!(
        rows(&get(&shop, "/v1/totals?from=2026-02-01&to=2026-02-02")),
        []
    );
}

/// The totals equal the list's sums, with every state of payments and refunds:
/// a refund that WeChat refuses returns nothing, a reversed Quick Pay is not
/// paid.
#[test]
fn the_sums_are_the_sums_of_the_list() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for n in 0..6 {
        world.scan(&order(&shop, &format!("S{n}"))["code_url"]);
    }
    let code = world.control("/sandbox/paycode", &json!({"payer": "alice"}));
    let till = json!({"out_trade_no": "Q1", "body": "Tea", "total_fee": 1200,
                      "auth_code": code["auth_code"]});
    let (status, answer) = shop.call("POST", "/v1/micropay", till.to_string());
    assert_eq!(status, 200, "{answer}");
    world.advance(20);
    let today = "/v1/totals?from=2026-01-02&to=2026-01-02";
    assert_eq!(get(&shop, today)["sums"][0]["paid_amount"], 6 * 150 + 1_200);
    shop.call(
        "POST",
        "/v1/reverse",
        json!({"out_trade_no": "Q1"}).to_string(),
    );
    refund(&shop, "S1", 150, "SR1");
    refund(&shop, "S2", 20, "SR2");
    world.advance(120);
    let sums = get(&shop, today)["sums"][0].clone();
    let orders = get(&shop, "/v1/orders?limit=100&paid_from_ms=1")["orders"].clone();
    let orders = orders.as_array().unwrap();
    let of = |name: &str| {
        orders
            .iter()
            .map(|order| order[name].as_i64().unwrap())
            .sum::<i64>()
    };
    assert_eq!(sums["paid_amount"], of("amount"));
    assert_eq!(sums["paid_count"], json!(orders.len()));
    assert_eq!(sums["refunded_amount"], of("refunded_amount"));
    assert_eq!(sums["paid_amount"], 6 * 150);
    assert_eq!(sums["refunded_amount"], 170);
    assert_eq!(sums["net_amount"], 6 * 150 - 170);
}

/// Two billion in the smallest unit, a thousand times: no sum is rounded.
#[test]
fn large_sums_are_exact() {
    let world = Memory::default();
    let shop = world.shop("demo");
    order(&shop, "X");
    world
        .sql(
            "demo",
            "WITH RECURSIVE counted(i) AS
                (SELECT 1 UNION ALL SELECT i + 1 FROM counted WHERE i < 1000)
             INSERT INTO listed(list, key, at_ms, state, moved_at_ms, amount, currency)
             SELECT 1, 'BIG' || i, 1767323045000, 'SUCCESS', 1767323045000, 2147483647, 'IDR'
             FROM counted",
        )
        .unwrap();
    let sums = get(&shop, "/v1/totals?from=2026-01-02&to=2026-01-02")["sums"].clone();
    assert_eq!(sums[0]["paid_amount"], 2_147_483_647_000_i64);
    assert_eq!(sums[0]["paid_count"], 1_000);
}

#[test]
fn an_invalid_parameter_of_totals_is_refused_by_name() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for (query, code, field) in [
        ("to=2026-01-01", "FIELD_MISSING", "from"),
        ("from=2026-01-01", "FIELD_MISSING", "to"),
        ("from=2026-01-02&to=2026-01-01", "FIELD_INVALID", "to"),
        ("from=2026-02-30&to=2026-03-01", "FIELD_INVALID", "from"),
        ("from=20260101&to=2026-03-01", "FIELD_INVALID", "from"),
        ("from=2026-1-1&to=2026-03-01", "FIELD_INVALID", "from"),
        ("from=1999-12-31&to=2000-01-01", "FIELD_INVALID", "from"),
        ("from=2026-01-01&to=2100-01-01", "FIELD_INVALID", "to"),
        ("from=2026-01-01&to=2027-01-02", "FIELD_INVALID", "to"),
        (
            "from=2010-01-01&to=2026-01-02&by=month",
            "FIELD_INVALID",
            "to",
        ),
        (
            "from=2026-01-01&to=2026-01-02&by=week",
            "FIELD_INVALID",
            "by",
        ),
        (
            "from=2026-01-01&to=2026-01-02&zone=UTC",
            "FIELD_INVALID",
            "zone",
        ),
    ] {
        let (status, answer) = shop.call("GET", &format!("/v1/totals?{query}"), "");
        assert_eq!(status, 400, "{query}: {answer}");
        assert_eq!(answer["code"], code, "{query}: {answer}");
        assert_eq!(answer["field"], field, "{query}: {answer}");
    }
    get(&shop, "/v1/totals?from=2026-01-01&to=2027-01-01");
}
