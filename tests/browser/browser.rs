//! A payer's browser: a real Chromium. The methods are named after the payer's
//! actions.
//!
//! In scope: the payer's actions (open, tap, press, read), the browser's
//! properties (name, size, colours, network), and visual checks (accessibility,
//! layout, the console). Not in scope: the tested system ([`tests::live`]), and
//! a test's expectations.
//!
//! An element may not have been rendered yet: every method waits, and fails
//! with the current contents of the page.

use base64::Engine as _;
use checkout::Lang;
use futures_executor::block_on;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::fs;
use std::future::{Future, ready};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use testkit::child_guard::ChildGuard;
use testkit::{paths, workerd};
use thirtyfour::common::log::LoggingPrefsLogLevel;
use thirtyfour::error::{WebDriverError, WebDriverResult};
use thirtyfour::prelude::*;
use thirtyfour::session::http::{Body, HttpClient};

pub use thirtyfour::Key;

/// The time-out of every wait. The longest wait of the page itself is the five
/// seconds for WeChat's bridge.
const PATIENCE: Duration = Duration::from_secs(90);
/// The interval between two checks.
const AGAIN: Duration = Duration::from_millis(40);

/// Flags to run headless, as root, and without the network. Through a pipe, a
/// browser ends when its driver does, however that ends.
const FLAGS: [&str; 14] = [
    "--remote-debugging-pipe",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en",
    "--window-size=1280,900",
    // A mouse, which machines without a screen lack: hover 2, fine 4.
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
];

/// The text that `focused` in `visual_checks.js` adds when the focus is not
/// visible.
const UNSEEN: &str = "(and nothing shows it)";

/// Functions that check a page from inside.
const VISUAL_CHECKS: &str = include_str!("visual_checks.js");

/// One driver for all browsers. It ends with this process, however that ends.
static DRIVER: LazyLock<Driver> = LazyLock::new(Driver::start);

/// The browsers that tests which passed have left: starting one takes longer
/// than making it as new.
static IDLE: Mutex<Vec<WebDriver>> = Mutex::new(Vec::new());

/// The profiles of the browsers of this process.
fn profiles(process: &str) -> PathBuf {
    std::env::temp_dir().join(format!("weceive-chromium-{process}"))
}

/// Removes the profiles of processes that have ended.
fn remove_old_profiles() {
    let old = fs::read_dir(std::env::temp_dir())
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_prefix("weceive-chromium-").map(str::to_owned)
        })
        .filter(|process| !Path::new("/proc").join(process).exists());
    for process in old {
        fs::remove_dir_all(profiles(&process)).ok();
    }
}

struct Driver {
    _guard: ChildGuard,
    address: String,
    chromium: PathBuf,
}

impl Driver {
    fn start() -> Self {
        let found = paths::browser().unwrap_or_else(|failure| panic!("{failure}"));
        let [port] = workerd::free_ports().unwrap_or_else(|failure| panic!("{failure}"));
        remove_old_profiles();
        let mut command = Command::new(&found.chromedriver);
        command.arg(format!("--port={port}"));
        let log = paths::root().join("target/chromedriver.log");
        fs::create_dir_all(paths::root().join("target")).expect("a directory for the log");
        let mut child_guard = ChildGuard::start("chromedriver", &command, &log)
            .unwrap_or_else(|failure| panic!("{failure}"));
        let address = format!("http://127.0.0.1:{port}");
        let ready = until(|| {
            child_guard
                .alive()
                .unwrap_or_else(|failure| panic!("{failure}"));
            let answer = testkit::http::get(&format!("{address}/status")).ok()?;
            (answer.body["value"]["ready"] == true).then_some(())
        });
        ready.expect("chromedriver answers");
        Self {
            _guard: child_guard,
            address,
            chromium: found.chromium,
        }
    }
}

