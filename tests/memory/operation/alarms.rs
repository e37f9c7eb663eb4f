//! Every alarm, raised by its cause, and read as the operator reads it.

use super::reconciliation;
use crate::checkout::purchases;
use crate::checkout::sign_in::{Browser, WECHAT, checkout};
use crate::events::endpoints::{EVENTS_URL, endpoint};
use crate::fixtures;
use crate::notice_fixture::{NoticeFixture, fixture, order};
use gateway::observe::alarm::Alarm;
use serde_json::{Value, json};
use tests::memory::{ADMIN_TOKEN, GATEWAY, Memory, Shop, Upstream};

/// A world in which an alarm is raised, with its merchant and subject.
struct Called {
    world: Memory,
    shop: Shop,
    merchant: String,
    subject: &'static str,
}

fn called(world: Memory, shop: &Shop, subject: &'static str) -> Called {
    let merchant = shop.id.clone();
    Called {
        world,
        shop: shop.clone(),
        merchant,
        subject,
    }
}

/// The causes of an alarm. Each alarm has its own arm: one without does not
/// compile.
fn scenarios(alarm: Alarm) -> Vec<Called> {
    let of_both = |wrong: &[Wrong]| -> Vec<Called> {
        let answers = wrong.iter().map(answered);
        wrong
            .iter()
            .map(|w| reported_by_notice(w, "N1"))
            .chain(answers)
            .collect()
    };
    let of_a_notice = |wrong: &[Wrong], subject| {
        wrong
            .iter()
            .map(|w| reported_by_notice(w, subject))
            .collect()
    };
    match alarm {
        Alarm::PaidTwice => of_a_notice(
            &[
                (
                    "demo",
                    "transaction_id",
                    json!("4200000000000000000000000000"),
                ),
                ("demo-v3", "/id", json!("4200000000000000000000000000")),
                (
                    "lantern-v3",
                    "/transaction_id",
                    json!("4200000000000000000000000000"),
                ),
                (
                    "night-ionline",
                    "transaction_id",
                    json!("10085200000000150271173415531"),
                ),
            ],
            "N1",
        ),
        Alarm::OtherMerchant => of_a_notice(
            &[
                ("demo", "mch_id", json!("1900000110")),
                ("demo", "sub_mch_id", json!("1900000110")),
                ("demo-v3", "/mchid", json!("1900000113")),
                ("peak-v3", "/sp_mchid", json!("1900000113")),
                ("lantern-v3", "/mchid", json!("1900000109")),
                ("night-ionline", "mch_id", json!("10085200000000")),
            ],
            "N1",
        ),
        Alarm::OtherApp => of_a_notice(
            &[
                ("demo", "appid", json!("wx0000000000000000")),
                ("demo-v3", "/appid", json!("wx0000000000000000")),
                ("lantern-v3", "/appid", json!("wx0000000000000000")),
                ("night-ionline", "sub_appid", json!("wx0000000000000000")),
            ],
            "N1",
        ),
        Alarm::OtherCurrency => of_both(&[
            ("demo", "fee_type", json!("CNY")),
            ("demo-v3", "/amount/currency", json!("CNY")),
            ("lantern-v3", "/amount/currency", json!("HKD")),
            ("night-ionline", "fee_type", json!("CNY")),
        ]),
        Alarm::OtherAmount => of_both(&[
            ("demo", "total_fee", json!("151")),
            ("harbour", "total_fee", json!("1")),
            ("demo-v3", "/amount/total", json!(151)),
            ("peak-v3", "/amount/total", json!(1)),
            ("lantern-v3", "/amount/total", json!(1)),
            ("night-ionline", "total_fee", json!("151")),
        ]),
        Alarm::OtherTradeType => of_both(&[
            ("demo", "trade_type", json!("JSAPI")),
            ("demo-v3", "/trade_type", json!("JSAPI")),
            ("lantern-v3", "/trade_type", json!("APP")),
            (
                "night-ionline",
                "trade_type",
                json!(wechatpay::ionline::Service::Jspay.as_str()),
            ),
        ]),
        Alarm::OtherAttach => [
            ("demo", "attach", json!("x")),
            ("night-ionline", "attach", json!("x")),
        ]
        .iter()
        .map(answered)
        .collect(),
        Alarm::OtherPayer => vec![other_payer()],
        Alarm::OtherTransaction => ["demo", "demo-v3", "night-ionline"]
            .into_iter()
            .map(second_order_of_one_transaction)
            .collect(),
        Alarm::PaymentUnconfirmed => vec![unconfirmed("demo"), unconfirmed("night-ionline")],
        Alarm::OrderUnknown => of_a_notice(
            &[
                ("demo", "out_trade_no", json!("N2")),
                ("demo-v3", "/out_trade_no", json!("N2")),
                ("lantern-v3", "/out_trade_no", json!("N2")),
                ("night-ionline", "out_trade_no", json!("N2")),
            ],
            "N2",
        ),
        Alarm::OtherOrder => vec![misplaced_order()],
        Alarm::SubMerchantUnknown => vec![unknown_sub_merchant()],
        Alarm::NeverAcknowledged => vec![never_acknowledged()],
        Alarm::EndpointFailing => vec![endpoint_is_down(40).0],
        Alarm::EventGivenUp => vec![event_given_up()],
        Alarm::ReverseRefused => vec![reverse_refused()],
        Alarm::ReverseWaits => vec![reverse_waits()],
        Alarm::PaidAfterReverse => vec![paid_after_reverse()],
        Alarm::ChangedElsewhere => vec![refunded_elsewhere()],
        Alarm::NotPaidAtWeChat => vec![not_paid_at_wechat()],
        Alarm::NumberTaken => vec![number_taken()],
        Alarm::RefundWaits => vec![refund_waits()],
        Alarm::RefundMadeAfterAll => vec![refund_made_after_all()],
        Alarm::OtherRefund => vec![other_refund()],
        Alarm::UpstreamTooOften => vec![too_often()],
        Alarm::SecondPaymentWaits => vec![second_payment(|world| {
            world.upstream([Upstream::LosesRequest; 300]);
        })],
        Alarm::SecondPaymentKept => vec![second_payment(|world| {
            let refuse = json!({"path": "/secapi/pay/refund", "code": "USER_ACCOUNT_ABNORMAL"});
            world.control("/sandbox/faults", &json!({ "fail_next": refuse }));
        })],
        Alarm::StorageFilling => vec![filling_storage()],
        Alarm::RowUnreadable => vec![unreadable_row()],
        Alarm::CertificateUnusable => {
            vec![refused_certificate("demo"), refused_certificate("harbour")]
        }
        Alarm::PublicKeyUnknown => vec![unknown_public_key()],
        Alarm::SignInNotSetUp => vec![no_app_secret()],
        Alarm::PaymentsRefused => vec![
            payments_refused("demo", "NOAUTH"),
            payments_refused("harbour", "APPID_MCHID_NOT_MATCH"),
            payments_refused("demo-v3", "NO_AUTH"),
            wrong_api_key(),
        ],
        Alarm::RefundAbnormal => vec![abnormal_refund("demo"), abnormal_refund("demo-v3")],
        Alarm::CloseWaits => ["demo", "demo-v3", "night-ionline"]
            .map(waiting_close)
            .into(),
        Alarm::ClaimUnanswered => vec![unanswered_claim()],
        Alarm::PaymentUnchecked => vec![unchecked_payment()],
        Alarm::LinkUnusable => vec![unusable_link()],
        Alarm::DayNotReconciled => vec![no_statement()],
        Alarm::ReconciliationDiffers => vec![differing_day()],
    }
}

