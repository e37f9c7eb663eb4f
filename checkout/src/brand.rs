//! How a merchant presents itself, rendered for the page and for a link's page.

use crate::escape::escape;
use crate::{Brand, Lang, format_amount, monogram, texts};
use order::Money;

/// The logo, or the first letter of the name in its place.
pub(crate) fn draw_logo(out: &mut String, brand: &Brand, merchant: &str) {
    match &brand.logo {
        Some(logo) => {
            out.push_str("<img class=\"logo\" alt=\"\" src=\"");
            escape(out, logo);
        }
        None => {
            out.push_str("<span class=\"monogram\" aria-hidden=\"true\">");
            escape(out, monogram(merchant));
            out.push_str("</span>\n");
            return;
        }
    }
    out.push_str("\">\n");
}

/// The merchant's colour as a style element; nothing without one.
pub(crate) fn draw_colour(out: &mut String, brand: &Brand, nonce: &str) {
    if let Some(colour) = brand.colour
        && !nonce.is_empty()
    {
        out.push_str("<style nonce=\"");
        escape(out, nonce);
        out.push_str("\">");
        out.push_str(&colour.style());
        out.push_str("</style>\n");
    }
}

/// The merchant's colour as one rule of a style sheet, for a page whose own sheet
/// comes after it; empty without one.
pub(crate) fn style(brand: &Brand) -> String {
    brand.colour.map_or_else(String::new, |colour| {
        let rules = colour.style().replace(":root", ":root:root");
        format!("@media all{{{rules}}}")
    })
}

/// The approximate price in yuan; nothing where it is unknown.
pub(crate) fn draw_about(out: &mut String, about: Option<Money>, lang: Lang) {
    if let Some(about) = about {
        let written = format_amount(about, lang);
        out.push_str("<p class=\"about\">");
        escape(out, &crate::fill(about_text(lang), &[("amount", &written)]));
        out.push_str("</p>\n");
    }
}

const fn about_text(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "About {amount} · WeChat Pay sets the rate",
        Lang::ZhHans => "约 {amount}，以支付时微信支付的汇率为准",
        Lang::ZhHant => "約 {amount}，以付款時微信支付的匯率為準",
        Lang::Ja => "約 {amount}（支払時のWeChat Payのレートによる）",
        Lang::Ko => "약 {amount} · 결제 시 위챗페이 환율 적용",
        Lang::Th => "ประมาณ {amount} · ตามอัตราของ WeChat Pay ขณะชำระ",
    }
}

/// The picture and the longer description of what is sold.
pub(crate) fn draw_details(out: &mut String, picture: Option<&str>, details: Option<&str>) {
    if let Some(picture) = picture {
        out.push_str("<img class=\"picture\" alt=\"\" src=\"");
        escape(out, picture);
        out.push_str("\">\n");
    }
    if let Some(details) = details {
        out.push_str("<p class=\"details\">");
        escape(out, details);
        out.push_str("</p>\n");
    }
}

/// The page in the other languages; `here` is its address, up to the language.
pub(crate) fn draw_languages(out: &mut String, here: &str, lang: Lang) {
    if here.is_empty() {
        return;
    }
    out.push_str("<p class=\"contact\">");
    for other in Lang::ALL.into_iter().filter(|other| *other != lang) {
        out.push_str("<a lang=\"");
        out.push_str(other.tag());
        out.push_str("\" href=\"");
        escape(out, here);
        out.push_str("&amp;lang=");
        out.push_str(other.tag());
        out.push_str("\">");
        out.push_str(other.name());
        out.push_str("</a>\n");
    }
    out.push_str("</p>\n");
}

