//! Book-keeping and platform certificates.

use super::messages::without_apps;
use super::*;
use serde_json::json;
use wechatpay::common::bill::{Bill, Column, Language, Row};
use wechatpay::common::settlement::{Limit, Record, UseTag};
use wechatpay::common::{Date, Problem};
use wechatpay::v3::answer::Refusal;
use wechatpay::v3::bill::{self, Link, SHA1_HEADER, StatementError};
use wechatpay::v3::certificates::{self, CertificatesError};
use wechatpay::v3::gcm::GcmError;
use wechatpay::v3::settlement;
use wechatpay::v3::{ErrorCode, FieldError, RequestError, VerifyError};

/// The table of v2's tests: `Bill` itself is tested there.
fn table() -> String {
    let row = Row::of(&payment(direct(), TradeType::Jsapi)).unwrap();
    Bill::of(vec![row]).to_csv(Column::ALL, Language::English)
}

fn day() -> Date {
    Date::parse("20220401").unwrap()
}

#[test]
fn statement_requests_round_trip() {
    for region in REGIONS {
        for account in accounts() {
            let merchant = without_apps(&account);
            let request = bill::Request {
                merchant,
                date: day(),
            };
            let sent = request.outgoing(region);
            assert_eq!(
                bill::Request::read(&arrived(&sent, &direct().mch_id)),
                Ok(request)
            );
        }
    }
    let read = |target: &str| {
        let request = Outgoing {
            method: "GET",
            path_and_query: target.to_owned(),
            body: String::new(),
        };
        match bill::Request::read(&arrived(&request, "1")) {
            Ok(request) => Ok(request.merchant.mch_id),
            Err(RequestError::Field(error)) => Err((error.field, error.problem)),
            Err(RequestError::Json(error)) => panic!("{error}"),
        }
    };
    assert_eq!(
        read("/v3/global/statements?date=20220401"),
        Ok("1".to_owned())
    );
    let bad = |name: &str| Err((name.to_owned(), Problem::BadFormat));
    assert_eq!(read("/v3/global/statements?date=2022-04-01"), bad("date"));
    assert_eq!(
        read("/v3/bill/tradebill?bill_date=20220230"),
        bad("bill_date")
    );
    assert_eq!(
        read("/v3/bill/tradebill?bill_date=2022-04-31"),
        bad("bill_date")
    );
}

