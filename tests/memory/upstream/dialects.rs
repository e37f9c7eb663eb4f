//! The same payments in every dialect: the calls of merchants and payers do not
//! depend on the upstream's protocol.

use crate::fixtures::{each, order_by, paid, shop};
use serde_json::{Value, json};
use testkit::demo::Kind;
use tests::memory::{Memory, SHOP_NOTIFY};

/// Alice's openid under this merchant's application.
fn openid(kind: Kind, account: &Value) -> String {
    let sub = kind
        .sub_merchant
        .map(|at| &account["sub_merchants"][at]["openids"]["alice"]);
    let openid = sub.filter(|openid| openid.is_string());
    let openid = openid.unwrap_or(&account["openids"]["alice"]);
    openid.as_str().unwrap().to_owned()
}

#[test]
fn a_code_is_scanned_and_paid() {
    each(|world, kind, shop| {
        let account = &world.account(kind.mch_id);
        paid(world, shop, "D1");
        let data = shop.status("D1");
        assert_eq!(data["trade_state"], "SUCCESS", "{}: {data}", kind.id);
        assert_eq!(data["total_fee"], "3000", "{}", kind.id);
        assert_eq!(data["fee_type"], account["fee_type"], "{}", kind.id);
        assert_eq!(data["trade_type"], "NATIVE", "{}", kind.id);
        assert_eq!(data["attach"], "table 7", "{}", kind.id);
        assert!(
            data["time_end"].as_str().unwrap().len() == 14,
            "{}",
            kind.id
        );

        // By the notice and the query that confirms it, not by the timer's
        // query; and acknowledged.
        let counters = &shop.report()["counters"];
        assert_eq!(counters["notice_taken"], 1, "{}: {counters}", kind.id);
        let calls = world.upstream_calls();
        let number_of = |kind: &str| calls.iter().filter(|path| path.contains(kind)).count();
        let queries = match kind.dialect {
            // Its query is a GET of the order; all calls of iOnline have one
            // path.
            "v3" => number_of("/out-trade-no/"),
            "ionline" => calls.len() - 1,
            _ => number_of("query"),
        };
        assert_eq!(queries, 1, "{calls:?}");
    });
}

#[test]
fn deliveries_have_one_form_in_every_dialect() {
    each(|world, kind, shop| {
        paid(world, shop, "D2");
        let [delivery] = &world.received()[..] else {
            panic!("{}: {:?}", kind.id, world.received());
        };
        let (status, checked) = shop.call("POST", "/v1/checksign", delivery.body.clone());
        assert_eq!(
            (status, &checked["data"]["valid"]),
            (200, &json!(true)),
            "{}",
            kind.id
        );
        let document = wechatpay::common::Fields::parse(delivery.body.as_bytes()).unwrap();
        for (field, value) in [
            ("return_code", "SUCCESS"),
            ("result_code", "SUCCESS"),
            ("out_trade_no", "D2"),
            ("total_fee", "3000"),
            ("attach", "table 7"),
        ] {
            assert_eq!(document.get(field), Some(value), "{}: {field}", kind.id);
        }
    });
}

#[test]
fn j1_j2_j3_j4_the_package_opens_the_payment_sheet() {
    each(|world, kind, shop| {
        let account = &world.account(kind.mch_id);
        let mut wanted = order_by("D3", "JSAPI");
        wanted["open_id"] = openid(kind, account).into();
        let data = shop.order(&wanted);
        let package = &data["jsapi"];
        let sign_type = match kind.dialect {
            "v3" => "RSA",
            "ionline" => package["signType"].as_str().unwrap(),
            _ => account["sign_type"].as_str().unwrap(),
        };
        assert_eq!(package["signType"], sign_type, "{}", kind.id);
        assert!(package["timeStamp"].is_string(), "{}", kind.id);
        let named = package["package"].as_str().unwrap();
        assert!(named.starts_with("prepay_id=wx"), "{}: {named}", kind.id);
        let bridge = json!({"payer": "alice", "package": package, "action": "pay"});
        let said = world.control("/sandbox/bridge", &bridge);
        assert_eq!(
            said["err_msg"], "get_brand_wcpay_request:ok",
            "{}: {said}",
            kind.id
        );
        world.advance(1);
        assert_eq!(shop.status("D3")["trade_state"], "SUCCESS", "{}", kind.id);
    });
}

#[test]
fn the_same_order_again_is_the_same_and_another_is_refused() {
    each(|_, kind, shop| {
        let first = shop.order(&order_by("D4", "NATIVE"));
        assert_eq!(first, shop.order(&order_by("D4", "NATIVE")), "{}", kind.id);
        let mut other = order_by("D4", "NATIVE");
        other["total_fee"] = 3001.into();
        let (status, answer) = shop.call("POST", "/v1/order", other.to_string());
        assert_eq!(status, 409, "{}", kind.id);
        assert_eq!(
            answer["code"], "ORDER_EXISTS_WITH_DIFFERENT_TERMS",
            "{}",
            kind.id
        );
    });
}

