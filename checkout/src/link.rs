//! The page of a payment link: what is sold, and a form.
//!
//! It is HTML rendered by the server, so it works without scripts. Submitting
//! the form creates the payer's own checkout; opening the page creates nothing.

use crate::brand;
use crate::escape::escape;
use crate::fields::{FieldKind, FieldProblem, LinkField, input_name};
use crate::html::main_of;
use crate::{Brand, Contents, Lang, Link, Message, Offers, format_amount, texts};
use order::{Currency, Money};
use std::collections::BTreeMap;

/// The content of a link's page.
#[derive(Clone, Debug)]
pub struct LinkPage<'a> {
    /// The merchant's name.
    pub merchant: &'a str,
    /// The description.
    pub description: &'a str,
    /// The page's language.
    pub lang: Lang,
    /// The form, or why there is none.
    pub asks: Asks,
    /// The payer's invalid input.
    pub refused: Option<Refused<'a>>,
    /// The merchant's own questions.
    pub fields: &'a [LinkField],
    /// What the payer has written, by the names of the form's inputs.
    pub written: &'a BTreeMap<String, String>,
    /// The field whose answer is wrong, by its name.
    pub wrong: Option<(&'a str, FieldProblem)>,
    /// Whether no money is paid, because the gateway's upstream is the sandbox.
    pub is_test: bool,
    /// The form's hidden fields: names and values.
    pub hidden: &'a [(&'a str, &'a str)],
    /// The page's own address, as in [`Frame::here`](crate::html::Frame::here).
    pub here: &'a str,
    /// The stylesheet's address.
    pub stylesheet: &'a str,
    /// The icon's address.
    pub icon: &'a str,
    /// The absolute address of a picture for link previews.
    pub image: &'a str,
    /// How the merchant presents itself.
    pub brand: &'a Brand,
    /// As in [`View::picture`](crate::View::picture).
    pub picture: Option<&'a str>,
    /// As in [`View::details`](crate::View::details).
    pub details: Option<&'a str>,
    /// The one of the answer's Content-Security-Policy.
    pub nonce: &'a str,
    /// How to continue, where no payment is possible here. The page then has no
    /// form.
    pub elsewhere: Option<Elsewhere>,
    /// About how much one piece costs in yuan, as in
    /// [`View::about_cny`](crate::View::about_cny).
    pub about_cny: Option<Money>,
    /// The link's id, for the payer to quote where nothing can be bought.
    pub reference: &'a str,
    /// The merchant's address for a payer who does not want to pay.
    pub way_back: Option<&'a str>,
}

/// How to continue where no payment is possible.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// What to do.
    pub message: Message,
    /// The link's address, to copy and as a code.
    pub link: Link,
    /// Whether a link may open WeChat here.
    pub may_open: bool,
}

/// The form of a link's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// A fixed price; with a quantity if several can be bought.
    Quantity {
        /// The price of one piece.
        price: Money,
        /// The largest quantity of one purchase.
        at_most: i64,
    },
    /// An amount that the payer enters.
    Amount {
        /// The smallest amount.
        min: Money,
        /// The largest amount.
        max: Money,
    },
    /// No form: the sale has ended.
    Ended(Ended),
}

/// Why the link sells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The merchant has switched the link off.
    Off,
    /// The link has expired.
    Expired,
    /// Sold out, while unpaid purchases hold some pieces.
    SoldOut,
    /// Sold out, and all pieces are paid.
    AllSold,
}

/// An invalid input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused<'a> {
    /// The payer's input.
    pub written: &'a str,
    /// What is wrong with it.
    pub problem: EntryProblem,
}

/// What is wrong with a payer's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryProblem {
    /// It is empty.
    Empty,
    /// It is not a number.
    NotANumber,
    /// It has a comma, a space or another mark between digits, whose meaning
    /// depends on the country.
    Separator,
    /// It has more decimals than the currency.
    Decimals,
    /// It is out of range.
    OutOfRange,
}

