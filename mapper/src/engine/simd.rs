//! Byte classes of a text as bit masks, 64 bytes at a time: the one place with vector instructions.
//!
//! An access log line has eight marks about 25 bytes apart, and a text has an edge of a word every
//! three: a call for each costs more than all else that is done with them. Method: the structural
//! index of Langdale and Lemire, "Parsing gigabytes of JSON per second" (2019), stage 1. Without
//! AVX2 plain loops give the same lists.
//!
//! It must not know what the marks mean.

#![allow(
    unsafe_code,
    reason = "calls into functions compiled for AVX2, behind a run-time check, and their loads"
)]

/// Positions of a text's marks.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    /// The bytes that are marks.
    set: Vec<u8>,
    /// A mark for each low half of a byte; what no mark has the low half of has a byte that it is
    /// not.
    by_half: [i8; 16],
    places: Vec<u32>,
}

/// Double quotes, backslashes and newlines.
impl Default for Marks {
    fn default() -> Self {
        Self::new(b"\"\\\n")
    }
}

/// No position: larger than any.
pub(crate) const END: u32 = u32::MAX;

/// So many [`END`]s follow the last position; at most so many positions are written without looking
/// at how many there are.
pub(crate) const EAGER: usize = 8;

impl Marks {
    /// Of these bytes; `None` unless they are ASCII and no two have the same low half.
    pub(crate) fn of(set: &[u8]) -> Option<Self> {
        let marks = Self::new(set);
        let kept = marks.by_half.iter().filter(|&&mark| mark >= 0).count();
        (set.is_ascii() && kept == set.len()).then_some(marks)
    }

    fn new(set: &[u8]) -> Self {
        let mut by_half = [-1; 16];
        for &mark in set {
            by_half[usize::from(mark & 15)] = mark as i8;
        }
        Self {
            set: set.to_vec(),
            by_half,
            places: Vec::new(),
        }
    }

    /// Finds the marks of a text of less than 4 GiB, in order; [`EAGER`] times [`END`] follows.
    pub(crate) fn find(&mut self, text: &[u8]) -> &[u32] {
        if self.places.len() < text.len() + 2 * EAGER {
            self.places.resize(text.len() + 2 * EAGER, END);
        }
        let count = self.fill(text);
        self.places[count..count + EAGER].fill(END);
        &self.places[..count + EAGER]
    }

    #[cfg(target_arch = "x86_64")]
    fn fill(&mut self, text: &[u8]) -> usize {
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("popcnt")
        {
            // SAFETY: the processor has the instructions, as was just checked.
            return unsafe { avx2::marks(text, &self.by_half, &mut self.places) };
        }
        self.fill_portable(text)
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn fill(&mut self, text: &[u8]) -> usize {
        self.fill_portable(text)
    }

    fn fill_portable(&mut self, text: &[u8]) -> usize {
        let mut count = 0;
        let mut note = |at: usize| {
            self.places[count] = at as u32;
            count += 1;
        };
        match self.set[..] {
            [a, b, c] => memchr::memchr3_iter(a, b, c, text).for_each(note),
            _ => (text.iter().enumerate())
                .filter(|(_, byte)| self.set.contains(byte))
                .for_each(|(at, _)| note(at)),
        }
        count
    }
}

/// Where words of ASCII text begin and end.
#[derive(Debug, Default)]
pub(crate) struct Edges {
    edges: Vec<u32>,
}

impl Edges {
    /// Gives back the room that one very long stretch of text took.
    pub(crate) fn trim(&mut self) {
        self.edges.truncate(64 << 10);
        self.edges.shrink_to(64 << 10);
    }

    /// Finds the words of a text of less than 4 GiB; each pair of edges is the start of one and its
    /// end. With `UNICODE` they are words of UAX #29 or runs of underscores, and the text must be
    /// ASCII; else they are runs of ASCII letters and apostrophes.
    pub(crate) fn find<const UNICODE: bool>(&mut self, text: &[u8]) -> &[[u32; 2]] {
        if self.edges.len() < text.len() + 2 * EAGER {
            self.edges.resize(text.len() + 2 * EAGER, END);
        }
        let count = self.fill::<UNICODE>(text);
        self.edges[..count].as_chunks().0
    }

