//! Error codes on request, and the table that lists them.

use super::*;
use crate::wechat::faults::{self, ANYWHERE, CODES};
use crate::wechat::v2;
use wechatpay::v2::ErrorCode;

/// The fields that a document needs to pass the common checks of any call.
fn anything(out_trade_no: &str) -> Fields {
    [
        ("body", "b"),
        ("out_trade_no", out_trade_no),
        ("out_refund_no", "r"),
        ("total_fee", "1"),
        ("refund_fee", "1"),
        ("spbill_create_ip", "8.8.8.8"),
        ("notify_url", "http://127.0.0.1:9000/"),
        ("trade_type", "NATIVE"),
        ("auth_code", "120000000000000000"),
        ("bill_date", "20231101"),
        ("interface_url", "u"),
        ("return_code", "SUCCESS"),
        ("result_code", "SUCCESS"),
        ("user_ip", "8.8.8.8"),
        ("execute_time", "1"),
        ("long_url", "weixin://wxpay/bizpayurl?a=b"),
        ("usetag", "2"),
        ("offset", "0"),
        ("limit", "1"),
        ("fee_type", "HKD"),
        ("date", "20231101"),
    ]
    .into_iter()
    .fold(ids(), |fields, (name, value)| fields.with(name, value))
}

/// The code in this call's form.
fn said(answer: &Fields) -> String {
    answer.get("err_code").unwrap_or_default().to_owned()
}

#[test]
fn every_code_can_be_requested_from_a_call_that_lists_it() {
    let mut bench = Bench::new();
    for code in ErrorCode::ALL {
        let paths: Vec<&str> = v2::paths().filter(|p| faults::knows(p, code)).collect();
        assert!(!paths.is_empty(), "no call has {code}");
        for path in paths {
            let fail = json!({"fail_next": {"path": path, "code": code.code()}});
            bench.control("/sandbox/faults", &fail);
            let answer = bench.call(path, anything("t1"));
            let translated = match code {
                ErrorCode::LackParams => "missing parameter",
                ErrorCode::SignError => "SIGN ERROR",
                ErrorCode::ParamError => "data format error",
                other => other.code(),
            };
            let expected = if path == "/pay/downloadbill" {
                translated
            } else {
                code.code()
            };
            assert_eq!(said(&answer), expected, "{path}");
            if path == "/pay/downloadbill" {
                assert_eq!(answer.get("return_msg"), Some(expected), "never signed");
            }
            // Requested by a number too, if a number can contain the code.
            let number = format!("FAULT_{}", code.code());
            if number.len() <= 32 && order::OutTradeNo::new(&number).is_ok() {
                let answer = bench.call(path, anything(&number));
                assert_eq!(said(&answer), expected, "{path}");
            }
        }
    }
}

#[test]
fn the_codes_lists_name_real_calls_and_no_code_twice() {
    for (path, codes) in CODES {
        assert!(v2::paths().any(|call| call == *path), "{path}");
        for code in *codes {
            assert!(!ANYWHERE.contains(code), "{code} is everywhere");
            let count = codes.iter().filter(|other| *other == code).count();
            assert_eq!(count, 1, "{path} {code}");
        }
    }
}

/// On a difference the test prints the table to put there.
#[test]
fn the_table_in_the_document_is_the_codes_own() {
    let mut table = String::from("| code | calls | what it means |\n|---|---|---|\n");
    for (code, calls) in v2::code_table() {
        table.push_str(&format!(
            "| `{}` | {calls} | {} |\n",
            code.code(),
            code.meaning()
        ));
    }
    let document = include_str!("../../../docs/sandbox.md");
    assert!(document.contains(&table), "docs/sandbox.md wants:\n{table}");
}

#[test]
fn every_control_call_is_in_the_document() {
    let document = include_str!("../../../docs/sandbox.md");
    for (method, path, _) in crate::control::pages::HELP {
        let call = format!("`{method} {path}`");
        assert!(document.contains(&call), "docs/sandbox.md lacks {call}");
    }
    for path in v2::paths() {
        assert!(document.contains(path), "docs/sandbox.md lacks {path}");
    }
}

#[test]
fn an_order_number_requests_its_fault() {
    let mut bench = Bench::new();
    // Only query, close and similar calls have this code: the order can be
    // made.
    let number = "T1_FAULT_ORDERNOTEXIST";
    let made = bench.order(|fields| fields.set("out_trade_no", number));
    assert_eq!(refused(&made).0, "done");
    assert_eq!(
        refused(&bench.query(number)),
        ("signed", "ORDERNOTEXIST".into())
    );
    let number = "T2_FAULT_SYSTEMERROR@orderquery";
    let made = bench.order(|fields| fields.set("out_trade_no", number));
    assert_eq!(refused(&made).0, "done");
    assert_eq!(
        refused(&bench.query(number)),
        ("signed", "SYSTEMERROR".into())
    );
    assert_eq!(refused(&bench.close(number)).0, "done");
    for number in ["T3_FAULT_NONSENSE", "T3_FAULT_", "FAULT"] {
        let made = bench.order(|fields| fields.set("out_trade_no", number));
        assert_eq!(refused(&made).0, "done", "{number}");
    }
}

#[test]
fn a_call_can_stay_unanswered_before_or_after_its_work() {
    let mut bench = Bench::new();
    let send = |bench: &mut Bench, number: &str| {
        let mut fields = order_fields();
        fields.set("out_trade_no", number);
        let xml = fields.sealed(&Secret::new(KEY), SignType::Md5).to_xml();
        bench
            .ask(Method::POST, "/pay/unifiedorder", xml.as_bytes())
            .status()
    };
    for (code, after) in [("NO_ANSWER", "ORDERNOTEXIST"), ("NO_ANSWER_AFTER", "")] {
        let fail = json!({"fail_next": {"path": "/pay/unifiedorder", "code": code}});
        bench.control("/sandbox/faults", &fail);
        assert_eq!(send(&mut bench, code), 504);
        assert_eq!(refused(&bench.query(code)).1, after, "{code}");
    }
    assert_eq!(send(&mut bench, "A_FAULT_NO_ANSWER@unifiedorder"), 504);
    let known = bench.look("/sandbox/orders/1900000109/A_FAULT_NO_ANSWER@unifiedorder");
    assert_eq!(known["code"], "NOT_FOUND");
    assert_eq!(send(&mut bench, "B_FAULT_NO_ANSWER_AFTER"), 504);
    let known = bench.look("/sandbox/orders/1900000109/B_FAULT_NO_ANSWER_AFTER");
    assert_eq!(known["trade_state"], "NOTPAY");
}

#[test]
fn each_call_answers_in_the_requests_sign_type() {
    let mut bench = Bench::new();
    let key = Secret::new(KEY);
    for path in v2::paths().filter(|path| *path != "/pay/downloadbill") {
        let fail = json!({"fail_next": {"path": path, "code": "SYSTEMERROR"}});
        bench.control("/sandbox/faults", &fail);
        let fields = anything("t1").with("sign_type", "HMAC-SHA256");
        let xml = fields.sealed(&key, SignType::HmacSha256).to_xml();
        let answer = bench.post(path, xml.as_bytes());
        assert_eq!(answer.get("err_code"), Some("SYSTEMERROR"), "{path}");
        assert_eq!(answer.verify(&key, SignType::HmacSha256), Ok(()), "{path}");
    }
}
