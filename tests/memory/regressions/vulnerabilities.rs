//! Each past vulnerability has a regression test.

use crate::fixtures;
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, SHOP_NOTIFY, Shop};
use wechatpay::Secret;
use wechatpay::common::{Fields, SignType};
use wechatpay::v3::notify::RETRY_SECONDS;

/// Both merchants of the v2 institution, which share its key.
fn neighbours(world: &Memory) -> (Shop, Shop) {
    let one = fixtures::body(world, "harbour");
    let account = world.account("1900000110");
    let second = &account["sub_merchants"][1];
    let mut other = one.clone();
    let fields = other.as_object_mut().unwrap();
    fields.insert("id".to_owned(), json!("ferry"));
    for name in ["sub_mch_id", "sub_appid"] {
        fields.insert(name.to_owned(), second[name].clone());
    }
    (
        world.shop_with("harbour", &one),
        world.shop_with("ferry", &other),
    )
}

fn checksign(shop: &Shop, document: &Fields) -> Value {
    let (status, answer) = shop.call("POST", "/v1/checksign", document.to_xml());
    assert_eq!(status, 200, "{answer}");
    answer["data"].clone()
}

fn notice(account: &Value, sub_mch_id: &str, number: &str) -> Fields {
    let text = |name: &str| account[name].as_str().unwrap().to_owned();
    Fields::new()
        .with("return_code", "SUCCESS")
        .with("result_code", "SUCCESS")
        .with("appid", text("appid"))
        .with("mch_id", text("mch_id"))
        .with("sub_mch_id", sub_mch_id)
        .with("nonce_str", "self-made")
        .with("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")
        .with("trade_type", "NATIVE")
        .with("bank_type", "CFT")
        .with("total_fee", "3000")
        .with("fee_type", "HKD")
        .with("transaction_id", "4200000000202601020000000000")
        .with("out_trade_no", number)
        .with("time_end", "20260102110405")
        .with("sign", "0".repeat(64))
}

#[test]
fn a_document_of_another_merchant_is_never_signed() {
    let world = Memory::default();
    let (harbour, ferry) = neighbours(&world);
    ferry.order(&fixtures::order("1"));
    let account = world.account("1900000110");
    let sub = |at: usize| {
        let id = &account["sub_merchants"][at]["sub_mch_id"];
        id.as_str().unwrap().to_owned()
    };
    let of_ferry = notice(&account, &sub(1), "1");
    let folded = |document: Fields, into: &str| {
        let field = document.get(into).unwrap_or_default().to_owned();
        let mut folded = document;
        folded.set(into, format!("{field}&sub_mch_id={}", sub(1)));
        folded
    };
    let query = Fields::new()
        .with("mch_id", "1900000110")
        .with("out_trade_no", "1")
        .with("sign", "0".repeat(64));
    for document in [
        of_ferry.clone(),
        query,
        folded(notice(&account, &sub(0), "1"), "sub_mch_id"),
        folded(notice(&account, &sub(0), "1").with("attach", "x"), "attach"),
        folded(
            notice(&account, &sub(0), "1").with("trade_state_desc", "x"),
            "trade_state_desc",
        ),
    ] {
        let checked = checksign(&harbour, &document);
        assert_eq!(checked, json!({"sign": "", "valid": false}), "{document:?}");
    }
    // A genuine document of the merchant is valid; a genuine one of the other
    // merchant, which is signed with the shared key, is not.
    let key = Secret::new(account["key"].as_str().unwrap());
    let own = notice(&account, &sub(0), "1").sealed(&key, SignType::HmacSha256);
    let checked = checksign(&harbour, &own);
    assert_eq!(checked, json!({"sign": own.get("sign"), "valid": true}));
    let sealed = of_ferry.sealed(&key, SignType::HmacSha256);
    let checked = checksign(&harbour, &sealed);
    assert_eq!(checked, json!({"sign": "", "valid": false}));
}

