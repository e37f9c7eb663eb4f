//! `weceive dev`: the gateway, the sandbox, the phone and the demo shop in one
//! process, with merchants and a checkout to pay.

use super::pages::{self, Pages};
use super::sandbox::listen;
use super::serve::{accept, end, ended, executor, lock, most_useful_threads};
use crate::cli::print;
use crate::client::{Upstreams, WithCertificate};
use crate::clock::Clocks;
use crate::log::Log;
use crate::objects::open_directory;
use crate::proxies::TrustedProxies;
use crate::threads::{Deployment, Threads};
use crate::wechat::SandboxServer;
use clap::Args;
use demo::{Credentials, Demo, Failure, Origins, StaticHost};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;

/// The merchants of the sandbox for which the gateway has a client certificate,
/// by the names of the bindings.
const CERTIFICATES: [(&str, &str); 3] = [
    ("WECHATPAY_MTLS", "1900000109"),
    ("WECHATPAY_MTLS_1900000110", "1900000110"),
    ("WECHATPAY_MTLS_1900000120", "1900000120"),
];

/// The files that a run writes into its directory.
const CREDENTIALS: &str = "credentials.json";
const STORE: &str = "store";
const VARIABLES: &str = "env";
const LOG: &str = "gateway.log";

/// Options of `weceive dev`.
#[derive(Args, Debug)]
pub struct DevOptions {
    /// The gateway's port, on this machine only; the sandbox has the next one, and
    /// the page as on a merchant's own host the one after it, if that is free.
    #[arg(long, default_value_t = 8787, value_parser = clap::value_parser!(u16).range(1..65535))]
    port: u16,
    /// Where orders, keys and the log are kept between two runs.
    #[arg(long, default_value = "weceive-dev")]
    directory: PathBuf,
    /// Delete what earlier runs stored.
    #[arg(long)]
    fresh: bool,
    /// The directory of the page's files, as `cargo xtask build page` made it.
    /// Without it, the files that are part of the program.
    #[arg(long)]
    pages: Option<PathBuf>,
}

impl DevOptions {
    /// Starts everything, makes what is missing, prints a list, and runs until
    /// the program receives a signal to end.
    ///
    /// # Errors
    ///
    /// A port, the directory or the page cannot be used.
    pub fn run(&self, json: bool) -> Result<(), String> {
        let pages = pages::read(self.pages.as_deref())?;
        let files = pages.clone();
        let gateway = listen(self.port)?;
        let wechat = listen(self.port.saturating_add(1))?;
        let _lock = lock(&self.directory)?;
        if self.fresh {
            self.forget().map_err(in_short)?;
        }
        let mut credentials = Credentials::of(&self.directory).map_err(in_short)?;
        let origins = Origins {
            gateway: origin(&gateway)?,
            sandbox: origin(&wechat)?,
            host: None,
        };
        let store = self.directory.join(STORE);
        let data = store.join("gateway");
        let _data_lock = lock(&data)?;
        open_directory(&data).map_err(|error| unusable(&data, &error))?;
        let upstreams = start_sandbox(&origins.sandbox, wechat, store.join("sandbox.sqlite"))?;
        let clocks = Clocks::default();
        let deployment = Deployment {
            variables: variables(&origins, &credentials),
            directory: data,
            pages,
            upstreams,
            tls: None,
            proxies: TrustedProxies::default(),
            log: self.log()?,
            threads: most_useful_threads(),
            clocks: clocks.clone(),
        };
        let (threads, handles) = Threads::start(&deployment)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let accepting = {
            let threads = threads.clone();
            std::thread::spawn(move || {
                let stopped = async {
                    // A dropped sender ends it too.
                    let _ = stopped.await;
                };
                accept(&executor()?, &gateway, &threads, None, stopped)
            })
        };
        // A script may end the program as soon as it has read the list.
        let waiting = executor()?;
        let ended = ended(&waiting)?;
        let done = self
            .show(&origins, &mut credentials, files, json)
            .map(|demo| {
                if !json {
                    open_console(demo, credentials, clocks);
                }
                waiting.block_on(ended);
            });
        drop(stop);
        let accepted = accepting.join();
        end(&threads, handles);
        done.and(accepted.unwrap_or_else(|_| Err("the gateway's listener has ended".to_owned())))
    }

