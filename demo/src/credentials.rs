//! The keys and passwords that earlier runs chose or received, in a file next
//! to the store.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use crate::{
    Failure, Result,
    files::{wipe, write_secret},
};

/// The keys and passwords that earlier runs chose or received, and that no
/// request can read again. The file is next to the store that they open.
#[derive(Debug)]
pub struct Credentials {
    file: PathBuf,
    kept: Map<String, Value>,
}

impl Credentials {
    /// The credentials of an earlier run with the same store. When there are
    /// none, new ones are made, and the store is deleted, because they cannot
    /// open it.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written.
    pub fn of(directory: &Path) -> Result<Self> {
        let file = directory.join("credentials.json");
        let kept = fs::read(&file)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(kept) = kept {
            return Ok(Self { file, kept });
        }
        wipe(&directory.join("store"))?;
        let mut kept = Map::new();
        kept.insert("master_key".into(), random_hex(32)?.into());
        kept.insert("admin_token".into(), random_hex(16)?.into());
        kept.insert("merchants".into(), json!({}));
        let credentials = Self { file, kept };
        credentials.save()?;
        Ok(credentials)
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn master_key(&self) -> &str {
        self.text("master_key")
    }

    /// The bearer token of the gateway's `/admin`.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        self.text("admin_token")
    }

    fn text(&self, name: &str) -> &str {
        self.kept
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(crate) fn merchant(&self, id: &str) -> Option<Value> {
        self.kept.get("merchants")?.get(id).cloned()
    }

    pub(crate) fn keep(&mut self, id: &str, merchant: &Value) -> Result<()> {
        if let Some(merchants) = self
            .kept
            .get_mut("merchants")
            .and_then(Value::as_object_mut)
        {
            merchants.insert(id.to_owned(), merchant.clone());
        }
        self.save()
    }

    /// Whether an earlier run has noted this.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.kept.contains_key(name)
    }

    /// Notes for later runs that something was made.
    pub(crate) fn note(&mut self, name: &str) -> Result<()> {
        self.kept.insert(name.to_owned(), true.into());
        self.save()
    }

    /// Writes the file; only its owner can read it.
    fn save(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.kept).unwrap_or_default();
        write_secret(&self.file, &text)
    }
}

/// `bytes` random bytes as hexadecimal digits.
fn random_hex(bytes: usize) -> Result<String> {
    let mut random = vec![0_u8; bytes];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut random))
        .map_err(|error| {
            Failure::new(
                "make a random key",
                error,
                "see whether /dev/urandom can be read",
            )
        })?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
