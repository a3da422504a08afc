//! Byte classes of a text as bit masks, 64 bytes at a time: the one place with vector instructions.
//!
//! Measured with `examples/speed.rs` against the same loops over the `memchr` crate's iterators
//! (see the fallbacks): an access log line has eight marks about 25 bytes apart, and a call per mark
//! costs more than all else that is done with the line. Method: the structural index of Langdale
//! and Lemire, "Parsing gigabytes of JSON per second" (2019), stage 1, without its quote masks.
//!
//! It must not know what the marks mean.

#![allow(
    unsafe_code,
    reason = "calls into functions compiled for AVX2, behind a run-time check, and their loads"
)]

/// Positions of a text's marks, each kind in order and closed by [`END`]s.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Double quotes.
    pub(crate) quotes: Vec<u32>,
    /// Backslashes.
    pub(crate) escapes: Vec<u32>,
    /// Newlines.
    pub(crate) newlines: Vec<u32>,
}

/// No position: larger than any.
pub(crate) const END: u32 = u32::MAX;

/// How many positions are written without looking at how many there are; as many [`END`]s follow
/// the last position.
pub(crate) const EAGER: usize = 8;

impl Marks {
    /// Finds the marks of a text of less than 4 GiB, and forgets those of the last one.
    pub(crate) fn find(&mut self, text: &[u8]) {
        let lists = [&mut self.quotes, &mut self.escapes, &mut self.newlines];
        for list in lists {
            if list.len() < text.len() + 2 * EAGER {
                list.resize(text.len() + 2 * EAGER, END);
            }
        }
        self.fill(text);
    }

    #[cfg(target_arch = "x86_64")]
    fn fill(&mut self, text: &[u8]) {
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("popcnt")
        {
            // SAFETY: the processor has the instructions, as was just checked.
            unsafe { avx2::fill(text, self) }
        } else {
            self.fill_portable(text);
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn fill(&mut self, text: &[u8]) {
        self.fill_portable(text);
    }

    fn fill_portable(&mut self, text: &[u8]) {
        for (list, byte) in [
            (&mut self.quotes, b'"'),
            (&mut self.escapes, b'\\'),
            (&mut self.newlines, b'\n'),
        ] {
            let mut count = 0;
            for at in memchr::memchr_iter(byte, text) {
                list[count] = at as u32;
                count += 1;
            }
            list[count..count + EAGER].fill(END);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8,
    };

    use super::{EAGER, END, Marks};

    #[target_feature(enable = "avx2,bmi1,popcnt")]
    pub(super) fn fill(text: &[u8], marks: &mut Marks) {
        let (blocks, tail) = text.as_chunks::<64>();
        let mut last = [0; 64];
        last[..tail.len()].copy_from_slice(tail);
        let (mut quotes, mut escapes, mut newlines) = (0, 0, 0);
        let mut base = 0;
        for block in blocks.iter().chain([&last]) {
            let (low, high) = load(block);
            let mask = |byte| join(equal(low, byte), equal(high, byte));
            quotes = write(mask(b'"'), base, &mut marks.quotes, quotes);
            newlines = write(mask(b'\n'), base, &mut marks.newlines, newlines);
            let escape = mask(b'\\');
            if escape != 0 {
                escapes = write(escape, base, &mut marks.escapes, escapes);
            }
            base += 64;
        }
        for (list, count) in [
            (&mut marks.quotes, quotes),
            (&mut marks.escapes, escapes),
            (&mut marks.newlines, newlines),
        ] {
            list[count..count + EAGER].fill(END);
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn equal(vector: __m256i, byte: u8) -> __m256i {
        _mm256_cmpeq_epi8(vector, _mm256_set1_epi8(byte as i8))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(block: &[u8; 64]) -> (__m256i, __m256i) {
        let at = block.as_ptr().cast::<__m256i>();
        // SAFETY: the block has 64 bytes, and these loads need no alignment.
        unsafe { (_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1))) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn join(low: __m256i, high: __m256i) -> u64 {
        let bits = |vector| u64::from(_mm256_movemask_epi8(vector) as u32);
        bits(low) | bits(high) << 32
    }

    /// Writes the positions of a mask's bits from `count` on; returns the new count. [`EAGER`]
    /// of them are written whether they are there or not, which spares a branch that is hard to predict.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,popcnt")]
    fn write(mut mask: u64, base: u32, out: &mut [u32], count: usize) -> usize {
        let all = mask.count_ones() as usize;
        for slot in &mut out[count..count + EAGER] {
            *slot = base + mask.trailing_zeros();
            mask &= mask.wrapping_sub(1);
        }
        if all > EAGER {
            for slot in &mut out[count + EAGER..count + all] {
                *slot = base + mask.trailing_zeros();
                mask &= mask.wrapping_sub(1);
            }
        }
        count + all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_where_a_plain_search_finds_them() {
        let mut seed = 7u32;
        let mut marks = Marks::default();
        for len in (0..400).chain([5_000, 64]) {
            let text: Vec<u8> = (0..len)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    b"\"\\\nabcdefghij\0\xFF"[(seed >> 24) as usize % (1 + len % 15)]
                })
                .collect();
            for portable in [true, false] {
                if portable {
                    marks.find(&[]);
                    marks.find(&vec![b'"'; len]);
                    marks.fill_portable(&text);
                } else {
                    marks.find(&text);
                }
                for (list, byte) in [
                    (&marks.quotes, b'"'),
                    (&marks.escapes, b'\\'),
                    (&marks.newlines, b'\n'),
                ] {
                    let positions: Vec<u32> = (0u32..)
                        .zip(&text)
                        .filter(|(_, found)| **found == byte)
                        .map(|(at, _)| at)
                        .collect();
                    assert_eq!(list[..positions.len()], positions);
                    assert_eq!(list[positions.len()..][..EAGER], [END; EAGER]);
                }
            }
        }
    }
}
