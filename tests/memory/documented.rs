//! What the gateway really asks of WeChat Pay APIv3, and what the sandbox
//! really answers, against the field lists of the two regions.

#[path = "../../wechatpay/tests/documented/check.rs"]
mod check;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use whole::memory::{Memory, SHOP_NOTIFY, Shop};
use xtask::demo::MERCHANTS;

/// Everything that a merchant can ask for.
fn use_it_all(world: &Memory, shop: &Shop, account: &Value, sub_merchant: Option<usize>) {
    let openid = sub_merchant
        .map(|at| &account["sub_merchants"][at]["openids"]["alice"])
        .filter(|openid| openid.is_string())
        .unwrap_or(&account["openids"]["alice"]);
    for (number, trade_type) in [("N1", "NATIVE"), ("J1", "JSAPI"), ("A1", "APP")] {
        let body = json!({"out_trade_no": number, "body": "Two cups", "total_fee": 3000,
                          "trade_type": trade_type, "open_id": openid, "attach": "table 7",
                          "notify_url": SHOP_NOTIFY});
        // An institution of the sandbox has no APP.
        let (_, answer) = shop.call("POST", "/v1/order", body.to_string());
        if trade_type == "NATIVE" {
            shop.status("N1");
            let scan =
                json!({"code_url": answer["data"]["code_url"], "payer": "alice", "action": "pay"});
            world.control("/sandbox/scan", &scan);
        }
    }
    world.lose_notices(true);
    world.advance(60);
    assert_eq!(shop.status("N1")["trade_state"], "SUCCESS");
    shop.call(
        "POST",
        "/v1/close",
        json!({"out_trade_no": "J1"}).to_string(),
    );
    let refund = json!({"out_trade_no": "N1", "refund_fee": 500, "out_refund_no": "R1"});
    shop.call("POST", "/v1/refund", refund.to_string());
    world.advance(24 * 60 * 60);
    for (number, behaviour) in [("Q1", "pays"), ("Q2", "password")] {
        let asked = json!({"payer": "alice", "behaviour": behaviour});
        let code = world.control("/sandbox/paycode", &asked)["auth_code"].clone();
        let body = json!({"out_trade_no": number, "body": "One cup", "total_fee": 1200,
                          "auth_code": code});
        shop.call("POST", "/v1/micropay", body.to_string());
    }
    world.advance(24 * 60 * 60);
    shop.call("GET", "/v1/statement?bill_date=20260102", "");
    shop.call("GET", "/v1/settlement", "");
    shop.call("GET", "/v1/doctor", "");
}

#[test]
fn what_goes_over_the_wire_is_as_the_lists_have_it() {
    let mut seen = BTreeSet::new();
    for kind in MERCHANTS.into_iter().filter(|kind| kind.dialect == "v3") {
        let world = Memory::default();
        let account = world.account(kind.mch_id);
        let body = kind.admin_body(&account, "https://shop.example.com");
        let shop = world.shop_with(kind.id, &body);
        use_it_all(&world, &shop, &account, kind.sub_merchant);
        for exchange in world.exchanges() {
            // The link that the mainland gives for a statement, and its table.
            if exchange.path_and_query.starts_with("/v3/billdownload/") {
                continue;
            }
            let institution = kind.sub_merchant.is_some();
            let operation = check::request(
                institution,
                &exchange.method,
                &exchange.path_and_query,
                &exchange.body,
            );
            let is_table = operation.ends_with("/statements");
            // A query's answer before the payment is not in the lists.
            let is_unpaid = exchange.answer.contains("\"trade_state\"")
                && !exchange.answer.contains("\"success_time\"");
            if [200, 204].contains(&exchange.status) && !is_table && !is_unpaid {
                check::answer(institution, &operation, &exchange.answer);
            }
            seen.insert(operation);
        }
    }
    for operation in [
        "GET /v3/global/certificates",
        "GET /v3/global/statements",
        "GET /v3/bill/tradebill",
        "GET /v3/global/settle/settlements",
        "GET /v3/global/transactions/out-trade-no/{out_trade_no}",
        "GET /v3/pay/transactions/out-trade-no/{out_trade_no}",
        "GET /v3/global/refunds/out-refund-no/{out_refund_no}",
        "GET /v3/refund/domestic/refunds/{out_refund_no}",
        "POST /v3/global/transactions/native",
        "POST /v3/global/transactions/jsapi",
        "POST /v3/global/transactions/app",
        "POST /v3/global/transactions/out-trade-no/{out_trade_no}/close",
        "POST /v3/global/micropay/transactions/pay",
        "POST /v3/global/micropay/transactions/out-trade-no/{out_trade_no}/reverse",
        "POST /v3/global/refunds",
        "POST /v3/pay/transactions/native",
        "POST /v3/pay/transactions/jsapi",
        "POST /v3/pay/transactions/app",
        "POST /v3/pay/transactions/codepay",
        "POST /v3/pay/transactions/out-trade-no/{out_trade_no}/close",
        "POST /v3/pay/transactions/out-trade-no/{out_trade_no}/reverse",
        "POST /v3/refund/domestic/refunds",
        "POST /v3/security/echo",
    ] {
        assert!(
            seen.contains(operation),
            "{operation} was not tried: {seen:#?}"
        );
    }
}
