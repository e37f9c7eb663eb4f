//! Unsigned text in places where an error could repeat it: it may be returned
//! to its sender, and must not reach the log or the metrics.

use crate::fixtures::kind;
use crate::notice_fixture::{fixture, order, shop};
use serde_json::{Value, json};
use tests::memory::{ADMIN_TOKEN, GATEWAY, Memory, SHOP_NOTIFY, Upstream, registry_of};

/// An openid, which no log and no metric may contain. Here it is text in an
/// unsigned message.
const OPENID: &str = "oUpF8uMEb4qRXf22hE3X68TekukE";
/// The text as a name: of a repeated field, and of a field that contains
/// another.
const XML_TWICE: &str = "<xml><oUpF8uMEb4qRXf22hE3X68TekukE>1</oUpF8uMEb4qRXf22hE3X68TekukE>\
    <oUpF8uMEb4qRXf22hE3X68TekukE>2</oUpF8uMEb4qRXf22hE3X68TekukE></xml>";
const XML_INSIDE: &str =
    "<xml><oUpF8uMEb4qRXf22hE3X68TekukE><b/></oUpF8uMEb4qRXf22hE3X68TekukE></xml>";
const JSON_TWICE: &str = r#"{"oUpF8uMEb4qRXf22hE3X68TekukE":1,"oUpF8uMEb4qRXf22hE3X68TekukE":2}"#;
/// The text in a refusal.
const V2_FAIL: &str = "<xml><return_code>FAIL</return_code>\
    <return_msg>oUpF8uMEb4qRXf22hE3X68TekukE</return_msg></xml>";
const V3_FAIL: &str =
    r#"{"code":"oUpF8uMEb4qRXf22hE3X68TekukE","message":"oUpF8uMEb4qRXf22hE3X68TekukE"}"#;
const IONLINE_FAIL: &str =
    r#"{"status":"oUpF8uMEb4qRXf22hE3X68TekukE","message":"oUpF8uMEb4qRXf22hE3X68TekukE"}"#;

fn watched_text(world: &Memory) -> String {
    let metrics = http::Request::get(format!("{GATEWAY}/metrics"))
        .header("authorization", format!("Bearer {ADMIN_TOKEN}"));
    let metrics = world.send(metrics.body(Vec::new()).unwrap());
    assert_eq!(metrics.status(), 200);
    world.log_text() + String::from_utf8(metrics.into_body()).unwrap().as_str()
}

#[test]
fn text_of_an_unsigned_notice_reaches_neither_log_nor_metrics() {
    for id in ["demo", "night-ionline"] {
        let fixture = fixture(id);
        let mut urls = vec![fixture.notice.url.clone()];
        if id == "demo" {
            urls.extend(["refund", "native"].map(|end| format!("{}/{end}", fixture.notice.url)));
        }
        let status = format!("<xml><status>{OPENID}</status><message>{OPENID}</message></xml>");
        let value = fixture.notice.body.replace("N1", OPENID);
        let sent = [XML_TWICE, XML_INSIDE, V2_FAIL, &status, &value];
        for (url, body) in urls.iter().flat_map(|url| sent.map(|body| (url, body))) {
            let before = fixture.refused();
            let status = fixture.send_to(url, &[], body.as_bytes());
            assert_eq!(status, 400, "{url}: {body}");
            assert_eq!(fixture.refused(), before + 1, "{url}: {body}");
        }
        let text = watched_text(&fixture.world);
        assert!(!text.contains(OPENID), "{id}");
        assert!(
            text.contains("notice_not_xml"),
            "{id}: the log says its name"
        );
        fixture.ends_well();
    }
    for id in ["demo-v3", "lantern-v3", "peak-v3"] {
        let fixture = fixture(id);
        let headers = |serial: Option<&str>| -> Vec<(String, String)> {
            let mut headers = fixture.notice.headers.clone();
            headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("wechatpay-"));
            let given = [
                ("timestamp", "1767323045"),
                ("nonce", OPENID),
                ("signature", "AAAA"),
            ];
            if let Some(serial) = serial {
                let all = given.into_iter().chain([("serial", serial)]);
                headers.extend(all.map(|(n, v)| (format!("wechatpay-{n}"), v.to_owned())));
            }
            headers
        };
        let mut event: Value = serde_json::from_str(&fixture.notice.body).unwrap();
        event["event_type"] = json!(OPENID);
        let event = event.to_string();
        let original = fixture.notice.body.as_str();
        for (headers, body) in [
            (headers(None), event.as_str()),
            (headers(None), JSON_TWICE),
            (headers(Some("00")), JSON_TWICE),
            (headers(Some(OPENID)), original),
        ] {
            let before = fixture.refused();
            let status = fixture.send_to(&fixture.notice.url, &headers, body.as_bytes());
            assert_eq!(status, 401, "{id}: {headers:?} {body}");
            assert_eq!(fixture.refused(), before + 1, "{id}: {headers:?} {body}");
        }
        let text = watched_text(&fixture.world);
        assert!(!text.contains(OPENID), "{id}");
        assert!(
            text.contains("notice_unknown_serial"),
            "{id}: the log says its name"
        );
        fixture.ends_well();
    }
}