/// How an alarm ends.
enum WayOut {
    /// By this decision of an operator about the order. Where WeChat's answer
    /// matches the order by then, there is nothing to decide, and the alarm is
    /// settled.
    Decide(&'static str),
    /// An operator has done what the alarm says, and settles it.
    Settle,
    /// It ends with its cause.
    ByItself,
}

/// Each alarm has its own arm: one without does not compile.
fn way_out(alarm: Alarm) -> WayOut {
    match alarm {
        Alarm::OtherApp
        | Alarm::OtherCurrency
        | Alarm::OtherAmount
        | Alarm::OtherTradeType
        | Alarm::OtherPayer
        | Alarm::NumberTaken => WayOut::Decide("accept"),
        Alarm::PaidTwice | Alarm::OtherOrder | Alarm::OtherMerchant | Alarm::OtherTransaction => {
            WayOut::Decide("reject")
        }
        Alarm::SecondPaymentKept => WayOut::Decide("refund"),
        Alarm::OtherAttach
        | Alarm::PaymentUnconfirmed
        | Alarm::OrderUnknown
        | Alarm::SubMerchantUnknown
        | Alarm::NeverAcknowledged
        | Alarm::EventGivenUp
        | Alarm::ReverseRefused
        | Alarm::ReverseWaits
        | Alarm::PaidAfterReverse
        | Alarm::ChangedElsewhere
        | Alarm::NotPaidAtWeChat
        | Alarm::RefundWaits
        | Alarm::RefundMadeAfterAll
        | Alarm::OtherRefund
        | Alarm::UpstreamTooOften
        | Alarm::SecondPaymentWaits
        | Alarm::StorageFilling
        | Alarm::RowUnreadable
        | Alarm::CertificateUnusable
        | Alarm::PaymentsRefused
        | Alarm::PublicKeyUnknown
        | Alarm::SignInNotSetUp
        | Alarm::RefundAbnormal
        | Alarm::CloseWaits
        | Alarm::LinkUnusable => WayOut::Settle,
        Alarm::ClaimUnanswered
        | Alarm::PaymentUnchecked
        | Alarm::EndpointFailing
        | Alarm::DayNotReconciled
        | Alarm::ReconciliationDiffers => WayOut::ByItself,
    }
}

/// Does what the alarm asks the operator to do, where it would be raised again
/// otherwise.
fn repair(alarm: Alarm, called: &Called) {
    let world = &called.world;
    match alarm {
        Alarm::PaymentUnconfirmed | Alarm::SecondPaymentWaits | Alarm::CloseWaits => {
            world.drop_upstream();
            // The next query is answered.
            world.advance(600);
        }
        Alarm::ClaimUnanswered => world.unreachable(&[]),
        Alarm::EndpointFailing => world.endpoint_is_down(EVENTS_URL, false),
        Alarm::PaymentUnchecked => {
            world.control("/sandbox/faults", &json!({}));
            // The next query is answered.
            world.advance(600);
        }
        Alarm::DayNotReconciled => {
            world.control("/sandbox/faults", &json!({}));
        }
        Alarm::ReconciliationDiffers => reconciliation::close_all(&called.shop),
        Alarm::StorageFilling => world.databases_have(0),
        Alarm::RowUnreadable => {
            let restore = "UPDATE orders SET json = replace(json, 'A_LATER_VARIANT', 'NOTPAY')";
            world.sql(&called.merchant, restore).unwrap();
        }
        Alarm::CertificateUnusable => {
            let body = fixtures::body(world, &called.merchant);
            let change = json!({"client_certificate": body["client_certificate"]});
            assert_eq!(world.change_merchant(&called.merchant, &change).0, 200);
        }
        _ => {}
    }
}

fn standing(world: &Memory) -> Vec<Value> {
    let request = http::Request::get(format!("{GATEWAY}/admin/alarms"))
        .header("authorization", format!("Bearer {ADMIN_TOKEN}"));
    let answer = world.send(request.body(Vec::new()).unwrap());
    let answer: Value = serde_json::from_slice(answer.body()).unwrap();
    answer["data"]["alarms"].as_array().unwrap().clone()
}

/// Ends the alarm as documented; it is not open afterwards, nor an hour later.
fn end(alarm: Alarm, called: &Called) {
    let (world, name) = (&called.world, alarm.name());
    // WeChat's own notices contradict the answers that replaced the real ones.
    world.lose_notices(true);
    repair(alarm, called);
    let settle = || {
        let body = json!({"name": name, "subject": called.subject, "note": "done"});
        let path = format!("/merchants/{}/alarms", called.merchant);
        let (status, answer) = world.admin(&path, &body);
        assert_eq!(status, 200, "{name}: {answer}");
    };
    match way_out(alarm) {
        WayOut::Decide(decision) => {
            let call = "POST /admin/merchants/{id}/decide";
            assert!(alarm.to_do().contains(call), "{name}");
            assert!(alarm.to_do().contains(decision), "{name}");
            let body = json!({"out_trade_no": called.subject, "decision": decision,
                              "note": "looked at it"});
            let path = format!("/merchants/{}/decide", called.merchant);
            let (status, answer) = world.admin(&path, &body);
            if status == 409 {
                assert_eq!(answer["code"], "NOTHING_TO_DECIDE", "{name}: {answer}");
                settle();
            } else {
                assert_eq!(status, 200, "{name}: {answer}");
            }
        }
        WayOut::Settle => {
            assert!(alarm.to_do().contains("settle this alarm"), "{name}");
            settle();
        }
        WayOut::ByItself => {
            assert!(alarm.to_do().contains("ends by itself"), "{name}");
            // A failing endpoint is probed after ten hours at the latest.
            world.advance(match alarm {
                Alarm::EndpointFailing => 10 * 3600,
                // In the evening a statement is requested every hour.
                Alarm::DayNotReconciled => 3600,
                _ => 300,
            });
        }
    }
    let is_it = |raised: &Value| raised["name"] == name;
    assert!(!standing(world).iter().any(is_it), "{name} stands");
    world.advance(3600);
    assert!(
        !standing(world).iter().any(is_it),
        "{name} is raised again: {}",
        called.merchant
    );
}

/// WeChat has no statement for the merchant until the evening.
fn no_statement() -> Called {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1750);
    let fail = json!({"path": "/pay/downloadbill", "code": "SYSTEMERROR", "times": 1000});
    world.control("/sandbox/faults", &json!({ "fail_next": fail }));
    // It is 11:04 in China; an alarm is raised at 22:00 on the next day.
    world.advance(34 * 3600 + 55 * 60);
    assert_eq!(shop.alarms(), []);
    world.advance(3600);
    called(world, &shop, "statement 20260102")
}

