//! Control calls for testers, below `/sandbox/`: JSON in, JSON out. What is
//! wrong with an input is answered with the field's name.

mod by_hand;
mod merchants;
mod refunds;

use crate::input::{BadInput, Input};
use crate::moment::Moment;
use crate::web::{self, Answer, Request};
use crate::wechat::faults::{FailNext, Faults, Lie, LieNext, Teller};
use crate::wechat::invoke::{self, Action};
use crate::wechat::oauth;
use crate::wechat::orders;
use crate::wechat::paycodes::{self, Behaviour};
use crate::wechat::payers::Payer;
use crate::wechat::{ionline, product, v2, v3};
use crate::{Sandbox, pages, shop};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// The clock goes forward by at most a year at a time: an order cannot be
/// older than a year and be of any use.
const MAX_ADVANCE_SECONDS: i64 = 366 * 24 * 60 * 60;

/// Said whenever the sandbox's clock is moved.
const CLOCKS_DIFFER: &str = "A gateway beside this sandbox keeps the real time: while the clocks \
    differ, its new orders are refused for their time_expire. \
    POST /sandbox/time {\"ahead_seconds\": 0} returns to the real time.";

/// What the index of control calls says (`GET /sandbox/`).
pub(crate) const HELP: [(&str, &str, &str); 25] = [
    (
        "GET",
        "/sandbox/merchants",
        "every merchant with its appid, mch_id, key, app_secret, each payer's openid, and in v3 all that an APIv3 client is configured with",
    ),
    (
        "POST",
        "/sandbox/merchants",
        "make one: {name?, appid?, mch_id?, key?, app_secret?, mini_program?: {appid, app_secret?}, fee_type?, sign_type?, trade_types?, jsapi_directories?, sub_merchants?, native_callback_url?, apiv3_key?, certificate? or public_key? with serial_no?, public_key_percent?, ionline?: {mid, key}, strict?: true|false}",
    ),
    (
        "POST",
        "/sandbox/merchants/{mch_id}",
        "change one: {name?, key?, app_secret?, fee_type?, sign_type?, trade_types?, jsapi_directories?, native_callback_url?, apiv3_key?, certificate? or public_key? with serial_no?, rotate_platform_certificate?, public_key_percent?, ionline?: {mid, key}, funds?: {HKD: 0, …}, strict?: true|false}",
    ),
    (
        "GET",
        "/sandbox/orders",
        "orders, newest first: ?mch_id= &trade_type= &trade_state= &payer= &payable=1 &limit=",
    ),
    (
        "GET",
        "/sandbox/orders/{mch_id}/{out_trade_no}",
        "one order: ?sub_mch_id=",
    ),
    (
        "POST",
        "/sandbox/orders/{mch_id}/{out_trade_no}",
        "what a person does on the merchant platform: {by_hand: refund|revoke|close, sub_mch_id?, refund_fee?, out_refund_no?, notify_url?}",
    ),
    (
        "GET",
        "/sandbox/refunds",
        "refunds, newest first: ?mch_id= &out_trade_no=",
    ),
    (
        "GET",
        "/sandbox/refunds/{mch_id}/{out_refund_no}",
        "one refund: ?sub_mch_id=",
    ),
    (
        "POST",
        "/sandbox/refunds/{mch_id}/{out_refund_no}",
        "end one that is under way: {status: SUCCESS|REFUNDCLOSE|CHANGE, sub_mch_id?}",
    ),
    (
        "GET",
        "/sandbox/notices",
        "every notice with its attempts and their answers: ?mch_id= &out_trade_no=",
    ),
    (
        "POST",
        "/sandbox/scan",
        "a payer scans an order's, a product's or a short URL: {code_url, payer, action?: pay|cancel|fail}; without action, what the sheet shows",
    ),
    (
        "POST",
        "/sandbox/bridge",
        "a page calls WeixinJSBridge, or a Mini Program wx.requestPayment with its own appId: {payer, package: {appId, timeStamp, nonceStr, package, signType, paySign}, page_url?, action?}",
    ),
    (
        "POST",
        "/sandbox/app",
        "a mobile app hands a payment to WeChat's SDK: {payer, package: {appid, partnerid, prepayid, package, noncestr, timestamp, sign}, action?}; errCode 0, -1 or -2",
    ),
    (
        "POST",
        "/sandbox/login",
        "a Mini Program calls wx.login: {payer, appid}; then {code}",
    ),
    (
        "POST",
        "/sandbox/paycode",
        "a payer's Quick Pay code: {payer, behaviour?: pays|password|expired|used|insufficient|unsupported_card|silent|bank_error}",
    ),
    (
        "POST",
        "/sandbox/pay",
        "pay any order with no client, or answer for the password: {mch_id, out_trade_no, sub_mch_id?, payer, action?}",
    ),
    ("GET", "/sandbox/time", "the sandbox's clock"),
    (
        "POST",
        "/sandbox/time",
        "move it forward: {advance_seconds}; back to the real time: {ahead_seconds: 0}",
    ),
    (
        "GET",
        "/sandbox/faults",
        "the misbehaviour that is switched on",
    ),
    (
        "POST",
        "/sandbox/faults",
        "switch it: {hold_notices?, duplicate_notices?, delay_notices_seconds?, close_after_seconds?, require_certificate?, fail_next?: {path, code, times?}, lie_next?: {lie, on: answer|notice, times?}}; {} switches all off",
    ),
    (
        "GET",
        "/sandbox/reports",
        "the speed reports that merchants sent, newest first",
    ),
    ("GET", "/sandbox/shop", "how the demo shop is connected"),
    (
        "POST",
        "/sandbox/shop",
        "connect it to a gateway: {api_base, api_key, api_secret, currency?, name?, acknowledge?}",
    ),
    ("GET", "/sandbox/deliveries", "what the demo shop received"),
    (
        "POST",
        "/sandbox/reset",
        "forget every order, refund, notice and merchant made here",
    ),
];

