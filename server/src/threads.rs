//! Threads that serve connections and own objects.

use crate::client::{Client, Upstreams};
use crate::incoming;
use crate::log::Log;
use crate::objects::{ObjectName, Objects};
use crate::proxies::TrustedProxies;
use crate::runtime::NativeRuntime;
use gateway::Gateway;
use gateway::config::Config;
use gateway::runtime::CallError;
use rustls::ServerConfig;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;

/// Time limit for requests in flight when the program ends.
const STOPPING: Duration = Duration::from_secs(10);

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
}

/// A call to an object, sent to the thread that owns it.
#[derive(Debug)]
pub(crate) enum Job {
    /// Serve a connection.
    Connection(TcpStream, SocketAddr),
    /// Call an object.
    Call {
        object: ObjectName,
        body: Vec<u8>,
        reply: oneshot::Sender<Result<Vec<u8>, CallError>>,
    },
    /// End: accept no new request, and finish those in flight.
    Stop,
    /// Register a listener; the reply says whether there was room.
    Listen {
        object: ObjectName,
        tag: String,
        sender: mpsc::UnboundedSender<String>,
        reply: oneshot::Sender<bool>,
    },
}

/// The channel to each thread.
#[derive(Clone, Debug)]
pub struct Threads {
    channels: Arc<Vec<mpsc::UnboundedSender<Job>>>,
}

/// The state of one thread.
pub(crate) struct Thread {
    /// The channel to each thread, including this one.
    pub threads: Threads,
    /// This thread's number.
    pub index: usize,
    pub config: Rc<Config>,
    pub objects: Objects,
    pub client: Client,
    pub tls: Option<TlsAcceptor>,
    pub proxies: TrustedProxies,
    pub pages: Arc<HashMap<String, Vec<u8>>>,
    pub log: Log,
    /// Becomes true when the thread is to end.
    pub stop: watch::Receiver<bool>,
    /// How many connections are served.
    pub connections: Cell<usize>,
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
        let (channels, inboxes): (Vec<_>, Vec<_>) = (0..deployment.threads.max(1))
            .map(|_| mpsc::unbounded_channel())
            .unzip();
        let threads = Self {
            channels: Arc::new(channels),
        };
        let mut handles = Vec::new();
        for (index, inbox) in inboxes.into_iter().enumerate() {
            let (deployment, threads) = (deployment.clone(), threads.clone());
            let handle = std::thread::Builder::new()
                .name(format!("weceive-{index}"))
                .spawn(move || run(index, inbox, threads, &deployment))
                .map_err(|error| format!("a thread cannot be started: {error}"))?;
            handles.push(handle);
        }
        Ok((threads, handles))
    }

    /// Hands a connection to a thread.
    pub fn serve(&self, connection: TcpStream, peer: SocketAddr, at: usize) {
        self.send(
            at % self.channels.len().max(1),
            Job::Connection(connection, peer),
        );
    }

    /// Ends every thread: connections finish their current request within ten
    /// seconds, and all writes are committed.
    pub fn stop(&self) {
        for index in 0..self.channels.len() {
            self.send(index, Job::Stop);
        }
    }

    pub(crate) fn send(&self, index: usize, job: Job) {
        if let Some(channel) = self.channels.get(index) {
            // A thread that has ended drops the job, which refuses its reply.
            let _ = channel.send(job);
        }
    }

    /// The thread that owns an object.
    pub(crate) fn owner(&self, object: &ObjectName) -> usize {
        let mut hasher = DefaultHasher::new();
        object.hash(&mut hasher);
        let threads = u64::try_from(self.channels.len().max(1)).unwrap_or(1);
        usize::try_from(hasher.finish() % threads).unwrap_or_default()
    }
}

fn read_config(deployment: &Deployment) -> Result<Config, String> {
    Config::read(|name| deployment.variables.get(name).cloned()).map_err(|error| error.to_string())
}

fn run(
    index: usize,
    mut inbox: mpsc::UnboundedReceiver<Job>,
    threads: Threads,
    deployment: &Deployment,
) {
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let (Ok(executor), Ok(config)) = (executor, read_config(deployment)) else {
        eprintln!("thread {index} cannot start");
        return;
    };
    let client = match Client::new(deployment.upstreams.clone(), config.development) {
        Ok(client) => client,
        Err(why) => {
            eprintln!("thread {index} cannot start: {why}");
            return;
        }
    };
    LocalSet::new().block_on(&executor, async move {
        let (stopping, stop) = watch::channel(false);
        let thread = Rc::new(Thread {
            threads,
            index,
            config: Rc::new(config),
            objects: Objects::new(deployment.directory.clone()),
            client,
            tls: deployment.tls.clone().map(TlsAcceptor::from),
            proxies: deployment.proxies.clone(),
            pages: deployment.pages.clone(),
            log: deployment.log.clone(),
            stop,
            connections: Cell::new(0),
        });
        let gateway = Rc::new(Gateway::new(
            NativeRuntime::new(thread.clone(), None),
            thread.config.clone(),
        ));
        thread.objects.start(&thread);
        if index == 0 {
            // The board calls books whose timers were lost while the deployment
            // could not start; afterwards its own alarm does.
            let gateway = gateway.clone();
            tokio::task::spawn_local(async move { gateway.wake_board().await });
        }
        while let Some(job) = inbox.recv().await {
            if matches!(job, Job::Stop) {
                let _ = stopping.send(true);
                let ended = async {
                    while thread.connections.get() > 0 {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                };
                let _ = tokio::time::timeout(STOPPING, ended).await;
                thread.objects.commit_all();
                return;
            }
            let (thread, gateway) = (thread.clone(), gateway.clone());
            tokio::task::spawn_local(async move {
                match job {
                    Job::Stop => {}
                    Job::Connection(connection, peer) => {
                        incoming::serve(thread, gateway, connection, peer).await;
                    }
                    Job::Call {
                        object,
                        body,
                        reply,
                    } => {
                        // A caller that has disconnected receives no answer.
                        let _ = reply.send(thread.objects.call(&thread, object, &body).await);
                    }
                    Job::Listen {
                        object,
                        tag,
                        sender,
                        reply,
                    } => {
                        let _ = reply.send(thread.objects.listen(object, &tag, sender));
                    }
                }
            });
        }
    });
}
