//! A deployment's settings: its own address, its secrets.

use crate::merchants::merchant::Merchant;
use crate::merchants::seal::MasterKey;
use checkout::Brand;
use wechatpay::Secret;
use wechatpay::oauth::AUTHORIZE_URL;
use wechatpay::v2::exchange;

/// One deployment's settings; see `wrangler.toml` for the variables' names.
#[derive(Debug)]
pub struct Config {
    /// The gateway's own origin, without a trailing slash (`PUBLIC_URL`).
    pub public_url: String,
    /// Seals credentials and signs sessions (`MASTER_KEY`); the previous one
    /// still opens and verifies (`MASTER_KEY_PREVIOUS`).
    pub master_key: MasterKey,
    /// The tokens for the admin calls (`ADMIN_TOKEN`, and during its rotation
    /// `ADMIN_TOKEN_PREVIOUS`).
    pub admin_tokens: Vec<Secret>,
    /// WeChat's authorise page (`OAUTH_AUTHORIZE_URL`).
    pub oauth_authorize_url: String,
    /// The path of WeChat's exchange rates, which differs between the manual
    /// and practice (`EXCHANGE_RATE_PATH`).
    pub exchange_rate_path: String,
    /// How many calls one api-key may make per second, apart from short bursts
    /// (`API_CALLS_PER_SECOND`).
    pub api_calls_per_second: i64,
    /// Whether the upstream is the sandbox (`UPSTREAM`).
    pub is_test: bool,
    /// Allows addresses that only a developer has: `http`, loopback.
    pub development: bool,
}

/// A missing or wrong variable. The error names the variable, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the variable {name} {problem}")]
pub struct ConfigError {
    name: &'static str,
    problem: &'static str,
}

impl Config {
    /// Reads the variables by name.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let required = |name: &'static str| {
            variable(name)
                .filter(|value| !value.is_empty())
                .ok_or(ConfigError {
                    name,
                    problem: "is not set",
                })
        };
        let public_url = required("PUBLIC_URL")?;
        let origin = url::Url::parse(&public_url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
            .map(|url| url.origin().ascii_serialization())
            .ok_or(ConfigError {
                name: "PUBLIC_URL",
                problem: "is not an address like https://pay.example.com",
            })?;
        if origin != public_url {
            return Err(ConfigError {
                name: "PUBLIC_URL",
                problem: "must be an origin only: no path and no trailing slash",
            });
        }
        let optional = |name: &str| variable(name).filter(|value| !value.is_empty());
        let master_key = |name, hex: String| {
            MasterKey::from_hex(&hex).ok_or(ConfigError {
                name,
                problem: "is not 64 hexadecimal digits",
            })
        };
        let mut current = master_key("MASTER_KEY", required("MASTER_KEY")?)?;
        if let Some(hex) = optional("MASTER_KEY_PREVIOUS") {
            current = current.after(&master_key("MASTER_KEY_PREVIOUS", hex)?);
        }
        let admin_token = |name, token: String| match token.len() {
            0..16 => Err(ConfigError {
                name,
                problem: "is shorter than 16 characters",
            }),
            _ => Ok(Secret::new(token)),
        };
        let mut admin_tokens = vec![admin_token("ADMIN_TOKEN", required("ADMIN_TOKEN")?)?];
        if let Some(token) = optional("ADMIN_TOKEN_PREVIOUS") {
            admin_tokens.push(admin_token("ADMIN_TOKEN_PREVIOUS", token)?);
        }
        Ok(Self {
            public_url,
            master_key: current,
            admin_tokens,
            oauth_authorize_url: match optional("OAUTH_AUTHORIZE_URL") {
                None => AUTHORIZE_URL.to_owned(),
                Some(url) if is_page(&url) => url,
                Some(_) => {
                    return Err(ConfigError {
                        name: "OAUTH_AUTHORIZE_URL",
                        problem: "is not an http(s) address without query and fragment",
                    });
                }
            },
            exchange_rate_path: match optional("EXCHANGE_RATE_PATH") {
                None => exchange::PATH.to_owned(),
                Some(path) if is_path(&path) => path,
                Some(_) => {
                    return Err(ConfigError {
                        name: "EXCHANGE_RATE_PATH",
                        problem: "is not a path like /pay/queryexchagerate",
                    });
                }
            },
            api_calls_per_second: calls_per_second(variable("API_CALLS_PER_SECOND"))?,
            is_test: match optional("UPSTREAM").as_deref() {
                None | Some("wechat") => false,
                Some("sandbox") => true,
                Some(_) => {
                    return Err(ConfigError {
                        name: "UPSTREAM",
                        problem: "is not wechat or sandbox",
                    });
                }
            },
            development: variable("DEVELOPMENT").as_deref() == Some("1"),
        })
    }

    /// The URL for WeChat's notices to a merchant, without a query string
    /// (checklist G10).
    pub fn notify_url(&self, merchant: &Merchant) -> String {
        let dialect = merchant.dialect.name();
        format!("{}/notify/{dialect}/{}", self.public_url, merchant.id)
    }

    /// The URL for WeChat's notices of a merchant's refunds.
    pub fn refund_notify_url(&self, merchant: &Merchant) -> String {
        format!("{}/refund", self.notify_url(merchant))
    }

    /// The address of a checkout.
    pub fn checkout_url(&self, checkout_id: &str) -> String {
        format!("{}{}", self.public_url, checkout_path(checkout_id))
    }

    /// The address of a payment link.
    pub fn link_url(&self, link_id: &str) -> String {
        format!("{}/pay/?l={link_id}", self.public_url)
    }

    /// The beginning of this deployment's keys and tokens. Without it a key is one
    /// of an earlier version.
    pub const fn key_prefix(&self) -> &'static str {
        match self.is_test {
            true => "test_",
            false => "live_",
        }
    }

    /// The address of a merchant's image.
    pub fn image_url(&self, merchant_id: &str, name: &str) -> String {
        format!("{}/image/{merchant_id}.{name}", self.public_url)
    }

    /// How a merchant presents itself, with the addresses of its images.
    pub fn brand(&self, merchant: &Merchant) -> Brand {
        let url = |name: &String| self.image_url(&merchant.id, name);
        Brand {
            logo: merchant.brand.logo.as_ref().map(url),
            mark: merchant.brand.mark.as_ref().map(url),
            ..merchant.brand.clone()
        }
    }

    /// The address of a merchant's receipt.
    pub fn receipt_url(&self, merchant_id: &str, receipt: &str) -> String {
        format!("{}/pay/receipt?r={merchant_id}.{receipt}", self.public_url)
    }

    /// Whether cookies can have the attribute `Secure`.
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

