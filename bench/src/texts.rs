//! Text that looks like English to a word counter and to gzip: a vocabulary of made-up words drawn
//! by Zipf's law, sentences, wrapped lines, paragraphs. It must not know of files or compression.
//!
//! Pure ASCII, every text ends with a newline, and an apostrophe stands only inside a word: tools
//! that differ in what they do elsewhere agree on such text, so their speed can be compared.

use std::collections::HashSet;

use crate::rng::Rng;
use crate::zipf::Zipf;

/// Distinct words in the whole vocabulary; at scale 1 about 606,000 of them turn up.
pub(crate) const VOCABULARY: usize = 655_000;

const ONSETS: [&str; 24] = [
    "t", "s", "r", "n", "l", "d", "m", "c", "p", "b", "h", "f", "g", "w", "v", "k", "st", "tr",
    "pr", "ch", "sh", "th", "gr", "cl",
];
const NUCLEI: [&str; 10] = ["e", "a", "i", "o", "u", "ea", "ou", "io", "ai", "y"];
const CODAS: [&str; 12] = ["", "", "", "", "n", "r", "s", "l", "t", "nd", "st", "ng"];
const ENDINGS: [&str; 10] = [
    "s", "ed", "ing", "er", "ly", "tion", "ness", "al", "'s", "able",
];
const WRAP: usize = 76;

/// The words of a seed, commonest first, and the law they are drawn by.
pub(crate) struct Vocabulary {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    zipf: Zipf,
}

impl Vocabulary {
    /// `size` distinct lower-case words; common ones are short, as in every language (Zipf's law of
    /// abbreviation).
    pub(crate) fn new(seed: u64, size: usize) -> Self {
        let mut rng = Rng::new(seed, &[0x766f_6361]);
        let mut seen = HashSet::with_capacity(size);
        let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(size));
        let mut word = String::new();
        while ends.len() < size {
            word.clear();
            let rank = ends.len();
            let syllables = match rank {
                0..60 => 1,
                60..1_000 => 1 + rng.below(2),
                1_000..40_000 => 2,
                _ => 2 + rng.below(2),
            };
            for at in 0..syllables {
                if at > 0 || rng.per_mille(800) {
                    word.push_str(rng.pick(&ONSETS));
                }
                word.push_str(rng.pick(&NUCLEI));
                if rank >= 60 || rng.per_mille(300) {
                    word.push_str(rng.pick(&CODAS));
                }
            }
            if rank > 200 && rng.per_mille(200) {
                word.push_str(rng.pick(&ENDINGS));
            }
            if seen.insert(word.clone()) {
                bytes.extend_from_slice(word.as_bytes());
                ends.push(bytes.len() as u32);
            }
        }
        Vocabulary {
            bytes,
            ends,
            zipf: Zipf::new(size, 8_000),
        }
    }

    pub(crate) fn word(&self, rank: usize) -> &[u8] {
        let from = if rank == 0 {
            0
        } else {
            self.ends[rank - 1] as usize
        };
        &self.bytes[from..self.ends[rank] as usize]
    }
}

/// An endless text; each `paragraph` goes on where the last one ended.
pub(crate) struct Text<'a> {
    vocabulary: &'a Vocabulary,
    rng: Rng,
    previous: usize,
}

impl<'a> Text<'a> {
    pub(crate) fn new(vocabulary: &'a Vocabulary, rng: Rng) -> Self {
        Text {
            vocabulary,
            rng,
            previous: 0,
        }
    }

    /// Nearly every second word is one of a few usual followers of the word before it: that gives
    /// the phrases that make real text compress better than a bag of words.
    fn next_rank(&mut self) -> usize {
        self.previous = if self.rng.per_mille(450) {
            let follower = self.rng.below(4) as u64;
            let mut usual = Rng::new(self.previous as u64, &[follower]);
            self.vocabulary.zipf.draw(&mut usual)
        } else {
            self.vocabulary.zipf.draw(&mut self.rng)
        };
        self.previous
    }

    /// Appends one paragraph, its last newline, and the empty line after it.
    pub(crate) fn paragraph(&mut self, out: &mut Vec<u8>) {
        let mut line_start = out.len();
        for _ in 0..2 + self.rng.below(6) {
            let words = 4 + self.rng.below(20);
            for at in 0..words {
                if out.len() - line_start > WRAP {
                    out.push(b'\n');
                    line_start = out.len();
                } else if out.len() > line_start {
                    out.push(b' ');
                }
                let start = out.len();
                if self.rng.per_mille(8) {
                    let number = self.rng.below(3000);
                    out.extend_from_slice(number.to_string().as_bytes());
                } else {
                    let rank = self.next_rank();
                    out.extend_from_slice(self.vocabulary.word(rank));
                    if at == 0 || self.rng.per_mille(15) {
                        out[start].make_ascii_uppercase();
                    }
                }
                if at + 1 == words {
                    out.push(self.rng.pick(b"......?!"));
                } else if self.rng.per_mille(70) {
                    out.push(self.rng.pick(b",,,,;:"));
                }
            }
        }
        out.extend_from_slice(b"\n\n");
    }

    /// Appends paragraphs until `out` holds at least `bytes` more.
    pub(crate) fn fill(&mut self, out: &mut Vec<u8>, bytes: usize) {
        let goal = out.len() + bytes;
        while out.len() < goal {
            self.paragraph(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_distinct_and_apostrophes_stay_inside() {
        let vocabulary = Vocabulary::new(1, 5000);
        let all: HashSet<&[u8]> = (0..5000).map(|r| vocabulary.word(r)).collect();
        assert_eq!(all.len(), 5000);
        let mut text = Vec::new();
        Text::new(&vocabulary, Rng::new(1, &[2])).fill(&mut text, 100_000);
        assert!(text.is_ascii() && text.ends_with(b"\n"));
        for (at, _) in text.iter().enumerate().filter(|&(_, &b)| b == b'\'') {
            assert!(text[at - 1].is_ascii_alphabetic() && text[at + 1].is_ascii_alphabetic());
        }
        assert!(
            text.split(|&b| b == b'\n')
                .all(|line| line.len() < 2 * WRAP)
        );
    }
}
