//! Replies that are kept for the repetitions of a request with an
//! `Idempotency-Key`.
//!
//! A reply is written in the transaction that executes its command: after a crash both exist or
//! neither. A repetition that arrives at the same time waits for this transaction. A refusal makes
//! nothing, so it is not kept.

use super::{Book, Call, store};
use crate::http::error::ApiError;
use crate::merchants::directory::MerchantContext;
use crate::merchants::idempotency::{IdempotencyKey, KEPT_MS, REMOVED_AT_ONCE, key_reused};
use crate::runtime::{Runtime, Storage, StorageError};
use futures_util::future::FutureExt;
use serde_json::Value;
use std::rc::Rc;

impl<R: Runtime, S: Storage> Book<R, S> {
    /// The reply that is kept under this key, where there is one.
    pub(super) fn kept_reply(&self, key: &IdempotencyKey) -> Result<Option<Value>, ApiError> {
        let now_ms = self.runtime.now_ms();
        match store::kept_replies::find(&self.storage, &key.key, now_ms)? {
            None => Ok(None),
            Some((request, _)) if request != key.request => Err(key_reused()),
            Some((_, reply)) => Ok(Some(self.read_row("kept reply", &key.key, &reply)?)),
        }
    }

    /// Executes a command once for its key and stores the reply; a repeated request gets the stored
    /// reply. Only for commands without an await, because all of it is one transaction.
    pub(super) fn answer_once(
        &self,
        context: &Rc<MerchantContext>,
        call: Call,
        key: &IdempotencyKey,
    ) -> Result<Value, ApiError> {
        self.storage.atomically(|| {
            if let Some(reply) = self.kept_reply(key)? {
                return Ok(reply);
            }
            let reply = Box::pin(self.answer_for(context, call)).now_or_never();
            let reply = reply.ok_or_else(|| ApiError::internal("a command with a key waits"))??;
            let until_ms = self.runtime.now_ms() + KEPT_MS;
            let text = reply.to_string();
            store::kept_replies::insert(&self.storage, &key.key, &key.request, &text, until_ms)?;
            self.store_merchant_id(context)?;
            self.arm_for(until_ms)?;
            Ok(reply)
        })
    }

    /// Removes replies that are older than a day.
    pub(super) fn remove_kept(&self) -> Result<(), StorageError> {
        store::kept_replies::remove(&self.storage, self.runtime.now_ms(), REMOVED_AT_ONCE)
    }
}
