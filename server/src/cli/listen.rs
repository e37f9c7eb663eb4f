//! `weceive listen`: a deployment's events to a local program, in order, each
//! until the program has acknowledged it.
//!
//! ```text
//! GET /v1/events?after=… ─▶ POST to the program ─▶ 2xx ─▶ the event's id is stored ─▶ the next event
//! ```
//!
//! The id of the last acknowledged event is stored before the next one is sent.
//! So a run continues where the last one ended, and sends at most one event a
//! second time.

use super::Target;
use super::api::{Api, Badge, query};
use super::profile;
use super::terminal::{Failure, note, print};
use crate::client::{Connection, to_any_address};
use crate::clock::now_ms;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Options of `weceive listen`.
#[derive(Args, Debug)]
pub struct Listen {
    /// The address of your program, as in `http://127.0.0.1:3000/events`.
    #[arg(long, value_name = "URL")]
    to: Uri,
    /// Skip the events that exist already. Without it, a first run begins
    /// with the oldest event that the deployment keeps.
    #[arg(long)]
    skip: bool,
    /// Where the id of the last acknowledged event is stored. Without it, a file
    /// beside the profiles.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

/// The pause between two calls for new events.
const PAUSE: Duration = Duration::from_secs(1);
/// The pauses after which an event is sent again; the last one repeats.
const AGAIN: [u64; 5] = [1, 2, 5, 10, 30];
/// How long the program may take, as for an endpoint.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of an answer's body is read, so that the connection can be used
/// again.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const SECRET_PREFIX: &str = "whsec_";
const SECRET_BYTES: usize = 24;

/// The state that is stored between two runs.
#[derive(Deserialize, Serialize)]
struct State {
    /// The address of the deployment.
    url: String,
    /// The secret that signs the events; the same in each run.
    secret: String,
    /// The last event that was acknowledged.
    after: Option<String>,
}

/// Passes events on until the program receives a signal to end.
///
/// # Errors
///
/// The deployment refuses the call, or the state cannot be stored.
pub fn listen(options: &Listen, target: &Target) -> Result<(), Failure> {
    let is_http = matches!(options.to.scheme_str(), Some("http" | "https"));
    if !is_http || options.to.authority().is_none() {
        let wrong = format!(
            "{} is no address of a program; write it as http://127.0.0.1:3000/events",
            options.to
        );
        return Err(Failure::Local(wrong));
    }
    let profile = profile::load(&target.profile)?;
    let path = match &options.state {
        Some(path) => path.clone(),
        None => profile::beside(&format!("listen-{}.json", target.profile))?,
    };
    let _lock = lock(&path)?;
    let state = State::of(&path, &profile.url)?;
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Local(error.to_string()))?;
    let mut listener = Listener {
        api: Api::new(profile, target.json)?,
        program: to_any_address().map_err(Failure::Local)?,
        to: options.to.clone(),
        path,
        state,
    };
    listener.announce();
    executor.block_on(async {
        tokio::select! {
            // An event in progress is sent again by the next run.
            signal = tokio::signal::ctrl_c() => signal.map_err(|error| Failure::Local(error.to_string())),
            ended = listener.run(options.skip) => ended,
        }
    })
}

struct Listener {
    api: Api,
    program: Connection,
    to: Uri,
    path: PathBuf,
    state: State,
}

impl Listener {
    fn announce(&self) {
        let begins = match &self.state.after {
            Some(after) => format!("after {after}"),
            None => "with the oldest".to_owned(),
        };
        note(&format!(
            "The events of {}, {begins}, go to {}.\nThey are signed as Standard Webhooks with {}",
            self.state.url, self.to, self.state.secret
        ));
    }

