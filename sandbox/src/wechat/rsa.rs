//! RSASSA-PKCS1-v1_5 with SHA-256, for the sandbox's own keys and for the
//! merchants' signatures.
//!
//! The `rsa` crate can leak a private key through timing (RUSTSEC-2023-0071).
//! The sandbox's private keys are public, so it may use the crate. A gateway's
//! keys are secret: it uses WebCrypto on Workers and `ring` in `server/`
//! (`wechatpay::rsa::Rsa`).

use rsa::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
use rsa::{Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use sha2::{Digest as _, Sha256};
use wechatpay::rsa::{PrivateKey, PublicKey};

/// The RSA implementation. A simulation replaces it with a faster one: see
/// [`Sandbox::with_rsa`](crate::Sandbox::with_rsa).
#[derive(Clone, Copy, Debug)]
pub struct Rsa {
    /// The signature, empty when the key's numbers do not belong together.
    pub sign: fn(&PrivateKey, &[u8]) -> Vec<u8>,
    /// Whether the last argument is the key's signature over the message.
    pub verify: fn(&PublicKey, &[u8], &[u8]) -> bool,
}

impl Default for Rsa {
    fn default() -> Self {
        Self { sign, verify }
    }
}

pub(crate) fn sign(key: &PrivateKey, message: &[u8]) -> Vec<u8> {
    RsaPrivateKey::from_pkcs8_der(key.pkcs8_der())
        .ok()
        .and_then(|key| {
            key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message))
                .ok()
        })
        .unwrap_or_default()
}

pub(crate) fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    RsaPublicKey::from_public_key_der(key.spki_der()).is_ok_and(|key| {
        let digest = Sha256::digest(message);
        key.verify(Pkcs1v15Sign::new::<Sha256>(), &digest, signature)
            .is_ok()
    })
}
