//! Who the payer is: the way to an openid, and back.
//!
//! ```text
//! page ─▶ WeChat's authorise page ─▶ /oauth/callback ─▶ page       own app secret
//! page ─▶ a Quick Auth service ─▶ /oauth/return ─▶ page            client of one
//! shop ─▶ /wx-bridge/oauth_bridge.php ─▶ WeChat ─▶ /oauth/callback ─▶ shop
//!                                                                  being one
//! ```
//!
//! A way in progress is a signed cookie, named by the random `state` that goes
//! through WeChat; so a callback counts only in the browser that began it, and
//! once. The same callback opened again (the back button, a reload) goes on to
//! the page. What comes of it is a signed cookie too: the openid with the appid
//! it belongs to. We never put it into an address of ours; a Quick Auth service
//! elsewhere does, and it is taken off at once. When a way fails, the payer is
//! brought back to the page, which says so once; opening it again begins anew.
//!
//! WeChat's own answer is verified: that openid holds for every merchant of the
//! appid. What a Quick Auth service elsewhere says is not signed: that openid
//! holds only for the merchant whose service it is, and only to pay with, which
//! its owner alone can do. Nothing is counted by it ([`Gateway::verified_payer`]).
//! The two are cookies of their own names and purposes.
//!
//! Each cookie's content has a version ([`VERSION`]). One of another version is
//! no cookie: its payer signs in again.

use crate::Gateway;
use crate::book::Call;
use crate::http::address::origin;
use crate::http::error::{ApiError, Code};
use crate::http::message::{cookie, query, redirect, set};
use crate::merchants::directory::MerchantContext;
use crate::merchants::merchant::QuickAuth;
use crate::merchants::seal::fingerprint;
use crate::observe::Log;
use crate::observe::alarm::Alarm;
use crate::runtime::{Request, Response, Route, Runtime};
use http::header;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use url::Url;
use wechatpay::Secret;
use wechatpay::oauth::{
    ACCESS_TOKEN_URL, API_HOST, Authorize, BACKUP_API_HOST, ErrorCode, Scope, Token, TokenError,
    TokenRequest,
};

/// The version of the cookies' contents.
pub(crate) const VERSION: u8 = 2;

/// A way in progress, or one that has come to its end.
#[derive(Serialize, Deserialize)]
struct Flow {
    v: u8,
    merchant: String,
    goal: Goal,
    /// The Quick Auth service that the payer was sent to; `None` for WeChat.
    service: Option<String>,
    /// It has ended: its callback, opened again, only goes on to the goal.
    ended: bool,
    until_ms: i64,
}

#[derive(Serialize, Deserialize)]
enum Goal {
    /// Back to our own page, at this path.
    Page(String),
    /// To a shop's registered address, with `wx_openid` appended.
    Shop(String),
}

/// What a payer's cookie says.
#[derive(Serialize, Deserialize)]
struct Payer {
    v: u8,
    appid: String,
    openid: String,
    /// The merchant and its Quick Auth service, where that has told the openid.
    told_by: Option<(String, String)>,
    until_ms: i64,
}

/// Why a browser comes back without an openid, as its cookie says it.
const FAILURES: [Code; 3] = [
    Code::OpenIdRequired,
    Code::VirtualOpenId,
    Code::SignInNotSetUp,
];

/// WeChat's code lives five minutes; a payer may take as long to agree.
const FLOW_SECONDS: i64 = 10 * 60;
/// Says that a sign-in has just failed.
const FAILED_COOKIE: &str = "weceive_sign_in_failed";
/// Of the two kinds of a payer's cookie.
const PAYER_PURPOSE: &str = "payer";
const TOLD_PURPOSE: &str = "payer told by a service";
/// As long as a prepayment.
const PAYER_SECONDS: i64 = 2 * 60 * 60;

