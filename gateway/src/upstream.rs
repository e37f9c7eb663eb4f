//! Calls to WeChat Pay v2: the hosts in their order, and what an answer that
//! is no success means for the caller.

use crate::error::{ApiError, Code};
use crate::world::{Request, Route, World};
use serde_json::{Map, Value};
use std::cell::{Cell, RefCell};
use wechatpay::v2::answer::AnswerError;
use wechatpay::v2::bill;
use wechatpay::v2::xml::Fields;

/// The access nodes of seed 002, section 4.3, for a merchant overseas: Hong
/// Kong first.
const HOSTS: [&str; 3] = [
    "apihk.mch.weixin.qq.com",
    "apius.mch.weixin.qq.com",
    "api.mch.weixin.qq.com",
];

/// How long another host is used before the first is tried again.
const AWAY_MS: i64 = 60_000;

/// One call in so many is reported to WeChat (seed 002, section 9.8).
const SAMPLE_EVERY: u32 = 50;

/// Which host answered last. Where one fails the next is used, for a while.
#[derive(Debug, Default)]
pub struct Hosts {
    current: Cell<usize>,
    return_at_ms: Cell<i64>,
    calls: Cell<u32>,
    sample: RefCell<Option<Sample>>,
}

/// How long one call took.
#[derive(Debug)]
pub struct Sample {
    /// The call's whole URL.
    pub url: String,
    /// How long it took.
    pub elapsed_ms: i64,
    /// Whether an answer came.
    pub answered: bool,
}

impl Hosts {
    /// Sends an idempotent message: each host is tried once, because the same
    /// message again has the same effect (checklist P6). `None` when none of
    /// them answered.
    pub async fn post(&self, world: &impl World, path: &str, xml: &str) -> Option<Vec<u8>> {
        for _ in HOSTS {
            if let Some(answer) = self.post_once(world, path, xml).await {
                return Some(answer);
            }
        }
        None
    }

    /// Sends a message that takes money: once. `None` says that no answer
    /// came, and not that nothing happened.
    pub async fn post_once(&self, world: &impl World, path: &str, xml: &str) -> Option<Vec<u8>> {
        if world.now_ms() >= self.return_at_ms.get() {
            self.current.set(0);
        }
        let current = self.current.get();
        let host = HOSTS.get(current)?;
        let route = match path {
            bill::PATH => Route::Statement,
            _ if path.starts_with("/secapi/") => Route::WeChatPayMtls,
            _ => Route::WeChatPay,
        };
        let mut request = Request::new(xml.as_bytes().to_vec());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = format!("https://{host}{path}").parse().ok()?;
        request.headers_mut().insert(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static("text/xml; charset=utf-8"),
        );
        let began_ms = world.now_ms();
        let outcome = world.fetch(route, request).await;
        self.count(|| Sample {
            url: format!("https://{host}{path}"),
            elapsed_ms: world.now_ms() - began_ms,
            answered: outcome.is_ok(),
        });
        match outcome {
            Ok(answer) if !answer.status().is_server_error() => return Some(answer.into_body()),
            Ok(answer) => world.log(format_args!("{host}{path}: status {}", answer.status())),
            Err(error) => world.log(format_args!("{host}{path}: {error}")),
        }
        // Others may have moved on from this host meanwhile.
        if self.current.get() == current {
            self.current.set((current + 1) % HOSTS.len());
            self.return_at_ms.set(world.now_ms() + AWAY_MS);
        }
        None
    }

    fn count(&self, sample: impl FnOnce() -> Sample) {
        let calls = self.calls.get().wrapping_add(1);
        self.calls.set(calls);
        if calls.is_multiple_of(SAMPLE_EVERY) {
            self.sample.replace(Some(sample()));
        }
    }

    /// The latest sample that was not reported yet.
    pub fn take_sample(&self) -> Option<Sample> {
        self.sample.take()
    }
}

