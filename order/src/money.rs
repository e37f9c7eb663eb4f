//! Amounts: whole minor units of one currency, without floating-point numbers.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// An ISO 4217 currency.
///
/// The currencies of WeChat Pay are not fixed: its multi-currency pages name
/// more than the WeChat Pay v2 manual, section 4.2, and a merchant's account
/// has only some of them. So every code of the standard can be parsed, and
/// WeChat decides.
///
/// The codes and their decimals are listed here, in 700 bytes. The crates for
/// them also contain names and number formats, which a payer would download
/// with the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency(&'static str);

/// The active codes of ISO 4217 that are the currency of a state or a union, in
/// alphabetical order. Funds, metals and test codes are left out.
const CODES: &str = "\
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP \
    BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP \
    GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR \
    KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK \
    MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR \
    SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS \
    UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

#[allow(
    missing_docs,
    non_upper_case_globals,
    reason = "the constants are the ISO 4217 codes themselves, and are matched like variants"
)]
impl Currency {
    pub const Cny: Self = Self("CNY");
    pub const Gbp: Self = Self("GBP");
    pub const Hkd: Self = Self("HKD");
    pub const Usd: Self = Self("USD");
    pub const Jpy: Self = Self("JPY");
    pub const Cad: Self = Self("CAD");
    pub const Aud: Self = Self("AUD");
    pub const Eur: Self = Self("EUR");
    pub const Nzd: Self = Self("NZD");
    pub const Krw: Self = Self("KRW");
    pub const Thb: Self = Self("THB");
}

impl Currency {
    /// Every currency, by code.
    pub fn all() -> impl Iterator<Item = Self> {
        CODES.split(' ').map(Self)
    }

    /// The three-letter ISO 4217 code, as WeChat's `fee_type` carries it.
    pub const fn code(self) -> &'static str {
        self.0
    }

    /// The currency with this exact code; `hkd` is not `HKD`.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::all().find(|c| c.code() == code)
    }

    /// How many decimals the currency's main unit has: the exponent of
    /// ISO 4217. The smallest unit of the yen is the yen.
    pub fn minor_digits(self) -> u32 {
        match self.0 {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF"
            | "UGX" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            _ => 2,
        }
    }
}

/// Stored as its code.
impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        writer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let code = String::deserialize(reader)?;
        Self::from_code(&code).ok_or_else(|| D::Error::custom("not an ISO 4217 currency"))
    }
}

/// An amount that can be charged or refunded: at least one minor unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "StoredMoney", into = "StoredMoney")]
pub struct Money {
    amount_minor: i64,
    currency: Currency,
}

/// Why an amount is not [`Money`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// The amount is zero.
    #[error("the amount must be at least 1, in the currency's smallest unit")]
    Zero,
    /// The amount is negative.
    #[error("the amount must not be negative")]
    Negative,
    /// The amount exceeds WeChat's 32-bit `total_fee` (WeChat Pay v2 manual,
    /// type `Int`).
    #[error("the amount must be at most 2147483647, in the currency's smallest unit")]
    TooLarge,
}

impl Money {
    /// The largest amount in WeChat's 32-bit `total_fee`.
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

/// The stored form: `{"amount_minor":150,"currency":"HKD"}`. Deserialising it
/// calls [`Money::new`].
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
        for currency in Currency::all() {
            assert_eq!(currency.code().len(), 3);
            assert_eq!(Currency::from_code(currency.code()), Some(currency));
            assert_eq!(Currency::from_code(&currency.code().to_lowercase()), None);
        }
        for unknown in ["XXX", "", " ", "HKD USD", "HK", "KD U"] {
            assert_eq!(Currency::from_code(unknown), None, "{unknown}");
        }
        let mut codes: Vec<_> = Currency::all().collect();
        codes.dedup();
        assert_eq!(codes.len(), 157);
        assert_eq!(Currency::from_code("HKD"), Some(Currency::Hkd));
    }

    #[test]
    fn decimals_are_those_of_iso_4217() {
        for (code, digits) in [
            ("CNY", 2),
            ("HKD", 2),
            ("JPY", 0),
            ("KRW", 0),
            ("CHF", 2),
            ("SGD", 2),
            ("MOP", 2),
            ("TWD", 2),
            ("IDR", 2),
            ("VND", 0),
            ("ISK", 0),
            ("CLP", 0),
            ("KWD", 3),
        ] {
            let currency = Currency::from_code(code).unwrap();
            assert_eq!(currency.minor_digits(), digits, "{code}");
        }
    }

    #[test]
    fn stored_money_is_checked_when_read() {
        let stored = r#"{"amount_minor":150,"currency":"HKD"}"#;
        let money: Money = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&money).unwrap(), stored);
        assert!(serde_json::from_str::<Money>(r#"{"amount_minor":0,"currency":"HKD"}"#).is_err());
        assert!(serde_json::from_str::<Money>(r#"{"amount_minor":1,"currency":"XXX"}"#).is_err());
    }
}
