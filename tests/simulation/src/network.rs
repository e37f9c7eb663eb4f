//! The network: messages are delayed, lost, repeated and corrupted, according
//! to the seed's fault profile.

use super::fault_profile::{Held, WrongCertificate};
use super::ledger::Notice;
use super::world::{Place, Promise, World};
use gateway::runtime::{FetchError, Request, Response, Route};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use memory_runtime::messages::{Destination, bad_gateway, page, show_certificate};
use std::rc::Rc;
use wechatpay::v3::sign as v3;

/// How many statements of an object's opening can be refused.
const OPENING: i64 = 8;
/// The longest time that a message is in flight.
pub(super) const SLOWEST_MS: i64 = 20_000;

/// The deliveries of a message: when it arrives and whether it is corrupted;
/// none, one or two.
type Journey = Vec<(i64, bool)>;

impl World {
    /// The destination of a route. If the route presents a client certificate,
    /// the request carries a note of it, which the network does not corrupt.
    pub(super) fn destination(&self, route: Route<'_>, request: &mut Request) -> Destination {
        show_certificate(route, request, |binding| self.certificate_of(binding));
        Destination::of(route)
    }

    /// The certificate that a binding presents: the `mch_id` in its name,
    /// unless the operator has bound another certificate, or none.
    pub(super) fn certificate_of(&self, binding: &str) -> Option<String> {
        let mch_id = binding.strip_prefix("WECHATPAY_MTLS_")?;
        match self.0.wrong_certificate.get() {
            Some(WrongCertificate::Missing) => None,
            Some(WrongCertificate::Expired) => Some("expired".to_owned()),
            Some(WrongCertificate::AnotherMerchants) => Some("1700000000".to_owned()),
            None => Some(mch_id.to_owned()),
        }
    }

    /// Whether a database refuses this statement.
    pub(super) fn store_refuses(&self) -> bool {
        let once_in = self.0.profile.refuses;
        match self.0.calm.get() {
            true => self.troubles(|trouble| trouble.refuses),
            false => once_in > 0 && self.0.refusals.one_in(once_in),
        }
    }

    /// Which statement of an object's opening is refused; negative for none.
    pub(super) fn refused_of_opening(&self) -> i64 {
        let refuses = (0..OPENING).find(|_| self.store_refuses());
        refuses.unwrap_or(-1)
    }

    /// What happens to this request, where a scene has chosen it.
    fn held(&self, what: &str, request: &Request) -> Option<Held> {
        let mut held = self.0.held.borrow_mut();
        let body = request.body();
        let (text, _) = held.as_ref()?;
        if !body.windows(text.len()).any(|part| part == text.as_bytes()) {
            return None;
        }
        let (_, how) = held.take()?;
        self.note(|| format!("  …{how:?}: {what}"));
        Some(how)
    }

    /// True once in this many times, while there are faults.
    pub(super) fn goes_wrong(&self, once_in: usize) -> bool {
        !self.0.calm.get() && self.0.random.one_in(once_in)
    }

    pub(super) fn journey(&self) -> Journey {
        let random = &self.0.random;
        if self.0.calm.get() {
            if self.troubles(|trouble| trouble.lost) {
                return Vec::new();
            }
            return vec![(random.between(5, 40), false)];
        }
        let profile = &self.0.profile;
        if random.one_in(profile.lost) {
            return Vec::new();
        }
        // Of two copies one is often corrupted: the answer to it is about the
        // other.
        let (copies, corrupted) = match random.one_in(profile.twice) {
            true => (2, profile.corrupted.div_ceil(4)),
            false => (1, profile.corrupted),
        };
        (0..copies)
            .map(|_| {
                let delay = match random.one_in(profile.slow) {
                    true => random.between(1_000, SLOWEST_MS),
                    false => random.between(5, 250),
                };
                (delay, random.one_in(corrupted))
            })
            .collect()
    }

