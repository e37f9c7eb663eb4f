//! The settings of a deployment, from a TOML file and the environment.

use crate::tls::Files;
use std::collections::BTreeMap;
use std::path::Path;

/// The settings, by the names of `wrangler.toml`.
const SETTINGS: [&str; 10] = [
    "PUBLIC_URL",
    "MASTER_KEY",
    "MASTER_KEY_PREVIOUS",
    "ADMIN_TOKEN",
    "ADMIN_TOKEN_PREVIOUS",
    "OAUTH_AUTHORIZE_URL",
    "EXCHANGE_RATE_PATH",
    "API_CALLS_PER_SECOND",
    "DEVELOPMENT",
    "WECHATPAY",
];

/// The prefix of the names of bindings with a client certificate.
pub const CERTIFICATES: &str = "WECHATPAY_MTLS";

fn is_setting(name: &str) -> bool {
    SETTINGS.contains(&name) || name.starts_with(CERTIFICATES)
}

/// The settings of the file and the environment.
pub struct Settings {
    /// By the names of `wrangler.toml`.
    pub variables: BTreeMap<String, String>,
    /// Client certificates, by the names of the bindings.
    pub certificates: BTreeMap<String, Files>,
}

/// Reads the file, and then the environment, which has precedence.
///
/// # Errors
///
/// The file cannot be read, or has an entry that is not a setting.
pub fn read(file: Option<&Path>) -> Result<Settings, String> {
    let mut settings = Settings {
        variables: BTreeMap::new(),
        certificates: BTreeMap::new(),
    };
    if let Some(file) = file {
        let said = |error: &dyn std::fmt::Display| {
            format!("the settings {} cannot be read: {error}", file.display())
        };
        let text = std::fs::read_to_string(file).map_err(|error| said(&error))?;
        // The parser's message repeats a line, which may be a key.
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.lines().count().max(1));
            said(&format_args!("it is not valid TOML at line {line}"))
        })?;
        for (name, value) in table {
            if !is_setting(&name) {
                return Err(said(&format_args!("there is no setting {name}")));
            }
            match value {
                toml::Value::String(value) => {
                    settings.variables.insert(name, value);
                }
                toml::Value::Table(files) if name.starts_with(CERTIFICATES) => {
                    let files = certificate_files(&files, file);
                    let files = files.map_err(|why| said(&format_args!("{name}: {why}")))?;
                    settings.certificates.insert(name, files);
                }
                _ => {
                    return Err(said(&format_args!("{name} must be a text in quotes")));
                }
            }
        }
    }
    for (name, value) in std::env::vars() {
        if is_setting(&name) {
            settings.certificates.remove(&name);
            settings.variables.insert(name, value);
        }
    }
    Ok(settings)
}

/// `{ certificate = "…", key = "…" }`; relative paths begin at the file of the
/// settings.
fn certificate_files(files: &toml::Table, settings: &Path) -> Result<Files, String> {
    let known = ["certificate", "key"];
    if let Some(other) = files.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("there is no {other} in a client certificate"));
    }
    let beside = settings.parent().unwrap_or(Path::new(""));
    let of = |name: &str| match files.get(name) {
        Some(toml::Value::String(file)) => Ok(beside.join(file)),
        _ => Err(format!("write {name} = \"a file in PEM\"")),
    };
    Ok(Files {
        certificate: of("certificate")?,
        key: of("key")?,
    })
}
