//! The surface tokens of a sentence: what stands between white space and punctuation in the text,
//! of one word or several. Must not know how a file is read.

use super::read::{Sentence, Word};

/// A token of the text and the words it stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surface<'a> {
    pub(crate) form: &'a str,
    /// Whether a range line names it: then the words' forms need not be parts of it.
    pub(crate) multi: bool,
    /// At least one.
    pub(crate) words: &'a [Word],
    /// Whether white space (or the end of the sentence) follows.
    pub(crate) space_after: bool,
}

impl Sentence {
    /// The tokens in order.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = Surface<'_>> {
        let mut ranges = self.multi.iter().peekable();
        let mut at = 0;
        std::iter::from_fn(move || {
            let word = self.words.get(at)?;
            let surface = match ranges.next_if(|range| range.first == at) {
                Some(range) => Surface {
                    form: &range.form,
                    multi: true,
                    words: &self.words[at..(at + range.count.max(1)).min(self.words.len())],
                    space_after: range.space_after,
                },
                None => Surface {
                    form: &word.form,
                    multi: false,
                    words: &self.words[at..=at],
                    space_after: word.space_after,
                },
            };
            at += surface.words.len();
            Some(surface)
        })
    }
}
