//! `wc`: lines, words and bytes of each document.

use gristmill_common::spec::document_key;

use crate::engine::batch::Batch;
use crate::engine::output::Output;
use crate::engine::prepared::Factory;
use crate::engine::processor::{ProcessError, Processor};

/// There is nothing to check and nothing to build.
pub(super) fn prepare() -> Factory {
    Box::new(|| Box::new(Counter::default()))
}

#[derive(Default)]
struct Counter {
    key: Vec<u8>,
}

impl Processor for Counter {
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError> {
        for part in batch.parts() {
            let piece = part.piece;
            document_key(&mut self.key, batch.split(), piece.ordinal, &piece.document);
            // Raw bytes, the byte order mark included. An empty document has a row too.
            let (lines, words) = lines_and_words(part.bytes, part.inside == Some(false));
            out.table
                .add(&self.key, &[lines, words, part.bytes.len() as u64]);
            if batch.is_lines() {
                let open = part.bytes.last().is_some_and(|&last| last != b'\n');
                let begun = u64::from(part.inside.is_some() && !part.bytes.is_empty());
                out.counted(lines + u64::from(open) - begun);
            }
        }
        Ok(())
    }
}

/// Bytes that are looked at in one step; the compiler makes vectors of them.
const LANES: usize = 32;

/// Newlines, and runs of bytes between ASCII white space that begin in `bytes`; `in_word` says that
/// one reaches into them, which it does only inside a record.
fn lines_and_words(bytes: &[u8], in_word: bool) -> (u64, u64) {
    let Some((&first, after)) = bytes.split_first() else {
        return (0, 0);
    };
    let mut lines = u64::from(first == b'\n');
    let mut words = u64::from(!is_space(first) && !in_word);
    // Each byte beside the one before it: a word begins where space turns into something else.
    let (before, before_tail) = bytes[..after.len()].as_chunks::<LANES>();
    let (now, now_tail) = after.as_chunks::<LANES>();
    // A lane counts to 255 before it must be emptied.
    for (before, now) in before.chunks(255).zip(now.chunks(255)) {
        let mut newlines = [0u8; LANES];
        let mut starts = [0u8; LANES];
        for (before, now) in before.iter().zip(now) {
            for lane in 0..LANES {
                newlines[lane] += u8::from(now[lane] == b'\n');
                starts[lane] += u8::from(is_space(before[lane]) & !is_space(now[lane]));
            }
        }
        lines += newlines.iter().map(|&count| u64::from(count)).sum::<u64>();
        words += starts.iter().map(|&count| u64::from(count)).sum::<u64>();
    }
    for (&before, &now) in before_tail.iter().zip(now_tail) {
        lines += u64::from(now == b'\n');
        words += u64::from(is_space(before) & !is_space(now));
    }
    (lines, words)
}

/// ASCII white space as C's `isspace` has it.
#[inline(always)]
fn is_space(byte: u8) -> bool {
    (byte == b' ') | (byte.wrapping_sub(b'\t') < 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_count_as_a_plain_loop_does() {
        let mut seed = 1u32;
        let mut text = Vec::new();
        for len in (0..300).chain([9_000, 20_000]) {
            text.clear();
            for _ in 0..len {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push(b" \n\t\x0B\x0C\rab\x00\xC3\x08\x0E"[(seed >> 24) as usize % 12]);
            }
            let lines = text.iter().filter(|&&b| b == b'\n').count() as u64;
            let words = text
                .split(|b| b" \t\n\x0B\x0C\r".contains(b))
                .filter(|word| !word.is_empty())
                .count() as u64;
            assert_eq!(lines_and_words(&text, false), (lines, words), "{len} bytes");
        }
        assert_eq!(lines_and_words(&[b'\n'; 100_000], false), (100_000, 0));
        assert_eq!(lines_and_words(&b"a ".repeat(100_000), false), (0, 100_000));
    }
}
