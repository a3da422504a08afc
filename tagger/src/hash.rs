//! The one hash and the one random generator of the tagger: feature keys, word keys and shuffles
//! all come from here, so that training and tagging agree to the bit. Knows nothing of words or
//! models.

/// Multiplies two 64-bit numbers and folds the 128-bit product: a strong, cheap mix of two words.
#[inline(always)]
pub(crate) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Hashes a byte string to 64 bits, eight bytes a step.
#[inline(always)]
pub(crate) fn bytes(text: &[u8]) -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ (text.len() as u64);
    let mut chunks = text.chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        state = fold(state ^ word, 0xa076_1d64_78bd_642f);
    }
    let last = tail(chunks.remainder());
    state = fold(state ^ last, 0xe703_7ed1_a0b4_28db);
    fold(state, 0x8ebc_6af0_9c88_c6e3)
}

/// Fewer than eight bytes as a number, the first in the lowest bits; without a loop, for words are
/// short.
#[inline(always)]
fn tail(rest: &[u8]) -> u64 {
    let len = rest.len();
    if let (Some(head), Some(end)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        let (head, end) = (u32::from_le_bytes(*head), u32::from_le_bytes(*end));
        // Where the two overlap they agree.
        return u64::from(head) | u64::from(end) << (8 * (len - 4));
    }
    match *rest {
        [] => 0,
        [a] => u64::from(a),
        [a, b] => u64::from(a) | u64::from(b) << 8,
        [a, b, c, ..] => u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16,
    }
}

/// Key of a feature with one part. `salt` names the template.
#[inline(always)]
pub(crate) fn key1(salt: u64, a: u64) -> u64 {
    fold(
        a ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        0xd6e8_feb8_6659_fd93,
    )
}

/// Key of a feature with two parts; their order matters.
#[inline(always)]
pub(crate) fn key2(salt: u64, a: u64, b: u64) -> u64 {
    key1(
        salt,
        a.wrapping_add(b.rotate_left(23).wrapping_mul(0xc2b2_ae3d_27d4_eb4f)),
    )
}

/// Key of a feature with three parts; their order matters.
#[inline(always)]
pub(crate) fn key3(salt: u64, a: u64, b: u64, c: u64) -> u64 {
    key2(
        salt,
        a,
        b.wrapping_add(c.rotate_left(41).wrapping_mul(0x1656_67b1_9e37_79f9)),
    )
}

/// SplitMix64 (Steele, Lea, Flood 2014): a small seeded generator whose stream is the same
/// everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A generator whose whole stream follows from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x6a09_e667_f3bc_c908)
    }

    /// The next 64 random bits.
    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound` (0 when `bound` is 0).
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// Fisher-Yates shuffle.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
