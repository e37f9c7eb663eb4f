//! Embeds the checkout page that `cargo xtask build page` has made. Without it
//! the program is built too, and says at its start that the page is missing.

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let variable = |name: &str| env::var_os(name).ok_or(format!("{name} is not set"));
    let dist = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("../dist");
    println!("cargo::rerun-if-changed=build.rs");
    // A missing directory is looked for at each build.
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut files: Vec<PathBuf> = match fs::read_dir(&dist) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?,
        Err(_) => Vec::new(),
    };
    files.retain(|path| path.is_file());
    files.sort();
    let mut text = String::from("const EMBEDDED: &[(&str, &[u8])] = &[\n");
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| format!("{} has no name in UTF-8", file.display()))?;
        let path = file.canonicalize()?;
        writeln!(text, "    ({name:?}, include_bytes!({path:?})),")?;
    }
    text.push_str("];\n");
    fs::write(PathBuf::from(variable("OUT_DIR")?).join("pages.rs"), text)?;
    Ok(())
}
