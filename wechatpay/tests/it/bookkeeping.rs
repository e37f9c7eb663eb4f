//! Report, short URL, settlement and exchange rate.

use crate::{NONCE, changed, direct, institution, key, nonce, received, sealed};
use order::{Account, Currency, OutTradeNo};
use wechatpay::common::settlement::{Limit, Record, UseTag};
use wechatpay::common::{Date, Fields, Problem, SignError, SignType, Text, XmlError};
use wechatpay::v2::answer::{self, AnswerError};
use wechatpay::v2::report::{self, Code};
use wechatpay::v2::settlement;
use wechatpay::v2::shorturl::{self, LongUrl};
use wechatpay::v2::{ErrorCode, exchange};

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn report(account: Account, sign_type: SignType) -> report::Request {
    report::Request {
        account,
        device_info: Some(Text::new("device_info", "1000").unwrap()),
        nonce_str: nonce(),
        sign_type,
        interface_url: Text::new("interface_url", report::MICROPAY_TOTAL_URL).unwrap(),
        execute_time_ms: 1000,
        return_code: Code::Success,
        return_msg: Some(Text::new("return_msg", "OK").unwrap()),
        result_code: Code::Fail,
        err_code: Some(ErrorCode::SystemError),
        err_code_des: Some(Text::new("err_code_des", "系统错误").unwrap()),
        out_trade_no: Some(OutTradeNo::new("1415659990").unwrap()),
        user_ip: "8.8.8.8".parse().unwrap(),
        time_ms: Some(1_261_703_410_000),
    }
}

#[test]
fn a_report_round_trips() {
    for account in [direct(), institution()] {
        for sign_type in SignType::ALL {
            let full = report(account.clone(), sign_type);
            let bare = report::Request {
                device_info: None,
                return_msg: None,
                err_code: None,
                err_code_des: None,
                out_trade_no: None,
                time_ms: None,
                ..full.clone()
            };
            for request in [full, bare] {
                let fields = received(&request.to_xml(&key()), sign_type);
                assert_eq!(report::Request::read(&fields), Ok(request));
            }
        }
    }
    let xml = report::Answer.to_fields().to_xml();
    assert_eq!(report::Answer::read(xml.as_bytes()), Ok(report::Answer));
}

#[test]
fn a_report_is_checked_field_by_field() {
    let good = report(direct(), SignType::Md5).to_fields();
    for (field, value, problem) in [
        ("interface_url", None, Problem::Missing),
        ("execute_time", None, Problem::Missing),
        ("execute_time", Some("fast"), Problem::NotANumber),
        ("execute_time", Some("4294967296"), Problem::OutOfRange),
        ("return_code", Some("OK"), Problem::UnknownValue),
        ("result_code", None, Problem::Missing),
        ("user_ip", Some("here"), Problem::BadFormat),
        ("time", Some("now"), Problem::BadFormat),
        ("out_trade_no", Some("a b"), Problem::BadCharacter),
    ] {
        let result = report::Request::read(&changed(&good, &[(field, value)]));
        assert_eq!(result, Err(problem.of(field)));
    }
    // Tencent's SDKs spell it with an underscore.
    let spelt = changed(
        &good,
        &[("execute_time", None), ("execute_time_", Some("7"))],
    );
    let request = report::Request::read(&spelt).unwrap();
    assert_eq!(request.execute_time_ms, 7);

    for (xml, expect) in [
        (
            "<xml><return_code>FAIL</return_code></xml>",
            AnswerError::Communication {
                return_msg: String::new(),
            },
        ),
        (
            "<xml><return_code>SUCCESS</return_code></xml>",
            AnswerError::Field(Problem::Missing.of("result_code")),
        ),
        ("", AnswerError::Malformed(XmlError::Empty)),
    ] {
        assert_eq!(report::Answer::read(xml.as_bytes()), Err(expect));
    }
    let refused = report::Answer::read(
        b"<xml><return_code>SUCCESS</return_code><result_code>FAIL</result_code></xml>",
    );
    assert!(matches!(refused, Err(AnswerError::Refused { .. })));
}

const LONG_URL: &str = "weixin://wxpay/bizpayurl?sign=XX&appid=wx1&mch_id=1\
                        &product_id=a%20b&time_stamp=1415949957&nonce_str=n";

fn shorten(account: Account, sign_type: SignType) -> shorturl::Request {
    shorturl::Request {
        account,
        long_url: LongUrl::new(LONG_URL).unwrap(),
        nonce_str: nonce(),
        sign_type,
    }
}

