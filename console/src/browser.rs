//! The browser, as far as the console needs it. Nothing else names `web_sys`.
//!
//! What a browser may lack (a network, a clipboard, a camera, sound) is returned
//! as `None`, `false` or an error. What every supported browser has is assumed.

use js_sys::{Array, Date, Function, Object, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    AbortController, Blob, Document, Event, EventTarget, File, HtmlAnchorElement,
    HtmlDialogElement, HtmlElement, HtmlInputElement, RequestCache, RequestInit, Response, Url,
    Window,
};

/// Time limit of a request, ms. Phones keep a dead connection open for minutes.
const REQUEST_TIMEOUT_MS: i32 = 20_000;

fn window() -> Option<Window> {
    web_sys::window()
}

fn document() -> Option<Document> {
    window()?.document()
}

/// Milliseconds since 1970 UTC.
pub(crate) fn now_ms() -> i64 {
    Date::now() as i64
}

/// The body, to render into.
pub(crate) fn body() -> Option<HtmlElement> {
    document()?.body()
}

/// The address after `#`.
pub(crate) fn hash() -> String {
    let hash = window().and_then(|window| window.location().hash().ok());
    hash.unwrap_or_default()
}

/// Goes to this address after `#`; the earlier one stays in the history.
pub(crate) fn go(hash: &str) {
    if let Some(window) = window() {
        let _ = window.location().set_hash(hash);
    }
}

/// Replaces the address after `#`; no event is fired.
pub(crate) fn replace(hash: &str) {
    let history = window().and_then(|window| window.history().ok());
    if let Some(history) = history {
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(hash));
    }
}

/// The page's origin.
pub(crate) fn origin() -> String {
    let origin = window().and_then(|window| window.location().origin().ok());
    origin.unwrap_or_default()
}

/// Sets the tab's title.
pub(crate) fn set_title(title: &str) {
    if let Some(document) = document() {
        document.set_title(title);
    }
}

/// Sets the document's language.
pub(crate) fn set_lang(tag: &str) {
    let root = document().and_then(|document| document.document_element());
    if let Some(root) = root {
        let _ = root.set_attribute("lang", tag);
    }
}

/// Shows the element with this id, which was hidden.
pub(crate) fn show(id: &str) {
    let element = document().and_then(|document| document.get_element_by_id(id));
    if let Some(element) = element {
        let _ = element.remove_attribute("hidden");
    }
}

/// The document's language.
pub(crate) fn lang() -> String {
    let root = document().and_then(|document| document.document_element());
    root.and_then(|root| root.get_attribute("lang"))
        .unwrap_or_default()
}

/// The file with the texts of the page's language, which the browser loads at the same
/// time as the program.
pub(crate) async fn first_texts() -> Option<String> {
    let loading = get(window()?.as_ref(), "consoleTexts")?;
    let text = JsFuture::from(loading.dyn_into::<Promise>().ok()?).await;
    text.ok()?.as_string()
}

/// The file with the texts of another language. The page names the file of its own.
pub(crate) async fn texts(lang: &str) -> Option<String> {
    let link = document()?.get_element_by_id("texts")?;
    let file = link.get_attribute("href")?;
    let (name, _) = file.strip_suffix(".txt")?.rsplit_once('.')?;
    let address = format!("{name}.{lang}.txt");
    let answer = JsFuture::from(window()?.fetch_with_str(&address)).await;
    let answer: Response = answer.ok()?.dyn_into().ok()?;
    if !answer.ok() {
        return None;
    }
    let text = JsFuture::from(answer.text().ok()?).await.ok()?;
    text.as_string()
}

/// Tells the server which language this browser's pages of the console have.
pub(crate) fn keep_language(lang: &str) {
    let cookie =
        format!("weceive_language={lang}; Path=/console/; Max-Age=31536000; SameSite=Strict");
    if let Some(document) = document() {
        let _ = Reflect::set(&document, &"cookie".into(), &cookie.into());
    }
}

/// Whether the browser reports a network.
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

/// Calls `handler` once, after `wait_ms`.
pub(crate) fn after(wait_ms: i32, handler: impl FnOnce() + 'static) -> i32 {
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

/// Runs a task that is not awaited.
pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) {
    spawn_local(task);
}

