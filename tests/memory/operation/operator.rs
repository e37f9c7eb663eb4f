//! The operator's numbers, alarms, and key rotations without downtime.

use serde_json::{Value, json};
use tests::memory::{ADMIN_TOKEN, GATEWAY, Memory, Shop};

fn get(world: &Memory, path: &str, token: &str) -> (u16, String) {
    let request = http::Request::get(format!("{GATEWAY}{path}"));
    let request = request.header("authorization", format!("Bearer {token}"));
    let answer = world.send(request.body(Vec::new()).unwrap());
    (
        answer.status().as_u16(),
        String::from_utf8(answer.into_body()).unwrap(),
    )
}

fn metrics(world: &Memory) -> String {
    let (status, text) = get(world, "/metrics", ADMIN_TOKEN);
    assert_eq!(status, 200);
    text
}

/// The value of the one sample with this name and these labels.
fn sample(text: &str, name: &str) -> String {
    let mut found = text
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = found
        .next()
        .unwrap_or_else(|| panic!("no {name} in\n{text}"));
    assert_eq!(found.next(), None, "{name} twice");
    value.to_owned()
}

fn alarms(world: &Memory) -> Vec<Value> {
    let (status, text) = get(world, "/admin/alarms", ADMIN_TOKEN);
    assert_eq!(status, 200, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["data"]["silent"], json!([]));
    answer["data"]["alarms"].as_array().unwrap().clone()
}

#[test]
fn a_payment_is_counted_in_the_metrics() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.shop("idle");
    // The board lists the merchants of an earlier version, which may have
    // nothing to report.
    world.downgrade_registry();
    world.merchant_answers([(500, ""); 4]);
    shop.paid("1", 150);
    let refund = json!({"out_trade_no": "1", "refund_fee": 50});
    assert_eq!(shop.call("POST", "/v1/refund", refund.to_string()).0, 200);
    let open = json!({"out_trade_no": "2", "body": "Tea", "total_fee": 1, "trade_type": "NATIVE"});
    shop.order(&open);
    // The book's alarm sends the report: a change after the first report is on
    // the board two minutes later.
    world.advance(120);
    let text = metrics(&world);
    let calls = world.upstream_calls().len().to_string();
    for (name, value) in [
        ("weceive_up{merchant=\"demo\"}", "1"),
        ("weceive_up{merchant=\"idle\"}", "1"),
        (
            "weceive_orders_total{merchant=\"demo\",state=\"NOTPAY\"}",
            "2",
        ),
        (
            "weceive_orders_total{merchant=\"demo\",state=\"SUCCESS\"}",
            "1",
        ),
        (
            "weceive_refunds_total{merchant=\"demo\",state=\"PROCESSING\"}",
            "1",
        ),
        (
            "weceive_notices_total{merchant=\"demo\",verdict=\"notice_taken\"}",
            "1",
        ),
        (
            "weceive_deliveries_total{merchant=\"demo\",outcome=\"sent\"}",
            "4",
        ),
        (
            "weceive_deliveries_total{merchant=\"demo\",outcome=\"failed\"}",
            "4",
        ),
        ("weceive_deliveries_waiting{merchant=\"demo\"}", "1"),
        ("weceive_deliveries_waiting{merchant=\"idle\"}", "0"),
        ("weceive_orders_waiting{merchant=\"demo\"}", "1"),
        (
            "weceive_upstream_seconds_count{merchant=\"demo\",host=\"apihk.mch.weixin.qq.com\"}",
            &calls,
        ),
    ] {
        assert_eq!(sample(&text, name), value, "{name}");
    }
    world.advance(3600);
    let text = metrics(&world);
    let acknowledged = "weceive_deliveries_total{merchant=\"demo\",outcome=\"acknowledged\"}";
    assert_eq!(sample(&text, acknowledged), "1");
    assert_eq!(
        sample(&text, "weceive_deliveries_waiting{merchant=\"demo\"}"),
        "0"
    );
    let queries = sample(
        &text,
        "weceive_queries_total{merchant=\"demo\",of=\"refund\"}",
    );
    assert!(queries.parse::<u32>().unwrap() > 0);
    // Each family is there once, with its samples after it.
    let mut family = String::new();
    let mut families = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "summary"].contains(&kind), "{line}");
            assert!(!families.contains(&name.to_owned()), "{line}");
            family = name.to_owned();
            families.push(family.clone());
        } else if !line.starts_with("# HELP ") {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(
                name.strip_suffix("_sum")
                    .or(name.strip_suffix("_count"))
                    .unwrap_or(name)
                    == family,
                "{line}"
            );
            let value = line.rsplit(' ').next().unwrap();
            assert!(
                value.bytes().all(|b| b.is_ascii_digit() || b == b'.'),
                "{line}"
            );
        }
    }
    assert!(families.len() >= 9, "{families:?}");
}

