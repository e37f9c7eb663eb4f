//! The whole product in memory: the real gateway on real SQLite, joined to
//! the real sandbox, under a clock that only a test moves.
//!
//! Requests arrive at once and in order; what may go wrong is asked for with
//! [`Memory::upstream`] and [`Memory::merchant_answers`]. A crash loses what
//! an object holds in memory and keeps its database.
//!
//! Answers come at once too, unless a test asks for slow ones
//! ([`Memory::answers_take`]); the clock then moves on while everything waits.
//! As on Cloudflare, six requests of an object are under way at once; a seventh
//! waits unsent, and its time-out runs while it waits.
//!
//! | file | holds |
//! |---|---|
//! | `system.rs` | the state, the runtime and what a test changes |
//! | `shop.rs` | a merchant and its calls |
//! | `ask.rs` | what a test reads: databases, ledger, board |
//! | `registry.rs` | the registry of an earlier version |

mod ask;
mod registry;
mod shop;
mod system;

pub use crate::traffic::{Exchange, Received, Upstream};
pub use memory_runtime::{ADMIN_TOKEN, GATEWAY, START_MS};
pub use shop::Shop;
pub use system::{Memory, SHOP_NOTIFY, registry_of};
