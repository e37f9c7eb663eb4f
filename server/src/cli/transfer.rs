//! `weceive export` and `weceive import`: a deployment is moved to another one, on
//! this program or on Workers.
//!
//! ```text
//! weceive-export 1 EXPORT PUBLIC_URL
//! base64url(JSON).base64url(HMAC)        a page of an object's rows; see docs/self-hosting.md
//! …
//! end LINES SHA-256
//! ```
//!
//! Both commands can be interrupted at any time and run again: they continue. The
//! deployment that is left is closed first, and opened again only by
//! `weceive export --reopen`, which it refuses once the other one may serve.

use super::api::{Api, Badge};
use super::profile;
use super::terminal::{Failure, confirm, note, print};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use clap::Args;
use http::Method;
use ring::digest;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How many objects the registry has.
const SHARDS: u8 = 64;
/// The first words of the file.
const HEADER: &str = "weceive-export 1 ";
/// The first word of the last line.
const END: &str = "end ";
/// How often progress is printed.
const PROGRESS: Duration = Duration::from_secs(2);

/// `weceive export`
#[derive(Args, Debug)]
pub struct Export {
    /// The file to write; one of an interrupted export is continued.
    #[arg(required_unless_present = "reopen")]
    file: Option<PathBuf>,
    /// Give the export up, and open the deployment again.
    #[arg(long, conflicts_with = "file")]
    reopen: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// `weceive import`
#[derive(Args, Debug)]
pub struct Import {
    /// The file that `weceive export` has written.
    file: PathBuf,
    /// The profile of the deployment that was exported: it is never opened again,
    /// and this one begins to serve. Without it everything is written and
    /// compared, and nothing is served.
    #[arg(long, value_name = "PROFILE")]
    from: Option<String>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// What a line says of itself. The deployment checks it; this is for the order.
#[derive(Debug, Deserialize)]
struct Line {
    object: String,
    number: u64,
    page: Page,
}

#[derive(Debug, Deserialize)]
struct Page {
    next: Option<Value>,
}

fn read_line(text: &str) -> Option<Line> {
    let (json, _) = text.split_once('.')?;
    serde_json::from_slice(&BASE64.decode(json).ok()?).ok()
}

fn shards() -> impl DoubleEndedIterator<Item = String> {
    (0..SHARDS).map(|number| format!("registry-{number:02}"))
}

fn unusable(file: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::Local(format!("{}: {why}", file.display()))
}

/// Prints how far long work is.
struct Progress(Instant);

impl Progress {
    const fn new(now: Instant) -> Self {
        Self(now)
    }

