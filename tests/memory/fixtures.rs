//! The demo merchants of every kind, and an order that each of them can make.

use serde_json::{Value, json};
use testkit::demo::{Kind, MERCHANTS};
use tests::memory::{Memory, SHOP_NOTIFY, Shop};

/// The kind of the merchant with this id.
pub fn kind(id: &str) -> Kind {
    *MERCHANTS.iter().find(|kind| kind.id == id).unwrap()
}

/// The body of the admin call that makes a merchant of this kind.
pub fn body(world: &Memory, id: &str) -> Value {
    let kind = kind(id);
    kind.admin_body(&world.account(kind.mch_id), "https://shop.example.com")
}

/// The same for a second merchant of the gateway with this account at WeChat.
pub fn body_as(world: &Memory, id: &str, other: &str) -> Value {
    let mut body = body(world, id);
    body["id"] = json!(other);
    body
}

/// A merchant of this kind.
pub fn shop(world: &Memory, id: &str) -> Shop {
    world.shop_with(id, &body(world, id))
}

/// Runs `check` for every kind, each in a world of its own.
pub fn each(check: impl Fn(&Memory, Kind, &Shop)) {
    for kind in MERCHANTS {
        let world = Memory::default();
        check(&world, kind, &shop(&world, kind.id));
    }
}

/// An order for two cups of tea, to be paid by a code.
pub fn order(number: &str) -> Value {
    order_by(number, "NATIVE")
}

/// The same order with this trade type.
pub fn order_by(number: &str, trade_type: &str) -> Value {
    json!({"out_trade_no": number, "body": "Two cups", "total_fee": 3000,
           "trade_type": trade_type, "notify_url": SHOP_NOTIFY, "attach": "table 7"})
}

/// An order that Alice has paid, and whose payment is in the book.
pub fn paid(world: &Memory, shop: &Shop, number: &str) {
    pay(world, shop, number);
    world.advance(1);
    assert_eq!(shop.status(number)["trade_state"], "SUCCESS");
}

/// Alice scans an order's code and pays; her notice is not sent yet.
pub fn pay(world: &Memory, shop: &Shop, number: &str) {
    let made = shop.order(&order(number));
    world.scan(&made["code_url"]);
}
