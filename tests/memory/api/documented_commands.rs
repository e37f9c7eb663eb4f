//! Every command block of every document, executed unchanged, against the
//! system in memory behind two ports. The suite `http` executes the same
//! against the Workers.

use crate::fixtures;
use http::{Request, Response};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};
use tests::documents;
use tests::memory::{ADMIN_TOKEN, GATEWAY, Memory};

const SANDBOX: &str = "https://sandbox.example.com";

/// The system in memory, which serves HTTP on two ports.
struct Served {
    world: Memory,
    gateway: TcpListener,
    sandbox: TcpListener,
    /// The number of deliveries that the demo shop has received.
    delivered: usize,
}

impl Served {
    fn new() -> Self {
        let listen = || {
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            listener.set_nonblocking(true).unwrap();
            listener
        };
        Self {
            world: Memory::default(),
            gateway: listen(),
            sandbox: listen(),
            delivered: 0,
        }
    }

    fn ports(&self) -> [u16; 2] {
        [&self.gateway, &self.sandbox].map(|listener| listener.local_addr().unwrap().port())
    }

    /// The contents of `.dev/8787/env`, which `cargo xtask dev` writes.
    fn variables(&self) -> String {
        let body = fixtures::body(&self.world, "demo");
        let (status, made) = self.world.admin("/merchants", &body);
        assert_eq!(status, 200, "{made}");
        let [gateway, sandbox] = self.ports().map(|port| format!("http://127.0.0.1:{port}"));
        let of = |name: &str| made["data"][name].as_str().unwrap().to_owned();
        let account = self.world.account("1900000109");
        let values = [
            ("A", gateway.clone()),
            ("GATEWAY", gateway),
            ("SANDBOX", sandbox),
            ("K", of("api-key")),
            ("S", of("api-secret")),
            ("delivery_secret", of("delivery_secret")),
            ("api_key", account["key"].as_str().unwrap().to_owned()),
            ("ADMIN_TOKEN", ADMIN_TOKEN.to_owned()),
        ];
        let lines = values.map(|(name, value)| format!("{name}='{value}'\n"));
        lines.concat()
    }

    /// Answers until the script has ended. Time passes as in reality, and one
    /// more second with each request.
    fn serve_until_ended(&mut self, child: &mut Child) {
        let mut last = Instant::now();
        while child.try_wait().unwrap().is_none() {
            let mut was_asked = false;
            for is_gateway in [true, false] {
                let listener = if is_gateway {
                    &self.gateway
                } else {
                    &self.sandbox
                };
                let Ok((stream, _)) = listener.accept() else {
                    continue;
                };
                was_asked = true;
                let waited_s = i64::try_from(last.elapsed().as_secs()).unwrap();
                self.world.advance(waited_s);
                last = Instant::now();
                self.answer(stream, is_gateway);
                self.world.advance(1);
                self.deliver_to_the_demo_shop();
            }
            if !was_asked {
                thread::sleep(Duration::from_millis(2));
            }
        }
    }

    fn answer(&self, mut stream: TcpStream, is_gateway: bool) {
        stream.set_nonblocking(false).unwrap();
        let origin = if is_gateway { GATEWAY } else { SANDBOX };
        let Some(request) = read(&stream, origin) else {
            return;
        };
        let answer = match is_gateway {
            true => self.world.send(request),
            false => self.world.at_wechat(&request),
        };
        stream.write_all(&written(&answer)).ok();
    }

    /// Passes deliveries to the demo shop, which is a part of the sandbox; in
    /// memory every merchant's server is the test's.
    fn deliver_to_the_demo_shop(&mut self) {
        let received = self.world.received();
        for delivery in received.iter().skip(self.delivered) {
            if delivery.url.ends_with("/shop/notify") {
                let request = Request::post(format!("{SANDBOX}/shop/notify"));
                let body = delivery.body.clone().into_bytes();
                self.world.at_wechat(&request.body(body).unwrap());
            }
        }
        self.delivered = received.len();
    }
}

fn read(stream: &TcpStream, origin: &str) -> Option<Request<Vec<u8>>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut request = Request::builder()
        .method(method.as_str())
        .uri(format!("{origin}{path}"));
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().ok()?;
        }
        request = request.header(name, value);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body(body).ok()
}

fn written(answer: &Response<Vec<u8>>) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} -\r\n", answer.status().as_u16());
    for (name, value) in answer.headers() {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    let length = answer.body().len();
    head.push_str(&format!(
        "content-length: {length}\r\nconnection: close\r\n\r\n"
    ));
    [head.as_bytes(), answer.body()].concat()
}

/// Runs a script; returns its output if it failed.
fn run(name: &str, script: impl Fn([u16; 2]) -> Option<String>) -> Option<Result<(), String>> {
    let mut served = Served::new();
    let script = script(served.ports())?;
    let home = documents::home(&format!("memory-{name}"));
    fs::create_dir_all(home.join(".dev/8787")).unwrap();
    fs::write(home.join(".dev/8787/env"), served.variables()).unwrap();
    let mut child = documents::begin(&home, &script);
    served.serve_until_ended(&mut child);
    let outcome = documents::end(&home, child);
    fs::remove_dir_all(&home).ok();
    Some(outcome)
}

/// The blocks of each document are executed in order, in one shell, with a new
/// system for each document.
#[test]
fn every_command_block_of_every_document_succeeds_in_memory() {
    let mut documents_run = 0;
    let mut failures = Vec::new();
    for document in documents::all() {
        let outcome = run(&document.name, |ports| document.script(ports));
        documents_run += usize::from(outcome.is_some());
        failures.extend(outcome.and_then(Result::err));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(documents_run >= 5, "the blocks are no longer found");
}

/// A failure is detected: an HTTP error, also within a pipeline; an undefined
/// variable; a failing command before the last.
#[test]
fn a_failing_command_of_a_document_is_detected() {
    for (commands, succeeds) in [
        (". .dev/8787/env; curl $A/healthz", true),
        (". .dev/8787/env; curl $A/nothing", false),
        (". .dev/8787/env; curl $A/nothing | cat; true", false),
        ("echo $A_VARIABLE_THAT_NOTHING_DEFINES; true", false),
        ("false\ntrue", false),
    ] {
        let outcome = run("harness", |_| Some(commands.to_owned())).unwrap();
        assert_eq!(outcome.is_ok(), succeeds, "{commands}: {outcome:?}");
    }
}
