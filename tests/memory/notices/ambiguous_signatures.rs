//! Documents that share one signature because values are joined by `&` and not
//! escaped (WeChat Pay v2 manual, section 4.3.1), and notices that WeChat does
//! not confirm. `docs/threat-model.md` has the list.

use crate::checkout::sign_in::{Browser, DESKTOP, call};
use crate::fixtures;
use crate::notice_fixture::{NoticeFixture, fixture, order};
use crate::storage::stored_versions::make_0_1_0;
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, Upstream};
use wechatpay::common::Fields;

const KINDS: [&str; 3] = ["demo", "harbour", "night-ionline"];

/// What an attacker who pays order `A1` could have put into `attach` while `&`
/// was accepted: the fields of the forged document, and at the end a field that
/// contains the rest of WeChat's document.
fn injected(fixture: &NoticeFixture, forged: &[(&str, String)]) -> Vec<(Fields, Fields)> {
    let mut documents = Vec::new();
    for swallowing in ["promotion_detail", "device_info", "coupon_id_0", "zzz"] {
        for carrier in ["attach", "bank_type", "aaa", "is_subscribe"] {
            let mut fields: Vec<(&str, String)> = forged.to_vec();
            fields.retain(|(name, _)| *name > carrier && *name < swallowing);
            if fields.is_empty() {
                continue;
            }
            fields.sort();
            let tail: String = fields
                .iter()
                .map(|(name, value)| format!("&{name}={value}"))
                .collect();
            // The genuine document: order A1's, with the injection as one
            // value.
            let mut real = fixture.fields();
            real.remove("sign");
            real.set("out_trade_no", "A1");
            real.set("transaction_id", "4200000000000000000000000099");
            real.set(carrier, format!("x{tail}&{swallowing}="));
            let text = real.signing_text();
            // The forged one: the injection as fields, the rest as one value.
            let at = text.find(&format!("&{swallowing}=")).unwrap();
            let (front, rest) = text.split_at(at);
            let mut folded = Fields::new();
            for pair in front.split('&') {
                let (name, value) = pair.split_once('=').unwrap();
                folded.push(name, value);
            }
            let (_, rest) = rest[1..].split_once('=').unwrap();
            folded.push(swallowing, rest);
            if folded.signing_text() != text {
                continue;
            }
            let sign = real.sign(&fixture.key, fixture.sign_type());
            documents.push((real.with("sign", &sign), folded.with("sign", &sign)));
        }
    }
    documents
}

/// The fields of a document about order `N1` that WeChat never wrote. The field
/// `wrong` is changed.
fn forged(fixture: &NoticeFixture, wrong: Option<&str>) -> Vec<(&'static str, String)> {
    const USED_FIELDS: [&str; 10] = [
        "bank_type",
        "cash_fee",
        "fee_type",
        "mch_id",
        "openid",
        "out_trade_no",
        "time_end",
        "total_fee",
        "trade_type",
        "transaction_id",
    ];
    let fields = fixture.fields();
    USED_FIELDS
        .into_iter()
        .filter_map(|name| {
            let value = fields.get(name)?.to_owned();
            let value = match name {
                _ if wrong == Some(name) => format!("{value}1"),
                "transaction_id" => "4200000000000000000000000099".to_owned(),
                _ => value,
            };
            Some((name, value))
        })
        .collect()
}

#[test]
fn no_refolded_document_pays_an_order_or_passes_checksign() {
    for id in KINDS {
        let world = Memory::default();
        let scene_of_paid = fixture(id);
        // The same account, in a world where N1 is unpaid.
        let (shop, key) = crate::notice_fixture::shop(&world, fixtures::kind(id));
        order(&shop, "N1");
        let open = NoticeFixture {
            world: world.clone(),
            shop: shop.clone(),
            kind: scene_of_paid.kind,
            key,
            notice: scene_of_paid.notice.clone(),
        };
        let mut tried = 0;
        let wrong = [None, Some("total_fee"), Some("fee_type"), Some("mch_id")];
        for forged_fields in wrong.map(|wrong| forged(&scene_of_paid, wrong)) {
            for (real, folded) in injected(&open, &forged_fields) {
                assert_eq!(real.signing_text(), folded.signing_text());
                for document in [real, folded] {
                    tried += 1;
                    let status = open.send(document.to_xml());
                    assert!((400..500).contains(&status), "{id}: {status}: {document:?}");
                    let checked = shop.call("POST", "/v1/checksign", document.to_xml()).1;
                    assert_eq!(checked["data"], json!({"sign": "", "valid": false}));
                }
                world.advance(11);
            }
        }
        assert!(tried > 20, "{id}: {tried}");
        assert!(!open.is_paid(), "{id}");
        assert_eq!(shop.status("N1")["trade_state"], "NOTPAY", "{id}");
        assert_eq!(world.received(), [], "{id}");
    }
}

