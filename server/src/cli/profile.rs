//! Profiles: the address of a deployment and the keys for it, under a name.
//!
//! They are kept in one TOML file that only its owner can read. The environment
//! has precedence, so that a job needs no file: `WECEIVE_URL`,
//! `WECEIVE_API_KEY`, `WECEIVE_API_SECRET`, `WECEIVE_ADMIN_TOKEN`.

use super::terminal::{Failure, print};
use clap::Subcommand;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

/// One deployment and the keys for it.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The deployment's origin.
    #[serde(default)]
    pub url: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_key: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_secret: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub admin_token: String,
}

/// Keys are left out of the debug output.
impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Profile({})", self.url)
    }
}

type Profiles = BTreeMap<String, Profile>;

/// The commands that change the profiles.
#[derive(Debug, Subcommand)]
pub enum ProfileCommand {
    /// Store a deployment's address and keys. The keys are asked for; without a
    /// terminal they are read from standard input, one a line: api-key,
    /// api-secret, admin token. An empty line leaves one out.
    Set {
        /// The profile's name; `default` is used where no name is given.
        #[arg(default_value = "default")]
        name: String,
        /// The deployment's address, as in `https://pay.example.com`.
        #[arg(long)]
        url: String,
    },
    /// List the profiles, without their keys.
    List,
    /// Remove a profile.
    Remove {
        /// Its name.
        name: String,
    },
}

pub fn run(command: &ProfileCommand) -> Result<(), Failure> {
    let path = path()?;
    let mut profiles = read(&path)?.unwrap_or_default();
    match command {
        ProfileCommand::Set { name, url } => {
            let url = origin(url)?;
            let [api_key, api_secret, admin_token] = keys()?;
            let profile = Profile {
                url,
                api_key,
                api_secret,
                admin_token,
            };
            profiles.insert(name.clone(), profile);
            write(&path, &profiles)?;
            print(&format!(
                "The profile {name} is stored in {}\n",
                path.display()
            ))
        }
        ProfileCommand::List => {
            let rows = profiles.iter().map(|(name, profile)| {
                let has = |key: &str, is: &str| if key.is_empty() { "-" } else { is }.to_owned();
                vec![
                    name.clone(),
                    profile.url.clone(),
                    has(&profile.api_key, "api-key"),
                    has(&profile.api_secret, "api-secret"),
                    has(&profile.admin_token, "admin token"),
                ]
            });
            print(&super::table::text(
                &["name", "url", "", "", ""],
                rows.collect(),
            ))
        }
        ProfileCommand::Remove { name } => {
            if profiles.remove(name).is_none() {
                return Err(no_such(name, &path));
            }
            write(&path, &profiles)
        }
    }
}

/// The profile with this name, without the variables of the environment: they are
/// another deployment's.
pub fn load_stored(name: &str) -> Result<Profile, Failure> {
    let path = path()?;
    let stored = read(&path)?.and_then(|mut profiles| profiles.remove(name));
    stored.ok_or_else(|| no_such(name, &path))
}

/// The profile with this name, changed by the variables of the environment.
pub fn load(name: &str) -> Result<Profile, Failure> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let path = path()?;
    let stored = read(&path)?.and_then(|mut profiles| profiles.remove(name));
    let mut profile = match (stored, set("WECEIVE_URL")) {
        (Some(profile), _) => profile,
        (None, Some(_)) => Profile::default(),
        (None, None) => return Err(no_such(name, &path)),
    };
    // Keys are sent only to the address for which they were stored.
    if let Some(url) = set("WECEIVE_URL") {
        let url = origin(&url)?;
        if profile.url != url {
            profile = Profile {
                url,
                ..Profile::default()
            };
        }
    }
    for (name, key) in [
        ("WECEIVE_API_KEY", &mut profile.api_key),
        ("WECEIVE_API_SECRET", &mut profile.api_secret),
        ("WECEIVE_ADMIN_TOKEN", &mut profile.admin_token),
    ] {
        if let Some(value) = set(name) {
            *key = value;
        }
    }
    Ok(profile)
}

fn no_such(name: &str, path: &std::path::Path) -> Failure {
    Failure::Local(format!(
        "{} has no profile {name}; store one by: weceive profile set {name} --url https://…",
        path.display()
    ))
}

/// `https` everywhere; `http` only to this machine, because keys are sent.
fn origin(url: &str) -> Result<String, Failure> {
    let wrong = |why: &str| {
        Err(Failure::Local(format!(
            "{url} is no address of a deployment: {why}"
        )))
    };
    let Ok(parsed) = url::Url::parse(url) else {
        return wrong("write it as https://pay.example.com");
    };
    let is_local = match parsed.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return wrong("it names no host"),
    };
    if !(parsed.scheme() == "https" || parsed.scheme() == "http" && is_local) {
        return wrong(
            "keys are sent to it, so it must begin with https:// (http:// only on this machine)",
        );
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return wrong("it must hold no user or password");
    }
    Ok(parsed.origin().ascii_serialization())
}

fn keys() -> Result<[String; 3], Failure> {
    let failed =
        |error: std::io::Error| Failure::Local(format!("the keys cannot be read: {error}"));
    if std::io::stdin().is_terminal() {
        let ask = |what: &str| {
            rpassword::prompt_password(format!("{what} (empty: none): ")).map_err(failed)
        };
        return Ok([ask("api-key")?, ask("api-secret")?, ask("admin token")?]
            .map(|key| key.trim().to_owned()));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(failed)?;
    let mut lines = text.lines().map(|line| line.trim().to_owned());
    let mut next = || lines.next().unwrap_or_default();
    Ok([next(), next(), next()])
}

/// The path of the file with the profiles.
fn path() -> Result<PathBuf, Failure> {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = of("WECEIVE_PROFILES") {
        return Ok(PathBuf::from(path));
    }
    let directory = of("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| of("HOME").map(|home| PathBuf::from(home).join(".config")));
    directory
        .map(|directory| directory.join("weceive").join("profiles.toml"))
        .ok_or_else(|| {
            Failure::Local("HOME is not set; say where profiles are in WECEIVE_PROFILES".to_owned())
        })
}

/// The path of a file with this name, beside the profiles.
pub fn beside(name: &str) -> Result<PathBuf, Failure> {
    Ok(path()?.with_file_name(name))
}

/// The file's profiles; `None` where there is no file.
fn read(path: &std::path::Path) -> Result<Option<Profiles>, Failure> {
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::Local(format!(
            "the profiles {} cannot be read: {why}",
            path.display()
        ))
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(&error)),
    };
    let mode = file
        .metadata()
        .map_err(|error| wrong(&error))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(wrong(&format_args!(
            "other users can read it; run chmod 600 {}",
            path.display()
        )));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)
        .map_err(|error| wrong(&error))?;
    // The parser's message repeats the line, which may be a key.
    let profiles = toml::from_str(&text).map_err(|error| match error.span() {
        Some(span) => {
            let line = text
                .get(..span.start)
                .map_or(0, |before| before.lines().count());
            wrong(&format_args!("it is not valid at line {}", line.max(1)))
        }
        None => wrong(&"it is not valid TOML"),
    })?;
    Ok(Some(profiles))
}

/// Writes the whole file, so that a crash leaves the earlier one.
fn write(path: &std::path::Path, profiles: &Profiles) -> Result<(), Failure> {
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::Local(format!(
            "the profiles {} cannot be written: {why}",
            path.display()
        ))
    };
    let text = toml::to_string(profiles).map_err(|error| wrong(&error))?;
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(|error| wrong(&error))?;
    }
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let written = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    written().map_err(|error| wrong(&error))
}
