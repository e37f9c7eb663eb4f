//! The configuration that iOnline's messages do not contain.

use order::{Account, Currency};

/// The part of a merchant's configuration that messages need not contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merchant<'a> {
    /// `appid` is the merchant's own application, which the wire calls
    /// `sub_appid`; `mch_id` is the MID. There are no sub-merchants.
    pub account: &'a Account,
    /// The currency of every amount.
    pub currency: Currency,
}
