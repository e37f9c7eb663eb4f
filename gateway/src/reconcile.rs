//! Compares a row of WeChat's statement with a book. Pure: no clock, no
//! storage, no network.
//!
//! ```text
//! Row ─▶ Line ─▶ compare(line, ours) ─▶ Compared
//! ```
//!
//! A statement changes nothing: a difference leads to a query, and the line is compared
//! once more with what the book has after WeChat's verified answer.

use crate::observe::labels::Compared;
use order::Account;
use wechatpay::common::Date;
use wechatpay::common::bill::{Decimal, Row, RowState};

/// What a row is about. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A payment.
    Payment = 1,
    /// A refund.
    Refund = 2,
    /// A payment that was reversed.
    Reversal = 3,
    /// A row that cannot be read.
    Unreadable = 4,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::Payment,
        Self::Refund,
        Self::Reversal,
        Self::Unreadable,
    ];

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::Reversal => "reversal",
            Self::Unreadable => "unreadable",
        }
    }

    /// The kind with this stored number.
    pub fn of_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i64 == number)
    }
}

const DAY_MS: i64 = 86_400_000;
/// A payment from before midnight may be in the next day's statement.
const PAID_BEFORE_MS: i64 = DAY_MS;
/// A refund is requested up to a year after the payment, and a bank may need weeks.
const REFUNDED_AFTER_MS: i64 = 400 * DAY_MS;

/// Why a row cannot be of an account's statement of a day; reads as the end of a
/// sentence. A row without a merchant's number counts as the account's own.
pub fn foreign(row: &Row, account: &Account, date: Date) -> Option<String> {
    let differs = |theirs: &Option<String>, ours: &str| match theirs {
        Some(theirs) if theirs != ours => Some(theirs.clone()),
        _ => None,
    };
    if let Some(theirs) = differs(&row.mch_id, &account.mch_id) {
        let ours = &account.mch_id;
        return Some(format!(
            "is of the merchant {theirs}, and the statement of {ours}"
        ));
    }
    if let Some(ours) = &account.sub_mch_id
        && let Some(theirs) = differs(&row.sub_mch_id, ours)
    {
        return Some(format!(
            "is of the sub-merchant {theirs}, and the statement of {ours}"
        ));
    }
    let earliest_ms = match row.trade_state {
        RowState::Success => date.start_ms() - PAID_BEFORE_MS,
        RowState::Refund | RowState::Revoked => date.start_ms() - REFUNDED_AFTER_MS,
    };
    let requested_ms = row.refund.as_ref().and_then(|refund| refund.apply_time_ms);
    let times = [Some(row.trade_time_ms), requested_ms];
    let wrong = times
        .into_iter()
        .flatten()
        .find(|at_ms| !(earliest_ms..date.end_ms()).contains(at_ms));
    wrong.map(|at_ms| {
        let theirs = Date::of(at_ms);
        format!("is dated {theirs}, and the statement {date}")
    })
}

/// A row of a statement, as far as it is compared and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub kind: Kind,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// The merchant's number of the refund.
    pub out_refund_no: Option<String>,
    /// WeChat's number of the payment or refund.
    pub wechat_number: String,
    /// When it was paid; of a refund, when it was made, where the row says so. Unix
    /// milliseconds.
    pub at_ms: i64,
    /// The amount in the currency's smallest unit: of an order before coupons, and of
    /// a refund as it was requested.
    pub amount_minor: i64,
    /// The currency's code.
    pub currency: &'static str,
    /// WeChat's fee, in the main unit of the settlement's currency.
    pub fee: Option<Decimal>,
    /// WeChat's rate, as the statement writes it.
    pub rate: Option<String>,
    /// The currency of the settlement.
    pub settlement_currency: Option<&'static str>,
    /// The settled amount, in that currency's smallest unit.
    pub settlement_minor: Option<i64>,
}

