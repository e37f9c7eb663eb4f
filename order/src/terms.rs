//! The terms of an order: fixed when it is made, never changed after.

use crate::money::Money;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// The merchant's own order number: `1..=32` of `0-9 A-Z a-z _ - | * @` (WeChat
/// Pay v2 manual, section 4.2 (5), and Tencent's later manual for the marks).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OutTradeNo(String);

/// Why a text is not an [`OutTradeNo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OutTradeNoError {
    /// No characters at all.
    #[error("the order number must not be empty")]
    Empty,
    /// More than 32 characters.
    #[error("the order number must have at most 32 characters")]
    TooLong,
    /// A character that WeChat does not accept.
    #[error("the order number may hold only digits, letters and the marks _ - | * @")]
    BadCharacter,
}

impl OutTradeNo {
    /// The longest number that WeChat accepts.
    pub const MAX_LEN: usize = 32;

    /// Checks length and alphabet.
    pub fn new(text: &str) -> Result<Self, OutTradeNoError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-|*@".contains(&b);
        if text.is_empty() {
            Err(OutTradeNoError::Empty)
        } else if !text.bytes().all(allowed) {
            Err(OutTradeNoError::BadCharacter)
        } else if text.len() > Self::MAX_LEN {
            Err(OutTradeNoError::TooLong)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The number as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for OutTradeNo {
    type Error = OutTradeNoError;
    fn try_from(text: String) -> Result<Self, OutTradeNoError> {
        Self::new(&text)
    }
}

impl From<OutTradeNo> for String {
    fn from(number: OutTradeNo) -> Self {
        number.0
    }
}

impl std::fmt::Display for OutTradeNo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the payer pays (WeChat's `trade_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TradeType {
    /// Inside WeChat: an official account's page or a Mini Program.
    Jsapi,
    /// The payer scans a QR code.
    Native,
    /// A mobile app through WeChat's SDK.
    App,
    /// A phone's browser outside WeChat (H5).
    Mweb,
    /// Quick Pay: the merchant scans the payer's code.
    Micropay,
}

impl TradeType {
    /// Every trade type.
    pub const ALL: [Self; 5] = [
        Self::Jsapi,
        Self::Native,
        Self::App,
        Self::Mweb,
        Self::Micropay,
    ];

    /// WeChat's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jsapi => "JSAPI",
            Self::Native => "NATIVE",
            Self::App => "APP",
            Self::Mweb => "MWEB",
            Self::Micropay => "MICROPAY",
        }
    }

    /// The trade type with this exact name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == name)
    }
}

/// The account at WeChat that receives the money. A direct merchant has `appid`
/// and `mch_id`; an institution's merchant also has its `sub_` numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Account {
    /// The application that the payer's `openid` belongs to.
    pub appid: String,
    /// The merchant id that signs.
    pub mch_id: String,
    /// The sub-merchant's application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_appid: Option<String>,
    /// The sub-merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_mch_id: Option<String>,
}

impl Account {
    /// The application whose `openid` identifies the payer and whose id the
    /// payment package names: the sub-merchant's if there is one.
    pub fn payer_appid(&self) -> &str {
        self.sub_appid.as_deref().unwrap_or(&self.appid)
    }

    /// The same account for a payer of another application, such as the
    /// merchant's Mini Program, which is the `sub_appid` of an institution's
    /// merchant.
    pub fn with_payer_appid(&self, appid: &str) -> Self {
        let mut account = self.clone();
        match account.sub_mch_id {
            Some(_) => account.sub_appid = Some(appid.to_owned()),
            None => account.appid = appid.to_owned(),
        }
        account
    }
}

/// The terms of an order. The same number with other terms is another order,
/// and is refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Terms {
    /// The merchant's number.
    pub out_trade_no: OutTradeNo,
    /// The account the order was made under.
    pub account: Account,
    /// The description that the payer sees.
    pub body: String,
    /// The amount.
    pub money: Money,
    /// The trade type.
    pub trade_type: TradeType,
    /// The payer, if known when the order is made (JSAPI).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openid: Option<String>,
    /// The merchant's own data, returned unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<String>,
    /// The address to which the merchant's notice is delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify_url: Option<String>,
    /// The merchant's own names and texts, which WeChat does not receive.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The latest moment to pay (WeChat's `time_expire`).
    pub expires_at_ms: i64,
}

impl Terms {
    /// The first field in which a repeated request differs, by the API's name;
    /// `None` if it asks for the same order again. The expiry is not compared,
    /// because it counts from the first request.
    pub fn first_difference(&self, other: &Self) -> Option<&'static str> {
        let Self {
            out_trade_no,
            account,
            body,
            money,
            trade_type,
            openid,
            attach,
            notify_url,
            metadata,
            expires_at_ms: _,
        } = self;
        [
            (out_trade_no != &other.out_trade_no, "out_trade_no"),
            (
                money.amount_minor() != other.money.amount_minor(),
                "total_fee",
            ),
            (money.currency() != other.money.currency(), "fee_type"),
            (trade_type != &other.trade_type, "trade_type"),
            (openid != &other.openid, "open_id"),
            (body != &other.body, "body"),
            (attach != &other.attach, "attach"),
            (notify_url != &other.notify_url, "notify_url"),
            (metadata != &other.metadata, "metadata"),
            (account != &other.account, "account"),
        ]
        .into_iter()
        .find_map(|(differs, field)| differs.then_some(field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_number_has_32_characters_of_its_alphabet() {
        let long = "9".repeat(33);
        for (text, expect) in [
            ("9900000000", Ok(())),
            ("a_B-c|d*e@f", Ok(())),
            (&long[..32], Ok(())),
            (&long[..], Err(OutTradeNoError::TooLong)),
            ("", Err(OutTradeNoError::Empty)),
            ("a b", Err(OutTradeNoError::BadCharacter)),
            ("订单", Err(OutTradeNoError::BadCharacter)),
            ("a&b", Err(OutTradeNoError::BadCharacter)),
        ] {
            assert_eq!(OutTradeNo::new(text).map(|_| ()), expect, "{text}");
        }
    }
}
