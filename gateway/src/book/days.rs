//! The comparison of each day with WeChat's statement of it.
//!
//! ```text
//! waiting ── the statement, row by row ──▶ searching ── what the statement lacks ──▶
//! asking ── a query for each difference ──▶ done
//! ```
//!
//! A day is due after ten in the morning of the next day, in China. The alarm does its
//! work in slices: each transaction has a hundred rows, with the position behind them,
//! so a crash repeats none and loses none. A statement that was read to a position is
//! fetched again; a hash of its rows shows that it is the same one, and otherwise it is
//! read from its beginning. The stored rows are bounded by the book's own orders: of rows with
//! unknown numbers, the first are stored and the others only counted.

use super::differences::Detail;
use super::event_type::EventType;
use super::store::days::{Moved, StoredDay};
use super::{Book, read_stored, store, write_stored};
use crate::http::error::ApiError;
use crate::merchants::directory::MerchantContext;
use crate::merchants::seal::fingerprint;
use crate::merchants::shared_account::same_account;
use crate::observe::alarm::Alarm;
use crate::observe::labels::{Compared, Reconciled};
use crate::observe::{Counter, Log};
use crate::reconcile::{Kind, Line, compare, foreign};
use crate::runtime::{Runtime, Storage, StorageError};
use crate::upstream::{Failure, Reason, Statement};
use order::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use wechatpay::common::Date;
use wechatpay::common::bill::{BillType, Decimal, Entry};

/// How many rows are compared in one transaction.
const ROWS_AT_ONCE: usize = 100;
/// How many payments or refunds of the book are looked up in one transaction.
const SEARCHED_AT_ONCE: i64 = 500;
/// So many rows are kept of a day that are no payment or refund of the book, or are
/// listed again, and so many unreadable ones.
const KEPT_UNKNOWN: i64 = 1_000;
const KEPT_UNREADABLE: i64 = 100;
/// The pause between two queries about differences.
const QUERIES_APART_MS: u32 = 250;
/// After this time the interrupted work of a day is continued.
const INTERRUPTED_MS: i64 = 2 * 60_000;
/// The pause before a statement is requested again, and the same in the evening.
const AGAIN_MS: i64 = 10 * 60_000;
const AGAIN_LATE_MS: i64 = 60 * 60_000;
/// The evening of the next day, 22:00 in China: an alarm is raised.
const EVENING_MS: i64 = 22 * 3_600_000;
/// The merchants' requests are spread over this time after ten.
const SPREAD_MS: i64 = 30 * 60_000;
/// For how many days after the last payment or refund a day is still compared.
const QUIET_DAYS: i64 = 7;
/// The longest gap without payments, in days, that is compared when payments resume.
const GAP_DAYS: i64 = 80;
const DAY_MS: i64 = 86_400_000;

/// The next step of a day's comparison. The names are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its statement is not read to the end.
    Waiting,
    /// The book's payments and refunds are looked up in the statement.
    Searching,
    /// WeChat is queried about the differences.
    Asking,
    /// Everything is compared.
    Done,
    /// WeChat no longer has the statement.
    GivenUp,
}

impl Phase {
    const ALL: [Self; 5] = [
        Self::Waiting,
        Self::Searching,
        Self::Asking,
        Self::Done,
        Self::GivenUp,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Searching => "searching",
            Self::Asking => "asking",
            Self::Done => "done",
            Self::GivenUp => "given_up",
        }
    }

    fn named(name: &str) -> Result<Self, StorageError> {
        let found = Self::ALL.into_iter().find(|phase| phase.name() == name);
        found.ok_or_else(|| StorageError::new(format!("a day has the phase {name}")))
    }
}

/// Sums in one currency, in its smallest unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sums {
    paid_amount: i64,
    paid_count: i64,
    refunded_amount: i64,
    refunded_count: i64,
    reversed_amount: i64,
    reversed_count: i64,
}

impl Sums {
    fn add(&mut self, kind: Kind, amount: i64) {
        let (sum, count) = match kind {
            Kind::Payment => (&mut self.paid_amount, &mut self.paid_count),
            Kind::Refund => (&mut self.refunded_amount, &mut self.refunded_count),
            Kind::Reversal => (&mut self.reversed_amount, &mut self.reversed_count),
            Kind::Unreadable => return,
        };
        *sum = sum.saturating_add(amount);
        *count += 1;
    }

