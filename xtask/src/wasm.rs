//! The parts of a WebAssembly module's format that the build must know.

use std::collections::HashMap;

/// A module without its custom section `name`; everything else is unchanged.
///
/// A module is a header of eight bytes and then sections: a kind, a length, and
/// that many bytes. A section of kind 0 begins with the length of its own name
/// and the name.
#[must_use]
pub fn without_names(module: &[u8]) -> Option<Vec<u8>> {
    const NAME: &[u8] = b"\x04name";
    let (header, mut rest) = module.split_at_checked(8)?;
    if !header.starts_with(b"\0asm") {
        return None;
    }
    let mut kept = header.to_vec();
    while let Some((kind, after)) = rest.split_first() {
        let (length, content) = leb128(after)?;
        let (content, next) = content.split_at_checked(length)?;
        if *kind != 0 || !content.starts_with(NAME) {
            kept.extend_from_slice(rest.get(..rest.len() - next.len())?);
        }
        rest = next;
    }
    Some(kept)
}

/// The names of a module's functions by number, from its custom section `name`: of its parts, the one of kind 1.
#[must_use]
pub fn function_names(module: &[u8]) -> Option<HashMap<usize, String>> {
    let mut rest = module.get(8..)?;
    while let Some((kind, after)) = rest.split_first() {
        let (content, next) = read_bytes(after)?;
        if let (0, Some(mut parts)) = (*kind, content.strip_prefix(b"\x04name")) {
            while let Some((kind, after)) = parts.split_first() {
                let (part, next) = read_bytes(after)?;
                if *kind == 1 {
                    return in_names(part);
                }
                parts = next;
            }
        }
        rest = next;
    }
    None
}

fn in_names(part: &[u8]) -> Option<HashMap<usize, String>> {
    let (count, mut rest) = leb128(part)?;
    let mut names = HashMap::new();
    for _ in 0..count {
        let (number, after) = leb128(rest)?;
        let (name, next) = read_bytes(after)?;
        names.insert(number, String::from_utf8_lossy(name).into_owned());
        rest = next;
    }
    Some(names)
}

/// A module and the script that wasm-bindgen wrote for it, with shorter names
/// for the functions that they import from each other.
///
/// Half of each name is a hash, which cannot be compressed: the names are a
/// seventh of all that is sent of a page.
#[must_use]
pub fn with_short_names(module: &[u8], script: &str) -> Option<(Vec<u8>, String)> {
    const IMPORTS: u8 = 2;
    const EXPORTS: u8 = 7;
    let (header, mut rest) = module.split_at_checked(8)?;
    let mut names = ShortNames::default();
    let mut renamed = header.to_vec();
    while let Some((kind, after)) = rest.split_first() {
        let (length, content) = leb128(after)?;
        let (content, next) = content.split_at_checked(length)?;
        let content = match *kind {
            IMPORTS => names.in_imports(content)?,
            EXPORTS => names.in_exports(content)?,
            _ => content.to_vec(),
        };
        renamed.push(*kind);
        write_bytes(&mut renamed, &content);
        rest = next;
    }
    Some((renamed, names.in_script(script)))
}

/// The old names, with the new name of each.
#[derive(Debug, Default)]
struct ShortNames(HashMap<String, String>);

impl ShortNames {
    /// The first name, such as `__wbg_then_c949d5a25a4e78f8`, becomes `$a`, the
    /// next `$b`. A name without `_` stays.
    fn of(&mut self, name: &str) -> String {
        if !name.contains('_') {
            return name.to_owned();
        }
        let mut at = self.0.len();
        let short = self.0.entry(name.to_owned()).or_insert_with(|| {
            let mut short = String::from("$");
            loop {
                short.push(char::from(b'a' + (at % 26) as u8));
                at /= 26;
                if at == 0 {
                    return short;
                }
            }
        });
        short.clone()
    }

    /// Renames a module's imports. Each is the name of a module, a name, and
    /// what it is; a function has the number of its type.
    fn in_imports(&mut self, section: &[u8]) -> Option<Vec<u8>> {
        let (count, mut rest) = leb128(section)?;
        let mut renamed = Vec::new();
        write_leb128(&mut renamed, count);
        for _ in 0..count {
            let (module, after) = read_bytes(rest)?;
            let (name, after) = read_bytes(after)?;
            let (_, next) = leb128(after.strip_prefix(b"\0")?)?;
            write_bytes(&mut renamed, module);
            write_bytes(&mut renamed, self.of(str::from_utf8(name).ok()?).as_bytes());
            renamed.extend_from_slice(after.get(..after.len() - next.len())?);
            rest = next;
        }
        rest.is_empty().then_some(renamed)
    }

