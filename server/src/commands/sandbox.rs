//! `weceive sandbox`.

use crate::wechat::SandboxServer;
use clap::Args;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

/// Options of `weceive sandbox`.
#[derive(Args, Debug)]
pub struct SandboxOptions {
    /// The port to listen on, on this machine only.
    #[arg(long, default_value_t = 8788)]
    port: u16,
    /// Keep the state in this file; without it, it ends with the program.
    #[arg(long)]
    file: Option<PathBuf>,
    /// A port whose requests count as sent with the client certificate of a
    /// merchant, as `MCH_ID=PORT`. Can be given several times.
    #[arg(long, value_name = "MCH_ID=PORT", value_parser = certificate_port)]
    certificate_port: Vec<(String, u16)>,
}

impl SandboxOptions {
    /// Runs the sandbox until the program is ended.
    ///
    /// # Errors
    ///
    /// A port or the file cannot be used.
    pub fn run(&self) -> Result<(), String> {
        let public_url = format!("http://127.0.0.1:{}", self.port);
        let server = SandboxServer {
            public_url: public_url.clone(),
            listener: listen(self.port)?,
            with_certificate: self
                .certificate_port
                .iter()
                .map(|(mch_id, port)| Ok((mch_id.clone(), listen(*port)?)))
                .collect::<Result<_, String>>()?,
            file: self.file.clone(),
        };
        let running = server.start()?;
        println!("WeChat Pay's side  {public_url}");
        println!("Its merchants      {public_url}/sandbox/merchants");
        println!("A payer's phone    {}", demo::phone(&public_url, None));
        running
            .join()
            .map_err(|_| "the sandbox has ended".to_owned())
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
