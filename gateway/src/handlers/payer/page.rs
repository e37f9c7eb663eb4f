//! `/pay/…`: the payer's page and its three calls (room `checkout` holds the
//! messages).
//!
//! ```text
//! GET  /pay/?l=ID          a payment link's page: `pay_link.rs`
//! GET  /pay/?s=ID          the page; first, inside WeChat, the way to an openid
//! POST /pay/order?s=ID     the means to pay, where the payer is
//! POST /pay/check?s=ID     "something happened": asks WeChat, then as status
//! GET  /pay/status?s=ID    how the purchase stands
//! GET  /pay/live?s=ID      a WebSocket that says when to ask that again
//! ```
//!
//! Opening the page never makes an order: previews and robots open links too.
//! They get a page of their own, which has no script.

use crate::Gateway;
use crate::book::{Attempt, Call, CheckoutFacts, Offer, PrepareCheckout};
use crate::config::checkout_path;
use crate::handlers::api::client_ip;
use crate::handlers::payer::link::page_file;
use crate::http::error::{ApiError, Code, Fault};
use crate::http::message::{answer, free_text, header_text, json, json_object, query, set};
use crate::merchants::directory::MerchantContext;
use crate::observe::{Log, RequestContext};
use crate::render::qr::svg_path;
use crate::runtime::{Listen, Request, Response, Runtime};
use checkout::{
    Environment, Jsapi, Lang, Line, Link, Method, Offers, Page, PageError, Prepared, Problem, Qr,
    Reason, State, View, html, plan, texts,
};
use http::header;
use order::TradeType;
use serde::Serialize;
use std::borrow::Cow;
use std::rc::Rc;

/// What the page depends on, beside its address.
pub(crate) const VARY: &str = "user-agent, accept-language, cookie";

const ROBOT: Method = Method::OpenInWeChat {
    reason: Reason::Robot,
};

/// One payer at one checkout's page.
pub(crate) struct Visit {
    pub(crate) context: Rc<MerchantContext>,
    pub(crate) facts: CheckoutFacts,
    method: Method,
    pub(crate) lang: Lang,
}

impl<R: Runtime> Gateway<R> {
    /// The page. Inside WeChat, a payer whose openid is not known is sent to
    /// fetch it before anything is drawn.
    pub(crate) async fn page(&self, request: &Request) -> Response {
        if let Some(link) = query(request).remove("l") {
            return self.link_page(request, &link).await;
        }
        let visit = match self.visit(request, false).await {
            Ok(visit) => visit,
            Err(error) => {
                error.log_cause(&self.runtime);
                return self.error_page(request, error.code).await;
            }
        };
        if visit.method == ROBOT {
            return self.preview(&self.view(&visit));
        }
        let needs_openid = visit.method == Method::Jsapi
            && visit.facts.state == State::Open
            && self.payer(request, &visit.context).is_none();
        let cannot = needs_openid && self.cannot_sign_in(request, &visit.context);
        if cannot {
            self.report_sign_in(&visit.context).await;
        }
        // The purchase is shown with the way back; the page says what is wrong
        // when the payer wants to pay.
        let needs_openid = needs_openid && !cannot;
        // Shown once, with the purchase and the way back: opening the page again
        // asks WeChat again.
        if needs_openid && let Some((code, shown)) = self.sign_in_failed(request) {
            let mut view = self.view(&visit);
            view.problem = Some(code.name().to_owned());
            let lines = &visit.facts.checkout.purchase.lines;
            let mut page = self.html(code.status(), &Page::View(view), lines).await;
            set(&mut page, header::SET_COOKIE, &shown);
            return page;
        }
        if needs_openid {
            return match self.sign_in(&visit.context, &page_path(request, &visit)) {
                Ok(redirect) => redirect,
                Err(error) => {
                    error.log_cause(&self.runtime);
                    self.error_page(request, error.code).await
                }
            };
        }
        let lines = &visit.facts.checkout.purchase.lines;
        let page = Page::View(self.view(&visit));
        self.html(200, &page, lines).await
    }

    /// `GET /pay/status`.
    pub(crate) async fn pay_status(&self, request: &Request) -> Result<Response, ApiError> {
        let visit = self.visit(request, false).await?;
        written(&self.view(&visit))
    }