    /// Renames a module's exports. Each is a name, what it is, and its number.
    fn in_exports(&mut self, section: &[u8]) -> Option<Vec<u8>> {
        let (count, mut rest) = leb128(section)?;
        let mut renamed = Vec::new();
        write_leb128(&mut renamed, count);
        for _ in 0..count {
            let (name, after) = read_bytes(rest)?;
            let (_, next) = leb128(after.get(1..)?)?;
            write_bytes(&mut renamed, self.of(str::from_utf8(name).ok()?).as_bytes());
            renamed.extend_from_slice(after.get(..after.len() - next.len())?);
            rest = next;
        }
        rest.is_empty().then_some(renamed)
    }

    /// Renames each word of the script that is one of the names.
    fn in_script(&self, script: &str) -> String {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
        let mut renamed = String::with_capacity(script.len());
        let mut rest = script;
        while let Some(start) = rest.find(is_part) {
            let (before, from) = rest.split_at(start);
            let (word, after) = from.split_at(from.find(|c| !is_part(c)).unwrap_or(from.len()));
            renamed.push_str(before);
            renamed.push_str(self.0.get(word).map_or(word, String::as_str));
            rest = after;
        }
        renamed + rest
    }
}

/// A number of bytes, after their count.
pub(crate) fn read_bytes(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = leb128(bytes)?;
    rest.split_at_checked(length)
}

pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_leb128(out, bytes.len());
    out.extend_from_slice(bytes);
}

pub(crate) fn write_leb128(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// An unsigned number as WebAssembly writes it (seven bits in each byte, the
/// lowest first), and the bytes after it.
pub(crate) fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = bytes.iter().take(5).position(|byte| byte & 0x80 == 0)? + 1;
    let (number, rest) = bytes.split_at_checked(end)?;
    let value = number
        .iter()
        .rev()
        .fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f));
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_functions_are_read_by_number() {
        let header = b"\0asm\x01\0\0\0";
        let types = b"\x01\x04\x01\x60\0\0";
        let names = b"\x00\x13\x04name\x00\x02\x01m\x01\x08\x02\x03\x01a\x07\x02bc";
        let module = [&header[..], types, names].concat();
        let expected = [(3, "a".to_owned()), (7, "bc".to_owned())];
        assert_eq!(function_names(&module), Some(HashMap::from(expected)));
        assert_eq!(function_names(&[&header[..], types].concat()), None);
    }

    #[test]
    fn only_the_section_of_names_is_removed() {
        let header = b"\0asm\x01\0\0\0";
        let types = b"\x01\x04\x01\x60\0\0";
        let names = b"\x00\x87\x00\x04nameab";
        let producers = b"\x00\x0b\x09producers\0";
        let module = [&header[..], types, names, producers].concat();
        let expected = [&header[..], types, producers].concat();
        assert_eq!(without_names(&module), Some(expected));
    }

    #[test]
    fn shared_names_of_a_module_and_its_script_are_shortened() {
        let header = b"\0asm\x01\0\0\0";
        let imports = b"\x02\x19\x02\x02./\x08__wbg_ab\0\x80\x01\x02./\x03a_b\0\x00";
        let exports = b"\x07\x16\x02\x06memory\x02\0\x08__wbg_ab\0\x81\x01";
        let code = b"\x0a\x02\x01\0";
        let module = [&header[..], imports, exports, code].concat();
        let script = "x.__wbg_ab(__wbg_abc, x.memory, {a_b: a_b$, 'a_b': 1})";
        let (renamed, script) = with_short_names(&module, script).unwrap();
        let expected = [
            &header[..],
            b"\x02\x12\x02\x02./\x02$a\0\x80\x01\x02./\x02$b\0\x00",
            b"\x07\x10\x02\x06memory\x02\0\x02$a\0\x81\x01",
            code,
        ];
        assert_eq!(renamed, expected.concat());
        assert_eq!(script, "x.$a(__wbg_abc, x.memory, {$b: a_b$, '$b': 1})");
    }

    #[test]
    fn bytes_that_are_no_module_stay_unchanged() {
        assert_eq!(without_names(b"<!doctype html>"), None);
        assert_eq!(without_names(b"\0asm\x01\0\0\0\x01\x7f"), None);
    }
}