/// Global's answer: the hash is signed instead of the table.
#[test]
fn a_statement_is_compared_with_its_signed_hash() {
    let table = table();
    let sha1 = bill::sha1_hex(table.as_bytes());
    assert_eq!(bill::signed_text(&sha1), format!(r#"{{"sha1":"{sha1}"}}"#));
    let mut headers = signature(bill::signed_text(&sha1).as_bytes())
        .to_headers()
        .to_vec();
    headers.push((SHA1_HEADER, sha1));
    let read = |status, headers: &[(&'static str, String)], body: &[u8]| {
        let keyring = keyring();
        let verified = block_on(bill::verified_hash(
            status,
            finder(headers),
            body,
            &keyring,
            NOW_MS,
            &Native,
        ));
        verified.and_then(|sha1| {
            let mut hash = bill::TableHash::default();
            body.chunks(7).for_each(|piece| hash.push(piece));
            hash.check(&sha1)
        })
    };
    assert_eq!(read(200, &headers, table.as_bytes()), Ok(()));

    let cut = &table.as_bytes()[..table.len() - 5];
    assert_eq!(read(200, &headers, cut), Err(StatementError::OtherHash));
    let mut other = headers.clone();
    other[4].1 = bill::sha1_hex(cut);
    // The hash matches the cut table, but was not signed.
    assert!(matches!(
        read(200, &other, cut),
        Err(StatementError::Answer(AnswerError::Unverified(_)))
    ));
    assert_eq!(
        read(200, &headers[..4], table.as_bytes()),
        Err(StatementError::NoHash)
    );
    assert!(matches!(
        read(200, &headers[1..], table.as_bytes()),
        Err(StatementError::Answer(AnswerError::Unverified(_)))
    ));

    // S2: no table for a day without payments.
    let refusal = Refusal::of(ErrorCode::NoStatementExist);
    let body = refusal.to_json();
    let headers = signature(body.as_bytes()).to_headers();
    let refused = StatementError::Answer(AnswerError::Refused(Box::new(refusal)));
    assert_eq!(read(400, &headers, body.as_bytes()), Err(refused));
}

/// The mainland's answer: a signed link with the table's hash.
#[test]
fn a_downloaded_statement_is_compared_with_its_links_hash() {
    let table = table();
    let link = Link {
        hash_value: bill::sha1_hex(table.as_bytes()),
        download_url: "https://api.mch.weixin.qq.com/v3/billdownload/file?token=x%2F".to_owned(),
    };
    let body = link.to_json();
    assert_eq!(Link::read(verified(&body)), Ok(link.clone()));
    let request = link.outgoing().unwrap();
    assert_eq!(request.path_and_query, "/v3/billdownload/file?token=x%2F");
    let check = |table: &[u8]| {
        let mut hash = bill::TableHash::default();
        hash.push(table);
        hash.check(&link.hash_value)
    };
    assert_eq!(check(table.as_bytes()), Ok(()));
    assert_eq!(check(b"x"), Err(StatementError::OtherHash));

    let error = |name: &str, problem| FieldError::new(name, problem);
    let md5 = body.replace("SHA1", "MD5");
    let expect = error("hash_type", Problem::UnknownValue);
    assert_eq!(Link::read(verified(&md5)), Err(expect.into()));
    for download_url in [
        "",
        "ftp://api.mch.weixin.qq.com/v3/billdownload/file?token=x",
        "https://api.mch.weixin.qq.com",
        "https://api.mch.weixin.qq.com/v3/refund/domestic/refunds",
        "https://api.mch.weixin.qq.com/v3/billdownload/file?token=x y\n",
    ] {
        let link = Link {
            download_url: download_url.to_owned(),
            ..link.clone()
        };
        let expect = error("download_url", Problem::BadFormat);
        assert_eq!(link.outgoing(), Err(expect), "{download_url}");
    }
}

pub(super) fn settlement_request(account: &Account, settle_state: UseTag) -> settlement::Request {
    settlement::Request {
        merchant: without_apps(account),
        settle_state,
        dates: (settle_state == UseTag::Settled).then(|| (day(), day().next())),
        offset: 10,
        limit: Limit::new(5).unwrap(),
    }
}

pub(super) fn settlement_answer() -> settlement::Answer {
    settlement::Answer {
        records: vec![Record {
            fbatchno: Some("20091225003".to_owned()),
            date_settlement: Some(day()),
            date_start: Some(day()),
            date_end: Some(day()),
            settlement_fee: 100,
            unsettlement_fee: 0,
            settlementfee_type: Currency::Hkd,
            pay_fee: 110,
            refund_fee: -5,
            pay_net_fee: 105,
            poundage_fee: 5,
        }],
        total_count: 1234,
    }
}

#[test]
fn settlements_round_trip() {
    for account in accounts() {
        for state in UseTag::ALL {
            let request = settlement_request(&account, state);
            let sent = request.outgoing();
            let mchid = direct().mch_id;
            let read = settlement::Request::read(&arrived(&sent, &mchid));
            assert_eq!(read, Ok(request.clone()));
            let body = settlement_answer().to_json(&request);
            assert_eq!(
                settlement::Answer::read(verified(&body)),
                Ok(settlement_answer())
            );
        }
    }
    let none = settlement::Answer::read(verified(r#"{"total_count":0,"offset":0,"limit":5}"#));
    assert!(none.unwrap().records.is_empty());
    let error = |query: &str| {
        let request = Outgoing {
            method: "GET",
            path_and_query: format!("/v3/global/settle/settlements?{query}"),
            body: String::new(),
        };
        match settlement::Request::read(&arrived(&request, "1")).unwrap_err() {
            RequestError::Field(error) => (error.field, error.problem),
            RequestError::Json(error) => panic!("{error}"),
        }
    };
    let (from, to) = ("settle_start_date=20221226", "settle_end_date=20221225");
    for (query, field, problem) in [
        ("offset=0&limit=5", "settle_state", Problem::Missing),
        (
            "settle_state=1&offset=0&limit=5",
            "settle_state",
            Problem::UnknownValue,
        ),
        (
            "settle_state=SETTLED&offset=0&limit=21",
            "limit",
            Problem::OutOfRange,
        ),
        (
            "settle_state=SETTLED&offset=-1&limit=5",
            "offset",
            Problem::NotANumber,
        ),
        (
            "settle_state=SETTLED&offset=4294967296&limit=5",
            "offset",
            Problem::OutOfRange,
        ),
        (
            &format!("settle_state=SETTLED&{from}&limit=5"),
            "settle_end_date",
            Problem::Missing,
        ),
        (
            &format!("settle_state=SETTLED&{to}&limit=5"),
            "settle_start_date",
            Problem::Missing,
        ),
        (
            &format!("settle_state=SETTLED&{from}&{to}"),
            "settle_end_date",
            Problem::OutOfRange,
        ),
        (
            "settle_state=SETTLED&settle_end_date=x",
            "settle_end_date",
            Problem::BadFormat,
        ),
    ] {
        assert_eq!(error(query), (field.to_owned(), problem), "{query}");
    }
}

fn fetched(
    body: &str,
    signature: &Signature,
    key: &Secret,
) -> Result<Vec<Certificate>, CertificatesError> {
    fetched_beside(None, body, signature, key)
}

fn fetched_beside(
    public_key: Option<(String, PublicKey)>,
    body: &str,
    signature: &Signature,
    key: &Secret,
) -> Result<Vec<Certificate>, CertificatesError> {
    let headers = signature.to_headers();
    let header = finder(&headers);
    let body = body.as_bytes();
    block_on(certificates::read(
        header, body, key, public_key, NOW_MS, &Native,
    ))
}

/// G9: the first certificate is in an answer that is signed with it.
#[test]
fn certificates_verify_the_answer_that_contains_them() {
    let list = vec![platform_certificate()];
    let nonces = [NONCE_12.to_owned()];
    let body = certificates::to_json(&list, &nonces, &api_v3_key()).unwrap();
    let good = signature(body.as_bytes());
    assert_eq!(fetched(&body, &good, &api_v3_key()), Ok(list.clone()));

    // While a merchant changes to WeChat Pay's public key, WeChat may sign with
    // that too.
    let public_key_id = "PUB_KEY_ID_0114".to_owned();
    let by_public_key = Signature {
        serial: public_key_id.clone(),
        ..good.clone()
    };
    let held = Some((public_key_id, platform_key().public_key().clone()));
    let got = fetched_beside(held, &body, &by_public_key, &api_v3_key());
    assert_eq!(got, Ok(list));

    let serial_no = platform_certificate().serial_no().to_owned();
    let other_key = Secret::new("192006250b4c09247ec02edce69f6a2d");
    let error = GcmError::NotAuthentic;
    let sealed = CertificatesError::Sealed {
        serial_no: serial_no.clone(),
        error,
    };
    assert_eq!(fetched(&body, &good, &other_key), Err(sealed));

    let unknown = Signature {
        serial: "00".to_owned(),
        ..good.clone()
    };
    let expect = CertificatesError::Unverified(VerifyError::UnknownSerial("00".to_owned()).into());
    assert_eq!(fetched(&body, &unknown, &api_v3_key()), Err(expect));
    let changed = format!("{body} ");
    let expect = CertificatesError::Unverified(VerifyError::BadSignature.into());
    assert_eq!(fetched(&changed, &good, &api_v3_key()), Err(expect));

    let other = body.replace(&serial_no, "00");
    let expect = FieldError::new(
        "data[0].serial_no",
        Problem::Contradicts {
            other: "encrypt_certificate",
        },
    );
    let got = fetched(&other, &signature(other.as_bytes()), &api_v3_key());
    assert_eq!(got, Err(expect.into()));

    // A key instead of a certificate.
    let pem = platform_key().public_key().to_pem();
    let sealed =
        wechatpay::v3::gcm::Sealed::seal(pem.as_bytes(), NONCE_12, "certificate", &api_v3_key());
    let mut odd = parsed(&body);
    odd["data"][0]["encrypt_certificate"] = sealed.unwrap().to_json();
    let odd = odd.to_string();
    let got = fetched(&odd, &signature(odd.as_bytes()), &api_v3_key());
    let error = wechatpay::rsa::KeyError::KeyForCertificate;
    assert_eq!(
        got,
        Err(CertificatesError::Certificate { serial_no, error })
    );
}

/// WeChat may list certificates that cannot be read here (another algorithm,
/// another kind of key): they do not hide the others.
#[test]
fn an_unreadable_certificate_does_not_hide_the_others() {
    let list = vec![platform_certificate()];
    let body = certificates::to_json(&list, &[NONCE_12.to_owned()], &api_v3_key()).unwrap();
    let good = parsed(&body);
    let key_for_certificate = wechatpay::v3::gcm::Sealed::seal(
        platform_key().public_key().to_pem().as_bytes(),
        NONCE_12,
        "certificate",
        &api_v3_key(),
    );
    let key_for_certificate = key_for_certificate.unwrap().to_json();
    for (name, odd) in [
        ("/encrypt_certificate/algorithm", json!("AEAD_SM4_GCM")),
        ("/encrypt_certificate/nonce", json!("short")),
        ("/encrypt_certificate/ciphertext", json!(1.5)),
        ("/encrypt_certificate", json!(null)),
        ("/encrypt_certificate", key_for_certificate),
        ("/serial_no", json!("00")),
        ("/serial_no", json!({})),
    ] {
        let mut other = good["data"][0].clone();
        *other.pointer_mut(name).unwrap() = odd;
        for first in [true, false] {
            let mut both = good.clone();
            let at = usize::from(!first);
            both["data"]
                .as_array_mut()
                .unwrap()
                .insert(at, other.clone());
            both["data"][0]["new"] = json!([{"a": 0.5}]);
            let both = both.to_string();
            let got = fetched(&both, &signature(both.as_bytes()), &api_v3_key());
            assert_eq!(got, Ok(list.clone()), "{name}");
        }
        let mut alone = good.clone();
        alone["data"] = json!([other]);
        let alone = alone.to_string();
        let got = fetched(&alone, &signature(alone.as_bytes()), &api_v3_key());
        assert!(got.is_err(), "{name}");
    }
}
