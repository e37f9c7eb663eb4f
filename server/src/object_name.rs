//! The names of objects, and of their files.
//!
//! ```text
//! DIRECTORY/registry-00.sqlite … registry-63.sqlite
//! DIRECTORY/registry.sqlite                            of an earlier version
//! DIRECTORY/board.sqlite
//! DIRECTORY/books/<merchant>.sqlite
//! ```

use gateway::runtime::{Object, Shard};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// An object's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectName {
    /// A merchant's book.
    Book(String),
    /// A part of the registry of merchants.
    Shard(Shard),
    /// The registry of earlier versions.
    Registry,
    /// The board: the reports of the books.
    Board,
}

impl ObjectName {
    /// The name of an object that the gateway calls.
    pub fn of(object: Object<'_>) -> Self {
        match object {
            Object::Book(merchant) => Self::Book(merchant.to_owned()),
            Object::Shard(shard) => Self::Shard(shard),
            Object::Registry => Self::Registry,
            Object::Board => Self::Board,
        }
    }

    /// The path of the object's file. Characters that are unsafe in a file name
    /// are written as `%` and two hexadecimal digits.
    pub fn file(&self, directory: &Path) -> PathBuf {
        match self {
            Self::Shard(shard) => directory.join(format!("{}.sqlite", shard.name())),
            Self::Registry => directory.join("registry.sqlite"),
            Self::Board => directory.join("board.sqlite"),
            Self::Book(merchant) => {
                let mut name = String::new();
                for byte in merchant.bytes() {
                    match byte {
                        b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
                        // Writing to a String cannot fail.
                        _ => _ = write!(name, "%{byte:02X}"),
                    }
                }
                directory.join("books").join(format!("{name}.sqlite"))
            }
        }
    }

    /// The name of the book in this file.
    pub fn of_file(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(".sqlite")?;
        let mut bytes = Vec::new();
        let mut rest = name.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'%' => {
                    let digits = [rest.next()?, rest.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                byte => byte,
            });
        }
        String::from_utf8(bytes).ok().map(Self::Book)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_is_read_back() {
        for name in ["demo", "Tea House", "../etc/passwd", "茶", "%41", ""] {
            let object = ObjectName::Book(name.to_owned());
            let file = object.file(Path::new("/data"));
            assert_eq!(file.parent(), Some(Path::new("/data/books")), "{name}");
            assert_eq!(ObjectName::of_file(&file), Some(object), "{name}");
        }
    }
}
