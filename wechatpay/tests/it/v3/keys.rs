//! Keys and certificates: which are accepted, and the name of every refusal.

use super::{NOW_MS, Native, block_on, platform_certificate};
use wechatpay::rsa::{Certificate, KeyError, PrivateKey, PublicKey, Rsa, RsaError};
use wechatpay::v3::{Keyring, VerifyError};

macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!("../../keys/", $name, ".pem"))
    };
}

const PRIVATE: &str = pem!("merchant.pkcs8");
const PUBLIC: &str = pem!("merchant.public");
const CERTIFICATE: &str = pem!("merchant.certificate");

/// The text with `content` between its first and its last line.
fn hollow(pem: &str, content: &str) -> String {
    let lines: Vec<&str> = pem.lines().collect();
    format!("{}\n{content}\n{}\n", lines[0], lines[lines.len() - 1])
}

fn private(pem: &str) -> Result<String, KeyError> {
    PrivateKey::from_pem(pem).map(|key| key.public_key().id().to_owned())
}

fn public(pem: &str) -> Result<String, KeyError> {
    PublicKey::from_pem(pem).map(|key| key.id().to_owned())
}

fn certificate(pem: &str) -> Result<String, KeyError> {
    Certificate::from_pem(pem).map(|read| read.public_key().id().to_owned())
}

#[test]
fn one_key_reads_the_same_in_five_forms() {
    let key = PrivateKey::from_pem(PRIVATE).unwrap();
    let id = key.public_key().id().to_owned();
    assert_eq!(id.len(), 64);
    assert_ne!(key.id(), id, "the private numbers have a part in its name");
    assert_eq!(private(pem!("merchant.pkcs1")), Ok(id.clone()));
    assert_eq!(public(PUBLIC), Ok(id.clone()));
    assert_eq!(public(pem!("merchant.public.pkcs1")), Ok(id.clone()));
    assert_eq!(certificate(CERTIFICATE), Ok(id.clone()));
    // Unchanged, byte for byte.
    assert_eq!(key.to_pem().expose(), PRIVATE);
    assert_eq!(key.public_key().to_pem(), PUBLIC);
    assert_eq!(
        Certificate::from_pem(CERTIFICATE).unwrap().pem(),
        CERTIFICATE
    );
    let pkcs1 = PrivateKey::from_pem(pem!("merchant.pkcs1")).unwrap();
    assert_eq!(pkcs1.pkcs8_der(), key.pkcs8_der());
    assert_eq!(pkcs1.id(), key.id());
}

#[test]
fn white_space_and_a_preamble_are_accepted() {
    let id = private(PRIVATE).unwrap();
    let lines: Vec<&str> = PRIVATE.lines().collect();
    for text in [
        format!("Bag Attributes\n    friendlyName: x\n{PRIVATE}"),
        PRIVATE.replace('\n', "\r\n"),
        PRIVATE.replace('\n', "\n    "),
        PRIVATE.trim_end().to_owned(),
        hollow(PRIVATE, &lines[1..lines.len() - 1].concat()),
        format!("{PRIVATE}{CERTIFICATE}"),
    ] {
        assert_eq!(private(&text), Ok(id.clone()), "{text}");
    }
}

#[test]
fn a_secret_key_does_not_print() {
    let key = PrivateKey::from_pem(PRIVATE).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey(…)");
}

