//! Refunds: requested, queried, and reported by notices. Checklist R1 to R4.

use crate::{NONCE, changed, direct, institution, key, mutate, nonce, received, sealed};
use order::{Account, Currency, MAX_REFUNDS, Money, OutTradeNo, RefundState};
use wechatpay::Secret;
use wechatpay::common::prepay::NotifyUrl;
use wechatpay::common::refund::{Amounts, Channel, FundsSource, OutRefundNo, Status};
use wechatpay::common::{FieldError, Fields, OrderNumber, Problem, SignType, Text, XmlError, time};
use wechatpay::v2::answer::AnswerError;
use wechatpay::v2::ecb;
use wechatpay::v2::refund;
use wechatpay::v2::refund_notify::{self, Notice, NoticeError};
use wechatpay::v2::refundquery::{self, Lookup};

fn hkd(amount_minor: i64) -> Money {
    Money::new(amount_minor, Currency::Hkd).unwrap()
}

fn request(account: Account, sign_type: SignType) -> refund::Request {
    refund::Request {
        account,
        by: OrderNumber::OutTradeNo(OutTradeNo::new("1415659990").unwrap()),
        out_refund_no: OutRefundNo::new("1415659990-1").unwrap(),
        amounts: Amounts::new(hkd(300), hkd(888)).unwrap(),
        notify_url: Some(NotifyUrl::new("https://pay.example/notify/v2/demo").unwrap()),
        refund_desc: Some(Text::new("refund_desc", "商品已售完").unwrap()),
        refund_account: Some(FundsSource::Recharge),
        nonce_str: nonce(),
        sign_type,
    }
}

fn answer() -> refund::Answer {
    refund::Answer {
        transaction_id: "1008450740201411110005820873".to_owned(),
        out_trade_no: "1415659990".to_owned(),
        out_refund_no: "1415659990-1".to_owned(),
        refund_id: "2008450740201411110000174436".to_owned(),
        refund_fee: 300,
        refund_fee_type: Some(Currency::Hkd),
        total_fee: Some(888),
        fee_type: Some(Currency::Hkd),
        cash_fee: Some(754),
        cash_fee_type: Some("CNY".to_owned()),
        cash_refund_fee: Some(255),
        cash_refund_fee_type: Some("CNY".to_owned()),
        rate: Some("84853800".to_owned()),
        settlement_refund_fee: Some(300),
        settlement_total_fee: Some(888),
        coupon_refund_fee: Some(0),
    }
}

#[test]
fn a_refund_round_trips() {
    for account in [direct(), institution()] {
        for sign_type in SignType::ALL {
            let full = request(account.clone(), sign_type);
            let by_id = refund::Request {
                by: OrderNumber::TransactionId(Text::new("transaction_id", "1008450").unwrap()),
                notify_url: None,
                refund_desc: None,
                refund_account: None,
                ..full.clone()
            };
            for request in [&full, &by_id] {
                let fields = received(&request.to_xml(&key()), sign_type);
                assert_eq!(refund::Request::read(&fields).as_ref(), Ok(request));
            }
            let bytes = sealed(answer().to_fields(&account, NONCE), sign_type);
            assert_eq!(refund::Answer::read(&bytes, &full, &key()), Ok(answer()));
        }
    }
}

/// R3: a partial refund is at most the order's amount, in its currency.
#[test]
fn r3_a_refund_is_at_most_the_order() {
    assert!(Amounts::new(hkd(888), hkd(888)).is_ok());
    assert_eq!(
        Amounts::new(hkd(889), hkd(888)),
        Err(Problem::OutOfRange.of("refund_fee"))
    );
    let cny = Money::new(1, Currency::Cny).unwrap();
    assert_eq!(
        Amounts::new(cny, hkd(888)),
        Err(Problem::UnknownValue.of("refund_fee_type"))
    );
}