/// Answers a path below `/sandbox`; a slash at its end makes no difference.
pub(crate) fn handle(
    sandbox: &mut Sandbox,
    path: &str,
    request: &Request,
    moment: &mut Moment<'_>,
) -> Answer {
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').skip(2).collect();
    let get = request.method() == Method::GET || request.method() == Method::HEAD;
    let post = request.method() == Method::POST;
    let done = match segments.as_slice() {
        [] if get => return pages::help(request),
        ["merchants"] if get => merchants::list(sandbox),
        ["merchants"] if post => merchants::make(sandbox, request.body(), moment),
        ["merchants", mch_id] if post => merchants::change(sandbox, mch_id, request.body()),
        ["orders"] if get => list_orders(sandbox, request, moment.now_ms),
        ["orders", mch_id, out_trade_no] if get => {
            one_order(sandbox, request, (mch_id, out_trade_no), moment.now_ms)
        }
        ["orders", mch_id, out_trade_no] if post => {
            by_hand::change(sandbox, request.body(), (mch_id, out_trade_no), moment)
        }
        ["refunds"] if get => Ok(refunds::list(sandbox, request)),
        ["refunds", mch_id, number] if get => refunds::one(sandbox, request, (mch_id, number)),
        ["refunds", mch_id, number] if post => {
            refunds::settle(sandbox, request.body(), (mch_id, number), moment.now_ms)
        }
        ["reports"] if get => Ok(list_reports(sandbox)),
        ["paycode"] if post => make_pay_code(sandbox, request.body(), moment),
        ["notices"] if get => list_notices(sandbox, request),
        ["scan"] if post => scan(sandbox, request.body(), moment),
        ["app"] if post => app(sandbox, request.body(), moment),
        ["login"] if post => login(sandbox, request.body(), moment),
        ["bridge"] if post => bridge(sandbox, request.body(), moment),
        ["pay"] if post => pay(sandbox, request.body(), moment),
        ["time"] if get => Ok(time(sandbox, moment.now_ms)),
        ["time"] if post => advance(sandbox, request.body(), moment.now_ms),
        ["faults"] if get => Ok(faults(sandbox)),
        ["faults"] if post => set_faults(sandbox, request.body()),
        ["shop"] if get => Ok(sandbox.shop_config().to_json()),
        ["shop"] if post => connect_shop(sandbox, request.body()),
        ["deliveries"] if get => Ok(shop::deliveries_json(sandbox)),
        ["reset"] if post => {
            sandbox.reset();
            Ok(json!({ "ok": true }))
        }
        ["merchants" | "time" | "faults" | "shop"] | ["refunds" | "orders", _, _] => {
            return web::method_not_allowed("GET, POST");
        }
        ["orders" | "refunds" | "reports" | "notices" | "deliveries"] | [] => {
            return web::method_not_allowed("GET");
        }
        ["scan" | "bridge" | "app" | "login" | "pay" | "paycode" | "reset"] | ["merchants", _] => {
            return web::method_not_allowed("POST");
        }
        _ => Err(Failure::NotFound(
            "there is no such call; GET /sandbox/ lists them".into(),
        )),
    };
    match done {
        Ok(body) => web::json(StatusCode::OK, &body),
        Err(failure) => failure.into(),
    }
}

