//! The gateway's top: one request from its first byte to its answer.
//!
//! ```text
//! request ─▶ context ─▶ route ─▶ limit ─▶ dispatch ─▶ log ─▶ answer
//! ```
//!
//! No module imports this one.

use crate::board;
use crate::book::{self, List};
use crate::cache::Missing;
use crate::config::Config;
use crate::handlers::notify::Refusals;
use crate::http::error::{ApiError, Code};
use crate::http::message::{MAX_BODY_BYTES, answer, set};
use crate::http::rate_limit::Limits;
use crate::merchants::directory::{Directory, MerchantContext};
use crate::merchants::seal::random_text;
use crate::observe::Counters;
use crate::observe::{Log, REQUEST_ID, RequestContext};
use crate::route::{self, Audience, Endpoint, Found, Logged};
use crate::runtime::{Answer, Body, Object, Request, Response, Runtime};
use crate::upstream::{Hosts, Upstream};
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The merchant's API as OpenAPI 3.1. Tests hold it against the code.
pub const OPENAPI: &str = include_str!("openapi.json");

/// The stateless part: takes requests, asks the objects, answers.
#[derive(Debug)]
pub struct Gateway<R> {
    pub(crate) runtime: R,
    pub(crate) config: Rc<Config>,
    pub(crate) directory: Directory,
    pub(crate) hosts: Hosts,
    pub(crate) limits: Limits,
    /// Checkouts and links that do not exist.
    pub(crate) missing: Missing<String, Code>,
    /// Refused notices that the books have not counted yet.
    pub(crate) refusals: Refusals,
    /// What this isolate has counted.
    pub(crate) counters: Rc<Counters>,
    /// What the doctor found, and when.
    pub(crate) findings: RefCell<HashMap<String, (i64, serde_json::Value)>>,
    /// The page's frame, read once.
    pub(crate) template: RefCell<Option<Rc<str>>>,
}

impl<R: Runtime + Clone + 'static> Gateway<R> {
    /// A gateway that knows no merchant yet.
    pub fn new(runtime: R, config: Rc<Config>) -> Self {
        let counters = Rc::new(Counters::default());
        Self {
            runtime,
            config,
            directory: Directory::default(),
            hosts: Hosts::counting(counters.clone()),
            limits: Limits::default(),
            missing: Missing::default(),
            refusals: Refusals::default(),
            counters,
            findings: RefCell::default(),
            template: RefCell::new(None),
        }
    }

    /// Answers one request: the table of routes says who calls, which limit
    /// applies and which calls are logged.
    pub async fn handle(&self, request: Request) -> Answer {
        let found = route::find(request.method(), request.uri().path());
        let audience = found
            .route()
            .map_or(Audience::Public, |route| route.audience);
        let actor = audience.actor();
        let request_context = RequestContext::of(&request, actor, || self.random_text(22));
        let answered = async {
            self.tell_waiting_refusals().await;
            self.answered(&request, &found).await
        };
        request_context.within(answered).await
    }

    /// The answer with its request's id, and a line of the log about it. The
    /// page's own files make no lines, nor do questions that pages repeat.
    async fn answered(&self, request: &Request, found: &Found<'_>) -> Answer {
        let begun_ms = self.runtime.now_ms();
        let quiet = found
            .route()
            .is_some_and(|route| route.logged == Logged::Failures);
        let mut response = self.answer(request, found).await;
        let status = response.status().as_u16();
        if !quiet || status >= 400 {
            let ms = self.runtime.now_ms() - begun_ms;
            let facts = [("status", status.into()), ("ms", ms.into())];
            self.runtime.log_with(&facts, format_args!("answered"));
        }
        let id = RequestContext::current().request_id;
        crate::http::message::set(&mut response, REQUEST_ID, &id);
        response
    }

    async fn answer(&self, request: &Request, found: &Found<'_>) -> Answer {
        let whole = |response: Response| response.map(Body::Whole);
        let (route, id) = match found {
            _ if request.body().len() > MAX_BODY_BYTES => {
                return whole(ApiError::of(Code::BodyTooLarge).response());
            }
            Found::Route { route, id } => (route, *id),
            Found::MethodNotAllowed { allow } => {
                let error = ApiError::of(Code::MethodNotAllowed);
                let mut response = self.refusal(request, error).await;
                set(&mut response, ::http::header::ALLOW, allow);
                return whole(response);
            }
            Found::NotFound => {
                return whole(self.refusal(request, ApiError::of(Code::NotFound)).await);
            }
        };
        if let Err(error) = self.limit_payer(request, route.rate) {
            return whole(self.too_often(request, error).await);
        }
        if let Err(error) = self.limit_unknown(request, id) {
            return whole(self.too_often(request, error).await);
        }
        let answered = match route.endpoint {
            Endpoint::Statement => self.statement(request).await,
            Endpoint::ListOrders => self.list(request, List::Orders).await,
            Endpoint::ListRefunds => self.list(request, List::Refunds).await,
            Endpoint::ListCheckouts => self.list(request, List::Checkouts).await,
            Endpoint::ListLinks => self.list(request, List::Links).await,
            Endpoint::ListDeliveries => self.list(request, List::Deliveries).await,
            Endpoint::ListAlarms => self.list(request, List::Alarms).await,
            endpoint => self.dispatch(endpoint, request, id).await.map(whole),
        };
        let response = match answered {
            Ok(response) => response,
            // What a payer's browser was sent to, and a file that is not there.
            Err(error) if route.audience == Audience::Payer || error.code == Code::NotFound => {
                whole(self.refusal(request, error).await)
            }
            Err(error) => {
                error.log_cause(&self.runtime);
                whole(error.response())
            }
        };
        let (head, body) = response.into_parts();
        match body {
            Body::Whole(body) => {
                whole(self.limit_refused(request, Response::from_parts(head, body)))
            }
            pieces => Answer::from_parts(head, pieces),
        }
    }
}

