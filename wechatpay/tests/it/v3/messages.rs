//! Every message in both directions: what one side writes, the other reads.

use super::*;
use order::TradeState;
use wechatpay::common::micropay::AuthCode;
use wechatpay::common::prepay::{NotifyUrl, Payer};
use wechatpay::common::refund::OutRefundNo;
use wechatpay::common::{OrderNumber, Problem, Text};
use wechatpay::v3::prepay::{self, Detail, SceneInfo, StoreInfo, Trade};
use wechatpay::v3::{FieldError, Merchant, RequestError};
use wechatpay::v3::{close, echo, micropay, query, refundquery, reverse};

pub(super) const TRADE_TYPES: [TradeType; 4] = [
    TradeType::Jsapi,
    TradeType::Native,
    TradeType::App,
    TradeType::Mweb,
];

pub(super) fn text<const MAX: usize>(value: &str) -> Text<MAX> {
    Text::new("test", value).unwrap()
}

fn scene_info(region: Region) -> SceneInfo {
    SceneInfo {
        payer_client_ip: Some("2001:db8::1".parse().unwrap()),
        device_id: Some(text("013467007045764")),
        device_ip: None,
        operator_id: None,
        store_info: (region == Region::Global).then(|| StoreInfo {
            id: Some(text("SZTX001")),
            out_id: None,
            name: Some(text("Tea House")),
            area_code: None,
            address: Some(text("Nanshan District")),
        }),
        h5_type: (region == Region::Mainland).then(|| text("Wap")),
    }
}

