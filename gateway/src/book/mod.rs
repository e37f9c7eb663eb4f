//! A merchant's book: the object that holds its orders, checkouts and
//! deliveries, and decides what happens to them.
//!
//! ```text
//! orders(     out_trade_no, json, due_at_ms, listed )     the order's one timer
//! checkouts(  id, out_trade_no, json, untried_until_ms, listed )
//! attempts(   out_trade_no, checkout_id )            numbers that checkouts have taken
//! refunds(    out_refund_no, out_trade_no )          numbers that refunds have taken
//! products(   product_id, json )
//! links(      id, json, sold )   sales( … )   holders( … )   see `links.rs`
//! deliveries( id, out_trade_no, out_refund_no, url, body, attempts, due_at_ms, state, last,
//!             created_at_ms )
//! transactions( transaction_id, out_trade_no )       the order that each payment paid
//! strays(     transaction_id, json )                 payments to unknown sub-merchants, and
//!                                                     refunds, under WeChat's number
//! rechecks(   out_trade_no, due_at_ms, claim_since_ms )   queries later; see `rechecks.rs`
//! kept(       key, request, reply, until_ms )         see `kept_replies.rs`
//! images(     name, width, height, made_at_ms, base64 )   see `images.rs`
//! receipts(   out_trade_no, id, made_at_ms )         see `receipts.rs`
//! rates(      currency, rate_e8, at_ms, … )          see `rates.rs`
//! counters(   name, n )        alarms( name, subject, … )        facts( name, text )
//! audit(      id, subject, what, … )                 see `audit.rs`
//! listed( … )  numbers( … )  sums( … )               see `index.rs`
//! events( n, type, subject, seq, at_ms, object, … )  event_ends( … )  see `events.rs`
//! endpoints( id, url, active, secret, … )            see `endpoints.rs`
//! event_deliveries( id, event, endpoint, state, … )  see `event_deliveries.rs`
//! delivery_attempts( delivery, at_ms, status, … )    of both kinds of deliveries
//! checkout_ends( checkout_id, due_at_ms )            checkouts whose end is to be reported
//! days( day, phase, … )  bookings( … )  differences( … )   see `days.rs`
//! ```
//!
//! `listed` changes with each write that the index of lists contains, so that a
//! write of a version without the index is noticed. After `untried_until_ms` a
//! payment link's purchase that no payer has tried to pay is removed.
//!
//! The object runs on one thread. State is read, decided upon by crate `order`
//! and written with its effects in one transaction, **without an await in
//! between**: two requests can be in flight at once, but no other request runs
//! between a read and its write. After each await the state is read again.
//!
//! The one alarm is set to the earliest `due_at_ms` of any row. A timer is
//! moved on *before* its work begins, so a crash repeats work and never loses
//! it.

mod alarms;
mod changes;
mod checkouts;
pub mod command;
mod connections;
mod day_views;
mod days;
mod decisions;
mod deliveries;
mod differences;
mod dispatch;
mod endpoints;
mod event_deliveries;
mod event_type;
mod events;
mod images;
mod index;
mod kept_replies;
mod links;
mod lists;
mod orders;
mod products;
mod quick_pay;
mod rates;
mod receipts;
mod rechecks;
mod refunds;
mod report;
mod size;
mod store;
mod transfer;
mod transition;
mod upstream_answers;