impl<R: Runtime> Gateway<R> {
    async fn dispatch(
        &self,
        endpoint: Endpoint,
        request: &Request,
        id: &str,
    ) -> Result<Response, ApiError> {
        match endpoint {
            Endpoint::CreateOrder => self.create_order(request).await,
            Endpoint::GetOrder => self.get_order(request).await,
            Endpoint::Checksign => self.checksign(request).await,
            Endpoint::GetCheckout => self.get_checkout(request).await,
            Endpoint::CreateCheckout => self.create_checkout(request).await,
            Endpoint::GetLinks => self.get_links(request).await,
            Endpoint::SetLink => self.set_link(request).await,
            Endpoint::Micropay => self.micropay(request).await,
            Endpoint::ReverseOrder => self.reverse_order(request).await,
            Endpoint::CreateRefund => self.create_refund(request).await,
            Endpoint::GetRefunds => self.get_refunds(request).await,
            Endpoint::CancelRefund => self.cancel_refund(request).await,
            Endpoint::CloseOrder => self.close_order(request).await,
            Endpoint::ExchangeRate => self.exchange_rate(request).await,
            Endpoint::Settlement => self.settlement(request).await,
            Endpoint::GetProduct => self.get_product(request).await,
            Endpoint::SetProduct => self.set_product(request).await,
            // Answered in pieces: see `answer`.
            Endpoint::Statement
            | Endpoint::ListOrders
            | Endpoint::ListRefunds
            | Endpoint::ListCheckouts
            | Endpoint::ListLinks
            | Endpoint::ListDeliveries
            | Endpoint::ListAlarms => Err(ApiError::of(Code::Internal)),
            Endpoint::ShortUrl => self.short_url(request).await,
            Endpoint::GetDeliveries => self.get_deliveries(request).await,
            Endpoint::ResendDelivery => self.resend_delivery(request).await,
            Endpoint::GetAudit => self.get_audit(request).await,
            Endpoint::GetTotals => self.get_totals(request).await,
            Endpoint::GetTimeline => self.get_timeline(request).await,
            Endpoint::Doctor => self.doctor(request).await,
            Endpoint::CreateToken => self.create_token(request).await,
            Endpoint::GetTokens => self.get_tokens(request).await,
            Endpoint::RevokeToken => self.revoke_token(request).await,
            Endpoint::Page => Ok(self.page(request).await),
            Endpoint::PayStatus => self.pay_status(request).await,
            Endpoint::PayLive => self.pay_live(request).await,
            Endpoint::PayOrder => self.pay_order(request).await,
            Endpoint::PayCheck => self.pay_check(request).await,
            Endpoint::Buy => Ok(self.buy(request).await),
            Endpoint::LinkResult => self.link_result(request).await,
            Endpoint::LinkQr => self.link_qr(request).await,
            Endpoint::LinkSheet => self.link_sheet(request).await,
            Endpoint::MiniStatus => self.mini_status(request).await,
            Endpoint::MiniOrder => self.mini_order(request).await,
            Endpoint::MiniCheck => self.mini_check(request).await,
            Endpoint::QuickAuth => self.quick_auth(request).await,
            Endpoint::OauthCallback => Ok(self.oauth_callback(request).await),
            Endpoint::QuickAuthReturn => Ok(self.quick_auth_return(request).await),
            Endpoint::Notice => self.notice(request, id).await,
            Endpoint::RefundNotice => self.refund_notice(request, id).await,
            Endpoint::ProductCallback => self.product_callback(request, id).await,
            Endpoint::V3Notice | Endpoint::V3RefundNotice => self.v3_notice(request, id).await,
            Endpoint::IonlineNotice => self.ionline_notice(request, id).await,
            Endpoint::CreateMerchant => self.create_merchant(request).await,
            Endpoint::ChangeMerchant => self.change_merchant(request, id).await,
            Endpoint::RotateMerchant => self.rotate_merchant(request, id).await,
            Endpoint::MerchantReport => self.merchant_report(request, id).await,
            Endpoint::SettleAlarm => self.settle_alarm(request, id).await,
            Endpoint::DecideOrder => self.decide_order(request, id).await,
            Endpoint::AuditFor => self.audit_for(request, id).await,
            Endpoint::DoctorFor => self.doctor_for(request, id).await,
            Endpoint::Reseal => self.reseal(request).await,
            Endpoint::Alarms => self.alarms(request).await,
            Endpoint::Metrics => self.metrics(request).await,
            Endpoint::Openapi => Ok(answer(200, "application/json", OPENAPI)),
            Endpoint::Healthz => Ok(answer(200, "text/plain; charset=utf-8", "ok\n")),
            Endpoint::Asset => self.asset(request, id).await,
        }
    }

