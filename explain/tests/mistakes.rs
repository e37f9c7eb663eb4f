//! Each known mistake is made here by hand, without the tested code, and must
//! be named.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "a test stops at the first thing that is not as it should be"
)]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE};
use explain::{Explanation, Form, Key, Unreadable, Verdict, explain};
use futures_executor::block_on;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest as _, Md5};
use rsa::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
use rsa::{Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use sha2::Sha256;
use wechatpay::rsa::{PrivateKey, PublicKey, Rsa, RsaError};

const API_KEY: &str = "192006250b4c09247ec02edce69f6a2d";
const MERCHANT_KEY: &str = include_str!("../../wechatpay/tests/keys/merchant.pkcs8.pem");
const MERCHANT_CERTIFICATE: &str =
    include_str!("../../wechatpay/tests/keys/merchant.certificate.pem");
const PLATFORM_KEY: &str = include_str!("../../wechatpay/tests/keys/platform.pkcs8.pem");
const PLATFORM_CERTIFICATE: &str =
    include_str!("../../wechatpay/tests/keys/platform.certificate.pem");

/// The keys of these tests are public, so it does not matter that the timing of
/// the `rsa` crate can reveal a key (RUSTSEC-2023-0071).
struct Native;

impl Rsa for Native {
    async fn rsa_sign(&self, _: &PrivateKey, _: &[u8]) -> Result<Vec<u8>, RsaError> {
        panic!("an explanation signs nothing")
    }

    async fn rsa_verify(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, RsaError> {
        let key = RsaPublicKey::from_public_key_der(key.spki_der()).map_err(RsaError::of)?;
        let digest = Sha256::digest(message);
        Ok(key
            .verify(Pkcs1v15Sign::new::<Sha256>(), &digest, signature)
            .is_ok())
    }
}

fn key(name: &str, text: &str) -> Key {
    Key::read(name, text).unwrap()
}

fn explained(message: &[u8], keys: &[Key]) -> Explanation {
    block_on(explain(message, keys, &Native)).unwrap()
}

fn names(explanation: &Explanation) -> Vec<&'static str> {
    match &explanation.verdict {
        Verdict::Mistakes(mistakes) => {
            assert!(mistakes.iter().all(|mistake| mistake.advice().len() > 20));
            mistakes.iter().map(explain::Mistake::name).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn md5(text: &[u8]) -> String {
    hex(&Md5::digest(text))
}

fn hmac(key: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    hex(&mac.finalize().into_bytes())
}

/// The document of a v2 request. Its fields are not in the order of their
/// names.
fn document(body: &str, more: &str, sign: &str) -> String {
    format!(
        "<xml>\n  <nonce_str>ibuaiVcKdpRxkhJA</nonce_str>\n  <appid>wxd930ea5d5a258f4f</appid>\n  \
         <body><![CDATA[{body}]]></body>\n  <mch_id>10000100</mch_id>\n  <attach></attach>\n  {more}\
         <sign>{sign}</sign>\n</xml>\n"
    )
}

fn of_document(body: &str, more: &str, sign: &str) -> Explanation {
    let document = document(body, more, sign);
    explained(document.as_bytes(), &[key("api key", API_KEY)])
}

#[test]
fn a_right_v2_signature_is_recognised() {
    // WeChat Pay v2 manual, section 4.3.1: the example of the signature.
    for (sign, method, more) in [
        ("9A0A8659F005D6984697E2CA0A9CF3B7", "MD5", ""),
        (
            "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6",
            "HMAC-SHA256",
            "<return_code>SUCCESS</return_code>",
        ),
    ] {
        let document = format!(
            "<xml><appid>wxd930ea5d5a258f4f</appid><mch_id>10000100</mch_id>\
             <device_info>1000</device_info><body>test</body>\
             <nonce_str>ibuaiVcKdpRxkhJA</nonce_str><sign>{sign}</sign></xml>"
        );
        let found = explained(document.as_bytes(), &[key("api key", API_KEY)]);
        assert_eq!(found.form, Form::V2Document);
        if more.is_empty() {
            let key = "api key".to_owned();
            assert_eq!(found.verdict, Verdict::Holds { key }, "{found:?}");
            assert_eq!(found.method, method);
        } else {
            // A request names its method; this one does not.
            assert_eq!(names(&found), ["hmac-for-md5"]);
        }
        assert!(!found.text.contains(API_KEY));
    }
}

#[test]
fn each_mistake_of_a_v2_signature_is_named() {
    let (nonce, appid, mch) = (
        "nonce_str=ibuaiVcKdpRxkhJA",
        "appid=wxd930ea5d5a258f4f",
        "mch_id=10000100",
    );
    let (tea, tea_encoded) = ("茶 & cake", "%E8%8C%B6%20%26%20cake");
    let right = format!("{appid}&body={tea}&{mch}&{nonce}");
    let signed = format!("{right}&key={API_KEY}");
    let hmac_type = "<sign_type>HMAC-SHA256</sign_type>";
    let with_type = format!("{right}&sign_type=HMAC-SHA256&key={API_KEY}");
    let gbk = encoding_rs::GBK.encode(&signed).0.into_owned();
    let latin1 = signed.replace('茶', "?");
    let table: Vec<(&str, &str, String)> = vec![
        (
            "names-not-sorted",
            "",
            md5(format!("{nonce}&{appid}&body={tea}&{mch}&key={API_KEY}").as_bytes()),
        ),
        (
            "empty-values-kept",
            "",
            md5(format!("{appid}&attach=&body={tea}&{mch}&{nonce}&key={API_KEY}").as_bytes()),
        ),
        (
            "sign-included",
            "",
            md5(format!("{right}&sign=&key={API_KEY}").as_bytes()),
        ),
        (
            "values-percent-encoded",
            "",
            md5(signed.replace(tea, tea_encoded).as_bytes()),
        ),
        (
            "values-percent-encoded",
            "",
            md5(signed.replace(tea, &tea_encoded.to_lowercase()).as_bytes()),
        ),
        (
            "values-form-encoded",
            "",
            md5(signed.replace(tea, "%E8%8C%B6+%26+cake").as_bytes()),
        ),
        ("gbk", "", md5(&gbk)),
        ("latin-1", "", md5(latin1.as_bytes())),
        (
            "references-not-resolved",
            "",
            md5(signed.replace(" & ", " &amp; ").as_bytes()),
        ),
        ("key-not-appended", "", md5(right.as_bytes())),
        (
            "key-without-name",
            "",
            md5(format!("{right}{API_KEY}").as_bytes()),
        ),
        (
            "key-with-white-space",
            "",
            md5(format!("{signed}\n").as_bytes()),
        ),
        (
            "key-in-upper-case",
            "",
            md5(format!("{right}&key={}", API_KEY.to_uppercase()).as_bytes()),
        ),
        (
            "field-left-out",
            "",
            md5(signed.replace(&format!("&{mch}"), "").as_bytes()),
        ),
        ("lower-case-sign", "", md5(signed.as_bytes()).to_lowercase()),
        ("hmac-for-md5", "", hmac(API_KEY, &signed)),
        ("md5-for-hmac", hmac_type, md5(with_type.as_bytes())),
        ("field-left-out", hmac_type, hmac(API_KEY, &signed)),
        (
            "plain-sha256",
            hmac_type,
            hex(&Sha256::digest(with_type.as_bytes())),
        ),
        (
            "base64-sign",
            "",
            BASE64.encode(Md5::digest(signed.as_bytes())),
        ),
        (
            "names-sorted-without-case",
            "<Z>1</Z>",
            md5(signed.replace("&key=", "&Z=1&key=").as_bytes()),
        ),
    ];
    for (expected, more, sign) in table {
        let found = of_document(tea, more, &sign);
        assert_eq!(names(&found), [expected], "{found:?}");
    }
}

#[test]
fn two_mistakes_together_are_both_named() {
    let text = format!(
        "nonce_str=ibuaiVcKdpRxkhJA&appid=wxd930ea5d5a258f4f&body=test&mch_id=10000100&attach=&key={API_KEY}"
    );
    let found = of_document("test", "", &md5(text.as_bytes()));
    assert_eq!(names(&found), ["names-not-sorted", "empty-values-kept"]);
}

#[test]
fn another_key_and_a_key_with_white_space_are_named() {
    let text = "appid=wxd930ea5d5a258f4f&body=test&mch_id=10000100&nonce_str=ibuaiVcKdpRxkhJA&key=";
    let sign = md5(format!("{text}{API_KEY}").as_bytes());
    let document = document("test", "", &sign);
    let other = key("v3.key", "0123456789abcdef0123456789abcdef");
    let found = explained(document.as_bytes(), &[other, key("v2.key", API_KEY)]);
    assert_eq!(names(&found), ["other-key"]);
    assert!(matches!(&found.verdict, Verdict::Mistakes(m) if m[0].advice().contains("v2.key")));
    let spaced = key("v2.key", &format!("{API_KEY} "));
    assert_eq!(
        names(&explained(document.as_bytes(), &[spaced])),
        ["key-trimmed"]
    );
    // The line end of a file is not a part of the key.
    let of_file = key("v2.key", &format!("{API_KEY}\r\n"));
    let found = explained(document.as_bytes(), &[of_file]);
    assert!(matches!(found.verdict, Verdict::Holds { .. }), "{found:?}");
}

#[test]
fn white_space_and_line_ends_in_values_are_found() {
    let text = |body: &str| {
        format!(
            "appid=wxd930ea5d5a258f4f&body={body}&mch_id=10000100&nonce_str=ibuaiVcKdpRxkhJA&key={API_KEY}"
        )
    };
    let found = of_document("two\r\nlines", "", &md5(text("two\nlines").as_bytes()));
    assert_eq!(names(&found), ["line-ends-changed"]);
    let found = of_document("tea ", "", &md5(text("tea").as_bytes()));
    assert_eq!(names(&found), ["values-trimmed"]);
}

#[test]
fn an_unexplained_signature_is_shown_with_the_right_one() {
    let found = of_document("test", "", "00000000000000000000000000000000");
    let text = "appid=wxd930ea5d5a258f4f&body=test&mch_id=10000100&nonce_str=ibuaiVcKdpRxkhJA&key=";
    assert_eq!(found.text, format!("{text}(your key)"));
    let expected = Some(md5(format!("{text}{API_KEY}").as_bytes()));
    assert_eq!(found.verdict, Verdict::Unknown { expected });
    assert_eq!(of_document("test", "", "").verdict, Verdict::Unsigned);
    let document = document("test", "", "A");
    let found = explained(document.as_bytes(), &[key("merchant", MERCHANT_KEY)]);
    assert!(matches!(found.verdict, Verdict::NoKey { .. }));
}

#[test]
fn a_v2_package_is_explained() {
    let package = |sign: &str| {
        format!(
            r#"{{"appId":"wx1","timeStamp":"1490840662","nonceStr":"abc","package":"prepay_id=wx2017","signType":"MD5","paySign":"{sign}"}}"#
        )
    };
    let text = format!(
        "appId=wx1&nonceStr=abc&package=prepay_id=wx2017&signType=MD5&timeStamp=1490840662&key={API_KEY}"
    );
    let of = |text: String| {
        explained(
            package(&md5(text.as_bytes())).as_bytes(),
            &[key("api key", API_KEY)],
        )
    };
    let found = of(text.clone());
    assert_eq!(found.form, Form::V2Package);
    assert!(matches!(found.verdict, Verdict::Holds { .. }), "{found:?}");
    let found = of(text.replace("prepay_id=", ""));
    assert_eq!(names(&found), ["package-without-prefix"]);
    let found = of(text.replace("&signType=MD5", ""));
    assert_eq!(names(&found), ["field-left-out"]);
    let lower = text
        .replace("appId", "appid")
        .replace("nonceStr", "noncestr");
    let lower = lower
        .replace("signType", "signtype")
        .replace("timeStamp", "timestamp");
    assert_eq!(names(&of(lower)), ["names-in-lower-case"]);
}

#[test]
fn ionline_forms_and_answers_are_explained() {
    let text = format!("amount=10&mch_id=10085&service=unified&key={API_KEY}");
    let form = |sign: &str| format!("service=unified&mch_id=10085&amount=10&note=&sign={sign}");
    let found = explained(form(&md5(text.as_bytes())).as_bytes(), &[key("k", API_KEY)]);
    assert_eq!(found.form, Form::Ionline);
    assert!(matches!(found.verdict, Verdict::Holds { .. }), "{found:?}");
    let unsorted = format!("service=unified&mch_id=10085&amount=10&key={API_KEY}");
    let found = explained(
        form(&md5(unsorted.as_bytes())).as_bytes(),
        &[key("k", API_KEY)],
    );
    assert_eq!(names(&found), ["names-not-sorted"]);
    let text = format!("result_code=0&status=0&total_fee=10&key={API_KEY}");
    let answer = format!(
        r#"{{"status":"0","result_code":"0","total_fee":10,"sign":"{}"}}"#,
        md5(text.as_bytes())
    );
    let found = explained(answer.as_bytes(), &[key("k", API_KEY)]);
    assert!(matches!(found.verdict, Verdict::Holds { .. }), "{found:?}");
}

const BODY: &str =
    r#"{"mchid":"1900000109","description":"茶/cake","amount":{"total":1,"currency":"HKD"}}"#;

fn sign(pem: &str, text: &[u8]) -> Vec<u8> {
    let key = RsaPrivateKey::from_pkcs8_pem(pem).unwrap();
    key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(text))
        .unwrap()
}

/// An APIv3 request that is sent with this signature.
fn request(signature: &str, serial: &str, body: &str) -> String {
    format!(
        "POST /v3/global/transactions/jsapi?x=%20 HTTP/1.1\r\nHost: apihk.mch.weixin.qq.com\r\n\
         Content-Length: {}\r\nAuthorization: WECHATPAY2-SHA256-RSA2048 mchid=\"1900000109\",\
         nonce_str=\"593BEC0C930BF1AF\",timestamp=\"1554208460\",serial_no=\"{serial}\",\
         signature=\"{signature}\"\r\n\r\n{body}",
        body.len()
    )
}

fn merchant_serial() -> String {
    let certificate = wechatpay::rsa::Certificate::from_pem(MERCHANT_CERTIFICATE).unwrap();
    certificate.serial_no().to_owned()
}

fn of_request(text: &str) -> Explanation {
    let signature = BASE64.encode(sign(MERCHANT_KEY, text.as_bytes()));
    let message = request(&signature, &merchant_serial(), BODY);
    explained(message.as_bytes(), &[key("merchant", MERCHANT_CERTIFICATE)])
}

#[test]
fn each_mistake_of_a_v3_request_is_named() {
    let target = "/v3/global/transactions/jsapi?x=%20";
    let right = format!("POST\n{target}\n1554208460\n593BEC0C930BF1AF\n{BODY}\n");
    let found = of_request(&right);
    assert!(matches!(found.verdict, Verdict::Holds { .. }), "{found:?}");
    assert_eq!(
        (found.form, found.text.as_str()),
        (Form::V3Request, right.as_str())
    );
    let sorted =
        r#"{"amount":{"currency":"HKD","total":1},"description":"茶/cake","mchid":"1900000109"}"#;
    let spaced = r#"{"mchid": "1900000109", "description": "茶/cake", "amount": {"total": 1, "currency": "HKD"}}"#;
    let table: Vec<(&str, String)> = vec![
        ("last-line-feed-missing", right.trim_end().to_owned()),
        ("method-in-lower-case", right.replacen("POST", "post", 1)),
        (
            "path-with-host",
            right.replacen(
                target,
                &format!("https://apihk.mch.weixin.qq.com{target}"),
                1,
            ),
        ),
        ("path-without-query", right.replacen("?x=%20", "", 1)),
        ("path-decoded", right.replacen("%20", " ", 1)),
        ("path-without-slash", right.replacen("/v3", "v3", 1)),
        (
            "timestamp-in-milliseconds",
            right.replacen("1554208460", "1554208460000", 1),
        ),
        (
            "timestamp-after-nonce",
            right.replacen(
                "1554208460\n593BEC0C930BF1AF",
                "593BEC0C930BF1AF\n1554208460",
                1,
            ),
        ),
        ("lines-end-with-crlf", right.replace('\n', "\r\n")),
        ("line-feeds-escaped", right.replace('\n', "\\n")),
        ("body-left-out", right.replacen(BODY, "", 1)),
        ("body-written-anew", right.replacen(BODY, sorted, 1)),
        ("body-written-anew", right.replacen(BODY, spaced, 1)),
        (
            "body-written-anew",
            right.replacen(BODY, &BODY.replace('茶', "\\u8336"), 1),
        ),
        (
            "body-written-anew",
            right.replacen(BODY, &BODY.replace('/', "\\/"), 1),
        ),
        (
            "body-line-end",
            right.replacen(BODY, &format!("{BODY}\n"), 1),
        ),
        (
            "other-lines",
            right.replacen(&format!("POST\n{target}\n"), "", 1),
        ),
    ];
    for (expected, text) in table {
        let found = of_request(&text);
        assert_eq!(names(&found), [expected], "{found:?}");
    }
}

#[test]
fn the_serial_of_another_key_and_another_key_are_named() {
    let text = format!(
        "POST\n/v3/global/transactions/jsapi?x=%20\n1554208460\n593BEC0C930BF1AF\n{BODY}\n"
    );
    let signature = BASE64.encode(sign(MERCHANT_KEY, text.as_bytes()));
    let platform = wechatpay::rsa::Certificate::from_pem(PLATFORM_CERTIFICATE).unwrap();
    let message = request(&signature, platform.serial_no(), BODY);
    let found = explained(message.as_bytes(), &[key("merchant", MERCHANT_CERTIFICATE)]);
    assert_eq!(names(&found), ["serial-of-other-key"]);
    let message = request(&signature, &merchant_serial(), BODY);
    let keys = [key("platform", PLATFORM_KEY), key("merchant", MERCHANT_KEY)];
    assert_eq!(names(&explained(message.as_bytes(), &keys)), ["other-key"]);
    // The certificate with the message's serial number is the one that should
    // have signed.
    let keys = [
        key("platform", PLATFORM_KEY),
        key("merchant", MERCHANT_CERTIFICATE),
    ];
    let found = explained(message.as_bytes(), &keys);
    assert_eq!(
        found.verdict,
        Verdict::Holds {
            key: "merchant".to_owned()
        }
    );
}

#[test]
fn a_signature_that_is_written_wrongly_is_named() {
    let text = format!(
        "POST\n/v3/global/transactions/jsapi?x=%20\n1554208460\n593BEC0C930BF1AF\n{BODY}\n"
    );
    let signature = sign(MERCHANT_KEY, text.as_bytes());
    let wrapped = BASE64.encode(&signature);
    let (one, other) = wrapped.split_at(64);
    for (expected, written) in [
        ("hexadecimal-signature", hex(&signature)),
        ("base64-for-urls", URL_SAFE.encode(&signature)),
        ("signature-wrapped", format!("{one} {other}")),
    ] {
        let message = request(&written, &merchant_serial(), BODY);
        let found = explained(message.as_bytes(), &[key("merchant", MERCHANT_KEY)]);
        assert_eq!(names(&found), [expected], "{found:?}");
    }
}

#[test]
fn a_request_without_a_body_has_an_empty_last_line() {
    let message = |signature: &str| {
        format!(
            "GET /v3/certificates HTTP/1.1\nAuthorization: WECHATPAY2-SHA256-RSA2048 mchid=\"1\",\
             nonce_str=\"n\",timestamp=\"1\",serial_no=\"{}\",signature=\"{signature}\"\n\n",
            merchant_serial()
        )
    };
    let of = |text: &[u8]| {
        let signature = BASE64.encode(sign(MERCHANT_KEY, text));
        explained(
            message(&signature).as_bytes(),
            &[key("merchant", MERCHANT_KEY)],
        )
    };
    let found = of(b"GET\n/v3/certificates\n1\nn\n\n");
    assert!(matches!(found.verdict, Verdict::Holds { .. }), "{found:?}");
    assert_eq!(
        names(&of(b"GET\n/v3/certificates\n1\nn\n")),
        ["empty-body-line-missing"]
    );
    assert_eq!(
        names(&of(b"GET\n/v3/certificates\n1\nn\n{}\n")),
        ["body-written-anew"]
    );
}

#[test]
fn notices_and_packages_of_v3_are_explained() {
    let notice = |signature: &str, body: &str| {
        format!(
            "Wechatpay-Timestamp: 1554209980\nWechatpay-Nonce: c5ac7061\nWechatpay-Serial: 5157F09EFDC0\n\
             Wechatpay-Signature: {signature}\n\n{body}\n"
        )
    };
    let signature = BASE64.encode(sign(
        PLATFORM_KEY,
        format!("1554209980\nc5ac7061\n{BODY}\n").as_bytes(),
    ));
    let platform = [key("platform", PLATFORM_KEY)];
    let found = explained(notice(&signature, BODY).as_bytes(), &platform);
    assert_eq!(found.form, Form::V3Answer);
    assert!(matches!(found.verdict, Verdict::Holds { .. }), "{found:?}");
    // A framework parsed the body and wrote it again before it was logged.
    let logged = r#"{"mchid": "1900000109", "description": "茶/cake", "amount": {"total": 1, "currency": "HKD"}}"#;
    assert_eq!(
        names(&explained(notice(&signature, logged).as_bytes(), &platform)),
        ["body-written-anew"]
    );
    let probe = notice("WECHATPAY/SIGNTEST/abc", BODY);
    assert_eq!(
        explained(probe.as_bytes(), &platform).verdict,
        Verdict::Probe
    );
    let package = |text: &str| {
        let signature = BASE64.encode(sign(MERCHANT_KEY, text.as_bytes()));
        let package = format!(
            r#"{{"appId":"wx1","timeStamp":"1490840662","nonceStr":"abc","package":"prepay_id=wx2017","signType":"RSA","paySign":"{signature}"}}"#
        );
        explained(package.as_bytes(), &[key("merchant", MERCHANT_KEY)])
    };
    let found = package("wx1\n1490840662\nabc\nprepay_id=wx2017\n");
    assert_eq!(found.form, Form::V3Package);
    assert!(matches!(found.verdict, Verdict::Holds { .. }), "{found:?}");
    assert_eq!(
        names(&package("wx1\n1490840662\nabc\nwx2017\n")),
        ["package-without-prefix"]
    );
}

#[test]
fn an_unreadable_message_is_refused_with_the_reason() {
    let refused = |message: &[u8]| block_on(explain(message, &[], &Native)).unwrap_err();
    assert_eq!(refused(b" \n"), Unreadable::Empty);
    assert_eq!(refused(b"hello"), Unreadable::Unknown);
    assert!(matches!(refused(b"<xml><a>1"), Unreadable::Xml(_)));
    assert!(matches!(
        refused(b"<xml><a><b>1</b></a></xml>"),
        Unreadable::Xml(_)
    ));
    assert!(matches!(refused(b"{\"a\":"), Unreadable::Json(_)));
    assert_eq!(
        refused(b"Wechatpay-Signature: x\n\n{}"),
        Unreadable::NoHeader("Wechatpay-Timestamp")
    );
    assert_eq!(
        refused(b"POST / HTTP/1.1\nAuthorization: WECHATPAY2-SHA256-RSA2048 mchid=\"1\"\n\n"),
        Unreadable::NoParameter("timestamp")
    );
    assert_eq!(
        refused(&vec![b'a'; explain::MAX_BYTES + 1]),
        Unreadable::TooLong
    );
    assert!(Key::read("k", " \n").is_err());
    assert!(Key::read("k", "-----BEGIN PRIVATE KEY-----\nx").is_err());
}
