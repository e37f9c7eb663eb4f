//! `/pay/…`: the payer's page and its four calls (crate `checkout` holds the
//! messages).
//!
//! ```text
//! GET  /pay/?l=ID          a payment link's page: `link_page` in link.rs
//! GET  /pay/?s=ID          the page; inside WeChat, the sign-in comes first
//! POST /pay/order?s=ID     the means to pay, for the payer's environment
//! POST /pay/check?s=ID     queries WeChat, then as status
//! GET  /pay/status?s=ID    the state of the purchase
//! GET  /pay/live?s=ID      a WebSocket that says when to poll the status
//! GET  /pay/view?s=ID      the page's contents, for the same page on another host
//! ```
//!
//! Opening the page never makes an order, because previews and robots open
//! links too. They get a separate page without a script.

use super::{
    MAX_PAGE_BYTES, VARY, Visit, answer_host, contents, drawn, error_contents, error_page, filled,
    for_payer, is_from_here, lang_chosen, link_to, origin_unknown, other_origin, registers,
    share_image, visit,
};
use crate::auth::sessions::{
    BEGUN_COOKIE, Goal, cannot_sign_in, hosted_payer, new_cookie, payer, sign_in, sign_in_failed,
};
use crate::book::{Attempt, CheckoutFacts, Offer, PaymentFacts, PrepareCheckout, in_yuan};
use crate::config::checkout_path;
use crate::http::address::origin;
use crate::http::client::client_ip;
use crate::http::error::{ApiError, Code};
use crate::http::message::{answer, cookie, header_text, json, json_object, query, set};
use crate::runtime::{Listen, Request, Response, Runtime};
use crate::services::Services;
use checkout::{
    Jsapi, Method, Page, Payment, Prepared, Qr, Reason, State, View, format_amount, html,
};
use http::header;
use order::TradeType;
use serde::Serialize;
use serde_json::{Map, Value};

const ROBOT: Method = Method::OpenInWeChat {
    reason: Reason::Robot,
};

/// The page. Inside WeChat, a payer whose openid is not known is redirected to
/// sign in before anything is rendered.
pub async fn page<R: Runtime>(cx: &Services<R>, request: &Request) -> Response {
    let visit = match visit(cx, request, false).await {
        Ok(visit) => visit,
        Err(error) => {
            error.log_cause(&cx.runtime);
            return error_page(cx, request, error.code).await;
        }
    };
    let merchant = Some(&visit.context.merchant);
    let here = checkout_path(&visit.facts.checkout.id);
    if visit.method == ROBOT {
        return preview(cx, &visit);
    }
    let needs_openid = visit.method == Method::Jsapi
        && visit.facts.state == State::Open
        && payer(cx, request, &visit.context).is_none();
    let cannot = needs_openid && cannot_sign_in(cx, request, &visit.context);
    if cannot {
        cx.report_sign_in(&visit.context).await;
    }
    // The purchase is shown with the way back; the page shows the error when
    // the payer wants to pay.
    let needs_openid = needs_openid && !cannot;
    // The error is shown once, with the purchase and the way back: opening the
    // page again begins a new sign-in.
    if needs_openid && let Some((code, shown)) = sign_in_failed(cx, request) {
        let mut view = view(cx, &visit);
        view.problem = Some(code.name().to_owned());
        let lines = &visit.facts.checkout.purchase.lines;
        let mut page = filled(cx, code.status(), &Page::View(view), lines, merchant, &here).await;
        set(&mut page, header::SET_COOKIE, &shown);
        return page;
    }
    if needs_openid {
        let goal = Goal::Page(page_path(request, &visit));
        return match sign_in(cx, &visit.context, goal) {
            Ok(redirect) => redirect,
            Err(error) => {
                error.log_cause(&cx.runtime);
                error_page(cx, request, error.code).await
            }
        };
    }
    let lines = &visit.facts.checkout.purchase.lines;
    let mut view = view(cx, &visit);
    let begun = cookie(request, BEGUN_COOKIE) == Some(visit.facts.checkout.id.as_str());
    view.begun = begun;
    let mut page = filled(cx, 200, &Page::View(view), lines, merchant, &here).await;
    if begun {
        // Only once: the same page, loaded again, waits for a tap.
        let over = new_cookie(cx, BEGUN_COOKIE, "", "/pay/", 0);
        set(&mut page, header::SET_COOKIE, &over);
    }
    page
}

