//! A minimal correct model of WeChat: the state of one order, and its answers.

use super::{MINE, money, payment};
use order::{
    CloseAnswer, Event, Money, Payment, RefundState, ReverseAnswer, TradeState, TradeType, Via,
};

/// The state of an order at WeChat.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum At {
    Unknown,
    NotPay,
    UserPaying,
    PayError,
    Paid,
    Closed,
    Revoked,
}

/// The state of a refund at WeChat.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Back {
    Unknown,
    Processing,
    Made,
    Closed,
}

/// The gateway's requests.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Ask {
    QuickPay,
    /// The query after a refused Quick Pay.
    ConfirmQuickPay,
    Query,
    /// The query before an operator's decision: to accept the payment or not.
    Decide(bool),
    Close,
    Reverse,
    Refund(usize),
    /// The query after a refused refund.
    ConfirmRefund(usize),
    QueryRefund(usize),
}

/// WeChat's answers, in the types of crate `order`.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum Answer {
    Event(Event),
    /// A verified refusal, which the gateway confirms by a query.
    Refused,
    /// The outcome is unknown.
    Open,
}

/// One order at WeChat.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct WeChat {
    pub at: At,
    pub trade_type: TradeType,
    /// The money of this order was taken at some time.
    pub took_money: bool,
    pub refunded_by_hand: bool,
    /// It was paid with another amount.
    pub otherwise: bool,
    pub refunds: [Back; 3],
}

impl WeChat {
    pub fn new(at: At, trade_type: TradeType) -> Self {
        Self {
            at,
            trade_type,
            took_money: false,
            refunded_by_hand: false,
            otherwise: false,
            refunds: [Back::Unknown; 3],
        }
    }

    pub fn pay(&mut self) {
        self.at = At::Paid;
        self.took_money = true;
    }

    pub fn is_refunded(&self) -> bool {
        self.refunded_by_hand || self.refunds.iter().any(|back| *back != Back::Unknown)
    }

    /// Whether any money is returned.
    pub fn returns(&self) -> bool {
        self.returned() > 0
    }

    fn returned(&self) -> i64 {
        let backs = self.refunds.iter().zip(MINE);
        let counting = |back: &Back| !matches!(back, Back::Unknown | Back::Closed);
        let mine: i64 = backs
            .filter(|(back, _)| counting(back))
            .map(|(_, (_, amount))| amount)
            .sum();
        mine + if self.refunded_by_hand { 150 } else { 0 }
    }

    /// Answers a request and executes it.
    pub fn answer(&mut self, of: usize, ask: Ask, age_ms: i64) -> Answer {
        match ask {
            Ask::Query | Ask::Decide(_) => Answer::Event(self.report_of(of)),
            Ask::ConfirmQuickPay => match self.report_of(of) {
                Event::StateReported(TradeState::UserPaying, _) => Answer::Open,
                Event::StateReported(TradeState::NotPay, via) => {
                    Answer::Event(Event::StateReported(TradeState::PayError, via))
                }
                Event::NotFound => Answer::Event(Event::Declined),
                event => Answer::Event(event),
            },
            Ask::QuickPay if self.at == At::Unknown => {
                self.at = At::UserPaying;
                Answer::Open
            }
            Ask::QuickPay => Answer::Refused,
            Ask::Close => Answer::Event(Event::CloseAnswered(match self.at {
                At::NotPay | At::PayError | At::Closed => {
                    self.at = At::Closed;
                    CloseAnswer::Closed
                }
                At::Paid => CloseAnswer::OrderPaid,
                _ => CloseAnswer::Unknown,
            })),
            Ask::Reverse => Answer::Event(Event::ReverseAnswered(self.reverse(age_ms))),
            Ask::Refund(n) => {
                let fits = MINE
                    .get(n)
                    .is_some_and(|(_, amount)| self.returned() + amount <= 150);
                match self.refunds.get_mut(n) {
                    Some(back) if *back == Back::Unknown => {
                        if self.at != At::Paid || !fits {
                            return Answer::Refused;
                        }
                        *back = Back::Processing;
                    }
                    _ => {}
                }
                self.refund_reported(n)
            }
            Ask::ConfirmRefund(n) if self.back(n) == Back::Unknown => {
                Answer::Event(Event::RefundDeclined {
                    out_refund_no: number(n),
                    err_code: "REFUSED".to_owned(),
                    later: false,
                })
            }
            Ask::QueryRefund(n) if self.back(n) == Back::Unknown => {
                Answer::Event(Event::RefundNotFound {
                    out_refund_no: number(n),
                })
            }
            Ask::ConfirmRefund(n) | Ask::QueryRefund(n) => self.refund_reported(n),
        }
    }

    /// The request is refused permanently and not executed.
    pub fn refuse(ask: Ask) -> Answer {
        match ask {
            Ask::Reverse => Answer::Event(Event::ReverseAnswered(ReverseAnswer::Refused)),
            _ => Answer::Refused,
        }
    }

    fn reverse(&mut self, age_ms: i64) -> ReverseAnswer {
        if self.at == At::Unknown {
            return ReverseAnswer::NotFound;
        }
        if self.trade_type != TradeType::Micropay || age_ms < 15_000 {
            return ReverseAnswer::NotReversible;
        }
        if self.at == At::Paid && self.is_refunded() {
            return ReverseAnswer::Refused;
        }
        self.at = At::Revoked;
        ReverseAnswer::Done
    }

    fn report_of(&self, of: usize) -> Event {
        let payment = || Box::new(self.payment(of));
        let state = match self.at {
            At::Unknown => return Event::NotFound,
            At::NotPay => TradeState::NotPay,
            At::UserPaying => TradeState::UserPaying,
            At::PayError => TradeState::PayError,
            At::Paid if self.is_refunded() => TradeState::Refund(payment()),
            At::Paid => TradeState::Success(payment()),
            At::Closed => TradeState::Closed,
            At::Revoked => TradeState::Revoked,
        };
        Event::StateReported(state, Via::Query)
    }

    /// The payment as WeChat reports it.
    pub fn payment(&self, of: usize) -> Payment {
        let mut payment = payment(of, self.trade_type);
        payment.money = self.money();
        payment
    }

    /// The paid amount.
    pub fn money(&self) -> Money {
        money(if self.otherwise { 151 } else { 150 })
    }

    pub fn back(&self, n: usize) -> Back {
        self.refunds.get(n).copied().unwrap_or(Back::Unknown)
    }

    fn refund_reported(&self, n: usize) -> Answer {
        let refund_id = format!("5000{n}");
        Answer::Event(Event::RefundReported {
            out_refund_no: number(n),
            state: match self.back(n) {
                Back::Unknown => return Answer::Refused,
                Back::Processing => RefundState::Processing { refund_id },
                Back::Made => RefundState::Success { refund_id },
                Back::Closed => RefundState::Closed,
            },
        })
    }
}

/// The number of the n-th refund.
pub fn number(n: usize) -> String {
    MINE.get(n)
        .map(|(number, _)| *number)
        .unwrap_or_default()
        .to_owned()
}

/// The index and amount of the refund with this number.
pub fn refund_of(out_refund_no: &str) -> usize {
    let mut all = MINE.iter();
    let found = all.position(|(number, _)| *number == out_refund_no);
    found.unwrap_or(usize::MAX)
}

/// The event by which the merchant asks for the n-th refund.
pub fn refund_asked(n: usize) -> Event {
    Event::RefundAsked {
        out_refund_no: number(n),
        money: money(MINE.get(n).map_or(1, |(_, amount)| *amount)),
        reason: None,
    }
}
