//! The operator's calls, and the doctor.

use super::api::{Api, Badge};
use super::table::cell;
use super::terminal::{Failure, confirm, print};
use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// `weceive merchants …`
#[derive(Debug, Subcommand)]
pub enum Merchants {
    /// Make a merchant from a JSON file with the fields of
    /// `POST /admin/merchants`. The answer has its keys, which are shown once.
    Create {
        /// The file; `-` is standard input.
        file: PathBuf,
    },
    /// Change a merchant's settings, from a JSON file.
    Change {
        /// The merchant's id.
        id: String,
        /// The file; `-` is standard input.
        file: PathBuf,
    },
    /// Make new keys. The earlier ones stay valid for a day.
    Rotate {
        /// The merchant's id.
        id: String,
        /// End the earlier keys at once.
        #[arg(long)]
        revoke: bool,
        /// A JSON file with credentials that are to replace the merchant's own, such as
        /// `api_key`, or `certificate` and `private_key`; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        credentials: Option<PathBuf>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Counters, alarms and deliveries of a merchant.
    Report {
        /// The merchant's id.
        id: String,
    },
    /// Test everything that was entered for a merchant.
    Doctor {
        /// The merchant's id.
        id: String,
    },
}

pub async fn merchants(command: &Merchants, api: &Api) -> Result<(), Failure> {
    let call = async |method: Method, path: &str, body: Option<&Value>| {
        let data = api.call(Badge::Operator, method, path, body).await?;
        match api.printed(&data)? {
            true => Ok(()),
            false => {
                let text = serde_json::to_string_pretty(&data);
                let text = text.map_err(|error| Failure::Local(error.to_string()))?;
                print(&format!("{text}\n"))
            }
        }
    };
    match command {
        Merchants::Create { file } => {
            call(Method::POST, "/admin/merchants", Some(&document(file)?)).await
        }
        Merchants::Change { id, file } => {
            call(Method::PATCH, &of(id, "")?, Some(&document(file)?)).await
        }
        Merchants::Rotate {
            id,
            revoke,
            credentials,
            yes,
        } => {
            let mut body = match credentials {
                None => json!({}),
                Some(file) => document(file)?,
            };
            let Some(fields) = body.as_object_mut() else {
                return Err(Failure::Local(
                    "the credentials are no JSON object".to_owned(),
                ));
            };
            fields.insert("revoke".to_owned(), json!(revoke));
            if *revoke {
                let question = format!(
                    "End the present keys of {id} at once? Programs that use them are refused."
                );
                confirm(&question, *yes)?;
            }
            call(Method::POST, &of(id, "/rotate")?, Some(&body)).await
        }
        Merchants::Report { id } => call(Method::GET, &of(id, "/report")?, None).await,
        Merchants::Doctor { id } => doctor(api, &of(id, "/doctor")?).await,
    }
}

/// A merchant's path. An id has letters, digits, `-` and `_` only, so that it
/// cannot lead to another path.
fn of(id: &str, rest: &str) -> Result<String, Failure> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    match !id.is_empty() && id.bytes().all(is_plain) {
        true => Ok(format!("/admin/merchants/{id}{rest}")),
        false => Err(Failure::Local(format!("{id} is no merchant's id"))),
    }
}

fn document(file: &Path) -> Result<Value, Failure> {
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::Local(format!("{} cannot be read: {why}", file.display()))
    };
    let mut text = String::new();
    match file == Path::new("-") {
        true => std::io::stdin().read_to_string(&mut text).map(|_| ()),
        false => std::fs::read_to_string(file).map(|found| text = found),
    }
    .map_err(|error| wrong(&error))?;
    // The parser's message names a place and no value.
    serde_json::from_str(&text).map_err(|error| {
        wrong(&format_args!(
            "no JSON at line {}, column {}",
            error.line(),
            error.column()
        ))
    })
}

/// Prints what a doctor found.
pub async fn doctor(api: &Api, path: &str) -> Result<(), Failure> {
    let badge = match path.starts_with("/admin/") {
        true => Badge::Operator,
        false => Badge::Merchant,
    };
    let found = api.call(badge, Method::GET, path, None).await?;
    let healthy = found.get("healthy") == Some(&Value::Bool(true));
    if !api.printed(&found)? {
        let mut out = String::new();
        for check in found
            .get("checks")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let mark = match check.get("ok") {
                Some(Value::Bool(true)) => "ok     ",
                Some(Value::Bool(false)) => "PROBLEM",
                _ => "-      ",
            };
            out.push_str(&format!(
                "{mark}  {}: {}\n",
                cell(check, "name"),
                cell(check, "says")
            ));
        }
        print(&out)?;
    }
    match healthy {
        true => Ok(()),
        false => Err(Failure::No),
    }
}
