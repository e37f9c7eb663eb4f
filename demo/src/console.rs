//! The console of a shop that is tried: people in every role, and sales to look at.
//!
//! Everything is made by the public API, the operator's calls and the sandbox. Where the
//! gateway is of this process, its caller can set the clock of one book back, and the
//! sandbox sets the account's back as far: then the sales are of a month, in a shop of
//! their own. A gateway that is another program keeps the real time, and the demo shop
//! gets the sales of a day.

use serde_json::json;

use crate::{
    Failure, Result,
    credentials::Credentials,
    day,
    fill::{self, Demo, Merchant},
    http, month,
    shop::SetBack,
    staff::{Console, Staff},
};

/// Makes at the first run the people and the sales, and at each run the addresses that
/// sign the people in: of the shop with a month behind it where there is a `clock`, else
/// of the demo shop.
///
/// # Errors
///
/// The gateway or the sandbox refused something.
pub fn open(
    demo: &Demo,
    credentials: &mut Credentials,
    clock: Option<&SetBack<'_>>,
) -> Result<Console> {
    if let Some(clock) = clock {
        let shop = tea_house(demo, credentials)?;
        return fill_shop(demo, &shop, credentials, "month", || {
            month::make(demo, &shop, clock)
        });
    }
    let shop = demo.merchants.first().ok_or_else(|| {
        Failure::new(
            "open the console",
            "there is no demo merchant",
            "start afresh with --fresh",
        )
    })?;
    fill_shop(demo, shop, credentials, "sales", || day::make(demo, shop))
}

/// The people and sales of a shop, unless an earlier run made them.
fn fill_shop(
    demo: &Demo,
    shop: &Merchant,
    credentials: &mut Credentials,
    sales: &str,
    make: impl FnOnce() -> Result<()>,
) -> Result<Console> {
    let staff = Staff::of(demo, shop);
    let people = format!("people of {}", shop.kind.id);
    if !credentials.has(&people) {
        staff.make()?;
        credentials.note(&people)?;
    }
    if !credentials.has(sales) {
        // A run that is ended meanwhile leaves a part, which is not made twice.
        credentials.note(sales)?;
        make()?;
    }
    staff.console()
}

/// The shop with a month behind it, as a merchant of the gateway and an account of
/// the sandbox.
fn tea_house(demo: &Demo, credentials: &mut Credentials) -> Result<Merchant> {
    let accounts = fill::sandbox_merchants(&demo.origins.sandbox)?;
    let known = accounts
        .into_iter()
        .find(|account| http::text(account, "/mch_id") == month::SHOP.mch_id);
    let account = match known {
        Some(account) => account,
        None => {
            let wanted =
                json!({ "mch_id": month::SHOP.mch_id, "name": month::NAME, "fee_type": "HKD" });
            let address = format!("{}/sandbox/merchants", demo.origins.sandbox);
            http::post(&address, &[], &wanted)?.ok("make the tea house's account")?
        }
    };
    let gateway = match credentials.merchant(month::SHOP.id) {
        Some(kept) => kept,
        None => {
            let made = fill::make(&demo.origins, &demo.admin_token, month::SHOP, &account)?;
            credentials.keep(month::SHOP.id, &made)?;
            made
        }
    };
    Ok(Merchant {
        kind: month::SHOP,
        account,
        gateway,
        checkout: String::new(),
    })
}