/// A browser that remembers nothing. Dropping it leaves it to the next test.
#[derive(Debug)]
pub struct Browser {
    driver: Option<WebDriver>,
    /// Console messages that a test causes.
    expected: RefCell<Vec<String>>,
    /// The problems found so far: they are reported together at the end.
    complaints: RefCell<Vec<String>>,
}

impl Browser {
    /// A browser on a desktop, online, in English: one that an earlier test has
    /// left, or else a new one.
    pub fn start() -> Self {
        let idle = || IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let renewed = std::iter::from_fn(idle).find_map(|driver| {
            let renewed = block_on(renew(&driver));
            renewed.ok().map(|()| driver)
        });
        let browser = Self {
            driver: Some(renewed.unwrap_or_else(launch)),
            expected: RefCell::new(Vec::new()),
            complaints: RefCell::new(Vec::new()),
        };
        browser.cdp("Network.enable", json!({}));
        browser.cdp("Page.enable", json!({}));
        browser
    }

    // The payer's actions.

    /// Opens an address, as from a link in a mail.
    pub fn opens(&self, address: &str) {
        self.done("open the address", self.driver().enter_default_frame());
        self.done("open the address", self.driver().goto(address));
    }

    /// Loads the page afresh.
    pub fn reloads(&self) {
        self.done("reload", self.driver().refresh());
    }

    /// Goes back to the page before.
    pub fn goes_back(&self) {
        self.done("go back", self.driver().back());
    }

    /// From now on uses the page inside the phone, or in any other frame.
    pub fn looks_into_the_frame(&self) {
        self.done("look around", self.driver().enter_default_frame());
        let entered = until(|| {
            let frame = block_on(self.driver().find(By::Css("iframe"))).ok()?;
            block_on(frame.enter_frame()).ok()
        });
        self.must(entered, || "there is no frame".to_owned());
    }

    /// Uses the whole window again.
    pub fn looks_at_the_window(&self) {
        self.done("look around", self.driver().enter_default_frame());
    }

    /// Taps a button or a link, by its name or a prefix of its name.
    pub fn taps(&self, name: &str) {
        let tapped = until(|| block_on(self.control(name)?.click()).ok());
        self.must(tapped, || format!("there is no {name:?} to tap"));
    }

    /// Taps twice, as fast as a finger can.
    pub fn double_taps(&self, name: &str) {
        let tapped = until(|| {
            let control = self.control(name)?;
            let twice = self.driver().action_chain().double_click_element(&control);
            block_on(twice.perform()).ok()
        });
        self.must(tapped, || format!("there is no {name:?} to tap"));
    }

    /// Writes into the field with this label, replacing its contents.
    pub fn writes(&self, label: &str, text: &str) {
        let written = until(|| {
            let field = self.control(label)?;
            block_on(field.clear()).ok()?;
            block_on(field.send_keys(text)).ok()
        });
        self.must(written, || format!("there is no field {label:?}"));
    }

    /// Presses a key.
    pub fn presses(&self, key: Key) {
        let chain = self.driver().action_chain().send_keys(key);
        self.done("press a key", chain.perform());
    }

    /// Presses Tab until the control with this name, or name prefix, has a
    /// visible focus.
    pub fn tabs_to(&self, name: &str) {
        self.sees_control(name);
        let mut met = Vec::new();
        for _ in 0..30 {
            let focused = self.focused();
            if focused.starts_with(name) && !focused.ends_with(UNSEEN) {
                return;
            }
            self.presses(Key::Tab);
            met.push(self.focused());
        }
        self.fail(&format!("Tab does not come to {name:?}; it met {met:?}"));
    }

    /// Opens an address in a new tab, and uses that tab.
    pub fn opens_in_another_tab(&self, address: &str) {
        self.done("open a tab", async {
            let tab = self.driver().new_tab().await?;
            self.driver().switch_to_window(tab).await?;
            self.driver().goto(address).await
        });
    }

    /// Uses the tab that was opened as this one, counted from 0.
    pub fn looks_at_tab(&self, at: usize) {
        let shown = until(|| {
            let tabs = block_on(self.driver().windows()).ok()?;
            block_on(self.driver().switch_to_window(tabs.get(at)?.clone())).ok()
        });
        self.must(shown, || format!("there is no tab {at}"));
    }