pub use checkouts::{
    Attempt, Checkout, CheckoutFacts, FoundCheckout, MAX_OUT_TRADE_NO as MAX_CHECKOUT_NUMBER,
    NewCheckout, Offer, PrepareCheckout, Purchase,
};
pub use command::{Call, Command, Envelope};
pub use day_views::{BookingPage, BookingPosition, DifferenceNote};
pub use decisions::{Choice as Decided, Decision};
pub use deliveries::Delivery;
pub use endpoints::{
    EndpointChange, MOST_ENDPOINTS, NewEndpoint, NewSecret, Resent, SEALED_SECRET,
};
pub use event_deliveries::SECRET_PREFIX;
pub use event_type::EventType;
pub use events::{EventPage, EventSearch, number_in};
pub use images::ImageFacts;
pub use index::{List, RowState, StateFilter};
pub use links::{Buy, Choice, Link, LinkFacts, Price, SaleFacts, field_item};
pub use lists::{Filter, Page, Position, Range, Search, Total};
pub use orders::{NewOrder, Prepaid, Unmatched, UnmatchedRefund, Verdict};
pub use products::Product;
pub use rates::in_yuan;
pub use receipts::{PaymentFacts, Receipt, ReceiptFacts, charged};
pub use refunds::{NewRefund, Refunded};
pub use upstream_answers::may_pass_later;

use crate::book::connections::{DELIVERIES_AT_ONCE, Queued};
use crate::config::Config;
use crate::http::error::{ApiError, Code};
use crate::merchants::directory::{Directory, MerchantContext};
use crate::merchants::idempotency::IdempotencyKey;
use crate::observe::RequestContext;
use crate::observe::audit;
use crate::observe::{Counter, Counters, Log, answer_bytes};
use crate::reports::Raised;
use crate::runtime::{Runtime, Storage, StorageError};
use crate::upstream::{Hosts, Upstream};
use event_deliveries::{EVENTS_AT_ONCE, InFlight};
use futures_util::future::{Either, FutureExt, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use order::{Order, OutTradeNo};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::pin::pin;
use std::rc::Rc;
use store::facts::Fact;

/// What an operator needs to see of one merchant.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// How often each event happened.
    pub counters: BTreeMap<String, i64>,
    /// The open alarms.
    pub alarms: Vec<Raised>,
    /// Verified payments to unknown sub-merchants, and refunds.
    #[serde(rename = "strays")]
    pub unmatched: Vec<Unmatched>,
    /// The latest deliveries, newest first.
    pub deliveries: Vec<Delivery>,
}

/// An alarm that a person has dealt with.
#[derive(Debug, Serialize, Deserialize)]
pub struct Settled {
    /// See [`Raised::name`].
    pub name: String,
    /// See [`Raised::subject`].
    pub subject: String,
    /// What was done, in the operator's words.
    pub note: String,
}

/// The shortest time between two queries about one order that payers or merchants cause (Tencent's
/// guidance).
const QUERY_APART_MS: i64 = 10_000;
/// How many timers one alarm executes; the next alarm follows at once.
const DUE_AT_ONCE: usize = 100;
/// How many orders' timers are executed at once.
const ORDERS_AT_ONCE: usize = 4;
/// How long one alarm begins new work; the next alarm follows at once. The
/// runtime ends an alarm after fifteen minutes.
const ALARM_MS: i64 = 60_000;
/// How often an alarm that waits for deliveries looks for timers that have
/// become due.
const LOOK_MS: u32 = 1_000;
/// The time until the next alarm if the merchant could not be read.
const NO_MERCHANT_MS: i64 = 60_000;
/// The time until the next alarm if the database refused a statement.
const FAILED_MS: i64 = 10_000;
/// The time until a row that could not be read is read again: a version that
/// can read it may run by then.
const SET_ASIDE_MS: i64 = 10 * 60_000;

/// How an alarm ended.
enum Timers {
    /// All due work is done or in progress.
    Done,
    /// The merchant or its credentials could not be read.
    NoMerchant,
}

/// What a timer's work is about.
enum Work {
    Order,
    Delivery,
    /// To this endpoint.
    Event(String),
    Recheck,
    Day,
}

