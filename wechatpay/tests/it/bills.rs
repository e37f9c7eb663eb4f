//! Statements: written and read, in the forms that occur, and malformed ones.

use crate::{changed, direct, institution, key, mutate, nonce, payment, received};
use order::Currency;
use wechatpay::common::bill::{
    Bill, BillError, BillType, Column, Decimal, Entry, Language, MAX_BYTES, MAX_LINE_BYTES, OddRow,
    Reader, Row, RowRefund, RowState, Total, Totals, gzip,
};
use wechatpay::common::{Date, Problem, SignType, Text, XmlError, time};
use wechatpay::v2::ErrorCode;
use wechatpay::v2::answer;
use wechatpay::v2::bill;

/// A payment in Hong Kong dollars, with every column filled.
fn paid() -> Row {
    Row {
        sub_mch_id: Some("1900000109".to_owned()),
        device_info: Some("1000".to_owned()),
        body: Some("茶,cake \"5\"".to_owned()),
        attach: Some("a,b".to_owned()),
        poundage: Decimal::parse("0.05328"),
        rate: Some("0.60%".to_owned()),
        rate_remark: Some("low".to_owned()),
        settlement_fee_type: Some(Currency::Hkd),
        settlement_fee: Some(888),
        ..Row::of(&payment(institution())).unwrap()
    }
}

fn refunded() -> Row {
    let row = paid();
    Row {
        trade_state: RowState::Refund,
        total_fee: 0,
        order_fee: Some(0),
        poundage: Decimal::parse("-0.01800"),
        refund: Some(RowRefund {
            refund_id: "2008450740201411110000174436".to_owned(),
            out_refund_no: "1415659990-1".to_owned(),
            refund_fee_type: Some(Currency::Hkd),
            refund_fee: 300,
            apply_refund_fee: Some(300),
            coupon_refund_fee: Some(0),
            refund_type: Some("ORIGINAL".to_owned()),
            refund_status: Some("SUCCESS".to_owned()),
            apply_time_ms: time::parse_china("20141031100000").ok(),
            success_time_ms: time::parse_china("20141031100005").ok(),
            exchange_rate: Some("84853800".to_owned()),
            cash_refund_fee_type: Some(Currency::Cny),
            cash_refund_fee: Some(255),
            settlement_fee_type: Some(Currency::Hkd),
            settlement_fee: Some(300),
        }),
        ..row
    }
}

fn reversed() -> Row {
    Row {
        trade_state: RowState::Revoked,
        ..paid()
    }
}

/// The `attach` of a payment contains a line feed, which a statement must not.
fn rows() -> Vec<Row> {
    vec![paid(), refunded(), reversed()]
}

fn read(csv: &str) -> Result<Bill, BillError> {
    Bill::read(csv.as_bytes())
}

#[test]
fn a_statements_request_round_trips() {
    for account in [direct(), institution()] {
        for sign_type in SignType::ALL {
            for bill_type in BillType::ALL {
                for gzip in [false, true] {
                    let request = bill::Request {
                        account: account.clone(),
                        device_info: gzip.then(|| Text::new("device_info", "1000").unwrap()),
                        bill_date: Date::parse("20141110").unwrap(),
                        bill_type,
                        gzip,
                        nonce_str: nonce(),
                        sign_type,
                    };
                    let fields = received(&request.to_xml(&key()), sign_type);
                    assert_eq!(bill::Request::read(&fields).as_ref(), Ok(&request));
                    for (field, value, problem) in [
                        ("bill_date", None, Problem::Missing),
                        ("bill_date", Some("2014-11-10"), Problem::BadFormat),
                        ("bill_type", Some("all"), Problem::UnknownValue),
                        ("tar_type", Some("ZIP"), Problem::UnknownValue),
                    ] {
                        let result = bill::Request::read(&changed(&fields, &[(field, value)]));
                        assert_eq!(result, Err(problem.of(field)));
                    }
                    let silent = changed(&fields, &[("bill_type", None)]);
                    assert_eq!(
                        bill::Request::read(&silent).unwrap().bill_type,
                        BillType::All
                    );
                }
            }
        }
    }
}

