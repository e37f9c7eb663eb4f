//! Starts and stops the system: one `workerd` process, as `testkit/workerd/weceive.capnp` describes it, or two of the
//! native program.
//!
//! ```no_run
//! use testkit::workerd::{System, free_ports};
//! let [gateway, sandbox, tls, tls_2] = free_ports()?;
//! let system = System::new("/tmp/try", gateway, sandbox, [tls, tls_2]);
//! let running = system.start()?;          // ready when this returns
//! println!("{}", running.gateway());      // http://127.0.0.1:…
//! running.crash();                        // kill -9
//! let running = system.start()?;          // the same store, as after a power cut
//! drop(running);                          // ended, and waited for
//! # Ok::<(), testkit::Failure>(())
//! ```

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    path::PathBuf,
    process::Command,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use demo::Origins;

use crate::{
    Failure, Result,
    child_guard::ChildGuard,
    http,
    native::{self, Runtime},
    paths,
};

/// How long a start may take before it counts as failed. It takes well under a second.
const STARTING: Duration = Duration::from_secs(30);

/// The merchants of the sandbox whose client certificates the system has. Each has its own port,
/// because `workerd` does not report to a Worker which certificate a client presented: each port
/// accepts one certificate only.
pub const CERTIFICATES: [&str; 2] = ["1900000109", "1900000110"];

/// The configuration of a run. Everything is on 127.0.0.1.
#[derive(Clone, Debug)]
pub struct System {
    /// The gateway's port; `None` runs the sandbox alone.
    pub gateway_port: Option<u16>,
    /// The sandbox's port.
    pub sandbox_port: u16,
    /// The sandbox's ports for TLS with a client certificate, one for each of [`CERTIFICATES`]. Only the gateway uses
    /// them.
    pub tls_ports: [u16; 2],
    /// Where the objects' databases and `workerd.log` are kept; made when missing.
    pub directory: PathBuf,
    /// 64 hexadecimal digits that seal the merchants' credentials.
    pub master_key: String,
    /// The bearer token of the gateway's `/admin`.
    pub admin_token: String,
    /// Where the pages are, if not in `dist/`.
    pub pages: Option<PathBuf>,
    /// The runtime of both.
    pub runtime: Runtime,
    /// The gateway's `PUBLIC_URL`, if not its own port.
    pub public_url: Option<String>,
}

impl System {
    /// The gateway and the sandbox, with fixed keys: for tests and benchmarks.
    pub fn new(
        directory: impl Into<PathBuf>,
        gateway_port: u16,
        sandbox_port: u16,
        tls_ports: [u16; 2],
    ) -> Self {
        Self {
            gateway_port: Some(gateway_port),
            sandbox_port,
            tls_ports,
            directory: directory.into(),
            master_key: "5a".repeat(32),
            admin_token: "admin-token-of-a-test".to_owned(),
            pages: None,
            runtime: Runtime::of_environment(),
            public_url: None,
        }
    }

    /// The sandbox without a gateway.
    pub fn sandbox(directory: impl Into<PathBuf>, port: u16) -> Self {
        Self {
            gateway_port: None,
            ..Self::new(directory, 0, port, [0, 0])
        }
    }

    /// Starts it; returns when it answers.
    ///
    /// # Errors
    ///
    /// A port is in use, the Workers are not built, or `workerd` refused them: the failure contains
    /// its message.
    pub fn start(&self) -> Result<Workerd> {
        must_be_free(self.sandbox_port)?;
        if self.runtime == Runtime::Native {
            let sandbox = self.native_sandbox()?;
            return match self.gateway_port {
                Some(_) => self.native_gateway(self.sandbox_port, vec![sandbox]),
                None => self.waited(vec![sandbox]),
            };
        }
        let mut command = Self::serve()?;
        self.add_sandbox(&mut command)?;
        let Some(port) = self.gateway_port else {
            command.arg(config("sandbox.capnp"));
            return self.started("workerd", &command);
        };
        must_be_free(port)?;
        self.tls_ports.into_iter().try_for_each(must_be_free)?;
        self.add_gateway(&mut command, port)?;
        self.add_tls(&mut command);
        command.arg(config("weceive.capnp"));
        self.started("workerd", &command)
    }

