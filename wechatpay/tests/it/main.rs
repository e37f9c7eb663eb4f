//! Messages, compared with vectors and samples from outside this project.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test may stop it, as the test itself may"
)]

mod bills;
mod bookkeeping;
mod code2session;
mod error_codes;
mod ionline;
mod malformed_xml;
mod messages;
mod native;
mod notices;
mod oauth;
mod quick_pay;
mod refunds;
mod samples;
mod v3;
mod vectors;

use order::{Account, Currency, Money, OutTradeNo, Payment, TradeType};
use wechatpay::Secret;
use wechatpay::common::prepay::{NotifyUrl, Payer};
use wechatpay::common::{Fields, SignType, Text, time};
use wechatpay::v2::prepay::{self, Trade};

const NONCE: &str = "IITRi8IabbbIz1Jc";

fn nonce() -> Text<32> {
    Text::new("nonce_str", NONCE).unwrap()
}

/// An answer's bytes, signed with our key.
fn sealed(fields: Fields, sign_type: SignType) -> Vec<u8> {
    fields.sealed(&key(), sign_type).to_xml().into_bytes()
}

/// The fields of a request that was sent, with a valid signature.
fn received(xml: &str, sign_type: SignType) -> Fields {
    let fields = Fields::parse(xml.as_bytes()).unwrap();
    assert_eq!(fields.verify(&key(), sign_type), Ok(()));
    assert_eq!(fields.declared_sign_type(), Some(sign_type));
    fields
}

/// Fields with some of them set or removed.
fn changed(fields: &Fields, change: &[(&str, Option<&str>)]) -> Fields {
    let mut fields = fields.clone();
    for (name, value) in change {
        match value {
            Some(value) => fields.set(name, *value),
            None => drop(fields.remove(name)),
        }
    }
    fields
}

/// A fixed stream of numbers: the same mutations on every run.
fn xorshift(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 33).unwrap()
}

/// Calls `check` with the bytes after a few were changed, removed or cut off,
/// or after one of the pieces was inserted.
fn mutate(rounds: usize, original: &[u8], pieces: &[&[u8]], mut check: impl FnMut(&[u8])) {
    let mut state = 0x2545_F491_4F6C_DD1D;
    for _ in 0..rounds {
        let mut bytes = original.to_vec();
        for _ in 0..=xorshift(&mut state) % 2 {
            let at = xorshift(&mut state) % bytes.len();
            match xorshift(&mut state) % 4 {
                0 => bytes[at] ^= 1 << (xorshift(&mut state) % 8),
                1 => drop(bytes.remove(at)),
                2 => bytes.truncate(at + 1),
                _ => {
                    let piece = pieces[xorshift(&mut state) % pieces.len()];
                    bytes.splice(at..at, piece.iter().copied());
                }
            }
        }
        check(&bytes);
    }
}

/// The manual's own example key.
fn key() -> Secret {
    Secret::new("192006250b4c09247ec02edce69f6a2d")
}

fn direct() -> Account {
    Account {
        appid: "wx2421b1c4370ec43b".to_owned(),
        mch_id: "10000100".to_owned(),
        sub_appid: None,
        sub_mch_id: None,
    }
}

fn institution() -> Account {
    Account {
        sub_appid: Some("wx8888888888888888".to_owned()),
        sub_mch_id: Some("1900000109".to_owned()),
        ..direct()
    }
}

fn order(account: Account, trade: Trade, sign_type: SignType) -> prepay::Request {
    prepay::Request {
        account,
        device_info: Some(Text::new("device_info", "WEB").unwrap()),
        nonce_str: Text::new("nonce_str", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS").unwrap(),
        sign_type,
        body: Text::new("body", "茶 & <cake>").unwrap(),
        detail: None,
        attach: Some(Text::new("attach", "]]>\r\n🍵 ").unwrap()),
        out_trade_no: OutTradeNo::new("1415659990").unwrap(),
        money: Money::new(888, Currency::Hkd).unwrap(),
        spbill_create_ip: "2001:db8::1".parse().unwrap(),
        time_start_ms: time::parse_china("20091225091010").ok(),
        time_expire_ms: time::parse_china("20091227091010").ok(),
        goods_tag: None,
        notify_url: NotifyUrl::new("https://pay.example/notify/v2/demo").unwrap(),
        limit_pay: Some(Text::new("limit_pay", "no_credit").unwrap()),
        trade,
    }
}

fn jsapi_order(sign_type: SignType) -> prepay::Request {
    let payer = Payer::of(&direct(), "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap();
    order(direct(), Trade::Jsapi(payer), sign_type)
}

fn payment(account: Account) -> Payment {
    Payment {
        account,
        out_trade_no: "1415659990".to_owned(),
        transaction_id: "1004400740201409030005092168".to_owned(),
        money: Money::new(888, Currency::Hkd).unwrap(),
        trade_type: TradeType::Jsapi,
        openid: Some("oUpF8uMEb4qRXf22hE3X68TekukE".to_owned()),
        sub_openid: None,
        is_subscribe: Some("Y".to_owned()),
        sub_is_subscribe: None,
        bank_type: Some("CMC".to_owned()),
        cash_fee: Some(754),
        cash_fee_type: Some("CNY".to_owned()),
        rate: Some("84853800".to_owned()),
        attach: Some("]]>\r\n🍵 ".to_owned()),
        time_end: "20141030133525".to_owned(),
    }
}