/// Why a control call is not done.
enum Failure {
    Input(BadInput),
    NotFound(String),
    Exists {
        field: &'static str,
        message: String,
    },
    /// It is no longer in a state for that.
    Over(String),
}

impl From<BadInput> for Failure {
    fn from(bad: BadInput) -> Self {
        Self::Input(bad)
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Input(bad) => bad.into(),
            Failure::NotFound(message) => {
                web::refusal(StatusCode::NOT_FOUND, "NOT_FOUND", None, message)
            }
            Failure::Exists { field, message } => {
                web::refusal(StatusCode::CONFLICT, "EXISTS", Some(field), message)
            }
            Failure::Over(message) => web::refusal(StatusCode::CONFLICT, "OVER", None, message),
        }
    }
}

type Done = Result<Value, Failure>;

fn list_orders(sandbox: &Sandbox, request: &Request, now_ms: i64) -> Done {
    let wanted = |name| web::query(request, name).filter(|value| !value.is_empty());
    let (mch_id, trade_type) = (wanted("mch_id"), wanted("trade_type"));
    let (trade_state, payable) = (wanted("trade_state"), wanted("payable"));
    let payer = wanted("payer");
    let limit = match wanted("limit") {
        None => 100,
        Some(text) => text
            .parse()
            .map_err(|_| BadInput::new("limit", "send a whole number"))?,
    };
    let is = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|w| w == value);
    let mut found: Vec<_> = sandbox
        .orders
        .values()
        .filter(|order| {
            is(&mch_id, &order.account.mch_id)
                && is(&trade_type, order.trade_type.as_str())
                && is(&trade_state, order.trade_state())
                && (payer.is_none() || order.payer.map(Payer::as_str) == payer.as_deref())
                && (payable.is_none() || order.payable(now_ms).is_ok())
        })
        .collect();
    found.sort_by_key(|order| std::cmp::Reverse(order.touched_ms()));
    let orders: Vec<Value> = found
        .into_iter()
        .take(limit)
        .map(|order| {
            let mut json = order.to_json(now_ms);
            if let Some(map) = json.as_object_mut() {
                map.insert(
                    "merchant".into(),
                    orders::payee(&sandbox.merchants, order).into(),
                );
            }
            json
        })
        .collect();
    Ok(json!({ "orders": orders }))
}

fn one_order(
    sandbox: &Sandbox,
    request: &Request,
    (mch_id, out_trade_no): (&str, &str),
    now_ms: i64,
) -> Done {
    let sub_mch_id = web::query(request, "sub_mch_id");
    // A number may hold `|` and `@`, which an address may carry escaped.
    let wanted = web::percent_decoded(out_trade_no);
    let order = sandbox.orders.values().find(|order| {
        order.account.mch_id == mch_id
            && order.out_trade_no == wanted
            && (sub_mch_id.is_none() || order.account.sub_mch_id == sub_mch_id)
    });
    order
        .map(|order| order.to_json(now_ms))
        .ok_or_else(|| Failure::NotFound("there is no such order".into()))
}

fn list_notices(sandbox: &Sandbox, request: &Request) -> Done {
    let mch_id = web::query(request, "mch_id");
    let out_trade_no = web::query(request, "out_trade_no");
    let notices = sandbox.notices.to_json(|notice| {
        let letter = &notice.letter;
        mch_id.as_ref().is_none_or(|id| *id == letter.mch_id)
            && out_trade_no
                .as_ref()
                .is_none_or(|number| *number == letter.out_trade_no)
    });
    Ok(json!({ "notices": notices }))
}

pub(crate) fn read_payer(input: &mut Input) -> Result<Payer, BadInput> {
    let name = input.required_text("payer")?;
    Payer::from_name(&name).ok_or_else(|| input.bad("payer", "send alice, bob or carol"))
}

pub(crate) fn read_action(input: &mut Input) -> Result<Option<Action>, BadInput> {
    let Some(name) = input.text("action")? else {
        return Ok(None);
    };
    Action::from_name(&name)
        .map(Some)
        .ok_or_else(|| input.bad("action", "send pay, cancel or fail"))
}

/// The package is looked at as it is: what is wrong with it is WeChat's to
/// say, not a mistake in calling the sandbox.
pub(crate) fn read_package(input: &mut Input) -> Result<serde_json::Map<String, Value>, BadInput> {
    match input.value("package") {
        Some(Value::Object(package)) => Ok(package),
        _ => Err(input.bad(
            "package",
            "send the object that the page hands to getBrandWCPayRequest, or the app to WeChat's SDK",
        )),
    }
}

