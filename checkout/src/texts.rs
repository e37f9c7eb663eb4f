//! Every text for the payer, in each language.
//!
//! A language is one value of [`Texts`], so a missing text does not compile.
//! The page shows amounts, names and times next to the texts, or inserts them
//! at their `{…}` with [`fill`].
//!
//! A page receives only the texts of its own language with the HTML, one on
//! each line ([`Texts::to_words`]): all three languages would be a seventh of
//! what a payer loads.

use crate::Lang;
use crate::plan::{Method, Reason};
use crate::view::Problem;

/// A heading with a sentence or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The heading.
    pub heading: &'static str,
    /// What it means for the payer and what to do.
    pub body: &'static str,
}

/// The texts of the page in one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each name says when its text is shown")]
pub struct Texts {
    /// The locale for times. English has two; day first, month in letters and
    /// 24 hours reads the same everywhere.
    pub locale: &'static str,

    // The frame of the page.
    pub loading: &'static str,
    pub slow_page: &'static str,
    pub reload: &'static str,
    pub offline: &'static str,
    pub item: &'static str,
    pub order_number: &'static str,
    pub paid_at: &'static str,
    /// WeChat's number of the payment.
    pub transaction_number: &'static str,
    pub charged: &'static str,
    pub receipt: &'static str,
    /// `{mark}` is the name or the picture of WeChat Pay.
    pub carried_by: &'static str,
    /// Before the request id, on a page without a purchase.
    pub reference: &'static str,

    // Paying inside WeChat.
    pub pay: &'static str,
    pub pay_again: &'static str,
    /// After the payer closed the sheet or returned unpaid.
    pub go_on_paying: &'static str,
    pub please_wait: &'static str,
    pub connecting: &'static str,
    pub bridge_missing: Message,
    pub sheet_open: Message,
    pub sheet_slow: &'static str,
    pub open_again: &'static str,
    pub cancelled: Message,
    pub failed: Message,
    pub no_network: Message,

    // After the payment.
    pub confirming: Message,
    pub confirming_slow: Message,
    pub check_again: &'static str,
    /// Shown with [`Texts::confirming_slow`], for a payer who has not paid.
    pub not_paid_yet: &'static str,
    /// `{amount}` is filled in.
    pub paid: Message,
    pub partly_refunded: Message,
    pub refunded: Message,
    /// `{merchant}` is filled in.
    pub to_merchant: &'static str,
    pub back_to_merchant: &'static str,
    /// Closes WeChat's window, after a payment or another end.
    pub done: &'static str,
    pub close: &'static str,
    /// `{left}` is the time left.
    pub returning: &'static str,
    pub stay: &'static str,
    /// Shown where no button can close the window.
    pub may_close: &'static str,

    // The code.
    pub scan: Message,
    /// `{amount}` and `{merchant}` are filled in.
    pub scan_alt: &'static str,
    pub drawing_code: &'static str,
    /// `{left}` is the time left.
    pub code_expires_in: &'static str,
    pub code_expired: Message,
    /// Another device has begun to pay in another way.
    pub code_replaced: Message,
    pub new_code: &'static str,
    /// `{left}` is the time left.
    pub pay_within: &'static str,

    // Paying on another page, which returns.
    pub away: Message,
    pub i_have_paid: &'static str,
    pub trouble_paying: &'static str,
    pub not_seen: Message,

    // Where no payment is possible.
    pub in_phone_browser: Message,
    pub in_other_app: Message,
    pub in_mini_program: Message,
    pub in_wecom: Message,
    pub wechat_too_old: Message,
    pub copy_link: &'static str,
    pub copied: &'static str,
    /// What to do with the copied link.
    pub after_copying: &'static str,
    pub open_wechat: &'static str,
    pub copy_by_hand: &'static str,
    pub link_code: &'static str,
    pub link_code_alt: &'static str,

    // The end without a payment.
    pub expired: Message,
    pub closed: Message,
    pub refused: Message,

