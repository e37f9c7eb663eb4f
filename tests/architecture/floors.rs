//! The floors of `gateway`, and no circles between the modules of any crate.
//!
//! A module is a file or a directory directly below `src`; the files of a
//! directory count together. `modules.rs` reads the imports.

use super::modules::{Imports, Module, circle, imports, sources};
use crate::MAY_IMPORT;
use std::collections::{BTreeMap, BTreeSet};

/// Every module of `gateway`, from the top floor to the ground, and the modules
/// that it may import.
const FLOORS: [(&str, &[&str]); 19] = [
    ("app", &EVERYTHING_BELOW),
    (
        "handlers",
        &[
            "auth",
            "book",
            "cache",
            "config",
            "http",
            "merchants",
            "observe",
            "render",
            "reports",
            "route",
            "runtime",
            "services",
            "transfer",
            "upstream",
        ],
    ),
    (
        "auth",
        &[
            "config",
            "http",
            "merchants",
            "observe",
            "route",
            "runtime",
            "services",
        ],
    ),
    (
        "services",
        &[
            "book",
            "cache",
            "config",
            "http",
            "merchants",
            "observe",
            "reports",
            "runtime",
            "upstream",
        ],
    ),
    (
        "board",
        &[
            "book",
            "merchants",
            "observe",
            "reports",
            "runtime",
            "store",
        ],
    ),
    (
        "book",
        &[
            "config",
            "http",
            "merchants",
            "observe",
            "reconcile",
            "reports",
            "runtime",
            "store",
            "transfer",
            "upstream",
        ],
    ),
    ("upstream", &["config", "merchants", "observe", "runtime"]),
    ("config", &["merchants"]),
    (
        "merchants",
        &[
            "cache", "http", "observe", "route", "runtime", "store", "transfer",
        ],
    ),
    ("http", &["cache", "observe", "route", "runtime"]),
    ("reconcile", &["observe"]),
    ("observe", &["cache", "runtime", "store"]),
    ("transfer", &["runtime", "store"]),
    ("store", &["runtime"]),
    ("cache", &[]),
    ("render", &[]),
    ("reports", &[]),
    ("route", &[]),
    ("runtime", &[]),
];

const EVERYTHING_BELOW: [&str; 18] = [
    "auth",
    "board",
    "book",
    "cache",
    "config",
    "handlers",
    "http",
    "merchants",
    "observe",
    "reconcile",
    "render",
    "reports",
    "route",
    "runtime",
    "services",
    "store",
    "transfer",
    "upstream",
];

/// The imports between the top modules of a crate. The crate's root counts
/// where it has items of its own.
fn top(imports: &Imports) -> BTreeMap<Module, BTreeSet<Module>> {
    let first = |module: &Module| module.iter().take(1).cloned().collect::<Module>();
    let mut arrows = Imports::new();
    for (module, named) in imports {
        let from = first(module);
        let to = named.iter().map(first).filter(|to| *to != from);
        let to: BTreeSet<Module> = to.collect();
        arrows.entry(from).or_default().extend(to);
    }
    arrows
}

fn name(module: &Module) -> &str {
    module.first().map_or("lib", String::as_str)
}

/// The imports of `gateway` that no rule allows.
fn wrong_floors(arrows: &Imports) -> Vec<String> {
    let mut wrong = Vec::new();
    for (module, named) in arrows.iter().filter(|(module, _)| !module.is_empty()) {
        let from = name(module);
        let Some((_, may)) = FLOORS.iter().find(|(floor, _)| *floor == from) else {
            wrong.push(format!("{from} has no rule"));
            continue;
        };
        let to = named.iter().map(name).filter(|to| !may.contains(to));
        wrong.extend(to.map(|to| format!("{from} imports {to}")));
    }
    wrong
}

/// Only handlers read the fields of a request, and merchants for their own
/// settings. The book gets typed commands.
fn readers_of_fields(imports: &Imports) -> Vec<String> {
    let fields: Module = ["http", "fields"].map(str::to_owned).to_vec();
    let reads = imports.iter().filter(|(_, named)| named.contains(&fields));
    let from = reads.map(|(module, _)| module);
    from.filter(|module| !["handlers", "merchants", "http"].contains(&name(module)))
        .map(|module| format!("{} imports http::fields", name(module)))
        .collect()
}

