//! How many requests leave one object at once, and which leaves first.
//!
//! Cloudflare lets six connections of an object wait for an answer. A seventh
//! request waits inside the runtime, and its time-out runs while it waits: it
//! fails without having been sent. So the book never has more than five
//! requests under way, and a request's time-out begins when it really leaves.
//! The sixth connection is left for the call to the registry.
//!
//! | priority | what |
//! |---|---|
//! | 1 | Quick Pay and its reverse: a payer stands at the counter |
//! | 2 | what a caller waits for: orders, refunds, queries |
//! | 3 | timers |
//! | own | deliveries to merchants: at most two at once, and always one |
//!
//! Deliveries have places of their own, so that a slow `notify_url` never
//! delays a payment's query, and a burst of orders never stops deliveries.
//!
//! A caller that hangs up may leave its future behind unfinished, for ever. So
//! a place that was taken and not given back counts as free once the request's
//! time-out is over, and a request that is called and does not come is passed
//! over.

use crate::observe::RequestContext;
use crate::runtime::{
    CallError, FetchError, Object, PrivateKey, PublicKey, Request, Response, Route, Rsa, RsaError,
    Runtime,
};
use futures_util::future::{Either, select};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Poll, Waker};

/// Requests under way at once, of all kinds.
const AT_ONCE: usize = 5;
/// Of these, at most so many are no deliveries: one place is always left for
/// a delivery.
const CALLS_AT_ONCE: usize = 4;
/// Of these, at most so many are deliveries.
pub const DELIVERIES_AT_ONCE: usize = 2;
/// How long a caller's request waits for its turn before it is given up
/// unsent.
const PATIENCE_MS: i64 = 10_000;
/// A request that waits looks by itself this often, in case the one before it
/// never comes back.
const LOOK_AGAIN_MS: u32 = 1_000;
/// The time after a request's time-out in which it must have ended.
const GRACE_MS: i64 = 1_000;

/// Which of two requests that wait leaves first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Priority {
    QuickPay,
    Caller,
    Timer,
    Delivery,
}

impl Priority {
    fn of(route: Route<'_>) -> Self {
        let request_context = RequestContext::current();
        match route {
            Route::Merchant => Self::Delivery,
            _ if request_context.urgent => Self::QuickPay,
            _ if request_context.who == "timer" || request_context.who.is_empty() => Self::Timer,
            _ => Self::Caller,
        }
    }
}

/// A [`Runtime`] whose requests wait for their turn. One for each object.
#[derive(Debug)]
pub struct Queued<R> {
    runtime: R,
    line: RefCell<Line>,
}

#[derive(Debug, Default)]
struct Line {
    last: u64,
    running: BTreeMap<u64, Running>,
    waiting: BTreeMap<(Priority, u64), Waiting>,
}

#[derive(Debug)]
struct Running {
    is_delivery: bool,
    began_ms: i64,
    /// After this long it counts as ended.
    longest_ms: i64,
}

#[derive(Debug, Default)]
struct Waiting {
    waker: Option<Waker>,
    /// When it was told that it is its turn.
    called_at_ms: Option<i64>,
}

impl Line {
    /// Lets the request leave, if it is its turn.
    fn take(&mut self, key: (Priority, u64), longest_ms: i64, now_ms: i64) -> bool {
        self.running
            .retain(|_, running| (0..running.longest_ms).contains(&(now_ms - running.began_ms)));
        let is_called_off = |waiting: &Waiting| {
            let passed_ms = waiting.called_at_ms.map(|at_ms| now_ms - at_ms);
            passed_ms.is_some_and(|ms| !(0..i64::from(LOOK_AGAIN_MS)).contains(&ms))
        };
        let is_delivery = key.0 == Priority::Delivery;
        let first = self.waiting.iter().find(|(other, waiting)| {
            (other.0 == Priority::Delivery) == is_delivery && !is_called_off(waiting)
        });
        let is_first = first.is_none_or(|(other, _)| *other >= key);
        if !is_first || !self.has_place(is_delivery) {
            return false;
        }
        self.waiting.remove(&key);
        let running = Running {
            is_delivery,
            began_ms: now_ms,
            longest_ms,
        };
        self.running.insert(key.1, running);
        true
    }

    fn has_place(&self, is_delivery: bool) -> bool {
        let all = self.running.len();
        let deliveries = self.running.values().filter(|r| r.is_delivery).count();
        all < AT_ONCE
            && match is_delivery {
                true => deliveries < DELIVERIES_AT_ONCE,
                false => all - deliveries < CALLS_AT_ONCE,
            }
    }

