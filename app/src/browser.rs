//! The browser, as far as the page needs it. Nothing else names `web_sys`.
//!
//! What a browser may lack (a bridge, a clipboard, a network) is returned as
//! `None`, `false` or an error. What every supported browser has is assumed.

use checkout::{Hint, Jsapi, MINI_PROGRAM_PAGE, PING, PONG, Problem};
use js_sys::{Function, Object, Promise, Reflect};
use serde::Deserialize;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    AbortController, Document, Event, EventTarget, HtmlElement, RequestCache, RequestInit,
    Response, WebSocket, Window,
};

use core::cell::RefCell;

use crate::flow::{Failure, LiveMessage};
use crate::json;

/// Time limit of a request, ms. Phones keep a dead connection open for minutes.
const REQUEST_TIMEOUT_MS: i32 = 15_000;

/// `setTimeout` takes 32 bits and fires at once for a larger value.
const LONGEST_TIMER_MS: i64 = 86_400_000;

fn window() -> Option<Window> {
    web_sys::window()
}

fn document() -> Option<Document> {
    window()?.document()
}

/// Milliseconds since the page was requested (`performance.now()`): monotonic.
pub(crate) fn now_ms() -> i64 {
    window()
        .and_then(|window| window.performance())
        .map_or(0, |performance| performance.now() as i64)
}

/// The text of the element with this id, which the server wrote.
pub(crate) fn page_text(id: &str) -> Option<String> {
    document()?.get_element_by_id(id)?.text_content()
}

/// The element to render into, without the server's content.
pub(crate) fn empty_place() -> Option<HtmlElement> {
    let place = document()?.get_element_by_id("now")?;
    place.set_text_content(None);
    place.remove_attribute("aria-busy").ok()?;
    place.dyn_into().ok()
}

/// Sets the title of the browser's tab or of WeChat's title bar.
pub(crate) fn set_title(title: &str) {
    if let Some(document) = document() {
        document.set_title(title);
    }
}

/// Focuses the heading if the focused element was removed.
pub(crate) fn rescue_focus() {
    let rescue = || {
        let document = document()?;
        let lost = match document.active_element() {
            Some(element) => element.tag_name() == "BODY",
            None => true,
        };
        if lost {
            let heading = document.query_selector("h2").ok()??;
            heading.dyn_into::<HtmlElement>().ok()?.focus().ok()?;
        }
        Some(())
    };
    let _ = rescue();
}

/// Whether the browser reports a network (`navigator.onLine`).
pub(crate) fn is_online() -> bool {
    window().is_none_or(|window| window.navigator().on_line())
}

/// Whether the page is visible.
pub(crate) fn is_visible() -> bool {
    let hidden = document().and_then(|document| get(&document, "hidden"));
    hidden.and_then(|hidden| hidden.as_bool()) != Some(true)
}

/// The target of an event listener.
pub(crate) enum On {
    /// `window`
    Window,
    /// `document`
    Document,
}

/// Adds an event listener that is never removed.
pub(crate) fn listen(on: &On, event: &str, mut handler: impl FnMut() + 'static) {
    let target: Option<EventTarget> = match on {
        On::Window => window().map(Into::into),
        On::Document => document().map(Into::into),
    };
    let closure = Closure::<dyn FnMut(Event)>::new(move |_| handler());
    if let Some(target) = target {
        let _ = target.add_event_listener_with_callback(event, closure.as_ref().unchecked_ref());
    }
    closure.forget();
}

/// Calls `handler` when the page is restored from the back/forward cache, which
/// fires no other event.
pub(crate) fn on_return(mut handler: impl FnMut() + 'static) {
    let closure = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
        let persisted = get(&event, "persisted").and_then(|persisted| persisted.as_bool());
        if persisted == Some(true) {
            handler();
        }
    });
    if let Some(window) = window() {
        let _ =
            window.add_event_listener_with_callback("pageshow", closure.as_ref().unchecked_ref());
    }
    closure.forget();
}

