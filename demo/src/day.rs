//! A day of the demo shop: sales, refunds, payment links, and an endpoint that fails.

use std::{thread, time::Duration};

use serde_json::json;

use crate::{
    Result,
    fill::{Demo, Merchant},
    shop::{Shop, with},
};

/// What is sold, and what happens to it afterwards.
#[derive(Clone, Copy, PartialEq)]
enum Course {
    Kept,
    /// The amount that is refunded, and why.
    Refunded(i64, &'static str),
    NotPaid,
    Closed,
    /// By the payer's code at the till.
    QuickPay,
}

const SALES: [(&str, i64, Course); 18] = [
    ("Jasmine pearls, 50 g", 4_800, Course::Kept),
    ("凤凰单丛 100 克", 16_800, Course::Kept),
    ("Tea for two", 8_800, Course::QuickPay),
    (
        "Gaiwan, white",
        22_000,
        Course::Refunded(22_000, "Broken in transit"),
    ),
    ("Oolong, 100 g", 12_600, Course::Kept),
    ("普洱熟茶 357 克", 38_800, Course::Kept),
    ("Tea for two", 8_800, Course::QuickPay),
    ("Jasmine pearls, 50 g", 4_800, Course::Closed),
    ("龙井 50 克", 9_800, Course::Refunded(4_900, "一罐破损")),
    ("Tea tasting, two people", 56_000, Course::Kept),
    ("Matcha, 30 g", 13_500, Course::Kept),
    ("Tea for four", 17_600, Course::QuickPay),
    ("Iron goddess, 100 g", 14_200, Course::Kept),
    (
        "Travel set",
        29_800,
        Course::Refunded(5_000, "Lid replaced"),
    ),
    ("Jasmine pearls, 50 g", 4_800, Course::Kept),
    ("正山小种 50 克", 8_600, Course::Kept),
    ("Gift card", 20_000, Course::NotPaid),
    ("Oolong, 100 g", 12_600, Course::NotPaid),
];

/// Makes the sales, payment links, and an endpoint that fails.
pub(crate) fn make(demo: &Demo, merchant: &Merchant) -> Result<()> {
    let shop = Shop::of(demo, merchant);
    let endpoint =
        json!({ "url": shop.failing_address(), "description": "The old warehouse program" });
    shop.call("/v1/endpoints", &endpoint)?;
    links(&shop)?;
    let number = |at: usize| format!("DEMO-{:04}", at + 1);
    for (at, (body, total_fee, course)) in SALES.into_iter().enumerate() {
        let order = json!({ "out_trade_no": number(at), "body": body, "total_fee": total_fee });
        if course == Course::QuickPay {
            let code = shop.control("/sandbox/paycode", &json!({ "payer": "alice" }))?;
            let code = code.get("auth_code").cloned().unwrap_or_default();
            shop.call("/v1/micropay", &with(order, "auth_code", code))?;
        } else {
            shop.call("/v1/order", &with(order, "trade_type", "NATIVE"))?;
        }
        if matches!(course, Course::Kept | Course::Refunded(..)) {
            let paid = json!({
                "mch_id": merchant.kind.mch_id,
                "out_trade_no": number(at),
                "payer": if at % 3 == 0 { "bob" } else { "alice" },
                "action": "pay",
            });
            shop.control("/sandbox/pay", &paid)?;
        }
    }
    for (at, (_, _, course)) in SALES.into_iter().enumerate() {
        let number = number(at);
        match course {
            Course::Refunded(refund_fee, reason) => {
                let wanted =
                    json!({ "out_trade_no": number, "refund_fee": refund_fee, "reason": reason });
                patiently(&|| shop.call("/v1/refund", &wanted).map(drop))?;
            }
            Course::Closed => {
                shop.call("/v1/close", &json!({ "out_trade_no": number }))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The shop's payment links.
pub(crate) fn links(shop: &Shop<'_>) -> Result<()> {
    for link in [
        json!({ "body": "Oolong, 100 g", "total_fee": 12_600, "stock": 40 }),
        json!({ "body": "凤凰单丛 100 克", "total_fee": 16_800 }),
        json!({ "body": "At the counter", "max_fee": 500_000 }),
    ] {
        shop.call("/v1/link", &link)?;
    }
    Ok(())
}

/// Asks again for up to five seconds: the notice of a payment may still be in flight.
pub(crate) fn patiently(ask: &dyn Fn() -> Result<()>) -> Result<()> {
    for _ in 0..20 {
        if ask().is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(250));
    }
    ask()
}
