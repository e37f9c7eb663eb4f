//! AES-256 in ECB mode with PKCS#7 padding, in base64: the encryption of a
//! refund notice, and of nothing else in v2.
//!
//! ```text
//! text ‖ n bytes of value n, to a multiple of 16   each 16 bytes by themselves   base64
//! ```
//!
//! ECB encrypts each block and authenticates nothing: blocks can be removed,
//! repeated and recombined. The decrypted text is an unauthenticated hint.

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Encrypts under a key of 32 bytes.
pub fn encrypt(plain: &[u8], key: &[u8; 32]) -> String {
    let cipher = ecb::Encryptor::<Aes256>::new(key.into());
    BASE64.encode(cipher.encrypt_padded_vec::<Pkcs7>(plain))
}

/// Decrypts under a key of 32 bytes; white space in the base64 is ignored.
/// `None` when it is not base64, not whole blocks, or has no valid padding:
/// there is one result for all, because a forger could learn the text from a
/// difference.
pub fn decrypt(base64: &str, key: &[u8; 32]) -> Option<Vec<u8>> {
    let base64: String = base64.split_ascii_whitespace().collect();
    let sealed = BASE64.decode(base64).ok()?;
    let cipher = ecb::Decryptor::<Aes256>::new(key.into());
    cipher.decrypt_padded_vec::<Pkcs7>(&sealed).ok()
}