/// `GET /pay/view`: the contents of the page, for the page on another host.
/// What went wrong is answered with 200 too: the page shows it.
///
/// A page of an origin that is not registered may read only that. The refusal
/// is the same for every purchase.
pub async fn pay_view<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let id = checkout_id(request);
    answer_host(cx, request, &id, async |host| {
        if host.is_none() && other_origin(cx, request).is_some() && !id.is_empty() {
            return origin_unknown(cx, request).await;
        }
        match visit(cx, request, false).await {
            Ok(visit) => {
                let page = Page::View(view(cx, &visit));
                let lines = &visit.facts.checkout.purchase.lines;
                // Relative: that page has an address of its own.
                let here = checkout_path(&visit.facts.checkout.id).replacen("/pay/", "", 1);
                contents(cx, &page, lines, visit.offers, &here).await
            }
            Err(error) => {
                error.log_cause(&cx.runtime);
                error_contents(cx, request, error.code).await
            }
        }
    })
    .await
}

/// `GET /pay/status`.
pub async fn pay_status<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    answer_host(cx, request, &checkout_id(request), async |_| {
        let visit = visit(cx, request, false).await?;
        written(&view(cx, &visit))
    })
    .await
}

/// `GET /pay/live`: lets the page listen for changes. Each message is
/// [`LOOK`]. [`pay_status`] is the only source; without messages the page polls.
pub async fn pay_live<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let upgrade = header_text(request, "upgrade");
    if !upgrade.is_some_and(|to| to.eq_ignore_ascii_case("websocket")) {
        return Err(ApiError::of(Code::WebSocketNeeded));
    }
    let from_host = match other_origin(cx, request) {
        Some(origin) => registers(cx, &checkout_id(request), origin).await?,
        None => false,
    };
    if !from_host && !is_from_here(cx, request) {
        return Err(ApiError::of(Code::ForeignOrigin));
    }
    let visit = visit(cx, request, false).await?;
    let mut response = Response::default();
    *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
    response.extensions_mut().insert(Listen {
        book: visit.context.merchant.id.clone(),
        tag: visit.facts.checkout.id,
    });
    Ok(response)
}

/// `POST /pay/check`. Queries WeChat in every case: the bridge's report is not
/// authenticated.
pub async fn pay_check<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    answer_host(cx, request, &checkout_id(request), async |host| {
        check_origin(cx, request, host)?;
        let visit = visit(cx, request, true).await?;
        written(&view(cx, &visit))
    })
    .await
}

/// `POST /pay/order`.
pub async fn pay_order<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    answer_host(cx, request, &checkout_id(request), async |host| {
        Box::pin(prepare(cx, request, host)).await
    })
    .await
}

