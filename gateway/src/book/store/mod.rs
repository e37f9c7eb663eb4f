//! Every SQL statement of a book: one file for each subject, with functions
//! from typed arguments to typed rows. No other file of the book contains SQL
//! or reads a column by its position; a test in `tests/architecture` checks
//! this.
//!
//! ```text
//! schema       the tables, and the numbered migrations that make them
//! orders       orders, and the transaction that paid each
//! checkouts    checkouts and their attempts
//! refunds      numbers that refunds have taken
//! kept_replies replies to requests with an `Idempotency-Key`
//! links        payment links, the sales of the last minutes and their holders
//! products     what the codes of Native mode 1 sell
//! deliveries   documents for the merchant
//! rates        WeChat's exchange rates
//! receipts     the lasting addresses of what was paid
//! rechecks     later queries about an order
//! days         the days that are compared with WeChat's statements, and their rows
//! differences  differences between a day's statement and the book
//! alarms       open alarms
//! images       what merchants show to payers
//! facts        single values of the book
//! endpoints    the addresses that receive events, and their sealed secrets
//! event_deliveries  deliveries of events, and the attempts of every delivery
//! events       events, their last numbers, and when checkouts end
//! counters     how often each thing happened
//! timers       the earliest timer of any table
//! unmatched    payments and refunds of unknown sub-merchants
//! index        the index of lists: rows, numbers, sums, what is still to be indexed
//! search       pages of a list
//! ```
//!
//! Values that are stored as JSON are returned as text: the caller parses them,
//! because it raises the alarm about one that cannot be read.

pub(super) mod alarms;
pub(super) mod checkouts;
pub(super) mod counters;
pub(super) mod days;
pub(super) mod deliveries;
pub(super) mod differences;
pub(super) mod endpoints;
pub(super) mod event_deliveries;
pub(super) mod events;
pub(super) mod facts;
pub(super) mod images;
pub(super) mod index;
pub(super) mod kept_replies;
pub(super) mod links;
pub(super) mod orders;
pub(super) mod products;
pub(super) mod rates;
pub(super) mod receipts;
pub(super) mod rechecks;
pub(super) mod refunds;
pub(super) mod schema;
pub(super) mod search;
pub(super) mod timers;
pub(super) mod unmatched;

use crate::store::{all, exists, first, integer, owned_or_null, text, texts};