/// Files of `handlers` that several handlers import.
const SHARED: [&str; 3] = [
    "handlers::answers",
    "handlers::api::terms",
    "handlers::console::account",
];

/// A file of `handlers` imports of `handlers` only the `mod.rs` of its own
/// directory and what is [`SHARED`].
fn handlers_of_handlers(imports: &Imports) -> Vec<String> {
    let is_handler = |module: &Module| name(module) == "handlers";
    let mut wrong = Vec::new();
    for (module, named) in imports.iter().filter(|(module, _)| is_handler(module)) {
        for to in named.iter().filter(|to| is_handler(to)) {
            let is_own = module.starts_with(to) && to.len() == 2;
            if !is_own && !SHARED.contains(&to.join("::").as_str()) {
                wrong.push(format!("{} imports {}", module.join("::"), to.join("::")));
            }
        }
    }
    wrong
}

fn wrong(imports: &Imports) -> Vec<String> {
    let mut wrong = wrong_floors(&top(imports));
    wrong.extend(readers_of_fields(imports));
    wrong.extend(handlers_of_handlers(imports));
    wrong.sort();
    wrong.dedup();
    wrong
}

#[test]
fn the_gateway_imports_only_lower_floors() {
    let imports = imports(&sources("gateway"));
    let wrong = wrong(&imports);
    assert!(wrong.is_empty(), "{wrong:?}");
    for (floor, _) in FLOORS {
        let exists = imports.keys().any(|module| name(module) == floor);
        assert!(exists, "gateway has no module {floor}");
    }
    // Each rule allows only lower floors, so that there can be no circle.
    for (at, (floor, may)) in FLOORS.iter().enumerate() {
        let upper = FLOORS[..=at].iter().find(|(upper, _)| may.contains(upper));
        assert_eq!(upper, None, "{floor} may not import an upper floor");
    }
}

#[test]
fn top_modules_of_every_crate_have_no_circles() {
    for (room, _) in MAY_IMPORT {
        let circle = circle(&top(&imports(&sources(room))));
        assert_eq!(circle, None, "{room}");
    }
}

#[test]
fn a_planted_import_of_an_upper_floor_is_found() {
    for (file, planted, expected) in [
        (
            "runtime",
            "use crate::observe::Log;",
            "runtime imports observe",
        ),
        (
            "observe/audit",
            "use crate::{app::Gateway};",
            "observe imports app",
        ),
        (
            "upstream/v2",
            "use crate::http::fields::Fields;",
            "upstream imports http",
        ),
        (
            "book/orders",
            "fn f() { crate::http::fields::sentence; }",
            "book imports http::fields",
        ),
        (
            "auth/keys",
            "use crate::handlers::api::notify_targets;",
            "auth imports handlers",
        ),
        (
            "handlers/payer/page",
            "use super::link::buy;",
            "handlers::payer::page imports handlers::payer::link",
        ),
        (
            "handlers/doctor",
            "use crate::handlers::admin::merchants::reseal;",
            "handlers::doctor imports handlers::admin::merchants",
        ),
    ] {
        let mut sources = sources("gateway");
        let module: Module = file.split('/').map(str::to_owned).collect();
        let source = sources.get_mut(&module).unwrap();
        source.push_str(&format!("\n{planted}\n"));
        let wrong = wrong(&imports(&sources));
        assert!(
            wrong.iter().any(|wrong| wrong == expected),
            "{planted}: {wrong:?}"
        );
    }
    let arrow = |from: &str, to: &str| {
        let module = |name: &str| vec![name.to_owned()];
        (module(from), BTreeSet::from([module(to)]))
    };
    let planted = Imports::from([arrow("a", "b"), arrow("b", "c"), arrow("c", "b")]);
    assert!(circle(&top(&planted)).is_some());
}
