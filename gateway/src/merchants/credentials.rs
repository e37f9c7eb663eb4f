//! What a merchant's messages are signed with: entered by name, checked where
//! a mistake can be known at once, sealed at rest.

use crate::http::error::{ApiError, Code};
use crate::http::fields::{Fields, sentence};
use crate::merchants::merchant::{Dialect, Merchant};
use crate::merchants::seal::{MasterKey, SealError};
use serde::{Deserialize, Serialize};
use wechatpay::Secret;
use wechatpay::rsa::{Certificate, KeyError, PrivateKey, PublicKey};

/// How long what was signed under an earlier key is still believed, and an
/// earlier pair of our own keys works, so that a merchant can change over
/// without a gap.
pub const OVERLAP_MS: i64 = 24 * 60 * 60 * 1000;

/// The longest PEM text: a key of 16384 bits and its armour.
const MAX_PEM_BYTES: usize = 16 * 1024;

/// A merchant's credentials, open. Never printed, never sent.
#[derive(Debug)]
pub struct Credentials {
    /// The key that the merchant shares with its upstream: WeChat Pay's API
    /// key (v2), its `APIv3` key, or iOnline's key.
    pub api_key: Secret,
    /// The one before it. What came under it while the keys changed is still
    /// believed; nothing is signed with it any more.
    pub previous_api_key: Option<Secret>,
    /// Until when that is so, Unix milliseconds.
    pub previous_until_ms: i64,
    /// The application's secret, for OAuth.
    pub app_secret: Option<Secret>,
    /// The Mini Program's secret, for its payers' openids.
    pub mini_program_secret: Option<Secret>,
    /// Signs what is delivered to the merchant; made by us.
    pub delivery_secret: Secret,
    /// The one before it, and until when deliveries are signed with it as
    /// well, Unix milliseconds.
    pub previous_delivery_secret: Option<(Secret, i64)>,
    /// What v3 signs and verifies with, beside `api_key`.
    pub v3: Option<V3Keys>,
}

/// The key pairs of v3.
#[derive(Clone, Debug)]
pub struct V3Keys {
    /// The serial number of the merchant's certificate.
    pub serial_no: String,
    /// Until when the certificate holds, where it was entered itself.
    pub not_after_ms: Option<i64>,
    /// The merchant's private key.
    pub private_key: PrivateKey,
    /// WeChat Pay's public key and its id, `PUB_KEY_ID_…`, where the merchant
    /// has one; else platform certificates are downloaded.
    pub public_key: Option<(String, PublicKey)>,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    api_key: String,
    #[serde(default)]
    previous_api_key: Option<String>,
    #[serde(default)]
    previous_until_ms: i64,
    app_secret: Option<String>,
    #[serde(default)]
    mini_program_secret: Option<String>,
    delivery_secret: String,
    #[serde(default)]
    previous_delivery_secret: Option<(String, i64)>,
    #[serde(default)]
    serial_no: Option<String>,
    #[serde(default)]
    not_after_ms: Option<i64>,
    #[serde(default)]
    private_key: Option<String>,
    #[serde(default)]
    public_key: Option<(String, String)>,
}

impl Credentials {
    /// The sealed form.
    pub fn seal(&self, id: &str, key: &MasterKey, nonce: [u8; 12]) -> Result<String, SealError> {
        let v3 = self.v3.as_ref();
        let plain = Sealed {
            api_key: exposed(&self.api_key),
            previous_api_key: self.previous_api_key.as_ref().map(exposed),
            previous_until_ms: self.previous_until_ms,
            app_secret: self.app_secret.as_ref().map(exposed),
            mini_program_secret: self.mini_program_secret.as_ref().map(exposed),
            delivery_secret: exposed(&self.delivery_secret),
            previous_delivery_secret: self
                .previous_delivery_secret
                .as_ref()
                .map(|(secret, until_ms)| (exposed(secret), *until_ms)),
            serial_no: v3.map(|v3| v3.serial_no.clone()),
            not_after_ms: v3.and_then(|v3| v3.not_after_ms),
            private_key: v3.map(|v3| exposed(&v3.private_key.to_pem())),
            public_key: v3
                .and_then(|v3| v3.public_key.as_ref())
                .map(|(id, key)| (id.clone(), key.to_pem())),
        };
        let json = serde_json::to_string(&plain).map_err(|_| SealError)?;
        key.seal(id, &json, nonce)
    }