    // Errors. Each states whose fault it is and what to do. Whether money was
    // taken is a separate sentence, and only shown where it is certain.
    pub not_charged: &'static str,
    pub unknown_link: Message,
    pub expired_link: Message,
    pub sign_in_again: Message,
    /// WeChat's return address works once: reloading it does not help.
    pub sign_in_lost: Message,
    pub cannot_sign_in: Message,
    pub snapshot: Message,
    pub busy: Message,
    pub wechat_unavailable: Message,
    pub merchant_problem: Message,
    pub not_selling: Message,
    pub other_problem: Message,
    pub try_again: &'static str,
}

/// A field of [`Texts`] when sent to the page: one line for each text.
trait Words: Sized {
    fn write(&self, out: &mut String, values: &[(&str, &str)]);
    fn read(lines: &mut core::str::Split<'static, char>) -> Option<Self>;
}

impl Words for &'static str {
    fn write(&self, out: &mut String, values: &[(&str, &str)]) {
        // A merchant's name may contain anything except a line break.
        out.push_str(&fill(self, values).replace('\n', " "));
        out.push('\n');
    }

    fn read(lines: &mut core::str::Split<'static, char>) -> Option<Self> {
        lines.next()
    }
}

impl Words for Message {
    fn write(&self, out: &mut String, values: &[(&str, &str)]) {
        self.heading.write(out, values);
        self.body.write(out, values);
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
            /// The texts that the page needs in addition to those that the
            /// server renders, one on each line, with these values inserted.
            pub fn to_words(&self, amount: &str, merchant: &str) -> String {
                let values = [
                    ("amount", amount),
                    ("merchant", merchant),
                    // The page fills this in each second.
                    ("left", "{left}"),
                ];
                let mut out = String::new();
                $(self.$sent.write(&mut out, &values);)*
                out
            }

            /// Parses the output of [`Texts::to_words`]; texts that the server
            /// renders are empty. `None` if lines are missing.
            pub fn from_words(words: &'static str) -> Option<Texts> {
                let lines = &mut words.split('\n');
                Some(Texts {
                    $($sent: Words::read(lines)?,)*
                    $($drawn: "",)*
                })
            }
        }
    };
}

words! {
    scan_alt locale reload offline paid_at transaction_number charged receipt
    pay pay_again go_on_paying please_wait connecting bridge_missing
    sheet_open sheet_slow open_again
    cancelled failed no_network
    confirming confirming_slow check_again not_paid_yet
    paid partly_refunded refunded to_merchant back_to_merchant done close returning stay may_close
    scan drawing_code code_expires_in code_expired code_replaced new_code pay_within
    away i_have_paid trouble_paying not_seen
    in_phone_browser in_other_app in_mini_program in_wecom wechat_too_old
    copy_link copied after_copying open_wechat copy_by_hand link_code link_code_alt
    expired closed refused
    not_charged
    unknown_link expired_link sign_in_again sign_in_lost cannot_sign_in snapshot busy
    wechat_unavailable
    merchant_problem not_selling other_problem
    try_again ;
    loading slow_page item order_number carried_by reference
}

impl Texts {
    /// The texts about an error.
    pub fn problem(&self, problem: Problem) -> Message {
        match problem {
            Problem::UnknownLink => self.unknown_link,
            Problem::ExpiredLink => self.expired_link,
            Problem::SignInAgain => self.sign_in_again,
            Problem::SignInLost => self.sign_in_lost,
            Problem::CannotSignIn => self.cannot_sign_in,
            Problem::Snapshot => self.snapshot,
            Problem::Busy => self.busy,
            Problem::WeChatUnavailable => self.wechat_unavailable,
            Problem::Merchant => self.merchant_problem,
            Problem::NotSelling => self.not_selling,
            Problem::Other => self.other_problem,
        }
    }

    /// The texts about a place where no payment is possible.
    pub fn of_method(&self, method: Method) -> Message {
        match method {
            Method::OpenInWeChat { reason } => self.elsewhere(reason),
            _ => self.wechat_too_old,
        }
    }

    /// The texts about paying elsewhere.
    pub fn elsewhere(&self, reason: Reason) -> Message {
        match reason {
            Reason::PhoneBrowser | Reason::Robot => self.in_phone_browser,
            Reason::OtherApp => self.in_other_app,
            Reason::MiniProgram => self.in_mini_program,
            Reason::WeCom => self.in_wecom,
        }
    }
}

