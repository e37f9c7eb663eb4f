//! Formats amounts, with integer arithmetic only.

use order::{Currency, Money};

use crate::Lang;

/// Formats an amount for a reader of `lang`.
///
/// The symbol is one that a reader of that language cannot take for another
/// currency's: `¥` is the yuan in simplified Chinese and the yen in the other
/// languages. A currency without such a symbol is written with its code.
///
/// ```
/// use checkout::{Lang, format_amount};
/// use order::{Currency, Money};
///
/// let price = Money::new(123_450, Currency::Hkd)?;
/// assert_eq!(format_amount(price, Lang::En), "HK$1,234.50");
/// let price = Money::new(1_234, Currency::Jpy)?;
/// assert_eq!(format_amount(price, Lang::ZhHans), "JP¥1,234");
/// # Ok::<(), order::MoneyError>(())
/// ```
pub fn format_amount(money: Money, lang: Lang) -> String {
    format_minor(money.amount_minor(), money.currency(), lang)
}

/// Formats what is no [`Money`]: zero, a sum that exceeds WeChat's largest
/// amount, or a difference, whose minus sign is in front of the symbol.
pub fn format_minor(amount_minor: i64, currency: Currency, lang: Lang) -> String {
    let minus = if amount_minor < 0 { "−" } else { "" };
    let symbol = symbol(currency, lang);
    // A no-break space separates the code from the number.
    let space = if symbol.ends_with(|c: char| c.is_ascii_uppercase()) {
        "\u{a0}"
    } else {
        ""
    };
    let minor = amount_minor.unsigned_abs();
    let digits = currency.minor_digits();
    if digits == 0 {
        return format!("{minus}{symbol}{space}{}", grouped(minor));
    }
    let unit = 10_u64.pow(digits);
    let width = digits as usize;
    let (whole, rest) = (grouped(minor / unit), minor % unit);
    format!("{minus}{symbol}{space}{whole}.{rest:0width$}")
}

fn symbol(currency: Currency, lang: Lang) -> &'static str {
    match (currency, lang) {
        (Currency::Cny, Lang::ZhHans) => "¥",
        (Currency::Cny, _) => "CN¥",
        (Currency::Jpy, Lang::ZhHans) => "JP¥",
        (Currency::Jpy, _) => "¥",
        (Currency::Gbp, _) => "£",
        (Currency::Hkd, _) => "HK$",
        (Currency::Usd, _) => "US$",
        (Currency::Cad, _) => "CA$",
        (Currency::Aud, _) => "A$",
        (Currency::Eur, _) => "€",
        (Currency::Nzd, _) => "NZ$",
        (Currency::Krw, _) => "₩",
        (Currency::Thb, _) => "฿",
        (other, _) => other.code(),
    }
}

/// The number with a comma between thousands, as in all these languages.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(amount_minor: i64, currency: Currency, expected: [&str; 3]) {
        let money = Money::new(amount_minor, currency).unwrap();
        let [en, hans, hant, others @ ..] = Lang::ALL.map(|lang| format_amount(money, lang));
        assert_eq!([en.as_str(), &hans, &hant], expected, "{money:?}");
        assert!(others.iter().all(|other| *other == en), "{others:?}");
    }

    #[test]
    fn every_currency_in_every_language() {
        check(15_000, Currency::Hkd, ["HK$150.00"; 3]);
        check(
            123_456,
            Currency::Cny,
            ["CN¥1,234.56", "¥1,234.56", "CN¥1,234.56"],
        );
        check(1_234, Currency::Jpy, ["¥1,234", "JP¥1,234", "¥1,234"]);
        check(50_000, Currency::Krw, ["₩50,000"; 3]);
        check(1_750, Currency::Usd, ["US$17.50"; 3]);
        check(1_750, Currency::Cad, ["CA$17.50"; 3]);
        check(1_750, Currency::Aud, ["A$17.50"; 3]);
        check(1_750, Currency::Nzd, ["NZ$17.50"; 3]);
        check(1_750, Currency::Eur, ["€17.50"; 3]);
        check(1_750, Currency::Gbp, ["£17.50"; 3]);
        check(1_750, Currency::Thb, ["฿17.50"; 3]);
        for (code, expected) in [
            ("CHF", "CHF\u{a0}1,234.50"),
            ("VND", "VND\u{a0}123,450"),
            ("KWD", "KWD\u{a0}123.450"),
        ] {
            let currency = Currency::from_code(code).unwrap();
            check(123_450, currency, [expected; 3]);
        }
    }

    #[test]
    fn sums_and_differences_are_formatted_too() {
        for (amount, expected) in [
            (0, "HK$0.00"),
            (-1, "−HK$0.01"),
            (-123_456, "−HK$1,234.56"),
            (i64::MIN, "−HK$92,233,720,368,547,758.08"),
        ] {
            assert_eq!(format_minor(amount, Currency::Hkd, Lang::En), expected);
        }
    }

    #[test]
    fn the_smallest_and_largest_amounts_are_formatted() {
        check(1, Currency::Hkd, ["HK$0.01"; 3]);
        check(99, Currency::Hkd, ["HK$0.99"; 3]);
        check(100, Currency::Hkd, ["HK$1.00"; 3]);
        check(99_999, Currency::Hkd, ["HK$999.99"; 3]);
        check(100_000, Currency::Hkd, ["HK$1,000.00"; 3]);
        check(Money::MAX_MINOR, Currency::Hkd, ["HK$21,474,836.47"; 3]);
        check(Money::MAX_MINOR, Currency::Krw, ["₩2,147,483,647"; 3]);
    }
}