    /// From the sealed form.
    pub fn open(merchant: &Merchant, key: &MasterKey) -> Result<Self, SealError> {
        let json = key.open(&merchant.id, &merchant.sealed)?;
        let plain: Sealed = serde_json::from_slice(json.as_bytes()).map_err(|_| SealError)?;
        let v3 = match (plain.serial_no, plain.private_key) {
            (Some(serial_no), Some(pem)) => Some(V3Keys {
                serial_no,
                not_after_ms: plain.not_after_ms,
                private_key: PrivateKey::from_pem(&pem).map_err(|_| SealError)?,
                public_key: match plain.public_key {
                    Some((id, pem)) => {
                        Some((id, PublicKey::from_pem(&pem).map_err(|_| SealError)?))
                    }
                    None => None,
                },
            }),
            _ => None,
        };
        Ok(Self {
            api_key: Secret::new(plain.api_key),
            previous_api_key: plain.previous_api_key.map(Secret::new),
            previous_until_ms: plain.previous_until_ms,
            app_secret: plain.app_secret.map(Secret::new),
            mini_program_secret: plain.mini_program_secret.map(Secret::new),
            delivery_secret: Secret::new(plain.delivery_secret),
            previous_delivery_secret: plain
                .previous_delivery_secret
                .map(|(secret, until_ms)| (Secret::new(secret), until_ms)),
            v3,
        })
    }

    /// The key before the present one, while it is still believed.
    pub fn previous_api_key(&self, now_ms: i64) -> Option<&Secret> {
        let previous = self.previous_api_key.as_ref();
        previous.filter(|_| now_ms < self.previous_until_ms)
    }

    /// The API keys that a message of WeChat may be signed or encrypted with: the
    /// present one, and the one before it while it is still accepted.
    pub fn api_keys(&self, now_ms: i64) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.api_key).chain(self.previous_api_key(now_ms))
    }

    /// Reads a message with the present API key. Where `is_wrong_key` says that
    /// the error may come from the key, the message is read with the previous
    /// key, while that is still accepted. The second value is the key that gave
    /// the result.
    pub fn read_with_api_keys<T, E>(
        &self,
        now_ms: i64,
        is_wrong_key: impl Fn(&E) -> bool,
        read: impl Fn(&Secret) -> Result<T, E>,
    ) -> (Result<T, E>, &Secret) {
        let first = read(&self.api_key);
        match (&first, self.previous_api_key(now_ms)) {
            (Err(error), Some(previous)) if is_wrong_key(error) => (read(previous), previous),
            _ => (first, &self.api_key),
        }
    }

    /// What a delivery is signed with: while the secret changes, with both.
    pub fn delivery_secrets(&self, now_ms: i64) -> impl Iterator<Item = &Secret> {
        let previous = self.previous_delivery_secret.as_ref();
        let previous = previous.filter(|(_, until_ms)| now_ms < *until_ms);
        std::iter::once(&self.delivery_secret).chain(previous.map(|(secret, _)| secret))
    }
}

/// Exposed to be sealed.
fn exposed(secret: &Secret) -> String {
    secret.expose().to_owned()
}

/// The credentials that a request names.
#[derive(Debug)]
pub struct Entered {
    api_key: Option<Secret>,
    app_secret: Option<Secret>,
    mini_program_secret: Option<Secret>,
    /// The merchant's key pair.
    own: Option<OwnKey>,
    public_key: Option<(String, PublicKey)>,
}

impl Entered {
    /// Reads what the request holds of a dialect's credentials. What can be
    /// known to be wrong without asking WeChat is refused here, by name.
    pub fn read(fields: &Fields, dialect: &Dialect, now_ms: i64) -> Result<Self, ApiError> {
        let is_v3 = matches!(dialect, Dialect::V3(_));
        if !is_v3 {
            for name in V3_FIELDS {
                if fields.pem(name, MAX_PEM_BYTES)?.is_some() {
                    return Err(fields.invalid(name, "belongs to the dialect v3"));
                }
            }
        }
        let own = own_key(fields, now_ms)?;
        let public_key = platform_key(fields)?;
        if let (Some(own), Some((_, platform))) = (&own, &public_key)
            && own.private_key.public_key() == platform
        {
            return Err(fields.error(
                Code::KeyInvalid,
                "wechatpay_public_key",
                "is the merchant's own public key: enter WeChat Pay's",
            ));
        }
        Ok(Self {
            api_key: api_key(fields, dialect)?,
            app_secret: fields.text("app_secret", 64)?.map(Secret::new),
            mini_program_secret: fields.text("mini_program_secret", 64)?.map(Secret::new),
            own,
            public_key,
        })
    }

