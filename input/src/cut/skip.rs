//! Finding the end of a record that is too long to hold: flat memory however long it is.

use gristmill_common::container::Parts;
use gristmill_common::quotes::Quotes;
use gristmill_common::record::Splitter;
use memchr::memchr;

/// Looks for the end of one record in a window that moves over it.
pub(super) struct Skipper<'s> {
    splitter: &'s Splitter,
    /// The longest line that is kept to see whether a record begins with it.
    max_line: usize,
    /// Bytes of the record that left the window.
    dropped: u64,
    /// How far the window's first line was searched for its end.
    searched: usize,
    /// No record can begin with the window's first line: it is the record's own first, or overlong.
    inside: bool,
    /// A line with text was seen before the window's first line.
    solid: bool,
    /// The line before the window's first is blank.
    blank_before: bool,
    /// The dropped part of an overlong line has text.
    text_inside: bool,
    /// Whether what was dropped ends inside quotes, where these count.
    quotes: Option<Quotes>,
    /// Which lines of a container's log are cut where what was dropped ends.
    parts: Option<Parts>,
}

impl<'s> Skipper<'s> {
    pub(super) fn new(splitter: &'s Splitter, max_line: usize) -> Self {
        Self {
            splitter,
            max_line,
            dropped: 0,
            searched: 0,
            inside: true,
            solid: false,
            blank_before: false,
            text_inside: false,
            quotes: match splitter {
                Splitter::Quoted(delimiter) => Some(Quotes::new(*delimiter)),
                _ => None,
            },
            parts: match splitter {
                Splitter::Container(runtime) => Some(Parts::new(*runtime)),
                _ => None,
            },
        }
    }

    /// Bytes of the record that are no longer in the window.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Where in the window the record ends. If it does not, what need not be kept is taken out.
    pub(super) fn feed(&mut self, window: &mut Vec<u8>) -> Option<usize> {
        match self.splitter {
            Splitter::Lines => {
                let end = memchr(b'\n', window).map(|at| at + 1);
                if end.is_none() {
                    self.drop_all(window);
                }
                end
            }
            Splitter::Document => {
                self.drop_all(window);
                None
            }
            Splitter::Quoted(_) => {
                let end = self.quotes.as_mut().and_then(|quotes| quotes.end(window));
                if end.is_none() {
                    self.drop_all(window);
                }
                end
            }
            Splitter::Container(_) => {
                let end = self.parts.as_mut().and_then(|parts| parts.end(window));
                if end.is_none() {
                    self.drop_all(window);
                }
                end
            }
            Splitter::Paragraphs | Splitter::Start(_) => self.feed_lines(window),
        }
    }

    /// Where in the window the record ends if the document ends with the window.
    pub(super) fn end(&self, window: &[u8]) -> usize {
        if !window.is_empty() && self.begins_record(window, true) {
            0
        } else {
            window.len()
        }
    }

    fn drop_all(&mut self, window: &mut Vec<u8>) {
        self.dropped += window.len() as u64;
        window.clear();
    }

    fn feed_lines(&mut self, window: &mut Vec<u8>) -> Option<usize> {
        let mut start = 0;
        loop {
            let line = &window[start..];
            let Some(end) = memchr(b'\n', &line[self.searched..]).map(|at| self.searched + at)
            else {
                if self.begins_record(line, false) {
                    return Some(start);
                }
                self.searched = line.len();
                break;
            };
            let line = &line[..end];
            if self.begins_record(line, true) {
                return Some(start);
            }
            self.blank_before = is_blank(line) && !self.text_inside;
            self.solid |= !self.blank_before;
            self.inside = false;
            self.text_inside = false;
            self.searched = 0;
            start += end + 1;
        }
        window.drain(..start);
        self.dropped += start as u64;
        if self.inside || window.len() > self.max_line {
            self.inside = true;
            self.text_inside |= !is_blank(window);
            self.searched = 0;
            self.drop_all(window);
        }
        None
    }

    /// Whether a record begins with this line, as [`Splitter`] has it.
    fn begins_record(&self, line: &[u8], complete: bool) -> bool {
        if self.inside {
            return false;
        }
        match self.splitter {
            Splitter::Paragraphs => {
                let line = &line[..line.len().min(self.max_line)];
                self.solid && self.blank_before && !is_blank(line)
            }
            Splitter::Start(pattern) => {
                complete
                    && line.len() <= self.max_line
                    && pattern.is_match(line.strip_suffix(b"\r").unwrap_or(line))
            }
            Splitter::Lines | Splitter::Document | Splitter::Quoted(_) | Splitter::Container(_) => {
                false
            }
        }
    }
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|byte| matches!(byte, b' ' | b'\t'..=b'\r'))
}
