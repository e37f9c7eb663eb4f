//! Answers that are kept for the repetitions of a request with an
//! `Idempotency-Key`.
//!
//! ```text
//! kept_answers( merchant_id, key, request, sealed, expires_at_ms or NULL, until_ms )
//! ```
//!
//! An answer is written in the transaction that makes the key or token that it shows, and is
//! removed after a day: with the next key that is made in this object, the next repetition, or when
//! the object opens. The answer has the secret, so it is sealed by the caller, under a name of its
//! merchant and its key.

use super::command::{Kept, KeptAnswer, Once};
use super::{Registry, store};
use crate::merchants::idempotency::{IdempotencyKey, KEPT_MS, REMOVED_AT_ONCE};
use crate::runtime::{Runtime, Storage, StorageError};

impl<R: Runtime, S: Storage> Registry<R, S> {
    /// The answer that is kept under this key.
    pub(super) fn kept_answer(
        &self,
        id: &str,
        key: &IdempotencyKey,
    ) -> Result<KeptAnswer, StorageError> {
        self.remove_kept()?;
        let now_ms = self.runtime.now_ms();
        let found = store::kept_answers::find(&self.storage, id, &key.key, now_ms)?;
        Ok(match found {
            None => KeptAnswer::None,
            Some((request, _)) if request != key.request => KeptAnswer::OfAnother,
            Some((_, kept)) => KeptAnswer::Kept(kept),
        })
    }

    /// The stored answer to a request that is executed once.
    pub(super) fn before(
        &self,
        id: &str,
        once: Option<&Once>,
    ) -> Result<Option<KeptAnswer>, StorageError> {
        let Some(once) = once else {
            return Ok(None);
        };
        Ok(match self.kept_answer(id, &once.key)? {
            KeptAnswer::None => None,
            kept => Some(kept),
        })
    }

    /// Stores an answer, inside the transaction that makes the key or token that it shows.
    pub(super) fn keep(
        &self,
        id: &str,
        once: Option<&Once>,
        expires_at_ms: Option<i64>,
    ) -> Result<(), StorageError> {
        let Some(Once { key, sealed }) = once else {
            return Ok(());
        };
        let kept = Kept {
            sealed: sealed.clone(),
            expires_at_ms,
        };
        let until_ms = self.runtime.now_ms() + KEPT_MS;
        store::kept_answers::insert(&self.storage, id, key, &kept, until_ms)
    }

    /// Removes answers that are older than a day.
    pub(super) fn remove_kept(&self) -> Result<(), StorageError> {
        store::kept_answers::remove(&self.storage, self.runtime.now_ms(), REMOVED_AT_ONCE)
    }
}