/// Parses an amount as payers write it: digits, and for currencies with
/// decimals a point and up to two more digits. Returns it in the currency's
/// smallest unit.
///
/// Ambiguous input is refused: `1,234` is more than a thousand in one country
/// and little more than one in another.
///
/// ```
/// use checkout::link::{EntryProblem, read_amount};
/// use order::Currency;
///
/// assert_eq!(read_amount("12.5", Currency::Hkd), Ok(1250));
/// assert_eq!(read_amount("1,250", Currency::Hkd), Err(EntryProblem::Separator));
/// assert_eq!(read_amount("12.50", Currency::Jpy), Err(EntryProblem::Decimals));
/// ```
pub fn read_amount(text: &str, currency: Currency) -> Result<i64, EntryProblem> {
    const SEPARATORS: [char; 12] = [
        ',', ' ', '\'', '’', '_', '٫', '٬', '，', '．', '。', '\u{a0}', '\u{202f}',
    ];
    let text = text.trim();
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, decimals) = match text.split_once('.') {
        None => (text, ""),
        Some((_, after)) if after.contains('.') => return Err(EntryProblem::Separator),
        // `5.` and `.5` may have lost a digit.
        Some((_, "")) => return Err(EntryProblem::NotANumber),
        Some(parts) => parts,
    };
    if text.is_empty() {
        return Err(EntryProblem::Empty);
    }
    if !digits(whole) || !(decimals.is_empty() || digits(decimals)) {
        let separated = text
            .chars()
            .all(|c| c.is_ascii_digit() || c == '.' || SEPARATORS.contains(&c));
        return Err(
            match separated && text.starts_with(|c: char| c.is_ascii_digit()) {
                true => EntryProblem::Separator,
                false => EntryProblem::NotANumber,
            },
        );
    }
    let width = currency.minor_digits() as usize;
    if decimals.len() > width {
        return Err(EntryProblem::Decimals);
    }
    // A number that overflows exceeds every amount.
    format!("{whole}{decimals:0<width$}")
        .parse()
        .map_err(|_| EntryProblem::OutOfRange)
}

/// Parses a quantity.
pub fn read_quantity(text: &str) -> Result<i64, EntryProblem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(EntryProblem::Empty);
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(EntryProblem::NotANumber);
    }
    text.parse().map_err(|_| EntryProblem::OutOfRange)
}

/// Renders the page.
pub fn page(page: &LinkPage<'_>) -> String {
    let words = words(page.lang);
    let price = match page.asks {
        Asks::Quantity { price, .. } => Some(format_amount(price, page.lang)),
        Asks::Amount { .. } | Asks::Ended(_) => None,
    };
    let title = title(page);
    let mut out = Html(String::with_capacity(4096));
    out.raw("<!doctype html>\n<html lang=\"")
        .raw(page.lang.tag())
        .raw(
            "\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1, viewport-fit=cover\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"robots\" content=\"noindex\">\n\
             <meta property=\"og:title\" content=\"",
        )
        .text(&title)
        .raw("\">\n<meta property=\"og:description\" content=\"")
        .text(page.description)
        .raw("\">\n<meta property=\"og:image\" content=\"")
        .text(page.image)
        .raw("\">\n<title>")
        .text(&title)
        .raw("</title>\n<link rel=\"icon\" href=\"")
        .text(page.icon)
        .raw("\">\n<link rel=\"stylesheet\" href=\"")
        .text(page.stylesheet)
        .raw("\">\n");
    brand::draw_colour(&mut out.0, page.brand, page.nonce);
    out.raw("</head>\n<body>\n<main id=\"checkout\">\n");
    if page.is_test {
        out.raw(&crate::html::test_badge(page.lang));
    }
    out.raw("<header class=\"summary\">\n");
    brand::draw_logo(&mut out.0, page.brand, page.merchant);
    out.raw("<h1 class=\"merchant\">")
        .text(page.merchant)
        .raw("</h1>");
    if let Some(price) = &price {
        out.raw("<p class=\"")
            .raw(crate::html::amount_class(price))
            .raw("\">")
            .text(price)
            .raw("</p>");
        brand::draw_about(&mut out.0, page.about_cny, page.lang);
    }
    brand::draw_details(&mut out.0, page.picture, page.details);
    out.raw("<dl><div><dt>")
        .text(texts(page.lang).item)
        .raw("</dt><dd>")
        .text(page.description)
        .raw("</dd></div></dl></header>\n");
    match page.asks {
        Asks::Quantity { .. } | Asks::Amount { .. } if page.elsewhere.is_some() => {
            out.elsewhere(page);
        }
        Asks::Ended(ended) => {
            let Message { heading, body } = self::ended(ended, page.lang);
            out.raw("<section class=\"now\"><div class=\"says notice\"><h2>")
                .text(heading)
                .raw("</h2><p>")
                .text(body)
                .raw("</p><p>")
                .text(texts(page.lang).opening_is_free)
                .raw("</p><p>")
                .text(texts(page.lang).reference)
                .raw(" ")
                .text(page.reference)
                .raw("</p></div>");
            out.way_back(page);
            out.raw("</section>\n");
        }
        Asks::Quantity { price, at_most } => {
            out.form(page);
            if at_most > 1 || page.refused.is_some() {
                let unit = format_amount(price, page.lang);
                let hint = fill(words.quantity_hint, &unit, &at_most.to_string());
                let written = page.written.get("quantity").map_or("1", String::as_str);
                out.field(page, "quantity", words.quantity, &hint, written);
            }
            out.questions(page, words);
            out.end_form(page, words);
        }
        Asks::Amount { min, max } => {
            out.form(page);
            let written = |money| format_amount(money, page.lang);
            // If the merchant has set no smallest amount, the largest one only
            // guards against typing errors and is shown when it is exceeded.
            let hint = match min.amount_minor() {
                ..=1 => String::new(),
                _ => fill(words.amount_hint, &written(min), &written(max)),
            };
            let label = fill(words.amount, min.currency().code(), "");
            let written = page.written.get("amount").map_or("", String::as_str);
            out.field(page, "amount", &label, &hint, written);
            out.questions(page, words);
            out.end_form(page, words);
        }
    }
    out.raw("<footer>");
    brand::draw_foot(&mut out.0, page.brand, page.lang);
    brand::draw_languages(&mut out.0, page.here, page.lang);
    out.raw("</footer>\n</main>\n<script src=\"/link.js\" defer></script>\n</body>\n</html>\n");
    out.0
}

