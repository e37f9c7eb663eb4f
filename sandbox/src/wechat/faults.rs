//! Requested faults: which call fails, and how.
//!
//! ```text
//! POST /sandbox/faults {"fail_next": {path, code, times?}}   any call, this many times
//! out_trade_no=T1_FAULT_SYSTEMERROR                          each call that has the code
//! out_trade_no=T1_FAULT_SYSTEMERROR@orderquery               only that call
//! ```
//!
//! The second way needs only an order number, which any SDK's test can choose.
//! It applies to calls whose row in [`CODES`] has the code, so with
//! `…FAULT_ORDERNOTEXIST` an order can be made and then is not found.

use serde::{Deserialize, Serialize};
use wechatpay::common::Fields;
use wechatpay::v2::ErrorCode::{self, *};

/// The faults that are switched on (`POST /sandbox/faults`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Faults {
    /// No notice is sent while this is on.
    pub(crate) hold_notices: bool,
    /// How many copies of each notice are sent in addition. APIv3 encrypts each
    /// copy separately.
    pub(crate) duplicate_notices: u8,
    /// How long each notice waits before it is sent first.
    pub(crate) delay_notices_seconds: i64,
    /// The minimum age of an order that is closed, in seconds; the manual
    /// requires 300.
    #[serde(default)]
    pub(crate) close_after_seconds: u32,
    /// Whether refund and reverse require a certificate on a plain connection,
    /// on which none can be presented.
    pub(crate) require_certificate: bool,
    /// Calls that are to fail.
    pub(crate) fail_next: Vec<FailNext>,
    /// APIv3's answers and notices that are to be forged.
    #[serde(alias = "lie_next")]
    pub(crate) forge_next: Vec<NextForgery>,
    /// Rows of statements that are not what happened.
    #[serde(default)]
    pub(crate) wrong_rows: Vec<WrongRow>,
}

/// A row that every statement of a merchant has wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WrongRow {
    pub(crate) mch_id: String,
    pub(crate) sub_mch_id: Option<String>,
    /// The payment.
    pub(crate) out_trade_no: String,
    /// One of its refunds.
    pub(crate) out_refund_no: Option<String>,
    pub(crate) wrong: RowFault,
    /// The number of a row that is added.
    pub(crate) number: Option<String>,
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum RowFault {
    OtherAmount,
    OtherCurrency,
    OtherNumber,
    Reversed,
    LeftOut,
    Twice,
    NextDay,
    Added,
    OtherMerchant,
    OtherYear,
}

impl RowFault {
    /// Every fault with its name and its description.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 10] = [
        (Self::OtherAmount, "OTHER_AMOUNT", "one minor unit more"),
        (
            Self::OtherCurrency,
            "OTHER_CURRENCY",
            "the same number in another currency",
        ),
        (
            Self::OtherNumber,
            "OTHER_NUMBER",
            "another `transaction_id`; of a refund, another `out_refund_no`",
        ),
        (
            Self::Reversed,
            "REVERSED",
            "the payment is listed as reversed",
        ),
        (Self::LeftOut, "LEFT_OUT", "the row is missing"),
        (Self::Twice, "TWICE", "the row is there twice"),
        (
            Self::NextDay,
            "NEXT_DAY",
            "the row is in the next day's statement",
        ),
        (
            Self::Added,
            "ADDED",
            "a further payment, under the `number` that is sent with it",
        ),
        (
            Self::OtherMerchant,
            "OTHER_MERCHANT",
            "the row has another merchant's `mch_id`",
        ),
        (
            Self::OtherYear,
            "OTHER_YEAR",
            "the payment has the time of a year before",
        ),
    ];

    /// The fault with this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|(_, known, _)| *known == name)
            .map(|(fault, _, _)| fault)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailNext {
    pub(crate) path: String,
    pub(crate) code: String,
    pub(crate) times: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NextForgery {
    #[serde(alias = "lie")]
    pub(crate) forgery: Forgery,
    pub(crate) on: MessageKind,
    pub(crate) times: u32,
}

/// The kind of message that is forged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MessageKind {
    Answer,
    Notice,
}