fn scan(sandbox: &mut Sandbox, body: &[u8], moment: &mut Moment<'_>) -> Done {
    let (code_url, payer, action) = product::read(body)?;
    Ok(invoke::scan(sandbox, payer, &code_url, action, moment))
}

fn make_pay_code(sandbox: &mut Sandbox, body: &[u8], moment: &mut Moment<'_>) -> Done {
    let mut input = Input::read(body)?;
    let payer = read_payer(&mut input)?;
    let behaviour = match input.text("behaviour")? {
        None => None,
        Some(name) => Some(Behaviour::from_name(&name).ok_or_else(|| {
            let names = Behaviour::ALL.map(Behaviour::as_str).join(", ");
            input.bad("behaviour", format!("send one of {names}"))
        })?),
    };
    input.finish()?;
    Ok(paycodes::make(sandbox, payer, behaviour, moment))
}

fn list_reports(sandbox: &Sandbox) -> Value {
    let reports: Vec<Value> = sandbox.reports.values().rev().map(|r| json!(r)).collect();
    json!({ "reports": reports })
}

fn bridge(sandbox: &mut Sandbox, body: &[u8], moment: &mut Moment<'_>) -> Done {
    let mut input = Input::read(body)?;
    let payer = read_payer(&mut input)?;
    let package = read_package(&mut input)?;
    let page_url = input.text("page_url")?;
    let action = read_action(&mut input)?;
    input.finish()?;
    Ok(invoke::bridge(
        sandbox,
        payer,
        &package,
        page_url.as_deref(),
        action,
        moment,
    ))
}

fn app(sandbox: &mut Sandbox, body: &[u8], moment: &mut Moment<'_>) -> Done {
    let mut input = Input::read(body)?;
    let payer = read_payer(&mut input)?;
    let package = read_package(&mut input)?;
    let action = read_action(&mut input)?;
    input.finish()?;
    Ok(invoke::app(sandbox, payer, &package, action, moment))
}

fn login(sandbox: &mut Sandbox, body: &[u8], moment: &mut Moment<'_>) -> Done {
    let mut input = Input::read(body)?;
    let payer = read_payer(&mut input)?;
    let appid = input.required_text("appid")?;
    input.finish()?;
    let (merchants, codes) = (&sandbox.merchants, &mut sandbox.codes);
    oauth::login(merchants, codes, &appid, payer, moment)
        .map(|code| json!({ "code": code }))
        .ok_or_else(|| Failure::NotFound("there is no such Mini Program".into()))
}

fn pay(sandbox: &mut Sandbox, body: &[u8], moment: &mut Moment<'_>) -> Done {
    let mut input = Input::read(body)?;
    let mch_id = input.required_text("mch_id")?;
    let out_trade_no = input.required_text("out_trade_no")?;
    let sub_mch_id = input.text("sub_mch_id")?;
    let payer = read_payer(&mut input)?;
    let action = read_action(&mut input)?;
    input.finish()?;
    let key = orders::key(&mch_id, sub_mch_id.as_deref(), &out_trade_no);
    Ok(invoke::pay_directly(sandbox, &key, payer, action, moment))
}

fn time(sandbox: &Sandbox, now_ms: i64) -> Value {
    json!({
        "now_ms": now_ms,
        "ahead_seconds": sandbox.offset_ms() / 1000,
        "china": wechatpay::common::time::china(now_ms),
    })
}

fn advance(sandbox: &mut Sandbox, body: &[u8], now_ms: i64) -> Done {
    let mut input = Input::read(body)?;
    match input.integer("ahead_seconds")? {
        None => {}
        Some(0) => {
            input.finish()?;
            let real_ms = now_ms.saturating_sub(sandbox.offset_ms());
            sandbox.change_world(|world| world.offset_ms = 0);
            return Ok(time(sandbox, real_ms));
        }
        Some(_) => {
            let message = "send 0, which is the real time; advance_seconds moves forward";
            return Err(input.bad("ahead_seconds", message).into());
        }
    }
    let seconds = input
        .integer("advance_seconds")?
        .filter(|seconds| (0..=MAX_ADVANCE_SECONDS).contains(seconds))
        .ok_or_else(|| {
            input.bad(
                "advance_seconds",
                "send 0 to 31622400: time only goes forward",
            )
        })?;
    input.finish()?;
    let advance_ms = seconds * 1000;
    sandbox.change_world(|world| world.offset_ms = world.offset_ms.saturating_add(advance_ms));
    let mut told = time(sandbox, now_ms.saturating_add(advance_ms));
    if let (Some(fields), true) = (told.as_object_mut(), sandbox.offset_ms() > 0) {
        fields.insert("warning".to_owned(), CLOCKS_DIFFER.into());
    }
    Ok(told)
}

