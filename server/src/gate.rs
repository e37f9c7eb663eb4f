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

use gateway::runtime::StorageFault;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tokio::sync::oneshot;

/// A commit failed, for this reason: the actions that waited for it must not
/// happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotDurable(pub StorageFault);

/// One object's gate. Clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Rc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Whether something has been written that is not on disk.
    closed: Cell<bool>,
    /// Why a commit has failed. The object is not used after that.
    broken: Cell<Option<StorageFault>>,
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
    pub fn fail(&self, fault: StorageFault) {
        self.0.broken.set(Some(fault));
        self.0.waiting.take();
    }

    /// Whether something has been written that is not on disk.
    pub fn is_closed(&self) -> bool {
        self.0.closed.get()
    }

    /// Why a commit has failed, if one has.
    pub fn broken(&self) -> Option<StorageFault> {
        self.0.broken.get()
    }

    /// Waits until everything that was written before this call is on disk.
    pub async fn passed(&self) -> Result<(), NotDurable> {
        if let Some(fault) = self.broken() {
            return Err(NotDurable(fault));
        }
        if !self.0.closed.get() {
            return Ok(());
        }
        let (sender, receiver) = oneshot::channel();
        self.0.waiting.borrow_mut().push(sender);
        let failed = |_| NotDurable(self.broken().unwrap_or(StorageFault::Gateway));
        receiver.await.map_err(failed)
    }
}
