//! The demo shop's console: people in every role, and a day of sales to look at.
//!
//! Everything is made through the public API and the sandbox. The sandbox's clock
//! goes forward only, and a gateway keeps the real time, so all sales are of today.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    Failure, Result,
    credentials::Credentials,
    fill::{Demo, Merchant},
    http::{self, text},
    staff::{Console, PASSWORD, STAFF},
};

/// Makes the people at the first run, and an owner's link at each; with `sales`
/// also, at the first run, a day of sales.
///
/// # Errors
///
/// The gateway or the sandbox refused something.
pub fn open(demo: &Demo, credentials: &mut Credentials, sales: bool) -> Result<Console> {
    let Some(shop) = demo.merchants.first() else {
        return Err(Failure::new(
            "open the console",
            "there is no demo merchant",
            "start afresh with --fresh",
        ));
    };
    if !credentials.has("staff") {
        for (role, login, name) in STAFF {
            let wanted = match role {
                "cashier" => json!({ "role": role, "refund_limit": 10_000 }),
                _ => json!({ "role": role }),
            };
            let url = invite(demo, shop, &wanted)?;
            let token = url.rsplit('/').next().unwrap_or_default();
            let accepted =
                json!({ "token": token, "login": login, "name": name, "password": PASSWORD });
            let address = format!("{}/console/api/accept", demo.origins.gateway);
            let origin = [("origin", demo.origins.gateway.as_str())];
            http::post(&address, &origin, &accepted)?.ok("make a person of the shop")?;
        }
        credentials.note("staff")?;
    }
    if sales && !credentials.has("sales") {
        sell(demo, shop)?;
        credentials.note("sales")?;
    }
    Ok(Console {
        address: format!("{}/console/", demo.origins.gateway),
        owner: invite(demo, shop, &json!({ "role": "owner" }))?,
    })
}

/// The address of an invitation by the operator.
fn invite(demo: &Demo, shop: &Merchant, wanted: &Value) -> Result<String> {
    let step = "invite a person to the console";
    let address = format!(
        "{}/admin/merchants/{}/invitations",
        demo.origins.gateway, shop.kind.id
    );
    let bearer = format!("Bearer {}", demo.admin_token);
    let answer = http::post(&address, &[("authorization", &bearer)], wanted)?.ok(step)?;
    match text(&answer, "/data/url") {
        "" => Err(Failure::new(
            step,
            format!("answered {answer}"),
            "see gateway/",
        )),
        url => Ok(url.to_owned()),
    }
}

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
fn sell(demo: &Demo, shop: &Merchant) -> Result<()> {
    let keys = [
        ("api-key", text(&shop.gateway, "/api-key")),
        ("api-secret", text(&shop.gateway, "/api-secret")),
    ];
    let call = |path: &str, body: &Value| {
        let answer = http::post(&format!("{}{path}", demo.origins.gateway), &keys, body)?;
        answer.ok("make the demo shop's sales")
    };
    let control = |path: &str, body: &Value| {
        let answer = http::post(&format!("{}{path}", demo.origins.sandbox), &[], body)?;
        answer.ok("pay the demo shop's sales")
    };
    // Everything that is sent there is refused.
    let failing = format!("{}/shop/nothing-here", demo.origins.sandbox);
    call(
        "/v1/endpoints",
        &json!({ "url": failing, "description": "The old warehouse program" }),
    )?;
    for (body, fields) in [
        ("Oolong, 100 g", json!({ "total_fee": 12_600, "stock": 40 })),
        ("凤凰单丛 100 克", json!({ "total_fee": 16_800 })),
        ("At the counter", json!({ "max_fee": 500_000 })),
    ] {
        let mut link = fields;
        if let Some(members) = link.as_object_mut() {
            members.insert("body".to_owned(), json!(body));
        }
        call("/v1/link", &link)?;
    }
    let number = |at: usize| format!("DEMO-{:04}", at + 1);
    for (at, (body, total_fee, course)) in SALES.into_iter().enumerate() {
        let mut order = json!({ "out_trade_no": number(at), "body": body, "total_fee": total_fee });
        let quick = course == Course::QuickPay;
        let (member, value) = match quick {
            true => {
                let code = control("/sandbox/paycode", &json!({ "payer": "alice" }))?;
                (
                    "auth_code",
                    code.get("auth_code").cloned().unwrap_or_default(),
                )
            }
            false => ("trade_type", json!("NATIVE")),
        };
        if let Some(members) = order.as_object_mut() {
            members.insert(member.to_owned(), value);
        }
        call(if quick { "/v1/micropay" } else { "/v1/order" }, &order)?;
        if matches!(course, Course::Kept | Course::Refunded(..)) {
            let paid = json!({
                "mch_id": shop.kind.mch_id,
                "out_trade_no": number(at),
                "payer": if at % 3 == 0 { "bob" } else { "alice" },
                "action": "pay",
            });
            control("/sandbox/pay", &paid)?;
        }
    }
    for (at, (_, _, course)) in SALES.into_iter().enumerate() {
        let number = number(at);
        match course {
            Course::Refunded(refund_fee, reason) => {
                let wanted =
                    json!({ "out_trade_no": number, "refund_fee": refund_fee, "reason": reason });
                refund(&|| call("/v1/refund", &wanted))?;
            }
            Course::Closed => {
                call("/v1/close", &json!({ "out_trade_no": number }))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The notice of a payment may still be in flight.
fn refund(ask: &dyn Fn() -> Result<Value>) -> Result<()> {
    for _ in 0..20 {
        if ask().is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(250));
    }
    ask().map(|_| ())
}
