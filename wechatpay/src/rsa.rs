//! RSA keys and certificates as types, and the signature as a trait.
//!
//! ```text
//! -----BEGIN PRIVATE KEY-----       PKCS#8          the merchant's apiclient_key.pem
//! -----BEGIN RSA PRIVATE KEY-----   PKCS#1          the same key, older tools
//! -----BEGIN PUBLIC KEY-----        SPKI            WeChat Pay's public key
//! -----BEGIN CERTIFICATE-----       X.509           a platform certificate
//! ```
//!
//! Keys are parsed and checked here. The caller signs and verifies with them
//! through [`Rsa`]: WebCrypto on Workers, `ring` in `server/`. This crate does
//! not use the `rsa` crate, which can leak a private key through timing
//! (RUSTSEC-2023-0071); the sandbox and tests use it, because their private
//! keys are public.
//!
//! A certificate's serial number, validity and key are read. Its own signature
//! is not checked: WeChat encrypts platform certificates with the merchant's
//! APIv3 key, which authenticates them.

use crate::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use der::asn1::{AnyRef, BitStringRef, GeneralizedTime, OctetStringRef, UintRef, UtcTime};
use der::{Decode, ErrorKind, Reader, SliceReader, Tag, Tagged};
use sha2::{Digest, Sha256};
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// The shortest and the longest accepted modulus. WeChat issues 2048 bits.
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// `rsaEncryption`, 1.2.840.113549.1.1.1, with its empty parameters.
const RSA_OID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_ALGORITHM: &[u8] = &[
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// RSASSA-PKCS1-v1_5 with SHA-256, implemented by the runtime.
#[allow(
    async_fn_in_trait,
    reason = "every runtime that signs here has one thread, and its futures are not Send"
)]
pub trait Rsa {
    /// Signs a message.
    async fn rsa_sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, RsaError>;

    /// Whether `signature` is the signature of `key` over `message`.
    async fn rsa_verify(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, RsaError>;
}

/// The runtime could not use the key; the text is its error, without the key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the runtime cannot use this RSA key: {0}")]
pub struct RsaError(String);

impl RsaError {
    /// With the runtime's own error, which must not contain the key.
    pub fn of(cause: impl std::fmt::Display) -> Self {
        Self(cause.to_string())
    }
}

/// Why a text is not the requested key or certificate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// No PEM at all.
    #[error("this is not PEM: paste the whole file, from -----BEGIN to -----END")]
    NotPem,
    /// The end is missing.
    #[error("the PEM is cut short: paste the whole file, up to and with its -----END line")]
    Truncated,
    /// A certificate instead of a key.
    #[error("this is a certificate, not a key: the private key is in apiclient_key.pem")]
    CertificateForKey,
    /// A key instead of a certificate.
    #[error("this is a key, not a certificate: the certificate is in apiclient_cert.pem")]
    KeyForCertificate,
    /// A public key instead of a private key.
    #[error("this is a public key, and the private key is wanted: it is in apiclient_key.pem")]
    PublicForPrivate,
    /// A private key instead of a public key.
    #[error("this is a private key, and a public key is wanted: keep the private key to yourself")]
    PrivateForPublic,
    /// The key is protected with a password.
    #[error("the key is encrypted: give it without its password (openssl pkey -in … -out …)")]
    Encrypted,
    /// PEM of something else.
    #[error("this is PEM of a {0}, which is neither a key nor a certificate")]
    OtherLabel(String),
    /// A key of another kind.
    #[error("the key is not an RSA key: WeChat Pay signs with RSA here")]
    NotRsa,
    /// An RSA key that is too short or too long.
    #[error("the RSA key has {bits} bits: WeChat Pay issues keys of 2048")]
    WrongLength {
        /// The length of its modulus.
        bits: usize,
    },
    /// PEM whose content does not match its first line.
    #[error("the PEM is damaged: its content is not what its first line says")]
    Damaged,
}

/// A merchant's private key. It does not print, and is overwritten when
/// dropped.
#[derive(Clone)]
pub struct PrivateKey {
    pkcs8_der: Zeroizing<Vec<u8>>,
    public_key: PublicKey,
    id: String,
}

