//! The load: connections that stay open, each with one request in flight at a
//! time. `rate.rs` has the load at fixed rates.
//!
//! It has an HTTP/1.1 client of its own: a client that is slower than the
//! gateway would measure itself.

use std::{
    io::{self, BufRead, BufReader, Error, ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use testkit::{Failure, Result};

/// The longest time to wait for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The result of one load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The number of answers.
    pub count: usize,
    /// Answers a second, over all connections.
    pub per_second: f64,
    /// The time that half of the answers took at most, in milliseconds.
    pub p50_ms: f64,
    /// The time that 99 of 100 answers took at most, in milliseconds.
    pub p99_ms: f64,
    /// The processor time of the process under measurement for each answer, in
    /// milliseconds.
    pub cpu_ms: f64,
}

impl Sample {
    /// `times` holds the duration of every request; `elapsed` is the time from
    /// the first request to the last answer.
    fn of(mut times: Vec<Duration>, elapsed: Duration) -> Self {
        times.sort_unstable();
        let quantile = |hundredths: usize| {
            let at = (times.len() * hundredths).div_ceil(100).saturating_sub(1);
            times
                .get(at)
                .map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
        };
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let count = times.len() as f64;
        Self {
            count: times.len(),
            per_second: count / elapsed.as_secs_f64(),
            p50_ms: quantile(50),
            p99_ms: quantile(99),
            cpu_ms: f64::NAN,
        }
    }
}

/// Keeps `connections` connections to a port of this machine busy for a time,
/// or until `next` has no more requests.
///
/// Every request that `next` returned has been answered when this function
/// returns. A request is its bytes: see [`request`].
///
/// # Errors
///
/// An answer did not arrive, or its status is neither 200 nor 204.
pub fn run(
    port: u16,
    connections: usize,
    lasting: Duration,
    next: &(impl Fn() -> Option<Vec<u8>> + Sync),
) -> Result<Sample> {
    let clients = (0..connections)
        .map(|_| Client::connect(port))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| failed(&error))?;

    let began = Instant::now();
    let busy = |mut client: Client| -> io::Result<Vec<Duration>> {
        let mut times = Vec::new();
        while began.elapsed() < lasting
            && let Some(request) = next()
        {
            let sent = Instant::now();
            client.exchange(&request)?;
            times.push(sent.elapsed());
        }
        Ok(times)
    };
    let outcomes = thread::scope(|scope| {
        let threads: Vec<_> = clients
            .into_iter()
            .map(|client| scope.spawn(|| busy(client)))
            .collect();
        let outcomes = threads.into_iter().map(|thread| {
            let ended = thread.join();
            ended.unwrap_or_else(|_| Err(Error::other("the thread ended early")))
        });
        outcomes.collect::<io::Result<Vec<_>>>()
    });
    let elapsed = began.elapsed();
    let times = outcomes.map_err(|error| failed(&error))?.concat();
    Ok(Sample::of(times, elapsed))
}

/// Sends one request on a new connection; returns the body of its answer.
///
/// # Errors
///
/// As [`run`].
pub fn once(port: u16, request: &[u8]) -> Result<Vec<u8>> {
    let answer = Client::connect(port).and_then(|mut client| client.exchange(request));
    answer.map_err(|error| failed(&error))
}

/// The bytes of a request. `line` is `POST /v1/order`; `headers` are whole lines: `api-key: live_…`.
#[must_use]
pub fn request(line: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut lines = vec![
        format!("{line} HTTP/1.1"),
        "host: 127.0.0.1".to_owned(),
        format!("content-length: {}", body.len()),
    ];
    lines.extend(headers.iter().map(|&header| header.to_owned()));
    format!("{}\r\n\r\n{body}", lines.join("\r\n")).into_bytes()
}

fn failed(error: &io::Error) -> Failure {
    Failure::new(
        "get an answer from what is measured",
        error,
        "see the logs in target/xtask/bench",
    )
}

/// One connection.
struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends a request and reads its answer's body. The answer must be a 200 with a length, or a 204.
    fn exchange(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        self.stream.get_mut().write_all(request)?;
        let status = self.line()?;
        let code = status.split(' ').nth(1);
        let mut length = (code == Some("204")).then_some(0);
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok();
            }
        }
        let length = length.ok_or_else(|| Error::other(format!("{status}, and no length")))?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        if matches!(code, Some("200" | "204")) {
            return Ok(body);
        }
        let body = String::from_utf8_lossy(&body);
        Err(Error::other(format!("{status}: {body}")))
    }

    /// The next line, without its line end.
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::TcpListener, sync::Mutex};

    /// A server for one connection. It gives one of these answers to each
    /// request of ten bytes.
    fn server(answers: &'static [&'static str]) -> (u16, thread::JoinHandle<()>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for answer in answers {
                stream.read_exact(&mut [0; 10]).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        (port, serving)
    }

    /// Sends as many requests as there are answers.
    fn ask(answers: &'static [&'static str]) -> Result<Sample> {
        let (port, serving) = server(answers);
        let left = Mutex::new(answers.len());
        let outcome = run(port, 1, PATIENCE, &|| {
            let mut left = left.lock().unwrap();
            *left = left.checked_sub(1)?;
            Some(b"ten bytes.".to_vec())
        });
        serving.join().unwrap();
        outcome
    }

    #[test]
    fn a_connection_is_used_again() {
        const YES: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes";
        let sample = ask(&[YES, YES]).unwrap();
        assert!(
            sample.per_second > 0.0 && sample.p50_ms <= sample.p99_ms,
            "{sample:?}"
        );
    }

    #[test]
    fn an_answer_may_have_no_body() {
        const DONE: &str = "HTTP/1.1 204 No Content\r\n\r\n";
        const YES: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes";
        ask(&[DONE, YES]).unwrap();
    }

    #[test]
    fn an_unexpected_status_fails_with_the_answers_body() {
        const NO: &str = "HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\nno";
        let failure = ask(&[NO]).unwrap_err();
        assert!(
            failure.said.contains("409 Conflict: no"),
            "{}",
            failure.said
        );
    }

    #[test]
    fn quantiles_are_taken_from_the_sorted_times() {
        let times = (1..=200).rev().map(Duration::from_millis).collect();
        let sample = Sample::of(times, Duration::from_secs(2));
        assert_eq!(sample.count, 200);
        let figures = [sample.per_second, sample.p50_ms, sample.p99_ms];
        assert_eq!(figures, [100.0, 100.0, 198.0]);
    }
}
