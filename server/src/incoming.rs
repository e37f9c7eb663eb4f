//! Incoming HTTP: reads requests within limits, and answers them.

use crate::channels::Channels;
use crate::encoding::{self, Encoded};
use crate::listeners;
use crate::object_name::ObjectName;
use crate::proxies::TrustedProxies;
use crate::runtime::NativeRuntime;
use futures_util::stream::{LocalBoxStream, StreamExt, TryStreamExt};
use gateway::Gateway;
use gateway::http::error::{ApiError, Code};
use gateway::route::max_body_bytes;
use gateway::runtime::{FetchError, Listen};
use http::header::{self, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Time limit for a request's head, and for its body.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of a body that is too long is read and discarded.
const MAX_DISCARDED_BYTES: usize = 16 * 1024 * 1024;

/// The header from which the gateway reads the client's address.
const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("cf-connecting-ip");

/// Headers that a proxy in front of a deployment sets, and a client may not.
const OF_PROXIES: [&str; 3] = ["cf-connecting-ip", "cf-ray", "x-forwarded-for"];

/// An answer's body: in one piece or as a stream. A failing stream breaks the
/// connection, so that no client takes the body for complete.
type Sent = Either<Full<Bytes>, StreamBody<Frames>>;
type Frames = LocalBoxStream<'static, Result<Frame<Bytes>, FetchError>>;

/// What serves the connections of one thread.
pub struct Server {
    pub gateway: Rc<Gateway<NativeRuntime>>,
    /// The channel to each thread.
    pub channels: Channels,
    pub tls: Option<TlsAcceptor>,
    pub proxies: TrustedProxies,
    /// Becomes true when the thread is to end.
    pub stop: watch::Receiver<bool>,
    /// How many connections all threads serve.
    pub connections: Arc<AtomicUsize>,
}

/// Serves one connection until it ends.
pub async fn serve(server: Rc<Server>, connection: TcpStream, peer: SocketAddr) {
    let Ok(connection) = tokio::net::TcpStream::from_std(connection) else {
        return;
    };
    let counted = Counted::new(server.connections.clone());
    match server.tls.clone() {
        None => serve_http(server, connection, peer).await,
        Some(tls) => {
            // A failed handshake is the client's concern.
            let handshake = tokio::time::timeout(PATIENCE, tls.accept(connection));
            if let Ok(Ok(connection)) = handshake.await {
                serve_http(server, connection, peer).await;
            }
        }
    }
    drop(counted);
}

async fn serve_http<C>(server: Rc<Server>, connection: C, peer: SocketAddr)
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut stop = server.stop.clone();
    let service = service_fn(move |request| {
        let server = server.clone();
        async move { Ok::<_, Infallible>(answer(&server, request, peer).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(connection), service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    // A broken connection is the client's concern.
    tokio::select! {
        _ = serving.as_mut() => {}
        _ = stop.wait_for(|stop| *stop) => {
            serving.as_mut().graceful_shutdown();
            let _ = serving.await;
        }
    }
}

/// Counts a connection while it is served.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(connections: Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self(connections)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn answer(
    server: &Server,
    mut request: http::Request<Incoming>,
    peer: SocketAddr,
) -> http::Response<Sent> {
    let upgrade = hyper::upgrade::on(&mut request);
    let accept = request
        .headers()
        .get(header::SEC_WEBSOCKET_KEY)
        .map(|key| derive_accept_key(key.as_bytes()));
    let client = server.proxies.client(peer.ip(), request.headers());
    let response = match read(request, client).await {
        Ok(request) => server.gateway.handle(request).await,
        Err((code, cause)) => server.gateway.refuse(code, &cause),
    };
    let listen = response.extensions().get::<Listen>().cloned();
    let (Some(listen), Some(accept)) = (listen, accept) else {
        return encoding::encoded(response).map(sent);
    };
    let object = ObjectName::Book(listen.book);
    let Some(texts) = server.channels.listen(object, listen.tag).await else {
        let refused = ApiError::of(Code::TooManyPages).response();
        return refused.map(|body| Either::Left(Full::new(Bytes::from(body))));
    };
    tokio::task::spawn_local(async move {
        if let Ok(upgraded) = upgrade.await {
            listeners::serve(upgraded, texts).await;
        }
    });
    let mut switching = http::Response::new(Either::Left(Full::new(Bytes::new())));
    *switching.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
    let headers = switching.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    switching
}

fn sent(body: Encoded) -> Sent {
    match body {
        Encoded::Whole(body) => Either::Left(Full::new(body)),
        Encoded::Pieces(chunks) => {
            let frames = chunks.map_ok(|piece| Frame::data(Bytes::from(piece)));
            Either::Right(StreamBody::new(frames.boxed_local()))
        }
    }
}

/// The whole request, or the error in its transfer with its cause.
async fn read(
    request: http::Request<Incoming>,
    client: IpAddr,
) -> Result<gateway::runtime::Request, (Code, String)> {
    let (mut parts, body) = request.into_parts();
    for name in OF_PROXIES {
        parts.headers.remove(name);
    }
    if let Ok(address) = HeaderValue::from_str(&client.to_string()) {
        parts.headers.insert(CLIENT_ADDRESS, address);
    }
    let max = max_body_bytes(parts.method.as_str(), parts.uri.path());
    let body = match tokio::time::timeout(PATIENCE, whole(body, max)).await {
        Err(error) => return Err((Code::BodyTooSlow, error.to_string())),
        Ok(body) => body?,
    };
    Ok(http::Request::from_parts(parts, body))
}

/// The whole body. Of one that is too long, the rest is read and discarded up to
/// a limit: a client that still sends does not read the refusal.
async fn whole(mut body: Incoming, max: usize) -> Result<Vec<u8>, (Code, String)> {
    let mut read = Vec::new();
    let mut length = 0;
    while length <= MAX_DISCARDED_BYTES
        && let Some(frame) = body.frame().await
    {
        let frame = frame.map_err(|error| (Code::BodyBroken, error.to_string()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length += data.len();
        if length <= max {
            read.extend_from_slice(&data);
        }
    }
    match length <= max {
        true => Ok(read),
        false => Err((Code::BodyTooLarge, format!("more than {max} bytes"))),
    }
}
