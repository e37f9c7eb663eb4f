//! Outgoing requests.
//!
//! A merchant's address is used only if its name resolves to public addresses.
//! The addresses are checked when the connection is made, so a name that
//! resolves differently a moment later (DNS rebinding) gains nothing.

use crate::tls::{self, Files};
use futures_util::StreamExt;
use futures_util::stream::{self, LocalBoxStream};
use gateway::runtime::{FetchError, OwnCertificate, Request, Response, Route};
use http::uri::{Authority, Scheme, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec;
use tower_service::Service;

/// The origins that replace WeChat's hosts, as in `http://127.0.0.1:8788`. For
/// development and tests.
#[derive(Clone, Debug, Default)]
pub struct Upstreams {
    /// WeChat Pay, iOnline and OAuth.
    pub wechat: Option<Uri>,
    /// WeChat Pay with a merchant's client certificate, by the names of the
    /// bindings, which begin with `WECHATPAY_MTLS`.
    pub with_certificate: BTreeMap<String, WithCertificate>,
}

/// How WeChat Pay is reached with a merchant's client certificate.
#[derive(Clone, Debug)]
pub enum WithCertificate {
    /// By presenting this certificate.
    Files(Files),
    /// At an origin where each request counts as sent with it. For development
    /// and tests.
    Origin(Uri),
}

/// How many merchants' certificates a thread keeps connections for.
const MOST_OWN: usize = 256;

/// A pool of connections, by HTTP or HTTPS.
pub type Connection = legacy::Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

/// An answer's body as it arrives.
pub type Pieces = LocalBoxStream<'static, Result<Vec<u8>, Failed>>;

/// Why no answer arrived.
#[derive(Debug)]
pub struct Failed {
    /// The error for the gateway.
    pub error: FetchError,
    /// The cause of [`FetchError::Unreachable`], for the log.
    pub cause: Option<String>,
}

impl Failed {
    /// With the cause, and the causes behind it.
    fn unreachable(error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let causes: Vec<String> = causes.map(ToString::to_string).collect();
        Self::because(&causes.join(": "))
    }

    fn because(cause: &str) -> Self {
        Self {
            error: FetchError::Unreachable,
            cause: Some(cause.to_owned()),
        }
    }
}

impl From<FetchError> for Failed {
    fn from(error: FetchError) -> Self {
        Self { error, cause: None }
    }
}

/// The outgoing connections of one thread.
pub struct Client {
    upstreams: Upstreams,
    upstream: Connection,
    with_certificate: BTreeMap<String, Connection>,
    /// With the certificates of merchants' credentials, by the certificate.
    with_own: RefCell<HashMap<String, Connection>>,
    merchants: Connection,
    /// Whether merchants' addresses must be public.
    public_only: bool,
}

impl Client {
    /// `development` allows merchants' addresses on private networks.
    ///
    /// # Errors
    ///
    /// A client certificate cannot be used.
    pub fn new(upstreams: Upstreams, development: bool) -> Result<Self, String> {
        let any = Resolver { public_only: false };
        let mut with_certificate = BTreeMap::new();
        for (name, found) in &upstreams.with_certificate {
            if let WithCertificate::Files(files) = found {
                let tls = tls::outgoing(Some(files)).map_err(|why| format!("{name}: {why}"))?;
                with_certificate.insert(name.clone(), connection(any, tls));
            }
        }
        let public_only = !development;
        Ok(Self {
            upstreams,
            upstream: to_any_address()?,
            with_certificate,
            with_own: RefCell::default(),
            merchants: connection(Resolver { public_only }, tls::outgoing(None)?),
            public_only,
        })
    }

    /// Whether a connection with this client certificate is configured.
    pub fn has_certificate(&self, binding: &str) -> bool {
        self.upstreams.with_certificate.contains_key(binding)
    }

    /// Sends a request and reads the whole answer, within the route's time
    /// limit.
    ///
    /// # Errors
    ///
    /// No answer arrived.
    pub async fn fetch(&self, route: Route<'_>, request: Request) -> Result<Response, Failed> {
        let patience = Duration::from_millis(u64::from(route.timeout_ms()));
        let whole = async { read(route, self.send(route, request).await?).await };
        match tokio::time::timeout(patience, whole).await {
            Ok(answer) => answer,
            Err(_) => Err(FetchError::TimedOut.into()),
        }
    }

    /// Sends a request and returns the answer's body in pieces as they arrive: the
    /// route's time limit is for its head, and for each piece.
    ///
    /// # Errors
    ///
    /// No answer arrived.
    pub async fn open(
        &self,
        route: Route<'_>,
        request: Request,
    ) -> Result<http::Response<Pieces>, Failed> {
        let patience = Duration::from_millis(u64::from(route.timeout_ms()));
        match tokio::time::timeout(patience, self.send(route, request)).await {
            Ok(answer) => Ok(answer?.map(|body| pieces(body, patience))),
            Err(_) => Err(FetchError::TimedOut.into()),
        }
    }

    /// A connection with a certificate that a merchant's credentials hold.
    fn with_own(&self, pair: &OwnCertificate) -> Result<Connection, Failed> {
        let mut all = self.with_own.borrow_mut();
        if let Some(connection) = all.get(&pair.certificate) {
            return Ok(connection.clone());
        }
        if all.len() >= MOST_OWN {
            all.clear();
        }
        let tls = tls::outgoing_with(pair).map_err(|why| Failed::because(&why))?;
        let connection = connection(Resolver { public_only: false }, tls);
        all.insert(pair.certificate.clone(), connection.clone());
        Ok(connection)
    }

    /// Sends a request and reads the answer's head.
    async fn send(
        &self,
        route: Route<'_>,
        mut request: Request,
    ) -> Result<http::Response<Incoming>, Failed> {
        let no_certificate = || Failed::because("no connection with this client certificate");
        let own;
        let (connection, origin) = match route {
            Route::WeChatPayOwn(certificate) => {
                own = self.with_own(certificate)?;
                (&own, self.upstreams.wechat.as_ref())
            }
            Route::Merchant | Route::Webhook => {
                // An address that is written as numbers is not resolved.
                if self.public_only && request.uri().host().is_some_and(is_private) {
                    return Err(Failed::because("the address is not public"));
                }
                (&self.merchants, None)
            }
            Route::WeChatPayMtls(binding) => match self.upstreams.with_certificate.get(binding) {
                Some(WithCertificate::Origin(origin)) => (&self.upstream, Some(origin)),
                Some(WithCertificate::Files(_)) => {
                    let connection = self.with_certificate.get(binding);
                    let connection = connection.ok_or_else(no_certificate)?;
                    (connection, self.upstreams.wechat.as_ref())
                }
                None => return Err(no_certificate()),
            },
            _ => (&self.upstream, self.upstreams.wechat.as_ref()),
        };
        if let Some(origin) = origin {
            *request.uri_mut() = at(origin, request.uri())
                .ok_or_else(|| Failed::because("the configured origin is unusable"))?;
        }
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let answer = connection.request(request).await;
        answer.map_err(|error| Failed::unreachable(&error))
    }
}

/// Reads the whole answer, as far as the route allows.
async fn read(route: Route<'_>, answer: http::Response<Incoming>) -> Result<Response, Failed> {
    let (parts, body) = answer.into_parts();
    if route.cuts_answer() {
        let body = beginning(body, route.max_answer_bytes()).await?;
        return Ok(Response::from_parts(parts, body));
    }
    let body = Limited::new(body, route.max_answer_bytes());
    match body.collect().await {
        Ok(body) => Ok(Response::from_parts(parts, body.to_bytes().to_vec())),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(FetchError::TooLong.into())
        }
        Err(error) => Err(Failed::unreachable(&*error)),
    }
}

