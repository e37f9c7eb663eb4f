//! How often one caller may ask: buckets of tokens in an isolate's memory.
//!
//! | who | is limited |
//! |---|---|
//! | an api-key, or api-token | in all its calls, so that one merchant's peak is not another's wait |
//! | an address that shows wrong keys | in learning that they are wrong, and in a flood in being heard |
//! | an address | on payers' pages, generously: a carrier's whole town can be behind it |
//! | a checkout | in what leads to WeChat |
//!
//! What isolates share are their machines, and what merchants share is an
//! isolate; so that is where it is counted, and a new isolate counts from
//! nothing. Notices from WeChat are not limited: they are verified. Those that
//! are refused are, by address; and so is asking for what does not exist.

use crate::Gateway;
use crate::cache::forget_oldest;
use crate::http::error::{ApiError, Code};
use crate::http::message::header_text;
use crate::observe::RequestContext;
use crate::route::RateClass;
use crate::runtime::{Request, Response, Runtime};
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that come in a minute.
    pub per_minute: i64,
    /// Tokens at most.
    pub at_most: i64,
}

/// Of wrong keys from one address.
pub const WRONG_KEYS: Rate = Rate {
    per_minute: 10,
    at_most: 20,
};
/// Of wrong keys from one address before it is not heard any more, with right
/// ones neither: no forgotten program asks as often.
pub const FLOOD: Rate = Rate {
    per_minute: 600,
    at_most: 600,
};
/// Of an address on payers' pages: polls of many payers behind one carrier.
pub const PAGES: Rate = Rate {
    per_minute: 12_000,
    at_most: 4_000,
};
/// Of an address in what makes or draws something, or leads to WeChat.
pub const MUTATIONS: Rate = Rate {
    per_minute: 1_200,
    at_most: 400,
};
/// Of one address in notices that are refused. Notices that are believed are
/// never limited, regardless of other notices from the same address.
pub const REFUSED_NOTICES: Rate = Rate {
    per_minute: 60,
    at_most: 120,
};
/// Of one address in checkouts, links and merchants that do not exist.
pub const UNKNOWN: Rate = Rate {
    per_minute: 600,
    at_most: 600,
};
/// Of one checkout in what leads to WeChat.
pub const CHECKOUT: Rate = Rate {
    per_minute: 60,
    at_most: 60,
};
/// How many seconds a merchant's peak may last before its rate counts.
const PEAK_SECONDS: i64 = 20;

impl Rate {
    /// Of one api-key.
    pub const fn of_key(calls_per_second: i64) -> Self {
        Self {
            per_minute: calls_per_second * 60,
            at_most: calls_per_second * PEAK_SECONDS,
        }
    }
}

/// A token in a bucket's own unit: so many come in a millisecond as tokens in
/// a minute.
const TOKEN: i64 = 60_000;
/// Past so many, those that are full are forgotten; then the oldest.
const BUCKETS: usize = 20_000;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    filled: i64,
    at_ms: i64,
}

/// The buckets.
#[derive(Debug, Default)]
pub struct Limits(RefCell<HashMap<String, (Bucket, Rate)>>);

impl Bucket {
    /// As it stands now. A clock that was set back fills nothing.
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
    /// Takes a token; `false` when there is none.
    pub fn take(&self, name: String, rate: Rate, now_ms: i64) -> bool {
        let mut buckets = self.0.borrow_mut();
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
        let buckets = self.0.borrow();
        let bucket = buckets.get(name);
        bucket.is_none_or(|(bucket, rate)| bucket.at(*rate, now_ms).filled >= TOKEN)
    }
}

impl<R: Runtime> Gateway<R> {
    /// Before a request is looked at: who has asked too often for what does not
    /// exist, or sent too many notices that were refused, reaches no object
    /// that is not known to be there.
    pub(crate) fn limit_unknown(&self, request: &Request, id: &str) -> Result<(), ApiError> {
        let Some(address) = address(request) else {
            return Ok(());
        };
        let now_ms = self.runtime.now_ms();
        let is_left = |of: &str| self.limits.is_left(&format!("{of} {address}"), now_ms);
        let may = match RequestContext::current().who.as_str() {
            "wechat" => is_left("refused_notices") || self.directory.knows(id, now_ms),
            "payer" => is_left("unknown"),
            _ => true,
        };
        match may {
            true => Ok(()),
            false => {
                self.counters.count("limited:unknown");
                Err(ApiError::of(Code::RateLimited))
            }
        }
    }

    /// Counts an answer that refuses a notice, or says that something does not
    /// exist; past the limit it says no more than that there were too many.
    pub(crate) fn limit_refused(&self, request: &Request, response: Response) -> Response {
        let Some(address) = address(request) else {
            return response;
        };
        let limited = match (
            RequestContext::current().who.as_str(),
            response.status().as_u16(),
        ) {
            ("wechat", 400..=499) => self.limit("refused_notices", &address, REFUSED_NOTICES),
            // Its page has said so already; the next one is not looked up.
            ("payer", 404) => {
                let _ = self.limit("unknown", &address, UNKNOWN);
                return response;
            }
            _ => return response,
        };
        limited.map_or_else(|error| error.response(), |()| response)
    }

