//! Leaves out of the page's module what a payer's browser never uses: a quarter
//! of what the linker keeps.
//!
//! - The messages of panics, with everything that formats them. The page installs
//!   no hook that prints them, so a panic is a trap with or without its message.
//! - The streams of `wasm-streams`, which every program with `leptos` exports
//!   and only its server functions use.
//!
//! A function's body is replaced by `unreachable`; wasm-bindgen and `wasm-opt`
//! then remove what only this body used. `{:?}` is among it: the page formats
//! nothing in that way.

use crate::wasm::{leb128, read_bytes, write_bytes, write_leb128};

/// Parts of the mangled names of functions that only serve a panic's message.
const MESSAGES: [&str; 13] = [
    "4core9panicking",
    "3std9panicking",
    "slice_error_fail",
    "slice_index_fail",
    "13unwrap_failed",
    "13expect_failed",
    "13assert_failed",
    "17capacity_overflow",
    "18handle_alloc_error",
    "panic_access_error",
    "panic_already_",
    "5Debug3fmt",
    "core..fmt..Debug$GT$3fmt",
];

/// Texts of the standard library and of crates that only a panic or a `{:?}`
/// shows: nothing refers to them once those functions trap.
const SENTENCES: [&str; 46] = [
    "capacity overflow",
    "slice index starts at ",
    " but ends at ",
    " index out of bounds: the len is ",
    " but the index is ",
    "range start index ",
    "range end index ",
    " out of range for slice of length ",
    "assertion `left ",
    " right` failed",
    "cannot access a Thread Local Storage value during or after destruction: ",
    "Executor::spawn called, but no global 'spawn' function is configured.",
    "Executor::spawn_local called, but no global 'spawn_local' function is configured.",
    "assertion failed: self.is_char_boundary(new_len)",
    "Tried to access a reactive value that has already been disposed.",
    "attempt to join into collection with len > usize::MAX",
    "Value is None because the `ssr` feature is active. When `ssr` is enabled, tachys skips creating client-side values (event handlers, directives, properties) to avoid cross-thread panics on multithreaded servers. If you are building a client-side (CSR or hydrate) target, this means the `ssr` feature is being activated unintentionally via Cargo feature unification; another dependency in your workspace is enabling it. Run `cargo tree -e features -i tachys` to identify the source.",
    "inner is None only in drop",
    "window size must be non-zero",
    "called `Option::unwrap()` on a `None` value",
    "LazyCell instance has previously been poisoned",
    "`async fn` resumed after completion",
    "RefCell already mutably borrowed",
    "RefCell already borrowed",
    "Hash table capacity overflow",
    "Lazy instance has previously been poisoned",
    "Arc counter overflow",
    "Dropped SendWrapper<T> variable from a thread different to the one it has been created with.",
    "Dereferenced SendWrapper<T> variable from a thread different to the one it has been created with.",
    "Once instance has previously been poisoned",
    "one-time initialization may not be performed recursively",
    "assertion failed: psize >= size + min_overhead",
    "assertion failed: psize <= size + max_overhead",
    "entity not foundpermission deniedconnection refusedconnection resethost unreachablenetwork unreachableconnection abortednot connectedaddress in useaddress not availablenetwork downbroken pipeentity already existsoperation would blocknot a directoryis a directorydirectory not emptyread-only filesystem or storage mediumfilesystem loop or indirection limit (e.g. symlink loop)stale network file handleinvalid input parameterinvalid datatimed outwrite zerono storage spaceseek on unseekable filequota exceededfile too largeresource busyexecutable file busydeadlockcross-device link or renametoo many linksinvalid filenameargument list too longoperation interruptedunsupportedunexpected end of fileout of memoryin progressother erroruncategorized error",
    "use of std::thread::current() is not possible after the thread's local data has been destroyed",
    "failed to generate unique thread ID: bitspace exhausted",
    "closure invoked recursively or after being dropped",
    "called `Result::unwrap()` on an `Err` value",
    "Attempted to initialize thread-local while it is being dropped",
    "recursive use of an object detected which would lead to unsafe aliasing in rust",
    "Tried to shrink to a larger capacity",
    "internal error: entered unreachable code",
    "Map must not be polled after it returned `Poll::Ready`",
    "a Display implementation returned an error unexpectedly",
    "called `Option::unwrap_throw()` on a `None` value",
    "called `Result::unwrap_throw()` on an `Err` value",
];