    /// Starts it with an invalid `MASTER_KEY`, so that the gateway answers only
    /// errors; returns when it does.
    ///
    /// # Errors
    ///
    /// As [`System::start`], or the gateway answers as if it had started.
    pub fn start_misconfigured(&self) -> Result<Workerd> {
        let wrong = Self {
            master_key: "not a key".to_owned(),
            ..self.clone()
        };
        let port = self.gateway_port.unwrap_or_default();
        if self.runtime == Runtime::Native {
            return wrong.native_refused(port);
        }
        must_be_free(self.sandbox_port)?;
        must_be_free(port)?;
        self.tls_ports.into_iter().try_for_each(must_be_free)?;
        let mut command = Self::serve()?;
        wrong.add_sandbox(&mut command)?;
        wrong.add_gateway(&mut command, port)?;
        wrong.add_tls(&mut command);
        command.arg(config("weceive.capnp"));
        let running = Self {
            // Only the sandbox is waited for.
            gateway_port: None,
            ..wrong
        }
        .started("workerd", &command)?;
        let address = format!("{}/healthz", origin(port));
        match http::get(&address) {
            Ok(answer) if answer.status >= 500 => Ok(running),
            Ok(answer) => Err(Failure::new(
                "start a gateway that cannot work",
                format!("{address} answers {}", answer.status),
                "MASTER_KEY must be refused",
            )),
            Err(failure) => Err(failure),
        }
    }

    /// Starts the sandbox alone, with its port for TLS: it keeps running when a
    /// gateway of [`System::start_gateway`] is crashed.
    ///
    /// # Errors
    ///
    /// As [`System::start`].
    pub fn start_sandbox(&self) -> Result<Workerd> {
        must_be_free(self.sandbox_port)?;
        self.tls_ports.into_iter().try_for_each(must_be_free)?;
        let alone = Self {
            gateway_port: None,
            ..self.clone()
        };
        if self.runtime == Runtime::Native {
            return alone.waited(vec![self.native_sandbox()?]);
        }
        let mut command = Self::serve()?;
        self.add_sandbox(&mut command)?;
        self.add_tls(&mut command);
        command.arg(config("apart.capnp")).arg("sandbox");
        alone.started("sandbox", &command)
    }

    /// Starts the gateway alone. It reaches WeChat on `wechat_port`: the sandbox of
    /// [`System::start_sandbox`], or a proxy in front of it.
    ///
    /// # Errors
    ///
    /// As [`System::start`].
    pub fn start_gateway(&self, wechat_port: u16) -> Result<Workerd> {
        let port = self.gateway_port.unwrap_or_default();
        must_be_free(port)?;
        if self.runtime == Runtime::Native {
            return self.native_gateway(wechat_port, Vec::new());
        }
        let mut command = Self::serve()?;
        self.add_gateway(&mut command, port)?;
        command
            .arg(format!("--external-addr=sandbox=127.0.0.1:{wechat_port}"))
            .arg(config("apart.capnp"))
            .arg("gateway");
        self.started("gateway", &command)
    }

    fn serve() -> Result<Command> {
        let mut command = Command::new(paths::workerd()?);
        command
            .current_dir(paths::root())
            .args(["serve", "--experimental"]);
        Ok(command)
    }

    fn add_sandbox(&self, command: &mut Command) -> Result<()> {
        let port = self.sandbox_port;
        let store = self.store("sandbox")?;
        command
            .arg(format!("--socket-addr=sandbox=127.0.0.1:{port}"))
            .arg(format!(
                "--directory-path=sandbox-store={}",
                store.display()
            ))
            .env("SANDBOX_PUBLIC_URL", origin(port));
        Ok(())
    }

    fn add_tls(&self, command: &mut Command) {
        for (mch_id, port) in CERTIFICATES.iter().zip(self.tls_ports) {
            command.arg(format!("--socket-addr=tls-{mch_id}=127.0.0.1:{port}"));
        }
    }