impl PrivateKey {
    /// Reads PKCS#8 or PKCS#1 PEM. Text before the first PEM line is ignored,
    /// as is any white space that an e-mail or a form added.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let armour = Armour::read(pem)?;
        match armour.label {
            "PRIVATE KEY" => Self::from_pkcs8(&armour.der),
            "RSA PRIVATE KEY" => Self::from_pkcs1(&armour.der),
            "ENCRYPTED PRIVATE KEY" => Err(KeyError::Encrypted),
            "PUBLIC KEY" | "RSA PUBLIC KEY" => Err(KeyError::PublicForPrivate),
            other => Err(not_a_key(other)),
        }
    }

    /// PKCS#8 as DER, for the runtime's import.
    pub fn pkcs8_der(&self) -> &[u8] {
        &self.pkcs8_der
    }

    /// PKCS#8 as PEM, to be sealed.
    pub fn to_pem(&self) -> Secret {
        Secret::new(armour("PRIVATE KEY", &self.pkcs8_der).as_str())
    }

    /// The public half.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The hexadecimal SHA-256 of the whole key, as its name in a cache. The
    /// public part alone would not identify the private numbers.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn from_pkcs8(bytes: &[u8]) -> Result<Self, KeyError> {
        let [_version, algorithm, key, ..] = sequence(bytes)?[..] else {
            return Err(KeyError::Damaged);
        };
        check_algorithm(algorithm)?;
        let key = key.decode_as::<&OctetStringRef>().map_err(der_error)?;
        Self::from_pkcs1(key.as_bytes())
    }

    /// Version, modulus, public exponent and six further numbers. The runtime
    /// checks that they belong together when it imports them.
    fn from_pkcs1(bytes: &[u8]) -> Result<Self, KeyError> {
        let numbers = sequence(bytes)?;
        let [_version, modulus, exponent, ..] = numbers[..] else {
            return Err(KeyError::Damaged);
        };
        if numbers.len() != 9 {
            return Err(KeyError::Damaged);
        }
        let version_0 = Zeroizing::new(vec![0x02, 0x01, 0x00]);
        let octets = Zeroizing::new(tlv(0x04, &[bytes]));
        let pkcs8_der = Zeroizing::new(tlv(0x30, &[&version_0, RSA_ALGORITHM, &octets]));
        Ok(Self {
            id: hex(&Sha256::digest(&pkcs8_der), Case::Lower),
            pkcs8_der,
            public_key: PublicKey::of(modulus, exponent)?,
        })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// A public key: WeChat Pay's, or that of a certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    spki_der: Vec<u8>,
    /// How many bytes of the SPKI, counted from its end, are the PKCS#1 key.
    pkcs1_bytes: usize,
    id: String,
}

impl PublicKey {
    /// Reads `PUBLIC KEY` PEM (SPKI); `RSA PUBLIC KEY` (PKCS#1) is accepted
    /// too.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let armour = Armour::read(pem)?;
        match armour.label {
            "PUBLIC KEY" => Self::from_spki(&sequence(&armour.der)?),
            "RSA PUBLIC KEY" => Self::from_pkcs1(&armour.der),
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => {
                Err(KeyError::PrivateForPublic)
            }
            other => Err(not_a_key(other)),
        }
    }

    /// SPKI as DER, for the runtime's import.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// PKCS#1 as DER, which some libraries require instead.
    pub fn pkcs1_der(&self) -> &[u8] {
        let start = self.spki_der.len() - self.pkcs1_bytes;
        self.spki_der.get(start..).unwrap_or_default()
    }

    /// The hexadecimal SHA-256 of the SPKI: names the key in a cache.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// SPKI as PEM.
    pub fn to_pem(&self) -> String {
        armour("PUBLIC KEY", &self.spki_der).to_string()
    }

    fn from_spki(parts: &[AnyRef<'_>]) -> Result<Self, KeyError> {
        let [algorithm, key] = *parts else {
            return Err(KeyError::Damaged);
        };
        check_algorithm(algorithm)?;
        let key = key.decode_as::<BitStringRef<'_>>().map_err(der_error)?;
        Self::from_pkcs1(key.as_bytes().ok_or(KeyError::Damaged)?)
    }

    fn from_pkcs1(bytes: &[u8]) -> Result<Self, KeyError> {
        match sequence(bytes)?[..] {
            [modulus, exponent] => Self::of(modulus, exponent),
            _ => Err(KeyError::Damaged),
        }
    }

    fn of(modulus: AnyRef<'_>, exponent: AnyRef<'_>) -> Result<Self, KeyError> {
        let modulus = unsigned(modulus)?;
        let exponent = unsigned(exponent)?;
        let bits = modulus.first().map_or(0, |first| {
            modulus.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or_default()
        });
        if !MODULUS_BITS.contains(&bits) {
            return Err(KeyError::WrongLength { bits });
        }
        let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        // An exponent of 1 would make every message its own signature.
        if !odd(modulus) || !odd(exponent) || exponent == [1] {
            return Err(KeyError::Damaged);
        }
        let numbers = tlv(0x30, &[&integer(modulus), &integer(exponent)]);
        let bit_string = tlv(0x03, &[&[0], &numbers]);
        let spki_der = tlv(0x30, &[RSA_ALGORITHM, &bit_string]);
        let id = hex(&Sha256::digest(&spki_der), Case::Lower);
        Ok(Self {
            spki_der,
            pkcs1_bytes: numbers.len(),
            id,
        })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id)
    }
}

