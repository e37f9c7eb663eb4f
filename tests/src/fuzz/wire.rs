//! Readers of messages from WeChat, iOnline and browsers. Where bytes must be
//! signed or encrypted to get further, they are, so that later readers are
//! reached.

use crate::memory::START_MS;
use checkout::{Environment, Lang, format_amount, link};
use futures_executor::block_on;
use order::{Account, Currency, Money};
use wechatpay::common::bill::Bill;
use wechatpay::common::json::Document;
use wechatpay::common::{Fields, SignType, time};
use wechatpay::rsa::{Certificate, PrivateKey, PublicKey, Rsa, RsaError};
use wechatpay::v2::{native, notify, refund_notify};
use wechatpay::v3::gcm::Sealed;
use wechatpay::v3::{Authorization, Keyring, Signature, certificates};
use wechatpay::{Secret, code2session, ionline as acquirer, oauth as wechat_oauth, v3};

const KEY: &str = "weceive-sandbox-demo-key-0000001";
const PUBLIC_KEY: &str = include_str!("../../../sandbox/src/keys/public_key.pub.pem");
const KEY_ID: &str = "PUB_KEY_ID_0000000000000024101100397200000006";

pub(super) fn key() -> Secret {
    Secret::new(KEY)
}

/// A document that can be read is written in a form that can be read again.
pub(super) fn v2_xml(input: &[u8]) {
    for root in ["xml", "root"] {
        if let Ok(fields) = Fields::parse_root(input, root) {
            let again = Fields::parse_root(fields.to_xml_root(root).as_bytes(), root);
            assert_eq!(again.as_ref(), Ok(&fields));
            let sealed = fields.sealed(&key(), SignType::Md5);
            assert_eq!(sealed.verify(&key(), SignType::Md5), Ok(()));
        }
    }
}

pub(super) fn v2_notice(input: &[u8]) {
    let _ = notify::Notice::read(input, &key(), SignType::Md5);
    let _ = refund_notify::Notice::read(input, &key());
    let _ = native::Callback::read(input, &key(), SignType::Md5);
    let _ = notify::is_ack(input);
    let Ok(fields) = Fields::parse(input) else {
        return;
    };
    for sign_type in [SignType::Md5, SignType::HmacSha256] {
        let signed = fields.clone().sealed(&key(), sign_type).to_xml();
        if let Ok(notice) = notify::Notice::read(signed.as_bytes(), &key(), sign_type) {
            let xml = notice.to_xml(&key(), sign_type);
            let again = notify::Notice::read(xml.as_bytes(), &key(), sign_type);
            assert_eq!(again.as_ref(), Ok(&notice));
        }
        let _ = native::Callback::read(signed.as_bytes(), &key(), sign_type);
    }
    // The document inside a refund's notice.
    if let Ok(refund) = refund_notify::Refund::read(&fields) {
        let again = refund_notify::Refund::read(&refund.to_fields());
        assert_eq!(again.as_ref(), Ok(&refund));
    }
}

pub(super) fn v2_bill(input: &[u8]) {
    let _ = Bill::read(input);
}

pub(super) fn v3_json(input: &[u8]) {
    if let Ok(document) = Document::parse(input) {
        let fields = document.into_fields();
        let text = serde_json::Value::Object(fields.clone()).to_string();
        let again = Document::parse(text.as_bytes()).map(Document::into_fields);
        assert_eq!(again, Ok(fields));
    }
}

/// Accepts every signature.
struct AcceptsEverySignature;

impl Rsa for AcceptsEverySignature {
    async fn rsa_sign(&self, _: &PrivateKey, _: &[u8]) -> Result<Vec<u8>, RsaError> {
        Ok(vec![0; 256])
    }

    async fn rsa_verify(&self, _: &PublicKey, _: &[u8], _: &[u8]) -> Result<bool, RsaError> {
        Ok(true)
    }
}

