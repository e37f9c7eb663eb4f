//! iOnline's calls: forms, signed JSON answers, and the same payers.

use super::*;
use order::{Account, Currency, Money, OutTradeNo, Payment, TradeState, TradeType};
use wechatpay::common::{OrderNumber, Text};
use wechatpay::ionline::notify::Notice as IonlineNotice;
use wechatpay::ionline::prepay::{Jspay, Lifetime, Means, NotifyUrl, Start, Trade};
use wechatpay::ionline::refundquery::{self, Status};
use wechatpay::ionline::{self, AnswerError, Merchant as Configured, form, prepay, query, refund};

const MID: &str = "100520000001";
const IONLINE_KEY: &str = "weceive-sandbox-ionl-key-0000004";
const IONLINE_APPID: &str = "wx5a11d0b0c0ffee05";
const NUMBER: &str = "9900000000";

fn text<const MAX: usize>(value: &str) -> Text<MAX> {
    Text::new("test", value).unwrap()
}

fn key() -> Secret {
    Secret::new(IONLINE_KEY)
}

fn account() -> Account {
    Account {
        appid: IONLINE_APPID.into(),
        mch_id: MID.into(),
        sub_appid: None,
        sub_mch_id: None,
    }
}

fn configured(account: &Account) -> Configured<'_> {
    Configured {
        account,
        currency: Currency::Hkd,
    }
}

fn hkd(amount_minor: i64) -> Money {
    Money::new(amount_minor, Currency::Hkd).unwrap()
}

fn number() -> OutTradeNo {
    OutTradeNo::new(NUMBER).unwrap()
}

fn jspay(start: Start) -> Trade {
    Trade::Jspay(Jspay {
        sub_appid: text(IONLINE_APPID),
        sub_openid: text(&Payer::Alice.openid(IONLINE_APPID)),
        start,
    })
}

fn order_of(trade: Trade) -> prepay::Request {
    prepay::Request {
        mch_id: text(MID),
        nonce_str: text("5K8264ILTKCH16CQ2502SI8ZNMTM67VS"),
        out_trade_no: number(),
        device_info: Some(text("WEB")),
        body: text("Night Market-Skewers 烤串"),
        attach: Some(text("a=b; c")),
        money: hkd(888),
        mch_create_ip: "203.0.113.7".parse().unwrap(),
        notify_url: NotifyUrl::new("http://127.0.0.1/notify").unwrap(),
        lifetime: None,
        goods_tag: None,
        limit_credit_pay: false,
        trade,
    }
}

impl Bench {
    fn gateway(&mut self, form: &str) -> Vec<u8> {
        let answer = self.ask(Method::POST, ionline::PATH, form.as_bytes());
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/json");
        answer.into_body()
    }

    /// Sends fields, signed with the merchant's key.
    fn ionline_fields(&mut self, fields: Fields) -> Value {
        let form = form::write(&fields.sealed(&key(), SignType::Md5));
        serde_json::from_slice(&self.gateway(&form)).unwrap()
    }

    fn ionline_order(&mut self, request: &prepay::Request) -> Result<Means, AnswerError> {
        let bytes = self.gateway(&request.to_form(&key()));
        prepay::Answer::read(&bytes, request, &key()).map(|answer| answer.means)
    }

    fn ionline_query(&mut self, by: OrderNumber) -> Result<query::Answer, AnswerError> {
        let request = query::Request {
            mch_id: text(MID),
            by,
            nonce_str: text("n"),
        };
        let bytes = self.gateway(&request.to_form(&key()));
        query::Answer::read(&bytes, &request, configured(&account()), &key())
    }

    fn ionline_state(&mut self) -> TradeState {
        self.ionline_query(OrderNumber::OutTradeNo(number()))
            .unwrap()
            .state
    }

    fn ionline_refund(&mut self, out_refund_no: &str, fee: i64) -> Result<(), AnswerError> {
        let request = refund::Request {
            mch_id: text(MID),
            by: OrderNumber::OutTradeNo(number()),
            out_refund_no: text(out_refund_no),
            amounts: wechatpay::common::refund::Amounts::new(hkd(fee), hkd(888)).unwrap(),
            nonce_str: text("n"),
        };
        let bytes = self.gateway(&request.to_form(&key()));
        refund::Answer::read(&bytes, &request, &key()).map(|answer| {
            assert_eq!(answer.out_trade_no, NUMBER);
            assert!(answer.transaction_id.starts_with(MID));
        })
    }

