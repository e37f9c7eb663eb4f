//! The explored system: orders, WeChat, and the messages between them.

use super::mistakes::Mistake;
use super::wechat::{Answer, Ask, At, Back, WeChat, number, refund_asked, refund_of};
use super::{EXPIRES_MS, MINE, payment, terms};
use order::{
    CloseAnswer, Effect, Elsewhere, Event, Order, Payment, Prepayment, RefundStatus, ReverseAnswer,
    Status, TradeState, TradeType, Trouble, Via,
};
use stateright::{Model, Property};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The longest time that a message is in flight, by the true time.
const UNDER_WAY_MS: i64 = 20_000;
/// The longest time that a payer's sheet is open.
const SHEET_MS: i64 = 2 * 3_600_000;
/// How far the gateway's clock jumps ahead.
const JUMP_MS: i64 = 3 * 3_600_000;
/// Without faults, a system that is not final after this many steps never will
/// be.
const REST_STEPS: usize = 400;

/// The starting point.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Kind {
    Native,
    /// A NATIVE order that is paid already.
    Paid,
    QuickPay,
    TwoAttempts,
}

/// How many more events of each kind may happen. Arriving messages are not
/// counted.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Left {
    /// Timers that fire.
    pub rings: u8,
    /// Messages that are lost.
    pub losses: u8,
    /// Requests that WeChat refuses permanently although it could execute them.
    pub refusals: u8,
    /// The gateway's clock jumps.
    pub jumps: u8,
    /// Changes by a person on the merchant platform.
    pub hands: u8,
    /// Closes and reverses requested by the merchant.
    pub merchant: u8,
    pub refunds: u8,
    pub cancels: u8,
    /// Queries requested by the merchant.
    pub refreshes: u8,
    /// Payments of another system under the number.
    pub rivals: u8,
    /// Payments of a different amount.
    pub others: u8,
    /// Decisions of an operator about such a payment.
    pub decisions: u8,
    /// Notices signed with a leaked key, of payments that WeChat does not have.
    pub forgeries: u8,
    /// No timer fires while this many messages are in flight.
    pub mail: u8,
}

impl Left {
    pub const NONE: Self = Self {
        rings: 0,
        losses: 0,
        refusals: 0,
        jumps: 0,
        hands: 0,
        merchant: 0,
        refunds: 0,
        cancels: 0,
        refreshes: 0,
        rivals: 0,
        others: 0,
        decisions: 0,
        forgeries: 0,
        mail: 2,
    };
}

/// The configuration of an exploration.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub kind: Kind,
    pub left: Left,
    /// Whether a query confirms a reported payment before it counts.
    pub confirms: bool,
    pub mistake: Option<Mistake>,
}

/// One order in the gateway's book.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct Ours {
    pub order: Order,
    due_ms: Option<i64>,
    delivered: u8,
    pub alarms: Vec<Trouble>,
    /// An alarm says that WeChat's payment differs from the order.
    differs: bool,
}

/// A message in flight.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct Mail {
    pub of: usize,
    /// The revision at which the query was sent.
    revision: u32,
    sent_ms: i64,
    pub says: Says,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum Says {
    Ask(Ask),
    Answer(Ask, Answer),
    Notice,
}

/// The complete state.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct System {
    pub ours: Vec<Ours>,
    pub wechat: Vec<WeChat>,
    pub mail: Vec<Mail>,
    /// The true time, and how far the gateway's clock is ahead of it.
    pub true_ms: i64,
    pub ahead_ms: i64,
    left: Left,
    hand_used: bool,
    /// The rule that the last step violated.
    broken: Option<&'static str>,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Ring(usize),
    Arrive(usize),
    Lose(usize),
    /// The request is refused permanently.
    Refuse(usize),
    /// The Quick Pay is paid at once.
    PayAtOnce(usize),
    Jump,
    Pay(usize),
    Fail(usize),
    HandRefund(usize),
    HandRevoke(usize),
    HandClose(usize),
    BankCloses(usize, usize),
    Close(usize),
    Reverse(usize),
    Refund(usize, usize),
    Cancel(usize, usize),
    Refresh(usize),
    Rival(usize),
    PayOtherwise(usize),
    Decide(usize, bool),
    Forge(usize),
}