    fn of_each(sums: &BTreeMap<String, Self>) -> Vec<Json> {
        let item = |(currency, sums): (&String, &Self)| {
            json!({
                "currency": currency,
                "paid_amount": sums.paid_amount,
                "paid_count": sums.paid_count,
                "refunded_amount": sums.refunded_amount,
                "refunded_count": sums.refunded_count,
                "reversed_amount": sums.reversed_amount,
                "reversed_count": sums.reversed_count,
            })
        };
        sums.iter().map(item).collect()
    }
}

/// The source that a day is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    /// WeChat's statement.
    #[default]
    Statement,
    /// WeChat answers that the day has no statement, because nothing happened.
    None,
    /// Queries: the dialect has no statements.
    Queries,
}

/// What is known of a day.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    source: Source,
    /// Rows that are compared, and a hash of them.
    rows: i64,
    prefix: String,
    unreadable: i64,
    /// Rows that are no payment or refund of the book, or are listed again; and those
    /// of them that are not kept.
    unknown: i64,
    unlisted: i64,
    theirs: BTreeMap<String, Sums>,
    ours: BTreeMap<String, Sums>,
    /// By currency, in hundred-thousandths of its main unit.
    fees_e5: BTreeMap<String, i64>,
    compared: BTreeMap<String, i64>,
    /// How far the book's payments (1) or refunds (2) are looked up.
    position: Option<(i64, i64, i64)>,
    tries: i64,
    problem: Option<String>,
    done_at_ms: Option<i64>,
}

impl Record {
    pub(super) fn count(&mut self, compared: Compared) {
        *self.compared.entry(compared.name().to_owned()).or_default() += 1;
    }

    fn add_line(&mut self, line: &Line) {
        let sums = self.theirs.entry(line.currency.to_owned()).or_default();
        sums.add(line.kind, line.amount_minor);
        if let Some(fee) = line.fee.and_then(Decimal::to_e5) {
            let sum = self
                .fees_e5
                .entry(line.fee_currency().to_owned())
                .or_default();
            *sum = sum.saturating_add(fee);
        }
    }

    /// Whether rows that differ are not kept.
    pub(super) const fn has_unlisted(&self) -> bool {
        self.unlisted > 0
    }

    /// The same day, without anything read of its statement.
    fn unread(&self, problem: String) -> Self {
        Self {
            tries: self.tries,
            problem: Some(problem),
            ..Self::default()
        }
    }
}

/// A day as it is shown.
#[derive(Debug)]
pub(super) struct Day {
    pub(super) date: Date,
    pub(super) phase: Phase,
    pub(super) record: Record,
}

impl Day {
    pub(super) fn read(stored: &StoredDay) -> Result<Self, StorageError> {
        Ok(Self {
            date: date_of(stored.day)?,
            phase: Phase::named(&stored.phase)?,
            record: read_stored("day", &stored.json)?,
        })
    }

    fn stored(&self) -> Result<StoredDay, StorageError> {
        Ok(StoredDay {
            day: number_of(self.date),
            phase: self.phase.name().to_owned(),
            json: write_stored("day", &self.record)?,
        })
    }

    /// The subject of its alarms and events, which is no order's number.
    pub(super) fn subject(&self) -> String {
        format!("statement {}", self.date)
    }
}

/// A day as a number like 20260131.
pub(super) fn number_of(date: Date) -> i64 {
    date.to_string().parse().unwrap_or_default()
}

pub(super) fn date_of(day: i64) -> Result<Date, StorageError> {
    Date::parse(&format!("{day:08}")).map_err(|error| StorageError::unreadable("day", error))
}

