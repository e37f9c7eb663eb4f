//! The JSON that objects exchange. Versions of the program that run at the same
//! time during a deployment exchange it, so its form is a contract: what an
//! earlier version writes must be read, and what this version writes must be
//! what an earlier one reads.
//!
//! `wire/*.txt` contain recorded calls (`>`) and replies (`<`), at least one
//! example for each call and for each form of its reply. This version must read
//! each and write it again byte for byte. A new call gets an example here; an
//! example is never changed.

use gateway::book::{self, Call, Command, command};
use gateway::http::error::ApiError;
use gateway::merchants::registry;
use gateway::reports;
use serde::Serialize;
use serde::de::DeserializeOwned;
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

/// Reads a text as the reply to this command and writes it again.
fn reply_again(call: &Call, text: &str) -> Result<String, String> {
    fn reply<C: Command>(text: &str) -> Result<String, String> {
        again::<Result<C::Reply, ApiError>>(text)
    }
    match call {
        Call::CreateOrder(_) => reply::<command::CreateOrder>(text),
        Call::FindOrder(_) => reply::<command::FindOrder>(text),
        Call::CloseOrder(_) => reply::<command::CloseOrder>(text),
        Call::QuickPay(_) => reply::<command::QuickPay>(text),
        Call::Reverse(_) => reply::<command::Reverse>(text),
        Call::CreateRefund(_) => reply::<command::CreateRefund>(text),
        Call::CancelRefund(_) => reply::<command::CancelRefund>(text),
        Call::SetProduct(_) => reply::<command::SetProduct>(text),
        Call::FindProduct(_) => reply::<command::FindProduct>(text),
        Call::ProductScanned(_) => reply::<command::ProductScanned>(text),
        Call::RefundNoticed(_) => reply::<command::RefundNoticed>(text),
        Call::FindRefunds(_) => reply::<command::FindRefunds>(text),
        Call::Deliveries(_) => reply::<command::Deliveries>(text),
        Call::Resend(_) => reply::<command::Resend>(text),
        Call::Noticed(_) => reply::<command::Noticed>(text),
        Call::Stray(_) => reply::<command::Stray>(text),
        Call::Hinted(_) => reply::<command::Hinted>(text),
        Call::NoticesRefused(_) => reply::<command::NoticesRefused>(text),
        Call::OpenCheckout(_) => reply::<command::OpenCheckout>(text),
        Call::FindCheckout(_) => reply::<command::FindCheckout>(text),
        Call::ViewCheckout(_) => reply::<command::ViewCheckout>(text),
        Call::CheckCheckout(_) => reply::<command::CheckCheckout>(text),
        Call::SetLink(_) => reply::<command::SetLink>(text),
        Call::FindLink(_) => reply::<command::FindLink>(text),
        Call::Links(_) => reply::<command::Links>(text),
        Call::Sale(_) => reply::<command::Sale>(text),
        Call::Claim(_) => reply::<command::Claim>(text),
        Call::Audit(_) => reply::<command::Audit>(text),
        Call::FirstChange(_) => reply::<command::FirstChange>(text),
        Call::List(_) => reply::<command::List>(text),
        Call::Totals(_) => reply::<command::Totals>(text),
        Call::Timeline(_) => reply::<command::Timeline>(text),
        Call::Reconciliation(_) => reply::<command::Reconciliation>(text),
        Call::Reconciliations(_) => reply::<command::Reconciliations>(text),
        Call::Bookings(_) => reply::<command::Bookings>(text),
        Call::NoteDifference(_) => reply::<command::NoteDifference>(text),
        Call::Events(_) => reply::<command::Events>(text),
        Call::FindEvent(_) => reply::<command::FindEvent>(text),
        Call::CreateEndpoint(_) => reply::<command::CreateEndpoint>(text),
        Call::Endpoints(_) => reply::<command::Endpoints>(text),
        Call::ChangeEndpoint(_) => reply::<command::ChangeEndpoint>(text),
        Call::DeleteEndpoint(_) => reply::<command::DeleteEndpoint>(text),
        Call::RotateEndpoint(_) => reply::<command::RotateEndpoint>(text),
        Call::TestEndpoint(_) => reply::<command::TestEndpoint>(text),
        Call::ResendFailed(_) => reply::<command::ResendFailed>(text),
        Call::FindDelivery(_) => reply::<command::FindDelivery>(text),
        Call::ResealEndpoints => reply::<command::ResealEndpoints>(text),
        Call::FindKept(_) => reply::<command::FindKept>(text),
        Call::CreateReceipt(_) => reply::<command::CreateReceipt>(text),
        Call::RevokeReceipt(_) => reply::<command::RevokeReceipt>(text),
        Call::FindReceipt(_) => reply::<command::FindReceipt>(text),
        Call::KeepImage(_) => reply::<command::KeepImage>(text),
        Call::HasImage(_) => reply::<command::HasImage>(text),
        Call::ImageFile(_) => reply::<command::ImageFile>(text),
        Call::RemoveImage(_) => reply::<command::RemoveImage>(text),
        Call::Images => reply::<command::Images>(text),
        Call::Settle(_) => reply::<command::Settle>(text),
        Call::Transfer(_) => reply::<command::Transfer>(text),
        Call::Decide(_) => reply::<command::Decide>(text),
        Call::Raise(_) => reply::<command::Raise>(text),
        Call::PrepareCheckout(_) => reply::<book::PrepareCheckout>(text),
        Call::Buy(_) => reply::<book::Buy>(text),
        Call::Report => reply::<command::Report>(text),
        Call::Wake => reply::<command::Wake>(text),
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
    assert_eq!(names(&examples), 64, "an example of each call");
}

#[test]
fn calls_of_the_board_and_their_replies_keep_their_form() {
    let examples = examples(include_str!("wire/board.txt"));
    for example in &examples {
        let (call, reply) = (example.call, example.reply);
        assert_same(example.name, again::<reports::Call>(call), call);
        assert_same(example.name, again::<reports::Answer>(reply), reply);
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
    assert_eq!(names(&examples), 63, "an example of each call");
}
