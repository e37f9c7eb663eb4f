//! Quick Pay and reverse: section 5, and the checklist's Q1 to Q7.

use crate::{NONCE, changed, direct, institution, key, nonce, payment, received, sealed};
use order::{Account, Currency, Money, OutTradeNo, Payment, TradeType};
use wechatpay::common::micropay::AuthCode;
use wechatpay::common::{FieldError, OrderNumber, Problem, SignError, SignType, Text};
use wechatpay::v2::ErrorCode;
use wechatpay::v2::answer::{self, AnswerError};
use wechatpay::v2::micropay;
use wechatpay::v2::reverse;

const CODE: &str = "120061098828009406";

fn request(account: Account, sign_type: SignType) -> micropay::Request {
    micropay::Request {
        account,
        device_info: Some(Text::new("device_info", "1000").unwrap()),
        nonce_str: nonce(),
        sign_type,
        body: Text::new("body", "茶 & <cake>").unwrap(),
        detail: None,
        attach: Some(Text::new("attach", "]]>\r\n🍵 ").unwrap()),
        out_trade_no: OutTradeNo::new("1415659990").unwrap(),
        money: Money::new(888, Currency::Hkd).unwrap(),
        spbill_create_ip: "14.17.22.52".parse().unwrap(),
        goods_tag: None,
        limit_pay: None,
        time_start_ms: None,
        time_expire_ms: Some(1_261_703_410_000),
        auth_code: AuthCode::new(CODE).unwrap(),
    }
}

fn paid(account: Account) -> micropay::Answer {
    micropay::Answer {
        payment: Payment {
            trade_type: TradeType::Micropay,
            ..payment(account)
        },
        device_info: Some("1000".to_owned()),
    }
}

/// Q1: only 18 digits that begin 10 to 15.
#[test]
fn q1_a_code_is_18_digits_that_begin_10_to_15() {
    use Problem::{BadFormat, Empty, NotANumber};
    for begin in 10..=15 {
        let code = format!("{begin}0061098828009406");
        assert_eq!(AuthCode::new(&code).unwrap().expose(), code);
    }
    for (code, problem) in [
        ("", Empty),
        ("090061098828009406", BadFormat),
        ("160061098828009406", BadFormat),
        ("280061098828009406", BadFormat),
        ("12006109882800940", BadFormat),
        ("1200610988280094061", BadFormat),
        ("1", BadFormat),
        ("12006109882800940x", NotANumber),
        ("120061098828009 406", NotANumber),
        ("+20061098828009406", NotANumber),
        ("１２0061098828", NotANumber),
        ("https://u.wechat.com/x", NotANumber),
    ] {
        let error = AuthCode::new(code).unwrap_err();
        assert_eq!(error, problem.of("auth_code"), "{code}");
        assert_eq!(AuthCode::refuses(&error), problem != Empty, "{code}");
    }
    assert!(!AuthCode::refuses(
        &Problem::BadFormat.of("spbill_create_ip")
    ));
}

#[test]
fn a_code_does_not_print() {
    let request = request(direct(), SignType::Md5);
    assert!(!format!("{request:?}").contains("1200610"));
}

#[test]
fn a_quick_payment_round_trips() {
    for account in [direct(), institution()] {
        for sign_type in SignType::ALL {
            let request = request(account.clone(), sign_type);
            let fields = received(&request.to_xml(&key()), sign_type);
            assert_eq!(micropay::Request::read(&fields).as_ref(), Ok(&request));

            let answer = paid(account.clone());
            let bytes = sealed(answer.to_fields(&account, NONCE), sign_type);
            assert_eq!(micropay::Answer::read(&bytes, &request, &key()), Ok(answer));
        }
    }
}

#[test]
fn a_quick_payments_request_is_checked_field_by_field() {
    let good = request(direct(), SignType::Md5).to_fields();
    let check = |change: &[(&str, Option<&str>)], expect: FieldError| {
        let result = micropay::Request::read(&changed(&good, change));
        assert_eq!(result, Err(expect), "{change:?}");
    };
    for field in [
        "appid",
        "mch_id",
        "nonce_str",
        "body",
        "out_trade_no",
        "total_fee",
        "spbill_create_ip",
        "auth_code",
    ] {
        check(&[(field, None)], Problem::Missing.of(field));
        check(&[(field, Some(""))], Problem::Empty.of(field));
    }
    for (field, value, problem) in [
        ("total_fee", "0", Problem::OutOfRange),
        ("total_fee", "1.00", Problem::NotANumber),
        ("fee_type", "XXX", Problem::UnknownValue),
        ("sign_type", "RSA", Problem::UnknownValue),
        ("spbill_create_ip", "localhost", Problem::BadFormat),
        ("out_trade_no", "a b", Problem::BadCharacter),
        ("time_expire", "soon", Problem::BadFormat),
        ("auth_code", "99", Problem::BadFormat),
    ] {
        check(&[(field, Some(value))], problem.of(field));
    }
    // The code is checked last.
    check(
        &[("auth_code", Some("99")), ("body", None)],
        Problem::Missing.of("body"),
    );
}