/// Replaces each `{name}` in `text` by its value. A name without a value is
/// removed.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    // Every second part was between braces.
    for (index, part) in text.split(['{', '}']).enumerate() {
        if index % 2 == 0 {
            out.push_str(part);
        } else if let Some((_, value)) = values.iter().find(|(name, _)| *name == part) {
            out.push_str(value);
        }
    }
    out
}

/// The texts of this language.
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
    slow_page: "This is taking longer than usual. Check your connection and load the page again.",
    reload: "Reload",
    offline: "You’re offline. We’ll reconnect automatically.",
    item: "For",
    order_number: "Order no.",
    paid_at: "Paid at",
    transaction_number: "Transaction no.",
    charged: "Charged",
    receipt: "Receipt",
    carried_by: "Powered by {mark}",
    reference: "Reference",

    pay: "Pay now",
    pay_again: "Try again",
    go_on_paying: "Pay now",
    please_wait: "One moment…",
    connecting: "Connecting to WeChat…",
    bridge_missing: message(
        "WeChat is not responding",
        "Try again, or close this page and open the link once more.",
    ),
    sheet_open: message(
        "Complete your payment",
        "Confirm the payment in WeChat Pay.",
    ),
    sheet_slow: "Can’t see WeChat Pay? Open it again. You won’t be charged twice.",
    open_again: "Open WeChat Pay again",
    cancelled: message("Payment cancelled", "You can still pay for this order."),
    failed: message(
        "Payment failed",
        "Try again, or choose another payment method in WeChat.",
    ),
    no_network: message("No connection", "Try again when you’re connected."),

    confirming: message(
        "Confirming your payment…",
        "This takes a few seconds. Please don’t pay again.",
    ),
    confirming_slow: message(
        "Still waiting for WeChat Pay",
        "If you’ve paid, there’s nothing more to do: this page changes as soon as the confirmation arrives, and the merchant is told even if you close it.",
    ),
    check_again: "Check again",
    not_paid_yet: "I haven’t paid yet: open WeChat Pay",
    paid: message("Payment successful", "{amount}"),
    to_merchant: "Return to {merchant}",
    back_to_merchant: "Back to the merchant",
    done: "Done",
    close: "Close",
    returning: "Returning to the merchant in {left}",
    stay: "Stay on this page",
    may_close: "You can close this page.",

    scan: message(
        "Scan with WeChat to pay",
        "Open WeChat, tap Discover\u{a0}›\u{a0}Scan, and scan this code.",
    ),
    scan_alt: "QR code. Scan it with WeChat to pay {amount} to {merchant}.",
    drawing_code: "Preparing your code…",
    code_expires_in: "This code expires in {left}",
    code_expired: message(
        "This code has expired",
        "If you’ve just paid, give it a moment. Otherwise get a new code.",
    ),
    partly_refunded: message(
        "Partly refunded",
        "The merchant has refunded part of this payment. It goes back to the account you paid with.",
    ),
    refunded: message(
        "Refunded",
        "The merchant has refunded this payment. It goes back to the account you paid with.",
    ),
    code_replaced: message(
        "This code no longer works",
        "The payment was opened on another device. Finish it there, or get a new code here.",
    ),
    new_code: "Get a new code",
    pay_within: "Time left to pay {left}",

    away: message(
        "Finish paying in WeChat",
        "Then come back here. This page changes by itself once your payment is confirmed.",
    ),
    i_have_paid: "I’ve paid",
    trouble_paying: "Trouble paying? Pay again",
    not_seen: message(
        "No payment found yet",
        "If you’ve just paid, give it a moment. Otherwise you can pay now.",
    ),

    in_phone_browser: message(
        "Open this page in WeChat",
        "Copy the link, send it to File Transfer in WeChat, and tap it there to pay.",
    ),
    in_other_app: message(
        "Open this page in WeChat",
        "This app can’t pay with WeChat Pay. Copy the link, send it to File Transfer in WeChat, and tap it there to pay.",
    ),
    in_mini_program: message(
        "Open this page in a WeChat chat",
        "A page inside a Mini Program can’t pay. Copy the link, send it to File Transfer in WeChat, and tap it there to pay.",
    ),
    in_wecom: message(
        "Open this page in WeChat",
        "WeCom can’t pay here. Copy the link and open it in WeChat itself.",
    ),
    wechat_too_old: message(
        "Please update WeChat",
        "Your version of WeChat is too old. Update WeChat, then open this link again.",
    ),
    copy_link: "Copy link",
    copied: "Copied",
    after_copying: "Now open WeChat, paste the link into File Transfer, and tap it.",
    open_wechat: "Open WeChat",
    copy_by_hand: "Select the link and copy it",
    link_code: "Or take a screenshot of this code and choose it from your album in WeChat’s Scan, or scan it with another phone",
    link_code_alt: "QR code of this page’s link",

    expired: message(
        "This payment has expired",
        "If you’ve just paid, give it a moment. Otherwise, please contact the merchant.",
    ),
    closed: message(
        "This payment has been closed",
        "It can’t be paid any more. Questions? Contact the merchant.",
    ),
    refused: message(
        "Payment failed",
        "WeChat Pay declined it. Please place the order again with the merchant.",
    ),

    not_charged: "You haven’t been charged.",
    unknown_link: message(
        "This link doesn’t work",
        "It may be incomplete. Copy it again, or contact the merchant for a new one.",
    ),
    expired_link: message(
        "This link has expired",
        "Please contact the merchant for a new one.",
    ),
    cannot_sign_in: message(
        "You can’t pay in WeChat here right now",
        "The merchant’s WeChat account isn’t set up for this yet. Please contact the merchant.",
    ),
    sign_in_again: message(
        "WeChat sign-in failed",
        "We couldn’t confirm your WeChat account. Reload to try again.",
    ),
    sign_in_lost: message(
        "WeChat sign-in failed",
        "We couldn’t confirm your WeChat account. Please open the merchant’s link again.",
    ),
    snapshot: message(
        "Tap “Use full service”",
        "WeChat is showing a preview of this page, which cannot take payments. Tap “Use full service” below, then reload.",
    ),
    busy: message(
        "Just a moment",
        "This needs a few more seconds. Please try again shortly.",
    ),
    wechat_unavailable: message(
        "WeChat Pay isn’t answering",
        "Please try again in a moment.",
    ),
    merchant_problem: message(
        "This payment can’t be taken",
        "WeChat Pay doesn’t accept it from this merchant. Please contact the merchant and quote the order number.",
    ),
    not_selling: message(
        "This merchant isn’t taking payments",
        "Nothing can be bought here at the moment. Please contact the merchant.",
    ),
    other_problem: message(
        "We couldn’t start the payment",
        "Something is wrong on our side. Try again in a moment; if it happens again, contact the merchant and quote the number on this page.",
    ),
    try_again: "Try again",
};

