//! `weceive sandbox`: the sandbox alone.

use super::serve::{ended, executor};
use crate::cli::print;
use crate::tls::self_signed;
use crate::wechat::{SandboxServer, TlsListener};
use clap::Args;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

/// The names under which the sandbox may be reached by HTTPS: this machine's, and
/// WeChat's own for a client that resolves them to this machine.
const NAMES: [&str; 7] = [
    "localhost",
    "127.0.0.1",
    "::1",
    "phone.localhost",
    "api.mch.weixin.qq.com",
    "apihk.mch.weixin.qq.com",
    "api.weixin.qq.com",
];

/// The interval of the checks whether the sandbox still runs.
const LOOK: Duration = Duration::from_millis(500);

/// Options of `weceive sandbox`.
#[derive(Args, Debug)]
pub struct SandboxOptions {
    /// The port to listen on, on this machine only.
    #[arg(long, default_value_t = 8788)]
    port: u16,
    /// Keep the state in this file; without it, it ends with the program.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Serve HTTPS too, on this port (without a number: the one after --port), with
    /// a certificate of an authority that is new at each start.
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "0")]
    tls: Option<u16>,
    /// Where the authority's certificate is written, in PEM, for the client that
    /// is tested.
    #[arg(long, value_name = "FILE", default_value = "weceive-sandbox-ca.pem")]
    ca_file: PathBuf,
    /// Make the same numbers, ids and keys in each run: for tests that compare
    /// them. Times stay the real ones.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// A port whose requests count as sent with the client certificate of a
    /// merchant, as `MCH_ID=PORT`. Can be given several times.
    #[arg(long, value_name = "MCH_ID=PORT", value_parser = certificate_port)]
    certificate_port: Vec<(String, u16)>,
}

impl SandboxOptions {
    /// Runs the sandbox until the program receives a signal to end.
    ///
    /// # Errors
    ///
    /// A port or a file cannot be used.
    pub fn run(&self, as_json: bool) -> Result<(), String> {
        let public_url = format!("http://127.0.0.1:{}", self.port);
        let tls = self.tls.map(|port| self.listen_tls(port)).transpose()?;
        let tls_port = tls.as_ref().map(|(port, _)| *port);
        let server = SandboxServer {
            public_url: public_url.clone(),
            listener: listen(self.port)?,
            tls: tls.map(|(_, listener)| listener),
            with_certificate: self
                .certificate_port
                .iter()
                .map(|(mch_id, port)| Ok((mch_id.clone(), listen(*port)?)))
                .collect::<Result<_, String>>()?,
            file: self.file.clone(),
            seed: self.seed,
        };
        let executor = executor()?;
        let ended = ended(&executor)?;
        let running = server.start()?;
        let merchants =
            demo::sandbox_merchants(&public_url).map_err(|failure| failure.to_string())?;
        let https = tls_port.map(|port| format!("https://127.0.0.1:{port}"));
        let ca_file = self.ca_file.display().to_string();
        let listing = match as_json {
            true => json!({
                "sandbox": public_url,
                "https": https,
                "ca_file": https.is_some().then_some(ca_file),
                "phone": demo::phone(&public_url, None),
                "merchants": merchants,
            })
            .to_string(),
            false => {
                let mut list = demo::sandbox_list(&public_url, &merchants);
                if let Some(https) = https {
                    list += &format!("\n  By HTTPS           {https}, trusting {ca_file}");
                }
                list + "\n  Ctrl-C stops it."
            }
        };
        print(&format!("{listing}\n")).map_err(|failure| failure.to_string())?;
        executor.block_on(async {
            tokio::select! {
                () = ended => Ok(()),
                () = gone(&running) => Err("the sandbox has ended".to_owned()),
            }
        })
    }

    fn listen_tls(&self, port: u16) -> Result<(u16, TlsListener), String> {
        let port = match port {
            0 => self.port.saturating_add(1),
            port => port,
        };
        let (config, authority) = self_signed(&NAMES)?;
        std::fs::write(&self.ca_file, authority)
            .map_err(|error| format!("{} cannot be written: {error}", self.ca_file.display()))?;
        let listener = listen(port)?;
        Ok((port, TlsListener { listener, config }))
    }
}

/// Completes when the thread has ended, which happens only after a failure.
async fn gone(running: &JoinHandle<()>) {
    while !running.is_finished() {
        tokio::time::sleep(LOOK).await;
    }
}

/// A listener on this machine only; port 0 chooses a free one.
pub fn listen(port: u16) -> Result<TcpListener, String> {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    TcpListener::bind(address).map_err(|error| {
        format!("port {port} cannot be used: {error}; another is chosen with --port")
    })
}

fn certificate_port(text: &str) -> Result<(String, u16), String> {
    let parts = text.split_once('=');
    let (mch_id, port) = parts.ok_or_else(|| "write MCH_ID=PORT".to_owned())?;
    let port = port.parse().map_err(|_| format!("{port} is no port"))?;
    Ok((mch_id.to_owned(), port))
}