#[test]
fn p8_a_payment_without_notice_is_found_by_query() {
    each(|world, kind, shop| {
        let made = shop.order(&order_by("D5", "NATIVE"));
        world.lose_notices(true);
        world.scan(&made["code_url"]);
        world.advance(120);
        assert_eq!(shop.status("D5")["trade_state"], "SUCCESS", "{}", kind.id);
        assert_eq!(world.received().len(), 1, "{}", kind.id);
    });
}

#[test]
fn p7_an_unpaid_order_is_closed_in_the_end() {
    each(|world, kind, shop| {
        let made = shop.order(&order_by("D6", "NATIVE"));
        let (status, _) = shop.call(
            "POST",
            "/v1/close",
            json!({"out_trade_no": "D6"}).to_string(),
        );
        assert_eq!(status, 200, "{}", kind.id);
        world.advance(3 * 60 * 60);
        assert_eq!(shop.status("D6")["trade_state"], "CLOSED", "{}", kind.id);
        let scan = json!({"code_url": made["code_url"], "payer": "alice", "action": "pay"});
        let sheet = world.try_control("/sandbox/scan", &scan);
        assert_ne!(sheet["state"], "paid", "{}: {sheet}", kind.id);
    });
}

#[test]
fn a_repeated_refund_is_made_once() {
    each(|world, kind, shop| {
        paid(world, shop, "D7");
        let refund = json!({"out_trade_no": "D7", "total_fee": 3000, "refund_fee": 1000,
                            "out_refund_no": "R7"});
        for _ in 0..2 {
            let (status, answer) = shop.call("POST", "/v1/refund", refund.to_string());
            assert_eq!(status, 200, "{}: {answer}", kind.id);
        }
        world.advance(24 * 60 * 60);
        let (_, answer) = shop.call("GET", "/v1/refund?out_trade_no=D7", "");
        let refunds = answer["data"]["refunds"].as_array().unwrap();
        assert_eq!(refunds.len(), 1, "{}", kind.id);
        assert_eq!(
            refunds[0]["refund_status"], "SUCCESS",
            "{}: {answer}",
            kind.id
        );
        assert_eq!(refunds[0]["refund_fee"], "1000", "{}", kind.id);
        let upstream = world.refunds_at_wechat();
        assert_eq!(
            upstream.as_array().unwrap().len(),
            1,
            "{}: {upstream}",
            kind.id
        );
    });
}

#[test]
fn refunds_never_exceed_the_payment() {
    each(|world, kind, shop| {
        paid(world, shop, "D8");
        let refund = json!({"out_trade_no": "D8", "refund_fee": 3001});
        let (status, answer) = shop.call("POST", "/v1/refund", refund.to_string());
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!("REFUND_EXCEEDS_PAID")),
            "{}",
            kind.id
        );
        assert_eq!(world.refunds_at_wechat(), json!([]), "{}", kind.id);
    });
}

#[test]
fn a_payers_code_is_charged_and_reversed() {
    each(|world, kind, shop| {
        let paycode = |behaviour: &str| {
            let asked = json!({"payer": "alice", "behaviour": behaviour});
            world.control("/sandbox/paycode", &asked)["auth_code"].clone()
        };
        let micropay = |number: &str, code: &Value| {
            let body = json!({"out_trade_no": number, "body": "One cup", "total_fee": 1200,
                              "auth_code": code, "notify_url": SHOP_NOTIFY});
            shop.call("POST", "/v1/micropay", body.to_string())
        };
        let (status, answer) = micropay("Q1", &paycode("pays"));
        if kind.dialect == "ionline" {
            assert_eq!(
                (status, &answer["code"]),
                (409, &json!("NOT_OFFERED")),
                "{answer}"
            );
            return;
        }
        assert_eq!(
            answer["data"]["trade_state"], "SUCCESS",
            "{}: {answer}",
            kind.id
        );

        let (_, answer) = micropay("Q2", &paycode("password"));
        assert_eq!(
            answer["data"]["trade_state"], "USERPAYING",
            "{}: {answer}",
            kind.id
        );
        world.advance(90);
        assert_eq!(shop.status("Q2")["trade_state"], "REVOKED", "{}", kind.id);

        let (status, answer) = micropay("Q3", &paycode("expired"));
        assert_eq!(status, 422, "{}: {answer}", kind.id);
        assert!(
            answer["message"]["err_code"].is_string(),
            "{}: {answer}",
            kind.id
        );
        assert_eq!(shop.status("Q3")["trade_state"], "PAYERROR", "{}", kind.id);
    });
}