    fn add_gateway(&self, command: &mut Command, port: u16) -> Result<()> {
        let store = self.store("gateway")?;
        command
            .arg(format!("--socket-addr=gateway=127.0.0.1:{port}"))
            .args(
                CERTIFICATES
                    .iter()
                    .zip(self.tls_ports)
                    .map(|(mch_id, port)| {
                        format!("--external-addr=certificate-{mch_id}=127.0.0.1:{port}")
                    }),
            )
            .arg(format!(
                "--directory-path=gateway-store={}",
                store.display()
            ))
            .args(
                self.pages
                    .iter()
                    .map(|pages| format!("--directory-path=pages={}", pages.display())),
            );
        self.add_settings(command, port);
        Ok(())
    }

    /// The settings that differ between two runs.
    fn add_settings(&self, command: &mut Command, port: u16) {
        let authorize = format!("{}/connect/oauth2/authorize", origin(self.sandbox_port));
        command
            .env(
                "PUBLIC_URL",
                self.public_url.clone().unwrap_or_else(|| origin(port)),
            )
            .env("OAUTH_AUTHORIZE_URL", authorize)
            .env("MASTER_KEY", &self.master_key)
            .env("ADMIN_TOKEN", &self.admin_token);
    }

    fn native_sandbox(&self) -> Result<ChildGuard> {
        let certificates: Vec<(&str, u16)> = CERTIFICATES
            .into_iter()
            .zip(self.tls_ports)
            // The sandbox alone has no such port.
            .filter(|(_, port)| *port != 0)
            .collect();
        let store = self.store("sandbox")?;
        let command = native::sandbox(self.sandbox_port, &store, &certificates)?;
        ChildGuard::start("sandbox", &command, &self.directory.join("sandbox.log"))
    }

    /// Starts the gateway beside what runs already.
    fn native_gateway(&self, wechat_port: u16, mut others: Vec<ChildGuard>) -> Result<Workerd> {
        others.push(self.native_gateway_alone(wechat_port)?);
        self.waited(others)
    }

    fn native_gateway_alone(&self, wechat_port: u16) -> Result<ChildGuard> {
        let port = self.gateway_port.unwrap_or_default();
        must_be_free(port)?;
        let [tls_port, tls_port_2] = self.tls_ports;
        let wechat = [wechat_port, tls_port, tls_port_2];
        let store = self.store("gateway")?;
        let mut command = native::gateway(port, &store, self.pages.as_ref(), wechat)?;
        self.add_settings(&mut command, port);
        ChildGuard::start("gateway", &command, &self.directory.join("gateway.log"))
    }

    /// The sandbox, beside a gateway that has refused to start.
    fn native_refused(&self, port: u16) -> Result<Workerd> {
        let sandbox = self.native_sandbox()?;
        let mut gateway = self.native_gateway_alone(self.sandbox_port)?;
        let began = Instant::now();
        while gateway.alive().is_ok() {
            if began.elapsed() > STARTING {
                return Err(Failure::new(
                    "start a gateway that cannot work",
                    format!("it runs on port {port}"),
                    "MASTER_KEY must be refused",
                ));
            }
            thread::sleep(Duration::from_millis(20));
        }
        let alone = Self {
            gateway_port: None,
            ..self.clone()
        };
        let mut running = alone.waited(vec![sandbox])?;
        running.refused = gateway.log();
        Ok(running)
    }

    fn started(&self, name: &str, command: &Command) -> Result<Workerd> {
        let log = self.directory.join(format!("{name}.log"));
        self.waited(vec![ChildGuard::start(name, command, &log)?])
    }

    /// Waits until the processes answer.
    fn waited(&self, child_guards: Vec<ChildGuard>) -> Result<Workerd> {
        let mut running = Workerd {
            child_guards,
            refused: String::new(),
            gateway: self.gateway_port.map(origin),
            sandbox: origin(self.sandbox_port),
        };
        running.wait()?;
        Ok(running)
    }

    /// The directory of one Worker's databases, made when missing.
    fn store(&self, worker: &str) -> Result<PathBuf> {
        let store = self.directory.join("store").join(worker);
        fs::create_dir_all(&store)
            .and_then(|()| store.canonicalize())
            .map_err(|error| {
                Failure::new(
                    format!("make {}", store.display()),
                    error,
                    "make its parent writable",
                )
            })
    }
}

