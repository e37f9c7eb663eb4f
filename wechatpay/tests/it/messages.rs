//! Requests and answers in both directions, and every way an answer fails.

use crate::{NONCE, direct, institution, jsapi_order, key, order, payment, sealed};
use ::order::{Account, OutTradeNo, TradeState, TradeType};
use wechatpay::Secret;
use wechatpay::common::prepay::{NotifyUrl, Payer};
use wechatpay::common::{
    FieldError, Fields, OrderNumber, Problem, SignError, SignType, Text, XmlError,
};
use wechatpay::v2::ErrorCode;
use wechatpay::v2::answer::{self, AnswerError};
use wechatpay::v2::prepay::{self, Trade, Warning};
use wechatpay::v2::{close, query};

fn trades(account: &Account) -> Vec<Trade> {
    vec![
        Trade::Jsapi(Payer::of(account, "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap()),
        Trade::Native {
            product_id: Some(Text::new("product_id", "12235").unwrap()),
        },
        Trade::Native { product_id: None },
        Trade::App,
        Trade::mweb(r#"{"h5_info":{"type":"Wap","wap_url":"https://shop.example"}}"#).unwrap(),
    ]
}

#[test]
fn a_prepayment_request_round_trips() {
    for account in [direct(), institution()] {
        for trade in trades(&account) {
            for sign_type in SignType::ALL {
                let request = order(account.clone(), trade.clone(), sign_type);
                let received = Fields::parse(request.to_xml(&key()).as_bytes()).unwrap();
                assert_eq!(received.verify(&key(), sign_type), Ok(()));
                assert_eq!(received.declared_sign_type(), Some(sign_type));
                assert_eq!(prepay::Request::read(&received).as_ref(), Ok(&request));
            }
        }
    }
}

#[test]
fn the_prepayment_request_has_the_manuals_names() {
    let fields = jsapi_order(SignType::HmacSha256).to_fields();
    let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "appid",
            "mch_id",
            "device_info",
            "nonce_str",
            "sign_type",
            "body",
            "attach",
            "out_trade_no",
            "total_fee",
            "fee_type",
            "spbill_create_ip",
            "time_start",
            "time_expire",
            "notify_url",
            "limit_pay",
            "trade_type",
            "openid",
        ]
    );
    assert_eq!(fields.get("time_expire"), Some("20091227091010"));
    assert_eq!(fields.get("total_fee"), Some("888"));
    // 9.1: sign_type is sent only when it is not the default.
    assert_eq!(
        jsapi_order(SignType::Md5).to_fields().get("sign_type"),
        None
    );
}

/// J1: with a `sub_appid`, the sub-merchant's openid identifies the payer.
#[test]
fn an_institutions_payer_is_a_sub_openid() {
    let fields = order(
        institution(),
        trades(&institution()).remove(0),
        SignType::Md5,
    )
    .to_fields();
    assert_eq!(fields.get("openid"), None);
    assert_eq!(
        fields.get("sub_openid"),
        Some("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")
    );
    assert_eq!(fields.get("sub_mch_id"), Some("1900000109"));

    // WeChat accepts either name of the payer; sub_openid only with sub_appid.
    let mut by_openid = fields.clone();
    by_openid.remove("sub_openid");
    by_openid.push("openid", "o1");
    let request = prepay::Request::read(&by_openid).unwrap();
    assert_eq!(
        request.trade,
        Trade::Jsapi(Payer::Openid(Text::new("openid", "o1").unwrap()))
    );

    let mut without_appid = fields;
    without_appid.remove("sub_appid");
    let missing = Problem::Missing.of("sub_appid");
    assert_eq!(prepay::Request::read(&without_appid), Err(missing));
}

fn check_field(change: &[(&str, Option<&str>)], expect: Result<(), FieldError>) {
    let mut fields = jsapi_order(SignType::Md5).to_fields();
    for (name, value) in change {
        match value {
            Some(value) => fields.set(name, *value),
            None => {
                fields.remove(name);
            }
        }
    }
    assert_eq!(
        prepay::Request::read(&fields).map(|_| ()),
        expect,
        "{change:?}"
    );
}

#[test]
fn each_field_has_its_own_refusal() {
    use Problem::{BadCharacter, BadFormat, Empty, Missing, NotANumber, OutOfRange, UnknownValue};
    for field in [
        "appid",
        "mch_id",
        "nonce_str",
        "body",
        "out_trade_no",
        "total_fee",
        "spbill_create_ip",
        "notify_url",
        "trade_type",
        "openid",
    ] {
        check_field(&[(field, None)], Err(Missing.of(field)));
        check_field(&[(field, Some(""))], Err(Empty.of(field)));
    }
    for (field, value, problem) in [
        ("total_fee", "0", OutOfRange),
        ("total_fee", "2147483648", OutOfRange),
        ("total_fee", "99999999999999999999", OutOfRange),
        ("total_fee", "-1", NotANumber),
        ("total_fee", "+1", NotANumber),
        ("total_fee", "1.00", NotANumber),
        ("total_fee", " 1", NotANumber),
        ("total_fee", "１", NotANumber),
        ("fee_type", "hkd", UnknownValue),
        ("fee_type", "XXX", UnknownValue),
        ("trade_type", "jsapi", UnknownValue),
        ("trade_type", "MICROPAY", UnknownValue),
        ("sign_type", "RSA", UnknownValue),
        ("spbill_create_ip", "localhost", BadFormat),
        ("spbill_create_ip", "1.2.3", BadFormat),
        ("time_expire", "2009-12-27", BadFormat),
        ("time_start", "20090230000000", BadFormat),
        ("out_trade_no", "a b", BadCharacter),
        ("body", "a\0b", BadCharacter),
        ("notify_url", "ftp://a.example/", BadFormat),
        ("notify_url", "https://", BadFormat),
        ("notify_url", "https:///notify", BadFormat),
        ("notify_url", "https://a.example/ x", BadFormat),
        ("notify_url", "javascript:alert(1)", BadFormat),
    ] {
        check_field(&[(field, Some(value))], Err(problem.of(field)));
    }
    for (field, max_bytes) in [
        ("appid", 32),
        ("mch_id", 32),
        ("sub_mch_id", 32),
        ("device_info", 32),
        ("nonce_str", 32),
        ("body", 128),
        ("detail", 6000),
        ("attach", 128),
        ("out_trade_no", 32),
        ("goods_tag", 32),
        ("limit_pay", 32),
        ("openid", 128),
    ] {
        check_field(&[(field, Some(&"9".repeat(max_bytes)))], Ok(()));
        let too_long = Problem::TooLong { max_bytes }.of(field);
        check_field(&[(field, Some(&"9".repeat(max_bytes + 1)))], Err(too_long));
    }
    // Lengths are bytes: 42 Chinese characters fit into `body`, 43 do not.
    check_field(&[("body", Some(&"茶".repeat(42)))], Ok(()));
    let too_long = Problem::TooLong { max_bytes: 128 }.of("body");
    check_field(&[("body", Some(&"茶".repeat(43)))], Err(too_long));

    for ip in ["8.8.8.8", "::1", "2001:db8:85a3:8d3:1319:8a2e:370:7348"] {
        check_field(&[("spbill_create_ip", Some(ip))], Ok(()));
    }
    check_field(&[("fee_type", None)], Ok(()));
    check_field(&[("unheard_of", Some("x"))], Ok(()));

    // Required by trade type.
    check_field(&[("trade_type", Some("APP")), ("openid", None)], Ok(()));
    check_field(&[("trade_type", Some("NATIVE")), ("openid", None)], Ok(()));
    let mweb = ("trade_type", Some("MWEB"));
    check_field(&[mweb], Err(Missing.of("scene_info")));
    check_field(
        &[mweb, ("scene_info", Some("[]"))],
        Err(BadFormat.of("scene_info")),
    );
    check_field(&[mweb, ("scene_info", Some("{}"))], Ok(()));
}

#[test]
fn a_field_error_is_a_sentence() {
    for (problem, sentence) in [
        (Problem::Missing, "body is missing"),
        (
            Problem::TooLong { max_bytes: 128 },
            "body is longer than 128 bytes of UTF-8",
        ),
        (
            Problem::NotANumber,
            "body is not a whole number in decimal digits",
        ),
    ] {
        assert_eq!(problem.of("body").to_string(), sentence);
    }
}

/// G10, and requirements of the manual that WeChat does not enforce.
#[test]
fn a_value_that_wechat_accepts_against_its_manual_is_a_warning() {
    let mut request = order(direct(), Trade::Native { product_id: None }, SignType::Md5);
    assert_eq!(request.warnings(), [Warning::NativeWithoutProductId]);
    request.notify_url = NotifyUrl::new("http://a.example/n?id=1").unwrap();
    request.trade = Trade::App;
    let expect = [Warning::NotifyUrlHasQuery, Warning::NotifyUrlIsNotHttps];
    assert_eq!(request.warnings(), expect);
}

fn prepaid(trade_type: TradeType) -> prepay::Answer {
    prepay::Answer {
        trade_type,
        prepay_id: "wx201410272009395522657a690389285100".to_owned(),
        code_url: (trade_type == TradeType::Native).then(|| "weixin://wxpay/s/An4baqw".to_owned()),
        mweb_url: (trade_type == TradeType::Mweb)
            .then(|| "https://wx.tenpay.com/?a=1&b=2".to_owned()),
    }
}

#[test]
fn a_prepayment_round_trips() {
    for account in [direct(), institution()] {
        for trade in trades(&account) {
            for sign_type in SignType::ALL {
                let answer = prepaid(trade.trade_type());
                let bytes = sealed(answer.to_fields(&account, NONCE), sign_type);
                let request = order(account.clone(), trade.clone(), sign_type);
                assert_eq!(prepay::Answer::read(&bytes, &request, &key()), Ok(answer));
            }
        }
    }
}

/// Reads `fields`, sealed, as the answer to a JSAPI order.
fn read_prepaid(fields: Fields) -> Result<prepay::Answer, AnswerError> {
    let request = jsapi_order(SignType::Md5);
    prepay::Answer::read(&sealed(fields, SignType::Md5), &request, &key())
}

fn good() -> Fields {
    prepaid(TradeType::Jsapi).to_fields(&direct(), NONCE)
}

/// G2.
#[test]
fn an_answer_that_does_not_verify_is_refused() {
    let request = jsapi_order(SignType::HmacSha256);
    let read = |fields: Fields, key: &Secret| {
        prepay::Answer::read(fields.to_xml().as_bytes(), &request, key)
    };
    let hmac = good().sealed(&key(), SignType::HmacSha256);
    assert_eq!(read(hmac.clone(), &key()), Ok(prepaid(TradeType::Jsapi)));
    for (name, result, expect) in [
        ("no sign", read(good(), &key()), SignError::Missing),
        (
            "empty sign",
            read(good().with("sign", ""), &key()),
            SignError::Missing,
        ),
        (
            "MD5 for an HMAC request",
            read(good().sealed(&key(), SignType::Md5), &key()),
            SignError::WrongType,
        ),
        (
            "a declared downgrade",
            read(
                good()
                    .with("sign_type", "MD5")
                    .sealed(&key(), SignType::Md5),
                &key(),
            ),
            SignError::WrongType,
        ),
        (
            "changed",
            read(hmac.clone().with("prepay_id", "wx2"), &key()),
            SignError::Mismatch,
        ),
        (
            "added",
            read(hmac.clone().with("code_url", "weixin://x"), &key()),
            SignError::Mismatch,
        ),
        (
            "another key",
            read(hmac, &Secret::new("k")),
            SignError::Mismatch,
        ),
    ] {
        assert_eq!(result, Err(AnswerError::Unverifiable(expect)), "{name}");
    }
    // Neither a refusal nor another account is read before.
    for fields in [
        answer::refusal(&direct(), NONCE, &ErrorCode::OrderPaid, "paid"),
        prepaid(TradeType::Jsapi).to_fields(&institution(), NONCE),
    ] {
        let unverifiable = AnswerError::Unverifiable(SignError::Missing);
        assert_eq!(read(fields, &key()), Err(unverifiable));
    }
}

#[test]
fn an_answer_for_another_account_is_a_mismatch() {
    let mismatched = |field| Err(AnswerError::Mismatched { field });
    for field in ["appid", "mch_id"] {
        assert_eq!(read_prepaid(good().with(field, "other")), mismatched(field));
        assert_eq!(read_prepaid(good().with(field, "")), mismatched(field));
    }
    assert_eq!(
        read_prepaid(good().with("sub_appid", "wx1")),
        mismatched("sub_appid")
    );
    assert_eq!(
        read_prepaid(good().with("sub_mch_id", "1")),
        mismatched("sub_mch_id")
    );
    assert_eq!(
        read_prepaid(good().with("trade_type", "APP")),
        mismatched("trade_type")
    );
    assert_eq!(
        read_prepaid(good().with("out_trade_no", "other")),
        mismatched("out_trade_no")
    );
    // A direct merchant's number may be sent twice.
    assert!(read_prepaid(good().with("sub_mch_id", "10000100")).is_ok());

    // I1, I2: an institution's answer names the sub-merchant.
    let request = order(institution(), Trade::App, SignType::Md5);
    let fields = prepaid(TradeType::App).to_fields(&institution(), NONCE);
    let read = |fields: Fields| {
        prepay::Answer::read(&sealed(fields, SignType::Md5), &request, &key()).map(|_| ())
    };
    assert_eq!(read(fields.clone()), Ok(()));
    assert_eq!(read(fields.clone().with("sub_appid", "")), Ok(()));
    for wrong in ["", "1900000110", "10000100"] {
        let result = read(fields.clone().with("sub_mch_id", wrong));
        assert_eq!(
            result,
            Err(AnswerError::Mismatched {
                field: "sub_mch_id"
            })
        );
    }
    let result = read(fields.with("sub_appid", "wx2421b1c4370ec43b"));
    assert_eq!(result, Err(AnswerError::Mismatched { field: "sub_appid" }));
}

#[test]
fn an_incomplete_answer_is_an_unknown_outcome() {
    for (field, problem) in [
        ("result_code", Problem::Missing),
        ("trade_type", Problem::Missing),
        ("prepay_id", Problem::Missing),
    ] {
        let mut fields = good();
        fields.remove(field);
        let error = read_prepaid(fields).unwrap_err();
        assert_eq!(error, AnswerError::Field(problem.of(field)));
        assert!(error.is_unknown_outcome());
    }
    for (trade, field) in [
        (Trade::Native { product_id: None }, "code_url"),
        (Trade::mweb("{}").unwrap(), "mweb_url"),
    ] {
        let mut fields = prepaid(trade.trade_type()).to_fields(&direct(), NONCE);
        fields.remove(field);
        let request = order(direct(), trade, SignType::Md5);
        let result = prepay::Answer::read(&sealed(fields, SignType::Md5), &request, &key());
        assert_eq!(result, Err(AnswerError::Field(Problem::Missing.of(field))));
    }
}

#[test]
fn refusals_and_failures_have_names() {
    let refusal = |code: &ErrorCode| answer::refusal(&direct(), NONCE, code, "为什么");
    let Err(AnswerError::Refused {
        code,
        description,
        fields,
    }) = read_prepaid(refusal(&ErrorCode::OutTradeNoUsed))
    else {
        panic!("not refused");
    };
    assert_eq!(code, ErrorCode::OutTradeNoUsed);
    assert_eq!(description, "为什么");
    assert_eq!(fields.get("err_code"), Some("OUT_TRADE_NO_USED"));

    for (code, unknown) in [
        (ErrorCode::SystemError, true),
        (ErrorCode::Unknown("NEW_CODE".to_owned()), true),
        (ErrorCode::OrderPaid, false),
        (ErrorCode::RateLimitExceeded, false),
    ] {
        let error = read_prepaid(refusal(&code)).unwrap_err();
        assert_eq!(error.is_unknown_outcome(), unknown, "{code}");
    }
    // The ids may be wrong, so a refusal need not repeat them.
    let mut anonymous = refusal(&ErrorCode::AppidNotExist);
    anonymous.remove("appid");
    assert!(matches!(
        read_prepaid(anonymous),
        Err(AnswerError::Refused { .. })
    ));
    let other = refusal(&ErrorCode::OrderPaid).with("mch_id", "other");
    assert_eq!(
        read_prepaid(other),
        Err(AnswerError::Mismatched { field: "mch_id" })
    );

    let request = jsapi_order(SignType::Md5);
    let read = |xml: &str| prepay::Answer::read(xml.as_bytes(), &request, &key());
    let failure = answer::communication_failure("签名错误");
    assert_eq!(failure.get("sign"), None);
    for (xml, return_msg) in [
        (failure.to_xml(), "签名错误"),
        ("<xml><return_code>FAIL</return_code></xml>".to_owned(), ""),
        (
            "<xml><result_code>SUCCESS</result_code></xml>".to_owned(),
            "",
        ),
        ("<xml/>".to_owned(), ""),
    ] {
        let return_msg = return_msg.to_owned();
        assert_eq!(read(&xml), Err(AnswerError::Communication { return_msg }));
    }
    assert_eq!(read(""), Err(AnswerError::Malformed(XmlError::Empty)));
    let html = read("<html></html>");
    assert_eq!(
        html,
        Err(AnswerError::Malformed(XmlError::WrongRoot {
            expected: "xml"
        }))
    );
}

fn question(account: Account, sign_type: SignType) -> query::Request {
    query::Request {
        account,
        by: OrderNumber::OutTradeNo(OutTradeNo::new("1415659990").unwrap()),
        nonce_str: Text::new("nonce_str", NONCE).unwrap(),
        sign_type,
    }
}

fn answer_with(state: TradeState) -> query::Answer {
    query::Answer {
        state,
        out_trade_no: Some("1415659990".to_owned()),
        attach: Some("]]>\r\n🍵 ".to_owned()),
        trade_state_desc: Some("订单".to_owned()),
        device_info: None,
    }
}

#[test]
fn a_query_round_trips() {
    for account in [direct(), institution()] {
        for sign_type in SignType::ALL {
            let asked = question(account.clone(), sign_type);
            let received = Fields::parse(asked.to_xml(&key()).as_bytes()).unwrap();
            assert_eq!(received.verify(&key(), sign_type), Ok(()));
            assert_eq!(query::Request::read(&received).as_ref(), Ok(&asked));

            let paid = || Box::new(payment(account.clone()));
            for state in [
                TradeState::Success(paid()),
                TradeState::Refund(paid()),
                TradeState::NotPay,
                TradeState::Closed,
                TradeState::Revoked,
                TradeState::UserPaying,
                TradeState::PayError,
            ] {
                let answer = answer_with(state);
                let bytes = sealed(answer.to_fields(&account, NONCE), sign_type);
                assert_eq!(query::Answer::read(&bytes, &asked, &key()), Ok(answer));
            }
        }
    }
}

#[test]
fn a_query_prefers_wechats_number() {
    let by =
        |number: &str| OrderNumber::TransactionId(Text::new("transaction_id", number).unwrap());
    let both = question(direct(), SignType::Md5)
        .to_fields()
        .with("transaction_id", "100");
    assert_eq!(query::Request::read(&both).unwrap().by, by("100"));
    let neither = both.with("transaction_id", "").with("out_trade_no", "");
    assert_eq!(
        query::Request::read(&neither),
        Err(Problem::Empty.of("out_trade_no"))
    );
}

#[test]
fn a_query_answer_is_about_the_order_that_was_asked_for() {
    let paid = answer_with(TradeState::Success(Box::new(payment(direct()))));
    let fields = paid.to_fields(&direct(), NONCE);
    let read = |fields: &Fields, asked: &query::Request| {
        query::Answer::read(&sealed(fields.clone(), SignType::Md5), asked, &key()).map(|_| ())
    };
    let by_number = question(direct(), SignType::Md5);
    let other = fields.clone().with("out_trade_no", "1415659991");
    assert_eq!(
        read(&other, &by_number),
        Err(AnswerError::Mismatched {
            field: "out_trade_no"
        })
    );
    let by_id = |id| query::Request {
        by: OrderNumber::TransactionId(Text::new("transaction_id", id).unwrap()),
        ..question(direct(), SignType::Md5)
    };
    assert_eq!(
        read(&fields, &by_id("1004400740201409030005092168")),
        Ok(())
    );
    assert_eq!(
        read(&fields, &by_id("1")),
        Err(AnswerError::Mismatched {
            field: "transaction_id"
        })
    );

    // An incomplete payment is not a payment.
    for field in [
        "transaction_id",
        "out_trade_no",
        "total_fee",
        "openid",
        "trade_type",
        "bank_type",
        "time_end",
        "trade_state",
    ] {
        let mut half = fields.clone();
        half.remove(field);
        let missing = AnswerError::Field(Problem::Missing.of(field));
        assert_eq!(read(&half, &by_number), Err(missing));
    }
    for (field, value, problem) in [
        ("total_fee", "0", Problem::OutOfRange),
        ("total_fee", "8.88", Problem::NotANumber),
        ("fee_type", "XXX", Problem::UnknownValue),
        ("time_end", "2014", Problem::BadFormat),
        ("trade_state", "PAID", Problem::UnknownValue),
        ("trade_type", "BARTER", Problem::UnknownValue),
    ] {
        let error = AnswerError::Field(problem.of(field));
        assert_eq!(
            read(&fields.clone().with(field, value), &by_number),
            Err(error)
        );
    }
    // Fields that are only displayed are omitted if they are malformed.
    for odd in ["x", "1.5", "-1", "99999999999999999999"] {
        let read = query::Answer::read(
            &sealed(fields.clone().with("cash_fee", odd), SignType::Md5),
            &by_number,
            &key(),
        );
        let Ok(TradeState::Success(paid)) = read.map(|answer| answer.state) else {
            panic!("{odd}")
        };
        assert_eq!(paid.cash_fee, None, "{odd}");
    }
}

#[test]
fn a_close_round_trips() {
    for account in [direct(), institution()] {
        for sign_type in SignType::ALL {
            let request = close::Request {
                account: account.clone(),
                out_trade_no: OutTradeNo::new("1415983244").unwrap(),
                nonce_str: Text::new("nonce_str", NONCE).unwrap(),
                sign_type,
            };
            let received = Fields::parse(request.to_xml(&key()).as_bytes()).unwrap();
            assert_eq!(received.verify(&key(), sign_type), Ok(()));
            assert_eq!(close::Request::read(&received).as_ref(), Ok(&request));

            let bytes = sealed(close::Answer.to_fields(&account, NONCE), sign_type);
            assert_eq!(
                close::Answer::read(&bytes, &request, &key()),
                Ok(close::Answer)
            );

            // P7: this one means paid.
            let paid = answer::refusal(&account, NONCE, &ErrorCode::OrderPaid, "order paid");
            let result = close::Answer::read(&sealed(paid, sign_type), &request, &key());
            assert!(matches!(
                result,
                Err(AnswerError::Refused {
                    code: ErrorCode::OrderPaid,
                    ..
                })
            ));
        }
    }
}
