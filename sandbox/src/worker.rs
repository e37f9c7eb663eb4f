//! The sandbox on the Workers runtime.
//!
//! One Durable Object, `world`, holds the [`Sandbox`]: it is loaded from its
//! rows at the start, each change is written before the answer is sent, and
//! notices are sent at once and by the alarm. The phone's pages are proxied
//! here, outside the object, because that needs no state.
//!
//! Bindings: `SANDBOX` (the object's namespace, class [`SandboxWorld`]) and
//! `PUBLIC_URL` (the sandbox's own origin).

#![allow(missing_docs, reason = "the attribute macros make undocumented items")]

use crate::phone::proxy::{MAX_PROXIED_BYTES, PhoneHost};
use crate::web::{self, MAX_BODY_BYTES};
use crate::{CallOutcome, Outcome, Outgoing, Sandbox, Settings, TIMEOUT_MS, phone};
use futures_util::StreamExt;
use futures_util::future::{Either, join_all, select};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, Uri};
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use wechatpay::common::SANDBOX_HEADER;
use worker::{
    AbortController, ByteStream, Context, Date, Delay, DurableObject, Env, Error, Fetch, Headers,
    Method, Request, RequestInit, RequestRedirect, Response, ResponseBody, Result, SqlStorage,
    SqlStorageValue, State, durable_object, event,
};

const DEFAULT_PUBLIC_URL: &str = "http://127.0.0.1:8788";

/// The time within which a page's own server must answer.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// Every request from outside.
#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    let host = request.headers().get("host")?.unwrap_or_default();
    if let Some(Ok(page)) = PhoneHost::parse(&host)
        && !request.path().starts_with(phone::OWN_PATH)
    {
        return pass_through(&page, request).await;
    }
    let world = env.durable_object("SANDBOX")?.get_by_name("world")?;
    world.fetch_with_request(request).await
}

// ── The object ─────────────────────────────────────────────────────────────

/// The one object.
#[durable_object]
pub struct SandboxWorld {
    world: Rc<World>,
}

struct World {
    state: State,
    sandbox: RefCell<Sandbox>,
    /// The time for which the alarm is set.
    alarm_ms: Cell<Option<i64>>,
}

impl DurableObject for SandboxWorld {
    fn new(state: State, env: Env) -> Self {
        let public_url = env
            .var("PUBLIC_URL")
            .map(|url| url.to_string())
            .unwrap_or_else(|_| DEFAULT_PUBLIC_URL.to_owned());
        let settings = Settings {
            public_url: public_url.trim_end_matches('/').to_owned(),
        };
        let sql = state.storage().sql();
        let sandbox = load(&sql, &settings).unwrap_or_else(|error| {
            // Rows of another version cannot be read. No money is involved, so
            // the sandbox starts empty.
            worker::console_error!("the sandbox starts empty: {error}");
            if let Err(error) = sql.exec("DELETE FROM rows", None) {
                worker::console_error!("the sandbox's rows were not deleted: {error}");
            }
            Sandbox::new(settings)
        });
        let world = World {
            state,
            sandbox: RefCell::new(sandbox),
            alarm_ms: Cell::new(None),
        };
        Self {
            world: Rc::new(world),
        }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        let answer = self.world.answer(request).await?;
        self.world.save()?;
        self.world.clone().send_due_soon().await?;
        write_response(answer)
    }

    async fn alarm(&self) -> Result<Response> {
        self.world.alarm_ms.set(None);
        self.world.clone().send_due_soon().await?;
        Response::empty()
    }
}

impl World {
    async fn answer(&self, mut request: Request) -> Result<web::Answer> {
        let uri: Uri = match request.inner().url().parse() {
            Ok(uri) => uri,
            Err(_) => return Ok(web::text(StatusCode::BAD_REQUEST, "not an address\n")),
        };
        let mut read = http::Request::new(read_body(&mut request, MAX_BODY_BYTES).await?);
        *read.uri_mut() = uri;
        *read.method_mut() = http::Method::from_bytes(request.inner().method().as_bytes())
            .map_err(|error| Error::RustError(error.to_string()))?;
        *read.headers_mut() = read_headers(request.headers());

        // A borrow never spans an await: another request may run in between.
        let call = self
            .sandbox
            .borrow()
            .call_first(&read, now_ms(), &mut random);
        if let Some(call) = call {
            let outcome = send(&call.request, PAGE_TIMEOUT).await;
            let mut sandbox = self.sandbox.borrow_mut();
            return Ok(sandbox.called(&call, &outcome, now_ms(), &mut random));
        }
        Ok(self
            .sandbox
            .borrow_mut()
            .handle(&read, now_ms(), &mut random))
    }

