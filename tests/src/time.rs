//! Time and connections of the in-memory world: which tasks wait, and for what.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// The waiting tasks, by time.
#[derive(Default)]
pub struct Sleepers {
    waiting: RefCell<BTreeMap<(i64, u64), Waker>>,
    last: Cell<u64>,
}

impl Sleepers {
    /// Wakes the task with the earliest time; returns that time.
    pub fn wake_first(&self) -> Option<i64> {
        let (key, waker) = self.waiting.borrow_mut().pop_first()?;
        waker.wake();
        Some(key.0)
    }
}

/// Waits until a time.
pub struct Pause {
    of: Rc<Sleepers>,
    key: (i64, u64),
    begun: bool,
}

impl Pause {
    /// Until this moment, Unix milliseconds.
    pub fn new(of: &Rc<Sleepers>, until_ms: i64) -> Self {
        of.last.set(of.last.get() + 1);
        Self {
            of: of.clone(),
            key: (until_ms, of.last.get()),
            begun: false,
        }
    }
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.of.waiting.borrow_mut();
        if self.begun && !waiting.contains_key(&self.key) {
            return Poll::Ready(());
        }
        waiting.insert(self.key, context.waker().clone());
        drop(waiting);
        self.begun = true;
        Poll::Pending
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.of.waiting.borrow_mut().remove(&self.key);
    }
}

/// How many requests of one object Cloudflare lets wait for an answer.
const CONNECTIONS: usize = 6;

/// The connections of one isolate or object.
#[derive(Default)]
pub struct Wires {
    open: Cell<usize>,
    waiting: RefCell<VecDeque<Waker>>,
}

/// A connection in use.
pub struct Wire(Rc<Wires>);

impl Wires {
    /// Waits for a connection.
    pub async fn take(self: &Rc<Self>) -> Wire {
        std::future::poll_fn(|context| {
            if self.open.get() < CONNECTIONS {
                self.open.set(self.open.get() + 1);
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push_back(context.waker().clone());
            Poll::Pending
        })
        .await;
        Wire(self.clone())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        for waker in self.0.waiting.take() {
            waker.wake();
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a future to its end; `pass` advances the clock when the future waits
/// for nothing else.
pub fn run<T>(future: impl Future<Output = T>, pass: impl Fn()) -> T {
    let mut future = pin!(future);
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(woken.clone());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        if !woken.0.swap(false, Ordering::Relaxed) {
            pass();
            woken.0.store(false, Ordering::Relaxed);
        }
    }
}