#[test]
fn a_refunds_request_is_checked_field_by_field() {
    let good = request(direct(), SignType::Md5).to_fields();
    let check = |change: &[(&str, Option<&str>)], expect: Result<(), FieldError>| {
        let result = refund::Request::read(&changed(&good, change)).map(|_| ());
        assert_eq!(result, expect, "{change:?}");
    };
    for field in [
        "appid",
        "mch_id",
        "nonce_str",
        "out_trade_no",
        "out_refund_no",
        "total_fee",
        "refund_fee",
    ] {
        check(&[(field, None)], Err(Problem::Missing.of(field)));
        check(&[(field, Some(""))], Err(Problem::Empty.of(field)));
    }
    let long = "9".repeat(64);
    let too_long = Problem::TooLong { max_bytes: 64 };
    let desc_too_long = Problem::TooLong { max_bytes: 80 };
    for (field, value, problem) in [
        ("out_refund_no", &*format!("{long}9"), too_long),
        ("out_refund_no", "a b", Problem::BadCharacter),
        ("out_refund_no", "退款", Problem::BadCharacter),
        ("refund_fee", "0", Problem::OutOfRange),
        ("refund_fee", "889", Problem::OutOfRange),
        ("refund_fee", "-1", Problem::NotANumber),
        ("total_fee", "2147483648", Problem::OutOfRange),
        ("total_fee", "8.88", Problem::NotANumber),
        ("refund_fee_type", "hkd", Problem::UnknownValue),
        ("refund_account", "BASIC", Problem::UnknownValue),
        ("notify_url", "ftp://a.example/", Problem::BadFormat),
        ("refund_desc", &*"字".repeat(27), desc_too_long),
    ] {
        check(&[(field, Some(value))], Err(problem.of(field)));
    }
    check(&[("out_refund_no", Some(&long))], Ok(()));
    check(&[("refund_fee_type", None)], Ok(()));
    check(&[("op_user_id", Some("10000100"))], Ok(()));
}

#[test]
fn a_refunds_answer_is_about_the_request() {
    let request = request(direct(), SignType::Md5);
    let good = answer().to_fields(&direct(), NONCE);
    let read = |change: &[(&str, Option<&str>)]| {
        let bytes = sealed(changed(&good, change), SignType::Md5);
        refund::Answer::read(&bytes, &request, &key()).map(|_| ())
    };
    for (field, value) in [
        ("out_trade_no", "1415659991"),
        ("out_refund_no", "1415659990-2"),
        ("refund_fee", "301"),
        ("total_fee", "889"),
        ("refund_fee_type", "CNY"),
        ("fee_type", "CNY"),
    ] {
        let mismatched = AnswerError::Mismatched { field };
        assert_eq!(read(&[(field, Some(value))]), Err(mismatched));
    }
    for field in [
        "transaction_id",
        "out_trade_no",
        "out_refund_no",
        "refund_id",
    ] {
        let missing = AnswerError::Field(Problem::Missing.of(field));
        assert_eq!(read(&[(field, None)]), Err(missing));
    }
    for optional in [
        "total_fee",
        "cash_fee",
        "rate",
        "fee_type",
        "refund_fee_type",
    ] {
        assert_eq!(read(&[(optional, None)]), Ok(()));
    }
    // A coupon's own fields are ignored.
    let coupon = [
        ("coupon_refund_count", Some("1")),
        ("coupon_refund_fee_0", Some("1")),
        ("coupon_refund_id_0", Some("10000")),
        ("coupon_type_0", Some("CASH")),
    ];
    assert_eq!(read(&coupon), Ok(()));
}

fn question(by: Lookup, sign_type: SignType) -> refundquery::Request {
    refundquery::Request {
        account: direct(),
        by,
        offset: None,
        nonce_str: nonce(),
        sign_type,
    }
}

fn by_order() -> Lookup {
    Lookup::OutTradeNo(OutTradeNo::new("1415659990").unwrap())
}

