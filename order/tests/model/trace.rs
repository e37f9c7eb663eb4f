//! States and steps as text, for the report of a violation.

use super::MINE;
use super::system::{Says, Step, System};
use super::wechat::{Answer, Back, number};
use order::{Event, Status, TradeState};
use std::fmt;

impl System {
    /// A step as text.
    pub fn in_words(&self, step: &Step) -> String {
        let mail = |at: &usize| match self.mail.get(*at) {
            Some(mail) => match &mail.says {
                Says::Ask(ask) => format!("the request {ask:?} of order {}", mail.of),
                Says::Answer(ask, answer) => {
                    let says = match answer {
                        Answer::Event(event) => event_in_words(event),
                        Answer::Refused => "refused".to_owned(),
                        Answer::Open => "open".to_owned(),
                    };
                    format!("the answer to {ask:?} of order {}: {says}", mail.of)
                }
                Says::Notice => format!("the notice of order {}", mail.of),
            },
            None => String::new(),
        };
        match step {
            Step::Arrive(at) => format!("{} arrives", mail(at)),
            Step::Lose(at) => format!("{} is lost", mail(at)),
            Step::Refuse(at) => format!("WeChat refuses {} permanently", mail(at)),
            Step::PayAtOnce(at) => format!("{} takes the money at once", mail(at)),
            Step::Ring(of) => format!("the timer of order {of} fires"),
            Step::Jump => "the gateway's clock jumps ahead by three hours".to_owned(),
            Step::Pay(of) => format!("the payer pays order {of}"),
            Step::Fail(of) => format!("the payment of order {of} fails"),
            Step::HandRefund(of) => format!("order {of} is refunded by hand at WeChat"),
            Step::HandRevoke(of) => format!("order {of} is reversed by hand at WeChat"),
            Step::HandClose(of) => format!("order {of} is closed by hand at WeChat"),
            Step::BankCloses(of, n) => format!("the bank closes refund {} of {of}", number(*n)),
            Step::Close(of) => format!("the merchant closes order {of}"),
            Step::Reverse(of) => format!("the merchant reverses order {of}"),
            Step::Refund(of, n) => format!("the merchant asks for refund {} of {of}", number(*n)),
            Step::Cancel(of, n) => format!("the merchant cancels refund {} of {of}", number(*n)),
            Step::Refresh(of) => format!("the merchant has order {of} queried"),
            Step::Forge(of) => format!("a forged notice reports a payment of order {of}"),
            Step::PayOtherwise(of) => format!("the payer pays another amount for order {of}"),
            Step::Decide(of, true) => format!("a person accepts the payment of order {of}"),
            Step::Decide(of, false) => format!("a person rejects the payment of order {of}"),
            Step::Rival(of) => format!("another system is paid under the number of order {of}"),
        }
    }
}

fn event_in_words(event: &Event) -> String {
    match event {
        Event::StateReported(TradeState::Success(_), _) => "SUCCESS".to_owned(),
        Event::StateReported(TradeState::Refund(_), _) => "REFUND".to_owned(),
        event => format!("{event:?}"),
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = (self.true_ms + self.ahead_ms) / 1000;
        write!(f, "[{seconds} s]")?;
        for (ours, wechat) in self.ours.iter().zip(&self.wechat) {
            let status = match ours.order.status() {
                Status::Closing { .. } => "CLOSING",
                Status::Reversing { .. } => "REVERSING",
                _ => ours.order.trade_state(),
            };
            write!(f, " here {status}")?;
            for refund in ours.order.refunds() {
                write!(f, " {}={:?}", refund.out_refund_no, refund.status)?;
            }
            if ours.order.reported().is_some() {
                write!(f, " (a notice reports a payment)")?;
            }
            write!(f, "; at WeChat {:?}", wechat.at)?;
            for (n, (number, _)) in MINE.iter().enumerate() {
                if wechat.back(n) != Back::Unknown {
                    write!(f, " {number}={:?}", wechat.back(n))?;
                }
            }
            if !ours.alarms.is_empty() {
                write!(f, "; alarms {:?}", ours.alarms)?;
            }
        }
        Ok(())
    }
}
