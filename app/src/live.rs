//! The page's WebSocket to the server: while it is connected, the server
//! announces changes; otherwise the page polls.
//!
//! ```text
//!             Connect               "look"               no answer to a ping
//!   Disconnected ───> Connecting ───────> Connected ──────────────┐
//!    ^    <──────── closed, timed out ──────┘   ^                 │
//!    │                                          └ "look", "pong"  │
//!    └──────────── back-off before the next attempt <─────────────┘
//! ```

use crate::effect::Effect;

/// Time limit for connecting, ms.
const CONNECT_TIMEOUT_MS: i64 = 10_000;
/// The first back-off, ms. It doubles with each failure, `MAX_DOUBLINGS` times
/// at most (about a minute).
const FIRST_BACKOFF_MS: i64 = 1_000;
const MAX_DOUBLINGS: u32 = 6;

/// What the connection delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveMessage {
    /// The purchase may have changed.
    Look,
    /// The answer to [`Effect::Ping`].
    Pong,
    /// The connection was closed or could not be made.
    Closed,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// No connection; the next attempt starts at `retry_at_ms` at the earliest.
    Disconnected { retry_at_ms: i64 },
    /// The handshake has begun.
    Connecting { since_ms: i64 },
    /// A message has arrived.
    Connected {
        /// A message has arrived since the last ping.
        responsive: bool,
    },
}

/// The connection as the flow sees it. It does no I/O: [`Effect`]s ask for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveConnection {
    state: State,
    failures: u32,
}

impl LiveConnection {
    pub(crate) const fn new() -> LiveConnection {
        LiveConnection {
            state: State::Disconnected { retry_at_ms: 0 },
            failures: 0,
        }
    }

    /// Whether the server announces changes over this connection.
    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { .. })
    }

    /// Applies a message. Returns whether it ended a working connection.
    pub(crate) fn received(&mut self, message: LiveMessage, now_ms: i64) -> bool {
        let was_connected = self.is_connected();
        match message {
            LiveMessage::Closed => {
                self.schedule_retry(now_ms);
                return was_connected;
            }
            // Only a connection that lasts until a ping resets the back-off.
            LiveMessage::Pong => self.failures = 0,
            LiveMessage::Look => {}
        }
        self.state = State::Connected { responsive: true };
        false
    }

    /// Connects, pings or gives up. Called every few seconds while the page is
    /// visible.
    pub(crate) fn maintain(&mut self, now_ms: i64) -> Option<Effect> {
        match &mut self.state {
            State::Disconnected { retry_at_ms } if now_ms >= *retry_at_ms => {
                self.state = State::Connecting { since_ms: now_ms };
                Some(Effect::Connect)
            }
            State::Connected { responsive } if *responsive => {
                *responsive = false;
                Some(Effect::Ping)
            }
            State::Connecting { since_ms } if now_ms < *since_ms + CONNECT_TIMEOUT_MS => None,
            State::Disconnected { .. } => None,
            State::Connecting { .. } | State::Connected { .. } => {
                self.schedule_retry(now_ms);
                Some(Effect::Disconnect)
            }
        }
    }

    /// Ends the connection because it is not needed. Returns whether there is
    /// a socket to close. The next connection is made without a back-off.
    pub(crate) fn disconnect(&mut self) -> bool {
        let disconnected = matches!(self.state, State::Disconnected { .. });
        *self = LiveConnection::new();
        !disconnected
    }

    /// Sets the back-off. `now_ms` counts from the page's start, so its
    /// remainder differs between pages: they do not all reconnect at once to a
    /// server that comes back.
    fn schedule_retry(&mut self, now_ms: i64) {
        let wait_ms = FIRST_BACKOFF_MS << self.failures.min(MAX_DOUBLINGS);
        self.failures += 1;
        self.state = State::Disconnected {
            retry_at_ms: now_ms + wait_ms + now_ms % wait_ms,
        };
    }
}
