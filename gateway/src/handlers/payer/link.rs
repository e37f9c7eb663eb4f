//! `/pay/…`: the pages and pictures of a payment link, for payers and
//! merchants.
//!
//! ```text
//! GET  /pay/?l=ID        the page: what is sold, and a form
//! POST /pay/link         the form: makes this payer's checkout, and redirects to it
//! GET  /pay/result?l=ID&once=…   for a page of the merchant's: the outcome
//! GET  /pay/qr?l=ID      the page's address as a QR code
//! GET  /pay/sheet?l=ID   the QR code on a sheet to print
//! ```
//!
//! A GET makes nothing for any client, because chats fetch every address that
//! is pasted into them. That is why a link with one price has a button, too.
//!
//! The pictures need no authentication: a link's id is public, as is buying
//! through it, and a plain `<img>` can show them.

use super::{
    MAX_PAGE_BYTES, VARY, answer_host, environment, error_contents, error_page, icon, image_file,
    is_certainly_from_here, is_from_here, lang_chosen, lang_of, link_to, merchant_of, method_of,
    origin_unknown, other_origin, page_file, refusal, share_image, too_often,
};
use crate::auth::sessions::{BEGUN_COOKIE, new_cookie};
use crate::auth::sessions::{VERSION, verified_payer};
use crate::book::{Buy, CheckoutFacts, Choice, LinkFacts, Price, SaleFacts, command, in_yuan};
use crate::http::address::origin;
use crate::http::client::network;
use crate::http::error::{ApiError, Code};
use crate::http::fields::{CHOICE_BYTES, Fields};
use crate::http::message::{answer, cookie, header_text, json, query, redirect, set};
use crate::merchants::directory::MerchantContext;
use crate::observe::Log;
use crate::render::print::{Paper, Sheet};
use crate::render::qr::{Picture, QrCodeEcc};
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use checkout::fields::read_answers;
use checkout::link::{
    Asks, Elsewhere, EntryProblem, LinkPage, Refused, contents, page, read_amount, read_quantity,
};
use checkout::{App, Method, Reason, State, format_amount, texts};
use http::header;
use order::Money;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The sides of a picture in pixels.
const MIN_SIZE: i64 = 64;
const MAX_SIZE: i64 = 2048;

/// The longest name of a series of sheets, its largest number, and the most
/// sheets of one.
const MAX_SERIES_BYTES: usize = 48;
const MAX_LABEL: i64 = 9_999;
const MOST_LABELS: i64 = 50;

/// A cookie that stores the purchase that the browser has begun through a link.
#[derive(Serialize, Deserialize)]
struct Bought {
    v: u8,
    link: String,
    checkout: String,
}

const BOUGHT_PURPOSE: &str = "bought";
/// As long as a purchase through a link can be paid.
const BOUGHT_SECONDS: i64 = 30 * 60;

/// The name of the cookie for a link: the last purchase that the browser has
/// begun there.
fn bought_cookie(link_id: &str) -> String {
    format!("weceive_bought_{link_id}")
}

/// A link that was opened.
struct Opened {
    context: Rc<MerchantContext>,
    facts: LinkFacts,
    /// See [`Buy::once`].
    once: String,
}

/// `GET /pay/?l=…`.
pub async fn link_page<R: Runtime>(cx: &Services<R>, request: &Request, id: &str) -> Response {
    let once = query(request).remove("once");
    match open_link(cx, id, once).await {
        Ok(opened) => {
            if opened.facts.ended(cx.runtime.now_ms()).is_some()
                && let Some(resumed) = resume_purchase(cx, request, &opened).await
            {
                return resumed;
            }
            drawn_link(cx, request, 200, &opened, None).await
        }
        Err(error) => link_error(cx, request, error).await,
    }
}

/// Redirects to the purchase of this link that this browser has begun and can
/// still pay: the last piece may be reserved for this browser.
async fn resume_purchase<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    opened: &Opened,
) -> Option<Response> {
    let checkout = begun_here(cx, request, &opened.facts.link.id)?;
    let call = command::ViewCheckout(checkout.clone());
    let facts: Result<CheckoutFacts, ApiError> = cx.book(&opened.context.merchant.id, call).await;
    let facts = facts
        .inspect_err(|error| error.log_cause(&cx.runtime))
        .ok()?;
    let is_open = matches!(facts.state, State::Open | State::Confirming);
    is_open.then(|| {
        let url = cx.config.checkout_url(&checkout);
        let mut response = redirect(&format!("{url}{}", lang_chosen(request)));
        *response.status_mut() = http::StatusCode::SEE_OTHER;
        response
    })
}