    #[cfg(target_arch = "x86_64")]
    fn fill<const UNICODE: bool>(&mut self, text: &[u8]) -> usize {
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("popcnt")
        {
            // SAFETY: the processor has the instructions, as was just checked.
            return unsafe { avx2::edges::<UNICODE>(text, &mut self.edges) };
        }
        self.fill_portable::<UNICODE>(text)
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn fill<const UNICODE: bool>(&mut self, text: &[u8]) -> usize {
        self.fill_portable::<UNICODE>(text)
    }

    fn fill_portable<const UNICODE: bool>(&mut self, text: &[u8]) -> usize {
        let mut count = 0;
        let mut inside = false;
        for at in 0..=text.len() {
            if in_word::<UNICODE>(text, at) != inside {
                inside = !inside;
                self.edges[count] = at as u32;
                count += 1;
            }
        }
        count
    }
}

/// Whether a byte is part of a word. The rules of UAX #29 look at one neighbour on either side.
fn in_word<const UNICODE: bool>(text: &[u8], at: usize) -> bool {
    let Some(&byte) = text.get(at) else {
        return false;
    };
    if !UNICODE {
        return byte.is_ascii_alphabetic() || byte == b'\'';
    }
    let between = |class: fn(&u8) -> bool| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        before.is_some_and(class) && text.get(at + 1).is_some_and(class)
    };
    match byte {
        b'_' => true,
        b'\'' | b'.' => between(u8::is_ascii_alphabetic) || between(u8::is_ascii_digit),
        b':' => between(u8::is_ascii_alphabetic),
        b',' | b';' => between(u8::is_ascii_digit),
        _ => byte.is_ascii_alphanumeric(),
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_loadu_si128, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
        _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8, _mm256_shuffle_epi8, _mm256_sub_epi8,
    };

    #[target_feature(enable = "avx2,bmi1,popcnt")]
    pub(super) fn marks(text: &[u8], by_half: &[i8; 16], out: &mut [u32]) -> usize {
        // By one shuffle: a byte from 128 on finds 0, which it is not.
        // SAFETY: the array has 16 bytes, and this load needs no alignment.
        let marks =
            _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(by_half.as_ptr().cast()) });
        let (blocks, tail) = text.as_chunks::<64>();
        let mut last = [0; 64];
        last[..tail.len()].copy_from_slice(tail);
        let mut count = 0;
        let mut base = 0;
        for block in blocks.iter().chain([&last]) {
            let (low, high) = load(block);
            let is_mark = |bytes| _mm256_cmpeq_epi8(bytes, _mm256_shuffle_epi8(marks, bytes));
            count = write::<4>(join(is_mark(low), is_mark(high)), base, out, count);
            base += 64;
        }
        count
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

    /// Which bytes of a block are letters, digits and so on.
    struct Classes {
        letters: u64,
        digits: u64,
        /// Part of a word wherever they are.
        joiners: u64,
        /// Part of a word between two letters.
        mid_letters: u64,
        /// Part of a word between two digits.
        mid_digits: u64,
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,popcnt")]
    fn classes<const UNICODE: bool>(block: &[u8; 64]) -> Classes {
        let (low, high) = load(block);
        let mask = |byte| join(equal(low, byte), equal(high, byte));
        let lower = _mm256_set1_epi8(0x20);
        let letters = join(
            within(_mm256_or_si256(low, lower), b'a', 25),
            within(_mm256_or_si256(high, lower), b'a', 25),
        );
        let quote = mask(b'\'');
        if !UNICODE {
            return Classes {
                letters,
                digits: 0,
                joiners: quote,
                mid_letters: 0,
                mid_digits: 0,
            };
        }
        let either = quote | mask(b'.');
        Classes {
            letters,
            digits: join(within(low, b'0', 9), within(high, b'0', 9)),
            joiners: mask(b'_'),
            mid_letters: either | mask(b':'),
            mid_digits: either | mask(b',') | mask(b';'),
        }
    }

    /// The bytes from `first` to `first + span`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn within(vector: __m256i, first: u8, span: i8) -> __m256i {
        let above = _mm256_sub_epi8(vector, _mm256_set1_epi8(first as i8));
        _mm256_cmpeq_epi8(_mm256_min_epu8(above, _mm256_set1_epi8(span)), above)
    }