    /// How many tabs there are.
    pub fn tabs(&self) -> usize {
        self.done("count the tabs", self.driver().windows()).len()
    }

    // The payer's observations.

    /// Waits until this text can be read.
    pub fn sees(&self, text: &str) {
        let text = &tidy(text);
        let mut words = String::new();
        let seen = until(|| {
            words = self.words()?;
            words.contains(text).then_some(())
        });
        self.must(seen, || format!("{text:?} is not there; there is: {words}"));
    }

    /// This text cannot be read now.
    pub fn does_not_see(&self, text: &str) {
        let words = self.words().unwrap_or_default();
        if words.contains(text) {
            self.fail(&format!("{text:?} is there: {words}"));
        }
    }

    /// Asserts for this time that the text cannot be read.
    pub fn does_not_see_for(&self, watched: Duration, text: &str) {
        let began = Instant::now();
        while began.elapsed() < watched {
            self.does_not_see(text);
            thread::sleep(AGAIN);
        }
    }

    /// Waits until the text of an element (CSS) changes.
    pub fn sees_change(&self, selector: &str) {
        let script = format!("{VISUAL_CHECKS}\nreturn shownOf(arguments[0])[0].innerText");
        let read = || {
            block_on(self.driver().execute(&script, vec![json!(selector)]))
                .ok()?
                .convert::<String>()
                .ok()
        };
        let before = self.must(until(read), || format!("there is no {selector}"));
        let changed = until(|| read().filter(|now| *now != before));
        self.must(changed, || format!("{selector} stays {before:?}"));
    }

    /// Waits until there is a button or a link with this name.
    pub fn sees_control(&self, name: &str) {
        let seen = until(|| self.control(name));
        self.must(seen, || format!("there is no {name:?}"));
    }

    /// Waits until the address begins with this text.
    pub fn is_at(&self, address: &str) {
        let mut url = String::new();
        let there = until(|| {
            url = block_on(self.driver().current_url()).ok()?.to_string();
            url.starts_with(address).then_some(())
        });
        self.must(there, || format!("at {url}, not at {address}"));
    }

    /// All text that can be read now.
    pub fn words(&self) -> Option<String> {
        self.ask("words", vec![]).ok()?.convert().ok()
    }

    /// How many of these elements (CSS) are shown.
    pub fn counts(&self, selector: &str) -> usize {
        let script = format!("{VISUAL_CHECKS}\nreturn shownOf(arguments[0]).length");
        let count = self.driver().execute(script, vec![json!(selector)]);
        let count = self.done("count", count).convert::<usize>();
        count.unwrap_or_default()
    }

    /// An attribute of an element (CSS), once it is shown.
    pub fn reads(&self, selector: &str, attribute: &str) -> String {
        let script = format!(
            "{VISUAL_CHECKS}\nconst [found] = shownOf(arguments[0]); return found && found.getAttribute(arguments[1])"
        );
        let read = until(|| {
            let about = vec![json!(selector), json!(attribute)];
            let answer = block_on(self.driver().execute(&script, about)).ok()?;
            answer.convert::<String>().ok()
        });
        self.must(read, || format!("there is no {selector} with {attribute}"))
    }

    /// The result of a script in the page.
    pub fn evaluates(&self, script: &str) -> Value {
        let said = self.driver().execute(script, vec![]);
        self.done(script, said).json().clone()
    }

    /// Waits until the page has received at least this many answers from this
    /// path of the server.
    pub fn has_asked(&self, path: &str, times: usize) {
        let asked = format!(
            "return performance.getEntriesByType('resource')
                .filter(({{ name }}) => name.includes({path:?})).length"
        );
        let enough = until(|| (self.evaluates(&asked).as_u64()? >= times as u64).then_some(()));
        self.must(enough, || format!("{path} was not asked {times} times"));
    }