/// Calls `handler` once, after `wait_ms`. Returns the number for
/// [`forget_timer`].
pub(crate) fn after(wait_ms: i64, handler: impl FnOnce() + 'static) -> i32 {
    let wait_ms = wait_ms.clamp(0, LONGEST_TIMER_MS) as i32;
    let closure = Closure::once_into_js(handler);
    window()
        .and_then(|window| {
            window
                .set_timeout_with_callback_and_timeout_and_arguments_0(
                    closure.unchecked_ref(),
                    wait_ms,
                )
                .ok()
        })
        .unwrap_or(0)
}

/// Cancels a timer that [`after`] set.
pub(crate) fn forget_timer(timer: i32) {
    if let Some(window) = window() {
        window.clear_timeout_with_handle(timer);
    }
}

/// Reloads the page.
pub(crate) fn reload() {
    if let Some(window) = window() {
        let _ = window.location().reload();
    }
}

/// Navigates to another page and keeps this one in the history.
pub(crate) fn go(url: &str) {
    if let Some(window) = window() {
        let _ = window.location().assign(url);
    }
}

/// The page's URL.
pub(crate) fn address() -> String {
    window()
        .and_then(|window| window.location().href().ok())
        .unwrap_or_default()
}

thread_local! {
    /// What [`add_to_query`] has added.
    static ADDED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The page's query with its question mark. `s` names the checkout.
fn query() -> String {
    let query = window().and_then(|window| window.location().search().ok());
    ADDED.with_borrow(|added| [query.unwrap_or_default().as_str(), added].concat())
}

/// Adds a field to the query of every call.
pub(crate) fn add_to_query(field: &str) {
    ADDED.with_borrow_mut(|added| added.push_str(field));
}

/// A field of the page's query, as it stands there.
pub(crate) fn field(name: &str) -> Option<String> {
    query().split(['?', '&']).find_map(|field| {
        let (found, value) = field.split_once('=')?;
        (found == name && !value.is_empty()).then(|| String::from(value))
    })
}

/// The gateway's origin where the page is on another host: the content of a meta
/// element, which the gateway's own page does not have.
pub(crate) fn gateway() -> Option<String> {
    let meta = document()?.query_selector("meta[name=weceive-gateway]");
    let origin = meta.ok()??.get_attribute("content")?;
    Some(String::from(origin.trim_end_matches('/')))
}

/// The gateway's origin.
fn gateway_origin() -> String {
    gateway().unwrap_or_else(|| {
        window()
            .and_then(|window| window.location().origin().ok())
            .unwrap_or_default()
    })
}

/// What follows `prefix` in the address's fragment, which is removed from the
/// address and from the history.
pub(crate) fn take_fragment(prefix: &str) -> Option<String> {
    let window = window()?;
    let fragment = window.location().hash().ok()?;
    let content = String::from(fragment.strip_prefix(prefix)?);
    let address = address();
    let bare = address.split('#').next();
    let history = window.history().ok()?;
    history
        .replace_state_with_url(&JsValue::NULL, "", bare)
        .ok()?;
    Some(content)
}

/// This page's address without its query.
fn place() -> String {
    let mut address = address();
    let end = address.find(['?', '#']).unwrap_or(address.len());
    address.truncate(end);
    address
}

/// [`place`] as a value in a query.
pub(crate) fn place_in_query() -> String {
    String::from(js_sys::encode_uri_component(&place()))
}

/// This page's address for a checkout, in the form that the payer can share.
pub(crate) fn page_address(checkout: &str) -> String {
    let lang = field("lang").map_or_else(String::new, |tag| ["&lang=", &tag].concat());
    [&place(), "?s=", checkout, "&showwxpaytitle=1", &lang].concat()
}

/// Goes to a page of the gateway, which returns the payer.
pub(crate) fn go_to_gateway(path: &str, fields: &[(&str, &str)]) {
    let mut url = [gateway_origin().as_str(), "/pay/", path].concat();
    for (index, (name, value)) in fields.iter().enumerate() {
        let value = String::from(js_sys::encode_uri_component(value));
        let before = if index == 0 { "?" } else { "&" };
        url.push_str(&[before, name, "=", &value].concat());
    }
    if let Some(window) = window() {
        // Without this page in the history: going back would only lead here again.
        let _ = window.location().replace(&url);
    }
}

/// 32 random hexadecimal digits.
pub(crate) fn random() -> String {
    let mut bytes = [0; 16];
    if let Some(crypto) = window().and_then(|window| window.crypto().ok()) {
        let _ = crypto.get_random_values_with_u8_array(&mut bytes);
    }
    let digit = |value: u8| char::from_digit(u32::from(value), 16);
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(digit).collect()
}

/// The address of another page, in the language that the payer has chosen here.
pub(crate) fn in_chosen_language(url: &str) -> String {
    match field("lang") {
        Some(lang) => [url, "&lang=", &lang].concat(),
        None => String::from(url),
    }
}

/// A text that this tab has stored. A browser may refuse storage.
pub(crate) fn stored(name: &str) -> Option<String> {
    window()?.session_storage().ok()??.get_item(name).ok()?
}

/// Stores a text for this tab, or removes it.
pub(crate) fn store(name: &str, value: Option<&str>) {
    let storage = window().and_then(|window| window.session_storage().ok()?);
    if let Some(storage) = storage {
        let _ = match value {
            Some(value) => storage.set_item(name, value),
            None => storage.remove_item(name),
        };
    }
}

/// Shows what the gateway has rendered of the page.
pub(crate) fn show(lang: &str, title: &str, main: &str) {
    let show = || {
        let document = document()?;
        document.set_title(title);
        let root = document.document_element()?;
        root.set_attribute("lang", lang).ok()?;
        document.query_selector("main").ok()??.set_inner_html(main);
        Some(())
    };
    let _ = show();
}

/// Adds a rule to the page's style sheet: a strict policy of the host allows
/// neither a style element nor an attribute.
pub(crate) fn add_style(rule: &str) {
    let add = || {
        let sheets = get(document()?.as_ref(), "styleSheets")?;
        let sheet = get(&sheets, "0")?;
        let insert: Function = get(&sheet, "insertRule")?.dyn_into().ok()?;
        insert.call2(&sheet, &rule.into(), &0.into()).ok()
    };
    if !rule.is_empty() {
        add();
    }
}

/// Shows a message that the page's HTML contains in each language, instead of
/// the sign that the page is loading.
///
/// `reference` is what the payer can quote.
pub(crate) fn reveal(name: &str, lang: &str, reference: &str) {
    let reveal = || {
        let document = document()?;
        document
            .document_element()?
            .set_attribute("lang", lang)
            .ok()?;
        let message = ["[data-when=", name, "][lang=", lang, "]"].concat();
        let message = document.query_selector(&message).ok()??;
        message.remove_attribute("hidden").ok()?;
        if let Ok(Some(quote)) = message.query_selector(".quote") {
            quote.set_text_content(Some(reference));
        }
        document.get_element_by_id("now")?.remove();
        Some(())
    };
    let _ = reveal();
}

/// `navigator.userAgent`
pub(crate) fn user_agent() -> String {
    window()
        .and_then(|window| window.navigator().user_agent().ok())
        .unwrap_or_default()
}

/// `navigator.language`
pub(crate) fn language() -> String {
    window()
        .and_then(|window| window.navigator().language())
        .unwrap_or_default()
}

/// Whether the payer returns from a page on which they were sent to pay: the
/// server's return address has `back=1`.
pub(crate) fn came_back() -> bool {
    field("back").is_some()
}

/// Whether a script can detect that the page is inside a Mini Program.
pub(crate) fn in_mini_program() -> bool {
    let sign = window().and_then(|window| get(&window, "__wxjs_environment"));
    sign.is_some_and(|sign| sign == "miniprogram")
}

/// Reloads the page with `env=miniprogram` if it is inside a Mini Program.
pub(crate) fn reload_in_mini_program() {
    // Only once: the server may decide otherwise.
    if in_mini_program()
        && field("env").is_none()
        && let Some(window) = window()
    {
        // Not the whole address, because WeChat appends `#wechat_redirect`.
        let anew = [query().as_str(), "&env=miniprogram"].concat();
        let _ = window.location().replace(&anew);
    }
}

/// The part of a [`checkout::ErrorAnswer`] or a [`checkout::PageError`] that
/// the page uses.
#[derive(Deserialize)]
pub(crate) struct Refused {
    pub(crate) code: String,
}

/// Requests `/pay/{path}` and passes the JSON of a 2xx answer, or the failure,
/// to `answered`.
///
/// `body` is JSON for a POST; without a body the request is a GET.
pub(crate) fn ask(
    path: &'static str,
    body: Option<String>,
    answered: impl FnOnce(Result<String, Failure>) + 'static,
) {
    spawn_local(async move {
        answered(match fetch(path, body).await {
            Some((true, text)) => Ok(text),
            Some((false, text)) => Err(Failure::Refused(
                json::read::<Refused>(&text)
                    .map_or(Problem::Other, |refused| Problem::from_code(&refused.code)),
            )),
            None => Err(Failure::Network),
        });
    });
}

/// Whether the status was 2xx, and the body. `None` without an answer.
async fn fetch(path: &str, body: Option<String>) -> Option<(bool, String)> {
    let window = window()?;
    let url = [gateway_origin().as_str(), "/pay/", path, &query()].concat();
    let controller = AbortController::new().ok()?;
    let request = RequestInit::new();
    request.set_signal(Some(&controller.signal()));
    request.set_cache(RequestCache::NoStore);
    if let Some(body) = body {
        request.set_method("POST");
        if gateway().is_none() {
            request.set_headers(&object(&[("content-type", "application/json")]));
        }
        request.set_body(&body.into());
    }
    let timer = after(i64::from(REQUEST_TIMEOUT_MS), move || controller.abort());
    let answer = async {
        let response = JsFuture::from(window.fetch_with_str_and_init(&url, &request)).await;
        let response: Response = response.ok()?.dyn_into().ok()?;
        let text = JsFuture::from(response.text().ok()?).await.ok()?;
        Some((response.ok(), text.as_string()?))
    }
    .await;
    forget_timer(timer);
    answer
}

thread_local! {
    /// The open connection to `GET /pay/live`, if there is one.
    static SOCKET: RefCell<Option<WebSocket>> = const { RefCell::new(None) };
}

/// Connects to `GET /pay/live` and passes each message to `deliver`.
pub(crate) fn connect(mut deliver: impl FnMut(LiveMessage) + 'static) {
    // Only newer browsers accept a relative address.
    let socket = gateway_origin()
        .strip_prefix("http")
        .and_then(|rest| WebSocket::new(&["ws", rest, "/pay/live", &query()].concat()).ok());
    let Some(socket) = socket else {
        return deliver(LiveMessage::Closed);
    };
    let own = socket.clone();
    let handler = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
        // Ignore a connection that was closed by `disconnect`.
        if SOCKET.with_borrow(|socket| socket.as_ref() == Some(&own)) {
            let text = get(&event, "data").and_then(|data| data.as_string());
            deliver(match text.as_deref() {
                Some(PONG) => LiveMessage::Pong,
                Some(_) => LiveMessage::Look,
                None => LiveMessage::Closed,
            });
        }
    })
    .into_js_value();
    for event in ["message", "close"] {
        let _ = socket.add_event_listener_with_callback(event, handler.unchecked_ref());
    }
    SOCKET.set(Some(socket));
}

