//! Hostile and unusual JSON.

use wechatpay::common::Problem;
use wechatpay::common::json::{Document, JsonError, MAX_BYTES, MAX_DEPTH};
use wechatpay::v3::FieldError;
use wechatpay::v3::time::{parse_rfc3339, rfc3339};

fn refused(text: &str) -> JsonError {
    Document::parse(text.as_bytes()).unwrap_err()
}

#[test]
fn each_kind_of_bad_json_has_its_name() {
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_BYTES));
    let nested = |depth: usize| format!("{}{}", r#"{"a":"#.repeat(depth) + "1", "}".repeat(depth));
    let listed = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let twice = |name: &str| JsonError::DuplicateKey(name.to_owned());
    for (text, expect) in [
        ("", JsonError::Syntax),
        ("{", JsonError::Syntax),
        ("<xml></xml>", JsonError::Syntax),
        (r#"{"a":1}x"#, JsonError::Syntax),
        (r#"{"a":1,}"#, JsonError::Syntax),
        (r#"{"a":01}"#, JsonError::Syntax),
        (r#"{"a":NaN}"#, JsonError::Syntax),
        (r#"{'a':1}"#, JsonError::Syntax),
        ("{\"a\":\"\n\"}", JsonError::Syntax),
        (r#"{"a":"\ud800"}"#, JsonError::Syntax),
        ("[]", JsonError::NotAnObject),
        ("null", JsonError::NotAnObject),
        (r#""text""#, JsonError::NotAnObject),
        (r#"{"a":1,"a":1}"#, twice("a")),
        (r#"{"amount":{"total":1,"\u0074otal":100}}"#, twice("total")),
        (r#"{"a":[{"b":1,"b":2}]}"#, twice("b")),
        (&nested(MAX_DEPTH + 1), JsonError::TooDeep),
        (&listed(MAX_DEPTH), JsonError::TooDeep),
        (&nested(100_000), JsonError::TooLong),
        (&listed(30_000), JsonError::TooDeep),
        (&long, JsonError::TooLong),
    ] {
        let shown: String = text.chars().take(60).collect();
        assert_eq!(refused(text), expect, "{shown}");
    }
    assert_eq!(
        Document::parse(b"{\"a\":\"\xFF\"}").unwrap_err(),
        JsonError::Syntax
    );
    for text in [nested(MAX_DEPTH), listed(MAX_DEPTH - 1)] {
        assert!(Document::parse(text.as_bytes()).is_ok());
    }
}

/// WeChat may add fields of any type to a message. A number that is not used is
/// not checked, and one that is used must be a 64-bit integer.
#[test]
fn unused_numbers_of_any_form_are_accepted() {
    for number in [
        "1.5",
        "100.0",
        "-0.0001",
        "1e3",
        "1E-999",
        "1e999",
        "110.00000000000001",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        &"9".repeat(400),
    ] {
        let text = format!(
            r#"{{"new":{number},"list":[{number},{{"new":{number}}}],
                "amount":{{"new":{number},"total":100}}}}"#
        );
        let document = Document::parse(text.as_bytes()).unwrap();
        let root = document.root();
        assert_eq!(
            root.object("amount").unwrap().int("total"),
            Ok(100),
            "{number}"
        );
        // If it is used, it is refused by name, and never rounded.
        let error = root.int("new").unwrap_err();
        assert_eq!(error.to_string(), "new is not a whole number", "{number}");
        let error = root.optional_int("new").unwrap_err();
        assert_eq!(error.to_string(), "new is not a whole number", "{number}");
        assert!(root.object("new").is_err(), "{number}");
    }
    for bad in ["1.", ".5", "+1", "01", "1e", "--1", "0x10", "Infinity", "-"] {
        assert_eq!(
            refused(&format!(r#"{{"new":{bad}}}"#)),
            JsonError::Syntax,
            "{bad}"
        );
    }
}

#[test]
fn a_field_is_named_by_where_it_is() {
    let text = r#"{"a":"x","empty":"","null":null,"n":9223372036854775807,
        "amount":{"total":"1","at":"soon"},"list":[{"n":1},{}],"odd":[1],"flag":true}"#;
    let document = Document::parse(text.as_bytes()).unwrap();
    let root = document.root();
    let wrong = |expected| Problem::WrongType { expected };
    let error = |field: &str, problem| FieldError::new(field, problem);

    assert_eq!(root.text("a", 1), Ok("x"));
    assert_eq!(
        root.text("a", 0).unwrap_err(),
        error("a", Problem::TooLong { max_bytes: 0 })
    );
    assert_eq!(root.text("b", 9).unwrap_err(), error("b", Problem::Missing));
    assert_eq!(
        root.text("empty", 9).unwrap_err(),
        error("empty", Problem::Empty)
    );
    assert_eq!(
        root.text("null", 9).unwrap_err(),
        error("null", Problem::Missing)
    );
    assert_eq!(root.text("n", 9).unwrap_err(), error("n", wrong("a text")));
    assert_eq!(root.optional_text("empty", 9), Ok(None));
    assert_eq!(root.optional_text("null", 9), Ok(None));
    assert!(!root.has("null") && root.has("flag"));
    assert_eq!(root.int("n"), Ok(i64::MAX));
    assert_eq!(
        root.int("a").unwrap_err(),
        error("a", wrong("a whole number"))
    );
    assert_eq!(root.optional_int("null"), Ok(None));
    assert_eq!(
        root.object("a").unwrap_err(),
        error("a", wrong("an object"))
    );
    assert_eq!(root.object("b").unwrap_err(), error("b", Problem::Missing));
    assert_eq!(root.objects("a").unwrap_err(), error("a", wrong("a list")));
    assert_eq!(root.objects("b").unwrap_err(), error("b", Problem::Missing));
    assert_eq!(
        root.objects("odd").unwrap_err(),
        error("odd[0]", wrong("an object"))
    );

    let amount = root.object("amount").unwrap();
    let total = amount.int("total").unwrap_err();
    assert_eq!(total, error("amount.total", wrong("a whole number")));
    assert_eq!(total.to_string(), "amount.total is not a whole number");
    assert_eq!(
        amount.time_ms("at").unwrap_err(),
        error("amount.at", Problem::BadFormat)
    );
    let list = root.objects("list").unwrap();
    assert_eq!(list[0].int("n"), Ok(1));
    assert_eq!(
        list[1].int("n").unwrap_err(),
        error("list[1].n", Problem::Missing)
    );
}

#[test]
fn moments_round_trip() {
    let china = "2018-06-08T10:34:56+08:00";
    assert_eq!(rfc3339(super::SAMPLE_MS), china);
    for text in [
        china,
        "2018-06-08T02:34:56Z",
        "2018-06-08t02:34:56z",
        "2018-06-08T02:34:56.999+00:00",
        "2018-06-07T21:04:56-05:30",
    ] {
        assert_eq!(parse_rfc3339(text), Ok(super::SAMPLE_MS), "{text}");
    }
    for text in [
        "",
        "20180608103456",
        "2018-06-08 10:34:56+08:00",
        "2018-06-08T10:34:56",
        "2018-06-08T10:34:56+0800",
        "2018-06-08T10:34:56+8:00",
        "2018-06-08T10:34:56.+08:00",
        "2018-06-08T10:34:56+08:60",
        "2018-06-08T10:34:56+24:00",
        "2018-06-08T10:34:56++8:00",
        "2018-06-08T10:34:60+08:00",
        "2018-02-30T10:34:56+08:00",
        "2018-06-08T10:34:56é",
        "２018-06-08T10:34:5",
    ] {
        assert!(parse_rfc3339(text).is_err(), "{text}");
    }
}

/// Every input is either parsed or refused.
#[test]
fn mutated_json_does_not_panic() {
    let body = r#"{"id":"EV-2018","amount":{"total":100,"currency":"HKD"},"list":[{"a":null}]}"#;
    crate::mutate(
        5000,
        body.as_bytes(),
        &[b"{", b"[", b"\"", b"1e999", b"\\u0000", b"-"],
        |bytes| {
            let _ = Document::parse(bytes);
        },
    );
}