/// The parts of a certificate that are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    serial_no: String,
    not_before_ms: i64,
    not_after_ms: i64,
    public_key: PublicKey,
    pem: String,
}

impl Certificate {
    /// Reads the first certificate of a PEM text.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let armour = Armour::read(pem)?;
        match armour.label {
            "CERTIFICATE" => Self::from_der(&armour.der),
            label if label.ends_with("KEY") => Err(KeyError::KeyForCertificate),
            other => Err(KeyError::OtherLabel(other.to_owned())),
        }
    }

    /// The serial number in upper-case hexadecimal, as in `Wechatpay-Serial`
    /// and `serial_no`.
    pub fn serial_no(&self) -> &str {
        &self.serial_no
    }

    /// The beginning of its validity, Unix milliseconds.
    pub const fn not_before_ms(&self) -> i64 {
        self.not_before_ms
    }

    /// The end of its validity, Unix milliseconds.
    pub const fn not_after_ms(&self) -> i64 {
        self.not_after_ms
    }

    /// The certified key.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The certificate as PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// ```text
    /// SEQUENCE
    ///   SEQUENCE   [0] version, serial, algorithm, issuer, validity, subject, key, …
    ///   SEQUENCE   algorithm
    ///   BIT STRING signature
    /// ```
    fn from_der(bytes: &[u8]) -> Result<Self, KeyError> {
        let [signed, _algorithm, _signature] = sequence(bytes)?[..] else {
            return Err(KeyError::Damaged);
        };
        let fields = list(signed.value())?;
        // A certificate of version 1 omits its version.
        let fields = match fields.first() {
            Some(first) if first.tag() != Tag::Integer => fields.get(1..).unwrap_or_default(),
            _ => &fields[..],
        };
        let [serial, _algorithm, _issuer, validity, _subject, key, ..] = *fields else {
            return Err(KeyError::Damaged);
        };
        let [not_before, not_after] = list(validity.value())?[..] else {
            return Err(KeyError::Damaged);
        };
        Ok(Self {
            serial_no: hex(unsigned(serial)?, Case::Upper),
            not_before_ms: moment_ms(not_before)?,
            not_after_ms: moment_ms(not_after)?,
            public_key: PublicKey::from_spki(&list(key.value())?)?,
            pem: armour("CERTIFICATE", bytes).to_string(),
        })
    }
}

/// The content of the first PEM block of a text.
struct Armour<'a> {
    label: &'a str,
    der: Zeroizing<Vec<u8>>,
}

impl<'a> Armour<'a> {
    fn read(text: &'a str) -> Result<Self, KeyError> {
        let (_, rest) = text.split_once("-----BEGIN ").ok_or(KeyError::NotPem)?;
        let (label, rest) = rest.split_once("-----").ok_or(KeyError::Truncated)?;
        let (content, end) = rest.split_once("-----END ").ok_or(KeyError::Truncated)?;
        let closes = end.strip_prefix(label).ok_or(KeyError::Truncated)?;
        if !closes.starts_with("-----") {
            return Err(KeyError::Truncated);
        }
        // Only the old form of an encrypted key has such a line.
        if content.contains("ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        let base64: Zeroizing<Vec<u8>> = Zeroizing::new(
            content
                .bytes()
                .filter(|byte| !byte.is_ascii_whitespace())
                .collect(),
        );
        let der = BASE64.decode(&*base64).map_err(|_| KeyError::Damaged)?;
        Ok(Self {
            label,
            der: Zeroizing::new(der),
        })
    }
}

