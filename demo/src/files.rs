//! Files that a run keeps.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    path::Path,
};

use crate::{Failure, Result};

/// Writes a file that only its owner can read.
///
/// # Errors
///
/// The file cannot be written.
pub fn write_secret(file: &Path, text: &str) -> Result<()> {
    let write = || {
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(file)?.write_all(text.as_bytes())
    };
    write().map_err(|error: std::io::Error| {
        Failure::new(
            format!("write {}", file.display()),
            error,
            "make its directory writable",
        )
    })
}

/// Deletes a directory and its content, such as the store of a system. A
/// directory that does not exist is no error.
///
/// # Errors
///
/// The directory could not be deleted.
pub fn wipe(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::new(
            format!("delete {}", directory.display()),
            error,
            "delete it by hand",
        )),
        _ => Ok(()),
    }
}