/// A merchant's book, on any runtime and storage.
#[derive(Debug)]
pub struct Book<R, S> {
    runtime: Queued<R>,
    storage: S,
    config: Rc<Config>,
    directory: Directory,
    hosts: Hosts,
    counters: Rc<Counters>,
    /// The time for which the alarm is set; `None` when that is not known.
    armed_at_ms: Cell<Option<i64>>,
    /// When each order was last queried.
    asked_at_ms: RefCell<HashMap<String, i64>>,
    /// The percentage for which the alarm about the object's size was raised
    /// last.
    filling_percent: Cell<i64>,
    /// Whether WeChat's notices arrive, where that is known.
    notices_arrive: Cell<Option<bool>>,
    /// Rows that could not be read, until the alarm about them is raised.
    unreadable: RefCell<BTreeSet<String>>,
    /// When the next report to the board is due, and the content of the last
    /// one.
    reporting: Cell<report::Reporting>,
    /// The time in the last report.
    reported_at_ms: Cell<i64>,
    /// How many changes the next report to the board must contain.
    changes: Cell<u64>,
    /// Whether rows of an earlier version are still to be indexed.
    filling: Cell<bool>,
    /// When old events are looked for again.
    events_end_at_ms: Cell<i64>,
    /// Whether the id of the merchant is known to be stored.
    has_merchant_id: Cell<bool>,
    /// Whether the last answer of each endpoint was slow.
    endpoints_slow: RefCell<BTreeMap<String, bool>>,
    /// Whether more old events are to be removed at once.
    removing: Cell<bool>,
    /// Whether the object is neither closed nor being written; see `transfer.rs`.
    serving: Cell<bool>,
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Opens the object, making its tables the first time.
    pub fn open(runtime: R, storage: S, config: Rc<Config>) -> Result<Self, StorageError> {
        let serving = crate::transfer::is_serving(&storage)?;
        if serving {
            store::schema::migrate(&storage)?;
        }
        let counters = Rc::new(Counters::default());
        let book = Self {
            runtime: Queued::new(runtime),
            storage,
            directory: Directory::of(config.is_test),
            hosts: Hosts::counting(counters.clone(), !config.is_test),
            config,
            counters,
            armed_at_ms: Cell::new(None),
            asked_at_ms: RefCell::new(HashMap::new()),
            filling_percent: Cell::new(0),
            notices_arrive: Cell::new(None),
            unreadable: RefCell::default(),
            reporting: Cell::default(),
            reported_at_ms: Cell::default(),
            changes: Cell::default(),
            filling: Cell::default(),
            events_end_at_ms: Cell::default(),
            has_merchant_id: Cell::default(),
            endpoints_slow: RefCell::default(),
            removing: Cell::default(),
            serving: Cell::new(serving),
        };
        if serving {
            book.begin()?;
        }
        Ok(book)
    }

    /// Reads what is stored, and sets the alarm, which may be lost: a deployment
    /// that could not start for some minutes uses up the runtime's retries.
    fn begin(&self) -> Result<(), StorageError> {
        self.reporting.set(Self::read_reporting(&self.storage)?);
        self.merchant_id()?;
        if let Some(paused) = store::facts::get(&self.storage, Fact::Backoff)? {
            self.hosts.backoff().restore(&paused);
        }
        self.fill_at_open();
        self.arm()
    }

    /// Answers one call; both are JSON.
    pub async fn handle(&self, body: &[u8]) -> Vec<u8> {
        let answer = match serde_json::from_slice(body) {
            Ok(Envelope {
                request_context,
                call: Call::Transfer(command::Transfer(step)),
                ..
            }) => request_context.within_now(|| self.transfer(step)),
            Ok(_) if !self.serving.get() => Err(ApiError::of(Code::DeploymentClosed)),
            Ok(Envelope {
                merchant,
                request_context,
                call,
                once,
            }) => {
                let mut request_context = request_context;
                request_context.urgent = matches!(call, Call::QuickPay(_) | Call::Reverse(_));
                let answered = request_context.within(async {
                    let answered = self.answer(&merchant, call, once).await;
                    if let Err(error) = &answered {
                        error.log_cause(&self.runtime);
                    }
                    answered
                });
                let answer = answered.await;
                self.write_counters();
                self.raise_unreadable();
                let is_ours =
                    !matches!(&answer, Err(error) if error.code == Code::MerchantNotFound);
                self.report_to_board(is_ours.then_some(&merchant)).await;
                answer
            }
            Err(error) => {
                let error = ApiError::unreadable("call of a book", &error);
                error.log_cause(&self.runtime);
                Err(error)
            }
        };
        answer_bytes(&self.runtime, &answer)
    }