#[test]
fn failed_hosts_are_counted_by_reason() {
    use tests::memory::Upstream::{Answers502, LosesAnswer, LosesRequest};
    let world = Memory::default();
    let shop = world.shop("demo");
    world.upstream([LosesRequest, LosesAnswer, Answers502]);
    let order = json!({"out_trade_no": "1", "body": "Tea", "total_fee": 1, "trade_type": "NATIVE"});
    assert_eq!(shop.call("POST", "/v1/order", order.to_string()).0, 503);
    let text = metrics(&world);
    for (host, reason) in [
        ("apihk", "unreachable"),
        ("apius", "timed_out"),
        ("api", "server_error"),
    ] {
        let labels =
            format!("merchant=\"demo\",host=\"{host}.mch.weixin.qq.com\",reason=\"{reason}\"");
        assert_eq!(
            sample(
                &text,
                &format!("weceive_upstream_failures_total{{{labels}}}")
            ),
            "1"
        );
    }
}

#[test]
fn only_the_operator_reads_metrics_and_alarms() {
    let world = Memory::default();
    world.shop("demo");
    for path in ["/metrics", "/admin/alarms", "/admin/merchants/demo/audit"] {
        let (status, text) = get(&world, path, "a-token-of-nobody");
        assert!(
            status == 401 && text.contains("ADMIN_TOKEN_WRONG"),
            "{path}: {text}"
        );
    }
    assert_eq!(get(&world, "/healthz", ""), (200, "ok\n".to_owned()));
}

#[test]
fn an_alarm_stays_open_until_an_operator_settles_it() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.merchant_answers([(500, ""); 16]);
    shop.paid("1", 150);
    world.advance(25 * 3600);
    let standing = alarms(&world);
    assert_eq!(standing.len(), 1, "{standing:?}");
    let alarm = &standing[0];
    assert_eq!(
        (&alarm["merchant"], &alarm["name"], &alarm["subject"]),
        (&json!("demo"), &json!("NEVER_ACKNOWLEDGED"), &json!("1"))
    );
    assert!(
        alarm["to_do"]
            .as_str()
            .unwrap()
            .contains("POST /v1/delivery")
    );
    let gauge = "weceive_alarms{merchant=\"demo\",alarm=\"NEVER_ACKNOWLEDGED\"}";
    assert_eq!(sample(&metrics(&world), gauge), "1");

    let settle = |name: &str, note: Option<&str>| {
        let body = json!({"name": name, "subject": "1", "note": note});
        world.admin("/merchants/demo/alarms", &body)
    };
    assert_eq!(settle("NEVER_ACKNOWLEDGED", None).1["field"], "note");
    assert_eq!(settle("PAID_TWICE", Some("x")).1["code"], "ALARM_NOT_FOUND");
    assert_eq!(settle("NEVER_ACKNOWLEDGED", Some("told the shop")).0, 200);
    assert_eq!(settle("NEVER_ACKNOWLEDGED", Some("told the shop")).0, 404);
    assert!(alarms(&world).is_empty());
    let entry = &shop.audit("money")[0];
    assert_eq!(
        (&entry["who"], &entry["what"], &entry["evidence"]),
        (
            &json!("admin"),
            &json!("alarm NEVER_ACKNOWLEDGED settled"),
            &json!("told the shop")
        )
    );
}

