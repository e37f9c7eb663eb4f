//! Which bytes are signed, and which signatures are valid (checklist G2, G3,
//! G5, G8).

use super::*;
use wechatpay::v3::answer::{Refusal, SignInformation, Unverified};
use wechatpay::v3::error::ErrorCode;
use wechatpay::v3::invoke;
use wechatpay::v3::keyring::verify;
use wechatpay::v3::sign::{Authorization, AuthorizationError, PROBE_PREFIX};
use wechatpay::v3::{SignatureError, VerifyError};

fn outgoing() -> Outgoing {
    Outgoing {
        method: "POST",
        path_and_query: "/v3/global/transactions/jsapi?x=%20".to_owned(),
        body: r#"{"description":"茶"}"#.to_owned(),
    }
}

#[test]
fn a_request_is_signed_and_verified() {
    let request = outgoing();
    let key = merchant_key();
    let signed = Authorization::sign(
        "1900000109",
        "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C",
        &key,
        &request,
        NOW_MS / 1000,
        "593BEC0C930BF1AFEB40B4A08C8FB242",
        &Native,
    );
    let header = block_on(signed).unwrap().to_header();
    let authorization = Authorization::parse(&header).unwrap();
    let holds = |method, target: &str, body: &str, key: &PublicKey| {
        block_on(authorization.verify(method, target, body.as_bytes(), key, &Native)).unwrap()
    };
    let (target, body) = (request.path_and_query.as_str(), request.body.as_str());
    let public_key = key.public_key();
    assert!(holds("POST", target, body, public_key));
    assert!(!holds("GET", target, body, public_key));
    assert!(!holds(
        "POST",
        "/v3/global/transactions/jsapi",
        body,
        public_key
    ));
    assert!(!holds("POST", target, &format!("{body} "), public_key));
    assert!(!holds("POST", target, body, platform_key().public_key()));
}

#[test]
fn an_authorization_is_read_in_any_order_and_refused_by_name() {
    let header = r#"WECHATPAY2-SHA256-RSA2048 signature="c2ln", serial_no="5",x="y",timestamp="4",nonce_str="2",mchid="1""#;
    let authorization = Authorization {
        mchid: "1".to_owned(),
        serial_no: "5".to_owned(),
        timestamp_s: 4,
        nonce_str: "2".to_owned(),
        signature: "c2ln".to_owned(),
    };
    assert_eq!(Authorization::parse(header), Ok(authorization));
    let changed = |from: &str, to: &str| Authorization::parse(&header.replace(from, to));
    for (from, to, expect) in [
        (
            "WECHATPAY2-SHA256-RSA2048",
            "Bearer",
            AuthorizationError::Scheme,
        ),
        ("RSA2048 ", "RSA2048", AuthorizationError::Scheme),
        ("mchid=\"1\"", "", AuthorizationError::Malformed),
        ("\"1\"", "1", AuthorizationError::Malformed),
        ("\"1\"", "\"1\"2\"", AuthorizationError::Malformed),
        ("mchid", "mch_id", AuthorizationError::Missing("mchid")),
        ("\"1\"", "\"\"", AuthorizationError::Missing("mchid")),
        ("x=\"y\"", "mchid=\"1\"", AuthorizationError::Twice("mchid")),
        ("\"4\"", "\"4.0\"", AuthorizationError::Timestamp),
        ("\"4\"", "\"-4\"", AuthorizationError::Timestamp),
        (
            "\"4\"",
            "\"99999999999999999999\"",
            AuthorizationError::Timestamp,
        ),
    ] {
        assert_eq!(changed(from, to), Err(expect), "{from} {to}");
    }
    assert_eq!(Authorization::parse(""), Err(AuthorizationError::Scheme));
}

/// J2 to J4, for both clients.
#[test]
fn packages_are_signed_and_verified() {
    let key = merchant_key();
    let (appid, prepay_id) = ("wx8888888888888888", "wx201410272009395522657a690389285100");
    let package = block_on(invoke::jsapi(
        appid,
        prepay_id,
        1_414_561_699,
        "n",
        &key,
        &Native,
    ));
    let package = package.unwrap();
    assert_eq!(package.sign_type, "RSA");
    assert_eq!(package.prepay_id(), Some(prepay_id));
    let check = |key| block_on(invoke::verify_jsapi(&package, key, &Native));
    assert_eq!(check(key.public_key()), Ok(true));
    assert_eq!(check(platform_key().public_key()), Ok(false));

    let package = invoke::app(
        appid,
        "1900000109",
        prepay_id,
        1_414_561_699,
        "n",
        &key,
        &Native,
    );
    let mut package = block_on(package).unwrap();
    let check = |package: &wechatpay::common::invoke::App| {
        block_on(invoke::verify_app(package, key.public_key(), &Native)).unwrap()
    };
    assert!(check(&package));
    package.package = "Sign=WXPAY".to_owned();
    assert!(!check(&package));
}

