//! The sandbox's own small pages: what is here, what the control calls are,
//! and what WeChat shows in OAuth.

use crate::Sandbox;
use crate::control::HELP;
use crate::web::{self, Answer, Request, escape};
use crate::wechat::faults::{self, Lie};
use crate::wechat::{mweb, v2, v3};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// How to ask for an error code.
const FAULTS: &str = "Any call can be told to fail with POST /sandbox/faults. Or send an out_trade_no or \
    out_refund_no that contains FAULT_ and a code: T1_FAULT_SYSTEMERROR fails each call of the code's row, \
    T1_FAULT_SYSTEMERROR@orderquery only that one; in APIv3, T1_FAULT_SYSTEM_ERROR@query. NO_ANSWER does \
    nothing and answers 504, NO_ANSWER_AFTER does what was asked first.";

/// How to make APIv3 lie.
const LIES: &str = "APIv3's answers and notices can be told to lie, with lie_next or with the lie's name in a \
    number: T1_FAULT_BAD_SIGNATURE makes every answer about it and the first attempt of its notice lie, \
    T1_FAULT_BAD_SIGNATURE@notice only the notice.";

const STYLE: &str = include_str!("site.css");

/// A whole page around `body`, which is HTML already.
pub(crate) fn page(status: StatusCode, title: &str, class: &str, body: &str) -> Answer {
    web::html(
        status,
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{}</title>\n<link rel=\"stylesheet\" href=\"/site.css\">\n\
             <link rel=\"icon\" href=\"data:,\">\n</head>\n\
             <body class=\"{class}\">\n{body}\n</body>\n</html>\n",
            escape(title)
        ),
    )
}

/// What no other room answers.
pub(crate) fn handle(sandbox: &Sandbox, request: &Request) -> Answer {
    let path = request.uri().path();
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return web::not_found();
    }
    match path {
        "/" => index(sandbox),
        "/healthz" => web::text(StatusCode::OK, "ok\n"),
        "/site.css" => web::css(STYLE),
        mweb::PATH => mweb::show(sandbox, request),
        _ => web::not_found(),
    }
}

fn index(sandbox: &Sandbox) -> Answer {
    let merchants: String = sandbox
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
    let url = escape(&sandbox.settings.public_url);
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
pub(crate) fn help(request: &Request) -> Answer {
    let wants_html =
        web::request_header(request, "accept").is_some_and(|accept| accept.contains("text/html"));
    if !wants_html {
        let calls: Vec<Value> = HELP
            .iter()
            .map(|(method, path, about)| json!({ "method": method, "path": path, "about": about }))
            .collect();
        let codes: Vec<Value> = faults::table()
            .map(|(code, calls)| json!({ "code": code.code(), "calls": calls, "about": code.meaning() }))
            .collect();
        let v3_codes: Vec<Value> = v3::code_table()
            .map(|(code, status, calls)| {
                json!({ "code": code.code(), "status": status, "calls": calls, "about": code.meaning() })
            })
            .collect();
        let lies: Vec<Value> = Lie::ALL
            .map(|(_, name, about)| json!({ "lie": name, "about": about }))
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
                "lies": lies,
                "about_lies": LIES,
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
    let codes: String = faults::table()
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
    let lies: String = Lie::ALL
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
             <h2>Lies</h2><p>{LIES}</p>\
             <div class=\"scroll\"><table><tbody>{lies}</tbody></table></div></main>"
        ),
    )
}

/// What WeChat shows to a browser that is not WeChat.
pub(crate) fn open_in_wechat() -> Answer {
    page(
        StatusCode::OK,
        "请在微信客户端打开链接",
        "narrow",
        "<main class=\"notice\"><p class=\"sign\" aria-hidden=\"true\">i</p>\
         <h1 lang=\"zh-Hans\">请在微信客户端打开链接</h1>\
         <p>Open this link in WeChat: here, in the <a href=\"/phone/\">sandbox's phone</a>. \
         A script adds the header <code>x-sandbox-payer: alice</code>.</p></main>",
    )
}

/// WeChat's OAuth error page: its number, its words, and ours.
pub(crate) fn oauth_error(number: &str, words: &str, message: &str) -> Answer {
    page(
        StatusCode::OK,
        words,
        "narrow",
        &format!(
            "<main class=\"notice warn\"><p class=\"sign\" aria-hidden=\"true\">!</p>\
             <h1 lang=\"zh-Hans\">{}</h1><p>{}</p><p class=\"code\">错误码: {number}</p></main>",
            escape(words),
            escape(message)
        ),
    )
}
