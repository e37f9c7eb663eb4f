//! A database that refuses a statement, at every place where one is executed.
//! The call fails by name, the log gets the cause once and the caller never
//! does, partial changes are rolled back, and the same call succeeds
//! afterwards.

use gateway::runtime::StorageFault;
use serde_json::{Value, json};
use tests::memory::{Memory, SHOP_NOTIFY, Shop};

/// The text of the refusal, which only the log may contain.
const CAUSE: &str = "refused on purpose";

/// What may be wrong, and the status and code of the answer.
const FAULTS: [(StorageFault, (u16, &str)); 3] = [
    (StorageFault::Gateway, (500, "INTERNAL")),
    (StorageFault::DiskFull, (507, "DISK_FULL")),
    (StorageFault::DiskUnusable, (503, "DISK_UNUSABLE")),
];

struct Course {
    name: &'static str,
    /// The calls before the tested one.
    before: fn(&Memory, &Shop),
    method: &'static str,
    path: &'static str,
    body: Value,
}

fn order(number: &str) -> Value {
    json!({"out_trade_no": number, "body": "Two cups", "total_fee": 150,
           "trade_type": "NATIVE", "notify_url": SHOP_NOTIFY})
}

fn paid(world: &Memory, shop: &Shop) {
    paid_as(world, shop, "1");
}

fn paid_as(world: &Memory, shop: &Shop, number: &str) {
    let made = shop.order(&order(number));
    world.scan(&made["code_url"]);
    world.advance(60);
    assert_eq!(shop.status(number)["trade_state"], "SUCCESS");
}

fn courses() -> [Course; 8] {
    let nothing = |_: &Memory, _: &Shop| {};
    let open = |_: &Memory, shop: &Shop| {
        shop.order(&order("1"));
    };
    [
        Course {
            name: "an order is made",
            before: nothing,
            method: "POST",
            path: "/v1/order",
            body: order("1"),
        },
        Course {
            name: "an order is read",
            before: open,
            method: "GET",
            path: "/v1/order?out_trade_no=1",
            body: Value::Null,
        },
        Course {
            name: "an order is closed",
            before: open,
            method: "POST",
            path: "/v1/close",
            body: json!({"out_trade_no": "1"}),
        },
        Course {
            name: "a payment is refunded",
            before: paid,
            method: "POST",
            path: "/v1/refund",
            body: json!({"out_trade_no": "1", "out_refund_no": "R1", "refund_fee": 50}),
        },
        Course {
            name: "a checkout is made",
            before: nothing,
            method: "POST",
            path: "/v1/checkout",
            body: json!({"out_trade_no": "C1", "body": "Oolong", "total_fee": 8800}),
        },
        Course {
            name: "a link is made",
            before: nothing,
            method: "POST",
            path: "/v1/link",
            body: json!({"body": "Oolong", "total_fee": 8800}),
        },
        Course {
            name: "deliveries are listed",
            before: paid,
            method: "GET",
            path: "/v1/delivery",
            body: Value::Null,
        },
        Course {
            name: "a token is made",
            before: nothing,
            method: "POST",
            path: "/v1/token",
            body: json!({}),
        },
    ]
}

fn send(shop: &Shop, course: &Course) -> (u16, Value, String) {
    let body = match &course.body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let answer = shop.answer(course.method, course.path, body);
    let id = answer.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let body = serde_json::from_slice(answer.body()).unwrap();
    (answer.status().as_u16(), body, id)
}

#[test]
fn the_cause_of_a_refused_statement_is_logged_once_and_never_sent() {
    for course in courses() {
        let mut refused = 0;
        for nth in 1.. {
            assert!(nth < 200, "{}: endless", course.name);
            let world = Memory::default();
            let shop = world.shop("demo");
            (course.before)(&world, &shop);
            let before = world.log_text().len();
            let (fault, code) = FAULTS[usize::try_from(nth).unwrap() % FAULTS.len()];
            world.refuse_statement_by(nth, fault);
            let (status, answer, id) = send(&shop, &course);
            if world.call_off_refusal() {
                break;
            }
            refused += 1;
            let at = format!("{}, statement {nth}: {status} {answer}", course.name);
            let log = world.log_text()[before..].to_owned();
            let causes: Vec<Value> = log
                .lines()
                .filter(|line| line.contains(CAUSE))
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            assert_eq!(causes.len(), 1, "{at}\n{log}");
            assert!(!answer.to_string().contains(CAUSE), "{at}");
            if status != 200 {
                assert_eq!((status, &answer["code"]), (code.0, &json!(code.1)), "{at}");
                assert_eq!(causes[0]["request"], id.as_str(), "{at}");
            }
            let (status, answer, _) = send(&shop, &course);
            // A second close of an order that the first one closed.
            let closed = answer["code"] == "ORDER_CLOSED";
            assert!(status == 200 || closed, "{at}, then {answer}");
        }
        assert!(refused > 1, "{}: {refused}", course.name);
    }
}

#[test]
fn a_refund_that_is_written_has_its_number_whichever_statement_is_refused() {
    let refund = |shop: &Shop, number: &str| {
        let body = json!({"out_trade_no": number, "out_refund_no": "R1", "refund_fee": 50});
        shop.call("POST", "/v1/refund", body.to_string())
    };
    let mut written = 0;
    for nth in 1.. {
        assert!(nth < 200, "endless");
        let world = Memory::default();
        let shop = world.shop("demo");
        paid_as(&world, &shop, "1");
        paid_as(&world, &shop, "2");
        world.refuse_statement(nth);
        let (status, _) = refund(&shop, "1");
        if world.call_off_refusal() {
            break;
        }
        let (_, found) = shop.call("GET", "/v1/refund?out_trade_no=1", "");
        if found["data"]["refunds"] == json!([]) {
            continue;
        }
        written += u32::from(status == 500);
        let (status, answer) = refund(&shop, "2");
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!("REFUND_EXISTS_WITH_DIFFERENT_TERMS")),
            "statement {nth}: {answer}"
        );
    }
    assert!(written > 0, "no refund was written by a call that failed");
}
