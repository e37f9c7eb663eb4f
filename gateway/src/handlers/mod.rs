//! What answers each request, by its caller.
//!
//! | directory | who calls |
//! |---|---|
//! | `api/` | a merchant's program |
//! | `payer/` | a payer's browser or Mini Program |
//! | `notify/` | WeChat Pay, iOnline Pay |
//! | `admin/` | the deployment's operator |
//! | `assets.rs` | a browser, for the page's own files |

pub mod admin;
pub mod api;
pub mod assets;
pub mod notify;
pub mod payer;
