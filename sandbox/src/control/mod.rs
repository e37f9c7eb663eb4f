//! Control calls for testers, below `/sandbox/`, with JSON, and a help page
//! (`pages`) in HTML for a browser. A refusal of an invalid input names the
//! field.

mod failure;
mod merchant_platform;
mod merchants;
pub(crate) mod pages;
mod refunds;

use crate::input::{BadInput, Input};
use crate::moment::Moment;
use crate::shop::{self, Shop};
use crate::web::{self, Answer, CallOutcome, Request};
use crate::wechat::faults::{
    FailNext, Faults, Forgery, MessageKind, NextForgery, RowFault, WrongRow,
};
use crate::wechat::invoke;
use crate::wechat::oauth;
use crate::wechat::orders;
use crate::wechat::paycodes::{self, Behaviour};
use crate::wechat::payer_action::{Action, read_action, read_package};
use crate::wechat::payers::{Payer, read_payer};
use crate::wechat::product::Scan;
use crate::wechat::state::WeChat;
use crate::wechat::{ionline, product, v2, v3};
use failure::{Done, Failure};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// The clock is moved forward by at most a year at a time: no call accepts an
/// order that is older.
const MAX_ADVANCE_SECONDS: i64 = 366 * 24 * 60 * 60;

/// The warning in the answer of a call that moves the clock.
const CLOCKS_DIFFER: &str = "A gateway beside this sandbox keeps the real time: while the clocks \
    differ, its new orders are refused for their time_expire. \
    POST /sandbox/time {\"ahead_seconds\": 0} returns to the real time.";

/// Answers a path below `/sandbox`; a slash at its end makes no difference.
pub(crate) fn handle(
    wechat: &mut WeChat,
    shop: &mut Shop,
    path: &str,
    request: &Request,
    moment: &mut Moment<'_>,
) -> Answer {
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').skip(2).collect();
    let get = request.method() == Method::GET || request.method() == Method::HEAD;
    let post = request.method() == Method::POST;
    let done = match segments.as_slice() {
        [] if get => return pages::help(request),
        ["merchants"] if get => merchants::list(wechat),
        ["merchants"] if post => merchants::make(wechat, request.body(), moment),
        ["merchants", mch_id] if post => merchants::change(wechat, mch_id, request.body()),
        ["orders"] if get => list_orders(wechat, request, moment.now_ms),
        ["orders", mch_id, out_trade_no] if get => {
            one_order(wechat, request, (mch_id, out_trade_no), moment.now_ms)
        }
        ["orders", mch_id, out_trade_no] if post => {
            merchant_platform::change(wechat, request.body(), (mch_id, out_trade_no), moment)
        }
        ["refunds"] if get => Ok(refunds::list(wechat, request)),
        ["refunds", mch_id, number] if get => refunds::one(wechat, request, (mch_id, number)),
        ["refunds", mch_id, number] if post => {
            refunds::settle(wechat, request.body(), (mch_id, number), moment.now_ms)
        }
        ["reports"] if get => Ok(list_reports(wechat)),
        ["paycode"] if post => make_pay_code(wechat, request.body(), moment),
        ["notices"] if get => list_notices(wechat, request),
        ["scan"] if post => scan(wechat, request.body(), moment),
        ["app"] if post => app(wechat, request.body(), moment),
        ["login"] if post => login(wechat, request.body(), moment),
        ["bridge"] if post => bridge(wechat, request.body(), moment),
        ["pay"] if post => pay(wechat, request.body(), moment),
        ["time"] if get => Ok(time(wechat, moment.now_ms)),
        ["time"] if post => advance(wechat, request.body(), moment.now_ms),
        ["faults"] if get => Ok(faults(wechat)),
        ["faults"] if post => set_faults(wechat, request.body()),
        ["shop"] if get => Ok(shop.config.to_json()),
        ["shop"] if post => connect_shop(shop, request.body()),
        ["deliveries"] if get => Ok(shop.deliveries_json()),
        ["reset"] if post => {
            wechat.reset();
            shop.forget_deliveries();
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

fn list_orders(wechat: &WeChat, request: &Request, now_ms: i64) -> Done {
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
    let mut found: Vec<_> = wechat
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
                    orders::payee(&wechat.merchants, order).into(),
                );
            }
            json
        })
        .collect();
    Ok(json!({ "orders": orders }))
}

fn one_order(
    wechat: &WeChat,
    request: &Request,
    (mch_id, out_trade_no): (&str, &str),
    now_ms: i64,
) -> Done {
    let sub_mch_id = web::query(request, "sub_mch_id");
    // A number may contain `|` and `@`, which may be percent-encoded in an
    // address.
    let wanted = web::percent_decoded(out_trade_no);
    let order = wechat.orders.values().find(|order| {
        order.account.mch_id == mch_id
            && order.out_trade_no == wanted
            && (sub_mch_id.is_none() || order.account.sub_mch_id == sub_mch_id)
    });
    order
        .map(|order| order.to_json(now_ms))
        .ok_or_else(|| Failure::NotFound("there is no such order".into()))
}

