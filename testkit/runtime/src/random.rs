//! Random numbers that a seed repeats (SplitMix64).

use std::cell::Cell;

/// A stream of random numbers. Shared by reference: everything runs on one thread.
#[derive(Debug)]
pub struct Random(Cell<u64>);

impl Random {
    /// The stream of a seed; `name` keeps the streams of one seed apart.
    #[must_use]
    pub fn of(seed: u64, name: u64) -> Self {
        let random = Self(Cell::new(seed ^ name.wrapping_mul(0xD134_2543_DE82_EF95)));
        random.next();
        random
    }

    /// The next number of the stream.
    pub fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.set(state);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is positive.
    pub fn below(&self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or(0) % limit
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.next() >> 33).unwrap_or(0) % (high - low + 1)
    }

    /// True once in this many times; never when `times` is zero.
    pub fn one_in(&self, times: usize) -> bool {
        times > 0 && self.below(times) == 0
    }

    /// One of these.
    pub fn pick<T: Clone>(&self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    /// Fills `bytes` from the stream.
    pub fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}
