//! Where log lines are written.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

/// The place of the log.
#[derive(Clone, Debug)]
pub enum Log {
    /// Standard output.
    Stdout,
    /// A file, opened for appending.
    File(Arc<File>),
}

impl Log {
    /// Writes one line in one piece. A reader of standard output that has ended
    /// and a full disk do not end the program.
    pub fn print(&self, line: &str) {
        let line = format!("{line}\n");
        let _ = match self {
            Self::Stdout => std::io::stdout().lock().write_all(line.as_bytes()),
            Self::File(file) => file.as_ref().write_all(line.as_bytes()),
        };
    }
}