    fn say(&mut self, what: &dyn Fn() -> String) {
        if self.0.elapsed() >= PROGRESS {
            self.0 = Instant::now();
            note(&what());
        }
    }
}

async fn export_call(api: &Api, body: Value) -> Result<Value, Failure> {
    let path = "/admin/export";
    api.call(Badge::Operator, Method::POST, path, Some(&body))
        .await
}

/// The objects of every merchant, each once.
async fn objects(api: &Api) -> Result<Vec<String>, Failure> {
    let mut known = BTreeSet::new();
    let mut objects = Vec::new();
    for shard in shards() {
        for object in objects_of(api, &shard).await? {
            if known.insert(object.clone()) {
                objects.push(object);
            }
        }
    }
    Ok(objects)
}

async fn objects_of(api: &Api, shard: &str) -> Result<Vec<String>, Failure> {
    let mut objects = Vec::new();
    let mut after = Value::Null;
    loop {
        let body = json!({"step": "objects", "object": shard, "after": after});
        let page = export_call(api, body).await?;
        let names = page.get("objects").and_then(Value::as_array);
        let names = names.into_iter().flatten().filter_map(Value::as_str);
        objects.extend(names.map(str::to_owned));
        after = page.get("after").cloned().unwrap_or_default();
        if after.is_null() {
            return Ok(objects);
        }
    }
}

pub async fn export(command: &Export, api: &Api) -> Result<(), Failure> {
    match &command.file {
        Some(file) => write_file(file, command.yes, api).await,
        None => reopen(command.yes, api).await,
    }
}

async fn reopen(yes: bool, api: &Api) -> Result<(), Failure> {
    confirm(
        "Open the deployment again? Its export cannot be used then.",
        yes,
    )?;
    export_call(api, json!({"step": "reopen"})).await?;
    let mut opened = 0_u64;
    // The state of the whole deployment is in the first shard, which is last.
    for shard in shards().rev() {
        let mut names = objects_of(api, &shard).await?;
        names.push(shard);
        for object in names {
            export_call(api, json!({"step": "reopen", "object": object})).await?;
            opened += 1;
        }
    }
    match api.printed(&json!({"opened": opened}))? {
        true => Ok(()),
        false => print("The deployment is open again.\n"),
    }
}

async fn write_file(path: &Path, yes: bool, api: &Api) -> Result<(), Failure> {
    let wrong = |error: io::Error| unusable(path, &error);
    let kept = kept_of(path)?;
    if let Some(kept) = &kept
        && kept.is_whole
    {
        return Err(unusable(path, &"the export is complete; import it"));
    }
    if kept.is_none() {
        confirm(
            "Close the deployment? It answers everything with 503 until the export is imported \
             elsewhere, or until weceive export --reopen.",
            yes,
        )?;
    }
    let begun = export_call(api, json!({"step": "begin"})).await?;
    let text = |name: &str| begun.get(name).and_then(Value::as_str).unwrap_or_default();
    let (export, header) = (
        text("export").to_owned(),
        format!("{HEADER}{} {}\n", text("export"), text("public_url")),
    );
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(wrong)?;
    let mut done = BTreeSet::new();
    match kept {
        Some(kept) if kept.header == header => {
            file.set_len(kept.length).map_err(wrong)?;
            done = kept.done;
        }
        Some(_) => return Err(unusable(path, &"it is of another export; name a new file")),
        None => file.write_all(header.as_bytes()).map_err(wrong)?,
    }
    file.seek(SeekFrom::End(0)).map_err(wrong)?;
    let mut progress = Progress::new(Instant::now());
    let mut all: Vec<String> = shards().collect();
    close(api, &export, &all, &mut progress).await?;
    let others = objects(api).await?;
    close(api, &export, &others, &mut progress).await?;
    all.extend(others);
    let mut bytes = 0_usize;
    for (at, object) in all.iter().enumerate() {
        if done.contains(object) {
            continue;
        }
        let mut cursor = Value::Null;
        loop {
            let body = json!({
                "step": "page", "export": export, "object": object, "cursor": cursor,
            });
            let page = export_call(api, body).await?;
            let line = page.get("line").and_then(Value::as_str);
            let line = line.ok_or_else(|| {
                Failure::Unavailable("the deployment answered without a line".to_owned())
            })?;
            writeln!(file, "{line}").map_err(wrong)?;
            bytes += line.len();
            progress.say(&|| {
                let (count, megabytes) = (all.len(), bytes / 1_000_000);
                format!("{at} of {count} objects, {megabytes} MB")
            });
            cursor = page.get("cursor").cloned().unwrap_or_default();
            if cursor.is_null() {
                break;
            }
        }
    }
    file.seek(SeekFrom::Start(0)).map_err(wrong)?;
    let mut whole = Whole::default();
    for line in BufReader::new(&mut file).lines() {
        whole.add(&line.map_err(wrong)?);
    }
    let (lines, end) = (whole.lines.saturating_sub(1), whole.end());
    writeln!(file, "{end}").map_err(wrong)?;
    file.sync_all().map_err(wrong)?;
    let said = json!({
        "file": path.display().to_string(), "export": export, "objects": all.len(), "lines": lines,
    });
    match api.printed(&said)? {
        true => Ok(()),
        false => print(&format!(
            "{} objects are in {}. The deployment stays closed. Next, with the same MASTER_KEY, \
             PUBLIC_URL and version there:\n  weceive import {} --profile THERE --from HERE\n",
            all.len(),
            path.display(),
            path.display(),
        )),
    }
}

async fn close(
    api: &Api,
    export: &str,
    objects: &[String],
    progress: &mut Progress,
) -> Result<(), Failure> {
    for (at, object) in objects.iter().enumerate() {
        let body = json!({"step": "close", "export": export, "object": object});
        export_call(api, body).await?;
        progress.say(&|| format!("{at} of {} objects are closed", objects.len()));
    }
    Ok(())
}

/// The last line over all lines before it.
struct Whole {
    hash: digest::Context,
    lines: u64,
}

impl Default for Whole {
    fn default() -> Self {
        Self {
            hash: digest::Context::new(&digest::SHA256),
            lines: 0,
        }
    }
}

impl Whole {
    fn add(&mut self, line: &str) {
        self.hash.update(line.as_bytes());
        self.hash.update(b"\n");
        self.lines += 1;
    }

