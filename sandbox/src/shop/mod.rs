//! The demo shop: a merchant's own site with its own server, as a client of a
//! gateway. It sells tea, creates checkouts at the gateway, and treats an order
//! as paid only after the gateway's delivery.
//!
//! Its server calls the gateway to create a checkout or a link, and to check
//! the signature of a delivery. [`call`] builds the request, the adapter sends
//! it, and [`called`] uses the answer.

use crate::input::{BadInput, Input};
use crate::moment::Moment;
use crate::page::page;
use crate::table::{Change, Table};
use crate::web::{self, Answer, CallOutcome, Request, escape};
use crate::wechat::orders::amount_text;
use crate::wechat::state::WeChat;
use http::{Method, StatusCode, header};
use order::{Currency, Money};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt::Write as _;
use url::Url;
use wechatpay::common::Fields;
use wechatpay::common::time::china;
use wechatpay::v2::notify::{ACK_OK, ack_fail};

const INBOX_SCRIPT: &str = concat!("(() => {\n", include_str!("inbox.js"), "})();\n");

/// The most deliveries that are kept.
const MAX_DELIVERIES: usize = 200;

/// The products: name, description, price in the currency's smallest unit,
/// picture.
const PRODUCTS: [(&str, &str, i64, &str); 3] = [
    (
        "Jasmine pearls, 50 g",
        "Green tea, hand-rolled and scented six nights long.",
        4_800,
        include_str!("leaf.svg"),
    ),
    (
        "Gaiwan, celadon",
        "Lid, bowl and saucer. The glaze crackles as it ages.",
        16_800,
        include_str!("gaiwan.svg"),
    ),
    (
        "One cup, here and now",
        "Today's tea. For those who only want to try the checkout.",
        1_200,
        include_str!("cup.svg"),
    ),
];

/// The lines of each product in the checkout: name, quantity, price of one.
const LINES: [&[(&str, i64, i64)]; 3] = [
    &[("Jasmine pearls, 50 g", 1, 4_800)],
    &[
        ("Gaiwan, celadon: bowl", 1, 9_800),
        ("Gaiwan, celadon: lid", 1, 4_000),
        ("Gaiwan, celadon: saucer", 1, 3_000),
    ],
    &[("One cup, here and now", 1, 1_200)],
];

/// How the shop is connected to its gateway (`POST /sandbox/shop`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Config {
    name: String,
    /// The gateway's origin, without a trailing slash; empty while not
    /// connected.
    api_base: String,
    api_key: String,
    api_secret: String,
    currency: Currency,
    /// Whether deliveries are acknowledged.
    acknowledge: bool,
    /// The shop's payment link; empty while it has none.
    #[serde(default)]
    link: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "Demo Tea House".into(),
            api_base: String::new(),
            api_key: String::new(),
            api_secret: String::new(),
            currency: Currency::Hkd,
            acknowledge: true,
            link: String::new(),
        }
    }
}

impl Config {
    /// The old configuration with the changes of the input.
    pub(crate) fn read(mut old: Self, mut input: Input) -> Result<Self, BadInput> {
        if let Some(api_base) = input.text("api_base")? {
            let good = Url::parse(&api_base).is_ok_and(|url| {
                ["http", "https"].contains(&url.scheme()) && url.query().is_none()
            });
            if !good {
                return Err(input.bad("api_base", "send the gateway's http or https address"));
            }
            old.api_base = api_base.trim_end_matches('/').to_owned();
            old.link.clear();
        }
        for (field, slot) in [
            ("api_key", &mut old.api_key),
            ("api_secret", &mut old.api_secret),
        ] {
            if let Some(value) = input.text(field)? {
                if !value.bytes().all(|b| b.is_ascii_graphic()) {
                    return Err(input.bad(field, "send visible ASCII characters"));
                }
                *slot = value;
            }
        }
        if let Some(code) = input.text("currency")? {
            old.currency = Currency::from_code(&code)
                .ok_or_else(|| input.bad("currency", "send a currency code, like HKD"))?;
        }
        if let Some(name) = input.text("name")? {
            old.name = name;
        }
        if let Some(acknowledge) = input.boolean("acknowledge")? {
            old.acknowledge = acknowledge;
        }
        input.finish()?;
        Ok(old)
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "connected": self.is_connected(),
            "name": self.name,
            "api_base": self.api_base,
            "api_key": self.api_key,
            "api_secret": self.api_secret,
            "currency": self.currency.code(),
            "acknowledge": self.acknowledge,
        })
    }

    fn is_connected(&self) -> bool {
        !self.api_base.is_empty() && !self.api_key.is_empty()
    }
}