/// The texts about a link that sells nothing.
pub fn ended(ended: Ended, lang: Lang) -> Message {
    let words = words(lang);
    let (heading, body) = match ended {
        Ended::Off => words.off,
        Ended::Expired => words.expired,
        Ended::SoldOut => words.sold_out,
        Ended::AllSold => words.all_sold,
    };
    Message { heading, body }
}

/// The page's contents, for the page on another host.
pub fn contents(of: &LinkPage<'_>) -> Contents {
    Contents {
        lang: of.lang,
        title: title(of),
        main: String::from(main_of(&page(of))),
        words: texts(of.lang).to_words("", of.merchant),
        style: brand::style(of.brand),
        page: None,
        offers: Offers::default(),
    }
}

fn title(page: &LinkPage<'_>) -> String {
    match page.asks {
        Asks::Quantity { price, .. } => {
            format!("{} · {}", page.merchant, format_amount(price, page.lang))
        }
        Asks::Amount { .. } | Asks::Ended(_) => {
            format!("{} · {}", page.merchant, page.description)
        }
    }
}

/// The sentence about an invalid input.
fn sentence(page: &LinkPage<'_>, problem: EntryProblem) -> String {
    let words = words(page.lang);
    match (problem, page.asks) {
        (EntryProblem::Empty, Asks::Amount { .. }) => words.amount_empty.to_owned(),
        (EntryProblem::OutOfRange, Asks::Amount { min, max }) => fill(
            words.amount_out_of_range,
            &format_amount(min, page.lang),
            &format_amount(max, page.lang),
        ),
        (problem, Asks::Amount { min, .. }) => {
            let whole = min.currency().minor_digits() == 0;
            let example = if whole { "1250" } else { "12.50" };
            let sentence = match (problem, whole) {
                (EntryProblem::Decimals, true) => words.no_decimals,
                (EntryProblem::Decimals, false) => words.two_decimals,
                _ => words.not_an_amount,
            };
            fill(sentence, example, "")
        }
        (_, Asks::Quantity { at_most, .. }) => {
            fill(words.quantity_wrong, "1", &at_most.to_string())
        }
        (_, Asks::Ended(_)) => String::new(),
    }
}

fn fill(text: &str, a: &str, b: &str) -> String {
    crate::fill(text, &[("a", a), ("b", b)])
}

/// The currency's sign before an amount.
fn sign(money: Money, lang: Lang) -> String {
    let mut written = format_amount(money, lang);
    let number = written.find(|c: char| c.is_ascii_digit());
    written.truncate(number.unwrap_or(0));
    written
}

struct Html(String);

impl Html {
    fn raw(&mut self, html: &str) -> &mut Self {
        self.0.push_str(html);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        escape(&mut self.0, text);
        self
    }

