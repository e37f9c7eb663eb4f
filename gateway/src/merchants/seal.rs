//! Secrets at rest, and authenticated tokens.
//!
//! ```text
//! sealed: base64url( nonce(12) ‖ AES-256-GCM(master/seal, nonce, aad, text) )
//! token:  base64url( JSON ) "." base64url( HMAC-SHA256(master/purpose, JSON) )
//! ```
//!
//! Each purpose has a key of its own, derived from the master key, so that a
//! token that is made for one purpose is not valid for another.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// The deployment's master key, 32 bytes; and during a rotation the previous
/// one, which opens and verifies but makes nothing new. Its debug form contains
/// no part of it.
pub struct MasterKey {
    current: [u8; 32],
    previous: Option<[u8; 32]>,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Why credentials cannot be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Another master key, or changed bytes.
    #[error("the sealed credentials do not open with this MASTER_KEY")]
    NotOpened,
    /// They open, but this part of them cannot be parsed; the text repeats none
    /// of it.
    #[error("the credentials open with this MASTER_KEY, but cannot be read: {0}")]
    Unreadable(String),
}

impl MasterKey {
    /// Parses 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut key = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self {
            current: key,
            previous: None,
        })
    }

    /// This key, with `previous` as the previous one.
    pub const fn after(self, previous: &Self) -> Self {
        Self {
            previous: Some(previous.current),
            ..self
        }
    }

    /// This key without the previous one.
    pub const fn alone(&self) -> Self {
        Self {
            current: self.current,
            previous: None,
        }
    }

    /// A stable pseudonym for a value that does not reveal the value.
    pub fn alias(&self, purpose: &str, text: &str) -> String {
        BASE64.encode(mac_of(&self.current, purpose, text.as_bytes()))
    }

    fn keys(&self) -> impl Iterator<Item = &[u8; 32]> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// Seals a text for the holder of `name`; `nonce` is random and used once.
    pub fn seal(&self, name: &str, text: &str, nonce: [u8; 12]) -> Result<String, SealError> {
        let payload = Payload {
            msg: text.as_bytes(),
            aad: name.as_bytes(),
        };
        let sealed = cipher(&self.current)?
            .encrypt(&nonce.into(), payload)
            .map_err(|_| SealError::NotOpened)?;
        Ok(BASE64.encode([&nonce[..], &sealed].concat()))
    }

    /// Opens what [`MasterKey::seal`] sealed for the same `name`.
    pub fn open(&self, name: &str, sealed: &str) -> Result<String, SealError> {
        let bytes = BASE64.decode(sealed).map_err(|_| SealError::NotOpened)?;
        let (nonce, sealed) = bytes
            .split_first_chunk::<12>()
            .ok_or(SealError::NotOpened)?;
        let open = |key| {
            let payload = Payload {
                msg: sealed,
                aad: name.as_bytes(),
            };
            cipher(key).ok()?.decrypt(&(*nonce).into(), payload).ok()
        };
        let text = self.keys().find_map(open).ok_or(SealError::NotOpened)?;
        String::from_utf8(text).map_err(|_| SealError::NotOpened)
    }

    /// A token with the contents `value`, for one purpose.
    pub fn token<T: Serialize>(&self, purpose: &str, value: &T) -> String {
        let json = serde_json::to_string(value).unwrap_or_default();
        let mac = mac_of(&self.current, purpose, json.as_bytes());
        format!("{}.{}", BASE64.encode(json), BASE64.encode(mac))
    }

    /// The contents of a token, if it was made for this purpose.
    pub fn read_token<T: DeserializeOwned>(&self, purpose: &str, token: &str) -> Option<T> {
        let (json, mac) = token.split_once('.')?;
        let json = BASE64.decode(json).ok()?;
        let given = BASE64.decode(mac).ok()?;
        let holds = |key| bool::from(mac_of(key, purpose, &json).ct_eq(&given));
        self.keys()
            .any(holds)
            .then(|| serde_json::from_slice(&json).ok())
            .flatten()
    }
}

