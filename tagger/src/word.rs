//! What the tagger sees of one word by itself: hashes of its form, ends and shape. A pure function
//! of the word's characters; must not know of sentences, clusters or models.

use crate::hash;

/// How a word's letters are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Case {
    /// No letters.
    #[default]
    None,
    /// The first letter is small.
    Lower,
    /// The first letter is a capital, a later one is small.
    Title,
    /// Capitals only.
    Upper,
}

/// Longest suffix and prefix used, in characters.
pub(crate) const SUFFIXES: usize = 6;
/// Longest prefix used, in characters.
pub(crate) const PREFIXES: usize = 4;

/// Hashes of one word's views. Equal views have equal hashes; all are non-zero in practice.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WordView {
    /// The form as written.
    pub exact: u64,
    /// Lower case, digits as `0`, typographic quotes and dashes as ASCII.
    pub lower: u64,
    /// Suffixes of `lower` of 1, 2, … characters; 0 where the word is shorter.
    pub suffix: [u64; SUFFIXES],
    /// Prefixes of `lower`; 0 where the word is shorter.
    pub prefix: [u64; PREFIXES],
    /// Character classes with runs collapsed to one (`Xx-d`).
    pub shape: u64,
    /// Character classes with runs cut at three (`Xxx-dd`).
    pub long_shape: u64,
    /// Number of characters, at most 12, and what kinds of characters occur.
    pub kind: u64,
    /// Capitals.
    pub case: Case,
}

/// Most characters of a shape.
const SHAPE: usize = 12;

/// Computes the views of `word`. Time is linear in its length; memory is one lower-case copy in
/// `scratch`.
pub(crate) fn view(word: &str, scratch: &mut String) -> WordView {
    scratch.clear();
    let mut shape = [0_u8; SHAPE];
    let mut shape_len = 0;
    let mut long_shape = [0_u8; SHAPE];
    let mut long_len = 0;
    let mut last = 0_u8;
    let mut run = 0;
    let mut kinds = 0_u64;
    let mut count = 0_u64;
    let mut case = Case::None;
    for c in word.chars() {
        let (class, kind) = classify(c);
        count += 1;
        kinds |= kind;
        case = match (case, class) {
            (Case::None, b'x') => Case::Lower,
            (Case::None, b'X') => Case::Upper,
            (Case::Upper, b'x') => Case::Title,
            (case, _) => case,
        };
        if class == last {
            run += 1;
        } else {
            run = 1;
            last = class;
            if shape_len < SHAPE {
                shape[shape_len] = class;
                shape_len += 1;
            }
        }
        if run <= 3 && long_len < SHAPE {
            long_shape[long_len] = class;
            long_len += 1;
        }
        push_lower(c, scratch);
    }
    if word.contains("www.")
        || word.contains("://")
        || word.contains(".com")
        || word.contains(".org")
    {
        kinds |= 1 << 20;
    }
    let mut out = WordView {
        exact: hash::bytes(word.as_bytes()),
        lower: hash::bytes(scratch.as_bytes()),
        shape: hash::bytes(&shape[..shape_len]),
        long_shape: hash::bytes(&long_shape[..long_len]),
        kind: hash::fold(
            kinds | (count.min(12) << 32) | (1 << 60),
            0x9fb2_1c65_1e98_df25,
        ),
        case,
        ..WordView::default()
    };
    let lower = scratch.as_str();
    for (slot, (start, _)) in out.suffix.iter_mut().zip(lower.char_indices().rev()) {
        *slot = hash::bytes(&lower.as_bytes()[start..]);
    }
    let ends = lower.char_indices().map(|(start, c)| start + c.len_utf8());
    for (slot, end) in out.prefix.iter_mut().zip(ends) {
        *slot = hash::bytes(&lower.as_bytes()[..end]);
    }
    out
}

fn classify(c: char) -> (u8, u64) {
    match c {
        'a'..='z' => (b'x', 1),
        'A'..='Z' => (b'X', 2),
        '0'..='9' => (b'd', 4),
        '-' => (b'-', 8),
        '.' => (b'.', 16),
        '\'' | '\u{2019}' | '\u{2018}' => (b'\'', 32),
        '@' => (b'@', 64),
        '/' => (b'/', 128),
        '$' | '\u{20ac}' | '\u{a3}' | '\u{a5}' => (b'$', 256),
        ':' | ';' => (b':', 512),
        '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' => (c as u8, 1024),
        '_' | '*' | '~' | '=' | '+' | '#' | '%' | '&' => (c as u8, 2048),
        '!' | '?' => (b'!', 4096),
        ',' => (b',', 8192),
        _ if c.is_lowercase() => (b'x', 1),
        _ if c.is_uppercase() => (b'X', 2),
        _ if c.is_alphabetic() => (b'a', 1 << 14),
        _ if c.is_numeric() => (b'd', 1 << 15),
        _ if c.is_ascii() => (c as u8, 1 << 16),
        _ => (b'u', 1 << 17),
    }
}

fn push_lower(c: char, out: &mut String) {
    match c {
        '0'..='9' => out.push('0'),
        '\u{2018}' | '\u{2019}' => out.push('\''),
        '\u{201c}' | '\u{201d}' => out.push('"'),
        '\u{2010}' | '\u{2011}' => out.push('-'),
        '\u{2026}' => out.push_str("..."),
        _ if c.is_ascii() => out.push(c.to_ascii_lowercase()),
        _ => out.extend(c.to_lowercase()),
    }
}
