//! Merchants: their settings and sealed credentials, the registry that holds
//! them, and the directory that finds them.

pub(crate) mod brand;
pub(crate) mod credentials;
pub(crate) mod directory;
pub(crate) mod idempotency;
pub(crate) mod merchant;
pub mod people;
pub mod registry;
pub(crate) mod seal;
pub(crate) mod shards;
pub(crate) mod shared_account;
pub(crate) mod time_zone;
