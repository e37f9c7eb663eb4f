//! A shop with a month behind it: sales of each day, refunds, payment links, an endpoint
//! that fails, and differences between the book and WeChat's statements.
//!
//! ```text
//! for each sale, the oldest first:
//!   set the clocks of the book and of the account back ─▶ sell ─▶ pay ─▶ refund
//! set both to the real time ─▶ the gateway compares the days by itself
//! ```

use std::{
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::{
    Failure, Result, day,
    fill::{Demo, Merchant},
    http::text,
    merchants::Kind,
    shop::{SetBack, Shop, with},
    staff::Staff,
};

/// The shop: one of its own, so that its statements have no other merchant's rows.
pub(crate) const SHOP: Kind = Kind {
    id: "teahouse",
    mch_id: "1900000120",
    sub_merchant: None,
    dialect: "v2",
    region: None,
};

/// The shop's name.
pub(crate) const NAME: &str = "Lung Wah Tea House 龍華茶莊";

/// How many days before today have sales.
const DAYS: i64 = 29;
const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;
/// The shop's days begin at midnight in Hong Kong, as those of WeChat's statements in
/// China do.
const AHEAD_OF_UTC_MS: i64 = 8 * 60 * MINUTE_MS;
/// How long the comparison of the days may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is sold, in cents.
const GOODS: [(&str, i64); 12] = [
    ("Jasmine pearls, 50 g", 4_800),
    ("凤凰单丛 100 克", 16_800),
    ("Tea for two", 8_800),
    ("Gaiwan, white", 22_000),
    ("Oolong, 100 g", 12_600),
    ("普洱熟茶 357 克", 38_800),
    ("龙井 50 克", 9_800),
    ("Tea tasting, two people", 56_000),
    ("Matcha, 30 g", 13_500),
    ("Tea for four", 17_600),
    ("正山小种 50 克", 8_600),
    ("Travel set", 29_800),
];

/// Why something is refunded.
const REASONS: [&str; 4] = [
    "Broken in transit",
    "一罐破损",
    "Lid replaced",
    "客人改变主意",
];

/// Numbers that look like chance and are the same in each run.
struct Chance(u64);

impl Chance {
    /// A number below `below`.
    fn below(&mut self, below: u64) -> u64 {
        // Knuth's MMIX generator.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below.max(1)
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let at = self.below(all.len() as u64);
        all.get(usize::try_from(at).unwrap_or_default()).copied()
    }
}

/// The moments of the sales of a day that is `ago` days before today, in Unix
/// milliseconds: between ten and nineteen o'clock; today's in the last hour.
fn moments(ago: i64, now_ms: i64, chance: &mut Chance) -> Vec<i64> {
    if ago == 0 {
        return [45, 31, 18, 6]
            .map(|minutes| now_ms - minutes * MINUTE_MS)
            .into();
    }
    let today_ms = (now_ms + AHEAD_OF_UTC_MS).div_euclid(DAY_MS) * DAY_MS - AHEAD_OF_UTC_MS;
    let begins_ms = today_ms - ago * DAY_MS + 10 * 60 * MINUTE_MS;
    // 1970 began on a Thursday.
    let weekday = (begins_ms + AHEAD_OF_UTC_MS)
        .div_euclid(DAY_MS)
        .rem_euclid(7);
    let is_weekend = [2, 3].contains(&weekday);
    let count = if is_weekend { 5 } else { 2 } + i64::try_from(chance.below(3)).unwrap_or(0);
    let minutes = (9 * 60) / count;
    let at = |n| begins_ms + n * minutes * MINUTE_MS;
    (0..count).map(at).collect()
}

/// The clocks of the shop's book and of its account at WeChat.
struct Clock<'a> {
    shop: &'a Shop<'a>,
    book: &'a SetBack<'a>,
}

