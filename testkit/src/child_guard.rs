//! Child processes that are killed when the parent exits.
//!
//! A child is started through a small shell that reads a pipe from the parent. However the parent ends (a return, a
//! panic, Ctrl-C, `kill -9`), the pipe closes, and the shell ends the child by its process id.

use std::{
    ffi::OsStr,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{Failure, Result};

/// Prints the child's process id, then waits for the child or for the end of the pipe.
///
/// The child's output is moved to standard error (the log), so that standard output carries the id alone.
const KEEPER: &str = r#"
trap '' INT
exec 3<&0
"$@" </dev/null >&2 3<&- &
child=$!
echo $child
exec >&2
( while read -r _; do :; done; kill $child ) <&3 2>/dev/null &
reader=$!
wait $child
status=$?
kill $reader 2>/dev/null
exit $status
"#;

/// How long a child may take to end after the request to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running child.
#[derive(Debug)]
pub struct ChildGuard {
    name: String,
    keeper: Child,
    pid: u32,
    pipe: Option<ChildStdin>,
    log: PathBuf,
}

impl ChildGuard {
    /// Starts `command`, its output going to the file `log`. Its environment and directory are kept.
    ///
    /// # Errors
    ///
    /// The log cannot be written, or the command cannot be started.
    pub fn start(name: &str, command: &Command, log: &Path) -> Result<Self> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(
                format!("start {name}"),
                error,
                format!("see {}", log.display()),
            )
        };
        let output = File::create(log).map_err(|error| failed(&error))?;

        let mut keeper = Command::new("sh");
        keeper
            .args([
                OsStr::new("-c"),
                OsStr::new(KEEPER),
                OsStr::new("sh"),
                command.get_program(),
            ])
            .args(command.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(output);
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => keeper.env(key, value),
                None => keeper.env_remove(key),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            keeper.current_dir(directory);
        }

        let mut keeper = keeper.spawn().map_err(|error| failed(&error))?;
        let pipe = keeper.stdin.take();
        let mut first_line = String::new();
        if let Some(stdout) = keeper.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut first_line)
                .map_err(|error| failed(&error))?;
        }
        let pid = first_line.trim().parse().map_err(|error| failed(&error))?;
        Ok(Self {
            name: name.to_owned(),
            keeper,
            pid,
            pipe,
            log: log.to_owned(),
        })
    }

    /// The child's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The child's output so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Whether the child still runs.
    ///
    /// # Errors
    ///
    /// It has ended; the failure holds the end of its log.
    pub fn alive(&mut self) -> Result<()> {
        match self.keeper.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.ended(&status)),
            Err(error) => Err(self.ended(&error)),
        }
    }

    fn ended(&self, how: &dyn std::fmt::Display) -> Failure {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines
            .get(lines.len().saturating_sub(20)..)
            .unwrap_or_default()
            .join("\n");
        Failure::new(
            format!("keep {} running", self.name),
            format!("it ended ({how})\n{last}"),
            format!("its whole output is in {}", self.log.display()),
        )
    }

    /// Kills the child without a chance to finish anything, as a power failure
    /// would.
    pub fn crash(mut self) {
        let _ = Command::new("kill")
            .args(["-9", &self.pid.to_string()])
            .status();
        let _ = self.keeper.wait();
    }
}

impl Drop for ChildGuard {
    /// Asks the child to end, and waits until it has ended.
    fn drop(&mut self) {
        drop(self.pipe.take());
        let asked = Instant::now();
        while let Ok(None) = self.keeper.try_wait() {
            if asked.elapsed() > PATIENCE {
                let _ = Command::new("kill")
                    .args(["-9", &self.pid.to_string()])
                    .status();
                let _ = self.keeper.wait();
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_running(pid: u32) -> bool {
        Command::new("kill")
            .args(["-0", &pid.to_string()])
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    }

    fn log(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!(
            "xtask-child_guard-{name}-{}.log",
            std::process::id()
        ))
    }

    #[test]
    fn a_dropped_child_has_ended() {
        let mut command = Command::new("sleep");
        command.arg("1000");
        let mut child = ChildGuard::start("sleep", &command, &log("drop")).unwrap();
        child.alive().unwrap();
        let pid = child.pid();
        assert!(is_running(pid));
        drop(child);
        assert!(!is_running(pid));
    }

    #[test]
    fn the_failure_of_a_child_that_ends_has_the_end_of_its_log() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such file; exit 7"]);
        let mut child = ChildGuard::start("reader", &command, &log("last")).unwrap();
        let failure = loop {
            match child.alive() {
                Ok(()) => thread::sleep(Duration::from_millis(5)),
                Err(failure) => break failure,
            }
        };
        assert!(failure.said.contains("no such file"), "{failure}");
        assert!(failure.said.contains('7'), "{failure}");
    }

    #[test]
    fn a_crash_is_immediate() {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' TERM; sleep 1000"]);
        let child = ChildGuard::start("stubborn", &command, &log("crash")).unwrap();
        let pid = child.pid();
        child.crash();
        assert!(!is_running(pid));
    }
}
