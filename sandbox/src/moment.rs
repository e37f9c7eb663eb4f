//! When a request is handled, and with which chance: both come from outside.

const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// One call's time and source of randomness.
pub(crate) struct Moment<'a> {
    /// The sandbox's time, Unix milliseconds: the caller's plus what
    /// `POST /sandbox/time` added.
    pub(crate) now_ms: i64,
    random: &'a mut dyn FnMut(&mut [u8]),
}

impl<'a> Moment<'a> {
    pub(crate) fn new(now_ms: i64, random: &'a mut dyn FnMut(&mut [u8])) -> Self {
        Self { now_ms, random }
    }

    /// `length` characters of `alphabet`. The slight preference for the first
    /// of them is of no matter: nothing here guards money.
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

    /// `nonce_str`: WeChat answers with 16 letters and digits.
    pub(crate) fn nonce(&mut self) -> String {
        self.alphanumeric(16)
    }
}
