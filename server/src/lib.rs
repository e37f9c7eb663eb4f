//! The gateway and the sandbox of WeChat as a native program, with one
//! directory of SQLite files.
//!
//! ```text
//! connection ─▶ thread ─▶ Gateway ─▶ call ─▶ the book's thread ─▶ Book ─▶ SQLite
//!               (any)                 │                                    │
//!                                     └──────────── answer ◀── output gate ┘
//! ```
//!
//! Each thread runs a single-threaded executor, like an isolate of the Workers
//! runtime. A merchant's book belongs to one thread, chosen by a hash of its
//! name, so two requests never access its database at the same time.
//!
//! This crate is the runtime and makes no decisions: requests are handled in
//! crate `gateway`, and WeChat's answers come from crate `sandbox`.

#![allow(
    clippy::print_stdout,
    reason = "a program for the terminal and its log"
)]

mod backup;
mod channels;
pub mod cli;
mod client;
mod clock;
pub mod commands;
mod encoding;
mod gate;
mod incoming;
mod listeners;
mod log;
mod object_name;
mod objects;
mod proxies;
mod rsa;
mod runtime;
mod storage;
mod threads;
mod tls;
mod wechat;
