//! The pattern of a `grep` job, and how to search a whole text for records that match.
//!
//! A record matches if the pattern is found in its text, without its terminator. Searching many
//! lines at once is only a faster way to the same answer: the `grep-regex` crate keeps a match from
//! reaching over a line's end, and finds candidates by the pattern's inner literals.

use grep_matcher::{LineMatchKind, Matcher};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use gristmill_common::record::content;
use gristmill_common::spec::{Grep, Records};
use memchr::{memchr, memchr_iter, memrchr};
use regex_syntax::hir::Look;

use super::runs::Runs;
use crate::engine::prepared::SpecError;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// For the text of one record.
    record: RegexMatcher,
    /// For many lines ended by LF, and by CRLF. `None` where records are not lines, or where the
    /// pattern asks for a text's very beginning or end, or for a CR, which may end a line.
    lines: Option<(RegexMatcher, RegexMatcher)>,
    /// For texts that are not UTF-8, where that makes a difference.
    runs: Option<Runs>,
}

impl Pattern {
    /// Compiles the pattern of a job.
    pub(super) fn new(options: &Grep, records: &Records) -> Result<Self, SpecError> {
        let pattern = if options.fixed_strings {
            regex_syntax::escape(&options.pattern)
        } else {
            options.pattern.clone()
        };
        let fail = |error: &dyn std::fmt::Display| {
            SpecError(format!(
                "PATTERN: {error}\n-F searches for a plain string; --records paragraphs or document \
                 lets a pattern span lines"
            ))
        };
        let builder = || {
            let mut builder = RegexMatcherBuilder::new();
            builder
                .multi_line(true)
                .case_insensitive(options.ignore_case)
                .word(options.word_regexp);
            builder
        };
        let is_lines = *records == Records::Lines;
        let hir = regex_syntax::ParserBuilder::new()
            .utf8(false)
            .multi_line(true)
            .crlf(!is_lines)
            .case_insensitive(options.ignore_case)
            .build()
            .parse(&pattern)
            .map_err(|error| fail(&error))?;
        // The parsed pattern is in the case that it is wanted in.
        let build = |pattern: &str| builder().case_insensitive(false).build(pattern);
        let runs = Runs::new(&hir, options.word_regexp, is_lines, build);
        let runs = runs.map_err(|error| fail(&error))?;
        if !is_lines {
            // In a record of several lines, CRLF ends a line too.
            let record = builder()
                .build(&format!("(?R:{pattern})"))
                .map_err(|error| fail(&error))?;
            return Ok(Self {
                record,
                lines: None,
                runs,
            });
        }
        let line = builder()
            .line_terminator(Some(b'\n'))
            .build(&pattern)
            .map_err(|error| fail(&error))?;
        let crlf = builder().crlf(true).build(&pattern).ok();
        let looks = hir.properties().look_set();
        let anchored = looks.contains(Look::Start) || looks.contains(Look::End);
        Ok(Self {
            record: line.clone(),
            lines: crlf.filter(|_| !anchored).map(|crlf| (line, crlf)),
            runs,
        })
    }

    /// Whether the text of a record matches.
    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        let mut found = false;
        if let Some(runs) = self.runs_of(text) {
            runs.matches(text, |_| {
                found = true;
                false
            });
            if found || runs.are_all() {
                return found;
            }
        }
        // The matcher's error type has no values.
        self.record.is_match(text).unwrap_or(false)
    }

    /// What searches a text that is not UTF-8, if it must be searched in another way.
    fn runs_of(&self, text: &[u8]) -> Option<&Runs> {
        let runs = self.runs.as_ref()?;
        std::str::from_utf8(text).is_err().then_some(runs)
    }

    /// Calls `each` with every stretch of a record's text that matches and is not empty.
    pub(super) fn matches(&self, text: &[u8], mut each: impl FnMut(&[u8])) {
        if let Some(runs) = self.runs_of(text).filter(|runs| runs.are_all()) {
            runs.matches(text, |found| {
                if !found.is_empty() {
                    each(found);
                }
                true
            });
            return;
        }
        let _ = self.record.find_iter(text, |found| {
            if !found.is_empty() {
                each(&text[found]);
            }
            true
        });
    }

    /// What finds the lines of `text` that match, unless they must be looked at one by one.
    pub(super) fn searcher(&self, text: &[u8]) -> Option<&RegexMatcher> {
        let (line, crlf) = self.lines.as_ref()?;
        if self.runs_of(text).is_some() {
            return None;
        }
        if memchr(b'\r', text).is_none() {
            return Some(line);
        }
        // The CRLF matcher takes any CR for the end of a line.
        memchr_iter(b'\r', text)
            .all(|at| text.get(at + 1) == Some(&b'\n'))
            .then_some(crlf)
    }
}

/// The first line of `text` at or after the line start `from` that matches: its start and its end,
/// terminator included.
pub(super) fn next_line(
    searcher: &RegexMatcher,
    text: &[u8],
    mut from: usize,
) -> Option<(usize, usize)> {
    while from < text.len() {
        // The matcher's error type has no values.
        let found = searcher.find_candidate_line(&text[from..]).ok()??;
        let (at, sure) = match found {
            LineMatchKind::Confirmed(at) => (from + at, true),
            LineMatchKind::Candidate(at) => (from + at, false),
        };
        let start = memrchr(b'\n', &text[from..at]).map_or(from, |newline| from + newline + 1);
        let end = memchr(b'\n', &text[at..]).map_or(text.len(), |newline| at + newline + 1);
        // An empty match after the last newline is in no line.
        if start == text.len() {
            return None;
        }
        if sure
            || searcher
                .is_match(content(&text[start..end]))
                .unwrap_or(false)
        {
            return Some((start, end));
        }
        from = end;
    }
    None
}