#[test]
fn a_short_url_round_trips() {
    for account in [direct(), institution()] {
        for sign_type in SignType::ALL {
            let request = shorten(account.clone(), sign_type);
            let fields = received(&request.to_xml(&key()), sign_type);
            assert_eq!(fields.get("long_url"), Some(LONG_URL));
            assert_eq!(shorturl::Request::read(&fields).as_ref(), Ok(&request));

            let answer = shorturl::Answer {
                short_url: "weixin://wxpay/s/An4baqw".to_owned(),
            };
            let bytes = sealed(answer.to_fields(&account, NONCE), sign_type);
            assert_eq!(shorturl::Answer::read(&bytes, &request, &key()), Ok(answer));
        }
    }
}

/// 9.9.4: signed unencoded, sent encoded; or sent unencoded.
#[test]
fn a_long_url_is_signed_unescaped() {
    let request = shorten(direct(), SignType::Md5);
    let mut encoded = String::new();
    for byte in LONG_URL.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    let sent = request
        .to_fields()
        .sealed(&key(), SignType::Md5)
        .with("long_url", encoded);
    assert_eq!(sent.verify(&key(), SignType::Md5), Err(SignError::Mismatch));
    let signed = shorturl::as_signed(sent);
    assert_eq!(signed.verify(&key(), SignType::Md5), Ok(()));
    assert_eq!(shorturl::Request::read(&signed), Ok(request.clone()));

    // A URL that is not encoded stays unchanged, with its own escapes.
    let plain = request.to_fields();
    assert_eq!(shorturl::as_signed(plain.clone()), plain);
    for broken in ["", "weixin%3", "%FF"] {
        let fields = changed(&plain, &[("long_url", Some(broken))]);
        assert_eq!(shorturl::as_signed(fields.clone()), fields);
    }
    for (url, problem) in [
        ("", Problem::Empty),
        ("https://a.example/", Problem::BadFormat),
        ("weixin://wxpay/s/a", Problem::BadFormat),
    ] {
        assert_eq!(LongUrl::new(url), Err(problem.of("long_url")));
    }
}

fn settled(account: Account, sign_type: SignType) -> settlement::Request {
    settlement::Request {
        account,
        usetag: UseTag::Settled,
        offset: 2,
        limit: Limit::new(10).unwrap(),
        dates: Some((day("20150807"), day("20150809"))),
        nonce_str: nonce(),
        sign_type,
    }
}

fn record(n: i64) -> Record {
    Record {
        fbatchno: Some(format!("20150807000{n}")),
        date_settlement: Some(day("20150808")),
        date_start: Some(day("20150807")),
        date_end: Some(day("20150807")),
        settlement_fee: 5 + n,
        unsettlement_fee: 0,
        settlementfee_type: Currency::Usd,
        pay_fee: 16 + n,
        refund_fee: -11,
        pay_net_fee: 5 + n,
        poundage_fee: 0,
    }
}

#[test]
fn a_settlement_round_trips() {
    for account in [direct(), institution()] {
        for sign_type in SignType::ALL {
            let request = settled(account.clone(), sign_type);
            let open = settlement::Request {
                usetag: UseTag::Outstanding,
                dates: None,
                ..request.clone()
            };
            for request in [&request, &open] {
                let fields = received(&request.to_xml(&key()), sign_type);
                assert_eq!(settlement::Request::read(&fields).as_ref(), Ok(request));
            }
            for count in [0, 1, 3, 20] {
                let answer = settlement::Answer {
                    records: (0..count).map(record).collect(),
                    signed: true,
                };
                let xml = answer.to_xml(&account, NONCE, &key(), sign_type);
                let read = settlement::Answer::read(xml.as_bytes(), &request, &key());
                assert_eq!(read, Ok(answer));
            }
        }
    }
}

#[test]
fn a_settlement_request_is_checked_field_by_field() {
    let good = settled(direct(), SignType::Md5).to_fields();
    for (field, value, problem) in [
        ("usetag", Some("3"), Problem::UnknownValue),
        ("offset", Some("-1"), Problem::NotANumber),
        ("limit", Some("0"), Problem::OutOfRange),
        ("limit", Some("1000000"), Problem::OutOfRange),
        ("date_start", None, Problem::Missing),
        ("date_end", None, Problem::Missing),
        ("date_end", Some("20150806"), Problem::OutOfRange),
        ("date_end", Some("20150832"), Problem::BadFormat),
    ] {
        let result = settlement::Request::read(&changed(&good, &[(field, value)]));
        assert_eq!(result, Err(problem.of(field)));
    }
}

