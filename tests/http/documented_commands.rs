//! Every command block of every document, executed unchanged, against the
//! Workers. The suite `memory` executes the same without them.

use std::fs;
use testkit::demo_system::DemoSystem;
use testkit::workerd::free_ports;
use tests::documents::{self, Document};

/// The blocks of each document are executed in order, in one shell, with a new
/// system for each document.
#[test]
fn every_command_block_of_every_document_succeeds() {
    let all = documents::all();
    let failures: Vec<String> = all.iter().filter_map(run_blocks).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// The failure that a reader would see, if any.
fn run_blocks(document: &Document) -> Option<String> {
    let ports: [u16; 4] = free_ports().unwrap();
    let [gateway, sandbox, ..] = ports;
    let script = document.script([gateway, sandbox])?;
    let home = documents::home(&format!("http-{}", document.name));
    let pair = DemoSystem::start(home.join(".dev/8787"), ports, None);
    let pair = pair.unwrap_or_else(|failure| panic!("{failure}"));
    let outcome = documents::end(&home, documents::begin(&home, &script));
    drop(pair);
    fs::remove_dir_all(&home).ok();
    outcome.err()
}