#[test]
fn a_statement_round_trips() {
    for language in [Language::Chinese, Language::English] {
        for rows in [Vec::new(), vec![paid()], rows()] {
            let csv = Bill::of(rows.clone()).to_csv(Column::ALL, language);
            assert_eq!(read(&csv).map(|bill| bill.rows), Ok(rows.clone()));
            // And in gzip.
            let bill = Bill::read(&gzip(&csv));
            assert_eq!(bill.map(|bill| bill.rows), Ok(rows));
        }
    }
}

#[test]
fn a_statement_reads_the_same_in_any_order_of_columns() {
    let mut columns = Column::ALL.to_vec();
    columns.reverse();
    let csv = Bill::of(rows()).to_csv(&columns, Language::English);
    assert_eq!(read(&csv).map(|bill| bill.rows), Ok(rows()));
    // The columns of a payment alone contain no refunds.
    columns.retain(|column| column.is_of_payment());
    let csv = Bill::of(vec![paid()]).to_csv(&columns, Language::Chinese);
    assert!(!csv.contains('退'));
    assert_eq!(read(&csv).map(|bill| bill.rows), Ok(vec![paid()]));
}

/// P4: the yen and the won have no smaller unit.
#[test]
fn p4_amounts_are_in_the_currencys_main_unit() {
    let yen = Row {
        fee_type: Currency::Jpy,
        total_fee: 1980,
        order_fee: Some(1980),
        settlement_fee_type: Some(Currency::Jpy),
        settlement_fee: Some(1980),
        ..paid()
    };
    let csv = Bill::of(vec![yen.clone()]).to_csv(&Column::OVERSEAS, Language::English);
    assert!(csv.contains("`JPY,`1980,"), "{csv}");
    assert!(csv.contains("`CNY,`7.54,"), "{csv}");
    assert_eq!(read(&csv).unwrap().rows[0].total_fee, 1980);
    // With decimals that are all zero it is the same.
    let long = csv.replace("`1980,", "`1980.00,");
    assert_eq!(read(&long).unwrap().rows[0].total_fee, 1980);
    let half = csv.replace("`JPY,`1980,", "`JPY,`1980.50,");
    assert_eq!(odd(&half), [odd_value(2, "total_fee", Problem::BadFormat)]);
}

/// The rows that cannot be read.
fn odd(csv: &str) -> Vec<OddRow> {
    read(csv).unwrap().odd
}

fn odd_value(line: usize, column: &'static str, problem: Problem) -> OddRow {
    OddRow {
        line,
        column: Some(column),
        problem: problem.to_string(),
    }
}

/// The header of the WeChat Pay v2 manual, section 9.6, word by word. The
/// manual's row lacks three of its values, which are added here.
#[test]
fn the_manuals_statement_reads() {
    let header = "Transaction time, Official account ID(appid), Vendor ID(mch_id), Sub vendor \
        ID(sub_mch_id), Device ID(Device_info), Wechat order number(transaction_id), Vendor order \
        number(out_transaction_id), User tag(openid), Transaction type(trade_type), Transaction \
        status(trade_state), Payment bank(bank_type), Currency type(fee_type), Total \
        amount(total_fee), Coupon amount, Wechat refund number(refund_id), Vendor refund \
        number(out_refund_no), Refund amount(refund_fee), Coupon refund amount, Refund type, Refund \
        status(refund_status_$n), Product name, Vendor's data package(attach), Fee, Rate, Payment \
        Currency type(Cash_fee_type), Cash payment amount(Cash_fee), Settlement currency type, \
        Settlement currency amount, Exchange rate, Refund exchange rate, Payer's Refund amount, \
        Payer's Refund currency type, Refund currency type, Refund settlement currency type, Refund \
        settlement amount";
    let row = "2016-01-2812:09:57,wx77f7fce3722c712b,1277115701,0,1002200845,\
        1000221008201601282949658332,2124120160125520751765,orB2gVv8fX95-ghb8ws3Eunw,MICROPAY,\
        SUCCESS,GDB_CREDIT,HKD,198.00,0.00,0,0,0,0,,,商品,,1.19000,0.60%,CNY,168.01,HKD,198.00,\
        84853800,0,0,,,,0";
    let totals = "Total transaction count, Total transaction amount, Total refund amount, Total \
        coupon refund amount, Total commission amount\n`1,`198.00,`0.00,`0.00,`1.19000";
    let bill = read(&format!("{header}\n{row}\n{totals}")).unwrap();
    let [row_read] = &bill.rows[..] else {
        panic!("{bill:?}");
    };
    assert_eq!(time::china(row_read.trade_time_ms), "20160128120957");
    assert_eq!(row_read.fee_type, Currency::Hkd);
    assert_eq!(row_read.total_fee, 19_800);
    assert_eq!(row_read.cash_fee, Some(16_801));
    assert_eq!(row_read.cash_fee_type, Some(Currency::Cny));
    assert_eq!(row_read.settlement_fee, Some(19_800));
    assert_eq!(row_read.exchange_rate.as_deref(), Some("84853800"));
    assert_eq!(row_read.poundage, Decimal::parse("1.19"));
    assert_eq!(row_read.refund, None);
    assert_eq!(row_read.sub_mch_id, None);
    assert_eq!(bill.totals.len(), 5);

    // As printed in the manual, the row has three values too few.
    let short = row
        .replace(",,,商品", ",,商品")
        .replace(",0,0,,,,0", ",0,0,,0");
    let width = OddRow {
        line: 2,
        column: None,
        problem: "has 32 values for 35 columns".to_owned(),
    };
    assert_eq!(odd(&format!("{header}\n{short}\n{totals}")), [width]);
}

