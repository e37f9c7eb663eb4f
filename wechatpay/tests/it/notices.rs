//! Notices: genuine ones in both directions, and forged ones.

use crate::{direct, institution, key, payment};
use wechatpay::Secret;
use wechatpay::common::{Fields, Problem, SignType, XmlError};
use wechatpay::v2::ErrorCode;
use wechatpay::v2::notify::{ACK_OK, Notice, NoticeError, RETRY_SECONDS, ack_fail, is_ack};

fn notice() -> Notice {
    Notice {
        payment: payment(direct()),
        nonce_str: "5d2b6c2a8db53831f7eda20af46e531c".to_owned(),
        device_info: Some("WEB".to_owned()),
    }
}

fn check(name: &str, fields: Fields, sign_type: SignType, expect: NoticeError) {
    let result = Notice::read(fields.to_xml().as_bytes(), &key(), sign_type);
    assert_eq!(result, Err(expect), "{name}");
}

#[test]
fn a_notice_round_trips() {
    for account in [direct(), institution()] {
        for sign_type in SignType::ALL {
            let mut notice = notice();
            notice.payment = payment(account.clone());
            if account.sub_appid.is_some() {
                notice.payment.sub_openid = Some("o2".to_owned());
                notice.payment.sub_is_subscribe = Some("N".to_owned());
            }
            let xml = notice.to_xml(&key(), sign_type);
            assert_eq!(Notice::read(xml.as_bytes(), &key(), sign_type), Ok(notice));
        }
    }
}

/// G3, G5: nothing in it is read before the signature is verified.
#[test]
fn a_forged_notice_is_refused() {
    use SignType::{HmacSha256, Md5};
    let md5 = notice().to_fields(Md5);
    let hmac = notice().to_fields(HmacSha256);

    check("not signed", md5.clone(), Md5, NoticeError::NotSigned);
    check(
        "empty sign",
        md5.clone().with("sign", ""),
        Md5,
        NoticeError::NotSigned,
    );
    check(
        "guessed sign",
        md5.clone().with("sign", "0".repeat(32)),
        Md5,
        NoticeError::BadSignature,
    );
    check(
        "lower-case sign",
        md5.clone()
            .with("sign", md5.sign(&key(), Md5).to_lowercase()),
        Md5,
        NoticeError::BadSignature,
    );
    check(
        "another key",
        md5.clone().sealed(&Secret::new("k"), Md5),
        Md5,
        NoticeError::BadSignature,
    );
    check(
        "empty key",
        md5.clone().sealed(&Secret::new(""), Md5),
        Md5,
        NoticeError::BadSignature,
    );
    for (field, value) in [
        ("total_fee", "1"),
        ("out_trade_no", "2"),
        ("mch_id", "3"),
        ("extra", "4"),
    ] {
        let changed = md5.clone().sealed(&key(), Md5).with(field, value);
        check(field, changed, Md5, NoticeError::BadSignature);
    }
    check(
        "probe",
        hmac.clone().with("sign", "WECHATPAY/SIGNTEST/x"),
        HmacSha256,
        NoticeError::BadSignature,
    );
    // An unsigned notice of a failed payment is refused too.
    check(
        "unsigned failure",
        md5.with("result_code", "FAIL"),
        Md5,
        NoticeError::NotSigned,
    );
}

