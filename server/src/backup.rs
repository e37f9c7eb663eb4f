//! Backup and restore of a deployment's directory.
//!
//! SQLite copies each object's file as of one moment, while the program may
//! run. The registry is copied after the books, so a merchant whose book is in
//! the backup is also in its registry. Payments after the backup are known to
//! WeChat: after a restore, queries and notices find them.

use crate::objects::create_private;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a copy waits until a writer has finished.
const PATIENCE: Duration = Duration::from_secs(30);

/// The directory of the books.
const BOOKS: &str = "books";

/// Copies every object's file into `target`, which must not exist. Returns the
/// number of files. `progress` is called with each file's name.
///
/// # Errors
///
/// A file cannot be copied, or its copy is damaged. The target is incomplete
/// then and must not be used.
pub fn backup(
    directory: &Path,
    target: &Path,
    mut progress: impl FnMut(&Path),
) -> Result<usize, String> {
    let files = files(directory)?;
    if files.is_empty() {
        return Err(format!(
            "{} has no data of a deployment",
            directory.display()
        ));
    }
    create(target)?;
    for file in &files {
        let (from, to) = (directory.join(file), target.join(file));
        progress(file);
        let copied = || -> rusqlite::Result<()> {
            let database = Connection::open_with_flags(&from, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            database.busy_timeout(PATIENCE)?;
            let mut copy = Connection::open(&to)?;
            // All pages in one step: a write between two steps would restart
            // the copy.
            match Backup::new(&database, &mut copy)?.step(-1)? {
                StepResult::Done => Ok(()),
                _ => Err(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
                    None,
                )),
            }
        };
        copied().map_err(|error| format!("{} cannot be copied: {error}", from.display()))?;
        check(&to)?;
        sync(&to)?;
    }
    Ok(files.len())
}

/// Copies a backup into the directory of a deployment, which must not exist or
/// be empty. Returns the number of files.
///
/// # Errors
///
/// A file of the backup is damaged or cannot be copied, or the directory has
/// data.
pub fn restore(
    source: &Path,
    directory: &Path,
    mut progress: impl FnMut(&Path),
) -> Result<usize, String> {
    let files = files(source)?;
    if files.is_empty() {
        return Err(format!("{} is no backup of a deployment", source.display()));
    }
    // All are checked before the first one is copied.
    for file in &files {
        check(&source.join(file))?;
    }
    create(directory)?;
    for file in &files {
        let (from, to) = (source.join(file), directory.join(file));
        progress(file);
        fs::copy(&from, &to)
            .map_err(|error| format!("{} cannot be copied: {error}", from.display()))?;
        check(&to)?;
        sync(&to)?;
    }
    Ok(files.len())
}

/// The objects' files, relative to the directory, the registry last.
fn files(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let of = |part: &str| -> Result<Vec<PathBuf>, String> {
        let entries = match fs::read_dir(directory.join(part)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(format!("{} cannot be read: {error}", directory.display())),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry
                .map_err(|error| format!("{} cannot be read: {error}", directory.display()))?;
            let name = PathBuf::from(entry.file_name());
            if name.extension().is_some_and(|ending| ending == "sqlite") {
                found.push(Path::new(part).join(name));
            }
        }
        found.sort();
        Ok(found)
    };
    Ok([of(BOOKS)?, of("")?].concat())
}

fn create(directory: &Path) -> Result<(), String> {
    let has_files = fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some());
    if has_files {
        return Err(format!(
            "{} is not empty; name a new directory",
            directory.display()
        ));
    }
    create_private(&directory.join(BOOKS))
        .map_err(|error| format!("{} cannot be made: {error}", directory.display()))
}

/// Has SQLite check the whole file.
fn check(file: &Path) -> Result<(), String> {
    let checked = || -> rusqlite::Result<String> {
        let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        database.query_row("PRAGMA integrity_check", [], |row| row.get(0))
    };
    match checked() {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(format!("{} is damaged: {found}", file.display())),
        Err(error) => Err(format!("{} is damaged: {error}", file.display())),
    }
}

fn sync(file: &Path) -> Result<(), String> {
    let synced = fs::File::open(file).and_then(|file| file.sync_all());
    synced.map_err(|error| format!("{} cannot be written to disk: {error}", file.display()))
}
