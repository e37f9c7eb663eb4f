//! Calls that move no money: statements, settlements, exchange rates, reports.

use super::*;
use wechatpay::common::bill::{Bill, RowState};
use wechatpay::common::time::parse_china;
use wechatpay::v2::settlement;

/// 2023-11-15, 06:13:20 in China: the current time of the test.
const TODAY: &str = "20231115";

fn statement(bench: &mut Bench, fields: Fields) -> http::Response<Vec<u8>> {
    let xml = ids_with(fields)
        .sealed(&Secret::new(KEY), SignType::Md5)
        .to_xml();
    bench.ask(Method::POST, "/pay/downloadbill", xml.as_bytes())
}

fn ids_with(more: Fields) -> Fields {
    more.iter()
        .fold(ids(), |fields, (name, value)| fields.with(name, value))
}

fn of_day(day: &str) -> Fields {
    Fields::new().with("bill_date", day)
}

/// The reason why there is no statement.
fn no_statement(bench: &mut Bench, fields: Fields) -> String {
    let answer = statement(bench, fields);
    let answer = Fields::parse(answer.body()).unwrap();
    assert_eq!(answer.get("return_code"), Some("FAIL"));
    assert_eq!(answer.get("sign"), None);
    answer.get("return_msg").unwrap().to_owned()
}

/// A payment, a partly refunded one, a reversed Quick Pay, and one unpaid.
fn a_day(bench: &mut Bench) {
    for number in ["paid", "returned", "unpaid"] {
        bench.order(|fields| {
            fields.set("out_trade_no", number);
            fields.set("body", "Tea, green");
        });
        if number != "unpaid" {
            bench.pay(number);
        }
    }
    let refund = ids()
        .with("out_trade_no", "returned")
        .with("out_refund_no", "r1")
        .with("total_fee", "888")
        .with("refund_fee", "300");
    let answer = bench.call("/secapi/pay/refund", refund);
    assert_eq!(refused(&answer).0, "done");
    let code = bench.control("/sandbox/paycode", &json!({"payer": "alice"}));
    let quick = order_fields();
    let quick = quick
        .iter()
        .fold(Fields::new(), |fields, (name, value)| match name {
            "notify_url" | "trade_type" => fields,
            "out_trade_no" => fields.with(name, "till"),
            _ => fields.with(name, value),
        });
    let quick = quick.with("auth_code", code["auth_code"].as_str().unwrap());
    assert_eq!(refused(&bench.call("/pay/micropay", quick)).0, "done");
    bench.now_ms += 20_000;
    let answer = bench.call("/secapi/pay/reverse", ids().with("out_trade_no", "till"));
    assert_eq!(refused(&answer).0, "done");
}

#[test]
fn a_statement_lists_the_days_payments_refunds_and_reversals() {
    let mut bench = Bench::new();
    a_day(&mut bench);
    assert_eq!(no_statement(&mut bench, of_day(TODAY)), "Bill Creating");
    bench.now_ms = parse_china("20231116095959").unwrap();
    assert_eq!(
        no_statement(&mut bench, of_day(TODAY)),
        "Bill Creating",
        "s1"
    );
    bench.now_ms += 1000;
    for (bill_type, rows, states) in [
        ("", 5, "SUCCESS SUCCESS REFUND SUCCESS REVOKED"),
        ("ALL", 5, "SUCCESS SUCCESS REFUND SUCCESS REVOKED"),
        ("SUCCESS", 3, "SUCCESS SUCCESS SUCCESS"),
        ("REFUND", 1, "REFUND"),
        ("REVOKED", 1, "REVOKED"),
    ] {
        for tar_type in ["", "GZIP"] {
            let fields = of_day(TODAY)
                .with("bill_type", bill_type)
                .with("tar_type", tar_type);
            let answer = statement(&mut bench, fields);
            let is_packed = answer.body().starts_with(&[0x1F, 0x8B]);
            assert_eq!(is_packed, tar_type == "GZIP");
            // Reading checks the totals against the rows.
            let bill = Bill::read(answer.body()).unwrap();
            assert_eq!(bill.rows.len(), rows, "{bill_type}");
            let mut found: Vec<&str> = bill.rows.iter().map(|r| r.trade_state.as_str()).collect();
            let mut wanted: Vec<&str> = states.split(' ').collect();
            found.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(found, wanted, "{bill_type}");
        }
    }
    let all = statement(&mut bench, of_day(TODAY));
    let text = String::from_utf8(all.body().clone()).unwrap();
    assert!(text.contains(",`Tea, green,"), "{text}");
    let bill = Bill::read(text.as_bytes()).unwrap();
    let refund = bill
        .rows
        .iter()
        .find(|row| row.trade_state == RowState::Refund)
        .and_then(|row| row.refund.as_ref());
    let refund = refund.unwrap();
    assert_eq!(
        (refund.refund_fee, refund.out_refund_no.as_str()),
        (300, "r1")
    );
}

