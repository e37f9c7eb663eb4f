//! The compressed sizes of the results.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use testkit::{Failure, Result, paths};

use crate::{part::Part, step, tools};

/// Files of the page's build that the gateway's checkout page does not load.
const NOT_THE_PAYERS: [&str; 10] = [
    "link.js",
    "pay.html",
    "pay.js",
    "weceive-pay.js",
    "docs.css",
    "docs.js",
    "swagger-ui.js",
    "swagger-ui.css",
    "sign.js",
    "sign.css",
];

/// The size of a file, before and after compression.
#[derive(Debug)]
pub struct Size {
    /// The part to which it belongs.
    pub part: Part,
    /// Its path.
    pub file: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// Its bytes when compressed: with brotli for the pages, as browsers ask for
    /// it; with gzip for a Worker, as Cloudflare counts it.
    pub sent: u64,
}

/// Measures `parts` as they are built now. Node.js compresses, so that no other
/// library is needed.
///
/// # Errors
///
/// A file is missing: build first.
pub fn measure(parts: &[Part]) -> Result<Vec<Size>> {
    let files: Vec<(Part, PathBuf)> = parts
        .iter()
        .flat_map(|part| part.files().into_iter().map(|file| (*part, file)))
        // These run on merchants' pages and hosts, at `/docs`, at `/tools/sign`, and for links.
        .filter(|(_, file)| !NOT_THE_PAYERS.iter().any(|name| file.ends_with(name)))
        .filter(|(_, file)| !file.to_string_lossy().contains("/hosted-"))
        .collect();
    let methods = files.iter().map(|(part, file)| (compression(*part), file));
    let counted = compress(methods)?;
    Ok(files
        .into_iter()
        .zip(counted)
        .map(|((part, file), (bytes, sent))| Size {
            part,
            file,
            bytes,
            sent,
        })
        .collect())
}

/// The size of a text compressed with brotli, in bytes.
///
/// # Errors
///
/// It cannot be written to a file, or Node.js does not run.
pub fn brotli(text: &[u8]) -> Result<u64> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "weceive-sent-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let file = std::env::temp_dir().join(name);
    let written = std::fs::write(&file, text);
    written.map_err(|error| {
        Failure::new(
            "write down what is to be measured",
            error,
            "see whether the disk is full",
        )
    })?;
    let counted = compress([("brotli", &file)]);
    std::fs::remove_file(&file).ok();
    Ok(counted?.first().map_or(0, |(_, sent)| *sent))
}

/// The size of each file before and after compression; `files` has the method
/// of compression for each.
fn compress<'a>(
    files: impl IntoIterator<Item = (&'static str, &'a PathBuf)>,
) -> Result<Vec<(u64, u64)>> {
    const COMPRESS: &str = r#"
const { readFileSync } = require("node:fs"), zlib = require("node:zlib");
const methods = { brotli: zlib.brotliCompressSync, gzip: zlib.gzipSync };
const words = process.argv.slice(1);
while (words.length) {
  const [method, file] = words.splice(0, 2), bytes = readFileSync(file);
  console.log(bytes.length, methods[method](bytes).length);
}"#;
    let mut command = tools::command("node")?;
    command.args(["-e", COMPRESS]);
    for (method, file) in files {
        command.arg(method).arg(file);
    }
    let printed = step::run("measure", &mut command, "see Node.js's message above")?;
    let number = |word: Option<&str>| word.and_then(|word| word.parse().ok()).unwrap_or(0);
    Ok(printed
        .lines()
        .map(|line| {
            let mut words = line.split(' ');
            (number(words.next()), number(words.next()))
        })
        .collect())
}

/// Prints the sizes of `parts`.
///
/// # Errors
///
/// As [`measure`].
pub fn print(parts: &[Part]) -> Result<()> {
    let sizes = measure(parts)?;
    for part in parts {
        let files: Vec<&Size> = sizes.iter().filter(|size| size.part == *part).collect();
        let sent: u64 = files.iter().map(|size| size.sent).sum();
        eprintln!("\n{} {}: {sent} bytes", part.name(), compression(*part));
        for Size {
            file, bytes, sent, ..
        } in files
        {
            eprintln!("  {sent:>8} of {bytes:>8}  {}", paths::shown(file));
        }
    }
    eprintln!();
    Ok(())
}

/// The compression with which a part is sent.
fn compression(part: Part) -> &'static str {
    match part {
        Part::Page | Part::Console => "brotli",
        Part::Edge | Part::Sandbox => "gzip",
    }
}
