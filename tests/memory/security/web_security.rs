//! Attacks through the web: other sites' pages, hostile texts, redirects,
//! guessed ids, and random bytes. `docs/threat-model.md` has the list.

use crate::checkout::sign_in::{Browser, DESKTOP, WECHAT, checkout, with_secret};
use gateway::http::error::Code;
use gateway::route::ROUTES;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::memory::{ADMIN_TOKEN, GATEWAY, Memory, SHOP_NOTIFY, Shop};

const ROBOT: &str = "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)";
const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";

/// The paths of every endpoint, with `demo` for `{id}`.
fn paths() -> BTreeSet<String> {
    let paths: BTreeSet<String> = ROUTES
        .iter()
        .map(|route| route.path.replace("{id}", "demo"))
        .collect();
    assert!(paths.len() > 35, "{paths:?}");
    paths
}

fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &[u8])],
    body: &[u8],
) -> Option<http::Request<Vec<u8>>> {
    let mut request = http::Request::builder()
        .method(method)
        .uri(format!("{GATEWAY}{path}"));
    for (name, value) in headers {
        let value = http::HeaderValue::from_bytes(value).ok()?;
        request = request.header(*name, value);
    }
    // The runtime does not pass a text that is not an address.
    request.body(body.to_vec()).ok()
}

