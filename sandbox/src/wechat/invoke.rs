//! The payer's side: the package that a page passes to `WeixinJSBridge` (WeChat
//! Pay v2 manual, section 7.7) or a Mini Program to `wx.requestPayment`, a
//! scanned `code_url` (6.5), the request that an app passes to WeChat's SDK
//! (8.5), and the payment that follows. It is the same for every dialect except
//! for the package's signature.
//!
//! Every refusal has a stable name in addition to WeChat's text, so that a test can
//! expect exactly one.

use crate::moment::Moment;
use crate::web::CallOutcome;
use crate::wechat::accounts::Merchant;
use crate::wechat::dialect::Dialect;
use crate::wechat::orders::{self, NotPayable, Order, State};
use crate::wechat::payer_action::{Action, SheetRefusal};
use crate::wechat::payers::Payer;
use crate::wechat::state::WeChat;
use crate::wechat::{notify, product, v3};
use order::TradeType;
use serde_json::{Map, Value, json};
use url::Url;
use wechatpay::common::invoke::{APP_PACKAGE, App, Jsapi};

/// `getBrandWCPayRequest`: checks the package as WeChat does, then executes the
/// payer's action; without an action, returns the content of the sheet.
pub(crate) fn bridge(
    wechat: &mut WeChat,
    payer: Payer,
    package: &Map<String, Value>,
    page_url: Option<&str>,
    action: Option<Action>,
    moment: &mut Moment<'_>,
) -> Value {
    match check_package(wechat, payer, package, page_url, moment.now_ms) {
        Ok(key) => act(wechat, &key, payer, action, moment),
        Err(refused) => refused.to_json(),
    }
}

/// What WeChat's SDK in a mobile app does with the app's request (WeChat Pay v2
/// manual, sections 8.5 and 8.6): checks it as WeChat does, then executes the
/// payer's action. The app reads `errCode`: 0 paid, -1 refused, -2 cancelled.
/// Without an action, returns the content of the sheet.
pub(crate) fn app(
    wechat: &mut WeChat,
    payer: Payer,
    package: &Map<String, Value>,
    action: Option<Action>,
    moment: &mut Moment<'_>,
) -> Value {
    let mut outcome = match check_app_package(wechat, payer, package, moment.now_ms) {
        Ok(key) => act(wechat, &key, payer, action, moment),
        Err(refused) => refused.to_json(),
    };
    let err_code = match (outcome.get("ok"), action) {
        (Some(Value::Bool(true)), Some(Action::Cancel)) => -2,
        (Some(Value::Bool(true)), _) => 0,
        _ => -1,
    };
    if let Some(fields) = outcome.as_object_mut() {
        // These fields are the bridge's, not the SDK's.
        fields.remove("err_msg");
        fields.remove("err_code");
        let was_shown = fields.contains_key("sheet");
        if !was_shown {
            fields.insert("errCode".to_owned(), err_code.into());
        }
    }
    outcome
}

/// A scanned `code_url`, or a short URL of one. A product's QR code arrives
/// here only if its merchant cannot be called (`product.rs`).
pub(crate) fn scan(
    wechat: &mut WeChat,
    payer: Payer,
    code_url: &str,
    action: Option<Action>,
    moment: &mut Moment<'_>,
) -> Value {
    let url = wechat.scanned(code_url);
    if product::is_one(&url) {
        return match product::look(wechat, &url) {
            Err(refused) => refused.to_json(),
            Ok(_) => SheetRefusal::new(
                "CALLBACK_FAILED",
                "商户系统无响应，请稍后重试",
                "the merchant's native_callback_url cannot be called",
            )
            .to_json(),
        };
    }
    let key = match wechat.orders.by_code_url(&url) {
        None => Err(SheetRefusal::new(
            "UNKNOWN_CODE_URL",
            "二维码已失效",
            "no order has this code_url, or a newer one took its place",
        )),
        Some(order) => {
            moment.set_back(wechat.behind_seconds(&order.account.mch_id));
            order
                .payable(moment.now_ms)
                .map(|()| order.key())
                .map_err(SheetRefusal::from)
        }
    };
    match key {
        Ok(key) => act(wechat, &key, payer, action, moment),
        Err(refused) => refused.to_json(),
    }
}