    async fn answer(
        &self,
        merchant: &str,
        call: Call,
        once: Option<IdempotencyKey>,
    ) -> Result<serde_json::Value, ApiError> {
        let context = self.merchant(merchant).await?;
        self.refuse_when_full(&call)?;
        refuse_when_suspended(&context, &call)?;
        let answer = match once {
            Some(key) => self.answer_once(&context, call, &key),
            None => Box::pin(self.answer_for(&context, call)).await,
        };
        self.raise_problems(&context)?;
        answer
    }

    /// The alarm: executes the work that is due, and sets the next alarm in
    /// every case.
    ///
    /// It never fails, because the runtime repeats a failed alarm only a few
    /// times, and then never again.
    pub async fn alarm(&self) {
        self.armed_at_ms.set(None);
        if !self.serving.get() {
            // The timers are kept, and the alarm is set again with them.
            return;
        }
        let ran = match self.run_timers().await {
            Ok(timers) => self.fill().await.map(|()| timers),
            Err(error) => Err(error),
        };
        let not_before_ms = match ran {
            Ok(Timers::Done) => 0,
            // Without credentials nothing can be queried. The timers stay due.
            Ok(Timers::NoMerchant) => self.runtime.now_ms() + NO_MERCHANT_MS,
            Err(error) => {
                self.runtime.log(format_args!("alarm: {error}"));
                self.runtime.now_ms() + FAILED_MS
            }
        };
        self.write_counters();
        self.raise_unreadable();
        let work_due_ms = self.work_due_ms();
        if let Err(error) = work_due_ms.and_then(|due_ms| self.timer_changed(due_ms)) {
            self.runtime.log(format_args!("alarm: {error}"));
        }
        self.report_to_board(None).await;
        let next_ms = match self.next_due_ms() {
            Ok(Some(due_ms)) => due_ms.max(not_before_ms),
            Ok(None) => return,
            Err(error) => {
                self.runtime.log(format_args!("alarm: {error}"));
                self.runtime.now_ms() + FAILED_MS
            }
        };
        self.storage.set_alarm(next_ms);
        self.armed_at_ms.set(Some(next_ms));
    }

