//! Where records begin and end: one grammar, used by the producer to cut and by the mapper to read.
//!
//! Records partition a document's bytes: every byte belongs to exactly one record, its terminator
//! included. Boundaries depend on the bytes around them alone, so chunking never shows (I2).

use memchr::{memchr, memrchr};
use regex::bytes::Regex;

use crate::container::{Parts, Runtime};
use crate::quotes::Quotes;
use crate::spec::Records;

/// The byte order mark of UTF-8.
pub const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Finds record boundaries in a document's bytes.
#[derive(Clone, Debug)]
pub enum Splitter {
    /// A record is a line, ended by LF (a CR before it belongs to the terminator).
    Lines,
    /// A record is a run of non-blank lines and the blank lines after it.
    Paragraphs,
    /// A record is the whole document, even an empty one.
    Document,
    /// A record begins at each line that matches.
    Start(Regex),
    /// A record is a line that may go on inside quotes; this byte is between its values.
    Quoted(u8),
    /// A record is a line of a container's log, with all its parts where the runtime cut it.
    Container(Runtime),
}

impl Splitter {
    /// Builds the splitter for a job's record mode.
    ///
    /// # Errors
    /// When the `--record-start` pattern is not a regular expression.
    pub fn new(records: &Records) -> Result<Self, regex::Error> {
        Ok(match records {
            Records::Lines => Splitter::Lines,
            Records::Paragraphs => Splitter::Paragraphs,
            Records::Document => Splitter::Document,
            Records::Start(pattern) => Splitter::Start(Regex::new(pattern)?),
            Records::Separated(delimiter) => Splitter::Quoted(*delimiter),
            Records::Cri => Splitter::Container(Runtime::Cri),
            Records::Docker => Splitter::Container(Runtime::Docker),
        })
    }

    /// The end of the first record of `bytes`, which begin at a record's start. `None` while more
    /// bytes may still belong to it; `at_end` says that the document ends where `bytes` end.
    #[must_use]
    pub fn first_end(&self, bytes: &[u8], at_end: bool) -> Option<usize> {
        let found = match self {
            Splitter::Lines => memchr(b'\n', bytes).map(|at| at + 1),
            Splitter::Document => None,
            Splitter::Paragraphs => self.next_line_boundary(bytes, at_end),
            Splitter::Start(_) => self.next_line_boundary(bytes, at_end),
            Splitter::Quoted(delimiter) => Quotes::new(*delimiter).end(bytes),
            Splitter::Container(runtime) => Parts::new(*runtime).end(bytes),
        };
        found.or((at_end && !bytes.is_empty()).then_some(bytes.len()))
    }

    /// The last position in `bytes` that is certainly a record's end. `None` if there is none.
    #[must_use]
    pub fn last_end(&self, bytes: &[u8], at_end: bool) -> Option<usize> {
        if at_end {
            return (!bytes.is_empty()).then_some(bytes.len());
        }
        match self {
            Splitter::Lines => memrchr(b'\n', bytes).map(|at| at + 1),
            Splitter::Document => None,
            Splitter::Quoted(_) if memchr(b'"', bytes).is_none() => {
                memrchr(b'\n', bytes).map(|at| at + 1)
            }
            Splitter::Quoted(delimiter) => {
                let mut end = 0;
                while let Some(len) = Quotes::new(*delimiter).end(&bytes[end..]) {
                    end += len;
                }
                (end > 0).then_some(end)
            }
            Splitter::Container(runtime) => Parts::last_end(*runtime, bytes),
            Splitter::Paragraphs | Splitter::Start(_) => {
                let mut end = bytes.len();
                while let Some(newline) = memrchr(b'\n', &bytes[..end]) {
                    let start = newline + 1;
                    if self.is_boundary(bytes, start, at_end) {
                        return Some(start);
                    }
                    end = newline;
                }
                None
            }
        }
    }

    /// How many records `bytes` hold, if they are whole records of one document. A whole document
    /// is one record in [`Splitter::Document`] mode even when it is empty; that case is the
    /// caller's, who knows whether the document begins here.
    #[must_use]
    pub fn count(&self, bytes: &[u8]) -> u64 {
        let plain = match self {
            Splitter::Lines => true,
            Splitter::Quoted(_) => memchr(b'"', bytes).is_none(),
            _ => false,
        };
        match plain {
            true => {
                let ended = memchr::memchr_iter(b'\n', bytes).count() as u64;
                ended + u64::from(bytes.last().is_some_and(|&last| last != b'\n'))
            }
            false => self.split(bytes).count() as u64,
        }
    }

