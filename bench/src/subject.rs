//! What is measured: a running gateway, or the minimal Worker in its place.

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
use testkit::{
    Failure, Result, child_guard::ChildGuard, demo::wipe, http::text, paths, workerd::free_ports,
};
use xtask::part;

/// The longest time to wait for a start, and for the delivery of all notices.
const PATIENCE: Duration = Duration::from_secs(20);

/// The bearer token of `/admin`.
const ADMIN_TOKEN: &str = "admin-token-of-the-bench";
/// The header that carries it.
const AUTHORIZATION: &str = "authorization: Bearer admin-token-of-the-bench";

/// The merchant's name at the gateway.
const MERCHANT: &str = "bench";

/// The number of notices of APIv3 made for each second of measuring: the stub
/// needs longer to make a notice than the gateway needs to take it.
const NOTICES_A_SECOND: u64 = 1500;

/// The number of notices that the stub is asked for in one request.
const BATCH: usize = 200;

/// Which Worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worker {
    /// The gateway, for a merchant of WeChat Pay v2.
    V2,
    /// The gateway, for a merchant of APIv3.
    V3,
    /// The same, with its RSA operations counted.
    Counting,
    /// The minimal Worker with the same I/O.
    Minimal,
}

impl Worker {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V2 => "gateway, v2",
            Self::V3 => "gateway, v3",
            Self::Counting => "RSA",
            Self::Minimal => "minimal",
        }
    }

    /// Its name in `bench/workerd/bench.capnp`.
    fn config(self) -> &'static str {
        match self {
            Self::V2 | Self::V3 => "gateway",
            Self::Counting => "counting",
            Self::Minimal => "minimal",
        }
    }

    /// Starts the Worker on an empty store, with one merchant.
    ///
    /// # Errors
    ///
    /// It is not built, or `workerd` refused it.
    pub fn start(self) -> Result<Running> {
        let directory = part::target_directory()?.join("xtask/bench");
        let store = directory.join("store");
        wipe(&store)?;
        fs::create_dir_all(&store).map_err(|error| {
            Failure::new(
                format!("make {}", paths::shown(&store)),
                error,
                "make the target directory writable",
            )
        })?;

        let [port, stub_port] = free_ports()?;
        let origin = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(paths::workerd()?);
        command
            .current_dir(paths::root())
            .args(["serve", "--experimental"])
            .arg(format!("--socket-addr=bench=127.0.0.1:{port}"))
            .arg(format!("--socket-addr=stub=127.0.0.1:{stub_port}"))
            .arg(format!(
                "--directory-path=gateway-store={}",
                store.display()
            ))
            .args(["bench/workerd/bench.capnp", self.config()])
            .env("PREPAID", signed::prepaid())
            .env("APIV3_KEY", signed::APIV3_KEY)
            .env("PUBLIC_KEY_ID", signed::PUBLIC_KEY_ID)
            .env("PUBLIC_URL", &origin)
            .env("OAUTH_AUTHORIZE_URL", &origin)
            .env("MASTER_KEY", "5a".repeat(32))
            .env("ADMIN_TOKEN", ADMIN_TOKEN);
        let child_guard = ChildGuard::start("workerd", &command, &directory.join("workerd.log"))?;
        let mut running = Running {
            child_guard,
            _store: Store(store),
            worker: self,
            port,
            stub_port,
            api_key: String::new(),
            orders: AtomicU64::new(0),
        };
        running.wait()?;
        if self != Self::Minimal {
            running.api_key = running.merchant()?;
        }
        Ok(running)
    }
}

/// A Worker under measurement. Dropping it stops the process and deletes the
/// store.
#[derive(Debug)]
pub struct Running {
    // Declared before the store: the store is deleted when no process writes to
    // it any more.
    child_guard: ChildGuard,
    _store: Store,
    worker: Worker,
    port: u16,
    /// The stub's own port, when it makes notices.
    stub_port: u16,
    api_key: String,
    /// The number of orders made: their numbers are those below it.
    orders: AtomicU64,
}

/// The result of a batch of notices.
#[derive(Clone, Copy, Debug)]
pub struct Notices {
    /// The first notice of each order.
    pub first: Sample,
    /// The same notices a second time.
    pub again: Sample,
    /// The deliveries that reached the merchant per second, from the first
    /// notice taken to the last delivery acknowledged. The duration of a single
    /// delivery is not known.
    pub delivered: Sample,
    /// The number of notices.
    pub taken: usize,
}

/// The number of operations asked of the runtime's RSA so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rsa {
    /// Keys imported.
    pub imports: u64,
    /// Signatures made.
    pub signatures: u64,
    /// Signatures verified.
    pub verifications: u64,
}

impl Rsa {
    /// The operations after those of `before`.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            imports: self.imports - before.imports,
            signatures: self.signatures - before.signatures,
            verifications: self.verifications - before.verifications,
        }
    }
}

impl Running {
    /// Makes orders for a time.
    ///
    /// # Errors
    ///
    /// An order was refused.
    pub fn orders(&self, connections: usize, lasting: Duration) -> Result<Sample> {
        self.orders_until(u64::MAX, connections, lasting)
    }

