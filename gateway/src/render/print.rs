//! Sheets to print: a card for a table, a page for a wall, a tent, and a series
//! of them.

use checkout::{Brand, Colour, Lang, escape};
use std::fmt::Write as _;

/// The paper of a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paper {
    /// 105 × 148 mm.
    A6,
    /// 148 × 210 mm.
    A5,
    /// 210 × 297 mm.
    A4,
    /// A4 that is folded in the middle: the same on both faces.
    Tent,
}

impl Paper {
    /// The paper with this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "a6" => Self::A6,
            "a5" => Self::A5,
            "a4" => Self::A4,
            "tent" => Self::Tent,
            _ => return None,
        })
    }

    /// Width and height in millimetres. In numbers: browsers support A4 by its
    /// name, and not A6.
    const fn size_mm(self) -> (u32, u32) {
        match self {
            Self::A6 => (105, 148),
            Self::A5 => (148, 210),
            Self::A4 | Self::Tent => (210, 297),
        }
    }
}

/// A link's code with the text around it, on one page for each label.
#[derive(Debug)]
pub struct Sheet<'a> {
    /// The seller's name.
    pub merchant: &'a str,
    /// How the seller presents itself.
    pub brand: &'a Brand,
    /// The description of what is sold.
    pub description: &'a str,
    /// The price, where it is fixed.
    pub price: Option<&'a str>,
    /// The QR code, an `<svg>`.
    pub code: &'a str,
    /// The paper.
    pub paper: Paper,
    /// The language; in Chinese and in English where the caller chose none.
    pub lang: Option<Lang>,
    /// What distinguishes the sheets, such as `Table 7`; empty for one sheet.
    pub labels: &'a [String],
    /// Whether the page is larger than the paper, with marks where it is cut.
    pub cut_marks: bool,
    /// Whether no money moves.
    pub is_test: bool,
}

/// The width of the margin that holds the cut marks, in millimetres.
const MARGIN_MM: u32 = 8;

/// Lengths are in `u`, a hundredth of the card's width, so that all papers
/// share one layout. Name and text have two lines each, so that the code keeps
/// its size.
const STYLE: &str = "\
*{box-sizing:border-box;margin:0}\
body{background:#e9eeeb;color:#15201a;font-family:system-ui,-apple-system,'PingFang SC','Noto Sans CJK SC','Microsoft YaHei',sans-serif}\
:lang(zh-Hant){font-family:system-ui,-apple-system,'PingFang HK','Noto Sans CJK TC','Microsoft JhengHei',sans-serif}\
:lang(ja){font-family:system-ui,-apple-system,'Hiragino Sans','Noto Sans CJK JP','Yu Gothic UI',sans-serif}\
:lang(ko){font-family:system-ui,-apple-system,'Apple SD Gothic Neo','Noto Sans CJK KR','Malgun Gothic',sans-serif}\
.page{position:relative;width:var(--page-width);height:var(--page-height);margin:0 auto;padding:var(--margin);background:#fff;\
overflow:hidden;break-after:page;break-inside:avoid}\
.page:last-of-type{break-after:auto}\
.card{--u:calc(var(--width)/100);display:flex;flex-direction:column;align-items:center;justify-content:center;\
gap:calc(2.5*var(--u));width:var(--width);height:var(--height);padding:calc(6*var(--u));text-align:center;overflow:hidden;\
overflow-wrap:anywhere;border-top:calc(3*var(--u)) solid var(--brand)}\
.who{display:flex;align-items:center;justify-content:center;gap:calc(2.5*var(--u))}\
.who img{flex:none;width:calc(12*var(--u));height:calc(12*var(--u));object-fit:contain}\
h1{font-size:calc(6.5*var(--u));line-height:1.2;color:var(--brand-ink)}\
p{font-size:calc(4*var(--u));line-height:1.35}\
.price{font-size:calc(7.5*var(--u));font-weight:600}\
h1,.what{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden}\
.card>svg{display:block;flex:none;width:calc(58*var(--u));height:calc(58*var(--u))}\
.label{font-size:calc(6*var(--u));font-weight:600}\
.test{padding:0 calc(2*var(--u));border:calc(.4*var(--u)) solid #8a4b00;color:#8a4b00;font-weight:600}\
.scan{display:flex;flex-direction:column;padding:calc(2.5*var(--u)) calc(6*var(--u));border-radius:calc(3*var(--u));\
background:#067a3c;color:#fff;font-weight:600}\
.mark{height:calc(9*var(--u));max-width:calc(60*var(--u));object-fit:contain}\
.tent .card{--u:calc(var(--width)/150);display:grid;grid-template-columns:auto 1fr;align-content:center;justify-items:start;\
text-align:start;column-gap:calc(8*var(--u))}\
.tent .card>*{grid-column:2}\
.tent .card>svg{grid-area:1/1/span 7;align-self:center}\
.tent .who{justify-content:start}\
.tent .card:first-child{rotate:180deg}\
.fold{position:absolute;inset:calc(var(--margin) + var(--height)) var(--margin) auto;border-top:.2mm dashed #999}\
.cuts{position:absolute;inset:0;width:100%;height:100%}\
body,.scan,.card{-webkit-print-color-adjust:exact;print-color-adjust:exact}\
button{position:fixed;inset:1rem 1rem auto auto;min-height:2.75rem;padding:.5rem 1.5rem;border:0;border-radius:.75rem;background:#067a3c;color:#fff;\
font:600 1rem system-ui,sans-serif;cursor:pointer}\
@media screen{.page{margin:24px auto;box-shadow:0 1px 12px rgb(21 32 26/15%)}}\
@media print{body{background:#fff}button{display:none}}";