/// `MASTER_KEY`: with both keys everything can be opened; when everything is
/// sealed under the new key, the previous key is not needed.
#[test]
fn the_master_key_rotates_without_downtime() {
    let world = Memory::default();
    let (one, two) = (world.shop("one"), world.shop("two"));
    let (old, new) = ("7b".repeat(32), "a1".repeat(32));
    let works = |shop: &Shop, number: &str| {
        let order =
            json!({"out_trade_no": number, "body": "Tea", "total_fee": 1, "trade_type": "NATIVE"});
        shop.call("POST", "/v1/order", order.to_string()).0 == 200
    };
    world.deploy(&[("MASTER_KEY", &new)]);
    assert!(!works(&one, "1"), "without the key before nothing opens");
    world.deploy(&[("MASTER_KEY", &new), ("MASTER_KEY_PREVIOUS", &old)]);
    assert!(works(&one, "1") && works(&two, "2"));
    let (status, answer) = world.admin("/reseal", &json!({}));
    assert_eq!(
        (status, &answer["data"]),
        (200, &json!({"resealed": 2, "failed": [], "after": null}))
    );
    assert_eq!(world.admin("/reseal", &json!({})).1["data"]["resealed"], 0);
    world.deploy(&[("MASTER_KEY", &new)]);
    assert!(works(&one, "3") && works(&two, "4"));
    let entry = &one.audit("credentials")[0];
    assert_eq!(
        (&entry["who"], &entry["call"]),
        (&json!("admin"), &json!("POST /admin/reseal"))
    );
}

#[test]
fn the_admin_token_rotates_without_downtime() {
    let world = Memory::default();
    let new = "another-token-of-the-operator";
    world.deploy(&[("ADMIN_TOKEN", new), ("ADMIN_TOKEN_PREVIOUS", ADMIN_TOKEN)]);
    assert_eq!(
        (
            get(&world, "/metrics", ADMIN_TOKEN).0,
            get(&world, "/metrics", new).0
        ),
        (200, 200)
    );
    world.deploy(&[("ADMIN_TOKEN", new)]);
    assert_eq!(
        (
            get(&world, "/metrics", ADMIN_TOKEN).0,
            get(&world, "/metrics", new).0
        ),
        (401, 200)
    );
}

/// Two versions of the Worker run at the same time for minutes after a
/// deployment, in isolates and in objects. With each pair of settings of
/// docs/operations.md, "Secrets that change", either opens what the other
/// seals.
#[test]
fn master_key_rotation_with_two_versions_side_by_side_opens_every_merchant() {
    let (old, new) = ("7b".repeat(32), "8c".repeat(32));
    let world = Memory::default();
    let settings = |key: &str, previous: &str| {
        let mut variables = vec![("MASTER_KEY", key.to_owned())];
        if !previous.is_empty() {
            variables.push(("MASTER_KEY_PREVIOUS", previous.to_owned()));
        }
        variables
    };
    let deploy = |variables: &[(&'static str, String)]| {
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(n, v)| (*n, v.as_str())).collect();
        world.deploy(&variables);
        world.gateway()
    };
    let steps = [
        settings(&old, ""),
        settings(&old, &new),
        settings(&new, &old),
        settings(&new, ""),
    ];
    let mut shops = Vec::new();
    for (step, pair) in steps.windows(2).enumerate() {
        if step == 2 {
            // Before the previous key is removed, everything sealed under it is
            // sealed under the new one.
            deploy(&pair[0]);
            assert_eq!(world.admin("/reseal", &json!({})).0, 200);
        }
        for (version, of_objects) in pair.iter().enumerate() {
            deploy(of_objects);
            shops.push(world.shop(&format!("shop-{step}-{version}")));
            for of_isolate in pair {
                let gateway = deploy(of_isolate);
                deploy(of_objects);
                for (number, shop) in shops.iter().enumerate() {
                    let body = json!({"out_trade_no": format!("{step}{version}{number}"), "body": "Tea",
                                      "total_fee": 100, "trade_type": "NATIVE"});
                    let request = http::Request::post(format!("{GATEWAY}/v1/order"))
                        .header("api-key", &shop.api_key)
                        .header("content-type", "application/json")
                        .body(body.to_string().into_bytes())
                        .unwrap();
                    let answer = world.send_to(&gateway, request);
                    assert_eq!(answer.status(), 200, "step {step}, {}", shop.id);
                }
            }
        }
    }
}
