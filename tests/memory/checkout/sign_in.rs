//! The sign-in that finds an openid, and the payer's page after it.

use gateway::runtime::Request;
use http::header;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tests::memory::{GATEWAY, Memory, Shop};

pub(crate) const WECHAT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.60(0x18003c2f) NetType/WIFI Language/en";
pub(crate) const DESKTOP: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
const APP_SECRET: &str = "5a11d0b0c0ffee015a11d0b0c0ffee01";

/// A browser: an agent and its cookies.
pub(crate) struct Browser {
    world: Memory,
    agent: &'static str,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new(world: &Memory, agent: &'static str) -> Self {
        Self {
            world: world.clone(),
            agent,
            cookies: BTreeMap::new(),
        }
    }

    /// A request with the browser's headers and cookies.
    pub(crate) fn request(&self, method: &str, url: &str, body: &str) -> Request {
        let url = match url.starts_with('/') {
            true => format!("{GATEWAY}{url}"),
            false => url.to_owned(),
        };
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        http::Request::builder()
            .method(method)
            .uri(&url)
            .header("user-agent", self.agent)
            .header("content-type", "application/json")
            .header("x-sandbox-payer", "alice")
            .header("cookie", cookies.join("; "))
            .body(body.as_bytes().to_vec())
            .unwrap()
    }

    fn send(&mut self, method: &str, url: &str, body: &str) -> (u16, String, String) {
        let request = self.request(method, url, body);
        let answer = match request.uri().to_string().starts_with(GATEWAY) {
            true => self.world.send(request),
            false => self.world.at_wechat(&request),
        };
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            assert!(text.contains("; HttpOnly; SameSite=Lax; Secure"), "{text}");
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            match text.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let location = answer.headers().get(header::LOCATION);
        (
            answer.status().as_u16(),
            location.map_or(String::new(), |l| l.to_str().unwrap().to_owned()),
            String::from_utf8_lossy(answer.body()).into_owned(),
        )
    }

    pub(crate) fn get(&mut self, url: &str) -> (u16, String, String) {
        self.send("GET", url, "")
    }

    pub(crate) fn post(&mut self, url: &str) -> (u16, Value) {
        self.post_body(url, "{}")
    }

    pub(crate) fn post_body(&mut self, url: &str, body: &str) -> (u16, Value) {
        let (status, _, body) = self.send("POST", url, body);
        (status, serde_json::from_str(&body).unwrap())
    }

    /// Its cookies, names and values.
    pub(crate) fn cookies(&self) -> Vec<(String, String)> {
        self.cookies.clone().into_iter().collect()
    }

    /// Puts a cookie into it.
    pub(crate) fn keep(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }
}

pub(crate) fn checkout(shop: &Shop, number: &str) -> String {
    let body = json!({"out_trade_no": number, "body": "Oolong \" 茶 <b>", "total_fee": 8800});
    let (status, answer) = shop.call("POST", "/v1/checkout", body.to_string());
    assert_eq!(status, 200, "{answer}");
    let url = answer["data"]["url"].as_str().unwrap();
    url.strip_prefix(GATEWAY).unwrap().to_owned()
}

/// The `/pay/order` of a `/pay/` address.
pub(crate) fn call(page: &str, name: &str) -> String {
    page.replace("/pay/?", &format!("/pay/{name}?"))
}

pub(crate) fn with_secret(world: &Memory) -> Shop {
    let merchants = world.control(
        "/sandbox/merchants/1900000109",
        &json!({"app_secret": APP_SECRET}),
    );
    assert!(merchants.is_object());
    world.shop_with("demo", &json!({"app_secret": APP_SECRET}))
}