fn one(n: usize, refund_status: Status) -> refundquery::Refund {
    let done = refund_status == Status::Success;
    refundquery::Refund {
        out_refund_no: format!("1415659990-{n}"),
        refund_id: format!("200845074020141111000017443{n}"),
        refund_fee: 100,
        settlement_refund_fee: Some(90),
        refund_status,
        refund_channel: Some(Channel::from_name(
            [
                "ORIGINAL",
                "BALANCE",
                "OTHER_BALANCE",
                "OTHER_BANKCARD",
                "NEW",
            ][n % 5],
        )),
        refund_account: Some("REFUND_SOURCE_UNSETTLED_FUNDS".to_owned()),
        refund_recv_accout: Some("招商银行信用卡0403".to_owned()),
        refund_success_time_ms: done.then(|| time::parse_china("20160725152626").unwrap()),
    }
}

fn expected() -> refundquery::Answer {
    refundquery::Answer {
        transaction_id: "1008450740201411110005820873".to_owned(),
        out_trade_no: "1415659990".to_owned(),
        total_fee: Some(888),
        fee_type: Some(Currency::Hkd),
        cash_fee: Some(754),
        cash_fee_type: Some("CNY".to_owned()),
        rate: Some("84853800".to_owned()),
        total_refund_count: Some(5),
        refunds: Status::ALL
            .into_iter()
            .chain([Status::Success])
            .enumerate()
            .map(|(n, status)| one(n, status))
            .collect(),
    }
}

/// R2: several refunds of one order, in every state and by every channel.
#[test]
fn r2_a_refund_query_round_trips() {
    for sign_type in SignType::ALL {
        let request = question(by_order(), sign_type);
        let bytes = sealed(expected().to_fields(&direct(), NONCE), sign_type);
        let answer = refundquery::Answer::read(&bytes, &request, &key()).unwrap();
        assert_eq!(answer, expected());

        let id = |n: usize| expected().refunds[n].refund_id.clone();
        let states: Vec<_> = answer.refunds.iter().map(|r| r.state()).collect();
        assert_eq!(
            states,
            [
                RefundState::Success { refund_id: id(0) },
                RefundState::Closed,
                RefundState::Processing { refund_id: id(2) },
                RefundState::Abnormal,
                RefundState::Success { refund_id: id(4) },
            ]
        );
        assert_eq!(answer.find("1415659990-3"), Some(&expected().refunds[3]));
        assert_eq!(answer.find("1415659990-9"), None);
    }
}

#[test]
fn a_refund_is_looked_up_by_the_first_of_four_numbers() {
    let text = |field, value| Text::new(field, value).unwrap();
    let all = [
        Lookup::RefundId(text("refund_id", "R")),
        Lookup::OutRefundNo(OutRefundNo::new("O").unwrap()),
        Lookup::TransactionId(text("transaction_id", "T")),
        Lookup::OutTradeNo(OutTradeNo::new("N").unwrap()),
    ];
    for sign_type in SignType::ALL {
        for by in &all {
            let request = refundquery::Request {
                offset: Some(15),
                ..question(by.clone(), sign_type)
            };
            let fields = received(&request.to_xml(&key()), sign_type);
            assert_eq!(refundquery::Request::read(&fields), Ok(request));
        }
    }
    let mut fields = question(by_order(), SignType::Md5)
        .to_fields()
        .with("refund_id", "R")
        .with("out_refund_no", "O")
        .with("transaction_id", "T")
        .with("out_trade_no", "N");
    for by in all {
        assert_eq!(refundquery::Request::read(&fields).unwrap().by, by);
        let name = [
            "refund_id",
            "out_refund_no",
            "transaction_id",
            "out_trade_no",
        ]
        .into_iter()
        .find(|name| fields.get_nonempty(name).is_some());
        fields.set(name.unwrap(), "");
    }
    let empty = Problem::Empty.of("out_trade_no");
    assert_eq!(refundquery::Request::read(&fields), Err(empty));
    for (offset, problem) in [
        ("-1", Problem::NotANumber),
        ("4294967296", Problem::OutOfRange),
    ] {
        let fields = question(by_order(), SignType::Md5)
            .to_fields()
            .with("offset", offset);
        let result = refundquery::Request::read(&fields);
        assert_eq!(result, Err(problem.of("offset")));
    }
}