/// A delivery of the gateway to the shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    id: String,
    received_ms: i64,
    body: String,
    acknowledged: bool,
    verdict: Option<Verdict>,
}

/// The gateway's result for a delivery's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Verdict {
    good: bool,
    words: String,
}

impl Delivery {
    fn field(&self, name: &str) -> Option<String> {
        let fields = Fields::parse(self.body.as_bytes()).ok()?;
        fields.get_nonempty(name).map(str::to_owned)
    }

    /// What the delivery reports.
    fn event(&self) -> &'static str {
        match self.field("result_code").as_deref() {
            Some("SUCCESS") => "Paid",
            Some(_) => "Payment failed",
            // WeChat's notice about a refund is encrypted with the merchant's
            // key at WeChat, which the shop's server does not have here.
            None if self.field("req_info").is_some() => "Refund",
            None => "Unknown",
        }
    }

    fn amount(&self) -> Option<String> {
        let currency = match self.field("fee_type") {
            Some(code) => Currency::from_code(&code)?,
            None => Currency::Cny,
        };
        let minor = self.field("total_fee")?.parse().ok()?;
        Money::new(minor, currency).ok().map(amount_text)
    }

    fn reports_payment_of(&self, out_trade_no: &str) -> bool {
        self.field("out_trade_no").as_deref() == Some(out_trade_no)
            && self.field("result_code").as_deref() == Some("SUCCESS")
    }
}

/// The demo shop's state.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) config: Config,
    deliveries: Table<Delivery>,
}

impl Shop {
    /// A shop that is not connected to a gateway.
    pub(crate) fn new() -> Self {
        Self {
            config: Config::default(),
            deliveries: Table::new("delivery"),
        }
    }

    /// Reads one stored row; `false` where it is not a delivery.
    pub(crate) fn load(&mut self, key: &str, json: &str) -> Result<bool, serde_json::Error> {
        self.deliveries.load(key, json)
    }

    /// Appends the rows that changed since the last call.
    pub(crate) fn take_changes(&mut self, into: &mut Vec<Change>) {
        self.deliveries.take_changes(into);
    }

    /// Deletes the deliveries; the shop stays connected.
    pub(crate) fn forget_deliveries(&mut self) {
        self.deliveries.retain(|_| false);
    }

    /// `GET /sandbox/deliveries`, newest first.
    pub(crate) fn deliveries_json(&self) -> Value {
        let deliveries: Vec<Value> = self
            .deliveries
            .values()
            .rev()
            .map(|delivery| {
                json!({
                    "id": delivery.id,
                    "received_ms": delivery.received_ms,
                    "out_trade_no": delivery.field("out_trade_no"),
                    "body": delivery.body,
                    "acknowledged": delivery.acknowledged,
                    "sign_is_right": delivery.verdict.as_ref().map(|v| v.good),
                })
            })
            .collect();
        json!({ "deliveries": deliveries })
    }
}

/// The request that the gateway's answer belongs to.
#[derive(Clone, Debug)]
pub(crate) enum AfterCall {
    GoToCheckout,
    KeepLink,
    NoteVerdict { id: String, sign: String },
}