/// The defect of an APIv3 answer or notice. The rest of it is correct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Forgery {
    /// `Wechatpay-Serial` names an unknown key.
    WrongSerial,
    /// The `Wechatpay-*` headers are missing.
    NoSignature,
    /// The signature is invalid.
    BadSignature,
    /// The signature is one of Tencent's probes.
    Signtest,
    /// The signature is valid, and its timestamp is more than five minutes old.
    ClockSkew,
    /// A repeated name in the JSON, under a valid signature.
    DuplicateKeys,
    /// A notice with one minor unit more.
    OtherAmount,
    /// A notice with the same number in another currency.
    OtherCurrency,
    /// A notice of another merchant.
    OtherMerchant,
    /// A notice of a sub-merchant that the institution does not have.
    UnknownSubMchid,
    /// A notice of an event that no manual has.
    UnknownEvent,
    /// A notice with a nonce of 11 characters.
    NonceLength,
    /// A notice without the end of its ciphertext.
    CutCiphertext,
}

impl Forgery {
    /// Every forgery with its name and its description.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 13] = [
        (
            Self::WrongSerial,
            "WRONG_SERIAL",
            "`Wechatpay-Serial` names an unknown key",
        ),
        (
            Self::NoSignature,
            "NO_SIGNATURE",
            "the `Wechatpay-*` headers are missing",
        ),
        (
            Self::BadSignature,
            "BAD_SIGNATURE",
            "the signature does not hold",
        ),
        (
            Self::Signtest,
            "SIGNTEST",
            "the signature is one of Tencent's probes, `WECHATPAY/SIGNTEST/…`",
        ),
        (
            Self::ClockSkew,
            "CLOCK_SKEW",
            "the signature holds, and its timestamp is 301 seconds old",
        ),
        (
            Self::DuplicateKeys,
            "DUPLICATE_KEYS",
            "a name is twice in the JSON, under a signature that holds",
        ),
        (
            Self::OtherAmount,
            "OTHER_AMOUNT",
            "notices: one minor unit more than the order's",
        ),
        (
            Self::OtherCurrency,
            "OTHER_CURRENCY",
            "notices: the same number in another currency",
        ),
        (
            Self::OtherMerchant,
            "OTHER_MERCHANT",
            "notices: another merchant's number",
        ),
        (
            Self::UnknownSubMchid,
            "UNKNOWN_SUB_MCHID",
            "notices: an unknown sub-merchant",
        ),
        (
            Self::UnknownEvent,
            "UNKNOWN_EVENT",
            "notices: an `event_type` that no manual has",
        ),
        (
            Self::NonceLength,
            "NONCE_LENGTH",
            "notices: a nonce of 11 characters",
        ),
        (
            Self::CutCiphertext,
            "CUT_CIPHERTEXT",
            "notices: the ciphertext's end is missing",
        ),
    ];

    /// The forgery with this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(_, known, _)| *known == name)
            .map(|(forgery, _, _)| forgery)
    }

    /// The forgery with which the text after `FAULT_` begins.
    pub(crate) fn from_prefix(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(_, name, _)| text.starts_with(name))
            .map(|(forgery, _, _)| forgery)
    }

    /// Whether it applies to answers. All of them apply to notices.
    pub(crate) const fn is_of_answers(self) -> bool {
        matches!(
            self,
            Self::WrongSerial
                | Self::NoSignature
                | Self::BadSignature
                | Self::Signtest
                | Self::ClockSkew
                | Self::DuplicateKeys
        )
    }
}

/// How a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It answers with a code and is not executed.
    Code(String),
    /// It is not executed and not answered.
    NoAnswer,
    /// It is executed and not answered.
    NoAnswerAfter,
}

/// The longer name comes first, because it begins with the shorter one.
const NO_ANSWERS: [(&str, Fault); 2] = [
    ("NO_ANSWER_AFTER", Fault::NoAnswerAfter),
    ("NO_ANSWER", Fault::NoAnswer),
];

impl Fault {
    pub(crate) fn from_name(name: &str) -> Self {
        NO_ANSWERS
            .into_iter()
            .find(|(known, _)| *known == name)
            .map_or_else(|| Self::Code(name.to_owned()), |(_, fault)| fault)
    }

