//! The real Workers in `workerd`, and a merchant that receives deliveries.

use crate::faulty_proxy::FaultyProxy;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use testkit::demo::Kind;
use testkit::workerd::{System, Workerd, free_ports};

/// The appid of the sandbox's first built-in merchant.
pub const APPID: &str = "wx5a11d0b0c0ffee01";
/// Its API key.
pub const KEY: &str = "weceive-sandbox-demo-key-0000001";

/// A running gateway and sandbox with a store of their own.
#[derive(Debug)]
pub struct Live {
    system: System,
    running: Mutex<Option<Workerd>>,
    /// WeChat in a process of its own, and the proxy in front of it.
    apart: Option<(Workerd, FaultyProxy)>,
    directory: std::path::PathBuf,
}

impl Live {
    /// Starts a system in a fresh directory, both Workers in one process.
    pub fn start(name: &str) -> Self {
        let (directory, system) = fresh(name);
        let running = system.start().unwrap_or_else(|failure| panic!("{failure}"));
        Self {
            system,
            running: Mutex::new(Some(running)),
            apart: None,
            directory,
        }
    }

    /// The same in two processes, with [`FaultyProxy`] between them: the
    /// gateway can be killed while WeChat runs.
    pub fn apart(name: &str) -> Self {
        let (directory, system) = fresh(name);
        let failed = |failure| -> Workerd { panic!("{failure}") };
        let sandbox = system.start_sandbox().unwrap_or_else(failed);
        let between = FaultyProxy::start(system.sandbox_port);
        let running = system.start_gateway(between.port).unwrap_or_else(failed);
        Self {
            system,
            running: Mutex::new(Some(running)),
            apart: Some((sandbox, between)),
            directory,
        }
    }

    /// Kills it (`kill -9`), waits, and starts it again with the same store; of
    /// a system in two processes, only the gateway. Returns its log.
    pub fn crash_and_restart(&self, pause: Duration) -> String {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut log = String::new();
        if let Some(running) = running.take() {
            log = running.log();
            running.crash();
        }
        thread::sleep(pause);
        let again = match &self.apart {
            Some((_, between)) => self.system.start_gateway(between.port),
            None => self.system.start(),
        };
        *running = Some(again.unwrap_or_else(|failure| panic!("{failure}")));
        log
    }

    /// Kills it and starts it with a wrong variable, so that the gateway cannot
    /// work. Returns its log.
    pub fn crash_and_misconfigure(&self) -> String {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut log = String::new();
        if let Some(running) = running.take() {
            log = running.log();
            running.crash();
        }
        let wrong = self.system.start_misconfigured();
        *running = Some(wrong.unwrap_or_else(|failure| panic!("{failure}")));
        log
    }

    /// The gateway's log since its last start.
    pub fn log(&self) -> String {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().map(Workerd::log).unwrap_or_default()
    }

    /// The gateway's origin.
    pub fn gateway(&self) -> String {
        let port = self.system.gateway_port.expect("a gateway");
        format!("http://127.0.0.1:{port}")
    }

    /// The sandbox's origin.
    pub fn sandbox(&self) -> String {
        format!("http://127.0.0.1:{}", self.system.sandbox_port)
    }

    /// Makes a merchant of the sandbox's first account; `change` as in the
    /// admin call.
    pub fn shop(&self, id: &str, change: &Value) -> Shop {
        let mut body = json!({
            "id": id,
            "name": "Demo Tea House",
            "fee_type": "HKD",
            "appid": APPID,
            "mch_id": "1900000109",
            "api_key": KEY,
            "client_certificate": {"binding": "WECHATPAY_MTLS"},
        });
        extend(&mut body, change);
        self.make(&body)
    }

    /// Makes a merchant of this kind, and its account in the sandbox; `change`
    /// as in the admin call.
    pub fn shop_of(&self, kind: Kind, change: &Value) -> (Shop, Value) {
        let account = self.account(kind.mch_id);
        let mut body = kind.admin_body(&account, &self.sandbox());
        extend(&mut body, change);
        (self.make(&body), account)
    }

    fn make(&self, body: &Value) -> Shop {
        let answer = self.try_make(body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let data = answer.json()["data"].clone();
        let text = |name: &str| data[name].as_str().expect("a text").to_owned();
        Shop {
            gateway: self.gateway(),
            id: text("id"),
            api_key: text("api-key"),
            api_secret: text("api-secret"),
        }
    }

    /// The admin call that makes a merchant, with its answer.
    pub fn try_make(&self, body: &Value) -> Answer {
        send(
            "POST",
            &format!("{}/admin/merchants", self.gateway()),
            &[("authorization", "Bearer admin-token-of-a-test")],
            body.to_string(),
        )
    }

    /// One of the sandbox's merchants, with its credentials.
    pub fn account(&self, mch_id: &str) -> Value {
        let url = format!("{}/sandbox/merchants", self.sandbox());
        let all = send("GET", &url, &[], "").json();
        let mut merchants = all["merchants"].as_array().expect("a list").iter();
        let found = merchants.find(|merchant| merchant["mch_id"] == mch_id);
        found.expect("one of the sandbox's merchants").clone()
    }

    /// A control call to the sandbox.
    pub fn control(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.sandbox());
        let json_type = [("content-type", "application/json")];
        let answer = send("POST", &url, &json_type, body.to_string());
        answer.json()
    }

