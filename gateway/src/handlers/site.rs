//! `/`, `/docs`, `/tools/sign` and `/console/`: the gateway's home page, the API's reference, the
//! tool that explains signatures, and the page of the console.

use crate::http::error::{ApiError, Code};
use crate::http::message::{answer, cookie, free_text, redirect, set};
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use checkout::Lang;
use http::header;

/// The page at `/`, for a person who opens the gateway's address.
const HOME: &str = include_str!("site/home.html");
/// The page at `/docs`. Its viewer is the file `swagger-ui.js`, which the build
/// takes from npm, and `docs.js` starts it.
const DOCS: &str = include_str!("site/docs.html");
/// The page at `/tools/sign`. Its program is the file `sign.js`, which the build
/// makes of `explain/page`.
const SIGN: &str = include_str!("site/sign.html");

/// `GET /`: what this gateway is, with links to its other pages. Without a script.
pub fn home<R: Runtime>(cx: &Services<R>) -> Response {
    let nonce = cx.random_text(22);
    let page = HOME.replace("{nonce}", &nonce);
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    shown(page, &policy)
}

/// `GET /docs`: `openapi.json` as a page. The viewer sends no request to the API, so
/// that no key is entered here.
pub fn docs() -> Response {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                  connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    shown(DOCS.to_owned(), policy)
}

/// `GET /tools/sign`: the tool that explains a wrong signature in the browser. The policy allows no
/// connection, so an entered key stays in the browser.
pub fn sign_tool() -> Response {
    let policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
                  base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    shown(SIGN.to_owned(), policy)
}

/// `GET /console`: the console's addresses are relative to `/console/`.
pub fn console_entrance() -> Response {
    redirect("/console/")
}

/// `GET /console/`: the page of the console, which has no data and no inline
/// script. Its files are named in it and served like the checkout page's.
/// The page and the file of its texts are in the language that the browser's cookie,
/// WeChat or `Accept-Language` says.
pub async fn console<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let page = cx.fetch_asset("console.html").await;
    let page = page.and_then(|bytes| String::from_utf8(bytes).ok());
    let lang = console_lang(request);
    let page = page.map(|page| page.replace("{{LANG}}", lang.tag()));
    let policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
                  img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; \
                  form-action 'none'; frame-ancestors 'none'";
    let page = page.ok_or_else(|| ApiError::of(Code::NotFound))?;
    let mut response = shown(page, policy);
    set(
        &mut response,
        header::VARY,
        "user-agent, accept-language, cookie",
    );
    Ok(response)
}

/// The console has no other languages: those are for payers.
fn console_lang(request: &Request) -> Lang {
    let kept = cookie(request, "weceive_language");
    let [agent, accepted] = ["user-agent", "accept-language"].map(|name| free_text(request, name));
    match Lang::choose(kept, &agent.unwrap_or_default(), accepted.as_deref()) {
        lang @ (Lang::ZhHans | Lang::ZhHant) => lang,
        _ => Lang::En,
    }
}

fn shown(page: String, policy: &str) -> Response {
    let mut response = answer(200, "text/html; charset=utf-8", page);
    set(&mut response, header::CONTENT_SECURITY_POLICY, policy);
    set(&mut response, header::X_FRAME_OPTIONS, "DENY");
    response
}
