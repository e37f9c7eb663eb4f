//! `cargo xtask dev`: runs the gateway and the sandbox with a shop to try them.

use std::{io::Write, path::PathBuf, sync::mpsc, time::Duration};

use serde_json::Value;

use testkit::{
    Failure, Result,
    demo::{Credentials, StaticHost, console, wipe},
    demo_system::DemoSystem,
    paths,
    workerd::{self, Workerd},
};

use crate::{build, part::Part, step};

/// The options of the command line.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The gateway's port. The sandbox has the three ports after it: for HTTP,
    /// and for TLS with each client certificate. On the fourth is the page as on
    /// a merchant's own host.
    pub port: u16,
    /// Print one line of JSON instead of a list.
    pub json: bool,
    /// Delete what earlier runs stored.
    pub fresh: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 8787,
            json: false,
            fresh: false,
        }
    }
}

/// Sets up, builds, starts, fills, prints, and runs until Ctrl-C.
///
/// # Errors
///
/// Those of any step.
pub fn run(options: Options) -> Result<()> {
    let ports = [1, 2, 3, 4].map(|n| options.port.checked_add(n));
    let [
        Some(sandbox_port),
        Some(tls_port),
        Some(tls_port_2),
        Some(host_port),
    ] = ports
    else {
        return Err(Failure::new(
            "choose the ports",
            "the sandbox and the page's other host have the four ports after the gateway's",
            "choose a smaller --port",
        ));
    };
    workerd::must_be_free(options.port)?;
    workerd::must_be_free(sandbox_port)?;
    workerd::must_be_free(tls_port)?;
    workerd::must_be_free(tls_port_2)?;
    workerd::must_be_free(host_port)?;
    build::run(&Part::ALL)?;

    let directory = directory(&options.port.to_string());
    if options.fresh {
        wipe(&directory)?;
    }
    let pages = Part::Page.directory();
    let host = StaticHost::start(
        move |name| std::fs::read(pages.join(name)).ok(),
        &format!("http://127.0.0.1:{}", options.port),
        host_port,
    )?;
    let ports = [options.port, sandbox_port, tls_port, tls_port_2];
    let mut system = step::of(
        "start the gateway and the sandbox, with the demo merchants",
        || DemoSystem::start(directory, ports, Some(&host)),
    )?;
    let mut credentials = Credentials::of(&system.system.directory)?;
    system.demo.register(&host)?;
    if options.json {
        print_line(&system.demo.json());
    } else {
        let shown = |file| paths::shown(&system.system.directory.join(file));
        println!("{}", system.demo.list(&shown("env"), &shown("workerd.log")));
        let console = step::of("open the console with people and sales", || {
            console::open(&system.demo, &mut credentials, None)
        })?;
        println!("{}", console.list());
    }
    step::summary();
    until_stopped(&mut system.running)
}

/// The directory in which a running system keeps its store, its log and its
/// credentials. Each port has its own, so that two systems can run at once.
#[must_use]
pub fn directory(name: &str) -> PathBuf {
    paths::root().join(".dev").join(name)
}

/// Prints one line to standard output and flushes it, because a script waits
/// for it.
pub(crate) fn print_line(line: &Value) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}

/// Returns at Ctrl-C, or fails when the system ends without it.
///
/// # Errors
///
/// The system ended; the failure holds the end of its log.
pub fn until_stopped(running: &mut Workerd) -> Result<()> {
    let (stop, stopped) = mpsc::channel();
    ctrlc::set_handler(move || {
        let _ = stop.send(());
    })
    .map_err(|error| {
        Failure::new(
            "wait for Ctrl-C",
            error,
            "end the process by its id instead",
        )
    })?;
    while stopped.recv_timeout(Duration::from_millis(500)).is_err() {
        running.alive()?;
    }
    eprintln!("\nstopped");
    Ok(())
}
