//! The messages between the page and the server, as JSON.
//!
//! ```text
//! GET  /pay/?s=ID                   HTML with a Page inside it
//! POST /pay/order?s=ID   {}      -> Prepared
//! POST /pay/check?s=ID   Check   -> View
//! GET  /pay/status?s=ID          -> View
//! GET  /pay/live?s=ID            a WebSocket: LOOK, now and whenever the View has changed
//! GET  /pay/view?s=ID         -> Contents, for the page on another host; ?l=ID for a link
//! any of them, 4xx or 5xx        -> ErrorAnswer
//! ```
//!
//! Enums have serde's plain form (`"open"`, `{"paid":{"paid_at_ms":1}}`),
//! because the page decodes it with the least code.

use order::Money;
use serde::{Deserialize, Serialize};

use crate::{Colour, Lang, Method, Offers};

/// The content of `<script id="view">`, with which the page starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one at a time, and it is never in a list"
)]
pub enum Page {
    /// A purchase.
    View(View),
    /// No purchase, and why.
    Error(PageError),
}

/// What the server renders of a page, for the same page on another host, which
/// only has the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The payer's language.
    pub lang: Lang,
    /// The page's title.
    pub title: String,
    /// The HTML inside the page's `<main>`.
    pub main: String,
    /// The page's texts: [`Texts::to_words`](crate::Texts::to_words).
    pub words: String,
    /// The merchant's colour as one rule, to be inserted into the page's style
    /// sheet: a strict policy of the host allows no other way.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub style: String,
    /// The purchase. `None` for a payment link, whose `main` has a form.
    pub page: Option<Page>,
    /// What the merchant offers, for [`plan`](crate::plan).
    pub offers: Offers,
}

/// Why there is no purchase to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageError {
    /// A stable code from the error table; see [`Problem::from_code`].
    pub code: String,
    /// The payer's language, which a view would contain.
    pub lang: Lang,
    /// The request id, for the payer to quote. The server renders it.
    #[serde(skip)]
    pub reference: String,
}

/// One purchase as the payer may see it, at one moment of the server's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The merchant's display name.
    pub merchant: String,
    /// The description, from the merchant.
    pub description: String,
    /// The price.
    pub money: Money,
    /// The merchant's order number.
    pub out_trade_no: String,
    /// The purchase's state.
    pub state: State,
    /// The attempt that can be paid in this way, if one exists: a code of
    /// another attempt has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<String>,
    /// How this payer can pay here.
    pub method: Method,
    /// The server's clock at the time of this view, ms since 1970 UTC.
    pub now_ms: i64,
    /// The latest moment to pay, ms since 1970 UTC.
    pub expires_at_ms: i64,
    /// The payer's language.
    pub lang: Lang,
    /// The merchant's address after payment. `http(s)` only; the server checks
    /// it.
    pub success_url: Option<String>,
    /// The merchant's address without payment. `http(s)` only; the server
    /// checks it.
    pub cancel_url: Option<String>,
    /// Whether an order was ever made for this purchase. While it is false, the
    /// payer has certainly not been charged.
    #[serde(default)]
    pub attempted: bool,
    /// Why the payer cannot pay yet, on a page opened after a failed sign-in: a
    /// stable code, see [`Problem::from_code`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Whether no money is paid, because the gateway's upstream is the sandbox.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_test: bool,
    /// After how many seconds a paid page returns to `success_url` by itself;
    /// `None` where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_seconds: Option<u8>,
    /// Whether the payer has just tapped to pay, in a link's form: the page makes
    /// the order at once. Only in the first answer to that browser.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub begun: bool,
    /// How the merchant presents itself.
    #[serde(default, skip_serializing_if = "Brand::is_empty")]
    pub brand: Brand,
    /// The absolute address of a picture of what is sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// The longer description of what is sold: plain text with line breaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// About how much the price is in yuan, by WeChat's rate; `None` where that
    /// is unknown or means nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about_cny: Option<Money>,
    /// The payment, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
}

/// How a merchant presents itself to payers. Addresses are absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brand {
    /// The address of its logo: a PNG of at most 256 × 256 pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// The address of the merchant's copy of WeChat Pay's mark, as the logo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// Its colour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<Colour>,
    /// The telephone number for payers' questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The mail address for payers' questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
    /// The WeChat id for payers' questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wechat: Option<String>,
    /// The address of its terms. `http(s)` only; the server checks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms_url: Option<String>,
    /// The address of its privacy policy. `http(s)` only; the server checks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy_url: Option<String>,
    /// As in [`View::return_seconds`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_seconds: Option<u8>,
}

