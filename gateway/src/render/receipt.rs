//! A receipt: what was bought, paid and refunded, for a screen and for paper.

use checkout::{Brand, Colour, Lang, Line, draw_number, escape, format_amount, monogram};
use order::Money;
use std::fmt::Write as _;

/// What a receipt shows. Addresses are absolute.
#[derive(Debug)]
pub struct Sheet<'a> {
    /// The merchant's name.
    pub merchant: &'a str,
    /// How the merchant presents itself.
    pub brand: &'a Brand,
    /// The language.
    pub lang: Lang,
    /// The amount that was paid.
    pub money: Money,
    /// The description of what was bought.
    pub body: &'a str,
    /// The items of the purchase.
    pub lines: &'a [Line],
    /// When it was paid.
    pub paid_at: &'a str,
    /// The merchant's number.
    pub out_trade_no: &'a str,
    /// WeChat's number of the payment.
    pub transaction_id: &'a str,
    /// What WeChat charged, where that is in another currency.
    pub charged: Option<Money>,
    /// What was returned.
    pub refunds: &'a [Returned],
    /// What the merchant says on its receipts.
    pub says: Option<&'a str>,
    /// Whether no money moved.
    pub is_test: bool,
    /// The address of the icon.
    pub icon: &'a str,
    /// The address of the picture of a preview.
    pub image: &'a str,
    /// The one in the answer's Content-Security-Policy.
    pub nonce: &'a str,
}

/// A refund that WeChat has accepted.
#[derive(Debug)]
pub struct Returned {
    /// The amount.
    pub money: Money,
    /// When it was requested.
    pub at: String,
    /// Whether the payer has the money.
    pub is_done: bool,
}

struct Words {
    title: &'static str,
    test: &'static str,
    item: &'static str,
    paid: &'static str,
    paid_at: &'static str,
    order_number: &'static str,
    transaction: &'static str,
    charged: &'static str,
    refunded: &'static str,
    refunding: &'static str,
    kept: &'static str,
    questions: &'static str,
    print: &'static str,
    by: &'static str,
    terms: &'static str,
    privacy: &'static str,
    wechat: &'static str,
}

const EN: Words = Words {
    title: "Receipt",
    test: "TEST · no money is paid",
    item: "For",
    paid: "Paid",
    paid_at: "Paid at",
    order_number: "Order no.",
    transaction: "Transaction no.",
    charged: "Charged by WeChat",
    refunded: "Refunded",
    refunding: "Refund in progress",
    kept: "Total after refunds",
    questions: "Questions?",
    print: "Print",
    by: "Paid with WeChat Pay",
    terms: "Terms",
    privacy: "Privacy",
    wechat: "WeChat",
};
const ZH_HANS: Words = Words {
    title: "收据",
    test: "测试 TEST · 不会扣款",
    item: "商品",
    paid: "已支付",
    paid_at: "支付时间",
    order_number: "商户单号",
    transaction: "交易单号",
    charged: "实际扣款",
    refunded: "已退款",
    refunding: "退款中",
    kept: "实付（扣除退款）",
    questions: "联系商户",
    print: "打印",
    by: "微信支付",
    terms: "服务条款",
    privacy: "隐私政策",
    wechat: "微信号",
};
const ZH_HANT: Words = Words {
    title: "收據",
    test: "測試 TEST · 不會扣款",
    item: "商品",
    paid: "已付款",
    paid_at: "付款時間",
    order_number: "商戶單號",
    transaction: "交易單號",
    charged: "實際扣款",
    refunded: "已退款",
    refunding: "退款中",
    kept: "實付（扣除退款）",
    questions: "聯絡商戶",
    print: "列印",
    by: "微信支付",
    terms: "服務條款",
    privacy: "私隱政策",
    wechat: "微信號",
};
const JA: Words = Words {
    title: "レシート",
    test: "テスト TEST · 請求されません",
    item: "商品",
    paid: "お支払い金額",
    paid_at: "支払日時",
    order_number: "注文番号",
    transaction: "取引番号",
    charged: "WeChatの請求額",
    refunded: "返金済み",
    refunding: "返金処理中",
    kept: "返金後の金額",
    questions: "お問い合わせ",
    print: "印刷",
    by: "WeChat Payでお支払い",
    terms: "利用規約",
    privacy: "プライバシー",
    wechat: "WeChat ID",
};
const KO: Words = Words {
    title: "영수증",
    test: "테스트 TEST · 실제로 청구되지 않습니다",
    item: "상품",
    paid: "결제 금액",
    paid_at: "결제 시간",
    order_number: "주문번호",
    transaction: "거래번호",
    charged: "위챗 청구 금액",
    refunded: "환불됨",
    refunding: "환불 진행 중",
    kept: "환불 후 금액",
    questions: "문의",
    print: "인쇄",
    by: "위챗페이로 결제",
    terms: "이용약관",
    privacy: "개인정보 처리방침",
    wechat: "위챗 ID",
};
const TH: Words = Words {
    title: "ใบเสร็จ",
    test: "ทดสอบ TEST · ไม่มีการเรียกเก็บเงิน",
    item: "สินค้า",
    paid: "ยอดที่ชำระ",
    paid_at: "เวลาที่ชำระ",
    order_number: "หมายเลขคำสั่งซื้อ",
    transaction: "หมายเลขธุรกรรม",
    charged: "ยอดที่ WeChat เรียกเก็บ",
    refunded: "คืนเงินแล้ว",
    refunding: "กำลังคืนเงิน",
    kept: "ยอดหลังหักเงินคืน",
    questions: "สอบถาม",
    print: "พิมพ์",
    by: "ชำระด้วย WeChat Pay",
    terms: "ข้อกำหนด",
    privacy: "ความเป็นส่วนตัว",
    wechat: "WeChat ID",
};

