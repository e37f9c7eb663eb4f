//! The native program in place of `workerd`: `weceive serve` and `weceive sandbox`, a process each.
//!
//! Both listen on the ports that the Workers would have, so that tests run against either:
//! `WECEIVE_RUNTIME=native cargo test -p tests --test http`.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use demo::Result;

use crate::paths;

/// The runtime of the gateway and the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// The Workers, in `workerd`.
    Workerd,
    /// The program `weceive`.
    Native,
}

impl Runtime {
    /// `WECEIVE_RUNTIME=native` chooses the native program.
    #[must_use]
    pub fn of_environment() -> Self {
        match env::var_os("WECEIVE_RUNTIME").is_some_and(|name| name == "native") {
            true => Self::Native,
            false => Self::Workerd,
        }
    }
}

/// The gateway's settings for the ports where requests count as sent with a client certificate.
const CERTIFICATE_SETTINGS: [&str; 2] = ["WECHATPAY_MTLS", "WECHATPAY_MTLS_1900000110"];

/// The sandbox, with a port for each client certificate (`mch_id` and port).
///
/// # Errors
///
/// The program is not built.
pub fn sandbox(port: u16, store: &Path, certificates: &[(&str, u16)]) -> Result<Command> {
    let mut command = Command::new(paths::weceive()?);
    command
        .args(["sandbox", "--port", &port.to_string(), "--file"])
        .arg(store.join("sandbox.sqlite"));
    for (mch_id, port) in certificates {
        command.args(["--certificate-port", &format!("{mch_id}={port}")]);
    }
    Ok(command)
}

/// The gateway. It reaches WeChat on `wechat_port`, and with a client certificate on `tls_ports`.
///
/// # Errors
///
/// The program is not built.
pub fn gateway(
    port: u16,
    store: &Path,
    pages: Option<&PathBuf>,
    wechat: [u16; 3],
) -> Result<Command> {
    let [wechat_port, tls_ports @ ..] = wechat;
    let origin = |port: u16| format!("http://127.0.0.1:{port}");
    let mut command = Command::new(paths::weceive()?);
    command
        .args([
            "serve",
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--directory",
        ])
        .arg(store)
        .arg("--pages")
        .arg(pages.cloned().unwrap_or_else(|| paths::root().join("dist")))
        .env("WECHATPAY", origin(wechat_port))
        .env("DEVELOPMENT", "1");
    for (setting, port) in CERTIFICATE_SETTINGS.into_iter().zip(tls_ports) {
        command.env(setting, origin(port));
    }
    Ok(command)
}
