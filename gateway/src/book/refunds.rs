//! Refunds (WeChat Pay v2 manual, sections 9.4 and 9.5): written before they
//! are requested at WeChat, requested again under the same number until WeChat
//! has accepted them, and settled only by WeChat's answer to a query.

use super::transition::{Outcome, answered};
use super::upstream_answers::is_request_refused;
use super::{Book, Verdict, store};
use crate::http::error::{ApiError, Code};
use crate::merchants::directory::MerchantContext;
use crate::merchants::seal::fingerprint;
use crate::observe::Counter;
use crate::observe::alarm::Alarm;
use crate::observe::labels::{NoticeLabel, Rejection};
use crate::runtime::{Runtime, Storage, StorageError};
use crate::upstream::{Failure, Reason};
use order::{Currency, Effect, Event, Money, Order, OutTradeNo, Refund, RefundStatus, Refusal};
use serde::{Deserialize, Serialize};

/// A refund to make.
#[derive(Debug, Serialize, Deserialize)]
pub struct NewRefund {
    /// The order's number.
    pub out_trade_no: OutTradeNo,
    /// The refund's number; `None` to make one of the order's number and the
    /// amount.
    pub out_refund_no: Option<String>,
    /// The order's amount, as the merchant has it.
    pub total_fee: Option<i64>,
    /// The amount to refund, in the currency's smallest unit.
    pub refund_fee: i64,
    /// The merchant's reason. It is one of the refund's terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The most that all refunds of the order may add up to, where the caller's
    /// limit sets one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<i64>,
}

/// A refund and the order it belongs to.
#[derive(Debug, Serialize, Deserialize)]
pub struct Refunded {
    /// The order's number.
    pub out_trade_no: OutTradeNo,
    /// WeChat's number for the payment.
    pub transaction_id: Option<String>,
    /// What was paid.
    pub total: Money,
    /// The refund.
    pub refund: Refund,
}

/// How many names are tried for a refund without a number. A name that another
/// refund has is refused by WeChat, and an operator alarm is raised.
const MAX_NAMES: usize = 100;
/// After this number of refused refunds of a duplicate payment an operator
/// alarm is raised.
const DUPLICATE_REFUND_CHECKS: u32 = 4;

impl Refunded {
    /// A refund of this order.
    pub fn of(order: &Order, refund: Refund) -> Self {
        Self {
            out_trade_no: order.terms().out_trade_no.clone(),
            transaction_id: order.paid().map(|paid| paid.payment.transaction_id.clone()),
            total: order.terms().money,
            refund,
        }
    }
}

