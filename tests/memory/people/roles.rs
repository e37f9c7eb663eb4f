//! What each role permits: one case for each route and role, from the table of
//! routes; and the bounds of a cashier.

use super::browser::{Browser, person};
use gateway::route::{Audience, Endpoint, ROUTES, Right, Role, Scope};
use serde_json::{Value, json};
use tests::memory::{Memory, SHOP_NOTIFY};

#[test]
fn every_call_is_permitted_by_the_roles_right_and_refused_without() {
    let world = Memory::default();
    world.shop("demo");
    // So that an owner can be changed.
    person(&world, "demo", Role::Owner, "zoe");
    let mut cases = 0;
    for role in Role::ALL {
        let of = person(&world, "demo", role, role.name());
        let gateway = world.gateway();
        let by_people = [Audience::Merchant, Audience::Person];
        let routes = ROUTES
            .iter()
            .filter(|route| by_people.contains(&route.audience));
        let (last, routes): (Vec<_>, Vec<_>) =
            routes.partition(|route| route.endpoint == Endpoint::SignOut);
        for route in routes.into_iter().chain(last) {
            let (method, path) = (route.method.as_str(), route.path.replace("{id}", "x"));
            let about = format!("{method} {path} as {}", role.name());
            let (asked, before) = (world.upstream_calls().len(), world.stored_text());
            let (status, answer) = of.call_at(&gateway, method, &path, "");
            if route.right.is_some_and(|right| role.has(right)) {
                for refused in ["RIGHT_MISSING", "SIGN_IN_NEEDED", "SECOND_FACTOR_NEEDED"] {
                    assert_ne!(answer["code"], refused, "{about}");
                }
            } else {
                assert_eq!(status, 403, "{about}: {answer}");
                assert_eq!(answer["code"], "RIGHT_MISSING", "{about}");
                assert_eq!(world.upstream_calls().len(), asked, "{about}");
                assert_eq!(world.stored_text(), before, "{about}");
            }
            cases += 1;
        }
    }
    assert!(cases > 5 * 65, "{cases}");
}

/// The rights of the roles, as the documents show them.
#[test]
fn the_documents_show_each_roles_rights() {
    let document = include_str!("../../../docs/console.md");
    for right in Right::ALL
        .into_iter()
        .filter(|right| *right != Right::Account)
    {
        let row = format!("| `{}` |", right.name());
        let row = document.lines().find(|line| line.starts_with(&row));
        let row = row.unwrap_or_else(|| panic!("docs/console.md has no row of {}", right.name()));
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        for (role, cell) in Role::ALL.into_iter().zip(&cells[3..]) {
            let may = !cell.is_empty() && *cell != "–";
            assert_eq!(may, role.has(right), "{} of {}", right.name(), role.name());
        }
    }
}

fn order(number: &str, fee: i64) -> Value {
    json!({"out_trade_no": number, "body": "Tea", "total_fee": fee, "trade_type": "NATIVE",
           "notify_url": SHOP_NOTIFY})
}

fn sold(world: &Memory, by: &Browser, number: &str, fee: i64) {
    let made = by.done("POST", "/v1/order", order(number, fee));
    world.scan(&made["code_url"]);
    world.advance(1);
    let path = format!("/v1/order?out_trade_no={number}");
    assert_eq!(by.done("GET", &path, "")["trade_state"], "SUCCESS");
}

#[test]
fn a_cashier_refunds_what_the_same_person_sold_up_to_the_limit() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("shops", 300);
    let anna = person(&world, "demo", Role::Cashier, "anna");
    let ben = person(&world, "demo", Role::Cashier, "ben");
    sold(&world, &anna, "annas", 900);
    let refund = |number: &str, fee: i64, name: &str| json!({"out_trade_no": number, "refund_fee": fee, "out_refund_no": name});
    for number in ["shops", "annas", "nobodys"] {
        ben.refused(
            "POST",
            "/v1/refund",
            refund(number, 10, "b"),
            "NOT_YOUR_ORDER",
        );
    }
    anna.refused(
        "POST",
        "/v1/refund",
        refund("annas", 501, "1"),
        "REFUND_ABOVE_LIMIT",
    );
    anna.done("POST", "/v1/refund", refund("annas", 300, "1"));
    // The same refund again is the same, and does not count twice.
    anna.done("POST", "/v1/refund", refund("annas", 300, "1"));
    world.advance(61);
    let answer = anna.refused(
        "POST",
        "/v1/refund",
        refund("annas", 201, "2"),
        "REFUND_ABOVE_LIMIT",
    );
    assert_eq!(answer["field"], "refund_fee");
    assert!(
        answer["message"].as_str().unwrap().contains("300"),
        "{answer}"
    );
    anna.done("POST", "/v1/refund", refund("annas", 200, "2"));
    // Another role goes on.
    world.advance(61);
    let fred = person(&world, "demo", Role::Finance, "fred");
    fred.done("POST", "/v1/refund", refund("annas", 400, "3"));
    assert_eq!(world.refunds_at_wechat().as_array().unwrap().len(), 3);
}