/// Random input to every endpoint with every method gets an answer with a code,
/// causes no panic, and reveals nothing internal.
#[test]
fn random_input_is_refused_by_name_on_every_path() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let keys = [
        ("api-key", shop.api_key.clone()),
        ("api-secret", shop.api_secret.clone()),
        ("authorization", format!("Bearer {ADMIN_TOKEN}")),
    ];
    let secrets = [
        shop.api_key.as_str(),
        &shop.api_secret,
        ADMIN_TOKEN,
        "weceive-sandbox-demo-key-0000001",
        "5a11d0b0c0ffee015a11d0b0c0ffee01",
        "7b7b7b7b",
    ];
    let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    let long = "x".repeat(5000);
    let queries = [
        String::new(),
        "?".to_owned(),
        "?&&==&".to_owned(),
        "?s=%&l=%zz&out_trade_no=%c3%28&id=%ff&state=%00&flow=%0d%0a&lang=%0aX:y".to_owned(),
        "?s=demo.&l=demo.&out_trade_no=..%2f&out_trade_no=1&id=9999999999999999999&date=x"
            .to_owned(),
        format!("?s={long}&l={long}&out_trade_no={long}&code={long}&state={long}&redirect={long}"),
        "?s[]=1&l[$ne]=1&out_trade_no=1'--&id=-1&size=1e9&format=../../etc/passwd".to_owned(),
        "?wx_openid=<script>&redirect=javascript:alert(1)&quick_auth='&once=\u{1F600}"
            .replace('\u{1F600}', "%F0%9F%98%80"),
    ];
    let deep = "[".repeat(3000);
    let bodies: [&[u8]; 14] = [
        b"",
        b"{}",
        b"null",
        b"[]",
        b"{\"out_trade_no\":1e400}",
        b"{\"out_trade_no\":{\"a\":[1]},\"body\":[],\"total_fee\":{},\"trade_type\":true,\"id\":[],\"code\":1,\"s\":{}}",
        b"{\"a\":1,\"a\":2}",
        b"\xff\xfe{\x00}\x00",
        b"{\"out_trade_no\":\"\xc3\x28\"}",
        b"{\"out_trade_no\":\"\\ud800\"}",
        b"<xml><a>1</a></xml>",
        b"l=%zz&once=%00&amount=1e9&quantity=-1",
        b"--x\r\ncontent-disposition: form-data; name=\"l\"\r\n\r\n1\r\n--x--",
        deep.as_bytes(),
    ];
    let odd: [&[(&str, &[u8])]; 5] = [
        &[],
        &[
            ("content-type", b"application/json"),
            ("sec-fetch-site", b"same-origin"),
            ("user-agent", b"MicroMessenger/8.0.60"),
        ],
        &[
            (
                "cookie",
                b"a=b; weceive_payer_wx5a11d0b0c0ffee01=x.y; =; ;;",
            ),
            ("user-agent", b"\xff\xfe"),
            ("accept-language", b";q=9,*;;,"),
        ],
        &[
            ("authorization", b"Bearer "),
            ("api-key", b"\xff"),
            ("api-secret", b""),
            ("api-token", b"x"),
            ("origin", b"null"),
        ],
        &[
            ("api-key", b"a"),
            ("api-key", b"b"),
            ("wechatpay-timestamp", b"99999999999999999999"),
            ("wechatpay-nonce", b"n"),
            ("wechatpay-serial", b"s"),
            ("wechatpay-signature", b"***"),
        ],
    ];
    let mut asked = 0;
    let mut refusals = BTreeSet::new();
    for path in paths() {
        for method in [
            "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "BREW",
        ] {
            // Every input where it can have an effect, and one of each kind
            // elsewhere.
            let all = ["GET", "POST", "DELETE"].contains(&method);
            for (n, query) in queries.iter().enumerate() {
                for (m, body) in bodies.iter().enumerate() {
                    let with_keys = (n + m) % 2 == 0;
                    let plain = n > 0 && m > 1 && (n + m) % 5 != 0;
                    if plain || (!all && n + m > 1) {
                        continue;
                    }
                    let mut headers = odd[(n + m) % odd.len()].to_vec();
                    if with_keys {
                        headers.retain(|(name, _)| !keys.iter().any(|(key, _)| key == name));
                        headers.extend(keys.iter().map(|(name, value)| (*name, value.as_bytes())));
                    }
                    let Some(request) = request(method, &format!("{path}{query}"), &headers, body)
                    else {
                        continue;
                    };
                    asked += 1;
                    let what = format!("{method} {path}{query} {}", String::from_utf8_lossy(body));
                    let answer = world.send(request);
                    let (status, text) = (
                        answer.status().as_u16(),
                        String::from_utf8_lossy(answer.body()).into_owned(),
                    );
                    assert!(
                        status < 500 || status == 502 || status == 503,
                        "{what}: {status} {text}"
                    );
                    let rotated = path.ends_with("/rotate") && status == 200;
                    for secret in secrets {
                        assert!(rotated || !text.contains(secret), "{what}: {text}");
                    }
                    let json = serde_json::from_str::<Value>(&text);
                    if let (400.., Ok(json)) = (status, json)
                        && !path.starts_with("/notify/v3")
                    {
                        let code = json["code"].as_str().unwrap_or_default().to_owned();
                        assert!(names.contains(code.as_str()), "{what}: {text}");
                        refusals.insert(code);
                    }
                }
            }
        }
    }
    assert!(asked > 3000 && refusals.len() > 12, "{asked} {refusals:?}");
}

/// A browser sends another site's request only if the answer to its preflight
/// (`OPTIONS`) allows it; none does.
#[test]
fn no_preflight_allows_another_sites_page() {
    let world = Memory::default();
    with_secret(&world);
    let foreign: [(&str, &[u8]); 3] = [
        ("origin", b"https://evil.example"),
        ("access-control-request-method", b"POST"),
        (
            "access-control-request-headers",
            b"api-key,api-secret,authorization,content-type",
        ),
    ];
    for path in paths() {
        for method in ["OPTIONS", "GET", "POST"] {
            let answer = world.send(request(method, &path, &foreign, b"{}").unwrap());
            let inviting: Vec<_> = answer
                .headers()
                .keys()
                .filter(|name| name.as_str().starts_with("access-control-"))
                .collect();
            assert!(inviting.is_empty(), "{method} {path}: {inviting:?}");
            assert!(
                method != "OPTIONS" || !answer.status().is_success(),
                "{path}"
            );
        }
    }
}

