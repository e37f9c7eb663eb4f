//! Builds the console: a module, a script, a style, the texts of each language and
//! `console.html`, beside the checkout page's files.
//!
//! trunk, which builds the page, makes one application of one directory, so the
//! console is bound and bundled here. Each file's name has a hash of its
//! contents, as the page's files have, so that it may be cached for ever.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use testkit::{Failure, Result, paths};

use crate::{
    build_cache::files_below,
    lean::without_classes,
    module::{FEATURES, bind, compile},
    part::{CONSOLE, Part},
    step, tools,
    wasm::with_short_names,
};

/// Loads the texts at the same time as the program, and starts the program; the page
/// names both files.
const START: &str = "globalThis.consoleTexts = fetch(document.getElementById('texts').href)
    .then((answer) => (answer.ok ? answer.text() : null), () => null);
__wbg_init({ module_or_path: document.getElementById('module').href });\n";

/// Builds it, unless it is up to date.
///
/// # Errors
///
/// Something did not compile or link.
pub fn build() -> Result<()> {
    let root = paths::root();
    let compiled = compile(&CONSOLE)?;
    let mut inputs = vec![compiled.clone()];
    inputs.extend(files_below(&root.join("console")));
    // The Rust files are inputs of the compiled module, which is an input itself.
    inputs.retain(|path| path.extension().is_none_or(|extension| extension != "rs"));
    let stamp = Part::Console.stamp(&inputs)?;
    if stamp.is_current() {
        step::unchanged("bundle the console");
        return Ok(());
    }
    let bound = bind(Part::Console, "console", &compiled)?;
    let small = bound.join("small.wasm");
    step::run(
        "optimise the console",
        tools::command(paths::npm_program("wasm-opt"))?
            .args(FEATURES)
            .args(["--low-memory-unused", "--strip-debug", "--strip-producers"])
            .args(["--strip-target-features", "-Oz", "-o"])
            .args([&small, &bound.join("console_bg.wasm")]),
        "see wasm-opt's message above",
    )?;
    write_program(&bound, &small)?;
    step::run(
        "minify the console",
        tools::command(paths::esbuild()?)?
            .arg(bound.join("start.js"))
            .arg(root.join("console/console.css"))
            .args(["--minify", "--charset=utf8", "--log-level=warning"])
            .arg(format!("--outdir={}", bound.join("minified").display())),
        "see esbuild's message above",
    )?;
    publish(&bound)?;
    stamp.write()
}

/// The module and its script, with short names for each other's functions.
fn write_program(bound: &Path, small: &Path) -> Result<()> {
    let failed = |said: &dyn std::fmt::Display| {
        Failure::new(
            "shorten the names between the console's module and its script",
            said,
            "see whether a new wasm-bindgen writes another form",
        )
    };
    let module = fs::read(small).map_err(|error| failed(&error))?;
    let script = fs::read_to_string(bound.join("console.js")).map_err(|error| failed(&error))?;
    let (module, script) = with_short_names(&module, &without_classes(&script))
        .ok_or_else(|| failed(&"an unknown form"))?;
    let exports = script
        .rfind("export {")
        .ok_or_else(|| failed(&"no exports"))?;
    let program = format!("{}{START}", script.get(..exports).unwrap_or_default());
    fs::write(bound.join("module.wasm"), module)
        .and_then(|()| fs::write(bound.join("start.js"), program))
        .map_err(|error| failed(&error))
}

/// Puts the files where the gateway finds them, and removes the earlier ones.
fn publish(bound: &Path) -> Result<()> {
    let failed = |error: std::io::Error| {
        Failure::new(
            "put the console's files into dist",
            error,
            "see whether the disk is full",
        )
    };
    let dist = Part::Console.directory();
    for earlier in Part::Console.files() {
        fs::remove_file(earlier).map_err(failed)?;
    }
    let [script, style] = minified(bound);
    let files = [
        ("{{MODULE}}", &bound.join("module.wasm"), "_bg.wasm"),
        ("{{SCRIPT}}", &script, ".js"),
        ("{{STYLE}}", &style, ".css"),
    ];
    let page = paths::root().join("console/index.html");
    let mut page = fs::read_to_string(page).map_err(failed)?;
    fs::create_dir_all(&dist).map_err(failed)?;
    let texts = [0, 1, 2].map(console_texts::file);
    // The files of all languages have one name, so that a page can name another one.
    let name = format!("console-{:016x}", hash_of(&texts));
    for (language, text) in console_texts::LANGUAGES.iter().zip(&texts) {
        fs::write(dist.join(format!("{name}.{language}.txt")), text).map_err(failed)?;
    }
    page = page.replace("{{TEXTS}}", &name);
    for (place, file, ending) in files {
        let bytes = fs::read(file).map_err(failed)?;
        let name = format!("console-{:016x}{ending}", hash_of(&bytes));
        fs::write(dist.join(&name), bytes).map_err(failed)?;
        page = page.replace(place, &name);
    }
    fs::write(dist.join("console.html"), page).map_err(failed)
}

fn hash_of(contents: &impl Hash) -> u64 {
    let mut hash = DefaultHasher::new();
    contents.hash(&mut hash);
    hash.finish()
}

/// esbuild keeps the directories that its inputs do not share.
fn minified(bound: &Path) -> [PathBuf; 2] {
    let files = files_below(&bound.join("minified"));
    ["start.js", "console.css"].map(|name| {
        let found = files.iter().find(|file| file.ends_with(name));
        found.cloned().unwrap_or_else(|| bound.join(name))
    })
}
