//! `weceive sign explain`: why a signature is wrong.

use super::terminal::{Failure, print};
use crate::rsa::Ring;
use clap::Subcommand;
use explain::{Explanation, Key, MAX_BYTES, Verdict};
use serde_json::json;
use std::io::Read;
use std::path::{Path, PathBuf};

/// `weceive sign …`
#[derive(Debug, Subcommand)]
pub enum SignCommand {
    /// Say whether a message's signature holds, and if not, which known mistake
    /// gives the signature that it carries.
    ///
    /// The message is XML, a form, the JSON that opens a payment, or an HTTP
    /// message with its headers. Nothing leaves this machine.
    Explain {
        /// The message's file; without one, or with `-`, standard input.
        message: Option<PathBuf>,
        /// A file with the key: an API key, or PEM (a private key, a public key
        /// or a certificate). Give the right one first; others are tried too.
        #[arg(long = "key", required = true, value_name = "FILE")]
        keys: Vec<PathBuf>,
    },
}

pub fn run(command: &SignCommand, json: bool) -> Result<(), Failure> {
    let SignCommand::Explain { message, keys } = command;
    let keys: Vec<Key> = keys
        .iter()
        .map(|file| key(file))
        .collect::<Result<_, _>>()?;
    let message = match message.as_deref().filter(|file| *file != Path::new("-")) {
        Some(file) => std::fs::read(file).map_err(|error| unreadable(file, &error))?,
        None => {
            let mut bytes = Vec::new();
            let most = u64::try_from(MAX_BYTES)
                .unwrap_or(u64::MAX)
                .saturating_add(1);
            std::io::stdin()
                .lock()
                .take(most)
                .read_to_end(&mut bytes)
                .map_err(|error| unreadable(Path::new("standard input"), &error))?;
            bytes
        }
    };
    let executor = tokio::runtime::Builder::new_current_thread().build();
    let executor = executor.map_err(|error| Failure::Local(error.to_string()))?;
    let explained = executor.block_on(explain::explain(&message, &keys, &Ring));
    let explained = explained.map_err(|error| Failure::Local(error.to_string()))?;
    print(&if json {
        as_json(&explained)
    } else {
        explained.to_string()
    })?;
    match explained.verdict {
        Verdict::Holds { .. } => Ok(()),
        _ => Err(Failure::No),
    }
}

fn unreadable(file: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::Local(format!("{} cannot be read: {why}", file.display()))
}

fn key(file: &Path) -> Result<Key, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
    Key::read(&file.display().to_string(), &text).map_err(|error| unreadable(file, &error))
}

fn as_json(explained: &Explanation) -> String {
    let mut found = json!({
        "message": explained.form.to_string(),
        "method": explained.method,
        "holds": matches!(explained.verdict, Verdict::Holds { .. }),
        "mistakes": [],
        "signed_text": explained.text,
    });
    if let Verdict::Mistakes(mistakes) = &explained.verdict {
        let mistakes = mistakes
            .iter()
            .map(|mistake| json!({"name": mistake.name(), "advice": mistake.advice()}));
        if let Some(list) = found.get_mut("mistakes") {
            *list = mistakes.collect();
        }
    }
    format!("{found:#}\n")
}
