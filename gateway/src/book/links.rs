//! Payment links: lasting addresses, each of which makes a checkout for every payer.
//!
//! ```text
//! links( id, json, sold )                            pieces that are paid, without open sales
//! sales( checkout_id, link_id, once, pieces, until_ms )  checkouts of the last minutes
//! holders( checkout_id, holder )                     the payer, where that is known
//! ```
//!
//! Each purchase is a checkout of its own. A link's stock is counted in the
//! transaction that makes the checkout; a checkout that ends unpaid releases
//! its pieces. That is determined at the next request, so a link needs no
//! timer: a *sale* is a row until its checkout has expired, and is then either
//! added to `sold` or deleted.

use super::index::Age;
use super::store::index::Entry;
use super::store::links::NewSale;
use super::{Book, NewCheckout, Purchase, SET_ASIDE_MS, store, write_stored};
use crate::http::error::{ApiError, Code};
use crate::merchants::directory::MerchantContext;
use crate::merchants::seal::random_text;
use crate::observe::Counter;
use crate::observe::alarm::Alarm;
use crate::observe::labels::Limit;
use crate::runtime::{Runtime, Storage};
use checkout::fields::{FieldKind, LinkField, input_name, read_answers};
use checkout::link::Ended;
use checkout::{Lang, State};
use order::{Money, OutTradeNo};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What is sold under a link's address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The id in the link's address: the merchant's id, a point, and random
    /// characters.
    pub id: String,
    /// The description that the payer reads.
    pub body: String,
    /// The price of a purchase.
    pub price: Price,
    /// How many pieces may be sold in total.
    pub stock: Option<i64>,
    /// The latest moment to begin a purchase.
    pub expires_at_ms: Option<i64>,
    /// Whether the merchant has switched it on.
    pub active: bool,
    /// The URL that receives the notice of each sale.
    pub notify_url: Option<String>,
    /// The URL to which the payer continues after paying.
    pub success_url: Option<String>,
    /// The URL to which the payer returns without paying.
    pub cancel_url: Option<String>,
    /// The page's language, when the merchant has chosen it.
    pub lang: Option<Lang>,
    /// The merchant's own data, which is returned in notices.
    pub attach: Option<String>,
    /// What each payer is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<LinkField>,
    /// The name of a picture of what is sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// The longer description: plain text with line breaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
}

/// The price of a link's purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Price {
    /// A price for a piece, and how many pieces can be bought at once.
    Fixed {
        /// The price of one piece.
        each: Money,
        /// The largest quantity of one purchase.
        max_quantity: i64,
    },
    /// The payer enters the amount.
    Entered {
        /// The smallest amount.
        min: Money,
        /// The largest amount, in the same currency.
        max: Money,
    },
}

/// The payer's choice on the link's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Choice {
    /// The number of pieces.
    Quantity(i64),
    /// The amount, in the currency's smallest unit.
    Amount(i64),
}

/// A payer's request to buy.
#[derive(Debug, Serialize, Deserialize)]
pub struct Buy {
    /// The link.
    pub id: String,
    /// The same for every submission of one form, so that a double tap makes
    /// one purchase.
    pub once: String,
    /// What the payer chose.
    pub choice: Choice,
    /// An alias of the payer, or of the address that the payer is at.
    pub holder: Option<String>,
    /// The answers to the link's fields, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, String>,
    /// The purchase that this browser has begun last. One that is paid is shown to this
    /// browser only: `once` can be in an address that others have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<String>,
}

/// A link and its current sales.
#[derive(Debug, Serialize, Deserialize)]
pub struct LinkFacts {
    /// The link.
    pub link: Link,
    /// Pieces that are paid.
    pub sold: i64,
    /// Pieces that payers are about to pay.
    pub held: i64,
    /// WeChat accepts no order with the link's texts, so nothing can be bought.
    #[serde(default)]
    pub unusable: bool,
    /// As [`CheckoutFacts::rate_e8`](super::CheckoutFacts::rate_e8), for a fixed
    /// price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_e8: Option<i64>,
}

/// The state of a purchase through a link.
#[derive(Debug, Serialize, Deserialize)]
pub struct SaleFacts {
    /// The order's number.
    pub out_trade_no: OutTradeNo,
    /// The state of the purchase.
    pub state: State,
}

