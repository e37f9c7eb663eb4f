//! Sheets to print: a card for a table, a page for a wall.

use checkout::escape;
use std::fmt::Write as _;

/// The paper of a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paper {
    /// 105 × 148 mm.
    A6,
    /// 210 × 297 mm.
    A4,
}

/// A link's code with the text around it.
#[derive(Debug)]
pub struct Sheet<'a> {
    /// The seller's name.
    pub merchant: &'a str,
    /// The description of what is sold.
    pub description: &'a str,
    /// The price, where it is fixed.
    pub price: Option<&'a str>,
    /// The QR code, an `<svg>`.
    pub code: &'a str,
    /// The paper.
    pub paper: Paper,
}

/// Lengths are in `u`, a hundredth of the paper's width, so that both papers
/// share one layout. Name and text have two lines each, so that the code keeps
/// its size.
const STYLE: &str = "\
*{box-sizing:border-box;margin:0}\
body{background:#e9eeeb;color:#15201a;font-family:system-ui,-apple-system,'PingFang SC','Noto Sans CJK SC','Microsoft YaHei',sans-serif}\
main{--u:calc(var(--width)/100);display:flex;flex-direction:column;align-items:center;justify-content:center;\
gap:calc(3*var(--u));width:var(--width);height:calc(var(--width)*1.4);margin:0 auto;padding:calc(7*var(--u));\
background:#fff;text-align:center;overflow:hidden;overflow-wrap:anywhere}\
h1{font-size:calc(6.5*var(--u));line-height:1.2}\
p{font-size:calc(4*var(--u));line-height:1.35}\
.price{font-size:calc(8*var(--u));font-weight:600}\
h1,h1+p{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden}\
svg{display:block;flex:none;width:calc(60*var(--u));height:calc(60*var(--u))}\
.scan{display:flex;flex-direction:column;padding:calc(2.5*var(--u)) calc(6*var(--u));border-radius:calc(3*var(--u));\
background:#067a3c;color:#fff;font-weight:600;-webkit-print-color-adjust:exact;print-color-adjust:exact}\
@media screen{main{margin:24px auto;box-shadow:0 1px 12px rgb(21 32 26/15%)}}";

impl Sheet<'_> {
    /// The whole page. `nonce` is the one in its Content-Security-Policy.
    pub fn html(&self, nonce: &str) -> String {
        // In numbers: browsers support A4 by its name, and not A6.
        let (width_mm, height_mm) = match self.paper {
            Paper::A6 => (105, 148),
            Paper::A4 => (210, 297),
        };
        let mut out = String::with_capacity(self.code.len() + 4096);
        // Writing to a String does not fail.
        let _ = write!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"robots\" content=\"noindex\">\n<title>"
        );
        escape(&mut out, self.merchant);
        let _ = write!(
            out,
            "</title>\n<style nonce=\"{nonce}\">{STYLE}\
             main{{--width:{width_mm}mm}}@page{{size:{width_mm}mm {height_mm}mm;margin:0}}</style>\n\
             </head>\n<body>\n<main>\n<h1>"
        );
        escape(&mut out, self.merchant);
        out.push_str("</h1>\n<p>");
        escape(&mut out, self.description);
        out.push_str("</p>\n");
        if let Some(price) = self.price {
            out.push_str("<p class=\"price\">");
            escape(&mut out, price);
            out.push_str("</p>\n");
        }
        out.push_str(self.code);
        out.push_str(
            "\n<p class=\"scan\"><span lang=\"zh-Hans\">微信扫一扫付款</span>\
             <span>Scan with WeChat to pay</span></p>\n</main>\n</body>\n</html>\n",
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_has_both_languages_and_no_foreign_markup() {
        let sheet = Sheet {
            merchant: "<b>Tea</b>",
            description: "\"Oolong\" & more",
            price: None,
            code: "<svg></svg>",
            paper: Paper::A6,
        };
        let html = sheet.html("n");
        assert!(html.contains("size:105mm 148mm") && html.contains("--width:105mm"));
        assert!(html.contains("微信扫一扫付款") && html.contains("Scan with WeChat to pay"));
        assert!(html.contains("&lt;b&gt;Tea") && !html.contains("<b>"));
        assert!(!html.contains("class=\"price\""));
    }
}
