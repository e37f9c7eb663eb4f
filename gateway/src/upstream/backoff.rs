//! Back-off: which calls WeChat has refused as too frequent for the account,
//! and until when they are not sent.
//!
//! Each call of each account has a pause of its own: 5 seconds, and twice as
//! long after each further refusal in a row, up to 5 minutes. For Quick Pay,
//! where a payer waits at a till, it is 1 second, up to 30. Any other answer
//! ends the pause.

use crate::observe::labels::Limited;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// The first and the longest pause of a call, in milliseconds.
const fn pauses_ms(call: Limited) -> (i64, i64) {
    match call {
        Limited::QuickPay => (1_000, 30_000),
        _ => (5_000, 5 * 60_000),
    }
}

/// After consecutive refusals for this long an alarm is raised.
const LONG_MS: i64 = 5 * 60_000;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Pause {
    until_ms: i64,
    pause_ms: i64,
    /// The first of these consecutive refusals.
    since_ms: i64,
}

/// The effect of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// No new pause.
    Nothing,
    /// A new pause.
    Paused,
    /// A new pause, after refusals for five minutes.
    PausedLong,
}

/// The pauses of one book, or of the gateway's own calls. Keys are the `mch_id`
/// and the call, because WeChat limits each account.
#[derive(Debug, Default)]
pub struct Backoff {
    pauses: RefCell<BTreeMap<(String, Limited), Pause>>,
    changed: Cell<bool>,
}

impl Backoff {
    /// Whether the call is not to be sent now. A pause that is longer than
    /// possible was caused by a change of the clock, and is ignored.
    pub fn is_paused(&self, mch_id: &str, call: Limited, now_ms: i64) -> bool {
        let (_, longest_ms) = pauses_ms(call);
        self.pauses
            .borrow()
            .get(&(mch_id.to_owned(), call))
            .is_some_and(|pause| (1..=longest_ms).contains(&(pause.until_ms - now_ms)))
    }

    /// Records an answer of WeChat's. Refusals during a pause belong to
    /// requests that were in flight, and do not lengthen it.
    pub fn answered(
        &self,
        mch_id: &str,
        call: Limited,
        is_too_often: bool,
        now_ms: i64,
    ) -> Followed {
        let key = (mch_id.to_owned(), call);
        if !is_too_often {
            if self.pauses.borrow_mut().remove(&key).is_some() {
                self.changed.set(true);
            }
            return Followed::Nothing;
        }
        if self.is_paused(mch_id, call, now_ms) {
            return Followed::Nothing;
        }
        let (first_ms, longest_ms) = pauses_ms(call);
        let mut pauses = self.pauses.borrow_mut();
        let before = pauses.get(&key);
        let pause_ms = before.map_or(first_ms, |pause| {
            pause.pause_ms.saturating_mul(2).clamp(first_ms, longest_ms)
        });
        let since_ms = before.map_or(now_ms, |pause| pause.since_ms);
        let pause = Pause {
            until_ms: now_ms + pause_ms,
            pause_ms,
            since_ms,
        };
        pauses.insert(key, pause);
        self.changed.set(true);
        match now_ms - since_ms >= LONG_MS {
            true => Followed::PausedLong,
            false => Followed::Paused,
        }
    }

    /// The pauses as JSON, if they changed since they were last taken.
    pub fn take_changed(&self) -> Option<String> {
        let pauses: Vec<_> = match self.changed.replace(false) {
            true => self
                .pauses
                .borrow()
                .iter()
                .map(|(key, pause)| (key.clone(), *pause))
                .collect(),
            false => return None,
        };
        serde_json::to_string(&pauses).ok()
    }

