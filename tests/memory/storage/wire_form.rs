//! The JSON that objects exchange. Versions of the program that run at the same
//! time during a deployment exchange it, so its form is a contract: what an
//! earlier version writes must be read, and what this version writes must be
//! what an earlier one reads.
//!
//! `wire/*.txt` hold recorded calls (`>`) and replies (`<`), one example or more
//! for each call and for each form of its reply. Each must be read by this
//! version and be written again byte for byte. A call that is added gets an
//! example here; an example is never changed.

use gateway::board;
use gateway::book::{self, Call};
use gateway::http::error::ApiError;
use gateway::merchants::registry;
use order::Order;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;

struct Example<'t> {
    name: &'t str,
    call: &'t str,
    reply: &'t str,
}

fn examples(text: &str) -> Vec<Example<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    lines
        .chunks(3)
        .map(|lines| Example {
            name: lines[0].strip_prefix("# ").unwrap(),
            call: lines[1].strip_prefix("> ").unwrap(),
            reply: lines[2].strip_prefix("< ").unwrap(),
        })
        .collect()
}

/// Reads a text as `T` and writes it again.
fn again<T: Serialize + DeserializeOwned>(text: &str) -> Result<String, String> {
    let value: T = serde_json::from_str(text).map_err(|error| error.to_string())?;
    serde_json::to_string(&value).map_err(|error| error.to_string())
}

/// Reads a book's reply as what this call expects and writes it again.
fn reply_again(call: &Call, text: &str) -> Result<String, String> {
    fn reply<T: Serialize + DeserializeOwned>(text: &str) -> Result<String, String> {
        again::<Result<T, ApiError>>(text)
    }
    match call {
        Call::CreateOrder(_) | Call::ProductScanned(_) => reply::<book::Prepaid>(text),
        Call::FindOrder { .. } | Call::QuickPay(_) | Call::Reverse(_) | Call::Decide(_) => {
            reply::<Order>(text)
        }
        Call::CloseOrder(_) => reply::<Option<Order>>(text),
        Call::CreateRefund(_) | Call::CancelRefund { .. } => reply::<book::Refunded>(text),
        Call::FindRefunds(_) => reply::<Vec<book::Refunded>>(text),
        Call::SetProduct(_) | Call::FindProduct(_) => reply::<book::Product>(text),
        Call::RefundNoticed { .. } | Call::Noticed { .. } | Call::Stray(_) | Call::Hinted(_) => {
            reply::<book::Verdict>(text)
        }
        Call::Deliveries(_) => reply::<Vec<book::Delivery>>(text),
        Call::Resend(_) => reply::<book::Delivery>(text),
        Call::OpenCheckout(_) => reply::<book::Checkout>(text),
        Call::FindCheckout(_) => reply::<book::FoundCheckout>(text),
        Call::ViewCheckout(_) | Call::CheckCheckout(_) => reply::<book::CheckoutFacts>(text),
        Call::PrepareCheckout(_) => reply::<book::Offer>(text),
        Call::SetLink(_) | Call::FindLink(_) => reply::<book::LinkFacts>(text),
        Call::Links(_) => reply::<Vec<book::LinkFacts>>(text),
        Call::Buy(_) => reply::<String>(text),
        Call::Sale { .. } => reply::<Option<book::SaleFacts>>(text),
        Call::Claim { .. } | Call::Settle(_) => reply::<bool>(text),
        Call::Report => reply::<book::Report>(text),
        Call::NoticesRefused(_) | Call::Wake | Call::Raise { .. } => reply::<()>(text),
        Call::Audit(_) => reply::<Vec<Value>>(text),
        Call::List(_) => reply::<book::Page>(text),
        Call::Totals(_) => reply::<Vec<book::Total>>(text),
        Call::Timeline(_) => reply::<Vec<Value>>(text),
    }
}

fn assert_same(name: &str, read: Result<String, String>, text: &str) {
    assert_eq!(read.as_deref(), Ok(text), "{name}");
}

fn names(examples: &[Example<'_>]) -> usize {
    let names: BTreeSet<&str> = examples.iter().map(|example| example.name).collect();
    names.len()
}

#[test]
fn calls_of_a_book_and_their_replies_keep_their_form() {
    let examples = examples(include_str!("wire/book.txt"));
    for example in &examples {
        assert_same(
            example.name,
            again::<book::Envelope>(example.call),
            example.call,
        );
        let envelope: book::Envelope = serde_json::from_str(example.call).unwrap();
        let reply = reply_again(&envelope.call, example.reply);
        assert_same(example.name, reply, example.reply);
    }
    assert_eq!(names(&examples), 38, "an example of each call");
}

#[test]
fn calls_of_the_board_and_their_replies_keep_their_form() {
    let examples = examples(include_str!("wire/board.txt"));
    for example in &examples {
        let (call, reply) = (example.call, example.reply);
        assert_same(example.name, again::<board::Call>(call), call);
        assert_same(example.name, again::<board::Answer>(reply), reply);
    }
    assert_eq!(names(&examples), 5, "an example of each call");
}

#[test]
fn calls_of_the_registry_and_their_replies_keep_their_form() {
    let examples = examples(include_str!("wire/registry.txt"));
    for example in &examples {
        let (call, reply) = (example.call, example.reply);
        assert_same(example.name, again::<registry::Envelope>(call), call);
        assert_same(example.name, again::<registry::Answer>(reply), reply);
    }
    assert!(names(&examples) >= 25, "an example of each call");
}
