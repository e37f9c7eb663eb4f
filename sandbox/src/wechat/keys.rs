//! The sandbox's key pairs, which are public: `keys/README.md`.

/// A certificate and its private key, as PEM.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) certificate: &'static str,
    pub(crate) private_key: &'static str,
}

macro_rules! pair {
    ($name:literal) => {
        Pair {
            certificate: include_str!(concat!("../keys/", $name, ".cert.pem")),
            private_key: include_str!(concat!("../keys/", $name, ".key.pem")),
        }
    };
}

/// WeChat's platform certificates, in the order in which they sign.
pub(crate) const PLATFORM: [Pair; 3] = [
    pair!("platform_1"),
    pair!("platform_2"),
    pair!("platform_3"),
];

/// The WeChat Pay public key, and the private key that belongs to it.
pub(crate) const PUBLIC_KEY: &str = include_str!("../keys/public_key.pub.pem");
pub(crate) const PUBLIC_KEY_PRIVATE: &str = include_str!("../keys/public_key.key.pem");

const DIRECT: Pair = pair!("merchant_1900000109");
const INSTITUTION: Pair = pair!("merchant_1900000110");
const OTHER: Pair = pair!("merchant_other");

/// The key pair of a merchant without a key of its own.
pub(crate) fn of_merchant(mch_id: &str) -> Pair {
    match mch_id {
        "1900000109" => DIRECT,
        "1900000110" => INSTITUTION,
        _ => OTHER,
    }
}
