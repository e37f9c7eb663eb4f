//! H5 payment: the page to which a phone's browser outside WeChat is sent
//! (`mweb_url`). The tester chooses the payer on it.

use crate::moment::Moment;
use crate::page::page;
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

/// `GET`: the sheet, once for each payer.
pub(crate) fn show(wechat: &WeChat, request: &Request) -> Answer {
    let prepay_id = web::query(request, "prepay_id").unwrap_or_default();
    let Some(order) = find(wechat, &prepay_id) else {
        return problem(
            "支付请求已失效，请重新发起支付",
            "This mweb_url names no H5 order.",
        );
    };
    let hidden = |name: &str, value: &str| {
        format!(
            "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
            escape(value)
        )
    };
    let redirect = web::query(request, "redirect_url").unwrap_or_default();
    let buttons: String = Payer::ALL
        .into_iter()
        .map(|payer| {
            format!(
                "<button name=\"payer\" value=\"{0}\">Pay as {0}</button>",
                payer.as_str()
            )
        })
        .collect();
    page(
        StatusCode::OK,
        "WeChat Pay",
        "narrow",
        &format!(
            "<main class=\"notice\"><p>{}</p><h1>{}</h1><p>{}</p>\
             <form method=\"post\" action=\"{PATH}\">{}{}{buttons}\
             <button name=\"payer\" value=\"\" class=\"quiet\">Cancel</button></form></main>",
            escape(orders::payee(&wechat.merchants, order)),
            escape(&orders::amount_text(order.money)),
            escape(order.term("body").unwrap_or_default()),
            hidden("prepay_id", &prepay_id),
            hidden("redirect_url", &redirect),
        ),
    )
}

/// `POST`: pays or cancels, and redirects to the merchant's page.
pub(crate) fn act(wechat: &mut WeChat, request: &Request, moment: &mut Moment<'_>) -> Answer {
    let field = |name| web::parameter(request.body(), name).unwrap_or_default();
    let Some(order) = find(wechat, &field("prepay_id")) else {
        return problem(
            "支付请求已失效，请重新发起支付",
            "This mweb_url names no H5 order.",
        );
    };
    if moment.now_ms >= order.prepaid_ms.saturating_add(MWEB_URL_SECONDS * 1000) {
        return problem(
            "支付请求已失效，请重新发起支付",
            "An mweb_url is valid for five minutes.",
        );
    }
    let key = order.key();
    if let Some(payer) = Payer::from_name(&field("payer")) {
        let done = invoke::pay_directly(wechat, &key, payer, Some(Action::Pay), moment);
        if done.get("ok") != Some(&true.into()) {
            let text = |name| done.get(name).and_then(|v| v.as_str()).unwrap_or_default();
            return problem(text("err_desc"), text("message"));
        }
    }
    match Url::parse(&field("redirect_url")) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) => {
            web::redirect(StatusCode::SEE_OTHER, url.as_str())
        }
        _ => page(
            StatusCode::OK,
            "WeChat Pay",
            "narrow",
            "<main class=\"notice\"><h1>Back to the shop</h1>\
             <p>Without a redirect_url, WeChat goes back to the page it came from.</p></main>",
        ),
    }
}

fn find<'a>(wechat: &'a WeChat, prepay_id: &str) -> Option<&'a Order> {
    wechat
        .orders
        .by_prepay_id(prepay_id)
        .filter(|order| order.mweb_url.is_some() && order.prepay_id.as_deref() == Some(prepay_id))
}

fn problem(words: &str, message: &str) -> Answer {
    page(
        StatusCode::OK,
        words,
        "narrow",
        &format!(
            "<main class=\"notice warn\"><p class=\"sign\" aria-hidden=\"true\">!</p>\
             <h1 lang=\"zh-Hans\">{}</h1><p>{}</p></main>",
            escape(words),
            escape(message)
        ),
    )
}
