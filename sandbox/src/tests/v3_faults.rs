//! WeChat's keys for APIv3, and requested faults.

use super::v3::*;
use super::*;
use crate::wechat::faults::{Forgery, RowFault};
use crate::wechat::v3 as front;
use futures_executor::block_on;
use wechatpay::v3::certificates;
use wechatpay::v3::sign::SignatureError;

fn change(bench: &mut Bench, mchid: &str, body: &Value) -> Value {
    let changed = bench.control(&format!("/sandbox/merchants/{mchid}"), body);
    assert_eq!(changed["mch_id"], mchid, "{changed}");
    changed
}

fn serials(bench: &mut Bench, path: &str) -> Vec<String> {
    let asked = request(bench, MCH_ID, ("GET", path), &Value::Null);
    let answer = send(bench, &asked);
    let key = credentials(bench, MCH_ID)["apiv3_key"].clone();
    let read = block_on(certificates::read(
        |name| answer.headers.get(name)?.to_str().ok(),
        &answer.body,
        &Secret::new(key.as_str().unwrap()),
        None,
        bench.now_ms,
        &Toy,
    ));
    let serials = read.unwrap().into_iter();
    serials.map(|it| it.serial_no()[38..].to_owned()).collect()
}

#[test]
fn g9_platform_certificates_rotate() {
    let mut bench = Bench::new();
    for (listed, signing) in [
        (vec!["01"], "01"),
        (vec!["01", "02"], "01"),
        (vec!["01", "02"], "02"),
        (vec!["02"], "02"),
    ] {
        assert_eq!(serials(&mut bench, "/v3/certificates"), listed);
        assert_eq!(serials(&mut bench, "/v3/global/certificates"), listed);
        let echo = ("POST", "/v3/security/echo");
        let told = ask(&mut bench, MCH_ID, echo, &json!({"echo_message": "m"}));
        assert_eq!(&told.signature().unwrap().serial[38..], signing);
        change(
            &mut bench,
            MCH_ID,
            &json!({"rotate_platform_certificate": true}),
        );
    }
}

#[test]
fn a_merchant_with_the_public_key_has_no_certificates() {
    let mut bench = Bench::new();
    let path = ("GET", "/v3/certificates");
    let told = ask(&mut bench, PUBLIC_KEY_SHOP, path, &Value::Null);
    assert_eq!((told.status, told.code()), (404, "RESOURCE_NOT_EXISTS"));
    assert!(told.signature().unwrap().serial.starts_with("PUB_KEY_ID_"));
}

#[test]
fn a_request_that_names_the_public_key_is_answered_with_it() {
    let mut bench = Bench::new();
    let id = credentials(&mut bench, MCH_ID)["platform"]["public_key_id"].clone();
    let echo = ("POST", "/v3/security/echo");
    let mut asked = request(&mut bench, MCH_ID, echo, &json!({"echo_message": "m"}));
    let value = http::HeaderValue::from_str(id.as_str().unwrap()).unwrap();
    asked.headers_mut().insert("wechatpay-serial", value);
    let told = send(&mut bench, &asked);
    assert_eq!(told.signature().unwrap().serial, id.as_str().unwrap());
}

#[test]
fn a_migration_signs_with_both() {
    let mut bench = Bench::new();
    change(&mut bench, MCH_ID, &json!({"public_key_percent": 50}));
    let mut with_public_key = 0;
    for _ in 0..60 {
        let echo = ("POST", "/v3/security/echo");
        let told = ask(&mut bench, MCH_ID, echo, &json!({"echo_message": "m"}));
        let serial = told.signature().unwrap().serial;
        with_public_key += usize::from(serial.starts_with("PUB_KEY_ID_"));
    }
    assert!((10..50).contains(&with_public_key), "{with_public_key}");
}

#[test]
fn a_testers_own_key_is_accepted() {
    let mut bench = Bench::new();
    let shop = credentials(&mut bench, MCH_ID);
    let own = json!({"mch_id": "1600000001", "certificate": shop["certificate"]});
    let made = bench.control("/sandbox/merchants", &own);
    assert_eq!(made["v3"]["serial_no"], shop["serial_no"], "{made}");
    assert_eq!(made["v3"]["private_key"], Value::Null);
    let own = json!({"public_key": shop["public_key"], "serial_no": "1dDe"});
    let made = change(&mut bench, "1600000001", &own);
    assert_eq!(made["v3"]["serial_no"], "1DDE");
    for (body, field) in [
        (json!({"public_key": shop["public_key"]}), "serial_no"),
        (json!({"serial_no": "1D"}), "public_key"),
        (json!({"certificate": shop["private_key"]}), "certificate"),
        (
            json!({"certificate": shop["certificate"], "serial_no": "1"}),
            "serial_no",
        ),
        (json!({"apiv3_key": "short"}), "apiv3_key"),
        (json!({"public_key_percent": 101}), "public_key_percent"),
        (json!({"ionline": {"mid": "1"}}), "ionline.key"),
    ] {
        let refused = bench.control("/sandbox/merchants/1600000001", &body);
        assert_eq!(refused["field"], field, "{refused}");
    }
}

