//! Orders as WeChat stores them: made by a prepayment or a Quick Pay, paid by a
//! payer, closed, reversed or refunded by the merchant. They are the same for
//! every [`Dialect`]: `rules/` decides what may happen to an order; `v2/`,
//! `v3/` and `ionline/` parse requests and write answers.

use crate::language::Language;
use crate::moment::Moment;
use crate::table::{Change, Table};
use crate::wechat::accounts::Merchant;
use crate::wechat::dialect::Dialect;
use crate::wechat::payers::Payer;
use order::{Account, Currency, Money, Payment, TradeState, TradeType};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use wechatpay::common::Date;
use wechatpay::common::prepay::PREPAY_SECONDS;
use wechatpay::common::time::china;

/// How long a `prepay_id` and a `code_url` can be used.
const PREPAY_LIFETIME_MS: i64 = PREPAY_SECONDS * 1000;

/// One order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) account: Account,
    pub(crate) out_trade_no: String,
    pub(crate) trade_type: TradeType,
    pub(crate) money: Money,
    /// The fields that a repeated request must not change. Shared ones have
    /// v2's names in every dialect: `body`, `attach`, `notify_url`, `openid`,
    /// `sub_openid`, `limit_pay`, `device_info`.
    pub(crate) terms: BTreeMap<String, String>,
    /// The only payer who may pay: by the openid of the order (JSAPI), or by
    /// the scanned code (Quick Pay).
    pub(crate) payer: Option<Payer>,
    /// The dialect of the order and of its notice.
    pub(crate) dialect: Dialect,
    pub(crate) created_ms: i64,
    /// `time_expire`: the latest time of a payment.
    pub(crate) expires_ms: Option<i64>,
    /// Quick Pay has none: no page and no QR code leads to it.
    pub(crate) prepay_id: Option<String>,
    pub(crate) code_url: Option<String>,
    pub(crate) mweb_url: Option<String>,
    /// When the `prepay_id` was issued.
    pub(crate) prepaid_ms: i64,
    pub(crate) state: State,
    /// Quick Pay: paid without the password.
    #[serde(default)]
    pub(crate) without_password: bool,
    /// A refund was accepted. The order's `trade_state` is then `REFUND`,
    /// for any result of the refund.
    pub(crate) refunded: bool,
}

/// The state of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub(crate) enum State {
    NotPay,
    /// Quick Pay: the payer is asked for the password.
    UserPaying {
        /// A first reverse was answered with `recall`.
        reverse_asked: bool,
    },
    /// Quick Pay: the payment failed.
    PayError {
        at_ms: i64,
    },
    Closed {
        at_ms: i64,
    },
    /// Quick Pay: reversed, with the payment before that.
    Revoked {
        at_ms: i64,
        payment: Option<Box<Payment>>,
    },
    Paid {
        at_ms: i64,
        payer: Payer,
        payment: Box<Payment>,
    },
}

/// Why an order cannot be paid now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotPayable {
    Paid,
    Closed,
    Expired,
    /// Quick Pay without a password.
    NotAsked,
}

/// The key of an order's row. A number is unique under the merchant id, or
/// under each of an institution's sub-merchants.
pub(crate) fn key(mch_id: &str, sub_mch_id: Option<&str>, out_trade_no: &str) -> String {
    format!("{mch_id}/{}/{out_trade_no}", sub_mch_id.unwrap_or("-"))
}

impl Order {
    pub(crate) fn key(&self) -> String {
        key(
            &self.account.mch_id,
            self.account.sub_mch_id.as_deref(),
            &self.out_trade_no,
        )
    }

    pub(crate) fn term(&self, name: &str) -> Option<&str> {
        self.terms.get(name).map(String::as_str)
    }

    /// The application that a payment package for this order must name, and
    /// whose openid counts: the one whose openid the order was made with.
    pub(crate) fn payer_appid(&self) -> &str {
        match &self.account.sub_appid {
            Some(sub_appid) if self.term("openid").is_none() => sub_appid,
            _ => &self.account.appid,
        }
    }

    /// The latest time at which the order's `prepay_id` can be used.
    pub(crate) fn payable_until_ms(&self) -> i64 {
        let prepaid_until = self.prepaid_ms.saturating_add(PREPAY_LIFETIME_MS);
        self.expires_ms
            .map_or(prepaid_until, |expires| expires.min(prepaid_until))
    }