impl Model for Scenario {
    type State = System;
    type Action = Step;

    fn init_states(&self) -> Vec<System> {
        let prepayment = || Prepayment::default();
        let (orders, at, trade_type) = match self.kind {
            Kind::Native | Kind::Paid => (1, At::NotPay, TradeType::Native),
            Kind::TwoAttempts => (2, At::NotPay, TradeType::Native),
            Kind::QuickPay => (1, At::Unknown, TradeType::Micropay),
        };
        let mut system = System {
            ours: Vec::new(),
            wechat: vec![WeChat::new(at, trade_type); orders],
            mail: Vec::new(),
            true_ms: 0,
            ahead_ms: 0,
            left: self.left,
            hand_used: false,
            broken: None,
        };
        for of in 0..orders {
            let terms = terms(of, trade_type);
            let (order, effects) = match self.kind {
                Kind::QuickPay => Order::quick_pay(terms, 0),
                _ => Order::prepaid(terms, prepayment(), 0),
            };
            system.ours.push(Ours {
                order,
                due_ms: None,
                delivered: 0,
                alarms: Vec::new(),
                differs: false,
            });
            if self.mistake != Some(Mistake::NoTimer) {
                self.carry_out(&mut system, of, effects);
            }
            if self.kind == Kind::QuickPay {
                system.ask(of, Ask::QuickPay);
            }
        }
        if self.kind == Kind::Paid {
            system.mail.clear();
            self.happen(&mut system, Step::Pay(0));
            self.arrive(&mut system, 0);
        }
        vec![system]
    }

    fn actions(&self, state: &System, steps: &mut Vec<Step>) {
        if state.broken.is_some() {
            return;
        }
        let left = state.left;
        for (at, mail) in state.mail.iter().enumerate() {
            steps.push(Step::Arrive(at));
            if left.losses > 0 {
                steps.push(Step::Lose(at));
            }
            match mail.says {
                Says::Ask(Ask::Reverse | Ask::Refund(_)) if left.refusals > 0 => {
                    steps.push(Step::Refuse(at));
                }
                Says::Ask(Ask::QuickPay) => {
                    steps.push(Step::Refuse(at));
                    steps.push(Step::PayAtOnce(at));
                }
                _ => {}
            }
        }
        if let Some((of, due_ms)) = state.next_ring()
            && left.rings > 0
            && state.mail.len() < usize::from(left.mail)
            && (self.mistake == Some(Mistake::RequestsAreNeverOld) || state.may_pass_until(due_ms))
        {
            steps.push(Step::Ring(of));
        }
        if left.jumps > 0 {
            steps.push(Step::Jump);
        }
        for of in 0..state.ours.len() {
            let (Some(ours), Some(wechat)) = (state.ours.get(of), state.wechat.get(of)) else {
                continue;
            };
            // A payment inside WeChat can be tried again after it failed.
            let is_prepaid = wechat.trade_type != TradeType::Micropay;
            if matches!(wechat.at, At::NotPay | At::UserPaying)
                || is_prepaid && wechat.at == At::PayError
            {
                steps.push(Step::Pay(of));
            }
            if matches!(wechat.at, At::NotPay | At::UserPaying) && left.others > 0 {
                steps.push(Step::PayOtherwise(of));
            }
            if wechat.otherwise && ours.differs && left.decisions > 0 {
                steps.extend([Step::Decide(of, true), Step::Decide(of, false)]);
            }
            if wechat.at == At::UserPaying || is_prepaid && wechat.at == At::NotPay {
                steps.push(Step::Fail(of));
            }
            if left.hands > 0 {
                match wechat.at {
                    At::Paid if !wechat.refunded_by_hand => steps.push(Step::HandRefund(of)),
                    At::NotPay => steps.push(Step::HandClose(of)),
                    _ => {}
                }
                for n in 0..MINE.len() {
                    if wechat.back(n) == Back::Processing {
                        steps.push(Step::BankCloses(of, n));
                    }
                }
                if matches!(wechat.at, At::Paid | At::UserPaying)
                    && wechat.trade_type == TradeType::Micropay
                    && !wechat.is_refunded()
                {
                    steps.push(Step::HandRevoke(of));
                }
            }
            if left.merchant > 0 {
                steps.push(match self.kind {
                    Kind::QuickPay => Step::Reverse(of),
                    _ => Step::Close(of),
                });
            }
            if left.refunds > 0 {
                steps.extend([Step::Refund(of, 0), Step::Refund(of, 1)]);
            }
            if left.cancels > 0 {
                for refund in ours.order.refunds() {
                    steps.push(Step::Cancel(of, refund_of(&refund.out_refund_no)));
                }
            }
            if left.refreshes > 0 {
                steps.push(Step::Refresh(of));
            }
            if left.rivals > 0 && wechat.at == At::Unknown {
                steps.push(Step::Rival(of));
            }
            if left.forgeries > 0 && self.confirms {
                steps.push(Step::Forge(of));
            }
        }
    }

