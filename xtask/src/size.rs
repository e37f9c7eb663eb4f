//! How big the results are as they are sent.

use std::path::PathBuf;

use crate::{Result, build::Part, step, tools};

/// The size of a file, and of what is sent of it.
#[derive(Debug)]
pub struct Size {
    /// What it belongs to.
    pub part: Part,
    /// Where it is.
    pub file: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// Its bytes compressed: with brotli for the page, as browsers ask for it; with gzip for a Worker, as Cloudflare counts it.
    pub sent: u64,
}

/// Measures `parts` as they are now. Node.js compresses: nothing else here needs to.
///
/// # Errors
///
/// A file is missing: build first.
pub fn measure(parts: &[Part]) -> Result<Vec<Size>> {
    const COMPRESS: &str = r#"
const { readFileSync } = require("node:fs"), zlib = require("node:zlib");
const methods = { brotli: zlib.brotliCompressSync, gzip: zlib.gzipSync };
const words = process.argv.slice(1);
while (words.length) {
  const [method, file] = words.splice(0, 2), bytes = readFileSync(file);
  console.log(bytes.length, methods[method](bytes).length);
}"#;
    let files: Vec<(Part, PathBuf)> = parts
        .iter()
        .flat_map(|part| part.files().into_iter().map(|file| (*part, file)))
        // It runs on merchants' pages, and no payer's page loads it.
        .filter(|(_, file)| !file.ends_with("weceive-pay.js"))
        .collect();
    let mut command = tools::command("node")?;
    command.args(["-e", COMPRESS]);
    for (part, file) in &files {
        command.arg(compression(*part)).arg(file);
    }
    let printed = step::run("measure", &mut command, "see Node.js's own words above")?;
    let number = |word: Option<&str>| word.and_then(|word| word.parse().ok()).unwrap_or(0);
    Ok(files
        .into_iter()
        .zip(printed.lines())
        .map(|((part, file), line)| {
            let mut words = line.split(' ');
            Size {
                part,
                file,
                bytes: number(words.next()),
                sent: number(words.next()),
            }
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
            eprintln!("  {sent:>8} of {bytes:>8}  {}", tools::shown(file));
        }
    }
    eprintln!();
    Ok(())
}

/// How it is compressed on its way.
fn compression(part: Part) -> &'static str {
    match part {
        Part::Page => "brotli",
        Part::Edge | Part::Sandbox => "gzip",
    }
}
