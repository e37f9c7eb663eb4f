//! WeChat's exchange rates to the yuan: pages show with them what a price is in
//! yuan, approximately.
//!
//! ```text
//! rates( currency, rate_e8, at_ms, asked_at_ms, due )
//!
//! a page is opened ──▶ the stored rate, if it is recent
//!                └──▶ older than a day: due ──▶ the alarm asks WeChat, once a day at most
//! ```
//!
//! A page never waits for WeChat. Only API v2 has this call, so that payers of
//! other merchants see no estimate.

use super::{Book, store};
use crate::merchants::directory::MerchantContext;
use crate::observe::Log;
use crate::runtime::{Runtime, Storage, StorageError};
use order::{Currency, Money};
use wechatpay::common::Date;

const DAY_MS: i64 = 86_400_000;
/// How long a rate is shown after it was received.
const SHOWN_MS: i64 = 7 * DAY_MS;
/// WeChat has a day's rate from 10:00 China time (WeChat Pay v2 manual, section
/// 11).
const READY_MS: i64 = 10 * 3_600_000;

/// About how much `price` is in yuan. `None` without a rate.
pub fn in_yuan(price: Money, rate_e8: Option<i64>) -> Option<Money> {
    let unit = 10_i128.pow(price.currency().minor_digits());
    let fen = i128::from(price.amount_minor()) * i128::from(rate_e8?) * 100;
    let per = unit * 100_000_000;
    let fen = i64::try_from((fen + per / 2) / per).ok()?;
    Money::new(fen, Currency::Cny).ok()
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// WeChat's rate of a currency, where a recent one is stored. Where it is
    /// older than a day, the alarm asks for the next one.
    pub(super) fn rate(
        &self,
        context: &MerchantContext,
        currency: Currency,
    ) -> Result<Option<i64>, StorageError> {
        if currency == Currency::Cny || !self.upstream(context).has_exchange_rates() {
            return Ok(None);
        }
        let now_ms = self.runtime.now_ms();
        let stored = store::rates::find(&self.storage, currency.code())?;
        let asked_at_ms = stored.as_ref().map_or(0, |rate| rate.asked_at_ms);
        // After a clock was set back, it is asked for again.
        if !(asked_at_ms..asked_at_ms + DAY_MS).contains(&now_ms) {
            self.store_merchant_id(context)?;
            store::rates::set_due(&self.storage, currency.code(), now_ms)?;
            self.arm_for(now_ms)?;
        }
        let recent = stored.filter(|rate| now_ms < rate.at_ms + SHOWN_MS);
        Ok(recent.map(|rate| rate.rate_e8))
    }

    /// Asks WeChat for the rates that are due. Best effort: a rate that is not
    /// received is asked for again a day later.
    pub(super) async fn refresh_rates(
        &self,
        context: &MerchantContext,
    ) -> Result<(), StorageError> {
        while let Some(code) = store::rates::claim_due(&self.storage, self.runtime.now_ms())? {
            let Some(currency) = Currency::from_code(&code) else {
                continue;
            };
            let date = Date::of(self.runtime.now_ms() - READY_MS);
            match self.upstream(context).exchange_rate(currency, date).await {
                Ok(rate) => {
                    let now_ms = self.runtime.now_ms();
                    store::rates::put(&self.storage, &code, rate.rate_e8, now_ms)?;
                }
                Err(_) => self
                    .runtime
                    .log(format_args!("no exchange rate of {code} from WeChat")),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_in_yuan_by_the_currencys_decimals() {
        for (amount, currency, rate_e8, expected) in [
            (15_000, Currency::Hkd, 92_650_000, 13_898),
            (1, Currency::Hkd, 92_650_000, 1),
            (1_000, Currency::Jpy, 4_815_000, 4_815),
            (100, Currency::Usd, 712_345_678, 712),
        ] {
            let price = Money::new(amount, currency).unwrap();
            let yuan = in_yuan(price, Some(rate_e8)).unwrap();
            assert_eq!(
                (yuan.amount_minor(), yuan.currency()),
                (expected, Currency::Cny)
            );
            assert_eq!(in_yuan(price, None), None);
        }
        let price = Money::new(1, Currency::Krw).unwrap();
        assert_eq!(in_yuan(price, Some(1)), None, "less than a fen");
        let most = Money::new(Money::MAX_MINOR, Currency::Usd).unwrap();
        assert_eq!(in_yuan(most, Some(i64::MAX)), None, "more than there is");
    }
}
