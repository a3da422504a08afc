//! `grep`: records that match a pattern, in input order.

use std::io::Write;

use gristmill_common::spec::{Grep, Records, document_key};
use regex::bytes::{Regex, RegexBuilder};

use crate::prepared::Factory;
use crate::{Batch, Output, Part, ProcessError, Processor, SpecError};

/// Compiles the pattern.
pub(super) fn prepare(options: &Grep, _records: &Records) -> Result<Factory, SpecError> {
    let mut pattern = if options.fixed_strings {
        regex::escape(&options.pattern)
    } else {
        options.pattern.clone()
    };
    if options.word_regexp {
        pattern = format!(r"\b{{start-half}}(?:{pattern})\b{{end-half}}");
    }
    let regex = RegexBuilder::new(&pattern)
        .multi_line(true)
        .crlf(true)
        .case_insensitive(options.ignore_case)
        .build()
        .map_err(|error| {
            SpecError(format!(
                "PATTERN: not a regular expression; -F searches for a plain string\n{error}"
            ))
        })?;
    let options = options.clone();
    Ok(Box::new(move || {
        Box::new(Searcher {
            options: options.clone(),
            regex: regex.clone(),
        })
    }))
}

struct Searcher {
    options: Grep,
    regex: Regex,
}

impl Processor for Searcher {
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError> {
        let mut key = Vec::new();
        for part in batch.parts() {
            let mut count = 0;
            for record in batch.records(part) {
                if self.regex.is_match(record.text()) == self.options.invert_match {
                    continue;
                }
                if self.options.count {
                    count += 1;
                    continue;
                }
                let line = record.line();
                if self.options.only_matching {
                    if self.options.invert_match {
                        continue;
                    }
                    for found in self.regex.find_iter(record.text()) {
                        if !found.is_empty() {
                            self.prefix(part, record.number, out);
                            out.bytes.extend_from_slice(found.as_bytes());
                            out.bytes.push(b'\n');
                        }
                    }
                } else {
                    self.prefix(part, record.number, out);
                    out.bytes.extend_from_slice(line);
                    if line.last() != Some(&b'\n') {
                        out.bytes.push(b'\n');
                    }
                }
            }
            if self.options.count && self.options.with_filename {
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

impl Searcher {
    fn prefix(&self, part: &Part<'_>, number: u64, out: &mut Output) {
        if self.options.with_filename {
            out.bytes.extend_from_slice(&part.piece.document);
            out.bytes.push(b':');
        }
        if self.options.line_number {
            // Writing to memory cannot fail.
            let _ = write!(out.bytes, "{}:", number + 1);
        }
    }
}
