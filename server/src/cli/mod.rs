//! The commands that use a deployment's API from a terminal, and `sign explain`.
//!
//! ```text
//! arguments ─▶ profile (address, keys) ─▶ one call of the API ─▶ a table, or JSON
//! ```
//!
//! Every command is a client of the documented API and has no access to a
//! deployment's files. Keys come from a file that only its owner can read, or
//! from the environment: never from arguments, which other users of the machine
//! can see.

mod api;
mod merchants;
mod orders;
mod profile;
mod sign;
mod table;

use clap::{Args, Subcommand};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

pub use profile::ProfileCommand;
pub use sign::SignCommand;

/// Options of every command that calls a deployment.
#[derive(Args, Clone, Debug)]
pub struct Target {
    /// The profile to use, of those that `weceive profile set` stored.
    #[arg(
        long,
        global = true,
        env = "WECEIVE_PROFILE",
        default_value = "default"
    )]
    profile: String,
    /// Print the answer as JSON.
    #[arg(long, global = true)]
    json: bool,
}

/// The commands that call a deployment.
#[derive(Debug, Subcommand)]
pub enum ApiCommand {
    /// Orders: list, show, refund, close.
    #[command(subcommand)]
    Orders(orders::Orders),
    /// Payment links: make, list, switch off and on.
    #[command(subcommand)]
    Links(orders::Links),
    /// What was delivered to your addresses: list, resend.
    #[command(subcommand)]
    Deliveries(orders::Deliveries),
    /// What was paid and refunded, by day or month.
    Totals(orders::Totals),
    /// Alarms that are open.
    Alarms(orders::Filters),
    /// Test everything that was entered for the merchant.
    Doctor,
    /// The operator's calls: make and change merchants. They need the admin
    /// token.
    #[command(subcommand)]
    Merchants(merchants::Merchants),
}

/// Why a command did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// Something on this machine: a file, an argument, the profile.
    Local(String),
    /// The deployment refused the call.
    Refused(String),
    /// No answer, or one that says to repeat the call later.
    Unavailable(String),
    /// The command ran, and its answer is no: a doctor that found a problem, a
    /// signature that does not hold. What there is to say was printed.
    No,
}

/// The exit codes, for `--help`.
pub const EXIT_CODES: &str = "Exit codes:
  0  done
  1  a problem on this machine: a file, a profile, an input
  2  wrong arguments
  3  the deployment refused the call; the message says why
  4  no answer, or a failure there: the same call can be repeated
  5  the answer is no: the doctor found a problem, or a signature does not hold";

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
    #[expect(clippy::print_stderr, reason = "a program for the terminal")]
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Local(why) | Self::Refused(why) | Self::Unavailable(why) => {
                eprintln!("weceive: {why}");
            }
            Self::No => {}
        }
        ExitCode::from(self.code())
    }
}

/// Runs a command that calls a deployment.
///
/// # Errors
///
/// The command did not succeed; the failure says why.
pub fn call(command: &ApiCommand, target: &Target) -> Result<(), Failure> {
    let profile = profile::load(&target.profile)?;
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Local(error.to_string()))?;
    let api = api::Api::new(profile, target.json)?;
    executor.block_on(async {
        tokio::select! {
            done = carry_out(command, &api) => done,
            _ = tokio::signal::ctrl_c() => Err(Failure::Local(
                "interrupted; a call that was already sent may have been carried out. Orders and refunds \
                 have numbers: repeat the command, and nothing happens twice".to_owned(),
            )),
        }
    })
}

async fn carry_out(command: &ApiCommand, api: &api::Api) -> Result<(), Failure> {
    match command {
        ApiCommand::Orders(command) => orders::orders(command, api).await,
        ApiCommand::Links(command) => orders::links(command, api).await,
        ApiCommand::Deliveries(command) => orders::deliveries(command, api).await,
        ApiCommand::Totals(totals) => orders::totals(totals, api).await,
        ApiCommand::Alarms(filters) => orders::list(api, "alarms", filters).await,
        ApiCommand::Doctor => merchants::doctor(api, "/v1/doctor").await,
        ApiCommand::Merchants(command) => merchants::merchants(command, api).await,
    }
}

/// Runs a command that changes the profiles.
///
/// # Errors
///
/// The file cannot be read or written, or the input is wrong.
pub fn profiles(command: &ProfileCommand) -> Result<(), Failure> {
    profile::run(command)
}

/// Runs a command about signatures.
///
/// # Errors
///
/// A file cannot be read, the message is of no known form, or the signature
/// does not hold.
pub fn sign(command: &SignCommand, target: &Target) -> Result<(), Failure> {
    sign::run(command, target.json)
}

/// Writes to standard output. A reader that closed the pipe (`| head`) ends
/// the output without a failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::Local(
            format!("the output cannot be written: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Asks a question on the terminal; whether the answer is yes. Without a
/// terminal the command needs `--yes`.
#[expect(clippy::print_stderr, reason = "a question on the terminal")]
fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
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