/// Shows or pays the order that the merchant's answer names.
pub(crate) fn product_answered(
    wechat: &mut WeChat,
    scan: &product::Scan,
    outcome: &CallOutcome,
    moment: &mut Moment<'_>,
) -> Value {
    match product::order_to_pay(wechat, scan, outcome) {
        Ok(key) => pay_directly(wechat, &key, scan.payer, scan.action, moment),
        Err(refused) => refused.to_json(),
    }
}

/// Pays any order by its number, without a package: for payment methods without
/// a client here (APP, MWEB), and for scripts.
pub(crate) fn pay_directly(
    wechat: &mut WeChat,
    key: &str,
    payer: Payer,
    action: Option<Action>,
    moment: &mut Moment<'_>,
) -> Value {
    let payable = wechat.orders.get(key).map(|order| {
        order.payable(moment.now_ms)?;
        check_payer(order, payer)
    });
    match payable {
        None => {
            SheetRefusal::new("ORDERNOTEXIST", "订单不存在", "there is no such order").to_json()
        }
        Some(Err(refused)) => refused.to_json(),
        Some(Ok(())) => act(wechat, key, payer, action, moment),
    }
}

/// Executes the payer's action on an order that can be paid, or returns the
/// content of the sheet.
fn act(
    wechat: &mut WeChat,
    key: &str,
    payer: Payer,
    action: Option<Action>,
    moment: &mut Moment<'_>,
) -> Value {
    let Some(order) = wechat.orders.get(key) else {
        return SheetRefusal::new("ORDERNOTEXIST", "订单不存在", "there is no such order")
            .to_json();
    };
    let is_asked = matches!(order.state, State::UserPaying { .. });
    let outcome = match action {
        None => {
            let shown = json!({ "ok": true, "sheet": sheet(wechat, order, payer) });
            return with_order(shown, wechat, key, moment.now_ms);
        }
        Some(Action::Cancel) => json!({
            "ok": true,
            "err_msg": "get_brand_wcpay_request:cancel",
            "err_desc": "",
        }),
        Some(Action::Fail) => SheetRefusal::new(
            "PAYMENT_FAILED",
            "支付失败",
            if is_asked {
                "the payer's bank refused (as was asked)"
            } else {
                "the payer's bank refused (as was asked); the order can still be paid"
            },
        )
        .to_json(),
        Some(Action::Pay) => {
            if let Err(refused) = pay(wechat, key, payer, moment) {
                return refused.to_json();
            }
            json!({
                "ok": true,
                "err_msg": "get_brand_wcpay_request:ok",
                "err_desc": "",
            })
        }
    };
    if is_asked {
        answer_password(wechat, key, action, moment.now_ms);
    }
    with_order(outcome, wechat, key, moment.now_ms)
}

/// Quick Pay shows the sheet once, so an order that is not paid now cannot be
/// paid any more.
fn answer_password(wechat: &mut WeChat, key: &str, action: Option<Action>, at_ms: i64) {
    let state = match action {
        Some(Action::Cancel) => State::NotPay,
        Some(Action::Fail) => State::PayError { at_ms },
        Some(Action::Pay) | None => return,
    };
    wechat.orders.update(key, |order| order.state = state);
}

fn with_order(mut outcome: Value, wechat: &WeChat, key: &str, now_ms: i64) -> Value {
    if let (Some(map), Some(order)) = (outcome.as_object_mut(), wechat.orders.get(key)) {
        map.insert("order".into(), order.to_json(now_ms));
    }
    outcome
}

