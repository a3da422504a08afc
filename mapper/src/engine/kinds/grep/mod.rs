//! `grep`: records that match a pattern, in input order.

mod pattern;
mod runs;

use std::io::Write;
use std::num::NonZeroU64;

use gristmill_common::frame;
use gristmill_common::spec::{Grep, Records, document_key};
use memchr::memchr_iter;

use self::pattern::{Pattern, next_line};
use crate::engine::batch::{Batch, Part};
use crate::engine::output::Output;
use crate::engine::prepared::{Factory, SpecError};
use crate::engine::processor::{ProcessError, Processor};

/// Compiles the pattern.
pub(super) fn prepare(options: &Grep, records: &Records) -> Result<Factory, SpecError> {
    let pattern = Pattern::new(options, records)?;
    let options = options.clone();
    Ok(Box::new(move || {
        Box::new(Searcher {
            options: options.clone(),
            // A clone has caches of its own, so threads do not wait for each other.
            pattern: pattern.clone(),
        })
    }))
}

struct Searcher {
    options: Grep,
    pattern: Pattern,
}

impl Processor for Searcher {
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError> {
        let mut key = Vec::new();
        if self.options.count && !self.options.with_filename {
            // There is a count even if nothing is counted.
            out.table.row(b"");
        }
        for part in batch.parts() {
            let mut found = Found {
                options: &self.options,
                pattern: &self.pattern,
                part,
                out,
                count: 0,
            };
            match self.pattern.searcher(part.text()) {
                // A document of nothing but a byte order mark is one record without text.
                Some(searcher) if !part.text().is_empty() => {
                    let text = part.text();
                    let mut passed = Passed::new(part, self.options.line_number);
                    let mut from = 0;
                    while let Some((start, end)) = next_line(searcher, text, from) {
                        if self.options.invert_match {
                            found.take_lines(&text[from..start], passed.to(text, from));
                        } else {
                            found.take(&text[start..end], passed.to(text, start));
                        }
                        from = end;
                        if found.is_enough() {
                            break;
                        }
                    }
                    if self.options.invert_match {
                        found.take_lines(&text[from..], passed.to(text, from));
                    }
                }
                _ => {
                    for record in batch.records(part) {
                        if self.pattern.is_match(record.text()) != self.options.invert_match {
                            found.take(record.line(), record.number);
                        }
                        if found.is_enough() {
                            break;
                        }
                    }
                }
            }
            let count = found.count;
            if self.options.files_with_matches {
                let piece = part.piece;
                document_key(&mut key, batch.split(), piece.ordinal, &piece.document);
                if count > 0 {
                    out.table.add(&key, &[1]);
                }
            } else if self.options.count && self.options.with_filename {
                let piece = part.piece;
                document_key(&mut key, batch.split(), piece.ordinal, &piece.document);
                out.table.add(&key, &[count]);
            } else if self.options.count {
                out.table.add(b"", &[count]);
            }
        }
        Ok(())
    }
}

/// Numbers of lines, counted as far as the search has come.
struct Passed {
    wanted: bool,
    number: u64,
    at: usize,
}

impl Passed {
    fn new(part: &Part<'_>, wanted: bool) -> Self {
        Self {
            wanted,
            number: part.number,
            at: 0,
        }
    }

    /// The number of the line that starts at `start`; 0 where nobody wants it.
    fn to(&mut self, text: &[u8], start: usize) -> u64 {
        if self.wanted {
            self.number += memchr_iter(b'\n', &text[self.at..start]).count() as u64;
            self.at = start;
            self.number
        } else {
            0
        }
    }
}

/// What becomes of the records that are wanted.
struct Found<'a, 'p> {
    options: &'a Grep,
    pattern: &'a Pattern,
    part: &'a Part<'p>,
    out: &'a mut Output,
    count: u64,
}

impl Found<'_, '_> {
    /// Whether records are counted, not written.
    fn counts(&self) -> bool {
        self.options.count || self.options.files_with_matches
    }

    /// Whether more records would change nothing.
    fn is_enough(&self) -> bool {
        let most = self.options.max_count.map_or(u64::MAX, NonZeroU64::get);
        self.count >= most || (self.options.files_with_matches && self.count > 0)
    }

    /// Takes a record, terminator included, and its number.
    fn take(&mut self, line: &[u8], number: u64) {
        if self.counts() {
            self.count += 1;
        } else if self.options.max_count.is_some() {
            self.count += 1;
            let start = frame::begin(&mut self.out.bytes, self.part.piece.ordinal);
            self.write(line, number);
            frame::end(&mut self.out.bytes, start);
        } else {
            self.write(line, number);
        }
    }

    /// Writes a record as the options say.
    fn write(&mut self, line: &[u8], number: u64) {
        if !self.options.only_matching {
            self.prefix(number);
            self.out.bytes.extend_from_slice(line);
            if line.last() != Some(&b'\n') {
                self.out.bytes.push(b'\n');
            }
        } else if !self.options.invert_match {
            let pattern = self.pattern;
            pattern.matches(gristmill_common::record::content(line), |stretch| {
                self.prefix(number);
                self.out.bytes.extend_from_slice(stretch);
                self.out.bytes.push(b'\n');
            });
        }
    }

    /// Takes many lines, of which the first has this number.
    fn take_lines(&mut self, lines: &[u8], first: u64) {
        let plain = !(self.options.with_filename
            || self.options.line_number
            || self.options.max_count.is_some());
        if lines.is_empty() || (self.options.only_matching && !self.counts()) {
            return;
        }
        if self.counts() {
            self.count += memchr_iter(b'\n', lines).count() as u64;
            self.count += u64::from(!lines.ends_with(b"\n"));
        } else if plain {
            self.take(lines, first);
        } else {
            for (number, line) in (first..).zip(lines.split_inclusive(|&byte| byte == b'\n')) {
                if self.is_enough() {
                    break;
                }
                self.take(line, number);
            }
        }
    }

    fn prefix(&mut self, number: u64) {
        if self.options.with_filename {
            self.out.bytes.extend_from_slice(&self.part.piece.document);
            self.out.bytes.push(b':');
        }
        if self.options.line_number {
            // Writing to memory cannot fail.
            let _ = write!(self.out.bytes, "{}:", number + 1);
        }
    }
}
