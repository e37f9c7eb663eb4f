//! An object or a file that cannot be reached: the log has the cause once, with
//! the request's id, also where no answer reports the failure.

use crate::fixtures;
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, SHOP_NOTIFY};
use wechatpay::Secret;
use wechatpay::common::{Fields, SignType};

/// The log lines with this text, after the first `from` bytes of the log.
fn lines(world: &Memory, from: usize, says: &str) -> Vec<Value> {
    let log = world.log_text()[from..].to_owned();
    let found = log.lines().filter(|line| line.contains(says));
    found
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_claim_that_is_not_answered_is_logged_with_its_cause() {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo");
    world.shop_with("sibling", &fixtures::body_as(&world, "demo", "sibling"));
    world.advance(31);
    world.lose_notices(true);
    fixtures::pay(&world, &shop, "1");
    let shards: Vec<String> = (0..100)
        .map(|shard| format!("1900000109/{shard:02}"))
        .collect();
    let shards: Vec<&str> = shards.iter().map(String::as_str).collect();
    world.unreachable(&shards);
    let from = world.log_text().len();
    let answer = shop.answer("GET", "/v1/order?out_trade_no=1&refresh=1", "");
    assert_eq!(answer.status(), 200);
    let found = lines(&world, from, "a claim was not answered");
    assert_eq!(found.len(), 1, "{found:?}");
    let says = "a claim was not answered: the object did not answer";
    assert_eq!(found[0]["says"], says);
    assert_eq!(found[0]["code"], "INTERNAL");
    let id = answer.headers()["x-request-id"].to_str().unwrap();
    assert_eq!(found[0]["request"], id);
}

#[test]
fn a_scanned_product_without_an_order_is_logged_with_its_cause() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let product = json!({"product_id": "oolong", "body": "Oolong", "total_fee": 8800,
                         "notify_url": SHOP_NOTIFY});
    assert_eq!(shop.call("POST", "/v1/product", product.to_string()).0, 200);
    let scan = Fields::new()
        .with("appid", "wx5a11d0b0c0ffee01")
        .with("mch_id", "1900000109")
        .with("openid", "o")
        .with("is_subscribe", "N")
        .with("nonce_str", "n")
        .with("product_id", "oolong")
        .sealed(
            &Secret::new("weceive-sandbox-demo-key-0000001"),
            SignType::Md5,
        );
    world.unreachable(&["demo"]);
    let from = world.log_text().len();
    let callback = http::Request::post(format!("{GATEWAY}/notify/v2/demo/native"));
    let answer = world.send(callback.body(scan.to_xml().into_bytes()).unwrap());
    assert_eq!(answer.status(), 200);
    let found = lines(&world, from, "no order for a scanned product");
    assert_eq!(found.len(), 1, "{}", &world.log_text()[from..]);
    let says = "no order for a scanned product: the object did not answer";
    assert_eq!(found[0]["says"], says);
    let id = answer.headers()["x-request-id"].to_str().unwrap();
    assert_eq!(found[0]["request"], id);
    let body = String::from_utf8(answer.into_body()).unwrap();
    assert!(!body.contains("did not answer"), "{body}");
}

#[test]
fn page_files_that_cannot_be_read_are_logged_with_the_cause() {
    let world = Memory::default();
    world.lose_files();
    let from = world.log_text().len();
    let page = http::Request::get(format!("{GATEWAY}/pay?s=unknown")).header("accept", "text/html");
    let answer = world.send(page.body(Vec::new()).unwrap());
    let found = lines(&world, from, "the page's files: no connection");
    assert_eq!(found.len(), 1, "{}", &world.log_text()[from..]);
    let id = answer.headers()["x-request-id"].to_str().unwrap();
    assert_eq!(found[0]["request"], id);
}