/// Refuses a refund with which the order's refunds would come to more than a
/// person's limit. A refund that returned nothing does not count. The limit is an
/// amount of the merchant's currency: of an order in another one nothing is refunded.
fn refuse_above(
    (at_most, currency): (i64, Currency),
    order: &Order,
    out_refund_no: &str,
    refund_fee: i64,
) -> Result<(), ApiError> {
    if order.terms().money.currency() != currency {
        return Err(ApiError::field(
            Code::RefundAboveLimit,
            "refund_fee",
            format!(
                "Your limit is an amount of {}, and the order has another currency: ask a \
                 person who may refund more.",
                currency.code()
            ),
        ));
    }
    let others = order
        .refunds()
        .iter()
        .filter(|refund| refund.out_refund_no != out_refund_no && !refund.is_never_taken());
    let sum: i64 = others.map(|refund| refund.money.amount_minor()).sum();
    match sum + refund_fee <= at_most {
        true => Ok(()),
        false => Err(ApiError::field(
            Code::RefundAboveLimit,
            "refund_fee",
            format!(
                "You may refund at most {at_most} of an order in all, and {sum} of this one is refunded: ask a person who may refund more."
            ),
        )),
    }
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Requests a refund, or returns the state of the same refund, requested
    /// earlier.
    pub(super) async fn create_refund(
        &self,
        context: &MerchantContext,
        new: NewRefund,
    ) -> Result<Refunded, ApiError> {
        let number = self.paid_number(&new.out_trade_no)?;
        self.refund_order(context, &number, new).await
    }

    /// As [`Book::create_refund`], of exactly this order.
    pub(super) async fn refund_order(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
        new: NewRefund,
    ) -> Result<Refunded, ApiError> {
        let missing = || ApiError::of(Code::OrderNotFound);
        let order = self.load_order(number.as_str())?.ok_or_else(missing)?;
        let total = order.terms().money;
        if new.total_fee.is_some_and(|fee| fee != total.amount_minor()) {
            return Err(Refusal::DifferentTerms("total_fee").into());
        }
        let money = Money::new(new.refund_fee, total.currency()).map_err(|error| {
            ApiError::field(
                Code::AmountInvalid,
                "refund_fee",
                format!("It is wrong: {error}."),
            )
        })?;
        let out_refund_no = match new.out_refund_no {
            Some(given) => given,
            None => self.refund_number(context, &order, new.refund_fee)?,
        };
        if let Some(at_most) = new.at_most {
            let limit = (at_most, context.merchant.currency);
            refuse_above(limit, &order, &out_refund_no, new.refund_fee)?;
        }
        let asked = Event::RefundAsked {
            out_refund_no: out_refund_no.clone(),
            money,
            reason: new.reason,
        };
        self.refuse_another_orders_refund(&out_refund_no, number)?;
        // A refund that was requested earlier is returned in its current state.
        let is_known = |refund: &Refund| refund.out_refund_no == out_refund_no;
        if !order.refunds().iter().any(is_known) {
            self.upstream(context).check_certificate()?;
        }
        match self.transition(context, number.as_str(), asked, None)? {
            Outcome::Applied(_) => {
                let answer = self.refund(context, number, &out_refund_no).await?;
                let (event, refusal) = match answer {
                    RefundAnswer::Taken(event) => (Some(event), None),
                    RefundAnswer::Refused { event, error } => (event, Some(error)),
                    RefundAnswer::None => (None, None),
                };
                if let Some(event) = event {
                    // Refused only if the timer was faster.
                    let outcome = self.transition(context, number.as_str(), event, None)?;
                    if let Some(effects) = outcome.effects() {
                        self.execute_effects(context, number.clone(), effects)
                            .await?;
                    }
                }
                let refunded = self.refunded(number, &out_refund_no)?;
                match refusal {
                    Some(refusal) if refunded.refund.status == RefundStatus::Closed => Err(refusal),
                    _ => Ok(refunded),
                }
            }
            Outcome::Refused(Refusal::RefundExists) => {
                let refunded = self.refunded(number, &out_refund_no)?;
                match refunded.refund.is_never_taken() {
                    true => Err(ended_before(&refunded.refund)),
                    false => Ok(refunded),
                }
            }
            Outcome::Refused(refusal) => Err(refusal.into()),
            Outcome::NoOrder => Err(missing()),
        }
    }

    /// The number of a refund for which the merchant gives none. The same
    /// amount again is then the same refund, because a repeated request must
    /// never return money twice. A refund that WeChat has permanently refused,
    /// a cancelled one, and a number of another order's refund do not prevent
    /// another try.
    fn refund_number(
        &self,
        context: &MerchantContext,
        order: &Order,
        refund_fee: i64,
    ) -> Result<String, StorageError> {
        let of = &order.terms().out_trade_no;
        let first = format!("{of}-R{refund_fee}");
        let refused = order
            .refunds()
            .iter()
            .filter(|refund| refund.is_never_taken());
        let refused: Vec<_> = refused.map(|refund| &refund.out_refund_no).collect();
        let mut number = self.own_number(context, order.refunds(), first.clone());
        for again in 2..=refused.len() + MAX_NAMES {
            if !refused.contains(&&number) && !self.is_another_orders_refund(&number, of)? {
                break;
            }
            number = self.own_number(context, order.refunds(), format!("{first}-{again}"));
        }
        Ok(number)
    }

    /// Cancels a refund that WeChat has not accepted. The refund ends only when
    /// a query has found that WeChat does not have it and no request for it can
    /// still be in flight; until then the order's timer queries and requests
    /// nothing.
    pub(super) async fn cancel_refund(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
        out_refund_no: &str,
    ) -> Result<Refunded, ApiError> {
        let number = self.paid_number(number)?;
        let what = format!("cancellation of refund {out_refund_no} requested");
        self.audit_person(number.as_str(), &what)?;
        let asked = Event::RefundCancelAsked {
            out_refund_no: out_refund_no.to_owned(),
        };
        match self.transition(context, number.as_str(), asked, None)? {
            // The refund has returned nothing, which is what the caller wants.
            Outcome::Refused(Refusal::RefundFinal) => {}
            outcome => {
                let effects = outcome.effects_or_error()?;
                self.execute_effects(context, number.clone(), effects)
                    .await?;
            }
        }
        let refunded = self.refunded(&number, out_refund_no)?;
        match refunded.refund.status {
            RefundStatus::Asked | RefundStatus::Closed => Ok(refunded),
            _ => Err(Refusal::RefundTaken.into()),
        }
    }

    /// Refuses a number that another order's refund has: WeChat identifies a
    /// refund by its number alone, for all orders of the merchant.
    fn refuse_another_orders_refund(
        &self,
        out_refund_no: &str,
        number: &OutTradeNo,
    ) -> Result<(), ApiError> {
        match self.is_another_orders_refund(out_refund_no, number)? {
            true => Err(ApiError::field(
                Code::RefundExistsWithDifferentTerms,
                "out_refund_no",
                "Another order has a refund with this number.",
            )),
            false => Ok(()),
        }
    }

    fn is_another_orders_refund(
        &self,
        out_refund_no: &str,
        number: &OutTradeNo,
    ) -> Result<bool, StorageError> {
        store::refunds::is_of_another_order(&self.storage, out_refund_no, number.as_str())
    }

    /// The number of the refund that returns a duplicate payment: always the
    /// same for the same attempt, and different from the merchant's own
    /// numbers.
    pub(super) fn duplicate_refund_number(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
    ) -> Result<String, StorageError> {
        let order = self.load_order(number.as_str())?;
        let refunds = order.as_ref().map(Order::refunds).unwrap_or_default();
        let mut name = format!("{number}-TWICE");
        for _ in 0..MAX_NAMES {
            let candidate = self.own_number(context, refunds, name.clone());
            if !self.is_another_orders_refund(&candidate, number)? {
                break;
            }
            // The merchant has given this name to another order's refund.
            name.push('_');
        }
        Ok(self.own_number(context, refunds, name))
    }

    /// Shortens a number that the gateway has made to the length that the
    /// merchant's upstream accepts. A refund that has the whole name as its
    /// number keeps it: it was made when the upstream's limit was longer, and a
    /// second number would return the money twice.
    fn own_number(&self, context: &MerchantContext, refunds: &[Refund], name: String) -> String {
        let is_kept = refunds.iter().any(|refund| refund.out_refund_no == name);
        match name.len() > self.upstream(context).max_out_refund_no() && !is_kept {
            true => fingerprint(&name).chars().take(32).collect(),
            false => name,
        }
    }

    /// Reports a refund that has ended to the merchant, inside the transaction
    /// that writes it. If it was to return a duplicate payment and failed,
    /// raises an operator alarm.
    pub(super) fn refund_ended(
        &self,
        context: &MerchantContext,
        order: &Order,
        out_refund_no: &str,
    ) -> Result<(), StorageError> {
        let mut refunds = order.refunds().iter();
        let Some(refund) = refunds.find(|refund| refund.out_refund_no == out_refund_no) else {
            return Ok(());
        };
        if returns_duplicate(order, refund) && refund.status != RefundStatus::Success {
            self.raise(
                Alarm::SecondPaymentKept,
                order.terms().out_trade_no.as_str(),
            )?;
        }
        self.add_refund_delivery(context, order, refund)
    }

    /// The refunds of an order. Refunds in progress are queried at WeChat,
    /// unless a query was sent in the last ten seconds.
    pub(super) async fn find_refunds(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
    ) -> Result<Vec<Refunded>, ApiError> {
        let number = self.paid_number(number)?;
        let missing = || ApiError::of(Code::OrderNotFound);
        let order = self.load_order(number.as_str())?.ok_or_else(missing)?;
        let under_way: Vec<Effect> = order
            .refunds()
            .iter()
            // A refund that the payer's bank refused may have been settled on
            // the merchant platform.
            .filter(|refund| !refund.status.is_final() || refund.status == RefundStatus::Abnormal)
            .map(|refund| Effect::QueryRefund(refund.out_refund_no.clone()))
            .collect();
        if !under_way.is_empty() && self.may_ask(&number) {
            self.execute_effects(context, number.clone(), under_way)
                .await?;
        }
        let order = self.load_order(number.as_str())?.ok_or_else(missing)?;
        let refunds = order.refunds().iter().cloned();
        Ok(refunds.map(|refund| Refunded::of(&order, refund)).collect())
    }

    /// A notice about a refund. Its envelope is not signed, so it only triggers
    /// a query, and is acknowledged when the query's answer has settled the
    /// refund.
    pub(super) async fn refund_noticed(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
        out_refund_no: &str,
    ) -> Result<Verdict, ApiError> {
        let is_final = || {
            let refunded = self.refunded(number, out_refund_no);
            // A refund that ended as never accepted may have been made after
            // all.
            refunded.map(|refunded| {
                let refund = refunded.refund;
                refund.status.is_final() && !refund.is_never_taken()
            })
        };
        // A refund that returned nothing may have been made or settled since.
        let may_change = |refund: &Refund| {
            matches!(refund.status, RefundStatus::Closed | RefundStatus::Abnormal)
                && self.may_ask(number)
        };
        let asks = self
            .refunded(number, out_refund_no)
            .is_ok_and(|refunded| may_change(&refunded.refund));
        let verdict = match is_final() {
            Err(_) => Verdict::Refused(Rejection::RefundUnknown),
            Ok(true) if !asks => Verdict::Duplicate,
            Ok(_) => {
                let ask = vec![Effect::QueryRefund(out_refund_no.to_owned())];
                self.execute_effects(context, number.clone(), ask).await?;
                match is_final()? {
                    true => Verdict::Taken,
                    false => Verdict::Refused(Rejection::RefundNotConfirmed),
                }
            }
        };
        self.count(match verdict {
            Verdict::Taken => Counter::Notice(NoticeLabel::RefundTaken),
            Verdict::Duplicate => Counter::Notice(NoticeLabel::RefundDuplicate),
            Verdict::Refused(rejection) => Counter::Rejected(rejection),
        });
        Ok(verdict)
    }

    /// The number of the paid attempt, if a checkout has several.
    fn paid_number(&self, number: &OutTradeNo) -> Result<OutTradeNo, StorageError> {
        let telling = match self.checkout_of(number)? {
            Some(checkout) => self.deciding_attempt(&checkout)?,
            None => None,
        };
        Ok(telling.unwrap_or_else(|| number.clone()))
    }

    /// As [`Book::refunded`]; what fails is logged, where no caller gets it.
    fn refunded_or_log(&self, number: &OutTradeNo, out_refund_no: &str) -> Option<Refunded> {
        self.refunded(number, out_refund_no)
            .inspect_err(|error| error.log_as(&self.runtime, "a refund was not read"))
            .ok()
    }

    fn refunded(&self, number: &OutTradeNo, out_refund_no: &str) -> Result<Refunded, ApiError> {
        let order = self.load_order(number.as_str())?;
        order
            .and_then(|order| {
                let refunds = order.refunds().iter();
                let refund = refunds.clone().find(|r| r.out_refund_no == out_refund_no)?;
                Some(Refunded::of(&order, refund.clone()))
            })
            .ok_or_else(|| ApiError::of(Code::RefundNotFound))
    }

    /// Requests the refund at WeChat. The same number gives the same refund, so
    /// the request may be repeated.
    pub(super) async fn refund(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
        out_refund_no: &str,
    ) -> Result<RefundAnswer, StorageError> {
        let Some(order) = self.load_order(number.as_str())? else {
            return Ok(RefundAnswer::None);
        };
        let Some(refund) = order
            .refunds()
            .iter()
            .find(|r| r.out_refund_no == out_refund_no)
        else {
            return Ok(RefundAnswer::None);
        };
        let answer = self.upstream(context).refund(&order, refund).await;
        let at = |event| answered(Some(&order), event);
        if answer.is_err()
            && returns_duplicate(&order, refund)
            && order.checks() >= DUPLICATE_REFUND_CHECKS
        {
            self.raise(Alarm::SecondPaymentWaits, number.as_str())?;
        }
        Ok(match answer {
            Ok(state) => RefundAnswer::Taken(at(Event::RefundReported {
                out_refund_no: out_refund_no.to_owned(),
                state,
            })),
            Err(Failure::NoAnswer) => RefundAnswer::None,
            Err(failure) => {
                let event = self
                    .declined(context, number, out_refund_no, &failure)
                    .await;
                RefundAnswer::Refused {
                    event: event.map(at),
                    error: failure.into(),
                }
            }
        })
    }

    /// The meaning of a refusal. A permanent one is accepted only when WeChat
    /// has no refund under this number: an earlier request, whose answer was
    /// lost, may have made it.
    async fn declined(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
        out_refund_no: &str,
        failure: &Failure,
    ) -> Option<Event> {
        if let Some(err_code) = failure.waits_for_repair() {
            return Some(Event::RefundDeclined {
                out_refund_no: out_refund_no.to_owned(),
                err_code: err_code.to_owned(),
                later: true,
            });
        }
        let Failure::Refused(refused) = failure else {
            return None;
        };
        let later = match refused.reason {
            Reason::OutcomeUnknown => return None,
            Reason::NotEnough | Reason::Retryable => true,
            // A refusal repeated a minute later is final.
            Reason::Malformed => {
                let before = self.refunded_or_log(number, out_refund_no)?.refund.err_code;
                before.as_ref() != Some(&refused.err_code)
            }
            // A code that is not documented is certain only together with the
            // query.
            _ => false,
        };
        if !later {
            match self
                .refund_at_wechat(context, number, out_refund_no)
                .await?
            {
                AtWeChat::Reported(event) => return Some(event),
                // The number is another refund's, or unknown at WeChat.
                AtWeChat::NotFound | AtWeChat::Another => {}
            }
        }
        Some(Event::RefundDeclined {
            out_refund_no: out_refund_no.to_owned(),
            err_code: refused.err_code.clone(),
            later,
        })
    }

    pub(super) async fn query_refund(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
        out_refund_no: &str,
    ) -> Option<Event> {
        let order = self.known_order(number);
        let event = match self
            .refund_at_wechat(context, number, out_refund_no)
            .await?
        {
            AtWeChat::Reported(event) => event,
            AtWeChat::NotFound | AtWeChat::Another => Event::RefundNotFound {
                out_refund_no: out_refund_no.to_owned(),
            },
        };
        Some(answered(order.as_ref(), event))
    }

    /// WeChat's verified answer about a refund; `None` where there is none.
    async fn refund_at_wechat(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
        out_refund_no: &str,
    ) -> Option<AtWeChat> {
        let found = match self.upstream(context).query_refund(out_refund_no).await {
            Ok(found) => found?,
            Err(failure) if failure.reason() == Some(Reason::RefundNotExist) => {
                return Some(AtWeChat::NotFound);
            }
            Err(_) => return None,
        };
        let ours = self.refunded_or_log(number, out_refund_no)?;
        let same = found.out_trade_no == number.as_str()
            && found.refund_fee == ours.refund.money.amount_minor();
        if !same {
            // The amounts may be wrong: change nothing, and raise an operator
            // alarm. If the alarm cannot be stored, this answer counts as none,
            // and the refund is queried again.
            self.raise(Alarm::OtherRefund, out_refund_no)
                .inspect_err(|error| ApiError::from(error.clone()).log_cause(&self.runtime))
                .ok()?;
            return Some(AtWeChat::Another);
        }
        Some(AtWeChat::Reported(Event::RefundReported {
            out_refund_no: out_refund_no.to_owned(),
            state: found.state,
        }))
    }
}