impl Brand {
    /// Whether the merchant has set nothing.
    pub fn is_empty(&self) -> bool {
        *self == Brand::default()
    }
}

/// The part of a payment that a payer may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// WeChat's number for it.
    pub transaction_id: String,
    /// What WeChat charged the payer, where its currency is not the price's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged: Option<Money>,
    /// `charged` as the payer reads it: the page formats no amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged_text: Option<String>,
    /// The receipt's address; `None` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_url: Option<String>,
}

/// The only message of the server on the page's WebSocket: the view may have
/// changed. The page then requests the view.
pub const LOOK: &str = "look";
/// The page's ping on the WebSocket.
pub const PING: &str = "ping";
/// The answer to [`PING`].
pub const PONG: &str = "pong";

/// The state of a purchase. Only verified evidence leads to `Paid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It can be paid.
    Open,
    /// A payment is in progress or was hinted at, and is not verified yet.
    Confirming,
    /// Paid: WeChat's verified answer says so.
    Paid {
        /// When, ms since 1970 UTC.
        paid_at_ms: i64,
    },
    /// Paid, and partly refunded.
    PartlyRefunded {
        /// When it was paid, ms since 1970 UTC.
        paid_at_ms: i64,
    },
    /// Paid, and refunded in full.
    Refunded {
        /// When it was paid, ms since 1970 UTC.
        paid_at_ms: i64,
    },
    /// The time to pay has run out.
    Expired,
    /// Closed before it was paid.
    Closed,
    /// WeChat reports that the payment failed permanently.
    Failed,
}

impl State {
    /// Whether it was paid, refunded or not.
    pub const fn is_paid(self) -> bool {
        matches!(
            self,
            Self::Paid { .. } | Self::PartlyRefunded { .. } | Self::Refunded { .. }
        )
    }
}

/// The part of a [`View`] that the page's program reads; the server renders the
/// rest with the HTML.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutStatus {
    /// As in [`View::state`].
    pub state: State,
    /// As in [`View::attempt`].
    #[serde(default)]
    pub attempt: Option<String>,
    /// As in [`View::method`].
    pub method: Method,
    /// As in [`View::now_ms`].
    pub now_ms: i64,
    /// As in [`View::expires_at_ms`].
    pub expires_at_ms: i64,
    /// As in [`View::success_url`].
    pub success_url: Option<String>,
    /// As in [`View::cancel_url`].
    pub cancel_url: Option<String>,
    /// As in [`View::attempted`].
    #[serde(default)]
    pub attempted: bool,
    /// As in [`View::problem`].
    #[serde(default)]
    pub problem: Option<String>,
    /// As in [`View::return_seconds`].
    #[serde(default)]
    pub return_seconds: Option<u8>,
    /// As in [`View::begun`].
    #[serde(default)]
    pub begun: bool,
    /// As in [`View::payment`].
    #[serde(default)]
    pub payment: Option<PaidFacts>,
}

/// The part of a [`Payment`] that the page's program shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaidFacts {
    /// As in [`Payment::transaction_id`].
    pub transaction_id: String,
    /// As in [`Payment::charged_text`].
    #[serde(default)]
    pub charged_text: Option<String>,
    /// As in [`Payment::receipt_url`].
    #[serde(default)]
    pub receipt_url: Option<String>,
}

/// The answer to `POST /pay/order`: what the payer needs to pay here. `V` is
/// the [`View`], or the part that its reader uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prepared<V = View> {
    /// For [`Method::Jsapi`]: the package for the bridge.
    Jsapi(Jsapi),
    /// For [`Method::Native`]: the code to scan with WeChat.
    Qr(Qr),
    /// For [`Method::OpenInWeChat`], and for [`Method::MiniProgram`] whose page
    /// cannot be opened: this page's address as a code. No order is made for
    /// it.
    Link(Link),
    /// For [`Method::H5`], and for [`Method::Jsapi`] where another party's page
    /// starts the payment: the address to open, from which the payer returns.
    Page(String),
    /// Nothing to prepare: the purchase is no longer open.
    NotOpen(V),
}

