//! RSA in the simulation. The real arithmetic would take most of a seed's time,
//! so both sides share this replacement, which keeps RSA's guarantees: a
//! program without a [`PrivateKey`] cannot sign, and a signature is not valid
//! for other bytes or another key.

use sha2::{Digest as _, Sha256};
use wechatpay::rsa::{PrivateKey, PublicKey, Rsa, RsaError};

/// No actor of the simulation knows it: it would be needed to compute a
/// signature without [`sign`].
const SECRET: &[u8] = b"what only this module knows";

/// A real one has 2048 bits.
const SIGNATURE_LEN: usize = 256;

/// For the sandbox.
pub(super) const SANDBOX: sandbox::Rsa = sandbox::Rsa { sign, verify };

/// For the gateway, and every actor who has a key.
#[derive(Debug)]
pub(super) struct StandIn;

impl Rsa for StandIn {
    async fn rsa_sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, RsaError> {
        Ok(sign(key, message))
    }

    async fn rsa_verify(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, RsaError> {
        Ok(verify(key, message, signature))
    }
}

fn sign(key: &PrivateKey, message: &[u8]) -> Vec<u8> {
    signature(key.public_key(), message)
}

fn verify(key: &PublicKey, message: &[u8], given: &[u8]) -> bool {
    given == signature(key, message)
}

fn signature(key: &PublicKey, message: &[u8]) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update(SECRET);
    digest.update(key.id());
    digest.update(message);
    digest.finalize().repeat(SIGNATURE_LEN / 32)
}
