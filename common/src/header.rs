//! The line of a document that names its columns, which every chunk of the document must know.

use memchr::memchr;
use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};

use crate::record::{BOM, Splitter, content};

/// The longest header, in bytes: it travels with every piece of its document.
pub const MAX_HEADER: usize = 256 << 10;

/// What a W3C log's line of column names begins with.
const FIELDS: &[u8] = b"#Fields:";

/// Which line names the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderRule {
    /// The document's first record that is not empty.
    FirstRecord,
    /// The last line before a record that begins with `#Fields:`.
    FieldsLine,
}

/// A header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Offset of its record in the (decompressed) document.
    pub offset: u64,
    /// Its text, without a byte order mark and a terminator.
    #[serde(with = "serde_bytes")]
    pub text: Vec<u8>,
}

/// Follows a document's records and knows the header in force.
#[derive(Clone, Debug)]
pub struct Headers {
    rule: Option<HeaderRule>,
    current: Option<Header>,
    /// The first record was seen.
    settled: bool,
}

impl Headers {
    /// At the beginning of a document; without a rule there are no headers.
    #[must_use]
    pub fn new(rule: Option<HeaderRule>) -> Self {
        Self {
            rule,
            current: None,
            settled: false,
        }
    }

    /// The header in force for the last stretch.
    #[must_use]
    pub fn current(&self) -> Option<&Header> {
        self.current.as_ref()
    }

    /// How many of `bytes`, the document's next whole records, have one header. The first of them
    /// is at `offset`.
    pub fn stretch(&mut self, splitter: &Splitter, bytes: &[u8], offset: u64) -> usize {
        match self.rule {
            None => {}
            Some(HeaderRule::FirstRecord) if self.settled => {}
            Some(HeaderRule::FirstRecord) => self.first_record(splitter, bytes, offset),
            Some(HeaderRule::FieldsLine) => return self.fields_lines(bytes, offset),
        }
        bytes.len()
    }

    /// A record was set aside before it was whole; it begins with `head`.
    pub fn set_aside(&mut self, head: &[u8]) {
        match self.rule {
            None => {}
            Some(HeaderRule::FirstRecord) => self.settled = true,
            Some(HeaderRule::FieldsLine) if without_mark(head).starts_with(FIELDS) => {
                self.current = None;
            }
            Some(HeaderRule::FieldsLine) => {}
        }
    }

    fn first_record(&mut self, splitter: &Splitter, bytes: &[u8], offset: u64) {
        let mut at = 0;
        for record in splitter.split(bytes) {
            let mut text = content(record);
            if offset + at == 0 {
                text = without_mark(text);
            }
            if !text.is_empty() {
                self.settled = true;
                self.set(offset + at, text);
                return;
            }
            at += record.len() as u64;
        }
    }

    fn fields_lines(&mut self, bytes: &[u8], offset: u64) -> usize {
        let mark = match offset {
            0 => bytes.len() - without_mark(bytes).len(),
            _ => 0,
        };
        for at in Finder::new(FIELDS).find_iter(bytes) {
            if at != mark && (at == 0 || bytes[at - 1] != b'\n') {
                continue;
            }
            let line = &bytes[at..];
            let end = memchr(b'\n', line).map_or(line.len(), |end| end + 1);
            let text = content(&line[..end]);
            if (self.current.as_ref()).is_some_and(|current| current.text == text) {
                continue;
            }
            if at > mark {
                return at;
            }
            self.set(offset, text);
        }
        bytes.len()
    }

    fn set(&mut self, offset: u64, text: &[u8]) {
        self.current = (text.len() <= MAX_HEADER).then(|| Header {
            offset,
            text: text.to_vec(),
        });
    }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BOM).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stretches of a text that comes in these pieces, each with its header.
    fn stretches(rule: HeaderRule, pieces: &[&str]) -> Vec<(String, Option<(u64, String)>)> {
        let mut headers = Headers::new(Some(rule));
        let (mut all, mut offset) = (Vec::new(), 0);
        for piece in pieces {
            let mut rest = piece.as_bytes();
            while !rest.is_empty() {
                let len = headers.stretch(&Splitter::Lines, rest, offset);
                let (now, later) = rest.split_at(len);
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                let header = headers.current().map(|one| (one.offset, text(&one.text)));
                all.push((text(now), header));
                offset += len as u64;
                rest = later;
            }
        }
        all
    }

    #[test]
    fn the_first_record_that_is_not_empty_is_the_header() {
        for (pieces, expected) in [
            (&["\u{FEFF}a,b\r\n1,2\n"][..], vec![Some((0, "a,b"))]),
            (
                &["\r\n", "\na\n1\n", "2\n"],
                vec![None, Some((3, "a")), Some((3, "a"))],
            ),
            (&["a"], vec![Some((0, "a"))]),
        ] {
            let found = stretches(HeaderRule::FirstRecord, pieces);
            let headers = found.into_iter().map(|(_, header)| header);
            let expected = expected.into_iter();
            let expected = expected.map(|one| one.map(|(at, text)| (at, text.to_owned())));
            assert!(headers.eq(expected), "{pieces:?}");
        }
        let mut headers = Headers::new(Some(HeaderRule::FirstRecord));
        headers.set_aside(b"a,");
        headers.stretch(&Splitter::Lines, b"1\n2\n", 9);
        assert_eq!(headers.current(), None);
        let long = [&vec![b'a'; MAX_HEADER + 1][..], b"\n1\n"].concat();
        let mut headers = Headers::new(Some(HeaderRule::FirstRecord));
        assert_eq!(headers.stretch(&Splitter::Lines, &long, 0), long.len());
        assert_eq!(headers.current(), None);
    }

    #[test]
    fn fields_lines_begin_stretches_where_they_change() {
        let text = "\u{FEFF}#Fields: a\n1\n#Fields: a\n2 #Fields: x\n#Fields: b\r\n3\n";
        let found = stretches(HeaderRule::FieldsLine, &[text]);
        let header = |at, text: &str| Some((at, text.to_owned()));
        assert_eq!(
            found,
            [
                (
                    "\u{FEFF}#Fields: a\n1\n#Fields: a\n2 #Fields: x\n".into(),
                    header(0, "#Fields: a")
                ),
                ("#Fields: b\r\n3\n".into(), header(40, "#Fields: b")),
            ]
        );
        let found = stretches(
            HeaderRule::FieldsLine,
            &["#Software\n", "1\n#Fields: a\n", "2\n"],
        );
        let expected = [
            None,
            None,
            header(12, "#Fields: a"),
            header(12, "#Fields: a"),
        ];
        assert!(found.into_iter().map(|(_, one)| one).eq(expected));
        let mut headers = Headers::new(Some(HeaderRule::FieldsLine));
        headers.stretch(&Splitter::Lines, b"#Fields: a\n", 0);
        headers.set_aside(b"x");
        assert!(headers.current().is_some());
        headers.set_aside(b"#Fields: a b");
        assert_eq!(headers.current(), None);
    }
}
