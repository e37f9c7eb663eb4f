//! `weceive`: the gateway, and the sandbox of WeChat, on one machine.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use weceive::cli::{self, Failure};
use weceive::{
    Deployment, Files, SandboxServer, ServerCertificate, Threads, TrustedProxies, Upstreams,
    WithCertificate, backup, network, open_directory, restore,
};

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
    Serve(Serve),
    /// Run a sandbox of WeChat Pay: point the SDK that you test at it.
    Sandbox(SandboxOptions),
    /// Copy a deployment's data, as it is at one moment. The deployment may run.
    Backup(Copied),
    /// Put a backup in place, for a deployment that does not run.
    Restore(Restored),
    #[command(flatten)]
    Api(cli::ApiCommand),
    /// The deployments that the commands above call, and the keys for them.
    #[command(subcommand)]
    Profile(cli::ProfileCommand),
    /// Signatures: why one does not hold.
    #[command(subcommand)]
    Sign(cli::SignCommand),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Args, Debug)]
struct Serve {
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
    #[arg(long, default_value = "dist")]
    pages: PathBuf,
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

#[derive(Args, Debug)]
struct Copied {
    /// The directory of the data.
    #[arg(long, default_value = "data")]
    directory: PathBuf,
    /// A new directory for the copy.
    target: PathBuf,
}

#[derive(Args, Debug)]
struct Restored {
    /// The directory of the backup.
    source: PathBuf,
    /// The directory of the data, which must not exist yet.
    #[arg(long, default_value = "data")]
    directory: PathBuf,
}

#[derive(Args, Debug)]
struct SandboxOptions {
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

/// The settings, by the names of `wrangler.toml`.
const SETTINGS: [&str; 10] = [
    "PUBLIC_URL",
    "MASTER_KEY",
    "MASTER_KEY_PREVIOUS",
    "ADMIN_TOKEN",
    "ADMIN_TOKEN_PREVIOUS",
    "OAUTH_AUTHORIZE_URL",
    "EXCHANGE_RATE_PATH",
    "API_CALLS_PER_SECOND",
    "DEVELOPMENT",
    "WECHATPAY",
];

/// The prefix of the names of bindings with a client certificate.
const CERTIFICATES: &str = "WECHATPAY_MTLS";

/// How often the files of the certificate are looked at.
const RENEWAL: Duration = Duration::from_secs(5);

fn is_setting(name: &str) -> bool {
    SETTINGS.contains(&name) || name.starts_with(CERTIFICATES)
}

fn main() -> ExitCode {
    let program = Program::parse();
    let done = match &program.command {
        Command::Serve(options) => serve(options).map_err(Failure::Local),
        Command::Sandbox(options) => sandbox(options).map_err(Failure::Local),
        Command::Backup(Copied { directory, target }) => backup(directory, target, copying)
            .map(|count| println!("{count} files are in {}", target.display()))
            .map_err(Failure::Local),
        Command::Restore(Restored { source, directory }) => restore(source, directory, copying)
            .map(|count| println!("{count} files are in {}", directory.display()))
            .map_err(Failure::Local),
        Command::Api(command) => cli::call(command, &program.target),
        Command::Profile(command) => cli::profiles(command),
        Command::Sign(command) => cli::sign(command, &program.target),
        Command::Completions { shell } => {
            clap_complete::generate(
                *shell,
                &mut Program::command(),
                "weceive",
                &mut std::io::stdout(),
            );
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Shows that long work goes on.
fn copying(file: &Path) {
    eprintln!("copying {}", file.display());
}

fn serve(options: &Serve) -> Result<(), String> {
    let Settings {
        variables,
        certificates,
    } = settings(options.settings.as_deref())?;
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
    let upstreams = Upstreams {
        wechat,
        with_certificate,
    };
    let certificate = match (&options.tls_certificate, &options.tls_key) {
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
    open_directory(&options.directory).map_err(|error| {
        format!(
            "the directory {} cannot be used: {error}",
            options.directory.display()
        )
    })?;
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let deployment = Deployment {
        variables,
        directory: options.directory.clone(),
        pages: Arc::new(pages(&options.pages)?),
        upstreams,
        tls,
        proxies: TrustedProxies(options.trusted_proxy.clone()),
        // A commit waits for the disk, so more threads than cores keep both
        // busy.
        threads: options.threads.unwrap_or(cores * 2),
    };
    let listener = TcpListener::bind(options.listen)
        .map_err(|error| format!("{} cannot be listened on: {error}", options.listen))?;
    let (threads, handles) = Threads::start(&deployment)?;
    println!("The gateway listens on {scheme}://{}", options.listen);
    accept(&listener, &threads, certificate.as_deref())?;
    threads.stop();
    for handle in handles {
        // A thread that panicked has printed its message.
        let _ = handle.join();
    }
    Ok(())
}

/// Accepts connections until the program receives a signal to end.
fn accept(
    listener: &TcpListener,
    threads: &Threads,
    certificate: Option<&ServerCertificate>,
) -> Result<(), String> {
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    executor.block_on(async {
        listener
            .set_nonblocking(true)
            .map_err(|error| error.to_string())?;
        let listener = listener
            .try_clone()
            .and_then(tokio::net::TcpListener::from_std);
        let listener = listener.map_err(|error| error.to_string())?;
        let mut terminated = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        let mut next: usize = 0;
        let mut renewal = tokio::time::interval(RENEWAL);
        loop {
            tokio::select! {
                signal = tokio::signal::ctrl_c() => {
                    return signal.map_err(|error| error.to_string());
                }
                _ = terminated.recv() => return Ok(()),
                _ = renewal.tick() => match certificate.map(ServerCertificate::reload) {
                    Some(Ok(true)) => eprintln!("the renewed certificate is in use"),
                    Some(Err(why)) => {
                        eprintln!("the earlier certificate stays in use: {why}");
                    }
                    Some(Ok(false)) | None => {}
                },
                accepted = listener.accept() => match accepted {
                    Ok((connection, peer)) => {
                        let _ = connection.set_nodelay(true);
                        if let Ok(connection) = connection.into_std() {
                            threads.serve(connection, peer, next);
                            next = next.wrapping_add(1);
                        }
                    }
                    // Too many open files: wait until some are closed.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
            }
        }
    })
}

fn sandbox(options: &SandboxOptions) -> Result<(), String> {
    let listen = |port: u16| {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        TcpListener::bind(address).map_err(|error| format!("port {port} cannot be used: {error}"))
    };
    let public_url = format!("http://127.0.0.1:{}", options.port);
    let server = SandboxServer {
        public_url: public_url.clone(),
        listener: listen(options.port)?,
        with_certificate: options
            .certificate_port
            .iter()
            .map(|(mch_id, port)| Ok((mch_id.clone(), listen(*port)?)))
            .collect::<Result<_, String>>()?,
        file: options.file.clone(),
    };
    let running = server.start()?;
    println!("WeChat Pay's side  {public_url}");
    println!("Its merchants      {public_url}/sandbox/merchants");
    println!(
        "A payer's phone    http://phone.localhost:{}/phone/",
        options.port
    );
    running
        .join()
        .map_err(|_| "the sandbox has ended".to_owned())
}

fn certificate_port(text: &str) -> Result<(String, u16), String> {
    let parts = text.split_once('=');
    let (mch_id, port) = parts.ok_or_else(|| "write MCH_ID=PORT".to_owned())?;
    let port = port.parse().map_err(|_| format!("{port} is no port"))?;
    Ok((mch_id.to_owned(), port))
}

/// The settings of the file and the environment.
struct Settings {
    /// By the names of `wrangler.toml`.
    variables: BTreeMap<String, String>,
    /// Client certificates, by the names of the bindings.
    certificates: BTreeMap<String, Files>,
}

fn settings(file: Option<&Path>) -> Result<Settings, String> {
    let mut settings = Settings {
        variables: BTreeMap::new(),
        certificates: BTreeMap::new(),
    };
    if let Some(file) = file {
        let said = |error: &dyn std::fmt::Display| {
            format!("the settings {} cannot be read: {error}", file.display())
        };
        let text = std::fs::read_to_string(file).map_err(|error| said(&error))?;
        // The parser's message repeats a line, which may be a key.
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.lines().count().max(1));
            said(&format_args!("it is not valid TOML at line {line}"))
        })?;
        for (name, value) in table {
            if !is_setting(&name) {
                return Err(said(&format_args!("there is no setting {name}")));
            }
            match value {
                toml::Value::String(value) => {
                    settings.variables.insert(name, value);
                }
                toml::Value::Table(files) if name.starts_with(CERTIFICATES) => {
                    let files = certificate_files(&files, file);
                    let files = files.map_err(|why| said(&format_args!("{name}: {why}")))?;
                    settings.certificates.insert(name, files);
                }
                _ => {
                    return Err(said(&format_args!("{name} must be a text in quotes")));
                }
            }
        }
    }
    for (name, value) in std::env::vars() {
        if is_setting(&name) {
            settings.certificates.remove(&name);
            settings.variables.insert(name, value);
        }
    }
    Ok(settings)
}

/// `{ certificate = "…", key = "…" }`; relative paths begin at the file of the
/// settings.
fn certificate_files(files: &toml::Table, settings: &Path) -> Result<Files, String> {
    let known = ["certificate", "key"];
    if let Some(other) = files.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("there is no {other} in a client certificate"));
    }
    let beside = settings.parent().unwrap_or(Path::new(""));
    let of = |name: &str| match files.get(name) {
        Some(toml::Value::String(file)) => Ok(beside.join(file)),
        _ => Err(format!("write {name} = \"a file in PEM\"")),
    };
    Ok(Files {
        certificate: of("certificate")?,
        key: of("key")?,
    })
}

/// The page's files.
fn pages(directory: &Path) -> Result<HashMap<String, Vec<u8>>, String> {
    let said = |error: &dyn std::fmt::Display| {
        format!(
            "the page's files in {} cannot be read: {error}; `cargo xtask build page` makes them",
            directory.display()
        )
    };
    let mut pages = HashMap::new();
    for entry in std::fs::read_dir(directory).map_err(|error| said(&error))? {
        let entry = entry.map_err(|error| said(&error))?;
        if let (Ok(kind), Ok(name)) = (entry.file_type(), entry.file_name().into_string())
            && kind.is_file()
        {
            let bytes = std::fs::read(entry.path()).map_err(|error| said(&error))?;
            pages.insert(name, bytes);
        }
    }
    Ok(pages)
}
