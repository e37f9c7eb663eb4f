//! The documents of the repository, their links and their command blocks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// One document.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its path below the repository's root, as `docs/api.md`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A fenced block of shell commands.
#[derive(Clone, Debug)]
pub struct Block {
    /// The line of its opening fence, counted from 1.
    pub line: usize,
    /// The commands.
    pub commands: String,
    /// Why it is not run, from `<!-- not run: … -->` on the line above.
    pub not_run: Option<String>,
}

/// Every document, in the order of its path.
pub fn all() -> Vec<Document> {
    let root = testkit::paths::root();
    let mut paths = Vec::new();
    walk(root, &mut paths);
    paths.sort();
    assert!(paths.len() > 15, "the documents are no longer found");
    let documents = paths.into_iter().map(|path| Document {
        text: fs::read_to_string(&path).expect("a document"),
        name: below(&path, root),
    });
    documents.collect()
}

fn below(path: &Path, root: &Path) -> String {
    let path = path.strip_prefix(root).expect("below the root");
    path.to_string_lossy().replace('\\', "/")
}

fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_made = ["target", "build", "node_modules", "dist"].contains(&name.as_ref());
        let is_hidden = name.starts_with('.') && name != ".github";
        if path.is_dir() && !is_made && !is_hidden {
            walk(&path, found);
        } else if path.is_file() && name.ends_with(".md") {
            found.push(path);
        }
    }
}

impl Document {
    /// Its lines, each with its number from 1 and whether it is in a fenced
    /// block (the fences themselves are).
    fn lines(&self) -> impl Iterator<Item = (usize, &str, bool)> {
        let mut fence: Option<String> = None;
        self.text.lines().enumerate().map(move |(at, line)| {
            let start = line.trim_start();
            let marks: String = start.chars().take_while(|c| *c == '`').collect();
            let was_fenced = fence.is_some();
            match &fence {
                None if marks.len() >= 3 => fence = Some(marks),
                Some(open) if start.trim_end() == open => fence = None,
                _ => {}
            }
            (at + 1, line, was_fenced || fence.is_some())
        })
    }

    /// The blocks whose language is a shell's.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        let mut above = String::new();
        let mut was_fenced = false;
        for (line, text, fenced) in self.lines() {
            let start = text.trim_start();
            if fenced && !was_fenced {
                let language = start.trim_start_matches('`').trim();
                if ["sh", "bash", "shell", "console"].contains(&language) {
                    open = Some(Block {
                        line,
                        commands: String::new(),
                        not_run: not_run(&above),
                    });
                }
            } else if start.starts_with("```") {
                blocks.extend(open.take());
                was_fenced = false;
                above.clear();
                continue;
            } else if let Some(block) = &mut open {
                block.commands.push_str(text);
                block.commands.push('\n');
            } else {
                text.clone_into(&mut above);
            }
            was_fenced = fenced;
        }
        assert!(open.is_none(), "{}: a block has no end", self.name);
        blocks
    }

    /// The anchors of its headings on GitHub, and those of `id="…"`.
    pub fn anchors(&self) -> Vec<String> {
        let mut anchors = Vec::new();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for (_, line, fenced) in self.lines() {
            if fenced {
                continue;
            }
            let heading = line.trim_start_matches('#');
            if heading.len() < line.len() && heading.starts_with(' ') {
                let slug = slug(heading.trim());
                let seen = seen.entry(slug.clone()).or_default();
                anchors.push(match *seen {
                    0 => slug,
                    times => format!("{slug}-{times}"),
                });
                *seen += 1;
            }
            let ids = line.split(" id=\"").skip(1);
            anchors.extend(ids.filter_map(|rest| Some(rest.split('"').next()?.to_owned())));
        }
        anchors
    }

    /// The targets of its links and pictures, each with its line.
    pub fn links(&self) -> Vec<(usize, String)> {
        let mut links = Vec::new();
        for (at, line, fenced) in self.lines() {
            if fenced {
                continue;
            }
            let line = without_code(line);
            let ends = |rest: &str, end: char| rest.split(end).next().map(str::to_owned);
            let inline = line.split("](").skip(1).filter_map(|rest| ends(rest, ')'));
            let html = ["href=\"", "src=\""];
            let html = html
                .iter()
                .flat_map(|name| line.split(name).skip(1).filter_map(|rest| ends(rest, '"')));
            let named = line
                .strip_prefix('[')
                .and_then(|rest| rest.split_once("]: "))
                .map(|(_, target)| target.to_owned());
            let found = inline.chain(html).chain(named);
            // A title may follow the target.
            let targets = found.filter_map(|link| link.split(' ').next().map(str::to_owned));
            links.extend(targets.map(|target| (at, target)));
        }
        links
    }
}

