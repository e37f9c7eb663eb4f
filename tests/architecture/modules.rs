//! The files of a crate import one another without circles, and a dialect or a
//! part of the sandbox imports only what it may.
//!
//! A module is a file. It imports another one that it names in a `use` or in a
//! path: through a re-export, the file that has the item. Tests inside the
//! sources are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::{MAY_IMPORT, files_below, root};

/// A module's path inside its crate: `["v3", "notify"]`; the root has none.
pub(super) type Module = Vec<String>;

/// Which modules each module imports.
pub(super) type Imports = BTreeMap<Module, BTreeSet<Module>>;

/// The crate whose files may import one another in circles: those of its book
/// are one object, in parts. Its modules have floors: see `floors.rs`.
const WITH_CIRCLES: &str = "gateway";

/// Forbidden imports, by the prefixes of their paths.
const MUST_NOT: [(&str, &str, &[&str]); 8] = [
    ("wechatpay", "common", &["v2", "v3", "ionline"]),
    ("wechatpay", "v2", &["v3", "ionline"]),
    ("wechatpay", "v3", &["v2", "ionline"]),
    ("wechatpay", "ionline", &["v2", "v3"]),
    ("sandbox", "wechat", &["phone", "shop", "control"]),
    ("sandbox", "phone", &["shop", "control"]),
    ("sandbox", "shop", &["phone", "control"]),
    ("sandbox", "control", &["phone"]),
];

