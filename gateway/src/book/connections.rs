//! Limits the requests in flight from one object, and orders those that wait.
//!
//! Cloudflare lets six connections of an object wait for an answer. A seventh
//! request waits inside the runtime, and its time-out runs while it waits: it
//! fails without having been sent. So the book never has more than five
//! requests in flight, and a request's time-out begins when it is sent. The
//! sixth connection is kept for the call to the registry.
//!
//! | priority | what |
//! |---|---|
//! | 1 | Quick Pay and its reverse: a payer waits at the counter |
//! | 2 | requests for which a caller waits: orders, refunds, queries |
//! | 3 | timers |
//! | own | deliveries to merchants, notices and events: at most two at once, and one slot is always theirs |
//!
//! Deliveries have slots of their own, so that a slow `notify_url` never delays
//! a payment's query, and a burst of orders never stops deliveries. Notices and
//! events wait in lines of their own: while both wait, each has one of the two
//! slots, and none waits longer for the other than one time-out.
//!
//! A caller that disconnects may leave its future unfinished for ever. So a
//! slot that was taken and not released counts as free once the request's
//! time-out is over, and a waiting request that is woken and does not run is
//! skipped.

use crate::observe::{Actor, RequestContext};
use crate::runtime::{
    CallError, Chunks, FetchError, Object, PrivateKey, PublicKey, Request, Response, Route, Rsa,
    RsaError, Runtime,
};
use futures_util::future::{Either, select};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Poll, Waker};

/// Requests in flight at once, of all kinds.
const AT_ONCE: usize = 5;
/// The most of these that are not deliveries: one slot is always left for a
/// delivery.
const CALLS_AT_ONCE: usize = 4;
/// The most of these that are deliveries.
pub const DELIVERIES_AT_ONCE: usize = 2;
/// How long a caller's request waits for a slot before it fails unsent.
const PATIENCE_MS: i64 = 10_000;
/// A waiting request checks for a slot this often, in case the request before
/// it never releases its own.
const LOOK_AGAIN_MS: u32 = 1_000;
/// The time after a request's time-out in which it must have ended.
const GRACE_MS: i64 = 1_000;

/// Which of two waiting requests is sent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Priority {
    QuickPay,
    Caller,
    Timer,
    Notice,
    Event,
}

/// Requests that wait for one another, and for no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Call,
    Notice,
    Event,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Call, Self::Notice, Self::Event];
}

impl Priority {
    fn of(route: Route<'_>) -> Self {
        let request_context = RequestContext::current();
        match route {
            Route::Merchant => Self::Notice,
            Route::Webhook => Self::Event,
            _ if request_context.urgent => Self::QuickPay,
            _ => match request_context.who {
                Actor::Timer | Actor::None => Self::Timer,
                _ => Self::Caller,
            },
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::QuickPay | Self::Caller | Self::Timer => Kind::Call,
            Self::Notice => Kind::Notice,
            Self::Event => Kind::Event,
        }
    }
}

/// A [`Runtime`] whose requests wait for a slot. There is one for each object.
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
    kind: Kind,
    began_ms: i64,
    /// After this time the request counts as ended.
    longest_ms: i64,
}

#[derive(Debug, Default)]
struct Waiting {
    waker: Option<Waker>,
    /// When the waiting request was woken to take a slot.
    called_at_ms: Option<i64>,
}

impl Waiting {
    /// Whether it was woken to take a slot and did not.
    fn is_called_off(&self, now_ms: i64) -> bool {
        let passed_ms = self.called_at_ms.map(|at_ms| now_ms - at_ms);
        passed_ms.is_some_and(|ms| !(0..i64::from(LOOK_AGAIN_MS)).contains(&ms))
    }
}

impl Line {
    /// Takes a slot for the request, if it is the next in its queue.
    fn take(&mut self, key: (Priority, u64), longest_ms: i64, now_ms: i64) -> bool {
        self.running
            .retain(|_, running| (0..running.longest_ms).contains(&(now_ms - running.began_ms)));
        let kind = key.0.kind();
        let first = self
            .waiting
            .iter()
            .find(|(other, waiting)| other.0.kind() == kind && !waiting.is_called_off(now_ms));
        let is_first = first.is_none_or(|(other, _)| *other >= key);
        if !is_first || !self.has_place(kind, now_ms) {
            return false;
        }
        self.waiting.remove(&key);
        let running = Running {
            kind,
            began_ms: now_ms,
            longest_ms,
        };
        self.running.insert(key.1, running);
        true
    }

    fn has_place(&self, kind: Kind, now_ms: i64) -> bool {
        let all = self.running.len();
        let running = |kind: Kind| self.running.values().filter(|r| r.kind == kind).count();
        let calls = running(Kind::Call);
        // A kind of delivery may use both slots only while no delivery of the
        // other kind waits.
        let other_waits = self.waiting.iter().any(|(key, waiting)| {
            let other = key.0.kind();
            other != Kind::Call && other != kind && !waiting.is_called_off(now_ms)
        });
        all < AT_ONCE
            && match kind {
                Kind::Call => calls < CALLS_AT_ONCE,
                Kind::Notice | Kind::Event => {
                    all - calls < DELIVERIES_AT_ONCE && (running(kind) == 0 || !other_waits)
                }
            }
    }

    /// Wakes the next request of each kind if a slot is free.
    fn call_next(&mut self, now_ms: i64) {
        for kind in Kind::ALL {
            if !self.has_place(kind, now_ms) {
                continue;
            }
            let mut waiting = self.waiting.iter_mut();
            let next = waiting
                .find(|(key, waiting)| key.0.kind() == kind && waiting.called_at_ms.is_none());
            if let Some((_, waiting)) = next {
                waiting.called_at_ms = Some(now_ms);
                if let Some(waker) = waiting.waker.take() {
                    waker.wake();
                }
            }
        }
    }
}

/// A request's place in the queue, and then its slot. Dropping it releases the
/// slot.
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
    /// Wraps a runtime.
    pub fn new(runtime: R) -> Self {
        Self {
            runtime,
            line: RefCell::default(),
        }
    }

    /// As [`Runtime::fetch`], and when the request was sent: the time in the queue
    /// says nothing about the other side.
    pub(super) async fn fetch_from(
        &self,
        route: Route<'_>,
        request: Request,
    ) -> (Result<Response, FetchError>, i64) {
        let place = self.place(route).await;
        let sent_at_ms = self.runtime.now_ms();
        let answer = match &place {
            Ok(_) => self.runtime.fetch(route, request).await,
            Err(error) => Err(*error),
        };
        (answer, sent_at_ms)
    }

    /// Waits for a slot. Deliveries and timers wait without a limit, because
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
                // There may be a slot for the next request, too.
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

    fn presents_certificates(&self) -> bool {
        self.runtime.presents_certificates()
    }

    fn has_client_certificate(&self, binding: &str) -> bool {
        self.runtime.has_client_certificate(binding)
    }

    async fn fetch(&self, route: Route<'_>, request: Request) -> Result<Response, FetchError> {
        let _place = self.place(route).await?;
        self.runtime.fetch(route, request).await
    }

    async fn fetch_pieces(
        &self,
        route: Route<'_>,
        request: Request,
    ) -> Result<::http::Response<Chunks>, FetchError> {
        let place = self.place(route).await?;
        let answer = self.runtime.fetch_pieces(route, request).await;
        // A connection that has answered no longer counts.
        drop(place);
        answer
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
