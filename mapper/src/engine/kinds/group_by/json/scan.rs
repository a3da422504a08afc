//! One JSON value from its first byte to its last: everything is checked, only named fields are
//! kept.
//!
//! Method: the places of quotes are known before ("Parsing gigabytes of JSON per second", stage 1),
//! so that strings cost nothing, and containers are a stack of their own: depth costs no program
//! stack.

use super::super::field::Found;
use super::strings::{Strings, unescape};
use super::tree::{NONE, ROOT, Tree};
use crate::engine::kinds::group_by::parse::Reason;

/// The most containers inside each other.
const DEPTH: usize = 1024;

const EXPECTED_VALUE: Reason = "not JSON: no value where one must be";
const EXPECTED_KEY: Reason = "not JSON: no key where one must be";
const EXPECTED_COLON: Reason = "not JSON: no colon after a key";
const EXPECTED_COMMA: Reason = "not JSON: neither a comma nor the end after a value";
const NUMBER: Reason = "not JSON: a number that is none";
const TOO_DEEP: Reason = "JSON more than 1024 levels deep";
const ENDS: Reason = "not JSON: it ends in the middle";

/// Reads values; holds the stack.
#[derive(Debug)]
pub(super) struct Scanner {
    tree: Tree,
    stack: Vec<Container>,
    key: Vec<u8>,
    /// Where the keys began that were looked up in the last record.
    keys: Vec<u32>,
}

/// A container that is open.
#[derive(Clone, Copy, Debug)]
struct Container {
    /// Its first byte.
    begin: u32,
    /// In an array: which place is read.
    index: u32,
    node: u16,
    object: bool,
    /// There are named fields in it.
    goes_on: bool,
}