    #[target_feature(enable = "avx2,bmi1,popcnt")]
    pub(super) fn edges<const UNICODE: bool>(text: &[u8], out: &mut [u32]) -> usize {
        let (blocks, tail) = text.as_chunks::<64>();
        let mut last = [0; 64];
        last[..tail.len()].copy_from_slice(tail);
        let mut all = blocks.iter().chain([&last]);
        let mut now = match all.next() {
            Some(block) => classes::<UNICODE>(block),
            None => return 0,
        };
        let mut count = 0;
        let mut base = 0;
        // The last bit of the block before: a letter, a digit, a word.
        let (mut letter, mut digit, mut inside) = (0, 0, 0);
        loop {
            let next = all.next().map(|block| classes::<UNICODE>(block));
            let (letters_on, digits_on) = next
                .as_ref()
                .map_or((0, 0), |next| (next.letters << 63, next.digits << 63));
            let mut word = now.letters | now.digits | now.joiners;
            if UNICODE {
                let between =
                    |bits: u64, before: u64, on: u64| (bits << 1 | before) & (bits >> 1 | on);
                word |= now.mid_letters & between(now.letters, letter, letters_on);
                word |= now.mid_digits & between(now.digits, digit, digits_on);
            }
            count = write::<8>(word ^ (word << 1 | inside), base, out, count);
            (letter, digit, inside) = (now.letters >> 63, now.digits >> 63, word >> 63);
            base += 64;
            match next {
                Some(next) => now = next,
                None => return count,
            }
        }
    }

    /// Writes the positions of a mask's bits from `count` on; returns the new count. `EAGER` of
    /// them at a time are written whether they are there or not, which spares branches that are
    /// hard to predict.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,popcnt")]
    fn write<const EAGER: usize>(mut mask: u64, base: u32, out: &mut [u32], count: usize) -> usize {
        let end = count + mask.count_ones() as usize;
        let mut at = count;
        loop {
            for slot in &mut out[at..at + EAGER] {
                *slot = base + mask.trailing_zeros();
                mask &= mask.wrapping_sub(1);
            }
            at += EAGER;
            if at >= end {
                return end;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_where_a_plain_search_finds_them() {
        for set in [&b"\"\\\n"[..], b" \t\"\n", b"\t\"\n", b"h\"\n"] {
            marks_are_found(set);
        }
        // A colon and a newline have the same low half.
        assert!(Marks::of(b":\"\n").is_none() && Marks::of(b"\xFF\"\n").is_none());
        let all: Vec<u8> = (0..=255).collect();
        let mut marks = Marks::default();
        assert_eq!(marks.find(&all)[..3], [10, 34, 92]);
        assert_eq!(marks.find(&all)[3..], [END; EAGER]);
    }

    fn marks_are_found(set: &[u8]) {
        let mut seed = 7u32;
        let mut marks = Marks::of(set).unwrap();
        for len in (0..400).chain([5_000, 64]) {
            let text: Vec<u8> = (0..len)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    b"\"\\\nabcdefgh \t\0\xFF"[(seed >> 24) as usize % (1 + len % 15)]
                })
                .collect();
            let positions: Vec<u32> = (0u32..)
                .zip(&text)
                .filter(|(_, found)| set.contains(found))
                .map(|(at, _)| at)
                .collect();
            let found = marks.find(&text);
            assert_eq!(found[..positions.len()], positions);
            assert_eq!(found[positions.len()..], [END; EAGER]);
            let count = marks.fill_portable(&text);
            assert_eq!(marks.places[..count], positions);
            // Nothing of a longer text before shows.
            marks.find(&vec![b'"'; len + 70]);
        }
    }

    #[test]
    fn words_are_where_the_standard_says() {
        use unicode_segmentation::UnicodeSegmentation;

        let mut seed = 3u32;
        let mut edges = Edges::default();
        for round in 0..3000 {
            let text: String = (0..round % 300)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let pick = (seed >> 20) as usize;
                    if pick.is_multiple_of(7) {
                        (pick >> 3 & 127) as u8 as char
                    } else {
                        b"aZ09__'.:,;\" -\n"[pick % 15] as char
                    }
                })
                .collect();
            let bytes = text.as_bytes();
            let words: Vec<&str> = text.unicode_words().collect();
            let cut = |pairs: &[[u32; 2]]| -> Vec<&str> {
                pairs
                    .iter()
                    .map(|&[start, end]| &text[start as usize..end as usize])
                    .filter(|word| !word.bytes().all(|byte| byte == b'_'))
                    .collect()
            };
            assert_eq!(cut(edges.find::<true>(bytes)), words, "{text:?}");
            let fast = edges.find::<false>(bytes).to_vec();
            let count = edges.fill_portable::<false>(bytes);
            assert_eq!(edges.edges[..count].as_chunks().0, fast);
            let count = edges.fill_portable::<true>(bytes);
            assert_eq!(cut(edges.edges[..count].as_chunks().0), words);
        }
    }
}