fn read_changed(by: Lookup, change: &[(&str, Option<&str>)]) -> Result<(), AnswerError> {
    let fields = changed(&expected().to_fields(&direct(), NONCE), change);
    let bytes = sealed(fields, SignType::Md5);
    refundquery::Answer::read(&bytes, &question(by, SignType::Md5), &key()).map(|_| ())
}

/// The stated count is not trusted: a missing item is an error.
#[test]
fn a_false_refund_count_is_an_error() {
    let out_of_range = |count: &str| {
        let error = AnswerError::Field(Problem::OutOfRange.of("refund_count"));
        let result = read_changed(by_order(), &[("refund_count", Some(count))]);
        assert_eq!(result, Err(error), "{count}");
    };
    out_of_range("1000000");
    out_of_range("9223372036854775807");
    out_of_range("9223372036854775808");
    out_of_range(&(MAX_REFUNDS + 1).to_string());
    // The answer has more refunds than it states.
    out_of_range("4");
    out_of_range("0");
    let count = |value| read_changed(by_order(), &[("refund_count", value)]);
    let field = |problem: Problem, field| Err(AnswerError::Field(problem.of(field)));
    assert_eq!(count(None), field(Problem::Missing, "refund_count"));
    assert_eq!(
        count(Some("-1")),
        field(Problem::NotANumber, "refund_count")
    );
    // The answer has fewer refunds than it states.
    assert_eq!(
        count(Some("6")),
        field(Problem::Missing, "refund_status_$n")
    );
    assert_eq!(
        count(Some("50")),
        field(Problem::Missing, "refund_status_$n")
    );
}

#[test]
fn each_refunds_field_has_its_own_error() {
    for (name, value, problem, field) in [
        ("refund_id_2", None, Problem::Missing, "refund_id_$n"),
        (
            "out_refund_no_2",
            Some(""),
            Problem::Empty,
            "out_refund_no_$n",
        ),
        (
            "refund_fee_2",
            Some("0"),
            Problem::OutOfRange,
            "refund_fee_$n",
        ),
        (
            "refund_fee_2",
            Some("1.0"),
            Problem::NotANumber,
            "refund_fee_$n",
        ),
        (
            "refund_status_2",
            Some("DONE"),
            Problem::UnknownValue,
            "refund_status_$n",
        ),
    ] {
        let expect = AnswerError::Field(problem.of(field));
        assert!(expect.is_unknown_outcome());
        assert_eq!(read_changed(by_order(), &[(name, value)]), Err(expect));
    }
    let error = Problem::Missing.of("refund_id_$n").to_string();
    assert_eq!(error, "refund_id_$n is missing");
    // Fields that are only displayed are omitted if they are malformed.
    for (name, odd) in [
        ("refund_success_time_0", "today"),
        ("settlement_refund_fee_0", "1.5"),
        ("cash_fee", "1.5"),
    ] {
        assert_eq!(
            read_changed(by_order(), &[(name, Some(odd))]),
            Ok(()),
            "{name}"
        );
    }
    // Coupons are ignored.
    let coupons = [
        ("coupon_refund_count_0", Some("1000000")),
        ("coupon_refund_fee_0_0", Some("x")),
        ("coupon_type_0_0", Some("CASH")),
    ];
    assert_eq!(read_changed(by_order(), &coupons), Ok(()));
}