impl<R: Runtime> Gateway<R> {
    /// Begins the way to an openid for our own page.
    pub(crate) fn sign_in(
        &self,
        context: &MerchantContext,
        path: &str,
    ) -> Result<Response, ApiError> {
        let goal = Goal::Page(path.to_owned());
        match context.merchant.quick_auth_service(self.config.development) {
            None => self.authorize(context, goal),
            Some(service) => {
                let (state, cookie) = self.begin(context, goal, Some(name_of(service)));
                let back = format!("{}/oauth/return?flow={state}", self.config.public_url);
                let url = with_fields(
                    &service.url,
                    &[("quick_auth", &service.token), ("redirect", &back)],
                );
                let url = url.ok_or_else(|| ApiError::of(Code::SignInFailed))?;
                let mut response = redirect(&url);
                set(&mut response, header::SET_COOKIE, &cookie);
                Ok(response)
            }
        }
    }

    /// The payer's openid under the merchant's appid, to make an order for: one
    /// that this browser has shown to WeChat, or one that the merchant's own
    /// Quick Auth service has told.
    pub(crate) fn payer(&self, request: &Request, context: &MerchantContext) -> Option<String> {
        let told = || {
            let development = self.config.development;
            let service = context.merchant.quick_auth_service(development)?;
            let token = cookie(request, &told_cookie(&context.merchant.id))?;
            let payer = self.read_payer(TOLD_PURPOSE, token, context)?;
            let by = (context.merchant.id.clone(), name_of(service));
            (payer.told_by == Some(by)).then_some(payer.openid)
        };
        self.verified_payer(request, context).or_else(told)
    }

    /// The payer's openid under the merchant's appid, as WeChat itself has told
    /// it.
    pub(crate) fn verified_payer(
        &self,
        request: &Request,
        context: &MerchantContext,
    ) -> Option<String> {
        let token = cookie(
            request,
            &payer_cookie(context.merchant.account.payer_appid()),
        )?;
        let payer = self.read_payer(PAYER_PURPOSE, token, context)?;
        payer.told_by.is_none().then_some(payer.openid)
    }

    fn read_payer(&self, purpose: &str, token: &str, context: &MerchantContext) -> Option<Payer> {
        let payer: Payer = self.config.master_key.read_token(purpose, token)?;
        let holds = payer.v == VERSION
            && payer.appid == context.merchant.account.payer_appid()
            && self.runtime.now_ms() < payer.until_ms;
        holds.then_some(payer)
    }

    /// `GET /wx-bridge/oauth_bridge.php?quick_auth=…&redirect=…` (seed 000,
    /// "Wemine Quick Auth Service"): fetches the payer's openid for a shop and
    /// appends `wx_openid` to the redirect, whose origin must be registered.
    pub(crate) async fn quick_auth(&self, request: &Request) -> Result<Response, ApiError> {
        let query = query(request);
        let needed = |name: &str| {
            query
                .get(name)
                .filter(|text| !text.is_empty())
                .ok_or_else(|| {
                    ApiError::field(
                        Code::FieldMissing,
                        name,
                        format!("The field {name} is required."),
                    )
                })
        };
        let (token, target) = (needed("quick_auth")?, needed("redirect")?);
        let context = self
            .directory
            .by_quick_auth(&self.runtime, &self.config, token)
            .await?
            .ok_or_else(|| {
                ApiError::field(
                    Code::QuickAuthUnknown,
                    "quick_auth",
                    Code::QuickAuthUnknown.advice(),
                )
            })?;
        let registered = origin(target).is_some_and(|origin| {
            let development = self.config.development;
            origin == self.config.public_url || context.merchant.registers(&origin, development)
        });
        if !registered {
            return Err(ApiError::field(
                Code::RedirectRefused,
                "redirect",
                "The redirect's origin is not registered for this merchant.",
            ));
        }
        self.authorize(&context, Goal::Shop(target.clone()))
    }