/// The payment provider, the merchant's contact, and the terms.
pub(crate) fn draw_foot(out: &mut String, brand: &Brand, lang: Lang) {
    let texts = texts(lang);
    out.push_str("<p>");
    let (before, after) = texts.carried_by.split_once("{mark}").unwrap_or_default();
    escape(out, before);
    let mark = match lang {
        Lang::En | Lang::Ja | Lang::Th => "WeChat Pay",
        Lang::ZhHans | Lang::ZhHant => "微信支付",
        Lang::Ko => "위챗페이",
    };
    match &brand.mark {
        Some(address) => {
            out.push_str("<img class=\"mark\" alt=\"");
            out.push_str(mark);
            out.push_str("\" src=\"");
            escape(out, address);
            out.push_str("\">");
        }
        None => {
            out.push_str("<b class=\"mark\">");
            out.push_str(mark);
            out.push_str("</b>");
        }
    }
    escape(out, after);
    out.push_str("</p>\n");
    let words = words(lang);
    let mut contacts = String::new();
    if let Some(phone) = &brand.phone {
        let dialled: String = phone
            .chars()
            .filter(|c| c.is_ascii_digit() || *c == '+')
            .collect();
        link(&mut contacts, "tel:", &dialled, phone);
    }
    if let Some(mail) = &brand.mail {
        link(&mut contacts, "mailto:", mail, mail);
    }
    if let Some(id) = &brand.wechat {
        contacts.push_str("<span>");
        escape(&mut contacts, words.wechat);
        contacts.push(' ');
        escape(&mut contacts, id);
        contacts.push_str("</span>\n");
    }
    if !contacts.is_empty() {
        out.push_str("<p class=\"contact\"><span>");
        escape(out, words.questions);
        out.push_str("</span>\n");
        out.push_str(&contacts);
        out.push_str("</p>\n");
    }
    let mut papers = String::new();
    for (url, label) in [
        (&brand.terms_url, words.terms),
        (&brand.privacy_url, words.privacy),
    ] {
        if let Some(url) = url {
            link(&mut papers, "", url, label);
        }
    }
    if !papers.is_empty() {
        out.push_str("<p class=\"contact\">");
        out.push_str(&papers);
        out.push_str("</p>\n");
    }
}

fn link(out: &mut String, scheme: &str, address: &str, label: &str) {
    out.push_str("<a href=\"");
    out.push_str(scheme);
    escape(out, address);
    out.push_str("\">");
    escape(out, label);
    out.push_str("</a>\n");
}

struct Words {
    questions: &'static str,
    wechat: &'static str,
    terms: &'static str,
    privacy: &'static str,
}

const fn words(lang: Lang) -> Words {
    match lang {
        Lang::En => Words {
            questions: "Questions?",
            wechat: "WeChat ID",
            terms: "Terms",
            privacy: "Privacy",
        },
        Lang::ZhHans => Words {
            questions: "联系商户",
            wechat: "微信号",
            terms: "服务条款",
            privacy: "隐私政策",
        },
        Lang::ZhHant => Words {
            questions: "聯絡商戶",
            wechat: "微信號",
            terms: "服務條款",
            privacy: "私隱政策",
        },
        Lang::Ja => Words {
            questions: "お問い合わせ",
            wechat: "WeChat ID",
            terms: "利用規約",
            privacy: "プライバシー",
        },
        Lang::Ko => Words {
            questions: "문의",
            wechat: "위챗 ID",
            terms: "이용약관",
            privacy: "개인정보 처리방침",
        },
        Lang::Th => Words {
            questions: "สอบถาม",
            wechat: "WeChat ID",
            terms: "ข้อกำหนด",
            privacy: "ความเป็นส่วนตัว",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use order::Currency;

    #[test]
    fn what_a_merchant_has_set_is_rendered_and_escaped() {
        let brand = Brand {
            logo: Some(String::from("https://a.example/l.png?\"><script>")),
            phone: Some(String::from("+852 2345 6789")),
            mail: Some(String::from("tea@a.example")),
            wechat: Some(String::from("<tea>")),
            terms_url: Some(String::from("https://a.example/t")),
            ..Brand::default()
        };
        let mut out = String::new();
        draw_logo(&mut out, &brand, "Tea");
        draw_foot(&mut out, &brand, Lang::En);
        draw_details(&mut out, None, Some("<b>"));
        let about = Money::new(13_900, Currency::Cny).ok();
        draw_about(&mut out, about, Lang::ZhHans);
        for part in [
            "src=\"https://a.example/l.png?&quot;&gt;&lt;script&gt;\"",
            "<a href=\"tel:+85223456789\">+852 2345 6789</a>",
            "<a href=\"mailto:tea@a.example\">",
            "WeChat ID &lt;tea&gt;",
            "<a href=\"https://a.example/t\">Terms</a>",
            "Powered by <b class=\"mark\">WeChat Pay</b>",
            "&lt;b&gt;",
            "约 ¥139.00，",
        ] {
            assert!(out.contains(part), "{part} is not in {out}");
        }
        assert!(!out.contains("<script"));
    }

    #[test]
    fn without_a_logo_there_is_a_letter_and_no_contact() {
        let mut out = String::new();
        draw_logo(&mut out, &Brand::default(), "茶馆");
        draw_foot(&mut out, &Brand::default(), Lang::ZhHant);
        let expected = "<span class=\"monogram\" aria-hidden=\"true\">茶</span>\n\
                        <p><b class=\"mark\">微信支付</b> · 微信安全支付</p>\n";
        assert_eq!(out, expected);
    }
}
