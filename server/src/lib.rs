//! The gateway and the sandbox of WeChat on a machine of one's own: one
//! program, one directory of SQLite files.
//!
//! ```text
//! connection ─▶ thread ─▶ Gateway ─▶ call ─▶ the book's thread ─▶ Book ─▶ SQLite
//!               (any)                 │                                    │
//!                                     └──────────── answer ◀── output gate ┘
//! ```
//!
//! Everything of one thread runs on a single-threaded executor, as in an
//! isolate of the Workers runtime. A merchant's book belongs to one thread,
//! chosen by a hash of its name, so that two requests never touch its database
//! at the same time.
//!
//! This room is the runtime and decides nothing: what is done with a request
//! is in room `gateway`, what WeChat answers in room `sandbox`.

#![allow(
    clippy::print_stdout,
    reason = "a program for the terminal and its log"
)]

mod client;
mod encoding;
mod gate;
mod incoming;
mod listeners;
mod objects;
mod rsa;
mod runtime;
mod storage;
mod threads;
mod wechat;

pub use client::Upstreams;
pub use objects::open_directory;
pub use threads::{Deployment, Threads};
pub use wechat::SandboxServer;