/// The purchase of this link that this browser has begun last.
fn begun_here<R: Runtime>(cx: &Services<R>, request: &Request, link: &str) -> Option<String> {
    let token = cookie(request, &bought_cookie(link))?;
    let bought: Bought = cx.config.master_key.read_token(BOUGHT_PURPOSE, token)?;
    (bought.v == VERSION && bought.link == link).then_some(bought.checkout)
}

/// `POST /pay/link`. A page on another host gets JSON: the checkout's id, or
/// the link's page again.
pub async fn buy<R: Runtime>(cx: &Services<R>, request: &Request) -> Response {
    let form = form(request);
    let link = form.get("l").map(String::as_str).unwrap_or_default();
    let answered = answer_host(cx, request, link, async |host| {
        if host.is_some() {
            return match Box::pin(begin(cx, request, &form)).await {
                Begun::Checkout { id, .. } => Ok(json(200, &json!({"s": id}))),
                Begun::Nothing(opened, status, refused) => {
                    let shown = (&*opened, status, host);
                    with_link(cx, request, shown, refused, ("", ""), shared)
                }
                Begun::Refused(error) if error.code == Code::RateLimited => Err(error),
                Begun::Refused(error) => {
                    error.log_cause(&cx.runtime);
                    error_contents(cx, request, of_page(error.code)).await
                }
            };
        }
        if !is_from_here(cx, request) {
            return Err(ApiError::of(Code::ForeignOrigin));
        }
        Ok(Box::pin(buy_here(cx, request, &form)).await)
    });
    match answered.await {
        Ok(response) => response,
        Err(error) => refusal(cx, request, error).await,
    }
}

/// What a submitted form led to.
enum Begun<'a> {
    /// A new checkout of this link.
    Checkout { id: String, link: String },
    /// No checkout: the link's page is shown in its current state, with this
    /// status.
    Nothing(Box<Opened>, u16, Option<Refused<'a>>),
    /// The call failed.
    Refused(ApiError),
}

async fn begin<'a, R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    form: &'a BTreeMap<String, String>,
) -> Begun<'a> {
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let opened = match open_link(cx, field("l"), form.get("once").cloned()).await {
        Ok(opened) => opened,
        Err(error) => return Begun::Refused(error),
    };
    // A payer who cannot pay here holds no stock.
    if environment(request).app == App::Robot || elsewhere(request, &opened.context).is_some() {
        return Begun::Nothing(Box::new(opened), 200, None);
    }
    // The book decides whether pieces are left: the same form may have taken
    // them already, and its answer may have been lost.
    let (written, choice) = match opened.facts.link.price {
        Price::Fixed { max_quantity, .. } => {
            let written = form.get("quantity").map_or("1", String::as_str);
            (written, quantity(written, max_quantity))
        }
        Price::Entered { min, max } => (field("amount"), amount(field("amount"), min, max)),
    };
    let refused = |problem| Some(Refused { written, problem });
    let has_ended = matches!(asks(&opened.facts, cx.runtime.now_ms()), Asks::Ended(_));
    let choice = match choice {
        Ok(choice) => choice,
        Err(_) if has_ended => return Begun::Nothing(Box::new(opened), 409, None),
        Err(problem) => return Begun::Nothing(Box::new(opened), 422, refused(problem)),
    };
    let answers = match read_answers(&opened.facts.link.fields, form) {
        Ok(answers) => answers,
        Err(_) => {
            let status = if has_ended { 409 } else { 422 };
            return Begun::Nothing(Box::new(opened), status, None);
        }
    };
    let buy = Buy {
        id: opened.facts.link.id.clone(),
        once: opened.once.clone(),
        choice,
        holder: holder(cx, request, &opened.context),
        answers,
        own: begun_here(cx, request, &opened.facts.link.id),
    };
    match cx.book(&opened.context.merchant.id, buy).await {
        Ok(id) => Begun::Checkout {
            id,
            link: opened.facts.link.id,
        },
        Err(error) if error.code == Code::RateLimited => Begun::Refused(error),
        // Another payer was faster, or the merchant has changed the link: its
        // page is shown in the current state.
        Err(error) if error.code.status() < 500 => {
            let id = opened.facts.link.id.clone();
            match open_link(cx, &id, Some(opened.once)).await {
                Ok(now) => {
                    // The payer must correct either an answer or the quantity.
                    let refused = match read_answers(&now.facts.link.fields, form) {
                        Ok(_) => refused(EntryProblem::OutOfRange),
                        Err(_) => None,
                    };
                    let status = match error.code {
                        Code::LinkStockTooLow => 422,
                        _ => 409,
                    };
                    Begun::Nothing(Box::new(now), status, refused)
                }
                Err(error) => Begun::Refused(error),
            }
        }
        Err(error) => Begun::Refused(error),
    }
}

