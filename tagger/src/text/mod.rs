//! From raw text to tagged sentences. Must not know of files or records.

mod lists;
mod sentences;
mod tokens;

use std::borrow::Cow;

pub use tokens::{Token, tokenize};

use crate::conllu::Form;
use crate::tagger::{Tag, Tagger};

/// One sentence of a text, tagged.
#[derive(Clone, Copy, Debug)]
pub struct Tagged<'a> {
    /// The text that the tokens' offsets count in (see [`replace_invalid`] for bytes).
    pub text: &'a str,
    /// The tokens, at least one.
    pub tokens: &'a [Token],
    /// One tag per token.
    pub tags: &'a [Tag],
}

impl<'a> Tagged<'a> {
    /// The tokens as CoNLL-U wants them.
    pub fn forms(&self) -> impl Iterator<Item = Form<'a>> {
        let text = self.text;
        self.tokens.iter().map(move |token| Form {
            bytes: &text.as_bytes()[token.start..token.end],
            joined: joined(text, token.end),
            continues: token.continues,
        })
    }
}

/// Whether something other than white space follows at `end`.
fn joined(text: &str, end: usize) -> bool {
    let next = text[end..].chars().next();
    next.is_some_and(|c| !c.is_whitespace())
}

impl Tagger {
    /// Splits `text` into sentences and tokens, tags them and calls `visit` with each sentence in
    /// order. Nothing is carried from one call to the next. Memory is linear in the text's length.
    pub fn tag_text(&mut self, text: &str, mut visit: impl FnMut(Tagged<'_>)) {
        let mut tokens = Vec::new();
        tokenize(text, &mut tokens);
        let mut forms: Vec<&str> = Vec::new();
        let mut tags = Vec::new();
        let mut rest = tokens.as_slice();
        while !rest.is_empty() {
            let (sentence, after) =
                rest.split_at(sentences::first(text, rest).clamp(1, rest.len()));
            rest = after;
            forms.clear();
            forms.extend(sentence.iter().map(|token| &text[token.start..token.end]));
            self.tag_forms(&forms, &mut tags);
            visit(Tagged {
                text,
                tokens: sentence,
                tags: &tags,
            });
        }
    }

    /// As [`Tagger::tag_text`] for bytes that may not be UTF-8; offsets count in the bytes given.
    pub fn tag_bytes(&mut self, bytes: &[u8], visit: impl FnMut(Tagged<'_>)) {
        self.tag_text(&replace_invalid(bytes), visit);
    }
}

/// A tagged word of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// The word.
    pub form: &'a str,
    /// Where it is in the text.
    pub token: Token,
    /// Its tags; [`crate::Model::xpos`] and [`crate::Model::upos`] name them.
    pub tag: Tag,
}

/// A tagged sentence of a text: at least one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence<'a> {
    /// Its words in order.
    pub words: Vec<Word<'a>>,
}

impl Tagger {
    /// Splits `text` into sentences and words and tags them. [`Tagger::tag_text`] does the same
    /// without the memory for all sentences.
    pub fn analyse<'a>(&mut self, text: &'a str) -> Vec<Sentence<'a>> {
        let mut sentences = Vec::new();
        self.tag_text(text, |tagged| {
            let word = |(token, tag): (&Token, &Tag)| Word {
                form: &text[token.start..token.end],
                token: *token,
                tag: *tag,
            };
            let words = tagged.tokens.iter().zip(tagged.tags).map(word).collect();
            sentences.push(Sentence { words });
        });
        sentences
    }
}

/// Bytes as text of the same length: each byte that is not part of UTF-8 becomes U+001A
/// (SUBSTITUTE), which the tokenizer takes for a letter. So every offset in the result is an offset
/// in `bytes`.
pub fn replace_invalid(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(std::iter::repeat_n('\u{1a}', chunk.invalid().len()));
    }
    Cow::Owned(text)
}