    /// Executes the timers that are due. Each is claimed, and so moved on, when
    /// there is a slot for its work. Orders do not wait for deliveries: while a
    /// delivery or the comparison of a day is in progress, the loop checks for orders
    /// that become due.
    async fn run_timers(&self) -> Result<Timers, StorageError> {
        self.report_ended_checkouts()?;
        self.give_up_events()?;
        self.remove_old_events()?;
        let Some(merchant) = self.merchant_id()? else {
            return Ok(Timers::Done);
        };
        let context = match self.merchant(&merchant).await {
            Ok(context) => context,
            Err(error) => {
                error.log_as(&self.runtime, "the timers wait for the merchant");
                return Ok(Timers::NoMerchant);
            }
        };
        let context = &*context;
        let until_ms = self.runtime.now_ms() + ALARM_MS;
        let mut running = FuturesUnordered::new();
        let (mut orders, mut deliveries, mut rechecks, mut days, mut claimed) = (0, 0, 0, 0, 0);
        let mut in_flight = InFlight::default();
        loop {
            let may_claim = |claimed| claimed < DUE_AT_ONCE && self.runtime.now_ms() < until_ms;
            while may_claim(claimed) && orders < ORDERS_AT_ONCE {
                let Some(due) = self.claim_due_order(context)? else {
                    break;
                };
                let request_context = self.timer_context(due.number.as_str(), due.urgent);
                let work = self.execute_effects(context, due.number, due.effects);
                let work = request_context.within(work);
                running.push(async { (Work::Order, work.await) }.boxed_local());
                (orders, claimed) = (orders + 1, claimed + 1);
            }
            // One at a time, where no order is due.
            if may_claim(claimed)
                && rechecks == 0
                && orders < ORDERS_AT_ONCE
                && let Some(number) = self.claim_due_recheck()?
            {
                let request_context = self.timer_context(number.as_str(), false);
                let work = request_context.within(self.recheck(context, number));
                running.push(async { (Work::Recheck, work.await) }.boxed_local());
                (rechecks, claimed) = (rechecks + 1, claimed + 1);
            }
            // Days are compared one at a time, with the lowest priority.
            if may_claim(claimed)
                && days == 0
                && orders < ORDERS_AT_ONCE
                && let Some(day) = self.claim_due_day()?
            {
                let request_context = RequestContext::timer(&day.subject(), String::new());
                let work = self.reconcile(context, day, until_ms);
                let work = request_context.within(work);
                running.push(async { (Work::Day, work.await) }.boxed_local());
                (days, claimed) = (days + 1, claimed + 1);
            }
            while may_claim(claimed) && deliveries < DELIVERIES_AT_ONCE {
                let Some(due) = self.claim_due_delivery()? else {
                    break;
                };
                let request_context = self.timer_context(due.out_trade_no(), false);
                let work = request_context.within(self.deliver(context, due));
                running.push(async { (Work::Delivery, work.await) }.boxed_local());
                (deliveries, claimed) = (deliveries + 1, claimed + 1);
            }
            while may_claim(claimed) && in_flight.len() < EVENTS_AT_ONCE {
                let Some(due) = self.claim_due_event(&in_flight)? else {
                    break;
                };
                in_flight.add(&due);
                let request_context = self.timer_context(due.subject(), false);
                let work = async move {
                    let sent = self.send_event(&due).await;
                    (Work::Event(due.endpoint().to_owned()), sent)
                };
                let work = request_context.within(work);
                running.push(work.boxed_local());
                claimed += 1;
            }
            self.arm()?;
            if running.is_empty() {
                break;
            }
            let ended = match deliveries + in_flight.len() + days > 0 && may_claim(claimed) {
                true => match select(running.next(), pin!(self.runtime.sleep(LOOK_MS))).await {
                    Either::Left((ended, _)) => ended,
                    Either::Right(_) => None,
                },
                false => running.next().await,
            };
            match &ended {
                Some((Work::Order, _)) => orders -= 1,
                Some((Work::Delivery, _)) => deliveries -= 1,
                Some((Work::Event(endpoint), _)) => in_flight.remove(endpoint),
                Some((Work::Recheck, _)) => rechecks -= 1,
                Some((Work::Day, _)) => days -= 1,
                None => {}
            }
            // An error of one row does not stop the work for the others.
            if let Some((_, Err(error))) = ended {
                self.runtime.log(format_args!("timer: {error}"));
            }
        }
        self.remove_untried()?;
        self.remove_kept()?;
        self.refresh_rates(context).await?;
        self.upstream(context).report_speed().await;
        self.raise_problems(context)?;
        Ok(Timers::Done)
    }

    // Shared by the files of this module.

    /// Stores which calls are paused. If lost, WeChat's next refusal sets the pause
    /// again.
    fn write_backoff(&self) {
        let Some(paused) = self.hosts.backoff().take_changed() else {
            return;
        };
        if let Err(error) = store::facts::set(&self.storage, Fact::Backoff, &paused) {
            self.runtime.log(format_args!("back-off: {error}"));
        }
    }

    fn upstream<'a>(&'a self, context: &'a MerchantContext) -> Upstream<'a, Queued<R>> {
        Upstream {
            runtime: &self.runtime,
            config: &self.config,
            hosts: &self.hosts,
            context,
        }
    }

