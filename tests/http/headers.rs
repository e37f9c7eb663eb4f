//! Headers on the wire: bytes of any kind in them, and texts that could begin
//! another header.

use crate::LIVE;
use crate::crash::raw;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::live::{Shop, send};

const WECHAT: &str = "Mozilla/5.0 (Linux; Android 13; M2012K11AC) AppleWebKit/537.36 Mobile MicroMessenger/8.0.44 NetType/WIFI Language/zh_CN";
const DESKTOP: &str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0.0.0 Safari/537.36";

/// A merchant whose payers can sign in inside WeChat.
fn shop(id: &str) -> Shop {
    let change = json!({
        "app_secret": LIVE.account("1900000109")["app_secret"],
        "redirect_origins": ["https://shop.example.com"],
    });
    LIVE.shop(id, &change)
}

/// Sends a request byte for byte; returns the answer.
fn request(method: &str, path: &str, headers: &[(&str, &[u8])], body: &str) -> Vec<u8> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\n").into_bytes();
    for (name, value) in headers {
        request.extend(format!("{name}: ").bytes());
        request.extend(*value);
        request.extend(b"\r\n");
    }
    request.extend(format!("content-length: {}\r\n\r\n{body}", body.len()).bytes());
    request
}

/// An answer's status and headers.
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    fn of(request: &[u8]) -> Self {
        let (status, text) = raw(request);
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        let headers = head.split("\r\n").skip(1).map(|line| {
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            (name.to_lowercase(), value.to_owned())
        });
        Self {
            status,
            headers: headers.collect(),
        }
    }

    fn get(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value)
    }

    /// Its names, without those of the transport.
    fn names(&self) -> BTreeSet<&str> {
        let names = self.headers.iter().map(|(name, _)| name.as_str());
        names
            // The runtimes' own; only the native program sends a date.
            .filter(|name| !["content-length", "date", "transfer-encoding"].contains(name))
            .collect()
    }
}

/// The path of an address of the gateway's.
fn path_of(url: &Value) -> String {
    let path = url
        .as_str()
        .and_then(|url| url.strip_prefix(&LIVE.gateway()));
    path.unwrap_or_else(|| panic!("{url}")).to_owned()
}

fn checkout(shop: &Shop, number: &str) -> String {
    let body = json!({"out_trade_no": number, "body": "Oolong", "total_fee": 8800});
    let made = shop.call("POST", "/v1/checkout", body.to_string()).json();
    path_of(&made["data"]["url"])
}

/// A phone whose model is written in Chinese is recognised as WeChat like any
/// other, and a cookie of another page of the merchant's domain hides none of
/// the gateway's.
#[test]
fn bytes_that_are_not_ascii_hide_no_header() {
    let shop = shop("bytes");
    let page = checkout(&shop, "bytes-1");
    // The payer is signed in.
    let begun = Head::of(&request(
        "GET",
        &page,
        &[("user-agent", WECHAT.as_bytes())],
        "",
    ));
    assert_eq!(begun.status, 302);
    let cookie = |head: &Head| head.get("set-cookie").split(';').next().unwrap().to_owned();
    let back = send(
        "GET",
        begun.get("location"),
        &[("x-sandbox-payer", "alice")],
        "",
    );
    let callback = path_of(&back.header("location").into());
    let flow = cookie(&begun);
    let arrived = Head::of(&request(
        "GET",
        &callback,
        &[("cookie", flow.as_bytes())],
        "",
    ));
    let payer = cookie(&arrived);
    assert!(
        payer.starts_with("weceive_payer_"),
        "{payer}: {}",
        LIVE.log()
    );

    // UTF-8, GBK, Latin-1.
    for model in ["红米".as_bytes(), b"\xba\xec\xc3\xd7", b"\xe9t\xe9"] {
        let agent = [
            &b"Mozilla/5.0 (Linux; Android 13; "[..],
            model,
            b" K40) MicroMessenger/8.0.44",
        ]
        .concat();
        let cookies = [b"city=", model, b"; ", payer.as_bytes(), b"; other=", model].concat();
        let agent = ("user-agent", agent.as_slice());
        let outside = Head::of(&request("GET", &page, &[agent], ""));
        assert_eq!(outside.status, 302, "{model:?}: not in WeChat");
        let known = [agent, ("cookie", cookies.as_slice())];
        let known = Head::of(&request("GET", &page, &known, ""));
        assert_eq!(known.status, 200, "{model:?}: not recognised");
    }
}