static ZH_HANS: Texts = Texts {
    locale: "zh-Hans",
    loading: "正在加载…",
    slow_page: "加载时间较长，请检查网络后重新打开页面。",
    reload: "重新加载",
    offline: "网络已断开，恢复后将自动重连。",
    item: "商品",
    order_number: "商户单号",
    paid_at: "支付时间",
    transaction_number: "交易单号",
    charged: "实际扣款",
    receipt: "查看收据",
    carried_by: "{mark} · 微信安全支付",
    reference: "参考编号",

    pay: "立即支付",
    pay_again: "重新支付",
    go_on_paying: "继续支付",
    please_wait: "请稍候…",
    connecting: "正在连接微信…",
    bridge_missing: message("微信没有响应", "请重试，或关闭页面后重新打开链接。"),
    sheet_open: message("请完成支付", "请在微信支付页面确认付款"),
    sheet_slow: "没有看到支付页面？点下方按钮重新打开，不会重复扣款。",
    open_again: "重新打开微信支付",
    cancelled: message("支付已取消", "订单尚未支付，可继续支付。"),
    failed: message("支付失败", "请重试，或在微信中更换支付方式。"),
    no_network: message("网络不可用", "请在网络恢复后重试。"),

    confirming: message("支付结果确认中…", "通常只需几秒，请勿重复支付。"),
    confirming_slow: message(
        "仍在等待微信支付确认",
        "如已支付，无需再操作：收到确认后页面会自动更新，即使关闭页面，商户也会收到通知。",
    ),
    check_again: "查询支付结果",
    not_paid_yet: "还没付款，继续支付",
    paid: message("支付成功", "{amount}"),
    to_merchant: "完成",
    back_to_merchant: "返回商户",
    done: "完成",
    close: "关闭",
    returning: "{left} 后自动返回商户",
    stay: "留在此页面",
    may_close: "可以关闭此页面。",

    scan: message("请使用微信扫一扫", "扫描二维码完成支付"),
    scan_alt: "二维码。请用微信扫描，向{merchant}支付{amount}。",
    drawing_code: "正在生成二维码…",
    code_expires_in: "请在 {left} 内完成支付",
    code_expired: message("二维码已过期", "如已支付，请稍候；否则请刷新二维码。"),
    partly_refunded: message("已部分退款", "商户已退还部分款项，将原路退回。"),
    refunded: message("已退款", "商户已退款，款项将原路退回。"),
    code_replaced: message(
        "二维码已失效",
        "订单已在其他设备上打开，请在该设备上支付，或刷新二维码。",
    ),
    new_code: "刷新二维码",
    pay_within: "支付剩余时间 {left}",

    away: message(
        "请在微信中完成支付",
        "支付后请返回此页面，确认后页面会自动更新。",
    ),
    i_have_paid: "已完成支付",
    trouble_paying: "支付遇到问题，重新支付",
    not_seen: message(
        "暂未查询到支付结果",
        "如已支付，请稍后再试；尚未支付，可继续支付。",
    ),

    in_phone_browser: message(
        "请在微信中打开",
        "复制链接，在微信里发给“文件传输助手”，点开即可支付",
    ),
    in_other_app: message(
        "请在微信中打开",
        "当前应用不支持微信支付。复制链接，在微信里发给“文件传输助手”，点开即可支付",
    ),
    in_mini_program: message(
        "请在微信聊天中打开",
        "小程序内的网页无法直接支付。复制链接，在微信里发给“文件传输助手”，点开即可支付",
    ),
    in_wecom: message(
        "请在微信中打开",
        "企业微信内无法支付此订单。请复制链接，在微信中打开。",
    ),
    wechat_too_old: message("请更新微信", "当前微信版本过低，请更新后重试。"),
    copy_link: "复制链接",
    copied: "已复制",
    after_copying: "请打开微信，将链接粘贴发给“文件传输助手”，再点开支付。",
    open_wechat: "打开微信",
    copy_by_hand: "请长按选中链接后复制",
    link_code: "或截屏保存二维码，在微信“扫一扫”中从相册选取；也可用其他手机扫码",
    link_code_alt: "本页链接的二维码",

    expired: message("支付已超时", "如刚刚完成支付，请稍候；否则请联系商户。"),
    closed: message("订单已关闭", "该订单无法继续支付，如有疑问请联系商户。"),
    refused: message("支付失败", "微信支付未通过本次付款，请重新下单。"),

    not_charged: "尚未扣款。",
    unknown_link: message(
        "链接无效",
        "链接可能不完整，请重新复制，或联系商户获取新链接。",
    ),
    expired_link: message("链接已过期", "请联系商户获取新链接。"),
    cannot_sign_in: message(
        "暂时无法在微信中支付",
        "商户的微信账号尚未完成设置，请联系商户。",
    ),
    sign_in_again: message("微信授权失败", "请重新进入页面。"),
    sign_in_lost: message("微信授权失败", "请重新打开商户提供的链接。"),
    snapshot: message(
        "请使用完整服务",
        "当前为页面快照，无法支付。请点击屏幕下方的“使用完整服务”，再重新加载。",
    ),
    busy: message("请稍候", "还需要几秒钟，请稍后再试。"),
    wechat_unavailable: message("微信支付系统繁忙", "请稍后再试。"),
    merchant_problem: message(
        "暂时无法支付",
        "微信支付未受理该商户的这笔收款，请联系商户并提供商户单号。",
    ),
    not_selling: message("商户暂停收款", "目前无法在此购买，请联系商户。"),
    other_problem: message(
        "系统异常",
        "请稍后再试；多次失败请联系商户，并提供本页显示的编号。",
    ),
    try_again: "重试",
};

