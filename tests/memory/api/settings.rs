//! A merchant's settings: the document, `POST` and `PATCH` have the same ones;
//! and the effects of `http_notify_url` and `domain_files`.

use crate::fixtures::body;
use crate::operation::audit::hmac_sha256;
use http::header;
use serde_json::{Map, Value, json};
use tests::memory::{GATEWAY, Memory, Shop, registry_of};

const API: &str = include_str!("../../../docs/api.md");

/// The settings of a merchant as the code lists them.
fn settings(world: &Memory, id: &str) -> Map<String, Value> {
    let (status, answer) = world.change_merchant(id, &json!({}));
    assert_eq!(status, 200, "{answer}");
    answer["data"].as_object().unwrap().clone()
}

/// A valid value of each setting that is not its default, and an invalid one
/// with the code of its refusal.
fn values(setting: &str) -> (Value, Value, &'static str) {
    let invalid = "FIELD_INVALID";
    match setting {
        "name" => (json!("Another"), json!("x".repeat(65)), invalid),
        "redirect_origins" => (
            json!(["https://other.example.com"]),
            json!(["http://other.example.com"]),
            invalid,
        ),
        "quick_auth" => (
            json!({"url": "https://auth.example.com/oauth_bridge.php", "token": "T"}),
            json!({"url": "http://auth.example.com/", "token": "T"}),
            invalid,
        ),
        "mini_program" => (json!({"appid": "wx0123456789abcdef"}), json!("x"), invalid),
        "h5" => (json!(true), json!("yes"), invalid),
        "store" => (
            json!({"name": "Tea", "address": "Road 1"}),
            json!(1),
            invalid,
        ),
        "client_certificate" => (
            json!({"binding": "WECHATPAY_MTLS_1"}),
            json!({"binding": "BOOK"}),
            invalid,
        ),
        "refund_notify_url" => (
            json!("https://shop.example.com/refunds"),
            json!("https://127.0.0.1/"),
            "NOTIFY_URL_REFUSED",
        ),
        "confirm_notices_from" => (json!(500), json!(-1), invalid),
        "retype_refunds_from" => (json!(500), json!(-1), invalid),
        "receipt_text" => (json!("Thank you\nVAT 1"), json!("a\tb"), invalid),
        "require_secret" => (json!(true), json!(1), invalid),
        "http_notify_url" => (json!(false), json!("false"), invalid),
        "domain_files" => (
            json!({"MP_verify_AbCdEf0123456789.txt": "AbCdEf0123456789"}),
            json!({"index.html": "x"}),
            invalid,
        ),
        "time_zone" => (json!("Europe/London"), json!("Europe/Nowhere"), invalid),
        "brand" => (
            json!({"logo": null, "mark": null, "colour": "#1a7f37", "phone": "+852 2345 6789",
                "mail": "tea@shop.example.com", "wechat": "demo_tea",
                "terms_url": "https://shop.example.com/terms", "privacy_url": null,
                "return_seconds": 5}),
            json!("green"),
            invalid,
        ),
        other => panic!("say in this test what {other} may be"),
    }
}

/// The list of settings is taken from the code: the answer of `PATCH`.
#[test]
fn post_and_patch_accept_and_refuse_the_same_documented_settings() {
    let world = Memory::new(false);
    let entered = body(&world, "demo");
    world.shop_with("demo", &entered);
    let standing = settings(&world, "demo");

    let (_, section) = API.split_once("### A merchant's settings").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap_or((section, ""));
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let mut described: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    described.sort_unstable();
    let mut names: Vec<&str> = standing.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(described, names, "docs/api.md, A merchant's settings");

    let mut made = entered.clone();
    made["id"] = json!("other");
    for name in &names {
        let (right, wrong, code) = values(name);
        let (_, answer) = world.change_merchant("demo", &json!({ *name: wrong }));
        assert_eq!(
            (&answer["code"], &answer["field"]),
            (&json!(code), &json!(name))
        );
        let mut refused = made.clone();
        refused[*name] = wrong;
        let (_, answer) = world.admin("/merchants", &refused);
        assert_eq!(
            (&answer["code"], &answer["field"]),
            (&json!(code), &json!(name))
        );
        assert_eq!(
            settings(&world, "demo"),
            standing,
            "{name} changed something"
        );
        made[*name] = right;
    }
    // The same values by POST and by PATCH.
    let (status, answer) = world.admin("/merchants", &made);
    assert_eq!(status, 200, "{answer}");
    let by_post = settings(&world, "other");
    for name in &names {
        let (right, _, _) = values(name);
        assert_ne!(standing[*name], right, "{name} has this value by default");
        assert_eq!(by_post[*name], right, "{name} by POST");
        let (status, answer) = world.change_merchant("demo", &json!({ *name: right }));
        assert_eq!(
            (status, &answer["data"][*name]),
            (200, &right),
            "{name} by PATCH"
        );
    }
    // A setting that is null gets its default; a merchant has a name.
    for name in names.iter().filter(|name| **name != "name") {
        let (status, answer) = world.change_merchant("demo", &json!({ *name: null }));
        assert_eq!(status, 200, "{name}: {answer}");
    }
    let plain = settings(&world, "demo");
    assert_eq!(plain["http_notify_url"], true);
    assert_eq!(plain["require_secret"], false);
    assert_eq!(plain["confirm_notices_from"], 0);
    assert_eq!(plain["domain_files"], json!({}));
    assert_eq!(plain["time_zone"], "Asia/Shanghai");
    assert_eq!(
        world.change_merchant("demo", &json!({"name": null})).1["code"],
        "FIELD_MISSING"
    );
}

