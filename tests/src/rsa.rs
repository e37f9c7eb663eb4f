//! Native RSA for the worlds of tests. The `rsa` crate can leak a private key
//! through timing (RUSTSEC-2023-0071); the tests' keys are public.

use rsa::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
use rsa::{Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use sha2::{Digest as _, Sha256};
use wechatpay::rsa::{PrivateKey, PublicKey, RsaError};

/// The signature.
pub fn sign(key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, RsaError> {
    RsaPrivateKey::from_pkcs8_der(key.pkcs8_der())
        .map_err(RsaError::of)?
        .sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message))
        .map_err(RsaError::of)
}

/// Whether `signature` is the signature of `key` over the message.
pub fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<bool, RsaError> {
    let key = RsaPublicKey::from_public_key_der(key.spki_der()).map_err(RsaError::of)?;
    let digest = Sha256::digest(message);
    Ok(key
        .verify(Pkcs1v15Sign::new::<Sha256>(), &digest, signature)
        .is_ok())
}
