//! Payments that a notice reports, until a query confirms them: none is lost,
//! none is counted twice, and none is reported to the merchant differently from
//! WeChat's answer.

use crate::fixtures;
use crate::notice_fixture::fixture;
use serde_json::json;
use tests::memory::{GATEWAY, Memory, Shop, Upstream};

const KINDS: [&str; 4] = ["demo", "harbour", "demo-v3", "night-ionline"];

/// WeChat does not answer the query for seven minutes after the notice. The
/// query is repeated, also while notices arrive and other checks send no query.
#[test]
fn a_reported_payment_is_queried_until_wechat_answers() {
    for id in KINDS {
        let fixture = fixture(id);
        fixture.world.lose_notices(true);
        fixture.world.upstream([Upstream::LosesRequest; 200]);
        assert!(fixture.send_it(), "{id}");
        fixture.world.advance(420);
        assert!(!fixture.is_paid(), "{id}");
        fixture.world.drop_upstream();
        fixture.world.advance(310);
        assert!(fixture.is_paid(), "{id}");
    }
}

/// The delivered document has the contents of WeChat's answer, and nothing that
/// was added to the notice by a sender with the API key.
#[test]
fn a_notice_that_differs_from_the_answer_is_not_delivered() {
    for id in ["demo", "harbour"] {
        for (field, value) in [
            ("openid", "oEvil"),
            ("time_end", "20200101000000"),
            ("bank_type", "XXX"),
            ("cash_fee", "1"),
            ("is_subscribe", "N"),
        ] {
            let fixture = fixture(id);
            let mut fields = fixture.fields();
            fields.remove("sign");
            fields.set(field, value);
            let xml = fields.sealed(&fixture.key, fixture.sign_type()).to_xml();
            assert_eq!(fixture.send(xml), 200, "{id}");
            fixture.world.advance(1);
            let [delivery] = &fixture.world.received()[..] else {
                panic!("{id}: one delivery")
            };
            assert!(
                !delivery.body.contains(&format!("[{value}]"))
                    && !delivery.body.contains(&format!(">{value}<")),
                "{id} {field}: {}",
                delivery.body
            );
        }
    }
}

fn quick(world: &Memory, shop: &Shop, payer: &str) -> http::Request<Vec<u8>> {
    let code = world.control(
        "/sandbox/paycode",
        &json!({"payer": payer, "behaviour": "pays"}),
    );
    let body = json!({"out_trade_no": "Q1", "body": "One cup", "total_fee": 1200,
                      "auth_code": code["auth_code"]});
    http::Request::post(format!("{}/v1/micropay", GATEWAY))
        .header("api-key", &shop.api_key)
        .header("api-secret", &shop.api_secret)
        .body(body.to_string().into_bytes())
        .unwrap()
}

/// Two merchants of the gateway have one account at WeChat and make a Quick Pay
/// with the same number at the same time: one is refused by name before WeChat
/// is called, and the other's payment is not reversed.
#[test]
fn merchants_of_one_account_do_not_reverse_each_others_quick_pay() {
    let v2 = &["/pay/orderquery", "/pay/micropay"][..];
    let v3 = &["/v3/global/micropay/transactions/pay"][..];
    for (id, paths) in [("demo", v2), ("harbour", v2), ("demo-v3", v3)] {
        for path in paths {
            let world = Memory::default();
            let first = fixtures::shop(&world, id);
            let sibling = world.shop_with("sibling", &fixtures::body_as(&world, id, "sibling"));
            world.advance(31);
            let (late, early) = (
                quick(&world, &first, "alice"),
                quick(&world, &sibling, "bob"),
            );
            world.during_next(path, late);
            let answer = world.send(early);
            assert_eq!(answer.status(), 200, "{id}");
            world.advance(300);
            assert_eq!(sibling.status("Q1")["trade_state"], "SUCCESS", "{id}");
            let (status, _) = first.call("GET", "/v1/order?out_trade_no=Q1", "");
            assert_eq!(status, 404, "{id}: refused, and not written");
            let again = world.send(quick(&world, &first, "alice"));
            let refused: serde_json::Value = serde_json::from_slice(again.body()).unwrap();
            assert_eq!(refused["field"], "out_trade_no", "{id}: {refused}");
            assert_eq!(
                world.orders_at_wechat()[0]["trade_state"],
                "SUCCESS",
                "{id}"
            );
        }
    }
}
