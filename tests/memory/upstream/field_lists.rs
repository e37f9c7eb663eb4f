//! The gateway's requests to WeChat Pay and iOnline, and the sandbox's answers,
//! compared with the field lists of every dialect: every required field is
//! present, and every field has its type, length and form.

#[path = "../../../wechatpay/tests/documented/check.rs"]
mod check;

use crate::checkout::sign_in::{Browser, call, checkout};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use testkit::demo::{Kind, MERCHANTS};
use tests::memory::{Memory, SHOP_NOTIFY, Shop};
use wechatpay::common::Fields;

const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 \
    (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";

/// Makes every call that a merchant can make.
fn use_it_all(world: &Memory, shop: &Shop, account: &Value, sub_merchant: Option<usize>) {
    let openid = sub_merchant
        .map(|at| &account["sub_merchants"][at]["openids"]["alice"])
        .filter(|openid| openid.is_string())
        .unwrap_or(&account["openids"]["alice"]);
    for (number, trade_type) in [("N1", "NATIVE"), ("J1", "JSAPI"), ("A1", "APP")] {
        let body = json!({"out_trade_no": number, "body": "Two cups", "total_fee": 3000,
                          "trade_type": trade_type, "open_id": openid, "attach": "table 7",
                          "notify_url": SHOP_NOTIFY});
        // An institution of the sandbox has no APP.
        let (_, answer) = shop.call("POST", "/v1/order", body.to_string());
        if trade_type == "NATIVE" {
            shop.status("N1");
            world.scan(&answer["data"]["code_url"]);
        }
    }
    world.lose_notices(true);
    world.advance(60);
    assert_eq!(shop.status("N1")["trade_state"], "SUCCESS");
    shop.call(
        "POST",
        "/v1/close",
        json!({"out_trade_no": "J1"}).to_string(),
    );
    let refund = json!({"out_trade_no": "N1", "refund_fee": 500, "out_refund_no": "R1",
                        "reason": "One cup was cold"});
    shop.call("POST", "/v1/refund", refund.to_string());
    // While it is open, it is queried at WeChat.
    world.advance(11);
    shop.call("GET", "/v1/refund?out_trade_no=N1", "");
    world.advance(24 * 60 * 60);
    for (number, behaviour) in [("Q1", "pays"), ("Q2", "password")] {
        let asked = json!({"payer": "alice", "behaviour": behaviour});
        let code = world.control("/sandbox/paycode", &asked)["auth_code"].clone();
        let body = json!({"out_trade_no": number, "body": "One cup", "total_fee": 1200,
                          "auth_code": code});
        shop.call("POST", "/v1/micropay", body.to_string());
    }
    world.advance(24 * 60 * 60);
    shop.call("GET", "/v1/statement?bill_date=20260102", "");
    shop.call("GET", "/v1/settlement", "");
    shop.call("GET", "/v1/doctor", "");
}

/// The requests of each call of the gateway in each dialect: paths of v2,
/// operations of APIv3, services of iOnline. Empty where the dialect has no
/// such call, or sends nothing for it.
struct Sends {
    call: &'static str,
    v2: &'static [&'static str],
    global: &'static [&'static str],
    mainland: &'static [&'static str],
    ionline: &'static [&'static str],
}

const NOTHING: Sends = Sends {
    call: "",
    v2: &[],
    global: &[],
    mainland: &[],
    ionline: &[],
};