/// What a request has as its body.
pub(crate) enum Body {
    /// Nothing.
    None,
    /// JSON.
    Json(String),
    /// A file that a person has chosen.
    File(ChosenFile),
}

/// A file that a person has chosen.
#[derive(Clone)]
pub(crate) struct ChosenFile(File);

/// An answer of the server.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) text: String,
    /// `x-request-id`, for a person to quote.
    pub(crate) request_id: String,
    /// `retry-after`, s.
    pub(crate) retry_after_seconds: Option<u32>,
}

/// Sends a request to this origin, with its cookies, and with `once` as its
/// `Idempotency-Key` unless it is empty. `None` without an answer.
pub(crate) async fn fetch(method: &str, path: &str, once: &str, body: Body) -> Option<Answer> {
    with_response(method, path, once, body, |response| async move {
        let text = JsFuture::from(response.text().ok()?).await.ok()?;
        Some(Answer {
            status: response.status(),
            text: text.as_string()?,
            request_id: header(&response, "x-request-id").unwrap_or_default(),
            retry_after_seconds: header(&response, "retry-after")
                .and_then(|seconds| seconds.parse().ok()),
        })
    })
    .await
}

/// Downloads a file and offers it to be saved under this name.
///
/// # Errors
///
/// The answer, where its status is not 2xx; `None` without an answer.
pub(crate) async fn download(path: &str, name: &str) -> Result<(), Option<Answer>> {
    let answer = with_response("GET", path, "", Body::None, |response| async move {
        if response.ok() {
            let blob = JsFuture::from(response.blob().ok()?).await.ok()?;
            return Some(Ok(blob.dyn_into::<Blob>().ok()?));
        }
        let text = JsFuture::from(response.text().ok()?).await.ok()?;
        Some(Err(Answer {
            status: response.status(),
            text: text.as_string()?,
            request_id: header(&response, "x-request-id").unwrap_or_default(),
            retry_after_seconds: None,
        }))
    })
    .await;
    match answer {
        Some(Ok(blob)) => save(&blob, name).ok_or(None),
        Some(Err(answer)) => Err(Some(answer)),
        None => Err(None),
    }
}

fn save(blob: &Blob, name: &str) -> Option<()> {
    let address = Url::create_object_url_with_blob(blob).ok()?;
    let anchor = document()?.create_element("a").ok()?;
    let anchor: HtmlAnchorElement = anchor.dyn_into().ok()?;
    anchor.set_href(&address);
    anchor.set_download(name);
    anchor.click();
    // A browser that is still reading it has a copy.
    after(60_000, move || {
        let _ = Url::revoke_object_url(&address);
    });
    Some(())
}

fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name).ok()?
}

async fn with_response<T, F: Future<Output = Option<T>>>(
    method: &str,
    path: &str,
    once: &str,
    body: Body,
    read: impl FnOnce(Response) -> F,
) -> Option<T> {
    let window = window()?;
    let controller = AbortController::new().ok()?;
    let request = RequestInit::new();
    request.set_method(method);
    request.set_signal(Some(&controller.signal()));
    request.set_cache(RequestCache::NoStore);
    let mut headers = Vec::new();
    if !once.is_empty() {
        headers.push(("idempotency-key", once));
    }
    match body {
        Body::None => {}
        Body::Json(text) => {
            headers.push(("content-type", "application/json"));
            request.set_body(&text.into());
        }
        Body::File(ChosenFile(file)) => request.set_body(&file),
    }
    request.set_headers(&object(&headers));
    let timer = after(REQUEST_TIMEOUT_MS, move || controller.abort());
    let answer = async {
        let response = JsFuture::from(window.fetch_with_str_and_init(path, &request)).await;
        read(response.ok()?.dyn_into().ok()?).await
    }
    .await;
    forget_timer(timer);
    answer
}

/// A random text of `0-9 a-z`, for numbers that must not repeat.
pub(crate) fn random_text(length: usize) -> String {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut bytes = vec![0; length];
    if let Some(crypto) = window().and_then(|window| window.crypto().ok()) {
        let _ = crypto.get_random_values_with_u8_array(&mut bytes);
    }
    let letter = |byte: u8| LETTERS.get(usize::from(byte % 32)).copied();
    let letters = bytes.into_iter().filter_map(letter);
    letters.map(char::from).collect()
}

