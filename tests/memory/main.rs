//! Whole payments in memory, under a clock that the test moves. One binary,
//! because linking takes most of a suite's build time; one module for each
//! topic.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it should be"
)]

mod fixtures;
mod notice_fixture;

/// The merchant's calls and their answers.
mod api {
    pub mod account_data;
    pub mod bad_input;
    pub mod bad_requests;
    pub mod documented_commands;
    pub mod idempotency;
    pub mod keys_and_tokens;
    pub mod lists;
    pub mod merchant_calls;
    pub mod named_keys;
    pub mod openapi;
    pub mod settings;
    pub mod timeline;
    pub mod totals;
}

/// People who sign in to the console.
mod people {
    pub mod browser;
    pub mod factor;
    pub mod roles;
    pub mod sign_in;
    pub mod staff;
}

/// The payer's pages.
mod checkout {
    pub mod attempts;
    pub mod brand;
    pub mod checkouts;
    pub mod environments;
    pub mod hosted;
    pub mod link_fields;
    pub mod link_pages;
    pub mod links;
    pub mod listeners;
    pub mod mini_program;
    pub mod payer_contact;
    pub mod purchases;
    pub mod sign_in;
}

/// Orders from their creation to their refunds.
mod orders {
    pub mod changed_elsewhere;
    pub mod decisions;
    pub mod metadata;
    pub mod payments;
    pub mod quick_pay;
    pub mod rechecks;
    pub mod refund_reasons;
    pub mod refunds;
}

/// What the gateway reports to merchants' programs.
mod events {
    pub mod bounds;
    pub mod deliveries;
    pub mod endpoints;
    pub mod written;
}

/// Notices, and which of them are accepted.
mod notices {
    pub mod ambiguous_signatures;
    pub mod rejected;
    pub mod unconfirmed;
}

/// The gateway's requests to WeChat Pay and iOnline.
mod upstream {
    pub mod backoff;
    pub mod certificates;
    pub mod dialects;
    pub mod field_lists;
    pub mod go_live_checklist;
    pub mod message_forms;
    pub mod strict_accounts;
    pub mod v3;
}

/// Attacks.
mod security {
    pub mod forged_messages;
    pub mod log_hygiene;
    pub mod rate_limits;
    pub mod web_security;
}

/// Objects, their databases and the registry.
mod storage {
    pub mod causes;
    pub mod migrations;
    pub mod objects;
    pub mod refused_statements;
    pub mod registry;
    pub mod stored_versions;
    pub mod wire_form;
}

/// The operator's calls.
mod operation {
    pub mod alarms;
    pub mod audit;
    pub mod board;
    pub mod contract;
    pub mod doctor;
    pub mod merchants;
    pub mod operator;
    pub mod reconciliation;
    pub mod transfer;
}

/// Past defects, each with a test.
mod regressions {
    pub mod past_bugs;
    pub mod vulnerabilities;
}
