//! Builds the checkout page and the console (`dist/`) and the two Workers (`edge/build/`, `sandbox/build/`).
//!
//! cargo decides what to recompile. The steps after it (bindings, optimising,
//! bundling) are skipped when cargo's result and every other input are
//! unchanged.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use testkit::{Failure, Result, demo::wipe, paths};

use crate::{
    build_cache::files_below,
    console,
    lean::without_classes,
    module::{FEATURES, bind, compile},
    part::{APP, EDGE, EXPLAINER, Package, Part, SANDBOX, target_directory},
    setup, size, step, tools,
    wasm::{with_short_names, without_names},
};

/// Sets up, builds `parts` and prints their sizes.
///
/// # Errors
///
/// Something could not be installed, or did not compile or link.
pub fn run(parts: &[Part]) -> Result<()> {
    setup::for_parts(parts)?;
    for part in parts {
        match part {
            Part::Page => page()?,
            Part::Console => console::build()?,
            Part::Edge => worker(*part, &EDGE)?,
            Part::Sandbox => worker(*part, &SANDBOX)?,
        }
    }
    size::print(parts)
}

/// Builds a Worker.
fn worker(part: Part, package: &Package) -> Result<()> {
    let directory = package.name;
    let inputs = [
        compile(package)?,
        paths::root().join(directory).join("Cargo.toml"),
    ];
    let bundle = format!("bundle {directory}");
    if part.stamp(&inputs)?.is_current() {
        step::unchanged(&bundle);
        return Ok(());
    }
    step::run(
        &bundle,
        // Not optimised again: `wasm-opt -Oz` takes twenty seconds and makes
        // the compressed module larger.
        tools::command(tools::WORKER_BUILD.path()?)?.args([directory, "--release", "--no-opt"]),
        "see worker-build's message above",
    )?;
    set_names_aside(part)?;
    part.stamp(&inputs)?.write()
}

/// Removes the functions' names from a Worker's module, where they are a
/// quarter of what is uploaded.
///
/// They stay in `target/xtask/PART.named.wasm`: `wasm-function[123]` of a stack
/// trace is function 123 there.
fn set_names_aside(part: Part) -> Result<()> {
    let module = part.directory().join("index_bg.wasm");
    let failed = |said: &dyn std::fmt::Display| {
        Failure::new(
            format!("take the names out of {}", paths::shown(&module)),
            said,
            "see whether the disk is full",
        )
    };
    let named = fs::read(&module).map_err(|error| failed(&error))?;
    let nameless =
        without_names(&named).ok_or_else(|| failed(&"it is not a WebAssembly module"))?;
    let kept = part.beside("named.wasm")?;
    kept.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&kept, &named))
        .and_then(|()| fs::write(&module, nameless))
        .map_err(|error| failed(&error))
}

/// Builds the checkout page. trunk empties the directory, which the console
/// shares.
fn page() -> Result<()> {
    let root = paths::root();
    let compiled = compile(&APP)?;
    let hosted = compiled.with_file_name("hosted.wasm");
    let explainer = compile(&EXPLAINER)?;
    let mut inputs = vec![
        compiled.clone(),
        hosted.clone(),
        explainer.clone(),
        root.join("Trunk.toml"),
        // The version of the viewer of `/docs`.
        root.join("node_modules/swagger-ui-dist/package.json"),
    ];
    inputs.extend(
        ["app", "public", "explain/page"]
            .iter()
            .flat_map(|directory| files_below(&root.join(directory))),
    );
    // The Rust files are inputs of the compiled module, which is an input
    // itself.
    inputs.retain(|path| path.extension().is_none_or(|extension| extension != "rs"));

    if Part::Page.stamp(&inputs)?.is_current() {
        step::unchanged("bundle the page");
        return Ok(());
    }
    // trunk publishes all bindings that it finds here, also those of earlier
    // versions of the page.
    wipe(&target_directory()?.join("wasm-bindgen"))?;
    step::run(
        "bundle the page",
        tools::command(tools::TRUNK.path()?)?.args(["build", "--release", "--offline"]),
        "see trunk's message above",
    )?;
    let (module, script) = module_and_script()?;
    lean(&compiled, &module, &script)?;
    shorten_names(&module, &script)?;
    on_another_host(&hosted)?;
    minify(&Part::Page.directory())?;
    viewer(&Part::Page.directory())?;
    sign_tool(&explainer, &Part::Page.directory())?;
    Part::Page.stamp(&inputs)?.write()
}

