//! WeChat's keys, and the type of bytes whose signature they have verified.
//!
//! `Wechatpay-Serial` names the key: a platform certificate, or WeChat Pay's
//! public key `PUB_KEY_ID_…`. While a merchant changes from the one to the
//! other both occur, so a merchant may hold both.

use super::sign::{Signature, answer_message, is_stale};
use crate::rsa::{Certificate, PublicKey, Rsa, RsaError};
use thiserror::Error;

/// WeChat's keys, as one merchant has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyring {
    /// Platform certificates: the current one, and during a rotation the next.
    pub certificates: Vec<Certificate>,
    /// WeChat Pay's public key, with its id `PUB_KEY_ID_…`.
    pub public_key: Option<(String, PublicKey)>,
}

/// Why a signature is not valid for WeChat.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// The timestamp is more than 5 minutes off: a replayed message, or a wrong
    /// clock.
    #[error("the signature's timestamp is more than 5 minutes off")]
    Stale,
    /// The key is unknown: the certificates may have to be downloaded again.
    #[error("the signature names a key that is not known here")]
    UnknownSerial(String),
    /// The certificate has expired.
    #[error("the certificate that the signature names has expired")]
    CertificateExpired,
    /// The certificate is not valid yet.
    #[error("the certificate that the signature names is not valid yet")]
    CertificateNotYetValid,
    /// The signature is not valid.
    #[error("the signature does not match")]
    BadSignature,
    /// The runtime cannot use the key.
    #[error("the key that the signature names cannot be used: {0}")]
    Key(RsaError),
}

impl Keyring {
    /// The key that a signature of this time names.
    pub fn find(&self, serial: &str, now_ms: i64) -> Result<&PublicKey, VerifyError> {
        if let Some((id, key)) = &self.public_key
            && id == serial
        {
            return Ok(key);
        }
        let certificate = self
            .certificates
            .iter()
            .find(|certificate| certificate.serial_no().eq_ignore_ascii_case(serial))
            .ok_or_else(|| VerifyError::UnknownSerial(serial.to_owned()))?;
        if now_ms > certificate.not_after_ms() {
            Err(VerifyError::CertificateExpired)
        } else if now_ms < certificate.not_before_ms() {
            Err(VerifyError::CertificateNotYetValid)
        } else {
            Ok(certificate.public_key())
        }
    }
}

/// Bytes that WeChat signed. Only [`verify`] makes them, and payments are read
/// only from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<'a>(&'a [u8]);

impl<'a> Verified<'a> {
    /// The bytes.
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }
}

/// Verifies the signature over the raw body of an answer or a notice.
pub async fn verify<'a>(
    signature: &Signature,
    body: &'a [u8],
    keyring: &Keyring,
    now_ms: i64,
    rsa: &impl Rsa,
) -> Result<Verified<'a>, VerifyError> {
    if is_stale(signature.timestamp_s, now_ms) {
        return Err(VerifyError::Stale);
    }
    let key = keyring.find(&signature.serial, now_ms)?;
    let message = answer_message(signature.timestamp_s, &signature.nonce, body);
    match rsa.rsa_verify(key, &message, &signature.signature).await {
        Ok(true) => Ok(Verified(body)),
        Ok(false) => Err(VerifyError::BadSignature),
        Err(error) => Err(VerifyError::Key(error)),
    }
}