    /// Fills the running system, and prints where everything is.
    fn show(
        &self,
        origins: &Origins,
        credentials: &mut Credentials,
        files: Pages,
        json: bool,
    ) -> Result<Demo, String> {
        let start = |port| {
            let files = files.clone();
            StaticHost::start(move |name| files.get(name).cloned(), &origins.gateway, port)
        };
        let host = start(self.port.saturating_add(2)).or_else(|_| start(0));
        let host = host.map_err(in_short)?;
        let with_host = Origins {
            host: Some(host.origin()),
            ..origins.clone()
        };
        let mut demo = demo::fill(&with_host, credentials).map_err(in_short)?;
        demo.register(&host).map_err(in_short)?;
        let variables = self.directory.join(VARIABLES);
        demo::write_secret(&variables, &demo.variables()).map_err(in_short)?;
        let shown = |path: &Path| path.display().to_string();
        let text = match json {
            true => demo.json().to_string(),
            false => demo.list(&shown(&variables), &shown(&self.directory.join(LOG))),
        };
        // A script that reads one line may then close the pipe.
        print(&format!("{text}\n")).map_err(|failure| failure.to_string())?;
        Ok(demo)
    }

    /// Deletes what earlier runs wrote, and nothing else in the directory.
    fn forget(&self) -> Result<(), Failure> {
        demo::wipe(&self.directory.join(STORE))?;
        for file in [CREDENTIALS, VARIABLES, LOG] {
            let path = self.directory.join(file);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let step = format!("delete {}", path.display());
                    return Err(Failure::new(step, error, "delete it by hand"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn log(&self) -> Result<Log, String> {
        let path = self.directory.join(LOG);
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(|error| unusable(&path, &error))?;
        Ok(Log::File(Arc::new(file)))
    }
}

/// Makes the shop of the console in a thread of its own, and prints who signs in where.
/// The thread runs until the process ends: a shop that is made in part stays so.
fn open_console(demo: Demo, mut credentials: Credentials, clocks: Clocks) {
    std::thread::spawn(move || {
        let set_back = |merchant: &str, behind_ms| clocks.set_back(merchant, behind_ms);
        match demo::console::open(&demo, &mut credentials, Some(&set_back)) {
            // A script that has read the list may have closed the pipe.
            Ok(console) => _ = print(&format!("{}\n", console.list())),
            Err(failure) => eprintln!("The console's shop was not made: {failure}"),
        }
    });
}

/// Starts the sandbox; returns how the gateway reaches it.
fn start_sandbox(
    public_url: &str,
    listener: TcpListener,
    file: PathBuf,
) -> Result<Upstreams, String> {
    let at = |origin: &str| {
        let parsed = origin.parse::<http::Uri>();
        parsed.map_err(|error| format!("{origin} is no address: {error}"))
    };
    let mut upstreams = Upstreams {
        wechat: Some(at(public_url)?),
        with_certificate: BTreeMap::new(),
    };
    let mut with_certificate = Vec::new();
    for (binding, mch_id) in CERTIFICATES {
        let listener = listen(0)?;
        let reached = WithCertificate::Origin(at(&origin(&listener)?)?);
        upstreams
            .with_certificate
            .insert(binding.to_owned(), reached);
        with_certificate.push((mch_id.to_owned(), listener));
    }
    let server = SandboxServer {
        public_url: public_url.to_owned(),
        listener,
        tls: None,
        with_certificate,
        file: Some(file),
        seed: None,
    };
    // The thread runs until the process ends. That is safe, because each of its
    // changes is one transaction.
    server.start().map(|_| upstreams)
}

/// The gateway's settings.
fn variables(origins: &Origins, credentials: &Credentials) -> BTreeMap<String, String> {
    let authorize = format!("{}/connect/oauth2/authorize", origins.sandbox);
    [
        ("PUBLIC_URL", origins.gateway.as_str()),
        ("OAUTH_AUTHORIZE_URL", &authorize),
        ("MASTER_KEY", credentials.master_key()),
        ("ADMIN_TOKEN", credentials.admin_token()),
        ("DEVELOPMENT", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn origin(listener: &TcpListener) -> Result<String, String> {
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    Ok(format!("http://{address}"))
}

fn unusable(path: &Path, error: &io::Error) -> String {
    format!("{} cannot be used: {error}", path.display())
}

fn in_short(failure: Failure) -> String {
    failure.to_string()
}
