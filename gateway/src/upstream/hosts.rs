//! The hosts of each dialect, in their order; and how long a call takes.

use super::backoff::Backoff;
use crate::observe::labels::{CallFailure, Host};
use crate::observe::{Counter, Counters, Log};
use crate::runtime::{Chunks, FetchError, Request, Response, Route, Runtime};
use order::OutTradeNo;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;
use wechatpay::common::SANDBOX_HEADER;

/// Hosts that replace each other, and where their state is kept.
#[derive(Debug)]
pub struct Family {
    index: usize,
    hosts: &'static [Host],
}

/// WeChat Pay v2: the access nodes of the WeChat Pay v2 manual, section 4.3,
/// for a merchant overseas. Hong Kong first.
pub const V2: Family = Family {
    index: 0,
    hosts: &[
        Host::WechatHongKong,
        Host::WechatAmerica,
        Host::WechatMainland,
    ],
};

/// WeChat Pay v3 Global: Hong Kong, which South-East Asia uses too, America,
/// Europe.
pub const V3_GLOBAL: Family = Family {
    index: 1,
    hosts: &[
        Host::WechatHongKong,
        Host::WechatAmerica,
        Host::WechatEurope,
    ],
};

/// WeChat Pay v3 of mainland China.
pub const V3_MAINLAND: Family = Family {
    index: 2,
    hosts: &[Host::WechatMainland, Host::WechatMainlandSecond],
};

/// iOnline Pay.
pub const IONLINE: Family = Family {
    index: 3,
    hosts: &[Host::Ionline],
};

/// How many families there are.
const FAMILIES: usize = 4;

/// How long another host is used before the first is tried again.
const AWAY_MS: i64 = 60_000;

/// One call in so many is reported to WeChat (WeChat Pay v2 manual, section
/// 9.8).
const SAMPLE_EVERY: u32 = 50;

/// The host that answered last. If one fails, the next is used for a while.
#[derive(Debug, Default)]
pub struct Hosts {
    states: [State; FAMILIES],
    calls: Cell<u32>,
    samples: RefCell<VecDeque<Sample>>,
    /// The address of the last payer or caller who began a payment.
    caller: Cell<Option<IpAddr>>,
    counters: Rc<Counters>,
    backoff: Backoff,
    /// Whether WeChat itself must answer, and not the sandbox.
    is_live: bool,
}

#[derive(Debug, Default)]
struct State {
    current: Cell<usize>,
    return_at_ms: Cell<i64>,
}

/// How often a message may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tries {
    /// To each host once: the same message again has the same effect
    /// (checklist P6).
    EachHost,
    /// Once: it takes money.
    Once,
}

/// A message, to any host of a family.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    /// The route by which it is sent.
    pub route: Route<'m>,
    /// How often it may be sent.
    pub tries: Tries,
    /// The HTTP method.
    pub method: &'m str,
    /// Path and query.
    pub path: &'m str,
    /// Headers.
    pub headers: &'m [(&'static str, String)],
    /// The body.
    pub body: &'m str,
}

/// The result of sending a message to one host.
enum Tried<B> {
    Answered(http::Response<B>),
    Failed,
    NotSent,
}

/// How long one call took, or one whole Quick Pay.
#[derive(Debug)]
pub struct Sample {
    /// The call's whole URL.
    pub url: String,
    /// How long it took.
    pub elapsed_ms: i64,
    /// Its result.
    pub outcome: Outcome,
}

/// The result of a call that was timed.
#[derive(Debug)]
pub enum Outcome {
    /// No answer.
    NoAnswer,
    /// An answer, not verified; empty where it was not kept.
    Answered(Vec<u8>),
    /// A Quick Pay of this order ended, paid or not.
    QuickPay {
        /// The order's number.
        number: OutTradeNo,
        /// Whether it is paid.
        paid: bool,
    },
}

/// The most samples that wait to be reported; older ones are dropped.
const MAX_SAMPLES: usize = 10;

impl Hosts {
    /// Hosts whose calls are counted in `counters`. If `is_live`, an answer of
    /// the sandbox counts as no answer, because no money moves there.
    pub fn counting(counters: Rc<Counters>, is_live: bool) -> Self {
        Self {
            counters,
            is_live,
            ..Self::default()
        }
    }

