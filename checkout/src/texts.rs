//! Every text the payer reads, in each language.
//!
//! A language is one value of [`Texts`], so a text that is missing somewhere
//! does not compile. Amounts, names and times are put beside the texts by the
//! page, or at their `{…}` by [`fill`].
//!
//! A page is sent its own language's words with the HTML, a line each
//! ([`Texts::to_words`]): all three would be a seventh of what a payer loads.

use crate::Lang;
use crate::plan::Reason;
use crate::view::Problem;

/// A heading and a sentence or two under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// A few words.
    pub heading: &'static str,
    /// What it means for the payer and what to do.
    pub body: &'static str,
}

/// The texts of the page in one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each name says when its text is shown")]
pub struct Texts {
    /// The form in which times are written. English has two; the one with the
    /// day first, the month in letters and 24 hours is read the same
    /// everywhere.
    pub locale: &'static str,

    // The frame.
    pub loading: &'static str,
    pub slow_page: &'static str,
    pub reload: &'static str,
    pub offline: &'static str,
    pub item: &'static str,
    pub order_number: &'static str,
    pub paid_at: &'static str,
    pub carried_by: &'static str,

    // Paying inside WeChat.
    pub pay: &'static str,
    pub pay_again: &'static str,
    pub please_wait: &'static str,
    pub connecting: &'static str,
    pub bridge_missing: Message,
    pub sheet_open: Message,
    pub sheet_slow: &'static str,
    pub cancelled: Message,
    pub failed: Message,
    pub no_network: Message,

    // After the payment.
    pub confirming: Message,
    pub confirming_slow: Message,
    pub check_again: &'static str,
    pub paid: Message,
    pub to_merchant: &'static str,
    pub back_to_merchant: &'static str,

    // The code.
    pub scan: Message,
    /// `{amount}` and `{merchant}` are filled in.
    pub scan_alt: &'static str,
    pub drawing_code: &'static str,
    pub code_expires_in: &'static str,
    pub code_expired: Message,
    pub new_code: &'static str,
    pub pay_within: &'static str,

    // Paying on another page, which comes back.
    pub away: Message,
    pub i_have_paid: &'static str,
    pub not_seen: Message,

    // Where a payment cannot happen.
    pub in_phone_browser: Message,
    pub in_other_app: Message,
    pub in_mini_program: Message,
    pub in_wecom: Message,
    pub wechat_too_old: Message,
    pub copy_link: &'static str,
    pub copied: &'static str,
    pub copy_by_hand: &'static str,
    pub link_code: &'static str,
    pub link_code_alt: &'static str,

    // The end without a payment.
    pub expired: Message,
    pub closed: Message,
    pub refused: Message,

    // Errors.
    pub unknown_link: Message,
    pub expired_link: Message,
    pub sign_in_again: Message,
    pub snapshot: Message,
    pub busy: Message,
    pub wechat_unavailable: Message,
    pub other_problem: Message,
    pub try_again: &'static str,
}

/// A text or a message on its way to the page: a line for each text.
trait Words: Sized {
    fn write(&self, out: &mut String);
    fn read(lines: &mut core::str::Split<'static, char>) -> Option<Self>;
}

impl Words for &'static str {
    fn write(&self, out: &mut String) {
        out.push_str(self);
        out.push('\n');
    }

    fn read(lines: &mut core::str::Split<'static, char>) -> Option<Self> {
        lines.next()
    }
}

impl Words for Message {
    fn write(&self, out: &mut String) {
        self.heading.write(out);
        self.body.write(out);
    }

    fn read(lines: &mut core::str::Split<'static, char>) -> Option<Self> {
        Some(Message {
            heading: lines.next()?,
            body: lines.next()?,
        })
    }
}