/// Tencent's Chinese manual, 9.6: it has full-width colons, and older names of
/// columns.
#[test]
fn the_chinese_manuals_statement_reads() {
    let csv = "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,\
        交易状态,付款银行,货币种类,总金额,代金券或立减优惠金额,微信退款单号,商户退款单号,退款金额,\
        代金券或立减优惠退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率\r\n\
        `2014-11-1016：33：45,`wx2421b1c4370ec43b,`10000100,`0,`1000,`1001690740201411100005734289,\
        `1415640626,`085e9858e3ba5186aafcbaed1,`MICROPAY,`SUCCESS,`CFT,`CNY,`0.01,`0.0,`0,`0,`0,`0,\
        `,`,`被扫支付测试,`订单额外描述,`0,`0.60%\r\n\
        `2014-11-1016：46：14,`wx2421b1c4370ec43b,`10000100,`0,`1000,`1002780740201411100005729794,\
        `1415635270,`085e9858e90ca40c0b5aee463,`MICROPAY,`SUCCESS,`CFT,`CNY,`0.01,`0.0,`0,`0,`0,`0,\
        `,`,`被扫支付测试,`订单额外描述,`0,`0.60%\r\n\
        总交易单数,总交易额,总退款金额,总代金券或立减优惠退款金额,手续费总金额\r\n\
        `2,`0.02,`0.0,`0.0,`0\r\n";
    let bill = read(csv).unwrap();
    assert_eq!(bill.rows.len(), 2);
    assert_eq!(bill.rows[0].total_fee, 1);
    assert_eq!(bill.rows[1].body.as_deref(), Some("被扫支付测试"));
    assert_eq!(time::china(bill.rows[1].trade_time_ms), "20141110164614");
    let count = (Total::Count, Decimal::parse("2").unwrap());
    assert_eq!(bill.totals[0], count);
}

/// A mainland merchant's statement as WeChat sends it: a byte order mark, CRLF,
/// 27 columns and 7 totals.
#[test]
fn a_mainland_statement_is_written_as_wechat_writes_it() {
    let row = Row {
        fee_type: Currency::Cny,
        body: Some("茶,饼".to_owned()),
        attach: None,
        sub_mch_id: None,
        rate_remark: None,
        ..paid()
    };
    let csv = Bill::of(vec![row]).to_csv(&Column::MAINLAND, Language::Chinese);
    let lines: Vec<_> = csv.split("\r\n").collect();
    assert_eq!(
        lines,
        [
            "\u{FEFF}交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,\
             交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,\
             退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,\
             申请退款金额,费率备注",
            "`2014-10-30 13:35:25,`wx2421b1c4370ec43b,`10000100,`0,`1000,\
             `1004400740201409030005092168,`1415659990,`oUpF8uMEb4qRXf22hE3X68TekukE,`JSAPI,\
             `SUCCESS,`CMC,`CNY,`8.88,`0.00,`0,`0,`0.00,`0.00,`,`,`茶,饼,`,`0.05328,`0.60%,`8.88,\
             `0.00,`",
            "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,\
             申请退款总金额",
            "`1,`8.88,`0.00,`0.00,`0.05328,`8.88,`0.00",
            "",
        ]
    );
    assert_eq!(read(&csv).unwrap().rows[0].body.as_deref(), Some("茶,饼"));
}

