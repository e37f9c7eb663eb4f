//! One line of progress for each step, on standard error.
//!
//! Standard output has only the results, so that `--json` prints JSON and
//! nothing else.

use std::{
    cmp::Reverse,
    ffi::OsStr,
    io::{IsTerminal, Read, Write, stderr},
    process::{Command, ExitStatus, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use testkit::{Failure, Result};

/// The number of lines that are shown of a failed command's output: enough for
/// one compiler error or stack trace.
const SHOWN_LINES: usize = 60;

/// When the output is not a terminal, a long step prints its time at this
/// interval.
const ALIVE_SECONDS: u64 = 60;

/// Runs `command` without showing its output; returns its standard output.
///
/// `step` is a verb phrase: "compile the gateway".
///
/// # Errors
///
/// The command could not be started, or ended with an error; `advice` says what
/// the developer can do then.
pub fn run(step: &str, command: &mut Command, advice: &str) -> Result<String> {
    let typed = shown(command);
    let failed = |said: String| Failure {
        step: step.to_owned(),
        command: Some(typed.clone()),
        said,
        advice: advice.to_owned(),
    };

    let line = Line::begin(step);
    let spawned = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            line.end("✗");
            return Err(failed(not_started(command, &error)));
        }
    };
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let status = child.wait();
    let stdout = stdout.join().unwrap_or_default();
    let stderr = stderr.join().unwrap_or_default();

    match status {
        Ok(status) if status.success() => {
            line.end("✓");
            Ok(stdout)
        }
        Ok(status) => {
            line.end("✗");
            Err(failed(format!(
                "{}{}",
                tail(&stderr, &stdout),
                ended(status)
            )))
        }
        Err(error) => {
            line.end("✗");
            Err(failed(error.to_string()))
        }
    }
}

/// Runs `command` and shows its output: for commands whose output is the
/// result.
///
/// # Errors
///
/// As [`run`].
pub fn show(step: &str, command: &mut Command, advice: &str) -> Result<()> {
    eprintln!("\n· {step}: {}", shown(command));
    let began = Instant::now();
    let outcome = command.status();
    let said = match outcome {
        Ok(status) if status.success() => {
            eprintln!("✓ {step} ({})", elapsed(began.elapsed()));
            return Ok(());
        }
        Ok(status) => ended(status),
        Err(error) => not_started(command, &error),
    };
    Err(Failure {
        step: step.to_owned(),
        command: Some(shown(command)),
        said,
        advice: advice.to_owned(),
    })
}

/// Does `work` and shows it as a step.
///
/// # Errors
///
/// Those of `work`.
pub fn of<T>(step: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let line = Line::begin(step);
    let outcome = work();
    line.end(if outcome.is_ok() { "✓" } else { "✗" });
    outcome
}

/// Prints that a step had nothing to do.
pub fn unchanged(step: &str) {
    eprintln!("✓ {step} (unchanged)");
}

/// A line that counts the seconds while a step runs, and keeps the total when
/// it has ended. Steps that run at once share the terminal's last line.
struct Line {
    step: String,
    began: Instant,
    done: mpsc::Sender<()>,
    ticker: thread::JoinHandle<()>,
}

/// The steps that run, with their beginnings, and those that have ended, with
/// their times.
static STEPS: Mutex<Steps> = Mutex::new(Steps {
    running: Vec::new(),
    ended: Vec::new(),
});

struct Steps {
    running: Vec<(String, Instant)>,
    ended: Vec<(String, Duration)>,
}

impl Steps {
    /// What runs, on one line of the terminal.
    fn show_running(&self) {
        let shown =
            |(step, began): &(String, Instant)| format!("· {step} … {}", elapsed(began.elapsed()));
        let shown: Vec<String> = self.running.iter().map(shown).collect();
        rewrite(&shown.join("  "));
    }
}

fn steps() -> MutexGuard<'static, Steps> {
    STEPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prints the time of each step so far that took a second or more, the longest
/// first. Prints nothing where all took less than a minute together.
pub fn summary() {
    let mut long = steps().ended.clone();
    long.retain(|(_, time)| *time >= Duration::from_secs(1));
    if long.iter().map(|(_, time)| *time).sum::<Duration>() < Duration::from_secs(60) {
        return;
    }
    long.sort_by_key(|(_, time)| Reverse(*time));
    eprintln!("\n  The time of each step (some run at once):");
    for (step, time) in long {
        eprintln!("  {:>12}  {step}", elapsed(time));
    }
}