macro_rules! words {
    ($($sent:ident)* ; $($drawn:ident)*) => {
        impl Texts {
            /// The words that the page needs beside those that the server draws,
            /// a line each, with these values in them.
            pub fn to_words(&self, amount: &str, merchant: &str) -> String {
                let values = [("amount", amount), ("merchant", merchant)];
                // A merchant's name may hold anything, but no line's end.
                let scan_alt = fill(self.scan_alt, &values).replace('\n', " ");
                let mut out = String::new();
                out.push_str(&scan_alt);
                out.push('\n');
                $(self.$sent.write(&mut out);)*
                out
            }

            /// Reads what [`Texts::to_words`] wrote; what the server draws is
            /// empty. `None` if there are too few lines.
            pub fn from_words(words: &'static str) -> Option<Texts> {
                let lines = &mut words.split('\n');
                Some(Texts {
                    scan_alt: lines.next()?,
                    $($sent: Words::read(lines)?,)*
                    $($drawn: "",)*
                })
            }
        }
    };
}

words! {
    locale reload offline paid_at
    pay pay_again please_wait connecting bridge_missing sheet_open sheet_slow
    cancelled failed no_network
    confirming confirming_slow check_again paid to_merchant back_to_merchant
    scan drawing_code code_expires_in code_expired new_code pay_within
    away i_have_paid not_seen
    in_phone_browser in_other_app in_mini_program in_wecom wechat_too_old
    copy_link copied copy_by_hand link_code link_code_alt
    expired closed refused
    unknown_link expired_link sign_in_again snapshot busy wechat_unavailable other_problem
    try_again ;
    loading slow_page item order_number carried_by
}

impl Texts {
    /// What to say about an error.
    pub fn problem(&self, problem: Problem) -> Message {
        match problem {
            Problem::UnknownLink => self.unknown_link,
            Problem::ExpiredLink => self.expired_link,
            Problem::SignInAgain => self.sign_in_again,
            Problem::Snapshot => self.snapshot,
            Problem::Busy => self.busy,
            Problem::WeChatUnavailable => self.wechat_unavailable,
            Problem::Other => self.other_problem,
        }
    }

    /// Why the payment has to go on elsewhere.
    pub fn elsewhere(&self, reason: Reason) -> Message {
        match reason {
            Reason::PhoneBrowser | Reason::Robot => self.in_phone_browser,
            Reason::OtherApp => self.in_other_app,
            Reason::MiniProgram => self.in_mini_program,
            Reason::WeCom => self.in_wecom,
        }
    }
}

/// Puts the values where `text` says `{name}`. A name without a value is left
/// out.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    // Every second part stood between braces.
    for (index, part) in text.split(['{', '}']).enumerate() {
        if index % 2 == 0 {
            out.push_str(part);
        } else if let Some((_, value)) = values.iter().find(|(name, _)| *name == part) {
            out.push_str(value);
        }
    }
    out
}

/// The texts in this language.
pub fn texts(lang: Lang) -> &'static Texts {
    match lang {
        Lang::En => &EN,
        Lang::ZhHans => &ZH_HANS,
        Lang::ZhHant => &ZH_HANT,
    }
}

const fn message(heading: &'static str, body: &'static str) -> Message {
    Message { heading, body }
}