/// A payment whose notice contains `&` is real: WeChat is queried for it.
#[test]
fn a_real_payment_whose_notice_has_an_ampersand_is_found_by_a_query() {
    for id in KINDS {
        for field in ["promotion_detail", "device_info"] {
            let fixture = fixture(id);
            let fields = fixture.fields().with(field, "a=1&b=2");
            let xml = fields.sealed(&fixture.key, fixture.sign_type()).to_xml();
            assert_eq!(fixture.send(xml), 200, "{id}: {field}");
            assert!(fixture.is_paid(), "{id}: {field}");
            fixture.world.advance(1);
            let [delivery] = &fixture.world.received()[..] else {
                panic!("{id}: {field}: one delivery")
            };
            assert!(!delivery.body.contains("&b=2"), "{id}: {}", delivery.body);
        }
    }
}

/// WeChat may add fields; one with `&` in its verified answer hides no payment.
#[test]
fn an_unknown_field_with_an_ampersand_in_an_answer_hides_no_payment() {
    for id in KINDS {
        let fixture = fixture(id);
        let answer = |field: &str, value: &str| {
            let fields = fixture.fields().with("trade_state", "SUCCESS");
            let fields = fields.with(field, value);
            let fields = fields.sealed(&fixture.key, fixture.sign_type());
            match fixture.kind.dialect {
                "ionline" => wechatpay::ionline::json::write(&fields),
                _ => fields.to_xml(),
            }
        };
        // A field that could contain the fields that are read is refused.
        for (field, value) in [
            ("promotion_detail", "a&out_trade_no=A1"),
            ("zzz", "&total_fee=1"),
            ("time_end", "20260102110405&trade_type=X"),
        ] {
            fixture.world.answer_with(answer(field, value).into_bytes());
            assert_eq!(
                fixture.shop.status("N1")["trade_state"],
                "NOTPAY",
                "{id}: {field}"
            );
            assert!(!fixture.is_paid(), "{id}: {field}");
        }
        // `status` and `version` are read at iOnline, and in no answer of v2.
        let url = "https://pay.example.com/?a=1&status=2&version=3";
        fixture
            .world
            .answer_with(answer("promotion_url", url).into_bytes());
        let state = match id {
            "night-ionline" => "NOTPAY",
            _ => "SUCCESS",
        };
        assert_eq!(fixture.shop.status("N1")["trade_state"], state, "{id}");
        fixture.world.advance(11);
        let wanted = answer("promotion_url", "https://pay.example.com/?a=1&b=2");
        fixture.world.answer_with(wanted.into_bytes());
        assert_eq!(fixture.shop.status("N1")["trade_state"], "SUCCESS", "{id}");
    }
}

