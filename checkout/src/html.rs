//! The HTML template into which the app is built. The server fills it in, so
//! that the page can be read before a script has run.
//!
//! The template is `app/index.html` after the build. Its placeholders are
//! `{{NAME}}`; each occurrence is filled in: in text and attributes
//! HTML-escaped, in the script block as JSON that cannot end the block.

use crate::brand;
use crate::escape::escape;
use crate::lines::{self, Line};
use crate::number::draw_number;
use crate::{Contents, Lang, Message, Offers, Page, Problem, View, format_amount, texts};

/// The template does not match this version of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// A `{{NAME}}` that this version does not know.
    UnknownPlace(String),
    /// `{{` without `}}`.
    Unclosed,
}

impl core::fmt::Display for TemplateError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            TemplateError::UnknownPlace(name) => {
                write!(f, "the page's template has an unknown place {{{{{name}}}}}")
            }
            TemplateError::Unclosed => f.write_str("the page's template has an unclosed {{"),
        }
    }
}

impl core::error::Error for TemplateError {}

/// What the server adds to the template beside the purchase.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame<'a> {
    /// The one of the answer's Content-Security-Policy, in base64 or hex.
    pub nonce: &'a str,
    /// The absolute address of a picture for link previews.
    pub image: &'a str,
    /// The address of the icon of the browser's tab.
    pub icon: &'a str,
    /// The page's own address, absolute or relative, without a language.
    pub here: &'a str,
}

