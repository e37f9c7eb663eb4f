//! Every course of an order, within bounds: the real `Order::apply` and its
//! effects, a minimal correct model of WeChat, and every message between them
//! that can be late, lost or refused, and every change by a person. A model
//! checker visits every state and prints the steps that lead to a violation.
//!
//! The rules: no SUCCESS without its money; refunds within the payment; at most
//! one delivery; no status goes back; an order that is not final has a timer; a
//! refund that ended as never accepted was never made; and once WeChat answers
//! correctly, every order becomes final and agrees with WeChat.
//!
//! `cargo xtask explore` runs larger bounds.

// The model checker starts threads, which WebAssembly does not have.
#![cfg(not(target_family = "wasm"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::match_like_matches_macro,
    reason = "a test stops at the first thing that is not as it should be"
)]

mod mistakes;
mod system;
mod trace;
mod wechat;

use mistakes::Mistake;
use order::{Account, Currency, Money, OutTradeNo, Payment, Terms, TradeType};
use stateright::{Checker, Model};
use std::fmt::Write;
use system::{Kind, Left, Scenario};

/// The numbers and amounts of the refunds that the merchant can request; the
/// last is the refund of a duplicate payment.
const MINE: [(&str, i64); 3] = [("R0", 150), ("R1", 100), ("TWICE", 150)];
/// The latest moment to pay a NATIVE order.
const EXPIRES_MS: i64 = 60_000;

fn money(amount: i64) -> Money {
    Money::new(amount, Currency::Hkd).unwrap()
}

fn account() -> Account {
    Account {
        appid: "wx".to_owned(),
        mch_id: "1".to_owned(),
        sub_appid: None,
        sub_mch_id: None,
    }
}

fn terms(of: usize, trade_type: TradeType) -> Terms {
    Terms {
        out_trade_no: OutTradeNo::new(&format!("{of}")).unwrap(),
        account: account(),
        body: "Tea".to_owned(),
        money: money(150),
        trade_type,
        openid: None,
        attach: None,
        notify_url: None,
        metadata: Default::default(),
        expires_at_ms: EXPIRES_MS,
    }
}

fn payment(of: usize, trade_type: TradeType) -> Payment {
    Payment {
        account: account(),
        out_trade_no: format!("{of}"),
        transaction_id: format!("T{of}"),
        money: money(150),
        trade_type,
        openid: None,
        sub_openid: None,
        is_subscribe: None,
        sub_is_subscribe: None,
        bank_type: None,
        cash_fee: None,
        cash_fee_type: None,
        rate: None,
        attach: None,
        time_end: String::new(),
    }
}

/// Visits every state; returns their number, or the steps to the first
/// violation.
fn explore(scenario: Scenario) -> Result<usize, String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = scenario.checker().threads(cores).spawn_bfs().join();
    if checker.discoveries().is_empty() {
        return Ok(checker.unique_state_count());
    }
    // One thread finds the shortest sequence.
    let checker = scenario.checker().threads(1).spawn_bfs().join();
    let discoveries = checker.discoveries().into_iter();
    let shortest = discoveries.min_by_key(|(_, path)| path.clone().into_actions().len());
    let (rule, path) = shortest.unwrap();
    let mut trace = format!("The rule \"{rule}\" is broken:\n");
    for (at, (state, step)) in path.into_vec().into_iter().enumerate() {
        writeln!(trace, "        {state}").unwrap();
        if let Some(step) = step {
            writeln!(trace, "{:3}. {}", at + 1, state.in_words(&step)).unwrap();
        } else if let Some(why) = state.why() {
            writeln!(trace, "     {why}").unwrap();
        }
    }
    Err(trace)
}

/// Once with payments that count on the notice, once with payments that a query
/// confirms.
///
/// `cargo xtask explore` sets `WECEIVE_EXPLORE_WIDER`, for larger bounds than a
/// test run has time for.
fn holds(kind: Kind, lefts: &[Left]) {
    let more = u8::from(std::env::var_os("WECEIVE_EXPLORE_WIDER").is_some());
    let lefts: Vec<Left> = lefts
        .iter()
        .map(|left| Left {
            rings: left.rings + more,
            losses: left.losses + more,
            mail: left.mail + more,
            ..*left
        })
        .collect();
    for (left, confirms) in lefts.iter().flat_map(|left| [(left, false), (left, true)]) {
        match explore(Scenario {
            kind,
            left: *left,
            confirms,
            mistake: None,
        }) {
            Ok(states) => println!("{kind:?}, {left:?}, confirms {confirms}: {states} states"),
            Err(trace) => panic!("{kind:?}, {left:?}, confirms {confirms}\n{trace}"),
        }
    }
}

