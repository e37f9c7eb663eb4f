//! The payer's phone: its page, and the changes that its in-app browser makes
//! to the pages that it shows.
//!
//! ```text
//! phone.localhost:8788/phone/          the phone: browser, scanner, payments
//! p8787-alice.phone.localhost:8788/…   a page in it, proxied (`proxy.rs`)
//!   /__phone/bridge.js                 WeixinJSBridge, the first script of the page
//!   /__phone/bridge                    checks a payment package and takes the money
//! ```
//!
//! The payment sheet is drawn inside the page, in a shadow root of
//! `#weixin-sheet`: the page's policy allows its own host's scripts, styles
//! and calls, and all of `/__phone/` is on that host.

pub(crate) mod proxy;

use crate::input::{BadInput, Input};
use crate::moment::Moment;
use crate::web::{self, Answer, Request};
use crate::wechat::state::WeChat;
use crate::wechat::{invoke, payer_action};
use http::{Method, StatusCode};
use proxy::PhoneHost;
use serde_json::Value;

const PAGE: &str = include_str!("phone.html");
const PAGE_STYLE: &str = include_str!("phone.css");
const SHEET_STYLE: &str = include_str!("sheet.css");
const PAGE_SCRIPT: &str = concat!(
    "(() => {\n",
    include_str!("sheet.js"),
    include_str!("texts.js"),
    include_str!("phone.js"),
    "})();\n"
);
const BRIDGE_SCRIPT: &str = concat!(
    "(() => {\n",
    include_str!("sheet.js"),
    include_str!("bridge.js"),
    "})();\n"
);

/// The path prefix of the sandbox's own resources on a page's host.
pub const OWN_PATH: &str = "/__phone/";

/// Answers on a page's host; `None` on any other.
pub(crate) fn on_a_page(
    wechat: &mut WeChat,
    request: &Request,
    moment: &mut Moment<'_>,
) -> Option<Answer> {
    let page = match PhoneHost::parse(web::host(request))? {
        Ok(page) => page,
        Err(error) => return Some(web::text(StatusCode::NOT_FOUND, format!("{error}\n"))),
    };
    let Some(own) = request.uri().path().strip_prefix(OWN_PATH) else {
        // The adapter has proxied the page already; this is an error.
        return Some(web::text(
            StatusCode::BAD_GATEWAY,
            format!("this page lies at {}\n", page.target_origin()),
        ));
    };
    let get = request.method() == Method::GET;
    let post = request.method() == Method::POST;
    Some(match own {
        "bridge.js" if get => web::javascript(BRIDGE_SCRIPT),
        "sheet.css" if get => web::css(SHEET_STYLE),
        "bridge" if post => match bridge(wechat, &page, request.body(), moment) {
            Ok(verdict) => web::json(StatusCode::OK, &verdict),
            Err(bad) => bad.into(),
        },
        _ => web::not_found(),
    })
}

/// `{package, page_url, action?}`; the payer is the phone's.
fn bridge(
    wechat: &mut WeChat,
    page: &PhoneHost,
    body: &[u8],
    moment: &mut Moment<'_>,
) -> Result<Value, BadInput> {
    let mut input = Input::read(body)?;
    let package = payer_action::read_package(&mut input)?;
    // A page that does not send its URL is in no directory.
    let page_url = page.out_of_phone(&input.text("page_url")?.unwrap_or_default());
    let action = payer_action::read_action(&mut input)?;
    input.finish()?;
    Ok(invoke::bridge(
        wechat,
        page.payer,
        &package,
        Some(&page_url),
        action,
        moment,
    ))
}

/// The phone itself. It has its own host: the hosts of its pages are
/// subdomains, so they share no storage with it, but count as the same site for
/// cookies.
pub(crate) fn handle(request: &Request) -> Answer {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return web::method_not_allowed("GET");
    }
    match request.uri().path() {
        "/phone" | "/phone/" => {
            let (name, port) = match web::host(request).rsplit_once(':') {
                Some((name, port)) => (name, format!(":{port}")),
                None => (web::host(request), String::new()),
            };
            if name == "phone.localhost" && request.uri().path() == "/phone/" {
                return web::html(StatusCode::OK, PAGE);
            }
            let query = request.uri().query().map(|query| format!("?{query}"));
            web::redirect(
                StatusCode::FOUND,
                &format!(
                    "http://phone.localhost{port}/phone/{}",
                    query.unwrap_or_default()
                ),
            )
        }
        "/phone/phone.css" => web::css(PAGE_STYLE),
        "/phone/sheet.css" => web::css(SHEET_STYLE),
        "/phone/phone.js" => web::javascript(PAGE_SCRIPT),
        _ => web::not_found(),
    }
}