async fn buy_here<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    form: &BTreeMap<String, String>,
) -> Response {
    let begun = begin(cx, request, form).await;
    let (id, link) = match begun {
        Begun::Checkout { id, link } => (id, link),
        Begun::Nothing(opened, status, refused) => {
            // The last piece may be reserved for this browser.
            if status == 409
                && let Some(resumed) = resume_purchase(cx, request, &opened).await
            {
                return resumed;
            }
            return drawn_link(cx, request, status, &opened, refused).await;
        }
        Begun::Refused(error) if error.code == Code::RateLimited => {
            let link = form.get("l").map(String::as_str).unwrap_or_default();
            if let Ok(opened) = open_link(cx, link, None).await
                && let Some(resumed) = resume_purchase(cx, request, &opened).await
            {
                return resumed;
            }
            return too_often(cx, request, error).await;
        }
        Begun::Refused(error) => return link_error(cx, request, error).await,
    };
    let lang = lang_chosen(request);
    let lang = match (lang.is_empty(), form.get("lang")) {
        (true, Some(tag)) => checkout::Lang::from_tag(tag)
            .map(|lang| format!("&lang={}", lang.tag()))
            .unwrap_or_default(),
        _ => lang,
    };
    let url = cx.config.checkout_url(&id);
    let mut response = redirect(&format!("{url}{lang}"));
    *response.status_mut() = http::StatusCode::SEE_OTHER;
    let bought = Bought {
        v: VERSION,
        link,
        checkout: id,
    };
    let token = cx.config.master_key.token(BOUGHT_PURPOSE, &bought);
    let name = bought_cookie(&bought.link);
    let cookie = new_cookie(cx, &name, &token, "/pay/", BOUGHT_SECONDS);
    set(&mut response, header::SET_COOKIE, &cookie);
    // Only where the browser says that our own form was sent, and long enough for
    // a sign-in in between.
    if is_certainly_from_here(cx, request) {
        let begun = new_cookie(cx, BEGUN_COOKIE, &bought.checkout, "/pay/", 120);
        set(&mut response, header::SET_COOKIE, &begun);
    }
    response
}

/// The holder under which unpaid pieces are counted together: the payer, where
/// WeChat returned the openid, or else the network address. An openid that only
/// a Quick Auth service returned does not count: it is not signed, so one
/// person could invent as many as the stock has pieces.
fn holder<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    context: &MerchantContext,
) -> Option<String> {
    let verified = verified_payer(cx, request, context);
    let who = verified.or_else(|| network(request))?;
    Some(cx.config.master_key.alias("holder", &who))
}

/// `GET /pay/result`: the outcome of the purchase of one form. Only a page of
/// an origin that the merchant has registered may call this, and it has to know
/// the form's `once`.
///
/// A page of another origin may read that it is refused for that reason, and
/// nothing else; otherwise it could not distinguish a missing registration from
/// a network failure. The refusal reveals nothing about a purchase.
pub async fn link_result<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    match result_for(cx, request).await {
        Err(error) if error.code == Code::OriginUnknown => {
            let mut response = refusal(cx, request, error).await;
            set(&mut response, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
            Ok(response)
        }
        answered => answered,
    }
}