#[test]
fn inside_wechat_the_sign_in_precedes_the_page() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "1");
    let mut payer = Browser::new(&world, WECHAT);

    let (status, authorize, _) = payer.get(&page);
    assert_eq!(status, 302);
    assert!(authorize.starts_with(
        "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx5a11d0b0c0ffee01&"
    ));
    assert!(authorize.ends_with("#wechat_redirect"));
    let (status, callback, _) = payer.get(&authorize);
    assert_eq!(status, 302);
    let (status, back, _) = payer.get(&callback);
    assert_eq!(status, 302);
    assert!(back.contains("showwxpaytitle=1"), "{back}");
    assert!(
        !back.contains("openid"),
        "an openid is never in an address of ours"
    );

    let (status, _, html) = payer.get(&back);
    assert_eq!(status, 200);
    assert!(html.contains("Demo Tea House"));
    assert!(html.contains("Oolong &quot; 茶 &lt;b&gt;"), "escaped");
    assert!(!html.contains("茶 <b>"), "escaped in the JSON too");

    let (status, prepared) = payer.post(&call(&page, "order"));
    assert_eq!(status, 200, "{prepared}");
    let package = prepared["jsapi"].clone();
    assert!(package["timeStamp"].is_string(), "{prepared}");
    let (_, again) = payer.post(&call(&page, "order"));
    assert_eq!(
        again["jsapi"]["package"], package["package"],
        "the same prepayment"
    );

    // The bridge's report proves no payment.
    let (_, view) = payer.post(&call(&page, "check"));
    assert_eq!(view["state"], "open");
    world.control(
        "/sandbox/bridge",
        &json!({"payer": "alice", "package": package, "action": "pay"}),
    );
    world.advance(1);
    let (_, _, status) = payer.get(&call(&page, "status"));
    let status: Value = serde_json::from_str(&status).unwrap();
    assert!(status["state"]["paid"]["paid_at_ms"].is_i64(), "{status}");
    let (_, done) = payer.post(&call(&page, "order"));
    assert!(
        done["not_open"].is_object(),
        "a paid purchase cannot be paid again: {done}"
    );

    // Opened again (the back button), it redirects to the checkout without a
    // call to WeChat; in another browser it is refused.
    let asked = world.weixin_hosts().len();
    let (status, again, _) = payer.get(&callback);
    assert_eq!((status, &again), (302, &back));
    assert_eq!(world.weixin_hosts().len(), asked);
    assert_eq!(Browser::new(&world, WECHAT).get(&callback).0, 400);
}

#[test]
fn a_callback_counts_only_in_the_browser_that_began() {
    let world = Memory::default();
    let page = checkout(&with_secret(&world), "1");
    let mut payer = Browser::new(&world, WECHAT);
    let (_, authorize, _) = payer.get(&page);
    let (_, callback, _) = payer.get(&authorize);
    let mut other = Browser::new(&world, WECHAT);
    let (status, location, _) = other.get(&callback);
    assert_eq!((status, location.as_str()), (400, ""));
    assert!(other.cookies.is_empty());
    let forged =
        callback.split("state=").next().unwrap().to_owned() + "state=AAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(payer.get(&forged).0, 400);
    world.advance(601);
    assert_eq!(payer.get(&callback).0, 400, "too late");
}

#[test]
fn a_failed_sign_in_is_shown_once_and_can_be_repeated() {
    let world = Memory::default();
    let page = checkout(&with_secret(&world), "1");
    let mut payer = Browser::new(&world, WECHAT);
    let (_, authorize, _) = payer.get(&page);
    let (_, callback, _) = payer.get(&authorize);
    let altered = callback.replace("code=", "code=x");
    let (status, back, _) = payer.get(&altered);
    assert_eq!(status, 302);
    let (status, _, html) = payer.get(&back);
    assert_eq!(status, 401);
    assert!(html.contains("OPENID_REQUIRED"), "the payer is told");
    assert!(html.contains("HK$88.00"), "beside the purchase: {html}");
    let (status, authorize, _) = payer.get(&back);
    assert_eq!(status, 302, "reloading starts another sign-in");
    let (_, callback, _) = payer.get(&authorize);
    let (_, back, _) = payer.get(&callback);
    assert_eq!(payer.get(&back).0, 200);
}

#[test]
fn a_used_code_is_refused_under_a_new_state() {
    let world = Memory::default();
    let page = checkout(&with_secret(&world), "1");
    let mut payer = Browser::new(&world, WECHAT);
    let (_, authorize, _) = payer.get(&page);
    let (_, callback, _) = payer.get(&authorize);
    assert_eq!(payer.get(&callback).0, 302);
    let used = callback.split("code=").nth(1).unwrap();
    let used = used.split('&').next().unwrap().to_owned();

    let mut other = Browser::new(&world, WECHAT);
    let (_, authorize, _) = other.get(&page);
    let (_, callback, _) = other.get(&authorize);
    let fresh = callback.split("code=").nth(1).unwrap();
    let fresh = fresh.split('&').next().unwrap();
    let (status, back, _) = other.get(&callback.replace(fresh, &used));
    assert_eq!(status, 302);
    let (status, _, html) = other.get(&back);
    assert_eq!(status, 401);
    assert!(html.contains("OPENID_REQUIRED"), "{html}");
    let (status, answer) = other.post(&call(&page, "order"));
    assert_eq!((status, &answer["code"]), (401, &json!("OPENID_REQUIRED")));
    assert_eq!(world.upstream_calls(), Vec::<String>::new());
}