#[test]
fn a_refund_query_answer_is_about_what_was_asked() {
    let text = |field, value: &str| Text::new(field, value).unwrap();
    let mismatched = |field| Err(AnswerError::Mismatched { field });
    let other_order = [("out_trade_no", Some("1415659991"))];
    assert_eq!(
        read_changed(by_order(), &other_order),
        mismatched("out_trade_no")
    );
    let other_id = Lookup::TransactionId(text("transaction_id", "1"));
    assert_eq!(read_changed(other_id, &[]), mismatched("transaction_id"));

    // The answer about one refund contains only that one.
    let by_number = Lookup::OutRefundNo(OutRefundNo::new("1415659990-0").unwrap());
    let by_id = Lookup::RefundId(text("refund_id", &expected().refunds[0].refund_id));
    assert_eq!(
        read_changed(by_number.clone(), &[]),
        mismatched("out_refund_no")
    );
    assert_eq!(read_changed(by_id.clone(), &[]), mismatched("refund_id"));
    for (refunds, expect) in [(1, true), (0, false)] {
        let mut answer = expected();
        answer.refunds.truncate(refunds);
        let bytes = sealed(answer.to_fields(&direct(), NONCE), SignType::Md5);
        for by in [&by_number, &by_id] {
            let request = question(by.clone(), SignType::Md5);
            let result = refundquery::Answer::read(&bytes, &request, &key());
            assert_eq!(result.is_ok(), expect);
        }
    }
}

/// Ten refunds with coupons are more fields than any other answer has.
#[test]
fn a_full_page_with_coupons_fits() {
    let mut answer = expected();
    answer.refunds = (0..refundquery::PAGE)
        .map(|n| one(n, Status::Success))
        .collect();
    let mut fields = answer.to_fields(&direct(), NONCE);
    for n in 0..refundquery::PAGE {
        for name in [
            format!("coupon_refund_fee_{n}"),
            format!("coupon_refund_count_{n}"),
            format!("coupon_type_{n}_0"),
            format!("coupon_refund_id_{n}_0"),
            format!("coupon_refund_fee_{n}_0"),
        ] {
            fields.push(&name, "1");
        }
    }
    let bytes = sealed(fields, SignType::Md5);
    let request = question(by_order(), SignType::Md5);
    assert_eq!(
        refundquery::Answer::read(&bytes, &request, &key()),
        Ok(answer)
    );
}

fn notice(account: Account) -> Notice {
    Notice {
        account,
        nonce_str: NONCE.to_owned(),
        refund: refund_notify::Refund {
            transaction_id: "1008450740201411110005820873".to_owned(),
            out_trade_no: "1415659990".to_owned(),
            refund_id: Some("2008450740201411110000174436".to_owned()),
            out_refund_no: "1415659990-1".to_owned(),
            total_fee: 888,
            settlement_total_fee: Some(888),
            refund_fee: 300,
            settlement_refund_fee: Some(300),
            refund_status: Status::Success,
            success_time_ms: time::parse_china("20160725152626").ok(),
            refund_recv_accout: Some("]]> 支付用户零钱".to_owned()),
            refund_account: Some("REFUND_SOURCE_RECHARGE_FUNDS".to_owned()),
            refund_request_source: Some("API".to_owned()),
        },
    }
}

#[test]
fn a_refund_notice_round_trips() {
    for account in [direct(), institution()] {
        for status in Status::ALL {
            let mut notice = notice(account.clone());
            notice.refund.refund_status = status;
            let xml = notice.to_xml(&key());
            assert!(!xml.contains("1415659990"), "what matters is encrypted");
            assert_eq!(Notice::read(xml.as_bytes(), &key()), Ok(notice));
        }
    }
}