    fn form(&mut self, page: &LinkPage<'_>) {
        self.raw("<form class=\"now\" method=\"post\" action=\"/pay/link\" novalidate>");
        for (name, value) in page.hidden {
            self.raw("<input type=\"hidden\" name=\"")
                .text(name)
                .raw("\" value=\"")
                .text(value)
                .raw("\">");
        }
        self.raw("\n");
    }

    fn field(&mut self, page: &LinkPage<'_>, name: &str, label: &str, hint: &str, value: &str) {
        let numeric = match page.asks {
            Asks::Amount { min, .. } => min.currency().minor_digits() == 0,
            _ => true,
        };
        self.raw("<div class=\"field\"><label for=\"entry\">")
            .text(label)
            .raw("</label>\n");
        if let Asks::Amount { min, .. } = page.asks {
            self.raw("<div class=\"money\">\n<span aria-hidden=\"true\">")
                .text(&sign(min, page.lang))
                .raw("</span>");
        }
        self.raw("<input id=\"entry\" name=\"")
            .raw(name)
            .raw("\" inputmode=\"")
            .raw(if numeric { "numeric" } else { "decimal" })
            .raw("\" autocomplete=\"off\" maxlength=\"20\" required")
            .raw(match (hint.is_empty(), page.refused.is_some()) {
                (true, false) => "",
                (false, false) => " aria-describedby=\"hint\"",
                (true, true) => " aria-describedby=\"problem\"",
                (false, true) => " aria-describedby=\"hint problem\"",
            })
            .raw(match page.refused {
                Some(_) => " aria-invalid=\"true\" autofocus",
                None => "",
            });
        if let Asks::Quantity { price, at_most } = page.asks {
            let words = words(page.lang);
            for (name, value) in [
                ("unit", price.amount_minor().to_string().as_str()),
                ("digits", &price.currency().minor_digits().to_string()),
                ("before", &sign(price, page.lang)),
                ("at-most", &at_most.to_string()),
                ("total", words.total),
                ("less", words.less),
                ("more", words.more),
            ] {
                self.raw(" data-")
                    .raw(name)
                    .raw("=\"")
                    .text(value)
                    .raw("\"");
            }
        }
        self.raw(" value=\"")
            .text(page.refused.map_or(value, |refused| refused.written))
            .raw(match page.asks {
                Asks::Amount { .. } => "\"></div>\n",
                _ => "\">\n",
            });
        if !hint.is_empty() {
            self.raw("<p id=\"hint\">").text(hint).raw("</p>");
        }
        if let Some(refused) = page.refused {
            self.raw("<p id=\"problem\" class=\"banner\" role=\"alert\">")
                .text(&sentence(page, refused.problem))
                .raw("</p>");
        }
        self.raw("</div>\n");
    }

    /// The merchant's own questions.
    fn questions(&mut self, page: &LinkPage<'_>, words: &Words) {
        for (nth, field) in page.fields.iter().enumerate() {
            let id = format!("f{nth}");
            let name = input_name(&field.name);
            let written = page.written.get(&name).map_or("", String::as_str);
            let wrong = page.wrong.filter(|(wrong, _)| *wrong == field.name);
            self.raw("<div class=\"field\"><label for=\"")
                .raw(&id)
                .raw("\">")
                .text(field.label_in(page.lang))
                .raw(if field.required { "" } else { words.optional })
                .raw("</label>\n<")
                .raw(match field.kind {
                    FieldKind::Choice(_) => "select",
                    _ => "input autocomplete=\"off\"",
                })
                .raw(" id=\"")
                .raw(&id)
                .raw("\" name=\"")
                .text(&name)
                .raw("\"")
                .raw(if field.required { " required" } else { "" });
            if wrong.is_some() {
                self.raw(" aria-invalid=\"true\" autofocus aria-describedby=\"problem-")
                    .raw(&id)
                    .raw("\"");
            }
            if let FieldKind::Choice(choices) = &field.kind {
                self.raw("><option value=\"\"></option>");
                for choice in choices {
                    self.raw("<option")
                        .raw(if choice == written { " selected>" } else { ">" })
                        .text(choice)
                        .raw("</option>");
                }
                self.raw("</select>");
            } else {
                let numeric = matches!(field.kind, FieldKind::Number);
                self.raw(if numeric {
                    " inputmode=\"numeric\""
                } else {
                    ""
                })
                .raw(" maxlength=\"")
                .raw(&field.max_length().to_string())
                .raw("\" value=\"")
                .text(written)
                .raw("\">");
            }
            if let Some((_, problem)) = wrong {
                let sentence = match problem {
                    FieldProblem::Missing => words.field_missing.to_owned(),
                    FieldProblem::TooLong(most) => {
                        fill(words.field_too_long, &most.to_string(), "")
                    }
                    FieldProblem::NotANumber => words.field_not_a_number.to_owned(),
                    FieldProblem::NotAChoice => words.field_wrong.to_owned(),
                };
                self.raw("<p id=\"problem-")
                    .raw(&id)
                    .raw("\" class=\"banner\" role=\"alert\">")
                    .text(&sentence)
                    .raw("</p>");
            }
            self.raw("</div>\n");
        }
    }

