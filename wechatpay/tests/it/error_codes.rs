//! The error codes of the WeChat Pay v2 manual, table by table.

use wechatpay::common::error::{Outcome, Side};
use wechatpay::v2::ErrorCode;

/// The codes of each error table, with names that the manual breaks across lines
/// (`REQUIRE_POST_MET HOD`) put together again.
const TABLES: &[(&str, &[&str])] = &[
    (
        "5.5.6 Quick Pay",
        &[
            "SYSTEMERROR",
            "PARAM_ERROR",
            "ORDERPAID",
            "NOAUTH",
            "AUTHCODEEXPIRE",
            "NOTENOUGH",
            "NOTSUPPORTCARD",
            "ORDERCLOSED",
            "ORDERREVERSED",
            "BANKERROR",
            "USERPAYING",
            "AUTH_CODE_ERROR",
            "AUTH_CODE_INVALID",
            "XML_FORMAT_ERROR",
            "REQUIRE_POST_METHOD",
            "SIGNERROR",
            "LACK_PARAMS",
            "NOT_UTF8",
            "BUYER_MISMATCH",
            "APPID_NOT_EXIST",
            "MCHID_NOT_EXIST",
            "OUT_TRADE_NO_USED",
            "APPID_MCHID_NOT_MATCH",
        ],
    ),
    (
        "5.9.6 reverse",
        &[
            "SYSTEMERROR",
            "INVALID_TRANSACTIONID",
            "PARAM_ERROR",
            "REQUIRE_POST_METHOD",
            "SIGNERROR",
        ],
    ),
    (
        "9.1.6 unified order",
        &[
            "NOAUTH",
            "NOTENOUGH",
            "ORDERPAID",
            "ORDERCLOSED",
            "SYSTEMERROR",
            "APPID_NOT_EXIST",
            "MCHID_NOT_EXIST",
            "APPID_MCHID_NOT_MATCH",
            "LACK_PARAMS",
            "OUT_TRADE_NO_USED",
            "SIGNERROR",
            "XML_FORMAT_ERROR",
            "REQUIRE_POST_METHOD",
            "POST_DATA_EMPTY",
            "NOT_UTF8",
        ],
    ),
    ("9.2.6 query", &["ORDERNOTEXIST", "SYSTEMERROR"]),
    (
        "9.3.6 close",
        &[
            "ORDERPAID",
            "SYSTEMERROR",
            "ORDERNOTEXIST",
            "ORDERCLOSED",
            "SIGNERROR",
            "REQUIRE_POST_METHOD",
            "XML_FORMAT_ERROR",
        ],
    ),
    (
        "9.4.6 refund",
        &[
            "SYSTEMERROR",
            "USER_ACCOUNT_ABNORMAL",
            "NOTENOUGH",
            "INVALID_TRANSACTIONID",
            "PARAM_ERROR",
            "APPID_NOT_EXIST",
            "MCHID_NOT_EXIST",
            "REQUIRE_POST_METHOD",
            "SIGNERROR",
            "XML_FORMAT_ERROR",
        ],
    ),
    (
        "9.5.6 refund query",
        &[
            "SYSTEMERROR",
            "REFUNDNOTEXIST",
            "INVALID_TRANSACTIONID",
            "PARAM_ERROR",
            "APPID_NOT_EXIST",
            "MCHID_NOT_EXIST",
            "REQUIRE_POST_METHOD",
            "SIGNERROR",
            "XML_FORMAT_ERROR",
        ],
    ),
    (
        "9.6.6 statement",
        &[
            "SYSTEMERROR",
            "invalid bill_type",
            "data format error",
            "missing parameter",
            "SIGN ERROR",
            "Bill Creating",
            "CompressGZip Error",
            "UnCompressGZip Error",
        ],
    ),
    ("9.8.4 report", &["ORDERNOTEXIST", "SYSTEMERROR"]),
    (
        "9.9 short URL",
        &[
            "SYSTEMERROR",
            "URLFORMATERROR",
            "SIGNERROR",
            "REQUIRE_POST_METHOD",
            "APPID_NOT_EXIST",
            "MCHID_NOT_EXIST",
            "APPID_MCHID_NOT_MATCH",
            "LACK_PARAMS",
            "XML_FORMAT_ERROR",
            "POST_DATA_EMPTY",
        ],
    ),
    // Sections 10 and 11, settlement and exchange rate, have no table.
    (
        "met in practice",
        &[
            "INVALID_REQUEST",
            "RATELIMIT_EXCEEDED",
            "FREQUENCY_LIMITED",
            "TRADE_ERROR",
            "No Bill Exist",
            "NO BILL EXIST",
        ],
    ),
];

#[test]
fn every_code_of_every_table_is_known() {
    for (table, codes) in TABLES {
        for code in *codes {
            let read = ErrorCode::from_code(code);
            assert!(!matches!(read, ErrorCode::Unknown(_)), "{table}: {code}");
            assert!(read.code().eq_ignore_ascii_case(code), "{table}: {code}");
        }
    }
}

fn is_sentence(text: &str) -> bool {
    let text = text.trim();
    text.len() > 10
        && text.starts_with(char::is_uppercase)
        && text.ends_with('.')
        && !text.contains(". ")
}

#[test]
fn every_code_round_trips_and_says_what_it_means() {
    let unknown = ErrorCode::Unknown("SOMETHING_NEW".to_owned());
    for code in ErrorCode::ALL.iter().chain([&unknown]) {
        assert_eq!(&ErrorCode::from_code(code.code()), code);
        assert_eq!(code.to_string(), code.code());
        assert!(is_sentence(code.meaning()), "{code}: {}", code.meaning());
        assert!(is_sentence(code.advice()), "{code}: {}", code.advice());
        let stored = serde_json::to_string(code).unwrap();
        assert_eq!(stored, format!("{:?}", code.code()));
        assert_eq!(&serde_json::from_str::<ErrorCode>(&stored).unwrap(), code);
    }
}

#[test]
fn no_code_is_listed_twice() {
    for (i, code) in ErrorCode::ALL.iter().enumerate() {
        let first = ErrorCode::ALL
            .iter()
            .position(|other| other.code() == code.code());
        assert_eq!(first, Some(i), "{code}");
    }
}

/// Q4, Q5: after these codes, and only these, the order is queried.
#[test]
fn unknown_outcomes_are_the_documented_ones() {
    let unknown: Vec<_> = ErrorCode::ALL
        .iter()
        .filter(|c| c.is_unknown_outcome())
        .collect();
    assert_eq!(
        unknown,
        [
            &ErrorCode::SystemError,
            &ErrorCode::BankError,
            &ErrorCode::UserPaying
        ]
    );
    let unlisted = ErrorCode::from_code("SOMETHING_NEW");
    assert!(unlisted.is_unknown_outcome());
    assert!(!unlisted.is_retryable());
}

#[test]
fn each_code_has_its_side() {
    for (code, side, outcome, retryable) in [
        (
            ErrorCode::SystemError,
            Side::Upstream,
            Outcome::Unknown,
            true,
        ),
        (ErrorCode::UserPaying, Side::Payer, Outcome::Unknown, false),
        (ErrorCode::SignError, Side::Request, Outcome::Refused, false),
        (ErrorCode::NoAuth, Side::Account, Outcome::Refused, false),
        (ErrorCode::OrderPaid, Side::Order, Outcome::Refused, false),
        (
            ErrorCode::RateLimitExceeded,
            Side::Upstream,
            Outcome::Later,
            true,
        ),
    ] {
        assert_eq!(
            (code.side(), code.outcome(), code.is_retryable()),
            (side, outcome, retryable)
        );
    }
}
