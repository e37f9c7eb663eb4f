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
//! | [`console`] | the console: people in every role, and a day of sales |
//! | [`staff`] | who they are, and how the console is opened |
//! | [`credentials`] | the keys and passwords of a run, kept for the next one |
//! | [`listing`] | the list that is printed, and the variables for the commands of the documents |
//! | [`files`] | the files that a run keeps |
//! | [`static_host`] | the page as on a merchant's own host |
//! | [`http`] | a JSON client for loopback |
//! | [`failure`] | errors that say which step failed and what to do now |

pub mod console;
pub mod credentials;
pub mod failure;
pub mod files;
pub mod fill;
pub mod http;
pub mod listing;
pub mod merchants;
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
