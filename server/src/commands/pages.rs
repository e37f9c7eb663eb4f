//! The files of the checkout page: embedded when the program was built, or of a
//! directory.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// The files by name, as the runtime serves them.
pub type Pages = Arc<HashMap<String, Vec<u8>>>;

// `EMBEDDED`: the names and contents of the files in `dist/`.
include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The files of this directory, or those that are embedded.
///
/// # Errors
///
/// The directory cannot be read, or the program was built without the page.
pub fn read(directory: Option<&Path>) -> Result<Pages, String> {
    let pages = match directory {
        Some(directory) => of_directory(directory)?,
        None if EMBEDDED.is_empty() => {
            return Err("this program was built without the checkout page. \
                 `cargo xtask native` builds both; or name the page's files with --pages"
                .to_owned());
        }
        None => EMBEDDED
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
            .collect(),
    };
    Ok(Arc::new(pages))
}

fn of_directory(directory: &Path) -> Result<HashMap<String, Vec<u8>>, String> {
    let said = |error: &dyn std::fmt::Display| {
        format!(
            "the page's files in {} cannot be read: {error}; `cargo xtask build page` makes them",
            directory.display()
        )
    };
    let mut pages = HashMap::new();
    for entry in std::fs::read_dir(directory).map_err(|error| said(&error))? {
        let entry = entry.map_err(|error| said(&error))?;
        if let (Ok(kind), Ok(name)) = (entry.file_type(), entry.file_name().into_string())
            && kind.is_file()
        {
            let bytes = std::fs::read(entry.path()).map_err(|error| said(&error))?;
            pages.insert(name, bytes);
        }
    }
    Ok(pages)
}