    fn next_state(&self, state: &System, step: Step) -> Option<System> {
        let mut next = state.clone();
        self.happen(&mut next, step)?;
        next.mail.sort_by_cached_key(|mail| {
            let mut hasher = DefaultHasher::new();
            mail.hash(&mut hasher);
            hasher.finish()
        });
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing false is believed", |_, state: &System| {
                state.broken.is_none()
            }),
            Property::always(
                "once WeChat answers truthfully, every order rests and agrees with it",
                |model, state: &System| model.comes_to_agree(state).is_ok(),
            ),
        ]
    }
}

impl Scenario {
    fn happen(&self, w: &mut System, step: Step) -> Option<()> {
        match step {
            Step::Ring(of) => {
                w.left.rings -= 1;
                self.ring(w, of)?;
            }
            Step::Arrive(at) => self.arrive(w, at),
            Step::Lose(at) => {
                w.left.losses -= 1;
                let mail = w.mail.remove(at);
                self.lost(w, &mail);
            }
            Step::Refuse(at) => {
                let mail = w.mail.remove(at);
                let Says::Ask(ask) = mail.says else {
                    return None;
                };
                match ask {
                    Ask::QuickPay => {
                        let wechat = w.wechat.get_mut(mail.of)?;
                        if wechat.at == At::Unknown {
                            wechat.at = At::PayError;
                        }
                    }
                    _ => w.left.refusals -= 1,
                }
                w.answer(&mail, ask, WeChat::refuse(ask));
            }
            Step::PayAtOnce(at) => {
                let mail = w.mail.remove(at);
                let wechat = w.wechat.get_mut(mail.of)?;
                if wechat.at != At::Unknown {
                    return None;
                }
                wechat.pay();
                let answer = wechat.answer(mail.of, Ask::Query, 0);
                w.answer(&mail, Ask::QuickPay, answer);
            }
            Step::Jump => {
                w.left.jumps -= 1;
                w.ahead_ms += JUMP_MS;
            }
            Step::Pay(of) => {
                w.wechat.get_mut(of)?.pay();
                if self.kind != Kind::QuickPay {
                    w.send(of, 0, Says::Notice);
                }
            }
            Step::PayOtherwise(of) => {
                w.left.others -= 1;
                let wechat = w.wechat.get_mut(of)?;
                wechat.pay();
                wechat.otherwise = true;
                if self.kind != Kind::QuickPay {
                    w.send(of, 0, Says::Notice);
                }
            }
            Step::Decide(of, accepts) => {
                w.left.decisions -= 1;
                w.ask(of, Ask::Decide(accepts));
            }
            Step::Fail(of) => w.wechat.get_mut(of)?.at = At::PayError,
            Step::HandRefund(of) => {
                w.by_hand();
                w.wechat.get_mut(of)?.refunded_by_hand = true;
            }
            Step::HandRevoke(of) => {
                w.by_hand();
                w.wechat.get_mut(of)?.at = At::Revoked;
            }
            Step::HandClose(of) => {
                w.by_hand();
                w.wechat.get_mut(of)?.at = At::Closed;
            }
            Step::BankCloses(of, n) => {
                w.left.hands -= 1;
                *w.wechat.get_mut(of)?.refunds.get_mut(n)? = Back::Closed;
            }
            Step::Close(of) => {
                w.left.merchant -= 1;
                self.apply(w, of, Event::CloseAsked);
            }
            Step::Reverse(of) => {
                w.left.merchant -= 1;
                self.apply(w, of, Event::ReverseAsked);
            }
            Step::Refund(of, n) => {
                w.left.refunds -= 1;
                self.apply(w, of, refund_asked(n));
            }
            Step::Cancel(of, n) => {
                w.left.cancels -= 1;
                let out_refund_no = number(n);
                self.apply(w, of, Event::RefundCancelAsked { out_refund_no });
            }
            Step::Refresh(of) => {
                w.left.refreshes -= 1;
                w.ask(of, Ask::Query);
            }
            Step::Rival(of) => {
                w.left.rivals -= 1;
                let wechat = w.wechat.get_mut(of)?;
                wechat.at = At::Paid;
                wechat.trade_type = TradeType::Native;
            }
            Step::Forge(of) => {
                w.left.forgeries -= 1;
                let trade_type = w.ours.get(of)?.order.terms().trade_type;
                let mut payment = payment(of, trade_type);
                payment.transaction_id = format!("F{of}");
                self.notice(w, of, payment);
            }
        }
        Some(())
    }

