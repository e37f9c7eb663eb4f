//! What is measured, running: the gateway, or the minimal Worker in its place.

use std::{
    fs,
    net::TcpStream,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    load::{self, Sample},
    signed,
};
use crate::{
    Failure, Result, build,
    http::text,
    leash::Leash,
    tools,
    workerd::{free_ports, wipe},
};

/// How long a start, and the forwarding of all notices, may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The bearer token of `/admin`.
const ADMIN_TOKEN: &str = "admin-token-of-the-bench";
/// The header with it.
const AUTHORIZATION: &str = "authorization: Bearer admin-token-of-the-bench";

/// The merchant's name at the gateway.
const MERCHANT: &str = "bench";

/// Which Worker; named as in `xtask/workerd/bench.capnp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worker {
    /// Ours.
    Gateway,
    /// The least that does the same I/O.
    Minimal,
}

impl Worker {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Minimal => "minimal",
        }
    }

    /// Starts it on an empty store, with one merchant.
    ///
    /// # Errors
    ///
    /// It is not built, or `workerd` refused it.
    pub fn start(self) -> Result<Running> {
        let directory = build::target_directory()?.join("xtask/bench");
        let store = directory.join("store");
        wipe(&store)?;
        fs::create_dir_all(&store).map_err(|error| {
            Failure::new(
                format!("make {}", tools::shown(&store)),
                error,
                "make the target directory writable",
            )
        })?;

        let [port] = free_ports()?;
        let origin = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(tools::workerd()?);
        command
            .current_dir(tools::root())
            .args(["serve", "--experimental"])
            .arg(format!("--socket-addr=bench=127.0.0.1:{port}"))
            .arg(format!(
                "--directory-path=gateway-store={}",
                store.display()
            ))
            .args(["xtask/workerd/bench.capnp", self.name()])
            .env("PREPAID", signed::prepaid())
            .env("PUBLIC_URL", &origin)
            .env("OAUTH_AUTHORIZE_URL", &origin)
            .env("MASTER_KEY", "5a".repeat(32))
            .env("ADMIN_TOKEN", ADMIN_TOKEN);
        let leash = Leash::start("workerd", &command, &directory.join("workerd.log"))?;
        let mut running = Running {
            leash,
            _store: Store(store),
            port,
            api_key: String::new(),
            orders: AtomicU64::new(0),
        };
        running.wait()?;
        if self == Self::Gateway {
            running.api_key = running.merchant()?;
        }
        Ok(running)
    }
}

/// A Worker under measurement. It and its store are gone when this is dropped.
#[derive(Debug)]
pub struct Running {
    // Before the store, which is deleted once nobody writes to it any more.
    leash: Leash,
    _store: Store,
    port: u16,
    api_key: String,
    /// How many orders were made: their numbers are those below it.
    orders: AtomicU64,
}

/// What became of a batch of notices.
#[derive(Clone, Copy, Debug)]
pub struct Notices {
    /// Each for another order.
    pub first: Sample,
    /// The same ones again.
    pub again: Sample,
    /// How many a second reached the merchant, from the first notice taken to the last delivery acknowledged.
    pub delivered_per_second: f64,
}

impl Running {
    /// Makes orders for a time.
    ///
    /// # Errors
    ///
    /// One was refused.
    pub fn orders(&self, connections: usize, lasting: Duration) -> Result<Sample> {
        let api_key = format!("api-key: {}", self.api_key);
        let headers = ["content-type: application/json", &api_key];
        load::run(self.port, connections, lasting, &|| {
            let number = number(self.orders.fetch_add(1, Ordering::Relaxed));
            let order = json!({
                "out_trade_no": number,
                "body": "Jasmine tea, two cups",
                "total_fee": signed::TOTAL_FEE,
                "trade_type": "JSAPI",
                "open_id": signed::OPENID,
                "notify_url": "https://shop.example.com/notify",
            });
            Some(load::request(
                "POST /v1/order",
                &headers,
                &order.to_string(),
            ))
        })
    }