/// The error that a receiver finds when it verifies.
fn found(bench: &mut Bench, outgoing: &Outgoing) -> String {
    match open_notice(bench, MCH_ID, outgoing) {
        Err(why) => why,
        Ok(notice) => {
            let payment = notice.payment;
            let (money, account) = (payment.money, payment.account);
            let (amount, currency) = (money.amount_minor(), money.currency().code());
            format!(
                "{amount} {currency} {} {:?}",
                account.mch_id, account.sub_mch_id
            )
        }
    }
}

#[test]
fn only_the_first_attempt_of_a_notice_is_faulty() {
    const TRUTH: &str = "888 HKD 1900000109 None";
    for (forgery, expected) in [
        ("WRONG_SERIAL", "UnknownSerial"),
        ("NO_SIGNATURE", "Missing"),
        ("BAD_SIGNATURE", "BadSignature"),
        ("SIGNTEST", "Probe"),
        ("CLOCK_SKEW", "Stale"),
        ("DUPLICATE_KEYS", "DuplicateKey"),
        ("OTHER_AMOUNT", "889 HKD 1900000109 None"),
        ("OTHER_CURRENCY", "888 USD 1900000109 None"),
        ("OTHER_MERCHANT", "888 HKD 1900000000 None"),
        (
            "UNKNOWN_SUB_MCHID",
            "888 HKD 1900000109 Some(\"1900000999\")",
        ),
        ("UNKNOWN_EVENT", "UnknownEvent"),
        ("NONCE_LENGTH", "NonceLength"),
        ("CUT_CIPHERTEXT", "TooShort"),
    ] {
        assert!(Forgery::from_name(forgery).is_some());
        let by_number = format!("T_FAULT_{forgery}@notice");
        for (number, faults) in [
            (by_number.as_str(), json!({})),
            (
                "T1",
                json!({"forge_next": {"forgery": forgery, "on": "notice"}}),
            ),
        ] {
            let mut bench = Bench::new();
            bench.control("/sandbox/faults", &faults);
            let number: String = number.chars().take(32).collect();
            let order = global_order(|body| body["out_trade_no"] = number.as_str().into());
            let made = ask(&mut bench, MCH_ID, NATIVE, &order);
            assert_eq!(made.status, 200, "{}", made.json);
            bench.pay(&number);
            let first = bench.sandbox.due(bench.now_ms).remove(0);
            let what = found(&mut bench, &first);
            assert!(what.contains(expected), "{forgery}: {what}");
            let outcome = Outcome::Answered {
                status: 401,
                body: Vec::new(),
            };
            bench.sandbox.sent(&first.id, &outcome, bench.now_ms);
            bench.now_ms += 15_000;
            let second = bench.sandbox.due(bench.now_ms).remove(0);
            assert_eq!(found(&mut bench, &second), TRUTH);
        }
    }
}

#[test]
fn answers_can_be_faulty() {
    let query = format!("/v3/global/transactions/out-trade-no/V3-0001?mchid={MCH_ID}");
    for (forgery, _, _) in Forgery::ALL {
        let mut bench = Bench::new();
        ask(&mut bench, MCH_ID, NATIVE, &global_order(|_| {}));
        let name = Forgery::ALL
            .into_iter()
            .find(|(known, _, _)| *known == forgery)
            .unwrap()
            .1;
        let body = json!({"forge_next": {"forgery": name, "on": "answer"}});
        let set = bench.control("/sandbox/faults", &body);
        // The names of version 0.1 are read too.
        let earlier = json!({"lie_next": {"lie": name, "on": "answer"}});
        if forgery.is_of_answers() {
            assert_eq!(
                bench.control("/sandbox/faults", &earlier)["field"],
                Value::Null
            );
            bench.control("/sandbox/faults", &json!({}));
            bench.control("/sandbox/faults", &body);
        }
        if !forgery.is_of_answers() {
            assert_eq!(set["field"], "forge_next.on", "{set}");
            continue;
        }
        let asked = request(&mut bench, MCH_ID, ("GET", &query), &Value::Null);
        let told = send(&mut bench, &asked);
        assert_eq!(told.status, 200);
        let keyring = keyring(&mut bench, MCH_ID);
        let verdict = match told.signature() {
            Err(SignatureError::Missing(_)) => "NO_SIGNATURE".to_owned(),
            Err(SignatureError::Probe) => "SIGNTEST".to_owned(),
            Err(other) => format!("{other:?}"),
            Ok(signature) => format!(
                "{:?}",
                block_on(wechatpay::v3::keyring::verify(
                    &signature,
                    &told.body,
                    &keyring,
                    bench.now_ms,
                    &Toy
                ))
                .map(|verified| wechatpay::common::json::Document::parse(verified.bytes()).err())
            ),
        };
        let expected = match forgery {
            Forgery::WrongSerial => "UnknownSerial",
            Forgery::BadSignature => "BadSignature",
            Forgery::ClockSkew => "Stale",
            Forgery::DuplicateKeys => "DuplicateKey",
            _ => name,
        };
        assert!(verdict.contains(expected), "{name}: {verdict}");
        // Only once.
        ask(&mut bench, MCH_ID, ("GET", &query), &Value::Null);
    }
}