    /// What was entered, by field; never a value.
    pub fn names(&self) -> Vec<String> {
        [
            ("api_key", self.api_key.is_some()),
            ("app_secret", self.app_secret.is_some()),
            ("mini_program_secret", self.mini_program_secret.is_some()),
            ("private_key", self.own.is_some()),
            ("wechatpay_public_key", self.public_key.is_some()),
        ]
        .iter()
        .filter(|(_, entered)| *entered)
        .map(|(name, _)| (*name).to_owned())
        .collect()
    }

    /// Refuses what belongs to a setting that the merchant does not have.
    pub fn fits(&self, fields: &Fields, merchant: &Merchant) -> Result<(), ApiError> {
        match self.mini_program_secret.is_some() && merchant.mini_program.is_none() {
            true => Err(fields.invalid(
                "mini_program_secret",
                "belongs to a merchant that has a mini_program",
            )),
            false => Ok(()),
        }
    }

    /// A new merchant's credentials. `delivery_secret` is a fresh one.
    pub fn complete(
        self,
        fields: &Fields,
        dialect: &Dialect,
        delivery_secret: Secret,
    ) -> Result<Credentials, ApiError> {
        let v3 = match (dialect, self.own) {
            (Dialect::V3(_), None) => return Err(fields.missing("private_key")),
            (_, None) => None,
            (_, Some(own)) => Some(own.with(self.public_key)),
        };
        Ok(Credentials {
            api_key: self.api_key.ok_or_else(|| fields.missing("api_key"))?,
            previous_api_key: None,
            previous_until_ms: 0,
            app_secret: self.app_secret,
            mini_program_secret: self.mini_program_secret,
            delivery_secret,
            previous_delivery_secret: None,
            v3,
        })
    }

    /// The credentials with what is new in them. With `revoke` the API key
    /// before is believed no longer, and the delivery secret before signs no
    /// longer.
    pub fn replace(
        self,
        old: Credentials,
        delivery_secret: Option<Secret>,
        revoke: bool,
        now_ms: i64,
    ) -> Credentials {
        let previous_delivery_secret = match (revoke, &delivery_secret) {
            (true, _) => None,
            (false, Some(_)) => Some((old.delivery_secret.clone(), now_ms + OVERLAP_MS)),
            (false, None) => old.previous_delivery_secret,
        };
        let changes = self.api_key.as_ref().is_some_and(|key| *key != old.api_key);
        let (previous_api_key, previous_until_ms) = match (revoke, changes) {
            (true, _) => (None, 0),
            (false, true) => (Some(old.api_key.clone()), now_ms + OVERLAP_MS),
            (false, false) => (old.previous_api_key, old.previous_until_ms),
        };
        let v3 = old.v3.map(|old| {
            let own = self.own.unwrap_or(OwnKey {
                serial_no: old.serial_no,
                not_after_ms: old.not_after_ms,
                private_key: old.private_key,
            });
            own.with(self.public_key.or(old.public_key))
        });
        Credentials {
            api_key: self.api_key.unwrap_or(old.api_key),
            previous_api_key,
            previous_until_ms,
            app_secret: self.app_secret.or(old.app_secret),
            mini_program_secret: self.mini_program_secret.or(old.mini_program_secret),
            delivery_secret: delivery_secret.unwrap_or(old.delivery_secret),
            previous_delivery_secret,
            v3,
        }
    }
}

const V3_FIELDS: [&str; 5] = [
    "private_key",
    "serial_no",
    "certificate",
    "wechatpay_public_key_id",
    "wechatpay_public_key",
];

