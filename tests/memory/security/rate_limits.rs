//! Rate limits: refused by name, with a time to wait and without a change; and
//! no other caller is refused with them.

use gateway::Gateway;
use serde_json::{Value, json};
use tests::memory::{ADMIN_TOKEN, GATEWAY, Memory, Shop};

/// One isolate, with a client address.
struct Isolate<'w> {
    world: &'w Memory,
    gateway: Gateway<Memory>,
}

impl<'w> Isolate<'w> {
    fn of(world: &'w Memory) -> Self {
        Self {
            world,
            gateway: world.gateway(),
        }
    }

    /// Sends a request; returns status, code, and the seconds to wait.
    fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, String, Option<u32>) {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{GATEWAY}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.as_bytes().to_vec()).unwrap();
        let answer = self.world.send_to(&self.gateway, request);
        let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let wait = answer.headers().get("retry-after");
        (
            answer.status().as_u16(),
            json["code"].as_str().unwrap_or_default().to_owned(),
            wait.map(|seconds| seconds.to_str().unwrap().parse().unwrap()),
        )
    }

    /// How many of `times` requests were not refused as too many.
    fn passed(&self, times: usize, method: &str, path: &str, headers: &[(&str, &str)]) -> usize {
        let answers = (0..times).map(|_| self.ask(method, path, headers, "{}"));
        answers.filter(|(status, ..)| *status != 429).count()
    }
}

fn refused() -> (u16, String, Option<u32>) {
    (429, "RATE_LIMITED".to_owned(), Some(1))
}

fn keys(shop: &Shop) -> [(&str, &str); 2] {
    [("api-key", &shop.api_key), ("api-secret", &shop.api_secret)]
}

#[test]
fn each_key_has_a_rate_of_its_own() {
    let world = Memory::default();
    let (shop, other) = (world.shop("demo"), world.shop("other"));
    world.deploy(&[("API_CALLS_PER_SECOND", "2")]);
    let isolate = Isolate::of(&world);
    // A burst of twenty seconds.
    assert_eq!(isolate.passed(45, "GET", "/v1/delivery", &keys(&shop)), 40);
    let order = json!({"out_trade_no": "1", "body": "Tea", "total_fee": 1, "trade_type": "NATIVE"});
    let order = order.to_string();
    let before = world.stored_text();
    assert_eq!(
        isolate.ask("POST", "/v1/order", &keys(&shop), &order),
        refused()
    );
    assert_eq!(world.stored_text(), before, "nothing is changed");
    assert_eq!(world.upstream_calls(), Vec::<String>::new());
    assert_eq!(
        isolate.ask("POST", "/v1/order", &keys(&other), &order).0,
        200
    );
    world.advance(1);
    assert_eq!(isolate.passed(5, "GET", "/v1/delivery", &keys(&shop)), 2);
    let metrics = isolate.gateway_metrics();
    assert!(
        metrics.contains("weceive_limited_total{limit=\"key\"} 9\n"),
        "{metrics}"
    );
}

impl Isolate<'_> {
    fn gateway_metrics(&self) -> String {
        let request = http::Request::get(format!("{GATEWAY}/metrics"))
            .header("authorization", format!("Bearer {ADMIN_TOKEN}"));
        let answer = self
            .world
            .send_to(&self.gateway, request.body(Vec::new()).unwrap());
        assert_eq!(answer.status(), 200);
        String::from_utf8(answer.into_body()).unwrap()
    }
}