/// Answers every request that needs no call to the gateway.
pub(crate) fn handle(
    shop: &mut Shop,
    wechat: &mut WeChat,
    request: &Request,
    moment: &mut Moment<'_>,
) -> Answer {
    let get = request.method() == Method::GET || request.method() == Method::HEAD;
    match request.uri().path() {
        "/shop" => web::redirect(StatusCode::FOUND, "/shop/"),
        "/shop/" if get => front(shop),
        "/shop/inbox" if get => inbox(shop),
        "/shop/inbox.js" if get => web::javascript(INBOX_SCRIPT),
        "/shop/thanks" if get => thanks(shop, request),
        "/shop/notify" if !get => receive(shop, wechat.next_id(), request, moment.now_ms),
        "/shop/inbox/acknowledge" if !get => {
            let on = web::parameter(request.body(), "on").as_deref() == Some("1");
            shop.config.acknowledge = on;
            web::redirect(StatusCode::SEE_OTHER, "/shop/inbox")
        }
        "/shop/checkout" | "/shop/link" | "/shop/inbox/checksign" if !get => trouble(
            "The shop is not connected",
            "Connect it to a gateway with POST /sandbox/shop, or choose something that is sold.",
        ),
        "/shop/checkout"
        | "/shop/link"
        | "/shop/inbox/acknowledge"
        | "/shop/inbox/checksign"
        | "/shop/notify" => web::method_not_allowed("POST"),
        _ => web::not_found(),
    }
}

/// The call to the gateway that a request needs.
pub(crate) fn call(
    shop: &Shop,
    public_url: &str,
    request: &Request,
    moment: &mut Moment<'_>,
) -> Option<(Request, AfterCall)> {
    if request.method() != Method::POST {
        return None;
    }
    let config = &shop.config;
    if !config.is_connected() {
        return None;
    }
    let field = |name| web::parameter(request.body(), name).unwrap_or_default();
    match request.uri().path() {
        "/shop/checkout" => {
            let product = field("product").parse::<usize>().ok()?;
            let (name, _, price, _) = PRODUCTS.get(product)?;
            let lines = LINES.get(product)?.iter().map(|(name, quantity, unit)| {
                json!({"name": name, "quantity": quantity, "unit_amount": unit})
            });
            let number = format!("tea{}{}", china(moment.now_ms), moment.digits(6));
            let body = json!({
                "out_trade_no": number,
                "body": name,
                "total_fee": price,
                "lines": lines.collect::<Vec<Value>>(),
                "fee_type": config.currency.code(),
                "notify_url": format!("{public_url}/shop/notify"),
                "success_url": format!("{public_url}/shop/thanks?no={number}"),
                "cancel_url": format!("{public_url}/shop/"),
            });
            let request = http::Request::post(format!("{}/v1/checkout", config.api_base))
                .header("content-type", "application/json")
                .header("api-key", &config.api_key)
                .body(body.to_string().into_bytes())
                .ok()?;
            Some((request, AfterCall::GoToCheckout))
        }
        "/shop/link" => {
            let body = json!({
                "body": "At the counter",
                "max_fee": 100_000,
                "fee_type": config.currency.code(),
                "notify_url": format!("{public_url}/shop/notify"),
            });
            let request = http::Request::post(format!("{}/v1/link", config.api_base))
                .header("content-type", "application/json")
                .header("api-key", &config.api_key)
                .body(body.to_string().into_bytes())
                .ok()?;
            Some((request, AfterCall::KeepLink))
        }
        "/shop/inbox/checksign" => {
            let delivery = shop.deliveries.get(&field("id"))?;
            let request = http::Request::post(format!("{}/v1/checksign", config.api_base))
                .header("content-type", "application/xml")
                .header("api-key", &config.api_key)
                .header("api-secret", &config.api_secret)
                .body(delivery.body.clone().into_bytes())
                .ok()?;
            Some((
                request,
                AfterCall::NoteVerdict {
                    id: delivery.id.clone(),
                    sign: delivery.field("sign").unwrap_or_default(),
                },
            ))
        }
        _ => None,
    }
}

