//! Knows whether a result is up to date with its inputs, so that it need not be
//! made again.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use testkit::{Failure, Result, paths};

use crate::tools::CARGO_TOOLS;

/// The fingerprint of the inputs and of the results. The file that keeps it is
/// next to cargo's own results.
pub struct Stamp {
    file: PathBuf,
    inputs: String,
    results: Box<dyn Fn() -> Vec<PathBuf>>,
}

impl Stamp {
    /// For the files that `results` lists, which are made of the files `inputs`
    /// with the pinned tools. `file` keeps the fingerprint.
    ///
    /// # Errors
    ///
    /// An input cannot be read.
    pub fn new(
        file: PathBuf,
        results: impl Fn() -> Vec<PathBuf> + 'static,
        inputs: &[PathBuf],
    ) -> Result<Self> {
        let mut inputs = inputs.to_vec();
        inputs.push(paths::root().join("package-lock.json"));
        let versions = CARGO_TOOLS.map(|tool| tool.version).join(" ");
        let inputs = format!("{versions} {}", fingerprint(inputs)?);
        Ok(Self {
            file,
            inputs,
            results: Box::new(results),
        })
    }

    /// Whether the results were made of the same inputs, and are unchanged
    /// since then.
    #[must_use]
    pub fn is_current(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|stamp| self.text().is_ok_and(|now| now == stamp))
    }

    /// Stores the fingerprint of results that were just made.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self) -> Result<()> {
        let text = self.text()?;
        let parent = self.file.parent().map_or(Ok(()), fs::create_dir_all);
        parent
            .and_then(|()| fs::write(&self.file, text))
            .map_err(|error| {
                Failure::new(
                    format!("write {}", self.file.display()),
                    error,
                    "make the target directory writable",
                )
            })
    }

    fn text(&self) -> Result<String> {
        Ok(format!(
            "{}\n{}\n",
            self.inputs,
            fingerprint((self.results)())?
        ))
    }
}

/// A hash over the names and the contents of these files.
///
/// # Errors
///
/// A file cannot be read.
pub fn fingerprint(mut files: Vec<PathBuf>) -> Result<String> {
    files.sort();
    let mut hash = DefaultHasher::new();
    for file in files {
        let content = fs::read(&file).map_err(|error| {
            Failure::new(
                format!("read {}", paths::shown(&file)),
                error,
                "see whether the file should be there",
            )
        })?;
        (file, content).hash(&mut hash);
    }
    Ok(format!("{:016x}", hash.finish()))
}

/// Every file below a directory; none when it does not exist.
#[must_use]
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_current_until_an_input_or_the_result_changes() {
        let directory = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        let results = directory.join("results");
        fs::create_dir_all(&results).unwrap();
        let (input, result) = (directory.join("input"), results.join("result"));
        fs::write(&input, "one").unwrap();
        fs::write(&result, "made of one").unwrap();

        let stamp = || {
            let results = results.clone();
            Stamp::new(
                directory.join("stamp"),
                move || files_below(&results),
                std::slice::from_ref(&input),
            )
            .unwrap()
        };
        assert!(!stamp().is_current());
        stamp().write().unwrap();
        assert!(stamp().is_current());
        fs::write(&result, "made by someone else").unwrap();
        assert!(!stamp().is_current());
        stamp().write().unwrap();
        fs::write(&input, "two").unwrap();
        assert!(!stamp().is_current());
        fs::remove_dir_all(directory).unwrap();
    }
}