/// A merchant that was stored before the settings existed.
#[test]
fn a_merchant_of_an_earlier_version_may_send_to_http_and_has_no_domain_files() {
    let world = Memory::new(false);
    world.shop("demo");
    let older = "UPDATE merchants SET json =
                 json_remove(json, '$.http_notify_url', '$.domain_files', '$.time_zone')";
    world.sql(&registry_of("demo"), older).unwrap();
    world
        .sql(&registry_of("demo"), "DROP TABLE domain_files")
        .unwrap();
    // The earlier version did not number its migrations.
    let without_number = "DELETE FROM facts WHERE name = 'schema'";
    world.sql(&registry_of("demo"), without_number).unwrap();
    let settings = settings(&world, "demo");
    assert_eq!(settings["http_notify_url"], true);
    assert_eq!(settings["domain_files"], json!({}));
    assert_eq!(settings["time_zone"], "Asia/Shanghai");
}

const HTTP: &str = "http://shop.example.com/notify";

/// Every call that accepts an address for notices, with this one.
fn calls(shop: &Shop, number: &str, address: &str) -> Vec<(&'static str, Value)> {
    let order = json!({"out_trade_no": number, "body": "x", "total_fee": 1, "trade_type": "NATIVE",
                       "notify_url": address});
    let link = json!({"body": "x", "total_fee": 1, "notify_url": address});
    let product = json!({"product_id": "p", "body": "x", "total_fee": 1, "notify_url": address});
    let mut quick_pay = order.clone();
    quick_pay["out_trade_no"] = json!(format!("{number}Q"));
    quick_pay["auth_code"] = json!("134650720866361395");
    let mut checkout = order.clone();
    checkout["out_trade_no"] = json!(format!("{number}C"));
    [
        ("/v1/order", order),
        ("/v1/micropay", quick_pay),
        ("/v1/checkout", checkout),
        ("/v1/link", link),
        ("/v1/product", product),
    ]
    .map(|(path, body)| (path, shop.call("POST", path, body.to_string()).1))
    .to_vec()
}

