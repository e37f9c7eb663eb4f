//! The gateway's top floor: one request from its arrival to its answer.
//!
//! ```text
//! request ─▶ context ─▶ route ─▶ limit ─▶ dispatch ─▶ log ─▶ answer
//! ```
//!
//! No module imports this one. What handlers need is in
//! [`Services`](crate::services::Services).

use crate::book::List;
use crate::config::Config;
use crate::handlers::{admin, api, assets, audit, console, doctor, notify, payer, site};
use crate::http::error::{ApiError, Code};
use crate::http::message::{answer, query, set};
use crate::observe::{Actor, Log, REQUEST_ID, RequestContext, without_addresses};
use crate::reports;
use crate::route::{self, Audience, Endpoint, Found, Logged, Route};
use crate::runtime::{Answer, Body, Request, Response, Runtime};
use crate::services::Services;
use std::pin::Pin;
use std::rc::Rc;

/// The merchant's API as OpenAPI 3.1. Tests compare it with the code.
pub const OPENAPI: &str = include_str!("openapi.json");

/// The stateless part: receives requests, calls the objects, and answers.
#[derive(Debug)]
pub struct Gateway<R> {
    services: Rc<Services<R>>,
}

/// The actor of a call until its caller is authenticated.
const fn first_actor(audience: Audience) -> Actor {
    match audience {
        Audience::Payer => Actor::Payer,
        Audience::WeChat => Actor::WeChat,
        Audience::Merchant | Audience::Person | Audience::Operator | Audience::Public => {
            Actor::Unauthenticated
        }
    }
}