    /// Corrupts part of a message. A signed part may be changed in any way; a
    /// change of another part could be another valid request of the sender, so
    /// it becomes unreadable.
    pub(super) fn garble(&self, headers: &mut HeaderMap, body: &mut Vec<u8>, signed: bool) {
        let random = &self.0.random;
        let named = headers.iter().filter(|(n, v)| carries_signature(n, v));
        let named: Vec<HeaderName> = named.map(|(name, _)| name.clone()).collect();
        if !named.is_empty() && (body.is_empty() || random.one_in(3)) {
            self.garble_headers(headers, &named);
            return;
        }
        if body.is_empty() {
            return;
        }
        if !signed && named.is_empty() && !body.starts_with(b"<xml") {
            let at = random.below(body.len());
            body[at] = 0xFF;
            return;
        }
        if random.one_in(4) {
            body.truncate(random.below(body.len()));
            return;
        }
        if random.one_in(3) && self.garble_to_the_point(body) {
            return;
        }
        for _ in 0..=random.below(2) {
            let at = random.below(body.len());
            // With letters and digits the document often stays valid.
            body[at] = random.pick(b"0123456789ABCZabcz<>\"{}&=,\xff");
        }
    }

    /// Changes an open or pending state to a final one, or a number to another
    /// number, as an attacker would.
    fn garble_to_the_point(&self, body: &mut Vec<u8>) -> bool {
        const OPEN: [&str; 3] = ["NOTPAY", "USERPAYING", "PROCESSING"];
        let random = &self.0.random;
        let Ok(text) = std::str::from_utf8(body) else {
            return false;
        };
        if let Some(open) = OPEN.iter().find(|open| text.contains(*open)) {
            *body = text.replace(open, "SUCCESS").into_bytes();
            return true;
        }
        let digits = text.bytes().enumerate().filter(|(_, b)| b.is_ascii_digit());
        let digits: Vec<usize> = digits.map(|(at, _)| at).collect();
        if digits.is_empty() {
            return false;
        }
        body[random.pick(&digits)] = random.pick(b"0123456789");
        true
    }

    /// A corrupted notice.
    pub(super) fn corrupted(&self, notice: &Notice) -> Notice {
        let mut headers = HeaderMap::new();
        for (name, value) in &notice.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
        let mut body = notice.body.clone();
        self.garble(&mut headers, &mut body, true);
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        Notice {
            url: notice.url.clone(),
            headers: headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body,
        }
    }