#[test]
fn back_ticks_and_line_ends_are_replaced_in_values() {
    let row = Row {
        body: Some("a,`b\r\n总交易单数".to_owned()),
        ..paid()
    };
    let csv = Bill::of(vec![row]).to_csv(Column::ALL, Language::Chinese);
    let bill = read(&csv).unwrap();
    assert_eq!(bill.rows[0].body.as_deref(), Some("a,'b  总交易单数"));
}

/// The sums of the rows must equal the totals.
#[test]
fn totals_that_disagree_with_the_rows_are_refused() {
    let csv = Bill::of(rows()).to_csv(Column::ALL, Language::English);
    let last = csv.trim_end().rsplit("\r\n").next().unwrap().to_owned();
    assert_eq!(last, "`3,`17.76,`3.00,`0.00,`0.08856,`17.76,`3.00");
    let restated = |totals: &str| read(&csv.replace(&last, totals));
    for (totals, total, stated, counted) in [
        (
            "`4,`17.76,`3.00,`0.00,`0.08856,`17.76,`3.00",
            "total transaction count",
            "4",
            "3",
        ),
        (
            "`3,`17.77,`3.00,`0.00,`0.08856,`17.76,`3.00",
            "total transaction amount",
            "17.77",
            "17.76",
        ),
        (
            "`3,`17.76,`0.00,`0.00,`0.08856,`17.76,`3.00",
            "total refund amount",
            "0",
            "3",
        ),
        (
            "`3,`17.76,`3.00,`0.00,`0.08857,`17.76,`3.00",
            "total commission amount",
            "0.08857",
            "0.08856",
        ),
    ] {
        let error = BillError::TotalsDisagree {
            total,
            stated: Decimal::parse(stated).unwrap(),
            counted: Decimal::parse(counted).unwrap(),
        };
        assert_eq!(restated(totals), Err(error));
    }
    let error = restated("`3,`x,`3.00,`0.00,`0.08856,`17.76,`3.00").unwrap_err();
    let line = 6;
    let bad = Problem::BadFormat.of("total transaction amount");
    assert_eq!(error, BillError::Value { line, error: bad });
    // Where a refund's row repeats the order's amount, its amount may be left
    // out of the sum.
    let mut repeated = rows();
    repeated[1].total_fee = 888;
    let csv = Bill::of(repeated).to_csv(Column::ALL, Language::English);
    assert!(read(&csv).is_ok());
    assert!(read(&csv.replace("`3,`26.64,", "`3,`17.76,")).is_ok());
    // Two currencies have no common sum; only the number of rows is compared.
    let mut mixed = rows();
    mixed[2].fee_type = Currency::Jpy;
    let csv = Bill::of(mixed).to_csv(Column::ALL, Language::English);
    assert!(read(&csv.replace("`3.00\r\n", "`9.00\r\n")).is_ok());
}

/// S2 and S1: a day without payments, and a day that has not ended.
#[test]
fn s2_a_refusal_has_its_code_in_any_case() {
    for (return_msg, code) in [
        ("No Bill Exist", ErrorCode::NoBillExist),
        ("NO BILL EXIST", ErrorCode::NoBillExist),
        ("no Bill Exist", ErrorCode::NoBillExist),
        ("Bill Creating", ErrorCode::BillCreating),
        ("invalid bill_type", ErrorCode::InvalidBillType),
        ("SIGN ERROR", ErrorCode::BillSignError),
        ("SYSTEMERROR", ErrorCode::SystemError),
        ("签名失败", ErrorCode::Unknown("签名失败".to_owned())),
    ] {
        let xml = answer::communication_failure(return_msg).to_xml();
        let return_msg = return_msg.to_owned();
        let refused = BillError::Refused { code, return_msg };
        assert_eq!(read(&xml), Err(refused.clone()));
        assert_eq!(read(&format!("\u{FEFF}\n {xml}")), Err(refused.clone()));
        assert_eq!(Bill::read(&gzip(&xml)), Err(refused));
    }
    let xml = bill::refusal(&ErrorCode::NoBillExist).to_xml();
    assert!(matches!(read(&xml), Err(BillError::Refused { .. })));
    // The code in a field of its own.
    for (field, value, code) in [
        (
            "error_code",
            "20002",
            ErrorCode::Unknown("20002".to_owned()),
        ),
        ("err_code", "SYSTEMERROR", ErrorCode::SystemError),
    ] {
        let xml = answer::communication_failure("why")
            .with(field, value)
            .to_xml();
        let return_msg = "why".to_owned();
        assert_eq!(read(&xml), Err(BillError::Refused { code, return_msg }));
    }
    assert_eq!(
        read("<xml><return_code>SUCCESS</return_code></xml>"),
        Err(BillError::NoHeader)
    );
    assert_eq!(
        read("<!DOCTYPE xml><xml></xml>"),
        Err(BillError::Xml(XmlError::Doctype))
    );
    let wrong_root = BillError::Xml(XmlError::WrongRoot { expected: "xml" });
    assert_eq!(read("<html></html>"), Err(wrong_root));
}