#[test]
fn each_kind_of_malformed_pem_has_its_error() {
    let cut = |text: &str, at: usize| text[..at].to_owned();
    let lines: Vec<&str> = PRIVATE.lines().collect();
    let short = hollow(PRIVATE, &lines[1..9].concat());
    let damaged = PRIVATE.replacen("\nM", "\n!", 1);
    let ends_as_another = PRIVATE.replace("END PRIVATE", "END RSA PRIVATE");
    let der_of_another = hollow(PRIVATE, "BAEA");
    let other = hollow(PRIVATE, "BAEA").replace("PRIVATE KEY", "X509 CRL");
    let crl = KeyError::OtherLabel("X509 CRL".to_owned());
    for (text, expect) in [
        ("", KeyError::NotPem),
        ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", KeyError::NotPem),
        (&cut(PRIVATE, 20), KeyError::Truncated),
        (&cut(PRIVATE, 900), KeyError::Truncated),
        (&cut(PRIVATE, PRIVATE.len() - 10), KeyError::Truncated),
        (&ends_as_another, KeyError::Truncated),
        (&short, KeyError::Truncated),
        (&damaged, KeyError::Damaged),
        (&der_of_another, KeyError::Damaged),
        (&other, crl),
        (CERTIFICATE, KeyError::CertificateForKey),
        (PUBLIC, KeyError::PublicForPrivate),
        (pem!("merchant.public.pkcs1"), KeyError::PublicForPrivate),
        (pem!("merchant.encrypted"), KeyError::Encrypted),
        (pem!("merchant.pkcs1.encrypted"), KeyError::Encrypted),
        (pem!("elliptic"), KeyError::NotRsa),
        (pem!("elliptic.sec1"), KeyError::NotRsa),
        (pem!("short"), KeyError::WrongLength { bits: 1024 }),
    ] {
        assert_eq!(private(text), Err(expect), "{text}");
    }
    assert_eq!(public(PRIVATE), Err(KeyError::PrivateForPublic));
    assert_eq!(public(CERTIFICATE), Err(KeyError::CertificateForKey));
    assert_eq!(public(&cut(PUBLIC, 200)), Err(KeyError::Truncated));
    assert_eq!(certificate(PRIVATE), Err(KeyError::KeyForCertificate));
    assert_eq!(certificate(PUBLIC), Err(KeyError::KeyForCertificate));
    assert_eq!(
        certificate(&cut(CERTIFICATE, 500)),
        Err(KeyError::Truncated)
    );
    let label = PRIVATE.replace("PRIVATE KEY", "CERTIFICATE");
    assert_eq!(certificate(&label), Err(KeyError::Damaged));
}

/// Every input is either parsed or refused.
#[test]
fn mutated_pem_does_not_panic() {
    for pem in [PRIVATE, PUBLIC, CERTIFICATE] {
        crate::mutate(2000, pem.as_bytes(), &[b"-----", b"A", b"\n"], |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let _ = (private(&text), public(&text), certificate(&text));
        });
    }
}

/// A key whose numbers do not belong together is accepted until it is used.
#[test]
fn an_unusable_key_is_an_error_of_the_runtime() {
    let key = PrivateKey::from_pem(PRIVATE).unwrap();
    let mut der = key.pkcs8_der().to_vec();
    let in_a_prime = der.len() - 700;
    der[in_a_prime] ^= 0x10;
    let pem = hollow(
        PRIVATE,
        &base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der),
    );
    let broken = PrivateKey::from_pem(&pem).unwrap();
    let signed = block_on(Native.rsa_sign(&broken, b"x"));
    assert!(matches!(signed, Err(RsaError { .. })), "{signed:?}");
}

#[test]
fn certificates_are_valid_within_their_dates() {
    let expired = Certificate::from_pem(pem!("platform.expired")).unwrap();
    // Serial numbers have no leading zeros.
    assert_eq!(
        expired.serial_no(),
        "57F09EFDC096DE15EBE81A47057A7232F1B8E2"
    );
    // 1 January 2019 and 2024, midnight UTC.
    assert_eq!(expired.not_before_ms(), 1_546_300_800_000);
    assert_eq!(expired.not_after_ms(), 1_704_067_200_000);
    let good = platform_certificate();
    // 30 June 2051. After 2049 the year has four digits, which is another ASN.1
    // type.
    assert_eq!(good.not_after_ms(), 2_571_696_000_000);

    let serial = good.serial_no().to_owned();
    let public_key = PublicKey::from_pem(PUBLIC).unwrap();
    let keyring = Keyring {
        certificates: vec![expired.clone(), good.clone()],
        public_key: Some(("PUB_KEY_ID_0114".to_owned(), public_key.clone())),
    };
    let find = |serial: &str, now_ms| keyring.find(serial, now_ms).map(PublicKey::id);
    assert_eq!(find(&serial, NOW_MS), Ok(good.public_key().id()));
    assert_eq!(
        find(&serial.to_lowercase(), NOW_MS),
        Ok(good.public_key().id())
    );
    assert_eq!(find("PUB_KEY_ID_0114", NOW_MS), Ok(public_key.id()));
    assert_eq!(
        find("PUB_KEY_ID_0115", NOW_MS),
        Err(VerifyError::UnknownSerial("PUB_KEY_ID_0115".to_owned()))
    );
    let old = expired.serial_no();
    let end = expired.not_after_ms();
    assert_eq!(find(old, NOW_MS), Err(VerifyError::CertificateExpired));
    assert!(find(old, end).is_ok());
    assert_eq!(find(old, end + 1), Err(VerifyError::CertificateExpired));
    let start = expired.not_before_ms();
    assert!(find(old, start).is_ok());
    assert_eq!(
        find(old, start - 1),
        Err(VerifyError::CertificateNotYetValid)
    );
}
