//! How soon a payer can read and pay: the checkout page in Chromium, on a slow
//! network and a slow processor, compared with a page of the same function that
//! is written by hand (`bench/workerd/page_by_hand.js`).

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    spread::{Spread, written},
    table::Table,
};
use testkit::{
    Failure, Result,
    child_guard::ChildGuard,
    demo::wipe,
    http::{self, text},
    paths,
    workerd::{System, Workerd, free_ports},
};
use xtask::{part::target_directory, setup, step};

/// The longest time to wait for one page.
const PATIENCE: Duration = Duration::from_secs(60);

/// The factor by which the processor is slowed down.
const CPU: u32 = 4;

/// Bytes a second of slow 4G: 1.6 Mbit/s down and 750 kbit/s up.
const DOWN: u32 = 1_638_400 / 8;
const UP: u32 = 750_000 / 8;

/// The delay of every answer, in ms: the round trip of slow 4G; and the value
/// that Chromium's developer tools use for slow 4G, which adds the round trip
/// of a new connection to every request.
const LATENCIES_MS: [(&str, f64); 2] = [("150 ms", 150.0), ("562 ms", 562.5)];

/// A way to pay, and the place on the page where it begins.
struct Way {
    name: &'static str,
    user_agent: &'static str,
    ready: &'static str,
}

const WAYS: [Way; 2] = [
    Way {
        name: "JSAPI, the button works",
        user_agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                     Mobile/15E148 MicroMessenger/8.0.60(0x18003c2f) NetType/WIFI Language/en",
        ready: "button.button:not([aria-disabled])",
    },
    Way {
        name: "Native, the code is there",
        user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        ready: ".code:not(.drawing) path[d^=M]",
    },
];

/// The times of one visit, in ms after the address was opened.
#[derive(Clone, Copy, Debug)]
struct Visit {
    largest_paint: f64,
    ready: f64,
}

/// Visits both pages alternately, `times` times each, and returns the medians
/// as a table.
///
/// # Errors
///
/// A program did not start, or a page did not become ready.
pub fn run(times: usize) -> Result<Table> {
    let directory = target_directory()?.join("xtask/bench-page");
    wipe(&directory)?;
    let by_hand = by_hand(&directory.join("by-hand"))?;
    let ours = Shop::open(&directory.join("ours"), None)?;
    let theirs = Shop::open(&directory.join("theirs"), Some(by_hand))?;
    let driver = Driver::start(&directory)?;

    let mut table = Table::new(["", "latency", "page", "largest paint ms", "ready to pay ms"]);
    for way in &WAYS {
        for (latency, latency_ms) in LATENCIES_MS {
            let name = format!("measure the page: {}, {latency}", way.name);
            let visits = step::of(&name, || {
                let browser = driver.browser(way)?;
                // Before measuring, the payer is signed in and the runtime is
                // warm.
                for shop in [&ours, &theirs] {
                    browser.visit(&shop.checkout()?, None)?;
                }
                let mut visits = Vec::new();
                for _ in 0..times {
                    let turn = |shop: &Shop| browser.visit(&shop.checkout()?, Some(latency_ms));
                    visits.push((turn(&ours)?, turn(&theirs)?));
                }
                Ok(visits)
            })?;
            rows(&mut table, way.name, latency, &visits);
        }
    }
    Ok(table)
}

fn rows(table: &mut Table, way: &str, latency: &str, visits: &[(Visit, Visit)]) {
    const COLUMNS: [fn(&Visit) -> f64; 2] = [|visit| visit.largest_paint, |visit| visit.ready];
    let median = |pick: fn(&(Visit, Visit)) -> &Visit| {
        COLUMNS.map(|column| {
            let numbers = visits.iter().map(|visit| column(pick(visit)));
            written(Spread::of(numbers).median, 0)
        })
    };
    let [paint, ready] = median(|(ours, _)| ours);
    table.row([
        way.to_owned(),
        latency.to_owned(),
        "ours".to_owned(),
        paint,
        ready,
    ]);
    let [paint, ready] = median(|(_, theirs)| theirs);
    table.row([
        String::new(),
        String::new(),
        "by hand".to_owned(),
        paint,
        ready,
    ]);
    let [paint, ready] = COLUMNS.map(|column| {
        let ratios = visits
            .iter()
            .map(|(ours, theirs)| column(ours) / column(theirs));
        Spread::of(ratios).shown()
    });
    table.row([
        String::new(),
        String::new(),
        "ours ÷ by hand".to_owned(),
        paint,
        ready,
    ]);
}