/// Whether the next slice follows at once.
enum Slice {
    /// The next slice follows at once.
    Continue,
    /// The day waits until then; `None` when it is done.
    Until(Option<i64>),
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Makes sure that today is compared tomorrow, and the days before it since the
    /// last one; the first day is that of the first payment, of which the book may have
    /// learned later. Inside the transaction in which something was paid or refunded.
    pub(super) fn note_active_day(
        &self,
        context: &MerchantContext,
        paid_ms: i64,
    ) -> Result<(), StorageError> {
        let today = Date::of(self.runtime.now_ms());
        let number = number_of(today);
        let due_ms = due_ms(context, today);
        if !store::days::add_active(&self.storage, number, due_ms)? {
            return Ok(());
        }
        let earliest = Date::of(today.start_ms() - GAP_DAYS * DAY_MS);
        let next = match store::days::last_before(&self.storage, number)? {
            Some(last) => date_of(last)?.next(),
            None => Date::of(paid_ms),
        };
        let next = next.max(earliest);
        if next < today {
            let next_due_ms = self::due_ms(context, next);
            store::days::add(&self.storage, number_of(next), next_due_ms)?;
        }
        self.arm_for(due_ms)
    }

    /// Claims the day that has been due longest, by moving its timer.
    pub(super) fn claim_due_day(&self) -> Result<Option<Day>, StorageError> {
        let now_ms = self.runtime.now_ms();
        let Some(stored) = store::days::longest_due(&self.storage, now_ms)? else {
            return Ok(None);
        };
        // Until all rows are indexed, known orders would count as unknown.
        let again_ms = match self.filling.get() {
            true => AGAIN_MS,
            false => INTERRUPTED_MS,
        };
        store::days::move_timer(&self.storage, stored.day, now_ms + again_ms)?;
        match self.filling.get() {
            true => Ok(None),
            false => Day::read(&stored).map(Some),
        }
    }

    /// Goes on with a day until it waits, or until the alarm's time is over.
    pub(super) async fn reconcile(
        &self,
        context: &MerchantContext,
        mut day: Day,
        until_ms: i64,
    ) -> Result<(), StorageError> {
        loop {
            let slice = match day.phase {
                Phase::Waiting => self.read_statement(context, &mut day, until_ms).await?,
                Phase::Searching => self.search(&mut day)?,
                Phase::Asking => self.ask(context, &mut day, until_ms).await?,
                Phase::Done | Phase::GivenUp => Slice::Until(None),
            };
            let now_ms = self.runtime.now_ms();
            let due_ms = match slice {
                Slice::Continue if now_ms < until_ms => {
                    // Calls of the book are answered in between.
                    self.runtime.sleep(1).await;
                    continue;
                }
                Slice::Continue => Some(now_ms),
                Slice::Until(due_ms) => due_ms,
            };
            if let Some(due_ms) = due_ms {
                store::days::move_timer(&self.storage, number_of(day.date), due_ms)?;
            }
            return Ok(());
        }
    }

    /// Writes a day, inside a transaction or as one.
    fn write_day(&self, day: &Day, due_at_ms: Option<i64>) -> Result<(), StorageError> {
        let is_active = !day.record.theirs.is_empty();
        store::days::write(&self.storage, &day.stored()?, due_at_ms, is_active)
    }

    /// When the day's work continues after an interruption.
    fn continued_ms(&self) -> Option<i64> {
        Some(self.runtime.now_ms() + INTERRUPTED_MS)
    }

    async fn read_statement(
        &self,
        context: &MerchantContext,
        day: &mut Day,
        until_ms: i64,
    ) -> Result<Slice, StorageError> {
        let upstream = self.upstream(context);
        let age_ms = Date::of(self.runtime.now_ms()).start_ms() - day.date.start_ms();
        if age_ms > upstream.statement_days() * DAY_MS {
            day.phase = Phase::GivenUp;
            self.write_day(day, None)?;
            self.raise(Alarm::DayNotReconciled, &day.subject())?;
            return Ok(Slice::Until(None));
        }
        if !upstream.has_statements() {
            day.record.source = Source::Queries;
            return self.search_now(day);
        }
        let Ok(shares) = self.shares_statement(context).await else {
            return self.again(day, "it is not known who has the same account");
        };
        match upstream.statement(day.date, BillType::All).await {
            Ok(statement) => {
                let account = (&context.merchant.account, shares);
                self.compare_rows(account, day, statement, until_ms).await
            }
            Err(failure) if self.is_none(upstream.creates_for_ever(), day.date, &failure)? => {
                let number = number_of(day.date);
                self.storage
                    .atomically(|| store::days::forget(&self.storage, number))?;
                day.record = Record {
                    source: Source::None,
                    ..Record::default()
                };
                self.search_now(day)
            }
            Err(failure) => self.again(day, said(&failure)),
        }
    }