    /// How to continue in WeChat: the link to copy, and its code.
    fn elsewhere(&mut self, page: &LinkPage<'_>) {
        let Some(Elsewhere {
            message,
            link,
            may_open,
        }) = &page.elsewhere
        else {
            return;
        };
        let texts = texts(page.lang);
        let size = link.size.to_string();
        self.raw("<section class=\"now\"><div class=\"says\"><h2>")
            .text(message.heading)
            .raw("</h2><p>")
            .text(message.body)
            .raw("</p></div>\n<button type=\"button\" class=\"button\" data-copy=\"")
            .text(&link.url)
            .raw("\" data-copied=\"")
            .text(texts.copied)
            .raw("\">")
            .text(texts.copy_link)
            .raw("</button>\n<p id=\"next\" role=\"status\" hidden>")
            .text(texts.after_copying)
            .raw("</p>\n<p class=\"by-hand\"><code>")
            .text(&link.url)
            .raw("</code></p>\n");
        if *may_open {
            self.raw("<a class=\"button second\" href=\"weixin://\">")
                .text(texts.open_wechat)
                .raw("</a>\n");
        }
        self.raw("<figure class=\"code help\"><svg viewBox=\"0 0 ")
            .raw(&size)
            .raw(" ")
            .raw(&size)
            .raw("\" role=\"img\" shape-rendering=\"crispEdges\" aria-label=\"")
            .text(texts.link_code_alt)
            .raw("\"><path d=\"")
            .text(&link.path)
            .raw("\"/></svg><figcaption>")
            .text(texts.link_code)
            .raw("</figcaption></figure>");
        self.way_back(page);
        self.raw("</section>\n");
    }

    fn end_form(&mut self, page: &LinkPage<'_>, words: &Words) {
        self.raw("<button class=\"button\">")
            .text(words.go_on)
            .raw("</button>");
        self.way_back(page);
        self.raw("</form>\n");
    }

    /// The way back to the merchant; without one nothing keeps the payer here.
    fn way_back(&mut self, page: &LinkPage<'_>) {
        let texts = texts(page.lang);
        match page.way_back {
            Some(url) => self
                .raw("<a class=\"way-back\" href=\"")
                .text(url)
                .raw("\">")
                .text(texts.back_to_merchant)
                .raw("</a>"),
            None if matches!(page.asks, Asks::Ended(_)) => {
                self.raw("<p>").text(texts.may_close).raw("</p>")
            }
            None => self,
        };
    }
}

/// The texts of this page in one language. `{a}` and `{b}` are filled in.
struct Words {
    go_on: &'static str,
    amount: &'static str,
    amount_hint: &'static str,
    amount_empty: &'static str,
    amount_out_of_range: &'static str,
    not_an_amount: &'static str,
    two_decimals: &'static str,
    no_decimals: &'static str,
    quantity: &'static str,
    quantity_hint: &'static str,
    quantity_wrong: &'static str,
    optional: &'static str,
    field_missing: &'static str,
    field_too_long: &'static str,
    field_not_a_number: &'static str,
    field_wrong: &'static str,
    total: &'static str,
    less: &'static str,
    more: &'static str,
    off: (&'static str, &'static str),
    expired: (&'static str, &'static str),
    sold_out: (&'static str, &'static str),
    all_sold: (&'static str, &'static str),
}

fn words(lang: Lang) -> &'static Words {
    match lang {
        Lang::En => &EN,
        Lang::ZhHans => &ZH_HANS,
        Lang::ZhHant => &ZH_HANT,
        Lang::Ja => &JA,
        Lang::Ko => &KO,
        Lang::Th => &TH,
    }
}

