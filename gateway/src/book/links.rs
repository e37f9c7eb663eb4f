//! Payment links: what anybody who opens an address may buy, again and again.
//!
//! ```text
//! links( id, json, sold )                            pieces that are paid for good
//! sales( checkout_id, link_id, once, pieces, until_ms )  checkouts of the last minutes
//! holders( checkout_id, holder )                     who they are for, where that is known
//! ```
//!
//! Each purchase is a checkout of its own. A link's stock is counted in the
//! transaction that makes the checkout; a checkout that ends unpaid gives its
//! pieces back. That is determined at the next request, so a link needs no
//! timer: a *sale* is a row until its checkout's time is over, and is then
//! either added to `sold` or dropped.

use super::index::{Age, Entry};
use super::{Book, NewCheckout, Purchase, SET_ASIDE_MS, write_stored};
use crate::http::error::{ApiError, Code};
use crate::merchants::directory::MerchantContext;
use crate::merchants::seal::random_text;
use crate::observe::alarm::Alarm;
use crate::runtime::{Runtime, Storage, StorageError};
use checkout::link::Ended;
use checkout::{Lang, State};
use order::{Money, OutTradeNo};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is sold under a link's address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// In its address: the merchant's id, a point, and chance.
    pub id: String,
    /// What the payer reads.
    pub body: String,
    /// What it costs.
    pub price: Price,
    /// How many pieces may be sold in all.
    pub stock: Option<i64>,
    /// The latest moment to begin a purchase.
    pub expires_at_ms: Option<i64>,
    /// Whether it is switched on.
    pub active: bool,
    /// Where the notice of each sale goes.
    pub notify_url: Option<String>,
    /// Where the payer goes on after paying.
    pub success_url: Option<String>,
    /// Where the payer goes back to without paying.
    pub cancel_url: Option<String>,
    /// The page's language, when the merchant has chosen it.
    pub lang: Option<Lang>,
    /// The merchant's own word, which comes back in notices.
    pub attach: Option<String>,
}

/// What a link's purchase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Price {
    /// A price for a piece, and how many pieces can be bought at once.
    Fixed {
        /// For one.
        each: Money,
        /// At most.
        max_quantity: i64,
    },
    /// The payer says how much, as at a counter.
    Entered {
        /// At least.
        min: Money,
        /// At most, in the same currency.
        max: Money,
    },
}

/// A payer's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Choice {
    /// So many.
    Quantity(i64),
    /// So much, in the currency's smallest unit.
    Amount(i64),
}

/// A payer who wants to buy.
#[derive(Debug, Serialize, Deserialize)]
pub struct Buy {
    /// The link.
    pub id: String,
    /// The same for every sending of one form, so that a double tap is one
    /// purchase.
    pub once: String,
    /// What the payer chose.
    pub choice: Choice,
    /// An alias of the payer, or of the address that the payer is at.
    pub holder: Option<String>,
}

/// A link as it stands.
#[derive(Debug, Serialize, Deserialize)]
pub struct LinkFacts {
    /// The link.
    pub link: Link,
    /// Pieces that are paid.
    pub sold: i64,
    /// Pieces that payers are about to pay.
    pub held: i64,
    /// WeChat takes no order with the link's texts, so nothing can be bought.
    #[serde(default)]
    pub unusable: bool,
}

/// How a purchase through a link stands.
#[derive(Debug, Serialize, Deserialize)]
pub struct SaleFacts {
    /// Its number.
    pub out_trade_no: OutTradeNo,
    /// How it stands.
    pub state: State,
}

/// How long a payer has to pay.
const SALE_MS: i64 = 30 * 60_000;
/// The same where others wait for the last piece.
const SALE_OF_STOCK_MS: i64 = 15 * 60_000;
/// Sales whose time is over are settled so many at a time: the rest stay held,
/// which sells too little for a moment and never too much.
const SETTLED_AT_ONCE: i64 = 100;
/// One payer, or one address, may hold a quarter of a link's stock unpaid, and
/// always so many pieces, or one purchase.
const HELD_BY_ONE: i64 = 5;
/// The most purchases of one link that are under way at once.
const LIVE_AT_ONCE: i64 = 10_000;
/// How long after its end a purchase without an attempt is kept, so
/// that its page can say that its time is over.
const UNTRIED_MS: i64 = 60 * 60_000;
/// The most links that are listed.
const LISTED: i64 = 100;