impl Line {
    fn begin(step: &str) -> Self {
        let began = Instant::now();
        let (done, ticks) = mpsc::channel::<()>();
        let label = step.to_owned();
        let terminal = stderr().is_terminal();
        steps().running.push((label.clone(), began));
        let ticker = thread::spawn(move || {
            let every = Duration::from_secs(if terminal { 1 } else { ALIVE_SECONDS });
            if terminal {
                steps().show_running();
            }
            while ticks.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                if terminal {
                    steps().show_running();
                } else {
                    eprintln!("· {label} … {}", elapsed(began.elapsed()));
                }
            }
        });
        Self {
            step: step.to_owned(),
            began,
            done,
            ticker,
        }
    }

    fn end(self, mark: &str) {
        drop(self.done);
        let _ = self.ticker.join();
        let time = self.began.elapsed();
        let line = format!("{mark} {} ({})", self.step, elapsed(time));
        let mut steps = steps();
        steps
            .running
            .retain(|running| *running != (self.step.clone(), self.began));
        steps.ended.push((self.step, time));
        if stderr().is_terminal() {
            rewrite(&line);
            eprintln!();
            steps.show_running();
        } else {
            eprintln!("{line}");
        }
    }
}

/// Replaces the terminal's current line.
fn rewrite(line: &str) {
    let mut err = stderr().lock();
    let _ = write!(err, "\r\x1b[2K{line}");
    let _ = err.flush();
}

/// "0.8 s", "42 s", "7 min 02 s".
#[must_use]
pub fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 10 {
        format!("{:.1} s", time.as_secs_f32())
    } else if seconds < 60 {
        format!("{seconds} s")
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

/// The command as a developer could type it here.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let typed = words.map(quoted).collect::<Vec<_>>().join(" ");
    let here = std::env::current_dir().ok();
    match command.get_current_dir() {
        Some(there) if here.as_deref() != Some(there) => {
            format!("(cd {}; {typed})", there.display())
        }
        _ => typed,
    }
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains([' ', '"', '\'', '$', '*', '{', '\\']) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        word.into_owned()
    }
}

fn not_started(command: &Command, error: &std::io::Error) -> String {
    format!(
        "{} could not be started: {error}",
        command.get_program().to_string_lossy()
    )
}

/// The status or the signal with which a failed command ended.
pub(crate) fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("(it ended with code {code})"),
        None => "(it was ended by a signal)".to_owned(),
    }
}

/// Reads a pipe to its end on another thread, so that the child never waits for
/// us.
fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The end of a command's output: of its errors, or of its standard output when
/// it printed no errors.
fn tail(stderr: &str, stdout: &str) -> String {
    let said = if stderr.trim().is_empty() {
        stdout
    } else {
        stderr
    };
    let lines: Vec<&str> = said.trim_end().lines().collect();
    let skipped = lines.len().saturating_sub(SHOWN_LINES);
    let mut text = String::new();
    if skipped > 0 {
        text.push_str(&format!("… {skipped} lines before these …\n"));
    }
    for line in lines.into_iter().skip(skipped) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_written_for_people() {
        assert_eq!(elapsed(Duration::from_millis(840)), "0.8 s");
        assert_eq!(elapsed(Duration::from_secs(42)), "42 s");
        assert_eq!(elapsed(Duration::from_secs(422)), "7 min 02 s");
    }

    #[test]
    fn a_failure_shows_the_command_its_output_and_the_advice() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo the reason >&2; exit 3"]);
        let failure = run("try", &mut command, "try again").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "could not try\n\n  sh -c 'echo the reason >&2; exit 3'\n\n  the reason\n  (it ended with code 3)\n\nWhat to do: try again"
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let failure = run("try", &mut Command::new("no-such-program"), "install it").unwrap_err();
        assert!(
            failure
                .said
                .starts_with("no-such-program could not be started")
        );
    }

    #[test]
    fn only_the_end_of_a_long_output_is_shown() {
        let said: String = (0..100).map(|n| format!("line {n}\n")).collect();
        let shown = tail(&said, "");
        assert!(shown.starts_with("… 40 lines before these …\nline 40\n"));
        assert!(shown.ends_with("line 99\n"));
    }
}
