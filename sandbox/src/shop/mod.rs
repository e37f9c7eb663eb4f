//! The demo shop: a merchant's own site with its own server, as a client of a
//! gateway. It sells tea, creates checkouts at the gateway, and treats an order
//! as paid only after the gateway's delivery.
//!
//! Its server calls the gateway to create a checkout or a link, and to check
//! the signature of a delivery. [`call`] builds the request, the adapter sends
//! it, and [`called`] uses the answer.

use crate::input::{BadInput, Input};
use crate::language::Language;
use crate::moment::Moment;
use crate::page::page_in;
use crate::table::{Change, Table};
use crate::web::{self, Answer, CallOutcome, Request, escape};
use crate::wechat::orders::amount_in;
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

/// A product of the shop: name and description in each language, price in the
/// currency's smallest unit, picture.
struct Product {
    name: [&'static str; 3],
    description: [&'static str; 3],
    price: i64,
    picture: &'static str,
    /// Its lines in the checkout: name and price of one.
    lines: &'static [([&'static str; 3], i64)],
}

const PRODUCTS: [Product; 3] = [
    Product {
        name: ["Jasmine pearls, 50 g", "茉莉龙珠 50 克", "茉莉龍珠 50 克"],
        description: [
            "Green tea, hand-rolled and scented six nights long.",
            "手工揉制的绿茶，六次窨花。",
            "手工揉製的綠茶，六次窨花。",
        ],
        price: 4_800,
        picture: include_str!("leaf.svg"),
        lines: &[(
            ["Jasmine pearls, 50 g", "茉莉龙珠 50 克", "茉莉龍珠 50 克"],
            4_800,
        )],
    },
    Product {
        name: ["Gaiwan, celadon", "青瓷盖碗", "青瓷蓋碗"],
        description: [
            "Lid, bowl and saucer. The glaze crackles as it ages.",
            "盖、碗、托三件，釉面久用开片。",
            "蓋、碗、托三件，釉面久用開片。",
        ],
        price: 16_800,
        picture: include_str!("gaiwan.svg"),
        lines: &[
            (
                ["Gaiwan, celadon: bowl", "青瓷盖碗：碗", "青瓷蓋碗：碗"],
                9_800,
            ),
            (
                ["Gaiwan, celadon: lid", "青瓷盖碗：盖", "青瓷蓋碗：蓋"],
                4_000,
            ),
            (
                ["Gaiwan, celadon: saucer", "青瓷盖碗：托", "青瓷蓋碗：托"],
                3_000,
            ),
        ],
    },
    Product {
        name: ["One cup, here and now", "现泡一杯茶", "現泡一杯茶"],
        description: [
            "Today's tea. For those who only want to try the checkout.",
            "今日茶品，适合只想试试支付的客人。",
            "今日茶品，適合只想試試付款的客人。",
        ],
        price: 1_200,
        picture: include_str!("cup.svg"),
        lines: &[(["One cup, here and now", "现泡一杯茶", "現泡一杯茶"], 1_200)],
    },
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
    /// Why there is no result, in the gateway's words.
    words: String,
}

impl Verdict {
    fn text(&self, language: Language) -> &str {
        match (self.good, self.words.as_str()) {
            (true, _) => language.of_three(["The signature is right.", "签名正确", "簽名正確"]),
            (false, "") => language.of_three(["The signature is wrong.", "签名错误", "簽名錯誤"]),
            (false, words) => words,
        }
    }
}

impl Delivery {
    fn field(&self, name: &str) -> Option<String> {
        let fields = Fields::parse(self.body.as_bytes()).ok()?;
        fields.get_nonempty(name).map(str::to_owned)
    }