    /// Whether a payer could pay at `now_ms`.
    pub(crate) fn payable(&self, now_ms: i64) -> Result<(), NotPayable> {
        match self.state {
            State::Paid { .. } => Err(NotPayable::Paid),
            State::Closed { .. } | State::Revoked { .. } => Err(NotPayable::Closed),
            State::PayError { .. } => Err(NotPayable::NotAsked),
            State::NotPay if self.trade_type == TradeType::Micropay => Err(NotPayable::NotAsked),
            State::NotPay | State::UserPaying { .. } if now_ms >= self.payable_until_ms() => {
                Err(NotPayable::Expired)
            }
            State::NotPay | State::UserPaying { .. } => Ok(()),
        }
    }

    /// WeChat's `trade_state`. An order past its time stays `NOTPAY` until the
    /// merchant closes it.
    pub(crate) fn trade_state(&self) -> &'static str {
        match self.state {
            State::NotPay => "NOTPAY",
            State::UserPaying { .. } => "USERPAYING",
            State::PayError { .. } => "PAYERROR",
            State::Closed { .. } => "CLOSED",
            State::Revoked { .. } => "REVOKED",
            State::Paid { .. } if self.refunded => "REFUND",
            State::Paid { .. } => "SUCCESS",
        }
    }

    /// The state in a query's answer, and its text.
    pub(crate) fn query_state(&self) -> (TradeState, &'static str) {
        match &self.state {
            State::Paid { payment, .. } if self.refunded => {
                (TradeState::Refund(payment.clone()), "订单发生过退款")
            }
            State::Paid { payment, .. } => (TradeState::Success(payment.clone()), "支付成功"),
            State::NotPay => (TradeState::NotPay, "订单未支付"),
            State::UserPaying { .. } => (TradeState::UserPaying, "需要用户输入支付密码"),
            State::PayError { .. } => (TradeState::PayError, "支付失败"),
            State::Revoked { .. } => (TradeState::Revoked, "订单已撤销"),
            State::Closed { .. } => (TradeState::Closed, "订单已关闭"),
        }
    }

    /// The payment, also if it was reversed later.
    pub(crate) fn payment(&self) -> Option<&Payment> {
        match &self.state {
            State::Paid { payment, .. } => Some(payment),
            State::Revoked { payment, .. } => payment.as_deref(),
            _ => None,
        }
    }

    /// The payer who paid it.
    pub(crate) const fn paid_by(&self) -> Option<Payer> {
        match self.state {
            State::Paid { payer, .. } => Some(payer),
            _ => None,
        }
    }

    /// The amount that the payer is charged, in fen.
    pub(crate) fn cash_fee(&self) -> i64 {
        cash_fee(self.money)
    }

    /// Whether credit cards are excluded (`limit_pay`).
    pub(crate) fn no_credit(&self) -> bool {
        self.term("limit_pay") == Some("no_credit")
    }

    /// Takes the payer's money.
    pub(crate) fn pay(&mut self, payer: Payer, moment: &mut Moment<'_>) {
        let now_ms = moment.now_ms;
        let time_end = china(now_ms);
        let sub = |value: String| self.account.sub_appid.as_ref().map(|_| value);
        let sub_openid = self.account.sub_appid.as_deref().map(|id| payer.openid(id));
        let payment = Payment {
            account: self.account.clone(),
            out_trade_no: self.out_trade_no.clone(),
            transaction_id: new_number("42000", moment),
            money: self.money,
            trade_type: self.trade_type,
            openid: Some(payer.openid(&self.account.appid)),
            sub_openid,
            is_subscribe: Some(payer.is_subscribe().to_owned()),
            sub_is_subscribe: sub(payer.is_subscribe().to_owned()),
            bank_type: Some(payer.method(self.no_credit()).1.to_owned()),
            cash_fee: Some(self.cash_fee()),
            cash_fee_type: Some(Currency::Cny.code().to_owned()),
            rate: Some(rate(self.money.currency()).to_string()),
            attach: self.term("attach").map(str::to_owned),
            time_end,
        };
        self.state = State::Paid {
            at_ms: now_ms,
            payer,
            payment: Box::new(payment),
        };
    }

    /// When the order last changed.
    pub(crate) fn touched_ms(&self) -> i64 {
        match self.state {
            State::NotPay | State::UserPaying { .. } => self.prepaid_ms,
            State::PayError { at_ms }
            | State::Closed { at_ms }
            | State::Revoked { at_ms, .. }
            | State::Paid { at_ms, .. } => at_ms,
        }
    }

    /// The form in control calls' answers.
    pub(crate) fn to_json(&self, now_ms: i64) -> Value {
        let paid = match &self.state {
            State::Paid { at_ms, payer, .. } => Some((at_ms, payer.as_str())),
            _ => None,
        };
        json!({
            "mch_id": self.account.mch_id,
            "appid": self.account.appid,
            "sub_mch_id": self.account.sub_mch_id,
            "sub_appid": self.account.sub_appid,
            "out_trade_no": self.out_trade_no,
            "trade_type": self.trade_type.as_str(),
            "trade_state": self.trade_state(),
            "payable": self.payable(now_ms).is_ok(),
            "body": self.term("body"),
            "total_fee": self.money.amount_minor(),
            "fee_type": self.money.currency().code(),
            "amount": amount_text(self.money),
            "prepay_id": self.prepay_id,
            "code_url": self.code_url,
            "mweb_url": self.mweb_url,
            "notify_url": self.term("notify_url"),
            "payer": self.payer.map(Payer::as_str),
            "dialect": self.dialect.name(),
            "sign_type": self.dialect.package_sign_type(),
            "created_ms": self.created_ms,
            "payable_until_ms": self.payable_until_ms(),
            "transaction_id": self.payment().map(|p| p.transaction_id.as_str()),
            "time_end": self.payment().map(|p| p.time_end.as_str()),
            "openid": self.payment().and_then(|p| p.openid.as_deref()),
            "paid_by": paid.map(|(_, payer)| payer),
            "paid_ms": paid.map(|(at_ms, _)| at_ms),
        })
    }
}

