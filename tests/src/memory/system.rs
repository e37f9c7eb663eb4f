//! The state of everything in memory, the runtime that the gateway uses, and a
//! test's controls.

use crate::certificates::certificate_of;
use crate::description;
use crate::time::{Pause, Sleepers, Wires, run};
use crate::traffic::{Exchange, Received, Upstream};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream;
use gateway::Gateway;
use gateway::config::Config;
use gateway::runtime::Shard;
use gateway::runtime::{
    CallError, Chunks, FetchError, Object, PrivateKey, PublicKey, Request, Response, Route, Rsa,
    RsaError, Runtime, StorageError, StorageFault,
};
use memory_runtime::messages::{Destination, bad_gateway, page, show_certificate};
use memory_runtime::objects::{Opened, name_of};
use memory_runtime::random::Random;
use memory_runtime::storage::{Closed, Disk, Faults, Sqlite};
use memory_runtime::{ADMIN_TOKEN, GATEWAY, SANDBOX, START_MS, config};
use rusqlite::Connection;
use sandbox::{Outcome, Sandbox, Settings};
use serde_json::Value as Json;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::pin::pin;
use std::rc::{Rc, Weak};

/// The merchant's own notice address.
pub const SHOP_NOTIFY: &str = "https://shop.example.com/notify";

/// The shared state of everything in the world.
pub(super) struct Inner {
    now_ms: i64,
    random: Random,
    config: Rc<Config>,
    sandbox: Sandbox,
    pub(super) disks: BTreeMap<String, Rc<Disk>>,
    alarms: BTreeMap<String, i64>,
    /// The books with a call in flight.
    pub(super) books: BTreeMap<String, Weak<Opened<Memory, Sqlite<Memory>>>>,
    upstream: VecDeque<Upstream>,
    /// WeChat's answer to every request.
    answer: Option<Vec<u8>>,
    long_statement: Option<usize>,
    statement_pieces: usize,
    upstream_calls: Vec<http::Uri>,
    upstream_body: String,
    exchanges: Vec<Exchange>,
    last_answer: Response,
    after_next_call: Option<(String, Json)>,
    during_next: Option<(&'static str, Request)>,
    merchant_answers: VecDeque<(u16, &'static str)>,
    lose_notices: bool,
    /// Addresses whose server answers 503.
    down: BTreeSet<String>,
    /// How long addresses of merchants take to answer, where it is set.
    slow: BTreeMap<String, i64>,
    /// The size that each database reports.
    size_bytes: i64,
    /// How long WeChat and the merchant take to answer, in milliseconds.
    takes_ms: (i64, i64),
    /// Requests that ran into their time-out before they were sent.
    never_sent: usize,
    /// The faults of the next requests to WeChat's OAuth: an answer instead of
    /// the sandbox's, or none.
    weixin: VecDeque<Option<String>>,
    weixin_hosts: Vec<String>,
    /// The registry's one object of an earlier version still runs that version.
    pub(super) earlier_root: bool,
    /// Objects that do not answer.
    unreachable: BTreeSet<String>,
    /// The page's files cannot be read.
    files_unreachable: bool,
    /// Calls to each object.
    calls: BTreeMap<String, usize>,
    received: Vec<Received>,
    notified: Vec<(String, String)>,
    log: Vec<String>,
    /// How many statements the objects have run since they were opened.
    statements: u64,
    /// The statement, counted as above, that the database refuses.
    refused_statement: Option<(u64, StorageFault)>,
    /// Texts that the log must not contain.
    secrets: BTreeSet<String>,
}

/// The fields of requests and answers that contain secrets.
const SECRETS: [&str; 12] = [
    "api-key",
    "api-secret",
    "api-token",
    "api_key",
    "app_secret",
    "mini_program_secret",
    "delivery_secret",
    "private_key",
    "secret",
    "password",
    "new_password",
    "token",
];

/// After every test: each line of the log is one JSON object, and none contains
/// a secret or a whole openid.
impl Drop for Inner {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.secrets.insert(ADMIN_TOKEN.to_owned());
        for line in &self.log {
            assert!(serde_json::from_str::<Json>(line).is_ok_and(|line| line.is_object()));
            for secret in &self.secrets {
                assert!(!line.contains(secret), "a secret is in the log: {line}");
            }
            let words = line.split(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c));
            for word in words {
                let is_openid = word.len() == 28 && word.starts_with('o');
                assert!(!is_openid, "an openid is in the log: {line}");
            }
        }
    }
}

