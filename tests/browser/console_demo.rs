//! The shop that `weceive dev` makes: people in every role, and a month behind it.

use crate::browser::Browser;
use crate::console::{refusals_are_expected, scrolls_and_taps, shows};
use crate::native;
use std::collections::BTreeMap;
use testkit::child_guard::ChildGuard;

/// A running `weceive dev`, and the address that signs each role in.
struct Demo {
    _running: ChildGuard,
    sign_ins: BTreeMap<String, String>,
}

fn started() -> Demo {
    let (running, _, printed) = native::started("console-demo", &[], |printed| {
        let is_whole = printed.contains("?enter=1") && printed.ends_with("\n\n");
        is_whole.then_some(printed)
    });
    let lines = printed.lines().filter(|line| line.contains("?enter=1"));
    let sign_in = |line: &str| {
        let (role, url) = line.trim().split_once(' ').expect("a role and an address");
        (role.to_owned(), url.trim().to_owned())
    };
    Demo {
        _running: running,
        sign_ins: lines.map(sign_in).collect(),
    }
}

fn signed_in(demo: &Demo, role: &str) -> Browser {
    let person = Browser::start();
    refusals_are_expected(&person);
    person.has_a_window_of(375, 780);
    person.opens(&demo.sign_ins[role]);
    person.sees("Paid today");
    person
}

#[test]
fn the_demo_shop_has_a_month_behind_it_and_people_in_every_role() {
    let demo = started();
    assert_eq!(demo.sign_ins.len(), 5, "{:?}", demo.sign_ins);

    let owner = signed_in(&demo, "owner");
    assert!(owner.title().ends_with("龍華茶莊"), "{}", owner.title());
    // Every day of the chart has sales.
    owner.waits_for(
        "const bars = [...document.querySelectorAll('rect.bar')];
         return bars.length === 30 && bars.every((bar) => Number(bar.getAttribute('height')) > 0)",
    );
    owner.sees("RECONCILIATION_DIFFERS");
    owner.pictures("console-demo-today");
    shows(&owner, "orders");
    scrolls_and_taps(&owner, "Load more");
    owner.waits_for("return document.querySelectorAll('.rows li').length > 30");
    owner.sees("Refunded");
    shows(&owner, "deliveries");
    owner.sees("The old warehouse program");
    owner.sees("Failing");
    // The second factor is set up, so an owner's rights work.
    shows(&owner, "people");
    owner.sees("Chan Siu Ming");
    owner.has_nothing_to_complain_about();

    let finance = signed_in(&demo, "finance");
    shows(&finance, "money");
    // Today's.
    finance.sees("Waiting for the statement");
    finance.pictures("console-demo-money");
    shows(&finance, "log");
    finance.sees("Fan Li");
    finance.has_nothing_to_complain_about();

    let cashier = signed_in(&demo, "cashier");
    shows(&cashier, "till");
    cashier.sees("Show a code");
    shows(&cashier, "money");
    cashier.sees("Not part of your role");
    cashier.has_nothing_to_complain_about();

    let developer = signed_in(&demo, "developer");
    shows(&developer, "keys");
    developer.sees("New key");
    developer.has_nothing_to_complain_about();

    let viewer = signed_in(&demo, "viewer");
    shows(&viewer, "keys");
    viewer.sees("Not part of your role");
    // Each address works once.
    let late = Browser::start();
    late.expects_in_the_console("404");
    refusals_are_expected(&late);
    late.opens(&demo.sign_ins["viewer"]);
    late.sees("This link has been used");
    late.has_nothing_to_complain_about();
    viewer.has_nothing_to_complain_about();
}
