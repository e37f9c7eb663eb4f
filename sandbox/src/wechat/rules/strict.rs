//! Rules that the manuals state and that WeChat is known not to enforce always.
//! A strict account ([`Merchant::strict`](crate::Merchant)) enforces them, so
//! that code which passes here does not depend on WeChat's leniency.
//! `docs/sandbox.md` lists them, each with its section; a test compares the two
//! lists.

use crate::web::Request;
use crate::wechat::accounts::Merchant;
use crate::wechat::dialect::Dialect;
use crate::wechat::orders::State;
use crate::wechat::payers::Payer;
use crate::wechat::state::WeChat;
use order::TradeType;
use serde_json::{Map, Value};
use std::fmt;
use std::net::IpAddr;
use wechatpay::common::time::{china, parse_china};
use wechatpay::common::{Date, Fields, Problem};

/// Every rule: the value that a strict account refuses, and the section of the
/// manual.
#[cfg(test)]
pub(crate) const RULES: [(&str, &str); 10] = [
    ("NATIVE without `product_id`", NATIVE_PRODUCT_ID),
    ("`detail` that is not a list of goods", GOODS),
    ("`detail` that costs more than the order", GOODS),
    ("`limit_pay` other than `no_credit`", LIMIT_PAY),
    ("Quick Pay `body` over 32 bytes", QUICK_PAY_BODY),
    ("`out_refund_no` over 32 bytes", OUT_REFUND_NO),
    ("an IPv6 address, but for H5", IP_ADDRESS),
    (
        "more than 5 Quick Pay payments a day without the password",
        WITHOUT_PASSWORD,
    ),
    (
        "a refund more than 3 months after the payment",
        REFUND_PERIOD,
    ),
    (
        "a v2 refund or reverse without the client certificate",
        CLIENT_CERTIFICATE,
    ),
];

/// The section of NATIVE's product.
pub(crate) const NATIVE_PRODUCT_ID: &str = "WeChat Pay v2 manual, section 9.1.4";
/// The sections about the items of `goods_detail` and their prices.
pub(crate) const GOODS: &str = "WeChat Pay v2 manual, sections 5.5.4 and 9.1.4";
/// The section of `limit_pay`.
pub(crate) const LIMIT_PAY: &str = "WeChat Pay v2 manual, section 9.1.4";
/// The section of Quick Pay's `body`.
pub(crate) const QUICK_PAY_BODY: &str = "WeChat Pay v2 manual, section 5.5.4";
/// The sections of `out_refund_no`.
pub(crate) const OUT_REFUND_NO: &str = "WeChat Pay v2 manual, sections 9.4.4 and 9.5.4";
/// The sections of addresses, which are `String(16)`.
pub(crate) const IP_ADDRESS: &str = "WeChat Pay v2 manual, sections 5.5.4, 9.1.4 and 9.8.4";
/// The section of payments without a password.
#[cfg(test)]
pub(crate) const WITHOUT_PASSWORD: &str = "WeChat Pay v2 manual, section 5.2";
/// The section of how long a payment can be refunded.
#[cfg(test)]
pub(crate) const REFUND_PERIOD: &str = "WeChat Pay v2 manual, section 9.4.1";

/// The sections of calls that need the client certificate.
#[cfg(test)]
pub(crate) const CLIENT_CERTIFICATE: &str = "WeChat Pay v2 manual, sections 5.9 and 9.4";

/// How many payments a payer can make in a day without the password.
const WITHOUT_PASSWORD_A_DAY: usize = 5;

/// The longest Quick Pay `body` and `out_refund_no`, in bytes.
const SHORT_BYTES: usize = 32;

/// A value that a strict account refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undocumented {
    /// Where it is: `limit_pay`, `detail.goods_detail[0].price`.
    pub(crate) field: String,
    pub(crate) problem: Problem,
    /// The document and its section.
    rule: &'static str,
}

impl fmt::Display for Undocumented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} ({}; this account is strict: POST /sandbox/merchants/{{mch_id}} \
             {{\"strict\": false}} changes that)",
            self.field, self.problem, self.rule
        )
    }
}

