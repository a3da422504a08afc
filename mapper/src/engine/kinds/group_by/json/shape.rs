//! The shapes of lines seen before: most lines of a log differ in their values alone.
//!
//! Between its strings a line is made of brackets, colons, commas and short words. Where those are,
//! byte by byte, what they were in a line that was read in full, and the keys that matter are the
//! same, the line is JSON of the same structure: its fields are where they were. Numbers and words
//! are read anew. Every other line goes to the scanner, whose verdict counts (a test compares
//! them). Method: the speculation of Li, Katsipoulakis, Chandramouli, Goldstein and Kossmann,
//! "Mison" (2017).

use super::scan::scalar;
use super::strings::{Marked, Strings, unescape};
use crate::engine::kinds::group_by::field::{FieldId, Found, Whole};

/// So many shapes are kept.
const KEPT: usize = 4;
/// After so many lines of no known shape, only every so many is learned.
const PATIENCE: u32 = 64;

/// The shapes of the last lines that were read in full.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    known: Vec<Shape>,
    /// The one that is replaced next.
    oldest: usize,
    /// Lines since one had a known shape.
    strange: u32,
}

/// One structure.
#[derive(Debug)]
struct Shape {
    strings: Vec<Step>,
    /// What follows the last string.
    last: Gap,
}

/// A string, and what is before it.
#[derive(Debug)]
struct Step {
    gap: Gap,
    /// The string must be this, quotes included.
    key: Option<Text>,
    field: Option<FieldId>,
}

/// What is between two strings.
#[derive(Debug)]
enum Gap {
    Fixed(Text),
    /// Texts, with a number or word after each but the last.
    Mixed(Vec<(Text, Option<FieldId>)>, Text),
}

/// Bytes that are expected; eight are compared at once, and up to sixteen without a call.
#[derive(Debug)]
struct Text {
    bytes: Box<[u8]>,
    /// The first eight, and which bits of them count.
    head: u64,
    mask: u64,
    /// The last eight, if there are so many.
    tail: u64,
}

impl Text {
    fn new(bytes: &[u8]) -> Self {
        let mut head = [0; 8];
        let len = bytes.len().min(8);
        head[..len].copy_from_slice(&bytes[..len]);
        Self {
            bytes: bytes.into(),
            tail: bytes
                .last_chunk()
                .map_or(0, |tail| u64::from_le_bytes(*tail)),
            head: u64::from_le_bytes(head),
            mask: if len == 8 {
                u64::MAX
            } else {
                (1 << (8 * len)) - 1
            },
        }
    }

    /// Whether `text` has these bytes at `at`.
    #[inline(always)]
    fn is_at(&self, text: &[u8], at: usize) -> bool {
        match text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            Some(head) => {
                (u64::from_le_bytes(*head) ^ self.head) & self.mask == 0
                    && (self.bytes.len() <= 8 || self.goes_on(text, at))
            }
            None => text.get(at..at + self.bytes.len()) == Some(&*self.bytes),
        }
    }

    /// Whether the bytes behind the first eight are there too.
    #[inline(always)]
    fn goes_on(&self, text: &[u8], at: usize) -> bool {
        let end = at + self.bytes.len();
        let Some(tail) = text.get(..end).and_then(|text| text.last_chunk::<8>()) else {
            return false;
        };
        u64::from_le_bytes(*tail) == self.tail
            && (self.bytes.len() <= 16 || text[at + 8..end - 8] == self.bytes[8..end - at - 8])
    }
}

impl Gap {
    #[inline(always)]
    fn fits(&self, text: &[u8], from: usize, to: usize, found: &mut Found) -> bool {
        match self {
            Gap::Fixed(fixed) => to - from == fixed.bytes.len() && fixed.is_at(text, from),
            Gap::Mixed(parts, end) => mixed(parts, end, text, from, to, found).is_some(),
        }
    }
}

#[inline]
fn mixed(
    parts: &[(Text, Option<FieldId>)],
    end: &Text,
    text: &[u8],
    from: usize,
    to: usize,
    found: &mut Found,
) -> Option<()> {
    let mut at = from;
    for (before, field) in parts {
        if !before.is_at(text, at) {
            return None;
        }
        let start = at + before.bytes.len();
        at = scalar(text, start).ok()?;
        if let Some(field) = *field {
            match text[start] {
                b'n' => found.set_null(field, start, at),
                _ => found.set(field, start, at, false),
            }
        }
    }
    (at + end.bytes.len() == to && end.is_at(text, at)).then_some(())
}

