//! Whole payments in memory, under a clock that the test moves.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it should be"
)]

mod account;
mod alarms;
mod api;
mod attempts;
mod audit;
mod backoff;
mod board;
mod certificates;
mod changed_elsewhere;
mod checklist;
mod checkouts;
mod commands;
mod decisions;
mod dialects;
mod doctor;
mod documented;
mod environments;
mod forged;
mod holes;
mod key_alone;
mod kinds;
mod lies;
mod limits;
mod links;
mod listeners;
mod lists;
mod merchant;
mod messages;
mod mini;
mod money_back;
mod objects;
mod openapi;
mod operator;
mod past_bugs;
mod payer_contact;
mod payments;
mod purchases;
mod quick_pay;
mod rechecks;
mod refolded;
mod refused_statements;
mod registry;
mod scene;
mod settings;
mod sign_in;
mod stored_versions;
mod strict;
mod timeline;
mod totals;
mod unconfirmed;
mod v3;
mod web;
mod words;
