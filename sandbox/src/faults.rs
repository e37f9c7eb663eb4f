//! Misbehaviour on request: which call is to fail, and how.
//!
//! ```text
//! POST /sandbox/faults {"fail_next": {path, code, times?}}   any call, so often
//! out_trade_no=T1_FAULT_SYSTEMERROR                          each call that knows the code
//! out_trade_no=T1_FAULT_SYSTEMERROR@orderquery               that call alone
//! ```
//!
//! The second way needs nothing but a number, which any SDK's test can choose.
//! It acts on calls whose row in [`CODES`] has the code, so that
//! `…FAULT_ORDERNOTEXIST` lets an order be made and then denies it.

use crate::v2;
use serde::{Deserialize, Serialize};
use wechatpay::v2::ErrorCode::{self, *};
use wechatpay::v2::Fields;

/// What is switched on (`POST /sandbox/faults`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Faults {
    /// No notice leaves until this is switched off.
    pub(crate) hold_notices: bool,
    /// How often each notice is sent beside the first.
    pub(crate) duplicate_notices: u8,
    /// Whether refund and reverse want a certificate on a plain connection,
    /// which cannot carry one.
    pub(crate) require_certificate: bool,
    /// Calls that are to fail.
    pub(crate) fail_next: Vec<FailNext>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailNext {
    pub(crate) path: String,
    pub(crate) code: String,
    pub(crate) times: u32,
}

/// How a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It answers with a code and does nothing.
    Code(ErrorCode),
    /// It does nothing and does not answer.
    NoAnswer,
    /// It is done, and does not answer.
    NoAnswerAfter,
}

/// The longer name first: it begins with the shorter.
const NO_ANSWERS: [(&str, Fault); 2] = [
    ("NO_ANSWER_AFTER", Fault::NoAnswerAfter),
    ("NO_ANSWER", Fault::NoAnswer),
];

impl Fault {
    pub(crate) fn from_name(name: &str) -> Self {
        NO_ANSWERS
            .into_iter()
            .find(|(known, _)| *known == name)
            .map_or_else(
                || Self::Code(ErrorCode::from_code(name)),
                |(_, fault)| fault,
            )
    }
}

/// What any call may answer with. A statement has other words for it.
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

/// What else each call answers with: the tables of seed 002, and what is met.
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

/// The fault that a request's own numbers ask for.
pub(crate) fn in_a_number(path: &str, fields: &Fields) -> Option<Fault> {
    ["out_refund_no", "out_trade_no"]
        .into_iter()
        .filter_map(|name| fields.get_nonempty(name))
        .find_map(|number| read(path, number))
}

fn read(path: &str, number: &str) -> Option<Fault> {
    let (_, wish) = number.split_once("FAULT_")?;
    if let Some((_, only)) = wish.split_once('@')
        && path.rsplit('/').next() != Some(only)
    {
        return None;
    }
    for (name, fault) in NO_ANSWERS {
        if wish.starts_with(name) {
            return Some(fault);
        }
    }
    // The longest: ORDERNOTEXIST begins like no other, but that may change.
    let code = ErrorCode::ALL
        .iter()
        .filter(|code| wish.starts_with(code.code()) && knows(path, code))
        .max_by_key(|code| code.code().len())?;
    Some(Fault::Code(code.clone()))
}

/// Every code with the calls that it can be had from. `docs/sandbox.md` has
/// the same, and a test compares them.
pub(crate) fn table() -> impl Iterator<Item = (&'static ErrorCode, String)> {
    ErrorCode::ALL.iter().map(|code| {
        let calls = if ANYWHERE.contains(code) {
            "every call".to_owned()
        } else {
            let knowing: Vec<&str> = v2::paths()
                .filter(|path| knows(path, code))
                .filter_map(|path| path.rsplit('/').next())
                .collect();
            knowing.join(", ")
        };
        (code, calls)
    })
}