async fn prepare<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    host: Option<&str>,
) -> Result<Response, ApiError> {
    let body = check_origin(cx, request, host)?;
    let visit = visit(cx, request, false).await?;
    let page = hosted_page(&body, host, &visit);
    let (trade_type, openid) = match visit.method {
        Method::Jsapi => {
            let known = match host {
                None => payer(cx, request, &visit.context),
                Some(host) => {
                    let token = body.get("payer").and_then(Value::as_str);
                    let id = &visit.facts.checkout.id;
                    token.and_then(|token| hosted_payer(cx, token, &visit.context, id, host))
                }
            };
            let openid = known.ok_or_else(|| {
                let code = match cannot_sign_in(cx, request, &visit.context) {
                    true => Code::SignInNotSetUp,
                    false => Code::OpenIdRequired,
                };
                for_payer(ApiError::of(code))
            })?;
            (TradeType::Jsapi, Some(openid))
        }
        Method::Native => (TradeType::Native, None),
        Method::H5 => (TradeType::Mweb, None),
        Method::MiniProgram | Method::OpenInWeChat { .. } | Method::WeChatTooOld => {
            return written(&link(cx, &visit, page)?);
        }
    };
    let prepare = PrepareCheckout {
        id: visit.facts.checkout.id.clone(),
        trade_type,
        openid,
        appid: None,
        payer_ip: client_ip(request),
    };
    let merchant = &visit.context.merchant.id;
    let offer = cx.book(merchant, prepare).await.map_err(for_payer)?;
    let prepared = match offer {
        Offer::NotOpen(facts) => Prepared::NotOpen(view(
            cx,
            &Visit {
                facts: *facts,
                ..visit
            },
        )),
        Offer::Pay {
            prepayment,
            expires_at_ms,
            attempt,
        } => match (
            &prepayment.code_url,
            &prepayment.mweb_url,
            &prepayment.pay_url,
        ) {
            (Some(code_url), ..) => {
                let (size, path) = drawn(code_url)?;
                Prepared::Qr(Qr {
                    code_url: code_url.clone(),
                    size,
                    path,
                    expires_at_ms,
                    attempt: attempt.map(|number| number.to_string()),
                })
            }
            (None, Some(mweb_url), _) => {
                Prepared::Page(and_back(cx, mweb_url, request, &visit, page))
            }
            (None, None, Some(pay_url)) => Prepared::Page(pay_url.clone()),
            (None, None, None) => {
                let upstream = cx.upstream(&visit.context);
                let appid = visit.context.merchant.account.payer_appid();
                let package = upstream.jsapi(&prepayment, appid).await?;
                Prepared::Jsapi(Jsapi {
                    app_id: package.app_id,
                    time_stamp: package.time_stamp,
                    nonce_str: package.nonce_str,
                    package: package.package,
                    sign_type: package.sign_type,
                    pay_sign: package.pay_sign,
                })
            }
        },
    };
    written(&prepared)
}

fn view<R: Runtime>(cx: &Services<R>, visit: &Visit) -> View {
    let CheckoutFacts {
        checkout,
        state,
        payable,
        payment,
        rate_e8,
    } = &visit.facts;
    let merchant = &visit.context.merchant;
    let image = |name: &Option<String>| {
        let name = name.as_ref()?;
        Some(cx.config.image_url(&merchant.id, name))
    };
    // The page needs it only to show its code.
    let is_shown = |attempt: &&Attempt| attempt.trade_type == TradeType::Native;
    let attempt = match visit.method {
        Method::Native => payable.iter().rev().find(is_shown),
        _ => None,
    };
    let purchase = &checkout.purchase;
    View {
        merchant: merchant.name.clone(),
        description: purchase.body.clone(),
        money: purchase.money,
        out_trade_no: purchase.out_trade_no.to_string(),
        state: *state,
        attempt: attempt.map(|attempt| attempt.out_trade_no.to_string()),
        method: visit.method,
        now_ms: cx.runtime.now_ms(),
        expires_at_ms: checkout.expires_at_ms,
        lang: visit.lang,
        success_url: purchase.success_url.clone(),
        cancel_url: purchase.cancel_url.clone(),
        attempted: !checkout.attempts.is_empty(),
        problem: None,
        return_seconds: merchant.brand.return_seconds,
        begun: false,
        brand: cx.config.brand(merchant),
        picture: image(&purchase.picture),
        details: purchase.details.clone(),
        about_cny: in_yuan(purchase.money, *rate_e8),
        payment: payment.as_ref().map(|payment| shown(cx, visit, payment)),
        is_test: cx.config.is_test,
    }
}