#[test]
fn checksign_returns_a_right_sign_and_computes_none() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let key = Secret::new("weceive-sandbox-demo-key-0000001");
    let account = json!({"appid": "wx5a11d0b0c0ffee01", "mch_id": "1900000109"});
    let bare = |sub_mch_id: &str| notice(&account, sub_mch_id, "1");
    let documents = [
        // A notice, the same with the merchant's number twice (section 9.7 of
        // the v2 manual shows it so), one that names no merchant, and a request
        // to WeChat.
        bare(""),
        bare("1900000109"),
        Fields::new().with("a", "1"),
        Fields::new()
            .with("mch_id", "1900000109")
            .with("out_trade_no", "1")
            .with("nonce_str", "n"),
    ];
    for document in documents {
        for sign_type in SignType::ALL {
            let sealed = document.clone().sealed(&key, sign_type);
            let sign = sealed.get("sign").unwrap().to_owned();
            let checked = checksign(&shop, &sealed);
            assert_eq!(checked, json!({"sign": sign, "valid": true}), "{sealed:?}");
            for wrong in [
                "0".repeat(sign.len()),
                sign[1..].to_owned(),
                format!("{sign}0"),
                sign.to_ascii_lowercase(),
                "x".to_owned(),
            ] {
                let checked = checksign(&shop, &document.clone().with("sign", &wrong));
                assert_eq!(checked, json!({"sign": "", "valid": false}), "{wrong}");
            }
        }
    }
    for name in ["mch_id", "sub_mch_id"] {
        let other = bare("")
            .with(name, "1900000110")
            .sealed(&key, SignType::Md5);
        let checked = checksign(&shop, &other);
        assert_eq!(checked, json!({"sign": "", "valid": false}), "{name}");
    }
}

#[test]
fn a_caller_with_the_api_key_alone_gets_no_signed_document() {
    let world = Memory::default();
    let order = |keys: &[(&str, &str)]| {
        let body = json!({"out_trade_no": "1", "body": "Tea", "total_fee": 1,
                          "trade_type": "NATIVE"});
        let mut request = http::Request::post(format!("{GATEWAY}/v1/order"));
        for (name, value) in keys {
            request = request.header(*name, *value);
        }
        let answer = world.send(request.body(body.to_string().into_bytes()).unwrap());
        serde_json::from_slice::<Value>(answer.body()).unwrap()
    };
    let shop = world.shop("demo");
    let refuse = json!({"fail_next": {"path": "/pay/unifiedorder", "code": "NOAUTH"}});
    world.control("/sandbox/faults", &refuse);
    let answer = order(&[("api-key", &shop.api_key)]);
    assert_eq!(answer["code"], "UPSTREAM_REFUSED", "{answer}");
    assert_eq!(answer["message"]["err_code"], "NOAUTH", "{answer}");
    assert_eq!(answer["message"]["sign"], "", "{answer}");
    // The older answer has a sign for a caller that sends both keys.
    let flat = world.shop_with("demo-flat", &json!({"answers": "flat"}));
    let answer = order(&[("api-key", &flat.api_key)]);
    assert_eq!(
        (&answer["result_code"], &answer["sign"]),
        (&json!("SUCCESS"), &json!(""))
    );
    let both = [
        ("api-key", flat.api_key.as_str()),
        ("api-secret", &flat.api_secret),
    ];
    assert_eq!(order(&both)["sign"].as_str().unwrap().len(), 32);
    let wrong = [("api-key", flat.api_key.as_str()), ("api-secret", "wrong")];
    assert_eq!(order(&wrong)["code"], "API_SECRET_WRONG");
}

#[test]
fn a_link_uses_the_currency_that_is_charged() {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "night-ionline");
    for price in [
        json!({"total_fee": 10000, "fee_type": "CNY"}),
        json!({"max_fee": 10000, "fee_type": "CNY"}),
    ] {
        let mut link = price;
        link["body"] = json!("Tea");
        let (status, answer) = shop.call("POST", "/v1/link", link.to_string());
        let expect = (400, &json!("CURRENCY_NOT_ALLOWED"), &json!("fee_type"));
        assert_eq!((status, &answer["code"], &answer["field"]), expect);
    }
}