    /// Tells the next of both kinds that there is a place.
    fn call_next(&mut self, now_ms: i64) {
        for is_delivery in [false, true] {
            if !self.has_place(is_delivery) {
                continue;
            }
            let mut waiting = self.waiting.iter_mut();
            let next = waiting.find(|(key, waiting)| {
                (key.0 == Priority::Delivery) == is_delivery && waiting.called_at_ms.is_none()
            });
            if let Some((_, waiting)) = next {
                waiting.called_at_ms = Some(now_ms);
                if let Some(waker) = waiting.waker.take() {
                    waker.wake();
                }
            }
        }
    }
}

/// A request's place in the line, and then among those under way. Dropped, it
/// is free for the next.
struct Place<'a, R: Runtime> {
    of: &'a Queued<R>,
    key: (Priority, u64),
}

impl<R: Runtime> Drop for Place<'_, R> {
    fn drop(&mut self) {
        let mut line = self.of.line.borrow_mut();
        line.waiting.remove(&self.key);
        line.running.remove(&self.key.1);
        line.call_next(self.of.runtime.now_ms());
    }
}

impl<R: Runtime> Queued<R> {
    /// Over this runtime.
    pub fn new(runtime: R) -> Self {
        Self {
            runtime,
            line: RefCell::default(),
        }
    }

    /// Waits for a place. Deliveries and timers wait as long as it takes:
    /// their callers are the book's own.
    async fn place(&self, route: Route<'_>) -> Result<Place<'_, R>, FetchError> {
        let priority = Priority::of(route);
        let longest_ms = i64::from(route.timeout_ms()) + GRACE_MS;
        let came_ms = self.runtime.now_ms();
        let key = {
            let mut line = self.line.borrow_mut();
            line.last += 1;
            (priority, line.last)
        };
        let place = Place { of: self, key };
        self.line
            .borrow_mut()
            .waiting
            .insert(key, Waiting::default());
        loop {
            let now_ms = self.runtime.now_ms();
            if self.line.borrow_mut().take(key, longest_ms, now_ms) {
                // There may be a place for the next one, too.
                self.line.borrow_mut().call_next(now_ms);
                return Ok(place);
            }
            let waited_ms = now_ms - came_ms;
            if priority < Priority::Timer && !(0..PATIENCE_MS).contains(&waited_ms) {
                return Err(FetchError::Busy);
            }
            let mut is_new = true;
            let called = std::future::poll_fn(|context| {
                let mut line = self.line.borrow_mut();
                match line.waiting.get_mut(&key) {
                    Some(waiting) if std::mem::take(&mut is_new) => {
                        waiting.called_at_ms = None;
                        waiting.waker = Some(context.waker().clone());
                        Poll::Pending
                    }
                    Some(waiting) if waiting.called_at_ms.is_none() => {
                        waiting.waker = Some(context.waker().clone());
                        Poll::Pending
                    }
                    _ => Poll::Ready(()),
                }
            });
            match select(pin!(called), pin!(self.runtime.sleep(LOOK_AGAIN_MS))).await {
                Either::Left(_) | Either::Right(_) => {}
            }
        }
    }
}

impl<R: Runtime> Rsa for Queued<R> {
    async fn rsa_sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, RsaError> {
        self.runtime.rsa_sign(key, message).await
    }

    async fn rsa_verify(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, RsaError> {
        self.runtime.rsa_verify(key, message, signature).await
    }
}

impl<R: Runtime> Runtime for Queued<R> {
    fn now_ms(&self) -> i64 {
        self.runtime.now_ms()
    }

    fn random(&self, bytes: &mut [u8]) {
        self.runtime.random(bytes);
    }

    fn has_client_certificate(&self, binding: &str) -> bool {
        self.runtime.has_client_certificate(binding)
    }

    async fn fetch(&self, route: Route<'_>, request: Request) -> Result<Response, FetchError> {
        let _place = self.place(route).await?;
        self.runtime.fetch(route, request).await
    }

    async fn call(&self, object: Object<'_>, body: Vec<u8>) -> Result<Vec<u8>, CallError> {
        self.runtime.call(object, body).await
    }

    async fn sleep(&self, ms: u32) {
        self.runtime.sleep(ms).await;
    }

    fn print(&self, line: &str) {
        self.runtime.print(line);
    }
}
