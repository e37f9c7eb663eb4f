//! Documents that share one signature.
//!
//! v2 and iOnline sign `name=value` pairs joined by `&` and not escaped (WeChat
//! Pay v2 manual, section 4.3.1). Where a value contains `&`, one signed text
//! is the text of several documents. This target builds such documents: a
//! genuine one that contains the fields of a forged one inside a value, and
//! others that are split from its text. It asserts that of all documents with
//! one signed text a reader accepts at most one payment, product or refund, and
//! `checksign`'s rule at most one document.

use super::wire::key;
use order::{Account, Currency, Payment, TradeState};
use wechatpay::common::fields::is_name;
use wechatpay::common::{Fields, OrderNumber, SignType, Text};
use wechatpay::ionline as acquirer;
use wechatpay::v2::{native, notify, query, refundquery};

/// The forger's fields, and fields that a genuine document may omit.
const FORGED: [(&str, &str); 20] = [
    ("appid", "wx0000000000000000"),
    ("bank_type", "XXX"),
    ("cash_fee", "1"),
    ("cash_fee_type", "USD"),
    ("fee_type", "USD"),
    ("is_subscribe", "Y"),
    ("mch_id", "1900000110"),
    ("openid", "oForged"),
    ("out_refund_no_0", "R2"),
    ("out_trade_no", "A1"),
    ("product_id", "gold"),
    ("rate", "1"),
    ("refund_fee_0", "1"),
    ("refund_id_0", "5"),
    ("refund_status_0", "SUCCESS"),
    ("result_code", "SUCCESS"),
    ("time_end", "20260102110405"),
    ("total_fee", "999999"),
    ("trade_state", "SUCCESS"),
    ("transaction_id", "4200000000000000000000000042"),
];

/// Fields whose value another system or a payer may have chosen, and fields
/// that no reader uses.
const CARRIERS: [&str; 8] = [
    "aaa",
    "attach",
    "bank_type",
    "device_info",
    "is_subscribe",
    "openid",
    "promotion_detail",
    "zzz",
];

/// Decisions from the input's bytes; after its end, always the first choice.
struct Choices<'i>(std::slice::Iter<'i, u8>);

impl Choices<'_> {
    fn below(&mut self, n: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte) % n)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }
}

fn account() -> Account {
    Account {
        appid: "wx5a11d0b0c0ffee01".to_owned(),
        mch_id: "1900000109".to_owned(),
        sub_appid: None,
        sub_mch_id: None,
    }
}

