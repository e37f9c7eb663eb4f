//! Every SQL statement of the registry's objects: functions from typed arguments
//! to typed rows.
//!
//! ```text
//! schema       the tables, and the numbered migrations that make them
//! merchants    merchants, their certificates and domain check files
//! keys         pairs of keys, and api-tokens
//! named_keys   further keys, each with a name and some scopes
//! people       people, their invitations and sessions
//! kept_answers answers that are repeated under an `Idempotency-Key`
//! pointers     names of merchants, and which merchants share an account
//! earlier      the one registry of earlier versions: its rows, and what a shard copied
//! ```
//!
//! Keys and tokens are found by their fingerprint, and SQL does not compare in
//! constant time. The time of a lookup shows at most how many first bytes of a
//! presented key's fingerprint agree with a stored one. A fingerprint is the
//! SHA-256 of a random text of 128 bits and more: its first bytes say nothing
//! about the key, and a key with given first bytes is found only by trying keys.

pub(super) mod earlier;
pub(super) mod kept_answers;
pub(super) mod keys;
pub(super) mod merchants;
pub(super) mod named_keys;
pub(super) mod people;
pub(super) mod pointers;
pub(super) mod schema;