static EN: Texts = Texts {
    locale: "en-GB",
    loading: "Loading…",
    slow_page: "This is taking longer than usual. Please check your connection and load the page again.",
    reload: "Reload",
    offline: "You are offline. This page carries on by itself once you are connected.",
    item: "Item",
    order_number: "Order number",
    paid_at: "Paid at",
    carried_by: "Payment by WeChat Pay",

    pay: "Pay now",
    pay_again: "Try again",
    please_wait: "One moment…",
    connecting: "Connecting to WeChat…",
    bridge_missing: message(
        "WeChat is not responding",
        "No payment was started. Please try again, or close this page and open the link once more.",
    ),
    sheet_open: message(
        "Continue in WeChat Pay",
        "Please confirm the payment in the window that WeChat has opened.",
    ),
    sheet_slow: "Has the window gone? You can open it again. An order can only be paid once.",
    cancelled: message(
        "Not paid yet",
        "You left WeChat Pay before paying. You can try again whenever you like.",
    ),
    failed: message(
        "The payment did not go through",
        "WeChat Pay could not complete it. Please try again.",
    ),
    no_network: message(
        "No connection",
        "No payment was started. Please try again when you are connected.",
    ),

    confirming: message(
        "Confirming your payment…",
        "This takes a few seconds. Please do not pay again.",
    ),
    confirming_slow: message(
        "Still waiting for WeChat Pay",
        "If WeChat shows that you have paid, please do not pay again: this page changes as soon as the confirmation arrives, and the merchant is told even if you close it.",
    ),
    check_again: "Check again",
    paid: message("Paid", "Thank you. Your payment is confirmed."),
    to_merchant: "Continue",
    back_to_merchant: "Back to the merchant",

    scan: message(
        "Scan with WeChat to pay",
        "In WeChat, open Discover, then Scan, and point your phone at this code.",
    ),
    scan_alt: "QR code. Scan it with WeChat to pay {amount} to {merchant}.",
    drawing_code: "Preparing your code…",
    code_expires_in: "This code expires in",
    code_expired: message(
        "This code has expired",
        "If you have already paid, please wait a moment. Otherwise get a new code.",
    ),
    new_code: "Get a new code",
    pay_within: "Please pay within",

    away: message(
        "Finish paying in WeChat",
        "Then come back here. This page changes by itself once your payment is confirmed.",
    ),
    i_have_paid: "I have paid",
    not_seen: message(
        "No payment yet",
        "WeChat Pay has not confirmed a payment. If you have just paid, please wait a moment and check again.",
    ),

    in_phone_browser: message(
        "Open this page in WeChat",
        "Copy the link, send it to a chat in WeChat, such as File Transfer, and tap it there.",
    ),
    in_other_app: message(
        "Open this page in WeChat",
        "This app cannot pay with WeChat Pay. Copy the link, send it to a chat in WeChat, such as File Transfer, and tap it there.",
    ),
    in_mini_program: message(
        "Open this page in a WeChat chat",
        "A page inside a Mini Program cannot pay. Copy the link, send it to a chat in WeChat, such as File Transfer, and tap it there.",
    ),
    in_wecom: message(
        "Open this page in WeChat",
        "WeCom cannot pay here. Copy the link and open it in WeChat itself.",
    ),
    wechat_too_old: message(
        "Please update WeChat",
        "Paying needs WeChat 5.0 or later. Update WeChat, then open this link again.",
    ),
    copy_link: "Copy link",
    copied: "Copied",
    copy_by_hand: "Please select the link and copy it",
    link_code: "Or scan this code with WeChat on another phone",
    link_code_alt: "QR code of this page’s link",

    expired: message(
        "The time to pay has run out",
        "If you have just paid, please wait a moment. Otherwise ask the merchant for a new link.",
    ),
    closed: message(
        "This payment has been closed",
        "It can no longer be paid. Please ask the merchant if you did not expect this.",
    ),
    refused: message(
        "The payment failed",
        "WeChat Pay declined it. Please start again with the merchant.",
    ),

    unknown_link: message(
        "This link does not work",
        "It may be incomplete. Please copy it again, or ask the merchant for a new one.",
    ),
    expired_link: message(
        "This link has expired",
        "Please ask the merchant for a new one.",
    ),
    sign_in_again: message(
        "Please open this page again",
        "WeChat has not told us who is paying. Reloading the page asks again.",
    ),
    snapshot: message(
        "Tap “Use full service”",
        "WeChat is showing a preview of this page, which cannot take payments. Tap “Use full service” below, then reload.",
    ),
    busy: message(
        "Just a moment",
        "This needs a few seconds more. Please try again shortly.",
    ),
    wechat_unavailable: message(
        "WeChat Pay is not answering",
        "No payment was started. Please try again in a moment.",
    ),
    other_problem: message(
        "Something went wrong",
        "This is on our side. Please try again in a moment.",
    ),
    try_again: "Try again",
};

