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
//! once. What comes of it is a signed cookie too: the openid with the appid it
//! belongs to. We never put it into an address of ours; a Quick Auth service
//! elsewhere does, and it is taken off at once. When a way fails, the payer is
//! brought back to the page, which says so once; opening it again begins anew.

use crate::Gateway;
use crate::directory::Known;
use crate::error::{ApiError, Code};
use crate::http::{cookie, query, redirect, set};
use crate::merchant::origin;
use crate::world::{Request, Response, Route, World};
use http::header;
use serde::{Deserialize, Serialize};
use url::Url;
use wechatpay::Secret;
use wechatpay::oauth::{ACCESS_TOKEN_URL, Authorize, Scope, Token, TokenError, TokenRequest};

/// A way in progress.
#[derive(Serialize, Deserialize)]
struct Flow {
    merchant: String,
    goal: Goal,
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
    appid: String,
    openid: String,
    until_ms: i64,
}

/// WeChat's code lives five minutes; a payer may take as long to agree.
const FLOW_SECONDS: i64 = 10 * 60;
/// Says that a sign-in has just failed.
const FAILED_COOKIE: &str = "weceive_sign_in_failed";
/// As long as a prepayment.
const PAYER_SECONDS: i64 = 2 * 60 * 60;

impl<W: World> Gateway<W> {
    /// Begins the way to an openid for our own page.
    pub(crate) fn sign_in(&self, known: &Known, path: &str) -> Result<Response, ApiError> {
        let goal = Goal::Page(path.to_owned());
        match &known.merchant.quick_auth {
            None => self.authorize(known, goal),
            Some(service) => {
                let (state, cookie) = self.begin(known, goal);
                let back = format!("{}/oauth/return?flow={state}", self.config.public_url);
                let mut url =
                    Url::parse(&service.url).map_err(|_| ApiError::of(Code::SignInFailed))?;
                url.query_pairs_mut()
                    .append_pair("quick_auth", &service.token)
                    .append_pair("redirect", &back);
                let mut response = redirect(url.as_str());
                set(&mut response, header::SET_COOKIE, &cookie);
                Ok(response)
            }
        }
    }

    /// The payer's openid under the merchant's appid, if this browser has
    /// shown it.
    pub(crate) fn payer(&self, request: &Request, known: &Known) -> Option<String> {
        let appid = known.merchant.account.payer_appid();
        let token = cookie(request, &payer_cookie(appid))?;
        let payer: Payer = self.config.master_key.read_token("payer", token)?;
        (payer.appid == appid && self.world.now_ms() < payer.until_ms).then_some(payer.openid)
    }

    /// `GET /wx-bridge/oauth_bridge.php?quick_auth=…&redirect=…` (seed 000,
    /// "Wemine Quick Auth Service"): fetches the payer's openid for a shop and
    /// appends `wx_openid` to the redirect, whose origin must be registered.
    pub(crate) async fn quick_auth(&self, request: &Request) -> Response {
        match self.begin_quick_auth(request).await {
            Ok(response) => response,
            Err(error) => {
                error.log_cause(&self.world);
                error.response()
            }
        }
    }

    async fn begin_quick_auth(&self, request: &Request) -> Result<Response, ApiError> {
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
        let known = self
            .directory
            .by_quick_auth(&self.world, &self.config, token)
            .await?
            .ok_or_else(|| {
                ApiError::field(
                    Code::QuickAuthUnknown,
                    "quick_auth",
                    Code::QuickAuthUnknown.advice(),
                )
            })?;
        let registered = origin(target).is_some_and(|origin| {
            origin == self.config.public_url || known.merchant.redirect_origins.contains(&origin)
        });
        if !registered {
            return Err(ApiError::field(
                Code::RedirectRefused,
                "redirect",
                "The redirect's origin is not registered for this merchant.",
            ));
        }
        self.authorize(&known, Goal::Shop(target.clone()))
    }

