//! `weceive backup` and `weceive restore`.

use crate::backup::{backup, restore};
use crate::cli::{note, print};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Options of `weceive backup`.
#[derive(Args, Debug)]
pub struct BackupOptions {
    /// The directory of the data.
    #[arg(long, default_value = "data")]
    directory: PathBuf,
    /// A new directory for the copy.
    target: PathBuf,
}

/// Options of `weceive restore`.
#[derive(Args, Debug)]
pub struct RestoreOptions {
    /// The directory of the backup.
    source: PathBuf,
    /// The directory of the data, which must not exist yet.
    #[arg(long, default_value = "data")]
    directory: PathBuf,
}

impl BackupOptions {
    /// Copies a deployment's data.
    ///
    /// # Errors
    ///
    /// A file cannot be copied, or its copy is damaged.
    pub fn run(&self, json: bool) -> Result<(), String> {
        let count = backup(&self.directory, &self.target, copying)?;
        report(count, &self.target, json)
    }
}

impl RestoreOptions {
    /// Puts a backup in place.
    ///
    /// # Errors
    ///
    /// A file is damaged or cannot be copied, or the directory has data.
    pub fn run(&self, json: bool) -> Result<(), String> {
        let count = restore(&self.source, &self.directory, copying)?;
        report(count, &self.directory, json)
    }
}

fn report(files: usize, directory: &Path, as_json: bool) -> Result<(), String> {
    let directory = directory.display();
    let text = match as_json {
        true => json!({ "files": files, "directory": directory.to_string() }).to_string(),
        false => format!("{files} files are in {directory}"),
    };
    print(&format!("{text}\n")).map_err(|failure| failure.to_string())
}

/// Prints the progress of long work.
fn copying(file: &Path) {
    note(&format!("copying {}", file.display()));
}
