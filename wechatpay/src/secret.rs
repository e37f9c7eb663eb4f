//! A secret as a type.

use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// An API key, an app secret or an access token.
///
/// It does not print, compares in constant time (except for the length), and is
/// overwritten when dropped. It is read only through [`expose`](Self::expose);
/// it has no serde form.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Any length is accepted: keys of old merchants are not all 32 characters.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself, only for signing, sealing, or sending it to WeChat.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_compares_but_does_not_print() {
        let secret = Secret::new("192006250b4c09247ec02edce69f6a2d");
        assert_eq!(secret, secret.clone());
        assert_ne!(secret, Secret::new("192006250b4c09247ec02edce69f6a2e"));
        assert_ne!(secret, Secret::new("192006250b4c09247ec02edce69f6a2"));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(format!("{:?}", Some(&secret)), "Some(Secret(…))");
    }
}