/// The package of `getBrandWCPayRequest`: six strings, named as in WeChat
/// (WeChat Pay v2 manual, section 7, table 7.1). `timeStamp` is a string, as
/// iOS requires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Jsapi {
    /// The official account whose openid the order was made for.
    pub app_id: String,
    /// Seconds since 1970 UTC, in digits.
    pub time_stamp: String,
    /// At most 32 characters.
    pub nonce_str: String,
    /// `prepay_id=…`
    pub package: String,
    /// `MD5`, `HMAC-SHA256` or `RSA`.
    pub sign_type: String,
    /// The server's signature over the other five values.
    pub pay_sign: String,
}

impl Jsapi {
    /// The members by name, in the form of the bridge's argument: the page
    /// passes them on without serialising JSON.
    pub fn members(&self) -> [(&'static str, &str); 6] {
        [
            ("appId", &self.app_id),
            ("timeStamp", &self.time_stamp),
            ("nonceStr", &self.nonce_str),
            ("package", &self.package),
            ("signType", &self.sign_type),
            ("paySign", &self.pay_sign),
        ]
    }
}

/// A Native payment code, rendered by the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Qr {
    /// The code's text: `weixin://wxpay/bizpayurl?…`.
    pub code_url: String,
    /// Side of the square in which `path` is drawn, in modules, quiet zone
    /// included.
    pub size: u32,
    /// The dark modules as an SVG path, one unit to a module.
    pub path: String,
    /// When the code expires, ms since 1970 UTC.
    pub expires_at_ms: i64,
    /// Its attempt, as in [`View::attempt`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<String>,
}

/// The page's own address as a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The address to open in WeChat, absolute.
    pub url: String,
    /// As in [`Qr::size`].
    pub size: u32,
    /// As in [`Qr::path`].
    pub path: String,
}

/// The body of `POST /pay/check`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The bridge's answer, if there was one.
    pub hint: Option<Hint>,
}

impl Check {
    /// The body as JSON, without a JSON serialiser.
    pub fn to_json(self) -> &'static str {
        match self.hint {
            None => r#"{"hint":null}"#,
            Some(Hint::Ok) => r#"{"hint":"ok"}"#,
            Some(Hint::Cancel) => r#"{"hint":"cancel"}"#,
            Some(Hint::Fail) => r#"{"hint":"fail"}"#,
        }
    }
}

/// The bridge's answer. It proves nothing; it triggers a query to WeChat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// `get_brand_wcpay_request:ok`
    Ok,
    /// `get_brand_wcpay_request:cancel`
    Cancel,
    /// `get_brand_wcpay_request:fail`, and every other answer.
    Fail,
}

impl Hint {
    /// Parses the bridge's `err_msg` (WeChat Pay v2 manual, section 7, table
    /// 7.2). WeChat sometimes adds detail after the word, and some versions
    /// write `requestPayment:fail cancel`.
    pub fn from_err_msg(err_msg: &str) -> Hint {
        let word = err_msg.rsplit(':').next().unwrap_or_default().trim();
        if word.eq_ignore_ascii_case("ok") {
            Hint::Ok
        } else if word.starts_with("cancel") || word.starts_with("fail cancel") {
            Hint::Cancel
        } else {
            Hint::Fail
        }
    }
}

/// The answer to a refused request of the page, with a 4xx or 5xx status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorAnswer {
    /// Always `fail`.
    pub status: String,
    /// A stable code from the error table; see [`Problem::from_code`].
    pub code: String,
    /// A sentence for developers. The payer sees the page's own texts.
    pub message: String,
}

impl ErrorAnswer {
    /// An answer with this code and sentence.
    pub fn new(code: &str, message: &str) -> ErrorAnswer {
        ErrorAnswer {
            status: String::from("fail"),
            code: String::from(code),
            message: String::from(message),
        }
    }
}

