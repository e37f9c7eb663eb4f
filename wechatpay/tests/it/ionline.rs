//! iOnline Pay (iOnline description): forms, flat JSON answers, XML notices.

mod notices;

use super::{NONCE, changed, key, mutate, nonce};
use order::{Account, Currency, Money, OutTradeNo, Payment, RefundState, TradeState, TradeType};
use wechatpay::Secret;
use wechatpay::common::invoke::Jsapi;
use wechatpay::common::json::JsonError as Strict;
use wechatpay::common::{Fields, OrderNumber, Problem, SignError, SignType, Text, time};
use wechatpay::ionline::form::FormError;
use wechatpay::ionline::json::JsonError;
use wechatpay::ionline::notify::Notice;
use wechatpay::ionline::payinfo::PayInfoError;
use wechatpay::ionline::prepay::{self, Jspay, Lifetime, Means, NotifyUrl, PayUrl, Start, Trade};
use wechatpay::ionline::refundquery::{self, Status};
use wechatpay::ionline::{AnswerError, Merchant, Service, answer, form, json, query, refund};
use wechatpay::v2::ErrorCode;
use wechatpay::v2::invoke;

const MID: &str = "10085200000000";
const APPID: &str = "wx2421b1c4370ec43b";

fn account() -> Account {
    Account {
        appid: APPID.to_owned(),
        mch_id: MID.to_owned(),
        sub_appid: None,
        sub_mch_id: None,
    }
}

fn merchant(account: &Account) -> Merchant<'_> {
    Merchant {
        account,
        currency: Currency::Hkd,
    }
}

fn mid() -> Text<32> {
    Text::new("mch_id", MID).unwrap()
}