static ZH_HANS: Texts = Texts {
    locale: "zh-Hans",
    loading: "正在加载…",
    slow_page: "加载时间较长，请检查网络后重新打开页面。",
    reload: "重新加载",
    offline: "网络已断开，恢复后页面会自动继续。",
    item: "商品",
    order_number: "商户订单号",
    paid_at: "支付时间",
    carried_by: "由微信支付提供服务",

    pay: "立即支付",
    pay_again: "重新支付",
    please_wait: "请稍候…",
    connecting: "正在连接微信…",
    bridge_missing: message(
        "微信没有响应",
        "支付尚未开始。请重试，或关闭页面后重新打开链接。",
    ),
    sheet_open: message("请在微信支付中继续", "请在弹出的微信支付窗口中确认付款。"),
    sheet_slow: "窗口已关闭？可以重新打开，同一订单不会重复扣款。",
    cancelled: message("尚未支付", "您已取消支付，可以随时重新支付。"),
    failed: message("支付未完成", "微信支付未能完成这笔付款，请重试。"),
    no_network: message("网络不可用", "支付尚未开始，请在网络恢复后重试。"),

    confirming: message("正在确认支付结果…", "通常只需几秒，请勿重复支付。"),
    confirming_slow: message(
        "仍在等待微信支付确认",
        "如果微信已显示支付成功，请勿重复支付。收到确认后页面会自动更新；即使关闭页面，商户也会收到通知。",
    ),
    check_again: "查询支付结果",
    paid: message("支付成功", "谢谢，您的付款已确认。"),
    to_merchant: "完成",
    back_to_merchant: "返回商户",

    scan: message(
        "请用微信扫码支付",
        "打开手机微信，在“发现”中点击“扫一扫”，对准下方二维码。",
    ),
    scan_alt: "二维码。请用微信扫描，向{merchant}支付{amount}。",
    drawing_code: "正在生成二维码…",
    code_expires_in: "二维码剩余有效时间",
    code_expired: message(
        "二维码已过期",
        "如果您已支付，请稍候；否则请获取新的二维码。",
    ),
    new_code: "获取新的二维码",
    pay_within: "剩余支付时间",

    away: message(
        "请在微信中完成支付",
        "支付后请返回此页面，确认后页面会自动更新。",
    ),
    i_have_paid: "我已支付",
    not_seen: message(
        "尚未查到付款",
        "微信支付还没有确认这笔付款。如果您刚刚支付，请稍候再查询。",
    ),

    in_phone_browser: message(
        "请在微信中打开",
        "复制链接，发送到微信聊天（例如“文件传输助手”），再点击打开。",
    ),
    in_other_app: message(
        "请在微信中打开",
        "当前应用不支持微信支付。请复制链接，发送到微信聊天（例如“文件传输助手”），再点击打开。",
    ),
    in_mini_program: message(
        "请在微信聊天中打开",
        "小程序内的网页无法直接支付。请复制链接，发送到微信聊天（例如“文件传输助手”），再点击打开。",
    ),
    in_wecom: message(
        "请在微信中打开",
        "企业微信内无法支付此订单。请复制链接，在微信中打开。",
    ),
    wechat_too_old: message(
        "请更新微信",
        "微信 5.0 及以上版本才支持支付。请更新微信后重新打开链接。",
    ),
    copy_link: "复制链接",
    copied: "已复制",
    copy_by_hand: "请长按选中链接后复制",
    link_code: "也可以用另一部手机的微信扫描二维码",
    link_code_alt: "本页链接的二维码",

    expired: message(
        "支付已超时",
        "如果您刚刚完成支付，请稍候；否则请向商户索取新的链接。",
    ),
    closed: message("订单已关闭", "此订单已不能支付。如有疑问，请联系商户。"),
    refused: message("支付失败", "微信支付未通过这笔付款，请回到商户重新下单。"),

    unknown_link: message(
        "链接无效",
        "链接可能不完整。请重新复制，或向商户索取新的链接。",
    ),
    expired_link: message("链接已过期", "请向商户索取新的链接。"),
    sign_in_again: message(
        "请重新打开页面",
        "未能获取您的微信身份，重新加载后会再次获取。",
    ),
    snapshot: message(
        "请使用完整服务",
        "当前为页面快照，无法支付。请点击屏幕下方的“使用完整服务”，再重新加载。",
    ),
    busy: message("请稍候", "还需要几秒钟，请稍后再试。"),
    wechat_unavailable: message("微信支付暂时没有响应", "支付尚未开始，请稍后重试。"),
    other_problem: message("出了点问题", "问题出在我们这边，请稍后重试。"),
    try_again: "重试",
};