    /// Whether WeChat's answer means that a day has no statement, because nothing
    /// happened. v2's answers are not signed: before the evening none counts for a day
    /// on which something happened, or whose statement is to have what an earlier day
    /// has carried.
    fn is_none(
        &self,
        creates_for_ever: bool,
        date: Date,
        failure: &Failure,
    ) -> Result<bool, StorageError> {
        let number = number_of(date);
        let is_quiet = !store::days::is_active(&self.storage, number)?
            && self.sums_of(date)?.is_empty()
            && !store::differences::is_any_before(&self.storage, "carried", number)?;
        let is_late = self.runtime.now_ms() >= evening_ms(date);
        Ok(match failure.reason() {
            Some(Reason::NoStatement) => is_quiet || is_late,
            Some(Reason::StatementCreating) => is_quiet && is_late && creates_for_ever,
            _ => false,
        })
    }

    /// Whether another merchant's payments are in the same statement: one of the same
    /// direct merchant, or of the same sub-merchant.
    async fn shares_statement(&self, context: &MerchantContext) -> Result<bool, ApiError> {
        let merchant = &context.merchant;
        match context.shares_account && merchant.account.sub_mch_id.is_some() {
            true => Ok(!same_account(&self.runtime, merchant).await?.is_empty()),
            false => Ok(context.shares_account),
        }
    }

    fn search_now(&self, day: &mut Day) -> Result<Slice, StorageError> {
        day.phase = Phase::Searching;
        day.record.problem = None;
        self.write_day(day, self.continued_ms())?;
        Ok(Slice::Continue)
    }

    /// Schedules another request for the statement; in the evening also raises an alarm.
    fn again(&self, day: &mut Day, problem: &str) -> Result<Slice, StorageError> {
        let now_ms = self.runtime.now_ms();
        let is_late = now_ms >= evening_ms(day.date);
        let again_ms = now_ms + if is_late { AGAIN_LATE_MS } else { AGAIN_MS };
        day.record.tries += 1;
        day.record.problem = Some(problem.to_owned());
        self.runtime
            .log(format_args!("the statement of {}: {problem}", day.date));
        self.storage.atomically(|| {
            if is_late && !self.stands(Alarm::DayNotReconciled, &day.subject())? {
                self.raise(Alarm::DayNotReconciled, &day.subject())?;
            }
            self.write_day(day, Some(again_ms))
        })?;
        Ok(Slice::Until(Some(again_ms)))
    }

    /// Compares the statement's rows that follow those already compared.
    async fn compare_rows(
        &self,
        account: (&Account, bool),
        day: &mut Day,
        mut statement: Statement,
        until_ms: i64,
    ) -> Result<Slice, StorageError> {
        let skipped = day.record.rows;
        let (mut seen, mut prefix) = (0, String::new());
        let mut waiting: Vec<Entry> = Vec::new();
        loop {
            let piece = match statement.next().await {
                Ok(piece) => piece,
                Err(broken) => return self.read_again(day, &broken.to_string()),
            };
            let is_end = piece.is_none();
            for entry in piece.map(|piece| piece.entries).unwrap_or_default() {
                seen += 1;
                prefix = chained(&prefix, &entry);
                if seen > skipped {
                    waiting.push(entry);
                } else if seen == skipped && prefix != day.record.prefix {
                    return self.read_again(day, "it is another one than before");
                }
                if waiting.len() == ROWS_AT_ONCE {
                    let rows = std::mem::take(&mut waiting);
                    self.take_rows(account, day, &rows, (seen, &prefix))?;
                    // Calls of the book are answered in between.
                    self.runtime.sleep(1).await;
                }
            }
            if is_end && seen < skipped {
                return self.read_again(day, "it is shorter than before");
            }
            let is_over = seen > skipped && self.runtime.now_ms() >= until_ms;
            if is_end || is_over {
                self.take_rows(account, day, &waiting, (seen, &prefix))?;
                waiting.clear();
            }
            if is_end {
                return self.search_now(day);
            }
            if is_over {
                return Ok(Slice::Continue);
            }
        }
    }