    /// To WeChat's authorise page.
    fn authorize(&self, known: &Known, goal: Goal) -> Result<Response, ApiError> {
        if known.credentials.app_secret.is_none() {
            self.world.log(format_args!(
                "merchant {} has neither an app_secret nor a quick_auth service",
                known.merchant.id
            ));
            return Err(ApiError::of(Code::SignInFailed));
        }
        let (state, cookie) = self.begin(known, goal);
        let authorize = Authorize {
            appid: known.merchant.account.payer_appid().to_owned(),
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
                error.log_cause(&self.world);
                self.go_back(request, "state", error.code).await
            }
        }
    }

    /// The end of a way that failed: back to the page that began it, which
    /// says so; where that is not known, a page that says so.
    async fn go_back(&self, request: &Request, state: &str, code: Code) -> Response {
        let state = query(request).remove(state).unwrap_or_default();
        let Some(Goal::Page(path)) = self.flow(request, &state).map(|flow| flow.goal) else {
            return self.error_page(request, code).await;
        };
        let mut response = redirect(&format!("{}{path}", self.config.public_url));
        let failed = self.cookie(FAILED_COOKIE, "1", "/pay/", 60);
        set(&mut response, header::SET_COOKIE, &failed);
        set(&mut response, header::SET_COOKIE, &self.ended(&state));
        response
    }

    /// The page of a sign-in that has just failed, shown once.
    pub(crate) async fn sign_in_failed(&self, request: &Request) -> Option<Response> {
        cookie(request, FAILED_COOKIE)?;
        let mut response = self.error_page(request, Code::OpenIdRequired).await;
        let shown = self.cookie(FAILED_COOKIE, "", "/pay/", 0);
        set(&mut response, header::SET_COOKIE, &shown);
        Some(response)
    }

    async fn finish_oauth(&self, request: &Request) -> Result<Response, ApiError> {
        let failed = || ApiError::of(Code::SignInFailed);
        let mut query = query(request);
        let state = query.remove("state").ok_or_else(failed)?;
        let code = query.remove("code").ok_or_else(failed)?;
        let flow = self.flow(request, &state).ok_or_else(failed)?;
        let known = self
            .directory
            .by_id(&self.world, &self.config, &flow.merchant)
            .await?
            .ok_or_else(failed)?;
        let openid = self.exchange(&known, code).await?;
        let mut response = match flow.goal {
            Goal::Page(path) => self.arrive(&known, openid, &path),
            Goal::Shop(target) => {
                let mut url = Url::parse(&target).map_err(|_| failed())?;
                url.query_pairs_mut().append_pair("wx_openid", &openid);
                redirect(url.as_str())
            }
        };
        set(&mut response, header::SET_COOKIE, &self.ended(&state));
        Ok(response)
    }

    /// The openid for WeChat's code, which is good once.
    async fn exchange(&self, known: &Known, code: String) -> Result<String, ApiError> {
        self.token(known, code)
            .await?
            .map(|token| token.openid)
            .map_err(|error| {
                self.world.log(format_args!("oauth: {error}"));
                ApiError::of(Code::SignInFailed)
            })
    }

    /// What WeChat says to a code.
    pub(crate) async fn token(
        &self,
        known: &Known,
        code: String,
    ) -> Result<Result<Token, TokenError>, ApiError> {
        let failed = || ApiError::of(Code::SignInFailed);
        let secret = known.credentials.app_secret.clone().ok_or_else(failed)?;
        let url = TokenRequest {
            appid: known.merchant.account.payer_appid().to_owned(),
            secret,
            code: Secret::new(code),
        }
        .to_url(ACCESS_TOKEN_URL);
        let mut request = Request::default();
        *request.uri_mut() = url.parse().map_err(|_| failed())?;
        let answer = self
            .world
            .fetch(Route::Weixin, request)
            .await
            .map_err(|_| ApiError::of(Code::UpstreamUnavailable))?;
        Ok(Token::read(answer.body()))
    }

    /// `GET /oauth/return?flow=…&wx_openid=…`: back from a Quick Auth service.
    ///
    /// The service does not sign what it says. A payer could bring a foreign
    /// openid, and would gain nothing: WeChat lets only its owner pay the
    /// order.
    pub(crate) async fn quick_auth_return(&self, request: &Request) -> Response {
        match self.finish_quick_auth(request).await {
            Ok(response) => response,
            Err(error) => {
                error.log_cause(&self.world);
                self.go_back(request, "flow", error.code).await
            }
        }
    }

    async fn finish_quick_auth(&self, request: &Request) -> Result<Response, ApiError> {
        let failed = || ApiError::of(Code::SignInFailed);
        let mut query = query(request);
        let state = query.remove("flow").ok_or_else(failed)?;
        let openid = query
            .remove("wx_openid")
            .filter(|openid| is_openid(openid))
            .ok_or_else(failed)?;
        let flow = self.flow(request, &state).ok_or_else(failed)?;
        let Goal::Page(path) = flow.goal else {
            return Err(failed());
        };
        let known = self
            .directory
            .by_id(&self.world, &self.config, &flow.merchant)
            .await?
            .ok_or_else(failed)?;
        let mut response = self.arrive(&known, openid, &path);
        set(&mut response, header::SET_COOKIE, &self.ended(&state));
        Ok(response)
    }

    /// To our own page, with the openid in a cookie.
    fn arrive(&self, known: &Known, openid: String, path: &str) -> Response {
        let appid = known.merchant.account.payer_appid();
        let payer = Payer {
            appid: appid.to_owned(),
            openid,
            until_ms: self.world.now_ms() + PAYER_SECONDS * 1000,
        };
        let token = self.config.master_key.token("payer", &payer);
        let mut response = redirect(&format!("{}{path}", self.config.public_url));
        let cookie = self.cookie(&payer_cookie(appid), &token, "/pay/", PAYER_SECONDS);
        set(&mut response, header::SET_COOKIE, &cookie);
        response
    }

    /// A new way: its state, and the cookie that remembers it.
    fn begin(&self, known: &Known, goal: Goal) -> (String, String) {
        let state = self.random_text(22);
        let flow = Flow {
            merchant: known.merchant.id.clone(),
            goal,
            until_ms: self.world.now_ms() + FLOW_SECONDS * 1000,
        };
        let token = self.config.master_key.token("flow", &(&state, flow));
        let cookie = self.cookie(&flow_cookie(&state), &token, "/oauth/", FLOW_SECONDS);
        (state, cookie)
    }

    fn flow(&self, request: &Request, state: &str) -> Option<Flow> {
        let token = cookie(request, &flow_cookie(state))?;
        let (begun, flow): (String, Flow) = self.config.master_key.read_token("flow", token)?;
        (begun == state && self.world.now_ms() < flow.until_ms).then_some(flow)
    }

    fn ended(&self, state: &str) -> String {
        self.cookie(&flow_cookie(state), "", "/oauth/", 0)
    }

    fn cookie(&self, name: &str, value: &str, path: &str, seconds: i64) -> String {
        // Lax: WeChat's own page sends the browser back by a plain link.
        let secure = if self.config.is_https() {
            "; Secure"
        } else {
            ""
        };
        format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
    }
}

fn payer_cookie(appid: &str) -> String {
    format!("weceive_payer_{appid}")
}

fn flow_cookie(state: &str) -> String {
    format!("weceive_flow_{state}")
}

fn is_openid(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}