fn keyring() -> Keyring {
    let key = PublicKey::from_pem(PUBLIC_KEY).expect("the sandbox's own key");
    Keyring {
        certificates: Vec::new(),
        public_key: Some((KEY_ID.to_owned(), key)),
    }
}

fn signature() -> Signature {
    Signature {
        timestamp_s: START_MS / 1000,
        nonce: "nonce".to_owned(),
        serial: KEY_ID.to_owned(),
        signature: vec![0; 256],
    }
}

/// A notice whose envelope is the input, and two whose resource is.
pub(super) fn v3_notice(input: &[u8]) {
    let mut notices = vec![input.to_vec()];
    for (event, original) in [
        ("TRANSACTION.SUCCESS", "transaction"),
        ("REFUND.SUCCESS", "refund"),
    ] {
        let Ok(sealed) = Sealed::seal(input, "a-nonce-of-12", original, &key())
            .or_else(|_| Sealed::seal(input, "a-nonce-of12", original, &key()))
        else {
            continue;
        };
        let mut resource = sealed.to_json();
        resource["original_type"] = original.into();
        let envelope = serde_json::json!({
            "id": "1", "create_time": "2026-01-02T03:04:05+00:00", "event_type": event,
            "resource_type": "encrypt-resource", "summary": "s", "resource": resource,
        });
        notices.push(envelope.to_string().into_bytes());
    }
    for notice in notices {
        let (keyring, signature) = (keyring(), signature());
        let verified = v3::keyring::verify(
            &signature,
            &notice,
            &keyring,
            START_MS,
            &AcceptsEverySignature,
        );
        let Ok(verified) = block_on(verified) else {
            panic!("every signature holds here");
        };
        let _ = v3::notify::Notice::read(verified, &key());
        let _ = v3::refund_notify::Notice::read(verified, &key());
        let _ = v3::notify::Hint::read(&notice, &key());
        let _ = v3::notify::Envelope::read(verified);
    }
}

/// One header per line: the four of a signature; and the first as a request's
/// `Authorization`.
pub(super) fn v3_signature(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.lines().map(str::to_owned);
    let headers: [Option<String>; 4] = std::array::from_fn(|_| lines.next());
    let header = |name: &'static str| {
        let names = ["signature", "timestamp", "nonce", "serial"];
        let at = names
            .iter()
            .position(|part| name.to_ascii_lowercase().ends_with(part))?;
        headers[at].as_deref()
    };
    if let Ok(signature) = Signature::from_headers(header) {
        let written = signature.to_headers();
        let again = Signature::from_headers(|name| {
            let found = written.iter().find(|(written, _)| *written == name)?;
            Some(found.1.as_str())
        });
        assert_eq!(again.as_ref(), Ok(&signature));
    }
    let _ = Authorization::parse(&text);
}

/// Certificates whose PEM is the input, sealed as WeChat seals them; and the
/// input as the whole answer.
pub(super) fn v3_certificates(input: &[u8]) {
    let signature = signature().to_headers();
    let header = |name: &'static str| {
        let found = signature.iter().find(|(written, _)| *written == name)?;
        Some(found.1.as_str())
    };
    let sealed = Sealed::seal(input, "a-nonce-of12", "certificate", &key());
    let answer = sealed.map(|sealed| {
        let item = serde_json::json!({
            "serial_no": "5157F09EFDC096DE15EBE81A47057A7232F1B8E1",
            "encrypt_certificate": sealed.to_json(),
        });
        serde_json::json!({ "data": [item] })
            .to_string()
            .into_bytes()
    });
    for body in [input.to_vec()].into_iter().chain(answer) {
        let public_key = keyring().public_key;
        let key = key();
        let read = certificates::read(
            header,
            &body,
            &key,
            public_key,
            START_MS,
            &AcceptsEverySignature,
        );
        let _ = block_on(read);
    }
}