/// What the merchant is told. A refusal is forwarded whole, as seed 000 shows
/// it ("Request Refund"); what could not be verified is not.
pub fn refused(world: &impl World, what: &str, error: &AnswerError) -> ApiError {
    world.log(format_args!("{what}: {error}"));
    match error {
        AnswerError::Refused { fields, .. } => ApiError {
            code: Code::UpstreamRefused,
            field: None,
            message: object(fields),
        },
        // Unsigned by nature (seed 002, section 4.3.1): a signature that
        // WeChat did not accept is reported so. It is shown, not believed.
        AnswerError::Communication { return_msg } => ApiError {
            code: Code::UpstreamRefused,
            field: None,
            message: serde_json::json!({"return_code": "FAIL", "return_msg": return_msg}),
        },
        _ => ApiError::of(Code::UpstreamUnverified),
    }
}

fn object(fields: &Fields) -> Value {
    let entries = fields
        .iter()
        .map(|(name, value)| (name.to_owned(), Value::String(value.to_owned())));
    Value::Object(entries.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{CallError, FetchError, Object, Response};
    use futures_util::FutureExt;
    use std::fmt;

    /// A network on which some hosts are down.
    #[derive(Default)]
    struct Network {
        now_ms: Cell<i64>,
        down: RefCell<Vec<&'static str>>,
        asked: RefCell<Vec<String>>,
    }

    impl World for Network {
        fn now_ms(&self) -> i64 {
            self.now_ms.get()
        }

        fn random(&self, _: &mut [u8]) {}

        async fn fetch(&self, _: Route, request: Request) -> Result<Response, FetchError> {
            let host = request.uri().host().unwrap().to_owned();
            self.now_ms.set(self.now_ms.get() + 7);
            let down = self.down.borrow().contains(&host.as_str());
            self.asked.borrow_mut().push(host);
            match down {
                true => Err(FetchError::Unreachable),
                false => Ok(Response::new(Vec::new())),
            }
        }

        async fn call(&self, _: Object<'_>, _: Vec<u8>) -> Result<Vec<u8>, CallError> {
            Err(CallError)
        }

        fn log(&self, _: fmt::Arguments<'_>) {}
    }

    fn post(hosts: &Hosts, world: &Network) -> (bool, Vec<String>) {
        let answered = hosts
            .post(world, "/pay/orderquery", "")
            .now_or_never()
            .unwrap();
        (answered.is_some(), world.asked.take())
    }

    #[test]
    fn a_host_that_fails_is_left_for_a_minute_and_returned_to() {
        let (hosts, world) = (Hosts::default(), Network::default());
        let [hk, us, cn] = HOSTS.map(str::to_owned);
        assert_eq!(post(&hosts, &world), (true, vec![hk.clone()]));
        world.down.replace(vec![HOSTS[0]]);
        assert_eq!(post(&hosts, &world), (true, vec![hk.clone(), us.clone()]));
        assert_eq!(post(&hosts, &world), (true, vec![us.clone()]), "remembered");
        world.down.replace(vec![HOSTS[1]]);
        assert_eq!(post(&hosts, &world), (true, vec![us, cn.clone()]));
        assert_eq!(post(&hosts, &world), (true, vec![cn]));
        world.now_ms.set(world.now_ms.get() + AWAY_MS);
        assert_eq!(post(&hosts, &world), (true, vec![hk]), "returned to");
        world.down.replace(HOSTS.to_vec());
        let (answered, asked) = post(&hosts, &world);
        assert!(!answered);
        assert_eq!(asked.len(), 3, "each once");
    }

    #[test]
    fn q4_what_takes_money_is_sent_once() {
        let (hosts, world) = (Hosts::default(), Network::default());
        world.down.replace(HOSTS.to_vec());
        let sent = hosts.post_once(&world, "/pay/micropay", "").now_or_never();
        assert_eq!(sent.unwrap(), None);
        assert_eq!(world.asked.take().len(), 1);
    }

    #[test]
    fn one_call_in_fifty_is_timed() {
        let (hosts, world) = (Hosts::default(), Network::default());
        for _ in 1..SAMPLE_EVERY {
            post(&hosts, &world);
            assert!(hosts.take_sample().is_none());
        }
        post(&hosts, &world);
        let sample = hosts.take_sample().unwrap();
        assert_eq!(sample.url, "https://apihk.mch.weixin.qq.com/pay/orderquery");
        assert_eq!((sample.elapsed_ms, sample.answered), (7, true));
    }
}