/// A forger who knows MD5's weaknesses must not be able to choose MD5.
#[test]
fn a_notice_cannot_choose_its_sign_type() {
    use SignType::{HmacSha256, Md5};
    let md5 = notice().to_fields(Md5);
    let declares_md5 = md5.clone().with("sign_type", "MD5");
    let declares_hmac = notice().to_fields(HmacSha256);
    let wrong = NoticeError::WrongSignType;
    check(
        "MD5, silent",
        md5.clone().sealed(&key(), Md5),
        HmacSha256,
        wrong.clone(),
    );
    check(
        "MD5, declared",
        declares_md5.clone().sealed(&key(), Md5),
        HmacSha256,
        wrong.clone(),
    );
    check(
        "MD5, declared as HMAC",
        declares_hmac.clone().sealed(&key(), Md5),
        HmacSha256,
        wrong.clone(),
    );
    check(
        "HMAC, declared as MD5",
        declares_md5.sealed(&key(), HmacSha256),
        HmacSha256,
        wrong.clone(),
    );
    check(
        "HMAC to an MD5 merchant",
        declares_hmac.sealed(&key(), HmacSha256),
        Md5,
        wrong.clone(),
    );
    check(
        "unheard of",
        md5.clone().with("sign_type", "NONE").sealed(&key(), Md5),
        Md5,
        wrong,
    );
    // HMAC-SHA256 need not be declared in a notice.
    let silent = md5.sealed(&key(), HmacSha256).to_xml();
    assert!(Notice::read(silent.as_bytes(), &key(), HmacSha256).is_ok());
}

#[test]
fn a_notice_of_a_failure_is_not_a_payment() {
    let fail = |msg: &str| NoticeError::ReturnCodeFail {
        return_msg: msg.to_owned(),
    };
    let md5 = SignType::Md5;
    let failed = Fields::new()
        .with("return_code", "FAIL")
        .with("return_msg", "why");
    check("return_code FAIL", failed, md5, fail("why"));
    check(
        "no return_code",
        Fields::new().with("result_code", "SUCCESS"),
        md5,
        fail(""),
    );
    let lower = notice()
        .to_fields(md5)
        .with("return_code", "success")
        .sealed(&key(), md5);
    check("return_code in lower case", lower, md5, fail(""));

    // 9.7 spells these fields differently from the answers; either spelling is
    // read.
    for (code, des) in [
        ("err_code", "err_code_des"),
        ("error_code", "error_code_des"),
    ] {
        let failed = notice()
            .to_fields(md5)
            .with("result_code", "FAIL")
            .with(code, "SYSTEMERROR")
            .with(des, "System error")
            .sealed(&key(), md5);
        let expect = NoticeError::ResultFail {
            code: ErrorCode::SystemError,
            description: "System error".to_owned(),
        };
        check(code, failed, md5, expect);
    }
}

#[test]
fn a_verified_notice_is_still_checked_field_by_field() {
    let md5 = SignType::Md5;
    for field in [
        "result_code",
        "appid",
        "mch_id",
        "nonce_str",
        "openid",
        "trade_type",
        "bank_type",
        "total_fee",
        "transaction_id",
        "out_trade_no",
        "time_end",
    ] {
        let mut fields = notice().to_fields(md5);
        fields.remove(field);
        let missing = NoticeError::Field(Problem::Missing.of(field));
        check(field, fields.sealed(&key(), md5), md5, missing);
    }
    let xml = b"<!DOCTYPE xml><xml></xml>";
    let result = Notice::read(xml, &key(), md5);
    assert_eq!(result, Err(NoticeError::Xml(XmlError::Doctype)));
    let error = NoticeError::Field(Problem::Missing.of("openid"));
    assert_eq!(error.to_string(), "the notice's openid is missing");
}

#[test]
fn the_acknowledgement_is_one_exact_line() {
    assert_eq!(
        ACK_OK,
        "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>"
    );
    assert!(is_ack(ACK_OK.as_bytes()));
    let fail = ack_fail("签名失败]]>");
    assert!(!fail.contains('\n'));
    let fields = Fields::parse(fail.as_bytes()).unwrap();
    assert_eq!(fields.get("return_msg"), Some("签名失败]]>"));
    for answer in [
        &fail,
        "",
        "success",
        "SUCCESS",
        "<xml></xml>",
        r#"{"code":"SUCCESS"}"#,
    ] {
        assert!(!is_ack(answer.as_bytes()), "{answer}");
    }
    assert_eq!(RETRY_SECONDS.iter().sum::<u32>(), 11_040);
}