async fn result_for<R: Runtime>(cx: &Services<R>, request: &Request) -> Result<Response, ApiError> {
    let fields = Fields::of_query(query(request));
    let (id, once) = (fields.required("l", 64)?, fields.required("once", 64)?);
    let context = merchant_of_link(cx, &id).await?;
    let origin = header_text(request, "origin")
        .filter(|origin| context.merchant.registers(origin, cx.config.development))
        .ok_or_else(|| ApiError::of(Code::OriginUnknown))?;
    let call = command::Sale { id, once };
    let sale: Option<SaleFacts> = cx.book(&context.merchant.id, call).await?;
    let state = match sale.as_ref().map(|sale| sale.state) {
        None => "none",
        Some(State::Open | State::Confirming) => "open",
        Some(State::Paid { .. } | State::PartlyRefunded { .. }) => "paid",
        Some(State::Refunded { .. } | State::Expired | State::Closed | State::Failed) => "ended",
    };
    let number = sale.map(|sale| sale.out_trade_no.to_string());
    let mut response = json(200, &json!({"state": state, "out_trade_no": number}));
    set(&mut response, header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    set(&mut response, header::VARY, "origin");
    Ok(response)
}

/// `GET /pay/qr`: `format` svg or png, `size` in pixels, `level` L, M, Q or
/// H, `logo=1` for the merchant's logo, or its initial, in the middle (level H).
pub async fn link_qr<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let fields = Fields::of_query(query(request));
    let opened = open_link(cx, &fields.required("l", 64)?, None).await?;
    let picture = picture(cx, &fields, &opened).await?;
    let size = fields.whole("size", MIN_SIZE..=MAX_SIZE)?;
    let size = size.and_then(|size| u32::try_from(size).ok());
    let mut response = match fields.text("format", CHOICE_BYTES)?.as_deref() {
        None | Some("svg") => {
            let svg = picture.svg(size);
            let svg = svg.ok_or_else(|| ApiError::internal("a picture that cannot be drawn"))?;
            answer(200, "image/svg+xml", svg)
        }
        Some("png") => {
            let png = picture.png(size);
            let too_small = || fields.invalid("size", "is too small for this code");
            answer(200, "image/png", png.ok_or_else(too_small)?)
        }
        Some(_) => return Err(fields.invalid("format", "must be svg or png")),
    };
    response.headers_mut().remove(header::CACHE_CONTROL);
    set(&mut response, header::CACHE_CONTROL, "public, max-age=3600");
    Ok(response)
}

/// `GET /pay/sheet`: `paper` a6, a5, a4 or tent; `lang`; `marks=1` for cut
/// marks; a series by `series`, `from` and `to`; and `level` and `logo` as
/// above.
pub async fn link_sheet<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let fields = Fields::of_query(query(request));
    let opened = open_link(cx, &fields.required("l", 64)?, None).await?;
    let paper = fields.text("paper", CHOICE_BYTES)?;
    let paper = Paper::named(paper.as_deref().unwrap_or("a6"))
        .ok_or_else(|| fields.invalid("paper", "must be a6, a5, a4 or tent"))?;
    let cut_marks = match fields.text("marks", CHOICE_BYTES)?.as_deref() {
        None | Some("0") => false,
        Some("1") => true,
        Some(_) => return Err(fields.invalid("marks", "must be 0 or 1")),
    };
    let chosen = fields.text("lang", CHOICE_BYTES)?;
    let chosen = chosen.as_deref().and_then(checkout::Lang::from_tag);
    let labels = series(&fields)?;
    let code = picture(cx, &fields, &opened).await?.svg(None);
    let lang = lang_of(request, opened.facts.link.lang);
    let price = match opened.facts.link.price {
        Price::Fixed { each, .. } => Some(format_amount(each, lang)),
        Price::Entered { .. } => None,
    };
    let nonce = cx.random_text(22);
    let merchant = &opened.context.merchant;
    let sheet = Sheet {
        merchant: &merchant.name,
        brand: &cx.config.brand(merchant),
        description: &opened.facts.link.body,
        price: price.as_deref(),
        code: &code.ok_or_else(|| ApiError::internal("a picture that cannot be drawn"))?,
        paper,
        lang: chosen,
        labels: &labels,
        cut_marks,
        is_test: cx.config.is_test,
    };
    let mut response = answer(200, "text/html; charset=utf-8", sheet.html(&nonce));
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; \
         img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    set(&mut response, header::CONTENT_SECURITY_POLICY, &policy);
    Ok(response)
}

