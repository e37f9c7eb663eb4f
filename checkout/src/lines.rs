//! The lines of a purchase: drawn once by the server, below the page's own
//! program, which leaves them alone.

use crate::html::escape;
use crate::{Lang, format_amount};
use order::Money;
use serde::{Deserialize, Serialize};

/// One line of a purchase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What is bought, in the merchant's words.
    pub name: String,
    /// How many.
    pub quantity: i64,
    /// What one of them costs.
    pub unit: Money,
}

impl Line {
    /// What the line costs; `None` where that is no amount.
    pub fn total(&self) -> Option<Money> {
        let total = self.unit.amount_minor().checked_mul(self.quantity)?;
        Money::new(total, self.unit.currency()).ok()
    }
}

/// Pages without lines do not pay for their looks, so these are not in the
/// page's style sheet.
const STYLE: &str = "main:has(+.lines){margin-bottom:0}\
.lines{width:100%;max-width:27rem;margin:1rem 0 auto}\
.lines p{padding:0 min(1.25rem,5vw);color:var(--quiet);font-size:.9375rem}\
.lines dl{margin-top:.5rem;padding:1.25rem min(1.25rem,5vw);border:0;border-radius:1.25rem;\
background:var(--card);box-shadow:var(--shade)}\
.lines dt{color:inherit}\
.lines dd{font-variant-numeric:tabular-nums}\
.lines small{display:block;color:var(--quiet)}\
@media(min-width:52rem){.lines{max-width:58rem}.lines dl,.lines p{padding-inline:3rem}}";

/// Writes the lines as HTML; nothing where there are none.
pub(crate) fn draw(out: &mut String, lines: &[Line], lang: Lang, nonce: &str) {
    if lines.is_empty() {
        return;
    }
    let heading = match lang {
        Lang::En => "Items",
        Lang::ZhHans => "商品明细",
        Lang::ZhHant => "商品明細",
    };
    for text in [
        "<style nonce=\"",
        nonce,
        "\">",
        STYLE,
        "</style>\n<section class=\"lines\" aria-labelledby=\"lines\">\n<p id=\"lines\">",
        heading,
        "</p>\n<dl>\n",
    ] {
        out.push_str(text);
    }
    for line in lines {
        out.push_str("<div><dt>");
        escape(out, &line.name);
        if line.quantity > 1 {
            out.push_str(" <small>");
            let unit = format_amount(line.unit, lang);
            escape(out, &format!("{} × {unit}", line.quantity));
            out.push_str("</small>");
        }
        out.push_str("</dt><dd>");
        let total = line.total().map(|total| format_amount(total, lang));
        escape(out, &total.unwrap_or_default());
        out.push_str("</dd></div>\n");
    }
    out.push_str("</dl>\n</section>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use order::Currency;

    fn line(name: &str, quantity: i64, unit: i64) -> Line {
        Line {
            name: name.to_owned(),
            quantity,
            unit: Money::new(unit, Currency::Hkd).unwrap(),
        }
    }

    #[test]
    fn a_line_is_a_term_with_its_amount() {
        let mut out = String::new();
        draw(&mut out, &[line("Oolong", 2, 4_400)], Lang::En, "n");
        let row = "<div><dt>Oolong <small>2 × HK$44.00</small></dt><dd>HK$88.00</dd></div>";
        assert!(out.contains(row), "{out}");
        out.clear();
        draw(&mut out, &[line("Oolong", 1, 4_400)], Lang::ZhHant, "n");
        assert!(out.contains("<dt>Oolong</dt><dd>HK$44.00</dd>"), "{out}");
        assert!(out.contains("商品明細"));
    }

    #[test]
    fn a_hostile_name_stays_text() {
        let mut out = String::new();
        draw(&mut out, &[line("</dl><script>&\"", 1, 1)], Lang::En, "n");
        assert!(
            out.contains("&lt;/dl&gt;&lt;script&gt;&amp;&quot;"),
            "{out}"
        );
    }

    #[test]
    fn no_lines_are_nothing_and_too_much_is_no_amount() {
        let mut out = String::new();
        draw(&mut out, &[], Lang::En, "n");
        assert_eq!(out, "");
        assert_eq!(line("x", i64::MAX, 2).total(), None);
        assert_eq!(line("x", 2, Money::MAX_MINOR).total(), None);
    }
}
