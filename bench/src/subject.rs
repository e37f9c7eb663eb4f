//! What is measured: a running gateway in one of its two runtimes, or the
//! minimal Worker in its place.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    fill,
    load::{self, Sample},
    rate, signed,
    stub::Stub,
};
use testkit::{
    Failure, Result, child_guard::ChildGuard, demo::wipe, http::text, paths, workerd::free_ports,
};
use xtask::{native, part};

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

/// Which gateway or Worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The native program, for a merchant of WeChat Pay v2.
    NativeV2,
    /// The native program, for a merchant of APIv3.
    NativeV3,
    /// The gateway's Worker, for a merchant of WeChat Pay v2.
    WorkerV2,
    /// The gateway's Worker, for a merchant of APIv3.
    WorkerV3,
    /// The same, with its RSA operations counted.
    Counting,
    /// The minimal Worker with the same I/O.
    Minimal,
}

impl Subject {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NativeV2 => "native, v2",
            Self::NativeV3 => "native, v3",
            Self::WorkerV2 => "Worker, v2",
            Self::WorkerV3 => "Worker, v3",
            Self::Counting => "RSA",
            Self::Minimal => "minimal",
        }
    }

    fn is_native(self) -> bool {
        matches!(self, Self::NativeV2 | Self::NativeV3)
    }

    /// Whether its merchant is one of APIv3.
    fn is_v3(self) -> bool {
        matches!(self, Self::NativeV3 | Self::WorkerV3 | Self::Counting)
    }

    /// Its name in `bench/workerd/bench.capnp`.
    fn config(self) -> &'static str {
        match self {
            Self::Counting => "counting",
            Self::Minimal => "minimal",
            _ => "gateway",
        }
    }

    /// The services of that description that the stub is.
    fn services(self) -> &'static [&'static str] {
        match self {
            Self::Counting | Self::Minimal => &["sandbox"],
            _ => &[
                "sandbox",
                "certificate-1900000109",
                "certificate-1900000110",
                "internet",
            ],
        }
    }

    /// Starts it on an empty store, with one merchant.
    ///
    /// # Errors
    ///
    /// It is not built, or it ended.
    pub fn start(self, stub: &Stub) -> Result<Running> {
        self.start_with(stub, None)
    }

    /// As [`Subject::start`], with the inspector of `workerd` at this port.
    ///
    /// # Errors
    ///
    /// As [`Subject::start`].
    pub fn start_with(self, stub: &Stub, inspector: Option<u16>) -> Result<Running> {
        let store = part::target_directory()?.join("xtask/bench/store");
        wipe(&store)?;
        fs::create_dir_all(&store).map_err(|error| {
            Failure::new(
                format!("make {}", paths::shown(&store)),
                error,
                "make the target directory writable",
            )
        })?;
        let mut running = self.start_on(stub, Store(store), inspector)?;
        if self != Self::Minimal {
            (running.api_key, running.api_secret) = running.merchant()?;
        }
        Ok(running)
    }

    fn start_on(self, stub: &Stub, store: Store, inspector: Option<u16>) -> Result<Running> {
        let [port] = free_ports()?;
        let command = match self.is_native() {
            true => native_command(port, stub, &store.0)?,
            false => self.workerd_command(port, stub, &store.0, inspector)?,
        };
        let name = if self.is_native() {
            "weceive"
        } else {
            "workerd"
        };
        let log = store.0.with_file_name(name).with_extension("log");
        let child_guard = ChildGuard::start(name, &command, &log)?;
        let mut running = Running {
            child_guard,
            store,
            subject: self,
            stub: stub.clone(),
            port,
            api_key: String::new(),
            api_secret: String::new(),
            orders: AtomicU64::new(0),
        };
        running.wait()?;
        Ok(running)
    }

    fn workerd_command(
        self,
        port: u16,
        stub: &Stub,
        store: &Path,
        inspector: Option<u16>,
    ) -> Result<Command> {
        let origin = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(paths::workerd()?);
        command
            .current_dir(paths::root())
            .args(["serve", "--experimental"])
            .arg(format!("--socket-addr=bench=127.0.0.1:{port}"))
            .args(inspector.map(|port| format!("--inspector-addr=127.0.0.1:{port}")))
            .args(
                self.services()
                    .iter()
                    .map(|service| format!("--external-addr={service}=127.0.0.1:{}", stub.port())),
            )
            .arg(format!(
                "--directory-path=gateway-store={}",
                store.display()
            ))
            .args(["bench/workerd/bench.capnp", self.config()])
            .env("PUBLIC_URL", &origin)
            .env("OAUTH_AUTHORIZE_URL", &origin)
            .env("MASTER_KEY", "5a".repeat(32))
            .env("ADMIN_TOKEN", ADMIN_TOKEN);
        Ok(command)
    }
}