const CALLS: [Sends; 21] = [
    Sends {
        call: "prepay",
        v2: &["/pay/unifiedorder"],
        global: &[
            "POST /v3/global/transactions/native",
            "POST /v3/global/transactions/jsapi",
            "POST /v3/global/transactions/app",
            "POST /v3/global/transactions/mweb",
        ],
        mainland: &[
            "POST /v3/pay/transactions/native",
            "POST /v3/pay/transactions/jsapi",
            "POST /v3/pay/transactions/app",
            "POST /v3/pay/transactions/h5",
        ],
        ionline: &[
            "ionline.pay.weixin.native.intl",
            "ionline.pay.weixin.jspay.intl",
        ],
    },
    Sends {
        call: "query",
        v2: &["/pay/orderquery"],
        global: &["GET /v3/global/transactions/out-trade-no/{out_trade_no}"],
        mainland: &["GET /v3/pay/transactions/out-trade-no/{out_trade_no}"],
        ionline: &["ionline.unified.trade.query"],
    },
    Sends {
        call: "close",
        v2: &["/pay/closeorder"],
        global: &["POST /v3/global/transactions/out-trade-no/{out_trade_no}/close"],
        mainland: &["POST /v3/pay/transactions/out-trade-no/{out_trade_no}/close"],
        // iOnline has no such call: an order ends by its expiry.
        ionline: &[],
    },
    Sends {
        call: "quick_pay",
        v2: &["/pay/micropay"],
        global: &["POST /v3/global/micropay/transactions/pay"],
        mainland: &["POST /v3/pay/transactions/codepay"],
        ..NOTHING
    },
    Sends {
        call: "reverse",
        v2: &["/secapi/pay/reverse"],
        global: &["POST /v3/global/micropay/transactions/out-trade-no/{out_trade_no}/reverse"],
        mainland: &["POST /v3/pay/transactions/out-trade-no/{out_trade_no}/reverse"],
        ..NOTHING
    },
    Sends {
        call: "refund",
        v2: &["/secapi/pay/refund"],
        global: &["POST /v3/global/refunds"],
        mainland: &["POST /v3/refund/domestic/refunds"],
        ionline: &["ionline.unified.trade.refund"],
    },
    Sends {
        call: "query_refund",
        v2: &["/pay/refundquery"],
        global: &["GET /v3/global/refunds/out-refund-no/{out_refund_no}"],
        mainland: &["GET /v3/refund/domestic/refunds/{out_refund_no}"],
        ionline: &["ionline.unified.trade.refundquery"],
    },
    Sends {
        call: "statement",
        v2: &["/pay/downloadbill"],
        global: &["GET /v3/global/statements"],
        mainland: &["GET /v3/bill/tradebill"],
        ..NOTHING
    },
    Sends {
        call: "settlements",
        v2: &["/pay/settlementquery"],
        // The mainland has none.
        global: &["GET /v3/global/settle/settlements"],
        ..NOTHING
    },
    Sends {
        call: "exchange_rate",
        v2: &["/pay/queryexchagerate"],
        ..NOTHING
    },
    Sends {
        call: "short_url",
        v2: &["/tools/shorturl"],
        ..NOTHING
    },
    Sends {
        call: "report",
        v2: &["/payitil/report"],
        ..NOTHING
    },
    Sends {
        call: "try_client_certificate",
        v2: &["/secapi/pay/refund"],
        ..NOTHING
    },
    Sends {
        call: "echo",
        global: &["POST /v3/security/echo"],
        mainland: &["POST /v3/security/echo"],
        ..NOTHING
    },
    // Every call of APIv3 uses this; only it requests WeChat's certificates.
    Sends {
        call: "ask",
        global: &["GET /v3/global/certificates"],
        mainland: &["GET /v3/certificates"],
        ..NOTHING
    },
    // These sign or look up something and send nothing.
    Sends {
        call: "jsapi",
        ..NOTHING
    },
    Sends {
        call: "app",
        ..NOTHING
    },
    Sends {
        call: "product_code",
        ..NOTHING
    },
    Sends {
        call: "client_certificate",
        ..NOTHING
    },
    Sends {
        call: "check_certificate",
        ..NOTHING
    },
    // These construct a v3 side and select its region.
    Sends {
        call: "region",
        ..NOTHING
    },
];

/// The calls of one dialect in its source: the methods that the rest of the
/// gateway can use.
fn calls_in(source: &str) -> BTreeSet<String> {
    let methods = source.lines().filter_map(|line| {
        let line = line.strip_prefix("    pub(super) ")?;
        let (_, named) = line.split_once("fn ")?;
        Some(named.split(['(', '<']).next()?.to_owned())
    });
    methods.filter(|name| name != "of").collect()
}

/// Asserts that every call in a dialect's source was sent. It fails for a call
/// that the table does not have, and for one that no test above makes. The source
/// is read because the requests alone do not show a call that no test makes, and
/// the compiler gives no list of a type's functions.
fn check_all_were_made(
    source: &str,
    sends: fn(&Sends) -> &'static [&'static str],
    seen: &BTreeSet<String>,
    excused: &[&str],
) {
    let calls = calls_in(source);
    assert!(calls.len() >= 6, "the source is read: {calls:?}");
    for name in &calls {
        let row = CALLS.iter().find(|row| row.call == name);
        let row = row.unwrap_or_else(|| panic!("{name}: write into CALLS what it sends"));
        for operation in sends(row) {
            let is_there = seen.contains(*operation) || excused.contains(operation);
            assert!(is_there, "{name}: {operation} was not made: {seen:#?}");
        }
    }
    for row in CALLS.iter().filter(|row| !sends(row).is_empty()) {
        assert!(
            calls.contains(row.call),
            "{} is not in the source",
            row.call
        );
    }
}