/// Uses the gateway's answer.
pub(crate) fn called(shop: &mut Shop, then: &AfterCall, outcome: &CallOutcome) -> Answer {
    let data = read_answer(outcome);
    match then {
        AfterCall::GoToCheckout => match data.and_then(|data| url_in(&data)) {
            Ok(url) => web::redirect(StatusCode::SEE_OTHER, &url),
            Err(why) => trouble("The gateway made no checkout", &why),
        },
        AfterCall::KeepLink => match data.and_then(|data| url_in(&data)) {
            Ok(url) => {
                shop.config.link = url;
                web::redirect(StatusCode::SEE_OTHER, "/shop/#link")
            }
            Err(why) => trouble("The gateway made no link", &why),
        },
        AfterCall::NoteVerdict { id, sign } => {
            let verdict = match data {
                Ok(data) => {
                    let computed = data.get("sign").and_then(Value::as_str);
                    let good = computed == Some(sign.as_str());
                    Verdict {
                        good,
                        words: if good {
                            "The signature is right.".into()
                        } else {
                            "The signature is wrong.".into()
                        },
                    }
                }
                Err(words) => Verdict { good: false, words },
            };
            if let Some(delivery) = shop.deliveries.get_mut(id) {
                delivery.verdict = Some(verdict);
            }
            web::redirect(StatusCode::SEE_OTHER, "/shop/inbox")
        }
    }
}

fn url_in(data: &Value) -> Result<String, String> {
    let url = data.get("url").and_then(Value::as_str);
    url.map(str::to_owned)
        .ok_or_else(|| "The gateway's answer has no data.url.".to_owned())
}

/// The `data` of the gateway's successful answer, or one sentence about the
/// error.
fn read_answer(outcome: &CallOutcome) -> Result<Value, String> {
    let answer = outcome
        .as_ref()
        .map_err(|why| format!("The gateway cannot be reached: {why}"))?;
    let status = answer.status();
    let json: Value = serde_json::from_slice(answer.body())
        .map_err(|_| format!("The gateway answered {status}, and not with JSON."))?;
    if status.is_success() && json.get("status").and_then(Value::as_str) == Some("success") {
        return Ok(json.get("data").cloned().unwrap_or_default());
    }
    let text = |name| json.get(name).and_then(Value::as_str).unwrap_or_default();
    Err(format!(
        "The gateway answered {status} {}: {}",
        text("code"),
        text("message")
    ))
}

/// `POST /shop/notify`.
fn receive(shop: &mut Shop, id: String, request: &Request, now_ms: i64) -> Answer {
    let acknowledged = shop.config.acknowledge;
    let delivery = Delivery {
        id: id.clone(),
        received_ms: now_ms,
        body: String::from_utf8_lossy(request.body()).into_owned(),
        acknowledged,
        verdict: None,
    };
    shop.deliveries.insert(&id, delivery);
    shop.deliveries.keep_newest(MAX_DELIVERIES);
    if acknowledged {
        web::xml(ACK_OK)
    } else {
        web::xml(ack_fail("the shop was told not to acknowledge"))
    }
}

fn shop_page(shop: &Shop, title: &str, main: &str) -> Answer {
    let name = &shop.config.name;
    page(
        StatusCode::OK,
        &format!("{title} · {name}"),
        "shop",
        &format!(
            "<header><p class=\"mark\"><a href=\"/shop/\">{}</a></p>\
             <nav><a href=\"/shop/inbox\">Delivery inbox</a></nav></header>\n<main>{main}</main>",
            escape(name)
        ),
    )
}