/// Writes the module and its script without the parts that no payer uses
/// ([`lean`](crate::lean)). They must be removed before wasm-bindgen reads the
/// module, and trunk has no hook for that.
fn lean(compiled: &Path, module: &Path, script: &Path) -> Result<()> {
    let failed = |said: &dyn std::fmt::Display| {
        Failure::new(
            "leave out of the page what no payer uses",
            said,
            "see whether the compiler names functions in another way",
        )
    };
    let directory = bind(Part::Page, "app", compiled)?;
    step::run(
        "optimise the page",
        tools::command(paths::npm_program("wasm-opt"))?
            .args(FEATURES)
            .args(["--low-memory-unused", "--strip-debug", "--strip-producers"])
            .args(["--strip-target-features", "-Oz", "--flatten", "--rereloop"])
            .args(["-Oz", "-Oz"])
            .arg(directory.join("app_bg.wasm"))
            .arg("-o")
            .arg(module),
        "see wasm-opt's message above",
    )?;
    fs::read_to_string(directory.join("app.js"))
        .and_then(|text| fs::write(script, without_classes(&text)))
        .map_err(|error| failed(&error))
}

/// Puts the page on another host beside the page: a module of its own, whose
/// name has a hash, and the HTML, with the names that trunk has given to the
/// page's files.
fn on_another_host(compiled: &Path) -> Result<()> {
    let failed = |said: &dyn std::fmt::Display| {
        Failure::new(
            "write the page for other hosts",
            said,
            "see whether app/pay.html and app/pay.js are there",
        )
    };
    let dist = Part::Page.directory();
    let mut hash = DefaultHasher::new();
    fs::read(compiled)
        .map_err(|error| failed(&error))?
        .hash(&mut hash);
    let name = format!("hosted-{:016x}", hash.finish());
    let module = dist.join(format!("{name}_bg.wasm"));
    let script = dist.join(format!("{name}.js"));
    lean(compiled, &module, &script)?;
    shorten_names(&module, &script)?;
    let files = files_below(&dist);
    let named = |start: &str, end: &str| {
        files.iter().find_map(|file| {
            let name = file.file_name()?.to_str()?;
            (name.starts_with(start) && name.ends_with(end)).then_some(name)
        })
    };
    let names = [
        ("{css}", named("checkout-", ".css")),
        ("{script}", named("hosted-", ".js")),
        ("{module}", named("hosted-", "_bg.wasm")),
    ];
    for file in ["pay.html", "pay.js"] {
        let mut text = fs::read_to_string(paths::root().join("app").join(file))
            .map_err(|error| failed(&error))?;
        for (place, name) in names {
            let name = name.ok_or_else(|| failed(&format!("there is no file for {place}")))?;
            text = text.replace(place, name);
        }
        fs::write(dist.join(file), text).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// The page's module and its script, as trunk has named them.
fn module_and_script() -> Result<(PathBuf, PathBuf)> {
    let files = Part::Page.files();
    let module = files
        .into_iter()
        .find(|file| file.to_string_lossy().ends_with("_bg.wasm"));
    let module = module.ok_or_else(|| {
        Failure::new(
            "find the page's module",
            "trunk has written none",
            "see whether a new trunk names it in another way",
        )
    })?;
    let script = PathBuf::from(module.to_string_lossy().replace("_bg.wasm", ".js"));
    Ok((module, script))
}

/// Shortens, in place, the names that the page's module and its script use for
/// each other's functions.
fn shorten_names(module: &Path, script: &Path) -> Result<()> {
    let failed = |said: &dyn std::fmt::Display| {
        Failure::new(
            "shorten the names between the page's module and its script",
            said,
            "see whether a new wasm-bindgen writes another form",
        )
    };
    let read = fs::read(module).and_then(|bytes| Ok((bytes, fs::read_to_string(script)?)));
    let (bytes, text) = read.map_err(|error| failed(&error))?;
    let (bytes, text) =
        with_short_names(&bytes, &text).ok_or_else(|| failed(&"an unknown form"))?;
    fs::write(module, bytes)
        .and_then(|()| fs::write(script, text))
        .map_err(|error| failed(&error))
}

/// Minifies the page's JavaScript and CSS, in place.
///
/// The hashes in their file names are those of the content before. That is
/// sufficient: the same content is always minified to the same result.
fn minify(dist: &Path) -> Result<()> {
    let mut files = files_below(dist);
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "js" || extension == "css")
    });
    step::run(
        "minify the page",
        tools::command(paths::esbuild()?)?
            .args(&files)
            .args([
                "--minify",
                "--allow-overwrite",
                "--charset=utf8",
                "--log-level=warning",
            ])
            .arg(format!("--outdir={}", dist.display()))
            .arg(format!("--outbase={}", dist.display())),
        "see esbuild's message above",
    )?;
    Ok(())
}