/// APIv3 merchants: those of the other tests, an institution of the mainland,
/// and a mainland merchant that WeChat answers under its certificates.
fn v3_kinds() -> Vec<Kind> {
    let named = |id: &str| *MERCHANTS.iter().find(|kind| kind.id == id).unwrap();
    let mut kinds: Vec<Kind> = MERCHANTS.to_vec();
    kinds.retain(|kind| kind.dialect == "v3");
    kinds.push(Kind {
        id: "peak-mainland",
        region: Some("mainland"),
        ..named("peak-v3")
    });
    kinds.push(Kind {
        id: "demo-mainland",
        region: Some("mainland"),
        ..named("demo-v3")
    });
    kinds
}

#[test]
fn requests_have_exactly_the_documented_fields() {
    // By region, and by whether the merchant is an institution's.
    let mut seen: BTreeMap<(bool, bool), BTreeSet<String>> = BTreeMap::new();
    for kind in v3_kinds() {
        let world = Memory::default();
        let is_mainland = kind.region == Some("mainland");
        if is_mainland {
            let settled = json!({"fee_type": "CNY"});
            world.control(&format!("/sandbox/merchants/{}", kind.mch_id), &settled);
        }
        let (shop, account) = shop_with_h5(&world, kind);
        use_it_all(&world, &shop, &account, kind.sub_merchant);
        pay_by_h5(&world, &shop);
        let institution = kind.sub_merchant.is_some();
        for exchange in world.exchanges() {
            // The mainland's link to a statement, and its table.
            if exchange.path_and_query.starts_with("/v3/billdownload/") {
                continue;
            }
            check_forms(&exchange.path_and_query, &exchange.body);
            let operation = check::request(
                institution,
                &exchange.method,
                &exchange.path_and_query,
                &exchange.body,
            );
            let is_table = operation.ends_with("/statements");
            // The lists do not have a query's answer before the payment.
            let is_unpaid = exchange.answer.contains("\"trade_state\"")
                && !exchange.answer.contains("\"success_time\"");
            if [200, 204].contains(&exchange.status) && !is_table && !is_unpaid {
                check::answer(institution, &operation, &exchange.answer);
            }
            let of = seen.entry((is_mainland, institution)).or_default();
            of.insert(operation);
        }
    }
    let source = include_str!("../../../gateway/src/upstream/v3.rs");
    assert_eq!(seen.len(), 4);
    for ((is_mainland, institution), seen) in seen {
        // An institution of the sandbox has no APP.
        let excused: &[&str] = match institution {
            true => &[
                "POST /v3/global/transactions/app",
                "POST /v3/pay/transactions/app",
            ],
            false => &[],
        };
        let sends: fn(&Sends) -> &'static [&'static str] = match is_mainland {
            true => |row| row.mainland,
            false => |row| row.global,
        };
        check_all_were_made(source, sends, &seen, excused);
    }
}

/// A merchant with every payment method of its dialect.
fn shop_with_h5(world: &Memory, kind: Kind) -> (Shop, Value) {
    let account = world.account(kind.mch_id);
    let granted = json!({"trade_types": ["JSAPI", "NATIVE", "APP", "MWEB", "MICROPAY"]});
    world.control(&format!("/sandbox/merchants/{}", kind.mch_id), &granted);
    let mut body = kind.admin_body(&account, "https://shop.example.com");
    if kind.dialect != "ionline" {
        body["h5"] = json!(true);
        body["store"] = json!({"name": "Demo Tea House", "address": "1 Queen's Road, Hong Kong"});
    }
    (world.shop_with(kind.id, &body), account)
}

/// A payer outside WeChat pays a checkout.
fn pay_by_h5(world: &Memory, shop: &Shop) {
    let page = checkout(shop, "H1");
    let (status, prepared) = Browser::new(world, SAFARI).post(&call(&page, "order"));
    assert_eq!(status, 200, "{prepared}");
}