/// Every failure to decrypt is the same error: from a difference a forger could
/// learn the text block by block.
#[test]
fn every_decryption_failure_is_one_error() {
    let good = notice(direct()).to_fields(&key());
    let another = notice(direct()).to_fields(&Secret::new("k"));
    let root = |xml: &str| refund_key_sealed(xml.as_bytes());
    let req_info = good.get("req_info").unwrap();
    for (name, sealed) in [
        ("another key", another.get("req_info").unwrap().to_owned()),
        ("not base64", "###".to_owned()),
        ("half base64", req_info[1..].to_owned()),
        ("half a block", "AAAA".to_owned()),
        ("cut short", req_info[..64].to_owned()),
        ("the root of the envelope", root("<xml><a>1</a></xml>")),
        (
            "an entity",
            root("<!DOCTYPE root [<!ENTITY a \"b\">]><root>&a;</root>"),
        ),
        ("no XML", root("hello")),
        ("no UTF-8", refund_key_sealed(&[0xFF; 40])),
        ("nothing", root("")),
    ] {
        let fields = changed(&good, &[("req_info", Some(&sealed))]);
        let result = Notice::read(fields.to_xml().as_bytes(), &key());
        assert_eq!(result, Err(NoticeError::Sealed), "{name}");
    }
}

/// Encrypts a text that is not a refund with the manual's key.
fn refund_key_sealed(plain: &[u8]) -> String {
    use md5::Digest;
    let hex: String = md5::Md5::digest(key().expose())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    ecb::encrypt(plain, hex.as_bytes().try_into().unwrap())
}

#[test]
fn a_refund_notice_is_checked_field_by_field() {
    let good = notice(direct()).to_fields(&key());
    let read = |fields: &Fields| Notice::read(fields.to_xml().as_bytes(), &key());
    for field in ["appid", "mch_id", "nonce_str", "req_info"] {
        let missing = NoticeError::Field(Problem::Missing.of(field));
        assert_eq!(read(&changed(&good, &[(field, None)])), Err(missing));
    }
    let inner = notice(direct()).refund.to_fields();
    let read_inner = |change: &[(&str, Option<&str>)]| {
        let req_info = refund_notify::seal(&changed(&inner, change), &key());
        read(&changed(&good, &[("req_info", Some(&req_info))]))
    };
    for field in [
        "transaction_id",
        "out_trade_no",
        "out_refund_no",
        "total_fee",
        "refund_fee",
        "refund_status",
    ] {
        let missing = NoticeError::Field(Problem::Missing.of(field));
        assert_eq!(read_inner(&[(field, None)]), Err(missing));
    }
    for (field, value, problem) in [
        ("refund_fee", "0", Problem::OutOfRange),
        ("refund_status", "success", Problem::UnknownValue),
    ] {
        let error = NoticeError::Field(problem.of(field));
        assert_eq!(read_inner(&[(field, Some(value))]), Err(error));
    }
    // Fields that are only displayed are omitted if they are malformed.
    let shown = read_inner(&[
        ("success_time", Some("20160725152626")),
        ("settlement_refund_fee", Some("3.00")),
        ("settlement_total_fee", Some("x")),
    ]);
    assert_eq!(shown.unwrap().refund.success_time_ms, None);
    let failed = changed(&good, &[("return_code", Some("FAIL"))]);
    let return_msg = String::new();
    assert_eq!(
        read(&failed),
        Err(NoticeError::ReturnCodeFail { return_msg })
    );
    let doctype = Notice::read(b"<!DOCTYPE xml><xml></xml>", &key());
    assert_eq!(doctype, Err(NoticeError::Xml(XmlError::Doctype)));
}

/// Mutated bytes cause no panic, and a text that can still be decrypted
/// consists of the original's blocks.
#[test]
fn a_mutated_refund_notice_does_not_panic() {
    let original = notice(direct()).to_xml(&key()).into_bytes();
    let pieces: [&[u8]; 6] = [b"=", b"AAAA", b"\n", b"]]>", b"\0", b"\xFF"];
    let mut still_good = 0;
    mutate(5_000, &original, &pieces, |bytes| {
        still_good += usize::from(Notice::read(bytes, &key()).is_ok());
    });
    assert!(still_good > 0, "a line feed in base64 does no harm");
}