/// How the exports of `wasm-streams` begin.
const STREAMS: &str = "intounderlying";

/// A part of the names of the functions behind these exports, which the linker
/// keeps, because their addresses are in its table. The page makes no
/// JavaScript promise from Rust.
const PROMISES: &str = "7futures17future_to_promise";

/// No locals, `unreachable`, `end`.
const TRAP: &[u8] = b"\0\0\x0b";

/// The module in which these functions trap, and without the paths of source
/// files, which only their messages name. `None` if it is not a module with
/// names.
#[must_use]
pub fn without_messages(module: &[u8]) -> Option<Vec<u8>> {
    const IMPORTS: u8 = 2;
    const CODE: u8 = 10;
    const DATA: u8 = 11;
    let sections = sections(module)?;
    let content = |wanted| sections.iter().find(|(kind, _)| *kind == wanted);
    let imported = imported_functions(content(IMPORTS)?.1)?;
    let traps = |name: &str| {
        name.starts_with(STREAMS)
            || name.contains(PROMISES)
            || MESSAGES.iter().any(|part| name.contains(part))
    };
    let trapping = functions_with(names(&sections)?, traps)?;
    let mut lean = module.get(..8)?.to_vec();
    for (kind, content) in sections {
        lean.push(kind);
        match kind {
            CODE => write_bytes(&mut lean, &trapped(content, imported, &trapping)?),
            DATA => write_bytes(&mut lean, &without_sentences(without_paths(content))),
            _ => write_bytes(&mut lean, content),
        }
    }
    Some(lean)
}

/// The script of wasm-bindgen without its classes. They have the exports of
/// `wasm-streams`; the page itself exports nothing.
#[must_use]
pub fn without_classes(script: &str) -> String {
    let mut kept = String::with_capacity(script.len());
    let mut lines = script.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("export class ") {
            lines.by_ref().find(|line| *line == "}");
        } else if line.starts_with("const IntoUnderlying") {
            lines.by_ref().find(|line| line.ends_with(';'));
        } else if !line.starts_with("if (Symbol.dispose) ") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The kind and the content of each section.
fn sections(module: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let (header, mut rest) = module.split_at_checked(8)?;
    let mut sections = Vec::new();
    while let Some((kind, after)) = rest.split_first() {
        let (content, next) = read_bytes(after)?;
        sections.push((*kind, content));
        rest = next;
    }
    header.starts_with(b"\0asm").then_some(sections)
}

/// How many functions are imported: they are numbered before the module's own.
/// wasm-bindgen imports functions only.
fn imported_functions(section: &[u8]) -> Option<usize> {
    let (count, mut rest) = leb128(section)?;
    for _ in 0..count {
        let (_, after) = read_bytes(rest)?;
        let (_, after) = read_bytes(after)?;
        let (_, next) = leb128(after.strip_prefix(b"\0")?)?;
        rest = next;
    }
    Some(count)
}

/// The names of functions, in the section `name`: subsection 1.
fn names<'a>(sections: &[(u8, &'a [u8])]) -> Option<&'a [u8]> {
    let mut named = sections
        .iter()
        .filter(|(kind, _)| *kind == 0)
        .filter_map(|(_, content)| content.strip_prefix(b"\x04name"));
    let mut rest = named.next()?;
    while let Some((kind, after)) = rest.split_first() {
        let (content, next) = read_bytes(after)?;
        if *kind == 1 {
            return Some(content);
        }
        rest = next;
    }
    None
}

/// The numbers of the functions whose names are wanted, ascending.
fn functions_with(names: &[u8], wanted: impl Fn(&str) -> bool) -> Option<Vec<usize>> {
    let (count, mut rest) = leb128(names)?;
    let mut found = Vec::new();
    for _ in 0..count {
        let (function, after) = leb128(rest)?;
        let (name, next) = read_bytes(after)?;
        if wanted(str::from_utf8(name).ok()?) {
            found.push(function);
        }
        rest = next;
    }
    Some(found)
}

