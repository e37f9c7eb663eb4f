//! RSA by the runtime's `WebCrypto`: RSASSA-PKCS1-v1_5 with SHA-256.
//!
//! Each isolate imports a key once and caches it by its name, which is a hash
//! of its public half.

use crate::runtime::WorkersRuntime;
use gateway::observe::without_addresses;
use gateway::runtime::{PrivateKey, PublicKey, Rsa, RsaError};
use js_sys::{Array, Object, Reflect, Uint8Array};
use std::cell::RefCell;
use std::collections::HashMap;
use wasm_bindgen::prelude::*;

const ALGORITHM: &str = "RSASSA-PKCS1-v1_5";

/// Enough for the merchants of one deployment; a full cache is emptied.
const REMEMBER_AT_MOST: usize = 1024;

thread_local! {
    /// `CryptoKey`s, by use and name.
    static IMPORTED: RefCell<HashMap<(Use, String), JsValue>> = RefCell::new(HashMap::new());
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Use {
    Sign,
    Verify,
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"], js_name = importKey)]
    async fn import_key(
        format: &str,
        bytes: &Uint8Array,
        algorithm: &Object,
        extractable: bool,
        uses: &Array,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"], js_name = sign)]
    async fn sign(algorithm: &str, key: &JsValue, message: &Uint8Array)
    -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"], js_name = verify)]
    async fn verify(
        algorithm: &str,
        key: &JsValue,
        signature: &Uint8Array,
        message: &Uint8Array,
    ) -> Result<JsValue, JsValue>;
}

impl Rsa for WorkersRuntime {
    async fn rsa_sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, RsaError> {
        let key = imported(Use::Sign, key.id(), || key.pkcs8_der())
            .await
            .map_err(|error| failed(&error))?;
        let signature = sign(ALGORITHM, &key, &Uint8Array::from(message)).await;
        signature
            .map(|bytes| Uint8Array::new(&bytes).to_vec())
            .map_err(|error| failed(&error))
    }

    async fn rsa_verify(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, RsaError> {
        let key = imported(Use::Verify, key.id(), || key.spki_der())
            .await
            .map_err(|error| failed(&error))?;
        let (signature, message) = (Uint8Array::from(signature), Uint8Array::from(message));
        let holds = verify(ALGORITHM, &key, &signature, &message).await;
        holds
            .map(|holds| holds.is_truthy())
            .map_err(|error| failed(&error))
    }
}

/// The exception of `WebCrypto` names the kind of fault and no key.
fn failed(error: &JsValue) -> RsaError {
    let cause = worker::Error::from(error.clone()).to_string();
    RsaError::of(without_addresses(&cause))
}

async fn imported<'k>(
    to: Use,
    id: &str,
    der: impl FnOnce() -> &'k [u8],
) -> Result<JsValue, JsValue> {
    let name = (to, id.to_owned());
    if let Some(key) = IMPORTED.with_borrow(|keys| keys.get(&name).cloned()) {
        return Ok(key);
    }
    let algorithm = Object::new();
    for (name, value) in [("name", ALGORITHM), ("hash", "SHA-256")] {
        Reflect::set(&algorithm, &name.into(), &value.into())?;
    }
    let (format, usage) = match to {
        Use::Sign => ("pkcs8", "sign"),
        Use::Verify => ("spki", "verify"),
    };
    let uses = Array::of1(&usage.into());
    let bytes = Uint8Array::from(der());
    let key = import_key(format, &bytes, &algorithm, false, &uses);
    let key = key.await?;
    IMPORTED.with_borrow_mut(|keys| {
        if keys.len() >= REMEMBER_AT_MOST {
            keys.clear();
        }
        keys.insert(name, key.clone());
    });
    Ok(key)
}
