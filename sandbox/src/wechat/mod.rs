//! WeChat itself: WeChat Pay v2, APIv3 and iOnline over one set of books, its
//! OAuth, its merchants and its payers.

pub(crate) mod accounts;
pub(crate) mod dialect;
pub(crate) mod faults;
pub(crate) mod invoke;
pub(crate) mod ionline;
pub(crate) mod keys;
pub(crate) mod mweb;
pub(crate) mod notices;
pub(crate) mod oauth;
pub(crate) mod orders;
pub(crate) mod paycodes;
pub(crate) mod payers;
pub(crate) mod platform;
pub(crate) mod product;
pub(crate) mod refunds;
pub(crate) mod rsa;
pub(crate) mod rules;
pub(crate) mod v2;
pub(crate) mod v3;
