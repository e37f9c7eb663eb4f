//! The program of the page `/tools/sign`: `explain` in WebAssembly.
//!
//! ```text
//! the page's fields ─▶ sign.js ─▶ explain ─▶ a text for the page
//!                                    └─ RSA by the browser's WebCrypto
//! ```
//!
//! `cargo xtask build page` puts the module and `sign.js` into one file. The
//! page's policy allows no connection, so what is entered stays in the browser.

use explain::Key;
use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wechatpay::rsa::{PrivateKey, PublicKey, Rsa, RsaError};

const ALGORITHM: &str = "RSASSA-PKCS1-v1_5";

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

    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"])]
    async fn verify(
        algorithm: &str,
        key: &JsValue,
        signature: &Uint8Array,
        message: &Uint8Array,
    ) -> Result<JsValue, JsValue>;
}

/// Explains the signature of a message. Of the keys, the first is the one that
/// should have signed; empty ones are left out.
///
/// # Errors
///
/// The text for the page: a key or the message cannot be read.
#[wasm_bindgen]
pub async fn explain(message: Vec<u8>, keys: Vec<String>) -> Result<String, String> {
    let names = ["of the first field", "of the second field"];
    let keys: Vec<Key> = names
        .iter()
        .zip(&keys)
        .filter(|(_, text)| !text.trim().is_empty())
        .map(|(name, text)| {
            Key::read(name, text).map_err(|problem| format!("The key {name}: {problem}."))
        })
        .collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err("Enter a key.".to_owned());
    }
    let explained = explain::explain(&message, &keys, &WebCrypto).await;
    explained
        .map(|explained| explained.to_string())
        .map_err(|unreadable| format!("It cannot be explained: {unreadable}."))
}

/// RSA by the browser.
struct WebCrypto;

impl Rsa for WebCrypto {
    async fn rsa_sign(&self, _: &PrivateKey, _: &[u8]) -> Result<Vec<u8>, RsaError> {
        // An explanation compares signatures and makes none.
        Err(RsaError::of("an explanation makes no signature"))
    }

    async fn rsa_verify(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, RsaError> {
        let verified = verified(key.spki_der(), message, signature).await;
        verified.map_err(|error| RsaError::of(format!("the browser's WebCrypto: {error:?}")))
    }
}

async fn verified(spki: &[u8], message: &[u8], signature: &[u8]) -> Result<bool, JsValue> {
    let algorithm = Object::new();
    for (name, value) in [("name", ALGORITHM), ("hash", "SHA-256")] {
        Reflect::set(&algorithm, &name.into(), &value.into())?;
    }
    let uses = Array::of1(&"verify".into());
    let key = import_key("spki", &Uint8Array::from(spki), &algorithm, false, &uses).await?;
    let (signature, message) = (Uint8Array::from(signature), Uint8Array::from(message));
    let holds = verify(ALGORITHM, &key, &signature, &message).await?;
    Ok(holds.is_truthy())
}