/// The sheet that the payer reads before paying.
fn sheet(wechat: &WeChat, order: &Order, payer: Payer) -> Value {
    json!({
        "merchant": orders::payee(&wechat.merchants, order),
        "description": order.term("body"),
        "amount": orders::amount_text(order.money),
        "amount_minor": order.money.amount_minor(),
        "currency": order.money.currency().code(),
        "payer": payer.as_str(),
        "method": payer.method(order.no_credit()).0,
        "enough": payer.can_pay(order.cash_fee()),
        "payable_until_ms": order.payable_until_ms(),
    })
}

/// Takes the money and notifies the merchant.
fn pay(
    wechat: &mut WeChat,
    key: &str,
    payer: Payer,
    moment: &mut Moment<'_>,
) -> Result<(), SheetRefusal> {
    let enough = wechat
        .orders
        .get(key)
        .is_some_and(|order| payer.can_pay(order.cash_fee()));
    if !enough {
        return Err(SheetRefusal::new(
            "NOTENOUGH",
            "余额不足",
            "the payer has not enough money; the order can still be paid",
        ));
    }
    wechat.take_payment(key, payer, moment);
    notify::paid(wechat, key, moment);
    Ok(())
}

/// Checks the package of section 7.7, and the page that passes it.
fn check_package(
    wechat: &WeChat,
    payer: Payer,
    package: &Map<String, Value>,
    page_url: Option<&str>,
    now_ms: i64,
) -> Result<String, SheetRefusal> {
    let jsapi = Jsapi {
        app_id: text(package, "appId")?,
        time_stamp: text(package, "timeStamp")?,
        nonce_str: text(package, "nonceStr")?,
        package: text(package, "package")?,
        sign_type: text(package, "signType")?,
        pay_sign: text(package, "paySign")?,
    };
    if !jsapi.time_stamp.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SheetRefusal::new(
            "TIMESTAMP_FORMAT",
            "调用支付JSAPI缺少参数：timeStamp",
            "timeStamp must be seconds since 1970 in decimal digits",
        ));
    }
    if jsapi.nonce_str.len() > 32 {
        return Err(SheetRefusal::new(
            "NONCE_TOO_LONG",
            "参数错误：nonceStr",
            "nonceStr has at most 32 characters",
        ));
    }
    let Some(prepay_id) = jsapi.prepay_id() else {
        // WeChat's own text, although no total_fee is involved.
        return Err(SheetRefusal::new(
            "PACKAGE_FORMAT",
            "调用支付JSAPI缺少参数：total_fee",
            "package must be prepay_id=… with the prepay_id of the prepayment",
        ));
    };
    let Some(order) = wechat.orders.by_prepay_id(prepay_id) else {
        return Err(SheetRefusal::new(
            "UNKNOWN_PREPAY_ID",
            "支付订单不存在，请重新下单",
            "no order has this prepay_id",
        ));
    };
    let Some(merchant) = wechat.merchants.get(&order.account.mch_id) else {
        return Err(SheetRefusal::new(
            "MCHID_NOT_EXIST",
            "商户号不存在",
            "the order's merchant is gone",
        ));
    };
    if jsapi.app_id != order.payer_appid() {
        return Err(SheetRefusal::new(
            "APPID_MISMATCH",
            "支付验证签名失败",
            format!(
                "appId must be the application whose openid the order was made with: {}",
                order.payer_appid()
            ),
        ));
    }
    let sign_type = order.dialect.package_sign_type();
    if jsapi.sign_type != sign_type {
        return Err(SheetRefusal::new(
            "SIGN_TYPE_MISMATCH",
            "支付验证签名失败",
            format!("signType must be the prepayment's: {sign_type}"),
        ));
    }
    if !is_signed(wechat, &jsapi, order.dialect, merchant) {
        return Err(SheetRefusal::new(
            "PAY_SIGN_MISMATCH",
            "支付验证签名失败",
            "paySign is not the merchant key's signature over the other five fields",
        ));
    }
    if order.trade_type != TradeType::Jsapi {
        return Err(SheetRefusal::new(
            "TRADE_TYPE_MISMATCH",
            "支付场景非法",
            format!(
                "the order was made for {}, and this is JSAPI",
                order.trade_type.as_str()
            ),
        ));
    }
    if order.prepay_id.as_deref() != Some(prepay_id) {
        return Err(NotPayable::Expired.into());
    }
    order.payable(now_ms)?;
    check_payer(order, payer)?;
    check_directory(&merchant.jsapi_directories, page_url)?;
    Ok(order.key())
}

