//! From raw text to tagged sentences. Must not know of files or records.

mod invisible;
mod lists;
mod sentences;
mod spacing;
mod tokens;

use std::borrow::Cow;
use std::sync::Arc;

pub(crate) use spacing::Spacing;
pub use tokens::{Token, tokenize};

use crate::conllu::Form;
use crate::tagger::{Tag, Tagger};

/// One sentence of a text, tagged.
#[derive(Clone, Copy, Debug)]
pub struct Tagged<'a> {
    /// The text that the tokens' offsets count in (see [`replace_invalid`] for bytes).
    pub text: &'a str,
    /// Where each word stands, at least one. Words of a token that are no parts of it (French `du`:
    /// de le) all have the token's place.
    pub tokens: &'a [Token],
    /// The words, without the characters inside them that cannot be seen (soft hyphens, zero-width
    /// spaces).
    pub words: &'a [&'a str],
    /// One tag per word.
    pub tags: &'a [Tag],
}

impl<'a> Tagged<'a> {
    /// The words as CoNLL-U wants them.
    pub fn forms(&self) -> impl Iterator<Item = Form<'a>> {
        self.forms_in(self.text.as_bytes())
    }

    /// As [`Tagged::forms`], words that stand so in the text by their bytes in `original`, which
    /// has the text's length and offsets.
    pub fn forms_in(&self, original: &'a [u8]) -> impl Iterator<Item = Form<'a>> {
        let (text, tokens) = (self.text, self.tokens);
        self.words.iter().enumerate().map(move |(at, word)| {
            let token = tokens[at];
            let here = &text.as_bytes()[token.start..token.end];
            let same = here == word.as_bytes() || invisible::is_without(here, word);
            let place = &original[token.start..token.end];
            let next = tokens.get(at + 1);
            let whole = next.is_some_and(|next| next.continues && next.start < token.end);
            Form {
                bytes: if same { place } else { word.as_bytes() },
                joined: joined(text, token.end),
                continues: token.continues,
                surface: (whole && !token.continues).then_some(place),
            }
        })
    }
}

/// Words without the characters that cannot be seen, if the text is known to hold some.
fn seen<'a>(words: impl Iterator<Item = &'a str>, hidden: bool) -> Option<Vec<Cow<'a, str>>> {
    hidden.then(|| words.map(invisible::without).collect())
}

/// Whether something other than white space follows at `end`.
fn joined(text: &str, end: usize) -> bool {
    match text.as_bytes().get(end) {
        None => false,
        Some(byte) if byte.is_ascii() => !char::from(*byte).is_whitespace(),
        Some(_) => !text[end..].starts_with(char::is_whitespace),
    }
}

impl Tagger {
    /// Splits `text` into sentences and words, tags them and calls `visit` with each sentence in
    /// order. Nothing is carried from one call to the next. Memory is linear in the text's length.
    pub fn tag_text(&mut self, text: &str, mut visit: impl FnMut(Tagged<'_>)) {
        let model = Arc::clone(self.model());
        let mut tags = Vec::new();
        let hidden = !text.is_ascii() && text.contains(invisible::is);
        if let Some(splitter) = &model.splitter {
            return splitter.sentences(text, &mut |words| {
                let whole = words.forms.iter().map(AsRef::as_ref);
                let seen = seen(whole.clone(), hidden);
                let forms: Vec<&str> = match &seen {
                    Some(seen) => seen.iter().map(AsRef::as_ref).collect(),
                    None => whole.collect(),
                };
                self.tag_forms(&forms, &mut tags);
                visit(Tagged {
                    text,
                    tokens: &words.tokens,
                    words: &forms,
                    tags: &tags,
                });
            });
        }
        let mut tokens = Vec::new();
        tokenize(text, &mut tokens);
        let mut rest = tokens.as_slice();
        while !rest.is_empty() {
            let (sentence, after) =
                rest.split_at(sentences::first(text, rest).clamp(1, rest.len()));
            rest = after;
            let places = sentence.iter().map(|token| &text[token.start..token.end]);
            let stretch = &text[sentence[0].start..sentence[sentence.len() - 1].end];
            let seen = seen(places.clone(), hidden && stretch.contains(invisible::is));
            let forms: Vec<&str> = match &seen {
                Some(seen) => seen.iter().map(AsRef::as_ref).collect(),
                None => places.collect(),
            };
            self.tag_forms(&forms, &mut tags);
            if let Some(spacing) = self.spacing() {
                spacing.correct(sentence, &forms, &mut tags);
            }
            visit(Tagged {
                text,
                tokens: sentence,
                words: &forms,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// The word.
    pub form: Cow<'a, str>,
    /// Its lemma; None where the model knows none.
    pub lemma: Option<String>,
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
        let model = Arc::clone(self.model());
        self.tag_text(text, |tagged| {
            let words = tagged.tokens.iter().zip(tagged.tags).zip(tagged.words);
            let words = words.map(|((token, tag), word)| {
                let here = &text[token.start..token.end];
                Word {
                    form: if here == *word {
                        Cow::Borrowed(here)
                    } else {
                        Cow::Owned((*word).to_owned())
                    },
                    lemma: model.lemma(word, *tag).map(Cow::into_owned),
                    token: *token,
                    tag: *tag,
                }
            });
            sentences.push(Sentence {
                words: words.collect(),
            });
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