    /// Removes the headers that sign a message, or one of them, or changes a
    /// character.
    fn garble_headers(&self, headers: &mut HeaderMap, named: &[HeaderName]) {
        let random = &self.0.random;
        if random.one_in(3) {
            for name in named {
                headers.remove(name);
            }
            return;
        }
        let name = random.pick(named);
        if random.one_in(3) {
            headers.remove(&name);
            return;
        }
        let Some(value) = headers.get(&name) else {
            return;
        };
        let mut bytes = value.as_bytes().to_vec();
        let at = random.below(bytes.len().max(1));
        if let Some(byte) = bytes.get_mut(at) {
            *byte = random.pick(b"0123456789ABCZabcz+/=\"");
        }
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            headers.insert(name, value);
        }
    }

    fn note_from(&self, from: &str, text: impl FnOnce() -> String) {
        self.note_at(from, text);
    }

    /// A request leaves an isolate or an object.
    pub(super) fn send_out(
        &self,
        from: &str,
        to: Destination,
        request: Request,
        promise: Promise<Result<Response, FetchError>>,
    ) {
        if to == Destination::Assets {
            self.after(1, move |_| promise.keep(Ok(page())));
            return;
        }
        let what: Rc<str> = match self.0.history.is_on() {
            true => describe(&request).into(),
            false => "".into(),
        };
        if is_quick_pay(request.uri().path()) {
            self.watch_quick_pay(from, &request);
        }
        self.note_from(from, || format!("→ {what}"));
        if self.goes_wrong(self.0.profile.broken) {
            // Before it was received; or after.
            let promise = promise.clone();
            let in_ms = self.0.random.between(20, 3_000);
            self.after(in_ms, move |_| promise.keep(Ok(bad_gateway())));
            if self.0.random.one_in(2) {
                self.note_from(from, || {
                    format!("  …a server in between answers 502: {what}")
                });
                return;
            }
            self.note_from(from, || {
                format!("  …is passed on, and answered with 502: {what}")
            });
        }
        let held = self.held(&what, &request);
        let mut journey = self.journey();
        match held {
            Some(Held::RequestLate(ms)) => journey = vec![(ms, false)],
            Some(Held::CorruptedFirst(ms)) => {
                journey = vec![(ms, false)];
                self.arrive_corrupted((from, &what), &request, &promise);
            }
            Some(Held::AnswerLate(_)) | None => {}
        }
        if journey.is_empty() {
            self.note_from(from, || format!("  …is lost: {what}"));
            if self.0.random.one_in(2) {
                let in_ms = self.0.random.between(20, 3_000);
                self.after(in_ms, move |_| promise.keep(Err(FetchError::Unreachable)));
            }
            return;
        }
        for (in_ms, corrupted) in journey {
            let (mut request, promise) = (request.clone(), promise.clone());
            let (from, what): (Rc<str>, _) = (from.into(), what.clone());
            if corrupted {
                garble_request(self, &mut request, to != Destination::Weixin);
                self.note_from(&from, || format!("  …is corrupted on its way: {what}"));
            }
            self.after(in_ms, move |world| {
                let answer = match to {
                    Destination::Merchant => world.deliver(&from, &request),
                    _ => Some(world.at_wechat(&from, &request)),
                };
                let Some(answer) = answer else { return };
                let signed = to == Destination::WeChatPay;
                let late_ms = match held {
                    Some(Held::AnswerLate(ms)) => ms,
                    _ => world.0.wechat_takes_ms.get(),
                };
                if late_ms > 0 && to != Destination::Merchant {
                    let promise = promise.clone();
                    world.after(late_ms, move |_| promise.keep(Ok(answer)));
                    return;
                }
                world.send_back((&from, &what), answer, signed, move |answer| {
                    promise.keep(Ok(answer))
                });
            });
        }
    }

    /// A copy of a request of `APIv3` arrives at WeChat at once, with another
    /// signature.
    fn arrive_corrupted(
        &self,
        (from, what): (&str, &Rc<str>),
        request: &Request,
        promise: &Promise<Result<Response, FetchError>>,
    ) {
        let mut request = request.clone();
        let signed = request.headers_mut().get_mut(header::AUTHORIZATION);
        if let Some(value) = signed {
            let text = value.to_str().unwrap_or_default();
            let other = text.replace("signature=\"", "signature=\"AAAA");
            *value = HeaderValue::from_str(&other).expect("a header");
        }
        let (from, what): (Rc<str>, _) = (from.into(), what.clone());
        let promise = promise.clone();
        self.after(10, move |world| {
            let answer = world.at_wechat(&from, &request);
            world.send_back((&from, &what), answer, true, move |answer| {
                promise.keep(Ok(answer));
            });
        });
    }

    /// An answer is sent to its caller.
    pub(super) fn send_back(
        &self,
        (to, what): (&str, &str),
        mut answer: Response,
        signed: bool,
        arrives: impl FnOnce(Response) + 'static,
    ) {
        // A caller gets one answer only.
        let Some((in_ms, corrupted)) = self.journey().first().copied() else {
            self.note_from(to, || format!("  …the answer is lost: {what}"));
            return;
        };
        if corrupted {
            let mut headers = std::mem::take(answer.headers_mut());
            self.garble(&mut headers, answer.body_mut(), signed);
            *answer.headers_mut() = headers;
            self.note_from(to, || format!("  …the answer is corrupted: {what}"));
        }
        self.after(in_ms, move |_| arrives(answer));
    }

    /// A request from outside to the gateway; `None` when no answer arrives in
    /// time. A caller that stops waiting disconnects.
    pub(super) async fn ask_gateway(&self, request: Request, patience_ms: i64) -> Option<Response> {
        let (promise, answer) = self.promise();
        let late = promise.clone();
        self.after(patience_ms, move |_| late.keep(None));
        let what: Rc<str> = match self.0.history.is_on() {
            true => describe(&request).into(),
            false => "".into(),
        };
        let journey = self.journey();
        if journey.is_empty() {
            self.note_from("", || format!("  …is lost: {what}"));
        }
        for (in_ms, corrupted) in journey {
            let (mut request, promise, what) = (request.clone(), promise.clone(), what.clone());
            if corrupted {
                garble_request(self, &mut request, false);
                self.note_from("", || format!("  …is corrupted on its way: {what}"));
            }
            self.after(in_ms, move |world| {
                let number = world.0.random.below(2);
                let task = world.handle(number, request, {
                    let promise = promise.clone();
                    move |world, response| {
                        world.send_back(("", &what), response, false, move |r| {
                            promise.keep(Some(r))
                        });
                    }
                });
                promise.kept_by(task);
            });
        }
        answer.await
    }

    /// A request that an isolate handles at once, without the network.
    pub(super) async fn handle_at_once(&self, number: usize, request: Request) -> Response {
        let (promise, answer) = self.promise();
        self.handle(number, request, move |_, response| promise.keep(response));
        answer.await
    }

    /// An isolate handles a request.
    fn handle(
        &self,
        number: usize,
        request: Request,
        then: impl FnOnce(&Self, Response) + 'static,
    ) -> u64 {
        let world = self.clone();
        self.spawn(Place::Isolate(number), async move {
            let gateway = world.gateway(number);
            let answer = gateway.handle(request).await;
            let whole = gateway::runtime::whole(answer).await;
            let response = whole.expect("a whole answer");
            world.leave(move |world| then(world, response));
        })
    }
}