#[test]
fn text_of_an_unsigned_answer_reaches_neither_log_nor_metrics() {
    let v2 = [V2_FAIL, XML_TWICE, XML_INSIDE];
    let v3 = [V3_FAIL, JSON_TWICE];
    let ionline = [IONLINE_FAIL, JSON_TWICE];
    for (id, said) in [
        ("demo", &v2[..]),
        ("demo-v3", &v3),
        ("lantern-v3", &v3),
        ("night-ionline", &ionline),
    ] {
        for body in said {
            for (status, serial) in [(200, OPENID), (401, OPENID), (400, "00")] {
                let world = Memory::default();
                let shop = shop(&world, kind(id)).0;
                let told = |method: &str, path: &str, about: &Value| {
                    world.upstream([Upstream::Proxy(status, body, serial); 4]);
                    let answer = shop.answer(method, path, about.to_string());
                    (answer.status().as_u16(), world.drop_upstream())
                };
                let about = json!({"out_trade_no": "N1", "body": "Tea", "total_fee": 150,
                                   "trade_type": "NATIVE", "notify_url": SHOP_NOTIFY});
                // Certificates, if the dialect has them; an order; a query; a
                // statement.
                assert!(told("POST", "/v1/order", &about).0 >= 400, "{id}: {body}");
                // Certificates are requested from WeChat once a minute.
                world.advance(61);
                order(&shop, "N2");
                for path in [
                    "/v1/order?out_trade_no=N2",
                    "/v1/statement?bill_date=20260101",
                ] {
                    let (_, left) = told("GET", path, &Value::Null);
                    let asked = left < 4 || id == "night-ionline" && path.contains("statement");
                    assert!(asked, "{id}: {path}");
                }
                let text = watched_text(&world);
                assert!(!text.contains(OPENID), "{id}: {status} {body}: {text}");
            }
        }
    }
}

/// A row of another version has an openid where this version expects something
/// else: the log names the row and the position, and not the value.
#[test]
fn values_of_an_unreadable_row_do_not_reach_the_log() {
    let fixture = fixture("demo");
    let other = format!("UPDATE orders SET json = json_set(json, '$.terms', '{OPENID}')");
    fixture.world.sql("demo", &other).unwrap();
    let (status, _) = fixture.shop.call("GET", "/v1/order?out_trade_no=N1", "");
    assert_eq!(status, 500);
    let other = format!("UPDATE merchants SET json = json_set(json, '$.account', '{OPENID}')");
    fixture.world.sql(&registry_of("demo"), &other).unwrap();
    fixture.world.advance(600);
    let (status, _) = fixture.shop.call("GET", "/v1/order?out_trade_no=N1", "");
    assert_eq!(status, 500);
    let text = fixture.world.log_text();
    assert!(!text.contains(OPENID), "{text}");
    assert!(text.contains("stored order is unreadable: Data error in line 1"));
    assert!(text.contains("stored merchant is unreadable: Data error in line 1"));
}
