//! The calls of a payer's browser or Mini Program: the checkout's page, payment
//! links, Mini Programs, and the sign-in that finds the payer's openid.

pub mod image;
pub mod link;
pub mod mini;
pub mod page;
pub mod receipt;
pub mod sign_in;

use crate::book::may_pass_later;
use crate::book::{CheckoutFacts, command};
use crate::http::error::{ApiError, Code, Fault};
use crate::http::message::{answer, free_text, header_text, json, query, set};
use crate::merchants::brand::is_image;
use crate::merchants::directory::MerchantContext;
use crate::merchants::merchant::Merchant;
use crate::observe::{Log, RequestContext};
use crate::render::qr::svg_path;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use checkout::{
    Environment, Lang, Line, Link, Method, Offers, Page, PageError, Problem, html, plan, texts,
};
use http::header;
use serde_json::Value;
use std::borrow::Cow;
use std::rc::Rc;

/// The address of the gateway's own icon, for pages without a merchant.
pub(crate) const ICON: &str = "/icon.svg";

/// The longest address of a page on another host: it is kept in a cookie during
/// a sign-in, and written as a code.
pub(crate) const MAX_PAGE_BYTES: usize = 512;

/// The request headers on which the page depends.
pub(crate) const VARY: &str = "user-agent, accept-language, cookie";

/// One payer at one checkout's page.
pub(crate) struct Visit {
    pub(crate) context: Rc<MerchantContext>,
    pub(crate) facts: CheckoutFacts,
    method: Method,
    offers: Offers,
    pub(crate) lang: Lang,
}

pub async fn visit<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    ask_wechat: bool,
) -> Result<Visit, ApiError> {
    let not_found = || ApiError::of(Code::SessionNotFound);
    let id = query(request).remove("s").ok_or_else(not_found)?;
    let merchant = merchant_of(&id)?;
    let context = cx
        .directory
        .by_id(&cx.runtime, &cx.config.master_key, merchant)
        .await?
        .ok_or_else(not_found)?;
    let facts = match ask_wechat {
        true => {
            cx.book(merchant, command::CheckCheckout(id.clone()))
                .await?
        }
        false => cx.book(merchant, command::ViewCheckout(id.clone())).await?,
    };
    let offers = offers(&context, &user_agent(request));
    Ok(Visit {
        context,
        method: plan(&environment(request), offers),
        offers,
        lang: lang_of(request, facts.checkout.purchase.lang),
        facts,
    })
}

/// A page that explains an error, in the payer's language.
pub async fn error_page<R: Runtime>(cx: &Services<R>, request: &Request, code: Code) -> Response {
    let page = Page::Error(PageError {
        code: code.name().to_owned(),
        lang: lang_of(request, None),
        reference: RequestContext::current().request_id,
    });
    filled(cx, code.status(), &page, &[], None, "").await
}

/// The answer to a refused call that a browser may have made by opening the
/// address: a small page for a browser, JSON for a program. At addresses that
/// only programs use, the page says only that there is nothing to see.
pub async fn refusal<R: Runtime>(cx: &Services<R>, request: &Request, error: ApiError) -> Response {
    error.log_cause(&cx.runtime);
    let mut response = error.response();
    if !wants_page(request) {
        return response;
    }
    let lang = lang_of(request, None);
    let message = match error.code {
        // `ORIGIN_UNKNOWN` is the answer to a call of a page on another host, which gets
        // JSON; a browser that opens the address has no such page.
        Code::NotFound | Code::MethodNotAllowed | Code::OriginUnknown => html::nothing_here(lang),
        code => match (Problem::from_code(code.name()), code.fault()) {
            // The request is wrong: this is not the gateway's fault, and
            // repeating it does not help.
            (Problem::Other, Fault::Caller) => html::nothing_here(lang),
            (problem, _) => texts(lang).problem(problem),
        },
    };
    let frame = cx.template().await;
    let file = |ending| frame.as_deref().and_then(|frame| page_file(frame, ending));
    let reference = RequestContext::current().request_id;
    let html = html::notice(lang, message, file(".css"), Some(ICON), &reference);
    *response.body_mut() = html.into_bytes();
    let policy = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
                  base-uri 'none'; frame-ancestors 'none'";
    response.headers_mut().remove(header::CONTENT_TYPE);
    set(
        &mut response,
        header::CONTENT_TYPE,
        "text/html; charset=utf-8",
    );
    set(&mut response, header::CONTENT_SECURITY_POLICY, policy);
    set(
        &mut response,
        header::VARY,
        "accept, accept-language, user-agent",
    );
    response
}

