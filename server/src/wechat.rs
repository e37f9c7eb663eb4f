//! The sandbox of WeChat as a server: its state in one SQLite file or in
//! memory, notices sent when they are due, and the pages of its phone.

use crate::clock::now_ms;
use futures_util::future::join_all;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rusqlite::Connection;
use rustls::ServerConfig;
use sandbox::{
    MAX_BODY_BYTES, MAX_PROXIED_BYTES, OWN_PATH, Outcome, Outgoing, PhoneHost, Sandbox, Settings,
    TIMEOUT_MS,
};
use std::cell::RefCell;
use std::convert::Infallible;
use std::net::TcpListener;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;
use wechatpay::common::SANDBOX_HEADER;

/// Time limit for a page's own server, or a merchant's program, to answer.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest sleep between two reads of the clock.
const TICK_MS: i64 = 1000;
/// The header with the `mch_id` of the request's client certificate. The ports
/// for such requests set it; on the plain port a client may set it.
const CERTIFICATE_HEADER: HeaderName = HeaderName::from_static("x-sandbox-client-certificate");

type Answer = http::Response<Full<Bytes>>;

/// The configuration of a sandbox.
#[derive(Debug)]
pub struct SandboxServer {
    /// Its own origin.
    pub public_url: String,
    /// The origin under which clients reach it.
    pub listener: TcpListener,
    /// The same by HTTPS.
    pub tls: Option<TlsListener>,
    /// The ports whose requests count as sent with a merchant's client
    /// certificate, by `mch_id`.
    pub with_certificate: Vec<(String, TcpListener)>,
    /// The file of its state; without a file, the state is in memory.
    pub file: Option<PathBuf>,
    /// The seed of the sandbox's random numbers, for runs that must repeat
    /// them.
    pub seed: Option<u64>,
}

/// A port for HTTPS.
#[derive(Debug)]
pub struct TlsListener {
    /// The port.
    pub listener: TcpListener,
    /// Its certificate.
    pub config: Arc<ServerConfig>,
}

struct Runtime {
    sandbox: RefCell<Sandbox>,
    database: Option<Connection>,
    changed: Notify,
    client: legacy::Client<HttpConnector, Full<Bytes>>,
    random: RefCell<Random>,
}

/// The source of random numbers.
enum Random {
    /// The system's. If it failed, ids would repeat, which shows at once.
    System,
    Seeded(Box<ChaCha8Rng>),
}

impl Random {
    fn fill(&mut self, bytes: &mut [u8]) {
        match self {
            Self::System => _ = getrandom::fill(bytes),
            Self::Seeded(random) => random.fill_bytes(bytes),
        }
    }
}

impl SandboxServer {
    /// Starts it in a thread of its own.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the thread cannot be started.
    pub fn start(self) -> Result<JoinHandle<()>, String> {
        let settings = Settings {
            public_url: self.public_url.clone(),
        };
        let opened = self.file.as_deref().map(|file| load(file, &settings));
        let (sandbox, database) = match opened.transpose()? {
            Some((sandbox, database)) => (sandbox, Some(database)),
            None => (Sandbox::new(settings), None),
        };
        std::thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(move || run(self, sandbox, database))
            .map_err(|error| format!("the sandbox's thread cannot be started: {error}"))
    }
}

fn run(server: SandboxServer, sandbox: Sandbox, database: Option<Connection>) {
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let executor = match executor {
        Ok(executor) => executor,
        Err(error) => {
            eprintln!("the sandbox cannot start: {error}");
            return;
        }
    };
    LocalSet::new().block_on(&executor, async move {
        let runtime = Rc::new(Runtime {
            sandbox: RefCell::new(sandbox),
            database,
            changed: Notify::new(),
            client: legacy::Client::builder(TokioExecutor::new()).build_http(),
            random: RefCell::new(match server.seed {
                Some(seed) => Random::Seeded(Box::new(ChaCha8Rng::seed_from_u64(seed))),
                None => Random::System,
            }),
        });
        for (mch_id, listener) in server.with_certificate {
            if let Ok(mch_id) = HeaderValue::from_str(&mch_id) {
                tokio::task::spawn_local(accept(runtime.clone(), listener, None, Some(mch_id)));
            }
        }
        if let Some(TlsListener { listener, config }) = server.tls {
            let tls = Some(TlsAcceptor::from(config));
            tokio::task::spawn_local(accept(runtime.clone(), listener, tls, None));
        }
        tokio::task::spawn_local(runtime.clone().send_notices());
        accept(runtime, server.listener, None, None).await;
    });
}