#[test]
fn every_header_of_a_signature_is_required() {
    let headers = signature(b"{}").to_headers();
    assert_eq!(
        Signature::from_headers(finder(&headers)),
        Ok(signature(b"{}"))
    );
    let changed = |name: &str, value: &str| {
        let mut headers = headers.clone();
        headers
            .iter_mut()
            .find(|(header, _)| *header == name)
            .unwrap()
            .1 = value.to_owned();
        Signature::from_headers(finder(&headers)).unwrap_err()
    };
    for (name, _) in &headers {
        assert_eq!(changed(name, ""), SignatureError::Missing(name));
        let without: Vec<_> = headers.iter().filter(|(n, _)| n != name).cloned().collect();
        let missing = Signature::from_headers(finder(&without));
        assert_eq!(missing, Err(SignatureError::Missing(name)));
    }
    assert_eq!(
        changed("Wechatpay-Timestamp", "today"),
        SignatureError::Timestamp
    );
    assert_eq!(
        changed("Wechatpay-Timestamp", "+5"),
        SignatureError::Timestamp
    );
    assert_eq!(
        changed("Wechatpay-Signature", "§"),
        SignatureError::NotBase64
    );
    // G5: a probe is a failure like any other, with a name of its own.
    let probe = format!("{PROBE_PREFIX}AAAA");
    assert_eq!(
        changed("Wechatpay-Signature", &probe),
        SignatureError::Probe
    );
}

#[test]
fn a_stale_signature_is_refused() {
    let body = br#"{"a":1}"#;
    let good = signature(body);
    let check = |signature: &Signature, body: &'static [u8], now_ms| {
        block_on(verify(signature, body, &keyring(), now_ms, &Native)).map(Verified::bytes)
    };
    assert_eq!(check(&good, body, NOW_MS), Ok(&body[..]));
    assert_eq!(
        check(&good, b"{\"a\":2}", NOW_MS),
        Err(VerifyError::BadSignature)
    );
    assert_eq!(check(&good, b"", NOW_MS), Err(VerifyError::BadSignature));
    // G8: 5 minutes either way.
    let minutes_5 = 300_000;
    assert!(check(&good, body, NOW_MS + minutes_5).is_ok());
    assert!(check(&good, body, NOW_MS - minutes_5).is_ok());
    assert_eq!(
        check(&good, body, NOW_MS + minutes_5 + 1000),
        Err(VerifyError::Stale)
    );
    assert_eq!(
        check(&good, body, NOW_MS - minutes_5 - 1000),
        Err(VerifyError::Stale)
    );
    let far = Signature {
        timestamp_s: i64::MAX,
        ..good.clone()
    };
    assert_eq!(check(&far, body, i64::MIN), Err(VerifyError::Stale));
    let other = Signature {
        serial: "00".to_owned(),
        ..good.clone()
    };
    let unknown = VerifyError::UnknownSerial("00".to_owned());
    assert_eq!(check(&other, body, NOW_MS), Err(unknown));
    let another_nonce = Signature {
        nonce: "n".to_owned(),
        ..good
    };
    assert_eq!(
        check(&another_nonce, body, NOW_MS),
        Err(VerifyError::BadSignature)
    );
}

struct Unable;

impl Rsa for Unable {
    async fn rsa_sign(&self, _: &PrivateKey, _: &[u8]) -> Result<Vec<u8>, RsaError> {
        Err(RsaError::of("no key"))
    }
    async fn rsa_verify(&self, _: &PublicKey, _: &[u8], _: &[u8]) -> Result<bool, RsaError> {
        Err(RsaError::of("no key"))
    }
}

#[test]
fn a_runtime_that_cannot_verify_accepts_no_signature() {
    let (signature, keyring) = (signature(b""), keyring());
    let verified = verify(&signature, b"", &keyring, NOW_MS, &Unable);
    assert_eq!(
        block_on(verified),
        Err(VerifyError::Key(RsaError::of("no key")))
    );
}

