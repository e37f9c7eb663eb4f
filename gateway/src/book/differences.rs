//! Differences between a day's statement and the book: queried at WeChat, and settled by its
//! verified answer or by a person.
//!
//! ```text
//! asked ──▶ settled    the book has followed WeChat's answer
//!       ──▶ carried    WeChat has it: the next day's statement should have it ──▶ settled | open
//!       ──▶ open       a person finds out, notes it and closes it ──▶ closed
//! ```

use super::days::{Day, number_of};
use super::event_type::EventType;
use super::store::days::Moved;
use super::store::differences::StoredDifference;
use super::transition::payment_of;
use super::{Book, read_stored, store, write_stored};
use crate::merchants::directory::MerchantContext;
use crate::observe::alarm::Alarm;
use crate::observe::labels::Compared;
use crate::reconcile::{Answer, Kind, Line, Ours, RecordedState, compare, judge, judge_missing};
use crate::runtime::{Runtime, Storage, StorageError};
use order::{Currency, Event, OutTradeNo, RefundState, TradeState};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use wechatpay::common::Date;

/// The pauses between queries without an answer, in minutes.
const AGAIN_MINUTES: [i64; 4] = [1, 2, 5, 10];
/// After this number of queries without an answer the difference is left to a person.
const MOST_TRIES: usize = 24;
/// The most differences of one page.
const PAGE: i64 = 200;

/// A payment or refund in WeChat's statement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StatementSide {
    pub(super) number: String,
    amount: i64,
    currency: String,
    at_ms: i64,
}

/// A payment or refund in the book.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct BookSide {
    amount: i64,
    currency: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_ms: Option<i64>,
    /// Whether the payment was reversed.
    #[serde(default)]
    is_returned: bool,
}

/// What a person has noted.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Note {
    by: String,
    at_ms: i64,
    text: String,
}

/// The stored details of a difference.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Detail {
    reason: String,
    out_trade_no: Option<String>,
    theirs: Option<StatementSide>,
    ours: Option<BookSide>,
    /// What is wrong with an unreadable row.
    problem: Option<String>,
    tries: usize,
    found_at_ms: i64,
    /// When WeChat's answer decided.
    answered_at_ms: Option<i64>,
    /// The first day whose statement should have the refund.
    expected_from: Option<i64>,
    /// The day whose statement has it.
    found_on: Option<i64>,
    notes: Vec<Note>,
    /// Its statement is to be read again, and may not have it any more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    set_aside: bool,
    closed_by: Option<String>,
    closed_at_ms: Option<i64>,
}

impl Detail {
    pub(super) fn unreadable(problem: String) -> Self {
        Self {
            reason: Compared::Unreadable.name().to_owned(),
            problem: Some(problem),
            ..Self::default()
        }
    }

    pub(super) fn of_line(compared: Compared, line: &Line, ours: Option<&Ours>) -> Self {
        Self {
            reason: compared.name().to_owned(),
            out_trade_no: Some(line.out_trade_no.clone()),
            theirs: Some(StatementSide {
                number: line.wechat_number.clone(),
                amount: line.amount_minor,
                currency: line.currency.to_owned(),
                at_ms: line.at_ms,
            }),
            ours: ours.map(|ours| BookSide {
                amount: ours.amount_minor,
                currency: ours.currency.clone(),
                at_ms: None,
                is_returned: ours.state == RecordedState::Returned,
            }),
            ..Self::default()
        }
    }

    pub(super) fn of_ours(kind: Kind, moved: &Moved) -> Self {
        let out_trade_no = match kind {
            Kind::Refund => moved.out_trade_no.clone(),
            _ => Some(moved.number.clone()),
        };
        Self {
            reason: Compared::OnlyHere.name().to_owned(),
            out_trade_no,
            ours: Some(BookSide {
                amount: moved.amount_minor,
                currency: moved.currency.clone(),
                at_ms: Some(moved.at_ms),
                is_returned: false,
            }),
            ..Self::default()
        }
    }

    /// The line of the statement, as far as it is compared.
    fn line(&self, kind: Kind, number: &str) -> Option<Line> {
        let theirs = self.theirs.as_ref()?;
        Some(Line {
            kind,
            out_trade_no: self.out_trade_no.clone()?,
            out_refund_no: (kind == Kind::Refund).then(|| number.to_owned()),
            wechat_number: theirs.number.clone(),
            at_ms: theirs.at_ms,
            amount_minor: theirs.amount,
            currency: Currency::from_code(&theirs.currency)?.code(),
            fee: None,
            rate: None,
            settlement_currency: None,
            settlement_minor: None,
        })
    }