#[test]
fn statements_have_one_form_in_every_dialect() {
    each(|world, kind, shop| {
        paid(world, shop, "D9");
        world.advance(2 * 24 * 60 * 60);
        let (status, answer) = shop.call("GET", "/v1/statement?bill_date=20260102", "");
        if kind.dialect == "ionline" {
            assert_eq!(
                (status, &answer["code"]),
                (409, &json!("NOT_OFFERED")),
                "{answer}"
            );
            return;
        }
        assert_eq!(status, 200, "{}: {answer}", kind.id);
        let rows = answer["data"]["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 1, "{}: {answer}", kind.id);
        assert_eq!(rows[0]["out_trade_no"], "D9", "{}", kind.id);
        assert_eq!(rows[0]["total_fee"], "3000", "{}", kind.id);

        // A day without payments has no rows (checklist S2).
        let (status, answer) = shop.call("GET", "/v1/statement?bill_date=20260101", "");
        assert_eq!(
            (status, &answer["data"]["rows"]),
            (200, &json!([])),
            "{}: {answer}",
            kind.id
        );
    });
}

/// The day is 2 January 2026 in China.
#[test]
fn a_statement_can_be_had_for_90_days_and_from_apiv3_global_for_180_the_last_included() {
    each(|world, kind, shop| {
        let kept_days = match (kind.dialect, kind.id) {
            ("ionline", _) => return,
            // The mainland's.
            (_, "lantern-v3") | ("v2", _) => 90,
            _ => 180,
        };
        paid(world, shop, "D11");
        world.advance(kept_days * 24 * 60 * 60);
        let ask = || shop.call("GET", "/v1/statement?bill_date=20260102", "");
        let (status, answer) = ask();
        assert_eq!(status, 200, "{}: {answer}", kind.id);
        let rows = answer["data"]["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 1, "{}: {answer}", kind.id);
        let calls = world.upstream_calls().len();
        world.advance(24 * 60 * 60);
        let calls_of_timers = world.upstream_calls().len() - calls;
        let (status, answer) = ask();
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!("STATEMENT_TOO_OLD")),
            "{}: {answer}",
            kind.id
        );
        let said = format!("keeps statements for {kept_days} days");
        assert!(
            answer["message"].as_str().unwrap().contains(&said),
            "{answer}"
        );
        let asked = world.upstream_calls().len() - calls - calls_of_timers;
        assert_eq!(asked, 0, "{}: WeChat is not asked", kind.id);
    });
}

#[test]
fn settlements_have_one_form_in_every_dialect() {
    each(|world, kind, shop| {
        paid(world, shop, "D10");
        world.advance(4 * 24 * 60 * 60);
        let (status, answer) = shop.call("GET", "/v1/settlement?usetag=2", "");
        match (kind.dialect, kind.region) {
            ("ionline", _) | (_, Some("mainland")) => {
                assert_eq!(
                    (status, &answer["code"]),
                    (409, &json!("NOT_OFFERED")),
                    "{answer}"
                );
            }
            _ => assert_eq!(status, 200, "{}: {answer}", kind.id),
        }
    });
}

#[test]
fn a_call_that_only_v2_has_is_refused_by_name() {
    each(|_, kind, shop| {
        let (status, answer) = shop.call("GET", "/v1/exchange_rate?fee_type=USD", "");
        match kind.dialect {
            "v2" => assert_eq!(status, 200, "{}: {answer}", kind.id),
            _ => assert_eq!(
                (status, &answer["code"]),
                (409, &json!("NOT_OFFERED")),
                "{}",
                kind.id
            ),
        }
    });
}

#[test]
fn no_key_of_a_merchant_reaches_a_log_or_the_store() {
    each(|world, kind, shop| {
        let account = &world.account(kind.mch_id);
        paid(world, shop, "D11");
        let secrets = [
            &account["key"],
            &account["app_secret"],
            &account["v3"]["apiv3_key"],
            &account["ionline"]["key"],
        ];
        let (stored, log) = (world.stored_text(), world.log_text());
        for secret in secrets.into_iter().filter_map(Value::as_str) {
            assert!(
                !stored.contains(secret) && !log.contains(secret),
                "{}",
                kind.id
            );
        }
        let pem = account["v3"]["private_key"].as_str().unwrap();
        let line = pem.lines().nth(3).unwrap();
        assert!(!stored.contains(line) && !log.contains(line), "{}", kind.id);
    });
}

#[test]
fn a_notice_of_one_dialect_is_refused_for_merchants_of_another() {
    let world = Memory::default();
    let demo = shop(&world, "demo");
    for dialect in ["v3", "ionline"] {
        let (status, answer) = demo.call("POST", &format!("/notify/{dialect}/demo"), "{}");
        assert_eq!(
            (status, &answer["code"]),
            (404, &json!("MERCHANT_NOT_FOUND")),
            "{dialect}"
        );
    }
}
