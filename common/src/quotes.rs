//! Where records of CSV end: a line feed inside quotes belongs to the value (RFC 4180). And, for
//! formats with backslashes, whether a quote is escaped.
//!
//! In CSV a quote opens where a field begins, and closes unless another follows. One elsewhere is
//! text, and so is what follows a closing quote before the delimiter.

use memchr::{memchr, memchr2};

use crate::record::BOM;

/// Looks for the end of one record in bytes that come piece by piece.
#[derive(Clone, Debug)]
pub struct Quotes {
    delimiter: u8,
    state: State,
    /// Bytes of the record that were seen, and the first three of them.
    seen: u64,
    head: [u8; 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Outside quotes, after this byte.
    Outside(u8),
    Inside,
    /// After a quote inside quotes: it closes unless another follows.
    Closing,
}

impl Quotes {
    /// At the beginning of a record whose values have this delimiter between them.
    #[must_use]
    pub fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            state: State::Outside(delimiter),
            seen: 0,
            head: [0; 3],
        }
    }

    /// The end of the record, if it is in `bytes`, which follow those of the calls before.
    pub fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.state {
                State::Outside(last) => {
                    let Some(found) = memchr2(b'\n', b'"', &bytes[at..]) else {
                        self.state = State::Outside(bytes[bytes.len() - 1]);
                        break;
                    };
                    let found = at + found;
                    if bytes[found] == b'\n' {
                        return Some(found + 1);
                    }
                    let before = if found > at { bytes[found - 1] } else { last };
                    self.state = match before == self.delimiter || self.after_mark(bytes, found) {
                        true => State::Inside,
                        false => State::Outside(b'"'),
                    };
                    at = found + 1;
                }
                State::Inside => {
                    let Some(found) = memchr(b'"', &bytes[at..]) else {
                        break;
                    };
                    self.state = State::Closing;
                    at += found + 1;
                }
                State::Closing if byte == b'"' => {
                    self.state = State::Inside;
                    at += 1;
                }
                State::Closing => self.state = State::Outside(b'"'),
            }
        }
        if self.seen < 3 {
            let start = self.seen as usize;
            for (to, from) in self.head[start..].iter_mut().zip(bytes) {
                *to = *from;
            }
        }
        self.seen += bytes.len() as u64;
        None
    }

    /// Whether all that is before `at` is a byte order mark.
    fn after_mark(&self, bytes: &[u8], at: usize) -> bool {
        let before = self.seen.saturating_add(at as u64);
        let byte = |place: usize| match place.checked_sub(self.seen as usize) {
            Some(at) => bytes[at],
            None => self.head[place],
        };
        before == BOM.len() as u64 && BOM.iter().enumerate().all(|(at, mark)| byte(at) == *mark)
    }
}

/// Whether the byte at `at` is escaped by a backslash: whether an odd run of them is before it. Of
/// two, one escapes the other.
#[must_use]
pub fn is_escaped(text: &[u8], at: usize) -> bool {
    let run = text[..at].iter().rev().take_while(|byte| **byte == b'\\');
    run.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rule byte by byte.
    fn plain(text: &[u8], delimiter: u8) -> Option<usize> {
        let mark = if text.starts_with(BOM) { BOM.len() } else { 0 };
        let (mut inside, mut opens) = (false, true);
        let mut at = mark;
        while at < text.len() {
            let byte = text[at];
            if inside {
                if byte == b'"' && text.get(at + 1) == Some(&b'"') {
                    at += 1;
                } else if byte == b'"' {
                    inside = false;
                }
            } else if byte == b'\n' {
                return Some(at + 1);
            } else {
                inside = byte == b'"' && opens;
                opens = byte == delimiter;
            }
            at += 1;
        }
        None
    }

    proptest! {
        #[test]
        fn records_end_where_a_plain_reading_ends_them(
            text in prop::collection::vec(prop::sample::select(&b"\"\",,;\n a\xEF\xBB\xBF"[..]), 0..40),
            marked in any::<bool>(), delimiter in prop::sample::select(&b",;"[..]), step in 1usize..10,
        ) {
            let text = [if marked { BOM } else { &[] }, &text].concat();
            let mut quotes = Quotes::new(delimiter);
            let mut at = 0;
            let end = text.chunks(step).find_map(|bytes| {
                let end = quotes.end(bytes).map(|end| at + end);
                at += bytes.len();
                end
            });
            prop_assert_eq!(end, plain(&text, delimiter));
        }
    }

    #[test]
    fn a_line_feed_inside_quotes_is_no_end() {
        for (text, end) in [
            (&b"a,b\nc"[..], Some(4)),
            (b"\"a\n\",b\nc", Some(7)),
            (b"\"a\"\"\n\",b\n", Some(9)),
            (b"5\" pipe,\"\n\"\n", Some(12)),
            (b"\"a\" \"b\n", Some(7)),
            (b"\xEF\xBB\xBF\"\n\"\n", Some(7)),
            (b"a,\"b\n", None),
            (b"", None),
        ] {
            let shown = String::from_utf8_lossy(text);
            assert_eq!(Quotes::new(b',').end(text), end, "{shown}");
        }
    }
}