/// Copies a text and passes to `done` whether that worked.
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

/// A moment in the shop's time zone, in the reader's language.
pub(crate) fn local_time(at_ms: i64, lang: &str, time_zone: &str) -> String {
    let options = object(&[
        ("dateStyle", "medium"),
        ("timeStyle", "short"),
        ("hourCycle", "h23"),
    ]);
    formatted(at_ms, lang, time_zone, &options)
}

/// A moment without the year, to the second, for a list of steps.
pub(crate) fn local_moment(at_ms: i64, lang: &str, time_zone: &str) -> String {
    let options = object(&[
        ("month", "short"),
        ("day", "numeric"),
        ("hour", "2-digit"),
        ("minute", "2-digit"),
        ("second", "2-digit"),
        ("hourCycle", "h23"),
    ]);
    formatted(at_ms, lang, time_zone, &options)
}

/// The day `YYYY-MM-DD` of a moment in this time zone.
pub(crate) fn day_of(at_ms: i64, time_zone: &str) -> String {
    let options = object(&[
        ("year", "numeric"),
        ("month", "2-digit"),
        ("day", "2-digit"),
    ]);
    // The locale `en-CA` formats days as ISO 8601 does.
    formatted(at_ms, "en-CA", time_zone, &options)
}

/// A day `YYYYMMDD`, or its month, in the reader's language.
pub(crate) fn local_date(day: &str, lang: &str, only_month: bool) -> String {
    let parts = (day.get(..4), day.get(4..6), day.get(6..));
    let (Some(year), Some(month), Some(day)) = parts else {
        return day.to_owned();
    };
    let noon = Date::parse(&format!("{year}-{month}-{day}T12:00:00Z"));
    if !noon.is_finite() {
        return format!("{year}{month}{day}");
    }
    let options = match only_month {
        true => object(&[("year", "numeric"), ("month", "long")]),
        false => object(&[
            ("year", "numeric"),
            ("month", "short"),
            ("day", "numeric"),
            ("weekday", "short"),
        ]),
    };
    formatted(noon as i64, lang, "UTC", &options)
}

fn formatted(at_ms: i64, lang: &str, time_zone: &str, options: &Object) -> String {
    let date = Date::new(&JsValue::from(at_ms as f64));
    if !time_zone.is_empty() {
        let _ = Reflect::set(options, &"timeZone".into(), &time_zone.into());
    }
    String::from(date.to_locale_string(lang, options))
}

/// The moment at which a day `YYYY-MM-DD` begins in this time zone. Days of a
/// change of the clock begin at the offset of their noon.
pub(crate) fn day_begins_ms(day: &str, time_zone: &str) -> Option<i64> {
    let noon = Date::parse(&format!("{day}T12:00:00Z"));
    let noon_ms = noon.is_finite().then_some(noon as i64)?;
    let options = object(&[
        ("hour", "2-digit"),
        ("minute", "2-digit"),
        ("hourCycle", "h23"),
        ("year", "numeric"),
        ("month", "2-digit"),
        ("day", "2-digit"),
    ]);
    // `2026-01-02, 20:00`: what the clocks there show at noon UTC.
    let shown = formatted(noon_ms, "en-CA", time_zone, &options);
    let (date, time) = shown.split_once(", ")?;
    let there = Date::parse(&format!("{date}T{time}:00Z"));
    let there_ms = there.is_finite().then_some(there as i64)?;
    Some(noon_ms - 43_200_000 - (there_ms - noon_ms))
}

