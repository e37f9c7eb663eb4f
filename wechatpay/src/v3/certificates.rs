//! Platform certificates: the keys that WeChat signs with.
//!
//! ```text
//! GET /v3/global/certificates  |  /v3/certificates
//! answer
//!   data[]  serial_no effective_time expire_time
//!           encrypt_certificate{algorithm,nonce,associated_data,ciphertext}
//! ```
//!
//! The first answer is signed with a key that only this answer contains. It is
//! decrypted with the merchant's APIv3 key, which only the merchant has, and
//! then its signature is verified with the decrypted key. A merchant that uses
//! WeChat Pay's public key gets a refusal with
//! [`ResourceNotExists`](super::ErrorCode::ResourceNotExists).

use super::answer::Unverified;
use super::field::FieldError;
use super::gcm::{GcmError, Sealed};
use super::json::Object;
use super::keyring::{Keyring, verify};
use super::region::Region;
use super::request::Outgoing;
use super::sign::Signature;
use super::time;
use crate::Secret;
use crate::common::Problem;
use crate::common::json::{Document, JsonError};
use crate::rsa::{Certificate, KeyError, PublicKey, Rsa};
use serde_json::{Value, json};
use thiserror::Error;

/// Why an answer contains no usable certificates.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CertificatesError {
    /// Not a v3 message.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// A field is not as the manual says.
    #[error("the answer's {0}")]
    Field(#[from] FieldError),
    /// A certificate cannot be decrypted with the merchant's key.
    #[error("the certificate {serial_no}: {error}")]
    Sealed {
        /// The certificate's serial number.
        serial_no: String,
        /// The reason.
        error: GcmError,
    },
    /// The decrypted text is not a certificate.
    #[error("the certificate {serial_no}: {error}")]
    Certificate {
        /// The certificate's serial number.
        serial_no: String,
        /// The reason.
        error: KeyError,
    },
    /// The answer is not signed with any of them.
    #[error("the answer cannot be verified: {0}")]
    Unverified(#[from] Unverified),
}

/// The request to send.
pub fn request(region: Region) -> Outgoing {
    let path = match region {
        Region::Global => "/v3/global/certificates",
        Region::Mainland => "/v3/certificates",
    };
    Outgoing::get(path.to_owned())
}

/// Reads an answer of status 200: decrypts the certificates with the merchant's
/// APIv3 key, and verifies the answer's signature with them, or with WeChat
/// Pay's public key where the merchant has that too.
pub async fn read<'h>(
    header: impl Fn(&'static str) -> Option<&'h str>,
    body: &[u8],
    key: &Secret,
    public_key: Option<(String, PublicKey)>,
    now_ms: i64,
    rsa: &impl Rsa,
) -> Result<Vec<Certificate>, CertificatesError> {
    let signature = Signature::from_headers(header).map_err(Unverified::from)?;
    let keyring = Keyring {
        certificates: open(body, key)?,
        public_key,
    };
    verify(&signature, body, &keyring, now_ms, rsa)
        .await
        .map_err(Unverified::from)?;
    Ok(keyring.certificates)
}

/// Every certificate that can be read. An unreadable one, such as one of
/// another algorithm, does not hide the others; if none can be read, the error
/// is that of the first.
fn open(body: &[u8], key: &Secret) -> Result<Vec<Certificate>, CertificatesError> {
    let document = Document::parse(body)?;
    let items = document.root().objects("data")?;
    let read: Vec<_> = items.iter().map(|item| open_one(item, key)).collect();
    if read.iter().all(Result::is_err) {
        return read.into_iter().collect();
    }
    Ok(read.into_iter().flatten().collect())
}

fn open_one(item: &Object<'_>, key: &Secret) -> Result<Certificate, CertificatesError> {
    let serial_no = item.text("serial_no", 64)?.to_owned();
    let sealed = Sealed::read(&item.object("encrypt_certificate")?)?;
    let pem = match sealed.open(key) {
        Ok(pem) => pem,
        Err(error) => return Err(CertificatesError::Sealed { serial_no, error }),
    };
    let pem = std::str::from_utf8(&pem).map_err(|_| KeyError::NotPem);
    let certificate = match pem.and_then(Certificate::from_pem) {
        Ok(certificate) => certificate,
        Err(error) => return Err(CertificatesError::Certificate { serial_no, error }),
    };
    if !certificate.serial_no().eq_ignore_ascii_case(&serial_no) {
        let other = "encrypt_certificate";
        let error = item.error("serial_no", Problem::Contradicts { other });
        return Err(error.into());
    }
    Ok(certificate)
}

/// The body, for a merchant with this APIv3 key. `nonces` has one of 12
/// characters for each certificate, from the caller.
pub fn to_json(
    certificates: &[Certificate],
    nonces: &[String],
    key: &Secret,
) -> Result<String, GcmError> {
    let mut data = Vec::new();
    for (certificate, nonce) in certificates.iter().zip(nonces) {
        let pem = certificate.pem().as_bytes();
        data.push(json!({
            "serial_no": certificate.serial_no(),
            "effective_time": time::rfc3339(certificate.not_before_ms()),
            "expire_time": time::rfc3339(certificate.not_after_ms()),
            "encrypt_certificate": Sealed::seal(pem, nonce, "certificate", key)?.to_json(),
        }));
    }
    Ok(Value::from_iter([("data", Value::Array(data))]).to_string())
}
