//! The fields of payment links: asked of the payer, kept with the purchase, and
//! found again.

use crate::checkout::links::{link, pay};
use crate::checkout::sign_in::DESKTOP;
use crate::events::written::all_events;
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, Shop};

fn fields() -> Value {
    json!([
        {"name": "table", "label": {"en": "Table", "zh-Hans": "桌号"}, "type": "number", "required": true},
        {"name": "size", "label": "Size", "type": "choice", "choices": ["S", "M <b>"]},
        {"name": "guest", "label": "Name", "type": "text", "max_length": 4},
    ])
}

/// A request of a payer's browser: status, target of a redirect, HTML.
fn open(world: &Memory, method: &str, url: &str, form: &str) -> (u16, String, String) {
    let request = http::Request::builder()
        .method(method)
        .uri(url)
        .header("user-agent", DESKTOP)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", GATEWAY)
        .header("sec-fetch-site", "same-origin");
    let answer = world.send(request.body(form.as_bytes().to_vec()).unwrap());
    let to = answer.headers().get("location");
    let to = to.map_or(String::new(), |to| to.to_str().unwrap().to_owned());
    let html = String::from_utf8_lossy(answer.body()).into_owned();
    (answer.status().as_u16(), to, html)
}

fn submit(world: &Memory, made: &Value, once: &str, answers: &str) -> (u16, String, String) {
    let id = made["id"].as_str().unwrap();
    let form = format!("l={id}&once={once}{answers}");
    open(world, "POST", &format!("{GATEWAY}/pay/link"), &form)
}

/// What a list shows for a query.
fn found(shop: &Shop, list: &str, query: &str) -> Vec<Value> {
    let (status, answer) = shop.call("GET", &format!("/v1/{list}?{query}"), "");
    assert_eq!(status, 200, "{answer}");
    answer["data"][list].as_array().unwrap().clone()
}

const ONCE: &str = "ABCDEFGHIJKLMNOPQRSTUV";

#[test]
fn a_payers_answers_are_kept_with_the_purchase_and_find_it() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let made = link(&shop, json!({"total_fee": 900, "fields": fields()}));
    assert_eq!(made["fields"][1]["choices"], json!(["S", "M <b>"]));
    let url = made["url"].as_str().unwrap();
    let (status, _, html) = open(&world, "GET", url, "");
    assert_eq!(status, 200);
    for shown in [
        "Table</label>",
        "Size (optional)",
        "M &lt;b&gt;",
        "name=\"f_guest\" maxlength=\"4\"",
    ] {
        assert!(html.contains(shown), "{shown}: {html}");
    }
    assert!(
        open(&world, "GET", &format!("{url}&lang=zh-Hans"), "")
            .2
            .contains("桌号")
    );
    let answers = "&f_table=+7&f_size=M+%3Cb%3E&f_other=x";
    let (status, to, html) = submit(&world, &made, ONCE, answers);
    assert_eq!(status, 303, "{html}");
    // The same form again is the same purchase.
    assert_eq!(submit(&world, &made, ONCE, answers).1, to);
    pay(&world, to.strip_prefix(GATEWAY).unwrap());
    let expected = json!({"table": "7", "size": "M <b>"});
    for (list, query) in [
        ("orders", "q=7"),
        ("orders", "q=M%20%3C"),
        ("checkouts", "q=M%20%3C"),
    ] {
        let rows = found(&shop, list, query);
        assert_eq!(rows.len(), 1, "{list}?{query}");
        assert_eq!(rows[0]["metadata"], expected, "{list}?{query}");
    }
    let of_link = format!("link={}", made["id"].as_str().unwrap());
    assert_eq!(found(&shop, "orders", &of_link)[0]["metadata"], expected);
    assert!(found(&shop, "orders", "q=M%20x").is_empty());
    let csv = shop.answer("GET", "/v1/orders?format=csv", "");
    assert!(
        String::from_utf8_lossy(csv.body()).contains("table"),
        "{csv:?}"
    );
}