    /// The records of `bytes`, terminators included, if they are whole records of one document.
    pub fn split<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = bytes;
        std::iter::from_fn(move || {
            let end = self.first_end(rest, true)?;
            let (record, tail) = rest.split_at(end);
            rest = tail;
            Some(record)
        })
    }

    fn next_line_boundary(&self, bytes: &[u8], at_end: bool) -> Option<usize> {
        let mut from = 0;
        while let Some(newline) = memchr(b'\n', &bytes[from..]) {
            let start = from + newline + 1;
            if self.is_boundary(bytes, start, at_end) {
                return Some(start);
            }
            from = start;
        }
        None
    }

    /// Whether a record ends at the line start `start`, as far as the bytes tell for certain.
    fn is_boundary(&self, bytes: &[u8], start: usize, at_end: bool) -> bool {
        let line = &bytes[start..];
        let (line, complete) = match memchr(b'\n', line) {
            Some(end) => (&line[..end], true),
            None => (line, at_end),
        };
        match self {
            Splitter::Paragraphs => {
                let before = &bytes[..start - 1];
                let previous = &before[memrchr(b'\n', before).map_or(0, |at| at + 1)..];
                // Blank lines that open a document belong to its first paragraph.
                !is_blank(line) && is_blank(previous) && !is_blank(before)
            }
            Splitter::Start(pattern) => complete && pattern.is_match(trim_cr(line)),
            Splitter::Lines | Splitter::Document | Splitter::Quoted(_) | Splitter::Container(_) => {
                false
            }
        }
    }
}

/// A record without its terminator: one LF or CRLF taken off the end.
#[must_use]
pub fn content(record: &[u8]) -> &[u8] {
    match record {
        [head @ .., b'\r', b'\n'] | [head @ .., b'\n'] => head,
        whole => whole,
    }
}

fn trim_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether there is nothing but white space of ASCII.
#[must_use]
pub fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, b' ' | b'\t'..=b'\r'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn splitters() -> Vec<Splitter> {
        vec![
            Splitter::Lines,
            Splitter::Paragraphs,
            Splitter::Document,
            Splitter::Start(Regex::new("^[ab]").unwrap()),
            Splitter::Quoted(b' '),
            Splitter::Container(Runtime::Cri),
            Splitter::Container(Runtime::Docker),
        ]
    }

    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            Just(b'\n'),
            Just(b'\n'),
            Just(b'\r'),
            Just(b' '),
            Just(b'"'),
            Just(b'a'),
            Just(b'x')
        ];
        prop::collection::vec(byte, 0..40)
    }

    proptest! {
        #[test]
        fn records_partition_the_bytes(text in texts()) {
            for splitter in splitters() {
                let records: Vec<&[u8]> = splitter.split(&text).collect();
                prop_assert_eq!(records.concat(), text.clone());
                prop_assert!(records.iter().all(|r| !r.is_empty()));
                prop_assert_eq!(splitter.count(&text), records.len() as u64);
            }
        }

        #[test]
        fn a_certain_boundary_stays_one_when_more_bytes_come(text in texts(), cut in 0usize..40) {
            let cut = cut.min(text.len());
            for splitter in splitters() {
                let mut ends = vec![0];
                for record in splitter.split(&text) {
                    ends.push(ends[ends.len() - 1] + record.len());
                }
                if let Some(end) = splitter.last_end(&text[..cut], false) {
                    prop_assert!(ends.contains(&end), "{:?}: {} not in {:?}", splitter, end, ends);
                }
                if let Some(end) = splitter.first_end(&text[..cut], false) {
                    prop_assert_eq!(end, ends[1]);
                }
            }
        }
    }

    #[test]
    fn paragraphs_keep_wrapped_lines_together() {
        let text = b"\n\none\ntwo\n \n\nthree\r\n\r\nfour";
        let records: Vec<&[u8]> = Splitter::Paragraphs.split(text).collect();
        assert_eq!(
            records,
            [&b"\n\none\ntwo\n \n\n"[..], b"three\r\n\r\n", b"four"]
        );
    }

    #[test]
    fn stack_traces_stay_with_their_line() {
        let start = Splitter::Start(Regex::new(r"^\d{4}-").unwrap());
        let text = b"junk\n2026-11-21 a\n\tat b\n2026-11-21 c\n";
        let records: Vec<&[u8]> = start.split(text).collect();
        assert_eq!(
            records,
            [&b"junk\n"[..], b"2026-11-21 a\n\tat b\n", b"2026-11-21 c\n"]
        );
    }

    #[test]
    fn content_takes_one_terminator_off() {
        assert_eq!(content(b"a\r\n"), b"a");
        assert_eq!(content(b"a\n\n"), b"a\n");
        assert_eq!(content(b"a\r"), b"a\r");
        assert_eq!(content(b""), b"");
    }
}
