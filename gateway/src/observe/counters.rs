//! Counters: kept in memory, and added to the object's database at intervals.
//!
//! A stored name is `family:label[:label]`, or one word for the verdict about a
//! notice. `handlers/admin/metrics.rs` has the name of each in `/metrics`.

use super::labels::{
    CallFailure, Compared, DeliveryLabel, Host, Limit, Limited, NoticeLabel, OrderLabel, Queried,
    RENAMED, Reconciled, RefundLabel, Rejection,
};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// An order has come to this state.
    Order(OrderLabel),
    /// A refund has come to this state.
    Refund(RefundLabel),
    /// WeChat was queried.
    Query(Queried),
    /// A call to an upstream.
    UpstreamCalls(Host),
    /// How long calls to an upstream took, in milliseconds.
    UpstreamMs(Host),
    /// A call to an upstream failed.
    UpstreamFailed(Host, CallFailure),
    /// A call was not sent, because too many were in flight.
    UpstreamNotSent,
    /// WeChat refused a call as too frequent.
    UpstreamTooOften(Limited),
    /// An attempt to deliver.
    Delivery(DeliveryLabel),
    /// An attempt to deliver an event to an endpoint.
    EventDelivery(DeliveryLabel),
    /// A request was refused by a limit.
    Limited(Limit),
    /// A payment or refund was compared with a day's statement.
    Compared(Compared),
    /// A day was compared with its statement.
    Reconciled(Reconciled),
    /// A payment goes back, because its purchase keeps another.
    PurchasePaidTwice,
    /// A notice that was not rejected.
    Notice(NoticeLabel),
    /// A notice that was rejected.
    Rejected(Rejection),
}

const UPSTREAM_NOT_SENT: &str = "upstream_not_sent";
const PURCHASE_PAID_TWICE: &str = "purchase_paid_twice";
const DELIVERY: &str = "delivery_";
const EVENT_DELIVERY: &str = "event_delivery";

impl Counter {
    /// The name under which it is stored, and sent to another object.
    pub fn name(self) -> String {
        let (family, label) = match self {
            Self::Order(state) => ("order", state.name()),
            Self::Refund(state) => ("refund", state.name()),
            Self::Query(of) => ("query", of.name()),
            Self::UpstreamCalls(host) => ("upstream_calls", host.name()),
            Self::UpstreamMs(host) => ("upstream_ms", host.name()),
            Self::UpstreamFailed(host, reason) => {
                return format!("upstream_failed:{}:{}", host.name(), reason.name());
            }
            Self::UpstreamTooOften(call) => ("upstream_too_often", call.name()),
            Self::EventDelivery(outcome) => (EVENT_DELIVERY, outcome.name()),
            Self::Limited(limit) => ("limited", limit.name()),
            Self::Compared(compared) => ("compared", compared.name()),
            Self::Reconciled(day) => ("reconciled", day.name()),
            Self::Delivery(outcome) => return format!("{DELIVERY}{}", outcome.name()),
            Self::UpstreamNotSent => return UPSTREAM_NOT_SENT.to_owned(),
            Self::PurchasePaidTwice => return PURCHASE_PAID_TWICE.to_owned(),
            Self::Notice(label) => return label.name().to_owned(),
            Self::Rejected(rejection) => return rejection.name().to_owned(),
        };
        format!("{family}:{label}")
    }

    /// The counter that is stored under this name; `None` for one that another
    /// version of the program counts.
    pub fn named(name: &str) -> Option<Self> {
        let Some((family, label)) = name.split_once(':') else {
            return match name {
                UPSTREAM_NOT_SENT => Some(Self::UpstreamNotSent),
                PURCHASE_PAID_TWICE => Some(Self::PurchasePaidTwice),
                _ => name
                    .strip_prefix(DELIVERY)
                    .and_then(DeliveryLabel::named)
                    .map(Self::Delivery)
                    .or_else(|| NoticeLabel::named(name).map(Self::Notice))
                    .or_else(|| Rejection::named(name).map(Self::Rejected)),
            };
        };
        match family {
            "order" => OrderLabel::named(label).map(Self::Order),
            "refund" => RefundLabel::named(label).map(Self::Refund),
            "query" => Queried::named(label).map(Self::Query),
            "upstream_calls" => Host::named(label).map(Self::UpstreamCalls),
            "upstream_ms" => Host::named(label).map(Self::UpstreamMs),
            "upstream_failed" => {
                let (host, reason) = label.split_once(':')?;
                let (host, reason) = (Host::named(host)?, CallFailure::named(reason)?);
                Some(Self::UpstreamFailed(host, reason))
            }
            "upstream_too_often" => Limited::named(label).map(Self::UpstreamTooOften),
            EVENT_DELIVERY => DeliveryLabel::named(label).map(Self::EventDelivery),
            "limited" => Limit::named(label).map(Self::Limited),
            "compared" => Compared::named(label).map(Self::Compared),
            "reconciled" => Reconciled::named(label).map(Self::Reconciled),
            _ => None,
        }
    }
}