/// Copies the viewer of `/docs` into the page's directory: a complete bundle
/// from npm, and its licences.
fn viewer(dist: &Path) -> Result<()> {
    let package = paths::root().join("node_modules/swagger-ui-dist");
    let copied = [
        ("swagger-ui-bundle.js", "swagger-ui.js"),
        ("swagger-ui.css", "swagger-ui.css"),
    ]
    .into_iter()
    .try_for_each(|(from, to)| fs::copy(package.join(from), dist.join(to)).map(|_| ()));
    let licences = ["NOTICE", "LICENSE", "swagger-ui-bundle.js.LICENSE.txt"].map(|name| {
        fs::read_to_string(package.join(name)).map(|text| format!("{}\n\n", text.trim()))
    });
    let licences = licences.into_iter().collect::<std::io::Result<String>>();
    copied
        .and(licences)
        .and_then(|licences| fs::write(dist.join("swagger-ui.txt"), licences))
        .map_err(|error| {
            Failure::new(
                "put the viewer of /docs beside the page",
                error,
                "run `npm ci`, and see whether the disk is full",
            )
        })
}

/// Puts the program of `/tools/sign` beside the page, as one file: its page may
/// open no connection, so the module is part of the script.
fn sign_tool(module: &Path, dist: &Path) -> Result<()> {
    let bound = target_directory()?.join("xtask/explainer");
    step::run(
        "bind the explainer",
        tools::command(tools::WASM_BINDGEN.path()?)?
            .args([
                "--target",
                "web",
                "--no-typescript",
                "--out-name",
                "explainer",
            ])
            .arg("--out-dir")
            .arg(&bound)
            .arg(module),
        "see wasm-bindgen's message above",
    )?;
    let (large, small) = (
        bound.join("explainer_bg.wasm"),
        bound.join("explainer.wasm"),
    );
    step::run(
        "optimise the explainer",
        tools::command(paths::npm_program("wasm-opt"))?
            .args(FEATURES)
            .args(["--low-memory-unused", "--strip-producers"])
            .args(["--strip-target-features", "--strip-debug", "-Oz", "-o"])
            .args([&small, &large]),
        "see wasm-opt's message above",
    )?;
    let page = paths::root().join("explain/page");
    step::run(
        "bundle the explainer",
        tools::command(paths::esbuild()?)?
            .arg(page.join("sign.js"))
            .arg(page.join("sign.css"))
            .args(["--bundle", "--minify", "--format=esm", "--charset=utf8"])
            .args(["--loader:.wasm=binary", "--log-level=warning"])
            .arg(format!("--alias:explainer.wasm={}", small.display()))
            .arg(format!(
                "--alias:explainer={}",
                bound.join("explainer.js").display()
            ))
            .arg(format!("--outdir={}", dist.display())),
        "see esbuild's message above",
    )?;
    Ok(())
}