    fn ionline_refunds(
        &mut self,
        by: refundquery::Lookup,
    ) -> Result<Vec<(String, Status)>, AnswerError> {
        let request = refundquery::Request {
            mch_id: text(MID),
            by,
            nonce_str: text("n"),
        };
        let bytes = self.gateway(&request.to_form(&key()));
        let answer = refundquery::Answer::read(&bytes, &request, &key())?;
        let refunds = answer.refunds.into_iter();
        Ok(refunds
            .map(|refund| (refund.out_refund_no, refund.refund_status))
            .collect())
    }

    fn bridge(&mut self, payer: &str, package: &Value) -> Value {
        let body = json!({"payer": payer, "package": package, "action": "pay"});
        self.control("/sandbox/bridge", &body)
    }

    fn alice_pays(&mut self) {
        let Ok(Means::PayInfo(package)) = self.ionline_order(&order_of(jspay(Start::Bridge)))
        else {
            panic!("no pay_info");
        };
        let package = serde_json::to_value(package).unwrap();
        assert_eq!(self.bridge("alice", &package)["ok"], true);
    }
}

/// The code of a refusal, and whether it was signed.
fn code(answer: Result<impl std::fmt::Debug, AnswerError>) -> (bool, String) {
    match answer.unwrap_err() {
        AnswerError::Refused { code, .. } => (true, code.code().to_owned()),
        AnswerError::Communication { status, message } => (false, format!("{status} {message}")),
        other => panic!("{other}"),
    }
}