/// The events of the regular tests: a few of each kind, two or three kinds at a
/// time.
const NONE: Left = Left::NONE;

const NATIVE: [Left; 7] = [
    Left {
        rings: 3,
        losses: 1,
        merchant: 1,
        others: 1,
        decisions: 1,
        mail: 1,
        ..NONE
    },
    Left {
        rings: 2,
        jumps: 1,
        forgeries: 1,
        others: 1,
        decisions: 1,
        mail: 1,
        ..NONE
    },
    Left {
        rings: 3,
        losses: 1,
        merchant: 1,
        forgeries: 1,
        mail: 1,
        ..NONE
    },
    Left {
        rings: 3,
        jumps: 1,
        hands: 1,
        forgeries: 1,
        mail: 1,
        ..NONE
    },
    Left {
        rings: 3,
        losses: 1,
        merchant: 1,
        ..NONE
    },
    Left {
        rings: 3,
        hands: 1,
        refreshes: 1,
        ..NONE
    },
    Left {
        rings: 2,
        jumps: 1,
        merchant: 1,
        ..NONE
    },
];
const PAID: [Left; 4] = [
    Left {
        rings: 5,
        refunds: 2,
        refusals: 2,
        losses: 1,
        mail: 1,
        ..NONE
    },
    Left {
        rings: 5,
        refunds: 1,
        refusals: 1,
        losses: 2,
        ..NONE
    },
    Left {
        rings: 4,
        refunds: 1,
        cancels: 1,
        losses: 2,
        jumps: 1,
        mail: 1,
        ..NONE
    },
    Left {
        rings: 2,
        refunds: 1,
        hands: 1,
        refreshes: 1,
        ..NONE
    },
];
const QUICK_PAY: [Left; 8] = [
    Left {
        rings: 7,
        refusals: 1,
        losses: 1,
        others: 1,
        decisions: 1,
        mail: 1,
        ..NONE
    },
    Left {
        rings: 8,
        merchant: 1,
        losses: 1,
        refusals: 1,
        forgeries: 1,
        mail: 1,
        ..NONE
    },
    Left {
        rings: 6,
        rivals: 1,
        jumps: 1,
        forgeries: 1,
        mail: 1,
        ..NONE
    },
    Left {
        rings: 9,
        losses: 3,
        mail: 1,
        ..NONE
    },
    Left {
        rings: 8,
        merchant: 1,
        refusals: 1,
        losses: 1,
        mail: 1,
        ..NONE
    },
    Left {
        rings: 7,
        jumps: 1,
        refusals: 1,
        losses: 1,
        mail: 1,
        ..NONE
    },
    Left {
        rings: 6,
        hands: 1,
        refreshes: 1,
        mail: 1,
        ..NONE
    },
    Left {
        rings: 6,
        rivals: 1,
        losses: 1,
        mail: 2,
        ..NONE
    },
];
const TWO_ATTEMPTS: [Left; 3] = [
    Left {
        rings: 2,
        forgeries: 1,
        mail: 1,
        ..NONE
    },
    Left {
        rings: 2,
        merchant: 1,
        mail: 1,
        ..NONE
    },
    Left {
        rings: 3,
        losses: 1,
        mail: 1,
        ..NONE
    },
];

#[test]
fn every_course_of_a_native_order_keeps_the_rules() {
    holds(Kind::Native, &NATIVE);
}

#[test]
fn every_course_of_refunds_keeps_the_rules() {
    holds(Kind::Paid, &PAID);
}

#[test]
fn every_course_of_a_quick_pay_keeps_the_rules() {
    holds(Kind::QuickPay, &QUICK_PAY);
}

#[test]
fn every_course_of_two_attempts_of_a_purchase_keeps_the_rules() {
    holds(Kind::TwoAttempts, &TWO_ATTEMPTS);
}

/// Shows that the model finds mistakes: each of these was made, or nearly.
#[test]
fn each_planted_mistake_is_found() {
    for (mistake, kind, left) in Mistake::ALL {
        let scenario = Scenario {
            kind,
            left,
            confirms: true,
            mistake: Some(mistake),
        };
        match explore(scenario) {
            Err(trace) => println!("{mistake:?}\n{trace}"),
            Ok(states) => panic!("{mistake:?} is not found in {states} states"),
        }
    }
}