/// The path of a checkout's page. `showwxpaytitle=1` makes WeChat show its
/// "secure payment" subtitle (WeChat Pay v2 manual, section 7.6). WeChat reads
/// it from the address that is opened, so every address of a checkout has it;
/// other browsers ignore it.
pub(crate) fn checkout_path(checkout_id: &str) -> String {
    format!("/pay/?s={checkout_id}&showwxpaytitle=1")
}

/// An address to which a query can be appended.
fn is_page(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host().is_some()
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

fn is_path(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"/_-.".contains(&b);
    text.starts_with('/') && text.bytes().all(allowed)
}

/// 300 by default: several times the peak of one merchant's shop, and low
/// enough that an isolate still serves the others.
fn calls_per_second(set: Option<String>) -> Result<i64, ConfigError> {
    let Some(text) = set.filter(|text| !text.is_empty()) else {
        return Ok(300);
    };
    text.parse()
        .ok()
        .filter(|n| (1..=1_000_000).contains(n))
        .ok_or(ConfigError {
            name: "API_CALLS_PER_SECOND",
            problem: "is not a whole number from 1 to 1000000",
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(changes: &[(&str, &str)]) -> Result<Config, String> {
        let key = "0".repeat(64);
        Config::read(|name| {
            let changed = changes.iter().find(|(n, _)| *n == name);
            match (changed, name) {
                (Some((_, value)), _) => Some((*value).to_owned()),
                (None, "PUBLIC_URL") => Some("https://pay.example.com".to_owned()),
                (None, "MASTER_KEY") => Some(key.clone()),
                (None, "ADMIN_TOKEN") => Some("a-token-of-some-length".to_owned()),
                _ => None,
            }
        })
        .map_err(|error| error.to_string())
    }

    #[test]
    fn each_wrong_variable_is_named() {
        assert!(read(&[]).is_ok());
        for (name, value) in [
            ("PUBLIC_URL", ""),
            ("PUBLIC_URL", "pay.example.com"),
            ("PUBLIC_URL", "https://pay.example.com/"),
            ("PUBLIC_URL", "ftp://pay.example.com"),
            ("MASTER_KEY", "zz"),
            ("MASTER_KEY", &"g".repeat(64)),
            ("ADMIN_TOKEN", "short"),
            ("ADMIN_TOKEN_PREVIOUS", "short"),
            ("MASTER_KEY_PREVIOUS", "zz"),
            ("OAUTH_AUTHORIZE_URL", "open.weixin.qq.com"),
            ("OAUTH_AUTHORIZE_URL", "https://open.weixin.qq.com/?a=b"),
            ("OAUTH_AUTHORIZE_URL", "https://open.weixin.qq.com/#a"),
            ("EXCHANGE_RATE_PATH", "pay/queryexchagerate"),
            ("EXCHANGE_RATE_PATH", "/pay/rate?x"),
            ("API_CALLS_PER_SECOND", "0"),
            ("API_CALLS_PER_SECOND", "many"),
            ("UPSTREAM", "SANDBOX"),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }
}
