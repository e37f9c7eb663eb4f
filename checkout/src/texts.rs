//! Every text for the payer, in each language.
//!
//! A language is one value of [`Texts`], so a missing text does not compile.
//! The page shows amounts, names and times next to the texts, or inserts them
//! at their `{…}` with [`fill`].
//!
//! A page receives only the texts of its own language with the HTML, one on
//! each line ([`Texts::to_words`]): all languages would be a quarter of what a
//! payer loads.

mod en;
mod ja;
mod ko;
mod th;
mod zh_hans;
mod zh_hant;

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
    // taken is a separate sentence.
    /// Only where it is certain: no order was ever made.
    pub not_charged: &'static str,
    /// Where an order was made that may be paid.
    pub perhaps_charged: &'static str,
    /// Where WeChat has confirmed the end of every order.
    pub no_payment: &'static str,
    /// On a page without a purchase.
    pub opening_is_free: &'static str,
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
    not_charged perhaps_charged no_payment opening_is_free
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
        Lang::En => &en::TEXTS,
        Lang::ZhHans => &zh_hans::TEXTS,
        Lang::ZhHant => &zh_hant::TEXTS,
        Lang::Ja => &ja::TEXTS,
        Lang::Ko => &ko::TEXTS,
        Lang::Th => &th::TEXTS,
    }
}

const fn message(heading: &'static str, body: &'static str) -> Message {
    Message { heading, body }
}

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
                ["again", "重复", "重複", "もう一度", "다시", "อีกครั้ง"]
                    .iter()
                    .any(|word| texts.confirming.body.contains(word)),
            );
            for body in [
                texts.confirming_slow.body,
                texts.not_seen.body,
                texts.away.body,
            ] {
                for word in [
                    "pay again",
                    "请勿",
                    "請勿",
                    "ないでください",
                    "마세요",
                    "โปรดอย่า",
                ] {
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
        only(&zh_hans::TEXTS, 1);
        only(&zh_hant::TEXTS, 0);
    }
}