    /// Deletes what was read of an incomplete or changed statement, and schedules another request.
    fn read_again(&self, day: &mut Day, problem: &str) -> Result<Slice, StorageError> {
        day.record = day.record.unread(problem.to_owned());
        self.storage.atomically(|| {
            store::days::forget(&self.storage, number_of(day.date))?;
            self.write_day(day, self.continued_ms())
        })?;
        self.again(day, problem)
    }

    fn take_rows(
        &self,
        account: (&Account, bool),
        day: &mut Day,
        rows: &[Entry],
        (seen, prefix): (i64, &str),
    ) -> Result<(), StorageError> {
        let before = day.record.clone();
        let written = self.storage.atomically(|| {
            for (at, entry) in (1..).zip(rows) {
                self.take_row(account, day, entry, before.rows + at)?;
            }
            (day.record.rows, day.record.prefix) = (seen, prefix.to_owned());
            self.write_day(day, self.continued_ms())
        });
        if written.is_err() {
            day.record = before;
        }
        written
    }

    /// `account` comes with whether another merchant of the gateway has it, too.
    fn take_row(
        &self,
        (account, shares): (&Account, bool),
        day: &mut Day,
        entry: &Entry,
        nth: i64,
    ) -> Result<(), StorageError> {
        let line = match entry {
            Entry::Row(row) => match foreign(row, account, day.date) {
                Some(problem) => Err(problem),
                None => Line::of(row).ok_or_else(|| "names no refund".to_owned()),
            },
            Entry::Odd(odd) => Err(odd.to_string()),
        };
        let number = number_of(day.date);
        let line = match line {
            Ok(line) => line,
            Err(problem) => {
                day.record.unreadable += 1;
                self.compared(day, Compared::Unreadable);
                if day.record.unreadable <= KEPT_UNREADABLE {
                    let detail = Detail::unreadable(problem);
                    let key = (Kind::Unreadable, format!("row {nth}"));
                    self.add_difference(number, (key.0, &key.1), &detail, false)?;
                }
                return Ok(());
            }
        };
        let ours = store::days::ours(&self.storage, &line)?;
        let has_order = ours.is_none()
            && line.kind == Kind::Refund
            && store::days::has_order(&self.storage, &line.out_trade_no)?;
        let mut compared = compare(&line, ours.as_ref(), has_order);
        // Another merchant of this gateway has the same account.
        if compared == Compared::UnknownHere && shares {
            self.compared(day, Compared::AnotherMerchants);
            return Ok(());
        }
        day.record.add_line(&line);
        let mut key = line.number().to_owned();
        if store::days::is_booked(&self.storage, line.kind, &key)? {
            compared = Compared::ListedTwice;
            // A difference of the first row may be settled; this one stays.
            key = store::days::repeated(&key, number, nth);
        }
        if matches!(
            compared,
            Compared::UnknownHere | Compared::RefundedElsewhere | Compared::ListedTwice
        ) {
            day.record.unknown += 1;
            if day.record.unknown > KEPT_UNKNOWN {
                day.record.unlisted += 1;
                self.compared(day, compared);
                return Ok(());
            }
        }
        store::days::book(&self.storage, number, &key, &line)?;
        let asks = !matches!(
            compared,
            Compared::Equal | Compared::UnknownHere | Compared::ListedTwice
        );
        // A row that leads to a query is counted when the answer decides it.
        if !asks {
            self.compared(day, compared);
        }
        if compared == Compared::Equal {
            return Ok(());
        }
        let detail = Detail::of_line(compared, &line, ours.as_ref());
        self.add_difference(number, (line.kind, &key), &detail, asks)
    }

    fn compared(&self, day: &mut Day, compared: Compared) {
        day.record.count(compared);
        self.count(Counter::Compared(compared));
    }

