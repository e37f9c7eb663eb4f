//! iOnline's notices: read, written, refused by name, acknowledged.

use super::super::{NONCE, changed, key};
use super::{MID, account, merchant, notice};
use order::{Currency, Money, TradeType};
use wechatpay::Secret;
use wechatpay::common::{Fields, Problem, SignType};
use wechatpay::ionline::notify::{self, Notice, NoticeError};
use wechatpay::v2::ErrorCode;

#[test]
fn notices_round_trip() {
    let account = account();
    let bytes = notice().to_xml(&key()).into_bytes();
    assert_eq!(
        Notice::read(&bytes, merchant(&account), &key()),
        Ok(notice())
    );
}

/// The form of the manual's sample: without `status`, `result_code`,
/// application and payer, and with `body`, which the list does not have.
#[test]
fn a_notice_in_the_form_of_the_manuals_sample_is_read() {
    let account = account();
    let fields = Fields::new()
        .with("attach", "It is the description of the product.")
        .with("body", "測試產品")
        .with("charset", "UTF-8")
        .with("fee_type", "HKD")
        .with("mch_id", MID)
        .with("nonce_str", NONCE)
        .with("out_trade_no", "TRDNO150271173415530")
        .with("out_transaction_id", "40041381923874895783497893213")
        .with("sign_type", "MD5")
        .with("time_end", "20170815094100")
        .with("total_fee", "10")
        .with("trade_type", "ionline.pay.weixin.native.intl")
        .with("transaction_id", "10085200000000150271173415530")
        .with("version", "1.0");
    let xml = fields.sealed(&key(), SignType::Md5).to_xml();
    let notice = Notice::read(xml.as_bytes(), merchant(&account), &key()).unwrap();
    assert_eq!(notice.payment.account, account);
    assert_eq!(notice.payment.trade_type, TradeType::Native);
    assert_eq!(notice.payment.openid, None);
    assert_eq!(notice.payment.money, Money::new(10, Currency::Hkd).unwrap());
}

#[test]
fn each_error_in_a_notice_has_its_variant() {
    let account = account();
    let read = |xml: &str| Notice::read(xml.as_bytes(), merchant(&account), &key());
    let good = notice().to_fields();
    let sealed = |change| {
        let fields = changed(&good, &[change]);
        fields.sealed(&key(), SignType::Md5).to_xml()
    };
    let status = Fields::new()
        .with("status", "500")
        .with("message", "SYSERR");
    let failed = NoticeError::ResultFail {
        code: ErrorCode::from_code(""),
        description: String::new(),
    };
    for (xml, error) in [
        (
            status.to_xml(),
            NoticeError::StatusFail {
                status: "500".to_owned(),
                message: "SYSERR".to_owned(),
            },
        ),
        (good.to_xml(), NoticeError::NotSigned),
        (
            good.clone().sealed(&key(), SignType::HmacSha256).to_xml(),
            NoticeError::WrongSignType,
        ),
        (
            notice().to_xml(&Secret::new("another")),
            NoticeError::BadSignature,
        ),
        (
            sealed(("total_fee", Some("888"))).replace("888", "889"),
            NoticeError::BadSignature,
        ),
        (sealed(("result_code", Some("1"))), failed.clone()),
        (sealed(("pay_result", Some("1"))), failed),
        (
            sealed(("transaction_id", None)),
            NoticeError::Field(Problem::Missing.of("transaction_id")),
        ),
    ] {
        assert_eq!(read(&xml), Err(error), "{xml}");
    }
    assert!(matches!(
        read("<!DOCTYPE x><xml/>"),
        Err(NoticeError::Xml(_))
    ));
    // Another merchant's id is returned unchanged, for the caller to compare.
    let other = read(&sealed(("mch_id", Some("1")))).unwrap();
    assert_eq!(other.payment.account.mch_id, "1");
    let other = read(&sealed(("sub_appid", Some("wx0")))).unwrap();
    assert_eq!(other.payment.account.appid, "wx0");
    let other = read(&sealed(("fee_type", Some("USD")))).unwrap();
    assert_eq!(other.payment.money.currency(), Currency::Usd);
}

#[test]
fn only_the_word_success_acknowledges() {
    for (body, is_ack) in [
        ("success", true),
        ("SUCCESS", true),
        (" Success\r\n", true),
        (notify::ACK_OK, true),
        (notify::ACK_FAIL, false),
        ("", false),
        ("success!", false),
        ("\"success\"", false),
        (wechatpay::v2::notify::ACK_OK, false),
    ] {
        assert_eq!(notify::is_ack(body.as_bytes()), is_ack, "{body:?}");
    }
    let all: u32 = notify::RETRY_SECONDS.iter().sum();
    assert_eq!(all, 3 * 3600);
}