/// In the form that occurs: no ids, no sign, dates with dashes, negative
/// refunds.
#[test]
fn an_unsigned_settlement_is_marked() {
    let xml = "<xml><return_code><![CDATA[SUCCESS]]></return_code>\
        <result_code><![CDATA[SUCCESS]]></result_code><record_num>1</record_num>\
        <setteinfo_0><date_settlement><![CDATA[2015-08-08]]></date_settlement>\
        <date_start><![CDATA[2015-08-07]]></date_start><date_end><![CDATA[2015-08-07]]></date_end>\
        <settlement_fee>5</settlement_fee><settlementfee_type><![CDATA[USD]]></settlementfee_type>\
        <pay_fee>16</pay_fee><refund_fee>-11</refund_fee><pay_net_fee>5</pay_net_fee>\
        <poundage_fee>0</poundage_fee><unsettlement_fee>0</unsettlement_fee>\
        <fbatchno><![CDATA[201508070000]]></fbatchno></setteinfo_0></xml>";
    let request = settled(direct(), SignType::Md5);
    let answer = settlement::Answer::read(xml.as_bytes(), &request, &key()).unwrap();
    assert!(!answer.signed);
    assert_eq!(answer.records, [record(0)]);
}

fn read_settled(xml: &str) -> Result<settlement::Answer, AnswerError> {
    let request = settled(direct(), SignType::Md5);
    settlement::Answer::read(xml.as_bytes(), &request, &key())
}

#[test]
fn each_kind_of_malformed_settlement_has_its_error() {
    let answer = settlement::Answer {
        records: vec![record(0), record(1)],
        signed: true,
    };
    let good = answer.to_xml(&direct(), NONCE, &key(), SignType::Md5);
    let wrong_sign = good.replace("<sign><![CDATA[", "<sign><![CDATA[0");
    assert!(matches!(
        read_settled(&wrong_sign),
        Err(AnswerError::Unverifiable(_))
    ));

    let unsigned = {
        let from = good.find("<sign>").unwrap();
        let to = good.find("</sign>").unwrap() + "</sign>".len();
        format!("{}{}", &good[..from], &good[to..])
    };
    let field = |problem: Problem, field| Err(AnswerError::Field(problem.of(field)));
    let count = "<record_num><![CDATA[2]]></record_num>";
    assert!(unsigned.contains(count));
    for claimed in ["1000000", "1", "3", "99999999999999999999"] {
        let xml = unsigned.replace(count, &format!("<record_num>{claimed}</record_num>"));
        let expect = field(Problem::OutOfRange, "record_num");
        assert_eq!(read_settled(&xml), expect, "{claimed}");
    }
    for (from, to, expect) in [
        (
            "setteinfo_1>",
            "setteinfo_7>",
            field(Problem::Missing, "setteinfo_$n"),
        ),
        (
            "setteinfo_1>",
            "setteinfo_0>",
            Err(AnswerError::Malformed(XmlError::DuplicateField {
                name: "setteinfo_0".to_owned(),
            })),
        ),
        (
            "<pay_fee>16</pay_fee>",
            "<pay_fee>16.00</pay_fee>",
            field(Problem::NotANumber, "pay_fee"),
        ),
        (
            "<pay_fee>16</pay_fee>",
            "<pay_fee>-</pay_fee>",
            field(Problem::NotANumber, "pay_fee"),
        ),
        (
            "<pay_fee>16</pay_fee>",
            "<pay_fee>99999999999999999999</pay_fee>",
            field(Problem::OutOfRange, "pay_fee"),
        ),
        (
            "<pay_fee>16</pay_fee>",
            "<pay_fee><a>1</a></pay_fee>",
            Err(AnswerError::Malformed(XmlError::TooDeep {
                name: "pay_fee".to_owned(),
            })),
        ),
        (
            "<pay_fee>16</pay_fee>",
            "<pay_fee>16</pay_fee>tea",
            Err(AnswerError::Malformed(XmlError::StrayText)),
        ),
        (
            "</setteinfo_1></xml>",
            "",
            Err(AnswerError::Malformed(XmlError::Unclosed)),
        ),
        (
            "<![CDATA[wx2421b1c4370ec43b]]>",
            "other",
            Err(AnswerError::Mismatched { field: "appid" }),
        ),
    ] {
        assert!(unsigned.contains(from), "{from}");
        assert_eq!(read_settled(&unsigned.replace(from, to)), expect, "{to}");
    }
    let refusal = answer::refusal(&direct(), NONCE, &ErrorCode::NoAuth, "no");
    let xml = refusal.sealed(&key(), SignType::Md5).to_xml();
    assert!(matches!(
        read_settled(&xml),
        Err(AnswerError::Refused {
            code: ErrorCode::NoAuth,
            ..
        })
    ));
}