/// Guessing keys reveals nothing; a caller with the right key is still
/// accepted, also from the same address.
#[test]
fn wrong_keys_are_limited_by_address() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let isolate = Isolate::of(&world);
    let from = ("cf-connecting-ip", "192.0.2.7");
    let key = ("api-key", shop.api_key.as_str());
    let admin = format!("Bearer {ADMIN_TOKEN}");
    for (path, wrong, right, code) in [
        (
            "/v1/delivery",
            vec![("api-key", "live_of_nobody")],
            keys(&shop).to_vec(),
            "API_KEY_UNKNOWN",
        ),
        (
            "/v1/delivery",
            vec![key, ("api-secret", "guessed")],
            keys(&shop).to_vec(),
            "API_SECRET_WRONG",
        ),
        (
            "/v1/delivery",
            vec![("api-token", "guessed")],
            keys(&shop).to_vec(),
            "API_TOKEN_UNKNOWN",
        ),
        (
            "/admin/alarms",
            vec![("authorization", "Bearer guessed")],
            vec![("authorization", admin.as_str())],
            "ADMIN_TOKEN_WRONG",
        ),
    ] {
        let ask = |keys: &[(&str, &str)]| isolate.ask("GET", path, &[&[from], keys].concat(), "");
        for _ in 0..20 {
            assert_eq!(ask(&wrong), (401, code.to_owned(), None));
        }
        assert_eq!(
            ask(&wrong),
            (429, "TOO_MANY_WRONG_KEYS".to_owned(), Some(6))
        );
        assert_eq!(ask(&right).0, 200, "{code}");
        world.advance(6);
        assert_eq!(ask(&wrong).0, 401);
        assert_eq!(ask(&wrong).0, 429);
        // Without a client address no caller is limited by another's calls.
        for _ in 0..30 {
            let answer = isolate.ask("GET", path, &wrong, "");
            assert_eq!(answer, (401, code.to_owned(), None));
        }
        assert_eq!(isolate.ask("GET", path, &right, "").0, 200, "{code}");
        world.advance(600);
    }
    // A flood from one address is refused; without a client address the limit
    // would be shared by all.
    for (from, passed, status) in [(vec![from], 20, 429), (vec![], 700, 200)] {
        let wrong = [&from[..], &[key, ("api-secret", "guessed")]].concat();
        assert_eq!(isolate.passed(700, "GET", "/v1/delivery", &wrong), passed);
        let right = [&from[..], &keys(&shop)].concat();
        assert_eq!(isolate.ask("GET", "/v1/delivery", &right, "").0, status);
        assert_eq!(
            isolate
                .ask(
                    "GET",
                    "/v1/delivery",
                    &[&keys(&shop)[..], &[("cf-connecting-ip", "192.0.2.8")]].concat(),
                    ""
                )
                .0,
            200
        );
    }
}

#[test]
fn payers_pages_are_limited_by_address_and_by_checkout() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let checkout = |number: &str| {
        let body = json!({"out_trade_no": number, "body": "Tea", "total_fee": 1});
        let (_, made) = shop.call("POST", "/v1/checkout", body.to_string());
        let url = made["data"]["url"].as_str().unwrap().to_owned();
        url.split_once("?s=").unwrap().1.to_owned()
    };
    let (one, other) = (checkout("1"), checkout("2"));
    let isolate = Isolate::of(&world);
    let json = ("content-type", "application/json");
    let from = ("cf-connecting-ip", "192.0.2.7");
    let next_door = ("cf-connecting-ip", "192.0.2.8");
    let check = |id: &str| format!("/pay/check?s={id}");
    assert_eq!(isolate.passed(70, "POST", &check(&one), &[json]), 60);
    assert_eq!(isolate.ask("POST", &check(&one), &[json], "{}"), refused());
    assert_eq!(isolate.ask("POST", &check(&other), &[json], "{}").0, 200);
    world.advance(2);
    assert_eq!(isolate.passed(5, "POST", &check(&one), &[json]), 2);

    let nothing = "/pay/order?s=demo.nothing";
    let mut passed = 0;
    for n in 0..500 {
        let path = format!("{nothing}{n}");
        passed += usize::from(isolate.ask("POST", &path, &[json, from], "{}").0 != 429);
    }
    assert_eq!(passed, 400);
    for path in [
        "/oauth/callback?state=x&code=y",
        "/wx-bridge/oauth_bridge.php",
        "/mini/order?s=x",
        "/pay/qr?l=demo.nothing&format=png&size=2048",
        "/pay/sheet?l=demo.nothing",
    ] {
        let method = if path.starts_with("/mini") {
            "POST"
        } else {
            "GET"
        };
        assert_eq!(
            isolate.ask(method, path, &[from], "{}"),
            refused(),
            "{path}"
        );
        assert_ne!(
            isolate.ask(method, path, &[next_door], "{}").0,
            429,
            "{path}"
        );
    }
    // Pages have a limit of their own, which many payers of a carrier can
    // share.
    let status = format!("/pay/status?s={one}");
    assert_eq!(isolate.passed(4_010, "GET", &status, &[from]), 4_000);
    assert_eq!(isolate.ask("GET", &status, &[next_door], "").0, 200);
    // A browser gets a page.
    let page = format!("/pay/?s={one}");
    let request = http::Request::get(format!("{GATEWAY}{page}"))
        .header("accept", "text/html,*/*")
        .header(from.0, from.1);
    let answer = world.send_to(&isolate.gateway, request.body(Vec::new()).unwrap());
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"1".parse().unwrap())
    );
    assert!(String::from_utf8_lossy(answer.body()).contains("RATE_LIMITED"));
    // Without a client address no caller is limited by another's calls.
    assert_eq!(isolate.passed(450, "POST", "/pay/link", &[]), 450);
}