pub(super) fn pem(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(key) = PrivateKey::from_pem(text) {
        let again = PrivateKey::from_pem(key.to_pem().expose());
        assert_eq!(
            again.map(|key| key.id().to_owned()),
            Ok(key.id().to_owned())
        );
    }
    if let Ok(key) = PublicKey::from_pem(text) {
        assert_eq!(PublicKey::from_pem(&key.to_pem()), Ok(key));
    }
    if let Ok(certificate) = Certificate::from_pem(text) {
        assert_eq!(Certificate::from_pem(certificate.pem()), Ok(certificate));
    }
}

pub(super) fn ionline(input: &[u8]) {
    if let Ok(fields) = acquirer::form::read(input) {
        let again = acquirer::form::read(acquirer::form::write(&fields).as_bytes());
        assert_eq!(again.as_ref(), Ok(&fields));
    }
    let account = Account {
        appid: "wx5a11d0b0c0ffee01".to_owned(),
        mch_id: "1900000114".to_owned(),
        sub_appid: None,
        sub_mch_id: None,
    };
    let _ = acquirer::answer::read(input, &account.mch_id, &key());
    if let Ok(fields) = acquirer::json::read(input) {
        let again = acquirer::json::read(acquirer::json::write(&fields).as_bytes());
        assert_eq!(again.as_ref(), Ok(&fields));
        let signed = fields.sealed(&key(), SignType::Md5);
        let signed = acquirer::json::write(&signed);
        let _ = acquirer::answer::read(signed.as_bytes(), &account.mch_id, &key());
    }
    let merchant = acquirer::Merchant {
        account: &account,
        currency: Currency::Hkd,
    };
    let _ = acquirer::notify::Notice::read(input, merchant, &key());
    if let Ok(fields) = Fields::parse(input) {
        let signed = fields.sealed(&key(), SignType::Md5).to_xml();
        let _ = acquirer::notify::Notice::read(signed.as_bytes(), merchant, &key());
    }
}

pub(super) fn oauth(input: &[u8]) {
    let _ = wechat_oauth::Token::read(input);
    let _ = code2session::Answer::read(input);
    let text = String::from_utf8_lossy(input);
    if let Ok(authorize) = wechat_oauth::Authorize::read(&text) {
        let url = authorize.to_url("https://open.weixin.qq.com/connect/oauth2/authorize");
        assert_eq!(wechat_oauth::Authorize::read(&url), Ok(authorize));
    }
    let _ = wechat_oauth::TokenRequest::read(&text);
    let _ = code2session::Request::read(&text);
}

/// Line by line: a User-Agent, Accept-Language, a language, and a payer's
/// input.
pub(super) fn payer(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default();
    let (agent, accept, tag, entered) = (next(), next(), next(), next());
    let environment = Environment::from_user_agent(agent);
    let _ = environment.inside_a_mini_program();
    let _ = Environment::mini_program_appid(agent);
    let lang = Lang::choose(Some(tag), agent, Some(accept));
    assert_eq!(Lang::from_tag(lang.tag()), Some(lang));
    if let Ok(quantity) = link::read_quantity(entered) {
        assert!(quantity >= 0);
    }
    for currency in Currency::all() {
        if let Ok(minor) = link::read_amount(entered, currency)
            && let Ok(money) = Money::new(minor, currency)
        {
            assert!(!format_amount(money, lang).is_empty());
        }
    }
}

pub(super) fn times(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for line in text.lines() {
        if let Ok(ms) = time::parse_china(line) {
            assert_eq!(time::china(ms), line);
        }
        if let Ok(ms) = time::parse_china_spaced(line) {
            assert_eq!(time::china_spaced(ms), line);
        }
        if let Ok(ms) = v3::time::parse_rfc3339(line) {
            assert_eq!(v3::time::parse_rfc3339(&v3::time::rfc3339(ms)), Ok(ms));
        }
        if let Ok(date) = time::Date::parse(line) {
            assert_eq!(date.next().previous(), date);
        }
        let _ = wechatpay::common::bill::Decimal::parse(line);
    }
}