/// A running system. It ends when this is dropped, and when this process ends in any way.
#[derive(Debug)]
pub struct Workerd {
    /// One process for `workerd`; of the native program one for the sandbox, and the gateway's last.
    child_guards: Vec<ChildGuard>,
    /// The log of a gateway that refused to start.
    refused: String,
    gateway: Option<String>,
    sandbox: String,
}

impl Workerd {
    /// The gateway's origin, with no slash at the end; empty when the sandbox runs alone.
    #[must_use]
    pub fn gateway(&self) -> &str {
        self.gateway.as_deref().unwrap_or_default()
    }

    /// The sandbox's origin, with no slash at the end.
    #[must_use]
    pub fn sandbox(&self) -> &str {
        &self.sandbox
    }

    /// Both, for the crate `demo`.
    #[must_use]
    pub fn origins(&self) -> Origins {
        Origins {
            gateway: self.gateway().to_owned(),
            sandbox: self.sandbox.clone(),
            host: None,
        }
    }

    /// The Workers' log so far.
    #[must_use]
    pub fn log(&self) -> String {
        let logs = self.child_guards.iter().map(ChildGuard::log);
        [self.refused.clone()].into_iter().chain(logs).collect()
    }

    /// The process id of `workerd`, or of the native gateway.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child_guards.last().map_or(0, ChildGuard::pid)
    }

    /// Whether it still runs.
    ///
    /// # Errors
    ///
    /// It has ended; the failure holds the end of its log.
    pub fn alive(&mut self) -> Result<()> {
        self.child_guards.iter_mut().try_for_each(ChildGuard::alive)
    }

    /// Kills it, as a power failure would.
    pub fn crash(self) {
        // The gateway first, so that the other process has no caller.
        self.child_guards
            .into_iter()
            .rev()
            .for_each(ChildGuard::crash);
    }

    /// Waits until both Workers answer.
    fn wait(&mut self) -> Result<()> {
        let began = Instant::now();
        let gateway = self
            .gateway
            .as_ref()
            .map(|gateway| format!("{gateway}/healthz"));
        let addresses = gateway
            .into_iter()
            .chain([format!("{}/sandbox/merchants", self.sandbox)]);
        for address in addresses {
            loop {
                self.alive()?;
                let unready = match http::get(&address) {
                    Ok(answer) if answer.status < 400 => break,
                    Ok(answer) => format!("{address} answers {}: {}", answer.status, answer.body),
                    Err(failure) => failure.said,
                };
                if began.elapsed() > STARTING {
                    return Err(Failure::new(
                        "start the system",
                        format!("{unready}\n{}", self.log()),
                        "see the log above",
                    ));
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }
}

fn config(name: &str) -> PathBuf {
    paths::root().join("testkit/workerd").join(name)
}

fn origin(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Refuses a port that something else listens on.
///
/// # Errors
///
/// The failure names the port and the option that chooses another.
pub fn must_be_free(port: u16) -> Result<()> {
    TcpListener::bind(("127.0.0.1", port)).map(drop).map_err(|error| {
        Failure::new(
            format!("listen on port {port}"),
            error,
            "end what listens there — perhaps another `cargo xtask dev` — or choose another port with --port N",
        )
    })
}

/// Ports that nothing listens on now, and that this process was not given before:
/// what a browser stores for an origin belongs to one system.
///
/// # Errors
///
/// The machine has none left.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let failed = |error: std::io::Error| {
        Failure::new(
            "find a free port",
            error,
            "end something that uses many ports",
        )
    };
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    // All are held until all are known, so that they differ.
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        *port = loop {
            let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
            let free = listener.local_addr().map_err(failed)?.port();
            held.push(listener);
            if given.insert(free) {
                break free;
            }
        };
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_the_option_that_chooses_another() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let failure = must_be_free(port).unwrap_err().to_string();
        assert!(
            failure.contains(&port.to_string()) && failure.contains("--port"),
            "{failure}"
        );
    }

    #[test]
    fn free_ports_differ() {
        let [first, second] = free_ports().unwrap();
        assert_ne!(first, second);
    }
}