#[test]
fn an_answer_is_good_refused_claimed_or_unknown() {
    // A 204 has no body, and is signed.
    assert_eq!(opened(204, "").unwrap().bytes(), b"");

    let refusal = Refusal::of(ErrorCode::OrderNotExist);
    let body = refusal.to_json();
    let error = opened(404, &body).unwrap_err();
    assert_eq!(error, AnswerError::Refused(Box::new(refusal.clone())));
    assert!(!error.is_unknown_outcome());
    assert_eq!(error.refusal(), Some(&refusal));

    let unclear = Refusal::of(ErrorCode::SystemError).to_json();
    assert!(opened(500, &unclear).unwrap_err().is_unknown_outcome());
    assert!(matches!(opened(502, "<html>"), Err(AnswerError::Json(_))));

    let unsigned = |status, body: &str| {
        let keyring = keyring();
        block_on(answer::open(
            status,
            |_| None,
            body.as_bytes(),
            &keyring,
            NOW_MS,
            &Native,
        ))
        .map(|_| ())
        .unwrap_err()
    };
    let missing = Unverified::Signature(SignatureError::Missing("Wechatpay-Signature"));
    assert_eq!(
        unsigned(404, &body),
        AnswerError::Claimed(Box::new(refusal), missing.clone())
    );
    // A refusal with a success status is unknown, and so is a proxy's page.
    assert_eq!(
        unsigned(200, &body),
        AnswerError::Unverified(missing.clone())
    );
    assert_eq!(
        unsigned(200, r#"{"prepay_id":"wx"}"#),
        AnswerError::Unverified(missing.clone())
    );
    assert_eq!(unsigned(204, ""), AnswerError::Unverified(missing.clone()));
    assert_eq!(unsigned(503, "<html>"), AnswerError::Unverified(missing));
    for (status, body) in [(404, body.as_str()), (200, "{}"), (503, "<html>")] {
        let error = unsigned(status, body);
        assert!(error.is_unknown_outcome());
        assert_eq!(error.refusal(), None);
    }
}

#[test]
fn a_refused_signature_says_what_would_have_been_signed() {
    let information = SignInformation {
        method: "POST".to_owned(),
        url: "/v3/pay/transactions/jsapi".to_owned(),
        truncated_sign_message: "POST\n/v3/pay\n".to_owned(),
        sign_message_length: 250,
    };
    let refusal = Refusal {
        detail: information.to_detail(),
        ..Refusal::of(ErrorCode::SignError)
    };
    assert_eq!(refusal.status, 401);
    let again = Refusal::read(401, refusal.to_json().as_bytes()).unwrap();
    assert_eq!(again, refusal);
    assert_eq!(again.sign_information(), Some(information));
    assert_eq!(Refusal::of(ErrorCode::NoAuth).sign_information(), None);
}

/// Every code can be read back, in its other spellings too, and has sentences.
#[test]
fn error_codes_have_names_and_sentences() {
    for code in ErrorCode::ALL {
        assert_eq!(ErrorCode::from_code(code.code()), *code);
        assert!((400..600).contains(&code.http_status()), "{code}");
        assert!(
            code.meaning().ends_with('.') && code.advice().ends_with('.'),
            "{code}"
        );
        assert!(!code.meaning().contains("  "), "{code}");
    }
    for (spelling, code) in [
        ("ORDERNOTEXIST", ErrorCode::OrderNotExist),
        ("ORDERPAID", ErrorCode::OrderPaid),
        ("SYSTEMERROR", ErrorCode::SystemError),
        ("RATELIMIT_EXCEEDED", ErrorCode::RateLimited),
        ("NOTENOUGH", ErrorCode::NotEnough),
    ] {
        assert_eq!(ErrorCode::from_code(spelling), code);
    }
    let unknown = ErrorCode::from_code("NEW_CODE");
    assert_eq!(unknown, ErrorCode::Unknown("NEW_CODE".to_owned()));
    assert!(unknown.is_unknown_outcome() && !unknown.is_retryable());
    assert!(ErrorCode::SystemError.is_unknown_outcome());
    assert!(ErrorCode::SystemError.is_retryable() && ErrorCode::RateLimited.is_retryable());
    assert!(!ErrorCode::NotEnough.is_retryable());
}
