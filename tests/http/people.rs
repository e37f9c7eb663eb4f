//! People at the real Worker: a cashier joins, sells, is refused, and signs in again.

use super::LIVE;
use serde_json::{Value, json};
use std::time::Instant;
use tests::live::{Answer, send};

/// All shops of this suite have one account at WeChat.
const NUMBER: &str = "STAFFED-1";
const PASSWORD: &str = "correct horse battery";

struct Browser(String);

impl Browser {
    fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let origin = LIVE.gateway();
        let headers = [("origin", origin.as_str()), ("cookie", self.0.as_str())];
        let body = match body.is_null() {
            true => String::new(),
            false => body.to_string(),
        };
        send(method, &format!("{origin}{path}"), &headers, body)
    }
}

/// The session in an answer.
fn session(answer: &Answer) -> String {
    let cookies = answer.headers.get_all("set-cookie").iter();
    let mut cookies = cookies.map(|cookie| cookie.to_str().unwrap());
    let cookie = cookies.find(|cookie| cookie.contains("weceive_console="));
    let cookie = cookie.expect("a session");
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

#[test]
fn a_cashier_joins_sells_and_is_refused_what_the_role_lacks() {
    let shop = LIVE.shop("staffed", &json!({}));
    let url = format!("{}/admin/merchants/{}/invitations", LIVE.gateway(), shop.id);
    let admin = [("authorization", "Bearer admin-token-of-a-test")];
    let made = send("POST", &url, &admin, json!({"role": "cashier"}).to_string());
    assert_eq!(made.status, 200, "{}", made.text());
    let url = made.json()["data"]["url"].as_str().unwrap().to_owned();
    let token = url.rsplit('/').next().unwrap();
    let visitor = Browser(String::new());
    let join = json!({"token": token, "login": "till-1", "name": "Till", "password": PASSWORD});
    let joined = visitor.call("POST", "/console/api/accept", &join);
    assert_eq!(joined.status, 200, "{}", joined.text());
    let till = Browser(session(&joined));
    let order = json!({"out_trade_no": NUMBER, "body": "Tea", "total_fee": 150,
                       "trade_type": "NATIVE"});
    let made = till.call("POST", "/v1/order", &order);
    assert_eq!(made.status, 200, "{}", made.text());
    let list = till.call("GET", "/v1/orders", &Value::Null);
    assert_eq!(list.json()["data"]["orders"][0]["out_trade_no"], NUMBER);
    let refused = till.call("GET", "/v1/audit", &Value::Null);
    assert_eq!(
        refused.json()["code"],
        "RIGHT_MISSING",
        "{}",
        refused.text()
    );
    let closed = till.call("POST", "/v1/close", &json!({"out_trade_no": NUMBER}));
    assert_eq!(closed.status, 200, "{}", closed.text());
    let out = till.call("POST", "/console/api/sign-out", &json!({}));
    assert_eq!(out.status, 200, "{}", out.text());
    let sign_in = |password: &str| {
        let body = json!({"login": "till-1", "password": password});
        let begun = Instant::now();
        let answer = visitor.call("POST", "/console/api/sign-in", &body);
        println!(
            "sign-in: {} in {} ms",
            answer.status,
            begun.elapsed().as_millis()
        );
        answer
    };
    assert_eq!(
        sign_in("a wrong password").json()["code"],
        "SIGN_IN_REFUSED"
    );
    assert_eq!(sign_in(PASSWORD).status, 200);
    let path = format!(
        "/v1/audit?person={}",
        joined.json()["data"]["person"]["id"].as_str().unwrap()
    );
    let audit = shop.call("GET", &path, "");
    let entries = audit.json()["data"]["entries"].clone();
    assert_eq!(entries[0]["person"]["name"], "Till", "{entries}");
}