#[test]
fn an_ampersand_in_a_signed_field_is_refused_at_every_entry() {
    let attach = |body: &Value| {
        let mut body = body.clone();
        body["attach"] = json!("x&out_trade_no=N1");
        body
    };
    let text = |body: &Value| {
        let mut body = body.clone();
        body["body"] = json!("Tea & Cake");
        body
    };
    for id in ["demo", "harbour", "night-ionline", "demo-v3", "lantern-v3"] {
        let world = Memory::default();
        let shop = fixtures::shop(&world, id);
        let is_v3 = fixtures::kind(id).dialect == "v3";
        let mut order = fixtures::order("1");
        order["body"] = json!("Tea");
        let mut checkout = order.clone();
        checkout.as_object_mut().unwrap().remove("trade_type");
        let link = json!({"body": "Tea", "total_fee": 100});
        let quick = json!({"out_trade_no": "1", "body": "Tea", "total_fee": 100,
                           "auth_code": "134567890123456789"});
        let product = json!({"product_id": "tea", "body": "Tea", "total_fee": 100});
        let mut entries = vec![
            ("/v1/order", order),
            ("/v1/checkout", checkout),
            ("/v1/link", link),
        ];
        if fixtures::kind(id).dialect != "ionline" {
            entries.push(("/v1/micropay", quick));
        }
        for (path, body) in entries {
            let (status, answer) = shop.call("POST", path, attach(&body).to_string());
            let found = (status, &answer["code"], &answer["field"]);
            assert_eq!(
                found,
                (400, &json!("FIELD_INVALID"), &json!("attach")),
                "{id} {path}"
            );
            if !is_v3 {
                let (status, answer) = shop.call("POST", path, text(&body).to_string());
                let found = (status, &answer["code"], &answer["field"]);
                assert_eq!(
                    found,
                    (400, &json!("FIELD_INVALID"), &json!("body")),
                    "{id} {path}"
                );
            }
        }
        if id == "demo" {
            let (status, answer) = shop.call("POST", "/v1/product", text(&product).to_string());
            assert_eq!((status, &answer["field"]), (400, &json!("body")));
        }
        let mut payer = fixtures::order_by("1", "JSAPI");
        payer["open_id"] = json!("o1&total_fee=1");
        let (status, answer) = shop.call("POST", "/v1/order", payer.to_string());
        assert_eq!((status, &answer["field"]), (400, &json!("open_id")), "{id}");
        assert_eq!(
            shop.report()["counters"]["order:NOTPAY"],
            Value::Null,
            "{id}"
        );
    }
}

/// A checkout of an earlier version may have `&` in its `attach`: it is not
/// sold, and it can be read.
#[test]
fn a_stored_attach_with_an_ampersand_is_read_and_not_signed() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let made = json!({"out_trade_no": "C1", "body": "Tea", "total_fee": 100, "attach": "x%y"});
    let (status, made) = shop.call("POST", "/v1/checkout", made.to_string());
    assert_eq!(status, 200, "{made}");
    let old = "UPDATE checkouts SET json = replace(json, 'x%y', 'x&total_fee=1')";
    world.sql("demo", old).unwrap();
    let (status, found) = shop.call("GET", "/v1/checkout?out_trade_no=C1", "");
    assert_eq!(
        (status, &found["data"]["attach"]),
        (200, &json!("x&total_fee=1"))
    );
    let session = made["data"]["id"].as_str().unwrap();
    let request = http::Request::post(format!("{GATEWAY}/pay/order?s={session}"))
        .header("user-agent", DESKTOP)
        .header("content-type", "application/json")
        .header("origin", GATEWAY)
        .body(b"{}".to_vec())
        .unwrap();
    let answer = world.send(request);
    let refused: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(refused["field"], "attach", "{refused}");
    assert!(
        !world
            .upstream_calls()
            .iter()
            .any(|path| path == "/pay/unifiedorder")
    );
}