const STYLE: &str = "\
:root{color-scheme:light dark;--ground:#f2f5f3;--card:#fff;--ink:#15201a;--quiet:#56645c;--line:#e1e7e3;\
--notice:#8a4b00;--notice-ground:#fdf2e0}\
@media (prefers-color-scheme:dark){:root{--ground:#0e1310;--card:#181f1b;--ink:#edf2ef;--quiet:#a5b4ab;--line:#2b352f;\
--notice:#f3c27a;--notice-ground:#2d2414}}\
*{box-sizing:border-box;margin:0}\
body{background:var(--ground);color:var(--ink);padding:1rem;font:1rem/1.5 system-ui,-apple-system,'PingFang SC',\
'Noto Sans CJK SC','Microsoft YaHei',sans-serif;overflow-wrap:anywhere}\
:lang(zh-Hant) body{font-family:system-ui,-apple-system,'PingFang HK','Noto Sans CJK TC',sans-serif}\
:lang(ja) body{font-family:system-ui,-apple-system,'Hiragino Sans','Noto Sans CJK JP','Yu Gothic UI',sans-serif}\
:lang(ko) body{font-family:system-ui,-apple-system,'Apple SD Gothic Neo','Noto Sans CJK KR','Malgun Gothic',sans-serif}\
main{max-width:32rem;margin:0 auto;padding:1.5rem min(1.5rem,5vw);background:var(--card);border-radius:1.25rem}\
header{display:flex;align-items:center;gap:1rem}\
header img,.monogram{flex:none;width:3rem;height:3rem;object-fit:contain;border-radius:.75rem}\
.monogram{display:grid;place-items:center;background:var(--brand);color:var(--on-brand);font-size:1.5rem;font-weight:600}\
h1{font-size:1.25rem;line-height:1.3}\
header p{color:var(--quiet)}\
.test{margin-top:1rem;padding:.25rem .75rem;border-radius:.5rem;background:var(--notice-ground);color:var(--notice);font-weight:600}\
.total{margin:1.25rem 0;font-size:2rem;font-weight:600;line-height:1.2;font-variant-numeric:tabular-nums}\
.total small{display:block;font-size:1rem;font-weight:400;color:var(--quiet)}\
dl{padding:1rem 0;border-top:1px solid var(--line);font-size:.9375rem}\
dl div{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1.5rem}\
dl div+div{margin-top:.5rem}\
dt{color:var(--quiet)}\
.says{white-space:pre-line}\
dt small{display:block}\
dd{margin-inline-start:auto;text-align:end;font-variant-numeric:tabular-nums}\
.number>span+span::before{content:'\\2009'}\
.sum dt,.sum dd{color:inherit;font-weight:600}\
footer{padding-top:1rem;border-top:1px solid var(--line);color:var(--quiet);font-size:.875rem}\
footer a{color:var(--brand-ink)}\
footer p+p{margin-top:.25rem}\
button{min-height:2.75rem;margin-top:1rem;padding:.5rem 1.25rem;border:1px solid var(--line);border-radius:.75rem;background:none;color:inherit;font:inherit;cursor:pointer}\
@media print{:root{color-scheme:light;--ground:#fff;--card:#fff;--ink:#000;--quiet:#333;--line:#999;--notice:#000;--notice-ground:#fff}\
@page{margin:15mm}body,main{padding:0}main{max-width:none}button{display:none}\
header img,.monogram{-webkit-print-color-adjust:exact;print-color-adjust:exact}}";