/// WeChat has a payment that the book does not know.
fn differing_day() -> Called {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1750);
    reconciliation::forget_order(&world, &shop, "1");
    world.advance(24 * 3600);
    called(world, &shop, "statement 20260102")
}

/// WeChat does not answer about an order until long after its expiry.
fn waiting_close(id: &str) -> Called {
    let world = Memory::default();
    let shop = fixtures::shop(&world, id);
    order(&shop, "N1");
    world.upstream([Upstream::LosesRequest; 300]);
    world.advance(3 * 3600 - 60);
    assert_eq!(shop.report()["alarms"], json!([]), "{id}");
    world.advance(1200);
    called(world, &shop, "N1")
}

/// Merchants share an account at WeChat, and the object that stores the owner
/// of each payment does not answer.
fn unanswered_claim() -> Called {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo");
    world.shop_with("sibling", &fixtures::body_as(&world, "demo", "sibling"));
    world.advance(31);
    let shards: Vec<String> = (0..100).map(|n| format!("1900000109/{n:02}")).collect();
    let shards: Vec<&str> = shards.iter().map(String::as_str).collect();
    world.unreachable(&shards);
    fixtures::pay(&world, &shop, "N1");
    world.lose_notices(true);
    shop.status("N1");
    world.advance(400);
    called(world, &shop, "N1")
}