static ZH_HANT: Texts = Texts {
    locale: "zh-Hant",
    loading: "正在載入…",
    slow_page: "載入時間較長，請檢查網絡後重新開啟頁面。",
    reload: "重新載入",
    offline: "網絡已中斷，恢復後頁面會自動繼續。",
    item: "商品",
    order_number: "商戶訂單編號",
    paid_at: "付款時間",
    carried_by: "由微信支付提供服務",

    pay: "立即付款",
    pay_again: "重新付款",
    please_wait: "請稍候…",
    connecting: "正在連接微信…",
    bridge_missing: message(
        "微信沒有回應",
        "付款尚未開始。請重試，或關閉頁面後重新開啟連結。",
    ),
    sheet_open: message("請在微信支付中繼續", "請在彈出的微信支付視窗中確認付款。"),
    sheet_slow: "視窗已關閉？可以重新開啟，同一訂單不會重複扣款。",
    cancelled: message("尚未付款", "您已取消付款，可以隨時重新付款。"),
    failed: message("付款未完成", "微信支付未能完成這筆付款，請重試。"),
    no_network: message("沒有網絡連線", "付款尚未開始，請在網絡恢復後重試。"),

    confirming: message("正在確認付款結果…", "通常只需幾秒，請勿重複付款。"),
    confirming_slow: message(
        "仍在等待微信支付確認",
        "如果微信已顯示付款成功，請勿重複付款。收到確認後頁面會自動更新；即使關閉頁面，商戶也會收到通知。",
    ),
    check_again: "查詢付款結果",
    paid: message("付款成功", "謝謝，您的付款已確認。"),
    to_merchant: "完成",
    back_to_merchant: "返回商戶",

    scan: message(
        "請用微信掃碼付款",
        "開啟手機微信，在「發現」中點選「掃一掃」，對準下方二維碼。",
    ),
    scan_alt: "二維碼。請用微信掃描，向{merchant}支付{amount}。",
    drawing_code: "正在產生二維碼…",
    code_expires_in: "二維碼剩餘有效時間",
    code_expired: message(
        "二維碼已過期",
        "如果您已付款，請稍候；否則請取得新的二維碼。",
    ),
    new_code: "取得新的二維碼",
    pay_within: "剩餘付款時間",

    away: message(
        "請在微信中完成付款",
        "付款後請返回此頁面，確認後頁面會自動更新。",
    ),
    i_have_paid: "我已付款",
    not_seen: message(
        "尚未查到付款",
        "微信支付還沒有確認這筆付款。如果您剛剛付款，請稍候再查詢。",
    ),

    in_phone_browser: message(
        "請在微信中開啟",
        "複製連結，傳送到微信聊天（例如「檔案傳輸」），再點按開啟。",
    ),
    in_other_app: message(
        "請在微信中開啟",
        "目前的應用程式不支援微信支付。請複製連結，傳送到微信聊天（例如「檔案傳輸」），再點按開啟。",
    ),
    in_mini_program: message(
        "請在微信聊天中開啟",
        "小程序內的網頁無法直接付款。請複製連結，傳送到微信聊天（例如「檔案傳輸」），再點按開啟。",
    ),
    in_wecom: message(
        "請在微信中開啟",
        "企業微信內無法支付此訂單。請複製連結，在微信中開啟。",
    ),
    wechat_too_old: message(
        "請更新微信",
        "微信 5.0 或以上版本才支援付款。請更新微信後重新開啟連結。",
    ),
    copy_link: "複製連結",
    copied: "已複製",
    copy_by_hand: "請長按選取連結後複製",
    link_code: "也可以用另一部手機的微信掃描二維碼",
    link_code_alt: "本頁連結的二維碼",

    expired: message(
        "付款已逾時",
        "如果您剛剛完成付款，請稍候；否則請向商戶索取新的連結。",
    ),
    closed: message("訂單已關閉", "此訂單已不能付款。如有疑問，請聯絡商戶。"),
    refused: message("付款失敗", "微信支付未通過這筆付款，請回到商戶重新下單。"),

    unknown_link: message(
        "連結無效",
        "連結可能不完整。請重新複製，或向商戶索取新的連結。",
    ),
    expired_link: message("連結已過期", "請向商戶索取新的連結。"),
    sign_in_again: message(
        "請重新開啟頁面",
        "未能取得您的微信身分，重新載入後會再次取得。",
    ),
    snapshot: message(
        "請使用完整服務",
        "目前為頁面快照，無法付款。請按螢幕下方的「使用完整服務」，再重新載入。",
    ),
    busy: message("請稍候", "還需要幾秒鐘，請稍後再試。"),
    wechat_unavailable: message("微信支付暫時沒有回應", "付款尚未開始，請稍後重試。"),
    other_problem: message("出了點問題", "問題出在我們這邊，請稍後重試。"),
    try_again: "重試",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_there_in_every_language() {
        for lang in Lang::ALL {
            let values = [("amount", "HK$1.00"), ("merchant", "{amount} & Tea")];
            let alt = fill(texts(lang).scan_alt, &values);
            assert!(alt.contains("HK$1.00"), "{alt}");
            assert!(alt.contains("{amount} & Tea"), "{alt}");
            assert_eq!(alt.matches(['{', '}']).count(), 2, "{alt}");
        }
    }

    #[test]
    fn the_page_reads_the_words_that_it_is_sent() {
        for lang in Lang::ALL {
            let texts = texts(lang);
            let sent = texts.to_words("HK$1.00", "Tea\nHouse").leak();
            let read = Texts::from_words(sent).unwrap();
            let expected = Texts {
                scan_alt: read.scan_alt,
                loading: "",
                slow_page: "",
                item: "",
                order_number: "",
                carried_by: "",
                ..*texts
            };
            assert_eq!(read, expected);
            assert!(read.scan_alt.contains("Tea House"), "{}", read.scan_alt);
            assert!(read.scan_alt.contains("HK$1.00"), "{}", read.scan_alt);
            let (short, _) = sent.trim_end().rsplit_once('\n').unwrap();
            assert_eq!(Texts::from_words(short), None);
        }
    }

    #[test]
    fn the_two_scripts_are_not_mixed() {
        // Pairs that differ, simplified first.
        let pairs =
            "请請连連结結网網络絡开開订訂单單号號复複这這笔筆产產马馬户戶动動关關码碼应應时時";
        let only = |text: &Texts, skip: usize| {
            let text = format!("{text:?}");
            for foreign in pairs.chars().skip(skip).step_by(2) {
                assert!(!text.contains(foreign), "{foreign}");
            }
        };
        only(&ZH_HANS, 1);
        only(&ZH_HANT, 0);
    }
}