fn native_command(port: u16, stub: &Stub, store: &Path) -> Result<Command> {
    let mut command = Command::new(native::program(false)?);
    let origin = format!("http://127.0.0.1:{port}");
    command
        .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
        .arg("--directory")
        .arg(store)
        .env("PUBLIC_URL", &origin)
        .env("MASTER_KEY", "5a".repeat(32))
        .env("ADMIN_TOKEN", ADMIN_TOKEN)
        .env("WECHATPAY", format!("http://127.0.0.1:{}", stub.port()))
        // The merchant's address is the stub's.
        .env("DEVELOPMENT", "1")
        // One merchant asks as fast as the machine answers.
        .env("API_CALLS_PER_SECOND", "1000000");
    Ok(command)
}

/// A process under measurement. Dropping it stops the process and deletes the
/// store.
#[derive(Debug)]
pub struct Running {
    // Declared before the store: the store is deleted when no process writes to
    // it any more.
    child_guard: ChildGuard,
    store: Store,
    subject: Subject,
    stub: Stub,
    port: u16,
    api_key: String,
    api_secret: String,
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
        self.measured(|| {
            load::run(self.port, connections, lasting, &|| {
                let taken =
                    self.orders
                        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |made| {
                            (made < most).then(|| made + 1)
                        });
                let order = self.order(&number(taken.ok()?));
                Some(load::request("POST /v1/order", &headers, &order))
            })
        })
    }

    /// Where the stub takes deliveries, as this gateway reaches it.
    fn shop_url(&self) -> String {
        match self.subject.is_native() {
            true => format!("http://127.0.0.1:{}/notify", self.stub.port()),
            false => "https://shop.example.com/notify".to_owned(),
        }
    }

    /// Makes an endpoint, to which each paid order's event is delivered.
    ///
    /// # Errors
    ///
    /// The endpoint was refused.
    pub fn make_endpoint(&self) -> Result<()> {
        let endpoint = json!({"url": self.shop_url(), "events": ["order.paid"]});
        let [key, secret] = self.keys();
        let headers = ["content-type: application/json", &key, &secret];
        let request = load::request("POST /v1/endpoints", &headers, &endpoint.to_string());
        load::once(self.port, &request).map(|_| ())
    }

    /// The headers of a SECRET call.
    fn keys(&self) -> [String; 2] {
        [
            format!("api-key: {}", self.api_key),
            format!("api-secret: {}", self.api_secret),
        ]
    }

    /// Repeats a SECRET call that reads, for a time.
    ///
    /// # Errors
    ///
    /// The call was refused.
    pub fn reads(&self, line: &str, connections: usize, lasting: Duration) -> Result<Sample> {
        let keys = self.keys();
        let request = load::request(line, &keys.each_ref().map(String::as_str), "");
        self.measured(|| load::run(self.port, connections, lasting, &|| Some(request.clone())))
    }

    /// The body of an order with this number.
    fn order(&self, number: &str) -> String {
        json!({
            "out_trade_no": number,
            "body": "Jasmine tea, two cups",
            "total_fee": signed::TOTAL_FEE,
            "trade_type": "JSAPI",
            "open_id": signed::OPENID,
            "notify_url": self.shop_url(),
        })
        .to_string()
    }

    /// Makes orders at a fixed rate; the time of each is counted from when it
    /// was due.
    ///
    /// # Errors
    ///
    /// The load generator failed, or an order was refused.
    pub fn orders_at(&self, rate: u32, lasting: Duration) -> Result<Sample> {
        let bodies = (0..rate::BODIES).map(|n| self.order(&format!("RATE{rate}N{n:08}")));
        let file = self.store.0.with_extension("bodies");
        rate::write(&file, bodies)?;
        self.measured(|| {
            let url = format!("http://127.0.0.1:{}/v1/order", self.port);
            rate::run(&url, &self.api_key, rate, lasting, &file)
        })
    }

    /// The port on which it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Calls the API as the merchant; the answer must be 200.
    ///
    /// # Errors
    ///
    /// The call was refused.
    pub fn call(&self, line: &str, body: &str) -> Result<Value> {
        let api_key = format!("api-key: {}", self.api_key);
        let headers = ["content-type: application/json", &api_key];
        json_of(&load::once(
            self.port,
            &load::request(line, &headers, body),
        )?)
    }

    /// The sample, with the processor time of the process for each request.
    fn measured(&self, run: impl FnOnce() -> Result<Sample>) -> Result<Sample> {
        let before = self.processor_ms()?;
        let mut sample = run()?;
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let count = sample.count.max(1) as f64;
        sample.cpu_ms = (self.processor_ms()? - before) / count;
        Ok(sample)
    }

    /// The processor time of the process so far, of all its threads.
    fn processor_ms(&self) -> Result<f64> {
        let path = format!("/proc/{}/stat", self.child_guard.pid());
        let failed = |said: &dyn std::fmt::Display| {
            Failure::new(
                "read the processor time",
                said,
                "the benchmark needs Linux's /proc",
            )
        };
        let stat = fs::read_to_string(&path).map_err(|error| failed(&error))?;
        // The program's name, in brackets, may contain spaces.
        let after = stat.rsplit_once(") ").map(|(_, after)| after);
        let ticks = |at: usize| {
            let field = after.and_then(|after| after.split(' ').nth(at));
            field.and_then(|field| field.parse::<f64>().ok())
        };
        // proc(5): fields 14 and 15, in hundredths of a second.
        match (ticks(11), ticks(12)) {
            (Some(user), Some(system)) => Ok((user + system) * 10.0),
            _ => Err(failed(&stat)),
        }
    }

    /// The resident memory of the process, in bytes.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn memory(&self) -> Result<u64> {
        let path = format!("/proc/{}/statm", self.child_guard.pid());
        let failed = |said: &dyn std::fmt::Display| {
            Failure::new("read the memory", said, "the benchmark needs Linux's /proc")
        };
        let statm = fs::read_to_string(&path).map_err(|error| failed(&error))?;
        let pages = statm
            .split(' ')
            .nth(1)
            .and_then(|pages| pages.parse::<u64>().ok());
        pages
            .map(|pages| pages * 4096)
            .ok_or_else(|| failed(&statm))
    }

    /// Stops, adds this many paid orders to the book, and starts again.
    ///
    /// # Errors
    ///
    /// The book cannot be filled, or the gateway does not start again.
    pub fn with_orders(self, count: u64) -> Result<Self> {
        // A paid order to copy.
        self.orders_until(1, 1, PATIENCE)?;
        self.notices(1, PATIENCE)?;
        let Self {
            child_guard,
            store,
            subject,
            stub,
            api_key,
            api_secret,
            ..
        } = self;
        drop(child_guard);
        fill::book(&store.0, &number(0), count)?;
        let mut running = subject.start_on(&stub, store, None)?;
        (running.api_key, running.api_secret) = (api_key, api_secret);
        running.orders = AtomicU64::new(1);
        Ok(running)
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
        let began = Instant::now();
        let (first, taken) = self.send(&notices, connections, lasting)?;
        self.counted("notice_taken", taken)?;
        self.counted("delivery_acknowledged", taken)?;
        let delivering = began.elapsed();
        let repeated = notices.get(..taken).unwrap_or_default();
        let (again, repeated) = self.send(repeated, connections, lasting)?;
        self.counted("notice_duplicate", repeated)?;
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        Ok(Notices {
            first,
            again,
            delivered: Sample {
                count: taken,
                per_second: taken as f64 / delivering.as_secs_f64(),
                p50_ms: f64::NAN,
                p99_ms: f64::NAN,
                cpu_ms: f64::NAN,
            },
            taken,
        })
    }

    /// Sends these notices, for a time; returns how many were sent.
    fn send(
        &self,
        notices: &[Vec<u8>],
        connections: usize,
        lasting: Duration,
    ) -> Result<(Sample, usize)> {
        let sent = AtomicU64::new(0);
        let sample = self.measured(|| {
            load::run(self.port, connections, lasting, &|| {
                let at = usize::try_from(sent.fetch_add(1, Ordering::Relaxed)).ok()?;
                notices.get(at).cloned()
            })
        });
        let sent = usize::try_from(sent.into_inner()).unwrap_or(usize::MAX);
        sample.map(|sample| (sample, sent.min(notices.len())))
    }

    /// The processor time in milliseconds of a notice and of all that follows it: the
    /// delivery to the order's `notify_url`, and with `has_endpoint` that of its event.
    ///
    /// # Errors
    ///
    /// A notice was refused, or not delivered.
    pub fn sale_ms(
        &self,
        connections: usize,
        lasting: Duration,
        has_endpoint: bool,
    ) -> Result<f64> {
        let notices = self.made_notices(lasting)?;
        let before = self.processor_ms()?;
        let (_, taken) = self.send(&notices, connections, lasting)?;
        self.counted("delivery_acknowledged", taken)?;
        if has_endpoint {
            self.counted("event_delivery:acknowledged", taken)?;
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let taken = taken.max(1) as f64;
        Ok((self.processor_ms()? - before) / taken)
    }

    /// A notice for each order made earlier, or for as many as can be taken in
    /// that time.
    fn made_notices(&self, lasting: Duration) -> Result<Vec<Vec<u8>>> {
        let orders = self.made();
        if !self.subject.is_v3() {
            let line = format!("POST /notify/v2/{MERCHANT}");
            let notice = |order| {
                let xml = signed::notice(&number(order));
                load::request(&line, &["content-type: text/xml"], &xml)
            };
            return Ok((0..orders).map(notice).collect());
        }
        let enough = NOTICES_A_SECOND * lasting.as_secs().max(1);
        let line = format!("POST /notify/v3/{MERCHANT}");
        let made = (0..orders.min(enough)).map(|order| {
            let notice = self.stub.notice(&signed::transaction(&number(order)))?;
            let headers: Vec<&str> = notice.headers.iter().map(String::as_str).collect();
            Ok(load::request(&line, &headers, &notice.body))
        });
        made.collect()
    }

    /// Queries the state of the first `paid` orders, for a time.
    ///
    /// # Errors
    ///
    /// A query was refused.
    pub fn queries(&self, connections: usize, lasting: Duration, paid: usize) -> Result<Sample> {
        let keys = self.keys();
        let keys = keys.each_ref().map(String::as_str);
        let sent = AtomicU64::new(0);
        let paid = u64::try_from(paid).unwrap_or(u64::MAX).max(1);
        self.measured(|| {
            load::run(self.port, connections, lasting, &|| {
                let number = number(sent.fetch_add(1, Ordering::Relaxed) % paid);
                let line = format!("GET /v1/order?out_trade_no={number}");
                Some(load::request(&line, &keys, ""))
            })
        })
    }

    /// The number of orders made.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.orders.load(Ordering::Relaxed)
    }

    /// The operations that [`Subject::Counting`] counted.
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

    /// Waits until the gateway's counter `name` has reached `times`.
    fn counted(&self, name: &str, times: usize) -> Result<()> {
        let line = format!("GET /admin/merchants/{MERCHANT}/report");
        let request = load::request(&line, &[AUTHORIZATION], "");
        let began = Instant::now();
        loop {
            let report = json_of(&load::once(self.port, &request)?)?;
            let counted = report.pointer(&format!("/data/counters/{name}"));
            let counted = counted.and_then(Value::as_u64).unwrap_or(0);
            // WeChat's part repeats a notice whose connection was closed before an answer.
            if usize::try_from(counted).is_ok_and(|counted| counted >= times) {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(Failure::new(
                    format!("see {times} × {name} in the merchant's report"),
                    report.pointer("/data/counters").unwrap_or(&report),
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
                return Err(Failure::new(
                    "connect to what is measured",
                    error,
                    self.child_guard.log(),
                ));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Makes the merchant; returns its api-key and api-secret.
    fn merchant(&self) -> Result<(String, String)> {
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
        if self.subject.is_v3()
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
        let key = |pointer| text(&made, pointer).to_owned();
        Ok((key("/data/api-key"), key("/data/api-secret")))
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
