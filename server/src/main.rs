//! `weceive`: the gateway, and the sandbox of WeChat, on one machine.

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use std::process::ExitCode;
use weceive::cli::{self, Failure};
use weceive::commands::{BackupOptions, DevOptions, RestoreOptions, SandboxOptions, ServeOptions};

/// A WeChat Pay gateway with its own checkout, and a sandbox of WeChat Pay.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = cli::EXIT_CODES)]
struct Program {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    target: cli::Target,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Serve(ServeOptions),
    /// Run the gateway with a sandbox, a payer's phone and a demo shop, to try or
    /// to develop with.
    Dev(DevOptions),
    /// Run a sandbox of WeChat Pay: point the SDK that you test at it.
    Sandbox(SandboxOptions),
    /// Trigger an event in the sandbox: pay an order, send a notice twice, …
    Trigger(cli::Trigger),
    /// Show or move the sandbox's clock.
    Clock(cli::Clock),
    /// Copy a deployment's data, as it is at one moment. The deployment may run.
    Backup(BackupOptions),
    /// Put a backup in place, for a deployment that does not run.
    Restore(RestoreOptions),
    #[command(flatten)]
    Api(cli::ApiCommand),
    /// Send a deployment's events to a program on this machine, in order.
    Listen(cli::Listen),
    /// The deployments that the commands above call, and the keys for them.
    #[command(subcommand)]
    Profile(cli::ProfileCommand),
    /// Explain why a signature is wrong.
    #[command(subcommand)]
    Sign(cli::SignCommand),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

fn main() -> ExitCode {
    let program = Program::parse();
    let json = program.target.json();
    let done = match &program.command {
        Command::Serve(options) => options.run().map_err(Failure::Local),
        Command::Dev(options) => options.run(json).map_err(Failure::Local),
        Command::Sandbox(options) => options.run(json).map_err(Failure::Local),
        Command::Backup(options) => options.run(json).map_err(Failure::Local),
        Command::Restore(options) => options.run(json).map_err(Failure::Local),
        Command::Trigger(options) => cli::trigger(options, json),
        Command::Clock(options) => cli::clock(options, json),
        Command::Api(command) => cli::call(command, &program.target),
        Command::Listen(options) => cli::listen(options, &program.target),
        Command::Profile(command) => cli::profiles(command),
        Command::Sign(command) => cli::sign(command, &program.target),
        Command::Completions { shell } => {
            // In memory first: a reader that closes the pipe must not be a panic.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Program::command(), "weceive", &mut script);
            cli::print(&String::from_utf8_lossy(&script))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
