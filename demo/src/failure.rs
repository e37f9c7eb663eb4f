//! Errors for the developer: the step, the command, its message, and what to do now.

use std::fmt;

/// The result of every command.
pub type Result<T> = std::result::Result<T, Failure>;

/// A step that failed.
#[derive(Debug)]
pub struct Failure {
    /// The step as a verb phrase: "compile the gateway".
    pub step: String,
    /// The command line, when a command was run.
    pub command: Option<String>,
    /// What went wrong: an error message or the end of the command's output.
    pub said: String,
    /// What the reader can do about it.
    pub advice: String,
}

impl Failure {
    /// A failure of something that is not a command.
    pub fn new(
        step: impl Into<String>,
        said: impl fmt::Display,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            step: step.into(),
            command: None,
            said: said.to_string(),
            advice: advice.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "could not {}", self.step)?;
        if let Some(command) = &self.command {
            writeln!(f, "\n  {command}")?;
        }
        if !self.said.is_empty() {
            writeln!(f)?;
            for line in self.said.lines() {
                writeln!(f, "  {line}")?;
            }
        }
        write!(f, "\nWhat to do: {}", self.advice)
    }
}

impl std::error::Error for Failure {}