    fn ring(&self, w: &mut System, of: usize) -> Option<()> {
        let due_ms = w.ours.get_mut(of)?.due_ms.take()?;
        w.true_ms = w.true_ms.max(due_ms - w.ahead_ms);
        self.apply(w, of, Event::Due);
        Some(())
    }

    fn arrive(&self, w: &mut System, at: usize) {
        let mail = w.mail.remove(at);
        let of = mail.of;
        match mail.says.clone() {
            Says::Notice => {
                let paid = w.wechat.get(of).map(|wechat| wechat.payment(of));
                if let Some(paid) = paid {
                    self.notice(w, of, paid);
                }
            }
            Says::Ask(ask) => {
                let true_ms = w.true_ms;
                let Some(wechat) = w.wechat.get_mut(of) else {
                    return;
                };
                let answer = wechat.answer(of, ask, true_ms);
                w.answer(&mail, ask, answer);
            }
            Says::Answer(ask, answer) => match (ask, answer) {
                (Ask::Decide(accepts), Answer::Event(event)) => {
                    self.decide(w, of, mail.revision, accepts, event);
                }
                (_, Answer::Event(event)) => {
                    let event = Box::new(event);
                    let revision = mail.revision;
                    self.apply(w, of, Event::Answered { revision, event });
                }
                (Ask::QuickPay, Answer::Refused) => {
                    w.ask_at(of, mail.revision, Ask::ConfirmQuickPay);
                }
                (Ask::Refund(n), Answer::Refused) => {
                    w.ask_at(of, mail.revision, Ask::ConfirmRefund(n));
                }
                _ => {}
            },
        }
    }

    fn notice(&self, w: &mut System, of: usize, payment: Payment) {
        let payment = Box::new(payment);
        let is_confirmed = self.confirms && self.mistake != Some(Mistake::NoticeIsPayment);
        let event = match is_confirmed {
            true => Event::PaymentReported(payment),
            false => Event::StateReported(TradeState::Success(payment), Via::Notice),
        };
        self.apply(w, of, event);
    }