    /// Whether this payer cannot be recognised until the merchant's settings
    /// are mended: there is no `app_secret`, or WeChat has just refused it.
    pub(crate) fn cannot_sign_in(&self, request: &Request, context: &MerchantContext) -> bool {
        let service = context.merchant.quick_auth_service(self.config.development);
        let nothing = context.credentials.app_secret.is_none() && service.is_none();
        nothing || cookie(request, FAILED_COOKIE) == Some(Code::SignInNotSetUp.name())
    }

    /// Raises the alarm that this merchant's payers cannot be recognised.
    pub(crate) async fn report_sign_in(&self, context: &MerchantContext) {
        let appid = context.merchant.account.payer_appid();
        self.report(context, Alarm::SignInNotSetUp, appid).await;
    }

    /// Raises an alarm in the merchant's book, at most once for each time that
    /// this isolate learns of the merchant, which is every half minute.
    pub(crate) async fn report(&self, context: &MerchantContext, alarm: Alarm, subject: &str) {
        if !context.note_problem(alarm, subject) {
            return;
        }
        self.raise(context, alarm, subject).await;
    }

    /// Raises the alarms that answers to this isolate's own calls have called
    /// for; a book raises those of its calls itself.
    pub(crate) async fn raise_problems(&self, context: &MerchantContext) {
        for (alarm, subject) in context.take_problems() {
            self.raise(context, alarm, &subject).await;
        }
    }

    async fn raise(&self, context: &MerchantContext, alarm: Alarm, subject: &str) {
        let raise = Call::Raise {
            alarm: alarm.name().to_owned(),
            subject: subject.to_owned(),
        };
        let raised: Result<(), ApiError> = self.book(&context.merchant.id, raise).await;
        if let Err(error) = raised {
            error.log_cause(&self.runtime);
        }
    }

    /// To WeChat's authorise page.
    fn authorize(&self, context: &MerchantContext, goal: Goal) -> Result<Response, ApiError> {
        if context.credentials.app_secret.is_none() {
            return Err(ApiError::of(Code::SignInNotSetUp));
        }
        let (state, cookie) = self.begin(context, goal, None);
        let authorize = Authorize {
            appid: context.merchant.account.payer_appid().to_owned(),
            redirect_uri: format!("{}/oauth/callback", self.config.public_url),
            scope: Scope::Base,
            state,
        };
        let mut response = redirect(&authorize.to_url(&self.config.oauth_authorize_url));
        set(&mut response, header::SET_COOKIE, &cookie);
        Ok(response)
    }

    /// `GET /oauth/callback?code=…&state=…`: back from WeChat.
    pub(crate) async fn oauth_callback(&self, request: &Request) -> Response {
        match self.finish_oauth(request).await {
            Ok(response) => response,
            Err(error) => {
                error.log_cause(&self.runtime);
                self.go_back(request, "state", error.code).await
            }
        }
    }

    /// The end of a way that failed: back to the page that began it, which
    /// says so; where that is not known, a page that says so.
    async fn go_back(&self, request: &Request, state: &str, code: Code) -> Response {
        let state = query(request).remove(state).unwrap_or_default();
        let flow = self.flow(request, &state);
        let Some(Goal::Page(path)) = flow.as_ref().map(|flow| &flow.goal) else {
            return self.error_page(request, code).await;
        };
        let mut response = redirect(&format!("{}{path}", self.config.public_url));
        let code = FAILURES.into_iter().find(|failure| *failure == code);
        let code = code.unwrap_or(Code::OpenIdRequired).name();
        let failed = self.cookie(FAILED_COOKIE, code, "/pay/", 60);
        set(&mut response, header::SET_COOKIE, &failed);
        self.end(&mut response, &state, flow);
        response
    }

    /// Why the last sign-in has failed, and the cookie that ends it, so that it is
    /// shown once. Not where asking again cannot help: see
    /// [`Gateway::cannot_sign_in`].
    pub(crate) fn sign_in_failed(&self, request: &Request) -> Option<(Code, String)> {
        let said = cookie(request, FAILED_COOKIE)?;
        let code = FAILURES.into_iter().find(|code| code.name() == said);
        let code = code.unwrap_or(Code::OpenIdRequired);
        Some((code, self.cookie(FAILED_COOKIE, "", "/pay/", 0)))
    }