    /// The number of its order.
    pub(super) fn order(&self) -> Option<&str> {
        self.out_trade_no.as_deref()
    }

    /// How many notes it has.
    pub(super) const fn notes(&self) -> usize {
        self.notes.len()
    }

    /// Adds a note; `closes` records who has closed it.
    pub(super) fn note(&mut self, by: &str, at_ms: i64, text: &str, closes: bool) {
        self.notes.push(Note {
            by: by.to_owned(),
            at_ms,
            text: text.to_owned(),
        });
        if closes {
            self.closed_by = Some(by.to_owned());
            self.closed_at_ms = Some(at_ms);
        }
    }

    /// Its form in the API.
    pub(super) fn item(&self) -> Json {
        json!({
            "reason": self.reason,
            "out_trade_no": self.out_trade_no,
            "theirs": self.theirs.as_ref().map(|theirs| json!({
                "wechat_number": theirs.number,
                "amount": theirs.amount,
                "currency": theirs.currency,
                "at_ms": theirs.at_ms,
            })),
            "ours": self.ours.as_ref().map(|ours| json!({
                "amount": ours.amount,
                "currency": ours.currency,
            })),
            "problem": self.problem,
            "found_at_ms": self.found_at_ms,
            "answered_at_ms": self.answered_at_ms,
            "found_on": self.found_on.map(|day| format!("{day:08}")),
            "notes": self.notes,
            "closed_by": self.closed_by,
            "closed_at_ms": self.closed_at_ms,
        })
    }
}