/// The terms of a link or a checkout must be valid for its orders.
#[test]
fn a_link_has_no_text_that_an_order_cannot_have() {
    let world = Memory::default();
    for (id, body, attach) in [
        ("demo", 119, 128),
        ("demo-v3", 118, 127),
        ("night-ionline", 118, 127),
    ] {
        let shop = fixtures::shop(&world, id);
        let asked = |path: &str, body: usize, attach: usize| {
            let link = json!({"body": "b".repeat(body), "attach": "a".repeat(attach),
                              "total_fee": 1, "quantity": 99_999, "out_trade_no": "L"});
            shop.call("POST", path, link.to_string()).0
        };
        assert_eq!(asked("/v1/link", body, attach), 200, "{id}");
        assert_eq!(asked("/v1/link", body + 1, attach), 400, "{id}");
        assert_eq!(asked("/v1/link", body, attach + 1), 400, "{id}");
        assert_eq!(asked("/v1/checkout", body, attach), 200, "{id}");
        assert_eq!(asked("/v1/checkout", body, attach + 1), 400, "{id}");
    }
}

/// A call with an api-token.
fn by_token(world: &Memory, token: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("{GATEWAY}{path}"))
        .header("api-token", token)
        .body(body.as_bytes().to_vec())
        .unwrap();
    let answer = world.send(request);
    let json = serde_json::from_slice(answer.body()).unwrap();
    (answer.status().as_u16(), json)
}

/// Rotates the merchant's keys; returns it with the new ones.
fn rotate(world: &Memory, shop: &Shop, body: &Value) -> Shop {
    let (status, answer) = world.admin("/merchants/demo/rotate", body);
    assert_eq!(status, 200, "{answer}");
    let text = |name: &str| answer["data"][name].as_str().unwrap().to_owned();
    let mut shop = shop.clone();
    (shop.api_key, shop.api_secret) = (text("api-key"), text("api-secret"));
    shop
}

#[test]
fn a_token_expires_with_the_keys_that_it_was_made_with() {
    let world = Memory::default();
    let (shop, other) = (world.shop("demo"), world.shop("other"));
    let token = |shop: &Shop| {
        let (status, answer) = shop.call("POST", "/v1/token", "");
        assert_eq!(status, 200, "{answer}");
        answer["data"]["api-token"].as_str().unwrap().to_owned()
    };
    let (ours, theirs) = (token(&shop), token(&other));
    // A token makes no token, and revokes none.
    let longer = json!({"expires_in_seconds": 31_536_000}).to_string();
    let end = json!({ "api-token": ours }).to_string();
    for (method, body) in [("POST", &longer), ("DELETE", &end)] {
        let (status, answer) = by_token(&world, &ours, method, "/v1/token", body);
        assert_eq!((status, &answer["code"]), (401, &json!("API_KEY_MISSING")));
    }
    let asks = |token: &str| by_token(&world, token, "GET", "/v1/delivery", "").0;
    rotate(&world, &shop, &json!({}));
    assert_eq!(asks(&ours), 200, "a rotation leaves no gap");
    let revoke = json!({"revoke": true, "note": "the keys were in a public repository"});
    let shop = rotate(&world, &shop, &revoke);
    assert_eq!((asks(&ours), asks(&theirs)), (401, 200));
    let entries = shop.audit("credentials");
    let revoked = entries.iter().find(|entry| {
        let what = entry["what"].as_str().unwrap();
        what.starts_with("api-token") && what.ends_with("revoked")
    });
    let why = &revoked.unwrap()["evidence"];
    assert_eq!(why, "the keys were in a public repository");
}