type Checked = Result<(), Undocumented>;

fn refused(field: impl Into<String>, problem: Problem, rule: &'static str) -> Checked {
    Err(Undocumented {
        field: field.into(),
        problem,
        rule,
    })
}

/// `product_id` of NATIVE is required.
pub(crate) fn product_id(trade_type: TradeType, given: bool) -> Checked {
    if trade_type == TradeType::Native && !given {
        return refused("product_id", Problem::Missing, NATIVE_PRODUCT_ID);
    }
    Ok(())
}

/// `limit_pay` has one value.
pub(crate) fn limit_pay(given: Option<&str>) -> Checked {
    match given {
        None | Some("no_credit") => Ok(()),
        Some(_) => refused("limit_pay", Problem::UnknownValue, LIMIT_PAY),
    }
}

/// `String(32)`, in bytes.
pub(crate) fn at_most_32(field: &str, value: &str, rule: &'static str) -> Checked {
    if value.len() > SHORT_BYTES {
        let max_bytes = SHORT_BYTES;
        return refused(field, Problem::TooLong { max_bytes }, rule);
    }
    Ok(())
}

/// `String(16)` is too short for an IPv6 address.
pub(crate) fn ipv4(field: &str, address: IpAddr) -> Checked {
    match address {
        IpAddr::V4(_) => Ok(()),
        IpAddr::V6(_) => refused(field, Problem::BadFormat, IP_ADDRESS),
    }
}

/// A member of each item of `goods_detail`: its names, of which one must be
/// present.
#[derive(Clone, Copy)]
enum Member {
    /// A text of at most this many bytes.
    Text(&'static [&'static str], usize),
    /// A whole number.
    Quantity(&'static [&'static str]),
    /// A whole number of the order's smallest unit.
    Price(&'static [&'static str]),
}

/// v2's members. The manual's own example has `goods_num` in one item and
/// `quantity` in another.
const V2_MEMBERS: [Member; 4] = [
    Member::Text(&["goods_id"], 32),
    Member::Text(&["goods_name"], 256),
    Member::Quantity(&["quantity", "goods_num"]),
    Member::Price(&["price"]),
];

/// APIv3's members: Global's names, then the mainland's.
const V3_MEMBERS: [Member; 3] = [
    Member::Text(&["goods_id", "merchant_goods_id"], 32),
    Member::Quantity(&["quantity"]),
    Member::Price(&["price", "unit_price"]),
];

/// v2's `detail`: JSON text with a list of goods that cost no more than the
/// order.
pub(crate) fn goods_text(detail: Option<&str>, total_minor: i64) -> Checked {
    match detail.map(serde_json::from_str) {
        None => Ok(()),
        Some(Ok(Value::Object(detail))) => check_goods(&detail, total_minor, &V2_MEMBERS),
        Some(_) => refused("detail", Problem::BadFormat, GOODS),
    }
}

/// APIv3's `detail`.
pub(crate) fn goods(detail: Option<&Map<String, Value>>, total_minor: i64) -> Checked {
    detail.map_or(Ok(()), |it| check_goods(it, total_minor, &V3_MEMBERS))
}

