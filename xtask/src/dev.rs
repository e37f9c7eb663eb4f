//! `cargo xtask dev`: everything, running, with a shop to try it in.

use std::{io::Write, path::PathBuf, sync::mpsc, time::Duration};

use serde_json::{Value, json};

use testkit::{
    demo::{Demo, Kind, Merchant},
    demo_system::{DemoSystem, phone},
    http::text,
    paths,
    workerd::{self, System, Workerd},
};

use crate::{
    Failure, Result,
    build::{self, Part},
    setup, step,
};

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The gateway's port; the sandbox has the next three: for HTTP, and for TLS with each client certificate.
    pub port: u16,
    /// Print one line of JSON instead of a list.
    pub json: bool,
    /// Forget what earlier runs stored.
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
/// Any step's.
pub fn run(options: Options) -> Result<()> {
    let ports = [1, 2, 3].map(|n| options.port.checked_add(n));
    let [Some(sandbox_port), Some(tls_port), Some(tls_port_2)] = ports else {
        return Err(Failure::new(
            "choose the ports",
            "the sandbox has the three ports after the gateway's",
            "choose a smaller --port",
        ));
    };
    workerd::must_be_free(options.port)?;
    workerd::must_be_free(sandbox_port)?;
    workerd::must_be_free(tls_port)?;
    workerd::must_be_free(tls_port_2)?;
    setup::all()?;
    build::run(&Part::ALL)?;

    let directory = directory(&options.port.to_string());
    if options.fresh {
        workerd::wipe(&directory)?;
    }
    let ports = [options.port, sandbox_port, tls_port, tls_port_2];
    let mut system = step::of(
        "start the gateway and the sandbox, with the demo merchants",
        || DemoSystem::start(directory, ports),
    )?;
    let addresses = Addresses::of(&system.running, &system.demo);
    if options.json {
        print_line(&addresses.json(&system.demo, &system.system.admin_token));
    } else {
        addresses.print(&system.demo, &system.system);
    }
    until_stopped(&mut system.running)
}

/// Where a running system keeps its store, its log and its credentials. One for each port, so that two can run.
#[must_use]
pub fn directory(name: &str) -> PathBuf {
    paths::root().join(".dev").join(name)
}

/// Where to look.
struct Addresses {
    shop: String,
    checkout: String,
    phone: String,
    inbox: String,
    gateway: String,
    sandbox: String,
}

impl Addresses {
    fn of(running: &Workerd, demo: &Demo) -> Self {
        let sandbox = running.sandbox().to_owned();
        let checkout = demo.merchants.first().map(|shop| shop.checkout.clone());
        let checkout = checkout.unwrap_or_default();
        Self {
            shop: format!("{sandbox}/shop/"),
            phone: phone(&sandbox, Some(&checkout)),
            checkout,
            inbox: format!("{sandbox}/shop/inbox"),
            gateway: running.gateway().to_owned(),
            sandbox,
        }
    }

    fn print(&self, demo: &Demo, system: &System) {
        let key = |name| {
            demo.merchants
                .first()
                .map_or("", |shop| text(&shop.gateway, name))
        };
        println!(
            "
  The demo shop      {}
  A checkout         {}
  … in WeChat        {}
  The phone          {}
  The delivery inbox {}

  The API            {}
    api-key          {}
    api-secret       {}
    delivery secret  {}
  ADMIN_TOKEN        {}
  WeChat's side      {}
  The documents' variables are set by `. {}`.

  A checkout of each merchant
{}
  The log is {}. Ctrl-C stops everything.",
            self.shop,
            self.checkout,
            self.phone,
            phone(&self.sandbox, None),
            self.inbox,
            self.gateway,
            key("/api-key"),
            key("/api-secret"),
            key("/delivery_secret"),
            system.admin_token,
            self.sandbox,
            paths::shown(&system.directory.join("env")),
            each(demo),
            paths::shown(&system.directory.join("workerd.log")),
        );
    }

    fn json(&self, demo: &Demo, admin_token: &str) -> Value {
        json!({
            "gateway": self.gateway,
            "sandbox": self.sandbox,
            "shop": self.shop,
            "inbox": self.inbox,
            "checkout": self.checkout,
            "phone": self.phone,
            "admin_token": admin_token,
            "merchants": demo.merchants.iter().map(Merchant::json).collect::<Vec<_>>(),
        })
    }
}

/// A line for each merchant: what its upstream speaks, and a checkout to pay.
fn each(demo: &Demo) -> String {
    demo.merchants
        .iter()
        .map(|merchant| {
            let (kind, checkout) = (merchant.kind, &merchant.checkout);
            format!("    {:<14} {:<32} {checkout}\n", kind.id, in_words(kind))
        })
        .collect()
}

fn in_words(kind: Kind) -> String {
    let dialect = match (kind.dialect, kind.region) {
        ("v3", Some("mainland")) => "APIv3, mainland",
        ("v3", _) => "APIv3, Global",
        ("ionline", _) => "iOnline",
        _ => "WeChat Pay v2",
    };
    match kind.sub_merchant {
        Some(_) => format!("{dialect}, of an institution"),
        None => dialect.to_owned(),
    }
}

/// Prints one line to standard output at once: a script waits for it.
pub(crate) fn print_line(line: &Value) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}

/// Returns at Ctrl-C, or fails when the system ends by itself.
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
