//! Receipts: the lasting addresses at which payers see what they paid.
//!
//! ```text
//! receipts( out_trade_no, id or NULL, made_at_ms )     NULL: revoked
//! ```
//!
//! An order's receipt is made in the transaction that makes it paid. Its id is
//! random, so it cannot be guessed. What it shows is read from the order, so it
//! is always as the order is.

use super::{Book, Checkout, store};
use crate::http::error::{ApiError, Code};
use crate::merchants::seal::random_text;
use crate::runtime::{Runtime, Storage, StorageError};
use order::{Currency, Money, Order, OutTradeNo};
use serde::{Deserialize, Serialize};

/// The length of a receipt's id: 130 bits.
const ID: usize = 22;

/// What a purchase's page needs of the payment that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFacts {
    /// WeChat's number for it.
    pub transaction_id: String,
    /// As in [`order::Payment::cash_fee`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cash_fee: Option<i64>,
    /// As in [`order::Payment::cash_fee_type`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cash_fee_type: Option<String>,
    /// The receipt's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

impl PaymentFacts {
    /// What WeChat charged the payer, where that is in another currency than the
    /// price.
    pub fn charged(&self, price: Money) -> Option<Money> {
        charged(price, self.cash_fee, self.cash_fee_type.as_deref())
    }
}

/// What WeChat charged a payer, where that is in another currency than the price.
pub fn charged(price: Money, fee: Option<i64>, currency: Option<&str>) -> Option<Money> {
    let currency = Currency::from_code(currency?)?;
    let money = Money::new(fee?, currency).ok()?;
    (currency != price.currency()).then_some(money)
}

/// What a receipt shows.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReceiptFacts {
    /// The paid order.
    pub order: Box<Order>,
    /// Its purchase, where it is an attempt of one.
    pub checkout: Option<Box<Checkout>>,
}

/// A receipt, as its merchant sees it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// The number of the order that was paid.
    pub out_trade_no: OutTradeNo,
    /// Its id; `None` where it is revoked.
    pub id: Option<String>,
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// The payment of an order, as its payer may see it.
    pub(super) fn payment_facts(
        &self,
        kept: Option<&Order>,
    ) -> Result<Option<PaymentFacts>, StorageError> {
        let Some((order, paid)) = kept.and_then(|order| Some((order, order.paid()?))) else {
            return Ok(None);
        };
        let number = order.terms().out_trade_no.as_str();
        Ok(Some(PaymentFacts {
            transaction_id: paid.payment.transaction_id.clone(),
            cash_fee: paid.payment.cash_fee,
            cash_fee_type: paid.payment.cash_fee_type.clone(),
            receipt: store::receipts::id_of(&self.storage, number)?,
        }))
    }

    /// Makes a paid order's receipt, inside a transaction. Returns its id.
    pub(super) fn make_receipt(&self, number: &str) -> Result<String, StorageError> {
        let id = random_text(|bytes| self.runtime.random(bytes), ID);
        store::receipts::put(&self.storage, number, Some(&id), self.runtime.now_ms())?;
        Ok(id)
    }

    /// The receipt of a paid order or checkout; a revoked one is replaced.
    pub(super) fn create_receipt(&self, number: &OutTradeNo) -> Result<Receipt, ApiError> {
        let order = self.paid_order(number)?;
        let out_trade_no = order.terms().out_trade_no.clone();
        let id = self.storage.atomically(|| {
            if let Some(id) = store::receipts::id_of(&self.storage, out_trade_no.as_str())? {
                return Ok(id);
            }
            self.audit(out_trade_no.as_str(), "receipt made", "")?;
            self.make_receipt(out_trade_no.as_str())
        });
        let id = id.map_err(|error: StorageError| ApiError::from(error))?;
        Ok(Receipt {
            out_trade_no,
            id: Some(id),
        })
    }

    /// Revokes a receipt: its address shows nothing from now on.
    pub(super) fn revoke_receipt(&self, number: &OutTradeNo) -> Result<Receipt, ApiError> {
        let order = self.paid_order(number)?;
        let out_trade_no = order.terms().out_trade_no.clone();
        self.storage.atomically(|| {
            if store::receipts::id_of(&self.storage, out_trade_no.as_str())?.is_some() {
                self.audit(out_trade_no.as_str(), "receipt revoked", "")?;
            }
            let now_ms = self.runtime.now_ms();
            store::receipts::put(&self.storage, out_trade_no.as_str(), None, now_ms)
        })?;
        Ok(Receipt {
            out_trade_no,
            id: None,
        })
    }

    /// What the receipt with this id shows.
    pub(super) fn find_receipt(&self, id: &str) -> Result<ReceiptFacts, ApiError> {
        let not_found = || ApiError::of(Code::ReceiptNotFound);
        let number = store::receipts::number_of(&self.storage, id)?.ok_or_else(not_found)?;
        let order = self.load_order(&number)?.ok_or_else(not_found)?;
        // A rejected payment and a duplicate payment have no receipt.
        if order.paid().is_none() || order.duplicate_of().is_some() {
            return Err(not_found());
        }
        let checkout = self.checkout_of_attempt(&order.terms().out_trade_no)?;
        Ok(ReceiptFacts {
            order: Box::new(order),
            checkout: checkout.map(Box::new),
        })
    }

    /// The order that was paid under this number, or whose payment the checkout
    /// with this number keeps.
    fn paid_order(&self, number: &OutTradeNo) -> Result<Order, ApiError> {
        let order = match self.checkout_of(number)? {
            Some(checkout) => self.kept_order(&checkout)?,
            None => match self.load_order(number.as_str())? {
                Some(order) => Some(order),
                None => return Err(ApiError::of(Code::OrderNotFound)),
            },
        };
        order
            .filter(|order| order.paid().is_some() && order.duplicate_of().is_none())
            .ok_or_else(|| ApiError::of(Code::OrderNotPaid))
    }
}