async fn accept(
    runtime: Rc<Runtime>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    certificate: Option<HeaderValue>,
) {
    let listener = listener
        .set_nonblocking(true)
        .and_then(|()| tokio::net::TcpListener::from_std(listener));
    let listener = match listener {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("the sandbox cannot listen: {error}");
            return;
        }
    };
    loop {
        let Ok((connection, _)) = listener.accept().await else {
            // Too many open files: wait until some are closed.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (runtime, certificate) = (runtime.clone(), certificate.clone());
        let tls = tls.clone();
        tokio::task::spawn_local(async move {
            match tls {
                None => serve(runtime, connection, certificate).await,
                Some(tls) => {
                    // A failed handshake is the client's concern.
                    let handshake = tokio::time::timeout(PAGE_TIMEOUT, tls.accept(connection));
                    if let Ok(Ok(connection)) = handshake.await {
                        serve(runtime, connection, certificate).await;
                    }
                }
            }
        });
    }
}

async fn serve<C>(runtime: Rc<Runtime>, connection: C, certificate: Option<HeaderValue>)
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let (runtime, certificate) = (runtime.clone(), certificate.clone());
        async move { Ok::<_, Infallible>(runtime.answer(request, certificate).await) }
    });
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(connection), service)
        .with_upgrades()
        .await;
}

impl Runtime {
    async fn answer(
        &self,
        request: http::Request<Incoming>,
        certificate: Option<HeaderValue>,
    ) -> Answer {
        let host = request.headers().get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
        if let Some(Ok(page)) = PhoneHost::parse(host)
            && !request.uri().path().starts_with(OWN_PATH)
        {
            return pass_through(&page, request).await;
        }
        let uri = format!("http://{host}{}", request.uri());
        let (mut parts, body) = request.into_parts();
        if let Ok(uri) = uri.parse() {
            parts.uri = uri;
        }
        // On a plain connection the client's own header replaces a certificate.
        if let Some(certificate) = certificate {
            parts.headers.insert(CERTIFICATE_HEADER, certificate);
        }
        let Some(body) = read(body, MAX_BODY_BYTES).await else {
            return text(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is too long\n".to_owned(),
            );
        };
        let request = http::Request::from_parts(parts, body);
        let mut random = |bytes: &mut [u8]| self.random.borrow_mut().fill(bytes);
        let call = self
            .sandbox
            .borrow()
            .call_first(&request, now_ms(), &mut random);
        let answer = match call {
            Some(call) => {
                let outcome = self.send(call.request.clone(), PAGE_TIMEOUT).await;
                let mut sandbox = self.sandbox.borrow_mut();
                sandbox.called(&call, &outcome, now_ms(), &mut random)
            }
            None => self
                .sandbox
                .borrow_mut()
                .handle(&request, now_ms(), &mut random),
        };
        if let Err(error) = self.save() {
            let said = format!("the sandbox's state cannot be stored: {error}\n");
            return text(StatusCode::INTERNAL_SERVER_ERROR, said);
        }
        self.changed.notify_one();
        let mut answer = answer.map(|body| Full::new(Bytes::from(body)));
        answer
            .headers_mut()
            .insert(SANDBOX_HEADER, HeaderValue::from_static("1"));
        answer
    }