/// The meaning of an error code for a payer: fewer cases than the codes have
/// for developers, each with its own text and next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Unknown address: `SESSION_NOT_FOUND`, `LINK_NOT_FOUND`, or an error in a
    /// merchant's page or link: `QUICK_AUTH_UNKNOWN`, `REDIRECT_REFUSED`,
    /// `FIELD_MISSING`, `FIELD_INVALID`.
    UnknownLink,
    /// The link has expired. `SESSION_EXPIRED`.
    ExpiredLink,
    /// The payer's openid is unknown; reloading the page asks WeChat again.
    /// `OPENID_REQUIRED`.
    SignInAgain,
    /// The same, at a return address that works only once: the payer has to
    /// open the link again. `SIGN_IN_FAILED`.
    SignInLost,
    /// WeChat shows a snapshot of the page, in which no payment is possible:
    /// the payer has to choose the full service; reloading the page asks again.
    /// `VIRTUAL_OPENID`.
    Snapshot,
    /// WeChat does not return this merchant's openids, and asking again does
    /// not help. `SIGN_IN_NOT_SET_UP`.
    CannotSignIn,
    /// Retry in a few seconds: `ATTEMPT_PENDING`, `RATE_LIMITED`. Or the
    /// purchase has ended meanwhile, and the page requests its state:
    /// `ORDER_PAID`, `ORDER_CLOSED`, `ORDER_EXPIRED`, `ORDER_REVERSED`.
    Busy,
    /// WeChat Pay does not answer, or its answer cannot be verified.
    /// `UPSTREAM_UNAVAILABLE`, `UPSTREAM_UNVERIFIED`.
    WeChatUnavailable,
    /// WeChat Pay refuses this merchant's request, or the merchant's account or
    /// keys are not in order. Only the merchant can act: `UPSTREAM_REFUSED`,
    /// `KEY_UNUSABLE`, `CERTIFICATE_EXPIRED`, `NOT_OFFERED`,
    /// `ORDER_EXISTS_WITH_DIFFERENT_TERMS`, `MERCHANT_OF_OTHER_KIND`,
    /// `CURRENCY_NOT_ALLOWED`.
    Merchant,
    /// The operator has suspended the merchant, or the merchant has not registered
    /// this page's origin. `MERCHANT_SUSPENDED`, `ORIGIN_UNKNOWN`.
    NotSelling,
    /// A fault of the gateway.
    Other,
}

impl Problem {
    /// The problem for a stable error code.
    pub fn from_code(code: &str) -> Problem {
        match code {
            "SESSION_NOT_FOUND" | "LINK_NOT_FOUND" | "QUICK_AUTH_UNKNOWN" | "REDIRECT_REFUSED"
            | "FIELD_MISSING" | "FIELD_INVALID" => Problem::UnknownLink,
            "SESSION_EXPIRED" => Problem::ExpiredLink,
            "OPENID_REQUIRED" => Problem::SignInAgain,
            "SIGN_IN_FAILED" => Problem::SignInLost,
            "VIRTUAL_OPENID" => Problem::Snapshot,
            "SIGN_IN_NOT_SET_UP" => Problem::CannotSignIn,
            "ATTEMPT_PENDING" | "RATE_LIMITED" | "ORDER_PAID" | "ORDER_CLOSED"
            | "TOO_MANY_ATTEMPTS" | "ORDER_EXPIRED" | "ORDER_REVERSED" => Problem::Busy,
            "UPSTREAM_REFUSED"
            | "KEY_UNUSABLE"
            | "CERTIFICATE_EXPIRED"
            | "CLIENT_CERTIFICATE_MISSING"
            | "CLIENT_CERTIFICATE_REFUSED"
            | "MINI_PROGRAM_NOT_SET"
            | "MINI_PROGRAM_REFUSED"
            | "NOT_OFFERED"
            | "ORDER_EXISTS_WITH_DIFFERENT_TERMS"
            | "MERCHANT_OF_OTHER_KIND"
            | "CURRENCY_NOT_ALLOWED" => Problem::Merchant,
            "MERCHANT_SUSPENDED" | "ORIGIN_UNKNOWN" => Problem::NotSelling,
            "UPSTREAM_UNAVAILABLE"
            | "UPSTREAM_UNVERIFIED"
            | "UPSTREAM_TOO_OFTEN"
            | "STATEMENT_UNREADABLE" => Problem::WeChatUnavailable,
            _ => Problem::Other,
        }
    }
}