/// WeChat's two keys have 32 characters of ASCII. iOnline gives its own.
fn api_key(fields: &Fields, dialect: &Dialect) -> Result<Option<Secret>, ApiError> {
    let (name, shortest) = match dialect {
        Dialect::V2 => ("WeChat Pay's API key (v2): 32 characters", 32),
        Dialect::V3(_) => ("WeChat Pay's APIv3 key: 32 characters", 32),
        Dialect::Ionline(_) => ("iOnline Pay's key: 8 to 32 characters", 8),
    };
    match fields.text("api_key", 256)? {
        Some(key) if key.is_ascii() && (shortest..=32).contains(&key.len()) => {
            Ok(Some(Secret::new(key)))
        }
        Some(_) => Err(fields.invalid("api_key", &format!("must be {name}"))),
        None => Ok(None),
    }
}

/// A merchant's key pair, and what its certificate says.
#[derive(Debug)]
struct OwnKey {
    serial_no: String,
    not_after_ms: Option<i64>,
    private_key: PrivateKey,
}

impl OwnKey {
    fn with(self, public_key: Option<(String, PublicKey)>) -> V3Keys {
        V3Keys {
            serial_no: self.serial_no,
            not_after_ms: self.not_after_ms,
            private_key: self.private_key,
            public_key,
        }
    }
}

fn own_key(fields: &Fields, now_ms: i64) -> Result<Option<OwnKey>, ApiError> {
    let key = read_pem(fields, "private_key", PrivateKey::from_pem)?;
    let certificate = read_pem(fields, "certificate", Certificate::from_pem)?;
    let serial_no = fields
        .text("serial_no", 64)?
        .map(|s| s.to_ascii_uppercase());
    if let Some(serial_no) = &serial_no
        && (serial_no.len() > 40 || !serial_no.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        return Err(fields.invalid(
            "serial_no",
            "must be the certificate's serial number: up to 40 hexadecimal digits",
        ));
    }
    let Some(key) = key else {
        let alone = serial_no.map(|_| "serial_no");
        return match alone.or(certificate.map(|_| "certificate")) {
            Some(name) => Err(fields.invalid(name, "needs the field private_key beside it")),
            None => Ok(None),
        };
    };
    let Some(certificate) = certificate else {
        let serial_no = serial_no.ok_or_else(|| fields.missing("serial_no"))?;
        return Ok(Some(OwnKey {
            serial_no,
            not_after_ms: None,
            private_key: key,
        }));
    };
    let wrong = |problem| Err(fields.error(Code::KeyInvalid, "certificate", problem));
    if certificate.public_key() != key.public_key() {
        wrong("does not belong to the private key")
    } else if certificate.not_after_ms() <= now_ms {
        wrong("has expired: apply for another on WeChat Pay's merchant platform")
    } else if certificate.not_before_ms() > now_ms {
        wrong("is not valid yet")
    } else if serial_no.is_some_and(|serial_no| serial_no != certificate.serial_no()) {
        Err(fields.invalid("serial_no", "is not the certificate's"))
    } else {
        Ok(Some(OwnKey {
            serial_no: certificate.serial_no().to_owned(),
            not_after_ms: Some(certificate.not_after_ms()),
            private_key: key,
        }))
    }
}

fn platform_key(fields: &Fields) -> Result<Option<(String, PublicKey)>, ApiError> {
    const ID: &str = "wechatpay_public_key_id";
    const KEY: &str = "wechatpay_public_key";
    let key = read_pem(fields, KEY, PublicKey::from_pem)?;
    match (fields.text(ID, 64)?, key) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(fields.missing(KEY)),
        (None, Some(_)) => Err(fields.missing(ID)),
        (Some(id), Some(key)) => match id.strip_prefix("PUB_KEY_ID_") {
            Some(rest) if !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                Ok(Some((id, key)))
            }
            _ => Err(fields.invalid(
                ID,
                "must be like PUB_KEY_ID_0000000000000024101100397200000006",
            )),
        },
    }
}

fn read_pem<T>(
    fields: &Fields,
    name: &str,
    read: impl Fn(&str) -> Result<T, KeyError>,
) -> Result<Option<T>, ApiError> {
    let Some(pem) = fields.pem(name, MAX_PEM_BYTES)? else {
        return Ok(None);
    };
    read(&pem).map(Some).map_err(|error| {
        let message = format!(
            "The field {name} is wrong: {}",
            sentence(&error.to_string())
        );
        ApiError::field(Code::KeyInvalid, name, message)
    })
}