/// Checks the seven fields of section 8.5 as WeChat does.
fn check_app_package(
    wechat: &WeChat,
    payer: Payer,
    package: &Map<String, Value>,
    now_ms: i64,
) -> Result<String, SheetRefusal> {
    let app = App {
        appid: text(package, "appid")?,
        partnerid: text(package, "partnerid")?,
        prepayid: text(package, "prepayid")?,
        package: text(package, "package")?,
        noncestr: text(package, "noncestr")?,
        timestamp: text(package, "timestamp")?,
        sign: text(package, "sign")?,
    };
    if !app.timestamp.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SheetRefusal::new(
            "TIMESTAMP_FORMAT",
            "参数错误：timestamp",
            "timestamp must be seconds since 1970 in decimal digits",
        ));
    }
    if app.noncestr.len() > 32 {
        return Err(SheetRefusal::new(
            "NONCE_TOO_LONG",
            "参数错误：noncestr",
            "noncestr has at most 32 characters",
        ));
    }
    if app.package != APP_PACKAGE {
        return Err(SheetRefusal::new(
            "PACKAGE_FORMAT",
            "参数错误：package",
            format!("package must be {APP_PACKAGE}"),
        ));
    }
    let Some(order) = wechat.orders.by_prepay_id(&app.prepayid) else {
        return Err(SheetRefusal::new(
            "UNKNOWN_PREPAY_ID",
            "支付订单不存在，请重新下单",
            "no order has this prepayid",
        ));
    };
    let Some(merchant) = wechat.merchants.get(&order.account.mch_id) else {
        return Err(SheetRefusal::new(
            "MCHID_NOT_EXIST",
            "商户号不存在",
            "the order's merchant is gone",
        ));
    };
    let appid = order.payer_appid();
    if app.appid != appid {
        return Err(SheetRefusal::new(
            "APPID_MISMATCH",
            "appid与下单时不一致",
            format!("appid must be the application that the order was made for: {appid}"),
        ));
    }
    let account = &order.account;
    let partner = account.sub_mch_id.as_deref().unwrap_or(&account.mch_id);
    if app.partnerid != partner {
        return Err(SheetRefusal::new(
            "PARTNER_MISMATCH",
            "商户号与下单时不一致",
            format!("partnerid must be the merchant that is paid: {partner}"),
        ));
    }
    if !is_app_signed(wechat, &app, order.dialect, merchant) {
        return Err(SheetRefusal::new(
            "SIGN_MISMATCH",
            "支付验证签名失败",
            "sign is not the merchant key's signature over the other six fields",
        ));
    }
    if order.trade_type != TradeType::App {
        return Err(SheetRefusal::new(
            "TRADE_TYPE_MISMATCH",
            "支付场景非法",
            format!(
                "the order was made for {}, and this is APP",
                order.trade_type.as_str()
            ),
        ));
    }
    if order.prepay_id.as_deref() != Some(app.prepayid.as_str()) {
        return Err(NotPayable::Expired.into());
    }
    order.payable(now_ms)?;
    check_payer(order, payer)?;
    Ok(order.key())
}

/// Signed with the API key in the prepayment's sign type, which an APP package
/// does not name; in APIv3 with the merchant's private key. iOnline has no APP.
fn is_app_signed(wechat: &WeChat, app: &App, dialect: Dialect, merchant: &Merchant) -> bool {
    match dialect {
        Dialect::V2 { sign_type } => app.verify(&merchant.secret(), sign_type).is_ok(),
        Dialect::V3Global | Dialect::V3Mainland => v3::is_app_signed(wechat, app, merchant),
        Dialect::Ionline => false,
    }
}