#[test]
fn each_kind_of_broken_statement_has_its_error() {
    let csv = Bill::of(rows()).to_csv(&Column::OVERSEAS, Language::English);
    let lines: Vec<_> = csv.trim_end().split("\r\n").collect();
    let without = |from: usize| lines[..from].join("\n");
    assert_eq!(read(""), Err(BillError::NoHeader));
    assert_eq!(read("\u{FEFF}\r\n\r\n"), Err(BillError::NoHeader));
    assert_eq!(read("hello"), Err(BillError::NoHeader));
    assert_eq!(read(r#"{"code":"FAIL"}"#), Err(BillError::NoHeader));
    assert_eq!(read(&",".repeat(1000)), Err(BillError::NoHeader));
    // Cut between any two lines.
    for from in 1..lines.len() {
        assert_eq!(read(&without(from)), Err(BillError::NoTotals), "{from}");
    }
    let line = lines.len() + 1;
    let twice = format!("{}\n{}", lines.join("\n"), lines[1]);
    assert_eq!(read(&twice), Err(BillError::TrailingContent { line }));

    for (column, field) in [
        ("Transaction time", "trade_time"),
        ("Wechat order number(transaction_id)", "transaction_id"),
        ("Transaction status(trade_state)", "trade_state"),
        ("Total amount(total_fee)", "total_fee"),
    ] {
        let column_gone = csv.replacen(column, "Something", 1);
        let missing = BillError::MissingColumn { column: field };
        assert_eq!(read(&column_gone), Err(missing));
        let column_twice = csv.replacen("Product name", column, 1);
        let duplicate = BillError::DuplicateColumn { column: field };
        assert_eq!(read(&column_twice), Err(duplicate));
    }
    for (from, to, problem, field) in [
        (
            "`2014-10-30 13:35:25",
            "`yesterday",
            Problem::BadFormat,
            "trade_time",
        ),
        ("`2014-10-30 13:35:25", "`0", Problem::Empty, "trade_time"),
        (
            "`1004400740201409030005092168",
            "`",
            Problem::Empty,
            "transaction_id",
        ),
        ("`SUCCESS", "`PAID", Problem::UnknownValue, "trade_state"),
        ("`HKD", "`XXX", Problem::UnknownValue, "fee_type"),
        ("`8.88", "`8,88", Problem::BadFormat, "total_fee"),
        ("`8.88", "`8.885", Problem::BadFormat, "total_fee"),
        ("`8.88", "`1e3", Problem::BadFormat, "total_fee"),
        ("`8.88", "`", Problem::Empty, "total_fee"),
        ("`0.05328", "`x", Problem::BadFormat, "poundage"),
    ] {
        // An unreadable row does not affect the others.
        let bill = read(&csv.replacen(from, to, 1)).unwrap();
        assert_eq!(bill.odd, [odd_value(2, field, problem)], "{to}");
        assert_eq!(bill.rows, &read(&csv).unwrap().rows[1..], "{to}");
    }
    assert_eq!(
        odd_value(2, "total_fee", Problem::BadFormat).to_string(),
        "line 2: total_fee is not in the format of this field"
    );
    assert_eq!(Bill::read(b"\xFF\xFE"), Err(BillError::NotUtf8));
    // A comma at the end of each line is accepted.
    let commas = format!("{},", lines.join(",\n"));
    let unmarked = commas
        .replace('`', "")
        .replace("\"5\"", "5")
        .replace("茶,", "茶");
    assert!(read(&unmarked.replace("a,b", "ab")).is_ok());
}

/// A few bytes that inflate to more than the limit.
#[test]
fn a_gzip_bomb_is_refused() {
    let bomb = gzip(&"0".repeat(MAX_BYTES + 1));
    assert!(bomb.len() < MAX_BYTES / 500);
    assert_eq!(Bill::read(&bomb), Err(BillError::TooLarge));
    let plain = " ".repeat(MAX_BYTES + 1);
    assert_eq!(read(&plain), Err(BillError::TooLarge));

    let good = gzip(&Bill::of(rows()).to_csv(Column::ALL, Language::Chinese));
    for cut in [2, 10, good.len() / 2, good.len() - 1] {
        assert_eq!(Bill::read(&good[..cut]), Err(BillError::Gzip), "{cut}");
    }
    let mut wrong_sum = good;
    let at = wrong_sum.len() - 8;
    wrong_sum[at] ^= 1;
    assert_eq!(Bill::read(&wrong_sum), Err(BillError::Gzip));
}

/// However long a statement is, at most two lines are in memory.
#[test]
fn a_long_statement_is_read_in_little_memory() {
    const ROWS: usize = 200_000;
    let csv = Bill::of(vec![paid()]).to_csv(&Column::OVERSEAS, Language::Chinese);
    let lines: Vec<&str> = csv.split("\r\n").collect();
    let (mut read, mut most) = (0, 0);
    let mut reader = Reader::new(Totals::Optional);
    let mut each = |entry| {
        assert!(matches!(entry, Entry::Row(_)));
        read += 1;
    };
    // Chunks that end anywhere, also in the middle of a character.
    let row = format!("{}\r\n", lines[1]).repeat(10);
    reader
        .push(format!("{}\r\n", lines[0]).as_bytes(), &mut each)
        .unwrap();
    assert!(reader.is_table());
    for _ in 0..ROWS / 10 {
        for piece in row.as_bytes().chunks(997) {
            reader.push(piece, &mut each).unwrap();
            most = most.max(reader.held_bytes());
        }
    }
    let summary = reader.finish(&mut each).unwrap();
    assert_eq!((summary.rows, read), (ROWS, ROWS));
    assert!(most < row.len() / 5, "{most}");

    let mut reader = Reader::new(Totals::Optional);
    let long = vec![b'x'; MAX_LINE_BYTES + 1];
    let error = reader.push(&long, &mut |_| {});
    assert_eq!(error, Err(BillError::LineTooLong { line: 1 }));
}

/// A product's name may contain a line feed: the row continues in the next
/// line.
#[test]
fn a_line_feed_in_a_value_loses_no_row() {
    let csv = Bill::of(rows()).to_csv(&Column::OVERSEAS, Language::Chinese);
    let broken = csv.replacen("`茶,cake", "`茶\n,cake", 1);
    let bill = read(&broken).unwrap();
    assert_eq!((bill.rows.len(), &bill.odd[..]), (3, &[][..]));
    assert_eq!(bill.rows[0].body.as_deref(), Some("茶\n,cake \"5\""));
    let whole = read(&csv).unwrap().rows;
    assert_eq!(bill.rows[1..], whole[1..]);

    // If the lines cannot be joined, the error names the line, and the rest is
    // read.
    let broken = csv.replacen("`茶,cake", "`茶\n`cake", 1);
    let bill = read(&broken).unwrap();
    assert_eq!(bill.rows, &whole[1..]);
    let lines: Vec<_> = bill.odd.iter().map(|odd| (odd.line, odd.column)).collect();
    assert_eq!(lines, [(2, None), (3, None), (7, None)]);
    assert_eq!(
        bill.odd[2].to_string(),
        "line 7 counts 3.00 rows, and the statement has 4"
    );
}

/// A product's name is the merchant's or the payer's text. None may give a row
/// another amount, or be taken for a row that is equal.
#[test]
fn a_products_name_replaces_no_value_of_its_row() {
    let names = [
        ("x,`", "has 28 values for 27 columns"),
        ("x,`,`", "has 29 values for 27 columns"),
        (
            // With the last column empty, the row has one surplus empty value.
            "x,`,`0.00000,`0.60%,`0.01,`0.00",
            "has 32 values for 27 columns",
        ),
        // A complete row, whose real values follow in the next line.
        (
            "x,`,`0.00000,`0.60%,`0.01,`0.00,`\nx",
            "has 33 values for 27 columns",
        ),
        ("x\n\n,`", "has 28 values for 27 columns"),
        ("x\n\u{FEFF}y,`", "has 28 values for 27 columns"),
    ];
    let row = |body: &str| Row {
        fee_type: Currency::Cny,
        body: Some(body.to_owned()),
        attach: None,
        rate: None,
        rate_remark: None,
        ..paid()
    };
    let csv = Bill::of(vec![row("first"), row("NAME")]);
    let csv = csv.to_csv(&Column::MAINLAND, Language::Chinese);
    for (name, problem) in names {
        let bill = read(&csv.replacen("NAME", name, 1)).unwrap();
        assert_eq!(bill.rows, read(&csv).unwrap().rows[..1], "{name:?}");
        assert_eq!(bill.odd[0].problem, problem, "{name:?}");
        assert_eq!(bill.odd.len(), 1, "{name:?}: {:?}", bill.odd);
    }
    // These change nothing but the name.
    for name in [
        "`", "`x", "x`", "x`,y", "x,,", "x, `y", "``", "x\ny", "x\n,y",
    ] {
        let bill = read(&csv.replacen("NAME", name, 1)).unwrap();
        assert_eq!(bill.odd, [], "{name:?}");
        let whole = read(&csv).unwrap().rows;
        let body = bill.rows[1].body.clone();
        assert_eq!(body.as_deref(), Some(name));
        let same = Row {
            body,
            ..whole[1].clone()
        };
        assert_eq!(bill.rows[1], same, "{name:?}");
    }
    // A name with a row of its own adds one, but not unseen.
    let own = format!("x\n{}\n`y", csv.lines().nth(1).unwrap());
    let bill = read(&csv.replacen("NAME", &own, 1)).unwrap();
    let problems: Vec<_> = bill.odd.iter().map(OddRow::to_string).collect();
    assert_eq!(
        problems,
        [
            "line 3 has 21 values for 27 columns",
            "line 5 has 7 values for 27 columns",
            "line 7 counts 2.00 rows, and the statement has 4",
        ]
    );
    // Without back-ticks a comma is a separator.
    let unmarked = csv.replace('`', "");
    let bill = read(&unmarked.replacen("NAME", "x,", 1)).unwrap();
    assert_eq!((bill.rows.len(), bill.odd.len()), (1, 1));
}

/// A line that is no row ends the row before it, and is named.
#[test]
fn a_row_that_is_too_long_or_not_utf8_is_named() {
    let csv = Bill::of(rows()).to_csv(&Column::OVERSEAS, Language::Chinese);
    let at = csv.find("cake").unwrap();
    for (inserted, problem) in [
        (&b"\n\xFF"[..], "is not UTF-8".to_owned()),
        (
            &b"\nxxxxxxxxxxxxxxx".repeat(MAX_LINE_BYTES / 15),
            format!("has more than {MAX_LINE_BYTES} bytes"),
        ),
    ] {
        let mut bytes = csv.as_bytes().to_vec();
        bytes.splice(at..at, inserted.iter().copied());
        let bill = Bill::read(&bytes).unwrap();
        assert_eq!(bill.rows, read(&csv).unwrap().rows[1..]);
        assert_eq!((bill.odd[0].line, &bill.odd[0].problem), (2, &problem));
    }
}

/// Without totals a statement is incomplete, unless a hash shows that it is
/// complete.
#[test]
fn a_statement_without_totals_is_accepted_if_a_hash_verifies_it() {
    let csv = Bill::of(rows()).to_csv(&Column::OVERSEAS, Language::Chinese);
    let at = csv.find("总交易单数").unwrap();
    let bare = &csv[..at];
    assert_eq!(read(bare), Err(BillError::NoTotals));
    let bill = Bill::read_ending(bare.as_bytes(), Totals::Optional).unwrap();
    assert_eq!(
        (bill.rows, bill.totals),
        (read(&csv).unwrap().rows, Vec::new())
    );
    // If there are totals, they must be right.
    let wrong = csv.replace("`3,`17.76,", "`3,`17.77,");
    let error = Bill::read_ending(wrong.as_bytes(), Totals::Optional);
    assert!(matches!(error, Err(BillError::TotalsDisagree { .. })));
}

/// The header of `APIv3` Global (Tencent's page on downloading statements): one
/// pair of columns is the order's amount and currency, another those of the
/// settlement.
#[test]
fn v3_globals_statement_separates_pricing_and_settlement() {
    let header = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,\
        交易状态,付款银行,微信退款单号,商户退款单号,退款类型,退款状态,商品名称,商户数据包,手续费,费率,\
        标价币种,订单金额(标价币种),用户支付币种,用户支付金额,结算币种,应结订单金额,支付汇率,退款汇率,\
        申请退款金额,用户退款币种,用户退款金额,退款结算币种,退款应结订单金额,充值券退款金额,优惠券退款金额";
    let yen = "`2022-04-01 10:00:00,`wx1,`1900000109,`0,`,`4200000001,`N1,`o1,`NATIVE,`SUCCESS,`CFT,\
        `0,`0,`,`,`茶,`,`0.65000,`0.60%,`JPY,`1980,`CNY,`95.04,`HKD,`108.33,`4800000,`,`0,`,`0.00,`,\
        `0.00,`0.00,`0.00";
    let franc = "`2022-04-01 11:00:00,`wx1,`1900000109,`0,`,`4200000002,`N2,`o1,`NATIVE,`REFUND,`CFT,\
        `5000000001,`R2,`ORIGINAL,`SUCCESS,`茶,`,`-0.03000,`0.60%,`CHF,`17.50,`CNY,`136.50,`HKD,\
        `155.00,`780000000,`780000000,`5.25,`CNY,`40.95,`HKD,`46.50,`0.00,`0.00";
    let unknown = yen.replace("`JPY", "`QQQ").replace("`N1", "`N3");
    let csv = [header, yen, &unknown, franc].join("\r\n");
    let bill = Bill::read_ending(csv.as_bytes(), Totals::Optional).unwrap();
    assert_eq!(bill.odd, [odd_value(3, "fee_type", Problem::UnknownValue)]);
    let [yen, franc] = &bill.rows[..] else {
        panic!("{bill:?}");
    };
    assert_eq!((yen.fee_type, yen.total_fee), (Currency::Jpy, 1980));
    assert_eq!(
        (yen.settlement_fee_type, yen.settlement_fee),
        (Some(Currency::Hkd), Some(10_833))
    );
    assert_eq!((yen.cash_fee, &yen.refund), (Some(9504), &None));
    assert_eq!(franc.fee_type.code(), "CHF");
    assert_eq!(
        (franc.total_fee, franc.settlement_fee),
        (1750, Some(15_500))
    );
    let refund = franc.refund.as_ref().unwrap();
    assert_eq!(
        (refund.refund_fee, refund.cash_refund_fee),
        (525, Some(4095))
    );
    assert_eq!(
        (refund.settlement_fee_type, refund.settlement_fee),
        (Some(Currency::Hkd), Some(4650))
    );
    // It can be read with totals as well.
    let csv = format!("{csv}\r\n总交易单数,应结订单总金额\r\n`2,`263.33\r\n");
    assert!(Bill::read_ending(csv.as_bytes(), Totals::Optional).is_ok());
}

/// Mutated bytes cause no panic, and the totals of what is still readable are
/// right.
#[test]
fn a_mutated_statement_has_correct_totals_or_is_refused() {
    let csv = Bill::of(rows()).to_csv(&Column::OVERSEAS, Language::Chinese);
    let pieces: [&[u8]; 14] = [
        b",",
        b"`",
        b",`",
        b"\r\n",
        b"\n`",
        b"-",
        b".",
        b"0",
        b"99999999999999999999",
        "总交易单数".as_bytes(),
        "交易时间,".as_bytes(),
        "\u{FEFF}".as_bytes(),
        b"\0",
        b"\xFF",
    ];
    let mut still_good = 0;
    mutate(4_000, csv.as_bytes(), &pieces, |bytes| {
        if let Ok(bill) = Bill::read(bytes) {
            let count = Decimal::parse(&bill.rows.len().to_string()).unwrap();
            let adds_up = bill.totals.contains(&(Total::Count, count));
            assert!(adds_up || !bill.odd.is_empty());
            still_good += 1;
        }
    });
    assert!(still_good > 0, "most values are only for people to read");
    let packed = gzip(&csv);
    mutate(2_000, &packed, &pieces, |bytes| {
        if let Ok(bill) = Bill::read(bytes) {
            assert!(bill.rows.len() == 3 || !bill.odd.is_empty());
        }
    });
}
