//! The time and the randomness of one request; both come from the caller.

use sha2::{Digest as _, Sha256};

const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// One call's time and source of randomness.
pub(crate) struct Moment<'a> {
    /// The sandbox's time, Unix milliseconds: the caller's plus what
    /// `POST /sandbox/time` added.
    pub(crate) now_ms: i64,
    /// The caller's own time, which APIv3's signatures use: a client does not
    /// know that the sandbox's clock was moved.
    pub(crate) caller_ms: i64,
    random: &'a mut dyn FnMut(&mut [u8]),
}

impl<'a> Moment<'a> {
    /// `caller_ms` is the caller's clock; the sandbox's is ahead of it by
    /// `offset_ms`.
    pub(crate) fn new(
        caller_ms: i64,
        offset_ms: i64,
        random: &'a mut dyn FnMut(&mut [u8]),
    ) -> Self {
        Self {
            now_ms: caller_ms.saturating_add(offset_ms),
            caller_ms,
            random,
        }
    }

    /// The rest of the call is about an account whose clock is behind.
    pub(crate) fn set_back(&mut self, seconds: i64) {
        self.now_ms = self.now_ms.saturating_sub(seconds.saturating_mul(1000));
    }

    /// `length` characters of `alphabet`. The modulo bias is harmless: nothing
    /// here protects money.
    pub(crate) fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        let mut bytes = vec![0; length];
        (self.random)(&mut bytes);
        bytes
            .into_iter()
            .filter_map(|byte| alphabet.get(usize::from(byte) % alphabet.len()))
            .map(|&letter| char::from(letter))
            .collect()
    }

    pub(crate) fn digits(&mut self, length: usize) -> String {
        self.text(b"0123456789", length)
    }

    pub(crate) fn hex(&mut self, length: usize) -> String {
        self.text(b"0123456789abcdef", length)
    }

    pub(crate) fn alphanumeric(&mut self, length: usize) -> String {
        self.text(ALPHANUMERIC, length)
    }

    /// A random number of 0 to 99.
    pub(crate) fn percent(&mut self) -> u8 {
        let mut bytes = [0; 2];
        (self.random)(&mut bytes);
        u8::try_from(u16::from_le_bytes(bytes) % 100).unwrap_or_default()
    }

    /// `nonce_str`: WeChat answers with 16 letters and digits.
    pub(crate) fn nonce(&mut self) -> String {
        self.alphanumeric(16)
    }
}

/// Bytes that must differ each time and need not be secret: repeated digests of
/// `purpose`.
pub(crate) fn bytes_of(purpose: String) -> impl FnMut(&mut [u8]) {
    let mut block = 0_u64;
    move |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(32) {
            block += 1;
            let digest = Sha256::digest(format!("{purpose}\n{block}"));
            for (byte, from) in chunk.iter_mut().zip(digest) {
                *byte = from;
            }
        }
    }
}