    /// Wakes the board, which then finds books whose timers did not ring: at a
    /// cron trigger, and when an isolate begins.
    pub async fn wake_board(&self) {
        // The next trigger comes in any case; `call` has logged the reason.
        let _ = self.board(&board::Call::Wake).await;
    }

    /// Asks the board.
    pub(crate) async fn board(&self, call: &board::Call) -> Result<board::Answer, ApiError> {
        let body = serde_json::to_vec(call).map_err(ApiError::internal)?;
        let answer = self.runtime.call(Object::Board, body).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| ApiError::unreadable("answer of the board", &error))
    }

    pub(crate) fn upstream<'a>(&'a self, context: &'a MerchantContext) -> Upstream<'a, R> {
        Upstream {
            runtime: &self.runtime,
            config: &self.config,
            hosts: &self.hosts,
            context,
        }
    }

    /// Asks a merchant's book.
    pub(crate) async fn book<T: DeserializeOwned>(
        &self,
        merchant: &str,
        call: book::Call,
    ) -> Result<T, ApiError> {
        let envelope = book::Envelope {
            merchant: merchant.to_owned(),
            request_context: RequestContext::current(),
            call,
        };
        let asked_for = envelope.call.asks_for().map(str::to_owned);
        let now_ms = self.runtime.now_ms();
        if let Some(code) = asked_for
            .as_ref()
            .and_then(|id| self.missing.get(id, now_ms))
        {
            return Err(ApiError::of(code));
        }
        let body = serde_json::to_vec(&envelope).map_err(ApiError::internal)?;
        let answer = self.runtime.call(Object::Book(merchant), body).await?;
        let answer = serde_json::from_slice::<Result<T, ApiError>>(&answer)
            .unwrap_or_else(|error| Err(ApiError::unreadable("answer of a book", &error)));
        if let (Some(id), Err(error)) = (asked_for, &answer)
            && matches!(error.code, Code::SessionNotFound | Code::LinkNotFound)
        {
            self.missing.put(id, error.code, now_ms);
        }
        answer
    }

    pub(crate) fn random_text(&self, length: usize) -> String {
        random_text(|bytes| self.runtime.random(bytes), length)
    }
}
