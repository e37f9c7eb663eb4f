//! The form of the texts: the same in each language.

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

/// A message of these two texts.
pub(super) const fn message(heading: &'static str, body: &'static str) -> Message {
    Message { heading, body }
}
