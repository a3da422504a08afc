//! Corrects tags by what the text says and the tagger does not see: where white space is. English
//! alone; every rule holds in 95 % or more of the places it concerns in EWT's train part. Must not
//! know how text is split.

use super::Token;
use crate::model::Model;
use crate::tagger::Tag;

/// The tags that the rules speak of, of a model with Penn tags that splits text by English rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spacing {
    hyphen: Tag,
    address: Tag,
    unit: Tag,
    units: Tag,
    opening: Tag,
    closing: Tag,
    possessive: u16,
    /// A bit per tag of the treebank: commas and colons, nouns.
    pauses: u64,
    nouns: u64,
    /// Whether universal tags are wanted.
    universal: bool,
}

impl Spacing {
    /// None where the model is another language's or has other tags.
    pub(crate) fn new(model: &Model, universal: bool) -> Option<Self> {
        // A bit per tag has room for those of an English treebank.
        if !model.splits_by_rules() || model.xpos_tags().len() > 64 {
            return None;
        }
        let place = |tags: &[String], name: &str| tags.iter().position(|tag| tag == name);
        let tag = |xpos: &str, upos: &str| {
            Some(Tag {
                xpos: place(model.xpos_tags(), xpos)? as u16,
                upos: place(model.upos_tags(), upos)? as u8,
            })
        };
        let bits = |names: &[&str]| {
            let places = names
                .iter()
                .filter_map(|name| place(model.xpos_tags(), name));
            places.fold(0, |bits, at| bits | 1 << at.min(63))
        };
        Some(Self {
            hyphen: tag("HYPH", "PUNCT")?,
            address: tag("ADD", "PROPN")?,
            unit: tag("NN", "NOUN")?,
            units: tag("NNS", "NOUN")?,
            opening: tag("``", "PUNCT")?,
            closing: tag("''", "PUNCT")?,
            possessive: tag("POS", "PART")?.xpos,
            pauses: bits(&[",", ":"]),
            nouns: bits(&["NN", "NNS", "NNP", "NNPS"]),
            universal,
        })
    }

    /// Corrects the tags of a sentence.
    pub(super) fn correct(&self, tokens: &[Token], forms: &[&str], tags: &mut [Tag]) {
        // Whether a quotation is open, by single and by double marks.
        let mut open = [false; 2];
        for (at, form) in forms.iter().enumerate().take(tags.len()) {
            let found = match *form {
                "-" if self.is(tags, at, self.pauses) && hyphen(tokens, forms, at) => self.hyphen,
                "'" | "\"" | "\u{2032}" | "\u{2033}" => {
                    let open = &mut open[usize::from(matches!(*form, "\"" | "\u{2033}"))];
                    let measures = !*open && touches_number(tokens, forms, at);
                    *open ^= !measures;
                    match self.mark(tokens, forms, tags, at, measures) {
                        Some(found) => found,
                        None => continue,
                    }
                }
                _ if self.is(tags, at, self.nouns) && mail(form) => self.address,
                _ => continue,
            };
            tags[at].xpos = found.xpos;
            if self.universal {
                tags[at].upos = found.upos;
            }
        }
    }

    /// The tag of a mark that may be a quotation's beginning or end, or stand for feet, inches or
    /// minutes; None where it has the right one.
    fn mark(
        &self,
        tokens: &[Token],
        forms: &[&str],
        tags: &[Tag],
        at: usize,
        measures: bool,
    ) -> Option<Tag> {
        let tag = tags[at].xpos;
        if measures {
            let quote = tag == self.opening.xpos || tag == self.closing.xpos;
            // `a 17" wheel`, `1"`; `it is 17" wide`.
            let one = forms[at - 1] == "1" || self.is(tags, at + 1, self.nouns);
            let unit = if one { self.unit } else { self.units };
            return (quote || tag == self.possessive).then_some(unit);
        }
        match (glued(tokens, at), glued(tokens, at + 1)) {
            (true, false) if tag == self.opening.xpos => Some(self.closing),
            (false, true) if tag == self.closing.xpos => Some(self.opening),
            _ => None,
        }
    }

    #[inline(always)]
    fn is(&self, tags: &[Tag], at: usize, kind: u64) -> bool {
        tags.get(at)
            .is_some_and(|tag| kind >> (tag.xpos & 63) & 1 == 1)
    }
}

/// Whether no white space is before the token.
fn glued(tokens: &[Token], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    before
        .zip(tokens.get(at))
        .is_some_and(|(before, token)| before.end == token.start)
}

/// Whether a dash joins two halves of a word, and is no pause and no range of numbers.
fn hyphen(tokens: &[Token], forms: &[&str], at: usize) -> bool {
    if !glued(tokens, at) || !glued(tokens, at + 1) {
        return false;
    }
    let (left, right) = (
        forms[at - 1].chars().next_back(),
        forms[at + 1].chars().next(),
    );
    let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let digit = |c: Option<char>| c.is_some_and(char::is_numeric);
    word(left) && word(right) && !(digit(left) && digit(right))
}

/// Whether a mark touches a short number before it, as feet, inches and minutes do.
fn touches_number(tokens: &[Token], forms: &[&str], at: usize) -> bool {
    let number = |form: &str| form.len() <= 3 && form.bytes().all(|byte| byte.is_ascii_digit());
    glued(tokens, at) && number(forms[at - 1])
}

/// Whether the word is a mail address.
fn mail(form: &str) -> bool {
    if form.len() < 6 || !form.bytes().any(|byte| byte == b'@') {
        return false;
    }
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    form.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && name.chars().all(fits) && host.contains('.') && host.chars().all(fits)
    })
}