    /// Waits until a script in the page returns `true`.
    pub fn waits_for(&self, script: &str) {
        let said = until(|| (self.evaluates(script) == true).then_some(()));
        self.must(said, || format!("never true: {script}"));
    }

    /// The page's title.
    pub fn title(&self) -> String {
        self.done("read the title", self.driver().title())
    }

    /// The contents of the payment code on the page, read from a picture of the
    /// screen, as a phone's camera does.
    pub fn scans(&self) -> String {
        self.scans_picture("figure.code:not(.drawing):not(.over) svg")
    }

    /// The contents of the code in this element (CSS).
    pub fn scans_picture(&self, code: &str) -> String {
        let mut why = "there is none".to_owned();
        let read = until(|| {
            let svg = block_on(self.driver().find(By::Css(code))).ok()?;
            // A code that only helps may be below the fold; one that is the way to
            // pay may not.
            let scroll = "arguments[0].closest('.help')?.scrollIntoView({ block: 'center' })";
            let about = vec![svg.to_json().ok()?];
            block_on(self.driver().execute(scroll, about)).ok()?;
            let picture = block_on(svg.screenshot_as_png()).ok()?;
            read_code(&picture).map_err(|error| why = error).ok()
        });
        self.must(read, || format!("the code cannot be read: {why}"))
    }

    /// The contents of the payment code anywhere on the screen.
    pub fn scans_the_screen(&self) -> String {
        let mut why = "there is none".to_owned();
        let read = until(|| {
            let picture = block_on(self.driver().screenshot_as_png()).ok()?;
            read_code(&picture).map_err(|error| why = error).ok()
        });
        self.must(read, || format!("the code cannot be read: {why}"))
    }

    /// Stores a picture of the screen as `target/screenshots/NAME.png`.
    pub fn pictures(&self, name: &str) {
        let directory = paths::root().join("target/screenshots");
        fs::create_dir_all(&directory).expect("a directory for pictures");
        let path = directory.join(format!("{name}.png"));
        if let Ok(picture) = block_on(self.driver().screenshot_as_png()) {
            fs::write(path, picture).expect("a picture");
        }
    }

    /// Stores the page in each size and colour scheme as
    /// `target/screenshots/NAME-LANG-SCHEME-WIDTH.png`, and asserts that it fits each
    /// window and that axe finds nothing. In a language of the checkout alone, on
    /// the smallest phone.
    pub fn pictured(&self, name: &str, lang: Lang) {
        const SIZES: [(u32, u32); 4] = [(320, 568), (390, 780), (780, 390), (1280, 800)];
        let (schemes, sizes): (&[&str], &[_]) = match lang {
            Lang::En | Lang::ZhHans => (&["dark", "light"], &SIZES),
            _ => (&["light"], &SIZES[..1]),
        };
        for scheme in schemes {
            self.prefers("color-scheme", scheme);
            for (width, height) in sizes {
                self.has_a_window_of(*width, *height);
                let place = format!("{name}-{}-{scheme}-{width}", lang.tag());
                self.finds_that_it_fits(&place);
                self.pictures_it_whole(&place);
            }
            self.finds_it_accessible(&format!("{name}, {}, {scheme}", lang.tag()));
        }
        self.has_a_window_of(390, 780);
    }

    /// As [`Browser::pictures`], with what is below the window too.
    fn pictures_it_whole(&self, name: &str) {
        let how = json!({ "captureBeyondViewport": true });
        let taken = self.cdp("Page.captureScreenshot", how);
        let file = taken["data"].as_str().unwrap_or_default();
        let file = base64::prelude::BASE64_STANDARD.decode(file);
        let path = paths::root().join(format!("target/screenshots/{name}.png"));
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory for pictures");
        fs::write(path, file.expect("a picture")).expect("a picture");
    }

    // The browser's properties.

    /// Sends this User-Agent from now on.
    pub fn calls_itself(&self, user_agent: &str) {
        self.cdp(
            "Network.setUserAgentOverride",
            json!({ "userAgent": user_agent }),
        );
    }

