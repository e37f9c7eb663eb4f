//! The functions that answer requests, in directories by caller.
//!
//! | directory or file | who calls |
//! |---|---|
//! | `api/` | a merchant's program |
//! | `console/` | a person of a merchant's staff |
//! | `payer/` | a payer's browser or Mini Program |
//! | `notify/` | WeChat Pay, iOnline Pay |
//! | `admin/` | the deployment's operator |
//! | `audit.rs`, `doctor.rs` | a merchant's program or the operator |
//! | `assets.rs` | a browser, for the page's own files |
//! | `site.rs` | a person who opens the gateway's address, or the API's reference |
//!
//! Each endpoint of the table of routes has a free function of its name here:
//! it reads the request, authenticates the caller with `auth`, calls the
//! merchant's book or the upstream through
//! [`Services`](crate::services::Services), and writes the answer. A handler
//! never imports another one; the parts that several share are in `answers.rs`
//! and in the directories' `mod.rs`.

pub mod admin;
mod answers;
pub mod api;
pub mod assets;
pub mod audit;
pub mod console;
pub mod doctor;
pub mod notify;
pub mod payer;
pub mod site;
