//! H5 payment: the page to which a phone's browser outside WeChat is sent
//! (`mweb_url`). The tester chooses the payer on it.

use crate::language::Language;
use crate::moment::Moment;
use crate::page::{page_in, refusal};
use crate::web::{self, Answer, Request, escape};
use crate::wechat::invoke;
use crate::wechat::orders::{self, Order};
use crate::wechat::payer_action::Action;
use crate::wechat::payers::Payer;
use crate::wechat::state::WeChat;
use http::StatusCode;
use url::Url;
use wechatpay::common::prepay::MWEB_URL_SECONDS;

/// WeChat's own path of the page.
pub(crate) const PATH: &str = "/cgi-bin/mmpayweb-bin/checkmweb";

const TITLE: [&str; 3] = ["WeChat Pay", "微信支付", "微信支付"];

/// WeChat's text for an address that names no order, or no longer.
const INVALID: [&str; 3] = [
    "This payment request is no longer valid",
    "支付请求已失效，请重新发起支付",
    "付款請求已失效，請重新發起付款",
];

/// In English, where WeChat's own text is Chinese.
const REFUSED: &str = "Payment cannot start";

/// `GET`: the sheet, once for each payer.
pub(crate) fn show(wechat: &WeChat, request: &Request) -> Answer {
    let prepay_id = web::query(request, "prepay_id").unwrap_or_default();
    let language = Language::of(request);
    let Some(order) = find(wechat, &prepay_id) else {
        return refusal(language, INVALID, "This mweb_url names no H5 order.", "");
    };
    let hidden = |name: &str, value: &str| {
        format!(
            "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
            escape(value)
        )
    };
    let redirect = web::query(request, "redirect_url").unwrap_or_default();
    let pay_as = language.of_three(["Pay as {a}", "以 {a} 支付", "以 {a} 付款"]);
    let buttons: String = Payer::ALL
        .into_iter()
        .map(|payer| {
            let name = payer.as_str();
            let label = pay_as.replace("{a}", name);
            format!("<button name=\"payer\" value=\"{name}\">{label}</button>")
        })
        .collect();
    let cancel = language.of_three(["Cancel", "取消", "取消"]);
    page_in(
        language,
        StatusCode::OK,
        language.of_three(TITLE),
        "narrow",
        &format!(
            "<main class=\"notice\"><p>{}</p><h1>{}</h1><p>{}</p>\
             <form method=\"post\" action=\"{PATH}\">{}{}{buttons}\
             <button name=\"payer\" value=\"\" class=\"quiet\">{cancel}</button></form></main>",
            escape(orders::payee(&wechat.merchants, order)),
            escape(&orders::amount_in(order.money, language)),
            escape(order.term("body").unwrap_or_default()),
            hidden("prepay_id", &prepay_id),
            hidden("redirect_url", &redirect),
        ),
    )
}

/// `POST`: pays or cancels, and redirects to the merchant's page.
pub(crate) fn act(wechat: &mut WeChat, request: &Request, moment: &mut Moment<'_>) -> Answer {
    let field = |name| web::parameter(request.body(), name).unwrap_or_default();
    let language = Language::of(request);
    let Some(order) = find(wechat, &field("prepay_id")) else {
        return refusal(language, INVALID, "This mweb_url names no H5 order.", "");
    };
    if moment.now_ms >= order.prepaid_ms.saturating_add(MWEB_URL_SECONDS * 1000) {
        let message = "An mweb_url is valid for five minutes.";
        return refusal(language, INVALID, message, "");
    }
    let key = order.key();
    if let Some(payer) = Payer::from_name(&field("payer")) {
        let done = invoke::pay_directly(wechat, &key, payer, Some(Action::Pay), moment);
        if done.get("ok") != Some(&true.into()) {
            let text = |name| done.get(name).and_then(|v| v.as_str()).unwrap_or_default();
            let (own, message) = (text("err_desc"), text("message"));
            return refusal(language, [REFUSED, own, own], message, "");
        }
    }
    match Url::parse(&field("redirect_url")) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) => {
            web::redirect(StatusCode::SEE_OTHER, url.as_str())
        }
        _ => page_in(
            language,
            StatusCode::OK,
            language.of_three(TITLE),
            "narrow",
            language.of_three([
                "<main class=\"notice\"><h1>Back to the shop</h1>\
                 <p>Without a redirect_url, WeChat goes back to the page it came from.</p></main>",
                "<main class=\"notice\"><h1>请返回商户页面</h1></main>",
                "<main class=\"notice\"><h1>請返回商戶頁面</h1></main>",
            ]),
        ),
    }
}

fn find<'a>(wechat: &'a WeChat, prepay_id: &str) -> Option<&'a Order> {
    wechat
        .orders
        .by_prepay_id(prepay_id)
        .filter(|order| order.mweb_url.is_some() && order.prepay_id.as_deref() == Some(prepay_id))
}
