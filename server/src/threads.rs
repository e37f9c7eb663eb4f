//! Threads that serve connections and own objects.

use crate::channels::{Channels, Job};
use crate::client::{Client, Upstreams};
use crate::clock::Clocks;
use crate::incoming::{self, Server};
use crate::log::Log;
use crate::objects::Objects;
use crate::proxies::TrustedProxies;
use crate::runtime::{NativeRuntime, Thread};
use gateway::Gateway;
use gateway::config::Config;
use rustls::ServerConfig;
use std::collections::{BTreeMap, HashMap};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;

/// Time limit for requests in flight when the program ends.
const STOPPING: Duration = Duration::from_secs(10);
/// The longest time until a thread that is to end sees that no connection is
/// left.
const LOOK: Duration = Duration::from_millis(20);

/// A deployment: its settings, and the paths of its data and pages.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Settings by the names of `wrangler.toml`.
    pub variables: BTreeMap<String, String>,
    /// The directory of the objects' databases.
    pub directory: PathBuf,
    /// The page's files, by name.
    pub pages: Arc<HashMap<String, Vec<u8>>>,
    /// The origins that replace WeChat's hosts.
    pub upstreams: Upstreams,
    /// TLS, where the program itself accepts HTTPS.
    pub tls: Option<Arc<ServerConfig>>,
    /// Proxies whose address headers count.
    pub proxies: TrustedProxies,
    /// Where the log is written.
    pub log: Log,
    /// The number of threads.
    pub threads: usize,
    /// The books' clocks.
    pub clocks: Clocks,
}

/// The threads of a deployment.
#[derive(Clone, Debug)]
pub struct Threads {
    channels: Channels,
}

impl Threads {
    /// Starts the threads. They end with [`Threads::stop`].
    ///
    /// # Errors
    ///
    /// A setting is missing or wrong; the text names it.
    pub fn start(deployment: &Deployment) -> Result<(Self, Vec<JoinHandle<()>>), String> {
        let config = read_config(deployment)?;
        // Each thread makes a client of its own; this one shows that it can.
        Client::new(deployment.upstreams.clone(), config.development)?;
        let (channels, inboxes) = Channels::open(deployment.threads);
        let connections = Arc::new(AtomicUsize::new(0));
        let mut handles = Vec::new();
        for (index, inbox) in inboxes.into_iter().enumerate() {
            let (deployment, channels) = (deployment.clone(), channels.clone());
            let connections = connections.clone();
            let handle = std::thread::Builder::new()
                .name(format!("weceive-{index}"))
                .spawn(move || run(index, inbox, channels, connections, &deployment))
                .map_err(|error| format!("a thread cannot be started: {error}"))?;
            handles.push(handle);
        }
        Ok((Self { channels }, handles))
    }

    /// Hands a connection to a thread.
    pub fn serve(&self, connection: TcpStream, peer: SocketAddr, at: usize) {
        let index = at % self.channels.count();
        let job = Job::Connection(connection, peer);
        self.channels.send(index, job);
    }

    /// Ends every thread: connections finish their current request within ten
    /// seconds, and all writes are committed.
    pub fn stop(&self) {
        for index in 0..self.channels.count() {
            self.channels.send(index, Job::Stop);
        }
    }
}

fn read_config(deployment: &Deployment) -> Result<Config, String> {
    let is_sandbox = deployment.upstreams.wechat.is_some();
    // An origin in the place of WeChat's is the sandbox's.
    let variable = |name: &str| match name {
        "UPSTREAM" => is_sandbox.then(|| "sandbox".to_owned()),
        _ => deployment.variables.get(name).cloned(),
    };
    Config::read(variable).map_err(|error| error.to_string())
}

fn run(
    index: usize,
    mut inbox: mpsc::UnboundedReceiver<Job>,
    channels: Channels,
    connections: Arc<AtomicUsize>,
    deployment: &Deployment,
) {
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let started = executor
        .map_err(|error| error.to_string())
        .and_then(|executor| {
            let config = read_config(deployment)?;
            let client = Client::new(deployment.upstreams.clone(), config.development)?;
            Ok((executor, config, client))
        });
    let (executor, config, client) = match started {
        Ok(started) => started,
        Err(why) => {
            eprintln!("thread {index} cannot start: {why}");
            return;
        }
    };
    LocalSet::new().block_on(&executor, async move {
        let (stopping, stop) = watch::channel(false);
        let thread = Rc::new(Thread {
            channels: channels.clone(),
            index,
            config: Rc::new(config),
            client,
            pages: deployment.pages.clone(),
            log: deployment.log.clone(),
            clocks: deployment.clocks.clone(),
        });
        let runtime = NativeRuntime::new(thread.clone(), None);
        let gateway = Rc::new(Gateway::new(runtime, thread.config.clone()));
        let work = Work {
            objects: Rc::new(Objects::new(thread, deployment.directory.clone())),
            server: Rc::new(Server {
                gateway: gateway.clone(),
                channels,
                tls: deployment.tls.clone().map(TlsAcceptor::from),
                proxies: deployment.proxies.clone(),
                stop,
                connections: connections.clone(),
            }),
        };
        work.objects.start();
        if index == 0 {
            // The board calls books whose timers were lost while the deployment
            // could not start; afterwards its own alarm does.
            tokio::task::spawn_local(async move { gateway.wake_board().await });
        }
        while let Some(job) = inbox.recv().await
            && !matches!(job, Job::Stop)
        {
            work.begin(job);
        }
        let _ = stopping.send(true);
        // Requests in flight, of every thread, may call this thread's objects.
        let ended = async {
            while connections.load(Ordering::Relaxed) > 0 {
                if let Ok(Some(job)) = tokio::time::timeout(LOOK, inbox.recv()).await {
                    work.begin(job);
                }
            }
        };
        let _ = tokio::time::timeout(STOPPING, ended).await;
        work.objects.commit_all();
    });
}

/// The state with which a thread does its jobs.
struct Work {
    objects: Rc<Objects>,
    server: Rc<Server>,
}

impl Work {
    /// Begins a job, which runs beside the others.
    fn begin(&self, job: Job) {
        let (objects, server) = (self.objects.clone(), self.server.clone());
        tokio::task::spawn_local(async move {
            match job {
                Job::Stop => {}
                Job::Connection(connection, peer) => {
                    incoming::serve(server, connection, peer).await;
                }
                Job::Call {
                    object,
                    body,
                    reply,
                } => {
                    // A caller that has disconnected receives no answer.
                    let _ = reply.send(objects.call(object, &body).await);
                }
                Job::Listen {
                    object,
                    tag,
                    sender,
                    reply,
                } => {
                    let _ = reply.send(objects.listen(object, &tag, sender));
                }
            }
        });
    }
}
