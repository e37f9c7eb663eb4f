//! The merchant's images. Their names are made of their contents.
//!
//! ```text
//! images( name, width, height, made_at_ms, base64 )
//! ```

use super::{Book, store};
use crate::http::error::{ApiError, Code};
use crate::runtime::{Runtime, Storage};
use serde::{Deserialize, Serialize};

/// The most images of one merchant: with the largest ones, 280 MB.
const MOST_IMAGES: i64 = 200;

/// An image without its contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// Its name.
    pub name: String,
    /// Its width in pixels.
    pub width: i64,
    /// Its height in pixels.
    pub height: i64,
    /// When it was sent, Unix milliseconds.
    pub made_at_ms: i64,
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Keeps an image, or returns the facts of the one with the same contents.
    pub(super) fn keep_image(
        &self,
        image: &ImageFacts,
        base64: &str,
    ) -> Result<ImageFacts, ApiError> {
        self.storage.atomically(|| {
            if let Some(kept) = store::images::find(&self.storage, &image.name)? {
                return Ok(kept);
            }
            if store::images::count(&self.storage)? >= MOST_IMAGES {
                return Err(ApiError::of(Code::TooManyImages));
            }
            self.audit(&image.name, "image added", "")?;
            store::images::insert(&self.storage, image, base64)?;
            Ok(image.clone())
        })
    }

    /// Removes an image. Returns whether there was one.
    pub(super) fn remove_image(&self, name: &str) -> Result<bool, ApiError> {
        self.storage.atomically(|| {
            if store::images::find(&self.storage, name)?.is_none() {
                return Ok(false);
            }
            self.audit(name, "image removed", "")?;
            store::images::remove(&self.storage, name)?;
            Ok(true)
        })
    }
}