    /// The first line is not one of the export's.
    fn end(self) -> String {
        let digest = self.hash.finish();
        let hex: String = digest
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{END}{} {hex}", self.lines.saturating_sub(1))
    }
}

/// What an interrupted export has left.
struct Kept {
    header: String,
    is_whole: bool,
    /// The objects with all their lines, and where these lines end.
    done: BTreeSet<String>,
    length: u64,
}

fn kept_of(path: &Path) -> Result<Option<Kept>, Failure> {
    let wrong = |error: io::Error| unusable(path, &error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error)),
    };
    let mut reader = BufReader::new(file);
    let mut line = String::new();
    reader.read_line(&mut line).map_err(wrong)?;
    if line.is_empty() {
        return Ok(None);
    }
    if !line.starts_with(HEADER) || !line.ends_with('\n') {
        return Err(unusable(path, &"it is no export; name a new file"));
    }
    let mut at = u64::try_from(line.len()).unwrap_or_default();
    let mut kept = Kept {
        header: line.clone(),
        is_whole: false,
        done: BTreeSet::new(),
        length: at,
    };
    loop {
        line.clear();
        let read = reader.read_line(&mut line).map_err(wrong)?;
        at += u64::try_from(read).unwrap_or_default();
        // A line that was not written to its end is written again.
        if !line.ends_with('\n') {
            return Ok(Some(kept));
        }
        if line.starts_with(END) {
            kept.is_whole = true;
            return Ok(Some(kept));
        }
        let Some(found) = read_line(line.trim_end()) else {
            return Ok(Some(kept));
        };
        if found.page.next.is_none() {
            kept.done.insert(found.object);
            kept.length = at;
        }
    }
}

/// Reads the file to its end; how many lines it has.
fn check(path: &Path) -> Result<u64, Failure> {
    let wrong = |error: io::Error| unusable(path, &error);
    let mut lines = BufReader::new(File::open(path).map_err(wrong)?).lines();
    let first = lines.next().transpose().map_err(wrong)?.unwrap_or_default();
    if !first.starts_with(HEADER) {
        return Err(unusable(path, &"it is no export"));
    }
    let mut whole = Whole::default();
    whole.add(&first);
    for line in lines {
        let line = line.map_err(wrong)?;
        if line.starts_with(END) {
            let count = whole.lines.saturating_sub(1);
            return match whole.end() == line {
                true => Ok(count),
                false => Err(unusable(path, &"the file is damaged: its hash differs")),
            };
        }
        whole.add(&line);
    }
    Err(unusable(
        path,
        &"the export is not complete: run weceive export again, it continues",
    ))
}

pub async fn import(command: &Import, api: &Api) -> Result<(), Failure> {
    let path = &command.file;
    let wrong = |error: io::Error| unusable(path, &error);
    let from = match &command.from {
        None => None,
        Some(name) => Some(Api::new(profile::load_stored(name)?, false)?),
    };
    let count = check(path)?;
    if from.is_some() {
        confirm(
            "Serve the imported deployment? The one that was exported is never opened again.",
            command.yes,
        )?;
    }
    let mut progress = Progress::new(Instant::now());
    let mut needs: BTreeMap<String, Option<u64>> = BTreeMap::new();
    let mut export = String::new();
    for (at, line) in BufReader::new(File::open(path).map_err(wrong)?)
        .lines()
        .enumerate()
    {
        let line = line.map_err(wrong)?;
        if let Some(header) = line.strip_prefix(HEADER) {
            export = header.split(' ').next().unwrap_or_default().to_owned();
            continue;
        }
        if line.starts_with(END) {
            break;
        }
        let damaged = || unusable(path, &format_args!("line {} cannot be read", at + 1));
        let found = read_line(&line).ok_or_else(damaged)?;
        match needs.get(&found.object) {
            // It is written already.
            Some(None) => continue,
            Some(Some(next)) if found.number < *next => continue,
            _ => {}
        }
        let body = json!({"line": line});
        let answer = api
            .call(Badge::Operator, Method::POST, "/admin/import", Some(&body))
            .await?;
        let next = answer.get("next").and_then(Value::as_u64);
        needs.insert(found.object, next);
        progress.say(&|| format!("{at} of {count} lines are written"));
    }
    if let Some((object, _)) = needs.iter().find(|(_, next)| next.is_some()) {
        return Err(unusable(
            path,
            &format_args!("it does not have every line of {object}"),
        ));
    }
    let mut said = json!({"export": export, "objects": needs.len(), "serves": from.is_some()});
    let Some(from) = from else {
        return match api.printed(&said)? {
            true => Ok(()),
            false => print(&format!(
                "{} objects are written and agree. Nothing is served yet: run the same command with \
                 --from and the profile of the deployment that was exported.\n",
                needs.len()
            )),
        };
    };
    let release = export_call(&from, json!({"step": "release", "export": export})).await?;
    let release = release.get("release").cloned().unwrap_or_default();
    for shard in shards() {
        let mut after = Value::Null;
        loop {
            let body = json!({"release": release, "object": shard, "after": after});
            let answer = api
                .call(Badge::Operator, Method::POST, "/admin/import", Some(&body))
                .await?;
            after = answer.get("after").cloned().unwrap_or_default();
            if after.is_null() {
                break;
            }
        }
        progress.say(&|| format!("{shard} serves"));
    }
    if let Some(said) = said.as_object_mut() {
        said.insert("serves".to_owned(), Value::Bool(true));
    }
    match api.printed(&said)? {
        true => Ok(()),
        false => print(&format!(
            "{} objects are served here. Lead the address to this deployment now, and run weceive \
             doctor.\n",
            needs.len()
        )),
    }
}
