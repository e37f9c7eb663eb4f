//! Request context: request id, actor and call. Every log line and every audit
//! row has them.
//!
//! ```text
//! request ─▶ Gateway::handle ─▶ book or registry ─▶ order ┄▶ timer ─▶ delivery
//!            makes the id        gets it with the    keeps it  takes it up again
//!                                call
//! ```
//!
//! A context belongs to a *future*: it is made current for each poll and removed
//! afterwards, so that no function needs an argument for it. Everything runs on
//! one thread.

use crate::runtime::{Request, Runtime};
use http::HeaderName;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::fmt;
use std::pin::pin;

/// The header for a request's id: a request may bring one, and every answer and
/// delivery has it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who acts. The log, the audit and messages between objects contain the text
/// that `Display` writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Actor {
    /// No request and no timer: a report to the board.
    #[default]
    None,
    /// A caller before authentication.
    Unauthenticated,
    /// A payer's browser or Mini Program.
    Payer,
    /// WeChat or iOnline, with a notice.
    WeChat,
    /// The operator.
    Operator,
    /// A timer of a book.
    Timer,
    /// A merchant's key or token: `key …` or `token …` with the beginning of its
    /// fingerprint.
    Credential(String),
    /// A person of a merchant's staff, by its id.
    Person(String),
}

/// What the text of a [`Actor::Person`] begins with.
const PERSON: &str = "person ";

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "",
            Self::Unauthenticated => "nobody",
            Self::Payer => "payer",
            Self::WeChat => "wechat",
            Self::Operator => "admin",
            Self::Timer => "timer",
            Self::Credential(text) => text,
            Self::Person(id) => return write!(f, "{PERSON}{id}"),
        })
    }
}

impl From<String> for Actor {
    fn from(text: String) -> Self {
        match text.as_str() {
            "" => Self::None,
            "nobody" => Self::Unauthenticated,
            "payer" => Self::Payer,
            "wechat" => Self::WeChat,
            "admin" => Self::Operator,
            "timer" => Self::Timer,
            _ => match text.strip_prefix(PERSON) {
                Some(id) => Self::Person(id.to_owned()),
                None => Self::Credential(text),
            },
        }
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.to_string()
    }
}

/// The caller, its call and the request's id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestContext {
    /// The request's id. A timer's is that of the request that made the order.
    pub request_id: String,
    /// Who acts.
    pub who: Actor,
    /// Method and path; or the subject of a timer.
    pub call: String,
    /// Whether a payer waits at a till: such a request's calls to WeChat are
    /// sent first.
    #[serde(skip)]
    pub urgent: bool,
}

thread_local! {
    static CURRENT: RefCell<RequestContext> = RefCell::default();
}

impl RequestContext {
    /// The context of a request. The id is Cloudflare's or a proxy's, where that
    /// is well-formed, and `fresh` otherwise.
    pub fn of(request: &Request, who: Actor, fresh: impl FnOnce() -> String) -> Self {
        let id = ["cf-ray", REQUEST_ID.as_str()]
            .iter()
            .filter_map(|name| request.headers().get(*name)?.to_str().ok())
            .find(|id| is_id(id));
        let path: String = request.uri().path().chars().take(96).collect();
        Self {
            request_id: id.map_or_else(fresh, str::to_owned),
            who,
            call: format!("{} {path}", request.method()),
            urgent: false,
        }
    }

    /// The context of a timer, for an order that was made under `request_id`.
    pub fn timer(about: &str, request_id: String) -> Self {
        Self {
            request_id,
            who: Actor::Timer,
            call: format!("timer {about}"),
            urgent: false,
        }
    }

    /// The current context; the default one outside of any.
    pub fn current() -> Self {
        CURRENT.with_borrow(Self::clone)
    }

    /// Runs a future in this context, which is made current for each poll.
    pub async fn within<F: Future>(mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        std::future::poll_fn(move |task| {
            let _in_place = InPlace::put(&mut self);
            future.as_mut().poll(task)
        })
        .await
    }

    /// Runs a synchronous function in this context.
    pub fn within_now<T>(mut self, work: impl FnOnce() -> T) -> T {
        let _in_place = InPlace::put(&mut self);
        work()
    }
}

/// Records the authenticated caller.
pub fn set_actor(who: Actor) {
    CURRENT.with_borrow_mut(|request_context| request_context.who = who);
}

/// Makes a context current, and the previous one again when it is dropped.
struct InPlace<'a>(&'a mut RequestContext);

impl<'a> InPlace<'a> {
    fn put(request_context: &'a mut RequestContext) -> Self {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, request_context));
        Self(request_context)
    }
}

impl Drop for InPlace<'_> {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, self.0));
    }
}

/// A line of the log: one JSON object, whose last member is `says`.
fn line(facts: &[(&str, Value)], says: fmt::Arguments<'_>) -> String {
    let request_context = RequestContext::current();
    let mut line = Map::new();
    for (name, text) in [
        ("request", request_context.request_id),
        ("who", request_context.who.to_string()),
        ("call", request_context.call),
    ] {
        if !text.is_empty() {
            line.insert(name.to_owned(), Value::String(text));
        }
    }
    for (name, value) in facts {
        line.insert((*name).to_owned(), value.clone());
    }
    line.insert("says".to_owned(), Value::String(says.to_string()));
    Value::Object(line).to_string()
}

