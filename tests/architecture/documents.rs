//! The documents' links have targets, and their commands are executed or say
//! why not.

use super::root;
use std::fs;
use std::path::Path;
use tests::documents::{self, Document};

#[test]
fn an_anchor_is_made_of_its_heading_as_github_makes_it() {
    for (heading, anchor) in [
        ("Too often", "too-often"),
        ("`POST /v1/order` · BASIC", "post-v1order--basic"),
        ("Your `refund_notify_url`", "your-refund_notify_url"),
        ("Native, mode 1", "native-mode-1"),
        ("The [doctor](x.md#y)'s words", "the-doctors-words"),
        ("WeChat 微信", "wechat-微信"),
    ] {
        assert_eq!(documents::slug(heading), anchor);
    }
    let document = Document {
        name: "x.md".into(),
        text: "# A\n```sh\n# no heading\n```\n## A\n<a id=\"b\"></a>\n\
               [x](y \"t\") `[n](o)`\n[z]: w\n"
            .into(),
    };
    assert_eq!(document.anchors(), ["a", "a-1", "b"]);
    assert_eq!(document.links(), [(7, "y".to_owned()), (8, "w".to_owned())]);
}

/// Every link of every document: its file exists, and its anchor is a heading
/// there, or a line of the source.
#[test]
fn every_link_in_the_documents_has_a_target() {
    let all = documents::all();
    let mut broken = Vec::new();
    let mut links = 0;
    for document in &all {
        let path = root().join(&document.name);
        for (line, link) in document.links() {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            links += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            let leads = match target.canonicalize() {
                Err(_) => false,
                Ok(_) if anchor.is_empty() => true,
                Ok(target) => has_anchor(&all, &target, anchor),
            };
            if !leads {
                broken.push(format!("{}:{line}: {link}", document.name));
            }
        }
    }
    assert!(links > 100, "this test no longer finds the links: {links}");
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

fn has_anchor(all: &[Document], target: &Path, anchor: &str) -> bool {
    let is_it = |document: &&Document| {
        let path = root().join(&document.name).canonicalize();
        path.is_ok_and(|path| path == target)
    };
    match all.iter().find(is_it) {
        Some(document) => document.anchors().iter().any(|known| known == anchor),
        None => {
            let line = anchor.strip_prefix('L').and_then(|n| n.parse().ok());
            let lines = fs::read_to_string(target).unwrap().lines().count();
            line.is_some_and(|line: usize| (1..=lines).contains(&line))
        }
    }
}

/// The reasons why a command block may be left out of
/// `every_command_block_of_every_document_succeeds` (suites `http` and
/// `memory`): how the reason begins, and the commands that such a block
/// contains.
const NOT_RUN: [(&str, &[&str]); 7] = [
    ("a real host:", &["https://", "wrangler ", "cargo deny"]),
    (
        "installs:",
        &["cargo install", "npm ", "npx ", "rustup ", "sudo install"],
    ),
    // Its own package tests its commands.
    ("the native program:", &["weceive "]),
    ("runs for minutes:", &["cargo "]),
    (
        "runs until it is stopped:",
        &["cargo xtask dev", "cargo xtask sandbox"],
    ),
    ("needs hours:", &["curl "]),
    ("changes this repository:", &["git ", "cargo "]),
];

/// A block that is not executed says why in `<!-- not run: … -->` on the line
/// above it, with one of the reasons above.
#[test]
fn a_command_block_that_is_not_run_says_why() {
    let (mut run, mut not_run) = (0, 0);
    for document in documents::all() {
        let blocks = document.blocks();
        for block in &blocks {
            let at = format!("{}:{}", document.name, block.line);
            let Some(reason) = &block.not_run else {
                run += 1;
                continue;
            };
            not_run += 1;
            let (kind, holds) = NOT_RUN
                .iter()
                .find(|(kind, _)| reason.starts_with(kind))
                .unwrap_or_else(|| panic!("{at}: not one of the allowed reasons: {reason}"));
            assert!(reason.len() > kind.len() + 10, "{at}: say why: {reason}");
            assert!(
                holds.iter().any(|command| block.commands.contains(command)),
                "{at}: {kind:?} goes with none of these commands; it can be run"
            );
        }
        let marks = document.text.matches("<!-- not run:").count();
        let used = blocks.iter().filter(|block| block.not_run.is_some());
        assert_eq!(
            marks,
            used.count(),
            "{}: a mark does not stand directly above a block",
            document.name
        );
    }
    assert!(run > 20 && not_run > 3, "the blocks are no longer found");
}

/// Every `cargo xtask` command in a document exists.
#[test]
fn every_cargo_xtask_command_in_the_documents_exists() {
    let source = fs::read_to_string(root().join("xtask/src/main.rs")).unwrap();
    let mut seen = 0;
    for document in documents::all() {
        for rest in document.text.split("cargo xtask ").skip(1) {
            let name: String = rest
                .chars()
                .take_while(|c| c.is_ascii_lowercase())
                .collect();
            if name.is_empty() {
                continue;
            }
            seen += 1;
            assert!(
                source.contains(&format!("\"{name}\"")),
                "{}: there is no `cargo xtask {name}`",
                document.name
            );
        }
    }
    assert!(seen > 10, "this test no longer finds the commands");
}