    /// Writes the changed rows. Without an await in between, the runtime makes
    /// one transaction of them, and holds the answer back until they are on
    /// disk.
    fn save(&self) -> Result<()> {
        let sql = self.state.storage().sql();
        for (key, json) in self.sandbox.borrow_mut().take_changes() {
            match json {
                Some(json) => sql.exec(
                    "INSERT INTO rows (key, json) VALUES (?, ?)
                     ON CONFLICT (key) DO UPDATE SET json = excluded.json",
                    vec![SqlStorageValue::from(key), SqlStorageValue::from(json)],
                )?,
                None => sql.exec(
                    "DELETE FROM rows WHERE key = ?",
                    vec![SqlStorageValue::from(key)],
                )?,
            };
        }
        Ok(())
    }

    /// Starts sending the due notices, and sets the alarm for the others.
    async fn send_due_soon(self: Rc<Self>) -> Result<()> {
        let due = self.sandbox.borrow_mut().due(now_ms());
        // A refund that settled has changed too.
        self.save()?;
        if !due.is_empty() {
            let world = self.clone();
            self.state.wait_until(async move {
                join_all(due.into_iter().map(|notice| world.send_notice(notice))).await;
                if let Err(error) = world.set_alarm().await {
                    worker::console_error!("the alarm cannot be set: {error}");
                }
            });
        }
        self.set_alarm().await
    }

    async fn send_notice(&self, notice: Outgoing) {
        let outcome = post(&notice).await;
        self.sandbox
            .borrow_mut()
            .sent(&notice.id, &outcome, now_ms());
        if let Err(error) = self.save() {
            worker::console_error!("a notice's outcome cannot be stored: {error}");
        }
    }

    async fn set_alarm(&self) -> Result<()> {
        let wanted = self.sandbox.borrow().next_due_ms();
        if wanted == self.alarm_ms.get() {
            return Ok(());
        }
        self.alarm_ms.set(wanted);
        let storage = self.state.storage();
        match wanted {
            Some(due_ms) => storage.set_alarm((due_ms - now_ms()).max(0)).await,
            None => storage.delete_alarm().await,
        }
    }
}

fn load(sql: &SqlStorage, settings: &Settings) -> Result<Sandbox> {
    #[derive(serde::Deserialize)]
    struct Row {
        key: String,
        json: String,
    }
    sql.exec(
        "CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID",
        None,
    )?;
    let rows: Vec<Row> = sql.exec("SELECT key, json FROM rows", None)?.to_array()?;
    let rows = rows.into_iter().map(|row| (row.key, row.json));
    Sandbox::load(settings.clone(), rows).map_err(|error| Error::RustError(error.to_string()))
}

async fn post(notice: &Outgoing) -> Outcome {
    let mut request = http::Request::post(&notice.url)
        .header(header::USER_AGENT, "Mozilla/4.0")
        .header(header::ACCEPT, "*/*");
    for (name, value) in &notice.headers {
        request = request.header(name, value);
    }
    let request = match request.body(notice.body.clone().into_bytes()) {
        Ok(request) => request,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    match send(&request, Duration::from_millis(TIMEOUT_MS.into())).await {
        Ok(answer) => Outcome::Answered {
            status: answer.status().as_u16(),
            body: answer.into_body(),
        },
        Err(why) => Outcome::Failed(why),
    }
}

// ── The phone's pages ──────────────────────────────────────────────────────

/// Fetches a page as WeChat would, and inserts the bridge script.
async fn pass_through(page: &PhoneHost, mut request: Request) -> Result<Response> {
    let body = read_body(&mut request, MAX_PROXIED_BYTES).await?;
    if body.len() > MAX_PROXIED_BYTES {
        return write_response(web::text(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the phone passes on at most 10 MiB\n",
        ));
    }
    let url = request.url()?;
    let target = |origin: &str| match url.query() {
        Some(query) => format!("{origin}{}?{query}", url.path()),
        None => format!("{origin}{}", url.path()),
    };
    let method = request.inner().method();
    let from = read_headers(request.headers());
    let mut headers = page.request_headers(&from);
    // `Upgrade` is for one connection only, and has to be set again for the
    // next.
    if let Some(upgrade) = from.get(header::UPGRADE) {
        headers.insert(header::UPGRADE, upgrade.clone());
    }
    let mut asked = ask(
        &target(&page.target_origin()),
        &method,
        &headers,
        &body,
        PAGE_TIMEOUT,
    )
    .await;
    if asked.is_err() && body.is_empty() {
        // Some servers listen on the other of this machine's two loopback
        // addresses.
        let other = format!("http://localhost:{}", page.port);
        asked = ask(&target(&other), &method, &headers, &body, PAGE_TIMEOUT).await;
    }
    let mut answer = match asked {
        Ok(answer) => answer,
        Err(why) => {
            return write_response(web::text(
                StatusCode::BAD_GATEWAY,
                format!("Nothing answers at {}: {why}\n", page.target_origin()),
            ));
        }
    };
    if answer.status_code() == StatusCode::SWITCHING_PROTOCOLS.as_u16() {
        return Ok(answer);
    }
    let (headers, nonce) = page.response_headers(&read_headers(answer.headers()));
    let is_html = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("text/html"));
    let status = answer.status_code();
    let builder = Response::builder()
        .with_status(status)
        .with_headers(write_headers(&headers)?);
    if !is_html || method == "HEAD" {
        let (_, body) = answer.into_parts();
        return Ok(builder.body(body));
    }
    let html = match answer.body() {
        ResponseBody::Empty => return Ok(builder.empty()),
        _ => read_stream(answer.stream()?, MAX_PROXIED_BYTES).await?,
    };
    Ok(builder.fixed(page.with_bridge(&html, nonce.as_deref())))
}