/// The sources of a crate by module, without comments and without the tests
/// at a file's end.
pub(super) fn sources(room: &str) -> BTreeMap<Module, String> {
    let base = root().join(room).join("src");
    let mut sources = BTreeMap::new();
    for path in files_below(&format!("{room}/src"), ".rs") {
        let relative = path.strip_prefix(&base).unwrap().with_extension("");
        let mut module: Module = relative
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        if module.iter().any(|part| part == "tests") {
            continue;
        }
        if ["mod", "lib", "main"].contains(&module.last().unwrap().as_str()) {
            module.pop();
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = text.lines().filter(|line| !line.trim().starts_with("//"));
        let text = lines.collect::<Vec<_>>().join("\n");
        sources
            .entry(module)
            .or_insert_with(String::new)
            .push_str(&text);
    }
    sources
}

/// A path in a `use`, and the name that it gets.
type Named = (Vec<String>, String);

/// The paths of a `use` tree.
fn paths_of(tree: &str, before: &[String], into: &mut Vec<Named>) {
    let tree = tree.trim();
    let (head, group) = match tree.split_once('{') {
        Some((head, rest)) => (head, rest.trim_end().strip_suffix('}')),
        None => (tree, None),
    };
    let (head, name) = match head.split_once(" as ") {
        Some((head, name)) => (head, Some(name.trim().to_owned())),
        None => (head, None),
    };
    let mut path = before.to_vec();
    let parts = head.split("::").map(str::trim);
    path.extend(parts.filter(|part| !part.is_empty()).map(str::to_owned));
    let Some(group) = group else {
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        if let Some(last) = path.last().cloned() {
            into.push((path, name.unwrap_or(last)));
        }
        return;
    };
    let (mut depth, mut begin) = (0, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !group[begin..at].trim().is_empty() {
                    paths_of(&group[begin..at], &path, into);
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
}

/// The `use` statements of a source, and whether each is public.
fn uses(text: &str) -> Vec<(bool, Vec<Named>)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("use ") {
        let before = text[..at].rsplit('\n').next().unwrap().trim();
        if !before.is_empty() && !before.starts_with("pub") {
            continue;
        }
        let mut paths = Vec::new();
        let tree = text[at + 4..].split(';').next().unwrap();
        // Another crate's, where a module of ours has its name.
        if tree.trim_start().starts_with("::") {
            continue;
        }
        paths_of(tree, &[], &mut paths);
        found.push((before.starts_with("pub"), paths));
    }
    found
}

/// Every path of at least two parts in a source: `super::time::china`.
fn written_paths(text: &str) -> Vec<Vec<String>> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(|c| !is_part(c))
        .filter(|word| word.contains("::") && !word.starts_with("::") && !word.ends_with("::"))
        .map(|word| word.split("::").map(str::to_owned).collect())
        .collect()
}

/// A path from the crate's root; `None` for another crate's.
fn from_root(
    module: &Module,
    path: &[String],
    modules: &BTreeMap<Module, String>,
) -> Option<Vec<String>> {
    let mut rest = path;
    let mut absolute = match rest.first()?.as_str() {
        "crate" => {
            rest = &rest[1..];
            Vec::new()
        }
        "self" => {
            rest = &rest[1..];
            module.clone()
        }
        "super" => module.clone(),
        child => {
            let mut inner = module.clone();
            inner.push(child.to_owned());
            modules.get(&inner)?;
            module.clone()
        }
    };
    while rest.first().is_some_and(|part| part == "super") {
        absolute.pop();
        rest = &rest[1..];
    }
    absolute.extend(rest.iter().cloned());
    Some(absolute)
}

/// The imports of each module.
pub(super) fn imports(modules: &BTreeMap<Module, String>) -> Imports {
    let mut reexports: BTreeMap<(Module, String), Vec<String>> = BTreeMap::new();
    for (module, text) in modules {
        for (is_public, paths) in uses(text) {
            for (path, name) in paths.into_iter().filter(|_| is_public) {
                if let Some(absolute) = from_root(module, &path, modules) {
                    reexports.insert((module.clone(), name), absolute);
                }
            }
        }
    }
    let owner = |mut path: Vec<String>| {
        for _ in 0..8 {
            let depth = (0..=path.len())
                .rev()
                .find(|depth| modules.contains_key(&path[..*depth]))?;
            let (module, rest) = path.split_at(depth);
            let item = rest.first().cloned().unwrap_or_default();
            match reexports.get(&(module.to_vec(), item)) {
                Some(target) => {
                    let rest = rest[1..].to_vec();
                    path = target.iter().cloned().chain(rest).collect();
                }
                None => return Some(module.to_vec()),
            }
        }
        None
    };
    let mut imports = Imports::new();
    for (module, text) in modules {
        let used = uses(text).into_iter().flat_map(|(_, paths)| paths);
        let paths = used.map(|(path, _)| path).chain(written_paths(text));
        let mut named: BTreeSet<Module> = paths
            .filter_map(|path| owner(from_root(module, &path, modules)?))
            .collect();
        named.remove(module);
        imports.insert(module.clone(), named);
    }
    imports
}

/// A circle of modules, if there is one.
pub(super) fn circle(imports: &Imports) -> Option<Vec<Module>> {
    let mut left = imports.clone();
    // Remove, one after another, every module that imports none of the rest.
    loop {
        let free = left
            .iter()
            .find(|(_, named)| !named.iter().any(|name| left.contains_key(name)));
        match free.map(|(module, _)| module.clone()) {
            Some(module) => {
                left.remove(&module);
            }
            None if left.is_empty() => return None,
            None => return Some(left.into_keys().collect()),
        }
    }
}

/// The imports that [`MUST_NOT`] forbids.
fn forbidden(room: &str, imports: &Imports) -> Vec<String> {
    let is_in = |module: &Module, part: &str| module.first().is_some_and(|first| first == part);
    let mut found = Vec::new();
    for (_, part, others) in MUST_NOT.iter().filter(|(of, _, _)| *of == room) {
        for (module, named) in imports.iter().filter(|(module, _)| is_in(module, part)) {
            for name in named {
                if others.iter().any(|other| is_in(name, other)) {
                    let (from, to) = (module.join("::"), name.join("::"));
                    found.push(format!("{room}: {from} imports {to}"));
                }
            }
        }
    }
    found
}

#[test]
fn files_import_one_another_without_circles() {
    for (room, _) in MAY_IMPORT {
        if room == WITH_CIRCLES {
            continue;
        }
        let sources = sources(room);
        let imports = imports(&sources);
        let arrows: usize = imports.values().map(BTreeSet::len).sum();
        let names = |text: &String| text.contains("use super::") || text.contains("use crate::");
        assert!(
            arrows > 0 || !sources.values().any(names),
            "{room}: this test no longer finds the imports"
        );
        let circle = circle(&imports).map(|modules| {
            let names: Vec<String> = modules.iter().map(|module| module.join("::")).collect();
            names.join(", ")
        });
        assert_eq!(circle, None, "{room}: circles among these");
    }
}

#[test]
fn dialects_and_parts_of_the_sandbox_import_only_what_they_may() {
    for room in ["wechatpay", "sandbox"] {
        let found = forbidden(room, &imports(&sources(room)));
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

#[test]
fn a_planted_import_is_found() {
    for (room, file, planted) in [
        ("wechatpay", "v3/notify", "use crate::v2::notify::ACK_OK;"),
        (
            "wechatpay",
            "common/time",
            "pub use crate::v3::time::rfc3339;",
        ),
        (
            "wechatpay",
            "ionline/query",
            "fn f() { super::super::v2::query::PATH; }",
        ),
        (
            "wechatpay",
            "v2/query",
            "use crate::{Secret, v3::{Region as R}};",
        ),
        ("sandbox", "wechat/oauth", "use crate::phone::proxy;"),
        ("sandbox", "shop", "fn f() { crate::control::pages::HELP; }"),
    ] {
        let mut sources = sources(room);
        let module: Module = file.split('/').map(str::to_owned).collect();
        sources
            .get_mut(&module)
            .unwrap()
            .push_str(&format!("\n{planted}\n"));
        let found = forbidden(room, &imports(&sources));
        assert_eq!(found.len(), 1, "{planted} {found:?}");
    }
    for (room, file, planted) in [
        ("wechatpay", "common/field", "use super::fields::Fields;"),
        ("wechatpay", "v3/sign", "use super::Keyring;"),
        ("sandbox", "wechat/state", "use crate::wechat::v2;"),
    ] {
        let mut sources = sources(room);
        let module: Module = file.split('/').map(str::to_owned).collect();
        sources
            .get_mut(&module)
            .unwrap()
            .push_str(&format!("\n{planted}\n"));
        assert!(circle(&imports(&sources)).is_some(), "{planted}");
    }
}
