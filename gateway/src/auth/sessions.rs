//! Payers: signed cookies that identify a payer, and the sign-in that sets
//! them.

use crate::http::address::origin;
use crate::http::error::{ApiError, Code};
use crate::http::message::{cookie, redirect, set};
use crate::merchants::directory::MerchantContext;
use crate::merchants::merchant::QuickAuth;
use crate::merchants::seal::fingerprint;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use http::header;
use serde::{Deserialize, Serialize};
use url::Url;
use wechatpay::oauth::{Authorize, Scope};

/// The version of the cookies' contents.
pub(crate) const VERSION: u8 = 2;

/// A sign-in in progress, or one that has ended.
#[derive(Serialize, Deserialize)]
pub struct Flow {
    pub v: u8,
    pub merchant: String,
    pub goal: Goal,
    /// The Quick Auth service that the payer was sent to; `None` for WeChat.
    pub service: Option<String>,
    /// Whether it has ended: its callback, opened again, only redirects to the
    /// goal.
    pub ended: bool,
    pub until_ms: i64,
}

#[derive(Serialize, Deserialize)]
pub enum Goal {
    /// A page of this gateway, at this path.
    Page(String),
    /// To a shop's registered address, with `wx_openid` appended.
    Shop(String),
    /// To the checkout's page on a registered host, with a token.
    Host {
        address: String,
        checkout: String,
        /// The page's own random text for this sign-in.
        state: String,
    },
}

/// A payer whom a page on another host may name. Its token is valid for that
/// host's pages and one checkout.
#[derive(Serialize, Deserialize)]
struct HostedPayer {
    origin: String,
    checkout: String,
    payer: Payer,
}

/// Purpose of the token of a page on another host.
const HOSTED_PURPOSE: &str = "payer of a page on another host";

/// How that token begins. The page takes a result without a point for an error's code.
const SEALED: &str = "sealed.";

/// The contents of a payer's cookie.
#[derive(Serialize, Deserialize)]
struct Payer {
    v: u8,
    appid: String,
    openid: String,
    /// The merchant and its Quick Auth service, where that service returned the
    /// openid.
    #[serde(rename = "told_by")]
    from_service: Option<(String, String)>,
    until_ms: i64,
}

/// Why a browser returned without an openid, as its cookie stores it.
pub const FAILURES: [Code; 3] = [
    Code::OpenIdRequired,
    Code::VirtualOpenId,
    Code::SignInNotSetUp,
];

/// WeChat's code is valid for five minutes; a payer may take as long to agree.
const FLOW_SECONDS: i64 = 10 * 60;

/// The cookie that reports that a sign-in has just failed.
pub const FAILED_COOKIE: &str = "weceive_sign_in_failed";

/// The cookie that names the checkout that a link's form has just begun.
pub const BEGUN_COOKIE: &str = "weceive_begun";

/// Purpose of a cookie with an openid that WeChat returned.
const PAYER_PURPOSE: &str = "payer";

/// Purpose of a cookie with an openid that a service returned.
const SERVICE_PURPOSE: &str = "payer told by a service";

/// As long as a prepayment is valid.
const PAYER_SECONDS: i64 = 2 * 60 * 60;

