//! The native program: what `weceive dev` opens is paid.

use crate::browser::Browser;
use serde_json::Value;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use testkit::child_guard::ChildGuard;
use testkit::{demo, paths};
use tests::live::wait_for;

/// Starts `weceive dev` with an empty directory and waits until what it has printed is complete,
/// of which `read` makes a value. The directory is the test's to remove.
pub fn started<T>(
    name: &str,
    options: &[&str],
    read: impl Fn(String) -> Option<T>,
) -> (ChildGuard, PathBuf, T) {
    let home = paths::root().join("target/live").join(name);
    demo::wipe(&home).unwrap_or_else(|failure| panic!("{failure}"));
    std::fs::create_dir_all(&home).expect("a directory");
    let program = paths::weceive().unwrap_or_else(|failure| panic!("{failure}"));
    let mut command = Command::new(program);
    command
        .args(["dev", "--port", &free_pair().to_string()])
        .args(options)
        .arg("--pages")
        .arg(paths::root().join("dist"))
        .arg("--directory")
        .arg(home.join("data"));
    let mut running = ChildGuard::start("weceive", &command, &home.join("printed"))
        .unwrap_or_else(|failure| panic!("{failure}"));
    let printed = wait_for("what `weceive dev` prints", || {
        running
            .alive()
            .unwrap_or_else(|failure| panic!("{failure}"));
        read(running.log())
    });
    (running, home, printed)
}

#[test]
fn a_checkout_of_the_native_program_is_paid_in_the_phone() {
    let (running, home, listing) = started("native-dev", &["--json"], |printed| {
        serde_json::from_str::<Value>(&printed).ok()
    });

    let payer = Browser::start();
    payer.has_a_window_of(1100, 800);
    payer.opens(listing["phone"].as_str().expect("an address"));
    payer.looks_into_the_frame();
    payer.sees("Jasmine tea, two cups");
    payer.taps("Pay now");
    payer.taps("Pay HK$88.00");
    payer.sees("Payment successful");
    payer.has_nothing_to_complain_about();
    drop(running);
    demo::wipe(&home).unwrap_or_else(|failure| panic!("{failure}"));
}

/// A port of which the next one is free too.
fn free_pair() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = first.local_addr().expect("an address").port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}
