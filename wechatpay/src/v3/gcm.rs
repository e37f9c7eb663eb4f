//! AEAD_AES_256_GCM: WeChat's encryption for a merchant, under the merchant's
//! APIv3 key of 32 bytes.
//!
//! ```text
//! {"algorithm":"AEAD_AES_256_GCM","nonce":12 characters,"associated_data":"…",
//!  "ciphertext": base64 of the text and a tag of 16 bytes}
//! ```
//!
//! The tag proves only that a holder of the key made the text; WeChat's
//! signature around it authenticates WeChat.

use super::field::FieldError;
use super::json::Object;
use crate::Secret;
use crate::common::json::MAX_BYTES;
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use thiserror::Error;

/// The one algorithm.
pub const ALGORITHM: &str = "AEAD_AES_256_GCM";

/// How many bytes a nonce has.
pub const NONCE_LEN: usize = 12;

const TAG_LEN: usize = 16;

/// Why a ciphertext cannot be decrypted, or a text encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GcmError {
    /// Another algorithm.
    #[error("the algorithm is {0}, and only {ALGORITHM} is known")]
    Algorithm(String),
    /// The key is not one of APIv3.
    #[error("an APIv3 key has 32 bytes, and this one has {bytes}")]
    KeyLength {
        /// How many it has.
        bytes: usize,
    },
    /// A nonce of another length, which is another algorithm.
    #[error("a nonce has {NONCE_LEN} bytes, and this one has {bytes}")]
    NonceLength {
        /// How many it has.
        bytes: usize,
    },
    /// The ciphertext is not base64.
    #[error("the ciphertext is not base64")]
    NotBase64,
    /// The ciphertext is shorter than its tag.
    #[error("the ciphertext is cut short: it has no room for its tag")]
    TooShort,
    /// Encrypted with another key, or changed in transit.
    #[error("the ciphertext does not open with this key: it is another key's, or was changed")]
    NotAuthentic,
}

/// A text under a merchant's key, in the form of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// How it is encrypted.
    pub algorithm: String,
    /// Used once with this key.
    pub nonce: String,
    /// Not encrypted, but authenticated with the text. May be empty.
    pub associated_data: String,
    /// Base64.
    pub ciphertext: String,
}

impl Sealed {
    /// Encrypts a text. `nonce` has 12 characters and comes from the caller.
    pub fn seal(
        text: &[u8],
        nonce: &str,
        associated_data: &str,
        key: &Secret,
    ) -> Result<Self, GcmError> {
        let payload = Payload {
            msg: text,
            aad: associated_data.as_bytes(),
        };
        let ciphertext = cipher(key)?
            .encrypt(&nonce_bytes(nonce)?.into(), payload)
            .map_err(|_| GcmError::NotAuthentic)?;
        Ok(Self {
            algorithm: ALGORITHM.to_owned(),
            nonce: nonce.to_owned(),
            associated_data: associated_data.to_owned(),
            ciphertext: BASE64.encode(ciphertext),
        })
    }

    /// Decrypts it.
    pub fn open(&self, key: &Secret) -> Result<Vec<u8>, GcmError> {
        if self.algorithm != ALGORITHM {
            return Err(GcmError::Algorithm(self.algorithm.clone()));
        }
        let cipher = cipher(key)?;
        let nonce = nonce_bytes(&self.nonce)?;
        let ciphertext = BASE64
            .decode(&self.ciphertext)
            .map_err(|_| GcmError::NotBase64)?;
        if ciphertext.len() < TAG_LEN {
            return Err(GcmError::TooShort);
        }
        let payload = Payload {
            msg: &ciphertext,
            aad: self.associated_data.as_bytes(),
        };
        cipher
            .decrypt(&nonce.into(), payload)
            .map_err(|_| GcmError::NotAuthentic)
    }

    /// Reads `resource` or `encrypt_certificate`. Without `associated_data` it
    /// is empty.
    pub fn read(object: &Object<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            algorithm: object.text("algorithm", 64)?.to_owned(),
            nonce: object.text("nonce", 64)?.to_owned(),
            associated_data: object.owned("associated_data")?.unwrap_or_default(),
            ciphertext: object.text("ciphertext", MAX_BYTES)?.to_owned(),
        })
    }

    /// The object in messages.
    pub fn to_json(&self) -> Value {
        json!({
            "algorithm": self.algorithm,
            "nonce": self.nonce,
            "associated_data": self.associated_data,
            "ciphertext": self.ciphertext,
        })
    }
}

fn cipher(key: &Secret) -> Result<Aes256Gcm, GcmError> {
    let key = key.expose().as_bytes();
    Aes256Gcm::new_from_slice(key).map_err(|_| GcmError::KeyLength { bytes: key.len() })
}

fn nonce_bytes(nonce: &str) -> Result<[u8; NONCE_LEN], GcmError> {
    nonce
        .as_bytes()
        .try_into()
        .map_err(|_| GcmError::NonceLength { bytes: nonce.len() })
}