#[test]
fn a_payment_is_delivered_only_when_wechat_confirms_its_notice() {
    for id in [
        "demo",
        "harbour",
        "demo-v3",
        "peak-v3",
        "lantern-v3",
        "night-ionline",
    ] {
        let fixture = fixture(id);
        let before = fixture.world.upstream_calls().len();
        fixture.world.upstream([Upstream::LosesRequest; 40]);
        assert!(fixture.send_it(), "{id}: durable, and so acknowledged");
        assert!(!fixture.is_paid(), "{id}");
        fixture.world.lose_notices(true);
        fixture.world.advance(1);
        assert_eq!(
            fixture.world.received(),
            [],
            "{id}: nothing is delivered unconfirmed"
        );
        // The same notice again changes nothing and triggers no query.
        let calls = fixture.world.upstream_calls().len();
        assert!(calls > before, "{id}: WeChat was queried");
        assert!(fixture.send_it(), "{id}");
        assert_eq!(fixture.world.upstream_calls().len(), calls, "{id}");
        fixture.world.drop_upstream();
        fixture.world.advance(5);
        assert!(fixture.is_paid(), "{id}: the timer repeats the query");
        fixture.world.advance(1);
        assert_eq!(fixture.world.received().len(), 1, "{id}");
        let audit = fixture.shop.audit("money");
        let paid = audit
            .iter()
            .find(|entry| entry["what"].as_str().unwrap().contains("SUCCESS"));
        let why = paid.unwrap()["evidence"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(why.contains("query"), "{id}: {why}");
    }
}

/// One more query for each notice, and the document is delivered byte for byte.
#[test]
fn confirming_costs_one_query_and_keeps_the_document() {
    let fixture = fixture("demo");
    let before = fixture.world.upstream_calls().len();
    assert!(fixture.send_it());
    let calls = fixture.world.upstream_calls();
    assert_eq!(calls[before..], ["/pay/orderquery"]);
    fixture.world.advance(1);
    assert_eq!(fixture.world.received()[0].body, fixture.notice.body);
}

/// An attacker with the key that signs notices makes no order paid.
#[test]
fn a_forged_notice_with_a_valid_signature_pays_nothing() {
    for id in ["demo", "harbour", "night-ionline"] {
        let paid = fixture(id);
        let world = Memory::default();
        let (shop, _) = crate::notice_fixture::shop(&world, fixtures::kind(id));
        order(&shop, "N1");
        let forged = paid
            .fields()
            .with("transaction_id", "4200000000000000000000000042");
        let forged = forged.sealed(&paid.key, paid.sign_type()).to_xml();
        let request = http::Request::post(&paid.notice.url)
            .body(forged.clone().into_bytes())
            .unwrap();
        assert_eq!(
            world.send(request).status().as_u16(),
            200,
            "{id}: it is kept"
        );
        world.advance(600);
        assert_eq!(world.received(), [], "{id}");
        assert_eq!(
            shop.report()["counters"]["order:SUCCESS"],
            Value::Null,
            "{id}"
        );
        let alarms = shop.report()["alarms"].clone();
        assert_eq!(alarms[0]["name"], "PAYMENT_UNCONFIRMED", "{id}: {alarms}");
        // WeChat denies the payment for an hour: the order then continues as
        // before.
        world.advance(4000);
        world.advance(3 * 3600);
        assert_eq!(shop.status("N1")["trade_state"], "CLOSED", "{id}");
    }
}

#[test]
fn a_merchant_may_accept_small_payments_on_the_notice_alone() {
    for (from, asks) in [(150, true), (151, false)] {
        let world = Memory::default();
        let mut body = fixtures::body(&world, "demo");
        body["confirm_notices_from"] = json!(from);
        let shop = world.shop_with("demo", &body);
        world.scan(&order(&shop, "N1")["code_url"]);
        let before = world.upstream_calls().len();
        world.send_notices();
        assert_eq!(
            world.upstream_calls().len() - before,
            usize::from(asks),
            "{from}"
        );
        assert_eq!(shop.report()["counters"]["order:SUCCESS"], 1, "{from}");
    }
    let world = Memory::default();
    let mut body = fixtures::body(&world, "demo");
    body["confirm_notices_from"] = json!(-1);
    let (status, answer) = world.admin("/merchants", &body);
    assert_eq!(
        (status, &answer["field"]),
        (400, &json!("confirm_notices_from"))
    );
}

/// The payer's page does not offer to pay again what may be paid.
#[test]
fn an_unconfirmed_payment_is_shown_as_being_confirmed() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let made = order(&shop, "N1");
    world.scan(&made["code_url"]);
    world.upstream([Upstream::LosesRequest; 90]);
    world.send_notices();
    assert_eq!(shop.status("N1")["trade_state"], "USERPAYING");
    let refund = json!({"out_trade_no": "N1", "refund_fee": 1});
    let (status, answer) = shop.call("POST", "/v1/refund", refund.to_string());
    assert_eq!((status, &answer["code"]), (409, &json!("ORDER_NOT_PAID")));
}