/// The forms that the field lists describe in prose: the length of every text,
/// and the characters of some.
fn check_forms(path_and_query: &str, body: &str) {
    let Ok(body) = serde_json::from_str::<Value>(body) else {
        return;
    };
    let global = path_and_query.starts_with("/v3/global/");
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let alphanumeric = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric());
    let is_address = |text: &str| text.parse::<std::net::IpAddr>().is_ok();
    let is_number = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-|*@".contains(&b))
    };
    let attach = if global { 127 } else { 128 };
    type Form<'a> = &'a dyn Fn(&str) -> bool;
    let any: Form<'_> = &|_| true;
    let forms: [(&str, usize, Form<'_>); 16] = [
        ("/description", 127, any),
        ("/attach", attach, any),
        ("/out_trade_no", 32, &is_number),
        ("/out_refund_no", 64, &is_number),
        ("/notify_url", 256, &|url| {
            url.starts_with("https://") && !url.contains('?')
        }),
        ("/merchant_category_code", 4, &digits),
        ("/scene_info/payer_client_ip", 45, &is_address),
        ("/scene_info/device_ip", 45, &is_address),
        ("/scene_info/store_info/out_id", 32, &alphanumeric),
        (
            "/scene_info/store_info/id",
            32,
            if global { any } else { &digits },
        ),
        ("/scene_info/store_info/name", 256, any),
        ("/scene_info/store_info/address", 512, any),
        ("/amount/currency", 3, &|code| {
            code.bytes().all(|b| b.is_ascii_uppercase())
        }),
        ("/payer/auth_code", 18, &digits),
        ("/payer/openid", 128, any),
        ("/payer/sub_openid", 128, any),
    ];
    for (pointer, most, has_form) in forms {
        if let Some(value) = body.pointer(pointer) {
            let text = value.as_str().unwrap();
            let fits = !text.is_empty() && text.len() <= most && has_form(text);
            assert!(fits, "{path_and_query}: {pointer} is {text}");
        }
    }
}

/// The lists of v2: from the same description; `report` and `reverse` from the
/// WeChat Pay v2 manual, sections 9.8 and 5.5.
const V2: &str = include_str!("../../../wechatpay/tests/documented/v2.json");

/// Fields that the v2 manual for merchants outside the mainland adds to the
/// lists.
const V2_ADDS: [&str; 5] = [
    "sign_type",
    "sub_appid",
    "sub_mch_id",
    "sub_openid",
    "nonce_str",
];

/// One of these numbers is enough.
const V2_NUMBERS: [&str; 4] = [
    "transaction_id",
    "out_trade_no",
    "out_refund_no",
    "refund_id",
];

/// A query of settlements that are not paid out yet names no days.
const V2_DAYS: [&str; 2] = ["date_start", "date_end"];

fn check_listed(call: &str, listed: &Value, fields: &Fields, adds: &[&str], excused: &[&str]) {
    let listed = listed
        .as_object()
        .unwrap_or_else(|| panic!("{call} has no list"));
    for (name, value) in fields.iter() {
        let kind = listed.get(name).or_else(|| listed.get(&format!("{name}*")));
        let Some(kind) = kind else {
            assert!(adds.contains(&name), "{call}: {name} is not listed");
            continue;
        };
        let mut kind = kind.as_str().unwrap().split(' ').peekable();
        let is_integer = kind.next() == Some("integer");
        let digits = value.bytes().all(|b| b.is_ascii_digit());
        assert!(!is_integer || digits, "{call}: {name} is {value}");
        assert!(!value.is_empty(), "{call}: {name} is empty");
        if let Some(most) = kind.peek().and_then(|word| word.parse::<usize>().ok()) {
            kind.next();
            assert!(value.len() <= most, "{call}: {name} is longer than {most}");
        }
        if let Some(values) = kind.next() {
            assert!(
                values.split('|').any(|one| one == value),
                "{call}: {name} is {value}"
            );
        }
    }
    for required in listed.keys().filter_map(|name| name.strip_suffix('*')) {
        let there = fields.get_nonempty(required).is_some() || excused.contains(&required);
        assert!(there, "{call}: {required} is required");
    }
}

