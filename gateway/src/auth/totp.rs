//! The second factor of people: time-based codes (RFC 6238) and recovery codes.

use crate::http::error::ApiError;
use totp_rs::{Builder, Secret, Totp};

/// The bytes of a secret, as many as SHA-1 has (RFC 4226, section 4).
pub const SECRET_BYTES: usize = 20;
/// How many recovery codes a person gets.
pub const RECOVERY_CODES: usize = 10;
/// The letters of a recovery code: none that looks like a digit.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// The characters in each half of a recovery code.
const HALF: usize = 5;

/// A secret in base32, as people enter it in an authenticator app.
pub fn secret_text(bytes: [u8; SECRET_BYTES]) -> String {
    Secret::from(bytes).to_base32()
}

/// The `otpauth://` address from which an authenticator app reads a secret.
pub fn address(secret: &str, issuer: &str, login: &str) -> Result<String, ApiError> {
    // The address has a colon between the two.
    let issuer = issuer.replace(':', " ");
    let builder = Builder::new()
        .with_secret(parsed(secret)?)
        .with_issuer(Some(issuer))
        .with_account_name(login);
    let totp = builder.build().map_err(ApiError::internal)?;
    totp.to_url().map_err(ApiError::internal)
}

/// The time step that a code belongs to, where it is right: now, or one step of 30
/// seconds before or after. The caller refuses a step that was used.
pub fn step_of(secret: &str, code: &str, now_ms: i64) -> Result<Option<i64>, ApiError> {
    let seconds = u64::try_from(now_ms / 1000).unwrap_or(0);
    let totp: Totp = Builder::new()
        .with_secret(parsed(secret)?)
        .build()
        .map_err(ApiError::internal)?;
    let step = totp.check(code, seconds);
    Ok(step.and_then(|step| i64::try_from(step).ok()))
}

fn parsed(secret: &str) -> Result<Secret, ApiError> {
    // The error may repeat the secret.
    Secret::try_from_base32(secret)
        .map_err(|_| ApiError::internal("a second factor's secret is unreadable"))
}

/// Whether this can be a time-based code, and not a recovery code.
pub fn is_time_code(code: &str) -> bool {
    code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit())
}

/// A code without the spaces with which authenticator programs show it (`123 456`).
pub fn without_spaces(code: &str) -> String {
    code.split_whitespace().collect()
}

/// A recovery code, from random bytes: 50 bits.
pub fn recovery_code(random: [u8; 2 * HALF]) -> String {
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).copied().map(char::from);
    let mut code: String = random.iter().filter_map(letter).collect();
    code.insert(HALF, '-');
    code
}

/// A recovery code as it was shown, from what a person enters.
pub fn as_shown(code: &str) -> String {
    let kept = code.chars().filter(char::is_ascii_alphanumeric);
    let mut code: String = kept.collect::<String>().to_ascii_lowercase();
    if code.len() == 2 * HALF {
        code.insert(HALF, '-');
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, the last six of eight digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = secret_text(*b"12345678901234567890");
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            let now_ms = seconds * 1000;
            let step = Some(seconds / 30);
            assert_eq!(step_of(&secret, code, now_ms).unwrap(), step);
            assert_eq!(step_of(&secret, code, now_ms + 30_000).unwrap(), step);
            assert_eq!(step_of(&secret, code, now_ms + 90_000).unwrap(), None);
        }
        assert_eq!(step_of(&secret, "287083", 59_000).unwrap(), None);
        assert_eq!(step_of(&secret, "", 59_000).unwrap(), None);
    }

    #[test]
    fn a_program_takes_over_the_secret_by_an_address() {
        let secret = secret_text(*b"12345678901234567890");
        let address = address(&secret, "Tea: House", "anna").unwrap();
        assert!(address.starts_with("otpauth://totp/"), "{address}");
        assert!(address.contains(&format!("secret={secret}")), "{address}");
        assert!(address.contains("anna"), "{address}");
    }

    #[test]
    fn a_recovery_code_is_read_as_it_is_entered() {
        let code = recovery_code([0, 1, 2, 3, 4, 255, 30, 29, 28, 27]);
        assert_eq!(code, "abcde-98765");
        for entered in ["abcde-98765", "ABCDE98765", " abcde 98765 "] {
            assert_eq!(as_shown(entered), code);
        }
        assert!(is_time_code("012345") && !is_time_code("01234") && !is_time_code(&code));
    }
}