impl LinkFacts {
    /// Why nothing can be bought now; `None` when something can.
    pub fn ended(&self, now_ms: i64) -> Option<Ended> {
        if !self.link.active || self.unusable {
            Some(Ended::Off)
        } else if self.link.expires_at_ms.is_some_and(|at_ms| now_ms >= at_ms) {
            Some(Ended::Expired)
        } else if self.left().is_some_and(|left| left <= 0) {
            Some(match self.held {
                0 => Ended::AllSold,
                _ => Ended::SoldOut,
            })
        } else {
            None
        }
    }

    /// How many pieces can still be bought, where that is limited.
    pub fn left(&self) -> Option<i64> {
        let stock = self.link.stock?;
        Some((stock - self.sold - self.held).max(0))
    }
}

impl Link {
    /// What it sells for, as the audit tells it.
    fn terms(&self) -> String {
        let (low, high, of) = match self.price {
            Price::Fixed { each, max_quantity } => {
                (each, each, format!("a piece, to {max_quantity} at once"))
            }
            Price::Entered { min, max } => (min, max, "as the payer enters".to_owned()),
        };
        let stock = self
            .stock
            .map_or_else(String::new, |stock| format!(", stock {stock}"));
        format!(
            "link {}, {} to {} {} {of}{stock}",
            if self.active { "on" } else { "off" },
            low.amount_minor(),
            high.amount_minor(),
            low.currency().code(),
        )
    }

    /// The purchase that a choice leads to: what is written, what it costs,
    /// and how many pieces it takes.
    fn purchase(&self, choice: Choice) -> Result<(String, Money, i64), ApiError> {
        let refused = |field: &str, low: i64, high: i64| {
            ApiError::field(
                Code::FieldInvalid,
                field,
                format!("The field {field} must be a whole number from {low} to {high}."),
            )
        };
        match (self.price, choice) {
            (Price::Fixed { each, max_quantity }, Choice::Quantity(n)) => {
                let total = each.amount_minor().checked_mul(n);
                let money = total
                    .filter(|_| (1..=max_quantity).contains(&n))
                    .and_then(|total| Money::new(total, each.currency()).ok())
                    .ok_or_else(|| refused("quantity", 1, max_quantity))?;
                let body = match n {
                    1 => self.body.clone(),
                    _ => format!("{} × {n}", self.body),
                };
                Ok((body, money, n))
            }
            (Price::Entered { min, max }, Choice::Amount(amount)) => {
                let (low, high) = (min.amount_minor(), max.amount_minor());
                let money = Money::new(amount, min.currency())
                    .ok()
                    .filter(|money| (low..=high).contains(&money.amount_minor()))
                    .ok_or_else(|| refused("amount", low, high))?;
                Ok((self.body.clone(), money, 1))
            }
            // The merchant changed the link while the payer's page was open.
            _ => Err(ApiError::of(Code::LinkChanged)),
        }
    }
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Adds a link, or changes it; what was sold stays sold.
    pub(super) fn set_link(&self, link: &Link) -> Result<LinkFacts, ApiError> {
        self.storage.atomically(|| {
            self.audit(&link.id, &link.terms(), "")?;
            self.storage.exec(
                "INSERT INTO links(id, json, sold) VALUES(?1, ?2, 0)
                 ON CONFLICT(id) DO UPDATE SET json = ?2",
                &[link.id.as_str().into(), write_stored("link", link)?.into()],
            )?;
            self.put(&Entry::of_link(link, self.runtime.now_ms()), None, Age::New)
        })?;
        self.count_sales(self.find_link(&link.id)?)
    }

