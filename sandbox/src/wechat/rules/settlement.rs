//! Settled funds (WeChat Pay v2 manual, section 10). The sandbox pays a day's
//! payments out on the next day: one record for each day and currency.
//!
//! The payout does not lower the funds for refunds, so a test can refund after
//! days have passed.

use super::statement::SHARE_PER_MILLE;
use crate::wechat::orders::State;
use crate::wechat::state::WeChat;
use order::Currency;
use std::collections::BTreeMap;
use wechatpay::common::Date;
use wechatpay::common::settlement::{Record, UseTag};
use wechatpay::common::time::parse_china;

/// Payments and refunds of one day and currency.
#[derive(Default)]
struct Sums {
    pay_fee: i64,
    refund_fee: i64,
}

impl Sums {
    /// The difference.
    const fn net(&self) -> i64 {
        self.pay_fee - self.refund_fee
    }

    /// WeChat's fee.
    const fn poundage(&self) -> i64 {
        self.net() * SHARE_PER_MILLE / 1000
    }
}

/// The records of a merchant or of one of its sub-merchants: amounts that were
/// paid out on one of these days, or not yet.
pub(crate) fn records(
    wechat: &WeChat,
    (mch_id, sub_mch_id): (&str, Option<&str>),
    funds: UseTag,
    dates: Option<(Date, Date)>,
    now_ms: i64,
) -> Vec<Record> {
    let today = Date::of(now_ms);
    sums(wechat, mch_id, sub_mch_id)
        .into_iter()
        .filter(|((day, _), _)| match funds {
            UseTag::Outstanding => *day >= today,
            UseTag::Settled => {
                let paid_out = day.next();
                *day < today && dates.is_none_or(|(from, to)| (from..=to).contains(&paid_out))
            }
        })
        .map(|((day, code), sums)| record(day, code, &sums, funds))
        .collect()
}

/// By day and currency's code, in that order.
fn sums(
    wechat: &WeChat,
    mch_id: &str,
    sub_mch_id: Option<&str>,
) -> BTreeMap<(Date, &'static str), Sums> {
    let mut sums: BTreeMap<_, Sums> = BTreeMap::new();
    let orders = wechat.orders.values().filter(|order| {
        order.account.mch_id == mch_id
            && (sub_mch_id.is_none() || order.account.sub_mch_id.as_deref() == sub_mch_id)
    });
    for order in orders {
        let Some(paid_ms) = order.payment().and_then(|p| parse_china(&p.time_end).ok()) else {
            continue;
        };
        let fee = order.money.amount_minor();
        let code = order.money.currency().code();
        let mut add = |at_ms, pay_fee, refund_fee| {
            let sums = sums.entry((Date::of(at_ms), code)).or_default();
            sums.pay_fee += pay_fee;
            sums.refund_fee += refund_fee;
        };
        add(paid_ms, fee, 0);
        if let State::Revoked { at_ms, .. } = order.state {
            add(at_ms, 0, fee);
        }
        for refund in wechat.refunds.of_order(&order.key()) {
            if refund.counts() {
                add(refund.created_ms, 0, refund.money.amount_minor());
            }
        }
    }
    sums
}

fn record(day: Date, code: &str, sums: &Sums, usetag: UseTag) -> Record {
    let (pay_net_fee, poundage_fee) = (sums.net(), sums.poundage());
    let payout = pay_net_fee - poundage_fee;
    let is_settled = usetag == UseTag::Settled;
    Record {
        fbatchno: is_settled.then(|| format!("{day}{code}")),
        date_settlement: is_settled.then(|| day.next()),
        date_start: Some(day),
        date_end: Some(day),
        settlement_fee: if is_settled { payout } else { 0 },
        unsettlement_fee: if is_settled { 0 } else { payout },
        settlementfee_type: Currency::from_code(code).unwrap_or(Currency::Cny),
        pay_fee: sums.pay_fee,
        refund_fee: sums.refund_fee,
        pay_net_fee,
        poundage_fee,
    }
}