    /// Refuses where nothing is left of a limit, and takes nothing from it.
    pub(crate) fn limit_left(&self, of: &str, who: &str) -> Result<(), ApiError> {
        match self
            .limits
            .is_left(&format!("{of} {who}"), self.runtime.now_ms())
        {
            true => Ok(()),
            false => {
                self.counters.count(&format!("limited:{of}"));
                Err(ApiError::of(Code::RateLimited))
            }
        }
    }

    /// One more of what may be done so often.
    pub(crate) fn limit(&self, of: &str, who: &str, rate: Rate) -> Result<(), ApiError> {
        let name = format!("{of} {who}");
        match self.limits.take(name, rate, self.runtime.now_ms()) {
            true => Ok(()),
            false => {
                self.counters.count(&format!("limited:{of}"));
                Err(ApiError::of(Code::RateLimited))
            }
        }
    }

    /// Applies the limit of a payer's call before it is answered. Without a
    /// client address no per-address limit applies.
    pub(crate) fn limit_payer(&self, request: &Request, rate: RateClass) -> Result<(), ApiError> {
        let (name, per_address) = match rate {
            RateClass::Own => return Ok(()),
            RateClass::Page => ("pages", PAGES),
            RateClass::Mutation | RateClass::CheckoutMutation => ("mutations", MUTATIONS),
        };
        if let Some(address) = address(request) {
            self.limit(name, &address, per_address)?;
        }
        if rate != RateClass::CheckoutMutation {
            return Ok(());
        }
        let query = crate::http::message::query(request);
        let checkout = query.get("s").map(String::as_str).unwrap_or_default();
        self.limit("checkout", checkout.get(..64).unwrap_or(checkout), CHECKOUT)
    }

    /// Checks a key that a caller presents. After too many wrong ones from an
    /// address, more are not answered with what is wrong; right ones still
    /// pass, because their owner may sit behind the same address. A flood is
    /// not even heard. Without a client address no per-address limit applies.
    pub(crate) async fn guess<T>(
        &self,
        request: &Request,
        key: &str,
        check: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let Some(address) = address(request) else {
            return check.await;
        };
        let now_ms = self.runtime.now_ms();
        let name = format!("wrong {key} {address}");
        let flood = format!("flood of {name}");
        let refused = || {
            self.counters.count("limited:wrong_keys");
            Err(ApiError::of(Code::TooManyWrongKeys))
        };
        if !self.limits.is_left(&flood, now_ms) {
            return refused();
        }
        match check.await {
            Err(error) if error.code.status() == 401 => {
                self.limits.take(flood, FLOOD, now_ms);
                match self.limits.take(name, WRONG_KEYS, now_ms) {
                    true => Err(error),
                    false => refused(),
                }
            }
            checked => checked,
        }
    }
}

/// The sender's address, as Cloudflare or a proxy tells it: of IPv6 the half
/// that a provider gives to one customer.
pub fn address(request: &Request) -> Option<String> {
    let text = header_text(request, "cf-connecting-ip")?;
    // An IPv4 address in IPv6's clothes is one customer's, and not one of all.
    Some(match text.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::")
        }
    })
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
        // A clock that jumps back adds no tokens, and locks no client out for long.
        assert!(!take("a", 0));
        assert!(take("a", 1_000));
    }

    #[test]
    fn memory_is_bounded() {
        let limits = Limits::default();
        for n in 0..=BUCKETS {
            assert!(limits.take(n.to_string(), RATE, 0));
        }
        assert!(limits.0.borrow().len() <= BUCKETS);
        // The full ones go first.
        let limits = Limits::default();
        limits.take("old".to_owned(), RATE, 0);
        for _ in 0..3 {
            limits.take("busy".to_owned(), RATE, 60_000);
        }
        for n in 0..BUCKETS {
            limits.take(n.to_string(), RATE, 60_000);
        }
        assert!(!limits.0.borrow().contains_key("old"));
    }

    #[test]
    fn many_names_make_the_oldest_bucket_go_and_no_other() {
        let limits = Limits::default();
        let take = |who: &str, now_ms| limits.take(who.to_owned(), RATE, now_ms);
        for _ in 0..3 {
            take("guesses", 90_000);
        }
        // Each is half empty and so worth keeping.
        for n in 0..BUCKETS * 2 {
            let now_ms = 90_000 + i64::try_from(n / 1000).unwrap();
            take(&n.to_string(), now_ms);
            take(&n.to_string(), now_ms);
            take("guesses", now_ms);
        }
        assert!(!take("guesses", 90_100), "its tokens did not come back");
        assert!(
            limits.0.borrow().len() > BUCKETS / 2,
            "not all were cleared"
        );
        assert!(!limits.0.borrow().contains_key("0"));
    }

    #[test]
    fn an_address_is_a_customer() {
        let of = |text: &str| {
            let request = http::Request::get("https://pay.example.com/");
            address(
                &request
                    .header("cf-connecting-ip", text)
                    .body(Vec::new())
                    .unwrap(),
            )
        };
        assert_eq!(of("192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("::ffff:192.0.2.1"), of("::ffff:192.0.2.2"));
        assert_eq!(of("nobody"), None);
    }
}