/// All orders, with indexes.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    table: Table<Order>,
    by_prepay_id: BTreeMap<String, String>,
    by_code_url: BTreeMap<String, String>,
    by_transaction_id: BTreeMap<String, String>,
}

impl Orders {
    pub(crate) fn new() -> Self {
        Self {
            table: Table::new("order"),
            by_prepay_id: BTreeMap::new(),
            by_code_url: BTreeMap::new(),
            by_transaction_id: BTreeMap::new(),
        }
    }

    pub(crate) fn load(&mut self, key: &str, json: &str) -> Result<bool, serde_json::Error> {
        self.table.load(key, json)
    }

    /// Builds the index. Call it once, after every row is loaded.
    pub(crate) fn index(&mut self) {
        let keys: Vec<String> = self.table.values().map(Order::key).collect();
        for key in keys {
            self.index_one(&key);
        }
    }

    pub(crate) fn take_changed_keys(&mut self) -> BTreeSet<String> {
        self.table.take_changed_keys()
    }

    pub(crate) fn take_changes(&mut self, into: &mut Vec<Change>) {
        self.table.take_changes(into);
    }

    pub(crate) fn clear(&mut self) {
        self.table.retain(|_| false);
        self.by_prepay_id.clear();
        self.by_code_url.clear();
        self.by_transaction_id.clear();
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Order> {
        self.table.get(key)
    }

    /// Finds an order by its `prepay_id`, also an old one: the caller compares
    /// it with the order's current one.
    pub(crate) fn by_prepay_id(&self, prepay_id: &str) -> Option<&Order> {
        self.table.get(self.by_prepay_id.get(prepay_id)?)
    }

    pub(crate) fn by_code_url(&self, code_url: &str) -> Option<&Order> {
        self.table
            .get(self.by_code_url.get(code_url)?)
            .filter(|order| order.code_url.as_deref() == Some(code_url))
    }

    pub(crate) fn by_transaction_id(&self, transaction_id: &str) -> Option<&Order> {
        self.table.get(self.by_transaction_id.get(transaction_id)?)
    }

    pub(crate) fn insert(&mut self, order: Order) {
        let key = order.key();
        self.table.insert(&key, order);
        self.index_one(&key);
    }

    pub(crate) fn update(&mut self, key: &str, change: impl FnOnce(&mut Order)) {
        if let Some(order) = self.table.get_mut(key) {
            change(order);
            self.index_one(key);
        }
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Order> {
        self.table.values()
    }

    fn index_one(&mut self, key: &str) {
        let Some(order) = self.table.get(key) else {
            return;
        };
        let put = |index: &mut BTreeMap<_, _>, id: Option<&str>| {
            if let Some(id) = id {
                index.insert(id.to_owned(), key.to_owned());
            }
        };
        put(&mut self.by_prepay_id, order.prepay_id.as_deref());
        put(&mut self.by_code_url, order.code_url.as_deref());
        put(
            &mut self.by_transaction_id,
            order.payment().map(|p| p.transaction_id.as_str()),
        );
    }
}

/// An amount as the checkout's page writes it in this language: the yuan's sign
/// is the yen's outside simplified Chinese.
pub(crate) fn amount_in(money: Money, language: Language) -> String {
    let written = amount_text(money);
    match (language, money.currency()) {
        (Language::ZhCn, Currency::Cny) => written.replacen("CN", "", 1),
        (Language::ZhCn, Currency::Jpy) => format!("JP{written}"),
        _ => written,
    }
}

/// An amount as the checkout's page writes it in English: `HK$1,234.50`.
pub(crate) fn amount_text(money: Money) -> String {
    let code = money.currency().code();
    let sign = match money.currency() {
        Currency::Cny => "CN¥",
        Currency::Jpy => "¥",
        Currency::Gbp => "£",
        Currency::Hkd => "HK$",
        Currency::Usd => "US$",
        Currency::Cad => "CA$",
        Currency::Aud => "A$",
        Currency::Eur => "€",
        Currency::Nzd => "NZ$",
        Currency::Krw => "₩",
        Currency::Thb => "฿",
        _ => "",
    };
    let unit = 10_i64.pow(money.currency().minor_digits());
    let (whole, rest) = (money.amount_minor() / unit, money.amount_minor() % unit);
    let mut written = String::new();
    let digits = whole.to_string();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    if unit > 1 {
        let width = money.currency().minor_digits() as usize;
        written.push_str(&format!(".{rest:0width$}"));
    }
    match sign {
        "" => format!("{code}\u{a0}{written}"),
        sign => format!("{sign}{written}"),
    }
}

/// The rate from a currency to the yuan times 10^8. Fixed, so that a test can
/// state the amounts it expects.
pub(crate) fn rate(currency: Currency) -> i64 {
    match currency {
        Currency::Cny => 100_000_000,
        Currency::Gbp => 910_000_000,
        Currency::Hkd => 92_000_000,
        Currency::Usd => 720_000_000,
        Currency::Jpy => 4_800_000,
        Currency::Cad => 525_000_000,
        Currency::Aud => 470_000_000,
        Currency::Eur => 780_000_000,
        Currency::Nzd => 430_000_000,
        Currency::Krw => 520_000,
        Currency::Thb => 20_000_000,
        // One unit of any other currency is one yuan.
        _ => 100_000_000,
    }
}

/// The amount in fen, rounded half up, at least one.
pub(crate) fn cash_fee(money: Money) -> i64 {
    let units = 10_i128.pow(money.currency().minor_digits());
    let scaled = i128::from(money.amount_minor()) * 100 * i128::from(rate(money.currency()));
    let fen = (scaled / units + 50_000_000) / 100_000_000;
    // The largest amount at the highest rate is far below 2^63.
    i64::try_from(fen).unwrap_or(i64::MAX).max(1)
}

/// `wx`, the second in China, 20 more: 36 characters.
pub(crate) fn new_prepay_id(moment: &mut Moment<'_>) -> String {
    format!("wx{}{}", china(moment.now_ms), moment.hex(20))
}

/// 28 digits, as WeChat numbers payments (42000…) and refunds (50000…): a
/// prefix, a random part, the day, a random part.
pub(crate) fn new_number(prefix: &str, moment: &mut Moment<'_>) -> String {
    let day = Date::of(moment.now_ms);
    format!("{prefix}{}{day}{}", moment.digits(5), moment.digits(10))
}

/// The contents of a Native order's QR code.
pub(crate) fn new_code_url(moment: &mut Moment<'_>) -> String {
    format!("weixin://wxpay/bizpayurl?pr={}", moment.alphanumeric(7))
}

/// The name on the payment sheet.
pub(crate) fn payee<'a>(merchants: &'a Table<Merchant>, order: &Order) -> &'a str {
    let Some(merchant) = merchants.get(&order.account.mch_id) else {
        return "";
    };
    order
        .account
        .sub_mch_id
        .as_deref()
        .and_then(|id| merchant.sub_merchant(id))
        .map_or(&merchant.name, |sub| &sub.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payer_is_charged_at_the_fixed_rate() {
        for (minor, currency, fen) in [
            (1000, Currency::Cny, 1000),
            (1000, Currency::Hkd, 920),
            (1, Currency::Hkd, 1),
            (1, Currency::Thb, 1),
            (1200, Currency::Jpy, 5760),
            (2_147_483_647, Currency::Gbp, 19_542_101_188),
        ] {
            assert_eq!(cash_fee(Money::new(minor, currency).unwrap()), fen);
        }
    }
}