impl Clock<'_> {
    /// Both show this moment, or the real time if it is over.
    fn show(&self, at_ms: i64) -> Result<()> {
        self.set_back(((now_ms() - at_ms) / 1000).max(0))
    }

    fn set_back(&self, seconds: i64) -> Result<()> {
        (self.book)(SHOP.id, seconds * 1000);
        let path = format!("/sandbox/merchants/{}", SHOP.mch_id);
        self.shop
            .control(&path, &json!({ "behind_seconds": seconds }))?;
        Ok(())
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

/// The people who act, by their cookies.
struct Cookies {
    finance: String,
    cashier: String,
}

/// Makes it.
pub(crate) fn make(demo: &Demo, merchant: &Merchant, book: &SetBack<'_>) -> Result<()> {
    let shop = Shop::of(demo, merchant);
    let staff = Staff::of(demo, merchant);
    let people = Cookies {
        finance: staff.cookie("finance")?,
        cashier: staff.cookie("cashier")?,
    };
    let clock = Clock { shop: &shop, book };
    let sold = sell(&shop, &clock, &people);
    // Also after a failure the clocks show the real time.
    clock.set_back(0)?;
    sold?;
    settle(&shop, &people)
}

/// The month's sales.
fn sell(shop: &Shop<'_>, clock: &Clock<'_>, people: &Cookies) -> Result<()> {
    let mut chance = Chance(2026);
    let mut number = 1000;
    for ago in (0..=DAYS).rev() {
        for (nth, at_ms) in moments(ago, now_ms(), &mut chance).into_iter().enumerate() {
            clock.show(at_ms)?;
            if ago == DAYS && nth == 0 {
                day::links(shop)?;
            }
            if ago == 8 && nth == 0 {
                let url = shop.failing_address();
                let endpoint = json!({ "url": url, "description": "The old warehouse program" });
                shop.call("/v1/endpoints", &endpoint)?;
            }
            number += 1;
            sale(
                shop,
                people,
                &format!("TEA-{number}"),
                &mut chance,
                (ago, nth),
            )?;
        }
    }
    Ok(())
}

/// One sale, and what becomes of it.
fn sale(
    shop: &Shop<'_>,
    people: &Cookies,
    number: &str,
    chance: &mut Chance,
    (ago, nth): (i64, usize),
) -> Result<()> {
    let (body, price) = chance.of(&GOODS).unwrap_or(("Tea", 5_000));
    let order = json!({ "out_trade_no": number, "body": body, "total_fee": price });
    let payer = chance.of(&["alice", "bob"]).unwrap_or("alice");
    // What an orderly payment is needed for, below.
    let is_kept = nth == 0 && [3, 6, 12].contains(&ago);
    let kind = if is_kept { 10 } else { chance.below(20) };
    if kind < 7 {
        let code = shop.control("/sandbox/paycode", &json!({ "payer": payer }))?;
        let code = code.get("auth_code").cloned().unwrap_or_default();
        let order = with(order, "auth_code", code);
        shop.call_as(&people.cashier, "/v1/micropay", &order)?;
    } else {
        shop.call("/v1/order", &with(order, "trade_type", "NATIVE"))?;
        if kind == 19 {
            shop.call("/v1/close", &json!({ "out_trade_no": number }))?;
            return Ok(());
        }
        let paid = json!({ "mch_id": SHOP.mch_id, "out_trade_no": number, "payer": payer,
            "action": "pay" });
        shop.control("/sandbox/pay", &paid)?;
    }
    // WeChat is queried, so the order is paid before the clock goes on.
    shop.read(&format!("/v1/order?out_trade_no={number}"))?;
    if kind == 7 || kind == 18 {
        let fee = if kind == 7 { price } else { price / 2 };
        let reason = chance.of(&REASONS).unwrap_or_default();
        let refund = json!({ "out_trade_no": number, "refund_fee": fee, "reason": reason });
        day::patiently(&|| {
            let refunded = shop.call_as(&people.finance, "/v1/refund", &refund);
            refunded.map(drop)
        })?;
    }
    match (ago, nth) {
        // A person returned money on the merchant platform.
        (6, 0) => {
            let path = format!("/sandbox/orders/{}/{number}", SHOP.mch_id);
            shop.control(&path, &json!({ "by_hand": "refund", "refund_fee": 1_000 }))?;
        }
        // WeChat's statement will have another amount.
        (3, 0) => wrong_row(shop, number, "OTHER_AMOUNT", None)?,
        // And one a payment that no one here knows.
        (12, 0) => wrong_row(shop, number, "ADDED", Some("OLD-TILL-77"))?,
        _ => {}
    }
    Ok(())
}

fn wrong_row(shop: &Shop<'_>, number: &str, wrong: &str, added: Option<&str>) -> Result<()> {
    let row = json!({ "mch_id": SHOP.mch_id, "out_trade_no": number, "wrong": wrong });
    let row = match added {
        Some(added) => with(row, "number", added),
        None => row,
    };
    shop.control("/sandbox/faults", &json!({ "wrong_row": row }))?;
    Ok(())
}

/// Waits until the gateway has compared the days, and closes the oldest difference.
fn settle(shop: &Shop<'_>, people: &Cookies) -> Result<()> {
    let until = SystemTime::now() + PATIENCE;
    let open = loop {
        let days = days(shop)?;
        let is_open = |day: &&Value| day.get("open").and_then(Value::as_i64) > Some(0);
        let open: Vec<String> = days
            .iter()
            .filter(is_open)
            .map(|day| text(day, "/date").to_owned())
            .collect();
        let in_progress = days
            .iter()
            .filter(|day| text(day, "/state") != "done")
            .count();
        // Today and, until its statement is made, yesterday wait.
        if open.len() >= 3 && in_progress <= 2 {
            break open;
        }
        if SystemTime::now() > until {
            return Err(Failure::new(
                "compare the shop's days with WeChat's statements",
                format!("{} days differ, {in_progress} are not compared", open.len()),
                "see the log",
            ));
        }
        thread::sleep(Duration::from_millis(200));
    };
    let oldest = open.iter().min().map_or("", String::as_str);
    let day = shop.read(&format!("/v1/reconciliation?date={oldest}"))?;
    let id = day.pointer("/differences/0/id").and_then(Value::as_i64);
    let path = format!("/v1/reconciliation/{}", id.unwrap_or_default());
    let note = json!({ "note": "A sale of the old till. 旧收银机的一笔。", "close": true });
    shop.call_as(&people.finance, &path, &note)?;
    Ok(())
}

/// The compared days of this month and the one before.
fn days(shop: &Shop<'_>) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for at_ms in [now_ms() - DAYS * DAY_MS, now_ms()] {
        let month = month(at_ms);
        let found = shop.read(&format!("/v1/reconciliations?month={month}"))?;
        let days = found.get("days").and_then(Value::as_array).cloned();
        all.extend(days.unwrap_or_default());
    }
    all.sort_by(|a, b| text(a, "/date").cmp(text(b, "/date")));
    all.dedup();
    Ok(all)
}