fn paid(state: TradeState) -> Payment {
    match state {
        TradeState::Success(payment) | TradeState::Refund(payment) => *payment,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_payment_inside_wechat_is_paid_with_its_package() {
    for start in [Start::Bridge, Start::MiniProgram] {
        let mut bench = Bench::new();
        let request = order_of(jspay(start));
        let Means::PayInfo(package) = bench.ionline_order(&request).unwrap() else {
            panic!("no pay_info");
        };
        assert_eq!(bench.ionline_state(), TradeState::NotPay);

        let package = serde_json::to_value(package).unwrap();
        assert_eq!(bench.bridge("bob", &package)["reason"], "PAYER_MISMATCH");
        let mut forged = package.clone();
        forged["timeStamp"] = json!("1");
        assert_eq!(
            bench.bridge("alice", &forged)["reason"],
            "PAY_SIGN_MISMATCH"
        );
        assert_eq!(bench.bridge("alice", &package)["ok"], true);
        assert_eq!(bench.bridge("alice", &package)["reason"], "ORDERPAID");

        let payment = paid(bench.ionline_state());
        assert_eq!(payment.account, account());
        assert_eq!(payment.money, hkd(888));
        assert_eq!(payment.trade_type, TradeType::Jsapi);
        assert_eq!(
            payment.openid.as_deref(),
            Some(Payer::Alice.openid(IONLINE_APPID).as_str())
        );
        assert_eq!(payment.attach.as_deref(), Some("a=b; c"));

        // It can be found by iOnline's own number too; WeChat's is another.
        assert_eq!(payment.transaction_id.len(), 32);
        let by_id = |id: &str| OrderNumber::TransactionId(text(id));
        let again = bench.ionline_query(by_id(&payment.transaction_id)).unwrap();
        let wechats = again.out_transaction_id.unwrap();
        assert_eq!(paid(again.state), payment);
        assert_eq!(
            code(bench.ionline_query(by_id(&wechats))),
            (true, "ORDERNOTEXIST".into())
        );
    }
}

#[test]
fn a_payment_by_qr_code_is_scanned() {
    let mut bench = Bench::new();
    let Means::Code { code_url, .. } = bench.ionline_order(&order_of(Trade::Native)).unwrap()
    else {
        panic!("no code_url");
    };
    let scan = json!({"code_url": code_url, "payer": "bob", "action": "pay"});
    assert_eq!(bench.control("/sandbox/scan", &scan)["ok"], true);
    let payment = paid(bench.ionline_state());
    assert_eq!(payment.trade_type, TradeType::Native);
    assert_eq!(payment.account, account());
}

/// Without raw mode, iOnline's own page starts the payment; in WeChat only.
#[test]
fn a_pay_url_starts_the_payment_in_wechat_only() {
    let mut bench = Bench::new();
    let Means::PayUrl(url) = bench
        .ionline_order(&order_of(jspay(Start::PayUrl)))
        .unwrap()
    else {
        panic!("no pay_url");
    };
    let path = url.as_str().strip_prefix("http://127.0.0.1:8788").unwrap();
    let open = |bench: &mut Bench, path: &str, agent: &str| {
        let request = Request::builder()
            .uri(format!("http://127.0.0.1:8788{path}"))
            .header("host", "127.0.0.1:8788")
            .header("user-agent", agent)
            .body(Vec::new())
            .unwrap();
        let page = bench.send(&request);
        assert_eq!(page.status(), 200);
        String::from_utf8(page.into_body()).unwrap()
    };
    let wechat = "Mozilla/5.0 MicroMessenger/8.0.60";
    assert!(open(&mut bench, path, "Mozilla/5.0").contains("Open this link in WeChat"));
    let page = open(&mut bench, path, wechat);
    assert!(page.contains("HK$8.88") && page.contains("<script src=\"/gateway/pay.js\">"));
    assert!(open(&mut bench, "/gateway/pay.js", wechat).contains("getBrandWCPayRequest"));
    assert!(
        open(&mut bench, &format!("{path}0"), wechat)
            .contains("This payment request is no longer valid")
    );

    let (_, package) = page.split_once("data-package=\"").unwrap();
    let (package, _) = package.split_once('"').unwrap();
    let package: Value = serde_json::from_str(&package.replace("&quot;", "\"")).unwrap();
    assert_eq!(bench.bridge("alice", &package)["ok"], true);
    paid(bench.ionline_state());
    assert!(open(&mut bench, path, wechat).contains("This payment request is no longer valid"));
}

#[test]
fn the_notice_is_signed_xml_until_success_and_for_three_hours() {
    let mut bench = Bench::new();
    bench.alice_pays();
    let sent = |bench: &mut Bench, status, body: &str| {
        let due = bench.sandbox.due(bench.now_ms);
        assert_eq!(due.len(), 1);
        let outcome = Outcome::Answered {
            status,
            body: body.into(),
        };
        bench.sandbox.sent(&due[0].id, &outcome, bench.now_ms);
        due.into_iter().next().unwrap()
    };
    let notice = sent(&mut bench, 200, wechatpay::v2::notify::ACK_OK);
    assert_eq!(notice.url, "http://127.0.0.1/notify");
    let told = IonlineNotice::read(notice.body.as_bytes(), configured(&account()), &key()).unwrap();
    assert_eq!(told.payment, paid(bench.ionline_state()));
    assert_eq!(told.device_info.as_deref(), Some("WEB"));
    assert!(told.out_transaction_id.unwrap().starts_with("42000"));

    bench.control("/sandbox/time", &json!({"advance_seconds": 3 * 3600}));
    for _ in 0..9 {
        sent(&mut bench, 500, "success");
    }
    assert_eq!(sent(&mut bench, 200, "Success").body, notice.body);
    assert_eq!(bench.sandbox.next_due_ms(), None);
    let log = bench.look("/sandbox/notices");
    assert_eq!(log["notices"][0]["dialect"], "ionline");
    assert_eq!(log["notices"][0]["acknowledged"], true);
}

#[test]
fn the_same_number_is_the_same_order_or_refused() {
    let mut bench = Bench::new();
    let request = order_of(Trade::Native);
    let first = bench.ionline_order(&request).unwrap();
    assert_eq!(bench.ionline_order(&request), Ok(first));
    let changes: [fn(&mut prepay::Request); 4] = [
        |request| request.money = hkd(889),
        |request| request.body = text("Tea"),
        |request| request.limit_credit_pay = true,
        |request| request.trade = jspay(Start::Bridge),
    ];
    for change in changes {
        let mut other = request.clone();
        change(&mut other);
        let refused = code(bench.ionline_order(&other));
        assert_eq!(refused, (true, "OUT_TRADE_NO_USED".into()));
    }
    let scan =
        json!({"mch_id": "1900000114", "out_trade_no": NUMBER, "payer": "alice", "action": "pay"});
    assert_eq!(bench.control("/sandbox/pay", &scan)["ok"], true);
    let refused = code(bench.ionline_order(&request));
    assert_eq!(refused, (true, "ORDERPAID".into()));
}

/// An order's page may be opened in another way; that makes no other order.
#[test]
fn the_means_to_pay_of_an_order_may_change() {
    let mut bench = Bench::new();
    bench
        .ionline_order(&order_of(jspay(Start::PayUrl)))
        .unwrap();
    bench.alice_pays();
}

#[test]
fn each_error_is_refused_at_its_level() {
    let mut bench = Bench::new();
    let good = order_of(jspay(Start::Bridge)).to_fields();
    let refused = |answer: Value| {
        let word = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let is_signed = word("status") == "0";
        assert_eq!(!word("sign").is_empty(), is_signed, "{answer}");
        assert_eq!(!word("message").is_empty(), !is_signed, "{answer}");
        (is_signed, word("err_code"))
    };
    let bob = Payer::Bob.openid(APPID);
    for (field, value, signed, code) in [
        ("service", None, false, "LACK_PARAMS"),
        ("service", Some("pay.weixin.jspay"), false, "PARAM_ERROR"),
        ("mch_id", None, false, "LACK_PARAMS"),
        ("mch_id", Some("1900000114"), false, "MCHID_NOT_EXIST"),
        ("sign_type", Some("RSA2"), false, "PARAM_ERROR"),
        ("body", None, false, "LACK_PARAMS"),
        ("total_fee", Some("8.88"), false, "PARAM_ERROR"),
        (
            "notify_url",
            Some("https://x.example:8443/"),
            false,
            "PARAM_ERROR",
        ),
        ("sub_openid", Some("oNobody"), false, "PARAM_ERROR"),
        ("sub_openid", Some(&bob), false, "PARAM_ERROR"),
        ("sub_appid", Some("wx0"), true, "APPID_NOT_EXIST"),
        ("sub_appid", Some(APPID), true, "APPID_MCHID_NOT_MATCH"),
    ] {
        let mut fields = good.clone();
        match value {
            Some(value) => fields.set(field, value),
            None => drop(fields.remove(field)),
        }
        let answer = bench.ionline_fields(fields);
        assert_eq!(refused(answer), (signed, code.into()), "{field}={value:?}");
    }
    let mut ask = |method, body: &[u8]| {
        let answer = bench.ask(method, ionline::PATH, body);
        serde_json::from_slice(answer.body()).unwrap()
    };
    for (method, body, code) in [
        (Method::GET, "", "REQUIRE_POST_METHOD"),
        (Method::POST, " ", "POST_DATA_EMPTY"),
        (Method::POST, "a=%FF", "NOT_UTF8"),
        (Method::POST, "a=1&a=2", "INVALID_REQUEST"),
    ] {
        let answer = ask(method, body.as_bytes());
        assert_eq!(refused(answer), (false, code.into()), "{body}");
    }
    for sealed in [
        good.clone().sealed(&Secret::new("another"), SignType::Md5),
        good.clone().sealed(&key(), SignType::HmacSha256),
        good.clone(),
    ] {
        let answer = ask(Method::POST, form::write(&sealed).as_bytes());
        assert_eq!(refused(answer), (false, "SIGNERROR".into()));
    }
}

#[test]
fn an_order_can_be_paid_until_its_time() {
    let mut bench = Bench::new();
    let now_ms = bench.now_ms;
    let lifetime = |seconds: i64| Lifetime::new(now_ms, now_ms + seconds * 1000).unwrap();
    let mut request = order_of(Trade::Native);
    request.lifetime = Some(lifetime(30));
    let (signed, message) = {
        let mut bench = Bench::new();
        code(bench.ionline_order(&request))
    };
    assert!(!signed && message.contains("time_expire"), "{message}");
    request.lifetime = Some(lifetime(120));
    bench.ionline_order(&request).unwrap();
    bench.control("/sandbox/time", &json!({"advance_seconds": 120}));
    let pay = json!({"mch_id": "1900000114", "out_trade_no": NUMBER, "payer": "alice"});
    assert_eq!(bench.control("/sandbox/pay", &pay)["reason"], "EXPIRED");
    let refused = code(bench.ionline_order(&request));
    assert_eq!(refused, (true, "ORDERCLOSED".into()));
}

#[test]
fn refunds_are_idempotent_and_limited_by_the_payment() {
    let mut bench = Bench::new();
    bench.ionline_order(&order_of(Trade::Native)).unwrap();
    let refused = |answer| code(answer);
    assert_eq!(
        refused(bench.ionline_refund("R1", 88)),
        (true, "TRADE_STATE_ERROR".into())
    );
    let mut bench = Bench::new();
    bench.alice_pays();
    bench.ionline_refund("R1", 88).unwrap();
    bench.ionline_refund("R1", 88).unwrap();
    assert_eq!(
        refused(bench.ionline_refund("R1", 89)),
        (true, "INVALID_REQUEST".into())
    );
    assert_eq!(
        refused(bench.ionline_refund("R2", 801)),
        (true, "REFUND_FEE_INVALID".into())
    );
    bench.ionline_refund("R2", 800).unwrap();
    let payment = match bench.ionline_state() {
        TradeState::Refund(payment) => payment,
        other => panic!("{other:?}"),
    };

    let by_number = || refundquery::Lookup::OutRefundNo(text("R1"));
    assert_eq!(
        bench.ionline_refunds(by_number()),
        Ok(vec![("R1".into(), Status::Processing)])
    );
    let refuse = json!({"status": "CHANGE"});
    bench.control("/sandbox/refunds/1900000114/R2", &refuse);
    bench.control("/sandbox/time", &json!({"advance_seconds": 60}));
    let both = vec![
        ("R1".to_owned(), Status::Success),
        ("R2".to_owned(), Status::Change),
    ];
    for by in [
        refundquery::Lookup::OutTradeNo(number()),
        refundquery::Lookup::TransactionId(text(&payment.transaction_id)),
    ] {
        assert_eq!(bench.ionline_refunds(by), Ok(both.clone()));
    }
    assert_eq!(
        code(bench.ionline_refunds(refundquery::Lookup::RefundId(text("1")))),
        (true, "REFUNDNOTEXIST".into())
    );
}

/// Orders in other dialects, or of other merchants, are not found.
#[test]
fn orders_of_other_dialects_are_not_found() {
    let mut bench = Bench::new();
    bench.order(|_| {});
    let refused = code(bench.ionline_query(OrderNumber::OutTradeNo(number())));
    assert_eq!(refused, (true, "ORDERNOTEXIST".into()));
    let mut night_market = order_fields();
    night_market.set("appid", IONLINE_APPID);
    night_market.set("mch_id", "1900000114");
    let v2_key = Secret::new("weceive-sandbox-nite-key-0000004");
    let xml = night_market.sealed(&v2_key, SignType::Md5).to_xml();
    let made = bench.post("/pay/unifiedorder", xml.as_bytes());
    assert_eq!(made.get("result_code"), Some("SUCCESS"));
    let refused = code(bench.ionline_query(OrderNumber::OutTradeNo(number())));
    assert_eq!(refused, (true, "ORDERNOTEXIST".into()));
}

#[test]
fn a_number_requests_its_fault() {
    let mut bench = Bench::new();
    let numbered = |number: &str| {
        let mut request = order_of(Trade::Native);
        request.out_trade_no = OutTradeNo::new(number).unwrap();
        request
    };
    for (number, expect) in [
        ("T_FAULT_SYSTEMERROR", (true, "SYSTEMERROR")),
        ("T_FAULT_NOAUTH", (true, "NOAUTH")),
        ("T_FAULT_SIGNERROR", (false, "400 签名错误")),
    ] {
        let refused = code(bench.ionline_order(&numbered(number)));
        assert_eq!(refused, (expect.0, expect.1.into()), "{number}");
    }
    // Executed, and the answer is lost.
    let form = numbered("T_FAULT_NO_ANSWER_AFTER").to_form(&key());
    let answer = bench.ask(Method::POST, ionline::PATH, form.as_bytes());
    assert_eq!(answer.status(), 504);
    let made = bench.look("/sandbox/orders/1900000114/T_FAULT_NO_ANSWER_AFTER");
    assert_eq!(made["trade_state"], "NOTPAY");
    // Only one call, by v2's name for it.
    let only = numbered("T_FAULT_SYSTEMERROR@orderquery");
    bench.ionline_order(&only).unwrap();
    assert_eq!(
        code(bench.ionline_query(OrderNumber::OutTradeNo(only.out_trade_no))),
        (true, "SYSTEMERROR".into())
    );

    let fail = json!({"fail_next": {"path": "ionline.unified.trade.query", "code": "SYSTEMERROR"}});
    assert_eq!(
        bench.control("/sandbox/faults", &fail)["status"],
        Value::Null
    );
    bench.ionline_order(&order_of(Trade::Native)).unwrap();
    let error = bench
        .ionline_query(OrderNumber::OutTradeNo(number()))
        .unwrap_err();
    assert!(error.is_unknown_outcome() && error.is_retryable());
    assert_eq!(bench.ionline_state(), TradeState::NotPay);
}

#[test]
fn a_payment_inside_wechat_is_answered_with_both_ways_to_start_it() {
    for start in [Start::PayUrl, Start::Bridge, Start::MiniProgram] {
        let mut bench = Bench::new();
        let answer = bench.ionline_fields(order_of(jspay(start)).to_fields());
        let url = answer["pay_url"].as_str().unwrap();
        assert!(url.contains("/gateway/pay?token_id="), "{url}");
        assert!(url.len() <= 128, "{url}");
        let package: Value = serde_json::from_str(answer["pay_info"].as_str().unwrap()).unwrap();
        let body = json!({"payer": "alice", "package": package, "action": "pay"});
        assert_eq!(
            bench.control("/sandbox/bridge", &body)["ok"],
            true,
            "{start:?}"
        );
    }
    let mut bench = Bench::new();
    let answer = bench.ionline_fields(order_of(Trade::Native).to_fields());
    assert_eq!(answer["pay_url"], Value::Null);
    assert_eq!(answer["pay_info"], Value::Null);
}

#[test]
fn one_time_without_the_other_sets_no_expiry() {
    for field in ["time_expire", "time_start"] {
        let mut bench = Bench::new();
        // A time in the past: with both times, the order would be refused.
        let fields = order_of(Trade::Native).to_fields();
        let answer = bench.ionline_fields(fields.with(field, "20091225091010"));
        assert_eq!(answer["result_code"], "0", "{answer}");
        let order = bench.look(&format!("/sandbox/orders/1900000114/{NUMBER}"));
        assert_eq!(
            order["payable_until_ms"],
            bench.now_ms + 2 * 3600 * 1000,
            "{field}"
        );
    }
}

/// `fields` as a browser or a library sends "Form-Data".
fn multipart(fields: &Fields, boundary: &str) -> Vec<u8> {
    let parts = fields.iter().map(|(name, value)| {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
    });
    let mut body: String = parts.collect();
    body.push_str(&format!("--{boundary}--\r\n"));
    body.into_bytes()
}

#[test]
fn a_form_may_be_multipart() {
    const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
    let mut bench = Bench::new();
    let mut ask = |content_type: &str, body: Vec<u8>| -> Value {
        let request = Request::builder()
            .method("POST")
            .uri("http://127.0.0.1:8788/gateway/")
            .header("host", "127.0.0.1:8788")
            .header("content-type", content_type)
            .body(body)
            .unwrap();
        serde_json::from_slice(bench.send(&request).body()).unwrap()
    };
    let fields = order_of(Trade::Native)
        .to_fields()
        .sealed(&key(), SignType::Md5);
    let good = multipart(&fields, BOUNDARY);
    for content_type in [
        format!("multipart/form-data; boundary={BOUNDARY}"),
        format!("Multipart/Form-Data; charset=utf-8; Boundary=\"{BOUNDARY}\""),
    ] {
        let answer = ask(&content_type, good.clone());
        assert_eq!(answer["result_code"], "0", "{answer}");
    }
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let cut = good[..good.len() - 20].to_vec();
    let end = format!("--{BOUNDARY}--\r\n").len();
    let again = multipart(&Fields::new().with("body", "again"), BOUNDARY);
    let twice = [&good[..good.len() - end], &again].concat();
    for (content_type, body, code) in [
        ("multipart/form-data", good.clone(), "INVALID_REQUEST"),
        (
            "multipart/form-data; boundary=other",
            good,
            "INVALID_REQUEST",
        ),
        (content_type.as_str(), cut, "INVALID_REQUEST"),
        (content_type.as_str(), b"--".to_vec(), "INVALID_REQUEST"),
        (content_type.as_str(), twice, "INVALID_REQUEST"),
        (content_type.as_str(), vec![0xff, 0xfe], "NOT_UTF8"),
    ] {
        let answer = ask(content_type, body);
        assert_eq!(answer["err_code"], code, "{content_type}: {answer}");
    }
}
