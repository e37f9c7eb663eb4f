//! Amounts: whole minor units of one currency, never a float.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A currency that WeChat Pay settles or charges in: the list of seed 002,
/// section 4.2, and CNY, which that section names as the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(
    missing_docs,
    reason = "the variants are the ISO 4217 codes themselves"
)]
pub enum Currency {
    Cny,
    Gbp,
    Hkd,
    Usd,
    Jpy,
    Cad,
    Aud,
    Eur,
    Nzd,
    Krw,
    Thb,
}

impl Currency {
    /// Every currency, in the order of seed 002, section 4.2.
    pub const ALL: [Self; 11] = [
        Self::Cny,
        Self::Gbp,
        Self::Hkd,
        Self::Usd,
        Self::Jpy,
        Self::Cad,
        Self::Aud,
        Self::Eur,
        Self::Nzd,
        Self::Krw,
        Self::Thb,
    ];

    /// The three-letter ISO 4217 code, as WeChat's `fee_type` carries it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cny => "CNY",
            Self::Gbp => "GBP",
            Self::Hkd => "HKD",
            Self::Usd => "USD",
            Self::Jpy => "JPY",
            Self::Cad => "CAD",
            Self::Aud => "AUD",
            Self::Eur => "EUR",
            Self::Nzd => "NZD",
            Self::Krw => "KRW",
            Self::Thb => "THB",
        }
    }

    /// The currency with this exact code; `hkd` is not `HKD`.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.code() == code)
    }

    /// How many decimals the currency's own form has. The yen and the won
    /// have none: their smallest unit is the unit.
    pub const fn minor_digits(self) -> u32 {
        match self {
            Self::Jpy | Self::Krw => 0,
            _ => 2,
        }
    }
}

/// An amount that can be charged or refunded: at least one minor unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredMoney", into = "StoredMoney")]
pub struct Money {
    amount_minor: i64,
    currency: Currency,
}

/// Why an amount is not [`Money`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// Nothing to charge.
    #[error("the amount must be at least 1, in the currency's smallest unit")]
    Zero,
    /// Less than nothing.
    #[error("the amount must not be negative")]
    Negative,
    /// WeChat's `total_fee` is a 32-bit integer (seed 002, type `Int`).
    #[error("the amount must be at most 2147483647, in the currency's smallest unit")]
    TooLarge,
}

impl Money {
    /// The most that WeChat's 32-bit `total_fee` can carry.
    pub const MAX_MINOR: i64 = i32::MAX as i64;

    /// An amount in the currency's smallest unit, `1..=2147483647`.
    pub const fn new(amount_minor: i64, currency: Currency) -> Result<Self, MoneyError> {
        match amount_minor {
            0 => Err(MoneyError::Zero),
            i64::MIN..0 => Err(MoneyError::Negative),
            1..=Self::MAX_MINOR => Ok(Self {
                amount_minor,
                currency,
            }),
            _ => Err(MoneyError::TooLarge),
        }
    }

    /// The amount in the currency's smallest unit.
    pub const fn amount_minor(self) -> i64 {
        self.amount_minor
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }
}

/// The stored form: `{"amount_minor":150,"currency":"HKD"}`. What is read back
/// passes through [`Money::new`] again.
#[derive(Serialize, Deserialize)]
struct StoredMoney {
    amount_minor: i64,
    currency: Currency,
}

impl TryFrom<StoredMoney> for Money {
    type Error = MoneyError;
    fn try_from(stored: StoredMoney) -> Result<Self, MoneyError> {
        Self::new(stored.amount_minor, stored.currency)
    }
}

impl From<Money> for StoredMoney {
    fn from(money: Money) -> Self {
        Self {
            amount_minor: money.amount_minor,
            currency: money.currency,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p4_amounts_are_positive_32_bit_minor_units() {
        for (amount, expect) in [
            (i64::MIN, Err(MoneyError::Negative)),
            (-1, Err(MoneyError::Negative)),
            (0, Err(MoneyError::Zero)),
            (1, Ok(1)),
            (2_147_483_647, Ok(2_147_483_647)),
            (2_147_483_648, Err(MoneyError::TooLarge)),
            (i64::MAX, Err(MoneyError::TooLarge)),
        ] {
            let got = Money::new(amount, Currency::Usd).map(Money::amount_minor);
            assert_eq!(got, expect, "{amount}");
        }
    }

    #[test]
    fn a_code_is_the_exact_code() {
        for currency in Currency::ALL {
            assert_eq!(Currency::from_code(currency.code()), Some(currency));
            assert_eq!(Currency::from_code(&currency.code().to_lowercase()), None);
        }
        assert_eq!(Currency::from_code("XXX"), None);
        assert_eq!(Currency::Jpy.minor_digits(), 0);
        assert_eq!(Currency::Hkd.minor_digits(), 2);
    }

    #[test]
    fn stored_money_is_checked_when_read() {
        let stored = r#"{"amount_minor":150,"currency":"HKD"}"#;
        let money: Money = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&money).unwrap(), stored);
        assert!(serde_json::from_str::<Money>(r#"{"amount_minor":0,"currency":"HKD"}"#).is_err());
    }
}