fn jspay(start: Start) -> Trade {
    Trade::Jspay(Jspay {
        sub_appid: Text::new("sub_appid", APPID).unwrap(),
        sub_openid: Text::new("sub_openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap(),
        start,
    })
}

fn order(trade: Trade) -> prepay::Request {
    let at = |text| time::parse_china(text).unwrap();
    prepay::Request {
        mch_id: mid(),
        nonce_str: nonce(),
        out_trade_no: OutTradeNo::new("1415659990").unwrap(),
        device_info: None,
        body: Text::new("body", "茶 & cake").unwrap(),
        attach: Some(Text::new("attach", "a=b+c").unwrap()),
        money: Money::new(888, Currency::Hkd).unwrap(),
        mch_create_ip: "203.0.113.7".parse().unwrap(),
        notify_url: NotifyUrl::new("https://pay.example/notify/ionline/demo").unwrap(),
        lifetime: Some(Lifetime::new(at("20091225091010"), at("20091227091010")).unwrap()),
        goods_tag: None,
        limit_credit_pay: true,
        trade,
    }
}

fn package() -> Jsapi {
    invoke::jsapi(
        APPID,
        "u802345jgfjsdfgsdg888",
        1_395_712_654,
        NONCE,
        &Secret::new("the acquirer's own key, which we never see"),
        SignType::Md5,
    )
}

fn sealed(fields: Fields) -> Vec<u8> {
    answer::to_json(fields, &key()).into_bytes()
}

fn payment() -> Payment {
    Payment {
        account: account(),
        out_trade_no: "1415659990".to_owned(),
        transaction_id: "10085200000000150271173415530".to_owned(),
        money: Money::new(888, Currency::Hkd).unwrap(),
        trade_type: TradeType::Jsapi,
        openid: Some("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".to_owned()),
        sub_openid: None,
        is_subscribe: Some("N".to_owned()),
        sub_is_subscribe: None,
        bank_type: Some("CMC".to_owned()),
        cash_fee: None,
        cash_fee_type: None,
        rate: None,
        attach: Some("]]>\r\n🍵 ".to_owned()),
        time_end: "20141030133525".to_owned(),
    }
}

/// The sign was computed with another implementation of MD5.
#[test]
fn a_request_is_a_signed_form() {
    let form = order(jspay(Start::Bridge)).to_form(&key());
    assert_eq!(
        form,
        "service=ionline.pay.weixin.jspay.intl&sign_type=MD5&mch_id=10085200000000\
         &nonce_str=IITRi8IabbbIz1Jc&out_trade_no=1415659990&body=%E8%8C%B6%20%26%20cake\
         &attach=a%3Db%2Bc&total_fee=888&mch_create_ip=203.0.113.7\
         &notify_url=https%3A%2F%2Fpay.example%2Fnotify%2Fionline%2Fdemo\
         &time_start=20091225091010&time_expire=20091227091010&limit_credit_pay=1\
         &sub_appid=wx2421b1c4370ec43b&sub_openid=oUpF8uMuAJO_M2pxb1Q9zNjWeS6o&is_raw=1\
         &sign=EE926B274B188E70403424881C92C153"
    );
}

#[test]
fn requests_round_trip() {
    let received = |form: &str| {
        let fields = form::read(form.as_bytes()).unwrap();
        assert_eq!(fields.verify(&key(), SignType::Md5), Ok(()));
        fields
    };
    for trade in [
        jspay(Start::PayUrl),
        jspay(Start::Bridge),
        jspay(Start::MiniProgram),
        Trade::Native,
    ] {
        let request = order(trade);
        let fields = received(&request.to_form(&key()));
        assert_eq!(Service::of(&fields), Ok(request.trade.service()));
        assert_eq!(
            prepay::Request::read(&fields, Currency::Hkd).as_ref(),
            Ok(&request)
        );
    }

    let text = |text| Text::new("id", text).unwrap();
    let number = || OutTradeNo::new("1415659990").unwrap();
    for by in [
        OrderNumber::OutTradeNo(number()),
        OrderNumber::TransactionId(text("4200")),
    ] {
        let request = query::Request {
            mch_id: mid(),
            by: by.clone(),
            nonce_str: nonce(),
        };
        let fields = received(&request.to_form(&key()));
        assert_eq!(query::Request::read(&fields), Ok(request));
        let request = refund_request(by);
        let fields = received(&request.to_form(&key()));
        assert_eq!(fields.get("op_user_id"), Some(MID));
        assert_eq!(refund::Request::read(&fields, Currency::Hkd), Ok(request));
    }
    for by in [
        refundquery::Lookup::RefundId(text("5000")),
        refundquery::Lookup::OutRefundNo(text("R-1")),
        refundquery::Lookup::TransactionId(text("4200")),
        refundquery::Lookup::OutTradeNo(number()),
    ] {
        let request = refundquery::Request {
            mch_id: mid(),
            by,
            nonce_str: nonce(),
        };
        let fields = received(&request.to_form(&key()));
        assert_eq!(refundquery::Request::read(&fields), Ok(request));
    }
}

fn refund_request(by: OrderNumber) -> refund::Request {
    let money = |amount| Money::new(amount, Currency::Hkd).unwrap();
    refund::Request {
        mch_id: mid(),
        by,
        out_refund_no: Text::new("out_refund_no", "R-1").unwrap(),
        amounts: wechatpay::common::refund::Amounts::new(money(88), money(888)).unwrap(),
        nonce_str: nonce(),
    }
}

#[test]
fn an_error_in_a_request_names_the_field() {
    let good = order(jspay(Start::Bridge)).to_fields();
    let too_long = "x".repeat(128);
    for (field, value, problem) in [
        ("service", None, Problem::Missing),
        ("service", Some("pay.weixin.jspay"), Problem::UnknownValue),
        (
            "service",
            Some("ionline.unified.trade.query"),
            Problem::UnknownValue,
        ),
        ("version", Some("2.0"), Problem::UnknownValue),
        ("charset", Some("GBK"), Problem::UnknownValue),
        ("sign_type", Some("HMAC-SHA256"), Problem::UnknownValue),
        ("mch_id", None, Problem::Missing),
        ("nonce_str", Some(""), Problem::Empty),
        ("out_trade_no", Some("a b"), Problem::BadCharacter),
        ("body", None, Problem::Missing),
        ("body", Some(&too_long), Problem::TooLong { max_bytes: 127 }),
        (
            "attach",
            Some(&too_long),
            Problem::TooLong { max_bytes: 127 },
        ),
        ("total_fee", Some("8.88"), Problem::NotANumber),
        ("total_fee", Some("-1"), Problem::NotANumber),
        ("total_fee", Some("0"), Problem::OutOfRange),
        ("total_fee", Some("2147483648"), Problem::OutOfRange),
        ("mch_create_ip", Some("2001:db8::1"), Problem::BadFormat),
        ("notify_url", Some("/notify"), Problem::BadFormat),
        (
            "notify_url",
            Some("https://shop.example:8443/"),
            Problem::OutOfRange,
        ),
        ("time_start", Some("20091332091010"), Problem::BadFormat),
        ("time_expire", Some("20091225091010"), Problem::OutOfRange),
        ("limit_credit_pay", Some("no"), Problem::UnknownValue),
        ("sub_appid", None, Problem::Missing),
        ("sub_openid", None, Problem::Missing),
        ("is_raw", None, Problem::Missing),
        ("is_raw", Some("true"), Problem::UnknownValue),
        ("is_minipg", Some("2"), Problem::UnknownValue),
    ] {
        let fields = changed(&good, &[(field, value)]);
        assert_eq!(
            prepay::Request::read(&fields, Currency::Hkd),
            Err(problem.of(field)),
            "{field}={value:?}"
        );
    }
    // Default values may be sent, and a beginning without an end sets no
    // expiry.
    let fields = changed(
        &good,
        &[
            ("version", Some("1.0")),
            ("charset", Some("utf-8")),
            ("sign_type", None),
            ("time_expire", None),
            ("unknown", Some("?")),
        ],
    );
    let read = prepay::Request::read(&fields, Currency::Hkd).unwrap();
    assert_eq!(read.lifetime, None);

    let good = refund_request(OrderNumber::OutTradeNo(OutTradeNo::new("1").unwrap())).to_fields();
    for (field, value, problem) in [
        ("refund_fee", Some("889"), Problem::OutOfRange),
        ("refund_fee", Some("0"), Problem::OutOfRange),
        ("total_fee", None, Problem::Missing),
        ("out_trade_no", None, Problem::Missing),
        (
            "out_refund_no",
            Some("123456789012345678901234567890123"),
            Problem::TooLong { max_bytes: 32 },
        ),
    ] {
        let fields = changed(&good, &[(field, value)]);
        assert_eq!(
            refund::Request::read(&fields, Currency::Hkd),
            Err(problem.of(field)),
            "{field}={value:?}"
        );
    }
}

/// "Support port 80 or 443 only".
#[test]
fn notices_go_to_ports_80_and_443_only() {
    let long = format!("https://pay.example/{}", "x".repeat(236));
    for (url, expect) in [
        ("https://pay.example/n", None),
        ("http://pay.example", None),
        ("http://pay.example:80/n", None),
        ("https://pay.example:443/n?a=b:1", None),
        ("https://pay.example/a:8080/b", None),
        ("https://[2001:db8::1]/n", None),
        ("https://[2001:db8::1]:443/n", None),
        ("https://user:8080@pay.example/n", None),
        ("http://127.0.0.1:8787/n", None),
        ("http://[::1]:8787/n", None),
        (
            "http://localhost:8787@pay.example:81/n",
            Some(Problem::OutOfRange),
        ),
        ("http://localhost.example:8787/n", Some(Problem::OutOfRange)),
        ("https://[2001:db8::1]:8443/n", Some(Problem::OutOfRange)),
        (
            "https://user:443@pay.example:81/n",
            Some(Problem::OutOfRange),
        ),
        ("http://pay.example:8080", Some(Problem::OutOfRange)),
        ("https://pay.example:4430/n", Some(Problem::OutOfRange)),
        ("https://pay.example:/n", Some(Problem::OutOfRange)),
        ("https://pay.example:8443?x", Some(Problem::OutOfRange)),
        ("ftp://pay.example/n", Some(Problem::BadFormat)),
        ("https://:443/n", Some(Problem::BadFormat)),
        (&long, Some(Problem::TooLong { max_bytes: 255 })),
    ] {
        let got = NotifyUrl::new(url).err().map(|error| error.problem);
        assert_eq!(got, expect, "{url}");
    }
}

#[test]
fn a_form_with_a_repeated_name_or_invalid_utf8_is_refused() {
    let read = |form: &str| form::read(form.as_bytes());
    let fields = read("&a=%E8%8C%B6+x&b=&c&").unwrap();
    let pairs: Vec<_> = fields.iter().collect();
    assert_eq!(pairs, [("a", "茶 x"), ("b", ""), ("c", "")]);
    let many = (0..257).fold(String::new(), |form, n| format!("{form}&n{n}=1"));
    for (form, error) in [
        ("a=%E8%8", FormError::NotUtf8),
        ("a=%FF", FormError::NotUtf8),
        ("a b=1", FormError::BadName),
        ("=1", FormError::BadName),
        (
            "total_fee=1&total%5Ffee=2",
            FormError::DuplicateField {
                name: "total_fee".to_owned(),
            },
        ),
        (&many, FormError::TooManyFields),
    ] {
        assert_eq!(read(form), Err(error), "{form}");
    }
    assert_eq!(form::read(b"a=\xFF"), Err(FormError::NotUtf8));
    let large = "x".repeat(64 * 1024 + 1);
    assert_eq!(read(&large), Err(FormError::TooLarge));
}

#[test]
fn answers_are_flat_json_whose_names_occur_once() {
    let read = |json: &str| json::read(json.as_bytes());
    let fields = read(r#" {"a":"x","n":10,"none":null,"minus":-1} "#).unwrap();
    let mut pairs: Vec<_> = fields.iter().collect();
    pairs.sort_unstable();
    assert_eq!(pairs, [("a", "x"), ("minus", "-1"), ("n", "10")]);
    let not_text = |name: &str| JsonError::NotText {
        name: name.to_owned(),
    };
    let many: Vec<_> = (0..257).map(|n| format!("\"n{n}\":1")).collect();
    let many = format!("{{{}}}", many.join(","));
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(64 * 1024));
    for (json, error) in [
        ("", Strict::Syntax.into()),
        ("[]", Strict::NotAnObject.into()),
        (r#"{"a":"1"}{}"#, Strict::Syntax.into()),
        (r#"{"a":"\ud800"}"#, Strict::Syntax.into()),
        (
            r#"{"status":"0","\u0073tatus":"1"}"#,
            Strict::DuplicateKey("status".to_owned()).into(),
        ),
        (&large, Strict::TooLong.into()),
        (&many, JsonError::TooManyFields),
        (r#"{"a b":"1"}"#, JsonError::BadName),
        (r#"{"total_fee":true}"#, not_text("total_fee")),
        (r#"{"trade_state":{"b":"1"}}"#, not_text("trade_state")),
        (r#"{"status":["0"]}"#, not_text("status")),
    ] {
        assert_eq!(read(json), Err(error), "{json}");
    }
}

/// iOnline may add fields of any kind. They are signed in the received form.
#[test]
fn an_unused_field_in_any_form_loses_no_payment() {
    let account = account();
    let request = query::Request {
        mch_id: wechatpay::common::Text::new("mch_id", MID).unwrap(),
        by: OrderNumber::OutTradeNo(OutTradeNo::new("1415659990").unwrap()),
        nonce_str: wechatpay::common::Text::new("nonce_str", NONCE).unwrap(),
    };
    let answer = query::Answer {
        state: TradeState::NotPay,
        out_transaction_id: None,
        out_trade_no: Some("1415659990".to_owned()),
        attach: None,
    };
    for odd in [
        "true",
        "false",
        "[1.5, 2]",
        r#"{"a": {"b":[null]}}"#,
        "1.50",
        "1e999",
        "{}",
    ] {
        let fields = answer.to_fields(MID, NONCE).with("new", odd);
        let bytes = String::from_utf8(sealed(fields)).unwrap();
        let text = serde_json::Value::from(odd).to_string();
        let bytes = bytes.replace(&format!("\"new\":{text}"), &format!("\"new\":{odd}"));
        assert!(bytes.contains(odd));
        let read = query::Answer::read(bytes.as_bytes(), &request, merchant(&account), &key());
        assert_eq!(read, Ok(answer.clone()), "{odd}");
    }
}

#[test]
fn payments_round_trip() {
    let means = [
        (
            jspay(Start::PayUrl),
            Means::PayUrl(PayUrl::new("https://pay.example/jspay?token_id=1").unwrap()),
        ),
        (jspay(Start::Bridge), Means::PayInfo(package())),
        (jspay(Start::MiniProgram), Means::PayInfo(package())),
        (
            Trade::Native,
            Means::Code {
                code_url: "weixin://wxpay/bizpayurl?pr=Ab1".to_owned(),
                code_img_url: Some("https://pay.example/qr.png".to_owned()),
            },
        ),
    ];
    for (trade, means) in means {
        let request = order(trade);
        let answer = prepay::Answer {
            token_id: Some("1a2b".to_owned()),
            means,
        };
        let bytes = sealed(answer.to_fields(MID, NONCE));
        assert_eq!(
            prepay::Answer::read(&bytes, &request, &key()),
            Ok(answer),
            "{:?}",
            request.trade
        );
    }
}

/// Each error has its name, from the envelope to the fields.
#[test]
fn an_answer_is_checked_from_the_envelope_inwards() {
    let request = order(jspay(Start::Bridge));
    let read = |bytes: &[u8]| prepay::Answer::read(bytes, &request, &key());
    let good = prepay::Answer {
        token_id: None,
        means: Means::PayInfo(package()),
    }
    .to_fields(MID, NONCE);
    assert!(read(&sealed(good.clone())).is_ok());

    // `status` is checked first: nothing of this answer is signed.
    let failure = json::write(&answer::communication_failure(500, "SYSERR"));
    let error = read(failure.as_bytes()).unwrap_err();
    assert_eq!(
        error,
        AnswerError::Communication {
            status: "500".to_owned(),
            message: "SYSERR".to_owned(),
        }
    );
    assert!(error.is_unknown_outcome() && error.is_retryable());
    assert!(matches!(
        read(br#"{"result_code":"0"}"#),
        Err(AnswerError::Communication { .. })
    ));
    assert!(matches!(read(b"<xml/>"), Err(AnswerError::Malformed(_))));

    // Then the signature is checked.
    for (bytes, error) in [
        (
            answer::to_json(good.clone(), &Secret::new("another")),
            SignError::Mismatch,
        ),
        (json::write(&good), SignError::Missing),
        (
            answer::to_json(changed(&good, &[("sign_type", Some("RSA2"))]), &key()),
            SignError::WrongType,
        ),
        (
            json::write(&good.clone().sealed(&key(), SignType::HmacSha256)),
            SignError::WrongType,
        ),
        (
            answer::to_json(good.clone(), &key()).replace(MID, "10085200000001"),
            SignError::Mismatch,
        ),
    ] {
        let error = AnswerError::Unverifiable(error);
        assert!(error.is_unknown_outcome() && !error.is_retryable());
        assert_eq!(read(bytes.as_bytes()), Err(error), "{bytes}");
    }

    // Then the contents are checked.
    for (code, unknown, retryable) in [
        (ErrorCode::SystemError, true, true),
        (ErrorCode::OutTradeNoUsed, false, false),
        (ErrorCode::FrequencyLimited, false, true),
        (ErrorCode::from_code("Auth valid fail"), true, false),
    ] {
        let fields = answer::refusal(MID, NONCE, &code, "words");
        let error = read(&sealed(fields)).unwrap_err();
        assert_eq!(error.is_unknown_outcome(), unknown, "{error}");
        assert_eq!(error.is_retryable(), retryable, "{error}");
        let AnswerError::Refused {
            code: got,
            description,
            ..
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!((got, description.as_str()), (code, "words"));
    }
    let mismatched = |field| Err(AnswerError::Mismatched { field });
    let missing = |field| Err(AnswerError::Field(Problem::Missing.of(field)));
    for (change, expect) in [
        (("mch_id", Some("1")), mismatched("mch_id")),
        (("mch_id", None), missing("mch_id")),
        (("result_code", None), missing("result_code")),
        (("out_trade_no", Some("1")), mismatched("out_trade_no")),
        (("pay_info", None), missing("pay_info")),
    ] {
        assert_eq!(
            read(&sealed(changed(&good, &[change]))),
            expect,
            "{change:?}"
        );
    }
}

/// A package that WeChat would refuse for its form does not reach a page.
#[test]
fn pay_info_is_checked_before_it_reaches_a_page() {
    const GOOD: &str = r#"{"appId":"wx2421b1c4370ec43b","timeStamp":"1395712654","nonceStr":"n","package":"prepay_id=1","signType":"RSA","paySign":"p","callback_url":null,"status":0}"#;
    let read = |pay_info: &str, start| {
        let request = order(jspay(start));
        let fields = answer::success(MID, NONCE).with("pay_info", pay_info);
        match prepay::Answer::read(&sealed(fields), &request, &key()) {
            Ok(answer) => Ok(answer.means),
            Err(AnswerError::PayInfo(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    };
    let package = |means| match means {
        Ok(Means::PayInfo(package)) => package,
        other => panic!("{other:?}"),
    };
    assert_eq!(package(read(GOOD, Start::Bridge)).sign_type, "RSA");

    // The manual's own sample has a space before the digits: `paySign` covers
    // it, so the page receives it unchanged.
    let spaced = GOOD.replace("1395712654", " 1395712654");
    let spaced = package(read(&spaced, Start::Bridge));
    assert_eq!(spaced.time_stamp, " 1395712654");

    // A Mini Program's package need not name its application.
    let anonymous = GOOD.replace(r#""appId":"wx2421b1c4370ec43b","#, "");
    assert_eq!(package(read(&anonymous, Start::MiniProgram)).app_id, APPID);
    assert_eq!(
        read(&anonymous, Start::Bridge),
        Err(PayInfoError::Missing { field: "appId" })
    );

    for (from, to, error) in [
        (APPID, "wx0", PayInfoError::OtherApp),
        (
            "\"1395712654\"",
            "1395712654",
            PayInfoError::NotAString { field: "timeStamp" },
        ),
        ("1395712654", "1395712654 ", PayInfoError::BadTimeStamp),
        ("1395712654", " ", PayInfoError::BadTimeStamp),
        ("1395712654", " -1", PayInfoError::BadTimeStamp),
        ("1395712654", "", PayInfoError::Empty { field: "timeStamp" }),
        (
            "\"n\"",
            "null",
            PayInfoError::NotAString { field: "nonceStr" },
        ),
        ("prepay_id=1", "prepay_id=", PayInfoError::BadPackage),
        ("prepay_id=1", "Sign=WXPay", PayInfoError::BadPackage),
        ("RSA", "rsa", PayInfoError::UnknownSignType),
        ("\"p\"", "\"\"", PayInfoError::Empty { field: "paySign" }),
        (
            "paySign",
            "paysign",
            PayInfoError::Missing { field: "paySign" },
        ),
        ("\"p\",", "\"p\",,", PayInfoError::Malformed(Strict::Syntax)),
        (
            "\"callback_url\":null",
            "\"package\":\"prepay_id=2\"",
            PayInfoError::Malformed(Strict::DuplicateKey("package".to_owned())),
        ),
    ] {
        for start in [Start::Bridge, Start::MiniProgram] {
            assert_eq!(read(&GOOD.replace(from, to), start), Err(error.clone()));
        }
    }
}

#[test]
fn pay_url_is_https() {
    for (url, good) in [
        ("https://pay.ionlinepay.com/jspay?token_id=1a2b", true),
        ("http://pay.ionlinepay.com/jspay", false),
        ("javascript:alert(1)", false),
        ("//pay.ionlinepay.com", false),
        ("https:///jspay", false),
        ("https://:443/jspay", false),
        ("https://pay.ionlinepay.com:443/jspay", true),
        ("https://pay.ionlinepay.com@evil.example/", false),
        ("https://evil.example\\@pay.ionlinepay.com/", false),
        ("http://127.0.0.1:8788/gateway/pay?token_id=1", true),
        ("http://localhost:8788", true),
        ("http://localhost.evil.example/", false),
        ("http://localhost@evil.example/", false),
        ("https://pay.ionlinepay.com/\"onload=\"", true),
        ("https://pay.ionlinepay.com/ x", false),
        ("HTTPS://pay.ionlinepay.com/", false),
    ] {
        assert_eq!(PayUrl::new(url).is_ok(), good, "{url}");
    }
    let fields = answer::success(MID, NONCE).with("pay_url", "http://pay.example");
    assert_eq!(
        prepay::Answer::read(&sealed(fields), &order(jspay(Start::PayUrl)), &key()),
        Err(AnswerError::Field(Problem::BadFormat.of("pay_url")))
    );
}

fn question() -> query::Request {
    query::Request {
        mch_id: mid(),
        by: OrderNumber::OutTradeNo(OutTradeNo::new("1415659990").unwrap()),
        nonce_str: nonce(),
    }
}

#[test]
fn every_state_of_an_order_round_trips() {
    let account = account();
    let paid = || Box::new(payment());
    for state in [
        TradeState::Success(paid()),
        TradeState::Refund(paid()),
        TradeState::NotPay,
        TradeState::Closed,
        TradeState::Revoked,
        TradeState::UserPaying,
        TradeState::PayError,
    ] {
        let is_paid = matches!(state, TradeState::Success(_) | TradeState::Refund(_));
        let answer = query::Answer {
            state,
            out_transaction_id: is_paid.then(|| "4004138192387".to_owned()),
            out_trade_no: Some("1415659990".to_owned()),
            attach: payment().attach,
        };
        let bytes = sealed(answer.to_fields(MID, NONCE));
        assert_eq!(
            query::Answer::read(&bytes, &question(), merchant(&account), &key()),
            Ok(answer)
        );
    }
}

#[test]
fn an_incomplete_or_unknown_payment_is_refused() {
    let account = account();
    let good = query::Answer {
        state: TradeState::Success(Box::new(payment())),
        out_transaction_id: None,
        out_trade_no: None,
        attach: None,
    }
    .to_fields(MID, NONCE);
    let read = |change| {
        let bytes = sealed(changed(&good, &[change]));
        query::Answer::read(&bytes, &question(), merchant(&account), &key())
    };
    let mismatched = |field| Err(AnswerError::Mismatched { field });
    let field = |problem: Problem, field| Err(AnswerError::Field(problem.of(field)));
    for (change, expect) in [
        (("sub_appid", Some("wx0")), mismatched("sub_appid")),
        (("out_trade_no", Some("1")), mismatched("out_trade_no")),
        (
            ("fee_type", Some("hkd")),
            field(Problem::UnknownValue, "fee_type"),
        ),
        (
            ("total_fee", Some("0")),
            field(Problem::OutOfRange, "total_fee"),
        ),
        (("total_fee", None), field(Problem::Missing, "total_fee")),
        (
            ("transaction_id", None),
            field(Problem::Missing, "transaction_id"),
        ),
        (
            ("time_end", Some("yesterday")),
            field(Problem::BadFormat, "time_end"),
        ),
        (
            ("trade_type", Some("ionline.pay.alipay.wap.intl")),
            field(Problem::UnknownValue, "trade_type"),
        ),
        (
            ("trade_state", Some("PAID")),
            field(Problem::UnknownValue, "trade_state"),
        ),
    ] {
        assert_eq!(read(change), expect, "{change:?}");
    }
    // Another currency is returned unchanged, for the caller to compare.
    let TradeState::Success(paid) = read(("fee_type", Some("USD"))).unwrap().state else {
        panic!("a payment");
    };
    assert_eq!(paid.money.currency(), Currency::Usd);
    // A field that iOnline omits has the merchant's own value.
    for left_out in ["fee_type", "sub_appid"] {
        let answer = read((left_out, None)).unwrap();
        assert_eq!(answer.state, TradeState::Success(Box::new(payment())));
    }
    // The acquirer's application and the payer's openid under it are not ours.
    let answer = read(("openid", Some("oTheirs"))).unwrap();
    assert_eq!(answer.state, TradeState::Success(Box::new(payment())));
    let answer = read(("trade_state", Some("REVERSE"))).unwrap();
    assert_eq!(answer.state, TradeState::Revoked);
}

#[test]
fn refunds_round_trip() {
    let by = || OrderNumber::OutTradeNo(OutTradeNo::new("1415659990").unwrap());
    let request = refund_request(by());
    let answer = refund::Answer {
        transaction_id: "10085200000000150271173415530".to_owned(),
        out_trade_no: "1415659990".to_owned(),
        refund_id: "50000".to_owned(),
    };
    let good = answer.to_fields(&request, NONCE);
    let read = |fields| refund::Answer::read(&sealed(fields), &request, &key());
    assert_eq!(read(good.clone()), Ok(answer.clone()));
    assert_eq!(
        answer.state(),
        RefundState::Processing {
            refund_id: "50000".to_owned()
        }
    );
    for (field, value) in [
        ("out_trade_no", "1"),
        ("out_refund_no", "R-2"),
        ("refund_fee", "888"),
        ("total_fee", "88"),
    ] {
        let fields = changed(&good, &[(field, Some(value))]);
        assert_eq!(read(fields), Err(AnswerError::Mismatched { field }));
    }
    let fields = changed(&good, &[("refund_id", None)]);
    assert_eq!(
        read(fields),
        Err(AnswerError::Field(Problem::Missing.of("refund_id")))
    );
}

#[test]
fn every_state_of_a_refund_round_trips() {
    let refund = |n: usize, refund_status| refundquery::Refund {
        out_refund_no: format!("R-{n}"),
        refund_id: format!("5000{n}"),
        refund_fee: 1,
        refund_status,
        refund_channel: Some("ORIGINAL".to_owned()),
        refund_time_ms: time::parse_china("20141030133525").ok(),
    };
    let refunds = Status::ALL.into_iter().enumerate();
    let answer = refundquery::Answer {
        transaction_id: "4200".to_owned(),
        out_trade_no: "1415659990".to_owned(),
        refunds: refunds.map(|(n, status)| refund(n, status)).collect(),
    };
    let asked = |by| refundquery::Request {
        mch_id: mid(),
        by,
        nonce_str: nonce(),
    };
    let by_order = asked(refundquery::Lookup::OutTradeNo(
        OutTradeNo::new("1415659990").unwrap(),
    ));
    let good = answer.to_fields(MID, NONCE);
    let read = |fields, request| refundquery::Answer::read(&sealed(fields), request, &key());
    assert_eq!(read(good.clone(), &by_order), Ok(answer.clone()));

    let id = |id: &str| id.to_owned();
    let states: Vec<_> = answer.refunds.iter().map(|r| r.state()).collect();
    assert_eq!(
        states,
        [
            RefundState::Success {
                refund_id: id("50000")
            },
            RefundState::Closed,
            RefundState::Processing {
                refund_id: id("50002")
            },
            RefundState::Processing {
                refund_id: id("50003")
            },
            RefundState::Abnormal,
        ]
    );
    assert_eq!(answer.find("R-2"), answer.refunds.get(2));
    assert_eq!(answer.find("R-9"), None);

    // The request is about one refund, and the answer about others.
    let by_one = asked(refundquery::Lookup::OutRefundNo(
        Text::new("id", "R-1").unwrap(),
    ));
    assert_eq!(
        read(good.clone(), &by_one),
        Err(AnswerError::Mismatched {
            field: "out_refund_no"
        })
    );
    for (field, value, error) in [
        ("refund_count", "4", Problem::OutOfRange.of("refund_count")),
        ("refund_count", "6", Problem::Missing.of("refund_status_$n")),
        (
            "refund_count",
            "4294967296",
            Problem::OutOfRange.of("refund_count"),
        ),
        (
            "refund_status_0",
            "DONE",
            Problem::UnknownValue.of("refund_status_$n"),
        ),
        ("refund_fee_0", "0", Problem::OutOfRange.of("refund_fee_$n")),
    ] {
        let fields = changed(&good, &[(field, Some(value))]);
        assert_eq!(read(fields, &by_order), Err(AnswerError::Field(error)));
    }
    // Fields that are only displayed are omitted if they are malformed.
    let odd = changed(&good, &[("refund_time_0", Some("2014-10-30 13:35:25"))]);
    let shown = read(odd, &by_order).unwrap();
    assert_eq!(shown.refunds[0].refund_time_ms, None);
}

fn notice() -> Notice {
    Notice {
        payment: payment(),
        out_transaction_id: Some("4004138192387".to_owned()),
        nonce_str: NONCE.to_owned(),
        device_info: Some("WEB".to_owned()),
    }
}

/// Parsing ends for every input, and only the exact bytes are verified.
#[test]
fn no_mutation_of_an_answer_or_a_notice_verifies_or_panics() {
    let account = account();
    let request = order(jspay(Start::Bridge));
    let answer = prepay::Answer {
        token_id: Some("1".to_owned()),
        means: Means::PayInfo(package()),
    };
    let bytes = sealed(answer.to_fields(MID, NONCE));
    let pieces: [&[u8]; 6] = [b"\"", b",", b"{", b"\\u0000", b"null", b"\"status\":\"0\","];
    mutate(4000, &bytes, &pieces, |bytes| {
        if let Ok(read) = prepay::Answer::read(bytes, &request, &key()) {
            assert_eq!(read, answer);
        }
    });
    let bytes = notice().to_xml(&key()).into_bytes();
    let pieces: [&[u8]; 5] = [b"<", b"&", b"]]>", b"<status>0</status>", b"<!--"];
    mutate(4000, &bytes, &pieces, |bytes| {
        if let Ok(read) = Notice::read(bytes, merchant(&account), &key()) {
            assert_eq!(read, notice());
        }
    });
    let form = request.to_form(&key()).into_bytes();
    mutate(4000, &form, &[b"&", b"=", b"%", b"%00"], |bytes| {
        let Ok(fields) = form::read(bytes) else {
            return;
        };
        if fields.verify(&key(), SignType::Md5).is_ok() {
            let read = prepay::Request::read(&fields, Currency::Hkd);
            assert_eq!(read.as_ref(), Ok(&request));
        }
    });
}