/// Sends a ping over the connection.
pub(crate) fn ping() {
    SOCKET.with_borrow(|socket| {
        if let Some(socket) = socket {
            let _ = socket.send_with_str(PING);
        }
    });
}

/// Closes the connection.
pub(crate) fn disconnect() {
    if let Some(socket) = SOCKET.take() {
        let _ = socket.close();
    }
}

/// WeChat's bridge, if it has been injected.
fn bridge() -> Option<(JsValue, Function)> {
    let bridge = get(window()?.as_ref(), "WeixinJSBridge")?;
    let invoke = get(&bridge, "invoke")?.dyn_into().ok()?;
    Some((bridge, invoke))
}

/// Whether WeChat's bridge exists.
pub(crate) fn has_bridge() -> bool {
    bridge().is_some()
}

/// `getBrandWCPayRequest` (WeChat Pay v2 manual, section 7.7). Runs
/// synchronously, so a call made while a tap is handled has the payer's
/// gesture. Some versions of WeChat call `answered` more than once.
pub(crate) fn call_bridge(package: &Jsapi, answered: impl FnMut(Hint) + 'static) {
    invoke("getBrandWCPayRequest", object(&package.members()), answered);
}

/// Asks the surrounding Mini Program for the kit's payment page: the call that
/// `wx.miniProgram.navigateTo` makes, without its script.
pub(crate) fn open_kit(answered: impl FnMut(Hint) + 'static) {
    let page = object(&[("url", &[MINI_PROGRAM_PAGE, &query()].concat())]);
    let request = object(&[("name", "navigateTo")]);
    // As in `object`.
    let _ = Reflect::set(&request, &"arg".into(), &page);
    invoke("invokeMiniProgramAPI", request, answered);
}

