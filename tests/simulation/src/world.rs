//! The world of one seed: a clock, an executor whose order comes from the seed,
//! and the scheduled events.
//!
//! A *task* is one future in one place: a request in an isolate of the gateway,
//! a call or an alarm in an object, or a person. Tasks run one poll at a time;
//! the seed decides which of the ready tasks is polled next, so that two
//! requests for one book interleave in every order that a Durable Object
//! allows.
//!
//! The writes of one poll of an object are durable together, and nothing that
//! it sends leaves before that: this is the contract of
//! [`Storage`](gateway::runtime::Storage). A crash happens right after a poll,
//! before or after its writes are durable.

use super::days::Days;
use super::fault_profile::{FaultProfile, Held, WrongCertificate};
use super::history::{Broken, History};
use super::ledger::Ledger;
use super::machine::Machine;
use super::rsa::SANDBOX as SANDBOX_RSA;
use super::seen::Watch;
use super::shop::Shop;
use gateway::Gateway;
use gateway::config::Config;
use memory_runtime::random::Random;
use memory_runtime::{SANDBOX, START_MS, config};
use sandbox::{Sandbox, Settings};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// No world needs more polls and events than this: with more, something is due
/// again and again.
const MOST_STEPS: u64 = 300_000;

/// An event that happens once, at its time.
pub(super) type Event = Box<dyn FnOnce(&World)>;

/// The place where a task runs, with which it crashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// An isolate of the gateway.
    Isolate(usize),
    /// An object: a book, or the registry.
    Object(Rc<str>),
    /// Outside of the gateway: people do not crash.
    Outside,
}

struct Task {
    place: Place,
    future: Pin<Box<dyn Future<Output = ()>>>,
}

/// A handle to the world; clones are the same world.
#[derive(Clone)]
pub(super) struct World(pub(super) Rc<State>);

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}

/// The state of the world.
pub(super) struct State {
    pub(super) random: Random,
    /// The random values of the gateway and WeChat: a stream of its own, so
    /// that a change of one changes little else.
    pub(super) nonces: Random,
    pub(super) profile: FaultProfile,
    /// Whether faults have ended, so that everything must become consistent.
    pub(super) calm: Cell<bool>,
    /// The refused statements and the scenes: a stream of its own, so that the
    /// rest of a seed did not change when they were added.
    pub(super) refusals: Random,
    pub(super) scenes: Random,
    /// The days that follow: a stream of its own, too.
    pub(super) statements: Random,
    pub(super) days: RefCell<Days>,
    /// What happens to the next request that contains this text.
    pub(super) held: RefCell<Option<(String, Held)>>,
    /// The statement of an object that its database refuses: the object, and how
    /// many statements run before it.
    pub(super) refused: RefCell<Option<(Rc<str>, usize)>>,
    /// The hosts of WeChat that were called.
    pub(super) hosts: RefCell<BTreeSet<String>>,
    /// How long WeChat takes for each answer.
    pub(super) wechat_takes_ms: Cell<i64>,
    /// What is wrong with v2's client certificates now.
    pub(super) wrong_certificate: Cell<Option<WrongCertificate>>,
    now_ms: Cell<i64>,
    /// How far the gateway's clock is ahead.
    skew_ms: Cell<i64>,
    /// By how much the gateway's clock was set back so far.
    set_back_ms: Cell<i64>,
    pub(super) config: Rc<Config>,
    pub(super) sandbox: RefCell<Sandbox>,
    pub(super) machine: Machine<Link, World>,
    pub(super) ledger: RefCell<Ledger>,
    pub(super) watch: RefCell<Watch>,
    pub(super) history: History,
    pub(super) shops: RefCell<Vec<Rc<Shop>>>,
    tasks: RefCell<BTreeMap<u64, Task>>,
    next_task: Cell<u64>,
    /// The task that is polled.
    task_now: Cell<u64>,
    ready: Arc<Mutex<Vec<u64>>>,
    /// Calls whose caller has gone.
    abandoned: Rc<RefCell<Vec<u64>>>,
    /// By time, then in random order.
    events: RefCell<BTreeMap<(i64, u64), Event>>,
    /// The messages that the current poll has sent.
    outbox: RefCell<Vec<Event>>,
    steps: Cell<u64>,
}

