//! What iOnline does not say on the wire.

use order::{Account, Currency};

/// What a merchant's configuration says and the wire need not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merchant<'a> {
    /// `appid` is the merchant's own application, which the wire calls
    /// `sub_appid`; `mch_id` is the MID. There are no sub-merchants.
    pub account: &'a Account,
    /// The currency of every amount.
    pub currency: Currency,
}