/// The answer to a rate-limited caller: a page for browsers, JSON for programs.
pub async fn too_often<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    error: ApiError,
) -> Response {
    let mut response = match wants_page(request) {
        true => error_page(cx, request, error.code).await,
        false => return error.response(),
    };
    if let Some(seconds) = error.code.retry_after_seconds() {
        set(&mut response, header::RETRY_AFTER, &seconds.to_string());
    }
    response
}

pub async fn filled<R: Runtime>(
    cx: &Services<R>,
    status: u16,
    page: &Page,
    lines: &[Line],
    merchant: Option<&Merchant>,
    here: &str,
) -> Response {
    let nonce = cx.random_text(22);
    let filled = match cx.template().await {
        Some(template) => {
            let image = merchant.map(|merchant| share_image(cx, merchant));
            let icon = merchant.map(|merchant| icon(cx, merchant));
            let frame = html::Frame {
                nonce: &nonce,
                image: image.as_deref().unwrap_or_default(),
                icon: icon.as_deref().unwrap_or(ICON),
                here,
            };
            html::fill(&template, page, lines, frame).map_err(|e| e.to_string())
        }
        None => Err("the page's files are not there".to_owned()),
    };
    let filled = filled.unwrap_or_else(|error| {
        cx.runtime.log(format_args!("page: {error}"));
        String::new()
    });
    if filled.is_empty() {
        return ApiError::of(Code::Internal).response();
    }
    let mut response = answer(status, "text/html; charset=utf-8", filled);
    // The merchant's images have the gateway's own address, also where the
    // sandbox's phone shows this page at another. Older browsers do not take a
    // WebSocket for 'self'.
    let sockets = cx.config.public_url.replacen("http", "ws", 1);
    // The page has an inline style where it shows a merchant's colour.
    let styles = match page {
        Page::View(view) if view.brand.colour.is_some() => format!(" 'nonce-{nonce}'"),
        Page::View(_) | Page::Error(_) => String::new(),
    };
    let images = &cx.config.public_url;
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; \
         style-src 'self'{styles}; img-src 'self' data: {images}; connect-src 'self' {sockets}; \
         form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    );
    set(&mut response, header::CONTENT_SECURITY_POLICY, &policy);
    set(&mut response, header::X_FRAME_OPTIONS, "DENY");
    // WeChat's H5 cashier and some bridges check the referrer (checklist H4):
    // the origin is sent, and never the checkout's id.
    response.headers_mut().remove(header::REFERRER_POLICY);
    set(&mut response, header::REFERRER_POLICY, "strict-origin");
    set(&mut response, header::VARY, VARY);
    response
}

/// The file of a merchant's image.
pub(crate) async fn image_file<R: Runtime>(
    cx: &Services<R>,
    merchant: &str,
    name: &str,
) -> Result<Option<Vec<u8>>, ApiError> {
    if !is_image(name) {
        return Ok(None);
    }
    let call = command::ImageFile(name.to_owned());
    let base64: Option<String> = cx.book(merchant, call).await?;
    base64
        .map(|base64| BASE64_STANDARD.decode(base64))
        .transpose()
        .map_err(ApiError::internal)
}

/// The address of the picture of a link's preview: the merchant's logo, or its
/// monogram.
pub(crate) fn share_image<R: Runtime>(cx: &Services<R>, merchant: &Merchant) -> String {
    let logo = merchant.brand.logo.as_deref();
    cx.config.image_url(&merchant.id, logo.unwrap_or("png"))
}

