//! The sandbox's front page, and the list of its control calls.

use crate::page::page;
use crate::web::{self, Answer, Request, escape};
use crate::wechat::faults::Forgery;
use crate::wechat::state::WeChat;
use crate::wechat::{v2, v3};
use http::StatusCode;
use serde_json::{Value, json};

/// The control calls: method, path and description (`GET /sandbox/`).
pub(crate) const HELP: [(&str, &str, &str); 25] = [
    (
        "GET",
        "/sandbox/merchants",
        "every merchant with its appid, mch_id, key, app_secret, each payer's openid, and in v3 all that an APIv3 client is configured with",
    ),
    (
        "POST",
        "/sandbox/merchants",
        "make one: {name?, appid?, mch_id?, key?, app_secret?, mini_program?: {appid, app_secret?}, fee_type?, sign_type?, trade_types?, jsapi_directories?, sub_merchants?, native_callback_url?, apiv3_key?, certificate? or public_key? with serial_no?, public_key_percent?, ionline?: {mid, key}, strict?: true|false, behind_seconds?: 0}",
    ),
    (
        "POST",
        "/sandbox/merchants/{mch_id}",
        "change one: {name?, key?, app_secret?, fee_type?, sign_type?, trade_types?, jsapi_directories?, native_callback_url?, apiv3_key?, certificate? or public_key? with serial_no?, rotate_platform_certificate?, public_key_percent?, ionline?: {mid, key}, funds?: {HKD: 0, …}, strict?: true|false, behind_seconds?: 0}",
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
        "end one that is in progress: {status: SUCCESS|REFUNDCLOSE|CHANGE, sub_mch_id?}",
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
    ("GET", "/sandbox/faults", "the faults that are active"),
    (
        "POST",
        "/sandbox/faults",
        "switch it: {hold_notices?, duplicate_notices?, delay_notices_seconds?, close_after_seconds?, require_certificate?, fail_next?: {path, code, times?}, forge_next?: {forgery, on: answer|notice, times?}, wrong_row?: {mch_id, sub_mch_id?, out_trade_no, out_refund_no?, wrong, number?}}; {} switches all off",
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
        "delete every order, refund, notice and merchant made here",
    ),
];

/// The text that explains how a tester requests an error code.
const FAULTS: &str = "POST /sandbox/faults makes any call fail. Or send an out_trade_no or \
    out_refund_no that contains FAULT_ and a code: T1_FAULT_SYSTEMERROR fails each call of the code's row, \
    T1_FAULT_SYSTEMERROR@orderquery only that one; in APIv3, T1_FAULT_SYSTEM_ERROR@query. NO_ANSWER does \
    nothing and answers 504, NO_ANSWER_AFTER does what was asked first.";

/// The text that explains how a tester requests wrong answers and notices in
/// APIv3.
const FORGERIES: &str = "APIv3's answers and notices can be forged, with forge_next or with the forgery's name in a \
    number: T1_FAULT_BAD_SIGNATURE forges every answer about it and the first attempt of its notice, \
    T1_FAULT_BAD_SIGNATURE@notice only the notice.";

/// `GET /`: the front page.
pub(crate) fn index(wechat: &WeChat) -> Answer {
    let merchants: String = wechat
        .merchants
        .values()
        .map(|merchant| {
            format!(
                "<tr><td>{}</td><td><code>{}</code></td><td><code>{}</code></td>\
                 <td><code>{}</code></td><td>{} · {}</td></tr>",
                escape(&merchant.name),
                escape(&merchant.appid),
                escape(&merchant.mch_id),
                escape(&merchant.key),
                merchant.fee_type.code(),
                escape(&merchant.sign_type),
            )
        })
        .collect();
    let url = escape(&wechat.settings.public_url);
    let paths: String = v2::paths().map(|path| format!("{url}{path}\n")).collect();
    page(
        StatusCode::OK,
        "WeChat sandbox",
        "wide",
        &format!(
            "<header><p class=\"mark\">WeCeive</p><h1>A sandbox of WeChat</h1>\
             <p class=\"lead\">WeChat Pay v2, APIv3 and iOnline, OAuth and a payer's phone, on this machine. \
             No merchant account, and no money.</p></header>\n<main>\
             <ul class=\"cards\">\
             <li><a href=\"/phone/\"><b>The phone</b><span>Open links in WeChat, scan, pay, cancel, fail.</span></a></li>\
             <li><a href=\"/shop/\"><b>The demo shop</b><span>A merchant's own site, to check out from.</span></a></li>\
             <li><a href=\"/shop/inbox\"><b>The delivery inbox</b><span>What the shop's server was told.</span></a></li>\
             <li><a href=\"/sandbox/\"><b>Control calls</b><span>Make merchants, move time, see every notice.</span></a></li>\
             </ul>\n<section><h2>Merchants</h2>\
             <div class=\"scroll\"><table><thead><tr><th>Name</th><th>appid</th><th>mch_id</th><th>API key</th><th>Settings</th></tr></thead>\
             <tbody>{merchants}</tbody></table></div></section>\n\
             <section><h2>Point your code here</h2><p>Change the base address of your WeChat Pay client and its keys; nothing else. For APIv3, <a href=\"/sandbox/merchants\">/sandbox/merchants</a> has each merchant's private key, certificate and APIv3 key.</p>\
             <pre><code>{paths}{url}/v3/global/…\n{url}/v3/pay/transactions/…\n{url}/v3/certificates\n{url}/connect/oauth2/authorize\n{url}/sns/oauth2/access_token</code></pre></section></main>"
        ),
    )
}

/// `GET /sandbox/`: a page for people, JSON for programs.
pub(super) fn help(request: &Request) -> Answer {
    let wants_html =
        web::request_header(request, "accept").is_some_and(|accept| accept.contains("text/html"));
    if !wants_html {
        let calls: Vec<Value> = HELP
            .iter()
            .map(|(method, path, about)| json!({ "method": method, "path": path, "about": about }))
            .collect();
        let codes: Vec<Value> = v2::code_table()
            .map(|(code, calls)| json!({ "code": code.code(), "calls": calls, "about": code.meaning() }))
            .collect();
        let v3_codes: Vec<Value> = v3::code_table()
            .map(|(code, status, calls)| {
                json!({ "code": code.code(), "status": status, "calls": calls, "about": code.meaning() })
            })
            .collect();
        let forgeries: Vec<Value> = Forgery::ALL
            .map(|(_, name, about)| json!({ "forgery": name, "about": about }))
            .to_vec();
        let v3_calls: Vec<String> = v3::titles().collect();
        return web::json(
            StatusCode::OK,
            &json!({
                "calls": calls,
                "faults": FAULTS,
                "codes": codes,
                "v3_codes": v3_codes,
                "v3_calls": v3_calls,
                "forgeries": forgeries,
                "about_forgeries": FORGERIES,
            }),
        );
    }
    let rows: String = HELP
        .iter()
        .map(|(method, path, about)| {
            let linked = if *method == "GET" && !path.contains('{') {
                format!("<a href=\"{path}\"><code>{path}</code></a>")
            } else {
                format!("<code>{path}</code>")
            };
            format!(
                "<tr><td><code>{method}</code></td><td>{linked}</td><td>{}</td></tr>",
                escape(about)
            )
        })
        .collect();
    let codes: String = v2::code_table()
        .map(|(code, calls)| {
            format!(
                "<tr><td><code>{}</code></td><td>{calls}</td><td>{}</td></tr>",
                code.code(),
                escape(code.meaning())
            )
        })
        .collect();
    let v3_codes: String = v3::code_table()
        .map(|(code, status, calls)| {
            format!(
                "<tr><td><code>{}</code></td><td>{status}</td><td>{calls}</td><td>{}</td></tr>",
                code.code(),
                escape(code.meaning())
            )
        })
        .collect();
    let forgeries: String = Forgery::ALL
        .map(|(_, name, about)| {
            let about = escape(&about.replace('`', ""));
            format!("<tr><td><code>{name}</code></td><td>{about}</td></tr>")
        })
        .concat();
    page(
        StatusCode::OK,
        "Control calls · WeChat sandbox",
        "wide",
        &format!(
            "<header><p class=\"mark\"><a href=\"/\">WeChat sandbox</a></p><h1>Control calls</h1>\
             <p class=\"lead\">JSON in, JSON out. A wrong field is answered with its name. \
             A <code>?</code> marks a field that may be left out.</p></header>\n\
             <main><div class=\"scroll\"><table><tbody>{rows}</tbody></table></div>\
             <h2>Error codes on request</h2><p>{FAULTS}</p>\
             <div class=\"scroll\"><table><tbody>{codes}</tbody></table></div>\
             <h2>APIv3's error codes</h2>\
             <div class=\"scroll\"><table><tbody>{v3_codes}</tbody></table></div>\
             <h2>Forgeries</h2><p>{FORGERIES}</p>\
             <div class=\"scroll\"><table><tbody>{forgeries}</tbody></table></div></main>"
        ),
    )
}
