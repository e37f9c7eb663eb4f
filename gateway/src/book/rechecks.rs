//! Queries about an order at a later time, which its own timer does not make:
//!
//! - A payment that counts on WeChat's notice alone (below the merchant's
//!   `confirm_notices_from`) is queried once, half an hour later. Without an answer for six hours an alarm is raised.
//! - A payment that could not be claimed among the merchants that share an
//!   account at WeChat is queried until the claim is answered.
//!
//! They have the lowest priority: one at a time, where no order's timer is due.

use super::{Book, store};
use crate::merchants::directory::MerchantContext;
use crate::observe::alarm::Alarm;
use crate::runtime::{Runtime, Storage, StorageError};
use order::OutTradeNo;

/// A payment that a notice reported is queried so long after it was learned.
const CHECK_AFTER_MS: i64 = 30 * 60_000;
/// Checks fall due together at whole multiples of this, so that many payments
/// wake the object once.
const TOGETHER_MS: i64 = 10 * 60_000;
/// A query without a verified answer is repeated after this.
const AGAIN_MS: i64 = 10 * 60_000;
/// A payment that no answer has confirmed for so long is an alarm.
const UNCHECKED_ALARM_MS: i64 = 6 * 3_600_000;
/// A claim without an answer is repeated after this.
const CLAIM_AGAIN_MS: i64 = 30_000;
/// A claim without an answer for so long is an alarm.
const CLAIM_ALARM_MS: i64 = 3 * 60_000;

impl<R: Runtime, S: Storage> Book<R, S> {
    /// The order's payment is known from a notice only: it is queried later.
    pub(super) fn check_later(&self, number: &str) -> Result<(), StorageError> {
        let after_ms = self.runtime.now_ms() + CHECK_AFTER_MS;
        let due_ms = (after_ms / TOGETHER_MS + 1) * TOGETHER_MS;
        store::rechecks::add(&self.storage, number, due_ms)
    }

    /// The object that keeps whose each transaction is does not answer.
    pub(super) fn claim_unanswered(
        &self,
        context: &MerchantContext,
        number: &str,
    ) -> Result<(), StorageError> {
        let now_ms = self.runtime.now_ms();
        let again_ms = now_ms + CLAIM_AGAIN_MS;
        let since_ms =
            store::rechecks::add_unanswered_claim(&self.storage, number, again_ms, now_ms)?;
        if now_ms - since_ms >= CLAIM_ALARM_MS {
            self.raise(Alarm::ClaimUnanswered, number)?;
        }
        self.store_merchant_id(context)?;
        self.arm()
    }

    /// The claim of this order's payment is answered.
    pub(super) fn claim_answered(&self, number: &str) -> Result<(), StorageError> {
        match store::rechecks::remove_unanswered_claim(&self.storage, number)? {
            true => self.end_alarm(Alarm::ClaimUnanswered, number),
            false => Ok(()),
        }
    }

    /// Moves the check that has been due longest, and takes it.
    pub(super) fn claim_due_recheck(&self) -> Result<Option<OutTradeNo>, StorageError> {
        let now_ms = self.runtime.now_ms();
        let Some(due) = store::rechecks::longest_due(&self.storage, now_ms)? else {
            return Ok(None);
        };
        let again_ms = match due.claim_since_ms {
            Some(since_ms) if now_ms - since_ms < CLAIM_ALARM_MS => CLAIM_AGAIN_MS,
            Some(_) => CLAIM_ALARM_MS,
            None => AGAIN_MS,
        };
        store::rechecks::move_timer(&self.storage, &due.number, now_ms + again_ms)?;
        let number = OutTradeNo::new(&due.number);
        Ok(Some(number.map_err(|error| {
            StorageError::unreadable("order number", error)
        })?))
    }

    /// Queries the order. What WeChat answers is handled as always: an answer
    /// that denies a payment raises the alarm `NOT_PAID_AT_WECHAT`.
    pub(super) async fn recheck(
        &self,
        context: &MerchantContext,
        number: OutTradeNo,
    ) -> Result<(), StorageError> {
        let Some(event) = self.query(context, &number).await else {
            return self.unchecked(number.as_str());
        };
        if !self.admits(context, number.as_str(), &event).await? {
            return Ok(());
        }
        let outcome = self.transition(context, number.as_str(), event, None)?;
        let effects = outcome.effects().unwrap_or_default();
        store::rechecks::remove(&self.storage, number.as_str())?;
        self.end_alarm(Alarm::ClaimUnanswered, number.as_str())?;
        self.end_alarm(Alarm::PaymentUnchecked, number.as_str())?;
        self.execute_effects(context, number, effects).await
    }

    /// No verified answer says whether the order is paid.
    fn unchecked(&self, number: &str) -> Result<(), StorageError> {
        let order = self.load_order(number)?;
        let paid = order.as_ref().and_then(|order| order.paid());
        let is_late = paid
            .is_some_and(|paid| self.runtime.now_ms() - paid.recorded_at_ms >= UNCHECKED_ALARM_MS);
        if is_late && !self.stands(Alarm::PaymentUnchecked, number)? {
            self.raise(Alarm::PaymentUnchecked, number)?;
        }
        Ok(())
    }
}
