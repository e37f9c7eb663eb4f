//! A WebSocket to a server on loopback.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tungstenite::{Error, HandshakeError, Message};

/// How long the handshake may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that was made.
#[derive(Debug)]
pub struct WebSocket(tungstenite::WebSocket<TcpStream>);

/// What was received.
enum Next {
    Text(String),
    /// With its code.
    Close(u16),
    /// The connection has ended without a frame that closes it.
    Ended,
    /// Nothing until the deadline.
    Nothing,
}

impl WebSocket {
    /// Connects to an `http://` address. `Err` is a refusal: status and body.
    pub fn open(url: &str) -> Result<Self, (u16, String)> {
        let address = url.strip_prefix("http://").expect("an http address");
        let host = address.split('/').next().expect("a host");
        let stream = TcpStream::connect(host).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let rest = stream.try_clone().expect("the stream");
        match tungstenite::client(format!("ws://{address}"), stream) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(HandshakeError::Failure(Error::Http(answer))) => {
                Err((answer.status().as_u16(), whole_body(*answer, rest)))
            }
            Err(error) => panic!("no connection: {error}"),
        }
    }

    /// Sends a text.
    pub fn says(&mut self, text: &str) {
        self.0.send(Message::text(text)).expect("it is sent");
    }

    /// Sends bytes that are no text.
    pub fn says_bytes(&mut self, bytes: &[u8]) {
        let message = Message::binary(bytes.to_vec());
        self.0.send(message).expect("it is sent");
    }

    /// Sends a text thousands of times a second, for this long or until the
    /// socket is closed; returns the code of the close.
    pub fn babbles(&mut self, text: &str, duration: Duration) -> Option<u16> {
        let deadline = Instant::now() + duration;
        while Instant::now() < deadline && self.0.send(Message::text(text)).is_ok() {
            if let Next::Close(code) = self.next(Instant::now() + Duration::from_micros(50)) {
                return Some(code);
            }
        }
        self.closing_code(Duration::from_millis(1))
    }

    /// The next text within this time; `None` when none is received.
    pub fn receives(&mut self, within: Duration) -> Option<String> {
        match self.next(Instant::now() + within) {
            Next::Text(text) => Some(text),
            Next::Close(_) | Next::Ended | Next::Nothing => None,
        }
    }

    /// Whether it is closed, orderly or not, within this time.
    pub fn is_closed(&mut self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        loop {
            match self.next(deadline) {
                Next::Text(_) => {}
                Next::Close(_) | Next::Ended => return true,
                Next::Nothing => return false,
            }
        }
    }

    /// The code that it is closed with within this time.
    pub fn closing_code(&mut self, within: Duration) -> Option<u16> {
        let deadline = Instant::now() + within;
        loop {
            match self.next(deadline) {
                Next::Text(_) => {}
                Next::Close(code) => return Some(code),
                Next::Ended | Next::Nothing => return None,
            }
        }
    }

    fn next(&mut self, deadline: Instant) -> Next {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Nothing;
            }
            let stream = self.0.get_ref();
            stream.set_read_timeout(Some(left)).expect("a time-out");
            match self.0.read() {
                Ok(Message::Text(text)) => return Next::Text(text.to_string()),
                // Without a code it is 1005: RFC 6455, section 7.1.5.
                Ok(Message::Close(frame)) => {
                    return Next::Close(frame.map_or(1005, |frame| frame.code.into()));
                }
                Ok(other) => panic!("a frame {other:?}"),
                Err(Error::Io(error)) if is_late(error.kind()) => {}
                Err(_) => return Next::Ended,
            }
        }
    }
}

fn is_late(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// The body of a refusal, of which the handshake has read the beginning.
fn whole_body(answer: tungstenite::http::Response<Option<Vec<u8>>>, rest: TcpStream) -> String {
    let length = answer.headers().get("content-length");
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let length: u64 = length.expect("a length");
    let mut body = answer.into_body().unwrap_or_default();
    let missing = length.saturating_sub(body.len() as u64);
    rest.take(missing)
        .read_to_end(&mut body)
        .expect("the whole body");
    String::from_utf8_lossy(&body).into_owned()
}
