//! The v3 dialect, compared with vectors, samples and field lists from outside
//! this project.

mod documented;
mod json;
mod keys;
mod messages;
mod notices;
mod refunds;
mod samples;
mod signatures;
mod statements;
mod vectors;

use crate::{direct, institution};
use futures_executor::block_on;
use order::{Account, Currency, Money, OutTradeNo, Payment, TradeType};
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey};
use rsa::{Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use serde_json::Value;
use sha2::{Digest, Sha256};
use wechatpay::Secret;
use wechatpay::rsa::{Certificate, PrivateKey, PublicKey, Rsa, RsaError};
use wechatpay::v3::answer::{self, AnswerError};
use wechatpay::v3::{Incoming, Keyring, Outgoing, Region, Signature, Verified};

/// RSA by a crate that is acceptable in tests: it can leak keys through timing.
struct Native;

impl Rsa for Native {
    async fn rsa_sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, RsaError> {
        let key = RsaPrivateKey::from_pkcs8_der(key.pkcs8_der()).map_err(RsaError::of)?;
        key.sign(scheme(), &Sha256::digest(message))
            .map_err(RsaError::of)
    }

    async fn rsa_verify(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, RsaError> {
        let key = RsaPublicKey::from_public_key_der(key.spki_der()).map_err(RsaError::of)?;
        let digest = Sha256::digest(message);
        Ok(key.verify(scheme(), &digest, signature).is_ok())
    }
}

/// PKCS#1 v1.5 with the prefix that says SHA-256.
fn scheme() -> Pkcs1v15Sign {
    let prefix = [
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        0x05, 0x00, 0x04, 0x20,
    ];
    Pkcs1v15Sign {
        hash_len: Some(32),
        prefix: prefix.into(),
    }
}

/// 8 June 2018, 10:34:56 in China.
const SAMPLE_MS: i64 = 1_528_425_296_000;

/// 1 January 2026: within the time of the tests' certificates.
const NOW_MS: i64 = 1_767_225_600_000;

const NONCE_12: &str = "61f9c719728a";

const REGIONS: [Region; 2] = [Region::Global, Region::Mainland];

fn merchant_key() -> PrivateKey {
    PrivateKey::from_pem(include_str!("../../keys/merchant.pkcs8.pem")).unwrap()
}

fn platform_key() -> PrivateKey {
    PrivateKey::from_pem(include_str!("../../keys/platform.pkcs8.pem")).unwrap()
}

fn platform_certificate() -> Certificate {
    Certificate::from_pem(include_str!("../../keys/platform.certificate.pem")).unwrap()
}

fn keyring() -> Keyring {
    Keyring {
        certificates: vec![platform_certificate()],
        public_key: None,
    }
}

fn api_v3_key() -> Secret {
    Secret::new("a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb")
}

/// The platform's signature over a body, made now.
fn signature(body: &[u8]) -> Signature {
    let key = platform_key();
    let certificate = platform_certificate();
    let serial = certificate.serial_no();
    block_on(Signature::sign(
        serial,
        &key,
        body,
        NOW_MS / 1000,
        "nonce",
        &Native,
    ))
    .unwrap()
}

/// Finds a header as a server does: by its name in any case.
fn finder<'a>(headers: &'a [(&'static str, String)]) -> impl Fn(&'static str) -> Option<&'a str> {
    move |wanted| {
        headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.as_str())
    }
}

/// An answer as it is received, signed by the platform.
fn opened(status: u16, body: &str) -> Result<Verified<'_>, AnswerError> {
    let headers = signature(body.as_bytes()).to_headers();
    let header = finder(&headers);
    let keyring = keyring();
    let answer = answer::open(status, header, body.as_bytes(), &keyring, NOW_MS, &Native);
    block_on(answer)
}

/// A valid answer.
fn verified(body: &str) -> Verified<'_> {
    opened(200, body).unwrap()
}

/// The request as the receiver has it.
fn arrived<'a>(request: &'a Outgoing, mchid: &'a str) -> Incoming<'a> {
    let target = &request.path_and_query;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Incoming {
        region: Region::of_path(path),
        mchid,
        path,
        query,
        body: request.body.as_bytes(),
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// An institution whose merchant has no application of its own.
fn institution_without_app() -> Account {
    Account {
        sub_appid: None,
        ..institution()
    }
}

fn accounts() -> [Account; 3] {
    [direct(), institution(), institution_without_app()]
}

fn hkd(amount: i64) -> Money {
    Money::new(amount, Currency::Hkd).unwrap()
}

fn out_trade_no() -> OutTradeNo {
    OutTradeNo::new("1217752501201407033233368018").unwrap()
}

fn payment(account: Account, trade_type: TradeType) -> Payment {
    let institution = account.sub_mch_id.is_some();
    Payment {
        out_trade_no: out_trade_no().to_string(),
        transaction_id: "4200000000002104083200000488".to_owned(),
        money: hkd(888),
        trade_type,
        openid: Some("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".to_owned()),
        sub_openid: institution.then(|| "oUpF8uMuAJO_M2pxb1Q9zNjWeS7p".to_owned()),
        is_subscribe: None,
        sub_is_subscribe: None,
        bank_type: Some("CMC".to_owned()),
        cash_fee: Some(754),
        cash_fee_type: Some("CNY".to_owned()),
        rate: Some("84853800".to_owned()),
        attach: Some("茶".to_owned()),
        time_end: "20180608103456".to_owned(),
        account,
    }
}