/// A body in pieces, with a time limit for each. Its reader limits its length.
fn pieces(body: Incoming, patience: Duration) -> Pieces {
    let next = move |rest: Option<Incoming>| async move {
        let mut body = rest?;
        let piece = match tokio::time::timeout(patience, body.frame()).await {
            Ok(None) => return None,
            Ok(Some(Ok(frame))) => Ok(frame.into_data().map_or_else(|_| Vec::new(), Vec::from)),
            Ok(Some(Err(error))) => Err(Failed::unreachable(&error)),
            Err(_) => Err(FetchError::TimedOut.into()),
        };
        let rest = piece.is_ok().then_some(body);
        Some((piece, rest))
    };
    stream::unfold(Some(body), next).boxed_local()
}

/// The first bytes of a body; what follows is not read.
async fn beginning(mut body: Incoming, max: usize) -> Result<Vec<u8>, Failed> {
    let mut read = Vec::new();
    while read.len() < max
        && let Some(frame) = body.frame().await
    {
        let frame = frame.map_err(|error| Failed::unreachable(&error))?;
        if let Some(data) = frame.data_ref() {
            read.extend_from_slice(data);
        }
    }
    read.truncate(max);
    Ok(read)
}

/// The same path and query at another origin.
fn at(origin: &Uri, uri: &Uri) -> Option<Uri> {
    let scheme: Scheme = origin.scheme()?.clone();
    let authority: Authority = origin.authority()?.clone();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let built = Uri::builder().scheme(scheme).authority(authority);
    built.path_and_query(path).build().ok()
}