    /// Looks up the book's payments and refunds of the day in its statement.
    fn search(&self, day: &mut Day) -> Result<Slice, StorageError> {
        let start = (Kind::Payment as i64, day.date.start_ms(), -1);
        let (kind, at_ms, n) = day.record.position.unwrap_or(start);
        let before = day.record.clone();
        let searched = self.storage.atomically(|| {
            let kind = Kind::of_number(kind).unwrap_or(Kind::Refund);
            let end_ms = day.date.end_ms();
            let limit = SEARCHED_AT_ONCE;
            let moved = store::days::moved(&self.storage, kind, (at_ms, n), end_ms, limit)?;
            for moved in moved.iter().filter(|moved| !moved.is_booked) {
                let detail = Detail::of_ours(kind, moved);
                let key = (kind, moved.number.as_str());
                self.add_difference(number_of(day.date), key, &detail, true)?;
            }
            let is_full = i64::try_from(moved.len()).is_ok_and(|n| n == limit);
            day.record.position = match (moved.last(), kind) {
                (Some(Moved { at_ms, n, .. }), _) if is_full => Some((kind as i64, *at_ms, *n)),
                (_, Kind::Payment) => Some((Kind::Refund as i64, day.date.start_ms(), -1)),
                _ => None,
            };
            if day.record.position.is_none() {
                day.phase = Phase::Asking;
            }
            self.write_day(day, self.continued_ms())
        });
        if let Err(error) = searched {
            (day.record, day.phase) = (before, Phase::Searching);
            return Err(error);
        }
        Ok(Slice::Continue)
    }

    /// Queries WeChat about the day's differences, one after the other.
    async fn ask(
        &self,
        context: &MerchantContext,
        day: &mut Day,
        until_ms: i64,
    ) -> Result<Slice, StorageError> {
        let number = number_of(day.date);
        let has_statement = day.record.source != Source::Queries;
        loop {
            let now_ms = self.runtime.now_ms();
            let Some(due) = store::differences::next_due(&self.storage, number, now_ms)? else {
                break;
            };
            if now_ms >= until_ms {
                return Ok(Slice::Continue);
            }
            self.ask_about(context, due, has_statement).await?;
            self.runtime.sleep(QUERIES_APART_MS).await;
        }
        if let Some(due_ms) = store::differences::next_due_ms(&self.storage, number)? {
            if self.runtime.now_ms() >= evening_ms(day.date)
                && !self.stands(Alarm::DayNotReconciled, &day.subject())?
            {
                self.raise(Alarm::DayNotReconciled, &day.subject())?;
            }
            return Ok(Slice::Until(Some(due_ms)));
        }
        self.storage.atomically(|| self.finish(context, day))?;
        Ok(Slice::Until(None))
    }

    /// Ends a day's comparison, inside a transaction.
    fn finish(&self, context: &MerchantContext, day: &mut Day) -> Result<(), StorageError> {
        // Another answer may have changed the record since.
        if let Some(stored) = store::days::find(&self.storage, number_of(day.date))? {
            day.record = Day::read(&stored)?.record;
        }
        day.phase = Phase::Done;
        day.record.ours = self.sums_of(day.date)?;
        day.record.done_at_ms = Some(self.runtime.now_ms());
        self.write_day(day, None)?;
        let number = number_of(day.date);
        self.settle_carried(day.date)?;
        let next = day.date.next();
        let quiet_since = Date::of(day.date.start_ms() - (QUIET_DAYS - 1) * DAY_MS);
        if store::days::goes_on(&self.storage, number, number_of(quiet_since))?
            || store::differences::is_any_before(&self.storage, "carried", number_of(next))?
        {
            store::days::add(&self.storage, number_of(next), due_ms(context, next))?;
        }
        self.end_alarm(Alarm::DayNotReconciled, &day.subject())?;
        let item = self.day_item(day)?;
        if day.record.rows > 0 {
            self.write_event(EventType::StatementReady, &day.subject(), &item)?;
        }
        let open = store::days::count_in(&self.storage, number, "open")?;
        self.count(Counter::Reconciled(match open {
            0 => Reconciled::Agrees,
            _ => Reconciled::Differs,
        }));
        if open > 0 || day.record.has_unlisted() {
            self.write_event(EventType::ReconciliationDiffers, &day.subject(), &item)?;
            self.raise(Alarm::ReconciliationDiffers, &day.subject())?;
        }
        self.runtime.log(format_args!(
            "the statement of {}: {} rows, {open} differences",
            day.date, day.record.rows
        ));
        Ok(())
    }