fn faults(sandbox: &Sandbox) -> Value {
    json!(sandbox.faults())
}

fn set_faults(sandbox: &mut Sandbox, body: &[u8]) -> Done {
    let mut input = Input::read(body)?;
    if input.is_empty() {
        sandbox.change_world(|world| world.faults = Faults::default());
        return Ok(faults(sandbox));
    }
    let hold_notices = input.boolean("hold_notices")?;
    let duplicate_notices = match input.integer("duplicate_notices")? {
        None => None,
        Some(times) => Some(
            u8::try_from(times)
                .ok()
                .filter(|times| *times <= 20)
                .ok_or_else(|| input.bad("duplicate_notices", "send 0 to 20"))?,
        ),
    };
    let delay_notices_seconds = match input.integer("delay_notices_seconds")? {
        Some(seconds) if !(0..=86_400).contains(&seconds) => {
            return Err(input.bad("delay_notices_seconds", "send 0 to 86400").into());
        }
        seconds => seconds,
    };
    let close_after_seconds = match input.integer("close_after_seconds")? {
        None => None,
        Some(seconds) => Some(
            u32::try_from(seconds)
                .ok()
                .filter(|seconds| *seconds <= 86_400)
                .ok_or_else(|| input.bad("close_after_seconds", "send 0 to 86400"))?,
        ),
    };
    let require_certificate = input.boolean("require_certificate")?;
    let lie_next = input.object("lie_next")?.map(read_lie_next).transpose()?;
    let fail_next = input.object("fail_next")?.map(read_fail_next).transpose()?;
    input.finish()?;
    sandbox.change_world(|world| {
        if let Some(hold_notices) = hold_notices {
            world.faults.hold_notices = hold_notices;
        }
        if let Some(duplicate_notices) = duplicate_notices {
            world.faults.duplicate_notices = duplicate_notices;
        }
        if let Some(require_certificate) = require_certificate {
            world.faults.require_certificate = require_certificate;
        }
        if let Some(seconds) = close_after_seconds {
            world.faults.close_after_seconds = seconds;
        }
        if let Some(seconds) = delay_notices_seconds {
            world.faults.delay_notices_seconds = seconds;
        }
        world.faults.fail_next.extend(fail_next);
        world.faults.lie_next.extend(lie_next);
    });
    Ok(faults(sandbox))
}

fn read_fail_next(mut input: Input) -> Result<FailNext, BadInput> {
    let path = input.required_text("path")?;
    let calls = || {
        v2::paths()
            .map(str::to_owned)
            .chain(v3::titles())
            .chain(ionline::services())
    };
    if !calls().any(|call| call == path) {
        let paths = calls().collect::<Vec<_>>().join(", ");
        return Err(input.bad("path", format!("send one of {paths}")));
    }
    let code = input.required_text("code")?;
    let times = read_times(&mut input)?;
    input.finish()?;
    Ok(FailNext { path, code, times })
}

fn read_lie_next(mut input: Input) -> Result<LieNext, BadInput> {
    let name = input.required_text("lie")?;
    let lie = Lie::from_name(&name).ok_or_else(|| {
        let names = Lie::ALL.map(|(_, name, _)| name).join(", ");
        input.bad("lie", format!("send one of {names}"))
    })?;
    let on = match input.required_text("on")?.as_str() {
        "answer" if lie.is_of_answers() => Teller::Answer,
        "answer" => return Err(input.bad("on", "only a notice can lie so: send notice")),
        "notice" => Teller::Notice,
        _ => return Err(input.bad("on", "send answer or notice")),
    };
    let times = read_times(&mut input)?;
    input.finish()?;
    Ok(LieNext { lie, on, times })
}

fn read_times(input: &mut Input) -> Result<u32, BadInput> {
    match input.integer("times")? {
        None => Ok(1),
        Some(times) => u32::try_from(times)
            .ok()
            .filter(|times| (1..=1000).contains(times))
            .ok_or_else(|| input.bad("times", "send 1 to 1000")),
    }
}

fn connect_shop(sandbox: &mut Sandbox, body: &[u8]) -> Done {
    let config = shop::Config::read(sandbox.shop_config(), Input::read(body)?)?;
    sandbox.change_world(|world| world.shop = config);
    Ok(sandbox.shop_config().to_json())
}