    /// What the gateway does with WeChat's answer before a decision: see
    /// `Book::decide` in the gateway.
    fn decide(&self, w: &mut System, of: usize, revision: u32, accepts: bool, event: Event) {
        let Some(ours) = w.ours.get(of) else {
            return;
        };
        let (TradeState::Success(payment) | TradeState::Refund(payment)) = (match &event {
            Event::StateReported(state, _) => state.clone(),
            _ => TradeState::NotPay,
        }) else {
            let event = Box::new(event);
            return self.apply(w, of, Event::Answered { revision, event });
        };
        if ours.order.revision() != revision || self.mistake == Some(Mistake::NoDecision) {
            return;
        }
        let now_ms = w.true_ms + w.ahead_ms;
        let fits = ours.order.clone().apply(event.clone(), now_ms).is_ok();
        let mut event = event;
        if self.mistake == Some(Mistake::AcceptedWithOwnAmount)
            && let Event::StateReported(TradeState::Success(payment), _) = &mut event
        {
            payment.money = ours.order.terms().money;
        }
        match (accepts, fits) {
            (true, _) => self.apply(w, of, Event::Accepted(Box::new(event))),
            (false, true) => self.apply(w, of, event),
            (false, false) => {
                let transaction_id = payment.transaction_id;
                self.apply(w, of, Event::Rejected { transaction_id });
            }
        }
    }

    fn lost(&self, w: &mut System, mail: &Mail) {
        let (Says::Ask(ask) | Says::Answer(ask, _)) = mail.says else {
            return;
        };
        let event = match (self.mistake, ask) {
            (Some(Mistake::LostCloseIsClosed), Ask::Close) => {
                Event::CloseAnswered(CloseAnswer::Closed)
            }
            (Some(Mistake::SilenceEndsRefund), Ask::QueryRefund(n)) => Event::RefundNotFound {
                out_refund_no: number(n),
            },
            _ => return,
        };
        self.apply(w, mail.of, event);
    }

    /// What the gateway does with an event, before and after the machine.
    fn apply(&self, w: &mut System, of: usize, event: Event) {
        let event = self.of_purchase(w, of, event);
        let now_ms = w.true_ms + w.ahead_ms;
        let Some(ours) = w.ours.get_mut(of) else {
            return;
        };
        let before = ours.order.clone();
        let refused = event.clone();
        match ours.order.apply(event, now_ms) {
            Ok(mut effects) => {
                let is_refused = matches!(
                    bare(&refused),
                    Event::ReverseAnswered(ReverseAnswer::Refused)
                );
                if self.mistake == Some(Mistake::RefusedReverseIsSuccess)
                    && is_refused
                    && let Status::Reversing { paid: Some(_), .. } = before.status()
                {
                    // As in an earlier version: the query is left out, and a
                    // payment counts as paid.
                    effects.clear();
                    effects.push(Effect::Rest);
                }
                if self.mistake == Some(Mistake::ReportHasNoTimer)
                    && matches!(refused, Event::PaymentReported(_))
                {
                    effects.retain(|effect| *effect == Effect::Query);
                }
                if !is_allowed(before.status(), ours.order.status()) {
                    w.broken = Some("a status went back");
                }
                self.carry_out(w, of, effects);
            }
            Err(_) if ours.order != before => {
                w.broken = Some("a refused event changed the order");
            }
            Err(refusal) => ours.differs |= refusal.is_alarm(),
        }
        self.watch(w);
    }

    fn of_purchase(&self, w: &System, of: usize, event: Event) -> Event {
        let (payment, via, refunded) = match event {
            Event::Answered { event, .. } if self.mistake == Some(Mistake::OldAnswersCount) => {
                return self.of_purchase(w, of, *event);
            }
            Event::Answered { revision, event } => {
                let event = Box::new(self.of_purchase(w, of, *event));
                return Event::Answered { revision, event };
            }
            Event::StateReported(TradeState::Success(payment), via) => (payment, via, false),
            Event::StateReported(TradeState::Refund(payment), via) => (payment, via, true),
            event => return event,
        };
        let refunded = refunded && self.mistake != Some(Mistake::RefundIsPayment);
        let Some(ours) = w.ours.get(of) else {
            return Event::NotFound;
        };
        if ours.order.is_anothers(&payment, None) && self.mistake != Some(Mistake::RivalIsOurs) {
            return Event::NumberTaken;
        }
        let mut others = w.ours.iter().enumerate().filter(|(other, _)| *other != of);
        let kept = others.find(|(_, other)| {
            other.order.paid().is_some() && other.order.duplicate_of().is_none()
        });
        match kept {
            Some((_, kept)) if self.mistake != Some(Mistake::SecondPaymentIsKept) => {
                Event::DuplicatePayment {
                    payment,
                    via,
                    kept: kept.order.terms().out_trade_no.clone(),
                    out_refund_no: number(2),
                    refunded,
                }
            }
            _ if refunded => Event::StateReported(TradeState::Refund(payment), via),
            _ => Event::StateReported(TradeState::Success(payment), via),
        }
    }