/// WeChat's answer, and its number of the payment or refund.
type Answered = (Answer, Option<String>);

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Writes a difference, inside the transaction that has found it. `asks` is
    /// whether WeChat is queried about it. What was noted about it before its statement
    /// was read again stays.
    pub(super) fn add_difference(
        &self,
        day: i64,
        key: (Kind, &str),
        detail: &Detail,
        asks: bool,
    ) -> Result<(), StorageError> {
        let now_ms = self.runtime.now_ms();
        let mut detail = Detail {
            found_at_ms: now_ms,
            ..detail.clone()
        };
        let (state, due_at_ms) = match asks {
            true => ("asked", Some(now_ms)),
            false => ("open", None),
        };
        if let Some(stored) = store::differences::of_key(&self.storage, day, key)? {
            let noted: Detail = read_stored("difference", &stored.json)?;
            if noted.set_aside {
                detail.notes = noted.notes;
                let json = write_stored("difference", &detail)?;
                store::differences::write(&self.storage, stored.id, state, due_at_ms, &json)?;
            }
            return Ok(());
        }
        let json = write_stored("difference", &detail)?;
        store::differences::add(&self.storage, day, key, state, due_at_ms, &json)?;
        Ok(())
    }

    /// Queries WeChat about a difference, and writes what its answer decides.
    pub(super) async fn ask_about(
        &self,
        context: &MerchantContext,
        due: StoredDifference,
        has_statement: bool,
    ) -> Result<(), StorageError> {
        let mut detail: Detail = read_stored("difference", &due.json)?;
        let now_ms = self.runtime.now_ms();
        let at = detail.tries.min(AGAIN_MINUTES.len() - 1);
        let minutes = AGAIN_MINUTES.get(at).copied().unwrap_or(10);
        detail.tries += 1;
        let json = write_stored("difference", &detail)?;
        let again_ms = now_ms + minutes * 60_000;
        store::differences::write(&self.storage, due.id, "asked", Some(again_ms), &json)?;
        let kind = Kind::of_number(due.kind).unwrap_or(Kind::Unreadable);
        let order = match kind {
            Kind::Refund => store::days::order_of_refund(&self.storage, &due.number)?,
            _ => None,
        };
        let asks_refund = order.is_some();
        let order = order.or_else(|| detail.out_trade_no.clone());
        let number = order.and_then(|number| OutTradeNo::new(&number).ok());
        let answer = match number {
            None => None,
            Some(number) => {
                let timer = self.timer_context(number.as_str(), false);
                let refund = asks_refund.then_some(due.number.as_str());
                let answer = self.verified_answer(context, number, refund);
                timer.within(answer).await?
            }
        };
        match answer {
            Some(answer) => self
                .storage
                .atomically(|| self.decide_difference(&due, kind, answer, has_statement)),
            None if detail.tries >= MOST_TRIES => {
                let compared = Compared::named(&detail.reason).unwrap_or(Compared::OnlyHere);
                self.storage.atomically(|| {
                    store::differences::write(&self.storage, due.id, "open", None, &json)?;
                    self.count_compared(due.day, compared)
                })
            }
            None => Ok(()),
        }
    }

    /// Queries an order or a refund; the book follows the answer as it follows every
    /// verified answer. `None` without one.
    async fn verified_answer(
        &self,
        context: &MerchantContext,
        number: OutTradeNo,
        refund: Option<&str>,
    ) -> Result<Option<Answered>, StorageError> {
        let event = match refund {
            Some(refund) => self.query_refund(context, &number, refund).await,
            None => self.query(context, &number).await,
        };
        let Some(event) = event else {
            return Ok(None);
        };
        if !self.admits(context, number.as_str(), &event).await? {
            return Ok(None);
        }
        let (answer, transaction_id) = answer_in(&event);
        let is_payment = payment_of(&event).is_some();
        let outcome = self.transition(context, number.as_str(), event, None)?;
        if let Some(effects) = outcome.effects() {
            self.execute_effects(context, number.clone(), effects)
                .await?;
        }
        // A payment with another transaction is not the book's.
        let is_ours = match (&transaction_id, is_payment) {
            (Some(id), true) => {
                let owner = store::orders::paid_by(&self.storage, id)?;
                owner.as_deref() == Some(number.as_str())
            }
            _ => true,
        };
        Ok(Some(match is_ours {
            true => (answer, transaction_id),
            false => (Answer::NotMade, transaction_id),
        }))
    }

    /// Writes what WeChat's answer decides about a difference, inside a transaction.
    fn decide_difference(
        &self,
        due: &StoredDifference,
        kind: Kind,
        (answer, wechat_number): Answered,
        has_statement: bool,
    ) -> Result<(), StorageError> {
        let stored = store::differences::find(&self.storage, due.id)?;
        let Some(stored) = stored.filter(|stored| stored.state == "asked") else {
            return Ok(());
        };
        let mut detail: Detail = read_stored("difference", &stored.json)?;
        detail.answered_at_ms = Some(self.runtime.now_ms());
        let compared = match detail.line(kind, &due.number) {
            Some(line) => {
                let ours = store::days::ours(&self.storage, &line)?;
                let has_order = store::days::has_order(&self.storage, &line.out_trade_no)?;
                let now = compare(&line, ours.as_ref(), has_order);
                let was_returned = detail.ours.as_ref().is_some_and(|ours| ours.is_returned);
                judge(kind, now, answer, was_returned)
            }
            // WeChat and the book both have the refund as closed: nothing was returned.
            None if kind == Kind::Refund
                && !store::days::is_moved(&self.storage, kind, &due.number)? =>
            {
                Compared::Equal
            }
            None => judge_missing(answer, has_statement),
        };
        if compared == Compared::Equal {
            if !has_statement {
                self.book_answer(due, kind, &detail, wechat_number)?;
            }
            self.remove_or_settle(due.id, &detail)?;
            return self.count_compared(due.day, compared);
        }
        detail.reason = compared.name().to_owned();
        let state = match compared {
            Compared::TakenOver => "settled",
            Compared::Carried => "carried",
            _ => "open",
        };
        let json = write_stored("difference", &detail)?;
        store::differences::write(&self.storage, due.id, state, None, &json)?;
        self.count_compared(due.day, compared)
    }

    /// Removes a difference that is none; with what a person has noted about it, it
    /// stays.
    fn remove_or_settle(&self, id: i64, detail: &Detail) -> Result<(), StorageError> {
        if detail.notes.is_empty() {
            return store::differences::remove(&self.storage, id);
        }
        let json = write_stored("difference", detail)?;
        store::differences::write(&self.storage, id, "settled", None, &json)
    }

    /// Keeps a payment or refund that a query has confirmed, where the dialect has no
    /// statements.
    fn book_answer(
        &self,
        due: &StoredDifference,
        kind: Kind,
        detail: &Detail,
        wechat_number: Option<String>,
    ) -> Result<(), StorageError> {
        let (Some(ours), Some(out_trade_no)) = (&detail.ours, &detail.out_trade_no) else {
            return Ok(());
        };
        let theirs = StatementSide {
            number: wechat_number.unwrap_or_default(),
            amount: ours.amount,
            currency: ours.currency.clone(),
            at_ms: ours.at_ms.unwrap_or(detail.found_at_ms),
        };
        let detail = Detail {
            out_trade_no: Some(out_trade_no.clone()),
            theirs: Some(theirs),
            ..Detail::default()
        };
        match detail.line(kind, &due.number) {
            Some(line) => {
                store::days::book(&self.storage, due.day, line.number(), &line)?;
                self.count_line(due.day, &line)
            }
            None => Ok(()),
        }
    }

    /// Looks for what earlier days have carried in the statements that have been read
    /// since, inside a transaction. `finished` is the day whose statement was read.
    pub(super) fn settle_carried(&self, finished: Date) -> Result<(), StorageError> {
        let finished = number_of(finished);
        let today = number_of(Date::of(self.runtime.now_ms()));
        let mut opened = std::collections::BTreeSet::new();
        let mut after = 0;
        loop {
            let carried = store::differences::in_state_before(
                &self.storage,
                "carried",
                finished,
                after,
                PAGE,
            )?;
            let Some(last) = carried.last() else {
                break;
            };
            after = last.id;
            for stored in &carried {
                if self.settle_one_carried(stored, finished, today)? {
                    opened.insert(stored.day);
                }
            }
        }
        for day in opened {
            if let Some(stored) = store::days::find(&self.storage, day)? {
                let day = Day::read(&stored)?;
                let item = self.day_item(&day)?;
                self.write_event(EventType::ReconciliationDiffers, &day.subject(), &item)?;
                self.raise(Alarm::ReconciliationDiffers, &day.subject())?;
            }
        }
        Ok(())
    }

    /// Returns whether the difference is open now.
    fn settle_one_carried(
        &self,
        stored: &StoredDifference,
        finished: i64,
        today: i64,
    ) -> Result<bool, StorageError> {
        let mut detail: Detail = read_stored("difference", &stored.json)?;
        let kind = Kind::of_number(stored.kind).unwrap_or(Kind::Payment);
        let write = |detail: &Detail, state| {
            let json = write_stored("difference", detail)?;
            store::differences::write(&self.storage, stored.id, state, None, &json)
        };
        if store::days::is_booked(&self.storage, kind, &stored.number)? {
            detail.found_on = store::days::booked_on(&self.storage, kind, &stored.number)?;
            write(&detail, "settled")?;
            return Ok(false);
        }
        if kind == Kind::Refund {
            if !store::days::is_moved(&self.storage, kind, &stored.number)? {
                self.remove_or_settle(stored.id, &detail)?;
                return Ok(false);
            }
            // A bank may need days; the statement of that later day may then have the refund.
            if store::days::waits(&self.storage, kind, &stored.number)? {
                return Ok(false);
            }
            if detail.expected_from.is_none_or(|from| finished < from) {
                detail.expected_from.get_or_insert(today);
                write(&detail, "carried")?;
                return Ok(false);
            }
        }
        detail.reason = Compared::OnlyHere.name().to_owned();
        write(&detail, "open")?;
        self.count_compared(stored.day, Compared::OnlyHere)?;
        Ok(true)
    }
}

/// What WeChat's answer says, and WeChat's number in it.
fn answer_in(event: &Event) -> Answered {
    match event {
        Event::Answered { event, .. } => answer_in(event),
        Event::StateReported(TradeState::Success(payment) | TradeState::Refund(payment), _) => {
            (Answer::Made, Some(payment.transaction_id.clone()))
        }
        Event::StateReported(TradeState::Revoked, _) => (Answer::Returned, None),
        Event::RefundReported { state, .. } => match state {
            RefundState::Processing { refund_id } | RefundState::Success { refund_id } => {
                (Answer::Made, Some(refund_id.clone()))
            }
            RefundState::Abnormal => (Answer::Made, None),
            RefundState::Closed => (Answer::NotMade, None),
        },
        _ => (Answer::NotMade, None),
    }
}