    /// Tells the gateway that orders made before were paid, for a time, and then the same once more.
    ///
    /// # Errors
    ///
    /// A notice was not taken, or not delivered.
    pub fn notices(&self, connections: usize, lasting: Duration) -> Result<Notices> {
        let line = format!("POST /notify/v2/{MERCHANT}");
        let orders = self.orders.load(Ordering::Relaxed);
        // Signed before the clock runs.
        let notices: Vec<Vec<u8>> = (0..orders)
            .map(|order| {
                let xml = signed::notice(&number(order));
                load::request(&line, &["content-type: text/xml"], &xml)
            })
            .collect();
        let send = |notices: &[Vec<u8>]| {
            let sent = AtomicU64::new(0);
            let sample = load::run(self.port, connections, lasting, &|| {
                let at = usize::try_from(sent.fetch_add(1, Ordering::Relaxed)).ok()?;
                notices.get(at).cloned()
            });
            let sent = usize::try_from(sent.into_inner()).unwrap_or(usize::MAX);
            sample.map(|sample| (sample, sent.min(notices.len())))
        };

        let began = Instant::now();
        let (first, taken) = send(&notices)?;
        self.counted("notice_taken", taken)?;
        self.counted("delivery_acknowledged", taken)?;
        let delivering = began.elapsed();
        let (again, repeated) = send(notices.get(..taken).unwrap_or_default())?;
        self.counted("notice_duplicate", repeated)?;
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        Ok(Notices {
            first,
            again,
            delivered_per_second: taken as f64 / delivering.as_secs_f64(),
        })
    }

    /// Waits until the gateway has counted something so often.
    fn counted(&self, name: &str, times: usize) -> Result<()> {
        let line = format!("GET /admin/merchants/{MERCHANT}/report");
        let request = load::request(&line, &[AUTHORIZATION], "");
        let began = Instant::now();
        loop {
            let report = json_of(&load::once(self.port, &request)?)?;
            let counted = report.pointer(&format!("/data/counters/{name}"));
            let counted = counted.and_then(Value::as_u64).unwrap_or(0);
            if usize::try_from(counted) == Ok(times) {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(Failure::new(
                    format!("see {times} × {name} in the merchant's report"),
                    report,
                    "the notices were not all treated alike: see gateway/src/notices.rs",
                ));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until something listens.
    fn wait(&mut self) -> Result<()> {
        let began = Instant::now();
        while let Err(error) = TcpStream::connect(("127.0.0.1", self.port)) {
            self.leash.alive()?;
            if began.elapsed() > PATIENCE {
                return Err(Failure::new("start workerd", error, self.leash.log()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Makes the merchant; returns its api-key.
    fn merchant(&self) -> Result<String> {
        let merchant = json!({
            "id": MERCHANT,
            "name": "Bench",
            "fee_type": signed::FEE_TYPE,
            "appid": signed::APPID,
            "mch_id": signed::MCH_ID,
            "api_key": signed::KEY,
        });
        let request = load::request(
            "POST /admin/merchants",
            &[AUTHORIZATION],
            &merchant.to_string(),
        );
        let made = json_of(&load::once(self.port, &request)?)?;
        Ok(text(&made, "/data/api-key").to_owned())
    }
}

/// A directory that is deleted when this is dropped.
#[derive(Debug)]
struct Store(PathBuf);

impl Drop for Store {
    fn drop(&mut self) {
        let _ = wipe(&self.0);
    }
}

fn json_of(body: &[u8]) -> Result<Value> {
    serde_json::from_slice(body).map_err(|error| {
        let body = String::from_utf8_lossy(body);
        Failure::new(
            "read the gateway's answer",
            format!("{error} in {body}"),
            "see gateway/src/admin.rs",
        )
    })
}

/// The number of the order that was made so many orders after the first.
fn number(order: u64) -> String {
    format!("BENCH{order:08}")
}