/// Signed with the API key in v2 and by iOnline, with the merchant's private
/// key in APIv3.
fn is_signed(wechat: &WeChat, jsapi: &Jsapi, dialect: Dialect, merchant: &Merchant) -> bool {
    match dialect {
        Dialect::V2 { .. } | Dialect::Ionline => jsapi.verify(&merchant.secret()).is_ok(),
        Dialect::V3Global | Dialect::V3Mainland => v3::is_package_signed(wechat, jsapi, merchant),
    }
}

/// A required string field of the package, not empty. A number is refused,
/// because WeChat on iOS fails on it.
fn text(package: &Map<String, Value>, name: &str) -> Result<String, SheetRefusal> {
    match package.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        None | Some(Value::Null | Value::String(_)) => Err(SheetRefusal::new(
            "MISSING_PARAMETER",
            format!("调用支付JSAPI缺少参数：{name}"),
            format!("the package has no {name} (names are case-sensitive)"),
        )),
        Some(_) => Err(SheetRefusal::new(
            "NOT_A_STRING",
            format!("调用支付JSAPI缺少参数：{name}"),
            format!("{name} must be a string"),
        )),
    }
}

fn check_payer(order: &Order, payer: Payer) -> Result<(), SheetRefusal> {
    match order.payer {
        Some(only) if only != payer => Err(SheetRefusal::new(
            "PAYER_MISMATCH",
            "下单账号与支付账号不一致，请核实后再支付",
            format!(
                "the order was made for {}'s openid, and {} pays",
                only.as_str(),
                payer.as_str()
            ),
        )),
        _ => Ok(()),
    }
}

/// The page must be directly in a registered directory, not below one (section
/// 7.3.2). Without a registered directory every page may pay; a script that
/// names no page is not checked.
fn check_directory(registered: &[String], page_url: Option<&str>) -> Result<(), SheetRefusal> {
    let Some(page) = page_url.filter(|_| !registered.is_empty()) else {
        return Ok(());
    };
    let here = directory(page);
    if here.is_some() && registered.iter().any(|known| directory(known) == here) {
        return Ok(());
    }
    Err(SheetRefusal::new(
        "DIRECTORY_NOT_REGISTERED",
        format!("当前页面的URL未注册：{page}"),
        format!(
            "the page must lie directly in one of the merchant's payment directories: {}",
            registered.join(", ")
        ),
    ))
}

/// `http://127.0.0.1:8787/pay/?s=1` → `http://127.0.0.1:8787/pay/`. `localhost`
/// and `127.0.0.1` count as the same host.
fn directory(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    let host = match url.host_str()? {
        "localhost" | "[::1]" => "127.0.0.1",
        host => host,
    };
    let port = url.port_or_known_default()?;
    let (path, _file) = url.path().rsplit_once('/')?;
    Some(format!("{}://{host}:{port}{path}/", url.scheme()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j5_a_directory_is_matched_exactly() {
        let registered = ["http://127.0.0.1:8787/pay/".to_owned()];
        for (page, fits) in [
            ("http://127.0.0.1:8787/pay/?s=1#x", true),
            ("http://127.0.0.1:8787/pay/index.html", true),
            ("http://localhost:8787/pay/", true),
            ("http://127.0.0.1:8787/pay", false),
            ("http://127.0.0.1:8787/pay/deeper/", false),
            ("http://127.0.0.1:8788/pay/", false),
            ("https://127.0.0.1:8787/pay/", false),
            ("", false),
        ] {
            let got = check_directory(&registered, Some(page));
            assert_eq!(got.is_ok(), fits, "{page}");
            assert!(check_directory(&[], Some(page)).is_ok());
        }
        assert!(check_directory(&registered, None).is_ok());
    }
}
