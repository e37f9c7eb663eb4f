//! Formats and parses amounts, which are whole minor units.

use checkout::link::{EntryProblem, read_amount};
use checkout::{Lang, format_minor};
use order::{Currency, Money};

/// An amount, a sum or a difference in the reader's language. A currency that
/// this version does not know is written as its code with the smallest units.
pub(crate) fn shown(amount_minor: i64, currency: &str, lang: Lang) -> String {
    match Currency::from_code(currency) {
        Some(currency) => format_minor(amount_minor, currency, lang),
        None => format!("{currency} {amount_minor}"),
    }
}

/// The amount without symbol or separators, as [`read`] takes it: `12.50`.
pub(crate) fn plain(amount_minor: i64, currency: &str) -> String {
    let digits = Currency::from_code(currency).map_or(0, Currency::minor_digits);
    let width = digits as usize + 1;
    let mut text = format!("{:0>width$}", amount_minor.unsigned_abs());
    if digits > 0 {
        text.insert(text.len().saturating_sub(digits as usize), '.');
    }
    text
}

/// Reads what a person has written. The amount is at least 1 and at most what
/// WeChat's field holds.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn read(written: &str, currency: &str) -> Result<i64, EntryProblem> {
    let currency = Currency::from_code(currency).ok_or(EntryProblem::NotANumber)?;
    let amount = read_amount(written, currency)?;
    let amount = Money::new(amount, currency).map_err(|_| EntryProblem::OutOfRange)?;
    Ok(amount.amount_minor())
}

/// From this refund on a person enters the amount twice, if the shop has set no
/// other limit: a thousand of the currency's main unit, ten thousand of a
/// currency without decimals.
pub(crate) fn large_from(currency: &str) -> i64 {
    match Currency::from_code(currency).map_or(2, Currency::minor_digits) {
        0 => 10_000,
        digits => 1_000 * 10_i64.pow(digits),
    }
}

/// The next amount when a till's key is pressed: digits are appended at the
/// right end, as on a cash register.
pub(crate) fn keyed(amount_minor: i64, key: Key) -> i64 {
    let next = match key {
        Key::Digit(digit) => amount_minor * 10 + i64::from(digit % 10),
        Key::DoubleZero => amount_minor * 100,
        Key::Back => amount_minor / 10,
    };
    if next > Money::MAX_MINOR {
        amount_minor
    } else {
        next
    }
}

/// A key of the till.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Digit(u8),
    DoubleZero,
    Back,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_differences_are_shown_with_the_currencys_decimals() {
        for (amount, currency, expected) in [
            (0, "HKD", "HK$0.00"),
            (-149, "HKD", "−HK$1.49"),
            (9_999_999_999_999, "HKD", "HK$99,999,999,999.99"),
            (1_234, "JPY", "¥1,234"),
            (1_234, "KWD", "KWD\u{a0}1.234"),
            (5, "???", "??? 5"),
        ] {
            assert_eq!(shown(amount, currency, Lang::En), expected);
        }
    }

    #[test]
    fn what_is_plain_is_read_as_the_same_amount() {
        for (amount, currency, expected) in [
            (1, "HKD", "0.01"),
            (1250, "HKD", "12.50"),
            (1250, "JPY", "1250"),
            (1250, "KWD", "1.250"),
        ] {
            assert_eq!(plain(amount, currency), expected);
            assert_eq!(read(expected, currency), Ok(amount));
        }
    }

    #[test]
    fn nothing_that_is_no_amount_is_read() {
        for written in [
            "",
            "0",
            "0.00",
            "-1",
            "1,250",
            "12.345",
            "99999999999",
            "1e3",
        ] {
            assert!(read(written, "HKD").is_err(), "{written}");
        }
    }

    #[test]
    fn a_large_refund_is_a_thousand_of_the_main_unit() {
        assert_eq!(large_from("HKD"), 100_000);
        assert_eq!(large_from("KWD"), 1_000_000);
        assert_eq!(large_from("JPY"), 10_000);
    }

    #[test]
    fn a_tills_keys_append_and_never_overflow() {
        let typed = [Key::Digit(1), Key::Digit(2), Key::DoubleZero, Key::Digit(5)];
        let amount = typed.into_iter().fold(0, keyed);
        assert_eq!(amount, 12_005);
        assert_eq!(keyed(amount, Key::Back), 1_200);
        assert_eq!(keyed(Money::MAX_MINOR, Key::Digit(9)), Money::MAX_MINOR);
        assert_eq!(keyed(0, Key::DoubleZero), 0);
    }
}
