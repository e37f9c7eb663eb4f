//! `pay_url`: iOnline's own page, which starts the payment inside WeChat. It
//! needs no authentication and shows the order to pay.

use super::prepay::{self};
use crate::language::Language;
use crate::moment::Moment;
use crate::page::{page_in, refusal};
use crate::web::{self, Answer, Request, escape};
use crate::wechat::dialect::Dialect;
use crate::wechat::oauth;
use crate::wechat::orders::{self, Order};
use crate::wechat::state::WeChat;
use http::{Method, StatusCode};

pub(super) const SCRIPT_PATH: &str = "/gateway/pay.js";

const SCRIPT: &str = include_str!("pay.js");

pub(super) fn script() -> Answer {
    web::javascript(SCRIPT)
}

/// The page.
pub(super) fn show(wechat: &WeChat, request: &Request, moment: &mut Moment<'_>) -> Answer {
    if request.method() != Method::GET {
        return web::method_not_allowed("GET");
    }
    let language = Language::of(request);
    let is_wechat = web::request_header(request, "user-agent")
        .is_some_and(|agent| agent.contains("MicroMessenger"));
    if !is_wechat {
        return oauth::open_in_wechat(language);
    }
    let token_id = web::query(request, "token_id").unwrap_or_default();
    let made = find(wechat, &token_id, moment.now_ms)
        .and_then(|order| Some((order, prepay::package(wechat, order, moment)?)));
    let Some((order, package)) = made else {
        let invalid = [
            "This payment request is no longer valid",
            "支付请求已失效，请重新发起支付",
            "付款請求已失效，請重新發起付款",
        ];
        let message = "This pay_url names no order that can be paid.";
        return refusal(language, invalid, message, "");
    };
    let package = serde_json::to_string(&package).unwrap_or_default();
    let [pay, paid, unpaid] = match language {
        Language::En => ["Pay", "Paid", "Not paid"],
        Language::ZhCn => ["立即支付", "支付成功", "未支付"],
        Language::ZhTw => ["立即付款", "付款成功", "未付款"],
    };
    page_in(
        language,
        StatusCode::OK,
        language.of_three(["WeChat Pay", "微信支付", "微信支付"]),
        "narrow",
        &format!(
            "<main class=\"notice\"><p>{}</p><h1>{}</h1><p>{}</p>\
             <button id=\"pay\" data-package=\"{}\" data-paid=\"{paid}\" data-unpaid=\"{unpaid}\">{pay}</button>\
             <p id=\"state\" role=\"status\"></p></main>\
             <script src=\"{SCRIPT_PATH}\"></script>",
            escape(orders::payee(&wechat.merchants, order)),
            escape(&orders::amount_in(order.money, language)),
            escape(order.term("body").unwrap_or_default()),
            escape(&package),
        ),
    )
}

/// An order made here that can still be paid.
fn find<'a>(wechat: &'a WeChat, token_id: &str, now_ms: i64) -> Option<&'a Order> {
    let prepay_id = format!("wx{token_id}");
    wechat.orders.by_prepay_id(&prepay_id).filter(|order| {
        order.dialect == Dialect::Ionline
            && order.prepay_id.as_deref() == Some(&prepay_id)
            && order.payable(now_ms).is_ok()
    })
}