/// The labels of a series: `Table 1` to `Table 20`.
fn series(fields: &Fields) -> Result<Vec<String>, ApiError> {
    let Some(name) = fields.text("series", MAX_SERIES_BYTES)? else {
        return Ok(Vec::new());
    };
    let from = fields.whole("from", 0..=MAX_LABEL)?.unwrap_or(1);
    let to = fields.whole("to", 0..=MAX_LABEL)?;
    let to = to.ok_or_else(|| fields.missing("to"))?;
    if !(from..from + MOST_LABELS).contains(&to) {
        let problem = format!("must be from up to {} sheets on", MOST_LABELS);
        return Err(fields.invalid("to", &problem));
    }
    // Between Chinese characters and digits there is no space.
    let space = match name.ends_with(|c: char| c.is_ascii_alphanumeric()) {
        true => " ",
        false => "",
    };
    Ok((from..=to).map(|n| format!("{name}{space}{n}")).collect())
}

async fn picture<R: Runtime>(
    cx: &Services<R>,
    fields: &Fields,
    opened: &Opened,
) -> Result<Picture, ApiError> {
    let url = cx.config.link_url(&opened.facts.link.id);
    let merchant = &opened.context.merchant;
    let level = fields.text("level", CHOICE_BYTES)?;
    let picture = match (
        fields.text("logo", CHOICE_BYTES)?.as_deref(),
        level.as_deref(),
    ) {
        (Some("1"), None | Some("H")) => {
            let logo = match &merchant.brand.logo {
                Some(name) => image_file(cx, &merchant.id, name).await?,
                None => None,
            };
            match logo {
                Some(png) => Picture::with_logo(&url, png),
                // A name in another script has no Latin letter; an id has one.
                None => Picture::with_letter(&url, &format!("{}{}", merchant.name, merchant.id)),
            }
        }
        (Some("1"), Some(_)) => return Err(fields.invalid("level", "must be H with a logo")),
        (None | Some("0"), None | Some("M")) => Picture::new(&url, QrCodeEcc::Medium),
        (None | Some("0"), Some("L")) => Picture::new(&url, QrCodeEcc::Low),
        (None | Some("0"), Some("Q")) => Picture::new(&url, QrCodeEcc::Quartile),
        (None | Some("0"), Some("H")) => Picture::new(&url, QrCodeEcc::High),
        (None | Some("0"), Some(_)) => {
            return Err(fields.invalid("level", "must be L, M, Q or H"));
        }
        (Some(_), _) => return Err(fields.invalid("logo", "must be 0 or 1")),
    };
    picture.ok_or_else(|| ApiError::internal("a picture that cannot be drawn"))
}

async fn merchant_of_link<R: Runtime>(
    cx: &Services<R>,
    id: &str,
) -> Result<Rc<MerchantContext>, ApiError> {
    let not_found = || ApiError::of(Code::LinkNotFound);
    let merchant = merchant_of(id).map_err(|_| not_found())?;
    cx.directory
        .by_id(&cx.runtime, &cx.config.master_key, merchant)
        .await?
        .ok_or_else(not_found)
}

async fn open_link<R: Runtime>(
    cx: &Services<R>,
    id: &str,
    once: Option<String>,
) -> Result<Opened, ApiError> {
    let context = merchant_of_link(cx, id).await?;
    let call = command::FindLink(id.to_owned());
    let facts = cx.book(&context.merchant.id, call).await?;
    let usable = |once: &String| {
        (16..=64).contains(&once.len()) && once.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    Ok(Opened {
        context,
        facts,
        once: once.filter(usable).unwrap_or_else(|| cx.random_text(22)),
    })
}

async fn link_error<R: Runtime>(cx: &Services<R>, request: &Request, error: ApiError) -> Response {
    error.log_cause(&cx.runtime);
    error_page(cx, request, of_page(error.code)).await
}

/// The page has texts for an address that does not exist.
const fn of_page(code: Code) -> Code {
    match code {
        Code::LinkNotFound => Code::SessionNotFound,
        code => code,
    }
}

/// `GET /pay/view?l=…`: the page's contents, for the page on another host.
pub async fn link_view<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    answer_host(cx, request, id, async |host| {
        if host.is_none() && other_origin(cx, request).is_some() && !id.is_empty() {
            return origin_unknown(cx, request).await;
        }
        match open_link(cx, id, query(request).remove("once")).await {
            Ok(opened) => with_link(cx, request, (&opened, 200, host), None, ("", ""), shared),
            Err(error) => {
                error.log_cause(&cx.runtime);
                error_contents(cx, request, of_page(error.code)).await
            }
        }
    })
    .await
}