impl Line {
    /// What a row says. `None` for the row of a refund that names no refund.
    pub fn of(row: &Row) -> Option<Self> {
        let refund = row.refund.as_ref();
        let (kind, refund) = match row.trade_state {
            RowState::Success => (Kind::Payment, None),
            RowState::Refund => (Kind::Refund, Some(refund?)),
            RowState::Revoked => (Kind::Reversal, refund),
        };
        let mut line = Self {
            kind,
            out_trade_no: row.out_trade_no.clone(),
            out_refund_no: None,
            wechat_number: row.transaction_id.clone(),
            at_ms: row.trade_time_ms,
            // The mainland's statement has the amount after coupons too.
            amount_minor: row.order_fee.unwrap_or(row.total_fee),
            currency: row.fee_type.code(),
            fee: row.poundage,
            rate: row.rate.clone(),
            settlement_currency: row.settlement_fee_type.map(|currency| currency.code()),
            settlement_minor: row.settlement_fee,
        };
        if let Some(refund) = refund {
            line.amount_minor = refund.apply_refund_fee.unwrap_or(refund.refund_fee);
            line.at_ms = refund
                .success_time_ms
                .or(refund.apply_time_ms)
                .unwrap_or(row.trade_time_ms);
            line.settlement_minor = refund.settlement_fee;
            if let Some(currency) = refund.refund_fee_type {
                line.currency = currency.code();
            }
            if let Some(currency) = refund.settlement_fee_type {
                line.settlement_currency = Some(currency.code());
            }
            if kind == Kind::Refund {
                line.out_refund_no = Some(refund.out_refund_no.clone());
                line.wechat_number = refund.refund_id.clone();
            }
        }
        Some(line)
    }

    /// The merchant's number that it is looked up by.
    pub fn number(&self) -> &str {
        self.out_refund_no.as_deref().unwrap_or(&self.out_trade_no)
    }

    /// The currency of the fee.
    pub fn fee_currency(&self) -> &'static str {
        self.settlement_currency.unwrap_or(self.currency)
    }
}

/// The state of a payment or refund in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordedState {
    /// The payment is kept; the refund is made or under way.
    Made,
    /// The payment was reversed.
    Returned,
    /// Not paid; the refund is not accepted yet, or ended without being made.
    NotMade,
}

/// A payment or refund of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    /// How it stands.
    pub state: RecordedState,
    /// In the currency's smallest unit.
    pub amount_minor: i64,
    /// The currency's code.
    pub currency: String,
    /// Whether the line's `wechat_number` is this payment's, or the line's order is
    /// this refund's.
    pub is_same: bool,
}

/// Compares a line with the payment or refund of its number. `has_order` is whether
/// the book has the order that the line names.
pub fn compare(line: &Line, ours: Option<&Ours>, has_order: bool) -> Compared {
    let Some(ours) = ours else {
        return match line.kind {
            Kind::Refund if has_order => Compared::RefundedElsewhere,
            _ => Compared::UnknownHere,
        };
    };
    if ours.currency != line.currency {
        return Compared::OtherCurrency;
    }
    if ours.amount_minor != line.amount_minor {
        return Compared::OtherAmount;
    }
    let expected = match line.kind {
        Kind::Payment | Kind::Refund | Kind::Unreadable => RecordedState::Made,
        Kind::Reversal => RecordedState::Returned,
    };
    match ours.state == expected && ours.is_same {
        true => Compared::Equal,
        false => Compared::OnlyAtWeChat,
    }
}

/// What WeChat's verified answer to a query says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The payment is made; the refund is made or under way.
    Made,
    /// The payment was reversed.
    Returned,
    /// Not paid, not refunded, or unknown there.
    NotMade,
}

/// The result for a difference after WeChat's answer. `now` is the comparison with the book's
/// present state; `was_returned` is whether the book had the payment as reversed before.
pub fn judge(kind: Kind, now: Compared, answer: Answer, was_returned: bool) -> Compared {
    match (kind, now, answer) {
        (_, Compared::Equal, _) => Compared::TakenOver,
        // A Quick Pay that was paid and reversed has a row for each.
        (Kind::Payment | Kind::Reversal, Compared::OnlyAtWeChat, Answer::Returned) => {
            match was_returned {
                true => Compared::Equal,
                false => Compared::TakenOver,
            }
        }
        _ => now,
    }
}

/// The result for a payment or refund that the statement lacks, after WeChat's answer to a query.
/// If WeChat has it, the next day's statement may contain it.
pub const fn judge_missing(answer: Answer, has_statement: bool) -> Compared {
    match (answer, has_statement) {
        (Answer::Made, true) => Compared::Carried,
        (Answer::Made, false) => Compared::Equal,
        (Answer::Returned | Answer::NotMade, _) => Compared::OnlyHere,
    }
}

