//! A WebSocket on loopback, as far as the tests need it (RFC 6455): short
//! texts, one frame each.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long the handshake may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// A server's frame is no longer than its first length byte can express.
const LONGEST: usize = 125;

/// A connection that was made.
#[derive(Debug)]
pub struct WebSocket {
    stream: TcpStream,
    /// Received bytes that are not read yet.
    buffer: Vec<u8>,
}

/// The kind of a frame.
#[derive(Debug, PartialEq, Eq)]
enum Frame {
    Text(String),
    /// With its code.
    Close(u16),
}

impl WebSocket {
    /// Connects to an `http://` address. `Err` is a refusal: status and body.
    pub fn open(url: &str) -> Result<Self, (u16, String)> {
        let rest = url.strip_prefix("http://").expect("an http address");
        let (host, path) = rest.split_once('/').expect("a path");
        let mut stream = TcpStream::connect(host).expect("a connection");
        let head = format!(
            "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("it is sent");
        let mut socket = Self {
            stream,
            buffer: Vec::new(),
        };
        let deadline = Instant::now() + PATIENCE;
        let end = loop {
            match find(&socket.buffer, b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => assert!(socket.fill(deadline), "no answer: {:?}", socket.buffer),
            }
        };
        let head: Vec<u8> = socket.buffer.drain(..end).collect();
        let head = String::from_utf8(head).expect("a head").to_lowercase();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status: u16 = status.expect("a status");
        if status == 101 {
            // The answer to the key above: RFC 6455, section 1.3.
            assert!(head.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
            return Ok(socket);
        }
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.expect("a length").trim().parse().expect("a number");
        while socket.buffer.len() < length && socket.fill(deadline) {}
        Err((status, String::from_utf8_lossy(&socket.buffer).into_owned()))
    }

    /// Sends a text.
    pub fn says(&mut self, text: &str) {
        self.send(0x81, text.as_bytes()).expect("it is sent");
    }

    /// Sends bytes that are no text.
    pub fn says_bytes(&mut self, bytes: &[u8]) {
        self.send(0x82, bytes).expect("it is sent");
    }

    /// Sends a text thousands of times a second, for this long or until the
    /// socket is closed; returns the code of the close.
    pub fn babbles(&mut self, text: &str, duration: Duration) -> Option<u16> {
        let deadline = Instant::now() + duration;
        while Instant::now() < deadline && self.send(0x81, text.as_bytes()).is_ok() {
            let mut next = [0];
            self.stream.set_nonblocking(true).expect("it can be so");
            let something = self.stream.peek(&mut next).is_ok();
            self.stream.set_nonblocking(false).expect("it can be so");
            if something || !self.buffer.is_empty() {
                match self.frame(deadline)? {
                    Frame::Text(_) => {}
                    Frame::Close(code) => return Some(code),
                }
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        None
    }

    fn send(&mut self, kind: u8, payload: &[u8]) -> std::io::Result<()> {
        let mask = [7, 1, 4, 9];
        let mut frame = vec![kind];
        match u16::try_from(payload.len()).expect("a short message") {
            short @ 0..=125 => frame.push(0x80 | short as u8),
            length => {
                frame.push(0x80 | 126);
                frame.extend(length.to_be_bytes());
            }
        }
        frame.extend(mask);
        let masked = payload.iter().zip(mask.iter().cycle());
        frame.extend(masked.map(|(byte, mask)| byte ^ mask));
        self.stream.write_all(&frame)
    }

    /// The next text within this time; `None` when none is received.
    pub fn receives(&mut self, within: Duration) -> Option<String> {
        match self.frame(Instant::now() + within)? {
            Frame::Text(text) => Some(text),
            Frame::Close(_) => None,
        }
    }

    /// Whether it is closed, orderly or not, within this time.
    pub fn is_closed(&mut self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        loop {
            match self.frame(deadline) {
                Some(Frame::Text(_)) => {}
                Some(Frame::Close(_)) => return true,
                None => return Instant::now() < deadline,
            }
        }
    }

    /// The code that it is closed with within this time.
    pub fn closing_code(&mut self, within: Duration) -> Option<u16> {
        let deadline = Instant::now() + within;
        loop {
            if let Frame::Close(code) = self.frame(deadline)? {
                return Some(code);
            }
        }
    }

    fn frame(&mut self, deadline: Instant) -> Option<Frame> {
        loop {
            if let [kind, length, ..] = self.buffer[..] {
                let length = usize::from(length);
                assert!(length <= LONGEST, "a long or a masked frame");
                if self.buffer.len() >= 2 + length {
                    let frame: Vec<u8> = self.buffer.drain(..2 + length).collect();
                    return Some(match kind {
                        0x81 => Frame::Text(String::from_utf8_lossy(&frame[2..]).into_owned()),
                        // Without a code it is 1005: RFC 6455, section 7.1.5.
                        0x88 => Frame::Close(match frame[2..] {
                            [high, low, ..] => u16::from_be_bytes([high, low]),
                            _ => 1005,
                        }),
                        other => panic!("a frame {other:#x}"),
                    });
                }
            }
            if !self.fill(deadline) {
                return None;
            }
        }
    }

    /// Waits for more bytes. `false` after the deadline, or when the connection
    /// has ended.
    fn fill(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        self.stream
            .set_read_timeout(Some(left))
            .expect("a time-out");
        let mut chunk = [0; 4096];
        match self.stream.read(&mut chunk) {
            Ok(0) => false,
            Ok(length) => {
                self.buffer.extend(&chunk[..length]);
                true
            }
            Err(error) => error.kind() == ErrorKind::Interrupted,
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}