#[test]
fn a_cookie_of_another_appid_is_refused() {
    let world = Memory::default();
    let page = checkout(&with_secret(&world), "1");
    let mut payer = Browser::new(&world, WECHAT);
    let (_, authorize, _) = payer.get(&page);
    let (_, callback, _) = payer.get(&authorize);
    let (_, back, _) = payer.get(&callback);
    assert_eq!(payer.get(&back).0, 200);
    let signed = payer.cookies["weceive_payer_wx5a11d0b0c0ffee01"].clone();

    // A cookie that the gateway signed, for another application.
    let other = world.shop_with(
        "other",
        &json!({"app_secret": APP_SECRET, "appid": "wx5a11d0b0c0ffee99"}),
    );
    let elsewhere = checkout(&other, "1");
    let mut payer = Browser::new(&world, WECHAT);
    payer
        .cookies
        .insert("weceive_payer_wx5a11d0b0c0ffee99".into(), signed);
    assert_eq!(payer.get(&elsewhere).0, 302, "to be recognised first");
    let (status, answer) = payer.post(&call(&elsewhere, "order"));
    assert_eq!((status, &answer["code"]), (401, &json!("OPENID_REQUIRED")));
}

#[test]
fn a_forged_or_another_deployments_cookie_is_refused() {
    let world = Memory::default();
    let page = checkout(&with_secret(&world), "1");
    let mut payer = Browser::new(&world, WECHAT);
    for value in ["", "x", "eyJhcHBpZCI6Ind4In0.AAAA"] {
        payer
            .cookies
            .insert("weceive_payer_wx5a11d0b0c0ffee01".into(), value.into());
        assert_eq!(payer.get(&page).0, 302, "{value}");
        let (status, answer) = payer.post(&call(&page, "order"));
        assert_eq!((status, &answer["code"]), (401, &json!("OPENID_REQUIRED")));
    }
    assert_eq!(world.upstream_calls(), Vec::<String>::new());
}

#[test]
fn a_desktop_gets_a_code_and_opening_the_page_makes_no_order() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let page = checkout(&shop, "1");
    let mut desktop = Browser::new(&world, DESKTOP);
    let (status, _, html) = desktop.get(&page);
    assert_eq!(status, 200);
    assert!(
        html.contains("HK$88.00"),
        "the amount can be read without a script"
    );
    assert_eq!(world.upstream_calls(), Vec::<String>::new());

    let (_, prepared) = desktop.post(&call(&page, "order"));
    let qr = &prepared["qr"];
    assert!(qr["path"].as_str().unwrap().starts_with('M'), "{prepared}");
    world.scan_as("bob", &qr["code_url"]);
    world.advance(1);
    let (_, _, view) = desktop.get(&call(&page, "status"));
    assert!(view.contains("paid_at_ms"), "{view}");
    assert_eq!(shop.status("1")["trade_state"], "SUCCESS");
}

#[test]
fn changing_the_payment_method_closes_the_earlier_attempt_first() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "1");
    let mut desktop = Browser::new(&world, DESKTOP);
    let (_, prepared) = desktop.post(&call(&page, "order"));
    let code_url = prepared["qr"]["code_url"].clone();

    let mut payer = Browser::new(&world, WECHAT);
    let mut url = page.clone();
    for _ in 0..3 {
        url = payer.get(&url).1;
    }
    let (status, prepared) = payer.post(&call(&page, "order"));
    assert_eq!(status, 200, "{prepared}");
    let calls = world.upstream_calls();
    assert_eq!(
        calls,
        [
            "/pay/unifiedorder",
            "/pay/orderquery",
            "/pay/closeorder",
            "/pay/unifiedorder"
        ]
    );
    let refused = http::Request::post("https://sandbox.example.com/sandbox/scan")
        .header("content-type", "application/json")
        .body(
            json!({"code_url": code_url, "payer": "bob", "action": "pay"})
                .to_string()
                .into(),
        )
        .unwrap();
    let refused = world.at_wechat(&refused);
    assert!(
        !String::from_utf8_lossy(refused.body()).contains("SUCCESS"),
        "the code on the desktop can no longer be paid"
    );
    world.control(
        "/sandbox/bridge",
        &json!({"payer": "alice", "package": prepared["jsapi"], "action": "pay"}),
    );
    world.advance(1);
    let status = shop.status("1");
    assert_eq!(
        status["trade_state"], "SUCCESS",
        "asked by the merchant's own number"
    );
    assert_eq!(status["out_trade_no"], "1-2");
}

