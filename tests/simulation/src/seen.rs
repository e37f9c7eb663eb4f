//! What was seen of the books so far.

use gateway::book::Checkout;
use order::Order;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The state of every book, at its last durable write.
#[derive(Default)]
pub(super) struct Watch {
    pub(super) books: BTreeMap<Rc<str>, Seen>,
    /// Orders whose acceptance was answered to a merchant.
    pub(super) accepted: Vec<(Rc<str>, String)>,
    /// Rows that cannot be read at present: the book, the table and the key.
    pub(super) unreadable: BTreeSet<(Rc<str>, &'static str, String)>,
    /// Quick Pays that were sent to WeChat.
    pub(super) quick_pays: BTreeSet<(Rc<str>, String)>,
}

/// One book.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) orders: BTreeMap<String, (String, Order)>,
    pub(super) checkouts: BTreeMap<String, (String, Checkout)>,
    pub(super) deliveries: BTreeMap<i64, Delivery>,
    pub(super) events: BTreeMap<i64, Event>,
}

/// One event of a book.
#[derive(Clone)]
pub(super) struct Event {
    pub(super) kind: String,
    pub(super) subject: String,
    pub(super) seq: i64,
    pub(super) id: String,
    pub(super) object: Json,
}

/// One delivery of a book.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Delivery {
    /// The order's number.
    pub(super) number: String,
    /// The refund that it reports, if any.
    pub(super) refund: Option<String>,
    pub(super) state: String,
}