static EN: Words = Words {
    go_on: "Continue to payment",
    amount: "Amount in {a}",
    amount_hint: "From {a} to {b}",
    amount_empty: "Enter the amount.",
    amount_out_of_range: "Enter an amount from {a} to {b}.",
    not_an_amount: "Enter numbers only, for example {a}.",
    two_decimals: "Enter at most two digits after the point, for example {a}.",
    no_decimals: "This currency has no decimals. Enter a whole number, for example {a}.",
    quantity: "Quantity",
    quantity_hint: "{a} each · up to {b}",
    quantity_wrong: "Enter a whole number from {a} to {b}.",
    optional: " (optional)",
    field_missing: "Please fill in this field.",
    field_too_long: "Enter at most {a} characters.",
    field_not_a_number: "Enter digits only.",
    field_wrong: "Please choose or enter a valid value.",
    total: "Total {a}",
    less: "One less",
    more: "One more",
    off: (
        "Not available",
        "The merchant isn’t taking payments here right now.",
    ),
    expired: (
        "This link has expired",
        "Please contact the merchant for a new one.",
    ),
    sold_out: (
        "Sold out",
        "More may become available if other buyers don’t complete payment.",
    ),
    all_sold: (
        "Sold out",
        "None are left. Questions? Contact the merchant.",
    ),
};

static ZH_HANS: Words = Words {
    go_on: "去支付",
    amount: "金额（{a}）",
    amount_hint: "{a} 至 {b}",
    amount_empty: "请输入金额。",
    amount_out_of_range: "请输入 {a} 至 {b} 之间的金额。",
    not_an_amount: "请输入数字金额，如 {a}，不要加逗号或空格。",
    two_decimals: "小数点后最多两位，如 {a}。",
    no_decimals: "该币种没有小数，请输入整数，如 {a}。",
    quantity: "数量",
    quantity_hint: "单价 {a}，每次限购 {b} 件",
    quantity_wrong: "请输入 {a} 至 {b} 的整数。",
    optional: "（选填）",
    field_missing: "请填写此项。",
    field_too_long: "最多输入 {a} 个字符。",
    field_not_a_number: "请只输入数字。",
    field_wrong: "请选择或输入有效的内容。",
    total: "合计 {a}",
    less: "减少一件",
    more: "增加一件",
    off: ("暂停收款", "商户暂未开放此链接的付款。"),
    expired: ("链接已过期", "请联系商户获取新链接。"),
    sold_out: ("已售罄", "如有订单未支付，库存会重新释放，可稍后再看。"),
    all_sold: ("已售罄", "商品已全部售出，如有疑问请联系商户。"),
};

static ZH_HANT: Words = Words {
    go_on: "前往付款",
    amount: "金額（{a}）",
    amount_hint: "{a} 至 {b}",
    amount_empty: "請輸入金額。",
    amount_out_of_range: "請輸入 {a} 至 {b} 之間的金額。",
    not_an_amount: "請輸入數字金額，如 {a}，不要加逗號或空格。",
    two_decimals: "小數點後最多兩位，如 {a}。",
    no_decimals: "此貨幣沒有小數，請輸入整數，如 {a}。",
    quantity: "數量",
    quantity_hint: "單價 {a}，每次限購 {b} 件",
    quantity_wrong: "請輸入 {a} 至 {b} 的整數。",
    optional: "（選填）",
    field_missing: "請填寫此項。",
    field_too_long: "最多輸入 {a} 個字元。",
    field_not_a_number: "請只輸入數字。",
    field_wrong: "請選擇或輸入有效的內容。",
    total: "合計 {a}",
    less: "減少一件",
    more: "增加一件",
    off: ("暫停收款", "商戶暫未開放此連結的付款。"),
    expired: ("連結已過期", "請聯絡商戶索取新連結。"),
    sold_out: ("已售罄", "如有訂單未付款，庫存會重新釋出，可稍後再看。"),
    all_sold: ("已售罄", "商品已全部售出，如有疑問請聯絡商戶。"),
};