/// The access of an isolate or an object to the world: its runtime.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) world: World,
    pub(super) place: Rc<str>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.place)
    }
}

thread_local! {
    /// The initial state of every world: made once, because it takes time.
    static AT_FIRST: (Rc<Config>, Sandbox) = {
        let settings = Settings {
            public_url: SANDBOX.to_owned(),
        };
        let mut sandbox = Sandbox::new(settings).with_rsa(SANDBOX_RSA);
        // The initial rows are not stored.
        sandbox.take_changes();
        (config(&[]), sandbox)
    };
}

impl World {
    pub(super) fn new(seed: u64, profile: FaultProfile, history: bool) -> Self {
        let (config, sandbox) = AT_FIRST.with(Clone::clone);
        Self(Rc::new(State {
            random: Random::of(seed, 1),
            nonces: Random::of(seed, 2),
            profile,
            calm: Cell::new(true),
            refusals: Random::of(seed, 6),
            scenes: Random::of(seed, 4),
            statements: Random::of(seed, 7),
            days: RefCell::default(),
            held: RefCell::default(),
            refused: RefCell::default(),
            hosts: RefCell::default(),
            wechat_takes_ms: Cell::default(),
            wrong_certificate: Cell::new(None),
            now_ms: Cell::new(START_MS),
            skew_ms: Cell::new(0),
            set_back_ms: Cell::new(0),
            config,
            sandbox: RefCell::new(sandbox),
            machine: Machine::default(),
            ledger: RefCell::default(),
            watch: RefCell::default(),
            history: History::new(history),
            shops: RefCell::default(),
            tasks: RefCell::default(),
            next_task: Cell::new(0),
            task_now: Cell::new(0),
            ready: Arc::default(),
            abandoned: Rc::default(),
            events: RefCell::default(),
            outbox: RefCell::default(),
            steps: Cell::new(0),
        }))
    }

    /// Drops everything: the parts of the world refer to the world.
    pub(super) fn end(&self) {
        self.0.tasks.take();
        self.0.events.take();
        self.0.outbox.take();
        self.0.shops.take();
        self.0.machine.stop();
    }

    /// The true time: of WeChat and every actor except the gateway.
    pub(super) fn now_ms(&self) -> i64 {
        self.0.now_ms.get()
    }

    /// The gateway's clock.
    pub(super) fn gateway_ms(&self) -> i64 {
        self.0.now_ms.get() + self.0.skew_ms.get()
    }

    /// Sets the gateway's clock forward, or back. Not forward while a Quick Pay
    /// is open, because the clock decides that it can no longer be paid; and by
    /// less than a minute while an order of iOnline's is open, which ends with
    /// its time.
    pub(super) fn jump(&self, by_ms: i64) {
        const IONLINE_TAKES_MS: i64 = 45_000;
        let skew_ms = self.0.skew_ms.get() + by_ms;
        if by_ms > 0 && self.quick_pay_is_open()
            || self.has("ionline") && skew_ms.abs() > IONLINE_TAKES_MS
        {
            return;
        }
        self.set_skew(skew_ms);
        self.note(|| format!("the gateway's clock jumps by {by_ms} ms"));
    }

    fn set_skew(&self, skew_ms: i64) {
        let back_ms = self.0.skew_ms.replace(skew_ms) - skew_ms;
        let set_back_ms = self.0.set_back_ms.get() + back_ms.max(0);
        self.0.set_back_ms.set(set_back_ms);
    }

    /// How far the gateway's clock was set back: an alarm that was set before
    /// then is that much later.
    pub(super) fn set_back_ms(&self) -> i64 {
        self.0.set_back_ms.get()
    }

    /// Whether a merchant's upstream requires the same time on both sides.
    fn needs_one_time(&self) -> bool {
        self.has("v3") || self.has("ionline")
    }

    /// The operator corrects the gateway's clock.
    pub(super) fn set_the_clock_right(&self) {
        if self.needs_one_time() && self.0.skew_ms.get() != 0 {
            self.set_skew(0);
            self.note(|| "the gateway's clock is set right".to_owned());
        }
    }