/// Writes the operator's log. Every line names its request or timer; none
/// contains a secret or a whole openid.
pub trait Log: Runtime {
    /// Writes a line.
    fn log(&self, says: fmt::Arguments<'_>) {
        self.log_with(&[], says);
    }

    /// Writes a line with additional members.
    fn log_with(&self, facts: &[(&str, Value)], says: fmt::Arguments<'_>) {
        self.print(&line(facts, says));
    }
}

impl<R: Runtime> Log for R {}

/// The bytes of an object's answer. An answer that cannot be serialised is
/// logged; its caller gets no bytes, and reports an unreadable answer.
pub fn answer_bytes(runtime: &impl Runtime, answer: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(answer).unwrap_or_else(|error| {
        runtime.log(format_args!("an answer cannot be written: {error}"));
        Vec::new()
    })
}

/// An error's text for the log, without the addresses and parameters that it
/// may repeat, and with at most 200 characters.
pub fn without_addresses(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let is_address = ["://", "?", "=", "%"]
            .iter()
            .any(|mark| word.contains(mark));
        if is_address { "…" } else { word }
    });
    let text = words.collect::<Vec<_>>().join(" ");
    text.chars().take(200).collect()
}

/// Whether an id is short and needs no escaping anywhere.
fn is_id(text: &str) -> bool {
    (8..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::task::Poll;

    fn request(header: &str, id: &str) -> Request {
        let request = http::Request::get("https://pay.example.com/v1/order?out_trade_no=1");
        request.header(header, id).body(Vec::new()).unwrap()
    }

    #[test]
    fn an_error_for_the_log_repeats_no_address() {
        let text = "fetch of https://shop.example.com/notify?key=secret failed: lost key=secret";
        assert_eq!(without_addresses(text), "fetch of … failed: lost …");
        assert_eq!(without_addresses(&"é".repeat(300)), "é".repeat(200));
    }

    #[test]
    fn only_a_well_formed_request_id_is_accepted() {
        for (header, id, taken) in [
            ("cf-ray", "8c1d2e3f4a5b6c7d-HKG", true),
            ("x-request-id", "0b9f6c1e-6d2f-4c53-9e0c-2f5d5f1c8a11", true),
            ("x-request-id", "short", false),
            ("x-request-id", "a b c d e f g h", false),
            ("x-request-id", "\"}{\"who\":\"admin", false),
            ("x-request-id", &"a".repeat(65), false),
        ] {
            let request_context =
                RequestContext::of(&request(header, id), Actor::Payer, || "fresh".to_owned());
            assert_eq!(request_context.request_id == id, taken, "{id}");
            assert_eq!(
                request_context.call, "GET /v1/order",
                "and never a query string"
            );
        }
    }

    /// Two requests in flight at once keep their contexts apart.
    #[test]
    fn a_context_is_current_only_while_its_future_runs() {
        let wait = || {
            let mut first = true;
            std::future::poll_fn(move |_| match std::mem::take(&mut first) {
                true => Poll::Pending,
                false => Poll::Ready(()),
            })
        };
        let one = |name: &str| {
            let name = name.to_owned();
            RequestContext::timer(&name, name.clone()).within(async move {
                set_actor(Actor::Credential(format!("key {name}")));
                wait().await;
                let request_context = RequestContext::current();
                (request_context.request_id, request_context.who)
            })
        };
        let mut both = Box::pin(futures_util::future::join(one("a"), one("b")));
        assert!((&mut both).now_or_never().is_none());
        assert_eq!(RequestContext::current(), RequestContext::default());
        let (a, b) = both.now_or_never().unwrap();
        assert_eq!(a, ("a".to_owned(), Actor::Credential("key a".to_owned())));
        assert_eq!(b, ("b".to_owned(), Actor::Credential("key b".to_owned())));
        assert_eq!(RequestContext::current(), RequestContext::default());
    }

    /// Contexts travel between objects of two versions, and the audit stores the
    /// texts.
    #[test]
    fn an_actor_is_written_and_read_as_its_text() {
        for (actor, text) in [
            (Actor::None, ""),
            (Actor::Unauthenticated, "nobody"),
            (Actor::Payer, "payer"),
            (Actor::WeChat, "wechat"),
            (Actor::Operator, "admin"),
            (Actor::Timer, "timer"),
            (Actor::Credential("key 3Kd9ahB1".to_owned()), "key 3Kd9ahB1"),
            (
                Actor::Person("0b9f6c1e6d2f".to_owned()),
                "person 0b9f6c1e6d2f",
            ),
        ] {
            let json = serde_json::to_value(&actor).unwrap();
            assert_eq!(json, text);
            assert_eq!(serde_json::from_value::<Actor>(json).unwrap(), actor);
        }
    }

    #[test]
    fn a_line_is_one_json_object() {
        let request_context = RequestContext::timer("1\n2", "an-id-of-a-request".to_owned());
        let line = request_context.within_now(|| line(&[("n", 1.into())], format_args!("a \"b\"")));
        assert_eq!(
            line,
            r#"{"request":"an-id-of-a-request","who":"timer","call":"timer 1\n2","n":1,"says":"a \"b\""}"#
        );
    }
}