static ZH_HANT: Texts = Texts {
    locale: "zh-Hant",
    loading: "正在載入…",
    slow_page: "載入時間較長，請檢查網絡後重新開啟頁面。",
    reload: "重新載入",
    offline: "網絡已中斷，恢復後將自動重新連線。",
    item: "商品",
    order_number: "商戶單號",
    paid_at: "付款時間",
    transaction_number: "交易單號",
    charged: "實際扣款",
    receipt: "查看收據",
    carried_by: "{mark} · 微信安全支付",
    reference: "參考編號",

    pay: "立即付款",
    pay_again: "重新付款",
    go_on_paying: "繼續付款",
    please_wait: "請稍候…",
    connecting: "正在連接微信…",
    bridge_missing: message("微信沒有回應", "請重試，或關閉頁面後重新開啟連結。"),
    sheet_open: message("請完成付款", "請在微信支付頁面確認付款"),
    sheet_slow: "沒有看到付款頁面？按下方按鈕重新開啟，不會重複扣款。",
    open_again: "重新開啟微信支付",
    cancelled: message("付款已取消", "訂單尚未付款，可繼續付款。"),
    failed: message("付款失敗", "請重試，或在微信中更換付款方式。"),
    no_network: message("沒有網絡連線", "請在網絡恢復後重試。"),

    confirming: message("付款結果確認中…", "通常只需幾秒，請勿重複付款。"),
    confirming_slow: message(
        "仍在等待微信支付確認",
        "如已付款，無需再操作：收到確認後頁面會自動更新，即使關閉頁面，商戶也會收到通知。",
    ),
    check_again: "查詢付款結果",
    not_paid_yet: "還未付款，繼續付款",
    paid: message("付款成功", "{amount}"),
    to_merchant: "完成",
    back_to_merchant: "返回商戶",
    done: "完成",
    close: "關閉",
    returning: "{left} 後自動返回商戶",
    stay: "留在此頁面",
    may_close: "可以關閉此頁面。",

    scan: message("請使用微信掃一掃", "掃描二維碼完成付款"),
    scan_alt: "二維碼。請用微信掃描，向{merchant}支付{amount}。",
    drawing_code: "正在產生二維碼…",
    code_expires_in: "請在 {left} 內完成付款",
    code_expired: message("二維碼已過期", "如已付款，請稍候；否則請更新二維碼。"),
    partly_refunded: message("已部分退款", "商戶已退還部分款項，將原路退回。"),
    refunded: message("已退款", "商戶已退款，款項將原路退回。"),
    code_replaced: message(
        "二維碼已失效",
        "訂單已在其他裝置上開啟，請在該裝置上付款，或更新二維碼。",
    ),
    new_code: "更新二維碼",
    pay_within: "付款剩餘時間 {left}",

    away: message(
        "請在微信中完成付款",
        "付款後請返回此頁面，確認後頁面會自動更新。",
    ),
    i_have_paid: "已完成付款",
    trouble_paying: "付款遇到問題，重新付款",
    not_seen: message(
        "暫未查詢到付款結果",
        "如已付款，請稍後再試；尚未付款，可繼續付款。",
    ),

    in_phone_browser: message(
        "請在微信中開啟",
        "複製連結，在微信中傳送給「檔案傳輸」，開啟後即可付款",
    ),
    in_other_app: message(
        "請在微信中開啟",
        "目前的應用程式不支援微信支付。複製連結，在微信中傳送給「檔案傳輸」，開啟後即可付款",
    ),
    in_mini_program: message(
        "請在微信聊天中開啟",
        "小程序內的網頁無法直接付款。複製連結，在微信中傳送給「檔案傳輸」，開啟後即可付款",
    ),
    in_wecom: message(
        "請在微信中開啟",
        "企業微信內無法支付此訂單。請複製連結，在微信中開啟。",
    ),
    wechat_too_old: message("請更新微信", "目前的微信版本過舊，請更新後重試。"),
    copy_link: "複製連結",
    copied: "已複製",
    after_copying: "請開啟微信，將連結貼上並傳送給「檔案傳輸」，再按連結付款。",
    open_wechat: "開啟微信",
    copy_by_hand: "請長按選取連結後複製",
    link_code: "或截圖儲存二維碼，在微信「掃一掃」中從相簿選取；也可用其他手機掃碼",
    link_code_alt: "本頁連結的二維碼",

    expired: message("付款已逾時", "如剛剛完成付款，請稍候；否則請聯絡商戶。"),
    closed: message("訂單已關閉", "此訂單無法繼續付款，如有疑問請聯絡商戶。"),
    refused: message("付款失敗", "微信支付未通過本次付款，請重新下單。"),

    not_charged: "尚未扣款。",
    unknown_link: message(
        "連結無效",
        "連結可能不完整，請重新複製，或聯絡商戶索取新連結。",
    ),
    expired_link: message("連結已過期", "請聯絡商戶索取新連結。"),
    cannot_sign_in: message(
        "暫時無法在微信中支付",
        "商戶的微信帳號尚未完成設定，請聯絡商戶。",
    ),
    sign_in_again: message("微信授權失敗", "請重新進入頁面。"),
    sign_in_lost: message("微信授權失敗", "請重新開啟商戶提供的連結。"),
    snapshot: message(
        "請使用完整服務",
        "目前為頁面快照，無法付款。請按螢幕下方的「使用完整服務」，再重新載入。",
    ),
    busy: message("請稍候", "還需要幾秒鐘，請稍後再試。"),
    wechat_unavailable: message("微信支付系統繁忙", "請稍後再試。"),
    merchant_problem: message(
        "暫時無法付款",
        "微信支付未受理此商戶的這筆收款，請聯絡商戶並提供商戶單號。",
    ),
    not_selling: message("商戶暫停收款", "目前無法在此購買，請聯絡商戶。"),
    other_problem: message(
        "系統異常",
        "請稍後再試；多次失敗請聯絡商戶，並提供本頁顯示的編號。",
    ),
    try_again: "重試",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_the_placeholders() {
        for lang in Lang::ALL {
            let values = [("amount", "HK$1.00"), ("merchant", "{amount} & Tea")];
            let alt = fill(texts(lang).scan_alt, &values);
            assert!(alt.contains("HK$1.00"), "{alt}");
            assert!(alt.contains("{amount} & Tea"), "{alt}");
            assert_eq!(alt.matches(['{', '}']).count(), 2, "{alt}");
        }
    }

    #[test]
    fn the_page_parses_the_texts_that_it_is_sent() {
        for lang in Lang::ALL {
            let texts = texts(lang);
            let sent = texts.to_words("HK$1.00", "Tea\nHouse").leak();
            let read = Texts::from_words(sent).unwrap();
            let expected = Texts {
                scan_alt: read.scan_alt,
                to_merchant: read.to_merchant,
                paid: message(texts.paid.heading, "HK$1.00"),
                loading: "",
                slow_page: "",
                item: "",
                order_number: "",
                carried_by: "",
                reference: "",
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
    fn no_text_warns_against_paying_where_a_button_pays() {
        for lang in Lang::ALL {
            let texts = texts(lang);
            // The one screen without a button that pays.
            assert!(
                ["again", "重复", "重複"]
                    .iter()
                    .any(|word| texts.confirming.body.contains(word)),
            );
            for body in [
                texts.confirming_slow.body,
                texts.not_seen.body,
                texts.away.body,
            ] {
                for word in ["pay again", "请勿", "請勿"] {
                    assert!(!body.contains(word), "{body}");
                }
            }
        }
    }

    #[test]
    fn each_countdown_has_a_placeholder_for_the_time() {
        for lang in Lang::ALL {
            let sent = texts(lang).to_words("HK$1.00", "Tea {left}").leak();
            let read = Texts::from_words(sent).unwrap();
            for text in [read.code_expires_in, read.pay_within, read.returning] {
                assert_eq!(text.matches("{left}").count(), 1, "{text}");
            }
        }
    }

    #[test]
    fn chinese_texts_address_the_payer_as_wechat_does() {
        for lang in [Lang::ZhHans, Lang::ZhHant] {
            let text = format!("{:?}", texts(lang));
            for word in ["您", "點按", "售完", "商户订单号", "商戶訂單編號"] {
                assert!(!text.contains(word), "{word}");
            }
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
