//! Values that a strict account must not send, and that a lenient account may.

use super::v3::{NATIVE, ask, global_order};
use super::*;
use crate::wechat::rules::strict::RULES;

const DAY_MS: i64 = 86_400_000;
const GOODS: &str =
    r#"{"goods_detail":[{"goods_id":"a","goods_name":"Tea","quantity":2,"price":444}]}"#;

fn set_strict(bench: &mut Bench, strict: bool) {
    let path = format!("/sandbox/merchants/{MCH_ID}");
    let changed = bench.control(&path, &json!({ "strict": strict }));
    assert_eq!(changed["strict"], strict, "{changed}");
}

/// The answers of both kinds of account to the same request.
fn strict_then_lenient(mut ask: impl FnMut(&mut Bench) -> Fields) -> [(&'static str, String); 2] {
    [true, false].map(|strict| {
        let mut bench = Bench::new();
        set_strict(&mut bench, strict);
        refused(&ask(&mut bench))
    })
}

#[test]
fn new_accounts_are_strict_unless_they_say_otherwise() {
    let mut bench = Bench::new();
    let listed = bench.look("/sandbox/merchants");
    for merchant in listed["merchants"].as_array().unwrap() {
        assert_eq!(merchant["strict"], true, "{merchant}");
    }
    let made = bench.control("/sandbox/merchants", &json!({}));
    assert_eq!(made["strict"], true);
    let made = bench.control("/sandbox/merchants", &json!({"strict": false}));
    assert_eq!(made["strict"], false);
    let bad = bench.control("/sandbox/merchants", &json!({"strict": "yes"}));
    assert_eq!(bad["field"], "strict", "{bad}");
}

#[test]
fn an_account_stored_by_an_older_sandbox_stays_lenient() {
    let mut bench = Bench::new();
    let stored = bench.sandbox.take_changes().into_iter();
    let rows = stored.filter_map(|(key, row)| {
        let mut row: Value = serde_json::from_str(&row?).unwrap();
        row.as_object_mut().unwrap().remove("strict");
        Some((key, row.to_string()))
    });
    bench.sandbox = Sandbox::load(settings(), rows).unwrap();
    let listed = bench.look("/sandbox/merchants");
    assert_eq!(listed["merchants"][0]["strict"], false);
}

#[test]
fn a_strict_account_refuses_what_the_manual_does_not_document_in_an_order() {
    let done = ("done", String::new());
    let goods = |item: &str| format!(r#"{{"goods_detail":[{item}]}}"#);
    for (field, value, code) in [
        ("product_id", "", "LACK_PARAMS"),
        ("spbill_create_ip", "2001:db8::1", "PARAM_ERROR"),
        ("spbill_create_ip", "::ffff:8.8.8.8", "PARAM_ERROR"),
        ("limit_pay", "no_debit", "PARAM_ERROR"),
        ("detail", "two teas", "PARAM_ERROR"),
        ("detail", "[]", "PARAM_ERROR"),
        ("detail", "{}", "PARAM_ERROR"),
        ("detail", r#"{"goods_detail":[]}"#, "PARAM_ERROR"),
        ("detail", &goods("1"), "PARAM_ERROR"),
        // Each required member, left out or in a wrong form.
        (
            "detail",
            &goods(r#"{"goods_name":"Tea","quantity":1,"price":1}"#),
            "PARAM_ERROR",
        ),
        (
            "detail",
            &goods(r#"{"goods_id":"a","quantity":1,"price":1}"#),
            "PARAM_ERROR",
        ),
        (
            "detail",
            &goods(r#"{"goods_id":"a","goods_name":"Tea","price":1}"#),
            "PARAM_ERROR",
        ),
        (
            "detail",
            &goods(r#"{"goods_id":"a","goods_name":"Tea","quantity":1}"#),
            "PARAM_ERROR",
        ),
        (
            "detail",
            &goods(r#"{"goods_id":"","goods_name":"Tea","quantity":1,"price":1}"#),
            "PARAM_ERROR",
        ),
        (
            "detail",
            &goods(r#"{"goods_id":"a","goods_name":"Tea","quantity":0,"price":1}"#),
            "PARAM_ERROR",
        ),
        (
            "detail",
            &goods(r#"{"goods_id":"a","goods_name":"Tea","quantity":1,"price":1.5}"#),
            "PARAM_ERROR",
        ),
        (
            "detail",
            &goods(r#"{"goods_id":"a","goods_name":"Tea","quantity":1,"price":-1}"#),
            "PARAM_ERROR",
        ),
        // 2 × 445 is more than 888.
        ("detail", &GOODS.replace("444", "445"), "PARAM_ERROR"),
    ] {
        let refusals = strict_then_lenient(|bench| bench.order(|fields| fields.set(field, value)));
        let expected = [("unsigned", code.to_owned()), done.clone()];
        assert_eq!(refusals, expected, "{field}={value}");
    }
    for (field, value) in [
        ("limit_pay", "no_credit"),
        ("detail", GOODS),
        ("detail", &GOODS.replace("quantity", "goods_num")),
        // Only NATIVE needs a product.
        ("trade_type", "APP"),
    ] {
        let refusals = strict_then_lenient(|bench| {
            bench.order(|fields| {
                fields.set(field, value);
                if field == "trade_type" {
                    fields.remove("product_id");
                }
            })
        });
        assert_eq!(refusals, [done.clone(), done.clone()], "{field}={value}");
    }
}

#[test]
fn a_strict_refusal_names_the_field_the_section_and_the_way_out() {
    let mut bench = Bench::new();
    let refusal = bench.order(|fields| fields.set("limit_pay", "no_debit"));
    let says = refusal.get("err_code_des").unwrap();
    for part in ["limit_pay", "section 9.1.4", "\"strict\": false"] {
        assert!(says.contains(part), "{says}");
    }
}

fn auth_code(bench: &mut Bench, payer: &str) -> String {
    let made = bench.control("/sandbox/paycode", &json!({ "payer": payer }));
    made["auth_code"].as_str().unwrap().to_owned()
}

fn quick(bench: &mut Bench, number: &str, change: impl FnOnce(&mut Fields)) -> Fields {
    let code = auth_code(bench, "alice");
    let mut fields = ids()
        .with("body", "Southern store-Super market")
        .with("out_trade_no", number)
        .with("total_fee", "888")
        .with("fee_type", "HKD")
        .with("spbill_create_ip", "8.8.8.8")
        .with("auth_code", code);
    change(&mut fields);
    bench.call("/pay/micropay", fields)
}

#[test]
fn a_strict_account_refuses_what_the_manual_does_not_document_in_quick_pay() {
    let body_of = |bytes: usize| "b".repeat(bytes);
    for (field, value, is_documented) in [
        ("body", body_of(32), true),
        ("body", body_of(33), false),
        ("spbill_create_ip", "2001:db8::1".to_owned(), false),
        ("limit_pay", "no_debit".to_owned(), false),
        ("detail", "{}".to_owned(), false),
        ("detail", GOODS.to_owned(), true),
        ("detail", GOODS.replace("444", "445"), false),
    ] {
        let refusals = strict_then_lenient(|bench| {
            quick(bench, "till-1", |fields| fields.set(field, value.as_str()))
        });
        let done = ("done", String::new());
        let strictly = match is_documented {
            true => done.clone(),
            false => ("unsigned", "PARAM_ERROR".to_owned()),
        };
        assert_eq!(refusals, [strictly, done], "{field}={value}");
    }
}

#[test]
fn the_sixth_quick_pay_payment_of_a_day_asks_for_the_password() {
    for strict in [true, false] {
        let mut bench = Bench::new();
        set_strict(&mut bench, strict);
        for number in 1..=5 {
            let paid = quick(&mut bench, &format!("till-{number}"), |_| {});
            assert_eq!(refused(&paid).0, "done", "{number}: {paid:?}");
        }
        let sixth = quick(&mut bench, "till-6", |_| {});
        let (level, code) = refused(&sixth);
        let expected = if strict {
            ("signed", "USERPAYING")
        } else {
            ("done", "")
        };
        assert_eq!((level, code.as_str()), expected);
        // Payments with the password do not count, and the count begins again
        // each day.
        bench.now_ms += DAY_MS;
        for number in 7..=11 {
            let paid = quick(&mut bench, &format!("till-{number}"), |_| {});
            assert_eq!(refused(&paid).0, "done", "{number}: {paid:?}");
        }
    }
}

fn refund(bench: &mut Bench, number: &str) -> Fields {
    let fields = ids()
        .with("out_trade_no", "9900000000")
        .with("out_refund_no", number)
        .with("total_fee", "888")
        .with("refund_fee", "1");
    bench.call("/secapi/pay/refund", fields)
}

fn paid(bench: &mut Bench) {
    bench.order(|_| {});
    assert_eq!(bench.pay("9900000000")["ok"], true);
}

#[test]
fn a_strict_account_numbers_its_refunds_in_32_bytes() {
    let done = ("done", String::new());
    for (bytes, strictly) in [
        (32, done.clone()),
        (33, ("unsigned", "PARAM_ERROR".to_owned())),
    ] {
        let number = "r".repeat(bytes);
        let refusals = strict_then_lenient(|bench| {
            paid(bench);
            refund(bench, &number)
        });
        assert_eq!(refusals, [strictly.clone(), done.clone()], "{bytes}");
        let queries = strict_then_lenient(|bench| {
            paid(bench);
            refund(bench, &number);
            let by = ids().with("out_refund_no", number.as_str());
            bench.call("/pay/refundquery", by)
        });
        assert_eq!(queries, [strictly, done.clone()], "{bytes}");
    }
}

#[test]
fn a_strict_account_refunds_for_three_months_and_another_for_a_year() {
    // 15 November 2023 in China; three months end on 15 February.
    let three_months_ms = 92 * DAY_MS;
    for (after_ms, strictly, otherwise) in [
        (three_months_ms - 1000, "", ""),
        (three_months_ms, "TRADE_OVERDUE", ""),
        (365 * DAY_MS, "TRADE_OVERDUE", "TRADE_OVERDUE"),
    ] {
        let refusals = strict_then_lenient(|bench| {
            paid(bench);
            bench.now_ms += after_ms;
            refund(bench, "r1")
        });
        let codes = refusals.map(|(_, code)| code);
        assert_eq!(codes, [strictly, otherwise], "{after_ms}");
    }
}

#[test]
fn a_strict_account_is_strict_in_apiv3_too() {
    let goods = |item: Value| json!({ "goods_detail": [item] });
    for (field, value, names) in [
        ("limit_pay", json!("no_debit"), "limit_pay"),
        ("detail", json!({}), "detail.goods_detail"),
        (
            "detail",
            goods(json!({"goods_id": "a", "price": 1})),
            "detail.goods_detail[0].quantity",
        ),
        (
            "detail",
            goods(json!({"goods_id": "a", "quantity": 2, "price": 445})),
            "detail.goods_detail",
        ),
        (
            "detail",
            goods(json!({"goods_id": "a", "quantity": 2, "price": 444})),
            "",
        ),
        (
            "detail",
            goods(json!({"merchant_goods_id": "a", "quantity": 1, "unit_price": 1})),
            "",
        ),
        ("limit_pay", json!("no_credit"), ""),
    ] {
        for strict in [true, false] {
            let mut bench = Bench::new();
            set_strict(&mut bench, strict);
            let order = global_order(|order| order[field] = value.clone());
            let told = ask(&mut bench, MCH_ID, NATIVE, &order);
            let expected = if strict { names } else { "" };
            let named = told.json["detail"]["field"].as_str().unwrap_or_default();
            assert_eq!(named, expected, "{value}: {}", told.json);
            let status = if expected.is_empty() { 200 } else { 400 };
            assert_eq!(told.status, status, "{value}");
        }
    }
}

#[test]
fn a_strict_account_reports_from_an_ipv4_address() {
    let report = |bench: &mut Bench| {
        let fields = ids()
            .with(
                "interface_url",
                "https://api.mch.weixin.qq.com/pay/orderquery",
            )
            .with("execute_time", "12")
            .with("return_code", "SUCCESS")
            .with("result_code", "SUCCESS")
            .with("user_ip", "2001:db8::1");
        bench.call("/payitil/report", fields)
    };
    let mut bench = Bench::new();
    assert_eq!(
        refused(&report(&mut bench)),
        ("unsigned", "PARAM_ERROR".into())
    );
    set_strict(&mut bench, false);
    assert_eq!(report(&mut bench).get("return_code"), Some("SUCCESS"));
}

#[test]
fn a_strict_account_requires_the_client_certificate_for_each_refund_and_reverse() {
    for path in [
        "/secapi/pay/refund",
        "/secapi/pay/reverse",
        "/sandboxnew/secapi/pay/refund",
        "/xdc/apiv2sandbox/secapi/pay/refund",
    ] {
        for (strict, certificate, status) in [
            (true, None, 400),
            (true, Some("none"), 400),
            (true, Some("expired"), 400),
            (true, Some(MCH_ID), 200),
            (false, None, 200),
            (false, Some("none"), 400),
        ] {
            let mut bench = Bench::new();
            set_strict(&mut bench, strict);
            let xml = ids()
                .with("out_trade_no", "9900000000")
                .sealed(&Secret::new(KEY), SignType::Md5)
                .to_xml();
            let mut request = Request::post(format!("http://127.0.0.1:8788{path}"));
            if let Some(value) = certificate {
                request = request.header("x-sandbox-client-certificate", value);
            }
            let answer = bench.send(&request.body(xml.into_bytes()).unwrap());
            assert_eq!(answer.status(), status, "{path} {strict} {certificate:?}");
            let said = String::from_utf8_lossy(answer.body()).into_owned();
            let is_none = said.contains("No required SSL certificate was sent");
            let expected = status == 400 && certificate != Some("expired");
            assert_eq!(is_none, expected, "{path} {strict} {certificate:?}: {said}");
        }
    }
}

/// On a difference the test prints the table to put there.
#[test]
fn the_strict_rules_in_the_document_are_the_codes_own() {
    let mut table =
        String::from("| a strict account is refused | the manual says so in |\n|---|---|\n");
    for (value, rule) in RULES {
        table.push_str(&format!("| {value} | {rule} |\n"));
    }
    let document = include_str!("../../../docs/sandbox.md");
    assert!(document.contains(&table), "docs/sandbox.md wants:\n{table}");
}
