//! The whole product in memory: the real gateway on real SQLite, connected to
//! the real sandbox, under a clock that only a test moves.
//!
//! Requests are received at once and in order; faults are requested with
//! [`Memory::upstream`] and [`Memory::merchant_answers`]. In a crash an object
//! loses its memory and keeps its database.
//!
//! Answers are sent at once, too, unless a test requests slow ones
//! ([`Memory::answers_take`]); the clock then advances while everything waits.
//! As on Cloudflare, an object has six requests in flight at once; a seventh
//! waits unsent, and its time-out runs while it waits.
//!
//! | file | contents |
//! |---|---|
//! | `system.rs` | the state, the runtime and a test's controls |
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