static JA: Words = Words {
    go_on: "支払いに進む",
    amount: "金額（{a}）",
    amount_hint: "{a} から {b} まで",
    amount_empty: "金額を入力してください。",
    amount_out_of_range: "{a} から {b} までの金額を入力してください。",
    not_an_amount: "数字だけを入力してください（例：{a}）。",
    two_decimals: "小数点以下は2桁までです（例：{a}）。",
    no_decimals: "この通貨には小数がありません。整数を入力してください（例：{a}）。",
    quantity: "数量",
    quantity_hint: "1点 {a} · {b} 点まで",
    quantity_wrong: "{a} から {b} までの整数を入力してください。",
    optional: "（任意）",
    field_missing: "この項目を入力してください。",
    field_too_long: "{a} 文字以内で入力してください。",
    field_not_a_number: "数字だけを入力してください。",
    field_wrong: "有効な値を選択または入力してください。",
    total: "合計 {a}",
    less: "1つ減らす",
    more: "1つ増やす",
    off: (
        "現在ご利用いただけません",
        "お店は現在ここでお支払いを受け付けていません。",
    ),
    expired: (
        "リンクの有効期限が切れました",
        "お店に新しいリンクを依頼してください。",
    ),
    sold_out: (
        "売り切れ",
        "ほかのお客様のお支払いが完了しない場合、再び購入できることがあります。",
    ),
    all_sold: (
        "売り切れ",
        "在庫はありません。ご不明な点はお店にお問い合わせください。",
    ),
};

static KO: Words = Words {
    go_on: "결제로 이동",
    amount: "금액({a})",
    amount_hint: "{a} ~ {b}",
    amount_empty: "금액을 입력하세요.",
    amount_out_of_range: "{a}에서 {b} 사이의 금액을 입력하세요.",
    not_an_amount: "숫자만 입력하세요. 예: {a}",
    two_decimals: "소수점 아래는 두 자리까지 입력하세요. 예: {a}",
    no_decimals: "이 통화에는 소수가 없습니다. 정수를 입력하세요. 예: {a}",
    quantity: "수량",
    quantity_hint: "개당 {a} · 최대 {b}개",
    quantity_wrong: "{a}에서 {b} 사이의 정수를 입력하세요.",
    optional: " (선택)",
    field_missing: "이 항목을 입력하세요.",
    field_too_long: "{a}자 이내로 입력하세요.",
    field_not_a_number: "숫자만 입력하세요.",
    field_wrong: "올바른 값을 선택하거나 입력하세요.",
    total: "합계 {a}",
    less: "하나 줄이기",
    more: "하나 늘리기",
    off: (
        "지금은 이용할 수 없습니다",
        "판매자가 지금 여기에서 결제를 받지 않습니다.",
    ),
    expired: ("만료된 링크입니다", "판매자에게 새 링크를 요청하세요."),
    sold_out: (
        "품절",
        "다른 구매자가 결제를 완료하지 않으면 다시 구매할 수 있습니다.",
    ),
    all_sold: (
        "품절",
        "남은 수량이 없습니다. 궁금한 점은 판매자에게 문의하세요.",
    ),
};

