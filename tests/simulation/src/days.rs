//! The faults of the days that follow, and what they must lead to.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

/// The kinds of a difference, as they are stored.
pub(super) const PAYMENT: i64 = 1;
pub(super) const REFUND: i64 = 2;
pub(super) const REVERSAL: i64 = 3;

/// How often faults happen while statements are compared: once in this many
/// times, never for zero.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trouble {
    /// A poll is the last one before its isolate or object crashes.
    pub(super) crash: usize,
    /// A database refuses a statement.
    pub(super) refuses: usize,
    /// A message is lost.
    pub(super) lost: usize,
    /// A statement is changed or cut on its way.
    pub(super) altered: usize,
}

/// What is known of the days of a seed.
#[derive(Default)]
pub(super) struct Days {
    /// The present faults.
    pub(super) trouble: Trouble,
    /// While WeChat has no statement for a merchant, and whether it answers
    /// that there is none, instead of that it is being made.
    pub(super) late: BTreeMap<Rc<str>, (Range<i64>, bool)>,
    /// Merchants some of whose rows are wrong.
    pub(super) wrong: BTreeSet<Rc<str>>,
    /// What must be open in the end: merchant, kind and number.
    pub(super) planted: BTreeSet<(Rc<str>, i64, String)>,
    /// Merchants whose account another merchant of the gateway has, too.
    pub(super) shared: BTreeSet<Rc<str>>,
}