    /// Writes the changes in one transaction.
    fn save(&self) -> rusqlite::Result<()> {
        let changes = self.sandbox.borrow_mut().take_changes();
        let Some(database) = self.database.as_ref().filter(|_| !changes.is_empty()) else {
            return Ok(());
        };
        let transaction = database.unchecked_transaction()?;
        for (key, json) in changes {
            match json {
                Some(json) => transaction
                    .prepare_cached(
                        "INSERT INTO rows(key, json) VALUES(?1, ?2)
                         ON CONFLICT(key) DO UPDATE SET json = ?2",
                    )?
                    .execute([key, json])?,
                None => transaction
                    .prepare_cached("DELETE FROM rows WHERE key = ?1")?
                    .execute([key])?,
            };
        }
        transaction.commit()
    }

    /// Sends due notices while the sandbox runs.
    async fn send_notices(self: Rc<Self>) {
        loop {
            let due = self.sandbox.borrow_mut().due(now_ms());
            // A refund that settled meanwhile changed the state too.
            if let Err(error) = self.save() {
                eprintln!("the sandbox's state cannot be stored: {error}");
            }
            if !due.is_empty() {
                let runtime = self.clone();
                tokio::task::spawn_local(async move {
                    join_all(due.into_iter().map(|notice| runtime.send_notice(notice))).await;
                    runtime.changed.notify_one();
                });
            }
            let next_ms = self.sandbox.borrow().next_due_ms();
            let wait_ms = next_ms
                .map_or(TICK_MS, |at_ms| at_ms - now_ms())
                .clamp(0, TICK_MS);
            // Due notices in flight are not sent again at once.
            let wait = Duration::from_millis(wait_ms.max(5).unsigned_abs());
            tokio::select! {
                () = self.changed.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn send_notice(&self, notice: Outgoing) {
        let mut request = http::Request::post(&notice.url)
            .header(header::USER_AGENT, "Mozilla/4.0")
            .header(header::ACCEPT, "*/*");
        for (name, value) in &notice.headers {
            request = request.header(name, value);
        }
        let outcome = match request.body(notice.body.into_bytes()) {
            Err(error) => Outcome::Failed(error.to_string()),
            Ok(request) => {
                let timeout = Duration::from_millis(TIMEOUT_MS.into());
                match self.send(request, timeout).await {
                    Ok(answer) => Outcome::Answered {
                        status: answer.status().as_u16(),
                        body: answer.into_body(),
                    },
                    Err(why) => Outcome::Failed(why),
                }
            }
        };
        self.sandbox
            .borrow_mut()
            .sent(&notice.id, &outcome, now_ms());
        if let Err(error) = self.save() {
            eprintln!("a notice's outcome cannot be stored: {error}");
        }
    }

    async fn send(
        &self,
        request: http::Request<Vec<u8>>,
        timeout: Duration,
    ) -> Result<http::Response<Vec<u8>>, String> {
        let sent = async {
            let request = request.map(|body| Full::new(Bytes::from(body)));
            let answer = self.client.request(request).await;
            let (parts, body) = answer.map_err(|error| error.to_string())?.into_parts();
            let body = read(body, MAX_BODY_BYTES).await;
            let body = body.ok_or_else(|| "the answer is too long".to_owned())?;
            Ok(http::Response::from_parts(parts, body))
        };
        match tokio::time::timeout(timeout, sent).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", timeout.as_secs())),
        }
    }
}

fn load(file: &std::path::Path, settings: &Settings) -> Result<(Sandbox, Connection), String> {
    let read = || -> rusqlite::Result<(Vec<(String, String)>, Connection)> {
        let database = Connection::open(file)?;
        database.execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE IF NOT EXISTS rows(key TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID",
        )?;
        let rows = database
            .prepare("SELECT key, json FROM rows")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        Ok((rows, database))
    };
    let (rows, database) = read().map_err(|error| {
        format!(
            "the sandbox's file {} cannot be read: {error}",
            file.display()
        )
    })?;
    let sandbox = Sandbox::load(settings.clone(), rows).map_err(|error| {
        format!(
            "the sandbox's file {} is of another version; delete it to start empty: {error}",
            file.display()
        )
    })?;
    Ok((sandbox, database))
}

// The phone's pages.

/// Fetches a page as WeChat does, and inserts the bridge.
async fn pass_through(page: &PhoneHost, mut request: http::Request<Incoming>) -> Answer {
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, body) = request.into_parts();
    let Some(body) = read(body, MAX_PROXIED_BYTES).await else {
        let said = "the phone passes on at most 10 MiB\n".to_owned();
        return text(StatusCode::PAYLOAD_TOO_LARGE, said);
    };
    let mut headers = page.request_headers(&parts.headers);
    let wants_upgrade = parts.headers.get(header::UPGRADE);
    if let Some(protocol) = wants_upgrade {
        headers.insert(header::UPGRADE, protocol.clone());
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    let asked = ask_page(page.port, &parts.method, &parts.uri, headers, body);
    let mut answer = match tokio::time::timeout(PAGE_TIMEOUT, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(why)) => return unreachable_page(page, &why),
        Err(_) => return unreachable_page(page, "no answer in time"),
    };
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let theirs = hyper::upgrade::on(&mut answer);
        tokio::task::spawn_local(async move {
            if let (Ok(ours), Ok(theirs)) = (upgrade.await, theirs.await) {
                let (mut ours, mut theirs) = (TokioIo::new(ours), TokioIo::new(theirs));
                let _ = tokio::io::copy_bidirectional(&mut ours, &mut theirs).await;
            }
        });
        return answer.map(|_| Full::default());
    }
    let (answered, body) = answer.into_parts();
    let Some(body) = read(body, MAX_PROXIED_BYTES).await else {
        return unreachable_page(page, "the page is longer than 10 MiB");
    };
    let (headers, nonce) = page.response_headers(&answered.headers);
    let is_html = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("text/html"));
    let body = match is_html && parts.method != http::Method::HEAD {
        true => page.with_bridge(&body, nonce.as_deref()),
        false => body,
    };
    let mut response = http::Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = answered.status;
    *response.headers_mut() = headers;
    response
}

