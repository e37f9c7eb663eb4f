//! How far a run has come. A slow machine takes longer for the same.

use super::system::DIALECTS;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How often each kind of act is done at least.
const EACH: usize = 2;
/// How many orders are paid at least.
const PAID: usize = 10;

/// What clients have done so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Answers of the gateway.
    pub(super) answers: AtomicUsize,
    /// Paid orders, by [`DIALECTS`].
    paid_in: [AtomicUsize; DIALECTS.len()],
    pub(super) closed: AtomicUsize,
    pub(super) quick_pays: AtomicUsize,
    pub(super) refunds: AtomicUsize,
}

impl Progress {
    /// An order was paid.
    pub(super) fn paid(&self, dialect: &str) {
        let mut dialects = DIALECTS.iter().zip(&self.paid_in);
        if let Some((_, paid)) = dialects.find(|(name, _)| **name == dialect) {
            add(paid);
        }
    }

    /// Whether each kind of act was done often enough to judge by.
    pub(super) fn is_enough(&self) -> bool {
        let paid: Vec<usize> = self.paid_in.iter().map(read).collect();
        let acts = [&self.closed, &self.quick_pays, &self.refunds].map(read);
        paid.iter().sum::<usize>() >= PAID && paid.iter().chain(&acts).all(|times| *times >= EACH)
    }
}

/// One more.
pub(super) fn add(count: &AtomicUsize) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// How many so far.
pub(super) fn read(count: &AtomicUsize) -> usize {
    count.load(Ordering::Relaxed)
}
