//! A proxy between the gateway and WeChat that makes requested faults.
//!
//! A [`FaultyProxy`] passes each request on and its answer back, unless the
//! request is about an order whose number requests a fault: the first two
//! requests about `A1-LOST2` have their effect, and their answers are lost.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Longer than any time limit for WeChat or for a merchant.
const TOO_LONG: Duration = Duration::from_secs(15);
/// The most bytes of a message that are read.
const MAX_BYTES: u64 = 1 << 20;

/// The fault of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No answer is ever sent.
    Hang,
    /// The connection is reset before the request is read.
    Reset,
    /// The request has its effect; the connection ends without an answer.
    Lost,
    /// The request has its effect; half of the answer is sent.
    Cut,
    /// The answer is not HTTP.
    Garbage,
    /// A portal's page, with status 200.
    Page,
    /// An answer without an end.
    Endless,
    /// An answer that is sent byte by byte, with pauses.
    Drip,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 8] = [
        Self::Hang,
        Self::Reset,
        Self::Lost,
        Self::Cut,
        Self::Garbage,
        Self::Page,
        Self::Endless,
        Self::Drip,
    ];

    /// Its name in an order's number.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hang => "HANG",
            Self::Reset => "RESET",
            Self::Lost => "LOST",
            Self::Cut => "CUT",
            Self::Garbage => "GARBAGE",
            Self::Page => "PAGE",
            Self::Endless => "ENDLESS",
            Self::Drip => "DRIP",
        }
    }

    /// Whether the request has reached WeChat all the same.
    pub const fn has_effect(self) -> bool {
        matches!(self, Self::Lost | Self::Cut)
    }

    /// Answers every request with this fault.
    fn answer(self, mut stream: &TcpStream) -> io::Result<()> {
        match self {
            Self::Hang => {
                stream.set_read_timeout(Some(TOO_LONG))?;
                match stream.read(&mut [0]) {
                    Ok(1..) => {}
                    Err(error) if is_timeout(&error) => {}
                    Ok(0) | Err(_) => {
                        HUNG_UP.fetch_add(1, Ordering::SeqCst);
                    }
                }
            }
            Self::Reset | Self::Lost | Self::Cut => {}
            Self::Garbage => stream.write_all(b"\x16\x03\x01\0\xff<xml>\xc3\x28{\"\r\n\r\n\0")?,
            Self::Page => {
                let page = "<html><title>Sign in to the network</title></html>";
                let head = head(200, page.len());
                stream.write_all((head + page).as_bytes())?;
            }
            Self::Endless => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\nconnection: close\r\n\r\n";
                stream.write_all(head.as_bytes())?;
                // Until the reader disconnects, and not for ever.
                for _ in 0..4096 {
                    stream.write_all(&[b'x'; 16 * 1024])?;
                }
            }
            Self::Drip => {
                stream.write_all(head(200, 100).as_bytes())?;
                for _ in 0..TOO_LONG.as_secs() {
                    stream.write_all(b"<")?;
                    thread::sleep(Duration::from_secs(1));
                }
            }
        }
        Ok(())
    }
}

/// Requests that were never answered and whose caller closed the connection.
static HUNG_UP: AtomicUsize = AtomicUsize::new(0);

/// How many requests were never answered and were aborted by their caller, in
/// this process.
pub fn callers_that_hung_up() -> usize {
    HUNG_UP.load(Ordering::SeqCst)
}

fn is_timeout(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::WouldBlock || kind == io::ErrorKind::TimedOut
}

fn head(status: u16, length: usize) -> String {
    format!("HTTP/1.1 {status} -\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n")
}

/// A proxy in front of WeChat.
#[derive(Debug)]
pub struct FaultyProxy {
    /// Its port, on 127.0.0.1.
    pub port: u16,
}

impl FaultyProxy {
    /// Starts one in front of the server on this port.
    pub fn start(wechat_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let had: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let had = had.clone();
                // A client that disconnects needs no more of the answer.
                thread::spawn(move || pass(&stream, wechat_port, &had));
            }
        });
        Self { port }
    }
}

/// The address of a merchant's server that always has this fault.
pub fn faulty_merchant(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                if fault != Fault::Reset {
                    read_message(&mut BufReader::new(&stream)).ok();
                }
                fault.answer(&stream)
            });
        }
    });
    format!("http://{address}/notify")
}