/// Counts that are not in the database yet. A crash loses them: counters are
/// for monitoring, and the audit is the record.
#[derive(Debug, Default)]
pub struct Counters {
    counts: RefCell<BTreeMap<Counter, i64>>,
    written_at_ms: Cell<i64>,
}

/// The shortest time between two writes.
const APART_MS: i64 = 1_000;

impl Counters {
    /// Adds one.
    pub fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Adds a number.
    pub fn add(&self, counter: Counter, by: i64) {
        *self.counts.borrow_mut().entry(counter).or_default() += by;
    }

    /// The counts that are not in the database yet.
    pub fn counts(&self) -> BTreeMap<String, i64> {
        by_name(&self.counts.borrow())
    }

    /// Whether there are counts that are not in the database yet.
    pub fn is_new(&self) -> bool {
        !self.counts.borrow().is_empty()
    }

    /// Takes the counts to write now: none, if the last write was too recent.
    pub fn take_due(&self, now_ms: i64) -> BTreeMap<String, i64> {
        let since_ms = now_ms - self.written_at_ms.get();
        match (0..APART_MS).contains(&since_ms) {
            true => BTreeMap::new(),
            false => self.take(now_ms),
        }
    }

    /// Takes the counts that are not written yet, to be written now.
    pub fn take(&self, now_ms: i64) -> BTreeMap<String, i64> {
        self.written_at_ms.set(now_ms);
        by_name(&self.counts.take())
    }
}

/// The counters with those that were renamed under both names, each with the sum
/// of what was counted under either.
pub fn with_earlier_names(mut counts: BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    for (earlier, present) in RENAMED {
        let n = [earlier, present].map(|name| counts.get(name).copied());
        if n.iter().any(Option::is_some) {
            let sum = n.into_iter().flatten().sum();
            for name in [earlier, present] {
                counts.insert(name.to_owned(), sum);
            }
        }
    }
    counts
}

fn by_name(counts: &BTreeMap<Counter, i64>) -> BTreeMap<String, i64> {
    counts
        .iter()
        .map(|(counter, n)| (counter.name(), *n))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Counter> {
        fn each<L: Copy>(labels: &[L], of: fn(L) -> Counter) -> Vec<Counter> {
            labels.iter().map(|label| of(*label)).collect()
        }
        let mut all = vec![Counter::UpstreamNotSent, Counter::PurchasePaidTwice];
        all.extend(each(OrderLabel::ALL, Counter::Order));
        all.extend(each(RefundLabel::ALL, Counter::Refund));
        all.extend(each(Queried::ALL, Counter::Query));
        all.extend(each(Host::ALL, Counter::UpstreamCalls));
        all.extend(each(Host::ALL, Counter::UpstreamMs));
        for host in Host::ALL {
            let failed = |reason: &CallFailure| Counter::UpstreamFailed(*host, *reason);
            all.extend(CallFailure::ALL.iter().map(failed));
        }
        all.extend(each(Limited::ALL, Counter::UpstreamTooOften));
        all.extend(each(DeliveryLabel::ALL, Counter::Delivery));
        all.extend(each(Limit::ALL, Counter::Limited));
        all.extend(each(Compared::ALL, Counter::Compared));
        all.extend(each(Reconciled::ALL, Counter::Reconciled));
        all.extend(each(NoticeLabel::ALL, Counter::Notice));
        all.extend(each(Rejection::ALL, Counter::Rejected));
        all
    }

    #[test]
    fn a_renamed_counter_is_shown_under_both_names_with_one_sum() {
        let counted = |counts: &[(&str, i64)]| -> BTreeMap<String, i64> {
            let counts = counts.iter().map(|(name, n)| ((*name).to_owned(), *n));
            counts.collect()
        };
        let [(earlier, present), _] = RENAMED;
        for (stored, shown) in [
            (vec![(earlier, 2), (present, 3)], 5),
            (vec![(earlier, 2)], 2),
            (vec![(present, 3)], 3),
        ] {
            let shown = counted(&[(earlier, shown), (present, shown), ("query:order", 1)]);
            let stored = [stored, vec![("query:order", 1)]].concat();
            assert_eq!(with_earlier_names(counted(&stored)), shown);
        }
        for (_, present) in RENAMED {
            assert!(Rejection::named(present).is_some(), "{present}");
        }
    }

    #[test]
    fn each_counter_has_a_name_of_its_own_and_is_found_by_it() {
        let mut names = std::collections::BTreeSet::new();
        for counter in all() {
            let name = counter.name();
            assert_eq!(Counter::named(&name), Some(counter), "{name}");
            assert!(names.insert(name), "{counter:?}");
        }
        for name in [
            "",
            "order:",
            "order:PAID",
            "delivery_",
            "notice_",
            "other:x",
        ] {
            assert_eq!(Counter::named(name), None, "{name}");
        }
    }
}
