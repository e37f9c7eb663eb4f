//! The v3 part of `tests/vectors.json`.

use super::{Native, block_on};
use crate::vectors::{text, vectors_of};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use wechatpay::Secret;
use wechatpay::rsa::{Certificate, PublicKey, Rsa};
use wechatpay::v3::gcm::{ALGORITHM, GcmError, Sealed};
use wechatpay::v3::invoke::{self, app_message, jsapi_message};
use wechatpay::v3::sign::{PROBE_PREFIX, SCHEME, answer_message, request_message};
use wechatpay::v3::{Authorization, Keyring, Signature, VerifyError, keyring};

fn key(vector: &Value) -> PublicKey {
    let key = &vector["key"];
    match key["certificate_pem"].as_str() {
        Some(pem) => {
            let certificate = Certificate::from_pem(pem).unwrap();
            if let Some(serial) = key["serial"].as_str() {
                assert_eq!(certificate.serial_no(), serial);
            }
            certificate.public_key().clone()
        }
        None => PublicKey::from_pem(&text(&key["public_key_pem"])).unwrap(),
    }
}

fn holds(vector: &Value, message: &[u8], signature: &str) -> bool {
    let signature = BASE64.decode(signature).unwrap();
    block_on(Native.rsa_verify(&key(vector), message, &signature)).unwrap()
}

fn seconds(inputs: &Value) -> i64 {
    text(&inputs["timestamp"]).parse().unwrap()
}

fn request(inputs: &Value) -> Vec<u8> {
    request_message(
        &text(&inputs["method"]),
        &text(&inputs["url"]),
        seconds(inputs),
        &text(&inputs["nonce"]),
        text(&inputs["body"]).as_bytes(),
    )
}

fn check(vector: &Value) {
    let name = text(&vector["name"]);
    let inputs = &vector["inputs"];
    let input = |field: &str| text(&inputs[field]);
    let expected = &vector["expected"];
    match vector["algorithm"].as_str().unwrap() {
        "v3-request-sign-rsa-sha256" => {
            assert!(holds(vector, &request(inputs), &text(expected)), "{name}");
        }
        "v3-request-verify-rsa-sha256" => {
            assert!(
                holds(vector, &request(inputs), &input("signature")),
                "{name}"
            );
        }
        "v3-response-verify-rsa-sha256" => {
            let signature = Signature {
                timestamp_s: seconds(inputs),
                nonce: input("nonce"),
                serial: input("serial"),
                signature: BASE64.decode(input("signature")).unwrap(),
            };
            let keyring = Keyring {
                certificates: Vec::new(),
                public_key: Some((input("serial"), key(vector))),
            };
            let now_ms = seconds(inputs) * 1000;
            let body = input("body");
            let got = block_on(keyring::verify(
                &signature,
                body.as_bytes(),
                &keyring,
                now_ms,
                &Native,
            ));
            let got = got.map(|verified| verified.bytes() == body.as_bytes());
            if expected == true {
                assert_eq!(got, Ok(true), "{name}");
            } else {
                assert_eq!(got, Err(VerifyError::BadSignature), "{name}");
            }
        }
        "v3-paysign-rsa-sha256" => {
            let line_4 = input("line4");
            let message = if line_4.starts_with("prepay_id=") {
                jsapi_message
            } else {
                app_message
            };
            let (app_id, time_stamp) = (input("appId"), input("timeStamp"));
            let message = message(&app_id, &time_stamp, &input("nonceStr"), &line_4);
            assert!(holds(vector, &message, &text(expected)), "{name}");
        }
        "rsa-sha256-sign" => {
            let message = input("message");
            assert!(holds(vector, message.as_bytes(), &text(expected)), "{name}");
        }
        "rsa-sha256-verify" => {
            let got = holds(vector, input("message").as_bytes(), &input("signature"));
            assert_eq!(got, *expected, "{name}");
        }
        "x509-serial-hex-upper" => {
            let certificate = Certificate::from_pem(&input("certificate_pem")).unwrap();
            assert_eq!(certificate.serial_no(), text(expected), "{name}");
        }
        "v3-signing-string" => assert_eq!(request(inputs), text(expected).as_bytes(), "{name}"),
        "v3-response-string" => {
            let message = answer_message(seconds(inputs), &input("nonce"), b"");
            assert_eq!(message, text(expected).as_bytes(), "{name}");
        }
        // The vector's signer puts "Sign:" before the message.
        "v3-authorization-header-mock" => {
            let message = String::from_utf8(request(inputs)).unwrap();
            let header = authorization(inputs, format!("Sign:{message}")).to_header();
            let header = header.replace(SCHEME, &input("schema"));
            assert_eq!(header, text(expected), "{name}");
        }
        "v3-authorization-header" => {
            let authorization = authorization(inputs, input("signature"));
            let parsed = Authorization::parse(&text(expected)).unwrap();
            assert_eq!(parsed, authorization, "{name}");
            let again = Authorization::parse(&authorization.to_header());
            assert_eq!(again, Ok(authorization), "{name}");
        }
        "v3-aes-gcm" => check_gcm(&name, vector),
        other => panic!("{name}: no check for {other}"),
    }
}

