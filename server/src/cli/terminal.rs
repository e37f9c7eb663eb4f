//! Output, questions and exit codes.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// Why a command did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// Something on this machine: a file, an argument, the profile.
    Local(String),
    /// The deployment refused the call.
    Refused(String),
    /// No answer, or one that says to repeat the call later.
    Unavailable(String),
    /// The command ran, and the result is negative: the doctor found a problem,
    /// or a signature is wrong. The result was printed.
    No,
}

/// The exit codes, for `--help`.
pub const EXIT_CODES: &str = "Exit codes:
  0  done
  1  a problem on this machine: a file, a profile, an input
  2  wrong arguments
  3  the deployment refused the call; the message says why
  4  no answer, or a failure there: the same call can be repeated
  5  the result is negative: the doctor found a problem, or a signature is wrong";

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local(why) | Self::Refused(why) | Self::Unavailable(why) => f.write_str(why),
            Self::No => f.write_str("the result is negative"),
        }
    }
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::Local(_) => 1,
            Self::Refused(_) => 3,
            Self::Unavailable(_) => 4,
            Self::No => 5,
        }
    }

    /// Prints the reason; the exit code.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::No => {}
            failure => note(&format!("weceive: {failure}")),
        }
        ExitCode::from(self.code())
    }
}

/// Writes to standard output. A reader that closed the pipe (`| head`) ends
/// the output without a failure.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::Local(
            format!("the output cannot be written: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Writes a line that is not part of the output. A reader that closed the pipe
/// misses it, and the work goes on.
pub fn note(text: &str) {
    let mut error = std::io::stderr().lock();
    let _ = error.write_all(format!("{text}\n").as_bytes());
}

/// Asks a question on the terminal; whether the answer is yes. Without a
/// terminal the command needs `--yes`.
#[expect(clippy::print_stderr, reason = "a question on the terminal")]
pub fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Local(format!(
            "{question} Confirm it with --yes; there is no terminal to ask on"
        )));
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::Local(error.to_string()))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Local("nothing was done".to_owned())),
    }
}