/// A piece whose payment a notice reports stays held, also after its order was
/// closed, until WeChat's answer to a query.
#[test]
fn a_reported_payment_of_a_closed_sale_holds_its_piece() {
    let fixture = fixture("demo");
    let body = json!({"body": "Tea", "total_fee": 150, "stock": 3});
    let (_, link) = fixture.shop.call("POST", "/v1/link", body.to_string());
    let mut payer = Browser::new(&fixture.world, DESKTOP);
    let (_, _, page) = payer.get(link["data"]["url"].as_str().unwrap());
    let once = page.split("name=\"once\" value=\"").nth(1).unwrap();
    let once = once.split('"').next().unwrap();
    let id = link["data"]["id"].as_str().unwrap();
    let form = format!("l={id}&once={once}");
    let mut request = payer.request("POST", "/pay/link", &form);
    let kind = "application/x-www-form-urlencoded".parse().unwrap();
    request.headers_mut().insert("content-type", kind);
    let sale = fixture.world.send(request).headers()["location"].clone();
    let sale = sale.to_str().unwrap();
    let (_, prepared) = payer.post(&call(sale, "order"));
    let number = prepared["qr"]["attempt"].as_str().unwrap();
    let close = json!({"out_trade_no": number}).to_string();
    assert_eq!(fixture.shop.call("POST", "/v1/close", close).0, 200);
    let held = || {
        let (_, found) = fixture.shop.call("GET", &format!("/v1/link?id={id}"), "");
        found["data"]["links"][0]["held"].clone()
    };
    assert_eq!(held(), 0);
    let fields = fixture.fields().with("out_trade_no", number);
    let fields = fields.with("transaction_id", "4200000000000000000000000042");
    let xml = fields.sealed(&fixture.key, fixture.sign_type()).to_xml();
    assert_eq!(fixture.send(xml), 200);
    assert_eq!(held(), 1);
}

/// A transaction pays one order, also if that order is from an earlier version,
/// whose book had no list of transactions.
#[test]
fn a_transaction_of_an_older_book_is_one_orders() {
    let fixture = fixture("demo");
    assert!(fixture.send_it());
    make_0_1_0(&fixture.world, "demo");
    fixture
        .world
        .sql("demo", "DROP TABLE transactions")
        .unwrap();
    order(&fixture.shop, "N2");
    let fields = fixture.fields().with("out_trade_no", "N2");
    let xml = fields.sealed(&fixture.key, fixture.sign_type()).to_xml();
    assert_eq!(fixture.send(xml), 409);
    let alarms = fixture.shop.report()["alarms"].clone();
    assert_eq!(alarms[0]["name"], "OTHER_TRANSACTION", "{alarms}");
}

/// A row that is not JSON does not prevent an older book from opening.
#[test]
fn a_row_that_is_no_json_does_not_stop_the_list_of_transactions() {
    let fixture = fixture("demo");
    assert!(fixture.send_it());
    let older = "DROP TABLE transactions;
                 INSERT INTO orders(out_trade_no, json) VALUES('BAD', 'no json')";
    make_0_1_0(&fixture.world, "demo");
    fixture.world.sql("demo", older).unwrap();
    assert_eq!(fixture.shop.status("N1")["trade_state"], "SUCCESS");
    order(&fixture.shop, "N2");
    let fields = fixture.fields().with("out_trade_no", "N2");
    let xml = fields.sealed(&fixture.key, fixture.sign_type()).to_xml();
    assert_eq!(fixture.send(xml), 409);
}

/// Two merchants of the gateway have one account at WeChat: a payment of one
/// pays no order of the other, with any answer of WeChat.
#[test]
fn one_payment_is_one_orders_among_all_merchants_of_an_account() {
    for id in ["demo", "harbour", "night-ionline"] {
        let fixture = fixture(id);
        let world = &fixture.world;
        let sibling = world.shop_with("sibling", &fixtures::body_as(world, id, "sibling"));
        order(&sibling, "N2");
        assert!(fixture.send_it(), "{id}");
        assert!(fixture.is_paid(), "{id}");
        let answer = |transaction_id: &str| {
            let fields = fixture.fields().with("trade_state", "SUCCESS");
            let fields = fields.with("out_trade_no", "N2");
            let fields = fields.with("transaction_id", transaction_id);
            let fields = fields.sealed(&fixture.key, fixture.sign_type());
            let answer = match fixture.kind.dialect {
                "ionline" => wechatpay::ionline::json::write(&fields),
                _ => fields.to_xml(),
            };
            world.answer_with(answer.into_bytes());
        };
        answer(fixture.fields().get("transaction_id").unwrap());
        assert_eq!(sibling.status("N2")["trade_state"], "NOTPAY", "{id}");
        let alarms = sibling.report()["alarms"].clone();
        assert_eq!(alarms[0]["name"], "OTHER_TRANSACTION", "{id}: {alarms}");
        // A payment of its own is accepted.
        answer("4200000000000000000000000077");
        assert_eq!(sibling.status("N2")["trade_state"], "SUCCESS", "{id}");
    }
}