async fn ask_page(
    port: u16,
    method: &http::Method,
    uri: &Uri,
    headers: HeaderMap,
    body: Vec<u8>,
) -> Result<http::Response<Incoming>, String> {
    let why = |error: &dyn std::fmt::Display| error.to_string();
    // Some servers listen on only one of this machine's two addresses.
    let connection = match tokio::net::TcpStream::connect(("127.0.0.1", port)).await {
        Ok(connection) => connection,
        Err(_) => tokio::net::TcpStream::connect(("::1", port))
            .await
            .map_err(|error| why(&error))?,
    };
    let (mut sender, driver) = conn::http1::handshake(TokioIo::new(connection))
        .await
        .map_err(|error| why(&error))?;
    tokio::task::spawn_local(driver.with_upgrades());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = http::Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = method.clone();
    *request.uri_mut() = path.parse().map_err(|error| why(&error))?;
    *request.headers_mut() = headers;
    let host = HeaderValue::from_str(&format!("127.0.0.1:{port}"));
    request
        .headers_mut()
        .insert(header::HOST, host.map_err(|error| why(&error))?);
    sender
        .send_request(request)
        .await
        .map_err(|error| why(&error))
}

fn unreachable_page(page: &PhoneHost, why: &str) -> Answer {
    let said = format!("Nothing answers at {}: {why}\n", page.target_origin());
    text(StatusCode::BAD_GATEWAY, said)
}

fn text(status: StatusCode, said: String) -> Answer {
    let mut answer = http::Response::new(Full::new(Bytes::from(said)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    answer
}

/// The body, or `None` if it is longer than `max_bytes` or is interrupted.
async fn read(body: Incoming, max_bytes: usize) -> Option<Vec<u8>> {
    let collected = Limited::new(body, max_bytes).collect().await;
    collected.ok().map(|body| body.to_bytes().to_vec())
}