/// The registry's object that stores a merchant, or a pointer of this name.
pub fn registry_of(name: &str) -> String {
    format!("/{}", Shard::of(name).name())
}

/// A handle to the world; clones are the same world.
#[derive(Clone)]
pub struct Memory(pub(super) Rc<RefCell<Inner>>, Rc<Sleepers>, Rc<Wires>);

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(true)
    }
}

impl Memory {
    /// A new world. `development` as in [`Config`].
    pub fn new(development: bool) -> Self {
        let development = u8::from(development).to_string();
        let config = configured(&[("DEVELOPMENT", &development)]);
        let settings = Settings {
            public_url: SANDBOX.to_owned(),
        };
        let inner = Inner {
            now_ms: START_MS,
            random: Random::of(1, 0),
            config,
            sandbox: Sandbox::new(settings),
            disks: BTreeMap::new(),
            alarms: BTreeMap::new(),
            books: BTreeMap::new(),
            upstream: VecDeque::new(),
            answer: None,
            long_statement: None,
            statement_pieces: 0,
            upstream_calls: Vec::new(),
            upstream_body: String::new(),
            exchanges: Vec::new(),
            last_answer: Response::default(),
            after_next_call: None,
            during_next: None,
            merchant_answers: VecDeque::new(),
            lose_notices: false,
            down: BTreeSet::new(),
            slow: BTreeMap::new(),
            size_bytes: 0,
            takes_ms: (0, 0),
            never_sent: 0,
            weixin: VecDeque::new(),
            weixin_hosts: Vec::new(),
            earlier_root: false,
            unreachable: BTreeSet::new(),
            files_unreachable: false,
            calls: BTreeMap::new(),
            received: Vec::new(),
            notified: Vec::new(),
            log: Vec::new(),
            statements: 0,
            refused_statement: None,
            secrets: BTreeSet::new(),
        };
        Self(Rc::new(RefCell::new(inner)), Rc::default(), Rc::default())
    }

    /// A new isolate's gateway, with empty caches.
    pub fn gateway(&self) -> Gateway<Self> {
        Gateway::new(self.elsewhere(), self.0.borrow().config.clone())
    }

    /// Deploys it again, with these variables changed.
    pub fn deploy(&self, variables: &[(&str, &str)]) {
        self.0.borrow_mut().config = configured(variables);
    }

    /// The same world, with connections of its own.
    fn elsewhere(&self) -> Self {
        Self(self.0.clone(), self.1.clone(), Rc::default())
    }