/// No other message may have nested fields.
#[test]
fn only_a_settlement_has_groups() {
    let answer = settlement::Answer {
        records: vec![record(0)],
        signed: true,
    };
    let xml = answer.to_xml(&direct(), NONCE, &key(), SignType::Md5);
    let too_deep = XmlError::TooDeep {
        name: "setteinfo_0".to_owned(),
    };
    assert_eq!(Fields::parse(xml.as_bytes()), Err(too_deep));
    // There can be no more groups than fields.
    let groups: String = (0..300).map(|n| format!("<setteinfo_{n}/>")).collect();
    let xml = format!("<xml>{groups}</xml>");
    let malformed = AnswerError::Malformed(XmlError::TooManyFields);
    assert_eq!(read_settled(&xml), Err(malformed));
}

#[test]
fn an_exchange_rate_round_trips() {
    for account in [direct(), institution()] {
        for sign_type in SignType::ALL {
            for nonce_str in [None, Some(nonce())] {
                let request = exchange::Request {
                    account: account.clone(),
                    fee_type: Currency::Usd,
                    date: day("20150807"),
                    nonce_str,
                    sign_type,
                };
                let fields = received(&request.to_xml(&key()), sign_type);
                assert_eq!(exchange::Request::read(&fields).as_ref(), Ok(&request));

                let answer = exchange::Answer {
                    fee_type: Currency::Usd,
                    rate_time: day("20150807"),
                    rate_e8: 650_000_000,
                };
                let bytes = sealed(answer.to_fields(&account), sign_type);
                assert_eq!(exchange::Answer::read(&bytes, &request, &key()), Ok(answer));
            }
        }
    }
}

#[test]
fn an_exchange_rate_is_checked_field_by_field() {
    let request = exchange::Request {
        account: direct(),
        fee_type: Currency::Usd,
        date: day("20150807"),
        nonce_str: None,
        sign_type: SignType::Md5,
    };
    for (field, value, problem) in [
        ("fee_type", Some("XXX"), Problem::UnknownValue),
        ("date", None, Problem::Missing),
        ("date", Some("2015-08-07"), Problem::BadFormat),
    ] {
        let fields = changed(&request.to_fields(), &[(field, value)]);
        assert_eq!(exchange::Request::read(&fields), Err(problem.of(field)));
    }
    let good = exchange::Answer {
        fee_type: Currency::Usd,
        rate_time: day("20150807"),
        rate_e8: 650_000_000,
    }
    .to_fields(&direct());
    let read = |change: &[(&str, Option<&str>)]| {
        let bytes = sealed(changed(&good, change), SignType::Md5);
        exchange::Answer::read(&bytes, &request, &key()).map(|_| ())
    };
    let field = |problem: Problem, field| Err(AnswerError::Field(problem.of(field)));
    assert_eq!(read(&[]), Ok(()));
    assert_eq!(read(&[("result_code", Some("SUCCESS"))]), Ok(()));
    assert_eq!(
        read(&[("rate", Some("6.5"))]),
        field(Problem::NotANumber, "rate")
    );
    assert_eq!(
        read(&[("rate", Some("0"))]),
        field(Problem::OutOfRange, "rate")
    );
    assert_eq!(
        read(&[("rate_time", None)]),
        field(Problem::Missing, "rate_time")
    );
    assert_eq!(
        read(&[("fee_type", Some("JPY"))]),
        Err(AnswerError::Mismatched { field: "fee_type" })
    );
    assert_eq!(
        read(&[("mch_id", None)]),
        Err(AnswerError::Mismatched { field: "mch_id" })
    );
    let refused = read(&[
        ("result_code", Some("FAIL")),
        ("err_code", Some("SYSTEMERROR")),
    ]);
    assert!(matches!(
        refused,
        Err(AnswerError::Refused {
            code: ErrorCode::SystemError,
            ..
        })
    ));
    let unsigned = exchange::Answer::read(good.to_xml().as_bytes(), &request, &key());
    assert_eq!(unsigned, Err(AnswerError::Unverifiable(SignError::Missing)));
}
