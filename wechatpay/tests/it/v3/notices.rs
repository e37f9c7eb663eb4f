//! Notices: read only if signed, decrypted only with the merchant's key.

use super::messages::without_apps;
use super::refunds::{STATUSES, refund};
use super::*;
use serde_json::{Value, json};
use wechatpay::common::Problem;
use wechatpay::common::refund::Status;
use wechatpay::v3::gcm::{GcmError, Sealed};
use wechatpay::v3::notify::{Envelope, Event, Hint, Notice, NoticeError, ack_fail};
use wechatpay::v3::refund::In;
use wechatpay::v3::{FieldError, refund_notify};

fn notice(account: Account) -> Notice {
    Notice {
        id: "EV-2018022511223320873".to_owned(),
        payment: payment(account, TradeType::Jsapi),
    }
}

fn envelope(region: Region) -> Envelope {
    notice(direct())
        .seal(region, SAMPLE_MS, NONCE_12, &api_v3_key())
        .unwrap()
}

fn read(body: &str) -> Result<Notice, NoticeError> {
    Notice::read(verified(body), &api_v3_key())
}

#[test]
fn a_payment_notice_round_trips() {
    for region in REGIONS {
        for account in accounts() {
            let notice = notice(account);
            let envelope = notice.seal(region, SAMPLE_MS, NONCE_12, &api_v3_key());
            let body = envelope.unwrap().to_json();
            assert_eq!(read(&body), Ok(notice));
        }
    }
    assert_eq!(
        ack_fail("no \"x\""),
        r#"{"code":"FAIL","message":"no \"x\""}"#
    );
}

#[test]
fn a_refund_notice_of_every_status_round_trips() {
    for region in REGIONS {
        for account in accounts() {
            for status in STATUSES {
                let notice = refund_notify::Notice {
                    id: "EV-1".to_owned(),
                    merchant: without_apps(&account),
                    refund: refund(In::Notice, region, status),
                };
                let sealed = notice.seal(region, SAMPLE_MS, NONCE_12, &api_v3_key());
                let Some(envelope) = sealed else {
                    assert_eq!(status, Status::Processing);
                    continue;
                };
                let body = envelope.unwrap().to_json();
                let read = refund_notify::Notice::read(verified(&body), &api_v3_key());
                assert_eq!(read, Ok(notice));
            }
        }
    }
}

/// The envelope with one member changed.
fn changed(pointer: &str, value: Value) -> Result<Notice, NoticeError> {
    let mut body = parsed(&envelope(Region::Global).to_json());
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value;
    read(&body.to_string())
}

#[test]
fn each_kind_of_malformed_envelope_has_its_error() {
    let sealed = envelope(Region::Global).resource;
    let field = |field: &str, problem| NoticeError::Field(FieldError::new(field, problem));
    let wrong_type = Problem::WrongType { expected: "a text" };
    for (pointer, value, expect) in [
        (
            "/event_type",
            json!("PAYSCORE.USER_PAID"),
            NoticeError::UnknownEvent("PAYSCORE.USER_PAID".to_owned()),
        ),
        (
            "/event_type",
            json!("transaction.success"),
            NoticeError::UnknownEvent("transaction.success".to_owned()),
        ),
        (
            "/event_type",
            Value::Null,
            field("event_type", Problem::Missing),
        ),
        ("/id", Value::Null, field("id", Problem::Missing)),
        (
            "/resource",
            Value::Null,
            field("resource", Problem::Missing),
        ),
        (
            "/resource/original_type",
            json!("refund"),
            field("resource.original_type", Problem::UnknownValue),
        ),
        (
            "/resource/algorithm",
            json!("AEAD_SM4_GCM"),
            GcmError::Algorithm("AEAD_SM4_GCM".to_owned()).into(),
        ),
        (
            "/resource/nonce",
            json!(1),
            field("resource.nonce", wrong_type),
        ),
        (
            "/resource/nonce",
            json!("0123456789abcdef"),
            GcmError::NonceLength { bytes: 16 }.into(),
        ),
        (
            "/resource/nonce",
            json!("01234567890"),
            GcmError::NonceLength { bytes: 11 }.into(),
        ),
        (
            "/resource/nonce",
            json!("000000000000"),
            GcmError::NotAuthentic.into(),
        ),
        (
            "/resource/associated_data",
            Value::Null,
            GcmError::NotAuthentic.into(),
        ),
        (
            "/resource/associated_data",
            json!(""),
            GcmError::NotAuthentic.into(),
        ),
        (
            "/resource/ciphertext",
            Value::Null,
            field("resource.ciphertext", Problem::Missing),
        ),
        (
            "/resource/ciphertext",
            json!("..."),
            GcmError::NotBase64.into(),
        ),
        (
            "/resource/ciphertext",
            json!("AAAA"),
            GcmError::TooShort.into(),
        ),
        (
            "/resource/ciphertext",
            json!(sealed.ciphertext[..400]),
            GcmError::NotAuthentic.into(),
        ),
    ] {
        assert_eq!(changed(pointer, value), Err(expect), "{pointer}");
    }
    assert!(matches!(read("<xml></xml>"), Err(NoticeError::Json(_))));
}