/// What the payer may see of the payment.
fn shown<R: Runtime>(cx: &Services<R>, visit: &Visit, payment: &PaymentFacts) -> Payment {
    let merchant = &visit.context.merchant;
    let charged = payment.charged(visit.facts.checkout.purchase.money);
    let receipt = payment.receipt.as_ref();
    Payment {
        transaction_id: payment.transaction_id.clone(),
        charged,
        charged_text: charged.map(|charged| format_amount(charged, visit.lang)),
        receipt_url: receipt.map(|id| cx.config.receipt_url(&merchant.id, id)),
    }
}

/// WeChat's page, with the address to which it returns the payer (checklist
/// H3).
fn and_back<R: Runtime>(
    cx: &Services<R>,
    mweb_url: &str,
    request: &Request,
    visit: &Visit,
    page: Option<String>,
) -> String {
    let back = match page {
        Some(page) => format!("{page}&back=1"),
        None => {
            let url = cx.config.checkout_url(&visit.facts.checkout.id);
            format!("{url}{}&back=1", lang_chosen(request))
        }
    };
    let back: String = url::form_urlencoded::byte_serialize(back.as_bytes()).collect();
    format!("{mweb_url}&redirect_url={back}")
}

/// The page of a robot or a link preview.
fn preview<R: Runtime>(cx: &Services<R>, visit: &Visit) -> Response {
    let image = share_image(cx, &visit.context.merchant);
    let html = html::preview(&view(cx, visit), &image);
    let mut response = answer(200, "text/html; charset=utf-8", html);
    let policy = "default-src 'none'; frame-ancestors 'none'";
    set(&mut response, header::CONTENT_SECURITY_POLICY, policy);
    set(&mut response, header::VARY, VARY);
    response
}

fn link<R: Runtime>(
    cx: &Services<R>,
    visit: &Visit,
    page: Option<String>,
) -> Result<Prepared, ApiError> {
    let url = page.unwrap_or_else(|| cx.config.checkout_url(&visit.facts.checkout.id));
    link_to(url).map(Prepared::Link)
}

/// The address of the page on another host, from the body of its call. It is
/// used only if its origin is the one that the browser reports, and if it is
/// for this purchase.
fn hosted_page(body: &Map<String, Value>, host: Option<&str>, visit: &Visit) -> Option<String> {
    let page = body.get("page")?.as_str()?;
    let page = Some(page).filter(|page| page.len() <= MAX_PAGE_BYTES)?;
    let fields: Vec<_> = page.split(['?', '&']).skip(1).collect();
    let is_this = fields.first() == Some(&format!("s={}", visit.facts.checkout.id).as_str());
    (is_this && host.is_some() && origin(page).as_deref() == host).then(|| page.to_owned())
}

fn checkout_id(request: &Request) -> String {
    query(request).remove("s").unwrap_or_default()
}

/// Refuses a call that another site's page makes in the payer's browser, except
/// a registered one. Returns the body.
///
/// A registered page sends no content type: otherwise its browser would ask for
/// permission first, in a request of its own.
fn check_origin<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    host: Option<&str>,
) -> Result<Map<String, Value>, ApiError> {
    let json = header_text(request, "content-type")
        .is_some_and(|text| text.starts_with("application/json"));
    let ours = json && is_from_here(cx, request);
    if host.is_none() && !ours {
        return Err(ApiError::of(Code::ForeignOrigin));
    }
    json_object(request.body())
}

fn written<T: Serialize>(value: &T) -> Result<Response, ApiError> {
    serde_json::to_value(value)
        .map(|value| json(200, &value))
        .map_err(ApiError::internal)
}

/// The path to which a sign-in returns.
fn page_path(request: &Request, visit: &Visit) -> String {
    let lang = lang_chosen(request);
    format!("{}{lang}", checkout_path(&visit.facts.checkout.id))
}
