//! Which words of two analyses of one text are the same: the alignment of the CoNLL 2018 shared
//! task (Zeman et al. 2018). Words are matched by the characters they cover; where either side has
//! a token of several words, by the longest common subsequence of forms. Must not know of models.

use crate::conllu::{Sentence, Word};

/// First and last-but-one character covered, white space not counted.
pub(super) type Span = (usize, usize);

/// A word of an analysis and where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'a> {
    pub(super) span: Span,
    /// Whether it is one of several words of a token: the span is the token's.
    multi: bool,
    pub(super) word: &'a Word,
}

/// An analysis of a text, in spans.
#[derive(Debug, Default)]
pub(super) struct Spans<'a> {
    pub(super) tokens: Vec<Span>,
    pub(super) words: Vec<Placed<'a>>,
    pub(super) sentences: Vec<Span>,
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

impl<'a> Spans<'a> {
    pub(super) fn new(sentences: &'a [Sentence]) -> Self {
        let mut out = Self::default();
        let mut at = 0;
        for sentence in sentences {
            let first = at;
            for token in sentence.tokens() {
                let span = (at, at + letters(token.form));
                at = span.1;
                out.tokens.push(span);
                let multi = token.multi;
                let words = token.words.iter();
                out.words
                    .extend(words.map(|word| Placed { span, multi, word }));
            }
            out.sentences.push((first, at));
        }
        out
    }
}

/// Pairs of words that are the same in `gold` and `found`, in order.
pub(super) fn align<'g, 'f>(
    gold: &[Placed<'g>],
    found: &[Placed<'f>],
) -> Vec<(&'g Word, &'f Word)> {
    let mut pairs = Vec::new();
    let (mut g, mut f) = (0, 0);
    while g < gold.len() && f < found.len() {
        if gold[g].multi || found[f].multi {
            let (from, to) = stretch(gold, found, (g, f));
            common(&gold[from.0..to.0], &found[from.1..to.1], &mut pairs);
            (g, f) = to;
        } else if gold[g].span == found[f].span {
            pairs.push((gold[g].word, found[f].word));
            (g, f) = (g + 1, f + 1);
        } else if gold[g].span.0 <= found[f].span.0 {
            g += 1;
        } else {
            f += 1;
        }
    }
    pairs
}

/// Where the words begin and end (in `gold`, in `found`) that overlap with the token of several
/// words at `at`.
fn stretch(
    gold: &[Placed<'_>],
    found: &[Placed<'_>],
    (mut g, mut f): (usize, usize),
) -> ((usize, usize), (usize, usize)) {
    let mut end;
    if gold[g].multi {
        end = gold[g].span.1;
        f += usize::from(!found[f].multi && found[f].span.0 < gold[g].span.0);
    } else {
        end = found[f].span.1;
        g += usize::from(!gold[g].multi && gold[g].span.0 < found[f].span.0);
    }
    let from = (g, f);
    let beyond = |words: &[Placed<'_>], at: usize, end: usize| {
        words.get(at).is_none_or(|word| match word.multi {
            true => word.span.0 >= end,
            false => word.span.1 > end,
        })
    };
    while !beyond(gold, g, end) || !beyond(found, f, end) {
        let next = match (gold.get(g), found.get(f)) {
            (Some(of_gold), other) if other.is_none_or(|o| of_gold.span.0 <= o.span.0) => {
                g += 1;
                of_gold
            }
            (_, Some(other)) => {
                f += 1;
                other
            }
            _ => break,
        };
        if next.multi {
            end = end.max(next.span.1);
        }
    }
    (from, (g, f))
}

/// The longest common subsequence of forms, upper and lower case taken for the same.
fn common<'g, 'f>(
    gold: &[Placed<'g>],
    found: &[Placed<'f>],
    pairs: &mut Vec<(&'g Word, &'f Word)>,
) {
    let lower = |words: &[Placed<'_>]| -> Vec<String> {
        words.iter().map(|w| w.word.form.to_lowercase()).collect()
    };
    let (of_gold, of_found) = (lower(gold), lower(found));
    let mut longest = vec![vec![0_usize; found.len() + 1]; gold.len() + 1];
    for g in (0..gold.len()).rev() {
        for f in (0..found.len()).rev() {
            longest[g][f] = if of_gold[g] == of_found[f] {
                longest[g + 1][f + 1] + 1
            } else {
                longest[g + 1][f].max(longest[g][f + 1])
            };
        }
    }
    let (mut g, mut f) = (0, 0);
    while g < gold.len() && f < found.len() {
        if of_gold[g] == of_found[f] {
            pairs.push((gold[g].word, found[f].word));
            (g, f) = (g + 1, f + 1);
        } else if longest[g][f] == longest[g + 1][f] {
            g += 1;
        } else {
            f += 1;
        }
    }
}