fn check(shop: &Shop, name: &str) -> (Value, String) {
    let (_, found) = shop.call("GET", "/v1/doctor", "");
    let checks = found["data"]["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("no {name}: {found}"));
    (
        check["ok"].clone(),
        check["says"].as_str().unwrap().to_owned(),
    )
}

#[test]
fn an_http_notify_url_is_accepted_by_default_and_refused_by_name_when_switched_off() {
    let world = Memory::new(false);
    let shop = world.shop("demo");
    for (path, answer) in calls(&shop, "1", HTTP) {
        assert_ne!(answer["code"], "NOTIFY_URL_REFUSED", "{path}: {answer}");
    }
    let refunds = json!({"refund_notify_url": HTTP});
    assert_eq!(world.change_merchant("demo", &refunds).0, 200);
    let (ok, says) = check(&shop, "http_notify_url");
    assert!(ok.is_null() && says.contains("WeCeive-Signature"), "{says}");
    // A host inside a network is refused with either scheme.
    for address in [
        "http://127.0.0.1/",
        "http://10.0.0.1/",
        "http://localhost/",
        "http://printer.local/",
        "http://metadata.google.internal/",
        "http://[::1]/",
        "http://shop.example.com:22/",
        "http://user@shop.example.com/",
    ] {
        for (path, answer) in calls(&shop, "2", address) {
            assert_eq!(
                answer["code"], "NOTIFY_URL_REFUSED",
                "{path} {address}: {answer}"
            );
            assert_eq!(answer["field"], "notify_url", "{path} {address}: {answer}");
        }
        let (_, answer) = world.change_merchant("demo", &json!({"refund_notify_url": address}));
        assert_eq!(answer["code"], "NOTIFY_URL_REFUSED", "{address}: {answer}");
    }

    // It cannot be switched off while a stored address needs it.
    let (_, answer) = world.change_merchant("demo", &json!({"http_notify_url": false}));
    assert_eq!(
        (&answer["code"], &answer["field"]),
        (&json!("NOTIFY_URL_REFUSED"), &json!("refund_notify_url")),
        "{answer}"
    );
    let off = json!({"http_notify_url": false, "refund_notify_url": null});
    assert_eq!(world.change_merchant("demo", &off).0, 200);
    world.advance(61);
    for (path, answer) in calls(&shop, "3", HTTP) {
        assert_eq!(answer["code"], "NOTIFY_URL_REFUSED", "{path}: {answer}");
        assert!(
            answer["message"]
                .as_str()
                .unwrap()
                .contains("http_notify_url"),
            "{path}: {answer}"
        );
    }
    assert_eq!(
        world.change_merchant("demo", &refunds).1["code"],
        "NOTIFY_URL_REFUSED"
    );
    assert_eq!(check(&shop, "http_notify_url").0, true);
}

/// The delivery to an `http` address has the signature over its body, and a
/// redirect is not an acknowledgement.
#[test]
fn a_delivery_over_http_is_signed_and_follows_no_redirect() {
    let world = Memory::new(false);
    let shop = world.shop("demo");
    world.merchant_answers([(302, ""), (200, "success")]);
    let made = shop.order(&json!({"out_trade_no": "1", "body": "x", "total_fee": 1,
                                  "trade_type": "NATIVE", "notify_url": HTTP}));
    world.scan(&made["code_url"]);
    world.advance(60);
    let received = world.received();
    assert_eq!(received.len(), 2, "{received:?}");
    for delivery in &received {
        assert_eq!(delivery.url, HTTP);
        let signature = delivery.signature.as_str();
        let (t, v1) = signature.split_once(",v1=").unwrap();
        let secret = shop.made["delivery_secret"].as_str().unwrap();
        let signed = format!("{}.{}", t.trim_start_matches("t="), delivery.body);
        assert_eq!(v1, hmac_sha256(secret, &signed));
    }
}

const FILE: &str = "MP_verify_AbCdEf0123456789.txt";
const CONTENTS: &str = "AbCdEf0123456789";

fn get(path: &str) -> http::Request<Vec<u8>> {
    http::Request::get(format!("{GATEWAY}/{path}"))
        .header("cf-connecting-ip", "192.0.2.1")
        .body(Vec::new())
        .unwrap()
}

#[test]
fn a_domain_file_is_served_at_the_root_as_plain_text() {
    let world = Memory::default();
    let shop = world.shop("demo");
    assert_eq!(world.send(get(FILE)).status(), 404);
    let files = json!({"domain_files": {FILE: CONTENTS, "0123456789.txt": "5a11d0b0"}});
    assert_eq!(world.change_merchant("demo", &files).0, 200);
    for (name, contents) in [(FILE, CONTENTS), ("0123456789.txt", "5a11d0b0")] {
        let answer = world.send(get(name));
        assert_eq!(answer.status(), 200, "{name}");
        assert_eq!(answer.body(), contents.as_bytes());
        let header = |name| answer.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(header(header::CONTENT_TYPE), "text/plain; charset=utf-8");
        assert_eq!(header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    }
    // The name is compared exactly.
    for other in [
        "mp_verify_AbCdEf0123456789.txt",
        "MP_verify_abcdef0123456789.txt",
        "MP_verify_AbCdEf0123456789.html",
        "MP_verify_AbCdEf0123456789",
        "x/MP_verify_AbCdEf0123456789.txt",
    ] {
        let answer = world.send(get(other));
        assert_ne!(answer.body(), CONTENTS.as_bytes(), "{other}");
    }
    let (ok, says) = check(&shop, "domain_files");
    assert_eq!(ok, true, "{says}");
    assert!(says.contains(&format!("{GATEWAY}/{FILE}")), "{says}");

    // After its removal it is not found.
    assert_eq!(
        world
            .change_merchant("demo", &json!({"domain_files": {}}))
            .0,
        200
    );
    assert_eq!(world.send(get(FILE)).status(), 404);
}

#[test]
fn the_doctor_says_which_domain_file_is_missing() {
    let world = Memory::default();
    let shop = world.shop_with("demo", &json!({"domain_files": {FILE: CONTENTS}}));
    world
        .sql(&registry_of("demo"), "DELETE FROM domain_files")
        .unwrap();
    let (ok, says) = check(&shop, "domain_files");
    assert_eq!(ok, false, "{says}");
    assert!(says.contains(FILE) && says.contains("404"), "{says}");
}

#[test]
fn a_domain_file_has_the_form_that_wechat_gives_it() {
    let world = Memory::default();
    world.shop("demo");
    let long = "x".repeat(65);
    for files in [
        json!({"index.html": "x"}),
        json!({"app.js": "x"}),
        json!({"../MP_verify_AbCdEf0123456789.txt": "x"}),
        json!({"MP_verify_AbCdEf012345678.txt": "x"}),
        json!({"MP_verify_AbCdEf01234567890.txt": "x"}),
        json!({"MP_verify_AbCdEf012345678_.txt": "x"}),
        json!({"MP_verify_AbCdEf012345678é.txt": "x"}),
        json!({"012345678.txt": "x"}),
        json!({"01234567890.txt": "x"}),
        json!({"": "x"}),
        json!({FILE: ""}),
        json!({FILE: null}),
        json!({FILE: "<script>"}),
        json!({FILE: "two words"}),
        json!({FILE: "line\n"}),
        json!({FILE: long}),
        json!({FILE: {"x": 1}}),
        json!([FILE]),
        json!(FILE),
        Value::Object(
            (0..17)
                .map(|n| (format!("{n:010}.txt"), json!("x")))
                .collect(),
        ),
    ] {
        let (status, answer) = world.change_merchant("demo", &json!({ "domain_files": files }));
        assert_eq!(
            (status, &answer["code"], &answer["field"]),
            (400, &json!("FIELD_INVALID"), &json!("domain_files")),
            "{files}: {answer}"
        );
    }
    assert_eq!(settings(&world, "demo")["domain_files"], json!({}));
}

#[test]
fn one_domain_file_has_the_same_contents_for_every_merchant() {
    let world = Memory::default();
    world.shop_with("demo", &json!({"domain_files": {FILE: CONTENTS}}));
    // Two merchants of one official account have the same file.
    world.shop_with("second", &json!({"domain_files": {FILE: CONTENTS}}));
    let mut other = body(&world, "demo");
    other["id"] = json!("other");
    other["domain_files"] = json!({FILE: "Other0123456789x"});
    let (_, answer) = world.admin("/merchants", &other);
    assert_eq!(answer["field"], "domain_files", "{answer}");
    assert!(
        answer["message"].as_str().unwrap().contains(FILE),
        "{answer}"
    );
    // No merchant was made.
    assert_eq!(world.change_merchant("other", &json!({})).0, 404);
    let change = json!({"domain_files": {FILE: "Other0123456789x"}, "name": "New"});
    let (status, answer) = world.change_merchant("second", &change);
    assert_eq!(
        (status, &answer["field"]),
        (400, &json!("domain_files")),
        "{answer}"
    );
    assert_ne!(settings(&world, "second")["name"], "New");
    // One of the two removes it: the other still has it.
    assert_eq!(
        world
            .change_merchant("demo", &json!({"domain_files": null}))
            .0,
        200
    );
    assert_eq!(world.send(get(FILE)).body(), CONTENTS.as_bytes());
    assert_eq!(world.change_merchant("second", &change).0, 200);
}

#[test]
fn missing_domain_files_are_cached_and_their_requests_limited() {
    let world = Memory::default();
    world.shop_with("demo", &json!({"domain_files": {FILE: CONTENTS}}));
    world.import_shards();
    let isolate = world.gateway();
    let ask = |path: &str| world.send_to(&isolate, get(path)).status().as_u16();
    for (path, status) in [(FILE, 200), ("MP_verify_0000000000000000.txt", 404)] {
        assert_eq!(ask(path), status);
        let before = world.calls_to_registry();
        for _ in 0..20 {
            assert_eq!(ask(path), status, "{path}");
        }
        assert_eq!(world.calls_to_registry(), before, "{path}");
    }
    // No merchant can have a file of another form.
    let before = world.calls_to_registry();
    ask("robots.txt");
    ask("MP_verify_0.txt");
    assert_eq!(world.calls_to_registry(), before);
    // Requests for different names, from one address: after a while none is
    // looked up.
    for n in 0..1_000 {
        ask(&format!("MP_verify_{n:016}.txt"));
    }
    let asked = world.calls_to_registry() - before;
    assert!(asked <= 600, "{asked}");
    assert_eq!(ask("MP_verify_9999999999999999.txt"), 429);
}