    /// The link, and how much of it can be bought. What was paid in the last
    /// minutes still counts as held.
    pub(super) fn find_link(&self, id: &str) -> Result<LinkFacts, ApiError> {
        self.storage.atomically(|| {
            self.settle(id)?;
            let rows = self
                .storage
                .exec("SELECT json, sold FROM links WHERE id = ?", &[id.into()])?;
            let row = rows.first().ok_or(ApiError::of(Code::LinkNotFound))?;
            let link: Link = self.read_row("link", id, row.text(0)?)?;
            let held = self.storage.exec(
                "SELECT coalesce(sum(pieces), 0) FROM sales WHERE link_id = ?",
                &[id.into()],
            )?;
            Ok(LinkFacts {
                link,
                sold: row.int(1)?,
                held: held.first().map_or(Ok(0), |row| row.int(0))?,
                unusable: false,
            })
        })
    }

    /// As [`Book::find_link`], for a payer. Where WeChat takes no order with the
    /// link's texts, nothing can be bought and an alarm is raised.
    pub(super) fn open_link(
        &self,
        context: &MerchantContext,
        id: &str,
    ) -> Result<LinkFacts, ApiError> {
        let mut facts = self.find_link(id)?;
        let link = &facts.link;
        facts.unusable = !self
            .upstream(context)
            .takes_texts(&link.body, link.attach.as_deref());
        if facts.unusable && link.active && !self.stands(Alarm::LinkUnusable, id)? {
            self.sign_book(context)?;
            self.raise(Alarm::LinkUnusable, id)?;
        }
        Ok(facts)
    }

    /// One link, or the latest, newest first, each with what is sold of it at
    /// this moment.
    pub(super) fn links(&self, id: Option<&str>) -> Result<Vec<LinkFacts>, ApiError> {
        let ids = match id {
            Some(id) => vec![id.to_owned()],
            None => self
                .storage
                .exec(
                    "SELECT id FROM links ORDER BY rowid DESC LIMIT ?",
                    &[LISTED.into()],
                )?
                .iter()
                .map(|row| row.text(0).map(str::to_owned))
                .collect::<Result<_, _>>()?,
        };
        ids.iter()
            .map(|id| self.count_sales(self.find_link(id)?))
            .collect()
    }

