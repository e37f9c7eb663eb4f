//! WeChat's keys for APIv3, by merchant: platform certificates, the WeChat Pay
//! public key, or during a migration both.
//!
//! ```text
//! rotation   lists    signs with
//!    0       1        1
//!    1       1, 2     1           a new certificate can be downloaded
//!    2       1, 2     2           the new one signs
//!    3       2        2           the old one is removed
//!    4       2, 3     2           and so on, with three certificates in turn
//! ```

use crate::wechat::keys;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::LazyLock;
use wechatpay::rsa::{Certificate, PrivateKey};

/// The platform certificates with their keys, and the private key of the public
/// key, parsed once.
static PAIRS: LazyLock<Vec<(Certificate, PrivateKey)>> = LazyLock::new(|| {
    let pairs = keys::PLATFORM.iter();
    let read = pairs.filter_map(|pair| {
        let certificate = Certificate::from_pem(pair.certificate).ok()?;
        Some((certificate, PrivateKey::from_pem(pair.private_key).ok()?))
    });
    read.collect()
});
static PUBLIC_KEY: LazyLock<Option<PrivateKey>> =
    LazyLock::new(|| PrivateKey::from_pem(keys::PUBLIC_KEY_PRIVATE).ok());

/// WeChat's keys for one merchant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// How many steps the rotation has made: three steps replace one
    /// certificate.
    pub rotation: usize,
    /// The percentage of answers and notices that the public key signs. At 100
    /// there are no certificates.
    pub public_key_percent: u8,
}

/// A signing key, and the serial number by which the merchant finds the key to
/// verify with.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) serial: String,
    pub(crate) key: PrivateKey,
}

impl Platform {
    pub(crate) const fn public_key_only() -> Self {
        Self {
            rotation: 0,
            public_key_percent: 100,
        }
    }

    /// Whether the merchant has only the public key.
    pub(crate) const fn has_certificates(&self) -> bool {
        self.public_key_percent < 100
    }

    const fn step(&self) -> (usize, usize) {
        (self.rotation / 3, self.rotation % 3)
    }

    fn pair(at: usize) -> Option<&'static (Certificate, PrivateKey)> {
        PAIRS.get(at % keys::PLATFORM.len())
    }

    /// The certificates that can be fetched now, older first.
    pub(crate) fn certificates(&self) -> Vec<Certificate> {
        if !self.has_certificates() {
            return Vec::new();
        }
        let (turn, step) = self.step();
        let last = if step == 0 { turn } else { turn + 1 };
        (turn..=last)
            .filter_map(|at| Some(Self::pair(at)?.0.clone()))
            .collect()
    }

    fn signing_certificate(&self) -> Option<Signer> {
        let (turn, step) = self.step();
        let (certificate, key) = Self::pair(if step == 2 { turn + 1 } else { turn })?;
        Some(Signer {
            serial: certificate.serial_no().to_owned(),
            key: key.clone(),
        })
    }

    /// The key that signs an answer or a notice. `wanted` is the
    /// `Wechatpay-Serial` of the request: a request that names the public key
    /// is answered with it. `percent` is a random number of 0 to 99 that decides
    /// during a migration.
    pub(crate) fn signer(&self, mch_id: &str, wanted: Option<&str>, percent: u8) -> Option<Signer> {
        let id = public_key_id(mch_id);
        if wanted == Some(id.as_str()) || percent < self.public_key_percent {
            return Some(Signer {
                serial: id,
                key: PUBLIC_KEY.clone()?,
            });
        }
        self.signing_certificate()
    }

    /// Whether `Wechatpay-Serial` names a key that this merchant can know.
    pub(crate) fn knows(&self, mch_id: &str, serial: &str) -> bool {
        serial == public_key_id(mch_id)
            || self
                .certificates()
                .iter()
                .any(|certificate| certificate.serial_no().eq_ignore_ascii_case(serial))
    }

    /// The form in control calls' answers.
    pub(crate) fn to_json(&self, mch_id: &str) -> Value {
        let signing = self.signing_certificate().map(|signer| signer.serial);
        let certificates: Vec<Value> = self
            .certificates()
            .iter()
            .map(|certificate| {
                json!({
                    "serial_no": certificate.serial_no(),
                    "certificate": certificate.pem(),
                    "signs": signing.as_deref() == Some(certificate.serial_no()),
                })
            })
            .collect();
        json!({
            "rotation": self.rotation,
            "certificates": certificates,
            "public_key_percent": self.public_key_percent,
            "public_key_id": public_key_id(mch_id),
            "public_key": keys::PUBLIC_KEY,
        })
    }
}

/// `PUB_KEY_ID_` and 28 digits, the merchant's number among them.
pub(crate) fn public_key_id(mch_id: &str) -> String {
    format!("PUB_KEY_ID_01{mch_id:0>10}2024110100000000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_rotate() {
        let serials = |rotation| -> Vec<String> {
            let platform = Platform {
                rotation,
                public_key_percent: 0,
            };
            let listed = platform.certificates();
            let mut serials: Vec<String> = listed
                .iter()
                .map(|c| c.serial_no()[38..].to_owned())
                .collect();
            let signer = platform.signer("1", None, 0).unwrap();
            serials.push(format!("by {}", &signer.serial[38..]));
            serials
        };
        for (rotation, expect) in [
            (0, vec!["01", "by 01"]),
            (1, vec!["01", "02", "by 01"]),
            (2, vec!["01", "02", "by 02"]),
            (3, vec!["02", "by 02"]),
            (4, vec!["02", "03", "by 02"]),
            (8, vec!["03", "01", "by 01"]),
            (9, vec!["01", "by 01"]),
        ] {
            assert_eq!(serials(rotation), expect, "{rotation}");
        }
    }

    #[test]
    fn a_migration_shares_the_signatures() {
        let platform = Platform {
            rotation: 0,
            public_key_percent: 30,
        };
        let by_public_key = (0..100)
            .filter(|percent| {
                let signer = platform.signer("1900000109", None, *percent).unwrap();
                signer.serial.starts_with("PUB_KEY_ID_")
            })
            .count();
        assert_eq!(by_public_key, 30);
        let id = public_key_id("1900000109");
        assert_eq!(id.len(), "PUB_KEY_ID_".len() + 28);
        let asked = platform.signer("1900000109", Some(&id), 99).unwrap();
        assert_eq!(asked.serial, id);
        assert!(!Platform::public_key_only().has_certificates());
        assert!(Platform::public_key_only().certificates().is_empty());
    }
}