#[test]
fn a_statement_is_kept_90_days_the_last_included() {
    let mut bench = Bench::new();
    a_day(&mut bench);
    bench.now_ms = parse_china("20240213235959").unwrap();
    let kept = statement(&mut bench, of_day("20231115"));
    assert!(Bill::read(kept.body()).is_ok());
    bench.now_ms += 1000;
    let said = no_statement(&mut bench, of_day("20231115"));
    assert_eq!(said, "data format error");
}

#[test]
fn a_day_without_a_statement_has_a_reason() {
    let mut bench = Bench::new();
    a_day(&mut bench);
    bench.now_ms = parse_china("20231117120000").unwrap();
    for (fields, words) in [
        // s2: the day has no payments.
        (of_day("20231116"), "No Bill Exist"),
        (of_day("20231118"), "Bill Creating"),
        (of_day("2023-11-15"), "data format error"),
        (of_day("20230801"), "data format error"),
        (of_day(TODAY).with("bill_type", "NONE"), "invalid bill_type"),
        (of_day(TODAY).with("tar_type", "ZIP"), "data format error"),
        (of_day(TODAY).with("device_info", "else"), "No Bill Exist"),
        (Fields::new(), "missing parameter"),
    ] {
        let said = no_statement(&mut bench, fields.clone());
        assert_eq!(said, words, "{fields:?}");
    }
    let unsigned = ids_with(of_day(TODAY)).with("sign", "0".repeat(32));
    let answer = bench.post("/pay/downloadbill", unsigned.to_xml().as_bytes());
    assert_eq!(answer.get("return_msg"), Some("SIGN ERROR"));
}

#[test]
fn funds_are_settled_on_the_next_day() {
    let mut bench = Bench::new();
    a_day(&mut bench);
    let ask = |bench: &mut Bench, usetag: &str, from: &str, to: &str| {
        let fields = ids()
            .with("usetag", usetag)
            .with("offset", "0")
            .with("limit", "10")
            .with("date_start", from)
            .with("date_end", to);
        let request = settlement::Request::read(&fields).unwrap();
        let xml = fields.sealed(&Secret::new(KEY), SignType::Md5).to_xml();
        let answer = bench.ask(Method::POST, settlement::PATH, xml.as_bytes());
        settlement::Answer::read(answer.body(), &request, &Secret::new(KEY))
            .unwrap()
            .records
    };
    let outstanding = ask(&mut bench, "2", "", "");
    assert_eq!(outstanding.len(), 1);
    assert_eq!(outstanding[0].unsettlement_fee, 1468);
    assert_eq!(outstanding[0].fbatchno, None);
    assert!(ask(&mut bench, "1", TODAY, "20231130").is_empty());
    bench.now_ms += 86_400_000;
    assert!(ask(&mut bench, "2", "", "").is_empty());
    assert!(ask(&mut bench, "1", TODAY, TODAY).is_empty());
    let settled = ask(&mut bench, "1", "20231116", "20231116");
    let record = &settled[0];
    assert_eq!(record.date_start.unwrap().to_string(), TODAY);
    assert_eq!(
        (record.pay_fee, record.refund_fee, record.pay_net_fee),
        (2664, 1188, 1476)
    );
    assert_eq!((record.poundage_fee, record.settlement_fee), (8, 1468));
}