fn authorization(inputs: &Value, signature: String) -> Authorization {
    Authorization {
        mchid: text(&inputs["mchid"]),
        serial_no: text(&inputs["serial"]),
        timestamp_s: seconds(inputs),
        nonce_str: text(&inputs["nonce"]),
        signature,
    }
}

/// Some vectors have keys of 16 bytes or nonces of 16. WeChat has neither, so
/// they are refused by name.
fn check_gcm(name: &str, vector: &Value) {
    let key = text(&vector["key"]);
    let expected = text(&vector["expected"]);
    let sealed = Sealed {
        algorithm: ALGORITHM.to_owned(),
        nonce: text(&vector["inputs"]["nonce"]),
        associated_data: text(&vector["inputs"]["associated_data"]),
        ciphertext: text(&vector["inputs"]["ciphertext"]),
    };
    let opened = sealed.open(&Secret::new(key.as_str()));
    let bytes = sealed.nonce.len();
    if key.len() != 32 {
        let bytes = key.len();
        assert_eq!(opened, Err(GcmError::KeyLength { bytes }), "{name}");
    } else if bytes != 12 {
        assert_eq!(opened, Err(GcmError::NonceLength { bytes }), "{name}");
    } else if expected == "ERROR" {
        assert_eq!(opened, Err(GcmError::NotAuthentic), "{name}");
    } else {
        let opened = String::from_utf8(opened.unwrap()).unwrap();
        assert_eq!(opened.trim_end(), expected.trim_end(), "{name}");
        let (nonce, aad) = (&sealed.nonce, &sealed.associated_data);
        let again = Sealed::seal(opened.as_bytes(), nonce, aad, &Secret::new(key));
        assert_eq!(again.unwrap(), sealed, "{name}");
    }
}

#[test]
fn every_vector_holds() {
    let vectors = vectors_of(&["v3-", "cert-"]);
    assert_eq!(vectors.len(), 43);
    vectors.iter().for_each(check);
}

/// The published packages, verified as WeChat verifies them.
#[test]
fn packages_are_those_of_the_vectors() {
    let vectors = vectors_of(&["v3-paySign-jsapi-official", "v3-appsign-official"]);
    let [jsapi, app] = &vectors[..] else {
        panic!("two vectors");
    };
    let input = |vector: &Value, field: &str| text(&vector["inputs"][field]);
    let mut package = wechatpay::common::invoke::Jsapi {
        app_id: input(jsapi, "appId"),
        time_stamp: input(jsapi, "timeStamp"),
        nonce_str: input(jsapi, "nonceStr"),
        package: input(jsapi, "line4"),
        sign_type: "RSA".to_owned(),
        pay_sign: text(&jsapi["expected"]),
    };
    let verify = |package: &wechatpay::common::invoke::Jsapi| {
        block_on(invoke::verify_jsapi(package, &key(jsapi), &Native)).unwrap()
    };
    assert!(verify(&package));
    package.sign_type = "MD5".to_owned();
    assert!(!verify(&package));
    package.sign_type = "RSA".to_owned();
    package.nonce_str.push('x');
    assert!(!verify(&package));
    package.pay_sign = format!("{PROBE_PREFIX}x");
    assert!(!verify(&package));

    let mut package = wechatpay::common::invoke::App {
        appid: input(app, "appId"),
        partnerid: "1900007291".to_owned(),
        prepayid: input(app, "line4"),
        package: wechatpay::common::invoke::APP_PACKAGE.to_owned(),
        noncestr: input(app, "nonceStr"),
        timestamp: input(app, "timeStamp"),
        sign: text(&app["expected"]),
    };
    let verify = |package: &wechatpay::common::invoke::App| {
        block_on(invoke::verify_app(package, &key(app), &Native)).unwrap()
    };
    assert!(verify(&package));
    package.prepayid.push('x');
    assert!(!verify(&package));
}