/// The answer to the request for a refund.
pub(super) enum RefundAnswer {
    /// WeChat did not answer, or this order has no such refund.
    None,
    /// WeChat has accepted the refund, and reports its state.
    Taken(Event),
    /// WeChat has refused it.
    Refused {
        /// The event for the order, where the refusal is certain.
        event: Option<Event>,
        /// The error for the caller.
        error: ApiError,
    },
}

impl RefundAnswer {
    /// The event for the order.
    pub(super) fn event(self) -> Option<Event> {
        match self {
            Self::None => None,
            Self::Taken(event) => Some(event),
            Self::Refused { event, .. } => event,
        }
    }
}

/// WeChat's answer to a query of a refund.
enum AtWeChat {
    /// The refund's state.
    Reported(Event),
    /// There is none under this number.
    NotFound,
    /// There is another refund under this number.
    Another,
}

/// Whether the refund returns the whole of a duplicate payment.
fn returns_duplicate(order: &Order, refund: &Refund) -> bool {
    order.duplicate_of().is_some() && refund.money == order.terms().money
}

fn ended_before(refund: &Refund) -> ApiError {
    if refund.cancel_asked {
        return ApiError::field(
            Code::RefundCancelled,
            "out_refund_no",
            Code::RefundCancelled.advice(),
        );
    }
    let code = refund.err_code.as_deref().unwrap_or_default();
    let error = ApiError::field(
        Code::UpstreamRefused,
        "out_refund_no",
        format!(
            "WeChat has refused this refund with {code}, and nothing was returned. \
             Use another out_refund_no."
        ),
    );
    error.with_request_refused(is_request_refused(code))
}