fn front(shop: &Shop) -> Answer {
    let config = &shop.config;
    let mut items = String::new();
    for (index, (name, words, price, picture)) in PRODUCTS.iter().enumerate() {
        let price = Money::new(*price, config.currency)
            .map(amount_text)
            .unwrap_or_default();
        // Writing to a String does not fail.
        let _ = writeln!(
            items,
            "<li>{picture}<h2>{}</h2><p>{}</p>\
             <form method=\"post\" action=\"/shop/checkout\">\
             <input type=\"hidden\" name=\"product\" value=\"{index}\">\
             <b>{price}</b><button>Checkout</button></form></li>",
            escape(name),
            escape(words)
        );
    }
    let note = if config.is_connected() {
        ""
    } else {
        "<p class=\"banner\" role=\"status\">Not connected to a gateway yet: \
         <code>POST /sandbox/shop {\"api_base\", \"api_key\", \"api_secret\"}</code></p>"
    };
    let (link, policy) = link_section(config);
    let mut page = shop_page(
        shop,
        "Tea",
        &format!("{note}<h1>Tea and teaware</h1>\n<ul class=\"products\">{items}</ul>\n{link}"),
    );
    if let Some(policy) = policy.and_then(|policy| policy.parse().ok()) {
        page.headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    page
}

/// The shop's payment link in each form that a page can contain, and the policy
/// that allows the gateway's script, picture and answers.
fn link_section(config: &Config) -> (String, Option<String>) {
    let Ok(url) = Url::parse(&config.link) else {
        let section = "<section id=\"link\"><h2>Pay at the counter</h2>\
            <p>A payment link of the gateway, as a button, a plain link and a code.</p>\
            <form method=\"post\" action=\"/shop/link\"><button>Make a payment link</button></form>\
            </section>";
        return (section.to_owned(), None);
    };
    let gateway = url.origin().ascii_serialization();
    let picture = |name: &str| config.link.replace("/pay/?", &format!("/pay/{name}?"));
    let section = format!(
        "<section id=\"link\"><h2>Pay at the counter</h2>\
         <p><weceive-pay link=\"{link}\"><a href=\"{link}\">Pay with WeChat</a></weceive-pay></p>\
         <p>Without a script: <a href=\"{link}\">Pay any amount</a>, the code below, \
         or <a href=\"{sheet}\">a sheet to print</a>.</p>\
         <p><img src=\"{code}\" width=\"200\" height=\"200\" alt=\"Code of the payment link\"></p>\
         <script src=\"{gateway}/weceive-pay.js\" async></script></section>",
        link = escape(&config.link),
        sheet = escape(&picture("sheet")),
        code = escape(&picture("qr")),
    );
    let mut policy = web::PAGE_POLICY.to_owned();
    for allowed in ["script-src 'self'", "img-src 'self'", "connect-src 'self'"] {
        policy = policy.replace(allowed, &format!("{allowed} {gateway}"));
    }
    (section, Some(policy))
}

fn inbox(shop: &Shop) -> Answer {
    let config = &shop.config;
    let mut items = String::new();
    for delivery in shop.deliveries.values().rev().take(50) {
        // The gateway repeats a delivery byte for byte.
        let attempt = shop.deliveries.values().filter(|earlier| {
            earlier.body == delivery.body && earlier.received_ms <= delivery.received_ms
        });
        let attempt = attempt.count();
        let verdict = match &delivery.verdict {
            Some(verdict) => format!(
                "<span class=\"{}\">{}</span>",
                if verdict.good { "good" } else { "bad" },
                escape(&verdict.words)
            ),
            None => format!(
                "<form method=\"post\" action=\"/shop/inbox/checksign\" data-checksign>\
                 <input type=\"hidden\" name=\"id\" value=\"{}\">\
                 <button class=\"quiet\">Check the signature</button></form>",
                escape(&delivery.id)
            ),
        };
        let _ = writeln!(
            items,
            "<li data-delivery=\"{0}\"><p class=\"event\"><b>{event} {amount}</b>\
             <span>{1}</span></p><div><span>{2}</span><span>Attempt {attempt}</span>\
             <span>{3}</span>{verdict}</div>\
             <details><summary>What was sent</summary><pre><code>{4}</code></pre></details></li>",
            escape(&delivery.id),
            escape(&delivery.field("out_trade_no").unwrap_or_default()),
            china_readable(delivery.received_ms),
            if delivery.acknowledged {
                "acknowledged"
            } else {
                "not acknowledged"
            },
            escape(&pretty_xml(&delivery.body)),
            event = delivery.event(),
            amount = escape(&delivery.amount().unwrap_or_default()),
        );
    }
    if items.is_empty() {
        items.push_str("<li class=\"empty\">No deliveries yet.</li>");
    }
    let (words, other, label) = if config.acknowledge {
        ("Deliveries are acknowledged.", "0", "Stop acknowledging")
    } else {
        (
            "Deliveries are not acknowledged: the gateway sends them again on its schedule.",
            "1",
            "Acknowledge again",
        )
    };
    shop_page(
        shop,
        "Delivery inbox",
        &format!(
            "<h1>Delivery inbox</h1><p>What the gateway told the shop's server, newest first. Times are China's.</p>\
             <form method=\"post\" action=\"/shop/inbox/acknowledge\" class=\"switch\">\
             <input type=\"hidden\" name=\"on\" value=\"{other}\"><span>{words}</span>\
             <button class=\"quiet\">{label}</button></form>\n<ul class=\"inbox\">{items}</ul>\
             <script src=\"/shop/inbox.js\"></script>"
        ),
    )
}

/// The page to which the payer returns. Its request proves no payment: the shop
/// checks for the gateway's delivery.
fn thanks(shop: &Shop, request: &Request) -> Answer {
    let number = web::query(request, "no").unwrap_or_default();
    let paid = shop
        .deliveries
        .values()
        .any(|delivery| delivery.reports_payment_of(&number));
    let main = if paid {
        format!(
            "<div class=\"notice\"><p class=\"sign good\" aria-hidden=\"true\">✓</p>\
             <h1>Thank you</h1><p>Order <code>{}</code> is paid. We are putting the kettle on.</p>\
             <p><a href=\"/shop/\">Back to the shop</a></p></div>",
            escape(&number)
        )
    } else {
        format!(
            "<div class=\"notice\" data-awaits=\"{0}\"><p class=\"sign\" aria-hidden=\"true\">…</p>\
             <h1>One moment</h1><p>We have not been told yet that order <code>{0}</code> is paid.</p>\
             <p><a href=\"/shop/thanks?no={0}\">Look again</a></p></div>\
             <script src=\"/shop/inbox.js\"></script>",
            escape(&number)
        )
    };
    shop_page(shop, "Thank you", &main)
}

fn trouble(title: &str, message: &str) -> Answer {
    page(
        StatusCode::BAD_GATEWAY,
        title,
        "narrow",
        &format!(
            "<main class=\"notice warn\"><p class=\"sign\" aria-hidden=\"true\">!</p>\
             <h1>{}</h1><p>{}</p><p><a href=\"/shop/\">Back to the shop</a></p></main>",
            escape(title),
            escape(message)
        ),
    )
}

/// `2026-11-21 13:03:03`, China time.
fn china_readable(unix_ms: i64) -> String {
    let digits = china(unix_ms);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{} {}:{}:{}",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(8, 10),
        part(10, 12),
        part(12, 14)
    )
}

/// One field per line; a body that is not XML is shown unchanged.
fn pretty_xml(body: &str) -> String {
    let Ok(fields) = Fields::parse(body.as_bytes()) else {
        return body.to_owned();
    };
    let mut pretty = String::from("<xml>\n");
    for (name, value) in fields.iter() {
        let _ = writeln!(pretty, "  <{name}>{value}</{name}>");
    }
    pretty.push_str("</xml>");
    pretty
}