// ── HTTP ───────────────────────────────────────────────────────────────────

/// Sends a request and reads the whole answer, within the time.
async fn send(request: &http::Request<Vec<u8>>, timeout: Duration) -> CallOutcome {
    let url = request.uri().to_string();
    let asked = ask(
        &url,
        request.method().as_str(),
        request.headers(),
        request.body(),
        timeout,
    );
    let mut answer = asked.await?;
    let body = match answer.body() {
        ResponseBody::Empty => Vec::new(),
        _ => {
            let stream = answer.stream().map_err(|error| error.to_string())?;
            within(read_stream(stream, MAX_BODY_BYTES), timeout).await?
        }
    };
    let mut read = http::Response::new(body);
    *read.status_mut() =
        StatusCode::from_u16(answer.status_code()).map_err(|error| error.to_string())?;
    *read.headers_mut() = read_headers(answer.headers());
    Ok(read)
}

async fn ask(
    url: &str,
    method: &str,
    headers: &HeaderMap,
    body: &[u8],
    timeout: Duration,
) -> std::result::Result<Response, String> {
    let words = |error: Error| error.to_string();
    let mut init = RequestInit::new();
    init.with_method(Method::from(method.to_owned()))
        .with_headers(write_headers(headers).map_err(words)?)
        // Only the phone may follow the redirect.
        .with_redirect(RequestRedirect::Manual);
    if !body.is_empty() {
        init.with_body(Some(js_sys::Uint8Array::from(body).into()));
    }
    let request = Request::new_with_init(url, &init).map_err(words)?;
    let abort = AbortController::default();
    let signal = abort.signal();
    let fetch = Fetch::Request(request);
    let answer = within(fetch.send_with_signal(&signal), timeout).await;
    if answer.is_err() {
        abort.abort();
    }
    answer
}

async fn within<T>(
    future: impl Future<Output = Result<T>>,
    timeout: Duration,
) -> std::result::Result<T, String> {
    match select(pin!(future), pin!(Delay::from(timeout))).await {
        Either::Left((done, _)) => done.map_err(|error| error.to_string()),
        Either::Right(_) => Err(format!("no answer within {} s", timeout.as_secs())),
    }
}

/// The body, or the beginning of one that is longer than `max_bytes`: one chunk
/// more shows that it is too long.
async fn read_body(request: &mut Request, max_bytes: usize) -> Result<Vec<u8>> {
    if request.inner().body().is_none() {
        return Ok(Vec::new());
    }
    read_stream(request.stream()?, max_bytes).await
}

async fn read_stream(mut stream: ByteStream, max_bytes: usize) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = stream.next().await {
        body.extend(chunk?);
        if body.len() > max_bytes {
            break;
        }
    }
    Ok(body)
}

/// Headers that are not ASCII are omitted: none of them is used.
fn read_headers(headers: &Headers) -> HeaderMap {
    headers
        .entries()
        .filter_map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(&value).ok()?))
        })
        .fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(name, value);
            map
        })
}

fn write_headers(headers: &HeaderMap) -> Result<Headers> {
    let written = Headers::new();
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            written.append(name.as_str(), value)?;
        }
    }
    Ok(written)
}

fn write_response(answer: web::Answer) -> Result<Response> {
    let (parts, body) = answer.into_parts();
    let headers = write_headers(&parts.headers)?;
    headers.set(SANDBOX_HEADER, "1")?;
    let builder = Response::builder()
        .with_status(parts.status.as_u16())
        .with_headers(headers);
    Ok(if body.is_empty() {
        builder.empty()
    } else {
        builder.fixed(body)
    })
}

fn now_ms() -> i64 {
    i64::try_from(Date::now().as_millis()).unwrap_or(i64::MAX)
}

/// The runtime's randomness. It does not fail; if it did, ids would repeat and
/// orders would be refused as duplicates, which is noticed at once.
fn random(bytes: &mut [u8]) {
    let _ = getrandom::fill(bytes);
}
