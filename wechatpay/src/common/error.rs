//! The error codes of WeChat Pay v2, which iOnline forwards: all codes in the
//! tables of the WeChat Pay v2 manual (Quick Pay and reverse in section 5, the
//! public calls in section 9), and further ones that occur in practice.
//!
//! ```text
//! <result_code><![CDATA[FAIL]]></result_code>
//! <err_code><![CDATA[SYSTEMERROR]]></err_code>
//! <err_code_des><![CDATA[System error]]></err_code_des>
//! ```
//!
//! The statement download has sentences as codes, and their case varies, so
//! codes are compared without regard to case.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Who has to act on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The developer, because the message was wrong.
    Request,
    /// The merchant's account or its settings.
    Account,
    /// The order's state does not allow it.
    Order,
    /// The payer.
    Payer,
    /// WeChat or a bank.
    Upstream,
}

/// What is known after this code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Unknown: query the order.
    Unknown,
    /// It did not happen; the same request may succeed later.
    Later,
    /// It did not happen, and the same request will not succeed.
    Refused,
}

/// The type `ErrorCode` of a list of codes. Each list has a `from_code` of its own.
macro_rules! error_codes {
    ($($variant:ident $code:literal $side:ident $outcome:ident
        $meaning:literal $advice:literal,)*) => {
        /// WeChat Pay's code of an error.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum ErrorCode {
            $(#[doc = $meaning] $variant,)*
            /// A code that is not in this list, as it came.
            Unknown(String),
        }

        impl ErrorCode {
            /// Every code of this list.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code as WeChat writes it.
            pub fn code(&self) -> &str {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Unknown(code) => code,
                }
            }

            /// Who has to act.
            pub const fn side(&self) -> Side {
                match self {
                    $(Self::$variant => Side::$side,)*
                    Self::Unknown(_) => Side::Upstream,
                }
            }

            /// The outcome after it. It is unknown after an unlisted code.
            pub const fn outcome(&self) -> Outcome {
                match self {
                    $(Self::$variant => Outcome::$outcome,)*
                    Self::Unknown(_) => Outcome::Unknown,
                }
            }

            /// What it means, in one sentence.
            pub const fn meaning(&self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                    Self::Unknown(_) => "WeChat gave a code that its manual does not list.",
                }
            }

            /// What to do about it, in one sentence.
            pub const fn advice(&self) -> &'static str {
                match self {
                    $(Self::$variant => $advice,)*
                    Self::Unknown(_) => "Query the order, and read WeChat's description of the error.",
                }
            }

            /// Whether the outcome is unknown, so that the order must be queried.
            pub const fn is_unknown_outcome(&self) -> bool {
                matches!(self.outcome(), Outcome::Unknown)
            }

            /// Whether the same request may be sent again after a while. For a call
            /// that takes money, query first where
            /// [`is_unknown_outcome`](Self::is_unknown_outcome).
            pub const fn is_retryable(&self) -> bool {
                matches!(self, Self::SystemError | Self::BankError)
                    || matches!(self.outcome(), Outcome::Later)
            }
        }

        impl fmt::Display for ErrorCode {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.code())
            }
        }

        impl From<String> for ErrorCode {
            fn from(code: String) -> Self {
                Self::from_code(&code)
            }
        }

        impl From<ErrorCode> for String {
            fn from(code: ErrorCode) -> Self {
                code.code().to_owned()
            }
        }
    };
}
pub(crate) use error_codes;

