//! Query exchange rate (WeChat Pay v2 manual, section 11). The rates are
//! invented and constant for a day. They differ by at most half a percent from
//! the fixed rates that payments are converted with.

use super::call::{Call, Done, VerifiedRequest};
use super::refusal::Refusal;
use crate::moment::Moment;
use crate::wechat::orders::rate;
use crate::wechat::state::WeChat;
use order::Currency;
use sha2::{Digest as _, Sha256};
use wechatpay::common::Date;
use wechatpay::v2::ErrorCode;
use wechatpay::v2::exchange;

pub(super) const CALL: Call = Call::new(exchange::PATH, &[&["fee_type"], &["date"]], answer);

/// The same under the manual's spelling.
pub(super) const CALL_IN_MANUAL: Call = Call {
    path: exchange::PATH_IN_MANUAL,
    ..CALL
};

/// A day's rate is available from 10:00 China time.
const READY_MS: i64 = 10 * 3_600_000;

fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request = exchange::Request::read(&verified.fields)?;
    if request.account.sub_mch_id.is_some() {
        verified.check_sub_merchant(wechat)?;
    }
    if request.date > Date::of(moment.now_ms) {
        return Err(Refusal::Signed(
            ErrorCode::ParamError,
            "date: 日期无效 (there is no rate for a day that has not come)".into(),
        ));
    }
    let is_ready = moment.now_ms >= request.date.start_ms().saturating_add(READY_MS);
    let rate_time = if is_ready {
        request.date
    } else {
        request.date.previous()
    };
    let answer = exchange::Answer {
        fee_type: request.fee_type,
        rate_time,
        rate_e8: rate_on(request.fee_type, rate_time),
    };
    Ok(answer.to_fields(&verified.account()).into())
}

/// The rate times 10^8.
fn rate_on(currency: Currency, day: Date) -> i64 {
    if currency == Currency::Cny {
        return rate(currency);
    }
    let digest = Sha256::digest(format!("rate\n{}\n{day}", currency.code()));
    let first = digest.first().copied().unwrap_or_default();
    // From -5 to 5 thousandths.
    let change = i64::from(first % 11) - 5;
    rate(currency) / 1000 * (1000 + change)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_days_rate_is_pinned() {
        let day = Date::parse("20261121").unwrap();
        for currency in Currency::all() {
            let fixed = rate(currency);
            let today = rate_on(currency, day);
            assert!((today - fixed).abs() <= fixed / 200, "{currency:?}");
            assert_eq!(today, rate_on(currency, day));
        }
        assert_eq!(rate_on(Currency::Cny, day), 100_000_000);
        assert_ne!(
            rate_on(Currency::Usd, day),
            rate_on(Currency::Usd, day.previous())
        );
    }
}
