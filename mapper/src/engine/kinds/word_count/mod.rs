//! `word-count`: how often each word occurs.
//!
//! ASCII text goes through vector masks; the words of other text are found by the
//! `unicode-segmentation` crate. Both give the words of UAX #29 (a test compares them).

mod short;

use std::sync::LazyLock;

use gristmill_common::spec::{WordCount, Words};
use memchr::memchr2;
use regex::Regex;
use unicode_segmentation::UnicodeSegmentation;

use self::short::{LONGEST, ShortWords, lower_case, number_of};
use crate::engine::batch::Batch;
use crate::engine::output::Output;
use crate::engine::prepared::Factory;
use crate::engine::processor::{ProcessError, Processor};
use crate::engine::simd::Edges;
use crate::engine::table::Table;

/// Checks the options; there is nothing to build.
pub(super) fn prepare(options: &WordCount) -> Factory {
    match options.words {
        Words::Unicode => Box::new(|| Box::new(Counter::<true>::default())),
        Words::Ascii => Box::new(|| Box::new(Counter::<false>::default())),
    }
}

/// Bytes of text whose words are found at once: they and their edges stay in the nearest cache.
const BLOCK: usize = 4 << 10;

/// Counts words. With `UNICODE`: words of Unicode text segmentation with a letter or digit, each
/// lower-cased for itself as `str::to_lowercase` does (a sigma that ends it is a final one). Else:
/// runs of ASCII letters and apostrophes, lower-cased.
#[derive(Default)]
struct Counter<const UNICODE: bool> {
    edges: Edges,
    short: ShortWords,
    long: Vec<u8>,
}

impl<const UNICODE: bool> Processor for Counter<UNICODE> {
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError> {
        for part in batch.parts() {
            let mut text = part.text();
            while !text.is_empty() {
                let (block, rest) = text.split_at(block_end(text));
                if UNICODE && !block.is_ascii() {
                    self.mixed(block, &mut out.table);
                } else {
                    self.ascii(block, &mut out.table);
                }
                text = rest;
            }
        }
        self.edges.trim();
        self.short
            .drain(|word, count| out.table.push_new(word, &[count]));
        Ok(())
    }
}

impl<const UNICODE: bool> Counter<UNICODE> {
    /// Text in which only ASCII counts.
    fn ascii(&mut self, text: &[u8], table: &mut Table) {
        for &[start, end] in self.edges.find::<UNICODE>(text) {
            let (start, end) = (start as usize, end as usize);
            let len = end - start;
            if len > LONGEST {
                let word = &text[start..end];
                if UNICODE && is_line(word) {
                    continue;
                }
                self.long.clear();
                self.long.extend(word.iter().map(u8::to_ascii_lowercase));
                table.add(&self.long, &[1]);
                continue;
            }
            let word = match text[start..].first_chunk::<LONGEST>() {
                Some(bytes) => u128::from_le_bytes(*bytes) & (u128::MAX >> (8 * (LONGEST - len))),
                None => number_of(&text[start..end]),
            };
            if UNICODE && word as u8 == b'_' && is_line(&text[start..end]) {
                continue;
            }
            self.short.add(lower_case(word));
        }
    }

    /// Text with other characters: only the stretches between white space that have one are looked
    /// at character by character. Before ASCII white space there is always an edge of a word, and
    /// no rule looks across it.
    fn mixed(&mut self, text: &[u8], table: &mut Table) {
        let mut rest = text;
        while let Some(at) = rest.iter().position(|byte| !byte.is_ascii()) {
            let start = rest[..at].iter().rposition(u8::is_ascii_whitespace);
            let (plain, from) = rest.split_at(start.unwrap_or(0));
            self.ascii(plain, table);
            let skip = usize::from(start.is_some());
            let end = from[skip..].iter().position(u8::is_ascii_whitespace);
            let (other, after) = from.split_at(end.map_or(from.len(), |end| skip + end));
            self.other(other, table);
            rest = after;
        }
        self.ascii(rest, table);
    }

    /// Any text; bytes that are not UTF-8 separate words.
    fn other(&mut self, text: &[u8], table: &mut Table) {
        for chunk in text.utf8_chunks() {
            for word in chunk.valid().unicode_words() {
                if is_lone_mark(word, chunk.valid()) {
                    continue;
                }
                let lower = word.to_lowercase();
                if lower.len() <= LONGEST {
                    self.short.add(number_of(lower.as_bytes()));
                } else {
                    table.add(lower.as_bytes(), &[1]);
                }
            }
        }
    }
}

/// Whether a segment of `text` has no letter or digit but a combining mark, which belongs to the
/// blank, quote or other character that it begins with, or to nothing.
fn is_lone_mark(word: &str, text: &str) -> bool {
    static LETTER: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"[[\p{Alphabetic}\p{N}]--\p{M}]").ok());
    // A mark is alphanumeric itself, and begins a segment only where a text or a line begins. (The
    // last three end the longer line ends.)
    let start = word.as_ptr() as usize - text.as_ptr() as usize;
    let before = start.checked_sub(1).map(|at| text.as_bytes()[at]);
    let begins = matches!(before, None | Some(b'\n'..=b'\r' | 0x85 | 0xA8 | 0xA9));
    let plain = word.starts_with(char::is_alphanumeric) && !begins;
    !plain && LETTER.as_ref().is_some_and(|letter| !letter.is_match(word))
}

/// Whether a word is but a line of underscores.
fn is_line(word: &[u8]) -> bool {
    word.iter().all(|&byte| byte == b'_')
}

/// The end of the first stretch of a text, of at least [`BLOCK`] bytes; the next one begins with
/// white space.
fn block_end(text: &[u8]) -> usize {
    text.get(BLOCK..)
        .and_then(|after| memchr2(b' ', b'\n', after))
        .map_or(text.len(), |space| BLOCK + space)
}
