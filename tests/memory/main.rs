//! Whole payments in memory, under a clock that the test moves.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it should be"
)]

mod api;
mod lies;
mod merchant;
mod openapi;
mod payments;
mod sign_in;