    /// Counts a result of the comparison that becomes known after the statement was read.
    pub(super) fn count_compared(
        &self,
        number: i64,
        compared: Compared,
    ) -> Result<(), StorageError> {
        self.count(Counter::Compared(compared));
        let Some(stored) = store::days::find(&self.storage, number)? else {
            return Ok(());
        };
        let mut day = Day::read(&stored)?;
        day.record.count(compared);
        store::days::set_json(&self.storage, number, &write_stored("day", &day.record)?)
    }

    /// Adds a payment or refund that a query has confirmed to the sums of a day.
    pub(super) fn count_line(&self, number: i64, line: &Line) -> Result<(), StorageError> {
        let Some(stored) = store::days::find(&self.storage, number)? else {
            return Ok(());
        };
        let mut day = Day::read(&stored)?;
        day.record.rows += 1;
        day.record.add_line(line);
        store::days::set_json(&self.storage, number, &write_stored("day", &day.record)?)
    }

    /// What was paid and refunded on a day, as the book has it.
    fn sums_of(&self, date: Date) -> Result<BTreeMap<String, Sums>, StorageError> {
        let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
        for (list, kind) in [
            (super::List::Orders, Kind::Payment),
            (super::List::Refunds, Kind::Refund),
        ] {
            let (from_ms, to_ms) = (date.start_ms(), date.end_ms());
            for sum in store::index::sums(&self.storage, list, from_ms, to_ms)? {
                if sum.count == 0 {
                    continue;
                }
                let of = sums.entry(sum.currency).or_default();
                match kind {
                    Kind::Payment => (of.paid_amount, of.paid_count) = (sum.amount, sum.count),
                    _ => (of.refunded_amount, of.refunded_count) = (sum.amount, sum.count),
                }
            }
        }
        Ok(sums)
    }

    /// A day as it is shown and sent.
    pub(super) fn day_item(&self, day: &Day) -> Result<Json, StorageError> {
        let number = number_of(day.date);
        let count = |state| store::days::count_in(&self.storage, number, state);
        let record = &day.record;
        let fees = record.fees_e5.iter().map(|(currency, e5)| {
            json!({"currency": currency, "amount": Decimal::from_e5(*e5).to_string()})
        });
        Ok(json!({
            "date": day.date.to_string(),
            "state": day.phase.name(),
            "source": record.source,
            "rows": record.rows,
            "unreadable": record.unreadable,
            "theirs": Sums::of_each(&record.theirs),
            "ours": Sums::of_each(&record.ours),
            "fees": fees.collect::<Vec<_>>(),
            "compared": record.compared,
            "open": count("open")?,
            "asked": count("asked")?,
            "carried": count("carried")?,
            "not_kept": record.unlisted,
            "problem": record.problem,
            "done_at_ms": record.done_at_ms,
        }))
    }
}

/// When a day is due: the merchants are spread over half an hour after ten.
fn due_ms(context: &MerchantContext, date: Date) -> i64 {
    let id = context.merchant.id.bytes();
    let spread = id.fold(0_i64, |sum, byte| (sum * 31 + i64::from(byte)) % SPREAD_MS);
    date.statement_ready_ms() + spread
}

fn evening_ms(date: Date) -> i64 {
    date.end_ms() + EVENING_MS
}

/// A hash of all rows up to this one, with everything in them.
fn chained(prefix: &str, entry: &Entry) -> String {
    match entry {
        Entry::Row(row) => fingerprint(&format!("{prefix}\n{row:?}")),
        Entry::Odd(odd) => fingerprint(&format!("{prefix}\n{odd}")),
    }
}

/// Why there is no statement, in a sentence without any text that WeChat sent.
fn said(failure: &Failure) -> &'static str {
    match failure.reason() {
        Some(Reason::StatementCreating) => "WeChat is still making it",
        Some(Reason::NoStatement) => "WeChat has no statement of a day with payments",
        _ => failure.name(),
    }
}