    /// Runs a future to its end. When everything waits for time, the clock
    /// advances.
    pub(super) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        run(future, || {
            let at_ms = self.1.wake_first().expect("nothing is to come");
            let mut inner = self.0.borrow_mut();
            inner.now_ms = inner.now_ms.max(at_ms);
        })
    }

    /// From now on WeChat and the merchant take this long to answer.
    pub fn answers_take(&self, wechat_ms: i64, merchant_ms: i64) {
        self.0.borrow_mut().takes_ms = (wechat_ms, merchant_ms);
    }

    /// From now on each object's database reports this size.
    pub fn databases_have(&self, bytes: i64) {
        self.0.borrow_mut().size_bytes = bytes;
    }

    /// How many requests ran into their time-out without having been sent.
    pub fn never_sent(&self) -> usize {
        self.0.borrow().never_sent
    }

    /// How often an object was called so far: `/registry` (of an earlier
    /// version), [`registry_of`], `/board`, or a merchant's id.
    pub fn calls_to(&self, object: &str) -> usize {
        self.0.borrow().calls.get(object).copied().unwrap_or(0)
    }

    /// How often each of the registry's objects was called so far.
    pub fn registry_calls(&self) -> BTreeMap<String, usize> {
        let inner = self.0.borrow();
        let calls = inner.calls.iter();
        calls
            .filter(|(name, _)| name.starts_with("/registry"))
            .map(|(name, calls)| (name.clone(), *calls))
            .collect()
    }

    /// The sum of them.
    pub fn calls_to_registry(&self) -> usize {
        self.registry_calls().values().sum()
    }

    /// Explains a statement in an object's database; see [`crate::plans`].
    ///
    /// # Errors
    ///
    /// The step of its plan that reads a whole table that grows.
    pub fn explain(&self, object: &str, sql: &str) -> Result<(), String> {
        let disk = self.0.borrow().disks[object].clone();
        crate::plans::check(disk.connection(), sql)
    }

    /// Several requests at once, to one isolate.
    pub fn send_all(&self, requests: Vec<Request>) -> Vec<Response> {
        let gateway = self.gateway();
        let all = requests
            .into_iter()
            .map(|request| answered(&gateway, request));
        self.run(futures_util::future::join_all(all))
    }

    /// Sends the gateway a request.
    pub fn send(&self, request: Request) -> Response {
        self.send_to(&self.gateway(), request)
    }

    /// Sends a request to one isolate's gateway, which keeps its caches.
    pub fn send_to(&self, gateway: &Gateway<Self>, request: Request) -> Response {
        let keep_secrets = |bytes: &[u8]| {
            let Ok(json) = serde_json::from_slice::<Json>(bytes) else {
                return;
            };
            for object in [&json, &json["data"]] {
                let texts = SECRETS.iter().filter_map(|name| object[*name].as_str());
                let texts = texts.filter(|text| text.len() >= 16).map(str::to_owned);
                self.0.borrow_mut().secrets.extend(texts);
            }
        };
        keep_secrets(request.body());
        let sent = request.clone();
        let answer = self.run(answered(gateway, request));
        keep_secrets(answer.body());
        if let Err(why) = description::check(&sent, &answer) {
            panic!("openapi.json: {why}");
        }
        answer
    }

    /// Sends the sandbox a control call.
    pub fn control(&self, path: &str, body: &Json) -> Json {
        let request = http::Request::post(format!("https://sandbox.example.com{path}"))
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .expect("a request");
        let answer = self.at_wechat(&request);
        assert!(
            answer.status().is_success(),
            "{path}: {}",
            String::from_utf8_lossy(answer.body())
        );
        serde_json::from_slice(answer.body()).expect("JSON from the sandbox")
    }

    /// The same, with any answer of the sandbox.
    pub fn try_control(&self, path: &str, body: &Json) -> Json {
        let request = http::Request::post(format!("https://sandbox.example.com{path}"))
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .expect("a request");
        serde_json::from_slice(self.at_wechat(&request).body()).expect("JSON from the sandbox")
    }

    pub(super) fn ask_sandbox(&self, path: &str) -> Json {
        let request = http::Request::get(format!("https://sandbox.example.com{path}"))
            .body(Vec::new())
            .expect("a request");
        serde_json::from_slice(self.at_wechat(&request).body()).expect("JSON from the sandbox")
    }

    /// Takes the due notices before they are sent.
    pub fn take_notices(&self) -> Vec<sandbox::Outgoing> {
        let now_ms = self.now();
        self.0.borrow_mut().sandbox.due(now_ms)
    }

    /// Sets whether notices are lost in transit.
    pub fn lose_notices(&self, lose: bool) {
        self.0.borrow_mut().lose_notices = lose;
    }

    /// Whether the merchant's server at this address answers 503 from now on.
    pub fn endpoint_is_down(&self, url: &str, is_down: bool) {
        let down = &mut self.0.borrow_mut().down;
        match is_down {
            true => down.insert(url.to_owned()),
            false => down.remove(url),
        };
    }

    /// How long the merchant's server at this address takes to answer from now on.
    pub fn endpoint_takes(&self, url: &str, ms: i64) {
        self.0.borrow_mut().slow.insert(url.to_owned(), ms);
    }

    /// The next requests to WeChat have these faults, in order; then it works.
    pub fn upstream(&self, next: impl IntoIterator<Item = Upstream>) {
        self.0.borrow_mut().upstream.extend(next);
    }

    /// Removes the faults planned for the next requests to WeChat; returns how many.
    pub fn drop_upstream(&self) -> usize {
        let mut inner = self.0.borrow_mut();
        std::mem::take(&mut inner.upstream).len()
    }

    /// From now on WeChat's answers have this body, and each RSA signature
    /// counts as valid.
    pub fn answer_with(&self, body: Vec<u8>) {
        self.0.borrow_mut().answer = Some(body);
    }

    /// From now on WeChat's statements have this many rows, a multiple of 100.
    /// They are made while they are read.
    pub fn long_statement(&self, rows: usize) {
        self.0.borrow_mut().long_statement = Some(rows);
    }

    /// How many pieces of long statements have been read, of a hundred rows each.
    pub fn statement_pieces(&self) -> usize {
        self.0.borrow().statement_pieces
    }

    /// Makes a control call right after the next request to WeChat.
    pub fn after_next_upstream_call(&self, path: &str, body: &Json) {
        self.0.borrow_mut().after_next_call = Some((path.to_owned(), body.clone()));
    }

    /// Sends a request while the next request to this path is in flight.
    pub fn during_next(&self, path: &'static str, request: Request) {
        self.0.borrow_mut().during_next = Some((path, request));
    }

    /// The merchant's next answers to deliveries; then it acknowledges.
    pub fn merchant_answers(&self, next: impl IntoIterator<Item = (u16, &'static str)>) {
        self.0.borrow_mut().merchant_answers.extend(next);
    }

    /// The next requests to WeChat's OAuth get these answers, in order; `None`
    /// is no answer. Then it works.
    pub fn weixin_answers(&self, next: impl IntoIterator<Item = Option<Json>>) {
        let next = next
            .into_iter()
            .map(|body| body.map(|body| body.to_string()));
        self.0.borrow_mut().weixin.extend(next);
    }

    /// The hosts of the OAuth requests, in order.
    pub fn weixin_hosts(&self) -> Vec<String> {
        self.0.borrow().weixin_hosts.clone()
    }

    /// What the merchant has received.
    pub fn received(&self) -> Vec<Received> {
        self.0.borrow().received.clone()
    }

    /// The messages to listeners since the last call: tag and text.
    pub fn notified(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.0.borrow_mut().notified)
    }

    /// The paths of every request that was sent to WeChat.
    pub fn upstream_calls(&self) -> Vec<String> {
        let inner = self.0.borrow();
        let paths = inner.upstream_calls.iter().map(|uri| uri.path().to_owned());
        paths.collect()
    }

    /// The body of the last one that had one.
    pub fn upstream_body(&self) -> String {
        self.0.borrow().upstream_body.clone()
    }

    /// The requests to WeChat, with their answers.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.0.borrow().exchanges.clone()
    }

    /// The hosts that they were sent to.
    pub fn upstream_hosts(&self) -> Vec<String> {
        let inner = self.0.borrow();
        let hosts = inner.upstream_calls.iter().filter_map(|uri| uri.host());
        hosts.map(str::to_owned).collect()
    }

    /// The database refuses the `nth` statement from now on, counted from 1,
    /// once. The statements that open an object are not counted.
    pub fn refuse_statement(&self, nth: u64) {
        self.refuse_statement_by(nth, StorageFault::Gateway);
    }

    /// As [`Memory::refuse_statement`], for this reason.
    pub fn refuse_statement_by(&self, nth: u64, fault: StorageFault) {
        let mut inner = self.0.borrow_mut();
        inner.refused_statement = Some((inner.statements + nth, fault));
    }

    /// Whether a requested refusal has not happened yet; it is cancelled.
    pub fn call_off_refusal(&self) -> bool {
        self.0.borrow_mut().refused_statement.take().is_some()
    }

    /// Every line of the gateway's log.
    pub fn log_text(&self) -> String {
        self.0.borrow().log.join("\n")
    }

    /// The time.
    pub fn now(&self) -> i64 {
        self.0.borrow().now_ms
    }

    /// Advances the clock. Every alarm and every notice is handled at its own
    /// time.
    pub fn advance(&self, seconds: i64) {
        let until_ms = self.now() + seconds * 1000;
        for _ in 0..100_000 {
            let (alarm, notice) = {
                let inner = self.0.borrow();
                let alarm = inner
                    .alarms
                    .iter()
                    .min_by_key(|(_, at_ms)| **at_ms)
                    .map(|(name, at_ms)| (*at_ms, name.clone()));
                (alarm, inner.sandbox.next_due_ms())
            };
            let next_ms = [alarm.as_ref().map(|(at_ms, _)| *at_ms), notice]
                .into_iter()
                .flatten()
                .min();
            let Some(next_ms) = next_ms.filter(|at_ms| *at_ms <= until_ms) else {
                self.0.borrow_mut().now_ms = until_ms;
                return;
            };
            {
                let mut inner = self.0.borrow_mut();
                inner.now_ms = inner.now_ms.max(next_ms);
            }
            match alarm {
                Some((at_ms, name)) if at_ms == next_ms => self.ring(&name),
                _ => self.send_notices(),
            }
        }
        panic!("time does not pass: something is due again and again");
    }

    /// Sends the notices that are due now.
    pub fn send_notices(&self) {
        let now_ms = self.now();
        let due = self.0.borrow_mut().sandbox.due(now_ms);
        for notice in due {
            let mut request = http::Request::post(&notice.url);
            for (name, value) in &notice.headers {
                request = request.header(name, value);
            }
            let request = request.body(notice.body.into_bytes()).expect("a notice");
            let lost = self.0.borrow().lose_notices;
            let outcome = match lost {
                true => Outcome::Failed("lost".to_owned()),
                false => {
                    let answer = self.send(request);
                    Outcome::Answered {
                        status: answer.status().as_u16(),
                        body: answer.into_body(),
                    }
                }
            };
            self.0
                .borrow_mut()
                .sandbox
                .sent(&notice.id, &outcome, now_ms);
        }
    }

    /// The runtime loses every alarm.
    pub fn lose_alarms(&self) {
        self.0.borrow_mut().alarms.clear();
    }

    /// From now on calls to these objects, named as in [`Memory::calls_to`],
    /// are not answered, and their alarms do not run.
    pub fn unreachable(&self, objects: &[&str]) {
        self.0.borrow_mut().unreachable = objects.iter().map(|name| (*name).to_owned()).collect();
    }

    /// From now on the page's files cannot be read.
    pub fn lose_files(&self) {
        self.0.borrow_mut().files_unreachable = true;
    }

    fn ring(&self, name: &str) {
        self.0.borrow_mut().alarms.remove(name);
        if self.0.borrow().unreachable.contains(name) {
            return;
        }
        let object = self.object(name);
        self.run(self.in_polls(name, object.alarm()));
    }

    /// Runs a future of an object.
    async fn in_polls<T>(&self, name: &str, future: impl Future<Output = T>) -> T {
        let disk = self.disk(name);
        disk.in_polls(future, |closed| self.closed(name, closed))
            .await
    }

    /// Handles the end of an object's poll.
    fn closed(&self, name: &str, closed: Closed) {
        if let Some(at_ms) = closed.alarm_ms {
            let mut inner = self.0.borrow_mut();
            inner.alarms.insert(name.to_owned(), at_ms);
        }
    }

    /// Sends the sandbox any request.
    pub fn at_wechat(&self, request: &Request) -> Response {
        let first = {
            let inner = &mut *self.0.borrow_mut();
            let random = &mut |bytes: &mut [u8]| inner.random.fill(bytes);
            inner.sandbox.call_first(request, inner.now_ms, random)
        };
        let outcome = first.map(|call| (Ok(self.send(call.request.clone())), call));
        let inner = &mut *self.0.borrow_mut();
        let random = &mut |bytes: &mut [u8]| inner.random.fill(bytes);
        match outcome {
            Some((outcome, call)) => inner.sandbox.called(&call, &outcome, inner.now_ms, random),
            None => inner.sandbox.handle(request, inner.now_ms, random),
        }
    }

    /// Objects are opened again for every call, as after a crash, because
    /// nothing important may be only in memory. Calls that are in flight at the
    /// same time share one.
    fn object(&self, name: &str) -> Rc<Opened<Self, Sqlite<Self>>> {
        let under_way = self.0.borrow().books.get(name).and_then(Weak::upgrade);
        if let Some(book) = under_way {
            return book;
        }
        let config = self.0.borrow().config.clone();
        let disk = self.disk(name);
        let storage = Sqlite::new(disk.clone(), self.clone(), name.into());
        let open = || Opened::open(name, self.elsewhere(), storage, config);
        let opened = Rc::new(self.opening(open).expect("an object"));
        self.closed(name, disk.close_poll(false));
        let mut inner = self.0.borrow_mut();
        if let Opened::Book(_) = *opened {
            let book = Rc::downgrade(&opened);
            inner.books.insert(name.to_owned(), book);
        }
        opened
    }

    /// Opens an object: none of its statements is counted or refused.
    fn opening<T>(&self, open: impl FnOnce() -> T) -> T {
        let refused = self.0.borrow_mut().refused_statement.take();
        let counted = self.0.borrow().statements;
        let opened = open();
        let mut inner = self.0.borrow_mut();
        inner.statements = counted;
        inner.refused_statement = refused;
        opened
    }

    /// A merchant's book: while a test holds it, calls share it, with all its
    /// memory.
    pub fn hold_book(&self, name: &str) -> impl Sized + use<> {
        self.object(name)
    }

    fn disk(&self, name: &str) -> Rc<Disk> {
        let mut inner = self.0.borrow_mut();
        let new = || Rc::new(Disk::new(Connection::open_in_memory().expect("SQLite")));
        let disk = inner.disks.entry(name.to_owned()).or_insert_with(new);
        disk.clone()
    }
}

