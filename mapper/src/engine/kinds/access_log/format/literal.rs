//! The text between two directives of a format. A blank in it stands for a run of blanks.

use std::ops::Range;

use memchr::memchr;
use memchr::memmem::Finder;

use super::super::client::skip_blanks;

/// A text to be found in a line.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    /// At least one blank, and all that follow.
    Blanks,
    /// This text, which has no blank.
    Text(Box<Finder<'static>>),
}

impl Literal {
    /// Compiles a text that is not empty.
    pub(super) fn new(text: &[u8]) -> Self {
        let is_blank = |byte: &u8| *byte == b' ';
        let runs = text.chunk_by(|a, b| is_blank(a) == is_blank(b));
        let pieces = runs.map(|run| match run[0] {
            b' ' => Piece::Blanks,
            _ => Piece::Text(Box::new(Finder::new(run).into_owned())),
        });
        Self {
            pieces: pieces.collect(),
        }
    }

    /// What follows the literal, which `text` begins with.
    pub(super) fn strip<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let mut rest = text;
        for piece in &self.pieces {
            rest = match piece {
                Piece::Blanks if rest.starts_with(b" ") => skip_blanks(rest),
                Piece::Blanks => return None,
                Piece::Text(wanted) => rest.strip_prefix(wanted.needle())?,
            };
        }
        Some(rest)
    }

    /// Where the literal is first at or after `from`.
    pub(super) fn find(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        let mut at = from;
        loop {
            let rest = &text[at..];
            let found = match self.pieces.first()? {
                Piece::Blanks => memchr(b' ', rest)?,
                Piece::Text(wanted) => wanted.find(rest)?,
            };
            let candidate = &rest[found..];
            if let Some(after) = self.strip(candidate) {
                return Some(at + found..text.len() - after.len());
            }
            // Of a run of blanks, the first stands for all.
            at = match self.pieces.first()? {
                Piece::Blanks => text.len() - skip_blanks(candidate).len(),
                Piece::Text(_) => at + found + 1,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_stands_for_a_run() {
        for (literal, text, expected) in [
            (" ", "a b", Some(1..2)),
            (" ", "a   b", Some(1..4)),
            (" [", "a  b   [c", Some(4..8)),
            ("x y", "x  zx   y", Some(4..9)),
            ("  -  ", "a - b", Some(1..4)),
            ("::", "a:b::c", Some(3..5)),
            (" [", "a (", None),
            (" ", "ab", None),
        ] {
            let found = Literal::new(literal.as_bytes()).find(text.as_bytes(), 0);
            assert_eq!(found, expected, "{literal:?} in {text:?}");
        }
    }
}
