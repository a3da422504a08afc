//! Tokens that stand for several words (`du`: de le; `don't`: do n't): which, and for which words.
//! Forms that the treebank has both ways are decided by their neighbours, unknown ones by how they
//! end. Must not know of sentences.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::Words;
use super::classifier::{Classifier, ClassifierParts};
use crate::hash::{self, key1, key2};
use crate::text::Token;

/// Longest ending that a rule looks at, in characters.
pub(crate) const ENDING: usize = 8;

/// How a token that ends so is split: the last `cut` characters go, `add` takes their place in the
/// first word, and the `rest` are words of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ending {
    pub cut: u8,
    pub add: String,
    pub rest: Vec<String>,
}

/// What is known of such tokens, as plain data. All forms are in small letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MultiWordParts {
    /// Token and its words, sorted by token.
    pub whole: Vec<(String, Vec<String>)>,
    /// Ending and rule, sorted by ending.
    pub endings: Vec<(String, Ending)>,
    /// Tokens of one word that an ending's rule would split, sorted.
    pub single: Vec<String>,
    /// Tokens that are sometimes one word, sorted; label 1 says that they are split.
    pub open: Vec<String>,
    pub choice: ClassifierParts,
}

/// The same, at run time.
#[derive(Debug)]
pub(crate) struct MultiWords {
    whole: HashMap<String, Vec<String>>,
    endings: HashMap<String, Ending>,
    single: HashSet<String>,
    open: HashSet<String>,
    choice: Classifier,
}

impl MultiWords {
    pub(crate) fn new(parts: MultiWordParts) -> Self {
        Self {
            whole: parts.whole.into_iter().collect(),
            endings: parts.endings.into_iter().collect(),
            single: parts.single.into_iter().collect(),
            open: parts.open.into_iter().collect(),
            choice: Classifier::new(parts.choice),
        }
    }

    fn none(&self) -> bool {
        self.whole.is_empty() && self.endings.is_empty()
    }

    /// The words of the tokens of a sentence, which are spans of `text`.
    pub(super) fn expand<'a>(&self, text: &'a str, spans: &[(usize, usize)], out: &mut Words<'a>) {
        out.tokens.clear();
        out.forms.clear();
        let form = |at: usize| spans.get(at).map(|span| &text[span.0..span.1]);
        for (at, &(start, end)) in spans.iter().enumerate() {
            let token = &text[start..end];
            let before = at.checked_sub(1).and_then(form);
            let words = (!self.none()).then(|| self.split(token, before, form(at + 1)));
            match words.flatten() {
                Some(words) => push_words(token, start, words, out),
                None => {
                    out.tokens.push(one(start, end, false));
                    out.forms.push(spaced(token));
                }
            }
        }
    }

    /// The words of a token, written as it is; None for one word.
    fn split(&self, token: &str, before: Option<&str>, after: Option<&str>) -> Option<Vec<String>> {
        let lower = token.to_lowercase();
        let mut words = match self.whole.get(&lower) {
            Some(words) => {
                if self.open.contains(&lower) {
                    let mut scores = [0; 3];
                    choice(&lower, before, after, |key| {
                        self.choice.add_to(key, &mut scores)
                    });
                    if scores[1] <= scores[0] {
                        return None;
                    }
                }
                words.clone()
            }
            None => self.by_ending(&lower)?,
        };
        restore(token, &mut words);
        Some(words)
    }

    pub(crate) fn by_ending(&self, lower: &str) -> Option<Vec<String>> {
        if self.endings.is_empty() || self.single.contains(lower) {
            return None;
        }
        let (at, ending) = endings(lower).find_map(|at| {
            let rule = self.endings.get(&lower[at..])?;
            Some((at, rule))
        })?;
        let tail = lower[at..].chars().count().checked_sub(ending.cut.into())?;
        let kept = lower[at..].char_indices().nth(tail);
        let kept = kept.map_or(lower.len(), |(more, _)| at + more);
        let first = format!("{}{}", &lower[..kept], ending.add);
        let words = std::iter::once(first).chain(ending.rest.iter().cloned());
        Some(words.collect())
    }
}

/// Where the endings of a form begin, the longest first; never the whole form.
pub(crate) fn endings(lower: &str) -> impl Iterator<Item = usize> {
    let mut places = [0; ENDING];
    let mut count = 0;
    for (at, _) in lower.char_indices().rev().take(ENDING) {
        if at > 0 {
            places[count] = at;
            count += 1;
        }
    }
    places.into_iter().take(count).rev()
}

/// Calls `push` with what decides whether a token that may be split is.
pub(crate) fn choice(
    lower: &str,
    before: Option<&str>,
    after: Option<&str>,
    mut push: impl FnMut(u64),
) {
    let form = hash::bytes(lower.as_bytes());
    let whole =
        |text: Option<&str>| text.map_or(1, |text| hash::bytes(text.to_lowercase().as_bytes()));
    let end = |text: Option<&str>, count: usize| {
        let text = text.unwrap_or_default();
        let at = text.char_indices().rev().nth(count - 1);
        hash::bytes(&text.as_bytes()[at.map_or(0, |(at, _)| at)..])
    };
    let capital = |text: Option<&str>| {
        let first = text.and_then(|text| text.chars().next());
        u64::from(first.is_some_and(char::is_uppercase))
            + 2 * u64::from(first.is_some_and(char::is_numeric))
    };
    push(key1(101, form));
    push(key2(102, form, whole(before)));
    push(key2(103, form, whole(after)));
    push(key2(104, form, end(before, 2)));
    push(key2(105, form, end(before, 3)));
    push(key2(106, form, end(after, 2)));
    push(key2(107, form, end(after, 3)));
    push(key2(108, form, capital(after)));
    push(key2(109, form, capital(before)));
    push(key1(110, whole(before)));
    push(key1(111, whole(after)));
    push(key1(112, end(before, 3)));
    push(key1(113, end(after, 3)));
}

/// Gives words the capitals of their token: all of them, or the first.
fn restore(token: &str, words: &mut [String]) {
    let mut letters = token.chars().filter(|c| c.is_alphabetic());
    let first = letters.next().is_some_and(char::is_uppercase);
    if !first {
        return;
    }
    let mut more = letters.peekable();
    if more.peek().is_some() && more.all(char::is_uppercase) {
        words
            .iter_mut()
            .for_each(|word| *word = word.to_uppercase());
    } else if let Some(word) = words.first_mut()
        && let Some(c) = word.chars().next()
    {
        *word = c.to_uppercase().chain(word.chars().skip(1)).collect();
    }
}

/// Where words are parts of their token they have places of their own, else all have the token's.
fn push_words(token: &str, start: usize, words: Vec<String>, out: &mut Words<'_>) {
    let parts = words.concat() == token;
    let mut from = start;
    for (number, word) in words.into_iter().enumerate() {
        let end = if parts {
            from + word.len()
        } else {
            start + token.len()
        };
        out.tokens.push(one(from, end, number > 0));
        out.forms.push(Cow::Owned(word));
        from = if parts { end } else { start };
    }
}

fn one(start: usize, end: usize, continues: bool) -> Token {
    Token {
        start,
        end,
        continues,
    }
}

/// A token whose inner white space, if there is any, is one space each.
fn spaced(token: &str) -> Cow<'_, str> {
    if token.contains(char::is_whitespace) {
        Cow::Owned(token.split_whitespace().collect::<Vec<_>>().join(" "))
    } else {
        Cow::Borrowed(token)
    }
}
