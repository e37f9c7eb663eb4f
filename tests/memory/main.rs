//! Whole payments in memory, under a clock that the test moves.

mod api;
mod lies;
mod payments;
mod sign_in;
