//! The characters of a paragraph and what the splitter sees around each of them. Training and
//! splitting call the same functions. Must not know of weights.

use crate::hash::{fold, key1, key2, key3};

/// Labels of a character: nothing, a token, or a sentence ends with it.
pub(crate) const CONTINUE: u8 = 0;
pub(crate) const TOKEN: u8 = 1;
pub(crate) const SENTENCE: u8 = 2;

/// Longest stretch without white space that is seen as a whole, in characters.
const WHOLE: usize = 16;

/// A character that is not white space.
#[derive(Clone, Copy, Debug)]
struct Char {
    c: char,
    /// Where it begins in the text.
    start: usize,
    /// Whether white space follows it.
    space: bool,
}

/// A stretch of text between blank lines. It has at least one character.
#[derive(Debug, Default)]
pub(crate) struct Paragraph {
    chars: Vec<Char>,
}

/// What was decided before a character.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct State {
    /// Characters of the token so far, and of the sentence.
    token: usize,
    sentence: usize,
    /// Hash of the letters since the last white space; 0 where they are too many.
    stretch: u64,
    length: usize,
    /// Hash of the token before, in the same stretch or the one before.
    before: u64,
    inside: u64,
}

/// The paragraphs of `text` in order; a blank line ends one.
pub(crate) fn paragraphs(text: &str) -> impl Iterator<Item = Paragraph> {
    let mut rest = text.char_indices();
    std::iter::from_fn(move || {
        let mut chars: Vec<Char> = Vec::new();
        let mut newlines = 0;
        let mut resume = rest.clone();
        while let Some((start, c)) = rest.next() {
            if c.is_whitespace() {
                newlines += usize::from(c == '\n');
                if let Some(last) = chars.last_mut() {
                    last.space = true;
                }
            } else {
                if newlines > 1 && !chars.is_empty() {
                    rest = resume;
                    break;
                }
                newlines = 0;
                let space = false;
                chars.push(Char { c, start, space });
            }
            resume = rest.clone();
        }
        (!chars.is_empty()).then_some(Paragraph { chars })
    })
}

/// Letters and digits by kind, every other character as itself.
fn class(c: char) -> u32 {
    if c.is_ascii() {
        return match c {
            'a'..='z' => 1,
            'A'..='Z' => 2,
            '0'..='9' => 3,
            _ => c as u32 + 16,
        };
    }
    match c {
        _ if c.is_lowercase() => 1,
        _ if c.is_uppercase() => 2,
        _ if c.is_numeric() => 3,
        _ if c.is_alphabetic() => 4,
        _ => c as u32 + 16,
    }
}

/// White space, and what lies outside the paragraph, as characters of their own.
const SPACE: u64 = 0x20;
const OUTSIDE: u64 = 0x11_0000;

/// Up to [`WHOLE`] small letters as one number; 0 for more.
fn grow(hash: u64, length: usize, c: char) -> u64 {
    if length >= WHOLE || (length > 0 && hash == 0) {
        return 0;
    }
    let lower = c.to_lowercase().next().unwrap_or(c);
    fold(hash ^ u64::from(u32::from(lower)), 0x9fb2_1c65_1e98_df25) | 1
}

impl Paragraph {
    /// Number of characters that are not white space.
    pub(crate) fn len(&self) -> usize {
        self.chars.len()
    }

    /// First and last-but-one byte of a character in the text.
    pub(crate) fn bytes(&self, at: usize) -> (usize, usize) {
        let one = self.chars[at];
        (one.start, one.start + one.c.len_utf8())
    }

    /// The classes of a character and of what follows it.
    pub(crate) fn pair(&self, at: usize) -> u32 {
        let one = self.chars[at];
        let next = if one.space {
            SPACE as u32 + 16
        } else {
            self.chars.get(at + 1).map_or(0, |next| class(next.c))
        };
        fold(
            u64::from(class(one.c)) << 32 | u64::from(next),
            0xd6e8_feb8_6659_fd93,
        ) as u32
    }

    /// The characters around `at`, white space as one character each: three before, itself, four
    /// after; and their classes.
    fn window(&self, at: usize) -> ([u64; 8], [u64; 8]) {
        let mut chars = [OUTSIDE; 8];
        let mut classes = [OUTSIDE; 8];
        let mut put = |place: usize, c: Option<char>| {
            (chars[place], classes[place]) = match c {
                Some(c) => (u64::from(u32::from(c)), u64::from(class(c))),
                None => (SPACE, SPACE),
            };
        };
        let (mut place, mut index) = (3, at);
        put(place, Some(self.chars[at].c));
        while place < 7 {
            if self.chars[index].space {
                place += 1;
                put(place, None);
            }
            index += 1;
            let Some(next) = self.chars.get(index) else {
                break;
            };
            if place < 7 {
                place += 1;
                put(place, Some(next.c));
            }
        }
        (place, index) = (3, at);
        while place > 0 && index > 0 {
            index -= 1;
            if self.chars[index].space {
                place -= 1;
                put(place, None);
            }
            if place > 0 {
                place -= 1;
                put(place, Some(self.chars[index].c));
            }
        }
        (chars, classes)
    }