/// Requests that a browser sends by itself, with its cookies, cannot make the
/// merchant's or the operator's calls, in any content type that a form can
/// send.
#[test]
fn a_browsers_own_requests_have_no_authority() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "1");
    let mut payer = Browser::new(&world, WECHAT);
    let mut url = page.clone();
    for _ in 0..3 {
        url = payer.get(&url).1;
    }
    let cookies: Vec<String> = payer
        .cookies()
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let cookies = cookies.join("; ");
    let body =
        br#"{"out_trade_no":"9","body":"x","total_fee":1,"trade_type":"NATIVE","id":"evil"}"#;
    let before = world.upstream_calls().len();
    for path in paths()
        .iter()
        .filter(|path| path.starts_with("/v1/") || path.starts_with("/admin/"))
    {
        for content_type in [
            "application/json",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
        ] {
            for method in ["GET", "POST", "DELETE"] {
                let headers: [(&str, &[u8]); 3] = [
                    ("cookie", cookies.as_bytes()),
                    ("content-type", content_type.as_bytes()),
                    ("origin", b"https://evil.example"),
                ];
                let answer = world.send(request(method, path, &headers, body).unwrap());
                let status = answer.status().as_u16();
                assert!([401, 405].contains(&status), "{method} {path}: {status}");
            }
        }
    }
    assert_eq!(world.upstream_calls().len(), before);
}