    /// Makes the payer's checkout and takes its pieces out of the stock, in one
    /// transaction; or finds the one that the same form has made. Answers the
    /// checkout's id.
    pub(super) fn buy(&self, context: &MerchantContext, buy: &Buy) -> Result<String, ApiError> {
        let now_ms = self.runtime.now_ms();
        let facts = self.open_link(context, &buy.id)?;
        self.sign_book(context)?;
        let (body, money, pieces) = facts.link.purchase(buy.choice)?;
        for id in self.sales_of_form(buy)? {
            let made = self.view_checkout(&id)?;
            let same = made.checkout.purchase.money == money && made.checkout.purchase.body == body;
            if same
                && (made.state.is_paid() || matches!(made.state, State::Open | State::Confirming))
            {
                return Ok(id);
            }
        }
        let sale_ms = match facts.link.stock {
            Some(_) => SALE_OF_STOCK_MS,
            None => SALE_MS,
        };
        let (merchant, name) = buy
            .id
            .split_once('.')
            .ok_or_else(|| ApiError::of(Code::LinkNotFound))?;
        let chance = |length| random_text(|bytes| self.runtime.random(bytes), length);
        let number = format!("{name}_{}", chance(16));
        let new = NewCheckout {
            id: format!("{merchant}.{}", chance(22)),
            purchase: Purchase {
                out_trade_no: OutTradeNo::new(&number)
                    .map_err(|_| ApiError::of(Code::LinkNotFound))?,
                body,
                money,
                notify_url: facts.link.notify_url.clone(),
                success_url: facts.link.success_url.clone(),
                cancel_url: facts.link.cancel_url.clone(),
                lang: facts.link.lang,
                attach: facts.link.attach.clone(),
                lines: Vec::new(),
                metadata: BTreeMap::new(),
            },
            expires_at_ms: now_ms + sale_ms,
        };
        // Nothing has waited since the link was read, so what it says of its
        // stock still holds.
        self.storage.atomically(|| {
            if let Some(ended) = facts.ended(now_ms) {
                return Err(ApiError::of(code_of(ended)));
            }
            if facts.left().is_some_and(|left| left < pieces) {
                return Err(ApiError::of(Code::LinkStockTooLow));
            }
            if let (Some(stock), Some(holder)) = (facts.link.stock, &buy.holder) {
                let held = self.held_by(&buy.id, holder)?;
                if held > 0 && held + pieces > HELD_BY_ONE.max(stock / 4) {
                    self.count("limited:held");
                    return Err(ApiError::new(Code::RateLimited, HELD_TOO_MUCH));
                }
            }
            let live = self.storage.exec(
                "SELECT count(*) FROM sales WHERE link_id = ?",
                &[buy.id.as_str().into()],
            )?;
            if live.first().map_or(Ok(0), |row| row.int(0))? >= LIVE_AT_ONCE {
                self.count("limited:link");
                return Err(ApiError::new(Code::RateLimited, TOO_MANY_LIVE));
            }
            let untried_until_ms = new.expires_at_ms + UNTRIED_MS;
            let checkout =
                self.insert_checkout(new, Some(untried_until_ms), Some(buy.id.clone()))?;
            self.arm_for(untried_until_ms)?;
            self.storage.exec(
                "INSERT INTO sales(checkout_id, link_id, once, pieces, until_ms)
                 VALUES(?, ?, ?, ?, ?)",
                &[
                    checkout.id.as_str().into(),
                    buy.id.as_str().into(),
                    buy.once.as_str().into(),
                    pieces.into(),
                    checkout.expires_at_ms.into(),
                ],
            )?;
            if let Some(holder) = &buy.holder {
                self.storage.exec(
                    "INSERT INTO holders(checkout_id, holder) VALUES(?, ?)",
                    &[checkout.id.as_str().into(), holder.as_str().into()],
                )?;
            }
            Ok(checkout.id)
        })
    }

    /// How many pieces of a link are in open purchases.
    fn held_by(&self, link_id: &str, holder: &str) -> Result<i64, ApiError> {
        let sales = self.storage.exec(
            "SELECT checkout_id, pieces FROM sales JOIN holders USING(checkout_id)
             WHERE link_id = ? AND holder = ?",
            &[link_id.into(), holder.into()],
        )?;
        let mut held = 0;
        for sale in sales {
            let state = self.view_checkout(sale.text(0)?).map(|facts| facts.state);
            // What cannot be read may still be held.
            if matches!(state, Ok(State::Open | State::Confirming) | Err(_)) {
                held += sale.int(1)?;
            }
        }
        Ok(held)
    }

    /// How the purchase that a form has made stands; `None` when it has made
    /// none, or its time is long over.
    pub(super) fn sale(&self, link_id: &str, once: &str) -> Result<Option<SaleFacts>, ApiError> {
        let rows = self.storage.exec(
            "SELECT checkout_id FROM sales WHERE link_id = ? AND once = ? ORDER BY rowid DESC",
            &[link_id.into(), once.into()],
        )?;
        let mut latest = None;
        for row in rows {
            let facts = self.view_checkout(row.text(0)?)?;
            let sale = SaleFacts {
                out_trade_no: facts.checkout.purchase.out_trade_no,
                state: facts.state,
            };
            if sale.state.is_paid() {
                return Ok(Some(sale));
            }
            latest = latest.or(Some(sale));
        }
        Ok(latest)
    }

    fn sales_of_form(&self, buy: &Buy) -> Result<Vec<String>, StorageError> {
        let rows = self.storage.exec(
            "SELECT checkout_id FROM sales WHERE link_id = ? AND once = ?",
            &[buy.id.as_str().into(), buy.once.as_str().into()],
        )?;
        rows.iter()
            .map(|row| row.text(0).map(str::to_owned))
            .collect()
    }