#[test]
fn a_cashier_sees_today_and_undoes_the_own_orders_only() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let anna = person(&world, "demo", Role::Cashier, "anna");
    let ben = person(&world, "demo", Role::Cashier, "ben");
    sold(&world, &anna, "annas-1", 100);
    shop.paid("shops-1", 100);
    let numbers = |of: &Browser| -> Vec<String> {
        let list = of.done("GET", "/v1/orders?created_from_ms=0", "");
        let orders = list["orders"].as_array().unwrap().iter();
        orders
            .map(|order| order["out_trade_no"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(numbers(&ben), ["shops-1", "annas-1"]);
    ben.done("GET", "/v1/order?out_trade_no=annas-1", "");
    let open = ben.done("POST", "/v1/order", order("bens-1", 100));
    assert!(open["code_url"].is_string());
    let close = json!({"out_trade_no": "bens-1"});
    anna.refused("POST", "/v1/close", &close, "NOT_YOUR_ORDER");
    ben.done("POST", "/v1/close", &close);
    let totals = "/v1/totals?from=2025-01-01&to=2026-12-31";
    let seen = ben.done("GET", totals, "");
    assert_eq!(seen["from"], seen["to"]);
    assert_eq!(seen["sums"][0]["paid_amount"], 200);
    // A checkout's maker is known before anyone pays.
    let checkout = json!({"out_trade_no": "c", "body": "Tea", "total_fee": 100});
    anna.done("POST", "/v1/checkout", checkout);
    let close = json!({"out_trade_no": "c"});
    ben.refused("POST", "/v1/close", &close, "NOT_YOUR_ORDER");
    anna.done("POST", "/v1/close", &close);
    // The next day only the own orders of the day before.
    world.advance(86_400);
    assert_eq!(numbers(&anna), Vec::<String>::new());
    anna.done("GET", "/v1/order?out_trade_no=annas-1", "");
    anna.refused(
        "GET",
        "/v1/order?out_trade_no=shops-1",
        "",
        "NOT_YOUR_ORDER",
    );
    assert_eq!(anna.done("GET", totals, "")["sums"], json!([]));
}

/// A key of a person can do what the person can; and who makes keys connects the
/// shop's program, which sells.
#[test]
fn a_person_makes_no_key_that_can_do_more_than_the_role() {
    let world = Memory::default();
    world.shop("demo");
    let dora = person(&world, "demo", Role::Developer, "dora");
    for scope in Scope::ALL {
        let body = json!({"name": "server", "scopes": ["orders:read", scope.name()]});
        let body = match scope {
            Scope::OrdersRead => json!({"name": "server", "scopes": ["orders:read"]}),
            _ => body,
        };
        if Role::Developer.gives(scope) {
            let made = dora.done("POST", "/v1/keys", body);
            assert_eq!(made["made_by"], format!("person {}", dora.id()));
        } else {
            let answer = dora.refused("POST", "/v1/keys", body, "RIGHT_MISSING");
            assert_eq!(answer["field"], "scopes", "{}", scope.name());
        }
    }
    let given = Scope::ALL.map(|scope| (scope.name(), Role::Developer.gives(scope)));
    assert_eq!(
        given,
        [
            ("orders:read", true),
            ("orders:write", true),
            ("refunds", false),
            ("links", false),
            ("reports", false),
            ("keys", true),
        ]
    );
    let anna = person(&world, "demo", Role::Owner, "anna");
    let all: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    anna.done("POST", "/v1/keys", json!({"name": "server", "scopes": all}));
    anna.refused("POST", "/v1/token", "{}", "RIGHT_MISSING");
}

/// To reverse a paid Quick Pay returns its money: a cashier's limit applies. Before it
/// is paid, the cashier who began it can end it.
#[test]
fn a_paid_quick_pay_is_reversed_only_by_who_may_refund_it() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Cashier, "anna");
    let take = |number: &str, fee: i64, behaviour: &str| {
        let wanted = json!({"payer": "alice", "behaviour": behaviour});
        let code = world.control("/sandbox/paycode", &wanted);
        let body = json!({"out_trade_no": number, "body": "Tea", "total_fee": fee,
                          "auth_code": code["auth_code"]});
        anna.done("POST", "/v1/micropay", body)
    };
    let reverse = |number: &str| json!({ "out_trade_no": number });
    assert_eq!(take("large", 501, "pays")["trade_state"], "SUCCESS");
    assert_eq!(take("small", 500, "pays")["trade_state"], "SUCCESS");
    world.advance(16);
    anna.refused(
        "POST",
        "/v1/reverse",
        reverse("large"),
        "REFUND_ABOVE_LIMIT",
    );
    anna.done("POST", "/v1/reverse", reverse("small"));

    assert_eq!(take("asks", 501, "password")["trade_state"], "USERPAYING");
    world.advance(16);
    anna.done("POST", "/v1/reverse", reverse("asks"));
}