/// A line break in a text that is copied to a header would begin another
/// header.
#[test]
fn no_text_becomes_a_header() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "1");
    let token = shop.made["quick_auth_token"].as_str().unwrap();
    let evil = "%0d%0aSet-Cookie:%20evil=1%0d%0a%0d%0a%3Cscript%3E";
    let shop_page = format!("https://shop.example.com/{evil}?x={evil}");
    let encoded: String = shop_page
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect();
    let raw: String = "https://shop.example.com/\r\nSet-Cookie: evil=1"
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect();
    let mut seen = 0;
    for path in [
        format!("{page}&lang={evil}"),
        format!("{page}&env={evil}"),
        format!("/pay/?s={evil}"),
        format!("/pay/?l={evil}&once={evil}"),
        format!("/pay/result?l={evil}&once={evil}"),
        format!("/oauth/callback?state={evil}&code={evil}"),
        format!("/oauth/return?flow={evil}&wx_openid={evil}"),
        format!("/wx-bridge/oauth_bridge.php?quick_auth={token}&redirect={encoded}"),
        format!("/wx-bridge/oauth_bridge.php?quick_auth={token}&redirect={raw}"),
        format!("/wx-bridge/oauth_bridge.php?quick_auth={evil}&redirect={evil}"),
    ] {
        for agent in [WECHAT, DESKTOP, PHONE, ROBOT] {
            let headers: [(&str, &[u8]); 1] = [("user-agent", agent.as_bytes())];
            let mut answer = world.send(request("GET", &path, &headers, b"").unwrap());
            // Follows the redirects through WeChat and back.
            for _ in 0..3 {
                for (name, value) in answer.headers() {
                    seen += 1;
                    let value = value.to_str().unwrap();
                    assert!(!value.contains(['\r', '\n']), "{path}: {name}: {value}");
                    assert!(
                        name != "set-cookie" || value.starts_with("weceive_"),
                        "{path}: {value}"
                    );
                }
                let to = answer
                    .headers()
                    .get("location")
                    .map(|to| to.to_str().unwrap().to_owned());
                let Some(to) = to.filter(|to| to.contains("open.weixin.qq.com")) else {
                    break;
                };
                let cookie = answer.headers()["set-cookie"]
                    .to_str()
                    .unwrap()
                    .split(';')
                    .next()
                    .unwrap()
                    .to_owned();
                let authorize = http::Request::get(&to)
                    .header("x-sandbox-payer", "alice")
                    .body(Vec::new())
                    .unwrap();
                let back = world.at_wechat(&authorize);
                let back = back.headers()["location"].to_str().unwrap();
                let returning = http::Request::get(back)
                    .header("cookie", cookie)
                    .header("user-agent", agent);
                answer = world.send(returning.body(Vec::new()).unwrap());
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

/// Texts of a merchant, a payer or an address are shown literally and never
/// parsed as markup, in every environment.
#[test]
fn hostile_texts_are_escaped_on_every_page() {
    let hostile = "</script><script>x()</script><img src=x onerror=x()>\"'`--><!--";
    let world = Memory::default();
    with_secret(&world);
    let shop = world.shop_with("hostile", &json!({"name": &hostile[..60], "app_secret": "5a11d0b0c0ffee015a11d0b0c0ffee01", "h5": true}));
    let made = |path: &str, body: Value| {
        let (status, answer) = shop.call("POST", path, body.to_string());
        assert_eq!(status, 200, "{answer}");
        answer["data"].clone()
    };
    let session = made(
        "/v1/checkout",
        json!({
            "out_trade_no": "X1", "body": hostile, "total_fee": 100, "attach": hostile,
            "lines": [{"name": hostile, "unit_amount": 100}], "metadata": {(hostile[..40].to_owned()): hostile},
            "success_url": "https://shop.example.com/?q=%3C/script%3E\"'<x>",
            "cancel_url": "https://shop.example.com/\"onmouseover=\"x()",
        }),
    );
    let link = made(
        "/v1/link",
        json!({"body": hostile, "max_fee": 1000, "attach": hostile}),
    );
    let at = |value: &Value| {
        value
            .as_str()
            .unwrap()
            .strip_prefix(GATEWAY)
            .unwrap()
            .to_owned()
    };
    let own = "%3C%2Fscript%3E%3Cscript%3Ex()%3C%2Fscript%3E%22%27";
    let (mut pages, mut drawn) = (0, 0);
    for path in [
        at(&session["url"]),
        format!("{}&lang={own}&env={own}&back={own}", at(&session["url"])),
        at(&link["url"]),
        format!("{}&once={own}&lang={own}", at(&link["url"])),
        at(&link["sheet_url"]),
        format!("/pay/?s={own}"),
        format!("/pay/?l={own}"),
        format!("/oauth/callback?state={own}&code={own}"),
        format!("/oauth/return?flow={own}&wx_openid={own}"),
    ] {
        for agent in [DESKTOP, PHONE, ROBOT, WECHAT, hostile] {
            let headers: [(&str, &[u8]); 2] = [
                ("user-agent", agent.as_bytes()),
                ("accept-language", b"\"><script>x()</script>"),
            ];
            let answer = world.send(request("GET", &path, &headers, b"").unwrap());
            let html = String::from_utf8_lossy(answer.body()).into_owned();
            let is_html = answer.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/html");
            if answer.status().is_redirection() || !is_html {
                continue;
            }
            pages += 1;
            drawn += usize::from(html.matches("&lt;img src=x onerror=x()&gt;").count() > 4);
            // Text between quotes in JSON is not markup.
            let (json, markup) = match html.split_once("id=\"view\">") {
                Some((before, rest)) => {
                    let (json, after) = rest.split_once("</script>").unwrap();
                    (Some(json.to_owned()), format!("{before}{after}"))
                }
                None => (None, html),
            };
            for evil in ["<script>x", "<img src=x", "<x>", "\"onmouseover", "\"'`"] {
                assert!(
                    !markup.contains(evil),
                    "{path} for {agent}: {evil}: {markup}"
                );
            }
            let policy = answer.headers()["content-security-policy"]
                .to_str()
                .unwrap();
            assert!(
                policy.contains("default-src 'none'") && !policy.contains("unsafe-inline"),
                "{path}: {policy}"
            );
            // The purchase as JSON cannot end its block, and has the same
            // contents.
            if let Some(json) = json {
                assert!(!json.contains('<'), "{json}");
                let view: Value = serde_json::from_str(&json).unwrap();
                if view["view"].is_object() {
                    assert_eq!(view["view"]["description"], hostile);
                }
            }
        }
    }
    assert!(pages > 25 && drawn > 0, "{pages} {drawn}");
}

/// The payer is redirected only to an http(s) address.
#[test]
fn a_redirect_leads_to_no_script() {
    let world = Memory::new(false);
    let shop = world.shop("demo");
    for address in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>x()</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://x/1",
        "//evil.example",
        "/relative",
        "https:",
        "https://",
        "http://shop.example.com/",
        "https://user@shop.example.com/",
        "weixin://x",
        "",
    ] {
        for name in ["success_url", "cancel_url"] {
            let mut body = json!({"out_trade_no": "1", "body": "x", "total_fee": 1});
            body[name] = json!(address);
            let (status, answer) = shop.call("POST", "/v1/checkout", body.to_string());
            let left_out = address.is_empty() && status == 200;
            assert!(
                left_out || (status, &answer["field"]) == (400, &json!(name)),
                "{address}: {answer}"
            );
        }
    }
}

/// Every call that accepts a `notify_url`, with every way to write an internal
/// address.
#[test]
fn no_notice_is_sent_into_a_private_network() {
    let world = Memory::new(false);
    let shop = world.shop_with("demo", &json!({"http_notify_url": false}));
    let addresses = [
        "http://shop.example.com/n",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://0x7f.1/",
        "https://127.0.0.1./",
        "https://0/",
        "https://0.0.0.0/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/",
        "https://metadata.google.internal/",
        "https://metadata/",
        "https://[::]/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[fe80::1]/",
        "https://[fc00::1]/",
        "https://8.8.8.8/",
        "https://localhost/",
        "https://LOCALHOST/",
        "https://localhost./",
        "https://a.localhost/",
        "https://a.localhost./",
        "https://printer.local/",
        "https://router.lan/",
        "https://db.internal./",
        "https://x.localdomain/",
        "https://intranet/",
        "https://shop.example.com@127.0.0.1/",
        "https://user:pass@shop.example.com/",
        "https://127.0.0.1:443\\@shop.example.com/",
        "https://shop.example.com:22/",
        "https://shop.example.com:25/",
        "https://shop.example.com:80/",
        "https://①②⑦.⓪.⓪.①/",
        "https://127。0。0。1/",
        "ftp://shop.example.com/",
        "gopher://shop.example.com/",
        "file:///etc/passwd",
        "//shop.example.com/",
        "shop.example.com",
        "https://shop.example.com/#x",
        "https:///x",
        "https://%31%32%37.0.0.1/",
    ];
    let order = json!({"out_trade_no": "1", "body": "x", "total_fee": 1});
    let also = |more: Value| {
        let mut body = order.clone();
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    for (path, body) in [
        ("/v1/order", also(json!({"trade_type": "NATIVE"}))),
        ("/v1/checkout", order.clone()),
        (
            "/v1/micropay",
            also(json!({"auth_code": "134650720866361395"})),
        ),
        ("/v1/link", json!({"body": "x", "total_fee": 1})),
        (
            "/v1/product",
            json!({"product_id": "p", "body": "x", "total_fee": 1}),
        ),
    ] {
        for address in addresses {
            let mut body = body.clone();
            body["notify_url"] = json!(address);
            let (status, answer) = shop.call("POST", path, body.to_string());
            assert_eq!(
                (status, &answer["code"]),
                (400, &json!("NOTIFY_URL_REFUSED")),
                "{path} {address}: {answer}"
            );
        }
        for address in [
            "https://shop.example.com/n",
            "https://shop.example.com:8443/n?x=1",
        ] {
            let mut body = body.clone();
            body["notify_url"] = json!(address);
            let (_, answer) = shop.call("POST", path, body.to_string());
            assert_ne!(
                answer["code"], "NOTIFY_URL_REFUSED",
                "{path} {address}: {answer}"
            );
        }
    }
    for address in addresses {
        let merchant = json!({
            "id": "inside", "name": "x", "fee_type": "HKD", "appid": "wx5a11d0b0c0ffee01",
            "mch_id": "1900000109", "api_key": "weceive-sandbox-demo-key-0000001",
            "refund_notify_url": address, "http_notify_url": false,
        });
        let (status, answer) = world.admin("/merchants", &merchant);
        let said = (status, &answer["code"], &answer["field"]);
        let refused = (
            400,
            &json!("NOTIFY_URL_REFUSED"),
            &json!("refund_notify_url"),
        );
        assert_eq!(said, refused, "{address}: {answer}");
    }
    assert_eq!(world.received(), []);
}

/// Guessing reveals nothing: the answers for things that do not exist and for
/// another merchant's are equal, to the byte.
#[test]
fn another_merchants_data_is_answered_like_missing_data() {
    let world = Memory::default();
    let (mine, other) = (world.shop("demo"), world.shop("other"));
    let paid = other.order(
        &json!({"out_trade_no": "SECRET1", "body": "x", "total_fee": 150,
                                   "trade_type": "NATIVE", "notify_url": SHOP_NOTIFY}),
    );
    world.scan(&paid["code_url"]);
    world.advance(1);
    let made = |path: &str, body: Value| -> Value {
        other.call("POST", path, body.to_string()).1["data"].clone()
    };
    let session = made(
        "/v1/checkout",
        json!({"out_trade_no": "SECRET2", "body": "x", "total_fee": 1}),
    );
    let link = made("/v1/link", json!({"body": "x", "total_fee": 1}));
    made(
        "/v1/product",
        json!({"product_id": "SECRET3", "body": "x", "total_fee": 1}),
    );
    let deliveries = other.call("GET", "/v1/delivery", "").1;
    let delivery = deliveries["data"]["deliveries"][0]["id"].clone();
    assert!(delivery.is_i64(), "{deliveries}");

    let ask = |shop: &Shop, method: &str, path: &str, body: String| {
        let (status, answer) = shop.call(method, path, body);
        (status, answer.to_string())
    };
    let link_id = link["id"].as_str().unwrap();
    let unknown_link = "demo.AAAAAAAAAAAAAAAAAAAAAA";
    for (method, path, theirs, nobodys) in [
        ("GET", "/v1/order?out_trade_no=", "SECRET1", "SECRET9"),
        ("GET", "/v1/order?out_trade_no=", "SECRET2", "SECRET9"),
        ("GET", "/v1/refund?out_trade_no=", "SECRET1", "SECRET9"),
        ("GET", "/v1/delivery?out_trade_no=", "SECRET1", "SECRET9"),
        ("GET", "/v1/checkout?out_trade_no=", "SECRET2", "SECRET9"),
        ("GET", "/v1/product?product_id=", "SECRET3", "SECRET9"),
        ("GET", "/v1/audit?of=money&subject=", "SECRET1", "SECRET9"),
        (
            "GET",
            "/v1/audit?of=credentials&subject=",
            "other",
            "nobody",
        ),
        ("GET", "/v1/link?id=", link_id, unknown_link),
        (
            "POST",
            "/v1/close",
            r#"{"out_trade_no":"SECRET1"}"#,
            r#"{"out_trade_no":"SECRET9"}"#,
        ),
        (
            "POST",
            "/v1/reverse",
            r#"{"out_trade_no":"SECRET1"}"#,
            r#"{"out_trade_no":"SECRET9"}"#,
        ),
        (
            "POST",
            "/v1/refund",
            r#"{"out_trade_no":"SECRET1","refund_fee":1}"#,
            r#"{"out_trade_no":"SECRET9","refund_fee":1}"#,
        ),
        (
            "POST",
            "/v1/delivery",
            &format!("{{\"id\":{delivery}}}"),
            r#"{"id":99}"#,
        ),
    ] {
        let get = method == "GET";
        let asked = |what: &str| match get {
            true => ask(&mine, method, &format!("{path}{what}"), String::new()),
            false => ask(&mine, method, path, what.to_owned()),
        };
        let (theirs_answered, nobodys_answered) = (asked(theirs), asked(nobodys));
        assert_eq!(theirs_answered, nobodys_answered, "{method} {path}{theirs}");
        assert!(
            !theirs_answered.1.contains("SECRET1"),
            "{theirs_answered:?}"
        );
    }

    // Pages of a session or a link that does not exist, of a merchant that
    // exists or not.
    let body_of = |path: &str| {
        // An error page contains the request's id.
        let headers: [(&str, &[u8]); 2] = [
            ("user-agent", DESKTOP.as_bytes()),
            ("x-request-id", b"the-same-each-time"),
        ];
        let answer = world.send(request("GET", path, &headers, b"").unwrap());
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        // The page's nonce differs each time.
        let policy = answer
            .headers()
            .get("content-security-policy")
            .map(|policy| policy.to_str().unwrap().to_owned());
        let nonce = policy.as_deref().and_then(|policy| {
            policy
                .split("nonce-")
                .nth(1)?
                .split('\'')
                .next()
                .map(str::to_owned)
        });
        (
            answer.status().as_u16(),
            nonce.map_or(text.clone(), |nonce| text.replace(&nonce, "")),
        )
    };
    for path in [
        "/pay/?s=",
        "/pay/?l=",
        "/pay/status?s=",
        "/pay/qr?l=",
        "/pay/sheet?l=",
        "/mini/status?s=",
    ] {
        let of_unknown = body_of(&format!("{path}nobody.AAAAAAAAAAAAAAAAAAAAAA"));
        assert_eq!(
            body_of(&format!("{path}other.AAAAAAAAAAAAAAAAAAAAAA")),
            of_unknown,
            "{path}"
        );
        assert_eq!(of_unknown.0, 404, "{path}");
    }
    assert!(session["url"].as_str().unwrap().contains("?s=other."));

    // The operator's calls do not reveal to an unauthenticated caller which
    // merchants exist.
    for end in ["report", "doctor"] {
        let asked = |id: &str| {
            let headers: [(&str, &[u8]); 1] = [("authorization", b"Bearer guess")];
            let path = format!("/admin/merchants/{id}/{end}");
            let answer = world.send(request("GET", &path, &headers, b"").unwrap());
            (answer.status().as_u16(), answer.body().clone())
        };
        assert_eq!(asked("other"), asked("nobody"), "{end}");
        assert_eq!(asked("other").0, 401, "{end}");
    }
    // Nor does the answer to an unknown key reveal a similar key.
    let with_key = |key: &str| {
        let headers: [(&str, &[u8]); 2] = [("api-key", key.as_bytes()), ("api-secret", b"x")];
        let answer = world.send(request("GET", "/v1/order?out_trade_no=1", &headers, b"").unwrap());
        (answer.status().as_u16(), answer.body().clone())
    };
    let near = &mine.api_key[..mine.api_key.len() - 1];
    assert_eq!(with_key(near), with_key("live_AAAAAAAAAAAAAAAAAAAAAA"));
}

/// On every path, a method that the path does not have is refused with the
/// allowed methods: HEAD where there is GET, and methods that HTTP does not
/// know are treated like any other.
#[test]
fn a_method_that_a_path_does_not_have_is_refused_with_the_allowed_ones() {
    let world = Memory::default();
    let shop = with_secret(&world);
    for path in paths() {
        let of_path = |route: &&gateway::route::Route| route.path.replace("{id}", "demo") == path;
        let mut expected = BTreeSet::new();
        for route in ROUTES.iter().filter(of_path) {
            expected.insert(route.method.as_str());
            if route.method == http::Method::GET {
                expected.insert("HEAD");
            }
        }
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "BREW",
        ] {
            let answer = world.send(
                request(method, &path, &[("api-key", shop.api_key.as_bytes())], b"").unwrap(),
            );
            if expected.contains(method) {
                assert_ne!(answer.status(), 405, "{method} {path}");
                continue;
            }
            assert_eq!(answer.status(), 405, "{method} {path}");
            let allow = answer.headers()["allow"].to_str().unwrap();
            let allow: BTreeSet<&str> = allow.split(", ").collect();
            assert_eq!(allow, expected, "{method} {path}");
        }
    }
}