/// Fills in the template.
///
/// Inserted values are not scanned again, so a merchant called `{{VIEW}}` is
/// shown as `{{VIEW}}`.
///
/// | placeholder | value |
/// |---|---|
/// | `{{LANG}}` | the language's tag |
/// | `{{TITLE}}` | merchant and amount, or what went wrong |
/// | `{{VIEW}}` | the [`Page`] as JSON |
/// | `{{NONCE}}` | `nonce` |
/// | `{{IMAGE}}` | `image` |
/// | `{{ICON}}` | `icon` |
/// | `{{MERCHANT}}` `{{AMOUNT}}` `{{DESCRIPTION}}` `{{OUT_TRADE_NO}}` | the summary; empty without a purchase |
/// | `{{AMOUNT_CLASS}}` | [`amount_class`] |
/// | `{{ITEM}}` `{{ORDER_NUMBER}}` | its labels; empty without a purchase |
/// | `{{CARRIED_BY}}` | the payment provider's line, contact and terms; without a purchase, the request id to quote |
/// | `{{LOGO}}` `{{ABOUT}}` `{{DETAILS}}` | the logo or a letter; the price in yuan; picture and description |
/// | `{{COLOUR}}` | the merchant's colour, as a style element |
/// | `{{LANGUAGES}}` | links to the page in the other languages |
/// | `{{LINES}}` | the purchase's `lines`, as HTML; empty where there are none |
/// | `{{SUMMARY_CLASS}}` | `summary`, or `none` without a purchase |
/// | `{{WORDS}}` | the page's texts in its language: [`Texts::to_words`](crate::Texts::to_words) |
/// | `{{LOADING}}` | "Loading…" |
/// | `{{SLOW}}` `{{RELOAD}}` `{{BACK}}` | shown when the script has not loaded after a while |
pub fn fill(
    template: &str,
    page: &Page,
    lines: &[Line],
    frame: Frame<'_>,
) -> Result<String, TemplateError> {
    let Frame {
        nonce,
        image,
        icon,
        here,
    } = frame;
    let mut out = String::with_capacity(template.len() + 1024);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let (name, after) = after.split_once("}}").ok_or(TemplateError::Unclosed)?;
        match name {
            "NONCE" => escape(&mut out, nonce),
            "IMAGE" => escape(&mut out, image),
            "ICON" => escape(&mut out, icon),
            "COLOUR" => {
                if let Page::View(view) = page {
                    brand::draw_colour(&mut out, &view.brand, nonce);
                }
            }
            "LANGUAGES" => brand::draw_languages(&mut out, here, page.lang()),
            "LINES" => lines::draw(&mut out, lines, page.lang()),
            name => place(&mut out, name, page)?,
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// What [`fill`] renders, for the same page on another host. `here` is the query
/// of that page's address, without a language.
pub fn contents(
    template: &str,
    page: &Page,
    lines: &[Line],
    offers: Offers,
    here: &str,
) -> Result<Contents, TemplateError> {
    let lang = page.lang();
    let (words, style) = match page {
        Page::View(view) => {
            let amount = format_amount(view.money, lang);
            let words = texts(lang).to_words(&amount, &view.merchant);
            (words, brand::style(&view.brand))
        }
        Page::Error(_) => (texts(lang).to_words("", ""), String::new()),
    };
    let frame = Frame {
        here,
        ..Frame::default()
    };
    Ok(Contents {
        lang,
        title: title(page),
        main: fill(main_of(template), page, lines, frame)?,
        words,
        style,
        page: Some(page.clone()),
        offers,
    })
}

/// What is inside a page's `<main>`.
pub(crate) fn main_of(html: &str) -> &str {
    let inside = || {
        let (_, after) = html.split_once("<main")?;
        let (_, inside) = after.split_once('>')?;
        let (inside, _) = inside.split_once("</main>")?;
        Some(inside)
    };
    inside().unwrap_or_default()
}

/// The page for robots and link previews: title, amount and an image, without a
/// script, and a sentence that says how to continue.
pub fn preview(view: &View, image: &str) -> String {
    let amount = format_amount(view.money, view.lang);
    let message = texts(view.lang).in_phone_browser;
    let mut out = String::from("<!doctype html>\n<html lang=\"");
    out.push_str(view.lang.tag());
    out.push_str(
        "\">\n<meta charset=\"utf-8\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n",
    );
    for (before, text, after) in [
        ("<title>", view.merchant.as_str(), " · "),
        ("", &amount, "</title>\n"),
        (
            "<meta property=\"og:title\" content=\"",
            &view.merchant,
            "\">\n",
        ),
        (
            "<meta property=\"og:description\" content=\"",
            &amount,
            "\">\n",
        ),
        ("<meta property=\"og:image\" content=\"", image, "\">\n"),
        ("<h1>", &view.merchant, "</h1>\n"),
        ("<p>", &amount, "</p>\n"),
        ("<p>", message.heading, "</p>\n"),
    ] {
        out.push_str(before);
        escape(&mut out, text);
        out.push_str(after);
    }
    if view.is_test {
        out.push_str(&test_badge(view.lang));
    }
    out
}

fn place(out: &mut String, name: &str, page: &Page) -> Result<(), TemplateError> {
    let lang = page.lang();
    let texts = texts(lang);
    match (name, page) {
        ("LANG", _) => out.push_str(lang.tag()),
        ("TITLE", _) => escape(out, &title(page)),
        ("TEST", Page::View(view)) if view.is_test => out.push_str(&test_badge(lang)),
        ("TEST", _) => {}
        ("VIEW", _) => json(out, page),
        ("LOGO", Page::View(view)) => brand::draw_logo(out, &view.brand, &view.merchant),
        ("ABOUT", Page::View(view)) => brand::draw_about(out, view.about_cny, lang),
        ("DETAILS", Page::View(view)) => {
            brand::draw_details(out, view.picture.as_deref(), view.details.as_deref());
        }
        ("MERCHANT", Page::View(view)) => escape(out, &view.merchant),
        ("DESCRIPTION", Page::View(view)) => escape(out, &view.description),
        ("AMOUNT", Page::View(view)) => escape(out, &format_amount(view.money, lang)),
        ("AMOUNT_CLASS", Page::View(view)) => {
            out.push_str(amount_class(&format_amount(view.money, lang)));
        }
        ("OUT_TRADE_NO", Page::View(view)) => draw_number(out, &view.out_trade_no),
        ("ITEM", Page::View(_)) => escape(out, texts.item),
        ("ORDER_NUMBER", Page::View(_)) => escape(out, texts.order_number),
        (
            "LOGO" | "ABOUT" | "DETAILS" | "MERCHANT" | "DESCRIPTION" | "AMOUNT" | "AMOUNT_CLASS"
            | "OUT_TRADE_NO" | "ITEM" | "ORDER_NUMBER",
            Page::Error(_),
        ) => {}
        ("CARRIED_BY", Page::Error(error)) => quote(out, lang, &error.reference),
        ("SUMMARY_CLASS", Page::View(_)) => out.push_str("summary"),
        ("SUMMARY_CLASS", Page::Error(_)) => out.push_str("none"),
        ("CARRIED_BY", Page::View(view)) => brand::draw_foot(out, &view.brand, lang),
        ("WORDS", Page::View(view)) => {
            let amount = format_amount(view.money, lang);
            escape(out, &texts.to_words(&amount, &view.merchant));
        }
        ("WORDS", Page::Error(_)) => escape(out, &texts.to_words("", "")),
        ("LOADING", _) => escape(out, texts.loading),
        ("SLOW", _) => {
            escape(out, texts.slow_page);
            out.push(' ');
            escape(out, texts.opening_is_free);
        }
        ("BACK", Page::View(view)) => {
            if let Some(url) = &view.cancel_url {
                out.push_str(" <a href=\"");
                escape(out, url);
                out.push_str("\">");
                escape(out, texts.back_to_merchant);
                out.push_str("</a>");
            }
        }
        ("BACK", Page::Error(_)) => {}
        ("RELOAD", _) => escape(out, texts.reload),
        _ => return Err(TemplateError::UnknownPlace(String::from(name))),
    }
    Ok(())
}

/// The request id as the payer can quote it; empty if there is none.
fn quote(out: &mut String, lang: Lang, reference: &str) {
    if !reference.is_empty() {
        escape(out, texts(lang).reference);
        out.push(' ');
        escape(out, reference);
    }
}

/// A line of HTML for every page of a test deployment: no money is charged there and nothing is
/// sold.
pub fn test_badge(lang: Lang) -> String {
    let text = match lang {
        Lang::En => "TEST · no money is paid",
        Lang::ZhHans => "测试 TEST · 不会扣款",
        Lang::ZhHant => "測試 TEST · 不會扣款",
        Lang::Ja => "テスト TEST · 請求されません",
        Lang::Ko => "테스트 TEST · 실제로 청구되지 않습니다",
        Lang::Th => "ทดสอบ TEST · ไม่มีการเรียกเก็บเงิน",
    };
    format!("<p class=\"test\">{text}</p>\n")
}

/// The page for a browser at an unknown address.
pub fn nothing_here(lang: Lang) -> Message {
    let (heading, body) = match lang {
        Lang::En => (
            "There’s nothing at this address",
            "To pay, open the merchant’s link or scan the merchant’s code again.",
        ),
        Lang::ZhHans => (
            "页面不存在",
            "如需支付，请重新打开商户提供的链接或扫描商户的二维码。",
        ),
        Lang::ZhHant => (
            "頁面不存在",
            "如需付款，請重新開啟商戶提供的連結或掃描商戶的二維碼。",
        ),
        Lang::Ja => (
            "ページが見つかりません",
            "お支払いは、お店のリンクを開き直すか、お店のコードをもう一度スキャンしてください。",
        ),
        Lang::Ko => (
            "페이지를 찾을 수 없습니다",
            "결제하려면 판매자의 링크를 다시 열거나 코드를 다시 스캔하세요.",
        ),
        Lang::Th => (
            "ไม่พบหน้านี้",
            "หากต้องการชำระเงิน โปรดเปิดลิงก์ของร้านค้าหรือสแกนคิวอาร์โค้ดของร้านค้าอีกครั้ง",
        ),
    };
    Message { heading, body }
}

/// A page with only a message, without a script: for a browser at an address
/// that answers programs with JSON.
///
/// `stylesheet` and `icon` are addresses, and `reference` is the request id.
pub fn notice(
    lang: Lang,
    message: Message,
    stylesheet: Option<&str>,
    icon: Option<&str>,
    reference: &str,
) -> String {
    let mut out = String::from("<!doctype html>\n<html lang=\"");
    out.push_str(lang.tag());
    out.push_str(
        "\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1, viewport-fit=cover\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>",
    );
    escape(&mut out, message.heading);
    out.push_str("</title>\n");
    for (rel, address) in [("icon", icon), ("stylesheet", stylesheet)] {
        if let Some(address) = address {
            out.push_str("<link rel=\"");
            out.push_str(rel);
            out.push_str("\" href=\"");
            escape(&mut out, address);
            out.push_str("\">\n");
        }
    }
    out.push_str(
        "</head>\n<body>\n<main>\n<section class=\"now\"><div class=\"says notice\">\
         <h2 aria-level=\"1\">",
    );
    escape(&mut out, message.heading);
    out.push_str("</h2><p>");
    escape(&mut out, message.body);
    let texts = texts(lang);
    for sentence in [texts.opening_is_free, texts.may_close] {
        out.push_str("</p><p>");
        escape(&mut out, sentence);
    }
    out.push_str("</p></div></section>\n<footer>");
    quote(&mut out, lang, reference);
    out.push_str("</footer>\n</main>\n</body>\n</html>\n");
    out
}

/// The class of a formatted amount: a long one is set smaller, to fit on one
/// line.
pub fn amount_class(written: &str) -> &'static str {
    if written.chars().count() > 11 {
        "amount long"
    } else {
        "amount"
    }
}

/// The page's title: `Demo Tea House · HK$150.00`.
pub fn title(page: &Page) -> String {
    match page {
        Page::View(view) => {
            let amount = format_amount(view.money, view.lang);
            format!("{} · {amount}", view.merchant)
        }
        Page::Error(error) => {
            let texts = texts(error.lang);
            String::from(texts.problem(Problem::from_code(&error.code)).heading)
        }
    }
}

/// JSON for a script block: `<` is written `\u003c`, so that no text of a
/// merchant can end the block or start a comment in it.
fn json(out: &mut String, page: &Page) {
    // Serialising a Page cannot fail: it has no maps with other keys than
    // strings. If that changes, the app shows "something went wrong".
    let text = serde_json::to_string(page).unwrap_or_default();
    for c in text.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Brand, Lang, Method, PageError, State};
    use order::{Currency, Money};

    const IMAGE: &str = "https://pay.example.com/image/demo.png";
    const FRAME: Frame<'_> = Frame {
        nonce: "bm9uY2U=",
        image: IMAGE,
        icon: "https://pay.example.com/image/demo.svg",
        here: "/pay/?s=demo.1",
    };

    fn page(merchant: &str) -> Page {
        Page::View(View {
            merchant: String::from(merchant),
            description: String::from("Oolong & \"friends\""),
            money: Money::new(15_000, Currency::Hkd).unwrap(),
            out_trade_no: String::from("T1"),
            state: State::Open,
            attempt: None,
            method: Method::Native,
            now_ms: 1,
            expires_at_ms: 2,
            lang: Lang::ZhHans,
            success_url: None,
            cancel_url: None,
            attempted: false,
            problem: None,
            return_seconds: None,
            begun: false,
            brand: Brand::default(),
            picture: None,
            details: None,
            about_cny: None,
            payment: None,
            is_test: true,
        })
    }

    #[test]
    fn the_real_template_is_filled_in() {
        let template = include_str!("../../app/index.html");
        for page in [
            page("Demo Tea House"),
            Page::Error(PageError {
                code: String::from("SESSION_NOT_FOUND"),
                lang: Lang::En,
                reference: String::new(),
            }),
        ] {
            let html = fill(template, &page, &[], FRAME).unwrap();
            assert!(!html.contains("{{"), "{html}");
            let is_test = matches!(&page, Page::View(view) if view.is_test);
            assert_eq!(html.contains("<p class=\"test\">"), is_test);
            assert!(html.contains(&format!("og:image\" content=\"{IMAGE}\"")));
            assert!(html.contains(&format!("rel=\"icon\" href=\"{}\"", FRAME.icon)));
            let (_, json) = html.split_once("id=\"view\">").unwrap();
            let (json, _) = json.split_once("</script>").unwrap();
            assert_eq!(serde_json::from_str::<Page>(json).unwrap(), page);
        }
    }

    #[test]
    fn a_hostile_merchant_is_escaped() {
        let page = page("</script><script>alert(1)</script>{{VIEW}}<!--");
        let html = fill("<b>{{MERCHANT}}</b>{{DESCRIPTION}}", &page, &[], FRAME).unwrap();
        assert_eq!(
            html,
            "<b>&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;{{VIEW}}&lt;!--</b>\
             Oolong &amp; &quot;friends&quot;"
        );
        let json = fill("{{VIEW}}", &page, &[], FRAME).unwrap();
        assert!(!json.contains('<'), "{json}");
        assert_eq!(serde_json::from_str::<Page>(&json).unwrap(), page);
    }

    #[test]
    fn a_preview_has_title_and_amount_and_nothing_else_of_the_purchase() {
        let Page::View(view) = page("<Tea> & \"more\"") else {
            panic!("a view");
        };
        let html = preview(&view, IMAGE);
        assert!(html.contains("<title>&lt;Tea&gt; &amp; &quot;more&quot; · HK$150.00</title>"));
        assert!(html.contains("og:description\" content=\"HK$150.00\""));
        for hidden in ["Oolong", "T1", "<script", "<Tea>"] {
            assert!(!html.contains(hidden), "{hidden}: {html}");
        }
    }

    #[test]
    fn the_title_has_merchant_and_amount() {
        assert_eq!(title(&page("Demo")), "Demo · HK$150.00");
        let error = Page::Error(PageError {
            code: String::from("SESSION_EXPIRED"),
            lang: Lang::ZhHans,
            reference: String::from("R<1>"),
        });
        assert_eq!(title(&error), "链接已过期");
        let footer = fill("{{CARRIED_BY}}{{VIEW}}", &error, &[], FRAME).unwrap();
        let quoted = "参考编号 R&lt;1&gt;{\"error\":";
        assert!(footer.starts_with(quoted), "{footer}");
    }

    #[test]
    fn only_a_long_amount_is_set_smaller() {
        assert_eq!(amount_class("HK$9,999.99"), "amount");
        assert_eq!(amount_class("HK$10,000.00"), "amount long");
        assert_eq!(amount_class("฿฿฿฿฿฿฿฿฿฿฿"), "amount");
    }

    #[test]
    fn a_wrong_template_is_an_error() {
        let page = page("Demo");
        assert_eq!(
            fill("{{OTHER}}", &page, &[], FRAME),
            Err(TemplateError::UnknownPlace(String::from("OTHER")))
        );
        assert_eq!(
            fill("{{LANG", &page, &[], FRAME),
            Err(TemplateError::Unclosed)
        );
    }
}