/// What a person must do about an open difference.
pub const fn to_do(compared: Compared) -> &'static str {
    match compared {
        Compared::OnlyAtWeChat => {
            "WeChat's statement has it, and WeChat's answer to a query does not make it this order's. Look at the transaction on the merchant platform; an alarm about the order says what differs."
        }
        Compared::UnknownHere => {
            "The book has no such number. Another system may use the same merchant id; if none does, another person has the API key: rotate it, and refund the payment on the merchant platform."
        }
        Compared::OnlyHere => {
            "The book has it, and WeChat's statement does not. Look it up on the merchant platform before goods are handed over, and ask WeChat Pay."
        }
        Compared::OtherAmount | Compared::OtherCurrency => {
            "WeChat's statement has another amount or currency than the book. Look at the transaction on the merchant platform, and ask WeChat Pay."
        }
        Compared::RefundedElsewhere => {
            "The refund was not made by this gateway. Find out on the merchant platform who made it."
        }
        Compared::ListedTwice => {
            "The statements list it twice. Compare with the settlement, and ask WeChat Pay."
        }
        Compared::Unreadable => {
            "The row of the statement cannot be read, or is of another merchant or day; `problem` says which. Download the statement with GET /v1/statement and format=csv, and look at the row."
        }
        Compared::Equal | Compared::TakenOver | Compared::Carried | Compared::AnotherMerchants => {
            "Nothing is to be done."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: Kind) -> Line {
        Line {
            kind,
            out_trade_no: "A1".to_owned(),
            out_refund_no: (kind == Kind::Refund).then(|| "R1".to_owned()),
            wechat_number: "4200".to_owned(),
            at_ms: 0,
            amount_minor: 1750,
            currency: "HKD",
            fee: None,
            rate: None,
            settlement_currency: None,
            settlement_minor: None,
        }
    }

    fn ours(state: RecordedState) -> Ours {
        Ours {
            state,
            amount_minor: 1750,
            currency: "HKD".to_owned(),
            is_same: true,
        }
    }

    #[test]
    fn a_line_is_equal_only_if_state_amount_currency_and_number_are() {
        let made = ours(RecordedState::Made);
        for kind in [Kind::Payment, Kind::Refund] {
            let compared = |ours: Ours| compare(&line(kind), Some(&ours), true);
            assert_eq!(compared(made.clone()), Compared::Equal);
            for (amount_minor, currency, expected) in [
                (1751, "HKD", Compared::OtherAmount),
                (1749, "HKD", Compared::OtherAmount),
                (1750, "USD", Compared::OtherCurrency),
                (1, "USD", Compared::OtherCurrency),
            ] {
                let other = Ours {
                    amount_minor,
                    currency: currency.to_owned(),
                    ..made.clone()
                };
                assert_eq!(compared(other), expected, "{amount_minor} {currency}");
            }
            let is_same = false;
            let another = Ours {
                is_same,
                ..made.clone()
            };
            assert_eq!(compared(another), Compared::OnlyAtWeChat);
            for state in [RecordedState::NotMade, RecordedState::Returned] {
                assert_eq!(compared(ours(state)), Compared::OnlyAtWeChat);
            }
        }
        let reversal = |state| compare(&line(Kind::Reversal), Some(&ours(state)), true);
        assert_eq!(reversal(RecordedState::Returned), Compared::Equal);
        assert_eq!(reversal(RecordedState::Made), Compared::OnlyAtWeChat);
    }

    #[test]
    fn a_refund_of_a_known_order_under_an_unknown_number_was_made_elsewhere() {
        let compared = |kind, has_order| compare(&line(kind), None, has_order);
        assert_eq!(compared(Kind::Refund, true), Compared::RefundedElsewhere);
        assert_eq!(compared(Kind::Refund, false), Compared::UnknownHere);
        assert_eq!(compared(Kind::Payment, false), Compared::UnknownHere);
        assert_eq!(compared(Kind::Reversal, false), Compared::UnknownHere);
    }

    #[test]
    fn only_an_answer_of_wechat_settles_a_difference() {
        for answer in [Answer::Made, Answer::Returned, Answer::NotMade] {
            let judged = |now| judge(Kind::Payment, now, answer, false);
            assert_eq!(judged(Compared::Equal), Compared::TakenOver);
            assert_eq!(judged(Compared::OtherAmount), Compared::OtherAmount);
            assert_eq!(judged(Compared::UnknownHere), Compared::UnknownHere);
        }
        let only = Compared::OnlyAtWeChat;
        for (kind, answer, was_returned, expected) in [
            (Kind::Payment, Answer::Made, false, only),
            (Kind::Payment, Answer::NotMade, false, only),
            (Kind::Payment, Answer::Returned, true, Compared::Equal),
            (Kind::Payment, Answer::Returned, false, Compared::TakenOver),
            (Kind::Refund, Answer::Returned, true, only),
        ] {
            assert_eq!(judge(kind, only, answer, was_returned), expected);
        }
        assert_eq!(judge_missing(Answer::Made, true), Compared::Carried);
        assert_eq!(judge_missing(Answer::Made, false), Compared::Equal);
        assert_eq!(judge_missing(Answer::NotMade, true), Compared::OnlyHere);
        assert_eq!(judge_missing(Answer::Returned, false), Compared::OnlyHere);
    }
}