fn cipher(key: &[u8; 32]) -> Result<Aes256Gcm, SealError> {
    Aes256Gcm::new_from_slice(&mac_of(key, "seal", b"")).map_err(|_| SealError::NotOpened)
}

fn mac_of(key: &[u8; 32], purpose: &str, bytes: &[u8]) -> [u8; 32] {
    let key = hmac_sha256(key, purpose.as_bytes());
    hmac_sha256(&key, bytes)
}

/// HMAC-SHA256.
pub fn hmac_sha256(key: &[u8], bytes: &[u8]) -> [u8; 32] {
    // HMAC accepts a key of any length, so this does not fail.
    Hmac::<Sha256>::new_from_slice(key)
        .map(|mac| mac.chain_update(bytes).finalize().into_bytes().into())
        .unwrap_or_default()
}

/// The stored form of an api-key or api-secret, by which it is recognised.
pub fn fingerprint(text: &str) -> String {
    BASE64.encode(Sha256::digest(text))
}

/// The beginning of a fingerprint, which distinguishes keys in an audit.
pub fn short(fingerprint: &str) -> &str {
    fingerprint.get(..8).unwrap_or(fingerprint)
}

/// A random text of letters and digits for keys and ids: 22 characters of base
/// 62 have the entropy of 16 random bytes.
pub fn random_text(mut random: impl FnMut(&mut [u8]), length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut byte = [0; 1];
        random(&mut byte);
        // 248 is the largest multiple of 62 in a byte: larger values would
        // favour the beginning of the alphabet.
        let [byte] = byte;
        let letter = (byte < 248).then(|| ALPHABET.get(usize::from(byte % 62)));
        text.extend(letter.flatten().map(|letter| char::from(*letter)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(digit: char) -> MasterKey {
        MasterKey::from_hex(&digit.to_string().repeat(64)).unwrap()
    }

    #[test]
    fn sealed_texts_open_only_for_their_name_and_key() {
        let sealed = key('1').seal("demo", "密钥", [7; 12]).unwrap();
        assert_eq!(key('1').open("demo", &sealed).unwrap(), "密钥");
        assert_eq!(key('1').open("other", &sealed), Err(SealError::NotOpened));
        assert_eq!(key('2').open("demo", &sealed), Err(SealError::NotOpened));
        assert_eq!(key('1').open("demo", ""), Err(SealError::NotOpened));
        assert_eq!(
            key('1').open("demo", &sealed[..8]),
            Err(SealError::NotOpened)
        );
    }

    #[test]
    fn the_previous_key_opens_and_seals_nothing() {
        let changing = || key('2').after(&key('1'));
        let sealed = key('1').seal("demo", "密钥", [7; 12]).unwrap();
        assert_eq!(changing().open("demo", &sealed).unwrap(), "密钥");
        assert_eq!(
            changing().alone().open("demo", &sealed),
            Err(SealError::NotOpened)
        );
        let token = key('1').token("payer", &"openid");
        let read = |key: &MasterKey| key.read_token::<String>("payer", &token);
        assert_eq!(read(&changing()).unwrap(), "openid");
        assert_eq!(read(&changing().alone()), None);
        let sealed = changing().seal("demo", "密钥", [7; 12]).unwrap();
        assert_eq!(key('1').open("demo", &sealed), Err(SealError::NotOpened));
        assert_eq!(key('2').open("demo", &sealed).unwrap(), "密钥");
    }

    #[test]
    fn tokens_are_bound_to_their_purpose() {
        let token = key('1').token("payer", &"openid");
        assert_eq!(
            key('1').read_token::<String>("payer", &token).unwrap(),
            "openid"
        );
        assert_eq!(key('1').read_token::<String>("oauth", &token), None);
        assert_eq!(key('2').read_token::<String>("payer", &token), None);
        for forged in ["", ".", "a.b", token.trim_end_matches(|c| c != '.')] {
            assert_eq!(key('1').read_token::<String>("payer", forged), None);
        }
    }

    #[test]
    fn the_master_key_does_not_print() {
        assert_eq!(format!("{:?}", key('1')), "MasterKey(…)");
    }
}