/// Focuses the element with this id.
pub(crate) fn focus(id: &str) {
    let element = document().and_then(|document| document.get_element_by_id(id));
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// Shows the newest `<dialog>` in front of the page; the browser keeps the focus
/// inside it.
pub(crate) fn open_dialog() {
    let dialogs =
        document().and_then(|document| document.query_selector("dialog:not([open])").ok()?);
    if let Some(dialog) = dialogs.and_then(|dialog| dialog.dyn_into::<HtmlDialogElement>().ok()) {
        let _ = dialog.show_modal();
    }
}

/// The file that was chosen in this field.
pub(crate) fn chosen_file(id: &str) -> Option<ChosenFile> {
    let field = document()?.get_element_by_id(id)?;
    let field: HtmlInputElement = field.dyn_into().ok()?;
    field.files()?.get(0).map(ChosenFile)
}

/// A short sound, where the browser has it: something was paid.
pub(crate) fn beep() {
    let play = || {
        let window = window()?;
        let make: Function = get(&window, "AudioContext")?.dyn_into().ok()?;
        let context = Reflect::construct(&make, &Array::new()).ok()?;
        let oscillator = call(&context, "createOscillator", &[])?;
        let gain = call(&context, "createGain", &[])?;
        let level = get(&gain, "gain")?;
        Reflect::set(&level, &"value".into(), &0.15.into()).ok()?;
        let frequency = get(&oscillator, "frequency")?;
        Reflect::set(&frequency, &"value".into(), &880.into()).ok()?;
        call(&oscillator, "connect", core::slice::from_ref(&gain));
        call(&gain, "connect", &[get(&context, "destination")?]);
        call(&oscillator, "start", &[]);
        let now = get(&context, "currentTime")?.as_f64()?;
        call(&oscillator, "stop", &[(now + 0.18).into()])
    };
    let _ = play();
}

/// Whether this browser can find codes in the camera's picture.
pub(crate) fn can_scan() -> bool {
    let detector = window().and_then(|window| get(&window, "BarcodeDetector"));
    detector.is_some() && camera_devices().is_some()
}

fn camera_devices() -> Option<JsValue> {
    get(&window()?.navigator(), "mediaDevices")
}

/// The camera, until [`Camera::stop`].
pub(crate) struct Camera {
    stream: JsValue,
    detector: JsValue,
    video: JsValue,
}

impl Camera {
    /// Shows the camera in the `<video>` with this id. `None` where the person or
    /// the browser refuses.
    pub(crate) async fn start(video: &str) -> Option<Self> {
        let video: JsValue = document()?.get_element_by_id(video)?.into();
        let facing = object(&[("facingMode", "environment")]);
        let wanted = Object::new();
        Reflect::set(&wanted, &"video".into(), &facing).ok()?;
        let asked = call(&camera_devices()?, "getUserMedia", &[wanted.into()])?;
        let stream = JsFuture::from(asked.dyn_into::<Promise>().ok()?)
            .await
            .ok()?;
        let make: Function = get(window()?.as_ref(), "BarcodeDetector")?
            .dyn_into()
            .ok()?;
        let detector = Reflect::construct(&make, &Array::new()).ok()?;
        Reflect::set(&video, &"srcObject".into(), &stream).ok()?;
        call(&video, "play", &[]);
        Some(Self {
            stream,
            detector,
            video,
        })
    }

    /// The texts of the codes that are in the picture now.
    pub(crate) async fn codes(&self) -> Vec<String> {
        let look = async {
            let asked = call(&self.detector, "detect", core::slice::from_ref(&self.video))?;
            let found = JsFuture::from(asked.dyn_into::<Promise>().ok()?)
                .await
                .ok()?;
            let text = |code| get(&code, "rawValue")?.as_string();
            Some(Array::from(&found).iter().filter_map(text).collect())
        };
        look.await.unwrap_or_default()
    }

    /// Switches the camera off.
    pub(crate) fn stop(&self) {
        if let Some(tracks) = call(&self.stream, "getTracks", &[]) {
            for track in Array::from(&tracks).iter() {
                call(&track, "stop", &[]);
            }
        }
    }
}

/// Waits.
pub(crate) async fn pause(wait_ms: i32) {
    let promise = Promise::new(&mut |resolve, _| {
        after(wait_ms, move || {
            let _ = resolve.call0(&JsValue::NULL);
        });
    });
    let _ = JsFuture::from(promise).await;
}

fn call(object: &JsValue, name: &str, arguments: &[JsValue]) -> Option<JsValue> {
    let function: Function = get(object, name)?.dyn_into().ok()?;
    let list: Array = arguments.iter().collect();
    function.apply(object, &list).ok()
}

/// A property that is
/// neither `undefined` nor `null`.
fn get(object: &JsValue, name: &str) -> Option<JsValue> {
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