/// A payment counts on its notice alone, and WeChat answers no query.
fn unchecked_payment() -> Called {
    let world = Memory::default();
    let mut body = fixtures::body(&world, "demo");
    body["confirm_notices_from"] = json!(1_000_000);
    let shop = world.shop_with("demo", &body);
    fixtures::pay(&world, &shop, "N1");
    world.advance(1);
    let fail = json!({"path": "/pay/orderquery", "code": "SYSTEMERROR", "times": 999});
    world.control("/sandbox/faults", &json!({ "fail_next": fail }));
    world.advance(7 * 3600);
    called(world, &shop, "N1")
}

/// A link of an earlier version has `&` in its attach.
fn unusable_link() -> Called {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = json!({"body": "Oolong", "total_fee": 100, "attach": "x%y"});
    let (status, answer) = shop.call("POST", "/v1/link", link.to_string());
    assert_eq!(status, 200, "{answer}");
    let corrupt = "UPDATE links SET json = replace(json, 'x%y', 'x&y')";
    world.sql("demo", corrupt).unwrap();
    let url = answer["data"]["url"].as_str().unwrap();
    world.send(http::Request::get(url).body(Vec::new()).unwrap());
    let id = answer["data"]["id"].as_str().unwrap().to_owned();
    called(world, &shop, String::leak(id))
}

/// Half of an object's storage is used.
fn filling_storage() -> Called {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.databases_have(5_500_000_000);
    order(&shop, "N1");
    called(world, &shop, "50 %")
}

/// A later version has written a state that this one cannot read.
fn unreadable_row() -> Called {
    let world = Memory::default();
    let shop = world.shop("demo");
    order(&shop, "N1");
    let corrupt = "UPDATE orders SET json = replace(json, 'NOTPAY', 'A_LATER_VARIANT')";
    world.sql("demo", corrupt).unwrap();
    world.advance(31);
    called(world, &shop, "N1")
}

/// The merchant, the changed field, and its false value.
type Wrong = (&'static str, &'static str, Value);

/// A notice with a false value, signed as WeChat signs. The order is paid where
/// the value makes it a second payment; otherwise it is unpaid.
fn reported_by_notice((id, what, value): &Wrong, subject: &'static str) -> Called {
    let fixture = fixture(id);
    let is_second = ["/id", "/transaction_id", "transaction_id"].contains(what);
    if is_second {
        assert!(fixture.send_it(), "{id}");
    }
    let status = send_saying(&fixture, what, value);
    assert_eq!(status, 409, "{id}: {what}: {value}");
    assert_eq!(fixture.is_paid(), is_second, "{id}: {what}");
    called(fixture.world.clone(), &fixture.shop, subject)
}