/// Connections to any address.
///
/// # Errors
///
/// TLS cannot be set up.
pub fn to_any_address() -> Result<Connection, String> {
    Ok(connection(
        Resolver { public_only: false },
        tls::outgoing(None)?,
    ))
}

fn connection(resolver: Resolver, tls: ClientConfig) -> Connection {
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    legacy::Client::builder(TokioExecutor::new())
        .pool_idle_timeout(Duration::from_secs(20))
        .build(connector)
}

/// Resolves names and refuses those that lead to a private network.
#[derive(Clone, Copy, Debug)]
pub struct Resolver {
    public_only: bool,
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let public_only = self.public_only;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Vec<SocketAddr> = found
                .filter(|address| !public_only || is_public(address.ip()))
                .collect();
            match addresses.is_empty() {
                true => Err(io::Error::other("the name has no public address")),
                false => Ok(addresses.into_iter()),
            }
        })
    }
}

/// Whether a host is written as an address that is not public.
fn is_private(host: &str) -> bool {
    let numbers = host.trim_start_matches('[').trim_end_matches(']');
    numbers
        .parse()
        .is_ok_and(|address: IpAddr| !is_public(address))
}

/// Whether an address is public (RFC 6890 and its updates).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_multicast()
                || a == 0
                || a >= 240
                // Carrier-grade NAT, IETF protocols, benchmarks, 6to4 relays.
                || a == 100 && (64..128).contains(&b)
                || a == 192 && b == 0 && c == 0
                || a == 198 && (18..20).contains(&b)
                || a == 192 && b == 88 && c == 99)
        }
        IpAddr::V6(address) => {
            let [a, b, ..] = address.segments();
            // 2000::/3 without documentation, Teredo, ORCHID and 6to4, which
            // carry other addresses inside.
            (0x2000..0x4000).contains(&a)
                && a != 0x2002
                && !(a == 0x2001 && (b < 0x0200 || b == 0x0db8))
                && a != 0x3fff
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for (address, expected) in [
            ("8.8.8.8", true),
            ("203.205.254.157", true),
            ("2408:8756::1", true),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("0.0.0.0", false),
            ("255.255.255.255", false),
            ("224.0.0.1", false),
            ("198.18.0.1", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fc00::1", false),
            ("::ffff:127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("2002:7f00:1::", false),
            ("2001:db8::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
        }
    }

    /// The outcome of a delivery to a merchant's address.
    fn delivered(development: bool, url: &str) -> Result<Response, Failed> {
        let client = Client::new(Upstreams::default(), development).unwrap();
        let executor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let request = http::Request::get(url).body(Vec::new()).unwrap();
        executor.block_on(client.fetch(Route::Merchant, request))
    }

    /// A name that was public when it was entered may resolve to this machine
    /// when it is used (DNS rebinding); `localhost` always does.
    #[test]
    fn a_delivery_reaches_no_private_address_by_number_or_by_name() {
        let private = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        private.set_nonblocking(true).unwrap();
        let port = private.local_addr().unwrap().port();
        for host in [
            "127.0.0.1",
            "localhost",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "10.0.0.1",
        ] {
            let failed = delivered(false, &format!("http://{host}:{port}/")).unwrap_err();
            assert_eq!(failed.error, FetchError::Unreachable, "{host}");
            let cause = failed.cause.unwrap();
            assert!(cause.contains("public"), "{host}: {cause}");
        }
        assert_eq!(
            private.accept().map(drop).map_err(|error| error.kind()),
            Err(io::ErrorKind::WouldBlock)
        );
        // With development settings the same address is reached.
        private.set_nonblocking(false).unwrap();
        let serving = std::thread::spawn(move || {
            let (mut connection, _) = private.accept().unwrap();
            // A small request arrives in one piece.
            let read = std::io::Read::read(&mut connection, &mut [0; 4096]);
            assert!(read.unwrap() > 0);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            std::io::Write::write_all(&mut connection, answer).unwrap();
        });
        let answer = delivered(true, &format!("http://localhost:{port}/"));
        assert_eq!(answer.unwrap().status(), 200);
        serving.join().unwrap();
    }

    /// A long answer is not kept in memory: its first piece is read before its last
    /// one is sent. An answer that breaks off ends with an error.
    #[test]
    fn an_answer_in_pieces_is_read_while_it_is_sent() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let (was_read, waits) = std::sync::mpsc::channel::<()>();
        let serving = std::thread::spawn(move || {
            let (mut connection, _) = server.accept().unwrap();
            let read = std::io::Read::read(&mut connection, &mut [0; 4096]);
            assert!(read.unwrap() > 0);
            let mut send = |bytes: &[u8]| std::io::Write::write_all(&mut connection, bytes);
            send(b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nfirst ").unwrap();
            waits.recv().unwrap();
            send(b"last").unwrap();
            // Two bytes are missing.
        });
        let upstreams = Upstreams {
            wechat: Some(format!("http://127.0.0.1:{port}").parse().unwrap()),
            ..Upstreams::default()
        };
        let client = Client::new(upstreams, true).unwrap();
        let executor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        executor.block_on(async {
            let request = http::Request::get("http://wechat.example/statement");
            let request = request.body(Vec::new()).unwrap();
            let answer = client.open(Route::Statement, request).await.unwrap();
            let mut body = answer.into_body();
            assert_eq!(body.next().await.unwrap().unwrap(), b"first ");
            was_read.send(()).unwrap();
            assert_eq!(body.next().await.unwrap().unwrap(), b"last");
            let broken = body.next().await.unwrap().unwrap_err();
            assert_eq!(broken.error, FetchError::Unreachable);
            assert!(body.next().await.is_none());
        });
        serving.join().unwrap();
    }

    #[test]
    fn a_refused_connection_is_named_with_its_cause() {
        let origin: Uri = "http://127.0.0.1:1".parse().unwrap();
        let upstreams = Upstreams {
            wechat: Some(origin),
            ..Upstreams::default()
        };
        let client = Client::new(upstreams, true).unwrap();
        let executor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let request = http::Request::get("https://api.mch.weixin.qq.com/x?secret=1");
        let request = request.body(Vec::new()).unwrap();
        let failed = executor
            .block_on(client.fetch(Route::WeChatPay, request))
            .unwrap_err();
        assert_eq!(failed.error, FetchError::Unreachable);
        let cause = failed.cause.unwrap();
        assert!(cause.to_lowercase().contains("refused"), "{cause}");
        assert!(!cause.contains("secret"), "{cause}");
    }

    #[test]
    fn another_origin_keeps_path_and_query() {
        let origin: Uri = "http://127.0.0.1:8788".parse().unwrap();
        let uri: Uri = "https://api.mch.weixin.qq.com/v3/x?mchid=1"
            .parse()
            .unwrap();
        assert_eq!(
            at(&origin, &uri).unwrap(),
            "http://127.0.0.1:8788/v3/x?mchid=1"
        );
    }
}