fn list_notices(wechat: &WeChat, request: &Request) -> Done {
    let mch_id = web::query(request, "mch_id");
    let out_trade_no = web::query(request, "out_trade_no");
    let notices = wechat.notices.to_json(|notice| {
        let letter = &notice.letter;
        mch_id.as_ref().is_none_or(|id| *id == letter.mch_id)
            && out_trade_no
                .as_ref()
                .is_none_or(|number| *number == letter.out_trade_no)
    });
    Ok(json!({ "notices": notices }))
}

/// The call to a merchant that `POST /sandbox/scan` of a product requires
/// before it can be answered.
pub(crate) fn call(
    wechat: &WeChat,
    request: &Request,
    moment: &mut Moment<'_>,
) -> Option<(Request, Scan)> {
    let path = request.uri().path().trim_end_matches('/');
    if request.method() != Method::POST || path != "/sandbox/scan" {
        return None;
    }
    // Input that cannot be read is refused by `handle`, with the field's name.
    let (code_url, payer, action) = read_scan(request.body()).ok()?;
    product::callback(wechat, payer, &code_url, action, moment)
}

/// The answer to `POST /sandbox/scan`, after the merchant has answered.
pub(crate) fn called(
    wechat: &mut WeChat,
    scan: &Scan,
    outcome: &CallOutcome,
    moment: &mut Moment<'_>,
) -> Answer {
    let verdict = invoke::product_answered(wechat, scan, outcome, moment);
    web::json(StatusCode::OK, &verdict)
}

fn read_scan(body: &[u8]) -> Result<(String, Payer, Option<Action>), BadInput> {
    let mut input = Input::read(body)?;
    let code_url = input.required_text("code_url")?;
    let payer = read_payer(&mut input)?;
    let action = read_action(&mut input)?;
    input.finish()?;
    Ok((code_url, payer, action))
}

fn scan(wechat: &mut WeChat, body: &[u8], moment: &mut Moment<'_>) -> Done {
    let (code_url, payer, action) = read_scan(body)?;
    Ok(invoke::scan(wechat, payer, &code_url, action, moment))
}

fn make_pay_code(wechat: &mut WeChat, body: &[u8], moment: &mut Moment<'_>) -> Done {
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
    Ok(paycodes::make(
        &mut wechat.pay_codes,
        payer,
        behaviour,
        moment,
    ))
}

fn list_reports(wechat: &WeChat) -> Value {
    let reports: Vec<Value> = wechat.reports.values().rev().map(|r| json!(r)).collect();
    json!({ "reports": reports })
}

fn bridge(wechat: &mut WeChat, body: &[u8], moment: &mut Moment<'_>) -> Done {
    let mut input = Input::read(body)?;
    let payer = read_payer(&mut input)?;
    let package = read_package(&mut input)?;
    let page_url = input.text("page_url")?;
    let action = read_action(&mut input)?;
    input.finish()?;
    Ok(invoke::bridge(
        wechat,
        payer,
        &package,
        page_url.as_deref(),
        action,
        moment,
    ))
}

fn app(wechat: &mut WeChat, body: &[u8], moment: &mut Moment<'_>) -> Done {
    let mut input = Input::read(body)?;
    let payer = read_payer(&mut input)?;
    let package = read_package(&mut input)?;
    let action = read_action(&mut input)?;
    input.finish()?;
    Ok(invoke::app(wechat, payer, &package, action, moment))
}

fn login(wechat: &mut WeChat, body: &[u8], moment: &mut Moment<'_>) -> Done {
    let mut input = Input::read(body)?;
    let payer = read_payer(&mut input)?;
    let appid = input.required_text("appid")?;
    input.finish()?;
    let (merchants, codes) = (&wechat.merchants, &mut wechat.codes);
    oauth::login(merchants, codes, &appid, payer, moment)
        .map(|code| json!({ "code": code }))
        .ok_or_else(|| Failure::NotFound("there is no such Mini Program".into()))
}

fn pay(wechat: &mut WeChat, body: &[u8], moment: &mut Moment<'_>) -> Done {
    let mut input = Input::read(body)?;
    let mch_id = input.required_text("mch_id")?;
    let out_trade_no = input.required_text("out_trade_no")?;
    let sub_mch_id = input.text("sub_mch_id")?;
    let payer = read_payer(&mut input)?;
    let action = read_action(&mut input)?;
    input.finish()?;
    let key = orders::key(&mch_id, sub_mch_id.as_deref(), &out_trade_no);
    moment.set_back(wechat.behind_seconds(&mch_id));
    Ok(invoke::pay_directly(wechat, &key, payer, action, moment))
}

