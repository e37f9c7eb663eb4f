//! The fault profile of a seed: how often what goes wrong.

use memory_runtime::random::Random;

/// What happens to one request of a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// Its answer is late by this many milliseconds.
    AnswerLate(i64),
    /// It arrives late by this many milliseconds.
    RequestLate(i64),
    /// It arrives twice: first with a corrupted signature, then, late by this
    /// many milliseconds, as it was sent.
    CorruptedFirst(i64),
}

/// What is wrong with the client certificates of API v2 for a while.
#[derive(Debug, Clone, Copy)]
pub(super) enum WrongCertificate {
    /// The deployment has no such bindings.
    Missing,
    /// They have expired.
    Expired,
    /// They belong to another merchant.
    AnotherMerchants,
}

/// How often faults happen: once in this many times, never for zero. Each seed
/// has its own rates, because a defect often shows only if something else
/// works.
#[derive(Debug, Clone)]
pub struct FaultProfile {
    /// A message is lost.
    pub lost: usize,
    /// A message arrives twice.
    pub twice: usize,
    /// A message takes seconds.
    pub slow: usize,
    /// A message arrives corrupted.
    pub corrupted: usize,
    /// A server in between answers 502 instead.
    pub broken: usize,
    /// A poll is the last one before its isolate or object crashes.
    pub crash: usize,
    /// WeChat refuses a call with a code that says nothing.
    pub busy: usize,
    /// The gateway's clock jumps this many times in total.
    pub jumps: usize,
    /// A merchant does not acknowledge a delivery.
    pub unacknowledged: usize,
    /// An answer or a notice of `APIv3` is forged.
    pub forged: usize,
    /// A database refuses a statement.
    pub refuses: usize,
}

impl FaultProfile {
    /// The fault profile of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let random = Random::of(seed, 3);
        // Often a fault does not occur at all.
        let often = |rates: &[usize]| match random.one_in(3) {
            true => 0,
            false => random.pick(rates),
        };
        Self {
            lost: often(&[4, 10, 30]),
            twice: often(&[6, 20]),
            slow: often(&[6, 20]),
            corrupted: often(&[12, 40]),
            broken: often(&[15, 40]),
            crash: often(&[60, 150, 400]),
            busy: often(&[10, 30]),
            jumps: often(&[1, 2]),
            unacknowledged: often(&[2, 4]),
            forged: often(&[8, 25]),
            refuses: {
                // From a random stream of its own, so that the rest of a seed
                // did not change.
                let random = Random::of(seed, 5);
                match random.one_in(4) {
                    true => random.pick(&[100, 300, 1_000]),
                    false => 0,
                }
            },
        }
    }
}