#[test]
fn an_empty_answer_can_have_a_bad_signature() {
    let mut bench = Bench::new();
    let number = "T_FAULT_BAD_SIGNATURE@close";
    let order = global_order(|body| body["out_trade_no"] = number.into());
    ask(&mut bench, MCH_ID, NATIVE, &order);
    let path = format!("/v3/global/transactions/out-trade-no/{number}/close");
    let asked = request(
        &mut bench,
        MCH_ID,
        ("POST", &path),
        &json!({"mchid": MCH_ID}),
    );
    let told = send(&mut bench, &asked);
    assert_eq!(told.status, 204);
    let verdict = block_on(wechatpay::v3::keyring::verify(
        &told.signature().unwrap(),
        &told.body,
        &keyring(&mut bench, MCH_ID),
        bench.now_ms,
        &Toy,
    ));
    assert!(verdict.is_err());
}

#[test]
fn every_code_can_be_requested() {
    let mut bench = Bench::new();
    let query = format!("/v3/global/transactions/out-trade-no/V3-0001?mchid={MCH_ID}");
    for (code, status, _) in front::code_table() {
        let body = json!({"fail_next": {
            "path": "GET /v3/global/transactions/out-trade-no/{out_trade_no}",
            "code": code.code(),
        }});
        let set = bench.control("/sandbox/faults", &body);
        assert_eq!(set["fail_next"][0]["code"], code.code(), "{set}");
        let told = ask(&mut bench, MCH_ID, ("GET", &query), &Value::Null);
        assert_eq!((told.status, told.code()), (status, code.code()));
    }
    for (number, call, status) in [
        ("T_FAULT_SYSTEM_ERROR", NATIVE, 500),
        ("T_FAULT_ORDER_NOT_EXIST", NATIVE, 200),
        ("T_FAULT_SYSTEM_ERROR@query", NATIVE, 200),
        ("T_FAULT_NO_ANSWER", NATIVE, 504),
        ("T_FAULT_NO_ANSWER_AFTER", NATIVE, 504),
    ] {
        let order = global_order(|body| body["out_trade_no"] = number.into());
        let asked = request(&mut bench, MCH_ID, call, &order);
        assert_eq!(send(&mut bench, &asked).status, status, "{number}");
    }
    let listed = bench.look("/sandbox/orders").to_string();
    assert!(listed.contains("T_FAULT_NO_ANSWER_AFTER"));
    assert!(!listed.contains("\"T_FAULT_NO_ANSWER\""));
}

#[test]
fn notices_can_be_delayed() {
    let mut bench = Bench::new();
    let faults = json!({"delay_notices_seconds": 60, "duplicate_notices": 1});
    bench.control("/sandbox/faults", &faults);
    ask(&mut bench, MCH_ID, NATIVE, &global_order(|_| {}));
    bench.pay("V3-0001");
    assert!(bench.sandbox.due(bench.now_ms + 59_000).is_empty());
    bench.now_ms += 60_000;
    let due = bench.sandbox.due(bench.now_ms);
    assert_eq!(due.len(), 2);
    assert_ne!(due[0].body, due[1].body, "each is encrypted anew");
    for outgoing in &due {
        open_notice(&mut bench, MCH_ID, outgoing).unwrap();
    }
}

/// On a difference the test prints the tables to put there.
#[test]
fn the_tables_in_the_document_are_the_codes_own() {
    let mut codes = String::from("| code | HTTP | calls | what it means |\n|---|---|---|---|\n");
    for (code, status, calls) in front::code_table() {
        let (name, meaning) = (code.code(), code.meaning());
        codes.push_str(&format!("| `{name}` | {status} | {calls} | {meaning} |\n"));
    }
    let mut forgeries = String::from("| forgery | what is wrong |\n|---|---|\n");
    for (_, name, about) in Forgery::ALL {
        forgeries.push_str(&format!("| `{name}` | {about} |\n"));
    }
    let document = include_str!("../../../docs/sandbox.md");
    let mut rows = String::from("| `wrong` | what is wrong with the row |\n|---|---|\n");
    for (_, name, about) in RowFault::ALL {
        rows.push_str(&format!("| `{name}` | {about} |\n"));
    }
    for table in [codes, forgeries, rows] {
        assert!(document.contains(&table), "docs/sandbox.md wants:\n{table}");
    }
    // The partner's path and a further segment are written in short form.
    for title in front::titles() {
        let path = title.split(' ').next_back().unwrap_or_default();
        let path = path.replace("/partner/", "/");
        let last = path.rsplit("transactions/").next().unwrap_or_default();
        let last = last.rsplit("refunds/").next().unwrap_or_default();
        assert!(document.contains(last), "docs/sandbox.md lacks {title}");
    }
}