impl Faults for Memory {
    fn before(&self, _: &str, database: &Connection, sql: &str) -> Result<(), StorageError> {
        {
            let mut inner = self.0.borrow_mut();
            inner.statements += 1;
            let statements = inner.statements;
            let refused = inner
                .refused_statement
                .take_if(|(nth, _)| *nth == statements);
            if let Some((_, fault)) = refused {
                return Err(StorageError::of(fault, "refused on purpose"));
            }
        }
        crate::plans::watch(database, sql);
        Ok(())
    }

    fn size_bytes(&self, _: &str) -> i64 {
        self.0.borrow().size_bytes
    }

    fn listeners_notified(&self, tag: &str, text: &str) {
        let mut inner = self.0.borrow_mut();
        inner.notified.push((tag.to_owned(), text.to_owned()));
    }
}

impl Rsa for Memory {
    async fn rsa_sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, RsaError> {
        crate::rsa::sign(key, message)
    }

    async fn rsa_verify(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, RsaError> {
        match self.0.borrow().answer {
            Some(_) => Ok(true),
            None => crate::rsa::verify(key, message, signature),
        }
    }
}

impl Runtime for Memory {
    fn now_ms(&self) -> i64 {
        self.now()
    }

    fn random(&self, bytes: &mut [u8]) {
        self.0.borrow().random.fill(bytes);
    }