#[test]
fn a_merchant_has_a_limited_number_of_tokens() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for _ in 0..100 {
        assert_eq!(shop.call("POST", "/v1/token", "").0, 200);
    }
    let (status, answer) = shop.call("POST", "/v1/token", "");
    assert_eq!((status, &answer["code"]), (409, &json!("TOO_MANY_TOKENS")));
    // Expired tokens do not count.
    world.advance(24 * 3600 + 1);
    assert_eq!(shop.call("POST", "/v1/token", "").0, 200);
}

#[test]
fn a_product_code_never_sells_for_another_merchant_of_the_institution() {
    let world = Memory::default();
    let (harbour, _) = neighbours(&world);
    let v3 = fixtures::shop(&world, "demo-v3");
    let product = json!({"product_id": "tea", "body": "Tea", "total_fee": 1}).to_string();
    for shop in [harbour, v3] {
        let (status, answer) = shop.call("POST", "/v1/product", product.clone());
        assert_eq!((status, &answer["code"]), (409, &json!("NOT_OFFERED")));
        assert!(shop.audit("money").is_empty(), "nothing is stored");
        assert_eq!(shop.call("GET", "/v1/product?product_id=tea", "").0, 404);
    }
}

#[test]
fn a_repeated_refused_refund_is_not_answered_as_a_success() {
    let world = Memory::default();
    let shop = world.shop("demo");
    fixtures::paid(&world, &shop, "1");
    let refuse = json!({"fail_next": {"path": "/secapi/pay/refund", "code": "NOAUTH"}});
    let ask = |more: &str| {
        let path = format!("/v1/refund?out_trade_no=1&refund_fee=1000{more}");
        // Many clients send `{}` with every POST.
        shop.call("POST", &path, "{}")
    };
    world.control("/sandbox/faults", &refuse);
    assert_eq!(ask("&out_refund_no=R").0, 502);
    let (status, answer) = ask("&out_refund_no=R");
    assert_eq!((status, &answer["code"]), (502, &json!("UPSTREAM_REFUSED")));
    assert!(answer["message"].as_str().unwrap().contains("NOAUTH"));
    // Without a number of its own, it is requested again under another.
    world.advance(61);
    world.control("/sandbox/faults", &refuse);
    assert_eq!(ask("").0, 502);
    world.advance(61);
    let (status, answer) = ask("");
    assert_eq!(
        (status, &answer["data"]["out_refund_no"]),
        (200, &json!("1-R1000-2"))
    );
    // From then on it is the same refund.
    assert_eq!(ask("").1["data"]["out_refund_no"], "1-R1000-2");
    world.advance(4 * 24 * 3600);
    let refunds = world.refunds_at_wechat();
    assert_eq!(refunds.as_array().unwrap().len(), 1, "{refunds}");
}

#[test]
fn a_repeated_field_is_refused() {
    let world = Memory::default();
    let shop = world.shop("demo");
    fixtures::paid(&world, &shop, "1");
    let twice = "/v1/refund?out_trade_no=1&refund_fee=1&refund_fee=500";
    let (status, answer) = shop.call("POST", twice, "");
    assert_eq!((status, &answer["field"]), (400, &json!("refund_fee")));
    let checkout = r#"{"out_trade_no":"C","body":"Tea","total_fee":100,
                       "lines":[{"name":"Tea","unit_amount":1,"unit_amount":100}]}"#;
    let (status, answer) = shop.call("POST", "/v1/checkout", checkout);
    assert_eq!((status, &answer["code"]), (400, &json!("BODY_NOT_JSON")));
    assert_eq!(world.refunds_at_wechat(), json!([]));
}