impl Scanner {
    pub(super) fn new(tree: Tree) -> Self {
        Self {
            tree,
            stack: Vec::new(),
            key: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// Reads the object or array that begins at `start`; returns where it ends. With `LINES` a
    /// newline is not white space: it ends the record.
    #[inline]
    pub(super) fn scan<const LINES: bool>(
        &mut self,
        text: &[u8],
        start: usize,
        strings: &mut impl Strings,
        found: &mut Found,
    ) -> Result<usize, Reason> {
        self.stack.clear();
        self.keys.clear();
        let mut at = start;
        let mut node = ROOT;
        loop {
            // A value begins here.
            at = skip::<LINES>(text, at);
            let begin = at;
            let byte = *text.get(at).ok_or(ENDS)?;
            match byte {
                b'"' => {
                    let (end, escaped) = strings.close(text, at)?;
                    if let Some(field) = self.tree.field(node) {
                        found.set(field, begin + 1, end, escaped);
                    }
                    at = end + 1;
                }
                b'{' | b'[' => {
                    let object = byte == b'{';
                    at = skip::<LINES>(text, at + 1);
                    self.open(begin, node, object)?;
                    if text.get(at) != Some(&(byte + 2)) {
                        node = match object {
                            true => self.key::<LINES>(text, &mut at, strings, found)?,
                            false => self.place(0),
                        };
                        continue;
                    }
                    // Empty: what comes next closes it.
                }
                _ => {
                    at = scalar(text, at)?;
                    if let Some(field) = self.tree.field(node) {
                        match byte {
                            b'n' => found.set_null(field, begin, at),
                            _ => found.set(field, begin, at, false),
                        }
                    }
                }
            }
            // A value ended here, or an empty container is open.
            match self.after_value::<LINES>(text, &mut at, strings, found)? {
                Some(next) => node = next,
                None => return Ok(at),
            }
        }
    }

    /// Reads on from the end of a value to the next one, whose node it returns; `None` where the
    /// outermost value ends.
    #[inline(always)]
    fn after_value<const LINES: bool>(
        &mut self,
        text: &[u8],
        at: &mut usize,
        strings: &mut impl Strings,
        found: &mut Found,
    ) -> Result<Option<u16>, Reason> {
        loop {
            *at = skip::<LINES>(text, *at);
            let Some(top) = self.stack.last_mut() else {
                return Ok(None);
            };
            match (text.get(*at), top.object) {
                (Some(b','), true) => {
                    *at = skip::<LINES>(text, *at + 1);
                    return self.key::<LINES>(text, at, strings, found).map(Some);
                }
                (Some(b','), false) => {
                    *at += 1;
                    top.index += 1;
                    let index = top.index;
                    return Ok(Some(self.place(index)));
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    *at += 1;
                    let top = *top;
                    self.stack.pop();
                    if let Some(field) = self.tree.field(top.node) {
                        found.set(field, top.begin as usize, *at, false);
                    }
                    if self.stack.is_empty() {
                        return Ok(None);
                    }
                }
                (None, _) => return Err(ENDS),
                (Some(b'\n'), _) if LINES => return Err(ENDS),
                _ => return Err(EXPECTED_COMMA),
            }
        }
    }

    /// Where the keys began that were looked up in the last record.
    pub(super) fn keys(&self) -> &[u32] {
        &self.keys
    }

    #[inline]
    fn open(&mut self, begin: usize, node: u16, object: bool) -> Result<(), Reason> {
        if self.stack.len() == DEPTH {
            return Err(TOO_DEEP);
        }
        self.stack.push(Container {
            begin: begin as u32,
            index: 0,
            node,
            object,
            goes_on: self.tree.goes_on(node),
        });
        Ok(())
    }

    /// Reads a key and its colon; returns the node of its value.
    #[inline]
    fn key<const LINES: bool>(
        &mut self,
        text: &[u8],
        at: &mut usize,
        strings: &mut impl Strings,
        found: &mut Found,
    ) -> Result<u16, Reason> {
        match text.get(*at) {
            Some(b'"') => {}
            None => return Err(ENDS),
            Some(b'\n') if LINES => return Err(ENDS),
            Some(_) => return Err(EXPECTED_KEY),
        }
        let (end, escaped) = strings.close(text, *at)?;
        let mut node = NONE;
        if let Some(top) = self.stack.last()
            && top.goes_on
        {
            self.keys.push(*at as u32);
            let key = &text[*at + 1..end];
            node = match escaped {
                false => self.tree.key(top.node, key),
                true => self.escaped_key(top.node, key),
            };
            // Of keys that come twice the last one counts, with all that is in its value.
            if node != NONE {
                for &field in self.tree.below(node) {
                    found.forget(field);
                }
            }
        }
        *at = skip::<LINES>(text, end + 1);
        match text.get(*at) {
            Some(b':') => *at += 1,
            None => return Err(ENDS),
            Some(b'\n') if LINES => return Err(ENDS),
            Some(_) => return Err(EXPECTED_COLON),
        }
        Ok(node)
    }

    #[cold]
    fn escaped_key(&mut self, node: u16, key: &[u8]) -> u16 {
        self.key.clear();
        match unescape(key, &mut self.key) {
            Ok(()) => self.tree.key(node, &self.key),
            // A name that is no text: nobody can have typed it.
            Err(_) => NONE,
        }
    }

    /// The node of a place in the innermost array.
    #[inline]
    fn place(&self, index: u32) -> u16 {
        match self.stack.last() {
            Some(top) if top.goes_on => self.tree.index(top.node, index),
            _ => NONE,
        }
    }
}

/// The first byte from `at` on that is not white space.
#[inline(always)]
pub(super) fn skip<const LINES: bool>(text: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = text.get(at)
        && byte <= b' '
        && (matches!(byte, b' ' | b'\t' | b'\r') || (byte == b'\n' && !LINES))
    {
        at += 1;
    }
    at
}

/// The end of the number or word that begins at `at`.
#[inline]
pub(super) fn scalar(text: &[u8], at: usize) -> Result<usize, Reason> {
    let rest = &text[at..];
    let word: &[u8] = match *rest.first().ok_or(ENDS)? {
        b't' => b"true",
        b'f' => b"false",
        b'n' => b"null",
        b'-' | b'0'..=b'9' => return number(text, at),
        b'\n' => return Err(ENDS),
        _ => return Err(EXPECTED_VALUE),
    };
    match rest.starts_with(word) {
        true => Ok(at + word.len()),
        false => Err(EXPECTED_VALUE),
    }
}

/// The end of the number that begins at `at` (RFC 8259, section 6).
#[inline]
fn number(text: &[u8], at: usize) -> Result<usize, Reason> {
    let whole = at + usize::from(text[at] == b'-');
    let mut end = digits(text, whole);
    if end == whole || (text[whole] == b'0' && end > whole + 1) {
        return Err(NUMBER);
    }
    if text.get(end) == Some(&b'.') {
        let places = end + 1;
        end = digits(text, places);
        if end == places {
            return Err(NUMBER);
        }
    }
    if let Some(b'e' | b'E') = text.get(end) {
        let sign = matches!(text.get(end + 1), Some(b'+' | b'-'));
        let exponent = end + 1 + usize::from(sign);
        end = digits(text, exponent);
        if end == exponent {
            return Err(NUMBER);
        }
    }
    Ok(end)
}

/// The end of the digits that begin at `at`, eight bytes at a time.
#[inline(always)]
fn digits(text: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    while let Some(eight) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        // A digit becomes its number. The sum has the top bit of each byte from ten on; what a
        // byte carries over is behind the first of these.
        let numbers = u64::from_le_bytes(*eight) ^ (ONES * 0x30);
        let others = (numbers.wrapping_add(ONES * 0x76) | numbers) & (ONES * 0x80);
        if others != 0 {
            return at + (others.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}