/// The colour of a sheet without a merchant's.
const USUAL: Colour = Colour::new(0x06, 0x7a, 0x3c);

impl Sheet<'_> {
    /// The whole page. `nonce` is the one in its Content-Security-Policy.
    pub fn html(&self, nonce: &str) -> String {
        let (width, height) = self.paper.size_mm();
        let margin = if self.cut_marks { MARGIN_MM } else { 0 };
        let (page_width, page_height) = (width + 2 * margin, height + 2 * margin);
        let lang = self.lang.unwrap_or_default();
        let one = [String::new()];
        let labels = match self.labels {
            [] => one.as_slice(),
            labels => labels,
        };
        let shades = self.brand.colour.unwrap_or(USUAL).on_light();
        let mut out = String::with_capacity((self.code.len() + 1024) * labels.len() + 8192);
        // Writing to a String does not fail.
        let _ = write!(
            out,
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"robots\" content=\"noindex\">\n<title>",
            lang.tag()
        );
        escape(&mut out, self.merchant);
        // A tent's face is a hair lower than half the paper, so that two fit.
        let card_height = match self.paper {
            Paper::Tent => "148.5mm".to_owned(),
            _ => format!("{height}mm"),
        };
        let _ = write!(
            out,
            "</title>\n<style nonce=\"{nonce}\">{STYLE}\
             :root{{--width:{width}mm;--height:{card_height};--margin:{margin}mm;\
             --page-width:{page_width}mm;--page-height:{page_height}mm;\
             --brand:{};--brand-ink:{}}}\
             @page{{size:{page_width}mm {page_height}mm;margin:0}}</style>\n</head>\n<body>\n",
            shades.fill, shades.ink,
        );
        out.push_str("<main>\n");
        for label in labels {
            self.page(&mut out, label);
        }
        out.push_str("</main>\n");
        let print = match lang {
            Lang::En => "Print",
            Lang::ZhHans => "打印",
            Lang::ZhHant => "列印",
            Lang::Ja => "印刷",
            Lang::Ko => "인쇄",
            Lang::Th => "พิมพ์",
        };
        let _ = write!(
            out,
            "<button type=\"button\" hidden>{print}</button>\n<script nonce=\"{nonce}\">\
             const b=document.querySelector('button');b.hidden=false;b.onclick=()=>print()</script>\n\
             </body>\n</html>\n"
        );
        out
    }

    /// One sheet of paper.
    fn page(&self, out: &mut String, label: &str) {
        let is_tent = self.paper == Paper::Tent;
        out.push_str(if is_tent {
            "<section class=\"page tent\">\n"
        } else {
            "<section class=\"page\">\n"
        });
        self.card(out, label);
        if is_tent {
            self.card(out, label);
            out.push_str("<div class=\"fold\"></div>\n");
        }
        if self.cut_marks {
            let (width, height) = self.paper.size_mm();
            let (right, bottom) = (width + 2 * MARGIN_MM, height + 2 * MARGIN_MM);
            let _ = write!(
                out,
                "<svg class=\"cuts\" viewBox=\"0 0 {right} {bottom}\"><path fill=\"none\" \
                 stroke=\"#000\" stroke-width=\".2\" d=\""
            );
            for x in [MARGIN_MM, right - MARGIN_MM] {
                let _ = write!(out, "M{x} 1v5M{x} {}v5", bottom - 6);
            }
            for y in [MARGIN_MM, bottom - MARGIN_MM] {
                let _ = write!(out, "M1 {y}h5M{} {y}h5", right - 6);
            }
            out.push_str("\"/></svg>\n");
        }
        out.push_str("</section>\n");
    }

    /// What a payer reads.
    fn card(&self, out: &mut String, label: &str) {
        out.push_str("<div class=\"card\">\n<div class=\"who\">");
        if let Some(logo) = &self.brand.logo {
            out.push_str("<img alt=\"\" src=\"");
            escape(out, logo);
            out.push_str("\">");
        }
        out.push_str("<h1>");
        escape(out, self.merchant);
        out.push_str("</h1></div>\n<p class=\"what\">");
        escape(out, self.description);
        out.push_str("</p>\n");
        for (class, text) in [("price", self.price), ("label", Some(label))] {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                out.push_str("<p class=\"");
                out.push_str(class);
                out.push_str("\">");
                escape(out, text);
                out.push_str("</p>\n");
            }
        }
        if self.is_test {
            let test = match self.lang {
                None => "TEST · 测试",
                Some(Lang::En) => "TEST",
                Some(Lang::ZhHans) => "测试",
                Some(Lang::ZhHant) => "測試",
                Some(Lang::Ja) => "テスト",
                Some(Lang::Ko) => "테스트",
                Some(Lang::Th) => "ทดสอบ",
            };
            let _ = writeln!(out, "<p class=\"test\">{test}</p>");
        }
        out.push_str(self.code);
        out.push_str("\n<p class=\"scan\">");
        let all = [
            (Lang::ZhHans, "微信扫一扫付款"),
            (Lang::ZhHant, "微信掃一掃付款"),
            (Lang::En, "Scan with WeChat to pay"),
            (Lang::Ja, "WeChatでスキャンしてお支払い"),
            (Lang::Ko, "위챗으로 스캔하여 결제"),
            (Lang::Th, "สแกนด้วย WeChat เพื่อชำระเงิน"),
        ];
        for (lang, text) in all {
            let is_shown = match self.lang {
                Some(chosen) => chosen == lang,
                None => matches!(lang, Lang::ZhHans | Lang::En),
            };
            if is_shown {
                let _ = write!(out, "<span lang=\"{}\">{text}</span>", lang.tag());
            }
        }
        out.push_str("</p>\n");
        if let Some(mark) = &self.brand.mark {
            out.push_str("<img class=\"mark\" alt=\"WeChat Pay\" src=\"");
            escape(out, mark);
            out.push_str("\">\n");
        }
        out.push_str("</div>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet<'a>(brand: &'a Brand, labels: &'a [String]) -> Sheet<'a> {
        Sheet {
            merchant: "<b>Tea</b>",
            brand,
            description: "\"Oolong\" & more",
            price: None,
            code: "<svg></svg>",
            paper: Paper::A6,
            lang: None,
            labels,
            cut_marks: false,
            is_test: false,
        }
    }

    #[test]
    fn a_sheet_has_both_languages_and_no_foreign_markup() {
        let brand = Brand::default();
        let html = sheet(&brand, &[]).html("n");
        assert!(html.contains("size:105mm 148mm") && html.contains("--width:105mm"));
        assert!(html.contains("微信扫一扫付款") && html.contains("Scan with WeChat to pay"));
        assert!(html.contains("&lt;b&gt;Tea") && !html.contains("<b>"));
        assert!(!html.contains("class=\"price\"") && !html.contains("class=\"label\""));
    }

    #[test]
    fn a_series_has_a_page_for_each_label_in_one_language() {
        let brand = Brand::default();
        let labels = ["Table 1", "Table <2>"].map(str::to_owned);
        let series = Sheet {
            lang: Some(Lang::ZhHant),
            cut_marks: true,
            paper: Paper::Tent,
            is_test: true,
            ..sheet(&brand, &labels)
        };
        let html = series.html("n");
        assert_eq!(html.matches("<section class=\"page tent\">").count(), 2);
        assert_eq!(html.matches(">Table 1<").count(), 2, "on both faces");
        assert!(html.contains("Table &lt;2&gt;") && html.contains("測試"));
        assert!(
            html.contains("size:226mm 313mm"),
            "with the margin of the marks"
        );
        assert_eq!(html.matches("class=\"cuts\"").count(), 2);
        assert!(html.contains("微信掃一掃付款") && !html.contains("Scan with WeChat"));
    }
}