#[test]
fn associated_data_may_be_missing_or_empty_where_it_was_so() {
    for associated_data in ["", "x"] {
        let resource = Sealed::seal(b"{}", NONCE_12, associated_data, &api_v3_key()).unwrap();
        let mut object = resource.to_json();
        assert_eq!(resource.open(&api_v3_key()), Ok(b"{}".to_vec()));
        object.as_object_mut().unwrap().remove("associated_data");
        let text = object.to_string();
        let document = wechatpay::common::json::Document::parse(text.as_bytes()).unwrap();
        let read = Sealed::read(&document.root()).unwrap().open(&api_v3_key());
        match associated_data {
            "" => assert_eq!(read, Ok(b"{}".to_vec())),
            _ => assert_eq!(read, Err(GcmError::NotAuthentic)),
        }
    }
}

#[test]
fn a_key_of_another_length_or_merchant_decrypts_nothing() {
    let envelope = envelope(Region::Mainland);
    for (key, expect) in [
        ("", GcmError::KeyLength { bytes: 0 }),
        (
            "192006250b4c09247ec02edce69f6a2",
            GcmError::KeyLength { bytes: 31 },
        ),
        ("192006250b4c09247ec02edce69f6a2d", GcmError::NotAuthentic),
    ] {
        let key = Secret::new(key);
        assert_eq!(
            Notice::open(&envelope, &key),
            Err(NoticeError::Sealed(expect))
        );
    }
    let nonce = Sealed::seal(b"", "short", "", &api_v3_key());
    assert_eq!(nonce, Err(GcmError::NonceLength { bytes: 5 }));
}

#[test]
fn a_notice_whose_envelope_contradicts_its_resource_is_refused() {
    let refund_notice = refund_notify::Notice {
        id: "EV-1".to_owned(),
        merchant: without_apps(&direct()),
        refund: refund(In::Notice, Region::Global, Status::Success),
    };
    let sealed = refund_notice.seal(Region::Global, SAMPLE_MS, NONCE_12, &api_v3_key());
    let mut refunded = sealed.unwrap().unwrap();
    let opened = Notice::open(&refunded, &api_v3_key());
    assert_eq!(opened, Err(NoticeError::OtherEvent(Event::RefundSuccess)));
    let paid = envelope(Region::Global);
    let opened = refund_notify::Notice::open(&paid, &api_v3_key());
    assert_eq!(
        opened,
        Err(NoticeError::OtherEvent(Event::TransactionSuccess))
    );

    refunded.event = Event::RefundClosed;
    let opened = refund_notify::Notice::open(&refunded, &api_v3_key());
    let other = "event_type";
    let problem = Problem::Contradicts { other };
    assert_eq!(
        opened,
        Err(FieldError::new("refund_status", problem).into())
    );

    let mut unpaid = paid;
    let text = String::from_utf8(unpaid.resource.open(&api_v3_key()).unwrap()).unwrap();
    for (text, expect) in [
        (
            text.replace("\"trade_state\":\"SUCCESS\"", "\"trade_state\":\"NOTPAY\""),
            NoticeError::Field(FieldError::new("trade_state", Problem::UnknownValue)),
        ),
        (
            text.replace("\"appid\"", "\"x\""),
            NoticeError::Field(FieldError::new("appid", Problem::Missing)),
        ),
        (
            text.replace("\"total\":888", "\"total\":888,\"total\":1"),
            NoticeError::Json(wechatpay::common::json::JsonError::DuplicateKey(
                "total".to_owned(),
            )),
        ),
    ] {
        let key = api_v3_key();
        unpaid.resource = Sealed::seal(text.as_bytes(), NONCE_12, "transaction", &key).unwrap();
        assert_eq!(Notice::open(&unpaid, &key), Err(expect));
    }
}