/// Options of `curl` in addition to its arguments: an HTTP error is a failure,
/// and only this machine is reached.
const CURLRC: &str = "fail-with-body\nsilent\nshow-error\nmax-time = 60\nnoproxy = \"*\"\n";

/// The beginning of a script: the first command that fails ends it, also within
/// a pipeline, and so does an undefined variable.
const STRICT: &str = "exec 2>&1\nset -euo pipefail\n";

impl Document {
    /// Its blocks that are executed, in their order, as one script. Only the
    /// ports are replaced: 8787 and 8788 by the system's.
    pub fn script(&self, [gateway, sandbox]: [u16; 2]) -> Option<String> {
        let blocks = self.blocks().into_iter();
        let mut script = String::new();
        for block in blocks.filter(|block| block.not_run.is_none()) {
            let commands = block
                .commands
                .replace("127.0.0.1:8787", &format!("127.0.0.1:{gateway}"))
                .replace("127.0.0.1:8788", &format!("127.0.0.1:{sandbox}"));
            let at = format!("{}:{}", self.name, block.line);
            for line in block.commands.lines() {
                let command = line.split(" #").next().unwrap_or_default();
                let leaves = ["cargo ", "wrangler ", "npx ", "https://"];
                assert!(
                    !leaves.iter().any(|word| command.contains(word)),
                    "{at}: this block leaves the test's system, so it needs a <!-- not run: … -->: {line}"
                );
            }
            script.push_str(&format!("printf '\\n=== %s\\n' '{at}'\n{commands}\n"));
        }
        Some(script).filter(|script| !script.is_empty())
    }
}

/// An empty directory to execute commands in, below `target/live`.
pub fn home(name: &str) -> PathBuf {
    let name = name.replace(['/', '.'], "-");
    let home = testkit::paths::root()
        .join("target/live/documents")
        .join(name);
    fs::remove_dir_all(&home).ok();
    fs::create_dir_all(&home).expect("a directory");
    fs::write(home.join(".curlrc"), CURLRC).expect("a file");
    home
}

/// Begins a script. Its output goes to `output.txt` in `home`.
pub fn begin(home: &Path, script: &str) -> Child {
    let output = fs::File::create(home.join("output.txt")).expect("a file");
    Command::new("bash")
        .args(["-c", &format!("{STRICT}{script}")])
        .current_dir(home)
        .env("HOME", home)
        .stdin(Stdio::null())
        .stdout(output)
        .spawn()
        .expect("bash")
}

/// Waits for a script; returns its output if it failed, whose last `===` names
/// the block.
///
/// # Errors
///
/// A command failed.
pub fn end(home: &Path, mut child: Child) -> Result<(), String> {
    match child.wait().expect("bash").success() {
        true => Ok(()),
        false => Err(fs::read_to_string(home.join("output.txt")).unwrap_or_default()),
    }
}

/// The reason in `<!-- not run: … -->`.
fn not_run(line: &str) -> Option<String> {
    let inside = line.trim().strip_prefix("<!-- not run:")?;
    Some(inside.strip_suffix("-->")?.trim().to_owned())
}

/// A line without its code spans.
fn without_code(line: &str) -> String {
    let parts = line.split('`').enumerate();
    let kept = parts.filter(|(at, _)| at % 2 == 0).map(|(_, part)| part);
    kept.collect::<Vec<_>>().join("`")
}

/// The anchor of a heading, as GitHub makes it: lower case; letters, digits,
/// `-` and `_` stay; a space becomes `-`; the rest is left out. Of a link only
/// its text counts.
pub fn slug(heading: &str) -> String {
    let mut text = heading.to_owned();
    while let Some((before, rest)) = text.clone().split_once("](") {
        let after = rest.split_once(')').map_or("", |(_, after)| after);
        text = format!("{before}{after}");
    }
    text.to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c),
            _ => None,
        })
        .collect()
}