    /// `GET /pay/live`: lets the page listen for changes. What it hears is only
    /// ever [`LOOK`]: [`Gateway::pay_status`] stays the one truth, and a page
    /// that hears nothing asks by itself.
    pub(crate) async fn pay_live(&self, request: &Request) -> Result<Response, ApiError> {
        let upgrade = header_text(request, "upgrade");
        if !upgrade.is_some_and(|to| to.eq_ignore_ascii_case("websocket")) {
            return Err(ApiError::of(Code::WebSocketNeeded));
        }
        if !self.is_from_here(request) {
            return Err(ApiError::of(Code::ForeignOrigin));
        }
        let visit = self.visit(request, false).await?;
        let mut response = Response::default();
        *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
        response.extensions_mut().insert(Listen {
            book: visit.context.merchant.id.clone(),
            tag: visit.facts.checkout.id,
        });
        Ok(response)
    }

    /// `POST /pay/check`. What the bridge said proves nothing; in every case it
    /// was, it is a reason to ask WeChat.
    pub(crate) async fn pay_check(&self, request: &Request) -> Result<Response, ApiError> {
        self.check_origin(request)?;
        let visit = self.visit(request, true).await?;
        written(&self.view(&visit))
    }

    /// `POST /pay/order`.
    pub(crate) async fn pay_order(&self, request: &Request) -> Result<Response, ApiError> {
        self.check_origin(request)?;
        let visit = self.visit(request, false).await?;
        let (trade_type, openid) = match visit.method {
            Method::Jsapi => {
                let openid = self.payer(request, &visit.context).ok_or_else(|| {
                    let code = match self.cannot_sign_in(request, &visit.context) {
                        true => Code::SignInNotSetUp,
                        false => Code::OpenIdRequired,
                    };
                    ApiError::of(code).for_payer()
                })?;
                (TradeType::Jsapi, Some(openid))
            }
            Method::Native => (TradeType::Native, None),
            Method::H5 => (TradeType::Mweb, None),
            Method::MiniProgram | Method::OpenInWeChat { .. } | Method::WeChatTooOld => {
                return written(&self.link(&visit)?);
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
        let offer = self
            .book(merchant, Call::PrepareCheckout(prepare))
            .await
            .map_err(ApiError::for_payer)?;
        let prepared = match offer {
            Offer::NotOpen(facts) => Prepared::NotOpen(self.view(&Visit {
                facts: *facts,
                ..visit
            })),
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
                    Prepared::Page(self.and_back(mweb_url, request, &visit))
                }
                (None, None, Some(pay_url)) => Prepared::Page(pay_url.clone()),
                (None, None, None) => {
                    let upstream = self.upstream(&visit.context);
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

    /// A page that says what went wrong, in the payer's language.
    pub(crate) async fn error_page(&self, request: &Request, code: Code) -> Response {
        let page = Page::Error(PageError {
            code: code.name().to_owned(),
            lang: lang_of(request, None),
            reference: RequestContext::current().request_id,
        });
        self.html(code.status(), &page, &[]).await
    }

    /// The answer to a refused call that a browser may have made by going to
    /// the address: a small page to the browser, JSON to a program. At
    /// addresses that only programs use, a browser is told only that there is
    /// nothing for it.
    pub(crate) async fn refusal(&self, request: &Request, error: ApiError) -> Response {
        error.log_cause(&self.runtime);
        let mut response = error.response();
        if !wants_page(request) {
            return response;
        }
        let lang = lang_of(request, None);
        let message = match error.code {
            Code::NotFound | Code::MethodNotAllowed => html::nothing_here(lang),
            code => match (Problem::from_code(code.name()), code.fault()) {
                // A program's mistake: no fault of ours, and nothing to repeat.
                (Problem::Other, Fault::Caller) => html::nothing_here(lang),
                (problem, _) => texts(lang).problem(problem),
            },
        };
        let frame = self.template().await;
        let file = |ending| frame.as_deref().and_then(|frame| page_file(frame, ending));
        let reference = RequestContext::current().request_id;
        let html = html::notice(lang, message, file(".css"), file(".svg"), &reference);
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
    pub(crate) async fn too_often(&self, request: &Request, error: ApiError) -> Response {
        let mut response = match wants_page(request) {
            true => self.error_page(request, error.code).await,
            false => return error.response(),
        };
        if let Some(seconds) = error.code.retry_after_seconds() {
            set(&mut response, header::RETRY_AFTER, &seconds.to_string());
        }
        response
    }

    pub(crate) async fn visit(
        &self,
        request: &Request,
        ask_wechat: bool,
    ) -> Result<Visit, ApiError> {
        let not_found = || ApiError::of(Code::SessionNotFound);
        let id = query(request).remove("s").ok_or_else(not_found)?;
        let merchant = Self::merchant_of(&id)?;
        let context = self
            .directory
            .by_id(&self.runtime, &self.config, merchant)
            .await?
            .ok_or_else(not_found)?;
        let call = match ask_wechat {
            true => Call::CheckCheckout(id.clone()),
            false => Call::ViewCheckout(id.clone()),
        };
        let facts: CheckoutFacts = self.book(merchant, call).await?;
        let offers = offers(&context, &user_agent(request));
        Ok(Visit {
            context,
            method: plan(&environment(request), offers),
            lang: lang_of(request, facts.checkout.purchase.lang),
            facts,
        })
    }

    fn view(&self, visit: &Visit) -> View {
        let CheckoutFacts {
            checkout,
            state,
            payable,
        } = &visit.facts;
        // The page needs it for its code alone.
        let is_shown = |attempt: &&Attempt| attempt.trade_type == TradeType::Native;
        let attempt = match visit.method {
            Method::Native => payable.iter().rev().find(is_shown),
            _ => None,
        };
        let purchase = &checkout.purchase;
        View {
            merchant: visit.context.merchant.name.clone(),
            description: purchase.body.clone(),
            money: purchase.money,
            out_trade_no: purchase.out_trade_no.to_string(),
            state: *state,
            attempt: attempt.map(|attempt| attempt.out_trade_no.to_string()),
            method: visit.method,
            now_ms: self.runtime.now_ms(),
            expires_at_ms: checkout.expires_at_ms,
            lang: visit.lang,
            success_url: purchase.success_url.clone(),
            cancel_url: purchase.cancel_url.clone(),
            attempted: !checkout.attempts.is_empty(),
            problem: None,
        }
    }

    /// WeChat's page, which sends the payer back to ours (checklist H3).
    fn and_back(&self, mweb_url: &str, request: &Request, visit: &Visit) -> String {
        let lang = lang_chosen(request);
        let back = format!(
            "{}{lang}&back=1",
            self.config.checkout_url(&visit.facts.checkout.id)
        );
        let back: String = url::form_urlencoded::byte_serialize(back.as_bytes()).collect();
        format!("{mweb_url}&redirect_url={back}")
    }

    /// The page of a robot or a link preview.
    fn preview(&self, view: &View) -> Response {
        let html = html::preview(view, &self.share_image());
        let mut response = answer(200, "text/html; charset=utf-8", html);
        let policy = "default-src 'none'; frame-ancestors 'none'";
        set(&mut response, header::CONTENT_SECURITY_POLICY, policy);
        set(&mut response, header::VARY, VARY);
        response
    }

    pub(crate) fn share_image(&self) -> String {
        format!("{}/share.png", self.config.public_url)
    }

    fn link(&self, visit: &Visit) -> Result<Prepared, ApiError> {
        let url = self.config.checkout_url(&visit.facts.checkout.id);
        let (size, path) = drawn(&url)?;
        Ok(Prepared::Link(Link { url, size, path }))
    }

    /// Refuses a call that another site's page makes in the payer's browser.
    fn check_origin(&self, request: &Request) -> Result<(), ApiError> {
        let json = header_text(request, "content-type")
            .is_some_and(|text| text.starts_with("application/json"));
        let ours = self.is_from_here(request);
        if !json || !ours {
            return Err(ApiError::of(Code::ForeignOrigin));
        }
        json_object(request.body()).map(|_| ())
    }

    /// Whether a page of ours sent the request.
    pub(crate) fn is_from_here(&self, request: &Request) -> bool {
        match free_text(request, "sec-fetch-site") {
            Some(site) => site == "same-origin",
            // Older web-views do not send it.
            None => {
                free_text(request, "origin").is_none_or(|origin| origin == self.config.public_url)
            }
        }
    }

    async fn html(&self, status: u16, page: &Page, lines: &[Line]) -> Response {
        let nonce = self.random_text(22);
        let filled = match self.template().await {
            Some(template) => html::fill(&template, page, lines, &nonce, &self.share_image())
                .map_err(|e| e.to_string()),
            None => Err("the page's files are not there".to_owned()),
        };
        let filled = filled.unwrap_or_else(|error| {
            self.runtime.log(format_args!("page: {error}"));
            String::new()
        });
        if filled.is_empty() {
            return ApiError::of(Code::Internal).response();
        }
        let mut response = answer(status, "text/html; charset=utf-8", filled);
        // Older browsers do not take a WebSocket for 'self'.
        let sockets = self.config.public_url.replacen("http", "ws", 1);
        // The lines bring their own looks along.
        let styles = match lines {
            [] => String::new(),
            _ => format!(" 'nonce-{nonce}'"),
        };
        let policy = format!(
            "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; \
             style-src 'self'{styles}; img-src 'self' data:; connect-src 'self' {sockets}; \
             form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
        );
        set(&mut response, header::CONTENT_SECURITY_POLICY, &policy);
        set(&mut response, header::X_FRAME_OPTIONS, "DENY");
        // WeChat's H5 cashier and some bridges look at where the payer came
        // from (checklist H4): the origin, and never the checkout's id.
        response.headers_mut().remove(header::REFERRER_POLICY);
        set(&mut response, header::REFERRER_POLICY, "strict-origin");
        set(&mut response, header::VARY, VARY);
        response
    }
}

/// Whether a browser goes to this address, and shows what comes.
fn wants_page(request: &Request) -> bool {
    free_text(request, "accept").is_some_and(|text| text.contains("text/html"))
}

fn written<T: Serialize>(value: &T) -> Result<Response, ApiError> {
    serde_json::to_value(value)
        .map(|value| json(200, &value))
        .map_err(ApiError::internal)
}

fn drawn(text: &str) -> Result<(u32, String), ApiError> {
    svg_path(text).ok_or_else(|| ApiError::internal("a text that fits into no code"))
}

fn user_agent(request: &Request) -> Cow<'_, str> {
    free_text(request, "user-agent").unwrap_or_default()
}

/// Where the payer is, by the header and by what the page has found out since.
pub(crate) fn environment(request: &Request) -> Environment {
    let environment = Environment::from_user_agent(&user_agent(request));
    match query(request).get("env").map(String::as_str) {
        Some("miniprogram") => environment.inside_a_mini_program(),
        _ => environment,
    }
}

/// What the merchant has for a payer with this User-Agent.
fn offers(context: &MerchantContext, user_agent: &str) -> Offers {
    let merchant = &context.merchant;
    Offers {
        h5: merchant.offers_h5(),
        mini_program: merchant.mini_program.as_ref().is_some_and(|own| {
            // A version that names none is believed to be in the right one.
            Environment::mini_program_appid(user_agent).is_none_or(|appid| appid == own.appid)
        }),
    }
}

/// The payer's choice in the address, or else the merchant's, or else what the
/// browser prefers.
pub(crate) fn lang_of(request: &Request, merchant: Option<Lang>) -> Lang {
    let asked = query(request).remove("lang");
    let asked = asked.as_deref().and_then(Lang::from_tag).or(merchant);
    Lang::choose(
        asked.map(Lang::tag),
        &user_agent(request),
        free_text(request, "accept-language").as_deref(),
    )
}

/// Where to come back to with an openid.
fn page_path(request: &Request, visit: &Visit) -> String {
    let lang = lang_chosen(request);
    format!("{}{lang}", checkout_path(&visit.facts.checkout.id))
}

/// The payer's choice of language, to be carried on in an address.
pub(crate) fn lang_chosen(request: &Request) -> String {
    query(request)
        .remove("lang")
        .and_then(|tag| Lang::from_tag(&tag))
        .map(|lang| format!("&lang={}", lang.tag()))
        .unwrap_or_default()
}