/// One browser cannot hold a stock of three by opening it three times; a payer
/// who is signed in is distinguished from others at the same address.
#[test]
fn one_payer_holds_a_limited_part_of_a_links_stock() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = |change: Value| {
        let mut body = json!({"body": "Oolong", "total_fee": 8800});
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let (status, made) = shop.call("POST", "/v1/link", body.to_string());
        assert_eq!(status, 200, "{made}");
        made["data"]["id"].as_str().unwrap().to_owned()
    };
    let isolate = Isolate::of(&world);
    let buy = |id: &str, once: &str, quantity: u32, from: &str| {
        let form = format!("l={id}&once=0123456789abcdef{once}&quantity={quantity}");
        let headers = [
            ("cf-connecting-ip", from),
            ("content-type", "application/x-www-form-urlencoded"),
            ("user-agent", "Mozilla/5.0 (Windows NT 10.0) Chrome/142"),
        ];
        isolate.ask("POST", "/pay/link", &headers, &form).0
    };
    let small = link(json!({"stock": 12}));
    for n in 0..5 {
        assert_eq!(buy(&small, &format!("n{n}"), 1, "192.0.2.7"), 303);
    }
    assert_eq!(
        buy(&small, "n0", 1, "192.0.2.7"),
        303,
        "the same form is the same purchase"
    );
    assert_eq!(buy(&small, "n5", 1, "192.0.2.7"), 429);
    assert_eq!(buy(&small, "m0", 1, "192.0.2.8"), 303);
    let (_, links) = shop.call("GET", &format!("/v1/link?id={small}"), "");
    assert_eq!(links["data"]["links"][0]["held"], 6);
    // A released piece can be held again.
    world.advance(16 * 60);
    assert_eq!(buy(&small, "n6", 1, "192.0.2.7"), 303);

    // The limit is a quarter of a large stock; one purchase may be as large as
    // the link allows.
    let large = link(json!({"stock": 80, "quantity": 50}));
    assert_eq!(buy(&large, "a", 50, "192.0.2.7"), 303);
    assert_eq!(buy(&large, "b", 1, "192.0.2.7"), 429);
    assert_eq!(buy(&large, "c", 15, "192.0.2.8"), 303);
    assert_eq!(buy(&large, "d", 5, "192.0.2.8"), 303);
    assert_eq!(buy(&large, "e", 1, "192.0.2.8"), 429);
    // Without a stock nothing is held.
    let endless = link(json!({}));
    for n in 0..30 {
        assert_eq!(buy(&endless, &format!("n{n}"), 1, "192.0.2.7"), 303);
    }
}