fn send_saying(fixture: &NoticeFixture, what: &str, value: &Value) -> u16 {
    if fixture.kind.dialect == "v3" {
        let envelope = fixture.saying_v3(what, value.clone());
        return fixture.send_signed_v3(&envelope, fixture.world.now() / 1000);
    }
    let mut fields = fixture.fields();
    fields.set(what, value.as_str().unwrap());
    fixture.send(fields.sealed(&fixture.key, fixture.sign_type()).to_xml())
}

/// The same value in a query's answer with a valid signature.
fn answered((id, what, value): &Wrong) -> Called {
    let fixture = fixture(id);
    fixture.answer_queries_with(what, value);
    // Another attach alone makes no other payment.
    let state = match *what {
        "attach" => "SUCCESS",
        _ => "NOTPAY",
    };
    assert_eq!(
        fixture.shop.status("N1")["trade_state"],
        state,
        "{id}: {what}"
    );
    called(fixture.world.clone(), &fixture.shop, "N1")
}

/// A payer's order is paid by another payer, according to its notice.
fn other_payer() -> Called {
    let fixture = fixture("demo");
    let alice = sandbox::Payer::Alice.openid("wx5a11d0b0c0ffee01");
    let order = json!({
        "out_trade_no": "N2", "body": "Two cups", "total_fee": 150, "trade_type": "JSAPI",
        "open_id": alice,
    });
    fixture.shop.order(&order);
    let fields = fixture
        .fields()
        .with("out_trade_no", "N2")
        .with("transaction_id", "4200000000000000000000000000")
        .with("trade_type", "JSAPI")
        .with("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o");
    let xml = fields.sealed(&fixture.key, fixture.sign_type()).to_xml();
    assert_eq!(fixture.send(xml), 409);
    called(fixture.world.clone(), &fixture.shop, "N2")
}

/// One transaction pays two orders, according to a notice.
fn second_order_of_one_transaction(id: &str) -> Called {
    let fixture = fixture(id);
    assert!(fixture.send_it(), "{id}");
    order(&fixture.shop, "N2");
    let name = match fixture.kind.dialect {
        "v3" => "/out_trade_no",
        _ => "out_trade_no",
    };
    assert_eq!(send_saying(&fixture, name, &json!("N2")), 409, "{id}");
    called(fixture.world.clone(), &fixture.shop, "N2")
}

/// No query is answered after a notice.
fn unconfirmed(id: &str) -> Called {
    let fixture = fixture(id);
    fixture.world.upstream([Upstream::LosesRequest; 300]);
    assert!(fixture.send_it(), "{id}");
    fixture.world.advance(120);
    assert!(!fixture.is_paid(), "{id}");
    called(fixture.world.clone(), &fixture.shop, "N1")
}

/// Every reader compares the number with the requested one, so this needs a
/// book with another book's rows.
fn misplaced_order() -> Called {
    let fixture = fixture("demo");
    let moved = "UPDATE orders SET out_trade_no = 'N2' WHERE out_trade_no = 'N1'";
    fixture.world.sql("demo", moved).unwrap();
    assert_eq!(send_saying(&fixture, "out_trade_no", &json!("N2")), 409);
    called(fixture.world.clone(), &fixture.shop, "N2")
}

fn unknown_sub_merchant() -> Called {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "peak-v3");
    let forgery =
        json!({"forge_next": {"forgery": "UNKNOWN_SUB_MCHID", "on": "notice", "times": 1}});
    let made = shop.order(&fixtures::order("N1"));
    world.control("/sandbox/faults", &forgery);
    world.scan(&made["code_url"]);
    world.advance(1);
    let strays = shop.report()["strays"].clone();
    let stray = strays[0]["account"]["sub_mch_id"].as_str().unwrap();
    // The alarm names the sub-merchant, which is unknown.
    called(world, &shop, String::leak(stray.to_owned()))
}

/// An endpoint that fails from its first event on, for so many hours.
fn endpoint_is_down(hours: i64) -> (Called, Shop) {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (id, _) = endpoint(&shop, &["order.paid"]);
    world.endpoint_is_down(EVENTS_URL, true);
    world.scan(&order(&shop, "N1")["code_url"]);
    world.advance(hours * 3600);
    let subject = Box::leak(id.into_boxed_str());
    (called(world, &shop, subject), shop)
}

fn event_given_up() -> Called {
    let (called, shop) = endpoint_is_down(4 * 24);
    called.world.endpoint_is_down(EVENTS_URL, false);
    let path = format!("/v1/endpoints/{}/test", called.subject);
    assert_eq!(shop.call("POST", &path, "").0, 200);
    called.world.advance(10);
    called
}