    /// Which calls are paused.
    pub const fn backoff(&self) -> &Backoff {
        &self.backoff
    }

    /// Where calls are counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Sends a message. `None` means that no answer was received; the message
    /// may have had its effect.
    pub async fn send(
        &self,
        runtime: &impl Runtime,
        family: &Family,
        message: Message<'_>,
    ) -> Option<Response> {
        let fetch = async |request| runtime.fetch(message.route, request).await;
        self.send_by(runtime, family, message, &fetch, Vec::clone)
            .await
    }

    /// As [`Hosts::send`], for an answer that is too long for memory.
    pub async fn send_for_pieces(
        &self,
        runtime: &impl Runtime,
        family: &Family,
        message: Message<'_>,
    ) -> Option<http::Response<Chunks>> {
        let fetch = async |request| runtime.fetch_pieces(message.route, request).await;
        self.send_by(runtime, family, message, &fetch, |_| Vec::new())
            .await
    }

    async fn send_by<B>(
        &self,
        runtime: &impl Runtime,
        family: &Family,
        message: Message<'_>,
        fetch: &impl AsyncFn(Request) -> Result<http::Response<B>, FetchError>,
        sampled: fn(&B) -> Vec<u8>,
    ) -> Option<http::Response<B>> {
        let tries = match message.tries {
            Tries::EachHost => family.hosts.len(),
            Tries::Once => 1,
        };
        for _ in 0..tries {
            match self
                .try_one(runtime, family, message, fetch, sampled)
                .await?
            {
                Tried::Answered(answer) => return Some(answer),
                Tried::Failed => {}
                Tried::NotSent => return None,
            }
        }
        None
    }

    async fn try_one<B>(
        &self,
        runtime: &impl Runtime,
        family: &Family,
        message: Message<'_>,
        fetch: &impl AsyncFn(Request) -> Result<http::Response<B>, FetchError>,
        sampled: fn(&B) -> Vec<u8>,
    ) -> Option<Tried<B>> {
        let state = self.states.get(family.index)?;
        // A clock that was set back does not keep another host in use for longer.
        let left_ms = state.return_at_ms.get() - runtime.now_ms();
        if !(1..=AWAY_MS).contains(&left_ms) {
            state.current.set(0);
        }
        let current = state.current.get();
        let host = *family.hosts.get(current)?;
        let name = host.name();
        let url = format!("https://{name}{}", message.path);
        let mut request = http::Request::builder().method(message.method).uri(&url);
        for (header, value) in message.headers {
            request = request.header(*header, value);
        }
        let request: Request = match request.body(message.body.as_bytes().to_vec()) {
            Ok(request) => request,
            Err(error) => {
                // The error names the kind of fault and contains no value.
                runtime.log(format_args!("{name}: not sent: {error}"));
                return Some(Tried::NotSent);
            }
        };
        let began_ms = runtime.now_ms();
        let outcome = match fetch(request).await {
            Ok(answer) if self.is_live && answer.headers().contains_key(SANDBOX_HEADER) => {
                Err(FetchError::Sandbox)
            }
            outcome => outcome,
        };
        if matches!(outcome, Err(FetchError::Busy)) {
            // No host failed, and none was called.
            runtime.log(format_args!("{name}: {}", FetchError::Busy));
            self.counters.count(Counter::UpstreamNotSent);
            return Some(Tried::NotSent);
        }
        // A query string may identify the payer; the path never does.
        let place = url.split('?').next().unwrap_or_default();
        let elapsed_ms = runtime.now_ms() - began_ms;
        self.count(|| Sample {
            url: place.to_owned(),
            elapsed_ms,
            outcome: match &outcome {
                Err(_) => Outcome::NoAnswer,
                Ok(answer) => Outcome::Answered(sampled(answer.body())),
            },
        });
        self.counters.count(Counter::UpstreamCalls(host));
        self.counters.add(Counter::UpstreamMs(host), elapsed_ms);
        let failure = match &outcome {
            Ok(answer) if answer.status().is_server_error() => Some(CallFailure::ServerError),
            Ok(_) => None,
            Err(FetchError::Unreachable | FetchError::Sandbox) => Some(CallFailure::Unreachable),
            Err(FetchError::TimedOut) => Some(CallFailure::TimedOut),
            Err(FetchError::TooLong) => Some(CallFailure::TooLong),
            Err(FetchError::Busy) => None,
        };
        if let Some(reason) = failure {
            self.counters.count(Counter::UpstreamFailed(host, reason));
        }
        match outcome {
            Ok(answer) if !answer.status().is_server_error() => {
                return Some(Tried::Answered(answer));
            }
            Ok(answer) => runtime.log(format_args!("{place}: status {}", answer.status())),
            Err(error) => runtime.log(format_args!("{place}: {error}")),
        }
        // Another call may have changed the host during the await.
        if state.current.get() == current {
            state.current.set((current + 1) % family.hosts.len());
            state.return_at_ms.set(runtime.now_ms() + AWAY_MS);
        }
        Some(Tried::Failed)
    }