    /// The merchant this book belongs to. Its id is stored the first time,
    /// because an alarm has no caller that names it.
    async fn merchant(&self, id: &str) -> Result<Rc<MerchantContext>, ApiError> {
        let context = self
            .directory
            .by_id(&self.runtime, &self.config.master_key, id)
            .await?;
        context.ok_or_else(|| ApiError::of(Code::MerchantNotFound))
    }

    /// Stores the merchant's id, with the first row that needs a timer: an alarm has
    /// no caller that names the merchant.
    fn store_merchant_id(&self, context: &MerchantContext) -> Result<(), StorageError> {
        if self.has_merchant_id.get() {
            return Ok(());
        }
        store::facts::set_once(&self.storage, Fact::Merchant, &context.merchant.id)
    }

    /// The stored id. Not inside a transaction, which may be rolled back.
    fn merchant_id(&self) -> Result<Option<String>, StorageError> {
        let id = store::facts::get(&self.storage, Fact::Merchant)?;
        self.has_merchant_id.set(id.is_some());
        Ok(id)
    }

    /// Whether the order may be queried now; if so, the time is stored as that
    /// of its last query.
    fn may_ask(&self, number: &OutTradeNo) -> bool {
        let now_ms = self.runtime.now_ms();
        let mut asked = self.asked_at_ms.borrow_mut();
        if asked.len() > 10_000 {
            asked.retain(|_, at_ms| now_ms - *at_ms < QUERY_APART_MS);
        }
        let last = asked.get(number.as_str());
        let may = last.is_none_or(|at_ms| now_ms - at_ms >= QUERY_APART_MS);
        if may {
            asked.insert(number.as_str().to_owned(), now_ms);
        }
        may
    }

    /// The earliest timer of all, a report to the board among them.
    fn next_due_ms(&self) -> Result<Option<i64>, StorageError> {
        let report_ms = self.reporting.get().at_ms;
        Ok([self.work_due_ms()?, report_ms].into_iter().flatten().min())
    }

    /// The earliest timer of an order, a delivery or a purchase, or the time at which
    /// old events are removed.
    fn work_due_ms(&self) -> Result<Option<i64>, StorageError> {
        let timers = store::timers::earliest(&self.storage)?;
        let at_once = self.filling.get() || self.removing.get();
        let at_once_ms = at_once.then(|| self.runtime.now_ms());
        let old_events_ms = self.old_events_due_ms(timers.oldest_ms);
        let due = [timers.due_ms, at_once_ms, old_events_ms];
        Ok(due.into_iter().flatten().min())
    }

    /// Sets the alarm to the earliest timer of all.
    fn arm(&self) -> Result<(), StorageError> {
        let due_ms = self.work_due_ms()?;
        self.timer_changed(due_ms)?;
        let report_ms = self.reporting.get().at_ms;
        if let Some(due) = [due_ms, report_ms].into_iter().flatten().min()
            && self.armed_at_ms.get() != Some(due)
        {
            self.storage.set_alarm(due);
            self.armed_at_ms.set(Some(due));
        }
        Ok(())
    }

    /// Sets the alarm for now, which sets the next one.
    fn arm_now(&self) {
        let now_ms = self.runtime.now_ms();
        self.storage.set_alarm(now_ms);
        self.armed_at_ms.set(Some(now_ms));
    }

    /// As [`Book::arm`], when one timer was set and none removed.
    fn arm_for(&self, at_ms: i64) -> Result<(), StorageError> {
        self.timer_changed(Some(at_ms))?;
        match self.armed_at_ms.get() {
            Some(armed) if armed <= at_ms => Ok(()),
            // After a restart an earlier alarm may be set: read all timers.
            _ => self.arm(),
        }
    }

    fn count(&self, counter: Counter) {
        self.counters.count(counter);
    }