#[test]
fn v2_requests_have_exactly_the_documented_fields() {
    let lists: Value = serde_json::from_str(V2).unwrap();
    let mut seen = BTreeSet::new();
    for kind in MERCHANTS.into_iter().filter(|kind| kind.dialect == "v2") {
        let world = Memory::default();
        let _book = world.hold_book(kind.id);
        let (shop, account) = shop_with_h5(&world, kind);
        use_it_all(&world, &shop, &account, kind.sub_merchant);
        pay_by_h5(&world, &shop);
        shop.call("GET", "/v1/refund?out_trade_no=N1", "");
        shop.call("GET", "/v1/settlement?usetag=2", "");
        shop.call("GET", "/v1/exchange_rate", "");
        let long = json!({"long_url": "weixin://wxpay/bizpayurl?pr=x"});
        shop.call("POST", "/v1/shorturl", long.to_string());
        world.advance(60);
        for exchange in world.exchanges() {
            let path = exchange.path_and_query.as_str();
            let fields = Fields::parse(exchange.body.as_bytes()).unwrap();
            let mut excused = Vec::new();
            if !["/pay/unifiedorder", "/pay/micropay", "/pay/closeorder"].contains(&path) {
                excused.extend(V2_NUMBERS);
                let numbers = V2_NUMBERS
                    .iter()
                    .filter(|name| fields.get_nonempty(name).is_some());
                let needs_one = lists[path].get("out_trade_no*").is_some();
                assert!(!needs_one || numbers.count() > 0, "{path}: no number");
            }
            if fields.get("usetag") == Some("2") {
                excused.extend(V2_DAYS);
            }
            check_listed(path, &lists[path], &fields, &V2_ADDS, &excused);
            seen.insert(path.to_owned());
        }
    }
    for path in lists.as_object().unwrap().keys() {
        assert!(seen.contains(path), "{path}: {seen:?}");
    }
    let source = include_str!("../../../gateway/src/upstream/v2.rs");
    check_all_were_made(source, |row| row.v2, &seen, &[]);
}

/// iOnline's document, "Official Account / Mini Program Payment", and its manual
/// for the other services.
#[test]
fn ionline_requests_have_exactly_the_documented_fields() {
    let common = json!({"service*": "string 64", "version": "string 8", "charset": "string 8",
        "sign_type": "string 8", "mch_id*": "string 32", "nonce_str*": "string 32",
        "sign*": "string 32"});
    let pay = json!({"out_trade_no*": "string 32", "device_info": "string 32",
        "body*": "string 127", "attach": "string 127", "total_fee*": "integer",
        "mch_create_ip*": "string 16", "notify_url*": "string 255", "time_start": "string 14",
        "time_expire": "string 14", "goods_tag": "string 32", "limit_credit_pay": "string 1"});
    let lists = [
        (
            "ionline.pay.weixin.jspay.intl",
            pay.clone(),
            json!({"is_raw*": "string 1",
            "sub_openid*": "string 128", "sub_appid*": "string 32",
            "is_minipg": "string 1"}),
        ),
        ("ionline.pay.weixin.native.intl", pay, json!({})),
        (
            "ionline.unified.trade.query",
            json!({"out_trade_no*": "string 32"}),
            json!({}),
        ),
        (
            "ionline.unified.trade.refund",
            json!({"out_trade_no*": "string 32",
            "out_refund_no*": "string 32", "total_fee*": "integer", "refund_fee*": "integer",
            "op_user_id": "string 32", "refund_channel": "string 16"}),
            json!({}),
        ),
        (
            "ionline.unified.trade.refundquery",
            json!({"out_refund_no": "string 32",
            "out_trade_no": "string 32", "refund_id": "string 32"}),
            json!({}),
        ),
    ];
    let mut seen = BTreeSet::new();
    for kind in MERCHANTS
        .into_iter()
        .filter(|kind| kind.dialect == "ionline")
    {
        let world = Memory::default();
        let (shop, account) = shop_with_h5(&world, kind);
        use_it_all(&world, &shop, &account, kind.sub_merchant);
        for exchange in world.exchanges() {
            let fields = wechatpay::ionline::form::read(exchange.body.as_bytes()).unwrap();
            let service = fields.get("service").unwrap().to_owned();
            let (_, some, more) = lists.iter().find(|(name, ..)| *name == service).unwrap();
            let mut listed = common.as_object().unwrap().clone();
            listed.extend(some.as_object().unwrap().clone());
            listed.extend(more.as_object().unwrap().clone());
            check_listed(&service, &Value::Object(listed), &fields, &[], &[]);
            seen.insert(service);
        }
    }
    let source = include_str!("../../../gateway/src/upstream/ionline.rs");
    check_all_were_made(source, |row| row.ionline, &seen, &[]);
    for (service, ..) in lists {
        assert!(seen.contains(service), "{service}: {seen:?}");
    }
}