/// A payment of something else is not this payment (G2), nor is an incomplete
/// one.
#[test]
fn a_quick_payments_answer_is_about_the_request() {
    let request = request(direct(), SignType::Md5);
    let good = paid(direct()).to_fields(&direct(), NONCE);
    let read = |change: &[(&str, Option<&str>)]| {
        let bytes = sealed(changed(&good, change), SignType::Md5);
        micropay::Answer::read(&bytes, &request, &key()).map(|_| ())
    };
    assert_eq!(read(&[]), Ok(()));
    for (field, value) in [
        ("out_trade_no", "1415659991"),
        ("total_fee", "887"),
        ("fee_type", "CNY"),
        ("trade_type", "JSAPI"),
        ("mch_id", "10000101"),
    ] {
        let mismatched = AnswerError::Mismatched { field };
        assert_eq!(read(&[(field, Some(value))]), Err(mismatched));
    }
    for field in ["transaction_id", "openid", "bank_type", "time_end"] {
        let error = read(&[(field, None)]).unwrap_err();
        assert_eq!(error, AnswerError::Field(Problem::Missing.of(field)));
        assert!(error.is_unknown_outcome());
    }
    let unsigned = micropay::Answer::read(good.to_xml().as_bytes(), &request, &key());
    assert_eq!(unsigned, Err(AnswerError::Unverifiable(SignError::Missing)));
}

/// Q3 to Q5: an unknown outcome is queried, and a refusal is not.
#[test]
fn q4_q5_unknown_outcomes_are_distinguished_from_refusals() {
    let request = request(direct(), SignType::HmacSha256);
    for (code, open) in [
        (ErrorCode::UserPaying, true),
        (ErrorCode::SystemError, true),
        (ErrorCode::BankError, true),
        (ErrorCode::Unknown("NEW".to_owned()), true),
        (ErrorCode::AuthCodeInvalid, false),
        (ErrorCode::AuthCodeExpire, false),
        (ErrorCode::AuthCodeError, false),
        (ErrorCode::NotEnough, false),
    ] {
        let fields = answer::refusal(&direct(), NONCE, &code, "为什么");
        let bytes = sealed(fields, SignType::HmacSha256);
        let error = micropay::Answer::read(&bytes, &request, &key()).unwrap_err();
        assert_eq!(error.is_unknown_outcome(), open, "{code}");
    }
}

#[test]
fn a_reverse_round_trips() {
    let number = OrderNumber::OutTradeNo(OutTradeNo::new("1415659990").unwrap());
    let id = OrderNumber::TransactionId(Text::new("transaction_id", "1008450740").unwrap());
    for account in [direct(), institution()] {
        for by in [&number, &id] {
            for sign_type in SignType::ALL {
                let request = reverse::Request {
                    account: account.clone(),
                    by: by.clone(),
                    nonce_str: nonce(),
                    sign_type,
                };
                let fields = received(&request.to_xml(&key()), sign_type);
                assert_eq!(reverse::Request::read(&fields).as_ref(), Ok(&request));
                for recall in [true, false] {
                    let answer = reverse::Answer { recall };
                    let bytes = sealed(answer.to_fields(&account, NONCE), sign_type);
                    assert_eq!(reverse::Answer::read(&bytes, &request, &key()), Ok(answer));
                }
            }
        }
    }
}

/// Q7: a refusal says whether to call again, too.
#[test]
fn q7_a_refused_reverse_says_whether_to_call_again() {
    let request = reverse::Request {
        account: direct(),
        by: OrderNumber::OutTradeNo(OutTradeNo::new("1415659990").unwrap()),
        nonce_str: nonce(),
        sign_type: SignType::Md5,
    };
    let read = |fields| {
        let bytes = sealed(fields, SignType::Md5);
        reverse::Answer::read(&bytes, &request, &key())
    };
    let refuse =
        |recall| reverse::refusal(&direct(), NONCE, &ErrorCode::UserPaying, "paying", recall);
    for recall in [true, false] {
        let error = read(refuse(recall)).unwrap_err();
        assert_eq!(reverse::recall(&error), Some(recall));
    }
    for value in [None, Some(""), Some("y"), Some("1")] {
        let error = read(changed(&refuse(true), &[("recall", value)])).unwrap_err();
        assert_eq!(reverse::recall(&error), None, "{value:?}");
    }

    // A success without `recall` is not a success.
    let done = reverse::Answer { recall: false }.to_fields(&direct(), NONCE);
    for (value, problem) in [
        (None, Problem::Missing),
        (Some(""), Problem::Empty),
        (Some("no"), Problem::UnknownValue),
    ] {
        let error = read(changed(&done, &[("recall", value)])).unwrap_err();
        assert_eq!(error, AnswerError::Field(problem.of("recall")));
        assert_eq!(reverse::recall(&error), None);
        assert!(error.is_unknown_outcome());
    }
}
