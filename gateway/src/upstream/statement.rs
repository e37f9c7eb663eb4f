//! A day's statement while it is received: checked, and never in memory as a
//! whole.
//!
//! ```text
//! chunks ─▶ hash, Reader ─▶ Piece (the bytes, and the rows that end in them) …
//!                           at the end: the hash, the totals ─▶ Summary | Broken
//! ```

use crate::runtime::{Chunks, FetchError};
use futures_util::StreamExt;
use futures_util::stream;
use std::collections::VecDeque;
use std::fmt;
use thiserror::Error;
use wechatpay::common::bill::{BillError, Entry, Reader, Summary, Totals};
use wechatpay::v3::bill::TableHash;

/// The longest statement that is read: some 600,000 rows.
pub const MAX_STATEMENT_BYTES: usize = 256 * 1024 * 1024;

/// Why a statement cannot be read to its end.
#[derive(Debug, Error)]
pub enum Broken {
    /// The connection ended first.
    #[error("{0}")]
    Lost(FetchError),
    /// The document is not a statement.
    #[error("{0}")]
    Table(#[from] BillError),
    /// The contents do not match the hash.
    #[error("it was truncated or changed in transit: its hash differs")]
    OtherHash,
    /// More than [`MAX_STATEMENT_BYTES`].
    #[error("it has more than {MAX_STATEMENT_BYTES} bytes")]
    TooLong,
}

/// Some bytes of a statement, and the rows that they complete.
#[derive(Debug)]
pub struct Piece {
    /// The bytes, as WeChat sends them.
    pub bytes: Vec<u8>,
    /// The rows that end in them.
    pub entries: Vec<Entry>,
}

/// A statement whose header has been read.
pub struct Statement {
    chunks: Chunks,
    /// `None` after the end of the statement.
    reader: Option<Reader>,
    hash: TableHash,
    sha1: Option<String>,
    bytes: usize,
    waiting: VecDeque<Piece>,
    summary: Summary,
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Statement")
    }
}

impl Statement {
    /// Reads up to the header. `sha1` is the verified hash of the whole: where
    /// there is none, the totals show that nothing is missing.
    pub(super) async fn begin(chunks: Chunks, sha1: Option<String>) -> Result<Self, Broken> {
        let totals = match sha1 {
            Some(_) => Totals::Optional,
            None => Totals::Required,
        };
        let mut statement = Self {
            chunks,
            reader: Some(Reader::new(totals)),
            hash: TableHash::default(),
            sha1,
            bytes: 0,
            waiting: VecDeque::new(),
            summary: Summary::default(),
        };
        while statement.reader.as_ref().is_some_and(|r| !r.is_table()) {
            let piece = statement.read().await?;
            statement.waiting.extend(piece);
        }
        Ok(statement)
    }

    /// The next piece; `None` at the end of a complete statement.
    pub async fn next(&mut self) -> Result<Option<Piece>, Broken> {
        match self.waiting.pop_front() {
            Some(piece) => Ok(Some(piece)),
            None => self.read().await,
        }
    }

    /// The totals, after the last piece.
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The bytes without changes, for a reader of the file. An incomplete
    /// statement ends with an error, so that it is not taken for complete.
    /// Totals that disagree are left to the reader.
    pub fn into_chunks(self) -> Chunks {
        stream::unfold(Some(self), |statement| async move {
            let mut statement = statement?;
            match statement.next().await {
                Ok(Some(piece)) => Some((Ok(piece.bytes), Some(statement))),
                Ok(None) | Err(Broken::Table(BillError::TotalsDisagree { .. })) => None,
                Err(Broken::Lost(error)) => Some((Err(error), None)),
                Err(_) => Some((Err(FetchError::Unreachable), None)),
            }
        })
        .boxed_local()
    }

    async fn read(&mut self) -> Result<Option<Piece>, Broken> {
        let Some(reader) = &mut self.reader else {
            return Ok(None);
        };
        let mut entries = Vec::new();
        match self.chunks.next().await {
            Some(Ok(bytes)) => {
                self.bytes += bytes.len();
                if self.bytes > MAX_STATEMENT_BYTES {
                    return Err(Broken::TooLong);
                }
                self.hash.push(&bytes);
                reader.push(&bytes, &mut |entry| entries.push(entry))?;
                Ok(Some(Piece { bytes, entries }))
            }
            Some(Err(error)) => Err(Broken::Lost(error)),
            None => {
                let hash = std::mem::take(&mut self.hash);
                if let Some(sha1) = &self.sha1 {
                    hash.check(sha1).map_err(|_| Broken::OtherHash)?;
                }
                if let Some(reader) = self.reader.take() {
                    self.summary = reader.finish(&mut |entry| entries.push(entry))?;
                }
                // A last row without a line feed is complete only now.
                Ok((!entries.is_empty()).then(|| Piece {
                    bytes: Vec::new(),
                    entries,
                }))
            }
        }
    }
}