/// Closes WeChat's window. Nothing happens where the bridge refuses; the page
/// says that the window can be closed.
pub(crate) fn close_window() {
    invoke("closeWindow", object(&[]), |_| ());
}

fn invoke(name: &str, request: Object, mut answered: impl FnMut(Hint) + 'static) {
    let answer = Closure::<dyn FnMut(JsValue)>::new(move |answer: JsValue| {
        // The documented name, and the one that newer versions also have.
        let err_msg = get(&answer, "err_msg")
            .or_else(|| get(&answer, "errMsg"))
            .and_then(|err_msg| err_msg.as_string());
        answered(Hint::from_err_msg(&err_msg.unwrap_or_default()));
    })
    .into_js_value();
    let call = || {
        let (bridge, invoke) = bridge()?;
        invoke.call3(&bridge, &name.into(), &request, &answer).ok()
    };
    if call().is_none() {
        // A bridge that throws has refused the call.
        let _ = answer
            .unchecked_ref::<Function>()
            .call1(&JsValue::NULL, &object(&[]));
    }
}

/// Copies a text to the clipboard and passes to `done` whether that worked.
pub(crate) fn copy(text: String, done: impl FnOnce(bool) + 'static) {
    let writing = || {
        let navigator = window()?.navigator();
        // Absent in older web-views and on plain HTTP.
        let clipboard = get(&navigator, "clipboard")?;
        let write: Function = get(&clipboard, "writeText")?.dyn_into().ok()?;
        let written = write.call1(&clipboard, &text.into()).ok()?;
        written.dyn_into::<Promise>().ok()
    };
    let writing = writing();
    spawn_local(async move {
        done(match writing {
            Some(promise) => JsFuture::from(promise).await.is_ok(),
            None => false,
        });
    });
}

/// A moment in the payer's time zone, formatted for their language.
pub(crate) fn local_time(at_ms: i64, lang: &str) -> String {
    let options = object(&[
        ("dateStyle", "medium"),
        ("timeStyle", "short"),
        ("hourCycle", "h23"),
    ]);
    let date = js_sys::Date::new(&JsValue::from(at_ms as f64));
    String::from(date.to_locale_string(lang, &options))
}

/// A property that is neither `undefined` nor `null`.
pub(crate) fn get(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object, &name.into())
        .ok()
        .filter(|value| !value.is_null() && !value.is_undefined())
}

/// An object whose members are strings.
fn object(members: &[(&str, &str)]) -> Object {
    let object = Object::new();
    for (name, value) in members {
        // Setting a member of a new object cannot fail.
        let _ = Reflect::set(&object, &(*name).into(), &(*value).into());
    }
    object
}
