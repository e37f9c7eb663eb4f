//! `POST /notify/{dialect}/{merchant}`: what an upstream tells unasked.
//!
//! The signature is verified over the bytes before anything in them is used,
//! with the merchant's own keys (checklist G3); then the book compares and
//! writes; only then is the notice acknowledged. A notice that fails verification is
//! counted under a name of its own, probes like any other (checklist G5), and
//! the sender is told to send it again. The log says that name and no more: an
//! error's text may repeat unsigned text, such as personal data.

mod ionline;
mod v2;
mod v3;

use crate::Gateway;
use crate::book::{Call, Verdict};
use crate::cache::forget_oldest;
use crate::http::error::{ApiError, Code};
use crate::merchants::directory::MerchantContext;
use crate::observe::Log;
use crate::runtime::Runtime;
use order::{OutTradeNo, Payment};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Refused notices by merchant, counted in the isolate.
#[derive(Debug, Default)]
pub struct Refusals {
    merchants: RefCell<HashMap<String, Refused>>,
    /// No count can be told before this; `None` while none waits.
    due_at_ms: Cell<Option<i64>>,
}

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
        let mut merchants = self.merchants.borrow_mut();
        if merchants.len() >= MERCHANTS && !merchants.contains_key(id) {
            forget_oldest(&mut merchants, |refused| refused.told_at_ms);
        }
        let refused = merchants.entry(id.to_owned()).or_default();
        *refused.counts.entry(name.to_owned()).or_default() += 1;
        let since_ms = now_ms - refused.told_at_ms;
        if (0..TOLD_APART_MS).contains(&since_ms) {
            self.wait_until(refused.told_at_ms + TOLD_APART_MS);
            return None;
        }
        refused.told_at_ms = now_ms;
        Some(std::mem::take(&mut refused.counts))
    }

    fn wait_until(&self, at_ms: i64) {
        let due_at_ms = self.due_at_ms.get().map_or(at_ms, |due| due.min(at_ms));
        self.due_at_ms.set(Some(due_at_ms));
    }

    /// A merchant whose book was not told of its last refused notices, and what
    /// it is to count, if it is time to tell it.
    fn take_due(&self, now_ms: i64) -> Option<(String, BTreeMap<String, i64>)> {
        // A due time that is further away comes from a clock that was moved.
        let due_at_ms = self.due_at_ms.get()?;
        if (1..=TOLD_APART_MS).contains(&(due_at_ms - now_ms)) {
            return None;
        }
        let mut merchants = self.merchants.borrow_mut();
        let waiting = |(_, refused): &(&String, &mut Refused)| !refused.counts.is_empty();
        let mut all: Vec<_> = merchants.iter_mut().filter(waiting).collect();
        all.sort_by_key(|(_, refused)| refused.told_at_ms);
        let next_ms = all.get(1).map(|(_, next)| next.told_at_ms + TOLD_APART_MS);
        self.due_at_ms.set(next_ms);
        let (id, refused) = all.into_iter().next()?;
        refused.told_at_ms = now_ms;
        Some((id.clone(), std::mem::take(&mut refused.counts)))
    }

    /// Counts that could not be told wait for the next time.
    fn put_back(&self, id: &str, counts: BTreeMap<String, i64>) {
        let mut merchants = self.merchants.borrow_mut();
        let refused = merchants.entry(id.to_owned()).or_default();
        for (name, n) in counts {
            *refused.counts.entry(name).or_default() += n;
        }
        self.wait_until(refused.told_at_ms + TOLD_APART_MS);
    }
}

impl<R: Runtime> Gateway<R> {
    /// The merchant whose address the sender used.
    async fn addressee(&self, id: &str, dialect: &str) -> Result<Rc<MerchantContext>, ApiError> {
        let context = self
            .directory
            .by_id(&self.runtime, &self.config, id)
            .await?;
        context
            .filter(|context| context.merchant.dialect.name() == dialect)
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
        let Some(counts) = self.refusals.add(id, name, self.runtime.now_ms()) else {
            return;
        };
        self.runtime.log(format_args!("notice for {id}: {name}"));
        self.tell_refused(id, counts).await;
    }

    /// Tells one book of refused notices that it was not told of when they came,
    /// so that the last of a row are counted too. Called for every request; a
    /// merchant's book is told ten seconds after the last time at the earliest.
    pub(crate) async fn tell_waiting_refusals(&self) {
        if let Some((id, counts)) = self.refusals.take_due(self.runtime.now_ms()) {
            self.tell_refused(&id, counts).await;
        }
    }

    async fn tell_refused(&self, id: &str, counts: BTreeMap<String, i64>) {
        let told: Result<(), ApiError> = self.book(id, Call::NoticesRefused(counts.clone())).await;
        if told.is_err() {
            self.refusals.put_back(id, counts);
        }
    }
}
