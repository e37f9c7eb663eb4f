//! The page's ear: whether the server says by itself that there is something
//! new to see, or has to be asked again and again.
//!
//! ```text
//!         Listen            "look"                no answer to a ping
//!   Deaf ───────> Opening ─────────> Hearing ───────────────────┐
//!    ^  <─────────── closed, too slow ──┘ ^                     │
//!    │                                    └ "look", "pong"      │
//!    └──────────────── waits, longer each time <────────────────┘
//! ```

use crate::flow::Effect;

/// How long a connection may take to be made, ms.
const OPENING_PATIENCE_MS: i64 = 10_000;
/// The first wait before another try, ms; each is twice as long as the one
/// before, up to a minute or so.
const AGAIN_MS: i64 = 1_000;
const LONGEST_AGAIN: u32 = 6;

/// What came over the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// There may be something new to see.
    Look,
    /// The answer to [`Effect::Ping`].
    Pong,
    /// It was closed, or could not be made.
    Closed,
}

/// The connection, as far as the flow knows.
#[derive(Clone, Copy, Debug)]
enum State {
    /// There is none, and none is tried before this moment.
    Deaf { until_ms: i64 },
    /// It is being made.
    Opening { since_ms: i64 },
    /// It works, as far as anybody knows.
    Hearing {
        /// Something came since it was last asked for a sign of life.
        alive: bool,
    },
}

/// The page's ear.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ear {
    state: State,
    failures: u32,
}

impl Ear {
    pub(crate) const fn new() -> Ear {
        Ear {
            state: State::Deaf { until_ms: 0 },
            failures: 0,
        }
    }

    /// Whether the server says by itself when there is something new.
    pub(crate) fn hears(&self) -> bool {
        matches!(self.state, State::Hearing { .. })
    }

    /// Takes in what came. Returns whether an ear that heard was lost by it.
    pub(crate) fn heard(&mut self, heard: Heard, now_ms: i64) -> bool {
        let heard_before = self.hears();
        match heard {
            Heard::Closed => {
                self.lose(now_ms);
                return heard_before;
            }
            // Only a connection that lasts makes up for those that did not.
            Heard::Pong => self.failures = 0,
            Heard::Look => {}
        }
        self.state = State::Hearing { alive: true };
        false
    }

    /// What to do about the connection, now that the page is awake: make it,
    /// look after it, or give it up. Every few seconds at most.
    pub(crate) fn turn(&mut self, now_ms: i64) -> Option<Effect> {
        match &mut self.state {
            State::Deaf { until_ms } if now_ms >= *until_ms => {
                self.state = State::Opening { since_ms: now_ms };
                Some(Effect::Listen)
            }
            State::Hearing { alive } if *alive => {
                *alive = false;
                Some(Effect::Ping)
            }
            State::Opening { since_ms } if now_ms < *since_ms + OPENING_PATIENCE_MS => None,
            State::Deaf { .. } => None,
            State::Opening { .. } | State::Hearing { .. } => {
                self.lose(now_ms);
                Some(Effect::Hush)
            }
        }
    }

    /// Nothing needs to be heard. Returns whether there is something to close.
    /// The next time, a connection is made without waiting.
    pub(crate) fn rest(&mut self) -> bool {
        let deaf = matches!(self.state, State::Deaf { .. });
        *self = Ear::new();
        !deaf
    }

    /// Waits before the next try, each page a little differently: their clocks
    /// began at different moments, and a server that comes back is not asked by
    /// all of them at once.
    fn lose(&mut self, now_ms: i64) {
        let wait_ms = AGAIN_MS << self.failures.min(LONGEST_AGAIN);
        self.failures += 1;
        self.state = State::Deaf {
            until_ms: now_ms + wait_ms + now_ms % wait_ms,
        };
    }
}
