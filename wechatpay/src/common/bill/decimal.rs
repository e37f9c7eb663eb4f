//! Amounts of a statement: decimals of the currency's main unit, exact.
//!
//! ```text
//! 17.50      1750 in USD          168.01    16801 in CNY
//! 1980       1980 in JPY, which has no smaller unit; 1980.00 is the same
//! 1.19000    WeChat's fee, to a thousandth of the smallest unit
//! ```

use order::Currency;
use std::fmt;

/// How many decimals are kept.
const DIGITS: u32 = 5;
const ONE_E5: i128 = 10_i128.pow(DIGITS);
/// No amount of money has more digits before the point.
const MAX_WHOLE_DIGITS: usize = 15;

/// A number with at most five decimals. Displays with as many as it needs, and
/// at least two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal {
    /// The number times 10^5.
    e5: i128,
}

impl Decimal {
    pub(crate) const ONE: Self = Self { e5: ONE_E5 };

    /// An amount in the currency's smallest unit.
    pub fn from_minor(amount_minor: i64, currency: Currency) -> Self {
        Self {
            e5: i128::from(amount_minor) * minor_unit(currency),
        }
    }

    /// Reads digits with an optional point and an optional leading sign. `None`
    /// for anything else, and for a number that needs more than five decimals.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (digits, "0"),
        };
        let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        if whole.len() > MAX_WHOLE_DIGITS || fraction.len() > MAX_WHOLE_DIGITS {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let missing = DIGITS.checked_sub(u32::try_from(fraction.len()).ok()?)?;
        let fraction: i128 = if fraction.is_empty() {
            0
        } else {
            fraction.parse().ok()?
        };
        let e5 = whole.parse::<i128>().ok()? * ONE_E5 + fraction * 10_i128.pow(missing);
        Some(Self {
            e5: if negative { -e5 } else { e5 },
        })
    }

    /// The amount in the currency's smallest unit; `None` when it is not a
    /// whole number of them.
    pub fn to_minor(self, currency: Currency) -> Option<i64> {
        let unit = minor_unit(currency);
        if self.e5 % unit == 0 {
            i64::try_from(self.e5 / unit).ok()
        } else {
            None
        }
    }

    /// The number times 10^5, to be stored; `None` for a larger one than any fee.
    pub fn to_e5(self) -> Option<i64> {
        i64::try_from(self.e5).ok()
    }

    /// The inverse of [`Decimal::to_e5`].
    pub fn from_e5(e5: i64) -> Self {
        Self { e5: e5.into() }
    }

    /// The sum of two.
    pub(crate) const fn plus(self, other: Self) -> Self {
        // Each is at most 10^20, so 10^18 of them fit.
        Self {
            e5: self.e5 + other.e5,
        }
    }

    /// With exactly five decimals, as WeChat writes its fee.
    pub(crate) fn to_long(self) -> String {
        let (sign, whole, fraction) = self.parts();
        format!("{sign}{whole}.{fraction:05}")
    }

    fn parts(self) -> (&'static str, i128, i128) {
        let sign = if self.e5 < 0 { "-" } else { "" };
        (sign, self.e5.abs() / ONE_E5, self.e5.abs() % ONE_E5)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, whole, fraction) = self.parts();
        let fraction = format!("{fraction:05}");
        let needed = fraction.trim_end_matches('0');
        write!(f, "{sign}{whole}.{needed:0<2}")
    }
}

impl std::iter::Sum for Decimal {
    fn sum<I: Iterator<Item = Self>>(numbers: I) -> Self {
        // Each is at most 10^20, so 10^18 of them fit.
        Self {
            e5: numbers.map(|number| number.e5).sum(),
        }
    }
}

/// The currency's smallest unit times 10^5.
fn minor_unit(currency: Currency) -> i128 {
    10_i128.pow(DIGITS - currency.minor_digits())
}

/// An amount in the currency's main unit, with the currency's own decimals.
pub(crate) fn main_units(amount_minor: i64, currency: Currency) -> String {
    let decimal = Decimal::from_minor(amount_minor, currency);
    let (sign, whole, fraction) = decimal.parts();
    match currency.minor_digits() {
        0 => format!("{sign}{whole}"),
        digits => {
            let width = digits as usize;
            let fraction = fraction / minor_unit(currency);
            format!("{sign}{whole}.{fraction:0width$}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p4_amounts_are_exact_in_each_currency() {
        let [cny, jpy, krw, usd] = [Currency::Cny, Currency::Jpy, Currency::Krw, Currency::Usd];
        for (text, currency, expect) in [
            ("17.50", usd, Some(1750)),
            ("17.5", usd, Some(1750)),
            ("17.50000", usd, Some(1750)),
            ("17", usd, Some(1700)),
            ("0.07", usd, Some(7)),
            ("0.0", cny, Some(0)),
            ("-0.10", cny, Some(-10)),
            ("6096.73", cny, Some(609_673)),
            ("1980", jpy, Some(1980)),
            ("1980.00", krw, Some(1980)),
            ("21474836.47", usd, Some(2_147_483_647)),
            // Not a whole number of the smallest unit.
            ("17.505", usd, None),
            ("1980.5", jpy, None),
            // A float would say 1998.9999999999998.
            ("19.99", usd, Some(1999)),
            ("999999999999999", usd, Some(99_999_999_999_999_900)),
        ] {
            let got = Decimal::parse(text).and_then(|d| d.to_minor(currency));
            assert_eq!(got, expect, "{text} {currency:?}");
        }
    }

    #[test]
    fn malformed_amounts_are_refused() {
        for text in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "--1",
            "+1",
            "1e5",
            "1,000.00",
            "1 0",
            "１",
            "NaN",
            "1.000001",
            "1000000000000000",
            "0.0000000000000000",
            "1.-5",
            "¥1",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn amounts_are_written_in_the_main_unit() {
        for (minor, currency, expect) in [
            (1750, Currency::Usd, "17.50"),
            (7, Currency::Usd, "0.07"),
            (-10, Currency::Cny, "-0.10"),
            (1980, Currency::Jpy, "1980"),
            (0, Currency::Cny, "0.00"),
            (12_345, Currency::from_code("KWD").unwrap(), "12.345"),
        ] {
            assert_eq!(main_units(minor, currency), expect);
        }
        let kept = Decimal::parse("1.19").unwrap();
        assert_eq!(kept.to_long(), "1.19000");
        assert_eq!(kept.to_string(), "1.19");
        assert_eq!(Decimal::parse("-0.00305").unwrap().to_string(), "-0.00305");
        assert_eq!(Decimal::parse("2").unwrap().to_string(), "2.00");
    }
}