fn armour(label: &str, der: &[u8]) -> Zeroizing<String> {
    const LINE: usize = 64;
    let base64 = Zeroizing::new(BASE64.encode(der));
    let mut pem = Zeroizing::new(String::with_capacity(base64.len() * 66 / 64 + 80));
    pem.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

/// The error for PEM that is not an RSA key.
fn not_a_key(label: &str) -> KeyError {
    match label {
        "CERTIFICATE" => KeyError::CertificateForKey,
        label if label.ends_with("KEY") => KeyError::NotRsa,
        other => KeyError::OtherLabel(other.to_owned()),
    }
}

fn check_algorithm(algorithm: AnyRef<'_>) -> Result<(), KeyError> {
    match list(algorithm.value())?.first() {
        Some(oid) if oid.tag() == Tag::ObjectIdentifier && oid.value() == RSA_OID => Ok(()),
        Some(oid) if oid.tag() == Tag::ObjectIdentifier => Err(KeyError::NotRsa),
        _ => Err(KeyError::Damaged),
    }
}

fn moment_ms(value: AnyRef<'_>) -> Result<i64, KeyError> {
    let since_1970 = match value.tag() {
        Tag::UtcTime => value.decode_as::<UtcTime>().map(|t| t.to_unix_duration()),
        _ => value
            .decode_as::<GeneralizedTime>()
            .map(|t| t.to_unix_duration()),
    };
    let millis = since_1970.map_err(der_error)?.as_millis();
    i64::try_from(millis).map_err(|_| KeyError::Damaged)
}

fn unsigned(value: AnyRef<'_>) -> Result<&[u8], KeyError> {
    let number = value.decode_as::<UintRef<'_>>().map_err(der_error)?;
    Ok(number.as_bytes())
}

/// The elements of the bytes' one sequence.
fn sequence(bytes: &[u8]) -> Result<Vec<AnyRef<'_>>, KeyError> {
    let whole = AnyRef::from_der(bytes).map_err(der_error)?;
    if whole.tag() == Tag::Sequence {
        list(whole.value())
    } else {
        Err(KeyError::Damaged)
    }
}

fn list(content: &[u8]) -> Result<Vec<AnyRef<'_>>, KeyError> {
    let mut reader = SliceReader::new(content).map_err(der_error)?;
    let mut elements = Vec::new();
    while !reader.is_finished() {
        elements.push(AnyRef::decode(&mut reader).map_err(der_error)?);
    }
    Ok(elements)
}

fn der_error(error: der::Error) -> KeyError {
    match error.kind() {
        ErrorKind::Incomplete { .. } => KeyError::Truncated,
        _ => KeyError::Damaged,
    }
}

/// One DER element. Its length takes one byte, or a count and then that
/// number of bytes.
fn tlv(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let len: usize = content.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(len + 6);
    out.push(tag);
    match u8::try_from(len) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = len.to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            let bytes = bytes.get(zeros..).unwrap_or_default();
            out.push(0x80 | u8::try_from(bytes.len()).unwrap_or_default());
            out.extend_from_slice(bytes);
        }
    }
    content.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// A non-negative number: a zero byte precedes a first bit that is set.
fn integer(number: &[u8]) -> Vec<u8> {
    let sign: &[u8] = match number.first() {
        Some(first) if *first >= 0x80 => &[0],
        _ => &[],
    };
    tlv(0x02, &[sign, number])
}

#[derive(Clone, Copy)]
pub(crate) enum Case {
    Lower,
    Upper,
}

pub(crate) fn hex(bytes: &[u8], case: Case) -> String {
    let digits: &[u8; 16] = match case {
        Case::Lower => b"0123456789abcdef",
        Case::Upper => b"0123456789ABCDEF",
    };
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| digits.get(usize::from(digit)))
        .map(|digit| char::from(*digit))
        .collect()
}