    /// As Workers, which present certificates of bindings only.
    fn presents_certificates(&self) -> bool {
        false
    }

    fn has_client_certificate(&self, binding: &str) -> bool {
        certificate_of(binding).is_some()
    }

    async fn fetch(&self, route: Route<'_>, request: Request) -> Result<Response, FetchError> {
        let sent = Cell::new(false);
        let sending = pin!(self.send_out(route, request, &sent));
        let outcome = match select(sending, pin!(self.sleep(route.timeout_ms()))).await {
            Either::Left((answer, _)) => return answer,
            Either::Right(_) => Err(FetchError::TimedOut),
        };
        if !sent.get() {
            self.0.borrow_mut().never_sent += 1;
        }
        outcome
    }

    async fn sleep(&self, ms: u32) {
        Pause::new(&self.1, self.now() + i64::from(ms)).await;
    }

    /// In chunks that end anywhere; a [long statement](Memory::long_statement)
    /// is made while it is read.
    async fn fetch_pieces(
        &self,
        route: Route<'_>,
        request: Request,
    ) -> Result<http::Response<Chunks>, FetchError> {
        let rows = self.0.borrow().long_statement;
        if let (Route::Statement, Some(rows)) = (route, rows) {
            let world = self.clone();
            let pieces = (0..=rows / 100 + 1).map(move |n| {
                world.0.borrow_mut().statement_pieces += 1;
                Ok(crate::statement::piece(n, rows).into_bytes())
            });
            return Ok(Response::default().map(|_| stream::iter(pieces).boxed_local()));
        }
        let answer = self.fetch(route, request).await?;
        let pieces = |body: Vec<u8>| {
            let pieces: Vec<_> = body.chunks(997).map(|piece| Ok(piece.to_vec())).collect();
            stream::iter(pieces).boxed_local()
        };
        Ok(answer.map(pieces))
    }