    /// As [`Running::orders`], until `most` orders were made in all.
    ///
    /// # Errors
    ///
    /// As [`Running::orders`].
    pub fn orders_until(&self, most: u64, connections: usize, lasting: Duration) -> Result<Sample> {
        let api_key = format!("api-key: {}", self.api_key);
        let headers = ["content-type: application/json", &api_key];
        load::run(self.port, connections, lasting, &|| {
            let taken = self
                .orders
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |made| {
                    (made < most).then(|| made + 1)
                });
            let number = number(taken.ok()?);
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

    /// Sends a notice for each of the orders made earlier, for a time, and then
    /// sends the same notices once more.
    ///
    /// # Errors
    ///
    /// A notice was refused, or not delivered to the merchant.
    pub fn notices(&self, connections: usize, lasting: Duration) -> Result<Notices> {
        // Made before the measurement starts.
        let notices = self.made_notices(lasting)?;
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
            delivered: Sample {
                per_second: taken as f64 / delivering.as_secs_f64(),
                p50_ms: f64::NAN,
                p99_ms: f64::NAN,
            },
            taken,
        })
    }

    /// A notice for each order made earlier, or for as many as can be taken in
    /// that time.
    fn made_notices(&self, lasting: Duration) -> Result<Vec<Vec<u8>>> {
        let orders = self.made();
        if self.worker == Worker::V2 {
            let line = format!("POST /notify/v2/{MERCHANT}");
            let notice = |order| {
                let xml = signed::notice(&number(order));
                load::request(&line, &["content-type: text/xml"], &xml)
            };
            return Ok((0..orders).map(notice).collect());
        }
        let enough = NOTICES_A_SECOND * lasting.as_secs().max(1);
        let transactions: Vec<Value> = (0..orders.min(enough))
            .map(|order| signed::transaction(&number(order)))
            .collect();
        let line = format!("POST /notify/v3/{MERCHANT}");
        let mut notices = Vec::with_capacity(transactions.len());
        for batch in transactions.chunks(BATCH) {
            let request = load::request("POST /sign", &[], &json!(batch).to_string());
            let made = json_of(&load::once(self.stub_port, &request)?)?;
            for notice in made.as_array().into_iter().flatten() {
                let headers = notice.get("headers").and_then(Value::as_object);
                let headers = headers.into_iter().flatten();
                let headers: Vec<String> = headers
                    .map(|(name, value)| format!("{name}: {}", value.as_str().unwrap_or_default()))
                    .collect();
                let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
                notices.push(load::request(&line, &headers, text(notice, "/body")));
            }
        }
        Ok(notices)
    }

    /// The number of orders made.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.orders.load(Ordering::Relaxed)
    }

    /// The operations that [`Worker::Counting`] counted.
    ///
    /// # Errors
    ///
    /// The gateway did not answer.
    pub fn rsa(&self) -> Result<Rsa> {
        let counts = json_of(&load::once(self.port, &load::request("GET /rsa", &[], ""))?)?;
        let count = |name: &str| counts.get(name).and_then(Value::as_u64).unwrap_or(0);
        Ok(Rsa {
            imports: count("importKey"),
            signatures: count("sign"),
            verifications: count("verify"),
        })
    }

    /// The number of signed requests of APIv3 that reached the stub, and of
    /// signed answers that it gave.
    ///
    /// # Errors
    ///
    /// The stub did not answer.
    pub fn exchanged(&self) -> Result<(u64, u64)> {
        let request = load::request("GET /counts", &[], "");
        let counts = json_of(&load::once(self.stub_port, &request)?)?;
        let count = |name: &str| counts.get(name).and_then(Value::as_u64).unwrap_or(0);
        Ok((count("asked"), count("answered")))
    }

    /// Waits until the gateway's counter `name` has reached `times`.
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
                    "the notices were not all treated alike: see gateway/src/handlers/notify/mod.rs",
                ));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the port accepts connections.
    fn wait(&mut self) -> Result<()> {
        let began = Instant::now();
        while let Err(error) = TcpStream::connect(("127.0.0.1", self.port)) {
            self.child_guard.alive()?;
            if began.elapsed() > PATIENCE {
                return Err(Failure::new("start workerd", error, self.child_guard.log()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Makes the merchant; returns its api-key.
    fn merchant(&self) -> Result<String> {
        let mut merchant = json!({
            "id": MERCHANT,
            "name": "Bench",
            "fee_type": signed::FEE_TYPE,
            "appid": signed::APPID,
            "mch_id": signed::MCH_ID,
            "api_key": signed::KEY,
            // The stub knows no payment: notices are measured without the query
            // that confirms them.
            "confirm_notices_from": 1_000_000_000,
        });
        if self.worker != Worker::V2
            && let Some(merchant) = merchant.as_object_mut()
        {
            for (name, value) in [
                ("dialect", "v3"),
                ("region", "global"),
                ("merchant_category_code", "5814"),
                ("api_key", signed::APIV3_KEY),
                ("private_key", signed::PRIVATE_KEY),
                ("serial_no", signed::SERIAL_NO),
                ("wechatpay_public_key_id", signed::PUBLIC_KEY_ID),
                ("wechatpay_public_key", signed::PUBLIC_KEY),
            ] {
                merchant.insert(name.to_owned(), value.into());
            }
        }
        let request = load::request(
            "POST /admin/merchants",
            &[AUTHORIZATION],
            &merchant.to_string(),
        );
        let made = json_of(&load::once(self.port, &request)?)?;
        Ok(text(&made, "/data/api-key").to_owned())
    }
}

/// A directory that is deleted when it is dropped.
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
            "see gateway/src/handlers/admin/merchants.rs",
        )
    })
}

/// The number of the order that was made `order` orders after the first.
fn number(order: u64) -> String {
    format!("BENCH{order:08}")
}
