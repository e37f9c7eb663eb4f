//! Rate limits: token buckets in an isolate's memory.
//!
//! | bucket of | limits |
//! |---|---|
//! | an api-key, or a merchant's api-tokens | all its calls, so that one merchant's peak does not delay others |
//! | keys and tokens that a merchant makes or revokes | what is written in the shared registry |
//! | a network with wrong keys | answers that give the reason; in a flood, every check of a key |
//! | a network | payers' pages, a high limit: many payers of a carrier share one address (NAT) |
//! | a network | refused notices, and requests for what does not exist |
//! | a checkout | calls that lead to WeChat |
//!
//! Merchants share an isolate, so the isolate counts; a new isolate begins with
//! full buckets. A verified notice is never limited.

use crate::cache::forget_oldest;
use crate::http::client::network;
use crate::http::error::{ApiError, Code};
use crate::http::message::query;
use crate::observe::labels::Limit;
use crate::observe::{Counter, Counters};
use crate::route::{Audience, RateClass};
use crate::runtime::Request;
use http::StatusCode;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that are added per minute.
    pub per_minute: i64,
    /// The most tokens that the bucket holds.
    pub at_most: i64,
}

/// Limit of wrong keys per address.
pub const WRONG_KEYS: Rate = Rate {
    per_minute: 10,
    at_most: 20,
};
/// Second limit of wrong keys per address. Above this, no key is checked, right
/// ones included: no misconfigured program calls so often.
pub const FLOOD: Rate = Rate {
    per_minute: 600,
    at_most: 600,
};
/// Limit per merchant of keys and tokens that are made or revoked: each is kept in the
/// audit, in an object that other merchants share.
pub const CREDENTIALS: Rate = Rate {
    per_minute: 60,
    at_most: 120,
};
/// Limit per address on payers' pages: polls of many payers behind one carrier.
pub const PAGES: Rate = Rate {
    per_minute: 12_000,
    at_most: 4_000,
};
/// Limit per address of calls that make or draw something, or call WeChat.
pub const MUTATIONS: Rate = Rate {
    per_minute: 1_200,
    at_most: 400,
};
/// Limit per address of refused notices. Accepted notices are never limited,
/// regardless of other notices from the address.
pub const REFUSED_NOTICES: Rate = Rate {
    per_minute: 60,
    at_most: 120,
};
/// Limit per address of requests for checkouts, links and merchants that do not
/// exist.
pub const UNKNOWN: Rate = Rate {
    per_minute: 600,
    at_most: 600,
};
/// Limit per checkout of calls that call WeChat.
pub const CHECKOUT: Rate = Rate {
    per_minute: 60,
    at_most: 60,
};
/// How many seconds a burst at the full rate may last.
const PEAK_SECONDS: i64 = 20;

impl Rate {
    /// The limit of one api-key.
    pub const fn of_key(calls_per_second: i64) -> Self {
        Self {
            per_minute: calls_per_second * 60,
            at_most: calls_per_second * PEAK_SECONDS,
        }
    }
}

/// A token in a bucket's unit, chosen so that a rate per minute is also the
/// number of units per millisecond.
const TOKEN: i64 = 60_000;
/// Above this number, full buckets are removed first, and then the oldest.
const BUCKETS: usize = 20_000;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    filled: i64,
    at_ms: i64,
}

/// The buckets of an isolate.
#[derive(Debug, Default)]
pub struct Limits {
    buckets: RefCell<HashMap<String, (Bucket, Rate)>>,
    counters: Rc<Counters>,
}

impl Bucket {
    /// The bucket at this time. A clock that was set back adds no tokens.
    fn at(self, rate: Rate, now_ms: i64) -> Self {
        let since_ms = (now_ms - self.at_ms).clamp(0, 60_000 * 60);
        let filled = self.filled + since_ms * rate.per_minute;
        Self {
            filled: filled.min(rate.at_most * TOKEN),
            at_ms: now_ms,
        }
    }
}

impl Limits {
    /// Limits without any bucket yet; refusals are counted in `counters`.
    pub fn counting(counters: Rc<Counters>) -> Self {
        Self {
            counters,
            ..Self::default()
        }
    }

    /// Takes a token; `false` when there is none.
    pub fn take(&self, name: String, rate: Rate, now_ms: i64) -> bool {
        let mut buckets = self.buckets.borrow_mut();
        if buckets.len() >= BUCKETS {
            buckets
                .retain(|_, (bucket, rate)| bucket.at(*rate, now_ms).filled < rate.at_most * TOKEN);
            if buckets.len() >= BUCKETS {
                forget_oldest(&mut buckets, |(bucket, _)| bucket.at_ms);
            }
        }
        let full = Bucket {
            filled: rate.at_most * TOKEN,
            at_ms: now_ms,
        };
        let (bucket, _) = buckets.entry(name).or_insert((full, rate));
        *bucket = bucket.at(rate, now_ms);
        let may = bucket.filled >= TOKEN;
        if may {
            bucket.filled -= TOKEN;
        }
        may
    }

    /// Whether a token is left.
    pub fn is_left(&self, name: &str, now_ms: i64) -> bool {
        let buckets = self.buckets.borrow();
        let bucket = buckets.get(name);
        bucket.is_none_or(|(bucket, rate)| bucket.at(*rate, now_ms).filled >= TOKEN)
    }

    /// Takes a token from the bucket, and refuses the call if there is none.
    pub fn limit(&self, of: Limit, who: &str, rate: Rate, now_ms: i64) -> Result<(), ApiError> {
        match self.take(bucket(of, who), rate, now_ms) {
            true => Ok(()),
            false => self.refuse(of, Code::RateLimited),
        }
    }