fn never_acknowledged() -> Called {
    let fixture = fixture("demo");
    let failures = std::iter::repeat_n((500, ""), 100);
    fixture.world.merchant_answers(failures);
    assert!(fixture.send_it());
    fixture.world.advance(25 * 3600);
    called(fixture.world.clone(), &fixture.shop, "N1")
}

fn reverse_refused() -> Called {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo");
    let payer = json!({"payer": "alice", "behaviour": "password"});
    let code = world.control("/sandbox/paycode", &payer)["auth_code"].clone();
    let quick = json!({"out_trade_no": "Q1", "body": "Tea", "total_fee": 1200, "auth_code": code});
    shop.call("POST", "/v1/micropay", quick.to_string());
    let refuse = json!({"path": "/secapi/pay/reverse", "code": "NOAUTH", "times": 9});
    world.control("/sandbox/faults", &json!({ "fail_next": refuse }));
    world.advance(3600);
    called(world, &shop, "Q1")
}

/// A Quick Pay that waits for the password.
fn quick_pay(world: &Memory, shop: &Shop) {
    let payer = json!({"payer": "alice", "behaviour": "password"});
    let code = world.control("/sandbox/paycode", &payer)["auth_code"].clone();
    let quick = json!({"out_trade_no": "Q1", "body": "Tea", "total_fee": 1200, "auth_code": code});
    let (status, answer) = shop.call("POST", "/v1/micropay", quick.to_string());
    assert_eq!(status, 200, "{answer}");
}

fn reverse_waits() -> Called {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo");
    quick_pay(&world, &shop);
    let fail = json!({"path": "/secapi/pay/reverse", "code": "SYSTEMERROR", "times": 999});
    world.control("/sandbox/faults", &json!({ "fail_next": fail }));
    world.advance(3600);
    called(world, &shop, "Q1")
}

/// A query's verified answer with a payment of the Quick Pay by `trade_type`.
fn quick_pay_is_paid(fixture: &NoticeFixture, trade_type: &str) {
    let mut fields = fixture.fields().with("trade_state", "SUCCESS");
    fields.set("out_trade_no", "Q1");
    fields.set("total_fee", "1200");
    fields.set("trade_type", trade_type);
    fields.set("transaction_id", "4200000000000000000000000099");
    let answer = fields.sealed(&fixture.key, fixture.sign_type()).to_xml();
    fixture.world.answer_with(answer.into_bytes());
}

fn paid_after_reverse() -> Called {
    let fixture = fixture("demo");
    quick_pay(&fixture.world, &fixture.shop);
    fixture.world.advance(300);
    assert_eq!(fixture.shop.status("Q1")["trade_state"], "REVOKED");
    quick_pay_is_paid(&fixture, "MICROPAY");
    assert_eq!(fixture.shop.refresh("Q1")["trade_state"], "SUCCESS");
    called(fixture.world.clone(), &fixture.shop, "Q1")
}

fn number_taken() -> Called {
    let fixture = fixture("demo");
    quick_pay(&fixture.world, &fixture.shop);
    quick_pay_is_paid(&fixture, "NATIVE");
    assert_eq!(fixture.shop.refresh("Q1")["trade_state"], "PAYERROR");
    called(fixture.world.clone(), &fixture.shop, "Q1")
}

fn refunded_elsewhere() -> Called {
    let fixture = fixture("demo");
    assert!(fixture.send_it());
    let by_hand = json!({"by_hand": "refund", "refund_fee": 1});
    let path = format!("/sandbox/orders/{}/N1", fixture.kind.mch_id);
    fixture.world.control(&path, &by_hand);
    assert_eq!(fixture.shop.refresh("N1")["trade_state"], "REFUND");
    called(fixture.world.clone(), &fixture.shop, "N1")
}

fn not_paid_at_wechat() -> Called {
    let fixture = fixture("demo");
    assert!(fixture.send_it());
    let answer = wechatpay::v2::query::Answer {
        state: order::TradeState::NotPay,
        out_trade_no: Some("N1".to_owned()),
        attach: None,
        trade_state_desc: None,
        device_info: None,
    };
    let account = order::Account {
        appid: fixture.fields().get("appid").unwrap().to_owned(),
        mch_id: fixture.kind.mch_id.to_owned(),
        sub_appid: None,
        sub_mch_id: None,
    };
    let answer = answer.to_fields(&account, "nonce");
    let answer = answer.sealed(&fixture.key, fixture.sign_type()).to_xml();
    fixture.world.advance(11);
    fixture.world.answer_with(answer.into_bytes());
    assert_eq!(fixture.shop.refresh("N1")["trade_state"], "SUCCESS");
    called(fixture.world.clone(), &fixture.shop, "N1")
}