/// The green of pages without a merchant's colour.
const USUAL: Colour = Colour::new(0x06, 0x7a, 0x3c);

impl Sheet<'_> {
    /// The whole page.
    pub fn html(&self) -> String {
        let words = match self.lang {
            Lang::En => &EN,
            Lang::ZhHans => &ZH_HANS,
            Lang::ZhHant => &ZH_HANT,
            Lang::Ja => &JA,
            Lang::Ko => &KO,
            Lang::Th => &TH,
        };
        let amount = |money| format_amount(money, self.lang);
        let mut out = Html(String::with_capacity(8192));
        out.raw("<!doctype html>\n<html lang=\"")
            .raw(self.lang.tag());
        out.raw(
            "\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"format-detection\" content=\"telephone=no\">\n\
             <meta name=\"robots\" content=\"noindex\">\n\
             <meta property=\"og:title\" content=\"",
        );
        let title = format!("{} · {}", words.title, self.merchant);
        out.text(&title)
            .raw("\">\n<meta property=\"og:image\" content=\"");
        out.text(self.image).raw("\">\n<title>").text(&title);
        out.raw("</title>\n<link rel=\"icon\" href=\"")
            .text(self.icon);
        out.raw("\">\n<style nonce=\"")
            .raw(self.nonce)
            .raw("\">")
            .raw(STYLE);
        out.raw(&self.brand.colour.unwrap_or(USUAL).style());
        out.raw("</style>\n</head>\n<body>\n<main>\n<header>");
        match &self.brand.logo {
            Some(logo) => out.raw("<img alt=\"\" src=\"").text(logo).raw("\">"),
            None => out
                .raw("<span class=\"monogram\" aria-hidden=\"true\">")
                .text(monogram(self.merchant))
                .raw("</span>"),
        };
        out.raw("<div><h1>").text(self.merchant).raw("</h1><p>");
        out.text(words.title).raw("</p></div></header>\n");
        if self.is_test {
            out.raw("<p class=\"test\">").text(words.test).raw("</p>\n");
        }
        out.raw("<p class=\"total\"><small>")
            .text(words.paid)
            .raw("</small>");
        out.text(&amount(self.money)).raw("</p>\n<dl>\n");
        match self.lines {
            [] => out.row(words.item, self.body, ""),
            lines => {
                for line in lines {
                    let total = line.total().map(amount).unwrap_or_default();
                    let pieces = match line.quantity {
                        1 => String::new(),
                        n => format!("{n} × {}", amount(line.unit)),
                    };
                    out.line(&line.name, &pieces, &total);
                }
            }
        }
        out.raw("</dl>\n<dl>\n");
        out.row(words.paid_at, self.paid_at, "");
        if let Some(charged) = self.charged {
            out.row(words.charged, &amount(charged), "");
        }
        out.number(words.order_number, self.out_trade_no);
        out.number(words.transaction, self.transaction_id);
        out.raw("</dl>\n");
        if !self.refunds.is_empty() {
            out.raw("<dl>\n");
            let mut returned = 0;
            for refund in self.refunds {
                let label = match refund.is_done {
                    true => words.refunded,
                    false => words.refunding,
                };
                out.line(label, &refund.at, &format!("−{}", amount(refund.money)));
                returned += refund.money.amount_minor();
            }
            let kept = self.money.amount_minor() - returned;
            let kept = Money::new(kept, self.money.currency());
            let nothing = || zero(&amount(self.money));
            let kept = kept.map_or_else(|_| nothing(), amount);
            out.row(words.kept, &kept, "sum");
            out.raw("</dl>\n");
        }
        self.footer(&mut out, words);
        out.0
    }

    fn footer(&self, out: &mut Html, words: &Words) {
        let Brand {
            phone,
            mail,
            wechat,
            terms_url,
            privacy_url,
            ..
        } = self.brand;
        out.raw("<footer>");
        if let Some(says) = self.says {
            out.raw("<p class=\"says\">").text(says).raw("</p>");
        }
        let mut asks = false;
        for (scheme, contact) in [("tel:", phone), ("mailto:", mail), ("", wechat)] {
            let Some(contact) = contact else {
                continue;
            };
            match asks {
                false => out.raw("<p>").text(words.questions).raw(" "),
                true => out.raw(" · "),
            };
            asks = true;
            match scheme {
                "" => out.text(words.wechat).raw(" ").text(contact),
                scheme => {
                    let target: String = contact.split(' ').collect();
                    out.raw("<a href=\"").raw(scheme).text(&target).raw("\">");
                    out.text(contact).raw("</a>")
                }
            };
        }
        if asks {
            out.raw("</p>");
        }
        out.raw("<p>").text(words.by);
        for (label, url) in [(words.terms, terms_url), (words.privacy, privacy_url)] {
            if let Some(url) = url {
                out.raw(" · <a rel=\"noreferrer\" href=\"")
                    .text(url)
                    .raw("\">");
                out.text(label).raw("</a>");
            }
        }
        out.raw("</p><button type=\"button\" hidden>")
            .text(words.print);
        out.raw("</button></footer>\n</main>\n<script nonce=\"")
            .raw(self.nonce);
        out.raw(
            "\">const b=document.querySelector('button');b.hidden=false;b.onclick=()=>print()\
             </script>\n</body>\n</html>\n",
        );
    }
}

