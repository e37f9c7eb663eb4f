//! Tests of the program `weceive`, which run it as a user does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test stops at the first thing that is not as it should be"
)]

mod backup;
mod clock;
mod commands;
mod dev;
mod disk;
mod listen;
mod payment;
mod sandbox;
mod shop;
mod system;
mod tls;