/// Begins a sign-in for a checkout's page.
pub fn sign_in<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    goal: Goal,
) -> Result<Response, ApiError> {
    match context.merchant.quick_auth_service(cx.config.development) {
        None => authorize(cx, context, goal),
        Some(service) => {
            let (state, cookie) = begin(cx, context, goal, Some(name_of(service)));
            let back = format!("{}/oauth/return?flow={state}", cx.config.public_url);
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

/// The payer's openid under the merchant's appid, for a new order: one that
/// WeChat returned to this browser's sign-in, or one that the merchant's own
/// Quick Auth service returned.
pub fn payer<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    context: &MerchantContext,
) -> Option<String> {
    let from_service = || {
        let development = cx.config.development;
        let service = context.merchant.quick_auth_service(development)?;
        let token = cookie(request, &service_cookie(&context.merchant.id))?;
        let payer = read_payer(cx, SERVICE_PURPOSE, token, context)?;
        let by = (context.merchant.id.clone(), name_of(service));
        (payer.from_service == Some(by)).then_some(payer.openid)
    };
    verified_payer(cx, request, context).or_else(from_service)
}

/// The payer's openid under the merchant's appid, if WeChat itself returned it.
pub fn verified_payer<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    context: &MerchantContext,
) -> Option<String> {
    let token = cookie(
        request,
        &payer_cookie(context.merchant.account.payer_appid()),
    )?;
    let payer = read_payer(cx, PAYER_PURPOSE, token, context)?;
    payer.from_service.is_none().then_some(payer.openid)
}

fn read_payer<R: Runtime>(
    cx: &Services<R>,
    purpose: &str,
    token: &str,
    context: &MerchantContext,
) -> Option<Payer> {
    let payer: Payer = cx.config.master_key.read_token(purpose, token)?;
    is_valid(cx, &payer, context).then_some(payer)
}

fn is_valid<R: Runtime>(cx: &Services<R>, payer: &Payer, context: &MerchantContext) -> bool {
    payer.v == VERSION
        && payer.appid == context.merchant.account.payer_appid()
        && cx.runtime.now_ms() < payer.until_ms
}

/// Whether this payer cannot sign in until the merchant's settings are
/// corrected: there is no `app_secret`, or WeChat has just refused it.
pub fn cannot_sign_in<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    context: &MerchantContext,
) -> bool {
    let service = context.merchant.quick_auth_service(cx.config.development);
    let nothing = context.credentials.app_secret.is_none() && service.is_none();
    nothing || cookie(request, FAILED_COOKIE) == Some(Code::SignInNotSetUp.name())
}

/// Redirects to WeChat's authorise page.
pub fn authorize<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    goal: Goal,
) -> Result<Response, ApiError> {
    if context.credentials.app_secret.is_none() {
        return Err(ApiError::of(Code::SignInNotSetUp));
    }
    let (state, cookie) = begin(cx, context, goal, None);
    let authorize = Authorize {
        appid: context.merchant.account.payer_appid().to_owned(),
        redirect_uri: format!("{}/oauth/callback", cx.config.public_url),
        scope: Scope::Base,
        state,
    };
    let mut response = redirect(&authorize.to_url(&cx.config.oauth_authorize_url));
    set(&mut response, header::SET_COOKIE, &cookie);
    Ok(response)
}

/// Why the last sign-in failed, and the cookie that deletes this, so that it is
/// shown once. Not where another sign-in cannot help: see [`cannot_sign_in`].
pub fn sign_in_failed<R: Runtime>(cx: &Services<R>, request: &Request) -> Option<(Code, String)> {
    let said = cookie(request, FAILED_COOKIE)?;
    let code = FAILURES.into_iter().find(|code| code.name() == said);
    let code = code.unwrap_or(Code::OpenIdRequired);
    Some((code, new_cookie(cx, FAILED_COOKIE, "", "/pay/", 0)))
}

/// Redirects to a page of this gateway, with the openid in a cookie; where the
/// merchant's Quick Auth service returned the openid, the cookie is valid for
/// that merchant only.
pub fn arrive<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    openid: String,
    service: Option<String>,
    path: &str,
) -> Response {
    let (appid, id) = (context.merchant.account.payer_appid(), &context.merchant.id);
    let (name, purpose) = match service {
        None => (payer_cookie(appid), PAYER_PURPOSE),
        Some(_) => (service_cookie(id), SERVICE_PURPOSE),
    };
    let payer = Payer {
        v: VERSION,
        appid: appid.to_owned(),
        openid,
        from_service: service.map(|service| (id.clone(), service)),
        until_ms: cx.runtime.now_ms() + PAYER_SECONDS * 1000,
    };
    let token = cx.config.master_key.token(purpose, &payer);
    let mut response = redirect(&format!("{}{path}", cx.config.public_url));
    let cookie = new_cookie(cx, &name, &token, "/pay/", PAYER_SECONDS);
    set(&mut response, header::SET_COOKIE, &cookie);
    response
}

/// Redirects to a checkout's page on another host. The token is in the fragment,
/// which browsers send to no server; the page removes it from the address. It is
/// sealed: the host does not need the payer's openid.
pub fn arrive_at_host<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    openid: String,
    service: Option<String>,
    (address, checkout, state): (&str, &str, &str),
) -> Option<Response> {
    let hosted = HostedPayer {
        origin: origin(address)?,
        checkout: checkout.to_owned(),
        payer: Payer {
            v: VERSION,
            appid: context.merchant.account.payer_appid().to_owned(),
            openid,
            from_service: service.map(|service| (context.merchant.id.clone(), service)),
            until_ms: cx.runtime.now_ms() + PAYER_SECONDS * 1000,
        },
    };
    let hosted = serde_json::to_string(&hosted).ok()?;
    let mut nonce = [0; 12];
    cx.runtime.random(&mut nonce);
    let key = &cx.config.master_key;
    let sealed = key.seal(HOSTED_PURPOSE, &hosted, nonce).ok()?;
    Some(redirect(&format!(
        "{address}#weceive={state}.{SEALED}{sealed}"
    )))
}