#[test]
fn unknown_links_are_answered_in_the_payers_language() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let page = checkout(&shop, "1");
    let mut desktop = Browser::new(&world, DESKTOP);
    for url in [
        "/pay/",
        "/pay/?s=",
        "/pay/?s=demo.nothing",
        "/pay/?s=nobody.x",
        "/pay/?s=%3Cscript%3E",
    ] {
        let (status, _, html) = desktop.get(url);
        assert_eq!(status, 404, "{url}");
        assert!(html.contains("SESSION_NOT_FOUND"), "{url}");
        assert!(!html.contains("<script>"), "{url}");
    }
    let (_, _, html) = desktop.get(&format!("{page}&lang=zh-Hant"));
    assert!(html.contains("lang=\"zh-Hant\""));
    world.advance(1801);
    let (status, answer) = desktop.post(&call(&page, "order"));
    assert_eq!(status, 200);
    assert_eq!(answer["not_open"]["state"], "expired", "{answer}");
}

#[test]
fn another_sites_page_cannot_make_an_order() {
    let world = Memory::default();
    let page = checkout(&world.shop("demo"), "1");
    let send = |headers: &[(&str, &str)]| {
        let mut request = http::Request::post(format!("{GATEWAY}{}", call(&page, "order")));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = world.send(request.body(b"{}".to_vec()).unwrap());
        answer.status().as_u16()
    };
    let json = ("content-type", "application/json");
    assert_eq!(send(&[("content-type", "text/plain")]), 403);
    assert_eq!(send(&[json, ("origin", "https://evil.example.com")]), 403);
    assert_eq!(send(&[json, ("origin", "null")]), 403);
    assert_eq!(send(&[json, ("sec-fetch-site", "cross-site")]), 403);
    assert_eq!(send(&[json, ("sec-fetch-site", "same-site")]), 403);
    assert_eq!(world.upstream_calls(), Vec::<String>::new());
    assert_eq!(
        send(&[json, ("origin", GATEWAY), ("user-agent", DESKTOP)]),
        200
    );
}

/// Old web-views of WeChat send neither `Sec-Fetch-Site` nor `Origin`, so their
/// page cannot be distinguished from another site's. Another site can only make
/// them send a form, and no cookie of the gateway is sent with it: `Browser`
/// applies `SameSite=Lax` to each cookie.
#[test]
fn a_request_without_an_origin_has_no_authority() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "1");
    let link = json!({"body": "Oolong", "total_fee": 8800}).to_string();
    let link = shop.call("POST", "/v1/link", link).1["data"]["id"].clone();
    let calls = world.upstream_calls().len();
    let send = |path: &str, content_type: &str, body: &str| {
        let request = http::Request::post(format!("{GATEWAY}{path}"))
            .header("content-type", content_type)
            .header("user-agent", WECHAT);
        world.send(request.body(body.as_bytes().to_vec()).unwrap())
    };
    let form = "application/x-www-form-urlencoded";
    for name in ["order", "check"] {
        for content_type in [form, "text/plain", "multipart/form-data; boundary=x"] {
            let answer = send(&call(&page, name), content_type, "{}");
            assert_eq!(answer.status(), 403, "{name} {content_type}");
        }
    }
    // Nor does a request that only the gateway's page can send, without the
    // cookie.
    let answer = send(&call(&page, "order"), "application/json", "{}");
    assert_eq!(answer.status(), 401);
    // A link's form makes a purchase, without a call to WeChat.
    let bought = format!("l={}&once=0123456789abcdef", link.as_str().unwrap());
    let answer = send("/pay/link", form, &bought);
    assert_eq!(answer.status(), 303);
    // The one cookie only returns this browser to that purchase.
    let cookies = answer.headers().get_all("set-cookie").iter();
    let cookies: Vec<&str> = cookies.map(|cookie| cookie.to_str().unwrap()).collect();
    assert!(
        matches!(cookies[..], [cookie] if cookie.starts_with("weceive_bought_")),
        "{cookies:?}"
    );
    assert_eq!(world.upstream_calls().len(), calls);
}

