//! Authenticates callers: keys, tokens, people's and payers' sessions.
//!
//! | file | who is authenticated, and by what |
//! |---|---|
//! | `keys.rs` | a merchant's program by its api-key and api-secret or an api-token; the operator by `ADMIN_TOKEN` |
//! | `people.rs` | a person of a merchant's staff by the session in a cookie, and what the role permits |
//! | `password.rs` | what a person's password must be, and its hash |
//! | `totp.rs` | a person's second factor |
//! | `idempotency.rs` | no one: it reads the `Idempotency-Key` of an authenticated caller |
//! | `sessions.rs` | a payer's browser by a signed cookie that contains an openid |
//! | `oauth.rs` | a payer by the code that WeChat gave the browser or the Mini Program |

pub mod idempotency;
pub mod keys;
pub mod oauth;
pub mod password;
pub mod people;
pub mod sessions;
pub mod totp;