    /// No actor acts for a while. Where all merchants use v2, only the
    /// gateway's clock advances, so that orders expire there before they do at
    /// WeChat.
    pub(super) fn leap(&self, by_ms: i64) {
        if !self.needs_one_time() {
            return self.jump(by_ms);
        }
        self.0.now_ms.set(self.now_ms() + by_ms);
        let later = |((at_ms, lot), event)| ((at_ms + by_ms, lot), event);
        let events = self.0.events.take();
        self.0
            .events
            .replace(events.into_iter().map(later).collect());
        self.note(|| format!("{by_ms} ms go by"));
    }

    pub(super) fn steps(&self) -> u64 {
        self.0.steps.get()
    }

    // What has happened.

    /// Records an event.
    pub(super) fn note(&self, text: impl FnOnce() -> String) {
        self.0.history.write(self.now_ms(), None, text);
    }

    /// Records an event of a merchant. An order's number is written as `#1`.
    pub(super) fn note_at(&self, shop: &str, text: impl FnOnce() -> String) {
        self.0.history.write(self.now_ms(), Some(shop), text);
    }

    /// Reports a broken invariant. The first one stops the run.
    pub(super) fn broken(
        &self,
        invariant: &'static str,
        subject: Option<(&str, &str)>,
        found: String,
    ) {
        let history = &self.0.history;
        history.break_off(self.now_ms(), invariant, subject, found);
    }

    // Who is there.

    pub(super) fn shop(&self, id: &str) -> Option<Rc<Shop>> {
        let shops = self.0.shops.borrow();
        shops.iter().find(|shop| &*shop.id == id).cloned()
    }

    pub(super) fn shop_of(&self, mch_id: &str, sub_mch_id: &str) -> Option<Rc<Shop>> {
        let shops = self.0.shops.borrow();
        let is = |shop: &&Rc<Shop>| {
            shop.mch_id == mch_id && shop.sub_mch_id.as_deref().unwrap_or("-") == sub_mch_id
        };
        shops.iter().find(is).cloned()
    }

    /// Whether a merchant uses this dialect.
    fn has(&self, dialect: &str) -> bool {
        let shops = self.0.shops.borrow();
        shops.iter().any(|shop| shop.kind.dialect() == dialect)
    }

    // Scheduling.

    /// Schedules an event in `in_ms`.
    pub(super) fn after(&self, in_ms: i64, event: impl FnOnce(&Self) + 'static) {
        let at_ms = self.now_ms() + in_ms.max(0);
        let mut events = self.0.events.borrow_mut();
        let mut key = (at_ms, self.0.random.next());
        while events.contains_key(&key) {
            key.1 = key.1.wrapping_add(1);
        }
        events.insert(key, Box::new(event));
    }

    /// Schedules an event that happens once the writes of the current poll are
    /// durable.
    pub(super) fn leave(&self, event: impl FnOnce(&Self) + 'static) {
        self.0.outbox.borrow_mut().push(Box::new(event));
    }

    /// Starts a task.
    pub(super) fn spawn(&self, place: Place, future: impl Future<Output = ()> + 'static) -> u64 {
        let id = self.0.next_task.get();
        self.0.next_task.set(id + 1);
        let future = Box::pin(future);
        self.0.tasks.borrow_mut().insert(id, Task { place, future });
        self.ready(id);
        id
    }

    /// A person, or another actor that does not crash.
    pub(super) fn outside(&self, future: impl Future<Output = ()> + 'static) {
        self.spawn(Place::Outside, future);
    }

    /// Waits, as a person.
    pub(super) fn sleep(&self, ms: i64) -> Answer<()> {
        let (promise, answer) = self.promise();
        self.after(ms, move |_| promise.keep(()));
        answer
    }

    /// A promise and its answer.
    pub(super) fn promise<T>(&self) -> (Promise<T>, Answer<T>) {
        let slot = Rc::new(RefCell::new(Slot {
            value: None,
            waker: None,
            callee: None,
            abandoned: self.0.abandoned.clone(),
        }));
        (Promise(slot.clone()), Answer(slot))
    }

