//! `word-count`: how often each word occurs.

use gristmill_common::spec::{WordCount, Words};
use unicode_segmentation::UnicodeSegmentation;

use crate::prepared::Factory;
use crate::{Batch, Output, ProcessError, Processor, Table};

/// Checks the options; there is nothing to build.
pub(super) fn prepare(options: &WordCount) -> Factory {
    match options.words {
        Words::Unicode => Box::new(|| Box::new(UnicodeWords)),
        Words::Ascii => Box::new(|| Box::new(AsciiWords)),
    }
}

/// Runs of ASCII letters and apostrophes, lower-cased.
struct AsciiWords;

/// Words of Unicode text segmentation with a letter or digit, lower-cased as a whole word.
struct UnicodeWords;

impl Processor for AsciiWords {
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError> {
        let mut word = Vec::new();
        for part in batch.parts() {
            for run in part
                .text()
                .split(|byte| !(byte.is_ascii_alphabetic() || *byte == b'\''))
                .filter(|run| !run.is_empty())
            {
                word.clear();
                word.extend(run.iter().map(u8::to_ascii_lowercase));
                out.table.add(&word, &[1]);
            }
        }
        Ok(())
    }
}

impl Processor for UnicodeWords {
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError> {
        for part in batch.parts() {
            // Bytes that are not UTF-8 separate words.
            for chunk in part.text().utf8_chunks() {
                add_words(chunk.valid(), &mut out.table);
            }
        }
        Ok(())
    }
}

fn add_words(text: &str, table: &mut Table) {
    for word in text.unicode_words() {
        table.add(word.to_lowercase().as_bytes(), &[1]);
    }
}
