//! `weceive serve`: the deployment.

use super::pages;
use super::settings::{self, CERTIFICATES, Settings};
use crate::cli::print;
use crate::client::{Upstreams, WithCertificate};
use crate::clock::Clocks;
use crate::log::Log;
use crate::objects::{create_private, open_directory};
use crate::proxies::{TrustedProxies, network};
use crate::threads::{Deployment, Threads};
use crate::tls::{Files, ServerCertificate};
use clap::Args;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// The interval at which the files of the certificate are checked.
const RENEWAL: Duration = Duration::from_secs(5);

/// Options of `weceive serve`.
#[derive(Args, Debug)]
pub struct ServeOptions {
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// Where the data is kept: one SQLite file for each merchant.
    #[arg(long, default_value = "data")]
    directory: PathBuf,
    /// A TOML file with settings, named as in wrangler.toml. The environment
    /// has precedence.
    #[arg(long)]
    settings: Option<PathBuf>,
    /// The directory of the page's files, as `cargo xtask build page` made it.
    /// Without it, the files that are part of the program.
    #[arg(long)]
    pages: Option<PathBuf>,
    /// How many threads serve requests.
    #[arg(long)]
    threads: Option<usize>,
    /// The certificate chain for HTTPS, in PEM. Without it the program speaks
    /// HTTP, for a proxy in front of it. A renewed file is noticed.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The private key of the certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// A proxy in front of the program, whose X-Forwarded-For counts: an
    /// address or a network. Can be given several times.
    #[arg(long, value_name = "ADDRESS", value_parser = network)]
    trusted_proxy: Vec<IpNet>,
}

impl ServeOptions {
    /// Runs the gateway until the program receives a signal to end.
    ///
    /// # Errors
    ///
    /// A setting, a file or the address cannot be used; the text names it.
    pub fn run(&self) -> Result<(), String> {
        let Settings {
            variables,
            certificates,
        } = settings::read(self.settings.as_deref())?;
        let origin = |name: &str, text: &str| {
            text.parse::<http::Uri>()
                .ok()
                .filter(|uri| uri.authority().is_some())
                .ok_or_else(|| format!("the setting {name} is not an origin: {text}"))
        };
        let mut with_certificate = BTreeMap::new();
        for (name, text) in &variables {
            if name.starts_with(CERTIFICATES) {
                let origin = WithCertificate::Origin(origin(name, text)?);
                with_certificate.insert(name.clone(), origin);
            }
        }
        for (name, files) in certificates {
            with_certificate.insert(name, WithCertificate::Files(files));
        }
        let wechat = variables.get("WECHATPAY");
        let wechat = wechat.map(|text| origin("WECHATPAY", text)).transpose()?;
        let elsewhere = |found: &WithCertificate| matches!(found, WithCertificate::Origin(_));
        if wechat.is_none() && with_certificate.values().any(elsewhere) {
            let why = "a setting WECHATPAY_MTLS that is an origin needs the setting WECHATPAY: \
                       otherwise orders are made at WeChat and refunded elsewhere";
            return Err(why.to_owned());
        }
        let upstreams = Upstreams {
            wechat,
            with_certificate,
        };
        let certificate = match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(ServerCertificate::open(Files {
                certificate: certificate.clone(),
                key: key.clone(),
            })?),
            _ => None,
        };
        let tls = certificate
            .as_ref()
            .map(ServerCertificate::config)
            .transpose()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let _lock = lock(&self.directory)?;
        open_directory(&self.directory).map_err(|error| {
            format!(
                "the directory {} cannot be used: {error}",
                self.directory.display()
            )
        })?;
        let deployment = Deployment {
            variables,
            directory: self.directory.clone(),
            pages: pages::read(self.pages.as_deref())?,
            upstreams,
            tls,
            proxies: TrustedProxies(self.trusted_proxy.clone()),
            log: Log::Stdout,
            threads: self.threads.unwrap_or_else(most_useful_threads),
            clocks: Clocks::default(),
        };
        let listener = TcpListener::bind(self.listen)
            .map_err(|error| format!("{} cannot be listened on: {error}", self.listen))?;
        let (threads, handles) = Threads::start(&deployment)?;
        let executor = executor()?;
        let ended = ended(&executor)?;
        // A reader of the first line may close the pipe; the log goes on.
        let listens = format!("The gateway listens on {scheme}://{}\n", self.listen);
        print(&listens).map_err(|failure| failure.to_string())?;
        accept(
            &executor,
            &listener,
            &threads,
            certificate.as_deref(),
            ended,
        )?;
        end(&threads, handles);
        Ok(())
    }
}