/// How long a payer has to pay.
const SALE_MS: i64 = 30 * 60_000;
/// The time to pay where the link's stock is limited.
const SALE_OF_STOCK_MS: i64 = 15 * 60_000;
/// How many expired sales are settled at a time. The rest stay held, so that
/// for a short time too few pieces can be sold, and never too many.
const SETTLED_AT_ONCE: i64 = 100;
/// The pieces that one payer or one address may always hold unpaid. Beyond that
/// the limit is a quarter of the link's stock.
const HELD_BY_ONE: i64 = 5;
/// The most open purchases of one link.
const LIVE_AT_ONCE: i64 = 10_000;
/// How long a purchase without an attempt is kept after it has expired, so that
/// its page can say so.
const UNTRIED_MS: i64 = 60 * 60_000;
/// The most links in one answer.
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
    /// The link's price, for the audit.
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

    /// The answers of a payer's form, checked again: the merchant may have changed
    /// the link while the page was open.
    fn read_answers(
        &self,
        answers: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, ApiError> {
        let mut written = BTreeMap::new();
        for (name, answer) in answers {
            if !self.fields.iter().any(|field| field.name == *name) {
                return Err(ApiError::of(Code::LinkChanged));
            }
            written.insert(input_name(name), answer.clone());
        }
        read_answers(&self.fields, &written).map_err(|_| ApiError::of(Code::LinkChanged))
    }

    /// The purchase for a choice: its description, its amount, and its number
    /// of pieces.
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
    /// Adds or changes a link; the number of sold pieces stays.
    pub(super) fn set_link(&self, link: &Link) -> Result<LinkFacts, ApiError> {
        self.storage.atomically(|| {
            self.audit(&link.id, &link.terms(), "")?;
            store::links::put(&self.storage, &link.id, &write_stored("link", link)?)?;
            self.put(&Entry::of_link(link, self.runtime.now_ms()), None, Age::New)
        })?;
        self.count_sales(self.find_link(&link.id)?)
    }

    /// The link, and how many pieces of it can be bought. Pieces that were paid
    /// in the last minutes still count as held.
    pub(super) fn find_link(&self, id: &str) -> Result<LinkFacts, ApiError> {
        self.storage.atomically(|| {
            self.settle(id)?;
            let stored = store::links::find(&self.storage, id)?;
            let stored = stored.ok_or_else(|| ApiError::of(Code::LinkNotFound))?;
            Ok(LinkFacts {
                link: self.read_row("link", id, &stored.json)?,
                sold: stored.sold,
                held: store::links::pieces_in_sales(&self.storage, id)?,
                unusable: false,
                rate_e8: None,
            })
        })
    }

    /// As [`Book::find_link`], for a payer. Where WeChat accepts no order with
    /// the link's texts, nothing can be bought and an alarm is raised.
    pub(super) fn open_link(
        &self,
        context: &MerchantContext,
        id: &str,
    ) -> Result<LinkFacts, ApiError> {
        let mut facts = self.find_link(id)?;
        let link = &facts.link;
        let takes_texts = self
            .upstream(context)
            .takes_texts(&link.body, link.attach.as_deref());
        facts.unusable = !takes_texts || context.merchant.suspended_at_ms.is_some();
        if let Price::Fixed { each, .. } = link.price {
            facts.rate_e8 = self.rate(context, each.currency())?;
        }
        if !takes_texts && link.active && !self.stands(Alarm::LinkUnusable, id)? {
            self.store_merchant_id(context)?;
            self.raise(Alarm::LinkUnusable, id)?;
        }
        Ok(facts)
    }

    /// One link, or the latest, newest first, each with its current sales.
    pub(super) fn links(&self, id: Option<&str>) -> Result<Vec<LinkFacts>, ApiError> {
        let ids = match id {
            Some(id) => vec![id.to_owned()],
            None => store::links::latest_ids(&self.storage, LISTED)?,
        };
        ids.iter()
            .map(|id| self.count_sales(self.find_link(id)?))
            .collect()
    }

    /// Makes the payer's checkout and takes its pieces out of the stock, in one
    /// transaction; or finds the checkout that the same form has made. Returns
    /// the checkout's id.
    pub(super) fn buy(&self, context: &MerchantContext, buy: &Buy) -> Result<String, ApiError> {
        let now_ms = self.runtime.now_ms();
        let facts = self.open_link(context, &buy.id)?;
        self.store_merchant_id(context)?;
        let (body, money, pieces) = facts.link.purchase(buy.choice)?;
        let metadata = facts.link.read_answers(&buy.answers)?;
        let of_form = store::links::checkouts_of_form(&self.storage, &buy.id, &buy.once)?;
        for id in of_form.into_iter().rev() {
            let made = self.view_checkout(&id)?;
            let purchase = &made.checkout.purchase;
            let same =
                purchase.money == money && purchase.body == body && purchase.metadata == metadata;
            let is_own = buy.own.as_ref() == Some(&id);
            let is_open = matches!(made.state, State::Open | State::Confirming);
            if same && (is_open || is_own && made.state.is_paid()) {
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
                metadata,
                picture: facts.link.picture.clone(),
                details: facts.link.details.clone(),
            },
            expires_at_ms: now_ms + sale_ms,
        };
        // There was no await since the link was read, so its stock is current.
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
                    self.count(Counter::Limited(Limit::Held));
                    return Err(ApiError::new(Code::RateLimited, HELD_TOO_MUCH));
                }
            }
            if store::links::count_sales(&self.storage, &buy.id)? >= LIVE_AT_ONCE {
                self.count(Counter::Limited(Limit::Link));
                return Err(ApiError::new(Code::RateLimited, TOO_MANY_LIVE));
            }
            let untried_until_ms = new.expires_at_ms + UNTRIED_MS;
            let checkout =
                self.insert_checkout(new, Some(untried_until_ms), Some(buy.id.clone()))?;
            self.arm_for(untried_until_ms)?;
            let sale = NewSale {
                checkout_id: &checkout.id,
                link_id: &buy.id,
                once: &buy.once,
                pieces,
                until_ms: checkout.expires_at_ms,
            };
            store::links::insert_sale(&self.storage, &sale, buy.holder.as_deref())?;
            Ok(checkout.id)
        })
    }

    /// How many pieces of a link this holder has in open purchases.
    fn held_by(&self, link_id: &str, holder: &str) -> Result<i64, ApiError> {
        let mut held = 0;
        for sale in store::links::sales_of_holder(&self.storage, link_id, holder)? {
            let state = self
                .view_checkout(&sale.checkout_id)
                .map(|facts| facts.state);
            // A checkout that cannot be read may still be held.
            if matches!(state, Ok(State::Open | State::Confirming) | Err(_)) {
                held += sale.pieces;
            }
        }
        Ok(held)
    }

    /// The state of the purchase that a form has made; `None` when it has made
    /// none, or when the purchase was settled long ago.
    pub(super) fn sale(&self, link_id: &str, once: &str) -> Result<Option<SaleFacts>, ApiError> {
        let mut latest = None;
        for id in store::links::checkouts_of_form(&self.storage, link_id, once)? {
            let facts = self.view_checkout(&id)?;
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

    /// Ends the expired sales. One whose payment is being confirmed waits. One
    /// with an unreadable row stays held and is tried again later, so that the
    /// others are not delayed; an alarm names the row.
    fn settle(&self, link_id: &str) -> Result<(), ApiError> {
        let now_ms = self.runtime.now_ms();
        let ended = store::links::ended_sales(&self.storage, link_id, now_ms, SETTLED_AT_ONCE)?;
        for sale in ended {
            let state = match self.view_checkout(&sale.checkout_id) {
                Ok(facts) => facts.state,
                Err(error) => {
                    error.log_cause(&self.runtime);
                    let again_ms = now_ms + SET_ASIDE_MS;
                    store::links::move_end(&self.storage, &sale.checkout_id, again_ms)?;
                    continue;
                }
            };
            match state {
                State::Open | State::Confirming => continue,
                State::Paid { .. } | State::PartlyRefunded { .. } | State::Refunded { .. } => {
                    store::links::add_sold(&self.storage, link_id, sale.pieces)?;
                }
                State::Expired | State::Closed | State::Failed => {}
            }
            store::links::end_sale(&self.storage, &sale.checkout_id)?;
        }
        Ok(())
    }

    /// Counts the sales of the last minutes: paid pieces are sold, open ones
    /// are held.
    fn count_sales(&self, mut facts: LinkFacts) -> Result<LinkFacts, ApiError> {
        let now_ms = self.runtime.now_ms();
        let pieces = store::links::count_pieces(&self.storage, &facts.link.id, now_ms)?;
        facts.sold += pieces.paid;
        facts.held = pieces.held;
        Ok(facts)
    }
}

const HELD_TOO_MUCH: &str = "This payer holds too many unpaid pieces already: pay for them, or wait until they are released.";

const TOO_MANY_LIVE: &str =
    "Too many purchases of this link are in progress: try again in a few minutes.";

/// The error code for a link that has ended.
fn code_of(ended: Ended) -> Code {
    match ended {
        Ended::Off => Code::LinkOff,
        Ended::Expired => Code::LinkExpired,
        Ended::SoldOut | Ended::AllSold => Code::LinkSoldOut,
    }
}

/// A field of a link, in the form in which it is sent.
pub fn field_item(field: &LinkField) -> Json {
    let label = match field.label.get("") {
        Some(label) => json!(label),
        None => json!(field.label),
    };
    let mut data = json!({"name": field.name, "label": label, "required": field.required});
    let more = match &field.kind {
        FieldKind::Text { max_length } => json!({"type": "text", "max_length": max_length}),
        FieldKind::Number => json!({"type": "number"}),
        FieldKind::Choice(choices) => json!({"type": "choice", "choices": choices}),
    };
    if let (Some(data), Json::Object(more)) = (data.as_object_mut(), more) {
        data.extend(more);
    }
    data
}