    async fn run(&mut self, skip: bool) -> Result<(), Failure> {
        if skip {
            while let Some(last) = self.page().await?.last().and_then(id) {
                self.state.after = Some(last);
            }
            self.state.store(&self.path)?;
        }
        loop {
            let events = self.page().await?;
            for event in &events {
                let id = id(event).ok_or_else(|| {
                    Failure::Unavailable(format!("an event without an id: {event}"))
                })?;
                self.deliver(&id, event).await?;
                self.acknowledged(id)?;
            }
            if events.is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// The events after the last acknowledged one, oldest first. Waits while the
    /// deployment does not answer.
    async fn page(&self) -> Result<Vec<Value>, Failure> {
        let after = self.state.after.as_deref().map(|after| ("after", after));
        let path = format!(
            "/v1/events?{}",
            query([("limit", "100")].into_iter().chain(after))
        );
        let mut pauses = pauses();
        loop {
            match self
                .api
                .call(Badge::Merchant, Method::GET, &path, None)
                .await
            {
                Ok(mut data) => {
                    let events = data.get_mut("events").map(Value::take);
                    return match events {
                        Some(Value::Array(events)) => Ok(events),
                        _ => Err(Failure::Unavailable(format!(
                            "the answer has no events: {data}"
                        ))),
                    };
                }
                Err(failure @ Failure::Unavailable(_)) => {
                    let pause = pauses.next().unwrap_or(PAUSE);
                    note(&format!("{failure}; asked again in {} s", pause.as_secs()));
                    tokio::time::sleep(pause).await;
                }
                Err(Failure::Refused(said))
                    if self.state.after.is_some() && said.contains("CURSOR_INVALID") =>
                {
                    return Err(Failure::Refused(format!(
                        "{said}\nThe last acknowledged event is stored in {}; delete this file to begin with the oldest \
                         event, or with --skip after the newest",
                        self.path.display()
                    )));
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Sends an event until it is acknowledged.
    async fn deliver(&self, id: &str, event: &Value) -> Result<(), Failure> {
        let mut pauses = pauses();
        loop {
            let why = match tokio::time::timeout(PATIENCE, self.send(id, event)).await {
                Ok(Ok(status)) if (200..300).contains(&status) => {
                    return self.print_delivered(id, event, status);
                }
                Ok(Ok(status)) => format!("answered {status}"),
                Ok(Err(why)) => why,
                Err(_) => format!("has not answered in {} s", PATIENCE.as_secs()),
            };
            let pause = pauses.next().unwrap_or(PAUSE);
            note(&format!(
                "{id}: {} {why}; sent again in {} s",
                self.to,
                pause.as_secs()
            ));
            tokio::time::sleep(pause).await;
        }
    }

    async fn send(&self, id: &str, event: &Value) -> Result<u16, String> {
        let body = event.to_string();
        let seconds = now_ms() / 1000;
        let signature = sign(&self.state.secret, id, seconds, &body)?;
        let request = Request::post(&self.to)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())?;
        let answer = self.program.request(request).await;
        let answer = answer.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            format!(
                "does not answer: {}",
                cause.unwrap_or_else(|| error.to_string())
            )
        })?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect();
        // Only the status counts.
        let _ = body.await;
        Ok(status)
    }

    fn print_delivered(&self, id: &str, event: &Value, status: u16) -> Result<(), Failure> {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        match self.api.json {
            true => print(&format!("{event}\n")),
            false => print(&format!(
                "{id}  {}  {}  {status}\n",
                text("type"),
                text("subject")
            )),
        }
    }

    fn acknowledged(&mut self, id: String) -> Result<(), Failure> {
        self.state.after = Some(id);
        self.state.store(&self.path)
    }
}

fn id(event: &Value) -> Option<String> {
    event.get("id").and_then(Value::as_str).map(str::to_owned)
}

fn pauses() -> impl Iterator<Item = Duration> {
    let last = AGAIN.last().copied();
    AGAIN
        .into_iter()
        .chain(std::iter::repeat_with(move || last.unwrap_or(1)))
        .map(Duration::from_secs)
}

/// The header `webhook-signature` of Standard Webhooks.
fn sign(secret: &str, id: &str, seconds: i64, body: &str) -> Result<String, String> {
    let encoded = secret.strip_prefix(SECRET_PREFIX).unwrap_or(secret);
    let bytes = STANDARD.decode(encoded);
    let bytes = bytes.map_err(|_| "the stored secret is damaged".to_owned())?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
    let signed = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(signed)))
}

impl State {
    /// What the last run stored, or a new secret.
    fn of(path: &Path, url: &str) -> Result<Self, Failure> {
        let said = |error: &dyn std::fmt::Display| unusable(path, error);
        match std::fs::read_to_string(path) {
            Ok(text) => {
                // The parser's message may repeat the secret.
                let state: Self = serde_json::from_str(&text).map_err(|_| {
                    said(&"it is damaged; delete it to begin with the oldest event")
                })?;
                match state.url == url {
                    true => Ok(state),
                    false => Err(said(&format_args!(
                        "it is of {}, not of {url}; name another with --state",
                        state.url
                    ))),
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut bytes = [0; SECRET_BYTES];
                getrandom::fill(&mut bytes).map_err(|error| said(&error))?;
                let state = Self {
                    url: url.to_owned(),
                    secret: format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes)),
                    after: None,
                };
                state.store(path)?;
                Ok(state)
            }
            Err(error) => Err(said(&error)),
        }
    }

    /// Writes the whole file, so that a crash leaves the earlier one.
    fn store(&self, path: &Path) -> Result<(), Failure> {
        let stored = || -> std::io::Result<()> {
            let new = path.with_extension("new");
            let mut options = OpenOptions::new();
            let file = options.write(true).create(true).truncate(true).mode(0o600);
            let mut file = file.open(&new)?;
            file.write_all(serde_json::to_string(self)?.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, path)
        };
        stored().map_err(|error| unusable(path, &error))
    }
}

/// Two runs with one state would each skip what the other one passes on.
fn lock(path: &Path) -> Result<File, Failure> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(|error| unusable(path, &error))?;
    }
    let mut options = OpenOptions::new();
    let lock = options.write(true).create(true).truncate(false).mode(0o600);
    let lock = lock
        .open(path.with_extension("lock"))
        .map_err(|error| unusable(path, &error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(unusable(
            path,
            &"another weceive listen uses it; name another with --state",
        )),
        Err(TryLockError::Error(error)) => Err(unusable(path, &error)),
    }
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::Local(format!(
        "the state {} cannot be used: {why}",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification, "Signature scheme".
    #[test]
    fn an_event_is_signed_as_the_specification_shows() {
        let signature = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(
            signature.as_deref(),
            Ok("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        );
    }
}
