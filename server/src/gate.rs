//! The output gate of an object: nothing leaves before it is on disk.
//!
//! ```text
//! poll of the object's futures ── statements ──▶ one open transaction
//!                                                      │ every future that is ready has run
//!                                                      ▼
//! answers, requests, socket messages ◀── opened ──── COMMIT (fsync)
//! ```
//!
//! Requests that arrive together share one commit. When a commit fails, its
//! writes are undone, everything that waits is refused, and the object is
//! reopened before it is used again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tokio::sync::oneshot;

/// A commit failed: the actions that waited for it must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotDurable;

/// One object's gate. Clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Rc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Whether something has been written that is not on disk.
    closed: Cell<bool>,
    /// Whether a commit has failed. The object is not used after that.
    broken: Cell<bool>,
    waiting: RefCell<Vec<oneshot::Sender<()>>>,
}

impl Gate {
    /// Records a write. Returns whether the gate was open until now, so that a
    /// commit must be scheduled.
    pub fn close(&self) -> bool {
        !self.0.closed.replace(true)
    }

    /// The commit succeeded: everything that waits continues.
    pub fn open(&self) {
        self.0.closed.set(false);
        for waiting in self.0.waiting.take() {
            // A request whose client has disconnected no longer waits.
            let _ = waiting.send(());
        }
    }

    /// The commit failed: everything that waits is refused.
    pub fn fail(&self) {
        self.0.broken.set(true);
        self.0.waiting.take();
    }

    /// Whether something has been written that is not on disk.
    pub fn is_closed(&self) -> bool {
        self.0.closed.get()
    }

    /// Whether a commit has failed.
    pub fn is_broken(&self) -> bool {
        self.0.broken.get()
    }

    /// Waits until everything that was written before this call is on disk.
    pub async fn passed(&self) -> Result<(), NotDurable> {
        if self.is_broken() {
            return Err(NotDurable);
        }
        if !self.0.closed.get() {
            return Ok(());
        }
        let (sender, receiver) = oneshot::channel();
        self.0.waiting.borrow_mut().push(sender);
        receiver.await.map_err(|_| NotDurable)
    }
}