    /// The fault with which the text after `FAULT_` begins; `code` finds a code
    /// of the call.
    pub(crate) fn from_prefix(text: &str, code: impl Fn(&str) -> Option<String>) -> Option<Self> {
        NO_ANSWERS
            .into_iter()
            .find(|(name, _)| text.starts_with(name))
            .map(|(_, fault)| fault)
            .or_else(|| code(text).map(Self::Code))
    }
}

/// The fault that a number requests of a call: the text after `FAULT_`, unless
/// it names another call after an `@`.
pub(crate) fn text_after_fault<'a>(number: &'a str, call: &str) -> Option<&'a str> {
    let (_, text) = number.split_once("FAULT_")?;
    match text.split_once('@') {
        Some((_, only)) if only != call => None,
        _ => Some(text),
    }
}

/// The codes of every call. The statement call has sentences instead.
pub(crate) const ANYWHERE: &[ErrorCode] = &[
    SystemError,
    ParamError,
    LackParams,
    SignError,
    XmlFormatError,
    RequirePostMethod,
    PostDataEmpty,
    NotUtf8,
    AppidNotExist,
    MchidNotExist,
    AppidMchidNotMatch,
    FrequencyLimited,
    RateLimitExceeded,
    InvalidReqTooMuch,
];

/// The further codes of each call: from the tables of the WeChat Pay v2 manual,
/// and codes that occur in practice.
pub(crate) const CODES: &[(&str, &[ErrorCode])] = &[
    (
        "/pay/unifiedorder",
        &[
            NoAuth,
            NotEnough,
            OrderPaid,
            OrderClosed,
            OrderReversed,
            OutTradeNoUsed,
            InvalidRequest,
        ],
    ),
    ("/pay/orderquery", &[OrderNotExist]),
    (
        "/pay/closeorder",
        &[
            OrderPaid,
            OrderNotExist,
            OrderClosed,
            OrderReversed,
            UserPaying,
        ],
    ),
    (
        "/pay/micropay",
        &[
            OrderPaid,
            NoAuth,
            AuthCodeExpire,
            NotEnough,
            NotSupportCard,
            OrderClosed,
            OrderReversed,
            BankError,
            UserPaying,
            AuthCodeError,
            AuthCodeInvalid,
            BuyerMismatch,
            OutTradeNoUsed,
            InvalidRequest,
            TradeError,
        ],
    ),
    (
        "/secapi/pay/reverse",
        &[
            InvalidTransactionId,
            OrderNotExist,
            UserPaying,
            InvalidRequest,
            TradeStateError,
        ],
    ),
    (
        "/secapi/pay/refund",
        &[
            UserAccountAbnormal,
            NotEnough,
            InvalidTransactionId,
            OrderNotExist,
            InvalidRequest,
            TradeStateError,
            TradeOverdue,
            RefundFeeInvalid,
            BizErrNeedRetry,
        ],
    ),
    ("/pay/refundquery", &[RefundNotExist, InvalidTransactionId]),
    (
        "/pay/downloadbill",
        &[
            InvalidBillType,
            DataFormatError,
            MissingParameter,
            BillSignError,
            BillCreating,
            CompressGZipError,
            UnCompressGZipError,
            NoBillExist,
        ],
    ),
    ("/tools/shorturl", &[UrlFormatError]),
];

/// Whether a call may answer with a code.
pub(crate) fn knows(path: &str, code: &ErrorCode) -> bool {
    ANYWHERE.contains(code)
        || CODES
            .iter()
            .any(|(call, codes)| *call == path && codes.contains(code))
}

/// The fault that a request's `out_refund_no` or `out_trade_no` requests.
pub(crate) fn requested_by_number(path: &str, fields: &Fields) -> Option<Fault> {
    ["out_refund_no", "out_trade_no"]
        .into_iter()
        .filter_map(|name| fields.get_nonempty(name))
        .find_map(|number| read(path, number))
}

fn read(path: &str, number: &str) -> Option<Fault> {
    let text = text_after_fault(number, path.rsplit('/').next().unwrap_or_default())?;
    Fault::from_prefix(text, |text| {
        // The longest match wins, in case one code begins with another.
        let code = ErrorCode::ALL
            .iter()
            .filter(|code| text.starts_with(code.code()) && knows(path, code))
            .max_by_key(|code| code.code().len())?;
        Some(code.code().to_owned())
    })
}
