//! How much memory pages need that wait: each holds a WebSocket.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpStream},
};

use serde_json::json;
use testkit::{Failure, Result, http::text};

use super::{load, subject::Running};

/// As many pages can listen to one checkout.
const EACH: usize = 8;

/// What waiting pages need.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// How many pages.
    pub pages: usize,
    /// The resident memory before they came, in bytes.
    pub before: u64,
    /// The resident memory with all of them.
    pub after: u64,
}

/// Opens this many pages, and reads the memory of the process.
///
/// # Errors
///
/// A checkout or a connection was refused.
pub fn wait(running: &Running, pages: usize) -> Result<Waiting> {
    let before = running.memory()?;
    let mut open = Vec::with_capacity(pages);
    let mut checkout = 0;
    while open.len() < pages {
        let number = format!("WAIT{checkout:08}");
        checkout += 1;
        let body = json!({"out_trade_no": number, "body": "Jasmine tea", "total_fee": 8800});
        let answer = running.call("POST /v1/checkout", &body.to_string())?;
        let url = text(&answer, "/data/url").replace("/pay/?", "/pay/live?");
        for _ in 0..EACH.min(pages - open.len()) {
            open.push(listen(running.port(), &url)?);
        }
    }
    Ok(Waiting {
        pages: open.len(),
        before,
        after: running.memory()?,
    })
}

/// Opens a WebSocket; it is open when the first message has arrived.
fn listen(port: u16, url: &str) -> Result<TcpStream> {
    let failed = |said: &dyn std::fmt::Display| {
        Failure::new(
            "open a page that waits",
            said,
            "raise the limit of open files: ulimit -n 30000",
        )
    };
    let path = url.find("/pay/").and_then(|at| url.get(at..));
    let path = path.ok_or_else(|| failed(&url))?;
    let mut connection =
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|error| failed(&error))?;
    let line = format!("GET {path}");
    let request = load::request(
        &line,
        &[
            "connection: upgrade",
            "upgrade: websocket",
            "sec-websocket-version: 13",
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
        ],
        "",
    );
    connection
        .write_all(&request)
        .map_err(|error| failed(&error))?;
    let mut reader = BufReader::new(&connection);
    let mut status = String::new();
    reader
        .read_line(&mut status)
        .map_err(|error| failed(&error))?;
    if !status.starts_with("HTTP/1.1 101") {
        return Err(failed(&status));
    }
    let mut message = vec![];
    reader
        .read_until(b'k', &mut message)
        .map_err(|error| failed(&error))?;
    Ok(connection)
}
