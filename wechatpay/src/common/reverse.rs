//! When a Quick Pay order can be reversed, and when to repeat the request.

/// How long after the order is made it may be reversed: 15 seconds.
pub const EARLIEST_SECONDS: i64 = 15;

/// How long after the order is made it can still be reversed: 7 days.
pub const LATEST_SECONDS: i64 = 7 * 86_400;

/// The pauses in seconds before each repetition (Q7).
pub const RETRY_SECONDS: [u32; 3] = [5, 10, 20];