/// An amount of nothing, in the form of another amount of its currency.
fn zero(amount: &str) -> String {
    let mut digits = amount.matches(|c: char| c.is_ascii_digit()).count();
    let decimals = amount
        .rsplit_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    amount
        .chars()
        .filter_map(|c| match c {
            ',' => None,
            c if c.is_ascii_digit() => {
                digits -= 1;
                (digits <= decimals).then_some('0')
            }
            c => Some(c),
        })
        .collect()
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

    fn row(&mut self, label: &str, value: &str, class: &str) {
        // Writing to a String does not fail.
        let _ = match class {
            "" => write!(self.0, "<div><dt>"),
            class => write!(self.0, "<div class=\"{class}\"><dt>"),
        };
        self.text(label)
            .raw("</dt><dd>")
            .text(value)
            .raw("</dd></div>\n");
    }

    fn number(&mut self, label: &str, number: &str) {
        self.raw("<div><dt>").text(label).raw("</dt><dd>");
        draw_number(&mut self.0, number);
        self.raw("</dd></div>\n");
    }

    fn line(&mut self, label: &str, small: &str, value: &str) {
        self.raw("<div><dt>").text(label);
        if !small.is_empty() {
            self.raw("<small>").text(small).raw("</small>");
        }
        self.raw("</dt><dd>").text(value).raw("</dd></div>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_in_the_currencys_form() {
        for (amount, expected) in [
            ("HK$1,234.50", "HK$0.00"),
            ("JP¥1,234", "JP¥0"),
            ("HUF\u{a0}5.00", "HUF\u{a0}0.00"),
            ("US$0.01", "US$0.00"),
        ] {
            assert_eq!(zero(amount), expected);
        }
    }
}