/// Whether a request makes a Quick Pay, in either dialect that has it.
fn is_quick_pay(path: &str) -> bool {
    path.ends_with("/micropay")
        || path.ends_with("/micropay/transactions/pay")
        || path.ends_with("/transactions/codepay")
}

fn garble_request(world: &World, request: &mut Request, signed: bool) {
    let mut headers = std::mem::take(request.headers_mut());
    world.garble(&mut headers, request.body_mut(), signed);
    *request.headers_mut() = headers;
}

/// Whether a header is part of a signature of `APIv3`.
fn carries_signature(name: &HeaderName, value: &HeaderValue) -> bool {
    name.as_str().starts_with("wechatpay-")
        || name == header::AUTHORIZATION && value.as_bytes().starts_with(v3::SCHEME.as_bytes())
}

/// A request in a few words: its path and its numbers.
pub(super) fn describe(request: &Request) -> String {
    let body = String::from_utf8_lossy(request.body());
    let xml = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        let text = rest.split_once("</")?.0;
        let text = text.trim_start_matches("<![CDATA[").trim_end_matches("]]>");
        Some(text.to_owned())
    };
    let json = |name: &str| {
        let (_, rest) = body.split_once(&format!("\"{name}\":\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let path = request.uri().path();
    let in_form = |text: &str, name: &str| {
        let mut pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(known, value)| (known == name).then(|| value.to_owned()))
    };
    let in_path = |name: &str| {
        let (_, rest) = path.split_once(name)?;
        Some(rest.split('/').next().unwrap_or(rest).to_owned())
    };
    let query = request.uri().query().unwrap_or_default();
    let field = |name: &str, segment: &str| {
        let number = xml(name).or_else(|| json(name));
        let number = number.or_else(|| in_form(&body, name));
        let number = number.or_else(|| in_form(query, name));
        number.or_else(|| in_path(segment))
    };
    let number = field("out_trade_no", "/out-trade-no/");
    let number = number.map_or_else(String::new, |n| format!(" #{n}"));
    let refund = field("out_refund_no", "/out-refund-no/");
    let refund = refund.map_or_else(String::new, |n| format!(" refund {n}"));
    let service = in_form(&body, "service").map_or_else(String::new, |s| format!(" {s}"));
    format!("{path}{service}{number}{refund}")
}