/// The payer's openid in the token of a page on another host, if that page is of
/// this origin and shows this checkout.
pub fn hosted_payer<R: Runtime>(
    cx: &Services<R>,
    token: &str,
    context: &MerchantContext,
    checkout: &str,
    origin: &str,
) -> Option<String> {
    let sealed = token.strip_prefix(SEALED)?;
    let hosted = cx.config.master_key.open(HOSTED_PURPOSE, sealed).ok()?;
    let hosted: HostedPayer = serde_json::from_str(&hosted).ok()?;
    let service = context.merchant.quick_auth_service(cx.config.development);
    let by = service.map(|service| (context.merchant.id.clone(), name_of(service)));
    let holds = hosted.origin == origin
        && hosted.checkout == checkout
        && (hosted.payer.from_service.is_none() || hosted.payer.from_service == by)
        && is_valid(cx, &hosted.payer, context);
    holds.then_some(hosted.payer.openid)
}

/// A new sign-in: its state, and the cookie that stores it.
pub fn begin<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    goal: Goal,
    service: Option<String>,
) -> (String, String) {
    let state = cx.random_text(22);
    let flow = Flow {
        v: VERSION,
        merchant: context.merchant.id.clone(),
        goal,
        service,
        ended: false,
        until_ms: cx.runtime.now_ms() + FLOW_SECONDS * 1000,
    };
    let cookie = flow_cookie(cx, &state, &flow, FLOW_SECONDS);
    (state, cookie)
}

/// Ends a sign-in; its cookie keeps the goal as long as a checkout can be paid.
pub fn end<R: Runtime>(cx: &Services<R>, response: &mut Response, state: &str, flow: Option<Flow>) {
    let Some(flow) = flow else { return };
    let ended = Flow {
        ended: true,
        until_ms: cx.runtime.now_ms() + PAYER_SECONDS * 1000,
        ..flow
    };
    let cookie = flow_cookie(cx, state, &ended, PAYER_SECONDS);
    set(response, header::SET_COOKIE, &cookie);
}

fn flow_cookie<R: Runtime>(cx: &Services<R>, state: &str, flow: &Flow, seconds: i64) -> String {
    let token = cx.config.master_key.token("flow", &(state, flow));
    new_cookie(
        cx,
        &format!("weceive_flow_{state}"),
        &token,
        "/oauth/",
        seconds,
    )
}

pub fn flow<R: Runtime>(cx: &Services<R>, request: &Request, state: &str) -> Option<Flow> {
    let token = cookie(request, &format!("weceive_flow_{state}"))?;
    let (begun, flow): (String, Flow) = cx.config.master_key.read_token("flow", token)?;
    let holds = begun == state && flow.v == VERSION && cx.runtime.now_ms() < flow.until_ms;
    holds.then_some(flow)
}

pub fn new_cookie<R: Runtime>(
    cx: &Services<R>,
    name: &str,
    value: &str,
    path: &str,
    seconds: i64,
) -> String {
    // Lax: WeChat's own page returns the browser by a plain link.
    let secure = if cx.config.is_https() { "; Secure" } else { "" };
    format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

pub fn payer_cookie(appid: &str) -> String {
    format!("weceive_payer_{appid}")
}

/// The merchant's own cookie: an openid from its service is valid for no other
/// merchant.
fn service_cookie(merchant: &str) -> String {
    format!("weceive_told_{merchant}")
}

/// The name of a Quick Auth service in a cookie: its address, and the token
/// that identifies the merchant to it.
pub fn name_of(service: &QuickAuth) -> String {
    fingerprint(&format!("{} {}", service.url, service.token))
}

/// The address with these fields in its query, which replace its own fields of
/// the same names. The rest of the query is not changed.
pub fn with_fields(address: &str, fields: &[(&str, &str)]) -> Option<String> {
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

/// Whether the text has only characters that WeChat uses in an openid.
pub(crate) fn is_openid(text: &str) -> bool {
    (1..=MAX_OPENID_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}