#[test]
fn quick_auth_as_a_service_returns_only_to_registered_origins() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let token = shop.made["quick_auth_token"].as_str().unwrap();
    let bridge = |redirect: &str| {
        let encoded: String = redirect.bytes().map(|b| format!("%{b:02X}")).collect();
        format!("/wx-bridge/oauth_bridge.php?quick_auth={token}&redirect={encoded}")
    };
    let mut payer = Browser::new(&world, WECHAT);
    let (status, authorize, _) = payer.get(&bridge("https://shop.example.com/cart?id=7#top"));
    assert_eq!(status, 302);
    let (_, callback, _) = payer.get(&authorize);
    let (_, back, _) = payer.get(&callback);
    let openid = sandbox::Payer::Alice.openid("wx5a11d0b0c0ffee01");
    assert_eq!(
        back,
        format!("https://shop.example.com/cart?id=7&wx_openid={openid}#top")
    );

    for redirect in [
        "https://evil.example.com/",
        "https://shop.example.com.evil.com/",
        "https://shop.example.com@evil.com/",
        "https://shop.example.com:444/",
        "http://shop.example.com/",
        "//evil.com/",
        "javascript:alert(1)",
        "https:evil.com",
        "\\\\evil.com",
    ] {
        let (status, location, body) = payer.get(&bridge(redirect));
        assert_eq!((status, location.as_str()), (400, ""), "{redirect}");
        assert!(body.contains("REDIRECT_REFUSED"), "{redirect}");
    }
    let (status, _, body) =
        payer.get("/wx-bridge/oauth_bridge.php?quick_auth=x&redirect=https://shop.example.com/");
    assert_eq!(status, 404);
    assert!(body.contains("QUICK_AUTH_UNKNOWN"));
    assert_eq!(payer.get("/wx-bridge/oauth_bridge.php").0, 400);
}

#[test]
fn quick_auth_as_a_client_of_a_service() {
    let world = Memory::default();
    let shop = world.shop_with(
        "demo",
        &json!({"quick_auth": {"url": "https://wemine.example.com/wx-bridge/oauth_bridge.php", "token": "T0"}}),
    );
    let page = checkout(&shop, "1");
    let mut payer = Browser::new(&world, WECHAT);
    let begin = |payer: &mut Browser| {
        let (status, service, _) = payer.get(&page);
        assert_eq!(status, 302);
        let prefix =
            "https://wemine.example.com/wx-bridge/oauth_bridge.php?quick_auth=T0&redirect=";
        let back = service.strip_prefix(prefix).unwrap();
        let plain = [("%3A", ":"), ("%2F", "/"), ("%3F", "?"), ("%3D", "=")];
        plain.iter().fold(back.to_owned(), |back, (coded, plain)| {
            back.replace(coded, plain)
        })
    };
    for openid in ["", "<script>", "a b", &"o".repeat(129)] {
        let back = begin(&mut payer);
        let encoded: String = openid.bytes().map(|b| format!("%{b:02X}")).collect();
        let (status, again, _) = payer.get(&format!("{back}&wx_openid={encoded}"));
        assert_eq!(status, 302, "{openid}: back to the page");
        assert_eq!(
            payer.get(&again).0,
            401,
            "{openid}: which says that it failed"
        );
    }
    let back = begin(&mut payer);
    let openid = sandbox::Payer::Alice.openid("wx5a11d0b0c0ffee01");
    let (status, arrived, _) = payer.get(&format!("{back}&wx_openid={openid}"));
    assert_eq!(status, 302);
    assert!(
        !arrived.contains(&openid),
        "the openid is taken off the address"
    );
    assert_eq!(payer.get(&arrived).0, 200);
    assert!(payer.post(&call(&page, "order")).1["jsapi"].is_object());
}

/// A payer with a wrong openid makes an order that only the openid's owner can pay.
#[test]
fn an_order_for_another_payers_openid_cannot_be_paid() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let openid = sandbox::Payer::Alice.openid("wx5a11d0b0c0ffee01");
    let made = shop.order(
        &json!({"out_trade_no": "1", "body": "Tea", "total_fee": 150,
                                  "trade_type": "JSAPI", "open_id": openid}),
    );
    for (payer, pays) in [("bob", false), ("carol", false), ("alice", true)] {
        let call = json!({"payer": payer, "package": made["jsapi"], "action": "pay"});
        let said = world.try_control("/sandbox/bridge", &call);
        assert_eq!(said["ok"] == true, pays, "{payer}: {said}");
        world.advance(1);
        let paid = shop.report()["counters"]["order:SUCCESS"] == 1;
        assert_eq!(paid, pays, "{payer}");
    }
}

fn openid(payer: sandbox::Payer) -> String {
    payer.openid("wx5a11d0b0c0ffee01")
}

fn token(openid: &str, is_snapshot_user: Value) -> Option<Value> {
    Some(
        json!({"access_token": "a", "expires_in": 7200, "openid": openid,
                "scope": "snsapi_base", "is_snapshotuser": is_snapshot_user}),
    )
}