    /// Restores stored pauses. Unreadable ones are dropped: WeChat's next
    /// refusal sets them again.
    pub fn restore(&self, kept: &str) {
        let kept: Vec<((String, Limited), Pause)> =
            serde_json::from_slice(kept.as_bytes()).unwrap_or_default();
        self.pauses.replace(kept.into_iter().collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MCH: &str = "1900000109";

    #[test]
    fn a_pause_doubles_with_each_refusal_in_a_row_and_ends_with_another_answer() {
        let backoff = Backoff::default();
        let mut now_ms = 1_000_000;
        for seconds in [5, 10, 20, 40, 80, 160, 300, 300] {
            assert!(!backoff.is_paused(MCH, Limited::Refund, now_ms));
            backoff.answered(MCH, Limited::Refund, true, now_ms);
            assert!(backoff.is_paused(MCH, Limited::Refund, now_ms + seconds * 1000 - 1));
            now_ms += seconds * 1000;
        }
        backoff.answered(MCH, Limited::Refund, true, now_ms);
        assert!(backoff.is_paused(MCH, Limited::Refund, now_ms));
        backoff.answered(MCH, Limited::Refund, false, now_ms);
        assert!(!backoff.is_paused(MCH, Limited::Refund, now_ms));
        backoff.answered(MCH, Limited::Refund, true, now_ms);
        assert!(
            !backoff.is_paused(MCH, Limited::Refund, now_ms + 5000),
            "short again"
        );
    }

    #[test]
    fn each_call_of_each_account_is_paused_alone() {
        let backoff = Backoff::default();
        backoff.answered(MCH, Limited::Close, true, 0);
        assert!(backoff.is_paused(MCH, Limited::Close, 1));
        assert!(!backoff.is_paused(MCH, Limited::Refund, 1));
        assert!(!backoff.is_paused("1900000110", Limited::Close, 1));
    }

    #[test]
    fn refusals_of_requests_in_flight_do_not_lengthen_the_pause() {
        let backoff = Backoff::default();
        assert_eq!(
            backoff.answered(MCH, Limited::Query, true, 0),
            Followed::Paused
        );
        for at_ms in 1..5 {
            let followed = backoff.answered(MCH, Limited::Query, true, at_ms);
            assert_eq!(followed, Followed::Nothing);
        }
        assert!(!backoff.is_paused(MCH, Limited::Query, 5_000));
    }

    #[test]
    fn refusals_for_five_minutes_raise_an_alarm() {
        let backoff = Backoff::default();
        assert_eq!(
            backoff.answered(MCH, Limited::Close, true, 0),
            Followed::Paused
        );
        let followed = backoff.answered(MCH, Limited::Close, true, LONG_MS - 1);
        assert_eq!(followed, Followed::Paused);
        let followed = backoff.answered(MCH, Limited::Close, true, 2 * LONG_MS);
        assert_eq!(followed, Followed::PausedLong);
    }

    #[test]
    fn a_quick_pay_is_paused_for_a_second_first_and_for_30_seconds_at_most() {
        let backoff = Backoff::default();
        let mut now_ms = 0;
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            backoff.answered(MCH, Limited::QuickPay, true, now_ms);
            assert!(backoff.is_paused(MCH, Limited::QuickPay, now_ms + seconds * 1000 - 1));
            now_ms += seconds * 1000;
            assert!(!backoff.is_paused(MCH, Limited::QuickPay, now_ms));
        }
    }

    #[test]
    fn a_clock_that_was_set_back_pauses_nothing_for_hours() {
        let backoff = Backoff::default();
        backoff.answered(MCH, Limited::Refund, true, 10_000_000);
        assert!(!backoff.is_paused(MCH, Limited::Refund, 1_000_000));
    }

    #[test]
    fn pauses_survive_a_restart_of_the_object() {
        let backoff = Backoff::default();
        assert_eq!(backoff.take_changed(), None);
        backoff.answered(MCH, Limited::Refund, true, 0);
        let kept = backoff.take_changed().unwrap();
        assert_eq!(backoff.take_changed(), None);
        let again = Backoff::default();
        again.restore(&kept);
        assert!(again.is_paused(MCH, Limited::Refund, 4_999));
        again.restore("[no JSON");
        assert!(!again.is_paused(MCH, Limited::Refund, 4_999));
    }
}