#[test]
fn the_rate_of_a_day_is_published_at_ten() {
    let mut bench = Bench::new();
    let ask = |bench: &mut Bench, path: &str, date: &str| {
        let mut fields = ids().with("fee_type", "USD").with("date", date);
        fields.remove("nonce_str");
        bench.call(path, fields)
    };
    // It is 06:13: the day's own rate is published at ten.
    let early = ask(&mut bench, "/pay/queryexchagerate", TODAY);
    assert_eq!(early.get("rate_time"), Some("20231114"));
    let also = ask(&mut bench, "/pay/queryexchangerate", "20231114");
    assert_eq!(early.get("rate"), also.get("rate"));
    assert_eq!(early.verify(&Secret::new(KEY), SignType::Md5), Ok(()));
    bench.now_ms += 4 * 3_600_000;
    let later = ask(&mut bench, "/pay/queryexchagerate", TODAY);
    assert_eq!(later.get("rate_time"), Some(TODAY));
    let tomorrow = ask(&mut bench, "/pay/queryexchagerate", "20231116");
    assert_eq!(tomorrow.get("err_code"), Some("PARAM_ERROR"));
    let nonsense = ask(&mut bench, "/pay/queryexchagerate", "x");
    assert_eq!(refused(&nonsense), ("unsigned", "PARAM_ERROR".into()));
}

#[test]
fn a_report_is_listed_and_never_signed() {
    let mut bench = Bench::new();
    let fields = |execute_time: &str| {
        ids()
            .with(
                "interface_url",
                "https://api.mch.weixin.qq.com/pay/unifiedorder",
            )
            .with(execute_time, "120")
            .with("return_code", "SUCCESS")
            .with("result_code", "SUCCESS")
            .with("user_ip", "8.8.8.8")
    };
    for name in ["execute_time", "execute_time_"] {
        let answer = bench.call("/payitil/report", fields(name));
        assert_eq!(answer.get("result_code"), Some("SUCCESS"));
        assert_eq!(answer.get("sign"), None);
    }
    let listed = bench.look("/sandbox/reports");
    assert_eq!(listed["reports"].as_array().unwrap().len(), 2);
    assert_eq!(listed["reports"][1]["fields"]["execute_time"], "120");
    let answer = bench.call("/payitil/report", fields("time_it_took"));
    assert_eq!(refused(&answer), ("unsigned", "LACK_PARAMS".into()));
}

/// What an account does while its clock is behind has happened so long ago; the
/// others' clock stays.
#[test]
fn an_account_has_a_past() {
    let mut bench = Bench::new();
    let behind = |bench: &mut Bench, seconds: i64| {
        bench.control(
            &format!("/sandbox/merchants/{MCH_ID}"),
            &json!({ "behind_seconds": seconds }),
        )
    };
    assert_eq!(behind(&mut bench, 3 * 86_400)["behind_seconds"], 259_200);
    bench.order(|fields| fields.set("out_trade_no", "old"));
    let paid = json!({"mch_id": MCH_ID, "out_trade_no": "old", "payer": "alice", "action": "pay"});
    bench.control("/sandbox/pay", &paid);
    behind(&mut bench, 0);
    bench.order(|fields| fields.set("out_trade_no", "new"));
    bench.pay("new");
    let told = bench.call("/pay/orderquery", ids().with("out_trade_no", "old"));
    assert_eq!(told.get("trade_state"), Some("SUCCESS"));
    assert!(
        told.get("time_end").unwrap().starts_with("20231112"),
        "{told:?}"
    );
    let told = bench.call("/pay/orderquery", ids().with("out_trade_no", "new"));
    assert!(told.get("time_end").unwrap().starts_with(TODAY), "{told:?}");
    let file = statement(&mut bench, of_day("20231112"));
    let text = String::from_utf8_lossy(file.body()).into_owned();
    assert!(text.contains("old"), "{text}");
    assert!(!text.contains("new"), "{text}");
    for wrong in [-1, 90 * 86_400 + 1] {
        let refused = behind(&mut bench, wrong);
        assert_eq!(refused["field"], "behind_seconds", "{refused}");
    }
}
