//! The clocks of the books.
//!
//! Every clock shows the real time, except in `weceive dev` while it makes the past of
//! its demo shop: then this one book's is behind. No setting of a deployment and no call
//! moves a clock.

use crate::object_name::ObjectName;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// Unix time in milliseconds.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// How far each clock is behind the real time, in milliseconds. Copies show the same.
#[derive(Clone, Debug, Default)]
pub struct Clocks(Arc<RwLock<BTreeMap<ObjectName, i64>>>);

impl Clocks {
    /// Sets the clock of a merchant's book; 0 is the real time. Of the book's timers
    /// those that have become due run within a second.
    pub fn set_back(&self, merchant: &str, behind_ms: i64) {
        let name = ObjectName::Book(merchant.to_owned());
        let mut behind = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match behind_ms {
            ..=0 => behind.remove(&name),
            _ => behind.insert(name, behind_ms),
        };
    }

    /// How far an object's clock is behind the real time.
    pub fn behind_ms(&self, object: &ObjectName) -> i64 {
        let behind = self.0.read().unwrap_or_else(PoisonError::into_inner);
        behind.get(object).copied().unwrap_or_default()
    }

    /// The time on an object's clock.
    pub fn now_ms(&self, object: &ObjectName) -> i64 {
        now_ms() - self.behind_ms(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_clock_that_was_set_back_is_behind() {
        let clocks = Clocks::default();
        let [one, other] = ["one", "other"].map(|id| ObjectName::Book(id.to_owned()));
        clocks.clone().set_back("one", 60_000);
        assert_eq!(clocks.behind_ms(&one), 60_000);
        assert!(clocks.now_ms(&one) <= now_ms() - 60_000);
        assert_eq!(clocks.behind_ms(&other), 0);
        assert_eq!(clocks.behind_ms(&ObjectName::Board), 0);
        clocks.set_back("one", 0);
        assert_eq!(clocks.behind_ms(&one), 0);
    }
}