/// Without its signature a notice still names the order to query, if the
/// merchant's key decrypts it.
#[test]
fn an_unsigned_notice_is_a_hint() {
    let paid = envelope(Region::Global).to_json();
    let hint = Hint::read(paid.as_bytes(), &api_v3_key()).unwrap();
    assert_eq!(hint.out_trade_no, out_trade_no());
    assert_eq!(hint.out_refund_no, None);

    let refunded = refund_notify::Notice {
        id: "EV-1".to_owned(),
        merchant: without_apps(&direct()),
        refund: refund(In::Notice, Region::Global, Status::Success),
    };
    let sealed = refunded.seal(Region::Global, SAMPLE_MS, NONCE_12, &api_v3_key());
    let refunded = sealed.unwrap().unwrap().to_json();
    let hint = Hint::read(refunded.as_bytes(), &api_v3_key()).unwrap();
    assert_eq!(hint.out_refund_no.as_deref(), Some("R20150806125346"));

    let other_key = Secret::new("192006250b4c09247ec02edce69f6a2d");
    let closed = Hint::read(paid.as_bytes(), &other_key);
    assert_eq!(closed, Err(NoticeError::Sealed(GcmError::NotAuthentic)));
}

/// Any client can send these, so they must cause no panic.
#[test]
fn mutated_notices_do_not_panic() {
    let body = envelope(Region::Global).to_json();
    let pieces: [&[u8]; 4] = [b"{", b"\"", b"null", b"resource"];
    crate::mutate(300, body.as_bytes(), &pieces, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        let _ = read(text);
    });
}

/// Fields that are only displayed may have any form: no payment and no refund
/// is refused for them.
#[test]
fn display_fields_of_any_form_are_accepted() {
    let key = api_v3_key();
    for odd in [
        json!(1.5),
        json!([1]),
        json!({"a": 1}),
        json!(true),
        json!("text"),
    ] {
        let mut paid = envelope(Region::Global);
        let mut inner: Value = serde_json::from_slice(&paid.resource.open(&key).unwrap()).unwrap();
        for name in ["payer_total", "payer_currency", "exchange_rate"] {
            inner["amount"][name] = odd.clone();
        }
        inner["bank_type"] = odd.clone();
        let text = inner.to_string();
        paid.resource = Sealed::seal(text.as_bytes(), NONCE_12, "transaction", &key).unwrap();
        let payment = Notice::open(&paid, &key).unwrap().payment;
        assert_eq!((payment.cash_fee, payment.rate), (None, None), "{odd}");
    }

    for odd in [json!(1.5), json!([1]), json!({"a": 1}), json!(true)] {
        let notice = refund_notify::Notice {
            id: "EV-1".to_owned(),
            merchant: without_apps(&direct()),
            refund: refund(In::Notice, Region::Global, Status::Success),
        };
        let sealed = notice.seal(Region::Global, SAMPLE_MS, NONCE_12, &key);
        let mut told = sealed.unwrap().unwrap();
        let mut inner: Value = serde_json::from_slice(&told.resource.open(&key).unwrap()).unwrap();
        for name in [
            "payer_total",
            "payer_refund",
            "payer_currency",
            "exchange_rate",
        ] {
            inner["amount"][name] = odd.clone();
        }
        for name in ["success_time", "recv_account", "fund_source", "channel"] {
            inner[name] = odd.clone();
        }
        let text = inner.to_string();
        told.resource = Sealed::seal(text.as_bytes(), NONCE_12, "refund", &key).unwrap();
        let refund = refund_notify::Notice::open(&told, &key).unwrap().refund;
        assert_eq!(
            (refund.payer_refund, refund.success_time_ms),
            (None, None),
            "{odd}"
        );
    }

    let mut told: Value = serde_json::from_str(&envelope(Region::Global).to_json()).unwrap();
    for odd in [
        json!(null),
        json!(1.5),
        json!("2018-06-08 10:34:56"),
        json!([]),
    ] {
        told["summary"] = odd.clone();
        told["create_time"] = odd;
        assert_eq!(read(&told.to_string()), Ok(notice(direct())));
    }

    // A signed refusal is WeChat's answer, in any form.
    let body = br#"{"code":"ORDER_PAID","message":{"a":1.5},"detail":[1e999]}"#;
    let refusal = wechatpay::v3::answer::Refusal::read(400, body).unwrap();
    assert_eq!(refusal.code, wechatpay::v3::ErrorCode::OrderPaid);
}