    async fn call(&self, object: Object<'_>, body: Vec<u8>) -> Result<Vec<u8>, CallError> {
        let name = &*name_of(object);
        if self.0.borrow().unreachable.contains(name) {
            return Err(CallError::NoAnswer);
        }
        *self
            .0
            .borrow_mut()
            .calls
            .entry(name.to_owned())
            .or_default() += 1;
        let is_root = matches!(object, Object::Registry);
        if is_root && self.0.borrow().earlier_root && is_of_shards(&body) {
            return Ok(b"\"Broken\"".to_vec());
        }
        let object = self.object(name);
        Ok(Box::pin(self.in_polls(name, object.handle(&body))).await)
    }

    fn print(&self, line: &str) {
        self.0.borrow_mut().log.push(line.to_owned());
    }
}

impl Memory {
    /// Sends a request, once there is a connection for it.
    async fn send_out(
        &self,
        route: Route<'_>,
        request: Request,
        sent: &Cell<bool>,
    ) -> Result<Response, FetchError> {
        let _wire = self.2.take().await;
        sent.set(true);
        let slow_ms = self
            .0
            .borrow()
            .slow
            .get(&request.uri().to_string())
            .copied();
        let answer = self.arrives(route, request).await;
        let (wechat_ms, merchant_ms) = self.0.borrow().takes_ms;
        let takes_ms = match route {
            Route::Merchant | Route::Webhook => slow_ms.unwrap_or(merchant_ms),
            Route::Assets => 0,
            _ => wechat_ms,
        };
        if takes_ms > 0 {
            Pause::new(&self.1, self.now() + takes_ms).await;
        }
        answer
    }

