//! Fills a running gateway and sandbox with merchants and a shop, so that a
//! developer can try them at once.
//!
//! `weceive dev` and `cargo xtask dev` start different programs; what they
//! store and print is the same, and is here.
//!
//! | file | what it does |
//! |---|---|
//! | [`merchants`] | the demo merchants |
//! | [`fill`](mod@fill) | makes them at the gateway, and opens a checkout for each |
//! | [`console`] | the console of a shop: people in every role, and sales |
//! | `month`, `day` | the sales of a month, and of a day |
//! | `shop` | a shop's calls, and its payers' |
//! | [`staff`] | who the people are, and how they are signed in |
//! | [`credentials`] | the keys and passwords of a run, kept for the next one |
//! | [`listing`] | the list that is printed, and the variables for the commands of the documents |
//! | [`files`] | the files that a run keeps |
//! | [`static_host`] | the page as on a merchant's own host |
//! | [`http`] | a JSON client for loopback |
//! | [`failure`] | errors that say which step failed and what to do now |

pub mod console;
pub mod credentials;
mod day;
pub mod failure;
pub mod files;
pub mod fill;
pub mod http;
pub mod listing;
pub mod merchants;
mod month;
mod shop;
pub mod staff;
pub mod static_host;

pub use credentials::Credentials;
pub use failure::{Failure, Result};
pub use files::{wipe, write_secret};
pub use fill::{Demo, Merchant, Origins, fill, sandbox_merchants};
pub use listing::{phone, sandbox_list};
pub use merchants::{Kind, MERCHANTS};
pub use staff::Console;
pub use static_host::StaticHost;