fn time(wechat: &WeChat, now_ms: i64) -> Value {
    json!({
        "now_ms": now_ms,
        "ahead_seconds": wechat.offset_ms / 1000,
        "china": wechatpay::common::time::china(now_ms),
    })
}

fn advance(wechat: &mut WeChat, body: &[u8], now_ms: i64) -> Done {
    let mut input = Input::read(body)?;
    match input.integer("ahead_seconds")? {
        None => {}
        Some(0) => {
            input.finish()?;
            let real_ms = now_ms.saturating_sub(wechat.offset_ms);
            wechat.offset_ms = 0;
            return Ok(time(wechat, real_ms));
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
    wechat.offset_ms = wechat.offset_ms.saturating_add(advance_ms);
    let mut told = time(wechat, now_ms.saturating_add(advance_ms));
    if let (Some(fields), true) = (told.as_object_mut(), wechat.offset_ms > 0) {
        fields.insert("warning".to_owned(), CLOCKS_DIFFER.into());
    }
    Ok(told)
}

fn faults(wechat: &WeChat) -> Value {
    json!(wechat.faults)
}

fn set_faults(wechat: &mut WeChat, body: &[u8]) -> Done {
    let mut input = Input::read(body)?;
    if input.is_empty() {
        wechat.faults = Faults::default();
        return Ok(faults(wechat));
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
    let mut forge_next = Vec::new();
    // The second name is the one of version 0.1.
    for (name, forgery) in [("forge_next", "forgery"), ("lie_next", "lie")] {
        if let Some(input) = input.object(name)? {
            forge_next.push(read_forge_next(input, forgery)?);
        }
    }
    let fail_next = input.object("fail_next")?.map(read_fail_next).transpose()?;
    let wrong_row = input.object("wrong_row")?.map(read_wrong_row).transpose()?;
    input.finish()?;
    let set = &mut wechat.faults;
    if let Some(hold_notices) = hold_notices {
        set.hold_notices = hold_notices;
    }
    if let Some(duplicate_notices) = duplicate_notices {
        set.duplicate_notices = duplicate_notices;
    }
    if let Some(require_certificate) = require_certificate {
        set.require_certificate = require_certificate;
    }
    if let Some(seconds) = close_after_seconds {
        set.close_after_seconds = seconds;
    }
    if let Some(seconds) = delay_notices_seconds {
        set.delay_notices_seconds = seconds;
    }
    set.fail_next.extend(fail_next);
    set.forge_next.extend(forge_next);
    set.wrong_rows.extend(wrong_row);
    Ok(faults(wechat))
}

fn read_wrong_row(mut input: Input) -> Result<WrongRow, BadInput> {
    let name = input.required_text("wrong")?;
    let wrong = RowFault::from_name(&name).ok_or_else(|| {
        let names = RowFault::ALL.map(|(_, name, _)| name).join(", ");
        input.bad("wrong", format!("send one of {names}"))
    })?;
    let mch_id = input.required_text("mch_id")?;
    let sub_mch_id = input.text("sub_mch_id")?;
    let out_trade_no = input.required_text("out_trade_no")?;
    let out_refund_no = input.text("out_refund_no")?;
    let is_of_payment = matches!(
        wrong,
        RowFault::Reversed | RowFault::Added | RowFault::OtherYear
    );
    if out_refund_no.is_some() && is_of_payment {
        return Err(input.bad(
            "out_refund_no",
            "only a payment's row can be wrong in this way",
        ));
    }
    let number = match wrong {
        RowFault::Added => Some(input.required_text("number")?),
        _ => None,
    };
    input.finish()?;
    Ok(WrongRow {
        mch_id,
        sub_mch_id,
        out_trade_no,
        out_refund_no,
        wrong,
        number,
    })
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

fn read_forge_next(mut input: Input, field: &'static str) -> Result<NextForgery, BadInput> {
    let name = input.required_text(field)?;
    let forgery = Forgery::from_name(&name).ok_or_else(|| {
        let names = Forgery::ALL.map(|(_, name, _)| name).join(", ");
        input.bad(field, format!("send one of {names}"))
    })?;
    let on = match input.required_text("on")?.as_str() {
        "answer" if forgery.is_of_answers() => MessageKind::Answer,
        "answer" => {
            return Err(input.bad("on", "only a notice can be forged in this way: send notice"));
        }
        "notice" => MessageKind::Notice,
        _ => return Err(input.bad("on", "send answer or notice")),
    };
    let times = read_times(&mut input)?;
    input.finish()?;
    Ok(NextForgery { forgery, on, times })
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

fn connect_shop(shop: &mut Shop, body: &[u8]) -> Done {
    shop.config = shop::Config::read(shop.config.clone(), Input::read(body)?)?;
    Ok(shop.config.to_json())
}
