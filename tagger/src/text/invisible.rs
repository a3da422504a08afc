//! Characters that only say where a line may or may not be broken, and the mark at the beginning of
//! a file: they belong to the word around them, and the tagger does not see them.

use std::borrow::Cow;

/// Whether it is one: soft hyphen, zero-width space, word joiner, byte order mark.
pub(super) fn is(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}')
}

/// The word without them, unless it has nothing else.
pub(super) fn without(word: &str) -> Cow<'_, str> {
    if word.is_ascii() || !word.contains(is) || word.chars().all(is) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(word.chars().filter(|c| !is(*c)).collect())
}

/// Whether `word` is what [`without`] makes of the bytes `original`.
pub(super) fn is_without(original: &[u8], word: &str) -> bool {
    original.len() > word.len()
        && std::str::from_utf8(original).is_ok_and(|original| without(original) == word)
}