/// The frame of the page as it is built, with the handwritten program in place
/// of ours.
fn by_hand(directory: &Path) -> Result<PathBuf> {
    let dist = paths::root().join("dist");
    let failed = |said: &dyn std::fmt::Display| {
        Failure::new(
            "make the page that is written by hand",
            said,
            "run `cargo xtask build page`",
        )
    };
    let make = || -> std::io::Result<Option<()>> {
        fs::create_dir_all(directory)?;
        for file in fs::read_dir(&dist)? {
            let path = file?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "css" || extension == "svg")
            {
                fs::copy(&path, directory.join(path.file_name().unwrap_or_default()))?;
            }
        }
        let program = paths::root().join("bench/workerd/page_by_hand.js");
        fs::copy(program, directory.join("by-hand.js"))?;
        let frame = fs::read_to_string(dist.join("index.html"))?;
        let cut = || {
            let (before, rest) = frame.split_once("<script type=\"module\"")?;
            let (_, after) = rest.split_once("</head>")?;
            let script =
                "<script type=\"module\" nonce=\"{{NONCE}}\" src=\"/by-hand.js\"></script></head>";
            Some(format!("{before}{script}{after}"))
        };
        let Some(frame) = cut() else { return Ok(None) };
        fs::write(directory.join("index.html"), frame).map(Some)
    };
    make()
        .map_err(|error| failed(&error))?
        .ok_or_else(|| failed(&"dist/index.html holds no module script"))?;
    directory.canonicalize().map_err(|error| failed(&error))
}

/// A gateway and a sandbox with one merchant.
struct Shop {
    running: Workerd,
    api_key: String,
    /// The number of checkouts made.
    checkouts: Cell<u32>,
}

impl Shop {
    fn open(directory: &Path, pages: Option<PathBuf>) -> Result<Self> {
        let [gateway, sandbox, tls, tls_2] = free_ports()?;
        let system = System {
            pages,
            ..System::new(directory, gateway, sandbox, [tls, tls_2])
        };
        let running = system.start()?;
        let body = json!({
            "id": "bench",
            "name": "Demo Tea House",
            "fee_type": "HKD",
            "appid": "wx5a11d0b0c0ffee01",
            "app_secret": "5ec3e7000000000000000000c0ffee01",
            "mch_id": "1900000109",
            "api_key": "weceive-sandbox-demo-key-0000001",
        });
        let url = format!("{}/admin/merchants", running.gateway());
        let admin = format!("Bearer {}", system.admin_token);
        let made = http::post(&url, &[("authorization", &admin)], &body)?.ok("make a merchant")?;
        Ok(Self {
            running,
            api_key: text(&made, "/data/api-key").to_owned(),
            checkouts: Cell::new(0),
        })
    }

    /// The address of a new checkout.
    fn checkout(&self) -> Result<String> {
        let number = self.checkouts.get() + 1;
        self.checkouts.set(number);
        let number = format!("PAGE{number}");
        let body = json!({ "out_trade_no": number, "body": "Jasmine pearls, 50 g", "total_fee": 4800, "lang": "en" });
        let url = format!("{}/v1/checkout", self.running.gateway());
        let made = http::post(&url, &[("api-key", &self.api_key)], &body)?.ok("make a checkout")?;
        Ok(text(&made, "/data/url").to_owned())
    }
}

/// A `chromedriver`.
struct Driver {
    _guard: ChildGuard,
    address: String,
    chromium: PathBuf,
    directory: PathBuf,
    /// The number of browsers started.
    browsers: Cell<u32>,
}

