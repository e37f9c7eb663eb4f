//! Passwords of people: what they must be, and their hashes by Argon2id.
//!
//! Twelve MiB and three passes are one of the sizes that OWASP's Password Storage
//! Cheat Sheet calls equal. An isolate hashes one password at a time and has 128 MB
//! in all. The measured time is in ARCHITECTURE.md.

use crate::http::error::ApiError;
use crate::merchants::people::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use std::collections::BTreeSet;
use subtle::ConstantTimeEq;

const MEMORY_KIB: u32 = 12 * 1024;
const PASSES: u32 = 3;
const HASH_BYTES: usize = 32;
/// The salt's length in bytes.
pub const SALT_BYTES: usize = 16;

const SHORTEST: usize = 10;
/// The longest password, in bytes.
pub const LONGEST: usize = 128;
/// The fewest different characters of a password.
const DIFFERENT: usize = 5;

/// What is wrong with a new password of the person with this login.
pub fn problem(password: &str, login: &str) -> Option<&'static str> {
    let different: BTreeSet<char> = password.chars().collect();
    match () {
        () if password.chars().count() < SHORTEST => Some("must have at least 10 characters"),
        () if different.len() < DIFFERENT => Some("must have at least 5 different characters"),
        () if password.to_lowercase().contains(login) => Some("must not contain the login"),
        () if password.chars().all(|c| c.is_ascii_digit()) => {
            Some("must not be a number: add letters, or use some words")
        }
        () if is_common(password) => Some("is one of the most used passwords"),
        () => None,
    }
}

/// Beginnings of passwords that are tried first, among those of ten characters or more.
const COMMON: [&str; 12] = [
    "password",
    "passw0rd",
    "qwertyuiop",
    "qwerty",
    "1q2w3e4r",
    "1qaz2wsx",
    "abcdefghij",
    "asdfghjkl",
    "iloveyou",
    "letmein",
    "welcome",
    "wechatpay",
];

/// Whether a password is one of [`COMMON`] with nothing but digits and signs after it.
fn is_common(password: &str) -> bool {
    let lower = password.to_lowercase();
    COMMON.iter().any(|common| {
        let rest = lower.strip_prefix(common);
        rest.is_some_and(|rest| !rest.chars().any(char::is_alphabetic))
    })
}

/// The hash of a new password; `salt` is random and used once.
pub fn hash(password: &str, salt: [u8; SALT_BYTES]) -> Result<PasswordHash, ApiError> {
    let hash = computed(password, &salt, MEMORY_KIB, PASSES).map_err(ApiError::internal)?;
    Ok(PasswordHash {
        memory_kib: MEMORY_KIB,
        passes: PASSES,
        salt: BASE64.encode(salt),
        hash: BASE64.encode(hash),
    })
}

/// Whether this is the password. Without a hash it is not, after the same work, so that the time
/// does not reveal whether the person exists.
pub fn is_right(hash: Option<&PasswordHash>, password: &str) -> Result<bool, ApiError> {
    let Some(kept) = hash else {
        computed(password, &[0; SALT_BYTES], MEMORY_KIB, PASSES).map_err(ApiError::internal)?;
        return Ok(false);
    };
    let unreadable = |_| ApiError::internal("a password's hash is unreadable");
    let salt = BASE64.decode(&kept.salt).map_err(unreadable)?;
    let wanted = BASE64.decode(&kept.hash).map_err(unreadable)?;
    let hash = computed(password, &salt, kept.memory_kib, kept.passes);
    let hash = hash.map_err(ApiError::internal)?;
    Ok(hash.ct_eq(&wanted).into())
}

fn computed(
    password: &str,
    salt: &[u8],
    memory_kib: u32,
    passes: u32,
) -> Result<[u8; HASH_BYTES], argon2::Error> {
    let params = Params::new(memory_kib, passes, 1, Some(HASH_BYTES))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hash = [0; HASH_BYTES];
    argon2.hash_password_into(password.as_bytes(), salt, &mut hash)?;
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_right_or_wrong() {
        let hash = hash("a long password", [7; SALT_BYTES]).unwrap();
        assert!(is_right(Some(&hash), "a long password").unwrap());
        assert!(!is_right(Some(&hash), "a long passwore").unwrap());
        assert!(!is_right(None, "a long password").unwrap());
    }

    /// RFC 9106, section 5.3, without secret and associated data, by the reference
    /// implementation: `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32 -r`.
    #[test]
    fn the_hash_is_argon2id() {
        let hash = computed("password", b"somesalt", 1 << 16, 2).unwrap();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
        );
    }

    #[test]
    fn a_password_that_is_easily_guessed_is_refused() {
        for (password, ok) in [
            ("correct horse", true),
            ("密码密码很长很难猜对吗", true),
            ("short one", false),
            ("aaaaaaaaaaaa", false),
            ("my anna password", false),
            ("my ANNA password", false),
            ("1234567890", false),
            ("20260131120000", false),
            ("Password123!", false),
            ("password of the tea house", true),
            ("qwertyuiop", false),
        ] {
            assert_eq!(problem(password, "anna").is_none(), ok, "{password}");
        }
    }
}