    fn count(&self, sample: impl FnOnce() -> Sample) {
        let calls = self.calls.get().wrapping_add(1);
        self.calls.set(calls);
        if calls.is_multiple_of(SAMPLE_EVERY) {
            self.add_sample(sample());
        }
    }

    /// Keeps a sample until it is reported.
    pub fn add_sample(&self, sample: Sample) {
        let mut samples = self.samples.borrow_mut();
        if samples.len() == MAX_SAMPLES {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// The samples that were not reported yet, oldest first.
    pub fn take_samples(&self) -> VecDeque<Sample> {
        self.samples.take()
    }

    /// Stores the address of the payer or caller who begins a payment.
    pub fn called_from(&self, address: IpAddr) {
        self.caller.set(Some(address));
    }

    /// The address of the last payer or caller who began a payment; `None`
    /// before the first.
    pub fn caller(&self) -> Option<IpAddr> {
        self.caller.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{
        CallError, FetchError, Object, PrivateKey, PublicKey, Response, Rsa, RsaError,
    };
    use futures_util::FutureExt;

    /// A network on which some hosts are down.
    #[derive(Default)]
    struct Network {
        now_ms: Cell<i64>,
        down: RefCell<Vec<&'static str>>,
        asked: RefCell<Vec<String>>,
        is_sandbox: bool,
        printed: RefCell<Vec<String>>,
    }

    impl Rsa for Network {
        async fn rsa_sign(&self, _: &PrivateKey, _: &[u8]) -> Result<Vec<u8>, RsaError> {
            Err(RsaError::of("no key"))
        }

        async fn rsa_verify(&self, _: &PublicKey, _: &[u8], _: &[u8]) -> Result<bool, RsaError> {
            Err(RsaError::of("no key"))
        }
    }

    impl Runtime for Network {
        fn now_ms(&self) -> i64 {
            self.now_ms.get()
        }

        fn random(&self, _: &mut [u8]) {}

        async fn fetch(&self, _: Route<'_>, request: Request) -> Result<Response, FetchError> {
            let host = request.uri().host().unwrap().to_owned();
            self.now_ms.set(self.now_ms.get() + 7);
            let down = self.down.borrow().contains(&host.as_str());
            self.asked.borrow_mut().push(host);
            match down {
                true => Err(FetchError::Unreachable),
                false => {
                    let mut answer = Response::new(Vec::new());
                    if self.is_sandbox {
                        let value = http::HeaderValue::from_static("1");
                        answer.headers_mut().insert(SANDBOX_HEADER, value);
                    }
                    Ok(answer)
                }
            }
        }

        fn presents_certificates(&self) -> bool {
            false
        }

        fn has_client_certificate(&self, _: &str) -> bool {
            false
        }

        async fn call(&self, _: Object<'_>, _: Vec<u8>) -> Result<Vec<u8>, CallError> {
            Err(CallError::NoAnswer)
        }

        async fn sleep(&self, _: u32) {}

        fn print(&self, line: &str) {
            self.printed.borrow_mut().push(line.to_owned());
        }
    }

    const QUERY: Message<'_> = Message {
        route: Route::WeChatPay,
        tries: Tries::EachHost,
        method: "POST",
        path: "/pay/orderquery",
        headers: &[],
        body: "",
    };

    fn post(hosts: &Hosts, runtime: &Network) -> (bool, Vec<String>) {
        let answered = hosts.send(runtime, &V2, QUERY).now_or_never().unwrap();
        (answered.is_some(), runtime.asked.take())
    }

    #[test]
    fn a_failed_host_is_not_used_for_a_minute() {
        let (hosts, runtime) = (Hosts::default(), Network::default());
        let [hk, us, cn] = [0, 1, 2].map(|n| V2.hosts[n].name().to_owned());
        assert_eq!(post(&hosts, &runtime), (true, vec![hk.clone()]));
        runtime.down.replace(vec![V2.hosts[0].name()]);
        assert_eq!(post(&hosts, &runtime), (true, vec![hk.clone(), us.clone()]));
        assert_eq!(
            post(&hosts, &runtime),
            (true, vec![us.clone()]),
            "remembered"
        );
        runtime.down.replace(vec![V2.hosts[1].name()]);
        assert_eq!(post(&hosts, &runtime), (true, vec![us, cn.clone()]));
        assert_eq!(post(&hosts, &runtime), (true, vec![cn]));
        runtime.now_ms.set(runtime.now_ms.get() + AWAY_MS);
        assert_eq!(
            post(&hosts, &runtime),
            (true, vec![hk.clone()]),
            "returned to"
        );
        runtime.down.replace(vec![V2.hosts[0].name()]);
        post(&hosts, &runtime);
        runtime.down.take();
        runtime.now_ms.set(runtime.now_ms.get() - 20 * AWAY_MS);
        let set_back = post(&hosts, &runtime);
        assert_eq!(set_back, (true, vec![hk]), "after the clock was set back");
        runtime
            .down
            .replace(V2.hosts.iter().map(|host| host.name()).collect());
        let (answered, asked) = post(&hosts, &runtime);
        assert!(!answered);
        assert_eq!(asked.len(), 3, "each once");
    }

    /// A forgotten binding to the sandbox must not make a live deployment
    /// accept the sandbox's payments.
    #[test]
    fn a_live_deployment_accepts_no_answer_of_the_sandbox() {
        let runtime = Network {
            is_sandbox: true,
            ..Network::default()
        };
        let test = Hosts::counting(Rc::default(), false);
        assert!(post(&test, &runtime).0);
        let live = Hosts::counting(Rc::default(), true);
        assert!(!post(&live, &runtime).0);
        let printed = runtime.printed.take();
        assert!(printed[0].contains("the sandbox answered"), "{printed:?}");
        assert!(post(&live, &Network::default()).0);
    }

    #[test]
    fn q4_what_takes_money_is_sent_once() {
        let (hosts, runtime) = (Hosts::default(), Network::default());
        runtime
            .down
            .replace(V2.hosts.iter().map(|host| host.name()).collect());
        let once = Message {
            tries: Tries::Once,
            ..QUERY
        };
        let sent = hosts.send(&runtime, &V2, once).now_or_never();
        assert!(sent.unwrap().is_none());
        assert_eq!(runtime.asked.take().len(), 1);
    }

    #[test]
    fn a_request_with_an_invalid_header_is_logged_and_not_sent() {
        let (hosts, runtime) = (Hosts::default(), Network::default());
        let headers = [("authorization", "a secret\n".to_owned())];
        let message = Message {
            headers: &headers,
            ..QUERY
        };
        let sent = hosts.send(&runtime, &V2, message).now_or_never();
        assert!(sent.unwrap().is_none());
        assert!(runtime.asked.take().is_empty());
        let printed = runtime.printed.take();
        assert_eq!(printed.len(), 1, "{printed:?}");
        assert!(printed[0].contains("not sent"), "{printed:?}");
        assert!(!printed[0].contains("secret"), "{printed:?}");
    }

    #[test]
    fn one_call_in_fifty_is_timed() {
        let (hosts, runtime) = (Hosts::default(), Network::default());
        for _ in 1..SAMPLE_EVERY {
            post(&hosts, &runtime);
            assert!(hosts.take_samples().is_empty());
        }
        post(&hosts, &runtime);
        let sample = hosts.take_samples().pop_front().unwrap();
        assert_eq!(sample.url, "https://apihk.mch.weixin.qq.com/pay/orderquery");
        assert_eq!(sample.elapsed_ms, 7);
        assert!(matches!(sample.outcome, Outcome::Answered(_)));
    }
}