/// A request with every field that the region has for its trade type.
pub(super) fn prepay(account: &Account, trade_type: TradeType, region: Region) -> prepay::Request {
    let global = region == Region::Global;
    let trade = match trade_type {
        TradeType::Jsapi => {
            Trade::Jsapi(Payer::of(account, "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap())
        }
        TradeType::Native => Trade::Native,
        TradeType::App => Trade::App,
        _ => Trade::Mweb,
    };
    prepay::Request {
        account: account.clone(),
        description: text("茶 & <cake>"),
        attach: Some(text("🍵")),
        out_trade_no: out_trade_no(),
        money: hkd(888),
        time_start_ms: global.then_some(SAMPLE_MS),
        time_expire_ms: Some(SAMPLE_MS + 7_200_000),
        notify_url: NotifyUrl::new("https://pay.example/notify/v3/demo").unwrap(),
        merchant_category_code: global.then(|| text("4111")),
        goods_tag: Some(text("WXG")),
        limit_pay: Some(text("no_credit")),
        scene_info: (trade == Trade::Mweb).then(|| scene_info(region)),
        detail: Some(Detail::parse(r#"{"cost_price":608800}"#).unwrap()),
        trade,
    }
}

pub(super) fn quick_pay(account: &Account, region: Region) -> micropay::Request {
    let base = prepay(account, TradeType::Native, region);
    let goods = r#"{"goods_detail":[{"merchant_goods_id":"1","quantity":1,"unit_price":1}]}"#;
    let global = region == Region::Global;
    micropay::Request {
        account: account.clone(),
        description: base.description,
        attach: base.attach,
        out_trade_no: base.out_trade_no,
        money: base.money,
        merchant_category_code: base.merchant_category_code,
        goods_tag: base.goods_tag,
        limit_pay: base.limit_pay.filter(|_| global),
        scene_info: Some(SceneInfo {
            device_ip: Some("59.37.125.32".parse().unwrap()),
            store_info: Some(StoreInfo {
                id: Some(text(if global { "SZTX001" } else { "100001" })),
                out_id: (!global).then(|| text("SZTX001")),
                name: global.then(|| text("Tea House")),
                area_code: None,
                address: global.then(|| text("Nanshan District")),
            }),
            ..SceneInfo::default()
        }),
        detail: (!global).then(|| Detail::parse(goods).unwrap()),
        auth_code: AuthCode::new("134650720866361395").unwrap(),
    }
}

pub(super) fn without_apps(account: &Account) -> Merchant {
    Merchant {
        appid: None,
        sub_appid: None,
        ..account.into()
    }
}

pub(super) fn both_numbers() -> [OrderNumber; 2] {
    [
        OrderNumber::OutTradeNo(out_trade_no()),
        OrderNumber::TransactionId(text("4200000000002104083200000488")),
    ]
}

/// A request as the receiver reads it.
pub(super) fn read<T>(
    request: &Outgoing,
    read: impl Fn(&Incoming<'_>) -> Result<T, RequestError>,
) -> Result<T, RequestError> {
    read(&arrived(request, &direct().mch_id))
}

#[test]
fn prepayments_arrive_as_they_were_sent() {
    for region in REGIONS {
        for account in accounts() {
            for trade_type in TRADE_TYPES {
                let request = prepay(&account, trade_type, region);
                let sent = request.outgoing(region);
                assert_eq!(sent.method, "POST");
                assert_eq!(read(&sent, prepay::Request::read), Ok(request));
            }
        }
    }
}

#[test]
fn paths_are_those_of_the_region() {
    let path = |region, account: &Account, trade_type| {
        prepay(account, trade_type, region)
            .outgoing(region)
            .path_and_query
    };
    let (global, mainland) = (Region::Global, Region::Mainland);
    for (got, expect) in [
        (
            path(global, &direct(), TradeType::Jsapi),
            "/v3/global/transactions/jsapi",
        ),
        (
            path(global, &institution(), TradeType::Mweb),
            "/v3/global/transactions/mweb",
        ),
        (
            path(mainland, &direct(), TradeType::Mweb),
            "/v3/pay/transactions/h5",
        ),
        (
            path(mainland, &institution(), TradeType::App),
            "/v3/pay/partner/transactions/app",
        ),
    ] {
        assert_eq!(got, expect);
        assert_eq!(
            Region::of_path(&got),
            if got.contains("global") {
                global
            } else {
                mainland
            }
        );
    }
}

#[test]
fn every_wrong_prepayment_is_named_by_its_field() {
    let request = prepay(&direct(), TradeType::Mweb, Region::Global);
    let sent = request.outgoing(Region::Global);
    let changed = |pointer: &str, value: Value| {
        let mut body = parsed(&sent.body);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value;
        let changed = Outgoing {
            body: body.to_string(),
            ..sent.clone()
        };
        match read(&changed, prepay::Request::read).unwrap_err() {
            RequestError::Field(error) => (error.field, error.problem),
            RequestError::Json(error) => panic!("{error}"),
        }
    };
    let wrong = |expected| Problem::WrongType { expected };
    let long = "x".repeat(513);
    for (pointer, value, field, problem) in [
        ("/mchid", Value::Null, "mchid", Problem::Missing),
        ("/appid", "".into(), "appid", Problem::Empty),
        (
            "/appid",
            long.as_str().into(),
            "appid",
            Problem::TooLong { max_bytes: 32 },
        ),
        ("/sub_mchid", "1".into(), "sp_mchid", Problem::Missing),
        ("/description", Value::Null, "description", Problem::Missing),
        (
            "/description",
            long.as_str().into(),
            "description",
            Problem::TooLong { max_bytes: 127 },
        ),
        (
            "/description",
            "\u{0}".into(),
            "description",
            Problem::BadCharacter,
        ),
        (
            "/out_trade_no",
            "a b".into(),
            "out_trade_no",
            Problem::BadCharacter,
        ),
        ("/amount", 1.into(), "amount", wrong("an object")),
        (
            "/amount/total",
            "1".into(),
            "amount.total",
            wrong("a whole number"),
        ),
        (
            "/amount/total",
            0.into(),
            "amount.total",
            Problem::OutOfRange,
        ),
        (
            "/amount/total",
            (-1).into(),
            "amount.total",
            Problem::OutOfRange,
        ),
        (
            "/amount/total",
            (1_i64 << 31).into(),
            "amount.total",
            Problem::OutOfRange,
        ),
        (
            "/amount/currency",
            "hkd".into(),
            "amount.currency",
            Problem::UnknownValue,
        ),
        (
            "/trade_type",
            "JSAPI".into(),
            "trade_type",
            Problem::UnknownValue,
        ),
        ("/trade_type", Value::Null, "trade_type", Problem::Missing),
        (
            "/merchant_category_code",
            Value::Null,
            "merchant_category_code",
            Problem::Missing,
        ),
        (
            "/notify_url",
            "ftp://x".into(),
            "notify_url",
            Problem::BadFormat,
        ),
        (
            "/time_expire",
            "20180608103456".into(),
            "time_expire",
            Problem::BadFormat,
        ),
        ("/scene_info", Value::Null, "scene_info", Problem::Missing),
        (
            "/scene_info/payer_client_ip",
            Value::Null,
            "scene_info.payer_client_ip",
            Problem::Missing,
        ),
        (
            "/scene_info/payer_client_ip",
            "1.2".into(),
            "scene_info.payer_client_ip",
            Problem::BadFormat,
        ),
        (
            "/scene_info/store_info/name",
            1.into(),
            "scene_info.store_info.name",
            wrong("a text"),
        ),
        ("/detail", "x".into(), "detail", Problem::BadFormat),
        ("/limit_pay", 1.into(), "limit_pay", Problem::BadFormat),
    ] {
        assert_eq!(
            changed(pointer, value),
            (field.to_owned(), problem),
            "{pointer}"
        );
    }
    let elsewhere = Outgoing {
        path_and_query: "/v3/global/transactions/facepay".to_owned(),
        ..sent.clone()
    };
    assert!(read(&elsewhere, prepay::Request::read).is_err());
    let not_json = Outgoing {
        body: "{".to_owned(),
        ..sent
    };
    assert!(matches!(
        read(&not_json, prepay::Request::read),
        Err(RequestError::Json(_))
    ));
}

/// J1: the openid belongs to the application that the request names.
#[test]
fn a_payer_is_named_under_the_right_application() {
    let body = |account| {
        parsed(
            &prepay(&account, TradeType::Jsapi, Region::Global)
                .outgoing(Region::Global)
                .body,
        )
    };
    let openid = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";
    assert_eq!(
        body(direct())["payer"],
        serde_json::json!({ "openid": openid })
    );
    assert_eq!(
        body(institution())["payer"],
        serde_json::json!({ "sub_openid": openid })
    );
    let payer = &body(institution_without_app())["payer"];
    assert_eq!(*payer, serde_json::json!({ "sp_openid": openid }));

    let sent = prepay(&institution(), TradeType::Jsapi, Region::Global).outgoing(Region::Global);
    let without = Outgoing {
        body: sent.body.replace("\"sub_appid\"", "\"x\""),
        ..sent
    };
    let error = FieldError::new("sub_appid", Problem::Missing);
    assert_eq!(read(&without, prepay::Request::read), Err(error.into()));
}

#[test]
fn a_detail_is_an_object_or_the_list_of_one() {
    let sent = prepay(&direct(), TradeType::App, Region::Global).outgoing(Region::Global);
    let listed = Outgoing {
        body: sent
            .body
            .replace(r#"{"cost_price":608800}"#, r#"[{"cost_price":608800}]"#),
        ..sent.clone()
    };
    assert_ne!(listed, sent);
    assert_eq!(
        read(&listed, prepay::Request::read),
        read(&sent, prepay::Request::read)
    );
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(6000));
    for (text, problem) in [
        ("", Problem::BadFormat),
        ("[]", Problem::BadFormat),
        (&long, Problem::TooLong { max_bytes: 6000 }),
    ] {
        assert_eq!(Detail::parse(text), Err(FieldError::new("detail", problem)));
    }
}

#[test]
fn prepayments_are_answered() {
    let answers = [
        (
            TradeType::Jsapi,
            prepay::Answer::PrepayId("wx20".to_owned()),
        ),
        (TradeType::App, prepay::Answer::PrepayId("wx20".to_owned())),
        (
            TradeType::Native,
            prepay::Answer::CodeUrl("weixin://wxpay/s/An4baqw".to_owned()),
        ),
        (
            TradeType::Mweb,
            prepay::Answer::MwebUrl("https://wx.tenpay.com/x?y&z".to_owned()),
        ),
    ];
    for region in REGIONS {
        for (trade_type, answer) in &answers {
            let body = answer.to_json(region);
            assert_eq!(
                prepay::Answer::read(verified(&body), *trade_type),
                Ok(answer.clone())
            );
        }
    }
    let missing = FieldError::new("prepay_id", Problem::Missing);
    let read = prepay::Answer::read(verified("{}"), TradeType::Jsapi);
    assert_eq!(read, Err(missing.into()));
}

#[test]
fn queries_closes_and_reverses_arrive_as_they_were_sent() {
    let other_region = FieldError::new("transaction_id", Problem::OtherRegion);
    for account in accounts() {
        let merchant = without_apps(&account);
        for by in both_numbers() {
            let by_id = matches!(by, OrderNumber::TransactionId(_));
            let question = query::Request {
                merchant: merchant.clone(),
                by: by.clone(),
            };
            let close = close::Request {
                merchant: merchant.clone(),
                by: by.clone(),
            };
            for region in REGIONS {
                let sent = question.outgoing(region);
                assert_eq!(read(&sent, query::Request::read), Ok(question.clone()));

                let reverse = reverse::Request {
                    merchant: match region {
                        Region::Global => merchant.clone(),
                        Region::Mainland => (&account).into(),
                    },
                    by: by.clone(),
                };
                if by_id && region == Region::Mainland {
                    assert_eq!(close.outgoing(region), Err(other_region.clone()));
                    assert_eq!(reverse.outgoing(region), Err(other_region.clone()));
                    continue;
                }
                let sent = close.outgoing(region).unwrap();
                assert_eq!(read(&sent, close::Request::read), Ok(close.clone()));
                let sent = reverse.outgoing(region).unwrap();
                assert_eq!(read(&sent, reverse::Request::read), Ok(reverse.clone()));
            }
        }
    }
}

/// The text `id` can be a number of the merchant's.
#[test]
fn a_number_may_be_called_like_a_segment() {
    let request = close::Request {
        merchant: without_apps(&direct()),
        by: OrderNumber::OutTradeNo(OutTradeNo::new("id").unwrap()),
    };
    let sent = request.outgoing(Region::Global).unwrap();
    assert_eq!(read(&sent, close::Request::read), Ok(request));
    let request = refundquery::Request {
        merchant: without_apps(&direct()),
        by: refundquery::Lookup::OutRefundNo(OutRefundNo::new("id").unwrap()),
    };
    let sent = request.outgoing(Region::Global).unwrap();
    assert_eq!(read(&sent, refundquery::Request::read), Ok(request));
}

#[test]
fn a_query_that_lacks_something_is_refused_by_name() {
    let error = |target: &str| {
        let request = Outgoing {
            method: "GET",
            path_and_query: target.to_owned(),
            body: String::new(),
        };
        match read(&request, query::Request::read).unwrap_err() {
            RequestError::Field(error) => (error.field, error.problem),
            RequestError::Json(error) => panic!("{error}"),
        }
    };
    for (target, field, problem) in [
        ("id/1", "mchid", Problem::Missing),
        ("id/1?mchid=", "mchid", Problem::Missing),
        ("id/1?mchid=1&mchid=2", "mchid", Problem::BadFormat),
        ("id/1?sp_mchid=1", "sub_mchid", Problem::Missing),
        ("id/1?sub_mchid=1", "sp_mchid", Problem::Missing),
        ("id/?mchid=1", "out_trade_no", Problem::Missing),
        (
            "out-trade-no/a%20b?mchid=1",
            "out_trade_no",
            Problem::BadCharacter,
        ),
        (
            "out-trade-no/%FF?mchid=1",
            "out-trade-no",
            Problem::BadFormat,
        ),
    ] {
        let got = error(&format!("/v3/global/transactions/{target}"));
        assert_eq!(got, (field.to_owned(), problem), "{target}");
    }
}

pub(super) fn states(account: &Account, trade_type: TradeType) -> [TradeState; 7] {
    let paid = Box::new(payment(account.clone(), trade_type));
    [
        TradeState::Success(paid.clone()),
        TradeState::Refund(paid),
        TradeState::NotPay,
        TradeState::Closed,
        TradeState::Revoked,
        TradeState::UserPaying,
        TradeState::PayError,
    ]
}

pub(super) fn query_answer(state: TradeState) -> query::Answer {
    query::Answer {
        state,
        out_trade_no: Some(out_trade_no().to_string()),
        attach: Some("茶".to_owned()),
        trade_state_desc: Some("支付成功".to_owned()),
    }
}

#[test]
fn every_state_of_an_order_round_trips() {
    for region in REGIONS {
        for account in accounts() {
            for state in states(&account, TradeType::Jsapi) {
                let answer = query_answer(state);
                let body = answer.to_json(&account, region);
                for by in both_numbers() {
                    let read = query::Answer::read(verified(&body), &by, &account);
                    assert_eq!(read, Ok(answer.clone()), "{body}");
                }
            }
        }
    }
}

#[test]
fn an_answer_about_another_order_is_a_mismatch() {
    let by = OrderNumber::OutTradeNo(out_trade_no());
    let account = institution();
    let [paid, ..] = states(&account, TradeType::Jsapi);
    let good = parsed(&query_answer(paid).to_json(&account, Region::Global));
    let changed = |pointer: &str, value: Value| {
        let mut body = good.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value;
        let body = body.to_string();
        query::Answer::read(verified(&body), &by, &account).unwrap_err()
    };
    for (name, field) in [
        ("/sp_mchid", "sp_mchid"),
        ("/sub_mchid", "sub_mchid"),
        ("/sp_appid", "sp_appid"),
        ("/sub_appid", "sub_appid"),
        ("/out_trade_no", "out_trade_no"),
    ] {
        assert_eq!(
            changed(name, "x".into()),
            AnswerError::Mismatched { field },
            "{name}"
        );
    }
    let field = |field: &str, problem| AnswerError::Field(FieldError::new(field, problem));
    // Both names of WeChat's number are read, and must not differ.
    let other = "id";
    assert_eq!(
        changed("/transaction_id", "4300".into()),
        field("transaction_id", Problem::Contradicts { other })
    );
    for (pointer, value, name, problem) in [
        ("/id", Value::Null, "transaction_id", Problem::Missing),
        (
            "/trade_state",
            "PAID".into(),
            "trade_state",
            Problem::UnknownValue,
        ),
        ("/trade_state", Value::Null, "trade_state", Problem::Missing),
        (
            "/trade_type",
            "FACEPAY".into(),
            "trade_type",
            Problem::UnknownValue,
        ),
        (
            "/success_time",
            Value::Null,
            "success_time",
            Problem::Missing,
        ),
        ("/amount", Value::Null, "amount", Problem::Missing),
        (
            "/amount/total",
            Value::Null,
            "amount.total",
            Problem::Missing,
        ),
        (
            "/amount/currency",
            "XXX".into(),
            "amount.currency",
            Problem::UnknownValue,
        ),
        ("/sp_mchid", Value::Null, "sp_mchid", Problem::Missing),
    ] {
        assert_eq!(changed(pointer, value), field(name, problem), "{pointer}");
    }
    let another = OrderNumber::TransactionId(text("4300"));
    let body = good.to_string();
    let read = query::Answer::read(verified(&body), &another, &account);
    let field = "transaction_id";
    assert_eq!(read, Err(AnswerError::Mismatched { field }));
}

/// The guide says `transaction_id` where the reference says `id`.
#[test]
fn wechats_number_has_two_names() {
    let [paid, ..] = states(&direct(), TradeType::Jsapi);
    let by = OrderNumber::OutTradeNo(out_trade_no());
    let body = query_answer(paid.clone()).to_json(&direct(), Region::Global);
    for body in [
        body.replace("\"id\"", "\"transaction_id\""),
        body.replace(
            "\"id\":",
            "\"transaction_id\":\"4200000000002104083200000488\",\"id\":",
        ),
    ] {
        let read = query::Answer::read(verified(&body), &by, &direct()).unwrap();
        assert_eq!(read.state, paid);
    }
}

#[test]
fn quick_pay_round_trips() {
    for region in REGIONS {
        for account in accounts() {
            let request = quick_pay(&account, region);
            let sent = request.outgoing(region);
            assert_eq!(read(&sent, micropay::Request::read), Ok(request.clone()));
            assert!(!format!("{sent:?} {request:?}").contains("134650720866361395"));
            for state in states(&account, TradeType::Micropay) {
                let answer = query_answer(state);
                let body = answer.to_json(&account, region);
                assert_eq!(micropay::read_answer(verified(&body), &request), Ok(answer));
            }
            let mut other = payment(account.clone(), TradeType::Micropay);
            other.money = hkd(887);
            let body = query_answer(TradeState::Success(Box::new(other.clone())))
                .to_json(&account, region);
            let field = "amount.total";
            let mismatched = Err(AnswerError::Mismatched { field });
            assert_eq!(micropay::read_answer(verified(&body), &request), mismatched);
            other.money = Money::new(888, Currency::Usd).unwrap();
            let body = query_answer(TradeState::Success(Box::new(other))).to_json(&account, region);
            let field = "amount.currency";
            let mismatched = Err(AnswerError::Mismatched { field });
            assert_eq!(micropay::read_answer(verified(&body), &request), mismatched);
        }
    }
}

/// Q1: the code is checked last, so its error means that everything else is
/// right.
#[test]
fn a_text_that_is_no_payment_code_is_refused_last() {
    let sent = quick_pay(&direct(), Region::Global).outgoing(Region::Global);
    let with_code = |code: &str, body: &str| {
        let request = Outgoing {
            body: body.replace("134650720866361395", code),
            ..sent.clone()
        };
        match read(&request, micropay::Request::read).unwrap_err() {
            RequestError::Field(error) => (error.field, error.problem),
            RequestError::Json(error) => panic!("{error}"),
        }
    };
    let field = || "payer.auth_code".to_owned();
    assert_eq!(with_code("1346", &sent.body), (field(), Problem::BadFormat));
    assert_eq!(with_code("x", &sent.body), (field(), Problem::NotANumber));
    assert_eq!(with_code("", &sent.body), (field(), Problem::Empty));
    let worse = sent.body.replace("\"HKD\"", "\"XXX\"");
    assert_eq!(with_code("1346", &worse).0, "amount.currency");
}

#[test]
fn a_reverse_is_answered() {
    let request = reverse::Request {
        merchant: (&direct()).into(),
        by: OrderNumber::OutTradeNo(out_trade_no()),
    };
    let read = |body, region| reverse::read_answer(verified(body), &request, region);
    let done = reverse::answer_json(&request.merchant, out_trade_no().as_str());
    let other = reverse::answer_json(&request.merchant, "other");
    let field = "out_trade_no";
    // A refusal whose status, which is not signed, was changed to a success.
    let refusal = r#"{"code":"ORDERNOTEXIST","message":"no such order"}"#;
    assert_eq!(read("", Region::Global), Ok(()));
    assert_eq!(read(&done, Region::Mainland), Ok(()));
    assert_eq!(
        read(&other, Region::Mainland),
        Err(AnswerError::Mismatched { field })
    );
    for (body, region) in [
        (refusal, Region::Global),
        (refusal, Region::Mainland),
        ("", Region::Mainland),
    ] {
        let read = read(body, region);
        assert!(read.is_err(), "{body:?} {region:?}");
    }
}

#[test]
fn a_close_is_answered_without_a_body() {
    assert_eq!(close::read_answer(verified("")), Ok(()));
    let refusal = r#"{"code":"ORDERPAID","message":"it is paid"}"#;
    assert!(close::read_answer(verified(refusal)).is_err());
}

#[test]
fn an_echo_returns_the_message() {
    let request = echo::Request {
        echo_message: text("茶"),
        notify_url: Some(NotifyUrl::new("https://pay.example/x").unwrap()),
    };
    let sent = request.outgoing();
    assert_eq!(read(&sent, echo::Request::read), Ok(request.clone()));
    let body = echo::answer_json(&request);
    assert_eq!(echo::read_answer(verified(&body), &request), Ok(()));
    let field = "echo_message";
    let other = echo::read_answer(verified(r#"{"echo_message":"x"}"#), &request);
    assert_eq!(other, Err(AnswerError::Mismatched { field }));
}

/// The names of a merchant in one message do not determine its names in
/// another.
#[test]
fn a_merchant_differs_only_in_what_it_names() {
    let account = institution();
    assert_eq!(Merchant::from(&account).first_difference(&account), None);
    assert_eq!(without_apps(&account).first_difference(&account), None);
    let direct_merchant = Merchant::from(&direct());
    assert_eq!(
        direct_merchant.first_difference(&account),
        Some("sub_mchid")
    );
    let other = Merchant {
        sub_appid: Some("wx0".to_owned()),
        ..Merchant::from(&account)
    };
    assert_eq!(other.first_difference(&account), Some("sub_appid"));
    assert_eq!(
        other.first_difference(&institution_without_app()),
        Some("sub_appid")
    );
}