    async fn arrives(
        &self,
        route: Route<'_>,
        mut request: Request,
    ) -> Result<Response, FetchError> {
        show_certificate(route, &mut request, |binding| {
            Some(
                certificate_of(binding)
                    .expect("a binding that exists")
                    .to_owned(),
            )
        });
        let during = {
            let mut inner = self.0.borrow_mut();
            let path = request.uri().path();
            inner.during_next.take_if(|(of, _)| *of == path)
        };
        if let Some((_, request)) = during {
            Box::pin(self.gateway().handle(request)).await;
        }
        match Destination::of(route) {
            Destination::WeChatPay => {
                let behaviour = {
                    let mut inner = self.0.borrow_mut();
                    inner.upstream_calls.push(request.uri().clone());
                    if !request.body().is_empty() {
                        let body = String::from_utf8_lossy(request.body());
                        inner.upstream_body = body.into_owned();
                    }
                    inner.upstream.pop_front().unwrap_or(Upstream::Works)
                };
                let outcome = match behaviour {
                    Upstream::Works => {
                        let mut answer = self.at_wechat(&request);
                        if let Some(body) = &self.0.borrow().answer {
                            answer.body_mut().clone_from(body);
                        }
                        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                        self.0.borrow_mut().exchanges.push(Exchange {
                            method: request.method().to_string(),
                            path_and_query: request
                                .uri()
                                .path_and_query()
                                .map_or_else(String::new, ToString::to_string),
                            body: text(request.body()),
                            status: answer.status().as_u16(),
                            answer: text(answer.body()),
                        });
                        self.0.borrow_mut().last_answer = answer.clone();
                        Ok(answer)
                    }
                    Upstream::LosesRequest => Err(FetchError::Unreachable),
                    Upstream::LosesAnswer => {
                        self.at_wechat(&request);
                        Err(FetchError::TimedOut)
                    }
                    Upstream::ForgesAnswer => {
                        let mut answer = self.at_wechat(&request);
                        let text = String::from_utf8_lossy(answer.body()).into_owned();
                        *answer.body_mut() = text
                            .replace("<prepay_id><![CDATA[wx", "<prepay_id><![CDATA[xw")
                            .replace("NOTPAY", "SUCCESS")
                            .into_bytes();
                        Ok(answer)
                    }
                    Upstream::AnswersAsBefore => {
                        self.at_wechat(&request);
                        Ok(self.0.borrow().last_answer.clone())
                    }
                    Upstream::Proxy(status, body, serial) => {
                        let now_s = (self.now() / 1000).to_string();
                        let answer = http::Response::builder()
                            .status(status)
                            .header("wechatpay-timestamp", now_s)
                            .header("wechatpay-nonce", "n")
                            .header("wechatpay-signature", "AAAA")
                            .header("wechatpay-serial", serial);
                        Ok(answer.body(body.as_bytes().to_vec()).expect("an answer"))
                    }
                    Upstream::Answers502 => Ok(bad_gateway()),
                };
                let after = self.0.borrow_mut().after_next_call.take();
                if let Some((path, body)) = after {
                    self.control(&path, &body);
                }
                outcome
            }
            Destination::Weixin => {
                let next = {
                    let mut inner = self.0.borrow_mut();
                    let host = request.uri().host().unwrap_or_default().to_owned();
                    inner.weixin_hosts.push(host);
                    inner.weixin.pop_front()
                };
                match next {
                    None => Ok(self.at_wechat(&request)),
                    Some(None) => Err(FetchError::Unreachable),
                    Some(Some(body)) => Ok(Response::new(body.into_bytes())),
                }
            }
            // The gateway's requests to its own address are answered by itself.
            Destination::Merchant if request.uri().to_string().starts_with(GATEWAY) => {
                let world = self.clone();
                let answered = Box::pin(async move { world.gateway().handle(request).await });
                gateway::runtime::whole(answered.await).await
            }
            Destination::Merchant => {
                let mut inner = self.0.borrow_mut();
                let at_ms = inner.now_ms;
                inner.received.push(Received {
                    at_ms,
                    url: request.uri().to_string(),
                    request_id: header(&request, "x-request-id"),
                    signature: header(&request, "weceive-signature"),
                    headers: request.headers().clone(),
                    body: String::from_utf8_lossy(request.body()).into_owned(),
                });
                let (status, body) = match inner.down.contains(&request.uri().to_string()) {
                    true => (503, "down"),
                    false => {
                        let next = inner.merchant_answers.pop_front();
                        next.unwrap_or((200, "success"))
                    }
                };
                let mut answer = Response::new(body.as_bytes().to_vec());
                *answer.status_mut() = http::StatusCode::from_u16(status).expect("a status");
                Ok(answer)
            }
            Destination::Assets if self.0.borrow().files_unreachable => {
                Err(FetchError::Unreachable)
            }
            Destination::Assets => Ok(page()),
        }
    }
}

/// The gateway's whole answer.
async fn answered(gateway: &Gateway<Memory>, request: Request) -> Response {
    let answer = gateway.handle(request).await;
    let whole = gateway::runtime::whole(answer).await;
    whole.expect("a whole answer")
}

/// The settings of the tests, with some changed.
fn configured(variables: &[(&str, &str)]) -> Rc<Config> {
    let mut all = vec![("DEVELOPMENT", "1")];
    all.retain(|(name, _)| variables.iter().all(|(changed, _)| changed != name));
    all.extend(variables);
    config(&all)
}

fn header(request: &Request, name: &str) -> String {
    let value = request.headers().get(name);
    let text = value.and_then(|value| value.to_str().ok());
    text.unwrap_or_default().to_owned()
}

/// Whether an earlier version cannot read this call.
fn is_of_shards(body: &[u8]) -> bool {
    let call: Json = serde_json::from_slice(body).expect("JSON");
    ["Export", "Retire", "Shard"]
        .iter()
        .any(|name| call["call"].get(name).is_some())
}
