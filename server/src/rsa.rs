//! RSA by `ring`: RSASSA-PKCS1-v1_5 with SHA-256, in constant time.

use crate::runtime::NativeRuntime;
use gateway::runtime::{PrivateKey, PublicKey, Rsa, RsaError};
use ring::rand::SystemRandom;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Enough for the merchants of one thread; a full cache is emptied.
const MOST_KEYS: usize = 4096;

thread_local! {
    /// Parsed private keys, by the hash of their public half.
    static KEYS: RefCell<HashMap<String, Rc<RsaKeyPair>>> = RefCell::default();
}

impl Rsa for NativeRuntime {
    async fn rsa_sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, RsaError> {
        Ring.rsa_sign(key, message).await
    }

    async fn rsa_verify(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, RsaError> {
        Ring.rsa_verify(key, message, signature).await
    }
}

/// `ring`'s RSA, separate from the runtime.
#[derive(Clone, Copy, Debug)]
pub struct Ring;

impl Rsa for Ring {
    async fn rsa_sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, RsaError> {
        let known = KEYS.with_borrow(|keys| keys.get(key.id()).cloned());
        let pair = match known {
            Some(pair) => pair,
            None => {
                let read = RsaKeyPair::from_pkcs8(key.pkcs8_der()).map_err(RsaError::of)?;
                let pair = Rc::new(read);
                KEYS.with_borrow_mut(|keys| {
                    if keys.len() >= MOST_KEYS {
                        keys.clear();
                    }
                    keys.insert(key.id().to_owned(), pair.clone());
                });
                pair
            }
        };
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message,
            &mut signature,
        )
        .map_err(RsaError::of)?;
        Ok(signature)
    }

    async fn rsa_verify(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, RsaError> {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.pkcs1_der());
        Ok(key.verify(message, signature).is_ok())
    }
}