/// The headers of every answer.
const ALWAYS: [&str; 6] = [
    "cache-control",
    "content-type",
    "referrer-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-request-id",
];
const PAGE: &[&str] = &["content-security-policy", "vary", "x-frame-options"];
const SIGN_IN: &[&str] = &["location", "set-cookie"];

/// Each text that could reach a header, with line breaks in it: the answer has
/// its usual headers, and no other.
#[test]
fn no_text_becomes_a_header_on_the_wire() {
    const EVIL: &str = "\r\nX-Injected: 1\r\nSet-Cookie: weceive_payer_x=1\r\n\r\n<script>";
    let coded: String = EVIL.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let shop = shop("wire");
    let keys = [
        ("api-key", shop.api_key.as_bytes()),
        ("api-secret", shop.api_secret.as_bytes()),
        ("content-type", b"application/json"),
    ];
    let mut seen = 0;
    let mut check = |name: &str, request: &[u8], statuses: &[u16], more: &[&str]| {
        let head = Head::of(request);
        let expected = ALWAYS.iter().chain(more).copied().collect();
        let (status, names) = (head.status, head.names());
        assert!(statuses.contains(&status), "{name}: {status}");
        assert_eq!(names, expected, "{name}: {status}");
        seen += 1;
        head
    };

    // A merchant's texts, and the pages with them.
    for (n, evil) in [EVIL, &coded].into_iter().enumerate() {
        for (field, value) in [
            ("success_url", format!("https://shop.example.com/{evil}")),
            ("cancel_url", format!("https://shop.example.com/?x={evil}")),
            ("notify_url", format!("http://127.0.0.1:9/{evil}")),
            ("body", format!("Oolong{evil}")),
            ("attach", format!("x{evil}")),
            ("out_trade_no", format!("x{evil}")),
        ] {
            let mut order = json!({"out_trade_no": format!("wire-{n}-{field}"), "body": "Oolong", "total_fee": 8800});
            order[field] = value.into();
            let order = order.to_string();
            let made = request("POST", "/v1/checkout", &keys, &order);
            let name = format!("{field} {n}");
            let head = check(&name, &made, &[200, 400], &[]);
            if head.status != 200 {
                continue;
            }
            let made = shop.call("POST", "/v1/checkout", order).json();
            let page = path_of(&made["data"]["url"]);
            for (agent, status, more) in [(DESKTOP, 200, PAGE), (WECHAT, 302, SIGN_IN)] {
                let page = request("GET", &page, &[("user-agent", agent.as_bytes())], "");
                check(&name, &page, &[status], more);
            }
        }
    }
    let page = checkout(&shop, "wire-1");
    let link = json!({"body": "Oolong", "total_fee": 8800}).to_string();
    let link = shop.call("POST", "/v1/link", link).json()["data"]["id"].clone();
    let link = link.as_str().unwrap();

    // A merchant's Quick Auth service.
    for (n, evil) in [EVIL, &coded].into_iter().enumerate() {
        let id = format!("wire-service-{n}");
        let url = format!("https://wemine.example.com/{evil}");
        let service = json!({
            "id": id, "name": "Demo Tea House", "fee_type": "HKD",
            "appid": tests::live::APPID, "mch_id": "1900000109", "api_key": tests::live::KEY,
            "quick_auth": {"url": url, "token": evil},
        });
        let made = LIVE.try_make(&service);
        assert!([200, 400].contains(&made.status), "{}", made.text());
        if made.status == 200 {
            let data = made.json()["data"].clone();
            let keys = [
                ("api-key", data["api-key"].as_str().unwrap()),
                ("api-secret", data["api-secret"].as_str().unwrap()),
            ];
            let body = json!({"out_trade_no": id, "body": "Oolong", "total_fee": 8800});
            let url = format!("{}/v1/checkout", LIVE.gateway());
            let made = send("POST", &url, &keys, body.to_string()).json();
            let page = path_of(&made["data"]["url"]);
            let page = request("GET", &page, &[("user-agent", WECHAT.as_bytes())], "");
            check(&id, &page, &[302], SIGN_IN);
        }
    }

    // Texts in a payer's address.
    for (path, status, more) in [
        (
            format!("{page}&lang={coded}&env={coded}&back={coded}"),
            200,
            PAGE,
        ),
        (format!("/pay/?s={coded}"), 404, PAGE),
        (format!("/pay/?l={coded}&once={coded}"), 404, PAGE),
        (
            format!("/pay/?l={link}&once={coded}&lang={coded}"),
            200,
            PAGE,
        ),
        (format!("/pay/result?l={coded}&once={coded}"), 400, &[]),
        (format!("/pay/qr?l={link}&format={coded}"), 400, &[]),
        (format!("/pay/sheet?l={link}&paper={coded}"), 400, &[]),
        (
            format!("/oauth/callback?state={coded}&code={coded}"),
            400,
            PAGE,
        ),
        (
            format!("/oauth/return?flow={coded}&wx_openid={coded}"),
            400,
            PAGE,
        ),
        (
            format!("/wx-bridge/oauth_bridge.php?quick_auth={coded}&redirect={coded}"),
            404,
            &[],
        ),
        (format!("/{coded}"), 404, &[]),
    ] {
        let asked = request("GET", &path, &[("user-agent", DESKTOP.as_bytes())], "");
        check(&path, &asked, &[status], more);
    }
    let form = format!("l={link}&once=0123456789abcdef{}&lang={coded}", "a");
    let form_type = ("content-type", &b"application/x-www-form-urlencoded"[..]);
    let sent = request(
        "POST",
        "/pay/link",
        &[form_type, ("user-agent", DESKTOP.as_bytes())],
        &form,
    );
    check("a link's form", &sent, &[303], SIGN_IN);

    // Texts in headers. The id in an answer is generated, or one that needs no
    // escaping anywhere.
    let odd: [&[u8]; 8] = [
        b"ok-0123456789\x01",
        b"ok-0123456789\t\x7f",
        b"ok 0123456789",
        b"ok-0123456789\xe7\xba\xa2",
        b"ok-0123456789%0d%0aX-Injected: 1",
        b"ok-0123456789\rX-Injected: 1",
        b"ok-0123456789\",\"who\":\"admin",
        &[b'a'; 4096],
    ];
    for value in odd {
        for name in [
            "x-request-id",
            "cf-ray",
            "cookie",
            "origin",
            "accept-language",
            "user-agent",
        ] {
            let cookie = [b"weceive_payer_wx5a11d0b0c0ffee01=", value].concat();
            let value = match name {
                "cookie" => cookie.as_slice(),
                _ => value,
            };
            let request = request("GET", &page, &[(name, value)], "");
            let shown = format!("{name}: {}", value.escape_ascii());
            // The runtime itself refuses some.
            let (status, text) = raw(&request);
            if status == 400 && !text.to_lowercase().contains("x-request-id") {
                assert!(!text.to_lowercase().contains("x-injected"), "{text}");
                continue;
            }
            let head = check(&shown, &request, &[200], PAGE);
            let id = head.get("x-request-id");
            assert!(
                id.len() <= 64
                    && id
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)),
                "{shown}: {id}"
            );
            assert!(
                !id.contains("0123456789") && !id.starts_with("aaaa"),
                "{shown}: {id}"
            );
        }
    }
    let taken = request("GET", &page, &[("x-request-id", b"an-id-of-a-proxy")], "");
    let taken = check("a proxy's id", &taken, &[200], PAGE);
    assert_eq!(taken.get("x-request-id"), "an-id-of-a-proxy");
    assert!(seen > 60, "{seen}");
    for line in LIVE.log().lines().filter(|line| line.starts_with('{')) {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
}
