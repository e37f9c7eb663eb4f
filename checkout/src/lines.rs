//! The lines of a purchase, rendered once by the server.

use crate::escape::escape;
use crate::{Lang, format_amount};
use order::Money;
use serde::{Deserialize, Serialize};

/// One line of a purchase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The description, from the merchant.
    pub name: String,
    /// The quantity.
    pub quantity: i64,
    /// The price of one piece.
    pub unit: Money,
}

impl Line {
    /// The line's amount; `None` where it overflows.
    pub fn total(&self) -> Option<Money> {
        let total = self.unit.amount_minor().checked_mul(self.quantity)?;
        Money::new(total, self.unit.currency()).ok()
    }
}

/// Further lines are folded away, so that the payment stays visible.
const SHOWN: usize = 4;

/// Renders the lines as HTML; nothing without lines.
pub(crate) fn draw(out: &mut String, lines: &[Line], lang: Lang) {
    if lines.is_empty() {
        return;
    }
    let heading = match lang {
        Lang::En => "Items",
        Lang::ZhHans => "商品明细",
        Lang::ZhHant => "商品明細",
        Lang::Ja => "明細",
        Lang::Ko => "상품 내역",
        Lang::Th => "รายการสินค้า",
    };
    let count = lines.len().to_string();
    for text in [
        "<details class=\"lines\"",
        if lines.len() <= SHOWN { " open" } else { "" },
        "><summary>",
        heading,
        " (",
        &count,
        ")</summary>\n<dl>\n",
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
    out.push_str("</dl>\n</details>\n");
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
    fn a_line_is_rendered_with_its_amount() {
        let mut out = String::new();
        draw(&mut out, &[line("Oolong", 2, 4_400)], Lang::En);
        let row = "<div><dt>Oolong <small>2 × HK$44.00</small></dt><dd>HK$88.00</dd></div>";
        assert!(out.contains(row), "{out}");
        out.clear();
        draw(&mut out, &[line("Oolong", 1, 4_400)], Lang::ZhHant);
        assert!(out.contains("<dt>Oolong</dt><dd>HK$44.00</dd>"), "{out}");
        assert!(out.contains("商品明細 (1)"));
    }

    #[test]
    fn many_lines_are_folded() {
        let lines = vec![line("Oolong", 1, 1); SHOWN + 1];
        let mut out = String::new();
        draw(&mut out, &lines, Lang::En);
        assert!(out.contains("<details class=\"lines\">"), "{out}");
        out.clear();
        draw(&mut out, &lines[1..], Lang::En);
        assert!(out.contains("<details class=\"lines\" open>"), "{out}");
    }

    #[test]
    fn a_hostile_name_is_escaped() {
        let mut out = String::new();
        draw(&mut out, &[line("</dl><script>&\"", 1, 1)], Lang::En);
        assert!(
            out.contains("&lt;/dl&gt;&lt;script&gt;&amp;&quot;"),
            "{out}"
        );
    }

    #[test]
    fn no_lines_render_nothing_and_an_overflow_has_no_amount() {
        let mut out = String::new();
        draw(&mut out, &[], Lang::En);
        assert_eq!(out, "");
        assert_eq!(line("x", i64::MAX, 2).total(), None);
        assert_eq!(line("x", 2, Money::MAX_MINOR).total(), None);
    }
}