    /// Counts what an isolate has counted. A name that only another version of the program has is
    /// stored unchanged.
    fn count_by_name(&self, mut counts: BTreeMap<String, i64>) -> Result<(), StorageError> {
        counts.retain(|name, n| match Counter::named(name) {
            Some(counter) => {
                self.counters.add(counter, *n);
                false
            }
            None => true,
        });
        store::counters::add(&self.storage, &counts)
    }

    /// Writes the counters, at most once a second. Counts that the database
    /// refuses to write are lost: no decision depends on them.
    fn write_counters(&self) {
        self.write_backoff();
        if let Err(error) = self.watch_size() {
            self.runtime.log(format_args!("size: {error}"));
        }
        let is_new = self.counters.is_new();
        let counts = self.counters.take_due(self.runtime.now_ms());
        let written = store::counters::add(&self.storage, &counts);
        let reported = written.and_then(|()| match is_new {
            true => self.numbers_changed().and_then(|()| self.arm_for_report()),
            false => Ok(()),
        });
        if let Err(error) = reported {
            self.runtime.log(format_args!("counters: {error}"));
        }
    }

    /// Sets the alarm for a report that is due; an earlier alarm stays.
    fn arm_for_report(&self) -> Result<(), StorageError> {
        match (self.reporting.get().at_ms, self.armed_at_ms.get()) {
            (Some(at_ms), Some(armed)) if armed <= at_ms => Ok(()),
            _ => self.arm(),
        }
    }

    /// The context of a timer's work for an order: it keeps the id of the
    /// request that made the order.
    fn timer_context(&self, number: &str, urgent: bool) -> RequestContext {
        // Without the id the work continues; its log lines are harder to find.
        let request = audit::first_request(&self.storage, number).unwrap_or_else(|error| {
            self.runtime
                .log(format_args!("the request that made {number}: {error}"));
            Default::default()
        });
        RequestContext {
            urgent,
            ..RequestContext::timer(number, request)
        }
    }

    fn load_order(&self, number: &str) -> Result<Option<Order>, StorageError> {
        store::orders::json(&self.storage, number)?
            .map(|json| self.read_row("order", number, &json))
            .transpose()
    }

    /// Parses a stored value; where it cannot be parsed, an alarm names its
    /// row.
    fn read_row<T: DeserializeOwned>(
        &self,
        what: &str,
        key: &str,
        json: &str,
    ) -> Result<T, StorageError> {
        read_stored(what, json).inspect_err(|error| {
            self.runtime.log(format_args!("{key}: {error}"));
            self.unreadable.borrow_mut().insert(key.to_owned());
        })
    }

    fn nonce(&self) -> String {
        crate::merchants::seal::random_text(|bytes| self.runtime.random(bytes), 32)
    }
}

fn read_stored<T: DeserializeOwned>(what: &str, json: &str) -> Result<T, StorageError> {
    // Parse from bytes everywhere: a second reader would add a second copy of
    // every type's code to the Worker.
    serde_json::from_slice(json.as_bytes())
        .map_err(|error| StorageError::unreadable_json(what, &error))
}

fn write_stored<T: Serialize>(what: &str, value: &T) -> Result<String, StorageError> {
    serde_json::to_string(value).map_err(|error| StorageError::unreadable_json(what, &error))
}

/// Refuses every command that sells something for a suspended merchant. All others go
/// on: what was sold is paid, queried, refunded and delivered.
fn refuse_when_suspended(context: &MerchantContext, call: &Call) -> Result<(), ApiError> {
    let sells = matches!(
        call,
        Call::CreateOrder(_)
            | Call::QuickPay(_)
            | Call::ProductScanned(_)
            | Call::OpenCheckout(_)
            | Call::PrepareCheckout(_)
            | Call::Buy(_)
    );
    match sells && context.merchant.suspended_at_ms.is_some() {
        true => Err(ApiError::of(Code::MerchantSuspended)),
        false => Ok(()),
    }
}