impl<R: Runtime + 'static> Gateway<R> {
    /// The gateway of a new isolate, with empty caches.
    pub fn new(runtime: R, config: Rc<Config>) -> Self {
        Self {
            services: Rc::new(Services::new(runtime, config)),
        }
    }

    /// Answers one request. The table of routes gives its caller, its limit and
    /// whether it is logged.
    pub async fn handle(&self, request: Request) -> Answer {
        let cx = &self.services;
        let found = route::find(request.method(), request.uri().path());
        let audience = found
            .route()
            .map_or(Audience::Public, |route| route.audience);
        let request_context =
            RequestContext::of(&request, first_actor(audience), || cx.random_text(22));
        let answered = async {
            notify::report_waiting_refusals(cx).await;
            self.answer_and_log(&request, &found).await
        };
        request_context.within(answered).await
    }

    /// Answers a request that could not be read whole: under an id of its own,
    /// with the cause in the log.
    pub fn refuse(&self, code: Code, cause: &str) -> Answer {
        let runtime = &self.services.runtime;
        let request_context = RequestContext {
            request_id: self.services.random_text(22),
            who: first_actor(Audience::Public),
            ..RequestContext::default()
        };
        let mut response = whole(ApiError::of(code).response());
        set(&mut response, REQUEST_ID, &request_context.request_id);
        request_context.within_now(|| {
            let facts = [
                ("code", code.name().into()),
                ("status", code.status().into()),
            ];
            let cause = without_addresses(cause);
            runtime.log_with(&facts, format_args!("not read: {cause}"));
        });
        response
    }

    /// Wakes the board, which then finds books whose timers did not run: at a
    /// cron trigger, and when an isolate begins.
    pub async fn wake_board(&self) {
        // If this fails, the next trigger repeats it.
        let woken = self.services.board(reports::Wake).await;
        if let Err(error) = woken {
            error.log_as(&self.services.runtime, "the board was not woken");
        }
    }

    /// Adds the request's id to the answer, and writes a log line about it. The
    /// page's own files and repeated status requests are logged only if they
    /// fail.
    async fn answer_and_log(&self, request: &Request, found: &Found<'_>) -> Answer {
        let runtime = &self.services.runtime;
        let begun_ms = runtime.now_ms();
        let quiet = found
            .route()
            .is_some_and(|route| route.logged == Logged::Failures);
        let mut response = self.answer(request, found).await;
        let status = response.status().as_u16();
        if !quiet || status >= 400 {
            let ms = runtime.now_ms() - begun_ms;
            let facts = [("status", status.into()), ("ms", ms.into())];
            runtime.log_with(&facts, format_args!("answered"));
        }
        let id = RequestContext::current().request_id;
        set(&mut response, REQUEST_ID, &id);
        response
    }

    async fn answer(&self, request: &Request, found: &Found<'_>) -> Answer {
        let cx = &self.services;
        let (route, id) = match found {
            _ if request.body().len()
                > route::max_body_bytes(request.method().as_str(), request.uri().path()) =>
            {
                return whole(ApiError::of(Code::BodyTooLarge).response());
            }
            Found::Route { route, id } => (*route, *id),
            Found::MethodNotAllowed { allow } => {
                let error = ApiError::of(Code::MethodNotAllowed);
                let mut response = payer::refusal(cx, request, error).await;
                set(&mut response, ::http::header::ALLOW, allow);
                return whole(response);
            }
            Found::NotFound => {
                let error = ApiError::of(Code::NotFound);
                return whole(payer::refusal(cx, request, error).await);
            }
        };
        if let Err(error) = self.limit(request, route, id) {
            return whole(payer::too_often(cx, request, error).await);
        }
        let response = match self.dispatch(route.endpoint, request, id).await {
            Ok(response) => response,
            // Refused calls of a payer's browser, and files that do not exist.
            Err(error) if route.audience == Audience::Payer || error.code == Code::NotFound => {
                whole(payer::refusal(cx, request, error).await)
            }
            Err(error) => {
                error.log_cause(&cx.runtime);
                whole(error.response())
            }
        };
        let (status, now_ms) = (response.status(), cx.runtime.now_ms());
        match cx
            .limits
            .count_refused(request, route.audience, status, now_ms)
        {
            Ok(()) => response,
            Err(error) => whole(error.response()),
        }
    }

    /// Refuses a request before it is answered: its sender has sent too many,
    /// or too many for things that do not exist.
    fn limit(&self, request: &Request, route: &Route, id: &str) -> Result<(), ApiError> {
        let cx = &self.services;
        let now_ms = cx.runtime.now_ms();
        cx.limits.limit_payer(request, route.rate, now_ms)?;
        let is_known = || cx.directory.knows(id, now_ms);
        cx.limits
            .limit_unknown(request, route.audience, is_known, now_ms)
    }

    /// Calls the function that answers an endpoint. It has the endpoint's name,
    /// except where `route.rs` says otherwise.
    async fn dispatch(
        &self,
        endpoint: Endpoint,
        request: &Request,
        id: &str,
    ) -> Result<Answer, ApiError> {
        let cx = &self.services;
        Ok(match endpoint {
            Endpoint::CreateOrder => whole(boxed(|| api::order::create_order(cx, request)).await?),
            Endpoint::GetOrder => whole(boxed(|| api::order::get_order(cx, request)).await?),
            Endpoint::Checksign => whole(boxed(|| api::checksign::checksign(cx, request)).await?),
            Endpoint::GetCheckout => {
                whole(boxed(|| api::checkout::get_checkout(cx, request)).await?)
            }
            Endpoint::CreateCheckout => {
                whole(boxed(|| api::checkout::create_checkout(cx, request)).await?)
            }
            Endpoint::GetLinks => whole(boxed(|| api::link::get_links(cx, request)).await?),
            Endpoint::SetLink => whole(boxed(|| api::link::set_link(cx, request)).await?),
            Endpoint::Micropay => whole(boxed(|| api::micropay::micropay(cx, request)).await?),
            Endpoint::ReverseOrder => {
                whole(boxed(|| api::micropay::reverse_order(cx, request)).await?)
            }
            Endpoint::CreateRefund => {
                whole(boxed(|| api::refund::create_refund(cx, request)).await?)
            }
            Endpoint::GetRefunds => whole(boxed(|| api::refund::get_refunds(cx, request)).await?),
            Endpoint::CancelRefund => {
                whole(boxed(|| api::refund::cancel_refund(cx, request)).await?)
            }
            Endpoint::CloseOrder => whole(boxed(|| api::close::close_order(cx, request)).await?),
            Endpoint::ExchangeRate => {
                whole(boxed(|| api::account::exchange_rate(cx, request)).await?)
            }
            Endpoint::Settlement => whole(boxed(|| api::account::settlement(cx, request)).await?),
            Endpoint::GetBrand => whole(boxed(|| api::brand::get_brand(cx, request)).await?),
            Endpoint::ChangeBrand => whole(boxed(|| api::brand::change_brand(cx, request)).await?),
            Endpoint::GetSettings => {
                whole(boxed(|| api::settings::get_settings(cx, request)).await?)
            }
            Endpoint::ChangeSettings => {
                whole(boxed(|| api::settings::change_settings(cx, request)).await?)
            }
            Endpoint::GetImages => whole(boxed(|| api::image::get_images(cx, request)).await?),
            Endpoint::CreateImage => whole(boxed(|| api::image::create_image(cx, request)).await?),
            Endpoint::DeleteImage => {
                whole(boxed(|| api::image::delete_image(cx, request, id)).await?)
            }
            Endpoint::Image => whole(boxed(|| payer::image::image(cx, id)).await?),
            Endpoint::CreateReceipt => {
                whole(boxed(|| api::receipt::create_receipt(cx, request)).await?)
            }
            Endpoint::RevokeReceipt => {
                whole(boxed(|| api::receipt::revoke_receipt(cx, request)).await?)
            }
            Endpoint::Receipt => whole(boxed(|| payer::receipt::receipt(cx, request)).await),
            Endpoint::GetProduct => whole(boxed(|| api::product::get_product(cx, request)).await?),
            Endpoint::SetProduct => whole(boxed(|| api::product::set_product(cx, request)).await?),
            Endpoint::Statement => boxed(|| api::statement::statement(cx, request)).await?,
            Endpoint::ListOrders => boxed(|| api::lists::list(cx, request, List::Orders)).await?,
            Endpoint::ListRefunds => boxed(|| api::lists::list(cx, request, List::Refunds)).await?,
            Endpoint::ListCheckouts => {
                boxed(|| api::lists::list(cx, request, List::Checkouts)).await?
            }
            Endpoint::ListLinks => boxed(|| api::lists::list(cx, request, List::Links)).await?,
            Endpoint::ListDeliveries => {
                boxed(|| api::lists::list(cx, request, List::Deliveries)).await?
            }
            Endpoint::ListAlarms => boxed(|| api::lists::list(cx, request, List::Alarms)).await?,
            Endpoint::ShortUrl => whole(boxed(|| api::account::short_url(cx, request)).await?),
            Endpoint::GetDeliveries => {
                whole(boxed(|| api::delivery::get_deliveries(cx, request)).await?)
            }
            Endpoint::ResendDelivery => {
                whole(boxed(|| api::delivery::resend_delivery(cx, request)).await?)
            }
            Endpoint::CreateEndpoint => {
                whole(boxed(|| api::endpoint::create_endpoint(cx, request)).await?)
            }
            Endpoint::GetEndpoints => {
                whole(boxed(|| api::endpoint::get_endpoints(cx, request)).await?)
            }
            Endpoint::GetEndpoint => {
                whole(boxed(|| api::endpoint::get_endpoint(cx, request, id)).await?)
            }
            Endpoint::ChangeEndpoint => {
                whole(boxed(|| api::endpoint::change_endpoint(cx, request, id)).await?)
            }
            Endpoint::DeleteEndpoint => {
                whole(boxed(|| api::endpoint::delete_endpoint(cx, request, id)).await?)
            }
            Endpoint::RotateEndpoint => {
                whole(boxed(|| api::endpoint::rotate_endpoint(cx, request, id)).await?)
            }
            Endpoint::TestEndpoint => {
                whole(boxed(|| api::endpoint::test_endpoint(cx, request, id)).await?)
            }
            Endpoint::ResendFailed => {
                whole(boxed(|| api::endpoint::resend_failed(cx, request, id)).await?)
            }
            Endpoint::GetDelivery => {
                whole(boxed(|| api::delivery::get_delivery(cx, request, id)).await?)
            }
            Endpoint::GetEvents => boxed(|| api::event::get_events(cx, request)).await?,
            Endpoint::GetEvent => whole(boxed(|| api::event::get_event(cx, request, id)).await?),
            Endpoint::GetAudit => whole(boxed(|| audit::get_audit(cx, request)).await?),
            Endpoint::GetTotals => whole(boxed(|| api::totals::get_totals(cx, request)).await?),
            Endpoint::GetReconciliation => {
                boxed(|| api::reconciliation::get_reconciliation(cx, request)).await?
            }
            Endpoint::NoteDifference => {
                whole(boxed(|| api::reconciliation::note_difference(cx, request, id)).await?)
            }
            Endpoint::GetReconciliations => {
                boxed(|| api::reconciliation::get_reconciliations(cx, request)).await?
            }
            Endpoint::GetTimeline => {
                whole(boxed(|| api::timeline::get_timeline(cx, request)).await?)
            }
            Endpoint::Doctor => whole(boxed(|| doctor::doctor(cx, request)).await?),
            Endpoint::GetKeys => whole(boxed(|| api::key::get_keys(cx, request)).await?),
            Endpoint::CreateKey => whole(boxed(|| api::key::create_key(cx, request)).await?),
            Endpoint::RevokeKey => whole(boxed(|| api::key::revoke_key(cx, request)).await?),
            Endpoint::CreateToken => whole(boxed(|| api::token::create_token(cx, request)).await?),
            Endpoint::GetTokens => whole(boxed(|| api::token::get_tokens(cx, request)).await?),
            Endpoint::RevokeToken => whole(boxed(|| api::token::revoke_token(cx, request)).await?),
            Endpoint::Page => whole(match query(request).remove("l") {
                Some(link) => boxed(|| payer::link::link_page(cx, request, &link)).await,
                None => boxed(|| payer::page::page(cx, request)).await,
            }),
            Endpoint::PayStatus => whole(boxed(|| payer::page::pay_status(cx, request)).await?),
            Endpoint::PayView => whole(match query(request).remove("l") {
                Some(id) => boxed(|| payer::link::link_view(cx, request, &id)).await?,
                None => boxed(|| payer::page::pay_view(cx, request)).await?,
            }),
            Endpoint::PaySignIn => whole(boxed(|| payer::sign_in::pay_sign_in(cx, request)).await?),
            Endpoint::PayLive => whole(boxed(|| payer::page::pay_live(cx, request)).await?),
            Endpoint::PayOrder => whole(boxed(|| payer::page::pay_order(cx, request)).await?),
            Endpoint::PayCheck => whole(boxed(|| payer::page::pay_check(cx, request)).await?),
            Endpoint::Buy => whole(boxed(|| payer::link::buy(cx, request)).await),
            Endpoint::LinkResult => whole(boxed(|| payer::link::link_result(cx, request)).await?),
            Endpoint::LinkQr => whole(boxed(|| payer::link::link_qr(cx, request)).await?),
            Endpoint::LinkSheet => whole(boxed(|| payer::link::link_sheet(cx, request)).await?),
            Endpoint::MiniStatus => whole(boxed(|| payer::mini::mini_status(cx, request)).await?),
            Endpoint::MiniOrder => whole(boxed(|| payer::mini::mini_order(cx, request)).await?),
            Endpoint::MiniCheck => whole(boxed(|| payer::mini::mini_check(cx, request)).await?),
            Endpoint::QuickAuth => whole(boxed(|| payer::sign_in::quick_auth(cx, request)).await?),
            Endpoint::OauthCallback => {
                whole(boxed(|| payer::sign_in::oauth_callback(cx, request)).await)
            }
            Endpoint::QuickAuthReturn => {
                whole(boxed(|| payer::sign_in::quick_auth_return(cx, request)).await)
            }
            Endpoint::Notice => whole(boxed(|| notify::v2::notice(cx, request, id)).await?),
            Endpoint::RefundNotice => {
                whole(boxed(|| notify::v2::refund_notice(cx, request, id)).await?)
            }
            Endpoint::ProductCallback => {
                whole(boxed(|| notify::v2::product_callback(cx, request, id)).await?)
            }
            Endpoint::V3Notice | Endpoint::V3RefundNotice => {
                whole(boxed(|| notify::v3::v3_notice(cx, request, id)).await?)
            }
            Endpoint::IonlineNotice => {
                whole(boxed(|| notify::ionline::ionline_notice(cx, request, id)).await?)
            }
            Endpoint::ViewInvitation => {
                whole(boxed(|| console::invitation::view_invitation(cx, request)).await?)
            }
            Endpoint::AcceptInvitation => {
                whole(boxed(|| console::invitation::accept_invitation(cx, request)).await?)
            }
            Endpoint::SignIn => whole(boxed(|| console::sign_in::sign_in(cx, request)).await?),
            Endpoint::SignOut => whole(boxed(|| console::sign_in::sign_out(cx, request)).await?),
            Endpoint::GetMe => whole(boxed(|| console::sign_in::get_me(cx, request)).await?),
            Endpoint::ChangePassword => {
                whole(boxed(|| console::account::change_password(cx, request)).await?)
            }
            Endpoint::BeginTotp => {
                whole(boxed(|| console::account::begin_totp(cx, request)).await?)
            }
            Endpoint::ConfirmTotp => {
                whole(boxed(|| console::account::confirm_totp(cx, request)).await?)
            }
            Endpoint::NewRecoveryCodes => {
                whole(boxed(|| console::account::new_recovery_codes(cx, request)).await?)
            }
            Endpoint::GetSessions => {
                whole(boxed(|| console::account::get_sessions(cx, request)).await?)
            }
            Endpoint::EndSessions => {
                whole(boxed(|| console::account::end_sessions(cx, request)).await?)
            }
            Endpoint::EndSession => {
                whole(boxed(|| console::account::end_session(cx, request, id)).await?)
            }
            Endpoint::GetPeople => whole(boxed(|| console::people::get_people(cx, request)).await?),
            Endpoint::ChangePerson => {
                whole(boxed(|| console::people::change_person(cx, request, id)).await?)
            }
            Endpoint::RemovePerson => {
                whole(boxed(|| console::people::remove_person(cx, request, id)).await?)
            }
            Endpoint::ResetPerson => {
                whole(boxed(|| console::invitation::reset_person(cx, request, id)).await?)
            }
            Endpoint::InvitePerson => {
                whole(boxed(|| console::invitation::invite_person(cx, request)).await?)
            }
            Endpoint::WithdrawInvitation => {
                whole(boxed(|| console::invitation::withdraw_invitation(cx, request, id)).await?)
            }
            Endpoint::InviteFor => {
                whole(boxed(|| console::invitation::invite_for(cx, request, id)).await?)
            }
            Endpoint::GetMerchants => {
                whole(boxed(|| admin::merchants::get_merchants(cx, request)).await?)
            }
            Endpoint::GetMerchant => {
                whole(boxed(|| admin::merchants::get_merchant(cx, request, id)).await?)
            }
            Endpoint::SuspendMerchant => {
                whole(boxed(|| admin::merchants::suspend_merchant(cx, request, id)).await?)
            }
            Endpoint::ResumeMerchant => {
                whole(boxed(|| admin::merchants::resume_merchant(cx, request, id)).await?)
            }
            Endpoint::CreateMerchant => {
                whole(boxed(|| admin::merchants::create_merchant(cx, request)).await?)
            }
            Endpoint::ChangeMerchant => {
                whole(boxed(|| admin::merchants::change_merchant(cx, request, id)).await?)
            }
            Endpoint::RotateMerchant => {
                whole(boxed(|| admin::merchants::rotate_merchant(cx, request, id)).await?)
            }
            Endpoint::MerchantReport => {
                whole(boxed(|| admin::merchants::merchant_report(cx, request, id)).await?)
            }
            Endpoint::SettleAlarm => {
                whole(boxed(|| admin::alarms::settle_alarm(cx, request, id)).await?)
            }
            Endpoint::DecideOrder => {
                whole(boxed(|| admin::orders::decide_order(cx, request, id)).await?)
            }
            Endpoint::AuditFor => whole(boxed(|| audit::audit_for(cx, request, id)).await?),
            Endpoint::DoctorFor => whole(boxed(|| doctor::doctor_for(cx, request, id)).await?),
            Endpoint::Reseal => whole(boxed(|| admin::merchants::reseal(cx, request)).await?),
            Endpoint::ExportStep => {
                whole(boxed(|| admin::transfer::export_step(cx, request)).await?)
            }
            Endpoint::ImportStep => {
                whole(boxed(|| admin::transfer::import_step(cx, request)).await?)
            }
            Endpoint::Alarms => whole(boxed(|| admin::alarms::alarms(cx, request)).await?),
            Endpoint::Metrics => whole(boxed(|| admin::metrics::metrics(cx, request)).await?),
            Endpoint::Home => whole(site::home(cx)),
            Endpoint::Docs => whole(site::docs()),
            Endpoint::SignTool => whole(site::sign_tool()),
            Endpoint::ConsoleEntrance => whole(site::console_entrance()),
            Endpoint::Console => whole(boxed(|| site::console(cx, request)).await?),
            Endpoint::Openapi => whole(answer(200, "application/json", OPENAPI)),
            Endpoint::Healthz => {
                let text = match cx.config.is_test {
                    true => "ok (test deployment: the upstream is the sandbox)\n",
                    false => "ok\n",
                };
                whole(answer(200, "text/plain; charset=utf-8", text))
            }
            Endpoint::Asset => whole(boxed(|| assets::asset(cx, request, id)).await?),
        })
    }
}

/// Puts a handler's future on the heap. It is made here, and not in the frame of
/// `dispatch`, which would have room for the futures of all handlers at once.
fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}

/// Wraps an answer that is completely in memory.
fn whole(response: Response) -> Answer {
    response.map(Body::Whole)
}