impl Driver {
    fn start(directory: &Path) -> Result<Self> {
        let found = setup::browser()?;
        let [port] = free_ports()?;
        let mut command = Command::new(&found.chromedriver);
        command.arg(format!("--port={port}"));
        let mut child_guard = ChildGuard::start(
            "chromedriver",
            &command,
            &directory.join("chromedriver.log"),
        )?;
        let address = format!("http://127.0.0.1:{port}");
        let began = Instant::now();
        while http::get(&format!("{address}/status")).map_or(true, |answer| {
            answer.body.pointer("/value/ready") != Some(&Value::Bool(true))
        }) {
            child_guard.alive()?;
            if began.elapsed() > PATIENCE {
                return Err(Failure::new(
                    "start chromedriver",
                    "it does not answer",
                    child_guard.log(),
                ));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(Self {
            _guard: child_guard,
            address,
            chromium: found.chromium,
            directory: directory.to_owned(),
            browsers: Cell::new(0),
        })
    }

    fn browser(&self, way: &Way) -> Result<Browser> {
        // Each browser has a new profile: one that has ended may still write
        // into its own.
        let profile = self
            .directory
            .join(format!("profile-{}", self.browsers.get()));
        self.browsers.set(self.browsers.get() + 1);
        let options = json!({
            "binary": self.chromium,
            "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
                "--no-first-run", "--no-proxy-server", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--lang=en", "--window-size=390,780",
                format!("--user-data-dir={}", profile.display()),
            ],
        });
        let wanted =
            json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let made =
            http::post(&format!("{}/session", self.address), &[], &wanted)?.ok("start Chromium")?;
        let session = text(&made, "/value/sessionId");
        let browser = Browser {
            session: format!("{}/session/{session}", self.address),
        };
        browser.cdp("Network.enable", json!({}))?;
        browser.cdp("Page.enable", json!({}))?;
        browser.cdp(
            "Network.setUserAgentOverride",
            json!({ "userAgent": way.user_agent }),
        )?;
        browser.cdp(
            "Network.setExtraHTTPHeaders",
            json!({ "headers": { "x-sandbox-payer": "alice" } }),
        )?;
        let ready = format!(
            "const look = () => document.querySelector({:?})
                ? requestAnimationFrame(() => setTimeout(() => window.readyAt = performance.now()))
                : requestAnimationFrame(look);
             look();",
            way.ready
        );
        browser.cdp(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": ready }),
        )?;
        Ok(browser)
    }
}

/// A Chromium; dropping it closes it.
struct Browser {
    session: String,
}

impl Browser {
    /// Opens an address with an empty cache, and with a slow network and
    /// processor when a latency is given.
    fn visit(&self, address: &str, latency_ms: Option<f64>) -> Result<Visit> {
        self.cdp("Network.clearBrowserCache", json!({}))?;
        self.call("url", json!({ "url": "about:blank" }))?;
        let network = match latency_ms {
            None => {
                json!({ "offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 })
            }
            Some(latency) => {
                json!({ "offline": false, "latency": latency, "downloadThroughput": DOWN, "uploadThroughput": UP })
            }
        };
        self.cdp("Network.emulateNetworkConditions", network)?;
        let rate = latency_ms.map_or(1, |_| CPU);
        self.cdp("Emulation.setCPUThrottlingRate", json!({ "rate": rate }))?;
        self.call("url", json!({ "url": address }))?;

        let began = Instant::now();
        let script = "
            const done = arguments[0];
            if (!window.readyAt) return done(null);
            new PerformanceObserver((list, observer) => {
                observer.disconnect();
                done([list.getEntries().at(-1).startTime, window.readyAt]);
            }).observe({ type: 'largest-contentful-paint', buffered: true });";
        loop {
            let said = self.call("execute/async", json!({ "script": script, "args": [] }))?;
            let number = |at: &str| said.pointer(at).and_then(Value::as_f64);
            if let (Some(largest_paint), Some(ready)) = (number("/value/0"), number("/value/1")) {
                return Ok(Visit {
                    largest_paint,
                    ready,
                });
            }
            if began.elapsed() > PATIENCE {
                return Err(Failure::new(
                    format!("see {address} ready to pay"),
                    said,
                    "open it in a browser with `cargo xtask dev`",
                ));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn cdp(&self, method: &str, parameters: Value) -> Result<Value> {
        self.call(
            "goog/cdp/execute",
            json!({ "cmd": method, "params": parameters }),
        )
    }

    fn call(&self, path: &str, body: Value) -> Result<Value> {
        let answer = http::post(&format!("{}/{path}", self.session), &[], &body)?;
        answer.ok(&format!("steer Chromium: {path}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.cdp("Browser.close", json!({}));
    }
}