/// In snapshot mode WeChat returns an openid of no payer.
#[test]
fn a_virtual_openid_is_refused_and_the_sign_in_repeated() {
    for flag in [json!(1), json!("1"), json!(true)] {
        let world = Memory::default();
        let page = checkout(&with_secret(&world), "1");
        let mut payer = Browser::new(&world, WECHAT);
        world.weixin_answers([token("oVirtual", flag)]);
        let (_, authorize, _) = payer.get(&page);
        let (_, callback, _) = payer.get(&authorize);
        let (status, back, _) = payer.get(&callback);
        assert_eq!(status, 302);
        let (status, _, html) = payer.get(&back);
        assert_eq!(status, 401);
        assert!(html.contains("VIRTUAL_OPENID"), "{html}");
        let (status, answer) = payer.post(&call(&page, "order"));
        assert_eq!((status, &answer["code"]), (401, &json!("OPENID_REQUIRED")));
        // After "Use full service" the page is opened again, and begins a new
        // sign-in.
        let (status, authorize, _) = payer.get(&back);
        assert_eq!(status, 302);
        let (_, callback, _) = payer.get(&authorize);
        let (_, back, _) = payer.get(&callback);
        assert_eq!(payer.get(&back).0, 200);
    }
    // With these values the openid is real.
    for flag in [json!(0), json!(null), json!(false)] {
        let world = Memory::default();
        let page = checkout(&with_secret(&world), "1");
        let mut payer = Browser::new(&world, WECHAT);
        world.weixin_answers([token("oReal", flag)]);
        let (_, authorize, _) = payer.get(&page);
        let (_, callback, _) = payer.get(&authorize);
        let (_, back, _) = payer.get(&callback);
        assert_eq!(payer.get(&back).0, 200);
    }
}

#[test]
fn a_shop_gets_no_virtual_openid() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let token_of_shop = shop.made["quick_auth_token"].as_str().unwrap();
    let bridge = format!(
        "/wx-bridge/oauth_bridge.php?quick_auth={token_of_shop}&redirect=https%3A%2F%2Fshop.example.com%2F"
    );
    let mut payer = Browser::new(&world, WECHAT);
    let (_, authorize, _) = payer.get(&bridge);
    let (_, callback, _) = payer.get(&authorize);
    world.weixin_answers([token("oVirtual", json!(1))]);
    let (status, location, html) = payer.get(&callback);
    assert_eq!((status, location.as_str()), (401, ""));
    assert!(html.contains("VIRTUAL_OPENID"), "{html}");
}

#[test]
fn quick_auth_replaces_an_openid_that_the_address_already_had() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let token = shop.made["quick_auth_token"].as_str().unwrap();
    let target = "https://shop.example.com/cart?wx_openid=oSomebodyElse&id=7&flag";
    let encoded: String = target.bytes().map(|b| format!("%{b:02X}")).collect();
    let bridge = format!("/wx-bridge/oauth_bridge.php?quick_auth={token}&redirect={encoded}");
    let mut payer = Browser::new(&world, WECHAT);
    let (_, authorize, _) = payer.get(&bridge);
    let (_, callback, _) = payer.get(&authorize);
    let (_, back, _) = payer.get(&callback);
    let openid = openid(sandbox::Payer::Alice);
    let expected = format!("https://shop.example.com/cart?id=7&flag&wx_openid={openid}");
    assert_eq!(back, expected);
    // The callback opened again redirects to the shop again.
    let (status, authorize, _) = payer.get(&callback);
    assert_eq!(status, 302);
    assert!(
        authorize.contains("/connect/oauth2/authorize?"),
        "{authorize}"
    );
    let (_, callback, _) = payer.get(&authorize);
    assert_eq!(payer.get(&callback).1, expected);
}

#[test]
fn the_backup_host_is_called_when_the_first_is_unreachable() {
    let world = Memory::default();
    let page = checkout(&with_secret(&world), "1");
    let mut payer = Browser::new(&world, WECHAT);
    world.weixin_answers([None]);
    let (_, authorize, _) = payer.get(&page);
    let (_, callback, _) = payer.get(&authorize);
    let (_, back, _) = payer.get(&callback);
    assert_eq!(payer.get(&back).0, 200);
    let hosts = ["api.weixin.qq.com", "api2.weixin.qq.com"];
    assert_eq!(world.weixin_hosts(), hosts);
    // Neither host answers: the payer sees an error, and can try again.
    let page = checkout(
        &world.shop_with("other", &json!({"app_secret": APP_SECRET})),
        "1",
    );
    let mut payer = Browser::new(&world, WECHAT);
    world.weixin_answers([None, None]);
    let (_, authorize, _) = payer.get(&page);
    let (_, callback, _) = payer.get(&authorize);
    let (status, back, _) = payer.get(&callback);
    assert_eq!(status, 302);
    assert_eq!(payer.get(&back).0, 401);
    assert_eq!(payer.get(&back).0, 302);
}

