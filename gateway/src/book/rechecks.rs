//! Queries about an order at a later time, which its own timer does not make:
//!
//! - A payment that was accepted on WeChat's notice alone (below the merchant's
//!   `confirm_notices_from`) is queried once, half an hour later. Without an
//!   answer for six hours an alarm is raised.
//! - A payment that could not be claimed among the merchants that share an
//!   account at WeChat is queried until the claim is answered.
//!
//! They have the lowest priority: one at a time, where no order's timer is due.

use super::{Book, store};
use crate::merchants::directory::MerchantContext;
use crate::observe::alarm::Alarm;
use crate::runtime::{Runtime, Storage, StorageError};
use order::OutTradeNo;

/// How long after a notice its payment is queried.
const CHECK_AFTER_MS: i64 = 30 * 60_000;
/// Checks become due at whole multiples of this, so that the object wakes once
/// for many payments.
const TOGETHER_MS: i64 = 10 * 60_000;
/// The pause after a query without a verified answer.
const AGAIN_MS: i64 = 10 * 60_000;
/// After this time without a verified answer an alarm is raised.
const UNCHECKED_ALARM_MS: i64 = 6 * 3_600_000;
/// The pause after a claim without an answer.
const CLAIM_AGAIN_MS: i64 = 30_000;
/// After this time without an answer to a claim an alarm is raised.
const CLAIM_ALARM_MS: i64 = 3 * 60_000;

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Schedules a query for a payment that is known from a notice only.
    pub(super) fn check_later(&self, number: &str) -> Result<(), StorageError> {
        let after_ms = self.runtime.now_ms() + CHECK_AFTER_MS;
        let due_ms = (after_ms / TOGETHER_MS + 1) * TOGETHER_MS;
        store::rechecks::add(&self.storage, number, due_ms)
    }

    /// Schedules another try: the object that stores which order each
    /// transaction paid did not answer.
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

    /// Removes the recheck of an order whose claim is answered.
    pub(super) fn claim_answered(&self, number: &str) -> Result<(), StorageError> {
        match store::rechecks::remove_unanswered_claim(&self.storage, number)? {
            true => self.end_alarm(Alarm::ClaimUnanswered, number),
            false => Ok(()),
        }
    }

    /// Claims the recheck that has been due longest, by moving its timer.
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

    /// Queries the order. WeChat's answer is handled as always: one that denies
    /// a payment raises the alarm `NOT_PAID_AT_WECHAT`.
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

    /// Raises an alarm if no verified answer has for too long stated whether
    /// the order is paid.
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