fn refund_waits() -> Called {
    let fixture = fixture("demo");
    assert!(fixture.send_it());
    let path = format!("/sandbox/merchants/{}", fixture.kind.mch_id);
    fixture.world.control(&path, &json!({"funds": {"HKD": 0}}));
    let refund = json!({"out_trade_no": "N1", "refund_fee": 100, "out_refund_no": "R1"});
    fixture.shop.call("POST", "/v1/refund", refund.to_string());
    fixture.world.advance(3000);
    assert_eq!(fixture.shop.report()["alarms"], json!([]));
    fixture.world.advance(1200);
    called(fixture.world.clone(), &fixture.shop, "N1")
}

fn too_often() -> Called {
    let fixture = fixture("demo");
    assert!(fixture.send_it());
    let refuse = json!({"path": "/secapi/pay/refund", "code": "FREQUENCY_LIMITED", "times": 8});
    let faults = json!({ "fail_next": refuse });
    fixture.world.control("/sandbox/faults", &faults);
    let refund = json!({"out_trade_no": "N1", "refund_fee": 100, "out_refund_no": "R1"});
    fixture.shop.call("POST", "/v1/refund", refund.to_string());
    fixture.world.advance(3000);
    called(fixture.world.clone(), &fixture.shop, "refund")
}

fn refund_made_after_all() -> Called {
    let fixture = fixture("demo");
    assert!(fixture.send_it());
    let refuse = json!({"path": "/secapi/pay/refund", "code": "USER_ACCOUNT_ABNORMAL"});
    fixture
        .world
        .control("/sandbox/faults", &json!({ "fail_next": refuse }));
    let refund = json!({"out_trade_no": "N1", "refund_fee": 100, "out_refund_no": "R1"});
    let (status, answer) = fixture.shop.call("POST", "/v1/refund", refund.to_string());
    assert_eq!(status, 422, "{answer}");
    let path = format!("/sandbox/orders/{}/N1", fixture.kind.mch_id);
    let notify_url = format!("{GATEWAY}/notify/v2/demo/refund");
    let by_hand = json!({"by_hand": "refund", "refund_fee": 100, "out_refund_no": "R1",
                         "notify_url": notify_url});
    fixture.world.control(&path, &by_hand);
    let path = format!("/sandbox/refunds/{}/R1", fixture.kind.mch_id);
    fixture.world.control(&path, &json!({"status": "SUCCESS"}));
    fixture.world.advance(60);
    let (_, refunds) = fixture.shop.call("GET", "/v1/refund?out_trade_no=N1", "");
    let status = &refunds["data"]["refunds"][0]["refund_status"];
    assert_eq!(status, "SUCCESS", "{refunds}");
    called(fixture.world.clone(), &fixture.shop, "N1")
}

/// Another program of the merchant made a refund under the number.
fn other_refund() -> Called {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo");
    let refund = |shop: &Shop, number: &str, fee: i64| {
        let about = json!({"out_trade_no": number, "refund_fee": fee, "out_refund_no": "R1"});
        shop.call("POST", "/v1/refund", about.to_string())
    };
    let sibling = world.shop_with("sibling", &fixtures::body_as(&world, "demo", "sibling"));
    fixtures::pay(&world, &sibling, "X1");
    fixtures::pay(&world, &shop, "N1");
    world.advance(1);
    assert_eq!(refund(&sibling, "X1", 100).0, 200);
    refund(&shop, "N1", 50);
    world.advance(600);
    called(world, &shop, "R1")
}

/// A purchase is paid twice, and the second payment is not refunded.
fn second_payment(hinder: impl Fn(&Memory)) -> Called {
    let world = Memory::default();
    let shop = purchases::paid_twice(&world, hinder);
    world.advance(3600);
    called(world, &shop, "1")
}

/// A refund is sent with the client certificate of another `mch_id`.
fn refused_certificate(id: &str) -> Called {
    let world = Memory::default();
    let mut body = fixtures::body(&world, id);
    body["client_certificate"] = json!({"binding": "WECHATPAY_MTLS_1900000999"});
    let shop = world.shop_with(id, &body);
    fixtures::pay(&world, &shop, "N1");
    world.advance(1);
    let refund = json!({"out_trade_no": "N1", "refund_fee": 100, "out_refund_no": "R1"});
    assert_eq!(shop.call("POST", "/v1/refund", refund.to_string()).0, 200);
    called(world, &shop, fixtures::kind(id).mch_id)
}