    async fn finish_oauth(&self, request: &Request) -> Result<Response, ApiError> {
        let failed = || ApiError::of(Code::SignInFailed);
        let mut query = query(request);
        let state = query.remove("state").ok_or_else(failed)?;
        let code = query.remove("code").ok_or_else(failed)?;
        let (flow, context) = self.resume(request, &state).await?;
        if flow.service.is_some() {
            return Err(failed());
        }
        if flow.ended {
            return self.go_on(&context, flow);
        }
        let exchanged = self.exchange(&context, code).await;
        if let Err(error) = &exchanged
            && error.code == Code::SignInNotSetUp
        {
            self.report_sign_in(&context).await;
        }
        let openid = exchanged?;
        let mut response = match &flow.goal {
            Goal::Page(path) => self.arrive(&context, openid, None, path),
            Goal::Shop(target) => {
                let url = with_fields(target, &[("wx_openid", &openid)]).ok_or_else(failed)?;
                redirect(&url)
            }
        };
        self.end(&mut response, &state, Some(flow));
        Ok(response)
    }

    /// The way that this browser has begun under this state, and its merchant.
    async fn resume(
        &self,
        request: &Request,
        state: &str,
    ) -> Result<(Flow, Rc<MerchantContext>), ApiError> {
        let failed = || ApiError::of(Code::SignInFailed);
        let flow = self.flow(request, state).ok_or_else(failed)?;
        let context = self
            .directory
            .by_id(&self.runtime, &self.config, &flow.merchant)
            .await?
            .ok_or_else(failed)?;
        Ok((flow, context))
    }

    /// A callback that is opened again: our page asks for an openid itself if
    /// it still needs one; a shop is told it anew.
    fn go_on(&self, context: &MerchantContext, flow: Flow) -> Result<Response, ApiError> {
        match flow.goal {
            Goal::Page(path) => Ok(redirect(&format!("{}{path}", self.config.public_url))),
            goal @ Goal::Shop(_) => self.authorize(context, goal),
        }
    }

    /// The openid for WeChat's code, which is good once. A virtual openid is
    /// none: it cannot pay, and another visit has another.
    async fn exchange(&self, context: &MerchantContext, code: String) -> Result<String, ApiError> {
        match self.token(context, code).await? {
            Ok(token) if token.is_snapshot_user => Err(ApiError::of(Code::VirtualOpenId)),
            Ok(token) => Ok(token.openid),
            Err(error) => {
                self.runtime.log(format_args!("oauth: {error}"));
                Err(ApiError::of(match error {
                    TokenError::Refused { code, .. } if is_about_settings(code) => {
                        Code::SignInNotSetUp
                    }
                    _ => Code::SignInFailed,
                }))
            }
        }
    }

    /// What WeChat says to a code.
    pub(crate) async fn token(
        &self,
        context: &MerchantContext,
        code: String,
    ) -> Result<Result<Token, TokenError>, ApiError> {
        let failed = || ApiError::of(Code::SignInFailed);
        let secret = context.credentials.app_secret.clone().ok_or_else(failed)?;
        let url = TokenRequest {
            appid: context.merchant.account.payer_appid().to_owned(),
            secret,
            code: Secret::new(code),
        }
        .to_url(ACCESS_TOKEN_URL);
        let answer = self.ask_weixin(&url).await?;
        Ok(Token::read(answer.body()))
    }

