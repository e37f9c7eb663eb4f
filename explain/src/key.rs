//! Keys, as a user pastes them or as they are read from a file.

use thiserror::Error;
use wechatpay::Secret;
use wechatpay::rsa::{Certificate, KeyError, PrivateKey, PublicKey};

/// A key with a name for reports.
#[derive(Clone, Debug)]
pub struct Key {
    /// The name that a report shows, for example the name of the file.
    pub name: String,
    pub(crate) material: Material,
}

#[derive(Clone, Debug)]
pub(crate) enum Material {
    /// The API key of v2 or of iOnline.
    Symmetric(Secret),
    Private(PrivateKey),
    Public(PublicKey),
    Certificate(Certificate),
}

/// The reason why a text is not a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyProblem {
    /// The text is empty, or only white space.
    #[error("the key is empty")]
    Empty,
    /// The text is PEM, but holds no key that can be used here.
    #[error(transparent)]
    Pem(#[from] KeyError),
}

impl Key {
    /// Reads PEM (a private key, a public key or a certificate), or takes the
    /// text as an API key. One line end at the end of the text belongs to the
    /// file and not to the key.
    ///
    /// # Errors
    ///
    /// The text is empty, or is PEM that cannot be read.
    pub fn read(name: &str, text: &str) -> Result<Self, KeyProblem> {
        let material = if text.contains("-----BEGIN") {
            Self::from_pem(text)?
        } else {
            let key = text.strip_suffix('\n').unwrap_or(text);
            let key = key.strip_suffix('\r').unwrap_or(key);
            if key.trim().is_empty() {
                return Err(KeyProblem::Empty);
            }
            Material::Symmetric(Secret::new(key))
        };
        Ok(Self {
            name: name.to_owned(),
            material,
        })
    }

    fn from_pem(text: &str) -> Result<Material, KeyError> {
        if text.contains("CERTIFICATE-----") {
            return Certificate::from_pem(text).map(Material::Certificate);
        }
        match PrivateKey::from_pem(text) {
            Err(KeyError::PublicForPrivate) => PublicKey::from_pem(text).map(Material::Public),
            private => private.map(Material::Private),
        }
    }

    /// The key with which an RSA signature is verified.
    pub(crate) const fn public_key(&self) -> Option<&PublicKey> {
        match &self.material {
            Material::Symmetric(_) => None,
            Material::Private(key) => Some(key.public_key()),
            Material::Public(key) => Some(key),
            Material::Certificate(certificate) => Some(certificate.public_key()),
        }
    }

    /// The serial number, when the key is a certificate.
    pub(crate) fn serial_no(&self) -> Option<&str> {
        match &self.material {
            Material::Certificate(certificate) => Some(certificate.serial_no()),
            _ => None,
        }
    }

    pub(crate) const fn symmetric(&self) -> Option<&Secret> {
        match &self.material {
            Material::Symmetric(key) => Some(key),
            _ => None,
        }
    }
}