    /// What the delivery reports.
    fn event(&self, language: Language) -> &'static str {
        let texts = match self.field("result_code").as_deref() {
            Some("SUCCESS") => ["Paid", "已支付", "已付款"],
            Some(_) => ["Payment failed", "支付失败", "付款失敗"],
            // WeChat's notice about a refund is encrypted with the merchant's
            // key at WeChat, which the shop's server does not have here.
            None if self.field("req_info").is_some() => ["Refund", "退款", "退款"],
            None => ["Unknown", "未知", "未知"],
        };
        language.of_three(texts)
    }

    fn amount(&self, language: Language) -> Option<String> {
        let currency = match self.field("fee_type") {
            Some(code) => Currency::from_code(&code)?,
            None => Currency::Cny,
        };
        let minor = self.field("total_fee")?.parse().ok()?;
        let money = Money::new(minor, currency).ok()?;
        Some(amount_in(money, language))
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
    GoToCheckout(Language),
    KeepLink(Language),
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
    let language = Language::of(request);
    match request.uri().path() {
        "/shop" => web::redirect(StatusCode::FOUND, "/shop/"),
        "/shop/" if get => front(shop, language),
        "/shop/inbox" if get => inbox(shop, language),
        "/shop/inbox.js" if get => web::javascript(INBOX_SCRIPT),
        "/shop/thanks" if get => thanks(shop, request, language),
        "/shop/notify" if !get => receive(shop, wechat.next_id(), request, moment.now_ms),
        "/shop/inbox/acknowledge" if !get => {
            let on = web::parameter(request.body(), "on").as_deref() == Some("1");
            shop.config.acknowledge = on;
            web::redirect(StatusCode::SEE_OTHER, "/shop/inbox")
        }
        "/shop/checkout" | "/shop/link" | "/shop/inbox/checksign" if !get => trouble(
            language,
            ["The shop is not connected", "商店尚未连接", "商店尚未連接"],
            language.of_three([
                "Connect it to a gateway with POST /sandbox/shop, or choose something that is sold.",
                "请用 POST /sandbox/shop 连接网关，或选择在售的商品。",
                "請用 POST /sandbox/shop 連接閘道，或選擇在售的商品。",
            ]),
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
    let language = Language::of(request);
    match request.uri().path() {
        "/shop/checkout" => {
            let product = PRODUCTS.get(field("product").parse::<usize>().ok()?)?;
            let lines = product.lines.iter().map(|(name, unit)| {
                json!({"name": language.of_three(*name), "quantity": 1, "unit_amount": unit})
            });
            let number = format!("tea{}{}", china(moment.now_ms), moment.digits(6));
            let body = json!({
                "out_trade_no": number,
                "body": language.of_three(product.name),
                "total_fee": product.price,
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
            Some((request, AfterCall::GoToCheckout(language)))
        }
        "/shop/link" => {
            let body = json!({
                "body": language.of_three(["At the counter", "柜台收款", "櫃檯收款"]),
                "max_fee": 100_000,
                "fee_type": config.currency.code(),
                "notify_url": format!("{public_url}/shop/notify"),
            });
            let request = http::Request::post(format!("{}/v1/link", config.api_base))
                .header("content-type", "application/json")
                .header("api-key", &config.api_key)
                .body(body.to_string().into_bytes())
                .ok()?;
            Some((request, AfterCall::KeepLink(language)))
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
        AfterCall::GoToCheckout(language) => match data.and_then(|data| url_in(&data)) {
            Ok(url) => web::redirect(StatusCode::SEE_OTHER, &url),
            Err(why) => {
                let title = [
                    "The gateway made no checkout",
                    "网关未创建订单",
                    "閘道未建立訂單",
                ];
                trouble(*language, title, &why)
            }
        },
        AfterCall::KeepLink(language) => match data.and_then(|data| url_in(&data)) {
            Ok(url) => {
                shop.config.link = url;
                web::redirect(StatusCode::SEE_OTHER, "/shop/#link")
            }
            Err(why) => {
                let title = [
                    "The gateway made no link",
                    "网关未创建链接",
                    "閘道未建立連結",
                ];
                trouble(*language, title, &why)
            }
        },
        AfterCall::NoteVerdict { id, sign } => {
            let verdict = match data {
                Ok(data) => {
                    let computed = data.get("sign").and_then(Value::as_str);
                    let good = computed == Some(sign.as_str());
                    Verdict {
                        good,
                        words: String::new(),
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

fn shop_page(shop: &Shop, language: Language, title: [&str; 3], main: &str) -> Answer {
    let name = &shop.config.name;
    page_in(
        language,
        StatusCode::OK,
        &format!("{} · {name}", language.of_three(title)),
        "shop",
        &format!(
            "<header><p class=\"mark\"><a href=\"/shop/\">{}</a></p>\
             <nav><a href=\"/shop/inbox\">{}</a></nav></header>\n<main>{main}</main>",
            escape(name),
            language.of_three(INBOX)
        ),
    )
}

const INBOX: [&str; 3] = ["Delivery inbox", "通知收件箱", "通知收件匣"];
const BACK: [&str; 3] = ["Back to the shop", "返回商店", "返回商店"];

fn front(shop: &Shop, language: Language) -> Answer {
    let config = &shop.config;
    let mut items = String::new();
    let checkout = language.of_three(["Checkout", "去支付", "前往付款"]);
    for (index, product) in PRODUCTS.iter().enumerate() {
        let price = Money::new(product.price, config.currency)
            .map(|price| amount_in(price, language))
            .unwrap_or_default();
        // Writing to a String does not fail.
        let _ = writeln!(
            items,
            "<li>{picture}<h2>{}</h2><p>{}</p>\
             <form method=\"post\" action=\"/shop/checkout\">\
             <input type=\"hidden\" name=\"product\" value=\"{index}\">\
             <b>{price}</b><button>{checkout}</button></form></li>",
            escape(language.of_three(product.name)),
            escape(language.of_three(product.description)),
            picture = product.picture,
        );
    }
    let note = match config.is_connected() {
        true => String::new(),
        false => format!(
            "<p class=\"banner\" role=\"status\">{} \
             <code>POST /sandbox/shop {{\"api_base\", \"api_key\", \"api_secret\"}}</code></p>",
            language.of_three([
                "Not connected to a gateway yet:",
                "尚未连接网关：",
                "尚未連接閘道：",
            ])
        ),
    };
    let (link, policy) = link_section(config, language);
    let heading = language.of_three(["Tea and teaware", "茶与茶具", "茶與茶具"]);
    let mut page = shop_page(
        shop,
        language,
        ["Tea", "茶", "茶"],
        &format!("{note}<h1>{heading}</h1>\n<ul class=\"products\">{items}</ul>\n{link}"),
    );
    if let Some(policy) = policy.and_then(|policy| policy.parse().ok()) {
        page.headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    page
}

/// The shop's payment link in each form that a page can contain, and the policy
/// that allows the gateway's script, picture and answers.
fn link_section(config: &Config, language: Language) -> (String, Option<String>) {
    let heading = language.of_three(["Pay at the counter", "柜台付款", "櫃檯付款"]);
    let Ok(url) = Url::parse(&config.link) else {
        let [about, make] = match language {
            Language::En => [
                "A payment link of the gateway, as a button, a plain link and a code.",
                "Make a payment link",
            ],
            Language::ZhCn => ["网关的收款链接：按钮、链接和二维码。", "创建收款链接"],
            Language::ZhTw => ["閘道的收款連結：按鈕、連結和二維碼。", "建立收款連結"],
        };
        let section = format!(
            "<section id=\"link\"><h2>{heading}</h2><p>{about}</p>\
             <form method=\"post\" action=\"/shop/link\"><button>{make}</button></form></section>"
        );
        return (section, None);
    };
    let gateway = url.origin().ascii_serialization();
    let picture = |name: &str| config.link.replace("/pay/?", &format!("/pay/{name}?"));
    let [pay, without, any, below, sheet_of, alt] = match language {
        Language::En => [
            "Pay with WeChat",
            "Without a script:",
            "Pay any amount",
            ", the code below, or ",
            "a sheet to print",
            "Code of the payment link",
        ],
        Language::ZhCn => [
            "微信支付",
            "不用脚本：",
            "支付任意金额",
            "、下方二维码，或",
            "可打印的台卡",
            "收款链接的二维码",
        ],
        Language::ZhTw => [
            "微信支付",
            "不用腳本：",
            "支付任意金額",
            "、下方二維碼，或",
            "可列印的檯卡",
            "收款連結的二維碼",
        ],
    };
    let space = language.of_three([" ", "", ""]);
    let end = language.of_three([".", "。", "。"]);
    let section = format!(
        "<section id=\"link\"><h2>{heading}</h2>\
         <p><weceive-pay link=\"{link}\"><a href=\"{link}\">{pay}</a></weceive-pay></p>\
         <p>{without}{space}<a href=\"{link}\">{any}</a>{below}\
         <a href=\"{sheet}\">{sheet_of}</a>{end}</p>\
         <p><img src=\"{code}\" width=\"200\" height=\"200\" alt=\"{alt}\"></p>\
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

/// The texts of the inbox.
struct InboxWords {
    about: &'static str,
    attempt: &'static str,
    acknowledged: &'static str,
    not_acknowledged: &'static str,
    check: &'static str,
    sent: &'static str,
    empty: &'static str,
    are_acknowledged: &'static str,
    are_not: &'static str,
    stop: &'static str,
    again: &'static str,
}

const fn inbox_words(language: Language) -> InboxWords {
    match language {
        Language::En => InboxWords {
            about: "What the gateway told the shop's server, newest first. Times are China's.",
            attempt: "Attempt {a}",
            acknowledged: "acknowledged",
            not_acknowledged: "not acknowledged",
            check: "Check the signature",
            sent: "What was sent",
            empty: "No deliveries yet.",
            are_acknowledged: "Deliveries are acknowledged.",
            are_not: "Deliveries are not acknowledged: the gateway sends them again on its schedule.",
            stop: "Stop acknowledging",
            again: "Acknowledge again",
        },
        Language::ZhCn => InboxWords {
            about: "网关发给商店服务器的通知，最新的在前，时间为北京时间。",
            attempt: "第 {a} 次",
            acknowledged: "已确认",
            not_acknowledged: "未确认",
            check: "验证签名",
            sent: "通知原文",
            empty: "暂无通知。",
            are_acknowledged: "收到的通知会确认。",
            are_not: "收到的通知不确认：网关会按计划重发。",
            stop: "停止确认",
            again: "恢复确认",
        },
        Language::ZhTw => InboxWords {
            about: "閘道傳送給商店伺服器的通知，最新的在前，時間為北京時間。",
            attempt: "第 {a} 次",
            acknowledged: "已確認",
            not_acknowledged: "未確認",
            check: "驗證簽名",
            sent: "通知原文",
            empty: "暫無通知。",
            are_acknowledged: "收到的通知會確認。",
            are_not: "收到的通知不確認：閘道會按計劃重發。",
            stop: "停止確認",
            again: "恢復確認",
        },
    }
}

fn inbox(shop: &Shop, language: Language) -> Answer {
    let config = &shop.config;
    let words = inbox_words(language);
    let mut items = String::new();
    for delivery in shop.deliveries.values().rev().take(50) {
        // The gateway repeats a delivery byte for byte.
        let attempt = shop.deliveries.values().filter(|earlier| {
            earlier.body == delivery.body && earlier.received_ms <= delivery.received_ms
        });
        let attempt = words.attempt.replace("{a}", &attempt.count().to_string());
        let verdict = match &delivery.verdict {
            Some(verdict) => format!(
                "<span class=\"{}\">{}</span>",
                if verdict.good { "good" } else { "bad" },
                escape(verdict.text(language))
            ),
            None => format!(
                "<form method=\"post\" action=\"/shop/inbox/checksign\" data-checksign>\
                 <input type=\"hidden\" name=\"id\" value=\"{}\">\
                 <button class=\"quiet\">{}</button></form>",
                escape(&delivery.id),
                words.check
            ),
        };
        let _ = writeln!(
            items,
            "<li data-delivery=\"{0}\"><p class=\"event\"><b>{event} {amount}</b>\
             <span>{1}</span></p><div><span>{2}</span><span>{attempt}</span>\
             <span>{3}</span>{verdict}</div>\
             <details><summary>{sent}</summary><pre><code>{4}</code></pre></details></li>",
            escape(&delivery.id),
            escape(&delivery.field("out_trade_no").unwrap_or_default()),
            china_readable(delivery.received_ms),
            if delivery.acknowledged {
                words.acknowledged
            } else {
                words.not_acknowledged
            },
            escape(&pretty_xml(&delivery.body)),
            event = delivery.event(language),
            amount = escape(&delivery.amount(language).unwrap_or_default()),
            sent = words.sent,
        );
    }
    if items.is_empty() {
        items = format!("<li class=\"empty\">{}</li>", words.empty);
    }
    let (state, other, label) = if config.acknowledge {
        (words.are_acknowledged, "0", words.stop)
    } else {
        (words.are_not, "1", words.again)
    };
    shop_page(
        shop,
        language,
        INBOX,
        &format!(
            "<h1>{}</h1><p>{}</p>\
             <form method=\"post\" action=\"/shop/inbox/acknowledge\" class=\"switch\">\
             <input type=\"hidden\" name=\"on\" value=\"{other}\"><span>{state}</span>\
             <button class=\"quiet\">{label}</button></form>\n<ul class=\"inbox\">{items}</ul>\
             <script src=\"/shop/inbox.js\"></script>",
            language.of_three(INBOX),
            words.about
        ),
    )
}

/// The page to which the payer returns. Its request proves no payment: the shop
/// checks for the gateway's delivery.
fn thanks(shop: &Shop, request: &Request, language: Language) -> Answer {
    let number = web::query(request, "no").unwrap_or_default();
    let paid = shop
        .deliveries
        .values()
        .any(|delivery| delivery.reports_payment_of(&number));
    let number = escape(&number);
    let [thanks, is_paid, moment, not_yet, again] = match language {
        Language::En => [
            "Thank you",
            "Order <code>{a}</code> is paid. We are putting the kettle on.",
            "One moment",
            "We have not been told yet that order <code>{a}</code> is paid.",
            "Look again",
        ],
        Language::ZhCn => [
            "谢谢惠顾",
            "订单 <code>{a}</code> 已支付，正在备茶。",
            "请稍候",
            "尚未收到订单 <code>{a}</code> 的支付通知。",
            "再次查看",
        ],
        Language::ZhTw => [
            "多謝惠顧",
            "訂單 <code>{a}</code> 已付款，正在備茶。",
            "請稍候",
            "尚未收到訂單 <code>{a}</code> 的付款通知。",
            "再次查看",
        ],
    };
    let main = if paid {
        format!(
            "<div class=\"notice\"><p class=\"sign good\" aria-hidden=\"true\">✓</p>\
             <h1>{thanks}</h1><p>{}</p><p><a href=\"/shop/\">{}</a></p></div>",
            is_paid.replace("{a}", &number),
            language.of_three(BACK)
        )
    } else {
        format!(
            "<div class=\"notice\" data-awaits=\"{number}\"><p class=\"sign\" aria-hidden=\"true\">…</p>\
             <h1>{moment}</h1><p>{}</p>\
             <p><a href=\"/shop/thanks?no={number}\">{again}</a></p></div>\
             <script src=\"/shop/inbox.js\"></script>",
            not_yet.replace("{a}", &number)
        )
    };
    shop_page(shop, language, ["Thank you", "谢谢惠顾", "多謝惠顧"], &main)
}

fn trouble(language: Language, title: [&str; 3], message: &str) -> Answer {
    let title = language.of_three(title);
    page_in(
        language,
        StatusCode::BAD_GATEWAY,
        title,
        "narrow",
        &format!(
            "<main class=\"notice warn\"><p class=\"sign\" aria-hidden=\"true\">!</p>\
             <h1>{}</h1><p>{}</p><p><a href=\"/shop/\">{}</a></p></main>",
            escape(title),
            escape(message),
            language.of_three(BACK)
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
