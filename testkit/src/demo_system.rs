//! The gateway and the sandbox with the demo merchants, for `cargo xtask dev`
//! and the documents' commands.

use std::path::PathBuf;

use demo::{Credentials, Demo, Origins, StaticHost};

use crate::{
    Result,
    native::Runtime,
    workerd::{System, Workerd},
};

/// A running gateway and sandbox, and the demo merchants in them.
#[derive(Debug)]
pub struct DemoSystem {
    /// The configuration with which it was started.
    pub system: System,
    /// Both Workers.
    pub running: Workerd,
    /// The merchants.
    pub demo: Demo,
}

impl DemoSystem {
    /// Starts a pair on the ports of the gateway, the sandbox and the sandbox's TLS (two), with its store in `directory`, and
    /// writes there the [variables of the documents](Demo::variables), in the file `env`. `host` is the page's other
    /// host, which new merchants register.
    ///
    /// # Errors
    ///
    /// Any step's.
    pub fn start(directory: PathBuf, ports: [u16; 4], host: Option<&StaticHost>) -> Result<Self> {
        let [gateway_port, sandbox_port, tls_port, tls_port_2] = ports;
        let mut credentials = Credentials::of(&directory)?;
        let system = System {
            gateway_port: Some(gateway_port),
            sandbox_port,
            tls_ports: [tls_port, tls_port_2],
            directory,
            master_key: credentials.master_key().to_owned(),
            admin_token: credentials.admin_token().to_owned(),
            pages: None,
            runtime: Runtime::of_environment(),
            public_url: None,
        };
        let running = system.start()?;
        let origins = Origins {
            host: host.map(StaticHost::origin),
            ..running.origins()
        };
        let demo = demo::fill(&origins, &mut credentials)?;
        let started = Self {
            system,
            running,
            demo,
        };
        demo::write_secret(
            &started.system.directory.join("env"),
            &started.demo.variables(),
        )?;
        Ok(started)
    }
}