/// A delivery that was in progress before the rotation, and a scan of a
/// product's code while WeChat has the previous key.
#[test]
fn a_delivery_and_a_scan_survive_a_new_api_key() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let address = json!({"native_callback_url": format!("{GATEWAY}/notify/v2/demo/native")});
    world.control("/sandbox/merchants/1900000109", &address);
    let product = json!({"product_id": "tea", "body": "Tea", "total_fee": 8800,
                         "notify_url": SHOP_NOTIFY});
    let (_, made) = shop.call("POST", "/v1/product", product.to_string());
    fixtures::paid(&world, &shop, "1");
    rotate(
        &world,
        &shop,
        &json!({"api_key": "another-key-of-this-merchant-001"}),
    );
    // The new api-keys are made with it; the previous ones are still valid.
    let delivered = world.received().pop().unwrap().body;
    let (_, checked) = shop.call("POST", "/v1/checksign", delivered);
    assert_eq!(checked["data"]["valid"], true);
    // WeChat does not have the new key yet, and signs the callback with the
    // previous one.
    let scan = json!({"code_url": made["data"]["code_url"], "payer": "alice", "action": "pay"});
    world.try_control("/sandbox/scan", &scan);
    let logged = r#""call":"POST /notify/v2/demo/native","status":200"#;
    assert!(world.log_text().contains(logged), "{}", world.log_text());
    let counters = shop.report()["counters"].clone();
    assert_eq!(counters["product_callback_unverified"], Value::Null);
}

/// The last attempt of a schedule is in flight when a caller has the delivery
/// sent again.
#[test]
fn a_restarted_delivery_is_not_given_up_by_the_attempt_before() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let tried = RETRY_SECONDS.len() + 1;
    world.merchant_answers(vec![(500, ""); tried]);
    fixtures::pay(&world, &shop, "1");
    world.advance(25 * 3600);
    assert_eq!(world.received().len(), tried);
    assert_eq!(shop.report()["deliveries"][0]["state"], "given_up");
    let again = || {
        http::Request::post(format!("{GATEWAY}/v1/delivery"))
            .header("api-key", &shop.api_key)
            .header("api-secret", &shop.api_secret)
            .body(br#"{"id":1}"#.to_vec())
            .unwrap()
    };
    assert_eq!(world.send(again()).status(), 200);
    world.merchant_answers(vec![(500, ""); tried - 1]);
    // Until the last attempt of the second schedule, which fails too.
    for _ in 0..10_000 {
        world.advance(60);
        if world.received().len() == 2 * tried - 1 {
            break;
        }
    }
    assert_eq!(world.received().len(), 2 * tried - 1);
    world.merchant_answers([(500, "")]);
    world.during_next("/notify", again());
    world.advance(24 * 3600);
    let (_, answer) = shop.call("GET", "/v1/delivery", "");
    let deliveries = answer["data"]["deliveries"].clone();
    assert_eq!(deliveries[0]["state"], "acknowledged", "{deliveries}");
    assert_eq!(world.received().len(), 2 * tried + 1);
}

/// An isolate caches merchants for half a minute.
#[test]
fn a_revoked_key_or_token_ends_within_thirty_seconds_everywhere() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.order(&fixtures::order("1"));
    let (_, answer) = shop.call("POST", "/v1/token", "");
    let token = answer["data"]["api-token"].as_str().unwrap().to_owned();
    let isolate = world.gateway();
    let asks = |name: &str, value: &str| {
        let request = http::Request::get(format!("{GATEWAY}/v1/delivery"))
            .header(name, value)
            .header("api-secret", &shop.api_secret)
            .body(Vec::new())
            .unwrap();
        world.send_to(&isolate, request).status().as_u16()
    };
    let account = world.account("1900000109");
    let key = Secret::new(account["key"].as_str().unwrap());
    let notifies = || {
        let xml = notice(&account, "", "1")
            .sealed(&key, SignType::Md5)
            .to_xml();
        let request = http::Request::post(format!("{GATEWAY}/notify/v2/demo"))
            .body(xml.into_bytes())
            .unwrap();
        world.send_to(&isolate, request).status().as_u16()
    };
    let all = || {
        (
            asks("api-key", &shop.api_key),
            asks("api-token", &token),
            notifies(),
        )
    };
    assert_eq!(all(), (200, 200, 200));
    let revoke = json!({"revoke": true, "api_key": "another-key-of-this-merchant-001"});
    rotate(&world, &shop, &revoke);
    world.advance(31);
    assert_eq!(all(), (401, 401, 400));
}