impl Shapes {
    /// Reads the line of `text` that begins at `start` if its shape is known; `strings` are those
    /// from there on. Returns where its newline is, and has passed its strings then.
    #[inline]
    pub(super) fn follow(
        &mut self,
        text: &[u8],
        start: usize,
        strings: &mut Marked<'_>,
        found: &mut Found,
    ) -> Option<usize> {
        let marks = strings.marks;
        for shape in &self.known {
            found.clear();
            if let Some(newline) = shape.follow(text, start, strings, found) {
                self.strange = 0;
                return Some(newline);
            }
            strings.marks = marks;
        }
        self.strange += 1;
        None
    }

    /// Keeps the shape of a line that was read in full: `text` from `start` to its newline at
    /// `end`. `marks` are its own, and `keys` begin the keys that matter.
    pub(super) fn learn(
        &mut self,
        text: &[u8],
        (start, end): (usize, usize),
        marks: &[u32],
        keys: &[u32],
        found: &Found,
    ) {
        if self.strange > PATIENCE && !self.strange.is_multiple_of(PATIENCE) {
            return;
        }
        let Some(shape) = Shape::of(text, (start, end), marks, keys, found) else {
            return;
        };
        if self.known.len() < KEPT {
            self.known.push(shape);
        } else {
            self.known[self.oldest] = shape;
            self.oldest = (self.oldest + 1) % KEPT;
        }
    }
}

impl Shape {
    #[inline]
    fn follow(
        &self,
        text: &[u8],
        start: usize,
        strings: &mut Marked<'_>,
        found: &mut Found,
    ) -> Option<usize> {
        let (mut from, mut escapes) = (start, false);
        for step in &self.strings {
            let open = strings.next_quote(text)?;
            if !step.gap.fits(text, from, open, found) {
                return None;
            }
            let (close, escaped) = strings.close(text, open).ok()?;
            if let Some(key) = &step.key
                && !(close + 1 - open == key.bytes.len() && key.is_at(text, open))
            {
                return None;
            }
            if let Some(field) = step.field {
                found.set(field, open + 1, close, escaped);
                escapes |= escaped;
            }
            from = close + 1;
        }
        let newline = *strings.marks.first()? as usize;
        if text.get(newline) != Some(&b'\n') || !self.last.fits(text, from, newline, found) {
            return None;
        }
        // What is wrong with an escape is the scanner's to say.
        (!escapes || found.unescape(text, unescape).is_ok()).then_some(newline)
    }

    /// `None` if a line like this must be read in full each time: a field has escapes, or is more
    /// than one string, number or word.
    fn of(
        text: &[u8],
        (start, end): (usize, usize),
        marks: &[u32],
        keys: &[u32],
        found: &Found,
    ) -> Option<Self> {
        let mut wholes: Vec<Whole> = found.wholes()?;
        let mut strings = Vec::new();
        let mut from = start;
        let mut marked = Marked {
            marks,
            controls: false,
        };
        while !marked.marks.is_empty() {
            let open = marked.next_quote(text)?;
            let gap = gap_of(text, from, open, &mut wholes)?;
            let (close, _) = marked.close(text, open).ok()?;
            let key = keys
                .contains(&(open as u32))
                .then(|| Text::new(&text[open..=close]));
            let field = take(&mut wholes, open + 1, close);
            strings.push(Step { gap, key, field });
            from = close + 1;
        }
        let last = gap_of(text, from, end, &mut wholes)?;
        wholes.is_empty().then_some(Self { strings, last })
    }
}

/// Takes the field whose value is these bytes.
fn take(wholes: &mut Vec<Whole>, start: usize, end: usize) -> Option<FieldId> {
    let is = |whole: &Whole| (whole.start, whole.end) == (start, end);
    let at = wholes.iter().position(is)?;
    Some(wholes.swap_remove(at).field)
}

/// What is between two strings of a line that was read in full.
fn gap_of(text: &[u8], from: usize, to: usize, wholes: &mut Vec<Whole>) -> Option<Gap> {
    let (mut parts, mut at, mut before) = (Vec::new(), from, from);
    while at < to {
        if matches!(text[at], b'-' | b'0'..=b'9' | b't' | b'f' | b'n') {
            let end = scalar(text, at).ok()?;
            parts.push((Text::new(&text[before..at]), take(wholes, at, end)));
            (at, before) = (end, end);
        } else {
            at += 1;
        }
    }
    let last = Text::new(&text[before..to]);
    Some(match parts.is_empty() {
        true => Gap::Fixed(last),
        false => Gap::Mixed(parts, last),
    })
}
