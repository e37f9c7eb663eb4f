//! The little that must be known of a WebAssembly module's form.

/// A module without its custom section `name`; nothing else is touched.
///
/// A module is a header of eight bytes and then sections: a kind, a length, and that many bytes. Those of kind 0
/// begin with their own name's length and name.
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

/// An unsigned number as WebAssembly writes it — seven bits to a byte, the lowest first — and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
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
    fn only_the_names_are_taken_out() {
        let header = b"\0asm\x01\0\0\0";
        let types = b"\x01\x04\x01\x60\0\0";
        let names = b"\x00\x87\x00\x04nameab";
        let producers = b"\x00\x0b\x09producers\0";
        let module = [&header[..], types, names, producers].concat();
        let expected = [&header[..], types, producers].concat();
        assert_eq!(without_names(&module), Some(expected));
    }

    #[test]
    fn what_is_no_module_is_left_alone() {
        assert_eq!(without_names(b"<!doctype html>"), None);
        assert_eq!(without_names(b"\0asm\x01\0\0\0\x01\x7f"), None);
    }
}