/// A genuine document of a payment, with the fields that each kind of message
/// needs.
fn true_document(kind: Kind) -> Fields {
    let fields = Fields::new()
        .with("appid", "wx5a11d0b0c0ffee01")
        .with("attach", "table 7")
        .with("bank_type", "CFT")
        .with("mch_id", "1900000109")
        .with("nonce_str", "5d2b6c2a8db53831f7eda20af46e531c")
        .with("openid", "oUpF8uMEb4qRXf22hE3X68TekukE")
        .with("out_trade_no", "A1")
        .with("time_end", "20260102110405")
        .with("total_fee", "150")
        .with("transaction_id", "4200000000000000000000000001");
    match kind {
        Kind::Notice | Kind::Query => fields
            .with("return_code", "SUCCESS")
            .with("result_code", "SUCCESS")
            .with("trade_type", "NATIVE"),
        Kind::RefundQuery => fields
            .with("return_code", "SUCCESS")
            .with("result_code", "SUCCESS")
            .with("refund_count", "1")
            .with("out_refund_no_0", "R1")
            .with("refund_id_0", "50000000000000000000000000001")
            .with("refund_fee_0", "100")
            .with("refund_status_0", "PROCESSING"),
        Kind::Callback => Fields::new()
            .with("appid", "wx5a11d0b0c0ffee01")
            .with("is_subscribe", "N")
            .with("mch_id", "1900000109")
            .with("nonce_str", "n")
            .with("openid", "oUpF8uMEb4qRXf22hE3X68TekukE")
            .with("product_id", "tea"),
        Kind::IonlineNotice | Kind::IonlineQuery => fields
            .with("charset", "UTF-8")
            .with("result_code", "0")
            .with("pay_result", "0")
            .with("sign_type", "MD5")
            .with("status", "0")
            .with("sub_appid", "wx5a11d0b0c0ffee01")
            .with("trade_type", "ionline.pay.weixin.native.intl")
            .with("version", "1.0"),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Notice,
    Query,
    RefundQuery,
    Callback,
    IonlineNotice,
    IonlineQuery,
}

const KINDS: [Kind; 6] = [
    Kind::Notice,
    Kind::Query,
    Kind::RefundQuery,
    Kind::Callback,
    Kind::IonlineNotice,
    Kind::IonlineQuery,
];

/// What a reader accepts from a document; without `attach` where the order
/// compares it with its own.
fn accepted(kind: Kind, fields: &Fields) -> Option<String> {
    let (key, md5) = (key(), SignType::Md5);
    let account = account();
    let merchant = acquirer::Merchant {
        account: &account,
        currency: Currency::Hkd,
    };
    let paid = |state: TradeState| match state {
        TradeState::Success(payment) | TradeState::Refund(payment) => Some(format!(
            "{:?}",
            Payment {
                attach: None,
                ..*payment
            }
        )),
        _ => None,
    };
    let nonce = || Text::new("nonce_str", "n").expect("a nonce");
    let by = || OrderNumber::OutTradeNo(order::OutTradeNo::new("A1").expect("a number"));
    match kind {
        Kind::Notice => notify::Notice::read(fields.to_xml().as_bytes(), &key, md5)
            .ok()
            .map(|notice| format!("{notice:?}")),
        Kind::Callback => native::Callback::read(fields.to_xml().as_bytes(), &key, md5)
            .ok()
            .map(|callback| format!("{callback:?}")),
        Kind::IonlineNotice => {
            let notice = acquirer::notify::Notice::read(fields.to_xml().as_bytes(), merchant, &key);
            notice.ok().map(|notice| format!("{notice:?}"))
        }
        Kind::Query => {
            let request = query::Request {
                account: account.clone(),
                by: by(),
                nonce_str: nonce(),
                sign_type: md5,
            };
            let answer = query::Answer::read(fields.to_xml().as_bytes(), &request, &key);
            answer.ok().and_then(|answer| paid(answer.state))
        }
        Kind::IonlineQuery => {
            let request = acquirer::query::Request {
                mch_id: Text::new("mch_id", &account.mch_id).expect("a number"),
                by: by(),
                nonce_str: nonce(),
            };
            let json = acquirer::json::write(fields);
            let answer = acquirer::query::Answer::read(json.as_bytes(), &request, merchant, &key);
            answer.ok().and_then(|answer| paid(answer.state))
        }
        Kind::RefundQuery => {
            let request = refundquery::Request {
                account: account.clone(),
                by: refundquery::Lookup::OutTradeNo(
                    order::OutTradeNo::new("A1").expect("a number"),
                ),
                offset: None,
                nonce_str: nonce(),
                sign_type: md5,
            };
            let answer = refundquery::Answer::read(fields.to_xml().as_bytes(), &request, &key);
            answer.ok().map(|answer| format!("{answer:?}"))
        }
    }
}

/// One way to split a signed text: each `&` ends a field or belongs to a value.
/// `None` where the parts are not a document with this text.
fn cut(text: &str, ends_field: impl Fn(usize) -> bool) -> Option<Fields> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for (at, piece) in text.split('&').enumerate() {
        match fields.last_mut() {
            Some((_, value)) if !ends_field(at) => {
                value.push('&');
                value.push_str(piece);
            }
            _ => {
                let (name, value) = piece.split_once('=')?;
                fields.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    let mut document = Fields::new();
    for (name, value) in fields {
        if !is_name(&name) || document.get(&name).is_some() || name == "sign" {
            return None;
        }
        document.push(&name, value);
    }
    (document.signing_text() == text).then_some(document)
}

/// The input decides the message, the forged fields, the field that contains
/// them, and how the text is split.
pub(super) fn refold(input: &[u8]) {
    let mut choices = Choices(input.iter());
    let kind = KINDS[choices.below(KINDS.len())];
    let mut document = true_document(kind);
    let carrier = CARRIERS[choices.below(CARRIERS.len())];
    let swallowing = CARRIERS[choices.below(CARRIERS.len())];
    let mut injected = String::new();
    for (name, value) in FORGED {
        // Mostly in the order of a signed text, after the containing field.
        if name > carrier && !choices.one_in(4) {
            injected.push_str(&format!("&{name}={value}"));
        }
    }
    injected.push_str(&format!("&{swallowing}="));
    let value = document.get(carrier).unwrap_or("x").to_owned();
    document.set(carrier, format!("{value}{injected}"));
    let text = document.signing_text();
    let sign = document.sign(&key(), SignType::Md5);

    let swallow = format!("&{swallowing}=");
    let at_swallow = text
        .find(&swallow)
        .map_or(0, |at| text[..at].matches('&').count() + 1);
    let mut cuts = vec![
        Some(document),
        // Each part is a field.
        cut(&text, |_| true),
        // The forged fields, and the rest in one value.
        cut(&text, |at| at <= at_swallow),
    ];
    for _ in 0..8 {
        let bits: Vec<bool> = text.split('&').map(|_| !choices.one_in(3)).collect();
        cuts.push(cut(&text, |at| bits[at]));
    }
    let mut answers: Vec<String> = Vec::new();
    let mut valid: Vec<Fields> = Vec::new();
    for fields in cuts.into_iter().flatten() {
        assert_eq!(fields.signing_text(), text);
        let signed = fields.clone().with("sign", &sign);
        assert_eq!(signed.verify(&key(), SignType::Md5), Ok(()));
        if let Some(answer) = accepted(kind, &signed)
            && !answers.contains(&answer)
        {
            answers.push(answer);
        }
        // `POST /v1/checksign` accepts only unambiguous documents.
        if signed.unambiguous().is_ok() {
            let mut pairs: Vec<(String, String)> = fields
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            pairs.sort();
            let fields = pairs
                .into_iter()
                .fold(Fields::new(), |f, (n, v)| f.with(&n, v));
            if !valid.contains(&fields) {
                valid.push(fields);
            }
        }
    }
    assert!(answers.len() <= 1, "{kind:?}: {text}\n{answers:#?}");
    assert!(valid.len() <= 1, "{kind:?}: {text}\n{valid:#?}");
}