const SERVICE: &str = "https://wemine.example.com/wx-bridge/oauth_bridge.php";

/// Signs in through the Quick Auth service that the page redirects to, with
/// this openid; returns the next address.
fn sign_in_by_service(payer: &mut Browser, page: &str, openid: &str) -> (u16, String) {
    let (status, service, _) = payer.get(page);
    assert_eq!(status, 302);
    let (_, back) = service.split_once("&redirect=").unwrap();
    let plain = [("%3A", ":"), ("%2F", "/"), ("%3F", "?"), ("%3D", "=")];
    let plain = plain.iter();
    let back = plain.fold(back.to_owned(), |back, (coded, plain)| {
        back.replace(coded, plain)
    });
    let (status, location, _) = payer.get(&format!("{back}&wx_openid={openid}"));
    (status, location)
}

/// What a Quick Auth service returns is not signed.
#[test]
fn an_openid_from_a_service_is_valid_only_for_its_merchant_and_that_service() {
    let world = Memory::default();
    let settings = json!({"quick_auth": {"url": SERVICE, "token": "T0"}});
    let shop = world.shop_with("demo", &settings);
    let page = checkout(&shop, "1");
    // The other two have the same appid, and even the same service.
    let with_secret = world.shop_with("other", &json!({"app_secret": APP_SECRET}));
    let with_service = world.shop_with("third", &settings);
    let mut payer = Browser::new(&world, WECHAT);
    let (_, arrived) = sign_in_by_service(&mut payer, &page, &openid(sandbox::Payer::Alice));
    assert_eq!(payer.get(&arrived).0, 200);
    let (_, prepared) = payer.post(&call(&page, "order"));
    assert!(prepared["jsapi"].is_object(), "{prepared}");
    for other in [&with_secret, &with_service] {
        let page = checkout(other, "1");
        assert_eq!(payer.get(&page).0, 302, "to be recognised first");
        let (status, answer) = payer.post(&call(&page, "order"));
        assert_eq!((status, &answer["code"]), (401, &json!("OPENID_REQUIRED")));
        // Nor as a cookie of another name.
        for (name, value) in payer.cookies() {
            if name.starts_with("weceive_told_") {
                payer.keep(&format!("weceive_told_{}", other.id), &value);
                payer.keep("weceive_payer_wx5a11d0b0c0ffee01", &value);
            }
        }
        let (status, answer) = payer.post(&call(&page, "order"));
        assert_eq!((status, &answer["code"]), (401, &json!("OPENID_REQUIRED")));
    }
    // The merchant changes the service: the openid of the first is no longer
    // accepted.
    let change = json!({"quick_auth": {"url": "https://auth.example.com/", "token": "T0"}});
    assert_eq!(world.change_merchant("demo", &change).0, 200);
    let page = checkout(&shop, "2");
    assert_eq!(payer.post(&call(&page, "order")).0, 401);
}

#[test]
fn a_sign_in_ends_only_at_the_endpoint_that_it_began_for() {
    let world = Memory::default();
    let page = checkout(&with_secret(&world), "1");
    let mut payer = Browser::new(&world, WECHAT);
    let (_, authorize, _) = payer.get(&page);
    let state = authorize.split("state=").nth(1).unwrap();
    let state = state.split('#').next().unwrap();
    // The sign-in began at WeChat: only WeChat can end it.
    let forged = format!("/oauth/return?flow={state}&wx_openid=oForged");
    payer.get(&forged);
    assert_eq!(payer.post(&call(&page, "order")).0, 401);

    let settings = json!({"quick_auth": {"url": SERVICE, "token": "T0"}, "app_secret": APP_SECRET});
    let page = checkout(&world.shop_with("other", &settings), "1");
    let mut payer = Browser::new(&world, WECHAT);
    let (_, service, _) = payer.get(&page);
    let state = service.split("flow%3D").nth(1).unwrap().to_owned();
    let asked = world.weixin_hosts().len();
    payer.get(&format!("/oauth/callback?state={state}&code=x"));
    assert_eq!(world.weixin_hosts().len(), asked, "no code is spent for it");
    assert_eq!(payer.post(&call(&page, "order")).0, 401);
}

