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
mod listen;
mod merchants;
mod orders;
mod profile;
mod sandbox;
mod sign;
mod table;
mod target;
mod terminal;
mod transfer;

use clap::Subcommand;

pub use listen::{Listen, listen};
pub use profile::ProfileCommand;
pub use sandbox::{Clock, Trigger, clock, trigger};
pub use sign::SignCommand;
pub use target::Target;
pub use terminal::{EXIT_CODES, Failure, note, print};

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
    /// Close a deployment and write all its data into a file, to move it to another
    /// one. It needs the admin token.
    Export(transfer::Export),
    /// Move an exported deployment into a new one. It needs both admin tokens.
    Import(transfer::Import),
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
            _ = tokio::signal::ctrl_c() => Err(Failure::Local(interrupted(command).to_owned())),
        }
    })
}

/// What Ctrl-C leaves.
const fn interrupted(command: &ApiCommand) -> &'static str {
    match command {
        ApiCommand::Export(_) => {
            "interrupted: the deployment is closed. The same command continues; weceive export \
             --reopen opens the deployment again"
        }
        ApiCommand::Import(_) => "interrupted: the same command continues",
        _ => {
            "interrupted; a call that was already sent may have been carried out. Orders and refunds \
             have numbers: repeat the command, and nothing happens twice"
        }
    }
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
        ApiCommand::Export(command) => transfer::export(command, api).await,
        ApiCommand::Import(command) => transfer::import(command, api).await,
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