    // Running.

    /// Runs until nothing is due and no task waits, or an invariant is broken.
    pub(super) fn run(&self) -> Result<(), Box<Broken>> {
        loop {
            self.settle()?;
            if !self.advance()? {
                return Ok(());
            }
        }
    }

    /// Runs until this time.
    pub(super) fn run_until(&self, at_ms: i64) -> Result<(), Box<Broken>> {
        loop {
            self.settle()?;
            if self.next_ms().is_none_or(|next_ms| next_ms > at_ms) {
                self.0.now_ms.set(at_ms.max(self.now_ms()));
                return Ok(());
            }
            self.advance()?;
        }
    }

    /// Polls all ready tasks, in the seed's order.
    fn settle(&self) -> Result<(), Box<Broken>> {
        loop {
            self.drop_abandoned();
            let next = {
                let mut ready = self.0.ready.lock().expect("one thread");
                match ready.len() {
                    0 => None,
                    1 => ready.pop(),
                    many => Some(ready.swap_remove(self.0.random.below(many))),
                }
            };
            let Some(id) = next else {
                return self.0.history.broken();
            };
            self.step()?;
            self.poll(id);
            self.0.history.broken()?;
        }
    }

    fn step(&self) -> Result<(), Box<Broken>> {
        self.0.steps.set(self.0.steps.get() + 1);
        if self.0.steps.get() > MOST_STEPS {
            self.broken("6", None, "something is due again and again".to_owned());
            return self.0.history.broken();
        }
        Ok(())
    }

    fn next_ms(&self) -> Option<i64> {
        let event = self.0.events.borrow().keys().next().map(|key| key.0);
        let alarm = self.0.machine.next_alarm_ms();
        let alarm = alarm.map(|at_ms| (at_ms - self.0.skew_ms.get()).max(self.now_ms()));
        let notice = self.0.sandbox.borrow().next_due_ms();
        [event, alarm, notice].into_iter().flatten().min()
    }

    /// Moves the clock to the next event, and runs it. False if there is none.
    fn advance(&self) -> Result<bool, Box<Broken>> {
        let Some(next_ms) = self.next_ms() else {
            return Ok(false);
        };
        self.step()?;
        self.0.now_ms.set(next_ms.max(self.now_ms()));
        if let Some(name) = self.0.machine.due_alarm(self.gateway_ms()) {
            self.ring(&name);
        }
        self.send_notices();
        loop {
            let event = {
                let mut events = self.0.events.borrow_mut();
                match events.first_entry() {
                    Some(entry) if entry.key().0 <= self.now_ms() => entry.remove(),
                    _ => break,
                }
            };
            event(self);
        }
        self.0.history.broken()?;
        Ok(true)
    }

    fn poll(&self, id: u64) {
        let Some(mut task) = self.0.tasks.borrow_mut().remove(&id) else {
            return;
        };
        let waker = Waker::from(Arc::new(Woken {
            id,
            ready: self.0.ready.clone(),
        }));
        self.0.task_now.set(id);
        let over = task.future.as_mut().poll(&mut Context::from_waker(&waker));
        let place = task.place.clone();
        if over == Poll::Pending {
            self.0.tasks.borrow_mut().insert(id, task);
        }
        let crashes = place != Place::Outside
            && match self.0.calm.get() {
                true => self.troubles(|trouble| trouble.crash),
                false => self.0.random.one_in(self.0.profile.crash),
            };
        match &place {
            Place::Object(name) => {
                // Right before its writes are durable, or right after.
                let lost = crashes && self.0.random.one_in(2);
                let wrote = self.0.machine.close_poll(name, lost);
                if lost {
                    self.0.outbox.borrow_mut().clear();
                } else if wrote {
                    self.watch_book(name);
                }
                self.flush();
                if crashes {
                    self.crash_object(name, lost);
                }
            }
            Place::Isolate(number) => {
                self.flush();
                if crashes {
                    self.crash_isolate(*number);
                }
            }
            Place::Outside => self.flush(),
        }
    }