    /// The payer scans and pays.
    pub fn scan(&self, code_url: &Value) {
        let paid = self.control(
            "/sandbox/scan",
            &json!({"code_url": code_url, "payer": "alice", "action": "pay"}),
        );
        assert_eq!(paid["ok"], true, "{paid}");
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let running = self
            .running
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        drop(running.take());
        drop(self.apart.take());
        if thread::panicking() {
            let kept = self.directory.display();
            eprintln!("the failed test's stores and logs are kept in {kept}");
            return;
        }
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

fn fresh(name: &str) -> (std::path::PathBuf, System) {
    // A process that ends does not drop statics, so the files of an earlier run
    // are removed here.
    let directory = testkit::paths::root().join("target/live").join(name);
    std::fs::remove_dir_all(&directory).ok();
    let [gateway, sandbox, tls, tls_2] = free_ports().expect("four free ports");
    let system = System::new(&directory, gateway, sandbox, [tls, tls_2]);
    (directory, system)
}

fn extend(body: &mut Value, change: &Value) {
    let fields = body.as_object_mut().expect("an object");
    fields.extend(change.as_object().expect("an object").clone());
}

/// A merchant of the gateway.
#[derive(Clone, Debug)]
pub struct Shop {
    /// The gateway's origin.
    pub gateway: String,
    /// Its id.
    pub id: String,
    /// Its api-key.
    pub api_key: String,
    /// Its api-secret.
    pub api_secret: String,
}

impl Shop {
    /// A call with both keys.
    pub fn call(&self, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        let answer = self.try_call(method, path, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The same, where the server may be down.
    ///
    /// # Errors
    ///
    /// No answer was received; the call may have had its effect.
    pub fn try_call(
        &self,
        method: &str,
        path: &str,
        body: impl Into<Vec<u8>>,
    ) -> Result<Answer, ureq::Error> {
        let headers = [
            ("api-key", self.api_key.as_str()),
            ("api-secret", self.api_secret.as_str()),
            ("content-type", "application/json"),
        ];
        try_send(method, &format!("{}{path}", self.gateway), &headers, body)
    }

    /// Makes a NATIVE order that must be accepted; its `data`.
    pub fn native(&self, number: &str, notify_url: Option<&str>) -> Value {
        let body = json!({
            "out_trade_no": number,
            "body": "Demo Order",
            "total_fee": "150",
            "trade_type": "NATIVE",
            "notify_url": notify_url,
        });
        let answer = self.call("POST", "/v1/order", body.to_string());
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["data"].clone()
    }

    /// The order's `trade_state`.
    pub fn state(&self, number: &str) -> String {
        let answer = self.call("GET", &format!("/v1/order?out_trade_no={number}"), "");
        let state = answer.json()["data"]["trade_state"].clone();
        state.as_str().unwrap_or_default().to_owned()
    }

    /// The operator's report.
    pub fn report(&self) -> Value {
        let url = format!("{}/admin/merchants/{}/report", self.gateway, self.id);
        let admin = [("authorization", "Bearer admin-token-of-a-test")];
        send("GET", &url, &admin, "").json()["data"].clone()
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("a text"))
    }
}

/// Sends one request over loopback.
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    let answer = try_send(method, url, headers, body);
    answer.unwrap_or_else(|error| panic!("{method} {url}: {error}"))
}

/// The same, where the server may be down.
///
/// # Errors
///
/// No whole answer came within [`PATIENCE`].
pub fn try_send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Vec<u8>>,
) -> Result<Answer, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .allow_non_standard_methods(true)
        .build()
        .into();
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body: Vec<u8> = body.into();
    let mut answer = match body.is_empty() {
        true => agent.run(request.body(()).expect("a request")),
        false => agent.run(request.body(body).expect("a request")),
    }?;
    Ok(Answer {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        body: answer.body_mut().read_to_vec()?,
    })
}

/// How long a test waits for what must happen: far longer than it takes on a
/// machine with other work. Only a test that fails waits so long.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until `look` returns a value.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A merchant's server: stores its requests, and gives the test's answers.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// Its URL.
    pub url: String,
    received: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    /// Starts one. The `n`th request is answered by `answers[n]`, later ones by
    /// the last: a status, a body, and the delay before it.
    pub fn start(answers: Vec<(u16, &'static str, Duration)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!(
            "http://{}/notify",
            listener.local_addr().expect("an address")
        );
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = received.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let (kept, answers) = (kept.clone(), answers.clone());
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
                    let mut length = 0;
                    let mut line = String::new();
                    while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                        let lower = line.to_ascii_lowercase();
                        if let Some(text) = lower.strip_prefix("content-length:") {
                            length = text.trim().parse().expect("a length");
                        }
                        line.clear();
                    }
                    let mut body = vec![0; length];
                    if reader.read_exact(&mut body).is_err() {
                        return;
                    }
                    let n = {
                        let mut kept = kept.lock().expect("a lock");
                        kept.push(String::from_utf8_lossy(&body).into_owned());
                        kept.len() - 1
                    };
                    let (status, text, pause) =
                        answers.get(n).or(answers.last()).expect("an answer");
                    thread::sleep(*pause);
                    let length = text.len();
                    let head = format!(
                        "HTTP/1.1 {status} -\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
                    );
                    stream.write_all((head + text).as_bytes()).ok();
                });
            }
        });
        Self { url, received }
    }

    /// One that acknowledges everything.
    pub fn good() -> Self {
        Self::start(vec![(200, "success", Duration::ZERO)])
    }

    /// The bodies that it has received.
    pub fn received(&self) -> Vec<String> {
        self.received.lock().expect("a lock").clone()
    }
}