/// WeChat signs with a public key that was never entered.
fn unknown_public_key() -> Called {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo-v3");
    world.control(
        "/sandbox/merchants/1900000109",
        &json!({"public_key_percent": 100}),
    );
    shop.call("POST", "/v1/order", fixtures::order("N1").to_string());
    let platform = world.account("1900000109")["v3"]["platform"].clone();
    let id = platform["public_key_id"].as_str().unwrap().to_owned();
    called(world, &shop, String::leak(id))
}

/// A payer opens the page in WeChat, and there is no secret to find the openid.
fn no_app_secret() -> Called {
    let world = Memory::default();
    let shop = world.shop("demo");
    let mut payer = Browser::new(&world, WECHAT);
    payer.get(&checkout(&shop, "1"));
    called(world, &shop, "wx5a11d0b0c0ffee01")
}

/// WeChat has withdrawn a permission from the merchant.
fn payments_refused(id: &str, code: &str) -> Called {
    let world = Memory::default();
    let shop = fixtures::shop(&world, id);
    let path = match id {
        "demo-v3" => "POST /v3/global/transactions/native",
        _ => "/pay/unifiedorder",
    };
    let refuse = json!({"path": path, "code": code});
    world.control("/sandbox/faults", &json!({ "fail_next": refuse }));
    shop.call("POST", "/v1/order", fixtures::order("N1").to_string());
    called(world, &shop, fixtures::kind(id).mch_id)
}

/// WeChat answers a wrong signature unsigned, and without a code.
fn wrong_api_key() -> Called {
    let world = Memory::default();
    let api_key = "weceive-sandbox-demo-key-0000009";
    let shop = world.shop_with("demo", &json!({ "api_key": api_key }));
    shop.call("POST", "/v1/order", fixtures::order("N1").to_string());
    called(world, &shop, "1900000109")
}

fn abnormal_refund(id: &str) -> Called {
    let fixture = fixture(id);
    assert!(fixture.send_it());
    let refund = json!({"out_trade_no": "N1", "refund_fee": 100, "out_refund_no": "R1"});
    let (status, answer) = fixture.shop.call("POST", "/v1/refund", refund.to_string());
    assert_eq!(status, 200, "{answer}");
    let path = format!("/sandbox/refunds/{}/R1", fixture.kind.mch_id);
    fixture.world.control(&path, &json!({"status": "CHANGE"}));
    fixture.world.advance(3600);
    called(fixture.world.clone(), &fixture.shop, "N1")
}

#[test]
fn every_alarm_is_raised_by_its_cause_and_can_be_ended() {
    for alarm in Alarm::ALL {
        let scenarios = scenarios(*alarm);
        assert!(!scenarios.is_empty(), "{}", alarm.name());
        for called in scenarios {
            let standing = standing(&called.world);
            let [only] = &standing[..] else {
                panic!("{} of {}: {standing:?}", alarm.name(), called.merchant)
            };
            for (name, expected) in [
                ("merchant", called.merchant.as_str()),
                ("name", alarm.name()),
                ("subject", called.subject),
                ("says", alarm.says()),
                ("to_do", alarm.to_do()),
            ] {
                assert_eq!(only[name], expected, "{name}: {only}");
            }
            end(*alarm, &called);
        }
    }
}

/// Without a problem no alarm is raised.
#[test]
fn a_payment_and_a_refund_raise_no_alarm() {
    for id in ["demo", "peak-v3", "lantern-v3", "night-ionline"] {
        let fixture = fixture(id);
        assert!(fixture.send_it(), "{id}");
        order(&fixture.shop, "N2");
        let refund = json!({"out_trade_no": "N1", "refund_fee": 100, "out_refund_no": "R1"});
        assert_eq!(
            fixture
                .shop
                .call("POST", "/v1/refund", refund.to_string())
                .0,
            200
        );
        fixture.world.advance(2 * 24 * 3600);
        assert_eq!(fixture.shop.report()["alarms"], json!([]), "{id}");
    }
}

/// A caller's mistake, and a temporary problem, need no operator.
#[test]
fn a_refusal_of_one_payment_is_no_alarm_about_the_account() {
    for code in [
        "SYSTEMERROR",
        "FREQUENCY_LIMITED",
        "PARAM_ERROR",
        "ORDERPAID",
    ] {
        let world = Memory::default();
        let shop = world.shop("demo");
        let refuse = json!({"path": "/pay/unifiedorder", "code": code, "times": 3});
        world.control("/sandbox/faults", &json!({ "fail_next": refuse }));
        let (status, answer) = shop.call("POST", "/v1/order", fixtures::order("N1").to_string());
        assert!(status >= 400, "{code}: {answer}");
        assert_eq!(shop.report()["alarms"], json!([]), "{code}");
    }
}