fn shared(page: &LinkPage<'_>) -> Result<Response, ApiError> {
    let value = serde_json::to_value(contents(page)).map_err(ApiError::internal)?;
    Ok(json(200, &value))
}

/// Calls `draw` with the page of a link, as `host` or the gateway shows it.
fn with_link<R: Runtime, T>(
    cx: &Services<R>,
    request: &Request,
    (opened, status, host): (&Opened, u16, Option<&str>),
    refused: Option<Refused<'_>>,
    (stylesheet, nonce): (&str, &str),
    draw: impl FnOnce(&LinkPage<'_>) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let link = &opened.facts.link;
    let chosen = query(request).remove("lang");
    let written = form(request);
    let chosen = chosen.or_else(|| written.get("lang").cloned());
    // The first field that keeps the form from being accepted.
    let wrong = match status {
        409 | 422 => read_answers(&link.fields, &written).err(),
        _ => None,
    };
    let lang = chosen.as_deref().and_then(checkout::Lang::from_tag);
    let mut hidden = vec![("l", link.id.as_str()), ("once", opened.once.as_str())];
    hidden.extend(lang.map(|lang| ("lang", lang.tag())));
    let lang = lang.unwrap_or_else(|| lang_of(request, link.lang));
    let elsewhere = match elsewhere(request, &opened.context) {
        Some(method) => Some(Elsewhere {
            message: texts(lang).of_method(method),
            link: link_to(address(cx, request, &link.id, host))?,
            may_open: method.may_open_wechat(),
        }),
        None => None,
    };
    // On another host relative: that page has an address of its own.
    let path = if host.is_some() { "" } else { "/pay/" };
    let here = format!("{path}?l={}&once={}", link.id, opened.once);
    let merchant = &opened.context.merchant;
    let picture = link.picture.as_ref();
    let picture = picture.map(|name| cx.config.image_url(&merchant.id, name));
    draw(&LinkPage {
        merchant: &merchant.name,
        description: &link.body,
        lang,
        elsewhere,
        asks: asks(&opened.facts, cx.runtime.now_ms()),
        refused,
        fields: &link.fields,
        written: &written,
        wrong,
        is_test: cx.config.is_test,
        hidden: &hidden,
        here: &here,
        stylesheet,
        icon: &icon(cx, merchant),
        image: &share_image(cx, merchant),
        brand: &cx.config.brand(merchant),
        nonce,
        picture: picture.as_deref(),
        details: link.details.as_deref(),
        about_cny: about(&opened.facts),
        reference: &link.id,
        way_back: link.cancel_url.as_deref(),
    })
}

async fn drawn_link<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    status: u16,
    opened: &Opened,
    refused: Option<Refused<'_>>,
) -> Response {
    let template = cx.template().await;
    let file = |ending| {
        template
            .as_deref()
            .and_then(|frame| page_file(frame, ending))
    };
    let Some(stylesheet) = file(".css") else {
        cx.runtime
            .log(format_args!("page: no stylesheet in its frame"));
        return refusal(cx, request, ApiError::of(Code::Internal)).await;
    };
    let nonce = cx.random_text(22);
    let html = with_link(
        cx,
        request,
        (opened, status, None),
        refused,
        (stylesheet, &nonce),
        |link| Ok(page(link)),
    );
    let html = match html {
        Ok(html) => html,
        Err(error) => return link_error(cx, request, error).await,
    };
    let mut response = answer(status, "text/html; charset=utf-8", html);
    let styles = match opened.context.merchant.brand.colour {
        Some(_) => format!(" 'nonce-{nonce}'"),
        None => String::new(),
    };
    // As on the checkout's page.
    let images = &cx.config.public_url;
    // No form-action: the form's answer redirects to WeChat's sign-in, and
    // Chromium would apply form-action to that redirect.
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'{styles}; \
         img-src 'self' data: {images}; base-uri 'none'; frame-ancestors 'none'"
    );
    set(&mut response, header::CONTENT_SECURITY_POLICY, &policy);
    set(&mut response, header::X_FRAME_OPTIONS, "DENY");
    // Without this header a browser sends the form with `origin: null`.
    response.headers_mut().remove(header::REFERRER_POLICY);
    set(&mut response, header::REFERRER_POLICY, "strict-origin");
    if status == 200 {
        // Cached for the back button only: the same form again is the same
        // purchase.
        response.headers_mut().remove(header::CACHE_CONTROL);
        set(&mut response, header::CACHE_CONTROL, "private, no-cache");
    }
    set(&mut response, header::VARY, VARY);
    response
}