    /// Asks WeChat's API, and its backup host where the first does not answer.
    /// Both know the same codes: one that the first has spent is refused.
    pub(crate) async fn ask_weixin(&self, url: &str) -> Result<Response, ApiError> {
        for host in [API_HOST, BACKUP_API_HOST] {
            let url = url.replacen(API_HOST, host, 1);
            let mut request = Request::default();
            *request.uri_mut() = url.parse().map_err(ApiError::internal)?;
            match self.runtime.fetch(Route::Weixin, request).await {
                Ok(answer) if !answer.status().is_server_error() => return Ok(answer),
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    self.runtime.log(format_args!("{host} answers {status}"));
                }
                Err(error) => self.runtime.log(format_args!("{host}: {error}")),
            }
        }
        Err(ApiError::of(Code::UpstreamUnavailable))
    }

    /// `GET /oauth/return?flow=…&wx_openid=…`: back from a Quick Auth service.
    ///
    /// The service does not sign what it says: see this file's head for what an
    /// openid from there is good for.
    pub(crate) async fn quick_auth_return(&self, request: &Request) -> Response {
        match self.finish_quick_auth(request).await {
            Ok(response) => response,
            Err(error) => {
                error.log_cause(&self.runtime);
                self.go_back(request, "flow", error.code).await
            }
        }
    }

    async fn finish_quick_auth(&self, request: &Request) -> Result<Response, ApiError> {
        let failed = || ApiError::of(Code::SignInFailed);
        let mut query = query(request);
        let state = query.remove("flow").ok_or_else(failed)?;
        let (flow, context) = self.resume(request, &state).await?;
        // The service that the payer was sent to, and still the merchant's.
        let development = self.config.development;
        let service = context.merchant.quick_auth_service(development);
        let service = service.map(name_of);
        if service.is_none() || flow.service != service {
            return Err(failed());
        }
        if flow.ended {
            return self.go_on(&context, flow);
        }
        let Goal::Page(path) = &flow.goal else {
            return Err(failed());
        };
        let openid = query
            .remove("wx_openid")
            .filter(|openid| is_openid(openid))
            .ok_or_else(failed)?;
        let mut response = self.arrive(&context, openid, service, path);
        self.end(&mut response, &state, Some(flow));
        Ok(response)
    }

    /// To our own page, with the openid in a cookie: one of the merchant's own
    /// where its Quick Auth service has told the openid.
    fn arrive(
        &self,
        context: &MerchantContext,
        openid: String,
        service: Option<String>,
        path: &str,
    ) -> Response {
        let (appid, id) = (context.merchant.account.payer_appid(), &context.merchant.id);
        let (name, purpose) = match service {
            None => (payer_cookie(appid), PAYER_PURPOSE),
            Some(_) => (told_cookie(id), TOLD_PURPOSE),
        };
        let payer = Payer {
            v: VERSION,
            appid: appid.to_owned(),
            openid,
            told_by: service.map(|service| (id.clone(), service)),
            until_ms: self.runtime.now_ms() + PAYER_SECONDS * 1000,
        };
        let token = self.config.master_key.token(purpose, &payer);
        let mut response = redirect(&format!("{}{path}", self.config.public_url));
        let cookie = self.cookie(&name, &token, "/pay/", PAYER_SECONDS);
        set(&mut response, header::SET_COOKIE, &cookie);
        response
    }

    /// A new way: its state, and the cookie that remembers it.
    fn begin(
        &self,
        context: &MerchantContext,
        goal: Goal,
        service: Option<String>,
    ) -> (String, String) {
        let state = self.random_text(22);
        let flow = Flow {
            v: VERSION,
            merchant: context.merchant.id.clone(),
            goal,
            service,
            ended: false,
            until_ms: self.runtime.now_ms() + FLOW_SECONDS * 1000,
        };
        let cookie = self.flow_cookie(&state, &flow, FLOW_SECONDS);
        (state, cookie)
    }

    /// The way is used up; its cookie remembers where it led, as long as a
    /// checkout can be paid.
    fn end(&self, response: &mut Response, state: &str, flow: Option<Flow>) {
        let Some(flow) = flow else { return };
        let ended = Flow {
            ended: true,
            until_ms: self.runtime.now_ms() + PAYER_SECONDS * 1000,
            ..flow
        };
        let cookie = self.flow_cookie(state, &ended, PAYER_SECONDS);
        set(response, header::SET_COOKIE, &cookie);
    }

    fn flow_cookie(&self, state: &str, flow: &Flow, seconds: i64) -> String {
        let token = self.config.master_key.token("flow", &(state, flow));
        self.cookie(&format!("weceive_flow_{state}"), &token, "/oauth/", seconds)
    }

    fn flow(&self, request: &Request, state: &str) -> Option<Flow> {
        let token = cookie(request, &format!("weceive_flow_{state}"))?;
        let (begun, flow): (String, Flow) = self.config.master_key.read_token("flow", token)?;
        let holds = begun == state && flow.v == VERSION && self.runtime.now_ms() < flow.until_ms;
        holds.then_some(flow)
    }

    pub(crate) fn cookie(&self, name: &str, value: &str, path: &str, seconds: i64) -> String {
        // Lax: WeChat's own page sends the browser back by a plain link.
        let secure = if self.config.is_https() {
            "; Secure"
        } else {
            ""
        };
        format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
    }
}