/// The section of code in which these functions trap.
fn trapped(section: &[u8], imported: usize, trapping: &[usize]) -> Option<Vec<u8>> {
    let (count, mut rest) = leb128(section)?;
    let mut code = Vec::with_capacity(section.len());
    write_leb128(&mut code, count);
    for own in 0..count {
        let (body, next) = read_bytes(rest)?;
        let traps = trapping.binary_search(&(imported + own)).is_ok();
        write_bytes(&mut code, if traps { TRAP } else { body });
        rest = next;
    }
    Some(code)
}

/// Where the sources of the standard library and of crates are.
fn roots() -> Vec<Vec<u8>> {
    let directories = ["CARGO_HOME", "HOME"]
        .into_iter()
        .filter_map(std::env::var_os);
    let mut roots: Vec<Vec<u8>> = directories
        .map(std::ffi::OsString::into_encoded_bytes)
        .filter(|root| root.len() > 1)
        .collect();
    roots.push(b"/rustc/".to_vec());
    roots
}

/// The data in which the paths of source files are zeros: the places of all
/// other data stay.
fn without_paths(data: &[u8]) -> Vec<u8> {
    let roots = roots();
    let mut data = data.to_vec();
    let mut from = 0;
    while let Some(rest) = data.get(from..) {
        let found = (0..rest.len()).find(|at| {
            let here = rest.get(*at..).unwrap_or_default();
            roots.iter().any(|root| here.starts_with(root))
        });
        let Some(at) = found else { break };
        let start = from + at;
        let text = data.get(start..).unwrap_or_default();
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
        let text = text.get(..text.iter().take_while(|byte| is_part(byte)).count());
        let end = text.and_then(|text| text.windows(3).position(|end| end == b".rs"));
        from = start + 1;
        if let Some(path) = end.and_then(|end| data.get_mut(start..start + end + 3)) {
            path.fill(0);
            from = start + path.len();
        }
    }
    data
}

/// The data in which [`SENTENCES`] are zeros, as [`without_paths`].
fn without_sentences(mut data: Vec<u8>) -> Vec<u8> {
    for sentence in SENTENCES {
        let sentence = sentence.as_bytes();
        while let Some(at) = data
            .windows(sentence.len())
            .position(|text| text == sentence)
        {
            if let Some(text) = data.get_mut(at..at + sentence.len()) {
                text.fill(0);
            }
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(kind: u8, content: &[u8]) -> Vec<u8> {
        let mut section = vec![kind];
        write_bytes(&mut section, content);
        section
    }

    /// A module with one imported function and two of its own.
    fn module(first: &[u8], data: &[u8]) -> Vec<u8> {
        let mut functions = vec![3];
        for (number, name) in ["imported", "_ZN4core9panicking9panic_fmt", "main"]
            .into_iter()
            .enumerate()
        {
            functions.push(number as u8);
            write_bytes(&mut functions, name.as_bytes());
        }
        let mut names = b"\x04name".to_vec();
        names.extend(section(1, &functions));
        let mut code = vec![2];
        write_bytes(&mut code, first);
        write_bytes(&mut code, b"\0\x01\x0b");
        [
            b"\0asm\x01\0\0\0".to_vec(),
            section(2, b"\x01\x01m\x01f\0\0"),
            section(10, &code),
            section(11, data),
            section(0, &names),
        ]
        .concat()
    }

    #[test]
    fn a_function_for_messages_traps_and_paths_are_zeros() {
        let lean = without_messages(&module(
            b"\0\x01\x01\x01\x0b",
            b"ok/rustc/a-1/src/lib.rsno /rustc/ no",
        ));
        let zeros = [&b"ok"[..], &[0; 21], b"no /rustc/ no"].concat();
        assert_eq!(lean, Some(module(TRAP, &zeros)));
    }

    #[test]
    fn the_classes_of_a_script_are_removed() {
        let script = "export class A {\n    f() {\n    }\n}\n\
                      if (Symbol.dispose) A.prototype[Symbol.dispose] = 1;\n\
                      function kept() {\n}\n\
                      const IntoUnderlyingSinkFinalization = (x)\n    ? 1\n    : f(2);\n\
                      const B = 1;\n";
        assert_eq!(
            without_classes(script),
            "function kept() {\n}\nconst B = 1;\n"
        );
    }

    #[test]
    fn bytes_that_are_no_module_are_refused() {
        assert_eq!(without_messages(b"<!doctype html>"), None);
        assert_eq!(without_messages(b"\0asm\x01\0\0\0"), None);
    }
}
