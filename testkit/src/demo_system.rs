//! The gateway and the sandbox with the demo merchants: what `cargo xtask dev` runs, and the documents' commands use.

use std::path::PathBuf;

use crate::{
    Result,
    demo::{self, Credentials, Demo},
    http::text,
    workerd::{System, Workerd},
};

/// A running gateway and sandbox, and the demo merchants in them.
#[derive(Debug)]
pub struct DemoSystem {
    /// How it was started.
    pub system: System,
    /// Both Workers.
    pub running: Workerd,
    /// The merchants.
    pub demo: Demo,
}

impl DemoSystem {
    /// Starts a pair on the ports of the gateway, the sandbox and the sandbox's TLS (two), with its store in `directory`, and
    /// writes there the [variables of the documents](Self::variables), in the file `env`.
    ///
    /// # Errors
    ///
    /// Any step's.
    pub fn start(directory: PathBuf, ports: [u16; 4]) -> Result<Self> {
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
        };
        let running = system.start()?;
        let demo = demo::fill(&running, &mut credentials)?;
        let started = Self {
            system,
            running,
            demo,
        };
        demo::write_secret(&started.system.directory.join("env"), &started.variables())?;
        Ok(started)
    }

    /// What the documents' commands use, as assignments of a shell: `A` and `GATEWAY`, `SANDBOX`, `PHONE`, the demo
    /// shop's `K`, `S`, `delivery_secret` and `api_key` (its key at WeChat), and `ADMIN_TOKEN`.
    #[must_use]
    pub fn variables(&self) -> String {
        let (gateway, sandbox) = (self.running.gateway(), self.running.sandbox());
        let shop = self.demo.merchants.first();
        let at_gateway = |name| shop.map_or("", |shop| text(&shop.gateway, name));
        let values = [
            ("A", gateway),
            ("GATEWAY", gateway),
            ("SANDBOX", sandbox),
            ("PHONE", &phone(sandbox, None)),
            ("K", at_gateway("/api-key")),
            ("S", at_gateway("/api-secret")),
            ("delivery_secret", at_gateway("/delivery_secret")),
            (
                "api_key",
                shop.map_or("", |shop| text(&shop.account, "/key")),
            ),
            ("ADMIN_TOKEN", &self.system.admin_token),
        ];
        values
            .iter()
            .map(|(name, value)| format!("{name}='{value}'\n"))
            .collect()
    }
}

/// The sandbox's phone, with a page opened in its WeChat.
#[must_use]
pub fn phone(sandbox: &str, page: Option<&str>) -> String {
    // A name of its own, so that the pages on the phone are of other origins than the phone itself.
    let phone = format!("{}/phone/", sandbox.replace("127.0.0.1", "phone.localhost"));
    match page {
        Some(page) => format!(
            "{phone}?open={}",
            page.replace('%', "%25")
                .replace('&', "%26")
                .replace('?', "%3F")
        ),
        None => phone,
    }
}