    /// Refuses the call if there is no token left, and takes none.
    pub fn limit_left(&self, of: Limit, who: &str, now_ms: i64) -> Result<(), ApiError> {
        match self.is_left(&bucket(of, who), now_ms) {
            true => Ok(()),
            false => self.refuse(of, Code::RateLimited),
        }
    }

    /// Counts a refusal of this limit.
    pub fn refuse<T>(&self, of: Limit, code: Code) -> Result<T, ApiError> {
        self.counters.count(Counter::Limited(of));
        Err(ApiError::of(code))
    }

    /// Applies the limit of a payer's call before it is answered. Without a
    /// client address no per-address limit applies.
    pub fn limit_payer(
        &self,
        request: &Request,
        rate: RateClass,
        now_ms: i64,
    ) -> Result<(), ApiError> {
        let (limit, per_address) = match rate {
            RateClass::Own => return Ok(()),
            RateClass::Page => (Limit::Pages, PAGES),
            RateClass::Mutation | RateClass::CheckoutMutation => (Limit::Mutations, MUTATIONS),
        };
        if let Some(network) = network(request) {
            self.limit(limit, &network, per_address, now_ms)?;
        }
        if rate != RateClass::CheckoutMutation {
            return Ok(());
        }
        let query = query(request);
        let checkout = query.get("s").map(String::as_str).unwrap_or_default();
        let checkout = checkout.get(..64).unwrap_or(checkout);
        self.limit(Limit::Checkout, checkout, CHECKOUT, now_ms)
    }

    /// Refuses a sender that has requested too many things that do not exist,
    /// or has sent too many refused notices, so that it reaches no object. A
    /// notice for a merchant that this isolate has cached passes.
    pub fn limit_unknown(
        &self,
        request: &Request,
        audience: Audience,
        is_known: impl FnOnce() -> bool,
        now_ms: i64,
    ) -> Result<(), ApiError> {
        let Some(network) = network(request) else {
            return Ok(());
        };
        let is_left = |of| self.is_left(&bucket(of, &network), now_ms);
        let may = match audience {
            Audience::WeChat => is_left(Limit::RefusedNotices) || is_known(),
            Audience::Payer => is_left(Limit::Unknown),
            _ => true,
        };
        match may {
            true => Ok(()),
            false => self.refuse(Limit::Unknown, Code::RateLimited),
        }
    }

    /// Counts an answer that refuses a notice, or that tells a payer that
    /// something does not exist. Past the limit of refused notices it returns
    /// an error, so that the sender gets no reason.
    pub fn count_refused(
        &self,
        request: &Request,
        audience: Audience,
        status: StatusCode,
        now_ms: i64,
    ) -> Result<(), ApiError> {
        let Some(network) = network(request) else {
            return Ok(());
        };
        match audience {
            Audience::WeChat if status.is_client_error() => {
                self.limit(Limit::RefusedNotices, &network, REFUSED_NOTICES, now_ms)
            }
            // Only counts: this answer is sent; the next request is refused.
            Audience::Payer if status == StatusCode::NOT_FOUND => {
                let _ = self.limit(Limit::Unknown, &network, UNKNOWN, now_ms);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The name of the bucket of this limit for this caller.
fn bucket(of: Limit, who: &str) -> String {
    format!("{} {who}", of.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        per_minute: 60,
        at_most: 3,
    };

    #[test]
    fn a_bucket_empties_and_fills() {
        let limits = Limits::default();
        let take = |who: &str, now_ms| limits.take(who.to_owned(), RATE, now_ms);
        assert_eq!(
            [0; 5].map(|_| take("a", 1_000)),
            [true, true, true, false, false]
        );
        assert!(take("b", 1_000), "another's is another's");
        assert!(!limits.is_left("a", 1_999));
        assert!(limits.is_left("a", 2_000) && limits.is_left("unknown", 0));
        assert_eq!(
            [2_000, 2_000, 2_500, 3_000].map(|at| take("a", at)),
            [true, false, false, true]
        );
        assert_eq!(
            [0; 4].map(|_| take("a", 99_000_000)),
            [true, true, true, false]
        );
        // A clock that was set back adds no tokens, and blocks no client for
        // long.
        assert!(!take("a", 0));
        assert!(take("a", 1_000));
    }

    #[test]
    fn memory_is_bounded() {
        let limits = Limits::default();
        for n in 0..=BUCKETS {
            assert!(limits.take(n.to_string(), RATE, 0));
        }
        assert!(limits.buckets.borrow().len() <= BUCKETS);
        // The full buckets are removed first.
        let limits = Limits::default();
        limits.take("old".to_owned(), RATE, 0);
        for _ in 0..3 {
            limits.take("busy".to_owned(), RATE, 60_000);
        }
        for n in 0..BUCKETS {
            limits.take(n.to_string(), RATE, 60_000);
        }
        assert!(!limits.buckets.borrow().contains_key("old"));
    }

    #[test]
    fn many_names_remove_only_the_oldest_buckets() {
        let limits = Limits::default();
        let take = |who: &str, now_ms| limits.take(who.to_owned(), RATE, now_ms);
        for _ in 0..3 {
            take("guesses", 90_000);
        }
        // Each is half empty, so it is kept.
        for n in 0..BUCKETS * 2 {
            let now_ms = 90_000 + i64::try_from(n / 1000).unwrap();
            take(&n.to_string(), now_ms);
            take(&n.to_string(), now_ms);
            take("guesses", now_ms);
        }
        assert!(!take("guesses", 90_100), "its tokens did not come back");
        assert!(
            limits.buckets.borrow().len() > BUCKETS / 2,
            "not all were cleared"
        );
        assert!(!limits.buckets.borrow().contains_key("0"));
    }
}