/// The address of the icon of a browser's tab, as [`share_image`].
pub(crate) fn icon<R: Runtime>(cx: &Services<R>, merchant: &Merchant) -> String {
    let logo = merchant.brand.logo.as_deref();
    cx.config.image_url(&merchant.id, logo.unwrap_or("svg"))
}

/// The contents of a page for the same page on another host.
pub async fn contents<R: Runtime>(
    cx: &Services<R>,
    page: &Page,
    lines: &[Line],
    offers: Offers,
    here: &str,
) -> Result<Response, ApiError> {
    let template = cx.template().await;
    let template = template.ok_or_else(|| ApiError::internal("the page's files are not there"))?;
    let contents = html::contents(&template, page, lines, offers, here);
    let contents = contents.map_err(|error| ApiError::internal(error.to_string()))?;
    let value = serde_json::to_value(contents).map_err(ApiError::internal)?;
    Ok(json(200, &value))
}

/// The contents of a page that explains an error.
pub async fn error_contents<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    code: Code,
) -> Result<Response, ApiError> {
    let page = Page::Error(PageError {
        code: code.name().to_owned(),
        lang: lang_of(request, None),
        reference: RequestContext::current().request_id,
    });
    contents(cx, &page, &[], Offers::default(), "").await
}

/// The refusal of a page whose origin no merchant has registered, readable for
/// it: otherwise it could not be distinguished from a missing network.
pub async fn origin_unknown<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let mut response = refusal(cx, request, ApiError::of(Code::OriginUnknown)).await;
    set(&mut response, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    Ok(response)
}

/// Whether a page of this gateway sent the request.
pub fn is_from_here<R: Runtime>(cx: &Services<R>, request: &Request) -> bool {
    match free_text(request, "sec-fetch-site") {
        Some(site) => site == "same-origin",
        // Older web-views do not send it.
        None => free_text(request, "origin").is_none_or(|origin| origin == cx.config.public_url),
    }
}

/// Answers a call that a page of another host may make
/// ([hosting](../../../../docs/hosting.md)): `answer` gets the page's origin if
/// the merchant of `id` has registered it, and that page can read the answer, a
/// refusal too. For every other sender it gets `None`, and no page of another
/// origin can read the answer.
///
/// No such page sends cookies, and none are read for it: its payer is named by
/// the token that the gateway's sign-in gave to it.
pub async fn answer_host<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
    answer: impl AsyncFnOnce(Option<&str>) -> Result<Response, ApiError>,
) -> Result<Response, ApiError> {
    let host = match other_origin(cx, request) {
        Some(origin) if registers(cx, id, origin).await? => Some(origin),
        _ => None,
    };
    // Boxed, because every call of a page passes through this function.
    let answered = Box::pin(answer(host)).await;
    let Some(origin) = host else {
        return answered;
    };
    let mut response = match answered {
        Ok(response) => response,
        Err(error) => refusal(cx, request, error).await,
    };
    set(&mut response, header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    set(&mut response, header::VARY, "origin");
    Ok(response)
}

/// The origin of the page of another host that sent the request.
pub fn other_origin<'a, R: Runtime>(cx: &Services<R>, request: &'a Request) -> Option<&'a str> {
    header_text(request, "origin").filter(|origin| *origin != cx.config.public_url)
}

/// Whether the merchant of this checkout or link has registered the origin.
pub async fn registers<R: Runtime>(
    cx: &Services<R>,
    id: &str,
    origin: &str,
) -> Result<bool, ApiError> {
    let Ok(merchant) = merchant_of(id) else {
        return Ok(false);
    };
    let context = cx
        .directory
        .by_id(&cx.runtime, &cx.config.master_key, merchant)
        .await?;
    let development = cx.config.development;
    Ok(context.is_some_and(|context| context.merchant.registers(origin, development)))
}