#[test]
fn a_wrong_answer_is_named_on_the_page_and_buys_nothing() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let made = link(&shop, json!({"total_fee": 900, "fields": fields()}));
    for (answers, sentence) in [
        ("", "Please fill in this field."),
        ("&f_table=+", "Please fill in this field."),
        ("&f_table=seven", "Enter digits only."),
        ("&f_table=1234567890123456", "Enter at most 15 characters."),
        (
            "&f_table=7&f_size=L",
            "Please choose or enter a valid value.",
        ),
        ("&f_table=7&f_guest=Alice", "Enter at most 4 characters."),
        (
            "&f_table=7&f_guest=a%00b",
            "Please choose or enter a valid value.",
        ),
    ] {
        let (status, _, html) = submit(&world, &made, ONCE, answers);
        assert_eq!(status, 422, "{answers}");
        assert_eq!(html.matches(sentence).count(), 1, "{answers}: {html}");
    }
    let (_, _, html) = submit(&world, &made, ONCE, "&f_table=x&f_guest=%22%3E%3Cb%3E");
    assert!(
        !html.contains("\"><b>"),
        "what was written is not escaped: {html}"
    );
    assert_eq!(found(&shop, "checkouts", "limit=1"), Vec::<Value>::new());
}

#[test]
fn wrong_fields_of_a_link_are_refused_by_name_and_store_nothing() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let one = |change: Value| {
        let mut field = json!({"name": "table", "label": "Table", "type": "text"});
        field
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        json!([field])
    };
    let four = json!(["a", "b", "c", "d"].map(|name| one(json!({"name": name}))[0].clone()));
    let twice = json!([one(json!({}))[0], one(json!({}))[0]]);
    for (fields, code, field) in [
        (json!("table"), "FIELD_INVALID", "fields"),
        (four, "FIELD_INVALID", "fields"),
        (twice, "FIELD_INVALID", "fields[1].name"),
        (
            one(json!({"name": "Table"})),
            "FIELD_INVALID",
            "fields[0].name",
        ),
        (
            one(json!({"name": null})),
            "FIELD_MISSING",
            "fields[0].name",
        ),
        (
            one(json!({"label": null})),
            "FIELD_MISSING",
            "fields[0].label",
        ),
        (
            one(json!({"label": {}})),
            "FIELD_MISSING",
            "fields[0].label",
        ),
        (
            one(json!({"label": {"fr": "x"}})),
            "FIELD_INVALID",
            "fields[0].label",
        ),
        (
            one(json!({"label": "x".repeat(121)})),
            "FIELD_INVALID",
            "fields[0].label",
        ),
        (
            one(json!({"type": "date"})),
            "FIELD_INVALID",
            "fields[0].type",
        ),
        (
            one(json!({"type": null})),
            "FIELD_MISSING",
            "fields[0].type",
        ),
        (
            one(json!({"max_length": 101})),
            "FIELD_INVALID",
            "fields[0].max_length",
        ),
        (
            one(json!({"type": "number", "max_length": 5})),
            "FIELD_INVALID",
            "fields[0].max_length",
        ),
        (
            one(json!({"choices": ["a", "b"]})),
            "FIELD_INVALID",
            "fields[0].choices",
        ),
        (
            one(json!({"type": "choice"})),
            "FIELD_INVALID",
            "fields[0].choices",
        ),
        (
            one(json!({"type": "choice", "choices": ["a", "a"]})),
            "FIELD_INVALID",
            "fields[0].choices",
        ),
        (
            one(json!({"required": "yes"})),
            "FIELD_INVALID",
            "fields[0].required",
        ),
        (
            one(json!({"pattern": "x"})),
            "FIELD_INVALID",
            "fields[0].pattern",
        ),
    ] {
        let body = json!({"body": "x", "total_fee": 1, "fields": fields});
        let (status, answer) = shop.call("POST", "/v1/link", body.to_string());
        assert_eq!(
            (status, &answer["code"], &answer["field"]),
            (400, &json!(code), &json!(field)),
            "{fields}"
        );
    }
    assert_eq!(
        shop.call("GET", "/v1/link", "").1["data"]["links"],
        json!([])
    );
    // Fields stay when another setting changes, and `null` removes them.
    let made = link(&shop, json!({"total_fee": 1, "fields": one(json!({}))}));
    for (change, left) in [(json!({"stock": 5}), 1), (json!({"fields": null}), 0)] {
        let mut change = change;
        change["id"] = made["id"].clone();
        let (status, answer) = shop.call("POST", "/v1/link", change.to_string());
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["data"]["fields"].as_array().unwrap().len(), left);
    }
}

