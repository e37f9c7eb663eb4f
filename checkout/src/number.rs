//! Long numbers in groups, to be read out and compared.

use crate::escape::escape;

/// A run of letters and digits up to this length is read without groups.
const SHORT: usize = 8;
/// The length of a group.
const GROUP: usize = 4;

/// Writes a number as HTML: a long run of letters and digits in groups of four,
/// each in an element of its own. The space between two groups is the style
/// sheet's (`.number`), so a copied number has none, and a screen reader
/// reads groups.
///
/// Letters before digits (`T20261201…`) are a group by themselves, and what the
/// merchant has separated stays so.
pub fn draw_number(out: &mut String, number: &str) {
    out.push_str("<span class=\"number\">");
    for group in groups(number) {
        out.push_str("<span>");
        escape(out, group);
        out.push_str("</span>");
    }
    out.push_str("</span>");
}

fn groups(number: &str) -> Vec<&str> {
    let mut groups = Vec::new();
    let mut start = 0;
    let mut rest = number;
    while !rest.is_empty() {
        let run = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let at = number.len() - rest.len();
        if run > SHORT {
            let (text, _) = rest.split_at(run);
            let digits = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
            let is_prefixed =
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let letters = match is_prefixed {
                true => text.len() - digits.len(),
                false => 0,
            };
            // What stands before the run belongs to its first group.
            let mut end = at + if letters > 0 { letters } else { GROUP };
            while end < at + run {
                groups.push(number.get(start..end).unwrap_or_default());
                start = end;
                end += GROUP;
            }
        }
        let (_, after) = rest.split_at(run);
        rest = after.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    }
    groups.push(number.get(start..).unwrap_or_default());
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_number_is_in_groups_of_four_and_no_character_is_lost() {
        for (number, expected) in [
            (
                "4200002374202612019876543210",
                "4200 0023 7420 2612 0198 7654 3210",
            ),
            ("T20261201000042", "T 2026 1201 0000 42"),
            ("ABCDEFGHIJ", "ABCD EFGH IJ"),
            ("a1b2c3d4e5", "a1b2 c3d4 e5"),
            // Short, or already separated.
            ("TEA-1", "TEA-1"),
            ("12345678", "12345678"),
            ("2026-12-01_0042", "2026-12-01_0042"),
            ("tea_Xk3vQ9bL2mNp", "tea_Xk3v Q9bL 2mNp"),
            ("T1234567890-2", "T 1234 5678 90-2"),
            ("订单123456789", "订单1234 5678 9"),
            ("", ""),
        ] {
            assert_eq!(groups(number).join(" "), expected);
            assert_eq!(groups(number).concat(), number);
        }
    }

    #[test]
    fn the_groups_are_escaped() {
        let mut out = String::new();
        draw_number(&mut out, "<12345678>");
        assert_eq!(
            out,
            "<span class=\"number\"><span>&lt;12345678&gt;</span></span>"
        );
    }
}