/// Whether the browser says that a page of this gateway sent the request. Older
/// web-views say nothing.
pub fn is_certainly_from_here<R: Runtime>(cx: &Services<R>, request: &Request) -> bool {
    let says =
        free_text(request, "sec-fetch-site").is_some() || free_text(request, "origin").is_some();
    says && is_from_here(cx, request)
}

/// A text as a code: the side of the drawing in modules, and its path.
pub(crate) fn drawn(text: &str) -> Result<(u32, String), ApiError> {
    svg_path(text).ok_or_else(|| ApiError::internal("a text that fits into no code"))
}

/// An address to open in WeChat, with its code.
pub(crate) fn link_to(url: String) -> Result<Link, ApiError> {
    let (size, path) = drawn(&url)?;
    Ok(Link { url, size, path })
}

/// The merchant's id in a checkout's id.
pub fn merchant_of(checkout_id: &str) -> Result<&str, ApiError> {
    checkout_id
        .split_once('.')
        .map(|(merchant, _)| merchant)
        .ok_or_else(|| ApiError::of(Code::SessionNotFound))
}

/// Whether the request is a browser's navigation, whose answer is shown.
fn wants_page(request: &Request) -> bool {
    free_text(request, "accept").is_some_and(|text| text.contains("text/html"))
}

pub fn user_agent(request: &Request) -> Cow<'_, str> {
    free_text(request, "user-agent").unwrap_or_default()
}

/// The payer's environment, by the header and by what the page has detected.
pub(crate) fn environment(request: &Request) -> Environment {
    let environment = Environment::from_user_agent(&user_agent(request));
    match query(request).get("env").map(String::as_str) {
        Some("miniprogram") => environment.inside_a_mini_program(),
        _ => environment,
    }
}

/// How this payer can pay this merchant.
pub(crate) fn method_of(request: &Request, context: &MerchantContext) -> Method {
    plan(&environment(request), offers(context, &user_agent(request)))
}

/// The payment methods that the merchant has for a payer with this User-Agent.
fn offers(context: &MerchantContext, user_agent: &str) -> Offers {
    let merchant = &context.merchant;
    Offers {
        h5: merchant.offers_h5(),
        mini_program: merchant.mini_program.as_ref().is_some_and(|own| {
            // A version without an appid is assumed to be the right Mini
            // Program.
            Environment::mini_program_appid(user_agent).is_none_or(|appid| appid == own.appid)
        }),
    }
}

/// The payer's choice in the address, or else the merchant's, or else the
/// browser's preference.
pub(crate) fn lang_of(request: &Request, merchant: Option<Lang>) -> Lang {
    let asked = query(request).remove("lang");
    let asked = asked.as_deref().and_then(Lang::from_tag).or(merchant);
    Lang::choose(
        asked.map(Lang::tag),
        &user_agent(request),
        free_text(request, "accept-language").as_deref(),
    )
}

/// The payer's choice of language, to be repeated in an address.
pub(crate) fn lang_chosen(request: &Request) -> String {
    query(request)
        .remove("lang")
        .and_then(|tag| Lang::from_tag(&tag))
        .map(|lang| format!("&lang={}", lang.tag()))
        .unwrap_or_default()
}

/// The address of the file with this extension in the page's HTML: the build
/// has put a hash into its name.
pub(crate) fn page_file<'a>(frame: &'a str, ending: &str) -> Option<&'a str> {
    let end = frame.find(&format!("{ending}\""))? + ending.len();
    let before = frame.get(..end)?;
    before.get(before.rfind('"')? + 1..)
}

/// A book's refusal as a payer may see it: WeChat's own texts are for the
/// merchant, and may contain what the payer must not see. A refusal that may
/// pass later is reported as WeChat's, and not as the merchant's: the payer can
/// try again.
pub fn for_payer(error: ApiError) -> ApiError {
    match error.message {
        _ if may_pass_later(&error) => ApiError::of(Code::UpstreamUnavailable),
        Value::Object(_) => ApiError::of(error.code),
        _ => error,
    }
}