/// The answers are in the events of the order and of its refund, and in no log
/// line; an address of the page does not carry them.
#[test]
fn answers_are_in_events_and_in_no_log() {
    const GUEST: &str = "王小明";
    let world = Memory::default();
    let shop = world.shop("demo");
    let fields = json!([{"name": "guest", "label": "Name", "type": "text"}]);
    let made = link(&shop, json!({"total_fee": 900, "fields": fields}));
    let encoded: String = url::form_urlencoded::byte_serialize(GUEST.as_bytes()).collect();
    let (status, to, html) = submit(&world, &made, ONCE, &format!("&f_guest={encoded}"));
    assert_eq!(status, 303, "{html}");
    assert!(!to.contains(&encoded), "{to}");
    let number = pay(&world, to.strip_prefix(GATEWAY).unwrap());
    let refund = json!({"out_trade_no": number, "refund_fee": 1}).to_string();
    assert_eq!(shop.call("POST", "/v1/refund", refund).0, 200);
    world.advance(1);
    let events = all_events(&shop);
    assert_eq!(events.len(), 2, "{events:?}");
    for event in &events {
        assert_eq!(event["object"]["metadata"], json!({"guest": GUEST}));
    }
    assert!(!world.log_text().contains(GUEST));
    assert!(
        !world.upstream_body().contains(GUEST),
        "WeChat gets no answer"
    );
    // The same form with a changed answer is another purchase.
    let (_, other, _) = submit(&world, &made, ONCE, "&f_guest=Li");
    assert_ne!(other, to);
}

/// The merchant changes the link while its page is open: the submitted answers
/// are compared with the link's present fields.
#[test]
fn a_form_of_an_earlier_state_of_the_link_is_read_as_the_link_is_now() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let made = link(&shop, json!({"total_fee": 900, "fields": fields()}));
    let change = json!({"id": made["id"], "fields": [
        {"name": "room", "label": {"zh-Hant": "房號"}, "type": "text", "required": true},
    ]});
    assert_eq!(shop.call("POST", "/v1/link", change.to_string()).0, 200);
    let (status, _, html) = submit(&world, &made, ONCE, "&f_table=7");
    assert_eq!(status, 422);
    assert!(
        html.contains("房號") && html.contains("Please fill in this field."),
        "{html}"
    );
    let (status, to, html) = submit(&world, &made, ONCE, "&f_table=7&f_room=12");
    assert_eq!(status, 303, "{html}");
    pay(&world, to.strip_prefix(GATEWAY).unwrap());
    assert_eq!(
        found(&shop, "orders", "q=12")[0]["metadata"],
        json!({"room": "12"})
    );
    let listed = found(&shop, "links", "limit=1");
    assert_eq!(listed[0]["fields"][0]["label"], json!({"zh-Hant": "房號"}));
    let csv = shop.answer("GET", "/v1/links?format=csv", "");
    let csv = String::from_utf8_lossy(csv.body()).into_owned();
    assert!(
        csv.contains("\"[{\"\"label\"\":") || csv.contains("\"[{\"\"name\"\":"),
        "{csv}"
    );
}
