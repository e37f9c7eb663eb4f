//! Quick Pay and its reverse (WeChat Pay v2 manual, section 5): the calls that
//! take money.
//!
//! WeChat is queried before anything is written: it must not know the number.
//! Otherwise a payment that another system made under it could be taken for
//! this Quick Pay's payment, or be reversed.
//!
//! Then the order is written, and the Quick Pay is sent once. If no answer
//! arrives, or its outcome is unknown, the order stays `USERPAYING`; its timer
//! queries, and after 30 seconds reverses. After a reverse that WeChat refuses
//! permanently, a query determines the order's state.

use super::Book;
use super::transition::answered;
use crate::http::error::{ApiError, Code};
use crate::merchants::directory::MerchantContext;
use crate::runtime::{Runtime, Storage};
use crate::upstream::{QuickPay, Reason};
use order::{Event, Order, OutTradeNo, Refusal, ReverseAnswer, Status, Terms, TradeState, Via};

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Takes the payment, or returns the order of an earlier request with this
    /// number: it is never sent twice (checklist Q2, Q4).
    pub(super) async fn quick_pay(
        &self,
        context: &MerchantContext,
        new: QuickPay,
    ) -> Result<Order, ApiError> {
        let number = new.terms.out_trade_no.clone();
        let upstream = self.upstream(context);
        let asking = upstream.quick_pay(&new)?;
        if let Some(order) = self.placed(&new.terms)? {
            return Ok(order);
        }
        upstream.check_quick_pay_pause()?;
        // Without a certificate it could not be reversed.
        upstream.check_certificate()?;
        let refused = self.refuse_number_at_wechat(context, &new.terms).await;
        // Another caller may have written and sent it during the await.
        if let Some(order) = self.placed(&new.terms)? {
            return Ok(order);
        }
        refused?;
        if let Some(order) = self.place(context, new.terms)? {
            return Ok(order);
        }

        let placed = self.load_order(number.as_str())?;
        let answer = asking.await;
        let event = match &answer {
            Ok(state) => Some(Event::StateReported(state.clone(), Via::Query)),
            Err(failure) if failure.reason() == Some(Reason::NotSent) => Some(Event::Declined),
            // WeChat may have received the request twice: a query shows whether
            // it is paid.
            Err(failure) if !failure.is_unknown_outcome() => {
                match self.query_bare(context, &number).await {
                    // WeChat has the order, unpaid, and refuses to take money.
                    Some(Event::StateReported(TradeState::NotPay, via)) => {
                        Some(Event::StateReported(TradeState::PayError, via))
                    }
                    Some(Event::NotFound) => Some(Event::Declined),
                    other => other,
                }
            }
            Err(_) => None,
        };
        if let Some(event) = event
            && self.admits(context, number.as_str(), &event).await?
        {
            // Refused only if the timer was faster; the caller then gets the
            // order's state.
            let event = answered(placed.as_ref(), event);
            let outcome = self.transition(context, number.as_str(), event, None)?;
            if let Some(effects) = outcome.effects() {
                self.execute_effects(context, number.clone(), effects)
                    .await?;
            }
        }
        let order = self
            .load_order(number.as_str())?
            .ok_or_else(|| ApiError::internal("the order that was just written is gone"))?;
        match (order.status(), answer) {
            (Status::PayError { .. }, Err(failure)) => Err(failure.into()),
            _ => Ok(order),
        }
    }

    /// The order, if it was written before.
    fn placed(&self, terms: &Terms) -> Result<Option<Order>, ApiError> {
        let number = &terms.out_trade_no;
        self.refuse_checkouts_number(number)?;
        let Some(order) = self.load_order(number.as_str())? else {
            return Ok(None);
        };
        match order.terms().first_difference(terms) {
            Some(field) => Err(Refusal::DifferentTerms(field).into()),
            None => Ok(Some(order)),
        }
    }

    /// Refuses a number under which WeChat has an order already: another system
    /// of the merchant has made it. Without a verified answer nothing is sent
    /// either.
    async fn refuse_number_at_wechat(
        &self,
        context: &MerchantContext,
        terms: &Terms,
    ) -> Result<(), ApiError> {
        let number = &terms.out_trade_no;
        let taken = |message: &str| {
            ApiError::field(Code::OrderExistsWithDifferentTerms, "out_trade_no", message)
        };
        // Two merchants of this gateway that share an account at WeChat could
        // both find the number free, and one would reverse the other's payment.
        if context.shares_account {
            let sub_mch_id = terms.account.sub_mch_id.as_deref().unwrap_or_default();
            let what = format!("number {sub_mch_id}/{number}");
            match self.claim(context, &what, number.as_str()).await {
                Some(true) => {}
                Some(false) => {
                    return Err(taken(
                        "Another merchant with this account at WeChat has used this number. \
                         Use a new out_trade_no.",
                    ));
                }
                None => return Err(ApiError::of(Code::UpstreamUnavailable)),
            }
        }
        let found = self.upstream(context).query(number, &terms.account).await;
        match found {
            Err(failure) if failure.reason() == Some(Reason::OrderNotExist) => Ok(()),
            Err(failure) => Err(failure.into()),
            Ok(_) => Err(taken(
                "WeChat has an order with this number that was not made here. \
                 Use a new out_trade_no.",
            )),
        }
    }

    /// Writes the order; or returns the one that is stored.
    fn place(&self, context: &MerchantContext, terms: Terms) -> Result<Option<Order>, ApiError> {
        self.storage.atomically(|| {
            if let Some(order) = self.placed(&terms)? {
                return Ok(Some(order));
            }
            let (order, effects) = Order::quick_pay(terms, self.runtime.now_ms());
            self.insert_order(context, &order, false, &effects)?;
            Ok(None)
        })
    }

    /// Reverses a Quick Pay: WeChat returns what was paid, and the order can no
    /// longer be paid.
    pub(super) async fn reverse_order(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
    ) -> Result<Order, ApiError> {
        let missing = || ApiError::of(Code::OrderNotFound);
        if self.load_order(number.as_str())?.is_some() {
            self.upstream(context).check_certificate()?;
        }
        let effects = self
            .transition(context, number.as_str(), Event::ReverseAsked, None)?
            .effects_or_error()?;
        self.execute_effects(context, number.clone(), effects)
            .await?;
        self.load_order(number.as_str())?.ok_or_else(missing)
    }

    /// Requests the reverse. The call may be repeated; the answer says whether it
    /// must be.
    pub(super) async fn reverse(&self, context: &MerchantContext, number: &OutTradeNo) -> Event {
        let order = self.known_order(number);
        let answer = match self.upstream(context).reverse(number).await {
            Ok(true) => ReverseAnswer::Done,
            Ok(false) => ReverseAnswer::Unknown,
            Err(failure) => match failure.reason() {
                Some(Reason::OrderReversed) => ReverseAnswer::Done,
                Some(Reason::OrderNotExist) => ReverseAnswer::NotFound,
                Some(Reason::NotReversible) => ReverseAnswer::NotReversible,
                Some(Reason::Permanent) => ReverseAnswer::Refused,
                _ => ReverseAnswer::Unknown,
            },
        };
        answered(order.as_ref(), Event::ReverseAnswered(answer))
    }
}
