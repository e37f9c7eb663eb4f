//! `/tools/sign`: a signature is explained in the browser, and what is entered
//! stays there.

use crate::visit;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wechatpay::rsa::PrivateKey;

const PLATFORM_KEY: &str = include_str!("../../wechatpay/tests/keys/platform.pkcs8.pem");
const PLATFORM_CERTIFICATE: &str =
    include_str!("../../wechatpay/tests/keys/platform.certificate.pem");
const KEY: &str = "192006250b4c09247ec02edce69f6a2d";
const KEY_FIELD: &str = "The key that should have signed";

#[test]
fn a_signature_is_explained_and_nothing_that_is_entered_leaves_the_browser() {
    visit(|system, reader| {
        reader.expects_in_the_console("/sent-by-a-test");
        reader.opens(&format!("{}/", system.gateway()));
        reader.taps("Why a signature is wrong");
        reader.sees("Why is this signature wrong?");
        reader.finds_it_accessible("the page about signatures");
        reader.waits_for("return !document.getElementById('explain').disabled");
        let loaded = "return performance.getEntriesByType('resource').length";
        let before = reader.evaluates(loaded);

        // WeChat Pay v2 manual, section 4.3.1, in lower case.
        let document = "<xml><appid>wxd930ea5d5a258f4f</appid><mch_id>10000100</mch_id>\
                        <device_info>1000</device_info><body>test</body>\
                        <nonce_str>ibuaiVcKdpRxkhJA</nonce_str>\
                        <sign>9a0a8659f005d6984697e2ca0a9cf3b7</sign></xml>";
        reader.writes("The message", document);
        reader.taps("Explain");
        reader.sees("Enter a key.");
        reader.writes(KEY_FIELD, KEY);
        reader.taps("Explain");
        reader.sees("This is a WeChat Pay v2 document, signed by MD5.");
        reader.sees("lower-case-sign");
        reader.does_not_see(&format!("key={KEY}"));
        reader.pictures("sign-tool");

        // RSA is the browser's.
        let enter = |message: &str, key: &str| {
            let set = |id: &str, text: &str| {
                format!("document.getElementById('{id}').value = {};", json!(text))
            };
            reader.evaluates(&format!("{}{}", set("message", message), set("key", key)));
            reader.taps("Explain");
        };
        let body = r#"{"id":"EV-1"}"#;
        let key = PrivateKey::from_pem(PLATFORM_KEY).unwrap();
        let signed = format!("1554209980\nc5ac7061\n{body}\n");
        let signature = tests::rsa::sign(&key, signed.as_bytes()).unwrap();
        let notice = |body: &str| {
            format!(
                "Wechatpay-Timestamp: 1554209980\nWechatpay-Nonce: c5ac7061\n\
                 Wechatpay-Serial: 5157F09EFDC096DE15EBE81A47057A7232F1B8E1\nWechatpay-Signature: {}\n\n{body}",
                STANDARD.encode(&signature)
            )
        };
        enter(&notice(body), PLATFORM_CERTIFICATE);
        reader.sees("an answer or notice of WeChat Pay APIv3");
        reader.sees("The signature holds, with the key of the first field.");
        enter(&notice(r#"{"id": "EV-1"}"#), PLATFORM_CERTIFICATE);
        reader.sees("body-written-anew");
        enter("hello", "-----BEGIN PRIVATE KEY-----");
        reader.sees("The key of the first field:");

        assert_eq!(reader.evaluates(loaded), before, "nothing was requested");
        let sent = "return fetch('/sent-by-a-test').then(() => 'sent', () => 'refused')";
        assert_eq!(reader.evaluates(sent), Value::from("refused"));
    });
}