fn pass(
    stream: &TcpStream,
    wechat_port: u16,
    had: &Mutex<HashMap<String, usize>>,
) -> io::Result<()> {
    stream.set_read_timeout(Some(TOO_LONG))?;
    // Peeked and not read: a connection that is closed with unread data is
    // reset.
    // unread in it is reset.
    let request = loop {
        let mut seen = vec![0; 64 * 1024];
        let length = stream.peek(&mut seen)?;
        match read_message(&mut seen.get(..length).unwrap_or_default()) {
            Ok(request) => break request,
            Err(_) if length > 0 => thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(error),
        }
    };
    let fault = asked_for(&String::from_utf8_lossy(&request), had);
    if fault == Some(Fault::Reset) {
        return Ok(());
    }
    let taken = read_message(&mut BufReader::new(stream))?;
    debug_assert_eq!(taken, request);
    if let Some(fault) = fault.filter(|fault| !fault.has_effect()) {
        return fault.answer(stream);
    }
    let mut wechat = TcpStream::connect(("127.0.0.1", wechat_port))?;
    wechat.set_read_timeout(Some(TOO_LONG))?;
    wechat.write_all(&request)?;
    let answer = read_message(&mut BufReader::new(&wechat))?;
    wechat.shutdown(Shutdown::Both).ok();
    let mut out = stream;
    match fault {
        Some(Fault::Lost) => Ok(()),
        Some(_) => out.write_all(answer.get(..answer.len() / 2).unwrap_or_default()),
        None => {
            // One request per connection: the next may be about another order.
            let line = answer
                .iter()
                .position(|b| *b == b'\n')
                .map_or(0, |at| at + 1);
            out.write_all(answer.get(..line).unwrap_or_default())?;
            out.write_all(b"connection: close\r\n")?;
            out.write_all(answer.get(line..).unwrap_or_default())
        }
    }
}

/// The fault that the request's order requests, if it was not made yet.
fn asked_for(request: &str, had: &Mutex<HashMap<String, usize>>) -> Option<Fault> {
    let is_of_a_number = |c: char| c.is_ascii_alphanumeric() || c == '-';
    for word in request.split(|c| !is_of_a_number(c)) {
        let Some((_, asked)) = word.rsplit_once('-') else {
            continue;
        };
        let name = asked.trim_end_matches(|c: char| c.is_ascii_digit());
        let times = asked.get(name.len()..).and_then(|n| n.parse().ok());
        let fault = Fault::ALL.into_iter().find(|fault| fault.word() == name);
        if let (Some(fault), Some(times)) = (fault, times) {
            let mut had = had.lock().unwrap_or_else(PoisonError::into_inner);
            let count = had.entry(word.to_owned()).or_default();
            *count += 1;
            return (*count <= times).then_some(fault);
        }
    }
    None
}

/// One whole request or answer, unchanged.
fn read_message(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut from = from.take(MAX_BYTES);
    let mut message = Vec::new();
    let (mut length, mut chunked) = (0, false);
    loop {
        let start = message.len();
        if from.read_until(b'\n', &mut message)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = String::from_utf8_lossy(message.get(start..).unwrap_or_default());
        let line = line.trim().to_ascii_lowercase();
        match line.split_once(':') {
            Some(("content-length", text)) => length = text.trim().parse().unwrap_or(0),
            Some(("transfer-encoding", _)) => chunked = true,
            _ if line.is_empty() => break,
            _ => {}
        }
    }
    while chunked {
        // Chunk by chunk, up to the empty one.
        let start = message.len();
        from.read_until(b'\n', &mut message)?;
        let line = String::from_utf8_lossy(message.get(start..).unwrap_or_default());
        let size = u64::from_str_radix(line.trim(), 16).unwrap_or(0);
        take(&mut from, size + 2, &mut message)?;
        chunked = size > 0;
    }
    take(&mut from, length, &mut message)?;
    Ok(message)
}

fn take(from: &mut impl Read, length: u64, to: &mut Vec<u8>) -> io::Result<()> {
    match from.take(length).read_to_end(to)? as u64 == length {
        true => Ok(()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