    fn flush(&self) {
        let sent = self.0.outbox.take();
        for event in sent {
            event(self);
        }
    }

    fn ready(&self, id: u64) {
        self.0.ready.lock().expect("one thread").push(id);
    }

    /// A call whose caller has disconnected may be stopped at any await, or run
    /// to its end: the runtime guarantees neither.
    fn drop_abandoned(&self) {
        loop {
            let next = self.0.abandoned.borrow_mut().pop();
            let Some(id) = next else { return };
            if !self.0.calm.get() && self.0.random.one_in(2) {
                // Dropping it may abandon others.
                let gone = self.0.tasks.borrow_mut().remove(&id);
                drop(gone);
            }
        }
    }

    fn crash_object(&self, name: &Rc<str>, lost: bool) {
        self.note_at(name, || {
            let what = if lost {
                ", and what it wrote last is lost"
            } else {
                ""
            };
            format!("{name}'s object crashes{what}")
        });
        self.drop_tasks(&Place::Object(name.clone()));
        self.0.machine.crash(name, self.gateway_ms());
    }

    /// Makes the runtime lose the alarm of an object, which ends.
    pub(super) fn forget_alarm(&self, name: &Rc<str>) {
        self.note_at(name, || "the runtime forgets its alarm".to_owned());
        self.drop_tasks(&Place::Object(name.clone()));
        self.0.machine.crash(name, self.gateway_ms());
        self.0.machine.forget_alarm(name);
    }

    fn crash_isolate(&self, number: usize) {
        self.note(|| format!("isolate {number} crashes"));
        self.drop_tasks(&Place::Isolate(number));
        self.0.machine.restart_isolate(number);
    }

    fn drop_tasks(&self, place: &Place) {
        let dying: Vec<Task> = {
            let mut tasks = self.0.tasks.borrow_mut();
            let ids: Vec<u64> = tasks
                .iter()
                .filter(|(_, task)| task.place == *place)
                .map(|(id, _)| *id)
                .collect();
            ids.iter().filter_map(|id| tasks.remove(id)).collect()
        };
        drop(dying);
    }

    /// The task that is being polled.
    pub(super) fn task_now(&self) -> u64 {
        self.0.task_now.get()
    }

    /// The number of unfinished tasks.
    pub(super) fn unfinished(&self) -> usize {
        self.0.tasks.borrow().len()
    }

    /// An isolate's gateway.
    pub(super) fn gateway(&self, number: usize) -> Rc<Gateway<Link>> {
        let link = || Link {
            world: self.clone(),
            place: format!("isolate {number}").into(),
        };
        let made = || Gateway::new(link(), self.0.config.clone());
        self.0.machine.isolate(number, made)
    }
}

struct Woken {
    id: u64,
    ready: Arc<Mutex<Vec<u64>>>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let mut ready = self.ready.lock().expect("one thread");
        if !ready.contains(&self.id) {
            ready.push(self.id);
        }
    }
}

struct Slot<T> {
    value: Option<T>,
    waker: Option<Waker>,
    /// The task that is to fulfil the promise.
    callee: Option<u64>,
    abandoned: Rc<RefCell<Vec<u64>>>,
}

/// The receiving end of a promise.
pub(super) struct Answer<T>(Rc<RefCell<Slot<T>>>);

/// The sending end. Only the first value counts.
pub(super) struct Promise<T>(Rc<RefCell<Slot<T>>>);

impl<T> Clone for Promise<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Promise<T> {
    pub(super) fn keep(&self, value: T) {
        let mut slot = self.0.borrow_mut();
        if slot.value.is_none() {
            slot.value = Some(value);
            // Fulfilled: no task is left to stop.
            slot.callee = None;
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        }
    }

    /// Names the task that works on it, to be stopped when the receiver is
    /// dropped.
    pub(super) fn kept_by(&self, callee: u64) {
        self.0.borrow_mut().callee = Some(callee);
    }
}

impl<T> Future for Answer<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut slot = self.0.borrow_mut();
        match slot.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        let slot = self.0.borrow();
        if let Some(callee) = slot.callee {
            slot.abandoned.borrow_mut().push(callee);
        }
    }
}