/// A cookie of an earlier version does not contain the source of its openid.
#[test]
fn a_payers_cookie_of_another_version_is_ignored() {
    let world = Memory::default();
    let page = checkout(&with_secret(&world), "1");
    let mut payer = Browser::new(&world, WECHAT);
    let until_ms = world.now() + 3_600_000;
    let cookie = |json: String| {
        use base64::Engine;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
        let key = gateway_mac(&[0x7b; 32], b"payer");
        let mac = gateway_mac(&key, json.as_bytes());
        format!("{}.{}", BASE64.encode(json), BASE64.encode(mac))
    };
    let appid = "wx5a11d0b0c0ffee01";
    for (json, holds) in [
        (
            format!(r#"{{"appid":"{appid}","openid":"o1","until_ms":{until_ms}}}"#),
            false,
        ),
        (
            format!(
                r#"{{"v":1,"appid":"{appid}","openid":"o1","told_by":null,"until_ms":{until_ms}}}"#
            ),
            false,
        ),
        (
            format!(
                r#"{{"v":2,"appid":"{appid}","openid":"o1","told_by":null,"until_ms":{until_ms}}}"#
            ),
            true,
        ),
    ] {
        payer.keep(&format!("weceive_payer_{appid}"), &cookie(json.clone()));
        assert_eq!(payer.get(&page).0 == 200, holds, "{json}");
    }
}

fn gateway_mac(key: &[u8], bytes: &[u8]) -> [u8; 32] {
    use hmac::{Hmac, KeyInit, Mac};
    let mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    mac.chain_update(bytes).finalize().into_bytes().into()
}

/// One person can make a service's unsigned answer contain any openid.
#[test]
fn an_openid_from_a_service_does_not_pass_a_stock_limit() {
    let world = Memory::default();
    let settings = json!({"quick_auth": {"url": SERVICE, "token": "T0"}});
    let shop = world.shop_with("demo", &settings);
    let page = checkout(&shop, "1");
    let link = json!({"body": "Oolong", "total_fee": 8800, "stock": 12}).to_string();
    let link = shop.call("POST", "/v1/link", link).1["data"]["id"].clone();
    let mut bought = Vec::new();
    for n in 0..6 {
        let mut payer = Browser::new(&world, WECHAT);
        assert_eq!(
            sign_in_by_service(&mut payer, &page, &format!("oInvented{n}")).0,
            302
        );
        let form = format!("l={}&once=0123456789abcdefx{n}", link.as_str().unwrap());
        let mut request = payer.request("POST", "/pay/link", &form);
        let kind = "application/x-www-form-urlencoded".parse().unwrap();
        request.headers_mut().insert("content-type", kind);
        let from = "192.0.2.7".parse().unwrap();
        request.headers_mut().insert("cf-connecting-ip", from);
        bought.push(world.send(request).status().as_u16());
    }
    assert_eq!(bought, [303, 303, 303, 303, 303, 429]);
}

/// Without an `app_secret`, or with a wrong one, no reload helps: the purchase
/// stays on the page, and paying is refused with a code of its own.
#[test]
fn a_purchase_stays_visible_with_an_alarm_where_payers_cannot_sign_in() {
    for app_secret in [json!(null), json!("wrong")] {
        let world = Memory::default();
        let shop = world.shop_with("demo", &json!({ "app_secret": app_secret }));
        let page = checkout(&shop, "1");
        let mut payer = Browser::new(&world, WECHAT);
        let (mut status, mut location, mut html) = payer.get(&page);
        while status == 302 {
            (status, location, html) = payer.get(&location);
        }
        assert_eq!((status, location.as_str()), (200, ""), "{app_secret}");
        assert!(html.contains("Demo Tea House") && html.contains("Oolong"));
        let (status, answer) = payer.post(&call(&page, "order"));
        assert_eq!(status, 409, "{answer}");
        assert_eq!(answer["code"], "SIGN_IN_NOT_SET_UP", "{answer}");
        let alarms = shop.report()["alarms"].clone();
        assert_eq!(alarms[0]["name"], "SIGN_IN_NOT_SET_UP", "{alarms}");
        assert_eq!(alarms[0]["subject"], "wx5a11d0b0c0ffee01", "{alarms}");
        let (_, found) = shop.call("GET", "/v1/doctor", "");
        assert_eq!(found["data"]["healthy"], false, "{found}");
    }
}
