//! The payers: one who follows the merchant's account, one who does not, and
//! one without money.

use crate::input::{BadInput, Input};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The header that names the payer in a request from WeChat's browser: the
/// phone adds it, and a script can.
pub const PAYER_HEADER: &str = "x-sandbox-payer";

/// A payer of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payer {
    /// Follows every official account and pays from her balance.
    Alice,
    /// Follows none and pays by credit card.
    Bob,
    /// Has one yuan: larger orders are refused with `NOTENOUGH`.
    Carol,
}

impl Payer {
    /// Every payer.
    pub const ALL: [Self; 3] = [Self::Alice, Self::Bob, Self::Carol];

    /// The name in addresses and control calls.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
            Self::Carol => "carol",
        }
    }

    /// The payer with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|payer| payer.as_str() == name)
    }

    /// The payer's openid under the application `appid`: `o` and 27 characters
    /// of `A-Z a-z 0-9 _ -`, constant for each pair.
    pub fn openid(self, appid: &str) -> String {
        let digest = Sha256::digest(format!("openid\n{appid}\n{}", self.as_str()));
        let mut openid = String::from("o");
        openid.extend(URL_SAFE_NO_PAD.encode(digest).chars().take(27));
        openid
    }

    /// `Y` when the payer follows the official account.
    pub(crate) const fn is_subscribe(self) -> &'static str {
        match self {
            Self::Alice => "Y",
            Self::Bob | Self::Carol => "N",
        }
    }

    /// The payment method: its name on the sheet, and WeChat's `bank_type`.
    /// With `limit_pay=no_credit` only a debit card is used.
    pub(crate) const fn method(self, no_credit: bool) -> (&'static str, &'static str) {
        match (self, no_credit) {
            (Self::Alice | Self::Carol, _) => ("Balance 零钱", "CFT"),
            (Self::Bob, false) => ("CMB credit card 招商银行信用卡 (7788)", "CMB_CREDIT"),
            (Self::Bob, true) => ("CMB debit card 招商银行储蓄卡 (1024)", "CMB_DEBIT"),
        }
    }

    /// The account that receives a refund to this payer, in WeChat's text.
    pub(crate) const fn refund_account(self, no_credit: bool) -> &'static str {
        match (self, no_credit) {
            (Self::Alice | Self::Carol, _) => "支付用户零钱",
            (Self::Bob, false) => "招商银行信用卡7788",
            (Self::Bob, true) => "招商银行储蓄卡1024",
        }
    }

    /// Whether the payer pays from the balance, where refunds are quick.
    pub(crate) const fn pays_from_balance(self) -> bool {
        matches!(self, Self::Alice | Self::Carol)
    }

    /// Whether the payer has this much, in fen (a hundredth of a yuan).
    pub(crate) const fn can_pay(self, cash_fee: i64) -> bool {
        match self {
            Self::Alice | Self::Bob => true,
            Self::Carol => cash_fee <= 100,
        }
    }
}

pub(crate) fn read_payer(input: &mut Input) -> Result<Payer, BadInput> {
    let name = input.required_text("payer")?;
    Payer::from_name(&name).ok_or_else(|| input.bad("payer", "send alice, bob or carol"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scripts and tests of others contain these values, so they must never
    /// change.
    #[test]
    fn openids_are_pinned() {
        let appid = "wx5a11d0b0c0ffee01";
        for payer in Payer::ALL {
            let openid = payer.openid(appid);
            assert_eq!(openid.len(), 28);
            assert!(openid.starts_with('o'));
            assert_ne!(openid, payer.openid("wx5a11d0b0c0ffee02"));
        }
        assert_eq!(Payer::Alice.openid(appid), "opdKshxGuUXzdCP7WkZt68mtbXF4");
    }
}