    /// Ends the sales whose time is over. One that is being confirmed waits. One
    /// of which a row cannot be read stays held and is looked at again later, so
    /// that the others have their turn; an alarm names the row.
    fn settle(&self, link_id: &str) -> Result<(), ApiError> {
        let rows = self.storage.exec(
            "SELECT checkout_id, pieces FROM sales WHERE link_id = ? AND until_ms <= ?
             ORDER BY until_ms LIMIT ?",
            &[
                link_id.into(),
                self.runtime.now_ms().into(),
                SETTLED_AT_ONCE.into(),
            ],
        )?;
        for row in rows {
            let checkout_id = row.text(0)?;
            let state = match self.view_checkout(checkout_id) {
                Ok(facts) => facts.state,
                Err(error) => {
                    error.log_cause(&self.runtime);
                    self.storage.exec(
                        "UPDATE sales SET until_ms = ? WHERE checkout_id = ?",
                        &[
                            (self.runtime.now_ms() + SET_ASIDE_MS).into(),
                            checkout_id.into(),
                        ],
                    )?;
                    continue;
                }
            };
            match state {
                State::Open | State::Confirming => continue,
                State::Paid { .. } | State::PartlyRefunded { .. } | State::Refunded { .. } => {
                    self.storage.exec(
                        "UPDATE links SET sold = sold + ? WHERE id = ?",
                        &[row.int(1)?.into(), link_id.into()],
                    )?;
                }
                State::Expired | State::Closed | State::Failed => {}
            }
            for table in ["sales", "holders"] {
                self.storage.exec(
                    &format!("DELETE FROM {table} WHERE checkout_id = ?"),
                    &[checkout_id.into()],
                )?;
            }
        }
        Ok(())
    }

    /// Tells the sales of the last minutes apart: paid, still open, over. In the
    /// database, because there may be thousands: none is opened here.
    fn count_sales(&self, mut facts: LinkFacts) -> Result<LinkFacts, ApiError> {
        let rows = self.storage.exec(
            "SELECT coalesce(sum(CASE WHEN paid THEN pieces END), 0),
                    coalesce(sum(CASE WHEN NOT paid AND (live OR open) THEN pieces END), 0)
             FROM (SELECT pieces,
                 until_ms > ?2 AND NOT coalesce(json_extract(json, '$.closed'), 0) AS live,
                 EXISTS (SELECT 1 FROM attempts JOIN orders USING(out_trade_no)
                     WHERE attempts.checkout_id = sales.checkout_id
                     AND json_extract(orders.json, '$.status.SUCCESS') IS NOT NULL
                     AND json_extract(orders.json, '$.paid_besides') IS NULL) AS paid,
                 EXISTS (SELECT 1 FROM attempts JOIN orders USING(out_trade_no)
                     WHERE attempts.checkout_id = sales.checkout_id
                     AND (json_extract(orders.json, '$.status') IN ('NOTPAY', 'USERPAYING')
                         OR json_extract(orders.json, '$.reported') IS NOT NULL
                         OR json_extract(orders.json, '$.status.CLOSING') IS NOT NULL
                         OR json_extract(orders.json, '$.status.REVERSING') IS NOT NULL)) AS open
                 FROM sales JOIN checkouts ON checkouts.id = sales.checkout_id
                 WHERE link_id = ?1)",
            &[facts.link.id.as_str().into(), self.runtime.now_ms().into()],
        )?;
        if let Some(row) = rows.first() {
            facts.sold += row.int(0)?;
            facts.held = row.int(1)?;
        }
        Ok(facts)
    }
}

const HELD_TOO_MUCH: &str =
    "So much of it is held for this payer already: pay for that, or wait until it goes back.";

const TOO_MANY_LIVE: &str =
    "Too many purchases of this link are under way: try again in a few minutes.";

/// The code of a link that has ended.
fn code_of(ended: Ended) -> Code {
    match ended {
        Ended::Off => Code::LinkOff,
        Ended::Expired => Code::LinkExpired,
        Ended::SoldOut | Ended::AllSold => Code::LinkSoldOut,
    }
}