/// Locks a directory for this process until the file is closed: two processes
/// that write the same books would not know each other's orders.
///
/// # Errors
///
/// The directory cannot be used, or another process has locked it.
pub fn lock(directory: &Path) -> Result<File, String> {
    let said = |error: &dyn std::fmt::Display| {
        format!(
            "the directory {} cannot be used: {error}",
            directory.display()
        )
    };
    create_private(directory).map_err(|error| said(&error))?;
    let mut options = File::options();
    let lock = options.create(true).truncate(false).write(true);
    let lock = lock
        .open(directory.join("lock"))
        .map_err(|error| said(&error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(said(&"another weceive runs on it; end that one first"))
        }
        Err(TryLockError::Error(error)) => Err(said(&error)),
    }
}

/// A commit waits for the disk, so more threads than cores keep both busy.
pub fn most_useful_threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from) * 2
}

/// Stops the threads after their requests have been answered.
pub fn end(threads: &Threads, handles: Vec<JoinHandle<()>>) {
    threads.stop();
    for handle in handles {
        // A thread that panicked has printed its message.
        let _ = handle.join();
    }
}

/// The executor of a command's own thread.
///
/// # Errors
///
/// The system refuses it.
pub fn executor() -> Result<Runtime, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
}

/// Completes when the program receives a signal to end; none is missed from now on.
///
/// # Errors
///
/// The system refuses it.
pub fn ended(executor: &Runtime) -> Result<impl Future<Output = ()> + use<>, String> {
    let _within = executor.enter();
    let of = |kind| signal(kind).map_err(|error| error.to_string());
    let (mut interrupt, mut terminate) =
        (of(SignalKind::interrupt())?, of(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Accepts connections until `end` is ready.
///
/// # Errors
///
/// It cannot listen for connections.
pub fn accept(
    executor: &Runtime,
    listener: &TcpListener,
    threads: &Threads,
    certificate: Option<&ServerCertificate>,
    end: impl Future<Output = ()>,
) -> Result<(), String> {
    executor.block_on(async {
        listener
            .set_nonblocking(true)
            .map_err(|error| error.to_string())?;
        let listener = listener
            .try_clone()
            .and_then(tokio::net::TcpListener::from_std);
        let listener = listener.map_err(|error| error.to_string())?;
        let mut end = std::pin::pin!(end);
        let mut next: usize = 0;
        let mut refuses = false;
        let mut renewal = tokio::time::interval(RENEWAL);
        loop {
            tokio::select! {
                () = &mut end => return Ok(()),
                _ = renewal.tick() => match certificate.map(ServerCertificate::reload) {
                    Some(Ok(true)) => eprintln!("the renewed certificate is in use"),
                    Some(Err(why)) => {
                        eprintln!("the earlier certificate stays in use: {why}");
                    }
                    Some(Ok(false)) | None => {}
                },
                accepted = listener.accept() => match accepted {
                    Ok((connection, peer)) => {
                        refuses = false;
                        let _ = connection.set_nodelay(true);
                        if let Ok(connection) = connection.into_std() {
                            threads.serve(connection, peer, next);
                            next = next.wrapping_add(1);
                        }
                    }
                    // Too many open files: wait until some are closed.
                    Err(error) => {
                        if !std::mem::replace(&mut refuses, true) {
                            eprintln!("connections are not accepted for a while: {error}");
                        }
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
            }
        }
    })
}