fn check_goods(detail: &Map<String, Value>, total_minor: i64, members: &[Member]) -> Checked {
    const LIST: &str = "detail.goods_detail";
    let items = match detail.get("goods_detail") {
        None => return refused(LIST, Problem::Missing, GOODS),
        Some(Value::Array(items)) if !items.is_empty() => items,
        Some(_) => return refused(LIST, Problem::BadFormat, GOODS),
    };
    let mut cost = 0_i64;
    for (at, item) in items.iter().enumerate() {
        let Value::Object(item) = item else {
            return refused(format!("{LIST}[{at}]"), Problem::BadFormat, GOODS);
        };
        let (mut quantity, mut price) = (0, 0);
        for member in members {
            let (Member::Text(names, _) | Member::Quantity(names) | Member::Price(names)) = member;
            let found = names
                .iter()
                .find_map(|name| Some((*name, item.get(*name)?)));
            let Some((name, value)) = found else {
                let name = names.first().copied().unwrap_or_default();
                return refused(format!("{LIST}[{at}].{name}"), Problem::Missing, GOODS);
            };
            let field = format!("{LIST}[{at}].{name}");
            match (*member, value.as_str(), value.as_i64()) {
                (Member::Text(_, max_bytes), Some(text), _) if text.len() > max_bytes => {
                    return refused(field, Problem::TooLong { max_bytes }, GOODS);
                }
                (Member::Text(..), Some(text), _) if !text.is_empty() => {}
                (Member::Quantity(_), _, Some(number)) if number > 0 => quantity = number,
                (Member::Price(_), _, Some(number)) if number >= 0 => price = number,
                _ => return refused(field, Problem::BadFormat, GOODS),
            }
        }
        cost = cost.saturating_add(quantity.saturating_mul(price));
    }
    if cost > total_minor {
        return refused(LIST, Problem::OutOfRange, GOODS);
    }
    Ok(())
}

/// The first moment at which a payment can no longer be refunded under the
/// strict rule; `None` where the manual of this dialect states no shorter time
/// than a year.
pub(crate) fn refundable_until_ms(
    merchant: Option<&Merchant>,
    dialect: Dialect,
    paid_ms: i64,
) -> Option<i64> {
    let strict = merchant.is_some_and(|merchant| merchant.strict);
    match dialect {
        Dialect::V2 { .. } if strict => Some(three_months_after(paid_ms)),
        _ => None,
    }
}

/// The same day and time three months later in China; a day that the month
/// does not have is the month's last.
fn three_months_after(unix_ms: i64) -> i64 {
    let digits = china(unix_ms);
    let number = |from: usize, to: usize| -> i64 {
        let part = digits.get(from..to).unwrap_or_default();
        part.parse().unwrap_or_default()
    };
    let months = number(0, 4) * 12 + number(4, 6) - 1 + 3;
    let (year, month, day) = (months / 12, months % 12 + 1, number(6, 8));
    let time_of_day = digits.get(8..).unwrap_or_default();
    (28..=day.max(28))
        .rev()
        .map(|last| day.min(last))
        .find_map(|day| parse_china(&format!("{year:04}{month:02}{day:02}{time_of_day}")).ok())
        .unwrap_or(i64::MAX)
}

/// Whether the merchant that a v2 request names is strict, so that its refunds
/// and reverses need the client certificate. An unreadable request is refused
/// later for that reason.
pub(crate) fn wants_certificate(wechat: &WeChat, request: &Request) -> bool {
    let Ok(fields) = Fields::parse(request.body()) else {
        return false;
    };
    let merchant = fields
        .get("mch_id")
        .and_then(|mch_id| wechat.merchants.get(mch_id));
    merchant.is_some_and(|merchant| merchant.strict)
}

impl WeChat {
    /// Whether WeChat asks this payer for the password because of the payments
    /// that were made without it on this day in China.
    pub(crate) fn is_password_due(&self, mch_id: &str, payer: Payer, now_ms: i64) -> bool {
        let strict = self
            .merchants
            .get(mch_id)
            .is_some_and(|merchant| merchant.strict);
        let today = Date::of(now_ms);
        strict
            && self
                .orders
                .values()
                .filter(|order| order.without_password && order.payer == Some(payer))
                .filter(|order| match order.state {
                    State::Paid { at_ms, .. } => Date::of(at_ms) == today,
                    State::Revoked { .. } => Date::of(order.created_ms) == today,
                    _ => false,
                })
                .count()
                >= WITHOUT_PASSWORD_A_DAY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_months_end_on_the_same_day_or_the_months_last() {
        for (paid, until) in [
            ("20260115103000", "20260415103000"),
            ("20251130103000", "20260228103000"),
            ("20231130103000", "20240229103000"),
            ("20260131000000", "20260430000000"),
            ("20261001235959", "20270101235959"),
        ] {
            let got = three_months_after(parse_china(paid).unwrap());
            assert_eq!(china(got), until, "{paid}");
        }
    }
}