error_codes! {
    // Quick Pay, 5.5.6; most of these return in the later tables.
    SystemError "SYSTEMERROR" Upstream Unknown
        "WeChat's system failed or timed out, and the outcome is not known."
        "Query the order and go on from its state; a prepayment may be asked for again unchanged.",
    ParamError "PARAM_ERROR" Request Refused
        "A parameter of the request is not correct."
        "Correct the parameter that the description names.",
    OrderPaid "ORDERPAID" Order Refused
        "The order has been paid already."
        "Treat the order as paid once a query confirms it, and use a new number for a new order.",
    NoAuth "NOAUTH" Account Refused
        "The merchant has no permission for this way of paying."
        "Apply to WeChat Pay for the permission.",
    AuthCodeExpire "AUTHCODEEXPIRE" Payer Refused
        "The payer's code has expired."
        "Ask the payer to refresh the code, and scan it again.",
    NotEnough "NOTENOUGH" Payer Refused
        "There is too little money: on the payer's card, or for a refund among the unsettled funds."
        "Ask the payer for another card; repeat a refund later under its same number.",
    NotSupportCard "NOTSUPPORTCARD" Payer Refused
        "The payer's kind of card is not supported."
        "Ask the payer to choose another card or to link a new one.",
    OrderClosed "ORDERCLOSED" Order Refused
        "The order is closed and can no longer be paid."
        "Make a new order under a new number; after a close there is nothing left to do.",
    OrderReversed "ORDERREVERSED" Order Refused
        "The order has been reversed."
        "Make a new order under a new number.",
    BankError "BANKERROR" Upstream Unknown
        "The bank failed or timed out, and the outcome is not known."
        "Query the order and go on from its state.",
    UserPaying "USERPAYING" Payer Unknown
        "The payer is asked for the password, and the outcome is not known yet."
        "Wait five seconds, then query the order.",
    AuthCodeError "AUTH_CODE_ERROR" Payer Refused
        "The payer's code was not accepted; each code serves for one payment."
        "Ask the payer to refresh the code, and try again.",
    AuthCodeInvalid "AUTH_CODE_INVALID" Payer Refused
        "What was scanned is not a payment code."
        "Scan the code that WeChat shows on its Quick Pay page.",
    XmlFormatError "XML_FORMAT_ERROR" Request Refused
        "The request is not correct XML."
        "Check how the request's XML is written.",
    RequirePostMethod "REQUIRE_POST_METHOD" Request Refused
        "The request was not sent with POST."
        "Send it with POST.",
    SignError "SIGNERROR" Request Refused
        "The request's signature is wrong."
        "Check the API key, the sign type and the fields that are signed.",
    LackParams "LACK_PARAMS" Request Refused
        "A required parameter is missing."
        "Send all parameters that the manual requires.",
    NotUtf8 "NOT_UTF8" Request Refused
        "The request is not UTF-8."
        "Send it as UTF-8.",
    BuyerMismatch "BUYER_MISMATCH" Payer Refused
        "Another payer has begun to pay this order, and one order has one payer."
        "Have the first payer pay, or make a new order under a new number.",
    AppidNotExist "APPID_NOT_EXIST" Account Refused
        "There is no such appid."
        "Check the appid in the merchant's settings.",
    MchidNotExist "MCHID_NOT_EXIST" Account Refused
        "There is no such merchant id."
        "Check the merchant id in the merchant's settings.",
    OutTradeNoUsed "OUT_TRADE_NO_USED" Order Refused
        "The order number has been used for another order."
        "Use a new number, or repeat the first request without changing its terms.",
    AppidMchidNotMatch "APPID_MCHID_NOT_MATCH" Account Refused
        "The appid is not bound to the merchant id."
        "Bind the two on WeChat's merchant platform, or correct the settings.",
    // Reverse, 5.9.6.
    InvalidTransactionId "INVALID_TRANSACTIONID" Request Refused
        "WeChat's order number in the request is not valid."
        "Check the number, and whether that payment was made.",
    // Unified order, 9.1.6, and short URL, 9.9.6.
    PostDataEmpty "POST_DATA_EMPTY" Request Refused
        "The request has no body."
        "Send the XML document as the body.",
    // Query, 9.2.6, and close, 9.3.6.
    OrderNotExist "ORDERNOTEXIST" Order Refused
        "WeChat has no order with this number."
        "Check the number; an order that was only just made may not be there yet.",
    // Refund, 9.4.6.
    UserAccountAbnormal "USER_ACCOUNT_ABNORMAL" Payer Refused
        "The payer's account is closed, so the refund failed."
        "Return the money to the payer in another way.",
    // Refund query, 9.5.6.
    RefundNotExist "REFUNDNOTEXIST" Order Refused
        "WeChat has no such refund."
        "Check the number, and whether the order was paid and a refund was asked for.",
    // Statement download, 9.6.6: sentences for codes.
    InvalidBillType "invalid bill_type" Request Refused
        "The kind of statement asked for does not exist."
        "Ask for one of the kinds that the manual lists.",
    DataFormatError "data format error" Request Refused
        "The date of the statement is not in the right format."
        "Send the date as yyyyMMdd.",
    MissingParameter "missing parameter" Request Refused
        "The request for the statement lacks a parameter."
        "Send all parameters that the manual requires.",
    BillSignError "SIGN ERROR" Request Refused
        "The signature of the request for the statement is wrong."
        "Check the API key, the sign type and the fields that are signed.",
    BillCreating "Bill Creating" Upstream Later
        "The statement is not ready, or the day had no payments."
        "Ask again after 10:00 China time on the next day.",
    CompressGZipError "CompressGZip Error" Upstream Later
        "WeChat failed to compress the statement."
        "Ask for it again later.",
    UnCompressGZipError "UnCompressGZip Error" Upstream Later
        "WeChat failed to unpack the statement."
        "Ask for it again later.",
    NoBillExist "No Bill Exist" Order Refused
        "There is no statement for this day."
        "Take the day as one without payments once it is over.",
    // Short URL, the field table of 9.9.5.
    UrlFormatError "URLFORMATERROR" Request Refused
        "The URL to shorten is not in the right format."
        "Send a URL that begins with weixin://wxpay/bizpayurl.",
    // Not in the manual's tables, but seen in practice.
    InvalidRequest "INVALID_REQUEST" Request Refused
        "The request cannot be carried out; often the number was used before with other terms."
        "Read the description; repeat with the first request's exact terms, or use a new number.",
    TradeError "TRADE_ERROR" Order Refused
        "The payment was refused, mostly for the state of the order or of an account."
        "Read the description, and make a new order under a new number.",
    TradeStateError "TRADE_STATE_ERROR" Order Refused
        "The order's state does not allow this."
        "Query the order and go on from its state.",
    TradeOverdue "TRADE_OVERDUE" Order Refused
        "The payment is too old for a refund."
        "Return the money to the payer in another way.",
    RefundFeeInvalid "REFUND_FEE_INVALID" Order Refused
        "The refund is larger than what is left of the payment."
        "Refund at most what has not been refunded yet.",
    BizErrNeedRetry "BIZERR_NEED_RETRY" Upstream Later
        "WeChat was too busy to carry out the refund."
        "Repeat the refund under its same number after a minute.",
    FrequencyLimited "FREQUENCY_LIMITED" Upstream Later
        "Too many requests in a short time."
        "Wait, then send the same request again, less often.",
    RateLimitExceeded "RATELIMIT_EXCEEDED" Upstream Later
        "Too many requests in a short time."
        "Wait, then send the same request again, less often.",
    InvalidReqTooMuch "INVALID_REQ_TOO_MUCH" Request Later
        "Too many wrong requests in a short time."
        "Correct the requests first, and then wait before the next.",
}

impl ErrorCode {
    /// The code with this name; one that is not in the list is kept.
    pub fn from_code(code: &str) -> Self {
        let listed = Self::ALL
            .iter()
            .find(|known| known.code().eq_ignore_ascii_case(code));
        listed
            .cloned()
            .unwrap_or_else(|| Self::Unknown(code.to_owned()))
    }
}