    fn carry_out(&self, w: &mut System, of: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Query => w.ask(of, Ask::Query),
                Effect::Close => w.ask(of, Ask::Close),
                Effect::Reverse => w.ask(of, Ask::Reverse),
                Effect::Refund(number) => w.ask(of, Ask::Refund(refund_of(&number))),
                Effect::QueryRefund(number) => w.ask(of, Ask::QueryRefund(refund_of(&number))),
                Effect::DeliverRefund(_) => {}
                effect => {
                    let Some(ours) = w.ours.get_mut(of) else {
                        return;
                    };
                    match effect {
                        Effect::Deliver => ours.delivered += 1,
                        Effect::WakeAt(at_ms) => ours.due_ms = Some(at_ms),
                        Effect::Rest => ours.due_ms = None,
                        Effect::Raise(trouble) if !ours.alarms.contains(&trouble) => {
                            ours.alarms.push(trouble);
                            ours.alarms.sort_by_key(|trouble| *trouble as u8);
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    /// The rules that hold after every step.
    fn watch(&self, w: &mut System) {
        let mut delivered = 0;
        for (of, (ours, wechat)) in w.ours.iter().zip(&w.wechat).enumerate() {
            delivered += ours.delivered;
            let order = &ours.order;
            let refunds = order.refunds().iter();
            let returned: i64 = refunds
                .clone()
                .filter(|r| r.status != RefundStatus::Closed)
                .map(|r| r.money.amount_minor())
                .sum();
            let rule = match order.status() {
                Status::Success(_) if !wechat.took_money => Some("SUCCESS without its money"),
                Status::Success(paid)
                    if paid.payment.money != order.terms().money
                        || order.terms().money != wechat.money() =>
                {
                    Some("the order and WeChat have different amounts")
                }
                Status::Closed { .. }
                    if matches!(wechat.at, At::NotPay | At::Paid)
                        && !order.has_rejected(&paid_by(of)) =>
                {
                    Some("closed here, and it can be paid at WeChat")
                }
                _ if order.waits() && ours.due_ms.is_none() => {
                    Some("the order waits and has no timer")
                }
                _ if wechat.at == At::Paid && ours.alarms.contains(&Trouble::NotPaidAtWeChat) => {
                    Some("an alarm about a payment that WeChat has")
                }
                _ if order.known_payment().is_some() && order.reported().is_some() => {
                    Some("a payment is known, and a report of it still waits")
                }
                _ if returned > 150 => Some("refunds beyond the payment"),
                Status::Success(paid)
                    if ours.delivered > 0
                        && paid.via == Via::Query
                        && order.elsewhere() == Some(Elsewhere::Refunded)
                        && !ours.alarms.contains(&Trouble::ChangedElsewhere) =>
                {
                    Some("refunded by hand, without an alarm")
                }
                _ => None,
            };
            w.broken = w.broken.or(rule);
        }
        if delivered > 1 {
            w.broken = Some("a purchase was delivered twice");
        }
        for (ours, wechat) in w.ours.iter().zip(&w.wechat) {
            for refund in ours.order.refunds() {
                let made = wechat.back(refund_of(&refund.out_refund_no));
                if refund.is_never_taken() && matches!(made, Back::Processing | Back::Made) {
                    w.broken = Some("a refund ended as never taken, and WeChat made it");
                }
            }
        }
    }

    /// From here on there are no faults: messages arrive, timers fire, WeChat
    /// answers correctly and executes what is requested. Checked in states
    /// without a message in flight.
    fn comes_to_agree(&self, state: &System) -> Result<(), &'static str> {
        if !state.mail.is_empty() || state.broken.is_some() {
            return Ok(());
        }
        // Either decision where WeChat's payment differs.
        let differs = state.wechat.iter().any(|wechat| wechat.otherwise);
        for accepts in if differs { &[true, false][..] } else { &[true] } {
            let mut w = state.clone();
            self.calm(&mut w, *accepts)?;
            if !state.hand_used {
                w.agrees(self)?;
            }
            // The next query finds a change by a person.
            for of in 0..w.ours.len() {
                w.ask(of, Ask::Query);
                self.calm(&mut w, *accepts)?;
            }
            w.agrees(self)?;
        }
        Ok(())
    }

    fn calm(&self, w: &mut System, accepts: bool) -> Result<(), &'static str> {
        for _ in 0..REST_STEPS {
            if !w.mail.is_empty() {
                self.arrive(w, 0);
            } else if let Some(of) = w.next_decision() {
                w.ask(of, Ask::Decide(accepts));
            } else {
                for back in w.wechat.iter_mut().flat_map(|wechat| &mut wechat.refunds) {
                    if *back == Back::Processing {
                        *back = Back::Made;
                    }
                }
                let Some((of, _)) = w.next_ring() else {
                    return Ok(());
                };
                for wechat in &mut w.wechat {
                    if wechat.at == At::UserPaying && w.true_ms > SHEET_MS {
                        wechat.at = At::NotPay;
                    }
                }
                self.ring(w, of);
            }
            if let Some(broken) = w.broken {
                return Err(broken);
            }
        }
        Err("it does not come to rest")
    }
}

impl System {
    /// The order whose alarm says that WeChat's payment differs from it, and
    /// which is not decided yet.
    fn next_decision(&self) -> Option<usize> {
        let mut orders = self.ours.iter().zip(&self.wechat).enumerate();
        let waits = |of: usize, ours: &Ours, wechat: &WeChat| {
            wechat.otherwise
                && wechat.at == At::Paid
                && ours.differs
                && ours.order.known_payment().is_none()
                && !ours.order.has_rejected(&paid_by(of))
        };
        let found = orders.find(|(of, (ours, wechat))| waits(*of, ours, wechat));
        found.map(|(of, _)| of)
    }

    fn next_ring(&self) -> Option<(usize, i64)> {
        let due = self.ours.iter().enumerate();
        let due = due.filter_map(|(of, ours)| Some((of, ours.due_ms?)));
        due.min_by_key(|(_, due_ms)| *due_ms)
    }

    /// No message is in flight for longer than the limit.
    fn may_pass_until(&self, due_ms: i64) -> bool {
        let true_ms = due_ms - self.ahead_ms;
        let mut mail = self.mail.iter();
        mail.all(|mail| mail.sent_ms + UNDER_WAY_MS >= true_ms)
    }

    fn by_hand(&mut self) {
        self.left.hands -= 1;
        self.hand_used = true;
    }

    fn ask(&mut self, of: usize, ask: Ask) {
        if let Some(ours) = self.ours.get(of) {
            self.ask_at(of, ours.order.revision(), ask);
        }
    }

    fn ask_at(&mut self, of: usize, revision: u32, ask: Ask) {
        self.send(of, revision, Says::Ask(ask));
    }

    fn answer(&mut self, to: &Mail, ask: Ask, answer: Answer) {
        if answer != Answer::Open {
            self.send(to.of, to.revision, Says::Answer(ask, answer));
        }
    }

    fn send(&mut self, of: usize, revision: u32, says: Says) {
        self.mail.push(Mail {
            of,
            revision,
            sent_ms: self.true_ms,
            says,
        });
    }

    fn agrees(&self, scenario: &Scenario) -> Result<(), &'static str> {
        for (of, (ours, wechat)) in self.ours.iter().zip(&self.wechat).enumerate() {
            let order = &ours.order;
            let is_rejected = order.has_rejected(&paid_by(of));
            let is_rivals = scenario.kind == Kind::QuickPay && !wechat.took_money;
            let state = order.trade_state();
            let agrees = match wechat.at {
                At::Paid if is_rivals || is_rejected => !matches!(state, "SUCCESS" | "REFUND"),
                // WeChat also reports REFUND after a bank has closed each
                // refund.
                At::Paid if wechat.is_refunded() => {
                    state == "REFUND" || !wechat.returns() && state == "SUCCESS"
                }
                At::Paid => state == "SUCCESS",
                At::Revoked => matches!(state, "REVOKED" | "PAYERROR"),
                At::NotPay | At::UserPaying | At::PayError | At::Closed | At::Unknown => {
                    matches!(state, "CLOSED" | "REVOKED" | "PAYERROR")
                }
            };
            if !agrees {
                return Err("the order does not agree with WeChat");
            }
            if order.waits() {
                return Err("the order is not final");
            }
            let was_changed = wechat.refunded_by_hand && order.paid().is_some();
            let is_raised = ours.alarms.contains(&Trouble::ChangedElsewhere)
                || order
                    .refunds()
                    .iter()
                    .any(|r| r.status != RefundStatus::Closed);
            if was_changed && !is_raised {
                return Err("it was refunded by hand, and no alarm was raised");
            }
            for (n, _) in MINE.iter().enumerate() {
                let ours = order
                    .refunds()
                    .iter()
                    .find(|r| refund_of(&r.out_refund_no) == n);
                let agrees = match (ours.map(|r| r.status), wechat.back(n)) {
                    (None | Some(RefundStatus::Closed), Back::Unknown | Back::Closed)
                    | (Some(RefundStatus::Success), Back::Made) => true,
                    _ => false,
                };
                if !agrees {
                    return Err("a refund does not agree with WeChat");
                }
            }
        }
        let paid = self.ours.iter().filter(|ours| ours.order.paid().is_some());
        let kept = paid
            .clone()
            .filter(|ours| ours.order.duplicate_of().is_none());
        if paid.count() > 0 && kept.count() != 1 {
            return Err("not one payment of the purchase is kept");
        }
        Ok(())
    }

    /// The violation in this state, if it is the last one.
    pub fn why(&self) -> Option<&'static str> {
        self.broken
    }
}