/// The link's address. On another host it is the address that the page sends,
/// if its origin is the one that the browser reports.
fn address<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    link: &str,
    host: Option<&str>,
) -> String {
    let named = query(request).remove("page");
    let named = named.or_else(|| form(request).remove("page"));
    let usable = |page: &String| {
        page.len() <= MAX_PAGE_BYTES
            && !page.contains(['?', '#'])
            && host.is_some()
            && origin(page).as_deref() == host
    };
    match named.filter(usable) {
        Some(page) => format!("{page}?l={link}"),
        None => cx.config.link_url(link),
    }
}

/// About how much a fixed price is in yuan.
fn about(facts: &LinkFacts) -> Option<Money> {
    match facts.link.price {
        Price::Fixed { each, .. } => in_yuan(each, facts.rate_e8),
        Price::Entered { .. } => None,
    }
}

/// How this payer can continue elsewhere, if no payment is possible here. A
/// robot sees the page that a payer would see.
fn elsewhere(request: &Request, context: &MerchantContext) -> Option<Method> {
    let method = method_of(request, context);
    match method {
        Method::OpenInWeChat {
            reason: Reason::Robot,
        } => None,
        Method::OpenInWeChat { .. } | Method::WeChatTooOld => Some(method),
        Method::Jsapi | Method::Native | Method::H5 | Method::MiniProgram => None,
    }
}

/// The form that the page shows now.
fn asks(facts: &LinkFacts, now_ms: i64) -> Asks {
    match (facts.ended(now_ms), facts.link.price) {
        (Some(ended), _) => Asks::Ended(ended),
        (None, Price::Fixed { each, max_quantity }) => Asks::Quantity {
            price: each,
            at_most: facts
                .left()
                .map_or(max_quantity, |left| left.min(max_quantity)),
        },
        (None, Price::Entered { min, max }) => Asks::Amount { min, max },
    }
}

fn quantity(written: &str, at_most: i64) -> Result<Choice, EntryProblem> {
    match read_quantity(written)? {
        n if (1..=at_most).contains(&n) => Ok(Choice::Quantity(n)),
        _ => Err(EntryProblem::OutOfRange),
    }
}

fn amount(written: &str, min: Money, max: Money) -> Result<Choice, EntryProblem> {
    match read_amount(written, min.currency())? {
        n if (min.amount_minor()..=max.amount_minor()).contains(&n) => Ok(Choice::Amount(n)),
        _ => Err(EntryProblem::OutOfRange),
    }
}

/// The fields of a submitted form; the first of each name counts.
fn form(request: &Request) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(request.body()) {
        fields
            .entry(name.into_owned())
            .or_insert_with(|| value.into_owned());
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_files_are_found_in_the_built_frame() {
        let built = "<link rel=\"icon\" href=\"/icon-1.svg\"/>\n\
                     <link rel=\"stylesheet\" href=\"/checkout-bb427239f49858f4.css\"/>";
        let stylesheet = "/checkout-bb427239f49858f4.css";
        assert_eq!(page_file(built, ".css"), Some(stylesheet));
        assert_eq!(page_file(built, ".svg"), Some("/icon-1.svg"));
        assert_eq!(page_file("<title></title>", ".css"), None);
    }
}
