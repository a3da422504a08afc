//! A seeded random number generator whose stream never changes. It must not know what it is used
//! for.
//!
//! Own code rather than a crate because the data of a seed has to stay the same for years, and
//! crates keep the right to change their streams.

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    /// A stream for one purpose: streams of different `path`s are independent of each other, so
    /// files can be made in any order and by any number of threads.
    pub(crate) fn new(seed: u64, path: &[u64]) -> Self {
        let mut rng = Rng(seed);
        for &step in path {
            rng.0 = rng.next() ^ step.wrapping_mul(0xd6e8_feb8_6659_fd93);
        }
        rng
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..n` (multiply and shift; the bias is below n / 2^32 and does not matter
    /// here).
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (((self.next() >> 32) * n as u64) >> 32) as usize
    }

    /// True in `n` of 1,000 cases.
    pub(crate) fn per_mille(&mut self, n: usize) -> bool {
        self.below(1000) < n
    }

    /// One of `items`, which is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}
