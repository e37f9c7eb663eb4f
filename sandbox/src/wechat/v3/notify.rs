//! Notices: made at the event, encrypted and signed when they are sent.

use super::{refund, seal};
use crate::moment::Moment;
use crate::wechat::dialect::Dialect;
use crate::wechat::faults::{self, Forgery, MessageKind};
use crate::wechat::notices::{Content, Letter, Notice, NoticeSubject};
use crate::wechat::orders::Order;
use crate::wechat::refunds;
use crate::wechat::state::WeChat;
use order::{Currency, Money, Payment};
use wechatpay::Secret;
use wechatpay::common::time::china;
use wechatpay::v3::Region;
use wechatpay::v3::refund::Refund;
use wechatpay::v3::{notify, refund_notify};

/// The name of notices after an `@` in a number.
const NAME: &str = "notice";

/// The notice of a payment.
pub(crate) fn payment(order: &Order, moment: &mut Moment<'_>) -> Option<Content> {
    Some(Content::Event {
        id: event_id(moment),
        created_ms: moment.now_ms,
        subject: NoticeSubject::Paid(Box::new(order.payment()?.clone())),
    })
}

/// The notice of a refund's end.
pub(crate) fn refund(refund: &refunds::Refund, at_ms: i64) -> Content {
    Content::Event {
        // WeChat's number for the refund ends in ten random digits.
        id: format!("EV-{}{}", china(at_ms), last(&refund.refund_id, 5)),
        created_ms: at_ms,
        subject: NoticeSubject::Refunded(refund.key()),
    }
}

/// `EV-` and 19 digits that begin with the time in China.
fn event_id(moment: &mut Moment<'_>) -> String {
    format!("EV-{}{}", china(moment.now_ms), moment.digits(5))
}

/// The headers and the body of one attempt. A forgery that a number requests
/// applies to the first attempt only, so a correct one follows; a forgery of a
/// control call applies to the number of attempts that the call sets.
pub(crate) fn seal(
    wechat: &mut WeChat,
    notice: &Notice,
    moment: &mut Moment<'_>,
) -> Option<(Vec<(String, String)>, String)> {
    let letter = &notice.letter;
    let Content::Event {
        id,
        created_ms,
        subject,
    } = &letter.content
    else {
        return None;
    };
    let requested_forgery =
        requested_forgery(wechat, letter, subject).filter(|_| notice.attempts_made() == 0);
    let forgery = wechat
        .take_forgery(MessageKind::Notice)
        .or(requested_forgery);
    let merchant = wechat.merchants.get(&letter.mch_id)?;
    let key = Secret::new(merchant.apiv3_key.as_str());
    let nonce = moment.alphanumeric(12);
    let region = match letter.dialect {
        Dialect::V3Global => Region::Global,
        _ => Region::Mainland,
    };
    let mut envelope = match subject {
        NoticeSubject::Paid(payment) => {
            let notice = notify::Notice {
                id: id.clone(),
                payment: altered(payment, forgery),
            };
            notice.seal(region, *created_ms, &nonce, &key).ok()?
        }
        NoticeSubject::Refunded(refund_key) => {
            let refund = wechat.refunds.get(refund_key)?;
            let order = wechat.orders.get(&refund.order_key)?;
            let notice = refund_notify::Notice {
                id: id.clone(),
                merchant: (&altered(order.payment()?, forgery).account).into(),
                refund: Refund {
                    money: altered_money(refund.money, forgery),
                    ..refund::refund_message(order, refund, region)
                },
            };
            notice.seal(region, *created_ms, &nonce, &key)?.ok()?
        }
    };
    match forgery {
        Some(Forgery::NonceLength) => {
            envelope.resource.nonce.pop();
        }
        Some(Forgery::CutCiphertext) => envelope.resource.ciphertext.truncate(16),
        _ => {}
    }
    let mut body = envelope.to_json();
    if forgery == Some(Forgery::UnknownEvent) {
        body = body.replacen(envelope.event.as_str(), "SANDBOX.UNKNOWN", 1);
    }
    let mut body = body.into_bytes();
    if forgery == Some(Forgery::DuplicateKeys) {
        seal::double_a_key(&mut body);
    }
    let mut headers = vec![
        ("Content-Type".to_owned(), "application/json".to_owned()),
        ("Request-ID".to_owned(), format!("{}-0", moment.hex(32))),
    ];
    headers.extend(seal::headers(
        wechat.rsa, merchant, None, &body, forgery, moment,
    ));
    Some((headers, String::from_utf8(body).ok()?))
}

/// The forgery that the refund's or the order's number requests.
fn requested_forgery(wechat: &WeChat, letter: &Letter, subject: &NoticeSubject) -> Option<Forgery> {
    let refund = match subject {
        NoticeSubject::Paid(_) => None,
        NoticeSubject::Refunded(key) => wechat.refunds.get(key),
    };
    let numbers = refund.map(|refund| refund.out_refund_no.as_str());
    let mut numbers = numbers.into_iter().chain([letter.out_trade_no.as_str()]);
    numbers.find_map(|number| Forgery::from_prefix(faults::text_after_fault(number, NAME)?))
}

/// A payment, changed by a forgery.
fn altered(payment: &Payment, forgery: Option<Forgery>) -> Payment {
    let mut altered = payment.clone();
    altered.money = altered_money(payment.money, forgery);
    match forgery {
        Some(Forgery::OtherMerchant) => altered.account.mch_id = "1900000000".to_owned(),
        Some(Forgery::UnknownSubMchid) => {
            altered.account.sub_mch_id = Some("1900000999".to_owned())
        }
        _ => {}
    }
    altered
}

fn altered_money(money: Money, forgery: Option<Forgery>) -> Money {
    let (amount, currency) = (money.amount_minor(), money.currency());
    let altered = match forgery {
        Some(Forgery::OtherAmount) => Money::new(amount + 1, currency),
        Some(Forgery::OtherCurrency) if currency == Currency::Usd => {
            Money::new(amount, Currency::Cny)
        }
        Some(Forgery::OtherCurrency) => Money::new(amount, Currency::Usd),
        _ => Ok(money),
    };
    altered.unwrap_or(money)
}

fn last(text: &str, characters: usize) -> &str {
    let at = text.len().saturating_sub(characters);
    text.get(at..).unwrap_or(text)
}
