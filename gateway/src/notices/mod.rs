//! `POST /notify/{dialect}/{merchant}`: what an upstream tells unasked.
//!
//! The signature is verified over the bytes before anything in them is used,
//! with the merchant's own keys (checklist G3); then the book compares and
//! writes; only then is the notice acknowledged. Whatever is not believed is
//! counted under a name of its own, probes like any other (checklist G5), and
//! the sender is told to send it again. The log says that name and no more: an
//! error's text may repeat words that nobody signed, about anybody.

mod ionline;
mod v2;
mod v3;

use crate::Gateway;
use crate::book::{Call, Verdict};
use crate::directory::Known;
use crate::error::{ApiError, Code};
use crate::limits::forget_oldest;
use crate::world::World;
use order::{OutTradeNo, Payment};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Refused notices by merchant, counted in the isolate.
#[derive(Debug, Default)]
pub struct Refusals(RefCell<HashMap<String, Refused>>);

#[derive(Debug, Default)]
struct Refused {
    told_at_ms: i64,
    counts: BTreeMap<String, i64>,
}

/// A book is told of refused notices this far apart, by each isolate.
const TOLD_APART_MS: i64 = 10_000;
/// Past so many merchants, those told longest ago are forgotten.
const MERCHANTS: usize = 4_096;

impl Refusals {
    /// Counts one; what the book is to count, if it is time to tell it.
    fn add(&self, id: &str, name: &str, now_ms: i64) -> Option<BTreeMap<String, i64>> {
        let mut merchants = self.0.borrow_mut();
        if merchants.len() >= MERCHANTS && !merchants.contains_key(id) {
            forget_oldest(&mut merchants, |refused| refused.told_at_ms);
        }
        let refused = merchants.entry(id.to_owned()).or_default();
        *refused.counts.entry(name.to_owned()).or_default() += 1;
        let since_ms = now_ms - refused.told_at_ms;
        if (0..TOLD_APART_MS).contains(&since_ms) {
            return None;
        }
        refused.told_at_ms = now_ms;
        Some(std::mem::take(&mut refused.counts))
    }
}

impl<W: World> Gateway<W> {
    /// The merchant whose address the sender used.
    async fn addressee(&self, id: &str, dialect: &str) -> Result<Rc<Known>, ApiError> {
        let known = self.directory.by_id(&self.world, &self.config, id).await?;
        known
            .filter(|known| known.merchant.dialect.name() == dialect)
            .ok_or_else(|| ApiError::of(Code::MerchantNotFound))
    }

    /// Hands a verified payment to a merchant's book. `xml` is the document to
    /// forward, where it came in the form that merchants know.
    async fn noticed(
        &self,
        id: &str,
        payment: Payment,
        xml: Option<String>,
    ) -> Result<Verdict, ApiError> {
        let payment = Box::new(payment);
        self.book(id, Call::Noticed { payment, xml }).await
    }

    /// A verified notice whose signature is also the signature of another
    /// document. It is not believed, and WeChat is queried for the order that it
    /// names: a real payment is learned from the answer.
    async fn ambiguous(&self, id: &str, out_trade_no: Option<&str>) -> Result<Verdict, ApiError> {
        let name = "notice_ambiguous";
        self.not_believed(id, name).await;
        match out_trade_no.map(OutTradeNo::new) {
            Some(Ok(number)) => self.book(id, Call::Hinted(number)).await,
            _ => Ok(Verdict::Refused(name.to_owned())),
        }
    }

    /// Logs and counts what was not believed. The merchant's book is told now
    /// and then: a flood of refused notices does not reach it.
    async fn not_believed(&self, id: &str, name: &'static str) {
        let Some(counts) = self.refusals.add(id, name, self.world.now_ms()) else {
            return;
        };
        self.world.log(format_args!("notice for {id}: {name}"));
        // Numbers to watch: where the book does not answer, they are lost.
        let _: Result<(), ApiError> = self.book(id, Call::NoticesRefused(counts)).await;
    }
}