    /// The stretch without white space that begins at `at`: its small letters as one number, 0
    /// where it is too long, and the class of its first character.
    fn stretch(&self, at: usize) -> (u64, u64) {
        let mut hash = 0;
        for (length, one) in self.chars[at.min(self.chars.len())..].iter().enumerate() {
            hash = grow(hash, length, one.c);
            if one.space || hash == 0 {
                break;
            }
        }
        let first = self
            .chars
            .get(at)
            .map_or(OUTSIDE, |one| u64::from(class(one.c)));
        (hash, first)
    }

    /// Calls `push` with the key of each feature of the place after a character.
    #[inline]
    pub(crate) fn features(&self, at: usize, state: &State, mut push: impl FnMut(u64)) {
        let ([z, y, a, x, b, c, d, e], [zc, yc, ac, xc, bc, cc, dc, ec]) = self.window(at);
        push(key1(1, x));
        push(key1(2, b));
        push(key2(3, x, b));
        push(key2(4, a, x));
        push(key2(5, b, c));
        push(key3(6, a, x, b));
        push(key3(7, x, b, c));
        push(key3(8, y, a, x));
        push(key3(9, b, c, d));
        push(key3(10, key2(0, a, x), b, c));
        push(key3(11, key2(0, y, a), x, b));
        push(key3(12, key2(0, x, b), c, d));
        push(key3(13, key2(0, z, y), a, x));
        push(key3(14, key2(0, b, c), d, e));
        push(key3(15, ac, xc, bc));
        push(key3(16, xc, bc, cc));
        push(key3(17, key2(0, ac, xc), bc, cc));
        push(key3(18, key2(0, yc, ac), xc, bc));
        push(key3(19, key3(0, yc, ac, xc), bc, cc));
        push(key3(20, key3(0, zc, yc, ac), key2(1, xc, bc), cc));
        push(key3(21, key3(0, ac, xc, bc), key2(1, cc, dc), ec));
        let long = state.token.min(6) as u64;
        push(key3(22, long, xc, bc));
        push(key3(23, key2(0, state.inside, x), bc, cc));
        push(key3(24, state.before, x, bc));
        let far = (state.sentence.min(400) as u64 + 1).ilog2();
        push(key3(25, u64::from(far), x, bc));
        let length = state.length;
        let whole = grow(state.stretch, length, self.chars[at].c);
        if whole != 0 {
            push(key2(26, whole, bc));
            push(key3(27, whole, b, cc));
        }
        if self.chars[at].space {
            let (next, first) = self.stretch(at + 1);
            push(key3(28, x, next, 0));
            push(key3(29, whole, next, 0));
            push(key3(30, whole, first, x));
            push(key3(31, u64::from(far), first, x));
            push(key3(32, state.before, x, first));
        }
    }
}

impl State {
    /// Takes note of what was decided for a character.
    pub(crate) fn step(&mut self, paragraph: &Paragraph, at: usize, label: u8) {
        let one = paragraph.chars[at];
        self.inside = grow(self.inside, self.token, one.c);
        self.token += 1;
        self.sentence += 1;
        self.stretch = grow(self.stretch, self.length, one.c);
        self.length += 1;
        if one.space {
            (self.stretch, self.length) = (0, 0);
        }
        if label != CONTINUE {
            (self.before, self.inside) = (self.inside, 0);
            self.token = 0;
        }
        if label == SENTENCE {
            self.sentence = 0;
            self.before = OUTSIDE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_line_ends_a_paragraph_and_a_line_does_not() {
        let of = |text: &str| -> Vec<String> {
            paragraphs(text)
                .map(|p| p.chars.iter().map(|one| one.c).collect())
                .collect()
        };
        assert_eq!(of("a b\nc\n\n d\n \ne"), ["abc", "d", "e"]);
        assert!(of("").is_empty() && of(" \n\n ").is_empty());
    }

    #[test]
    fn a_window_shows_white_space_once() {
        let paragraph = paragraphs("a,  b c").next().expect("one");
        let (chars, _) = paragraph.window(1);
        let shown = |c: char| u64::from(u32::from(c));
        assert_eq!(chars[2..7], ['a', ',', ' ', 'b', ' '].map(shown));
        assert_eq!(chars[0], OUTSIDE);
    }
}