static TH: Words = Words {
    go_on: "ไปชำระเงิน",
    amount: "จำนวนเงิน ({a})",
    amount_hint: "{a} ถึง {b}",
    amount_empty: "โปรดใส่จำนวนเงิน",
    amount_out_of_range: "โปรดใส่จำนวนเงินตั้งแต่ {a} ถึง {b}",
    not_an_amount: "ใส่ตัวเลขเท่านั้น เช่น {a}",
    two_decimals: "ใส่ทศนิยมไม่เกินสองตำแหน่ง เช่น {a}",
    no_decimals: "สกุลเงินนี้ไม่มีทศนิยม โปรดใส่จำนวนเต็ม เช่น {a}",
    quantity: "จำนวน",
    quantity_hint: "ชิ้นละ {a} · ไม่เกิน {b} ชิ้น",
    quantity_wrong: "ใส่จำนวนเต็มตั้งแต่ {a} ถึง {b}",
    optional: " (ไม่บังคับ)",
    field_missing: "โปรดกรอกช่องนี้",
    field_too_long: "ใส่ได้ไม่เกิน {a} ตัวอักษร",
    field_not_a_number: "ใส่ตัวเลขเท่านั้น",
    field_wrong: "โปรดเลือกหรือใส่ค่าที่ถูกต้อง",
    total: "รวม {a}",
    less: "ลดหนึ่งชิ้น",
    more: "เพิ่มหนึ่งชิ้น",
    off: ("ยังไม่เปิดรับ", "ร้านค้าไม่ได้รับชำระเงินที่นี่ในขณะนี้"),
    expired: ("ลิงก์นี้หมดอายุแล้ว", "โปรดติดต่อร้านค้าเพื่อขอลิงก์ใหม่"),
    sold_out: ("สินค้าหมด", "อาจมีสินค้าอีกหากผู้ซื้อรายอื่นชำระเงินไม่เสร็จ"),
    all_sold: ("สินค้าหมด", "ไม่มีสินค้าเหลือ หากมีข้อสงสัย โปรดติดต่อร้านค้า"),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_as_payers_write_them() {
        use EntryProblem::{Decimals, Empty, NotANumber, OutOfRange, Separator};
        for (text, hkd, jpy) in [
            ("12", Ok(1200), Ok(12)),
            (" 12 ", Ok(1200), Ok(12)),
            ("12.5", Ok(1250), Err(Decimals)),
            ("12.50", Ok(1250), Err(Decimals)),
            ("0.01", Ok(1), Err(Decimals)),
            ("007", Ok(700), Ok(7)),
            ("0", Ok(0), Ok(0)),
            ("12.500", Err(Decimals), Err(Decimals)),
            ("", Err(Empty), Err(Empty)),
            ("  ", Err(Empty), Err(Empty)),
            ("1,250", Err(Separator), Err(Separator)),
            ("1.250,00", Err(Separator), Err(Separator)),
            ("1,250.00", Err(Separator), Err(Separator)),
            ("1.250.000", Err(Separator), Err(Separator)),
            ("1 250", Err(Separator), Err(Separator)),
            ("1\u{a0}250", Err(Separator), Err(Separator)),
            ("1\u{202f}250,5", Err(Separator), Err(Separator)),
            ("1’250", Err(Separator), Err(Separator)),
            ("12，50", Err(Separator), Err(Separator)),
            ("12。50", Err(Separator), Err(Separator)),
            (",5", Err(NotANumber), Err(NotANumber)),
            (".5", Err(NotANumber), Err(NotANumber)),
            ("5.", Err(NotANumber), Err(NotANumber)),
            (".", Err(NotANumber), Err(NotANumber)),
            ("-5", Err(NotANumber), Err(NotANumber)),
            ("+5", Err(NotANumber), Err(NotANumber)),
            ("1e3", Err(NotANumber), Err(NotANumber)),
            ("0x10", Err(NotANumber), Err(NotANumber)),
            ("NaN", Err(NotANumber), Err(NotANumber)),
            ("１２", Err(NotANumber), Err(NotANumber)),
            ("١٢", Err(NotANumber), Err(NotANumber)),
            ("HK$12", Err(NotANumber), Err(NotANumber)),
            ("12 yuan", Err(NotANumber), Err(NotANumber)),
            ("99999999999999999999", Err(OutOfRange), Err(OutOfRange)),
        ] {
            assert_eq!(read_amount(text, Currency::Hkd), hkd, "{text:?} HKD");
            assert_eq!(read_amount(text, Currency::Jpy), jpy, "{text:?} JPY");
        }
    }

    #[test]
    fn quantities_are_digits() {
        assert_eq!(read_quantity(" 3 "), Ok(3));
        for (text, problem) in [
            ("", EntryProblem::Empty),
            ("1.5", EntryProblem::NotANumber),
            ("-1", EntryProblem::NotANumber),
            ("99999999999999999999", EntryProblem::OutOfRange),
        ] {
            assert_eq!(read_quantity(text), Err(problem), "{text:?}");
        }
    }

    #[test]
    fn hostile_texts_are_escaped() {
        let hostile = "\"><script>alert(1)</script>'&{a}";
        for lang in Lang::ALL {
            for asks in [
                Asks::Amount {
                    min: Money::new(1, Currency::Hkd).unwrap(),
                    max: Money::new(100, Currency::Hkd).unwrap(),
                },
                Asks::Ended(Ended::Off),
            ] {
                let html = page(&LinkPage {
                    merchant: hostile,
                    description: hostile,
                    lang,
                    asks,
                    refused: Some(Refused {
                        written: hostile,
                        problem: EntryProblem::NotANumber,
                    }),
                    fields: &[],
                    written: &BTreeMap::new(),
                    wrong: None,
                    is_test: true,
                    hidden: &[("l", hostile)],
                    here: hostile,
                    stylesheet: hostile,
                    icon: hostile,
                    image: hostile,
                    brand: &Brand::default(),
                    nonce: hostile,
                    picture: None,
                    details: None,
                    elsewhere: None,
                    about_cny: None,
                    reference: hostile,
                    way_back: Some(hostile),
                });
                // The page's own, and no other.
                assert_eq!(html.matches("<script").count(), 1, "{html}");
                assert!(!html.contains("\"><s"), "{html}");
                assert!(html.contains("&quot;&gt;&lt;script&gt;"), "{html}");
            }
        }
    }
}