impl Page {
    /// The language of the page.
    pub fn lang(&self) -> Lang {
        match self {
            Page::View(view) => view.lang,
            Page::Error(error) => error.lang,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;
    use order::Currency;
    use serde::de::DeserializeOwned;
    use std::fmt::Debug;

    fn view(state: State, method: Method) -> View {
        View {
            merchant: String::from("Demo Tea House"),
            description: String::from("Oolong"),
            money: Money::new(15_000, Currency::Hkd).unwrap(),
            out_trade_no: String::from("T1"),
            state,
            attempt: None,
            method,
            now_ms: 1,
            expires_at_ms: 2,
            lang: Lang::En,
            success_url: None,
            cancel_url: Some(String::from("https://shop.example/")),
            attempted: false,
            problem: None,
            return_seconds: None,
            is_test: false,
            begun: false,
            brand: Brand::default(),
            picture: None,
            details: None,
            about_cny: None,
            payment: None,
        }
    }

    /// The page and the server are built together, but an open page outlives a
    /// deployment: a changed literal here breaks pages that are open then.
    fn travels<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, json: &str) {
        assert_eq!(serde_json::to_string(value).unwrap(), json);
        assert_eq!(&serde_json::from_str::<T>(json).unwrap(), value);
    }

    #[test]
    fn the_json_forms() {
        travels(
            &Page::View(view(State::Open, Method::Native)),
            r#"{"view":{"merchant":"Demo Tea House","description":"Oolong","money":{"amount_minor":15000,"currency":"HKD"},"out_trade_no":"T1","state":"open","method":"native","now_ms":1,"expires_at_ms":2,"lang":"en","success_url":null,"cancel_url":"https://shop.example/","attempted":false}}"#,
        );
        travels(
            &View {
                brand: Brand {
                    logo: Some(String::from("https://pay.example.com/image/a.png")),
                    colour: Colour::from_hex("#1a7f37"),
                    phone: Some(String::from("+852 2345 6789")),
                    ..Brand::default()
                },
                details: Some(String::from("Loose leaf")),
                about_cny: Money::new(13_900, Currency::Cny).ok(),
                payment: Some(Payment {
                    transaction_id: String::from("4200"),
                    charged: Money::new(13_912, Currency::Cny).ok(),
                    charged_text: None,
                    receipt_url: None,
                }),
                cancel_url: None,
                ..view(State::Open, Method::H5)
            },
            r##"{"merchant":"Demo Tea House","description":"Oolong","money":{"amount_minor":15000,"currency":"HKD"},"out_trade_no":"T1","state":"open","method":"h5","now_ms":1,"expires_at_ms":2,"lang":"en","success_url":null,"cancel_url":null,"attempted":false,"brand":{"logo":"https://pay.example.com/image/a.png","colour":"#1a7f37","phone":"+852 2345 6789"},"details":"Loose leaf","about_cny":{"amount_minor":13900,"currency":"CNY"},"payment":{"transaction_id":"4200","charged":{"amount_minor":13912,"currency":"CNY"}}}"##,
        );
        travels(
            &Page::Error(PageError {
                code: String::from("SESSION_NOT_FOUND"),
                lang: Lang::ZhHant,
                reference: String::new(),
            }),
            r#"{"error":{"code":"SESSION_NOT_FOUND","lang":"zh-Hant"}}"#,
        );
        travels(&State::Confirming, r#""confirming""#);
        travels(
            &State::Paid { paid_at_ms: 7 },
            r#"{"paid":{"paid_at_ms":7}}"#,
        );
        travels(
            &State::PartlyRefunded { paid_at_ms: 7 },
            r#"{"partly_refunded":{"paid_at_ms":7}}"#,
        );
        travels(
            &State::Refunded { paid_at_ms: 7 },
            r#"{"refunded":{"paid_at_ms":7}}"#,
        );
        travels(&Method::Jsapi, r#""jsapi""#);
        travels(&Method::H5, r#""h5""#);
        travels(&Method::MiniProgram, r#""mini_program""#);
        travels(&Method::WeChatTooOld, r#""wechat_too_old""#);
        travels(
            &Method::OpenInWeChat {
                reason: Reason::WeCom,
            },
            r#"{"open_in_wechat":{"reason":"wecom"}}"#,
        );
        travels(
            &Prepared::<View>::Jsapi(Jsapi {
                app_id: String::from("wx2421b1c4370ec43b"),
                time_stamp: String::from("1395712654"),
                nonce_str: String::from("e61463f8efa94090b1f366cccfbbb444"),
                package: String::from("prepay_id=u802345jgfjsdfgsdg888"),
                sign_type: String::from("MD5"),
                pay_sign: String::from("70EA570631E4BB79628FBCA90534C63FF7FADD89"),
            }),
            r#"{"jsapi":{"appId":"wx2421b1c4370ec43b","timeStamp":"1395712654","nonceStr":"e61463f8efa94090b1f366cccfbbb444","package":"prepay_id=u802345jgfjsdfgsdg888","signType":"MD5","paySign":"70EA570631E4BB79628FBCA90534C63FF7FADD89"}}"#,
        );
        travels(
            &Prepared::<View>::Qr(Qr {
                code_url: String::from("weixin://wxpay/bizpayurl?pr=F2EDdjR"),
                size: 33,
                path: String::from("M4,4h1v1h-1z"),
                expires_at_ms: 9,
                attempt: None,
            }),
            r#"{"qr":{"code_url":"weixin://wxpay/bizpayurl?pr=F2EDdjR","size":33,"path":"M4,4h1v1h-1z","expires_at_ms":9}}"#,
        );
        travels(
            &Prepared::<View>::Page(String::from("https://pay.example.com/")),
            r#"{"page":"https://pay.example.com/"}"#,
        );
        travels(
            &Check {
                hint: Some(Hint::Ok),
            },
            r#"{"hint":"ok"}"#,
        );
        travels(&Check::default(), r#"{"hint":null}"#);
        travels(
            &ErrorAnswer::new("RATE_LIMITED", "Wait a second."),
            r#"{"status":"fail","code":"RATE_LIMITED","message":"Wait a second."}"#,
        );
    }

    #[test]
    fn the_page_reads_its_part_of_a_view() {
        let view = view(State::Paid { paid_at_ms: 7 }, Method::H5);
        let written = serde_json::to_string(&view).unwrap();
        let standing = serde_json::from_str::<CheckoutStatus>(&written).unwrap();
        let expected = CheckoutStatus {
            state: view.state,
            attempt: None,
            method: view.method,
            now_ms: view.now_ms,
            expires_at_ms: view.expires_at_ms,
            success_url: view.success_url.clone(),
            cancel_url: view.cancel_url.clone(),
            attempted: view.attempted,
            problem: None,
            return_seconds: None,
            begun: false,
            payment: None,
        };
        assert_eq!(standing, expected);
        let not_open = serde_json::to_string(&Prepared::NotOpen(view)).unwrap();
        assert_eq!(
            serde_json::from_str::<Prepared<CheckoutStatus>>(&not_open).unwrap(),
            Prepared::NotOpen(expected)
        );
    }

    #[test]
    fn the_pages_own_json_equals_serdes() {
        for hint in [None, Some(Hint::Ok), Some(Hint::Cancel), Some(Hint::Fail)] {
            let check = Check { hint };
            assert_eq!(check.to_json(), serde_json::to_string(&check).unwrap());
        }
        let package = Jsapi {
            app_id: String::from("a"),
            time_stamp: String::from("t"),
            nonce_str: String::from("n"),
            package: String::from("p"),
            sign_type: String::from("s"),
            pay_sign: String::from("y"),
        };
        let members = package.members().map(|(k, v)| format!("\"{k}\":\"{v}\""));
        assert_eq!(
            format!("{{{}}}", members.join(",")),
            serde_json::to_string(&package).unwrap()
        );
    }

    #[test]
    fn a_check_without_a_hint_is_a_check() {
        assert_eq!(
            serde_json::from_str::<Check>("{}").unwrap(),
            Check::default()
        );
    }

    #[test]
    fn the_bridges_answers_are_parsed() {
        for (err_msg, expected) in [
            ("get_brand_wcpay_request:ok", Hint::Ok),
            ("get_brand_wcpay_request:cancel", Hint::Cancel),
            ("get_brand_wcpay_request:fail", Hint::Fail),
            ("chooseWXPay:ok", Hint::Ok),
            ("requestPayment:fail cancel", Hint::Cancel),
            (
                "get_brand_wcpay_request:fail_no permission to execute",
                Hint::Fail,
            ),
            ("system:access_denied", Hint::Fail),
            ("system:function_not_exist", Hint::Fail),
            ("get_brand_wcpay_request:okay", Hint::Fail),
            ("", Hint::Fail),
        ] {
            assert_eq!(Hint::from_err_msg(err_msg), expected, "{err_msg:?}");
        }
    }
}