    /// Is WeChat on this payer's phone, as WeChat's own pages see it.
    pub fn has_the_phone_of(&self, payer: &str) {
        let headers = json!({ "headers": { "x-sandbox-payer": payer } });
        self.cdp("Network.setExtraHTTPHeaders", headers);
    }

    /// Is no payer that the sandbox knows: its header would make a browser ask for permission before each call to another origin.
    pub fn has_no_phone(&self) {
        self.cdp("Network.setExtraHTTPHeaders", json!({ "headers": {} }));
    }

    /// Asks for pages in this language.
    pub fn accepts(&self, language: &str) {
        let headers = json!({ "headers": { "accept-language": language } });
        self.cdp("Network.setExtraHTTPHeaders", headers);
    }

    /// Runs no script of any page.
    pub fn runs_no_scripts(&self) {
        self.cdp(
            "Emulation.setScriptExecutionDisabled",
            json!({ "value": true }),
        );
    }

    /// Has a window of this size, in CSS pixels; narrow ones are phones'.
    pub fn has_a_window_of(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.cdp("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// Sets a media feature: `("color-scheme", "dark")`. One at a time.
    pub fn prefers(&self, what: &str, wish: &str) {
        let features = json!([{ "name": format!("prefers-{what}"), "value": wish }]);
        self.cdp(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        );
    }

    /// Sees the page as it is printed, with 288 dots to an inch: printers have
    /// more.
    pub fn sees_paper(&self) {
        let metrics =
            json!({ "width": 1000, "height": 1300, "deviceScaleFactor": 3, "mobile": false });
        self.cdp("Emulation.setDeviceMetricsOverride", metrics);
        self.cdp("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    }

    /// Sees the page as on a screen again.
    pub fn sees_the_screen(&self) {
        self.cdp("Emulation.setEmulatedMedia", json!({ "media": "" }));
    }

    /// Prints the page; the width and height of each sheet of paper, in points.
    pub fn prints(&self) -> Vec<[i64; 2]> {
        let how = json!({ "preferCSSPageSize": true, "printBackground": true });
        let printed = self.cdp("Page.printToPDF", how);
        let file = printed["data"].as_str().unwrap_or_default();
        let file = base64::prelude::BASE64_STANDARD.decode(file);
        let file = file.unwrap_or_else(|error| self.fail(&error.to_string()));
        let file = String::from_utf8_lossy(&file);
        // Each page of a PDF has its own box: [0 0 width height].
        let boxes = file.split("/MediaBox [").skip(1);
        let number = |text: &str| text.split('.').next()?.parse().ok();
        boxes
            .filter_map(|rest| {
                let mut numbers = rest.split(']').next()?.split_whitespace().skip(2);
                Some([number(numbers.next()?)?, number(numbers.next()?)?])
            })
            .collect()
    }

    /// Goes offline.
    pub fn goes_offline(&self) {
        self.expects_in_the_console("net::ERR_INTERNET_DISCONNECTED");
        self.network(true);
    }

    /// Goes online again.
    pub fn is_online_again(&self) {
        self.network(false);
    }

    fn network(&self, offline: bool) {
        let conditions = json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.cdp("Network.emulateNetworkConditions", conditions);
    }

    /// Blocks requests that match one of these patterns (`*/bridge.js`).
    pub fn cannot_load(&self, patterns: &[&str]) {
        self.expects_in_the_console("net::ERR_BLOCKED_BY_CLIENT");
        self.cdp("Network.setBlockedURLs", json!({ "urls": patterns }));
    }

    /// Runs this in every page before the page's own scripts.
    pub fn runs_first(&self, script: &str) {
        let source = json!({ "source": script });
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source);
    }

    // Visual checks.

    /// Asserts that axe finds no problem in the current page.
    pub fn finds_it_accessible(&self, place: &str) {
        self.finds_it_accessible_but(place, &[]);
    }

    /// The same without these rules of axe.
    pub fn finds_it_accessible_but(&self, place: &str, left_out: &[&str]) {
        static AXE: LazyLock<String> = LazyLock::new(|| {
            let path = paths::root().join("node_modules/axe-core/axe.min.js");
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        });
        let judge = "
            const done = arguments[1];
            const rules = Object.fromEntries(arguments[0].map((rule) => [rule, { enabled: false }]));
            // Preloading would add styles to the page, against its policy.
            const options = { iframes: false, preload: false, resultTypes: ['violations'], rules };
            axe.run(document, options).then(
                ({ violations }) => done(violations.map(({ impact, help, id, nodes }) =>
                    `${impact}: ${help} (${id}) at ${nodes.map((node) => node.target.join(' ')).join(', ')}`)),
                (error) => done([String(error)]));";
        self.done("load axe", self.driver().execute(AXE.as_str(), vec![]));
        let found = self.driver().execute_async(judge, vec![json!(left_out)]);
        let found: Vec<String> = self.done("run axe", found).convert().expect("a list");
        self.notes(place, found);
    }

    /// Nothing scrolls sideways, is cut off, or is too small for a finger.
    pub fn finds_that_it_fits(&self, place: &str) {
        let found = self.done("look", ready(self.ask("misfits", vec![])));
        let found: Vec<String> = found.convert().expect("a list");
        self.notes(place, found);
    }

    /// The test causes console messages with this text.
    pub fn expects_in_the_console(&self, words: &str) {
        self.expected.borrow_mut().push(words.to_owned());
    }

    /// Asserts that no problem was found on any page that was opened, and that
    /// the console has no error and no violation of a policy.
    pub fn has_nothing_to_complain_about(&self) {
        let log = self.done("read the console", self.driver().browser_log());
        let expected = self.expected.borrow();
        let errors = log
            .into_iter()
            // The browser's own first page fails when scripts are switched off
            // on it.
            .filter(|entry| !entry.message.starts_with("chrome://"))
            .filter(|entry| entry.level == "SEVERE" || entry.message.contains("Content Security"))
            .filter(|entry| !expected.iter().any(|words| entry.message.contains(words)))
            .map(|entry| entry.message);
        self.notes("in the console", errors);
        let complaints = self.complaints.borrow();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }

    fn notes(&self, place: &str, found: impl IntoIterator<Item = String>) {
        let found = found.into_iter().map(|what| format!("{place}: {what}"));
        self.complaints.borrow_mut().extend(found);
    }

    // Helpers.

    fn driver(&self) -> &WebDriver {
        self.driver.as_ref().expect("it is open")
    }

    fn ask(&self, question: &str, about: Vec<Value>) -> WebDriverResult<ScriptRet> {
        let script = format!("{VISUAL_CHECKS}\nreturn {question}(...arguments)");
        block_on(self.driver().execute(script, about))
    }

    fn control(&self, name: &str) -> Option<WebElement> {
        self.ask("control", vec![json!(tidy(name))])
            .ok()?
            .element()
            .ok()
    }

    fn focused(&self) -> String {
        let focused = self.ask("focused", vec![]);
        focused.map_or_else(|_| String::new(), |name| name.convert().unwrap_or_default())
    }

    fn cdp(&self, method: &str, parameters: Value) -> Value {
        self.done(method, self.driver().cdp().send_raw(method, parameters))
    }

    fn done<T>(&self, what: &str, doing: impl Future<Output = WebDriverResult<T>>) -> T {
        block_on(doing).unwrap_or_else(|error| self.fail(&format!("cannot {what}: {error}")))
    }

    fn must<T>(&self, found: Option<T>, why: impl FnOnce() -> String) -> T {
        found.unwrap_or_else(|| self.fail(&why()))
    }

    /// Ends the test, with a picture of the page.
    fn fail(&self, why: &str) -> ! {
        let test = thread::current().name().unwrap_or("test").replace(':', "-");
        self.pictures(&format!("failed-{test}"));
        panic!("{why} (see target/screenshots/failed-{test}.png)");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let Some(driver) = self.driver.take() else {
            return;
        };
        if thread::panicking() {
            block_on(driver.quit()).ok();
        } else {
            let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(driver);
        }
    }
}

/// Starts a browser with a new profile.
fn launch() -> WebDriver {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let profile = profiles(&std::process::id().to_string())
        .join(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
    let mut wanted = DesiredCapabilities::chrome();
    let chromium = DRIVER.chromium.to_string_lossy();
    wanted.set_binary(&chromium).expect("a capability");
    for flag in FLAGS {
        wanted.add_arg(flag).expect("a capability");
    }
    wanted
        .add_arg(&format!("--user-data-dir={}", profile.display()))
        .expect("a capability");
    wanted
        .set_browser_log_level(LoggingPrefsLogLevel::All)
        .expect("a capability");
    let driver = WebDriver::builder(&DRIVER.address, wanted).client(Http::new());
    block_on(driver.connect()).unwrap_or_else(|error| panic!("no browser: {error}"))
}

/// Makes a browser as new: one empty tab, which ends everything that was set for
/// another tab, and no cookie and no cached file. What a site has stored needs
/// no removing, because no two systems of a process have the same ports.
async fn renew(driver: &WebDriver) -> WebDriverResult<()> {
    let used = driver.windows().await?;
    let empty = driver.new_tab().await?;
    for tab in used {
        driver.switch_to_window(tab).await?;
        driver.close_window().await?;
    }
    driver.switch_to_window(empty).await?;
    for method in ["Network.clearBrowserCookies", "Network.clearBrowserCache"] {
        driver.cdp().send_raw(method, json!({})).await?;
    }
    driver.browser_log().await?;
    Ok(())
}

/// A text with its no-break spaces as the checks in the page read them.
fn tidy(text: &str) -> String {
    text.replace('\u{a0}', " ")
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = look();
        if found.is_some() || Instant::now() > deadline {
            return found;
        }
        thread::sleep(AGAIN);
    }
}

/// The contents of the code in a picture.
fn read_code(picture: &[u8]) -> Result<String, String> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(picture));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("too large")?];
    let frame = reader.next_frame(&mut pixels).map_err(|e| e.to_string())?;
    let samples = frame.color_type.samples();
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(
        frame.width as usize,
        frame.height as usize,
        // Black on white: any colour channel can be used.
        |x, y| pixels[y * frame.line_size + x * samples],
    );
    let grids = image.detect_grids();
    let grid = grids.first().ok_or("no code is found in the picture")?;
    grid.decode()
        .map(|(_, text)| text)
        .map_err(|error| error.to_string())
}

/// WebDriver over the HTTP client that the project has already. A call blocks
/// its thread, which belongs to one test.
struct Http(ureq::Agent);

impl Http {
    fn new() -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            .proxy(None)
            .build();
        Self(agent.into())
    }
}

#[async_trait::async_trait]
impl HttpClient for Http {
    async fn send(
        &self,
        request: http::Request<Body<'_>>,
    ) -> WebDriverResult<http::Response<bytes::Bytes>> {
        let failed = |error: ureq::Error| WebDriverError::HttpError(error.to_string());
        let (parts, body) = request.into_parts();
        let answer = match body {
            Body::Empty => self.0.run(http::Request::from_parts(parts, ())),
            Body::Json(json) => {
                let body = json.to_string().into_bytes();
                self.0.run(http::Request::from_parts(parts, body))
            }
        };
        let (parts, mut body) = answer.map_err(failed)?.into_parts();
        // A picture is larger than the client's default limit.
        let body = body.with_config().limit(100 << 20).read_to_vec();
        Ok(http::Response::from_parts(
            parts,
            body.map_err(failed)?.into(),
        ))
    }

    async fn new(&self) -> Arc<dyn HttpClient> {
        Arc::new(Http::new())
    }
}