/// Whether WeChat refuses for what the merchant has entered or registered, so
/// that no other code and no other payer can pass.
const fn is_about_settings(code: ErrorCode) -> bool {
    !code.wants_new_code()
        && !matches!(
            code,
            ErrorCode::Busy
                | ErrorCode::RateLimited
                | ErrorCode::BlockedPayer
                | ErrorCode::Unknown(_)
        )
}

fn payer_cookie(appid: &str) -> String {
    format!("weceive_payer_{appid}")
}

/// The merchant's own: what its service says holds nowhere else.
fn told_cookie(merchant: &str) -> String {
    format!("weceive_told_{merchant}")
}

/// What a cookie names a Quick Auth service by: its address, and the token that
/// it knows the merchant by.
fn name_of(service: &QuickAuth) -> String {
    fingerprint(&format!("{} {}", service.url, service.token))
}

/// The address with these fields in its query, in place of any that it has
/// under the same names. The rest of the query stays as it is written.
fn with_fields(address: &str, fields: &[(&str, &str)]) -> Option<String> {
    let mut url = Url::parse(address).ok()?;
    let is_kept = |piece: &&str| {
        let name = url::form_urlencoded::parse(piece.as_bytes()).next();
        let name = name.map(|(name, _)| name);
        !piece.is_empty()
            && !fields
                .iter()
                .any(|(field, _)| name.as_deref() == Some(*field))
    };
    let kept = url.query().unwrap_or_default().split('&').filter(is_kept);
    let kept: Vec<String> = kept.map(str::to_owned).collect();
    url.set_query((!kept.is_empty()).then(|| kept.join("&")).as_deref());
    url.query_pairs_mut().extend_pairs(fields);
    Some(url.to_string())
}

/// The most bytes of an openid.
pub(crate) const MAX_OPENID_BYTES: usize = 128;

/// What WeChat writes an openid with.
pub(crate) fn is_openid(text: &str) -> bool {
    (1..=MAX_OPENID_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_an_address_has_already_is_replaced() {
        for (address, with) in [
            ("https://a.example", "https://a.example/?wx_openid=o1"),
            (
                "https://a.example/?x=%20+y&flag#top",
                "https://a.example/?x=%20+y&flag&wx_openid=o1#top",
            ),
            (
                "https://a.example/?wx_openid=o9&x=1",
                "https://a.example/?x=1&wx_openid=o1",
            ),
            (
                "https://a.example/?x=1&wx%5Fopenid=o9&wx_openid",
                "https://a.example/?x=1&wx_openid=o1",
            ),
            (
                "https://a.example/?wx_openid=o9",
                "https://a.example/?wx_openid=o1",
            ),
        ] {
            let fields = [("wx_openid", "o1")];
            assert_eq!(
                with_fields(address, &fields).as_deref(),
                Some(with),
                "{address}"
            );
        }
    }
}