/// The transaction by which an order is paid.
fn paid_by(of: usize) -> String {
    payment(of, TradeType::Native).transaction_id
}

fn bare(event: &Event) -> &Event {
    match event {
        Event::Answered { event, .. } => event,
        event => event,
    }
}

/// The progress of an order, which never decreases.
const fn is_allowed(from: &Status, to: &Status) -> bool {
    use Status::{Closed, Closing, NotPay, PayError, Reversing, Revoked, Success, UserPaying};
    match (from, to) {
        (NotPay, UserPaying | Reversing { .. })
        | (Closing { .. }, NotPay | UserPaying | Reversing { .. })
        | (UserPaying, NotPay | Closing { .. })
        | (Reversing { .. }, NotPay | Closing { .. } | UserPaying)
        | (Success(_), NotPay | Closing { .. } | UserPaying | Closed { .. } | PayError { .. })
        | (
            Closed { .. },
            NotPay
            | Closing { .. }
            | UserPaying
            | Reversing { .. }
            | Revoked { .. }
            | PayError { .. },
        )
        | (
            Revoked { .. },
            NotPay
            | Closing { .. }
            | UserPaying
            | Reversing { .. }
            | Closed { .. }
            | PayError { .. },
        )
        | (
            PayError { .. },
            NotPay | Closing { .. } | UserPaying | Closed { .. } | Revoked { .. },
        ) => false,
        _ => true,
    }
}

const _: () = assert!(EXPIRES_MS > 30_000, "the first look comes before the end");