/// The month `YYYYMM` of a moment in China.
fn month(at_ms: i64) -> String {
    let mut days = (at_ms + AHEAD_OF_UTC_MS).div_euclid(DAY_MS);
    let mut year = 1970;
    let is_leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    while days >= 365 + i64::from(is_leap(year)) {
        days -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + i64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}{month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_in_its_month_in_china() {
        for (at_ms, expected) in [
            (0, "197001"),
            // 2024-02-29 15:59:59 and 16:00 UTC.
            (1_709_222_399_000, "202402"),
            (1_709_222_400_000, "202403"),
            (1_798_732_799_000, "202612"),
            (1_798_732_800_000, "202701"),
        ] {
            assert_eq!(month(at_ms), expected, "{at_ms}");
        }
    }

    /// The clocks go forward only.
    #[test]
    fn each_sale_is_later_than_the_one_before() {
        for now_ms in [1_798_732_800_000, 1_798_740_000_000, 1_798_790_000_000] {
            let mut chance = Chance(2026);
            let days = (0..=DAYS).rev();
            let all: Vec<i64> = days
                .flat_map(|ago| moments(ago, now_ms, &mut chance))
                .collect();
            assert!(all.len() > 80, "{}", all.len());
            assert!(all.is_sorted(), "{all:?}");
            assert!(all.iter().all(|at_ms| *at_ms < now_ms));
        }
    }
}
